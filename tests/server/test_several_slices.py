"""One security in several slices, over a real channel: one order for all of them, and transfers beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from server.client import Client
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Deposit, Event, Holding, Pie, Portfolio, Rebalance, Rules, Security, Slice, Withdrawal
from tests.server.serving import served

# VTI lies in three slices of two pies: twice in Growth, once in Income
GROWTH = Pie(
    (
        Slice("core", 1, Holding("VTI", 300)),
        Slice("tilt", 1, Holding("VTI", 100)),
        Slice("gold", 2, Holding("GLD", 200)),
    )
)
INCOME = Pie((Slice("stocks", 1, Holding("VTI", 100)), Slice("bonds", 1, Holding("BND", 300))))
ACCOUNT = Portfolio(Pie((Slice("Growth", 1, GROWTH), Slice("Income", 1, INCOME))))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as where, Client(where) as connected:
        yield connected


Trade = tuple[str, str, int]


def orders(plan: pb.Plan) -> list[tuple[Trade, dict[str, int]]]:
    """Security, side, amount, and what each slice contributes."""
    found = []
    for one in plan.orders:
        by_slice = Counter[str]()
        for part in one.parts:
            by_slice[part.slice_id] += part.amount
        side = pb.Side.Name(one.side).removeprefix("SIDE_")
        found.append(((one.security_id, side, one.amount), dict(by_slice)))
    return found


Ordered = list[tuple[Trade, dict[str, int]]]
# events, minimum trade, orders with what each slice contributes, transfers of VTI
PLANNED: list[tuple[tuple[Event, ...], int, Ordered, list[tuple[str, str, int]]]] = [
    # to 600 each: Growth is there, and all that Income lacks is stocks
    ((Deposit(200, "in"),), 0, [(("VTI", "BUY", 200), {"stocks": 200})], []),
    # to 350 each: core, tilt, gold, bonds to 88, 88, 175, 250
    (
        (Withdrawal(300, "out"),),
        0,
        [
            (("VTI", "SELL", 225), {"core": 213, "tilt": 12}),
            (("GLD", "SELL", 25), {"gold": 25}),
            (("BND", "SELL", 50), {"bonds": 50}),
        ],
        [],
    ),
    # to 500 each: what core has too much is what tilt and stocks lack, and no VTI is ordered
    (
        (Rebalance(event_id="even"),),
        0,
        [(("BND", "SELL", 50), {"bonds": 50}), (("GLD", "BUY", 50), {"gold": 50})],
        [("core", "tilt", 25), ("core", "stocks", 150)],
    ),
    # a minimum of 60 raises the two orders, and binds no transfer
    (
        (Rebalance(event_id="even"),),
        60,
        [(("BND", "SELL", 60), {"bonds": 60}), (("GLD", "BUY", 60), {"gold": 60})],
        [("core", "tilt", 23), ("core", "stocks", 153)],
    ),
    # Growth alone; with a deposit, what Income takes of VTI comes from Growth, whose order is so much smaller
    (
        (Rebalance("Growth", event_id="even"),),
        60,
        [(("VTI", "SELL", 100), {"core": 100}), (("GLD", "BUY", 100), {"gold": 100})],
        [("core", "tilt", 50)],
    ),
    (
        (Deposit(40, "in"), Rebalance("Growth", event_id="even")),
        60,
        [(("VTI", "SELL", 60), {"core": 60}), (("GLD", "BUY", 100), {"gold": 100})],
        [("core", "tilt", 50), ("core", "stocks", 40)],
    ),
]


@pytest.mark.parametrize(("events", "m", "ordered", "handed"), PLANNED)
def test_one_order_for_all_slices(
    client: Client, events: tuple[Event, ...], m: int, ordered: Ordered, handed: list[tuple[str, str, int]]
) -> None:
    plan = client.plan(plan_request(ACCOUNT, events, Rules(m))).plan
    assert orders(plan) == ordered
    assert [(t.from_slice_id, t.to_slice_id, t.amount) for t in plan.transfers] == handed
    assert {t.security_id for t in plan.transfers} <= {"VTI"}
    assert plan.certificate.quality == pb.QUALITY_OPTIMAL


def test_whole_shares_are_whole_in_sum(client: Client) -> None:
    """VTI at 0.50 in whole shares: slices hold parts of a share, the account whole ones, and may send them back."""
    held = {"core": 300, "tilt": 100, "stocks": 100}
    slices = [Slice(name, 1, Holding("VTI", value, value * 20_000_000)) for name, value in held.items()]
    pies = (
        Slice("Growth", 1, Pie((*slices[:2], Slice("gold", 2, Holding("GLD", 200))))),
        Slice("stocks", 1, slices[2].content),
    )
    whole = Security("VTI", price_micros=500_000, quantity_step_nanos=10**9)
    plan = client.plan(plan_request(Portfolio(Pie(pies), securities=(whole,)), Deposit(275, "in"))).plan
    (bought,) = (order for order in plan.orders if order.security_id == "VTI")
    assert bought.quantity_nanos % 10**9 == 0
    assert bought.amount == bought.quantity_nanos // 10**9 * 50
    again = client.plan(plan_request(plan.portfolio_after, Rebalance(event_id="even"))).plan
    assert again.certificate.quality == pb.QUALITY_OPTIMAL
