"""The verdicts: faster, slower, equal, unknown, unstable."""

import math
import random
import unittest

import runs  # first: it makes the report's modules known
from interval import Estimate
from verdicts import (
    EQUAL,
    FASTER,
    NO_SPREAD,
    SLOWER,
    UNKNOWN,
    UNSTABLE,
    Comparison,
    TooFewLayouts,
    compare,
    compare_apart,
    judge,
    spread,
    typical,
)

ROUNDS = range(8)
LAYOUTS = {number: number for number in ROUNDS}
QUIET = Estimate(1.0, 0.99, 1.01)
LOUD = Estimate(1.0, 0.80, 1.10)


def rates(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def comparison(median: float, low: float, high: float) -> Comparison:
    return Comparison(Estimate(median, low, high), {0: low, 1: high})


class Verdicts(unittest.TestCase):
    def verdict(self, pair: Estimate | None, *ratio: float) -> str:
        return judge(comparison(*ratio), pair)

    def test_clear_differences(self) -> None:
        self.assertEqual(self.verdict(QUIET, 1.5, 1.4, 1.6), SLOWER)
        self.assertEqual(self.verdict(QUIET, 0.7, 0.6, 0.8), FASTER)

    def test_interval_that_holds_1_is_unknown(self) -> None:
        self.assertEqual(self.verdict(QUIET, 1.5, 0.9, 1.6), UNKNOWN)
        self.assertEqual(self.verdict(QUIET, 0.7, 0.6, 1.0), UNKNOWN)

    def test_difference_inside_the_spread_is_unknown(self) -> None:
        self.assertEqual(self.verdict(LOUD, 1.2, 1.19, 1.21), UNKNOWN)
        self.assertEqual(self.verdict(LOUD, 0.85, 0.84, 0.86), UNKNOWN)
        self.assertEqual(self.verdict(QUIET, 1.2, 1.19, 1.21), SLOWER)

    def test_equal_needs_the_whole_interval_near_1(self) -> None:
        self.assertEqual(self.verdict(QUIET, 1.0, 0.96, 1.04), EQUAL)
        self.assertEqual(self.verdict(QUIET, 1.0, 0.96, 1.06), UNKNOWN)
        self.assertEqual(self.verdict(QUIET, 1.0, 0.94, 1.04), UNKNOWN)

    def test_equal_is_the_same_from_either_side(self) -> None:
        for low, high in ((0.9525, 1.0), (0.9523, 1.0)):
            with self.subTest(low=low):
                there = self.verdict(QUIET, 1.0, low, high)
                back = self.verdict(QUIET, 1.0, 1 / high, 1 / low)
                self.assertEqual(there, back)
                self.assertEqual(there == EQUAL, low > 1 / 1.05)

    def test_small_difference_that_is_certain_is_equal(self) -> None:
        self.assertEqual(self.verdict(QUIET, 1.03, 1.02, 1.04), EQUAL)

    def test_unstable_comes_before_all_others(self) -> None:
        wide = Comparison(Estimate(3.0, 2.0, 4.1), {0: 2.0, 1: 4.1})
        self.assertEqual(judge(wide, QUIET), UNSTABLE)
        inside = Comparison(Estimate(1.0, 0.99, 1.01), {0: 0.5, 1: 1.01})
        self.assertEqual(judge(inside, QUIET), UNSTABLE)
        self.assertEqual(self.verdict(QUIET, 3.0, 2.1, 4.1), SLOWER)

    def test_without_a_pair_none_is_faster_or_slower(self) -> None:
        self.assertEqual(self.verdict(None, 1.5, 1.4, 1.6), UNKNOWN)
        self.assertEqual(self.verdict(None, 1.0, 0.99, 1.01), EQUAL)
        self.assertEqual(self.verdict(None, 2.0, 1.0, 3.0), UNSTABLE)

    def test_no_spread_leaves_it_to_the_interval(self) -> None:
        self.assertEqual(self.verdict(NO_SPREAD, 1.06, 1.03, 1.09), SLOWER)
        self.assertEqual(self.verdict(NO_SPREAD, 1.06, 0.99, 1.09), UNKNOWN)

    def test_spread_is_the_far_end(self) -> None:
        self.assertAlmostEqual(spread(LOUD), math.log(1.25))
        self.assertAlmostEqual(spread(Estimate(1.2, 1.1, 1.3)), math.log(1.3))


class Comparing(unittest.TestCase):
    def test_ratio_is_the_median_of_paired_ratios(self) -> None:
        # The machine slows down eightfold over the rounds; each round's ratio
        # of times is 2, 2, 2, 4, 2, 1, 2: median 2, interval 1 to 4.
        base = rates(8.0, 8.0, 4.0, 4.0, 2.0, 1.0, 1.0)
        peer = rates(4.0, 4.0, 2.0, 1.0, 1.0, 1.0, 0.5)
        found = compare(peer, base, LAYOUTS).ratio
        self.assertEqual([round(end, 12) for end in found], [2.0, 1.0, 4.0])

    def test_only_rounds_that_both_have_count(self) -> None:
        base = rates(*[1.0] * 8)
        peer = {number: 0.5 for number in range(1, 8)} | {99: 7.0}
        found = compare(peer, base, LAYOUTS | {99: 99})
        self.assertEqual(sorted(found.by_layout), list(range(1, 8)))

    def test_rounds_of_a_layout_are_averaged_before_the_test(self) -> None:
        # Two rounds in each of six layouts: ratios 1 and 4 are one value, 2.
        layouts = {number: number // 2 for number in range(12)}
        base = rates(*[4.0] * 12)
        peer = rates(*[4.0, 1.0] * 6)
        found = compare(peer, base, layouts)
        self.assertEqual(len(found.by_layout), 6)
        for end in (*found.ratio, *found.by_layout.values()):
            self.assertAlmostEqual(end, 2.0)
        self.assertAlmostEqual(found.swing, 1.0)

    def test_rounds_of_few_layouts_are_no_interval(self) -> None:
        # Twenty rounds would have one; five layouts have none.
        layouts = {number: number % 5 for number in range(20)}
        base = rates(*[1.0] * 20)
        with self.assertRaises(TooFewLayouts) as caught:
            compare(base, base, layouts)
        self.assertEqual((caught.exception.found, caught.exception.needed), (5, 6))
        self.assertEqual(compare(base, base, layouts, 0.90).ratio, (1.0, 1.0, 1.0))

    def test_no_round_in_common_is_too_few(self) -> None:
        with self.assertRaises(TooFewLayouts) as caught:
            compare({0: 1.0}, {1: 1.0}, LAYOUTS)
        self.assertEqual(caught.exception.found, 0)

    def test_a_layout_with_many_rounds_counts_once(self) -> None:
        # Six layouts with ratio 1; a seventh with 2 and as many rounds as all.
        layouts = LAYOUTS | {number: 6 for number in range(6, 18)}
        base = rates(*[1.0] * 18)
        peer = rates(*[1.0] * 6, *[0.5] * 12)
        self.assertAlmostEqual(compare(peer, base, layouts).ratio.median, 1.0)

    def test_typical_value_is_over_the_layouts_too(self) -> None:
        layouts = LAYOUTS | {number: 7 for number in range(7, 30)}
        values = rates(*[3.0] * 7, *[9.0] * 23)
        found = typical(values, layouts, 0.95)
        self.assertAlmostEqual(found.median, 3.0)
        self.assertAlmostEqual(found.high, 9.0)


class TwoRuns(unittest.TestCase):
    def test_ratio_is_of_times(self) -> None:
        found = compare_apart(rates(*[1.0] * 8), LAYOUTS, rates(*[1.5] * 8), LAYOUTS)
        for end in found.ratio:
            self.assertAlmostEqual(end, 1.5)
        self.assertEqual(judge(found, NO_SPREAD), SLOWER)

    def test_rounds_of_either_run_may_have_any_numbers(self) -> None:
        mine = {number + 100: 1.0 for number in range(5)}
        layouts = {number: number for number in mine}
        found = compare_apart(mine, layouts, rates(*[1.0] * 8), LAYOUTS)
        self.assertEqual(judge(found, NO_SPREAD), EQUAL)

    def test_a_layout_with_many_rounds_counts_once(self) -> None:
        # Seven layouts that differ by far more than the rounds of one do: to take
        # the rounds for independent would leave 1 outside in one case of six.
        generator = random.Random(5)
        layouts = {number: number % 7 for number in range(14)}

        def run() -> dict[int, float]:
            places = [generator.gauss(0.0, 0.05) for _ in range(7)]
            return {
                number: math.exp(places[layout] + generator.gauss(0.0, 0.005))
                for number, layout in layouts.items()
            }

        hits = 0
        for _ in range(1000):
            ratio = compare_apart(run(), layouts, run(), layouts).ratio
            hits += ratio.low <= 1.0 <= ratio.high
        self.assertGreater(hits / 1000, 0.93)

    def test_too_few_layouts_have_no_interval(self) -> None:
        for few, many in ((3, 8), (8, 3)):
            with self.assertRaises(TooFewLayouts) as caught:
                compare_apart(
                    rates(*[1.0] * few), LAYOUTS, rates(*[1.0] * many), LAYOUTS
                )
            self.assertEqual((caught.exception.found, caught.exception.needed), (3, 4))


if __name__ == "__main__":
    unittest.main()
