"""Answers to the trading day's requests as bytes: what runs on a worker thread; nothing here knows gRPC.

Every request is read whole and checked before anything is made of it. A request of many accounts looks between them
whether its caller is still there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from server.answers import MAX_BATCH, limit_budget, set_times
from server.books_conversion import (
    fits,
    order_message,
    read_block_fills,
    read_books,
    read_fills,
    read_orders,
    read_plan,
    write_account,
    write_fill,
)
from server.conversion import ENGINES, parse, read_rules
from server.day_columns import read_decision_columns, read_trigger_columns, write_decision_rows
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import BatchOver
from server.trading_conversion import (
    DayReader,
    moved,
    read_account,
    read_asked,
    read_check,
    read_next,
    read_policy,
    read_timetable,
)
from server.trading_writing import write_decisions, write_triggers, write_update
from server.writing import fill_infeasible, fill_plan
from solver import SOLVER_VERSION, Budget, Infeasible, InvalidRequest, Side, Violation
from solver.trading.blocks import BlockFill, BlockOrder, Fill, aggregate_orders, allocate_fills, remaining
from solver.trading.books import Books, open_books
from solver.trading.checks import check_books, check_events
from solver.trading.decision_columns import decide_columns
from solver.trading.decisions import decide_together
from solver.trading.fills import Replanned, apply_fills, cancel_rests, replan_buys
from solver.trading.trigger_columns import check_trigger_columns
from solver.trading.triggers import check_triggers
from solver.trading.updates import followed, update

__all__ = [
    "aggregate",
    "allocate",
    "check",
    "check_columns",
    "decide",
    "decide_in_columns",
    "filled",
    "follow",
    "opened",
    "replanned",
]

One = TypeVar("One", bound=Message)
TIMETABLE = ("timetable", "timetable.custom")  # what a timetable says of itself is said of what the caller sent


def check(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.CheckTriggersResponse:
    """The response to a ``CheckTriggersRequest``'s bytes; raises the solver's typed errors, as all here do."""
    message = parse(pb.CheckTriggersRequest, data)
    reader = DayReader()
    portfolio, history, policy, clock = read_check(reader, message)
    reader.finish()
    assert portfolio is not None
    assert policy is not None
    return write_triggers(check_triggers(portfolio, history, policy, clock, dict(message.asset_classes)))


def check_columns(
    data: bytes, deadline: float | None, budget: Budget, started: float
) -> pb.CheckTriggerColumnsResponse:
    """The response to a ``CheckTriggerColumnsRequest``'s bytes."""
    message = parse(pb.CheckTriggerColumnsRequest, data)
    reader = DayReader()
    reader.require(message, "columns", "columns")
    policy = read_policy(reader, message.policy)
    clock = reader.instant(message, "clock", "clock")
    reader.finish()
    assert policy is not None
    holds = check_trigger_columns(read_trigger_columns(message.columns), policy, clock)
    return pb.CheckTriggerColumnsResponse(holds=holds.tobytes())


def decide(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.DecideResponse:
    """The response to a ``DecideRequest``'s bytes."""
    message = parse(pb.DecideRequest, data)
    reader = DayReader()
    reader.require(message, "account", "account")
    account = read_account(reader, message.account)
    events = read_asked(reader, message.events)
    timetable = read_timetable(reader, message.timetable)
    clock = reader.instant(message, "clock", "clock")
    reader.finish()
    assert timetable is not None
    with moved(TIMETABLE):
        return write_decisions(*decide_together(account, events, timetable, clock))


def decide_in_columns(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.DecideColumnsResponse:
    """The response to a ``DecideColumnsRequest``'s bytes."""
    message = parse(pb.DecideColumnsRequest, data)
    reader = DayReader()
    reader.require(message, "columns", "columns")
    timetable = read_timetable(reader, message.timetable)
    reader.finish()
    assert timetable is not None
    with moved(TIMETABLE):
        return write_decision_rows(decide_columns(read_decision_columns(message.columns), timetable))


def aggregate(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.AggregateOrdersResponse:
    """The response to an ``AggregateOrdersRequest``'s bytes."""
    message = parse(pb.AggregateOrdersRequest, data)
    blocks = _blocks(message.orders)
    place = {(order.account_id, order.security_id, order.side): i for i, order in enumerate(message.orders)}
    response = pb.AggregateOrdersResponse()
    with fits("orders"):
        for block in blocks:
            side = pb.SIDE_BUY if block.side is Side.BUY else pb.SIDE_SELL
            response.blocks.add(
                security_id=block.security_id,
                side=side,
                sizing=pb.SIZING_QUANTITY if block.by_quantity else pb.SIZING_AMOUNT,
                amount=block.amount,
                quantity_nanos=block.quantity_nanos,
                step_nanos=block.step_nanos,
                currency_code=block.currency_code,
                orders=[place[order.account_id, order.security_id, side] for order in block.orders],
            )
    return response


def _blocks(orders: Sequence[pb.AccountOrder]) -> tuple[BlockOrder, ...]:
    reader = DayReader()
    if not orders:
        reader.wrong("orders", "MISSING_FIELD", "is empty; send at least one order")
    read = read_orders(reader, orders, "orders")
    reader.finish()
    # the sizing is a yes or no there
    with moved(*((f"orders[{i}].by_quantity", f"orders[{i}].sizing") for i in range(len(read)))):
        return aggregate_orders(read)


def allocate(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.AllocateFillsResponse:
    """The response to an ``AllocateFillsRequest``'s bytes."""
    message = parse(pb.AllocateFillsRequest, data)
    blocks = {(block.security_id, block.side): block for block in _blocks(message.orders)}
    reader = DayReader()
    fills = read_block_fills(reader, message.fills)
    reader.finish()
    places = _placed(fills, blocks)
    response = pb.AllocateFillsResponse()
    faults: list[Violation] = []
    shares: dict[tuple[str, Side], tuple[Fill, ...]] = {}
    for key, block in blocks.items():
        own = places.get(key, [])
        try:
            with moved(*((f"fills[{k}]", f"fills[{i}]") for k, i in enumerate(own))):
                shares[key] = allocate_fills(block, [fills[i] for i in own])
        except InvalidRequest as error:
            faults += error.violations
    if faults:
        raise InvalidRequest(tuple(faults))
    with fits("fills"):
        for key, block in blocks.items():
            for fill in shares[key]:
                write_fill(response.fills.add(), fill)
            left = remaining(block, shares[key])
            response.remaining.extend(order_message(order) for order in (left.orders if left else ()))
    return response


def _placed(
    fills: Sequence[BlockFill], blocks: dict[tuple[str, Side], BlockOrder]
) -> dict[tuple[str, Side], list[int]]:
    """The places of each block's fills; refuses those of no block, and an id that two different fills have."""
    faults, seen = [], dict[str, int]()
    places: dict[tuple[str, Side], list[int]] = {}
    securities = {security_id for security_id, _ in blocks}
    for i, fill in enumerate(fills):
        if (fill.security_id, fill.side) not in blocks:
            known = fill.security_id in securities
            told = f"is {fill.side.value}; there are orders of {fill.security_id!r}, none on that side"
            if not known:
                told = f"is {fill.security_id[:64]!r}; none of the orders is of that security"
            name, reason = ("side", "WRONG_SIDE") if known else ("security_id", "UNKNOWN_ORDER")
            faults.append(Violation(f"fills[{i}].{name}", reason, told))
        twin = seen.setdefault(fill.fill_id, i)
        if fills[twin] != fill:
            told = f"{fill.fill_id!r} is also the id of fills[{twin}], which is another fill; the same one counts once"
            faults.append(Violation(f"fills[{i}].fill_id", "CONFLICTING_FILL", told))
        places.setdefault((fill.security_id, fill.side), []).append(i)
    if faults:
        raise InvalidRequest(tuple(faults))
    return places


def opened(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.OpenBooksResponse:
    """The response to an ``OpenBooksRequest``'s bytes."""
    message = parse(pb.OpenBooksRequest, data)
    response = pb.OpenBooksResponse()
    faults: list[Violation] = []
    for i, one in _several(message.accounts, "accounts", budget):
        at = f"accounts[{i}]"
        reader = DayReader()
        reader.require(one, "portfolio", f"{at}.portfolio")
        reader.require(one, "plan", f"{at}.plan")
        portfolio, plan = reader.account(one.portfolio, f"{at}.portfolio"), read_plan(reader, one.plan, f"{at}.plan")
        try:
            reader.finish()
            assert portfolio is not None
            assert plan is not None
            # what does not fit together after both were checked is the plan's
            with moved(("portfolio", f"{at}.plan.portfolio_after"), ("", at)):
                books = open_books(one.account_id, one.plan_id, portfolio, plan)
            _write(response.accounts.add(), books, one.portfolio, f"{at}.plan")
        except InvalidRequest as error:
            faults += error.violations
    if faults:
        raise InvalidRequest(tuple(faults))
    return response


def filled(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.ApplyFillsResponse:
    """The response to an ``ApplyFillsRequest``'s bytes."""
    message = parse(pb.ApplyFillsRequest, data)
    response = pb.ApplyFillsResponse()
    faults: list[Violation] = []
    for i, one in _several(message.accounts, "accounts", budget):
        at = f"accounts[{i}]"
        try:
            _write(response.accounts.add(), _filled(one, at), one.books.opened, f"{at}.books")
            if one.HasField("priced_at"):
                for written in (response.accounts[-1].books.opened, response.accounts[-1].portfolio):
                    written.valued_at.CopyFrom(one.priced_at)
        except InvalidRequest as error:
            faults += error.violations
    if faults:
        raise InvalidRequest(tuple(faults))
    return response


def _filled(one: pb.FilledAccount, at: str) -> Books:
    reader = DayReader()
    reader.require(one, "books", f"{at}.books")
    books = read_books(reader, one.books, f"{at}.books")
    fills = read_fills(reader, one.fills, f"{at}.fills")
    prices: dict[str, int] = {}
    for k, price in enumerate(one.prices):
        reader.require(price, "price_micros", f"{at}.prices[{k}].price_micros")
        if price.security_id in prices:
            told = f"is {price.security_id[:64]!r}, which has a price already; a security has one"
            reader.wrong(f"{at}.prices[{k}].security_id", "DUPLICATE_SECURITY", told)
        prices[price.security_id] = price.price_micros
    reader.maybe_instant(one, "priced_at", f"{at}.priced_at")
    if one.all_cancelled and one.cancelled_order_ids:
        told = "is set beside all_cancelled; give one of them"
        reader.wrong(f"{at}.cancelled_order_ids", "CONTRADICTION", told)
    reader.finish()
    assert books is not None
    by_name = ((f"prices[{name}]", f"{at}.prices[{k}]") for k, name in enumerate(prices))
    names = (("order_ids", f"{at}.cancelled_order_ids"), ("portfolio", f"{at}.books.opened"), ("", at))
    with moved(*by_name, *names):
        check_books(books)
        books = apply_fills(books, fills, prices)
        return cancel_rests(books, None if one.all_cancelled else one.cancelled_order_ids)


def _write(written: pb.AccountBooks, books: Books, asked: pb.Portfolio, at: str) -> None:
    with moved(("portfolio", at)):
        standing = books.portfolio
    with fits(at):
        write_account(written, books, standing, asked)


def replanned(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.ReplanBuysResponse:
    """The response to a ``ReplanBuysRequest``'s bytes; ``budget`` gets its clock here."""
    begun = time.monotonic()
    message = parse(pb.ReplanBuysRequest, data)
    reader, options = DayReader(), message.options
    reader.require(message, "books", "books")
    books = read_books(reader, message.books, "books")
    events = reader.events(message.events)
    limit = reader.options(options)
    for name in ("validate_only", "rule_costs", "expected_fingerprint"):
        if getattr(options, name):
            reader.unsupported(f"options.{name}", "is set; ReplanBuys does not take it")
    reader.finish()
    assert books is not None
    limit_budget(budget, limit, options.work_limit, deadline, started)
    with moved(("portfolio", "books.opened")):
        check_books(books)
        check_events(books, events)
        rules = read_rules(message.rules)
        settled = replan_buys(books, events, message.plan_id, rules, ENGINES[options.engine], budget)
    response = pb.ReplanBuysResponse()
    if isinstance(settled, Infeasible):
        fill_infeasible(response.infeasible, settled)
    else:
        _fill_replanned(response.replanned, settled, message, data)
    set_times(response.diagnostics, started, begun)
    return response


def _fill_replanned(written: pb.Replanned, found: Replanned, message: pb.ReplanBuysRequest, data: bytes) -> None:
    mark = hashlib.sha256(data + SOLVER_VERSION.encode()).hexdigest()
    _write(written.account, found.books, message.books.opened, "books")
    for plan in found.plans:
        one = written.plans.add(fingerprint=mark)
        fill_plan(one, plan, message.options.view or pb.VIEW_ORDERS, message.books.opened)


def follow(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.FollowUpdatesResponse:
    """The response to a ``FollowUpdatesRequest``'s bytes."""
    message = parse(pb.FollowUpdatesRequest, data)
    response = pb.FollowUpdatesResponse()
    faults: list[Violation] = []
    for i, one in _several(message.updates, "updates", budget):
        at = f"updates[{i}]"
        reader = DayReader()
        asked = read_next(reader, one, at)
        try:
            reader.finish()
            with moved(("update", at), ("", at)):
                new = update(**asked.stated)
                new = followed((asked.last,) if asked.last else (), new)[-1]
            write_update(response.updates.add(), new)
        except InvalidRequest as error:
            faults += error.violations
    if faults:
        raise InvalidRequest(tuple(faults))
    return response


def _several(items: Sequence[One], at: str, budget: Budget) -> Iterator[tuple[int, One]]:
    """The items of a call, 1 to ``MAX_BATCH``, for as long as its caller is there."""
    if not 0 < len(items) <= MAX_BATCH:
        raise InvalidRequest((Violation(at, "BATCH_SIZE", f"has {len(items)} entries; a call has 1 to {MAX_BATCH}"),))
    for i, item in enumerate(items):
        if budget.cancelled:
            raise BatchOver("nobody waits for this call any more")
        yield i, item
