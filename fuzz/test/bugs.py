#!/usr/bin/env python3
"""Checks that ./run ci-fuzz finds a bug of a branch, and names its promise.

    fuzz/test/bugs.py [--budget SECONDS] [BUG...]
    fuzz/test/bugs.py --clean RUNS [--budget SECONDS]

Each bug of bugs.toml is a commit on a branch of a clone, where ./run ci-fuzz runs
as it does for a change. It has to end with status 1, and to name a promise that
the bug breaks. --clean: on main, without a bug, it has to end with status 0 each
time. The clone, the builds and the logs are in build-bugs/; the clone has the last
commit, without later changes. A bug takes minutes, so this is no part of
./run test. Exit: 0 as expected, 1 not.
"""

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

sys.dont_write_bytecode = True
FUZZ = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(FUZZ / "mutants"))

import plant  # noqa: E402

SOURCE = FUZZ.parent
BUGS = FUZZ / "test/bugs.toml"
FOLDER = SOURCE / "build-bugs"
FOUND = re.compile(r"^FOUND in (\w+): (.*)$", re.M)
CONTROL = "control: "  # starts a line after the replay of known inputs


class Bug(NamedTuple):
    file: str
    old: str
    new: str
    promise: str  # a pattern


class Ended(NamedTuple):
    """How a run of ./run ci-fuzz ended."""

    status: int
    said: str
    cpu_seconds: float


def load() -> dict[str, Bug]:
    """Returns the bugs of bugs.toml by name. The known ones come from mutants.toml."""
    document = tomllib.loads(BUGS.read_text())
    mutants = plant.load(FUZZ / "mutants/mutants.toml")
    rows = {name: dict(mutants[name], promise=promise)
            for name, promise in document["known"].items()} | document["new"]
    return {name: Bug(row["file"], row["old"], row["new"], row["promise"])
            for name, row in rows.items()}


def planted(name: str, bug: Bug, root: Path) -> str:
    """Returns the text of the bug's file, with the bug."""
    return plant.plant(name, bug._asdict(), (root / bug.file).read_text())


class Clone:
    """A clone of the project, with its builds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.exists():
            subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout",
                            str(SOURCE), str(folder)], check=True)
            # ./run ci-fuzz then compares with the clone's own main.
            self.git("remote", "remove", "origin")
        head = subprocess.run(["git", "-C", str(SOURCE), "rev-parse", "HEAD"],
                              check=True, text=True, stdout=subprocess.PIPE).stdout
        self.git("checkout", "-q", "--force", "-B", "main", head.strip())

    def git(self, *words: str) -> None:
        subprocess.run(
            ["git", "-C", str(self.folder), "-c", "user.name=bugs", "-c",
             "user.email=bugs@localhost", *words], check=True)

    def take(self, name: str, bug: Bug) -> None:
        """Make a branch of main with the bug."""
        self.git("checkout", "-q", "--force", "-B", "bug", "main")
        text = planted(name, bug, self.folder)
        (self.folder / bug.file).write_text(text)
        self.git("commit", "-q", "--no-verify", "--all", "-m", name)

    def run(self, budget: int, log: Path) -> Ended:
        """Run ./run ci-fuzz without inputs of earlier runs."""
        shutil.rmtree(self.folder / "build-fuzz", ignore_errors=True)
        before = cpu_seconds()
        done = subprocess.run(
            ["./run", "ci-fuzz", "--budget", str(budget)], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", check=False)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout)
        return Ended(done.returncode, done.stdout, cpu_seconds() - before)


def cpu_seconds() -> float:
    """Returns the CPU time of all ended child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def fault(bug: Bug, ended: Ended) -> str | None:
    """Returns why a run with the bug was not as expected, or None."""
    if ended.status != 1:
        return f"found status {ended.status}, expected 1"
    named = [promise for _, promise in FOUND.findall(ended.said)]
    if not any(re.search(bug.promise, promise) for promise in named):
        return f"found no promise '{bug.promise}' in {named}"
    return None


def find(clone: Clone, name: str, bug: Bug, budget: int) -> bool:
    """Run ./run ci-fuzz with the bug. Returns whether it was found by its promise."""
    clone.take(name, bug)
    ended = clone.run(budget, FOLDER / f"logs/{name}.log")
    wrong = fault(bug, ended)
    where = "campaign" if CONTROL in ended.said else "replay"
    said = wrong or "; ".join(f"{target}: {promise} ({where})"
                              for target, promise in FOUND.findall(ended.said))
    print(f"{name}: {'FAILED' if wrong else 'ok'}: {said}, "
          f"{ended.cpu_seconds:.0f} CPU s", flush=True)
    return wrong is None


def pass_clean(clone: Clone, number: int, budget: int) -> bool:
    ended = clone.run(budget, FOLDER / f"logs/clean-{number}.log")
    print(f"clean {number}: {'ok' if ended.status == 0 else 'FAILED'}: status "
          f"{ended.status}, {ended.cpu_seconds:.0f} CPU s", flush=True)
    return ended.status == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bugs", nargs="*", metavar="BUG", help="default: all")
    parser.add_argument("--budget", type=int, default=60, metavar="SECONDS",
                        help="of each run (default: %(default)s)")
    parser.add_argument("--clean", type=int, metavar="RUNS",
                        help="run on main so often instead")
    arguments = parser.parse_args()
    known = load()
    for name in arguments.bugs:
        if name not in known:
            parser.error(f"unknown bug '{name}'; known: {' '.join(known)}")
    clone = Clone(FOLDER / "tree")
    if arguments.clean is not None:
        are_good = [pass_clean(clone, number, arguments.budget)
                    for number in range(1, arguments.clean + 1)]
    else:
        are_good = [find(clone, name, known[name], arguments.budget)
                    for name in arguments.bugs or known]
    print(f"{sum(are_good)} of {len(are_good)} as expected")
    return 0 if all(are_good) else 1


if __name__ == "__main__":
    sys.exit(main())
