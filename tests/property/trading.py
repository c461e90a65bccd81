"""Account books, events and clocks at the edges of the trading day, as Hypothesis makes them, and the same in columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from solver import Portfolio, Side
from solver.trading.accounts import Account, Asked, OneSide, Traded
from solver.trading.clocks import Ints, instant_of, microseconds
from solver.trading.decision_columns import ACTIONS, BIT, KINDS, DecisionColumns
from solver.trading.decisions import Decision
from solver.trading.sessions import (
    ALLIO_DYNAMIC_WINDOWS,
    ALLIO_MANAGED_WINDOWS,
    M1_WINDOWS,
    Kind,
    Timetable,
    Window,
)
from solver.trading.trigger_columns import TriggerColumns
from solver.trading.triggers import (
    CashEvents,
    Daily,
    Drift,
    EveryDays,
    History,
    Measure,
    Policy,
    Rule,
    Scope,
)
from solver.tree import flatten
from tests.property.strategies import portfolios

EASTERN = ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)
# holidays, half-days, both clock changes, the turn of the year; the times of windows and closes, and seconds around
DAYS = [(2026, 11, 25), (2026, 11, 27), (2026, 11, 20), (2026, 3, 8), (2026, 11, 1), (2026, 12, 31), (2026, 7, 3)]
TIMES = [(0, 0), (1, 30), (9, 0), (9, 30), (10, 30), (12, 0), (13, 0), (14, 30), (15, 0), (16, 0), (23, 59)]


@st.composite
def instants(draw: st.DrawFn, before: datetime | None = None) -> datetime:
    """An instant near an edge of the calendar, not after ``before``."""
    year, month, day = draw(st.sampled_from(DAYS))
    hour, minute = draw(st.sampled_from(TIMES))
    around = draw(st.sampled_from([0, 0, 0, -1, 1])) * timedelta(microseconds=draw(st.sampled_from([1, 1_000_000])))
    at = datetime(year, month, day, hour, minute, tzinfo=EASTERN, fold=draw(st.integers(0, 1)))
    at = instant_of(microseconds(at)) + timedelta(days=draw(st.integers(-9, 1))) + around
    return at if before is None or at <= before else before - draw(st.integers(0, 3)) * SECOND


def some(of: st.SearchStrategy[datetime]) -> st.SearchStrategy[datetime | None]:
    return st.none() | of


THRESHOLDS = st.sampled_from([0, 1, 10_000, 50_000, 83_333, 100_000, 166_667, 250_000, 500_000])
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Drift, st.sampled_from([Scope.SLICES, Scope.PIES, Scope.CLASSES]), THRESHOLDS, st.sampled_from(Measure)),
    st.builds(Drift, st.just(Scope.PORTFOLIO), THRESHOLDS),
    st.builds(EveryDays, st.integers(1, 9), st.sampled_from([time(h, m) for h, m in TIMES])),
    st.builds(Daily, st.sampled_from([time(h, m) for h, m in TIMES])),
    st.builds(CashEvents, st.integers(1, 5)),
)
CLASSES = ["bonds", "gold", "stocks"]


@st.composite
def trigger_cases(draw: st.DrawFn) -> tuple[list[Portfolio], list[History], Policy, datetime]:
    clock = draw(instants())
    number = draw(st.integers(1, 4))
    accounts = [draw(portfolios(draw(st.sampled_from([12, 100, 10**12])), cash=6)) for _ in range(number)]
    books = st.builds(
        History,
        instants(clock),
        some(instants(clock)),
        some(instants(clock)),
        st.sampled_from([0, 0, 5]),
        st.integers(0, 2),
    )
    policy = Policy(tuple(draw(st.lists(RULES, min_size=1, max_size=5))))
    return accounts, [draw(books) for _ in accounts], policy, clock


def trigger_columns(accounts: list[Portfolio], books: list[History]) -> TriggerColumns:
    trees = [flatten(account) for account in accounts]

    def ints(numbers: list[int]) -> Ints:
        return np.array(numbers, dtype=np.int64)

    tags = [tag_of(security) for tree in trees for security in tree.security_ids]
    return TriggerColumns(
        started_us=ints([microseconds(b.started_at) for b in books]),
        last_rebalance_us=ints([microseconds(b.last_rebalance_at) for b in books]),
        last_run_us=ints([microseconds(b.last_run_at) for b in books]),
        cash=ints([account.cash for account in accounts]),
        cash_floor=ints([b.cash_floor for b in books]),
        withdrawal=ints([b.withdrawal for b in books]),
        start=np.cumsum([0] + [len(tree.parent) for tree in trees]),
        parent=ints([p for tree in trees for p in tree.parent]),
        target_weight=ints([w for tree in trees for w in tree.weight]),
        value=ints([v for tree in trees for v in tree.value]),
        asset_class=ints([CLASSES.index(tag) if tag else -1 for tag in tags]),
    )


def tag_of(security_id: str) -> str:
    """By the last digit of the id; every fourth security, and a pie, is in no class."""
    place = int(security_id[-1]) % 4 if security_id else 3
    return CLASSES[place] if place < 3 else ""


TIMETABLES = [
    M1_WINDOWS,
    ALLIO_MANAGED_WINDOWS,
    ALLIO_DYNAMIC_WINDOWS,
    replace(M1_WINDOWS, postponed_at=time(10, 15)),
    replace(ALLIO_DYNAMIC_WINDOWS, rebalances_alone=True),
    Timetable((Window("w", time(11), time(14), joins_late=False),), "XHKG"),
    Timetable((Window("a", None, time(12), needs="b"), Window("c", time(12), needs="a")), "XLON"),
]
SECURITIES = ["AAA", "BBB", "CCC"]


@st.composite
def decision_cases(draw: st.DrawFn) -> tuple[Account, Asked, datetime]:
    clock = draw(instants())
    trades = st.builds(Traded, st.sampled_from(SECURITIES), st.sampled_from(Side), instants(clock))
    money = st.sampled_from([0, 50, 99, 100, 10_000])
    account = Account(
        value=draw(money),
        cash=draw(money),
        min_order=draw(st.sampled_from([0, 100])),
        restricted=draw(st.integers(0, 9)) == 0,
        closed=draw(st.integers(0, 9)) == 0,
        flags=draw(st.frozensets(st.sampled_from(["a", "afternoon", "b", "unknown"]))),
        cash_unavailable=draw(money),
        cash_available_at=draw(some(instants())),
        trades=tuple(draw(st.lists(trades, max_size=3))),
        rebalanced_at=draw(some(instants(clock))),
        manual_orders_at=draw(some(instants(clock))),
        looked_at=draw(some(instants(clock))),
    )
    sides = st.frozensets(st.builds(OneSide, st.sampled_from(SECURITIES), st.sampled_from(Side)))
    wants, until = draw(st.none() | sides), draw(some(instants()))
    return account, Asked(draw(st.sampled_from(Kind)), draw(instants(clock)), "", wants, until), clock


def decision_columns(cases: list[tuple[Account, Asked, datetime]], timetable: Timetable) -> DecisionColumns:
    def ints(numbers: list[int]) -> Ints:
        return np.array(numbers, dtype=np.int64)

    accounts, events = [case[0] for case in cases], [case[1] for case in cases]
    trades = [(trade, asked) for account, asked, _ in cases for trade in account.trades]
    other = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
    return DecisionColumns(
        clock_us=ints([microseconds(clock) for _, _, clock in cases]),
        kind=ints([KINDS.index(asked.kind) for asked in events]),
        asked_us=ints([microseconds(asked.asked_at) for asked in events]),
        postponed_us=ints([microseconds(asked.postponed_until) for asked in events]),
        flags=ints([sum(1 << k for k, f in enumerate(timetable.flags) if f in a.flags) for a in accounts]),
        value=ints([a.value for a in accounts]),
        cash=ints([a.cash for a in accounts]),
        min_order=ints([a.min_order for a in accounts]),
        cash_unavailable=ints([a.cash_unavailable for a in accounts]),
        cash_available_us=ints([microseconds(a.cash_available_at) for a in accounts]),
        restricted=np.array([a.restricted for a in accounts], dtype=np.bool_),
        closed=np.array([a.closed for a in accounts], dtype=np.bool_),
        rebalanced_us=ints([microseconds(a.rebalanced_at) for a in accounts]),
        manual_orders_us=ints([microseconds(a.manual_orders_at) for a in accounts]),
        looked_us=ints([microseconds(a.looked_at) for a in accounts]),
        trade_start=np.cumsum([0] + [len(a.trades) for a in accounts]),
        trade_side=ints([list(Side).index(trade.side) for trade, _ in trades]),
        trade_us=ints([microseconds(trade.traded_at) for trade, _ in trades]),
        trade_opposed=np.array(
            [q.wants is None or OneSide(t.security_id, other[t.side]) in q.wants for t, q in trades], dtype=np.bool_
        ),
    )


def in_columns(decision: Decision, timetable: Timetable) -> tuple[object, ...]:
    windows = [window.window_id for window in timetable.windows] + ["postponed"]
    return (
        ACTIONS.index(decision.action),
        microseconds(decision.at),
        microseconds(decision.orders_end_at),
        windows.index(decision.window_id) if decision.window_id else -1,
        sum(BIT[reason.code] for reason in decision.reasons),
        decision.postponed,
    )
