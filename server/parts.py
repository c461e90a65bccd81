"""A job on files, cut into parts: what is read, what it becomes, and what is done already.

A part is some accounts of one input file, and one output file. OUT/manifest.json says which, of which inputs and under
which options, before anything is planned. An output is written under another name and moved into place when it is
whole, so that a job that was killed goes on where it stopped, and a file that is there is one that is done.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from server.columns_arrow import LAYOUT, check_schema, wanted_columns
from solver.errors import InvalidRequest, Violation
from solver.version import SOLVER_VERSION

__all__ = ["Job", "Part", "begin", "done", "job_of", "new_file", "only_one", "read", "reopen"]

PART_ACCOUNTS = 16_384  # that a part has about: so much is lost when a job is killed
PART_ROWS = 1 << 19  # rows of trees that are in memory at once, about, for every worker
PIECES = 8  # at most, that a single row group is cut into: each piece decodes those before it once more
MANIFEST, TALLY = "manifest.json", b"piewise"
HIDDEN = "."  # before the names of files that are not whole


@dataclass(frozen=True, slots=True)
class Part:
    """The accounts ``first`` to ``first + accounts`` (not included) of some row groups, and where their plans go."""

    source: str  # its path
    input: str  # its name among the inputs
    groups: tuple[int, ...]
    first: int
    accounts: int
    batch: int  # accounts planned at once
    output: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked: the input files, each as it is now, the options, and the parts."""

    inputs: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    parts: tuple[Part, ...]

    def as_manifest(self) -> dict[str, Any]:
        """As JSON has it, without the folders: they may move."""
        parts = [{**asdict(part), "groups": list(part.groups)} for part in self.parts]
        for part in parts:
            del part["source"]
        said = {"layout": LAYOUT, "solver": SOLVER_VERSION, "options": dict(self.options)}
        return {**said, "inputs": [dict(one) for one in self.inputs], "parts": parts}


def job_of(accounts: str, options: Mapping[str, Any]) -> Job:
    """The job of planning ``accounts``: a Parquet file, a folder of them, or a pattern.

    Raises
    ------
    InvalidRequest
        naming each file that is not there, is none of Parquet, is cut off, or has other columns than accounts have.
    """
    inputs, parts, faults = list[dict[str, Any]](), list[Part](), list[Violation]()
    base, paths = _found(accounts)
    for number, path in enumerate(paths):
        try:
            metadata = _opened(path)
        except InvalidRequest as refused:
            faults += refused.violations
            continue
        told = path.stat()
        name = str(path.relative_to(base))
        inputs.append({"name": name, "bytes": told.st_size, "modified_ns": told.st_mtime_ns})
        parts += _parts(path.absolute(), name, number, metadata)
    if faults:
        raise InvalidRequest(tuple(faults))
    return Job(tuple(inputs), options, tuple(parts))


def _found(accounts: str) -> tuple[Path, list[Path]]:
    """The files meant, sorted, and the folder that their names are told from."""
    path = Path(accounts)
    if path.is_dir():
        base, paths = path, sorted(path.rglob("*.parquet"))
    elif has_magic(accounts) and not path.exists():
        paths = sorted(Path(one) for one in glob(accounts, recursive=True))
        base = Path(os.path.commonpath([one.parent for one in paths])) if paths else path
    else:
        base, paths = path.parent, [path]
    paths = [one for one in paths if not any(step.startswith(HIDDEN) for step in one.relative_to(base).parts)]
    if not paths:
        told = "has no *.parquet file" if path.is_dir() else "fits no file"
        raise InvalidRequest((Violation(accounts, "NO_INPUT", f"{told}; give a Parquet file, a folder or a pattern"),))
    return base, paths


def _opened(path: Path) -> pq.FileMetaData:
    """The footer of a file of accounts; raises ``InvalidRequest``."""
    try:
        if path.stat().st_size == 0:
            raise InvalidRequest((Violation(str(path), "EMPTY_FILE", "has no bytes; give a Parquet file"),))
        with pq.ParquetFile(path) as file:
            check_schema(file.schema_arrow)
            return file.metadata
    except InvalidRequest as refused:
        raise InvalidRequest(
            tuple(
                Violation(v.field if v.field == str(path) else f"{path}: {v.field}", v.reason, v.description)
                for v in refused.violations
            )
        ) from None
    except pa.ArrowException as error:
        told = f"is no Parquet file, or is cut off: {_first_line(error)}"
        raise InvalidRequest((Violation(str(path), "NOT_PARQUET", told),)) from None
    except OSError as error:
        told = f"can not be read: {error.strerror or _first_line(error)}"
        raise InvalidRequest((Violation(str(path), "UNREADABLE", told),)) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _parts(path: Path, name: str, number: int, metadata: pq.FileMetaData) -> Iterator[Part]:
    """The parts of one file: row groups together while they are small, pieces of one that is large."""
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    batch = max(1, min(PART_ACCOUNTS, PART_ROWS // max(1, _largest_tree(metadata))))
    nth, waiting, together = 0, list[int](), 0

    def part(groups: list[int], first: int, accounts: int) -> Part:
        output = f"plans-{number:05d}-{nth:05d}.parquet"
        return Part(str(path), name, tuple(groups), first, accounts, batch, output)

    for group, size in enumerate(sizes):
        waiting.append(group)
        together += size
        if together < PART_ACCOUNTS and group + 1 < len(sizes):
            continue
        piece = max(PART_ACCOUNTS, -(-together // PIECES)) if len(waiting) == 1 else together
        for first in range(0, max(together, 1), max(piece, 1)):
            yield part(waiting, first, min(piece, together - first))
            nth += 1
        waiting, together = [], 0
    if not sizes:
        yield part([], 0, 0)


def _largest_tree(metadata: pq.FileMetaData) -> int:
    """How many rows an account has, the mean of the row group where it is largest."""
    largest = 1
    for group in range(metadata.num_row_groups):
        told = metadata.row_group(group)
        values = max((told.column(c).num_values for c in range(told.num_columns)), default=0)
        largest = max(largest, -(-values // max(told.num_rows, 1)))
    return largest


def read(part: Part) -> Iterator[pa.RecordBatch]:
    """The accounts of ``part``, ``part.batch`` at once; no more of the file is in memory."""
    with pq.ParquetFile(part.source, buffer_size=1 << 20) as file:
        columns = wanted_columns(file.schema_arrow)
        seen, last = 0, part.first + part.accounts
        for batch in file.iter_batches(part.batch, row_groups=list(part.groups), columns=columns):
            begin, end = max(part.first - seen, 0), min(last - seen, batch.num_rows)
            if begin < end:
                yield batch.slice(begin, end - begin)
            seen += batch.num_rows
            if seen >= last:
                return


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A name to write under; what is there in the end is moved to ``path``, whole and on disk, or nothing is."""
    hidden = path.with_name(f"{HIDDEN}{path.name}.{os.getpid()}")
    try:
        yield hidden
        with hidden.open("rb") as written:
            os.fsync(written.fileno())
        hidden.replace(path)
    finally:
        with suppress(OSError):
            hidden.unlink()


def begin(job: Job, out: Path) -> None:
    """Write the manifest of ``job`` into ``out``, or see that the one there is the same.

    Raises
    ------
    InvalidRequest
        where ``out`` is no folder, has other files, or was begun with other inputs or options.
    """
    if out.exists() and not out.is_dir():
        raise InvalidRequest((Violation(str(out), "NOT_A_FOLDER", "is a file; give a folder for the plans"),))
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob(f"{HIDDEN}*.parquet.*"):  # by a job that was killed
        left.unlink(missing_ok=True)
    if (out / MANIFEST).exists():
        reopen(job, out)
        return
    others = [one.name for one in out.iterdir() if not one.name.startswith(HIDDEN)]
    if others:
        told = f"holds {min(others)}, and no {MANIFEST} of a batch; give an empty folder, or a new one"
        raise InvalidRequest((Violation(str(out), "NOT_EMPTY", told),))
    with new_file(out / MANIFEST) as hidden:
        hidden.write_text(json.dumps(job.as_manifest(), indent=1) + "\n")


def reopen(job: Job, out: Path) -> None:
    """See that ``out`` was begun with ``job``; raises ``InvalidRequest`` that names what is different."""
    wanted = job.as_manifest()
    try:
        there = json.loads((out / MANIFEST).read_text())
    except FileNotFoundError:
        told = f"has no {MANIFEST}; give the folder that `piewise batch` wrote"
        raise InvalidRequest((Violation(str(out), "NO_MANIFEST", told),)) from None
    except ValueError:
        told = "is no JSON; remove the folder, and plan the accounts again"
        raise InvalidRequest((Violation(str(out / MANIFEST), "NOT_A_MANIFEST", told),)) from None
    changed = [name for name in wanted if not isinstance(there, dict) or there.get(name) != wanted[name]]
    if changed:
        told = f"was begun with other {' and '.join(changed)}{_difference(there, wanted)}"
        told += "; give what it was begun with, or another folder"
        raise InvalidRequest((Violation(str(out), "ANOTHER_JOB", told),))


def _difference(there: Any, wanted: Mapping[str, Any]) -> str:
    """The first file, or else the options, that is another."""
    if not isinstance(there, dict):
        return ""
    if there.get("options") != wanted["options"]:
        return f" ({there.get('options')}, now {wanted['options']})"
    known = {str(one.get("name")): one for one in there.get("inputs", [])}
    names = {str(one["name"]): one for one in wanted["inputs"]}
    for name in sorted(names.keys() | known.keys()):
        if known.get(name) != names.get(name):
            what = "is new" if name not in known else "is gone" if name not in names else "has changed"
            return f" ({name} {what})"
    return ""


def done(part: Part, out: Path) -> dict[str, Any] | None:
    """What the output of ``part`` counted when it was written; None where it is not there, or not whole."""
    try:
        metadata = pq.read_metadata(out / part.output)
        tally = json.loads(metadata.metadata[TALLY])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return dict(tally) if metadata.num_rows == part.accounts else None


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Keep ``out`` to this process; raises ``InvalidRequest`` where another one writes there."""
    if out.exists() and not out.is_dir():
        raise InvalidRequest((Violation(str(out), "NOT_A_FOLDER", "is a file; give a folder for the plans"),))
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{HIDDEN}lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = "is being written by another `piewise batch`; wait for it, or give another folder"
            raise InvalidRequest((Violation(str(out), "IN_USE", told),)) from None
        yield
