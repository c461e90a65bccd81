"""Purchases planned again in columns: what ``replan_buys`` decides for one account, for many at once.

Where sales brought less than planned, or prices rose, the purchases of an account that wait are planned again as a
deposit of 0, so purchases only, with the cash that they may spend and what was sold not bought back. An account has one
event here, so there is one stage: the pie that a rebalance or a liquidation sells in, which keeps its proceeds, or
else the account. What the stage may spend is

    a deposit, a rebalance of the whole account     max(0, cash − floor)
    any other event                                 max(0, purchases that wait + brought by sales − planned sales)

and never more than the cash there is. Planned again are accounts where that is less than what waits costs by now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solver.columns import NOT_BOUGHT, Accounts, EventKind, check_columns
from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY
from solver.steps import NANOS
from solver.trading.book_columns import (
    BookColumns,
    HeldColumns,
    WorkingColumns,
    check_held,
    check_working,
    size_columns,
)
from solver.trading.quotients import Bools, Ints

__all__ = ["ReplanColumns", "rebought", "replan_columns"]


@dataclass(frozen=True, slots=True, eq=False)
class ReplanColumns:
    """What is planned again: ``accounts`` for ``plan_columns``, each a whole account or one pie of it.

    ``account`` (replans,) says which account each is, ``row`` (rows of ``accounts``,) which of the books' each row is.
    """

    account: Ints
    row: Ints
    accounts: Accounts


def replan_columns(
    accounts: Accounts, held: HeldColumns, books: BookColumns, working: WorkingColumns, cash_floor: Ints | None = None
) -> ReplanColumns:
    """The accounts whose purchases are planned again, with the cash that they may spend.

    ``accounts`` are those that were planned, ``books`` what ``apply_columns`` says of ``held`` and ``working`` at the
    prices of now; ``cash_floor`` (accounts,) minor units, default 0. An account with no cash for it is among them too:
    its purchases are cancelled.

    Raises
    ------
    InvalidRequest
        naming the first entry at fault of each column, as ``apply_columns`` and ``check_columns`` do; a sale that is
        still open; an order outside the pie of its account's event.
    """
    check_held(held)
    check_columns(accounts)
    check_working(held, working)
    floor = np.zeros(len(accounts.event), dtype=np.int64) if cash_floor is None else cash_floor
    _check_books(books, len(accounts.parent), len(accounts.event))
    _check(accounts, held, floor)
    done = _done(held, working)
    _refuse_first(
        "working.cancelled", working.sells & ~done, "SALE_OPEN", "is 0, and the sale is not done; wait for it"
    )
    account = np.searchsorted(accounts.start, working.row, "right") - 1
    stage = _stages(accounts, np.bincount(account[working.sells], minlength=len(floor)) > 0)
    budget = np.minimum(_budgets(accounts, books, working, account, done, floor), books.cash)
    again = np.flatnonzero(budget < books.waiting)
    row, start = _rows(accounts, again, stage[again])
    replans = ReplanColumns(again, row, _posed(accounts, books, working, row, start, budget[again]))
    _check_orders(replans, working, account)
    return replans


def _done(held: HeldColumns, working: WorkingColumns) -> Bools:
    """Whether nothing of each order is in the market any more."""
    whole = working.sells | (held.step_nanos[held.security[working.row]] >= NANOS)
    full = working.filled_nanos == working.quantity_nanos
    done: Bools = working.cancelled | np.where(whole, full, working.filled_amount == working.amount)
    return done


def _check_books(books: BookColumns, rows: int, accounts: int) -> None:
    lengths = {"held_nanos": rows, "value": rows, "cash": accounts, "waiting": accounts}
    faults = tuple(
        Violation(f"books.{name}", "LENGTHS_DIFFER", f"has {len(getattr(books, name))} entries; there must be {length}")
        for name, length in lengths.items()
        if len(getattr(books, name)) != length
    )
    if faults:
        raise InvalidRequest(faults)


def _check(accounts: Accounts, held: HeldColumns, floor: Ints) -> None:
    """What the columns say of each other: one layout, and events of it."""
    count = len(accounts.event)
    if not np.array_equal(accounts.start, held.start):
        told = "is not held.start; give both for the same rows"
        raise InvalidRequest((Violation("accounts.start", "LAYOUTS_DIFFER", told),))
    if len(floor) != count:
        told = f"has {len(floor)} entries; there must be {count}"
        raise InvalidRequest((Violation("cash_floor", "LENGTHS_DIFFER", told),))
    _refuse_first("cash_floor", (floor < 0) | (floor > MAX_MONEY), "OUT_OF_RANGE", f"must be 0 to {MAX_MONEY}")
    known = np.isin(accounts.event, list(EventKind))
    _refuse_first("accounts.event", ~known, "UNKNOWN_EVENT", "is no event; give the events that were planned")
    inside = (accounts.event_row >= 0) & (accounts.event_row < np.diff(accounts.start))
    _refuse_first("accounts.event_row", ~inside, "UNKNOWN_ROW", "is no row of its account")


def _refuse_first(name: str, wrong: Bools, reason: str, told: str) -> None:
    if wrong.any():
        raise InvalidRequest((Violation(f"{name}[{int(np.argmax(wrong))}]", reason, told),))


def _stages(accounts: Accounts, sells: Bools) -> Ints:
    """By account the row of the pie that keeps its proceeds: of the event's pie where it sells, else 0, the root's."""
    rebalances = np.isin(accounts.event, (EventKind.REBALANCE, EventKind.REBALANCE_SHALLOW))
    pie = np.where(rebalances, accounts.event_row, 0)
    liquidates = np.flatnonzero(accounts.event == EventKind.LIQUIDATION)
    pie[liquidates] = accounts.parent[accounts.start[liquidates] + accounts.event_row[liquidates]]
    stage = np.where(sells, np.maximum(pie, 0), 0)
    outside = stage >= np.diff(accounts.start)
    _refuse_first("accounts.event_row", outside, "UNKNOWN_ROW", "is in no pie of its account; see accounts.parent")
    return stage


def _budgets(
    accounts: Accounts, books: BookColumns, working: WorkingColumns, account: Ints, done: Bools, floor: Ints
) -> Ints:
    """What the purchases of each account may spend; minor units."""
    rest = np.where(working.sells, working.filled_amount - working.amount, working.amount - working.filled_amount)
    planned = np.zeros(len(floor), dtype=np.int64)
    counted = working.sells | ~done
    np.add.at(planned, account[counted], rest[counted])
    whole = np.isin(accounts.event, (EventKind.REBALANCE, EventKind.REBALANCE_SHALLOW)) & (accounts.event_row == 0)
    enters = whole | (accounts.event == EventKind.DEPOSIT)
    return np.maximum(np.where(enters, books.cash - floor, planned), 0)


def _rows(accounts: Accounts, again: Ints, stage: Ints) -> tuple[Ints, Ints]:
    """The rows of the stages of ``again``, behind one another, and where each begins: a pie with all below it."""
    first = accounts.start[again] + stage
    size = accounts.start[again + 1] - first
    row, begin = _ranges(first, size)
    own = np.repeat(np.arange(len(again)), size)
    behind = (accounts.parent[row] < stage[own]) & (row > first[own])  # depth first: the first row above ends the pie
    end = np.minimum.reduceat(np.where(behind, row, (first + size)[own]), begin[:-1]) if len(again) else first
    return _ranges(first, end - first)


def _ranges(first: Ints, size: Ints) -> tuple[Ints, Ints]:
    """``first[i]`` to ``first[i] + size[i]`` behind one another, and where each of these begins."""
    begin = np.concatenate(([0], np.cumsum(size)))
    return np.arange(begin[-1]) - np.repeat(begin[:-1] - first, size), begin


def _posed(
    accounts: Accounts, books: BookColumns, working: WorkingColumns, row: Ints, start: Ints, cash: Ints
) -> Accounts:
    """A deposit of 0 with ``cash`` for each of the accounts that begin at ``start`` in ``row``."""
    blocked, weight = accounts.blocked.copy(), accounts.target_weight.copy()
    blocked[working.row[working.sells]] |= NOT_BOUGHT
    liquidates = accounts.event == EventKind.LIQUIDATION
    weight[(accounts.start[:-1] + accounts.event_row)[liquidates]] = 0
    begin = row[start[:-1]]  # the root of each
    account = np.searchsorted(accounts.start, begin, "right") - 1
    own = np.repeat(np.arange(len(begin)), np.diff(start))
    parent = accounts.parent[row] - (begin - accounts.start[account])[own]
    parent[start[:-1]] = -1
    none = np.zeros(len(begin), dtype=np.int64)
    return Accounts(
        start=start,
        event=none + int(EventKind.DEPOSIT),
        amount=none,
        event_row=none,
        cash=cash,
        min_trade=accounts.min_trade[account],
        parent=parent,
        target_weight=weight[row],
        value=books.value[row],
        blocked=blocked[row],
    )


def _check_orders(replans: ReplanColumns, working: WorkingColumns, account: Ints) -> None:
    """Orders of what is planned again lie inside it: what another event wants is not this one's to cancel."""
    outside = np.isin(account, replans.account) & ~np.isin(working.row, replans.row)
    told = "is outside the pie of its account's event; plan again with the event that the orders are of"
    _refuse_first("working.row", outside, "OUTSIDE_EVENT", told)


def rebought(
    held: HeldColumns,
    books: BookColumns,
    working: WorkingColumns,
    replans: ReplanColumns,
    trade: Ints,
    currency_code: str = "USD",
) -> WorkingColumns:
    """The orders once those planned again have the purchases of ``trade`` (rows of ``replans``) in place of what waits.

    New orders stand behind the others; an account that found no plan buys nothing. Sales count with what they brought
    from now on: what was short of the plan is made up for.

    Raises ``InvalidRequest`` as ``size_columns`` does; a sale among ``trade`` is refused by name.
    """
    _check_books(books, check_held(held), len(held.start) - 1)
    check_working(held, working)
    _refuse_first("trade", trade < 0, "WRONG_SIDE", "is a sale; what is planned again are purchases")
    security, nanos = held.security[replans.row], books.held_nanos[replans.row]
    posed = HeldColumns(replans.accounts.start, security, nanos, held.price_micros, held.step_nanos)
    bought = size_columns(posed, replans.accounts.value, trade, currency_code)
    account = np.searchsorted(held.start, working.row, "right") - 1
    again = np.isin(account, replans.account)
    old = replace(
        working,
        amount=np.where(again & working.sells, working.filled_amount, working.amount),
        cancelled=working.cancelled | (again & ~_done(held, working)),
    )
    new = replace(bought, row=replans.row[bought.row])
    return WorkingColumns(
        *(np.concatenate((getattr(old, name), getattr(new, name))) for name in WorkingColumns.__dataclass_fields__)
    )
