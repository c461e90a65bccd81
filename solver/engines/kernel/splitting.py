"""The seeds' rule for one pie, compiled: how it splits its money, and what J then says of its slices.

    Buying:      x°_c = max(0, k_c θ − V_c), Σ x°_c = M
    Selling:     retired slices first, in listed order, then x°_c = −max(0, V_c − k_c θ), Σ x°_c = M
    Rebalancing: x°_c = k_c θ − V_c, θ = (Σ V_c + M)/Σ k_c

``ideal.py`` has the same in rational numbers. Here whole cents are exact, and what is less than a cent is a double: the
ideal is off by rounding, J by less than a proof allows, and the checker holds plans against the exact one.
Source: PROBLEM.md §1.
"""

from __future__ import annotations

import numpy as np

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Records
from solver.engines.kernel.sorting import sort_ranks
from solver.engines.kernel.tree import Row, Rows
from solver.ideal import Mode

__all__ = ["split"]

BUYING, SELLING, REBALANCING, NOTHING = map(int, (Mode.BUYING, Mode.SELLING, Mode.REBALANCING, Mode.NOTHING))


@compiled
def split(rows: Rows, share: Records, p: int) -> None:
    """Split the money of pie ``p``, and set all that its slices' rows need."""
    pie, total, value, c = rows[p], 0, 0, p + 1
    while c < pie.stop:
        total += rows[c].weight
        value += rows[c].value
        c = rows[c].stop
    whole, part, weight = pie.money, pie.money_part, total
    if pie.mode == REBALANCING:
        c = p + 1
        while c < pie.stop:
            _share(rows[c], whole + value, part, weight)
            c = rows[c].stop
    else:
        if pie.mode == SELLING:
            whole, part = _sell_retired(rows, p, whole, part)
        value, weight = _level(rows, share, p, whole, part)
    c = p + 1
    while c < pie.stop:
        row = rows[c]
        _set(pie, row, c, total)
        still = row.ideal_whole == 0 and row.ideal_part == 0.0
        if still and pie.mode != REBALANCING and row.scale > 0.0:  # s_n = (V_n − k_n θ)/(w_n A°_p)
            above = float(row.value * weight - row.weight * (whole + value)) - row.weight * part
            row.slope = above / weight / row.scale
        c = row.stop


@compiled
def _share(row: Row, whole: int, part: float, weight: int) -> None:
    """x°_c = k_c (whole + part)/weight − V_c."""
    product = row.weight * whole
    quotient = product // weight
    rest = (float(product - quotient * weight) + row.weight * part) / weight
    carried = np.floor(rest)
    rest -= carried
    if rest >= 1.0:  # less than nothing by rounding
        carried, rest = carried + 1.0, 0.0
    row.ideal_whole = quotient + np.int64(carried) - row.value
    row.ideal_part = rest


@compiled
def _sell_retired(rows: Rows, p: int, whole: int, part: float) -> tuple[int, float]:
    """Sell retired slices for ``whole + part`` ≤ 0 as far as they go; what is left to raise."""
    c = p + 1
    while c < rows[p].stop:
        if rows[c].weight == 0 and whole < 0:
            held = rows[c].value
            if whole + held < 0 or (whole + held == 0 and part == 0.0):
                rows[c].ideal_whole = -held
                whole += held
            else:
                rows[c].ideal_whole, rows[c].ideal_part = whole, part
                whole, part = 0, 0.0
        c = rows[c].stop
    return whole, part


@compiled
def _level(rows: Rows, share: Records, p: int, whole: int, part: float) -> tuple[int, int]:
    """Bring the most under- or overweight slices together to one level; ΣV and Σk of those that are."""
    sign = 1 if rows[p].mode == BUYING else -1
    count, c = 0, p + 1
    while c < rows[p].stop:
        if rows[c].weight > 0:
            share[count].gain, share[count].leaf = sign * (rows[c].value / rows[c].weight), c
            count += 1
        c = rows[c].stop
    sort_ranks(share, count, count)
    first = rows[share[0].leaf]
    value, weight = first.value, first.weight
    if whole == 0 and part == 0.0:
        return value, weight
    active = 1
    for i in range(1, count):
        # c joins while the level of those before it lies beyond its own: sign · (θ − V_c/k_c) > 0
        row = rows[share[i].leaf]
        beyond = (whole + value) * row.weight - row.value * weight
        if sign * (float(beyond) + part * row.weight) <= 0.0:
            break
        value, weight, active = value + row.value, weight + row.weight, active + 1
    for i in range(active):
        _share(rows[share[i].leaf], whole + value, part, weight)
    return value, weight


@compiled
def _set(pie: Row, row: Row, c: int, total: int) -> None:
    """What follows from x°_c: the money of c, its value afterwards, its scale, and what may happen to it."""
    whole, part = row.ideal_whole, row.ideal_part
    row.money, row.money_part = whole + row.received, part
    row.after, row.after_part = whole + row.value, part
    held = pie.after > 0 or (pie.after == 0 and pie.after_part > 0.0)
    row.buys = pie.buys and row.weight > 0 and held
    if row.weight == 0:
        row.keep = row.after + (1 if part > 0.0 else 0)
    elif held:
        row.scale = row.weight * (float(pie.after) + pie.after_part) / total
    row.fed = pie.fed or row.received > 0
    if row.stop > c + 1:
        _pass_on(row, pie, whole, part)
    else:
        row.buys = row.buys and pie.fed and pie.mode != SELLING
        row.sells = pie.mode != BUYING


@compiled
def _pass_on(row: Row, pie: Row, whole: int, part: float) -> None:
    """Which way a nested pie goes: its parent's, or, where that rebalances its own slices only, that of its flow."""
    row.mode, row.deep = pie.mode, 1
    if pie.mode == REBALANCING and not pie.deep:
        row.mode = SELLING if whole < 0 else BUYING if whole > 0 or part > 0.0 else NOTHING
