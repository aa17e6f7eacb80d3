"""The launcher's own stdin, stdout and stderr. Their file descriptions are shared with other programs, so they are
never set non-blocking: a write is as small as a ready pipe surely takes."""

import os
import select
import stat

CHUNK = 65536
REPLAY_LIMIT = 16 << 20  # stdin that is kept for a repetition


class Source:
    """Stdin, kept as far as REPLAY_LIMIT so that the command can be repeated after a crash of the host."""

    def __init__(self):
        self.kept, self.replay = [], []
        self.size, self.has_ended = 0, False

    @property
    def can_rewind(self):
        return self.size <= REPLAY_LIMIT

    def rewind(self):
        self.replay = list(self.kept)

    def read(self):
        """The next bytes; none at the end."""
        if self.replay:
            return self.replay.pop(0)
        try:
            data = b"" if self.has_ended else os.read(0, CHUNK)
        except OSError:  # stdin is closed, or a terminal that is not ours
            data = b""
        self.has_ended = not data
        self.size += len(data)
        if self.can_rewind and data:
            self.kept.append(data)
        return data

    @property
    def is_ready_without_waiting(self):
        return bool(self.replay) or self.has_ended


class Outlet:
    """Stdout or stderr: takes from a port, gives to a descriptor."""

    def __init__(self, port, descriptor):
        self.port, self.descriptor = port, descriptor
        self.pending, self.delivered = memoryview(b""), 0
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        except OSError:
            is_file = False
        self.piece = CHUNK if is_file else select.PIPE_BUF
        self.ready = select.poll()
        self.ready.register(descriptor, select.POLLOUT)

    def fill(self):
        try:
            self.pending = memoryview(self.port.recv(CHUNK))
        except BlockingIOError:
            pass

    def drain(self):
        """Writes as long as nothing blocks. BrokenPipeError: nobody reads any more."""
        while self.pending and self.ready.poll(0):
            count = os.write(self.descriptor, self.pending[: self.piece])
            self.pending = self.pending[count:]
            self.delivered += count
