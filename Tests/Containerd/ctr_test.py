"""What users of `ctr` expect, with io.containerd.czone.v2 as the runtime."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import host as containerd
from host import BUSYBOX, LAYERED, PYTHON, PYTHON_ROOT, eventually

host = None
# ctr sends the size of its terminal a little after the start.
SIZED = "until stty size | grep -x '33 77'; do sleep 0.1; done; tty"


def setUpModule():
    global host
    host = containerd.shared


def in_terminal(command):
    """What a command does that has a terminal of 33 rows and 77 columns."""
    return subprocess.run(["script", "-qec", f"stty rows 33 cols 77; {command}", "/dev/null"], env=host.environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60)


class RunTest(unittest.TestCase):
    def test_users_of_a_namespace(self):
        """ctr makes a snapshot whose files are the namespace's users'."""
        options = ("--rm", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536")
        script = "id -u; cat /proc/self/uid_map; stat -c %u:%g / /bin/sh /dev/null; echo x >/made && stat -c %u /made"
        printed = host.run("mapped", "sh", "-c", script, options=options).stdout.split()
        self.assertEqual(printed, ["0", "0", "100000", "65536", "0:0", "0:0", "0:0", "0"])

    def test_output_and_exit_code_pass_through(self):
        done = host.run("out", "sh", "-c", "echo to-output; echo to-error >&2; exit 7", options=["--rm"], check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "to-output\n", "to-error\n"), host.log_tail())
        self.assertIsNone(host.task_status("out"))

    def test_standard_input_reaches_the_program_and_ends(self):
        done = host.run("in", "wc", "-c", options=["--rm"], input="x" * 100_000)
        self.assertEqual(done.stdout.strip(), "100000")

    def test_large_output_is_complete(self):
        done = host.run("large", "sh", "-c", "seq 1 200000", options=["--rm"])
        self.assertEqual(done.stdout.split(), [str(n) for n in range(1, 200_001)])

    def test_layers_lie_over_each_other(self):
        done = host.run("layers", "sh", "-c", "cat /etc/note; ls /bin/vi", options=["--rm"], image=LAYERED, check=False)
        self.assertEqual(done.stdout, "from the upper layer\n")
        self.assertNotEqual(done.returncode, 0, "the whiteout takes /bin/vi away")

    def test_a_program_that_is_missing_is_told(self):
        done = host.run("missing", "/no/such/program", options=["--rm"], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/no/such/program", done.stderr)
        host.ctr("container", "rm", "missing", check=False)

    @unittest.skipUnless(shutil.which("runc"), "no runc")
    def test_a_program_that_cannot_run_fails_where_runc_has_it(self):
        """runc looks for the program before it says that the container is there: at Create."""
        for program in ("/no/such/program", "no-such-program", "/etc"):
            where = {}
            for runtime in ("io.containerd.runc.v2", "io.containerd.czone.v2"):
                name = "unrunnable"
                host.ctr("container", "create", "--runtime", runtime, LAYERED, name, program)
                done = host.ctr("task", "start", "-d", name, check=False)
                self.assertNotEqual(done.returncode, 0, program)
                where[runtime] = "create" if "failed to create shim task" in done.stderr else "start"
                self.assertIn(program.rpartition("/")[2], done.stderr)
                host.ctr("task", "rm", "-f", name, check=False)
                host.ctr("container", "rm", name, check=False)
            self.assertEqual(len(set(where.values())), 1, f"{program}: {where}")

    def test_what_a_vm_cannot_do_is_refused_by_name(self):
        done = host.run("hostnet", "true", options=["--rm", "--net-host"], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("network namespace is not supported", done.stderr)
        host.ctr("container", "rm", "hostnet", check=False)

    def test_terminal(self):
        options = "--rm -t --runtime io.containerd.czone.v2"
        done = in_terminal(f"ctr -a {host.address} run {options} {BUSYBOX} tty sh -c \"{SIZED}; exit 6\"")
        self.assertEqual(done.returncode, 6, done.stdout)
        self.assertIn("/dev/", done.stdout)

    def test_killed_for_memory(self):
        done = host.run(
            "oom", "sh", "-c", "tail /dev/zero", options=["--rm", "--memory-limit", str(32 << 20)], check=False)
        self.assertEqual(done.returncode, 137)

    @unittest.skipUnless(os.path.isdir(PYTHON_ROOT), "no Python root file system was made")
    def test_python(self):
        done = host.run("python", "python3", "-c", "import json, zlib; print(json.dumps({'sum': sum(range(1000))}))",
                        options=["--rm"], image=PYTHON)
        self.assertEqual(done.stdout, '{"sum": 499500}\n')


class HookTest(unittest.TestCase):
    """Hooks of the specification, with the state on their standard input."""

    POINTS = ["prestart", "createRuntime", "poststart", "poststop"]

    def bundle(self, hooks, command=("cat", "/proc/net/dev")):
        """A specification as ctr makes it, with hooks; its path."""
        self.directory = tempfile.mkdtemp(dir=host.dir)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        spec = json.loads(host.ctr("oci", "spec").stdout)
        spec["process"]["args"], spec["hooks"] = list(command), hooks
        spec["root"] = {"path": f"{host.dir}/busybox-root"}
        path = f"{self.directory}/config.json"
        with open(path, "w") as file:
            json.dump(spec, file)
        return path

    def hook(self, point, script="true"):
        script = f"pid=$(tee {self.log(point)} | sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); {script}"
        return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}

    @staticmethod
    def log(point):
        return f"{host.dir}/hook-{point}"

    def state(self, point):
        with open(self.log(point)) as file:
            return json.load(file)

    def setUp(self):
        self.name = self._testMethodName.replace("test_", "")
        self.addCleanup(end, self.name)
        for point in self.POINTS:
            self.addCleanup(lambda path: os.path.exists(path) and os.remove(path), self.log(point))

    def run_it(self, hooks, *command, check=True):
        return host.ctr("run", "--rm", "--runtime", "io.containerd.czone.v2", "--config", self.bundle(hooks, *command), self.name,
                        check=check)

    def test_what_hooks_lead_into_the_namespace_is_the_containers(self):
        """As docker's hook does: an interface of the host is moved into the namespace of the state's process."""
        interface = ("ip link add cz0 type veth peer name cz1 && ip link set cz1 netns $pid name eth7 && ip link set cz0 up && "
                     "nsenter -n -t $pid ip addr add 10.66.0.2/24 dev eth7 && nsenter -n -t $pid ip link set eth7 up")
        self.addCleanup(subprocess.run, ["ip", "link", "del", "cz0"], stderr=subprocess.DEVNULL)
        hooks = {point: [self.hook(point, interface if point == "prestart" else "true")] for point in self.POINTS}
        done = self.run_it(hooks, ["ip", "addr", "show", "dev", "eth7"])
        self.assertIn("10.66.0.2/24", done.stdout)
        states = [self.state(point) for point in self.POINTS]
        self.assertEqual([state["status"] for state in states], ["creating", "creating", "running", "stopped"])
        self.assertEqual({state["id"] for state in states}, {self.name})
        self.assertEqual(len({state.get("pid") for state in states[:3]}), 1)
        self.assertFalse(os.path.exists(f"/proc/{states[0]['pid']}"), "the process goes with the container")

    def test_a_hook_that_fails_is_told(self):
        done = self.run_it({"createRuntime": [self.hook("createRuntime", "echo no bridge >&2; exit 9")], "poststop": [self.hook("poststop")]},
                           check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("the hook createRuntime \"/bin/sh\" has failed: exit status 9: no bridge", done.stderr)
        self.assertEqual(self.state("poststop")["status"], "stopped")

    def test_a_hook_in_the_containers_namespaces_is_refused_by_name(self):
        done = self.run_it({"createContainer": [self.hook("createContainer")]}, check=False)
        self.assertIn("hooks.createContainer", done.stderr)

    def test_hooks_of_a_shim_that_was_killed_run_at_the_deletion(self):
        config = self.bundle({"poststop": [self.hook("poststop")]}, ["sleep", "1000"])
        host.ctr("run", "-d", "--runtime", "io.containerd.czone.v2", "--config", config, self.name)
        for pid in host.shims():
            os.kill(pid, signal.SIGKILL)
        eventually("the hook has run", lambda: os.path.exists(self.log("poststop")) and os.path.getsize(self.log("poststop")))
        self.assertEqual(self.state("poststop")["status"], "stopped")


def detach(id):
    """A container that lives until it is stopped."""
    host.run(id, "sh", "-c", "trap 'exit 5' TERM; while true; do sleep 1; done", options=["-d"])


def end(id):
    """Whatever has become of it."""
    host.ctr("task", "kill", "-s", "SIGKILL", id, check=False)
    eventually("the task ends", lambda: host.task_status(id) in (None, "STOPPED"))
    host.ctr("task", "rm", id, check=False)
    host.ctr("container", "rm", id, check=False)


class DetachedTest(unittest.TestCase):
    """What leaves a container as it was."""

    name = "detached"

    @classmethod
    def setUpClass(cls):
        detach(cls.name)
        cls.addClassCleanup(end, cls.name)

    def test_status_and_processes(self):
        self.assertEqual(host.task_status(self.name), "RUNNING")
        self.assertGreaterEqual(len(host.ctr("task", "ps", self.name).stdout.splitlines()), 2)

    def test_exec(self):
        done = host.ctr("task", "exec", "--exec-id", "one", self.name, "sh", "-c", "ls /proc | grep -c '^[0-9]*$'; exit 3", check=False)
        self.assertEqual(done.returncode, 3)
        self.assertGreaterEqual(int(done.stdout), 2, "it is in the container's process namespace")
        done = host.ctr("task", "exec", "--exec-id", "two", self.name, "cat", input="through\n")
        self.assertEqual(done.stdout, "through\n")

    def test_exec_with_terminal(self):
        command = f"ctr -a {host.address} -n default task exec -t --exec-id tty {self.name} sh -c \"{SIZED}\""
        self.assertIn("/dev/pts/", in_terminal(command).stdout)

    def test_metrics(self):
        text = host.ctr("task", "metrics", self.name).stdout
        values = dict(line.split()[:2] for line in text.splitlines() if len(line.split()) >= 2)
        self.assertGreater(int(values["memory.usage_in_bytes"]), 4096)
        self.assertGreaterEqual(int(values["pids.current"]), 1)

    def test_pause_and_resume(self):
        host.ctr("task", "pause", self.name)
        self.assertEqual(host.task_status(self.name), "PAUSED")
        host.ctr("task", "resume", self.name)
        self.assertEqual(host.task_status(self.name), "RUNNING")

    def test_errors_have_their_codes_and_say_what_was_wrong(self):
        def refused(code, words, *arguments):
            done = host.ctr("task", *arguments, check=False)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(words, done.stderr)
            self.assertIn(code, done.stderr)

        refused("failed precondition", f"cannot resume the container {self.name}: it is running", "resume", self.name)
        host.ctr("task", "pause", self.name)
        refused("failed precondition", f"cannot pause the container {self.name}: it is paused", "pause", self.name)
        refused("failed precondition", "it is paused", "exec", "--exec-id", "paused", self.name, "true")
        host.ctr("task", "resume", self.name)
        refused("not implemented", "cannot be checkpointed", "checkpoint", "--image-path", "/run/nowhere", self.name)
        # What could not be done leaves the container as it was.
        self.assertEqual(host.ctr("task", "exec", "--exec-id", "then", self.name, "echo", "works").stdout, "works\n")


class EndTest(unittest.TestCase):
    def setUp(self):
        self.name = self._testMethodName.replace("test_", "")
        self.addCleanup(end, self.name)
        detach(self.name)

    def test_signals_are_delivered(self):
        host.ctr("task", "kill", "-s", "SIGTERM", self.name)
        eventually("it ends by its own handler", lambda: host.task_status(self.name) == "STOPPED")
        self.assertIn("exit code 5", host.ctr("task", "rm", self.name).stderr)

    def test_containerd_comes_back(self):
        host.restart_containerd()
        self.assertEqual(host.task_status(self.name), "RUNNING")
        self.assertEqual(host.ctr("task", "exec", "--exec-id", "after", self.name, "echo", "still here").stdout, "still here\n")
        host.ctr("task", "kill", "-s", "SIGKILL", self.name)
        eventually("containerd hears of the end", lambda: host.task_status(self.name) == "STOPPED")

    def test_a_containerd_that_is_stopped_holds_nobody_up(self):
        """Its shim's VM serves others meanwhile, and it hears of the end when it goes on."""
        host.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            host.czone("kill", f"{self.name}@default")
            eventually("the container is gone", lambda: self.name not in host.czone("ps").stdout)
            self.assertLess(time.monotonic() - began, 60)
            # Longer than an event may take: it is sent again.
            time.sleep(6)
        finally:
            host.process.send_signal(signal.SIGCONT)
        eventually("containerd hears of the end", lambda: host.task_status(self.name) == "STOPPED")
        self.assertEqual(host.run("later", "echo", "works", options=["--rm"]).stdout, "works\n")

    def test_a_vm_that_is_stopped_holds_nobody_up(self):
        for pid in host.machines():
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        # Not `task exec`: ctr itself waits there for the output's end, and the VM, stopped, has the other end.
        done = host.ctr("task", "ps", self.name, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("has not answered within 20 s", done.stderr)
        self.assertLess(time.monotonic() - began, 60)
        # The next container is in another VM.
        self.assertEqual(host.run("elsewhere", "echo", "works", options=["--rm"]).stdout, "works\n")
        # A container that is killed takes a VM that does not answer with it.
        host.ctr("task", "kill", "-s", "SIGKILL", self.name)
        eventually("the exit is reported", lambda: host.task_status(self.name) == "STOPPED")

    def test_shim_is_killed(self):
        for pid in host.shims():
            os.kill(pid, signal.SIGKILL)
        eventually("containerd reports the exit", lambda: host.task_status(self.name) in (None, "STOPPED", "UNKNOWN"))
        eventually("the container is gone", lambda: self.name not in host.czone("ps").stdout)

    def test_vm_is_killed(self):
        for pid in host.machines():
            os.kill(pid, signal.SIGKILL)
        eventually("the exit is reported", lambda: host.task_status(self.name) == "STOPPED")
        self.assertEqual(host.run("afterwards", "echo", "works", options=["--rm"]).stdout, "works\n")


class LeakTest(unittest.TestCase):
    """CZONE_TEST_RUNS (4) runs one after the other, then CZONE_TEST_PARALLEL (4) at the same time."""

    def test_runs_leave_nothing(self):
        runs, parallel = int(os.environ.get("CZONE_TEST_RUNS", "4")), int(os.environ.get("CZONE_TEST_PARALLEL", "4"))
        # It holds the VM and the shim, so that what others leave in them shows.
        self.addCleanup(end, "keeper")
        detach("keeper")
        host.run("warm", "true", options=["--rm"])
        only_the_keeper = lambda: len(host.czone("ps", "-q").stdout.split()) == 1
        eventually("only the keeper is left", only_the_keeper)
        # The one that a template is made of ends by itself.
        eventually("only the keeper's VM is left", lambda: len(host.machines()) == 1, seconds=host.idle_seconds + 30)
        before, memory = host.traces(), host.shim_memory()
        for number in range(runs):
            host.run(f"run-{number}", "true", options=["--rm"])
        started = [host.begin(f"parallel-{number}", "true", options=["--rm"]) for number in range(parallel)]
        self.assertEqual([process.wait(timeout=300) for process in started], [0] * parallel)
        eventually("only the keeper is left", only_the_keeper)
        # VMs that were started for the many end when they have been idle for a while.
        eventually("nothing is more than before", lambda: not host.more_than(before), seconds=host.idle_seconds + 30,
                   otherwise=lambda: f"{host.more_than(before)}, before: {before}")
        # What the allocator keeps of what many needed at once is not a leak, but does not grow with the runs either.
        self.assertLess(host.shim_memory() - memory, 4 << 20)
