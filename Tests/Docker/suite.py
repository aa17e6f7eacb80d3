"""Runs tests as `python3 -m unittest` does, all of them over one dockerd."""

import sys
import unittest

import engine

if __name__ == "__main__":
    with engine.Engine() as engine.shared:
        program = unittest.main(module=None, exit=False, testRunner=unittest.TextTestRunner(verbosity=2))
    sys.exit(0 if program.result.wasSuccessful() else 1)
