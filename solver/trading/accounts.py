"""An account and its events as a decision about their trading sees them, and what each kind of event may trade.

Plain frozen values; ``faults`` looks at them all together, so that every fault is named at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from solver.errors import Violation
from solver.money import id_violation, money_violation
from solver.securities import Side
from solver.trading.clocks import instant_violation, member_violation
from solver.trading.sessions import Kind

__all__ = [
    "REBALANCES",
    "SAME_DAY",
    "Account",
    "Asked",
    "OneSide",
    "SameDay",
    "Traded",
    "faults",
]


class SameDay(Enum):
    """What is done where a security was traded on the other side that day."""

    PLAN_AROUND = "PLAN_AROUND"
    NEXT_SESSION = "NEXT_SESSION"
    REFUSE = "REFUSE"


REBALANCES = (Kind.PORTFOLIO_UPDATE, Kind.SCHEDULED_REBALANCE, Kind.CLIENT_REBALANCE, Kind.INSTANT_REBALANCE)
_MOVES = {Side.BUY: SameDay.NEXT_SESSION, Side.SELL: SameDay.NEXT_SESSION}
_REFUSED = {Side.BUY: SameDay.REFUSE, Side.SELL: SameDay.REFUSE}
# by kind, and by the side that it would trade; a side that is not here it never trades
SAME_DAY: dict[Kind, dict[Side, SameDay]] = {
    Kind.DEPOSIT: {Side.BUY: SameDay.PLAN_AROUND},
    Kind.WITHDRAWAL: {Side.SELL: SameDay.PLAN_AROUND},
    # what it sells it sells whole, or not yet; its proceeds go to the other slices
    Kind.LIQUIDATION: {Side.SELL: SameDay.NEXT_SESSION, Side.BUY: SameDay.PLAN_AROUND},
    Kind.PORTFOLIO_UPDATE: _MOVES,
    Kind.SCHEDULED_REBALANCE: _MOVES,
    Kind.CLIENT_REBALANCE: _MOVES,
    Kind.INSTANT_REBALANCE: _REFUSED,
    Kind.MANUAL_ORDERS: _REFUSED,
}


class OneSide(NamedTuple):
    """One side of one security."""

    security_id: str
    side: Side


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade of the account that happened."""

    security_id: str
    side: Side
    traded_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """What the caller's books say of an account; amounts in minor units.

    ``cash`` is with what the event brings; ``cash_unavailable`` of it can not buy yet, before ``cash_available_at``
    where that is known. ``flags`` entitle it to windows. ``looked_at`` is the clock of the caller's last look.
    """

    value: int
    cash: int
    min_order: int = 0
    restricted: bool = False
    closed: bool = False
    flags: frozenset[str] = frozenset()
    cash_unavailable: int = 0
    cash_available_at: datetime | None = None
    trades: tuple[Traded, ...] = ()
    rebalanced_at: datetime | None = None
    manual_orders_at: datetime | None = None
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An event that wants to trade.

    ``wants`` are the sides that its plan would trade; where it is ``None``, nobody planned yet and it may be any that
    its kind can. ``postponed_until`` is the instant to which a decision moved it, for a same-day trade.
    """

    kind: Kind
    asked_at: datetime
    event_id: str = ""
    wants: frozenset[OneSide] | None = None
    postponed_until: datetime | None = None


def faults(account: Account, events: Sequence[Asked], clock: datetime) -> Iterator[Violation | None]:
    """Every fault of an account and its events, by field: what is no amount, id, kind, side or instant by ``clock``."""
    for name in ("value", "cash", "min_order", "cash_unavailable"):
        yield money_violation(f"account.{name}", getattr(account, name))
    for name in ("rebalanced_at", "manual_orders_at", "looked_at"):
        if getattr(account, name) is not None:
            yield instant_violation(f"account.{name}", getattr(account, name), clock)
    if account.cash_available_at is not None:
        yield instant_violation("account.cash_available_at", account.cash_available_at)
    for k, trade in enumerate(account.trades):
        yield id_violation(f"account.trades[{k}].security_id", trade.security_id)
        yield member_violation(f"account.trades[{k}].side", trade.side, Side)
        yield instant_violation(f"account.trades[{k}].traded_at", trade.traded_at, clock)
    for k, asked in enumerate(events):
        yield member_violation(f"events[{k}].kind", asked.kind, Kind)
        yield instant_violation(f"events[{k}].asked_at", asked.asked_at, clock)
        if asked.postponed_until is not None:
            yield instant_violation(f"events[{k}].postponed_until", asked.postponed_until)
