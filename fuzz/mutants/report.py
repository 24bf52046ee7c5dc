"""The score as results/mutants.json, a table and a chart."""

import argparse
import html
import json
from pathlib import Path

from columns import COLUMNS
from equivalent import TUNING
from generate import Program

STATUSES = ("killed", "alive", "equivalent", "invalid", "not run")
LEAST = ("unit", "corpus", "exhaustion")  # these must kill all mutants together

GENERATED = "Written by ./run mutants; do not edit."
FILE = "mutants.json"
CHART = "time_to_kill.svg"
FIRST_SECOND = 0.001  # where the chart begins


class Refused(Exception):
    """An argued row that a check refutes."""


def table(subjects: list, results: dict[str, dict],
          reasons: dict[str, str]) -> list[dict]:
    """Returns a row for each mutant, in a stable order."""
    rows = []
    for subject in subjects:
        result = results.get(subject.name, {})
        found = result.get("columns", {})
        row = {"name": subject.name, "kind": subject.kind, "file": subject.file,
               **subject.described}
        killers = [column for column in COLUMNS
                   if found.get(column, {}).get("killed")]
        row["status"], row["reason"] = status_of(subject, result, killers, reasons)
        row["columns"] = {
            column: {"killed": found[column]["killed"],
                     "seconds": found[column]["seconds"],
                     "building": found[column].get("building", 0.0),
                     "by": found[column].get("by", "")}
            for column in COLUMNS if column in found
        }
        rows.append(row)
    return sorted(rows, key=lambda row: (row["kind"], row["file"], row["line"],
                                         number(row["name"]), row["name"]))


def number(name: str) -> int:
    last = name.rpartition("_")[2]
    return int(last) if last.isdigit() else 0


def status_of(subject, result: dict, killers: list[str],
              reasons: dict[str, str]) -> tuple[str, str]:
    argued = reasons.get(subject.name) if subject.kind == "generated" else None
    if killers and argued:
        by = result["columns"][killers[0]].get("by", killers[0])
        raise Refused(f"equivalent.toml: {subject.name} is argued equivalent, but "
                      f"{by} kills it")
    if killers:
        return "killed", ""
    if result.get("invalid"):
        return "invalid", "it does not compile"
    if result.get("equal"):
        return "equivalent", "equal object code"
    if argued:
        return "equivalent", argued
    if not result:
        return "not run", ""
    return "alive", ""


def killers(folder: Path) -> dict[tuple[str, str], str]:
    """What killed a mutant in the score that folder has (columns.found_by()), by
    column and mutant's name: it is run first. Empty without such a score."""
    try:
        rows = json.loads((folder / FILE).read_text())["mutants"]
        return {(column, row["name"]): answer["by"]
                for row in rows for column, answer in row["columns"].items()}
    except (FileNotFoundError, KeyError, ValueError):
        return {}


def lacks(document_: dict, folder: Path) -> int:
    """How many answers the score that folder has would lose to this one. A mutant
    that is equivalent, or no longer there, needs none."""
    needed = {row["name"]: row["columns"] for row in document_["mutants"]
              if row["status"] not in ("equivalent", "invalid")}
    return sum(name in needed and column not in needed[name]
               for column, name in killers(folder))


def document(rows: list[dict], arguments: argparse.Namespace,
             program: Program) -> dict:
    return {
        "comment": GENERATED,
        "columns": [column for column in COLUMNS
                    if any(column in row["columns"] for row in rows)],
        "campaign_seconds": arguments.seconds,
        "exhaustion_ops": arguments.ops,
        "cpu_seconds": {column: cpu_seconds(rows, column) for column in COLUMNS},
        "left_out": dict(sorted(program.left_out.items())),
        "scores": {kind: scores(rows, kind) for kind in ("generated", "planted")},
        "mutants": rows,
    }


def cpu_seconds(rows: list[dict], column: str) -> int:
    """That a column took, without the build and the original's runs."""
    return round(sum(row["columns"][column][part] for row in rows
                     for part in ("seconds", "building")
                     if column in row["columns"]))


def scores(rows: list[dict], kind: str) -> dict:
    own = [row for row in rows if row["kind"] == kind]
    count = {status: sum(row["status"] == status for row in own)
             for status in STATUSES}
    real = [row for row in own if row["status"] in ("killed", "alive")]
    columns = {}
    for column in COLUMNS:
        asked = [row for row in real if column in row["columns"]]
        killed = [row for row in asked if row["columns"][column]["killed"]]
        columns[column] = {"killed": len(killed), "of": len(asked)}
    together = [row for row in real
                if any(row["columns"].get(column, {}).get("killed")
                       for column in LEAST)]
    return {"mutants": len(own), **count,
            "equal_code": sum(row["reason"] == "equal object code" for row in own),
            "tuning": sum(row["reason"].startswith(TUNING) for row in own),
            "columns": columns,
            "together": {"killed": len(together), "of": len(real)}}


def survivors(document_: dict) -> list[dict]:
    """What unit tests, corpus and exhaustion leave; a planted bug that the corpus
    or its campaign leaves."""
    left = []
    for row in document_["mutants"]:
        if row["status"] not in ("killed", "alive"):
            continue
        found = row["columns"]
        kills = {column for column in found if found[column]["killed"]}
        if row["kind"] == "generated":
            if not kills & set(LEAST):
                left.append(row)
        elif {"corpus", "campaign"} & set(found) - kills:
            left.append(row)
    return left


def lines(document_: dict) -> list[str]:
    """The summary, first in the report."""
    said = []
    for row in survivors(document_):
        found = row["columns"]
        kills = [column for column in found if found[column]["killed"]]
        by = f" (only {', '.join(kills)})" if kills else ""
        said.append(f"{row['file']}:{row['line']}: {row['name']}: {shown(row)}{by}")
    if said:
        said.insert(0, "survivors:")
    for kind, score in document_["scores"].items():
        if score["mutants"]:
            said += ["", *score_lines(kind, score)]
    took = ", ".join(f"{column} {seconds}" for column, seconds
                     in document_["cpu_seconds"].items() if seconds)
    said += ["", f"CPU seconds, without the build of the original: {took or 0}"]
    left_out = document_["left_out"]
    said += ["", f"left out: {sum(left_out.values())} expressions in arguments of "
             f"macros ({', '.join(left_out)})"]
    return said


def score_lines(kind: str, score: dict) -> list[str]:
    all_ = score["mutants"] - score["invalid"]
    said = [f"{kind}: {all_} mutants"]
    if kind == "generated":
        share = 100 * score["equivalent"] / max(all_, 1)
        said[0] += (f", {score['equivalent']} equivalent ({share:.1f} %): "
                    f"{score['equal_code']} by equal object code, "
                    f"{score['equivalent'] - score['equal_code']} argued, "
                    f"{score['tuning']} of them as a tuning; "
                    f"{score['invalid']} more do not compile")
    if score["not run"]:
        said.append(f"  not run     {score['not run']}")
    for column, count in score["columns"].items():
        if count["of"]:
            share = 100 * count["killed"] / count["of"]
            said.append(f"  {column:11} {count['killed']}/{count['of']} killed "
                        f"({share:.1f} %)")
    together = score["together"]
    if kind == "generated":
        said.append(f"{kind}: {together['killed']} of {together['of']} not "
                    "equivalent killed by unit+corpus+exhaustion")
    return said


def shown(row: dict) -> str:
    after = row["after"] or "(deleted)"
    return f"{row['before']} -> {after}"


def write(document_: dict, results: Path) -> None:
    folder = results / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    (results / FILE).write_text(json_text(document_))
    (folder / "index.html").write_text(page(document_))
    draw(document_, folder / CHART)


def json_text(document_: dict) -> str:
    """A line for each mutant, so that a change of one is a change of one line."""
    head = {key: value for key, value in document_.items() if key != "mutants"}
    rows = ",\n".join(json.dumps(row) for row in document_["mutants"])
    return f"{json.dumps(head)[:-1]}, \"mutants\": [\n{rows}\n]}}\n"


STYLE = """
body { font: 14px sans-serif; margin: 2em; max-width: 110em }
table { border-collapse: collapse }
td, th { border: 1px solid #ccc; padding: 2px 6px; text-align: left;
         vertical-align: top }
code { white-space: pre-wrap }
.alive { background: #fdd } .killed { background: #dfd }
.equivalent { background: #eee }
"""


def page(document_: dict) -> str:
    head = "".join(f"<th>{html.escape(each)}" for each in (
        "mutant", "where", "what", "status", *document_["columns"]))
    rows = "".join(page_row(row, document_["columns"])
                   for row in document_["mutants"])
    said = html.escape("\n".join(lines(document_)))
    return (f"<!-- {GENERATED} -->\n<!doctype html>\n<meta charset=utf-8>\n"
            f"<title>Mutants</title>\n<style>{STYLE}</style>\n<h1>Mutants</h1>\n"
            "<p>Each column alone: killed or alive, and CPU seconds to the kill."
            f"\n<p><img src={CHART} alt='share killed over time'>\n"
            f"<pre>{said}</pre>\n<table>\n<tr>{head}\n{rows}</table>\n")


def page_row(row: dict, columns: list[str]) -> str:
    cells = []
    for column in columns:
        found = row["columns"].get(column)
        if found is None:
            cells.append("<td>")
            continue
        word = "killed" if found["killed"] else "alive"
        by = f" title='{html.escape(found['by'], quote=True)}'"
        cells.append(f"<td class={word}{by}>{word} {found['seconds']:.2f} s")
    reason = f": {html.escape(row['reason'])}" if row["reason"] else ""
    return (f"<tr><td>{html.escape(row['name'])}<td>{html.escape(row['file'])}:"
            f"{row['line']}<td><code>{html.escape(shown(row))}</code>"
            f"<td class={row['status'].replace(' ', '_')}>{row['status']}{reason}"
            f"{''.join(cells)}\n")


def draw(document_: dict, path: Path) -> None:
    """For each column, the share of mutants that are killed after so long."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "mutants"
    matplotlib.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot

    kinds = [kind for kind, score in document_["scores"].items()
             if score["killed"] + score["alive"]]
    figure, axes = matplotlib.pyplot.subplots(
        1, max(len(kinds), 1), figsize=(11, 4), squeeze=False, sharey=True)
    for kind, panel in zip(kinds, axes[0], strict=False):
        for column in document_["columns"]:
            draw_column(panel, document_, kind, column)
        panel.set_xscale("log")
        panel.set_ylim(0, 101)
        panel.set_title(kind)
        panel.set_xlabel("CPU seconds")
        panel.grid(True, color="#dddddd")
        panel.legend(loc="lower right")
    axes[0][0].set_ylabel("killed, % of those not equivalent")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    matplotlib.pyplot.close(figure)


def draw_column(panel, document_: dict, kind: str, column: str) -> None:
    rows = [row["columns"][column] for row in document_["mutants"]
            if row["kind"] == kind and row["status"] in ("killed", "alive")
            and column in row["columns"]]
    if not rows:
        return
    times = sorted(max(row["seconds"], FIRST_SECOND)
                   for row in rows if row["killed"])
    last = max([60.0, *times])
    shares = [100 * count / len(rows) for count in range(len(times) + 1)]
    panel.step([FIRST_SECOND, *times, last], [*shares, shares[-1]], where="post",
               label=f"{column} ({len(times)}/{len(rows)})")
