"""Allocators that users bring along, as users build them.

usage: test_extra.py BENCH MESON BUILD

BENCH is the program, MESON the command, BUILD the build folder, whose headers are
installed into a folder of their own. CC and CXX are the compilers, with options.
Programs that are compiled here find the installed headers alone.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bench_case import uncounted

BENCH, MESON, BUILD = sys.argv[1:4]
BENCH = str(Path(BENCH).resolve())  # it is called from another folder
HERE = Path(__file__).resolve().parent
SHARED = ["-O2", "-shared", "-fPIC"]
LINES_MAX = 39  # of a plug-in, as its header promises

MALLOC = "libMy-Malloc.so.1"  # its row is called my_malloc
ROWS = "^(fill|fill_reset|memory)/(example_plugin|my_malloc)/fixed64/100$"

# A plug-in with all that is required, except for one line.
PLUGIN = """
#include <bench_plugin.h>
#include <stdlib.h>
static void *create(size_t size, size_t count) { return malloc(size + count); }
static void *alloc(void *region, size_t size) { return malloc(size + !region); }
static void destroy(void *region) { free(region); }
const struct bench_plugin bench_plugin = {
    .version = BENCH_PLUGIN_VERSION, .name = "mine", .alignment = 16,
    .policy = "none", .create = create, .alloc = alloc, .destroy = destroy,
    %s
};
"""


def call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}: {done.stdout}{done.stderr}")


def compiler(name: str) -> list[str]:
    return shlex.split(os.environ[name])


def load(path: Path) -> dict:
    return json.loads(path.read_text())


class Extra(unittest.TestCase):
    folder: Path
    include: str

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        call(MESON, "install", "-C", BUILD, "--no-rebuild", "--destdir", folder.name)
        (header,) = cls.folder.rglob("bench_plugin.h")
        cls.include = f"-I{header.parent}"
        cls.build(HERE / "example_plugin.c", "example_plugin.so")
        cls.build(HERE / "example_malloc.c", MALLOC)

    @classmethod
    def build(cls, source: Path, name: str) -> str:
        """The file that was built."""
        to = str(cls.folder / name)
        call(*compiler("CC"), *SHARED, cls.include, str(source), "-o", to)
        return to

    def variant(self, line: str) -> str:
        """A plug-in with that line among its fields; the last one counts."""
        source = self.folder / "variant.c"
        source.write_text(PLUGIN % line)
        return self.build(source, "variant.so")

    def bench(self, *words: str, preload: str = "") -> subprocess.CompletedProcess[str]:
        env = uncounted(os.environ | ({"LD_PRELOAD": preload} if preload else {}))
        return subprocess.run(
            [BENCH, *words], env=env, cwd=self.folder, capture_output=True, text=True
        )

    def refused(self, problem: str, *words: str) -> None:
        """The last word ends in the file's name, which the message names too."""
        done = self.bench("--list", *words)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        file = words[-1].split("=")[1]
        self.assertIn(f"bench: {file}: ", done.stderr)
        self.assertIn(problem, done.stderr)


class Rows(Extra):
    def test_list_has_their_rows(self) -> None:
        done = self.bench(
            "--list", "--plugin", "./example_plugin.so", f"--malloc=./{MALLOC}",
            "--quick", "--filter", ROWS,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line for line in done.stdout.splitlines() if "_again" not in line]
        self.assertEqual(
            sorted(lines),
            [
                "fill/example_plugin/fixed64/100",
                "fill/my_malloc/fixed64/100",
                "fill_reset/example_plugin/fixed64/100"
                "  skipped: example_plugin: it has no reset",
                "fill_reset/my_malloc/fixed64/100"
                "  skipped: my_malloc: it frees object by object, as under fill",
                "memory/example_plugin/fixed64/100",
                "memory/my_malloc/fixed64/100",
            ],
        )

    def test_rows_have_figures(self) -> None:
        done = self.bench(
            "--plugin", "./example_plugin.so", "--malloc", MALLOC, "--filter", ROWS,
            "--rounds", "1", "--label", "a", "--results", str(self.folder),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        run = load(self.folder / "a" / "run.json")
        entries = run["benchmarks"]
        for name in "fill/example_plugin", "fill/my_malloc":
            (entry,) = (e for e in entries if e["name"] == f"{name}/fixed64/100")
            self.assertGreater(entry["items_per_second"], 0)
        rows = run["memory"]
        held = {row["allocator"]: row["resident_bytes"] for row in rows}
        self.assertEqual(set(held), {"example_plugin", "my_malloc"})
        self.assertGreater(min(held.values()), 0)

    def test_machine_says_whose_they_are(self) -> None:
        done = self.bench(
            "--plugin=./example_plugin.so", f"--malloc={MALLOC}", "--filter",
            "^fill/example_plugin/fixed64/100$", "--rounds", "1", "--label", "b",
            "--results", str(self.folder),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        allocators = load(self.folder / "b" / "machine.json")["allocators"]
        plugin = allocators["example_plugin"]
        self.assertEqual(plugin["kind"], "region")
        self.assertEqual(plugin["class"], "shared")
        self.assertEqual(plugin["alignment"], 16)
        self.assertEqual(plugin["block_bytes"], 4064)
        self.assertEqual(plugin["keeps_bytes"], 0)
        self.assertEqual(
            plugin["policy"], "obstacks of the default chunk size; keeps nothing"
        )
        self.assertEqual(plugin["path"], str(self.folder / "example_plugin.so"))
        self.assertEqual(plugin["version"], "example_plugin.so")
        malloc = allocators["my_malloc"]
        self.assertEqual(malloc["kind"], "general")
        self.assertEqual(malloc["alignment"], 16)
        self.assertIsNone(malloc["keeps_bytes"])
        self.assertEqual(malloc["path"], str(self.folder / MALLOC))
        self.assertEqual(malloc["version"], MALLOC)

    def test_several_of_one_kind(self) -> None:
        for name in "one", "two":
            shutil.copy(self.folder / MALLOC, self.folder / f"lib{name}.so")
        done = self.bench(
            "--list", "--malloc=libone.so", "--malloc=./libtwo.so", "--allocators",
            "one,two", "--workloads", "fill", "--sizes", "fixed64", "--ns", "100",
        )
        self.assertEqual(
            done.stdout.splitlines(),
            ["fill/one/fixed64/100", "fill/two/fixed64/100", "fill/one_again/fixed64/100"],
        )

    def test_library_path_is_searched_without_a_slash(self) -> None:
        name = "libtcmalloc_minimal.so.4"
        done = self.bench(
            "--list", f"--malloc={name}", "--filter", "^fill/tc.*/fixed64/100$"
        )
        if "cannot open shared object" in done.stderr:
            self.skipTest(done.stderr)
        self.assertIn("fill/tcmalloc_minimal/fixed64/100\n", done.stdout)

    def test_example_is_as_short_as_promised(self) -> None:
        lines = (HERE / "example_plugin.c").read_text().splitlines()
        self.assertLessEqual(len(lines), LINES_MAX)

    def test_header_needs_iso_c_alone(self) -> None:
        source = self.folder / "alone.c"
        source.write_text("#include <bench_plugin.h>\nextern int alone;\n")
        strict = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        for name, standard in ("CC", "c99"), ("CC", "c11"), ("CXX", "c++11"):
            language = ["-x", "c++"] if name == "CXX" else []
            call(
                *compiler(name), *strict, f"-std={standard}", self.include, *language,
                str(source),
            )


class Refusals(Extra):
    def test_file_that_is_not_there(self) -> None:
        self.refused("No such file or directory", "--malloc=./no.so")
        self.refused("No such file or directory", "--plugin=./no.so")
        self.refused("cannot open shared object file", "--malloc=libno.so")

    def test_file_that_is_no_library(self) -> None:
        (self.folder / "text.so").write_text("this is no library\n" * 100)
        self.refused("invalid ELF header", "--malloc=./text.so")
        self.refused("invalid ELF header", "--plugin=./text.so")

    def test_library_without_the_symbol(self) -> None:
        self.refused("has no malloc of its own", "--malloc=./example_plugin.so")
        self.refused("has no bench_plugin of its own", f"--plugin=./{MALLOC}")

    def test_library_without_free(self) -> None:
        source = self.folder / "half.c"
        source.write_text("void *malloc(unsigned long n) { return n ? &malloc : 0; }")
        self.build(source, "half.so")
        self.refused("has no free of its own", "--malloc=./half.so")

    def test_plugin_of_another_version(self) -> None:
        self.variant(".version = BENCH_PLUGIN_VERSION + 1")
        self.refused(
            "is for version 2 of bench_plugin.h, expected 1", "--plugin=./variant.so"
        )

    def test_plugin_without_what_is_required(self) -> None:
        for field, shown in (
            ("name", "name"),
            ("policy", "policy"),
            ("create", "create()"),
            ("alloc", "alloc()"),
            ("destroy", "destroy()"),
        ):
            self.variant(f".{field} = 0")
            self.refused(f"its bench_plugin has no {shown}", "--plugin=./variant.so")

    def test_plugin_that_is_not_aligned_as_it_says(self) -> None:
        self.variant(".alignment = 4096")
        self.refused("expected a multiple of its alignment", "--plugin=./variant.so")
        for alignment in 0, 4, 24:
            self.variant(f".alignment = {alignment}")
            self.refused(
                f"its alignment is {alignment}, expected a power of two of at least 8",
                "--plugin=./variant.so",
            )

    def test_name_that_is_taken(self) -> None:
        shutil.copy(self.folder / MALLOC, self.folder / "libpool.so")
        self.refused('the name "pool" is taken: rename the file', "--malloc=./libpool.so")
        self.variant('.name = "glibc"')
        self.refused(
            'the name "glibc" is taken: rename the plug-in', "--plugin=./variant.so"
        )
        self.refused(
            "is taken", f"--malloc=./{MALLOC}", f"--malloc=./{MALLOC}"
        )

    def test_name_that_no_row_can_have(self) -> None:
        for name in "", "My", "a/b", "a b", "x_again", "pool_archive", "m" * 32:
            self.variant(f'.name = "{name}"')
            self.refused("its row's name would be", "--plugin=./variant.so")
        for name in ".so", "libx_again.so", f"{'m' * 32}.so":
            shutil.copy(self.folder / MALLOC, self.folder / name)
            self.refused("its row", f"--malloc=./{name}")

    def test_more_files_than_there_is_place_for(self) -> None:
        words = []
        for number in range(9):
            shutil.copy(self.folder / MALLOC, self.folder / f"m{number}.so")
            words.append(f"--malloc=./m{number}.so")
        self.assertEqual(self.bench("--list", *words[:8]).returncode, 0)
        self.refused("more than 8 files", *words)

    def test_list_of_files_that_is_too_long(self) -> None:
        done = self.bench("--list", "--malloc=" + "m" * 5000)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--malloc: found", done.stderr)
        done = self.bench("--list", "--plugin=")
        self.assertEqual(done.returncode, 2)
        self.assertIn('--plugin: found "", expected a file', done.stderr)

    def test_preloaded_malloc_is_told_of_the_option(self) -> None:
        library = "libjemalloc.so.2"
        done = self.bench("--list", preload=library)
        if "cannot be preloaded" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"/{library}", done.stderr)
        self.assertIn("--malloc=FILE", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
