"""ngxops c: the printed program builds with the library, and finds a broken one."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(sys.argv[1])
BROKEN = pathlib.Path(sys.argv[2])  # the planted bug is palloc_packed
BUILD = pathlib.Path(sys.argv[3])
SOURCE = pathlib.Path(sys.argv[4])
SEEDS = pathlib.Path(sys.argv[5])
CC = shlex.split(sys.argv[6])
TRACES = [pathlib.Path(name) for name in sys.argv[7:]]

CHECKED = ["-Wall", "-Wextra", "-Werror"]
POOL = [*sorted((SOURCE / "pool").glob("ngx_*.c")),
        SOURCE / "pool/standalone/ngx_log.c"]
MUTANTS = SOURCE / "fuzz/mutants"
INCLUDES = [f"-I{SOURCE / 'pool'}", f"-I{SOURCE / 'pool' / 'standalone'}"]

# For each mutant, a program that finds it.
PLANTED = {
    "cleanup_oldest": "cleanup_order",
    "palloc_packed": "alloc_sizes",
    "pcalloc_dirty": "pcalloc_used",
    "pfree_small": "pfree",
}


def run(command: list, **how) -> subprocess.CompletedProcess:
    return subprocess.run(command, check=False, text=True, capture_output=True,
                          timeout=120, **how)


class Source(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def build(self, program: pathlib.Path, rest: list) -> pathlib.Path:
        source = self.folder / (program.name + ".c")
        printed = run([TOOL, "c", program])
        self.assertEqual(printed.returncode, 0, printed.stderr)
        source.write_text(printed.stdout)
        out = source.with_suffix("")
        done = run([*CC, *CHECKED, "-o", out, source, *rest])
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def plant(self, *words) -> str:
        done = run([sys.executable, MUTANTS / "plant.py", *words])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_it_builds_by_pkg_config_and_succeeds(self) -> None:
        environment = os.environ | {
            "PKG_CONFIG_PATH": str(BUILD / "meson-uninstalled"),
            "LD_LIBRARY_PATH": str(BUILD / "pool"),
        }
        flags = run(["pkg-config", "--cflags", "--libs", "ngxpool"],
                    env=environment)
        self.assertEqual(flags.returncode, 0, flags.stderr)
        programs = [*sorted(SEEDS.iterdir()), *TRACES]
        self.assertGreater(len(programs), 40)
        for program in programs:
            with self.subTest(program.name):
                binary = self.build(program, flags.stdout.split())
                done = run([binary], env=environment)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_each_function_that_main_calls_is_there(self) -> None:
        program = self.folder / "long.ops"
        counts = set()
        for allocations in range(325, 340):  # about as many as the first one holds
            for idle in range(3):
                program.write_text("create p0 4096\n" + allocations * "palloc p0 8\n"
                                   + idle * "nop\n")
                printed = run([TOOL, "c", program]).stdout
                made = re.findall(r"^(part_\d+)\(void\)$", printed, re.MULTILINE)
                called = re.findall(r"^    (part_\d+)\(\);$", printed, re.MULTILINE)
                self.assertEqual(made, called)
                counts.add(len(made))
        self.assertEqual(counts, {1, 2})

    def test_a_planted_bug_is_reported_with_its_line(self) -> None:
        files = {line.split()[0]: SOURCE / line.split()[1] for line in
                 self.plant("list", MUTANTS / "mutants.toml").splitlines()}
        mutants = {mutant: self.folder / f"{mutant}_mutant{files[mutant].suffix}"
                   for mutant in PLANTED}
        self.plant("plant", MUTANTS / "mutants.toml", SOURCE, *mutants.values())
        for mutant, name in PLANTED.items():
            file, planted = files[mutant], mutants[mutant]
            # The mutant's header comes first, and its guard leaves out the other one.
            pool = (["-D_GNU_SOURCE", "-include", planted, *POOL]
                    if file.suffix == ".h" else
                    [planted, *(path for path in POOL if path != file)])
            with self.subTest(mutant):
                program = SEEDS / name
                binary = self.build(program,
                                    [*INCLUDES, *pool, "-pthread", "-ldl"])
                done = run([binary])
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"\.c:\d+: expected ")

    def test_a_crash_leaves_the_calls_up_to_it(self) -> None:
        printed = run([BROKEN, "c", SOURCE / "corpus/seeds/alloc_sizes.ops"])
        self.assertIn("signal 6", printed.stderr)
        self.assertIn("/* 16: palloc p0 left+0 */\n"
                      "    EXPECT(made(14, ngx_palloc(pools[0], 1), 1",
                      printed.stdout)
        self.assertNotIn("/* 17: ", printed.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
