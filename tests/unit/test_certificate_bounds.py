"""The bound recomputed from evidence: whatever is given never raises it, and large trades that leave little have one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver import Event, Withdrawal
from solver.bound import Branch
from solver.certificate import certify, lower_bound, measure
from solver.lagrangian import Terms
from tests.unit.posing import flat, posed, trades
from tests.unit.test_certificate import EVENTS, solved

BILLION = 10**9


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_bad_evidence_never_raises_the_bound(event: Event) -> None:
    """Any multipliers give a bound: corrupted ones a weaker one at best, never one above the optimum."""
    case, trades, branches = solved(event)
    optimum = certify(case, True, trades, branches).tracking_error
    held = case.retired_within(0)
    for branch in branches:
        for p in branch.multipliers:
            for change in (-1.0, -0.01, 0.01, 1.0, 100.0):
                spoiled = dict(branch.multipliers)
                spoiled[p] = spoiled[p] + change
                assert lower_bound(held, [Branch(branch.path, spoiled)], optimum) <= optimum + 1e-9
            missing = {q: m for q, m in branch.multipliers.items() if q != p}
            assert lower_bound(held, [Branch(branch.path, missing)], optimum) == 0.0
            bad = dict(branch.multipliers) | {p: np.array([np.nan])}
            assert lower_bound(held, [Branch(branch.path, bad)], optimum) == 0.0


def test_what_leaves_little_is_bounded_from_the_ideal() -> None:
    """$30 million are withdrawn but for 5 cents: seen from 0, J is lost in the rounding of 10^18.

    The ideal leaves 5/3 each. 2 rather than 1 left costs (1/9 − 4/9) / (5/3) = −1/5: at λ = −1/5 both are least, and
    LB = J = 2/5. The list's other price is worse; the best counts.
    """
    case = replace(posed(flat(*[(1, BILLION)] * 3), Withdrawal(3 * BILLION - 5), m=2), rounding_slack=0.0)
    best = trades(case, {"A": 1 - BILLION, "B": 2 - BILLION, "C": 2 - BILLION})
    evidence = (Branch((), {0: np.array([0.0, -0.2, -0.3])}),)
    assert lower_bound(case, evidence, 0.4) == 0.0
    found = certify(case, True, best, evidence)
    assert found.optimal
    exact = Terms(case, case.flow_min, case.flow_max, {0: -0.2}).least
    assert 0.4 - 1e-12 < lower_bound(case, evidence, 0.4, closely=True) < exact == pytest.approx(0.4)
    worse = trades(case, {"A": -BILLION, "B": 2 - BILLION, "C": 3 - BILLION})
    assert measure(case, worse).tracking_error > 0.4
    assert not certify(case, True, worse, evidence).optimal


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_lists_that_differ_in_length_give_no_pairs(event: Event) -> None:
    """Bounded from the ideal, too, evidence that was spoiled stays under the optimum."""
    case, trades_, branches = solved(event)
    optimum, held = certify(case, True, trades_, branches).tracking_error, case.retired_within(0)
    for branch in branches:
        same = {p: np.array([listed[0], listed[0] + 0.01]) for p, listed in branch.multipliers.items()}
        odd = same | {next(iter(same)): np.array([0.0, 0.01, 0.02])}
        for lists in (same, odd):
            plain = lower_bound(held, [Branch(branch.path, lists)], optimum)
            assert plain <= lower_bound(held, [Branch(branch.path, lists)], optimum, closely=True) <= optimum + 1e-9
