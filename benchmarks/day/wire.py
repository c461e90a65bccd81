"""The desk over gRPC: every call of a broker's day as a call of the service, in messages.

What the service refuses comes back as the same ``InvalidRequest`` that the functions raise, read from its rich status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import grpc
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from benchmarks.day.desk import Planned, Proof, Told
from benchmarks.day.world import EASTERN
from server.books_conversion import order_message, read_books, read_fills
from server.client import Client
from server.day_requests import (
    block_fill_message,
    check_request,
    decide_request,
    filled_message,
    next_update,
    replan_request,
)
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request, portfolio_message
from server.trading_conversion import DayReader
from solver import Block, BlockReason, Event, Infeasible, InvalidRequest, Portfolio, Rules, Side, Violation
from solver.trading.accounts import Account, Asked, OneSide
from solver.trading.blocks import AccountOrder, BlockFill, BlockOrder, Fill
from solver.trading.books import Books
from solver.trading.decisions import Action, Batch, Decision, DecisionReason, Why
from solver.trading.sessions import Timetable
from solver.trading.triggers import History, Policy, Trigger, TriggerCode
from solver.trading.updates import Update

__all__ = ["There"]

Kind = TypeVar("Kind")


class There:
    """A server somewhere else; use it as a context manager."""

    def __init__(self, address: str) -> None:
        self._client = Client(address)
        self._day = self._client.day

    def __enter__(self) -> There:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.channel.close()

    def triggers(self, portfolio: Portfolio, history: History, policy: Policy, clock: datetime) -> tuple[Trigger, ...]:
        """``CheckTriggers``."""
        with _refusals():
            found = self._day.check_triggers(check_request(portfolio, history, policy, clock, {}))
        return tuple(
            Trigger(
                TriggerCode(pb.TriggerCode.Name(one.code).removeprefix("TRIGGER_CODE_")),
                one.rule,
                one.subject,
                tuple(one.figures.items()),
                one.sentence,
            )
            for one in found.triggers
        )

    def decide(
        self, account: Account, events: Sequence[Asked], timetable: Timetable, clock: datetime
    ) -> tuple[tuple[Decision, ...], tuple[Batch, ...]]:
        """``Decide``."""
        with _refusals():
            found = self._day.decide(decide_request(account, events, timetable, clock))
        batches = (Batch(_instant(one, "at") or clock, tuple(one.events), _blocks(one.blocks)) for one in found.batches)
        return tuple(map(_decision, found.decisions)), tuple(batches)

    def plan(self, portfolio: Portfolio, events: Sequence[Event], rules: Rules) -> Planned | Infeasible:
        """``Plan``, with all that opening books needs."""
        with _refusals():
            found = self._client.plan(plan_request(portfolio, events, rules))
        if found.HasField("infeasible"):
            return Infeasible(found.infeasible.reason, tuple(found.infeasible.rules))
        sides = frozenset(OneSide(order.security_id, _side(order.side)) for order in found.plan.orders)
        proof = found.plan.certificate
        return Planned(sides, *_proof(proof), found.plan)

    def open(self, account_id: str, plan_id: str, before: Portfolio, planned: Planned) -> Books:
        """``OpenBooks``."""
        assert isinstance(planned.plan, pb.Plan)
        one = pb.PlannedAccount(
            account_id=account_id, plan_id=plan_id, portfolio=portfolio_message(before), plan=planned.plan
        )
        with _refusals():
            return _books(self._day.open_books(pb.OpenBooksRequest(accounts=[one])).accounts[0].books)

    def aggregate(self, orders: Iterable[AccountOrder]) -> tuple[BlockOrder, ...]:
        """``AggregateOrders``."""
        sent = list(orders)
        with _refusals():
            found = self._day.aggregate_orders(pb.AggregateOrdersRequest(orders=map(order_message, sent)))
        return tuple(
            BlockOrder(one.security_id, _side(one.side), tuple(sent[i] for i in one.orders)) for one in found.blocks
        )

    def allocate(self, block: BlockOrder, allocated: Iterable[Fill], fills: Iterable[BlockFill]) -> tuple[Fill, ...]:
        """``AllocateFills``, on what earlier ones left of the orders."""
        got: dict[str, tuple[int, int]] = {}
        for fill in allocated:
            shares, money = got.get(fill.order_id, (0, 0))
            got[fill.order_id] = shares + fill.quantity_nanos, money + fill.amount
        orders = []
        for order in map(order_message, block.orders):
            shares, money = got.get(order.order_id, (0, 0))
            if block.by_quantity:
                order.quantity_nanos, order.amount = order.quantity_nanos - shares, max(0, order.amount - money)
            else:
                order.quantity_nanos, order.amount = max(1, order.quantity_nanos - shares), order.amount - money
            if order.quantity_nanos if block.by_quantity else order.amount:
                orders.append(order)
        request = pb.AllocateFillsRequest(orders=orders, fills=map(block_fill_message, fills))
        with _refusals():
            found = self._day.allocate_fills(request)
        return tuple(_read(lambda reader: read_fills(reader, found.fills, "fills")))

    def apply(self, books: Books, fills: Iterable[Fill]) -> Books:
        """``ApplyFills``."""
        return self._apply(filled_message(books, fills))

    def cancel(self, books: Books, order_ids: Iterable[str]) -> Books:
        """``ApplyFills`` without a fill, and with what is cancelled."""
        return self._apply(filled_message(books, cancelled=list(order_ids)))

    def _apply(self, one: pb.FilledAccount) -> Books:
        with _refusals():
            return _books(self._day.apply_fills(pb.ApplyFillsRequest(accounts=[one])).accounts[0].books)

    def replan(
        self, books: Books, prices: Mapping[str, int], events: Sequence[Event], plan_id: str, rules: Rules
    ) -> tuple[Books, tuple[Proof, ...]] | Infeasible:
        """``ReplanBuys`` at the prices of now."""
        priced = self._apply(filled_message(books, prices=prices))
        with _refusals():
            found = self._day.replan_buys(replan_request(priced, events, plan_id, rules, pb.VIEW_ORDERS))
        if found.HasField("infeasible"):
            return Infeasible(found.infeasible.reason, tuple(found.infeasible.rules))
        proofs = tuple(_proof(one.certificate) for one in found.replanned.plans)
        return _books(found.replanned.account.books), proofs

    def follow(self, last: Update | None, told: Told) -> Update:
        """``FollowUpdates``."""
        asked = pb.FollowUpdatesRequest(updates=[next_update(last, *told, EASTERN.key)])
        with _refusals():
            found = self._day.follow_updates(asked).updates[0]
        return Update(*told[:4], found.sentence, told.until, tuple(found.reasons))


@contextmanager
def _refusals() -> Iterator[None]:
    """A refusal of the service as the error that it was there."""
    try:
        yield
    except grpc.RpcError as error:
        if error.code() not in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED):
            raise
        status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        bad = BadRequest()
        found = [
            Violation(one.field, one.reason, one.description)
            for detail in status.details
            if detail.Unpack(bad)
            for one in bad.field_violations
        ]
        raise InvalidRequest(tuple(found) or (Violation("request", "REFUSED", status.message),)) from error


def _read(read: Callable[[DayReader], Kind]) -> Kind:
    """A part of an answer as the solver's value; what is wrong with it is the service's fault."""
    reader = DayReader()
    found = read(reader)
    if reader.violations:
        raise AssertionError(f"the service answered what it would refuse: {reader.violations[0]}")
    return found


def _books(message: pb.Books) -> Books:
    books = _read(lambda reader: read_books(reader, message, "books"))
    assert books is not None
    return books


def _proof(one: pb.Certificate) -> Proof:
    return Proof(pb.Quality.Name(one.quality).removeprefix("QUALITY_"), one.tracking_error, one.lower_bound)


def _side(number: int) -> Side:
    return Side.BUY if number == pb.SIDE_BUY else Side.SELL


def _instant(message: pb.Decision | pb.DecisionBatch, name: str) -> datetime | None:
    return _read(lambda reader: reader.maybe_instant(message, name, name))


def _blocks(blocks: Iterable[pb.SecurityBlock]) -> tuple[tuple[str, Block], ...]:
    return tuple(
        (
            one.security_id,
            Block(
                _side(one.block.side),
                BlockReason(pb.BlockReason.Name(one.block.reason).removeprefix("BLOCK_REASON_")),
            ),
        )
        for one in blocks
    )


def _decision(one: pb.Decision) -> Decision:
    return Decision(
        one.event_id,
        Action(pb.DecisionAction.Name(one.action).removeprefix("DECISION_ACTION_")),
        _instant(one, "at"),
        _instant(one, "orders_end_at"),
        one.window_id,
        tuple(
            DecisionReason(
                Why(pb.DecisionCode.Name(why.code).removeprefix("DECISION_CODE_")),
                tuple(why.figures.items()),
                why.sentence,
            )
            for why in one.reasons
        ),
        _blocks(one.blocks),
        one.postponed,
    )
