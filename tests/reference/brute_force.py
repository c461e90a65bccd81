"""Every plan of a small tree, every cent: the answer that nobody has to trust.

Shares nothing with the solver but the arrays of a ``Problem``: domains, constants of J and R. Cash ranks are worked
out here from PROBLEM.md's words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.ideal import Mode
from solver.problem import Problem

MOST_PLANS = 3_000_000


@dataclass(frozen=True)
class Best:
    """The best rank there is: cash left, retired excess and J of one best plan, and all surpluses that rank equal."""

    allowed_cash: frozenset[int]
    excess: int
    error: float


def domains(problem: Problem) -> list[np.ndarray]:
    """What each leaf that may trade can trade, in cents."""
    found = []
    for leaf in problem.leaves.tolist():
        buys = range(int(problem.buy_min[leaf]), int(problem.buy_max[leaf]) + 1) if problem.buy_max[leaf] else ()
        sells = range(int(problem.sell_min[leaf]), int(problem.sell_max[leaf]) + 1) if problem.sell_max[leaf] else ()
        found.append(np.array(sorted({0, *buys, *(-s for s in sells)}), dtype=np.int64))
    return found


def brute_force(problem: Problem) -> Best | None:
    """The best plan by enumeration, or ``None`` where there are too many to look at."""
    choices = domains(problem)
    count = 1
    for choice in choices:
        count *= len(choice)
        if count > MOST_PLANS:
            return None
    if not choices:
        return Best(
            frozenset({int(problem.received.sum())}), 0, _score(problem, np.zeros((1, 0), dtype=np.int64))[1][0]
        )
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*choices, indexing="ij")], axis=1)
    grid = grid[_conserves(problem, grid)]
    left = int(problem.received.sum()) - grid.sum(axis=1)
    allowed = _best_cash(problem, grid, left)
    grid, left = grid[allowed], left[allowed]
    excess, error = _score(problem, grid)
    least = excess.min()
    return Best(frozenset(left.tolist()), int(least), float(error[excess == least].min()))


def measured(problem: Problem, trades: list[int]) -> tuple[int, int, float]:
    """Cash left, retired excess and J of one plan; ``trades`` by row, 0 at pies."""
    grid = np.array([[trades[leaf] for leaf in problem.leaves.tolist()]], dtype=np.int64)
    excess, error = _score(problem, grid)
    return int(problem.received.sum()) - sum(trades), int(excess[0]), float(error[0])


def _below(problem: Problem, grid: np.ndarray) -> np.ndarray:
    """Sum of the trades below every row, one plan a line."""
    tree = problem.tree
    totals = np.zeros((len(grid), len(tree.parent)), dtype=np.int64)
    totals[:, problem.leaves] = grid
    for row in range(len(tree.parent) - 1, 0, -1):
        totals[:, tree.parent[row]] += totals[:, row]
    return totals


def _received_below(problem: Problem) -> np.ndarray:
    tree = problem.tree
    received = problem.received.copy()
    for row in range(len(tree.parent) - 1, 0, -1):
        received[tree.parent[row]] += received[row]
    return received


def _conserves(problem: Problem, grid: np.ndarray) -> np.ndarray:
    """Which plans can be paid for: money from above never negative, and cash stays only where nothing is bought."""
    totals, received = _below(problem, grid), _received_below(problem)
    left = int(problem.received.sum()) - grid.sum(axis=1)
    fine = left >= 0
    if problem.situation.mode is not Mode.BUYING:
        return fine
    tree = problem.tree
    flows = _flows(problem, totals, received)
    for p in range(len(tree.parent)):
        if not tree.children[p]:
            continue
        buys = totals[:, p] > 0
        if p != problem.event_row:
            fine &= ~buys | (flows[:, p] >= 0)
        spent = sum(flows[:, c] for c in tree.children[p])
        own = flows[:, p] + problem.received[p] if p != problem.event_row else problem.received[p]
        fine &= ~buys | (spent == own)
    return fine


def _flows(problem: Problem, totals: np.ndarray, received: np.ndarray) -> np.ndarray:
    """Money from above: what is traded below less what fell there, nothing for a pie in which nothing is bought."""
    flows = totals - received
    if problem.situation.mode is Mode.BUYING:
        flows = np.where(totals == 0, 0, flows)
    flows[:, problem.event_row] = 0
    return flows


def _best_cash(problem: Problem, grid: np.ndarray, left: np.ndarray) -> np.ndarray:
    m = problem.min_trade
    if problem.situation.mode is Mode.REBALANCING:
        return left < max(m, 1)
    if problem.situation.mode is Mode.BUYING:
        return left == left.min()
    value = np.array(problem.tree.value)[problem.leaves]
    keeps = value + problem.ideal_whole[problem.leaves] >= 1
    closed = ((value < m) & keeps & (grid == -value) & (value > 0)).any(axis=1)
    if ((left == 0) & ~closed).any():
        return left == 0
    return left <= left.min() + m


def _score(problem: Problem, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flows = _flows(problem, _below(problem, grid), _received_below(problem))
    if problem.situation.mode is not Mode.BUYING:
        flows[:, problem.event_row] = 0
    retired = problem.keep >= 0
    kept = problem.value[retired] + flows[:, retired] - problem.keep[retired]
    felt = problem.scale > 0
    off = flows[:, felt] - problem.ideal_whole[felt] - problem.ideal_part[felt]
    error = (off**2 / problem.scale[felt] + 2 * problem.slope[felt] * off).sum(axis=1)
    return np.maximum(kept, 0).sum(axis=1), error
