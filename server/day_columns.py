"""Columns of the trading day to bytes and back, for server and client: what ``solver.trading``'s own are laid out as.

Numbers as they lie in memory, little-endian: int64, int32 where accounts and securities are counted, a byte where a
column only says yes or no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import Message

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import InvalidRequest, Violation
from solver.money import currency_violation
from solver.trading.decision_columns import DecisionColumns, DecisionRows
from solver.trading.trigger_columns import TriggerColumns

__all__ = [
    "check_currency",
    "decision_columns_message",
    "packed",
    "read_decision_columns",
    "read_decision_rows",
    "read_holds",
    "read_trigger_columns",
    "trigger_columns_message",
    "unpacked",
    "write_decision_rows",
]

Column = np.ndarray[Any, Any]
Columns = TypeVar("Columns")
BYTES = (
    "restricted",
    "closed",
    "trade_opposed",
    "sells",
    "by_quantity",
    "postponed",
    "trade_blocked",
    "action",
    "cancelled",
)
HALVES = ("account", "security", "row")
# what the wire numbers from 1, since 0 is unset there, and the solver from 0
FROM_ONE = {"kind": len(pb.TradingEventKind.keys()) - 1, "trade_side": len(pb.Side.keys()) - 1}


def unpacked(message: Message, names: tuple[str, ...], at: str) -> dict[str, Column]:
    """The columns ``names`` of ``message``, each of its type; raises ``InvalidRequest`` naming those that are none."""
    faults, found = [], {}
    for name in names:
        data: bytes = getattr(message, name)
        kind = _kind(name)
        if len(data) % kind.itemsize:
            told = f"has {len(data)} bytes; give {kind.name} values, {kind.itemsize} bytes each"
            faults.append(Violation(f"{at}{name}", "NOT_A_COLUMN", told))
            continue
        found[name] = np.frombuffer(data, kind.newbyteorder("<")).astype(kind, copy=False)
        if name in BYTES and name != "action":
            wrong = np.flatnonzero(found[name] > 1)
            if len(wrong):
                told = f"is {int(found[name][wrong[0]])}; give 0 or 1, a byte each"
                faults.append(Violation(f"{at}{name}[{int(wrong[0])}]", "OUT_OF_RANGE", told))
            found[name] = found[name].view(np.bool_)
    if faults:
        raise InvalidRequest(tuple(faults))
    return found


def _kind(name: str) -> np.dtype[Any]:
    return np.dtype(np.uint8 if name in BYTES else np.int32 if name in HALVES else np.int64)


def packed(columns: Mapping[str, Column], wide: bool = False) -> dict[str, Any]:
    """Columns as bytes, by name, each of the type that the wire has for it; where ``wide``, int32 is int64 too."""
    kinds = {name: np.dtype("<i8") if wide and name in HALVES else _kind(name).newbyteorder("<") for name in columns}
    return {name: column.astype(kinds[name], copy=False).tobytes() for name, column in columns.items()}


def check_currency(code: str) -> None:
    """Refuse what is no currency's code; raises ``InvalidRequest`` naming ``currency_code``."""
    fault = currency_violation("currency_code", code)
    if fault:
        raise InvalidRequest((fault,))


def _by_name(columns: Any) -> dict[str, Column]:
    return {field.name: getattr(columns, field.name) for field in fields(columns)}


def read_trigger_columns(message: pb.TriggerColumns) -> TriggerColumns:
    """Trigger columns; their lengths and entries are ``check_trigger_columns``'s to look at."""
    names = tuple(field.name for field in fields(TriggerColumns))
    return TriggerColumns(**unpacked(message, names, "columns."))


def trigger_columns_message(columns: TriggerColumns) -> pb.TriggerColumns:
    """``columns`` as a message."""
    return pb.TriggerColumns(**packed(_by_name(columns)))


def read_holds(response: pb.CheckTriggerColumnsResponse, rules: int) -> Column:
    """Whether each rule holds for each account, (rules, accounts)."""
    holds: Column = np.frombuffer(response.holds, np.bool_).reshape(rules, -1)
    return holds


def read_decision_columns(message: pb.DecisionColumns) -> DecisionColumns:
    """Decision columns; their lengths and entries are ``decide_columns``'s to look at, but for enums."""
    columns = unpacked(message, tuple(field.name for field in fields(DecisionColumns)), "columns.")
    faults = []
    for name, most in FROM_ONE.items():
        wrong = np.flatnonzero((columns[name] < 1) | (columns[name] > most))
        if len(wrong):
            told = f"is {int(columns[name][wrong[0]])}; give a number from 1 to {most}"
            faults.append(Violation(f"columns.{name}[{int(wrong[0])}]", "UNKNOWN_ENUM", told))
        columns[name] = columns[name] - 1
    if faults:
        raise InvalidRequest(tuple(faults))
    return DecisionColumns(**columns)


def decision_columns_message(columns: DecisionColumns) -> pb.DecisionColumns:
    """``columns`` as a message."""
    named = _by_name(columns)
    return pb.DecisionColumns(**packed(named | {name: named[name] + 1 for name in FROM_ONE}))


def write_decision_rows(rows: DecisionRows) -> pb.DecideColumnsResponse:
    """``rows`` as the response of ``DecideColumns``."""
    return pb.DecideColumnsResponse(**packed(_by_name(rows) | {"action": rows.action + 1}))


def read_decision_rows(response: pb.DecideColumnsResponse) -> DecisionRows:
    """The decisions of a response."""
    names = tuple(field.name for field in fields(DecisionRows))
    columns = unpacked(response, names, "")
    return DecisionRows(**columns | {"action": columns["action"].astype(np.int64) - 1})
