"""Imitates OSS-Fuzz's builder: its variables, its flags, its folders."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).resolve().parents[2]
BUILD = SOURCE / ".clusterfuzzlite/build.sh"
TAIL_LINES = 12  # of the output of a command that failed
# For one command, and for a whole build. They are long, since a machine may be busy.
SECONDS_MAX = 600
BUILD_SECONDS_MAX = 3600

# As OSS-Fuzz's base-builder sets them (infra/base-images, `compile`).
CFLAGS = ("-O1 -fno-omit-frame-pointer -gline-tables-only"
          " -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION")
UNDEFINED = ("array-bounds,bool,builtin,enum,function,integer-divide-by-zero,"
             "null,object-size,return,returns-nonnull-attribute,shift,"
             "signed-integer-overflow,{}unreachable,vla-bound,vptr")
SANITIZERS = {
    "address": "-fsanitize=address -fsanitize-address-use-after-scope",
    "undefined": f"-fsanitize={UNDEFINED.format('unsigned-integer-overflow,')}"
                 f" -fno-sanitize-recover={UNDEFINED.format('')}",
    "memory": "-fsanitize=memory -fsanitize-memory-track-origins",
    "coverage": "",
}
COVERAGE = ("-fprofile-instr-generate -fcoverage-mapping -pthread"
            " -Wl,--no-as-needed -Wl,-ldl -Wl,-lm"
            " -Wno-unused-command-line-argument")
ENGINES = {
    "libfuzzer": "-fsanitize=fuzzer-no-link",
    "afl": "",
    "honggfuzz": "-fsanitize-coverage=trace-pc-guard,indirect-calls,trace-cmp",
}
AFL_DRIVERS = ("/usr/lib/afl/libAFLDriver.a", "/usr/local/lib/afl/libAFLDriver.a")


class Broken(Exception):
    """The contract is broken. The message is a sentence that names the cause."""


class Build(NamedTuple):
    """A build, and its folders."""

    sanitizer: str
    engine: str
    out: Path
    scratch: Path  # a folder below /tmp, for the files that runs write


def environment(sanitizer: str, engine: str, folder: Path) -> dict[str, str]:
    """The builder's environment. Its folders are below folder."""
    coverage = COVERAGE if sanitizer == "coverage" else ENGINES[engine]
    flags = " ".join(filter(None, (CFLAGS, SANITIZERS[sanitizer], coverage)))
    prefix = "afl-" if engine == "afl" else ""
    suffix = "-fast" if engine == "afl" else ""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "NGINX_SRC")
           if name in os.environ}
    return env | {
        "ARCHITECTURE": os.uname().machine,
        "CC": f"{prefix}clang{suffix}",
        "CXX": f"{prefix}clang{suffix}++",
        "CFLAGS": flags + (" -fno-sanitize=function"
                           if sanitizer == "undefined" else ""),
        "CXXFLAGS": flags,
        "FUZZING_ENGINE": engine,
        "FUZZING_LANGUAGE": "c",
        "LIB_FUZZING_ENGINE": "-fsanitize=fuzzer",
        "OUT": str(folder / "out"),
        "SANITIZER": sanitizer,
        "SRC": str(SOURCE.parent),
        "WORK": str(folder / "work"),
    }


def engine_archive(engine: str, folder: Path) -> Path:
    """The archive of an engine that is no flag of the compiler: a copy of AFL++'s
    driver, or the stand-in."""
    archive = folder / "libFuzzingEngine.a"
    if engine == "afl":
        drivers = [path for path in map(Path, AFL_DRIVERS) if path.exists()]
        if not drivers:
            raise Broken(f"found no {AFL_DRIVERS[0]}, expected AFL++ there")
        shutil.copy(drivers[0], archive)
        return archive
    engine_o = folder / "engine.o"
    run(["clang", "-O1", "-c", str(SOURCE / "fuzz/oss-fuzz/engine.c"), "-o",
         str(engine_o)])
    run(["ar", "rcs", str(archive), str(engine_o)])
    return archive


def run(command: list[str], cwd: Path | None = None,
        env: dict[str, str] | None = None, seconds: float = SECONDS_MAX) -> str:
    """Returns the command's output, of both streams. The contract is broken when its
    status is not 0, and when it takes longer than these seconds."""
    try:
        done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              text=True, errors="replace", timeout=seconds,
                              check=False)
    except subprocess.TimeoutExpired:
        raise Broken(f"no end of {command[0]} within {seconds:g} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-TAIL_LINES:])
        raise Broken(f"status {done.returncode} of {command[0]}\n{tail}")
    return done.stdout


def make(sanitizer: str, engine: str, folder: Path, scratch: Path) -> Build:
    """Build below folder. Only $OUT stays, in another place, as in OSS-Fuzz."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in "out", "work":
        (folder / name).mkdir(parents=True)
    env = environment(sanitizer, engine, folder)
    if engine != "libfuzzer":
        env["LIB_FUZZING_ENGINE"] = str(engine_archive(engine, folder))
    (folder / "build.log").write_text(
        run(["bash", "-eu", str(BUILD)], cwd=SOURCE, env=env,
            seconds=BUILD_SECONDS_MAX))
    shutil.rmtree(folder / "work")
    moved = folder / "moved"
    (folder / "out").rename(moved)
    return Build(sanitizer, engine, moved, scratch)
