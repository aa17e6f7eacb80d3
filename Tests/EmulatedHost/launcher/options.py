"""The command line, and the errors that end the launcher with a code of its own."""

import argparse
import os
import sys

TIME_LIMIT_STATUS = 124
HOST_FAILED_STATUS = 125


class HostUnavailable(Exception):
    """The emulated host cannot be had here; the message says what to do."""


def say(text):
    """One line of the launcher's own, on stderr, where the command's lines also go."""
    sys.stderr.write(f"emulated-host: {text}\n")
    sys.stderr.flush()


def default_memory_in_mib():
    """6 GiB, or half of a smaller machine's memory: the guest's RAM is only taken as it is touched."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return min(6144, total // 2)


def time_limit(text):
    return int(text) and positive(text)


def positive(text):
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


class Parser(argparse.ArgumentParser):
    def error(self, message):
        say(f"{message}; see --help")
        sys.exit(HOST_FAILED_STATUS)


def parse(arguments):
    parser = Parser(
        prog="emulated-host",
        description="Runs COMMAND as root in a Linux host that has a working KVM: Debian's cloud kernel under QEMU TCG, "
        "whose CPU emulates AMD SVM. The caller's root file system is the host's root, read-only below a tmpfs; the "
        "working directory is shared read-write; /run and /tmp are empty. HOME, PATH, TERM, LANG, CI, XDG_CACHE_HOME and CZONE_* are passed.",
        epilog="Exit status: the command's; 124 past the time limit; 125 the host failed; 128+n ended by signal n.",
    )
    add = parser.add_argument
    add("-c", dest="cpus", type=positive, default=2, metavar="CPUS", help="emulated CPUs (2)")
    add("-m", dest="mib", type=positive, default=default_memory_in_mib(), metavar="MIB", help="memory (%(default)s MiB)")
    add("-t", dest="seconds", type=time_limit, metavar="SECONDS", help="time limit, 0 for none (600 s; none with --tty)")
    add("-s", dest="shares", action="append", default=[], metavar="DIR", help="another directory to share read-write")
    add("--tty", action="store_true", help="give the command a terminal")
    add("--prepare", action="store_true", help="only put what is needed into the cache")
    add("--console", metavar="FILE", help="keep the host's console log")
    add("command", nargs=argparse.REMAINDER, metavar="-- COMMAND…")
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        options.command = options.command[1:]
    if not options.command and not options.prepare:
        parser.error("no command")
    if options.seconds is None:
        options.seconds = 0 if options.tty else 600
    return options
