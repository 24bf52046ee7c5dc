"""Rows that were still changing are listed, and others are not."""

import unittest

import runs
from drift import drifting
from test_table import loaded


class Drifting(unittest.TestCase):
    def test_rows_whose_halves_differ_are_listed(self) -> None:
        warm_up = {"arena": 0.92, "malloc": 1.08, "talloc": 0.97}
        run = loaded(runs.document(warm_up=warm_up))
        found = drifting(run)
        self.assertEqual({drift.row.allocator for drift in found}, {"arena", "malloc"})
        self.assertEqual(len(found), 2 * 2 * len(runs.SIZES) * len(runs.NS))
        for drift in found:
            expected = warm_up[drift.row.allocator] - 1.0
            self.assertAlmostEqual(drift.change, expected, delta=0.02)

    def test_the_farthest_stands_first(self) -> None:
        run = loaded(runs.document(warm_up={"arena": 0.9, "malloc": 0.5}))
        self.assertEqual(drifting(run)[0].row.allocator, "malloc")

    def test_one_disturbed_round_is_no_drift(self) -> None:
        document = runs.document()
        for entry in document["benchmarks"]:
            if entry["repetition_index"] == 0:
                entry["second_half_ns"] *= 3.0
        self.assertEqual(drifting(loaded(document)), [])

    def test_a_row_without_halves_is_no_drift(self) -> None:
        document = runs.document()
        for entry in document["benchmarks"]:
            del entry["first_half_ns"], entry["second_half_ns"]
        self.assertEqual(drifting(loaded(document)), [])


if __name__ == "__main__":
    unittest.main()
