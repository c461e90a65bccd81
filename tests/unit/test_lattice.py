"""Trades in whole steps: what ``nearby_trades`` builds up keeps every rule, and fills what single exchanges can not."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from solver import Deposit, Event, Holding, Pie, Portfolio, Rebalance, Rules, Security, Slice, Withdrawal
from solver.building import build_problem
from solver.cash import decide_cash
from solver.cents import tracking_error
from solver.lattice import nearby_trades, stepped_trades
from solver.problem import Problem
from solver.relaxation import _ceiling
from solver.situations import Understood, understand
from solver.steps import NANOS


def in_shares(rng: Random, event: Event, m: int = 0, cents: bool = False) -> Problem:
    """Two pies of whole shares at random prices; with ``cents`` one slice of each trades in any amount."""
    securities: list[Security] = []

    def leaf(name: str, any_amount: bool) -> Slice:
        price, shares = rng.randrange(100, 20_000), rng.randrange(20)
        if any_amount:
            return Slice(name, rng.randrange(1, 50), Holding(name.upper(), price * shares))
        securities.append(Security(name.upper(), price_micros=10_000 * price, quantity_step_nanos=NANOS))
        return Slice(name, rng.randrange(1, 50), Holding(name.upper(), price * shares, shares * NANOS))

    inner = Pie(tuple(leaf(f"q{i}", cents and not i) for i in range(4)))
    outer = Pie((Slice("q", 40, inner), *(leaf(f"s{i}", cents and not i) for i in range(4))))
    understood = understand(Portfolio(outer, securities=tuple(securities)), event, Rules(m))
    assert isinstance(understood, Understood)
    return decide_cash(build_problem(understood.situation)).cases[0]


@pytest.mark.parametrize("event", [Deposit(200_000), Withdrawal(60_000), Rebalance()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(("m", "cents"), [(0, False), (2_500, False), (2_500, True)])
def test_what_it_finds_keeps_every_rule(event: Event, m: int, cents: bool) -> None:
    found = 0
    for seed in range(10):
        problem = in_shares(Random(seed), event, m, cents)
        trades = nearby_trades(problem, dict.fromkeys(problem.pies, 0.0))
        if trades is None:
            continue
        found += 1
        assert problem.realises(trades)
        left = int(problem.received.sum() - trades.sum())
        assert 0 <= left <= problem.spare
        assert (problem.flows(trades)[problem.pies[1]] >= problem.flow_min[problem.pies[1]]).all()
    assert found >= 5


def test_it_fills_what_single_exchanges_can_not() -> None:
    """Beside the same sides, never both lose; where they differ, many steps at once were needed."""
    better = 0
    for seed in range(30):
        problem = in_shares(Random(seed), Rebalance())
        near = nearby_trades(problem, dict.fromkeys(problem.pies, 0.0))
        stepped = stepped_trades(problem, np.sign(np.rint(problem.ideal)).astype(np.int64))
        if near is not None and stepped is not None:
            both = [tracking_error(problem, problem.flows(trades)) for trades in (near, stepped)]
            better += both[0] < both[1] - 1e-9
    assert better >= 5


def test_a_pie_without_a_multiplier_rests() -> None:
    problem = in_shares(Random(1), Deposit(200_000))
    trades = nearby_trades(problem, {problem.event_row: 0.0})
    assert trades is None or not trades[list(problem.tree.below(problem.pies[1]))].any()


def test_how_much_greater_a_concave_function_may_be() -> None:
    """Of two lines that cross at 0.3 the crossing is found at once; then nothing can be greater."""

    def two_lines(at: np.ndarray) -> np.ndarray:
        return np.minimum(2.0 * (at - 0.3), 0.5 * (0.3 - at))

    at = np.linspace(-1.5, 1.5, 10)
    j, crossings, ceiling = _ceiling(at, two_lines(at))
    assert ceiling >= 0.0 > two_lines(at)[j]
    assert min(abs(x - 0.3) for x in crossings) < 1e-12
    at = np.unique(np.append(at, crossings))
    j, _, ceiling = _ceiling(at, two_lines(at))
    assert at[j] == pytest.approx(0.3)
    assert ceiling == pytest.approx(0.0, abs=1e-12)


def test_at_the_end_of_what_is_known_it_may_be_anything() -> None:
    at = np.linspace(0.0, 1.0, 6)
    assert _ceiling(at, at)[2] == np.inf
    assert _ceiling(at, np.where(at > 0.5, -np.inf, at))[2] == np.inf
