"""As few of the kept inputs as reach every edge that all of them reach.

libFuzzer's merge chooses them: for one program of a family after the other, of the
inputs that no earlier one needed those that reach edges which the project's own
inputs, and those chosen so far, do not. Edges, not how often they are taken: the
project's corpus is made by the same measure. Inputs are only ever removed, and only
once each program was seen to reach with the rest what it did with all.
"""

import re
from pathlib import Path
from typing import NamedTuple

from . import health, libfuzzer, store
from .engine import Instance, Running
from .health import Refused

EDGES_ALONE = ["-use_counters=0", "-use_value_profile=0"]
# Some inputs depend on addresses, so that they reach an edge now and then.
TIMES = 5


class Pruned(NamedTuple):
    before: int  # inputs
    after: int
    edges: dict[str, int]  # by program, before; no less after
    lost: tuple[str, ...] = ()  # programs that need all inputs

    def __str__(self) -> str:
        if self.lost:
            return (f"{self.before} kept inputs, of which none was removed: with "
                    f"those chosen, {' '.join(self.lost)} reaches less")
        edges = ", ".join(f"{name} {count}" for name, count in self.edges.items())
        return (f"{self.before} kept inputs before, {self.after} after"
                + (f"; edges no less than before: {edges}" if edges else ""))


def prune(
    programs: list[Path], folder: Path, known: list[Path], work: Path,
    running: Running,
) -> Pruned:
    """Remove inputs of folder that no program needs besides those in known."""
    inputs = store.files_of(folder)
    if not inputs:
        return Pruned(0, 0, {})
    chosen = work / "chosen"
    store.copy_corpus(chosen, known)
    for program in programs:
        merge(program, chosen, folder, work, running)
    reached = {program: edges(program, [*known, folder], work, running)
               for program in programs}
    lost = tuple(
        program.name for program, count in reached.items()
        if not reaches(program, chosen, folder, count, work, running))
    if lost:
        return Pruned(len(inputs), len(inputs), {}, lost)
    leave_out(reached, chosen, known, work, running)
    contents = {path.read_bytes() for path in store.files_of(chosen)}
    kept: set[bytes] = set()
    own = {path.read_bytes() for each in known for path in store.files_of(each)}
    for path in inputs:
        data = path.read_bytes()
        if data in contents and data not in own and data not in kept:
            kept.add(data)
        else:
            path.unlink()
    return Pruned(len(inputs), len(kept), {
        program.name: count for program, count in reached.items()})


def reaches(
    program: Path, chosen: Path, folder: Path, count: int, work: Path,
    running: Running,
) -> bool:
    """Whether program reaches count edges with chosen, to which more inputs of
    folder come as long as it does not."""
    for _ in range(TIMES):
        if edges(program, [chosen], work, running) >= count:
            return True
        merge(program, chosen, folder, work, running)
    return edges(program, [chosen], work, running) >= count


def leave_out(
    reached: dict[Path, int], chosen: Path, known: list[Path], work: Path,
    running: Running,
) -> None:
    """Remove inputs from chosen without which as many edges are reached. A merge
    takes some for an edge that another one reaches now and then, too."""
    own = {path.read_bytes() for each in known for path in store.files_of(each)}
    spare = [path for path in store.files_of(chosen) if path.read_bytes() not in own]
    for path in sorted(spare, key=lambda path: (-path.stat().st_size, path)):
        apart = path.rename(work / path.name)
        if any(edges(program, [chosen], work, running) < count
               for program, count in reached.items()):
            apart.rename(path)


def merge(
    program: Path, chosen: Path, folder: Path, work: Path, running: Running
) -> None:
    """Copy inputs of folder with which program reaches more than with chosen."""
    folder.mkdir(parents=True, exist_ok=True)
    ended = running.run(
        [Instance([str(program), "-set_cover_merge=1", *EDGES_ALONE,
                   f"-artifact_prefix={work}/", str(chosen), str(folder)],
                  work / f"merge-{program.name}.log", {})],
        lambda: False, lambda: None)
    if ended.status != 0 or ended.is_stopped:
        problem = health.known(ended.log)
        raise Refused(f"{program.name}: the merge ended with "
                      f"{health.status_text(ended.status)}: "
                      f"{problem or health.said(ended.log)}")


def edges(
    program: Path, folders: list[Path], work: Path, running: Running
) -> int:
    outcome = libfuzzer.replay(program, folders, work, running)
    if outcome.found or outcome.status != 0:
        raise Refused(f"{program.name} fails on an input of the corpus "
                      f"({' '.join(map(str, outcome.found)) or 'none was left'}): "
                      "./run reproduce FILE says how")
    match = re.findall(r"INITED cov: (\d+)|DONE +cov: (\d+)", outcome.log)
    return max((int(a or b) for a, b in match), default=0)
