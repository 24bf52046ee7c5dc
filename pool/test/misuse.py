#!/usr/bin/env python3
"""Runs every case of the program misuse under a checker and prints TAP.

A misuse must be reported with its kind and at the address that it touches. A
valid program must run without a report.
"""

import argparse
import os
import re
import subprocess
import sys

REPORTED = 99  # valgrind's exit status after a report


def run(program: str, case: str, access: str,
        valgrind: str | None) -> subprocess.CompletedProcess[str]:
    command = [program, case, access]
    if valgrind:
        command = [valgrind, "-q", f"--error-exitcode={REPORTED}",
                   "--leak-check=full", *command]
    # Only addresses are compared, and symbols take long to find.
    env = os.environ | {"ASAN_OPTIONS": "symbolize=0"}
    return subprocess.run(command, env=env, capture_output=True, text=True,
                          check=False)


def asan_report(text: str, access: str) -> tuple[str, int] | None:
    """The kind of error and the address."""
    found = re.search(
        r"AddressSanitizer: (\S+) on address (0x[0-9a-f]+).*\n"
        rf"{access.upper()} of size 1 ", text)
    return (found[1], int(found[2], 16)) if found else None


def valgrind_report(text: str, access: str) -> int | None:
    """The first report's address."""
    found = re.search(
        rf"Invalid {access} of size 1\n(?:.*\n)*?"
        r"==\d+==  Address (0x[0-9a-f]+) is ", text)
    return int(found[1], 16) if found else None


def verdict(program: str, case: str, expected: str, access: str,
            valgrind: str | None) -> str:
    """Returns an empty string, or the difference from what was expected."""
    done = run(program, case, access, valgrind)

    if expected == "-":
        clean = done.returncode == 0 and done.stderr == ""
        return "" if clean else f"not clean:\n{done.stderr}"

    if not done.stdout:
        return f"touched nothing:\n{done.stderr}"
    address = int(done.stdout, 16)
    if valgrind:
        fits = (done.returncode == REPORTED
                and valgrind_report(done.stderr, access) == address)
    else:
        fits = (done.returncode != 0
                and asan_report(done.stderr, access) == (expected, address))
    if fits:
        return ""
    return f"{access} at {address:#x}, {expected}, expected:\n{done.stderr}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valgrind", help="run under this valgrind")
    parser.add_argument("program")
    args = parser.parse_args()

    listed = subprocess.run([args.program, "list"], capture_output=True,
                            text=True, check=True).stdout
    tests = [(*line.split(), access) for line in listed.splitlines()
             for access in ("read", "write")]
    failed = 0
    print(f"1..{len(tests)}")
    for n, (case, expected, access) in enumerate(tests, 1):
        found = verdict(args.program, case, expected, access, args.valgrind)
        print(f"{'not ok' if found else 'ok'} {n} - {case} {access}",
              flush=True)
        for line in found.splitlines():
            print(f"# {line}")
        failed += found != ""
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
