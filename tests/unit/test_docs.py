"""Every Python block in docs/ runs, in order and in one namespace a page, and prints the block that follows it.

The table in the README is the one that the prompt prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.cases import CASES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("COLUMNS.md", "DAY.md", "DAY_COLUMNS.md", "INSIDE.md", "PROBLEM.md", "RULES.md", "TEXTS.md", "TRADING.md")
BLOCKS = re.compile(r"^```python\n(.*?)^```\n(?:\n*^```\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def told(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("page", "blocks"),
    [("COLUMNS.md", 1), ("DAY_COLUMNS.md", 1), ("PROBLEM.md", 1), ("RULES.md", 11), ("TRADING.md", 1)],
)
def test_the_page_says_what_it_prints(page: str, blocks: int) -> None:
    found = BLOCKS.findall((DOCS / page).read_text())
    assert len(found) >= blocks
    names: dict[str, object] = {"__name__": "docs"}
    for number, (code, output) in enumerate(found, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"docs/{page}, block {number}", "exec"), names)
        assert told(printed.getvalue()) == told(output), f"block {number}"


@pytest.mark.parametrize("page", PAGES)
def test_the_page_fits(page: str) -> None:
    lines = (DOCS / page).read_text().splitlines()
    assert len(lines) <= 300
    assert not [line for line in lines if len(line) > 120]


def test_links_lead_to_pages_and_headings() -> None:
    for source in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(DOCS / page for page in PAGES)]:
        for path, anchor in re.findall(r"\]\(([\w/.]+\.md)(?:#([\w-]+))?\)", source.read_text()):
            headings = re.findall(r"^#+ (.*)$", (source.parent / path).read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, (source.name, path, anchor)


RULES = [
    "Minimum trade, and a security's own",
    "Blocked sides",
    "Largest position",
    "Smallest position",
    "Cash floor",
    "Deposit threshold",
    "Several events at once",
    "Quantities and steps",
]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_formula_and_a_plan(rule: str) -> None:
    """And the greedy result beside it."""
    _, section = (DOCS / "RULES.md").read_text().split(f"\n## {rule}\n")
    section = section.split("\n## ")[0]
    formula = re.search(r"^    \S.*$", BLOCKS.sub("", section), re.MULTILINE)
    assert formula or "§1 has the formula" in section
    assert re.search(r"^optimum  J", section, re.MULTILINE)
    assert re.search(r"^greedy   J", section, re.MULTILINE)


def test_every_behaviour_of_the_published_texts_has_its_lines_and_a_test() -> None:
    section = (DOCS / "TEXTS.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    rows = [row for row in rows if row[0] != "behaviour" and row[0].strip("-")]
    of_the_day = ("triggers", "sessions", "decisions", "blocks", "fills", "replans", "updates")
    day, plans = (part.count("\n| ") - 1 for part in section.split("\n## ")[1:3])
    assert day + plans == len(rows)
    rooms = [ROOT / "tests" / room for room in ("seeds", "property", "unit")]
    of_plans = "\n".join(path.read_text() for room in rooms for path in sorted(room.glob("*.py")))
    of_days = "\n".join((ROOT / "tests" / "unit" / f"test_{name}.py").read_text() for name in of_the_day)
    texts = set(re.findall(r"\b([A-Z])\s(?:allio|m1)-[\w-]+\.txt", section))
    assert texts == set("AHPRT")
    for number, (behaviour, lines, test) in enumerate(rows):
        assert re.fullmatch(r"[AHPRT]:\d+(?:, [AHPRT]:\d+)*", lines), behaviour
        assert (of_days if number < day else of_plans).count(f"def {test}(") == 1, test
    assert day >= 36
    stated = {f"T:{case.line}" for case in CASES}
    told = {line for _, lines, test in rows for line in lines.split(", ") if test == "test_stated_result"}
    assert stated <= told


def test_sources_point_to_sections_that_exist() -> None:
    sections = set(re.findall(r"^## (\d)\.", (DOCS / "PROBLEM.md").read_text(), re.MULTILINE))
    for source in (p for room in ("solver", "server", "tests") for p in (ROOT / room).rglob("*.py")):
        for named in re.findall(r"PROBLEM\.md ((?:§\d(?:,? and |, )?)+)", source.read_text()):
            assert set(re.findall(r"§(\d)", named)) <= sections, source


def prompt(*words: str, stdin: str = "") -> str:
    wide = os.environ | {"COLUMNS": "200"}
    command = [sys.executable, "-m", "server.cli", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, env=wide, check=True).stdout


def test_the_readme_compares_as_the_prompt_does() -> None:
    """Row by row: some columns are left out, none is different."""
    table = next(b for b in (ROOT / "README.md").read_text().split("```") if "GREEDY_REFILL  " in b)
    printed = prompt("compare", "-", stdin=prompt("example", "shallow")).splitlines()
    rows = [re.split(r" {2,}", line.strip()) for line in table.strip().splitlines()]
    whole = [re.split(r" {2,}", line.strip()) for line in printed]
    columns = next(cells for cells in whole if cells[0] == "engine")
    for row in rows[1:]:
        cells = dict(zip(columns, next(cells for cells in whole if cells[0] == row[0]), strict=False))
        assert row == [cells[name] for name in rows[0]]
