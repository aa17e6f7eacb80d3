"""Kubernetes' conformance tests of CRI (critest of cri-tools), with the runtime handler `czone`.

CZONE_TEST_CLIENTS names a directory with `run-critest SOCKET HANDLER OUT [FOCUS]` and what that needs; without it the tests are
skipped. CZONE_CRITEST_FOCUS: a regular expression of those to run; CZONE_CRITEST_HANDLER: another runtime, to compare."""

import os
import re
import subprocess
import unittest

import host as containerd

CLIENTS = os.environ.get("CZONE_TEST_CLIENTS", "")
KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "critest-known")


def known_differences():
    """[(regular expression, reason)]: a line each of the file."""
    with open(KNOWN) as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    return [(re.compile(name), reason) for name, reason in (line.split("\t", 1) for line in lines)]


@unittest.skipUnless(CLIENTS, "critest skipped: CZONE_TEST_CLIENTS names no directory of clients")
class ConformanceTest(unittest.TestCase):
    def test_everything_passes_but_the_known_differences(self):
        out = f"{containerd.shared.dir}/critest"
        os.makedirs(out, exist_ok=True)
        focus = os.environ.get("CZONE_CRITEST_FOCUS", "")
        handler = os.environ.get("CZONE_CRITEST_HANDLER", "czone")
        command = [os.path.join(CLIENTS, "run-critest"), containerd.shared.address, handler, out]
        done = subprocess.run(command + ([focus] if focus else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout)
        self.assertRegex(done.stdout, r"Ran [1-9]\d* of", "no test has run")
        failed = sorted(set(re.findall(r"^\s*\[FAIL\] (.*)", done.stdout, re.M)))
        known = known_differences()
        new = [name for name in failed if not any(pattern.search(name) for pattern, _ in known)]
        if not focus:
            passed = [pattern.pattern for pattern, _ in known if not any(pattern.search(name) for name in failed)]
            print("known differences that have passed:", passed)
        self.assertEqual(new, [], "failures that are no known differences (Tests/Containerd/critest-known)")
