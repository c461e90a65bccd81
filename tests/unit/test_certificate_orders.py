"""The checker on net orders: what the slices of one security trade together is held to its rules, and named."""

from __future__ import annotations

import pytest

from solver import Budget, Deposit, Event, Holding, Pie, Portfolio, Reach, Rebalance, Slice, Withdrawal
from solver.cash import decide_cash
from solver.certificate import broken_rules, certify, no_cent_improves
from solver.domains import Limits
from solver.errors import InternalError
from solver.problem import Problem
from solver.search import search
from solver.steps import Steps
from tests.unit.posing import posed, trades

SHARES = Limits(steps=Steps(40, 1), whole_steps=4)


def shared() -> Portfolio:
    """S in p (100), in q (50) and at the root (30); beside it P 100 in p, Q 150 in q."""
    p = Pie((Slice("a", 1, Holding("S", 100)), Slice("x", 1, Holding("P", 100))))
    q = Pie((Slice("b", 1, Holding("S", 50)), Slice("y", 1, Holding("Q", 150))))
    return Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q), Slice("c", 1, Holding("S", 30)))))


def case(event: Event, limit: Limits) -> Problem:
    return posed(shared(), event, limits=dict.fromkeys("abc", limit))


# event, limit of S, trades, broken; rules of orders are named by the security's first slice
NETTED = [
    (Rebalance(), Limits(20), {"a": -10, "b": 10}, []),  # a transfer is no order
    (Rebalance(), Limits(20), {"a": -30, "b": 10, "x": 20}, []),
    (Rebalance(), Limits(20), {"a": -29, "b": 10, "x": 19}, ["BELOW_MINIMUM:a"]),
    (Rebalance(), Limits(20), {"b": -19, "y": 19}, ["BELOW_MINIMUM:a"]),
    (Rebalance(), Limits(200), {"a": -100, "b": -50, "c": -30, "x": 180}, []),  # all of it, whatever the minimum is
    (Rebalance(), Limits(200), {"a": -100, "b": -50, "c": -29, "x": 179}, ["BELOW_MINIMUM:a"]),
    (Rebalance(), Limits(no_buy=("rule",)), {"a": -10, "b": 10}, []),
    (Rebalance(), Limits(no_buy=("rule",)), {"a": -9, "b": 10, "x": -1}, ["BLOCKED:a"]),
    (Rebalance(), Limits(no_sell=("rule",)), {"a": -10, "b": 10}, []),
    (Rebalance(), Limits(no_sell=("rule",)), {"a": -10, "b": 9, "x": 1}, ["BLOCKED:a"]),
    (Rebalance(), Limits(least=170), {"a": -10, "x": 10}, []),
    (Rebalance(), Limits(least=170), {"a": -11, "x": 11}, ["SMALLEST_POSITION:a"]),
    (Rebalance(), Limits(most=190), {"a": 10, "x": -10}, []),
    (Rebalance(), Limits(most=190), {"a": 11, "x": -11}, ["LARGEST_POSITION:a"]),
    (Rebalance(), Limits(most=170), {"c": -10, "x": 10}, []),
    (Rebalance(), Limits(most=170), {"c": -9, "x": 9}, ["LARGEST_POSITION:a"]),  # a rebalance brings it down
    (Rebalance(), Limits(most=170), {}, ["LARGEST_POSITION:a"]),
    (Rebalance(), Limits(most=100, least=130), {"a": -50, "x": 50}, ["LARGEST_POSITION:a"]),  # only all of it can go
    (Rebalance(), Limits(most=170, no_sell=("rule",)), {}, []),
    (Deposit(10), Limits(most=170), {"x": 10}, []),  # nothing else does
    (Deposit(10), Limits(most=170), {"c": 10}, ["LARGEST_POSITION:a"]),
    (Withdrawal(10), Limits(most=100), {"x": -10}, []),
    (Rebalance(), SHARES, {"a": -45, "b": 5, "x": 40}, []),
    (Rebalance(), SHARES, {"a": -45, "b": 4, "x": 41}, ["NOT_IN_STEPS:a"]),
    (Rebalance(), SHARES, {"a": -100, "b": -50, "c": -10, "x": 160}, []),
    (Rebalance(), SHARES, {"a": -100, "b": -50, "c": -30, "x": 180}, []),
    (Rebalance(), SHARES, {"a": 50, "b": -5, "c": -5, "x": -40}, []),
    # in one pie alone: what the other slices hold stays, and counts
    (Rebalance("p"), Limits(most=100), {"a": -80, "x": 80}, []),
    (Rebalance("p"), Limits(most=100), {"a": -79, "x": 79}, ["LARGEST_POSITION:a"]),
    (Rebalance("p"), Limits(most=10), {"a": -100, "x": 100}, []),  # as far as it can: 80 stay elsewhere
    (Rebalance("p"), Limits(most=10), {"a": -99, "x": 99}, ["LARGEST_POSITION:a"]),
    (Rebalance("p"), Limits(100, most=100), {"a": -100, "x": 100}, []),
    (Rebalance("p"), Limits(100, most=100), {}, ["LARGEST_POSITION:a"]),
    (Rebalance("p"), Limits(101, most=100), {}, []),  # no order of a's 100 is large enough
    (Rebalance("p"), Limits(101, most=100), {"a": -100, "x": 100}, ["BELOW_MINIMUM:a"]),
    (Rebalance("p"), Limits(most=100, least=130), {"a": -50, "x": 50}, []),  # as far as what is left is enough
    (Rebalance("p"), Limits(most=100, least=130), {"a": -49, "x": 49}, ["LARGEST_POSITION:a"]),
    (Rebalance("p"), Limits(60, most=100, least=130), {}, []),
    (Rebalance("p"), Limits(most=100, least=200), {}, []),
    (Rebalance("p"), Limits(most=10, steps=Steps(40, 1), whole_steps=4), {"a": -80, "x": 80}, []),  # two of 2.5 shares
    (Rebalance("p"), Limits(most=10, steps=Steps(40, 1), whole_steps=4), {"a": -40, "x": 40}, ["LARGEST_POSITION:a"]),
    (Rebalance("q"), Limits(most=100, steps=Steps(60, 1), whole_steps=2), {}, []),  # b's 50 are less than a share
]


@pytest.mark.parametrize(("event", "limit", "of", "broken"), NETTED)
def test_what_is_ordered_in_sum_is_looked_at(
    event: Event, limit: Limits, of: dict[str, int], broken: list[str]
) -> None:
    problem = case(event, limit)
    assert broken_rules(problem, trades(problem, of).tolist()) == broken


def test_a_position_comes_down_where_all_that_sell_it_rebalance() -> None:
    """A shallow rebalance in which q only sells: what it must sell of S may all be wanted for other slices."""
    q = Pie((Slice("b", 1, Holding("S", 100)), Slice("y", 1, Holding("Q", 100))))
    account = Portfolio(Pie((Slice("q", 1, q), Slice("c", 1, Holding("S", 50)), Slice("z", 1, Holding("Z", 50)))))
    limits = dict.fromkeys("bc", Limits(most=100))
    shallow, deep = (posed(account, Rebalance("", reach), limits=limits) for reach in (Reach.SHALLOW, Reach.DEEP))
    assert broken_rules(shallow, trades(shallow, {}).tolist()) == []
    assert broken_rules(deep, trades(deep, {}).tolist()) == ["LARGEST_POSITION:b"]


@pytest.mark.parametrize(
    ("event", "of", "broken"),
    [
        (Deposit(20), {"a": 30, "b": -10}, "MAY_NOT_SELL:b"),
        (Withdrawal(20), {"a": 10, "b": -30}, "MAY_NOT_BUY:a"),
        (Rebalance(), {"a": 51, "b": -51}, "SELLS_MORE_THAN_HELD:b"),
    ],
)
def test_every_slice_keeps_its_own_direction(event: Event, of: dict[str, int], broken: str) -> None:
    """Though the sum of them could be ordered."""
    problem = case(event, Limits(20))
    found = broken_rules(problem, trades(problem, of).tolist())
    assert [rule for rule in found if not rule.startswith("FLOW_NOT_CONSERVED")] == [broken]


@pytest.mark.parametrize("event", [Deposit(75), Withdrawal(75), Rebalance()], ids=lambda event: type(event).__name__)
def test_every_corrupted_plan_is_caught(event: Event) -> None:
    """A plan under a minimum of 40 for S, and any two slices of it changed: rules are broken, or it is no better."""
    problem = decide_cash(case(event, Limits(40))).cases[0]
    outcome = search(problem, Budget())
    assert outcome.incumbent is not None
    best = certify(problem, True, outcome.incumbent.trades, outcome.branches)
    assert best.optimal
    assert not no_cent_improves(problem, outcome.incumbent.trades)  # says nothing of net orders
    caught = 0
    for to in problem.leaves.tolist():
        for fro in problem.leaves.tolist():
            for cents in (1, 20, 39, 200):
                spoiled = outcome.incumbent.trades.copy()
                spoiled[to] += cents
                spoiled[fro] -= cents
                if to == fro:
                    continue
                if broken_rules(problem, spoiled.tolist()):
                    caught += 1
                    with pytest.raises(InternalError):
                        certify(problem, True, spoiled, outcome.branches)
                else:
                    found = certify(problem, True, spoiled, outcome.branches)
                    assert found.tracking_error >= best.lower_bound
    assert caught >= 20
