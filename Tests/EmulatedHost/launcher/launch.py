"""From the command line to the exit status: artefacts, machine, session, and one repetition if the host crashes."""

import contextlib
import os
import signal
import socket
import sys

from . import artefacts, crashes, options, session, terminal
from .machine import Machine
from .options import HOST_FAILED_STATUS, TIME_LIMIT_STATUS, HostUnavailable, say
from .streams import Source

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ended(Exception):
    """A signal asked the launcher to end."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def raise_ended(number, _):
    for each in ENDING:  # cleaning up is not to be interrupted
        signal.signal(each, signal.SIG_IGN)
    raise Ended(number)


def watch_signals():
    """Ending signals become Ended; a new window size makes the returned socket readable."""
    for number in ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup is heeded
            signal.signal(number, raise_ended)
    wake, poke = socket.socketpair()
    poke.setblocking(False)

    def send_size(*_):
        with contextlib.suppress(BlockingIOError):
            poke.send(b"w")

    signal.signal(signal.SIGWINCH, send_size)
    return wake


def attempt(chosen, parts, source, wake):
    """Runs the command in a fresh host; returns its exit status."""
    kernel, initrd, qemu = parts
    shares = {"root": "/", **session.shared_directories(chosen)}
    machine = Machine(chosen, kernel / "kernel", initrd, qemu, shares)
    one = None
    try:
        one = session.Session(chosen, machine, source, wake)
        with terminal.raw(0) if chosen.tty else contextlib.nullcontext():
            return one.run(session.opening(chosen, kernel / "lib/modules"))
    except crashes.HostCrashed as crash:
        machine.end()
        log = crashes.record(str(crash), one.console_text(), machine.messages(), chosen.command)
        say(f"the emulated host crashed ({crash}); crash {crashes.count()} counted here, console in {log}")
        raise
    finally:
        machine.end()
        if chosen.console and one:
            with open(chosen.console, "w") as file:
                file.write(one.console_text())


def run(chosen, wake):
    parts = artefacts.provide_all()
    if chosen.prepare:
        return 0
    if os.geteuid() != 0:
        raise HostUnavailable("must be root, as virtiofsd serves the root file system")
    source = Source()
    try:
        return attempt(chosen, parts, source, wake)
    except crashes.HostCrashed:
        if chosen.tty or not source.can_rewind:
            say("the command is not repeated: what it read cannot be given again")
            return HOST_FAILED_STATUS
    say("repeating the command once in a fresh host; what it printed so far is printed again")
    source.rewind()
    try:
        return attempt(chosen, parts, source, wake)
    except crashes.HostCrashed:
        return HOST_FAILED_STATUS


def main(arguments):
    chosen = options.parse(arguments)
    try:
        return run(chosen, watch_signals())
    except session.TimeLimitReached:
        say(f"ended after {chosen.seconds} s" if chosen.seconds else "left")
        return TIME_LIMIT_STATUS
    except (HostUnavailable, OSError) as failure:
        if isinstance(failure, BrokenPipeError):
            return 128 + signal.SIGPIPE
        say(str(failure))
        return HOST_FAILED_STATUS
    except Ended as ended:  # end by the same signal, so that the caller knows
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)
        return 128 + ended.number
