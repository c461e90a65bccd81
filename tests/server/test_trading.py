"""The trading day over a real channel says what the pure functions say, to the byte and the cent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.books_conversion import order_message, write_books
from server.client import Client
from server.day_columns import (
    decision_columns_message,
    read_decision_rows,
    read_holds,
    trigger_columns_message,
)
from server.day_requests import (
    block_fill_message,
    check_request,
    decide_request,
    filled_message,
    policy_message,
    replan_request,
    timetable_message,
)
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import portfolio_message
from server.trading_writing import timestamp, write_decisions, write_triggers
from solver import ChangedPie, Deposit, Infeasible, Rebalance, Rules, Side, TargetChange, TargetSlice
from solver.trading.blocks import BlockFill, aggregate_orders, allocate_fills, remaining
from solver.trading.books import Books
from solver.trading.decision_columns import decide_columns
from solver.trading.decisions import decide_together
from solver.trading.fills import Replanned, apply_fills, cancel_rests, replan_buys
from solver.trading.sessions import ALLIO_DYNAMIC_WINDOWS, ALLIO_MANAGED_WINDOWS, M1_WINDOWS
from solver.trading.trigger_columns import check_trigger_columns
from solver.trading.triggers import (
    ALLIO_DYNAMIC_TRIGGERS,
    ALLIO_MANAGED_TRIGGERS,
    M1_TRIGGERS,
    History,
    Policy,
    check_triggers,
)
from solver.trading.updates import FOLLOWS, LOOKED_AT_AGAIN, Step, update
from tests.property.test_blocks import Drawn, windows
from tests.property.trading import (
    TIMETABLES,
    decision_cases,
    decision_columns,
    instants,
    tag_of,
    trigger_cases,
    trigger_columns,
)
from tests.server.serving import served
from tests.server.trading_wire import SHARE, books_of, drifted, planned

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("America/New_York"))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as connected:
        yield connected


def test_triggers_are_those_of_the_pure_function(client: Client) -> None:
    @EXAMPLES
    @given(trigger_cases())
    def every_case(case) -> None:
        accounts, histories, policy, clock = case
        tags = {s: tag_of(s) for s in ("S0", "S1", "S2") if tag_of(s)}
        for account, history in zip(accounts, histories, strict=True):
            # instants come back in UTC, whatever zone they were given in
            told = {name: getattr(history, name) for name in ("started_at", "last_rebalance_at", "last_run_at")}
            in_utc = replace(history, **{name: at and at.astimezone(ZoneInfo("UTC")) for name, at in told.items()})
            expected = write_triggers(check_triggers(account, in_utc, policy, clock, tags))
            assert client.day.check_triggers(check_request(account, history, policy, clock, tags)) == expected
        columns = trigger_columns(accounts, histories)
        asked = pb.CheckTriggerColumnsRequest(
            policy=policy_message(policy), clock=timestamp(clock), columns=trigger_columns_message(columns)
        )
        holds = read_holds(client.day.check_trigger_columns(asked), len(policy.rules))
        assert (holds == check_trigger_columns(columns, policy, clock)).all()

    every_case()


@pytest.mark.parametrize(
    ("preset", "policy"),
    [
        (pb.TRIGGER_PRESET_M1, M1_TRIGGERS),
        (pb.TRIGGER_PRESET_ALLIO_MANAGED, ALLIO_MANAGED_TRIGGERS),
        (pb.TRIGGER_PRESET_ALLIO_DYNAMIC, ALLIO_DYNAMIC_TRIGGERS),
    ],
)
def test_preset_policies(client: Client, preset: int, policy: Policy) -> None:
    history = History(NOON - timedelta(days=400), NOON - timedelta(days=8), withdrawal=5)
    request = check_request(drifted(), history, policy, NOON, {})
    request.policy.preset = preset
    answer = client.day.check_triggers(request)
    assert [t.rule for t in answer.triggers] == [t.rule for t in check_triggers(drifted(), history, policy, NOON)]
    assert bool(answer.triggers) is bool(policy.rules)


def test_decisions_are_those_of_the_pure_function(client: Client) -> None:
    @EXAMPLES
    @given(st.lists(decision_cases(), min_size=1, max_size=4), st.sampled_from(TIMETABLES))
    def every_case(cases, timetable) -> None:
        for account, asked, clock in cases:
            events = [replace(asked, event_id="one"), replace(asked, event_id="two", wants=None)]
            expected = write_decisions(*decide_together(account, events, timetable, clock))
            assert client.day.decide(decide_request(account, events, timetable, clock)) == expected
        columns = decision_columns(cases, timetable)
        asked_for = pb.DecideColumnsRequest(
            timetable=timetable_message(timetable), columns=decision_columns_message(columns)
        )
        rows, wanted = read_decision_rows(client.day.decide_columns(asked_for)), decide_columns(columns, timetable)
        for name in rows.__slots__:
            assert np.array_equal(getattr(rows, name), getattr(wanted, name)), name

    every_case()


@pytest.mark.parametrize(
    ("preset", "timetable"),
    [
        (pb.TIMETABLE_PRESET_M1, M1_WINDOWS),
        (pb.TIMETABLE_PRESET_ALLIO_MANAGED, ALLIO_MANAGED_WINDOWS),
        (pb.TIMETABLE_PRESET_ALLIO_DYNAMIC, ALLIO_DYNAMIC_WINDOWS),
    ],
)
def test_preset_timetables(client: Client, preset: int, timetable) -> None:
    @EXAMPLES
    @given(decision_cases())
    def every_case(case) -> None:
        account, asked, clock = case
        request = decide_request(account, [asked], timetable, clock)
        expected = client.day.decide(request)
        request.timetable.preset = preset
        assert client.day.decide(request) == expected

    every_case()


def test_blocks_and_shares_are_those_of_the_pure_functions(client: Client) -> None:
    @EXAMPLES
    @given(windows())
    def every_window(window: Drawn) -> None:
        orders, fills = window
        if not orders:
            return
        sent = [order_message(order) for order in orders]
        blocks = aggregate_orders(orders)
        told = client.day.aggregate_orders(pb.AggregateOrdersRequest(orders=sent)).blocks
        assert [(b.security_id, b.amount, b.quantity_nanos, b.side == pb.SIDE_SELL) for b in told] == [
            (b.security_id, b.amount, b.quantity_nanos, b.side is Side.SELL) for b in blocks
        ]
        assert [[sent[i] for i in b.orders] for b in told] == [[order_message(o) for o in b.orders] for b in blocks]
        # ids are a block's own there, and of the whole day on the wire
        own = {
            (side, name): [replace(f, fill_id=f"{name}{side.value}{f.fill_id}") for f in made]
            for (side, name), made in fills.items()
        }
        listed = [block_fill_message(f) for made in own.values() for f in (*made, *made[:1])]
        answer = client.day.allocate_fills(pb.AllocateFillsRequest(orders=sent, fills=listed))
        shared, left = [], []
        for block in blocks:
            shares = allocate_fills(block, own[block.side, block.security_id])
            shared += [(s.fill_id, s.account_id, s.order_id, s.quantity_nanos, s.amount) for s in shares]
            rest = remaining(block, shares)
            left += [order_message(order) for order in (rest.orders if rest else ())]
        assert [(f.fill_id, f.account_id, f.order_id, f.quantity_nanos, f.amount) for f in answer.fills] == shared
        assert list(answer.remaining) == left

    every_window()


def message_of(books: Books) -> pb.Books:
    message = pb.Books()
    write_books(message, books)
    return message


def check_account(told: pb.AccountBooks, books: Books) -> None:
    """What came back is ``books`` and what they come to."""
    assert told.books == message_of(books)
    assert told.portfolio == portfolio_message(books.portfolio)
    assert (told.overdrawn, told.unpaid, told.finished) == (books.overdrawn, books.unpaid, books.finished)
    assert told.cash.after == books.cash.after
    orders = (*books.open_orders(Side.SELL), *books.open_orders(Side.BUY))
    assert list(told.open_orders) == [order_message(order) for order in orders]


def test_a_window_of_two_accounts(client: Client) -> None:
    """Plan, books, a block, two fills, shares, cancelled rests, purchases planned again: as without a wire."""
    accounts = {"ann": drifted(6), "bob": drifted(9)}
    opened = {name: books_of(name, held) for name, held in accounts.items()}
    told = client.day.open_books(
        pb.OpenBooksRequest(accounts=[planned(name, held) for name, held in accounts.items()])
    ).accounts
    for one, books in zip(told, opened.values(), strict=True):
        check_account(one, books)
    sales = [order for one in told for order in one.open_orders if order.side == pb.SIDE_SELL]
    fills = [BlockFill("f1", "A", Side.SELL, 2 * SHARE, 9_900_000), BlockFill("f2", "A", Side.SELL, SHARE, 9_870_000)]
    asked = pb.AllocateFillsRequest(orders=sales, fills=[block_fill_message(fill) for fill in fills])
    shared = client.day.allocate_fills(asked).fills
    assert sum(fill.amount for fill in shared) == 19_80 + 9_87
    sent = [
        filled_message(one.books, [f for f in shared if f.account_id == one.books.account_id], {"B": 21_000_000}, None)
        for one in told
    ]
    for one, name in zip(client.day.apply_fills(pb.ApplyFillsRequest(accounts=sent)).accounts, accounts, strict=True):
        (block,) = aggregate_orders(o for b in opened.values() for o in b.open_orders(Side.SELL))
        own = [fill for fill in allocate_fills(block, fills) if fill.account_id == name]
        check_account(one, cancel_rests(apply_fills(opened[name], own, {"B": 21_000_000})))


@pytest.mark.parametrize("event", [Rebalance(), Deposit(0)])
@pytest.mark.parametrize("minimum", [0, 5_00, 100_00])
def test_purchases_planned_again(client: Client, event, minimum: int) -> None:
    rules = Rules(min_trade=minimum)
    sold = cancel_rests(books_of(), ["mon/1"])
    wanted = replan_buys(sold, event, "again", rules)
    assert isinstance(wanted, Replanned)
    answer = client.day.replan_buys(replan_request(sold, event, "again", rules)).replanned
    check_account(answer.account, wanted.books)
    assert [p.cash.bought for p in answer.plans] == [p.cash.bought for p in wanted.plans]
    assert all(p.certificate.quality == pb.QUALITY_OPTIMAL and len(p.fingerprint) == 64 for p in answer.plans)


def test_out_of_time_is_an_outcome(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.trading_answers.replan_buys", lambda *_: Infeasible("OUT_OF_TIME", ()))
    answer = client.day.replan_buys(replan_request(books_of(), Rebalance(), "again"))
    assert answer.infeasible.reason == "OUT_OF_TIME"


def test_a_fill_sent_twice_counts_once(client: Client) -> None:
    books = books_of()
    (block,) = aggregate_orders(books.open_orders(Side.SELL))
    shares = allocate_fills(block, [BlockFill("f1", "A", Side.SELL, SHARE // 2, 9_900_000)])
    first = client.day.apply_fills(pb.ApplyFillsRequest(accounts=[filled_message(books, (*shares, *shares))]))
    check_account(first.accounts[0], apply_fills(books, shares))
    again = client.day.apply_fills(pb.ApplyFillsRequest(accounts=[filled_message(first.accounts[0].books, shares)]))
    assert again == first


def test_books_of_a_sale_of_all_that_is_held(client: Client) -> None:
    only_b = TargetChange((ChangedPie("", (TargetSlice("b", 1),)),))
    opened = client.day.open_books(pb.OpenBooksRequest(accounts=[planned(event=only_b)])).accounts[0]
    assert opened.books.leaving == ["a"]
    sale = opened.open_orders[0]
    assert sale.quantity_nanos == 6 * SHARE
    share = pb.Fill(fill_id="f", amount=60_00, quantity_nanos=6 * SHARE, side=sale.side)
    share.account_id, share.order_id, share.security_id = sale.account_id, sale.order_id, sale.security_id
    sent = pb.ApplyFillsRequest(accounts=[filled_message(opened.books, [share])])
    told = client.day.apply_fills(sent).accounts[0]
    assert told.cash.sold == 60_00
    assert [s.slice_id for s in told.portfolio.root.slices] == ["b"]


def test_when_prices_were_taken(client: Client) -> None:
    sent = filled_message(books_of(), prices={"B": 21_000_000})
    sent.priced_at.CopyFrom(timestamp(NOON))
    (one,) = client.day.apply_fills(pb.ApplyFillsRequest(accounts=[sent])).accounts
    assert one.portfolio.valued_at == one.books.opened.valued_at == timestamp(NOON)
    kept = client.day.apply_fills(pb.ApplyFillsRequest(accounts=[filled_message(one.books)])).accounts[0]
    assert kept.portfolio.valued_at == timestamp(NOON)


def test_updates_follow_each_other(client: Client) -> None:
    """Every step that may follow every other, with its sentence on the clock of the zone that is asked for."""
    for last in (None, *Step):
        sent, expected = [], []
        for step in FOLLOWS[last] if last else [Step.ACCEPTED]:
            until = NOON + timedelta(hours=2) if step in LOOKED_AT_AGAIN else None
            one = pb.NextUpdate(account_id="ann", event_id="e", step=f"UPDATE_STEP_{step.value}", subject="deposit")
            one.at.CopyFrom(timestamp(NOON))
            one.because, one.time_zone = "So it is.", "America/New_York"
            one.reasons.append("MARKET_CLOSED")
            if until:
                one.until.CopyFrom(timestamp(until))
            if last:
                one.last.CopyFrom(
                    pb.Update(account_id="ann", event_id="e", step=f"UPDATE_STEP_{last.value}", at=timestamp(NOON))
                )
            sent.append(one)
            expected.append(update("ann", "e", step, NOON, "deposit", until, ("MARKET_CLOSED",), "So it is."))
        if sent:
            told = client.day.follow_updates(pb.FollowUpdatesRequest(updates=sent)).updates
            assert [t.sentence for t in told] == [e.sentence for e in expected]
            assert [t.HasField("until") for t in told] == [e.until is not None for e in expected]
            assert [t.at for t in told] == [timestamp(NOON)] * len(sent)
            assert all("EST" in t.sentence for t in told if t.HasField("until"))
            assert all(list(t.reasons) == ["MARKET_CLOSED"] for t in told)


@settings(max_examples=100, deadline=None)
@given(instants())
def test_instants_keep_every_microsecond(at: datetime) -> None:
    stamp = timestamp(at)
    assert stamp.ToDatetime(ZoneInfo("UTC")) == at
