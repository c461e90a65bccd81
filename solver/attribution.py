"""Whose trade is it: every order split among the events that caused it.

    sales      of withdrawals, as listed, up to what each still had to raise; then of the rebalance around the slice
    purchases  of proceeds that a nested pie kept, there; of deposits, as listed, the cash held with the last; of
               proceeds that the root kept; then of the rebalance around the slice

Slices outside every pie that rebalances draw first, since nothing else explains what they trade; then, as listed, those
inside. What rounding or a minimum trades beyond all this is the last withdrawal's, or the last deposit's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solver.events import Deposit, Event, TargetChange, Withdrawal
from solver.funds import Share
from solver.situations import Understood

__all__ = ["attributed"]


@dataclass(slots=True)
class _Pool:
    """Money that one event explains, at the rows it may be spent or raised at."""

    event_id: str
    left: int
    rows: range


def attributed(understood: Understood, trades: Sequence[int]) -> dict[int, tuple[Share, ...]]:
    """By row that trades: which events cause how much of it; the shares sum to |trade|."""
    rebalances = _rebalance_around(understood)
    rows = sorted((row for row, trade in enumerate(trades) if trade), key=lambda row: (row in rebalances, row))
    sells = {row: -trades[row] for row in rows if trades[row] < 0}
    buys = {row: trades[row] for row in rows if trades[row] > 0}
    events = understood.events
    sold = _drawn(sells, _raising(understood), lambda row: rebalances.get(row, _last(events, Withdrawal)))
    bought = _drawn(buys, _spending(understood), lambda row: rebalances.get(row, _last(events, Deposit, TargetChange)))
    return sold | bought


def _rebalance_around(understood: Understood) -> dict[int, str]:
    """By row inside a pie that is asked to rebalance: the event that asks it of the innermost."""
    tree, found = understood.situation.tree, dict[int, str]()
    for row in range(1, len(tree.parent)):
        above = tree.parent[row]
        if above in understood.rebalanced:
            found[row] = understood.rebalanced[above]
        elif above in found:
            found[row] = found[above]
    return found


def _last(events: Sequence[Event], *kinds: type[Event]) -> str:
    """The id of the last event of the first kind that there is, or of the last event."""
    for kind in kinds:
        found = [event.event_id for event in events if isinstance(event, kind)]
        if found:
            return found[-1]
    return events[-1].event_id


def _raising(understood: Understood) -> list[_Pool]:
    everywhere = range(len(understood.situation.tree.parent))
    return [_Pool(name, amount, everywhere) for name, amount in understood.funds.withdrawals]


def _spending(understood: Understood) -> list[_Pool]:
    situation, funds = understood.situation, understood.funds
    everywhere = range(len(situation.tree.parent))
    deposits = [_Pool(name, amount, everywhere) for name, amount in funds.deposits]
    changed = _last(understood.events, TargetChange)
    at_root = sum(funds.proceeds.values()) if 0 in understood.rebalanced else funds.proceeds.get(0, 0)
    nested = {row: amount for row, amount in situation.received.items() if row and amount > 0}
    below = [_Pool(changed, nested[row], situation.tree.below(row)) for row in sorted(nested, reverse=True)]
    return [*below, *deposits, _Pool(changed, at_root, everywhere)]


def _drawn(
    amounts: dict[int, int], pools: list[_Pool], otherwise: Callable[[int], str]
) -> dict[int, tuple[Share, ...]]:
    """``amounts`` by row drawn from ``pools`` in their order; what none has is ``otherwise``'s."""
    found: dict[int, list[Share]] = {row: [] for row in amounts}
    left = dict(amounts)
    for pool in pools:
        for row in amounts if pool.left else ():
            taken = min(left[row], pool.left) if row in pool.rows else 0
            if taken:
                _add(found[row], pool.event_id, taken)
                left[row] -= taken
                pool.left -= taken
    for row, amount in left.items():
        if amount:
            _add(found[row], otherwise(row), amount)
    return {row: tuple(shares) for row, shares in found.items()}


def _add(shares: list[Share], event_id: str, amount: int) -> None:
    """Neighbours of one event are one share."""
    if shares and shares[-1][0] == event_id:
        amount += shares.pop()[1]
    shares.append((event_id, amount))
