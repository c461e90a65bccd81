"""The relaxation of a tree, solved bottom up: how much each pie takes at each price.

A leaf's cheapest e rises with the price λ in steps and slopes: within a range [a, b] of its domain it follows the
vertex, from λ = f'(a) to f'(b); a gap (a, b) is crossed at once at λ = f'((a+b)/2), the slope of the chord (that is the
perspective relaxation: f has no fixed charge). A pie's curve is the sum of its slices'; seen from above, where its own
term adds f'_p(e) to the price, it is a curve again. So one pass of sorted events per pie solves the relaxation, and one
pass down reads λ_p (``price``) and the real flows (``real``).

``point`` holds every pie's curve, rising from ``start`` to ``stop``; from price ``at`` of an event on, the curve of the
pie being summed up jumps by ``jump`` and is steeper by ``slope``.
Source: PROBLEM.md §4; perspective relaxation: Frangioni and Gentile, Math. Program. 106 (2006).
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Node, Nodes, Records, Work
from solver.engines.kernel.prices import marginal, range_of
from solver.engines.kernel.sorting import sort_events
from solver.engines.kernel.tree import FREE

__all__ = ["relax", "tighten"]


@compiled
def tighten(tree: Nodes, trying: bool) -> bool:
    """Bound every node's e by what the nodes below it can do; false where something is left without a value.

    Leaves do what ``state`` says, or where ``trying`` what ``tried`` says.
    """
    for i in range(tree[0].pies - 1, -1, -1):
        p = tree[i].pie
        least = most = -tree[p].need
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last == 0:
                tree[c].low, tree[c].high = range_of(tree[c], tree[c].tried if trying else tree[c].state)
                if tree[c].low > tree[c].high:
                    return False
            least += tree[c].low
            most += tree[c].high
        tree[p].low, tree[p].high = max(least, tree[p].least), min(most, tree[p].most)
        if tree[p].low > tree[p].high:
            return False
    return True


@compiled
def relax(work: Work, trying: bool) -> None:
    """Solve the relaxation of what ``tighten`` bounded. Where several prices are right one of them is taken."""
    tree, point = work.tree, work.point
    end = 0
    for i in range(tree[0].pies - 1, -1, -1):
        p = tree[i].pie
        tree[p].start = end
        count = _events(work, p, trying)
        end = _summed(work, p, count, end)
        tree[p].stop = end
    for i in range(tree[0].pies):
        p = tree[i].pie
        if p == 0:
            free = _flow_at(point, tree[0], 0.0) - tree[0].need
            tree[0].real = min(max(free, tree[0].low), tree[0].high)
        left, right = _prices_at(point, tree[p], tree[p].real + tree[p].need)
        price = 0.0
        if p > 0:
            price = tree[tree[p].above].price - marginal(tree[p], tree[p].real)
        elif tree[0].low == tree[0].high:
            price = (left + right) / 2.0 if np.isfinite(left + right) else left if np.isfinite(left) else right
        price = min(max(price, left), right)
        tree[p].price = price if np.isfinite(price) else 0.0
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last > 0:
                tree[c].real = _nested_at(point, tree[c], price)
            else:
                vertex = (price - tree[c].tilt) * tree[c].half + tree[c].part
                tree[c].real = min(max(vertex, tree[c].low), tree[c].high)


@compiled
def _events(work: Work, p: int, trying: bool) -> int:
    """Write the events of p's slices. Returns how many there are."""
    tree, count = work.tree, 0
    for c in range(tree[p].first, tree[p].last):
        if tree[c].last > 0:
            count = _nested_events(work, tree[c], count)
        elif (tree[c].tried if trying else tree[c].state) == FREE:
            count = _free_events(work.event, tree[c], count)
        else:
            count = _stretch(work.event, tree[c], tree[c].low, tree[c].high, count)
    return count


@compiled
def _summed(work: Work, p: int, count: int, end: int) -> int:
    """Sort and sum the events into p's curve, from point ``end`` on. Returns where it stops."""
    tree, point, event, order = work.tree, work.point, work.event, work.order
    total, slope, before = 0.0, 0.0, 0.0
    for c in range(tree[p].first, tree[p].last):
        total += tree[c].low
    sort_events(event, order, count)
    for i in range(count):
        now = event[order[i]]
        if slope > 0.0:
            total += slope * (now.at - before)
        before = now.at
        point[end].at, point[end].flow = before, total
        end += 1
        if now.jump > 0.0:
            total += now.jump
            point[end].at, point[end].flow = before, total
            end += 1
        slope += now.slope
    if count == 0:
        point[end].at, point[end].flow = 0.0, total
        end += 1
    return end


@compiled
def _add(event: Records, count: int, at: float, jump: float, slope: float) -> int:
    event[count].at, event[count].jump, event[count].slope = at, jump, slope
    return count + 1


@compiled
def _stretch(event: Records, leaf: Node, low: float, high: float, count: int) -> int:
    """A leaf follows its vertex from ``low`` to ``high``."""
    if low < high:
        count = _add(event, count, marginal(leaf, low), 0.0, leaf.half)
        count = _add(event, count, marginal(leaf, high), 0.0, -leaf.half)
    return count


@compiled
def _free_events(event: Records, leaf: Node, count: int) -> int:
    """A free leaf's stretches and the gaps between them."""
    rest, low, high = leaf.rest, leaf.sell_low, leaf.sell_high
    if low <= high:
        count = _stretch(event, leaf, low, high, count)
        count = _add(event, count, marginal(leaf, (high + rest) / 2.0), rest - high, 0.0)
    low, high = leaf.buy_low, leaf.buy_high
    if low <= high:
        count = _add(event, count, marginal(leaf, (low + rest) / 2.0), low - rest, 0.0)
        count = _stretch(event, leaf, low, high, count)
    return count


@compiled
def _nested_events(work: Work, pie: Node, count: int) -> int:
    """A nested pie as its parent sees it: λ_above = λ_p + f'_p(e), cut to the pie's own bounds."""
    point, event = work.point, work.event
    low, high, need = pie.low, pie.high, pie.need
    if low >= high:
        return count
    first = _prices_at(point, pie, low + need)[1]
    last = _prices_at(point, pie, high + need)[0]
    at_before, flow_before, slope_before = first + marginal(pie, low), low, 0.0
    begin = pie.start
    while begin < pie.stop and point[begin].at < first:  # below the pie's bounds there is nothing of the curve to see
        begin += 1
    for i in range(begin, pie.stop + 1):
        price, flow = last, high
        if i < pie.stop:
            price = min(max(point[i].at, first), last)
            flow = min(max(point[i].flow - need, low), high)
        at = price + marginal(pie, flow)
        if at > at_before:
            slope = (flow - flow_before) / (at - at_before)
            if slope != slope_before:
                count = _add(event, count, at_before, 0.0, slope - slope_before)
            at_before, flow_before, slope_before = at, flow, slope
        elif flow > flow_before:
            count = _add(event, count, at_before, flow - flow_before, 0.0)
            flow_before = flow
        if price == last and flow == high:
            break
    return _add(event, count, at_before, 0.0, -slope_before)


@compiled
def _prices_at(point: Records, pie: Node, total: float) -> tuple[float, float]:
    """The least and the greatest price at which the slices of a pie may sum up to ``total``; ±∞ beyond its ends."""
    start, stop = pie.start, pie.stop
    near = 1e-12 * max(1.0, point[stop - 1].flow - point[start].flow)
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if point[middle].flow >= total - near:
            high = middle
        else:
            low = middle + 1
    left = -np.inf if low == start else point[stop - 1].at if low == stop else _between(point, low, total)
    high = stop
    while low < high:
        middle = (low + high) // 2
        if point[middle].flow > total + near:
            high = middle
        else:
            low = middle + 1
    right = np.inf if low == stop else point[start].at if low == start else _between(point, low, total)
    return left, max(left, right)


@compiled
def _between(point: Records, i: int, total: float) -> float:
    """The price at which the curve, rising from point i − 1 to i, passes ``total``."""
    below, rise = point[i - 1].flow, point[i].flow - point[i - 1].flow
    share = min(max((total - below) / rise, 0.0), 1.0) if rise > 0.0 else 1.0
    return float(point[i - 1].at + share * (point[i].at - point[i - 1].at))


@compiled
def _flow_at(point: Records, pie: Node, price: float) -> float:
    """Σ e_c of a pie's slices at λ_p = ``price``."""
    low, high = pie.start, pie.stop
    while low < high:
        middle = (low + high) // 2
        if point[middle].at >= price:
            high = middle
        else:
            low = middle + 1
    if low == pie.start or low == pie.stop:
        return float(point[min(low, pie.stop - 1)].flow)
    share = (price - point[low - 1].at) / (point[low].at - point[low - 1].at)
    return float(point[low - 1].flow + share * (point[low].flow - point[low - 1].flow))


@compiled
def _nested_at(point: Records, pie: Node, price: float) -> float:
    """A nested pie's e at its parent's ``price``."""
    need, low, high = pie.need, pie.start, pie.stop
    while low < high:
        middle = (low + high) // 2
        if point[middle].at + marginal(pie, point[middle].flow - need) >= price:
            high = middle
        else:
            low = middle + 1
    flow = point[min(low, pie.stop - 1)].flow
    if pie.start < low < pie.stop:
        before = point[low - 1].flow
        at_before = point[low - 1].at + marginal(pie, before - need)
        at = point[low].at + marginal(pie, flow - need)
        share = (price - at_before) / (at - at_before) if at > at_before else 1.0
        flow = before + share * (flow - before)
    return float(min(max(flow - need, pie.low), pie.high))
