#!/bin/sh
# build.sh OUT: builds the guest agent, a static executable (Embedded Swift, musl). Needs swiftc and musl-tools.
set -eu
out=$(realpath -m "$1")
here=$(cd "$(dirname "$0")" && pwd)
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

for source in "$here"/CAgent/*.c; do
    # The kernel's headers come after musl's own.
    musl-gcc -std=gnu11 -Os -Wall -Wextra -Werror -ffunction-sections -fdata-sections \
        -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" \
        -c "$source" -o "$objects/$(basename "$source").o"
done
compile() { # MODULE ARGUMENT…
    module=$1
    shift
    swiftc -target "$(uname -m)-unknown-linux-gnu" -enable-experimental-feature Embedded -wmo -Osize -parse-as-library \
        -swift-version 6 -strict-memory-safety -warnings-as-errors \
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility \
        -enable-upcoming-feature InternalImportsByDefault -Xfrontend -function-sections \
        -module-name "$module" -c -o "$objects/$module.o" "$@"
}
# What host and agent share is a module here too.
compile Geometry -emit-module -emit-module-path "$objects/Geometry.swiftmodule" "$here"/../Geometry/*.swift
cd "$here"
compile czone_agent -I "$objects" -Xcc -fmodule-map-file="$here/CAgent/module.modulemap" \
    $(find . ../AgentProtocol -name '*.swift' | sort)
mkdir -p "$(dirname "$out")"
musl-gcc -static -Wl,--gc-sections -Wl,--build-id=none -s -o "$out" "$objects"/*.o
