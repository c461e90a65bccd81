"""From trades in cents to trades in whole steps, in two ways, both of them heuristics.

``stepped_trades`` is told who trades: it rounds, brings the sum back, and improves a step at a time. ``nearby_trades``
is told the multipliers of a bound, and adds up what costs the leaves little beside them: so it finds combinations of
many steps that fill what single exchanges can not, where steps are coarse and little may be left. What they find are
plans, and how near these are to the best is for the bound to say. Given the amounts of the leaves that trade in coarse
steps, all others are made exact again (``cents.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.cents import exact_trades, leaf_intervals, tracking_error
from solver.problem import CLOSES, SIDES, Floats, Ints, Problem

__all__ = ["nearby_trades", "stepped_trades", "steps_wanted", "wanted"]

MOST_MOVES = 400  # steps given up or added until the trades sum up
MOST_BETTER = 20  # improvements after that: what many steps at once improve is for ``nearby_trades``
MOST_BESIDE = 24  # steps, and exchanges of steps, tried where the trades sum up and yet some pie's do not
NEIGHBOURS = 6  # leaves tried in each direction when two of them exchange a step
WIDTH = 100  # sums that are kept while the slices of a pie are added up, one after the other
KEPT = 40  # of a nested pie's sums, those that the pie above sees
AROUND = 4  # steps looked at on either side of what a leaf wants
TIGHT = 1e-3  # stands for no width at all


def stepped_trades(problem: Problem, sides: Ints, points: Mapping[int, int] | None = None) -> Ints | None:
    """Trades for ``sides`` that keep every step, near the best in cents or at ``points``; ``None``: none found."""
    start = exact_trades(problem, sides)
    if not problem.steps:
        return start
    wanted: Ints = np.zeros(len(problem.value), dtype=np.int64) if start is None else start
    wanted = problem.ordered(wanted)
    for row, point in (points or {}).items():
        wanted[row] = point
    return _Descent(problem, sides, wanted).best()


class _Descent:
    """``points`` are the amounts of the stepped leaves; ``trades`` what all leaves trade with them, if they can."""

    def __init__(self, problem: Problem, sides: Ints, start: Ints) -> None:
        self.problem, self.sides = problem, sides
        self.points = {row: self._nearest(row, int(start[row])) for row in problem.steps}
        self.rows = [row for row in problem.steps if sides[row] in (1, -1)]
        self.loose = any(sides[row] and row not in problem.steps for row in problem.orders.tolist()) or bool(
            problem.nets
        )
        self.tied = bool(problem.nets) or any(p in problem.situation.rebalanced for p in problem.pies[1:])
        self.paths = {row: self._path(row) for row in self.rows}
        low, high = leaf_intervals(problem, sides)
        free = [row for row in problem.orders.tolist() if row not in problem.steps]
        self.others = int(low[free].sum()), int(high[free].sum())
        scale, slope = problem.scale.tolist(), problem.slope.tolist()
        ideal = zip(problem.ideal_whole.tolist(), problem.ideal_part.tolist(), strict=True)
        self.terms = [(*at, 1.0 / a, 2.0 * b) if a > 0 else None for at, a, b in zip(ideal, scale, slope, strict=True)]

    def _path(self, row: int) -> list[int]:
        """The rows that a step of the order moves; of a net order, as if its first leaf made it."""
        path, row = [], self._leaf(row)
        while row != self.problem.event_row:
            path.append(row)
            row = int(self.problem.parent[row])
        return path

    def _leaf(self, row: int) -> int:
        return int(self.problem.nets[row][0]) if row in self.problem.nets else row

    def _nearest(self, row: int, trade: int) -> int:
        problem, steps = self.problem, self.problem.steps[row]
        side = int(self.sides[row])
        if side not in (1, -1):
            return -int(problem.closes[row]) if side else 0
        least, most = self._range(row)
        size = min(max(abs(trade), least), most)
        below, above = steps.amount(steps.within(size)), steps.amount(steps.within(size) + 1)
        fitting = [a for a in (below, above) if least <= a <= most]
        return side * min(fitting, key=lambda a: abs(a - size), default=below)

    def _range(self, row: int) -> tuple[int, int]:
        """The amounts between which the leaf trades on its side, as magnitudes."""
        problem = self.problem
        if self.sides[row] == 1:
            return int(problem.buy_min[row]), int(min(problem.buy_max[row], problem.flow_max[row]))
        return int(max(problem.sell_min[row], -problem.flow_max[row])), int(problem.sell_max[row])

    def best(self) -> Ints | None:
        trades = self._repaired()
        if trades is None:
            return None
        error = tracking_error(self.problem, self.problem.flows(trades))
        for _ in range(MOST_BETTER):
            better = self._improved(trades, error)
            if better is None:
                return trades
            trades, error = better
        return trades

    def _repaired(self) -> Ints | None:
        """Steps given up or added until the trades sum up: one that ends it, or else the cheapest that comes nearer."""
        for _ in range(MOST_MOVES):
            least, most = self._left()
            short = self._short(least, most)
            if not short:
                found = exact_trades(self.problem, self.sides, self.points)
                return self._beside() if found is None and self.tied else found
            moves = []
            for cost, row, change in self._moves(self._flows(), 1 if short > 0 else -1):
                still = abs(self._short(least - change, most - change))
                if still < abs(short):
                    moves.append((still > 0, cost, row, self.points[row] + change))
            if not moves:
                return None
            _, _, row, self.points[row] = min(moves)
        return None

    def _beside(self) -> Ints | None:
        """The trades after a step of one order, or an exchange of steps between two, that some pie was short of."""
        flows, old = self._flows(), dict(self.points)
        up, down = self._moves(flows, 1), self._moves(flows, -1)
        tries = [{row: change} for _, row, change in (*up[:NEIGHBOURS], *down[:NEIGHBOURS])]
        tries += [{a: x, b: y} for _, a, x in up[:NEIGHBOURS] for _, b, y in down[:NEIGHBOURS] if a != b]
        for changes in tries[:MOST_BESIDE]:
            self.points = old | {row: old[row] + change for row, change in changes.items()}
            found = exact_trades(self.problem, self.sides, self.points)
            if found is not None:
                return found
        self.points = old
        return None

    def _left(self) -> tuple[int, int]:
        """The cash left where all other leaves trade the most, and the least, that they may."""
        left = int(self.problem.received.sum()) - sum(self.points.values())
        return left - self.others[1], left - self.others[0]

    def _short(self, least: int, most: int) -> int:
        """How much more has to be traded for the cash to be what may be left; negative: how much less."""
        return least - self.problem.spare if least > self.problem.spare else min(0, most)

    def _flows(self) -> list[int]:
        trades: Ints = np.zeros(len(self.problem.value), dtype=np.int64)
        for row, point in self.points.items():
            trades[self._leaf(row)] += point
        flows: list[int] = self.problem.flows(trades).tolist()
        return flows

    def _moves(self, flows: Sequence[int], direction: int) -> list[tuple[float, int, int]]:
        """Every leaf's step up or down, the cheapest first: what it costs a cent moved, the leaf, the change."""
        found = []
        for row in self.rows:
            moved = self._moved(row, direction)
            if moved is not None:
                change = moved - self.points[row]
                found.append((self._cost(flows, {row: change}) / abs(change), row, change))
        return sorted(found)

    def _moved(self, row: int, direction: int) -> int | None:
        side, steps = int(self.sides[row]), self.problem.steps[row]
        size = steps.amount(steps.reaching(abs(self.points[row])) + side * direction)
        least, most = self._range(row)
        return side * size if least <= size <= most else None

    def _cost(self, flows: Sequence[int], changes: dict[int, int]) -> float:
        """What J changes by when these leaves trade so much more."""
        moved: dict[int, int] = {}
        for leaf, change in changes.items():
            for row in self.paths[leaf]:
                moved[row] = moved.get(row, 0) + change
        cost = 0.0
        for row, change in moved.items():
            term = self.terms[row]
            if term:
                whole, part, inverse, tilt = term
                cost += change * ((2.0 * ((flows[row] - whole) - part) + change) * inverse + tilt)
        return cost

    def _improved(self, trades: Ints, error: float) -> tuple[Ints, float] | None:
        """The trades after the best step of one leaf, or exchange of steps between two, or ``None``."""
        flows = self.problem.flows(trades).tolist()
        up, down = self._moves(flows, 1), self._moves(flows, -1)
        tries = [{row: change} for _, row, change in (*up[:NEIGHBOURS], *down[:NEIGHBOURS])]
        tries += [{a: x, b: y} for _, a, x in up[:NEIGHBOURS] for _, b, y in down[:NEIGHBOURS] if a != b]
        costs = [self._cost(flows, changes) for changes in tries]
        ranked = sorted((cost, i) for i, cost in enumerate(costs) if cost < 0 or self.loose)
        for _, i in ranked[:NEIGHBOURS]:
            old = dict(self.points)
            self.points.update({row: old[row] + change for row, change in tries[i].items()})
            moved = exact_trades(self.problem, self.sides, self.points)
            if moved is not None:
                found = tracking_error(self.problem, self.problem.flows(moved))
                if found < error * (1 - 1e-12) - 1e-12:
                    return moved, found
            self.points = old
        return None


def wanted(problem: Problem, row: int, multiplier: float) -> float:
    """What ``row`` would trade at this multiplier if it could trade anything."""
    return float(problem.ideal[row]) + float(problem.scale[row]) * (multiplier / 2.0 - float(problem.slope[row]))


def steps_wanted(problem: Problem, multipliers: Mapping[int, float]) -> tuple[int, ...]:
    """In which step the leaves would like to trade: multipliers that agree in that lead to much the same plans."""
    asked = [(row, multipliers.get(int(problem.parent[row]))) for row in problem.steps]
    return tuple(0 if at is None else round(wanted(problem, row, at)) // problem.steps[row].most for row, at in asked)


def nearby_trades(problem: Problem, multipliers: Mapping[int, float]) -> Ints | None:
    """The best trades that keep every step among those near what the leaves want at ``multipliers`` (by pie).

    Every leaf may trade the few amounts that cost it least beside its multiplier, on any side, and the sums of these
    are built up pie by pie. A pie that is not among ``multipliers`` rests. ``None``: no sum that was kept fits.
    """
    event, received = problem.event_row, int(problem.received[problem.event_row])
    least = received - problem.spare
    found = _Sums(problem, multipliers).of_pie(event, least, received)
    order = np.argsort(found.costs, kind="stable")
    fits = (found.amounts >= least) & (found.amounts <= received)
    loose = any(row not in problem.steps for row in problem.leaves.tolist())  # these can make other sums fit, too
    best, error = None, np.inf
    for i in (order if loose else order[fits[order]])[: NEIGHBOURS if loose else 1].tolist():
        trades: Ints = np.zeros(len(problem.value), dtype=np.int64)
        found.write(i, trades)
        trades[list(problem.pies)] = 0
        exact = exact_trades(problem, problem.sides(trades), {row: int(trades[row]) for row in problem.steps})
        if exact is None:
            continue
        so_far = tracking_error(problem, problem.flows(exact))
        if so_far < error:
            best, error = exact, so_far
    return best


@dataclass(slots=True)
class _Part:
    """What a leaf or a pie may trade: ``amounts``, the cheapest first, and what each costs beyond that one.

    To trade d more costs about d²/``width``. Of a pie, ``steps`` says for each of its ``parts`` from which sum of the
    parts before it, and with which of its amounts, every sum came about.
    """

    row: int
    amounts: Ints
    costs: Floats
    width: float
    parts: tuple[_Part, ...] = ()
    steps: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    @property
    def coarseness(self) -> int:
        """How far apart the amounts are at least."""
        return int(np.diff(np.sort(self.amounts)).min(initial=np.iinfo(np.int64).max))

    def write(self, i: int, trades: Ints) -> None:
        """What the leaves below trade where the sum is ``amounts[i]``."""
        if not self.parts:
            trades[self.row] = self.amounts[i]
        for part, (before, with_) in zip(reversed(self.parts), reversed(self.steps), strict=True):
            part.write(int(with_[i]), trades)
            i = int(before[i])


class _Sums:
    """The sums that the slices of a pie can make, the cheapest of them."""

    def __init__(self, problem: Problem, multipliers: Mapping[int, float]) -> None:
        self.problem, self.multipliers = problem, multipliers
        self.children = dict(zip(problem.pies, problem.children, strict=True))

    def of_pie(self, p: int, least: int | None = None, most: int | None = None, soft: float = 0.0) -> _Part:
        """Sums for ``p`` between ``least`` and ``most``, or around the cheapest if it may be any.

        Slices are added one after the other, coarse ones first, so that fine ones close what is left. A sum is kept by
        what it costs, and what the slices to come (and the pie itself, ``soft``) will need for the rest.
        """
        multiplier = self.multipliers[p]
        parts = [self._nested(c, multiplier) if c in self.children else self._leaf(c, multiplier)
                 for c in self.children[p].tolist()]  # fmt: skip
        parts.sort(key=lambda part: -part.coarseness)
        rest, width = sum(int(part.amounts[0]) for part in parts), sum(part.width for part in parts)
        least, most = rest if least is None else least, rest if most is None else most
        amounts, costs = np.zeros(1, dtype=np.int64), np.zeros(1)
        steps = []
        for part in parts:
            rest, width = rest - int(part.amounts[0]), width - part.width
            amounts, costs = (amounts[:, None] + part.amounts).ravel(), (costs[:, None] + part.costs).ravel()
            away = np.maximum(np.maximum(least - rest - amounts, amounts + rest - most), 0).astype(float)
            kept = np.argsort(costs + away * away / max(width + soft, TIGHT), kind="stable")[:WIDTH]
            _, first = np.unique(amounts[kept], return_index=True)  # of equal sums the cheapest
            kept = kept[np.sort(first)]
            amounts, costs = amounts[kept], costs[kept]
            steps.append((kept // len(part.amounts), kept % len(part.amounts)))
        return _Part(p, amounts, costs, sum(part.width for part in parts), tuple(parts), tuple(steps))

    def _nested(self, c: int, multiplier: float) -> _Part:
        """The flows of a nested pie as the pie above it sees them."""
        problem, inner, scale = self.problem, self.multipliers.get(c), float(self.problem.scale[c])
        received = int(problem.received[c])
        if inner is None:
            return _Part(c, np.array([-received]), np.zeros(1), 0.0)
        found = self.of_pie(c, soft=scale)
        flows = found.amounts - received
        costs = found.costs + _cost(problem, c, flows) + inner * found.amounts - multiplier * flows
        fits = np.flatnonzero((flows >= problem.flow_min[c]) & (flows <= problem.flow_max[c]))
        if not len(fits):  # nothing below it can trade so: what it made of this is refused as a whole
            fits = np.arange(1)
        kept = fits[np.argsort(costs[fits], kind="stable")[:KEPT]]
        before, with_ = found.steps[-1]
        steps = (*found.steps[:-1], (before[kept], with_[kept]))
        width = found.width * scale / (found.width + scale) if scale > 0 else found.width
        return _Part(c, flows[kept], costs[kept] - costs[kept[0]], width, found.parts, steps)

    def _leaf(self, row: int, multiplier: float) -> _Part:
        """Nothing, where that is allowed, and on every side the amounts around what the leaf wants."""
        problem = self.problem
        floor, ceiling = int(problem.flow_min[row]), int(problem.flow_max[row])
        some = {0} if floor <= 0 <= ceiling else set()
        for side, (low, high) in zip(SIDES, problem.ranges(np.array([row])), strict=True):
            least, most = max(int(low[0]), floor), min(int(high[0]), ceiling)
            if least > most:
                continue
            near = round(min(max(wanted(problem, row, multiplier), least), most))
            if row not in problem.steps or side == CLOSES:
                some.add(near)
                continue
            steps = problem.steps[row]
            count = steps.within(abs(near))
            around = (side * steps.amount(k) for k in range(max(1, count - AROUND), count + AROUND + 2))
            some |= {amount for amount in around if least <= amount <= most}
        amounts = np.array(sorted(some) or [0], dtype=np.int64)
        costs = _cost(problem, row, amounts) - multiplier * amounts
        order = np.argsort(costs, kind="stable")
        width = float(problem.scale[row]) if len(amounts) > 1 else 0.0
        return _Part(row, amounts[order], costs[order] - costs[order[0]], width)


def _cost(problem: Problem, row: int, amounts: Ints) -> Floats:
    """h(x) = f(x) − f(0) of the row's own term of J."""
    scale, x = float(problem.scale[row]), amounts.astype(float)
    if scale <= 0:
        return np.zeros(len(amounts))
    return np.asarray(x * ((x - 2.0 * float(problem.ideal[row])) / scale + 2.0 * float(problem.slope[row])))
