"""Books in columns to bytes and back, for server and client, and the answers to what is asked of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from server.columns import MAX_COLUMN_ACCOUNTS, MAX_COLUMN_ROWS
from server.conversion import parse
from server.day_columns import Column, check_currency, packed, unpacked
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.trading_conversion import DayReader
from solver import Budget, InvalidRequest, Violation
from solver.trading.book_columns import (
    BookColumns,
    HeldColumns,
    MoneyColumns,
    WorkingColumns,
    apply_columns,
    size_columns,
)

__all__ = ["applied", "apply_request", "read_books", "read_sized", "size_request", "sized"]

SIZED = ("row", "sells", "amount", "quantity_nanos")


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _by_name(columns: Any) -> dict[str, Any]:
    return {name: getattr(columns, name) for name in _names(type(columns))}


def sized(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.SizeOrderColumnsResponse:
    """The response to a ``SizeOrderColumnsRequest``'s bytes."""
    message = parse(pb.SizeOrderColumnsRequest, data)
    held = _read_held(message)
    columns = unpacked(message, ("value", "trade"), "")
    working = size_columns(held, columns["value"], columns["trade"], message.currency_code)
    return pb.SizeOrderColumnsResponse(**packed({name: getattr(working, name) for name in SIZED}))


def applied(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.ApplyFillColumnsResponse:
    """The response to an ``ApplyFillColumnsRequest``'s bytes."""
    message = parse(pb.ApplyFillColumnsRequest, data)
    held = _read_held(message)
    money = MoneyColumns(**unpacked(message.money, _names(MoneyColumns), "money."))
    columns = unpacked(message.working, _names(WorkingColumns), "working.")
    working = WorkingColumns(**columns | {"row": columns["row"].astype(np.int64)})
    found = apply_columns(held, money, working, message.currency_code)
    return pb.ApplyFillColumnsResponse(**packed(_by_name(found)))


def _read_held(message: pb.SizeOrderColumnsRequest | pb.ApplyFillColumnsRequest) -> HeldColumns:
    reader = DayReader()
    reader.require(message, "held", "held")
    reader.finish()
    columns = unpacked(message.held, _names(HeldColumns), "held.")
    faults = []
    for name, count, most in (
        ("start", len(columns["start"]) - 1, MAX_COLUMN_ACCOUNTS),
        ("security", len(columns["security"]), MAX_COLUMN_ROWS),
    ):
        if count > most:
            what = "accounts" if name == "start" else "rows"
            told = f"is of {count} {what}; a call has at most {most}"
            faults.append(Violation(f"held.{name}", f"TOO_MANY_{what.upper()}", told))
    if faults:
        raise InvalidRequest(tuple(faults))
    check_currency(message.currency_code)
    return HeldColumns(**columns)


def size_request(
    held: HeldColumns, value: Column, trade: Column, currency_code: str = "USD"
) -> pb.SizeOrderColumnsRequest:
    """A ready ``SizeOrderColumnsRequest``; ``value`` is that of ``Accounts``, ``trade`` that of ``Plans``."""
    columns = packed({"value": value, "trade": trade})
    return pb.SizeOrderColumnsRequest(held=_held_message(held), currency_code=currency_code, **columns)


def read_sized(response: pb.SizeOrderColumnsResponse) -> WorkingColumns:
    """The orders of a response; nothing came of them yet."""
    columns = unpacked(response, SIZED, "")
    row = columns.pop("row").astype(np.int64)
    nanos, amount = np.zeros((2, len(row)), dtype=np.int64)
    return WorkingColumns(row, **columns, filled_nanos=nanos, filled_amount=amount, cancelled=nanos > 0)


def apply_request(
    held: HeldColumns, money: MoneyColumns, working: WorkingColumns, currency_code: str = "USD"
) -> pb.ApplyFillColumnsRequest:
    """A ready ``ApplyFillColumnsRequest``."""
    return pb.ApplyFillColumnsRequest(
        held=_held_message(held),
        money=pb.MoneyColumns(**packed(_by_name(money))),
        working=pb.WorkingColumns(**packed(_by_name(working))),
        currency_code=currency_code,
    )


def read_books(response: pb.ApplyFillColumnsResponse) -> BookColumns:
    """The accounts of a response."""
    return BookColumns(**unpacked(response, _names(BookColumns), ""))


def _held_message(held: HeldColumns) -> pb.HeldColumns:
    return pb.HeldColumns(**packed(_by_name(held)))
