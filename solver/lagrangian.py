"""J as a sum of terms, one a row, for any multipliers: their least values bound it, and say what is undecided.

Measured from the ideal, d = y − y°, the sums of the tree read Σ_c d_c = d_p + e_p (e_p is what stays cash in advance),
and for any multipliers λ, one a pie,

    J = Σ_n f_n(d_n) = Σ_leaves φ_c(d_c) + Σ_pies φ_p(d_p) + λ_event (e_event − left),
    φ_n(d) = d²/(w_n A°_p) + 2 s_n d − λ_parent d  (+ λ_n (d + e_n) of a nested pie).

So Σ min φ_n ≤ J, whatever λ is. A net order's leaves make one term: for each part [a, b] of D_S (rests, buys, sells,
closes) and any price ν they cost at least Σ_c min (φ_c(d) − ν y) + min(ν a, ν b), and the cheapest part counts. So
whether a security trades is decided as a whole, which one price for all parts can not say.

Source: PROBLEM.md §3; Lagrangian duality.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.steps import StepTable

__all__ = ["UNIT_ROUNDOFF", "Decided", "Terms", "decided", "sharpened"]

NEWTONS = 8  # tries at better multipliers
UNIT_ROUNDOFF = 2.0**-53


@dataclass(frozen=True, slots=True)
class Decided:
    """The sum of least values at ``multipliers``; by order what it does there, and by how much that is the best.

    Where no gap lies between what an order may do there is nothing to decide, and that much is infinite.
    """

    bound: float
    multipliers: dict[int, float]
    sides: dict[int, int]
    regrets: dict[int, float]


def decided(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float], error: float) -> Decided:
    """A bound of at most ``error`` near ``multipliers``, with what every order does where it is attained."""
    search = _sharpened(problem, low, high, multipliers)
    bound = min(search.least, error) - search.rounding - UNIT_ROUNDOFF * abs(error)
    alone = [row for row in problem.orders.tolist() if row not in problem.nets]
    second = search.second - np.where(np.isfinite(search.lowest), search.lowest, 0.0)
    sides = {row: int(np.sign(search.at[row])) for row in alone} | search.sides
    regrets = {row: float(second[row]) for row in alone} | search.regret
    gaps = (problem.buy_min > 1) | (problem.sell_min > 1) | (problem.closes > 0)
    regrets |= {row: math.inf for row in regrets if not gaps[row] and row not in problem.steps}  # nothing to decide
    return Decided(bound, search.multipliers, sides, regrets)


def sharpened(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float]) -> dict[int, float]:
    """Multipliers near ``multipliers`` with a greater sum of least values, so that less regret is left to look at."""
    return _sharpened(problem, low, high, multipliers).multipliers


def _sharpened(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float]) -> Terms:
    """That sum is concave in λ, and piecewise quadratic for divisible money: Newton's steps, halved where they fail."""
    best = Terms(problem, low, high, multipliers)
    step, fresh = np.zeros(0), True
    for _ in range(NEWTONS):
        step = best.newton() if fresh else step / 2.0
        moved = {p: one + more for (p, one), more in zip(best.multipliers.items(), step.tolist(), strict=True)}
        tried = Terms(problem, low, high, moved)
        fresh = tried.least - tried.rounding > best.least - best.rounding
        best = tried if fresh else best
    return best


class Terms:
    """The terms at one choice of multipliers; ``least`` sums up their least values, exact up to ``rounding``."""

    def __init__(self, problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float]) -> None:
        self.problem, self.low, self.high = problem, low, high
        self.multipliers = {p: float(multipliers[p]) for p in problem.pies}
        self.children = dict(zip(problem.pies, problem.children, strict=True))
        event, size = problem.event_row, len(problem.value)
        self.bends = problem.scale > 0
        self.bends[event] = False
        self.scale = np.where(self.bends, problem.scale, np.inf)
        self.slope, self.advance = np.where(self.bends, 2.0 * problem.slope, 0.0), np.zeros(size)
        for p, rows in self.children.items():
            multiplier = self.multipliers[p]
            whole = int(problem.received[p] + problem.ideal_whole[p] - problem.ideal_whole[rows].sum())
            part = float(problem.ideal_part[p]) - float(problem.ideal_part[rows].sum())
            self.slope[rows] -= multiplier
            self.slope[p] += multiplier
            self.advance[p] = multiplier * (whole + part)  # λ_p e_p
        # where φ is least for divisible money without bounds, and φ there; without a bend: nowhere
        self.centre = problem.ideal - np.where(self.bends, self.slope * problem.scale / 2.0, 0.0)
        self.floor = np.where(self.bends, self.advance - self.slope * self.slope * problem.scale / 4.0, -np.inf)
        self.at: Ints = np.zeros(size, dtype=np.int64)  # where each term is least
        self.lowest = self._lowest()
        self.moving = set(problem.leaves.tolist())
        self.rows = np.array([event, *(c for rows in problem.children for c in rows.tolist())])
        self.free = self.bends & (low < self.centre) & (self.centre < high)
        self.sides: dict[int, int] = {}  # of net orders
        self.regret: dict[int, float] = {}  # of the next best thing that a net order could do
        priced = self._net_orders() if problem.nets else 0.0
        self.least = float(self.lowest[self.rows].sum())
        off = np.abs(problem.deviation(self.at))
        sizes = off * (off / self.scale + np.abs(self.slope)) + np.abs(self.advance)
        self.rounding = UNIT_ROUNDOFF * (8 + size) * (float(sizes[self.rows].sum()) + priced)

    def newton(self) -> Floats:
        """By which the multipliers would have to change for all sums to hold, were money divisible."""
        pies = {p: i for i, p in enumerate(self.problem.pies)}
        lacks, moves = np.zeros(len(pies)), np.zeros((len(pies), len(pies)))
        for p, i in pies.items():
            rows = self.children[p]
            lacks[i] = int(self.problem.received[p]) + int(self.at[p]) - int(self.at[rows].sum())
            for c in rows[self.free[rows]].tolist():
                give = float(self.problem.scale[c]) / 2.0
                moves[i, i] += give
                if c in pies:
                    j = pies[c]
                    moves[j, j] += give
                    moves[i, j] -= give
                    moves[j, i] -= give
        rigid = moves.diagonal() == 0.0  # nothing answers to this multiplier
        lacks[rigid], moves[rigid, rigid] = 0.0, 1.0
        return np.asarray(np.linalg.lstsq(moves, lacks)[0])

    def values(self, rows: np.ndarray, amounts: Ints) -> Floats:
        """φ(d) by row (first axis) for whole ``amounts`` y; at the event's pie y is what stays cash, negative."""
        problem = self.problem
        d = (amounts - problem.ideal_whole[rows][:, None]) - problem.ideal_part[rows][:, None]
        return np.asarray(d * (d / self.scale[rows][:, None] + self.slope[rows][:, None]) + self.advance[rows][:, None])

    def _lowest(self) -> Floats:
        """The least value of φ of every row over its own bounds and domain; of an event's pie over its cash."""
        problem = self.problem
        lowest = np.full(len(problem.value), np.inf)
        low, high = self.low.copy(), self.high.copy()
        low[problem.event_row], high[problem.event_row] = -problem.spare, 0
        leaves = problem.leaves
        others = np.setdiff1d([problem.event_row, *(c for rows in problem.children for c in rows.tolist())], leaves)
        lowest[others], self.at[others] = self._nearest(others, low[others], high[others])
        rests = (low[leaves] <= 0) & (high[leaves] >= 0)
        lowest[leaves[rests]] = self.values(leaves[rests], np.zeros((int(rests.sum()), 1), dtype=np.int64))[:, 0]
        self.second = np.full(len(problem.value), np.inf)
        stepped = np.array([row in problem.steps for row in leaves.tolist()], dtype=bool)
        for side, (least, most) in zip(SIDES, problem.ranges(leaves), strict=True):
            least, most = np.maximum(least, low[leaves]), np.minimum(most, high[leaves])
            for counted in (False, True):
                able = (least <= most) & ((stepped & (side != CLOSES)) == counted)
                if able.any():
                    rows = leaves[able]
                    found, at = (self._nearest_steps if counted else self._nearest)(rows, least[able], most[able])
                    better = found < lowest[rows]
                    self.at[rows] = np.where(better, at, self.at[rows])
                    self.second[rows] = np.minimum(self.second[rows], np.maximum(found, lowest[rows]))
                    lowest[rows] = np.minimum(lowest[rows], found)
        return lowest

    def _net_orders(self) -> float:
        """Put every net order's least value at its first leaf, 0 at the others; how large its prices' terms are."""
        problem = self.problem
        nets, leaves = np.array(list(problem.nets)), np.concatenate(list(problem.nets.values()))
        counts = np.array([len(parts) for parts in problem.nets.values()])
        firsts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        low, high = self.low[nets], self.high[nets]
        ranges = [(np.where((low <= 0) & (high >= 0), 0, 1), np.zeros_like(low)), *problem.ranges(nets)]
        least = np.stack([np.maximum(one, low) if i else one for i, (one, _) in enumerate(ranges)])  # part, net
        most = np.stack([np.minimum(one, high) if i else one for i, (_, one) in enumerate(ranges)])
        prices = self._prices(leaves, counts, least, most)
        spread = np.repeat(prices, counts, axis=1).T  # leaf, part
        floor, ceiling = self.low[leaves][:, None], self.high[leaves][:, None]
        at = np.clip(np.floor(self._answers(leaves, spread)), floor, ceiling).astype(np.int64)
        above = np.minimum(at + 1, ceiling)
        costs, dearer = (self.values(leaves, y) - spread * y for y in (at, above))
        summed = np.add.reduceat(np.minimum(costs, dearer), firsts, axis=0).T
        values = np.where(least <= most, summed + np.minimum(prices * least, prices * most), np.inf)
        best = values.argmin(axis=0)
        ranked = np.sort(values, axis=0)
        self.lowest[leaves] = 0.0
        self.lowest[leaves[firsts]] = ranked[0]
        chosen = np.repeat(best, counts)
        self.at[leaves] = np.where(dearer < costs, above, at)[np.arange(len(leaves)), chosen]
        self.free[leaves] = (self.low[leaves] < self.at[leaves]) & (self.at[leaves] < self.high[leaves])
        self.sides = {row: (0, *SIDES)[side] for row, side in zip(nets.tolist(), best.tolist(), strict=True)}
        self.regret = dict(zip(nets.tolist(), (ranked[1] - ranked[0]).tolist(), strict=True))
        return float((np.abs(prices) * (np.abs(least) + np.abs(most))).max(axis=0).sum())

    def _answers(self, leaves: np.ndarray, prices: Floats) -> Floats:
        """What the leaves (first axis) would trade at these prices beside their multipliers, were money divisible."""
        low, high = self.low[leaves][:, None], self.high[leaves][:, None]
        bends, centre = self.bends[leaves][:, None], self.centre[leaves][:, None]
        bent = centre + np.where(bends, self.scale[leaves][:, None], 0.0) * prices / 2.0
        ends = np.where(self.slope[leaves][:, None] < prices, high, low)
        return np.asarray(np.clip(np.where(bends, bent, ends), low, high))

    def _prices(self, leaves: np.ndarray, counts: np.ndarray, least: Ints, most: Ints) -> Floats:
        """By part and net order a price at which its leaves come to between ``least`` and ``most``.

        Any price would do, and this is best: their sum rises with it, linearly between the prices at which one of them
        comes to its bounds.
        """
        owner = np.repeat(np.arange(len(counts)), counts)
        column = np.arange(len(leaves)) - np.repeat(np.cumsum(counts) - counts, counts)
        knots = np.zeros((len(counts), 2 * int(counts.max()) + 1))
        steep = np.where(self.bends[leaves], self.scale[leaves], np.inf)
        for k, end in enumerate((self.low, self.high)):
            reached = 2.0 * (end[leaves] - self.centre[leaves]) / steep
            knots[owner, 2 * column + k] = np.where(self.bends[leaves], reached, self.slope[leaves])
        knots.sort(axis=1)
        sums = np.zeros_like(knots)
        np.add.at(sums, owner, self._answers(leaves, knots[owner]))
        resting = np.zeros(len(counts))
        np.add.at(resting, owner, self._answers(leaves, np.zeros((len(leaves), 1)))[:, 0])
        target = np.clip(resting, least, np.maximum(least, most))
        after = np.clip((sums[None] < target[..., None]).sum(axis=2), 1, knots.shape[1] - 1)
        nets = np.arange(len(counts))
        left, right = knots[nets, after - 1], knots[nets, after]
        below, above = sums[nets, after - 1], sums[nets, after]
        share = np.divide(target - below, above - below, out=np.zeros_like(target), where=above > below)
        return np.asarray(np.where(target == resting, 0.0, left + np.clip(share, 0.0, 1.0) * (right - left)))

    def _wanted(self, rows: np.ndarray, low: Ints, high: Ints) -> Ints:
        """The whole amount between ``low`` and ``high`` below the one where φ is least for divisible money."""
        downhill = np.where(self.slope[rows] < 0, high, low).astype(float)
        at = np.where(self.bends[rows], self.centre[rows], downhill)
        return np.asarray(np.floor(np.clip(at, low, high)), dtype=np.int64)

    def _nearest(self, rows: np.ndarray, low: Ints, high: Ints) -> tuple[Floats, Ints]:
        """The least value of every row's term between ``low`` and ``high``, and where that is."""
        at = self._wanted(rows, low, high)
        return self._least_of(rows, np.stack([np.clip(at + d, low, high) for d in (0, 1)], axis=1))

    def _nearest_steps(self, rows: np.ndarray, low: Ints, high: Ints) -> tuple[Floats, Ints]:
        """As ``_nearest``, of amounts in whole steps, all on one side of 0."""
        table = StepTable(
            [self.problem.steps[row] for row in rows.tolist()], int(max(np.abs(low).max(), np.abs(high).max()))
        )
        sign = np.where(low < 0, -1, 1)[:, None]
        size = np.clip(np.abs(self._wanted(rows, low, high))[:, None] + np.array([-1, 0, 1]), 0, None)
        around = sign * np.concatenate(table.around(size), axis=1).astype(np.int64)
        inside = (around >= low[:, None]) & (around <= high[:, None])
        return self._least_of(rows, around, inside)

    def _least_of(self, rows: np.ndarray, amounts: Ints, allowed: np.ndarray | bool = True) -> tuple[Floats, Ints]:
        values = np.where(allowed, self.values(rows, amounts), np.inf)
        best = values.argmin(axis=1)[:, None]
        return np.take_along_axis(values, best, 1)[:, 0], np.take_along_axis(amounts, best, 1)[:, 0]
