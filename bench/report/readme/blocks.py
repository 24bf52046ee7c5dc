"""The parts of each README, by the README's name: the text between markers."""

from . import figures, front, fuzz, pool, results
from .prose import Block

ROOT = "README.md"
POOL = "pool/README.md"
FUZZ = "fuzz/README.md"
RESULTS = "results/README.md"
TO_RESULTS = {ROOT: "results/", POOL: "../results/", FUZZ: "../results/", RESULTS: ""}

BLOCKS: dict[str, dict[str, Block]] = {
    ROOT: {
        "answer": front.answer,
        "places": front.places_in_short,
        "inline": front.inline,
        "score": fuzz.score,
    },
    POOL: {
        "nginx": pool.nginx,
        "kept_curve": pool.kept_curve,
        "left_bound": pool.left_bound,
    },
    FUZZ: {"campaigns": fuzz.campaigns, "mutator": fuzz.mutator, "score": fuzz.score},
    RESULTS: {
        "short": results.short,
        "regions": results.regions,
        "sizes": results.against(figures.sizes, "sizes"),
        "lifetime": results.against(figures.lifetimes, "lifetime"),
        "resets": results.resets,
        "threads": results.against(figures.threads, "threads"),
        "programs": results.against(figures.programs, "programs"),
        "memory": results.memory,
        "lost": results.lost,
        "counts": results.counts,
        "sure": results.sure,
        "over_commits": results.over_commits,
        "machine": results.machine,
        "score": fuzz.score,
    },
}
