"""The first screen in words: a sentence to quote, and five answers, by rule."""

import math
import re
from collections import Counter
from typing import NamedTuple

import words
from load import Row
from verdicts import EQUAL, FASTER, SLOWER, UNKNOWN, UNSTABLE

from .view import BASE, Speed, View, classes, typical_noise

HUNDRED = 100
SURE_WITHIN = 1.15  # an interval from end to end; "sure" where it is as narrow
FAIRLY_WITHIN = 1.5
NARROW_NOISE = 10.0  # percent of the A/A pair
MOST_NAMES = 3
CPU_WORDS = 2


class Answers(NamedTuple):
    sentence: str
    loss: str
    questions: list[tuple[str, str]]  # in an order that does not change


def answers(view: View) -> Answers:
    own = view.table.baseline
    n = _small(view)
    found = view.speed(view.row(own, n)) if own != view.base else None
    return Answers(
        _sentence(view, own, n, found),
        _loss(view, own),
        [
            (f"Which is fastest for {HUNDRED} small objects?", _fastest(view)),
            ("What does it cost in memory?", _memory(view, own)),
            ("How sure are you?", _sure(view, view.row(own, n), found)),
            ("On what machine?", machine(view)),
        ],
    )


def _small(view: View) -> int:
    from .figures import first_ns

    return first_ns(view)[0]


def _sentence(view: View, own: str, n: int, found: Speed | None) -> str:
    if own == view.base:
        return f"All figures are relative to {own}: {BASE} was not measured."
    if found is None:
        return f"{own} and {view.base} were not measured side by side."
    interval = f"{words.digits(found.low)} to {words.digits(found.high)}"
    text = (
        f"{_a(own)} is {words.digits(found.median)} × as fast as {_whose(view.base)} "
        f"for a region of {n:,} objects ({interval})"
    )
    known = [k for k in sorted(_memory_ns(view, own)) if k >= n]
    if known:
        held = view.memory(own, known[0])
        text += (
            f", and takes {words.digits(held.resident / held.asked)} bytes a byte "
            f"asked for (regions of {known[0]:,})"
        )
    return text + "."


def _a(own: str) -> str:
    return "A pool" if own == "pool" else own


def _whose(base: str) -> str:
    return "glibc's malloc" if base == "glibc" else base


def _loss(view: View, own: str) -> str:
    """The cells in which the page's baseline is faster, with the worst one."""
    if own == view.base:
        return ""
    counts: Counter[str] = Counter()
    lost: list[tuple[float, Row]] = []
    for group in view.table.groups:
        for n in group.ns:
            row = Row(group.workload, own, group.sizes, n)
            found = view.speed(row)
            if found:
                counts[found.verdict] += 1
                if found.verdict == SLOWER:
                    lost.append((found.median, row))
    cells = sum(counts.values())
    text = (
        f"Of {cells} kinds of traffic, sizes and n it is faster in {counts[FASTER]}, "
        f"slower in {counts[SLOWER]}, equal in {counts[EQUAL]}; of "
        f"{counts[UNKNOWN] + counts[UNSTABLE]} nothing can be said."
    )
    if lost:
        worst, row = min(lost)
        sizes = ", ".join(sorted({row.sizes for _, row in lost}))
        text += (
            f" It loses on {sizes}: worst in {row.workload}, {row.sizes}, "
            f"n = {row.n:,}, {words.digits(worst)} × as fast."
        )
    return text


def _fastest(view: View) -> str:
    """The fastest allocator that is called as a library, and those as fast."""
    of = classes(view)
    shared = [name for name in view.names if of[name] == of[view.table.baseline]]
    ns = view.ns(view.traffic, view.sizes)
    n = min(ns, key=lambda n: abs(math.log(n / HUNDRED)))
    times = {name: view.time(view.row(name, n)) for name in shared}
    ranked = sorted((time.median, name) for name, time in times.items() if time)
    if not ranked:
        return "Not measured."
    best, name = ranked[0]
    near = [
        other
        for _, other in ranked[1:]
        if (found := view.speed(view.row(other, n), name)) and found.verdict != SLOWER
    ]
    text = f"{name}: {words.digits(best)} ns an allocation ({view.sizes}, n = {n:,})."
    if near:
        more = f" and {len(near) - MOST_NAMES} more" if len(near) > MOST_NAMES else ""
        return f"{text} Not known to be slower: {', '.join(near[:MOST_NAMES])}{more}."
    return f"{text} All others are slower."


def _memory(view: View, own: str) -> str:
    known = {name: _memory_ns(view, name) for name in dict.fromkeys((own, view.base))}
    ns = sorted(set.intersection(*(set(of) for of in known.values())))
    if not ns:
        return "Not measured."
    parts = [
        f"{name} {', '.join(words.digits(of[n]) for n in ns)}"
        for name, of in known.items()
    ]
    return (
        f"{'; '.join(parts)} resident bytes a byte asked for, in regions of "
        f"{', '.join(f'{n:,}' for n in ns)} ({view.sizes})."
    )


def _memory_ns(view: View, name: str) -> dict[int, float]:
    return {
        row.n: held.resident / held.asked
        for row, held in view.run.memory.items()
        if row.allocator == name and row.sizes == view.sizes
    }


def _sure(view: View, row: Row, found: Speed | None) -> str:
    """How sure the sentence to quote is, whose row this is, and all cells are."""
    table = view.table
    noise, usual = view.noise_percent(row), typical_noise(view)
    spread = ""
    if noise is not None and usual is not None:
        spread = (
            f"; {table.pair[0]} against itself (A/A) is within {noise:.1f} %, "
            f"in the median cell within {usual:.1f} %"
        )
    return (
        f"{sure(found, noise)}: {100 * table.coverage:.1f} % intervals over "
        f"{table.layouts[0]} layouts, {table.rounds[0]} rounds{spread}."
    )


def sure(found: Speed | None, noise: float | None) -> str:
    """How sure the sentence to quote is, in one word."""
    if found is None or found.verdict in (UNKNOWN, UNSTABLE) or noise is None:
        return "Unsure"
    width = found.high / found.low
    if width <= SURE_WITHIN and noise <= NARROW_NOISE:
        return "Sure"
    return "Fairly" if width <= FAIRLY_WITHIN else "Roughly"


def machine(view: View) -> str:
    """The machine in five words: "Intel Xeon, 2 cores, Linux"."""
    about = view.run.machine
    cpu = re.sub(r"\([^)]*\)|@.*|\b(CPU|Processor)\b", " ", str(about.get("cpu", "")))
    parts = [" ".join(cpu.split()[:CPU_WORDS]) or "Unknown processor"]
    if about.get("cores"):
        parts.append(f"{about['cores']} cores")
    kernel = str(about.get("kernel", "")).split()
    if kernel:
        parts.append(kernel[0])
    return ", ".join(parts)
