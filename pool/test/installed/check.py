#!/usr/bin/env python3
"""Installs the build into a folder of its own and uses it as a stranger would.

Compiles use.c against the installed headers and library by what pkg-config
says, in C and, given --cxx, in C++, shared and static, and runs it. The shared
library must export api.txt and nothing else.
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def call(command: list[str], env: dict[str, str] | None = None,
         cwd: pathlib.Path | None = None) -> str:
    done = subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}: exit status {done.returncode}")
    return done.stdout


def find(root: pathlib.Path, name: str) -> pathlib.Path:
    found = [path for path in root.rglob(name) if not path.is_symlink()]
    if len(found) != 1:
        sys.exit(f"{root}: {len(found)} files {name}, 1 expected")
    return found[0]


def check_exports(library: pathlib.Path) -> None:
    """Names that begin with two underscores are the compiler's own, and
    mangle_path is libgcov's, there when coverage is measured."""
    listed = call(["nm", "-D", "--defined-only", "--format=posix",
                   str(library)])
    names = {line.split()[0] for line in listed.splitlines()}
    names = {name for name in names
             if not name.startswith("__") and name != "mangle_path"}
    expected = set((HERE / "api.txt").read_text().split())
    if names != expected:
        sys.exit(f"{library}: exports beyond the API {names - expected},"
                 f" lacks {expected - names}")


def build_and_run(compiler: list[str], root: pathlib.Path, static: bool,
                  env: dict[str, str]) -> None:
    kind = ["--static"] if static else []
    cflags = call(["pkg-config", "--cflags", "ngxpool"], env).split()
    libs = call(["pkg-config", *kind, "--libs", "ngxpool"], env).split()
    if static:
        libs = ["-Wl,-Bstatic", *libs, "-Wl,-Bdynamic"]

    program = root / "use"
    call([*compiler, str(HERE / "use.c"), "-Wall", "-Wextra", "-Werror",
          *cflags, "-o", str(program), *libs])
    needed = "libngxpool" in call(["readelf", "-d", str(program)])
    if needed == static:
        sys.exit(f"{program}: libngxpool.so needed: {needed}")
    call([str(program)], env, cwd=root)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meson", required=True)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--cc", required=True, help="C compiler, with options")
    parser.add_argument("--cxx", help="C++ compiler, with options")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        call([args.meson, "install", "-C", args.build, "--no-rebuild",
              "--destdir", folder])
        library = find(root, "libngxpool.so*")
        env = os.environ | {
            "LD_LIBRARY_PATH": str(library.parent),
            "PKG_CONFIG_PATH": str(find(root, "ngxpool.pc").parent),
            "PKG_CONFIG_SYSROOT_DIR": folder,
        }

        check_exports(library)
        compilers = [shlex.split(args.cc)]
        if args.cxx:
            compilers.append([*shlex.split(args.cxx), "-x", "c++"])
        for compiler in compilers:
            for static in (False, True):
                build_and_run(compiler, root, static, env)
    return 0


if __name__ == "__main__":
    sys.exit(main())
