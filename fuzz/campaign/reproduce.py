"""Say what an input does: its ops, the promise that it breaks, a C program, and
whether that happens each time.

    ./run reproduce FILE [--target NAME] [--times N]
    ./run reproduce FILE --fixed

FILE is a finding of ./run ci-fuzz or ./run fuzz, an input of corpus/, or ops as
text. --fixed is for one that was mended: it joins corpus/ under a name that says
what broke. Exit: 0 it happens each time (with --fixed: never), 1 not so, 2 cannot
run.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from . import build, describe, finding, session, store
from .health import Refused
from .ranges import at_least
from .session import Asked, Setting
from .targets import TARGETS, family

SOURCE = Path(__file__).resolve().parent.parent.parent
TIMES = 10


def target_of(path: Path, known: list[str]) -> str:
    """The target whose input a file is, by what lies beside it, or its names."""
    beside = path.parent / "finding.json"
    if beside.exists():
        return json.loads(beside.read_text())["target"]
    names = [path.name.split(".")[0], path.parent.name]
    for name in names:
        of = [target for target in known
              if name == target or name.startswith(f"{target}_")]
        if of:
            return max(of, key=len)
    if path.suffix == ".ops":
        return "pool_ops"
    raise Refused(f"{path}: its name does not say which target it is for; name one "
                  f"with --target, of: {' '.join(known)}")


def as_bytes(setting: Setting, path: Path, folder: Path) -> Path:
    """The input, where path is ops as text."""
    if path.suffix != ".ops":
        return path
    out = folder / path.stem
    done = subprocess.run(
        [str(setting.built("libfuzzer") / "fuzz/ngxops"), "parse", str(path),
         str(out)], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.strip())
    return out


def reports(binary: Path, path: Path, times: int) -> list[str]:
    """The report of each time that binary failed."""
    said = (finding.fails(binary, path) for _ in range(times))
    return [report for report in said if report is not None]


def describe_all(
    setting: Setting, target: str, engine: str, path: Path, said: list[str],
    times: int,
) -> str:
    ops = session.ops_of(setting, target, engine, path)
    lines = []
    if ops:
        lines += ["The ops:", ops.rstrip("\n"), ""]
    c_source = session.c_source_of(setting, target, engine, path)
    if c_source:
        lines += ["The same as a C program:", c_source.rstrip("\n"), ""]
    if said:
        lines += ["What is wrong:", finding.headline(said[0]), ""]
        others = sorted({finding.signature(each) for each in said})
        if len(others) > 1:
            lines += ["Not the same each time:", *others, ""]
        one = describe.place(said[0])
        if one:
            lines += [f"At {one['file']}:{one['line']}.", ""]
    lines.append(f"{target} ({engine}): happens {len(said)} of {times} times")
    return "\n".join(lines)


def join(path: Path, target: str) -> Path:
    """Put a mended finding's input into corpus/."""
    beside = path.parent / "finding.json"
    if not beside.exists():
        raise Refused(f"{path}: there is no finding.json beside it, which says what "
                      "broke")
    name = describe.corpus_name(json.loads(beside.read_text()))
    out = SOURCE / "corpus" / family(target) / name
    number = 2
    while out.exists() and out.read_bytes() != path.read_bytes():
        out = out.with_name(f"{name}_{number}")
        number += 1
    store.write(out, path.read_bytes())
    return out


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run reproduce", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--target", choices=TARGETS["libfuzzer"], metavar="NAME",
                        help="whose input it is (default: by where FILE lies)")
    parser.add_argument("--engine", choices=list(TARGETS), default="libfuzzer",
                        help="whose build of it runs (default: %(default)s)")
    parser.add_argument("--times", type=at_least(1), default=TIMES, metavar="N",
                        help="how often (default: %(default)s)")
    parser.add_argument("--fixed", action="store_true",
                        help="put it into corpus/, where it no longer happens")
    parser.add_argument("--build", type=Path, metavar="FOLDER",
                        help="where to build (default: build)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    path = arguments.file.resolve()
    if not path.is_file():
        raise Refused(f"{arguments.file}: there is no such file")
    engine = arguments.engine
    target = arguments.target or target_of(path, TARGETS["libfuzzer"])
    if target not in TARGETS[engine]:
        raise Refused(f"{target} is none of {engine}'s targets")
    parent = (arguments.build or SOURCE / "build").resolve()
    setting = Setting(SOURCE, parent, build.nginx_source(parent))
    asked = Asked(target, engine, 0)
    session.prepare(setting, [asked])
    with tempfile.TemporaryDirectory() as folder:
        small = as_bytes(setting, path, Path(folder))
        said = reports(setting.binary(asked), small, arguments.times)
        print(describe_all(setting, target, engine, small, said, arguments.times))
        if arguments.fixed:
            if said:
                return 1
            print(f"joined: {join(path, target)}")
            return 0
    return 0 if len(said) == arguments.times else 1
