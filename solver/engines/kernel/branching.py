"""The search: which leaves trade. Best first over leaves fixed on a side or at rest, bounded over whole cents.

A branch is closed once its bound meets the best plan in whole cents, so what is returned is final; the prices that
bounded it are logged as evidence. Branches bounded by prices alone settle most accounts; where they close too little of
the gap, as among near-equal slices, the search starts again with trading leaves counted. Memory, branches and work are
bounded: at a bound the search ends with a gap.

Source: PROBLEM.md §3 and §4.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.cents import exact
from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.counts import add_prices, fits, least_bound, prepare, update
from solver.engines.kernel.curves import relax, tighten
from solver.engines.kernel.memory import BOUNDS, ENTRIES, MOST_WORK, OPEN, WORK, Node, Nodes, Work
from solver.engines.kernel.prices import price_bound
from solver.engines.kernel.refining import refine
from solver.engines.kernel.tree import BUYS, FREE, INTERVAL, RESTS, SELLS

__all__ = ["explore"]

ROUNDS = 12  # times that a branch's pools are refined
STALLS = 0.002  # of the gap: a round that closes no more is the last
PACE = 1 / 256  # of the gap a branch, below which prices alone settle nothing
NEAR = 1e-10  # relative: bounds and plans are sums of doubles; what lies within it is a tie


@compiled
def explore(work: Work, easy_branches: int, most_branches: int, most_work: int) -> bool:
    """Search the tree that is loaded; true where the best plan is proved best. J is ∞ where there is no plan.

    Up to ``easy_branches`` are bounded by prices alone; if these do not settle it, up to ``most_branches`` are with
    their trading leaves counted, until ``most_work`` is done (about one a slice looked at, the same on every machine).
    """
    work.figures[0] = np.inf
    work.counts[BOUNDS] = work.counts[WORK] = 0
    work.counts[MOST_WORK] = most_work
    if _rounded(work):
        return True
    if easy_branches and _explored(work, min(easy_branches, most_branches), most_work, False):
        return True
    if work.counts[WORK] > most_work:  # none is left to count with
        return False
    return _explored(work, most_branches, most_work, fits(work))


@compiled
def _rounded(work: Work) -> bool:
    """Whether the best whole cents as if no domain had a gap keep to the gaps: then nothing is better.

    The relaxation is the ideal itself, so that most accounts in which no minimum binds are done without any search.
    """
    tree, counts = work.tree, work.counts
    for n in range(1, tree[0].nodes):
        if tree[n].last == 0:
            tree[n].state = tree[n].tried = INTERVAL
            if not _allowed(tree[n], tree[n].part, 1.0):
                return False
    if not tighten(tree, True):
        return False
    for n in range(1, tree[0].nodes):
        if not tree[n].low <= tree[n].part <= tree[n].high:
            return False
        tree[n].real = tree[n].part
    tree[0].real = 0.0
    for i in range(tree[0].pies):
        tree[tree[i].pie].price = 0.0
    error = exact(tree)
    for n in range(1, tree[0].nodes):
        if tree[n].last == 0 and not _allowed(tree[n], tree[n].e, 0.0):
            return False
    _keep(work, error)
    counts[0], counts[OPEN], counts[ENTRIES] = 1, 0, 0
    here = work.branch[0]
    here.parent, here.leaf, here.side, here.split, here.bound = -1, -1, RESTS, -1, 0.0
    _raise(work, 0)
    work.figures[1] = error
    return _closes(work, here.bound)


@compiled
def _allowed(leaf: Node, e: float, off: float) -> bool:
    """Whether a leaf may do ``e``, or something less than ``off`` from it."""
    if leaf.domain == INTERVAL or (leaf.domain in (FREE, RESTS) and abs(e - leaf.rest) <= off):
        return True
    buys = leaf.buy_low - off <= e <= leaf.buy_high + off
    return bool(buys or leaf.sell_low - off <= e <= leaf.sell_high + off)


@compiled
def _keep(work: Work, error: float) -> None:
    """Keep the whole cents made last as the best plan."""
    work.figures[0] = error
    for n in range(work.tree[0].nodes):
        work.tree[n].best = work.tree[n].e


@compiled
def _explored(work: Work, most_branches: int, most_work: int, counting: bool) -> bool:
    """One search from its first branch on; the best plan is kept from the one before."""
    tree, branches, counts = work.tree, work.branch, work.counts
    counts[0] = counts[OPEN] = counts[ENTRIES] = 0
    _branch(work, -1, -1, RESTS, counting)
    while counts[OPEN] > 0:
        branch = branches[0].open
        bound, leaf = branches[branch].bound, branches[branch].split
        if _closes(work, bound):
            break
        if counts[0] + 3 > most_branches or counts[WORK] > most_work or (not counting and _stalls(work, bound)):
            work.figures[1] = bound
            return False
        _pop(work)
        if tree[leaf].buy_low <= tree[leaf].buy_high:
            _branch(work, branch, leaf, BUYS, counting)
        if tree[leaf].sell_low <= tree[leaf].sell_high:
            _branch(work, branch, leaf, SELLS, counting)
        _branch(work, branch, leaf, RESTS, counting)
    work.figures[1] = work.figures[0]
    return True


@compiled
def _stalls(work: Work, bound: float) -> bool:
    """Whether the least bound has risen too little for the branches that it took: then they are too much alike."""
    root = work.branch[0].bound
    return bool(bound - root < PACE * work.counts[0] * (work.figures[0] - root) and work.counts[0] > 3)


@compiled
def _closes(work: Work, bound: float) -> bool:
    """Whether a branch with this bound holds nothing better than the best plan."""
    best = work.figures[0]
    return bool(bound >= best - NEAR * best - 1e-13)


@compiled
def _branch(work: Work, parent: int, leaf: int, side: int, counting: bool) -> None:
    """Make a branch, bound it, and keep it open where that does not close it.

    The bound of the branch above holds here, too, but the evidence has only what was found here.
    """
    branch = work.counts[0]
    here = work.branch[branch]
    work.counts[0] += 1
    here.parent, here.leaf, here.side, here.bound, here.split = parent, leaf, side, 0.0, -1
    _restore(work, branch)
    _bound(work, branch, counting)
    if here.split >= 0 and not _closes(work, here.bound):
        _push(work, branch)


@compiled
def _restore(work: Work, branch: int) -> None:
    """Set ``state`` to the leaves that the branch and those above it fixed."""
    tree, branches = work.tree, work.branch
    for n in range(tree[0].nodes):
        tree[n].state = tree[n].domain
    while branches[branch].parent >= 0:
        tree[branches[branch].leaf].state = branches[branch].side
        branch = branches[branch].parent


@compiled
def _bound(work: Work, branch: int, counting: bool) -> None:
    """Bound the branch by its relaxation's prices, try its plans, then bound it by their prices in whole cents."""
    tree, here = work.tree, work.branch[branch]
    if not tighten(tree, False):
        here.bound = np.inf
        for n in range(tree[0].nodes):
            tree[n].price = 0.0
        _log(work, branch)
        return
    relax(work, False)
    work.counts[WORK] += 4 * tree[0].nodes
    _raise(work, branch)
    if _closes(work, here.bound):
        return
    here.split, doubt, likelier = _decide(tree)
    if counting and here.split >= 0:
        prepare(work)
        add_prices(work)
    _try(work, branch, counting)
    if here.split >= 0 and doubt < 1e-6 and not _closes(work, here.bound):
        tree[here.split].tried = likelier if tree[here.split].tried == RESTS else RESTS
        _try(work, branch, counting)
    if counting and here.split >= 0 and not _closes(work, here.bound):
        _count(work, branch)


@compiled
def _count(work: Work, branch: int) -> None:
    """Bound the branch by how many leaves trade, refining every pie's prices while that helps."""
    tree, here, before = work.tree, work.branch[branch], -1.0
    for _ in range(ROUNDS):
        update(work)
        work.counts[BOUNDS] += 1
        bound, k = least_bound(work)
        here.bound = max(here.bound, bound)
        if k < 0 or _closes(work, bound) or work.counts[WORK] > work.counts[MOST_WORK]:
            break
        if work.figures[0] < np.inf and bound - before <= STALLS * (work.figures[0] - before):
            break
        before = bound
        here.split = refine(work, k, work.figures[0])
        add_prices(work)
        _try(work, branch, True)
    for i in range(tree[0].pies):
        p = tree[i].pie
        for j in range(tree[p].used):
            _log_one(work, branch, p, work.pool[p, j])


@compiled
def _raise(work: Work, branch: int) -> None:
    """Log the present prices, and raise the branch's bound to what they give."""
    _log(work, branch)
    work.counts[BOUNDS] += 1
    work.branch[branch].bound = max(work.branch[branch].bound, price_bound(work.tree))


@compiled
def _log(work: Work, branch: int) -> None:
    """Keep every pie's price as the branch's evidence."""
    for i in range(work.tree[0].pies):
        p = work.tree[i].pie
        _log_one(work, branch, p, work.tree[p].price)


@compiled
def _log_one(work: Work, branch: int, p: int, price: float) -> None:
    at = work.counts[ENTRIES]
    if at < len(work.log):
        work.log[at].branch, work.log[at].pie, work.log[at].price = branch, p, price
        work.counts[ENTRIES] = at + 1


@compiled
def _decide(tree: Nodes) -> tuple[int, float, int]:
    """Who trades at the relaxation's prices (``tried``), and the free leaf about which they are least decided.

    That is the leaf whose vertex lies nearest to the middle of a gap, in gaps; with the side it would trade on.
    """
    split, least, likelier = -1, np.inf, RESTS
    for n in range(1, tree[0].nodes):
        node = tree[n]
        node.tried = node.state
        if node.state != FREE:
            continue
        vertex = (tree[node.above].price - node.tilt) * node.half + node.part
        node.tried = RESTS
        if node.buy_low <= node.buy_high:
            beyond = vertex - (node.buy_low + node.rest) / 2.0
            if beyond > 0.0:
                node.tried = BUYS
            if abs(beyond) < least * (node.buy_low - node.rest):
                split, least, likelier = n, abs(beyond) / (node.buy_low - node.rest), BUYS
        if node.sell_low <= node.sell_high:
            beyond = vertex - (node.sell_high + node.rest) / 2.0
            if beyond < 0.0:
                node.tried = SELLS
            if abs(beyond) < least * (node.rest - node.sell_high):
                split, least, likelier = n, abs(beyond) / (node.rest - node.sell_high), SELLS
    return split, least, likelier


@compiled
def _try(work: Work, branch: int, counting: bool) -> None:
    """Make whole cents of the choice ``tried``, keep them if they are better, and bound the branch by their prices."""
    tree = work.tree
    if not tighten(tree, True):
        return
    relax(work, True)
    work.counts[WORK] += 6 * tree[0].nodes
    error = exact(tree)
    if error < work.figures[0]:
        _keep(work, error)
    if counting:
        add_prices(work)
    _raise(work, branch)


@compiled
def _push(work: Work, branch: int) -> None:
    """Put a branch on the heap, least bound first."""
    branches, at = work.branch, work.counts[OPEN]
    work.counts[OPEN] += 1
    while at > 0:
        above = (at - 1) // 2
        if branches[branches[above].open].bound <= branches[branch].bound:
            break
        branches[at].open = branches[above].open
        at = above
    branches[at].open = branch


@compiled
def _pop(work: Work) -> None:
    """Take the branch of least bound off the heap."""
    branches = work.branch
    work.counts[OPEN] -= 1
    size, at = work.counts[OPEN], 0
    branch = branches[size].open
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and branches[branches[below + 1].open].bound < branches[branches[below].open].bound:
            below += 1
        if branches[branches[below].open].bound >= branches[branch].bound:
            break
        branches[at].open = branches[below].open
        at = below
    branches[at].open = branch
