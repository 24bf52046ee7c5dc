"""Figures as a reader's words."""

from interval import Estimate


def digits(value: float) -> str:
    """At least three significant digits from 1 on, never a power of ten."""
    for places, end in ((2, 10.0), (1, 100.0)):
        if round(value, places) < end:
            return f"{value:.{places}f}"
    return f"{value:.0f}"


def interval(estimate: Estimate) -> str:
    return f"{digits(estimate.low)} to {digits(estimate.high)}"
