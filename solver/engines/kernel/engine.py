"""The way in from Python: one cash case in, the best plan, its bound and its evidence out.

``solve`` answers ``None`` where the problem is not the compiled search's: where slices are coupled by more than flow
conservation, retired slices must keep more than the ideal does (stage 2 is then another objective), or a leaf trades
in steps or has two ranges of sales (of these the search is asked through ``proposing.py``).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from solver.bound import Branch, Cut
from solver.cents import tracking_error
from solver.engines.kernel.branching import explore
from solver.engines.kernel.memory import BOUNDS, ENTRIES, Work, new_work
from solver.engines.kernel.tree import BUYS, HEAD, ROW, SELLS, Head, Rows, load
from solver.problem import Ints, Problem
from solver.rules import Budget

__all__ = ["EASY", "Solved", "memory_for", "posed_of", "prepared", "solve", "takes"]

MAX_BRANCHES = 4_096
MAX_WORK = 20_000_000  # slices looked at: about a second, and nothing stops the compiled loop sooner
WORK_A_SECOND = 10_000_000  # on a slow machine
EASY = 112  # branches tried, at most, before leaves are counted
MAX_LOG = 1 << 19
_local = threading.local()
_ran = threading.Event()  # a search, in this process


@dataclass(frozen=True, slots=True)
class Solved:
    """The kernel's answer: trades by row (minor units, 0 at pies), J, LB, evidence.

    ``nodes`` counts branches, ``bounds`` the bounds computed in them.
    """

    trades: Ints
    flows: Ints
    error: float
    bound: float
    branches: tuple[Branch, ...]
    proved: bool
    nodes: int
    bounds: int


def posed_of(problem: Problem) -> tuple[Head, Rows]:
    """One problem for the kernel; a sale of all that no range has is a range of one amount."""
    rows = np.zeros(len(problem.value), dtype=ROW)
    for name in ("parent", "received", "buy_min", "buy_max", "flow_min", "flow_max"):
        rows[name] = getattr(problem, name)
    for name in ("ideal_whole", "ideal_part", "scale", "slope"):
        rows[name] = getattr(problem, name)
    only_all = problem.sell_max == 0
    rows["sell_min"] = np.where(only_all, problem.closes, problem.sell_min)
    rows["sell_max"] = np.where(only_all, problem.closes, problem.sell_max)
    rows["splits"][list(problem.pies)] = 1
    figures = (len(rows), problem.event_row, problem.spare, problem.gapless)
    return np.array([figures], dtype=HEAD)[0], rows


def solve(problem: Problem, budget: Budget, easy_branches: int = EASY) -> Solved | None:
    """The best plan of one cash case, in whole cents; ``None`` where the kernel has none to offer."""
    held = problem.retired_within(0)
    if not takes(held) or budget.exhausted:
        return None
    most_work = int(min(MAX_WORK, WORK_A_SECOND * budget.seconds_left()))  # before the first call of all compiles
    work = memory_for(held)
    if not load(*posed_of(held), work.tree):
        return None
    proved = explore(work, easy_branches, min(budget.work_limit, MAX_BRANCHES), most_work)
    _ran.set()
    if not np.isfinite(work.figures[0]):
        return None
    flows = _flows(held, work)
    trades = np.zeros_like(flows)
    trades[held.leaves] = flows[held.leaves]
    error = tracking_error(held, flows)
    bound = max(0.0, float(work.figures[1]))
    return Solved(
        trades, flows, error, bound, _evidence(held, work), proved, int(work.counts[0]), int(work.counts[BOUNDS])
    )


def prepared() -> bool:
    """Whether a search ran here already, by itself and not in the loop: nobody waits until it is compiled then."""
    return _ran.is_set()


def takes(problem: Problem) -> bool:
    """Whether every leaf trades by itself, in cents: nothing, in one range of buys, or in one range of sales."""
    parts_or_all = ((problem.closes > 0) & (problem.sell_max > 0)).any()
    return not (problem.nets or problem.steps or parts_or_all)


def _flows(problem: Problem, work: Work) -> Ints:
    """y of every row, minor units; 0 outside the event and at its pie."""
    inside = work.tree[1 : int(work.tree["nodes"][0])]
    rows = inside["row"]
    flows = np.zeros(len(problem.value), dtype=np.int64)
    flows[rows] = problem.ideal_whole[rows] + inside["best"].astype(np.int64)
    return flows


def memory_for(problem: Problem) -> Work:
    """This thread's memory, larger where the problem needs more than was there: for the largest tree 105 MB."""
    rows, depth = len(problem.value), _depth(problem)
    have: tuple[int, int] = getattr(_local, "have", (0, 0))
    if rows > have[0] or depth > have[1]:
        rows, depth = max(rows, have[0], 64), max(depth, have[1], 3)
        _local.have, _local.work = (rows, depth), new_work(rows, depth, MAX_BRANCHES, MAX_LOG)
    work: Work = _local.work
    return work


def _depth(problem: Problem) -> int:
    """Levels of pies that split."""
    level: dict[int, int] = {}
    for p in problem.pies:
        level[p] = level.get(int(problem.parent[p]), 0) + 1
    return max(level.values(), default=1)


def _evidence(problem: Problem, work: Work) -> tuple[Branch, ...]:
    """The branches that were not split, with the prices by pie (row) that bounded each."""
    log, branches = work.log[: int(work.counts[ENTRIES])], work.branch[: int(work.counts[0])]
    parents, sides = branches["parent"].tolist(), branches["side"].tolist()
    nodes, split = branches["leaf"].tolist(), set(branches["parent"].tolist())
    prices: dict[int, dict[int, list[float]]] = {}
    for branch, pie, price in zip(
        log["branch"].tolist(), work.tree["row"][log["pie"]].tolist(), log["price"].tolist(), strict=True
    ):
        if branch not in split:
            prices.setdefault(branch, {}).setdefault(pie, []).append(price)

    def path(branch: int) -> tuple[Cut, ...]:
        """The cuts on the way to a branch."""
        fixed = []
        while parents[branch] >= 0:
            fixed.append(_cut(problem, work, nodes[branch], sides[branch]))
            branch = parents[branch]
        return tuple(reversed(fixed))

    return tuple(
        Branch(path(branch), {p: np.array(sorted(set(at))) for p, at in by_pie.items()})
        for branch, by_pie in prices.items()
    )


def _cut(problem: Problem, work: Work, node: int, side: int) -> Cut:
    """What a leaf on ``side`` may trade. A side that is not open to it belongs to resting: no amount is left out."""
    leaf = work.tree[node]
    row = int(leaf["row"])
    least = -max(int(problem.sell_max[row]), int(problem.closes[row]))
    most = int(problem.buy_max[row])
    if side == BUYS:
        return row, 1, most
    if side == SELLS:
        return row, least, -1
    buys, sells = leaf["buy_low"] <= leaf["buy_high"], leaf["sell_low"] <= leaf["sell_high"]
    return row, 0 if sells else least, 0 if buys else most
