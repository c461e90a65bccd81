"""Several events where securities trade in whole shares: what is planned, and what is refused by name."""

from __future__ import annotations

import pytest

from solver import (
    Deposit,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Reach,
    Rebalance,
    Security,
    Slice,
    Unsupported,
    Withdrawal,
    check_request,
    plan,
)
from tests.unit.test_events import account, leaf


def in_shares(cash: int = 0) -> Portfolio:
    """``account``, of which a trades in whole shares of 0.50."""
    start = account(cash)
    p, q = start.root.slices
    a = Slice("a", 1, Holding("A", 200, 4 * 10**9))
    p = Slice("p", 1, Pie((a, leaf("b", 1, 100))))
    return Portfolio(Pie((p, q)), cash, securities=(Security("A", price_micros=500_000, quantity_step_nanos=10**9),))


@pytest.mark.parametrize("money", [Deposit(100, "money"), Withdrawal(100, "money")])
def test_a_rebalance_beside_one_sided_events_in_steps_is_refused(money: Event) -> None:
    with pytest.raises(Unsupported) as refused:
        check_request(in_shares(), (money, Rebalance("q", Reach.DEEP, "inner")))
    (fault,) = refused.value.violations
    assert (fault.field, fault.reason) == ("events[1].rebalance", "UNSUPPORTED")
    assert "'A'" in fault.description


@pytest.mark.parametrize(
    "events",
    [
        (Deposit(100, "in"), Withdrawal(30, "out")),
        (Withdrawal(130, "out"), Rebalance("", Reach.DEEP, "all")),
        (Deposit(130, "in"), Rebalance("", Reach.DEEP, "all"), Rebalance("p", Reach.DEEP, "p")),
        (Rebalance("p", Reach.DEEP, "p"), Rebalance("q", Reach.DEEP, "q")),
    ],
)
def test_other_events_in_steps_are_planned(events: tuple[Event, ...]) -> None:
    answer = plan(in_shares(), events)
    assert isinstance(answer, Plan)
    for order in answer.orders:
        assert sum(part.amount for part in order.parts) == order.amount
        if order.security_id == "A":
            assert order.amount % 50 == 0
            assert order.quantity_nanos == order.amount // 50 * 10**9


def test_a_security_of_several_slices_is_named_as_well() -> None:
    """Where a and c hold the same the steps are those of one order for both."""
    start = in_shares()
    p, q = start.root.slices
    assert isinstance(q.content, Pie)
    other = Slice("c", 1, Holding("A", 100, 2 * 10**9))
    q = Slice("q", 1, Pie((other, *q.content.slices[1:])))
    shared = Portfolio(Pie((p, q)), securities=start.securities)
    with pytest.raises(Unsupported) as refused:
        check_request(shared, (Deposit(100, "in"), Rebalance("q", Reach.DEEP, "inner")))
    assert "'A'" in refused.value.violations[0].description
