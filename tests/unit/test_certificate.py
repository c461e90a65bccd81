"""The certificate attacked: plans, bounds and evidence corrupted one element at a time; each must be caught."""

from __future__ import annotations

import numpy as np
import pytest

from solver import Budget, Deposit, Event, Holding, Pie, Portfolio, Rebalance, Rules, Slice, Withdrawal
from solver.bound import Branch
from solver.cash import decide_cash
from solver.certificate import broken_rules, certify, covers, lower_bound
from solver.errors import InternalError
from solver.problem import Problem, build_problem
from solver.search import search
from solver.situations import Understood, understand


def account() -> Portfolio:
    """Two levels, a retired slice, a position under the minimum."""
    inner = Pie(
        (Slice("a", 3, Holding("A", 5_000)), Slice("b", 2, Holding("B", 150)), Slice("c", 2, Holding("C", 1_500)))
    )
    return Portfolio(
        Pie((Slice("p", 6, inner), Slice("q", 4, Holding("Q", 3_000)), Slice("old", 0, Holding("OLD", 700)))), 90
    )


def solved(event: Event) -> tuple[Problem, np.ndarray, tuple[Branch, ...]]:
    understood = understand(account(), event, Rules(300))
    assert isinstance(understood, Understood)
    case = decide_cash(build_problem(understood.situation)).cases[0]
    outcome = search(case, Budget())
    assert outcome.incumbent is not None
    return case, outcome.incumbent.trades, outcome.branches


EVENTS = [Deposit(1_000), Withdrawal(2_500), Rebalance()]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_a_plan_passes_as_it_is(event: Event) -> None:
    case, trades, branches = solved(event)
    assert broken_rules(case, trades.tolist()) == []
    assert certify(case, True, trades, branches).optimal


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_changed_trade_is_caught(event: Event) -> None:
    """One trade changed alone: the sum breaks, or a rule does, or it is worse than proved optimal."""
    case, trades, branches = solved(event)
    for row in range(len(trades)):
        for change in (1, -1, 299, -299, 5_000, -5_000):
            spoiled = trades.copy()
            spoiled[row] += change
            broken = broken_rules(case, spoiled.tolist())
            if not broken:
                better = certify(case, True, spoiled, branches)
                assert not better.optimal or better.tracking_error >= certify(case, True, trades, branches).lower_bound
                assert case.spare, "only where cash may be left can one trade change alone"
            elif change:
                with pytest.raises(InternalError):
                    certify(case, True, spoiled, branches)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_cent_moved_is_worse(event: Event) -> None:
    case, trades, branches = solved(event)
    best = certify(case, True, trades, branches)
    for to in case.leaves.tolist():
        for fro in case.leaves.tolist():
            spoiled = trades.copy()
            spoiled[to] += 1
            spoiled[fro] -= 1
            if to != fro and not broken_rules(case, spoiled.tolist()):
                found = certify(case, True, spoiled, branches)
                assert (found.retired_excess, found.tracking_error) >= (
                    best.retired_excess,
                    best.tracking_error - 1e-12,
                )


RULES = [
    (Deposit(1_000), {"q": -300, "a": 300}, "MAY_NOT_SELL"),
    (Deposit(1_000), {"old": 300}, "MAY_NOT_BUY"),
    (Deposit(1_000), {"a": 299, "q": 791}, "BELOW_MINIMUM"),
    (Deposit(1_000), {"a": 1_091}, "FLOW_NOT_CONSERVED"),
    (Deposit(1_000), {"p": 1_090}, "OUTSIDE_EVENT"),
    (Withdrawal(2_500), {"q": 300, "a": -2_710}, "MAY_NOT_BUY"),
    (Withdrawal(2_500), {"b": -151, "a": -2_259}, "SELLS_MORE_THAN_HELD"),
    (Withdrawal(2_500), {"a": -2_409}, "FLOW_NOT_CONSERVED"),
    (Rebalance("p"), {"q": 300, "a": -300}, "OUTSIDE_EVENT"),
]


@pytest.mark.parametrize(("event", "trades", "rule"), RULES, ids=lambda v: v if isinstance(v, str) else None)
def test_every_rule_is_checked(event: Event, trades: dict[str, int], rule: str) -> None:
    case, _, _ = solved(event)
    rows = [trades.get(slice_id, 0) for slice_id in case.tree.slice_ids]
    assert any(broken.startswith(rule) for broken in broken_rules(case, rows)), broken_rules(case, rows)


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
                assert lower_bound(held, [Branch(branch.path, spoiled)]) <= optimum + 1e-9
            missing = {q: m for q, m in branch.multipliers.items() if q != p}
            assert lower_bound(held, [Branch(branch.path, missing)]) == 0.0
            bad = dict(branch.multipliers) | {p: np.array([np.nan])}
            assert lower_bound(held, [Branch(branch.path, bad)]) == 0.0


def test_branches_that_leave_a_case_out_prove_nothing() -> None:
    case, _, branches = solved(Rebalance())
    leaf = int(case.leaves[0])
    whole = [((leaf, *part),) for part in case.parts(leaf)]
    assert len(whole) == 3
    assert covers(case, whole)
    for missing in whole:
        assert not covers(case, [path for path in whole if path != missing])
    assert not covers(case, [whole[0], ((int(case.leaves[1]), 0, 0),)])
    low, high = int(case.flow_min[leaf]), int(case.flow_max[leaf])
    assert covers(case, [((leaf, low, 3),), ((leaf, 4, high),)])
    for one, other in (((low, 2), (4, high)), ((low + 1, 3), (4, high)), ((low, 3), (4, high - 1))):
        assert not covers(case, [((leaf, *one),), ((leaf, *other),)])
    assert not covers(case, [])
    assert lower_bound(case, [Branch(whole[0], branches[0].multipliers if branches else {})]) == 0.0


def test_an_unproved_stage_is_not_optimal() -> None:
    case, trades, branches = solved(Deposit(1_000))
    assert not certify(case, False, trades, branches).optimal
    case, trades, _ = solved(Rebalance())
    assert certify(case, True, trades, ()).tracking_error > 0.05
    assert not certify(case, True, trades, ()).optimal
