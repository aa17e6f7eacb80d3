"""Crashes of the emulated host itself, distinguished from a failing command, kept and counted in the cache."""

import datetime
import os
import re
import shlex

from . import artefacts

KEPT_CONSOLES = 10
SIGNS = re.compile(r"Kernel panic|BUG:|Oops|general protection fault|double fault|rcu.*stall|watchdog: ")


class HostCrashed(Exception):
    """The emulated host ended, fell silent or said that it is not well, before the command's exit status was known."""


def sign(console):
    """The console's first line that reports a crash."""
    for line in console.splitlines():
        if SIGNS.search(line):
            return re.sub(r"^\[[ 0-9.]+\]\s*", "", line.strip())
    return "no word on its console"


def count():
    try:
        return len((artefacts.cache_root() / "crashes").read_text().splitlines())
    except OSError:
        return 0


def record(reason, console, messages, command):
    """Adds a line to the file `crashes`, and keeps the console's log; returns the log's path."""
    root = artefacts.cache_root()
    with artefacts.locked(root / "crashes.lock"):
        when = datetime.datetime.now().isoformat(timespec="seconds")
        with open(root / "crashes", "a") as file:
            file.write(f"{when} {reason}; command: {shlex.join(command)[:200]!r}\n")
        log = root / f"crash-{count() % KEPT_CONSOLES}.log"
        log.write_text(f"{when} {reason}\n{messages}\n{console}")
    return log
