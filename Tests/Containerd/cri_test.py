"""Pods as kubelet makes them, over CRI, with the runtime handler `czone`."""

import os
import signal
import unittest
import urllib.error
import urllib.request

import grpc

import host as containerd
from cri import Runtime, Stream
from host import BUSYBOX, LAYERED, eventually

host = None
runtime = None
READY, NOT_READY = 0, 1  # of a sandbox
RUNNING, EXITED = 1, 2  # of a container
PID_OF_POD, PID_OF_CONTAINER = 0, 1


def setUpModule():
    global host, runtime
    host = containerd.shared
    connect()


def connect():
    global runtime
    runtime = Runtime(host.address)
    eventually("CRI is ready", is_ready)


def is_ready():
    try:
        return all(condition.status for condition in runtime.Status().status.conditions)
    except grpc.RpcError:
        return False


def tearDownModule():
    runtime.close()


class Pod:
    """A pod of the tests: sandbox and containers."""

    count = 0

    def __init__(self, namespace="default", annotations=None, handler="czone", pid=PID_OF_CONTAINER, ports=(), sysctls={}):
        Pod.count += 1
        self.name = f"pod-{Pod.count}"
        self.logs = f"{host.dir}/logs/{self.name}"
        os.makedirs(self.logs)
        # As kubelet asks: containers see each other's processes only where the pod says so.
        self.security = {"namespace_options": {"pid": pid}}
        self.config = {
            "metadata": {"name": self.name, "uid": self.name, "namespace": namespace}, "hostname": self.name,
            "log_directory": self.logs, "annotations": annotations or {}, "dns_config": {"servers": ["10.88.0.1"]},
            "port_mappings": ports, "linux": {"security_context": self.security, "sysctls": sysctls},
        }
        self.id = runtime.RunPodSandbox(config=self.config, runtime_handler=handler).pod_sandbox_id

    @property
    def status(self):
        return runtime.PodSandboxStatus(pod_sandbox_id=self.id).status

    def run(self, name, *command, **more):
        id = self.create(name, *command, **more)
        runtime.StartContainer(container_id=id)
        return id

    def create(self, name, *command, memory=64 << 20, image=BUSYBOX, resources={}, **more):
        config = {
            "metadata": {"name": name}, "image": {"image": image}, "command": command, "log_path": f"{name}.log",
            "linux": {"resources": {"memory_limit_in_bytes": memory, "cpu_period": 100000, "cpu_quota": 100000,
                                    **resources},
                      "security_context": self.security}, **more,
        }
        return runtime.CreateContainer(pod_sandbox_id=self.id, config=config, sandbox_config=self.config).container_id

    def log(self, name):
        """[(stream, line)] of the CRI log."""
        with open(f"{self.logs}/{name}.log") as file:
            return [tuple(line.rstrip("\n").split(" ", 3)[1::2]) for line in file]

    def remove(self):
        runtime.StopPodSandbox(pod_sandbox_id=self.id)
        runtime.RemovePodSandbox(pod_sandbox_id=self.id)


def container(id):
    return runtime.ContainerStatus(container_id=id).status


def sh(id, script):
    done = runtime.ExecSync(container_id=id, cmd=["sh", "-c", script], timeout=30)
    return done.stdout.decode()


def machine_of(id):
    """The VM that a container is in."""
    return next(row["vm"] for row in host.json("ps") if row["id"].startswith(id))


def fetch(url):
    """The body of an answer; None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except (OSError, urllib.error.URLError):
        return None


# A web server that answers with its own host's name.
SERVER = ("sh", "-c", "hostname >/tmp/index.html; exec httpd -f -p 8080 -h /tmp")


class PodCase(unittest.TestCase):
    def pod(self, **more):
        pod = Pod(**more)
        self.addCleanup(pod.remove)
        return pod

    def assert_all_have_ended(self, pod, *ids, code):
        """All that a pod was is reported to have ended, and nothing of it is left in czone's registry."""
        for id in ids:
            eventually("the exit is reported", lambda: container(id).state == EXITED)
            self.assertEqual((container(id).exit_code, container(id).reason), (code, "Error"))
        eventually("the sandbox's end is reported", lambda: pod.status.state == NOT_READY)
        eventually("nothing is left of it", lambda: not any(id in host.czone("ps").stdout for id in (pod.id, *ids)))


class PodTest(PodCase):
    def test_containers_of_a_pod_share_its_names_and_network(self):
        pod = self.pod()
        one = pod.run("one", "sh", "-c", "nc -l -p 7777 -e echo over-loopback & sleep 1000")
        two = pod.run("two", "sleep", "1000")
        self.assertEqual(pod.status.state, 0, "SANDBOX_READY")
        self.assertEqual(sh(one, "hostname"), f"{pod.name}\n")
        self.assertEqual(sh(one, "readlink /proc/self/ns/net"), sh(two, "readlink /proc/self/ns/net"))
        self.assertEqual(sh(one, "readlink /proc/self/ns/ipc"), sh(two, "readlink /proc/self/ns/ipc"))
        self.assertNotEqual(sh(one, "readlink /proc/self/ns/pid"), sh(two, "readlink /proc/self/ns/pid"))
        self.assertEqual(sh(two, "nc 127.0.0.1 7777 </dev/null"), "over-loopback\n")
        self.assertIn("nameserver 10.88.0.1", sh(two, "cat /etc/resolv.conf"))
        self.assertEqual(machine_of(one), machine_of(two))

    def test_containers_of_a_pod_can_share_their_processes(self):
        pod = self.pod(pid=PID_OF_POD)
        one, two = pod.run("one", "sleep", "4321"), pod.run("two", "sleep", "1000")
        self.assertEqual(sh(one, "readlink /proc/self/ns/pid"), sh(two, "readlink /proc/self/ns/pid"))
        self.assertIn("sleep 4321", sh(two, "ps"))

    def test_pods_of_a_function_share_a_vm_and_tenants_do_not(self):
        wanted = {"czone.dev/function": "resize"}
        one, two, other = self.pod(annotations=wanted), self.pod(annotations=wanted), self.pod(annotations=wanted, namespace="team-b")
        ids = [pod.run("app", *SERVER) for pod in (one, two, other)]
        machines = [machine_of(id) for id in ids]
        self.assertEqual(machines[0], machines[1])
        self.assertNotEqual(machines[0], machines[2])
        # Pods in one VM are strangers to each other, and reach each other by the network alone.
        self.assertNotEqual(sh(ids[0], "readlink /proc/self/ns/net"), sh(ids[1], "readlink /proc/self/ns/net"))
        for pod in (one, two, other):
            url = f"http://{pod.status.network.ip}:8080/"
            eventually("the pod answers the host", lambda: fetch(url) == f"{pod.name}\n")
            self.assertEqual(sh(ids[0], f"wget -qO- {url}"), f"{pod.name}\n")

    def test_sysctls_of_a_pod_are_its_containers(self):
        wanted = {
            "kernel.shm_rmid_forced": "1", "kernel.msgmax": "16384", "fs.mqueue.msg_max": "20", "net.core.somaxconn": "512",
            "net.ipv4.ip_unprivileged_port_start": "80", "net.ipv4.tcp_syncookies": "0", "net.ipv4.tcp_congestion_control": "bbr",
        }
        id = self.pod(sysctls=wanted).run("app", "sleep", "1000")
        for name, value in wanted.items():
            self.assertEqual(sh(id, f"cat /proc/sys/{name.replace('.', '/')}"), f"{value}\n")

    def test_a_port_of_the_host_leads_to_the_pod(self):
        pod = self.pod(ports=[{"container_port": 8080, "host_port": 18080}])
        pod.run("app", *SERVER)
        eventually("the pod answers", lambda: fetch("http://10.88.0.1:18080/") == f"{pod.name}\n")

    def test_a_pod_can_have_its_vm_for_itself(self):
        wanted = {"czone.dev/function": "solo", "czone.dev/one-per-vm": "true"}
        ids = [self.pod(annotations=wanted).run("app", "sleep", "1000") for _ in range(2)]
        self.assertNotEqual(machine_of(ids[0]), machine_of(ids[1]))

    def test_logs_exit_codes_and_removal(self):
        pod = self.pod()
        id = pod.run("app", "sh", "-c", "echo out; echo err >&2; exit 9")
        eventually("it exits", lambda: container(id).state == EXITED)
        self.assertEqual((container(id).exit_code, container(id).reason), (9, "Error"))
        self.assertEqual(sorted(pod.log("app")), [("stderr", "err"), ("stdout", "out")])
        runtime.RemoveContainer(container_id=id)
        with self.assertRaises(grpc.RpcError) as raised:
            container(id)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_out_of_memory_is_told_as_such(self):
        pod = self.pod()
        id = pod.run("app", "sh", "-c", "tail /dev/zero")
        eventually("it is killed", lambda: container(id).state == EXITED)
        self.assertEqual((container(id).exit_code, container(id).reason), (137, "OOMKilled"))

    def test_stop_by_signal_then_by_force(self):
        pod = self.pod()
        polite = pod.run("polite", "sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done")
        stubborn = pod.run("stubborn", "sh", "-c", "trap '' TERM; while true; do sleep 1; done")
        runtime.StopContainer(container_id=polite, timeout=30)
        self.assertEqual(container(polite).exit_code, 0)
        runtime.StopContainer(container_id=stubborn, timeout=1)
        self.assertEqual(container(stubborn).exit_code, 137)

    def test_stats_and_update(self):
        pod = self.pod(annotations={"czone.dev/zone-size": "256M"})
        id = pod.run("app", "sh", "-c", "while true; do :; done")
        stats = lambda: runtime.ContainerStats(container_id=id).stats
        eventually("it uses CPU", lambda: stats().cpu.usage_core_nano_seconds.value > 10_000_000)
        self.assertGreater(stats().memory.working_set_bytes.value, 0)
        runtime.UpdateContainerResources(container_id=id, linux={"memory_limit_in_bytes": 200 << 20})
        self.assertEqual(sh(id, "cat /sys/fs/cgroup/memory.max"), f"{200 << 20}\n")
        with self.assertRaises(grpc.RpcError) as raised:
            runtime.UpdateContainerResources(container_id=id, linux={"memory_limit_in_bytes": 1 << 30})
        self.assertIn("czone.dev/zone-size", raised.exception.details())
        # It cannot have less than it uses, but less than its zone.
        sh(id, "dd if=/dev/zero of=/dev/shm/held bs=1M count=40 2>/dev/null")
        with self.assertRaises(grpc.RpcError) as raised:
            runtime.UpdateContainerResources(container_id=id, linux={"memory_limit_in_bytes": 20 << 20})
        self.assertIn("cannot shrink to 20 MiB: it uses", raised.exception.details())
        self.assertEqual(sh(id, "cat /sys/fs/cgroup/memory.max"), f"{200 << 20}\n")
        runtime.UpdateContainerResources(container_id=id, linux={"memory_limit_in_bytes": 100 << 20})
        self.assertEqual(sh(id, "cat /sys/fs/cgroup/memory.max"), f"{100 << 20}\n")
        self.assertEqual(container(id).state, RUNNING)

    def test_exec_and_attach_stream(self):
        pod = self.pod()
        id = pod.run("app", "sh", "-c", "while read line; do echo got-$line; done", stdin=True)
        stream = Stream(runtime.Exec(container_id=id, cmd=["cat"], stdin=True, stdout=True, stderr=True).url)
        stream.send(b"through exec\n")
        self.assertIn(b"through exec", stream.read_until(b"exec\n"))
        stream.close()
        stream = Stream(runtime.Attach(container_id=id, stdin=True, stdout=True, stderr=True).url)
        stream.send(b"attached\n")
        self.assertIn(b"got-attached", stream.read_until(b"got-attached"))
        stream.close()

    def test_containerd_comes_back_to_its_pods(self):
        pod = self.pod()
        id = pod.run("app", "sh", "-c", "echo before; sleep 1000")
        doomed = pod.run("doomed", "sh", "-c", "trap 'exit 3' TERM; while true; do sleep 1; done")
        self.restart_containerd()
        self.assertEqual((container(id).state, container(doomed).state, pod.status.state), (RUNNING, RUNNING, READY))
        self.assertEqual(sh(id, "echo here"), "here\n")
        sh(doomed, "kill 1")
        eventually("containerd hears of an end", lambda: container(doomed).state == EXITED)
        self.assertEqual(container(doomed).exit_code, 3)
        runtime.StopContainer(container_id=id, timeout=0)
        self.assertEqual(container(id).exit_code, 137)
        self.assertEqual(pod.log("app"), [("stdout", "before")])

    def restart_containerd(self):
        runtime.close()
        host.restart_containerd()
        connect()

    def pod_whose_end_is(self, processes):
        """A pod of two containers, after what it hangs on was killed: all has ended, and another pod works."""
        pod = self.pod()
        ids = [pod.run(name, "sleep", "1000") for name in ("one", "two")]
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        # 255 is also what CRI takes for an end that it could not wait for.
        self.assert_all_have_ended(pod, *ids, code=255)
        self.assertEqual(sh(self.pod().run("afterwards", "sleep", "1000"), "echo works"), "works\n")
        return pod

    def test_vm_is_killed(self):
        pod = self.pod_whose_end_is(host.machines)
        self.assertEqual(pod.log("one"), [("stderr", "czone: the container's VM has ended")])

    def test_shim_is_killed(self):
        self.pod_whose_end_is(host.shims)

    def test_directories_and_files_of_the_host(self):
        directory = f"{host.dir}/volume"
        os.makedirs(f"{directory}/first")
        for path, text in {"first/key": "one", "hosts": "127.0.0.1 localhost written-by-kubelet"}.items():
            with open(f"{directory}/{path}", "w") as file:
                file.write(f"{text}\n")
        os.symlink("first", f"{directory}/data")
        pod = self.pod()
        id = pod.run("app", "sleep", "1000", mounts=[
            {"container_path": "/config", "host_path": directory, "readonly": True},
            {"container_path": "/scratch", "host_path": f"{directory}/first"},
            {"container_path": "/etc/hosts", "host_path": f"{directory}/hosts"}])
        self.assertEqual(sh(id, "cat /config/data/key"), "one\n")
        self.assertIn("written-by-kubelet", sh(id, "cat /etc/hosts"))
        self.assertEqual(sh(id, "touch /config/new 2>/dev/null || echo refused"), "refused\n")
        self.assertEqual(sh(id, "echo two >/scratch/made && cat /config/first/made"), "two\n")
        with open(f"{directory}/first/made") as file:
            self.assertEqual(file.read(), "two\n")
        # As a config map is updated: a link that is exchanged.
        os.makedirs(f"{directory}/second")
        with open(f"{directory}/second/key", "w") as file:
            file.write("three\n")
        os.symlink("second", f"{directory}/data.new")
        os.rename(f"{directory}/data.new", f"{directory}/data")
        self.assertEqual(sh(id, "cat /config/data/key"), "three\n")

    def test_pods_leave_nothing(self):
        keeper = self.pod()
        keeper.run("app", "sleep", "1000")
        # Another image stays mapped in the VM from then on.
        keeper.run("sidecar", "sleep", "1000", image=LAYERED)
        eventually("idle VMs of other tests end", lambda: len(host.machines()) == 1, seconds=host.idle_seconds + 30)
        before = host.traces()
        pods = [Pod() for _ in range(2)]
        # One without a container, as when an image cannot be had.
        Pod().remove()
        for pod in pods:
            pod.run("app", *SERVER)
            pod.run("sidecar", "sleep", "1000", image=LAYERED)
        for pod in pods:
            pod.remove()
        eventually("nothing is more than before", lambda: not host.more_than(before),
                   otherwise=lambda: f"{host.more_than(before)}, before: {before}")

    def test_what_the_host_would_have_to_share_is_refused(self):
        with self.assertRaises(grpc.RpcError) as raised:
            config = {"metadata": {"name": "hostnet", "uid": "u", "namespace": "default"}, "log_directory": host.dir,
                      "linux": {"security_context": {"namespace_options": {"network": 2, "pid": PID_OF_CONTAINER}}}}
            runtime.RunPodSandbox(config=config, runtime_handler="czone")
        self.assertIn("network namespace is not supported", raised.exception.details())
