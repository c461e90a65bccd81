"""One account as a tree of records: what the waist says, renumbered so that the slices of a pie stand together.

Node 0 is the event's pie. Every amount is a double that holds a whole number of cents, counted from ⌊y°_n⌋:

    e_n = y_n − ⌊y°_n⌋,      d_n = y_n − y°_n = e_n − part_n,      f_n(e) = d_n²/(w_n A°_p) + 2 s_n d_n,

so nothing is lost to a large portfolio, and flow conservation reads Σ_c e_c = e_p + need_p with whole numbers need_p.
By node: ``row`` (in the account), ``above`` (its pie), ``first``/``last`` (its slices; 0, 0 of a leaf), ``half``
w_n A°_p/2, ``inverse`` 1/(w_n A°_p), ``tilt`` 2 s_n (a node that J does not feel has inverse 0 and, so that curves stay
functions, a large half), ``rest`` the e at which nothing is traded, ``buy_low`` to ``sell_high`` a leaf's two ranges
(low > high: none), ``least``/``most`` the bounds on e, ``domain`` what a leaf may do before anything is branched on.
``tree[i].pie`` lists the pies that split, parents first; node 0 knows how many ``nodes`` and ``pies`` there are.

Source: PROBLEM.md §2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Node, Nodes
from solver.problem import Floats, Ints

__all__ = ["BUYS", "FREE", "INTERVAL", "RESTS", "SELLS", "Posed", "load"]

RESTS, BUYS, SELLS, FREE, INTERVAL = 0, 1, -1, 2, 3  # what a leaf may do; INTERVAL: anything from least to most


class Posed(NamedTuple):
    """One account's problem, a row a node: ``Problem``'s fields by its names, money in minor units.

    ``head`` has how many rows there are, the event's row, ``spare``, and 1 where no domain has a gap; ``splits`` marks
    pies that have money to split.
    """

    head: Ints
    parent: Ints
    splits: NDArray[np.bool_]
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


@compiled
def load(posed: Posed, tree: Nodes) -> bool:
    """Fill ``tree`` with one account; false where some leaf has no way to go at all."""
    _number(posed, posed.head[0], posed.head[1], tree)
    wide = 0.0
    for n in range(1, tree[0].nodes):
        wide += posed.scale[tree[n].row]
    wide = 1e3 * max(wide, 1.0)
    possible = True
    for n in range(tree[0].nodes):
        row = tree[n].row
        _fill(posed, row, tree[n], n > 0, wide)
        if n > 0 and tree[n].last == 0:
            possible = _fill_leaf(posed, row, tree[n], posed.head[3] > 0) and possible
    tree[0].least, tree[0].most = -float(posed.head[2]), 0.0
    for i in range(tree[0].pies):
        p = tree[i].pie
        row = tree[p].row
        need = posed.received[row] + (posed.ideal_whole[row] if p else 0)
        for c in range(tree[p].first, tree[p].last):
            need -= posed.ideal_whole[tree[c].row]
        tree[p].need = float(need)
    return possible


@compiled
def _number(posed: Posed, stop: int, event: int, tree: Nodes) -> None:
    """Give every row inside the event its node: the event's pie, then the slices of each pie, one pie after another."""
    tree[0].row, tree[0].above, tree[0].first, tree[0].last = event, -1, 0, 0
    nodes, pies = 1, 0
    if posed.splits[event]:
        tree[0].pie = 0
        pies = 1
    i = 0
    while i < pies:
        p = tree[i].pie
        tree[p].first = nodes
        above = tree[p].row
        for row in range(above + 1, stop):
            if posed.parent[row] == above:
                tree[nodes].row, tree[nodes].above = row, p
                tree[nodes].first = tree[nodes].last = 0
                if posed.splits[row]:
                    tree[pies].pie = nodes
                    pies += 1
                nodes += 1
            elif posed.parent[row] < above:
                break  # beyond this pie: rows are depth first
        tree[p].last = nodes
        i += 1
    tree[0].nodes, tree[0].pies = nodes, pies


@compiled
def _fill(posed: Posed, row: int, node: Node, inside: bool, wide: float) -> None:
    """What J and flow conservation say of one node; of the event's pie J says nothing."""
    scale = posed.scale[row] if inside else 0.0
    whole = float(posed.ideal_whole[row]) if inside else 0.0
    node.part = posed.ideal_part[row] if inside else 0.0
    node.rest = -whole
    node.half = (scale if scale > 0.0 else wide) / 2.0
    node.inverse = 1.0 / scale if scale > 0.0 else 0.0
    node.tilt = 2.0 * posed.slope[row] if scale > 0.0 else 0.0
    node.least = float(posed.flow_min[row]) - whole
    node.most = float(posed.flow_max[row]) - whole
    node.domain = RESTS


@compiled
def _fill_leaf(posed: Posed, row: int, node: Node, gapless: bool) -> bool:
    """A leaf's ranges within its flow's bounds, and what it may do; false where that is nothing."""
    whole = float(posed.ideal_whole[row])
    floor, ceiling = posed.flow_min[row], posed.flow_max[row]
    buys, sells = posed.buy_max[row] > 0, posed.sell_max[row] > 0
    node.buy_low = float(max(posed.buy_min[row], floor)) - whole if buys else np.inf
    node.buy_high = float(min(posed.buy_max[row], ceiling)) - whole if buys else -np.inf
    node.sell_low = float(max(-posed.sell_max[row], floor)) - whole if sells else np.inf
    node.sell_high = float(min(-posed.sell_min[row], ceiling)) - whole if sells else -np.inf
    buys, sells = node.buy_low <= node.buy_high, node.sell_low <= node.sell_high
    if gapless:
        node.domain = INTERVAL
        return bool(floor <= ceiling)
    if floor <= 0 <= ceiling:
        node.domain = FREE if buys or sells else RESTS
        return True
    node.domain = BUYS if buys else SELLS
    return bool(buys or sells)
