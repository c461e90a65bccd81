"""The kernel where leaves trade in quantity steps, or sell a part or all: it proposes, and HiGHS is not asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import (
    Budget,
    Deposit,
    Engine,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Security,
    Slice,
    Withdrawal,
    plan,
)
from solver.engines import highs
from solver.engines.kernel import engine, proposing
from solver.problem import CLOSES
from tests.unit.posing import flat, posed, row

SHARE = 10**9  # nanos


def kept(portfolio: Portfolio, **least: int) -> Portfolio:
    """With smallest positions."""
    return replace(portfolio, securities=tuple(Security(name, min_position=most) for name, most in least.items()))


def in_shares(*slices: tuple[int, int, int], cash: int = 0) -> Portfolio:
    """Slices A, B, … of these weights and whole shares at these prices in cents."""
    named = list(zip("ABCDEFGH", slices, strict=False))
    held = tuple(Slice(name, w, Holding(name, n * cents, n * SHARE)) for name, (w, n, cents) in named)
    priced = (Security(name, price_micros=10_000 * s[2], quantity_step_nanos=SHARE) for name, s in named)
    return Portfolio(Pie(held), cash, securities=tuple(priced))


def traded(answer: Plan) -> dict[str, int]:
    return {node.slice_id: node.trade for node in answer.nodes if node.trade and node.slice_id}


@pytest.mark.parametrize(
    ("portfolio", "event", "m", "expected"),
    [
        pytest.param(
            kept(flat((1, 100), (6, 300), (3, 100)), A=60), Rebalance(), 0, {"A": -40, "B": -7, "C": 47}, id="a part"
        ),
        pytest.param(
            kept(flat((1, 100), (30, 300), (19, 100)), A=60), Rebalance(), 0, {"A": -100, "B": 6, "C": 94}, id="all"
        ),
        pytest.param(
            kept(flat((1, 100), (1, 100), (8, 300)), A=60, B=60),
            Rebalance(),
            0,
            {"A": -40, "B": -40, "C": 80},
            id="parts of two",
        ),
        pytest.param(
            kept(flat((2, 100), (2, 100), (11, 300)), A=60, B=60),
            Withdrawal(100),
            10,
            {"A": -40, "B": -40, "C": -20},
            id="to pay with",
        ),
        pytest.param(in_shares((90, 0, 34), (10, 0, 25)), Deposit(100), 0, {"A": 68, "B": 25}, id="shares to buy"),
        pytest.param(in_shares((1, 5, 20), (1, 1, 30)), Rebalance(), 0, {"A": -40, "B": 30}, id="shares to exchange"),
    ],
)
def test_the_kernel_and_highs_plan_alike(
    portfolio: Portfolio, event: Event, m: int, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = plan(portfolio, event, Rules(m), Engine.HIGHS)
    monkeypatch.setattr(highs, "propose", None)  # nobody calls it
    ours = plan(portfolio, event, Rules(m), Engine.KERNEL)
    assert isinstance(ours, Plan)
    assert isinstance(theirs, Plan)
    assert (ours.certificate.engine, ours.certificate.quality) == ("KERNEL", Quality.OPTIMAL)
    assert traded(ours) == traded(theirs) == expected


def test_a_proposal_is_split_between_a_part_and_all() -> None:
    """As if there were no gap A would go by 50, which is neither; of a part of 40 and all of 100 the part is better."""
    case = posed(kept(flat((1, 100), (6, 300), (3, 100)), A=60), Rebalance())
    assert proposing.takes(case)
    assert engine.solve(case, Budget()) is None
    split = proposing.propose(case, [], Budget(), 100)
    assert split.sides is not None
    assert split.sides[row(case, "A")] == -1
    assert not split.stopped
    whole = proposing.propose(case, [], Budget(), 1)  # the first problem alone: its side is the nearer one
    assert whole.stopped
    assert whole.sides is not None
    assert whole.sides[row(case, "A")] == -1
    assert whole.bound == split.bound < 2.2
    nearly_all = posed(kept(flat((1, 100), (30, 300), (19, 100)), A=60), Rebalance())
    nearer = proposing.propose(nearly_all, [], Budget(), 1)
    assert nearer.sides is not None
    assert nearer.sides[row(nearly_all, "A")] == CLOSES


def test_what_couples_slices_or_is_another_objective_stays_with_highs() -> None:
    twice = Portfolio(
        Pie((Slice("a", 1, Holding("A", 0, 0)), Slice("b", 1, Holding("A", 0, 0)))),
        securities=(Security("A", price_micros=200_000, quantity_step_nanos=SHARE),),
    )
    assert not proposing.takes(posed(twice, Deposit(100)))
    assert not proposing.takes(posed(flat((1, 100), (1, 0)), Deposit(10)))
    a, gone = Slice("a", 1, Holding("A", 6, 3 * SHARE)), Slice("q", 0, Pie((Slice("c", 1, Holding("C", 1)),)))
    most = Security("A", max_value=3, price_micros=20_000, quantity_step_nanos=SHARE)
    # two shares of a must go, and nothing may be bought: c stays, where its sale would only be cash
    answer = plan(Portfolio(Pie((a, gone)), 0, securities=(most,)), Rebalance(), Rules(), Engine.KERNEL)
    assert isinstance(answer, Plan)
    assert (answer.certificate.engine, answer.certificate.retired_excess) == ("HIGHS", 1)


def test_without_time_nothing_is_proposed() -> None:
    case = posed(in_shares((90, 0, 34), (10, 0, 25)), Deposit(100))
    nothing = proposing.propose(case, [], Budget(seconds_left=lambda: 0.0), 100)
    assert nothing.sides is None
    assert nothing.stopped
    assert proposing.least_excess(case, Budget(), 100) is None
