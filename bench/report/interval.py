"""The median and its sign-test interval; how far one sample lies above another.

The interval runs from one order statistic to the one as far from the other
end. Its coverage is exact for any distribution, since how many of n
independent values lie below the true median is binomial(n, 1/2). See Conover,
Practical Nonparametric Statistics, 3rd ed., section 3.2.

Two samples without pairs have Hodges and Lehmann's shift: the median of all
differences between a value of one and a value of the other. Its interval is that
of the Mann-Whitney test and is exact, too: how many differences lie below the true
shift has the same distribution whatever the values' own is. See section 5.4 there.
"""

import functools
import itertools
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
    """The order statistic, from 1, at which the interval of count values begins.

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
    """The same from logarithms; the result is not logarithmic."""
    return Estimate(*map(math.exp, estimate(logs, confidence)))


def shift(old: list[float], new: list[float], confidence: float) -> Estimate:
    """How far new lies above old; both hold at least shift_needed(confidence)."""
    ordered = sorted(b - a for a, b in itertools.product(old, new))
    first = shift_rank(len(old), len(new), confidence)
    if first == 0:
        raise ValueError(f"{len(old)} and {len(new)} values have no such interval")
    return Estimate(statistics.median(ordered), ordered[first - 1], ordered[-first])


@functools.cache
def shift_rank(old: int, new: int, confidence: float) -> int:
    """The ordered difference, from 1, at which the interval begins; as rank()."""
    ways = _ways(old, new)
    tail = (1.0 - confidence) / 2.0 * sum(ways)
    found = 0
    while 2 * found < len(ways) and sum(ways[: found + 1]) <= tail:
        found += 1
    return found


@functools.cache
def shift_needed(confidence: float) -> int:
    """How many values both samples must have for an interval of this confidence."""
    count = 1
    while shift_rank(count, count, confidence) == 0:
        count += 1
    return count


def _ways(old: int, new: int) -> list[int]:
    """The number of orders of all values with u differences below 0, by u.

    These are the coefficients of the Gaussian binomial.
    """
    most = old * new
    ways = [1] + [0] * most
    for i in range(1, new + 1):
        for u in range(most, old + i - 1, -1):
            ways[u] -= ways[u - old - i]
        for u in range(i, most + 1):
            ways[u] += ways[u - i]
    return ways


def _at_most(found: int, count: int) -> float:
    """The probability that binomial(count, 1/2) is found or less."""
    return sum(math.comb(count, k) for k in range(found + 1)) / 2**count
