"""The caller's rules over a real channel: they arrive, come back, cost what they cost; preview and confirm."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from server.client import Client
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Block, BlockReason, Deposit, Holding, Pie, Portfolio, Rules, Security, Side, Slice, Withdrawal
from solver.steps import NANOS
from tests.server.serving import details_of, served

PIE = Pie((Slice("a", 50, Holding("A", 4_000)), Slice("b", 50, Holding("B", 3_000))))
SECURITIES = (
    Security("A", min_trade=7, max_value=9_000, max_share_micros=900_000, min_position=5),
    Security("B", blocks=(Block(Side.BUY, BlockReason.WASH_SALE), Block(Side.SELL, BlockReason.HALTED))),
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as where, Client(where) as connected:
        yield connected


def test_securities_come_back(client: Client) -> None:
    """What portfolio_after carries is what was sent: it can be sent again as it is."""
    request = plan_request(Portfolio(PIE, 50, securities=SECURITIES), Deposit(100), Rules(3, 40, 25))
    plan = client.plan(request).plan
    assert list(plan.portfolio_after.securities) == list(request.portfolio.securities)
    assert [(o.security_id, o.amount) for o in plan.orders] == [("A", 110)]
    assert plan.cash.after == 40
    blocked = next(node for node in plan.nodes if node.slice_id == "b").reasons[0]
    assert (blocked.code, blocked.details["blocked"]) == ("BLOCKED", "WASH_SALE")
    again = plan_request(plan.portfolio_after, Deposit(100), Rules(3, 40, 25))
    assert client.plan(again).plan.orders[0].amount == 100


def test_a_withdrawal_names_what_is_in_its_way(client: Client) -> None:
    portfolio = Portfolio(PIE, 50, securities=SECURITIES)
    found = client.plan(plan_request(portfolio, Withdrawal(4_051))).infeasible
    assert (found.reason, list(found.rules)) == ("WITHDRAWAL_BLOCKED", ["securities[B].blocks[SELL]"])
    assert found.most_that_can_be_raised == 4_050


def test_what_rules_cost(client: Client) -> None:
    """Only those that bind: blocking B puts its share of a deposit into A; the minimum of A and its limit are far."""
    request = plan_request(Portfolio(PIE, 0, securities=SECURITIES), Deposit(2_000), Rules(3))
    assert not client.plan(request).plan.rule_costs
    request.options.rule_costs = True
    costs = client.plan(request).plan.rule_costs
    assert [cost.rule for cost in costs] == ["securities[B].blocks[BUY]"]
    assert costs[0].tracking_error == pytest.approx(2 * 1_500**2 / 4_500)
    assert (costs[0].cash_left, costs[0].retired_excess) == (0, 0)


def test_a_limit_costs_cash(client: Client) -> None:
    request = plan_request(
        Portfolio(PIE, 0, securities=(Security("A", max_value=4_100), *SECURITIES[1:])), Deposit(500)
    )
    request.options.rule_costs = True
    plan = client.plan(request).plan
    assert plan.certificate.cash_left == 400
    assert {cost.rule: cost.cash_left for cost in plan.rule_costs} == {
        "securities[A].max_value": 400,
        "securities[B].blocks[BUY]": 400,
    }


def test_preview_and_confirm(client: Client) -> None:
    """What was shown is what is planned, and nothing else is."""
    request = example("minimum")
    shown = client.plan(request).plan
    request.options.expected_fingerprint = shown.fingerprint
    assert client.plan(request).plan == shown
    request.portfolio.root.slices[0].holding.value += 1
    with pytest.raises(grpc.RpcError) as caught:
        client.plan(request)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details_of(caught.value)[0].reason == "FINGERPRINT_MISMATCH"


def test_the_example_of_limits(client: Client) -> None:
    plan = client.plan(example("limits")).plan
    assert plan.certificate.quality == pb.QUALITY_OPTIMAL
    bought = {order.security_id for order in plan.orders}
    assert "BBY" not in bought
    codes = {node.slice_id: [reason.code for reason in node.reasons] for node in plan.nodes}
    assert "BLOCKED" in codes["BBY"]
    assert "LARGEST_POSITION" in codes["WMT"]
    assert plan.cash.after == 1_000


def shares(price: str, count: int, step: int | None = None) -> tuple[Holding, Security]:
    micros = round(float(price) * 1_000_000)
    return Holding(price, count * micros // 10_000, count * NANOS), Security(price, 0, None, None, 0, (), micros, step)


def test_whole_shares_and_what_is_left(client: Client) -> None:
    """The cash that buys no share ranks equal, so tracking decides: two of the one and one of the other, not four."""
    dear, cheap = shares("34", 0, NANOS), shares("25", 0, NANOS)
    pie = Pie((Slice("a", 90, dear[0]), Slice("b", 10, cheap[0])))
    plan = client.plan(plan_request(Portfolio(pie, 0, securities=(dear[1], cheap[1])), Deposit(10_000))).plan
    orders = {order.security_id: order for order in plan.orders}
    assert {name: (o.quantity_nanos, o.amount) for name, o in orders.items()} == {
        "34": (2 * NANOS, 6_800),
        "25": (1 * NANOS, 2_500),
    }
    assert all(order.sizing == pb.SIZING_QUANTITY for order in plan.orders)
    assert plan.certificate.quality == pb.QUALITY_OPTIMAL
    assert plan.cash.after == 700


def test_fractions_are_bought_by_amount_and_sold_by_quantity(client: Client) -> None:
    """An amount is what its quantity is worth, rounded down, on either side; a full close has all that is held."""
    held, security = shares("187.345678", 10)
    other, another = shares("50.1", 4)
    account = Portfolio(Pie((Slice("a", 1, held), Slice("b", 1, other))), 0, securities=(security, another))
    bought = client.plan(plan_request(account, Deposit(123_456))).plan
    assert [(o.security_id, o.sizing) for o in bought.orders] == [("50.1", pb.SIZING_AMOUNT)]
    sold = client.plan(plan_request(account, Withdrawal(100_000))).plan
    assert [(o.security_id, o.sizing) for o in sold.orders] == [("187.345678", pb.SIZING_QUANTITY)]
    for order, price in ((bought.orders[0], 50_100_000), (sold.orders[0], 187_345_678)):
        assert order.quantity_nanos % 10_000 == 0
        assert order.quantity_nanos * price // 10**13 == order.amount
    everything = client.plan(plan_request(account, Withdrawal(account.value))).plan
    assert {o.security_id: o.quantity_nanos for o in everything.orders} == {
        "187.345678": 10 * NANOS,
        "50.1": 4 * NANOS,
    }
    assert all(o.closes_position for o in everything.orders)
    after = {child.slice_id: child.holding for child in sold.portfolio_after.root.slices}
    assert after["a"].quantity_nanos == 10 * NANOS - sold.orders[0].quantity_nanos
    again = client.plan(plan_request(sold.portfolio_after, Deposit(10_000)))  # it can be sent as it is
    assert again.HasField("plan")
