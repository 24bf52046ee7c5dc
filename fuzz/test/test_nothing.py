#!/usr/bin/env python3
"""Whether a campaign from nothing found a bug, and in which time."""

import argparse
import json
import stat
import sys
import tempfile
import unittest
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

from campaign import nothing  # noqa: E402

# Leaves a file of a name in libFuzzer's folder, which its options say.
LEAVES = """#!/bin/sh
for word in "$@"; do
    case $word in
    -artifact_prefix=*) touch "${word#*=}NAME" ;;
    esac
done
exit STATUS
"""


class Campaigns(unittest.TestCase):
    def run_script(self, text: str, seconds: int = 60,
                   mutator: str = nothing.OPS) -> float | None:
        with tempfile.TemporaryDirectory() as folder:
            binary = Path(folder) / "target"
            binary.write_text(text)
            binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
            return nothing.run(binary, ["-dict=words"], 1, seconds, mutator)

    def test_the_target_learns_which_mutator(self) -> None:
        script = """#!/bin/sh
        [ "$NGXPOOL_MUTATOR" = bytes ] || exit 1
        for word in "$@"; do
            case $word in
            -artifact_prefix=*) touch "${word#*=}crash-1" ;;
            esac
        done
        """
        self.assertIsNotNone(self.run_script(script, mutator=nothing.BYTES))

    def run_leaving(self, name: str, status: int) -> float | None:
        return self.run_script(
            LEAVES.replace("NAME", name).replace("STATUS", str(status)))

    def test_an_input_that_fails_is_found(self) -> None:
        for name in "crash-1", "timeout-1", "oom-1":
            self.assertIsNotNone(self.run_leaving(name, 77))

    def test_a_slow_input_is_not_found(self) -> None:
        self.assertIsNone(self.run_leaving("slow-unit-1", 0))

    def test_a_campaign_ends_after_the_processor_s_time(self) -> None:
        self.assertIsNone(self.run_script("#!/bin/sh\nwhile :; do :; done\n", 1))

    def test_a_target_that_does_not_start_is_an_error(self) -> None:
        with self.assertRaises(nothing.Refused) as refused:
            self.run_leaving("slow-unit-1", 3)
        self.assertIn("status 3", str(refused.exception))


class Parts(unittest.TestCase):
    def test_about_a_third_is_held_out(self) -> None:
        names = list(nothing.mutants(FUZZ.parent))
        held = sum(map(nothing.is_held_out, names))
        self.assertGreater(held, len(names) // 4)
        self.assertLess(held, len(names) // 2)

    def test_a_summary_counts_what_every_seed_found(self) -> None:
        rows = [nothing.Row("a", "t", False, [1.0, 3.0], []),
                nothing.Row("b", "t", False, [2.0, None], [])]
        self.assertEqual(
            nothing.summary("all", rows),
            "all: 1 of 2 found with every seed, 3 of 4 campaigns, median 2.00 s")

    def test_a_comparison_has_both_mutators(self) -> None:
        rows = [nothing.Row("b", "t", True, [1.0, None], [None, 2.5])]
        arguments = argparse.Namespace(seconds=10, seeds=[1, 2], part="held")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "compared.json"
            nothing.write(path, rows, arguments)
            document = json.loads(path.read_text())
        self.assertEqual(document["mutants"],
                         {"b": {"ops": [1.0, None], "bytes": [None, 2.5]}})
        self.assertEqual((document["seconds"], document["part"]), (10, "held"))


if __name__ == "__main__":
    unittest.main()
