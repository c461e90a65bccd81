"""Small trees: the plan equals the best of all plans, every cent looked at."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from solver import Engine, Event, Infeasible, Portfolio, Quality, Rules, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.retired import least_excess
from solver.situations import understand
from tests.property.strategies import accounts
from tests.property.tally import Tally
from tests.reference.brute_force import brute_force


def compare(account: tuple[Portfolio, Event, int], engine: Engine, tally: Tally) -> None:
    portfolio, event, m = account
    understood = understand(portfolio, event, Rules(m))
    if isinstance(understood, Infeasible):
        return
    problem = build_problem(understood.situation)
    best = brute_force(problem)
    if best is None:
        return
    planned = plan(portfolio, event, Rules(m), engine)
    assert not isinstance(planned, Infeasible), planned
    found = planned.certificate
    tally.count(problem, found)
    assert found.cash_left in best.allowed_cash, (found.cash_left, best)
    assert found.retired_excess == best.excess, (found, best)
    assert all(least_excess(case) <= best.excess for case in decide_cash(problem).cases)
    slack = max(1e-9, 1e-9 * abs(best.error))
    if found.quality is Quality.OPTIMAL:
        slack += min(found.rounding_slack, 1.0)
    assert found.tracking_error <= best.error + slack, (found.tracking_error, best)
    assert found.tracking_error >= best.error - 1e-9 * max(1, abs(best.error)), (found.tracking_error, best)
    assert found.lower_bound <= best.error + 1e-9 * max(1, abs(best.error)), (found.lower_bound, best)


@pytest.mark.parametrize(("engine", "examples"), [(Engine.AUTO, 600), (Engine.HIGHS, 400)])
def test_equals_brute_force(engine: Engine, examples: int) -> None:
    tally = Tally()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(accounts())
    def every_account(account: tuple[Portfolio, Event, int]) -> None:
        compare(account, engine, tally)

    every_account()
    tally.check(f"{engine.value} against brute force")
