"""A function as they are: imports that take longer than its work. It stands at its point before the first request."""

import gc
import http.client
import json
import os
import signal
import sys
import urllib.request
import uuid


def answer(line):
    return json.dumps({"instance": os.uname().nodename, "n": int(line), "id": str(uuid.uuid4())})


answer("1")
gc.collect()
gc.freeze()
os.kill(os.getpid(), signal.SIGSTOP)
for line in sys.stdin:
    print(answer(line), flush=True)
