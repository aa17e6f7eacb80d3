#!/bin/sh
# initramfs.sh AGENT OUT: the guest's initramfs, a cpio archive ("newc", Linux's driver-api/early-userspace) with the
# agent as /init, the console's device node, and the directory that becomes the root. Written here byte by byte: no root
# rights are needed for the node, and the same agent gives the same bytes.
set -eu
agent=$1
out=$2
number=0

pad() { # pad SIZE: zeros up to the next multiple of four
    case $(($1 % 4)) in 1) printf '\0\0\0' ;; 2) printf '\0\0' ;; 3) printf '\0' ;; esac
}

entry() { # entry NAME MODE SIZE MAJOR MINOR: a header and the name; user, group and time are 0
    number=$((number + 1))
    length=$((${#1} + 1))
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
        $number "$2" 0 0 1 0 "$3" 0 0 "$4" "$5" $length 0
    printf '%s\0' "$1"
    pad $((110 + length))
}

directory=0x41ED # 0755
program=0x81ED   # 0755
console=0x2180   # 0600, a character device
{
    entry dev $directory 0 0 0
    entry dev/console $console 0 5 1
    entry root $directory 0 0 0
    size=$(wc -c <"$agent")
    entry init $program "$size" 0 0
    cat "$agent"
    pad "$size"
    entry TRAILER!!! 0 0 0 0
} >"$out.new"
mv "$out.new" "$out"
