#!/usr/bin/env python3
"""Makes bytes of seeds, which are text: one file for each in OUT, and one of
version 1 in OUT_1, unless a line "# version 2: ..." says that it has none.

usage: seeds.py NGXOPS OUT STAMP SEED...
"""

import pathlib
import shutil
import subprocess
import sys


def main() -> None:
    ngxops, out, stamp = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    fixed = out.with_name(out.name + "_1")
    for folder in out, fixed:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for seed in map(pathlib.Path, sys.argv[4:]):
        subprocess.run([ngxops, "parse", seed, out / seed.stem], check=True)
        if "\n# version 2: " not in seed.read_text():
            subprocess.run([ngxops, "convert", out / seed.stem,
                            fixed / seed.stem], check=True)
    pathlib.Path(stamp).touch()


if __name__ == "__main__":
    main()
