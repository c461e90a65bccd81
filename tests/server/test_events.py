"""Several events over a real channel: fields by their index, limits, conflicts, and whose each part of an order is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest

from server.client import Client
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    NewPie,
    Pie,
    Portfolio,
    Reach,
    Rebalance,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
)
from solver.events import MAX_EVENTS
from tests.server.serving import details_of, served

P = Slice("p", 1, Pie((Slice("a", 1, Holding("A", 200)), Slice("b", 1, Holding("B", 100)))))
Q = Slice("q", 1, Pie((Slice("c", 1, Holding("C", 100)), Slice("d", 1, Holding("D", 200)))))
ACCOUNT = Portfolio(Pie((P, Q)), 5)
SOLD = TargetChange((ChangedPie("p", (TargetSlice("a", 1), TargetSlice("b", 0))),), "change")
Parts = list[tuple[str, str, list[tuple[str, str, int]]]]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as where, Client(where) as connected:
        yield connected


def parts(plan: pb.Plan) -> Parts:
    """Security, side, and every part: slice, event, amount."""
    return [
        (o.security_id, pb.Side.Name(o.side), [(part.slice_id, part.event_id, part.amount) for part in o.parts])
        for o in plan.orders
    ]


def test_each_part_names_its_event(client: Client) -> None:
    events = Rebalance("p", Reach.DEEP, "even"), Withdrawal(65, "out"), Deposit(20, "in")
    plan = client.plan(plan_request(ACCOUNT, events)).plan
    assert parts(plan) == [
        ("A", "SIDE_SELL", [("a", "out", 20), ("a", "even", 40)]),
        ("D", "SIDE_SELL", [("d", "out", 20)]),
        ("B", "SIDE_BUY", [("b", "even", 40)]),
    ]
    cash = plan.cash
    assert (cash.before, cash.received, cash.paid_out, cash.bought, cash.sold, cash.after) == (5, 20, 65, 40, 80, 0)
    assert plan.certificate.quality == pb.QUALITY_OPTIMAL


def test_a_liquidation_pays(client: Client) -> None:
    plan = client.plan(plan_request(ACCOUNT, (Withdrawal(45, "out"), SOLD))).plan
    assert parts(plan) == [
        ("B", "SIDE_SELL", [("b", "change", 100)]),
        ("A", "SIDE_BUY", [("a", "change", 60)]),
    ]


def test_the_ready_request(client: Client) -> None:
    plan = client.plan(example("several")).plan
    assert plan.certificate.quality == pb.QUALITY_OPTIMAL
    for order in plan.orders:
        assert sum(part.amount for part in order.parts) == order.amount
    assert {part.event_id for order in plan.orders for part in order.parts} == {"withdrawal", "rebalance"}
    sold = [[part.event_id for part in order.parts] for order in plan.orders if order.side == pb.SIDE_SELL]
    assert ["withdrawal", "rebalance"] in sold


def test_as_many_as_there_may_be(client: Client) -> None:
    """A hundred deposits are one of their sum; each has its part, in order."""
    events = [Deposit(i + 1, f"e{i}") for i in range(MAX_EVENTS)]
    several = client.plan(plan_request(ACCOUNT, events)).plan
    one = client.plan(plan_request(ACCOUNT, Deposit(sum(event.amount for event in events)))).plan
    assert several.cash == one.cash
    assert [(o.security_id, o.amount) for o in several.orders] == [(o.security_id, o.amount) for o in one.orders]
    named = [part.event_id for order in several.orders for part in order.parts]
    assert list(dict.fromkeys(named)) == [event.event_id for event in events]


def test_compare(client: Client) -> None:
    response = client.compare(pb.CompareRequest(request=example("several")))
    assert response.optimal.plan.orders
    assert all(baseline.plan.orders for baseline in response.baselines)
    assert all(baseline.tracking_error >= response.score.tracking_error for baseline in response.baselines)


def test_rule_costs(client: Client) -> None:
    request = example("several")
    request.rules.min_trade = 50_000
    request.options.rule_costs = True
    assert [cost.rule for cost in client.plan(request).plan.rule_costs] == ["rules.min_trade"]


def test_validate_only(client: Client) -> None:
    request = plan_request(ACCOUNT, (Deposit(1), Withdrawal(2)))
    request.options.validate_only = True
    assert client.plan(request).WhichOneof("outcome") is None


def test_more_than_there_is(client: Client) -> None:
    found = client.plan(plan_request(ACCOUNT, (Withdrawal(600), Deposit(10), Withdrawal(16), SOLD))).infeasible
    assert (found.reason, found.most_that_can_be_raised) == ("WITHDRAWAL_EXCEEDS_PORTFOLIO", 615)


def unset_amount(request: pb.PlanRequest) -> None:
    request.events[2].withdrawal.ClearField("amount")


def unset_reach(request: pb.PlanRequest) -> None:
    request.events[1].rebalance.reach = pb.REACH_UNSPECIFIED


def unset_kind(request: pb.PlanRequest) -> None:
    request.events[2].ClearField("kind")


def long_id(request: pb.PlanRequest) -> None:
    request.events[1].event_id = "x" * 129


def unset_weight(request: pb.PlanRequest) -> None:
    request.events[3].target_change.pies[0].slices[1].ClearField("target_weight")


def too_many(request: pb.PlanRequest) -> None:
    for _ in range(MAX_EVENTS):
        request.events.add(deposit=pb.Deposit(amount=1))


SPOILT: list[tuple[Callable[[pb.PlanRequest], None], str, str]] = [
    (unset_amount, "events[2].withdrawal.amount", "MISSING_FIELD"),
    (unset_reach, "events[1].rebalance.reach", "MISSING_FIELD"),
    (unset_kind, "events[2]", "MISSING_FIELD"),
    (long_id, "events[1].event_id", "ID_TOO_LONG"),
    (unset_weight, "events[3].target_change.pies[0].slices[1].target_weight", "MISSING_FIELD"),
    (too_many, "events", "TOO_MANY_EVENTS"),
]


def refused(client: Client, request: pb.PlanRequest) -> list[tuple[str, str]]:
    with pytest.raises(grpc.RpcError) as caught:
        client.plan(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    _, bad, _ = details_of(caught.value)
    assert bad is not None
    return [(v.field, v.reason) for v in bad.field_violations]


@pytest.mark.parametrize(("spoil", "field", "reason"), SPOILT, ids=lambda v: getattr(v, "__name__", None))
def test_fields_by_their_index(
    client: Client, spoil: Callable[[pb.PlanRequest], None], field: str, reason: str
) -> None:
    request = plan_request(ACCOUNT, (Deposit(1), Rebalance("q"), Withdrawal(2), SOLD))
    spoil(request)
    assert refused(client, request) == [(field, reason)]


NEW = TargetChange((ChangedPie("", (*(TargetSlice(s, 1) for s in "pq"), TargetSlice("n", 1, NewPie(())))),))
EXCLUDED: list[tuple[tuple[Event, ...], str, str]] = [
    ((SOLD, Deposit(1), SOLD), "events[2].target_change", "SECOND_TARGET_CHANGE"),
    ((Rebalance("p"), Rebalance("p")), "events[1].rebalance.slice_id", "DUPLICATE_REBALANCE"),
    ((Rebalance("p"), Rebalance("p", Reach.SHALLOW)), "events[1].rebalance.reach", "CONFLICTING_REBALANCES"),
    (
        (Rebalance("p"), TargetChange((ChangedPie("", (TargetSlice("q", 1),)),))),
        "events[0].rebalance.slice_id",
        "REBALANCED_PIE_LEAVES",
    ),
    ((Deposit(1), Withdrawal(0)), "events[1].withdrawal.amount", "AMOUNT_TOO_SMALL"),
    ((Deposit(1), NEW), "events[1].target_change.pies[0].slices[2].pie.slices", "EMPTY_PIE"),
]


@pytest.mark.parametrize(("events", "field", "reason"), EXCLUDED, ids=lambda v: v if isinstance(v, str) else None)
def test_events_that_exclude_each_other(client: Client, events: tuple[Event, ...], field: str, reason: str) -> None:
    assert refused(client, plan_request(ACCOUNT, events)) == [(field, reason)]


def test_in_a_batch(client: Client) -> None:
    """A conflict in one account's events is that account's fault alone."""
    requests = [plan_request(ACCOUNT, (Deposit(9), Withdrawal(2))), plan_request(ACCOUNT, (SOLD, SOLD))]
    answers = list(client.batch(requests))
    assert answers[0].response.plan.orders
    assert answers[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
