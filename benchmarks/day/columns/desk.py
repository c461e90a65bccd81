"""What a big broker asks of the service, for all accounts at once: each call cut into parts within its limits.

Some parts are under way at a time, so that the service plans while the next ones are written. Answers come back whole,
in the order of what was asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from server.book_columns import apply_request, read_books, read_sized, size_request
from server.client import Client
from server.columns import columns_request, read_plans
from server.day_columns import (
    decision_columns_message,
    read_decision_rows,
    read_holds,
    trigger_columns_message,
)
from server.day_requests import policy_message, read_blocks, timetable_message, window_parts
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.trading_writing import timestamp
from solver.columns import Accounts, Plans, Refusal, part
from solver.trading.block_columns import OrderColumns
from solver.trading.book_columns import (
    BookColumns,
    HeldColumns,
    MoneyColumns,
    WorkingColumns,
)
from solver.trading.decision_columns import DecisionColumns, DecisionRows
from solver.trading.sessions import Timetable
from solver.trading.trigger_columns import TriggerColumns
from solver.trading.triggers import Policy

__all__ = ["Desk"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Request = TypeVar("Request")
Answer = TypeVar("Answer")

UNDER_WAY = 3  # parts at a time: one that is planned on each of two cores, and one that waits
PLANS_A_CALL = 2_000  # of the 8,000 that fit, so that no core waits long for the other's last call
WINDOW_ROWS = 100_000  # of a part of a window, 25 bytes each
PATIENCE_SECONDS = 600  # after an installation the first call of all waits until the kernel is compiled
CALL_BYTES = 3_500_000  # of the four megabytes of a request
PLANNED = ("trade", "quality", "engine", "cash_after", "tracking_error", "lower_bound")
BY_TRADE = ("trade_side", "trade_us", "trade_opposed", "trade_blocked")
BY_ROW = ("parent", "target_weight", "value", "asset_class")


class Desk:
    """The service at ``address``; ``seconds`` says how long each method was waited for, by name."""

    def __init__(self, address: str) -> None:
        self._client = Client(address)
        self._pool = ThreadPoolExecutor(UNDER_WAY)
        self._info = self._client.info()
        self.seconds = dict[str, float]()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._client.__exit__()

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def _each(self, call: Callable[[Request], Answer], requests: Sequence[Request]) -> list[Answer]:
        return list(self._pool.map(call, requests))

    def triggers(self, policy: Policy, clock: datetime, columns: TriggerColumns) -> Bools:
        """Whether each rule holds for each account, (rules, accounts)."""
        asked = {"policy": policy_message(policy), "clock": timestamp(clock)}
        sizes = 56 + 32 * np.diff(columns.start)

        def check(cut: tuple[int, int]) -> Bools:
            own = trigger_columns_message(_part(columns, "start", BY_ROW, *cut))
            request = pb.CheckTriggerColumnsRequest(columns=own, **asked)  # type: ignore[arg-type]
            response = self._client.day.check_trigger_columns(request, PATIENCE_SECONDS)
            return read_holds(response, len(policy.rules))

        with self._timed("CheckTriggerColumns"):
            return np.concatenate(self._each(check, list(_cuts(sizes, CALL_BYTES))), axis=1)

    def decide(self, timetable: Timetable, columns: DecisionColumns) -> DecisionRows:
        """What each account's event does at its clock."""
        asked = timetable_message(timetable)
        sizes = 130 + 17 * np.diff(columns.trade_start)

        def look(cut: tuple[int, int]) -> DecisionRows:
            own = decision_columns_message(_part(columns, "trade_start", BY_TRADE, *cut))
            request = pb.DecideColumnsRequest(timetable=asked, columns=own)
            return read_decision_rows(self._client.day.decide_columns(request, PATIENCE_SECONDS))

        with self._timed("DecideColumns"):
            return _joined(self._each(look, list(_cuts(sizes, CALL_BYTES))))

    def plan(self, accounts: Accounts) -> tuple[Plans, dict[int, Refusal]]:
        """The plans of all accounts, as view ORDERS has them; and by account why there is none."""
        cuts = list(_cuts(np.diff(accounts.start), self._info.max_column_rows, PLANS_A_CALL))

        def ask(cut: tuple[int, int]) -> tuple[Plans, dict[int, Refusal]]:
            request = columns_request(part(accounts, *cut))
            request.time_limit.FromSeconds(PATIENCE_SECONDS)
            plans, refusals = read_plans(self._client.columns(request, PATIENCE_SECONDS))
            if any(told.reason == "OUT_OF_TIME" for told in refusals.values()):  # another day would plan them
                raise TimeoutError("the service had no time for all accounts; start again, the books are kept")
            return plans, refusals

        with self._timed("PlanColumns"):
            found = self._each(ask, cuts)
        plans = found[0][0]._replace(
            **{name: np.concatenate([getattr(one, name) for one, _ in found]) for name in PLANNED}
        )
        refusals = {
            first + account: told
            for (first, _), (_, why) in zip(cuts, found, strict=True)
            for account, told in why.items()
        }
        return plans, refusals

    def size(self, held: HeldColumns, value: Ints, trade: Ints) -> WorkingColumns:
        """The orders for the trades of plans, by row."""

        def ask(cut: tuple[int, int]) -> WorkingColumns:
            own = slice(held.start[cut[0]], held.start[cut[1]])
            request = size_request(_held(held, *cut), value[own], trade[own])
            sized = read_sized(self._client.day.size_order_columns(request, PATIENCE_SECONDS))
            return replace(sized, row=sized.row + held.start[cut[0]])

        with self._timed("SizeOrderColumns"):
            return _joined(self._each(ask, list(self._cuts(8 + 28 * np.diff(held.start)))))

    def apply(self, held: HeldColumns, money: MoneyColumns, working: WorkingColumns) -> BookColumns:
        """The accounts as they stand; the orders in ``working`` come by row."""
        places = np.searchsorted(working.row, held.start)  # where each account's orders begin

        def ask(cut: tuple[int, int]) -> BookColumns:
            first, last = cut
            own = _part(money, "", (), first, last)
            orders = _part(working, "", (), int(places[first]), int(places[last]))
            orders = replace(orders, row=orders.row - held.start[first])
            request = apply_request(_held(held, *cut), own, orders)
            return read_books(self._client.day.apply_fill_columns(request, PATIENCE_SECONDS))

        with self._timed("ApplyFillColumns"):
            return _joined(self._each(ask, list(self._cuts(100 + 24 * np.diff(held.start) + 50 * np.diff(places)))))

    def _cuts(self, sizes: Ints) -> Iterator[tuple[int, int]]:
        return _cuts(sizes, CALL_BYTES, self._info.max_column_accounts)

    def aggregate(self, orders: OrderColumns) -> Mapping[str, npt.NDArray[Any]]:
        """One block a security and side."""
        with self._timed("AggregateColumns"):
            parts = (pb.AggregateColumnsRequest(**columns) for columns in window_parts(orders, WINDOW_ROWS))
            return read_blocks(self._client.day.aggregate_columns(parts))

    def allocate(self, orders: OrderColumns, fills: Sequence[pb.ColumnFill]) -> tuple[Ints, Ints]:
        """Nanoshares and minor units of every order, of all ``fills`` of its security."""

        def parts() -> Iterator[pb.AllocateColumnsRequest]:
            for number, columns in enumerate(window_parts(orders, WINDOW_ROWS)):
                yield pb.AllocateColumnsRequest(**columns, currency_code="" if number else "USD")
            yield pb.AllocateColumnsRequest(fills=fills)

        with self._timed("AllocateColumns"):
            answers = list(self._client.day.allocate_columns(parts()))
        quantity, amount = (
            np.frombuffer(b"".join(getattr(answer, name) for answer in answers), "<i8")
            for name in ("quantity_nanos", "amount")
        )
        return quantity, amount


def _cuts(sizes: Ints, most: int, accounts: int = 1 << 30) -> Iterator[tuple[int, int]]:
    """Ranges of accounts, of no more than ``most`` in ``sizes`` and no more than ``accounts``; one account at least."""
    ends, first = np.cumsum(sizes), 0
    while True:
        before = int(ends[first - 1]) if first else 0
        last = int(np.searchsorted(ends, before + most, "right"))
        last = min(max(last, first + 1), first + accounts, len(sizes))
        yield first, last
        if last == len(sizes):
            return
        first = last


def _held(held: HeldColumns, first: int, last: int) -> HeldColumns:
    """The accounts ``first`` to ``last`` (not included)."""
    own = slice(held.start[first], held.start[last])
    start = held.start[first : last + 1] - held.start[first]
    return replace(held, start=start, security=held.security[own], held_nanos=held.held_nanos[own])


def _part(columns: Any, start: str, inside: tuple[str, ...], first: int, last: int) -> Any:
    """The entries ``first`` to ``last`` (not included) of a dataclass of columns; ``start``: where ``inside`` begin."""
    begins = getattr(columns, start) if start else None
    own = {}
    for name in (field.name for field in fields(columns)):
        column = getattr(columns, name)
        if begins is not None and name in inside:
            own[name] = column[begins[first] : begins[last]]
        elif begins is not None and name == start:
            own[name] = begins[first : last + 1] - begins[first]
        else:
            own[name] = column[first:last]
    return replace(columns, **own)


def _joined(parts: Sequence[Answer]) -> Answer:
    """Dataclasses of columns, one behind the other."""
    names = [field.name for field in fields(parts[0])]  # type: ignore[arg-type]  # a dataclass
    return type(parts[0])(**{name: np.concatenate([getattr(one, name) for one in parts]) for name in names})
