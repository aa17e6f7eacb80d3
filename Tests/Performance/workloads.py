"""What a function may do, for `czone bench slowdown`: each workload runs in a process of its own, so that its memory is
touched for the first time, as it is in a function that has just started; then a line with its name and milliseconds."""

import gzip
import json
import math
import os
import random
import re
import subprocess
import sys
import time


def arithmetic():
    return sum(math.sqrt(i) * math.sin(i) * math.cos(i) for i in range(60_000))


def documents():
    document = {str(i): list(range(50)) for i in range(100)}
    return sum(len(json.dumps(json.loads(json.dumps(document)))) for _ in range(5))


def compression():
    return len(gzip.compress(random.Random(1).randbytes(1 << 18) + b"a" * (1 << 20)))


def matrices():
    import numpy

    matrix = numpy.random.default_rng(1).random((160, 160))
    return float((matrix @ matrix).sum())


def equations():
    import numpy

    matrix = numpy.random.default_rng(1).random((160, 160))
    return float(numpy.linalg.norm(numpy.linalg.solve(matrix, matrix.sum(1)) - 1))


def pages():
    import chameleon

    template = chameleon.PageTemplate('<table><tr tal:repeat="r rows"><td tal:repeat="c r">${c}</td></tr></table>')
    return len(template(rows=[list(range(20))] * 40))


def cipher():
    import pyaes

    return len(pyaes.AESModeOfOperationCTR(b"0" * 16).encrypt(b"x" * 4000))


def objects():
    """Many small objects, and a walk over them out of order."""
    things = [[i, str(i)] for i in range(120_000)]
    random.Random(1).shuffle(things)
    return sum(thing[0] for thing in things)


def first_touch():
    """48 MiB of fresh memory, a byte of each page."""
    memory = bytearray(48 << 20)
    memory[::4096] = b"x" * (len(memory) // 4096)
    return len(memory)


WORKLOADS = [arithmetic, documents, compression, matrices, equations, pages, cipher, objects, first_touch]


def timed_apart(work):
    process = os.fork()
    if process:
        if os.waitpid(process, 0)[1] != 0:
            sys.exit(f"{work.__name__} failed")
        return
    start = time.perf_counter()
    work()
    print(work.__name__, (time.perf_counter() - start) * 1e3, flush=True)
    os._exit(0)


def copies():
    """Memory bandwidth by mbw: the time of a copy of 16 MiB, the mean of its runs."""
    said = subprocess.run(["mbw", "-n", "4", "16"], stdout=subprocess.PIPE, check=True, text=True).stdout
    by_method = {}
    for method, seconds in re.findall(r"^\d+\s+Method: (\S+)\s+Elapsed: (\S+)", said, re.M):
        by_method.setdefault(method, []).append(float(seconds) * 1e3)
    for method, times in by_method.items():
        print("mbw_" + method.lower(), sum(times) / len(times), flush=True)


for workload in WORKLOADS:
    timed_apart(workload)
copies()
