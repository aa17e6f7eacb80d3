"""An HTTP function: says what it was asked, and misbehaves on request."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, kind="application/json"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self):
        body = self.body()
        name, _, argument = self.path[1:].partition("/")
        if name == "sleep":
            time.sleep(float(argument))
            self.answer(b"slept")
        elif name == "once":
            # The log has each request that came to be handled.
            print(f"handled {argument}", flush=True)
            self.answer(argument.encode())
        elif name == "exit":
            os._exit(3)
        elif name == "silent":
            self.close_connection = True
        elif name == "half":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            self.close_connection = True
        elif name == "events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(int(argument)):
                event = f"data: {number}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.flush()
                time.sleep(0.3)
            self.wfile.write(b"0\r\n\r\n")
        elif name == "large":
            self.answer(b"x" * int(argument), "application/octet-stream")
        elif name == "echo":
            self.answer(body, self.headers.get("Content-Type", "application/octet-stream"))
        else:
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = {"path": self.path, "headers": headers, "pid": os.getpid(), "host": os.uname().nodename}
            self.answer(json.dumps(request | {"level": os.environ.get("LEVEL", "")}).encode())

    do_POST = do_GET

    def log_message(self, format, *arguments):
        print(format % arguments, flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
