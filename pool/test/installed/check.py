#!/usr/bin/env python3
"""Installs the build into a folder of its own and uses it as its users do.

Compiles use.c against the installed headers and library with the options of
pkg-config, in C and, given --cxx, in C++, shared and static, and runs it. The
headers must compile in strict ISO C and C++ too. The build takes few commands.
The shared library must export what the headers declare and nothing else, each
name with a version and a man page. A program without marks for a checker must
not link with a library that has them.
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# The macros of a library with marks (--marked), and those of one without.
MARKS = ["-DNGX_POOL_POISON=1", "-DNGX_POOL_REDZONE=16"]
NO_MARKS = ["-DNGX_POOL_POISON=0", "-DNGX_POOL_REDZONE=0"]

LIBRARY_COMMANDS = 20  # at most
SONAME = "libngxpool.so.0"
C_STANDARDS = ("c99", "c11")
CXX_STANDARDS = ("c++11", "c++14", "c++17", "c++20")

# A function that is not inline, or a variable.
DECLARED = re.compile(r"^(?!static |typedef )\w[\w *]*[ *](ngx_\w+)(?:\([^;{]*\))?;",
                      re.MULTILINE)
EXPORTED = re.compile(r"^(\w+)(@@NGXPOOL_[\d.]+)? [^A]", re.MULTILINE)
PAGE_LINTS = {"mandoc": ["-Tlint", "-Wwarning"], "man": ["--warnings", "-l"]}


def call(command: list[str], env: dict[str, str] | None = None,
         cwd: pathlib.Path | None = None) -> str:
    done = subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}: exit status {done.returncode}")
    return done.stdout


def check_commands(build: str) -> None:
    """To install the library, no test has to be compiled."""
    commands = call(["ninja", "-C", build, "-t", "commands", "library"])
    count = len(commands.splitlines())
    if not 0 < count <= LIBRARY_COMMANDS:
        sys.exit(f"library: {count} commands build it, expected at most"
                 f" {LIBRARY_COMMANDS}")


def find(root: pathlib.Path, name: str) -> pathlib.Path:
    found = [path for path in root.rglob(name) if not path.is_symlink()]
    if len(found) != 1:
        sys.exit(f"{root}: {len(found)} files {name}, 1 expected")
    return found[0]


def declared_in(root: pathlib.Path) -> set[str]:
    headers = find(root, "ngx_palloc.h").parent.glob("ngx_*.h")
    return {name for header in headers
            for name in DECLARED.findall(header.read_text())}


def check_exports(library: pathlib.Path, declared: set[str]) -> None:
    """Names that begin with two underscores are the compiler's own, and
    mangle_path is libgcov's. A library with marks for a checker has another
    name for ngx_palloc_slow."""
    listed = call(["nm", "-D", "--defined-only", "--format=posix",
                   str(library)])
    versions = {name.replace("_checked", "_slow"): version
                for name, version in EXPORTED.findall(listed)
                if not name.startswith("__") and name != "mangle_path"}
    if versions.keys() != declared:
        sys.exit(f"{library}: exports what no header declares:"
                 f" {versions.keys() - declared}, lacks {declared - versions.keys()}")
    bare = [name for name, version in versions.items() if not version]
    if bare:
        sys.exit(f"{library}: {bare}: found no version, expected one of ngxpool.map")
    if f"[{SONAME}]" not in call(["readelf", "-d", str(library)]):
        sys.exit(f"{library}: found another SONAME, expected {SONAME}")


def check_pages(root: pathlib.Path, declared: set[str]) -> None:
    """Each page passes the tools. Pages that only refer to another one are left
    out."""
    folder = find(root, "ngx_palloc.3").parent
    missing = declared - {page.stem for page in folder.iterdir()}
    if missing:
        sys.exit(f"{folder}: found no page of {missing}")
    for page in folder.iterdir():
        for tool, options in PAGE_LINTS.items():
            if page.read_text().startswith(".so ") or not shutil.which(tool):
                continue
            done = subprocess.run([tool, *options, str(page)], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=os.environ | {"MANPAGER": "cat"}, check=False)
            said = done.stdout if tool == "mandoc" else done.stderr
            if done.returncode != 0 or said:
                sys.exit(f"{tool}: {page}: {said}")


def check_strict(compiler: list[str], root: pathlib.Path, standard: str,
                 env: dict[str, str]) -> None:
    """The header alone, and a program that asks for POSIX, without any of
    GNU's extensions."""
    cflags = call(["pkg-config", "--cflags", "ngxpool"], env).split()
    strict = [f"-std={standard}", "-pedantic-errors", "-Wall", "-Wextra",
              "-Werror", "-c", "-o", str(root / "strict.o")]
    header = root / "header.c"
    header.write_text("#include <ngx_palloc.h>\nextern int alone;\n")
    call([*compiler, *strict, *cflags, str(header)])
    call([*compiler, *strict, *cflags, "-D_POSIX_C_SOURCE=200809L",
          str(HERE / "use.c")])


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
    needed = SONAME in call(["readelf", "-d", str(program)])
    if needed == static:
        sys.exit(f"{program}: {SONAME} needed: {needed}")
    call([str(program)], env, cwd=root)


def check_mixture(compiler: list[str], root: pathlib.Path, marked: str,
                  env: dict[str, str]) -> None:
    """use.c calls the inline functions: their slow path has another name in a
    library with marks."""
    cflags = call(["pkg-config", "--cflags", "ngxpool"], env).split()
    program = [*cflags, str(HERE / "use.c"), marked, "-pthread", "-ldl",
               "-o", str(root / "mixture")]
    call([*compiler, *MARKS, *program])
    mixed = [*compiler, *NO_MARKS, *program]
    done = subprocess.run(mixed, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode == 0 or "ngx_palloc_slow" not in done.stderr:
        sys.exit(f"{shlex.join(mixed)}: exit status {done.returncode}, expected"
                 f" no ngx_palloc_slow to be found:\n{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meson", required=True)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--marked", required=True,
                        help="the static library, compiled with marks")
    parser.add_argument("--cc", required=True, help="C compiler, with options")
    parser.add_argument("--cxx", help="C++ compiler, with options")
    args = parser.parse_args()

    check_commands(args.build)
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

        declared = declared_in(root)
        check_exports(library, declared)
        check_pages(root, declared)
        compilers = [shlex.split(args.cc)]
        if args.cxx:
            compilers.append([*shlex.split(args.cxx), "-x", "c++"])
        for compiler in compilers:
            for static in (False, True):
                build_and_run(compiler, root, static, env)
        check_mixture(compilers[0], root, args.marked, env)
        for compiler, standards in zip(compilers, (C_STANDARDS, CXX_STANDARDS)):
            for standard in standards:
                check_strict(compiler, root, standard, env)
    return 0


if __name__ == "__main__":
    sys.exit(main())
