"""czone-containerd: the runtime in containerd's configuration, beside what is there."""

import os
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Configs/containerd/czone-containerd")
OTHERS = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "example/pause:1"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.other]
    runtime_type = "io.containerd.other.v2"
"""


class ConfigurationTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.config = os.path.join(self.directory.name, "etc/config.toml")

    def tool(self, action):
        return subprocess.run([TOOL, action, self.config], capture_output=True, text=True)

    def write(self, text):
        os.makedirs(os.path.dirname(self.config), exist_ok=True)
        with open(self.config, "w") as file:
            file.write(text)

    def read(self):
        with open(self.config) as file:
            return file.read()

    def test_what_others_have_set_stays(self):
        self.write(OTHERS)
        self.assertIn("restart containerd", self.tool("install").stdout)
        installed = self.read()
        self.assertNotIn("restart", self.tool("install").stdout)
        self.assertEqual(self.read(), installed, "a second time changes nothing")
        seen = subprocess.run(["containerd", "-c", self.config, "config", "dump"], capture_output=True, text=True).stdout
        for word in ("example/pause:1", "io.containerd.other.v2", "io.containerd.czone.v2"):
            self.assertIn(word, seen)
        self.assertIn("restart containerd", self.tool("remove").stdout)
        self.assertEqual(self.read(), OTHERS)

    def test_a_containerd_without_a_configuration_gets_one(self):
        self.assertEqual(self.tool("install").returncode, 0)
        seen = subprocess.run(["containerd", "-c", self.config, "config", "dump"], capture_output=True, text=True).stdout
        self.assertIn("io.containerd.czone.v2", seen)

    def test_version_3_has_other_names(self):
        self.write("version = 3\n")
        self.tool("install")
        self.assertIn("io.containerd.cri.v1.runtime", self.read())
        self.assertEqual(self.read().count("version = "), 1)

    def test_what_it_does_not_understand_it_leaves_alone(self):
        own = OTHERS + '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.czone]\n'
        for text, reason in [("version = 1\n", "version 1"), ("[debug]\n", "no version"), (own, "runtime czone of its own")]:
            self.write(text)
            done = self.tool("install")
            self.assertEqual(done.returncode, 1)
            self.assertIn(reason, done.stderr)
            self.assertEqual(self.read(), text)
        self.assertEqual(subprocess.run([TOOL, "mend"], capture_output=True).returncode, 2)
