"""The median and its sign-test interval.

The interval runs from one order statistic to the one as far from the other
end. Its coverage is exact for any distribution, since how many of n values
lie below the true median is binomial(n, 1/2). See Conover, Practical
Nonparametric Statistics, 3rd ed., section 3.2.
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import binom


class Estimate(NamedTuple):
    median: float
    low: float
    high: float


def rank(count: int, confidence: float) -> int:
    """Which order statistic, from 1, the interval of count values begins at.

    It is the highest whose interval covers the median with at least
    confidence; 0 where even the interval of all values does not.
    """
    tail = (1.0 - confidence) / 2.0
    found = 0
    while found < count / 2 and binom.cdf(found, count, 0.5) <= tail:
        found += 1
    return found


def coverage(count: int, confidence: float) -> float:
    """How often the interval of count values covers the median, exactly."""
    return 1.0 - 2.0 * float(binom.cdf(rank(count, confidence) - 1, count, 0.5))


def highest_coverage(count: int) -> float:
    """The coverage of the interval of all count values."""
    return 1.0 - 0.5 ** (count - 1)


def rounds_needed(confidence: float) -> int:
    """The fewest values that have an interval of this confidence."""
    count = 1
    while rank(count, confidence) == 0:
        count += 1
    return count


def estimate(values: Sequence[float], confidence: float) -> Estimate:
    """Median and interval; values hold at least rounds_needed(confidence)."""
    ordered = sorted(values)
    first = rank(len(ordered), confidence)
    if first == 0:
        raise ValueError(f"{len(ordered)} values have no such interval")
    return Estimate(statistics.median(ordered), ordered[first - 1], ordered[-first])
