"""Accounts, plans and calls that the tests of the trading day's service share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import portfolio_message
from server.writing import fill_plan
from solver import Event, Holding, Pie, Plan, Portfolio, Rebalance, Security, Slice, plan
from solver.trading.books import Books, open_books
from tests.server.serving import details_of

SHARE = 10**9
SERVICE = "/piewise.v1.TradingService/"
UNARY = [
    "CheckTriggers",
    "CheckTriggerColumns",
    "Decide",
    "DecideColumns",
    "OpenBooks",
    "AggregateOrders",
    "AllocateFills",
    "ApplyFills",
    "SizeOrderColumns",
    "ApplyFillColumns",
    "ReplanBuys",
    "FollowUpdates",
]


def drifted(shares: int = 6) -> Portfolio:
    """A at 10.00, B at 20.00 a share; half each is wanted."""
    a, b = Holding("A", shares * 10_00, shares * SHARE), Holding("B", 40_00, 2 * SHARE)
    priced = Security("A", price_micros=10_000_000), Security("B", price_micros=20_000_000)
    return Portfolio(Pie((Slice("a", 1, a), Slice("b", 1, b))), securities=priced)


def plan_message(made: Plan, portfolio: Portfolio) -> pb.Plan:
    message = pb.Plan()
    fill_plan(message, made, pb.VIEW_FULL, portfolio_message(portfolio))
    return message


def planned(name: str = "ann", portfolio: Portfolio | None = None, event: Event | None = None) -> pb.PlannedAccount:
    portfolio = portfolio or drifted()
    made = plan(portfolio, event or Rebalance())
    assert isinstance(made, Plan)
    message = portfolio_message(portfolio)
    return pb.PlannedAccount(account_id=name, plan_id="mon", portfolio=message, plan=plan_message(made, portfolio))


def books_of(name: str = "ann", portfolio: Portfolio | None = None) -> Books:
    portfolio = portfolio or drifted()
    made = plan(portfolio, Rebalance())
    assert isinstance(made, Plan)
    return open_books(name, "mon", portfolio, made)


@contextmanager
def refused(field: str, reason: str) -> Iterator[None]:
    """The call must be refused, with a violation of that field for that reason, and a description."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    _, bad, _ = details_of(caught.value)
    found = [(v.field, v.reason) for v in bad.field_violations]
    assert (field, reason) in found
    assert all(v.description for v in bad.field_violations)
