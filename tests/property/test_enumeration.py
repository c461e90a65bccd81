"""Counting the sums that could be better: whatever the multipliers, it finds the best plan there is, or says nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Infeasible, enumeration
from solver.building import build_problem
from solver.cash import decide_cash
from solver.enumeration import TooMany, enumerated
from solver.lagrangian import Terms, decided, sharpened
from solver.problem import Ints, Problem
from solver.prover import incumbent_of
from solver.situations import understand
from tests.property.strategies import several_accounts, stepped_accounts

HEALTHY = list(HealthCheck)
MOST_PLANS = 20_000


def every_plan(problem: Problem, low: Ints, high: Ints) -> list[tuple[float, list[int]]] | None:
    """J and trades of all plans between ``low`` and ``high``; ``None`` where there are too many to look at."""
    choices = []
    for leaf in problem.leaves.tolist():
        alone = int(problem.order_row[leaf]) == leaf
        some = [
            x for x in range(int(low[leaf]), int(high[leaf]) + 1) if not (x and alone) or _allowed(problem, leaf, x)
        ]
        choices.append(some)
    if math.prod(map(len, choices)) > MOST_PLANS:
        return None
    found = []
    for combined in itertools.product(*choices):
        trades: Ints = np.zeros(len(problem.value), dtype=np.int64)
        trades[problem.leaves] = combined
        flows = problem.flows(trades)
        left = int(problem.received.sum()) - sum(combined)
        inside = [p for p in problem.pies if p != problem.event_row]
        bounded = all(low[p] <= flows[p] <= high[p] for p in inside)
        bounded &= all(_within(problem, net, int(flows[net]), low, high) for net in problem.nets)
        if bounded and 0 <= left <= problem.spare:
            found.append((incumbent_of(problem, trades).error, list(combined)))
    return found


def _allowed(problem: Problem, leaf: int, trade: int) -> bool:
    inside = any(int(least[0]) <= trade <= int(most[0]) for least, most in problem.ranges(np.array([leaf])))
    return inside and (leaf not in problem.steps or problem.in_steps(leaf, trade))


def _within(problem: Problem, net: int, ordered: int, low: Ints, high: Ints) -> bool:
    return low[net] <= ordered <= high[net] and (not ordered or _allowed(problem, net, ordered))


def posed(draw: st.DrawFn, shared: bool = False) -> Problem | None:
    some = several_accounts(most_value=6, most_leaves=4) if shared else stepped_accounts(most_value=12, most_leaves=4)
    understood = understand(*draw(some))
    if isinstance(understood, Infeasible):
        return None
    problem = build_problem(understood.situation)
    if not len(problem.leaves) or shared != bool(problem.nets):
        return None
    return decide_cash(problem).cases[0].retired_within(0)


@pytest.mark.parametrize(("few", "examples"), [(enumeration.FEW_PAIRS, 400), (0, 300)])
def test_every_sum_that_could_be_better_is_looked_at(few: int, examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where dear sums are not even formed."""
    seen = []
    monkeypatch.setattr(enumeration, "FEW_PAIRS", few)

    @settings(max_examples=examples, deadline=None, suppress_health_check=HEALTHY)
    @given(st.data())
    def every_account(data: st.DataObject) -> None:
        problem = posed(data.draw)
        if problem is None:
            return
        low, high = problem.flow_min.copy(), problem.flow_max.copy()
        leaf = data.draw(st.sampled_from(problem.leaves.tolist()))
        if data.draw(st.booleans()):  # a branch
            low[leaf], high[leaf] = data.draw(st.sampled_from(problem.parts(leaf)))
        plans = every_plan(problem, low, high)
        if plans is None:
            return
        least = min((error for error, _ in plans), default=math.inf)
        slope = st.floats(-3.0, 3.0)
        multipliers = {p: data.draw(slope) for p in problem.pies}
        if data.draw(st.booleans()):
            multipliers = sharpened(problem, low, high, multipliers)
        error = data.draw(st.sampled_from([least, least + 0.5, least - 0.5, 5.0])) if plans else 5.0
        try:
            found = enumerated(problem, low, high, multipliers, error)
        except TooMany:
            return
        near = 1e-9 * max(1.0, abs(error), abs(least) if plans else 0.0)
        assert found.bound <= min(least, error) + near
        assert found.bound >= min(least, error) - near, "all sums were looked at, so the bound is no less than that"
        if error > least + near:
            assert found.trades is not None
            assert abs(incumbent_of(problem, found.trades).error - least) <= near
            assert found.trades[problem.leaves].tolist() in [trades for _, trades in plans]
        seen.append(error > least + near)

    every_account()
    print(f"\n{len(seen)} looked at, {sum(seen)} with a better plan to find")
    assert sum(seen) >= examples / 8
    assert len(seen) - sum(seen) >= examples / 8


def test_net_orders_decided_as_a_whole_bound_every_plan() -> None:
    """Whatever the multipliers, in every branch; and where they are right the bound is worth something."""
    seen = []

    @settings(max_examples=300, deadline=None, suppress_health_check=HEALTHY)
    @given(st.data())
    def every_account(data: st.DataObject) -> None:
        problem = posed(data.draw, shared=True)
        if problem is None:
            return
        low, high = problem.flow_min.copy(), problem.flow_max.copy()
        order = data.draw(st.sampled_from(problem.orders.tolist()))
        if data.draw(st.booleans()):  # a branch
            low[order], high[order] = data.draw(st.sampled_from(problem.parts(order)))
        plans = every_plan(problem, low, high)
        if not plans:
            return
        least = min(error for error, _ in plans)
        multipliers = {p: data.draw(st.floats(-3.0, 3.0)) for p in problem.pies}
        near = 1e-9 * max(1.0, abs(least))
        assert enumerated(problem, low, high, multipliers, least + 1.0).bound <= least + near
        found = decided(problem, low, high, multipliers, least + 1.0)
        assert found.bound <= least + near
        assert set(found.sides) == set(found.regrets) == set(problem.orders.tolist())
        assert all(regret >= 0 for regret in found.regrets.values())
        seen.append(found.bound > 0.5 * least > near)

    every_account()
    print(f"\n{len(seen)} bounded, {sum(seen)} by more than half of J")
    assert len(seen) >= 60
    assert sum(seen) >= 20


@settings(max_examples=100, deadline=None, suppress_health_check=HEALTHY)
@given(st.data())
def test_sharper_multipliers_never_leave_more_regret(data: st.DataObject) -> None:
    """The sum of the terms' least values only rises, from whatever multipliers."""
    problem = posed(data.draw)
    if problem is None:
        return
    low, high = problem.flow_min, problem.flow_max
    multipliers = {p: data.draw(st.floats(-3.0, 3.0)) for p in problem.pies}
    before, after = (
        Terms(problem, low, high, one).least for one in (multipliers, sharpened(problem, low, high, multipliers))
    )
    assert after >= before
