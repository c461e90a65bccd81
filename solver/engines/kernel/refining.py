"""Looks for the prices at which counting leaves bounds best: behind the present bound, one pie after another.

Q_{p,k}(λ) is the maximum over ν of a concave function whose derivative is need_p + e_p − Σ e_c. Between a price with a
rising and one with a falling value, the secant of the derivatives is exact where they are linear, the crossing of the
tangents where they jump; the two take turns. Nothing here is trusted: any price is a bound.

Source: PROBLEM.md §3; the tangents are Kelley's cutting planes, J. SIAM 8 (1960), in one dimension.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.counts import evaluate, span_of
from solver.engines.kernel.memory import Node, Work
from solver.engines.kernel.prices import cost, trading, within
from solver.engines.kernel.tree import BUYS, FREE, RESTS, SELLS

__all__ = ["refine"]

STEPS = 14  # evaluations in one search for a price


@compiled
def refine(work: Work, k: int, goal: float) -> int:
    """At count k of the event's pie find the best price of every pie that trades, into ``price``.

    Sets ``tried`` to who trades there on which side. Returns the free leaf that is nearest to changing ranks, or −1.
    """
    tree = work.tree
    split, least = -1, np.inf
    for n in range(tree[0].nodes):
        tree[n].tried = RESTS if tree[n].state == FREE else tree[n].state
        tree[n].wanted = -1
    tree[0].wanted, tree[0].outer = k, 0.0
    for i in range(tree[0].pies):
        p = tree[i].pie
        if tree[p].wanted < 0:
            continue
        k = tree[p].wanted
        price = _best(work, p, k, tree[p].outer, goal if p == 0 else np.inf)
        free = evaluate(work, p, price)
        tree[p].price = price
        k = _descend(work, p, k, price)
        found, doubt = _choose(work, k, free, price)
        if doubt < least:
            split, least = found, doubt
    return split


@compiled
def _descend(work: Work, p: int, k: int, price: float) -> int:
    """How many of k trade below each nested pie, from the row just evaluated; returns how many are p's own leaves."""
    tree = work.tree
    nested, width = 0, tree[p].leaves + 1
    for c in range(tree[p].first, tree[p].last):
        nested += 1 if tree[c].last > 0 else 0
    for c in range(tree[p].last - 1, tree[p].first - 1, -1):
        if tree[c].last > 0:
            nested -= 1
            tree[c].wanted, tree[c].outer = work.taken[nested * width + k], price
            k -= tree[c].wanted
    return k


@compiled
def _choose(work: Work, k: int, free: int, price: float) -> tuple[int, float]:
    """The k cheapest of the ranked leaves trade; also the leaf that is nearest to changing ranks, and how near."""
    tree, rank = work.tree, work.rank
    split, least = -1, np.inf
    for i in range(free):
        leaf = rank[i].leaf
        node = tree[leaf]
        if i < k:
            bought = node.buy_low <= node.buy_high and trading(node, price) >= node.buy_low
            node.tried = BUYS if bought else SELLS
        other = k if i < k else k - 1
        rival = rank[other].gain if 0 <= other < free else 0.0
        doubt = abs(rank[i].gain - rival)
        if doubt < least:
            split, least = leaf, doubt
    return split, least


@compiled
def _best(work: Work, p: int, k: int, outer: float, goal: float) -> float:
    """The price that attains Q_{p,k}(λ = ``outer``), or one that brings it to ``goal``."""
    pie, pool = work.tree[p], work.pool
    at = pie.at + k
    low, high = span_of(work, pie, k)
    left, left_value, left_slope = -np.inf, 0.0, 0.0
    right, right_value, right_slope = np.inf, 0.0, 0.0
    best, found = -np.inf, 0.0
    for step in range(-pie.ready, STEPS):
        if step < 0:
            price, sums, flow = pool[p, -step - 1], work.sums[at, -step - 1], work.flows[at, -step - 1]
        else:
            if left == -np.inf or right == np.inf:
                reach = 32.0 * 4.0**step / work.tree[pie.first].half
                price = right - reach if left == -np.inf else left + reach
            else:
                fall = left_slope - right_slope
                crossing = (right_value - left_value + left_slope * left - right_slope * right) / fall
                if left_value + left_slope * (crossing - left) <= best + 1e-13 * abs(best):
                    break
                price = left + (right - left) * left_slope / fall if step % 2 == 0 else crossing
                if not left < price < right:
                    break
            evaluate(work, p, price)
            sums, flow = work.row[k].cost, work.row[k].flow
        e = _flow(pie, price, outer, low, high, flow)
        value, slope = sums + price * pie.need + cost(pie, e, outer - price), pie.need + e - flow
        if value > best:
            best, found = value, price
        if slope == 0.0 or best >= goal:
            break
        if slope > 0.0 and price > left:
            left, left_value, left_slope = price, value, slope
        elif slope < 0.0 and price < right:
            right, right_value, right_slope = price, value, slope
    return found


@compiled
def _flow(pie: Node, price: float, outer: float, low: float, high: float, flow: float) -> float:
    """The e that costs least at ``outer`` − ``price``; where all cost the same, what makes the slope 0."""
    if pie.inverse == 0.0 and price == outer:
        return float(min(max(flow - pie.need, low), high))
    return within(pie, outer - price, low, high)
