#!/usr/bin/env python3
"""Many short processes, recorded: none is lost, and little memory is taken.

usage: processes.py [--build DIR] [--count N]

The processes run hostile.c, four at a time. Each must have a trace with all of
its calls. The raw files may take less than 16 MiB of shared memory at any moment:
they are looked at every 5 ms. Exit status 1: a bar is missed.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE.parent / "record.py"
ROOT = HERE.parent.parent.parent
COUNT = 10_000
AT_A_TIME = 4
CALLS = 10  # of malloc(), and as many of free(), a process
MEMORY_MAX = 16 * 1024 * 1024
LOOK_SECONDS = 0.005
BLOCK = 512


def memory(top: pathlib.Path) -> int:
    """Bytes of all files below, as far as they are there when looked at."""
    found = 0
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                found += os.stat(os.path.join(folder, name)).st_blocks * BLOCK
            except FileNotFoundError:
                pass
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--count", type=int, default=COUNT)
    arguments = parser.parse_args()
    build, count = arguments.build.resolve(), arguments.count
    hostile = build / "bench" / "record" / "test" / "hostile"
    with (tempfile.TemporaryDirectory() as name,
          tempfile.TemporaryDirectory(dir="/dev/shm") as raw):
        folder = pathlib.Path(name)
        with (folder / "said").open("w") as said, subprocess.Popen(
                [RECORD, "--build", build, "--json", "--raw", raw, "-o",
                 folder / "out", "--", "sh", "-c",
                 f"seq {count} | xargs -P {AT_A_TIME} -I % '{hostile}' malloc"
                 f" {CALLS}"], stderr=said) as record:
            peak = 0
            while record.poll() is None:
                peak = max(peak, memory(pathlib.Path(raw)))
                time.sleep(LOOK_SECONDS)
        lines = [json.loads(line) for line in
                 (folder / "said").read_text().splitlines()
                 if line.startswith("{")]
    whole = sum(one["program"] == str(hostile) and one["lost"] == 0
                and one["allocations"] == one["frees"] == CALLS
                for one in lines)
    print(f"status {record.returncode}; {whole} of {count} processes have all"
          f" of their calls; peak {peak / 2**20:.1f} MiB, expected less than"
          f" {MEMORY_MAX // 2**20}")
    return 0 if (record.returncode == 0 and whole == count
                 and peak < MEMORY_MAX) else 1


if __name__ == "__main__":
    sys.exit(main())
