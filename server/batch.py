"""``piewise batch``: every account of some Parquet files planned, into Parquet, on all cores; see ``parts.py``.

A worker reads a part, plans it batch by batch through ``plan_columns`` and writes its output. What is wrong with an
account stands in its row; what is wrong with a file, a disk or a worker ends the job, and what is written stays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.columns_arrow import PLANS, accounts_of, plans_batch
from server.parts import TALLY, Job, Part, begin, done, job_of, new_file, read
from server.spreading import Execution, Stopped, spread
from solver.bulk import plan_columns
from solver.columns import QUALITIES
from solver.errors import InvalidRequest
from solver.planning import require
from solver.rules import Engine

__all__ = ["Tally", "part_of", "plan_files", "prepared"]

COLUMN_ENGINES = (Engine.KERNEL, Engine.HIGHS, Engine.AUTO)
# figures hardly repeat: a dictionary of them costs more than it saves, names do
PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": ["account_id", "quality", "engine", "error.reason", "slice_id.list.element"],
}


@dataclass(slots=True)
class Tally:
    """How many accounts came to what: planned by quality, refused by reason."""

    accounts: int = 0
    by_quality: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, told: Mapping[str, Any]) -> None:
        self.accounts += told["accounts"]
        self.by_quality.update(told["by_quality"])
        self.refused.update(told["refused"])

    def counted(self) -> dict[str, Any]:
        """As JSON has it."""
        by_quality = {name: count for name, count in sorted(self.by_quality.items()) if count}
        return {"accounts": self.accounts, "by_quality": by_quality, "refused": dict(sorted(self.refused.items()))}


def prepared(accounts: str, engine: Engine) -> Job:
    """The job of planning ``accounts`` with ``engine``.

    Raises
    ------
    InvalidRequest
        as ``job_of`` does.
    EngineUnavailable
        where the engine is not installed here.
    """
    require(engine)
    return job_of(accounts, {"engine": engine.value})


def plan_files(job: Job, out: Path, execution: Execution, told: Callable[[int, bool], None]) -> Tally:
    """Plan all parts of ``job`` that are not done into ``out``; ``told`` hears of accounts, and if done before.

    Raises
    ------
    InvalidRequest
        where ``out`` is another job's (``begin``), or an input can not be read to its end.
    Stopped
        where a disk is full or a worker died; the same job goes on from there.
    """
    begin(job, out)
    tally, open_parts = Tally(), list[Part]()
    for part in job.parts:
        counted = done(part, out)
        if counted is None:
            open_parts.append(part)
        else:
            tally.add(counted)
            told(part.accounts, True)
    work = partial(_plan_part, str(out.absolute()), str(job.options["engine"]))
    for answer in spread(work, [json.dumps(asdict(part)) for part in open_parts], execution):
        counted = json.loads(answer)
        if "stopped" in counted:
            raise Stopped(counted["stopped"])
        tally.add(counted)
        told(counted["accounts"], False)
    return tally


def part_of(task: str) -> Part:
    """A part as a worker gets it."""
    said = json.loads(task)
    return Part(**{**said, "groups": tuple(said["groups"])})


def _plan_part(out: str, engine: str, task: str) -> str:
    """Plan one part and write its output; its tally as JSON, or why the job has to stop."""
    part = part_of(task)
    target = Path(out) / part.output
    try:
        with new_file(target) as hidden:
            return json.dumps(_written(part, Engine(engine), hidden))
    except InvalidRequest as refused:
        return json.dumps({"stopped": f"{part.source}: {refused}"})
    except pa.ArrowException as error:
        return json.dumps({"stopped": f"{part.source} can not be read to its end: {error}"})
    except OSError as error:
        return json.dumps({"stopped": f"{part.source} could not be planned into {target}: {error}"})


def _written(part: Part, engine: Engine, hidden: Path) -> dict[str, Any]:
    tally = Tally()
    with pq.ParquetWriter(hidden, PLANS, **PARQUET) as writer:
        for plans in _planned(part, engine, tally):
            writer.write_table(plans, row_group_size=part.batch)
        counted = tally.counted()
        if tally.accounts != part.accounts:
            raise pa.ArrowInvalid(f"{part.accounts} accounts were to be read, {tally.accounts} were there")
        writer.add_key_value_metadata({TALLY.decode(): json.dumps(counted)})
    return counted


def _planned(part: Part, engine: Engine, tally: Tally) -> Iterator[pa.Table]:
    for batch in read(part):
        accounts, faults = accounts_of(batch)
        planned = plan_columns(accounts, engine)
        plans = plans_batch(batch, accounts, planned, faults)
        refusals = {**planned.refusals, **faults}
        counted = np.bincount(planned.plans.quality, minlength=len(QUALITIES)).tolist()
        tally.add(
            {
                "accounts": batch.num_rows,
                "by_quality": dict(zip(QUALITIES[1:], counted[1:], strict=True)),
                "refused": Counter(refusal.reason for refusal in refusals.values()),
            }
        )
        yield plans
