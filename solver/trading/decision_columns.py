"""The decisions of a million accounts, in columns: one event each, the same as ``decisions.decide`` one by one.

Strategy: the steps of ``decisions.py`` in the same order, each over all accounts at once; where an event would trade is
a binary search over the openings of each window. Actions, reasons and kinds are numbers by their place in their enums.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY
from solver.securities import Side
from solver.trading.accounts import REBALANCES, SAME_DAY, SameDay
from solver.trading.clocks import FIRST_US, LAST_US, NEVER, Ints, check, entry_violation, microseconds
from solver.trading.decisions import Action, Why
from solver.trading.sessions import Kind, Timetable, TradingDays, trading_days

__all__ = ["DecisionColumns", "DecisionRows", "decide_columns"]

Bools = npt.NDArray[np.bool_]

KINDS, SIDES, ACTS = tuple(Kind), tuple(Side), tuple(SameDay)
BIT = {why: 1 << k for k, why in enumerate(Why)}
ACTIONS = tuple(Action)
# what a kind does about a side that it would trade: the place in SameDay, −1 for a side that it never trades
ACT = np.array([[ACTS.index(SAME_DAY[k][s]) if s in SAME_DAY[k] else -1 for s in SIDES] for k in KINDS])


@dataclass(frozen=True, slots=True, eq=False)
class DecisionColumns:
    """Accounts with an event each; money in minor units, instants in microseconds since 1970 UTC (``NEVER``: none).

    By account, (accounts,): ``clock_us``, ``kind`` (the place in ``Kind``), ``flags`` (bit k: ``Timetable.flags[k]``)
    and what ``Account`` and ``Asked`` say by the same names; ``trade_start``, (accounts + 1,), says where its trades
    begin. By trade, (trades,): ``trade_side`` (0 a purchase, 1 a sale), ``trade_us``, and ``trade_opposed``, whether
    the event wants that security's other side: true where nobody planned yet.
    """

    clock_us: Ints
    kind: Ints
    asked_us: Ints
    postponed_us: Ints
    flags: Ints
    value: Ints
    cash: Ints
    min_order: Ints
    cash_unavailable: Ints
    cash_available_us: Ints
    restricted: Bools
    closed: Bools
    rebalanced_us: Ints
    manual_orders_us: Ints
    looked_us: Ints
    trade_start: Ints
    trade_side: Ints
    trade_us: Ints
    trade_opposed: Bools


@dataclass(frozen=True, slots=True, eq=False)
class DecisionRows:
    """The decisions, (accounts,), and by trade, (trades,), whether its other side is blocked in the event's plan.

    ``action`` is the place in ``Action``, ``window`` that in the timetable (behind the last: postponed; −1: none),
    ``reasons`` a sum of bits by the place in ``Why``; instants in microseconds since 1970 UTC, ``NEVER`` where blocked.
    """

    action: Ints
    at_us: Ints
    orders_end_us: Ints
    window: Ints
    reasons: Ints
    postponed: Bools
    trade_blocked: Bools


class _Placed(NamedTuple):
    """An opening for each account, a number among those of all windows, and the instant in it."""

    window: Ints
    number: Ints
    at_us: Ints


class _Tables(NamedTuple):
    """The openings of all windows behind one another, and where each window's begin."""

    start_us: Ints
    end_us: Ints
    session: Ints
    first: Ints


def decide_columns(columns: DecisionColumns, timetable: Timetable) -> DecisionRows:
    """What each account's event does at its clock.

    Raises
    ------
    InvalidRequest
        naming the first entry at fault of each column, ``columns.cash[17]``; and as ``decide``.
    """
    days = trading_days(timetable)
    _check_columns(columns, days)
    tables = _tables(days)
    allowed = _allowed(columns, days)
    reasons, short = _never(columns, allowed)
    alive = reasons == 0
    ready_us = np.where(short & alive, columns.cash_available_us, NEVER)
    reasons |= BIT[Why.CASH_NOT_AVAILABLE] * (alive & (ready_us > columns.clock_us))
    reasons |= BIT[Why.POSTPONED] * (alive & (columns.postponed_us > columns.clock_us))
    earliest = np.maximum(columns.clock_us, np.maximum(ready_us, columns.postponed_us))
    placed = _first_openings(columns, days, allowed, np.arange(len(alive)), earliest)
    _check_known(placed.window >= 0, alive, days)
    later = alive & (reasons == 0) & (placed.at_us > columns.clock_us)
    is_open = days.market_open(columns.clock_us)
    reasons |= np.where(later, np.where(is_open, BIT[Why.OUTSIDE_WINDOW], BIT[Why.MARKET_CLOSED]), 0)
    instant = columns.kind == KINDS.index(Kind.INSTANT_REBALANCE)
    alive &= ~(instant & (reasons != 0))
    _share_no_window(columns, days, tables, allowed, placed, alive, reasons)
    owner = np.repeat(np.arange(len(alive)), np.diff(columns.trade_start))
    same, act = _same_day(columns, days, tables.session[placed.number], owner)
    hit = same & alive[owner] & (columns.trade_opposed | (act == ACTS.index(SameDay.PLAN_AROUND)))
    refused, moved = (_any(owner, hit & (act == ACTS.index(a)), alive) for a in (SameDay.REFUSE, SameDay.NEXT_SESSION))
    reasons[refused] = 0
    reasons |= BIT[Why.SAME_DAY_TRADE] * _any(owner, hit, alive)
    alive &= ~refused
    moved &= alive
    _move(days, tables, placed, moved)
    blocked = same & alive[owner] & ~moved[owner]
    action = np.where(placed.at_us > columns.clock_us, ACTIONS.index(Action.WAIT_UNTIL), 0)
    return DecisionRows(
        action=np.where(alive, action, ACTIONS.index(Action.BLOCKED)),
        at_us=np.where(alive, placed.at_us, NEVER),
        orders_end_us=np.where(alive, days.close_us[tables.session[placed.number]], NEVER),
        window=np.where(alive, placed.window, -1),
        reasons=reasons,
        postponed=moved,
        trade_blocked=blocked,
    )


def _tables(days: TradingDays) -> _Tables:
    parts = [(o.start_us, o.end_us, o.session) for o in days.openings]
    start, end, session = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Tables(start, end, session, np.cumsum([0] + [len(part[0]) for part in parts]))


def _allowed(columns: DecisionColumns, days: TradingDays) -> list[Bools]:
    """Whether each window is open to each account and its event."""
    found = []
    for openings in days.openings[:-1]:
        window = openings.window
        takes = np.array([not window.takes or kind in window.takes for kind in KINDS])[columns.kind]
        if window.needs:
            takes &= (columns.flags >> days.timetable.flags.index(window.needs)) & 1 > 0
        found.append(takes)
    return [*found, columns.postponed_us != NEVER]


def _never(columns: DecisionColumns, allowed: list[Bools]) -> tuple[Ints, Bools]:
    """The reasons that keep an account from trading at any time, and whether a deposit waits for its cash."""
    sells = np.isin(columns.kind, [KINDS.index(Kind.WITHDRAWAL), KINDS.index(Kind.LIQUIDATION)])
    least = np.maximum(columns.min_order, 1)
    short = (columns.kind == KINDS.index(Kind.DEPOSIT)) & (columns.cash_unavailable > 0)
    short &= columns.cash - columns.cash_unavailable < least
    reasons = BIT[Why.ACCOUNT_CLOSED] * columns.closed.astype(np.int64)
    reasons |= BIT[Why.ACCOUNT_RESTRICTED] * columns.restricted
    reasons |= BIT[Why.UNFUNDED] * (~sells & (columns.value + columns.cash < least))
    reasons |= BIT[Why.CASH_NOT_AVAILABLE] * (short & (columns.cash_available_us == NEVER))
    reasons |= BIT[Why.NO_WINDOW] * ~np.logical_or.reduce(allowed)
    return reasons, short


def _first_openings(
    columns: DecisionColumns, days: TradingDays, allowed: list[Bools], rows: Ints, earliest: Ints
) -> _Placed:
    """The first opening for each of ``rows`` that ends after ``earliest``; window −1 where the calendar ends before."""
    asked = columns.asked_us[rows]
    best = _Placed(np.full(len(rows), -1), np.zeros(len(rows), np.int64), np.full(len(rows), np.iinfo(np.int64).max))
    first = 0
    for k, openings in enumerate(days.openings):
        number = np.searchsorted(openings.end_us, earliest, "right")
        last = len(openings.end_us) - 1
        if not openings.window.joins_late:
            number += (number <= last) & (openings.start_us[np.minimum(number, last)] < asked)
        at_us = np.maximum(openings.start_us[np.minimum(number, last)], earliest)
        better = allowed[k][rows] & (number <= last) & (at_us < best.at_us)
        for kept, new in zip(best, (np.full(len(rows), k), first + number, at_us), strict=True):
            np.copyto(kept, new, where=better)
        first += last + 1
    return best


def _share_no_window(
    columns: DecisionColumns,
    days: TradingDays,
    tables: _Tables,
    allowed: list[Bools],
    placed: _Placed,
    alive: Bools,
    reasons: Ints,
) -> None:
    """Where rebalances stand alone: on to the next opening while manual orders were in this one, or the other way."""
    if not days.timetable.rebalances_alone:
        return
    rebalance = np.isin(columns.kind, [KINDS.index(kind) for kind in REBALANCES])
    manual = columns.kind == KINDS.index(Kind.MANUAL_ORDERS)
    other = np.where(rebalance, columns.manual_orders_us, np.where(manual, columns.rebalanced_us, NEVER))
    instant = columns.kind == KINDS.index(Kind.INSTANT_REBALANCE)
    while True:
        within = (tables.start_us[placed.number] <= other) & (other < tables.end_us[placed.number])
        shared = np.flatnonzero(alive & within)
        if not len(shared):
            return
        reasons[shared] |= BIT[Why.WINDOW_TAKEN]
        alive[shared] &= ~instant[shared]
        shared = shared[alive[shared]]
        again = _first_openings(columns, days, allowed, shared, tables.end_us[placed.number[shared]])
        _check_known(again.window >= 0, np.ones(len(shared), dtype=np.bool_), days)
        for kept, new in zip(placed, again, strict=True):
            kept[shared] = new


def _same_day(columns: DecisionColumns, days: TradingDays, session: Ints, owner: Ints) -> tuple[Bools, Ints]:
    """By trade: whether it was in ``session``, and the kind might trade its other side; what the kind does about it."""
    act = ACT[columns.kind[owner], 1 - columns.trade_side]
    return (days.session_of(columns.trade_us) == session[owner]) & (act >= 0), act


def _any(owner: Ints, rows: Bools, alive: Bools) -> Bools:
    found = np.zeros(len(alive), dtype=np.bool_)
    found[owner[rows]] = True
    return found


def _move(days: TradingDays, tables: _Tables, placed: _Placed, moved: Bools) -> None:
    """To the first opening of a later session, of the window for what was postponed."""
    openings = days.openings[-1]
    rows = np.flatnonzero(moved)
    number = np.searchsorted(openings.session, tables.session[placed.number[rows]], "right")
    _check_known(number < len(openings.session), np.ones(len(rows), dtype=np.bool_), days)
    placed.window[rows] = len(days.openings) - 1
    placed.number[rows] = tables.first[-2] + number
    placed.at_us[rows] = openings.start_us[number]


def _check_known(known: Bools, asked: Bools, days: TradingDays) -> None:
    if not np.all(known | ~asked):
        told = f"is too near to the end of the calendar, {days.covered[1].date()}: no window opens after it"
        raise InvalidRequest((Violation("columns.clock_us", "OUT_OF_RANGE", told),))


def _check_columns(columns: DecisionColumns, days: TradingDays) -> None:
    """Shapes and types first, then every column; the first entry at fault is named."""
    accounts, trades = len(columns.clock_us), len(columns.trade_us)
    faults: list[Violation | None] = []
    for field in fields(columns):
        column = getattr(columns, field.name)
        by_trade = field.name in ("trade_side", "trade_us", "trade_opposed")
        length = trades if by_trade else accounts + (field.name == "trade_start")
        dtype = np.bool_ if field.name in ("restricted", "closed", "trade_opposed") else np.int64
        if column.dtype != dtype or column.shape != (length,):
            told = f"is {column.dtype} of shape {column.shape}; it must be {np.dtype(dtype)} of shape ({length},)"
            faults.append(Violation(f"columns.{field.name}", "WRONG_SHAPE", told))
    check(faults)
    start = columns.trade_start
    wrong = np.append(np.diff(start) < 0, start[-1] != trades)
    wrong[0] |= start[0] != 0
    faults = [
        entry_violation("trade_start", wrong, "OUT_OF_RANGE", "must begin with 0, never fall, end with the trades")
    ]
    faults += [_range_fault(columns, "kind", 0, len(KINDS) - 1), _range_fault(columns, "trade_side", 0, 1)]
    faults += [_range_fault(columns, n, 0, MAX_MONEY) for n in ("value", "cash", "min_order", "cash_unavailable")]
    faults += [_range_fault(columns, "flags", 0, (1 << len(days.timetable.flags)) - 1)]
    first, last = (microseconds(at) for at in days.covered)
    faults += [_range_fault(columns, "clock_us", max(first, FIRST_US), min(last, LAST_US) - 1)]
    faults += [_range_fault(columns, name, FIRST_US, LAST_US - 1) for name in ("asked_us", "trade_us")]
    optional = ("rebalanced_us", "manual_orders_us", "looked_us", "postponed_us", "cash_available_us")
    faults += [_range_fault(columns, name, FIRST_US, LAST_US - 1, True) for name in optional]
    check(faults)
    told = "is later than the account's clock; a clock may not run backwards"
    for name in ("asked_us", "rebalanced_us", "manual_orders_us", "looked_us"):
        faults.append(entry_violation(name, getattr(columns, name) > columns.clock_us, "CLOCK_RUNS_BACKWARDS", told))
    late = columns.trade_us > np.repeat(columns.clock_us, np.diff(start))
    check([*faults, entry_violation("trade_us", late, "CLOCK_RUNS_BACKWARDS", told)])


def _range_fault(
    columns: DecisionColumns, name: str, least: int, most: int, optional: bool = False
) -> Violation | None:
    column: Ints = getattr(columns, name)
    wrong = (column < least) | (column > most)
    if optional:
        wrong &= column != NEVER
    return entry_violation(name, wrong, "OUT_OF_RANGE", f"must lie between {least} and {most}")
