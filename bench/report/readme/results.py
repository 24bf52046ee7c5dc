"""The parts of results/README.md."""

from collections.abc import Callable, Iterable

import drift
import variance
import verdicts
import words
from verdicts import EQUAL, FASTER, SLOWER, UNKNOWN, UNSTABLE, percent

from . import figures, history
from .facts import INLINE, LIMIT, MALLOCS, NGINX, POOL, Cell, Facts, Speed, name_of
from .figures import TALL, THOUSAND, Labelled
from .prose import (
    NOT_MEASURED,
    NOT_RUN,
    NOTHING,
    Block,
    percents,
    picture,
    quoted,
    sheet,
)

COUNTED = (  # whose instructions are shown
    Cell("fill", "nginx_request", 25),
    Cell("fill", "lognormal", 25),
    Cell("fill", "lognormal", 100),
    Cell("fill", "lognormal", 1000),
)


def short(facts: Facts, to: str) -> str:
    """The verdicts by workload: how often the pool is faster than a malloc."""
    found = facts.duels()
    lines = []
    for workload in facts.table.workloads:
        speeds = [speed for cell, _, speed in found if cell.workload == workload]
        if not speeds:
            continue
        medians = [speed.times.median for speed in speeds]
        span = f"{words.digits(min(medians))} to {words.digits(max(medians))}"
        counts = [
            str(sum(speed.verdict == name for speed in speeds))
            for name in (FASTER, EQUAL, UNKNOWN, UNSTABLE, SLOWER)
        ]
        lines.append([f"`{workload}`", *counts, span])
    heads = ["workload", FASTER, EQUAL, UNKNOWN, UNSTABLE, SLOWER, "times as fast"]
    return sheet(heads, lines) if lines else NOTHING


def against(labelled: Callable[[Facts], list[Labelled]], chart: str) -> Block:
    """A chart of the pool against each malloc, and its figures as a table."""

    def block(facts: Facts, to: str) -> str:
        lines = []
        for label, cell in labelled(facts):
            speeds = [facts.speed(cell, POOL, other) for other in MALLOCS]
            time = facts.time_ns(cell, POOL)
            if any(speeds) and time:
                lines.append(
                    [label, f"{words.digits(time.median)} ns", *map(_cell, speeds)]
                )
        if not lines:
            return NOTHING
        heads = ["", "pool, an allocation", *(f"over {other}" for other in MALLOCS)]
        text = "The pool's speed over each malloc's; the table has the same figures."
        return f"{picture(facts, chart, to, text)}\n\n{sheet(heads, lines)}"

    return block


def _cell(speed: Speed | None) -> str:
    if speed is None:
        return NOT_RUN
    return f"**{speed.text}**" if speed.verdict == SLOWER else speed.text


def regions(facts: Facts, to: str) -> str:
    labelled = [
        (f"{cell.n:,} allocations", cell)
        for cell in facts.cells(["fill"])
        if cell.sizes == THOUSAND.sizes
    ]
    table = against(lambda _: labelled, "regions")(facts, to)
    text = "Time of an allocation against the allocations of a region"
    return table.replace("The pool's speed over each malloc's", text)


def memory(facts: Facts, to: str) -> str:
    names = [name for name in figures.GROWING if facts.memory(name, *TALL)]
    rows = sorted(row for row in facts.run.memory if row.sizes == TALL[0])
    ns = sorted({row.n for row in rows})
    lines = []
    for name in names:
        found = [facts.memory(name, TALL[0], n) for n in ns]
        lines.append(
            [
                name_of(name),
                *(
                    f"{one.resident / one.asked:.2f}" if one else NOT_RUN
                    for one in found
                ),
                *(
                    f"{one.kept / one.asked:.2f}" if one else NOT_RUN
                    for one in found[-1:]
                ),
            ]
        )
    if not lines:
        return NOTHING
    heads = ["", *(f"n = {n:,}" for n in ns), f"kept after the end, n = {ns[-1]:,}"]
    text = "Bytes resident for each byte asked for; the table has the same figures."
    return f"{picture(facts, 'memory', to, text)}\n\n{sheet(heads, lines)}"


def lost(facts: Facts, to: str) -> str:
    """Every cell in which a malloc is faster."""
    by_cell: dict[Cell, list[str]] = {}
    for cell, other, speed in facts.losses():
        text = f"{other} {words.digits(speed.times.median)}×"
        by_cell.setdefault(cell, []).append(f"{text} ({words.interval(speed.times)})")
    if not by_cell:
        return "In no cell is a malloc faster beyond doubt."
    lines = [[f"`{cell}`", ", ".join(said)] for cell, said in by_cell.items()]
    return sheet(["cell", "the pool's speed over that of"], lines)


def resets(facts: Facts, to: str) -> str:
    """A reset against a destroy, by the time of the same allocations."""
    lines = []
    for cell in facts.cells(["fill_reset"]):
        reset = facts.time_ns(cell, POOL)
        ended = facts.time_ns(cell._replace(workload="fill"), POOL)
        theirs = facts.speed(cell, POOL, NGINX)
        if reset and ended:
            lines.append(
                [
                    f"{cell.sizes}, {cell.n:,}",
                    f"{words.digits(reset.median)} ns ({words.interval(reset)})",
                    f"{words.digits(ended.median)} ns ({words.interval(ended)})",
                    _cell(theirs),
                ]
            )
    heads = ["sizes, n", "reset", "destroyed", "reset: over nginx's own"]
    return sheet(heads, lines) if lines else NOTHING


def counts(facts: Facts, to: str) -> str:
    """Instructions of an allocation."""
    lines = []
    for name in (
        LIMIT,
        INLINE,
        POOL,
        "apr_limit",
        NGINX,
        "obstack",
        *MALLOCS,
        "talloc",
    ):
        found = [facts.instructions(cell, name) for cell in COUNTED]
        if any(found):
            values = [NOT_RUN if one is None else words.digits(one) for one in found]
            lines.append([name_of(name), *values])
    heads = ["", *(f"{cell.sizes}, {cell.n:,}" for cell in COUNTED)]
    return sheet(heads, lines) if lines else NOTHING


def sure(facts: Facts, to: str) -> str:
    """How far the figures can be trusted."""
    pairs = facts.table.pairs
    missed = sum(not pair.low <= 1.0 <= pair.high for pair in pairs)
    worst = percent(max(map(verdicts.spread, pairs)))
    cells = [cell for _, cell in facts.table.rows()]
    unstable = sum(cell.verdict == UNSTABLE for cell in cells)
    drifting = drift.drifting(facts.run)
    run = facts.run
    wanted = run.context.get("rounds_wanted", "?")
    return "\n".join(
        (
            f"- The pool runs under a second name, `{facts.table.pair[1]}`, in another "
            f"place. Of its {len(pairs)} intervals {len(pairs) - missed} contain 1; by "
            f"chance {percents(100.0 * facts.table.coverage)} of them would. They reach "
            f"{percents(facts.typical_spread)} from 1 in the typical cell, and "
            f"{percents(worst)} in the worst.",
            f"- {facts.table.rounds[1]} rounds of {wanted} were made, in "
            f"{facts.table.layouts[1]} layouts.",
            *_spread(facts),
            f"- {unstable} of {len(cells):,} cells are unstable: two layouts differ by "
            f"more than a factor of {verdicts.UNSTABLE_FROM:g}.",
            f"- {len(drifting)} rows still changed while they were measured: the second "
            f"half of the run differs by more than {100 * drift.LIMIT:.0f} %.",
            f"- {len(run.skipped)} rows could not run; each has its reason in "
            f"`{run.path.name}`.",
        )
    )


def _spread(facts: Facts) -> Iterable[str]:
    """The spread of one reading's ratio, in the workload that has the most cells."""
    splits = [
        split
        for split in variance.splits(facts.table, facts.run)
        if split.of == variance.RATIO
    ]
    if splits:
        most = max(splits, key=lambda split: split.cells)
        layout, process, rest, _ = most.percents()
        parts = (("layout", layout), ("process", process), ("rest", rest))
        said = [f"{percents(of)} by {name}" for name, of in parts if of is not None]
        yield (
            f"- The ratio of one round deviates, in `{most.workload}`: {', '.join(said)}."
        )


def machine(facts: Facts, to: str) -> str:
    of = facts.run.machine
    context = facts.run.context
    lines = [["processor", f"{of.get('cpu')}, {of.get('cores')} cores"]]
    for key in ("memory", "kernel", "build_type"):
        if of.get(key):
            lines.append([key.replace("_", " "), of[key]])
    for key in ("compilers", "flags", "libraries"):
        for name, value in (of.get(key) or {}).items():
            lines.append([f"{key}: {name}", value])
    lines += [
        ["commit", context.get("commit", "not known")],
        ["date", context.get("date", "not known")],
        ["command", facts.run.command],
    ]
    lines = [[quoted(value) for value in line] for line in lines]
    return sheet(["", ""], lines).replace("---:", "---")


def over_commits(facts: Facts, to: str) -> str:
    lines = [
        [
            quoted(line["commit"][: history.COMMIT_SHOWN]),
            quoted(line["date"][:10]),
            *(line[str(cell.row(POOL))] or NOT_MEASURED for cell in history.CELLS),
            f"{line['over_limit']} ({line['over_limit_low']} to {line['over_limit_high']})"
            if line["over_limit"]
            else NOT_MEASURED,
            f"{line['killed']} of {line['mutants']}"
            if line["mutants"]
            else NOT_MEASURED,
        ]
        for line in facts.history
    ]
    heads = [
        "commit",
        "date",
        *(f"instructions, `{cell}`" for cell in history.CELLS),
        f"inlined pool over bump pointer, `{history.AT_LIMIT}`",
        "mutants found",
    ]
    charts = "\n\n".join(
        picture(facts, name, to, "The table has the same figures.")
        for name in figures.over_commits(facts)
    )
    return f"{charts}\n\n{sheet(heads, lines)}"
