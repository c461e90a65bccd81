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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.steps import StepTable

__all__ = ["UNIT_ROUNDOFF", "Decided", "Terms", "decided", "sharpened"]

NEWTONS = 8  # tries at better multipliers
LEFT = 1e-6  # of what the sums lack: more than that, and a step does not make up for it
SHORTEST, LONGEST = 0.1, 0.5  # of a step that failed, how much is tried next
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
    search = _sharpened(problem, low, high, multipliers, error)
    bound = min(search.least, error) - search.rounding - UNIT_ROUNDOFF * abs(error)
    alone = [row for row in problem.orders.tolist() if row not in problem.nets]
    second = search.second - np.where(np.isfinite(search.lowest), search.lowest, 0.0)
    did = problem.sides(search.at)
    sides = {row: int(did[row]) for row in alone} | search.sides
    regrets = {row: float(second[row]) for row in alone} | search.regret
    gaps = (problem.buy_min > 1) | (problem.sell_min > 1) | (problem.closes > 0)
    regrets |= {row: math.inf for row in regrets if not gaps[row] and row not in problem.steps}  # nothing to decide
    return Decided(bound, search.multipliers, sides, regrets)


def sharpened(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float]) -> dict[int, float]:
    """Multipliers near ``multipliers`` with a greater sum of least values, so that less regret is left to look at."""
    return _sharpened(problem, low, high, multipliers).multipliers


def _sharpened(
    problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float], enough: float = math.inf
) -> Terms:
    """That sum is concave in λ, and piecewise quadratic for divisible money: Newton's steps, shorter where they fail.

    It rises by no more than its slope along a step, so where that is within rounding there is nothing left to gain; how
    far a step that failed was too long is read off the parabola through what is known. ``enough`` ends it sooner.
    """
    frame = _Frame(problem, low, high)
    best = Terms(problem, low, high, multipliers, frame)
    lacks = best.lacks()
    step = best.newton(lacks)
    for _ in range(NEWTONS):
        hoped = float(lacks @ step)
        if hoped <= best.rounding or best.least >= enough:
            break
        moved = {p: one + more for (p, one), more in zip(best.multipliers.items(), step.tolist(), strict=True)}
        tried = Terms(problem, low, high, moved, frame)
        gain = tried.least - best.least
        if gain > tried.rounding - best.rounding:
            best, lacks = tried, tried.lacks()
            step = best.newton(lacks)
        elif math.isfinite(gain):
            step *= min(max(hoped / (2.0 * (hoped - gain)), SHORTEST), LONGEST)
        else:
            break
    return best


@dataclass(frozen=True, slots=True)
class _Nets:
    """The net orders' leaves, one order's after the other's; by part (rests, buys, sells, closes) and order its range.

    ``firsts`` and ``counts`` say where each order's leaves are, ``owner`` and ``column`` which order's a leaf is.
    """

    leaves: np.ndarray
    counts: np.ndarray
    firsts: np.ndarray
    owner: np.ndarray
    column: np.ndarray
    least: Ints
    most: Ints
    low: Ints
    high: Ints
    bends: np.ndarray
    scale: Floats

    @staticmethod
    def of(problem: Problem, low: Ints, high: Ints, bends: np.ndarray, scale: Floats) -> _Nets:
        rows, leaves = np.array(list(problem.nets)), np.concatenate(list(problem.nets.values()))
        counts = np.array([len(parts) for parts in problem.nets.values()])
        firsts = np.cumsum(counts) - counts
        floor, ceiling = low[rows], high[rows]
        rests = np.where((floor <= 0) & (ceiling >= 0), 0, 1), np.zeros_like(floor)
        ranges = [(np.maximum(least, floor), np.minimum(most, ceiling)) for least, most in problem.ranges(rows)]
        least, most = (np.stack([rests[end], *(one[end] for one in ranges)]) for end in (0, 1))
        owner, column = np.repeat(np.arange(len(counts)), counts), np.arange(len(leaves)) - np.repeat(firsts, counts)
        ends = low[leaves], high[leaves]
        return _Nets(leaves, counts, firsts, owner, column, least, most, *ends, bends[leaves], scale[leaves])


class _Frame:
    """What terms are made of that no multiplier changes.

    ``kind``, ``row``, ``least`` and ``most`` list what rows may do in whole cents (0: rest, or any amount; 1, 2, 3: a
    side of ``SIDES``), ``counted`` the same of what is done in whole steps, and their table.
    """

    def __init__(self, problem: Problem, low: Ints, high: Ints) -> None:
        self.children = dict(zip(problem.pies, problem.children, strict=True))
        event, size, leaves = problem.event_row, len(problem.value), problem.leaves
        self.ideal = problem.ideal
        self.bends = problem.scale > 0
        self.bends[event] = False
        self.scale = np.where(self.bends, problem.scale, np.inf)
        self.slope = np.where(self.bends, 2.0 * problem.slope, 0.0)
        self.pies = {p: i for i, p in enumerate(problem.pies)}
        self.pie_of = np.zeros(size, dtype=np.intp)
        self.excess: dict[int, float] = {}
        for p, rows in self.children.items():
            whole = int(problem.received[p] + problem.ideal_whole[p] - problem.ideal_whole[rows].sum())
            self.excess[p] = whole + (float(problem.ideal_part[p]) - float(problem.ideal_part[rows].sum()))
            self.pie_of[rows] = self.pies[p]
        self.above = {p: int(self.pie_of[p]) for p in problem.pies if p != event}
        self.rows = np.array([event, *(c for rows in problem.children for c in rows.tolist())])
        self.reach = np.ones(size)
        for row, steps in problem.steps.items():
            self.reach[row] = steps.most
        others = np.setdiff1d(self.rows, leaves)
        rests = leaves[(low[leaves] <= 0) & (high[leaves] >= 0)]
        least, most = low[others], high[others]
        least[others == event], most[others == event] = -problem.spare, 0
        nothing = np.zeros_like(rests)
        cells = [(0 * others, others, least, most), (nothing, rests, nothing, nothing)]
        stepped = np.array([row in problem.steps for row in leaves.tolist()], dtype=bool)
        in_steps: list[tuple[np.ndarray, np.ndarray, Ints, Ints]] = []
        for kind, (side, (first, last)) in enumerate(zip(SIDES, problem.ranges(leaves), strict=True), 1):
            first, last = np.maximum(first, low[leaves]), np.minimum(last, high[leaves])
            counted = stepped & (side != CLOSES)
            for found, able in ((cells, ~counted), (in_steps, counted)):
                chosen = np.flatnonzero(able & (first <= last))
                found.append((np.full(len(chosen), kind), leaves[chosen], first[chosen], last[chosen]))
        self.kind, self.row, self.least, self.most = (np.concatenate(one) for one in zip(*cells, strict=True))
        self.counted = _counted(problem, *(np.concatenate(one) for one in zip(*in_steps, strict=True)))
        self.nets = _Nets.of(problem, low, high, self.bends, self.scale) if problem.nets else None


def _counted(
    problem: Problem, kind: np.ndarray, row: np.ndarray, least: Ints, most: Ints
) -> tuple[np.ndarray, np.ndarray, Ints, Ints, StepTable] | None:
    """What is done in whole steps, with their table; ``None`` where nothing is."""
    if not len(row):
        return None
    largest = int(max(np.abs(least).max(), np.abs(most).max()))
    return kind, row, least, most, StepTable([problem.steps[one] for one in row.tolist()], largest)


class Terms:
    """The terms at one choice of multipliers; ``least`` sums up their least values, exact up to ``rounding``."""

    def __init__(
        self, problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float], frame: _Frame | None = None
    ) -> None:
        self.problem, self.low, self.high = problem, low, high
        self.frame = frame = frame or _Frame(problem, low, high)
        self.multipliers = {p: float(multipliers[p]) for p in problem.pies}
        self.children, self.bends, self.scale = frame.children, frame.bends, frame.scale
        size = len(problem.value)
        self.slope, self.advance = frame.slope.copy(), np.zeros(size)
        for p, rows in self.children.items():
            multiplier = self.multipliers[p]
            self.slope[rows] -= multiplier
            self.slope[p] += multiplier
            self.advance[p] = multiplier * frame.excess[p]  # λ_p e_p
        # where φ is least for divisible money without bounds, and φ there; without a bend: nowhere
        self.centre = frame.ideal - np.where(self.bends, self.slope * problem.scale / 2.0, 0.0)
        self.floor = np.where(self.bends, self.advance - self.slope * self.slope * problem.scale / 4.0, -np.inf)
        self.at: Ints = np.zeros(size, dtype=np.int64)  # where each term is least
        self.moving = set(problem.leaves.tolist())
        self.lowest, self.second = self._lowest()
        self.free = self.bends & (np.abs(self.at - self.centre) <= frame.reach)  # does what it would like to
        self.bound: list[np.ndarray] = []  # leaves of the net orders that their domains hold back
        self.sides: dict[int, int] = {}  # of net orders
        self.regret: dict[int, float] = {}  # of the next best thing that a net order could do
        priced = self._net_orders() if problem.nets else 0.0
        self.least = float(self.lowest[frame.rows].sum())
        off = np.abs(problem.deviation(self.at))
        sizes = off * (off / self.scale + np.abs(self.slope)) + np.abs(self.advance)
        self.rounding = UNIT_ROUNDOFF * (8 + size) * (float(sizes[frame.rows].sum()) + priced)

    def lacks(self) -> Floats:
        """By pie, how much more would have to be given than is taken: the slope of the sum of least values."""
        problem, at = self.problem, self.at
        pies = self.children.items()
        return np.array([int(problem.received[p]) + int(at[p]) - int(at[rows].sum()) for p, rows in pies], dtype=float)

    def newton(self, lacks: Floats) -> Floats:
        """By which the multipliers would have to change for all sums to hold, were money divisible.

        The leaves of a net order that its domain holds back can only hand to each other. Where those that do what they
        would like to can not make up for it, all are counted on: none of them answers yet, but they will.
        """
        step = np.zeros(len(lacks))
        for willing, bound in ((self.free, self.bound), (self.bends, [])):
            moves = self._moves(np.where(willing, self.problem.scale / 2.0, 0.0), bound)
            step = np.asarray(np.linalg.lstsq(moves, lacks)[0])
            if np.abs(lacks - moves @ step).max(initial=0.0) <= LEFT * np.abs(lacks).max(initial=0.0):
                break
        return step

    def _moves(self, gives: Floats, bound: Sequence[np.ndarray]) -> Floats:
        """By how much more each pie's slices take (first axis), less what it gets, where a multiplier is one more."""
        pies = self.frame.pies
        moves = np.zeros((len(pies), len(pies)))
        for p, i in pies.items():
            moves[i, i] += gives[self.children[p]].sum()
            if p in self.frame.above:
                j = self.frame.above[p]
                moves[i, i] += gives[p]
                moves[i, j] -= gives[p]
                moves[j, i] -= gives[p]
        for leaves in bound:
            shared = np.bincount(self.frame.pie_of[leaves], weights=gives[leaves], minlength=len(pies))
            if shared.any():
                moves -= np.outer(shared, shared) / shared.sum()
        return moves

    def values(self, rows: np.ndarray, amounts: Ints) -> Floats:
        """φ(d) by row (first axis) for whole ``amounts`` y; at the event's pie y is what stays cash, negative."""
        problem = self.problem
        d = (amounts - problem.ideal_whole[rows][:, None]) - problem.ideal_part[rows][:, None]
        return np.asarray(d * (d / self.scale[rows][:, None] + self.slope[rows][:, None]) + self.advance[rows][:, None])

    def _lowest(self) -> tuple[Floats, Floats]:
        """The least value of φ of every row over what it may do, and the next best thing's; ``at`` where it is least.

        An event's pie has its cash.
        """
        frame, size = self.frame, len(self.problem.value)
        values, at = np.full((1 + len(SIDES), size), np.inf), np.zeros((1 + len(SIDES), size), dtype=np.int64)
        cells = frame.kind, frame.row
        values[cells], at[cells] = self._nearest(frame.row, frame.least, frame.most)
        if frame.counted:
            kind, row, least, most, table = frame.counted
            values[kind, row], at[kind, row] = self._nearest_steps(row, least, most, table)
        best = values.argmin(axis=0)
        every = np.arange(size)
        self.at = at[best, every]
        ranked = np.partition(values, 1, axis=0)
        return ranked[0], ranked[1]

    def _net_orders(self) -> float:
        """Put every net order's least value at its first leaf, 0 at the others; how large its prices' terms are."""
        nets = self.frame.nets
        assert nets is not None
        leaves, least, most = nets.leaves, nets.least, nets.most
        prices = self._prices(nets)
        spread = np.repeat(prices, nets.counts, axis=1).T  # leaf, part
        floor, ceiling = nets.low[:, None], nets.high[:, None]
        at = np.floor(self._answers(nets, spread)).astype(np.int64)
        above = np.minimum(at + 1, ceiling)
        costs, dearer = (self.values(leaves, y) - spread * y for y in (at, above))
        summed = np.add.reduceat(np.minimum(costs, dearer), nets.firsts, axis=0).T
        values = np.where(least <= most, summed + np.minimum(prices * least, prices * most), np.inf)
        best = values.argmin(axis=0)
        ranked = np.partition(values, 1, axis=0)
        self.lowest[leaves] = 0.0
        self.lowest[leaves[nets.firsts]] = ranked[0]
        chosen = np.repeat(best, nets.counts)
        self.at[leaves] = np.where(dearer < costs, above, at)[np.arange(len(leaves)), chosen]
        self.free[leaves] = (floor[:, 0] < self.at[leaves]) & (self.at[leaves] < ceiling[:, 0])
        held = prices[best, np.arange(len(best))] != 0.0
        self.bound = [parts for parts, back in zip(self.problem.nets.values(), held.tolist(), strict=True) if back]
        self.sides = {row: (0, *SIDES)[side] for row, side in zip(self.problem.nets, best.tolist(), strict=True)}
        regret = ranked[1] - np.where(np.isfinite(ranked[0]), ranked[0], 0.0)
        self.regret = dict(zip(self.problem.nets, regret.tolist(), strict=True))
        return float((np.abs(prices) * (np.abs(least) + np.abs(most))).max(axis=0).sum())

    def _answers(self, nets: _Nets, prices: Floats) -> Floats:
        """What the leaves (first axis) would trade at these prices beside their multipliers, were money divisible."""
        leaves, low, high = nets.leaves, nets.low[:, None], nets.high[:, None]
        bent = self.centre[leaves][:, None] + np.where(nets.bends, nets.scale / 2.0, 0.0)[:, None] * prices
        if not nets.bends.all():
            bent = np.where(nets.bends[:, None], bent, np.where(self.slope[leaves][:, None] < prices, high, low))
        return np.asarray(np.minimum(np.maximum(bent, low), high))

    def _prices(self, nets: _Nets) -> Floats:
        """By part and net order a price at which its leaves come to between ``least`` and ``most``.

        Any price would do, and this is best: their sum rises with it, linearly between the prices at which one of them
        comes to its bounds.
        """
        leaves, owner, column = nets.leaves, nets.owner, nets.column
        knots = np.zeros((len(nets.counts), 2 * int(nets.counts.max()) + 1))
        for k, end in enumerate((nets.low, nets.high)):
            reached = 2.0 * (end - self.centre[leaves]) / nets.scale
            knots[owner, 2 * column + k] = np.where(nets.bends, reached, self.slope[leaves])
        knots.sort(axis=1)
        sums = np.add.reduceat(self._answers(nets, knots[owner]), nets.firsts, axis=0)
        resting = np.add.reduceat(self._answers(nets, np.zeros((len(leaves), 1))), nets.firsts, axis=0)[:, 0]
        target = np.clip(resting, nets.least, np.maximum(nets.least, nets.most))
        after = np.clip((sums[None] < target[..., None]).sum(axis=2), 1, knots.shape[1] - 1)
        every = np.arange(len(nets.counts))
        left, right = knots[every, after - 1], knots[every, after]
        below, above = sums[every, after - 1], sums[every, after]
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

    def _nearest_steps(self, rows: np.ndarray, low: Ints, high: Ints, table: StepTable) -> tuple[Floats, Ints]:
        """As ``_nearest``, of amounts in whole steps, all on one side of 0."""
        sign = np.where(low < 0, -1, 1)[:, None]
        size = np.clip(np.abs(self._wanted(rows, low, high))[:, None] + np.array([-1, 0, 1]), 0, None)
        around = sign * np.concatenate(table.around(size), axis=1).astype(np.int64)
        inside = (around >= low[:, None]) & (around <= high[:, None])
        return self._least_of(rows, around, inside)

    def _least_of(self, rows: np.ndarray, amounts: Ints, allowed: np.ndarray | bool = True) -> tuple[Floats, Ints]:
        values = np.where(allowed, self.values(rows, amounts), np.inf)
        best = values.argmin(axis=1)[:, None]
        return np.take_along_axis(values, best, 1)[:, 0], np.take_along_axis(amounts, best, 1)[:, 0]
