"""The parts of fuzz/README.md. Other READMEs have the score, too."""

import statistics

from campaigns import COUNTS, GROWTH, STABILITY, SUMS
from mutants import TOGETHER

from . import history, measured
from .facts import Facts
from .prose import percents, sheet

HOUR = 3600.0  # seconds


def mutator(facts: Facts, to: str) -> str:
    """The mutator against libFuzzer's own mutations of bytes."""
    if facts.mutator is None:
        return "`results/mutator.json` is not there."
    ours, theirs = (
        {name: of[by] for name, of in facts.mutator["mutants"].items() if all(of[by])}
        for by in (measured.OPS, measured.BYTES)
    )
    both = ours.keys() & theirs.keys()
    said = (
        f"Of {len(facts.mutator['mutants'])} such bugs libFuzzer's own mutations of "
        f"bytes find {len(theirs)} with every seed, and the mutator {len(ours)}: a "
        f"campaign has {facts.mutator['seconds']} seconds of the processor."
    )
    if both:
        mean = statistics.geometric_mean(
            statistics.median(ours[name]) / statistics.median(theirs[name])
            for name in both
        )
        said += (
            f" For the {len(both)} that both find, the mutator takes {mean:.2f} times "
            "as much time (geometric mean of medians, each with the program's start)."
        )
    return said


def campaigns(facts: Facts, to: str) -> str:
    """The sums of all fuzzing campaigns."""
    lines = facts.campaigns
    if lines is None:
        return "No fuzzing campaigns are published."
    total = {column: sum(int(line[column]) for line in lines) for column in SUMS}
    table = sheet(
        ["target", "engine", *COUNTS, STABILITY, GROWTH],
        [
            [
                line["target"],
                line["engine"],
                *(f"{int(line[column]):,}" for column in COUNTS),
                line[STABILITY] or "-",
                line[GROWTH] or "-",
            ]
            for line in lines
        ],
    )
    return (
        f"Published are {total['campaigns']:,} campaigns of "
        f"{total['seconds'] / HOUR:.1f} hours in all, with {total['executions']:,} inputs "
        f"and {total['findings']:,} findings.\n\n{table}"
    )


def score(facts: Facts, to: str) -> str:
    found = history.killed(facts)
    if found is None:
        return (
            "No mutation score is published; `./run mutants` measures it and writes "
            "`results/mutants.json`."
        )
    of, killed = found
    columns: dict[str, list[int]] = {}
    for each in facts.mutants:
        if each.check != TOGETHER:
            sums = columns.setdefault(each.check, [0, 0])
            sums[0] += each.killed
            sums[1] += each.of
    alone = ", ".join(
        f"{name} {percents(100.0 * some / most)} of {most:,}"
        for name, (some, most) in columns.items()
    )
    return (
        f"Of {of:,} mutants that differ from the pool, {killed:,} are found "
        f"({percents(100.0 * killed / of if of else 0.0)}). Alone find: {alone}."
    )
