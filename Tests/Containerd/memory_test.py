"""Pods' memory: what kubelets say of it, and containers that say nothing."""

import contextlib
import unittest

import grpc

import cri_test
from cri_test import EXITED, RUNNING, container, sh
from host import eventually


def setUpModule():
    cri_test.setUpModule()


def tearDownModule():
    cri_test.tearDownModule()


class MemoryTest(unittest.TestCase):
    def new_pod(self):
        pod = cri_test.Pod()
        self.addCleanup(pod.remove)
        return pod

    def test_what_a_kubelet_with_memory_qos_sends(self):
        wanted = {"memory.swap.max": "0", "memory.high": str(48 << 20), "memory.min": str(16 << 20), "memory.oom.group": "1"}
        pod = self.new_pod()
        id = pod.run("app", "sleep", "1000", resources={"unified": wanted, "memory_swap_limit_in_bytes": 64 << 20})
        read = lambda name: sh(id, f"cat /sys/fs/cgroup/{name}").strip()
        for name in ("memory.high", "memory.min", "memory.oom.group"):
            self.assertEqual(read(name), wanted[name])
        cri_test.runtime.UpdateContainerResources(container_id=id, linux={"unified": {"memory.high": "max", "memory.swap.max": "max"}})
        self.assertEqual(read("memory.high"), "max")
        self.assertEqual(read("memory.max"), str(64 << 20))

    def test_a_container_without_a_limit_gets_what_it_needs(self):
        pod = self.new_pod()
        first = pod.run("small", "sleep", "1000")
        id = pod.run("app", "sh", "-c", "head -c 200000000 /dev/zero >/tmp/x; wc -c </tmp/x; sleep 1000", memory=0)
        eventually("it has had 200 MB at once", lambda: ("stdout", "200000000") in pod.log("app"), seconds=180)
        self.assertEqual((container(first).state, container(id).state), (RUNNING, RUNNING))
        # A limit that comes later holds, however much its zone could have.
        cri_test.runtime.UpdateContainerResources(container_id=id, linux={"memory_limit_in_bytes": 200 << 20})
        with contextlib.suppress(grpc.RpcError):
            sh(id, "tail /dev/zero")
        eventually("it is killed", lambda: container(id).state == EXITED)
        self.assertEqual((container(id).reason, container(first).state), ("OOMKilled", RUNNING))
