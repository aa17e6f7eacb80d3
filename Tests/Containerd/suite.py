"""Runs tests as `python3 -m unittest` does, all of them over one containerd, and says how long each took. Three failures
in a row end the run with status 75: then containerd or the host is what failed, and the rest would wait for its limits."""

import sys
import time
import unittest

import host

FAILURES_IN_A_ROW, STOPPED_STATUS = 3, 75


class Result(unittest.TextTestResult):
    in_a_row, is_stopped = 0, False

    def startTest(self, test):
        self.began = time.monotonic()
        self.failed_before = len(self.failures) + len(self.errors)
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"{test.id()} took {time.monotonic() - self.began:.1f} s")
        has_failed = len(self.failures) + len(self.errors) > self.failed_before
        self.in_a_row = self.in_a_row + 1 if has_failed else 0
        if self.in_a_row == FAILURES_IN_A_ROW:
            self.is_stopped = True
            self.stream.writeln(f"stopped: {FAILURES_IN_A_ROW} failures in a row")
            self.stop()


if __name__ == "__main__":
    with host.Host() as host.shared:
        program = unittest.main(module=None, exit=False, testRunner=unittest.TextTestRunner(resultclass=Result, verbosity=2))
    if program.result.is_stopped:
        sys.exit(STOPPED_STATUS)
    sys.exit(0 if program.result.wasSuccessful() else 1)
