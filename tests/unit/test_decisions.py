"""Decisions: now, later or not at all; windows missed by a second, same-day trades, windows that are not shared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from solver import (
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Holding,
    InvalidRequest,
    NewPie,
    Pie,
    Plan,
    Portfolio,
    Security,
    Side,
    Slice,
    TargetChange,
    TargetSlice,
    plan,
)
from solver.trading.accounts import REBALANCES, SAME_DAY, Account, Asked, OneSide, Traded
from solver.trading.decisions import Action, Decision, Why, decide, decide_together, with_blocks
from solver.trading.sessions import (
    ALLIO_DYNAMIC_WINDOWS,
    ALLIO_MANAGED_WINDOWS,
    M1_WINDOWS,
    Kind,
    Timetable,
    Window,
)

EASTERN = ZoneInfo("America/New_York")
RICH = Account(value=100_000, cash=5_000, min_order=100)
MARKET = Timetable((Window("market"),))


def eastern(day: int, hour: int = 0, minute: int = 0, second: int = 0, month: int = 11, year: int = 2026) -> datetime:
    """A time of November 2026 in New York: the 20th is a Friday, the 26th Thanksgiving, the 27th a half-day."""
    return datetime(year, month, day, hour, minute, second, tzinfo=EASTERN)


NOON = eastern(20, 12)


def asked(kind: Kind, at: datetime = NOON, **more: object) -> Asked:
    return Asked(kind, at, **more)  # type: ignore[arg-type]


def what(decision: Decision) -> tuple[Action, datetime | None, list[Why]]:
    return decision.action, decision.at, [reason.code for reason in decision.reasons]


def test_while_the_window_is_open_it_trades_now() -> None:
    decision = decide(RICH, asked(Kind.DEPOSIT), MARKET, NOON)
    assert what(decision) == (Action.TRADE_NOW, NOON, [])
    assert decision.window_id == "market"
    assert decision.orders_end_at == eastern(20, 16)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (eastern(20, 9, 29, 59), eastern(20, 9, 30)),
        (eastern(20, 9, 30, 1), eastern(23, 9, 30)),  # asked for a second late: Monday
        (eastern(20, 16), eastern(23, 9, 30)),
        (eastern(25, 9, 30, 1), eastern(27, 9, 30)),  # over Thanksgiving, to the half-day
        (eastern(27, 12), eastern(30, 9, 30)),
        (eastern(31, 9, 30, 1, month=12), eastern(4, 9, 30, month=1, year=2027)),  # the turn of the year
        (eastern(6, 17, month=3), eastern(9, 9, 30, month=3)),  # the clocks go forward on Sunday
        (eastern(30, 17, month=10), eastern(2, 9, 30)),  # and back
    ],
)
def test_the_next_morning_window(clock: datetime, expected: datetime) -> None:
    decision = decide(RICH, asked(Kind.CLIENT_REBALANCE, clock), M1_WINDOWS, clock)
    assert decision.action is Action.WAIT_UNTIL
    assert decision.at == expected
    assert decision.window_id == "morning"


def test_asked_in_time_it_trades_when_its_caller_is_late() -> None:
    request = asked(Kind.DEPOSIT, eastern(20, 9, 29, 59))
    assert what(decide(RICH, request, M1_WINDOWS, eastern(20, 9, 30))) == (Action.TRADE_NOW, eastern(20, 9, 30), [])
    assert decide(RICH, request, M1_WINDOWS, eastern(20, 9, 45)).action is Action.TRADE_NOW
    exactly = asked(Kind.DEPOSIT, eastern(20, 9, 30))
    assert decide(RICH, exactly, M1_WINDOWS, eastern(20, 9, 30)).action is Action.TRADE_NOW
    missed = decide(RICH, request, M1_WINDOWS, eastern(20, 10, 30))  # the window's own end
    assert what(missed) == (Action.WAIT_UNTIL, eastern(23, 9, 30), [Why.OUTSIDE_WINDOW])


def test_the_afternoon_window_is_for_those_entitled() -> None:
    entitled = replace(RICH, flags=frozenset({"afternoon"}))
    request = asked(Kind.DEPOSIT)
    assert decide(entitled, request, M1_WINDOWS, NOON).at == eastern(20, 15)
    assert decide(RICH, request, M1_WINDOWS, NOON).at == eastern(23, 9, 30)
    half_day = asked(Kind.DEPOSIT, eastern(27, 12))
    assert decide(entitled, half_day, M1_WINDOWS, eastern(27, 12)).at == eastern(30, 9, 30)
    only = Timetable((Window("w", needs="gold"),))
    assert what(decide(RICH, request, only, NOON)) == (Action.BLOCKED, None, [Why.NO_WINDOW])


def test_market_closed_scheduled_waits_instant_is_blocked() -> None:
    evening = eastern(20, 18)
    for kind in (Kind.PORTFOLIO_UPDATE, Kind.DEPOSIT, Kind.WITHDRAWAL):
        waiting = decide(RICH, asked(kind), ALLIO_DYNAMIC_WINDOWS, evening)
        assert what(waiting) == (Action.WAIT_UNTIL, eastern(23, 9, 30), [Why.MARKET_CLOSED])
        assert waiting.reasons[0].sentence == "The market is closed; it trades at 2026-11-23 09:30 EST."
    scheduled = decide(RICH, asked(Kind.SCHEDULED_REBALANCE), ALLIO_DYNAMIC_WINDOWS, evening)
    assert scheduled.at == eastern(23, 14, 30)
    instant = decide(RICH, asked(Kind.INSTANT_REBALANCE), ALLIO_DYNAMIC_WINDOWS, evening)
    assert what(instant) == (Action.BLOCKED, None, [Why.MARKET_CLOSED])
    assert decide(RICH, asked(Kind.INSTANT_REBALANCE), ALLIO_DYNAMIC_WINDOWS, NOON).action is Action.TRADE_NOW


def test_an_instant_rebalance_between_windows_is_blocked() -> None:
    decision = decide(RICH, asked(Kind.INSTANT_REBALANCE), M1_WINDOWS, NOON)
    assert what(decision) == (Action.BLOCKED, None, [Why.OUTSIDE_WINDOW])


def test_the_managed_daily_run() -> None:
    before = decide(RICH, asked(Kind.SCHEDULED_REBALANCE), ALLIO_MANAGED_WINDOWS, NOON)
    assert what(before) == (Action.WAIT_UNTIL, eastern(20, 14, 30), [Why.OUTSIDE_WINDOW])
    assert before.orders_end_at == eastern(20, 16)
    half_day = decide(RICH, asked(Kind.SCHEDULED_REBALANCE), ALLIO_MANAGED_WINDOWS, eastern(25, 16))
    assert half_day.at == eastern(30, 14, 30)
    assert what(decide(RICH, asked(Kind.INSTANT_REBALANCE), ALLIO_MANAGED_WINDOWS, NOON))[2] == [Why.NO_WINDOW]


def test_accounts_that_may_not_trade() -> None:
    both = replace(RICH, closed=True, restricted=True)
    assert what(decide(both, asked(Kind.WITHDRAWAL), MARKET, NOON)) == (
        Action.BLOCKED, None, [Why.ACCOUNT_CLOSED, Why.ACCOUNT_RESTRICTED],
    )  # fmt: skip
    poor = Account(value=60, cash=39, min_order=100)
    assert what(decide(poor, asked(Kind.SCHEDULED_REBALANCE), MARKET, NOON))[2] == [Why.UNFUNDED]
    assert decide(replace(poor, cash=40), asked(Kind.SCHEDULED_REBALANCE), MARKET, NOON).action is Action.TRADE_NOW
    assert decide(poor, asked(Kind.WITHDRAWAL), MARKET, NOON).action is Action.TRADE_NOW
    assert decide(Account(0, 0), asked(Kind.CLIENT_REBALANCE), MARKET, NOON).action is Action.BLOCKED


def test_cash_that_can_not_buy_yet() -> None:
    settling = Account(100_000, 5_000, 100, cash_unavailable=4_901, cash_available_at=eastern(23, 11))
    waiting = decide(settling, asked(Kind.DEPOSIT), MARKET, NOON)
    assert what(waiting) == (Action.WAIT_UNTIL, eastern(23, 11), [Why.CASH_NOT_AVAILABLE])
    assert (
        decide(replace(settling, cash_unavailable=4_900), asked(Kind.DEPOSIT), MARKET, NOON).action is Action.TRADE_NOW
    )
    assert decide(settling, asked(Kind.WITHDRAWAL), MARKET, NOON).action is Action.TRADE_NOW
    assert decide(settling, asked(Kind.DEPOSIT), MARKET, eastern(23, 11)).action is Action.TRADE_NOW
    evening = replace(settling, cash_available_at=eastern(23, 17))
    assert decide(evening, asked(Kind.DEPOSIT), MARKET, NOON).at == eastern(24, 9, 30)
    unknown = replace(settling, cash_available_at=None)
    assert what(decide(unknown, asked(Kind.DEPOSIT), MARKET, NOON)) == (Action.BLOCKED, None, [Why.CASH_NOT_AVAILABLE])


BOUGHT = replace(RICH, trades=(Traded("AAA", Side.BUY, eastern(20, 10)),))
SOLD = replace(RICH, trades=(Traded("AAA", Side.SELL, eastern(20, 10)),))


def test_a_cash_event_is_planned_around_what_was_traded_that_day() -> None:
    around = decide(SOLD, asked(Kind.DEPOSIT), MARKET, NOON)
    assert what(around) == (Action.TRADE_NOW, NOON, [Why.SAME_DAY_TRADE])
    assert around.blocks == (("AAA", Block(Side.BUY, BlockReason.SAME_DAY_TRADE)),)
    assert around.reasons[0].sentence == "Traded on the other side that day: AAA; it is planned around."
    assert decide(SOLD, asked(Kind.WITHDRAWAL), MARKET, NOON).blocks == ()
    assert decide(BOUGHT, asked(Kind.DEPOSIT), MARKET, NOON).blocks == ()
    assert decide(BOUGHT, asked(Kind.WITHDRAWAL), MARKET, NOON).blocks == (
        ("AAA", Block(Side.SELL, BlockReason.SAME_DAY_TRADE)),
    )


def test_the_plan_with_those_blocks_buys_the_others() -> None:
    portfolio = Portfolio(Pie((Slice("a", 1, Holding("AAA", 100)), Slice("b", 1, Holding("BBB", 500)))))
    around = decide(SOLD, asked(Kind.DEPOSIT), MARKET, NOON)
    planned = plan(with_blocks(portfolio, around.blocks), Deposit(200))
    assert isinstance(planned, Plan)
    assert [(order.security_id, order.amount) for order in planned.orders] == [("BBB", 200)]


def test_blocks_join_those_that_are_there() -> None:
    halted = Block(Side.SELL, BlockReason.HALTED)
    listed = Portfolio(
        Pie((Slice("a", 1, Holding("AAA", 1)),)), securities=(Security("AAA", min_trade=7, blocks=(halted,)),)
    )
    blocks = (("AAA", Block(Side.BUY, BlockReason.SAME_DAY_TRADE)), ("BBB", halted), ("AAA", halted))
    there = Security("AAA", min_trade=7, blocks=(halted, Block(Side.BUY, BlockReason.SAME_DAY_TRADE)))
    held = replace(listed, root=Pie((*listed.root.slices, Slice("b", 1, Holding("BBB", 1)))))
    assert with_blocks(held, blocks).securities == (there, Security("BBB", blocks=(halted,)))
    # what was sold for good that day is in no slice any more, unless an event brings it back
    assert with_blocks(listed, blocks).securities == (there,)
    new = TargetSlice("p", 1, NewPie((TargetSlice("b", 1, Holding("BBB")),)))
    back = TargetChange((ChangedPie("", (TargetSlice("a", 1), new)),))
    assert with_blocks(listed, blocks, back).securities == (there, Security("BBB", blocks=(halted,)))


def test_a_plan_takes_the_blocks_of_what_was_sold_for_good() -> None:
    portfolio = Portfolio(Pie((Slice("b", 1, Holding("BBB", 500)),)))
    around = decide(SOLD, asked(Kind.DEPOSIT), MARKET, NOON)
    planned = plan(with_blocks(portfolio, around.blocks), Deposit(200))
    assert isinstance(planned, Plan)
    assert [(order.security_id, order.amount) for order in planned.orders] == [("BBB", 200)]


@pytest.mark.parametrize("kind", [Kind.SCHEDULED_REBALANCE, Kind.PORTFOLIO_UPDATE, Kind.CLIENT_REBALANCE])
def test_a_scheduled_rebalance_moves_to_the_next_session(kind: Kind) -> None:
    moved = decide(BOUGHT, asked(kind), MARKET, NOON)
    assert what(moved) == (Action.WAIT_UNTIL, eastern(23, 9, 30), [Why.SAME_DAY_TRADE])
    assert moved.postponed
    assert moved.blocks == ()
    assert moved.orders_end_at == eastern(23, 16)
    assert moved.reasons[0].sentence == (
        "Traded on the other side that day: AAA; it trades in the next session, at 2026-11-23 09:30 EST."
    )
    later = replace(MARKET, postponed_at=time(10, 15))
    assert decide(BOUGHT, asked(kind), later, NOON).at == eastern(23, 10, 15)


def test_what_was_postponed_trades_at_its_time_and_not_with_the_daily_run() -> None:
    before = replace(BOUGHT, trades=(Traded("AAA", Side.BUY, eastern(20, 10)),))
    request = asked(Kind.SCHEDULED_REBALANCE)
    moved = decide(before, request, ALLIO_DYNAMIC_WINDOWS, eastern(20, 14, 30))
    assert moved.at == eastern(23, 9, 30)
    again = replace(request, postponed_until=moved.at)
    assert what(decide(before, again, ALLIO_DYNAMIC_WINDOWS, eastern(23, 9, 30))) == (
        Action.TRADE_NOW, eastern(23, 9, 30), [],
    )  # fmt: skip
    early = decide(before, again, ALLIO_DYNAMIC_WINDOWS, eastern(21, 9))
    assert what(early) == (Action.WAIT_UNTIL, eastern(23, 9, 30), [Why.POSTPONED])
    assert decide(before, again, ALLIO_DYNAMIC_WINDOWS, eastern(23, 9, 40)).window_id == "postponed"


def test_a_trade_of_the_day_is_looked_for_on_the_day_of_the_window() -> None:
    """Friday's trades are no obstacle to what waits for Monday, and those of this morning are one for 14:30."""
    friday_evening = decide(BOUGHT, asked(Kind.SCHEDULED_REBALANCE), MARKET, eastern(20, 17))
    assert what(friday_evening) == (Action.WAIT_UNTIL, eastern(23, 9, 30), [Why.MARKET_CLOSED])
    run = decide(BOUGHT, asked(Kind.SCHEDULED_REBALANCE), ALLIO_MANAGED_WINDOWS, NOON)
    assert run.at == eastern(23, 9, 30)
    assert [r.code for r in run.reasons] == [Why.OUTSIDE_WINDOW, Why.SAME_DAY_TRADE]
    yesterday = replace(RICH, trades=(Traded("AAA", Side.BUY, eastern(19, 23, 59)),))
    assert decide(yesterday, asked(Kind.SCHEDULED_REBALANCE), MARKET, NOON).action is Action.TRADE_NOW


def test_an_instant_rebalance_is_refused_and_not_kept() -> None:
    refused = decide(BOUGHT, asked(Kind.INSTANT_REBALANCE), MARKET, NOON)
    assert what(refused) == (Action.BLOCKED, None, [Why.SAME_DAY_TRADE])
    assert not refused.postponed
    assert "refused, and not kept for later" in refused.reasons[0].sentence
    assert decide(BOUGHT, asked(Kind.MANUAL_ORDERS), MARKET, NOON).action is Action.BLOCKED


def test_only_what_the_plan_wants_stands_in_the_way() -> None:
    buys_more = asked(Kind.INSTANT_REBALANCE, wants=frozenset({OneSide("AAA", Side.BUY), OneSide("BBB", Side.SELL)}))
    assert decide(BOUGHT, buys_more, MARKET, NOON).action is Action.TRADE_NOW
    sells = asked(Kind.INSTANT_REBALANCE, wants=frozenset({OneSide("AAA", Side.SELL)}))
    assert decide(BOUGHT, sells, MARKET, NOON).action is Action.BLOCKED


def test_a_liquidation_needs_no_further_trigger() -> None:
    liquidation = asked(Kind.LIQUIDATION)
    assert decide(RICH, liquidation, MARKET, NOON).action is Action.TRADE_NOW
    assert decide(RICH, liquidation, M1_WINDOWS, NOON).at == eastern(23, 9, 30)
    assert decide(SOLD, liquidation, MARKET, NOON).blocks == (("AAA", Block(Side.BUY, BlockReason.SAME_DAY_TRADE)),)
    assert decide(BOUGHT, liquidation, MARKET, NOON).at == eastern(23, 9, 30)  # bought today, to be sold whole


def test_every_kind_says_what_it_does_about_a_same_day_trade() -> None:
    assert set(SAME_DAY) == set(Kind)


def test_a_rebalance_and_manual_orders_share_no_window() -> None:
    rebalance, manual = asked(Kind.CLIENT_REBALANCE), asked(Kind.MANUAL_ORDERS)
    decisions, batches = decide_together(RICH, (rebalance, manual), M1_WINDOWS, NOON)
    assert [d.at for d in decisions] == [eastern(23, 9, 30), eastern(24, 9, 30)]
    assert [r.code for r in decisions[1].reasons] == [Why.OUTSIDE_WINDOW, Why.WINDOW_TAKEN]
    assert [(b.at, b.events) for b in batches] == [(eastern(23, 9, 30), (0,)), (eastern(24, 9, 30), (1,))]
    shared, _ = decide_together(RICH, (manual, rebalance), replace(M1_WINDOWS, rebalances_alone=False), NOON)
    assert [d.at for d in shared] == [eastern(23, 9, 30)] * 2


def test_manual_orders_of_this_window_keep_a_rebalance_out_of_it() -> None:
    manual = replace(RICH, manual_orders_at=eastern(20, 9, 30))
    request = asked(Kind.CLIENT_REBALANCE, eastern(20, 9))
    later = decide(manual, request, M1_WINDOWS, eastern(20, 9, 31))
    assert what(later) == (Action.WAIT_UNTIL, eastern(23, 9, 30), [Why.WINDOW_TAKEN])
    before = replace(RICH, manual_orders_at=eastern(20, 9, 29, 59))
    assert decide(before, request, M1_WINDOWS, eastern(20, 9, 31)).action is Action.TRADE_NOW
    instant = asked(Kind.INSTANT_REBALANCE)
    assert what(decide(manual, instant, MARKET, NOON)) == (Action.BLOCKED, None, [Why.WINDOW_TAKEN])
    rebalanced = replace(RICH, rebalanced_at=eastern(20, 10))
    assert decide(rebalanced, asked(Kind.MANUAL_ORDERS), MARKET, NOON).at == eastern(23, 9, 30)
    assert decide(rebalanced, asked(Kind.CLIENT_REBALANCE), MARKET, NOON).action is Action.TRADE_NOW
    assert decide(manual, asked(Kind.DEPOSIT), MARKET, NOON).action is Action.TRADE_NOW


def test_windows_end_to_end_are_two() -> None:
    pair = Timetable((Window("first", time(10), time(12)), Window("second", time(12), time(14))))
    early = eastern(20, 9)
    events = (asked(Kind.MANUAL_ORDERS, early), asked(Kind.CLIENT_REBALANCE, early), asked(Kind.MANUAL_ORDERS, early))
    decisions, _ = decide_together(RICH, events, pair, early)
    assert [d.at for d in decisions] == [eastern(20, 10), eastern(20, 12), eastern(20, 10)]
    last_moment = replace(RICH, manual_orders_at=eastern(20, 12) - timedelta(microseconds=1))
    assert decide(last_moment, asked(Kind.CLIENT_REBALANCE), pair, NOON).action is Action.TRADE_NOW


def test_a_postponed_rebalance_finds_its_next_session_taken() -> None:
    evening = eastern(20, 9)
    account = replace(RICH, trades=(Traded("AAA", Side.BUY, eastern(20, 8)),))
    monday = asked(Kind.MANUAL_ORDERS, evening, wants=frozenset(), event_id="m", postponed_until=eastern(23, 9, 30))
    decisions, _ = decide_together(account, (monday, asked(Kind.CLIENT_REBALANCE, evening)), MARKET, evening)
    assert [d.at for d in decisions] == [eastern(23, 9, 30), eastern(24, 9, 30)]
    assert [r.code for r in decisions[1].reasons] == [Why.MARKET_CLOSED, Why.SAME_DAY_TRADE, Why.WINDOW_TAKEN]


def test_events_of_one_window_are_planned_together() -> None:
    events = (asked(Kind.DEPOSIT), asked(Kind.INSTANT_REBALANCE), asked(Kind.CLIENT_REBALANCE), asked(Kind.LIQUIDATION))
    decisions, batches = decide_together(RICH, events, M1_WINDOWS, NOON)
    assert [d.action.value for d in decisions] == ["WAIT_UNTIL", "BLOCKED", "WAIT_UNTIL", "WAIT_UNTIL"]
    assert [(b.at, b.events) for b in batches] == [(eastern(23, 9, 30), (0, 2, 3))]


def test_a_batch_is_planned_around_the_blocks_of_all_its_events() -> None:
    account = replace(RICH, trades=(*BOUGHT.trades, Traded("BBB", Side.SELL, eastern(20, 10)), *BOUGHT.trades))
    _, batches = decide_together(
        account, (asked(Kind.DEPOSIT), asked(Kind.WITHDRAWAL), asked(Kind.DEPOSIT)), MARKET, NOON
    )
    assert len(batches) == 1
    assert batches[0].blocks == (
        ("BBB", Block(Side.BUY, BlockReason.SAME_DAY_TRADE)),
        ("AAA", Block(Side.SELL, BlockReason.SAME_DAY_TRADE)),
    )


@pytest.mark.parametrize("kind", REBALANCES)
def test_what_a_rebalance_does_not_want_yet_it_may_want_once_its_sales_bring_less(kind: Kind) -> None:
    """It would not trade back what was traded that day, so it trades now; planned again it is kept from it, too."""
    rebalance = replace(asked(kind), wants=frozenset({OneSide("BBB", Side.SELL)}))
    sold = replace(BOUGHT, trades=(*BOUGHT.trades, Traded("BBB", Side.SELL, eastern(20, 10))))
    back = (
        ("AAA", Block(Side.SELL, BlockReason.SAME_DAY_TRADE)),
        ("BBB", Block(Side.BUY, BlockReason.SAME_DAY_TRADE)),
    )
    decision = decide(sold, rebalance, MARKET, NOON)
    assert (decision.action, decision.blocks, decision.reasons) == (Action.TRADE_NOW, back, ())
    assert decide_together(sold, (rebalance,), MARKET, NOON)[1][0].blocks == back
    at_once = replace(rebalance, wants=frozenset({OneSide("BBB", Side.BUY)}))
    assert decide(sold, at_once, MARKET, NOON).blocks == ()  # not that day: postponed, or refused


def test_what_no_event_would_trade_back_by_itself_they_may_not_trade_back_together() -> None:
    """A deposit never sells what was bought today; with a rebalance beside it might."""
    rebalance = replace(asked(Kind.CLIENT_REBALANCE), wants=frozenset())
    together = (rebalance, asked(Kind.DEPOSIT))
    for events, blocks in (
        ((asked(Kind.DEPOSIT),), ()),
        (together, (("AAA", Block(Side.SELL, BlockReason.SAME_DAY_TRADE)),)),
    ):
        decisions, batches = decide_together(BOUGHT, events, MARKET, NOON)
        assert all(decision.action is Action.TRADE_NOW for decision in decisions)
        assert [batch.blocks for batch in batches] == [blocks]
    earlier = replace(BOUGHT, trades=(replace(BOUGHT.trades[0], traded_at=eastern(19, 10)),))
    _, batches = decide_together(earlier, together, MARKET, NOON)
    assert [batch.blocks for batch in batches] == [()]


def violations(account: Account, request: Asked, timetable: Timetable, clock: datetime) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        decide(account, request, timetable, clock)
    return [(v.field, v.reason) for v in caught.value.violations]


def test_bad_input_is_named() -> None:
    request, naive = asked(Kind.DEPOSIT), datetime(2026, 11, 20, 12)
    assert violations(RICH, request, MARKET, naive) == [("clock", "NO_TIME_ZONE")]
    assert violations(RICH, request, MARKET, datetime(1990, 1, 1, tzinfo=UTC)) == [("clock", "OUT_OF_RANGE")]
    late = datetime(2049, 12, 31, 22, tzinfo=UTC)
    assert violations(RICH, request, MARKET, late) == [("clock", "OUT_OF_RANGE")]
    assert violations(replace(RICH, looked_at=NOON + timedelta(seconds=1)), request, MARKET, NOON) == [
        ("account.looked_at", "CLOCK_RUNS_BACKWARDS")
    ]
    assert violations(RICH, asked("DEPOSIT"), MARKET, NOON) == [("events[0].kind", "UNKNOWN_KIND")]  # type: ignore[arg-type]
    told = replace(RICH, trades=(Traded("AAA", "BUY", NOON),))  # type: ignore[arg-type]
    assert violations(told, request, MARKET, NOON) == [("account.trades[0].side", "UNKNOWN_SIDE")]
    future = Traded("", Side.BUY, NOON + timedelta(microseconds=1))
    wrong = replace(RICH, value=-1, trades=(future,), cash_available_at=naive)
    bad = asked(Kind.DEPOSIT, NOON + timedelta(days=1), postponed_until=naive)
    assert violations(wrong, bad, MARKET, NOON) == [
        ("account.value", "NEGATIVE_AMOUNT"),
        ("account.cash_available_at", "NO_TIME_ZONE"),
        ("account.trades[0].security_id", "MISSING_ID"),
        ("account.trades[0].traded_at", "CLOCK_RUNS_BACKWARDS"),
        ("events[0].asked_at", "CLOCK_RUNS_BACKWARDS"),
        ("events[0].postponed_until", "NO_TIME_ZONE"),
    ]
