"""``make mutate``: flip one comparison or sign at a time in the mathematics, and see that a test notices.

Each mutant is written over a copy of the project, and a fast part of the suite is run there. Survivors are printed;
any of them makes the exit code 1. ``--limit`` takes an evenly spread sample.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).parents[1]
FILES = ("problem", "cents", "certificate")
SUITE = ("tests/unit", "tests/property")
SECONDS = 240
FLIPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.USub: ast.UAdd,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every mutant of ``source``: what was flipped and where, and the new source."""
    spots = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.BinOp | ast.UnaryOp | ast.Compare)]
    for number, spot in enumerate(spots):
        operators = spot.ops if isinstance(spot, ast.Compare) else [spot.op]
        for position, operator in enumerate(operators):
            if type(operator) not in FLIPS:
                continue
            tree = ast.parse(source)
            found = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp | ast.UnaryOp | ast.Compare)][number]
            flipped = FLIPS[type(operator)]()
            if isinstance(found, ast.Compare):
                found.ops[position] = flipped  # type: ignore[call-overload]
            else:
                found.op = flipped  # type: ignore[assignment]
            name = f"line {spot.lineno}: {type(operator).__name__} -> {type(flipped).__name__}"
            yield name, ast.unparse(tree)


def survives(file: str, source: str) -> bool:
    """Whether the suite passes with ``source`` in place of ``file``."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        )
        (copy / file).write_text(source)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *SUITE]
        try:
            done = subprocess.run(command, cwd=copy, capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> None:
    """Run all mutants, or a sample, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=0, help="at most so many mutants a file, evenly spread; 0: all")
    wanted = parser.parse_args()
    work = []
    for name in FILES:
        file = f"solver/{name}.py"
        found = list(mutants((ROOT / file).read_text()))
        step = max(1, len(found) // wanted.limit) if wanted.limit else 1
        work += [(file, what, source) for what, source in found[::step]]
    survivors = []
    with Progress(console=Console(stderr=True)) as progress, ThreadPoolExecutor(2) as pool:
        task = progress.add_task("mutants", total=len(work))
        for (file, what, _), alive in zip(work, pool.map(lambda w: survives(w[0], w[2]), work), strict=True):
            progress.advance(task)
            if alive:
                survivors.append(f"{file} {what}")
    print(f"{len(work)} mutants, {len(survivors)} survivors", *survivors, sep="\n")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
