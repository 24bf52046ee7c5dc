#!/usr/bin/env python3
"""Record what a program allocates, as a program of ops (pool/ops/).

The command runs with a recorder preloaded. Its own trace is written to FILE,
those of the processes that it starts to FILE.PID, as far as they allocate that
way. Exits with the command's status.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

MIB = 1024 * 1024
WORD_SIZE = 8  # raw.h
SHARED_MEMORY = pathlib.Path("/dev/shm")
# What is preloaded; None: the program has the recorder inside (pool.c).
RECORDERS = {"malloc": "record_malloc", "apr": "record_apr",
             "talloc": "record_talloc", "pool": None}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run record", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true",
                        help="tell what was recorded as JSON, a line a trace,"
                        " on standard error")
    parser.add_argument("--build", type=pathlib.Path, default="build",
                        help=argparse.SUPPRESS)
    parser.add_argument("--api", choices=sorted(RECORDERS), default="malloc",
                        help="whose calls: malloc's family, APR's pools,"
                        " talloc's chunks, or those of this project's pool in a"
                        " program that was built to be recorded")
    parser.add_argument("-o", dest="out", type=pathlib.Path, metavar="FILE",
                        default="recorded.trace",
                        help="default: %(default)s")
    parser.add_argument("--limit", type=int, metavar="MIB", default=256,
                        help="of what is kept of each process while it runs,"
                        " 8 to 24 bytes an event; default: %(default)s")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    given = parser.parse_args()
    if given.limit <= 0:
        parser.error(f"--limit: found {given.limit}, expected MiB from 1 on")
    if not given.out.parent.is_dir():
        parser.error(f"-o: found no folder {given.out.parent}")
    return given


def run(command: list[str], recorder: pathlib.Path | None, raw: pathlib.Path,
        limit: int) -> tuple[int, int]:
    """Returns the command's pid and status; Ctrl-C is the command's."""
    env = os.environ | {
        "NGXPOOL_RECORD_FILE": str(raw),
        "NGXPOOL_RECORD_LIMIT": str(limit * MIB // WORD_SIZE),
    }
    if recorder is not None:
        others = os.environ.get("LD_PRELOAD", "")
        env["LD_PRELOAD"] = f"{recorder}:{others}".rstrip(":")
    try:
        process = subprocess.Popen(command, env=env)
    except OSError as error:
        sys.exit(f"record: {command[0]}: {error.strerror}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: process.send_signal(number))
    return process.pid, process.wait()


def fast_folder(out: pathlib.Path, limit: int) -> pathlib.Path:
    """Memory, where there is enough for several processes; else out's disk."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(SHARED_MEMORY).free > 8 * limit * MIB:
            return SHARED_MEMORY
    return out.parent.resolve()


def convert(tool: pathlib.Path, raw: pathlib.Path,
            out: pathlib.Path) -> dict | None:
    """Returns what the trace holds; None, and no file: nothing."""
    done = subprocess.run([tool, raw, out], check=False, text=True,
                          stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(done.returncode)
    said = json.loads(done.stdout)
    if said["ops"] == 0:
        out.unlink()
        return None
    return said


def tell(out: pathlib.Path, said: dict) -> None:
    line = (f"record: {out}: process {said['pid']}, {said['ops']} ops in"
            f" {said['bytes']} bytes: {said['allocations']} allocations of"
            f" {said['asked']} bytes, {said['frees']} freed")
    if said["unknown"]:
        line += f", {said['unknown']} calls about what came before"
    if said["torn"]:
        line += f", {said['torn']} calls cut short"
    if said["lost"]:
        line += f"; the limit was reached: {said['lost']} calls are missing"
    print(line, file=sys.stderr)


def main() -> int:
    given = arguments()
    folder = given.build.resolve() / "bench" / "record"
    raw = pathlib.Path(tempfile.mkdtemp(
        prefix=".recording-", dir=fast_folder(given.out, given.limit)))
    try:
        name = RECORDERS[given.api]
        pid, status = run(given.command,
                          folder / f"lib{name}.so" if name else None,
                          raw / "raw", given.limit)
        written = 0
        for path in sorted(raw.iterdir()):
            own = path.suffix == f".{pid}"
            out = given.out if own else pathlib.Path(
                f"{given.out}{path.suffix}")
            said = convert(folder / "record_convert", path, out)
            path.unlink()
            if said is None:
                continue
            written += 1
            if given.json:
                print(json.dumps({"file": str(out)} | said), file=sys.stderr)
            else:
                tell(out, said)
    finally:
        shutil.rmtree(raw, ignore_errors=True)
    if written == 0:
        print(f"record: nothing was recorded: no process called"
              f" {given.api}'s functions "
              + ("through a shared library" if name else
                 "in a pool that is built to be recorded"),
              file=sys.stderr)
        return status if status > 0 else 1
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
