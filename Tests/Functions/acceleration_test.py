"""Handlers of JavaScript before real containers: traced, compiled, served by the sandbox, and replayed where it gives up."""

import http.client
import http.server
import json
import os
import signal
import subprocess
import threading
import unittest
from pathlib import Path

from functions_test import Case

HANDLERS = Path(__file__).resolve().parent / "handlers"
# Of this host's own, and no loopback address: those no function may reach.
ADDRESS = "10.213.0.1"


class Store(http.server.ThreadingHTTPServer):
    """Logs each request's path and body, and holds back what it is asked to."""

    daemon_threads = True

    def __init__(self):
        self.log, self.held, self.arrived, self.released = [], None, threading.Event(), threading.Event()
        super().__init__((ADDRESS, 0), Store.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.origin = f"http://{ADDRESS}:{self.server_address[1]}"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.log.append(self.path)
            if self.path == self.server.held:
                self.server.arrived.set()
                self.server.released.wait(60)
            answer = f"stored {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments):
            pass


@unittest.skipUnless(os.environ.get("CZONE_TEST_NODE"), "node, wasmtime or acorn is missing")
class Handlers(Case):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], capture_output=True)
        super().setUpClass()
        cls.gateway.czone("image", "import", "--name", "node", f"dir:{os.environ['CZONE_TEST_NODE']}")
        cls.store = Store()
        cls.addClassCleanup(cls.store.shutdown)

    def define(self, name, module, **fields):
        fields = {"kind": "handler", "handler": f"/app/{module}", "image": "node", "memory": "256M"} | fields
        fields.setdefault("volumes", [f"{HANDLERS}:/app:ro"])
        fields.setdefault("scale", {"max": 1, "idle": "10s", "pause": "0s"})
        self.gateway.define(name, [], fetch=[self.store.origin], **fields)

    def post(self, name, event):
        """Status, mode, body."""
        status, headers, body = self.gateway.ask(
            f"/{name}/", "POST", json.dumps(event), {"Content-Type": "application/json"})
        return status, headers.get("CZone-Mode"), body.decode()

    def event(self, run, calls, abort=-1, **more):
        return {"store": self.store.origin, "run": run, "calls": calls, "abort": abort} | more

    def acceleration(self, name):
        return self.gateway.show(name)["acceleration"]

    def compile(self, name, event):
        """By a container, until there is a sandbox."""
        self.assertEqual(self.post(name, event)[:2], (200, "container"))
        self.gateway.wait(lambda: self.acceleration(name).get("sandboxProcess"), 300)

    def assert_jailed(self, process):
        """Another user, namespaces of its own, an empty root, and a filter for each thread."""
        place = Path(f"/proc/{process}")
        status = (place / "status").read_text()
        self.assertRegex(status, r"Uid:\t([1-9]\d*)\t\1\t\1\t\1")
        self.assertRegex(status, r"CapEff:\t0{16}")
        for thread in (place / "task").iterdir():
            self.assertRegex((thread / "status").read_text(), r"Seccomp:\t2")
        for namespace in ["user", "pid", "net", "mnt", "ipc"]:
            self.assertNotEqual(os.readlink(place / "ns" / namespace), os.readlink(f"/proc/self/ns/{namespace}"))
        self.assertEqual(os.listdir(place / "root"), [])

    def test_first_events_are_a_containers_and_later_ones_the_sandboxs_until_it_gives_up(self):
        self.define("store", "store.js", accelerate="on")
        self.compile("store", self.event("first", 1))
        self.store.log.clear()
        status, mode, body = self.post("store", self.event("second", 2))
        self.assertEqual((status, mode), (200, "sandbox"))
        self.assertEqual(json.loads(body), {"path": "/", "results": ["stored /second/0", "stored /second/1"]})
        self.assertEqual(self.store.log, ["/second/0", "/second/1"])
        # It has served: its walls stand.
        self.assert_jailed(self.acceleration("store")["sandboxProcess"])
        self.gateway.wait(lambda: "done second" in self.gateway.czone("function", "logs", "store"), 30)
        # No container is there any more, and none is needed.
        self.gateway.wait(lambda: not self.gateway.show("store")["containers"], 60)
        self.assertEqual(self.post("store", self.event("third", 0))[1], "sandbox")
        self.assertEqual(self.gateway.show("store")["containers"], [])
        # Given up before each of the calls, and after the last: whatever was done is not done again.
        for abort in range(4):
            self.store.log.clear()
            status, mode, body = self.post("store", self.event(f"abort{abort}", 3, abort))
            self.assertEqual((status, mode), (200, "replayed" if abort else "container"), body)
            self.assertEqual(self.store.log, [f"/abort{abort}/{call}" for call in range(3)])
        shown = self.acceleration("store")
        self.assertEqual(shown["events"], {"sandbox": 2, "container": 2, "replayed": 3})
        self.assertEqual(sum(abort["count"] for abort in shown["aborts"]), 4)
        self.assertIn("/app/store.js:2:", shown["unsupported"][0])
        tree = self.gateway.czone("function", "show", "store", "--tree")
        for part in ["state: sandbox", "4 × construct at /app/store.js:2:", "28.5 % accelerated"]:
            self.assertIn(part, tree)
        metrics = subprocess.run(
            ["curl", "-sS", "--unix-socket", f"{self.gateway.directory}/root/gateway.sock", "http://czone/metrics"],
            capture_output=True, text=True, check=True).stdout
        self.assertIn('czone_function_events_total{function="store",tenant="default",mode="replayed"} 3', metrics)
        self.assertIn('czone_function_aborts_total{function="store",tenant="default",reason="construct"} 4', metrics)

    def test_lambdas_shape_and_what_is_only_observed(self):
        self.define("hello", "hello.js", accelerate="observe")
        status, headers, body = self.gateway.ask(
            "/hello/", "POST", '{"name": "ann"}', {"Content-Type": "application/json"})
        self.assertEqual((status, headers["x-function"], body), (201, "hello", b"hello ann"))
        self.gateway.wait(lambda: self.acceleration("hello")["state"] == "compiled", 300)
        self.assertEqual(self.post("hello", {"name": "bob"}), (201, "container", "hello bob"))
        self.assertNotIn("sandboxProcess", self.acceleration("hello"))

    def test_a_sandbox_that_is_killed_loses_no_event_and_comes_back(self):
        self.define("killed", "store.js", accelerate="on")
        self.compile("killed", self.event("first", 0))
        self.store.log.clear()
        self.store.held = "/held/1"
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(self.post("killed", self.event("held", 3, plain=True))))
        asking.start()
        self.assertTrue(self.store.arrived.wait(60))
        os.kill(self.acceleration("killed")["sandboxProcess"], signal.SIGKILL)
        self.store.released.set()
        asking.join(120)
        self.assertEqual(answers[0][:2], (200, "replayed"))
        self.assertEqual(self.store.log, ["/held/0", "/held/1", "/held/2"])
        self.gateway.wait(lambda: self.acceleration("killed").get("sandboxProcess"), 60)
        self.assertEqual(self.post("killed", self.event("after", 1))[:2], (200, "sandbox"))
        self.assertEqual(self.acceleration("killed")["sandboxRestarts"], 1)

    def test_a_gateway_that_is_killed_takes_its_sandboxes_with_it(self):
        self.define("again", "store.js", accelerate="on")
        self.compile("again", self.event("first", 0))
        process = self.acceleration("again")["sandboxProcess"]
        self.gateway.kill()
        self.gateway.process = None
        self.gateway.wait(lambda: not Path(f"/proc/{process}").exists() or "(zombie)" in Path(f"/proc/{process}/status").read_text(), 30)
        self.gateway.start()
        self.compile("again", self.event("first", 0))
        self.assertEqual(self.post("again", self.event("second", 1))[:2], (200, "sandbox"))

    def test_what_no_function_may_reach_is_refused(self):
        name = f"http://localhost:{self.store.server_address[1]}"
        self.gateway.define(
            "inside", [], kind="handler", handler="/app/store.js", image="node", memory="256M", fetch=[name],
            volumes=[f"{HANDLERS}:/app:ro"])
        self.assertEqual(self.post("inside", self.event("x", 1) | {"store": name})[0], 500)
        self.gateway.wait(lambda: "no function may reach" in self.gateway.czone("function", "logs", "inside"), 30)
        for field, value, why in [
            ("fetch", '["http://169.254.169.254"]', "no address of the host's own"),
            ("accelerate", "maybe", "on, off or observe"), ("handler", "app.js", "an absolute path of a module"),
        ]:
            fields = {"fetch": "[]", "accelerate": "on", "handler": "/app.js"} | {field: value}
            text = "name: refused\nimage: node\nkind: handler\n" + "".join(f"{key}: {value}\n" for key, value in fields.items())
            file = self.gateway.directory / "refused.definition"
            file.write_text(text)
            refused = self.gateway.czone("function", "create", str(file), check=False)
            self.assertIn(f": {field} ", refused.stderr)
            self.assertIn(why.replace("an absolute", "the absolute"), refused.stderr)
        refused = self.gateway.czone("function", "create", str(file), "--accelerate", "perhaps", check=False)
        self.assertIn("expected on, off or observe", refused.stderr)

    def test_a_container_that_cannot_load_its_handler_says_so(self):
        self.define("missing", "missing.js", timeout="60s")
        status, _, body = self.post("missing", {})
        self.assertEqual(status, 503)
        self.gateway.wait(lambda: "there is no such module" in self.gateway.czone("function", "logs", "missing"), 30)
