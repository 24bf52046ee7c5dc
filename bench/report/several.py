"""Several runs side by side, as a table in Markdown.

No round of one run has a pair in another, so a disturbance of a whole run is in its
differences. Two figures are free of it: instructions, and the speed over another
allocator of the same run (YARDSTICK).
"""

import re
import statistics
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import verdicts
import words
from errors import InputError
from load import Row, Run
from table import ratio
from verdicts import USUAL_CONFIDENCE, TooFewLayouts

YARDSTICK = "glibc"
CONTEXT = ("commit", "date", "rounds", "layouts")
NONE = ""


class Named(NamedTuple):
    name: str
    run: Run


def lines(runs: list[Named], pattern: re.Pattern[str] | None) -> Iterator[str]:
    """The table's lines. Raises InputError where the runs have no row in common."""
    first = runs[0]
    rows = [
        row
        for row in first.run.rates
        if all(row in of.run.rates for of in runs)
        and _is_chosen(row, first.run, pattern)
    ]
    if not rows:
        raise InputError(
            f"{', '.join(of.name for of in runs)}: no such row is in all of them"
        )
    letters = [chr(ord("A") + place) for place in range(len(runs))]
    yield "Not paired: no round of one run has a pair in another."
    yield ""
    for letter, of in zip(letters, runs):
        said = (
            f"{key} {of.run.context[key]}" for key in CONTEXT if key in of.run.context
        )
        yield f"{letter}: {of.name}: {', '.join(said)}"
    yield ""
    yield from _table(_heads(letters), [_line(runs, row) for row in rows])
    yield ""
    for letter, of in zip(letters[1:], runs[1:]):
        yield _sum(letter, first, of, rows)


def _is_chosen(row: Row, run: Run, pattern: re.Pattern[str] | None) -> bool:
    """Whether pattern matches row; without one, whether it is the baseline's."""
    if pattern is not None:
        return pattern.search(str(row)) is not None
    pair = run.context.get("aa_pair")
    return not isinstance(pair, str) or row.allocator == pair.split(",")[0]


def _heads(letters: list[str]) -> list[str]:
    heads = ["row"]
    for letter in letters:
        heads += [
            f"{letter}, ns",
            f"{letter}: over {YARDSTICK}",
            f"{letter}: instructions",
        ]
        heads += (
            []
            if letter == letters[0]
            else [f"time, {letter} / {letters[0]}", "verdict"]
        )
    return heads


def _line(runs: list[Named], row: Row) -> list[str]:
    first = runs[0]
    cells = [str(row)]
    for of in runs:
        counts = of.run.counts.get(row)
        cells += [
            _time(of.run, row),
            _speed(of.run, row),
            words.digits(counts.instructions) if counts else NONE,
        ]
        if of is not first:
            found = _change(first, of, row)
            cells += [
                f"{found.ratio.median:.3f} ({found.ratio.low:.3f} to {found.ratio.high:.3f})",
                verdicts.judge(found, verdicts.NO_SPREAD),
            ]
    return cells


def _time(run: Run, row: Row) -> str:
    return words.digits(1e9 / statistics.median(run.rates[row].values()))


def _speed(run: Run, row: Row) -> str:
    """How many times as fast as the yardstick of the same run; paired."""
    found = ratio(run, row._replace(allocator=YARDSTICK), row, USUAL_CONFIDENCE)
    if found is None or row.allocator == YARDSTICK:
        return NONE
    return f"{words.digits(found.ratio.median)}× ({words.interval(found.ratio)})"


def _change(first: Named, of: Named, row: Row) -> verdicts.Comparison:
    try:
        return verdicts.compare_apart(
            of.run.rates[row], of.run.layouts, first.run.rates[row], first.run.layouts
        )
    except TooFewLayouts as few:
        raise InputError(
            f"{row} of {first.name} and {of.name}: {few.found} layouts; expected "
            f"{few.needed} or more in both"
        ) from None


def _table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    rule = ["-" * width for width in widths]
    for row in (heads, rule, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        yield f"| {' | '.join(cells)} |"


def _sum(letter: str, first: Named, of: Named, rows: list[Row]) -> str:
    """How many rows have which verdict, and how many are not in both runs."""
    found = Counter(
        verdicts.judge(_change(first, of, row), verdicts.NO_SPREAD) for row in rows
    )
    said = ", ".join(f"{count} {verdict}" for verdict, count in found.most_common())
    apart = len(first.run.rates.keys() ^ of.run.rates.keys())
    return f"{letter}: of {len(rows)} rows {said}. {apart} rows are in one run alone."
