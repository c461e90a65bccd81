"""Checks a plan of the loop against its problem and its evidence alone, knowing nothing of how either was found.

Every rule in integers; J anew; and for any multipliers λ, one a pie, with e = y − ⌊y°⌋ and whole needs b_p,

    J ≥ Σ_p λ_p b_p + min_{e_0} λ_0 e_0 + Σ_pies min_e f_p(e) + (λ_p − λ_above) e + Σ_leaves min_e f_c(e) − λ_above e,

    b_p = R_p + ⌊y°_p⌋ − Σ_c ⌊y°_c⌋,      f_n(e) = (e − part)²/(w A°) + 2 s (e − part),

every minimum over the whole cents that the row may trade. In a pie of holdings alone it is also taken for every number
k of holdings that trade, each with the λ that is best for it:

    J ≥ min_k max_λ (λ b_0 + min_{e_0} λ e_0 + Σ_c rest_c(λ) + the k least of trading_c(λ) − rest_c(λ)),

over those k of which orders can come to the money that there is.

Where neither meets J, as where branches were needed, or counts among nested slices, nothing is confirmed here:
``certificate.py`` reads such evidence.

Source: PROBLEM.md §3.
"""

from __future__ import annotations

import numpy as np

from solver.columns import NOT_BOUGHT, NOT_SOLD
from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Records
from solver.engines.kernel.sorting import sort_ranks
from solver.engines.kernel.tree import Head, Row, Rows
from solver.problem import Floats, Ints

__all__ = ["BROKEN", "CLAIMED", "RECOMPUTED", "check", "retired_excess"]

BROKEN, RECOMPUTED, CLAIMED = 0, 1, 2  # the last two as ``BOUND_SOURCES`` has them

EXACT = 1e-9  # relative: what sums of doubles may be off by
UNIT_ROUNDOFF = 2.0**-53  # a bound is lowered by what rounding may have added to its costs and sums
IN_A_COST = 16.0 * UNIT_ROUNDOFF  # of what a cost is made of without signs: twice what the roundings in it add


@compiled
def check(head: Head, rows: Rows, share: Records, pies: Ints, multipliers: Floats, error: float) -> int:
    """BROKEN where ``rows`` trade what they may not or do not come to J = ``error``, else whether that is proved best.

    Of the ``multipliers`` listed of ``pies`` a new list starts with every one of the event's pie; a pie that is not in
    it keeps the one that it had. ``share`` is memory for as many as there are rows, twice.
    """
    if not _kept(head, rows) or abs(_tracking_error(head, rows) - error) > EXACT * max(1.0, error):
        return BROKEN
    for r in range(head.rows):
        rows[r].price = 0.0
    _fill_needs(head, rows)
    allowed = error - EXACT * max(1.0, error)
    for i in range(len(pies)):
        rows[pies[i]].price = multipliers[i]
        last = i + 1 == len(pies) or pies[i + 1] == head.event
        if last and _bound(head, rows) >= allowed:
            return RECOMPUTED
    return RECOMPUTED if _counted(head, rows, share, pies, multipliers) >= allowed else CLAIMED


@compiled
def _kept(head: Head, rows: Rows) -> bool:
    """Whether every rule holds, in integers; sums up the flows."""
    event = head.event
    for r in range(head.rows):
        inside = event < r < rows[event].stop
        if rows[r].trade != 0 and (not inside or rows[r].stop > r + 1):
            return False
        rows[r].flow = rows[r].trade if inside else 0
    for r in range(rows[event].stop - 1, event, -1):
        row = rows[r]
        if row.stop == r + 1:
            if not _may_trade(row, row.trade):
                return False
        else:
            row.flow -= row.received
            if not row.flow_min <= row.flow <= row.flow_max:
                return False
        rows[row.parent].flow += row.flow
    return bool(-head.spare <= rows[event].flow - rows[event].received <= 0)


@compiled
def _may_trade(row: Row, trade: int) -> bool:
    """Whether a holding may trade so much."""
    side = NOT_BOUGHT if trade > 0 else NOT_SOLD if trade < 0 else 0
    if row.blocked & side or not row.flow_min <= trade <= row.flow_max:
        return False
    bought = row.buy_max > 0 and row.buy_min <= trade <= row.buy_max
    return bool(trade == 0 or bought or (row.sell_max > 0 and row.sell_min <= -trade <= row.sell_max))


@compiled
def retired_excess(head: Head, rows: Rows) -> int:
    """What retired rows keep beyond the ideal, by the flows that ``check`` summed up: Σ max(0, V + y − ⌈A°⌉)."""
    excess = 0
    for r in range(head.event + 1, rows[head.event].stop):
        if rows[r].keep >= 0:
            excess += max(0, rows[r].value + rows[r].flow - rows[r].keep)
    return int(excess)


@compiled
def _tracking_error(head: Head, rows: Rows) -> float:
    error = 0.0
    for r in range(head.event + 1, rows[head.event].stop):
        row = rows[r]
        if row.scale > 0.0:
            off = float(row.flow - row.ideal_whole) - row.ideal_part
            error += off * (off / row.scale + 2.0 * row.slope)
    return error


@compiled
def _fill_needs(head: Head, rows: Rows) -> None:
    """``need`` of every pie becomes b_p: in integers, since products of ⌊y°⌋ with prices hide what is small."""
    event = head.event
    rows[event].need = rows[event].received
    for r in range(event + 1, rows[event].stop):
        rows[r].need = rows[r].received + rows[r].ideal_whole
        rows[rows[r].parent].need -= rows[r].ideal_whole


@compiled
def _bound(head: Head, rows: Rows) -> float:
    """The bound above at the multipliers that ``price`` has."""
    event = head.event
    top = rows[event].price
    total = top * rows[event].need + min(0.0, -top * head.spare)
    size = abs(top) * (abs(rows[event].need) + head.spare)
    for r in range(event + 1, rows[event].stop):
        row = rows[r]
        outer = rows[row.parent].price
        if row.stop == r + 1:
            cost = _cheapest(row, outer)
        else:
            cost = _least(row, row.flow_min, row.flow_max, outer - row.price)
            total += row.price * row.need
            size += abs(row.price * row.need)
        total += cost
        size += abs(cost)
    return float(total - _rounding(size, head.rows))


@compiled
def _rounding(size: float, terms: int) -> float:
    """What rounding may have added to a sum of so many terms that come to ``size`` without their signs."""
    return UNIT_ROUNDOFF * (8 + terms) * size if np.isfinite(size) else 0.0


@compiled
def _counted(head: Head, rows: Rows, share: Records, pies: Ints, multipliers: Floats) -> float:
    """The bound above by how many holdings trade, −∞ where slices are nested or may not rest; fills ``price``."""
    event = head.event
    first, count = event + 1, rows[event].stop - event - 1
    for r in range(first, rows[event].stop):
        if rows[r].stop > r + 1 or not rows[r].flow_min <= 0 <= rows[r].flow_max:
            return -np.inf
    _rule_out(head, rows, share, count)
    for i in range(len(pies)):
        if pies[i] != event or not np.isfinite(multipliers[i]):
            return -np.inf
        _count(head, rows, share, multipliers[i])
    bound = np.inf
    for k in range(count + 1):
        bound = min(bound, rows[event + k].price)
    return float(bound)


@compiled
def _count(head: Head, rows: Rows, share: Records, price: float) -> None:
    """Raise ``price`` of row k behind the event's to the bound for k that trade at this price, for every k.

    From the k that costs least one goes both ways, so that no term is larger than what the plan of that k costs: one
    that is overweight by much and rests would hide all others in the sum of those at rest.
    """
    event = head.event
    first, count = event + 1, rows[event].stop - event - 1
    total = price * rows[event].need + min(0.0, -price * head.spare)
    size, best = abs(price) * (abs(rows[event].need) + head.spare), 0
    for c in range(count):
        rest, traded = _least(rows[first + c], 0, 0, price), _trading(rows[first + c], price)
        share[c].gain = traded - rest
        total += min(rest, traded)
        size += abs(min(rest, traded))
        best += traded < rest
    sort_ranks(share, count, count)
    rows[event + best].price = max(rows[event + best].price, total - _rounding(size, count))
    more, larger = total, size
    for k in range(best, count):
        more, larger = more + share[k].gain, larger + abs(share[k].gain)
        rows[first + k].price = max(rows[first + k].price, more - _rounding(larger, count))
    for k in range(best - 1, -1, -1):
        total, size = total - share[k].gain, size + abs(share[k].gain)
        rows[event + k].price = max(rows[event + k].price, total - _rounding(size, count))


@compiled
def _rule_out(head: Head, rows: Rows, share: Records, count: int) -> None:
    """``price`` of row k behind the event's becomes ∞ where no k of ``count`` holdings can trade its money, else −∞.

    Nothing else is in that pie; what k of them trade at least is the sum of the k least amounts, at most likewise.
    """
    event = head.event
    first, money = event + 1, rows[event].received
    rows[event].price = -np.inf if 0 <= money <= head.spare else np.inf
    for c in range(count):
        row = rows[first + c]
        row.price = -np.inf
        share[c].gain = -row.sell_max if row.sell_max > 0 else row.buy_min if row.buy_max > 0 else np.inf
    sort_ranks(share, count, count)
    least = 0.0
    for k in range(count):
        least += share[k].gain
        if least > money:
            rows[first + k].price = np.inf
    for c in range(count):
        row = rows[first + c]
        share[c].gain = -row.buy_max if row.buy_max > 0 else row.sell_min if row.sell_max > 0 else np.inf
    sort_ranks(share, count, count)
    most = 0.0
    for k in range(count):
        most -= share[k].gain
        if most < money - head.spare:
            rows[first + k].price = np.inf


@compiled
def _cheapest(row: Row, price: float) -> float:
    """What a holding costs at least at ``price``: at rest, or trading."""
    traded = _trading(row, price)
    return min(traded, _least(row, 0, 0, price)) if row.flow_min <= 0 <= row.flow_max else traded


@compiled
def _trading(row: Row, price: float) -> float:
    """What a holding costs at least at ``price`` that buys or sells; ∞ where it may do neither."""
    least = np.inf
    if row.buy_max > 0:
        least = min(least, _least(row, max(row.buy_min, row.flow_min), min(row.buy_max, row.flow_max), price))
    if row.sell_max > 0:
        least = min(least, _least(row, max(-row.sell_max, row.flow_min), min(-row.sell_min, row.flow_max), price))
    return least


@compiled
def _least(row: Row, low: int, high: int, price: float) -> float:
    """min f(e) − λ e over whole e from ``low`` to ``high`` (as trades); ∞ where there is none."""
    if low > high:
        return np.inf
    first, last = float(low - row.ideal_whole), float(high - row.ideal_whole)
    if row.scale == 0.0:
        return min(-price * first, -price * last)
    vertex = np.floor(row.ideal_part + (price - 2.0 * row.slope) * row.scale / 2.0)
    below = min(max(vertex, first), last)
    above = min(max(vertex + 1.0, first), last)
    return min(_cost(row, below, price), _cost(row, above, price))


@compiled
def _cost(row: Row, e: float, price: float) -> float:
    off, tilt, priced = e - row.ideal_part, 2.0 * row.slope, price * e
    size = abs(off) * (abs(off) / row.scale + abs(tilt)) + abs(priced)
    return float(off * (off / row.scale + tilt) - priced - IN_A_COST * size)
