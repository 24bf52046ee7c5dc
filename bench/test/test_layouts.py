"""The linkings of the measured code, and which of them a run takes.

usage: test_layouts.py BENCH LAYOUT FILE...

BENCH is the program, LAYOUT is layout.py, and each FILE is a library whose functions
layout.py places.
"""

import re
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path

from bench_case import BENCH, Folder, main

LAYOUT, *FILES = sys.argv[2:]
LAYOUTS = 12
PAGE = 4096
LINE = 64  # bytes of a cache line
MODULES = Path(BENCH).parent / "layouts"

Places = dict[str, int]  # of functions, by name: their offsets within a page


def symbols(path: Path) -> list[tuple[str, int, int]]:
    """Names, addresses and sizes of all functions that the file defines."""
    output = subprocess.run(
        ["nm", "--defined-only", "--format=posix", str(path)],
        check=True, capture_output=True, text=True,
    ).stdout
    rows = [line.split() for line in output.splitlines()]
    return [
        (row[0], int(row[2], 16), int(row[3], 16))
        for row in rows
        if len(row) == 4 and row[1] in "Tt"
    ]


def places(name: str, number: int) -> Places:
    """Except for functions that are there several times, and the linker's own."""
    found = symbols(MODULES / f"{name}_{number}.so")
    counts = Counter(row[0] for row in found)
    return {
        name: address % PAGE
        for name, address, size in found
        if counts[name] == 1 and size > 0 and not name.startswith("_")
    }


class Modules(unittest.TestCase):
    def test_all_layouts_have_the_same_functions_in_other_places(self) -> None:
        for name in "libngxpool_shared", "libngxpool_again", "shared", "again", "archive":
            layouts = [places(name, number) for number in range(LAYOUTS)]
            self.assertEqual({frozenset(layout) for layout in layouts},
                             {frozenset(layouts[0])}, name)
            self.assertEqual(len({tuple(sorted(layout.items())) for layout in layouts}),
                             LAYOUTS, name)

    def test_functions_begin_anywhere_in_a_line(self) -> None:
        for name in "libngxpool_shared", "libngxpool_again":
            found = [places(name, number)["ngx_palloc"] for number in range(LAYOUTS)]
            self.assertGreater(len(set(found)), LAYOUTS / 2, found)
            self.assertEqual({place % 16 for place in found}, {0})
            self.assertGreater(len({place % LINE for place in found}), 2, found)

    def test_halves_of_the_pair_lie_in_two_places(self) -> None:
        """In each layout. Of 256 places within a page two may be the same."""
        for one, other in ("libngxpool_shared", "libngxpool_again"), ("shared", "again"):
            same = 0
            for number in range(LAYOUTS):
                first, second = places(one, number), places(other, number)
                self.assertEqual(first.keys(), second.keys())
                moved = [name for name in first if first[name] != second[name]]
                # Those that compilers and sanitizers add are not placed.
                self.assertGreater(len(moved), 0.5 * len(first))
                if "ngx_palloc" in first:
                    same += first["ngx_palloc"] == second["ngx_palloc"]
            self.assertLess(same, 3)

    def test_each_module_has_its_own_pool(self) -> None:
        for name in "shared", "again":
            for number in range(LAYOUTS):
                dynamic = subprocess.run(
                    ["readelf", "-d", str(MODULES / f"{name}_{number}.so")],
                    check=True, capture_output=True, text=True,
                ).stdout
                needed = re.findall(r"NEEDED.*\[(libn?g?.*pool_.*)\]", dynamic)
                self.assertIn(f"libngxpool_{name}_{number}.so", needed)
                self.assertLessEqual(
                    set(needed),
                    {f"libngxpool_{name}_{number}.so", f"libnginxpool_{name}_{number}.so"},
                )
                self.assertRegex(dynamic, r"RPATH.*\[\$ORIGIN")


class Scripts(Folder):
    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, LAYOUT, *words], capture_output=True, text=True
        )

    def scripts(self, seed: str, count: int, files: list[str] = FILES) -> list[str]:
        done = self.call("a", seed, str(self.folder), str(count), *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        paths = [self.folder / f"a_{number}.ld" for number in range(count)]
        self.assertEqual(set(self.folder.iterdir()), set(paths))
        texts = [path.read_text() for path in paths]
        for path in paths:
            path.unlink()
        return texts

    def test_each_function_stands_there_once(self) -> None:
        names = {name for file in FILES for name, _, _ in symbols(Path(file))}
        self.assertIn("ngx_palloc", names)
        for text in self.scripts("s", 2):
            found = re.findall(r"\*\(\.text\.([^)]+)\)", text)
            self.assertEqual(len(found), len(set(found)))
            self.assertEqual(set(found), names)

    def test_seed_gives_the_scripts(self) -> None:
        first = self.scripts("s", 3)
        self.assertEqual(len(set(first)), 3)
        self.assertEqual(self.scripts("s", 2), first[:2])
        self.assertEqual(set(self.scripts("t", 3)) & set(first), set())

    def test_places_do_not_depend_on_other_functions(self) -> None:
        """So two versions of a library lie alike."""
        (every,) = self.scripts("s", 1)
        (some,) = self.scripts("s", 1, FILES[:1])
        kept = some.splitlines()
        self.assertLess(len(kept), len(every.splitlines()))
        self.assertEqual([line for line in every.splitlines() if line in kept], kept)

    def test_functions_that_a_compiler_aligns_are_moved_too(self) -> None:
        source, library = self.folder / "f.c", self.folder / "f.o"
        source.write_text("".join(f"int f{i}(void) {{ return {i}; }}\n" for i in range(40)))
        flags = ["-fPIC", "-ffunction-sections", "-falign-functions=64"]
        subprocess.run(["cc", *flags, "-c", "-o", library, source], check=True)
        self.assertEqual(self.call("a", "s", str(self.folder), "1", str(library)).returncode, 0)
        linked = self.folder / "f.so"
        script = self.folder / "a_0.ld"
        subprocess.run(["cc", "-shared", f"-Wl,-T,{script}", "-o", linked, library], check=True)
        found = {address % LINE for name, address, _ in symbols(linked) if name[0] == "f"}
        self.assertEqual(found & {0, 16, 32, 48}, {0, 16, 32, 48})

    def test_what_it_cannot_use_is_refused(self) -> None:
        done = self.call("a", "s", str(self.folder), "x", *FILES)
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage:", done.stderr)
        (self.folder / "empty").write_text("")
        archive = str(self.folder / "empty.a")
        subprocess.run(
            ["ar", "rc", archive, str(self.folder / "empty")],
            check=True, capture_output=True,
        )
        done = self.call("a", "s", str(self.folder), "1", archive)
        self.assertEqual(done.returncode, 1)
        self.assertIn("found no function", done.stderr)


class Seeds(Folder):
    def layouts(self, label: str, *words: str) -> list[int]:
        done = self.measure("--filter", "^shim/c/1024$", "--label", label, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [entry["layout"] for entry in self.run_json(label)["benchmarks"]]

    def test_seed_gives_the_layouts(self) -> None:
        first = self.layouts("a", "--seed", "5")
        self.assertEqual(self.run_json("a")["context"]["seed"], "5")
        self.assertEqual(self.layouts("b", "--seed", "5"), first)
        self.assertNotEqual(self.layouts("c", "--seed", "6"), first)

        # A quick run has nine rounds: of seven layouts two come twice.
        self.assertEqual(len(first), 9)
        self.assertEqual(len(set(first)), 7)
        self.assertEqual(first[7:], first[:2])

    def test_seed_is_random_and_reported(self) -> None:
        seeds = []
        for label in "ab":
            self.layouts(label, "--rounds", "1")
            seeds.append(self.run_json(label)["context"]["seed"])
        self.assertNotEqual(seeds[0], seeds[1])
        again = self.layouts("c", "--rounds", "1", "--seed", seeds[0])
        self.assertEqual(again, [self.run_json("a")["benchmarks"][0]["layout"]])


if __name__ == "__main__":
    main()
