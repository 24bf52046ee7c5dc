#!/usr/bin/env python3
"""Runs every test of a cmocka program alone, then the first and the last, then all in
reverse order (group.h).

usage: alone.py PROGRAM

Prints TAP: a test that passes among the others must pass so too.
"""

import os
import subprocess
import sys


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program], env=os.environ | environment, check=False,
                          text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def verdict(done: subprocess.CompletedProcess[str], expected: int) -> str:
    """Returns an empty string, or the program's output if it was another one."""
    expected_line = f"{expected} tests, 0 failed"
    fits = done.returncode == 0 and done.stdout.splitlines()[-1:] == [expected_line]
    return "" if fits else f"expected '{expected_line}' and status 0:\n{done.stdout}"


def main() -> int:
    program, = sys.argv[1:]
    names = run(program, TEST_LIST="1").stdout.split()
    trials = [(name, {"TEST_ONLY": name}, 1) for name in names]
    ends = sorted({names[0], names[-1]}) if names else []
    trials.append(("the first and the last", {"TEST_ONLY": ",".join(ends)}, len(ends)))
    trials.append(("all in reverse order", {"TEST_ORDER": "reverse"},
                   len(names)))

    print(f"1..{len(trials)}")
    failed = not names
    for number, (name, environment, expected) in enumerate(trials, start=1):
        wrong = verdict(run(program, **environment), expected)
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        for line in wrong.splitlines():
            print(f"# {line}")
        failed |= wrong != ""
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
