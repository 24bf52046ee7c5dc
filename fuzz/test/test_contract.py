"""Each check of OSS-Fuzz's contract sees a target that breaks it."""

import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

FOLDER = Path(__file__).resolve().parent.parent / "oss-fuzz"
sys.path.insert(0, str(FOLDER))

import builder  # noqa: E402
import checks  # noqa: E402

SKIPPED = 77

FLAGS = ["-O1", "-fsanitize=fuzzer,address"]
OPTIONS = "[libfuzzer]\nmax_len = 16\n[asan]\ndetect_leaks = 0\n"

# Runs %s for an input that starts with 's'.
TARGET = """
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 's') { %s }
    return 0;
}
"""


class Contract(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        scratch = tempfile.TemporaryDirectory(dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.addCleanup(scratch.cleanup)
        self.out = Path(folder.name)
        self.build = builder.Build("address", "libfuzzer", self.out,
                                    Path(scratch.name))

    def test_placeholders_are_named_with_their_line(self) -> None:
        (self.out / "project.yaml").write_text(
            "# a comment\nmain_repo: https://x/OWNER/ngxpool\nlanguage: c\n"
            "primary_contact: NAME@EXAMPLE.ORG\n")
        self.assertEqual(checks.placeholders(self.out),
                         ["project.yaml:2: OWNER", "project.yaml:4: NAME@EXAMPLE.ORG"])
        (self.out / "project.yaml").write_text("main_repo: https://x/me/ngxpool\n")
        self.assertEqual(checks.placeholders(self.out), [])

    def test_a_command_that_hangs_breaks_the_contract(self) -> None:
        with self.assertRaisesRegex(builder.Broken, "no end of sleep within 0.1 s"):
            builder.run(["sleep", "9"], seconds=0.1)

    def target(self, does: str = "", name: str = "target",
               flags: list[str] | None = None) -> Path:
        """Make a target and all its files."""
        program = self.out / name
        subprocess.run(["clang", "-x", "c", "-", "-o", program, *(flags or FLAGS)],
                       input=TARGET % does, text=True, check=True)
        with zipfile.ZipFile(self.out / f"{name}_seed_corpus.zip", "w") as seeds:
            seeds.writestr("seed", "seed")
        (self.out / f"{name}.dict").write_text('"word"\n')
        (self.out / f"{name}.options").write_text(OPTIONS)
        return program

    def breaks(self, words: str, check: object, *arguments: object) -> None:
        with self.assertRaisesRegex(builder.Broken, words):
            check(self.build, *arguments)  # type: ignore[operator]

    @mock.patch.object(checks, "SOURCE", Path("/nonexistent"))
    def test_name_has_few_characters(self) -> None:
        program = self.target(name="target.x")
        self.assertEqual(checks.targets_of(self.build), [program])
        self.breaks("other characters", checks.check_names, [program])

    def test_target_is_built(self) -> None:
        self.breaks("adapters was not built", checks.check_names, [self.target()])

    def test_options_are_those_of_a_campaign(self) -> None:
        self.breaks("expected -use_counters=0", checks.check_companions,
                    self.target(name="pool_ops"))

    @mock.patch.object(checks, "SOURCE", Path("/nonexistent"))
    def test_file_belongs_to_a_target(self) -> None:
        program = self.target()
        checks.check_names(self.build, [program])
        (self.out / "other.dict").write_text("")
        self.breaks("no target", checks.check_names, [program])

    def test_program_needs_only_libraries_of_the_runner(self) -> None:
        checks.check_program(self.build, self.target())
        self.breaks("path of libraries", checks.check_program,
                    self.target(flags=[*FLAGS, "-Wl,-rpath,/nowhere"]))
        self.breaks("needs libz", checks.check_program,
                    self.target(flags=[*FLAGS, "-Wl,--no-as-needed", "-l:libz.so.1"]))

    def test_program_has_the_sanitizer_of_the_build(self) -> None:
        program = self.target(flags=["-O1", "-fsanitize=fuzzer"])
        self.breaks("calls of asan, expected at least", checks.check_calls, program)
        other = builder.Build("undefined", "libfuzzer", self.out, self.out)
        with self.assertRaisesRegex(builder.Broken, "calls of asan, expected at most"):
            checks.check_calls(other, self.target())

    def test_words_and_seeds_can_be_read(self) -> None:
        program = self.target()
        checks.check_companions(self.build, program)
        (self.out / "target.dict").write_text("word\n")
        self.breaks("expected a word in quotes", checks.check_companions, program)
        (self.out / "target.dict").write_text("# nothing\n")
        self.breaks("no words", checks.check_companions, program)
        (self.out / "target.dict").write_text('"word"\n')
        shutil.rmtree(self.build.scratch / "target_corpus")
        (self.out / "target_seed_corpus.zip").write_bytes(b"PK\5\6" + bytes(18))
        self.breaks("no seeds", checks.check_companions, program)

    def test_little_instrumentation_is_seen(self) -> None:
        self.breaks(r"found \d edges", checks.check_runs, self.target(), 10)

    def test_crash_on_a_seed_is_seen(self) -> None:
        self.breaks("status", checks.check_runs, self.target("abort();"), 10)

    def test_write_beside_the_target_is_seen(self) -> None:
        self.breaks("changed the folder", checks.check_runs,
                    self.target('(void) open("left", O_CREAT | O_WRONLY, 0600);'), 10)

    def test_write_elsewhere_is_seen(self) -> None:
        here = self.build.scratch / "left"
        program = self.target(f'(void) open("{here}", O_CREAT | O_RDWR, 0600);')
        self.breaks(r"found \d edges", checks.check_runs, program, 10)
        for call in ('open("/var/tmp/a.left", O_CREAT | O_WRONLY, 0600)',
                     'creat("/var/tmp/a.left", 0600)',
                     'unlink("/var/tmp/a.left")',
                     'mkdir("/var/tmp/b.left", 0700)',
                     'rmdir("/var/tmp/b.left")'):
            with self.subTest(call=call):
                self.breaks("writes /var/tmp/[ab].left", checks.check_runs,
                            self.target(f"(void) {call};"), 10)


if __name__ == "__main__":
    if shutil.which("clang") is None or shutil.which("strace") is None:
        print("found no clang or no strace: no check is tested")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
