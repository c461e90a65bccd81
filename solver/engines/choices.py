"""What the caller's rules let each order do, said a second time: for the reference, which shares no domain with HiGHS.

From the tree's security ids and the limits alone; the waist says only which way the event lets a leaf go, and with what
money. An order is a leaf's, or where several slices of the account hold its security, one of all its leaves that may
trade: then a leaf's own trade has no rule but its direction, and the limits bind the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solver.domains import Limits
from solver.ideal import Mode
from solver.problem import Ints, Problem

__all__ = ["Choices"]

Way = tuple[int, int]  # least and most; (0, 0) where it is closed


@dataclass(frozen=True, slots=True)
class Choices:
    """What the orders may be: a row a way (buy, sell a part, sell all), a column an order; minor units.

    The first columns are the orders of the leaves ``alone``, then come the ``shared`` ones, each with its leaves.
    ``most`` is 0 where a way is closed. ``low`` ≤ X ≤ ``high`` holds besides, and without ``gaps`` says it all; by the
    direction of a shared order's leaves alone ``falls`` ≤ y ≤ ``rises``, one entry a row of the tree.
    ``stepped`` are the columns of the orders in coarse steps, each worth ``worth`` = (n, d), n/d minor units;
    ``held`` is how many of them a part may be.
    """

    alone: NDArray[np.intp]
    shared: list[NDArray[np.intp]]
    least: Ints
    most: Ints
    low: Ints
    high: Ints
    falls: Ints
    rises: Ints
    stepped: list[int]
    worth: list[tuple[int, int]]
    held: list[int]

    @staticmethod
    def of(problem: Problem) -> Choices:
        """The rules of every order; the waist says only which way the event lets its leaves go."""
        tree, leaves = problem.tree, problem.leaves.tolist()
        falls, rises = np.zeros((2, len(tree.parent)), dtype=np.int64)
        for leaf in leaves:
            if problem.mode[tree.parent[leaf]] in (Mode.SELLING, Mode.REBALANCING):
                falls[leaf] = -tree.value[leaf]
        money = max(0, int(problem.received.sum())) - int(falls.sum())
        rises[leaves] = np.where(problem.buy_max[leaves] > 0, money, 0)
        slices = _by_security(tree.security_ids, range(len(tree.parent)))
        trading = _by_security(tree.security_ids, leaves)
        alone = [rows for name, rows in trading.items() if len(slices[name]) == 1]
        shared = [rows for name, rows in trading.items() if len(slices[name]) > 1]
        found, limits = [], []
        for rows in alone + shared:
            everywhere = slices[tree.security_ids[rows[0]]]
            limits.append(problem.situation.limit(everywhere[0]))
            held, sold = sum(tree.value[row] for row in everywhere), -int(falls[rows].sum())
            ways = _ways(limits[-1], held, sold, int(rises[rows].max()))
            found.append([*ways, (-max(most for _, most in ways[1:]), _highest(problem, rows, limits[-1], held, ways))])
        least, most = np.array(found, dtype=np.int64).reshape(-1, 4, 2).T
        steps = {i: limit.steps for i, limit in enumerate(limits) if limit.steps and limit.steps.coarse}
        return Choices(
            np.array([leaf for rows in alone for leaf in rows], dtype=np.intp),
            [np.array(rows, dtype=np.intp) for rows in shared],
            least[:3], most[:3], least[3], most[3], falls, rises,
            list(steps), [(one.numerator, one.denominator) for one in steps.values()],
            [limits[i].whole_steps for i in steps],
        )  # fmt: skip

    @property
    def typical(self) -> float:
        """The median gap: a least trade of more than a minor unit, or a step; 1 where there are none. Minor units."""
        wide = self.least[(self.least > 1) & (self.most > 0)].tolist()
        return float(np.median(wide + [n / d for n, d in self.worth] or [1.0]))

    @property
    def gaps(self) -> bool:
        """Whether some order is not one interval around, or next to, 0."""
        return bool(self.stepped) or bool(((self.least > 1) & (self.most > 0)).any())


def _by_security(names: Sequence[str], rows: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        if names[row]:
            found.setdefault(names[row], []).append(row)
    return found


def _ways(limit: Limits, held: int, sold: int, money: int) -> list[Way]:
    """(least, most) of a buy, of the sale of a part, and of the sale of all that is held; (0, 0) where ruled out.

    An order is at least the minimum, but for a sale of all; what is held afterwards is nothing, or at least the
    smallest position, and no more than the largest where it was bought. A part of a priced security is worth a number
    of its steps, not all of them; where a step is a cent or less, that says nothing unless value and quantity differ.
    Of ``held`` no more than ``sold`` lies where the event sells: if that is not all, only a part can go.
    """
    m, steps = max(1, limit.min_trade), limit.steps
    room = money if limit.most is None else min(money, limit.most - held)
    part = min(held - limit.least, sold)
    if steps:
        most = limit.whole_steps * steps.numerator // steps.denominator
        part = min(part, most) if steps.coarse or most < held - 1 else part
        if steps.coarse:  # the most whole steps that are worth no more
            count = ((part + 1) * steps.denominator - 1) // steps.numerator
            part = count * steps.numerator // steps.denominator
    whole = part == held >= m and not (steps and steps.coarse)
    buy, sale = (max(m, limit.least - held), room), (m, part)
    close = (0, 0) if whole or sold < held else (held, held)
    rises, falls = money > 0 and not limit.no_buy, sold > 0 and not limit.no_sell
    ways = [buy if rises else (0, 0), sale if falls else (0, 0), close if falls else (0, 0)]
    return [(least, most) if least <= most else (0, 0) for least, most in ways]


def _highest(problem: Problem, rows: list[int], limit: Limits, held: int, ways: list[Way]) -> int:
    """The most of an order: what is above its largest position has to go, if pies that rebalance alone may sell it."""
    pies = {problem.tree.parent[row] for row in rows if problem.tree.value[row]}
    pies = {p for p in pies if problem.mode[p] in (Mode.SELLING, Mode.REBALANCING)}
    frees = bool(pies) and all(problem.mode[p] is Mode.REBALANCING and problem.leaves_cash(p) for p in pies)
    if limit.most is None or held <= limit.most or not frees or limit.no_sell:
        return ways[0][1]
    return -min(held - limit.most, max(ways[1][1], ways[2][1]))
