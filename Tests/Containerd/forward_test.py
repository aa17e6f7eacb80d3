"""What programs of the host's reach on the loopback of a pod's network namespace, as containerd does to forward a port."""

import json
import subprocess
import unittest

import cri_test
from cri_test import Pod, tearDownModule
from host import eventually


def setUpModule():
    cri_test.setUpModule()


class ForwardTest(unittest.TestCase):
    def setUp(self):
        self.pod = Pod()
        self.addCleanup(self.pod.remove)
        info = cri_test.runtime.PodSandboxStatus(pod_sandbox_id=self.pod.id, verbose=True).info["info"]
        namespaces = json.loads(info)["runtimeSpec"]["linux"]["namespaces"]
        self.path = next(namespace["path"] for namespace in namespaces if namespace["type"] == "network")

    def fetch(self, url):
        return subprocess.run(["nsenter", f"--net={self.path}", "busybox", "wget", "-q", "-O", "-", url], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    def test_the_pods_loopback_on_the_host_leads_to_the_containers(self):
        self.pod.run("server", "sh", "-c", "echo loopback >/tmp/index.html; exec httpd -f -p 127.0.0.1:8081 -h /tmp")
        eventually("the server answers", lambda: self.fetch("http://127.0.0.1:8081/").stdout == "loopback\n",
                   otherwise=lambda: self.fetch("http://127.0.0.1:8081/").stderr)
        self.assertEqual(self.fetch("http://[::1]:8081/").stdout, "loopback\n")
        self.assertNotEqual(self.fetch("http://127.0.0.1:8082/").returncode, 0, "nobody listens there")
        for _ in range(20):
            self.assertEqual(self.fetch("http://127.0.0.1:8081/").stdout, "loopback\n")
