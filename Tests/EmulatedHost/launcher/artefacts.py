"""What the emulated host is made of, in the cache: built once, under a lock, and put in place by one rename."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from . import recipes
from .options import say

HERE = Path(__file__).resolve().parent
RETRY_AFTER_SECONDS = 86400
# In the order in which they are made; with what they take where nothing has to be waited for.
PARTS = {
    "host-kernel": "its kernel, a download of 30 MB, about 20 s",
    "host-initrd": "its initramfs, about a second",
    "host-qemu": "QEMU, a download of 15 MB, about 20 s",
}


def cache_root():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "czone"


@contextlib.contextmanager
def locked(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def provide(label, inputs, make):
    """The cache directory whose name is the hash of `inputs`; `make(directory)` fills it if it is not there yet."""
    digest = hashlib.sha256(label.encode())
    for path in inputs:
        digest.update(path.read_bytes())
    directory = cache_root() / digest.hexdigest()[:32]
    if directory.is_dir():
        return directory
    with locked(cache_root() / f"{label}.lock"):
        if directory.is_dir():  # another one made it while this one waited
            return directory
        step = [*PARTS].index(label) + 1
        say(f"preparing, once: {step} of {len(PARTS)}, {PARTS[label]}; into {directory}")
        new = Path(tempfile.mkdtemp(prefix=f".{label}-", dir=cache_root()))
        try:
            make(new)
            new.chmod(0o755)
            new.rename(directory)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return directory


def qemu_command(directory):
    chosen = os.environ.get("EMULATED_HOST_QEMU")
    if chosen:
        return chosen.split()
    usr = directory / "root/usr"
    if not usr.is_dir():
        return [recipes.INSTALLED_QEMU]
    return [str(usr / "bin" / recipes.INSTALLED_QEMU), "-L", str(usr / "share/qemu"), "-L", str(usr / "share/seabios")]


def provide_qemu(sources):
    directory = provide("host-qemu", sources, recipes.make_qemu)
    if not (directory / "root").is_dir() and time.time() - directory.stat().st_mtime > RETRY_AFTER_SECONDS:
        shutil.rmtree(directory, ignore_errors=True)
        directory = provide("host-qemu", sources, recipes.make_qemu)
    return qemu_command(directory)


def provide_all():
    """(kernel directory, initrd, QEMU's command)"""
    sources = [HERE / "packages.py", HERE / "recipes.py"]
    kernel = provide("host-kernel", sources, recipes.make_kernel)
    guest = [*sorted(recipes.GUEST.iterdir()), *sources, HERE / "initramfs.py"]
    initrd = provide("host-initrd", guest, lambda directory: recipes.make_initrd(directory, kernel))
    return kernel, initrd / "initrd", provide_qemu(sources)
