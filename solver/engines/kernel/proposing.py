"""The kernel as an engine that proposes: for leaves that trade in quantity steps, or sell a part or all.

Both make holes in a leaf's range of one side, of which the compiled search knows none. So it is asked as if there were
none: steps are cents, and what lies between the greatest part and all may be sold. Where it sells that of some leaf,
the problem is split in two, in one of which the leaf sells a part at the most, in the other all. What comes out says
who trades on which side; amounts are made exact in whole steps, and proved, elsewhere (``search.py``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.engines.kernel.engine import Solved, solve
from solver.engines.proposal import Proposal
from solver.problem import Ints, Problem, frozen
from solver.rules import Budget

__all__ = ["least_excess", "propose", "takes"]

MOST_SPLIT = 64  # problems; most have one leaf or two between a part and all


def takes(problem: Problem) -> bool:
    """Whether that is what keeps ``problem`` from the compiled search: steps, or a part or all; no net orders."""
    return not problem.nets and bool(problem.steps or ((problem.sell_max > 0) & (problem.closes > 0)).any())


def propose(problem: Problem, points: list[Ints], budget: Budget, node_limit: int, relaxed: bool = False) -> Proposal:
    """The sides of the best plan as if there were neither steps nor cents, and the bound of the first problem.

    ``points`` and ``relaxed`` change nothing: it is a plan in whole cents already, and there is no better one to ask.
    """
    best: Solved | None = None
    bound, nearest = -np.inf, None
    waiting = [replace(problem, steps={})]
    for _ in range(min(MOST_SPLIT, max(1, node_limit))):
        if not waiting or budget.exhausted:
            break
        one = waiting.pop()
        found = solve(_in_one_range(one), budget)
        if found is None or (best is not None and found.bound >= best.error):
            continue
        if nearest is None:
            bound, nearest = found.bound, found
        between = np.flatnonzero((-found.trades > one.sell_max) & (-found.trades < one.closes))
        if len(between):
            waiting += [_all_of(one, int(between[0])), _part_of(one, int(between[0]))]
        elif best is None or found.error < best.error:
            best = found
    chosen = best or nearest
    stopped = bool(waiting) or budget.exhausted
    return Proposal(None if chosen is None else _sides(problem, chosen.trades), bound, False, stopped)


def least_excess(problem: Problem, budget: Budget, node_limit: int) -> tuple[Ints, Proposal] | None:
    """Stage 2 is another objective, and none of the kernel's: ``None``, always."""
    return None


def _sides(problem: Problem, trades: Ints) -> Ints:
    """Of trades that may lie between a part and all: whichever of these is nearer."""
    sold = -trades
    middle = (problem.sell_max + problem.closes) / 2
    near = np.where((sold > problem.sell_max) & (problem.closes > 0), np.where(sold > middle, problem.closes, 1), sold)
    return problem.sides(np.where(trades < 0, -near, trades).astype(np.int64))


def _in_one_range(problem: Problem) -> Problem:
    """Where a part or all may be sold, anything from the least part to all."""
    both = (problem.sell_max > 0) & (problem.closes > problem.sell_max)
    most = np.where(both, problem.closes, problem.sell_max)
    return replace(problem, sell_max=frozen(most), closes=frozen(np.where(both, 0, problem.closes)))


def _part_of(problem: Problem, row: int) -> Problem:
    """The leaf ``row`` sells no more than a part."""
    return _at(problem, row, closes=0, flow_min=max(int(problem.flow_min[row]), -int(problem.sell_max[row])))


def _all_of(problem: Problem, row: int) -> Problem:
    """The leaf ``row`` is sold: all of it."""
    everything = -int(problem.closes[row])
    return _at(problem, row, sell_min=0, sell_max=0, buy_min=0, buy_max=0, flow_max=everything)


def _at(problem: Problem, row: int, **values: int) -> Problem:
    """The problem with other numbers at ``row``."""
    changed = {}
    for name, value in values.items():
        array = getattr(problem, name).copy()
        array[row] = value
        changed[name] = frozen(array)
    return replace(problem, **changed)
