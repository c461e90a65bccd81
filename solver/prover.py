"""Looks for evidence: multipliers and branches under which ``bound.py`` proves a plan optimal.

Nothing here is trusted. The search starts from the plan's own marginals, finds the relaxed solution behind the
present bound, adds for every pie the multiplier that is best just there (a cutting plane), and, where that does
not close the gap, fixes the slice about which the relaxation is least decided on one side or off. Relaxed
solutions also suggest which leaves might trade instead; a better plan found on the way replaces the one to prove.
"""

from __future__ import annotations

import contextlib
import heapq
from dataclasses import dataclass, field

import numpy as np

from solver.bound import Branch, Cut, PieTable, Stopped, TreeBound
from solver.cents import leaf_intervals, marginals, tracking_error, trades_within
from solver.certificate import allowed_gap
from solver.lattice import nearby_trades, stepped_trades, steps_wanted, wanted
from solver.network import Network
from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.rules import Budget

Split = tuple[Cut, ...]  # complete: what a leaf may trade, in parts; none where there is nothing to split

__all__ = ["Incumbent", "Proof", "incumbent_of", "proof_goal", "prove"]

MOST = np.iinfo(np.int64).max
ROUNDS = 10  # cutting planes in one branch before it is split
ZOOMS = 7  # refinements of one multiplier, each to a fifth of the bracket
ENOUGH = 0.02  # of what a bound lacks: a round that adds less is the last, and a multiplier is not sought more exactly
CLOSE = 1e-8  # of the bracket: points nearer to each other make no chord
GRID = np.concatenate((-(4.0 ** -np.arange(0.0, 9.0)), [0.0], 4.0 ** -np.arange(8.0, -1.0, -1.0)))


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best plan so far: trades by leaf, flows by row, J."""

    trades: Ints
    flows: Ints
    error: float


@dataclass(slots=True)
class Proof:
    """The least bound of all branches, the branches themselves, the best plan seen, and where plans were looked for."""

    incumbent: Incumbent
    bound: float = -np.inf
    branches: list[Branch] = field(default_factory=list)
    tried: set[tuple[int, ...]] = field(default_factory=set)


def proof_goal(problem: Problem, error: float) -> float:
    """The bound from which a plan of tracking error J is OPTIMAL: J less the allowed gap."""
    return error - allowed_gap(problem.rounding_slack, error)


def incumbent_of(problem: Problem, trades: Ints) -> Incumbent:
    """``trades`` with their flows and J."""
    flows = problem.flows(trades)
    return Incumbent(trades, flows, tracking_error(problem, flows))


def prove(problem: Problem, incumbent: Incumbent, budget: Budget, max_branches: int) -> Proof:
    """Best-first search over fixed leaves until every branch's bound reaches the goal, or the budget ends."""
    proof = Proof(incumbent)
    if proof_goal(problem, incumbent.error) <= 0.0:  # LB = 0 always holds
        proof.bound = 0.0
        return proof
    done: list[tuple[float, Branch]] = []
    queue: list[tuple[float, int, Branch]] = []
    first = _first(problem, incumbent)
    bound, first, split = _tighten(problem, first, proof, budget)
    heapq.heappush(queue, (bound, 0, first))
    splits: dict[tuple[Cut, ...], Split] = {(): split}
    count = 1
    while queue:
        bound, _, branch = queue[0]
        split = splits[branch.path]
        if bound >= proof_goal(problem, proof.incumbent.error) or not split:
            done.append((bound, heapq.heappop(queue)[2]))
            continue
        if count >= max_branches or budget.exhausted:
            break
        halves = []
        for cut in split:
            child = Branch((*branch.path, cut), branch.multipliers, branch.prices)
            halves.append(_tighten(problem, child, proof, budget))
        if budget.exhausted:  # bounded halfway, they say less than the branch that they split
            break
        heapq.heappop(queue)
        for bound, child, split in halves:
            splits[child.path] = split
            heapq.heappush(queue, (bound, count, child))
            count += 1
    done += [(bound, branch) for bound, _, branch in queue]
    proof.bound = max(0.0, min(bound for bound, _ in done))
    proof.branches = [branch for _, branch in done]
    return proof


def _first(problem: Problem, incumbent: Incumbent) -> Branch:
    """The branch of all plans: each pie's marginal in the incumbent, and a geometric fan around it; its net prices."""
    low, high = leaf_intervals(problem, problem.sides(incumbent.trades))
    prices: dict[int, float] = {}
    if problem.nets:
        centre, prices = Network(problem, low, high).potentials(incumbent.flows)
    else:
        centre = _marginal(problem, incumbent, low, high)
    chosen: dict[int, Floats] = {}
    for p, rows in zip(problem.pies, problem.children, strict=True):
        felt = problem.scale[rows][problem.scale[rows] > 0]
        span = 2.0 * problem.order_size / float(np.median(felt)) if len(felt) else 1.0
        chosen[p] = np.unique(np.concatenate((centre[p] + span * GRID, [0.0] if problem.spare else [])))
    return Branch((), chosen, prices)


def _marginal(problem: Problem, incumbent: Incumbent, low: Ints, high: Ints) -> dict[int, float]:
    """Each pie's multiplier in the incumbent."""
    exact: dict[int, tuple[float, float]] = {}
    for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
        up, down = marginals(problem, rows, incumbent.flows, low, high)
        for i, c in enumerate(rows):
            if c in exact:
                below = exact[int(c)]
                up[i] += below[1]
                down[i] -= below[0]
        exact[p] = (-float(down.min()), float(up.min()))
    centre: dict[int, float] = {}
    for p in problem.pies:
        least, most = exact[p]
        if p == problem.event_row:
            wanted = 0.0 if problem.spare else (least + most) / 2.0
        else:
            off = float(problem.deviation(incumbent.flows)[p])
            scale = float(problem.scale[p])
            own = 2.0 * (off / scale + float(problem.slope[p])) if scale > 0 else 0.0
            wanted = centre[int(problem.parent[p])] - own
        if not np.isfinite(wanted):
            wanted = least if np.isfinite(least) else most if np.isfinite(most) else 0.0
        centre[p] = float(min(max(wanted, least), most)) if least <= most else wanted
    return centre


def _tighten(problem: Problem, branch: Branch, proof: Proof, budget: Budget) -> tuple[float, Branch, Split]:
    """Raise the branch's bound by cutting planes; also how to split it should that not be enough."""
    multipliers = dict(branch.multipliers)
    tree = TreeBound(problem, branch.path, lambda: budget.exhausted)
    best, split, prices = -np.inf, Split(), branch.prices
    with contextlib.suppress(Stopped):
        eased = _Eased.of(tree)
        if eased:
            for p, fresh in eased.multipliers.items():
                multipliers[p] = np.unique(np.append(multipliers[p], fresh))
            prices = max((prices, eased.prices), key=lambda one: tree.evaluate(multipliers, one))
        for _ in range(ROUNDS):
            bound = tree.evaluate(multipliers, prices)
            goal = proof_goal(problem, proof.incumbent.error)
            stalled = bound <= best + ENOUGH * (goal - best)
            best = max(best, bound)
            if best >= goal or not np.isfinite(best):
                break
            added, split, sides, chosen = _relaxed(tree, ENOUGH * (goal - best))
            if eased:
                split = eased.split(tree) or split
                sides[list(problem.nets)] = eased.sides(tree)
            _try(problem, sides, chosen, proof)
            if stalled or not added:
                break
            for p, more in added.items():
                multipliers[p] = np.unique(np.append(multipliers[p], more))
    return best, Branch(branch.path, multipliers, prices), split


@dataclass(frozen=True, slots=True)
class _Eased:
    """A branch with net orders, as if no order had a gap in its domain: its flows, and what proves them."""

    flows: Ints
    multipliers: dict[int, float]
    prices: dict[int, float]

    @staticmethod
    def of(tree: TreeBound) -> _Eased | None:
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
        return _Eased(flows, *Network(problem, low, high).potentials(flows))

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


def _try(problem: Problem, sides: Ints, multipliers: dict[int, float], proof: Proof) -> None:
    """Make a plan of the relaxed solution's choice of leaves, and keep it if it is better."""
    trades = None
    if problem.steps and not problem.nets:  # a net order is no sum of what single leaves want
        mark = steps_wanted(problem, multipliers)
        if mark in proof.tried:
            return
        proof.tried.add(mark)
        trades = nearby_trades(problem, multipliers)
    trades = stepped_trades(problem, sides) if trades is None else trades
    if trades is None:
        return
    found = incumbent_of(problem, trades)
    if found.error < proof.incumbent.error * (1 - 1e-12):
        proof.incumbent = found


def _relaxed(tree: TreeBound, worth: float) -> tuple[dict[int, list[float]], Split, Ints, dict[int, float]]:
    """Behind the bound: every pie's best new multiplier, the cuts of the least decided leaf, who trades which way."""
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
    return added, split, sides, multipliers


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
