"""From trades in cents to trades in whole steps: rounded, brought back into the sum, and improved a step at a time.

A heuristic: what it finds is a plan, and how near that is to the best is for the bound to say. Given the amounts of the
leaves that trade in coarse steps, all others are made exact again (``cents.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solver.cents import exact_trades, leaf_intervals, tracking_error
from solver.problem import Ints, Problem

__all__ = ["stepped_trades"]

MOST_MOVES = 400
NEIGHBOURS = 6  # leaves tried in each direction when two of them exchange a step


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
        self.paths = {row: self._path(row) for row in self.rows}

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
        for _ in range(MOST_MOVES):
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
                return exact_trades(self.problem, self.sides, self.points)
            moves = []
            for cost, row, change in self._moves(self._flows(), 1 if short > 0 else -1):
                still = abs(self._short(least - change, most - change))
                if still < abs(short):
                    moves.append((still > 0, cost, row, self.points[row] + change))
            if not moves:
                return None
            _, _, row, self.points[row] = min(moves)
        return None

    def _left(self) -> tuple[int, int]:
        """The cash left where all other leaves trade the most, and the least, that they may."""
        low, high = leaf_intervals(self.problem, self.sides, self.points)
        received, orders = int(self.problem.received.sum()), self.problem.orders
        return received - int(high[orders].sum()), received - int(low[orders].sum())

    def _short(self, least: int, most: int) -> int:
        """How much more has to be traded for the cash to be what may be left; negative: how much less."""
        return least - self.problem.spare if least > self.problem.spare else min(0, most)

    def _flows(self) -> Ints:
        trades: Ints = np.zeros(len(self.problem.value), dtype=np.int64)
        for row, point in self.points.items():
            trades[self._leaf(row)] += point
        return self.problem.flows(trades)

    def _moves(self, flows: Ints, direction: int) -> list[tuple[float, int, int]]:
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

    def _cost(self, flows: Ints, changes: dict[int, int]) -> float:
        """What J changes by when these leaves trade so much more."""
        problem = self.problem
        moved: dict[int, int] = {}
        for leaf, change in changes.items():
            for row in self.paths[leaf]:
                moved[row] = moved.get(row, 0) + change
        cost = 0.0
        for row, change in moved.items():
            scale = float(problem.scale[row])
            if scale > 0:
                off = float(flows[row] - problem.ideal_whole[row]) - float(problem.ideal_part[row])
                cost += change * ((2.0 * off + change) / scale + 2.0 * float(problem.slope[row]))
        return cost

    def _improved(self, trades: Ints, error: float) -> tuple[Ints, float] | None:
        """The trades after the best step of one leaf, or exchange of steps between two, or ``None``."""
        flows = self.problem.flows(trades)
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
