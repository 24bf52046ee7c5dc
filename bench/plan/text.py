#!/usr/bin/env python3
"""Write a text file as a C string, for a header.

usage: text.py NAME TEXT HEADER
"""

import json
import sys
from pathlib import Path


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    name, text, header = sys.argv[1:]
    lines = Path(text).read_text(encoding="ascii").splitlines(keepends=True)
    body = "\n".join(f"    {json.dumps(line)}" for line in lines)
    Path(header).write_text(f"static const char {name}[] =\n{body};\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
