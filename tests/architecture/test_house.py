"""The house's laws: imports run one way, functions and files stay small, stubs are current."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.server.stubs import stale_stubs

ROOT = Path(__file__).parents[2]
SOURCES = [
    p for room in ("solver", "server") for p in sorted((ROOT / room).rglob("*.py")) if "generated" not in p.parts
]
# what a module may import from its own room: only what stands before it
SOLVER_ORDER = [
    "errors",
    "version",
    "money",
    "steps",
    "securities",
    "portfolio",
    "events",
    "rules",
    "later",
    "plan",
    "tree",
    "columns",
    "domains",
    "ideal",
    "modes",
    "netting",
    "problem",
    "building",
    "targets",
    "funds",
    "conflicts",
    "situations",
    "sums",
    "stage",
    "surplus",
    "side_by_side",
    "cash",
    "retired",
    "engines.proposal",
    "engines.joint",
    "engines.highs",
    "looser",
    "network",
    "cents",
    "lattice",
    "bound",
    "lagrangian",
    "enumeration",
    "certificate",
    "relaxation",
    "prover",
    "engines.choices",
    "engines.whole",
    "engines.reference",
    "engines.kernel.compiled",
    "engines.kernel.memory",
    "engines.kernel.tree",
    "engines.kernel.prices",
    "engines.kernel.sorting",
    "engines.kernel.rows",
    "engines.kernel.curves",
    "engines.kernel.cents",
    "engines.kernel.counts",
    "engines.kernel.refining",
    "engines.kernel.branching",
    "engines.kernel.engine",
    "engines.kernel.splitting",
    "engines.kernel.posing",
    "engines.kernel.twins",
    "engines.kernel.checking",
    "engines.kernel.loop",
    "engines.kernel.alone",
    "engines.kernel.proposing",
    "shares",
    "greedy",
    "search",
    "sentences",
    "reasons",
    "attribution",
    "orders",
    "report",
    "quick",
    "planning",
    "bulk",
    "comparison",
    "costs",
    "trading.clocks",
    "trading.triggers",
    "trading.trigger_columns",
    "trading.sessions",
    "trading.accounts",
    "trading.decisions",
    "trading.decision_columns",
    "trading.blocks",
    "trading.block_columns",
    "trading.quotients",
    "trading.book_columns",
    "trading.replan_columns",
    "trading.books",
    "trading.checks",
    "trading.fills",
    "trading.updates",
]
SERVER_ORDER = [
    "conversion",
    "writing",
    "requests",
    "cases",
    "examples",
    "status",
    "tables",
    "plots",
    "express",
    "answers",
    "columns",
    "bulk",
    "shadow",
    "trading_conversion",
    "trading_writing",
    "books_conversion",
    "day_columns",
    "trading_answers",
    "book_columns",
    "windows",
    "service",
    "trading",
    "main",
    "day_requests",
    "day_client",
    "client",
    "demo",
    "columns_arrow",
    "book",
    "parts",
    "spreading",
    "batch",
    "verifying",
    "files",
    "cli",
]


def imports(path: Path) -> set[str]:
    """Every module imported anywhere in the file, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    seen = imports(path)
    if name.startswith("solver"):
        assert not [m for m in seen if m.split(".")[0] in ("server", "grpc", "google", "time", "random")]
    if not name.endswith("highs"):
        assert "highspy" not in seen
    if not name.endswith("kernel.compiled"):
        assert "numba" not in seen
    if not name.endswith("trading.sessions"):
        assert not [m for m in seen if m.split(".")[0] in ("exchange_calendars", "pandas")]
    for room, order in (("solver", SOLVER_ORDER), ("server", SERVER_ORDER)):
        own = name.removeprefix(f"{room}.")
        if own in order and name != own:
            later = order[order.index(own) :]
            assert not [m for m in seen if m.removeprefix(f"{room}.") in later and m.startswith(f"{room}.")]


def test_every_module_has_its_place() -> None:
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in SOURCES if p.name != "__init__.py"}
    assert names == {f"solver.{n}" for n in SOLVER_ORDER} | {f"server.{n}" for n in SERVER_ORDER}


def test_certificate_trusts_no_engine() -> None:
    for module in ("certificate", "bound"):
        assert not [m for m in imports(ROOT / "solver" / f"{module}.py") if "engines" in m or "prover" in m]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_small(path: Path) -> None:
    assert path.read_text().count("\n") <= 400
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or (node.end_lineno or 0) - body[0].lineno < 70, node.name


def test_stubs_are_current() -> None:
    assert stale_stubs() == []
