"""Whole cents for the reference, once its solver has chosen who trades, on which side and in which steps.

Without securities in several slices amounts are rounded from the top of the tree down and exchanged between pairs of
leaves until no single cent improves (E, J): the best there is for these sides (Murota, Discrete Convex Analysis, thm
6.26). Net orders cross the tree, so that no exchange of two leaves need be open where one of four is. There cents are a
linear program, δ_n more at row n at the cost of its chords,

    Σ_c δ_c − δ_p = what the rounded amounts lack at pie p,     low ≤ Σ_{c ∈ C_S} (y_c + δ_c) ≤ high,

in segments of 0 to 1, 1 to 2, 2 to 4, … cents. Tree and net orders together are a network, so that its corners are
whole cents, and a plan that it leaves where it is has no cycle of cents that improves it: the best for these sides as
well, as far as the solver's tolerance tells a cent's worth from nothing. Source: Ahuja, Magnanti, Orlin, Network Flows
(1993).
"""

from __future__ import annotations

from heapq import nsmallest
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.problem import Floats, Ints, Problem
from solver.rules import Budget

__all__ = ["CENT", "Shared", "whole_cents"]

Shared = tuple[NDArray[np.intp], int, int]  # the leaves of one order, and the least and the most that they may sum to

CENT = 1e-3  # of a cent: what floating point may add to a whole number
TIE = 1e-9  # of ρ: a gain within it is rounding error
NOISE = 1e-12  # of the largest cost added up: likewise, or two leaves would hand the same money to and fro for ever
TOLERANCE = 1e-10  # HiGHS's smallest: a cent more or less changes what a cent is worth by so little
MOST_PROGRAMS = 30


def whole_cents(
    problem: Problem, real: Floats, low: Ints, high: Ints, shared: list[Shared], budget: Budget
) -> Ints | None:
    """The best whole cents within ``low`` ≤ y ≤ ``high``, starting at ``real``; ``None`` where they can not sum up.

    ``low`` and ``high`` have an entry for every row of the tree; the event's row has −(cash left).
    """
    low[problem.event_row], high[problem.event_row] = -problem.spare, 0
    if shared:
        flows = _programmed(problem, real, low, high, shared, budget)
    else:
        flows = _exchanged(problem, _rounded(problem, real, low, high), low, high, budget)
    if flows is None:
        return None
    trades = np.zeros_like(problem.value)
    trades[problem.leaves] = flows[problem.leaves]
    return trades if problem.realises(trades) else None


def _programmed(
    problem: Problem, real: Floats, low: Ints, high: Ints, shared: list[Shared], budget: Budget
) -> Ints | None:
    """Solve for the cents, around what came out again, until that gains nothing."""
    event = problem.event_row
    if (low > high).any():
        return None
    flows = np.clip(np.rint(real).astype(np.int64), low, high)
    left = round(float(problem.received[event] - real[problem.children[0]].sum()))
    flows[event] = np.clip(-left, low[event], high[event])
    found: Ints | None = None
    best: tuple[float, float] = (np.inf, np.inf)
    for _ in range(MOST_PROGRAMS):
        moved = _moved(problem, flows, low, high, shared)
        if moved is None or not _rank(problem, moved) < best:
            break
        flows, found, best = moved, moved, _rank(problem, moved)
        if budget.exhausted:
            break
    return found


def _rank(problem: Problem, flows: Ints) -> tuple[int, float]:
    """(E, J) of ``flows``."""
    felt, retired = np.flatnonzero(problem.scale > 0), np.flatnonzero(problem.keep >= 0)
    off = (flows[felt] - problem.ideal_whole[felt]) - problem.ideal_part[felt]
    kept = np.maximum(0, problem.value[retired] + flows[retired] - problem.keep[retired])
    return int(kept.sum()), float((off * off / problem.scale[felt] + 2.0 * problem.slope[felt] * off).sum())


def _moved(problem: Problem, flows: Ints, low: Ints, high: Ints, shared: list[Shared]) -> Ints | None:
    """``flows`` and the cents that the linear program around them adds; ``None`` where it has no solution."""
    from scipy.optimize import linprog  # a second's import, which only a second opinion needs
    from scipy.sparse import csr_array, vstack

    def matrix(entries: list[tuple[int, int, int]], *shape: int) -> Any:
        lines, columns, values = zip(*entries, strict=True)
        return csr_array((values, (lines, columns)), shape=shape)

    size, below = len(flows), list(zip(problem.pies, problem.children, strict=True))
    lacking = np.array([flows[p] + problem.received[p] - flows[children].sum() for p, children in below])
    ordered = matrix([(i, leaf, 1) for i, one in enumerate(shared) for leaf in one[0].tolist()], len(shared), size)
    sums = ordered @ flows
    room = np.concatenate(([most for _, _, most in shared] - sums, sums - [least for _, least, _ in shared]))
    segments, costs = _segments(problem, flows, low, high)
    if not segments:
        return flows if not lacking.any() and (room >= 0).all() else None
    parts = matrix([(row, i, sign) for i, (row, sign, _) in enumerate(segments)], size, len(segments))
    entries = [(i, c, 1) for i, (_, children) in enumerate(below) for c in children.tolist()]
    conserved = matrix(entries + [(i, p, -1) for i, (p, _) in enumerate(below)], len(below), size)
    done = linprog(
        costs,
        A_eq=conserved @ parts,
        b_eq=lacking,
        A_ub=vstack([ordered, -ordered]) @ parts,
        b_ub=room,
        bounds=[(0, cents) for _, _, cents in segments],
        method="highs-ds",
        options={"dual_feasibility_tolerance": TOLERANCE},
    )
    return flows + np.rint(parts @ done.x).astype(np.int64) if done.status == 0 else None


def _segments(problem: Problem, flows: Ints, low: Ints, high: Ints) -> tuple[list[tuple[int, int, int]], Floats]:
    """Segments (row, sign, cents) of what rows inside the event may trade more and less, and what a cent costs in each.

    A cent less in E is worth more than all the first cents of J together.
    """
    inside = np.unique(np.concatenate((*problem.children, [problem.event_row]))).tolist()
    segments, kept, added, at = list[tuple[int, int, int]](), list[float](), list[float](), 0
    while True:
        size, count = max(1, at), len(segments)
        for sign, room in ((1, high - flows), (-1, flows - low)):
            before, after = _steps(problem, flows, sign * at), {}
            for row in inside:
                cents = min(size, int(room[row]) - at)
                if cents <= 0:
                    continue
                if cents not in after:
                    after[cents] = _steps(problem, flows, sign * (at + cents))
                segments.append((row, sign, cents))
                kept.append(int(after[cents][0][row] - before[0][row]) / cents)
                added.append(float(after[cents][1][row] - before[1][row]) / cents)
        if not at:
            first = len(segments)
        if len(segments) == count:
            break
        at += size
    costs, worth = np.array(added), np.abs(added[:first])
    largest = max(float(worth.max(initial=0.0)), 1e-300)
    return segments, costs / largest + (1.0 + 2.0 * float(worth.sum()) / largest) * np.array(kept)


def _steps(problem: Problem, flows: Ints, step: int) -> tuple[Ints, Floats]:
    """What δ = ``step`` more at each row adds to (E, J) there: δ (2 d_n + δ)/(w_n A°_p) + 2 s_n δ for J."""
    kept, added = np.zeros_like(flows), np.zeros(len(flows))
    felt, retired = np.flatnonzero(problem.scale > 0), np.flatnonzero(problem.keep >= 0)  # none behind the tree's rows
    off = (flows[felt] - problem.ideal_whole[felt]) - problem.ideal_part[felt]
    added[felt] = step * (2.0 * off + step) / problem.scale[felt] + 2.0 * problem.slope[felt] * step
    above = problem.value[retired] + flows[retired] - problem.keep[retired]
    kept[retired] = np.maximum(0, above + step) - np.maximum(0, above)
    return kept, added


def _rounded(problem: Problem, real: Floats, low: Ints, high: Ints) -> Ints | None:
    """Floor every row, then hand out the missing cents from the top down, each where J feels it least.

    ``low`` and ``high`` of the pies are narrowed first to what their slices can make, so that no pie gets stuck.
    """
    event = problem.event_row
    for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
        low[p] = max(low[p], low[rows].sum() - problem.received[p])
        high[p] = min(high[p], high[rows].sum() - problem.received[p])
    if (low > high).any():
        return None
    flows = np.clip(np.floor(real + CENT).astype(np.int64), low, high)
    left = round(float(problem.received[event] - real[problem.children[0]].sum()))
    flows[event] = np.clip(-left, low[event], high[event])
    for p, rows in zip(problem.pies, problem.children, strict=True):
        missing = int(flows[p] + problem.received[p] - flows[rows].sum())
        step = 1 if missing > 0 else -1
        while missing:  # mostly a cent a slice; much more where a solver was stopped early
            room = high[rows] - flows[rows] if step > 0 else flows[rows] - low[rows]
            at = int(np.argmin(np.where(room > 0, _steps(problem, flows, step)[1][rows], np.inf)))
            cents = step * min(int(room[at]), max(1, abs(missing) // len(rows)))
            flows[rows[at]] += cents
            missing -= cents
    return flows


def _exchanged(problem: Problem, flows: Ints | None, low: Ints, high: Ints, budget: Budget) -> Ints | None:
    """Move money between two leaves, or a leaf and free cash, in halving steps down to a cent, until none improves."""
    if flows is None:
        return None
    step = 1 << int(np.maximum(np.abs(flows), np.abs(problem.ideal_whole)).max(initial=1)).bit_length()
    while step and not budget.exhausted:
        move = _best_exchange(problem, flows, low, high, step)
        flows, step = (flows, step // 2) if move is None else (flows + move, step)
    return flows


def _best_exchange(problem: Problem, flows: Ints, low: Ints, high: Ints, step: int) -> Ints | None:
    """The exchange of ``step`` that lowers (E, J) most, ``None`` where none does.

    It is felt on the paths of its two leaves up to the pie where these meet. So every pie keeps the leaf below it that
    gains ``step`` most cheaply, and the one that loses it; the cheapest of two of its slices meet there. At the event's
    pie the cash is one slice more, under that pie's own row.
    """
    event, met = problem.event_row, (0, 0, 0)
    alone = {sign: _open_steps(problem, flows, low, high, sign * step) for sign in (1, -1)}
    largest = max((abs(added) for costs in alone.values() for _, added in costs.values()), default=0.0)
    best = (0, -max(TIE * problem.rounding_slack, NOISE * largest))
    ways = {sign: {row: (*cost, row) for row, cost in alone[sign].items()} for sign in (1, -1)}  # (E, J, leaf)
    for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
        two = {}
        for sign, known in ways.items():
            options = [(*known[c], c) for c in rows.tolist() if c in known]
            own = known.pop(p, None)
            if p == event and low[p] <= flows[p] - sign * step <= high[p]:
                options.append((0, 0.0, event, event))
            two[sign] = nsmallest(2, options)
            if own and options:
                known[p] = (own[0] + two[sign][0][0], own[1] + two[sign][0][1], two[sign][0][2])
        for gains, loses in product(two[1], two[-1]):
            total = (gains[0] + loses[0], gains[1] + loses[1])
            if gains[3] != loses[3] and total < best:
                best, met = total, (p, gains[2], loses[2])
    return _exchange(problem, *met, step) if met[1] != met[2] else None


def _open_steps(problem: Problem, flows: Ints, low: Ints, high: Ints, step: int) -> dict[int, tuple[int, float]]:
    """What ``step`` more at a row alone adds to (E, J), by row, where the row has the room."""
    kept, added = _steps(problem, flows, step)
    open_ = np.flatnonzero((flows + step >= low) & (flows + step <= high))
    return dict(zip(open_.tolist(), zip(kept[open_].tolist(), added[open_].tolist(), strict=True), strict=True))


def _exchange(problem: Problem, pie: int, gains: int, loses: int, step: int) -> Ints:
    """What the rows below ``pie`` gain as ``step`` goes from one leaf to another; of the event's row, from the cash."""
    move = np.zeros_like(problem.value)
    for row, amount in ((gains, step), (loses, -step)):
        if row == problem.event_row:
            move[row] -= amount
        while row != pie:
            move[row] += amount
            row = int(problem.parent[row])
    return move
