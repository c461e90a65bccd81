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
from solver.engines.kernel.rows import Row, Sheet
from solver.engines.kernel.sorting import sort_ranks
from solver.ideal import Mode

__all__ = ["split"]

BUYING, SELLING, REBALANCING, NOTHING = map(int, (Mode.BUYING, Mode.SELLING, Mode.REBALANCING, Mode.NOTHING))


@compiled
def split(sheet: Sheet, p: int) -> None:
    """Split the money of pie ``p``, and set all that its slices' rows need."""
    rows, posed = sheet.rows, sheet.posed
    total, c = 0, p + 1
    while c < rows[p].stop:
        posed.ideal_whole[c], posed.ideal_part[c] = 0, 0.0
        total += rows[c].weight
        c = rows[c].stop
    whole, part = rows[p].money, rows[p].money_part
    if rows[p].mode == REBALANCING:
        value, c = 0, p + 1
        while c < rows[p].stop:
            value += rows[c].value
            c = rows[c].stop
        weight = total
        c = p + 1
        while c < rows[p].stop:
            _share(sheet, c, whole + value, part, weight)
            c = rows[c].stop
    else:
        if rows[p].mode == SELLING:
            whole, part = _sell_retired(sheet, p, whole, part)
        value, weight = _level(sheet, p, whole, part)
    c = p + 1
    while c < rows[p].stop:
        _set(sheet, p, c, total)
        still = posed.ideal_whole[c] == 0 and posed.ideal_part[c] == 0.0
        if still and rows[p].mode != REBALANCING and posed.scale[c] > 0.0:  # s_n = (V_n − k_n θ)/(w_n A°_p)
            above = float(rows[c].value * weight - rows[c].weight * (whole + value)) - rows[c].weight * part
            posed.slope[c] = above / weight / posed.scale[c]
        c = rows[c].stop


@compiled
def _share(sheet: Sheet, c: int, whole: int, part: float, weight: int) -> None:
    """x°_c = k_c (whole + part)/weight − V_c."""
    product = sheet.rows[c].weight * whole
    quotient = product // weight
    rest = (float(product - quotient * weight) + sheet.rows[c].weight * part) / weight
    carried = np.floor(rest)
    rest -= carried
    if rest >= 1.0:  # less than nothing by rounding
        carried, rest = carried + 1.0, 0.0
    sheet.posed.ideal_whole[c] = quotient + np.int64(carried) - sheet.rows[c].value
    sheet.posed.ideal_part[c] = rest


@compiled
def _sell_retired(sheet: Sheet, p: int, whole: int, part: float) -> tuple[int, float]:
    """Sell retired slices for ``whole + part`` ≤ 0 as far as they go; what is left to raise."""
    rows, posed = sheet.rows, sheet.posed
    c = p + 1
    while c < rows[p].stop:
        if rows[c].weight == 0 and whole < 0:
            held = rows[c].value
            if whole + held < 0 or (whole + held == 0 and part == 0.0):
                posed.ideal_whole[c] = -held
                whole += held
            else:
                posed.ideal_whole[c], posed.ideal_part[c] = whole, part
                whole, part = 0, 0.0
        c = rows[c].stop
    return whole, part


@compiled
def _level(sheet: Sheet, p: int, whole: int, part: float) -> tuple[int, int]:
    """Bring the most under- or overweight slices together to one level; ΣV and Σk of those that are."""
    rows, share = sheet.rows, sheet.share
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
        _share(sheet, share[i].leaf, whole + value, part, weight)
    return value, weight


@compiled
def _set(sheet: Sheet, p: int, c: int, total: int) -> None:
    """What follows from x°_c: the money of c, its value afterwards, its scale, and what may happen to it."""
    rows, posed = sheet.rows, sheet.posed
    row, pie = rows[c], rows[p]
    whole, part = posed.ideal_whole[c], posed.ideal_part[c]
    row.money, row.money_part = whole + row.received, part
    row.after, row.after_part = whole + row.value, part
    held = pie.after > 0 or (pie.after == 0 and pie.after_part > 0.0)
    row.buys = pie.buys and row.weight > 0 and held
    posed.scale[c] = posed.slope[c] = 0.0
    if row.weight == 0:
        row.keep = row.after + (1 if part > 0.0 else 0)
    elif held:
        posed.scale[c] = row.weight * (float(pie.after) + pie.after_part) / total
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
