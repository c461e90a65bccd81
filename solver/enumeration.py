"""All sums that could still beat a plan: a proof where quantity steps leave few amounts, and the best plan itself.

Measured from the ideal, d = y − y°, the sums of the tree read Σ_c d_c = d_p + e_p (e_p is what stays cash in advance),
and for any multipliers λ, one a pie,

    J = Σ_n f_n(d_n) = Σ_leaves φ_c(d_c) + Σ_pies φ_p(d_p) + λ_event (e_event − left),
    φ_n(d) = d²/(w_n A°_p) + 2 s_n d − λ_parent d  (+ λ_n (d + e_n) of a nested pie).

Each term has a least value; what an amount costs beyond that is its regret, and a plan better than J* has regrets that
come to less than B = J* − Σ of the least values. So only amounts of less regret are looked at, and pie by pie only sums
of less regret are kept, of equal sums the cheapest. Whoever makes up the difference to what is left to trade has at
least the regret (difference)²/Σ w A°, less what its own least values lie above those of divisible money: a sum that
leaves too much of it is dropped, too. Steps of several dollars make so few combinations that all can be looked at;
where they are too many nothing is said. Bad multipliers make it more work, never wrong.

A net order's leaves make one term: for each part [a, b] of D_S (rests, buys, sells, closes) and any price ν they cost
at least Σ_c min (φ_c(d) − ν y) + min(ν a, ν b), and the cheapest part counts. So whether a security trades is decided
as a whole, which one price for all parts can not say. There the sum of all least values is the bound.

Source: PROBLEM.md §3; the principle is that of implicit enumeration with Lagrangian bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.steps import StepTable

__all__ = ["Decided", "Enumerated", "TooMany", "decided", "enumerated", "sharpened"]

MOST_AMOUNTS = 2_000  # of one leaf
MOST_SUMS = 20_000  # of one pie
MOST_WORK = 1_000_000  # sums formed in one step
NEWTONS = 8  # tries at better multipliers
AWAY = 1e-6  # minor units: what rounding may make of a sum of centres
TIGHT = 1e-12  # stands for no width at all
UNIT_ROUNDOFF = 2.0**-53


class TooMany(Exception):
    """There are more sums than are looked at."""


@dataclass(frozen=True, slots=True)
class Enumerated:
    """A lower bound on J that is J* at the most, and the trades that attain less than J*, if there are any."""

    bound: float
    trades: Ints | None


@dataclass(slots=True)
class _Part:
    """What a row may still trade: ``amounts`` with their ``regrets``.

    Whatever it trades, its regret is at least (y − centre)²/width − slack. Of a pie, ``steps`` says for each of its
    ``parts`` from which sum of the parts before it, and with which of its amounts, every sum came about.
    """

    row: int
    amounts: Ints
    regrets: Floats
    centre: float = 0.0
    width: float = 0.0
    slack: float = 0.0
    parts: tuple[_Part, ...] = ()
    steps: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    def write(self, i: int, trades: Ints) -> None:
        """What the leaves below trade where the row trades ``amounts[i]``."""
        if not self.parts:
            trades[self.row] = self.amounts[i]
        for part, (before, with_) in zip(reversed(self.parts), reversed(self.steps), strict=True):
            part.write(int(with_[i]), trades)
            i = int(before[i])


def enumerated(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float], error: float) -> Enumerated:
    """Look at all plans between ``low`` and ``high`` (one entry a row) whose J could be less than ``error``, J*.

    With net orders the bound is the sum of all least values. Raises ``TooMany``.
    """
    search = _Search(problem, low, high, multipliers)
    rounding = search.rounding + UNIT_ROUNDOFF * abs(error)
    search.most = error - search.least + rounding
    if search.most <= 0.0 or problem.nets:
        return Enumerated(min(search.least, error) - rounding, None)
    found = search.of_event()
    if not len(found.amounts):
        return Enumerated(error - rounding, None)
    best = int(np.argmin(found.regrets))
    trades: Ints = np.zeros(len(problem.value), dtype=np.int64)
    found.write(best, trades)
    trades[list(problem.pies)] = 0
    return Enumerated(min(search.least + float(found.regrets[best]), error) - rounding, trades)


@dataclass(frozen=True, slots=True)
class Decided:
    """The sum of least values at ``multipliers``; by order what it does there, and by how much that is the best."""

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
    return Decided(bound, search.multipliers, sides, regrets)


def sharpened(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float]) -> dict[int, float]:
    """Multipliers near ``multipliers`` with a greater sum of least values, so that less regret is left to look at."""
    return _sharpened(problem, low, high, multipliers).multipliers


def _sharpened(problem: Problem, low: Ints, high: Ints, multipliers: Mapping[int, float]) -> _Search:
    """That sum is concave in λ, and piecewise quadratic for divisible money: Newton's steps, halved where they fail."""
    best = _Search(problem, low, high, multipliers)
    step, fresh = np.zeros(0), True
    for _ in range(NEWTONS):
        step = best.newton() if fresh else step / 2.0
        moved = {p: one + more for (p, one), more in zip(best.multipliers.items(), step.tolist(), strict=True)}
        tried = _Search(problem, low, high, moved)
        fresh = tried.least - tried.rounding > best.least - best.rounding
        best = tried if fresh else best
    return best


class _Search:
    """One run. ``least`` is the sum of the least values of all terms, exact up to ``rounding``; ``most`` is B."""

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
        self.least, self.most = float(self.lowest[self.rows].sum()), 0.0
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

    def of_event(self) -> _Part:
        """The sums at the event's pie that its money allows, with all regrets."""
        event, received = self.problem.event_row, int(self.problem.received[self.problem.event_row])
        found = self._of_pie(event, received - self.problem.spare, received)
        return self._kept(found, found.amounts - received, found.regrets)

    def _of_pie(self, p: int, least: int, most: int) -> _Part:
        """Sums of the slices of ``p`` between ``least`` and ``most``, slices with few amounts first."""
        parts = sorted((self._part(c) for c in self.children[p].tolist()), key=lambda part: len(part.amounts))
        sums, regrets = np.zeros(1, dtype=np.int64), np.zeros(1)
        if not all(len(part.amounts) for part in parts):
            return _Part(p, sums[:0], regrets[:0])
        centre, width, slack, lowest, highest = _still_to_come(parts)
        steps = []
        for i, part in enumerate(parts):
            if len(sums) * len(part.amounts) > MOST_WORK:
                raise TooMany
            formed = (sums[:, None] + part.amounts).ravel()
            costs = (regrets[:, None] + part.regrets).ravel()
            able = (costs <= self.most) & (formed + lowest[i] <= most) & (formed + highest[i] >= least)
            kept = np.flatnonzero(able)
            at = formed[kept]
            away = np.maximum(np.maximum(least - at - centre[i], at + centre[i] - most) - AWAY, 0.0)
            kept = kept[costs[kept] + np.maximum(away * away / max(width[i], TIGHT) - slack[i], 0.0) <= self.most]
            kept = kept[np.lexsort((costs[kept], formed[kept]))]
            kept = kept[np.unique(formed[kept], return_index=True)[1]]  # of equal sums the cheapest
            if len(kept) > MOST_SUMS:
                raise TooMany
            steps.append((kept // len(part.amounts), kept % len(part.amounts)))
            sums, regrets = formed[kept], costs[kept]
        return _Part(p, sums, regrets, parts=tuple(parts), steps=tuple(steps))

    def _part(self, row: int) -> _Part:
        centre, width, slack = (
            float(self.centre[row]),
            float(self.scale[row]),
            float(self.lowest[row] - self.floor[row]),
        )
        reach = math.sqrt(max(self.most + slack, 0.0) * width) + 1.0 if width < math.inf else math.inf
        first = math.floor(max(float(self.low[row]), centre - reach))
        last = math.ceil(min(float(self.high[row]), centre + reach))
        if row in self.children:
            received = int(self.problem.received[row])
            found = self._of_pie(row, first + received, last + received)
            part = self._kept(found, found.amounts - received, found.regrets)
        else:
            amounts = self._amounts(row, first, last)
            part = self._kept(_Part(row, amounts, np.zeros(len(amounts))), amounts, np.zeros(len(amounts)))
        if len(part.amounts) == 1:
            part.centre = float(part.amounts[0])
        else:
            part.centre, part.width, part.slack = centre, width, slack
        return part

    def _kept(self, part: _Part, amounts: Ints, regrets: Floats) -> _Part:
        """``part`` with the row's own regret, as far as that is little enough and the row's bounds hold."""
        row = part.row
        regrets = regrets + self._terms(np.array([row]), amounts[None, :])[0] - self.lowest[row]
        able = regrets <= self.most
        if row != self.problem.event_row:
            able &= (amounts >= self.low[row]) & (amounts <= self.high[row])
        kept = np.flatnonzero(able)
        steps = part.steps
        if steps:
            steps = (*steps[:-1], (steps[-1][0][kept], steps[-1][1][kept]))
        return _Part(row, amounts[kept], regrets[kept], parts=part.parts, steps=steps)

    def _terms(self, rows: np.ndarray, amounts: Ints) -> Floats:
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
        lowest[leaves[rests]] = self._terms(leaves[rests], np.zeros((int(rests.sum()), 1), dtype=np.int64))[:, 0]
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
        costs, dearer = (self._terms(leaves, y) - spread * y for y in (at, above))
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
        values = np.where(allowed, self._terms(rows, amounts), np.inf)
        best = values.argmin(axis=1)[:, None]
        return np.take_along_axis(values, best, 1)[:, 0], np.take_along_axis(amounts, best, 1)[:, 0]

    def _amounts(self, row: int, first: int, last: int) -> Ints:
        """All that the leaf may trade from ``first`` to ``last``."""
        first, last = max(first, int(self.low[row])), min(last, int(self.high[row]))
        found = [np.zeros(1, dtype=np.int64)] if first <= 0 <= last else []
        ranges = self.problem.ranges(np.array([row])) if row in self.moving else ()
        for side, (lows, highs) in zip(SIDES, ranges, strict=False):
            least, most = max(int(lows[0]), first), min(int(highs[0]), last)
            if least > most:
                continue
            steps = self.problem.steps.get(row) if side != CLOSES else None
            lowest, highest = sorted((abs(least), abs(most)))
            counts = range(steps.reaching(lowest), steps.within(highest) + 1) if steps else range(least, most + 1)
            if len(counts) > MOST_AMOUNTS:
                raise TooMany
            found.append(np.array([side * steps.amount(k) for k in counts] if steps else counts, dtype=np.int64))
        return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def _still_to_come(parts: Sequence[_Part]) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Of the parts after each: the sums of their centres, widths and slacks, of their least and their most amounts."""
    columns = np.array([(p.centre, p.width, p.slack, float(p.amounts.min()), float(p.amounts.max())) for p in parts])
    centre, width, slack, lowest, highest = np.append(
        np.cumsum(columns[:0:-1], axis=0)[::-1], np.zeros((1, 5)), axis=0
    ).T
    return centre, width, slack, lowest, highest
