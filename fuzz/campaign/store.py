"""One folder that stays from run to run, and that a CI caches.

    corpus/FAMILY/HASH        inputs, by the hash of what they hold
    findings/KEY/             a finding: input, report, finding.json, ...
    work/ENGINE-TARGET/       what an engine works with; gone once it has ended
    batch.json                what the batch that was begun has done
    summary.md, findings.sarif  what the last run says

Each file is complete under its name or not there: it is written beside it and
renamed. So a run that is killed leaves all that it had reported; what its engines
had found besides is taken from work/ by the next run.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from .health import Refused

NAME_SIZE = 16  # of an input's: digits of its hash
WRITTEN_APART = ".new"


def write(path: Path, data: bytes) -> None:
    """Make path hold data, at once. Campaigns of one batch may share a folder, so two
    threads may write the same input."""
    path.parent.mkdir(parents=True, exist_ok=True)
    thread = threading.get_native_id()
    apart = path.with_name(f".{path.name}.{thread}{WRITTEN_APART}")
    with apart.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    apart.replace(path)


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:NAME_SIZE]


def files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir()
                  if path.is_file() and not path.name.startswith("."))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def copy_corpus(corpus: Path, folders: list[Path]) -> int:
    """Make corpus again, from folders: an engine writes into what it is given.
    Returns how many inputs it has."""
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    contents: set[bytes] = set()
    for folder in folders:
        for number, path in enumerate(files_of(folder)):
            data = path.read_bytes()
            if data not in contents:
                contents.add(data)
                (corpus / f"{folder.name}_{number}").write_bytes(data)
    return len(contents)


def add(folder: Path, inputs: list[Path], known: list[Path]) -> int:
    """Copy those of inputs into folder that known does not hold. Returns how
    many. An input that goes away meanwhile was its engine's to remove."""
    contents = {path.read_bytes() for path in known}
    folder.mkdir(parents=True, exist_ok=True)
    new = 0
    for path in inputs:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        if data not in contents:
            contents.add(data)
            if not (folder / name_of(data)).exists():
                write(folder / name_of(data), data)
                new += 1
    return new


class Store:
    """The folder. One run uses it at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def corpus(self, family: str) -> Path:
        return self.folder / "corpus" / family

    def work(self, engine: str, target: str) -> Path:
        return self.folder / "work" / f"{engine}-{target}"

    def finding(self, key: str) -> Path:
        return self.folder / "findings" / key

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"another run uses {self.folder}") from None
            yield

    def findings(self) -> list[dict]:
        """All findings that were kept, as finding.json has them."""
        return [json.loads(path.read_text())
                for path in sorted(self.folder.glob("findings/*/finding.json"))]

    def batch(self, which: dict) -> list[str]:
        """The campaigns that the batch which is described by which has done; none if
        the one that was begun is another."""
        path = self.folder / "batch.json"
        if not path.exists():
            return []
        begun = json.loads(path.read_text())
        return begun["done"] if begun["which"] == which else []

    def note_batch(self, which: dict, done: list[str]) -> None:
        write(self.folder / "batch.json",
              json.dumps({"which": which, "done": done}).encode())

    def end_batch(self) -> None:
        (self.folder / "batch.json").unlink(missing_ok=True)
