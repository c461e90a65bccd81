"""Stage 2, retired: the least that slices of target 0 must keep beyond the ideal, proved without any engine.

Only a withdrawal can leave them more than the ideal does, since a minimum may forbid what it would sell there. As
in stage 1 only sums matter: let S be the retired leaves that sell, n_c = max(0, V_c − ⌈A°_c⌉) what the ideal sells
of c, l_c and V_c the least and the most that c can sell. If S sells T in all, it keeps beyond the ideal at least

    E_S(T) = Σ_{c ∉ S} n_c + max(0, Σ_S max(l_c, n_c) − T),

which falls in T; so each S is bounded at the greatest T that it, and what the other leaves can sell, allow.

Source: PROBLEM.md §2, stage 2.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from solver.ideal import Mode
from solver.problem import Problem
from solver.stage import sales
from solver.sums import Intervals, reachable

__all__ = ["least_excess", "unavoidable"]

MOST_RETIRED = 12  # every set of them is looked at


def least_excess(problem: Problem) -> int:
    """A lower bound (minor units) on Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉) over the plans of one cash case.

    What may not be sold is kept in any case. The bound is attained but where retired pies sell, or more than
    ``MOST_RETIRED`` retired leaves do: there it is only that.
    """
    kept = unavoidable(problem)
    leaf = np.zeros(len(problem.value), dtype=bool)
    leaf[problem.leaves] = True
    sells = (problem.keep >= 0) & (problem.keep < problem.value)
    retired = np.flatnonzero(sells).tolist()
    one_sided = problem.situation.mode is Mode.SELLING and not problem.situation.rebalanced
    if not one_sided or len(retired) > MOST_RETIRED or not leaf[sells].all():
        return kept
    if problem.closes[sells].any():
        return kept
    wanted = -int(problem.received[problem.event_row])
    others = [sales(problem, row) for row in problem.leaves.tolist() if row not in retired]
    sums, _ = reachable(others, wanted + problem.spare)
    sets = (chosen for count in range(len(retired) + 1) for chosen in combinations(retired, count))
    found = (e for s in sets if (e := _excess(problem, retired, s, sums, wanted)) is not None)
    return max(kept, min(found, default=0))


def unavoidable(problem: Problem) -> int:
    """Σ_{w_n=0} max(0, V_n + least y_n − ⌈A°_n⌉) (minor units): what retired rows keep whatever is traded.

    A plan that keeps no more than that has each of them at its own least: ``retired_within(0)`` loses none.
    """
    held = problem.value + problem.lowest() - problem.keep
    return int(np.maximum(held, 0)[problem.keep >= 0].sum())


def _excess(problem: Problem, retired: list[int], chosen: tuple[int, ...], sums: Intervals, wanted: int) -> int | None:
    """E_S at the greatest T, or ``None`` where S can not sell together with any sum of the others."""
    ideal = {row: max(0, int(problem.value[row] - problem.keep[row])) for row in retired}
    least = sum(int(problem.sell_min[row]) for row in chosen)
    most = sum(int(problem.sell_max[row]) for row in chosen)
    sold = -1
    for low, high in sums:
        greatest = min(most, wanted + problem.spare - low)
        if greatest >= max(least, wanted - high):
            sold = max(sold, greatest)
    if sold < 0:
        return None
    kept = sum(ideal[row] for row in retired if row not in chosen)
    return kept + max(0, sum(max(int(problem.sell_min[row]), ideal[row]) for row in chosen) - sold)
