"""The waist: portfolio + event + rules become the frozen arrays of one tree problem.

Everything above this file speaks of portfolios and events, everything below it of arrays. The problem, in
PROBLEM.md's letters, over the rows n of one tree (depth first, root 0):

    minimise   (Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉),   J(y) = Σ_n (y_n − y°_n)²/(w_n A°_p) + 2 s_n (y_n − y°_n))
    subject to Σ_{c child of p} y_c = y_p + R_p   for every pie p inside the event (R less the cash left at its pie)
               y_c ∈ D_c                          of leaves: 0, buys [buy_min, buy_max], sells [sell_min, sell_max]
               y integer, y_event = 0

``R_p`` is money that enters at a pie itself: D + cash at the root for a deposit, −F for a withdrawal, the cash for a
rebalance, the proceeds of a liquidation where they fell. So all events are one problem.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.events import Reach
from solver.ideal import Mode, split_pie
from solver.tree import Tree

__all__ = ["Floats", "Ints", "Problem", "Situation", "build_problem"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Situation:
    """An event, understood: which pie it concerns, with how much money, which way its slices may go.

    ``received`` maps a row to R_p (minor units; a withdrawal's is negative); ``mode`` and ``reach`` say how the
    event's pie and the pies inside it split their money; ``min_trade`` is m.
    ``from_liquidation`` says that the money is the proceeds of slices that left the tree.
    """

    tree: Tree
    event_row: int
    mode: Mode
    reach: Reach
    received: dict[int, int]
    min_trade: int
    from_liquidation: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One tree problem; arrays are read-only, one entry a row, money in minor units.

    ``scale`` is w_n A°_p (0 where the node has no term in J), ``slope`` is s_n, and the ideal y°_n is
    ``ideal_whole + ideal_part`` with 0 ≤ part < 1, so that a deviation from it loses nothing to a large portfolio.
    ``keep`` is ⌈A°_n⌉ for the retired rows inside the event and −1 elsewhere. ``pies`` lists the rows of the pies
    that have money to split, parents first, ``children`` their slices. ``spare`` is the most cash that may be
    left at the event's pie while ranking equal; ``idle`` are the pies that must buy nothing, ``idle_cash`` what
    they leave.
    """

    situation: Situation
    mode: tuple[Mode, ...]
    pies: tuple[int, ...]
    children: tuple[NDArray[np.intp], ...]
    leaves: NDArray[np.intp]
    parent: NDArray[np.intp]
    value: Ints
    received: Ints
    buy_min: Ints
    buy_max: Ints
    sell_min: Ints
    sell_max: Ints
    flow_min: Ints
    flow_max: Ints
    ideal_whole: Ints
    ideal_part: Floats
    scale: Floats
    slope: Floats
    keep: Ints
    rounding_slack: float
    spare: int = 0
    idle: frozenset[int] = frozenset()
    idle_cash: int = 0

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
        flows = trades.copy()
        for p, rows in zip(reversed(self.pies), reversed(self.children), strict=True):
            flows[p] = flows[rows].sum() - self.received[p]
        flows[self.event_row] = 0
        return flows

    def retired_within(self, excess: Ints | int) -> Problem:
        """The same problem, every retired row keeping at most ``excess`` beyond its ideal: A_n ≤ ⌈A°_n⌉ + excess."""
        retired = self.keep >= 0
        if not retired.any():
            return self
        most = np.where(retired, np.minimum(self.flow_max, self.keep - self.value + excess), self.flow_max)
        return replace(self, flow_max=_frozen(most))

    def realises(self, trades: Ints) -> bool:
        """Whether every leaf's trade lies in its domain {0} ∪ buys ∪ sells, in integers."""
        buys = (self.buy_max > 0) & (trades >= self.buy_min) & (trades <= self.buy_max)
        sells = (self.sell_max > 0) & (-trades >= self.sell_min) & (-trades <= self.sell_max)
        return bool(((trades == 0) | buys | sells).all())

    def leaving_idle(self, idle: frozenset[int], cash: int) -> Problem:
        """The same problem with the pies ``idle`` buying nothing; ``cash`` is what stays with them."""
        if not idle:
            return self
        rows = np.array(sorted({r for p in idle for r in self.tree.below(p)}), dtype=np.intp)
        changed: dict[str, Any] = {}
        for name in ("received", "buy_min", "buy_max", "flow_max"):
            changed[name] = getattr(self, name).copy()
            changed[name][rows] = 0
        return replace(self, **{k: _frozen(v) for k, v in changed.items()}, idle=idle, idle_cash=cash)


class _Rows:
    """The arrays while they are being filled, as lists of Python integers: nothing is rounded before its time."""

    def __init__(self, tree: Tree) -> None:
        size = len(tree.parent)
        self.value = list(tree.value)
        self.mode = [Mode.NOTHING] * size
        self.money: list[tuple[int, int]] = [(0, 1)] * size  # y° + R = numerator / denominator
        self.after: list[tuple[int, int]] = [(0, 1)] * size  # A°, likewise
        self.whole = [0] * size
        self.part = [0.0] * size
        self.scale = [0.0] * size
        self.slope = [0.0] * size
        self.keep = [-1] * size
        self.fed = [False] * size  # money may reach this pie
        self.may_buy = [False] * size
        self.may_sell = [False] * size
        self.pies: list[int] = []


def build_problem(situation: Situation) -> Problem:
    """The arrays of ``situation``'s problem: ideal, constants of J, domains. Source: PROBLEM.md §1 and §2."""
    tree, event = situation.tree, situation.event_row
    rows = _Rows(tree)
    for row, amount in situation.received.items():  # V_p counts R_p, at p and at the pies above it inside the event
        while row != event:
            rows.value[row] += amount
            row = tree.parent[row]
            if row == event:
                rows.value[event] += amount
    at_event = situation.received.get(event, 0)
    rows.mode[event] = situation.mode
    rows.money[event] = (at_event, 1)
    rows.after[event] = (rows.value[event] + at_event, 1)
    rows.fed[event] = situation.mode is not Mode.BUYING or at_event > 0
    rows.may_buy[event] = True  # also where the event's own pie is retired: to rebalance it is what was asked for
    for p in tree.below(event):
        if tree.children[p] and rows.mode[p] is not Mode.NOTHING:
            rows.pies.append(p)
            _split(situation, rows, p)
    return _assemble(situation, rows)


def _split(situation: Situation, rows: _Rows, p: int) -> None:
    """Split the money of pie ``p`` and set everything that its slices' rows need."""
    tree, children = situation.tree, situation.tree.children[p]
    weights = [tree.weight[c] for c in children]
    split = split_pie(rows.mode[p], *rows.money[p], weights, [rows.value[c] for c in children])
    over, total = split.denominator, sum(weights)
    after, after_over = rows.after[p]
    for c, weight, flow in zip(children, weights, split.flows, strict=True):
        received = situation.received.get(c, 0)
        rows.money[c] = (flow + received * over, over)
        rows.after[c] = (rows.value[c] * over + flow, over)
        rows.whole[c], remainder = divmod(flow, over)
        rows.part[c] = remainder / over
        rows.fed[c] = rows.fed[p] or received > 0
        rows.may_buy[c] = rows.may_buy[p] and weight > 0 and after > 0
        if weight == 0:
            rows.keep[c] = -(-rows.after[c][0] // over)
        elif after > 0:
            rows.scale[c] = (weight * after) / (total * after_over)
            if flow == 0 and rows.mode[p] is not Mode.REBALANCING:
                # s_n = A°_n/(w_n A°_p) − L_p, with L_p w_n A°_p = k_n θ; exact up to one division
                above = rows.value[c] * over - weight * split.level
                rows.slope[c] = (above * total * after_over) / (over * weight * after)
        if tree.children[c]:
            rows.mode[c] = _mode_below(situation, rows.mode[p], flow)
        else:
            rows.may_buy[c] &= rows.fed[p] and rows.mode[p] is not Mode.SELLING
            rows.may_sell[c] = rows.mode[p] is not Mode.BUYING and rows.value[c] > 0


def _mode_below(situation: Situation, mode: Mode, flow: int) -> Mode:
    """The mode of a nested pie: its parent's, but one-sided where a rebalance is shallow."""
    if mode is not Mode.REBALANCING or situation.reach is Reach.DEEP:
        return mode
    return Mode.BUYING if flow > 0 else Mode.SELLING if flow < 0 else Mode.NOTHING


def _assemble(situation: Situation, rows: _Rows) -> Problem:
    tree, m = situation.tree, situation.min_trade
    size, least = len(tree.parent), max(m, 1)
    is_leaf = np.array([not c for c in tree.children], dtype=bool)
    value = np.array(rows.value, dtype=np.int64)
    sell_max = np.where(np.array(rows.may_sell), value, 0) * is_leaf
    money = max(0, sum(situation.received.values())) + int(sell_max.sum())
    buy_max = np.where(np.array(rows.may_buy) & is_leaf, money if money >= least else 0, 0)
    received = np.array([situation.received.get(r, 0) for r in range(size)], dtype=np.int64)
    flow_min, flow_max = -sell_max, buy_max.copy()
    for p in rows.pies:
        if p != situation.event_row:
            flow_min[p] = -value[p] if rows.mode[p] in (Mode.SELLING, Mode.REBALANCING) else 0
            flow_max[p] = money if rows.mode[p] in (Mode.BUYING, Mode.REBALANCING) and rows.fed[tree.parent[p]] else 0
    scale = np.array(rows.scale)
    moves = (sell_max > 0) | (buy_max > 0)
    for p in reversed(rows.pies):
        moves[p] = moves[list(tree.children[p])].any()
    felt = moves & (scale > 0)
    return Problem(
        situation=situation,
        mode=tuple(rows.mode),
        pies=tuple(rows.pies),
        children=tuple(np.array(tree.children[p], dtype=np.intp) for p in rows.pies),
        leaves=np.flatnonzero(is_leaf & moves),
        parent=np.array(tree.parent, dtype=np.intp),
        value=_frozen(value),
        received=_frozen(received),
        buy_min=_frozen(np.where(buy_max > 0, least, 0)),
        buy_max=_frozen(buy_max),
        sell_min=_frozen(np.minimum(sell_max, least)),  # m, or the whole position where it is worth less
        sell_max=_frozen(sell_max),
        flow_min=_frozen(flow_min),
        flow_max=_frozen(flow_max),
        ideal_whole=_frozen(np.array(rows.whole, dtype=np.int64)),
        ideal_part=_frozen(np.array(rows.part)),
        scale=_frozen(scale),
        slope=_frozen(np.array(rows.slope)),
        keep=_frozen(np.array(rows.keep, dtype=np.int64)),
        rounding_slack=float((0.25 / scale[felt]).sum()),
    )


def _frozen(array: Any) -> Any:
    array.setflags(write=False)
    return array
