"""results/history.csv: one line for each commit whose run was published."""

import csv
import io
from pathlib import Path

import style
import words
from errors import InputError
from interval import Estimate
from mutants import TOGETHER
from style import BASELINE, SERIES

from .curves import Curve, Curves, Spot
from .facts import INLINE, LIMIT, POOL, Cell, Facts, plain

FILE = "history.csv"
CELLS = (  # whose instructions are followed
    Cell("fill", "nginx_request", 25),
    Cell("fill", "lognormal", 100),
    Cell("fill", "lognormal", 1000),
    Cell("fill_reset", "lognormal", 100),
)
AT_LIMIT = Cell("fill_reset", "lognormal", 100)  # pool_inline over bump_memory
COLUMNS = (
    "commit",
    "date",
    "rounds",
    *(str(cell.row(POOL)) for cell in CELLS),
    "over_limit",
    "over_limit_low",
    "over_limit_high",
    "mutants",
    "killed",
)
COMMENT = "# Written by ./run publish; results/README.md says what the columns are."
COMMIT_SHOWN = 7  # digits
INKS = (BASELINE, SERIES[0], SERIES[1], SERIES[2])

Line = dict[str, str]


def read(path: Path) -> list[Line]:
    """The lines so far. Raises InputError."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8").split("\n", 1)
    lines = list(csv.DictReader(io.StringIO(text[-1])))
    for number, line in enumerate(lines, 3):
        if tuple(line) != COLUMNS or None in line.values():
            raise InputError(
                f"{path}:{number}: expected the columns {', '.join(COLUMNS)}"
            )
        for column in COLUMNS[2:]:
            if line[column] and not _is_number(line[column]):
                raise InputError(
                    f"{path}:{number}: {column} is {line[column]!r}; expected a number"
                )
    return lines


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def written(lines: list[Line]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return f"{COMMENT}\n{out.getvalue()}"


def extended(lines: list[Line], facts: Facts) -> list[Line]:
    """The lines with this run's, which replaces one of the same commit; by date."""
    mine = line_of(facts)
    others = [line for line in lines if line["commit"] != mine["commit"]]
    return sorted([*others, mine], key=lambda line: (line["date"], line["commit"]))


def line_of(facts: Facts) -> Line:
    """The line of this run. Values that were not measured are empty."""
    context = facts.run.context
    over = over_limit(facts)
    score = killed(facts)
    counts = [facts.instructions(cell, POOL) for cell in CELLS]
    values = (
        plain(context.get("commit", "unknown")),
        plain(context.get("date", "unknown")),
        str(facts.table.rounds[1]),
        *("" if count is None else f"{count:.3f}" for count in counts),
        *((f"{end:.4f}" for end in over) if over else ("", "", "")),
        *(map(str, score) if score else ("", "")),
    )
    return dict(zip(COLUMNS, values))


def over_limit(facts: Facts) -> Estimate | None:
    """The time of the inlined pool over that of the bump pointer."""
    speed = facts.speed(AT_LIMIT, LIMIT, INLINE)
    return speed.times if speed else None


def killed(facts: Facts) -> tuple[int, int] | None:
    """How many mutants differ from the pool, and how many are found."""
    both = [score for score in facts.mutants if score.check == TOGETHER]
    if not both:
        return None
    return sum(score.of for score in both), sum(score.killed for score in both)


def instructions(lines: list[Line]) -> Curves:
    """The chart over commits, from the first to the newest."""
    curves = [
        Curve(
            str(cell),
            _spots(lines, str(cell.row(POOL))),
            ink,
            style.MARKERS[index],
        )
        for index, (cell, ink) in enumerate(zip(CELLS, INKS))
    ]
    return _chart("Instructions of an allocation, by callgrind, exact", lines, curves)


def ratios(lines: list[Line]) -> Curves:
    spots = _spots(lines, "over_limit", "over_limit_low", "over_limit_high")
    return _chart(
        "Time of the inlined pool over that of a bump pointer, and its interval",
        lines,
        [Curve("over the limit", spots, BASELINE)],
    )


def scores(lines: list[Line]) -> Curves:
    """Mutants found, in percent."""
    spots = [
        Spot(2.0**place, share, share, share)
        for place, line in enumerate(lines, 1)
        if line["mutants"]
        for share in [100.0 * float(line["killed"]) / float(line["mutants"])]
    ]
    return _chart("Mutants found, in percent", lines, [Curve("found", spots, BASELINE)])


# Commits stand at equal steps: a power of two each, since the scale is logarithmic.


def _spots(lines: list[Line], column: str, low: str = "", high: str = "") -> list[Spot]:
    return [
        Spot(
            2.0**place, *(float(line[name or column]) for name in (column, low, high))
        )
        for place, line in enumerate(lines, 1)
        if line[column]
    ]


def _chart(heading: str, lines: list[Line], curves: list[Curve]) -> Curves:
    commits = {2.0**place: line["commit"] for place, line in enumerate(lines, 1)}
    return Curves(
        heading,
        ["Over the commits that were published, the oldest at the left."],
        [curve for curve in curves if curve.spots],
        "commit",
        lambda at: commits[at][:COMMIT_SHOWN],
        words.digits,
        height=150.0,
    )
