"""Every plan of a small tree, every cent: the answer that nobody has to trust.

Shares nothing with the solver but the arrays of a ``Problem``: domains, constants of J and R. Cash ranks are worked
out here from PROBLEM.md's words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np

from solver.building import build_problem
from solver.ideal import Mode
from solver.problem import Problem
from solver.steps import Steps

MOST_PLANS = 3_000_000
ROUNDING = Fraction(1, 10**9)


@dataclass(frozen=True)
class Best:
    """The best rank there is: cash left, retired excess and J of one best plan, and all surpluses that rank equal."""

    allowed_cash: frozenset[int]
    excess: int
    error: float


def domains(problem: Problem) -> list[np.ndarray]:
    """What each leaf that may trade can trade, in cents: every amount looked at, by the rules as they are said.

    Of a security in several slices a leaf's own trade only has a direction: what is ordered is looked at as a sum.
    """
    free = build_problem(replace(problem.situation, limits={}, min_trade=0))  # the event's directions, and no rules
    most = max(0, int(problem.received.sum())) + int(free.sell_max[free.leaves].sum())
    alone = {order[0] for order in orders(problem) if len(_slices(problem, order[0])) == 1}
    found = []
    for leaf in problem.leaves.tolist():
        lowest = -int(problem.value[leaf]) if free.sell_max[leaf] else 0
        highest = most if free.buy_max[leaf] and problem.buy_max[leaf] else 0
        trades = [x for x in range(lowest, highest + 1) if leaf not in alone or _allowed(problem, (leaf,), x)]
        found.append(np.array(trades, dtype=np.int64))
    return found


def orders(problem: Problem) -> list[tuple[int, ...]]:
    """The leaves that may trade, those of one security together."""
    rows: dict[str, list[int]] = {}
    for leaf in problem.leaves.tolist():
        rows.setdefault(problem.tree.security_ids[leaf], []).append(leaf)
    return [tuple(found) for found in rows.values()]


def _slices(problem: Problem, leaf: int) -> list[int]:
    """All slices of the account that hold what ``leaf`` holds."""
    names = problem.tree.security_ids
    return [row for row, name in enumerate(names) if name == names[leaf]]


def amounts(problem: Problem, order: tuple[int, ...]) -> np.ndarray:
    """Every amount that the leaves of ``order`` can trade together."""
    free = build_problem(replace(problem.situation, limits={}, min_trade=0))
    most = max(0, int(problem.received.sum())) + int(free.sell_max[free.leaves].sum())
    lowest = -sum(int(problem.value[leaf]) for leaf in order if free.sell_max[leaf])
    highest = most if any(free.buy_max[leaf] and problem.buy_max[leaf] for leaf in order) else 0
    return np.array([x for x in range(lowest, highest + 1) if _allowed(problem, order, x)], dtype=np.int64)


def _allowed(problem: Problem, order: tuple[int, ...], trade: int) -> bool:
    """Whether a security may be ordered for ``trade``; ``order`` are its leaves that may trade."""
    limit, held = problem.situation.limit(order[0]), sum(problem.tree.value[row] for row in _slices(problem, order[0]))
    after = held + trade
    if trade and abs(trade) < limit.min_trade and after != 0:
        return False
    if trade and (limit.no_buy if trade > 0 else limit.no_sell):
        return False
    if trade and limit.least and 0 < after < limit.least:
        return False
    if trade and limit.steps and after != 0:
        most = limit.whole_steps if trade < 0 else None
        if not _whole_steps(limit.steps, abs(trade), most):
            return False
    if limit.most is None or after <= limit.most:
        return True
    return trade <= 0 and -trade >= _must_sell(problem, order, held - limit.most)


def _must_sell(problem: Problem, order: tuple[int, ...], above: int) -> int:
    """In a rebalance a position above its largest has to come down, as far as the slices that rebalance can do it."""
    free = build_problem(replace(problem.situation, limits={}, min_trade=0))
    limit, sellers = problem.situation.limit(order[0]), [leaf for leaf in order if free.sell_max[leaf]]
    rebalances = all(problem.mode[int(problem.parent[leaf])] is Mode.REBALANCING for leaf in sellers)
    if not sellers or not rebalances or limit.no_sell or any(_gives_what_it_must(problem, leaf) for leaf in sellers):
        return 0
    sellable = sum(int(problem.value[leaf]) for leaf in sellers)
    held = sum(problem.tree.value[row] for row in _slices(problem, order[0]))
    if sellable == held:
        return above
    parts = [x for x in range(max(1, limit.min_trade), sellable + 1) if _in_steps(limit.steps, x, limit.whole_steps)]
    return min(above, max((x for x in parts if held - x >= limit.least), default=0))


def _in_steps(steps: Steps | None, amount: int, most: int) -> bool:
    return steps is None or _whole_steps(steps, amount, most)


def _whole_steps(steps: Steps, amount: int, most: int | None) -> bool:
    """Whether some number of steps, ``most`` at most, is worth ``amount``: k times the price, rounded down."""
    worth = Fraction(steps.numerator, steps.denominator)
    near = int(amount / worth)
    counts = range(max(1, near - 1), near + 3 if most is None else min(near + 3, most + 1))
    return any(int(k * worth) == amount for k in counts)


def _gives_what_it_must(problem: Problem, leaf: int) -> bool:
    """Whether ``leaf`` lies in a pie that rebalances inside one that only buys, sells or, itself in one, rests.

    There cash may not be left, so that a position above its largest may have to stay.
    """
    tree, row, rebalanced = problem.tree, leaf, False
    while row != problem.event_row:
        row = tree.parent[row]
        mode = problem.mode[row]
        if rebalanced and (mode in (Mode.BUYING, Mode.SELLING)):
            return True
        resting = mode is Mode.NOTHING and problem.situation.mode is not Mode.NOTHING
        if rebalanced and (resting or (mode is Mode.NOTHING and _in_a_rebalance(problem, row))):
            return True
        rebalanced |= mode is Mode.REBALANCING
    return False


def _in_a_rebalance(problem: Problem, row: int) -> bool:
    while row != problem.event_row:
        row = problem.tree.parent[row]
        if problem.mode[row] is Mode.REBALANCING:
            return True
    return False


def brute_force(problem: Problem) -> Best | None:
    """The best plan by enumeration, or ``None`` where there are too many to look at."""
    choices = domains(problem)
    count = 1
    for choice in choices:
        count *= len(choice)
        if count > MOST_PLANS:
            return None
    if not choices:
        excess, error = _score(problem, np.zeros((1, 0), dtype=np.int64))
        return Best(frozenset({int(problem.received.sum())}), int(excess[0]), float(error[0]))
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*choices, indexing="ij")], axis=1)
    for order in orders(problem):
        if len(_slices(problem, order[0])) > 1:
            grid = grid[np.isin(_ordered(problem, grid, order), amounts(problem, order))]
    grid = grid[_conserves(problem, grid)]
    left = int(problem.received.sum()) - grid.sum(axis=1)
    allowed = _best_cash(problem, grid, left)
    grid, left = grid[allowed], left[allowed]
    excess, error = _score(problem, grid)
    least = excess.min()
    return Best(frozenset(left.tolist()), int(least), float(error[excess == least].min()))


def _ordered(problem: Problem, grid: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """What the leaves of ``order`` trade together, by plan."""
    return grid[:, np.isin(problem.leaves, order)].sum(axis=1)


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
    received = problem.received[: len(tree.parent)].copy()
    for row in range(len(tree.parent) - 1, 0, -1):
        received[tree.parent[row]] += received[row]
    return received


def _conserves(problem: Problem, grid: np.ndarray) -> np.ndarray:
    """Which plans can be paid for: money from above never negative, and cash stays only where nothing is bought."""
    totals, received = _below(problem, grid), _received_below(problem)
    left = int(problem.received.sum()) - grid.sum(axis=1)
    fine = left >= 0
    if problem.situation.rebalanced:
        return fine & _goes_its_way(problem, totals - received)
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
        loose = _limited_below(problem, p) or (bool(problem.steps) and p == problem.event_row)
        fine &= ~buys | (spent == own) | ((spent < own) & loose)
    return fine


def _goes_its_way(problem: Problem, flows: np.ndarray) -> np.ndarray:
    """Pies that rebalance beside others get nothing from above where their parent sells, give nothing where it buys.

    Where nothing happens above, each keeps less than m for the cash, or what its rules leave it at least; beyond m, or
    its smallest purchase, the least in sum, since one order may serve several of them.
    """
    tree, m = problem.tree, problem.min_trade
    fine, beyond = np.ones(len(flows), dtype=bool), np.zeros(len(flows), dtype=np.int64)
    for p in range(len(tree.parent)):
        if not tree.children[p] or p == problem.event_row or p not in tree.below(problem.event_row):
            continue
        above, y = problem.mode[tree.parent[p]], flows[:, p]
        if above is Mode.BUYING:
            fine &= y >= 0
        if above is Mode.SELLING or _retired_above(problem, p) or problem.flow_max[p] == 0:
            fine &= y <= 0
        if above is Mode.NOTHING and p in problem.situation.rebalanced:
            fine &= y <= 0
            if problem.situation.mode is Mode.NOTHING and not _in_a_rebalance(problem, p):
                beyond += np.maximum(0, -y - max(0, m - 1, _smallest_buy(problem, tree.below(p)) - 1))
            else:
                fine &= y == 0
    return fine & (beyond == beyond[fine].min(initial=2**62))


def _retired_above(problem: Problem, p: int) -> bool:
    """Whether money from above may not be spent in ``p``, which is asked to rebalance."""
    tree, row = problem.tree, p
    while p in problem.situation.rebalanced and row != problem.event_row:
        if tree.weight[row] == 0:
            return True
        row = tree.parent[row]
        if row in problem.situation.rebalanced:
            break
    return False


def _limited_below(problem: Problem, p: int) -> bool:
    """Whether some leaf below may have no room for what its pie has to give it: then cash may stay there."""
    limits = [problem.situation.limit(row) for row in problem.tree.below(p) if not problem.tree.children[row]]
    return any(limit.no_buy or limit.most is not None for limit in limits)


def _flows(problem: Problem, totals: np.ndarray, received: np.ndarray) -> np.ndarray:
    """Money from above: what is traded below less what fell there, nothing for a pie in which nothing is bought.

    Nor for one whose leaves have no room for all that fell there: the rest stays.
    """
    flows = totals - received
    if problem.situation.mode is Mode.BUYING and not problem.situation.rebalanced:
        tree = problem.tree
        for p in range(len(tree.parent) - 1, -1, -1):
            if tree.children[p]:
                flows[:, p] = flows[:, list(tree.children[p])].sum(axis=1) - int(problem.received[p])
                flows[:, p] = np.where(totals[:, p] == 0, 0, np.maximum(flows[:, p], _least_flow(problem, p)))
    flows[:, problem.event_row] = 0
    return flows


def _least_flow(problem: Problem, p: int) -> int:
    return 0 if _limited_below(problem, p) else -(2**62)


def _best_cash(problem: Problem, grid: np.ndarray, left: np.ndarray) -> np.ndarray:
    m = problem.min_trade
    if problem.situation.mode is Mode.NOTHING and problem.situation.rebalanced:
        return left >= 0  # each pie's own has been looked at
    if problem.situation.mode is Mode.REBALANCING:
        paid_in_steps = bool(problem.steps) and int(problem.received.sum()) < 0
        least = _largest_step(problem) - 1 if paid_in_steps else 0
        return left <= max(left.min(), m - 1, _smallest_buy(problem) - 1, least)
    one_sided = (grid >= 0).all(axis=1) if problem.situation.mode is Mode.BUYING else (grid <= 0).all(axis=1)
    if problem.situation.mode is Mode.BUYING:
        return left <= max(left[one_sided].min(), _smallest_buy(problem) - 1 if problem.steps else 0)
    if problem.steps:
        return left <= max(left[one_sided].min(), _largest_step(problem) - 1)
    kept = left[one_sided]
    closed = np.zeros(len(grid), dtype=bool)
    for order in orders(problem):
        value = sum(problem.tree.value[row] for row in _slices(problem, order[0]))
        ideal = sum(Fraction(int(problem.ideal_whole[row])) + Fraction(float(problem.ideal_part[row])) for row in order)
        keeps = value + ideal >= 1 - ROUNDING  # thirds of several slices add up to a cent that doubles just miss
        small = 0 < value < problem.situation.limit(order[0]).min_trade
        if small and keeps:
            closed |= _ordered(problem, grid, order) == -value
    if ((left == 0) & ~closed & one_sided).any():
        return left == 0
    return left <= kept.min() + m


def _smallest_buy(problem: Problem, rows: range | None = None) -> int:
    """The least that could be bought anywhere (among ``rows``), or the price of a step that an order grows by, rounded up."""
    found = []
    for order in orders(problem):
        choice = amounts(problem, order)
        if (choice > 0).any() and (rows is None or any(leaf in rows for leaf in order)):
            found.append(max(int(choice[choice > 0].min()), _step(problem, order[0])))
    return min(found, default=1)


def _step(problem: Problem, leaf: int) -> int:
    steps = problem.situation.limit(leaf).steps
    return ceil(Fraction(steps.numerator, steps.denominator)) if steps else 1


def _largest_step(problem: Problem) -> int:
    """The largest step (its price rounded up) where the ideal sells, or m."""
    able = [order for order in orders(problem) if (amounts(problem, order) < 0).any()]
    sold = [order for order in able if sum(problem.ideal[leaf] for leaf in order) < 0] or able
    return max([1, problem.min_trade, *(_step(problem, order[0]) for order in sold)])


def _score(problem: Problem, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flows = _flows(problem, _below(problem, grid), _received_below(problem))
    if problem.situation.mode is not Mode.BUYING:
        flows[:, problem.event_row] = 0
    rows = np.arange(len(problem.tree.parent))
    retired, felt = rows[problem.keep[rows] >= 0], rows[problem.scale[rows] > 0]
    kept = problem.value[retired] + flows[:, retired] - problem.keep[retired]
    off = flows[:, felt] - problem.ideal_whole[felt] - problem.ideal_part[felt]
    error = (off**2 / problem.scale[felt] + 2 * problem.slope[felt] * off).sum(axis=1)
    return np.maximum(kept, 0).sum(axis=1), error
