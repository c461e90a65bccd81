"""Requests of the trading day from the solver's own types: what a Python caller sends, and tests are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from google.protobuf.message import Message

from server.books_conversion import write_books, write_fill
from server.day_columns import packed
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import event_message, portfolio_message
from server.trading_writing import timestamp, write_update
from solver import Events, Portfolio, Rules
from solver.events import listed
from solver.trading.accounts import Account, Asked
from solver.trading.block_columns import OrderColumns
from solver.trading.blocks import BlockFill, Fill
from solver.trading.books import Books
from solver.trading.sessions import Timetable
from solver.trading.triggers import CashEvents, Daily, Drift, EveryDays, History, Policy
from solver.trading.updates import Step, Update

__all__ = [
    "account_message",
    "asked_message",
    "block_fill_message",
    "check_request",
    "decide_request",
    "filled_message",
    "next_update",
    "policy_message",
    "read_blocks",
    "replan_request",
    "timetable_message",
    "window_parts",
]

PART_ROWS = 150_000  # 25 bytes each: below the 4 MiB of a request


def check_request(
    portfolio: Portfolio, history: History, policy: Policy, clock: datetime, asset_classes: Mapping[str, str]
) -> pb.CheckTriggersRequest:
    """A ready ``CheckTriggersRequest``."""
    message = pb.CheckTriggersRequest(portfolio=portfolio_message(portfolio), policy=policy_message(policy))
    message.clock.CopyFrom(timestamp(clock))
    message.asset_classes.update(asset_classes)
    message.history.withdrawal, message.history.cash_floor = history.withdrawal, history.cash_floor
    _set_instants(message.history, history, ("started_at", "last_rebalance_at", "last_run_at"))
    return message


def _set_instants(message: Message, value: object, names: Iterable[str]) -> None:
    for name in names:
        at = getattr(value, name)
        if at is not None:
            getattr(message, name).CopyFrom(timestamp(at))


def policy_message(policy: Policy) -> pb.TriggerPolicy:
    """``policy`` as a message of its rules."""
    message = pb.TriggerPolicy(custom=pb.TriggerRules(time_zone=policy.time_zone))
    for rule in policy.rules:
        written = message.custom.rules.add()
        if isinstance(rule, Drift):
            written.drift.scope = pb.DriftScope.Value(f"DRIFT_SCOPE_{rule.scope.value}")  # type: ignore[assignment]
            written.drift.measure = pb.DriftMeasure.Value(f"DRIFT_MEASURE_{rule.measure.value}")  # type: ignore[assignment]
            written.drift.threshold_micros = rule.threshold_micros
        elif isinstance(rule, EveryDays):
            written.every_days.days, written.every_days.at = rule.days, rule.at.isoformat()
        elif isinstance(rule, Daily):
            written.daily.at = rule.at.isoformat()
        else:
            assert isinstance(rule, CashEvents)
            written.cash.least = rule.least
    return message


def timetable_message(timetable: Timetable) -> pb.Timetable:
    """``timetable`` as a message of its windows."""
    custom = pb.TradeWindows(calendar_id=timetable.calendar_id, rebalances_alone=timetable.rebalances_alone)
    if timetable.postponed_at is not None:
        custom.postponed_at = timetable.postponed_at.isoformat()
    for window in timetable.windows:
        custom.windows.add(
            window_id=window.window_id,
            opens_at=window.opens_at.isoformat() if window.opens_at is not None else "",
            closes_at=window.closes_at.isoformat() if window.closes_at is not None else "",
            takes=[f"TRADING_EVENT_KIND_{kind.value}" for kind in window.takes],
            needs=window.needs,
            joins_late=window.joins_late,
        )
    return pb.Timetable(custom=custom)


def account_message(account: Account) -> pb.TradingAccount:
    """``account`` as a message."""
    message = pb.TradingAccount(
        value=account.value,
        cash=account.cash,
        min_order=account.min_order,
        restricted=account.restricted,
        closed=account.closed,
        flags=sorted(account.flags),
        cash_unavailable=account.cash_unavailable,
    )
    _set_instants(message, account, ("cash_available_at", "rebalanced_at", "manual_orders_at", "looked_at"))
    for trade in account.trades:
        at = timestamp(trade.traded_at)
        message.trades.add(security_id=trade.security_id, side=f"SIDE_{trade.side.value}", traded_at=at)
    return message


def asked_message(asked: Asked) -> pb.TradingEvent:
    """``asked`` as a message."""
    message = pb.TradingEvent(event_id=asked.event_id, kind=f"TRADING_EVENT_KIND_{asked.kind.value}")
    _set_instants(message, asked, ("asked_at", "postponed_until"))
    if asked.wants is not None:
        message.wants.SetInParent()
        for one in sorted(asked.wants, key=lambda one: (one.security_id, one.side.value)):
            message.wants.sides.add(security_id=one.security_id, side=f"SIDE_{one.side.value}")
    return message


def decide_request(
    account: Account, events: Iterable[Asked], timetable: Timetable, clock: datetime
) -> pb.DecideRequest:
    """A ready ``DecideRequest``."""
    return pb.DecideRequest(
        account=account_message(account),
        events=map(asked_message, events),
        timetable=timetable_message(timetable),
        clock=timestamp(clock),
    )


def block_fill_message(fill: BlockFill) -> pb.BlockFill:
    """``fill`` as a message."""
    return pb.BlockFill(
        fill_id=fill.fill_id,
        security_id=fill.security_id,
        side=f"SIDE_{fill.side.value}",
        quantity_nanos=fill.quantity_nanos,
        price_micros=fill.price_micros,
    )


def filled_message(
    books: Books | pb.Books,
    fills: Iterable[Fill | pb.Fill] = (),
    prices: Mapping[str, int] | None = None,
    cancelled: Sequence[str] | None = (),
) -> pb.FilledAccount:
    """One account for ``ApplyFills``; ``cancelled`` orders, ``None`` for all of them."""
    message = pb.FilledAccount(all_cancelled=cancelled is None, cancelled_order_ids=cancelled or ())
    _set_books(message.books, books)
    for fill in fills:
        if isinstance(fill, Fill):
            write_fill(message.fills.add(), fill)
        else:
            message.fills.append(fill)
    for security_id, price in (prices or {}).items():
        message.prices.add(security_id=security_id, price_micros=price)
    return message


def _set_books(written: pb.Books, books: Books | pb.Books) -> None:
    if isinstance(books, Books):
        write_books(written, books)
    else:
        written.CopyFrom(books)


def replan_request(
    books: Books | pb.Books, events: Events, plan_id: str, rules: Rules | None = None, view: int = pb.VIEW_FULL
) -> pb.ReplanBuysRequest:
    """A ready ``ReplanBuysRequest``."""
    message = pb.ReplanBuysRequest(events=map(event_message, listed(events)), plan_id=plan_id)
    _set_books(message.books, books)
    stated = rules or Rules()
    message.rules.min_trade, message.rules.cash_floor = stated.min_trade, stated.cash_floor
    if stated.deposit_threshold is not None:
        message.rules.deposit_threshold = stated.deposit_threshold
    message.options.view = view  # type: ignore[assignment]  # an enum is an int
    return message


def next_update(
    last: Update | None,
    account_id: str,
    event_id: str,
    step: Step,
    at: datetime,
    subject: str,
    until: datetime | None = None,
    reasons: Sequence[str] = (),
    because: str = "",
    time_zone: str = "UTC",
) -> pb.NextUpdate:
    """One update for ``FollowUpdates``; ``until`` is told on the clock of ``time_zone``."""
    message = pb.NextUpdate(
        account_id=account_id,
        event_id=event_id,
        step=f"UPDATE_STEP_{step.value}",
        at=timestamp(at),
        subject=subject,
        reasons=reasons,
        because=because,
        time_zone=time_zone,
    )
    if until is not None:
        message.until.CopyFrom(timestamp(until))
    if last is not None:
        write_update(message.last, last)
    return message


def window_parts(orders: OrderColumns, rows: int = PART_ROWS) -> Iterator[dict[str, Any]]:
    """The fields of the parts of a window, ``rows`` orders each; the first has the quantity steps."""
    for first in range(0, max(1, len(orders.account)), rows):
        part = {
            "account": orders.account[first : first + rows],
            "security": orders.security[first : first + rows],
            "sells": orders.sells[first : first + rows],
            "amount": orders.amount[first : first + rows],
            "quantity_nanos": orders.quantity_nanos[first : first + rows],
        }
        steps = packed({"step_nanos": orders.step_nanos}) if not first else {}
        yield {"orders": pb.OrderColumns(**packed(part)), **steps}


def read_blocks(response: pb.AggregateColumnsResponse) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of a response of ``AggregateColumns``, by name."""
    bools = ("sells", "by_quantity")
    names = ("security", "sells", "by_quantity", "amount", "quantity_nanos", "orders")
    return {name: np.frombuffer(getattr(response, name), "?" if name in bools else "<i8") for name in names}
