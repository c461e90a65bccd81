"""Requests of the trading day, and each spoiled one field at a time, with the reason and field that its refusal names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from server.books_conversion import order_message
from server.day_requests import block_fill_message, check_request, decide_request, filled_message, replan_request
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.trading_writing import timestamp
from solver import Rebalance, Rules, Side
from solver.trading.accounts import Account, Asked, Traded
from solver.trading.blocks import AccountOrder, BlockFill, aggregate_orders, allocate_fills
from solver.trading.fills import apply_fills, cancel_rests
from solver.trading.sessions import M1_WINDOWS, Kind
from solver.trading.triggers import CashEvents, Daily, Drift, EveryDays, History, Policy, Scope
from tests.server.trading_wire import SHARE, books_of, drifted, planned

NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("America/New_York"))
HOUR = timedelta(hours=1)
ORDERS = [
    AccountOrder("ann", "1", "A", Side.SELL, 10_00, SHARE, True, 10_000),
    AccountOrder("bob", "1", "A", Side.SELL, 20_00, 2 * SHARE, True, 10_000),
    AccountOrder("bob", "2", "B", Side.BUY, 20_00, SHARE, False, 10_000),
]
FILLS = [
    BlockFill("f1", "A", Side.SELL, SHARE, 10_000_000),
    BlockFill("f2", "B", Side.BUY, SHARE // 2, 20_000_000),
]


def check() -> pb.CheckTriggersRequest:
    rules = (Drift(Scope.SLICES, 1), EveryDays(), Daily(), CashEvents())
    return check_request(drifted(), History(NOON - HOUR), Policy(rules), NOON, {"A": "stocks"})


def decision() -> pb.DecideRequest:
    account = Account(1, 1, trades=(Traded("A", Side.BUY, NOON),), looked_at=NOON)
    return decide_request(account, [Asked(Kind.DEPOSIT, NOON)], M1_WINDOWS, NOON)


def orders() -> pb.AggregateOrdersRequest:
    return pb.AggregateOrdersRequest(orders=map(order_message, ORDERS))


def allocation() -> pb.AllocateFillsRequest:
    return pb.AllocateFillsRequest(orders=map(order_message, ORDERS), fills=map(block_fill_message, FILLS))


def opening() -> pb.OpenBooksRequest:
    return pb.OpenBooksRequest(accounts=[planned("bob"), planned("ann")])


def filling() -> pb.ApplyFillsRequest:
    books = books_of()
    (block,) = aggregate_orders(books.open_orders(Side.SELL))
    one, two = (allocate_fills(block, [BlockFill(n, "A", Side.SELL, SHARE // 4, 9_900_000)]) for n in ("f1", "f2"))
    books = apply_fills(books, one)
    return pb.ApplyFillsRequest(accounts=[filled_message(books_of("bob")), filled_message(books, two)])


def replanning() -> pb.ReplanBuysRequest:
    return replan_request(cancel_rests(books_of(), ["mon/1"]), Rebalance(), "again", Rules(5))


def following() -> pb.FollowUpdatesRequest:
    one = pb.NextUpdate(account_id="ann", event_id="e", step=pb.UPDATE_STEP_ACCEPTED, subject="deposit")
    one.at.CopyFrom(timestamp(NOON))
    one.time_zone = "America/New_York"
    two = pb.NextUpdate()
    two.CopyFrom(one)
    two.last.CopyFrom(pb.Update(account_id="ann", event_id="e", step=pb.UPDATE_STEP_ACCEPTED, at=timestamp(NOON)))
    two.step = pb.UPDATE_STEP_WAITING
    two.until.CopyFrom(timestamp(NOON + HOUR))
    return pb.FollowUpdatesRequest(updates=[one, two])


MAKERS: dict[str, Callable[[], Message]] = {
    "check_triggers": check,
    "decide": decision,
    "aggregate_orders": orders,
    "allocate_fills": allocation,
    "open_books": opening,
    "apply_fills": filling,
    "replan_buys": replanning,
    "follow_updates": following,
}


def late(message: Message, name: str) -> None:
    getattr(message, name).CopyFrom(timestamp(NOON + HOUR))


def windows(r: pb.DecideRequest, *times: tuple[str, str]) -> None:
    del r.timetable.custom.windows[:]
    for k, (opens, closes) in enumerate(times):
        r.timetable.custom.windows.add(window_id=f"w{k}", opens_at=opens, closes_at=closes, joins_late=True)


def again(r: pb.AllocateFillsRequest) -> None:
    r.fills.add().CopyFrom(r.fills[0])
    r.fills[2].price_micros += 1


T, D, O, F, P, A, R, U = MAKERS  # noqa: E741
BAD: list[tuple[str, Callable[..., object], str, str]] = [
    (T, lambda r: r.ClearField("clock"), "clock", "MISSING_FIELD"),
    (T, lambda r: r.ClearField("portfolio"), "portfolio", "MISSING_FIELD"),
    (T, lambda r: r.portfolio.ClearField("cash"), "portfolio.cash", "MISSING_FIELD"),
    (T, lambda r: r.history.ClearField("started_at"), "history.started_at", "MISSING_FIELD"),
    (T, lambda r: late(r.history, "last_run_at"), "history.last_run_at", "CLOCK_RUNS_BACKWARDS"),
    (T, lambda r: setattr(r.clock, "nanos", 10**9), "clock", "OUT_OF_RANGE"),
    (T, lambda r: setattr(r.clock, "seconds", 2**62), "clock", "OUT_OF_RANGE"),
    (T, lambda r: setattr(r.clock, "seconds", 0), "clock", "OUT_OF_RANGE"),
    (T, lambda r: setattr(r.history, "withdrawal", -1), "history.withdrawal", "NEGATIVE_AMOUNT"),
    (T, lambda r: r.ClearField("policy"), "policy", "MISSING_FIELD"),
    (T, lambda r: setattr(r.policy, "preset", 0), "policy.preset", "MISSING_FIELD"),
    (T, lambda r: setattr(r.policy, "preset", 9), "policy.preset", "UNKNOWN_ENUM"),
    (T, lambda r: setattr(r.policy.custom, "time_zone", ""), "policy.custom.time_zone", "UNKNOWN_TIME_ZONE"),
    (T, lambda r: setattr(r.policy.custom, "time_zone", "../x"), "policy.custom.time_zone", "UNKNOWN_TIME_ZONE"),
    (T, lambda r: r.policy.custom.rules.add(), "policy.custom.rules[4]", "MISSING_FIELD"),
    (T, lambda r: [r.policy.custom.rules.add() for _ in range(97)], "policy.custom.rules", "TOO_MANY_RULES"),
    (
        T,
        lambda r: r.policy.custom.rules[0].drift.ClearField("threshold_micros"),
        "policy.custom.rules[0].drift.threshold_micros",
        "MISSING_FIELD",
    ),
    (
        T,
        lambda r: r.policy.custom.rules[0].drift.MergeFrom(
            pb.DriftRule(scope=pb.DRIFT_SCOPE_PORTFOLIO, measure=pb.DRIFT_MEASURE_RELATIVE)
        ),
        "policy.custom.rules[0].drift.measure",
        "NO_TARGET",
    ),
    (
        T,
        lambda r: r.policy.custom.rules[1].every_days.ClearField("days"),
        "policy.custom.rules[1].every_days.days",
        "MISSING_FIELD",
    ),
    (
        T,
        lambda r: setattr(r.policy.custom.rules[1].every_days, "days", 0),
        "policy.custom.rules[1].every_days.days",
        "OUT_OF_RANGE",
    ),
    (T, lambda r: setattr(r.policy.custom.rules[2].daily, "at", ""), "policy.custom.rules[2].daily.at", "NOT_A_TIME"),
    (
        T,
        lambda r: setattr(r.policy.custom.rules[2].daily, "at", "14:30+01:00"),
        "policy.custom.rules[2].daily.at",
        "UNEXPECTED_TIME_ZONE",
    ),
    (
        T,
        lambda r: r.policy.custom.rules[3].cash.ClearField("least"),
        "policy.custom.rules[3].cash.least",
        "MISSING_FIELD",
    ),
    (T, lambda r: r.asset_classes.update({"": "x"}), "asset_classes", "INVALID_ID"),
    (D, lambda r: r.ClearField("account"), "account", "MISSING_FIELD"),
    (D, lambda r: r.account.ClearField("cash"), "account.cash", "MISSING_FIELD"),
    (D, lambda r: setattr(r.account, "value", -1), "account.value", "NEGATIVE_AMOUNT"),
    (D, lambda r: late(r.account, "looked_at"), "account.looked_at", "CLOCK_RUNS_BACKWARDS"),
    (D, lambda r: late(r.account.trades[0], "traded_at"), "account.trades[0].traded_at", "CLOCK_RUNS_BACKWARDS"),
    (D, lambda r: setattr(r.account.trades[0], "side", 0), "account.trades[0].side", "MISSING_FIELD"),
    (D, lambda r: r.account.trades[0].ClearField("traded_at"), "account.trades[0].traded_at", "MISSING_FIELD"),
    (D, lambda r: r.ClearField("events"), "events", "MISSING_FIELD"),
    (D, lambda r: r.events.extend([r.events[0]] * 100), "events", "TOO_MANY_EVENTS"),
    (D, lambda r: setattr(r.events[0], "kind", 0), "events[0].kind", "MISSING_FIELD"),
    (D, lambda r: setattr(r.events[0], "event_id", "x" * 129), "events[0].event_id", "ID_TOO_LONG"),
    (D, lambda r: late(r.events[0], "asked_at"), "events[0].asked_at", "CLOCK_RUNS_BACKWARDS"),
    (D, lambda r: r.events[0].wants.sides.add(security_id="A"), "events[0].wants.sides[0].side", "MISSING_FIELD"),
    (D, lambda r: r.ClearField("clock"), "clock", "MISSING_FIELD"),
    (D, lambda r: r.ClearField("timetable"), "timetable", "MISSING_FIELD"),
    (D, lambda r: setattr(r.timetable, "preset", 0), "timetable.preset", "MISSING_FIELD"),
    (
        D,
        lambda r: setattr(r.timetable.custom, "calendar_id", "MOON"),
        "timetable.custom.calendar_id",
        "UNKNOWN_CALENDAR",
    ),
    (D, lambda r: windows(r), "timetable.custom.windows", "EMPTY"),
    (D, lambda r: windows(r, *[("", "")] * 17), "timetable.custom.windows", "TOO_MANY_WINDOWS"),
    (D, lambda r: windows(r, ("10:00", "12:00"), ("11:00", "")), "timetable.custom.windows[1]", "WINDOWS_OVERLAP"),
    (D, lambda r: windows(r, ("17:00", "")), "timetable.custom.windows[0].opens_at", "NEVER_OPENS"),
    (D, lambda r: windows(r, ("12:00", "11:00")), "timetable.custom.windows[0].closes_at", "NEVER_OPENS"),
    (D, lambda r: windows(r, ("noon", "")), "timetable.custom.windows[0].opens_at", "NOT_A_TIME"),
    (D, lambda r: windows(r, ("09:30Z", "")), "timetable.custom.windows[0].opens_at", "UNEXPECTED_TIME_ZONE"),
    (
        D,
        lambda r: r.timetable.custom.ClearField("rebalances_alone"),
        "timetable.custom.rebalances_alone",
        "MISSING_FIELD",
    ),
    (
        D,
        lambda r: r.timetable.custom.windows[0].ClearField("joins_late"),
        "timetable.custom.windows[0].joins_late",
        "MISSING_FIELD",
    ),
    (O, lambda r: r.ClearField("orders"), "orders", "MISSING_FIELD"),
    (O, lambda r: r.orders[1].ClearField("amount"), "orders[1].amount", "MISSING_FIELD"),
    (O, lambda r: setattr(r.orders[0], "side", 0), "orders[0].side", "MISSING_FIELD"),
    (O, lambda r: setattr(r.orders[0], "sizing", 0), "orders[0].sizing", "MISSING_FIELD"),
    (O, lambda r: setattr(r.orders[0], "sizing", 1), "orders[0].sizing", "SALE_BY_AMOUNT"),
    (O, lambda r: setattr(r.orders[0], "currency_code", "dollar"), "orders[0].currency_code", "INVALID_CURRENCY"),
    (O, lambda r: setattr(r.orders[0], "currency_code", "ZZZ"), "orders[0].currency_code", "INVALID_CURRENCY"),
    (O, lambda r: setattr(r.orders[1], "currency_code", "EUR"), "orders[1].currency_code", "CURRENCIES_DISAGREE"),
    (O, lambda r: setattr(r.orders[1], "account_id", "ann"), "orders[1].account_id", "DUPLICATE_ORDER"),
    (
        O,
        lambda r: [setattr(o, "quantity_nanos", 2**63 - 1) for o in r.orders],
        "orders",
        "AMOUNT_TOO_LARGE",
    ),
    (F, lambda r: setattr(r.fills[0], "security_id", "Z"), "fills[0].security_id", "UNKNOWN_ORDER"),
    (F, lambda r: setattr(r.fills[0], "side", pb.SIDE_BUY), "fills[0].side", "WRONG_SIDE"),
    (F, lambda r: setattr(r.fills[0], "quantity_nanos", 4 * SHARE), "fills", "OVER_FILL"),
    (F, lambda r: setattr(r.fills[1], "quantity_nanos", 2 * SHARE), "fills", "OVER_FILL"),
    (F, lambda r: setattr(r.fills[1], "quantity_nanos", 0), "fills[1].quantity_nanos", "OUT_OF_RANGE"),
    (F, lambda r: r.fills[1].ClearField("price_micros"), "fills[1].price_micros", "MISSING_FIELD"),
    (F, lambda r: setattr(r.fills[1], "fill_id", ""), "fills[1].fill_id", "MISSING_ID"),
    (F, lambda r: setattr(r.fills[1], "fill_id", "f1"), "fills[1].fill_id", "CONFLICTING_FILL"),
    (F, again, "fills[2].fill_id", "CONFLICTING_FILL"),
    (P, lambda r: r.ClearField("accounts"), "accounts", "BATCH_SIZE"),
    (P, lambda r: r.accounts.extend([pb.PlannedAccount()] * 999), "accounts", "BATCH_SIZE"),
    (P, lambda r: setattr(r.accounts[1], "account_id", ""), "accounts[1].account_id", "MISSING_ID"),
    (P, lambda r: setattr(r.accounts[1], "plan_id", ""), "accounts[1].plan_id", "MISSING_ID"),
    (P, lambda r: r.accounts[1].ClearField("portfolio"), "accounts[1].portfolio", "MISSING_FIELD"),
    (
        P,
        lambda r: r.accounts[1].plan.ClearField("portfolio_after"),
        "accounts[1].plan.portfolio_after",
        "MISSING_FIELD",
    ),
    (
        P,
        lambda r: r.accounts[1].plan.ClearField("certificate"),
        "accounts[1].plan.certificate.quality",
        "MISSING_FIELD",
    ),
    (
        P,
        lambda r: r.accounts[1].portfolio.CopyFrom(planned(portfolio=drifted(9)).portfolio),
        "accounts[1].plan.orders",
        "PLAN_DISAGREES",
    ),
    (P, lambda r: setattr(r.accounts[1].portfolio, "cash", 5), "accounts[1].plan.cash.before", "PLAN_DISAGREES"),
    (
        P,
        lambda r: r.accounts[1].plan.orders[0].ClearField("parts"),
        "accounts[1].plan.orders[0].parts",
        "SUMS_DISAGREE",
    ),
    (
        P,
        lambda r: setattr(r.accounts[1].plan.orders[0], "security_id", "Z"),
        "accounts[1].plan.orders[0].security_id",
        "MISSING_PRICE",
    ),
    (A, lambda r: setattr(r.accounts[1].fills[0], "order_id", "no"), "accounts[1].fills[0].order_id", "UNKNOWN_ORDER"),
    (A, lambda r: setattr(r.accounts[1].fills[0], "side", pb.SIDE_BUY), "accounts[1].fills[0].side", "WRONG_SIDE"),
    (
        A,
        lambda r: setattr(r.accounts[1].fills[0], "quantity_nanos", SHARE),
        "accounts[1].fills[0].quantity_nanos",
        "OVER_FILL",
    ),
    (A, lambda r: setattr(r.accounts[1].fills[0], "fill_id", "f1"), None, None),  # the same share of f1: counts once
    (
        A,
        lambda r: r.accounts[1].fills[0].MergeFrom(pb.Fill(fill_id="f1", amount=1)),
        "accounts[1].fills[0].fill_id",
        "CONFLICTING_FILL",
    ),
    (
        A,
        lambda r: setattr(r.accounts[1].fills[0], "account_id", "bob"),
        "accounts[1].fills[0].account_id",
        "UNKNOWN_ACCOUNT",
    ),
    (A, lambda r: r.accounts[1].prices.add(security_id="A"), "accounts[1].prices[0].price_micros", "MISSING_FIELD"),
    (
        A,
        lambda r: r.accounts[1].prices.add(security_id="Z", price_micros=1),
        "accounts[1].prices[0]",
        "UNKNOWN_SECURITY",
    ),
    (
        A,
        lambda r: r.accounts[1].prices.extend([pb.SecurityPrice(security_id="A", price_micros=1)] * 2),
        "accounts[1].prices[1].security_id",
        "DUPLICATE_SECURITY",
    ),
    (
        A,
        lambda r: r.accounts[1].cancelled_order_ids.append("no"),
        "accounts[1].cancelled_order_ids[0]",
        "UNKNOWN_ORDER",
    ),
    (
        A,
        lambda r: r.accounts[1].MergeFrom(pb.FilledAccount(cancelled_order_ids=["mon/1"], all_cancelled=True)),
        "accounts[1].cancelled_order_ids",
        "CONTRADICTION",
    ),
    (A, lambda r: r.accounts[1].ClearField("books"), "accounts[1].books", "MISSING_FIELD"),
    (A, lambda r: r.accounts[1].books.ClearField("due"), "accounts[1].books.due", "MISSING_FIELD"),
    (R, lambda r: setattr(r, "plan_id", ""), "plan_id", "MISSING_ID"),
    (R, lambda r: setattr(r, "plan_id", "mon"), "plan_id", "DUPLICATE_PLAN_ID"),
    (R, lambda r: setattr(r.books.working[0], "cancelled", False), "books.working[0]", "SALE_OPEN"),
    (R, lambda r: r.ClearField("events"), "events", "MISSING_FIELD"),
    (R, lambda r: setattr(r.events[0].rebalance, "slice_id", "no"), "events[0].rebalance.slice_id", "UNKNOWN_SLICE_ID"),
    (R, lambda r: r.events[0].deposit.MergeFrom(pb.Deposit(amount=-1)), "events[0].deposit.amount", "NEGATIVE_AMOUNT"),
    (R, lambda r: setattr(r.rules, "min_trade", -1), "rules.min_trade", "NEGATIVE_AMOUNT"),
    (R, lambda r: setattr(r.options, "validate_only", True), "options.validate_only", "UNSUPPORTED"),
    (R, lambda r: setattr(r.options, "engine", 99), "options.engine", "UNSUPPORTED"),
    (U, lambda r: r.updates[0].ClearField("at"), "updates[0].at", "MISSING_FIELD"),
    (U, lambda r: setattr(r.updates[1], "time_zone", ""), "updates[1].time_zone", "UNKNOWN_TIME_ZONE"),
    (U, lambda r: setattr(r.updates[1], "step", 0), "updates[1].step", "MISSING_FIELD"),
    (U, lambda r: setattr(r.updates[1], "step", 9), "updates[1].until", "UNEXPECTED_FIELD"),
    (U, lambda r: setattr(r.updates[0], "step", 5), "updates[0].step", "STEP_OUT_OF_ORDER"),
    (U, lambda r: r.updates[1].ClearField("until"), "updates[1].until", "MISSING_FIELD"),
    (U, lambda r: late(r.updates[1].last, "at"), "updates[1].at", "CLOCK_RUNS_BACKWARDS"),
    (U, lambda r: setattr(r.updates[1].last, "event_id", "x"), "updates[1].event_id", "ANOTHER_EVENT"),
    (U, lambda r: setattr(r.updates[0], "subject", ""), "updates[0].subject", "MISSING_FIELD"),
]


BOOKS: list[tuple[Callable[[pb.Books], object], str, str]] = [
    (lambda b: setattr(b, "account_id", ""), "account_id", "MISSING_ID"),
    (lambda b: setattr(b, "received", -1), "received", "NEGATIVE_AMOUNT"),
    (lambda b: b.leaving.append("z"), "leaving[0]", "UNKNOWN_SLICE_ID"),
    (lambda b: setattr(b.working[0], "amount", 1), "working[0].amount", "SUMS_DISAGREE"),
    (lambda b: setattr(b.working[0], "quantity_nanos", 1), "working[0].quantity_nanos", "SUMS_DISAGREE"),
    (lambda b: setattr(b.working[0], "quantity_nanos", SHARE), "working[0].quantity_nanos", "SUMS_DISAGREE"),
    (lambda b: setattr(b.working[0].slices[0], "slice_id", "b"), "working[0].slices[0].slice_id", "UNKNOWN_SLICE_ID"),
    (lambda b: setattr(b.working[0].slices[0], "quantity_nanos", 1), "working[0].slices", "SUMS_DISAGREE"),
    (lambda b: b.working[0].ClearField("slices"), "working[0].slices", "MISSING_FIELD"),
    (lambda b: b.working[0].slices.add().CopyFrom(b.working[0].slices[0]), "working[0].slices[1].slice_id", "UNKNOWN_SLICE_ID"),
    (lambda b: setattr(b.working[1].slices[0], "quantity_nanos", 0), "working[1].slices[0].quantity_nanos", "OUT_OF_RANGE"),
    (lambda b: setattr(b.working[0].order, "security_id", "Z"), "working[0].order.security_id", "UNKNOWN_SECURITY"),
    (lambda b: setattr(b.working[0].order, "account_id", "Z"), "working[0].order.account_id", "UNKNOWN_ACCOUNT"),
    (lambda b: setattr(b.working[0].order, "currency_code", "EUR"), "working[0].order.currency_code", "CURRENCIES_DISAGREE"),
    (lambda b: setattr(b.working[0].order, "sizing", 1), "working[0].order.sizing", "SALE_BY_AMOUNT"),
    (lambda b: setattr(b.working[0].order, "step_nanos", 0), "working[0].order.step_nanos", "OUT_OF_RANGE"),
    (lambda b: setattr(b.working[1].order, "amount", -1), "working[1].order.amount", "NEGATIVE_AMOUNT"),
    (lambda b: setattr(b.working[1].order, "order_id", "mon/1"), "working[1].order.order_id", "DUPLICATE_ORDER"),
    (lambda b: setattr(b.working[0].order, "quantity_nanos", 1), "working[0]", "OVER_FILL"),
    (lambda b: b.working.add().CopyFrom(b.working[0]), "working", "MORE_THAN_HELD"),
    (lambda b: setattr(b.fills[0], "order_id", "z"), "fills[0].order_id", "UNKNOWN_ORDER"),
    (lambda b: setattr(b.fills[0], "side", pb.SIDE_BUY), "fills[0].order_id", "UNKNOWN_ORDER"),
    (lambda b: setattr(b.fills[0], "amount", -1), "fills[0]", "OUT_OF_RANGE"),
    (lambda b: b.fills.add().CopyFrom(b.fills[0]), "fills[1].fill_id", "DUPLICATE_FILL"),
    (lambda b: setattr(b.opened, "cash", -1), "opened.cash", "NEGATIVE_AMOUNT"),
]  # fmt: skip
