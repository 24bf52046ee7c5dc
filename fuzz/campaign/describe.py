"""Findings and runs for people and for programs: Markdown, SARIF, C."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from . import finding
from .finding import Finding

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
TOOL = "ngxpool-fuzz"
VERDICTS = ("nothing found", "FOUND a failure", "did NOT fuzz")  # by exit status
TEXT_SIZE = 4000  # of ops or C in a summary; all of it stands in the artefact


class Described(NamedTuple):
    """A finding with all that is said of it."""

    key: str
    target: str
    engine: str
    sanitizer: str
    signature: str
    headline: str
    stack: list[str]
    place: dict  # file and line, where the stack has them
    ops: str
    c_source: str
    command: str
    input: str  # the file, from the store's folder on
    count: int  # how often it was met


def describe(
    found: Finding, target: str, engine: str, sanitizer: str, ops: str,
    c_source: str, input: str, count: int,
) -> Described:
    return Described(
        key=finding.key(found.report), target=target, engine=engine,
        sanitizer=sanitizer, signature=finding.signature(found.report),
        headline=finding.headline(found.report), stack=finding.stack(found.report),
        place=place(found.report), ops=ops, c_source=c_source,
        command=f"./run reproduce {input}", input=input, count=count)


def place(report: str) -> dict:
    """The innermost line of the pool that the report's stack names, or of what
    else of the project it does."""
    frames = re.findall(
        r"^ *#\d+ 0x\w+ in (\S+) \S*?/((?:pool|fuzz|bench)/[\w./-]+):(\d+)", report,
        re.M)
    frames = [frame for frame in frames if frame[0] not in finding.REPORTERS]
    of_pool = [frame for frame in frames if frame[1].startswith("pool/")]
    for _, file, line in of_pool or frames:
        return {"file": file, "line": int(line)}
    return {}


def markdown(one: Described) -> str:
    """A finding's page."""
    lines = [
        f"### {one.target}: {one.signature}", "",
        f"Found by {one.engine} ({one.sanitizer or 'no'} sanitizer), met "
        f"{one.count} time{'' if one.count == 1 else 's'}, key `{one.key}`.", "",
        "```text", one.headline, "```", "",
    ]
    if one.stack:
        lines += ["In " + ", called by ".join(f"`{name}`" for name in one.stack)
                  + ".", ""]
    if one.ops:
        lines += ["The ops:", "", "```text", cut(one.ops), "```", ""]
    if one.c_source:
        lines += ["<details><summary>The same as a C program</summary>", "",
                  "```c", cut(one.c_source), "```", "</details>", ""]
    lines += [f"Again: `{one.command}` ([the input]({one.input}))", ""]
    return "\n".join(lines)


def cut(text: str) -> str:
    if len(text) <= TEXT_SIZE:
        return text.rstrip("\n")
    return text[:TEXT_SIZE].rstrip("\n") + "\n... the rest is in the artefact"


def sarif(findings: list[Described]) -> str:
    """All findings, as code scanning reads them."""
    rules = sorted({one.signature for one in findings})
    return json.dumps({
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": TOOL,
                "rules": [{"id": rule_id(rule),
                           "shortDescription": {"text": rule}}
                          for rule in rules],
            }},
            "results": [{
                "ruleId": rule_id(one.signature),
                "ruleIndex": rules.index(one.signature),
                "level": "error",
                "message": {"text": f"{one.target}: {one.headline}\n"
                                    f"Again: {one.command}"},
                "partialFingerprints": {"promiseAndStack/v1": one.key},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {
                        "uri": one.place.get("file", f"fuzz/targets/{one.target}.c")},
                    "region": {"startLine": one.place.get("line", 1)},
                }}],
            } for one in findings],
        }],
    }, indent=2, sort_keys=True) + "\n"


def rule_id(signature: str) -> str:
    """A short name: promise-33, heap-buffer-overflow, no-end-within, ..."""
    match = re.match(rf"{finding.BROKEN} (\d+)", signature)
    if match:
        return f"promise-{match[1]}"
    return slug(signature.split(":")[-1])


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "failure"


def corpus_name(one: dict) -> str:
    """The name under which a finding that was mended joins corpus/: what broke."""
    return slug(one["signature"].removeprefix("broken ")).replace("-", "_")


def table(rows: list[dict]) -> str:
    """A row for each campaign, as Markdown. Its memory is that after five minutes and
    that at the end; empty for AFL++, and for a campaign that is too short."""
    lines = ["| target | engine | seconds | executions | edges | corpus | memory (MiB) "
             "| ended |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        settled, last = row["memory_mib"]
        memory = f"{settled} to {last}" if settled else ""
        lines.append(
            f"| {row['target']} | {row['engine']} | {row['seconds']:.0f} | "
            f"{row['executions']} | {row['edges']} | {row['corpus']} | {memory} | "
            f"{row['ended']} |")
    return "\n".join(lines)


def read(path: Path) -> Described:
    return Described(**json.loads(path.read_text()))
