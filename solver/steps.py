"""Quantity steps: what a number of shares costs, and which amounts an order in whole steps can have.

One rule everywhere: k steps of s nanoshares at a price of P micros are worth

    a(k) = ⌊k s P 10^d / 10^15⌋ minor units,

d the decimals of the currency. Where a step is worth a cent or less every amount is some a(k), and nothing is left to
decide; where it is worth more, orders have the amounts a(1), a(2), … and no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

__all__ = ["NANOS", "Steps"]

NANOS = 10**9  # nanoshares in a share
MICROS_NANOS = 10**15


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one security: a(k) = ⌊k · numerator / denominator⌋ minor units, in lowest terms."""

    numerator: int
    denominator: int

    @staticmethod
    def of(price_micros: int, step_nanos: int, decimals: int) -> Steps:
        """Steps of ``step_nanos`` at ``price_micros``; both positive."""
        numerator = price_micros * step_nanos * 10**decimals
        common = gcd(numerator, MICROS_NANOS)
        return Steps(numerator // common, MICROS_NANOS // common)

    @property
    def coarse(self) -> bool:
        """Whether a step is worth more than a minor unit, so that not every amount can be traded."""
        return self.numerator > self.denominator

    @property
    def size(self) -> float:
        """Minor units a step is worth."""
        return self.numerator / self.denominator

    def amount(self, count: int) -> int:
        """a(k)."""
        return count * self.numerator // self.denominator

    def within(self, amount: int) -> int:
        """The most steps that are worth no more than ``amount``: max{k: a(k) ≤ amount}."""
        return ((amount + 1) * self.denominator - 1) // self.numerator

    def reaching(self, amount: int) -> int:
        """The fewest steps that are worth at least ``amount``: min{k: a(k) ≥ amount}."""
        return -(-amount * self.denominator // self.numerator)
