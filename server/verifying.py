"""``piewise verify``: every plan that ``piewise batch`` wrote, held against its account by the independent checker.

Nothing is taken from the engine: the problem is built anew, its rules are checked in integers, J is computed again, the
bound is recomputed from the evidence, and what no plan was made for is asked of another engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.batch import part_of
from server.columns_arrow import PLANS, accounts_of, plans_of
from server.parts import Job, Part, done, read, reopen
from server.spreading import Execution, Stopped, spread
from solver.bulk import plan_columns, recheck
from solver.columns import Accounts, EventKind, Plans
from solver.errors import InvalidRequest, Violation
from solver.rules import Engine

__all__ = ["Finding", "Verdict", "verify_files"]

SHOWN = 100  # findings kept of each part; all are counted


@dataclass(frozen=True, slots=True)
class Finding:
    """What the checker has against one row of an output file."""

    output: str
    row: int
    account_id: str | None
    told: str


@dataclass(slots=True)
class Verdict:
    """How many rows were looked at, plans and refusals, and what was found."""

    plans: int = 0
    refusals: int = 0
    faulty: int = 0
    findings: tuple[Finding, ...] = ()


def verify_files(job: Job, out: Path, execution: Execution, told: Callable[[int], None]) -> Verdict:
    """Check every plan of ``job`` in ``out``; ``told`` hears of accounts as they are checked.

    Raises
    ------
    InvalidRequest
        where ``out`` is another job's, or where parts of it are missing.
    Stopped
        where a file can not be read, or a worker died.
    """
    reopen(job, out)
    missing = [part.output for part in job.parts if done(part, out) is None]
    if missing:
        said = f"{len(missing)} of {len(job.parts)} files are missing or not whole, {missing[0]} first"
        told_so = f"{said}; run the same `piewise batch` again, it goes on from there"
        raise InvalidRequest((Violation(str(out), "NOT_COMPLETE", told_so),))
    verdict, found = Verdict(), list[Finding]()
    work = partial(_check_part, str(out.absolute()))
    for answer in spread(work, [json.dumps(asdict(part)) for part in job.parts], execution):
        said = json.loads(answer)
        if "stopped" in said:
            raise Stopped(said["stopped"])
        verdict.plans += said["plans"]
        verdict.refusals += said["refusals"]
        verdict.faulty += said["faulty"]
        found += [Finding(said["output"], *one) for one in said["findings"]]
        told(said["plans"] + said["refusals"])
    verdict.findings = tuple(sorted(found, key=lambda one: (one.output, one.row)))
    return verdict


def _check_part(out: str, task: str) -> str:
    """Check the plans of one part: counts and findings as JSON."""
    part = part_of(task)
    counted: dict[str, Any] = {"output": part.output, "plans": 0, "refusals": 0, "faulty": 0, "findings": []}
    try:
        for row, account_id, told in _found(part, Path(out), counted):
            counted["faulty"] += 1
            if len(counted["findings"]) < SHOWN:
                counted["findings"].append((row, account_id, told))
    except (OSError, pa.ArrowException) as error:
        return json.dumps({"stopped": f"{part.output} or {part.source} can not be read: {error}"})
    return json.dumps(counted)


def _found(part: Part, out: Path, counted: dict[str, Any]) -> Iterator[tuple[int, str | None, str]]:
    with pq.ParquetFile(out / part.output) as file:
        if not file.schema_arrow.equals(PLANS):
            counted["plans"] += part.accounts
            yield 0, None, "its columns are not those of plans"
            return
        written, seen = _rows(file), 0
        for batch in read(part):
            plans = pa.Table.from_batches(list(written(batch.num_rows))).combine_chunks().to_batches()[0]
            ids = plans.column("account_id").to_pylist()
            for row, told in _of_batch(batch, plans, counted):
                yield seen + row, ids[row], told
            seen += batch.num_rows


def _rows(file: pq.ParquetFile) -> Callable[[int], Iterator[pa.RecordBatch]]:
    """A reader of the next so many rows of ``file``."""
    batches, left = file.iter_batches(1 << 12), list[pa.RecordBatch]()

    def take(rows: int) -> Iterator[pa.RecordBatch]:
        while rows:
            batch = left.pop() if left else next(batches)
            if batch.num_rows > rows:
                left.append(batch.slice(rows))
            yield batch.slice(0, rows)
            rows -= min(rows, batch.num_rows)

    return take


def _of_batch(batch: pa.RecordBatch, plans: pa.RecordBatch, counted: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """What is found in as many accounts and plans, row by row."""
    planned = plans.column("error").is_null().to_numpy(zero_copy_only=False)
    counted["plans"] += int(planned.sum())
    counted["refusals"] += int((~planned).sum())
    if "account_id" in batch.schema.names:
        own, theirs = batch.column("account_id").to_pylist(), plans.column("account_id").to_pylist()
        yield from ((row, f"is of {theirs[row]}, not {own[row]}") for row in range(len(own)) if own[row] != theirs[row])
    yield from _of_plans(batch, plans, np.flatnonzero(planned))
    yield from _of_refusals(batch, plans, np.flatnonzero(~planned))


def _of_plans(batch: pa.RecordBatch, plans: pa.RecordBatch, rows: Any) -> Iterator[tuple[int, str]]:
    if not len(rows):
        return
    accounts, faults = accounts_of(batch.take(pa.array(rows)))
    try:
        made, offsets = plans_of(plans.take(pa.array(rows)))
    except (pa.ArrowException, ValueError) as error:
        yield from ((int(row), f"can not be read as a plan: {error}") for row in islice(rows, 1))
        return
    if not np.array_equal(offsets, accounts.start):
        wrong = np.flatnonzero(np.diff(offsets) != np.diff(accounts.start))
        yield from ((int(rows[at]), "trade has not one entry a row of the account") for at in wrong)
        return
    cash = _cash_after(accounts, made)
    for at, row in enumerate(rows.tolist()):
        told = faults[at].description if at in faults else recheck(accounts, made, at)
        if not told and cash[at] != made.cash_after[at]:
            told = f"{cash[at]} is in cash afterwards, not {made.cash_after[at]}"
        if told:
            yield row, told


def _cash_after(accounts: Accounts, plans: Plans) -> Any:
    """Cash, with what comes in, without what goes out and what is bought; minor units, by account."""
    running = np.concatenate(([0], np.cumsum(plans.trade)))
    bought = running[accounts.start[1:]] - running[accounts.start[:-1]]
    moved = np.where(accounts.event == EventKind.DEPOSIT, accounts.amount, 0)
    return accounts.cash + moved - np.where(accounts.event == EventKind.WITHDRAWAL, accounts.amount, 0) - bought


def _of_refusals(batch: pa.RecordBatch, plans: pa.RecordBatch, rows: Any) -> Iterator[tuple[int, str]]:
    """Rows without a plan, asked again of the pipeline."""
    if not len(rows):
        return
    accounts, faults = accounts_of(batch.take(pa.array(rows)))
    again = {**plan_columns(accounts, Engine.AUTO).refusals, **faults}
    errors = plans.column("error").take(pa.array(rows)).to_pylist()
    for at, row in enumerate(rows.tolist()):
        if at not in again:
            yield row, f"is refused ({errors[at]['reason']}), and can be planned"
        elif again[at].reason != errors[at]["reason"]:
            yield row, f"is refused as {errors[at]['reason']}; it should be {again[at].reason}"
