"""All sums that could still beat a plan: a proof where quantity steps leave few amounts, and the best plan itself.

``lagrangian.py`` writes J as a sum of terms. What an amount costs beyond its term's least value is its regret, and a
plan better than J* has regrets that come to less than B = J* − Σ min φ. So only amounts of less regret are looked at,
and pie by pie only sums of less regret are kept, of equal sums the cheapest. Whoever makes up the difference to what is
left to trade has at least the regret (difference)²/Σ w A°, less what its own least values lie above those of divisible
money: a sum that leaves too much of it is dropped, too. Steps of several dollars make so few combinations that all can
be looked at; where they are too many nothing is said. Bad multipliers make it more work, never wrong.

Source: PROBLEM.md §3; the principle is that of implicit enumeration with Lagrangian bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.bound import Stopped
from solver.lagrangian import UNIT_ROUNDOFF, Terms
from solver.problem import CLOSES, SIDES, Floats, Ints, Problem

__all__ = ["Enumerated", "TooMany", "enumerated"]

MOST_AMOUNTS = 2_000  # of one leaf
MOST_SUMS = 20_000  # of one pie
MOST_WORK = 1_000_000  # sums formed in one step
MIXED = 10  # times fewer are, where some leaf trades in cents: to cut the branch takes less time then
FEW_PAIRS = 10_000  # so many sums are formed without a look at which of them cost too much
ROUNDED = 1e-12  # of regrets: nothing is left out because their sum is rounded
AWAY = 1e-6  # minor units: what rounding may make of a sum of centres
TIGHT = 1e-12  # stands for no width at all


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


def enumerated(
    problem: Problem,
    low: Ints,
    high: Ints,
    multipliers: Mapping[int, float],
    error: float,
    stopped: Callable[[], bool] = lambda: False,
) -> Enumerated:
    """Look at all plans between ``low`` and ``high`` (one entry a row) whose J could be less than ``error``, J*.

    With net orders the bound is the sum of all least values. Raises ``TooMany``, and ``Stopped`` once ``stopped()``,
    which is asked before every slice that is added.
    """
    search = _Search(problem, low, high, multipliers)
    search.stopped, search.most_work = stopped, MOST_WORK if problem.coarse else MOST_WORK // MIXED
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


class _Search(Terms):
    """One run; ``most`` is B."""

    most = 0.0
    most_work = MOST_WORK
    stopped: Callable[[], bool]

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
            if self.stopped():
                raise Stopped
            before, with_ = self._pairs(regrets, part.regrets)
            formed, costs = sums[before] + part.amounts[with_], regrets[before] + part.regrets[with_]
            able = (costs <= self.most) & (formed + lowest[i] <= most) & (formed + highest[i] >= least)
            kept = np.flatnonzero(able)
            at = formed[kept]
            away = np.maximum(np.maximum(least - at - centre[i], at + centre[i] - most) - AWAY, 0.0)
            kept = kept[costs[kept] + np.maximum(away * away / max(width[i], TIGHT) - slack[i], 0.0) <= self.most]
            kept = kept[np.lexsort((costs[kept], formed[kept]))]
            kept = kept[np.unique(formed[kept], return_index=True)[1]]  # of equal sums the cheapest
            if len(kept) > MOST_SUMS:
                raise TooMany
            steps.append((before[kept], with_[kept]))
            sums, regrets = formed[kept], costs[kept]
        return _Part(p, sums, regrets, parts=tuple(parts), steps=tuple(steps))

    def _pairs(self, ones: Floats, others: Floats) -> tuple[np.ndarray, np.ndarray]:
        """Every pair of one of ``ones`` and one of ``others`` whose regrets come to B at the most, and few others."""
        if len(ones) * len(others) <= FEW_PAIRS:
            return np.repeat(np.arange(len(ones)), len(others)), np.tile(np.arange(len(others)), len(ones))
        order = np.argsort(ones, kind="stable")
        counts = np.searchsorted(ones[order], (self.most - others) + ROUNDED * (self.most + others), side="right")
        if int(counts.sum()) > self.most_work:
            raise TooMany
        with_ = np.repeat(np.arange(len(others)), counts)
        return order[np.arange(len(with_)) - np.repeat(np.cumsum(counts) - counts, counts)], with_

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
        regrets = regrets + self.values(np.array([row]), amounts[None, :])[0] - self.lowest[row]
        able = regrets <= self.most
        if row != self.problem.event_row:
            able &= (amounts >= self.low[row]) & (amounts <= self.high[row])
        kept = np.flatnonzero(able)
        steps = part.steps
        if steps:
            steps = (*steps[:-1], (steps[-1][0][kept], steps[-1][1][kept]))
        return _Part(row, amounts[kept], regrets[kept], parts=part.parts, steps=steps)

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
