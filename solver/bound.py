"""A lower bound on J, recomputed from the problem's own data and from multipliers that anybody may have chosen.

For a pie below which exactly k free leaves trade, with money M to split, and for *any* multiplier λ,

    cost ≥ λ M + S_k(λ),    S_k(λ) = (leaves that must trade) + the k smallest of q_c(λ) among the free ones,
    q_c(λ) = min over x ≠ 0 of c's domain of  h_c(x) − λ x,      h_c(x) = f_c(x) − f_c(0), f_c its term of J.

A nested pie enters its parent with its own bound in place of what happens inside it, by its own count i of leaves,

    q_{c,i}(λ) = min_{y ∈ D_{c,i}}  h_c(y) − λ y + max_j (λ_j (y + R_c) + S_{c,i}(λ_j)),

and S_k of the parent takes the cheapest way for the counts to add up to k. Counting leaves through all levels is
what makes near-equal slices easy: with the count given, the relaxation is almost tight. A net order X_S of several
leaves is bounded at a price μ_S of its own: its leaves see λ + μ_S in place of λ, and min_{X ∈ D_S} μ_S X is added.
At the event's pie
    LB = Σ f_n(0) + min_k max_j min_{M allowed} (λ_j M + S_{event,k}(λ_j)). Bad multipliers make the bound weak, never
wrong, so the checker needs to trust nobody. Every node is minimised over whole cents.

Source: PROBLEM.md §3; Lagrangian duality by counts of trading slices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.steps import StepTable

__all__ = ["Branch", "Cut", "Option", "PieTable", "Stopped", "TreeBound", "base_cost", "tightened"]

Cut = tuple[int, int, int]  # an order's row, and the least and the most that it may trade
TIGHTENINGS = 2  # of net orders beside the tree
COUNTED = 64  # numbers of trading leaves that a parent tells apart in one nested pie
NO_PRICES: Mapping[int, float] = {}
UNIT_ROUNDOFF = 2.0**-53  # every cost and every sum is lowered by what rounding may have added to it
IN_A_COST = 16.0 * UNIT_ROUNDOFF  # of what a cost is made of without signs: twice what the roundings in it add


def base_cost(problem: Problem) -> float:
    """Σ_n f_n(0) = Σ y°²/(w A°) − 2 s y°: J where nothing trades."""
    felt = problem.scale > 0
    ideal = problem.ideal[felt]
    return float((ideal * ideal / problem.scale[felt] - 2.0 * problem.slope[felt] * ideal).sum())


def _base_size(problem: Problem) -> float:
    """What ``base_cost`` adds up, without signs."""
    felt = problem.scale > 0
    ideal = np.abs(problem.ideal[felt])
    return float((ideal * ideal / problem.scale[felt] + 2.0 * np.abs(problem.slope[felt]) * ideal).sum())


@dataclass(frozen=True, slots=True)
class Branch:
    """Orders cut in this sequence, and the multipliers by pie, and prices by net order, that bound what is left.

    With ``counted``, one multiplier a pie, the bound is that of ``enumeration.py`` in place of the one here.
    """

    path: tuple[Cut, ...]
    multipliers: dict[int, Floats]
    prices: dict[int, float] = field(default_factory=dict)
    counted: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """A nested pie as its parent sees it: for each number of leaves that may trade in it, what that costs at least.

    ``counts[i]`` leaves trade at a cost of at least ``costs[i, j]`` at λ_j, moving between ``low[i]`` and ``high[i]``.
    """

    row: int
    counts: Ints
    costs: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class PieTable:
    """S_k(λ_j) of one pie: ``sums[k, j]``; ``least[k]``, ``most[k]`` bound the money that k trading leaves can make.

    ``order[:, j]`` ranks the free leaves ``free`` by their ``costs``; ``must`` are the leaves that trade in any case,
    ``options`` the nested pies. ``some`` says whether even k = 0 trades something.
    """

    multipliers: Floats
    sums: Floats
    least: Floats
    most: Floats
    some: bool
    free: np.ndarray
    must: np.ndarray
    order: np.ndarray
    costs: Floats
    options: tuple[Option, ...]


def tightened(problem: Problem, low: Ints, high: Ints) -> bool:
    """Narrow ``low`` and ``high`` (one entry a row) to what the sums of the tree leave; whether there is anything left.

    Slice c of a pie whose slices sum up to T trades at least T − Σ high of the others, and at most T − Σ low: up the
    tree for the pies, then down for their slices. So do the leaves of a net order, which does what its domain has.
    """
    for _ in range(TIGHTENINGS if problem.nets else 0):
        if not _tightened_nets(problem, low, high) or not _tightened_tree(problem, low, high):
            return False
    return _tightened_tree(problem, low, high)


def _tightened_nets(problem: Problem, low: Ints, high: Ints) -> bool:
    """Narrow net orders to their domains and to what their leaves add up to, and the leaves to what they leave them."""
    for row, leaves in problem.nets.items():
        least, most = max(int(low[row]), int(low[leaves].sum())), min(int(high[row]), int(high[leaves].sum()))
        ends = list(_ends(problem, row, least, most))
        if not ends:
            return False
        low[row], high[row] = min(ends), max(ends)
        floor, ceiling = low[leaves], high[leaves]
        low[leaves] = np.maximum(floor, ceiling + (int(low[row]) - int(ceiling.sum())))
        high[leaves] = np.minimum(ceiling, floor + (int(high[row]) - int(floor.sum())))
    return True


def _ends(problem: Problem, row: int, least: int, most: int) -> Iterator[int]:
    """The first and the last amount of each part of an order's domain between ``least`` and ``most``."""
    if least <= 0 <= most:
        yield 0
    steps = problem.steps.get(row)
    for side, (lows, highs) in zip(SIDES, problem.ranges(np.array([row])), strict=True):
        first, last = max(int(lows[0]), least), min(int(highs[0]), most)
        if first > last:
            continue
        if steps and side != CLOSES:
            smaller, larger = sorted((abs(first), abs(last)))
            counts = steps.reaching(smaller), steps.within(larger)
            yield from (side * steps.amount(count) for count in counts if counts[0] <= counts[1])
        else:
            yield from (first, last)


def _tightened_tree(problem: Problem, low: Ints, high: Ints) -> bool:
    event = problem.event_row
    for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
        if p != event:
            received = int(problem.received[p])
            low[p] = max(int(low[p]), int(low[rows].sum()) - received)
            high[p] = min(int(high[p]), int(high[rows].sum()) - received)
    for p, rows in zip(problem.pies, problem.children, strict=True):
        received = int(problem.received[p])
        least, most = (received - problem.spare, received) if p == event else (low[p] + received, high[p] + received)
        floor, ceiling = low[rows], high[rows]
        low[rows] = np.maximum(floor, ceiling + (int(least) - int(ceiling.sum())))
        high[rows] = np.minimum(ceiling, floor + (int(most) - int(floor.sum())))
    return bool((low <= high).all())


class Stopped(Exception):
    """What ``TreeBound`` and ``enumerated`` raise between two steps once their caller wants no more of it."""


class TreeBound:
    """Bounds of one branch: the problem with some leaves ``cut``. Raises ``Stopped`` once ``stopped()``."""

    def __init__(self, problem: Problem, cut: Sequence[Cut], stopped: Callable[[], bool] = lambda: False) -> None:
        self.problem = problem
        self.low, self.high = problem.flow_min.copy(), problem.flow_max.copy()
        for row, low, high in cut:
            self.low[row], self.high[row] = max(int(self.low[row]), low), min(int(self.high[row]), high)
        self.gapless = problem.gapless
        self.empty = not self.gapless and not tightened(problem, self.low, self.high)
        self.stopped = stopped
        self.children = dict(zip(problem.pies, problem.children, strict=True))
        self.tables: dict[int, PieTable] = {}
        self.stepped = np.zeros(len(problem.value), dtype=bool)
        self.stepped[list(problem.steps)] = True
        self.price = np.zeros(len(problem.value))  # μ_S of the leaves in a net order

    def evaluate(self, multipliers: Mapping[int, Floats], prices: Mapping[int, float] = NO_PRICES) -> float:
        """LB of the branch with these multipliers by pie (each pie's at least one); +inf where it has no plan."""
        if self.empty:
            return np.inf
        for row, leaves in self.problem.nets.items():
            self.price[leaves] = prices.get(row, 0.0)
        netted = [self._netted(row, prices.get(row, 0.0)) for row in self.problem.nets]
        for p in reversed(self.problem.pies):
            self.tables[p] = self.table(p, np.unique(np.asarray(multipliers[p], dtype=np.float64)))
        by_count = self.event_bounds().max(axis=1, initial=-np.inf)
        bound = float(by_count.min(initial=np.inf))
        size = _base_size(self.problem) + abs(bound) + sum(map(abs, netted))
        rounding = UNIT_ROUNDOFF * (8 + len(self.problem.value)) * size if np.isfinite(size) else 0.0
        return bound + base_cost(self.problem) + sum(netted) - rounding

    def _netted(self, row: int, price: float) -> float:
        """min_{X ∈ D_S} μ_S X of the net order in ``row``; +inf where the branch leaves it nothing."""
        low, high = int(self.low[row]), int(self.high[row])
        ends = [0] * (low <= 0 <= high)
        for least, most in self.problem.ranges(np.array([row])):
            first, last = max(int(least[0]), low), min(int(most[0]), high)
            ends += [first, last] if first <= last else []
        return min((price * end for end in ends), default=np.inf)

    def event_bounds(self) -> Floats:
        """min_M (λ_j M + S_k(λ_j)) at the event's pie, by count k (only those that can sum up) and by j."""
        problem, table = self.problem, self.tables[self.problem.event_row]
        most = float(problem.received[problem.event_row])
        low, high = np.maximum(table.least, most - problem.spare), np.minimum(table.most, most)
        fits = low <= high
        bounds = np.full(table.sums.shape, np.inf)
        worst = np.minimum(np.outer(low[fits], table.multipliers), np.outer(high[fits], table.multipliers))
        bounds[fits] = _lowered(table.sums[fits] + worst, np.abs(table.sums[fits]) + np.abs(worst), 0)
        return bounds

    def table(self, p: int, multipliers: Floats) -> PieTable:
        """S_k(λ) of pie ``p`` for ``multipliers`` (sorted, no two equal); those of the pies inside it must be there."""
        if self.stopped():
            raise Stopped
        rows = self.children[p]
        leaf = np.array([r not in self.children for r in rows])
        leaves = rows[leaf]
        costs, low, high, may_rest, must = self._leaves(leaves, multipliers)
        free = np.flatnonzero(may_rest)
        order = np.argsort(costs[free], axis=0, kind="stable")
        ranked = np.take_along_axis(costs[free], order, axis=0)
        nothing = np.zeros((1, len(multipliers)))
        sums, sizes = (np.concatenate((nothing, np.cumsum(q, axis=0))) for q in (ranked, np.abs(ranked)))
        sums = _lowered(sums + costs[must].sum(axis=0), sizes + np.abs(costs[must]).sum(axis=0), len(leaves))
        least = np.concatenate(([0.0], np.cumsum(np.sort(low[free])))) + low[must].sum()
        most = np.concatenate(([0.0], np.cumsum(-np.sort(-high[free])))) + high[must].sum()
        some = bool(must.any())
        options = tuple(self._option(int(c), multipliers) for c in rows[~leaf])
        for option in options:
            if self.stopped():
                raise Stopped
            some = some or self.tables[option.row].some
            sums, least, most = _joined(sums, least, most, option)
        return PieTable(multipliers, sums, least, most, some, leaves[free], leaves[must], order, costs[free], options)

    def _leaves(self, rows: np.ndarray, multipliers: Floats) -> tuple[Floats, Floats, Floats, np.ndarray, np.ndarray]:
        """q_c(λ), the interval's hull, whether c may trade or not, whether it must; for the leaves ``rows``."""
        floor, ceiling = self.low[rows], self.high[rows]
        may_rest = (floor <= 0) & (ceiling >= 0)
        if self.gapless:  # nothing to count: every leaf may trade any amount
            always, costs = np.ones(len(rows), dtype=bool), self._cheapest(rows, multipliers, floor, ceiling)
            return costs, floor.astype(float), ceiling.astype(float), ~always, always
        costs = np.full((len(rows), len(multipliers)), np.inf)
        low, high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
        parts = self.problem.order_row[rows] != rows  # of a net order: one interval, nothing to count
        if parts.any():
            costs[parts] = self._cheapest(rows[parts], multipliers, floor[parts], ceiling[parts])
            low[parts], high[parts], may_rest[parts] = floor[parts], ceiling[parts], False
        for least, most in self.problem.ranges(rows):
            least, most = np.maximum(least, floor), np.minimum(most, ceiling)
            able = (least <= most) & ~parts
            if able.any():
                found = self._cheapest(rows[able], multipliers, least[able], most[able])
                costs[able] = np.minimum(costs[able], found)
                low[able], high[able] = np.minimum(low[able], least[able]), np.maximum(high[able], most[able])
        return costs, low, high, may_rest & (low <= high), ~may_rest

    def _cheapest(self, rows: np.ndarray, multipliers: Floats, low: Ints, high: Ints) -> Floats:
        """min over whole cents low ≤ x ≤ high of h_c(x) − λ x; h_c(x) = x ((x − 2 x°)/(w A°) + 2 s)."""
        problem = self.problem
        scale, ideal = problem.scale[rows][:, None], problem.ideal[rows][:, None]
        tilt = (2.0 * problem.slope[rows] - self.price[rows])[:, None] - multipliers
        felt = scale > 0
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=felt)
        low_, high_ = low[:, None].astype(float), high[:, None].astype(float)
        vertex = np.where(felt, ideal - tilt * scale / 2.0, np.where(tilt < 0, high_, low_))
        first = np.clip(np.floor(vertex), low_, high_)
        second = np.clip(first + 1.0, low_, high_)
        stepped = self.stepped[rows] & (low != high)  # a single amount is what it is: all that is held, or a cut
        if stepped.any():
            wanted = np.trunc(np.clip(vertex[stepped], low_[stepped], high_[stepped]))
            first[stepped], second[stepped] = self._steps_around(rows[stepped], wanted)
        reach = np.where(felt, 2.0 * ideal, 0.0)

        sizes = np.abs(2.0 * problem.slope[rows] - self.price[rows])[:, None] + np.abs(multipliers)

        def cost(x: Floats) -> Floats:
            at = x * (np.where(felt, x - reach, 0.0) * inverse + tilt)
            at -= IN_A_COST * np.abs(x) * ((np.abs(x) + np.abs(reach)) * inverse + sizes)
            return np.where((x >= low_) & (x <= high_), at, np.inf) if stepped.any() else np.asarray(at)

        return np.minimum(cost(first), cost(second))

    def _steps_around(self, rows: np.ndarray, trades: Floats) -> tuple[Floats, Floats]:
        """The two amounts in whole steps next to each of ``trades``, which have one sign a row."""
        most = int(np.abs(trades).max(initial=0.0))
        table = StepTable([self.problem.steps[row] for row in rows.tolist()], most)
        below, above = table.around(np.abs(trades))
        sign = np.where(trades < 0, -1.0, 1.0)
        return sign * below, sign * above

    def _option(self, c: int, multipliers: Floats) -> Option:
        """What the nested pie ``c`` costs at least, by how many leaves trade in it and by outer multiplier."""
        problem, table = self.problem, self.tables[c]
        received, counts = float(problem.received[c]), np.arange(len(table.sums))
        low = np.maximum(table.least - received, float(problem.flow_min[c]))
        high = np.minimum(table.most - received, float(problem.flow_max[c]))
        able = ((counts > 0) | table.some) & (low <= high) & np.isfinite(table.sums).all(axis=1)
        still = not table.some and bool(np.isfinite(table.sums[0]).all())  # not where a pie inside it has to move
        rests = still and problem.flow_min[c] <= -received <= problem.flow_max[c]
        found, lows, highs = counts[able], low[able], high[able]
        none = np.empty((0, len(multipliers)))
        costs = self._inner_minima(c, multipliers, low, high, able)[0] if able.any() else none
        if len(found) > COUNTED:  # too many to tell apart: any number of leaves counts as one
            found, costs = np.array([1]), costs.min(axis=0, keepdims=True)
            lows, highs = lows.min(keepdims=True), highs.max(keepdims=True)
        if rests:  # what it received goes up
            found = np.concatenate(([0], found))
            costs = np.concatenate((self._resting(c, received, multipliers), costs))
            lows, highs = np.concatenate(([-received], lows)), np.concatenate(([-received], highs))
        return Option(c, found, costs, lows, highs)

    def _resting(self, c: int, received: float, multipliers: Floats) -> Floats:
        """h_c(y) − λ y at y = −R_c."""
        scale = float(self.problem.scale[c])
        felt = received * ((received + 2.0 * float(self.problem.ideal[c])) / scale) if scale > 0 else 0.0
        own = 2.0 * float(self.problem.slope[c]) if scale > 0 else 0.0
        size = abs(felt) + abs(received) * (np.abs(multipliers) + abs(own))
        return np.asarray(felt + received * (multipliers - own) - IN_A_COST * size)[None, :]

    def nested_flow(self, c: int, count: int, multiplier: float) -> tuple[int, float]:
        """The count and the flow y at which the nested pie ``c`` costs least at λ; ``count`` as its option has it."""
        table, received = self.tables[c], float(self.problem.received[c])
        if count == 0 and not table.some:
            return 0, -received
        low = np.maximum(table.least - received, float(self.problem.flow_min[c]))
        high = np.minimum(table.most - received, float(self.problem.flow_max[c]))
        counts = np.arange(len(table.sums))
        able = ((counts > 0) | table.some) & (low <= high) & np.isfinite(table.sums).all(axis=1)
        if able.sum() <= COUNTED:
            able &= counts == count
        values, flows = self._inner_minima(c, np.array([multiplier]), low, high, able)
        k = int(np.argmin(values[:, 0]))
        return int(counts[able][k]), float(flows[k, 0])

    def _inner_minima(
        self, c: int, multipliers: Floats, low: Floats, high: Floats, able: np.ndarray
    ) -> tuple[Floats, Floats]:
        """min_y h_c(y) − λ y + max_j (λ_j (y + R_c) + S_{k,j}) and its y, by count (of ``able``) and by λ."""
        problem, table, received = self.problem, self.tables[c], float(self.problem.received[c])
        low, high, sums = low[able][:, None], high[able][:, None], table.sums[able]
        knots = _knots(table.multipliers, sums) - received
        ends = np.full((len(sums), 1), np.inf)
        floor = np.maximum(np.concatenate((-ends, knots), axis=1), low)
        ceiling = np.minimum(np.concatenate((knots, ends), axis=1), high)
        scale, ideal = float(problem.scale[c]), float(problem.ideal[c])
        inverse = 1.0 / scale if scale > 0 else 0.0
        own = 2.0 * float(problem.slope[c]) if scale > 0 else 0.0
        # axes: count, outer multiplier, inner multiplier
        slope = (own + table.multipliers)[None, None, :] - multipliers[None, :, None]
        vertex = ideal - slope * (scale / 2.0) if scale > 0 else np.where(slope < 0, high.max(), low.min())
        # whole cents of each line's stretch: the stretches share their ends, so no cent falls between two of them
        first, last = np.ceil(floor)[:, None, :], np.floor(ceiling)[:, None, :]
        y = np.minimum(np.maximum(np.floor(vertex), first), last)
        above = np.minimum(y + 1.0, last)
        sizes = abs(own) + np.abs(table.multipliers)[None, None, :] + np.abs(multipliers)[None, :, None]
        values, higher = (
            v * ((v - 2.0 * ideal) * inverse + slope)
            - IN_A_COST * np.abs(v) * ((np.abs(v) + 2.0 * abs(ideal)) * inverse + sizes)
            for v in (y, above)
        )
        y, values = np.where(higher < values, above, y), np.minimum(higher, values)
        fixed = table.multipliers * received
        lines = _lowered(sums + fixed, np.abs(sums) + np.abs(fixed), 0)[:, None, :]
        values = np.where(first <= last, _lowered(values + lines, np.abs(values) + np.abs(lines), 0), np.inf)
        best = values.argmin(axis=2)[:, :, None]
        return np.take_along_axis(values, best, 2)[:, :, 0], np.take_along_axis(y, best, 2)[:, :, 0]


def _knots(multipliers: Floats, sums: Floats) -> Floats:
    """Where the line λ_j M + S_j hands over to the next in their upper envelope, by count; λ sorted.

    S is concave in λ, so every line takes its turn. Knots that rounding swaps are made monotone: no gap is left.
    """
    return np.asarray(np.maximum.accumulate(-np.diff(sums, axis=1) / np.diff(multipliers), axis=1))


def _lowered(total: Floats, size: Floats, terms: int) -> Floats:
    """Sums of so many terms, ``size`` without their signs, less what rounding may have added to them; in place."""
    return np.subtract(total, UNIT_ROUNDOFF * (8 + terms) * size, out=total, where=np.isfinite(size))


def _joined(sums: Floats, least: Floats, most: Floats, option: Option) -> tuple[Floats, Floats, Floats]:
    """Tables of what was there and of a nested pie together, by the sum of their counts (min-plus convolution)."""
    size = len(sums) + int(option.counts.max(initial=0))
    joint = np.full((size, sums.shape[1]), np.inf)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    for count, cost, lowest, highest in zip(option.counts, option.costs, option.low, option.high, strict=True):
        into = slice(int(count), int(count) + len(sums))
        np.minimum(joint[into], _lowered(sums + cost, np.abs(sums) + np.abs(cost), 0), out=joint[into])
        np.minimum(low[into], least + lowest, out=low[into])
        np.maximum(high[into], most + highest, out=high[into])
    return joint, low, high
