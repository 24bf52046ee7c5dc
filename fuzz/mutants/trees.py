"""Copies of the project in which the pool is another one, and their builds."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

# How each build of a copy is configured. A campaign is as fast as usual; the
# rest is built often and run shortly. A mutant may mix pointers and integers, which
# is an error for gcc 14 and clang 15.
QUIET = "-Dc_args=-w -Wno-int-conversion"
BUILDS = {
    "checks": ("gcc", "g++", ["-Dbuildtype=plain", "-Doptimization=1", QUIET]),
    "campaign": ("clang", "clang++", ["-Dbuildtype=plain", "-Doptimization=2", QUIET]),
}
LLD = "ld.lld"  # clang's campaigns take 0.3 CPU seconds to link with it, else 0.6

# Data alone, which a copy shares.
SHARED = ("corpus", "results")

SOURCES = "pool_sources = files(\n"
SWITCH = ("mutant.c", "mutant.h")
EXPORTED = "pool/ngxpool.map"
GLOBAL = "global:\n"

OUTPUT_SHOWN = 3000  # characters of a build that failed


class Failed(Exception):
    """A build that failed, with its output."""


class Tree:
    """A copy of the project, with builds that are made when they are needed.

    One thread at a time may change it; several may run what was built.
    """

    def __init__(self, root: Path, folder: Path, jobs: int, nginx: str) -> None:
        self.root = root
        self.source = folder / "source"
        self.plain = folder / "plain"  # files that source has with a switch
        self.folder = folder
        self.jobs = jobs
        self.nginx = nginx
        self.lock = threading.Lock()

    def copy(self, others: dict[str, bytes]) -> None:
        """Copy the project as it is now; others replaces files by name. A file that
        did not change since the last copy keeps its time, so that it is not
        compiled again."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, check=True, text=True, stdout=subprocess.PIPE,
        ).stdout
        wanted = {name for name in listed.split("\0") if name}
        self.source.mkdir(parents=True, exist_ok=True)
        for name in sorted(wanted):
            path = self.root / name
            if (name.split("/")[0] not in SHARED and name not in others
                    and path.is_file()):
                self.put(name, path.read_bytes(), path.stat().st_mode)
        for name, data in others.items():
            self.put(name, data)
            if name.endswith((".c", ".h")) and name in wanted:
                put(self.plain / name, (self.root / name).read_bytes())
        for name in SHARED:
            link = self.source / name
            if not link.is_symlink() and (self.root / name).exists():
                link.symlink_to(self.root / name)
        for path in sorted(self.source.glob("pool/**/*.[ch]")):
            name = str(path.relative_to(self.source))
            if name not in wanted and name not in others:
                path.unlink()

    def put(self, name: str, data: bytes, mode: int = 0o644) -> None:
        put(self.source / name, data, mode)

    def switch(self, folder: Path) -> dict[str, bytes]:
        """The files by which the switch of mutants (mutant.c) is a part of the
        pool."""
        files = {f"pool/{name}": (folder / name).read_bytes() for name in SWITCH}
        listed = (self.root / "pool/meson.build").read_text()
        if listed.count(SOURCES) != 1:
            raise Failed(f"pool/meson.build: expected one '{SOURCES.strip()}'")
        listed = listed.replace(SOURCES, SOURCES + f"  '{SWITCH[0]}',\n")
        # A program of the shared library's asks, too, where it allocates inline.
        exported = (self.root / EXPORTED).read_text()
        if exported.count(GLOBAL) != 1:
            raise Failed(f"{EXPORTED}: expected one '{GLOBAL.strip()}'")
        exported = exported.replace(GLOBAL, GLOBAL + "    mutant_*;\n")
        return files | {"pool/meson.build": listed.encode(),
                        EXPORTED: exported.encode()}

    def build_folder(self, build: str) -> Path:
        return self.folder / build

    def configure(self, build: str) -> None:
        c, cxx, options = BUILDS[build]
        folder = self.build_folder(build)
        kept = folder / "nginx_src"  # as meson.build keeps it
        is_there = (folder / "build.ninja").exists()
        has_nginx = not self.nginx or (
            kept.exists() and kept.read_text() == self.nginx)
        if is_there and has_nginx:
            return
        environment = dict(os.environ, CC=c, CXX=cxx)
        if c == "clang" and shutil.which(LLD):
            environment |= {"CC_LD": "lld", "CXX_LD": "lld"}
        if self.nginx:
            environment["NGINX_SRC"] = self.nginx
        run(["meson", "setup", str(folder), str(self.source), *options,
             *(["--reconfigure"] if is_there else [])], environment)

    def make(self, build: str, targets: list[str]) -> None:
        """Build targets; Failed if that is not possible."""
        run(["ninja", "-C", str(self.build_folder(build)), f"-j{self.jobs}",
             *targets], dict(os.environ))

    def introspect(self, build: str, what: str) -> list[dict]:
        done = subprocess.run(
            ["meson", "introspect", str(self.build_folder(build)), f"--{what}"],
            check=True, text=True, stdout=subprocess.PIPE,
        )
        return json.loads(done.stdout)


def put(path: Path, data: bytes, mode: int = 0o644) -> None:
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def run(command: list[str], environment: dict[str, str]) -> None:
    if shutil.which(command[0]) is None:
        raise Failed(f"{command[0]} is not installed")
    done = subprocess.run(
        command, env=environment, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[:4])} failed:\n"
                     f"{done.stdout[-OUTPUT_SHOWN:]}")
