"""faulty_store.py PORT: a store whose keys say how it fails, and that reports what it was asked (the key `log`)."""

import http.server
import json
import re
import sys
import threading
import time

LOCK = threading.Lock()
LOG = []
ERROR = b"<Error><Code>SlowDown</Code><Message>m</Message></Error>"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.split("?")[0]
        key = path.split("/")[-1]
        if key == "log":
            with LOCK:
                return self.answer(200, json.dumps(LOG).encode())
        with LOCK:
            seen = sum(one["path"] == path for one in LOG)
            headers = {name.lower(): value for name, value in self.headers.items()}
            LOG.append({"path": path, "method": self.command, "headers": headers, "body": body[:64].decode("latin1")})
        if failing := re.match(r"fail-(\d+)-(\d+)", key):
            if seen < int(failing[1]):
                return self.answer(int(failing[2]), ERROR)
            return self.answer(200, b"well" if self.command == "GET" else b"")
        if key == "redirect":
            return self.answer(307, ERROR, Location=f"http://{self.headers['Host']}/photos/redirected")
        if key == "close":
            self.close_connection = True
            return None
        if key == "silent":
            self.close_connection = True
            return time.sleep(120)
        if key == "half":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)
            self.close_connection = True
            return None
        return self.answer(200, b"well" if self.command == "GET" else b"", ETag='"00"')

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
