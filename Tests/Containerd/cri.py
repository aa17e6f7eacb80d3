"""CRI over gRPC, as kubelet speaks it. The messages come from cri.proto, compiled where the tests run."""

import base64
import importlib
import os
import socket
import struct
import subprocess
import sys
import tempfile

import grpc

_generated = tempfile.mkdtemp(prefix="cri-proto-")
subprocess.run(["protoc", f"--python_out={_generated}", "-I", os.path.dirname(os.path.abspath(__file__)), "cri.proto"], check=True)
sys.path.insert(0, _generated)
messages = importlib.import_module("cri_pb2")


class Runtime:
    """The RuntimeService behind a containerd socket; a method for each call, by keyword arguments, `within` so many seconds."""

    def __init__(self, address):
        # containerd's server wants an authority that is a name.
        self.channel = grpc.insecure_channel(f"unix://{address}", options=[("grpc.default_authority", "localhost")])

    def __getattr__(self, name):
        request_type = getattr(messages, f"{name}Request")
        response_type = getattr(messages, f"{name}Response")
        method = self.channel.unary_unary(
            f"/runtime.v1.RuntimeService/{name}", request_serializer=request_type.SerializeToString,
            response_deserializer=response_type.FromString)
        return lambda within=60, **fields: method(request_type(**fields), timeout=within)

    def close(self):
        self.channel.close()


class Stream:
    """A websocket to CRI's streaming server: bytes on channels 0 (input), 1 (output), 2 (error)."""

    def __init__(self, url):
        host, path = url.removeprefix("http://").split("/", 1)
        name, port = host.rsplit(":", 1)
        self.socket = socket.create_connection((name, int(port)), timeout=60)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head

    def send(self, data, channel=0):
        payload = bytes([channel]) + data
        mask = os.urandom(4)
        assert len(payload) < 126
        self.socket.sendall(bytes([0x82, 0x80 | len(payload)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def read_until(self, word, channel=1):
        """What comes on a channel, up to a word or the end."""
        text = b""
        while word not in text:
            frame = self._frame()
            if frame is None:
                break
            if frame[:1] == bytes([channel]):
                text += frame[1:]
        return text

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _frame(self):
        try:
            first, length = self._take(2)
            if length == 126:
                length = struct.unpack(">H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._take(8))[0]
            payload = self._take(length)
        except EOFError:
            return None
        return None if first & 0x0F == 8 else payload

    def close(self):
        self.socket.close()
