"""Words, tables and pictures that the parts of all READMEs share.

Each sentence is made by rule, so that a run in which the pool loses says so.
"""

import html
import re
from collections.abc import Callable, Iterable, Sequence

import words
from verdicts import EQUAL, FASTER, SLOWER, UNSTABLE

from . import figures
from .facts import Facts, Speed, plain

Block = Callable[[Facts, str], str]  # its text; the second one: the path to results/

BAR = re.compile(r"(?<!\\)\|")  # that is not quoted yet
NOT_RUN = "not run"
NOT_MEASURED = "not measured"
NOTHING = "The published run has no such rows."


def times_as_fast(speed: Speed, other: str) -> str:
    """The words that follow "the pool is"."""
    span = words.interval(speed.times)
    median = words.digits(speed.times.median)
    if speed.verdict == FASTER:
        return f"**{median}× as fast as {other}** ({span})"
    if speed.verdict == SLOWER:
        return f"**slower than {other}**, at {median}× its speed ({span})"
    if speed.verdict == EQUAL:
        return f"as fast as {other} ({span})"
    if speed.verdict == UNSTABLE:
        return f"{span} times as fast as {other} (unstable: layouts differ)"
    return f"not known to be faster or slower than {other} ({span})"


def quoted(value: object) -> str:
    """A text of the run as it is, in a sentence or in a table's cell."""
    return html.escape(plain(value), quote=False).replace("|", "\\|")


def percents(value: float) -> str:
    return f"{value:.1f} %"


def sheet(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; numbers stand at the right."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    shown = [[_in_cell(cell) for cell in line] for line in (heads, *lines)]
    rows = (shown[0], rule, *shown[1:])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _in_cell(text: str) -> str:
    """On one line, without markup other than Markdown's."""
    return BAR.sub(r"\\|", plain(text)).replace("<", "&lt;")


def picture(
    facts: Facts, name: str, to: str, text: str = "", missing: str = NOTHING
) -> str:
    """A chart, with its text for readers who do not see it; without rows, missing."""
    found = figures.texts(facts).get(name)
    if found is None:
        return missing
    shown = quoted(text or found).replace("[", "(").replace("]", ")")
    return f"![{shown}]({to}charts/{name}.svg)"
