"""One command in one emulated host: its streams, its time limit and its exit status."""

import os
import select
import time

from . import terminal, wire
from .crashes import HostCrashed, sign
from .options import HostUnavailable
from .streams import Outlet

START_SECONDS = 300  # to the command's start, on a machine with much else to do
SILENCE_SECONDS = 45  # a host that sends no beat for so long hangs; it sends one every 5 s
CONSOLE_LIMIT = 1 << 20
PASSED = ("HOME", "PATH", "TERM", "LANG", "CI", "XDG_CACHE_HOME")  # and CZONE_*
LEAVE = b"\x1d\x1d\x1d"  # three Ctrl-] leave a terminal whose host hangs


class TimeLimitReached(Exception):
    pass


class Session:
    def __init__(self, options, machine, source, wake):
        self.options, self.machine, self.source, self.wake = options, machine, source, wake
        self.control, self.stdin = machine.ports[wire.CONTROL], machine.ports[wire.STDIN]
        self.outlets = [Outlet(machine.ports[wire.STDOUT], 1), Outlet(machine.ports[wire.STDERR], 2)]
        self.frames, self.console = wire.FrameReader(), bytearray()
        self.to_control, self.to_stdin, self.sent, self.typed = b"", b"", 0, b""
        self.deadline, self.is_reading, self.has_started = None, False, False
        self.status, self.expected, self.silence = None, None, 0
        for socket in [*machine.ports.values(), machine.console]:
            socket.setblocking(False)

    def run(self, opening):
        """Runs the command that the frames of `opening` describe; returns its exit status."""
        self.to_control += opening
        while self.expected is None or self.expected != [outlet.delivered for outlet in self.outlets]:
            self.step()
        return self.status

    def step(self):
        before = time.monotonic()
        poll, handlers = select.poll(), {}
        for descriptor, events, handler in self.interests():
            poll.register(descriptor, events)
            handlers[descriptor if isinstance(descriptor, int) else descriptor.fileno()] = handler
        waits_for_nothing = self.wants_stdin() and self.source.is_ready_without_waiting
        for descriptor, _ in poll.poll(0 if waits_for_nothing else 1000):
            handlers[descriptor]()
        if waits_for_nothing:
            self.read_stdin()
        # A launcher that was stopped, or a machine that slept, counts as one second of silence.
        self.silence += min(time.monotonic() - before, 1)
        self.check_limits()

    def interests(self):
        read, write = select.POLLIN, select.POLLOUT
        yield self.machine.console, read, self.read_console
        yield self.control, read | (write if self.to_control else 0), self.serve_control
        yield self.wake, read, self.report_window
        if self.to_stdin:
            yield self.stdin, write, self.write_stdin
        elif self.wants_stdin() and not self.source.is_ready_without_waiting:
            yield 0, read, self.read_stdin
        for outlet in self.outlets:
            if outlet.pending:
                yield outlet.descriptor, write, outlet.drain
            else:
                yield outlet.port, read, lambda outlet=outlet: (outlet.fill(), outlet.drain())

    def check_limits(self):
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TimeLimitReached
        if self.silence > (SILENCE_SECONDS if self.has_started else START_SECONDS):
            raise HostCrashed(f"silent for {self.silence:.0f} s: {sign(self.console_text())}")
        if self.expected is None and self.machine.has_ended():
            self.read_console()
            if not self.console and not self.has_started:  # QEMU did not even start
                last = (self.machine.messages().strip() or "no word from QEMU").splitlines()[-1]
                raise HostUnavailable(f"the emulated host does not start: {last}")
            raise HostCrashed(sign(self.console_text()))

    def wants_stdin(self):
        return self.is_reading and not self.to_stdin

    def read_stdin(self):
        data = self.source.read()
        self.typed = (self.typed + data)[-len(LEAVE) :]
        if self.options.tty and self.typed == LEAVE:
            raise TimeLimitReached
        self.to_stdin = data
        self.sent += len(data)
        if not data:
            self.is_reading = False
            self.to_control += wire.frame(wire.STDIN_END, wire.COUNT.pack(self.sent))

    def write_stdin(self):
        self.to_stdin = self.to_stdin[self.stdin.send(self.to_stdin) :]

    def serve_control(self):
        try:
            if self.to_control:
                self.to_control = self.to_control[self.control.send(self.to_control) :]
            for kind, payload in self.frames.feed(self.control.recv(65536)):
                self.silence = 0
                self.handle(kind, payload)
        except BlockingIOError:
            pass
        except ConnectionError:  # QEMU ended; check_limits says why
            time.sleep(0.01)

    def handle(self, kind, payload):
        if kind == wire.STARTED:
            self.is_reading = self.has_started = True
            if self.options.seconds:
                self.deadline = time.monotonic() + self.options.seconds
        elif kind == wire.EXIT:
            self.status, *self.expected = wire.EXIT_REPORT.unpack(payload)
        elif kind == wire.ASTRAY:
            raise HostCrashed(f"led astray: {payload.decode(errors='replace')}")
        elif kind == wire.FAILURE:
            raise HostUnavailable(payload.decode(errors="replace"))

    def report_window(self):
        self.wake.recv(64)
        if self.options.tty:
            self.to_control += wire.frame(wire.WINDOW, terminal.size(0))

    def read_console(self):
        try:
            while data := self.machine.console.recv(65536):
                self.console += data
                del self.console[:-CONSOLE_LIMIT]
        except (BlockingIOError, ConnectionError):
            pass

    def console_text(self):
        return self.console.decode(errors="replace").replace("\r", "")


def opening(options, modules):
    """The frames that describe the command and what it may see."""
    here = os.getcwd()
    parts = [wire.frame(wire.MODULES, os.fsencode(modules.resolve()))]
    for tag, directory in shared_directories(options).items():
        parts.append(wire.frame(wire.SHARE, os.fsencode(f"{tag}\n{directory}")))
    parts.append(wire.frame(wire.DIRECTORY, os.fsencode(here)))
    for name, value in os.environ.items():
        if name in PASSED or name.startswith("CZONE_"):
            parts.append(wire.frame(wire.VARIABLE, os.fsencode(f"{name}={value}")))
    parts += [wire.frame(wire.ARGUMENT, os.fsencode(word)) for word in options.command]
    if options.tty:
        parts.append(wire.frame(wire.TERMINAL, terminal.size(0)))
    return b"".join([*parts, wire.frame(wire.RUN)])


def shared_directories(options):
    """{tag: directory} of what is shared read-write: the working directory (never the whole root) and -s directories."""
    directories = {os.path.realpath(directory) for directory in [os.getcwd(), *options.shares]} - {"/"}
    outermost = [directory for directory in sorted(directories) if not any(directory.startswith(f"{other}/") for other in directories)]
    return {f"work{index}": directory for index, directory in enumerate(outermost)}
