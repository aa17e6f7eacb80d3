"""Everyday commands of docker, each with czone as the runtime, and with CZONE_TEST_BESIDE=1 with runc as well."""

import http.server
import json
import os
import socket
import tempfile
import threading
import unittest
import urllib.request

import engine as docker_engine
from docker_test_known import KNOWN
from engine import IMAGE
from host import eventually

engine = None
LOOP = ("sh", "-c", "trap 'exit 5' TERM; while true; do sleep 1; done")


def setUpModule():
    global engine
    engine = docker_engine.shared


class Commands:
    """What a user expects of docker whatever the runtime."""

    runtime = None

    def setUp(self):
        self.name = f"{self._testMethodName.replace('test_', '')}-{self.runtime.rpartition('.')[0].rpartition('.')[2] or self.runtime}"
        self.addCleanup(engine.docker, "rm", "-f", self.name, check=False)

    def run_it(self, *words, check=True, **more):
        """docker run --rm with the runtime; options, then the image and its command."""
        return engine.docker("run", "--rm", "--runtime", self.runtime, *words, check=check, **more)

    def detach(self, *options, command=LOOP):
        engine.docker("run", "-d", "--name", self.name, "--runtime", self.runtime, *options, IMAGE, *command)
        return self.name

    def inspect(self, template, name=None):
        return engine.docker("inspect", "-f", template, name or self.name).stdout.strip()

    def address(self, name=None):
        return self.inspect("{{.NetworkSettings.IPAddress}}", name)

    # MARK: run

    def test_run(self):
        done = self.run_it(IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "out\n", "err\n"))

    def test_run_with_input(self):
        self.assertEqual(self.run_it("-i", IMAGE, "wc", "-c", input="x" * 50_000).stdout.strip(), "50000")

    def test_run_environment(self):
        done = self.run_it("-e", "A=b c", "-w", "/tmp", "--hostname", "named", IMAGE, "sh", "-c", "echo $A; pwd; hostname")
        self.assertEqual(done.stdout.split("\n"), ["b c", "/tmp", "named", ""])

    def test_run_entrypoint(self):
        self.assertEqual(self.run_it("--entrypoint", "/bin/echo", IMAGE, "a", "b").stdout, "a b\n")

    def test_run_user(self):
        self.assertEqual(self.run_it("--user", "1000:2000", IMAGE, "sh", "-c", "id -u; id -g").stdout, "1000\n2000\n")

    def test_run_volume(self):
        with tempfile.TemporaryDirectory(dir=engine.dir) as directory:
            with open(f"{directory}/in", "w") as file:
                file.write("from the host\n")
            done = self.run_it("-v", f"{directory}:/data", IMAGE, "sh", "-c", "cat /data/in; echo back >/data/out")
            self.assertEqual(done.stdout, "from the host\n")
            with open(f"{directory}/out") as file:
                self.assertEqual(file.read(), "back\n")

    def test_run_named_volume(self):
        self.addCleanup(engine.docker, "volume", "rm", "-f", self.name, check=False)
        self.run_it("-v", f"{self.name}:/data", IMAGE, "sh", "-c", "echo kept >/data/file")
        self.assertEqual(self.run_it("-v", f"{self.name}:/data:ro", IMAGE, "cat", "/data/file").stdout, "kept\n")

    def test_run_memory_limit(self):
        done = self.run_it("--memory", "64m", IMAGE, "sh", "-c", "tail /dev/zero", check=False)
        self.assertEqual(done.returncode, 137)

    def test_run_cpus_and_pids(self):
        done = self.run_it("--cpus", "0.5", "--pids-limit", "20", IMAGE, "sh", "-c", "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max")
        self.assertEqual(done.stdout, "50000 100000\n20\n")

    def test_run_read_only_with_tmpfs(self):
        done = self.run_it("--read-only", "--tmpfs", "/scratch", IMAGE, "sh", "-c", "echo x >/scratch/x && ! echo y 2>/dev/null >/y")
        self.assertEqual(done.returncode, 0)

    def test_run_init(self):
        self.assertIn("docker-init", self.run_it("--init", IMAGE, "cat", "/proc/1/cmdline").stdout)

    def test_run_ulimit_sysctl(self):
        done = self.run_it("--ulimit", "nofile=123:456", "--sysctl", "net.core.somaxconn=77", IMAGE, "sh", "-c",
                           "ulimit -n; cat /proc/sys/net/core/somaxconn")
        self.assertEqual(done.stdout, "123\n77\n")

    def test_run_capabilities(self):
        drop = self.run_it("--cap-drop", "ALL", IMAGE, "grep", "CapEff", "/proc/self/status").stdout
        self.assertEqual(drop.split()[1], "0000000000000000")

    def test_run_privileged(self):
        self.assertEqual(self.run_it("--privileged", IMAGE, "sh", "-c", "mount -t tmpfs x /tmp && echo mounted").stdout, "mounted\n")

    def test_run_device(self):
        self.assertEqual(self.run_it("--device", "/dev/null:/dev/nothing", IMAGE, "sh", "-c", "echo x >/dev/nothing; echo ok").stdout, "ok\n")

    def test_run_missing_program(self):
        done = self.run_it(IMAGE, "/no/such", check=False)
        self.assertEqual(done.returncode, 127, done.stderr)
        self.assertIn("/no/such", done.stderr)

    # MARK: network

    def test_network_none(self):
        self.assertEqual(self.run_it("--network", "none", IMAGE, "ls", "/sys/class/net").stdout.split(), ["lo"])

    def test_network_reaches_the_host(self):
        server = http.server.ThreadingHTTPServer(("172.31.0.1", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        url = f"http://172.31.0.1:{server.server_address[1]}/"
        self.assertIn("Directory listing", self.run_it(IMAGE, "wget", "-q", "-O", "-", url).stdout)

    def test_network_between_containers(self):
        self.detach(command=("sh", "-c", "mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www"))
        address = self.address()
        self.assertTrue(address.startswith("172.31."), address)
        script = f"for i in 1 2 3 4 5; do timeout 10 wget -q -O - http://{address}/ && break; sleep 1; done"
        self.assertEqual(self.run_it(IMAGE, "sh", "-c", script).stdout, "hello\n")

    def test_network_published_port(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.detach("-p", f"127.0.0.1:{port}:80", command=("sh", "-c", "mkdir /www; echo there >/www/index.html; exec httpd -f -p 80 -h /www"))

        def fetched():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read()
            except OSError:
                return None

        self.assertEqual(eventually("the published port answers", fetched), b"there\n")

    def test_network_of_the_users(self):
        """With names, which dockerd serves in the namespace."""
        self.addCleanup(engine.docker, "network", "rm", self.name, check=False)
        engine.docker("network", "create", self.name)
        self.addCleanup(engine.docker, "rm", "-f", f"{self.name}-peer", check=False)
        self.detach("--network", self.name, command=("sh", "-c", "mkdir /www; echo named >/www/index.html; exec httpd -f -p 80 -h /www"))
        script = f"for i in 1 2 3; do timeout 10 wget -q -O - http://{self.name}/ && break; sleep 1; done"
        self.assertEqual(self.run_it("--network", self.name, IMAGE, "sh", "-c", script).stdout, "named\n")

    # MARK: containers

    def test_logs(self):
        self.detach(command=("sh", "-c", "echo one; echo two >&2"))
        engine.docker("wait", self.name)
        done = engine.docker("logs", self.name)
        self.assertEqual((done.stdout, done.stderr), ("one\n", "two\n"))

    def test_exec(self):
        self.detach("-e", "A=b")
        done = engine.docker("exec", "-i", "-e", "C=d", self.name, "sh", "-c", "cat; echo $A $C; exit 4", input="in\n", check=False)
        self.assertEqual((done.returncode, done.stdout), (4, "in\nb d\n"))

    def test_stop_and_exit_code(self):
        self.detach()
        engine.docker("stop", "-t", "20", self.name)
        self.assertEqual(self.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 5")

    def test_kill_and_wait(self):
        self.detach()
        engine.docker("kill", self.name)
        self.assertEqual(engine.docker("wait", self.name).stdout.strip(), "137")

    def test_start_again(self):
        self.detach(command=("sh", "-c", "echo again"))
        engine.docker("wait", self.name)
        engine.docker("start", "-a", self.name)
        self.assertEqual(engine.docker("logs", self.name).stdout, "again\nagain\n")

    def test_restart(self):
        self.detach()
        engine.docker("restart", "-t", "20", self.name)
        self.assertEqual(self.inspect("{{.State.Running}}"), "true")
        self.assertEqual(engine.docker("exec", self.name, "echo", "works").stdout, "works\n")

    def test_restart_policy(self):
        self.detach("--restart", "on-failure:2", command=("sh", "-c", "exit 3"))
        eventually("it was restarted twice", lambda: self.inspect("{{.RestartCount}} {{.State.Status}}") == "2 exited", seconds=90)

    def test_pause(self):
        self.detach()
        engine.docker("pause", self.name)
        self.assertEqual(self.inspect("{{.State.Status}}"), "paused")
        engine.docker("unpause", self.name)
        self.assertEqual(self.inspect("{{.State.Status}}"), "running")

    def test_create_start_rm(self):
        engine.docker("create", "--name", self.name, "--runtime", self.runtime, IMAGE, "echo", "made")
        self.assertEqual(engine.docker("start", "-a", self.name).stdout, "made\n")
        engine.docker("rm", self.name)
        self.assertNotEqual(engine.docker("inspect", self.name, check=False).returncode, 0)

    def test_rm_force(self):
        self.detach()
        engine.docker("rm", "-f", self.name)
        self.assertNotIn(self.name, engine.docker("ps", "-a").stdout)

    def test_ps_and_inspect(self):
        self.detach()
        self.assertIn(self.name, engine.docker("ps").stdout)
        self.assertGreater(int(self.inspect("{{.State.Pid}}")), 0)

    def test_top(self):
        self.detach()
        self.assertIn("sleep", engine.docker("top", self.name).stdout)

    def test_stats(self):
        self.detach()
        done = engine.docker("stats", "--no-stream", "--format", "{{json .}}", self.name)
        self.assertNotEqual(json.loads(done.stdout)["MemUsage"].split()[0], "0B")

    def test_update(self):
        self.detach("--memory", "64m", "--memory-swap", "64m")
        engine.docker("update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.5", self.name)
        limit = engine.docker("exec", self.name, "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max").stdout.split()
        self.assertEqual(limit, [str(96 << 20), "50000", "100000"])

    def test_health(self):
        self.detach("--health-cmd", "true", "--health-interval", "1s")
        eventually("it is healthy", lambda: self.inspect("{{.State.Health.Status}}") == "healthy", seconds=90)

    def test_rename_port_events(self):
        self.detach("-p", "80")
        self.assertIn("80/tcp", engine.docker("port", self.name).stdout)
        engine.docker("rename", self.name, f"{self.name}-2")
        engine.docker("rename", f"{self.name}-2", self.name)
        seen = engine.docker("events", "--since", "1h", "--until", "0s", "--filter", f"container={self.name}", "--format", "{{.Action}}").stdout
        self.assertIn("start", seen)

    def test_attach(self):
        self.detach(command=("sh", "-c", "while ! [ -e /go ]; do sleep 0.2; done; echo attached"))
        engine.docker("exec", "-d", self.name, "sh", "-c", "sleep 3; touch /go")
        self.assertEqual(engine.docker("attach", "--no-stdin", self.name).stdout, "attached\n")

    # MARK: files

    def test_cp_in(self):
        self.detach()
        with open(f"{docker_engine.ROOT}/tmp/in", "w") as file:
            file.write("copied\n")
        engine.docker("cp", "/tmp/in", f"{self.name}:/in")
        self.assertEqual(engine.docker("exec", self.name, "cat", "/in").stdout, "copied\n")

    def test_cp_out(self):
        self.detach(command=("sh", "-c", "echo written >/file; exec sleep 1000"))
        eventually("it is written", lambda: engine.docker("exec", self.name, "cat", "/file", check=False).stdout)
        engine.docker("cp", f"{self.name}:/file", "/tmp/out")
        with open(f"{docker_engine.ROOT}/tmp/out") as file:
            self.assertEqual(file.read(), "written\n")

    def test_diff(self):
        self.detach(command=("sh", "-c", "echo written >/file"))
        engine.docker("wait", self.name)
        self.assertIn("A /file", engine.docker("diff", self.name).stdout)

    def test_commit(self):
        self.detach(command=("sh", "-c", "echo written >/file"))
        engine.docker("wait", self.name)
        self.addCleanup(engine.docker, "rmi", "-f", self.name, check=False)
        engine.docker("commit", self.name, self.name)
        self.assertEqual(self.run_it(self.name, "cat", "/file").stdout, "written\n")

    def test_files_stay_over_a_restart(self):
        self.detach(command=("sh", "-c", "[ -e /file ] && cat /file; echo kept >/file"))
        engine.docker("wait", self.name)
        engine.docker("start", "-a", self.name)
        self.assertEqual(engine.docker("logs", self.name).stdout, "kept\n")


class CzoneTest(Commands, unittest.TestCase):
    runtime = "io.containerd.czone.v2"

    def _callTestMethod(self, method):
        reason = KNOWN.get(self._testMethodName)
        if not reason:
            return super()._callTestMethod(method)
        try:
            super()._callTestMethod(method)
        except Exception as error:
            raise unittest.SkipTest(f"known: {reason}") from error
        raise AssertionError(f"it works, so it is not known to fail any more: {reason}")


@unittest.skipUnless(os.environ.get("CZONE_TEST_BESIDE") == "1", "CZONE_TEST_BESIDE=1 runs it")
class RuncTest(Commands, unittest.TestCase):
    runtime = "runc"
