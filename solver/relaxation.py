"""The relaxed solution behind a bound: where it attains its value, what it leaves undecided, which multipliers lack.

``prover.py`` reads off it who might trade, where to cut, and which multiplier to add. Nothing here is trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.bound import Cut, PieTable, TreeBound
from solver.cents import trades_within
from solver.lattice import wanted
from solver.network import Network
from solver.problem import CLOSES, SIDES, Floats, Ints, Problem

__all__ = ["Eased", "Relaxed", "Split", "relaxed"]

Split = tuple[Cut, ...]  # complete: what an order may trade, in parts; none where there is nothing to split
MOST = np.iinfo(np.int64).max
ZOOMS = 7  # refinements of one multiplier, each to a fifth of the bracket
CLOSE = 1e-8  # of the bracket: points nearer to each other make no chord


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Where a bound is attained: the multiplier that is best there by pie, those of them that the bound lacks, the cuts
    of the least decided order, and who trades which way."""

    multipliers: dict[int, float]
    added: dict[int, list[float]]
    split: Split
    sides: Ints


def relaxed(tree: TreeBound, worth: float) -> Relaxed:
    """What is behind the bound that ``tree`` was last evaluated for; ``worth`` is the least gain to look for."""
    problem, event = tree.problem, tree.problem.event_row
    bounds = tree.event_bounds()
    k = int(bounds.max(axis=1).argmin())
    received = float(problem.received[event])
    stack = [(event, k, received - problem.spare, received)]
    added: dict[int, list[float]] = {}
    multipliers: dict[int, float] = {}
    sides: Ints = np.zeros(len(problem.value), dtype=np.int64)
    undecided: list[tuple[float, int, Split]] = []
    while stack:
        p, k, least, most = stack.pop()
        multiplier, fresh = _best_multiplier(tree, p, k, least, most, worth)
        multipliers[p] = multiplier
        if fresh:
            added[p] = [multiplier]
        table = tree.table(p, np.array([multiplier]))
        chosen, inner = _choice(table, k)
        for c in chosen:
            sides[c] = _cheaper_side(tree, c, multiplier)
            undecided += _between_steps(tree, c, int(sides[c]), wanted(problem, c, multiplier))
        for c, count in inner:
            count, flow = tree.nested_flow(c, count, multiplier)
            money = flow + float(problem.received[c])
            stack.append((c, count, money, money))
        undecided += _undecided(table, len(chosen) - len(table.must), tree)
    split = min(undecided)[2] if undecided else ()
    for p in problem.pies:
        if p not in multipliers:  # it rests: what makes it rest
            multipliers[p] = multipliers[int(problem.parent[p])] - _marginal(problem, p, -float(problem.received[p]))
    return Relaxed(multipliers, added, split, sides)


def _marginal(problem: Problem, row: int, flow: float) -> float:
    """f'(y) of the row's term of J."""
    scale = float(problem.scale[row])
    return 2.0 * ((flow - float(problem.ideal[row])) / scale + float(problem.slope[row])) if scale > 0 else 0.0


def _choice(table: PieTable, k: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Which leaves trade, and how many in each nested pie, where S_k is attained (``table`` has one multiplier)."""
    ranked = table.costs[table.order[:, 0], 0]
    best = np.concatenate(([0.0], np.cumsum(ranked)))
    steps = []
    for option in table.options:
        joint = np.full(len(best) + int(option.counts.max(initial=0)), np.inf)
        taken = np.zeros(len(joint), dtype=np.int64)
        for i, count in enumerate(option.counts):
            into = slice(int(count), int(count) + len(best))
            better = best + option.costs[i, 0] < joint[into]
            joint[into] = np.where(better, best + option.costs[i, 0], joint[into])
            taken[into] = np.where(better, i, taken[into])
        steps.append((option, taken))
        best = joint
    inner = []
    for option, taken in reversed(steps):
        count = int(option.counts[taken[k]])
        k -= count
        if option.low[taken[k + count]] or option.high[taken[k + count]] or count:
            inner.append((option.row, count))
    leaves = [*table.must.tolist(), *table.free[table.order[:k, 0]].tolist()]
    return leaves, inner


def _undecided(table: PieTable, k: int, tree: TreeBound) -> list[tuple[float, int, Split]]:
    """Leaves by how little decides between trading and not: the distance to the slice on the other side of rank k."""
    if tree.gapless:
        return []
    found = []
    order, costs = table.order[:, 0], table.costs[:, 0]
    for rank, i in enumerate(order):
        other = k if rank < k else k - 1
        rival = costs[order[other]] if 0 <= other < len(order) else 0.0
        leaf = int(table.free[i])
        split = tuple((leaf, low, high) for low, high in tree.problem.parts(leaf))
        found.append((abs(float(costs[i] - rival)), leaf, split))
    return found


def _between_steps(tree: TreeBound, row: int, side: int, at: float) -> list[tuple[float, int, Split]]:
    """How little decides between the two amounts in steps around what an order would trade, and the cut there."""
    problem = tree.problem
    if row not in problem.steps or side == CLOSES:
        return []
    steps = problem.steps[row]
    most = max(abs(int(tree.low[row])), abs(int(tree.high[row])))
    count = steps.within(int(min(max(side * at, 0.0), float(most))))
    ends = sorted(side * steps.amount(k) for k in (count, count + 1))
    if not (tree.low[row] <= ends[0] and ends[1] <= tree.high[row] and ends[0] * ends[1] > 0):
        return []
    scale = float(problem.scale[row])
    apart = abs((ends[0] - at) ** 2 - (ends[1] - at) ** 2) / scale if scale > 0 else 0.0
    halves = ((row, int(problem.flow_min[row]), ends[0]), (row, ends[0] + 1, int(problem.flow_max[row])))
    return [(apart, row, halves)]


def _cheaper_side(tree: TreeBound, leaf: int, multiplier: float) -> int:
    """On which side the leaf trades in the relaxed solution: the part of its domain nearest to what it wants."""
    return _nearest_side(tree, leaf, wanted(tree.problem, leaf, multiplier), np.inf)


def _nearest_side(tree: TreeBound, row: int, at: float, nearest: float) -> int:
    """The side of the order's domain that lies nearer to ``at`` than ``nearest``; 0 where none does."""
    best = 0
    for side, (least, most) in zip(SIDES, tree.problem.ranges(np.array([row])), strict=True):
        low, high = max(int(least[0]), int(tree.low[row])), min(int(most[0]), int(tree.high[row]))
        away = max(low - at, at - high, 0.0)
        if low <= high and away < nearest:
            best, nearest = side, away
    return best


def _best_multiplier(tree: TreeBound, p: int, k: int, least: float, most: float, worth: float) -> tuple[float, bool]:
    """The λ where min(λ·least, λ·most) + S_k(λ), concave in λ, is greatest, and whether the table lacks it."""

    def value(at: Floats, sums: Floats) -> Floats:
        return np.asarray(np.minimum(at * least, at * most) + sums)

    table = tree.tables[p]
    at = table.multipliers
    known = value(at, table.sums[k])
    for _ in range(ZOOMS):
        j, crossing, ceiling = _ceiling(at, known)
        if ceiling - known[j] <= max(worth, 1e-12 * max(1.0, abs(float(known[j])))):
            break
        span = float(at[-1] - at[0]) or 1.0
        left = float(at[j - 1]) if j > 0 else float(at[j]) - 4.0 * span
        right = float(at[j + 1]) if j + 1 < len(at) else float(at[j]) + 4.0 * span
        at = np.unique(np.concatenate((np.linspace(left, right, 11), at[j : j + 1], crossing)))
        known = value(at, tree.table(p, at).sums[k])
    found = float(at[int(np.argmax(known))])
    gain = float(known.max()) - float(value(table.multipliers, table.sums[k]).max())
    return found, gain > 1e-12 * max(1.0, abs(float(known.max())))


def _ceiling(at: Floats, known: Floats) -> tuple[int, list[float], float]:
    """The greatest of a concave function's ``known`` values; where it may be greater still, and how great at most.

    Beside that point no concave function is above the chords before and after, drawn out until they cross the next.
    """
    j = int(np.argmax(known))
    close = CLOSE * float(at[-1] - at[0])  # a shorter chord has the slope of rounding
    points = [j]
    for sign in (-1, 1):
        i = last = j
        while len(points) < (3 if sign < 0 else 5) and 0 <= (i := i + sign) < len(at):
            if abs(at[i] - at[last]) >= close:
                points.append(last := i)
    points.sort()
    crossings: list[float] = []
    ceiling = float(known[j])
    if len(points) < 5 or points[2] != j or not np.isfinite(known[points]).all():
        return j, crossings, np.inf
    x, y = at[points], known[points]
    slopes = np.diff(y) / np.diff(x)
    for i, before, after in ((1, slopes[0], slopes[2]), (2, slopes[1], slopes[3])):
        if before > after:
            moved = (y[i + 1] - y[i] - after * (x[i + 1] - x[i])) / (before - after)
            crossings.append(float(np.clip(x[i] + moved, x[i], x[i + 1])))
            ceiling = max(ceiling, float(y[i] + before * moved))
    return j, crossings, ceiling


@dataclass(frozen=True, slots=True)
class Eased:
    """A branch with net orders, as if no order had a gap in its domain: its flows, and what proves them."""

    flows: Ints
    multipliers: dict[int, float]
    prices: dict[int, float]

    @staticmethod
    def of(tree: TreeBound) -> Eased | None:
        """``None`` where there are no net orders, or no trades."""
        problem = tree.problem
        if not problem.nets:
            return None
        low, high = tree.low.copy(), tree.high.copy()
        rests = (low <= 0) & (high >= 0)
        ends = []
        for least, most in problem.ranges(problem.orders):
            least, most = np.maximum(least, low[problem.orders]), np.minimum(most, high[problem.orders])
            ends.append((np.where(least <= most, least, MOST), np.where(least <= most, most, -MOST)))
        rest = np.where(rests[problem.orders], 0, MOST), np.where(rests[problem.orders], 0, -MOST)
        low[problem.orders] = np.minimum.reduce([rest[0], *(least for least, _ in ends)])
        high[problem.orders] = np.maximum.reduce([rest[1], *(most for _, most in ends)])
        trades = trades_within(problem, low, high)
        if trades is None:
            return None
        flows = problem.flows(trades)
        return Eased(flows, *Network(problem, low, high).potentials(flows))

    def sides(self, tree: TreeBound) -> list[int]:
        """The side of every net order that is nearest to what it would be."""
        found = []
        for row in tree.problem.nets:
            flow = float(self.flows[row])
            rests = tree.low[row] <= 0 <= tree.high[row]
            found.append(_nearest_side(tree, row, flow, abs(flow) if rests else np.inf))
        return found

    def split(self, tree: TreeBound) -> Split:
        """How to cut the net order that is farthest from what it may be; none where all may be what they are."""
        problem = tree.problem
        found: list[tuple[float, int, Split]] = []
        for row in problem.nets:
            flow = int(self.flows[row])
            ranges = [(int(low[0]), int(high[0])) for low, high in problem.ranges(np.array([row]))]
            away = min([abs(flow), *(max(low - flow, flow - high) for low, high in ranges if low <= high)])
            if away > 0:
                found.append((float(-away), row, tuple((row, low, high) for low, high in problem.parts(row))))
            elif flow and row in problem.steps:
                found += _between_steps(tree, row, int(np.sign(flow)), float(flow))
        return min(found)[2] if found else ()
