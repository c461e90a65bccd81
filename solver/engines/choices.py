"""What the caller's rules let each leaf do, said a second time: for the reference, which shares no domain with HiGHS.

From the limits of the securities alone; the waist says only which way the event lets a leaf go, and with what money.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.domains import Limits
from solver.ideal import Mode
from solver.problem import Ints, Problem

__all__ = ["Choices"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the leaves may do: a row a way (buy, sell a part, sell all), a column a leaf; minor units.

    ``most`` is 0 where a way is closed. ``low`` ≤ y ≤ ``high`` holds besides, and without ``gaps`` says it all.
    ``stepped`` are the columns of the leaves in coarse steps, each worth ``worth`` = (n, d), n/d minor units;
    ``held`` is how many of them a part may be.
    """

    least: Ints
    most: Ints
    low: Ints
    high: Ints
    stepped: list[int]
    worth: list[tuple[int, int]]
    held: list[int]

    @staticmethod
    def of(problem: Problem) -> Choices:
        """The rules of every leaf; the waist says only which way the event lets it go."""
        leaves, mode = problem.leaves.tolist(), [problem.mode[p] for p in problem.parent[problem.leaves]]
        limits, value = [problem.situation.limit(leaf) for leaf in leaves], problem.value[problem.leaves].tolist()
        falls = [one in (Mode.SELLING, Mode.REBALANCING) for one in mode]
        money = max(0, int(problem.received.sum())) + sum(v for v, sells in zip(value, falls, strict=True) if sells)
        rises = (problem.buy_max[problem.leaves] > 0).tolist()
        found = [_ways(*one, money) for one in zip(limits, value, rises, falls, strict=True)]
        least, most = np.array(found, dtype=np.int64).reshape(-1, 3, 2).T
        high = most[0].copy()
        for i, (limit, held) in enumerate(zip(limits, value, strict=True)):
            frees = mode[i] is Mode.REBALANCING and problem.leaves_cash(int(problem.parent[leaves[i]]))
            if limit.most is not None and held > limit.most and frees and not limit.no_sell:
                high[i] = limit.most - held  # above its largest position: that has to go
        steps = {i: limit.steps for i, limit in enumerate(limits) if limit.steps and limit.steps.coarse}
        worth = [(one.numerator, one.denominator) for one in steps.values()]
        return Choices(
            least, most, -most[1:].max(axis=0), high, list(steps), worth, [limits[i].whole_steps for i in steps]
        )

    @property
    def typical(self) -> float:
        """The median gap: a least trade of more than a minor unit, or a step; 1 where there are none. Minor units."""
        wide = self.least[(self.least > 1) & (self.most > 0)].tolist()
        return float(np.median(wide + [n / d for n, d in self.worth] or [1.0]))

    @property
    def gaps(self) -> bool:
        """Whether some leaf's trades are not one interval around, or next to, 0."""
        return bool(self.stepped) or bool(((self.least > 1) & (self.most > 0)).any())


def _ways(limit: Limits, held: int, rises: bool, falls: bool, money: int) -> list[tuple[int, int]]:
    """(least, most) of a buy, of the sale of a part, and of the sale of all that is held; (0, 0) where ruled out.

    An order is at least the minimum, but for a sale of all; what is held afterwards is nothing, or at least the
    smallest position, and no more than the largest where it was bought. A part of a priced security is worth a number
    of its steps, not all of them; where a step is a cent or less, that says nothing unless value and quantity differ.
    """
    m, steps = max(1, limit.min_trade), limit.steps
    room = money if limit.most is None else min(money, limit.most - held)
    part = held - limit.least
    if steps:
        sold = limit.whole_steps * steps.numerator // steps.denominator
        part = min(part, sold) if steps.coarse or sold < held - 1 else part
    buy, whole = (max(m, limit.least - held), room), part == held >= m and not (steps and steps.coarse)
    sale, close = (m, part), (0, 0) if whole else (held, held)
    rises, falls = rises and not limit.no_buy, falls and held > 0 and not limit.no_sell
    ways = [buy if rises else (0, 0), sale if falls else (0, 0), close if falls else (0, 0)]
    return [(least, most) if least <= most else (0, 0) for least, most in ways]
