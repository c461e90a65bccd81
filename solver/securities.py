"""What the caller says of single securities: sides that are blocked, limits, a minimum of their own.

These rules belong to the security, not to the slice that holds it. Like the tree they are plain frozen values, checked
together when the portfolio is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from solver.errors import Violation
from solver.money import MAX_MONEY, id_violation, minor_digits, money_violation
from solver.steps import DEFAULT_STEP_NANOS, NANOS, Steps

__all__ = ["MICROS", "Block", "BlockReason", "Security", "Side", "quantity_violation", "security_violations"]

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

    With a price (``price_micros``, millionths of the currency's unit a share) every order carries a quantity, in steps
    of ``quantity_step_nanos`` (10^-9 shares; default 1/100,000 share; 10^9 for whole shares only).
    """

    security_id: str
    min_trade: int = 0
    max_value: int | None = None
    max_share_micros: int | None = None
    min_position: int = 0
    blocks: tuple[Block, ...] = ()
    price_micros: int | None = None
    quantity_step_nanos: int | None = None

    @property
    def step_nanos(self) -> int:
        """The quantity step, by default that of fractional shares."""
        return DEFAULT_STEP_NANOS if self.quantity_step_nanos is None else self.quantity_step_nanos

    @property
    def whole_only(self) -> bool:
        """Whether it trades in whole shares: then both sides are sized by quantity."""
        return self.step_nanos >= NANOS

    def steps(self, currency_code: str) -> Steps | None:
        """Its steps in minor units; ``None`` without a price."""
        if self.price_micros is None:
            return None
        return Steps.of(self.price_micros, self.step_nanos, minor_digits(currency_code))

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
        yield from _price_violations(at, security)
        yield from _limit_violations(at, security)


def _price_violations(at: str, security: Security) -> Iterator[Violation]:
    stated = {"price_micros": security.price_micros, "quantity_step_nanos": security.quantity_step_nanos}
    for name, number in stated.items():
        if number is not None and not (type(number) is int and 0 < number <= MAX_MONEY * MICROS):
            yield Violation(f"{at}.{name}", "OUT_OF_RANGE", f"is {number!r}; it must be an integer and positive")
    if security.quantity_step_nanos is not None and security.price_micros is None:
        yield Violation(f"{at}.price_micros", "MISSING_FIELD", "is not set; a quantity step needs the price of a share")


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


def quantity_violation(
    at: str, value: object, quantity: object, security: Security | None, currency_code: str
) -> Violation | None:
    """The fault of a holding's quantity beside its value, or ``None``: a price asks for one, and they must agree.

    They do where |value − quantity · price| is at most a minor unit and what one micro in the price makes.
    """
    at = f"{at}.quantity_nanos"
    price = security.price_micros if security else None
    if quantity is None:
        needed = price is not None and type(value) is int and value > 0
        return Violation(at, "MISSING_FIELD", "is not set; a security with a price needs it") if needed else None
    if type(quantity) is not int or not 0 <= quantity <= MAX_MONEY * MICROS:
        return Violation(at, "OUT_OF_RANGE", f"is {quantity!r}; it counts 10^-9 shares and is not negative")
    if price is None:
        return Violation(at, "MISSING_PRICE", "is set; give the security's price_micros in portfolio.securities, too")
    if type(price) is not int or price <= 0 or type(value) is not int:
        return None  # each is reported by its own field
    unit = 10 ** minor_digits(currency_code)
    worth, tick = quantity * price * unit, quantity * unit
    if abs(value * NANOS * MICROS - worth) > NANOS * MICROS + tick:
        told = f"times the price is {worth // (NANOS * MICROS)} minor units, but the value is {value}"
        return Violation(at, "QUANTITY_DISAGREES", told)
    return None
