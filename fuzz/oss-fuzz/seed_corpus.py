#!/usr/bin/env python3
"""Packs the files of folders as a target's seeds. The same files give the same
bytes.

usage: seed_corpus.py ZIP FOLDER...
"""

import sys
import zipfile
from pathlib import Path


def main() -> None:
    out, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as seeds:
        for folder in folders:
            for path in sorted(filter(Path.is_file, folder.iterdir())):
                # Without a date, the archive has the first one that zip can hold.
                seeds.writestr(zipfile.ZipInfo(f"{folder.name}_{path.name}"),
                               path.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
