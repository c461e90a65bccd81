"""What a slice does at a price, and what the whole tree costs at least at one price a pie.

Let λ_p be the price of a cent in pie p. By Lagrangian duality, for *any* prices,

    J ≥ λ_0 need_0 + min_e λ_0 e  +  Σ_pies (λ_p need_p + min_e f_p(e) − (λ_above − λ_p) e)
          +  Σ_leaves min_e f_c(e) − λ_p e,

every minimum over the node's own whole cents. f is a parabola, so a minimum is attained at the point of the domain that
is nearest to its vertex: a leaf with a minimum trade m buys once it wants more than m/2.

Source: PROBLEM.md §3.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Node, Nodes
from solver.engines.kernel.tree import BUYS, FREE, INTERVAL, RESTS, SELLS

__all__ = ["cost", "marginal", "nearest", "price_bound", "range_of", "trading", "within"]


@compiled
def cost(node: Node, e: float, price: float) -> float:
    """f_n(e) − λ e."""
    d = e - node.part
    return float(d * (d * node.inverse + node.tilt) - price * e)


@compiled
def marginal(node: Node, e: float) -> float:
    """f'_n(e), of a node that J does not feel by its large ``half``."""
    return float((e - node.part) / node.half + node.tilt)


@compiled
def within(node: Node, price: float, low: float, high: float) -> float:
    """The whole e between ``low`` and ``high`` at which the node costs least at ``price``."""
    if node.inverse > 0.0:
        return float(min(max(np.rint((price - node.tilt) * node.half + node.part), low), high))
    if price == 0.0:
        return float(min(max(node.rest, low), high))
    return high if price > 0.0 else low


@compiled
def trading(node: Node, price: float) -> float:
    """The best e of a free leaf at ``price`` if it must trade."""
    if node.sell_low > node.sell_high:
        return within(node, price, node.buy_low, node.buy_high)
    if node.buy_low > node.buy_high:
        return within(node, price, node.sell_low, node.sell_high)
    sold = within(node, price, node.sell_low, node.sell_high)
    bought = within(node, price, node.buy_low, node.buy_high)
    return sold if cost(node, sold, price) < cost(node, bought, price) else bought


@compiled
def range_of(node: Node, state: int) -> tuple[float, float]:
    """The hull of what a leaf in ``state`` may do."""
    if state == RESTS:
        return node.rest, node.rest
    if state == BUYS:
        return node.buy_low, node.buy_high
    if state == SELLS:
        return node.sell_low, node.sell_high
    if state == INTERVAL:
        return node.least, node.most
    return min(node.sell_low, node.rest), max(node.buy_high, node.rest)


@compiled
def nearest(node: Node, state: int, price: float) -> float:
    """The best e of a leaf in ``state`` at ``price``: the point of its domain nearest to the vertex."""
    if state != FREE:
        low, high = range_of(node, state)
        return within(node, price, low, high)
    traded, rest = trading(node, price), node.rest
    return traded if cost(node, traded, price) < cost(node, rest, price) else rest


@compiled
def price_bound(tree: Nodes) -> float:
    """The bound above for the branch that ``state`` says, at the prices λ_p that ``price`` says."""
    top = tree[0].price
    total = top * tree[0].need + min(top * tree[0].least, top * tree[0].most)
    for i in range(tree[0].pies):
        p = tree[i].pie
        price = tree[p].price
        if p > 0:
            own = tree[tree[p].above].price - price
            e = within(tree[p], own, tree[p].least, tree[p].most)
            total += price * tree[p].need + cost(tree[p], e, own)
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last == 0:
                total += cost(tree[c], nearest(tree[c], tree[c].state, price), price)
    return float(total)
