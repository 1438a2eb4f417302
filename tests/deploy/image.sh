#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   tests/deploy/image.sh [DIR]
#
# Builds every target of deploy/Dockerfile without a container engine (buildah, chroot isolation) on
# a base image made by debootstrap from this machine's own package sources. Then each image runs as
# its own configuration says, with a read-only root, without a shell, as its user, on its own ports
# in a network of its own, beside a real Redis: health check, one event in and out, SIGTERM.
# Needs root. DIR (default: image in the cache directory of tools/deps) keeps logs, base and layers
# between runs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=$(realpath -m "${1:-${BROADCASTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/broadcaster}/image}")
readonly root dir
readonly limit_mb=120 keep_layers_mb=6000
readonly targets=(publisher gateway broadcaster certificates)
readonly config=etc/omegaup/broadcaster
pids=()

say() { printf 'image: [%3d s] %s\n' "$SECONDS" "$*"; }
die() {
    say "FAILED: $*"
    exit 1
}

# --- building -----------------------------------------------------------------------------------

# Overlays where the kernel lets us: without them each step copies the whole system.
choose_driver() {
    local try=$dir/try
    mkdir -p "$try"/{lower,upper,work,merged}
    driver=vfs
    if mount -t overlay overlay -o "lowerdir=$try/lower,upperdir=$try/upper,workdir=$try/work" \
        "$try/merged" 2>/dev/null; then
        umount "$try/merged"
        driver=overlay
    fi
    rm -rf "$try"
}

build_tool() {
    buildah --root "$dir/storage-$driver" --runroot "$dir/run" --storage-driver "$driver" "$@"
}

# Layers are kept for the next run, unless each is a whole copy, or they have become too many.
forget_layers() {
    local mb
    build_tool rm --all >/dev/null 2>&1 || true
    mb=$(du -sm "$dir/storage-$driver" 2>/dev/null | cut -f1) || return 0
    [[ $driver == overlay ]] && ((mb < keep_layers_mb)) ||
        rm -rf "$dir/storage-$driver" "$dir/run"
}

# As Debian's slim image: a minimal system without documentation and translations. With this
# machine's package sources and whom it trusts, so that apt and npm work in it.
make_base() {
    local suite mirror
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" \
        "Codename: $suite" | head -n 1)
    [[ -n $mirror ]] || die "this machine has no package sources of $suite"
    if [[ ! -e $dir/base/etc/os-release ]]; then
        say "making a base image with debootstrap"
        rm -rf "$dir/base" "$dir/base.new"
        debootstrap --variant=minbase "$suite" "$dir/base.new" "$mirror" \
            >"$dir/debootstrap.log" 2>&1 || die "debootstrap (see $dir/debootstrap.log)"
        rm -rf "$dir/base.new/etc/apt"
        cp -a /etc/apt "$dir/base.new/etc/apt"
        cp -a /usr/share/keyrings/. "$dir/base.new/usr/share/keyrings/"
        mkdir -p "$dir/base.new/usr/local/share/ca-certificates"
        cp -a /usr/local/share/ca-certificates/. "$dir/base.new/usr/local/share/ca-certificates/"
        rm -rf "$dir/base.new"/usr/share/{doc,info,locale,man}/* \
            "$dir/base.new"/var/cache/apt/archives/*.deb "$dir/base.new"/var/lib/apt/lists/*
        printf 'path-exclude %s/*\n' /usr/share/{doc,info,locale,man} \
            >"$dir/base.new/etc/dpkg/dpkg.cfg.d/slim"
        mv "$dir/base.new" "$dir/base"
    fi
    build_tool inspect --type image localhost/broadcaster-base &>/dev/null && return
    local id
    id=$(build_tool from scratch)
    build_tool copy -q "$id" "$dir/base" / >/dev/null
    build_tool commit -q "$id" broadcaster-base >/dev/null
    build_tool rm "$id" >/dev/null
}

build_images() {
    local target
    for target in "${targets[@]}"; do
        say "building $target"
        build_tool bud --format docker --isolation chroot --layers \
            --build-arg BASE=localhost/broadcaster-base \
            --ignorefile "$root/deploy/Dockerfile.dockerignore" -f "$root/deploy/Dockerfile" \
            --target "$target" -t "broadcaster-$target" "$root" >"$dir/$target.log" 2>&1 ||
            die "building $target (see $dir/$target.log): $(tail -n 3 "$dir/$target.log")"
    done
}

# What the image's configuration says under this key: one word a line.
configured() {
    build_tool inspect --type image "localhost/broadcaster-$1" | /usr/bin/python3 -c '
import json, sys
value = json.load(sys.stdin)["Docker"]["config"][sys.argv[1]]
value = value["Test"] if sys.argv[1] == "Healthcheck" else value
print(*([value] if isinstance(value, str) else value), sep="\n")' "$2"
}

# unpack TARGET: $dir/TARGET is its root file system, $dir/TARGET.{user,start,check} its configuration.
unpack() {
    local target=$1 id place mb
    id=$(build_tool from "localhost/broadcaster-$target")
    place=$(build_tool mount "$id")
    mb=$(du -sm "$place" | cut -f1)
    say "$target: $mb MB"
    ((mb < limit_mb)) || die "$target is larger than $limit_mb MB"
    rm -rf "${dir:?}/$target"
    cp -a "$place" "$dir/$target"
    build_tool rm "$id" >/dev/null
    configured "$target" User >"$dir/$target.user"
    configured "$target" Entrypoint >"$dir/$target.start"
    configured "$target" Healthcheck >"$dir/$target.check"
    grep -qx '10001:10001' "$dir/$target.user" || die "$target runs as $(cat "$dir/$target.user")"
}

# What compose.yaml mounts.
furnish() {
    local place=$dir/$1
    mkdir -p "$place/certificates"
    cp "$dir/certificates/"* "$place/certificates/"
    chown -R 10001:10001 "$place/certificates"
    cp "$root/deploy/compose/config.json" "$place/$config/config.json"
    cp "$root/tools/run.users.json" "$place/$config/users.json"
    chmod 644 "$place/$config/"*.json
}

# No shell and no package manager is left, and nothing can be written.
harden() {
    local place=$dir/$1
    rm -f "$place"/usr/bin/{sh,bash,dash,apt,apt-get,dpkg,perl}
    mount --bind "$place" "$place"
    mount -o remount,bind,ro "$place"
    mount -t proc proc "$place/proc"
}

# --- running; in a network and with mounts of our own ---------------------------------------------

end_all() {
    local pid
    for pid in "${pids[@]-}"; do
        [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true
    done
}

# start NAME COMMAND...: $pid is it
start() {
    local name=$1
    shift
    "$@" >"$dir/$name.log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
}

wait_for() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        "$@" &>/dev/null && return
        sleep 0.1
    done
    die "no success: $*"
}

# as_container TARGET COMMAND...: as the image's user, in its root.
as_container() {
    local target=$1
    shift
    chroot --userspec="$(cat "$dir/$target.user")" "$dir/$target" "$@"
}

run_image() {
    local command
    mapfile -t command <"$dir/$1.start"
    # No function here: the signal must reach the program, not a shell around it.
    start "run-$1" chroot --userspec="$(cat "$dir/$1.user")" "$dir/$1" "${command[@]}"
}

is_healthy() {
    local command
    mapfile -t command <"$dir/$1.check"
    [[ ${command[0]} == CMD ]] && as_container "$1" "${command[@]:1}"
}

# smoke IMAGE...: they take an event and deliver it, then end when asked.
smoke() {
    local image mark=smoke-$1 images=() one
    for image in "$@"; do
        ! is_healthy "$image" 2>/dev/null || die "$image is healthy before it runs"
        run_image "$image"
        images+=("$pid")
    done
    for image in "$@"; do wait_for is_healthy "$image"; done
    rm -f "$dir/watch-$1.log" # of an earlier run: it says `subscribed`, too
    start "watch-$1" timeout 60 curl -sN -H 'Accept: text/event-stream' \
        -H 'Authorization: token token-ana' \
        "http://127.0.0.1:39613/events/?channel=/contest/annual-2024"
    wait_for grep -q subscribed "$dir/watch-$1.log"
    curl -sf --retry 5 --retry-all-errors --cacert "$dir/certificates/ca.pem" \
        --cert "$dir/certificates/client.pem" --key "$dir/certificates/client.key" \
        -H "Idempotency-Key: $mark" https://localhost:32672/broadcast/ \
        -d "{\"type\":\"contest_update\",\"data\":{\"contest_alias\":\"annual-2024\",\"event\":\"$mark\"}}" \
        >/dev/null || die "the publisher did not take the event"
    wait_for grep -q "$mark" "$dir/watch-$1.log"
    curl -sf http://127.0.0.1:39613/console/ | grep -q '<script' || die "no page at /console/"
    kill -TERM "${images[@]}"
    for one in "${images[@]}"; do
        wait "$one" || die "ended with status $? (see $dir/run-*.log)"
    done
    say "$*: healthy, an event went through, ended when asked"
}

run_images() {
    trap end_all EXIT
    /usr/bin/python3 -c 'import fcntl, socket, struct
up, request = 0x1 | 0x40, 0x8914 # IFF_UP | IFF_RUNNING, SIOCSIFFLAGS
fcntl.ioctl(socket.socket(), request, struct.pack("16sh14x", b"lo", up))'
    local image
    for image in publisher gateway broadcaster; do
        furnish "$image"
        harden "$image"
        ! as_container "$image" /bin/sh -c true 2>/dev/null || die "$image: the shell is still there"
    done
    start redis redis-server --port 6379 --bind 127.0.0.1 --save "" --dir "$dir"
    wait_for redis-cli ping
    export REDIS_URL=redis://127.0.0.1:6379
    smoke publisher gateway
    smoke broadcaster
}

main() {
    ((EUID == 0)) || die "needs root (chroot, debootstrap)"
    mkdir -p "$dir"
    choose_driver
    if [[ ${IMAGE_STEP-} == run ]]; then
        run_images
        return
    fi
    exec 9>"$dir/lock"
    flock 9
    trap forget_layers EXIT
    make_base
    build_images
    local target
    for target in publisher gateway broadcaster; do unpack "$target"; done
    "$root/tools/certificates" "$dir/certificates"
    IMAGE_STEP=run unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$dir" 9>&-
    say "passed: ${targets[*]}"
}

main
