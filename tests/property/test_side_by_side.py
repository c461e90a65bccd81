"""Pies that rebalance side by side and share securities: every plan there is, larger accounts, and a second opinion."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from solver import Engine, Infeasible, Plan, Quality, available, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.ideal import Mode
from solver.problem import Problem
from solver.situations import Understood, understand
from tests.property.several import Several, rebalances_side_by_side
from tests.reference.brute_force import brute_force

HEALTHY = list(HealthCheck)


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
            assert proof.tracking_error <= best.error + near + slack, (proof, best)
            assert proof.lower_bound <= best.error + near, (proof, best)

    every_account()
    print(f"\n{'in steps' if steps else 'in cents'}: {dict(seen)}")
    assert seen["plans"] >= examples / 2
    assert seen["proved"] >= 0.85 * seen["plans"]
    assert min(seen["shared"], seen["beyond"]) >= 10


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
