"""What stage 1 is made of: the cases that it leaves, what single orders can bring or take, what their sums leave.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solver.problem import Problem
from solver.sums import MIN_INTERVALS, Intervals, reachable

__all__ = ["CashStage", "least_left", "less", "most_of", "purchases", "sales", "sales_in_steps"]


@dataclass(frozen=True, slots=True)
class CashStage:
    """The problems that rank best and equal in cash (one, but for ties between idle pies), and if that is proved.

    Where it is not, the problem may allow more cash than ranks best; plans that leave up to ``sure`` do rank best.
    """

    cases: tuple[Problem, ...]
    exact: bool
    sure: int = -1


def less(problem: Problem, p: int, cash: int) -> Problem:
    """The same problem with ``cash`` of what pie ``p`` received staying cash."""
    received = problem.received.copy()
    received[p] -= cash
    received.setflags(write=False)
    return replace(problem, received=received, idle_cash=problem.idle_cash + cash)


def most_of(problem: Problem, orders: np.ndarray) -> np.ndarray:
    """The greatest trade of each of ``orders``; negative where it has to sell."""
    most = np.where(problem.flow_max[orders] >= 0, 0, np.iinfo(np.int64).min)
    for low, high in problem.ranges(orders):
        high = np.minimum(high, problem.flow_max[orders])
        most = np.where(low <= high, np.maximum(most, high), most)
    for i in np.flatnonzero(most < 0).tolist() if problem.steps else ():
        most[i] = -_least_sale(problem, int(orders[i]), -int(most[i]))
    return most


def _least_sale(problem: Problem, row: int, least: int) -> int:
    """The smallest sale of ``least`` or more: of a part in whole steps, or of all."""
    steps, closes = problem.steps.get(row), int(problem.closes[row])
    if steps is None or least == closes:
        return least
    amount = steps.amount(steps.reaching(least))
    return amount if amount <= problem.sell_max[row] else closes or least


def least_left(problem: Problem, orders: np.ndarray, money: int) -> tuple[int, bool]:
    """The least of ``money`` that ``orders`` leave, and whether that is exact.

    Where none need be more than m they come within m of every sum up to the greatest. Elsewhere, and where a
    withdrawal has to be paid, all sums are looked at, each order counted from its greatest sale.
    """
    if money >= 0 and (problem.steps or problem.order_size <= max(1, problem.min_trade)):
        return max(0, money - int(most_of(problem, orders).sum())), True
    ranges, start = [], 0
    shut = [p for p in problem.situation.rebalanced if money < 0 and problem.flow_min[p] == 0]
    kept = {row for p in shut for row in problem.tree.below(p)}  # what is sold there stays there,
    closed = {row for p in shut if not problem.flow_max[p] for row in problem.tree.below(p)}  # but some may get more
    for c in (row for row in orders.tolist() if row not in closed):
        parts = [(int(low[0]), int(high[0])) for low, high in problem.ranges(np.array([c]))] + [(0, 0)]
        parts = [(low, min(high, int(problem.flow_max[c]))) for low, high in parts]
        parts = [(low, high) for low, high in parts if low <= high and (low >= 0 or c not in kept)] or [(0, 0)]
        lowest = min(low for low, _ in parts)
        ranges.append([(low - lowest, high - lowest) for low, high in parts])
        start += lowest
    sums, exact = reachable(ranges, money - start)
    return money - start - max(min(high, money - start) for low, high in sums if low <= money - start), exact


def purchases(problem: Problem, row: int, money: int) -> tuple[Intervals, bool]:
    """What ``row`` may buy for ``money``: a range, or the amounts of its steps; and whether all of these are listed."""
    least, most = int(problem.buy_min[row]), min(int(problem.buy_max[row]), money)
    return _amounts(problem, row, least, most, MIN_INTERVALS)


def sales(problem: Problem, row: int) -> Intervals:
    """What the order ``row`` may sell: a part, all of it."""
    parts = [(int(problem.sell_min[row]), int(problem.sell_max[row])), (int(problem.closes[row]),) * 2]
    return [part for part in parts if part[1] > 0]


def sales_in_steps(problem: Problem, row: int, most: int, count: int) -> tuple[Intervals, bool]:
    """As ``sales`` up to about ``most``, of a part in steps about ``count`` amounts; and whether all are listed."""
    steps, end = problem.steps.get(row), int(problem.sell_max[row])
    if steps is None or not end:
        return sales(problem, row), True
    found, listed = _amounts(problem, row, int(problem.sell_min[row]), min(end, most + steps.most), count)
    return found + [part for part in sales(problem, row) if part[0] == problem.closes[row]], listed


def _amounts(problem: Problem, row: int, least: int, most: int, count: int) -> tuple[Intervals, bool]:
    """The amounts of an order between ``least`` and ``most``: a range, or about ``count`` of its steps."""
    steps = problem.steps.get(row)
    if steps is None:
        return ([(least, most)] if least <= most else []), True
    counts = range(steps.reaching(least), steps.within(most) + 1)
    thinned = counts[:: max(1, len(counts) // count)]
    return [(steps.amount(k),) * 2 for k in thinned], len(thinned) == len(counts)
