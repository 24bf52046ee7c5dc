"""Cells in which the baseline is fastest, equal at the top, beaten, or unknown."""

import unittest
from typing import Any

import runs
from places import (
    BEATEN,
    EQUAL_TOP,
    FASTEST,
    NO_RIVAL,
    OPEN,
    Matrix,
    matrices,
    rivals,
)
from table import table
from test_table import loaded

CLASSES = {
    "pool": "shared",
    "pool_again": "shared",
    "pool_archive": "archive",
    "pool_inline": "inlined",
    "bump_memory": "limit",
    "nginx": "shared",
    "arena": "shared",
    "glibc": "shared",
    "apr_limit": "shared",
}
MACHINE = {
    "allocators": {name: {"class": kind} for name, kind in CLASSES.items()}
    | {name: {"class": "shared", "keeps": "all"} for name in ("apr", "pool_unbounded")}
}


def costs(**others: float) -> dict[str, float]:
    return {"pool": 4.0, "pool_again": 4.0, **others}


def found(document: dict[str, Any], machine: dict[str, Any] = MACHINE) -> list[Matrix]:
    run = loaded(document, machine)
    return matrices(table(run, "pool", 0.95), run.machine)


class Places(unittest.TestCase):
    ONE = {"sizes": ["lognormal"], "ns": (1000,), "workloads": ["fill"]}

    def place(self, machine: dict[str, Any] = MACHINE, **others: float) -> Any:
        document = runs.document(costs(**others), noise=0.001, **self.ONE)
        return found(document, machine)[0].rows["lognormal"][1000]

    def disturbed(self, name: str, rate: Any, **others: float) -> Any:
        """The place where name's rate is multiplied by rate(layout)."""
        document = runs.document(costs(**others), noise=0.001, **self.ONE)
        for entry in document["benchmarks"]:
            if entry["allocator"] == name:
                entry["items_per_second"] *= rate(entry["layout"])
        return found(document)[0].rows["lognormal"][1000]

    def test_fastest_names_the_next(self) -> None:
        place = self.place(arena=6.0, nginx=8.0)
        self.assertEqual((place.verdict, place.other), (FASTEST, "arena"))
        self.assertAlmostEqual(place.ratio, 1.5, places=2)

    def test_beaten_names_the_fastest(self) -> None:
        place = self.place(arena=3.0, nginx=2.0)
        self.assertEqual((place.verdict, place.other), (BEATEN, "nginx"))

    def test_equal_is_neither(self) -> None:
        place = self.place(arena=4.0, nginx=8.0)
        self.assertEqual((place.verdict, place.other), (EQUAL_TOP, "arena"))

    def test_beaten_by_one_is_beaten_whatever_the_others_are(self) -> None:
        self.assertEqual(self.place(arena=4.0, nginx=3.0).verdict, BEATEN)

    def test_unknown_counts_for_nobody(self) -> None:
        # The arena's ratio is 0.8 or 1.2, so nothing is known of it.
        place = self.disturbed(
            "arena", lambda layout: (0.8, 1.2)[layout % 2], arena=4.0, nginx=8.0
        )
        self.assertEqual((place.verdict, place.other), (OPEN, "arena"))

    def test_equal_to_one_and_unknown_of_another_is_unknown(self) -> None:
        place = self.disturbed(
            "arena", lambda layout: (0.8, 1.2)[layout % 2], arena=4.0, nginx=4.0
        )
        self.assertEqual(place.verdict, OPEN)

    def test_unstable_counts_for_nobody(self) -> None:
        # It is slower in every layout, but no single figure holds.
        place = self.disturbed(
            "arena", lambda layout: (0.5, 0.2)[layout % 2], arena=4.0, nginx=8.0
        )
        self.assertEqual(place.verdict, OPEN)

    def test_fastest_needs_a_rival(self) -> None:
        place = self.place(bump_memory=8.0)
        self.assertEqual((place.verdict, place.other), (NO_RIVAL, None))
        self.assertEqual(self.place().verdict, NO_RIVAL)

    def test_other_classes_do_not_compete(self) -> None:
        place = self.place(
            arena=6.0, bump_memory=1.0, pool_inline=2.0, pool_archive=3.0
        )
        self.assertEqual((place.verdict, place.other), (FASTEST, "arena"))

    def test_who_keeps_all_does_not_compete(self) -> None:
        place = self.place(apr_limit=6.0, apr=2.0, pool_unbounded=3.0)
        self.assertEqual((place.verdict, place.other), (FASTEST, "apr_limit"))

    def test_rivals_are_the_same_from_either_side(self) -> None:
        names = [*CLASSES, "apr", "pool_unbounded"]
        for one in names:
            for other in rivals(names, one, MACHINE):
                self.assertIn(one, rivals(names, other, MACHINE))
        self.assertEqual(rivals(names, "apr", MACHINE), ["pool_unbounded"])

    def test_without_classes_all_are_shared(self) -> None:
        place = self.place(machine={}, bump_memory=1.0, arena=6.0)
        self.assertEqual((place.verdict, place.other), (BEATEN, "bump_memory"))

    def test_counts_are_of_cells(self) -> None:
        document = runs.document(
            costs(arena=6.0), sizes=["lognormal"], workloads=["fill"], noise=0.001
        )
        runs.fail(document, "fill/arena/lognormal/10", "test")
        counts = found(document)[0].counts
        self.assertEqual(counts, {FASTEST: 2, NO_RIVAL: 1})

    def test_cells_without_the_baseline_are_not_counted(self) -> None:
        document = runs.document(
            costs(arena=6.0), sizes=["lognormal"], workloads=["fill"], noise=0.001
        )
        runs.fail(document, "fill/pool/lognormal/10", "test")
        self.assertEqual(found(document)[0].counts, {FASTEST: 2})


if __name__ == "__main__":
    unittest.main()
