"""A WebSocket function: what it is sent comes back."""

import os

from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


serve(echo, "127.0.0.1", int(os.environ["PORT"])).serve_forever()
