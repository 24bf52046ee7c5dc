#!/usr/bin/env python3
"""Write linker scripts that place functions in a random order, from a seed.

usage: layout.py NAME SEED FOLDER COUNT FILE...

Writes FOLDER/NAME_0.ld and so on, COUNT of them. A FILE is an object or a library that
was compiled with -ffunction-sections: each function has a section of its own. A script
goes to GNU ld or lld by -T. It adds to the linker's own script: the functions stand in
one section after .text, in random order, each at a random multiple of 16 bytes within
a cache line. Where the section begins in a page is random, too.

Place and offset of a function depend on SEED, the script's number and the function's
name alone. So two versions of a library that get the same SEED lie alike.

Where code lies decides up to 40 % of a short loop's time (Mytkowicz et al.,
"Producing wrong data without doing anything obviously wrong", 2009). A program that
is linked once shows one position. Linked a dozen times, it shows how much of a
figure is due to the position.
"""

import random
import subprocess
import sys
from pathlib import Path

ALIGNMENT = 16  # bytes, to which compilers align functions
LINE = 64  # bytes of a cache line
PAGE = 4096  # bytes


def main() -> int:
    if len(sys.argv) < 6 or not sys.argv[4].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    name, seed, folder, count, *files = sys.argv[1:]
    names = functions(files)
    if not names:
        print(f"layout: found no function in {', '.join(files)}", file=sys.stderr)
        return 1
    for number in range(int(count)):
        script = text(f"{seed}_{number}", names)
        (Path(folder) / f"{name}_{number}.ld").write_text(script, encoding="ascii")
    return 0


def functions(files: list[str]) -> list[str]:
    """The names of all functions that the files define, sorted."""
    output = subprocess.run(
        ["nm", "--defined-only", "--format=posix", *files],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    rows = [line.split() for line in output.splitlines()]
    return sorted({row[0] for row in rows if len(row) > 1 and row[1] in "Tt"})


def text(seed: str, names: list[str]) -> str:
    """The script: functions of one name, from several files, stay together."""
    start = random.Random(seed).randrange(0, PAGE, ALIGNMENT)
    lines = [f". = ALIGN({PAGE}) + {start};"]
    generators = {name: random.Random(f"{seed}/{name}") for name in names}
    for name in sorted(names, key=lambda name: generators[name].random()):
        offset = generators[name].randrange(0, LINE, ALIGNMENT)
        lines.append(f". = ALIGN({LINE}) + {offset}; *(.text.{name})")
    body = "\n".join(f"    {line}" for line in lines)
    # Otherwise a compiler's -falign-functions=64 undoes the random offsets.
    section = f".text.layout : SUBALIGN({ALIGNMENT})"
    return f"SECTIONS {{\n  {section} {{\n{body}\n  }}\n}} INSERT AFTER .text;\n"


if __name__ == "__main__":
    sys.exit(main())
