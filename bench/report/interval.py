"""The median and its sign-test interval.

The interval runs from one order statistic to the one as far from the other
end. Its coverage is exact for any distribution, since how many of n
independent values lie below the true median is binomial(n, 1/2). See Conover,
Practical Nonparametric Statistics, 3rd ed., section 3.2.
"""

import functools
import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple


class Estimate(NamedTuple):
    median: float
    low: float
    high: float


@functools.cache
def rank(count: int, confidence: float) -> int:
    """Which order statistic, from 1, the interval of count values begins at.

    It is the highest whose interval covers the median with at least
    confidence; 0 where even the interval of all values does not.
    """
    tail = (1.0 - confidence) / 2.0
    found = 0
    below = 1  # of 2^count ways, those with at most found values below the median
    while below / 2**count <= tail:
        found += 1
        below += math.comb(count, found)
    return found


@functools.cache
def coverage(count: int, confidence: float) -> float:
    """How often the interval of count values covers the median, exactly."""
    return 1.0 - 2.0 * _at_most(rank(count, confidence) - 1, count)


def highest_coverage(count: int) -> float:
    """The coverage of the interval of all count values."""
    return 1.0 - 0.5 ** (count - 1)


@functools.cache
def values_needed(confidence: float) -> int:
    """The fewest values that have an interval of this confidence."""
    count = 1
    while rank(count, confidence) == 0:
        count += 1
    return count


def estimate(values: Iterable[float], confidence: float) -> Estimate:
    """Median and interval; values hold at least values_needed(confidence)."""
    ordered = sorted(values)
    first = rank(len(ordered), confidence)
    if first == 0:
        raise ValueError(f"{len(ordered)} values have no such interval")
    return Estimate(statistics.median(ordered), ordered[first - 1], ordered[-first])


def estimate_of_logs(logs: Iterable[float], confidence: float) -> Estimate:
    """The same of logarithms, as the values that they belong to."""
    return Estimate(*map(math.exp, estimate(logs, confidence)))


def _at_most(found: int, count: int) -> float:
    """The probability that binomial(count, 1/2) is found or less."""
    return sum(math.comb(count, k) for k in range(found + 1)) / 2**count
