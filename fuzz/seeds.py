#!/usr/bin/env python3
"""Makes bytes of seeds, which are text: one file for each in OUT, and one of
version 2 in OUT_2.

usage: seeds.py NGXOPS OUT STAMP SEED...
"""

import pathlib
import shutil
import subprocess
import sys


def main() -> None:
    ngxops, out, stamp = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    second = out.with_name(out.name + "_2")
    for folder in out, second:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for seed in map(pathlib.Path, sys.argv[4:]):
        one, two = out / seed.stem, second / seed.stem
        subprocess.run([ngxops, "parse", seed, one], check=True)
        subprocess.run([ngxops, "convert", one, two], check=True)
    pathlib.Path(stamp).touch()


if __name__ == "__main__":
    main()
