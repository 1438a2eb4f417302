#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   tests/deploy/engine_prepare.sh DIR
#
# What test_engine.py needs, in DIR, unless it is there: Debian's container engine (unpacked, not
# installed: nothing of this machine may start), a minimal Debian with what our images hold and
# redis-server, and the unstable suite's nginx with its libraries, since compose.yaml needs 1.27.3.
set -euo pipefail

dir=$(realpath -m "$1")
readonly dir
readonly engine=(docker.io containerd runc iptables libip4tc2 libip6tc2 libnetfilter-conntrack3
    libnfnetlink0 libnftnl11)
readonly runtime=(redis-server libevent-2.1-7 libevent-core-2.1-7 libevent-extra-2.1-7
    libevent-openssl-2.1-7 libssl3 zlib1g openssl)
readonly web_server=(nginx libc6 libcrypt1 libpcre2-8-0 libssl3t64 zlib1g libzstd1)

mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9

# unpack TREE PACKAGE...: with apt's options in $apt_options
apt_options=()
unpack() {
    local tree=$1 deb
    shift
    rm -rf "$dir/debs" "$dir/$tree" "$dir/$tree.new"
    mkdir -p "$dir/debs" "$dir/$tree.new"
    (cd "$dir/debs" && apt-get "${apt_options[@]}" -o APT::Sandbox::User=root -q download "$@")
    for deb in "$dir/debs"/*.deb; do dpkg -x "$deb" "$dir/$tree.new"; done
    rm -rf "$dir/debs"
}

if [[ ! -e $dir/engine ]]; then
    unpack engine "${engine[@]}"
    mkdir "$dir/engine.new/bin"
    for name in iptables ip6tables; do
        ln -s ../usr/sbin/xtables-nft-multi "$dir/engine.new/bin/$name"
    done
    mv "$dir/engine.new" "$dir/engine"
fi

# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Codename: $suite" |
    head -n 1)

if [[ ! -e $dir/debian ]]; then
    rm -rf "$dir/debian.new"
    debootstrap --variant=minbase --include="$(IFS=, && echo "${runtime[*]}")" "$suite" \
        "$dir/debian.new" "$mirror"
    rm -rf "$dir/debian.new"/var/{cache/apt,lib/apt/lists}/* "$dir/debian.new"/usr/share/{doc,man,locale}
    mv "$dir/debian.new" "$dir/debian"
fi

if [[ ! -e $dir/nginx ]]; then
    mkdir -p "$dir/apt"/{state/lists/partial,cache/archives/partial}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" \
        >"$dir/apt/sources.list"
    apt_options=(-o Dir::State="$dir/apt/state" -o Dir::Cache="$dir/apt/cache"
        -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent)
    apt-get "${apt_options[@]}" -o APT::Sandbox::User=root -q update
    unpack nginx "${web_server[@]}"
    # Newer Debian has only /usr, with links to it: libraries must be found at both places.
    [[ -e $dir/nginx.new/lib64 ]] || ln -s usr/lib64 "$dir/nginx.new/lib64"
    [[ -e $dir/nginx.new/lib ]] || ln -s usr/lib "$dir/nginx.new/lib"
    mkdir -p "$dir/nginx.new"/{etc,tmp,var/log/nginx,var/lib/nginx}
    rm -rf "$dir/apt"
    mv "$dir/nginx.new" "$dir/nginx"
fi
