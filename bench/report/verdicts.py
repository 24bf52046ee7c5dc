"""The verdicts, such as "faster": no other module judges.

The page, the summary, the charts, bars.py and compare use it alike:

    found = compare(mine, theirs, layouts)
    verdict = judge(found, pair)

mine and theirs are allocations a second by round, and layouts is the layout of
each round. pair is the interval of an A/A pair in the same cell, or NO_SPREAD
where the interval of the ratio alone shall decide.

A ratio is taken within a round, so what slows a whole round down cancels. The
rounds of one layout are not independent of each other: code lies in the same
places in all of them. So the logarithms of their ratios are averaged first,
and each layout is one value of the sign test. The interval then says how far
other layouts can be off, not only other rounds.

The verdicts, of which the first that fits is given:

    unstable  the ratios of two layouts differ by more than UNSTABLE_FROM
    equal     the whole interval lies within EQUAL_WITHIN of 1, to either side
    faster    the interval lies below 1, and the median is farther from 1 than
              the A/A pair's interval reaches
    slower    the same above 1
    unknown   everything else: none of the above can be said
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from interval import Estimate, estimate_of_logs, shift, shift_needed, values_needed

USUAL_CONFIDENCE = 0.95
UNSTABLE_FROM = 2.0  # the largest ratio of a layout over the least
EQUAL_WITHIN = 1.05

FASTER = "faster"
SLOWER = "slower"
EQUAL = "equal"
UNKNOWN = "unknown"
UNSTABLE = "unstable"
SAME = "A/A"  # the baseline itself, or an allocator's second name

NO_SPREAD = Estimate(1.0, 1.0, 1.0)  # the interval of a pair without noise


class TooFewLayouts(ValueError):
    """There are fewer layouts than an interval needs."""

    def __init__(self, found: int, needed: int) -> None:
        super().__init__(f"{found} layouts; expected {needed} or more")
        self.found = found
        self.needed = needed


class Comparison(NamedTuple):
    """One row's time compared with another row's."""

    ratio: Estimate  # of the times: above 1 is slower
    by_layout: dict[int, float]  # the mean ratio of each layout; {}: of two runs

    @property
    def swing(self) -> float:
        """The largest ratio of a layout over the least."""
        if not self.by_layout:
            return 1.0
        return max(self.by_layout.values()) / min(self.by_layout.values())


def compare(
    mine: Mapping[int, float],
    theirs: Mapping[int, float],
    layouts: Mapping[int, int],
    confidence: float = USUAL_CONFIDENCE,
) -> Comparison:
    """The time of mine over that of theirs, from the rounds that both have.

    Raises TooFewLayouts.
    """
    logs = {
        number: math.log(theirs[number] / rate)
        for number, rate in mine.items()
        if number in theirs
    }
    means = mean_logs(logs, layouts)
    return Comparison(
        _estimate(means, confidence),
        {layout: math.exp(log) for layout, log in means.items()},
    )


def compare_apart(
    mine: Mapping[int, float],
    my_layouts: Mapping[int, int],
    theirs: Mapping[int, float],
    their_layouts: Mapping[int, int],
    confidence: float = USUAL_CONFIDENCE,
) -> Comparison:
    """The same of two runs, whose rounds and layouts have nothing in common.

    Not paired: a disturbance of one run is in the ratio. Raises TooFewLayouts.
    """
    new, old = (
        list(mean_logs(_log_times(rates), layouts).values())
        for rates, layouts in ((mine, my_layouts), (theirs, their_layouts))
    )
    needed = shift_needed(confidence)
    found = min(len(new), len(old))
    if found < needed:
        raise TooFewLayouts(found, needed)
    logs = shift(old, new, confidence)
    return Comparison(Estimate(*map(math.exp, logs)), {})


def judge(found: Comparison, pair: Estimate | None) -> str:
    """One of the verdicts above; without a pair none is faster or slower."""
    ratio = found.ratio
    if found.swing > UNSTABLE_FROM:
        return UNSTABLE
    if 1.0 / EQUAL_WITHIN <= ratio.low and ratio.high <= EQUAL_WITHIN:
        return EQUAL
    if pair is None or ratio.low <= 1.0 <= ratio.high:
        return UNKNOWN
    if distance(ratio.median) <= spread(pair):
        return UNKNOWN
    return FASTER if ratio.median < 1.0 else SLOWER


def typical(
    values: Mapping[int, float], layouts: Mapping[int, int], confidence: float
) -> Estimate:
    """The median over the layouts of one row's values by round, and its interval.

    Raises TooFewLayouts.
    """
    logs = {number: math.log(value) for number, value in values.items()}
    return _estimate(mean_logs(logs, layouts), confidence)


def mean_logs(
    logs: Mapping[int, float], layouts: Mapping[int, int]
) -> dict[int, float]:
    """The mean over the rounds of each layout, by layout."""
    of: dict[int, list[float]] = {}
    for number, log in logs.items():
        of.setdefault(layouts[number], []).append(log)
    return {layout: math.fsum(some) / len(some) for layout, some in of.items()}


def spread(pair: Estimate) -> float:
    """How far, as a logarithm, an A/A interval reaches from 1."""
    return max(distance(pair.low), distance(pair.high))


def distance(ratio: float) -> float:
    """How far, as a logarithm, a ratio is from 1, to either side."""
    return abs(math.log(ratio))


def percent(distance: float) -> float:
    """A distance between logarithms as a reader's percents."""
    return 100.0 * math.expm1(distance)


def _log_times(rates: Mapping[int, float]) -> dict[int, float]:
    return {number: -math.log(rate) for number, rate in rates.items()}


def _estimate(logs: Mapping[int, float], confidence: float) -> Estimate:
    needed = values_needed(confidence)
    if len(logs) < needed:
        raise TooFewLayouts(len(logs), needed)
    return estimate_of_logs(logs.values(), confidence)
