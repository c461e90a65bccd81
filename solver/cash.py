"""Stage 1, cash: how much may be left over, decided exactly and in integers before any engine is asked.

Only sums matter here: the pies impose nothing on a one-sided event but its total. A withdrawal asks which totals
the sales can make at all (a union of integer intervals), a deposit or a liquidation which pies can place what
they were given. Both are small dynamic programs, so that the answer needs no search and the checker can
compute it again.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from solver.ideal import Mode
from solver.modes import retired
from solver.problem import Problem
from solver.side_by_side import side_by_side
from solver.stage import CashStage, least_left, less, purchases
from solver.sums import Intervals, reachable
from solver.surplus import largest_step, withdrawal

__all__ = ["decide_cash"]

MAX_CASES = 16  # sets of idle pies that tie


def decide_cash(problem: Problem) -> CashStage:
    """Fix what cash may be left.

    Deposit, liquidation: Σ r_p least, r_p > 0 only where the leaves below p buy nothing more.
    Withdrawal: r = 0 where that closes no position under m that the ideal keeps, else 0 ≤ r ≤ r_min + m.
    Rebalance: 0 ≤ r < m (or the smallest order there is, where that is more), or the least r where limits leave more;
    at each of several pies as alone, and where they share orders the least in sum (``side_by_side.py``).
    Pies that rebalance beside one of the first two: what that would leave, and at the root anything up to it.
    With steps coarser than a cent less than the smallest order that could be bought ranks equal; in a withdrawal, less
    than the largest step where the ideal sells, also where a rebalance pays it.
    """
    mode, rebalanced = problem.situation.mode, problem.situation.rebalanced
    if mode is Mode.REBALANCING:
        return _rebalance(problem)
    if mode is Mode.NOTHING and rebalanced:
        return side_by_side(problem)
    if mode is Mode.SELLING:
        return withdrawal(problem)
    return _invested(problem)


def _invested(problem: Problem) -> CashStage:
    """Stage 1 of money that is placed: of deposits, and of proceeds where they fell."""
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
    if (
        original.situation.rebalanced and at_root_alone
    ):  # what purchases alone can not place may be placed with the help of sales
        least = min(case.idle_cash + case.spare for case in cases)
        return CashStage((replace(original, spare=max(least, window)),), exact)
    exact &= at_root_alone or not original.nets  # one order may take money of several pies: not looked at
    return CashStage(tuple(_with_sales(original, case) for case in cases if case.idle_cash == least), exact)


def _by_purchases(problem: Problem) -> Problem:
    """As if no pie rebalanced: a retired one, which then has its own money to spend, buys nothing."""
    tree, asked = problem.tree, problem.situation.rebalanced
    shut = {row for p in asked if retired(tree, problem.event_row, asked, p) for row in tree.below(p)}
    shut |= {row for row, leaves in problem.nets.items() if shut.issuperset(leaves.tolist())}
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
    least, exact = least_left(problem, problem.orders, money)
    window = problem.window(problem.event_row)
    if problem.steps and money < 0:  # a withdrawal, too: which sums steps make is not decided here
        window = max(window, largest_step(problem) - 1)
        if least > window:
            return CashStage((replace(problem, spare=least + window),), False)
    if least <= window:
        return CashStage((replace(problem, spare=window),), exact)
    return CashStage((less(problem, problem.event_row, least),), exact)


def _loosened(problem: Problem, window: int) -> Problem:
    """With steps, so much of the money at the event's pie may stay cash while ranking equal."""
    there = int(problem.received[problem.event_row])
    return replace(problem, spare=min(window, there)) if window > 0 and there > 0 else problem


def _within_limits(problem: Problem) -> tuple[Problem, int]:
    """Without the money that the largest positions allowed below its pie can not take; how much that is."""
    tree, beyond = problem.tree, 0
    room = np.minimum(problem.buy_max, problem.buy_max[problem.order_row])
    for p in reversed(problem.pies):
        children = list(tree.children[p])
        own = int(problem.received[p])
        over = max(0, own - int(room[children].sum()))
        if over:
            problem, beyond = less(problem, p, over), beyond + over
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
        orders = [c for c in problem.orders_of(problem.leaves_below(p)).tolist() if problem.buy_max[c] > 0]
        sums, _ = reachable([purchases(problem, c, money)[0] for c in orders], money, thinned=True)
        left = money - max(min(high, money) for low, high in sums if low <= money)
        if left:
            problem, lost = less(problem, p, left), lost + left
    return (replace(problem, idle_cash=0) if lost else problem), lost


def _placeable(problem: Problem, window: int) -> tuple[Problem, bool]:
    """Less what no sum of allowed purchases reaches; whether that is sure. Cash up to ``window`` ranks equal.

    Where some leaf may take everything every sum from the least order upwards can be placed, and nothing is done.
    """
    money = int(problem.received.sum())
    open_ = problem.orders[problem.buy_max[problem.orders] > 0]
    places = np.flatnonzero(problem.received)
    plain = open_ if len(places) == 1 else open_[[row not in problem.steps for row in open_.tolist()]]
    if not money or bool((problem.buy_max[plain] >= money - window).any()):
        return _loosened(problem, window), True
    if problem.steps:  # the sums that are looked at are there; that no other leaves less is known if these are all
        sums, listed = _purchases_below(problem, problem.event_row, money)
        left = money - max((min(high, money) for low, high in sums if low <= money), default=0)
        return _loosened(problem, max(left, window)), (left <= window or listed) and len(places) == 1
    ranges = [[(int(problem.buy_min[c]), int(problem.buy_max[c]))] for c in open_]
    sums, exact = reachable(ranges, money)
    most = max(min(high, money) for low, high in sums if low <= money)
    if most == money:
        return problem, exact and len(places) == 1
    return less(problem, int(places[0]), money - most), exact and len(places) == 1


def _purchases_below(problem: Problem, p: int, money: int) -> tuple[Intervals, bool]:
    """Totals up to ``money`` that orders below pie ``p`` can buy; whether all are listed. None where there are none.

    Below every pie at least what fell there is bought: it goes nowhere else. One order may do it for several pies.
    """
    nested = [c for c in problem.tree.children[p] if problem.tree.children[c]]
    if problem.nets:
        orders, nested = problem.orders.tolist(), []
    else:
        orders = [c for c in problem.tree.children[p] if c not in nested]
    found = [purchases(problem, c, money) for c in orders if problem.buy_max[c] > 0]
    below = [_purchases_below(problem, c, money) for c in nested]
    if not all(parts for parts, _ in below):
        return [], all(listed for parts, listed in below if not parts)
    base = sum(parts[0][0] for parts, _ in below)
    ranges = [parts for parts, _ in found]
    ranges += [[(low - parts[0][0], high - parts[0][0]) for low, high in parts] for parts, _ in below]
    sums, exact = reachable(ranges, money - base, thinned=True)
    rows = problem.tree.below(p)
    least = 0 if p == problem.event_row else int(problem.received[rows.start : rows.stop].sum())
    totals = [(max(low + base, least), min(high + base, money)) for low, high in sums]
    return [(low, high) for low, high in totals if low <= high], exact and all(listed for _, listed in found + below)


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
