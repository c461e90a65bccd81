"""``make mutate``: flip one comparison or sign at a time in the mathematics, and see that a test notices.

Each worker has one copy of the project and writes its mutants over it, one after the other. A mutant meets the tests
of its own module first, then the other unit tests, then the properties, and dies at the first that fails; most live
for a second. Hypothesis draws the same examples every time (``CI=true``): two runs find the same survivors.
Survivors are printed, any of them makes the exit code 1; none is excused.

Flipped are ``+``, ``-``, ``==``, ``is``, ``in`` and their opposites, also in ``+=`` and as a sign, and each order
twice: at its edge (``<`` to ``<=``) and the other way round (``<`` to ``>``).
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

ROOT = Path(__file__).parents[1]
MODULES = ("problem", "building", "netting", "cents", "certificate", "retired")
TESTED_BY = {"building": "problem"}  # where a module's own tests have another name
SECONDS = 1_200  # for all tests without any mutant
LONGER = 3  # a flipped loop may never end: a mutant whose tests take so many times as long is noticed too
FLIPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {  # an order is flipped at its edge, and the other way round
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.USub: (ast.UAdd,),
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "build", "*.egg-info")


@dataclass(frozen=True)
class Mutant:
    """One flip: in which module and line, what became of which expression, and the module's new source."""

    module: str
    line: int
    flip: str
    source: str

    def __str__(self) -> str:
        return f"solver/{self.module}.py:{self.line}: {self.flip}"


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of ``module``, in the order of its lines."""
    tree = ast.parse((ROOT / "solver" / f"{module}.py").read_text())
    spots = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp | ast.UnaryOp | ast.AugAssign | ast.Compare)]
    for spot in sorted(spots, key=lambda n: (n.lineno, n.col_offset, n.end_col_offset or 0)):
        before = ast.unparse(spot)
        for position, operator in enumerate(spot.ops if isinstance(spot, ast.Compare) else [spot.op]):
            for flipped in FLIPS.get(type(operator), ()):
                _put(spot, position, flipped())
                yield Mutant(module, spot.lineno, f"{before}  ->  {ast.unparse(spot)}", ast.unparse(tree))
                _put(spot, position, operator)


def _put(spot: Any, position: int, operator: ast.AST) -> None:
    if isinstance(spot, ast.Compare):
        spot.ops[position] = operator  # type: ignore[call-overload]
    else:
        spot.op = operator


class Copy:
    """A copy of the project in which one worker tries its mutants, and those that were stopped there for their time."""

    def __init__(self, folder: Path, limit: float = SECONDS) -> None:
        self.folder, self.limit = folder, limit
        self.endless: list[Mutant] = []

    @classmethod
    def tested(cls, folder: Path) -> Copy:
        """A fresh copy in which the tests pass, and have left behind all that is worth compiling only once."""
        shutil.copytree(ROOT, folder, ignore=LEFT_BEHIND)
        copy = cls(folder)
        for module in MODULES:  # written as mutants are: what they fail by is the flip alone
            copy._path(module).write_text(ast.unparse(ast.parse(copy._path(module).read_text())))
        began = time.monotonic()
        if not copy._passes(copy._tests(), SECONDS, compiling=True):
            sys.exit("the tests fail without any mutant: CI=true python -m pytest tests/unit tests/property")
        for module in MODULES:  # one that changes within a second must not be read from what was compiled before
            for compiled in (folder / "solver" / "__pycache__").glob(f"{module}.*.pyc"):
                compiled.unlink()
        copy.limit = LONGER * (time.monotonic() - began)
        return copy

    def another(self, folder: Path) -> Copy:
        """A second copy like this one, for another worker."""
        return Copy(shutil.copytree(self.folder, folder), self.limit)

    def survives(self, mutant: Mutant) -> bool:
        """Whether every test passes with the mutant in place of its module."""
        path = self._path(mutant.module)
        original = path.read_text()
        path.write_text(mutant.source)
        own = [f"tests/unit/test_{TESTED_BY.get(mutant.module, mutant.module)}.py"]
        others = [test for test in self._tests() if test not in own]
        try:
            return self._passes(own, self.limit / 10) and self._passes(others, self.limit)
        except subprocess.TimeoutExpired:
            self.endless.append(mutant)
            return False
        finally:
            path.write_text(original)

    def _path(self, module: str) -> Path:
        return self.folder / "solver" / f"{module}.py"

    def _tests(self) -> list[str]:
        """The files that mutants meet, the quick ones first."""
        return [
            str(path.relative_to(self.folder))
            for room in ("unit", "property")
            for path in sorted((self.folder / "tests" / room).glob("test_*.py"))
        ]

    def _passes(self, tests: list[str], seconds: float, compiling: bool = False) -> bool:
        environment = dict(os.environ, CI="true", PYTHONPATH=str(self.folder))
        environment["PYTHONDONTWRITEBYTECODE"] = "" if compiling else "1"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        code = subprocess.run(command, cwd=self.folder, env=environment, timeout=seconds, **quiet).returncode
        if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise FileNotFoundError(f"no tests were run of {tests}")  # nobody noticed anything, nobody looked
        return code == pytest.ExitCode.OK


def run(work: list[Mutant], workers: int, console: Console) -> tuple[list[Mutant], list[Mutant]]:
    """Try every mutant: the survivors, each printed as soon as it is known, and those stopped for their time."""
    survivors = []
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as progress:
        task = progress.add_task("mutants", total=len(work))
        copies = [Copy.tested(Path(folder) / "0")]
        copies += [copies[0].another(Path(folder) / str(number)) for number in range(1, workers)]
        idle: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            idle.put(copy)

        def alive(mutant: Mutant) -> bool:
            copy = idle.get()
            try:
                return copy.survives(mutant)
            finally:
                idle.put(copy)

        with ThreadPoolExecutor(workers) as pool:
            for mutant, lives in zip(work, pool.map(alive, work), strict=True):
                progress.advance(task)
                if lives:
                    survivors.append(mutant)
                    console.print(f"survives: {mutant}", markup=False)
    return survivors, [mutant for copy in copies for mutant in copy.endless]


def main() -> None:
    """Run all mutants, or a sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", choices=MODULES, help="only this one")
    parser.add_argument("--limit", type=int, default=0, help="at most so many mutants a module, evenly spread; 0: all")
    parser.add_argument("--workers", type=int, default=2, help="mutants tried at a time")
    wanted = parser.parse_args()
    work = []
    for module in [wanted.module] if wanted.module else MODULES:
        found = list(mutants(module))
        work += found[:: -(-len(found) // wanted.limit) if wanted.limit else 1]
    console = Console(highlight=False, soft_wrap=True)
    survivors, endless = run(work, wanted.workers, console)
    for mutant in endless:
        console.print(f"stopped: {mutant}", markup=False)
    console.print(f"{len(work)} mutants, {len(survivors)} survivors, {len(endless)} stopped for their time")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
