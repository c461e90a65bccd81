"""Stage 1 of a withdrawal: which surplus of its sales ranks best.

Only the sum of the sales matters, so that this is a small dynamic program over unions of integer intervals. Where
pies rebalance beside it, the withdrawal is paid as if they only sold.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from dataclasses import replace

from solver.ideal import Mode
from solver.problem import Ints, Problem
from solver.stage import CashStage, sales, sales_in_steps
from solver.sums import Intervals, reachable

__all__ = ["largest_step", "settles", "withdrawal"]

MOST_AMOUNTS, FEWEST = 480, 4  # amounts of all orders in steps, and of one, that are listed: a caller waits


def withdrawal(problem: Problem) -> CashStage:
    """Which surplus ranks best: see ``decide_cash``."""
    if problem.steps:
        return _in_steps(problem)
    wanted = -int(problem.received[problem.event_row])
    ranges = {c: sales(problem, c) for c in problem.orders.tolist()}
    gentle = [[part for part in parts if not _closes_what_stays(problem, c, part)] for c, parts in ranges.items()]
    if _plainly_reachable(gentle, wanted):
        return CashStage((problem,), True)
    sums, exact = reachable(gentle, wanted)
    perhaps = _contains(sums, wanted)
    if perhaps and (exact or _contains(reachable(gentle, wanted, thinned=True)[0], wanted)):
        return CashStage((problem,), True)
    limit = wanted + 2 * max(problem.min_trade, max((low for parts in ranges.values() for low, _ in parts), default=0))
    everything, all_exact = reachable(list(ranges.values()), limit)
    least = _least_surplus(everything, wanted)
    if exact and all_exact:
        return CashStage((replace(problem, spare=least + problem.min_trade),), True)
    most = _least_surplus(reachable(list(ranges.values()), limit, thinned=True)[0], wanted)
    allowed = replace(problem, spare=most + problem.min_trade)
    return CashStage((allowed,), False, -1 if perhaps else least + problem.min_trade)


def _in_steps(problem: Problem) -> CashStage:
    """A surplus below the largest step ranks equal, and where steps come to more, up to the least there is."""
    wanted, window = -int(problem.received[problem.event_row]), largest_step(problem) - 1
    orders = [c for c in problem.orders.tolist() if sales(problem, c)]
    fine = [c for c in orders if c not in problem.steps or problem.steps[c].most <= window + 1]
    if _plainly_reachable([sales(problem, c) for c in fine if problem.sell_max[c]], wanted, window):
        return CashStage((replace(problem, spare=window),), True)
    limit = wanted + 2 * max((low for c in orders for low, _ in sales(problem, c)), default=0)
    count = max(FEWEST, MOST_AMOUNTS // max(1, len(orders)))
    found = [sales_in_steps(problem, c, limit, count) for c in orders]
    sums, exact = reachable([parts for parts, _ in found], limit, thinned=True)
    least = _least_surplus(sums, wanted)
    exact &= all(listed for _, listed in found)
    return CashStage((replace(problem, spare=max(window, least)),), least <= window or exact)


def _contains(sums: Intervals, total: int) -> bool:
    return any(low <= total <= high for low, high in sums)


def _least_surplus(sums: Intervals, wanted: int) -> int:
    """What the sums make beyond ``wanted`` at the least; 0 where not all slices of a security may sell, for that."""
    return min((max(low, wanted) for low, high in sums if high >= wanted), default=wanted) - wanted


def _plainly_reachable(ranges: list[Intervals], wanted: int, window: int = 0) -> bool:
    """Whether the widest ranges alone make ``wanted``: beside [a, b] another [c, d] leaves no gap if c ≤ b − a + 1.

    With a ``window`` what is up to that above will do, and so will ranges in which amounts lie no further apart.
    """
    low = high = 0
    for least, most in sorted((part for parts in ranges for part in parts[:1]), key=lambda part: part[0] - part[1]):
        if not high:
            low, high = least, most
        elif least <= high - low + window + 1:
            high += most
        if low - window <= wanted <= high:
            return True
    return False


def settles(problem: Problem, trades: Ints) -> bool:
    """Whether the trades of a withdrawal show by themselves that no cash need be left, and no small position closed."""
    left = int(problem.received.sum()) - int(trades.sum())
    if problem.situation.mode is not Mode.SELLING or left or problem.steps:
        return False
    ordered = problem.ordered(trades)
    sold = {c: -int(ordered[c]) for c in problem.orders.tolist() if ordered[c] < 0}
    return not any(_closes_what_stays(problem, c, (amount, amount)) for c, amount in sold.items())


def largest_step(problem: Problem) -> int:
    """What sales in steps may raise beyond what is wanted: less than the largest step, or m, where the ideal sells."""
    orders = problem.orders[problem.flow_min[problem.orders] < 0]
    sold = orders[problem.ideal[orders] < 0]
    steps = [problem.steps[row].most for row in (sold if len(sold) else orders).tolist() if row in problem.steps]
    return max(problem.min_trade, 1, *steps)


def _closes_what_stays(problem: Problem, row: int, sale: tuple[int, int]) -> bool:
    """Whether ``sale`` is that of a position under m as a whole, of which the ideal keeps at least a cent."""
    limit = problem.situation.limit(int(problem.nets[row][0]) if row in problem.nets else row)
    whole = sale == (problem.value[row], problem.value[row]) and sale[1] < limit.min_trade
    return whole and int(problem.value[row] + problem.ideal_whole[row]) >= 1
