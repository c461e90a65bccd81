"""The commands on files of accounts: ``piewise batch``, ``piewise verify`` and ``piewise example --batch``.

What reads Parquet is an extra (``piewise[batch]``), so it is imported where it is asked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from server.tables import make_console
from solver import Engine, EngineUnavailable, InvalidRequest

if TYPE_CHECKING:
    from server.batch import Tally
    from server.verifying import Verdict

__all__ = ["EXIT_CODES", "EXIT_CODES_OF_VERIFY", "batch_command", "verify_command", "write_book"]

DONE, FOUND, BAD_REQUEST, STOPPED = range(4)
EXIT_CODES = "Exit code: 0 done, 2 what is asked can not be done, 3 stopped midway, 4 internal error."
EXIT_CODES_OF_VERIFY = EXIT_CODES.replace("0 done", "0 nothing found, 1 something found")
SHOWN = 20  # findings in the table


class Executor(Enum):
    """Where a batch runs."""

    LOCAL = "local"
    RAY = "ray"


class SolverEngine(Enum):
    """Which engine plans: those that prove what they plan."""

    KERNEL = Engine.KERNEL.value
    HIGHS = Engine.HIGHS.value
    AUTO = Engine.AUTO.value


Accounts = Annotated[str, typer.Argument(help="A Parquet file of accounts, a folder of them, or a pattern.")]
Out = Annotated[Path, typer.Argument(help="A folder for the plans; begun by the same job, it goes on from there.")]
Runs = Annotated[Executor, typer.Option("--engine", help="On this machine's cores, or on a Ray cluster.")]
Address = Annotated[str | None, typer.Option(help="HOST:PORT of a Ray cluster; without it, one of its own.")]
Workers = Annotated[int, typer.Option(help="Processes at a time; 0 takes every core.", min=0, max=4096)]
Solver = Annotated[SolverEngine, typer.Option("--solver-engine", help="Which engine plans.")]


def batch_command(
    accounts: Accounts,
    out: Out,
    engine: Runs = Executor.LOCAL,
    address: Address = None,
    workers: Workers = 0,
    solver_engine: Solver = SolverEngine.KERNEL,
) -> None:
    """Plan every account of Parquet files into Parquet files; docs/COLUMNS.md has the columns.

    An account that can not be planned has an error in its row. Killed or stopped midway, the same command goes on.
    """
    with _told():
        from server.batch import plan_files, prepared
        from server.parts import only_one
        from server.spreading import Execution

        execution = Execution(_on_ray(engine, address), address, workers)
        job = prepared(accounts, Engine(solver_engine.value))
        if solver_engine is SolverEngine.KERNEL and not execution.ray:
            _compile()
        began, before = time.monotonic(), 0
        with only_one(out), _progress("planning", sum(part.accounts for part in job.parts)) as bar:

            def told(count: int, earlier: bool) -> None:
                nonlocal before
                before += count if earlier else 0
                bar.done_before(count) if earlier else bar.done(count)

            tally = plan_files(job, out, execution, told)
        make_console().print(_summary(tally, before, time.monotonic() - began))


def _compile() -> None:
    """Compile the kernel before the workers start, which otherwise each do; later runs find it on disk."""
    with Console(stderr=True).status("preparing the kernel: half a minute the first time of all"):
        from solver.engines.kernel.loop import prepare

        prepare()


def verify_command(
    accounts: Accounts,
    out: Annotated[Path, typer.Argument(help="The folder that `piewise batch` wrote.")],
    engine: Runs = Executor.LOCAL,
    address: Address = None,
    workers: Workers = 0,
    solver_engine: Solver = SolverEngine.KERNEL,
) -> None:
    """Check every plan that `piewise batch` wrote: its rules, its tracking error, and its bound from the evidence."""
    with _told():
        from server.batch import prepared
        from server.spreading import Execution
        from server.verifying import verify_files

        execution = Execution(_on_ray(engine, address), address, workers)
        job = prepared(accounts, Engine(solver_engine.value))
        with _progress("checking", sum(part.accounts for part in job.parts)) as bar:
            verdict = verify_files(job, out, execution, bar.done)
        _print_verdict(make_console(), verdict)
    raise typer.Exit(FOUND if verdict.faulty else DONE)


def write_book(accounts: int, file: Path, seed: int) -> None:
    """Write a book of ``accounts`` accounts to ``file``, block by block; it is there when it is whole."""
    with _told():
        import pyarrow.parquet as pq

        from server.book import BLOCK, BOOK, book
        from server.parts import new_file

        names = ["account_id", "event", "slice_id.list.element"]
        with (
            _progress("writing", accounts) as bar,
            new_file(file) as hidden,
            pq.ParquetWriter(hidden, BOOK, compression="zstd", use_dictionary=names) as writer,
        ):
            for block in book(accounts, seed):
                writer.write_batch(block, row_group_size=BLOCK)
                bar.done(block.num_rows)
        print(f"{file}: {accounts:,} accounts, {file.stat().st_size / 1e6:,.1f} MB")


def _on_ray(engine: Executor, address: str | None) -> bool:
    if address and engine is not Executor.RAY:
        _fail(BAD_REQUEST, "--address: is of a Ray cluster; give --engine ray beside it")
    return engine is Executor.RAY


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with the request, or with the machine, in words and as an exit code."""
    missing = [name for name in ("daft", "pyarrow") if find_spec(name) is None]
    if missing:
        _fail(BAD_REQUEST, f"{' and '.join(missing)}: not installed here; pip install 'piewise[batch]'")
    from server.spreading import Stopped

    try:
        yield
    except InvalidRequest as refused:
        _fail(BAD_REQUEST, "\n".join(f"{v.field}: {v.description} ({v.reason})" for v in refused.violations))
    except EngineUnavailable as error:
        _fail(BAD_REQUEST, str(error))
    except Stopped as error:
        _fail(STOPPED, f"{error}\nWhat is written stays, and is whole: the same command goes on from there.")
    except OSError as error:
        _fail(STOPPED, f"{error.filename or 'the files'}: {error.strerror or error}")


class _Bar:
    """A progress bar of accounts; those done before are no part of its rate."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task, self.before, self.began = progress, task, 0, time.monotonic()
        self.now = 0

    def done_before(self, count: int) -> None:
        self.before += count
        self.progress.reset(self.task, completed=self.before)

    def done(self, count: int) -> None:
        self.now += count
        rate = self.now / max(time.monotonic() - self.began, 1e-3)
        self.progress.update(self.task, advance=count, rate=f"{rate:,.0f}")


@contextmanager
def _progress(what: str, total: int) -> Iterator[_Bar]:
    rate, columns = TextColumn("{task.fields[rate]}/s"), (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, rate, console=Console(stderr=True)) as progress:
        yield _Bar(progress, progress.add_task(what, total=total, rate="-"))


def _summary(tally: Tally, before: int, seconds: float) -> Table:
    table = Table("accounts", "", box=SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.columns[1].justify = "right"
    planned = sum(tally.by_quality.values())
    table.add_row("accounts", f"{tally.accounts:,}")
    if before:
        table.add_row("  done before", f"{before:,}")
    table.add_row("planned", f"{planned:,}")
    for quality, count in sorted(tally.by_quality.items(), reverse=True):
        table.add_row(f"  {quality}", f"{count:,} ({count / planned:.2%})")
    table.add_row("refused", f"{sum(tally.refused.values()):,}")
    for reason, count in tally.refused.most_common():
        table.add_row(f"  {reason}", f"{count:,}")
    table.add_row("seconds", f"{seconds:,.1f}")
    table.add_row("accounts/s", f"{(tally.accounts - before) / seconds:,.0f}")
    return table


def _print_verdict(console: Console, verdict: Verdict) -> None:
    console.print(f"{verdict.plans:,} plans and {verdict.refusals:,} refusals checked, {verdict.faulty:,} faulty")
    if not verdict.faulty:
        return
    table = Table("file", "row", "account", "finding", box=SIMPLE_HEAD, pad_edge=False)
    for one in verdict.findings[:SHOWN]:
        table.add_row(one.output, str(one.row), one.account_id or "-", one.told)
    console.print(table)
    if verdict.faulty > SHOWN:
        console.print(f"and {verdict.faulty - SHOWN:,} more")


def _fail(code: int, text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise typer.Exit(code)
