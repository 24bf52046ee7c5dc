"""Ratios, verdicts and what a run must have."""

import math
import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs
from interval import Estimate
from load import InputError, load
from table import FASTER, SAME, SLOWER, TIE, UNJUDGED, Table, judge, spread, table


def tabled(run: dict[str, Any], baseline: str = "pool") -> Table:
    with tempfile.TemporaryDirectory() as folder:
        return table(load(runs.write(Path(folder), run)), baseline, 0.95)


def by_hand(**rates: list[float]) -> dict[str, Any]:
    """One cell; each allocator's rate in every round."""
    return {
        "benchmarks": [
            runs.entry(f"fill/{name}/fixed_64/10", number, rate)
            for name, values in rates.items()
            for number, rate in enumerate(values)
        ]
    }


class Ratios(unittest.TestCase):
    def test_ratio_is_the_median_of_paired_ratios(self) -> None:
        # The machine slows down eightfold over the rounds; each round's ratio
        # of times is 2, 2, 2, 4, 2, 1, 2: median 2, interval 1 to 4.
        base = [8.0, 8.0, 4.0, 4.0, 2.0, 1.0, 1.0]
        peer = [4.0, 4.0, 2.0, 1.0, 1.0, 1.0, 0.5]
        group = tabled(by_hand(pool=base, pool_again=base, peer=peer)).groups[0]
        ratio = group.cells["peer", 10].ratio
        self.assertEqual([round(end, 12) for end in ratio], [2.0, 1.0, 4.0])
        self.assertEqual(group.cells["pool", 10].time_ns, 1e9 / 4.0)

    def test_median_of_logarithms_is_geometric(self) -> None:
        base = [1.0] * 6
        peer = [1.0, 1.0, 1.0, 0.25, 0.25, 0.25]
        group = tabled(by_hand(pool=base, pool_again=base, peer=peer)).groups[0]
        self.assertAlmostEqual(group.cells["peer", 10].ratio.median, 2.0)

    def test_rounds_are_paired_by_number_not_by_place(self) -> None:
        run = by_hand(
            pool=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            pool_again=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            peer=[0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        )
        run["benchmarks"].sort(key=lambda row: (row["name"], row["real_time"]))
        ratio = tabled(run).groups[0].cells["peer", 10].ratio
        for end in ratio:
            self.assertAlmostEqual(end, 2.0)

    def test_other_baseline_turns_ratios_round(self) -> None:
        run = runs.document()
        mine = tabled(run).groups[0].cells["malloc", 100].ratio
        theirs = tabled(run, "malloc").groups[0].cells["pool", 100].ratio
        self.assertAlmostEqual(mine.median * theirs.median, 1.0)
        self.assertAlmostEqual(mine.low * theirs.high, 1.0)

    def test_every_row_has_its_cell(self) -> None:
        figures = tabled(runs.document())
        self.assertEqual(len(figures.groups), 2 * len(runs.SIZES))
        for group in figures.groups:
            self.assertEqual(group.ns, list(runs.NS))
            self.assertEqual(sorted(group.allocators), sorted(runs.COSTS))
            self.assertEqual(len(group.cells), len(runs.COSTS) * len(runs.NS))
            self.assertEqual(list(group.pairs), list(runs.NS))

    def test_sizes_stand_in_natural_order(self) -> None:
        sizes = [group.sizes for group in tabled(runs.document()).of("fill")]
        self.assertEqual(
            sizes, ["fixed_64", "fixed_512", "lognormal", "nginx_request"]
        )

    def test_baseline_and_twin_stand_first(self) -> None:
        allocators = tabled(runs.document()).allocators
        self.assertEqual(allocators[:3], ["pool", "pool_again", "arena"])


class Verdicts(unittest.TestCase):
    QUIET = Estimate(1.0, 0.99, 1.01)
    LOUD = Estimate(1.0, 0.80, 1.10)

    def test_clear_differences(self) -> None:
        self.assertEqual(judge(Estimate(1.5, 1.4, 1.6), self.QUIET), SLOWER)
        self.assertEqual(judge(Estimate(0.7, 0.6, 0.8), self.QUIET), FASTER)

    def test_interval_that_holds_1_is_a_tie(self) -> None:
        self.assertEqual(judge(Estimate(1.5, 0.9, 1.6), self.QUIET), TIE)
        self.assertEqual(judge(Estimate(0.7, 0.6, 1.0), self.QUIET), TIE)

    def test_difference_inside_the_spread_is_a_tie(self) -> None:
        self.assertEqual(judge(Estimate(1.2, 1.19, 1.21), self.LOUD), TIE)
        self.assertEqual(judge(Estimate(0.85, 0.84, 0.86), self.LOUD), TIE)
        self.assertEqual(judge(Estimate(1.2, 1.19, 1.21), self.QUIET), SLOWER)

    def test_spread_is_the_far_end(self) -> None:
        self.assertAlmostEqual(spread(self.LOUD), math.log(1.25))
        self.assertAlmostEqual(spread(Estimate(1.2, 1.1, 1.3)), math.log(1.3))

    def test_wide_pair_in_a_run_makes_ties(self) -> None:
        base = [1.0] * 8
        peer = [0.9] * 8
        quiet = [1.0] * 8
        loud = [1.3, 0.8, 1.3, 0.8, 1.3, 0.8, 1.3, 0.8]
        for pair, verdict in ((quiet, SLOWER), (loud, TIE)):
            group = tabled(by_hand(pool=base, pool_again=pair, peer=peer)).groups[0]
            self.assertEqual(group.cells["peer", 10].verdict, verdict)
            self.assertEqual(group.cells["pool_again", 10].verdict, SAME)

    def test_equal_allocators_tie_and_different_ones_do_not(self) -> None:
        figures = tabled(runs.document(costs=runs.COSTS | {"same": 4.0}))
        verdicts = [
            cell.verdict
            for group in figures.groups
            for _, cell in group.of("same")
        ]
        self.assertEqual(len(verdicts), 24)
        self.assertGreaterEqual(verdicts.count(TIE), 22)
        for group in figures.groups:
            for _, cell in group.of("malloc"):
                self.assertEqual(cell.verdict, SLOWER)

    def test_without_pair_or_baseline_nothing_is_judged(self) -> None:
        run = runs.document()
        runs.skip(run, "fill/pool_again/fixed_64/10", "test")
        runs.skip(run, "fill/pool/fixed_512/10", "test")
        for group in tabled(run).of("fill"):
            cell = group.cells["malloc", 10]
            if group.sizes in ("fixed_64", "fixed_512"):
                self.assertEqual(cell.verdict, UNJUDGED)
            else:
                self.assertEqual(cell.verdict, SLOWER)
            if group.sizes == "fixed_512":
                self.assertIsNone(cell.ratio)


class Refusals(unittest.TestCase):
    def refused(self, run: dict[str, Any], words: str, baseline: str = "pool") -> None:
        with self.assertRaisesRegex(InputError, "run.json: " + words):
            tabled(run, baseline)

    def test_no_baseline(self) -> None:
        self.refused(runs.document(), '.*"nobody".*expected one of: .*pool', "nobody")

    def test_baseline_without_figures(self) -> None:
        run = runs.document()
        runs.skip(run, "fill/pool/", "test")
        runs.skip(run, "fill_reset/pool/", "test")
        self.refused(run, '.*baseline "pool".*expected one of: arena, malloc')

    def test_no_pair(self) -> None:
        self.refused(runs.document(costs={"pool": 4.0, "malloc": 30.0}), "no A/A pair")

    def test_too_few_rounds(self) -> None:
        self.refused(runs.document(rounds=5), ".* has 5 rounds; expected 6 or more, .* 0.9375")

    def test_one_row_with_too_few_rounds(self) -> None:
        run = runs.document()
        run["benchmarks"] = [
            row
            for row in run["benchmarks"]
            if row["name"] != "fill/talloc/fixed_64/10" or row["repetition_index"] < 3
        ]
        self.refused(run, "fill/talloc/fixed_64/10 has 3 rounds")

    def test_too_few_rounds_in_common(self) -> None:
        base = [1.0] * 8
        run = by_hand(pool=base, pool_again=base, peer=base)
        for row in run["benchmarks"]:
            if "/peer/" in row["name"]:
                row["repetition_index"] += 4
        self.refused(run, "fill/peer/fixed_64/10 shares 4 rounds with pool")


if __name__ == "__main__":
    unittest.main()
