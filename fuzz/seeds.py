#!/usr/bin/env python3
"""Makes bytes of seeds, which are text. Each seed becomes a file of version 2 in
OUT and a file of version 1 in OUT_1. A seed that version 1 cannot hold has a line
"# version 2: ...", and no file in OUT_1.

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
