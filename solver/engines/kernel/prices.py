"""What a slice does at a price, and what the whole tree costs at least at one price a pie.

Let λ_p be the price of a cent in pie p. By Lagrangian duality, for *any* prices,

    J ≥ λ_0 need_0 + min_e λ_0 e  +  Σ_pies (λ_p need_p + min_e f_p(e) − (λ_above − λ_p) e)
          +  Σ_leaves min_e f_c(e) − λ_p e,

every minimum over the node's own whole cents. f is a parabola, so a minimum is attained at the point of the domain that
is nearest to its vertex: a leaf with a minimum trade m buys once it wants more than m/2.

These are sums of doubles, in which large terms may cancel: every minimum is lowered by what rounding may have added to
it, and every sum by what rounding may have added to that, so that no bound is above the truth.

Source: PROBLEM.md §3; Higham, Accuracy and Stability of Numerical Algorithms, ch. 4, for sums.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Node, Nodes
from solver.engines.kernel.tree import BUYS, FREE, INTERVAL, RESTS, SELLS

__all__ = [
    "UNIT_ROUNDOFF",
    "at_least",
    "cheapest",
    "cost",
    "least_traded",
    "lowered",
    "marginal",
    "price_bound",
    "range_of",
    "trading",
    "within",
]

UNIT_ROUNDOFF = 2.0**-53
IN_A_COST = 16.0 * UNIT_ROUNDOFF  # of what a cost is made of without signs: twice what the eight roundings in it add


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
def lowered(total: float, size: float, terms: int) -> float:
    """A sum of so many ``terms``, which without their signs come to ``size``, less what rounding may have added."""
    return total - UNIT_ROUNDOFF * (8 + terms) * size if np.isfinite(size) else total


@compiled
def at_least(node: Node, e: float, price: float) -> float:
    """f_n(e) − λ e, less what rounding may have added to it."""
    d = e - node.part
    off, priced = abs(d), price * e
    size = off * (off * node.inverse + abs(node.tilt)) + abs(priced)
    return float(d * (d * node.inverse + node.tilt) - priced - IN_A_COST * size)


@compiled
def cheapest(node: Node, price: float, low: float, high: float) -> tuple[float, float]:
    """What a node costs at least at ``price`` between ``low`` and ``high``, and at which e.

    Off the ends rounding of the vertex may take the wrong one of two e that cost nearly the same.
    """
    e = within(node, price, low, high)
    least = at_least(node, e, price)
    return (least - IN_A_COST * node.inverse if low < e < high else least), e


@compiled
def least_traded(node: Node, price: float) -> tuple[float, float]:
    """What a free leaf costs at least at ``price`` if it must trade, and at which e."""
    if node.sell_low > node.sell_high:
        return cheapest(node, price, node.buy_low, node.buy_high)
    least, e = cheapest(node, price, node.sell_low, node.sell_high)
    if node.buy_low <= node.buy_high:
        bought, more = cheapest(node, price, node.buy_low, node.buy_high)
        if bought <= least:
            least, e = bought, more
    return least, e


@compiled
def _least(node: Node, state: int, price: float) -> float:
    """What a leaf in ``state`` costs at least at ``price``."""
    if state != FREE:
        low, high = range_of(node, state)
        return cheapest(node, price, low, high)[0]
    return min(least_traded(node, price)[0], at_least(node, node.rest, price))


@compiled
def price_bound(tree: Nodes) -> float:
    """The bound above for the branch that ``state`` says, at the prices λ_p that ``price`` says."""
    top = tree[0].price
    total = min(top * tree[0].least, top * tree[0].most)
    size = abs(total)
    for i in range(tree[0].pies):
        p = tree[i].pie
        price = tree[p].price
        fixed = price * tree[p].need
        total += fixed
        size += abs(fixed)
        if p > 0:
            least, _ = cheapest(tree[p], tree[tree[p].above].price - price, tree[p].least, tree[p].most)
            total += least
            size += abs(least)
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last == 0:
                least = _least(tree[c], tree[c].state, price)
                total += least
                size += abs(least)
    return lowered(total, size, tree[0].nodes + tree[0].pies)
