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

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Node, Nodes, Records

__all__ = ["BUYS", "FREE", "HEAD", "INTERVAL", "RESTS", "ROW", "SELLS", "Head", "Row", "Rows", "load"]

RESTS, BUYS, SELLS, FREE, INTERVAL = 0, 1, -1, 2, 3  # what a leaf may do; INTERVAL: anything from least to most


# One account's problem, a record a row: ``Problem``'s fields by their names, money in minor units. ``splits`` marks the
# pies that have money to split. The rest is where ``rows.py`` keeps what it knows of an account in columns.
ROW = np.dtype(
    [
        *((name, np.int64) for name in ("parent", "splits", "received", "buy_min", "buy_max", "sell_min", "sell_max")),
        *((name, np.int64) for name in ("flow_min", "flow_max", "ideal_whole")),
        *((name, np.float64) for name in ("ideal_part", "scale", "slope")),
        *((name, np.int64) for name in ("stop", "level", "weight", "value", "blocked")),
        *((name, np.int64) for name in ("mode", "deep", "fed", "buys", "sells")),
        *((name, np.int64) for name in ("money", "after", "keep", "moves", "trade", "flow", "need")),
        *((name, np.float64) for name in ("money_part", "after_part", "price")),
    ],
    align=True,
)
HEAD = np.dtype([(name, np.int64) for name in ("rows", "event", "spare", "gapless")])
Rows = Records
Row = Records  # one of them
Head = Records  # how many rows there are, the event's, ``spare``, and whether no domain has a gap


@compiled
def load(head: Head, rows: Rows, tree: Nodes) -> bool:
    """Fill ``tree`` with one account; false where some leaf has no way to go at all."""
    _number(rows, head.rows, head.event, tree)
    wide = 0.0
    for n in range(1, tree[0].nodes):
        wide += rows[tree[n].row].scale
    wide = 1e3 * max(wide, 1.0)
    possible = True
    for n in range(tree[0].nodes):
        row = tree[n].row
        _fill(rows[row], tree[n], n > 0, wide)
        if n > 0 and tree[n].last == 0:
            possible = _fill_leaf(rows[row], tree[n], head.gapless > 0) and possible
    tree[0].least, tree[0].most = -float(head.spare), 0.0
    for i in range(tree[0].pies):
        p = tree[i].pie
        row = tree[p].row
        need = rows[row].received + (rows[row].ideal_whole if p else 0)
        for c in range(tree[p].first, tree[p].last):
            need -= rows[tree[c].row].ideal_whole
        tree[p].need = float(need)
    return possible


@compiled
def _number(rows: Rows, stop: int, event: int, tree: Nodes) -> None:
    """Give every row inside the event its node: the event's pie, then the slices of each pie, one pie after another."""
    tree[0].row, tree[0].above, tree[0].first, tree[0].last = event, -1, 0, 0
    nodes, pies = 1, 0
    if rows[event].splits:
        tree[0].pie = 0
        pies = 1
    i = 0
    while i < pies:
        p = tree[i].pie
        tree[p].first = nodes
        above = tree[p].row
        for row in range(above + 1, stop):
            if rows[row].parent == above:
                tree[nodes].row, tree[nodes].above = row, p
                tree[nodes].first = tree[nodes].last = 0
                if rows[row].splits:
                    tree[pies].pie = nodes
                    pies += 1
                nodes += 1
            elif rows[row].parent < above:
                break  # beyond this pie: rows are depth first
        tree[p].last = nodes
        i += 1
    tree[0].nodes, tree[0].pies = nodes, pies


@compiled
def _fill(row: Row, node: Node, inside: bool, wide: float) -> None:
    """What J and flow conservation say of one node; of the event's pie J says nothing."""
    scale = row.scale if inside else 0.0
    whole = float(row.ideal_whole) if inside else 0.0
    node.part = row.ideal_part if inside else 0.0
    node.rest = -whole
    node.half = (scale if scale > 0.0 else wide) / 2.0
    node.inverse = 1.0 / scale if scale > 0.0 else 0.0
    node.tilt = 2.0 * row.slope if scale > 0.0 else 0.0
    node.least = float(row.flow_min) - whole
    node.most = float(row.flow_max) - whole
    node.domain = RESTS


@compiled
def _fill_leaf(row: Row, node: Node, gapless: bool) -> bool:
    """A leaf's ranges within its flow's bounds, and what it may do; false where that is nothing."""
    whole = float(row.ideal_whole)
    floor, ceiling = row.flow_min, row.flow_max
    buys, sells = row.buy_max > 0, row.sell_max > 0
    node.buy_low = float(max(row.buy_min, floor)) - whole if buys else np.inf
    node.buy_high = float(min(row.buy_max, ceiling)) - whole if buys else -np.inf
    node.sell_low = float(max(-row.sell_max, floor)) - whole if sells else np.inf
    node.sell_high = float(min(-row.sell_min, ceiling)) - whole if sells else -np.inf
    buys, sells = node.buy_low <= node.buy_high, node.sell_low <= node.sell_high
    if gapless:
        node.domain = INTERVAL
        return bool(floor <= ceiling)
    if floor <= 0 <= ceiling:
        node.domain = FREE if buys or sells else RESTS
        return True
    node.domain = BUYS if buys else SELLS
    return bool(buys or sells)
