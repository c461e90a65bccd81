"""Quantity steps: what a number of shares costs, and which amounts an order in whole steps can have.

One rule everywhere: k steps of s nanoshares at a price of P micros are worth

    a(k) = ⌊k s P 10^d / 10^15⌋ minor units,

d the decimals of the currency. Where a step is worth a cent or less every amount is some a(k), and nothing is left to
decide; where it is worth more, orders have the amounts a(1), a(2), … and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

__all__ = ["DEFAULT_STEP_NANOS", "NANOS", "StepTable", "Steps"]

NANOS = 10**9  # nanoshares in a share
MICROS_NANOS = 10**15
DEFAULT_STEP_NANOS = 10_000  # 1/100,000 share, as brokers with fractional shares trade
SAFE = 2**62


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

    @property
    def most(self) -> int:
        """Minor units that one more step adds at the most: the size rounded up."""
        return -(-self.numerator // self.denominator)

    def amount(self, count: int) -> int:
        """a(k)."""
        return count * self.numerator // self.denominator

    def within(self, amount: int) -> int:
        """The most steps that are worth no more than ``amount``: max{k: a(k) ≤ amount}."""
        return ((amount + 1) * self.denominator - 1) // self.numerator

    def reaching(self, amount: int) -> int:
        """The fewest steps that are worth at least ``amount``: min{k: a(k) ≥ amount}."""
        return -(-amount * self.denominator // self.numerator)


class StepTable:
    """The steps of several leaves, for whole arrays of amounts at once (a row a leaf)."""

    def __init__(self, steps: Sequence[Steps], most: int) -> None:
        largest = max((max(s.denominator, s.numerator) for s in steps), default=1)
        kind: Any = np.int64 if (most + 2) * largest < SAFE else object  # Python's integers never overflow
        self.numerator = np.array([s.numerator for s in steps], dtype=kind)[:, None]
        self.denominator = np.array([s.denominator for s in steps], dtype=kind)[:, None]

    def around(self, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two neighbouring step amounts a(k) ≤ x < a(k + 1) of every whole amount x ≥ 0 in ``amounts``."""
        x = amounts.astype(np.int64).astype(self.numerator.dtype)
        count = ((x + 1) * self.denominator - 1) // self.numerator
        below, above = (k * self.numerator // self.denominator for k in (count, count + 1))
        return below.astype(np.float64), above.astype(np.float64)
