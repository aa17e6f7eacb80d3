#!/usr/bin/python3
"""An application behind another image's container in its pod, beside the same application alone in its pod, in one run.

The application is a Python program: it imports what a small server does, reads Python's own library, and says how long each
took. In turns, CZONE_BENCH_PODS (8) of each kind, each in a VM that another pod of its kind keeps: the time from CreateContainer
until it has spoken, its own two times, and its memory (medians). Prints them, and with --json the numbers."""

import json
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Containerd"))
import cri_test  # noqa: E402
import host as containerd  # noqa: E402
import images  # noqa: E402
from host import PYTHON_ROOT, Host, eventually  # noqa: E402

APPLICATION = """
import os, time
begin = time.monotonic()
import http.server, json, urllib.request
imported = time.monotonic()
for directory, _, files in os.walk(os.path.dirname(os.__file__)):
    for name in files:
        with open(os.path.join(directory, name), 'rb') as file:
            file.read()
print(json.dumps({'import_ms': (imported - begin) * 1000, 'read_ms': (time.monotonic() - imported) * 1000}), flush=True)
time.sleep(1000)
"""
IMAGE = "localhost/application:1"
KINDS = ("alone", "behind")


def begin_pod(kind):
    """A pod of a kind, as far as its application: with it the VM has one pod of the function more."""
    pod = cri_test.Pod(annotations={"czone.dev/function": kind})
    if kind == "behind":
        pod.run("proxy", "sleep", "1000")
    return pod


def measure(kind):
    pod = begin_pod(kind)
    begin = time.monotonic()
    id = pod.run("application", "python3", "-c", APPLICATION, image=IMAGE, memory=100 << 20)
    eventually("it has spoken", lambda: pod.log("application"), pause=0.005)
    taken = (time.monotonic() - begin) * 1000
    found = {"spoken_ms": taken, **json.loads(pod.log("application")[0][1])}
    found["memory_bytes"] = int(cri_test.runtime.ContainerStats(container_id=id).stats.memory.working_set_bytes.value)
    print(f"{kind}: {found}", file=sys.stderr, flush=True)
    return pod, found


def results():
    runs = {kind: [] for kind in KINDS}
    with Host() as containerd.shared:
        cri_test.setUpModule()
        host = containerd.shared
        images.write_image(f"{host.dir}/image.tar", IMAGE, [images.layer_of_directory(PYTHON_ROOT)], ["/usr/bin/python3"])
        host.ctr("images", "import", f"{host.dir}/image.tar", namespace="k8s.io")
        keepers = [measure(kind)[0] for kind in KINDS]
        for _ in range(int(os.environ.get("CZONE_BENCH_PODS", "8"))):
            for kind in KINDS:
                pod, found = measure(kind)
                runs[kind].append(found)
                pod.remove()
        for pod in keepers:
            pod.remove()
        cri_test.tearDownModule()
    medians = {kind: {key: statistics.median(run[key] for run in of_kind) for key in of_kind[0]} for kind, of_kind in runs.items()}
    ratios = {key: medians["behind"][key] / medians["alone"][key] for key in medians["alone"]}
    return {**medians, "ratios": ratios, "runs": runs}


def main():
    found = results()
    if "--json" in sys.argv:
        print(json.dumps(found, indent=2))
        return
    for key, ratio in found["ratios"].items():
        print(f"{key}: alone {found['alone'][key]:.1f}, behind another image {found['behind'][key]:.1f}, ratio {ratio:.2f}")


main()
