"""Stage 1, cash: how much may be left over, decided exactly and in integers before any engine is asked.

Only sums matter here: the pies impose nothing on a one-sided event but its total. A withdrawal asks which totals
the sales can make at all (a union of integer intervals), a deposit or a liquidation which pies can place what
they were given. Both are small dynamic programs, so that the answer needs no search and the checker can
compute it again.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solver.ideal import Mode
from solver.modes import retired
from solver.problem import Ints, Problem
from solver.sums import MIN_INTERVALS, Intervals, reachable

__all__ = ["CashStage", "any_cash", "decide_cash", "sales", "settles"]

MAX_CASES = 16  # sets of idle pies that tie


@dataclass(frozen=True, slots=True)
class CashStage:
    """The problems that rank best and equal in cash (one, but for ties between idle pies), and if that is proved.

    Where it is not, the problem may allow more cash than ranks best; plans that leave up to ``sure`` do rank best.
    """

    cases: tuple[Problem, ...]
    exact: bool
    sure: int = -1


def decide_cash(problem: Problem) -> CashStage:
    """Fix what cash may be left.

    Deposit, liquidation: Σ r_p least, r_p > 0 only where the leaves below p buy nothing more.
    Withdrawal: r = 0 where that closes no position under m that the ideal keeps, else 0 ≤ r ≤ r_min + m.
    Rebalance: 0 ≤ r < m (or the smallest order there is, where that is more), or the least r where limits leave more;
    at each of several pies as alone.
    Pies that rebalance beside one of the first two: what that would leave, and at the root anything up to it.
    With steps coarser than a cent less than the smallest order that could be bought ranks equal; in a withdrawal, less
    than the largest step where the ideal sells, also where a rebalance pays it.
    """
    stage = _decided(problem)
    placed = set(problem.situation.received) | set(problem.situation.rebalanced)
    if problem.nets and placed - {problem.event_row}:  # one order may take money of several pies: not looked at
        return replace(stage, exact=False)
    return stage


def _decided(problem: Problem) -> CashStage:
    """``decide_cash``, as if no order took money of several pies."""
    mode, rebalanced = problem.situation.mode, problem.situation.rebalanced
    if mode is Mode.REBALANCING:
        return _rebalance(problem)
    if mode is Mode.NOTHING and rebalanced:
        return _side_by_side(problem)
    if mode is Mode.SELLING:
        return _withdrawal(problem)
    original = problem
    problem, beyond = _within_limits(_by_purchases(problem))
    problem, lost = _in_steps(problem)
    beyond += lost
    window = problem.smallest_order(problem.leaves) - 1 if problem.steps else 0
    best = _placements(problem, problem.event_row)
    within = [(cash, idle) for need, cash, idle in best if need == 0]
    least = min(cash for cash, _ in within)
    cases = [problem.leaving_idle(idle, least + beyond) for cash, idle in within if cash == least]
    exact = len(best) < MAX_CASES
    for i, case in enumerate(cases):
        cases[i], sure = _placeable(case, max(0, window - case.idle_cash))
        exact &= sure
    least = min(case.idle_cash for case in cases)
    exact &= not lost
    at_root_alone = not any(row != problem.event_row for row in problem.situation.received)
    if rebalanced and at_root_alone:  # what purchases alone can not place may be placed with the help of sales
        return CashStage((replace(original, spare=max(least, window)),), exact)
    return CashStage(tuple(_with_sales(original, case) for case in cases if case.idle_cash == least), exact)


def any_cash(problem: Problem) -> CashStage | None:
    """For where stage 1 asked for what no orders come to: any cash may be left, and J alone decides; no proof.

    Steps that a smallest position leaves a gap in, or one net order for the money of several pies, are not all looked
    at there. ``None`` where several pies rebalance side by side: each has to keep to its own.
    """
    event, mode = problem.event_row, problem.situation.mode
    if mode is Mode.NOTHING:
        return None
    nested = frozenset(row for row in problem.situation.received if row != event)
    stays = sum(problem.situation.received[row] for row in nested)
    idle = problem.leaving_idle(nested, stays)
    sold = -int(problem.flow_min[problem.orders].sum())
    return CashStage((replace(idle, spare=max(0, int(problem.received[event])) + sold),), False)


def _by_purchases(problem: Problem) -> Problem:
    """As if no pie rebalanced: a retired one, which then has its own money to spend, buys nothing."""
    tree, asked = problem.tree, problem.situation.rebalanced
    shut = {row for p in asked if retired(tree, problem.event_row, asked, p) for row in tree.below(p)}
    return _with(problem, shut, {"buy_min": 0, "buy_max": 0})


def _with_sales(problem: Problem, case: Problem) -> Problem:
    """``case``, with the pies that rebalance buying again from what they sell themselves."""
    inside = {row for p in problem.situation.rebalanced for row in problem.tree.below(p) if row != p}
    return _with(case, inside, {name: getattr(problem, name) for name in ("buy_min", "buy_max", "flow_max")})


def _with(problem: Problem, rows: set[int], arrays: dict[str, Any]) -> Problem:
    """The same problem with these arrays, or numbers, at ``rows``."""
    if not rows:
        return problem
    inside = np.isin(np.arange(len(problem.value)), sorted(rows))
    changed: dict[str, Any] = {}
    for name, values in arrays.items():
        changed[name] = np.where(inside, values, getattr(problem, name))
        changed[name].setflags(write=False)
    return replace(problem, **changed)


def _rebalance(problem: Problem) -> CashStage:
    """What stays even where every leaf buys all that it may ranks first; below an order everything ranks equal."""
    money = int(problem.received.sum())
    least, exact = _least_left(problem, problem.orders, money)
    window = _window(problem, problem.leaves)
    if problem.steps and money < 0:  # a withdrawal, too: which sums steps make is not decided here
        window = max(window, _largest_step(problem) - 1)
        if least > window:
            return CashStage((replace(problem, spare=least + window),), False)
    if least <= window:
        return CashStage((replace(problem, spare=window),), exact)
    return CashStage((_less(problem, problem.event_row, least),), exact)


def _most(problem: Problem, orders: np.ndarray) -> np.ndarray:
    """The greatest trade of each of ``orders``; negative where it has to sell."""
    most = np.where(problem.flow_max[orders] >= 0, 0, np.iinfo(np.int64).min)
    for low, high in problem.ranges(orders):
        high = np.minimum(high, problem.flow_max[orders])
        most = np.where(low <= high, np.maximum(most, high), most)
    return most


def _least_left(problem: Problem, orders: np.ndarray, money: int) -> tuple[int, bool]:
    """The least of ``money`` that ``orders`` leave, and whether that is exact.

    Where none need be more than m they come within m of every sum up to the greatest. Elsewhere, and where a
    withdrawal has to be paid, all sums are looked at, each order counted from its greatest sale.
    """
    if money >= 0 and (problem.steps or problem.order_size <= max(1, problem.min_trade)):
        return max(0, money - int(_most(problem, orders).sum())), True
    ranges, start = [], 0
    shut = [p for p in problem.situation.rebalanced if money < 0 and problem.flow_min[p] == 0]
    kept = {row for p in shut for row in problem.tree.below(p)}  # what is sold there stays there,
    closed = {row for p in shut if not problem.flow_max[p] for row in problem.tree.below(p)}  # but some may get more
    for c in (row for row in orders.tolist() if row not in closed):
        parts = [(int(low[0]), int(high[0])) for low, high in problem.ranges(np.array([c]))] + [(0, 0)]
        parts = [(low, min(high, int(problem.flow_max[c]))) for low, high in parts]
        parts = [(low, high) for low, high in parts if low <= high and (low >= 0 or c not in kept)] or [(0, 0)]
        lowest = min(low for low, _ in parts)
        ranges.append([(low - lowest, high - lowest) for low, high in parts])
        start += lowest
    sums, exact = reachable(ranges, money - start)
    return money - start - max(min(high, money - start) for low, high in sums if low <= money - start), exact


def _side_by_side(problem: Problem) -> CashStage:
    """Several pies rebalance and nothing else does: what each leaves, as it would alone, goes up and is cash."""
    tree = problem.tree
    flow_min, spare, exact = problem.flow_min.copy(), 0, True
    for p in problem.situation.rebalanced:
        if problem.mode[tree.parent[p]] is not Mode.NOTHING or not problem.leaves_cash(p):
            continue  # it lies inside another of them
        below = tree.below(p)
        leaves = problem.leaves[(problem.leaves >= below.start) & (problem.leaves < below.stop)]
        least, sure = _least_left(problem, problem.orders_of(leaves), int(problem.received[p]))
        window = _window(problem, leaves)
        exact &= sure
        if least > window:
            problem = _less(problem, p, least)
            continue
        spare += window
        row = p
        while row != problem.event_row:
            flow_min[row] -= window
            row = tree.parent[row]
    flow_min.setflags(write=False)
    return CashStage((replace(problem, flow_min=flow_min, spare=spare),), exact)


def _window(problem: Problem, leaves: np.ndarray) -> int:
    """What a rebalance of ``leaves`` may leave while ranking equal: less than m, or than the smallest order there."""
    return max(problem.min_trade, problem.smallest_order(leaves)) - 1


def _loosened(problem: Problem, window: int) -> Problem:
    """With steps, so much of the money at the event's pie may stay cash while ranking equal."""
    there = int(problem.received[problem.event_row])
    return replace(problem, spare=min(window, there)) if window > 0 and there > 0 else problem


def _less(problem: Problem, p: int, cash: int) -> Problem:
    """The same problem with ``cash`` of what pie ``p`` received staying cash."""
    received = problem.received.copy()
    received[p] -= cash
    received.setflags(write=False)
    return replace(problem, received=received, idle_cash=problem.idle_cash + cash)


def _within_limits(problem: Problem) -> tuple[Problem, int]:
    """Without the money that the largest positions allowed below its pie can not take; how much that is."""
    tree, beyond = problem.tree, 0
    room = np.minimum(problem.buy_max, problem.buy_max[problem.order_row])
    for p in reversed(problem.pies):
        children = list(tree.children[p])
        own = int(problem.received[p])
        over = max(0, own - int(room[children].sum()))
        if over:
            problem, beyond = _less(problem, p, over), beyond + over
        room[p] = int(room[children].sum()) - (own - over)
    return (replace(problem, idle_cash=0) if beyond else problem), beyond


def _in_steps(problem: Problem) -> tuple[Problem, int]:
    """Without what no order in whole steps can take of the money that fell inside nested pies; how much that is.

    Of the totals that steps make there the greatest is taken: none less is looked at, so this is no proof.
    """
    lost = 0
    for p in reversed(problem.pies):
        money = int(problem.received[p])
        if not problem.steps or p == problem.event_row or not money:
            continue
        inside = problem.tree.below(p)
        leaves = problem.leaves[(problem.leaves >= inside.start) & (problem.leaves < inside.stop)]
        orders = [c for c in problem.orders_of(leaves).tolist() if problem.buy_max[c] > 0]
        sums, _ = reachable([_purchases(problem, c, money) for c in orders], money, thinned=True)
        left = money - max(min(high, money) for low, high in sums if low <= money)
        if left:
            problem, lost = _less(problem, p, left), lost + left
    return (replace(problem, idle_cash=0) if lost else problem), lost


def _purchases(problem: Problem, row: int, money: int) -> Intervals:
    """What ``row`` may buy for ``money``: a range, or the amounts of its steps, as many as can still be listed."""
    least, most = int(problem.buy_min[row]), min(int(problem.buy_max[row]), money)
    steps = problem.steps.get(row)
    if steps is None:
        return [(least, most)] if least <= most else []
    counts = range(steps.reaching(least), steps.within(most) + 1)
    thinned = counts[:: max(1, len(counts) // MIN_INTERVALS)]
    return [(steps.amount(k),) * 2 for k in thinned]


def _placeable(problem: Problem, window: int) -> tuple[Problem, bool]:
    """Less what no sum of allowed purchases reaches; whether that is sure. Cash up to ``window`` ranks equal.

    Where some leaf may take everything every sum from the least order upwards can be placed, and nothing is done.
    """
    money = int(problem.received.sum())
    open_ = problem.orders[problem.buy_max[problem.orders] > 0]
    if not money or bool((problem.buy_max[open_] >= money - window).any()):
        return _loosened(problem, window), True
    places = np.flatnonzero(problem.received)
    if problem.steps:  # the sums that are looked at are there; that no other leaves less is not known
        sums, _ = reachable([_purchases(problem, c, money) for c in open_.tolist()], money, thinned=True)
        left = money - max(min(high, money) for low, high in sums if low <= money)
        return _loosened(problem, max(left, window)), left <= window and len(places) == 1
    ranges = [[(int(problem.buy_min[c]), int(problem.buy_max[c]))] for c in open_]
    sums, exact = reachable(ranges, money)
    most = max(min(high, money) for low, high in sums if low <= money)
    if most == money:
        return problem, exact and len(places) == 1
    return _less(problem, int(places[0]), money - most), exact and len(places) == 1


Placement = tuple[int, int, frozenset[int]]  # money needed from above, cash left below, pies left idle


def _placements(problem: Problem, p: int) -> list[Placement]:
    """The undominated ways for pie ``p`` to place what it and the pies below it received."""
    tree, received = problem.tree, problem.received
    rows = tree.below(p)
    total = int(received[rows.start : rows.stop].sum())
    if total == 0:
        return [(0, 0, frozenset())]
    combined: list[Placement] = [(0, 0, frozenset())]
    fed_below = set()
    for c in tree.children[p]:
        below = tree.below(c)
        if received[below.start : below.stop].any():
            fed_below.add(c)
            options = _placements(problem, c)
            combined = _undominated([(n + k, r + s, i | j) for n, r, i in combined for k, s, j in options])
    own = int(received[p])
    found: list[Placement] = [(0, total, frozenset((p,)))]
    for need, cash, idle in combined:
        if fed_below - idle and not fed_below <= idle:  # somebody below buys and takes whatever is over
            found.append((max(0, need - own), cash, idle))
        elif own > 0 and _least_order(problem, p, idle):
            found.append((max(0, _least_order(problem, p, idle) - own), cash, idle))
    return _undominated(found)


def _least_order(problem: Problem, p: int, idle: frozenset[int]) -> int:
    """The smallest purchase that some leaf below ``p`` may make, 0 where none may buy."""
    closed = {row for i in idle for row in problem.tree.below(i)}
    open_ = {int(problem.order_row[r]) for r in problem.tree.below(p) if r not in closed and problem.buy_max[r]}
    return min((int(problem.buy_min[row]) for row in open_ if problem.buy_max[row]), default=0)


def _undominated(options: list[Placement]) -> list[Placement]:
    kept: list[Placement] = []
    for one in sorted(options, key=lambda o: (o[0], o[1], sorted(o[2]))):
        if not any(k[0] <= one[0] and k[1] < one[1] for k in kept) and one not in kept:
            kept.append(one)
    return kept[:MAX_CASES]


def _withdrawal(problem: Problem) -> CashStage:
    """Which surplus ranks best: see ``decide_cash``."""
    if problem.steps:
        return CashStage((replace(problem, spare=_largest_step(problem) - 1),), True)
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


def _contains(sums: Intervals, total: int) -> bool:
    return any(low <= total <= high for low, high in sums)


def _least_surplus(sums: Intervals, wanted: int) -> int:
    return min(max(low, wanted) for low, high in sums if high >= wanted) - wanted  # to sell all is always enough


def _plainly_reachable(ranges: list[Intervals], wanted: int) -> bool:
    """Whether the widest ranges alone make ``wanted``: beside [a, b] another [c, d] leaves no gap if c ≤ b − a + 1."""
    low = high = 0
    for least, most in sorted((part for parts in ranges for part in parts[:1]), key=lambda part: part[0] - part[1]):
        if not high:
            low, high = least, most
        elif least <= high - low + 1:
            high += most
        if low <= wanted <= high:
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


def _largest_step(problem: Problem) -> int:
    """What sales in steps may raise beyond what is wanted: less than the largest step, or m, where the ideal sells."""
    orders = problem.orders[problem.flow_min[problem.orders] < 0]
    sold = orders[problem.ideal[orders] < 0]
    steps = [problem.steps[row].most for row in (sold if len(sold) else orders).tolist() if row in problem.steps]
    return max(problem.min_trade, 1, *steps)


def sales(problem: Problem, row: int) -> Intervals:
    """What the order ``row`` may sell: a part, all of it."""
    parts = [(int(problem.sell_min[row]), int(problem.sell_max[row])), (int(problem.closes[row]),) * 2]
    return [part for part in parts if part[1] > 0]


def _closes_what_stays(problem: Problem, row: int, sale: tuple[int, int]) -> bool:
    """Whether ``sale`` is that of a position under m as a whole, of which the ideal keeps at least a cent."""
    limit = problem.situation.limit(int(problem.nets[row][0]) if row in problem.nets else row)
    whole = sale == (problem.value[row], problem.value[row]) and sale[1] < limit.min_trade
    return whole and int(problem.value[row] + problem.ideal_whole[row]) >= 1
