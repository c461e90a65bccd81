"""The waist: portfolio + event + rules become the frozen arrays of one tree problem.

Everything above this file speaks of portfolios and events, everything below it of arrays. The problem, in
PROBLEM.md's letters, over the rows n of one tree (depth first, root 0):

    minimise   (Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉),   J(y) = Σ_n (y_n − y°_n)²/(w_n A°_p) + 2 s_n (y_n − y°_n))
    subject to Σ_{c child of p} y_c = y_p + R_p   for every pie p inside the event (R less the cash left at its pie)
               y_c ∈ D_c                          of leaves: 0, buys [buy_min, buy_max], sells [sell_min, sell_max],
                                                  and the sale of all that is held where ``closes`` has it
               y integer, y_event = 0

``R_p`` is money that enters at a pie itself: D + cash at the root for a deposit, −F for a withdrawal, the cash for a
rebalance, the proceeds of a liquidation where they fell. So all events, and several at once, are one problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domains import Limits, domain, unlimited
from solver.events import Reach
from solver.ideal import Mode, split_pie
from solver.modes import BUYS, SELLS, leaves_cash, mode_below, pies_around
from solver.steps import Steps
from solver.tree import Tree

__all__ = ["CLOSES", "SIDES", "Floats", "Ints", "Problem", "Situation", "build_problem"]

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
    ``steps`` are those of the leaves that trade in steps coarser than a cent: of a range only a(1), a(2), … count.
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
        """The same problem, every retired row keeping at most ``excess`` beyond its ideal: A_n ≤ ⌈A°_n⌉ + excess.

        A row that can not go so low, since a rule blocks its sales, goes as low as it can.
        """
        retired = self.keep >= 0
        if not retired.any():
            return self
        most = np.minimum(self.flow_max, np.maximum(self.keep - self.value + excess, self.lowest()))
        return replace(self, flow_max=_frozen(np.where(retired, most, self.flow_max)))

    def lowest(self) -> Ints:
        """The least flow of every row that the leaves below it can make."""
        lowest = self.flow_min.copy()
        for p, rows in zip(reversed(self.pies), reversed(self.children), strict=True):
            lowest[p] = max(int(lowest[p]), int(lowest[rows].sum() - self.received[p]))
        return lowest

    def leaves_cash(self, p: int) -> bool:
        """Whether what is left in pie ``p`` may become cash of the account."""
        return leaves_cash(self.tree, self.event_row, self.mode, p)

    @property
    def order_size(self) -> int:
        """The largest least order of any leaf, at least 1 minor unit: the size of the gaps in the domains."""
        rows = self.leaves
        return max(1, int(self.buy_min[rows].max(initial=1)), int(self.sell_min[rows].max(initial=1)))

    def smallest_order(self, leaves: NDArray[np.intp]) -> int:
        """The smallest order that ``leaves`` could buy, or the step it grows by; 1 where nothing can be bought."""
        rows = leaves[self.buy_max[leaves] > 0].tolist()
        return min((max(int(self.buy_min[c]), self.steps[c].most if c in self.steps else 1) for c in rows), default=1)

    @property
    def gapless(self) -> bool:
        """Whether every leaf's domain is one interval around 0: then who trades is no question."""
        rows = self.leaves
        gaps = (self.buy_min[rows] > 1) | (self.sell_min[rows] > 1) | (self.closes[rows] > 0)
        return not self.steps and not gaps.any()

    def ranges(self, rows: NDArray[np.intp]) -> tuple[tuple[Ints, Ints], ...]:
        """The domains of the leaves ``rows`` beside 0: (least, most) a side of ``SIDES``, least > most where empty."""
        buys, sells, closes = self.buy_max[rows] > 0, self.sell_max[rows] > 0, self.closes[rows] > 0
        empty = 1, 0
        return (
            (np.where(buys, self.buy_min[rows], empty[0]), np.where(buys, self.buy_max[rows], empty[1])),
            (np.where(sells, -self.sell_max[rows], empty[0]), np.where(sells, -self.sell_min[rows], empty[1])),
            (np.where(closes, -self.closes[rows], empty[0]), np.where(closes, -self.closes[rows], empty[1])),
        )

    def parts(self, leaf: int) -> list[tuple[int, int]]:
        """All that ``leaf`` could trade, split without a gap by what it does: buy, sell a part, sell all, rest."""
        buys, sells, closes = (int(a[leaf]) for a in (self.buy_max, self.sell_max, self.closes))
        parts = [(1, buys), (-sells, -1), (-closes, -sells - 1)]
        return [part for part, some in zip(parts, (buys, sells, closes), strict=True) if some] + [(0, 0)]

    def sides(self, trades: Ints) -> Ints:
        """Which side of ``SIDES`` each row's trade is on, 0 where it rests."""
        sides: Ints = np.sign(trades)
        sides[(self.closes > 0) & (trades == -self.closes)] = CLOSES
        return sides

    def realises(self, trades: Ints) -> bool:
        """Whether every leaf's trade lies in its domain, in integers, and within its bounds."""
        x = trades[self.leaves]
        allowed = x == 0
        for least, most in self.ranges(self.leaves):
            allowed |= (least <= x) & (x <= most)
        within = (x >= self.flow_min[self.leaves]) & (x <= self.flow_max[self.leaves])
        return bool((allowed & within).all()) and all(self.in_steps(row, int(trades[row])) for row in self.steps)

    def in_steps(self, row: int, trade: int) -> bool:
        """Whether the leaf's trade is a whole number of steps, or the sale of all that is held."""
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
        return replace(self, **{k: _frozen(v) for k, v in changed.items()}, idle=idle, idle_cash=cash)


class _Rows:
    """The arrays while they are being filled, as lists of Python integers: nothing is rounded before its time."""

    def __init__(self, tree: Tree) -> None:
        size = len(tree.parent)
        self.value = list(tree.value)
        self.mode = [Mode.NOTHING] * size
        self.reach = [Reach.DEEP] * size
        self.shut: set[int] = set()  # pies that rebalance where no money from above may be spent
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
    rows.mode[event], rows.reach[event] = situation.mode, situation.reach
    rows.money[event] = (at_event, 1)
    rows.after[event] = (rows.value[event] + at_event, 1)
    rows.fed[event] = situation.mode is not Mode.BUYING or at_event > 0
    rows.may_buy[event] = True  # also where the event's own pie is retired: to rebalance it is what was asked for
    around = pies_around(tree, event, situation.rebalanced)
    for p in tree.below(event):
        if tree.children[p] and (rows.mode[p] is not Mode.NOTHING or p in around):
            rows.pies.append(p)
            (_split if rows.mode[p] is not Mode.NOTHING else _carry)(situation, rows, p)
    return _assemble(situation, rows)


def _carry(situation: Situation, rows: _Rows, p: int) -> None:
    """Set what the slices' rows of ``p`` need: it trades nothing itself, but holds a pie that rebalances."""
    for c in situation.tree.children[p]:
        rows.money[c], rows.after[c] = (situation.received.get(c, 0), 1), (rows.value[c], 1)
        rows.mode[c], rows.reach[c] = mode_below(rows.mode[p], rows.reach[p], situation.rebalanced.get(c), 0)
        rows.fed[c] = rows.may_buy[c] = rows.mode[c] is Mode.REBALANCING
        if rows.fed[c]:
            rows.shut.add(c)


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
        rows.may_buy[c] = rows.may_buy[p] and weight > 0 and after > 0
        if weight == 0:
            rows.keep[c] = -(-rows.after[c][0] // over)
        elif after > 0:
            rows.scale[c] = (weight * after) / (total * after_over)
            if flow == 0 and rows.mode[p] is not Mode.REBALANCING:
                # s_n = A°_n/(w_n A°_p) − L_p, with L_p w_n A°_p = k_n θ; exact up to one division
                above = rows.value[c] * over - weight * split.level
                rows.slope[c] = (above * total * after_over) / (over * weight * after)
        rows.fed[c] = rows.fed[p] or received > 0 or c in situation.rebalanced
        if tree.children[c]:
            asked = situation.rebalanced.get(c)
            rows.mode[c], rows.reach[c] = mode_below(rows.mode[p], rows.reach[p], asked, flow)
            if asked and not rows.may_buy[c]:  # with its own money, as where it is the event's pie
                rows.may_buy[c] = True
                rows.shut.add(c)
        else:
            rows.may_buy[c] &= rows.fed[p] and rows.mode[p] is not Mode.SELLING
            rows.may_sell[c] = rows.mode[p] is not Mode.BUYING


def _assemble(situation: Situation, rows: _Rows) -> Problem:
    tree = situation.tree
    size = len(tree.parent)
    is_leaf = np.array([not c for c in tree.children], dtype=bool)
    value = np.array(rows.value, dtype=np.int64)
    money = max(0, sum(situation.received.values())) + int(value[np.array(rows.may_sell) & is_leaf].sum())
    domains = _domains(situation, rows, is_leaf, money)
    buy_max, flow_max = domains["buy_max"], domains.pop("flow_max")
    received = np.array([situation.received.get(r, 0) for r in range(size)], dtype=np.int64)
    flow_min = -np.maximum(domains["sell_max"], domains["closes"])
    for p in rows.pies:
        if p != situation.event_row:
            above = rows.mode[tree.parent[p]]
            gets = rows.mode[p] in BUYS and above in BUYS and rows.fed[tree.parent[p]] and p not in rows.shut
            flow_min[p] = -value[p] if rows.mode[p] in SELLS and above in SELLS else 0
            flow_max[p] = money if gets else 0
    scale = np.array(rows.scale)
    moves = (flow_min < 0) | (buy_max > 0)
    moves[~is_leaf] = False
    leaves = np.flatnonzero(moves)
    limits = {row: situation.limit(row).steps for row in leaves.tolist()}
    steps = {row: one for row, one in limits.items() if one and one.coarse}
    cents = moves.copy()  # rows that a single cent can move
    cents[list(steps)] = False
    for p in reversed(rows.pies):
        cents[p] = cents[list(tree.children[p])].any()
    felt = cents & (scale > 0)
    return Problem(
        situation=situation,
        mode=tuple(rows.mode),
        pies=tuple(rows.pies),
        children=tuple(np.array(tree.children[p], dtype=np.intp) for p in rows.pies),
        leaves=leaves,
        parent=np.array(tree.parent, dtype=np.intp),
        value=_frozen(value),
        received=_frozen(received),
        **{name: _frozen(array) for name, array in domains.items()},
        flow_min=_frozen(flow_min),
        flow_max=_frozen(flow_max),
        ideal_whole=_frozen(np.array(rows.whole, dtype=np.int64)),
        ideal_part=_frozen(np.array(rows.part)),
        scale=_frozen(scale),
        slope=_frozen(np.array(rows.slope)),
        keep=_frozen(np.array(rows.keep, dtype=np.int64)),
        steps=steps,
        rounding_slack=float((0.25 / scale[felt]).sum()),
    )


def _domains(situation: Situation, rows: _Rows, is_leaf: NDArray[np.bool_], money: int) -> dict[str, Ints]:
    """The arrays of all leaves' domains by name; 0 at pies. Without limits they are ``domain``'s first lines."""
    m, value = max(situation.min_trade, 1), np.array(rows.value, dtype=np.int64)
    buys = np.array(rows.may_buy) & is_leaf & (m <= money)
    sold = np.where(np.array(rows.may_sell) & is_leaf, value, 0)
    arrays: dict[str, Ints] = {
        "buy_min": np.where(buys, m, 0),
        "buy_max": np.where(buys, money, 0),
        "sell_min": np.minimum(sold, m),  # m, or the whole position where it is worth less
        "sell_max": sold,
        "closes": np.zeros_like(value),
        "flow_max": np.where(buys, money, 0),
    }
    for row, limit in situation.limits.items():
        tree, pie = situation.tree, situation.tree.parent[row]
        balances = rows.mode[pie] is Mode.REBALANCING and leaves_cash(tree, situation.event_row, rows.mode, pie)
        one = domain(limit, rows.value[row], money, rows.may_buy[row], rows.may_sell[row], balances)
        for name, array in arrays.items():
            array[row] = getattr(one, name)
    return arrays


def _frozen(array: Any) -> Any:
    array.setflags(write=False)
    return array
