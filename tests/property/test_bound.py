"""The bound of a branch is never above the best plan in it, whatever leaf is cut and whatever the multipliers are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Deposit, Event, Holding, Infeasible, Pie, Portfolio, Rules, Slice
from solver.bound import Cut, TreeBound
from solver.building import build_problem
from solver.cash import decide_cash
from solver.problem import Problem
from solver.situations import understand
from tests.property.strategies import accounts, ruled_accounts, several_accounts, stepped_accounts
from tests.reference.brute_force import _conserves, _ordered, _score, amounts, domains, orders
from tests.unit.posing import flat

MOST_PLANS = 200_000
Ruled = tuple[Portfolio, Event, Rules | int]


def case_of(account: Ruled) -> Problem | None:
    portfolio, event, rules = account
    understood = understand(portfolio, event, Rules(rules) if isinstance(rules, int) else rules)
    if isinstance(understood, Infeasible):
        return None
    problem = build_problem(understood.situation)
    return decide_cash(problem).cases[0] if len(problem.leaves) else None


def best_in_branch(case: Problem, cuts: list[Cut]) -> float | None:
    """J of the best plan that keeps no more of retired slices than the ideal, with each cut order within its cut."""
    grid = plans_in_branch(case, cuts)
    if grid is None:
        return None
    excess, error = _score(case, grid)
    return float(error[excess == 0].min()) if (excess == 0).any() else None


def plans_in_branch(case: Problem, cuts: list[Cut]) -> np.ndarray | None:
    """Every plan with each cut order within its cut, a line each; ``None`` where there are too many to look at."""
    choices = domains(case)
    rows = case.leaves.tolist()
    for row, low, high in cuts:
        if row in rows:
            choice = choices[rows.index(row)]
            choices[rows.index(row)] = choice[(choice >= low) & (choice <= high)]
    if not 0 < np.prod([float(len(c)) for c in choices]) <= MOST_PLANS:
        return None
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*choices, indexing="ij")], axis=1)
    for order in orders(case):
        grid = grid[np.isin(_ordered(case, grid, order), amounts(case, order))]
    for row, low, high in cuts:
        if row in case.nets:
            ordered = grid[:, np.isin(case.leaves, case.nets[row])].sum(axis=1)
            grid = grid[(ordered >= low) & (ordered <= high)]
    grid = grid[_conserves(case, grid)]
    left = int(case.received.sum()) - grid.sum(axis=1)
    return np.asarray(grid[(left >= 0) & (left <= case.spare)])


@pytest.mark.parametrize(("some", "examples"), [(accounts, 400), (ruled_accounts, 200), (stepped_accounts, 150)])
def test_never_above_the_best(some: Callable[..., st.SearchStrategy[Ruled]], examples: int) -> None:
    seen = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(some(most_value=10), st.randoms(use_true_random=False))
    def every_branch(account: Ruled, random: Random) -> None:
        nonlocal seen
        case = case_of(account)
        if case is None:
            return
        leaves = random.sample(case.leaves.tolist(), min(2, len(case.leaves)))
        cuts = [(leaf, *random.choice(case.parts(leaf))) for leaf in leaves]
        best = best_in_branch(case, cuts)
        if best is None:
            return
        seen += 1
        multipliers = {p: np.array([random.uniform(-8.0, 8.0) for _ in range(3)]) for p in case.pies}
        bound = TreeBound(case.retired_within(0), cuts).evaluate(multipliers)
        assert bound <= best + 1e-9 * max(1.0, abs(best)), (bound, best, cuts, multipliers)

    every_branch()
    print(f"\n{some.__name__}: {seen} branches")
    assert seen >= examples / 5


def several_stepped(most_value: int) -> st.SearchStrategy[Ruled]:
    return several_accounts(most_value, steps=True)


@pytest.mark.parametrize(("some", "examples"), [(several_accounts, 400), (several_stepped, 200)])
def test_never_above_the_best_with_prices(some: Callable[..., st.SearchStrategy[Ruled]], examples: int) -> None:
    """Leaves and net orders cut, and any multipliers and prices."""
    seen = cut = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(some(most_value=8), st.randoms(use_true_random=False))
    def every_branch(account: Ruled, random: Random) -> None:
        nonlocal seen, cut
        case = case_of(account)
        if case is None or not case.nets:
            return
        orders = [random.choice(list(case.nets)), random.choice(case.orders.tolist())]
        cuts = [(row, *random.choice(case.parts(row))) for row in random.sample(orders, random.choice([1, 2]))]
        best = best_in_branch(case, cuts)
        if best is None:
            return
        seen += 1
        cut += any(row in case.nets for row, _, _ in cuts)
        multipliers = {p: np.array([random.uniform(-8.0, 8.0) for _ in range(3)]) for p in case.pies}
        prices = {row: random.uniform(-8.0, 8.0) for row in case.nets}
        tree = TreeBound(case.retired_within(0), cuts)
        for priced in (prices, {}, dict.fromkeys(prices, 0.0)):
            bound = tree.evaluate(multipliers, priced)
            assert bound <= best + 1e-9 * max(1.0, abs(best)), (bound, best, cuts, multipliers, priced)

    every_branch()
    print(f"\n{some.__name__}: {seen} branches, {cut} with a net order cut")
    assert cut >= examples / 5


@pytest.mark.parametrize(("some", "examples"), [(several_accounts, 200), (several_stepped, 200)])
def test_no_plan_is_outside_what_is_narrowed(some: Callable[..., st.SearchStrategy[Ruled]], examples: int) -> None:
    """Orders cut anywhere, as between two steps: what the sums leave has every plan of the branch."""
    seen = empty = tight = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(some(most_value=8), st.randoms(use_true_random=False))
    def every_branch(account: Ruled, random: Random) -> None:
        nonlocal seen, empty, tight
        case = case_of(account)
        if case is None or not case.nets:
            return
        cuts = []
        for row in (random.choice(list(case.nets)), random.choice(case.orders.tolist())):
            least, most = int(case.flow_min[row]), int(case.flow_max[row])
            ends = [random.randint(least, max(least, most)) for _ in "ab"]
            cuts.append((row, min(ends), max(ends)))
        grid = plans_in_branch(case, cuts)
        if grid is None:
            return
        tree = TreeBound(case, cuts)
        seen += 1
        empty += tree.empty
        if not len(grid):
            return
        assert not tree.empty, (cuts, grid[0])
        assert (grid >= tree.low[case.leaves]).all(), (cuts, tree.low)
        assert (grid <= tree.high[case.leaves]).all(), (cuts, tree.high)
        for row, leaves in case.nets.items():
            ordered = grid[:, np.isin(case.leaves, leaves)].sum(axis=1)
            assert ordered.min() >= tree.low[row]
            assert ordered.max() <= tree.high[row]
            tight += ordered.min() == tree.low[row] and ordered.max() == tree.high[row]

    every_branch()
    print(f"\n{some.__name__}: {seen} branches, {empty} seen to be empty, {tight} net orders with nothing to spare")
    assert min(seen, empty, tight) >= examples / 10


def test_a_leaf_that_must_trade_is_seen_from_two_pies_above() -> None:
    """Its pies then trade as well, though none of their free leaves does: a branch in which nothing else is missing."""
    inner = Pie((Slice("q", 1, Pie((Slice("a", 1, Holding("A")),))),))
    case = case_of((Portfolio(Pie((Slice("p", 1, inner), Slice("b", 1, Holding("B"))))), Deposit(20), 6))
    assert case is not None
    leaf = case.tree.slice_ids.index("a")
    for part in case.parts(leaf):
        best = best_in_branch(case, [(leaf, *part)])
        assert best is not None
        bound = TreeBound(case, [(leaf, *part)]).evaluate({p: np.zeros(1) for p in case.pies})
        assert bound <= best + 1e-9


def cost_exactly(problem: Problem, row: int, price: Fraction, x: int) -> Fraction:
    """f(x) − λ x."""
    scale, slope = Fraction(float(problem.scale[row])), Fraction(float(problem.slope[row]))
    off = x - int(problem.ideal_whole[row]) - Fraction(float(problem.ideal_part[row]))
    return off**2 / scale + 2 * slope * off - price * x


def cheapest_exactly(problem: Problem, row: int, price: Fraction) -> Fraction:
    """The least of it over whole cents that a leaf of a flat account may trade; of all others, what they cost at rest."""
    if row not in problem.leaves:
        return cost_exactly(problem, row, price, 0)
    low, high = (int(ends[row]) for ends in (problem.flow_min, problem.flow_max))
    scale, slope = Fraction(float(problem.scale[row])), Fraction(float(problem.slope[row]))
    ideal = int(problem.ideal_whole[row]) + Fraction(float(problem.ideal_part[row]))
    vertex = floor(ideal + (price - 2 * slope) * scale / 2)
    return min(cost_exactly(problem, row, price, min(max(vertex + k, low), high)) for k in (0, 1))


FAR_APART = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 3), st.integers(10**8, 10**9)), st.one_of(st.integers(0, 100), st.integers(0, 10**11))
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(FAR_APART, st.one_of(st.integers(1, 1_000), st.integers(1, 10**11)), st.integers(0, 5), st.integers(-15, -2))
def test_rounding_never_lifts_it_above_what_it_is_in_fractions(
    slices: list[tuple[int, int]], amount: int, near: int, power: int
) -> None:
    """On scales that are as far apart as weights and money allow, at nearly the price at which one slice rests."""
    case = case_of((flat(*slices), Deposit(amount), Rules()))
    if case is None or not case.gapless:
        return
    row = int(case.leaves[near % len(case.leaves)])
    price = float(2 * case.slope[row] - 2 * case.ideal[row] / case.scale[row]) * (1 + 10.0**power)
    tree, at, here = TreeBound(case, ()), np.array([price]), np.array([row])
    exactly = [cheapest_exactly(case, n, Fraction(price)) for n in np.flatnonzero(case.scale > 0).tolist()]
    money = int(case.received[case.event_row])
    total = sum(exactly) + min(Fraction(price) * (money - case.spare), Fraction(price) * money)
    assert Fraction(tree.evaluate({case.event_row: at})) <= total
    alone = tree._cheapest(here, at, case.flow_min[here], case.flow_max[here])
    rest = cost_exactly(case, row, Fraction(price), 0)
    assert Fraction(float(alone[0, 0])) <= cheapest_exactly(case, row, Fraction(price)) - rest
