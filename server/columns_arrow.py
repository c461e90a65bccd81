"""Accounts and plans as Arrow columns, the layout of ``solver/columns.py`` a row an account; docs/COLUMNS.md tells it.

Lists lie in Arrow as the layout has them, offsets and values, so nothing here is done account by account, but for
telling what is wrong with those that can not be planned. A row whose columns do not fit together is handed on without
a tree and carries an error of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from solver.bulk import Planned
from solver.columns import (
    BOUND_SOURCES,
    CUTS,
    ENGINES,
    EVIDENCE,
    QUALITIES,
    Accounts,
    EventKind,
    Plans,
    Refusal,
    no_plans,
)
from solver.errors import InvalidRequest, Violation

__all__ = [
    "ACCOUNTS",
    "LAYOUT",
    "LISTS",
    "PLANS",
    "accounts_of",
    "check_schema",
    "plans_batch",
    "plans_of",
    "wanted_columns",
]

LAYOUT = 1  # of both schemas; another number where a column changes its meaning

_INTS, _FLOATS, _TEXTS = (pa.list_(kind) for kind in (pa.int64(), pa.float64(), pa.string()))
_NAMES = pa.dictionary(pa.int8(), pa.string())
ERROR = pa.struct([("reason", pa.string()), ("description", pa.string())])

ACCOUNTS = pa.schema(
    [
        ("account_id", pa.string()),
        ("event", pa.string()),
        ("amount", pa.int64()),
        ("event_row", pa.int64()),
        ("cash", pa.int64()),
        ("min_trade", pa.int64()),
        ("parent", _INTS),
        ("target_weight", _INTS),
        ("value", _INTS),
        ("blocked", _INTS),
        ("slice_id", _TEXTS),
    ]
)
OPTIONAL = ("account_id", "blocked", "slice_id")
CARRIED = ("account_id", "slice_id")
BY_ACCOUNT = ("amount", "event_row", "cash", "min_trade")
BY_ROW = ("parent", "target_weight", "value", "blocked")

PLANS = pa.schema(
    [
        ("account_id", pa.string()),
        ("error", ERROR),
        ("quality", _NAMES),
        ("engine", _NAMES),
        ("bound_source", _NAMES),
        ("cash_after", pa.int64()),
        ("cash_left", pa.int64()),
        ("retired_excess", pa.int64()),
        ("tracking_error", pa.float64()),
        ("lower_bound", pa.float64()),
        ("rounding_slack", pa.float64()),
        ("slice_id", _TEXTS),
        ("trade", _INTS),
        ("ideal", _FLOATS),
        ("evidence_branch", _INTS),
        ("evidence_row", _INTS),
        ("multiplier", _FLOATS),
        ("cut_branch", _INTS),
        ("cut_row", _INTS),
        ("cut_least", _INTS),
        ("cut_most", _INTS),
    ]
)
FIGURES = ("cash_after", "cash_left", "retired_excess", "tracking_error", "lower_bound", "rounding_slack")
LISTS = {"evidence_start": EVIDENCE, "cut_start": CUTS}
_EVENTS = pa.array([kind.name for kind in EventKind])
_ENGINE_NAMES = [engine.value for engine in sorted(ENGINES, key=lambda engine: ENGINES[engine])]


def check_schema(schema: pa.Schema) -> None:
    """Refuse a table that has no accounts; raises ``InvalidRequest`` naming each column that is missing or no such."""
    faults = []
    for field in ACCOUNTS:
        at = schema.get_all_field_indices(field.name)
        if len(at) > 1:
            faults.append(Violation(field.name, "REPEATED_COLUMN", f"is there {len(at)} times; give it once"))
        elif not at and field.name not in OPTIONAL:
            faults.append(Violation(field.name, "MISSING_COLUMN", f"is not there; give a column of {field.type}"))
        elif at and not _fits(schema.field(at[0]).type, field.type):
            told = f"has the type {schema.field(at[0]).type}; give {field.type}"
            faults.append(Violation(field.name, "WRONG_TYPE", told))
    if faults:
        raise InvalidRequest(tuple(faults))


def wanted_columns(schema: pa.Schema) -> list[str]:
    """The columns of ``schema`` that are read; others are passed over."""
    return [name for name in ACCOUNTS.names if name in schema.names]


def _fits(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of ``given`` is one of ``wanted``, however it is stored."""
    if pa.types.is_dictionary(given):
        given = given.value_type
    if pa.types.is_list(wanted):
        listed = pa.types.is_list(given) or pa.types.is_large_list(given) or pa.types.is_fixed_size_list(given)
        return listed and _fits(given.value_type, wanted.value_type)
    if pa.types.is_string(wanted):
        return bool(pa.types.is_string(given) or pa.types.is_large_string(given) or pa.types.is_string_view(given))
    return bool(pa.types.is_integer(given) and given != pa.uint64())


def accounts_of(batch: pa.RecordBatch) -> tuple[Accounts, dict[int, Refusal]]:
    """The rows of ``batch`` as columns of accounts, and what is wrong with rows whose columns do not fit together.

    Such a row has no tree in the columns. The schema is one that ``check_schema`` let pass. Without faults the figures
    are Arrow's own memory.
    """
    columns = {name: _cast(batch.column(name), ACCOUNTS.field(name).type) for name in wanted_columns(batch.schema)}
    lists = [name for name in BY_ROW if name in columns]
    faults = dict(_faults(columns, lists))
    kind = pc.index_in(columns["event"], value_set=_EVENTS)
    if faults:
        sound = np.ones(batch.num_rows, dtype=bool)
        sound[list(faults)] = False
        for name in lists:
            columns[name] = pc.if_else(pa.array(sound), columns[name], pa.scalar([], _INTS))
        columns |= {name: columns[name].fill_null(0) for name in BY_ACCOUNT}
    offsets = columns["parent"].offsets.to_numpy()
    rows = {name: _entries(columns[name]) for name in lists}
    rows.setdefault("blocked", np.zeros(len(rows["parent"]), dtype=np.int64))
    figures = {name: columns[name].to_numpy() for name in BY_ACCOUNT}
    start = offsets.astype(np.int64) - (int(offsets[0]) if len(offsets) else 0)
    event = kind.fill_null(-1).to_numpy().astype(np.int64) + 1
    return Accounts(start=start, event=event, **figures, **rows), faults


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _entries(column: pa.ListArray) -> Any:
    """The values of a column of lists, those of all its rows together."""
    offsets = column.offsets
    first, last = (offsets[0].as_py(), offsets[-1].as_py()) if len(offsets) else (0, 0)
    return column.values[first:last].to_numpy()


def _faults(columns: dict[str, pa.Array], lists: list[str]) -> Iterator[tuple[int, Refusal]]:
    """What is wrong with a row, the first fault last: it is the one that stays."""
    length = pc.list_value_length(columns["parent"])
    for name in ("slice_id", *reversed(lists[1:])):
        if name in columns:
            own = pc.list_value_length(columns[name])
            for row in _rows(pc.not_equal(own, length)):
                told = f"{name}: has {own[row]} entries, and parent {length[row]}; give one a row of the tree"
                yield row, Refusal("WRONG_LENGTH", told)
    known = pc.is_in(columns["event"], value_set=_EVENTS)
    for row in _rows(pc.invert(known)):
        told = f"event: is {columns['event'][row]}; give one of {', '.join(_EVENTS.to_pylist())}"
        yield row, Refusal("UNKNOWN_EVENT", told)
    for name in reversed(lists):
        for row in _with_null_entries(columns[name]):
            yield row, Refusal("NULL_VALUE", f"{name}: has an entry that is null; give a number for every row")
    for name in reversed(("event", *BY_ACCOUNT, *lists)):
        right = (
            f"one of {', '.join(_EVENTS.to_pylist())}" if name == "event" else "a value, 0 where there is none to give"
        )
        for row in _rows(columns[name].is_null()):
            yield row, Refusal("NULL_VALUE", f"{name}: is null; give {right}")


def _rows(mask: pa.Array) -> list[int]:
    """Where ``mask`` is true."""
    found: list[int] = np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False)).tolist()
    return found


def _with_null_entries(column: pa.ListArray) -> list[int]:
    offsets = column.offsets.to_numpy()
    if not len(column) or not column.values.null_count:
        return []
    at = np.flatnonzero(column.values.is_null().to_numpy(zero_copy_only=False))
    at = at[(at >= offsets[0]) & (at < offsets[-1])]
    rows: list[int] = np.unique(np.searchsorted(offsets, at, side="right") - 1).tolist()
    return rows


def plans_batch(batch: pa.RecordBatch, accounts: Accounts, planned: Planned, faults: dict[int, Refusal]) -> pa.Table:
    """The plans of the accounts of ``batch``, a row an account, its ids carried through."""
    count, plans = batch.num_rows, planned.plans
    refusals = {**planned.refusals, **faults}
    none = np.zeros(count, dtype=bool)
    none[list(refusals)] = True
    columns: dict[str, pa.Array] = {}
    for name in CARRIED:
        given, kind = name in batch.schema.names, PLANS.field(name).type
        columns[name] = _cast(batch.column(name), kind) if given else pa.nulls(count, kind)
    columns["error"] = _errors(count, none, refusals)
    columns["quality"] = _named(plans.quality, QUALITIES, none)
    columns["engine"] = _named(plans.engine - np.uint8(1), _ENGINE_NAMES, none)
    columns["bound_source"] = _named(plans.bound_source, BOUND_SOURCES, none)
    columns |= {name: pa.array(getattr(plans, name), mask=none) for name in FIGURES}
    columns |= {name: _lists(accounts.start, getattr(plans, name), none) for name in ("trade", "ideal")}
    for start, names in LISTS.items():
        columns |= {name: _lists(getattr(plans, start), getattr(plans, name), none) for name in names}
    return pa.table([columns[name] for name in PLANS.names], schema=PLANS)


def _errors(count: int, none: Any, refusals: dict[int, Refusal]) -> pa.Array:
    if not refusals:
        return pa.nulls(count, ERROR)
    told: list[dict[str, str] | None] = [None] * count
    for account, refusal in refusals.items():
        told[account] = {"reason": refusal.reason, "description": refusal.description}
    return pa.array(told, ERROR)


def _named(numbers: Any, names: Any, none: Any) -> pa.Array:
    indices = pa.array(np.where(none, 0, numbers).astype(np.int8), mask=none)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))


def _lists(start: Any, values: Any, none: Any) -> pa.Array:
    """Lists from offsets and values; of accounts without a plan they are null, and empty, as Parquet wants it."""
    if none.any():
        sizes = np.diff(start)
        values = values[np.repeat(~none, sizes)]
        start = np.concatenate(([0], np.cumsum(np.where(none, 0, sizes))))
    mask = pa.array(none) if none.any() else None
    return pa.ListArray.from_arrays(pa.array(start.astype(np.int32)), pa.array(values), mask=mask)


def plans_of(batch: pa.RecordBatch) -> tuple[Plans, Any]:
    """Plans read back, all rows of which have a plan, and the offsets of their ``trade``.

    ``plans_batch`` and this are each other's inverse on such rows.
    """
    plans = no_plans(0, 0)
    changed: dict[str, Any] = {name: batch.column(name).to_numpy() for name in FIGURES}
    named = {"quality": list(QUALITIES), "engine": _ENGINE_NAMES, "bound_source": list(BOUND_SOURCES)}
    for name, known in named.items():
        found = pc.index_in(_cast(batch.column(name), pa.string()), value_set=pa.array(known))
        changed[name] = (found.to_numpy() + (name == "engine")).astype(np.uint8)
    changed |= {name: _entries(batch.column(name)) for name in ("trade", "ideal")}
    for start, names in LISTS.items():
        offsets = batch.column(names[0]).offsets.to_numpy().astype(np.int64)
        changed[start] = offsets - offsets[0]
        changed |= {name: _entries(batch.column(name)) for name in names}
    offsets = batch.column("trade").offsets.to_numpy().astype(np.int64)
    return plans._replace(**changed), offsets - offsets[0]
