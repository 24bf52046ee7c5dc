"""The median and its interval, by hand, by scipy and by simulation."""

import math
import random
import statistics
import unittest

import runs  # first: it makes the report's modules known
import interval

try:
    from scipy.stats import binomtest
except ModuleNotFoundError:
    binomtest = None


def p_value(values: list[float], median: float) -> float:
    """The p-value of the two-sided sign test for this median."""
    above = sum(value > median for value in values)
    return binomtest(above, len(values), 0.5).pvalue


class Interval(unittest.TestCase):
    def test_median_is_the_middle_or_the_mean_of_two(self) -> None:
        self.assertEqual(interval.estimate([5, 1, 9, 3, 7, 2], 0.95).median, 4)
        self.assertEqual(interval.estimate([5, 1, 9, 3, 7, 2, 4], 0.95).median, 4)

    def test_ends_are_the_tabled_order_statistics(self) -> None:
        # The largest rank with P(Bin(n, 1/2) < rank) <= 0.025, from Pascal's
        # triangle: n = 8 leaves 1, for (1 + 8) / 256 is too much; n = 9 has
        # 2, for (1 + 9) / 512 is not, and (1 + 9 + 36) / 512 is too much.
        tabled = {5: 0, 6: 1, 7: 1, 8: 1, 9: 2, 10: 2, 11: 2, 12: 3, 15: 4, 20: 6}
        for count, rank in tabled.items():
            with self.subTest(count=count):
                self.assertEqual(interval.rank(count, 0.95), rank)
        values = list(range(1, 13))
        self.assertEqual(interval.estimate(values, 0.95), (6.5, 3, 10))

    def test_coverage_is_exact(self) -> None:
        self.assertAlmostEqual(interval.coverage(6, 0.95), 1 - 2 / 64)
        self.assertAlmostEqual(interval.coverage(9, 0.95), 1 - 2 * 10 / 512)
        self.assertAlmostEqual(interval.coverage(5, 0.90), 1 - 2 / 32)

    def test_highest_coverage_is_what_all_values_give(self) -> None:
        self.assertEqual(interval.highest_coverage(1), 0.0)
        self.assertEqual(interval.highest_coverage(3), 0.75)
        for count in range(2, 12):
            attained = interval.highest_coverage(count)
            self.assertEqual(interval.values_needed(attained), count)

    def test_many_values_are_no_overflow(self) -> None:
        self.assertAlmostEqual(interval.coverage(2001, 0.95), 0.95, delta=0.003)

    def test_logarithms_come_back_as_values(self) -> None:
        logs = [math.log(value) for value in (1, 2, 4, 8, 16, 32)]
        found = interval.estimate_of_logs(logs, 0.95)
        for end, value in zip(found, (math.sqrt(32), 1, 32)):
            self.assertAlmostEqual(end, value)

    def test_a_tail_that_just_fits_is_taken(self) -> None:
        # Five values: 1/32 below the first, 6/32 below the second.
        self.assertEqual(interval.rank(5, 1 - 2 / 32), 1)
        self.assertEqual(interval.rank(5, 1 - 12 / 32), 2)

    def test_values_needed(self) -> None:
        self.assertEqual(interval.values_needed(0.90), 5)
        self.assertEqual(interval.values_needed(0.95), 6)
        self.assertEqual(interval.values_needed(0.99), 8)

    def test_too_few_values_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            interval.estimate([1, 2, 3, 4, 5], 0.95)

    @unittest.skipIf(binomtest is None, "no scipy")
    def test_holds_what_scipys_sign_test_does_not_reject(self) -> None:
        generator = random.Random(2)
        for count in (6, 7, 9, 12, 16, 25, 40):
            values = [generator.lognormvariate(0.0, 1.0) for _ in range(count)]
            for confidence in (0.90, 0.95, 0.99):
                if count < interval.values_needed(confidence):
                    continue
                with self.subTest(count=count, confidence=confidence):
                    mine = interval.estimate(values, confidence)
                    self.assertEqual(mine.median, statistics.median(values))
                    for end, outwards in ((mine.low, 0.0), (mine.high, 100.0)):
                        inside = math.nextafter(end, mine.median)
                        outside = math.nextafter(end, outwards)
                        self.assertGreater(p_value(values, inside), 1 - confidence)
                        self.assertLessEqual(p_value(values, outside), 1 - confidence)

    def test_covers_the_median_as_often_as_it_says(self) -> None:
        # 4000 samples: three standard errors of a share near 0.95 are 0.0103.
        generator = random.Random(3)
        for count in (6, 11, 20):
            with self.subTest(count=count):
                hits = 0
                for _ in range(4000):
                    values = [generator.expovariate(1.0) for _ in range(count)]
                    mine = interval.estimate(values, 0.95)
                    hits += mine.low <= 0.6931471805599453 <= mine.high
                said = interval.coverage(count, 0.95)
                self.assertGreaterEqual(said, 0.95)
                self.assertAlmostEqual(hits / 4000, said, delta=0.0103)


class Shift(unittest.TestCase):
    def test_ranks_are_the_tabled_ones(self) -> None:
        # One more than the critical U of the two-sided test, as in any table.
        tabled = {
            0.95: {3: 0, 4: 1, 5: 3, 6: 6, 7: 9, 8: 14, 9: 18, 10: 24, 12: 38, 20: 128},
            0.99: {4: 0, 5: 1, 6: 3, 7: 5, 8: 8, 10: 17, 20: 106},
        }
        for confidence, of in tabled.items():
            for count, rank in of.items():
                with self.subTest(confidence=confidence, count=count):
                    found = interval.shift_rank(count, count, confidence)
                    self.assertEqual(found, rank)
        self.assertEqual(interval.shift_rank(5, 8, 0.95), 7)
        self.assertEqual(interval.shift_rank(8, 5, 0.95), 7)

    def test_values_needed(self) -> None:
        # 2 of the 70 orders of 4 and 4 are 3 %, and 2 of the 20 of 3 and 3 are 10 %.
        self.assertEqual(interval.shift_needed(0.95), 4)
        self.assertEqual(interval.shift_needed(0.89), 3)
        self.assertEqual(interval.shift_needed(0.999), 7)

    def test_by_hand(self) -> None:
        # 16 differences: 6 to 9 four times, less 0 to 3.
        found = interval.shift([0, 1, 2, 3], [6, 7, 8, 9], 0.95)
        self.assertEqual(found, (6, 3, 9))
        self.assertEqual(interval.shift([6, 7, 8, 9], [0, 1, 2, 3], 0.95), (-6, -9, -3))

    def test_too_few_values_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            interval.shift([1, 2, 3], [1, 2, 3, 4], 0.95)

    def test_covers_the_shift_as_often_as_it_says(self) -> None:
        # 2000 samples: three standard errors of a share near 0.95 are 0.0146.
        generator = random.Random(4)
        for old, new in ((4, 9), (7, 7), (12, 12)):
            with self.subTest(old=old, new=new):
                hits = 0
                for _ in range(2000):
                    before = [generator.expovariate(1.0) for _ in range(old)]
                    after = [2.0 + generator.expovariate(1.0) for _ in range(new)]
                    found = interval.shift(before, after, 0.95)
                    hits += found.low <= 2.0 <= found.high
                self.assertGreaterEqual(hits / 2000, 0.95 - 0.0146)


if __name__ == "__main__":
    unittest.main()
