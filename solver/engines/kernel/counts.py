"""Bounds by how many leaves trade: what closes the gap on near-equal slices.

Below pie p exactly k free leaves trade. At price ν inside the pie and λ above it, that costs at least

    Q_{p,k}(λ) = max_ν  S_{p,k}(ν) + ν need_p + min_e f_p(e) − (λ − ν) e,

S_{p,k}(ν) being the cheapest way for p's slices to make k at ν: its leaves' k' cheapest trades, the others at rest, and
Q_{c,i}(ν) of each nested pie c, over all k' + Σ i = k (a min-plus convolution). The event's pie is one like any
other, with λ = 0 and its cash for a flow: LB = min_k Q_{0,k}(0). Every price is kept in its pie's pool, bounds all
counts, and is evidence; ``refining.py`` looks for prices.

Row ``at + k`` of the tables ``span``, ``sums``, ``flows`` is (pie, k), for k up to the pie's ``leaves``; column j is
price j of the pie's pool, of which ``used`` are there and ``ready`` are evaluated.
Source: PROBLEM.md §3; ``solver/bound.py`` recomputes this bound from the same prices.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import POOL, ROOM, WORK, Node, Work
from solver.engines.kernel.prices import UNIT_ROUNDOFF, at_least, cheapest, least_traded, lowered, range_of
from solver.engines.kernel.sorting import sort_ranks
from solver.engines.kernel.tree import FREE

__all__ = ["add_prices", "best_price", "evaluate", "fits", "least_bound", "prepare", "span_of", "update"]
MOST_JOINS = 1_000_000  # sums of two counts in one pie: about a millisecond a price
LESS, MORE = 1.0 - 4.0 * UNIT_ROUNDOFF, 1.0 + 4.0 * UNIT_ROUNDOFF  # what lowers a sum of two by what rounding may add


@compiled
def fits(work: Work) -> bool:
    """Lay the tables out; false where they are too large for the memory that such a tree has."""
    tree, at = work.tree, 0
    room = ROOM * tree[0].nodes  # whatever larger tree there is memory for: equal accounts are searched alike
    for i in range(tree[0].pies - 1, -1, -1):
        p = tree[i].pie
        leaves, nested, joins = 0, 0, 0
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last > 0:
                joins += leaves * tree[c].leaves
                leaves += tree[c].leaves
                nested += 1
            elif tree[c].domain == FREE:
                leaves += 1
        tree[p].leaves, tree[p].at = leaves, at
        at += leaves + 1
        if at > len(work.span) or nested * (leaves + 1) > room or joins > MOST_JOINS:
            return False
    return True


@compiled
def prepare(work: Work) -> None:
    """Empty the pools, and bound Σ e_c of every pie by the number of free leaves that trade below it."""
    tree, rank, row = work.tree, work.rank, work.row
    for i in range(tree[0].pies - 1, -1, -1):
        p = tree[i].pie
        tree[p].used = tree[p].ready = 0
        free, least, greatest = 0, 0.0, 0.0
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last > 0:
                continue
            low, high = range_of(tree[c], tree[c].state)
            if tree[c].state == FREE:
                low = high = tree[c].rest
                rank[free].gain = min(tree[c].sell_low, tree[c].buy_low) - low
                rank[free].shift = max(tree[c].sell_high, tree[c].buy_high) - high
                free += 1
            least += low
            greatest += high
        row[0].cost, row[0].flow = least, greatest
        size = len(rank) // 2
        sort_ranks(rank, free, size)
        for k in range(free):
            row[k + 1].cost = row[k].cost + rank[k].gain
        for k in range(free):
            rank[k].gain = -rank[k].shift
        sort_ranks(rank, free, size)
        for k in range(free):
            row[k + 1].flow = row[k].flow - rank[k].gain
        _join_spans(work, p, free)


@compiled
def _join_spans(work: Work, p: int, size: int) -> None:
    """Add the nested pies' spans by count to those of p's own leaves, and store them."""
    tree, row, span = work.tree, work.row, work.span
    for c in range(tree[p].first, tree[p].last):
        if tree[c].last == 0:
            continue
        below = tree[c].leaves
        for k in range(size + below + 1):
            row[k].joint_cost, row[k].joint_flow = np.inf, -np.inf
        for i in range(below + 1):
            least, greatest = span_of(work, tree[c], i)
            if least <= greatest:
                for k in range(size + 1):
                    row[k + i].joint_cost = min(row[k + i].joint_cost, row[k].cost + least)
                    row[k + i].joint_flow = max(row[k + i].joint_flow, row[k].flow + greatest)
        size += below
        for k in range(size + 1):
            row[k].cost, row[k].flow = row[k].joint_cost, row[k].joint_flow
    at = tree[p].at
    for k in range(tree[p].leaves + 1):
        span[at + k].least = row[k].cost if k <= size else np.inf
        span[at + k].greatest = row[k].flow if k <= size else -np.inf


@compiled
def span_of(work: Work, pie: Node, k: int) -> tuple[float, float]:
    """The e that a pie can have where k free leaves below it trade."""
    here = work.span[pie.at + k]
    return max(here.least - pie.need, pie.least), min(here.greatest - pie.need, pie.most)


@compiled
def add_prices(work: Work) -> None:
    """Put every pie's present ``price`` into its pool, where it is not there and there is room."""
    tree, pool = work.tree, work.pool
    for i in range(tree[0].pies):
        p = tree[i].pie
        price, used = tree[p].price, tree[p].used
        known = used == POOL
        for j in range(used):
            known = known or abs(pool[p, j] - price) <= 1e-14 * abs(price)
        if not known:
            pool[p, used] = price
            tree[p].used = used + 1


@compiled
def update(work: Work) -> None:
    """Evaluate every price that is new, and all prices of a pie in which a nested pie has new ones; bottom up."""
    tree, row = work.tree, work.row
    for i in range(tree[0].pies - 1, -1, -1):
        p = tree[i].pie
        for c in range(tree[p].first, tree[p].last):
            if tree[c].last > 0 and tree[c].changed:
                tree[p].ready = 0
        tree[p].changed = tree[p].ready < tree[p].used
        at = tree[p].at
        for j in range(tree[p].ready, tree[p].used):
            evaluate(work, p, work.pool[p, j])
            for k in range(tree[p].leaves + 1):
                work.sums[at + k, j], work.flows[at + k, j] = row[k].cost, row[k].flow
        tree[p].ready = tree[p].used


@compiled
def evaluate(work: Work, p: int, price: float) -> int:
    """S_{p,k}(``price``) and the Σ e_c behind it for every k, into ``row``; p's free leaves ranked; their number."""
    tree, rank, row = work.tree, work.rank, work.row
    free, best, total, size, flow = 0, 0, 0.0, 0.0, 0.0
    work.counts[WORK] += tree[p].last - tree[p].first
    for c in range(tree[p].first, tree[p].last):
        leaf = tree[c]
        if leaf.last > 0:
            continue
        if leaf.state != FREE:
            low, high = range_of(leaf, leaf.state)
            least, e = cheapest(leaf, price, low, high)
        else:
            least, e = at_least(leaf, leaf.rest, price), leaf.rest
            traded, moved = least_traded(leaf, price)
            rank[free].gain, rank[free].shift, rank[free].leaf = traded - least, moved - e, c
            if traded < least:
                least, e = traded, moved
                best += 1
            free += 1
        total += least
        size += abs(least)
        flow += e
    sort_ranks(rank, free, len(rank) // 2)
    _sum_outwards(work, free, best, total, size, flow, tree[p].last - tree[p].first)
    joined, nested = free, 0
    for c in range(tree[p].first, tree[p].last):
        if tree[c].last > 0:
            _join(work, p, c, nested, joined, price)
            joined += tree[c].leaves
            nested += 1
    for k in range(joined + 1, tree[p].leaves + 1):
        row[k].cost, row[k].flow = np.inf, 0.0
    return free


@compiled
def _sum_outwards(work: Work, free: int, best: int, total: float, size: float, flow: float, terms: int) -> None:
    """Rows 0 to ``free`` from row ``best``, where every leaf does what costs it least.

    Each way gains are only added. From row 0 on, where all rest, the gains of leaves that are overweight by much would
    be taken off what they cost at rest, which hides all others.
    """
    rank, row = work.rank, work.row
    row[best].cost, row[best].flow = lowered(total, size, terms), flow
    more, larger = total, size
    for k in range(best, free):
        more, larger = more + rank[k].gain, larger + rank[k].gain
        row[k + 1].cost = lowered(more, larger, terms + free)
        row[k + 1].flow = row[k].flow + rank[k].shift
    for k in range(best - 1, -1, -1):
        total, size = total - rank[k].gain, size - rank[k].gain
        row[k].cost = lowered(total, size, terms + free)
        row[k].flow = row[k + 1].flow - rank[k].shift


@compiled
def _join(work: Work, p: int, c: int, nested: int, size: int, price: float) -> None:
    """Take p's ``nested``-th nested pie c into the row: min-plus convolution over how many of k trade below c."""
    tree, row, taken = work.tree, work.row, work.taken
    below, width = tree[c].leaves, tree[p].leaves + 1
    work.counts[WORK] += (below * (size + tree[c].ready)) // 8
    for k in range(size + below + 1):
        row[k].joint_cost, row[k].joint_flow = np.inf, 0.0
    for i in range(below + 1):
        value, e = best_price(work, tree[c], c, i, price)
        if value == np.inf:
            continue
        for k in range(size + 1):
            if row[k].cost + value < row[k + i].joint_cost:
                row[k + i].joint_cost, row[k + i].joint_flow = row[k].cost + value, row[k].flow + e
                taken[nested * width + k + i] = i
    for k in range(size + below + 1):
        joint = row[k].joint_cost
        row[k].cost, row[k].flow = joint * (LESS if joint > 0.0 else MORE), row[k].joint_flow


@compiled
def best_price(work: Work, pie: Node, p: int, k: int, outer: float) -> tuple[float, float]:
    """Q_{p,k}(λ = ``outer``) over the pool's prices, and e_p there; ∞ where k can not be."""
    low, high = span_of(work, pie, k)
    if low > high:
        return np.inf, 0.0
    best, flow = -np.inf, 0.0
    for j in range(pie.ready):
        price, inside = work.pool[p, j], work.sums[pie.at + k, j]
        least, e = cheapest(pie, outer - price, low, high)
        fixed = price * pie.need
        value = lowered(inside + fixed + least, abs(inside) + abs(fixed) + abs(least), 3)
        if value > best:
            best, flow = value, e
    return best, flow


@compiled
def least_bound(work: Work) -> tuple[float, int]:
    """LB = min_k Q_{0,k}(0), and the k where it is attained (−1: there is none)."""
    bound, least = np.inf, -1
    for k in range(work.tree[0].leaves + 1):
        value, _ = best_price(work, work.tree[0], 0, k, 0.0)
        if value < bound:
            bound, least = value, k
    return bound, least
