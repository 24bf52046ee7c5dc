#!/usr/bin/env python3
"""Draw the report of a run again, or put several runs side by side.

usage: ./run report [RUN]
       ./run report RUN RUN... [--filter REGEX]
       ./run report [RUN] --run-json FILE

A RUN is a label of results/, a folder that has a run, a file run.json or
readings.json, or a commit: then it is the run that was published with it. Without
one it is the published run, results/reference.

One run: its page is drawn into its folder, that of a commit into
results/COMMIT. The same data give the same bytes.

Several runs: a table of the rows that they have in common, to the first one: those
of the pool, or with --filter all that match. They are not paired: a disturbance of
one run is in its differences. To compare two commits for certain, measure both at
once: ./run compare OLD NEW.

--run-json FILE writes the run in google-benchmark's form, which its compare.py reads;
"-" is stdout.

Status: 0, or 2 where a run cannot be read: the message names file and field.
"""

import argparse
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import options
import several
import store
from errors import InputError, write
from load import (
    PUBLISHED,
    Object,
    load_document,
    parsed,
    read_document,
    run_file,
)
from verdicts import TooFewLayouts

ROOT = Path(__file__).resolve().parents[2]
RESULTS = "results"
DRAW = Path(__file__).with_name("main.py")
BESIDE = ("machine.json", "command")
FORMS = (store.FILE, "run.json")
SHORT = 12  # digits of a commit
UNUSABLE = 2


class Source(NamedTuple):
    """The source of a run: a file, or a commit and the path in its tree."""

    name: str
    path: Path
    commit: str = ""


def main() -> int:
    arguments = parse(sys.argv[1:])
    try:
        sources = [find(arguments.root, word) for word in arguments.runs or [PUBLISHED]]
        if arguments.run_json:
            return write_run_json(arguments.root, only(sources), arguments.run_json)
        if len(sources) == 1:
            return draw(arguments.root, sources[0])
        runs = [
            several.Named(
                source.name, load_document(read(arguments.root, source), source.path)
            )
            for source in sources
        ]
        for line in several.lines(runs, arguments.filter):
            print(line)
    except (InputError, TooFewLayouts) as error:
        print(f"report: {error}", file=sys.stderr)
        return UNUSABLE
    except OSError as error:
        print(f"report: {error.filename}: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    return 0


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run report", add_help=False)
    parser.add_argument("runs", metavar="RUN", nargs="*")
    parser.add_argument("--filter", type=options.regex)
    parser.add_argument("--run-json", metavar="FILE", type=Path)
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    return options.parse(parser, words, __doc__)


def find(root: Path, word: str) -> Source:
    """The run that word names. Raises InputError."""
    for folder in (root / RESULTS / word, Path(word)):
        if run_file(folder).is_file():
            return Source(word, run_file(folder))
    if Path(word).is_file():
        return Source(word, Path(word))
    commit = git(root, "rev-parse", "--verify", "--quiet", f"{word}^{{commit}}")
    for name in FORMS if commit else ():
        path = f"{RESULTS}/{PUBLISHED}/{name}"
        if git(root, "ls-tree", "--name-only", commit, path):
            return Source(word, Path(path), commit[:SHORT])
    if commit:
        raise InputError(f"{word}: no run was published with this commit")
    raise InputError(
        f"{word}: expected a label of {RESULTS}/, a folder or a file that has a run, "
        "or a commit"
    )


def git(root: Path, *words: str) -> str:
    """The output of git; "" where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", root, *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def of_commit(root: Path, source: Source, name: str) -> str:
    """The text of a file beside the run, in its commit."""
    return git(root, "show", f"{source.commit}:{source.path.with_name(name)}") + "\n"


def read(root: Path, source: Source) -> Object:
    """run.json's object. Raises InputError."""
    if not source.commit:
        return read_document(source.path)
    where = Path(f"{source.commit}:{source.path}")
    document = parsed(of_commit(root, source, source.path.name), where)
    return store.expand(document, where) if store.is_stored(document) else document


def only(sources: list[Source]) -> Source:
    if len(sources) > 1:
        raise InputError(f"{len(sources)} runs; expected one with --run-json")
    return sources[0]


def write_run_json(root: Path, source: Source, path: Path) -> int:
    document = read(root, source)
    load_document(document, source.path)  # it refuses a run that must not be written
    text = json.dumps(document, indent=1) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        write(path, text)
    return 0


def draw(root: Path, source: Source) -> int:
    folder = fetched(root, source) if source.commit else source.path.parent
    if source.path.name not in FORMS:
        raise InputError(
            f"{source.path}: expected a folder with {' or '.join(FORMS)}; a file of "
            "another name can be put beside others, or written by --run-json"
        )
    return subprocess.run([sys.executable, DRAW, folder], check=False).returncode


def fetched(root: Path, source: Source) -> Path:
    """A folder with the commit's run."""
    folder = root / RESULTS / source.commit
    folder.mkdir(parents=True, exist_ok=True)
    for name in (source.path.name, *BESIDE):
        write(folder / name, of_commit(root, source, name))
    return folder


if __name__ == "__main__":
    gc.disable()  # a million objects to look through, and no cycles to find
    sys.exit(main())
