"""Ratios, cells, and the parts that a run must have."""

import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs
from load import InputError, Run, load
from table import Table, table
from verdicts import EQUAL, SAME, SLOWER, UNKNOWN, UNSTABLE


def loaded(document: dict[str, Any], machine: dict[str, Any] = runs.MACHINE) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return load(runs.write(Path(folder), document, machine))


def tabled(document: dict[str, Any], baseline: str = "pool") -> Table:
    return table(loaded(document), baseline, 0.95)


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
        base = [8.0, 8.0, 4.0, 4.0, 2.0, 1.0, 1.0]
        peer = [4.0, 4.0, 2.0, 1.0, 1.0, 1.0, 0.5]
        group = tabled(by_hand(pool=base, pool_again=base, peer=peer)).groups[0]
        ratio = group.cells["peer", 10].ratio
        self.assertEqual([round(end, 12) for end in ratio], [2.0, 1.0, 4.0])
        self.assertAlmostEqual(group.cells["pool", 10].time_ns, 1e9 / 4.0)

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

    def test_layouts_are_the_values_and_not_rounds(self) -> None:
        figures = tabled(runs.document(rounds=16, layouts=12))
        self.assertEqual(figures.rounds, (16, 16))
        self.assertEqual(figures.layouts, (12, 12))
        self.assertAlmostEqual(figures.coverage, 1 - 2 * 79 / 4096)  # rank 3 of 12

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
        self.assertEqual(sizes, ["fixed_64", "fixed_512", "lognormal", "nginx_request"])

    def test_baseline_and_twin_stand_first(self) -> None:
        allocators = tabled(runs.document()).allocators
        self.assertEqual(allocators[:3], ["pool", "pool_again", "arena"])


class Verdicts(unittest.TestCase):
    def test_the_pair_beside_a_cell_decides(self) -> None:
        base = [1.0] * 8
        peer = [0.9] * 8
        quiet = [1.0] * 8
        loud = [1.3, 0.8, 1.3, 0.8, 1.3, 0.8, 1.3, 0.8]
        for pair, verdict in ((quiet, SLOWER), (loud, UNKNOWN)):
            group = tabled(by_hand(pool=base, pool_again=pair, peer=peer)).groups[0]
            self.assertEqual(group.cells["peer", 10].verdict, verdict)
            self.assertEqual(group.cells["pool_again", 10].verdict, SAME)
            self.assertEqual(group.cells["pool", 10].verdict, SAME)

    def test_one_layout_that_differs_makes_it_unstable(self) -> None:
        base = [1.0] * 8
        peer = [0.5] * 7 + [1.1]
        group = tabled(by_hand(pool=base, pool_again=base, peer=peer)).groups[0]
        self.assertEqual(group.cells["peer", 10].verdict, UNSTABLE)

    def test_equal_allocators_are_equal_and_different_ones_are_not(self) -> None:
        figures = tabled(runs.document(costs=runs.COSTS | {"same": 4.0}))
        verdicts = [
            cell.verdict for group in figures.groups for _, cell in group.of("same")
        ]
        self.assertEqual(verdicts, [EQUAL] * 24)
        for group in figures.groups:
            for _, cell in group.of("malloc"):
                self.assertEqual(cell.verdict, SLOWER)

    def test_without_pair_or_baseline_it_is_unknown(self) -> None:
        run = runs.document()
        runs.fail(run, "fill/pool_again/fixed_64/10", "test")
        runs.fail(run, "fill/pool/fixed_512/10", "test")
        for group in tabled(run).of("fill"):
            cell = group.cells["malloc", 10]
            if group.sizes in ("fixed_64", "fixed_512"):
                self.assertEqual(cell.verdict, UNKNOWN)
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
        runs.fail(run, "fill/pool/", "test")
        runs.fail(run, "fill_reset/pool/", "test")
        self.refused(run, '.*baseline "pool".*expected one of: arena, malloc')

    def test_no_pair(self) -> None:
        self.refused(runs.document(costs={"pool": 4.0, "malloc": 30.0}), "no A/A pair")

    def test_too_few_rounds(self) -> None:
        self.refused(
            runs.document(rounds=5),
            ".* shares 5 layouts with pool; expected 6 or more",
        )

    def test_too_few_layouts_in_many_rounds(self) -> None:
        self.refused(
            runs.document(rounds=20, layouts=5),
            ".* shares 5 layouts with pool; expected 6 or more",
        )

    def test_one_row_with_too_few_rounds(self) -> None:
        run = runs.document()
        run["benchmarks"] = [
            row
            for row in run["benchmarks"]
            if row["name"] != "fill/talloc/fixed_64/10" or row["repetition_index"] < 3
        ]
        self.refused(
            run,
            "fill/talloc/fixed_64/10 has 3 layouts, in 3 rounds; expected 6 layouts "
            "or more, .* 3 give at most 0.75",
        )

    def test_too_few_layouts_in_common(self) -> None:
        base = [1.0] * 8
        run = by_hand(pool=base, pool_again=base, peer=base)
        for row in run["benchmarks"]:
            if "/peer/" in row["name"]:
                row["repetition_index"] += 4
                row["layout"] += 4
        self.refused(run, "fill/peer/fixed_64/10 shares 4 layouts with pool")


if __name__ == "__main__":
    unittest.main()
