"""How a baseline shares the money of a pie in whole cents; only ``greedy.py`` uses it.

Every function here goes from the event's pie downwards: a pie p that has the money ``M_p = y_p + R_p`` shares it,

    together      y_c = the ideal of M_p (``split_pie``), rounded by largest remainder: Σ_c y_c = M_p
    in sequence   y_c = w_c A_p − V_c for the most relatively underweight slice first, then for the next, while
                  M_p lasts; A_p = Σ V_c + M_p (selling: the most overweight first, down to w_c A_p)

and each nested pie then does the same with what it was given. All of it is in Python's integers.

Source: PROBLEM.md §1, "most underweight first" and its two readings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from solver.ideal import Mode, level_key, split_pie
from solver.problem import Problem
from solver.steps import Steps
from solver.tree import Tree

__all__ = ["Book", "Effort", "Split", "in_sequence", "in_turn", "levelled", "scaled", "shared", "together"]

Split = Callable[[Mode, int, Sequence[int], Sequence[int]], list[int]]  # mode, M_p, k_c, V_c -> y_c


class Effort(IntEnum):
    """How far a share that is too small for an order is helped to become one."""

    NONE = 0
    RAISE = 1  # to m, where it is at least half of m and the other slices have that much beyond theirs
    LIFT = 2  # likewise, and a pie that received money itself in any case, if the pie above has what it lacks


@dataclass(frozen=True, slots=True)
class Book:
    """A problem's data in Python's integers, by row; ``leaves`` are the holdings of pies that have money to split.

    ``sell_max`` is all that may be sold, also where only all at once may. ``parts`` and ``least`` are the most of a
    part and the least order by side (buys, sells), ``steps`` those of the orders that trade in whole ones.
    """

    tree: Tree
    event: int
    m: int
    pies: tuple[int, ...]  # parents first
    mode: tuple[Mode, ...]
    leaves: list[int]
    value: list[int]  # V_n, R_n counted
    received: list[int]  # R_n
    buy_max: list[int]
    sell_max: list[int]
    retired: list[bool]  # at or below a slice of target 0
    parts: tuple[list[int], list[int]]
    least: tuple[list[int], list[int]]
    steps: Mapping[int, Steps]
    nets: Mapping[int, list[int]]  # the leaves of securities held in several slices, by the row of their net order

    @staticmethod
    def of(problem: Problem) -> Book:
        tree, pies = problem.tree, problem.pies
        leaves = [c for p in pies for c in tree.children[p] if not tree.children[c]]
        retired = [False] * len(tree.parent)
        for p in pies:
            for c in tree.children[p]:
                retired[c] = retired[p] or tree.weight[c] == 0
        value, received, buy_max = problem.value.tolist(), problem.received.tolist(), problem.buy_max.tolist()
        at, m, sell_max = problem.event_row, problem.min_trade, (-np.minimum(problem.flow_min, 0)).tolist()
        parts, least = (buy_max, problem.sell_max.tolist()), (problem.buy_min.tolist(), problem.sell_min.tolist())
        return Book(
            tree, at, m, pies, problem.mode, leaves, value, received, buy_max, sell_max, retired, parts, least,
            problem.steps, {row: rows.tolist() for row, rows in problem.nets.items()},
        )  # fmt: skip

    def without(self, leaves: set[int]) -> Book:
        """The same book where ``leaves`` may not trade."""

        def shut(by_row: list[int]) -> list[int]:
            return [0 if row in leaves else most for row, most in enumerate(by_row)]

        return replace(
            self, buy_max=shut(self.buy_max), sell_max=shut(self.sell_max),
            parts=(shut(self.parts[0]), shut(self.parts[1])),
        )  # fmt: skip

    def total(self, by_row: Sequence[int]) -> int:
        """The sum over all leaves."""
        return sum([by_row[leaf] for leaf in self.leaves])

    def sums(self, by_row: Sequence[int]) -> list[int]:
        """Sums over the leaves below every row."""
        below = [0] * len(self.value)
        for leaf in self.leaves:
            below[leaf] = by_row[leaf]
        for p in reversed(self.pies):
            below[p] = sum([below[c] for c in self.tree.children[p]])
        return below

    def small(self, leaf: int, flow: int) -> bool:
        """Whether ``flow`` is an order that may not be placed: under m, and not a whole position sold."""
        return 0 < abs(flow) < self.m and -flow != self.value[leaf]

    def may_go(self, leaf: int, flow: int) -> bool:
        """Whether ``leaf`` may trade in that direction, and has as much to sell."""
        mode = self.mode[self.tree.parent[leaf]]
        if flow > 0:
            return self.buy_max[leaf] > 0 and mode is not Mode.SELLING
        return mode in (Mode.SELLING, Mode.REBALANCING) and self.sell_max[leaf] > 0 and -flow <= self.value[leaf]

    def placed(self, leaf: int, flow: int) -> int:
        """The order nearest to ``flow`` that ``leaf`` may place and that trades no more; 0 where there is none.

        To raise the money of a withdrawal, a sale in whole steps is rounded up.
        """
        side, size = (0, flow) if flow > 0 else (1, -flow)
        part, all_, steps = self.parts[side][leaf], self.sell_max[leaf], self.steps.get(leaf)
        raises = side == 1 and self.mode[self.event] is Mode.SELLING
        if side and (size == all_ or (raises and steps and part < size and all_ - size < steps.most)):
            return -all_
        size = min(size, part)
        if steps and size:
            count = steps.reaching(size) if raises else steps.within(size)
            size = min(steps.amount(count), part)
        return (size if flow > 0 else -size) if size >= self.least[side][leaf] else 0

    def received_below(self, room: Sequence[int]) -> list[int]:
        """R summed over every pie and the pies below it that still have room."""
        own = [0] * len(self.value)
        for p in reversed(self.pies):
            own[p] = self.received[p] + sum([own[c] for c in self.tree.children[p] if room[c]])
        return own


def together(mode: Mode, money: int, weights: Sequence[int], values: Sequence[int]) -> list[int]:
    """The ideal of one pie in whole cents: y_c = ⌊x°_c⌋, one more where the remainder is largest, Σ y_c = M."""
    if mode is not Mode.SELLING:
        split = split_pie(mode, money, 1, weights, values)
        return _in_whole(split.flows, split.denominator, money)
    flows, left = _retired_first(money, weights, values)
    rest = [c for c, weight in enumerate(weights) if weight]
    if left:
        split = split_pie(mode, -left, 1, [weights[c] for c in rest], [values[c] for c in rest])
        for c, sold in zip(rest, _in_whole([-f for f in split.flows], split.denominator, left), strict=True):
            flows[c] = -sold
    return flows


def in_sequence(mode: Mode, money: int, weights: Sequence[int], values: Sequence[int]) -> list[int]:
    """One slice after the other to its target T_c = w_c A_p in whole cents (Σ T_c = A_p), until M is used up."""
    targets = together(Mode.BUYING, sum(values) + money, weights, [0] * len(weights))
    off = [target - value for target, value in zip(targets, values, strict=True)]
    if mode is Mode.REBALANCING:
        return off
    flows, left, sign = [0] * len(weights), money, 1
    if mode is Mode.SELLING:
        flows, left = _retired_first(money, weights, values)
        sign = -1
    rest = [c for c, weight in enumerate(weights) if weight]
    for c in sorted(rest, key=lambda c: sign * level_key(values[c], weights[c])):
        flows[c] = sign * min(left, max(0, sign * off[c]))
        left -= abs(flows[c])
    return flows


def _retired_first(money: int, weights: Sequence[int], values: Sequence[int]) -> tuple[list[int], int]:
    """Sales of the retired slices in listed order, and what is left to raise."""
    flows, left = [0] * len(weights), -money
    for c, weight in enumerate(weights):
        if weight == 0:
            flows[c] = -min(values[c], left)
            left += flows[c]
    return flows, left


def _in_whole(flows: Sequence[int], over: int, total: int) -> list[int]:
    """``flows`` / ``over`` rounded by largest remainder to integers that sum to ``total``."""
    pairs = [divmod(flow, over) for flow in flows]
    whole = [quotient for quotient, _ in pairs]
    missing = total - sum(whole)
    if missing:  # among equals the earlier listed trades more: a cent more is less of a sale
        ranked = sorted(range(len(flows)), key=lambda c: (-pairs[c][1], c if flows[c] > 0 else -c))
        for c in ranked[:missing]:
            whole[c] += 1
    return whole


def shared(book: Book, split: Split, room: list[int] | None = None, effort: Effort = Effort.NONE) -> list[int]:
    """y of every row by ``split``. With ``room``, the most that each row may trade, rows without any are left out."""
    flows = [0] * len(book.value)
    own = book.received_below(room) if room else []
    for p in book.pies:
        money = flows[p] + book.received[p]
        if book.mode[p] is Mode.BUYING and book.retired[p]:
            continue  # proceeds that fell below a retired slice: nothing is bought there
        slices = [c for c in book.tree.children[p] if room is None or room[c]]
        while slices and (money or book.mode[p] is Mode.REBALANCING):
            weights, values = [book.tree.weight[c] for c in slices], [book.value[c] for c in slices]
            shares = split(book.mode[p], money, weights, values)
            fixed = _fixed(book, slices, shares, room, own, effort) if room else {}
            for c, share in zip(slices, shares, strict=True):
                flows[c] = fixed.get(c, 0 if fixed else share)
            money -= sum(fixed.values())
            slices = [c for c in slices if c not in fixed] if fixed else []
    return flows


def levelled(book: Book, room: Sequence[int], came_to: dict[int, int], effort: Effort) -> list[int]:
    """y of every row, ``together`` among the rows with ``room``, buys and sells at once.

    Pies in ``came_to`` have their y from there; nothing sells more than there is. With ``effort`` leaves that come to
    at least half of m, or are retired, are raised to m, the largest first, and the other slices share what is left.
    """
    flows, open_ = [0] * len(book.value), book.sums(room)
    for p in book.pies:
        money, mode = flows[p] + book.received[p], book.mode[p]
        if mode is Mode.BUYING and book.retired[p]:
            continue
        slices = [c for c in book.tree.children[p] if open_[c]]
        fixed = {c: came_to[c] for c in slices if c in came_to}
        while slices:
            for c, flow in fixed.items():
                flows[c] = flow
            money -= sum(fixed.values())
            slices = [c for c in slices if c not in fixed]
            shares = _shares_left(book, mode, money, slices)
            fixed = {c: -book.value[c] for c, share in zip(slices, shares, strict=True) if -share > book.value[c]}
            if effort and not fixed:
                fixed = _raised(book, slices, shares)
            if not fixed:
                for c, share in zip(slices, shares, strict=True):
                    flows[c] = share
                break
    return flows


def _shares_left(book: Book, mode: Mode, money: int, slices: Sequence[int]) -> list[int]:
    """``together``, and nothing where ``slices`` can not take such ``money``: what is over stays over."""
    weights, values = [book.tree.weight[c] for c in slices], [book.value[c] for c in slices]
    if mode is Mode.SELLING:
        return together(mode, max(money, -sum(values)), weights, values) if money < 0 else [0] * len(slices)
    if not any(weights):
        return [-value if mode is Mode.REBALANCING else 0 for value in values]
    return together(mode, money, weights, values) if money > 0 or mode is Mode.REBALANCING else [0] * len(slices)


def _raised(book: Book, slices: Sequence[int], shares: Sequence[int]) -> dict[int, int]:
    """The largest of the leaves under m that are nearer to m than to nothing, an eighth at once, as orders of m."""
    sized = [(abs(share), c, share) for c, share in zip(slices, shares, strict=True) if not book.tree.children[c]]
    near = [s for s in sized if book.small(s[1], s[2]) and (2 * s[0] >= book.m or book.retired[s[1]])]
    near.sort(key=lambda s: (-s[0], s[1]))
    return {c: book.m if share > 0 else -min(book.m, book.value[c]) for _, c, share in near[: 1 + len(near) // 8]}


def scaled(book: Book, money: int, wants: list[int], room: list[int], effort: Effort = Effort.NONE) -> list[int]:
    """``money`` shared in proportion to ``wants``, both by row and ≥ 0; no row beyond its ``room``."""
    flows, none = [0] * len(wants), [0] * len(wants)
    flows[book.event] = money
    for p in book.pies:
        left, slices = flows[p], [c for c in book.tree.children[p] if room[c] and wants[c]]
        while slices and left:
            shares = together(Mode.BUYING, left, [wants[c] for c in slices], [0] * len(slices))
            fixed = _fixed(book, slices, shares, room, none, effort)
            for c, share in zip(slices, shares, strict=True):
                flows[c] = fixed.get(c, 0 if fixed else share)
            left -= sum(fixed.values())
            slices = [c for c in slices if c not in fixed] if fixed else []
    return flows


def in_turn(book: Book, money: int, wants: list[int]) -> list[int]:
    """``money`` given to the most relatively underweight slice first, as much as it wants, then to the next."""
    flows = [0] * len(wants)
    flows[book.event] = money
    for p in book.pies:
        left, slices = flows[p], [c for c in book.tree.children[p] if wants[c]]
        for c in sorted(slices, key=lambda c: _underweight(book, c)):
            flows[c] = min(left, wants[c])
            left -= flows[c]
    return flows


def _underweight(book: Book, c: int) -> tuple[bool, int]:
    """Orders slices as the most relatively underweight first; a retired pie that rebalances inside comes last."""
    weight = book.tree.weight[c]
    return weight == 0, level_key(book.value[c], weight) if weight else 0


def _fixed(
    book: Book, slices: list[int], shares: list[int], room: list[int], received: list[int], effort: Effort
) -> dict[int, int]:
    """The slices of one pie that have something other than their share; the others share the rest again.

    No slice goes beyond its ``room``. What else is done for a share that comes, with the money that the slice
    ``received`` itself, to less than m: see ``Effort``. A retired slice is raised however small its share is.
    """
    sign = -1 if min(shares) < 0 else 1
    sized = [(abs(share), c) for c, share in zip(slices, shares, strict=True)]
    full = {c: sign * room[c] for size, c in sized if size > room[c]}
    if full or effort is Effort.NONE:
        return full
    fixed, left = {}, abs(sum(shares))
    beyond = sum([max(0, min(size, size + received[c] - book.m)) for size, c in sized])
    near = [(size, c) for size, c in sized if 0 < size + received[c] < book.m <= room[c] + received[c]]
    for size, c in sorted(near, key=lambda pair: -pair[0]):
        enough = book.m - received[c]
        if enough - size <= beyond and (2 * (size + received[c]) >= book.m or book.retired[c]):
            beyond -= enough - size
        elif not (effort is Effort.LIFT and received[c] and enough <= left):
            continue
        fixed[c] = sign * enough
        left -= enough
    return fixed
