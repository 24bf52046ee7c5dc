"""Minimises the corpus by edges and mutants together.

A file of corpus/ stays if it reaches an edge of the pool that neither the seeds nor
the other files that stay reach, or if it is the first file to kill a mutant. Seeds
are text with a claim. They all stay; unneeded ones are printed.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import columns as column_list
from columns import Check
from trees import Failed, Tree

# The folders of corpus/ that kill the pool's mutants, and the targets of each.
TARGETS = {
    "pool_ops": ("pool_ops", "pool_mixed"),
    "pool_oom": ("pool_oom",),
    "pool_threads": ("pool_threads",),
    "log_lines": ("log_lines",),
}
PROGRAMS = "pool_ops"  # where the programs of a folder of inputs go
NAME_SIZE = 16  # of a kept input's: digits of its hash


def needed_files(results: dict[str, dict]) -> set[str]:
    """The names of the files that kill: seeds/NAME, or TARGET/NAME."""
    answers = [result.get("columns", {}).get("corpus", {})
               for result in results.values()]
    return {answer["by"] for answer in answers if answer.get("killed")}


def minimise(root: Path, tree: Tree, results: dict[str, dict]) -> list[str]:
    """Remove the files that no edge and no mutant needs. Returns a report in
    lines."""
    needed = needed_files(results)
    lines = []
    seeds = tree.build_folder("checks") / "fuzz/seeds"
    tree.configure("campaign")
    known = column_list.target_names(tree, "campaign")
    engines = {target: [name for name in names if name in known]
               for target, names in TARGETS.items()}
    tree.make("campaign", [f"fuzz/{name}" for names in engines.values()
                           for name in names])
    with_edge = set()
    for target, names in engines.items():
        folder = root / "corpus" / target
        files = sorted(path for path in folder.iterdir() if path.is_file())
        reached = set()
        for name in names:
            reached |= reaching(tree.build_folder("campaign") / f"fuzz/{name}",
                                seeds if target not in column_list.SEEDLESS
                                else None, files, needed, target)
        with_edge |= {name for name in reached if name.startswith("seeds/")}
        gone = left_over(target, [path.name for path in files], needed, reached)
        for name in gone:
            (folder / name).unlink()
        lines.append(f"corpus/{target}: {len(files) - len(gone)} of {len(files)} "
                     "files stay")
    idle = sorted(path.name for path in seeds.iterdir()
                  if f"seeds/{path.name}" not in needed | with_edge)
    lines.append(f"seeds that no edge and no mutant needs: {' '.join(idle) or 'none'}")
    return lines


def left_over(target: str, names: list[str], needed: set[str],
              reached: set[str]) -> list[str]:
    """Returns those of target's files that are not needed."""
    return [name for name in names
            if f"{target}/{name}" not in needed | reached]


def reaching(binary: Path, seeds: Path | None, files: list[Path], needed: set[str],
             target: str) -> set[str]:
    """Returns seeds and files that together reach all edges that all reach. Killers
    are taken first, then other seeds, then other files."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        groups = [work / each for each in ("out", "killers", "seeds", "others")]
        for group in groups:
            group.mkdir()
        source = {}
        for path in [*(sorted(seeds.iterdir()) if seeds else []), *files]:
            is_seed = path not in files
            title = f"seeds/{path.name}" if is_seed else f"{target}/{path.name}"
            group = groups[1 if title in needed else 2 if is_seed else 3]
            shutil.copy(path, group / title.replace("/", "+"))
            source.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), title)
        for group in groups[1:]:
            done = subprocess.run(
                [binary, "-merge=1", "-use_counters=0", groups[0], group],
                text=True, errors="replace", stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, cwd=work,
            )
            if done.returncode != 0:
                raise Failed(f"{target}: merge failed:\n{done.stdout[-3000:]}")
        return {source[hashlib.sha256(path.read_bytes()).hexdigest()]
                for path in groups[0].iterdir()}


def take_killers(score, subjects: list, inputs: Path) -> list[str]:
    """Look in a folder of programs for killers of the mutants that the corpus does
    not kill. Put each into the corpus, without the ops that it does not need."""
    kept = score.root / "corpus" / PROGRAMS
    lines = []
    for subject in subjects:
        answer = score.recall(subject).get("columns", {}).get("corpus")
        if answer is None or answer["killed"] or subject.name in score.reasons:
            continue
        with score.built() as built:
            for check in score.checks_of(subject, "corpus"):
                if PROGRAMS not in check.name or not score.can_kill(
                        subject, check, built):
                    continue
                killer = first_killer(score, subject, check, built, inputs)
                if killer is not None:
                    data = cut(score, subject, check, built, killer)
                    name = hashlib.sha256(data).hexdigest()[:NAME_SIZE]
                    (kept / name).write_bytes(data)
                    lines.append(f"{subject.name}: corpus/{PROGRAMS}/{name}, of "
                                 f"{killer.name}")
                    break
    return lines


def first_killer(score, subject, check: Check, built, inputs: Path) -> Path | None:
    for path in sorted(inputs.rglob("*")):
        if path.is_file() and kills(score, subject, check, built, path):
            return path
    return None


def kills(score, subject, check: Check, built, path: Path) -> bool:
    done = score.run_on(subject, column_list.with_input(check, path), built)
    return column_list.has_failed(check, done)


def cut(score, subject, check: Check, built, killer: Path) -> bytes:
    """Returns the bytes of killer, without the ops that the kill does not need."""
    ngxops = score.tree.build_folder("checks") / "fuzz/ngxops"
    with tempfile.TemporaryDirectory() as name:
        trial = Path(name) / "trial.ops"
        ops = subprocess.run(
            [score.tree.build_folder("checks") / f"fuzz/{check.name}", "--print",
             killer], check=True, stdout=subprocess.PIPE).stdout.splitlines(True)
        step = max(len(ops) // 2, 1)
        while step >= 1:
            at = 0
            while at < len(ops):
                fewer = ops[:at] + ops[at + step:]
                trial.write_bytes(b"".join(fewer))
                if kills(score, subject, check, built, trial):
                    ops = fewer
                else:
                    at += step
            step //= 2
        trial.write_bytes(b"".join(ops))
        subprocess.run([ngxops, "parse", trial, trial.with_suffix(".out")],
                       check=True)
        return trial.with_suffix(".out").read_bytes()
