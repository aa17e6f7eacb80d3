"""The gateway before real containers. One gateway for each class, whose tests run in the order of their names."""

import concurrent.futures
import http.client
import json
import os
import signal
import subprocess
import time
import unittest

import boto3
import botocore
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from websockets.sync.client import connect

from gateway import Gateway


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(*cls.options)
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.start()

    @classmethod
    def tearDownClass(cls):
        # Kept for finding a failure's reason.
        kept = os.environ.get("CZONE_KEEP_LOGS")
        if kept:
            subprocess.run(["mkdir", "-p", f"{kept}/{cls.__name__}"], check=True)
            subprocess.run(f"cp -r {cls.gateway.directory}/*.log {cls.gateway.directory}/logs {kept}/{cls.__name__}", shell=True)


class Servers(Case):
    """Functions of kind http."""

    def test_a_cold_request_starts_a_container_and_the_next_finds_it(self):
        self.gateway.server("hello", environment={"LEVEL": "info"}, scale={"max": 1})
        status, headers, body = self.gateway.ask("/hello/a/b?c=d", headers={"X-Request-Id": "mine"})
        self.assertEqual(status, 200)
        reported = json.loads(body)
        self.assertEqual((reported["path"], reported["host"], reported["level"]), ("/a/b?c=d", "hello", "info"))
        self.assertEqual(reported["headers"]["x-request-id"], "mine")
        self.assertEqual(reported["headers"]["x-forwarded-prefix"], "/hello")
        self.assertRegex(reported["headers"]["traceparent"], "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")
        self.assertEqual(headers["X-Request-Id"], "mine")
        self.assertEqual(json.loads(self.gateway.ask("/hello/")[2])["pid"], reported["pid"])
        shown = self.gateway.show("hello")
        self.assertEqual((shown["account"]["requests"], shown["account"]["coldStarts"]), (2, 1))
        self.assertIn("hello", self.gateway.czone("function", "list"))
        self.assertIn("GET /", self.gateway.czone("function", "logs", "hello"))
        invoked = self.gateway.czone("function", "invoke", "hello", "--path", "/echo/", "--data", "said")
        self.assertEqual(invoked.strip(), "said")
        lines = [json.loads(line) for line in (self.gateway.directory / "access.log").read_text().splitlines()]
        mine = [(line["function"], line["status"]) for line in lines if line["requestId"] == "mine"]
        self.assertEqual(mine, [("hello", 200)])

    def test_a_server_of_one_thread_answers_whatever_event_loop_asks(self):
        program = """if True:
            import http.server, os
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def do_GET(self):
                    self.send_response(200)
                    self.send_header("Content-Length", "3")
                    self.end_headers()
                    self.wfile.write(b"one")
            http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()"""
        self.gateway.define("single", ["python3", "-c", program], scale={"max": 1}, timeout="30s")
        for _ in range(8):
            self.assertEqual(self.gateway.ask("/single/")[::2], (200, b"one"))

    def test_a_further_container_is_a_copy_of_a_process_at_its_point(self):
        program = """if True:
            import functools, http.server, os, signal, time, uuid
            @functools.cache
            def instance(): return uuid.uuid4().bytes
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    time.sleep(4)
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(instance())
            os.kill(os.getpid(), signal.SIGSTOP)
            http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()"""
        scale = {"max": 4, "idle": "60s", "pause": "0s"}
        self.gateway.define("warm", ["python3", "-c", program], warmStart=True, scale=scale)
        self.assertEqual(self.gateway.ask("/warm/")[0], 200)

        def template():
            templates = json.loads(self.gateway.czone("template", "list", "--json"))
            return next((one for one in templates if one["kind"] == "process" and one["function"] == "fn-warm"), None)

        self.gateway.wait(lambda: (template() or {}).get("state") == "ready", 60)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: self.gateway.ask("/warm/"), range(4)))
        self.assertEqual([status for status, _, _ in answers], [200] * 4)
        self.assertEqual(len({body for _, _, body in answers}), 4)
        # What was started before the template was ready is none.
        self.assertGreaterEqual(template()["instances"], 1)
        self.assertEqual(template()["reason"], "")

    def test_bodies_stream_both_ways(self):
        self.gateway.server("hello")
        body = os.urandom(3 << 20)
        status, _, answer = self.gateway.ask("/hello/echo/", "POST", body)
        self.assertEqual((status, answer == body), (200, True))
        pieces = iter([body[:100], body[100:]])
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=120)
        connection.request("POST", "/hello/echo/", pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        self.assertTrue(connection.getresponse().read() == body)
        # Keep-alive: the next on the same connection. Events come one by one.
        connection.request("GET", "/hello/events/4")
        answer = connection.getresponse()
        times = [time.monotonic() for _ in range(4) if answer.fp.readline() and answer.fp.readline() and answer.fp.readline()]
        self.assertGreater(times[-1] - times[0], 0.5)
        connection.close()

    def test_curl_with_http2_and_an_unknown_function(self):
        self.gateway.server("hello")
        url = f"http://127.0.0.1:{self.gateway.port}"
        command = ["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}", "-o", "/dev/null"]
        for path, status in [("/hello/", 200), ("/nothing/", 404)]:
            result = subprocess.run([*command, url + path], capture_output=True, text=True)
            self.assertEqual(result.stdout, f"2 {status}", result.stderr)

    def test_a_host_name_leads_to_its_function(self):
        self.gateway.server("named", hosts=["Named.example"])
        status, _, body = self.gateway.ask("/a", headers={"Host": "named.EXAMPLE:80"})
        self.assertEqual((status, json.loads(body)["path"]), (200, "/a"))

    def test_what_does_not_answer_is_told_and_goes(self):
        self.gateway.server("bad")
        self.assertEqual(self.gateway.ask("/bad/exit")[0], 502)
        self.assertEqual(self.gateway.ask("/bad/silent")[0], 502)
        with self.assertRaises(http.client.IncompleteRead):
            self.gateway.ask("/bad/half")
        self.gateway.server("bad", timeout="3s")
        self.assertEqual(self.gateway.ask("/bad/sleep/60")[0], 504)
        self.gateway.server("bad", timeout="120s")
        self.assertEqual(self.gateway.ask("/bad/")[0], 200)
        self.gateway.define("missing", ["/nothing"])
        status, headers, body = self.gateway.ask("/missing/")
        self.assertEqual((status, headers["Retry-After"]), (503, "1"))
        self.assertIn(b"/nothing", body)

    def test_a_burst_scales_up_a_full_queue_refuses_and_idle_ends(self):
        self.gateway.server("burst", queue=2, scale={"max": 2})
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.gateway.ask("/burst/sleep/4"), range(6)))
        statuses = sorted(status for status, _, _ in answers)
        self.assertIn(429, statuses)
        self.assertGreaterEqual(statuses.count(200), 2)
        self.assertTrue(all(headers["Retry-After"] for status, headers, _ in answers if status == 429))
        self.assertLessEqual(len(self.gateway.show("burst")["containers"]), 2)
        self.gateway.wait(lambda: not self.gateway.show("burst")["containers"], 60)
        self.assertGreater(self.gateway.show("burst")["account"]["memoryMegabyteMilliseconds"], 0)

    def test_what_a_zone_grows_by_is_accounted(self):
        program = """if True:
            import http.server, os, time
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    filled = b"x" * (300 << 20)
                    time.sleep(5)
                    self.send_response(200)
                    self.end_headers()
            http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()"""
        began = time.monotonic()
        self.gateway.define("grows", ["python3", "-c", program], scale={"max": 1, "idle": "1s"}, timeout="120s")
        self.assertEqual(self.gateway.ask("/grows/")[0], 200)
        self.gateway.wait(lambda: not self.gateway.show("grows")["containers"], 60)
        as_it_began = 128 * (time.monotonic() - began) * 1000
        self.assertGreater(self.gateway.show("grows")["account"]["memoryMegabyteMilliseconds"], as_it_began)

    def test_a_paused_container_goes_on_with_the_next_request(self):
        self.gateway.server("rest", scale={"idle": "60s", "min": 1})
        pid = json.loads(self.gateway.ask("/rest/")[2])["pid"]
        self.gateway.wait(lambda: self.gateway.show("rest")["containers"][0]["state"] == "paused", 30)
        self.assertEqual(json.loads(self.gateway.ask("/rest/")[2])["pid"], pid)
        self.gateway.czone("function", "delete", "rest")
        self.gateway.wait(lambda: not any("fn-rest-" in one["id"] for one in self.gateway.containers()), 30)
        self.assertEqual(self.gateway.ask("/rest/")[0], 404)

    def test_a_new_definition_drains_the_old_and_a_bad_one_is_told(self):
        self.gateway.server("change", environment={"LEVEL": "old"})
        self.gateway.ask("/change/")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slow = pool.submit(self.gateway.ask, "/change/sleep/3")
            self.gateway.wait(lambda: self.gateway.show("change")["active"] == 1, 30)
            self.gateway.server("change", environment={"LEVEL": "new"})
            self.assertEqual(json.loads(self.gateway.ask("/change/")[2])["level"], "new")
            self.assertEqual(slow.result()[0], 200)
        (self.gateway.functions / "change.yaml").write_text("name: change\nimage: functions\nport: many\n")
        self.gateway.wait(
            lambda: "change.yaml:3: port" in self.gateway.czone("function", "list", check=False).stderr, 20)
        self.assertEqual(self.gateway.ask("/change/")[0], 200)
        (self.gateway.functions / "change.yaml").unlink()

    def test_gunicorn_serves_unchanged(self):
        self.gateway.define("wsgi", ["python3", "-m", "gunicorn", "application"])
        self.assertEqual(self.gateway.ask("/wsgi/x")[2], b"gunicorn serves /x")

    def test_websockets_pass_through(self):
        self.gateway.define("sockets", ["python3", "/app/sockets.py"])
        with connect(f"ws://127.0.0.1:{self.gateway.port}/sockets/", open_timeout=120, max_size=None) as socket:
            for message in ["hello", b"\0" * 100_000]:
                socket.send(message)
                self.assertEqual(socket.recv(60), message)

    def test_cloud_events_of_the_sdk_arrive_and_malformed_ones_do_not(self):
        self.gateway.server("hello")
        event = CloudEvent({"type": "order.placed", "source": "/shop"}, {"n": 1})
        headers, body = to_binary(event)
        reported = json.loads(self.gateway.ask("/hello/", "POST", body, headers)[2])
        self.assertEqual(reported["headers"]["ce-type"], "order.placed")
        headers, body = to_structured(event)
        self.assertEqual(json.loads(self.gateway.ask("/hello/echo/", "POST", body, headers)[2])["type"], "order.placed")
        self.assertEqual(self.gateway.ask("/hello/", "POST", b"", {"ce-specversion": "1.0"})[0], 400)


class Lambdas(Case):
    """Functions of kind lambda, by boto3 and awslambdaric as they are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        command = ["python3", "-m", "awslambdaric", "lambda_function.handler"]
        cls.gateway.define("lambda", command, kind="lambda", timeout="60s")
        configuration = botocore.config.Config(read_timeout=180, retries={"max_attempts": 0})
        cls.client = boto3.client(
            "lambda", endpoint_url=f"http://127.0.0.1:{cls.gateway.port}", region_name="local",
            aws_access_key_id="none", aws_secret_access_key="none", config=configuration)

    def invoke(self, event, **options):
        return self.client.invoke(FunctionName="lambda", Payload=json.dumps(event), **options)

    def test_an_invocation_is_answered(self):
        answer = self.invoke({"n": 1}, LogType="Tail")
        self.assertEqual(answer["StatusCode"], 200)
        self.assertNotIn("FunctionError", answer)
        reported = json.loads(answer["Payload"].read())
        self.assertEqual((reported["event"], reported["function"]), ({"n": 1}, "lambda"))
        self.assertTrue(reported["arn"].endswith(":function:lambda"))
        self.assertLess(reported["left"], 60_001)
        self.assertIn("LogResult", answer)

    def test_a_failure_is_the_functions(self):
        answer = self.invoke({"fail": "no luck"})
        self.assertEqual((answer["StatusCode"], answer["FunctionError"]), (200, "Unhandled"))
        reported = json.loads(answer["Payload"].read())
        self.assertEqual((reported["errorType"], reported["errorMessage"]), ("ValueError", "no luck"))
        answer = self.invoke({"exit": 1})
        self.assertEqual(json.loads(answer["Payload"].read())["errorType"], "Runtime.ExitError")
        self.assertNotIn("FunctionError", self.invoke({}))

    def test_events_are_taken_and_dry_runs_do_nothing(self):
        before = self.gateway.show("lambda")["account"]["requests"]
        self.assertEqual(self.invoke({}, InvocationType="Event")["StatusCode"], 202)
        self.gateway.wait(lambda: self.gateway.show("lambda")["account"]["requests"] == before + 1, 60)
        self.assertEqual(self.invoke({}, InvocationType="DryRun")["StatusCode"], 204)

    def test_what_is_not_there_or_too_large_has_lambdas_errors(self):
        with self.assertRaises(self.client.exceptions.ResourceNotFoundException):
            self.client.invoke(FunctionName="nothing")
        with self.assertRaises(self.client.exceptions.RequestTooLargeException):
            self.invoke({"x": "y" * (7 << 20)})

    def test_time_that_is_over_ends_the_container(self):
        command = ["python3", "-m", "awslambdaric", "lambda_function.handler"]
        self.gateway.define("slow", command, kind="lambda", timeout="20s")
        answer = self.client.invoke(FunctionName="slow", Payload=json.dumps({"sleep": 100}))
        self.assertEqual(answer["FunctionError"], "Unhandled")
        self.assertIn("Task timed out after 20", json.loads(answer["Payload"].read())["errorMessage"])
        self.gateway.wait(lambda: not self.gateway.show("slow")["containers"], 30)

    def test_a_runtime_that_cannot_begin_says_why(self):
        self.gateway.define("broken", ["python3", "-m", "awslambdaric", "nothing.handler"], kind="lambda")
        answer = self.client.invoke(FunctionName="broken", Payload=b"{}")
        self.assertEqual(answer["FunctionError"], "Unhandled")

    def test_plain_requests_and_cloud_events_are_events(self):
        status, _, body = self.gateway.ask("/lambda", "POST", b'{"n": 2}')
        self.assertEqual((status, json.loads(body)["event"]), (200, {"n": 2}))
        headers, body = to_binary(CloudEvent({"type": "t", "source": "/s"}, {"n": 1.5}))
        reported = json.loads(self.gateway.ask("/lambda", "POST", body, headers)[2])
        self.assertEqual((reported["event"]["type"], reported["event"]["data"]), ("t", {"n": 1.5}))


class Faults(Case):
    """What is killed leaves nothing, and the next request is answered."""

    def test_a_killed_vm_fails_what_was_begun_and_no_more(self):
        self.gateway.server("fault", scale={"max": 1})
        self.gateway.ask("/fault/")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            begun = pool.submit(self.gateway.ask, "/fault/sleep/60")
            self.gateway.wait(lambda: self.gateway.show("fault")["active"] == 1, 30)
            waiting = pool.submit(self.gateway.ask, "/fault/")
            self.gateway.wait(lambda: self.gateway.show("fault")["waiting"] == 1, 30)
            for machine in self.gateway.machines():
                os.kill(machine["pid"], signal.SIGKILL)
            self.assertEqual(begun.result()[0], 502)
            self.assertEqual(waiting.result()[0], 200)

    def test_a_killed_gateway_leaves_nothing_that_runs(self):
        self.gateway.server("left")
        self.gateway.ask("/left/")
        self.assertTrue(self.gateway.containers())
        self.gateway.kill()
        self.gateway.process = None
        self.gateway.wait(lambda: not self.gateway.containers(), 30)
        self.gateway.start()
        self.assertEqual(self.gateway.ask("/left/")[0], 200)
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.process = None
        self.gateway.wait(lambda: not self.gateway.containers(), 30)

    def tearDown(self):
        if not self.gateway.process:
            self.gateway.start()


class Secured(Case):
    """TLS and tokens."""

    @classmethod
    def setUpClass(cls):
        directory = "/run/czone-functions-tls"
        os.makedirs(directory, exist_ok=True)
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", directory])
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
            + ["-keyout", f"{directory}/key", "-out", f"{directory}/certificate", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        with open(f"{directory}/tokens", "w") as file:
            file.write("shop shop-token-0123456789\nbank bank-token-0123456789\n")
        cls.certificate = f"{directory}/certificate"
        cls.options = ("--certificate", cls.certificate, "--key", f"{directory}/key", "--tokens", f"{directory}/tokens")
        super().setUpClass()

    def curl(self, token, version):
        command = ["curl", "-sS", "--cacert", self.certificate, version, "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
        if token:
            command += ["-H", f"Authorization: Bearer {token}"]
        return subprocess.run(
            [*command, f"https://127.0.0.1:{self.gateway.port}/shop/"], capture_output=True, text=True).stdout

    def test_only_the_tenants_token_reaches_its_function(self):
        self.gateway.server("shop", tenant="shop")
        self.assertEqual(self.curl("shop-token-0123456789", "--http2"), "2 200")
        self.assertEqual(self.curl("shop-token-0123456789", "--http1.1"), "1.1 200")
        self.assertEqual(self.curl("bank-token-0123456789", "--http2"), "2 404")
        self.assertEqual(self.curl("wrong", "--http2"), "2 401")
        self.assertEqual(self.curl("", "--http1.1"), "1.1 401")


if __name__ == "__main__":
    unittest.main()
