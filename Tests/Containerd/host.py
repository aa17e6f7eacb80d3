"""A containerd of the test's own: root, state, sockets and czone's registry and store below one directory of /run."""

import json
import os
import shutil
import subprocess
import tempfile
import time

import images

NAMESPACE = "default"
CRI_NAMESPACE = "k8s.io"
BUSYBOX = "localhost/busybox:1"
LAYERED = "localhost/layered:1"
PYTHON = "localhost/python:1"
PAUSE = "localhost/pause:1"
# Made by Setup/python-root.
PYTHON_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/python")

CONFIG = """
version = 2
root = "{dir}/root"
state = "{dir}/state"
oom_score = 0
[grpc]
  address = "{dir}/c.sock"
[ttrpc]
  address = "{dir}/c.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{dir}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{dir}/critest/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{dir}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "czone"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.czone]
      runtime_type = "io.containerd.czone.v2"
      pod_annotations = ["czone.dev/*"]
      container_annotations = ["czone.dev/*"]
      privileged_without_host_devices = true
"""

CNI = """{"cniVersion":"0.4.0","name":"test","plugins":[{"type":"bridge","bridge":"czonetest0","isGateway":true,
"ipMasq":false,"hairpinMode":true,"ipam":{"type":"host-local","dataDir":"%s/ipam","ranges":[[{"subnet":"10.88.0.0/16"}]],
"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}"""


def eventually(what, condition, seconds=60, pause=0.1, otherwise=lambda: ""):
    """Waits for something for which there is no event; `otherwise` says more of a failure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"not after {seconds} s: {what} {otherwise()}")


# The Host that the tests of a run share.
shared = None


class Host:
    """A directory with everything in it, and the containerd that runs over it."""

    # How long a VM stays without containers.
    idle_seconds = 30

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ct-", dir="/run")
        self.address = f"{self.dir}/c.sock"
        self.process = None
        self.environment = dict(
            os.environ, CZONE_ROOT=f"{self.dir}/czone", CZONE_STORE=f"{self.dir}/store", CZONE_IDLE_TIMEOUT=str(self.idle_seconds))
        os.makedirs(f"{self.dir}/cni")
        with open(f"{self.dir}/cni/10-test.conflist", "w") as file:
            file.write(CNI % self.dir)
        with open(f"{self.dir}/config.toml", "w") as file:
            file.write(CONFIG.format(dir=self.dir))
        self.start()
        self.import_images()

    def start(self):
        with open(f"{self.dir}/containerd.log", "ab") as log:
            self.process = subprocess.Popen(
                ["containerd", "-c", f"{self.dir}/config.toml"], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually("containerd answers", lambda: self.ctr("version", check=False).returncode == 0)

    def restart_containerd(self):
        """As after a crash."""
        self.process.kill()
        self.process.wait()
        self.start()

    def import_images(self):
        busybox = images.busybox_layer(self.dir)
        upper = images.layer_of_files({"etc/note": b"from the upper layer\n", "bin/vi": None})
        made = {BUSYBOX: ([busybox], ["/bin/sh"]), LAYERED: ([busybox, upper], ["/bin/sh"]), PAUSE: ([busybox], ["/bin/sleep", "1000000"])}
        if os.path.isdir(PYTHON_ROOT):
            made[PYTHON] = ([images.layer_of_directory(PYTHON_ROOT)], ["/usr/bin/python3"])
        for name, (layers, command) in made.items():
            images.write_image(f"{self.dir}/image.tar", name, layers, command)
            for namespace in (NAMESPACE, CRI_NAMESPACE):
                self.ctr("images", "import", f"{self.dir}/image.tar", namespace=namespace)
        os.remove(f"{self.dir}/image.tar")

    def ctr(self, *arguments, namespace=NAMESPACE, check=True, input=None, timeout=120):
        done = subprocess.run(
            ["ctr", "-a", self.address, "-n", namespace, *arguments], env=self.environment, input=input,
            stdin=subprocess.DEVNULL if input is None else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"ctr {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}{self.log_tail()}")
        return done

    def run(self, id, *command, options=(), image=BUSYBOX, **more):
        """ctr run in a zone."""
        return self.ctr("run", *options, "--runtime", "io.containerd.czone.v2", image, id, *command, **more)

    def begin(self, id, *command, options=()):
        """The same in the background; the process of ctr."""
        words = ["ctr", "-a", self.address, "run", *options, "--runtime", "io.containerd.czone.v2", BUSYBOX, id, *command]
        return subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL)

    def czone(self, *arguments, check=True):
        done = subprocess.run(["czone", *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"czone {' '.join(arguments)}: {done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.czone(*arguments, "--json").stdout)

    def task_status(self, id, namespace=NAMESPACE):
        for line in self.ctr("task", "ls", namespace=namespace).stdout.splitlines():
            fields = line.split()
            if fields and fields[0] == id:
                return fields[2]
        return None

    def shims(self):
        """Process ids of this host's shim daemons."""
        return self.processes("containerd-shim-czone-v2", self.address)

    def machines(self):
        """Without the processes that serve their volumes."""
        servers = self.processes("czone-vm", "--serve-files")
        return [pid for pid in self.processes("czone-vm", "") if pid not in servers]

    def restored_machines(self):
        """Those that were restored from a template."""
        return self.processes("czone-vm", "--restore")

    def snapshot_files(self):
        """{path: mode, size and times} of all that containerd's snapshots hold."""
        files = {}
        for directory, _, names in os.walk(f"{self.dir}/root/io.containerd.snapshotter.v1.overlayfs/snapshots"):
            for path in (directory, *(os.path.join(directory, name) for name in names)):
                status = os.lstat(path)
                files[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return files

    @staticmethod
    def processes(name, word):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read().split(b"\0")
            except OSError:
                continue
            if os.path.basename(line[0]).decode() == name and any(word.encode() in part for part in line):
                found.append(int(pid))
        return found

    def traces(self):
        """How much there is of everything that containers could leave behind."""

        def entries(*directories):
            return sum(len(os.listdir(directory)) for directory in directories if os.path.isdir(directory))

        shims, machines = self.shims(), self.machines()
        with open("/proc/mounts") as mounts:
            own = sum(self.dir in line or " nsfs " in line for line in mounts)
        return {
            "shims": len(shims), "VMs": len(machines), "mounts": own,
            "file servers": len(self.processes("czone-vm", "--serve-files")), "fifos": entries("/run/containerd/fifo"),
            "descriptors": entries(*(f"/proc/{pid}/fd" for pid in shims + machines)),
            "threads": entries(*(f"/proc/{pid}/task" for pid in shims)), "sockets": entries("/run/containerd/s"),
            "containers": entries(f"{self.dir}/czone/containers"), "bundles": entries(
                *(f"{self.dir}/state/io.containerd.runtime.v2.task/{namespace}" for namespace in (NAMESPACE, CRI_NAMESPACE))),
            "network namespaces": entries("/run/netns"), "interfaces": entries("/sys/class/net"),
            "plugged bytes": sum(zone["plugged_bytes"] for vm in self.json("zones") for zone in vm["zones"]),
        }

    def more_than(self, before):
        """What there is more of than in those traces. Fewer threads than before is no loss."""
        return {what: count for what, count in self.traces().items() if count > before[what]}

    def shim_memory(self):
        """Bytes that the shims have to themselves."""
        total = 0
        for pid in self.shims():
            with open(f"/proc/{pid}/status") as status:
                total += sum(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon:"))
        return total

    def log_tail(self):
        with open(f"{self.dir}/containerd.log", "rb") as file:
            return "\ncontainerd's log:\n" + "\n".join(file.read().decode(errors="replace").splitlines()[-30:])

    def stop_machines(self):
        for line in self.czone("vm", "list").stdout.splitlines()[1:]:
            self.czone("vm", "stop", line.split()[0], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop_machines()
        eventually("no VM is left", lambda: not self.machines(), seconds=20)
        self.process.terminate()
        self.process.wait()
        eventually("idle shims end", lambda: not self.shims(), seconds=30)
        if kept := os.environ.get("CZONE_TEST_LOGS"):
            shutil.copy(f"{self.dir}/containerd.log", f"{kept}/{os.path.basename(self.dir)}.log")
        shutil.rmtree(self.dir, ignore_errors=True)
