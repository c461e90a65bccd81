"""Where domains have no gaps, the exchange of single cents is the whole proof."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from solver import (
    Budget,
    Deposit,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Slice,
    Withdrawal,
    plan,
)
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import measure, no_cent_improves
from solver.problem import Problem
from solver.search import search
from solver.situations import Understood, understand
from tests.unit.test_certificate import account


def solved(event: Event, m: int) -> tuple[Problem, np.ndarray]:
    understood = understand(account(), event, Rules(m))
    assert isinstance(understood, Understood)
    case = decide_cash(build_problem(understood.situation)).cases[0]
    outcome = search(case, Budget())
    assert outcome.incumbent is not None
    return case, outcome.incumbent.trades


def test_a_plan_without_gaps_is_proved_by_its_cents() -> None:
    """No bound needed: every cent moved between two leaves of the optimum costs, and one moved back would pay."""
    for event in (Deposit(1_000), Withdrawal(700), Rebalance()):
        case, trades = solved(event, 0)
        assert case.gapless
        assert no_cent_improves(case, trades)
        worse = 0
        for a, b in permutations(case.leaves.tolist(), 2):
            moved = trades.copy()
            moved[a] += 1
            moved[b] -= 1
            flows = case.flows(moved)
            if (flows > case.flow_max).any() or (flows < case.flow_min).any():
                continue
            dearer = measure(case, moved).tracking_error > measure(case, trades).tracking_error + 1e-9
            assert no_cent_improves(case, moved) is not dearer
            worse += dearer
        assert worse >= 3


def test_a_plan_of_an_account_of_cents_is_optimal() -> None:
    """What is left is half a cent a slice: rounding blurs every bound, and the exchange of cents decides."""
    held = Pie((Slice("p", 1, Pie((Slice("a", 1, Holding("A", 90_000_000)),))), Slice("b", 1, Holding("B", 1))))
    answer = plan(Portfolio(held), Withdrawal(90_000_000))
    assert isinstance(answer, Plan)
    assert answer.certificate.quality is Quality.OPTIMAL


def test_gaps_are_not_proved_by_cents() -> None:
    case, trades = solved(Deposit(1_000), 300)
    assert not case.gapless
    assert not no_cent_improves(case, trades)
