"""The frames between the launcher and the emulated host's init; guest/wire.h is the other side."""

import struct

CONTROL, STDIN, STDOUT, STDERR = 1, 2, 3, 4  # virtio-serial port numbers

SHARE, MODULES, DIRECTORY, VARIABLE, ARGUMENT = b"s", b"m", b"d", b"e", b"a"
TERMINAL, RUN, WINDOW, STDIN_END = b"t", b"r", b"w", b"z"
HELLO, STARTED, BEAT, ASTRAY, FAILURE, EXIT = b"h", b"g", b"b", b"q", b"f", b"x"

HEADER = struct.Struct("<cI")
WINDOW_SIZE = struct.Struct("<HH")  # rows, columns
COUNT = struct.Struct("<Q")
EXIT_REPORT = struct.Struct("<IQQ")  # status, bytes of stdout, bytes of stderr


def frame(kind, payload=b""):
    return HEADER.pack(kind, len(payload)) + payload


class FrameReader:
    """Cuts a byte stream into (kind, payload)."""

    def __init__(self):
        self.pending = b""

    def feed(self, data):
        self.pending += data
        while len(self.pending) >= HEADER.size:
            kind, length = HEADER.unpack_from(self.pending)
            end = HEADER.size + length
            if len(self.pending) < end:
                return
            payload, self.pending = self.pending[HEADER.size : end], self.pending[end:]
            yield kind, payload
