"""Amounts of money and ids as callers give them, and what can be wrong with one."""

from __future__ import annotations

from solver.errors import Violation

__all__ = ["MAX_ID_BYTES", "MAX_MONEY", "id_violation", "minor_digits", "money_violation"]

MAX_MONEY = 10**13  # minor units: the total of values, cash and amounts
MAX_ID_BYTES = 64
ZERO_DECIMALS = frozenset(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"))  # ISO 4217
THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def money_violation(field: str, amount: object, least: int = 0) -> Violation | None:
    """The fault of an amount of money that is no integer in ``[least, MAX_MONEY]``, or ``None``."""
    if type(amount) is not int:
        return Violation(field, "NOT_AN_INTEGER", f"is {amount!r}; money is an integer number of minor units")
    if amount < least:
        reason = "NEGATIVE_AMOUNT" if amount < 0 else "AMOUNT_TOO_SMALL"
        return Violation(field, reason, f"is {amount}; it must be at least {least}")
    if amount > MAX_MONEY:
        return Violation(field, "AMOUNT_TOO_LARGE", f"is {amount}; at most {MAX_MONEY} minor units are supported")
    return None


def id_violation(field: str, identifier: object) -> Violation | None:
    """The fault of an id that is empty, no text or too long, or ``None``."""
    if not isinstance(identifier, str) or not identifier:
        return Violation(field, "MISSING_ID", "is empty; every slice and security needs an id")
    if len(identifier.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        return Violation(field, "ID_TOO_LONG", f"is longer than {MAX_ID_BYTES} bytes")
    return None


def minor_digits(currency_code: str) -> int:
    """Decimals of the currency's minor unit: 2 for USD, 0 for JPY (ISO 4217)."""
    return 0 if currency_code in ZERO_DECIMALS else 3 if currency_code in THREE_DECIMALS else 2
