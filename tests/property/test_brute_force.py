"""Small trees: the plan equals the best of all plans, every cent looked at."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, assume, given, settings

from solver import Engine, Event, Infeasible, Portfolio, Quality, Rules, plan
from solver.problem import build_problem
from solver.situations import understand
from tests.property.strategies import accounts
from tests.reference.brute_force import brute_force

SEEN: Counter[str] = Counter()


def compare(account: tuple[Portfolio, Event, int], engine: Engine) -> None:
    portfolio, event, m = account
    understood = understand(portfolio, event, Rules(m))
    assume(not isinstance(understood, Infeasible))
    problem = build_problem(understood.situation)
    best = brute_force(problem)
    assume(best is not None)
    planned = plan(portfolio, event, Rules(m), engine)
    assert not isinstance(planned, Infeasible), planned
    found = planned.certificate
    SEEN[found.quality.value] += 1
    SEEN["binding"] += int(found.tracking_error > found.rounding_slack)
    assert found.cash_left in best.allowed_cash, (found.cash_left, best)
    assert found.retired_excess == best.excess, (found, best)
    slack = max(1e-9, 1e-9 * abs(best.error))
    if found.quality is Quality.OPTIMAL:
        slack += min(found.rounding_slack, 1.0)
    assert found.tracking_error <= best.error + slack, (found.tracking_error, best)
    assert found.tracking_error >= best.error - 1e-9 * max(1, abs(best.error)), (found.tracking_error, best)
    assert found.lower_bound <= best.error + 1e-9 * max(1, abs(best.error)), (found.lower_bound, best)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(accounts())
def test_auto_equals_brute_force(account: tuple[Portfolio, Event, int]) -> None:
    compare(account, Engine.AUTO)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(accounts())
def test_highs_equals_brute_force(account: tuple[Portfolio, Event, int]) -> None:
    compare(account, Engine.HIGHS)


def test_enough_was_compared() -> None:
    """The comparison above means something: plans were compared, and the minimum bound in many of them."""
    total = SEEN["OPTIMAL"] + SEEN["FEASIBLE"]
    print(f"\ncompared with brute force: {dict(SEEN)}")
    assert total == 0 or SEEN["OPTIMAL"] > 0.9 * total
