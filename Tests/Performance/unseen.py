#!/usr/bin/python3
"""The first container of images that the host has never seen, czone and runc side by side in one containerd, in one run.

Each image is Python's root with a layer of its own; one of czone's is run before, so that the template of every image is
there. Then images of both in turns: the time of `ctr run` until a Python program has printed a line (medians of
CZONE_BENCH_IMAGES, 6). Between two, what czone leaves to be done in the background is waited for. Prints the times, and with
--json the numbers. CZONE_GENERIC_TEMPLATE=off measures the same without that template."""

import json
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Containerd"))
import images  # noqa: E402
from host import PYTHON_ROOT, Host, eventually  # noqa: E402

RUNTIMES = {"runc": "io.containerd.runc.v2", "czone": "io.containerd.czone.v2"}


def import_image(host, base, number):
    name = f"localhost/unseen:{number}"
    own = images.layer_of_files({"etc/number": str(number).encode()})
    images.write_image(f"{host.dir}/image.tar", name, [base, own], ["/usr/bin/python3"])
    host.ctr("images", "import", f"{host.dir}/image.tar")
    os.remove(f"{host.dir}/image.tar")
    return name


def first_line(host, runtime, image, id):
    """Milliseconds until the container has printed a line; it has ended when this returns."""
    words = ["ctr", "-a", host.address, "run", "--rm", "--runtime", RUNTIMES[runtime], image, id, "python3", "-c", "print(open('/etc/number').read())"]
    begin = time.monotonic()
    process = subprocess.Popen(words, env=host.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline()
    taken = (time.monotonic() - begin) * 1000
    _, error = process.communicate(timeout=120)
    if not line.strip().isdigit():
        raise AssertionError(f"{image} under {runtime}: {line} {error}")
    print(f"{runtime}: {image} prints after {taken:.0f} ms", file=sys.stderr, flush=True)
    return taken


def await_templates(host, count):
    """Until what czone does behind first containers is done: templates of so many images, and the one of every image."""
    wanted = count + (os.environ.get("CZONE_GENERIC_TEMPLATE") != "off")
    eventually(f"{wanted} templates", lambda: len(host.json("template", "list")) == wanted, seconds=180)
    host.czone("vm", "stop", "--all")


def results():
    count = int(os.environ.get("CZONE_BENCH_IMAGES", "6"))
    base = images.layer_of_directory(PYTHON_ROOT)
    times = {runtime: [] for runtime in RUNTIMES}
    with Host() as host:
        names = [import_image(host, base, number) for number in range(2 * count + 1)]
        first_line(host, "czone", names[0], "first")
        await_templates(host, 1)
        for index in range(count):
            times["runc"].append(first_line(host, "runc", names[2 * index + 1], f"r{index}"))
            times["czone"].append(first_line(host, "czone", names[2 * index + 2], f"c{index}"))
            await_templates(host, index + 2)
    found = {f"{runtime}_ms": statistics.median(taken) for runtime, taken in times.items()}
    return {**found, "ratio": found["czone_ms"] / found["runc_ms"], "runs": times}


def main():
    found = results()
    if "--json" in sys.argv:
        print(json.dumps(found, indent=2))
        return
    print(f"the first container of an image: czone {found['czone_ms']:.0f} ms, runc {found['runc_ms']:.0f} ms, ratio {found['ratio']:.2f}")


main()
