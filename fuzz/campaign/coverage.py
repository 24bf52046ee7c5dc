"""Which lines of the code under test the corpus reaches, as HTML: gcovr's."""

import os
import shutil
import subprocess
from pathlib import Path

from . import build, store, targets
from .health import Refused
from .targets import TARGETS, family

FOLDER = "build-coverage"  # as ./run coverage has it
# Without optimization, which folds lines into others.
SETUP = ["-Db_coverage=true", "-Dbuildtype=debug"]
# The code that targets attack.
FILTERS = ["pool/ngx_", "pool/standalone/", "pool/ops/", "bench/arena/arena",
           "bench/allocators/", "bench/plan/sizes", "bench/write/json"]


def write(source: Path, nginx: str, kept: store.Store) -> list[str]:
    """Replay all inputs, write HTML into the store, and return what to say."""
    if shutil.which("gcovr") is None:
        raise Refused("gcovr is not installed")
    folder = source / FOLDER
    environment = dict(os.environ, **({"NGINX_SRC": nginx} if nginx else {}))
    if not (folder / "build.ninja").exists():
        build.run_quietly(["meson", "setup", str(folder), str(source), *SETUP],
                          environment)
    names = [name for name in TARGETS["libfuzzer"]
             if nginx or name != targets.NEEDS_NGINX]
    replays = {f"replay_{name.removesuffix('_ubsan').removesuffix('_tsan')}": name
               for name in names}
    build.run_quietly(
        ["ninja", "-C", str(folder), "fuzz/seeds.stamp",
         *(f"fuzz/{name}" for name in replays)], environment)
    for path in folder.rglob("*.gcda"):
        path.unlink()
    for replay, name in replays.items():
        inputs = [str(each) for each in [*targets.corpora(source, folder, name),
                                         kept.corpus(family(name))]
                  if each.is_dir()]
        done = subprocess.run([str(folder / "fuzz" / replay), *inputs], text=True,
                              errors="replace", capture_output=True, check=False)
        if done.returncode != 0:
            raise Refused(f"{replay} failed:\n{done.stdout[-2000:]}{done.stderr}")
    page = kept.folder / "coverage" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    filters = [word for each in FILTERS for word in ("--filter", each)]
    done = subprocess.run(
        ["gcovr", "-r", str(source), *filters, "--exclude-throw-branches",
         "--html-details", str(page), "--print-summary", str(folder)],
        cwd=source, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Refused(f"gcovr failed:\n{done.stderr[-2000:]}")
    return [*done.stdout.strip().splitlines(), f"coverage: {page}"]
