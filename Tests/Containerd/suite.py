"""Runs tests as `python3 -m unittest` does, all of them over one containerd."""

import sys
import unittest

import host

if __name__ == "__main__":
    with host.Host() as host.shared:
        program = unittest.main(module=None, exit=False)
    sys.exit(0 if program.result.wasSuccessful() else 1)
