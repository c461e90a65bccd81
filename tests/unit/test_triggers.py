"""Triggers: each rule at its edge, exactly; the clocks on which schedules run; the presets."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from solver import (
    ChangedPie,
    Deposit,
    Holding,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
    Slice,
    TargetChange,
    TargetSlice,
    plan,
)
from solver.trading.triggers import (
    ALLIO_DYNAMIC_TRIGGERS,
    ALLIO_MANAGED_TRIGGERS,
    M1_TRIGGERS,
    CashEvents,
    Daily,
    Drift,
    EveryDays,
    History,
    Measure,
    Policy,
    Scope,
    Trigger,
    TriggerCode,
    check_triggers,
)

EASTERN = ZoneInfo("America/New_York")
CLOCK = datetime(2026, 11, 20, 14, 30, tzinfo=EASTERN)  # a Friday
STARTED = datetime(2020, 1, 2, 10, tzinfo=EASTERN)
CLASSES = {"AAA": "stocks", "BBB": "stocks", "CCC": "bonds"}


def flat(a: int, b: int, cash: int = 0) -> Portfolio:
    """Two slices at 50 % each."""
    return Portfolio(Pie((Slice("a", 1, Holding("AAA", a)), Slice("b", 1, Holding("BBB", b)))), cash)


def nested(a: int, b: int, c: int) -> Portfolio:
    """A pie P = {a, b} and a slice c, all halves: a and b are a quarter of the whole."""
    inner = Pie((Slice("a", 1, Holding("AAA", a)), Slice("b", 1, Holding("BBB", b))))
    return Portfolio(Pie((Slice("P", 1, inner), Slice("c", 1, Holding("CCC", c)))))


def told(portfolio: Portfolio, *rules: Drift | EveryDays | Daily | CashEvents, **books: object) -> tuple[Trigger, ...]:
    history = History(**{"started_at": STARTED, **books})  # type: ignore[arg-type]
    return check_triggers(portfolio, history, Policy(rules), CLOCK, CLASSES)


def subjects(found: tuple[Trigger, ...]) -> list[str]:
    return [trigger.subject for trigger in found]


def test_exactly_at_the_threshold_nothing_is_off() -> None:
    rule = Drift(Scope.SLICES, 50_000)
    assert told(flat(5_500, 4_500), rule) == ()
    found = told(flat(55_001, 44_999), rule)
    assert subjects(found) == ["a", "b"]
    assert dict(found[0].figures)["deviation"] == str(Fraction(5_001, 100_000))
    assert found[0].sentence == (
        "The slice a is 55.00 % of its pie, its target 50.00 %: it is 5.001 points off; more than 5.000 makes it trade."
    )


def test_a_third_is_compared_as_a_third() -> None:
    """1/3 of 99 is 33 exactly: no float in the way, even with a threshold of nothing."""
    slices = tuple(Slice(name, 1, Holding(name.upper(), 33)) for name in "abc")
    assert told(Portfolio(Pie(slices)), Drift(Scope.SLICES, 0)) == ()


def test_relative_to_the_target() -> None:
    rule = Drift(Scope.SLICES, 200_000, Measure.RELATIVE)  # a fifth of 50 % are 10 points
    assert told(flat(60, 40), rule) == ()
    assert subjects(told(flat(61, 39), rule)) == ["a", "b"]
    assert "22.00 % of its target off" in told(flat(61, 39), rule)[0].sentence


def test_a_retired_slice_is_off_while_it_holds_anything() -> None:
    retired = Portfolio(Pie((Slice("a", 1, Holding("AAA", 10**9)), Slice("r", 0, Holding("BBB", 1)))))
    found = told(retired, Drift(Scope.SLICES, 10**9, Measure.RELATIVE))
    assert subjects(found) == ["r"]
    assert found[0].sentence.endswith("should hold nothing.")


def test_slices_are_measured_in_their_pie_and_pies_in_theirs() -> None:
    portfolio = nested(40, 20, 40)
    assert subjects(told(portfolio, Drift(Scope.SLICES, 100_000))) == ["a", "b"]  # 2/3 and 1/3; c is at 40 of 50
    assert subjects(told(portfolio, Drift(Scope.SLICES, 90_000))) == ["a", "b", "c"]
    assert subjects(told(portfolio, Drift(Scope.PIES, 90_000))) == ["P"]
    assert told(portfolio, Drift(Scope.PIES, 100_000)) == ()


def test_an_asset_class_is_the_sum_of_its_slices() -> None:
    portfolio = nested(40, 20, 40)
    found = told(portfolio, Drift(Scope.CLASSES, 99_999))
    assert subjects(found) == ["bonds", "stocks"]
    assert dict(found[1].figures)["target"] == "1/2"
    assert told(portfolio, Drift(Scope.CLASSES, 100_000)) == ()


def test_half_the_sum_of_all_deviations() -> None:
    """a: 15 points above 25, b: 5 below, c: 10 below 50: half of 30."""
    assert told(nested(40, 20, 40), Drift(Scope.PORTFOLIO, 150_000)) == ()
    found = told(nested(40, 20, 40), Drift(Scope.PORTFOLIO, 149_999))
    assert dict(found[0].figures)["deviation"] == "3/20"
    assert found[0].sentence.startswith("The portfolio as a whole is 15.0000 points off; more than 14.9999")


@pytest.mark.parametrize("scope", Scope)
def test_what_is_worth_nothing_is_not_off(scope: Scope) -> None:
    assert told(flat(0, 0, cash=1_000), Drift(scope, 0)) == ()


def test_every_seven_days_from_the_last_rebalance() -> None:
    rule = EveryDays(7, time(14, 30))
    monday = datetime(2026, 11, 13, 20, tzinfo=EASTERN)
    assert told(flat(1, 1), rule, last_rebalance_at=monday)[0].code is TriggerCode.SCHEDULE
    assert told(flat(1, 1), rule, last_rebalance_at=monday + timedelta(days=1)) == ()
    second = CLOCK - timedelta(seconds=1)
    assert check_triggers(flat(1, 1), History(STARTED, monday), Policy((rule,)), second) == ()


def test_a_clients_own_rebalance_starts_the_count_anew() -> None:
    automatic, own = CLOCK - timedelta(days=8), CLOCK - timedelta(days=2)
    rule = ALLIO_DYNAMIC_TRIGGERS.rules[0]
    assert told(flat(1, 1), rule, last_rebalance_at=automatic)
    assert told(flat(1, 1), rule, last_rebalance_at=own) == ()


def test_a_changed_interval_counts_from_the_same_start() -> None:
    last = CLOCK - timedelta(days=5)
    assert told(flat(1, 1), EveryDays(7), last_rebalance_at=last) == ()
    assert told(flat(1, 1), EveryDays(5), last_rebalance_at=last)
    assert told(flat(1, 1), EveryDays(6), last_rebalance_at=last) == ()


def test_without_a_rebalance_it_counts_from_the_start() -> None:
    assert "the account's start" in told(flat(1, 1), EveryDays(7))[0].sentence
    assert told(flat(1, 1), EveryDays(7), started_at=CLOCK - timedelta(days=6)) == ()


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (datetime(2026, 3, 4, 14, 30, tzinfo=EASTERN), datetime(2026, 3, 11, 18, 30, tzinfo=UTC)),  # spring forward
        (datetime(2026, 10, 28, 14, 30, tzinfo=EASTERN), datetime(2026, 11, 4, 19, 30, tzinfo=UTC)),  # fall back
        (datetime(2026, 12, 30, 14, 30, tzinfo=EASTERN), datetime(2027, 1, 6, 19, 30, tzinfo=UTC)),  # the year turns
    ],
)
def test_seven_days_are_seven_dates(last: datetime, due: datetime) -> None:
    history, policy = History(STARTED, last), Policy((EveryDays(7, time(14, 30)),))
    assert check_triggers(flat(1, 1), history, policy, due)
    assert not check_triggers(flat(1, 1), history, policy, due - timedelta(microseconds=1))


def test_the_daily_run() -> None:
    assert dict(told(flat(1, 1), Daily())[0].figures)["due_at"] == CLOCK.isoformat()
    assert told(flat(1, 1), Daily(), last_run_at=CLOCK) == ()
    yesterday = CLOCK - timedelta(days=1)
    assert told(flat(1, 1), Daily(), last_run_at=yesterday)
    before = CLOCK - timedelta(seconds=1)
    assert check_triggers(flat(1, 1), History(STARTED, None, yesterday), Policy((Daily(),)), before) == ()
    assert told(flat(1, 1), Daily(), started_at=CLOCK - timedelta(minutes=1))
    assert told(flat(1, 1), Daily(time(14, 31)), started_at=CLOCK - timedelta(minutes=1)) == ()


def test_the_hour_that_comes_twice() -> None:
    """On 1 November 2026 it is 01:30 twice in New York; the run of the first is not asked for again by the second."""
    first = datetime(2026, 11, 1, 1, 30, tzinfo=EASTERN)
    policy = Policy((Daily(time(1, 30)),))
    history = History(STARTED, None, first)
    assert check_triggers(flat(1, 1), history, policy, first.replace(fold=1)) == ()
    early = first.replace(fold=1, hour=1, minute=10)  # after the first 01:30, though its wall clock says earlier
    assert check_triggers(flat(1, 1), History(STARTED, None, first), policy, early) == ()
    assert check_triggers(flat(1, 1), History(STARTED, None, first - timedelta(days=1)), policy, early)


def test_cash_events() -> None:
    assert told(flat(1, 1, cash=2_500), CashEvents(2_500))[0].code is TriggerCode.CASH_IN
    assert told(flat(1, 1, cash=2_499), CashEvents(2_500)) == ()
    assert told(flat(1, 1, cash=2_500), CashEvents(2_500), cash_floor=1) == ()
    assert told(flat(1, 1), CashEvents()) == ()
    out = told(flat(1, 1, cash=10_000), CashEvents(), withdrawal=500)
    assert [(t.code, t.sentence) for t in out] == [
        (TriggerCode.CASH_OUT, "A withdrawal of 5.00 USD is asked for."),
    ]


def test_several_hold_at_once_in_listed_order() -> None:
    found = told(flat(9, 1, cash=10), CashEvents(), Drift(Scope.SLICES, 10), EveryDays(1))
    assert [(t.code.value, t.rule, t.subject) for t in found] == [
        ("CASH_IN", 0, ""), ("DRIFT", 1, "a"), ("DRIFT", 1, "b"), ("SCHEDULE", 2, ""),
    ]  # fmt: skip


def test_m1_never_trades_without_instruction() -> None:
    """However far off, however long ago, whatever cash there is."""
    history = History(STARTED, withdrawal=100)
    assert check_triggers(flat(10**9, 0, cash=10**9), history, M1_TRIGGERS, CLOCK) == ()


def test_changed_targets_alone_trigger_nothing() -> None:
    """And are not planned, either; the next deposit follows them."""
    changed = TargetChange((ChangedPie("", (TargetSlice("a", 9), TargetSlice("b", 1))),))
    nothing = plan(flat(500, 500), changed)
    assert isinstance(nothing, Plan)
    assert nothing.orders == ()
    slices = (Slice("a", 9, Holding("AAA", 500)), Slice("b", 1, Holding("BBB", 500)))
    for policy in (M1_TRIGGERS, ALLIO_DYNAMIC_TRIGGERS):
        assert check_triggers(Portfolio(Pie(slices)), History(STARTED, CLOCK), policy, CLOCK) == ()
    invested = plan(Portfolio(Pie(slices)), Deposit(100))
    assert isinstance(invested, Plan)
    assert [(order.security_id, order.amount) for order in invested.orders] == [("AAA", 100)]


def test_the_allio_presets() -> None:
    assert {t.code for t in check_triggers(flat(1, 1), History(STARTED), ALLIO_MANAGED_TRIGGERS, CLOCK)} == {
        TriggerCode.DAILY_RUN
    }
    week = History(STARTED, CLOCK - timedelta(days=7))
    assert [t.code for t in check_triggers(flat(1, 1, 5), week, ALLIO_DYNAMIC_TRIGGERS, CLOCK)] == [
        TriggerCode.SCHEDULE,
        TriggerCode.CASH_IN,
    ]


def violations(call: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        call()  # type: ignore[operator]
    return [(v.field, v.reason) for v in caught.value.violations]


def test_bad_input_is_named() -> None:
    naive = datetime(2026, 1, 1)
    assert violations(lambda: check_triggers(flat(1, 1), History(STARTED), M1_TRIGGERS, naive)) == [
        ("clock", "NO_TIME_ZONE")
    ]
    later = CLOCK + timedelta(microseconds=1)
    assert violations(lambda: told(flat(1, 1), last_rebalance_at=later, last_run_at=naive)) == [
        ("history.last_rebalance_at", "CLOCK_RUNS_BACKWARDS"),
        ("history.last_run_at", "NO_TIME_ZONE"),
    ]
    assert violations(lambda: told(flat(1, 1), withdrawal=-1)) == [("history.withdrawal", "NEGATIVE_AMOUNT")]
    assert violations(lambda: told(flat(1, 1), started_at=datetime(1850, 1, 1, tzinfo=UTC))) == [
        ("history.started_at", "OUT_OF_RANGE")
    ]
    assert violations(lambda: Drift(Scope.SLICES, -1)) == [("drift.threshold_micros", "OUT_OF_RANGE")]
    assert violations(lambda: Drift(Scope.PORTFOLIO, 1, Measure.RELATIVE)) == [("drift.measure", "NO_TARGET")]
    assert violations(lambda: Drift("SLICES", 1)) == [("drift.scope", "UNKNOWN_SCOPE")]  # type: ignore[arg-type]
    wrong: Any = "POINTS"
    assert violations(lambda: Drift(Scope.PORTFOLIO, 1, wrong)) == [("drift.measure", "UNKNOWN_MEASURE")]
    assert violations(lambda: EveryDays(0)) == [("every.days", "OUT_OF_RANGE")]
    assert violations(lambda: Daily(time(14, 30, tzinfo=UTC))) == [("daily.at", "UNEXPECTED_TIME_ZONE")]
    assert violations(lambda: CashEvents(0)) == [("cash.least", "AMOUNT_TOO_SMALL")]
    assert violations(lambda: Policy((), "Mars/Olympus")) == [("policy.time_zone", "UNKNOWN_TIME_ZONE")]
