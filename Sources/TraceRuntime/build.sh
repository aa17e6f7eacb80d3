#!/bin/sh
# build.sh OUT: builds the run-time library of accelerated functions, a WebAssembly module (Embedded Swift, wasm32) that
# TraceCompiler appends compiled functions to. Needs Swift's toolchain alone.
set -eu
out=$(realpath -m "$1")
here=$(cd "$(dirname "$0")" && pwd)
tools=$(dirname "$(readlink -f "$(command -v swiftc)")")
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
cd "$here"
"$tools/clang" --target=wasm32-unknown-none-wasm -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-builtin \
    -mbulk-memory -ffunction-sections -c Wasm/support.c -o "$objects/support.o"
swiftc -target wasm32-unknown-none-wasm -enable-experimental-feature Embedded -enable-experimental-feature Extern \
    -wmo -O -parse-as-library -swift-version 6 -strict-memory-safety -warnings-as-errors \
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility \
    -enable-upcoming-feature InternalImportsByDefault -Xfrontend -function-sections -Xfrontend -disable-stack-protector \
    -Xcc -mbulk-memory -module-name TraceRuntime -c -o "$objects/runtime.o" *.swift
exports=$(sed -n 's/^ *@_cdecl("\(czone_[a-z_0-9]*\)").*/--export=\1/p' *.swift)
mkdir -p "$(dirname "$out")"
# The stack lies lowest: one that overflows leaves the memory.
# shellcheck disable=SC2086 # one word for each export
"$tools/wasm-ld" --no-entry --gc-sections --strip-all --compress-relocations --stack-first -z stack-size=262144 --initial-memory=16777216 --max-memory=16777216 \
    --export-table --export=__heap_base --export=__stack_pointer $exports \
    "$objects/runtime.o" "$objects/support.o" -o "$out"
