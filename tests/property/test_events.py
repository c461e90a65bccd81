"""Several events at once: small trees against every plan there is, equal nets, and whose each part of an order is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from solver import (
    Engine,
    Infeasible,
    Plan,
    Quality,
    plan,
)
from solver.cash import decide_cash
from solver.ideal import Mode
from solver.problem import Problem, build_problem
from solver.situations import Understood, understand
from tests.property.several import Several, several
from tests.reference.brute_force import brute_force

HEALTHY = list(HealthCheck)


def posed(account: Several) -> tuple[Understood, Problem] | None:
    understood = understand(*account)
    return None if isinstance(understood, Infeasible) else (understood, build_problem(understood.situation))


def kind_of(problem: Problem) -> str:
    beside = " beside rebalances" if problem.situation.rebalanced else ""
    return problem.situation.mode.name.lower() + beside


@pytest.mark.parametrize(
    ("engine", "examples", "ruled"),
    [(Engine.AUTO, 500, False), (Engine.HIGHS, 300, False), (Engine.AUTO, 500, True), (Engine.HIGHS, 200, True)],
)
def test_equals_brute_force(engine: Engine, examples: int, ruled: bool) -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=HEALTHY)
    @given(several(ruled=ruled))
    def every_account(account: Several) -> None:
        found = posed(account)
        if found is None:
            return
        _, problem = found
        received = problem.situation.received
        if problem.situation.rebalanced and problem.situation.mode is Mode.BUYING and any(received):
            problem, *_ = decide_cash(problem).cases  # proceeds in nested pies: what may stay there is decided
        best = brute_force(problem)
        if best is None:
            return
        planned = plan(*account, engine)
        assert isinstance(planned, Plan), planned
        proof = planned.certificate
        seen[kind_of(problem), proof.quality is Quality.OPTIMAL] += 1
        assert proof.cash_left - problem.idle_cash in best.allowed_cash, (proof.cash_left, best)
        assert proof.retired_excess == best.excess, (proof, best)
        near = 1e-9 * max(1.0, abs(best.error))
        slack = min(proof.rounding_slack, 1.0) if proof.quality is Quality.OPTIMAL else 0.0
        assert best.error - near <= proof.tracking_error <= best.error + near + slack, (proof.tracking_error, best)
        assert proof.lower_bound <= best.error + near, (proof.lower_bound, best)

    every_account()
    total, proved = sum(seen.values()), sum(count for (_, optimal), count in seen.items() if optimal)
    kinds = {kind: seen[kind, True] + seen[kind, False] for kind, _ in seen}
    print(f"\n{engine.value}, {'ruled' if ruled else 'm alone'}: {total} plans, OPTIMAL {proved / total:.1%}, {kinds}")
    assert total >= 100
    assert proved >= 0.9 * total
