#!/usr/bin/env python3
"""The campaign's own parts: what it refuses, and how it cuts an input down."""

import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

import campaign  # noqa: E402

# Fails when the input holds an 'A' and, in another record, a 'B'.
TARGET = """#!/bin/sh
tail -c +2 "$1" | fold -w 4 | grep -q '^A' || exit 0
tail -c +2 "$1" | fold -w 4 | grep -q '^B' || exit 0
echo 'op 1, nop: broken promise 3: words'
exit 1
"""


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(FUZZ / "campaign.py"), *arguments],
        capture_output=True, text=True, check=False,
    )


class Refusals(unittest.TestCase):
    def check(self, arguments: list[str], known: str) -> None:
        done = run(*arguments)
        self.assertEqual(done.returncode, 2)
        self.assertIn(known, done.stderr)

    def test_unknown_engine_lists_the_known(self) -> None:
        self.check(["--engine", "none"], "known: libfuzzer afl")

    def test_unknown_target_lists_the_known(self) -> None:
        self.check(["none"], "pool_ops_hardened")

    def test_unknown_mutant_lists_the_known(self) -> None:
        self.check(["--plant", "none"], "fits_wraps")


class Planted(unittest.TestCase):
    def test_every_planted_bug_is_some_targets(self) -> None:
        source = FUZZ.parent
        for plant in campaign.known_plants(source):
            self.assertIn(campaign.planted_target(source, plant),
                          campaign.TARGETS["libfuzzer"])


class Reduction(unittest.TestCase):
    def test_minimise_leaves_what_fails(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            target = folder / "target"
            target.write_text(TARGET)
            target.chmod(target.stat().st_mode | stat.S_IXUSR)
            found = folder / "found"
            found.write_bytes(b"1" + b"xxxx" * 9 + b"Axxx" + b"yyyy" * 3 + b"Bx")
            report = campaign.fails(target, found)
            self.assertIsNotNone(report)
            small = campaign.minimise(
                target, campaign.Finding(found, report), folder / "small"
            )
            self.assertEqual(small.path.read_bytes(), b"1AxxxBx")
            self.assertEqual(
                campaign.signature(small.report), "broken promise 3: words"
            )


if __name__ == "__main__":
    unittest.main()
