"""Amounts of money and ids as callers give them, and what can be wrong with one."""

from __future__ import annotations

from solver.errors import Violation

__all__ = ["MAX_ID_BYTES", "MAX_MONEY", "currency_violation", "id_violation", "minor_digits", "money_violation"]

MAX_MONEY = 10**13  # minor units: the total of values, cash and amounts
MAX_ID_BYTES = 64
# ISO 4217, by decimals; without metals, units of account and what has four
CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ "
        "GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD "
        "MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD "
        "RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
        "USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ZWL"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DECIMALS = {code: decimals for decimals, codes in CODES.items() for code in codes.split()}


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


def currency_violation(field: str, code: object) -> Violation | None:
    """The fault of what is no currency's code, or ``None``: of another one nobody knows what a minor unit is worth."""
    if isinstance(code, str) and code in DECIMALS:
        return None
    said = code[:9] if isinstance(code, str) else code
    return Violation(field, "INVALID_CURRENCY", f"is {said!r}; give the ISO 4217 code of a currency, such as USD")


def minor_digits(currency_code: str) -> int:
    """Decimals of the currency's minor unit: 2 for USD, 0 for JPY (ISO 4217)."""
    return DECIMALS.get(currency_code, 2)
