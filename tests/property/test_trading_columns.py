"""Columns say what one by one says: triggers and decisions, at every edge that Hypothesis finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Holding, Pie, Portfolio, Side, Slice
from solver.trading.accounts import Account, Asked
from solver.trading.clocks import instant_of, microseconds
from solver.trading.decision_columns import decide_columns
from solver.trading.decisions import decide
from solver.trading.sessions import (
    Kind,
    Timetable,
    Window,
    trading_days,
)
from solver.trading.trigger_columns import check_trigger_columns
from solver.trading.triggers import (
    Daily,
    Drift,
    EveryDays,
    History,
    Measure,
    Policy,
    Scope,
    check_triggers,
)
from solver.tree import flatten
from tests.property.trading import (
    EASTERN,
    TIMETABLES,
    decision_cases,
    decision_columns,
    in_columns,
    tag_of,
    trigger_cases,
    trigger_columns,
)


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
