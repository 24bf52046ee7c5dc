"""Where the baseline is fastest, tied or beaten; and the bars' lines."""

import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs

import bars
from load import InputError, Run, load
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
            ("glibc", "called"),
            ("apr_limit", "called"),
        )
    }
    | {
        name: {"class": "called", "keeps": "all"} for name in ("apr", "pool_unbounded")
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
        place = self.place(arena=6.0, bump_memory=1.0, pool_inline=2.0)
        self.assertEqual((place.verdict, place.other), (FASTEST, "arena"))
        self.assertIsNone(self.place(bump_memory=1.0))

    def test_who_keeps_all_does_not_compete(self) -> None:
        place = self.place(apr_limit=6.0, apr=2.0, pool_unbounded=3.0)
        self.assertEqual((place.verdict, place.other), (FASTEST, "apr_limit"))

    def test_without_classes_all_are_called(self) -> None:
        place = self.place(machine={}, bump_memory=1.0, arena=6.0)
        self.assertEqual((place.verdict, place.other), (BEATEN, "bump_memory"))


class Bars(unittest.TestCase):
    def lines(
        self,
        workloads: list[str],
        ns: tuple[int, ...],
        sizes: str = "lognormal",
        **others: float,
    ) -> str:
        document = runs.document(
            costs(**others), sizes=[sizes], ns=ns, workloads=workloads, noise=0.001
        )
        return "\n".join(bars.lines(run_of(document)))

    def test_ratio_decides(self) -> None:
        text = self.lines(["fill_reset"], (1000,), bump_memory=3.0, pool_inline=3.315)
        self.assertRegex(text, r"2 limit .*lognormal/1000 .*: 1\.10. .*1\.150: pass")
        text = self.lines(["fill_reset"], (1000,), bump_memory=3.0, pool_inline=3.615)
        self.assertRegex(text, r"2 limit .*: 1\.20. .*1\.150: FALLS SHORT")

    def test_uniform_has_a_limit_of_its_own(self) -> None:
        text = self.lines(
            ["fill_reset"], (100,), "uniform", bump_memory=3.0, pool_inline=4.53
        )
        self.assertRegex(text, r"2 limit .*uniform/100 .*: 1\.5\d\d .*1\.600: pass")

    def test_resets_are_15_times_as_fast(self) -> None:
        text = self.lines(["fill_reset"], (10000,), nginx=62.0)
        self.assertRegex(text, r"4 resets .*: 0\.06. .*0\.067: pass")
        text = self.lines(["fill_reset"], (10000,), nginx=54.0)
        self.assertRegex(text, r"4 resets .*: 0\.07. .*0\.067: FALLS SHORT")

    def test_free_is_against_glibcs(self) -> None:
        text = self.lines(["free_random"], (100000,), "fixed4096", glibc=2.99)
        self.assertRegex(text, r"6 free .*: 1\.33. .*1\.300: FALLS SHORT")

    def test_lost_cells_name_who_is_ahead(self) -> None:
        text = self.lines(["fill"], (10, 100), arena=2.02, glibc=3.02, bump_memory=1.0)
        self.assertIn("pool: none ahead in 0 of 2 cells, 46 not measured", text)
        self.assertRegex(
            text, r"(?m)1 peers  pool: slower in fill/pool/lognormal/10: "
            r"arena 0\.50. \([^)]*\), glibc 0\.75. \([^)]*\)$"
        )

    def test_a_tie_is_not_ahead(self) -> None:
        text = self.lines(["fill"], (10, 100), arena=4.0)
        self.assertIn("1 peers  pool: none ahead in 2 of 2 cells", text)

    def test_only_who_keeps_as_much_is_a_peer(self) -> None:
        text = self.lines(["fill"], (10,), apr=2.0, apr_limit=6.0, pool_unbounded=3.0)
        self.assertIn("1 peers  pool: none ahead in 1 of 1 cells", text)
        self.assertIn("1 peers  pool_unbounded: none ahead in 0 of 1 cells", text)
        self.assertRegex(text, r"slower in fill/pool_unbounded/lognormal/10: apr 0\.66")

    def test_inlined_is_judged_beside_pmr(self) -> None:
        text = self.lines(["fill"], (10, 1000), pool_inline=3.0, pmr=2.0)
        self.assertIn("2 pmr    pool_inline: none ahead in 0 of 2 cells", text)

    def test_nginx_is_judged_in_every_cell(self) -> None:
        text = self.lines(["fill", "fill_trim"], (1, 1000), "fixed16", nginx=3.0)
        self.assertIn("4 nginx  pool: none ahead in 0 of 4 cells, 0 not measured", text)
        self.assertRegex(text, r"4 nginx  pool: slower in fill_trim/pool/fixed16/1: ")

    def test_what_was_not_run_is_named(self) -> None:
        text = self.lines(["fill"], (1000,), nginx=8.0)
        self.assertRegex(text, r"6 free .*: not measured")
        self.assertIn("2 pmr    pool_inline: none ahead in 0 of 0 cells, 48 not", text)

    def test_no_results_are_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(InputError):
            load(Path(folder))


if __name__ == "__main__":
    unittest.main()
