"""The page in Chromium, as a reader uses it.

usage: test_browser.py [FOLDER]

Debian's chromedriver drives it, by python3-selenium. axe-core comes from npm, by
axe/package-lock.json, into FOLDER. Skipped, with status 77, where the browser or
what drives it is not installed; the check by axe-core alone where npm is not.
"""

import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs
import verdicts
from load import Row, load
from page import library
from table import table
from verdicts import percent, spread
from words import digits

SKIPPED = 77
CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
HOSTILE = "</script><img src=x onerror=console.error('markup')>\"'&"
COSTS = {
    "pool": 4.0,
    "pool_again": 4.0,
    "bump_memory": 3.0,
    "glibc": 30.0,
    "nginx": 6.0,
    "tcmalloc": 11.0,
    "jemalloc": 13.0,
    "obstack": 9.5,
    "hostile": 12.0,
}
WORKLOADS = ("churn", "fill", "replay", "threads_1", "handoff")
SIZES = ("fixed64", "fixed512", "lognormal")
NS = (10, 25, 1000)
SCORES = {
    "scores": {
        kind: {"columns": {"unit": unit}, "together": unit}
        for kind, unit in (
            ("planted", {"killed": 30, "of": 40}),
            ("generated", {"killed": 90, "of": 99}),
        )
    }
}
CAMPAIGNS = [
    {
        "target": target,
        "engine": engine,
        "mutant": None,
        "seconds": 60.0,
        "executions": executions,
        "edges": edges,
        "corpus": 90,
        "stability": "99.50%" if engine == "afl" else "",
        "findings": [],
    }
    for target, engine, executions, edges in (
        ("pool_ops", "libfuzzer", 1200000, 700),
        ("pool_ops", "afl", 600000, 310),
        ("run_json", "libfuzzer", 3000000, 120),
    )
]
FIGURES = [
    "first",
    "heat",
    "cost",
    "throughput",
    "latency",
    "memory",
    "threads",
    "programs",
    "instructions",
    "variance",
    "faults",
    "mutants",
    "campaigns",
]
FOLLOW = {  # which figures a choice changes
    "traffic": ("churn", ["heat", "cost", "throughput", "memory"]),
    "sizes": ("fixed512", ["first", "cost", "throughput", "memory", "threads"]),
    "n": ("10", ["latency", "memory", "faults"]),
    "unit": ("rate", ["cost", "memory", "threads"]),
    "base": ("nginx", ["first", "heat", "programs"]),
}
NARROW, WIDE, HIGH = 390, 1440, 900
PLACES = """
return [...document.querySelectorAll("figure[data-figure]")].map((figure) => [
  figure.dataset.figure,
  [...figure.querySelectorAll("g.mark")].map((mark) => {
    const at = mark.querySelector("use, rect, circle");
    return [at.getAttribute("x") ?? at.getAttribute("cx"),
            at.getAttribute("y") ?? at.getAttribute("cy")].map(Number);
  }),
])"""
SHIFTS = """
const done = arguments[0];
new PerformanceObserver((list) =>
  done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0)),
).observe({type: "layout-shift", buffered: true});
setTimeout(() => done(0), 500);
"""


class Browser:
    """One browser for all tests: its start takes longer than any of them."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        # As root, as in a container, Chromium has no sandbox.
        for word in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars"):
            options.add_argument(f"--{word}")
        options.set_capability(
            "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
        )
        self.driver = webdriver.Chrome(
            service=webdriver.chrome.service.Service(DRIVER), options=options
        )
        self.driver.set_script_timeout(100)

    def open(
        self,
        address: str,
        width: int = WIDE,
        is_dark: bool = False,
        has_scripts: bool = True,
    ) -> None:
        self.driver.get("about:blank")
        for method, words in (
            (
                "Emulation.setDeviceMetricsOverride",
                {
                    "width": width,
                    "height": HIGH,
                    "deviceScaleFactor": 1,
                    "mobile": False,
                },
            ),
            (
                "Emulation.setEmulatedMedia",
                {
                    "features": [
                        {
                            "name": "prefers-color-scheme",
                            "value": "dark" if is_dark else "light",
                        }
                    ]
                },
            ),
            ("Emulation.setScriptExecutionDisabled", {"value": not has_scripts}),
        ):
            self.driver.execute_cdp_cmd(method, words)
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(address)

    def run(self, script: str, *words: Any) -> Any:
        return self.driver.execute_script(script, *words)

    def drawn(self) -> dict[str, str]:
        """The marks that each figure shows."""
        return dict(
            self.run(
                'return [...document.querySelectorAll("figure[data-figure]")].map('
                '(one) => [one.dataset.figure, one.querySelector("svg").innerHTML])'
            )
        )

    def choose(self, name: str, value: str) -> None:
        self.run(
            "const field = document.querySelector('form').elements[arguments[0]];"
            "field.value = arguments[1];"
            "field.dispatchEvent(new Event('change', {bubbles: true}));",
            name,
            value,
        )

    def redraw(self) -> None:
        """Draw by the script: the page opens with the SVG that Python wrote."""
        self.choose("base", "nginx")
        self.choose("base", "glibc")

    def hover(self, figure: str, index: int) -> str:
        """The text about a mark under the pointer."""
        x, y = self.driver.execute_async_script(
            "const done = arguments[2]; const mark = document.querySelectorAll("
            "`figure[data-figure=${arguments[0]}] g.mark`)[arguments[1]];"
            "mark.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = mark.querySelector('use, rect, circle')"
            ".getBoundingClientRect();"
            # Scrolling hides the text that was shown, in the next frame.
            "requestAnimationFrame(() => requestAnimationFrame(() =>"
            " done([box.x + box.width / 2, box.y + box.height / 2])));",
            figure,
            index,
        )
        self.driver.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y}
        )
        return self.tip()

    def tip(self) -> str:
        return self.run(
            "return document.querySelector('#tip.shown')?.textContent ?? ''"
        )

    def keys(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.driver.execute_cdp_cmd(
                "Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key}
            )


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        parent = tempfile.TemporaryDirectory()
        cls.addClassCleanup(parent.cleanup)
        folder = Path(parent.name) / "label"
        runs.write(folder, document(), machine())
        (Path(parent.name) / "mutants.json").write_text(json.dumps(SCORES))
        line = json.dumps({"campaigns": CAMPAIGNS})
        (Path(parent.name) / "fuzz.json").write_text(f"{line}\n")
        subprocess.run(
            [sys.executable, "-B", runs.REPORT / "main.py", folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        cls.run_ = load(folder)
        cls.table = table(cls.run_, "pool", verdicts.USUAL_CONFIDENCE)
        cls.text = (folder / "index.html").read_text()
        cls.address = (folder / "index.html").as_uri()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.driver.quit)

    def setUp(self) -> None:
        self.browser.open(self.address)

    def speed(self, row: Row, base: str) -> verdicts.Comparison:
        rates = self.run_.rates
        other = rates[row._replace(allocator=base)]
        return verdicts.compare(rates[row], other, self.run_.layouts)

    def test_nothing_is_asked_for_and_nothing_fails(self) -> None:
        for name, (value, _) in FOLLOW.items():
            self.browser.choose(name, value)
        self.assertEqual(self.browser.driver.get_log("browser"), [])
        sent = [
            json.loads(entry["message"])["message"]
            for entry in self.browser.driver.get_log("performance")
        ]
        asked = {
            message["params"]["request"]["url"]
            for message in sent
            if message["method"] == "Network.requestWillBeSent"
        }
        self.assertEqual(asked - {"data:,"}, {self.address})

    def test_every_figure_has_marks_where_the_svg_without_script_has_them(self) -> None:
        self.browser.redraw()
        scripted = dict(self.browser.run(PLACES))
        self.assertEqual(list(scripted), FIGURES)
        for name, places in scripted.items():
            with self.subTest(figure=name):
                expected = places_of(self.text, name)
                self.assertGreater(len(expected), 1)
                self.assertEqual(len(places), len(expected))
                # SVG that Python writes has tenths of a pixel.
                for at, place in zip(places, expected):
                    self.assertLess(math.dist(at, place), 0.2)

    def test_each_choice_changes_its_figures(self) -> None:
        for name, (value, follow) in FOLLOW.items():
            with self.subTest(choice=name):
                self.browser.open(self.address)
                self.browser.redraw()
                before = self.browser.drawn()
                self.browser.choose(name, value)
                after = self.browser.drawn()
                changed = {one for one in FIGURES if before[one] != after[one]}
                self.assertLessEqual(set(follow), changed)
                self.assertFalse(changed & {"mutants", "campaigns"})

    def test_each_allocator_is_switched(self) -> None:
        boxes = self.browser.run(
            "return [...document.querySelectorAll('fieldset input')]"
            ".map(({value}) => value)"
        )
        names = {*COSTS, HOSTILE} - {"pool_again", "hostile"}
        self.assertEqual(set(boxes), names)
        self.browser.redraw()
        for name in boxes:
            before = self.browser.drawn()
            self.browser.run(
                "[...document.querySelectorAll('fieldset input')]"
                ".find(({value}) => value === arguments[0]).click()",
                name,
            )
            after = self.browser.drawn()
            for figure in ("heat", "cost", "throughput", "latency", "memory"):
                self.assertNotEqual(before[figure], after[figure], (figure, name))

    def test_hover_shows_the_figure_of_the_run(self) -> None:
        marks = names_of(self.text, "heat")
        for index in range(0, len(marks), 7):
            name, row = marks[index]
            text = self.browser.hover("heat", index)
            ratio = self.speed(row, "glibc").ratio
            with self.subTest(row=row):
                self.assertIn(name, text)
                self.assertIn(f"{digits(1 / ratio.median)} times as fast", text)
                self.assertIn(
                    f"interval {digits(1 / ratio.high)} to {digits(1 / ratio.low)}",
                    text,
                )
                self.assertIn(f"{row}, {len(self.run_.rates[row])} rounds", text)

    def test_hover_shows_what_campaigns_did(self) -> None:
        self.browser.redraw()
        self.assertEqual(len(dict(self.browser.run(PLACES))["campaigns"]), 9)
        text = self.browser.hover("campaigns", 0)
        for part in (
            "pool_ops, afl",
            "10,000 executions a second",
            "1 campaigns of 60 s in all, 600,000 executions, 0 findings",
            "stability 99.50%",
        ):
            self.assertIn(part, text)

    def test_hover_shows_times(self) -> None:
        for index, (_, row) in enumerate(names_of(self.text, "cost")):
            text = self.browser.hover("cost", index)
            time = verdicts.typical(self.run_.rates[row], self.run_.layouts, 0.95)
            self.assertIn(f"{digits(1e9 / time.median)} ns an allocation", text)

    def test_keys_step_through_the_marks(self) -> None:
        self.browser.run("document.querySelector('[data-figure=first] svg').focus()")
        text = []
        for _ in range(3):
            self.browser.keys("ArrowRight")
            text.append(self.browser.tip())
        self.assertEqual(len({*text, ""}), 4)
        self.browser.keys("Escape")
        self.assertEqual(self.browser.tip(), "")

    def test_every_speed_and_verdict_is_that_of_verdicts(self) -> None:
        self.browser.open(self.address + "#base=tcmalloc")
        rows = self.rows("figure[data-rows]")
        self.assertEqual(len(rows), len(self.run_.rates))
        pairs = {
            (group.workload, group.sizes, n): pair
            for group in self.table.groups
            for n, pair in group.pairs.items()
        }
        said = set()
        for workload, name, sizes, n, _, speed, low, high, verdict, noise, _ in rows:
            row = Row(workload, name, sizes, int(n))
            found = self.speed(row, "tcmalloc")
            pair = pairs[workload, sizes, row.n]
            ratio = found.ratio
            expected = [1 / ratio.median, 1 / ratio.high, 1 / ratio.low]
            with self.subTest(row=row):
                self.assertEqual(
                    [number(text) for text in (speed, low, high)],
                    [number(digits(value)) for value in expected],
                )
                self.assertEqual(number(noise), number(digits(percent(spread(pair)))))
                if name != "tcmalloc":
                    self.assertEqual(verdict, verdicts.judge(found, pair))
            said.add(verdict)
        self.assertLessEqual({"faster", "slower", "unknown", "A/A"}, said)

    def rows(self, figure: str) -> list[list[str]]:
        """The rows of a figure's table, which is opened."""
        return self.browser.run(
            "const box = document.querySelector(`${arguments[0]} details`);"
            "box.open = true; box.dispatchEvent(new Event('toggle'));"
            "return [...box.querySelectorAll('tbody tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.textContent));",
            figure,
        )

    def test_table_sorts_filters_and_is_copied(self) -> None:
        figure = "figure[data-figure=cost]"
        whole = self.rows(figure)
        head = (
            "document.querySelectorAll(`${arguments[0]} thead button`)[arguments[1]]"
            ".click()"
        )
        self.browser.run(head, figure, 4)
        values = [float(row[4]) for row in self.rows(figure)]
        self.assertEqual(values, sorted(values))
        self.browser.run(head, figure, 4)
        values = [float(row[4]) for row in self.rows(figure)]
        self.assertEqual(values, sorted(values, reverse=True))
        self.browser.run(
            "const field = document.querySelector(`${arguments[0]} input`);"
            "field.value = 'nginx'; field.dispatchEvent(new Event('input'));",
            figure,
        )
        kept = self.rows(figure)
        self.assertEqual({row[0] for row in kept}, {"nginx"})
        self.assertLess(len(kept), len(whole))
        copied = self.browser.driver.execute_async_script(
            "const done = arguments[1];"
            "navigator.clipboard.writeText = async (words) => done(words);"
            "document.querySelector(`${arguments[0]} .copy`).click();",
            figure,
        )
        lines = copied.split("\r\n")
        self.assertEqual(len(lines), 1 + len(kept) + 1)
        self.assertTrue(lines[0].startswith("name,row,mark,x,ns an allocation,low"))
        self.assertTrue(lines[1].startswith("nginx,fill/nginx/lognormal/"))

    def test_fragment_restores_the_view(self) -> None:
        for name in ("base", "unit", "traffic", "sizes", "n"):
            self.browser.choose(name, FOLLOW[name][0])
        self.browser.run("document.querySelectorAll('fieldset input')[4].click()")
        drawn = self.browser.drawn()
        address = self.browser.driver.current_url
        self.assertIn("#", address)
        self.browser.open(address)
        self.assertEqual(self.browser.drawn(), drawn)

    def test_fragment_of_another_run_is_no_error(self) -> None:
        self.browser.open(
            self.address + "#traffic=none&n=-3&unit=constructor&base=x&on=,y&sizes=z"
        )
        self.assertEqual(self.browser.driver.get_log("browser"), [])
        self.assertGreater(len(dict(self.browser.run(PLACES))["cost"]), 1)

    def test_first_screen_answers(self) -> None:
        bottoms = self.browser.run(
            "return [...document.querySelectorAll('.quote, .loss, .answers > *,"
            " [data-figure=first] svg')]"
            ".map((one) => one.getBoundingClientRect().bottom)"
        )
        self.assertEqual(len(bottoms), 2 + 2 * 5 + 1)
        self.assertLess(max(bottoms), HIGH)

    def test_nothing_moves_and_nothing_sticks_out(self) -> None:
        for width in (WIDE, NARROW):
            self.browser.open(self.address, width)
            shifted = self.browser.driver.execute_async_script(SHIFTS)
            self.assertLess(shifted, 0.01)
            whole = self.browser.run("return document.documentElement.scrollWidth")
            self.assertLessEqual(whole, width)

    def test_without_scripts_the_figures_stand(self) -> None:
        self.browser.open(self.address, has_scripts=False)
        heights = self.browser.run(
            "return [...document.querySelectorAll('figure[data-figure] svg')]"
            ".map((one) => one.getBoundingClientRect().height)"
        )
        self.assertEqual(len(heights), len(FIGURES))
        self.assertGreater(min(heights), 60)
        shown = self.browser.run(
            "return getComputedStyle(document.querySelector('form')).display"
        )
        self.assertEqual(shown, "none")

    def test_axe_finds_nothing_serious(self) -> None:
        script = axe()
        if script is None:
            self.skipTest("no npm, which brings axe-core")
        for is_dark in (False, True):
            self.browser.open(self.address, is_dark=is_dark)
            self.browser.run(
                "for (const one of document.querySelectorAll("
                "'.choices details, figure.lines details, .warnings'))"
                " one.open = true"
            )
            self.browser.run(script)
            found = self.browser.driver.execute_async_script(
                "const done = arguments[0];"
                "axe.run({exclude: ['g.mark']}, {resultTypes: ['violations']})"
                ".then(done);"
            )
            self.assertGreater(len(found["passes"]), 10)
            grave = [
                (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
                for one in found["violations"]
                if one["impact"] in ("serious", "critical")
            ]
            self.assertEqual(grave, [])


def document() -> dict[str, Any]:
    run = runs.add_measures(
        runs.document(
            COSTS,
            sizes=SIZES,
            ns=NS,
            workloads=WORKLOADS,
            rounds=9,
            layouts=7,
            layout_noise=0.03,
            noise=0.03,
        )
    )
    for entry in run["benchmarks"]:
        if entry["allocator"] == "nginx" and entry["layout"] == 3:
            entry["page_faults"] = 1.5
            if entry["n"] == 1000:
                entry["items_per_second"] *= 2.5
        if entry["allocator"] == "glibc" and entry["n"] == 1000:
            entry["page_faults"] = 2.0
    runs.fail(run, "fill/hostile/fixed64/10", f"reason: {HOSTILE}")
    for entries in run.values():
        for entry in entries if isinstance(entries, list) else ():
            if entry["allocator"] == "hostile":
                entry["allocator"] = HOSTILE
                if "name" in entry:
                    entry["name"] = entry["name"].replace("hostile", HOSTILE)
    return run


def machine() -> dict[str, Any]:
    about = runs.MACHINE["allocators"]["pool"]
    return runs.MACHINE | {
        "allocators": {
            "pool": about,
            "bump_memory": about | {"class": "limit"},
            HOSTILE: about | {"policy": HOSTILE, "path": HOSTILE},
        }
    }


def figure_of(text: str, name: str) -> str:
    _, _, rest = text.partition(f'data-figure="{name}"')
    return rest.partition("</figure>")[0]


def places_of(text: str, name: str) -> list[tuple[float, float]]:
    """The positions of a figure's marks in the SVG without a script."""
    svg = figure_of(text, name).partition("</svg>")[0]
    result = []
    for mark in svg.split('class="mark"')[1:]:
        found = re.search(r'<(?:use|rect|circle)[^>]* c?x="(\S+)" c?y="(\S+)"', mark)
        result.append((float(found[1]), float(found[2])))
    return result


def names_of(text: str, name: str) -> list[tuple[str, Row]]:
    """The names and the rows of a figure's marks, by its table."""
    import html

    body = figure_of(text, name).partition("<tbody>")[2]
    result = []
    for line in re.findall(r"<tr>(.*)</tr>", body):
        head, row = re.match(r'<th scope="row">(.*?)</th><td>(.*?)</td>', line).groups()
        head, row = html.unescape(head), html.unescape(row)
        workload, rest = row.split("/", 1)
        allocator, sizes, n = rest.rsplit("/", 2)
        result.append((head, Row(workload, allocator, sizes, int(n))))
    return result


def number(text: str) -> float:
    """A number to two digits: the page has six of a time, so a third may be wrong."""
    return float(f"{float(text):.2g}")


def axe() -> str | None:
    """axe-core's script; None where there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        for file in (Path(__file__).parent / "axe").iterdir():
            shutil.copy(file, FOLDER)
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return path.read_text(encoding="utf-8")


def missing() -> str:
    """The things that the test needs and that are missing; empty: none."""
    for path in (CHROMIUM, DRIVER):
        if not Path(path).exists():
            return path
    if webdriver is None:
        return "Debian's python3-selenium"
    if library.find() is None:
        return "Debian's node-d3-scale and node-d3-selection"
    return ""


try:
    from selenium import webdriver
    import selenium.webdriver.chrome.service
except ModuleNotFoundError:
    webdriver = None

FOLDER = Path(tempfile.gettempdir())
if __name__ == "__main__":
    if missing():
        print(f"skipped: there is no {missing()}")
        sys.exit(SKIPPED)
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        FOLDER = Path(sys.argv.pop(1)).resolve()
    unittest.main()
