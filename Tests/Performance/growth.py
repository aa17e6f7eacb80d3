#!/usr/bin/python3
"""A program that fills memory as fast as it can, in a zone that grows and in one that is plugged at full size.

In turns, CZONE_BENCH_RUNS (4) of each: containers of a VM that is there already fill CZONE_BENCH_FILL (2048) MiB, page by
page in one call, and print how long that took (medians). Then what a grown container frees is watched until the host has
it back. Prints a table, and with --json the numbers."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

MIB = int(os.environ.get("CZONE_BENCH_FILL", "2048"))
RUNS = int(os.environ.get("CZONE_BENCH_RUNS", "4"))
IMAGE = "dir:build/python"
# What Python itself takes, and what stays free of a zone.
ROOM = 256
SIDES = {"grown": [], "whole": ["-m", f"{MIB + ROOM}M"]}

FILL = f"""
import time
began = time.monotonic()
filled = b'x' * ({MIB} << 20)
print(int((time.monotonic() - began) * 1000))
"""
FREE = f"""
import time
filled = b'x' * ({MIB} << 20)
print('filled', flush=True)
input()
del filled
print('freed', flush=True)
time.sleep(1000)
"""


def czone(*words, **options):
    return subprocess.run(["czone", *words], check=True, capture_output=True, text=True, **options).stdout


def fill(side):
    return int(czone("run", "--rm", *SIDES[side], IMAGE, "python3", "-c", FILL, timeout=600))


def plugged(container):
    zones = [zone for vm in json.loads(czone("zones", "--json")) for zone in vm["zones"]]
    return next((zone["plugged_bytes"] for zone in zones if zone["container"] == container), 0)


def returned():
    """Milliseconds until a container that has freed what it had filled has what it began with."""
    command = ["czone", "run", "--rm", "-i", "--name", "grown", IMAGE, "python3", "-c", FREE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        before = plugged("grown")
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        began = time.monotonic()
        while plugged("grown") > 128 << 20 and time.monotonic() - began < 60:
            pass
        took = time.monotonic() - began
        with contextlib.suppress(subprocess.CalledProcessError):
            czone("rm", "-f", "grown")
    return before >> 20, int(took * 1000)


def main():
    os.environ.setdefault("CZONE_ZONE_MAX", f"{MIB + 2 * ROOM}M")
    times = {side: [] for side in SIDES}
    # The first of each starts its VM.
    for run in range(RUNS + 1):
        for side in SIDES:
            took = fill(side)
            if run:
                times[side].append(took)
    figures = {f"{side}_ms": statistics.median(taken) for side, taken in times.items()}
    figures["times"] = times
    figures["ratio"] = round(figures["grown_ms"] / figures["whole_ms"], 3)
    figures["plugged_mib"], figures["returned_ms"] = returned()
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures))
        return
    print(f"{MIB} MiB filled, a zone that grows      {figures['grown_ms']:8.0f} ms")
    print(f"{MIB} MiB filled, a zone of full size    {figures['whole_ms']:8.0f} ms")
    print(f"ratio                               {figures['ratio']:8.2f}")
    print(f"{figures['plugged_mib']} MiB to 128 MiB, after all was freed {figures['returned_ms']:5} ms")


if __name__ == "__main__":
    main()
