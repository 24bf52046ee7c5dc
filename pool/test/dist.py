#!/usr/bin/env python3
"""The tarball of meson dist builds and tests without git.

usage: dist.py MESON BUILD

BUILD is the build folder. The tarball has the last commit. The test finds a file
that the build needs and git ignores, a step that needs git or a package that a user
of the library may lack, and a message of git's that there is no repository. Without a
repository it is skipped, with status 77.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SKIPPED = 77
ROOT = Path(__file__).resolve().parents[2]
# Tests of other checkers and of the machine's own programs.
LEFT_OUT = ("alone", "death", "install", "nginx")
# Fast to compile.
OPTIONS = ("-Dbuildtype=plain", "-Doptimization=0")

VERSION = "bench/version.h"
# git's message outside of a repository.
NO_REPOSITORY = "fatal: not a git repository"


def call(*command: str | Path, status: int = 0, **env: str) -> str:
    """Run command, check its exit status, and return its output."""
    done = subprocess.run(command, env=os.environ | env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != status or NO_REPOSITORY in done.stdout:
        sys.exit(f"{done.stdout}\n{command}: exit status {done.returncode}, {status}"
                 f" and not {NO_REPOSITORY!r} expected")
    return done.stdout


def without_tools(folder: Path) -> Path:
    """Make stand-ins: a git that finds no repository, and no CMake, which would find
    packages that pkg-config does not."""
    folder.mkdir()
    for name, text in {
        "cmake": "exit 1", "git": f"echo '{NO_REPOSITORY}' >&2; exit 128",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def without_cmocka(folder: Path) -> str:
    """Where pkg-config finds all packages that it does here, except for cmocka: as
    on a system with the packages of ./run bench alone."""
    found = subprocess.check_output(
        ["pkg-config", "--variable", "pc_path", "pkg-config"], text=True)
    folder.mkdir()
    for part in reversed(found.strip().split(":")):
        for file in Path(part).glob("*.pc"):
            if file.stem != "cmocka":
                link = folder / file.name
                link.unlink(missing_ok=True)
                link.symlink_to(file)
    return str(folder)


def main() -> int:
    meson, build = sys.argv[1:]
    if not (ROOT / ".git").exists():
        print("no repository: there is nothing to make a tarball of")
        return SKIPPED
    call(meson, "dist", "-C", build, "--no-tests", "--allow-dirty", "--formats", "gztar")
    tarball, = (Path(build) / "meson-dist").glob("*.tar.gz")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(tarball) as tar:
            tar.extractall(folder)
        source, = (path for path in folder.iterdir() if path.is_dir())
        env = {"PATH": f"{without_tools(folder / 'bin')}:{os.environ['PATH']}",
               "NGINX_SRC": ""}
        call(meson, "setup", folder / "lean", source, *OPTIONS,
             **env, PKG_CONFIG_LIBDIR=without_cmocka(folder / "pkgconfig"))
        call(meson, "setup", folder / "build", source, *OPTIONS, **env)
        call("ninja", "-C", folder / "build", "library", **env)
        # Only with google-benchmark is there a program that names its commit.
        if VERSION in call("ninja", "-C", folder / "build", "-t", "targets", "all"):
            call("ninja", "-C", folder / "build", VERSION, **env)
        call(source / ".ci/format", status=SKIPPED, **env)
        test = [meson, "test", "-C", folder / "build", "--suite", "pool",
                *(word for suite in LEFT_OUT for word in ("--no-suite", suite))]
        # By name: for a suite, Meson builds the needs of all tests from 1.7 on.
        names = re.findall(r"^[^/\n]* / (.+)$", call(*test, "--list", **env), re.M)
        call(*test, *names, "--timeout-multiplier", "10", "--print-errorlogs", **env)
    return 0


if __name__ == "__main__":
    sys.exit(main())
