"""The targets that a change can reach, by the build's own graph of what is made
of what: ninja's inputs of a target, and the headers that its compilers noted."""

import re
import subprocess
from pathlib import Path

from .health import Refused
from .targets import OTHERS

# Files that can change every target, although no target is made of them.
BUILD_FILES = r"(^|/)meson\.build$|(^|/)meson[._]options(\.txt)?$|^run$|" \
    r"^fuzz/(campaign/|afl-allowlist)"
CORPUS = r"^corpus/([^/]+)/"


def changed(source: Path, since: str | None) -> list[str]:
    """The files that differ from a commit, as paths of the repository: those that
    were committed since, those that were not, and new ones."""
    base = since or base_of(source)
    text = git(source, "diff", "--name-only", "--no-renames", base)
    text += git(source, "ls-files", "--others", "--exclude-standard")
    return sorted(set(text.splitlines()))


def base_of(source: Path) -> str:
    """Where this branch left main; on main itself the commit before."""
    head = git(source, "rev-parse", "HEAD").strip()
    for main in "origin/HEAD", "origin/main", "main":
        found = subprocess.run(
            ["git", "-C", str(source), "merge-base", "HEAD", main],
            text=True, capture_output=True, check=False)
        if found.returncode == 0 and found.stdout.strip() != head:
            return found.stdout.strip()
    before = subprocess.run(
        ["git", "-C", str(source), "rev-parse", "--verify", "-q", "HEAD~1"],
        text=True, capture_output=True, check=False)
    if before.returncode != 0:
        raise Refused("found no commit to compare with: the history is cut off "
                      "(git fetch --unshallow), or name one with --since")
    return before.stdout.strip()


def git(source: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(source), *arguments], text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise Refused(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def files_of(source: Path, folder: Path, programs: list[Path]) -> dict[str, set[str]]:
    """For each program in the build folder: the files of the repository that it is
    made of."""
    deps = read_deps(ninja(folder, "deps"))
    made_of = {}
    for program in programs:
        name = str(program.relative_to(folder))
        inputs = ninja(folder, "inputs", name).splitlines()
        files = {dep for each in inputs for dep in deps.get(each, [])} | set(inputs)
        made_of[program.name] = {
            path for path in (in_repository(source, folder, file) for file in files)
            if path}
    return made_of


def ninja(folder: Path, tool: str, *arguments: str) -> str:
    done = subprocess.run(["ninja", "-C", str(folder), "--quiet", "-t", tool,
                           *arguments], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Refused(f"ninja -t {tool}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def read_deps(text: str) -> dict[str, list[str]]:
    """The output of ninja -t deps: a file, then the files that it depends on,
    indented."""
    deps: dict[str, list[str]] = {}
    files: list[str] = []
    for line in text.splitlines():
        match = re.match(r"(\S.*): #deps \d+", line)
        if match:
            files = deps.setdefault(match[1], [])
        elif line.startswith("    "):
            files.append(line.strip())
    return deps


def in_repository(source: Path, folder: Path, file: str) -> str | None:
    path = Path((folder / file)).resolve()
    if not path.is_relative_to(source) or path.is_relative_to(folder):
        return None
    return str(path.relative_to(source))


def reached(
    change: list[str], made_of: dict[str, set[str]], families: dict[str, str]
) -> list[str]:
    """The targets among made_of's that a change of these files can reach; families
    says whose corpus each has."""
    if any(re.search(BUILD_FILES, file) for file in change):
        return list(made_of)
    corpora = {match[1] for file in change
               if (match := re.match(CORPUS, file))}
    files = set(change)
    return [target for target, of in made_of.items()
            if files & of or families[target] in corpora
            or ("seeds" in corpora and families[target] not in OTHERS)]

