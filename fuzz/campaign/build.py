"""Configures and builds, in a folder for each engine and kind of instrumentation."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .health import Problem, Refused
from .targets import COMPILERS, DICTIONARY

OUTPUT_SIZE = 4000  # of a failed command's, from the end

# Ways to build a target for some of several AFL++ instances.
VARIANTS = {
    "asan": {"AFL_USE_ASAN": "1"},
    "cmplog": {"AFL_LLVM_CMPLOG": "1"},
}
ALWAYS = ["ngxops", DICTIONARY]
SEEDS = "fuzz/seeds.stamp"
LOCK = "campaign.lock"


def folder_of(parent: Path, engine: str, variant: str | None = None) -> Path:
    return parent / "-".join(["fuzz", engine, *([variant] if variant else [])])


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other campaign builds in folder. Two ninjas in one folder write
    the same files at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(
    source: Path, folder: Path, engine: str, names: list[str], nginx: str,
    variant: str | None = None,
) -> Problem | None:
    """Configure folder where it is not yet and build names there. Returns what kept
    the seeds from being made, if anything did: a bug in what reads ops does."""
    compiler = COMPILERS[engine]
    if shutil.which(compiler) is None:
        raise Refused(f"{compiler} is not installed")
    environment = dict(os.environ, CC=compiler, CXX=compiler + "++")
    if engine == "afl":
        environment["AFL_LLVM_ALLOWLIST"] = str(source / "fuzz/afl-allowlist.txt")
        environment["AFL_QUIET"] = "1"
        environment |= VARIANTS.get(variant or "", {})
    with alone(folder):
        return build_in(folder, source, names, nginx, environment, variant is None)


def build_in(
    folder: Path, source: Path, names: list[str], nginx: str,
    environment: dict[str, str], has_seeds: bool,
) -> Problem | None:
    configured = (folder / "build.ninja").exists()
    if nginx and nginx_source_of(folder) != nginx:
        environment["NGINX_SRC"] = nginx
        run_quietly(["meson", "setup", str(folder), str(source),
                     *(["--reconfigure"] if configured else [])], environment)
    elif not configured:
        run_quietly(["meson", "setup", str(folder), str(source)], environment)
    targets = [f"fuzz/{name}" for name in [*names, *(ALWAYS if has_seeds else [])]]
    if lacking(folder, targets):  # what it needs may have been installed since
        run_quietly(["meson", "setup", "--reconfigure", str(folder), str(source)],
                    environment)
    if missing := lacking(folder, targets):
        raise Refused(f"{folder} has no {', '.join(missing)}: something that it needs "
                      f"is not installed; {folder}/meson-logs/meson-log.txt says what")
    run_quietly(["ninja", "-C", str(folder), *targets], environment)
    try:
        if has_seeds:
            run_quietly(["ninja", "-C", str(folder), SEEDS], environment)
    except Refused as error:
        return Problem(f"the seeds of corpus/seeds were not made: {error}",
                       "see what build/fuzz/ngxops parse says of them")
    return None


def lacking(folder: Path, names: list[str]) -> list[str]:
    """Those of names that a configured folder does not build."""
    text = (folder / "build.ninja").read_text()
    return [name for name in names if f"\nbuild {name}: " not in text]


def nginx_source(parent: Path) -> str:
    """The folder of nginx's source, as meson.build finds it, or ''."""
    kept = parent / "nginx_src"
    named = os.environ.get("NGINX_SRC", "")
    if not named and kept.exists():
        named = kept.read_text()
    return named if (Path(named) / "src/core/ngx_palloc.c").exists() else ""


def nginx_source_of(folder: Path) -> str:
    kept = folder / "nginx_src"
    return kept.read_text() if kept.exists() else ""


def run_quietly(command: list[str], environment: dict[str, str]) -> None:
    """Run command. It gets SIGTERM when this program ends first, however that
    happens: then ninja ends the compilers that it has started."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command], env=environment, text=True,
        errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode != 0:
        raise Refused(f"{' '.join(command)} failed:\n{said[-OUTPUT_SIZE:]}")
