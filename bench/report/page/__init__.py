"""The report as one page: page.html with data, figures, styles and scripts inlined.

    html(table, run, found, scores, fuzzed, mark)

gives the whole file. It asks nothing of a network. With a script a reader chooses
what is drawn; without one the same figures stand in the same places as SVG.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

import canvas
import drift
import places
import sheets
import style
import verdicts
import words
from campaigns import Line
from findings import Findings
from load import Object, Run
from mutants import Score
from table import AGAIN, Table
from verdicts import percent, spread

from . import answers, figures, forms, library, model
from .view import view

ALLOCATORS = "allocators"  # machine.json's object with facts on each allocator
WIDE_SPREAD = 10.0  # percent; above it a machine hides important differences
FOLDER = Path(__file__).parent
SCRIPTS = ("statistics", "data", "figures", "forms", "tables", "page")


COLUMNS = (  # of every figure's table: a field of a mark, and its head
    ("row", "row"),
    ("series", "mark"),
    ("x", "x"),
    ("value", "value"),
    ("low", "low"),
    ("high", "high"),
    ("least", "least round"),
    ("most", "most round"),
    ("verdict", "verdict"),
    ("noise", "A/A %"),
    ("rounds", "rounds"),
    ("more", "also"),
)


class Policy(NamedTuple):
    """The facts about an allocator that a fair comparison needs."""

    name: str
    kind: str
    linkage: str  # the class
    keeps: str
    alignment: str
    block: str
    policy: str  # in a sentence
    version: str
    file: str

    @property
    def short(self) -> str:
        """The text beside each of its rows."""
        parts = (
            f"keeps {self.keeps}" if self.keeps else "",
            f"block {self.block}" if self.block else "",
            f"aligned to {self.alignment}" if self.alignment else "",
        )
        return ", ".join(part for part in parts if part)


def html(
    table: Table,
    run: Run,
    found: Findings,
    scores: list[Score],
    fuzzed: list[Line],
    mark: str,
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"digits": words.digits, "interval": words.interval}
    seen = view(table, run)
    drawn = figures.figures(seen, found.splits, scores, fuzzed)
    used = library.find()
    machine = {key: run.machine[key] for key in run.machine if key != ALLOCATORS}
    known = list(policies(run.machine.get(ALLOCATORS)))
    stand_beside = beside(known, table)
    return environment.get_template("page.html").render(
        mark=mark,
        label=run.path.resolve().parent.name,
        table=table,
        run=run,
        found=found,
        answers=answers.answers(seen),
        figures=[(figure, Markup(forms.draw(figure, seen))) for figure in drawn],
        is_fuzzed=any(figure.id == "campaigns" for figure in drawn),
        columns=COLUMNS,
        names=figures.NAMES,
        model=Markup(model.text(model.model(seen, drawn, stand_beside))),
        markers=Markup(canvas.markers()),
        styles=Markup(styles()),
        library=used,
        scripts=Markup(scripts(used)) if used else "",
        sheets=sheets,
        policies=known,
        beside=stand_beside,
        limits={
            "drift": f"{100 * drift.LIMIT:.0f} %",
            "equal": f"{100 * (verdicts.EQUAL_WITHIN - 1):.0f} %",
            "unstable": f"{verdicts.UNSTABLE_FROM:g}",
        },
        machine=list(flat(machine)),
        context=list(flat(run.context)),
        warnings=list(warnings(table, run)),
        skipped=skipped(run),
        held=list(held(run)),
    )


def styles() -> str:
    return (
        (FOLDER / "page.css").read_text(encoding="utf-8")
        + style.rules("light")
        + "@media screen and (prefers-color-scheme: dark) {\n"
        + style.rules("dark")
        + "}\n"
    )


def scripts(used: library.Library) -> str:
    """The library's and the page's own, as one text."""
    own = [(FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    parts = [*used.scripts, "(() => {", '"use strict";', *own, "})();"]
    return "\n".join(parts).replace("</script", "<\\/script")


def policies(allocators: Any) -> Iterator[Policy]:
    """The policy of each allocator of machine.json; missing fields are empty."""
    if not isinstance(allocators, dict):
        return
    for name, about in allocators.items():
        if not isinstance(about, dict):
            about = {"path": about}
        yield Policy(
            name,
            str(about.get("kind", "")),
            str(about.get("class", places.SHARED)),
            keeps(about),
            size(about.get("alignment")),
            size(about.get("block_bytes")),
            str(about.get("policy", "")),
            str(about.get("version", "")),
            about.get("path") or f"none: {about.get('unavailable', 'not stated')}",
        )


def keeps(about: Object) -> str:
    """How much of freed regions an allocator keeps."""
    most = about.get("keeps_bytes")
    if about.get("keeps") == "all":
        return "all"
    if isinstance(most, int):
        return f"up to {words.size(most)}" if most else "nothing"
    return "some, for a while" if "keeps_bytes" in about else ""


def size(count: Any) -> str:
    return words.size(count) if isinstance(count, int) and count > 0 else ""


def beside(known: list[Policy], table: Table) -> dict[str, str]:
    """The short policy of each row; the second name has that of the first."""
    result = {policy.name: policy.short for policy in known}
    for name in table.allocators:
        result.setdefault(name, result.get(name.removesuffix(AGAIN), ""))
    return result


def held(run: Run) -> Iterator[tuple[str, str, str, str, str]]:
    """Trace, bytes live, bytes held, their ratio, and the allocators that hold them."""
    names: dict[tuple[str, int, int], list[str]] = {}
    for row, (live, most) in run.held.items():
        found = names.setdefault((row.sizes, live, most), [])
        if row.allocator not in found:
            found.append(row.allocator)
    for (trace, live, most), allocators in sorted(names.items()):
        yield (
            trace,
            f"{live:,}",
            f"{most:,}",
            f"{most / live:.2f}",
            ", ".join(allocators),
        )


def skipped(run: Run) -> dict[str, list[str]]:
    """The rows that were skipped, by reason."""
    rows: dict[str, list[str]] = {}
    for name, reason in run.skipped.items():
        rows.setdefault(reason, []).append(name)
    return rows


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested JSON as (dotted name, text) in its own order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(x, (dict, list)) for x in value):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{name}[{index}]")
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield name, "not known" if value is None else str(value)


def warnings(table: Table, run: Run) -> Iterator[str]:
    """The remarks to read before trusting a figure."""
    if run.context.get("library_build_type") == "debug":
        yield (
            "google-benchmark calls itself a debug build (library_build_type: "
            "debug), as Debian's does: its own loop may cost more than a "
            "release build's. Every row pays the same."
        )
    if run.context.get("cpu_scaling_enabled") is True:
        yield "CPU frequency scaling is on: times move with the clock."
    governor = str(run.machine.get("governor") or "unknown")
    if governor == "unknown":
        yield "The CPU frequency governor is not known, as in most virtual machines."
    elif governor != "performance":
        yield f"The CPU frequency governor is {governor}, not performance."
    if run.context.get("interrupted") == "yes":
        yield "The run was interrupted: it has fewer rounds than were asked for."
    yield from _noise(table)
    if run.skipped:
        yield f"{len(run.skipped)} skipped rows stand at the end, with their reasons."
    for name in run.silent:
        yield f"{name} has no figures at all: every row of it was skipped."


def _noise(table: Table) -> Iterator[str]:
    pairs = table.pairs
    if table.confidence < verdicts.USUAL_CONFIDENCE:
        yield (
            f"Intervals are asked to cover the median in {table.confidence:.4g} of "
            f"runs, less than the usual {verdicts.USUAL_CONFIDENCE}: more of them "
            "miss it, and more rows are called faster or slower wrongly."
        )
    if table.rounds[0] != table.rounds[1]:
        yield (
            f"Rows differ in rounds: {table.rounds[0]} to {table.rounds[1]}; "
            "a ratio takes the rounds that both its rows have."
        )
    worst = max((percent(spread(pair)) for pair in pairs), default=0.0)
    if worst > WIDE_SPREAD:
        yield (
            f"The A/A spread reaches {worst:.0f} %: there, smaller differences "
            "cannot be distinguished from noise."
        )
    missed = sum(not pair.low <= 1.0 <= pair.high for pair in pairs)
    expected = len(pairs) * (1.0 - table.confidence)
    if missed > 2 * expected + 1:
        yield (
            f"{missed} of {len(pairs)} A/A intervals miss 1, where about "
            f"{expected:.0f} should: the rounds were disturbed, or the pair's two "
            "places in the program differ in cost."
        )
