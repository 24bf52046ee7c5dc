#!/usr/bin/env python3
"""Checks OSS-Fuzz's contract without docker, and prints what breaks it.

Builds with build.sh, with the variables and flags of OSS-Fuzz and no others, into
an empty $OUT. Then removes $WORK, moves $OUT elsewhere, and checks each target there:

- its name, its entry, and the libraries that it needs;
- its seeds, dictionary and options;
- the number of instrumented edges, and the sanitizer;
- that it runs its seeds and RUNS more inputs, and writes only below /tmp.

libFuzzer and AFL++ are the real ones. engine.c stands in for honggfuzz.
Exit status: 0 all targets keep the contract, 1 one does not, 2 wrong usage, 77 no
clang.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True

import builder  # noqa: E402
import checks  # noqa: E402
from builder import Broken, Build  # noqa: E402

RUNS = 1000
SKIPPED = 77  # as Meson has it


def check_target(build: Build, target: Path, runs: int) -> bool:
    """Print the results. Returns whether the contract is kept."""
    todo: list[Callable[[], str]] = [
        lambda: checks.check_program(build, target),
        lambda: checks.check_calls(build, target),
        lambda: checks.check_companions(build, target),
        lambda: checks.check_runs(build, target, runs),
    ]
    said, is_kept = [], True
    for check in todo:
        try:
            said.append(check())
        except (Broken, OSError) as error:
            said.append(f"BROKEN: {error}")
            is_kept = False
    print(f"{build.sanitizer} {build.engine} {target.name}: "
          f"{'ok' if is_kept else 'FAILED'}: {', '.join(filter(None, said))}",
          flush=True)
    return is_kept


def check_build(sanitizer: str, engine: str, folder: Path,
                arguments: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="contract-", dir="/tmp") as scratch:
        try:
            build = builder.make(sanitizer, engine, folder, Path(scratch))
            targets = checks.targets_of(build)
            checks.check_names(build, targets)
            if not targets:
                raise Broken("found no target in $OUT")
        except Broken as error:
            print(f"{sanitizer} {engine}: FAILED: {error}", flush=True)
            return False
        chosen = [path for path in targets
                  if not arguments.targets or path.name in arguments.targets]
        missing = set(arguments.targets) - {path.name for path in chosen}
        if missing:
            print(f"{sanitizer} {engine}: FAILED: found no {missing.pop()} in $OUT")
            return False
        kept = [check_target(build, path, arguments.runs) for path in chosen]
    print(f"{sanitizer} {engine}: {sum(kept)} of {len(kept)} targets keep the "
          f"contract; they are in {build.out}", flush=True)
    return all(kept)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run oss-fuzz", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help="check only these; all are built")
    parser.add_argument("--sanitizer", default="address", choices=builder.SANITIZERS,
                        help="default: %(default)s")
    parser.add_argument("--engine", default="libfuzzer", choices=builder.ENGINES,
                        help="default: %(default)s")
    parser.add_argument("--all", action="store_true",
                        help="each sanitizer with libFuzzer, and address with "
                        "each engine")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N",
                        help="inputs in addition to the seeds (default: %(default)s)")
    parser.add_argument("--build", type=Path, metavar="FOLDER",
                        default=builder.SOURCE / "build-oss-fuzz",
                        help="where to build (default: build-oss-fuzz)")
    return parser.parse_args(argv)


def main() -> int:
    arguments = parse(sys.argv[1:])
    if shutil.which("clang") is None or shutil.which("strace") is None:
        print("found no clang or no strace: the contract is not checked")
        return SKIPPED
    pairs = [(arguments.sanitizer, arguments.engine)]
    if arguments.all:
        pairs = ([(sanitizer, "libfuzzer") for sanitizer in builder.SANITIZERS]
                 + [("address", "afl"), ("address", "honggfuzz")])
    if pairs[0][0] != "address" and pairs[0][1] != "libfuzzer":
        print(f"OSS-Fuzz has {pairs[0][1]} only with address", file=sys.stderr)
        return 2
    results = [check_build(sanitizer, engine,
                           arguments.build.resolve() / f"{engine}-{sanitizer}",
                           arguments)
               for sanitizer, engine in pairs]
    print_placeholders(checks.placeholders(builder.BUILD.parent))
    return 0 if all(results) else 1


def print_placeholders(places: list[str]) -> None:
    if places:
        print("OSS-Fuzz itself also needs the project's address and a contact. Replace "
              "these in .clusterfuzzlite/:")
        print("\n".join(f"  {place}" for place in places), flush=True)


if __name__ == "__main__":
    sys.exit(main())
