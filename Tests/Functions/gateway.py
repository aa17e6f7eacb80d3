"""A gateway of a test's own: registry, store and functions in a directory that goes with it."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from python_image import import_python_image

HERE = Path(__file__).resolve().parent


class Gateway:
    def __init__(self, *options, templates=False, idle_seconds=60):
        self.directory = Path(tempfile.mkdtemp(prefix="czone-functions.", dir="/run"))
        self.environment = os.environ | {
            "CZONE_ROOT": f"{self.directory}/root",
            "CZONE_STORE": f"{self.directory}/store",
            "CZONE_TEMPLATES": "on" if templates else "off",
            "CZONE_BASE_MEMORY": "256M",
            "CZONE_IDLE_TIMEOUT": str(idle_seconds),
        }
        self.functions = self.directory / "functions"
        self.functions.mkdir()
        self.options = options
        self.process = None
        import_python_image(self.czone, "functions", self.directory, HERE / "image")

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = ["czone", "serve", "--listen", str(self.port), "--functions", str(self.functions)]
        command += ["--logs", f"{self.directory}/logs", "--access-log", f"{self.directory}/access.log", *self.options]
        self.log = open(self.directory / "gateway.log", "ab")
        self.process = subprocess.Popen(command, env=self.environment, stderr=self.log)
        self.wait(lambda: (self.directory / "root/gateway.sock").is_socket() and self.listens(), 30)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        """Ends it as an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.log.close()
        return self.process.wait(60)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        subprocess.run(["czone", "vm", "stop", "--all"], env=self.environment, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def czone(self, *arguments, check=True):
        result = subprocess.run(["czone", *arguments], env=self.environment, capture_output=True, text=True)
        if check and result.returncode:
            raise AssertionError(f"czone {arguments}: {result.stderr}")
        return result.stdout if check else result

    def define(self, name, command, **fields):
        """Defines a function as JSON, which YAML is a superset of."""
        scale = {"window": "3s", "panic": "1s", "idle": "3s", "pause": "1s", "max": 4} | fields.pop("scale", {})
        fields = {"name": name, "image": "functions", "command": command, "timeout": "120s", "scale": scale} | fields
        fields.setdefault("environment", {})["PYTHONPATH"] = "/app"
        file = self.directory / f"{name}.definition"
        file.write_text(json.dumps(fields))
        self.czone("function", "create", str(file))

    def server(self, name, **fields):
        self.define(name, ["python3", "/app/server.py"], **fields)

    def ask(self, path, method="GET", body=None, headers={}, timeout=330):
        """Status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def show(self, name):
        return json.loads(self.czone("function", "show", name))

    def machines(self):
        return json.loads(self.czone("vm", "list", "--json"))

    def containers(self):
        return [one for one in json.loads(self.czone("ps", "--all", "--json")) if one["state"] != "exited"]

    def wait(self, is_so, seconds):
        """Looks again and again until something is so."""
        end = time.monotonic() + seconds
        while not is_so():
            if self.process and self.process.poll() is not None:
                raise AssertionError("the gateway has ended: " + (self.directory / "gateway.log").read_text()[-2000:])
            if time.monotonic() > end:
                raise AssertionError(f"it did not come to be in {seconds} s")
            time.sleep(0.1)
