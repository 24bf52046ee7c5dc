"""The parts of README.md."""

from collections.abc import Iterable

import places
import words
from places import BEATEN, EQUAL_TOP, FASTEST, NO_RIVAL, OPEN

from . import figures
from .facts import GLIBC, INLINE, NGINX, POOL, Facts
from .figures import REQUEST, TALL, THOUSAND
from .prose import NOTHING, percents, picture, quoted, times_as_fast

NAMED = 6  # cells in which a rival is faster; of more it is said how many
FIRST_PLACES = ("fill", "fill_reset", "request")  # the workloads that are counted


def answer(facts: Facts, to: str) -> str:
    """Pool or malloc, in a few sentences and a chart."""
    return "\n\n".join(
        part
        for part in (
            " ".join(_gains(facts)),
            _losses_in_short(facts),
            picture(facts, "speed", to, missing=""),
            machine_in_short(facts),
        )
        if part
    )


def _gains(facts: Facts) -> Iterable[str]:
    request = [facts.speed(REQUEST, POOL, other) for other in (GLIBC, NGINX)]
    said = [
        times_as_fast(speed, other)
        for speed, other in zip(request, ("glibc's `malloc()`", "nginx's own pool"))
        if speed
    ]
    if said:
        yield f"For the 25 allocations of an nginx request, the pool is {', and '.join(said)}."
    thousand = facts.speed(THOUSAND, POOL, GLIBC)
    if thousand:
        yield (
            "For regions of 1,000 allocations, with a median of 67 bytes, it is "
            f"{times_as_fast(thousand, 'glibc')}."
        )
    mine, theirs = facts.memory(POOL, *TALL), facts.memory(GLIBC, *TALL)
    if mine and theirs:
        yield (
            f"Such regions take {mine.resident / mine.asked:.2f} bytes of memory for "
            f"each byte asked for; glibc takes {theirs.resident / theirs.asked:.2f}."
        )


def _losses_in_short(facts: Facts) -> str:
    lost = facts.losses()
    if not lost:
        return f"It loses in none of {len(facts.duels())} comparisons with a malloc."
    kinds = dict.fromkeys(
        figures.LABELS.get(cell.workload, cell.workload) for cell, _, _ in lost
    )
    cell, other, speed = min(lost, key=lambda found: found[2].times.median)
    return (
        f"**Where it loses**: in {len(lost)} of {len(facts.duels())} comparisons with a "
        f"malloc: {'; '.join(kinds)}. At "
        f"worst it has {words.digits(speed.times.median)}× the speed of {other}, in "
        f"`{cell}`. [results/](results/README.md) has all of it: by region size, "
        "allocation size, lifetime, threads, memory."
    )


def machine_in_short(facts: Facts) -> str:
    machine = facts.run.machine
    libraries = machine.get("libraries") or {}
    compilers = machine.get("compilers") or {}
    return (
        f"Measured on {quoted(machine.get('cpu', 'a processor not known'))}, "
        f"{quoted(machine.get('cores', '?'))} cores, "
        f"{quoted(compilers.get('c', 'compiler not known'))}, "
        f"glibc {quoted(libraries.get('glibc', 'not known'))}: {len(facts.run.rates):,} rows, "
        f"{facts.table.rounds[1]} rounds in {facts.table.layouts[1]} layouts. An interval "
        "of the pool against itself, under a second name, reaches "
        f"{percents(facts.typical_spread)} from 1 in the typical cell: smaller "
        "differences mean nothing."
    )


def inline(facts: Facts, to: str) -> str:
    """The gain of a loop that the pool's fast path is compiled into."""
    speeds = [(cell, facts.speed(cell, INLINE, POOL)) for cell in (REQUEST, THOUSAND)]
    said = [
        f"{times_as_fast(speed, 'one that calls `ngx_palloc()`')} in `{cell}`"
        for cell, speed in speeds
        if speed
    ]
    if not said:
        return NOTHING
    return f"A loop that calls `ngx_palloc_inline()` is {', and '.join(said)}."


def places_in_short(facts: Facts, to: str) -> str:
    """How often no rival is as fast."""
    matrices = [
        matrix
        for matrix in places.matrices(facts.table, facts.run.machine)
        if matrix.workload in FIRST_PLACES
    ]
    found = [
        (f"{matrix.workload}/{sizes}/{n}", place)
        for matrix in matrices
        for sizes, row in matrix.rows.items()
        for n, place in row.items()
        if place.verdict != NO_RIVAL
    ]
    if not found:
        return NOTHING
    count = {name: sum(p.verdict == name for _, p in found) for name in places.ALL}
    lost = [
        f"`{quoted(cell)}` ({quoted(place.other)}, {words.digits(place.ratio)}× the time)"
        for cell, place in found
        if place.verdict == BEATEN
    ]
    names = ", ".join(f"`{name}`" for name in FIRST_PLACES)
    words_of = {
        FASTEST: "every rival is slower than the pool beyond doubt",
        EQUAL_TOP: "the fastest are equal",
        OPEN: "it is unknown",
        BEATEN: "a rival is faster",
    }
    said = [
        f"in {count[name]} {text}" for name, text in words_of.items() if count[name]
    ]
    if len(lost) > NAMED:
        lost = [*lost[:NAMED], f"and {len(lost) - NAMED} more"]
    text = f"Of the {len(found)} cells of {names}: {'; '.join(said)}"
    return f"{text}: {', '.join(lost)}." if lost else f"{text}."
