"""The parts of fuzz/README.md. Other READMEs have the score, too."""

import math
import statistics

from campaigns import COUNTS, STABILITY, SUMS
from mutants import TOGETHER

from . import history, measured
from .facts import Facts
from .prose import percents, sheet

HOUR = 3600.0  # seconds


def mutator(facts: Facts, to: str) -> str:
    if facts.mutator is None:
        return "`results/mutator.json` is not there."
    runs = facts.mutator["runs"]
    pools = [of for of in runs.values() if of.get("target") == measured.POOL_TARGET]
    mean = math.exp(statistics.fmean(math.log(of["ops"] / of["bytes"]) for of in pools))
    table = sheet(
        ["mutant", "bytes", "ops"],
        [
            [f"`{name}`", f"{of['bytes']:,}", f"{of['ops']:,}"]
            for name, of in runs.items()
        ],
    )
    return (
        f"{table}\n\nOver the {len(pools)} that a pool target finds, the mutator takes "
        f"{mean:.3f} times as many runs (geometric mean), and "
        f"{facts.mutator['processor_time']:.2f} times as much processor time: its "
        "programs are longer."
    )


def campaigns(facts: Facts, to: str) -> str:
    """The sums of all fuzzing campaigns."""
    lines = facts.campaigns
    if lines is None:
        return "No fuzzing campaigns are published."
    total = {column: sum(int(line[column]) for line in lines) for column in SUMS}
    table = sheet(
        ["target", "engine", *COUNTS, STABILITY],
        [
            [
                line["target"],
                line["engine"],
                *(f"{int(line[column]):,}" for column in COUNTS),
                line[STABILITY] or "-",
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
