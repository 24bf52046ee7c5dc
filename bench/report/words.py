"""Figures as a reader's words."""

from interval import Estimate

DURATIONS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
EXACT = 10 << 10  # bytes; fewer are rounded to no unit
SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def digits(value: float) -> str:
    """At least three significant digits from 1 on, never a power of ten."""
    for places, end in ((2, 10.0), (1, 100.0)):
        if round(value, places) < end:
            return f"{value:.{places}f}"
    return f"{value:.0f}"


def interval(estimate: Estimate) -> str:
    return f"{digits(estimate.low)} to {digits(estimate.high)}"


def duration(ns: float) -> str:
    """85.0 ns, 1.20 µs, 3.40 ms."""
    for unit, name in DURATIONS:
        if ns >= unit:
            return f"{digits(ns / unit)} {name}"
    return f"{digits(ns)} ns"


def duration_label(ns: float) -> str:
    """The same for a round number: 100 ns, 2 µs."""
    for unit, name in DURATIONS:
        if ns >= unit:
            return f"{ns / unit:g} {name}"
    return f"{ns:g} ns"


def size(count: float) -> str:
    """16 MiB, 644 KiB, 4,064 bytes."""
    for unit, name in SIZES:
        if count >= unit and (count % unit == 0 or count >= EXACT):
            return f"{count / unit:.4g} {name}"
    return f"{count:,.0f} bytes"


def short(n: float) -> str:
    """10000 as 10k."""
    return f"{n / 1000:g}k" if n >= 1000 and n % 1000 == 0 else f"{n:g}"
