"""The READMEs' commands and code, run as they stand there.

usage: test_readmes.py BUILD COMMANDS|RECIPES

BUILD is a build folder with bench, its modules, example_malloc and ngxops.

Commands: every line of every block of shell, and every command between backticks,
runs in a folder that looks like the project's. A program that would install, build,
measure or fuzz there is a stand-in, which checks the command line as the real program
does, and ends. Programs of the build run as they are. A line that cannot run so needs a
row in NOT_RUN, with the reason.

Recipes: the blocks that READMEs have for people who install the library, bring a
plug-in along or add an allocator run for real, one after the other, in a copy of the
project.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BUILD = Path(sys.argv[1]).resolve()
CASES = sys.argv[2:]
ROOT = Path(__file__).resolve().parents[3]
DEBIAN_PYTHON = Path("/usr/bin/python3")  # has Debian's modules
PYTHON = str(DEBIAN_PYTHON if DEBIAN_PYTHON.exists() else sys.executable)
CC = os.environ.get("CC", "cc")
SHORT = ROOT / "corpus/seeds/burst.ops"  # all traces take half a second to load

# By the line's beginning, why it is not run.
NOT_RUN = {
    ".ci/fresh ": "makes a root of a whole system, as root",
    "./run bench --quick --allocators pool,mine --workloads": "its row is a recipe's",
    "bench/test/left_bound.py": "takes minutes; the test left_bound runs a part",
    "build/bench/test/kept_curve": "takes minutes; the test kept_curve runs a part",
    "curl ": "needs a server; its words are not the project's",
}
LANGUAGES = ("", "c", "ini", "sh")  # of blocks
# Blocks that build for real, by the README and a part of them.
INSTALL = ("README.md", "meson install")
PLUGIN = ("bench/allocators/README.md", "mine.c -o")
ADD = ("bench/allocators/README.md", "allocator_mine")

# Recorded programs that command lines speak of.
TRACE = "pool/ops/nginx_static.trace"  # of the build
PROGRAMS = ("FILE", "FILE...", "mine.trace", "httpd.trace.1")
PLACEHOLDERS = {"<label>": "mine", "SECONDS": "60"}
OPTIONAL = re.compile(r" \[[^]]*\]")  # parts of a synopsis
LINE_SECONDS = 300  # until a line has run for real, as none should

COMMAND = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:\./run|meson|ninja|(?:bench|build|fuzz|pool|\.ci)/\S+) .+")
SCRIPT = re.compile(r"(?:bench|fuzz|pool|\.ci)/[\w./-]+\.(?:py|sh)\b")

# Ends a script once it has taken its command line: all of them use argparse.
PARSE_ONLY = """
import argparse, os, runpy, sys
parse = argparse.ArgumentParser.parse_args
def parse_and_end(self, *words, **named):
    parse(self, *words, **named)
    os._exit(0)
argparse.ArgumentParser.parse_args = parse_and_end
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
if os.path.isdir(sys.argv[0]):
    sys.path[0] = sys.argv[0]
    sys.argv[0] += "/__main__.py"
runpy.run_path(sys.argv[0], run_name="__main__")
sys.exit("the command line was not read")
"""

STAND_INS = {
    "dpkg-query": "echo installed",
    "sudo": 'exec "$@"',
    "python3": f"""
case $1 in
-c) exec {PYTHON} "$@" ;;
bench/run.py)
    shift 2
    case " $* " in
    *" --resume "*)
        {BUILD}/bench/bench "$@" --results nowhere 2>&1 | grep -q 'rounds/run: No such'
        exit
        ;;
    *" --traces "*) ;;
    *) set -- "$@" --traces {SHORT} ;;
    esac
    exec {BUILD}/bench/bench "$@" --list >/dev/null
    ;;
*/bars.py) # the published run may miss a bar
    {PYTHON} -B "$@" >/dev/null || [ $? -eq 1 ]
    exit
    ;;
esac
exec {PYTHON} -B "$STAND_INS/parse.py" "$@"
""",
    "meson": """
[ "$1" = test ] && [ -f "$3/build.ninja" ] || exit 0
listed=$("$REAL_MESON" "$@" --list --no-rebuild) && [ -n "$listed" ]
""",
    "ninja": """
[ -f "$2/build.ninja" ] && [ $# -gt 2 ] || exit 0
folder=$2
shift 2
exec "$REAL_NINJA" -C "$folder" -t query "$@" >/dev/null
""",
}
# Do nothing, well.
SILENT = (
    "...", "apachectl", "apt-cache", "apt-get", "compare.py", "gcovr", "ldconfig",
    "systemctl",
)


class Block(NamedTuple):
    """A fenced part of a README."""

    readme: Path
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.replace("\\\n", "").splitlines()
                if line.strip() and not line.startswith("#")]


def readmes() -> list[Path]:
    folders = [ROOT, *(ROOT / name for name in ("bench", "fuzz", "pool", "results"))]
    return [folders[0] / "README.md",
            *sorted(path for folder in folders[1:] for path in folder.rglob("README.md"))]


def blocks() -> Iterator[Block]:
    for path in readmes():
        for language, text in re.findall(
                r"^```(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S):
            yield Block(path, language, text)


def commands_in_prose(path: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    spans = (span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", text))
    return [span for span in spans if is_command(span)]


def is_command(span: str) -> bool:
    """Rather than the name of a file or a folder."""
    return COMMAND.fullmatch(span) is not None


def is_recipe(block: Block) -> bool:
    return any(block.readme == ROOT / readme and part in block.text
               for readme, part in (INSTALL, PLUGIN, ADD))


def why_not(line: str) -> str | None:
    return next((why for start, why in NOT_RUN.items() if line.startswith(start)), None)


def not_copied(folder: str, names: list[str]) -> list[str]:
    """Builds, and git's own folder."""
    return [name for name in names if Path(folder) == ROOT and (
        name in (".git", "build") or name.startswith("build-"))]


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "project"
        self.folder.mkdir()
        self.stand_ins = Path(folder.name) / "stand-ins"
        self.stand_ins.mkdir()
        self.environment = os.environ | {
            "PATH": f"{self.stand_ins}:{os.environ['PATH']}",
            "STAND_INS": str(self.stand_ins),
        }
        for name in "BUILD", "LD_PRELOAD", "MALLOC_PERTURB_", "NGINX_SRC":
            self.environment.pop(name, None)

    def stand_in(self, name: str, text: str) -> None:
        path = self.stand_ins / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run_line(self, line: str, where: Path) -> None:
        done = subprocess.run(["sh", "-e", "-c", line], cwd=self.folder, text=True,
                              errors="replace", env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LINE_SECONDS)
        self.assertEqual(done.returncode, 0,
                         f"{where.relative_to(ROOT)}: {line}\n{done.stdout[-3000:]}")


class Commands(Folder):
    def setUp(self) -> None:
        super().setUp()
        for path in ROOT.iterdir():
            if not path.name.startswith((".git", "build", "results")):
                (self.folder / path.name).symlink_to(path)
        (self.folder / "results").mkdir()
        for name in "mine", "reference":
            (self.folder / "results" / name).symlink_to(ROOT / "results/reference")
        (self.folder / "build-coverage").mkdir()
        self.make_build()
        for name in PROGRAMS:
            shutil.copyfile(BUILD / TRACE, self.folder / name)
        self.make_allocators()
        for name in SILENT:
            self.stand_in(name, "exit 0")
        for name, text in STAND_INS.items():
            self.stand_in(name, text)
        (self.stand_ins / "parse.py").write_text(PARSE_ONLY)
        for name in "meson", "ninja":
            self.environment[f"REAL_{name.upper()}"] = shutil.which(name) or name

    def make_build(self) -> None:
        """A copy of the build, with a substitute for a program that runs a minute."""
        for folder in self.folder / "build", self.folder / "build/fuzz":
            folder.mkdir()
            for path in (BUILD / folder.relative_to(self.folder / "build")).iterdir():
                if path.name not in ("fuzz", "exhaust"):
                    (folder / path.name).symlink_to(path)
        path = self.folder / "build/fuzz/exhaust"
        path.write_text(f'#!/bin/sh\nexec {BUILD}/fuzz/exhaust "$@" --ops 1\n')
        path.chmod(0o755)

    def make_allocators(self) -> None:
        """A reader's own files: a malloc of the name, and a plug-in."""
        shutil.copyfile(BUILD / "bench/test/libexample_malloc.so",
                        self.folder / "libmine.so")
        source = (ROOT / "bench/test/example_plugin.c").read_text()
        (self.folder / "mine.c").write_text(source.replace("example_plugin", "mine"))
        subprocess.run([*CC.split(), "-shared", "-fPIC", f"-I{ROOT}/bench", "mine.c",
                        "-o", "mine.so"], cwd=self.folder, check=True)

    def test_lines_of_blocks(self) -> None:
        """Each line once, even if several READMEs have it."""
        done = set()
        for block in blocks():
            self.assertIn(block.language, LANGUAGES, block.text)
            lines = block.lines if block.language == "sh" else []
            for line in lines:
                command = line.split(" #")[0].strip()
                is_built = is_recipe(block) and not line.startswith("./run")
                if why_not(line) is None and not is_built and command not in done:
                    done.add(command)
                    with self.subTest(line):
                        self.run_line(OPTIONAL.sub("", line), block.readme)

    def test_commands_in_prose(self) -> None:
        """Each runs once, however many READMEs have it."""
        where = {command: path for path in readmes() for command in commands_in_prose(path)}
        for command, path in sorted(where.items()):
            for placeholder, word in PLACEHOLDERS.items():
                command = command.replace(placeholder, word)
            if why_not(command) is None:
                with self.subTest(command):
                    self.run_line(command, path)

    def test_a_wrong_command_is_noticed(self) -> None:
        for line in ("./run no-such", "./run fuzz --no-such", "./run bench --rounds x",
                     "./run test --no-such", "ninja -C build no-such",
                     "meson test -C build no-such", "build/fuzz/ngxops no-such FILE"):
            with self.subTest(line), self.assertRaises(self.failureException):
                self.run_line(line, ROOT / "README.md")

    def test_every_reason_is_for_a_line(self) -> None:
        lines = [line for block in blocks() for line in block.lines]
        lines += [line for path in readmes() for line in commands_in_prose(path)]
        for start in NOT_RUN:
            self.assertTrue(any(line.startswith(start) for line in lines), start)

    def test_scripts_are_executable(self) -> None:
        for path in readmes():
            for name in SCRIPT.findall(path.read_text()):
                if (ROOT / name).exists():
                    is_module = not (ROOT / name).read_text().startswith("#!")
                    self.assertTrue(is_module or os.access(ROOT / name, os.X_OK), name)

    def test_pictures_have_no_commands(self) -> None:
        for block in blocks():
            if block.language == "":
                self.assertNotRegex(block.text, r"(?m)^(\$|\./run|meson|ninja)")

    def test_parts_of_programs_compile(self) -> None:
        for block in blocks():
            if block.language == "c" and "main(void)" not in block.text:
                text = ("#include <ngx_palloc.h>\nstruct point { int x, y; };\n"
                        f"void part(void);\nvoid part(void) {{\n{block.text}\n}}\n")
                subprocess.run(
                    [*CC.split(), "-fsyntax-only", f"-I{ROOT}/pool",
                     f"-I{ROOT}/pool/standalone", "-x", "c", "-"],
                    input=text, text=True, check=True)


class Recipes(Folder):
    """All recipes run in one copy of the project, since each has to build."""

    def setUp(self) -> None:
        super().setUp()
        shutil.rmtree(self.folder)
        shutil.copytree(ROOT, self.folder, symlinks=True, ignore=not_copied)
        multiarch = subprocess.run(
            [*CC.split(), "-print-multiarch"], capture_output=True, text=True)
        root = self.folder.parent / "root"
        self.library = root / "usr/local/lib" / multiarch.stdout.strip()
        # It is compiled to be run once.
        self.environment |= {
            "CFLAGS": "-O0 -g0", "CXXFLAGS": "-O0 -g0", "DESTDIR": str(root),
        }
        self.stand_in("sudo", STAND_INS["sudo"])
        self.stand_in("ldconfig", "exit 0")
        self.stand_in("pkg-config", f"""
case " $* " in
*" ngxpool "*)
    export PKG_CONFIG_PATH={self.library}/pkgconfig PKG_CONFIG_SYSROOT_DIR={root}
    ;;
esac
exec {shutil.which("pkg-config")} "$@"
""")

    def block(self, readme: str, language: str, part: str) -> Block:
        (found,) = [one for one in blocks() if one.readme == ROOT / readme
                    and one.language == language and part in one.text]
        return found

    def run_recipe(self, readme: str, part: str) -> None:
        """All but the lines that measure, which are among the other commands."""
        block = self.block(readme, "sh", part)
        self.run_line("\n".join(
            line for line in block.lines if not line.startswith("./run")), block.readme)

    def test_recipes(self) -> None:
        self.install_the_library()
        self.bring_a_plugin()
        self.add_an_allocator()

    def install_the_library(self) -> None:
        program = self.block("README.md", "c", "main(void)")
        (self.folder / "x.c").write_text(program.text)
        self.run_recipe(*INSTALL)
        done = subprocess.run(
            [self.folder / "a.out"], text=True, capture_output=True,
            env=self.environment | {"LD_LIBRARY_PATH": str(self.library)})
        self.assertEqual((done.returncode, done.stdout), (0, "goodbye, world\n"))

    def bring_a_plugin(self) -> None:
        shutil.copyfile(ROOT / "bench/test/example_plugin.c", self.folder / "mine.c")
        self.run_recipe(*PLUGIN)
        self.assertTrue((self.folder / "mine.so").is_file())

    def add_an_allocator(self) -> None:
        """The contract holds, and the row is there."""
        self.run_recipe(*ADD)
        log = (self.folder / "build/meson-logs/testlog.txt").read_text()
        self.assertIn("[       OK ] mine: path_is_the_allocators_own", log)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *CASES], verbosity=2)
