"""Which campaigns share a budget, and for how long each runs."""

from typing import NamedTuple

# Less says little: AFL++ runs each first input some times before it begins.
SECONDS_LEAST = {"libfuzzer": 3, "afl": 5}
# Of the processors' time. libFuzzer's targets have sanitizers, and are more.
SHARE = {"libfuzzer": 0.7, "afl": 0.3}


class Slot(NamedTuple):
    target: str
    engine: str
    seconds: int


def split(
    budget: int, jobs: int, targets: dict[str, list[str]], turn: int
) -> list[Slot]:
    """Share budget seconds, in which jobs run at a time, among the targets of each
    engine. Where there are too many of them, turn says which have theirs: another
    turn has others."""
    slots = []
    engines = {engine: names for engine, names in targets.items() if names}
    whole = sum(SHARE[engine] for engine in engines)
    for engine, names in engines.items():
        seconds = budget * jobs * SHARE[engine] / whole
        count = min(len(names), max(int(seconds / SECONDS_LEAST[engine]), 1))
        first = turn * count % len(names)
        chosen = (names[first:] + names[:first])[:count]
        each = max(int(seconds / count), SECONDS_LEAST[engine])
        slots += [Slot(name, engine, each) for name in chosen]
    return longest_first(slots)


def longest_first(slots: list[Slot]) -> list[Slot]:
    """So that the last ones to run are short, and no processor waits for long."""
    return sorted(slots, key=lambda slot: -slot.seconds)
