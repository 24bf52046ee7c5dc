"""Programs with another text of one file, made from a build without it.

Of a program's commands (ninja -t commands) those are done again whose result
differs: the file is compiled, archives and programs are linked, all into a folder
of their own. The build stays as it is, so that several threads may use it.
"""

import os
import shlex
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from trees import OUTPUT_SHOWN, Failed, Tree

# Who sees a header that has a mutant: the library, and of its users the programs
# of tests and targets. What judges them keeps the original.
LIBRARY = ("pool/", "pool/standalone/")
USERS = ("fuzz/targets/", "pool/test/")
PUBLIC = ("pool/ngx_palloc.h", "pool/ngx_alloc.h", "pool/standalone/")
SUPPORT = {"files.c", "fixture.c", "group.c", "heap.c", "lines.c"}  # of tests

# Most bugs fall to these tests, in one variant of the pool. They come first where
# each test is linked again, which takes longer than a short test does.
TESTS_FIRST = (
    "bounds exact", "layout exact", "large exact", "reset exact", "cleanup exact",
    "cache exact", "index exact", "stats exact", "alloc exact", "file exact",
)

SONAME = "-Wl,-soname,"
DEPENDENCIES = {"-MQ", "-MF"}  # options of compilers, with a word each
SOURCES = (".c", ".cc", ".cpp")


class Uncompiled(Failed):
    """A mutant that the compiler refuses."""


@dataclass
class Command:
    """One command of a build."""

    words: list[str]
    output: str
    source: str  # from the project's root, where it compiles; else ""


class Relinker:
    """Relinks programs of one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.lock = threading.Lock()
        self.listed: dict[tuple[str, str], list[Command]] = {}

    def relink(self, build: str, targets: list[str], file: str, text: str,
               folder: Path, moved: dict[str, str]) -> float:
        """Make targets of build with file as text, in folder. Notes in moved
        where each file of the build is now that differs, and leaves out what is
        there. Returns the CPU seconds. Uncompiled where text is no program;
        Failed if one of the other commands fails."""
        seconds = 0.0
        include = folder / "include"
        include.mkdir(parents=True, exist_ok=True)
        changed = include / Path(file).name
        changed.write_text(text)
        for target in targets:
            for command in self.commands(build, target):
                if command.output in moved:
                    continue
                words = self.changed_words(command, file, changed, moved)
                if words:
                    # A shared library is looked for by its name.
                    name = command.output.replace("/", "_")
                    if ".so" in command.output:
                        name = f"lib/{Path(command.output).name}"
                    out = folder / name
                    out.parent.mkdir(exist_ok=True)
                    moved[command.output] = str(out)
                    words = [str(out) if word == command.output else word
                             for word in words]
                    try:
                        seconds += run(words, self.tree.build_folder(build))
                    except Failed as failed:
                        if command.source:
                            raise Uncompiled(str(failed)) from None
                        raise
                    link_soname(command, out)
        return seconds

    def changed_words(self, command: Command, file: str, changed: Path,
                      moved: dict[str, str]) -> list[str]:
        """What makes command's output again, or nothing where that is as it was."""
        if not command.source:
            if not any(word in moved for word in command.words):
                return []
            return [moved.get(word, word) for word in command.words]
        if file.endswith(".h"):
            if not sees(command.source, file):
                return []
            return [command.words[0], f"-I{changed.parent}", *command.words[1:]]
        if command.source != file:
            return []
        return [*command.words[:-1], str(changed)]

    def commands(self, build: str, target: str) -> list[Command]:
        with self.lock:
            if (build, target) not in self.listed:
                self.listed[build, target] = self.read(build, target)
            return self.listed[build, target]

    def read(self, build: str, target: str) -> list[Command]:
        folder = self.tree.build_folder(build)
        done = subprocess.run(
            ["ninja", "-C", str(folder), "--quiet", "-t", "commands", target],
            text=True, check=True, stdout=subprocess.PIPE,
        )
        commands = []
        for line in done.stdout.splitlines():
            command = self.parse(shlex.split(line.split("&&")[-1]), folder)
            if command is not None:
                commands.append(command)
        return commands

    def parse(self, words: list[str], folder: Path) -> Command | None:
        """A compiler's or an archiver's command; None: another one's."""
        if words and words[0].endswith("ar"):
            # No thin archive: it would look for its members from another folder.
            return Command([words[0], words[1].replace("T", ""), *words[2:]],
                           words[2], "")
        if "-o" not in words:
            return None
        output = words[words.index("-o") + 1]
        if words[-2] != "-c" or not words[-1].endswith(SOURCES):
            return Command(words, output, "")
        source = (folder / words[-1]).resolve()
        if not source.is_relative_to(self.tree.source.resolve()):
            return None
        kept = [word for at, word in enumerate(words)
                if word != "-MD" and word not in DEPENDENCIES
                and (at == 0 or words[at - 1] not in DEPENDENCIES)]
        return Command(kept, output, str(source.relative_to(
            self.tree.source.resolve())))


def link_soname(command: Command, out: Path) -> None:
    """A program looks for a shared library by another name than its file's."""
    for word in command.words:
        if word.startswith(SONAME):
            (out.parent / word.removeprefix(SONAME)).symlink_to(out.name)


def turn_of(check: str) -> int:
    """When check is linked again, before or after others of its column."""
    return TESTS_FIRST.index(check) if check in TESTS_FIRST else len(TESTS_FIRST)


def sees(source: str, header: str) -> bool:
    """Whether source is compiled with the mutant of header."""
    folder = str(Path(source).parent) + "/"
    if folder in LIBRARY:
        return True
    return (header.startswith(PUBLIC) and folder in USERS
            and Path(source).name not in SUPPORT)


def run(words: list[str], folder: Path) -> float:
    """Returns the CPU seconds."""
    with subprocess.Popen(words, cwd=folder, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{' '.join(words[:3])} failed:\n{said[-OUTPUT_SHOWN:]}")
    return usage.ru_utime + usage.ru_stime
