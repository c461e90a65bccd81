"""Stage 1 where several pies rebalance and what is around them does nothing: what each leaves goes up and is cash.

Pie p may leave r_p ≤ w_p, less than m or than its smallest order, and all of that ranks equal. What is left beyond is
least in sum,

    E = Σ_p max(0, r_p − w_p),

which is each pie's own least where they share no order. A net order X_S ties those that hold S. For any set T of them

    E ≥ Σ_{p ∈ T} (R_p − w_p) − Σ_S min(Σ_{c ∈ T} high_c, max D_S − Σ_{c ∉ T} low_c),

what T gets less all that it can place: to sell for S is left to the others as far as they can. Without gaps the best
of these bounds is attained (least cut, greatest flow), and then by plans alone in which the orders of T are what that
minimum says, r_p ≥ w_p in T, and r_p ≤ w_p elsewhere. So all that rank best are one problem again.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations

import numpy as np

from solver.ideal import Mode
from solver.problem import Ints, Problem, frozen
from solver.stage import CashStage, least_left, less, most_of

__all__ = ["leaving", "pies_side_by_side", "side_by_side"]

MOST_PIES = 8  # that share orders: every set of them is looked at; of more only single ones, and all


def side_by_side(problem: Problem) -> CashStage:
    """Stage 1 of pies that rebalance side by side; exact but where sums of single orders are too many."""
    exact, allowed, groups = True, dict[int, int](), list[_Group]()
    for pies in _tied(problem):
        if len(pies) > 1:
            groups.append(_Group.of(problem, pies))
            continue
        (p,) = pies
        least, sure = least_left(problem, problem.orders_of(problem.leaves_below(p)), int(problem.received[p]))
        window = problem.window(p)
        exact &= sure
        if least > window:
            problem = less(problem, p, least)
        else:
            allowed[p] = window
    for group in groups:
        beyond, chosen = group.least()
        allowed |= {p: problem.window(p) + (beyond if p in chosen else 0) for p in group.pies}
        problem = group.fixed(problem, chosen)
        problem = replace(problem, beyond=problem.beyond + beyond)
    spare = sum(problem.window(p) for p in allowed) + problem.beyond
    return CashStage((leaving(problem, allowed, spare),), exact)


def pies_side_by_side(problem: Problem) -> list[int]:
    """The pies that are asked to rebalance and may leave cash, without those that lie inside another of them."""
    above = problem.tree.parent
    asked = [p for p in problem.situation.rebalanced if problem.mode[above[p]] is Mode.NOTHING]
    return [p for p in asked if problem.leaves_cash(p)]


def leaving(problem: Problem, allowed: dict[int, int], spare: int) -> Problem:
    """The same problem, pies leaving as much as is ``allowed`` each, ``spare`` in all, which goes up and is cash."""
    flow_min = problem.flow_min.copy()
    for p, most in allowed.items():
        row = p
        while row != problem.event_row:
            flow_min[row] -= most
            row = problem.tree.parent[row]
    return replace(problem, flow_min=frozen(flow_min), spare=spare)


def _tied(problem: Problem) -> list[list[int]]:
    """The pies side by side, those together that share net orders."""
    groups: list[tuple[list[int], set[int]]] = []
    for p in pies_side_by_side(problem):
        pies, shared = [p], _shared(problem, problem.leaves_below(p))
        apart = []
        for others, theirs in groups:
            if theirs & shared:
                pies, shared = others + pies, theirs | shared
            else:
                apart.append((others, theirs))
        groups = [*apart, (pies, shared)]
    return [pies for pies, _ in groups]


def _shared(problem: Problem, leaves: np.ndarray) -> set[int]:
    """The net orders that some of ``leaves`` are part of."""
    return set(problem.orders_of(leaves).tolist()) & set(problem.nets)


@dataclass(frozen=True, slots=True)
class _Group:
    """Pies that share net orders; ``short`` is R_p − w_p less what the orders of p alone can place, by pie.

    ``shared`` lists S by row: max D_S, and by pie what its leaves add up to at the most and at the least.
    """

    pies: list[int]
    leaves: dict[int, np.ndarray]
    short: dict[int, int]
    shared: dict[int, tuple[int, dict[int, int], dict[int, int]]]

    @staticmethod
    def of(problem: Problem, pies: list[int]) -> _Group:
        leaves = {p: problem.leaves_below(p) for p in pies}
        short = {}
        for p, rows in leaves.items():
            alone = np.array([c for c in rows.tolist() if problem.order_row[c] == c], dtype=np.intp)
            short[p] = int(problem.received[p]) - problem.window(p) - int(most_of(problem, alone).sum())
        shared = {}
        for row in sorted(_shared(problem, np.concatenate(list(leaves.values())))):
            inside = {p: np.intersect1d(problem.nets[row], rows) for p, rows in leaves.items()}
            high = {p: int(problem.flow_max[rows].sum()) for p, rows in inside.items()}
            low = {p: int(problem.flow_min[rows].sum()) for p, rows in inside.items()}
            shared[row] = int(most_of(problem, np.array([row]))[0]), high, low
        return _Group(pies, leaves, short, shared)

    def least(self) -> tuple[int, frozenset[int]]:
        """The greatest bound on E, and the pies T that it is of: none where it is 0."""
        return max(((self._bound(chosen), chosen) for chosen in self._sets()), key=lambda one: one[0])

    def _sets(self) -> Iterator[frozenset[int]]:
        counts = range(len(self.pies) + 1) if len(self.pies) <= MOST_PIES else (0, 1, len(self.pies))
        return map(frozenset, chain.from_iterable(combinations(self.pies, count) for count in counts))

    def _bound(self, chosen: frozenset[int]) -> int:
        return sum(self.short[p] for p in chosen) - sum(min(self._most(row, chosen)) for row in self.shared)

    def _most(self, row: int, chosen: Collection[int]) -> tuple[int, int]:
        """What the leaves of S in T can add up to: by themselves, and as max D_S leaves it to them."""
        most, high, low = self.shared[row]
        return sum(high[p] for p in chosen), most - sum(low[p] for p in self.pies if p not in chosen)

    def fixed(self, problem: Problem, chosen: frozenset[int]) -> Problem:
        """``problem`` with the orders of T as all that rank best have them."""
        low, high = problem.flow_min.copy(), problem.flow_max.copy()
        for p in chosen:
            high[p] = -problem.window(p)
            alone = np.array([c for c in self.leaves[p].tolist() if problem.order_row[c] == c], dtype=np.intp)
            low[alone] = most_of(problem, alone)
        for row in self.shared if chosen else ():
            inside, outside = self._parted(problem.nets[row], chosen)
            if not len(inside):
                continue
            alone_most, left_to_them = self._most(row, chosen)
            if left_to_them <= alone_most:
                low[row] = self.shared[row][0]
                high[outside] = low[outside]
            else:
                low[inside] = high[inside]
        return replace(problem, flow_min=frozen(low), flow_max=frozen(high))

    def _parted(self, leaves: np.ndarray, chosen: frozenset[int]) -> tuple[Ints, Ints]:
        """``leaves`` in the pies of T, and in the others."""
        rows = np.concatenate([self.leaves[p] for p in chosen])
        return np.intersect1d(leaves, rows), np.setdiff1d(leaves, rows)
