"""The parts of pool/README.md."""

from collections.abc import Sequence

import words
from verdicts import EQUAL, FASTER, SLOWER, UNKNOWN, UNSTABLE

from . import figures
from .facts import NGINX, POOL, Facts
from .prose import NOT_MEASURED, NOTHING, percents, picture, sheet


def nginx(facts: Facts, to: str) -> str:
    chart = figures.against_nginx(facts)
    speeds = [speed for line in chart.lines for speed in line.speeds if speed]
    if not speeds:
        return NOTHING
    count = {
        name: sum(speed.verdict == name for speed in speeds)
        for name in (FASTER, SLOWER, EQUAL, UNKNOWN, UNSTABLE)
    }
    least = min(speeds, key=lambda speed: speed.times.median)
    most = max(speeds, key=lambda speed: speed.times.median)
    return (
        f"Of {len(speeds)} cells of `fill` and `fill_reset` this pool is faster than "
        f"nginx's own in {count[FASTER]}, slower in {count[SLOWER]}, equal in "
        f"{count[EQUAL]}; {count[UNKNOWN]} are unknown and {count[UNSTABLE]} unstable. "
        f"It is {words.digits(least.times.median)}× to "
        f"{words.digits(most.times.median)}× as fast.\n\n{picture(facts, 'nginx', to)}"
    )


def kept_curve(facts: Facts, to: str) -> str:
    if not facts.kept_curve:
        return "`results/kept_curve.md` is not there; `kept_curve` prints it."
    time, faults, kept = facts.kept_curve
    both = (POOL, "apr_limit", NGINX)
    lines = [
        [
            region,
            _joined(time[region], both),
            _joined(faults[region], both, "{:,.0f}"),
            _joined(kept[region], (POOL, NGINX)),
        ]
        for region in time
    ]
    heads = [
        "region",
        "ns an allocation: pool, `apr_limit`, nginx's own",
        "page faults a region: likewise",
        "MiB kept: pool, nginx's own",
    ]
    unbounded = [
        f"{of['pool_unbounded']} ns at {region}"
        for region, of in time.items()
        if of.get("pool_unbounded")
    ]
    text = sheet(heads, lines)
    if unbounded:
        text += f"\n\nWithout a limit the pool takes {', '.join(unbounded[-2:])}."
    return text


def _joined(of: dict[str, str], names: Sequence[str], form: str = "") -> str:
    values = [of.get(name, "") for name in names]
    if form:
        values = [form.format(float(value)) if value else value for value in values]
    return ", ".join(value or NOT_MEASURED for value in values)


OWN_BOUND = "1/32"  # NGX_POOL_LEFT_PART of ngx_palloc.c
BOUNDS = {  # as they are shown
    "0": "none",
    "64": "64 bytes",
    "128": "128 bytes",
    "256": "256 bytes",
    "1/64": "1/64",
    OWN_BOUND: f"**{OWN_BOUND}**",
    "1/16": "1/16",
    NGINX: "nginx's own",
}
BOUND_SIZES = ("lognormal", "uniform")
BLOCK_KIB = (1, 4, 16)


def left_bound(facts: Facts, to: str) -> str:
    """The bounds at which a block counts as full: their costs and savings."""
    if not facts.left_bound:
        return "`results/left_bound.md` is not there; `left_bound.py` prints it."
    speed, memory = facts.left_bound
    heads = {
        sizes: [f"{sizes}: {kib} KiB" for kib in BLOCK_KIB] for sizes in BOUND_SIZES
    }
    counts = [f"{sizes}: instructions" for sizes in BOUND_SIZES]
    lines = [
        [
            shown,
            _joined(speed[bound], counts),
            *(_joined(memory[bound], heads[sizes], "{:.3f}") for sizes in BOUND_SIZES),
        ]
        for bound, shown in BOUNDS.items()
    ]
    table = sheet(
        [
            "bound",
            "instructions an allocation: lognormal, uniform",
            "bytes of blocks over bytes asked for, lognormal: 1, 4, 16 KiB",
            "uniform: 1, 4, 16 KiB",
        ],
        lines,
    )
    own, none, theirs = (
        {head: float(of[head]) for both in heads.values() for head in both}
        for of in (memory[OWN_BOUND], memory["0"], memory[NGINX])
    )
    extra = max(own[head] / none[head] for head in own)
    widest = max(own, key=lambda head: own[head] / theirs[head])
    saved = float(speed[OWN_BOUND][counts[1]]) / float(speed["0"][counts[1]])
    return (
        f"{table}\n\n"
        f"- A part of {OWN_BOUND} takes at most {percents(100.0 * (extra - 1.0))} more "
        f"memory than none, and saves {percents(100.0 * (1.0 - saved))} of the "
        "instructions for uniform sizes.\n"
        f"- Against nginx's own the pool takes at most "
        f"{percents(100.0 * (own[widest] / theirs[widest] - 1.0))} more memory "
        f"({widest}), mostly by counting each miss: five misses pass a block, where "
        "nginx waits for six new blocks."
    )
