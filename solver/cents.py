"""Exact cents: the best integer trades once it is known which leaves trade, and on which side.

Given that, each leaf's domain is one integer interval, and J over a tree of sums is laminar convex, hence
M♮-convex: a plan is optimal if and only if no cent moved between two leaves (or to free cash) improves it
(Murota, Discrete Convex Analysis, 2003, thm 6.26). So: solve the continuous problem by merging the slices'
piecewise linear responses to a multiplier, bottom up; round from the top down; then exchange single cents until
nothing improves. This is the only place where a float becomes money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from solver.engines.highs import continuous
from solver.network import Network
from solver.problem import SIDES, Floats, Ints, Problem

__all__ = ["exact_trades", "leaf_intervals", "marginals", "tracking_error", "trades_within"]

TIE = 1e-13  # a marginal's relative rounding error: what lies within it is a tie, not an improvement


def tracking_error(problem: Problem, flows: Ints) -> float:
    """J = Σ_n (y_n − y°_n)²/(w_n A°_p) + 2 s_n (y_n − y°_n), minor units; ``flows`` is y of every row."""
    felt = problem.scale > 0
    off = problem.deviation(flows)[felt]
    return float((off * off / problem.scale[felt] + 2.0 * problem.slope[felt] * off).sum())


def retired_excess(problem: Problem, flows: Ints) -> int:
    """Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉), minor units: what retired slices keep beyond the ideal."""
    retired = problem.keep >= 0
    return int(np.maximum(0, problem.value[retired] + flows[retired] - problem.keep[retired]).sum())


def leaf_intervals(problem: Problem, sides: Ints | None, points: Mapping[int, int] | None = None) -> tuple[Ints, Ints]:
    """The interval of every row's flow when ``sides`` (of ``SIDES``, 0 none, one a row) are given.

    Without gaps a leaf's whole domain is one interval, whatever ``sides`` says; ``None`` asks to ignore the gaps.
    ``points`` fixes what the leaves in it trade: those in coarse steps, between which nothing lies. Pies keep their own
    bounds.
    """
    low, high = problem.flow_min.copy(), problem.flow_max.copy()
    if sides is None or problem.gapless:
        return low, high
    orders = problem.orders
    ranges = problem.ranges(orders)
    chosen = [sides[orders] == side for side in SIDES]
    lows = np.select(chosen, [least for least, _ in ranges], 0)
    highs = np.select(chosen, [most for _, most in ranges], 0)
    low[orders] = np.maximum(low[orders], lows)
    high[orders] = np.minimum(high[orders], highs)
    for row, trade in (points or {}).items():
        low[row], high[row] = max(int(low[row]), trade), min(int(high[row]), trade)
    return low, high


def marginals(problem: Problem, rows: np.ndarray, flows: Ints, low: Ints, high: Ints) -> tuple[Floats, Floats]:
    """What one cent more, and one cent less, costs at ``rows`` themselves; infinite where the interval forbids it."""
    scale = problem.scale[rows]
    off = ((flows[rows] - problem.ideal_whole[rows]) - problem.ideal_part[rows]) * 2.0
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    tilt = 2.0 * problem.slope[rows]
    up = np.where(flows[rows] < high[rows], (off + 1.0) * inverse + tilt, np.inf)
    down = np.where(flows[rows] > low[rows], (1.0 - off) * inverse - tilt, np.inf)
    return up, down


def exact_trades(problem: Problem, sides: Ints | None, points: Mapping[int, int] | None = None) -> Ints | None:
    """The integer trades of least J, given ``sides`` (``None``: as if there were no minimum), or ``None``.

    One entry a row, 0 at pies; ``None`` where they can not sum up. Steps count only where ``points`` holds them.
    """
    return trades_within(problem, *leaf_intervals(problem, sides, points))


def trades_within(problem: Problem, low: Ints, high: Ints) -> Ints | None:
    """The integer trades of least J between ``low`` and ``high`` (one entry a row), or ``None`` where none sum up."""
    search = _Search(problem, low.copy(), high.copy())
    if not search.bounded():
        return None
    trades = np.zeros_like(search.flows)
    given = low[problem.leaves]
    if not problem.nets and np.array_equal(given, high[problem.leaves]):  # nothing is open, and it sums up
        trades[problem.leaves] = given
        return trades
    if problem.nets:
        settled = search.settled()
        if settled is None:
            return None
        trades[problem.leaves] = settled[problem.leaves]
        return trades
    search.round_down_the_tree()
    search.exchange()
    trades[problem.leaves] = search.flows[problem.leaves]
    return trades


@dataclass(slots=True)
class _Curve:
    """A pie's response: the sum of its slices' flows at each multiplier, piecewise linear and rising."""

    multipliers: Floats
    totals: Floats


class _Search:
    """One run of ``exact_trades``. ``low`` and ``high`` bound each row's flow and are tightened bottom up."""

    def __init__(self, problem: Problem, low: Ints, high: Ints) -> None:
        self.problem, self.low, self.high = problem, low, high
        self.flows: Ints = np.zeros(len(low), dtype=np.int64)
        self.index = {p: i for i, p in enumerate(problem.pies)}
        self.best_up: dict[int, float] = {}
        self.best_down: dict[int, float] = {}

    def bounded(self) -> bool:
        """Tighten every pie's interval by its slices'; false where some interval is empty."""
        problem, event = self.problem, self.problem.event_row
        if bool((self.low > self.high).any()):
            return False
        for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
            received = int(problem.received[p])
            least, most = int(self.low[rows].sum()) - received, int(self.high[rows].sum()) - received
            if p == event:
                self.low[p], self.high[p] = max(least, -problem.spare), min(most, 0)
            else:
                self.low[p], self.high[p] = max(int(self.low[p]), least), min(int(self.high[p]), most)
            if self.low[p] > self.high[p]:
                return False
        return True

    def round_down_the_tree(self) -> None:
        """Continuous optimum by multipliers, rounded pie by pie so that every sum holds in integers."""
        problem = self.problem
        curves: dict[int, _Curve] = {}
        for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
            curves[p] = self._curve(rows, curves)
        multiplier: dict[int, float] = {}
        event = problem.event_row
        for p, rows in zip(problem.pies, problem.children, strict=True):
            curve, received = curves[p], int(problem.received[p])
            if p == event:  # where cash is free its multiplier is 0
                free = float(np.interp(0.0, curve.multipliers, curve.totals)) - received
                self.flows[p] = min(max(round(free), int(self.low[p])), int(self.high[p]))
            money = int(self.flows[p]) + received
            multiplier[p] = float(np.interp(money, curve.totals, curve.multipliers))
            real = self._responses(rows, multiplier[p], curves)
            self.flows[rows] = _rounded(real, money, self.low[rows], self.high[rows])

    def settled(self) -> Ints | None:
        """The best flows where net orders tie leaves to each other: near HiGHS's for divisible money, then to the cent.

        Where HiGHS fails, the best flows of the tree alone are where the cents begin.
        """
        problem = self.problem
        real, infeasible = continuous(replace(problem, flow_min=self.low, flow_max=self.high))
        if infeasible:  # a network's sums are met in whole cents wherever they can be met at all
            return None
        if real is None:
            self.round_down_the_tree()
        else:
            event = problem.event_row
            left = float(problem.received[event]) - float(real[problem.children[0]].sum())
            self.flows[event] = min(max(-round(left), int(self.low[event])), int(self.high[event]))
            for p, rows in zip(problem.pies, problem.children, strict=True):
                money = int(self.flows[p]) + int(problem.received[p])
                self.flows[rows] = _rounded(real[rows], money, self.low[rows], self.high[rows])
        return Network(problem, self.low, self.high).settled(self.flows)

    def _curve(self, rows: np.ndarray, curves: dict[int, _Curve]) -> _Curve:
        """Σ_c y_c(λ) over the slices ``rows``: events where a slope changes, summed up."""
        problem = self.problem
        leaves = np.array([c for c in rows if c not in curves], dtype=np.intp)
        scale = self._felt_scale(leaves)
        ideal, tilt = problem.ideal[leaves], problem.slope[leaves]
        low, high = self.low[leaves].astype(float), self.high[leaves].astype(float)
        ends = np.concatenate((2.0 * (tilt + (low - ideal) / scale), 2.0 * (tilt + (high - ideal) / scale)))
        nested = [self._response(int(c), curves[c]) for c in rows if c in curves]
        at = np.sort(np.concatenate((ends, *(multipliers for multipliers, _ in nested))))
        order = np.argsort(ends, kind="stable")
        slopes = np.cumsum(np.concatenate((scale, -scale))[order] / 2.0)[:-1]
        totals = low.sum() + np.concatenate(([0.0], np.cumsum(np.maximum(slopes, 0.0) * np.diff(ends[order]))))
        summed = np.interp(at, ends[order], totals) if len(leaves) else np.zeros(len(at))
        for multipliers, flow in nested:
            summed += np.interp(at, multipliers, flow)
        return _Curve(at, np.maximum.accumulate(summed))

    def _response(self, c: int, curve: _Curve) -> tuple[Floats, Floats]:
        """A nested pie's flow by its *parent's* multiplier: λ = μ + g'(y), cut to the pie's own interval."""
        problem = self.problem
        low, high = float(self.low[c]), float(self.high[c])
        flow = curve.totals - float(problem.received[c])
        first = _crossing(flow, curve.multipliers, low, "right")  # where it leaves its least, and reaches its most
        last = _crossing(flow, curve.multipliers, high, "left")
        inner, inside = np.clip(curve.multipliers, first, last), np.clip(flow, low, high)
        scale = float(self._felt_scale(np.array([c]))[0])
        at = inner + 2.0 * ((inside - problem.ideal[c]) / scale + problem.slope[c])
        return np.maximum.accumulate(at), inside

    def _responses(self, rows: np.ndarray, multiplier: float, curves: dict[int, _Curve]) -> Floats:
        problem = self.problem
        scale = self._felt_scale(rows)
        real = problem.ideal[rows] + scale * (multiplier / 2.0 - problem.slope[rows])
        for i, c in enumerate(rows):
            if c in curves:
                at, flow = self._response(int(c), curves[c])
                real[i] = np.interp(multiplier, at, flow)
        return np.asarray(np.clip(real, self.low[rows], self.high[rows]))

    def _felt_scale(self, rows: np.ndarray) -> Floats:
        """w_n A°_p, and something large for rows that J does not feel: they follow almost freely."""
        scale = self.problem.scale
        free = 1e3 * max(float(scale.sum()), 1.0)
        return np.where(scale[rows] > 0, scale[rows], free)

    def exchange(self) -> None:
        """Move single cents, pies bottom up, until no exchange between two slices, or with cash, improves J."""
        problem, event = self.problem, self.problem.event_row
        for p in reversed(problem.pies):
            up, down = self._settled(p)
            while True:
                pair = _best_pair(up, down)
                if pair is None:
                    break
                rows = problem.children[self.index[p]]
                self._move(int(rows[pair[0]]), 1)
                self._move(int(rows[pair[1]]), -1)
                up, down = self._settled(p)
        while _improves(self.best_up[event], 1.0) and self.flows[event] < self.high[event]:
            self._move(event, 1)
        while _improves(self.best_down[event], 1.0) and self.flows[event] > self.low[event]:
            self._move(event, -1)

    def _settled(self, p: int) -> tuple[Floats, Floats]:
        """The costs of a cent more and less at each slice of ``p``, and through them of the pie itself."""
        rows = self.problem.children[self.index[p]]
        up, down = marginals(self.problem, rows, self.flows, self.low, self.high)
        for i, c in enumerate(rows):
            if c in self.index:
                up[i] += self.best_up[int(c)]
                down[i] += self.best_down[int(c)]
        self.best_up[p], self.best_down[p] = float(up.min()), float(down.min())
        return up, down

    def _move(self, row: int, cents: int) -> None:
        """Give ``row`` one cent more or less, down to the leaf where it costs least."""
        self.flows[row] += cents
        if row not in self.index:
            return
        rows = self.problem.children[self.index[row]]
        up, down = self._settled(row)
        self._move(int(rows[int(np.argmin(up if cents == 1 else down))]), cents)
        self._settled(row)


def _crossing(flow: Floats, multipliers: Floats, level: float, side: Literal["left", "right"]) -> float:
    """The multiplier where ``flow`` passes ``level``: the left or the right end where it rests there."""
    j = int(np.searchsorted(flow, level, side=side))
    if j == 0 or j == len(flow):
        return float(multipliers[min(j, len(flow) - 1)])
    before, after = multipliers[j - 1 : j + 1]
    share = (level - flow[j - 1]) / (flow[j] - flow[j - 1])
    return float(before + share * (after - before))


def _best_pair(up: Floats, down: Floats) -> tuple[int, int] | None:
    """The slices between which one cent should move (to, from), or ``None`` where none improves.

    One slice that is cheapest both ways ends it: up + down ≥ 0 at a slice whose own slices are settled, so no other
    pair can be below that.
    """
    to, fro = int(np.argmin(up)), int(np.argmin(down))
    more, less = float(up[to]), float(down[fro])
    if to == fro or not _improves(more + less, abs(more) + abs(less) + 1e-3):
        return None
    return to, fro


def _improves(change: float, size: float) -> bool:
    """Whether a change of J is more than the rounding error of terms of this size."""
    return change < -TIE * size


def _rounded(real: Floats, total: int, low: Ints, high: Ints) -> Ints:
    """Integers within ``low``..``high`` that sum to ``total`` and lie as near to ``real`` as that allows."""
    whole = np.clip(np.rint(real).astype(np.int64), low, high)
    missing = total - int(whole.sum())
    while missing:
        step = int(np.sign(missing))
        end = high if step == 1 else low
        open_ = np.flatnonzero(whole != end)
        lag = (real[open_] - whole[open_]) * step
        chosen = open_[np.argsort(-lag, kind="stable")[: abs(missing)]]
        share = max(1, abs(missing) // max(1, len(chosen)))
        taken = np.minimum(abs(end[chosen] - whole[chosen]), share)
        whole[chosen] += step * taken
        missing -= step * int(taken.sum())
    return whole
