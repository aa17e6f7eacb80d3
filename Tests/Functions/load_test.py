"""Many functions under load, and load that comes and goes. CZONE_LOAD_REQUESTS (160), CZONE_LOAD_FUNCTIONS (4) and
CZONE_LOAD_CYCLES (2) say how much."""

import collections
import concurrent.futures
import http.client
import os
import random
import re
import signal
import threading
import unittest

from gateway import Gateway

REQUESTS = int(os.environ.get("CZONE_LOAD_REQUESTS", "160"))
FUNCTIONS = int(os.environ.get("CZONE_LOAD_FUNCTIONS", "4"))
CYCLES = int(os.environ.get("CZONE_LOAD_CYCLES", "2"))
assert CYCLES >= 2, f"CZONE_LOAD_CYCLES is {CYCLES}, expected 2 or more: the first is compared with those behind it"
TENANTS = 3
# An answer that broke off behind its head.
BROKEN = 0
# What a request may fail with: its VM was killed, no container came in time, too many wait.
FAILURES = {BROKEN, 429, 502, 503, 504}


class Load(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway(templates=True, idle_seconds=5)
        self.addCleanup(self.gateway.close)
        self.gateway.start()

    def await_nothing(self):
        """All functions have scaled to zero, and no VM is left."""
        try:
            self.gateway.wait(lambda: not self.gateway.containers() and not self.gateway.machines(), 180)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.gateway.containers()} {self.gateway.machines()}") from None

    # Killed VMs

    def test_each_request_has_one_answer_while_vms_are_killed(self):
        names = [f"load-{number}" for number in range(FUNCTIONS)]
        for number, name in enumerate(names):
            self.gateway.server(name, tenant=f"tenant-{number % TENANTS}", concurrency=4, scale={"max": 3})
        chance = random.Random(20)
        answers = self.ask_in_bursts(names, chance)
        self.assertEqual(len(answers), REQUESTS)
        statuses = collections.Counter(status for status, _ in answers.values())
        print(dict(statuses), end=" ", flush=True)
        reasons = collections.Counter(body.decode(errors="replace")[:300] for status, body in answers.values() if status != 200)
        for reason, count in reasons.most_common():
            print(f"\n    {count} times: {reason}", end=" ", flush=True)
        for number, (status, body) in answers.items():
            if status == 200:
                self.assertEqual(body, str(number).encode())
            else:
                self.assertIn(status, FAILURES, body)
        # Nearly all: each VM that is killed has a few requests at most.
        self.assertGreater(statuses[200], REQUESTS * 0.8)
        self.no_request_was_handled_twice(names, answers)
        self.await_nothing()

    def ask_in_bursts(self, names, chance):
        """By the number of each request, its answer. After every fortieth a VM is killed."""
        answers, lock = {}, threading.Lock()

        def ask(number, name):
            try:
                status, _, body = self.gateway.ask(f"/{name}/once/{number}")
            except http.client.IncompleteRead as broken:
                status, body = BROKEN, str(broken).encode()
            with lock:
                self.assertNotIn(number, answers)
                answers[number] = (status, body)
                is_time = len(answers) % 40 == 0
            if is_time:
                self.kill_a_vm(chance)

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            waiting, number = [], 0
            while number < REQUESTS:
                name = chance.choice(names)
                burst = min(chance.choice([1, 1, 2, 5, 30]), REQUESTS - number)
                waiting += [pool.submit(ask, number + index, name) for index in range(burst)]
                number += burst
            for asked in waiting:
                asked.result()
        return answers

    def kill_a_vm(self, chance):
        self.tenants_are_apart()
        machines = self.gateway.machines()
        if machines:
            try:
                os.kill(chance.choice(machines)["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass

    def tenants_are_apart(self):
        in_machine = collections.defaultdict(set)
        for container in self.gateway.containers():
            in_machine[container["vm"]].add((container["tenant"], container["function"]))
        for machine, functions in in_machine.items():
            self.assertEqual(len(functions), 1, machine)

    def no_request_was_handled_twice(self, names, answers):
        """By the functions' own logs; the lines of a VM that was killed may be missing."""
        handled = collections.Counter()
        for name in names:
            handled.update(re.findall(r"handled (\d+)", self.gateway.czone("function", "logs", name)))
        self.assertEqual([number for number, count in handled.items() if count > 1], [])
        self.assertGreater(len(handled), len(answers) / 2)

    # Load that comes and goes

    def test_memory_is_back_after_each_cycle_of_sixteen_containers(self):
        self.gateway.server("cycle", concurrency=1, timeout="300s", scale={"max": 16})
        used, resident = [], []
        for cycle in range(CYCLES + 1):
            most = self.ask_sixteen_at_once()
            self.assertEqual(most, 16)
            self.await_nothing()
            used.append(used_memory())
            with open(f"/proc/{self.gateway.process.pid}/status") as file:
                resident.append(next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS")))
            print(f"{(used[-1] - used[0]) >> 10} KiB, gateway {resident[-1] >> 10} KiB;", end=" ", flush=True)
        # The first makes the template and fills what is kept for others. What the host's kernel keeps sways by some MiB:
        # what grows is above the second cycle in all of the later half.
        later = used[2:][len(used[2:]) // 2:]
        self.assertLess(min(later) - used[1], 2 << 20)
        self.assertLess(resident[-1] - resident[1], 2 << 20)

    def ask_sixteen_at_once(self):
        """The most containers that were there; each request stays until all sixteen are."""
        most = 0
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(self.gateway.ask, "/cycle/sleep/40") for _ in range(16)]
            while not all(one.done() for one in asked):
                most = max(most, len([one for one in self.gateway.containers() if one["state"] == "running"]))
                concurrent.futures.wait(asked, timeout=0.5)
        self.assertEqual({one.result()[0] for one in asked}, {200})
        return most


def used_memory():
    """Of the host, without what it can drop at once; in bytes."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")
    with open("/proc/meminfo") as file:
        fields = {line.split(":")[0]: int(line.split()[1]) << 10 for line in file}
    return fields["MemTotal"] - fields["MemAvailable"]


if __name__ == "__main__":
    unittest.main()
