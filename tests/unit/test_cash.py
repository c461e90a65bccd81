"""Stage 1 where it is hard: withdrawals from positions that can only be sold whole, and proofs thousands of cuts deep."""

from __future__ import annotations

import random

import pytest

from solver import (
    Deposit,
    Engine,
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
from solver.bound import Cut
from solver.building import build_problem
from solver.certificate import covers
from solver.situations import Understood, understand
from solver.sums import reachable


def positions(count: int, most: int) -> Portfolio:
    rng = random.Random(count)
    leaves = (Slice(f"s{i}", rng.randint(1, 9), Holding(f"S{i}", rng.randint(most // 9, most))) for i in range(count))
    return Portfolio(Pie(tuple(leaves)))


@pytest.mark.parametrize("count", [20, 60])
def test_whole_positions_only(count: int) -> None:
    """More sums than can be listed: what ranks best in cash is still proved, and so is the plan."""
    portfolio = positions(count, 500_000)
    answer = plan(portfolio, Withdrawal(portfolio.value // 2), Rules(600_000))
    assert isinstance(answer, Plan)
    assert all(order.closes_position for order in answer.orders)
    assert answer.certificate.quality is Quality.OPTIMAL


def test_totals_between_which_nothing_lies() -> None:
    """Merged totals hold more than there is, thinned ones less; both are told from exact ones."""
    rng = random.Random(0)
    ranges = [[(amount, amount)] for amount in (rng.randint(10**6, 10**9) for _ in range(13))]
    exact = {0}
    for ((amount, _),) in ranges:
        exact |= {total + amount for total in exact}
    merged, sure = reachable(ranges, 10**11)
    thinned, _ = reachable(ranges, 10**11, thinned=True)
    assert not sure
    assert all(any(low <= total <= high for low, high in merged) for total in exact)
    assert all(low == high and low in exact for low, high in thinned)
    few, sure = reachable(ranges[:6], 10**11)
    assert sure
    assert len(few) == 2**6


def test_a_proof_thousands_of_cuts_deep() -> None:
    understood = understand(
        Portfolio(Pie((Slice("a", 1, Holding("A")), Slice("b", 1, Holding("B"))))), Deposit(9_000), Rules(2)
    )
    assert isinstance(understood, Understood)
    problem = build_problem(understood.situation)
    leaf, most = int(problem.leaves[0]), int(problem.flow_max[problem.leaves[0]])
    paths: list[tuple[Cut, ...]] = []
    above: tuple[Cut, ...] = ()
    for cut in range(1_500):
        paths.append((*above, (leaf, 0, cut)))
        above = (*above, (leaf, cut + 1, most))
    assert covers(problem, [*paths, above])
    assert not covers(problem, paths)


def test_whole_shares_within_largest_positions() -> None:
    """No leaf has room for all the money, and the sums that steps make leave less than a share: proved all the same."""
    prices, whole = {"A": 34_00, "B": 25_00}, 10**9
    rules = tuple(
        Security(name, 0, 102_00, price_micros=10_000 * p, quantity_step_nanos=whole) for name, p in prices.items()
    )
    empty = Pie(tuple(Slice(name.lower(), 50, Holding(name, 0, 0)) for name in prices))
    answer = plan(Portfolio(empty, securities=rules), Deposit(160_00))
    assert isinstance(answer, Plan)
    assert answer.certificate.cash_left < 25_00
    assert answer.certificate.quality is Quality.OPTIMAL
    full = plan(Portfolio(empty, securities=rules), Deposit(500_00))
    assert isinstance(full, Plan)
    assert full.cash.bought == 3 * 34_00 + 4 * 25_00  # all that may be held


def test_a_pie_that_may_not_give_may_still_take() -> None:
    """What the withdrawal leaves of a sale that has to be is bought in a pie that itself has nothing to sell."""
    first = Pie((Slice("a", 1, Holding("A", 2)), Slice("b", 0, Holding("B", 0))))
    second = Pie((Slice("c", 1, Holding("C", 0)), Slice("d", 0, Holding("D", 0))))
    root = Pie((Slice("p", 0, first), Slice("q", 1, second)))
    portfolio = Portfolio(root, securities=(Security("A", max_share_micros=0),))
    events = (Rebalance("", event_id="all"), Rebalance("q", event_id="q"), Withdrawal(1, "out"))
    for engine in (Engine.AUTO, Engine.HIGHS):
        answer = plan(portfolio, events, Rules(), engine)
        assert isinstance(answer, Plan)
        assert answer.certificate.cash_left == 0
        assert answer.certificate.quality is Quality.OPTIMAL
