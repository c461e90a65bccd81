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

__all__ = ["BUYS", "FREE", "INTERVAL", "RESTS", "SELLS", "Columns", "load"]

RESTS, BUYS, SELLS, FREE, INTERVAL = 0, 1, -1, 2, 3  # what a leaf may do; INTERVAL: anything from least to most


class Columns(NamedTuple):
    """Many accounts: row r of account a is ``start[a] + r``, money in minor units, ``Problem``'s fields by its names.

    By account: ``event`` (a row of the account), ``spare``, ``gapless`` (no minimum: every domain is one interval).
    By row: ``parent`` (a row of the account), ``splits`` (a pie that has money to split), and the rest.
    """

    start: Ints
    event: Ints
    spare: Ints
    gapless: NDArray[np.bool_]
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
def load(columns: Columns, account: int, tree: Nodes) -> bool:
    """Fill ``tree`` with one account; false where some leaf has no way to go at all."""
    start, stop = columns.start[account], columns.start[account + 1]
    _number(columns, start, stop, start + columns.event[account], tree)
    wide = 0.0
    for n in range(1, tree[0].nodes):
        wide += columns.scale[start + tree[n].row]
    wide = 1e3 * max(wide, 1.0)
    possible = True
    for n in range(tree[0].nodes):
        row = start + tree[n].row
        _fill(columns, row, tree[n], n > 0, wide)
        if n > 0 and tree[n].last == 0:
            possible = _fill_leaf(columns, row, tree[n], columns.gapless[account]) and possible
    tree[0].least, tree[0].most = -float(columns.spare[account]), 0.0
    for i in range(tree[0].pies):
        p = tree[i].pie
        row = start + tree[p].row
        need = columns.received[row] + (columns.ideal_whole[row] if p else 0)
        for c in range(tree[p].first, tree[p].last):
            need -= columns.ideal_whole[start + tree[c].row]
        tree[p].need = float(need)
    return possible


@compiled
def _number(columns: Columns, start: int, stop: int, event: int, tree: Nodes) -> None:
    """Give every row inside the event its node: the event's pie, then the slices of each pie, one pie after another."""
    tree[0].row, tree[0].above, tree[0].first, tree[0].last = event - start, -1, 0, 0
    nodes, pies = 1, 0
    if columns.splits[event]:
        tree[0].pie = 0
        pies = 1
    i = 0
    while i < pies:
        p = tree[i].pie
        tree[p].first = nodes
        above = tree[p].row
        for row in range(start + above + 1, stop):
            if columns.parent[row] == above:
                tree[nodes].row, tree[nodes].above = row - start, p
                tree[nodes].first = tree[nodes].last = 0
                if columns.splits[row]:
                    tree[pies].pie = nodes
                    pies += 1
                nodes += 1
            elif columns.parent[row] < above:
                break  # beyond this pie: rows are depth first
        tree[p].last = nodes
        i += 1
    tree[0].nodes, tree[0].pies = nodes, pies


@compiled
def _fill(columns: Columns, row: int, node: Node, inside: bool, wide: float) -> None:
    """What J and flow conservation say of one node; of the event's pie J says nothing."""
    scale = columns.scale[row] if inside else 0.0
    whole = float(columns.ideal_whole[row]) if inside else 0.0
    node.part = columns.ideal_part[row] if inside else 0.0
    node.rest = -whole
    node.half = (scale if scale > 0.0 else wide) / 2.0
    node.inverse = 1.0 / scale if scale > 0.0 else 0.0
    node.tilt = 2.0 * columns.slope[row] if scale > 0.0 else 0.0
    node.least = float(columns.flow_min[row]) - whole
    node.most = float(columns.flow_max[row]) - whole
    node.domain = RESTS


@compiled
def _fill_leaf(columns: Columns, row: int, node: Node, gapless: bool) -> bool:
    """A leaf's ranges within its flow's bounds, and what it may do; false where that is nothing."""
    whole = float(columns.ideal_whole[row])
    floor, ceiling = columns.flow_min[row], columns.flow_max[row]
    buys, sells = columns.buy_max[row] > 0, columns.sell_max[row] > 0
    node.buy_low = float(max(columns.buy_min[row], floor)) - whole if buys else np.inf
    node.buy_high = float(min(columns.buy_max[row], ceiling)) - whole if buys else -np.inf
    node.sell_low = float(max(-columns.sell_max[row], floor)) - whole if sells else np.inf
    node.sell_high = float(min(-columns.sell_min[row], ceiling)) - whole if sells else -np.inf
    buys, sells = node.buy_low <= node.buy_high, node.sell_low <= node.sell_high
    if gapless:
        node.domain = INTERVAL
        return bool(floor <= ceiling)
    if floor <= 0 <= ceiling:
        node.domain = FREE if buys or sells else RESTS
        return True
    node.domain = BUYS if buys else SELLS
    return bool(buys or sells)
