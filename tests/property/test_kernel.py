"""The kernel against every plan there is, against HiGHS, and against its own duality, on thousands of accounts."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import (
    Budget,
    Deposit,
    Engine,
    Event,
    Events,
    Holding,
    Infeasible,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Reach,
    Rebalance,
    Rules,
    Slice,
    Withdrawal,
    plan,
)
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import broken_rules, certify, covers
from solver.engines.kernel import cents, counts, curves, engine, prices
from solver.engines.kernel.refining import refine
from solver.engines.kernel.tree import BUYS, FREE, RESTS, SELLS, load
from solver.ideal import Mode
from solver.problem import Problem
from solver.situations import understand
from tests.property.several import several
from tests.property.strategies import Account, accounts, binds, ruled_accounts, several_accounts, stepped_accounts
from tests.reference.brute_force import brute_force

Ruled = tuple[Portfolio, Events, Rules]
MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))


def ruled(account: Account) -> Ruled:
    return account[0], account[1], Rules(account[2])


def posed(asked: Ruled) -> Problem | None:
    """The problem; where proceeds fell beside rebalances, the first that stage 1 makes of it: it says what may stay."""
    understood = understand(*asked)
    if isinstance(understood, Infeasible):
        return None
    problem = build_problem(understood.situation)
    beside = problem.situation.rebalanced and problem.situation.mode is Mode.BUYING
    problem = decide_cash(problem).cases[0] if beside and any(problem.situation.received) else problem
    return problem if len(problem.leaves) else None


def against_all_plans(asked: Ruled, easy_branches: int, seen: Counter[str]) -> None:
    problem = posed(asked)
    best = None if problem is None else brute_force(problem)
    if problem is None or best is None:
        return
    stage = decide_cash(problem)
    solved = [(case, engine.solve(case, Budget(), easy_branches)) for case in stage.cases]
    seen["accounts"] += 1
    seen["binds"] += binds(problem)
    if any(answer is None for _, answer in solved):
        seen["not the kernel's"] += 1
        return
    case, found = min(((c, a) for c, a in solved if a is not None), key=lambda pair: pair[1].error)
    assert found.proved
    assert int(case.received.sum() - found.trades.sum()) + case.idle_cash - problem.idle_cash in best.allowed_cash
    assert found.error == pytest.approx(best.error, rel=1e-9, abs=1e-9)  # to the cent: no ρ
    assert covers(case, [branch.path for branch in found.branches])
    findings = certify(case, stage.exact, found.trades, found.branches)
    assert findings.retired_excess == best.excess
    if len(solved) == 1 and stage.exact and not best.excess:  # the checker shares an excess out in every way there is
        seen["proved"] += findings.optimal
        seen["alone"] += 1


@pytest.mark.parametrize(
    ("asked", "easy_branches", "examples", "not_mine"),
    [
        (accounts().map(ruled), engine.EASY, 500, 0.02),
        (accounts().map(ruled), 0, 500, 0.02),  # trading leaves counted from the first branch on
        (ruled_accounts(), engine.EASY, 400, 0.3),
        (several(), engine.EASY, 300, 0.3),
    ],
    ids=["accounts", "counted at once", "ruled", "several events"],
)
def test_equals_brute_force_to_the_cent(
    asked: SearchStrategy[Ruled], easy_branches: int, examples: int, not_mine: float
) -> None:
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=examples)
    @given(asked)
    def every_account(one: Ruled) -> None:
        against_all_plans(one, easy_branches, seen)

    every_account()
    print(f"\n{dict(seen)}")
    assert seen["accounts"] >= examples / 2
    assert seen["not the kernel's"] <= seen["accounts"] * not_mine
    assert seen["proved"] >= 0.99 * seen["alone"] > 0


@pytest.mark.parametrize(
    ("asked", "examples", "own"),
    [
        (accounts(100_000, 10).map(ruled), 120, 0.9),
        (ruled_accounts(100_000, 10), 120, 0.6),
        (several(100_000, 8, ruled=True), 80, 0.6),
        (stepped_accounts(100_000, 6), 60, 0.8),
        (several_accounts(1_000, 6), 30, 0.0),
    ],
    ids=["accounts", "ruled", "several events", "steps", "net orders"],
)
def test_equals_highs(asked: SearchStrategy[Ruled], examples: int, own: float) -> None:
    """On larger accounts: same rank in cash and retired, J never above what HiGHS finds, below it only by ρ."""
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=examples)
    @given(asked)
    def every_account(one: Ruled) -> None:
        problem = posed(one)
        if problem is None:
            return
        ours, theirs = plan(*one, Engine.KERNEL), plan(*one, Engine.HIGHS)
        assert isinstance(ours, Plan)
        assert isinstance(theirs, Plan)
        a, b = ours.certificate, theirs.certificate
        seen[a.engine] += 1
        assert a.engine == "KERNEL" or a.tracking_error == b.tracking_error
        assert a.engine == "HIGHS" or not problem.nets
        assert a.retired_excess == b.retired_excess
        assert a.tracking_error <= b.tracking_error + 1e-9 * max(1.0, b.tracking_error)
        if b.quality is Quality.OPTIMAL:
            seen["optimal by HIGHS"] += a.engine == "KERNEL"
            seen["and by KERNEL"] += a.engine == "KERNEL" and a.quality is Quality.OPTIMAL
            assert a.tracking_error >= b.tracking_error - max(b.rounding_slack, 1e-9 * max(1.0, b.tracking_error))

    every_account()
    print(f"\n{dict(seen)}")
    assert seen["KERNEL"] >= own * (seen["KERNEL"] + seen["HIGHS"])
    assert seen["and by KERNEL"] >= 0.95 * seen["optimal by HIGHS"]


@settings(MANY, max_examples=400)
@given(accounts(), st.randoms(use_true_random=False))
def test_prices_of_any_choice_attain_their_bound(account: Account, random: Random) -> None:
    """Strong duality in whole cents: whoever trades, J of the best cents is what their prices bound."""
    problem = posed(ruled(account))
    if problem is None:
        return
    case = decide_cash(problem).cases[0].retired_within(0)
    work = engine.memory_for(case)
    if not load(*engine.posed_of(case), work.tree):
        return
    tree = work.tree.view(np.recarray)
    for n in range(1, int(tree[0].nodes)):
        sides = [RESTS]
        sides += [BUYS] if tree[n].buy_low <= tree[n].buy_high else []
        sides += [SELLS] if tree[n].sell_low <= tree[n].sell_high else []
        tree[n].state = random.choice(sides) if tree[n].domain == FREE else tree[n].domain
    if not curves.tighten(work.tree, False):
        return
    curves.relax(work, False)
    relaxed = prices.price_bound(work.tree)
    error = cents.exact(work.tree)
    assert relaxed <= error + 1e-9 * max(1.0, error)
    assert prices.price_bound(work.tree) == pytest.approx(error, rel=1e-9, abs=1e-9)


def test_a_limit_leaves_a_gap() -> None:
    """Stopped early, the bound is one and the plan is one."""

    @settings(MANY, max_examples=200)
    @given(accounts(most_value=100_000, most_leaves=10))
    def every_account(account: Account) -> None:
        problem = posed(ruled(account))
        if problem is None:
            return
        case = decide_cash(problem).cases[0]
        short, full = engine.solve(case, Budget(work_limit=3)), engine.solve(case, Budget())
        if short is None or full is None:
            return
        assert short.bound <= full.error + 1e-9 * max(1.0, full.error)
        assert short.error >= full.error - 1e-9 * max(1.0, full.error)
        assert broken_rules(case, short.trades.tolist()) == []

    every_account()


@st.composite
def far_apart(draw: st.DrawFn) -> Account:
    """Near-equal slices within an order or so of their targets beside some of next to no target that hold much."""
    unit, m = draw(st.sampled_from([10**5, 10**6, 10**7])), draw(st.sampled_from([0, 100, 2_500, 100_000]))
    level = draw(st.sampled_from([10**4, 10**6, 10**8, 10**10])) / 100  # cents in a slice, by percent of its target
    rows: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(2, 7))):
        weight = draw(st.integers(90, 110))
        rows.append((min(10**9, unit * weight), max(0, int(level * weight) + draw(st.integers(-m, m)))))
    much = st.one_of(st.integers(0, 3 * m), st.integers(10**6, 10**10))
    tiny = draw(st.lists(st.tuples(st.sampled_from([1, 1, 2, 5]), much), min_size=1, max_size=2))
    rows = draw(st.permutations(rows + tiny))
    held = [Slice(f"s{i}", weight, Holding(f"S{i}", value)) for i, (weight, value) in enumerate(rows)]
    cut = draw(st.one_of(st.just(0), st.integers(1, len(held) - 1)))
    if cut:
        weight = draw(st.sampled_from([1, min(10**9, sum(one.target_weight for one in held[cut:]))]))
        held[cut:] = [Slice("p", weight, Pie(tuple(held[cut:])))]
    portfolio = Portfolio(Pie(tuple(held)), draw(st.integers(0, m)))
    amount = draw(st.integers(1, 1 + len(rows) * m))
    most = portfolio.value + portfolio.cash
    events: list[Event] = [Rebalance(), Rebalance(reach=Reach.SHALLOW), Deposit(amount)]
    events += [Withdrawal(min(most, w)) for w in (amount, amount + sum(value for _, value in tiny)) if most]
    return portfolio, draw(st.sampled_from(events)), m


def root_bounds(case: Problem) -> tuple[float, float] | None:
    """The best bounds by prices and by counts of all accounts' plans, from no plan at all: nothing cuts them off."""
    work = engine.memory_for(case)
    if not load(*engine.posed_of(case), work.tree):
        return None
    work.tree["state"] = work.tree["tried"] = work.tree["domain"]
    if not curves.tighten(work.tree, False) or not counts.fits(work):
        return None
    curves.relax(work, False)
    by_prices, by_counts = prices.price_bound(work.tree), -np.inf
    counts.prepare(work)
    counts.add_prices(work)
    for _ in range(6):
        counts.update(work)
        bound, k = counts.least_bound(work)
        by_counts = max(by_counts, bound)
        if k < 0:
            break
        refine(work, k, np.inf)
        by_prices = max(by_prices, prices.price_bound(work.tree))
        counts.add_prices(work)
    return by_prices, by_counts


def test_no_bound_is_above_a_plan_on_scales_far_apart() -> None:
    """What cancels in sums of doubles may hide J: then a bound may be weak, but never above what a plan costs."""
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=400)
    @given(far_apart().map(ruled))
    def every_account(asked: Ruled) -> None:
        problem = posed(asked)
        if problem is None:
            return
        case = decide_cash(problem).cases[0].retired_within(0)
        easy, counted = (engine.solve(case, Budget(), branches) for branches in (engine.EASY, 0))
        if easy is None or counted is None:
            return
        error = min(easy.error, counted.error)
        allowed = 1e-9 * max(1.0, error)
        for found in (easy, counted):
            assert broken_rules(case, found.trades.tolist()) == []
            assert found.bound <= error + allowed
            assert found.error <= error + allowed or not found.proved
        bounds = root_bounds(case)
        if bounds is None:
            return
        assert max(bounds) <= error + allowed
        seen["accounts"] += 1
        seen["counts say more"] += bounds[1] > bounds[0] + allowed
        seen["counts prove it"] += bounds[1] >= error - allowed

    every_account()
    print(f"\n{dict(seen)}")
    assert seen["accounts"] >= 200
    assert seen["counts say more"] > 0
    assert seen["counts prove it"] >= 0.2 * seen["accounts"]
