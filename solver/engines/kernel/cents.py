"""Whole cents once it is known who trades, on which side: the optimum of that choice, and the prices that prove it.

Given the choice, every leaf's domain is one range and J is laminar convex, hence M♮-convex: a plan is optimal if and
only if no cent moved between two leaves, or to free cash, improves it (Murota, Discrete Convex Analysis, thm 6.26). The
relaxation is rounded from the top down, each pie's missing cents going where they cost least, then single cents are
exchanged. What one cent more and one cent less then cost everywhere are two bounds on the price in every pie, and any
prices between them attain the bound of ``prices.py`` for this choice.

By node: the flow ``e``; what one cent more and less costs inside a pie (``up``, ``down``), and at which of its slices
(``to``, ``fro``). Source: PROBLEM.md §3.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Nodes
from solver.engines.kernel.prices import cost, marginal

__all__ = ["exact"]

TIE = 1e-13  # a marginal's relative rounding error: what lies within it is a tie, not an improvement
FEW = 256  # single cents that are moved before larger steps are tried
LARGEST, FINER = 2.0**40, 4.0  # the steps, in cents: of all the money there is, then a quarter each time


@compiled
def exact(tree: Nodes) -> float:
    """The best whole cents for the choice that was relaxed last; fills ``e`` and ``price``. Returns J."""
    tree[0].e = min(max(np.rint(tree[0].real), tree[0].low), tree[0].high)
    for i in range(tree[0].pies):
        _round(tree, tree[i].pie)
    _exchange(tree)
    _price(tree)
    error = 0.0
    for n in range(1, tree[0].nodes):
        error += cost(tree[n], tree[n].e, 0.0)
    return error


@compiled
def _round(tree: Nodes, p: int) -> None:
    """Whole e for the slices of pie p that sum to e_p + need_p: each its nearest, then cents where they cost least."""
    first, last, price = tree[p].first, tree[p].last, tree[p].price
    missing = tree[p].e + tree[p].need
    for c in range(first, last):
        tree[c].e = min(max(np.rint(tree[c].real), tree[c].low), tree[c].high)
        missing -= tree[c].e
    while missing != 0.0:
        step = 1.0 if missing > 0.0 else -1.0
        best, cheapest, room = first, np.inf, 0.0
        for c in range(first, last):
            open_ = (tree[c].high - tree[c].e) if step > 0.0 else (tree[c].e - tree[c].low)
            if open_ > 0.0:
                if tree[c].last == 0:
                    more = step * marginal(tree[c], tree[c].e + 0.5 * step)
                else:  # what goes on below is not known yet, but the relaxation says what it costs
                    more = step * (price + (tree[c].e + 0.5 * step - tree[c].real) / tree[c].half)
                if more < cheapest:
                    best, cheapest, room = c, more, open_
        if room <= 0.0:
            break  # ``tighten`` rules this out
        share = min(room, max(1.0, np.floor(abs(missing) / (last - first))))
        tree[best].e += step * share
        missing -= step * share


@compiled
def _settle(tree: Nodes, p: int, step: float) -> None:
    """What ``step`` cents more, and as many less, cost inside pie p, and at which of its slices."""
    up, down = np.inf, np.inf
    to = fro = tree[p].first
    for c in range(tree[p].first, tree[p].last):
        node = tree[c]
        twice = 2.0 * (node.e - node.part)
        if node.e + step <= node.high:
            more = step * ((twice + step) * node.inverse + node.tilt) + (node.up if node.last > 0 else 0.0)
            if more < up:
                up, to = more, c
        if node.e - step >= node.low:
            less = step * ((step - twice) * node.inverse - node.tilt) + (node.down if node.last > 0 else 0.0)
            if less < down:
                down, fro = less, c
    tree[p].up, tree[p].down, tree[p].to, tree[p].fro = up, down, to, fro


@compiled
def _move(tree: Nodes, n: int, step: float) -> None:
    """Give node n so many cents more or less, all to the leaf where they cost least, and settle the pies they pass."""
    top = n
    tree[n].e += step
    while tree[n].last > 0:
        n = tree[n].to if step > 0.0 else tree[n].fro
        tree[n].e += step
    while n != top:
        n = tree[n].above
        _settle(tree, n, abs(step))


@compiled
def _exchange(tree: Nodes) -> None:
    """Move cents until no exchange of one between two slices, or with cash, improves J.

    A few single cents do, as a rule. Where the relaxation was off by many, as rounding has it among scales that lie far
    apart, larger steps come first: every finer step finds little left to move (Murota, ch. 10.1).
    """
    if _exchanged(tree, 1.0, FEW):
        return
    step = LARGEST
    while step >= 1.0:
        _exchanged(tree, step, np.inf)
        step /= FINER


@compiled
def _exchanged(tree: Nodes, step: float, most: float) -> bool:
    """Exchange ``step`` cents, pies bottom up, while that improves J; false where it still did after ``most`` times."""
    moved = 0
    for i in range(tree[0].pies - 1, -1, -1):
        p = tree[i].pie
        _settle(tree, p, step)
        while tree[p].to != tree[p].fro:
            more, less = tree[p].up, tree[p].down
            if not more + less < -TIE * (abs(more) + abs(less) + 1e-3):
                break
            if moved >= most:
                return False
            to, fro = tree[p].to, tree[p].fro
            _move(tree, to, step)
            _move(tree, fro, -step)
            _settle(tree, p, step)
            moved += 1
    while tree[0].up < -TIE and tree[0].e + step <= tree[0].high and moved < most:
        _move(tree, 0, step)
        moved += 1
    while tree[0].down < -TIE and tree[0].e - step >= tree[0].low and moved < most:
        _move(tree, 0, -step)
        moved += 1
    return moved < most


@compiled
def _price(tree: Nodes) -> None:
    """λ_p within −down_p ≤ λ_p ≤ up_p, and a nested pie's so that e_p stays best at its parent's price less its own."""
    for i in range(tree[0].pies):
        p = tree[i].pie
        node = tree[p]
        low, high = -node.down, node.up
        if p == 0:
            wanted = 0.0 if node.least < 0.0 else (low + high) / 2.0
        else:
            above, twice = tree[node.above].price - node.tilt, 2.0 * (node.e - node.part)
            wanted = above - twice * node.inverse
            if node.e < node.most:
                low = max(low, above - (twice + 1.0) * node.inverse)
            if node.e > node.least:
                high = min(high, above - (twice - 1.0) * node.inverse)
        if not np.isfinite(wanted):
            wanted = low if np.isfinite(low) else high if np.isfinite(high) else 0.0
        node.price = min(max(wanted, low), high)  # low > high only by rounding: the two bounds then agree
