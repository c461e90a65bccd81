"""A whole book, Parquet to Parquet: time, memory, proof, and what the machine could do at most (roofline)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import Progress

from benchmarks.tables import Table, figure
from solver import Engine
from solver.bulk import plan_columns, recheck
from solver.columns import QUALITIES, Accounts, part

__all__ = ["MILLION", "book_tables", "proof_table", "roofline_table", "sampled"]

MILLION = 1_000_000
TARGET_SECONDS_A_MILLION, TARGET_TIMES, TARGET_BYTES = 30.0, 3.0, 2 << 30
SEED = 1  # of the book, as `piewise example` has it by itself, and of the sample
WATCHED_SECONDS = 0.2
SHORT_AND_LONG = 5, 45  # how many times the loop is run to count its instructions
COMMAND = [sys.executable, "-m", "server.cli"]


def book_tables(progress: Progress, accounts: int) -> list[Table]:
    """``piewise batch`` of a book of so many accounts, a tenth of it and ten of it, beside rewriting them unplanned.

    The plans of the book itself are all checked again by ``piewise verify``.
    """
    rows, checked = [], ("", "", "")
    with tempfile.TemporaryDirectory() as folder:
        for size in progress.track((accounts // 10, accounts, 10 * accounts), description="books"):
            book, out = Path(folder) / f"{size}.parquet", Path(folder) / f"plans{size}"
            subprocess.run([*COMMAND, "example", "--batch", str(size), str(book)], check=True, capture_output=True)
            seconds, peak = watched([*COMMAND, "batch", str(book), str(out)])
            plain, _ = watched([sys.executable, "-m", "benchmarks.books", str(book), f"{out}-plain"])
            rows.append(_book_row(size, seconds, peak, plain, _proved(out)))
            if size == accounts:
                verified = subprocess.run([*COMMAND, "verify", str(book), str(out)], capture_output=True, text=True)
                checked = (f"{size:,}", " ".join(verified.stdout.split()), str(verified.returncode))
            for done in (book, out, Path(f"{out}-plain")):
                shutil.rmtree(done) if done.is_dir() else done.unlink()
    note = (
        "20 slices in 4 pies, $1 minimum, Parquet to Parquet with start-up, targets in brackets; unplanned: read by "
        "the same engine and written again; memory: of all processes together, at most."
    )
    columns = ("accounts", "seconds", "accounts/s", "unplanned s", "times", "peak MiB", "OPTIMAL")
    told = "Every certificate of a book, by `piewise verify`, which asks the checker alone; 0 is nothing found."
    return [
        Table("A book, Parquet to Parquet", note, columns, tuple(rows)),
        Table("A book checked again", told, ("accounts", "what it says", "exit code"), (checked,), words=True),
    ]


def _book_row(size: int, seconds: float, peak: int, plain: float, proved: int) -> tuple[str, ...]:
    most = TARGET_SECONDS_A_MILLION * size / MILLION
    return (
        f"{size:,}",
        f"{seconds:.1f} ({most:g})" if size >= MILLION else f"{seconds:.1f}",  # below, the start is most of it
        f"{size / seconds:,.0f}",
        f"{plain:.1f}",
        f"{seconds / plain:.2f} ({TARGET_TIMES:g})",
        f"{peak / (1 << 20):,.0f} ({TARGET_BYTES >> 20:,})",
        f"{proved:,}",
    )


def _proved(out: Path) -> int:
    import pyarrow.parquet as pq

    found = 0
    for file in sorted(out.glob("*.parquet")):
        found += pq.read_table(file, columns=["quality"]).column("quality").to_pylist().count("OPTIMAL")
    return found


def watched(command: list[str]) -> tuple[float, int]:
    """Seconds that a command took, and the most bytes that it and its children held together."""
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, sum(_resident(pid) for pid in _family(process.pid)))
            time.sleep(WATCHED_SECONDS)
        assert process.stderr is not None
        if process.returncode:
            raise RuntimeError(process.stderr.read().decode())
    return time.perf_counter() - started, peak


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(found for child in children for found in _family(int(child)))]


def _resident(pid: int) -> int:
    """Bytes in memory, what is shared counted in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def sampled(accounts: int, count: int) -> Accounts:
    """So many of a book's ``accounts``, every set of them as likely and the same each time; they are in its order."""
    import pyarrow as pa

    from server.book import book
    from server.columns_arrow import accounts_of

    chosen = np.sort(np.random.default_rng(SEED).choice(accounts, size=count, replace=False))
    parts, first = [], 0
    for block in book(accounts, SEED):
        parts.append(block.take(pa.array(chosen[(chosen >= first) & (chosen < first + len(block))] - first)))
        first += len(block)
    found, faults = accounts_of(pa.Table.from_batches(parts).combine_chunks().to_batches()[0])
    assert not faults
    return found


def proof_table(progress: Progress, accounts: int, count: int) -> Table:
    """``count`` of a book's ``accounts``: all certificates checked again, and all plans beside HiGHS's."""
    sample = sampled(accounts, count)
    ours = plan_columns(sample).plans
    found, task = 0, progress.add_task("checked again", total=count)
    for account in range(count):
        found += not recheck(sample, ours, account)
        progress.advance(task)
    progress.remove_task(task)
    equal, task = 0, progress.add_task("planned by HiGHS", total=count)
    for first in range(0, count, 100):
        last = min(first + 100, count)
        other = plan_columns(part(sample, first, last), Engine.HIGHS).plans
        slack = np.maximum(other.rounding_slack, 1e-9 * np.maximum(1.0, other.tracking_error))
        same = np.abs(ours.tracking_error[first:last] - other.tracking_error) <= slack
        for name in ("cash_left", "retired_excess"):
            same &= getattr(ours, name)[first:last] == getattr(other, name)
        equal += int(same.sum())
        progress.advance(task, last - first)
    progress.remove_task(task)
    rows = (
        ("proved OPTIMAL", str(int((ours.quality == QUALITIES.index("OPTIMAL")).sum())), str(count)),
        ("the independent checker agrees", str(found), str(count)),
        ("equal to HIGHS in cash, retired excess and J", str(equal), str(count)),
    )
    told = f"{count:,} of the {accounts:,} accounts of the book, drawn at random (seed {SEED})."
    return Table("Proof", told, ("what", "accounts", "of"), rows)


def roofline_table(book: Accounts) -> Table:
    """What the loop does an account, and the least time that this machine could take for it."""
    count = len(book.event)
    plan_columns(part(book, 0, 64))
    started = time.perf_counter()
    plans = plan_columns(book).plans
    taken = 1e6 * (time.perf_counter() - started) / count
    moved = sum(column.nbytes for column in (*book, *plans)) / count
    bandwidth = _bandwidth()
    rows = [
        ("time, one core", f"{figure(taken)} µs", ""),
        ("columns read and written", f"{moved:,.0f} bytes", f"{1e6 * moved / bandwidth:.3f} µs at the copying speed"),
    ]
    counted = _instructions(count)
    if counted:
        instructions, cycles = counted
        ghz = cycles / taken / 1e3
        rows.append(("instructions", f"{instructions:,.0f}", f"{instructions / 4 / ghz / 1e3:.2f} µs at four a cycle"))
        rows.append(("cycles", f"{cycles:,.0f}", f"{instructions / cycles:.2f} instructions a cycle, {ghz:.1f} GHz"))
    note = f"An account of 20 slices in the compiled loop; memory is copied at {bandwidth / 1e9:.1f} GB/s here."
    return Table("Roofline of the loop", note, ("what", "an account", "at least"), tuple(rows), words=True)


def _bandwidth() -> float:
    """Bytes a second that one core reads and writes when it only copies."""
    source = np.ones(1 << 25)
    target, best = np.empty_like(source), np.inf
    for _ in range(5):
        started = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - started)
    return 2 * source.nbytes / best


def _instructions(accounts: int) -> tuple[float, float] | None:
    """Instructions and cycles an account, from two runs of different length; ``None`` where perf counts none.

    The longer one is so long that starting Python, which is in both, is small beside what lies between them.
    """
    if not shutil.which("perf"):
        return None
    counted = []
    for times in SHORT_AND_LONG:
        told = [sys.executable, "-m", "benchmarks.books", "--loop", str(accounts), str(times)]
        found = subprocess.run(
            ["perf", "stat", "-x,", "-e", "instructions:u,cycles:u", *told], capture_output=True, text=True, check=False
        )
        lines = [line.split(",") for line in found.stderr.splitlines() if line.count(",") > 3]
        figures = [float(line[0]) for line in lines if line[0].isdigit()]
        if found.returncode or len(figures) != 2:
            return None
        counted.append(figures)
    more = (SHORT_AND_LONG[1] - SHORT_AND_LONG[0]) * accounts
    a, b = ((counted[1][i] - counted[0][i]) / more for i in range(2))
    return a, b


def rewritten(folder: str, task: str) -> str:
    """Read one part of a job and write it again as it is, with the same settings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from server.batch import PARQUET, part_of
    from server.columns_arrow import ACCOUNTS
    from server.parts import read

    one = part_of(task)
    settings = {**PARQUET, "use_dictionary": ["account_id", "event", "slice_id.list.element"]}
    writer = None
    for batch in read(one):
        table = pa.Table.from_batches([batch])
        writer = writer or pq.ParquetWriter(Path(folder) / one.output, table.schema, **settings)
        writer.write_table(table, row_group_size=one.batch)
    if writer:
        writer.close()
    return str(len(ACCOUNTS.names))


def main(arguments: list[str]) -> None:
    """``BOOK OUT``: rewrite a book unplanned; ``--loop ACCOUNTS TIMES``: only the loop, for counters around it."""
    if arguments[0] == "--loop":
        from benchmarks.wire import book

        accounts = book(int(arguments[1]))
        for _ in range(int(arguments[2])):
            plan_columns(accounts)
        return
    from server.batch import prepared
    from server.spreading import Execution, spread

    source, out = arguments
    os.makedirs(out)
    tasks = [json.dumps(asdict(one)) for one in prepared(source, Engine.KERNEL).parts]
    for _ in spread(partial(rewritten, str(Path(out).absolute())), tasks, Execution()):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
