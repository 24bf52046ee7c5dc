"""Which rows were still changing while they were measured.

A row runs a while before the clock starts, until its time no longer falls. Where
the second half of the timed run still differs from the first, that was not
enough, or something else changes it, such as memory that fills up.
"""

import statistics
from typing import NamedTuple

from load import Row, Run

LIMIT = 0.05  # of the first half's time


class Drift(NamedTuple):
    row: Row
    change: float  # the second half's time over the first's, less 1


def drifting(run: Run) -> list[Drift]:
    """Rows whose halves differ by more than LIMIT, the farthest first.

    A row's change is the median over its rounds.
    """
    found = []
    for row, halves in run.halves.items():
        ratio = statistics.median(second / first for first, second in halves.values())
        if abs(ratio - 1.0) > LIMIT:
            found.append(Drift(row, ratio - 1.0))
    return sorted(found, key=lambda drift: (-abs(drift.change), drift.row))
