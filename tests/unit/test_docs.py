"""Every Python block of docs/PROBLEM.md runs, in order and in one namespace, and prints the block that follows it.

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

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCKS = re.compile(r"^```python\n(.*?)^```\n(?:\n*^```\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def told(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_page_says_what_it_prints() -> None:
    found = BLOCKS.findall((DOCS / "PROBLEM.md").read_text())
    assert len(found) >= 9
    names: dict[str, object] = {"__name__": "docs"}
    for number, (code, output) in enumerate(found, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"docs/PROBLEM.md, block {number}", "exec"), names)
        assert told(printed.getvalue()) == told(output), f"block {number}"


def test_the_page_fits() -> None:
    lines = (DOCS / "PROBLEM.md").read_text().splitlines()
    assert len(lines) <= 300
    assert not [line for line in lines if len(line) > 120]


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
