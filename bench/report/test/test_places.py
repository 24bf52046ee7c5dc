"""Where the baseline is fastest, tied or beaten; and the bars' lines."""

import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs

import bars
from load import InputError, Row, Run, load
from places import BEATEN, FASTEST, TIED, matrices
from table import table

NS = (1000,)
MACHINE = {
    "allocators": {
        name: {"class": kind}
        for name, kind in (
            ("pool", "called"),
            ("pool_again", "called"),
            ("pool_inline", "inlined"),
            ("bump_memory", "limit"),
            ("nginx", "called"),
            ("arena", "called"),
        )
    }
}


def run_of(document: dict[str, Any], machine: dict[str, Any] = MACHINE) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        run = load(runs.write(Path(folder), document))
    return Run(run.path, run.context, machine, *(getattr(run, name) for name in
               ("command", "rates", "others", "skipped", "held")))


def costs(**others: float) -> dict[str, float]:
    return {"pool": 4.0, "pool_again": 4.0, **others}


class Places(unittest.TestCase):
    def place(self, machine: dict[str, Any] = MACHINE, **others: float) -> Any:
        document = runs.document(
            costs(**others), sizes=["lognormal"], ns=NS, workloads=["fill"], noise=0.001
        )
        run = run_of(document, machine)
        found = matrices(table(run, "pool", 0.95), run.machine)
        return found[0].rows["lognormal"][1000] if found else None

    def test_fastest_names_the_next(self) -> None:
        place = self.place(arena=6.0, nginx=8.0)
        self.assertEqual((place.verdict, place.other), (FASTEST, "arena"))
        self.assertAlmostEqual(place.ratio, 1.5, places=2)

    def test_beaten_names_the_fastest(self) -> None:
        place = self.place(arena=3.0, nginx=2.0)
        self.assertEqual((place.verdict, place.other), (BEATEN, "nginx"))

    def test_tie_is_neither(self) -> None:
        place = self.place(arena=4.0, nginx=8.0)
        self.assertEqual((place.verdict, place.other), (TIED, "arena"))

    def test_other_classes_and_variants_do_not_compete(self) -> None:
        place = self.place(arena=6.0, bump_memory=1.0, pool_inline=2.0, pool_grow=3.0)
        self.assertEqual((place.verdict, place.other), (FASTEST, "arena"))
        self.assertIsNone(self.place(bump_memory=1.0))

    def test_without_classes_all_are_called(self) -> None:
        place = self.place(machine={}, bump_memory=1.0, arena=6.0)
        self.assertEqual((place.verdict, place.other), (BEATEN, "bump_memory"))


class Bars(unittest.TestCase):
    def lines(self, workloads: list[str], ns: tuple[int, ...], **others: float) -> str:
        document = runs.document(
            costs(**others), sizes=["lognormal"], ns=ns, workloads=workloads, noise=0.001
        )
        return "\n".join(bars.lines(run_of(document)))

    def test_ratio_decides(self) -> None:
        text = self.lines(["fill_reset"], (1000,), bump_memory=3.0, pool_inline=3.3)
        self.assertRegex(text, r"1 pool_inline .*lognormal/1000: 1\.10 .*1\.25: pass")
        text = self.lines(["fill_reset"], (1000,), bump_memory=3.0, pool_inline=4.2)
        self.assertRegex(text, r"1 pool_inline .*: 1\.40 .*1\.25: FALLS SHORT")

    def test_noise_is_allowed_where_never_slower_is_asked(self) -> None:
        text = self.lines(["fill"], (1000,), nginx=4.0)
        self.assertRegex(text, r"2 never slower +fill/pool/lognormal/1000 .*: pass")
        text = self.lines(["fill"], (1000,), nginx=3.0)
        self.assertRegex(text, r"2 never slower +fill/pool/lognormal/1000 .*SHORT")

    def test_what_was_not_run_is_named(self) -> None:
        text = self.lines(["fill"], (1000,), nginx=8.0)
        self.assertRegex(text, r"5 free .*: not measured")
        self.assertRegex(text, r"2 15 times as fast .*fill_trim.*: not measured")

    def test_growth_is_over_n_100(self) -> None:
        text = self.lines(["fill_reset"], (100, 1000), bump_memory=2.0)
        self.assertRegex(text, r"4 growth pool +n = 1000 over n = 100: 1\.00.*pass")

    def test_lost_cells_name_who_won(self) -> None:
        text = self.lines(["fill"], (10, 100), arena=2.0, bump_memory=1.0)
        self.assertIn("3 fastest or tied in 0 of 2 cells", text)
        self.assertRegex(text, r"(?m)3 +fill/pool/lognormal/10: beaten by arena 0\.50$")

    def test_rows_are_rows(self) -> None:
        for bar in bars.bars():
            self.assertIsInstance(bar.row, Row)
            self.assertLessEqual(bar.most, 2.0)

    def test_no_results_are_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(InputError):
            load(Path(folder))


if __name__ == "__main__":
    unittest.main()
