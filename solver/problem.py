"""The waist: portfolio + event + rules become the frozen arrays of one tree problem.

Everything above this file speaks of portfolios and events, everything below it of arrays. The problem, in
PROBLEM.md's letters, over the rows n of one tree (depth first, root 0):

    minimise   (Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉),   J(y) = Σ_n (y_n − y°_n)²/(w_n A°_p) + 2 s_n (y_n − y°_n))
    subject to Σ_{c child of p} y_c = y_p + R_p   for every pie p inside the event (R less the cash left at its pie)
               y_c ∈ D_c                          of leaves: 0, buys [buy_min, buy_max], sells [sell_min, sell_max],
                                                  and the sale of all that is held where ``closes`` has it
               Σ_{c ∈ C_S} y_c ∈ D_S              of securities held in several slices (``netting.py``)
               y integer, y_event = 0

``R_p`` is money that enters at a pie itself: D + cash at the root for a deposit, −F for a withdrawal, the cash for a
rebalance, the proceeds of a liquidation where they fell. So all events, and several at once, are one problem.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domains import Limits, unlimited
from solver.events import Reach
from solver.ideal import Mode
from solver.modes import leaves_cash
from solver.netting import Net
from solver.steps import Steps
from solver.tree import Tree

__all__ = ["CLOSES", "SIDES", "Floats", "Ints", "Problem", "Situation", "frozen", "with_nets"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CLOSES = -2
SIDES = (1, -1, CLOSES)  # buys, sells a part, sells all; 0 rests


@dataclass(frozen=True, slots=True)
class Situation:
    """Events, understood: which pie they concern, with how much money, which way its slices may go.

    ``received`` maps a row to R_p (minor units; a withdrawal's is negative); ``mode`` and ``reach`` say how the
    event's pie and the pies inside it split their money; ``min_trade`` is m, and ``limits`` are those of the leaves
    that have more than that. ``rebalanced`` are pies inside the event's that are asked to rebalance themselves, with
    whatever their parents, going their own way, give them or want of them.
    """

    tree: Tree
    event_row: int
    mode: Mode
    reach: Reach
    received: dict[int, int]
    min_trade: int
    limits: Mapping[int, Limits] = field(default_factory=dict)
    rebalanced: Mapping[int, Reach] = field(default_factory=dict)

    def limit(self, row: int) -> Limits:
        """The limits of the leaf ``row``."""
        return self.limits.get(row) or unlimited(self.min_trade)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One tree problem; arrays are read-only, one entry a row, money in minor units.

    ``scale`` is w_n A°_p (0 where the node has no term in J), ``slope`` is s_n, and the ideal y°_n is
    ``ideal_whole + ideal_part`` with 0 ≤ part < 1, so that a deviation from it loses nothing to a large portfolio.
    ``closes`` is V_n where all may be sold though [sell_min, sell_max] ends below it, else 0.
    ``steps`` are those of the orders that trade in steps coarser than a cent: of a range only a(1), a(2), … count.
    ``orders`` are the rows that have a domain: leaves, and behind the rows of the tree the securities that several
    leaves hold. ``nets`` has the leaves that such a row sums up, ``order_row`` the order that a leaf is part of.
    ``keep`` is ⌈A°_n⌉ for the retired rows inside the event and −1 elsewhere. ``pies`` lists the rows of the pies
    that have money to split, parents first, ``children`` their slices. ``spare`` is the most cash that may be
    left at the event's pie while ranking equal; ``idle`` are the pies that must buy nothing, ``idle_cash`` what
    they leave. ``beyond`` is the least that pies which rebalance side by side have to leave in sum beyond what each of
    them may (``window``).
    """

    situation: Situation
    mode: tuple[Mode, ...]
    pies: tuple[int, ...]
    children: tuple[NDArray[np.intp], ...]
    leaves: NDArray[np.intp]
    orders: NDArray[np.intp]
    order_row: NDArray[np.intp]
    parent: NDArray[np.intp]
    value: Ints
    received: Ints
    buy_min: Ints
    buy_max: Ints
    sell_min: Ints
    sell_max: Ints
    closes: Ints
    flow_min: Ints
    flow_max: Ints
    ideal_whole: Ints
    ideal_part: Floats
    scale: Floats
    slope: Floats
    keep: Ints
    steps: Mapping[int, Steps]
    rounding_slack: float
    nets: Mapping[int, NDArray[np.intp]] = field(default_factory=dict)
    spare: int = 0
    idle: frozenset[int] = frozenset()
    idle_cash: int = 0
    beyond: int = 0

    @property
    def tree(self) -> Tree:
        return self.situation.tree

    @property
    def min_trade(self) -> int:
        return self.situation.min_trade

    @property
    def event_row(self) -> int:
        return self.situation.event_row

    @property
    def ideal(self) -> Floats:
        """y°, as plain doubles: for reading, not for measuring deviations."""
        return np.asarray(self.ideal_whole + self.ideal_part, dtype=np.float64)

    def deviation(self, flows: Ints) -> Floats:
        """y − y° for integer flows, exact to a double's last place however large the portfolio is."""
        return np.asarray((flows - self.ideal_whole) - self.ideal_part, dtype=np.float64)

    def flows(self, trades: Ints) -> Ints:
        """y of every row from the leaves' trades: y_p = Σ y_c − R_p below the event's pie, whose own y is 0."""
        flows = self.ordered(trades)
        for p, rows in zip(reversed(self.pies), reversed(self.children), strict=True):
            flows[p] = flows[rows].sum() - self.received[p]
        flows[self.event_row] = 0
        return flows

    def ordered(self, trades: Ints) -> Ints:
        """The leaves' trades, and the net orders that they come to."""
        ordered = trades.copy()
        for row, leaves in self.nets.items():
            ordered[row] = trades[leaves].sum()
        return ordered

    def orders_of(self, leaves: NDArray[np.intp]) -> NDArray[np.intp]:
        """The orders that ``leaves`` are part of, each once."""
        return np.unique(self.order_row[leaves]) if self.nets else leaves

    def retired_within(self, excess: Ints | int) -> Problem:
        """The same problem, every retired row keeping at most ``excess`` beyond its ideal: A_n ≤ ⌈A°_n⌉ + excess.

        A row that can not go so low, since a rule blocks its sales, goes as low as it can.
        """
        retired = self.keep >= 0
        if not retired.any():
            return self
        most = np.minimum(self.flow_max, np.maximum(self.keep - self.value + excess, self.lowest()))
        return replace(self, flow_max=frozen(np.where(retired, most, self.flow_max)))

    def lowest(self) -> Ints:
        """The least flow of every row that the leaves below it can make; of the event's pie, that orders can make."""
        lowest = self.flow_min.copy()
        for p, rows in zip(reversed(self.pies), reversed(self.children), strict=True):
            lowest[p] = max(int(lowest[p]), int(lowest[rows].sum() - self.received[p]))
        ordered = int(self.flow_min[self.orders].sum() - self.received.sum())
        lowest[self.event_row] = max(int(lowest[self.event_row]), ordered)
        return lowest

    def leaves_cash(self, p: int) -> bool:
        """Whether what is left in pie ``p`` may become cash of the account."""
        return leaves_cash(self.tree, self.event_row, self.mode, p)

    @property
    def order_size(self) -> int:
        """The largest least order of any leaf, at least 1 minor unit: the size of the gaps in the domains."""
        rows = self.orders
        return max(1, int(self.buy_min[rows].max(initial=1)), int(self.sell_min[rows].max(initial=1)))

    def smallest_order(self, leaves: NDArray[np.intp]) -> int:
        """The smallest order that ``leaves`` could buy, or the step it grows by; 1 where nothing can be bought."""
        orders = self.orders_of(leaves)
        rows = orders[self.buy_max[orders] > 0].tolist()
        return min((max(int(self.buy_min[c]), self.steps[c].most if c in self.steps else 1) for c in rows), default=1)

    def leaves_below(self, p: int) -> NDArray[np.intp]:
        """The leaves inside pie ``p`` that may trade."""
        below = self.tree.below(p)
        return self.leaves[[row in below for row in self.leaves.tolist()]]

    def window(self, p: int) -> int:
        """What a rebalance of pie ``p`` may leave while ranking equal: less than m, or than its smallest order."""
        return max(self.min_trade, self.smallest_order(self.leaves_below(p))) - 1

    @property
    def coarse(self) -> bool:
        """Whether every leaf trades in steps coarser than a cent."""
        return len(self.steps) == len(self.leaves)

    @property
    def gapless(self) -> bool:
        """Whether every order's domain is one interval around 0: then who trades is no question."""
        rows = self.orders
        gaps = (self.buy_min[rows] > 1) | (self.sell_min[rows] > 1) | (self.closes[rows] > 0)
        return not self.steps and not gaps.any()

    def ranges(self, rows: NDArray[np.intp]) -> tuple[tuple[Ints, Ints], ...]:
        """The domains of the orders ``rows`` beside 0: (least, most) a side of ``SIDES``, least > most where empty."""
        buys, sells, closes = self.buy_max[rows] > 0, self.sell_max[rows] > 0, self.closes[rows] > 0
        empty = 1, 0
        return (
            (np.where(buys, self.buy_min[rows], empty[0]), np.where(buys, self.buy_max[rows], empty[1])),
            (np.where(sells, -self.sell_max[rows], empty[0]), np.where(sells, -self.sell_min[rows], empty[1])),
            (np.where(closes, -self.closes[rows], empty[0]), np.where(closes, -self.closes[rows], empty[1])),
        )

    def parts(self, row: int) -> list[tuple[int, int]]:
        """All that the order ``row`` could trade, split without a gap: buy, sell a part, sell all, rest."""
        buys, sells, closes = (int(a[row]) for a in (self.buy_max, self.sell_max, self.closes))
        parts = [(1, buys), (-sells, -1), (-closes, -sells - 1)]
        return [part for part, some in zip(parts, (buys, sells, closes), strict=True) if some] + [(0, 0)]

    def sides(self, trades: Ints) -> Ints:
        """Which side of ``SIDES`` each order is on, 0 where it rests."""
        ordered = self.ordered(trades)
        sides: Ints = np.sign(ordered)
        sides[(self.closes > 0) & (ordered == -self.closes)] = CLOSES
        return sides

    def realises(self, trades: Ints) -> bool:
        """Whether every order lies in its domain, in integers, and every trade within its bounds."""
        ordered = self.ordered(trades)
        x = ordered[self.orders]
        allowed = x == 0
        for least, most in self.ranges(self.orders):
            allowed |= (least <= x) & (x <= most)
        both = np.union1d(self.leaves, self.orders) if self.nets else self.leaves
        within = (ordered[both] >= self.flow_min[both]) & (ordered[both] <= self.flow_max[both])
        in_steps = all(self.in_steps(row, int(ordered[row])) for row in self.steps)
        return bool(allowed.all() and within.all()) and in_steps

    def in_steps(self, row: int, trade: int) -> bool:
        """Whether the order's trade is a whole number of steps, or the sale of all that is held."""
        steps = self.steps[row]
        return trade == -self.closes[row] or steps.amount(steps.within(abs(trade))) == abs(trade)

    def leaving_idle(self, idle: frozenset[int], cash: int) -> Problem:
        """The same problem with the pies ``idle`` buying nothing; ``cash`` is what stays with them."""
        if not idle:
            return self if cash == self.idle_cash else replace(self, idle_cash=cash)
        rows = np.array(sorted({r for p in idle for r in self.tree.below(p)}), dtype=np.intp)
        changed: dict[str, Any] = {}
        for name in ("received", "buy_min", "buy_max", "flow_max"):
            changed[name] = getattr(self, name).copy()
            changed[name][rows] = 0
        return replace(self, **{k: frozen(v) for k, v in changed.items()}, idle=idle, idle_cash=cash)


def with_nets(problem: Problem, nets: Sequence[Net]) -> Problem:
    """``problem`` with a row behind the tree's for every net order; J does not feel these."""
    size, count = len(problem.value), len(nets)
    order_row = np.concatenate((problem.order_row, np.arange(size, size + count)))
    for row, net in enumerate(nets, size):
        order_row[list(net.leaves)] = row
    summed = {row: np.array(net.leaves, dtype=np.intp) for row, net in enumerate(nets, size)}
    changed: dict[str, Any] = {}
    for name in ("buy_min", "buy_max", "sell_min", "sell_max", "closes", "flow_max"):
        changed[name] = np.append(getattr(problem, name), [getattr(net.domain, name) for net in nets])
    lowest = [-max(net.domain.sell_max, net.domain.closes) for net in nets]
    changed["flow_min"] = np.append(problem.flow_min, lowest)
    changed["value"] = np.append(problem.value, [net.held for net in nets])
    for name, nothing in (("received", 0), ("ideal_whole", 0), ("ideal_part", 0.0), ("scale", 0.0), ("slope", 0.0)):
        changed[name] = np.append(getattr(problem, name), [nothing] * count)
    for row, leaves in summed.items():
        changed["ideal_whole"][row], changed["ideal_part"][row] = divmod(float(problem.ideal[leaves].sum()), 1.0)
    changed["keep"] = np.append(problem.keep, [-1] * count)
    changed["parent"] = np.append(problem.parent, [problem.event_row] * count).astype(np.intp)
    steps = {row: one for row, one in problem.steps.items() if order_row[row] == row}
    steps |= {row: net.limit.steps for row, net in enumerate(nets, size) if net.limit.steps and net.limit.steps.coarse}
    arrays = {name: frozen(array) for name, array in changed.items()}
    orders = np.unique(order_row[np.append(problem.leaves, list(summed))])
    return replace(problem, **arrays, orders=orders, order_row=order_row, steps=steps, nets=summed)


def frozen(array: Any) -> Any:
    """``array``, read-only from now on."""
    array.setflags(write=False)
    return array
