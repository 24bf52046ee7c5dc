"""fuzz.json and campaigns.csv: what is read of them, and what is refused."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs  # noqa: F401, for the path of the modules
import campaigns
from errors import InputError
from page import figures

ONE = {
    "target": "pool_ops",
    "engine": "afl",
    "mutant": None,
    "seconds": 10.4,
    "executions": 1000,
    "edges": 300,
    "corpus": 7,
    "stability": "100.00%",
    "memory_mib": [0, 0],
    "findings": [],
}


class Campaigns(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def load(self, *runs_: list[Any]) -> list[campaigns.Line]:
        lines = (json.dumps({"campaigns": of}) + "\n" for of in runs_)
        (self.folder / campaigns.LOG).write_text("".join(lines))
        return campaigns.load(self.folder)

    def test_runs_are_added_up_by_target_and_engine(self) -> None:
        later = ONE | {
            "edges": 310,
            "corpus": 5,
            "stability": "99.50%",
            "memory_mib": [95, 102],
        }
        found = self.load([ONE, ONE | {"engine": "libfuzzer", "stability": ""}], [later])
        self.assertEqual(
            found[0],
            {
                "target": "pool_ops",
                "engine": "afl",
                "campaigns": "2",
                "seconds": "21",
                "executions": "2000",
                "findings": "0",
                "edges": "310",
                "corpus": "5",
                "stability": "99.50%",
                "growth_mib": "7",
            },
        )
        self.assertEqual([line["engine"] for line in found], ["afl", "libfuzzer"])
        self.assertEqual(found[1]["stability"], "")
        self.assertEqual(found[1]["growth_mib"], "")

    def test_growth_is_the_greatest_one(self) -> None:
        grown = [[90, 88], [90, 91], [0, 95], None]
        found = self.load([ONE | {"memory_mib": memory} for memory in grown])
        self.assertEqual(found[0]["growth_mib"], "1")

    def test_campaigns_for_a_planted_bug_are_left_out(self) -> None:
        self.assertEqual(self.load([ONE | {"mutant": "fits_wraps"}]), [])

    def test_the_published_lines_stand_in_for_the_file(self) -> None:
        lines = self.load([ONE])
        (self.folder / campaigns.LOG).unlink()
        self.assertEqual(campaigns.load(self.folder), [])
        (self.folder / campaigns.FILE).write_text(campaigns.written(lines))
        self.assertEqual(campaigns.load(self.folder), lines)

    def test_what_is_refused_names_file_and_field(self) -> None:
        for change, words in (
            ({"target": 5}, "target is 5; expected a text"),
            ({"edges": "many"}, "edges is 'many'; expected a number"),
            ({"stability": "good"}, "stability is 'good'; expected percent"),
            ({"findings": 1}, "findings is 1; expected a list"),
            ({"memory_mib": [1]}, r"memory_mib is \[1\]; expected two numbers"),
            ({"memory_mib": ["a", 1]}, "memory_mib is .*; expected two numbers"),
        ):
            with self.assertRaisesRegex(
                InputError, rf"fuzz\.json:1: campaigns\[0\]: {words}"
            ):
                self.load([ONE | change])

    def test_marks_are_rates_edges_and_inputs(self) -> None:
        one = ONE | {"seconds": 10, "corpus": None, "memory_mib": [5, 6]}
        figure = figures.campaigns(self.load([one]))
        self.assertEqual(
            [(mark.row, mark.value) for mark in figure.marks],
            [("executions a second", 100.0), ("edges", 300.0)],
        )
        self.assertIn("stability 100.00%", figure.marks[0].more)
        self.assertIn("memory grew by 1 MiB", figure.marks[0].more)
        figure = figures.campaigns(self.load([one | {"memory_mib": [8, 6]}]))
        self.assertIn("memory shrank by 2 MiB", figure.marks[0].more)


if __name__ == "__main__":
    unittest.main()
