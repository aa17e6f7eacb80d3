"""The caller's terminal in raw mode, for --tty."""

import array
import contextlib
import fcntl
import os
import termios
import tty

from . import wire


def size(descriptor):
    """The terminal's rows and columns, packed; 24 by 80 where there is none."""
    cells = array.array("H", [24, 80, 0, 0])
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCGWINSZ, cells)
    return wire.WINDOW_SIZE.pack(cells[0], cells[1])


@contextlib.contextmanager
def raw(descriptor):
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
