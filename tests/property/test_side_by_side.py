"""Pies that rebalance side by side and share securities: every plan there is, larger accounts, and a second opinion."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from solver import Engine, Infeasible, Plan, Quality, available, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.ideal import Mode
from solver.problem import Problem
from solver.situations import Understood, understand
from tests.property.several import Several, rebalances_side_by_side
from tests.reference.brute_force import _conserves, _ordered, amounts, brute_force, domains, orders

HEALTHY = list(HealthCheck)
MOST_PLANS = 200_000


def posed(account: Several) -> Problem | None:
    """The problem of pies that rebalance where nothing happens around them; ``None``: something does."""
    understood = understand(*account)
    problem = build_problem(understood.situation) if isinstance(understood, Understood) else None
    return problem if problem and problem.situation.mode is Mode.NOTHING else None


@pytest.mark.parametrize(("steps", "examples"), [(False, 400), (True, 250)])
def test_equals_brute_force(steps: bool, examples: int) -> None:
    """What all leave is least, and J among that; and what is bounded by a cut is attained."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=HEALTHY)
    @given(rebalances_side_by_side(steps=steps))
    def every_account(account: Several) -> None:
        problem = posed(account)
        best = brute_force(problem) if problem else None
        if problem is None or best is None:
            return
        planned = plan(*account)
        assert isinstance(planned, Plan), planned
        proof = planned.certificate
        proved = proof.quality is Quality.OPTIMAL
        (case,) = decide_cash(problem).cases
        seen["plans"] += 1
        seen["proved"] += proved
        seen["shared"] += bool(problem.nets)
        seen["beyond"] += case.beyond > 0
        near, slack = 1e-9 * max(1.0, best.error), min(1.0, proof.rounding_slack) if proved else 0.0
        assert best.error - near <= proof.tracking_error or proof.retired_excess > best.excess
        if proved or not steps:
            assert proof.cash_left in best.allowed_cash, (proof, best)
            assert proof.retired_excess == best.excess, (proof, best)
            nearest = proof.tracking_error <= best.error + near + slack
            assert nearest or not proved, (proof, best)
            assert proof.lower_bound <= best.error + near, (proof, best)
            seen["nearest"] += nearest

    every_account()
    print(f"\n{'in steps' if steps else 'in cents'}: {dict(seen)}")
    assert seen["plans"] >= examples / 2
    assert seen["proved"] >= 0.85 * seen["plans"]
    assert steps or seen["nearest"] >= 0.98 * seen["plans"]
    assert min(seen["shared"], seen["beyond"]) >= 10


def plans_of(problem: Problem) -> np.ndarray | None:
    """Every amount of every leaf, a plan a line, that orders may have; ``None`` where there are too many."""
    choices = domains(problem)
    if not choices or not 0 < np.prod([float(len(choice)) for choice in choices]) <= MOST_PLANS:
        return None
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*choices, indexing="ij")], axis=1)
    for order in orders(problem):
        grid = grid[np.isin(_ordered(problem, grid, order), amounts(problem, order))]
    return np.asarray(grid)


def within(case: Problem, grid: np.ndarray) -> np.ndarray:
    """Which plans lie between the bounds of every row of ``case``, and leave no more cash than it says."""
    fine = np.ones(len(grid), dtype=bool)
    flows = np.zeros((len(grid), len(case.value)), dtype=np.int64)
    flows[:, case.leaves] = grid
    for row, leaves in case.nets.items():
        flows[:, row] = flows[:, leaves].sum(axis=1)
    for p, rows in zip(reversed(case.pies), reversed(case.children), strict=True):
        flows[:, p] = flows[:, rows].sum(axis=1) - case.received[p]
    for row in {*case.orders.tolist(), *case.leaves.tolist(), *case.pies} - {case.event_row}:
        fine &= (flows[:, row] >= case.flow_min[row]) & (flows[:, row] <= case.flow_max[row])
    return fine & (flows[:, case.event_row] <= 0) & (flows[:, case.event_row] >= -case.spare)


@pytest.mark.parametrize("steps", [False, True])
def test_the_case_is_all_that_ranks_best(steps: bool) -> None:
    """Its rows' bounds let through the plans that leave the least, and no others, wherever they let any through."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, suppress_health_check=HEALTHY)
    @given(rebalances_side_by_side(steps=steps))
    def every_account(account: Several) -> None:
        problem = posed(account)
        grid = plans_of(problem) if problem else None
        if problem is None or grid is None:
            return
        (case,) = decide_cash(problem).cases
        best, allowed = _conserves(problem, grid), within(case, grid)
        best &= grid.sum(axis=1) <= int(problem.received.sum())
        seen["cases"] += 1
        seen["beyond"] += case.beyond > 0
        seen["nothing there"] += not allowed.any()
        if allowed.any():
            assert (best == allowed).all(), (grid[best != allowed][:5], case.beyond, case.spare)

    every_account()
    print(f"\n{'in steps' if steps else 'in cents'}: {dict(seen)}")
    assert seen["beyond"] >= 10
    assert seen["nothing there"] <= 0.05 * seen["cases"]


@pytest.mark.parametrize("steps", [False, True])
def test_there_always_is_a_plan(steps: bool) -> None:
    """To sell what must go, and to keep what that brings, is always possible; so a plan is found."""

    @settings(max_examples=80, deadline=None, suppress_health_check=HEALTHY)
    @given(rebalances_side_by_side(20_000, 7, steps=steps))
    def every_account(account: Several) -> None:
        answer = plan(*account)
        assert isinstance(answer, Plan) or answer.reason.startswith("LIQUIDATION"), answer

    every_account()


@pytest.mark.skipif(not available(Engine.REFERENCE), reason="the extra 'reference' is not installed")
@settings(max_examples=60, deadline=None, suppress_health_check=HEALTHY)
@given(rebalances_side_by_side())
def test_a_second_opinion(account: Several) -> None:
    """CVXPY states by itself what pies may leave in sum, and comes to the same."""
    ours, theirs = plan(*account), plan(*account, Engine.REFERENCE)
    if isinstance(ours, Infeasible):
        assert isinstance(theirs, Infeasible)
        return
    assert isinstance(theirs, Plan), theirs
    a, b = ours.certificate, theirs.certificate
    if a.quality is Quality.OPTIMAL:
        assert b.retired_excess == a.retired_excess
        assert b.tracking_error == pytest.approx(a.tracking_error, abs=min(1.0, a.rounding_slack) + 1e-6, rel=1e-6)
