#!/usr/bin/env python3
"""Runs every case of the program misuse under a checker and prints TAP.

A misuse must be reported with its kind and at the address that it touches. A
valid program must run without a report.
"""

import argparse
import dataclasses
import os
import re
import subprocess
import sys

REPORTED = 99  # valgrind's exit status after a report
CASE = re.compile(r"^case (\S+) (\S+) (\S+)\n(.*?)^status (\d+)\n", re.M | re.S)


@dataclasses.dataclass
class Case:
    """One use of memory, and its result."""

    name: str
    access: str  # read or write
    expected: str  # AddressSanitizer's name of the error, or "-"
    output: str  # the address that is touched, and the checker's report
    status: int


def run(program: str, valgrind: str | None) -> tuple[str, int]:
    """The output of the program and the checker, in order, and the exit status."""
    command = [program]
    if valgrind:
        command = [valgrind, "-q", f"--error-exitcode={REPORTED}",
                   "--leak-check=full", *command]
    # Only addresses are compared, and symbols take long to find.
    env = os.environ | {"ASAN_OPTIONS": "symbolize=0"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout, done.returncode


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


def verdict(case: Case, is_valgrind: bool) -> str:
    """Returns an empty string, or the difference from the expected report."""
    if case.expected == "-":
        clean = case.status == 0 and case.output == ""
        return "" if clean else f"not clean:\n{case.output}"

    touched = re.match(r"0x[0-9a-f]+\n", case.output)
    if touched is None:
        return f"touched nothing:\n{case.output}"
    address = int(touched[0], 16)
    if is_valgrind:
        fits = (case.status == REPORTED
                and valgrind_report(case.output, case.access) == address)
    else:
        fits = (case.status != 0 and
                asan_report(case.output, case.access) == (case.expected, address))
    if fits:
        return ""
    return (f"{case.access} at {address:#x}, {case.expected}, expected:\n"
            f"{case.output}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valgrind", help="run under this valgrind")
    parser.add_argument("program")
    args = parser.parse_args()

    output, status = run(args.program, args.valgrind)
    cases = [Case(name, access, expected, said, int(number)) for
             name, access, expected, said, number in CASE.findall(output)]
    failed = status != 0 or not cases
    if failed:
        print(f"Bail out! status {status} after {len(cases)} cases")
    else:
        print(f"1..{len(cases)}")
    for n, case in enumerate(cases, 1):
        found = verdict(case, args.valgrind is not None)
        print(f"{'not ok' if found else 'ok'} {n} - {case.name} {case.access}")
        for line in found.splitlines():
            print(f"# {line}")
        failed |= found != ""
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
