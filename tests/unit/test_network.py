"""Exact cents with net orders against every flow there is, and the multipliers that prove them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from random import Random

import numpy as np
import pytest

from solver import (
    Block,
    BlockReason,
    Deposit,
    Engine,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    Withdrawal,
    plan,
)
from solver.bound import TreeBound
from solver.cents import leaf_intervals, tracking_error, trades_within
from solver.domains import Limits
from solver.network import Network
from solver.problem import CLOSES, Ints, Problem
from tests.unit.posing import posed, row

NETS = {"S": ("a", "b", "c"), "T": ("d", "e")}
BLOCKED = dict.fromkeys("ab", Limits(no_buy=("rule",)))


def account(random: Random) -> Portfolio:
    """S in a, b and c, T in d and e, over three pies; the rest is anything small."""

    def leaf(name: str, security: str) -> Slice:
        return Slice(name, random.choice([0, 1, 1, 2, 3]), Holding(security, random.choice([0, 1, 2, 3, 4])))

    inner = Slice("q", random.choice([0, 1, 2]), Pie((leaf("b", "S"), Slice("e", 1, Holding("T", 2)))))
    nested = Slice("p", random.choice([1, 2]), Pie((leaf("a", "S"), inner, Slice("x", 1, Holding("X", 2)))))
    return Portfolio(Pie((nested, Slice("c", random.choice([0, 1, 2]), Holding("S", 3)), leaf("d", "T"))), 2)


def drawn(random: Random) -> tuple[Problem, Ints, Ints]:
    """A problem with two net orders, some cash that may be left, and bounds: a few cents for each slice."""
    events: list[Event] = [Deposit(random.randint(0, 6)), Withdrawal(random.randint(3, 9)), Rebalance()]
    limits = {"S": Limits(random.choice([2, 3, 4])), "T": Limits(random.choice([2, 3]), least=random.choice([0, 3]))}
    of_slices = {name: limits[security] for security, names in NETS.items() for name in names}
    problem = posed(account(random), random.choice(events), limits=of_slices)
    problem = replace(problem, spare=random.choice([0, 0, 1, 3]))
    sides = np.zeros(len(problem.value), dtype=np.int64)
    for order in problem.orders.tolist():
        sides[order] = random.choice([1, -1, CLOSES, 0])
    low, high = leaf_intervals(problem, random.choice([sides, None]))
    wide = trades_within(problem, low, high)
    if wide is None:
        return problem, low, high
    for leaf in problem.leaves.tolist():
        near = wide[leaf] + random.choice([-2, -1, 0, 0, 1, 2])
        low[leaf], high[leaf] = max(low[leaf], min(near - 2, high[leaf])), min(high[leaf], max(near + 1, low[leaf]))
    return problem, low, high


def every_flow(problem: Problem, low: Ints, high: Ints) -> list[Ints]:
    """All trades between the bounds whose money adds up in every pie, one array a plan."""
    leaves = problem.leaves.tolist()
    found = []
    for amounts in product(*(range(low[leaf], high[leaf] + 1) for leaf in leaves)):
        moved = np.zeros(len(problem.value), dtype=np.int64)
        moved[leaves] = amounts
        flows = problem.flows(moved)
        bound = [*problem.pies[1:], *problem.nets]
        left = int(problem.received.sum()) - sum(amounts)
        if 0 <= left <= problem.spare and ((low[bound] <= flows[bound]) & (flows[bound] <= high[bound])).all():
            found.append(moved)
    return found


def error_of(problem: Problem, moved: Ints) -> float:
    return tracking_error(problem, problem.flows(moved))


@cache
def cases() -> tuple[tuple[Problem, Ints, Ints, Ints | None], ...]:
    """Problems of two net orders and their bounds, and what was found between them."""
    found = []
    for problem, low, high in map(drawn, map(Random, range(400))):
        if len(problem.nets) == 2 and np.prod(np.maximum(0, high - low + 1)[problem.leaves]) <= 4_096:
            found.append((problem, low, high, trades_within(problem, low, high)))
    return tuple(found)


def solved() -> Iterator[tuple[Problem, Ints, Ints, Ints]]:
    for problem, low, high, found in cases():
        if found is not None:
            yield problem, low, high, found


def test_the_cases_are_worth_it() -> None:
    assert len(list(solved())) >= 100
    assert len(cases()) - len(list(solved())) >= 100
    assert len({problem.situation.mode for problem, *_ in solved()}) == 3
    lefts = [(int(problem.received.sum() - found.sum()), problem.spare) for problem, _, _, found in solved()]
    assert sum(0 < left < spare for left, spare in lefts) >= 5


def test_least_of_all_flows() -> None:
    for problem, low, high, found in cases():
        plans = every_flow(problem, low, high)
        if found is None:
            assert not plans
            continue
        assert any((found == one).all() for one in plans)
        best = min(error_of(problem, one) for one in plans)
        assert error_of(problem, found) == pytest.approx(best, abs=1e-9)


def test_the_start_does_not_matter() -> None:
    """From any flows whose money adds up, whether they keep to what may be ordered or not."""
    for problem, low, high, found in solved():
        loose_low, loose_high = low.copy(), high.copy()
        for at in problem.nets:
            loose_low[at], loose_high[at] = -99, 99
        start = every_flow(problem, loose_low, loose_high)[-1]
        settled = Network(problem, low, high).settled(problem.flows(start))
        assert settled is not None
        moved = np.zeros_like(found)
        moved[problem.leaves] = settled[problem.leaves]
        assert error_of(problem, moved) == pytest.approx(error_of(problem, found), abs=1e-9)


def test_multipliers_prove_it() -> None:
    """Every x_c minimises h_c(x) − (λ + μ) x over its interval, every pie and every net order does likewise."""
    for problem, low, high, found in solved():
        flows = problem.flows(found)
        pies, prices = Network(problem, low, high).potentials(flows)
        assert set(pies) == set(problem.pies)
        assert set(prices) == set(problem.nets)
        for p, rows in zip(problem.pies, problem.children, strict=True):
            for c in rows.tolist():
                price = pies[p] + prices.get(int(problem.order_row[c]), 0.0) - pies.get(c, 0.0)
                worth = [cost(problem, c, x) - price * x for x in range(low[c], high[c] + 1)]
                assert worth[flows[c] - low[c]] <= min(worth) + 1e-9
        for at, price in prices.items():
            assert price * flows[at] <= min(price * low[at], price * high[at]) + 1e-9
        left = int(problem.received.sum() - found.sum())
        event = pies[problem.event_row]
        assert event <= 1e-9 or left == problem.spare  # a cent more to place costs λ, a cent less saves it
        assert event >= -1e-9 or left == 0


def cost(problem: Problem, at: int, x: int) -> float:
    off = x - problem.ideal_whole[at] - problem.ideal_part[at]
    scale = problem.scale[at]
    return float(off * off / scale + 2.0 * problem.slope[at] * off) if scale > 0 else 0.0


def test_the_bound_of_these_multipliers_is_met() -> None:
    """In the branch in which every order has one interval, all of which it may trade, the bound is J itself."""
    met = 0
    for problem, low, high, found in solved():
        rows = [*problem.leaves.tolist(), *problem.nets]
        cuts = [(at, int(low[at]), int(high[at])) for at in rows]
        if all(one_interval(problem, *cut) for cut in cuts if cut[0] in problem.orders):
            pies, prices = Network(problem, low, high).potentials(problem.flows(found))
            multipliers = {p: np.array([multiplier]) for p, multiplier in pies.items()}
            bound = TreeBound(problem, cuts).evaluate(multipliers, prices)
            assert bound == pytest.approx(error_of(problem, found), abs=1e-9)
            met += 1
    assert met >= 20


def one_interval(problem: Problem, at: int, low: int, high: int) -> bool:
    parts = [(int(least[0]), int(most[0])) for least, most in problem.ranges(np.array([at]))] + [(0, 0)]
    return all(any(least <= x <= most for least, most in parts) for x in range(low, high + 1))


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_what_one_slice_gives_another_takes() -> None:
    """p = S 100, P 100 and q = S 60, Q 140 are to be even: the 40 of S that q wants are not all that it gets.

    S may not be bought, so that p gives 0 to 100 and q takes no more than that.
    """
    p = Pie((Slice("a", 1, Holding("S", 100)), Slice("x", 1, Holding("P", 100))))
    q = Pie((Slice("b", 1, Holding("S", 60)), Slice("y", 1, Holding("Q", 140))))
    problem = posed(Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q)))), Rebalance(), limits=BLOCKED)
    (at,) = problem.nets
    found = trades_within(problem, problem.flow_min, problem.flow_max)
    assert found is not None
    # Σ = ½·(−u)²/100·2 + …: with u of S handed over, a is u below, x is u above, b and y are 40 − u off
    assert {name: int(found[row(problem, name)]) for name in "axby"} == {"a": -20, "x": 20, "b": 20, "y": -20}
    assert problem.ordered(found)[at] == 0
    assert error_of(problem, found) == pytest.approx(4 * 20**2 / 100)


def test_no_flow_where_the_order_can_not_be_what_it_must() -> None:
    """All of S is to be sold, and q can not take what comes of it."""
    problem = posed(account(Random(0)), Rebalance(), limits=dict.fromkeys("abc", Limits(2)))
    low, high = problem.flow_min.copy(), problem.flow_max.copy()
    (at,) = problem.nets
    total = int(problem.value[at])
    high[at] = -total
    assert trades_within(problem, low, high) is not None
    low[at] = high[at] = -total - 1
    assert trades_within(problem, low, high) is None


PIES = (
    Pie((Slice("a", 3, Holding("A", 9_000_00)), Slice("b", 2, Holding("B", 1_000_00)))),
    Pie((Slice("c", 1, Holding("A", 500_00)), Slice("d", 4, Holding("D", 7_000_00)))),
)
NESTED = Portfolio(Pie((Slice("p", 1, PIES[0]), Slice("q", 1, PIES[1]))), 50_00)
FULL = Pie(
    (
        Slice("a", 5, Holding("A", 530_00)),
        Slice("b", 3, Holding("B", 250_00)),
        Slice("c", 1, Holding("A", 120_00)),
        Slice("d", 1, Holding("D", 20_00)),
    )
)
KEEPS = Portfolio(FULL, 80_00, securities=(Security("D", blocks=(Block(Side.BUY, BlockReason.HALTED),)),))


@pytest.mark.parametrize(("portfolio", "left"), [(NESTED, range(100_00)), (KEEPS, range(70_00, 90_00))])
def test_few_cents_are_left_to_move(portfolio: Portfolio, left: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near HiGHS's optimum, with the cash that it leaves: not every cent of an order that may stay is moved alone."""
    moved = []
    gains = Network._gains
    monkeypatch.setattr(Network, "_gains", lambda *given: moved.append(1) or gains(*given))
    answer = plan(portfolio, Rebalance(), Rules(100_00 if portfolio is NESTED else 90_00), Engine.HIGHS)
    assert isinstance(answer, Plan)
    assert answer.certificate.quality is Quality.OPTIMAL
    assert answer.certificate.cash_left in left
    assert len(moved) < 500
