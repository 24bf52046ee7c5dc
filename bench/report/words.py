"""Figures as a reader's words."""

from interval import Estimate


def digits(value: float) -> str:
    """Three significant digits, never as a power of ten."""
    places = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{places}f}"


def interval(estimate: Estimate) -> str:
    return f"{digits(estimate.low)} to {digits(estimate.high)}"
