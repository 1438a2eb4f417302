#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   tests/deploy/image.sh [DIR]
#
# Builds every target of deploy/Dockerfile without a container engine (buildah, chroot isolation) on
# a base image made by debootstrap from this machine's own package sources; then starts publisher
# and gateway from their root file systems beside a real Redis and sends one event through them.
# Needs root. DIR (default build/image) keeps the base image between runs.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=$(realpath -m "${1:-$root/build/image}")
readonly root dir
readonly limit_mb=120
pids=() mounts=()

say() { printf 'image: %s\n' "$*"; }
die() {
    say "FAILED: $*"
    exit 1
}

build_tool() { buildah --root "$dir/storage" --runroot "$dir/run" --storage-driver vfs "$@"; }

on_exit() {
    local pid id
    for pid in "${pids[@]-}"; do
        [[ -z $pid ]] || kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]-}"; do
        [[ -z $pid ]] || timeout 15 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" || true
    done
    for id in "${mounts[@]-}"; do
        [[ -z $id ]] || build_tool rm "$id" >/dev/null || true
    done
    rm -rf "$dir/storage" "$dir/run" # without overlays each layer is a whole copy: gigabytes
}

# Debian's minimal system with this machine's package sources and keys, so that apt works in it.
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
        rm -rf "$dir/base.new"/var/cache/apt/archives/*.deb "$dir/base.new"/var/lib/apt/lists/*
        mv "$dir/base.new" "$dir/base"
    fi
    build_tool inspect broadcaster-base &>/dev/null && return
    local id
    id=$(build_tool from scratch)
    build_tool copy -q "$id" "$dir/base" / >/dev/null
    build_tool commit -q "$id" broadcaster-base >/dev/null
    build_tool rm "$id" >/dev/null
}

build_images() {
    local target
    for target in publisher gateway broadcaster certificates; do
        say "building $target"
        build_tool bud --format docker --isolation chroot --layers \
            --build-arg BASE=localhost/broadcaster-base \
            --ignorefile "$root/deploy/Dockerfile.dockerignore" -f "$root/deploy/Dockerfile" \
            --target "$target" -t "broadcaster-$target" "$root" >"$dir/$target.log" 2>&1 ||
            die "building $target (see $dir/$target.log): $(tail -n 3 "$dir/$target.log")"
    done
}

# mount_image TARGET: the place of its root file system, in $place
mount_image() {
    local id
    id=$(build_tool from "localhost/broadcaster-$1")
    mounts+=("$id")
    place=$(build_tool mount "$id")
}

# What an image adds to its base, in MB: another base than debian:bookworm-slim may be larger.
check_size() {
    local base image
    base=$(du -sm "$dir/base" | cut -f1)
    image=$(du -sm "$place" | cut -f1)
    # Debian's slim image is 75 MB.
    ((75 + image - base <= limit_mb)) || die "$1 adds $((image - base)) MB to its base"
    say "$1 adds $((image - base)) MB to its base"
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# start NAME COMMAND...
start() {
    local name=$1
    shift
    "$@" >"$dir/$name.log" 2>&1 </dev/null &
    pids+=($!)
}

wait_for() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        "$@" &>/dev/null && return
        sleep 0.1
    done
    die "no success: $*"
}

# in_image PLACE PROGRAM...: as the image's user, with nothing of the machine but its network.
in_image() {
    local where=$1
    shift
    chroot --userspec=10001:10001 "$where" "$@"
}

smoke() {
    local publisher gateway redis=$1 port=$2 events=$3
    mount_image publisher && publisher=$place
    check_size publisher
    mount_image gateway && gateway=$place
    check_size gateway
    mount_image broadcaster
    check_size broadcaster
    in_image "$place" /usr/bin/omegaup-broadcaster --version >/dev/null || die "omegaup-broadcaster"

    "$root/tools/certificates" "$dir/certificates"
    for place in "$publisher" "$gateway"; do
        mkdir -p "$place/certificates"
        cp "$dir/certificates/"* "$place/certificates/"
        chown -R 10001:10001 "$place/certificates"
        cp "$root/deploy/compose/config.json" "$place/etc/omegaup/broadcaster/config.json"
        cp "$root/tools/run.users.json" "$place/etc/omegaup/broadcaster/users.json"
        chmod 644 "$place/etc/omegaup/broadcaster/"*
    done

    start redis redis-server --port "$redis" --bind 127.0.0.1 --save "" --dir "$dir"
    wait_for redis-cli -p "$redis" ping
    export REDIS_URL=redis://127.0.0.1:$redis BROADCASTER_PORT=$port BROADCASTER_EVENTS_PORT=$events
    start run-publisher in_image "$publisher" /usr/bin/broadcaster-publisher --bind 127.0.0.1 \
        --set Metrics.Port=0 --set Metrics.PublisherPort=0
    start run-gateway in_image "$gateway" /usr/bin/broadcaster-gateway --bind 127.0.0.1 \
        --set Metrics.Port=0
    wait_for in_image "$publisher" /usr/bin/broadcaster-health "https://127.0.0.1:$port/ready"
    wait_for in_image "$gateway" /usr/bin/broadcaster-health "http://127.0.0.1:$events/health"

    start watch timeout 20 curl -sN -H 'Accept: text/event-stream' \
        -H 'Authorization: token token-ana' \
        "http://127.0.0.1:$events/events/?channel=/contest/annual-2024"
    wait_for grep -q subscribed "$dir/watch.log"
    curl -sf --cacert "$dir/certificates/ca.pem" --cert "$dir/certificates/client.pem" \
        --key "$dir/certificates/client.key" "https://localhost:$port/broadcast/" \
        -d '{"type":"contest_update","data":{"contest_alias":"annual-2024","event":"smoke"}}' \
        >/dev/null || die "the publisher did not take the event"
    wait_for grep -q smoke "$dir/watch.log"
}

main() {
    ((EUID == 0)) || die "needs root (chroot, debootstrap)"
    mkdir -p "$dir"
    trap on_exit EXIT
    make_base
    build_images
    smoke "$(free_port)" "$(free_port)" "$(free_port)"
    say "passed: publisher, gateway, broadcaster, certificates"
}

main
