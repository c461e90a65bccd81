"""Checks an answer against the problem's own data, trusting no engine and importing none.

``check_rules`` verifies every rule in integers. ``check_bound`` recomputes the lower bound from evidence: it first
verifies that the branches cover every case, then bounds each with its multipliers. What neither confirms is not
claimed: ``certify`` says OPTIMAL only where J − LB ≤ ρ with the recomputed bound (or, where ρ > 1 and such a gap
would mean nothing, where the bound over whole cents meets J).

Source: PROBLEM.md §3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.bound import Branch, TreeBound
from solver.errors import InternalError
from solver.ideal import Mode
from solver.problem import Ints, Problem
from solver.retired import least_excess

__all__ = ["Findings", "allowed_gap", "broken_rules", "certify", "covers", "lower_bound", "measure"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checker found of a plan: cash left (minor units), retired excess, J, LB, ρ, and if that is a proof."""

    cash_left: int
    retired_excess: int
    tracking_error: float
    lower_bound: float
    rounding_slack: float
    optimal: bool


def broken_rules(problem: Problem, trades: Sequence[int]) -> list[str]:
    """Every rule that ``trades`` (one integer a row, 0 at pies) breaks, by name; none means realisable.

    Direction, holding and minimum at every leaf; flow conservation at every pie, with cash left only where the
    event lets it be left; nothing bought at or below a retired slice. One row at a time, in Python's integers.
    """
    tree, m = problem.tree, problem.min_trade
    inside = set(tree.below(problem.event_row))
    broken = []
    for row, trade in enumerate(trades):
        if type(trade) is not int and not isinstance(trade, np.integer):
            broken.append(f"NOT_AN_INTEGER:{tree.slice_ids[row]}")
        elif trade and (tree.children[row] or row not in inside):
            broken.append(f"OUTSIDE_EVENT:{tree.slice_ids[row]}")
        elif trade > 0 and (problem.buy_max[row] == 0 or _below_retired(problem, row)):
            broken.append(f"MAY_NOT_BUY:{tree.slice_ids[row]}")
        elif trade < 0 and problem.mode[tree.parent[row]] not in (Mode.SELLING, Mode.REBALANCING):
            broken.append(f"MAY_NOT_SELL:{tree.slice_ids[row]}")
        elif -trade > tree.value[row]:
            broken.append(f"SELLS_MORE_THAN_HELD:{tree.slice_ids[row]}")
        elif 0 < abs(int(trade)) < m and -trade != tree.value[row]:
            broken.append(f"BELOW_MINIMUM:{tree.slice_ids[row]}")
    flows, loose = _flows(problem, trades)
    broken += [f"FLOW_NOT_CONSERVED:{tree.slice_ids[p]}" for p in loose]
    for row in inside:
        if tree.children[row] and problem.mode[row] is Mode.NOTHING and flows[row]:
            broken.append(f"OUTSIDE_EVENT:{tree.slice_ids[row]}")
    return broken


def _below_retired(problem: Problem, row: int) -> bool:
    tree = problem.tree
    while row != problem.event_row:
        if tree.weight[row] == 0:
            return True
        row = tree.parent[row]
    return False


def _flows(problem: Problem, trades: Sequence[int]) -> tuple[list[int], list[int]]:
    """y of every row in Python's integers, and the pies whose money does not add up."""
    tree = problem.tree
    flows = [int(t) for t in trades]
    loose = []
    for p in reversed(tree.below(problem.event_row)):
        if not tree.children[p]:
            continue
        total = sum(flows[c] for c in tree.children[p])
        received = int(problem.received[p])
        flows[p] = total - received
        if p == problem.event_row:
            if not -problem.spare <= flows[p] <= 0:
                loose.append(p)
            flows[p] = 0
        elif problem.situation.mode is Mode.BUYING and flows[p] < 0:
            loose.append(p)
            flows[p] = 0  # r_p > 0: what stays there as cash comes from nobody above
    return flows, loose


def certify(problem: Problem, stage_exact: bool, trades: Ints, branches: Sequence[Branch]) -> Findings:
    """Check ``trades`` for the problem of one cash case, and prove what can be proved with ``branches``.

    Raises ``InternalError`` where a rule is broken.
    """
    broken = broken_rules(problem, trades.tolist())
    if broken:
        raise InternalError(f"a plan broke its own rules: {', '.join(broken[:5])}")
    found = measure(problem, trades)
    excess, error = found.retired_excess, found.tracking_error
    bound = lower_bound(problem.retired_within(excess), branches)
    least = excess == 0 or excess <= least_excess(problem)
    optimal = stage_exact and least and error - bound <= allowed_gap(found.rounding_slack, error)
    return replace(found, lower_bound=min(bound, error), optimal=optimal)


def measure(problem: Problem, trades: Ints) -> Findings:
    """Cash left, retired excess and J of ``trades``, whether they keep the rules or not; nothing is proved (LB = 0)."""
    flows, _ = _flows(problem, trades.tolist())
    left = int(problem.received.sum()) - int(trades.sum()) + problem.idle_cash
    excess, error = retired_excess(problem, flows), tracking_error(problem, flows)
    return Findings(left, excess, error, 0.0, problem.rounding_slack, False)


def allowed_gap(slack: float, error: float) -> float:
    """The J − LB up to which a plan is optimal: ρ, or rounding error where ρ says nothing (0, or more than 1)."""
    exact = 1e-9 * max(1.0, error)
    return max(slack * (1.0 + 1e-12), exact) if slack <= 1.0 else exact


def retired_excess(problem: Problem, flows: Sequence[int]) -> int:
    """Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉) over the rows inside the event; minor units."""
    keep, value = problem.keep.tolist(), problem.value.tolist()
    return sum(max(0, v + y - k) for v, y, k in zip(value, flows, keep, strict=True) if k >= 0)


def tracking_error(problem: Problem, flows: Sequence[int]) -> float:
    """J(y) = Σ_n (y_n − y°_n)²/(w_n A°_p) + 2 s_n (y_n − y°_n), summed without losing a bit; minor units."""
    terms = []
    columns = (
        problem.ideal_whole.tolist(),
        problem.ideal_part.tolist(),
        problem.scale.tolist(),
        problem.slope.tolist(),
    )
    for flow, whole, part, scale, slope in zip(flows, *columns, strict=True):
        if scale > 0:
            off = (flow - whole) - part
            terms += [off * off / scale, 2.0 * slope * off]
    return math.fsum(terms)


def lower_bound(problem: Problem, branches: Sequence[Branch]) -> float:
    """The least bound of all branches, at least 0 (J ≥ 0 always holds); 0 where they do not cover every case."""
    if not branches or not covers(problem, [branch.path for branch in branches]):
        return 0.0
    bounds = []
    for branch in branches:
        if set(branch.multipliers) != set(problem.pies) or not all(
            len(m) and np.isfinite(m).all() for m in branch.multipliers.values()
        ):
            return 0.0
        bounds.append(TreeBound(problem, dict(branch.path)).evaluate(branch.multipliers))
    return max(0.0, min(bounds))


def covers(problem: Problem, paths: Sequence[tuple[tuple[int, int], ...]]) -> bool:
    """Whether the branches' fixed leaves, in their order, leave no case out: a tree of complete splits."""
    if any(not path for path in paths):
        return True
    if not paths or len({path[0][0] for path in paths}) != 1:
        return False
    leaf = paths[0][0][0]
    if leaf not in set(problem.leaves.tolist()):
        return False
    sides = {0} | ({1} if problem.buy_max[leaf] > 0 else set()) | ({-1} if problem.sell_max[leaf] > 0 else set())
    return all(covers(problem, [path[1:] for path in paths if path[0][1] == side]) for side in sides)
