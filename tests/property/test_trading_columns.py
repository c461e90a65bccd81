"""Columns say what one by one says: triggers and decisions, at every edge that Hypothesis finds."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Holding, InvalidRequest, Pie, Portfolio, Side, Slice
from solver.trading.accounts import Account, Asked, OneSide, Traded
from solver.trading.clocks import NEVER, Ints, instant_of, microseconds
from solver.trading.decision_columns import ACTIONS, BIT, KINDS, DecisionColumns, decide_columns
from solver.trading.decisions import Decision, decide
from solver.trading.sessions import (
    ALLIO_DYNAMIC_WINDOWS,
    ALLIO_MANAGED_WINDOWS,
    M1_WINDOWS,
    Kind,
    Timetable,
    Window,
    trading_days,
)
from solver.trading.trigger_columns import TriggerColumns, check_trigger_columns
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
    check_triggers,
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


@pytest.mark.parametrize("day", [(2026, 3, 8), (2026, 11, 1), (2026, 11, 20), (2027, 1, 1)])
@pytest.mark.parametrize("at", [time(0, 0), time(1, 30), time(2, 30), time(14, 30)])
def test_schedules_turn_at_the_same_microsecond(day: tuple[int, int, int], at: time) -> None:
    """Both clock changes, hours that come twice or not at all: due, the last run and the clock a microsecond apart."""
    due = instant_of(microseconds(datetime.combine(date(*day), at, EASTERN)))
    tick = timedelta(microseconds=1)
    policy = Policy((Daily(at), EveryDays(3, at)))
    account = Portfolio(Pie((Slice("a", 1, Holding("AAA0", 1)),)))
    start = due - timedelta(days=30)
    lasts = [due - timedelta(days=3), datetime.combine(date(*day) - timedelta(days=2), time(), EASTERN)]
    for clock in (due - tick, due, due + tick):
        runs = [None, *(d for d in (due - tick, due, due + tick, due - timedelta(days=1)) if d <= clock)]
        rebalances = [instant_of(microseconds(last)) + k * tick for last in lasts for k in (-1, 0, 1)]
        books = [History(start, last, run) for run in runs for last in rebalances]
        books += [History(s, None, None) for s in (due - tick, due, due + tick) if s <= clock]
        holds = check_trigger_columns(trigger_columns([account] * len(books), books), policy, clock)
        for k, history in enumerate(books):
            found = {trigger.rule for trigger in check_triggers(account, history, policy, clock)}
            assert found == set(np.flatnonzero(holds[:, k]).tolist())


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


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trigger_cases())
def test_triggers_in_columns_are_those_one_by_one(
    case: tuple[list[Portfolio], list[History], Policy, datetime],
) -> None:
    accounts, books, policy, clock = case
    holds = check_trigger_columns(trigger_columns(accounts, books), policy, clock)
    for k, (account, history) in enumerate(zip(accounts, books, strict=True)):
        tags = {s: tag_of(s) for s in flatten(account).security_ids if tag_of(s)}
        found = {trigger.rule for trigger in check_triggers(account, history, policy, clock, tags)}
        assert found == set(np.flatnonzero(holds[:, k]).tolist())


def test_what_no_float_can_tell_is_asked_exactly() -> None:
    """Weights of 2·10^9 and a portfolio of 8·10^12: off by one part in 10^22, and not off at all."""
    weight, total = 10**9, 2 * 10**9 - 1
    worth = -pow(weight, -1, total) % total + total * 4_000
    held = (weight * worth + 1) // total
    assert held * total == weight * worth + 1
    assert held / worth == weight / total

    def account(value: int, whole: int) -> Portfolio:
        other = Slice("b", total - weight, Holding("BBB1", whole - value))
        return Portfolio(Pie((Slice("a", weight, Holding("AAA0", value)), other)))

    accounts = [account(held, worth), account(weight * 4_000, total * 4_000)]
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    rules = [Drift(scope, 0) for scope in (Scope.SLICES, Scope.CLASSES, Scope.PORTFOLIO)]
    rules += [Drift(scope, 0, Measure.RELATIVE) for scope in (Scope.SLICES, Scope.CLASSES)]
    holds = check_trigger_columns(trigger_columns(accounts, [History(clock)] * 2), Policy(tuple(rules)), clock)
    assert holds.tolist() == [[True, False]] * len(rules)


@pytest.mark.parametrize("scope", [Scope.SLICES, Scope.CLASSES, Scope.PORTFOLIO])
@pytest.mark.parametrize("share", range(51, 100))
def test_exactly_at_the_threshold_columns_hold_nothing(scope: Scope, share: int) -> None:
    """In floats 0.55 − 0.5 is more than 0.05."""
    slices = (Slice("a", 1, Holding("AAA0", share)), Slice("b", 1, Holding("BBB1", 100 - share)))
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    policy = Policy((Drift(scope, (share - 50) * 10_000), Drift(scope, (share - 50) * 10_000 - 1)))
    holds = check_trigger_columns(trigger_columns([Portfolio(Pie(slices))], [History(clock)]), policy, clock)
    assert holds.tolist() == [[False], [True]]


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


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(decision_cases(), min_size=1, max_size=8), st.sampled_from(TIMETABLES))
def test_decisions_in_columns_are_those_one_by_one(
    cases: list[tuple[Account, Asked, datetime]], timetable: Timetable
) -> None:
    columns = decision_columns(cases, timetable)
    rows = decide_columns(columns, timetable)
    columns_of = (rows.action, rows.at_us, rows.orders_end_us, rows.window, rows.reasons, rows.postponed)
    for k, (account, asked, clock) in enumerate(cases):
        decision = decide(account, asked, timetable, clock)
        assert tuple(column[k].item() for column in columns_of) == in_columns(decision, timetable)
        blocked = rows.trade_blocked[columns.trade_start[k] : columns.trade_start[k + 1]]
        traded = [trade for trade, is_blocked in zip(account.trades, blocked, strict=True) if is_blocked]
        other = {(t.security_id, Side.SELL if t.side is Side.BUY else Side.BUY) for t in traded}
        assert other == {(security_id, block.side) for security_id, block in decision.blocks}


@pytest.mark.parametrize("kind", [Kind.CLIENT_REBALANCE, Kind.MANUAL_ORDERS, Kind.INSTANT_REBALANCE, Kind.DEPOSIT])
def test_windows_are_shared_to_the_microsecond(kind: Kind) -> None:
    """The other's last trade a microsecond around the opening and the end of a window, the clock inside and after it."""
    opens, closes = (datetime(2026, 11, 20, hour, tzinfo=EASTERN) for hour in (10, 12))
    pair = Timetable((Window("first", time(10), time(12)), Window("second", time(12), time(14))))
    tick = timedelta(microseconds=1)
    others = [edge + k * tick for edge in (opens, closes) for k in (-1, 0, 1)]
    clocks = [opens, opens + tick, closes - tick, closes, closes + tick]
    cases = [
        (Account(10**6, 10**6, rebalanced_at=other, manual_orders_at=other), Asked(kind, opens - tick), clock)
        for other in others
        for clock in clocks
        if other <= clock
    ]
    rows = decide_columns(decision_columns(cases, pair), pair)
    for k, (account, asked, clock) in enumerate(cases):
        decision = decide(account, asked, pair, clock)
        assert (rows.action[k], rows.at_us[k]) == in_columns(decision, pair)[:2]


@settings(max_examples=300, deadline=None)
@given(decision_cases(), st.sampled_from(TIMETABLES))
def test_what_waits_trades_when_its_caller_comes_back(
    case: tuple[Account, Asked, datetime], timetable: Timetable
) -> None:
    """No event is told twice to wait for the same instant: what is decided holds when it comes."""
    account, asked, clock = case
    decision = decide(account, asked, timetable, clock)
    if decision.at is None:
        return
    again = replace(asked, postponed_until=decision.at) if decision.postponed else asked
    then = decide(replace(account, looked_at=clock), again, timetable, decision.at)
    assert then.action.value == "TRADE_NOW"
    days = trading_days(timetable)
    assert days.market_open(np.array([microseconds(decision.at)]))[0] == 1
    assert decision.orders_end_at is not None
    assert decision.orders_end_at > decision.at >= clock


def two_accounts() -> tuple[TriggerColumns, DecisionColumns]:
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    case = (Account(100, 100, trades=(Traded("AAA", Side.BUY, clock),)), Asked(Kind.DEPOSIT, clock), clock)
    zero, never = np.zeros(2, dtype=np.int64), np.full(2, NEVER)
    triggers = TriggerColumns(
        started_us=np.full(2, microseconds(clock)),
        last_rebalance_us=never,
        last_run_us=never,
        cash=zero,
        cash_floor=zero,
        withdrawal=zero,
        start=np.array([0, 3, 6]),
        parent=np.array([-1, 0, 0] * 2),
        target_weight=np.array([1, 5, 5] * 2),
        value=np.array([0, 3, 3] * 2),
        asset_class=np.full(6, -1),
    )
    return triggers, decision_columns([case, case], M1_WINDOWS)


def spoiled(columns: object, name: str, place: int, number: int) -> object:
    column = getattr(columns, name).copy()
    column[place] = number
    return replace(columns, **{name: column})  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("name", "place", "number", "reason"),
    [
        ("cash", 1, -1, "OUT_OF_RANGE"),
        ("started_us", 1, NEVER, "OUT_OF_RANGE"),
        ("last_rebalance_us", 0, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("start", 2, 5, "OUT_OF_RANGE"),
        ("parent", 4, 1, "WRONG_PARENT"),
        ("parent", 3, 0, "WRONG_PARENT"),
        ("parent", 1, -1, "WRONG_PARENT"),
        ("value", 5, -1, "OUT_OF_RANGE"),
        ("target_weight", 5, -5, "OUT_OF_RANGE"),
    ],
)
def test_trigger_columns_name_the_entry_at_fault(name: str, place: int, number: int, reason: str) -> None:
    columns = two_accounts()[0]
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    policy = Policy((Drift(Scope.SLICES, 0),))
    assert not check_trigger_columns(columns, policy, clock).any()
    with pytest.raises(InvalidRequest) as caught:
        check_trigger_columns(spoiled(columns, name, place, number), policy, clock)  # type: ignore[arg-type]
    assert [(v.field, v.reason) for v in caught.value.violations] == [(f"columns.{name}[{place}]", reason)]


def test_a_pie_without_a_positive_target_is_named() -> None:
    columns = replace(two_accounts()[0], target_weight=np.array([1, 5, 5, 1, 0, 0]))
    with pytest.raises(InvalidRequest, match=r"columns\.target_weight\[3\]"):
        check_trigger_columns(columns, Policy((Drift(Scope.SLICES, 0),)), datetime(2026, 11, 20, 12, tzinfo=EASTERN))


@pytest.mark.parametrize(
    ("name", "place", "number", "reason"),
    [
        ("kind", 1, len(KINDS), "OUT_OF_RANGE"),
        ("trade_side", 0, 2, "OUT_OF_RANGE"),
        ("flags", 1, 2, "OUT_OF_RANGE"),
        ("clock_us", 0, microseconds(datetime(1990, 1, 1, tzinfo=EASTERN)), "OUT_OF_RANGE"),
        ("looked_us", 1, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("asked_us", 1, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("trade_us", 1, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("trade_start", 1, 3, "OUT_OF_RANGE"),
        ("min_order", 0, -1, "OUT_OF_RANGE"),
    ],
)
def test_decision_columns_name_the_entry_at_fault(name: str, place: int, number: int, reason: str) -> None:
    columns = two_accounts()[1]
    decide_columns(columns, M1_WINDOWS)
    with pytest.raises(InvalidRequest) as caught:
        decide_columns(spoiled(columns, name, place, number), M1_WINDOWS)  # type: ignore[arg-type]
    assert caught.value.violations[0].reason == reason
    assert caught.value.violations[0].field.startswith(f"columns.{name}[")


def test_columns_of_another_shape_or_type_are_refused() -> None:
    triggers, decisions = two_accounts()
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    for column in fields(triggers):
        known = getattr(triggers, column.name)
        with pytest.raises(InvalidRequest):
            check_trigger_columns(replace(triggers, **{column.name: known.astype(np.float64)}), Policy(), clock)
    for column in fields(decisions):
        known = getattr(decisions, column.name)
        with pytest.raises(InvalidRequest, match="must be"):
            decide_columns(replace(decisions, **{column.name: np.append(known, known[:1])}), M1_WINDOWS)
