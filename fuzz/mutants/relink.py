"""Programs with a changed file, built from the objects of an unchanged build.

Of a program's commands (ninja -t commands) those are done again whose result
differs: files are compiled, archives and programs are linked, all into a folder of
their own. The build stays as it is, so that several threads may use it. A file is
compiled from the project's text, without a switch. First it is preprocessed, with the
other files of its library: a file with the original's text is not compiled, and two
commands with the same text and the same options share an object file. Where the text of
the headers differs, all files of the library are compiled, as one.
"""

import collections
import contextlib
import hashlib
import os
import re
import shlex
import subprocess
import threading
from dataclasses import dataclass, field
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
TEXT_OPTIONS = ("-D", "-I", "-isystem")  # that decide the text alone
INCLUDE = "-include"  # the same, with a word
SOURCES = (".c", ".cc", ".cpp")
# The line of a preprocessed text that names the file of the next ones.
FILE_MARK = re.compile(r'# \d+ "(.*?)"')


class Uncompiled(Failed):
    """A mutant that the compiler refuses."""


@dataclass
class Command:
    """One command of a build."""

    words: list[str]
    output: str
    source: str  # from the project's root, where it compiles; else ""


@dataclass(frozen=True)
class Text:
    """What the preprocessor makes of several files: hashes of what each has, and of
    what all include."""

    own: tuple[str, ...]
    included: str


@dataclass
class Result:
    """The programs and libraries that were made for one mutant."""

    folder: Path
    # By build, where each of its files is now that differs; "": it is a part of
    # another one.
    moved: dict[str, dict[str, str]] = field(
        default_factory=lambda: collections.defaultdict(dict))
    done: set[tuple[str, str]] = field(default_factory=set)  # builds' files
    objects: dict[tuple, str] = field(default_factory=dict)  # by text and options
    seconds: float = 0.0  # of CPU


class Relinker:
    """Relinks programs of one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.lock = threading.Lock()
        self.listed: dict[tuple[str, str], list[Command]] = {}
        self.originals: dict[tuple[str, ...], Text] = {}  # by build and outputs

    def relink(self, build: str, targets: list[str], file: str, text: str,
               result: Result) -> bool:
        """Make targets of build with file as text. False: none of them differs.
        Uncompiled where text is no program; Failed if one of the other commands
        fails."""
        changed = result.folder / "include" / Path(file).name
        if not changed.exists():
            changed.parent.mkdir(exist_ok=True)
            changed.write_text(text)
        for target in targets:
            commands = [command for command in self.commands(build, target)
                        if (build, command.output) not in result.done]
            result.done.update((build, command.output) for command in commands)
            for together in libraries(commands, file):
                self.compile(build, together, file, changed, result)
            for command in commands:
                if not command.source:
                    self.link(build, command, result)
        return any(target in result.moved[build] for target in targets)

    def compile(self, build: str, commands: list[Command], file: str, changed: Path,
                result: Result) -> None:
        """Compile the files of one library, as far as they differ."""
        original = self.original(build, commands, result)
        first = [f"-I{changed.parent}"]
        sources = [changed if command.source == file else self.plain(command)
                   for command in commands]
        text = self.preprocess(build, commands[0], first, sources, result)
        moved = result.moved[build]
        has_other_headers = text.included != original.included
        if has_other_headers and len(commands) > 1:
            # They may disagree only with each other: then each is compiled alone.
            with contextlib.suppress(Uncompiled):
                made = self.make(build, commands[0], first, sources, text, result)
                moved.update((command.output, "") for command in commands)
                moved[commands[0].output] = made
                return
        for command, source, own, before in zip(commands, sources, text.own,
                                                original.own, strict=True):
            if has_other_headers or own != before:
                moved[command.output] = self.make(
                    build, command, first, [source], Text((own,), text.included), result)

    def make(self, build: str, command: Command, first: list[str],
             sources: list[Path], text: Text, result: Result) -> str:
        """The object file of sources, whose text is text, with command's options."""
        key = text, *options(command.words)
        if key not in result.objects:
            out = str(result.folder / f"{len(result.objects)}.o")
            words = self.words(command, first, sources, result)
            result.seconds += compiler([*words, "-o", out], self.tree.build_folder(build))
            result.objects[key] = out
        return result.objects[key]

    def link(self, build: str, command: Command, result: Result) -> None:
        """A program, a library or an archive."""
        moved = result.moved[build]
        words = [moved.get(word, word) for word in command.words]
        words = [word for word in words if word != ""]
        if words == command.words:
            return
        # A shared library is looked for by its name.
        name = command.output.replace("/", "_")
        if ".so" in command.output:
            name = f"lib/{Path(command.output).name}"
        out = result.folder / build / name
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = self.tree.build_folder(build)
        # Libraries that a program looks for beside itself are beside the original.
        origin = str((folder / command.output).parent)
        words = [str(out) if word == command.output
                 else word.replace("$ORIGIN", origin) for word in words]
        result.seconds += run(words, folder)
        moved[command.output] = str(out)
        link_soname(command, out)

    def original(self, build: str, commands: list[Command], result: Result) -> Text:
        """The text of commands' files without a mutant."""
        key = build, *(command.output for command in commands)
        if key not in self.originals:
            sources = [self.plain(command) for command in commands]
            self.originals[key] = self.preprocess(build, commands[0], [], sources,
                                                  result)
        return self.originals[key]

    def plain(self, command: Command) -> Path:
        """The file that command compiles, without a switch."""
        plain = self.tree.plain / command.source
        return plain if plain.exists() else self.tree.source / command.source

    def preprocess(self, build: str, command: Command, first: list[str],
                   sources: list[Path], result: Result) -> Text:
        """The text of sources, with first before other options."""
        out = result.folder / "text"
        words = self.words(command, first, sources, result)
        result.seconds += compiler([*words, "-E", "-o", str(out)],
                                   self.tree.build_folder(build))
        own = {str(source): hashlib.sha256() for source in sources}
        included = hashlib.sha256()
        part = included
        for line in out.read_text(errors="replace").splitlines(keepends=True):
            mark = FILE_MARK.match(line)
            if mark is not None:
                part = own.get(mark[1], included)
            elif not line.isspace():
                part.update(line.encode())
        return Text(tuple(each.hexdigest() for each in own.values()),
                    included.hexdigest())

    def words(self, command: Command, first: list[str], sources: list[Path],
              result: Result) -> list[str]:
        """A command that compiles sources as one file, with command's options after
        first, without output."""
        source = sources[0]
        if len(sources) > 1:
            source = result.folder / f"library{source.suffix}"
            source.write_text("".join(f'#include "{each}"\n' for each in sources))
        at = command.words.index("-o")
        plain = [f"-I{self.tree.plain / folder}" for folder in LIBRARY]
        return [command.words[0], *first, *plain, *command.words[1:at],
                *command.words[at + 2:-1], str(source)]

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


def libraries(commands: list[Command], file: str) -> list[list[Command]]:
    """Those of commands that see file; of a header's, those of one library
    together, as they have the same options."""
    found: dict[str, list[Command]] = {}
    for command in commands:
        if command.source and sees(command.source, file):
            source = Path(command.source)
            is_shared = file.endswith(".h") and f"{source.parent}/" in LIBRARY
            name = f"{Path(command.output).parent}" if is_shared else command.output
            found.setdefault(name, []).append(command)
    return list(found.values())


def turn_of(check: str) -> int:
    """The place of check in the order in which a column's checks are linked."""
    return TESTS_FIRST.index(check) if check in TESTS_FIRST else len(TESTS_FIRST)


def sees(source: str, file: str) -> bool:
    """Whether source is compiled with the mutant of file."""
    if not file.endswith(".h"):
        return source == file
    folder = str(Path(source).parent) + "/"
    if folder in LIBRARY:
        return True
    return (file.startswith(PUBLIC) and folder in USERS
            and Path(source).name not in SUPPORT)


def options(words: list[str]) -> list[str]:
    """The compiler and its options, without text, source and output."""
    kept = []
    for at, word in enumerate(words[:-2]):
        is_argument = at > 0 and words[at - 1] in (INCLUDE, "-o")
        if not (is_argument or word in (INCLUDE, "-o")
                or word.startswith(TEXT_OPTIONS)):
            kept.append(word)
    return kept


def compiler(words: list[str], folder: Path) -> float:
    """Runs it; Uncompiled where that fails."""
    try:
        return run(words, folder)
    except Failed as failed:
        raise Uncompiled(str(failed)) from None


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
