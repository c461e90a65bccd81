"""Where the money of several events comes from, and what it pays: one net flow.

With the cash held above the floor c = max(0, cash − floor), deposits D, withdrawals W and proceeds R (minor units)

    N = max(0, cash + ΣD − ΣW − floor)   where ΣD ≥ ΣW      to invest
    N = c + ΣD − ΣW                      elsewhere          to invest, or, where negative, still to be raised

so a withdrawal is paid by the cash, then by deposits, then by the proceeds of liquidations, pies in depth-first order,
and only then by sales. Deposits and withdrawals each take their turn as listed; what is left of the cash goes with the
last deposit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from solver.events import Deposit, Event, Withdrawal
from solver.rules import Rules

__all__ = ["Funds", "Share", "funds_of"]

Share = tuple[str, int]  # an event's id, and its part of an amount (minor units)


@dataclass(frozen=True, slots=True)
class Funds:
    """What several events come to (minor units).

    ``idle`` is the money there is to invest, the cash held in it; ``short`` what sales have to raise. ``deposits`` are
    what each leaves to invest (the last with the cash), ``withdrawals`` what each still has to raise, ``proceeds`` what
    each pie keeps of R_p.
    """

    received: int
    paid_out: int
    idle: int
    short: int
    deposits: tuple[Share, ...]
    withdrawals: tuple[Share, ...]
    proceeds: dict[int, int]


def funds_of(events: Sequence[Event], cash: int, rules: Rules, proceeds: Mapping[int, int]) -> Funds:
    """The money of ``events`` together; ``proceeds`` is R_p by row."""
    deposits = [(event.event_id, event.amount) for event in events if isinstance(event, Deposit)]
    withdrawals = [(event.event_id, event.amount) for event in events if isinstance(event, Withdrawal)]
    received, paid_out = _total(deposits), _total(withdrawals)
    held = max(0, cash - rules.cash_floor)
    net = received - paid_out
    money = max(0, cash + net - rules.cash_floor) if net >= 0 else held + net
    idle = max(0, money)
    (_, cash_left), *left = _after([("", held), *deposits], held + received - idle)
    if left:
        left[-1] = (left[-1][0], left[-1][1] + cash_left)
    rows = sorted(proceeds)
    kept = _after([("", proceeds[row]) for row in rows], max(0, -money))
    short = max(0, -money - sum(proceeds.values()))
    return Funds(
        received=received,
        paid_out=paid_out,
        idle=idle,
        short=short,
        deposits=tuple(left),
        withdrawals=tuple(_after(withdrawals, paid_out - short)),
        proceeds={row: amount for row, (_, amount) in zip(rows, kept, strict=True) if amount},
    )


def _total(shares: Iterable[Share]) -> int:
    return sum(amount for _, amount in shares)


def _after(shares: Sequence[Share], spent: int) -> list[Share]:
    """What is left of each share once ``spent`` has been taken, the first listed first."""
    left = []
    for name, amount in shares:
        taken = min(amount, spent)
        left.append((name, amount - taken))
        spent -= taken
    return left
