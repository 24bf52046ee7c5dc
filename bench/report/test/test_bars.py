"""The bars' lines: which cells are lost, and which bounds are kept."""

import tempfile
import unittest
from pathlib import Path

import runs
import bars
from load import InputError, load
from test_places import MACHINE, costs
from test_table import loaded


class Bars(unittest.TestCase):
    def lines(
        self,
        workloads: list[str],
        ns: tuple[int, ...],
        sizes: str = "lognormal",
        noise: float = 0.001,
        **others: float,
    ) -> str:
        document = runs.document(
            costs(**others), sizes=[sizes], ns=ns, workloads=workloads, noise=noise
        )
        return "\n".join(bars.lines(loaded(document, MACHINE)))

    def test_ratio_decides(self) -> None:
        text = self.lines(["fill_reset"], (1000,), bump_memory=3.0, pool_inline=3.315)
        self.assertRegex(text, r"limit .*lognormal/1000 .*: 1\.10. .*1\.150: pass")
        text = self.lines(["fill_reset"], (1000,), bump_memory=3.0, pool_inline=3.615)
        self.assertRegex(text, r"limit .*: 1\.20. .*1\.150: FALLS SHORT")

    def test_interval_across_the_bound_is_neither(self) -> None:
        for cost, median in ((3.3, r"1\.0\d+"), (3.8, r"1\.2\d+")):
            text = self.lines(
                ["fill_reset"], (1000,), noise=0.1, bump_memory=3.0, pool_inline=cost
            )
            self.assertRegex(text, rf"limit .*/1000 .*: {median} .*1\.150: unknown")

    def test_uniform_has_a_limit_of_its_own(self) -> None:
        text = self.lines(
            ["fill_reset"], (100,), "uniform", bump_memory=3.0, pool_inline=4.53
        )
        self.assertRegex(text, r"limit .*uniform/100 .*: 1\.5\d\d .*1\.600: pass")

    def test_resets_are_15_times_as_fast(self) -> None:
        text = self.lines(["fill_reset"], (10000,), nginx=62.0)
        self.assertRegex(text, r"resets .*: 0\.06. .*0\.067: pass")
        text = self.lines(["fill_reset"], (10000,), nginx=54.0)
        self.assertRegex(text, r"resets .*: 0\.07. .*0\.067: FALLS SHORT")

    def test_free_is_against_glibcs(self) -> None:
        text = self.lines(["free_random"], (100000,), "fixed4096", glibc=2.99)
        self.assertRegex(text, r"free .*: 1\.33. .*1\.300: FALLS SHORT")

    def test_lost_cells_name_who_is_faster(self) -> None:
        text = self.lines(["fill"], (10, 100), arena=2.02, glibc=3.02, bump_memory=1.0)
        self.assertIn(
            "pool: fastest in 0, equal in 0, slower in 2, unknown in 0 of 2 "
            "cells, 46 not measured",
            text,
        )
        self.assertRegex(
            text,
            r"(?m)^peers  pool: slower in fill/pool/lognormal/10: "
            r"arena 0\.50. \([^)]*\), glibc 0\.75. \([^)]*\)$",
        )

    def test_equal_is_not_lost(self) -> None:
        text = self.lines(["fill"], (10, 100), arena=4.0)
        self.assertIn("peers  pool: fastest in 0, equal in 2, slower in 0", text)

    def test_unknown_is_not_won(self) -> None:
        text = self.lines(["fill"], (10, 100), noise=0.1, arena=4.1)
        self.assertRegex(text, "peers  pool: fastest in 0, .* unknown in 2 of 2")

    def test_only_who_keeps_as_much_is_a_peer(self) -> None:
        text = self.lines(["fill"], (10,), apr=2.0, apr_limit=6.0, pool_unbounded=3.0)
        self.assertIn("peers  pool: fastest in 1, ", text)
        self.assertIn(
            "peers  pool_unbounded: fastest in 0, equal in 0, slower in 1", text
        )
        self.assertRegex(text, r"slower in fill/pool_unbounded/lognormal/10: apr 0\.66")

    def test_inlined_is_judged_beside_pmr(self) -> None:
        text = self.lines(["fill"], (10, 1000), pool_inline=3.0, pmr=2.0)
        self.assertRegex(text, "pmr    pool_inline: fastest in 0, .* slower in 2, ")

    def test_nginx_is_judged_in_every_cell(self) -> None:
        text = self.lines(["fill", "fill_trim"], (1, 1000), "fixed16", nginx=3.0)
        self.assertRegex(text, "nginx  pool: .* slower in 4, .* of 4 cells, 0 not")
        self.assertRegex(text, r"nginx  pool: slower in fill_trim/pool/fixed16/1: ")

    def test_what_was_not_run_is_named(self) -> None:
        text = self.lines(["fill"], (1000,), nginx=8.0)
        self.assertRegex(text, r"free .*: not measured")
        self.assertRegex(text, "pmr    pool_inline: .* of 0 cells, 48 not measured")

    def test_no_results_are_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(InputError):
            load(Path(folder))


if __name__ == "__main__":
    unittest.main()
