"""Remarks on a run as a whole, for the page and for the summary."""

from dataclasses import dataclass

import drift
import places
import variance
from drift import Drift
from load import Row, Run
from places import Matrix
from table import Table
from variance import Split
from verdicts import UNSTABLE, Comparison


@dataclass(frozen=True)
class Findings:
    matrices: list[Matrix]  # the baseline's place in each cell
    splits: list[Split]  # where the spread comes from
    left_out: tuple[int, int]  # of the splits: cells unstable, and without halves
    is_nested: bool  # the spread has a part of processes and one of layouts
    drifts: list[Drift]
    unstable: list[tuple[Row, Comparison]]


def find(table: Table, run: Run) -> Findings:
    return Findings(
        matrices=places.matrices(table, run.machine),
        splits=variance.splits(table, run),
        left_out=variance.left_out(table, run),
        is_nested=variance.is_nested(run),
        drifts=drift.drifting(run),
        unstable=[
            (row, cell.comparison)
            for row, cell in table.rows()
            if cell.verdict == UNSTABLE and cell.comparison
        ],
    )
