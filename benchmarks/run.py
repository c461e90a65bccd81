"""``make bench``: times beside their targets. ``make bench-full``: the whole suite, kept in RESULTS.md with plots.

``make bench-rules``: the caller's rules by size; ``make bench-columns``: accounts in columns, a whole book among them;
``make bench-day``: the trading day in columns. These replace their own sections of RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from google.protobuf.json_format import MessageToJson
from rich.console import Console
from rich.progress import Progress

from benchmarks.engines import limits_table
from benchmarks.instances import DEPTHS, FAMILIES, SIZES, suite
from benchmarks.judging import Judged, beaten, run_suite
from benchmarks.phases import PHASE_CASES, phase_table, phases
from benchmarks.plots import PICTURES, draw
from benchmarks.quality import headline, quality_tables
from benchmarks.rules import Measured, beaten_by_scip, rule_cases, rule_tables, run_rules
from benchmarks.tables import Table
from benchmarks.timing import GROWTH_ACCOUNTS, growth, growth_tables, targets, time_table
from server.requests import plan_request

QUICK_STEP = 9  # one case in so many is enough to see that everything runs
RULES_TITLE = "# The caller's rules"
COLUMNS_TITLE = "# Accounts in columns"
DAY_TITLE = "# The trading day"
TITLES = (RULES_TITLE, COLUMNS_TITLE, DAY_TITLE)
PACKAGES = ("highspy", "numpy", "scipy", "cvxpy", "PySCIPOpt", "pyportfolioopt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a plan marked OPTIMAL was beaten."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole suite, and not only the targets")
    parser.add_argument("--rules", action="store_true", help="only the caller's rules, by size and event")
    parser.add_argument("--columns", action="store_true", help="only accounts in columns: the loop, the wire, a book")
    parser.add_argument("--day", action="store_true", help="only the trading day: triggers to books, in columns")
    parser.add_argument("--quick", action="store_true", help="a few instances of each, to see that everything runs")
    parser.add_argument("--write", metavar="DIR", type=Path, help="keep tables and plots as DIR/RESULTS.md")
    wanted = parser.parse_args(arguments)
    wide = wanted.full or wanted.rules or wanted.columns or wanted.day
    console, screen = Console(width=180 if wide else 100), Console(stderr=True)
    started = time.monotonic()
    with Progress(console=screen, transient=True) as progress:
        if wanted.rules and not wanted.full:
            return _rules_alone(wanted.quick, wanted.write, progress, console, started)
        if wanted.columns and not wanted.full:
            return _columns_alone(wanted.quick, wanted.write, progress, console, started)
        if wanted.day and not wanted.full:
            return _day_alone(wanted.quick, wanted.write, progress, console, started)
        families, repeats = (FAMILIES[:1], 2) if wanted.quick else (FAMILIES, 5)
        first = targets(progress, families, repeats)
        if not wanted.full:
            first.show(console)
            return 0
        return _full(first, wanted.quick, wanted.write, progress, console, started)


def _full(first: Table, quick: bool, folder: Path | None, progress: Progress, console: Console, started: float) -> int:
    """The suite after its ``first`` table."""
    cases = list(suite({(5,): 1, (2, 3): 1}))[::QUICK_STEP] if quick else list(suite())
    judged = run_suite(cases, progress)
    sizes, depths, accounts = (SIZES[:2], ((4,), (2, 2)), 1) if quick else (SIZES, DEPTHS, GROWTH_ACCOUNTS)
    grown = growth(progress, sizes, "slices", accounts) + growth(progress, depths, "levels", accounts)
    measured = phases(PHASE_CASES[: 2 if quick else None], progress)
    ruled = _rules(quick, progress)
    tables = [*quality_tables(judged), limits_table(), time_table(judged), first, phase_table(measured)]
    tables += growth_tables(grown)
    section = _section(ruled, "make bench-full", started)
    for table in tables:
        table.show(console)
    for table in rule_tables(ruled):
        table.show(console)
    head, found = _head("make bench-full", len(cases), started), "\n".join(f"- {line}" for line in headline(judged))
    console.print(head, found, sep="\n")
    if folder:
        draw(judged, grown, measured, folder)
        pictures = "\n".join(f"![{name}]({name})\n" for name in PICTURES)
        parts = [f"# Results\n\n{head}\n{found}\n\n{pictures}", *(table.markdown() for table in tables), section]
        path = folder / "RESULTS.md"
        columns = path.read_text().partition(f"\n{COLUMNS_TITLE}\n") if path.exists() else ("", "", "")
        path.write_text("\n".join(parts) + "".join(columns[1:]))
    return max(print_beaten(judged), _print_beaten_by_scip(ruled))


def _rules(quick: bool, progress: Progress) -> Measured:
    return run_rules(list(rule_cases({(4,): 1, (2, 2): 1}))[::QUICK_STEP] if quick else list(rule_cases()), progress)


def _rules_alone(quick: bool, folder: Path | None, progress: Progress, console: Console, started: float) -> int:
    """The rules' tables, and their section of RESULTS.md written anew; what stands before it stays."""
    ruled = _rules(quick, progress)
    for table in rule_tables(ruled):
        table.show(console)
    if folder:
        _keep(folder, RULES_TITLE, _section(ruled, "make bench-rules", started))
    return _print_beaten_by_scip(ruled)


def _columns_alone(quick: bool, folder: Path | None, progress: Progress, console: Console, started: float) -> int:
    """The tables of columns, and their section of RESULTS.md written anew; 1 where a plan is not what HiGHS's is."""
    from benchmarks.books import MILLION  # Arrow and Daft are an extra
    from benchmarks.columns import column_tables

    accounts = 2_000 if quick else MILLION
    tables = column_tables(progress, accounts, quick)
    return _shown(tables, COLUMNS_TITLE, _head("make bench-columns", accounts, started), folder, console)


def _day_alone(quick: bool, folder: Path | None, progress: Progress, console: Console, started: float) -> int:
    """The tables of the trading day, and their section of RESULTS.md written anew."""
    from benchmarks.books import MILLION
    from benchmarks.day_tables import day_tables

    accounts = 20_000 if quick else MILLION
    tables = day_tables(progress, accounts)
    return _shown(tables, DAY_TITLE, _head("make bench-day", accounts, started), folder, console)


def _shown(tables: Sequence[Table], title: str, head: str, folder: Path | None, console: Console) -> int:
    for table in tables:
        table.show(console)
    if folder:
        text = "\n".join(table.markdown() for table in tables)
        _keep(folder, title, f"{title}\n\n{head}\n{text}")
    return 0


def _keep(folder: Path, title: str, section: str) -> None:
    """Write ``section`` into RESULTS.md in place of the one that was there, or at its end."""
    path = folder / "RESULTS.md"
    text = path.read_text() if path.exists() else "# Results\n"
    before, _, rest = text.partition(f"\n{title}\n")
    after = next((rest[rest.index(f"\n{other}\n") :] for other in TITLES if f"\n{other}\n" in rest), "\n")
    path.write_text(f"{before.rstrip()}\n\n{section.rstrip()}\n{after}")


def _section(ruled: Measured, command: str, started: float) -> str:
    """The last section of RESULTS.md."""
    tables = "\n".join(table.markdown() for table in rule_tables(ruled))
    return f"{RULES_TITLE}\n\n{_head(command, len(ruled), started)}\n{tables}"


def _print_beaten_by_scip(ruled: Measured) -> int:
    lost = beaten_by_scip(ruled)
    for line in lost:
        print(line, file=sys.stderr)
    return 1 if lost else 0


def _head(command: str, cases: int, started: float) -> str:
    """Machine, date, versions."""
    minutes = (time.monotonic() - started) / 60
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    machine = f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(versions)}"
    busy = f"load average {os.getloadavg()[0]:.1f} at the end; over {os.cpu_count()}, times are of a busy machine"
    return f"`{command}` on {date.today()}: {cases} cases in {minutes:.0f} minutes, {busy}.\n{machine}.\n"


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def print_beaten(judged: Judged) -> int:
    """Every beaten OPTIMAL plan as a ready request, for ``piewise compare -``; 1 where there is one."""
    lost = beaten(judged)
    for claimed, other in lost:
        portfolio, event, rules = claimed.case.posed()
        print(f"{claimed.case.name}: {claimed.engine} {claimed.rank}, {other.engine} {other.rank}", file=sys.stderr)
        print(MessageToJson(plan_request(portfolio, event, rules.min_trade)), file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
