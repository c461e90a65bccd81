"""``python -m benchmarks.trading``: triggers, decisions and books of a million accounts in columns, on one core.

Account books of one size: 20 slices each at 5 %, drifted by up to 5 %; every account with one event of any kind and two
trades, clocks spread over a year. Orders and books are of ten orders an account, 5,000 accounts at a time, as calls
take them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
from rich.console import Console

from benchmarks.tables import Table
from solver.columns import Accounts, EventKind
from solver.trading.book_columns import (
    HeldColumns,
    MoneyColumns,
    WorkingColumns,
    apply_columns,
    size_columns,
)
from solver.trading.clocks import NEVER, microseconds
from solver.trading.decision_columns import KINDS, DecisionColumns, decide_columns
from solver.trading.quotients import Ints, worths
from solver.trading.replan_columns import replan_columns
from solver.trading.sessions import ALLIO_DYNAMIC_WINDOWS, ALLIO_MANAGED_WINDOWS, M1_WINDOWS, trading_days
from solver.trading.trigger_columns import TriggerColumns, check_trigger_columns
from solver.trading.triggers import ALLIO_DYNAMIC_TRIGGERS, Drift, Measure, Policy, Scope

ACCOUNTS, SLICES = 1_000_000, 20
BOOKS_A_CALL, SECURITIES = 5_000, 500
REPEATS = 3
TARGET_MILLIONS = 1.0  # of accounts a second
CLOCK = datetime(2026, 11, 20, 19, 31, tzinfo=UTC)
DAY_US = 86_400 * 1_000_000


def trigger_books(accounts: int) -> TriggerColumns:
    """Accounts of one pie each, the last rebalance within a fortnight."""
    draw, now, rows = np.random.default_rng(1), microseconds(CLOCK), accounts * (SLICES + 1)
    none = np.zeros(accounts, dtype=np.int64)
    return TriggerColumns(
        started_us=none + now - 400 * DAY_US,
        last_rebalance_us=now - draw.integers(0, 14 * DAY_US, accounts),
        last_run_us=now - draw.integers(0, 2 * DAY_US, accounts),
        cash=draw.integers(0, 100, accounts),
        cash_floor=none,
        withdrawal=none,
        start=np.arange(accounts + 1) * (SLICES + 1),
        parent=np.tile(np.append(-1, np.zeros(SLICES, dtype=np.int64)), accounts),
        target_weight=np.full(rows, 5),
        value=draw.integers(95_000, 105_000, rows),
        asset_class=np.full(rows, -1),
    )


def decision_books(accounts: int, flags: int) -> DecisionColumns:
    """Accounts that may trade, each with an event of any kind, two trades and manual orders in the last two days."""
    draw, none = np.random.default_rng(1), np.zeros(accounts, dtype=np.int64)
    clock = microseconds(CLOCK) - draw.integers(0, 365 * DAY_US, accounts)
    never, no = np.full(accounts, NEVER), np.zeros(accounts, dtype=np.bool_)
    return DecisionColumns(
        clock_us=clock,
        kind=draw.integers(0, len(KINDS), accounts),
        asked_us=clock - draw.integers(0, 2 * DAY_US, accounts),
        postponed_us=never,
        flags=draw.integers(0, 1 << flags, accounts),
        value=none + 1_000_000,
        cash=draw.integers(0, 1_000, accounts),
        min_order=none + 100,
        cash_unavailable=none,
        cash_available_us=never,
        restricted=no,
        closed=no,
        rebalanced_us=never,
        manual_orders_us=clock - draw.integers(0, 2 * DAY_US, accounts),
        looked_us=never,
        trade_start=np.arange(accounts + 1) * 2,
        trade_side=draw.integers(0, 2, 2 * accounts),
        trade_us=np.repeat(clock, 2) - draw.integers(0, DAY_US, 2 * accounts),
        trade_opposed=draw.random(2 * accounts) < 0.3,
    )


@dataclass(frozen=True)
class Booked:
    """Accounts of 20 slices that rebalance: half of them trade, and nine tenths of what they sell is sold."""

    held: HeldColumns
    value: Ints
    trade: Ints
    money: MoneyColumns
    working: WorkingColumns
    accounts: Accounts


def booked(accounts: int = BOOKS_A_CALL) -> Booked:
    """Such accounts, each of a pie of its own securities."""
    draw, rows = np.random.default_rng(1), accounts * (SLICES + 1)
    none, by_row = np.zeros(accounts, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    first = draw.integers(0, SECURITIES, accounts)[:, None]
    security = (first + np.arange(SLICES) * (SECURITIES // SLICES - 1)) % SECURITIES
    security = np.column_stack((none - 1, security)).astype(np.int32).ravel()
    price, step = draw.integers(5_000_000, 900_000_000, SECURITIES), np.full(SECURITIES, 10_000)
    nanos = np.where(security < 0, 0, draw.integers(0, 10**11, rows))
    held = HeldColumns(np.arange(accounts + 1) * (SLICES + 1), security, nanos, price, step)
    value = worths(nanos, security, price, "USD")
    trades = (security >= 0) & (draw.random(rows) < 0.5)
    trade = np.maximum(np.where(trades, draw.integers(-500_00, 500_00, rows), 0), -value)
    working = size_columns(held, value, trade)
    sold = np.where(working.sells, 9, 0)
    filled = replace(
        working,
        filled_nanos=working.quantity_nanos // 10 * sold,
        filled_amount=working.amount // 10 * sold,
        cancelled=working.sells,
    )
    asked = Accounts(
        start=held.start,
        event=none + int(EventKind.REBALANCE),
        amount=none,
        event_row=none,
        cash=none,
        min_trade=none + 1_00,
        parent=np.where(security < 0, -1, 0).astype(np.int64),
        target_weight=by_row + 5,
        value=value,
        blocked=by_row,
    )
    return Booked(held, value, trade, MoneyColumns(none, none, none), filled, asked)


def book_cases(accounts: int) -> list[tuple[str, Callable[[], object]]]:
    """Orders of plans, books after fills, and whose purchases are planned again."""
    one = booked(min(accounts, BOOKS_A_CALL))
    standing = apply_columns(one.held, one.money, one.working)

    def all_parts(work: Callable[[], object]) -> None:
        for _ in range(accounts // BOOKS_A_CALL):
            work()

    works: list[tuple[str, Callable[[], object]]] = [
        ("orders of 10 trades", partial(size_columns, one.held, one.value, one.trade)),
        ("books of 20 slices after 10 orders", partial(apply_columns, one.held, one.money, one.working)),
        ("who plans again, with which cash", partial(replan_columns, one.accounts, one.held, standing, one.working)),
    ]
    return [(name, partial(all_parts, work)) for name, work in works]


def best_seconds(work: Callable[[], object]) -> float:
    """The least of ``REPEATS`` runs."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def cases(accounts: int) -> list[tuple[str, Callable[[], object]]]:
    """What is measured, by name."""
    books = trigger_books(accounts)
    policies = [
        ("triggers: 7 days, cash", ALLIO_DYNAMIC_TRIGGERS),
        ("triggers: drift of 20 slices, points", Policy((Drift(Scope.SLICES, 3_000),))),
        ("triggers: drift of 20 slices, relative", Policy((Drift(Scope.SLICES, 50_000, Measure.RELATIVE),))),
        ("triggers: half the sum over 20 slices", Policy((Drift(Scope.PORTFOLIO, 12_000),))),
    ]
    found: list[tuple[str, Callable[[], object]]] = []
    for name, policy in policies:
        found.append((name, partial(check_trigger_columns, books, policy, CLOCK)))
    windows = (("M1", M1_WINDOWS), ("managed", ALLIO_MANAGED_WINDOWS), ("dynamic", ALLIO_DYNAMIC_WINDOWS))
    for name, timetable in windows:
        trading_days(timetable)  # once a process, 0.3 s; kept
        asked = decision_books(accounts, len(timetable.flags))
        found.append((f"decisions: windows of {name}", partial(decide_columns, asked, timetable)))
    return found


def trading_table(accounts: int = ACCOUNTS) -> Table:
    """What the caller's own process needs for so many accounts in columns, without a wire."""
    rows = []
    for name, work in [*cases(accounts), *book_cases(accounts)]:
        seconds = best_seconds(work)
        target = f" ({TARGET_MILLIONS:g})" if name.startswith(("triggers", "decisions")) else ""
        rows.append((name, f"{seconds:.2f}", f"{accounts / seconds / 1e6:.1f}{target}"))
    note = f"{accounts:,} accounts on one core, least of {REPEATS} runs; targets in brackets."
    return Table(
        "Triggers, decisions and books in columns", note, ("what", "seconds", "million accounts/s"), tuple(rows)
    )


if __name__ == "__main__":
    trading_table().show(Console())
