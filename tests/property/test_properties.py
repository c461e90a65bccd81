"""What must hold of every plan, on accounts too large for brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Deposit, Engine, Event, Holding, Infeasible, Pie, Plan, Portfolio, Quality, Rules, Slice, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.cents import retired_excess, tracking_error
from solver.certificate import broken_rules
from solver.ideal import Mode, split_pie
from solver.situations import Understood, understand
from tests.property.strategies import accounts, portfolios
from tests.property.tally import Tally

Account = tuple[Portfolio, Event, int]
LARGE = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def planned(account: Account, engine: Engine = Engine.AUTO) -> tuple[Plan, Understood] | None:
    portfolio, event, m = account
    understood = understand(portfolio, event, Rules(m))
    if isinstance(understood, Infeasible):
        return None
    answer = plan(portfolio, event, Rules(m), engine)
    assert isinstance(answer, Plan)
    return answer, understood


def trades_by_row(answer: Plan, understood: Understood) -> list[int]:
    tree = understood.situation.tree
    gone = {s.slice_id for s in understood.changed.liquidated} if understood.changed else set()
    by_id = {n.slice_id: n.trade for n in answer.nodes}
    return [0 if tree.children[r] or i in gone else by_id[i] for r, i in enumerate(tree.slice_ids)]


def test_rules_hold_and_cash_adds_up() -> None:
    tally = Tally()

    @LARGE
    @given(accounts(most_value=200_000, most_leaves=9))
    def every_account(account: Account) -> None:
        rules_hold_and_cash_adds_up(account, tally)

    every_account()
    tally.check("rules and cash")


def rules_hold_and_cash_adds_up(account: Account, tally: Tally) -> None:
    found = planned(account)
    if found is None:
        return
    answer, understood = found
    m = account[2]
    trades = trades_by_row(answer, understood)
    problem = build_problem(understood.situation)
    tally.count(problem, answer.certificate)
    held = problem.tree.value
    for row in problem.leaves.tolist():
        assert trades[row] == 0 or abs(trades[row]) >= m or -trades[row] == held[row]
    assert [b for b in broken_rules(problem, trades) if not b.startswith("FLOW_NOT_CONSERVED")] == []
    cash = answer.cash
    assert cash.after == cash.before + cash.received - cash.paid_out - cash.bought + cash.sold >= 0
    assert cash.bought - cash.sold == sum(o.amount if o.side.value == "BUY" else -o.amount for o in answer.orders)
    assert answer.portfolio_after.value == account[0].value + cash.bought - cash.sold
    assert answer.portfolio_after.cash == cash.after


@LARGE
@given(accounts(most_value=200_000, most_leaves=9))
def test_without_a_minimum_the_plan_is_the_ideal_in_whole_cents(account: Account) -> None:
    found = planned((account[0], account[1], 0))
    if found is None:
        return
    answer, understood = found
    proof = answer.certificate
    assert proof.quality is Quality.OPTIMAL
    assert proof.retired_excess == 0
    assert proof.tracking_error <= proof.rounding_slack * (1 + 1e-9) + 1e-9
    problem = build_problem(understood.situation)
    trades = trades_by_row(answer, understood)
    for row in problem.leaves.tolist():
        if abs(problem.ideal[row]) > max(1, len(problem.leaves) - 1):
            assert np.sign(trades[row]) == np.sign(problem.ideal[row])


@LARGE
@given(accounts(most_value=100_000, most_leaves=8))
def test_both_engines_agree(account: Account) -> None:
    first, second = planned(account, Engine.AUTO), planned(account, Engine.HIGHS)
    if first is None or second is None:
        return
    a, b = first[0].certificate, second[0].certificate
    assert a.retired_excess == b.retired_excess
    if a.quality is b.quality is Quality.OPTIMAL:
        assert abs(a.tracking_error - b.tracking_error) <= max(a.rounding_slack, b.rounding_slack) + 1e-6


@LARGE
@given(portfolios(most_value=100_000, most_leaves=8), st.integers(0, 100_000))
def test_a_deposit_worsens_no_pie(portfolio: Portfolio, amount: int) -> None:
    """Under no rule a deposit never takes a pie further off its targets: Σ (share − target)²/target, but for cents."""
    answer = plan(portfolio, Deposit(amount))
    assert isinstance(answer, Plan)
    for before, after in zip(_errors(portfolio.root), _errors(answer.portfolio_after.root), strict=True):
        error, total = before
        cents = len(answer.nodes) / max(1, after[1])
        if total:
            assert after[0] <= error + 60 * cents


def _errors(pie: Pie) -> list[tuple[float, int]]:
    worth = [c.content.value if isinstance(c.content, Holding) else Portfolio(c.content).value for c in pie.slices]
    weights = [c.target_weight for c in pie.slices]
    total, weight = sum(worth), sum(weights)
    error = (
        sum((v / total - k / weight) ** 2 / (k / weight) for v, k in zip(worth, weights, strict=True) if k)
        if total
        else 0
    )
    inner = [e for c in pie.slices if isinstance(c.content, Pie) for e in _errors(c.content)]
    return [(error, total), *inner]


@LARGE
@given(accounts(most_value=50_000, most_leaves=7), st.randoms(use_true_random=False))
def test_order_of_slices_changes_nothing_but_ties(account: Account, random) -> None:
    portfolio, event, m = account

    def shuffled(pie: Pie) -> Pie:
        slices = [
            Slice(c.slice_id, c.target_weight, shuffled(c.content) if isinstance(c.content, Pie) else c.content)
            for c in pie.slices
        ]
        random.shuffle(slices)
        return Pie(tuple(slices), pie.weight_total)

    if any(c.target_weight == 0 for c in _slices(portfolio.root)):
        return  # retired slices are sold in listed order: there the order means something
    first = planned((portfolio, event, m))
    second = planned((Portfolio(shuffled(portfolio.root), portfolio.cash), event, m))
    if first is None or second is None:
        return
    a, b = first[0].certificate, second[0].certificate
    if a.quality is b.quality is Quality.OPTIMAL:
        assert a.tracking_error == pytest.approx(b.tracking_error, abs=max(a.rounding_slack, 1e-6), rel=1e-9)


def _slices(pie: Pie) -> list[Slice]:
    return [s for c in pie.slices for s in (c, *(_slices(c.content) if isinstance(c.content, Pie) else []))]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([Mode.BUYING, Mode.SELLING, Mode.REBALANCING]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**12)), min_size=1, max_size=8),
    st.integers(0, 10**12),
    st.integers(1, 10**6),
)
def test_the_ideal_keeps_its_promises(mode: Mode, slices: list[tuple[int, int]], money: int, over: int) -> None:
    """In exact fractions: it sums to the money, goes one way, and those who trade end at one level with nobody beyond."""
    weights, values = [k for k, _ in slices], [v for _, v in slices]
    if not any(weights):
        weights[0] = 1
    money = -min(money, sum(values) * over) if mode is Mode.SELLING else money
    split = split_pie(mode, money, over, weights, values)
    flows = [Fraction(f, split.denominator) for f in split.flows]
    assert sum(flows) == Fraction(money, over)
    if mode is Mode.REBALANCING:
        level = (sum(values) + Fraction(money, over)) / sum(weights)
        assert flows == [k * level - v for k, v in zip(weights, values, strict=True)]
        return
    sign = 1 if mode is Mode.BUYING else -1
    assert all(sign * f >= 0 for f in flows)
    level = Fraction(split.level, split.denominator)
    for k, v, flow in zip(weights, values, flows, strict=True):
        if k and flow:
            assert v + flow == k * level
        elif k:
            assert sign * (v - k * level) >= 0
        else:
            assert mode is Mode.SELLING or flow == 0
    if mode is Mode.SELLING and any(f for f, k in zip(flows, weights, strict=True) if k):
        assert all(f == -v for f, v, k in zip(flows, values, weights, strict=True) if k == 0)


@LARGE
@given(accounts(most_value=50_000, most_leaves=9), st.sampled_from([Engine.AUTO, Engine.HIGHS]))
def test_no_cent_moved_improves(account: Account, engine: Engine) -> None:
    """Between any two leaves of the tree, and with cash where that is free: the optimum given who trades."""
    found = planned(account, engine)
    if found is None:
        return
    answer, understood = found
    best = np.array(trades_by_row(answer, understood), dtype=np.int64)
    cases = decide_cash(build_problem(understood.situation)).cases
    case = next(c for c in cases if not broken_rules(c, best.tolist()))
    excess, error = retired_excess(case, case.flows(best)), tracking_error(case, case.flows(best))
    leaves = [*case.leaves.tolist(), None]  # None: the cash
    for to, fro in permutations(leaves, 2):
        moved = best.copy()
        for leaf, cent in ((to, 1), (fro, -1)):
            if leaf is not None:
                moved[leaf] += cent
        if (np.sign(moved) == np.sign(best)).all() and not broken_rules(case, moved.tolist()):
            flows = case.flows(moved)
            kept, off = retired_excess(case, flows), tracking_error(case, flows)
            assert (kept, off) >= (excess, error - 1e-9 * max(1.0, error)), (to, fro)
