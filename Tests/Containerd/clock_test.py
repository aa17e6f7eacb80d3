"""A guest's wall clock follows the host's. The host's is set and slewed; a program in a container says what it has."""

import ctypes
import json
import os
import subprocess
import time
import unittest

import host as containerd
from host import PYTHON, PYTHON_ROOT, eventually

host = None
# What is promised, in seconds: so close, so long after a change. A reading that leaves more unknown says nothing.
TOLERANCE, SETTLED, MAX_UNKNOWN = 0.010, 1.0, 0.030
PROGRAM = "import sys, time\nfor line in sys.stdin: print(time.time_ns(), time.monotonic_ns(), flush=True)"
ADJ_OFFSET_SINGLESHOT, ADJ_TICK = 0x8001, 0x4000


def setUpModule():
    global host
    host = containerd.shared


class Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as it is of use here."""

    _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
                ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("constant", ctypes.c_long), ("precision", ctypes.c_long),
                ("tolerance", ctypes.c_long), ("seconds", ctypes.c_long), ("fraction", ctypes.c_long), ("tick", ctypes.c_long),
                ("rest", ctypes.c_char * 128)]


def adjust(modes, **values):
    change = Timex(modes=modes, **values)
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(change)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


def step(seconds):
    time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + int(seconds * 1e9))


class Clock:
    """The clocks of a container, by a program that answers each line with them."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen(
            ["ctr", "-a", host.address, "run", "--rm", "--runtime", "io.containerd.czone.v2", PYTHON, name, "python3", "-c", PROGRAM],
            env=host.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask()

    def ask(self):
        """(how far the guest's wall clock is before the host's, what is not known of that, its monotonic time) in seconds."""
        asked, began = time.time_ns(), time.monotonic_ns()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        wall, monotonic = map(int, self.process.stdout.readline().split())
        duration = time.monotonic_ns() - began
        return (wall - asked - duration / 2) / 1e9, duration / 2e9, monotonic / 1e9

    def difference(self):
        """The best of some answers."""
        return min((self.ask() for _ in range(10)), key=lambda answer: answer[1])

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


@unittest.skipUnless(os.path.isdir(PYTHON_ROOT), "no Python root file system was made")
class ClockTest(unittest.TestCase):
    def setUp(self):
        self.before = time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        # The emulated host's clock is as before for the tests that follow.
        self.addCleanup(lambda: time.clock_settime_ns(time.CLOCK_REALTIME, self.before + time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)))

    def clock(self, name):
        clock = Clock(name)
        self.addCleanup(clock.end)
        return clock

    def expect_right(self, clock, what):
        difference, unknown, _ = clock.difference()
        print(f"{what}: {difference * 1000:.1f} ms ± {unknown * 1000:.1f}", flush=True)
        self.assertLess(unknown, MAX_UNKNOWN, what)
        self.assertLessEqual(abs(difference), TOLERANCE + unknown, what)

    def test_steps_are_followed_and_monotonic_time_is_not_changed(self):
        clock = self.clock("steps")
        time.sleep(SETTLED)
        self.expect_right(clock, "at the start")
        for seconds in (3600, -3600, 0.5, -0.05, 86400, -86400):
            (_, _, monotonic), began = clock.difference(), time.monotonic()
            step(seconds)
            time.sleep(SETTLED)
            self.expect_right(clock, f"a step of {seconds} s")
            passed = clock.ask()[2] - monotonic
            self.assertLess(abs(passed - (time.monotonic() - began)), 0.5, "monotonic time does not jump")

    def test_slews_are_followed(self):
        clock = self.clock("slews")
        time.sleep(SETTLED)
        # 500 parts in a million, as an NTP daemon does at most.
        adjust(ADJ_OFFSET_SINGLESHOT, offset=5_000)
        for second in range(10):
            time.sleep(SETTLED)
            self.expect_right(clock, f"slewed for {second + 1} s")
        # 2 %, as chrony does where it has to make up much.
        self.addCleanup(adjust, ADJ_TICK, tick=10_000)
        adjust(ADJ_TICK, tick=10_200)
        for second in range(5):
            time.sleep(SETTLED)
            self.expect_right(clock, f"slewed hard for {second + 1} s")

    def test_paused_containers_and_restored_vms_have_the_hosts_time(self):
        first = self.clock("paused")
        host.ctr("task", "pause", "paused")
        step(-7200)
        host.ctr("task", "resume", "paused")
        time.sleep(SETTLED)
        self.expect_right(first, "paused meanwhile")
        first.end()
        host.stop_machines()
        eventually("a template is there", lambda: host.json("template", "list"), seconds=120)
        step(7200)
        second = self.clock("restored")
        self.assertTrue(host.restored_machines(), "it is in a VM that was restored")
        time.sleep(SETTLED)
        self.expect_right(second, "restored")
        step(1800)
        time.sleep(SETTLED)
        self.expect_right(second, "a step after that")
