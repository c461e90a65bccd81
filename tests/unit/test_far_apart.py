"""Scales that lie far apart: sums of doubles prove nothing that they hide, and no search waits for single cents."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import Budget
from solver.building import build_problem
from solver.bulk import plan_columns
from solver.cash import decide_cash
from solver.certificate import broken_rules, measure
from solver.columns import BOUND_SOURCES, QUALITIES, Accounts, account_of
from solver.engines.kernel import engine
from solver.engines.kernel.cents import exact
from solver.engines.kernel.curves import tighten
from solver.engines.kernel.loop import plan_all
from solver.engines.kernel.memory import new_work
from solver.engines.kernel.posing import pose
from solver.engines.kernel.prices import at_least, lowered, price_bound
from solver.engines.kernel.rows import new_sheet
from solver.engines.kernel.tree import load
from solver.problem import Problem
from solver.situations import Understood, understand

RECOMPUTED = BOUND_SOURCES.index("RECOMPUTED")
TOLD = 1e-9  # of J: what a proof allows
# each sells one slice with next to no target, whose term at rest is a million times J and more
OVERWEIGHT = (
    ((1, 999999988, 999999991, 999999988), (20000, 499995004, 499995003, 499994998), 10_000),
    ((1, 999999989, 999999988, 999999988), (1499213, 2834120, 2833333, 2833333), 1_000_000),
    ((1, 999999991, 999999992, 999999991), (200002, 499950004, 499950004, 499950003), 100_001),
    ((1, 2, 2, 2), (5_000, 10_000, 10_000, 10_050), 10),
)


def least(lows: list[tuple[int, int]], ideal: Fraction, scale: Fraction, price: Fraction) -> Fraction:
    vertex = (ideal + price * scale / 2) // 1
    trades = [min(max(x, low), high) for low, high in lows for x in (int(vertex), int(vertex) + 1)]
    return min((x - ideal) ** 2 / scale - price * x for x in trades)


def best_bound(weights: tuple[int, ...], values: tuple[int, ...], m: int, prices: list[float]) -> tuple[Fraction, ...]:
    """The bound by counts of a rebalance without cash in fractions, by one price and by each count's best."""
    money, total, count = sum(values), sum(weights), len(weights)
    scale = [Fraction(w * money, total) for w in weights]
    single, counted = Fraction(-1), [Fraction(-(10**40))] * (count + 1)
    for price in map(Fraction, prices):
        bound, gains = min(Fraction(0), -price * (m - 1)), []
        for value, worth in zip(values, scale, strict=True):
            rest = (worth - value) ** 2 / worth
            gains.append(least([(m, money), (-value, -m)], worth - value, worth, price) - rest)
            bound += rest
        single = max(single, bound + sum(min(gain, Fraction(0)) for gain in gains))
        for k in range(count + 1):
            counted[k] = max(counted[k], bound + sum(sorted(gains)[:k]))
    return single, min(counted)


@pytest.mark.parametrize(("weights", "values", "m"), OVERWEIGHT)
def test_a_bound_that_is_said_to_be_recomputed_is_one(
    weights: tuple[int, ...], values: tuple[int, ...], m: int
) -> None:
    rows, once = len(weights) + 1, np.array([3], dtype=np.int64)
    tree = {"parent": [-1] + [0] * len(weights), "target_weight": [1, *weights], "value": [0, *values]}
    columns = {name: np.array(column, dtype=np.int64) for name, column in tree.items()}
    by_account = {"event": once, "amount": 0 * once, "event_row": 0 * once, "cash": 0 * once, "min_trade": 0 * once + m}
    blocked = np.zeros(rows, dtype=np.int64)
    plans = plan_all(Accounts(start=np.array([0, rows]), blocked=blocked, **by_account, **columns))
    if plans.bound_source[0] != RECOMPUTED:
        assert max(weights) > 2  # which is confirmed where nothing lies far apart
        return
    error = Fraction(float(plans.tracking_error[0]))
    assert max(best_bound(weights, values, m, plans.multiplier.tolist())) >= error - Fraction(TOLD) * max(
        Fraction(1), error
    )


def test_a_relaxation_that_is_off_by_billions_of_cents_makes_the_same_plan() -> None:
    """Cent by cent the exchange would not end while anybody waits."""
    columns = ([-1, 0, 0, 2, 2], [1, 3, 2, 1, 4], [0] * 5, [0] * 5)
    once = [np.array([figure], dtype=np.int64) for figure in (1, 10**12, 0, 0, 0)]
    by_row = [np.array(column, dtype=np.int64) for column in columns]
    sheet, tree = new_sheet(5), new_work(5, 3, 16, 64).tree
    assert pose(Accounts(np.array([0, 5]), *once, *by_row), 0, sheet)
    assert load(sheet.head[0], sheet.rows, tree)
    tree["state"] = tree["domain"]
    assert tighten(tree, False)
    found = []
    for off in (0.0, 10.0**11):
        tree["real"][:5] = tree["part"][:5]
        tree["real"][[1, 3]] += off
        tree["real"][[2, 4]] -= off
        found.append((exact(tree), tree["e"][1:5].tolist()))
    assert found[0] == found[1]
    assert found[0][0] < 1.0


# withdrawals of what lies in slices with next to no target, and of a little more: what each trades in one best plan
RAISED = (
    (
        [-1, 0, 0, 0, 0, 0, 5, 5, 5],
        [1, 56645802, 56090451, 1, 56090451, 164939247, 54979749, 55535100, 54424398],
        [0, 156609, 155073, 761149, 155073, 0, 152003, 153538, 150467],
        100,
        [0, -156, 0, -761149, 0, 0, 0, 0, 0],
    ),
    (
        [-1, 0, 0, 0, 0, 0, 0],
        [1, 102556476, 189574092, 200451294, 1, 1, 142957512],
        [0, 12308, 23574, 24124, 43092997, 643402258, 18199],
        2_500,
        [0, 0, -3941, 0, -43092997, -643402258, 0],
    ),
    (
        [-1, 0, 0, 0, 3, 3, 3, 3, 3],
        [1, 119867424, 1, 504442077, 123613281, 137348090, 123613281, 119867424, 1],
        [0, 10172, 5006, 0, 10490, 11656, 10490, 10172, 33681780],
        2_500,
        [0, 0, -5006, 0, 0, -2772, -2500, 0, -33681780],
    ),
    (
        [-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 26413700, 26413700, 1, 26941974, 26413700, 26413700, 26149563, 26149563, 25885426, 5],
        [0, 1162, 1162, 5486, 1185, 1162, 1162, 1150, 1150, 1138, 169860028],
        336,
        [0, -399, -400, -5486, -407, -400, 0, 0, 0, 0, -169860028],
    ),
)


# deposits that all go where the target is, at a price at which its terms are a billion times J (the first row is the root)
DEAR = (
    ([1, 2, 999999995], [0, 0, 0], 280, 100, "0x1.5499144124924p+26"),
    ([1, 1, 999999981], [0, 0, 2450], 2_964, 2_500, "0x1.b85fc96140c7dp+27"),
    ([1, 2, 10**9], [0, 0, 0], 1_934_712_524, 812_622_811, "0x1.90908eb1ea5c4p+26"),
)


def columns_of(kind: int, parent: list[int], weight: list[int], value: list[int], amount: int, m: int) -> Accounts:
    """One account, and what happens to it."""
    by_account = [np.array([figure], dtype=np.int64) for figure in (kind, amount, 0, 0, m)]
    by_row = [np.array(column, dtype=np.int64) for column in (parent, weight, value, [0] * len(parent))]
    return Accounts(np.array([0, len(parent)]), *by_account, *by_row)


def case_of(columns: Accounts) -> Problem:
    understood = understand(*account_of(columns, 0))
    assert isinstance(understood, Understood)
    return decide_cash(build_problem(understood.situation)).cases[0]


@pytest.mark.parametrize("raised", RAISED)
def test_no_plan_is_proved_while_another_costs_less(
    raised: tuple[list[int], list[int], list[int], int, list[int]],
) -> None:
    """A bound by counts that summed from all at rest was above J of the better plan, and closed its branch."""
    *rows, m, trade = raised
    columns = columns_of(2, *rows, -sum(trade), m)
    case = case_of(columns)
    assert broken_rules(case, trade) == []
    other = measure(case, np.array(trade)).tracking_error
    plans = plan_columns(columns).plans
    assert plans.quality[0] == QUALITIES.index("OPTIMAL")
    assert plans.tracking_error[0] <= other + TOLD * max(1.0, other)
    for easy_branches in (0, engine.EASY):
        found = engine.solve(case, Budget(), easy_branches)
        assert found is not None
        assert found.proved
        assert found.error <= other + TOLD * max(1.0, other)


@pytest.mark.parametrize(("weight", "value", "amount", "m", "price"), DEAR)
def test_a_bound_by_prices_is_not_above_the_plan(
    weight: list[int], value: list[int], amount: int, m: int, price: str
) -> None:
    """What one price adds for the money is taken off again, but for a rounding error that may be more than a proof's."""
    case = case_of(columns_of(1, [-1, 0, 0], weight, value, amount, m))
    found = engine.solve(case, Budget())
    assert found is not None
    work = engine.memory_for(case)
    assert load(*engine.posed_of(case), work.tree)
    work.tree["state"], work.tree["price"][0] = work.tree["domain"], float.fromhex(price)
    assert price_bound(work.tree) <= found.error + TOLD * max(1.0, found.error)


def test_what_is_lowered_is_no_more_than_it_is_in_fractions() -> None:
    """Of one cost, and of a sum whose terms cancel; in plain Python, whose doubles round as the compiled ones do."""
    draw = Random(1)
    cost, summed = (getattr(function, "py_func", function) for function in (at_least, lowered))
    for _ in range(2_000):
        scale, part, e = 10.0 ** draw.uniform(-3, 11), draw.random(), float(draw.randrange(-(10**9), 10**9))
        inverse, price = 1.0 / scale, 2.0 * (e - part) / scale * draw.choice([0.5, 0.5, draw.random()])
        node = SimpleNamespace(part=part, inverse=inverse, tilt=0.0)
        exact_cost = (Fraction(e) - Fraction(part)) ** 2 * Fraction(inverse) - Fraction(price) * Fraction(e)
        assert Fraction(cost(node, e, price)) <= exact_cost
        terms = [draw.uniform(-1, 1) * 10.0 ** draw.uniform(0, 15) for _ in range(9)]
        terms.append(-sum(terms))
        total = 0.0
        for term in terms:
            total += term
        assert Fraction(summed(total, sum(map(abs, terms)), len(terms))) <= sum(map(Fraction, terms))
