"""Proofs that come soon: what the sums leave of every bound, Newton's steps, and where a branch is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.rules import RuleCase
from solver import (
    Budget,
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
    prover,
    search,
)
from solver import plan as planned
from solver.bound import TreeBound, tightened
from solver.cents import exact_trades, leaf_intervals, trades_within
from solver.domains import Limits
from solver.engines import highs
from solver.lagrangian import Terms, decided, sharpened
from solver.lattice import stepped_trades
from solver.problem import CLOSES, Problem
from solver.prover import incumbent_of
from solver.steps import Steps
from tests.unit.posing import by_id, flat, posed, proceeds, row, trades, two_pies


def refusing(*_: object, **__: object) -> Any:
    raise AssertionError("nobody has to be asked")


def narrowed(problem: Problem, **bounds: tuple[int, int]) -> tuple[bool, dict[str, Any], dict[str, Any]]:
    low, high = problem.flow_min.copy(), problem.flow_max.copy()
    for slice_id, (least, most) in bounds.items():
        low[row(problem, slice_id)], high[row(problem, slice_id)] = least, most
    some = tightened(problem, low, high)
    return some, by_id(problem, low), by_id(problem, high)


# --- what the sums leave ---------------------------------------------------------------------------------------------


def test_no_sale_is_larger_than_the_withdrawal_nor_smaller_than_what_others_can_not_give() -> None:
    some, low, high = narrowed(posed(flat((1, 1_000), (1, 60)), Withdrawal(100)))
    assert some
    assert (low["A"], high["A"]) == (-100, -40)
    assert (low["B"], high["B"]) == (-60, 0)


def test_a_net_order_does_what_its_leaves_and_its_steps_leave_it() -> None:
    """p = {a, b} and q = {c, d}; a and c hold S in shares of 30, and 50 have to be raised."""
    p = Pie((Slice("a", 1, Holding("S", 90, 3 * 10**9)), Slice("b", 1, Holding("B", 20))))
    q = Pie((Slice("c", 1, Holding("S", 60, 2 * 10**9)), Slice("d", 1, Holding("D", 100))))
    shares = Security("S", price_micros=300_000, quantity_step_nanos=10**9)
    portfolio = Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q))), securities=(shares,))
    problem = posed(portfolio, Withdrawal(50))
    (net,) = problem.nets

    def tried(least: int, most: int, **bounds: tuple[int, int]) -> tuple[bool, tuple[int, int], tuple[int, int]]:
        low, high = problem.flow_min.copy(), problem.flow_max.copy()
        for slice_id, ends in bounds.items():
            low[row(problem, slice_id)], high[row(problem, slice_id)] = ends
        low[net], high[net] = least, most
        a = row(problem, "a")
        some = tightened(problem, low, high)
        return some, (int(low[net]), int(high[net])), (int(low[a]), int(high[a]))

    assert tried(-150, -61)[0] is False  # three shares are more than 50
    assert tried(-45, -5) == (True, (-30, -30), (-30, 0))  # one share, whoever gives it
    assert tried(-29, -5)[0] is tried(-59, -31)[0] is False  # between two steps
    assert tried(0, 0, a=(-90, -1))[0] is False  # a alone may not sell
    assert tried(-150, 0, c=(0, 0), d=(0, 0), b=(-20, -20)) == (True, (-30, -30), (-30, -30))


def test_pies_pass_on_what_is_left() -> None:
    """400 are there, and 300 of them go: p has 200, q 100, r 150, so r gives nothing only if p and q give all."""
    problem = posed(two_pies(), Withdrawal(300))
    some, low, high = narrowed(problem)
    assert some
    assert (low["p"], high["p"]) == (-200, -50)
    assert (low["q"], high["q"]) == (-100, 0)
    some, low, high = narrowed(problem, r=(0, 0))
    assert some
    assert all(low[c] == high[c] for c in "pqrabcd"), "all of p and q"
    some, low, high = narrowed(problem, r=(0, 0), a=(-150, -100), c=(-60, -30))
    assert (low["a"], high["a"], low["c"], high["c"]) == (-150, -150, -60, -60)


def test_cash_that_may_be_left_is_left_in_the_sums() -> None:
    problem = posed(flat((1, 0), (1, 0)), Deposit(100))
    least = {spare: narrowed(_with_spare(problem, spare), A=(0, 30))[1]["B"] for spare in (0, 7)}
    assert least == {0: 70, 7: 63}
    most = {spare: narrowed(_with_spare(problem, spare), A=(30, 60))[2]["B"] for spare in (0, 7)}
    assert most == {0: 70, 7: 70}, "all that is there may still be traded"


def _with_spare(problem: Problem, spare: int) -> Problem:
    return replace(problem, spare=spare)


def test_a_pie_keeps_what_fell_inside_it_or_gets_more() -> None:
    """100 fell inside p, 300 at the root: where a and b buy 130 together, 30 of that come from above."""
    some, low, high = narrowed(proceeds(), a=(60, 70), b=(70, 90))
    assert some
    assert (low["p"], high["p"]) == (30, 60)
    assert (low["r"], high["r"]) == (240, 270)


def test_nothing_is_left_of_a_branch_that_can_not_sum_up() -> None:
    problem = posed(flat((1, 1_000), (1, 60)), Withdrawal(100), m=10)
    a = row(problem, "A")
    for cut in ((a, -39, -10), (a, -1_000, -101)):
        tree = TreeBound(problem, [cut])
        assert tree.empty
        assert tree.evaluate({p: np.zeros(1) for p in problem.pies}) == np.inf
    assert not TreeBound(problem, [(a, -40, -10)]).empty


def test_a_sale_of_all_that_is_too_large_keeps_no_bound_apart() -> None:
    case = RuleCase("smallest position", (4, 5), "withdrawal", 1)
    assert _proved(case, branches=5)


# --- Newton's steps --------------------------------------------------------------------------------------------------


def shared(minimum: int, unit: int = 100) -> Problem:
    """Two pies of three securities each, two of them the same; what each wants differs by pie."""
    p = {"S": (2, 90), "T": (5, 20), "U": (3, 70)}
    q = {"S": (4, 10), "T": (1, 80), "V": (2, 40)}
    pies = (
        Pie(tuple(Slice(f"{pie}{name}", w, Holding(name, v * unit)) for name, (w, v) in held.items()))
        for pie, held in (("p", p), ("q", q))
    )
    root = (Slice(name, w, pie) for name, w, pie in zip("pq", (3, 2), pies, strict=True))
    return posed(Portfolio(Pie(tuple(root))), Deposit(100 * unit), minimum)


@pytest.mark.parametrize("unit", [1, 100])
@pytest.mark.parametrize("minimum", [2, 30, 45])
def test_with_the_sides_given_a_few_steps_meet_the_best_plan(minimum: int, unit: int) -> None:
    """Also where the minimum holds a net order back, so that its leaves only hand to each other."""
    problem = shared(minimum if minimum == 2 else minimum * unit, unit)
    sides = trades(problem, {})
    sides[problem.orders if minimum == 2 else list(problem.nets)] = 1
    low, high = leaf_intervals(problem, sides)
    best = exact_trades(problem, sides)
    assert best is not None
    error = incumbent_of(problem, best).error
    found = decided(problem, low, high, dict.fromkeys(problem.pies, 0.0), error)
    assert error - 1e-5 * unit <= found.bound <= error + 1e-9 * error


def test_a_step_gains_no_more_than_the_slope_along_it() -> None:
    problem = shared(4_000)
    low, high = problem.flow_min, problem.flow_max
    at = Terms(problem, low, high, dict.fromkeys(problem.pies, 0.1))
    lacks = at.lacks()
    for scale in (1.0, 0.1, -0.3):
        step = at.newton(lacks) * scale
        moved = {p: one + more for (p, one), more in zip(at.multipliers.items(), step.tolist(), strict=True)}
        gain = Terms(problem, low, high, moved).least - at.least
        assert gain <= float(lacks @ step) + at.rounding


def test_it_ends_where_nothing_is_lacking() -> None:
    problem = shared(2)
    sharp = sharpened(problem, problem.flow_min, problem.flow_max, dict.fromkeys(problem.pies, 0.0))
    again = Terms(problem, problem.flow_min, problem.flow_max, sharp)
    assert np.abs(again.lacks()).max() <= len(problem.leaves), "but for the cents"


@pytest.mark.parametrize("member", [2, 4, 7])
def test_what_the_settled_multipliers_leave_is_cut_at_once(member: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other bound is asked which order is least decided."""
    monkeypatch.setattr(prover, "relaxed", refusing)
    assert _proved(RuleCase("several slices", (4, 5), "deposit", member), branches=5)


def test_where_nobody_answers_yet_all_are_counted_on() -> None:
    """At multipliers so far off that three pies rest, one sells all it has, and no slice would do anything else."""
    assert _proved(RuleCase("whole shares", (4, 5), "withdrawal", 1), branches=2)


@pytest.mark.parametrize(("event", "member"), [("deposit", 0), ("rebalance", 1), ("rebalance", 2)])
def test_too_many_sums_are_looked_at_as_if_a_better_plan_were_known(event: str, member: int) -> None:
    assert _proved(RuleCase("whole shares", (10, 20), event, member), branches=1)


def _proved(case: RuleCase, branches: int) -> bool:
    portfolio, events, rules = case.posed()
    found = planned(portfolio, events, rules, Engine.HIGHS, Budget(work_limit=branches))
    assert isinstance(found, Plan)
    return found.certificate.quality is Quality.OPTIMAL


# --- nothing to look for ---------------------------------------------------------------------------------------------


def test_amounts_that_are_all_given_are_the_trades_or_there_are_none() -> None:
    steps = {name: Limits(steps=Steps(30, 1), whole_steps=9) for name in "AB"}
    problem = posed(flat((1, 300), (1, 300)), Rebalance(), limits=steps)
    sides = trades(problem, {"A": 1, "B": -1})
    a, b = row(problem, "A"), row(problem, "B")
    found = exact_trades(problem, sides, {a: 60, b: -60})
    assert found is not None
    assert by_id(problem, found) == {"": 0, "A": 60, "B": -60}
    assert exact_trades(problem, sides, {a: 60, b: -90}) is None


def test_given_leaves_do_not_excuse_their_net_order() -> None:
    problem = shared(4_000)
    low, high = leaf_intervals(problem, trades(problem, {}))
    low[problem.leaves] = high[problem.leaves] = 0
    u, (net, *_) = row(problem, "pU"), problem.nets
    low[u] = high[u] = 10_000
    flow = trades_within(problem, low, high)
    assert flow is not None
    assert by_id(problem, flow[: len(problem.tree.parent)])["pU"] == 10_000
    low[net] = high[net] = 4_000
    assert trades_within(problem, low, high) is None


@pytest.mark.parametrize("m", [0, 2_500])
def test_highs_is_asked_whenever_it_is_named(monkeypatch: pytest.MonkeyPatch, m: int) -> None:
    """Also where no order has a gap, so that who trades is no question."""
    monkeypatch.setattr(highs, "propose", refusing)
    with pytest.raises(AssertionError, match="nobody has to be asked"):
        planned(flat((1, 100_000), (2, 3_000), (3, 0)), Deposit(5_000), Rules(m), Engine.HIGHS)


def test_guesses_that_are_alike_are_made_exact_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    made: Callable[..., Any] = stepped_trades

    def counted(problem: Problem, sides: np.ndarray) -> Any:
        asked.append(sides.tobytes())
        return made(problem, sides)

    monkeypatch.setattr(search, "stepped_trades", counted)
    problem = posed(flat((1, 1_000), (1, 1_000), (1, 900)), Deposit(500), m=200)
    assert search.start_plan(problem) is not None
    assert len(asked) == len(set(asked)) > 1


def test_a_closed_position_is_told_from_a_part_of_it() -> None:
    """Smallest position 80 of 100: 20 may be sold, or all; at a multiplier that wants it gone all is."""
    problem = posed(flat((1, 100), (99, 100)), Rebalance(), limits={"A": Limits(least=80)})
    found = decided(problem, problem.flow_min, problem.flow_max, dict.fromkeys(problem.pies, 0.0), 1e9)
    assert found.sides[row(problem, "A")] == CLOSES
