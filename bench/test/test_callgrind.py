"""Instructions that bench counts under callgrind.

usage: test_callgrind.py BENCH INCLUDE

BENCH is the program, INCLUDE the folder of bench_plugin.h. CC is the compiler, with
options. Plug-ins that are compiled here misbehave as no allocator of the table does.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from bench_case import BENCH, PATIENCE, Folder, bench, main

INCLUDE = Path(sys.argv[2]).resolve()
QUICK_ROWS = {("lognormal", n) for n in (100, 1000)}

# A region is one array, and an allocation cuts the next piece of it. PLUGIN_ALLOC
# comes first in each allocation.
PLUGIN = """
#include <bench_plugin.h>
#include <stdlib.h>
#include <valgrind/valgrind.h>
struct array { size_t at; char data[]; };
static void *create(size_t size, size_t count)
{
    struct array *array = malloc(sizeof(*array) + 2 * size + 16 * count);
    if (array != NULL) array->at = 0;
    return array;
}
static void *alloc(void *region, size_t size)
{
    struct array *array = region;
    PLUGIN_ALLOC;
    array->at += (size + 15) & ~(size_t) 15;
    return array->data + array->at - ((size + 15) & ~(size_t) 15);
}
static void reset(void *region) { ((struct array *) region)->at = 0; }
const struct bench_plugin bench_plugin = {
    .version = BENCH_PLUGIN_VERSION, .name = PLUGIN_NAME, .alignment = 8,
    .policy = "none", .create = create, .alloc = alloc, .reset = reset,
    .destroy = free,
};
"""
LESS = '__asm__ volatile("nop")'
MORE = '__asm__ volatile("nop\\n nop")'
# After the allocations by which bench checks a plug-in that it opens.
LATER = "static int calls; if (calls++ > 2000 && (%s)) %s"
CRASH = LATER % ("RUNNING_ON_VALGRIND", "abort()")
CRASH_ALWAYS = LATER % (1, "abort()")
NO_MEMORY = LATER % ("RUNNING_ON_VALGRIND", "return NULL")


class Counts(Folder):
    COUNTS = True

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.plugins = Path(folder.name)

    def plugin(self, name: str, alloc: str) -> str:
        """The option for a plug-in whose allocation begins so."""
        source = self.plugins / f"{name}.c"
        library = self.plugins / f"{name}.so"
        source.write_text(PLUGIN)
        subprocess.run(
            [*shlex.split(os.environ["CC"]), "-O2", "-shared", "-fPIC", f"-I{INCLUDE}",
             f'-DPLUGIN_NAME="{name}"', f"-DPLUGIN_ALLOC={alloc}", str(source),
             "-o", str(library)],
            check=True,
        )
        return f"--plugin={library}"

    def rows(self, label: str = "a") -> list[dict]:
        return self.run_json(label)["instructions"]

    def count(self, *words: str, label: str = "a", **settings) -> dict[str, dict]:
        """The counts, by the row's name."""
        done = self.measure(
            "--rounds", "1", "--label", label, "--force", *words, **settings
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        keys = ("workload", "allocator", "sizes", "n")
        found = {"/".join(str(row[key]) for key in keys): row for row in self.rows(label)}
        self.assertEqual(len(found), len(self.rows(label)))
        for row in found.values():
            self.assertGreater(row["instructions"], row["branches"], row)
            self.assertGreater(row["branches"], row["mispredictions"], row)
            self.assertGreaterEqual(row["mispredictions"], 0, row)
        return found


class Figures(Counts):
    def test_equal_from_run_to_run(self) -> None:
        """To the last digit, for any start of the stack and any working folder."""
        words = (
            "--allocators", "pool,pool_archive,arena,bump_memory",
            "--workloads", "fill,fill_reset",
            "--sizes", "lognormal,nginx_request", "--ns", "25,1000",
        )
        first = self.count(*words)
        self.assertEqual(len(first), 4 * 8)
        env = os.environ | {"SOMETHING": "x" * 1234}
        again = self.count(*words, label="b", cwd=self.folder, env=env)
        self.assertEqual(again, first)

    def test_one_instruction_is_one(self) -> None:
        found = self.count(
            self.plugin("less", LESS), self.plugin("more", MORE),
            "--allocators", "less,more", "--workloads", "fill,fill_reset",
            "--sizes", "lognormal", "--ns", "25,100,1000",
        )
        self.assertEqual(len(found), 12)
        for name, row in found.items():
            if "/less/" not in name:
                continue
            other = found[name.replace("/less/", "/more/")]
            for key, expected in ("instructions", 1), ("branches", 0):
                self.assertAlmostEqual(other[key] - row[key], expected, 6, name)


class Rows(Counts):
    def test_of_every_allocator(self) -> None:
        chosen = ("--workloads", "fill,fill_reset", "--sizes", "lognormal", "--ns", "100")
        listed = bench("--quick", "--list", *chosen).stdout.splitlines()
        found = self.count(*chosen)
        self.assertEqual(
            set(found),
            {line for line in listed if " skipped: " not in line and "_again" not in line},
        )
        self.assertIn("fill/pool/lognormal/100", found)

    def test_quick_run_counts_few(self) -> None:
        found = self.count("--allocators", "pool", "--workloads", "fill")
        self.assertEqual({(row["sizes"], row["n"]) for row in found.values()}, QUICK_ROWS)

    def test_whoever_chooses_rows_gets_theirs(self) -> None:
        found = self.count("--filter", "^(fill|cleanup)/arena/(uniform|fixed64)/[0-9]+$")
        self.assertEqual(
            set(found),
            {f"fill/arena/{sizes}/{n}"
             for sizes in ("uniform", "fixed64") for n in (10, 100, 1000, 10000)},
        )
        found = self.count("--filter", "^fill/arena/fixed64/(1|100000)$", "--ns", "1,100000")
        self.assertEqual(found, {})


class Failures(Counts):
    """Rows of fill_reset come after those of fill that fail."""

    ROWS = "^fill(_reset)?/(crash|full|arena)/fixed64/100$"

    def reasons(self) -> dict[str, str | None]:
        return {row["allocator"]: row.get("error_message") for row in self.rows()}

    def test_row_that_ends_the_process_costs_itself(self) -> None:
        done = self.measure(
            self.plugin("crash", CRASH), "--filter", self.ROWS, "--rounds", "1",
            "--label", "a",
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("instructions of fill/crash/fixed64/100: the process", done.stderr)
        for row in self.rows():
            if row["allocator"] == "crash":
                self.assertIn("ended by signal 6, under valgrind", row["error_message"])
            else:
                self.assertGreater(row["instructions"], 0)
        self.assertEqual(
            [(row["workload"], row["allocator"]) for row in self.rows()],
            [("fill", "arena"), ("fill", "crash"),
             ("fill_reset", "arena"), ("fill_reset", "crash")],
        )

    def test_after_three_such_rows_no_other_is_tried(self) -> None:
        done = self.measure(
            self.plugin("crash", CRASH), "--filter", "^fill/crash/(fixed64|uniform)/10*$",
            "--ns", "10,100,1000", "--rounds", "1", "--label", "a",
        )
        self.assertEqual(done.returncode, 1)
        reasons = [row["error_message"] for row in self.rows()]
        self.assertEqual(len(reasons), 6)
        for reason in reasons[:3]:
            self.assertIn("ended by signal 6", reason)
        for reason in reasons[3:]:
            self.assertEqual(reason, "3 rows before it ended the process under valgrind")

    def test_row_without_memory_fails_alone(self) -> None:
        """The rows after it have their own figures, not the dump of another row."""
        plugin = self.plugin("full", NO_MEMORY)
        alone = self.count("--filter", self.ROWS)
        done = self.measure(
            plugin, "--filter", self.ROWS, "--rounds", "1", "--label", "a", "--force"
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn(
            "instructions of fill/full/fixed64/100: an allocation failed", done.stderr
        )
        self.assertEqual(self.reasons()["full"], "an allocation failed")
        others = [row for row in self.rows() if row["allocator"] != "full"]
        self.assertEqual(others, list(alone.values()))

    def test_row_that_failed_in_its_round_is_left_out(self) -> None:
        plugin = self.plugin("crash", CRASH_ALWAYS)
        done = self.measure(plugin, "--filter", self.ROWS, "--rounds", "1", "--label", "a")
        self.assertEqual(done.returncode, 1)
        self.assertIn("signal 6", self.reasons()["crash"])
        self.assertNotIn("valgrind", done.stderr)
        self.assertEqual(
            {name for name, reason in self.reasons().items() if reason is None},
            {"arena"},
        )


class Valgrind(Counts):
    """When valgrind fails in any way, the rounds are written."""

    ROWS = ("--filter", "^fill/arena/fixed64/100$", "--rounds", "1", "--label", "a")

    def setUp(self) -> None:
        super().setUp()
        self.path = os.environ | {"PATH": str(self.plugins)}

    def stand_in(self, script: str) -> None:
        path = self.plugins / "valgrind"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def check(self, reason: str, err: str) -> None:
        self.assertEqual(len(self.run_json()["benchmarks"]), 2)
        (row,) = self.rows()
        self.assertEqual(row["error_message"], reason)
        self.assertIn(f"bench: instructions are not counted: {reason}\n", err)

    def test_that_is_not_there(self) -> None:
        done = self.measure(*self.ROWS, env=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check("no valgrind", done.stderr)

    def test_that_does_not_start_a_program(self) -> None:
        self.stand_in("exit 3")
        done = self.measure(*self.ROWS, env=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check("the process ended with status 3, under valgrind", done.stderr)

    def test_that_writes_nothing(self) -> None:
        self.stand_in('while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')
        done = self.measure(*self.ROWS, env=self.path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("callgrind wrote no totals", done.stderr)

    def test_interrupt_keeps_the_rounds(self) -> None:
        self.stand_in(f"echo > {self.folder}/begun; exec /bin/sleep 600")
        process = self.start(*self.ROWS[:4], env=self.path, start_new_session=True)
        self.wait(process, self.folder / "begun")
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.check("interrupted", err)


if __name__ == "__main__":
    main()
