#!/usr/bin/env python3
"""The speed of a target, as a share of the speed of one that does nothing."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

from campaign import speed  # noqa: E402

# A start takes STARTS loops, and each run of an input takes LOOPS.
LOOPS_FOR = """#!/bin/sh
count=0
loops=STARTS
for word in "$@"; do
    case $word in
    -runs=*) runs=${word#*=} ;;
    *) loops=$((loops + LOOPS * runs)) ;;
    esac
done
while [ "$count" -lt "$loops" ]; do count=$((count + 1)); done
"""
STARTS = 100_000


class Speeds(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.inputs = []
        for name in "abcd":
            path = self.folder / "inputs" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(name)
            self.inputs.append(path)

    def program(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def looping(self, name: str, loops: int) -> Path:
        return self.program(name, LOOPS_FOR.replace("STARTS", str(STARTS))
                            .replace("LOOPS", str(loops)))

    def test_a_share_leaves_out_what_a_start_takes(self) -> None:
        with mock.patch.object(speed, "ROUND_SECONDS", 0.3):
            found = speed.measure(self.looping("target", 20_000),
                                  self.looping("empty", 5_000), self.inputs, 3)
        self.assertEqual((found.name, found.inputs), ("target", 4))
        self.assertEqual((len(found.rates), len(found.shares)), (3, 3))
        self.assertAlmostEqual(sorted(found.shares)[1], 0.25, delta=0.08)

    def test_a_line_has_the_median_the_least_and_the_greatest(self) -> None:
        said = str(speed.Speed("t", 1573, [30000.4, 20000.0, 25000.0],
                               [0.3, 0.1, 0.2]))
        self.assertEqual(
            said, "t: 25,000 (20,000 to 30,000) executions a CPU second, "
            "20.0 % (10.0 % to 30.0 %) of an empty target's, on 1,573 inputs")

    def test_a_target_that_fails_is_named(self) -> None:
        failing = self.program("failing", "#!/bin/sh\nexit 77\n")
        with self.assertRaises(speed.Refused) as refused:
            speed.measure(failing, failing, self.inputs, 1)
        self.assertIn("failing ended with status 77", str(refused.exception))

    def test_inputs_are_all_or_evenly_chosen(self) -> None:
        folder = self.folder / "inputs"
        self.assertEqual(speed.choose_inputs([folder]), self.inputs)
        with mock.patch.object(speed, "INPUTS_MAX", 2):
            self.assertEqual(speed.choose_inputs([folder]), self.inputs[::2])

    def test_a_folder_without_inputs_is_named(self) -> None:
        with self.assertRaises(speed.Refused) as refused:
            speed.choose_inputs([self.folder / "nothing"])
        self.assertIn("nothing", str(refused.exception))


class Arguments(unittest.TestCase):
    def test_an_unknown_target_is_named(self) -> None:
        with self.assertRaises(speed.Refused) as refused:
            speed.main(["no_such_target"])
        self.assertIn("no_such_target", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
