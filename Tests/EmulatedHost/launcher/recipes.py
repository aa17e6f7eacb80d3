"""How the emulated host's kernel, initramfs and QEMU are made. A change here makes them anew."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from . import initramfs, packages
from .options import HostUnavailable, say

INSTALLED_QEMU = "qemu-system-x86_64"
GUEST = Path(__file__).resolve().parent.parent / "guest"


def unpacked_kernel(image):
    """The vmlinux inside a bzImage (boot protocol 2.08, payload_offset and payload_length), or None.

    Loaded directly by PVH it saves the emulated decompression and the real-mode code: most of a second."""
    if image[0x202:0x206] != b"HdrS" or image[0x206:0x208] < b"\x08\x02":
        return None
    number = lambda at: int.from_bytes(image[at : at + 4], "little")
    start = (image[0x1F1] + 1) * 512 + number(0x248)
    payload = image[start : start + number(0x24C)]
    if payload[:4] != b"\x02\x21\x4c\x18":  # LZ4's legacy frame
        return None
    # The payload ends with its unpacked size, which lz4 reports as trailing rubbish after it has done its work.
    done = subprocess.run(["lz4", "-dc"], input=payload, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    size = int.from_bytes(payload[-4:], "little")
    return done.stdout[:size] if done.stdout[:4] == b"\x7fELF" and len(done.stdout) >= size else None


def make_kernel(directory):
    """Debian's cloud kernel: `kernel`, and lib/modules with its modules, their signatures taken off."""
    package = packages.candidate_dependency("linux-image-cloud-amd64", r"linux-image-[0-9]\S*")
    packages.unpack([package], directory / "package")
    image = next((directory / "package/boot").glob("vmlinuz-*")).read_bytes()
    (directory / "kernel").write_bytes(unpacked_kernel(image) or image)
    (directory / "package/lib/modules").rename(directory / "modules")
    shutil.rmtree(directory / "package")
    release = next((directory / "modules").iterdir()).name
    files = [str(path) for path in (directory / "modules").rglob("*.ko")]
    packages.run(["strip", "--strip-debug", *files])
    (directory / "lib").mkdir()
    (directory / "modules").rename(directory / "lib/modules")
    packages.run(["depmod", "-b", str(directory), release])


def make_initrd(directory, kernel):
    sources = [str(path) for path in sorted(GUEST.glob("*.c"))]
    init = directory / "init"
    packages.run(["gcc", "-std=gnu11", "-Os", "-Wall", "-Werror", "-static", "-s", "-o", str(init), *sources])
    modules = next((kernel / "lib/modules").iterdir())
    (directory / "initrd").write_bytes(initramfs.build(init, modules))


def make_qemu(directory):
    """QEMU 10 from backports: calmer than bookworm's 7.2, whose SVM crashes once in about 200 guests. Where there is
    none (no network, another Debian) the directory stays empty, and the installed QEMU is used."""
    names = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"]
    try:
        with tempfile.TemporaryDirectory() as apt:
            packages.unpack(names, directory / "root", packages.Backports(apt).options)
        probe = [str(directory / "root/usr/bin" / INSTALLED_QEMU), "--version"]
        packages.run(probe)
    except (HostUnavailable, OSError) as reason:
        shutil.rmtree(directory / "root", ignore_errors=True)
        say(f"no QEMU from backports ({reason}); using the installed one")
