"""A dockerd of the test's own, in a root directory of another Debian, with everything of it below one directory of /run."""

import os
import shutil
import subprocess
import tempfile

import images
from host import eventually

ROOT = os.environ.get("CZONE_TEST_DOCKER", "")
IMAGE = "box"

# The Engine that the tests of a run share.
shared = None


class Engine:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="dk-", dir="/run")
        self.socket = f"unix://{self.dir}/d.sock"
        self.environment = dict(
            os.environ, CZONE_ROOT=f"{self.dir}/czone", CZONE_STORE=f"{self.dir}/store", CZONE_IDLE_TIMEOUT="30",
            DOCKER_HOST=self.socket, DOCKER_BUILDKIT="0", HOME="/root")
        with open(f"{self.dir}/log", "wb") as log:
            self.process = subprocess.Popen(
                ["chroot", ROOT, "dockerd", "--host", self.socket, "--data-root", f"{self.dir}/data", "--exec-root", f"{self.dir}/exec",
                 "--pidfile", f"{self.dir}/pid", "--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs",
                 "--bip", "172.31.0.1/16"], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually("dockerd answers", self.answers, seconds=180, otherwise=self.log_tail)
        self.docker("import", "--change", "ENV PATH=/bin", "--change", 'CMD ["/bin/sh"]', "-", IMAGE, input=images.busybox_layer(self.dir))

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"dockerd has ended with {self.process.returncode}: {self.log_tail()}")
        return self.docker("version", check=False).returncode == 0

    def docker(self, *arguments, check=True, input=None, timeout=180):
        """docker, with text as output; input is text or bytes."""
        done = subprocess.run(
            ["chroot", ROOT, "docker", *arguments], env=self.environment, input=input.encode() if isinstance(input, str) else input,
            stdin=subprocess.DEVNULL if input is None else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}{self.log_tail()}")
        return done

    def czone(self, *arguments, check=True):
        return subprocess.run(["czone", *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=check).stdout

    def log_tail(self):
        with open(f"{self.dir}/log", "rb") as file:
            return "\ndockerd's log:\n" + "\n".join(file.read().decode(errors="replace").splitlines()[-25:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        names = self.docker("ps", "-aq", check=False).stdout.split()
        if names:
            self.docker("rm", "-f", *names, check=False)
        for line in self.czone("vm", "list", check=False).splitlines()[1:]:
            self.czone("vm", "stop", line.split()[0], check=False)
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        if kept := os.environ.get("CZONE_TEST_LOGS"):
            shutil.copy(f"{self.dir}/log", f"{kept}/dockerd.log")
        subprocess.run(["umount", "-l", *(line.split()[1] for line in reversed(open("/proc/mounts").readlines()) if self.dir in line)],
                       stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
