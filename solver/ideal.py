"""The seeds' rule, exactly: what each slice would trade if trades were infinitely divisible and free of rules.

Everything is rational. A pie whose money is ``M = num/den`` splits it at one level per unit of weight,
``θ = (M + Σ V_c)/Σ k_c`` over the slices that trade, so that ``x°_c = k_c θ − V_c``: in a pie, every flow is an
integer over one common denominator. Python's integers carry that without rounding, and a float appears only at
the very end, by one correctly rounded division each.

Source: PROBLEM.md §1; "the most relatively underweight slices first", in the seeds' words, read as *together*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import gcd

__all__ = ["Mode", "Split", "level_key", "split_pie"]


class Mode(IntEnum):
    """Which way the slices of a pie may go."""

    NOTHING = 0
    BUYING = 1
    SELLING = 2
    REBALANCING = 3


@dataclass(frozen=True, slots=True)
class Split:
    """How one pie shares its money: ``x°_c = flows[c] / denominator``, minor units.

    ``level`` / ``denominator`` is θ, the value per unit of weight up to which (buying) or down to which (selling)
    the slices that trade are brought; 0 in a rebalancing pie, where nothing needs it.
    """

    flows: tuple[int, ...]
    denominator: int
    level: int


def level_key(value: int, weight: int) -> int:
    """An integer that orders slices as the exact ratio V_c/k_c does.

    Two different ratios differ by at least 1/(k k') ≥ 1e-18, so ⌊2^64 V/k⌋ keeps them apart, and equal ones equal.
    This is where a 64-bit comparison would not do.
    """
    return (value << 64) // weight


def split_pie(mode: Mode, numerator: int, denominator: int, weights: Sequence[int], values: Sequence[int]) -> Split:
    """Share the money ``M = numerator/denominator`` of one pie among its slices.

    Buying:      x°_c = max(0, k_c θ − V_c), Σ x°_c = M ≥ 0
    Selling:     retired slices first, in listed order, then x°_c = −max(0, V_c − k_c θ), Σ x°_c = M ≤ 0
    Rebalancing: x°_c = k_c θ − V_c, θ = (Σ V_c + M)/Σ k_c

    ``weights`` k_c ≥ 0 (not all 0) and ``values`` V_c ≥ 0 are integers, one a slice.
    Source: PROBLEM.md §1.
    """
    if mode is Mode.REBALANCING:
        return _rebalancing(numerator, denominator, weights, values)
    if mode is Mode.BUYING:
        return _levelled(1, numerator, denominator, weights, values, [0] * len(weights))
    remaining = -numerator
    retired = [0] * len(weights)
    for c, weight in enumerate(weights):
        if weight == 0 and remaining > 0:
            sold = min(values[c] * denominator, remaining)
            retired[c] = -sold
            remaining -= sold
    return _levelled(-1, -remaining, denominator, weights, values, retired)


def _rebalancing(numerator: int, denominator: int, weights: Sequence[int], values: Sequence[int]) -> Split:
    level, over = _reduced(numerator + denominator * sum(values), denominator * sum(weights))
    return Split(tuple(k * level - v * over for k, v in zip(weights, values, strict=True)), over, 0)


def _levelled(
    sign: int, numerator: int, denominator: int, weights: Sequence[int], values: Sequence[int], fixed: list[int]
) -> Split:
    """Bring the most under- (sign 1) or overweight (−1) slices together to one level; ``fixed`` over denominator."""
    order = sorted((c for c, k in enumerate(weights) if k > 0), key=lambda c: sign * level_key(values[c], weights[c]))
    weight_sum, value_sum = weights[order[0]], values[order[0]]
    if numerator == 0:  # nobody on target trades: the level is that of the first who would
        level, over = _reduced(denominator * value_sum, denominator * weight_sum)
        over_all = over * denominator
        return Split(tuple(f * over for f in fixed), over_all, level * denominator)
    active = 1
    for c in order[1:]:
        # c joins while the level of those before it lies beyond its own: sign · (θ − V_c/k_c) > 0
        reached = (numerator + denominator * value_sum) * weights[c]
        if sign * (reached - values[c] * denominator * weight_sum) <= 0:
            break
        weight_sum += weights[c]
        value_sum += values[c]
        active += 1
    level, over = _reduced(numerator + denominator * value_sum, denominator * weight_sum)
    if any(fixed):  # retired sales are over ``denominator``; bring both to one
        level, over, fixed = level * denominator, over * denominator, [f * over for f in fixed]
    flows = list(fixed)
    for c in order[:active]:
        flows[c] = weights[c] * level - values[c] * over
    return Split(tuple(flows), over, level)


def _reduced(numerator: int, denominator: int) -> tuple[int, int]:
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common
