#!/usr/bin/env python3
"""Make one ngx_palloc.c of the pool's files, for nginx's src/core/.

usage: amalgamate.py FOLDER

Writes FOLDER/ngx_palloc.c and FOLDER/ngx_palloc.h, which take the place of nginx's
own. The private headers stand where they are first included.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = ("ngx_palloc.c", "ngx_pool_cache.c", "ngx_pool_index.c", "ngx_pool_stats.c")
FIRST = """\
/* Made of the pool's files by pool/amalgamate.py. Change those. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
"""
INCLUDE = re.compile(r"#include <(ngx_\w+\.h)>\n")
GUARD = re.compile(r"#ifndef _GNU_SOURCE\n.*?#endif\n", re.DOTALL)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ngx_palloc.c").write_text(amalgamate())
        (folder / "ngx_palloc.h").write_text((HERE / "ngx_palloc.h").read_text())
    except OSError as error:
        print(f"amalgamate.py: {error}", file=sys.stderr)
        return 1
    return 0


def amalgamate() -> str:
    included: set[str] = set()

    def expand(match: re.Match[str]) -> str:
        name = match[1]
        if name in included:
            return ""
        included.add(name)
        is_private = name.startswith("ngx_pool_")
        return read(name) if is_private else match[0]

    def read(name: str) -> str:
        text = GUARD.sub("", (HERE / name).read_text(), count=1)
        return INCLUDE.sub(expand, text)

    return FIRST + "".join(f"\n{read(name)}" for name in SOURCES)


if __name__ == "__main__":
    sys.exit(main())
