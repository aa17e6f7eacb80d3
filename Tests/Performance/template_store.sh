#!/bin/bash
# template_store.sh [COUNT]: templates of COUNT (50) images in a store on XFS, whose files share blocks, and in a registry:
# what they take together beside the sum of their sizes, and what is sent of each. Needs KVM, root, docker-registry, xfsprogs:
#     make host CMD='Tests/Performance/template_store.sh 50'
set -euo pipefail
count=${1:-50}
work=$(mktemp -d /tmp/czone-store.XXXXXX)
registry=
trap '[ -z "$registry" ] || kill $registry; umount -l "$work/store" 2>/dev/null || true; rm -rf "$work"' EXIT
truncate -s 2G "$work/xfs"
mkfs.xfs -q -m reflink=1 "$work/xfs"
mkdir "$work/store"
mount -o loop "$work/xfs" "$work/store"
export CZONE_ROOT=$work/run CZONE_STORE=$work/store CZONE_TEMPLATE_LIMIT=1T

cat >"$work/registry.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: '127.0.0.1:5000'}
YAML
mkfifo "$work/log"
docker-registry serve "$work/registry.yml" >"$work/log" 2>&1 &
registry=$!
exec 3<"$work/log"
while read -r -t 30 line <&3 && [[ $line != *"listening on"* ]]; do :; done
cat <&3 >/dev/null &

used() { sync -f "$work/store" && df --output=used -B1 "$work/store" | tail -1; }
before=$(used)
for number in $(seq "$count"); do
    image=$work/image$number
    mkdir -p "$image/bin" "$image/etc"
    cp /bin/busybox "$image/bin/"
    ln -s busybox "$image/bin/sh"
    head -c $((number * 4096)) /dev/urandom >"$image/etc/data"
    template=$(czone template create "dir:$image")
    echo "image $number: $(czone template push http://127.0.0.1:5000/bench/templates "$template" 2>&1 | tail -1)"
done
images=$(du -B1 -s "$work/store/images" | cut -f1)
echo "templates take $(($(used) - before - images)) bytes; the sum of their sizes is $(
    czone template list --json | python3 -c 'import json, sys; print(sum(entry["size_bytes"] for entry in json.load(sys.stdin)))')"
