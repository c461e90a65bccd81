"""Stage 1, cash: how much may be left over, decided exactly and in integers before any engine is asked.

Only sums matter here: the pies impose nothing on a one-sided event but its total. A withdrawal asks which totals
the sales can make at all (a union of integer intervals), a deposit or a liquidation which pies can place what
they were given. Both are small dynamic programs, so that the answer needs no search and the checker can
compute it again.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from solver.ideal import Mode
from solver.problem import Problem

__all__ = ["CashStage", "Intervals", "decide_cash", "reachable"]

MAX_INTERVALS = 4_096  # kept apart at the most; beyond, neighbours are merged and the stage is no longer exact
MAX_CASES = 16  # sets of idle pies that tie

Intervals = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CashStage:
    """The problems that rank best and equal in cash (one, but for ties between idle pies), and if that is proved."""

    cases: tuple[Problem, ...]
    exact: bool


def decide_cash(problem: Problem) -> CashStage:
    """Fix what cash may be left.

    Deposit, liquidation: Σ r_p least, r_p > 0 only where the leaves below p buy nothing.
    Withdrawal: r = 0 where that closes no position under m that the ideal keeps, else 0 ≤ r ≤ r_min + m.
    Rebalance: 0 ≤ r < m.
    """
    mode = problem.situation.mode
    if mode is Mode.REBALANCING:
        return CashStage((replace(problem, spare=max(0, problem.min_trade - 1)),), True)
    if mode is Mode.SELLING:
        return _withdrawal(problem)
    best = _placements(problem, problem.event_row)
    within = [(cash, idle) for need, cash, idle in best if need == 0]
    least = min(cash for cash, _ in within)
    cases = tuple(problem.leaving_idle(idle, least) for cash, idle in within if cash == least)
    return CashStage(cases, len(best) < MAX_CASES)


Placement = tuple[int, int, frozenset[int]]  # money needed from above, cash left below, pies left idle


def _placements(problem: Problem, p: int) -> list[Placement]:
    """The undominated ways for pie ``p`` to place what it and the pies below it received."""
    tree, received = problem.tree, problem.received
    rows = tree.below(p)
    total = int(received[rows.start : rows.stop].sum())
    if total == 0:
        return [(0, 0, frozenset())]
    combined: list[Placement] = [(0, 0, frozenset())]
    fed_below = set()
    for c in tree.children[p]:
        below = tree.below(c)
        if received[below.start : below.stop].any():
            fed_below.add(c)
            options = _placements(problem, c)
            combined = _undominated([(n + k, r + s, i | j) for n, r, i in combined for k, s, j in options])
    own = int(received[p])
    found: list[Placement] = [(0, total, frozenset((p,)))]
    for need, cash, idle in combined:
        if fed_below - idle and not fed_below <= idle:  # somebody below buys and takes whatever is over
            found.append((max(0, need - own), cash, idle))
        elif own > 0 and _has_open_leaf(problem, p, idle):
            found.append((max(0, int(problem.buy_min.max()) - own), cash, idle))
    return _undominated(found)


def _has_open_leaf(problem: Problem, p: int, idle: frozenset[int]) -> bool:
    closed = {row for i in idle for row in problem.tree.below(i)}
    return any(problem.buy_max[row] > 0 for row in problem.tree.below(p) if row not in closed)


def _undominated(options: list[Placement]) -> list[Placement]:
    kept: list[Placement] = []
    for one in sorted(options, key=lambda o: (o[0], o[1], sorted(o[2]))):
        if not any(k[0] <= one[0] and k[1] < one[1] for k in kept) and one not in kept:
            kept.append(one)
    return kept[:MAX_CASES]


def _withdrawal(problem: Problem) -> CashStage:
    """Which surplus ranks best: see ``decide_cash``."""
    wanted = -int(problem.received[problem.event_row])
    leaves = problem.leaves
    whole_only = problem.sell_max[leaves] < problem.min_trade
    kept_by_ideal = problem.value[leaves] + problem.ideal_whole[leaves] >= 1  # at least a cent of it stays
    gentle = leaves[~(whole_only & kept_by_ideal)]
    limit = wanted + 2 * problem.min_trade
    sums, exact = reachable(problem, gentle, wanted)
    if any(low <= wanted <= high for low, high in sums):
        return CashStage((problem,), exact)
    everything, all_exact = reachable(problem, leaves, limit)
    least = min((max(low, wanted) for low, high in everything if high >= wanted), default=wanted) - wanted
    return CashStage((replace(problem, spare=least + problem.min_trade),), exact and all_exact)


def reachable(problem: Problem, leaves: np.ndarray, limit: int) -> tuple[Intervals, bool]:
    """The totals up to about ``limit`` that sales of ``leaves`` can make, as disjoint sorted intervals."""
    sums: Intervals = [(0, 0)]
    exact = True
    lows, highs = problem.sell_min[leaves].tolist(), problem.sell_max[leaves].tolist()
    for low, high in sorted(zip(lows, highs, strict=True), key=lambda d: (d[0] - d[1], -d[1])):
        shifted = [(a + low, b + high) for a, b in sums if a + low <= limit]
        sums = _merged(sums + shifted)
        if len(sums) > MAX_INTERVALS:
            sums, exact = _coarser(sums), False
    beyond = int(problem.sell_max[leaves].sum())
    return (sums if any(b >= limit for _, b in sums) else _merged([*sums, (beyond, beyond)])), exact


def _merged(intervals: Intervals) -> Intervals:
    merged: Intervals = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _coarser(intervals: Intervals) -> Intervals:
    """Close the narrowest half of the gaps: more than can be reached, so a bound on it stays a bound."""
    gaps = sorted(b[0] - a[1] for a, b in pairwise(intervals))
    width = gaps[len(gaps) // 2]
    merged = intervals[:1]
    for low, high in intervals[1:]:
        if low - merged[-1][1] <= width:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged
