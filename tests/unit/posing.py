"""Small accounts posed as problems, and their arrays read by slice id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solver import Events, Holding, Pie, Portfolio, Rules, Slice
from solver.building import build_problem
from solver.domains import Limits
from solver.events import ChangedPie, TargetChange, TargetSlice
from solver.problem import Problem
from solver.situations import Understood, understand


def posed(portfolio: Portfolio, events: Events, m: int = 0, limits: Mapping[str, Limits] | None = None) -> Problem:
    """The problem of one event, or of several; ``limits`` are those of single leaves, by slice id."""
    understood = understand(portfolio, events, Rules(m))
    assert isinstance(understood, Understood)
    situation = understood.situation
    of_rows = {situation.tree.slice_ids.index(slice_id): limit for slice_id, limit in (limits or {}).items()}
    return build_problem(replace(situation, limits={**situation.limits, **of_rows}))


def flat(*slices: tuple[int, int], cash: int = 0) -> Portfolio:
    """Holdings A, B, … of these weights and values under the root."""
    named = zip("ABCDEFGH", slices, strict=False)
    return Portfolio(Pie(tuple(Slice(n, weight, Holding(n, value)) for n, (weight, value) in named)), cash)


def by_id(problem: Problem, column: np.ndarray) -> dict[str, Any]:
    return dict(zip(problem.tree.slice_ids, column.tolist(), strict=True))


def row(problem: Problem, slice_id: str) -> int:
    return problem.tree.slice_ids.index(slice_id)


def trades(problem: Problem, of: Mapping[str, int]) -> np.ndarray:
    listed = [of.get(slice_id, 0) for slice_id in problem.tree.slice_ids]
    return np.array(listed + [0] * len(problem.nets), dtype=np.int64)


def moving(problem: Problem) -> list[str]:
    return [problem.tree.slice_ids[r] for r in problem.leaves]


def two_pies(cash: int = 0) -> Portfolio:
    """p = 150 + 50 and q = 60 + 40, equal targets everywhere, and the leaf r, which is worth 150."""
    p = Pie((Slice("a", 1, Holding("A", 150)), Slice("b", 1, Holding("B", 50))))
    q = Pie((Slice("c", 1, Holding("C", 60)), Slice("d", 1, Holding("D", 40))))
    return Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q), Slice("r", 1, Holding("R", 150)))), cash)


def proceeds(unit: int = 1, m: int = 0) -> Problem:
    """100 units fell inside p = {a, b} and 300 at the root, which also has r; all of these are empty."""
    p = (Slice("a", 1, Holding("A", 0)), Slice("b", 1, Holding("B", 0)), Slice("gone", 1, Holding("GONE", 100 * unit)))
    root = (Slice("p", 1, Pie(p)), Slice("r", 1, Holding("R", 0)), Slice("out", 1, Holding("OUT", 300 * unit)))
    inner = ChangedPie("p", (TargetSlice("a", 1), TargetSlice("b", 1)))
    outer = ChangedPie("", (TargetSlice("p", 1), TargetSlice("r", 1)))
    return posed(Portfolio(Pie(root)), TargetChange((outer, inner)), m)
