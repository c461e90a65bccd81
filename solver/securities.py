"""What the caller says of single securities: sides that are blocked, limits, a minimum of their own.

These rules belong to the security, not to the slice that holds it. Like the tree they are plain frozen values, checked
together when the portfolio is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from solver.errors import Violation
from solver.money import MAX_MONEY, id_violation, money_violation

__all__ = ["MICROS", "Block", "BlockReason", "Security", "Side", "security_violations"]

MICROS = 1_000_000


class Side(Enum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"


class BlockReason(Enum):
    """Why a side is blocked; it comes back on the slices that would have traded."""

    RESTRICTED = "RESTRICTED"
    HALTED = "HALTED"
    SAME_DAY_TRADE = "SAME_DAY_TRADE"
    WASH_SALE = "WASH_SALE"
    CLIENT = "CLIENT"


@dataclass(frozen=True, slots=True)
class Block:
    """One side of a security that may not be traded."""

    side: Side
    reason: BlockReason


@dataclass(frozen=True, slots=True)
class Security:
    """The rules of one security; amounts in minor units.

    ``min_trade`` is m of this security where it is more than the account's. ``max_value`` and ``max_share_micros``
    (millionths of the account's value with its cash, after the event) bound what is held of it afterwards: what is
    above already may stay but not grow, and a rebalance sells it down. ``min_position``: afterwards nothing is held of
    it, or at least that much.
    """

    security_id: str
    min_trade: int = 0
    max_value: int | None = None
    max_share_micros: int | None = None
    min_position: int = 0
    blocks: tuple[Block, ...] = ()

    def blocked(self, side: Side) -> tuple[str, ...]:
        """The reasons why ``side`` may not be traded; none means that it may."""
        return tuple(block.reason.value for block in self.blocks if block.side is side)

    def most(self, account_value: int) -> int | None:
        """The largest position allowed in an account worth ``account_value`` after the event; ``None``: any."""
        shares = [] if self.max_share_micros is None else [account_value * self.max_share_micros // MICROS]
        values = [] if self.max_value is None else [self.max_value]
        return min(shares + values, default=None)


def security_violations(securities: tuple[Security, ...]) -> Iterator[Violation]:
    """Faults of the list and of each security on it, by field."""
    seen: dict[str, int] = {}
    for i, security in enumerate(securities):
        at = f"portfolio.securities[{i}]"
        fault = id_violation(f"{at}.security_id", security.security_id)
        if fault:
            yield fault
        elif security.security_id in seen:
            told = f"{security.security_id!r} is also portfolio.securities[{seen[security.security_id]}]; list it once"
            yield Violation(f"{at}.security_id", "DUPLICATE_SECURITY", told)
        else:
            seen[security.security_id] = i
        yield from _limit_violations(at, security)


def _limit_violations(at: str, security: Security) -> Iterator[Violation]:
    amounts = {"min_trade": security.min_trade, "max_value": security.max_value, "min_position": security.min_position}
    faults = [money_violation(f"{at}.{name}", value) for name, value in amounts.items() if value is not None]
    yield from (fault for fault in faults if fault)
    share = security.max_share_micros
    if share is not None and not (type(share) is int and 0 <= share <= MICROS):
        told = f"is {share!r}; it counts millionths of the account and lies between 0 and {MICROS}"
        yield Violation(f"{at}.max_share_micros", "OUT_OF_RANGE", told)
    if any(faults):
        return
    most = MAX_MONEY if security.max_value is None else security.max_value
    if security.min_position > most:
        told = f"is {security.min_position}, but the largest position allowed is {most}; nothing lies between"
        yield Violation(f"{at}.min_position", "CONTRADICTORY_LIMITS", told)
