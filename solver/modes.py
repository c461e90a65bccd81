"""Which way the pies inside an event go, one by one: several events at once may each say it of pies of their own.

    event's pie     its own mode: BUYING, SELLING, REBALANCING, or NOTHING where only pies inside it rebalance
    asked itself    REBALANCING, whatever its parent does: y_p ≥ 0 in a buying parent, ≤ 0 in a selling one
    any other       its parent's; where that rebalances with shallow reach, one-sided: the sign of its ideal flow

Source: PROBLEM.md §1, the table of events.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from solver.events import Reach
from solver.ideal import Mode
from solver.tree import Tree

__all__ = ["BUYS", "SELLS", "leaves_cash", "mode_below", "pies_around", "retired"]

BUYS = (Mode.BUYING, Mode.REBALANCING)
SELLS = (Mode.SELLING, Mode.REBALANCING)
# (pie, its parent) between which money goes up and becomes cash of the account without anybody above feeling it
PASSES_CASH = {
    (Mode.REBALANCING, Mode.REBALANCING),
    (Mode.REBALANCING, Mode.NOTHING),
    (Mode.NOTHING, Mode.NOTHING),
}


def mode_below(mode: Mode, reach: Reach, asked: Reach | None, flow: int) -> tuple[Mode, Reach]:
    """Mode and reach of a nested pie, of its parent's ``mode`` and ``reach``, and what is ``asked`` of itself.

    ``flow`` has the sign of its ideal flow. A deep rebalance around a pie makes its own one deep.
    """
    deep = mode is Mode.REBALANCING and reach is Reach.DEEP
    if asked is not None:
        return Mode.REBALANCING, Reach.DEEP if deep else asked
    if mode is not Mode.REBALANCING or deep:
        return mode, Reach.DEEP
    return Mode.BUYING if flow > 0 else Mode.SELLING if flow < 0 else Mode.NOTHING, Reach.DEEP


def pies_around(tree: Tree, event_row: int, rows: Iterable[int]) -> set[int]:
    """The pies of the event around ``rows``."""
    found = set()
    for row in rows:
        while row != event_row:
            row = tree.parent[row]
            found.add(row)
    return found


def retired(tree: Tree, event_row: int, rebalanced: Container[int], row: int) -> bool:
    """Whether money from above may not be spent at ``row``: it has target 0, or a pie around it has.

    What is asked to rebalance spends its own money inside, whatever its own target is.
    """
    start = row
    while row != event_row and (row == start or row not in rebalanced):
        if tree.weight[row] == 0:
            return True
        row = tree.parent[row]
    return False


def leaves_cash(tree: Tree, event_row: int, mode: Sequence[Mode], p: int) -> bool:
    """Whether what is left in pie ``p`` may become cash of the account: then its sales need no purchases."""
    while p != event_row:
        above = tree.parent[p]
        if (mode[p], mode[above]) not in PASSES_CASH:
            return False
        p = above
    return True
