#!/usr/bin/python3
"""Pods of a Python function over CRI, czone and runc side by side in one containerd, in one run.

After one pod of each runtime to warm up, pods of both in turns: the time of RunPodSandbox, of Create and Start, and until
the first HTTP 200 from the pod's address (medians of CZONE_BENCH_PODS, 8); then what of the host's memory each of
CZONE_BENCH_MEMORY_PODS (16) pods costs that live at the same time. Prints a table, and with --json the numbers."""

import json
import os
import statistics
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Containerd"))
import cri_test as pods  # noqa: E402
from host import PYTHON, Host  # noqa: E402

HANDLERS = ("runc", "czone")

FUNCTION = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'ok')
    def log_message(self, *arguments): pass
http.server.HTTPServer(('', 8080), Handler).serve_forever()
"""


def available():
    """Bytes that the host could still give, without what it only caches."""
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")) << 10


def start(handler, annotations):
    """A pod with its function answering, and its times in milliseconds."""
    begin = time.monotonic()
    pod = pods.Pod(annotations=annotations, handler=handler)
    sandbox = time.monotonic()
    pod.run("function", "python3", "-c", FUNCTION, image=PYTHON)
    started = time.monotonic()
    address = pod.status.network.ip
    while True:
        try:
            if urllib.request.urlopen(f"http://{address}:8080/", timeout=5).status == 200:
                break
        except OSError:
            if time.monotonic() > started + 60:
                raise
            # Asking takes its time too, more in a VM than beside it.
            time.sleep(0.05)
    end = time.monotonic()
    print(f"{handler}: {pod.name} answers after {end - begin:.1f} s", file=sys.stderr, flush=True)
    return pod, [(sandbox - begin) * 1000, (started - sandbox) * 1000, (end - started) * 1000, (end - begin) * 1000]


def times(count, annotations):
    """For each runtime the times of its first pod and of `count` further ones, which start in turns: what else the
    machine does meets both."""
    warm = {handler: start(handler, annotations) for handler in HANDLERS}
    further = {handler: [] for handler in HANDLERS}
    for _ in range(count):
        for handler in HANDLERS:
            pod, taken = start(handler, annotations)
            further[handler].append(taken)
            pod.remove()
    for pod, _ in warm.values():
        pod.remove()
    return {handler: first for handler, (_, first) in warm.items()}, further


def memory_per_pod(handler, count, annotations):
    """Of `count` pods that live at the same time, besides what the function's VM takes before them."""
    start(handler, annotations)[0].remove()
    # The VM stays for a while after its last pod.
    before = available()
    alive = [start(handler, annotations)[0] for _ in range(count)]
    bytes_per_pod = (before - available()) / count
    for pod in alive:
        pod.remove()
    return bytes_per_pod


def results():
    count, memory_count = int(os.environ.get("CZONE_BENCH_PODS", "8")), int(os.environ.get("CZONE_BENCH_MEMORY_PODS", "16"))
    annotations = {"czone.dev/function": "bench"}
    names = ["sandbox_ms", "start_ms", "first_200_ms", "total_ms"]
    found = {}
    with Host() as pods.host:
        pods.connect()
        first, further = times(count, annotations)
        for handler in HANDLERS:
            medians = [statistics.median(column) for column in zip(*further[handler])]
            found[handler] = {
                **dict(zip(names, medians)), "first_pod_total_ms": first[handler][3],
                "bytes_per_pod": memory_per_pod(handler, memory_count, annotations)}
        pods.runtime.close()
    found["time_ratio"] = found["czone"]["total_ms"] / found["runc"]["total_ms"]
    found["memory_difference_mib"] = (found["czone"]["bytes_per_pod"] - found["runc"]["bytes_per_pod"]) / (1 << 20)
    return found


def main():
    found = results()
    if "--json" in sys.argv:
        print(json.dumps(found, indent=2))
        return
    print(f"{'':8}{'sandbox':>10}{'start':>10}{'HTTP 200':>10}{'total':>10}{'first pod':>11}{'memory per pod':>17}")
    for handler in HANDLERS:
        r = found[handler]
        print(f"{handler:8}{r['sandbox_ms']:>7.0f} ms{r['start_ms']:>7.0f} ms{r['first_200_ms']:>7.0f} ms{r['total_ms']:>7.0f} ms"
              f"{r['first_pod_total_ms']:>8.0f} ms{r['bytes_per_pod'] / (1 << 20):>13.1f} MiB")
    print(f"czone takes {found['time_ratio']:.2f} of runc's time, and "
          f"{found['memory_difference_mib']:+.1f} MiB for each pod")


if __name__ == "__main__":
    main()
