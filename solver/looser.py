"""For where stage 1 asked for what no orders come to: more cash may be left, so that there is a plan; no proof.

Steps that a smallest position leaves a gap in, or one net order for the money of several pies, are not all looked at
there. What is left most is HiGHS's choice where pies rebalance side by side, and elsewhere that of J alone.
"""

from __future__ import annotations

from dataclasses import replace

from solver.engines import highs
from solver.ideal import Mode
from solver.problem import Problem
from solver.rules import Budget
from solver.side_by_side import leaving, pies_side_by_side
from solver.stage import CashStage

__all__ = ["looser_stages"]

NODES = 20_000  # HiGHS's branch and bound


def looser_stages(problem: Problem, budget: Budget) -> tuple[CashStage, ...]:
    """What stage 1 may be instead, the better first; to rest, or to sell, is always among what the last one allows."""
    if problem.situation.mode is Mode.NOTHING:
        return _side_by_side(problem, budget)
    event = problem.event_row
    nested = frozenset(row for row in problem.situation.received if row != event)
    stays = sum(problem.situation.received[row] for row in nested)
    idle = problem.leaving_idle(nested, stays)
    return (CashStage((replace(idle, spare=max(0, int(problem.received[event])) + _sold(problem)),), False),)


def _side_by_side(problem: Problem, budget: Budget) -> tuple[CashStage, ...]:
    """Each pie leaves what it may, and beyond that what HiGHS says is least in sum; or all that it sells.

    Amounts of several steps are rounded each, so a cent more for every order that has steps.
    """
    windows = {p: problem.window(p) for p in pies_side_by_side(problem)}
    everything = int(problem.received.sum()) + _sold(problem)
    free = leaving(problem, dict.fromkeys(windows, everything), everything)
    found = highs.least_beyond(free, windows, budget, NODES)
    wanted = [] if found is None else [{p: more + len(problem.steps) * (more > 0) for p, more in found.items()}]
    stages = []
    for beyond in [*wanted, dict.fromkeys(windows, everything)]:
        allowed = {p: window + beyond[p] for p, window in windows.items()}
        case = replace(leaving(problem, allowed, sum(allowed.values())), beyond=sum(beyond.values()))
        stages.append(CashStage((case,), False))
    return tuple(stages)


def _sold(problem: Problem) -> int:
    """All that may be sold (minor units)."""
    return -int(problem.flow_min[problem.orders].sum())
