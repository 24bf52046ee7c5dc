"""Planted deviations of layouts, processes and the rest are found again."""

import math
import random
import unittest

import runs
from table import table
from test_table import loaded
from variance import RATIO, TIME, Components, Split, left_out, nested, splits


def cell(
    generator: random.Random, rounds: list[int], layout: float, process: float, half: float
) -> list[list[tuple[float, float]]]:
    """Halves of a cell with this number of rounds a layout, and these deviations."""
    layouts = []
    for count in rounds:
        of_layout = generator.gauss(0.0, layout)
        layouts.append([])
        for _ in range(count):
            of_both = of_layout + generator.gauss(0.0, process)
            halves = [of_both + generator.gauss(0.0, half) for _ in (0, 1)]
            layouts[-1].append((halves[0], halves[1]))
    return layouts


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


class Nested(unittest.TestCase):
    def test_values_by_hand(self) -> None:
        # Means of rounds: 1 and 3 in one layout, 5 in the other. The second
        # halves are higher by 0, 0 and 3, which is 1 in the mean: E = (1 + 1 +
        # 4) / 2 / 2. W = 2. The means of the layouts are 2 and 5, of all 3:
        # S = 2 * 1 + 1 * 4 = 6, and 3 - 5 / 3 = 4 / 3.
        found = nested([[(1.0, 1.0), (3.0, 3.0)], [(3.5, 6.5)]])
        self.assertAlmostEqual(found.rest, 1.5 / 2)
        self.assertAlmostEqual(found.process, 2 - 1.5 / 2)
        self.assertAlmostEqual(found.layout, (6 - 2) / (4 / 3))

    def test_drift_is_no_deviation(self) -> None:
        generator = random.Random(6)
        steady = cell(generator, [2] * 6, 0.10, 0.05, 0.04)
        warming = [
            [(first + 0.7, second - 0.7) for first, second in of] for of in steady
        ]
        for one, other in zip(nested(steady), nested(warming)):
            self.assertAlmostEqual(one, other)

    def test_planted_deviations_are_recovered(self) -> None:
        # As a full run has its rounds: twelve layouts, four of them twice. The
        # halves of a run are 0.04 apart from their mean, so a run 0.04 / sqrt 2.
        generator = random.Random(4)
        rounds = [2] * 4 + [1] * 8
        found = [nested(cell(generator, rounds, 0.10, 0.05, 0.04)) for _ in range(3000)]
        layout, process, rest = (mean(list(some)) for some in zip(*found))
        self.assertAlmostEqual(math.sqrt(layout), 0.10, delta=0.003)
        self.assertAlmostEqual(math.sqrt(process), 0.05, delta=0.003)
        self.assertAlmostEqual(math.sqrt(rest), 0.04 / math.sqrt(2), delta=0.001)

    def test_where_no_layout_has_two_rounds_two_are_one(self) -> None:
        generator = random.Random(5)
        found = [nested(cell(generator, [1] * 8, 0.10, 0.05, 0.04)) for _ in range(3000)]
        self.assertEqual({some.process for some in found}, {None})
        both = mean([some.layout for some in found])
        self.assertAlmostEqual(both, 0.10**2 + 0.05**2, delta=0.0006)

    def test_one_layout_says_nothing(self) -> None:
        self.assertIsNone(nested([[(1.0, 2.0), (1.5, 2.5)]]))


class Splits(unittest.TestCase):
    ONE = {"sizes": ("lognormal",), "workloads": ("fill",), "ns": range(10, 60)}

    def split(self, **options: object) -> dict[str, list[float | None]]:
        run = loaded(runs.document(**self.ONE | options))
        found = splits(table(run, "pool", 0.95), run)
        return {split.of: split.percents() for split in found}

    def test_report_finds_what_was_planted(self) -> None:
        # A ratio has the deviation of two rows, and not the round's weather.
        found = self.split(
            rounds=16, layouts=12, layout_noise=0.10, noise=0.05, half_noise=0.02
        )
        layout, process, rest, together = found[RATIO]
        for value, planted in (
            (layout, 0.10 * math.sqrt(2)),
            (process, 0.05 * math.sqrt(2)),
            (rest, 0.02),
            (together, math.sqrt(2 * 0.10**2 + 2 * 0.05**2 + 0.02**2)),
        ):
            self.assertAlmostEqual(value, 100 * math.expm1(planted), delta=1.0)
        self.assertGreater(found[TIME][3], 20.0)

    def test_negative_estimates_are_0(self) -> None:
        found = Split("fill", RATIO, 1, Components(-0.04, -0.01, 0.0)).percents()
        self.assertEqual(found, [0.0, 0.0, 0.0, 0.0])

    def test_negative_estimates_take_nothing_from_the_others(self) -> None:
        found = Split("fill", RATIO, 1, Components(0.01, -0.01, 0.0)).percents()
        self.assertAlmostEqual(found[3], 100 * math.expm1(0.1))

    def test_process_is_not_known_without_repeated_layouts(self) -> None:
        found = self.split(rounds=8)
        self.assertIsNone(found[RATIO][1])

    def test_unstable_cells_and_those_without_halves_are_left_out(self) -> None:
        document = runs.document(**self.ONE)
        for entry in document["benchmarks"]:
            if entry["name"] == "fill/malloc/lognormal/10":
                factor = 8.0 if entry["layout"] == 3 else 1.0
                entry["items_per_second"] *= factor
                entry["first_half_ns"] /= factor
                entry["second_half_ns"] /= factor
            if entry["name"] == "fill/talloc/lognormal/10":
                del entry["first_half_ns"], entry["second_half_ns"]
        run = loaded(document)
        figures = table(run, "pool", 0.95)
        self.assertEqual(left_out(figures, run), (1, 1))
        found = {split.of: split for split in splits(figures, run)}
        self.assertEqual(found[TIME].cells, 7 * 50 - 2)
        self.assertEqual(found[RATIO].cells, 6 * 50 - 2)
        self.assertLess(found[RATIO].percents()[3], 3.0)


if __name__ == "__main__":
    unittest.main()
