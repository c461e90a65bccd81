"""What an engine says when it is asked once, and what it can be asked: the search makes the rest of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from solver.problem import Ints, Problem
from solver.rules import Budget

__all__ = ["Proposal", "Proposer"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an engine says: the side of every row (0 at pies), a bound on J it claims, whether it was stopped.

    ``sides`` is ``None`` where it found nothing; ``infeasible`` is its claim that there is nothing; ``points`` are the
    amounts of the leaves that trade in steps.
    """

    sides: Ints | None
    bound: float
    infeasible: bool
    stopped: bool
    points: dict[int, int] = field(default_factory=dict)


class Proposer(Protocol):
    """An engine that is asked in rounds; a module with these two is one."""

    def propose(
        self, problem: Problem, points: list[Ints], budget: Budget, node_limit: int, relaxed: bool = False
    ) -> Proposal:
        """Stage 3: who trades, where J is least; ``points`` are the flows of the plans that are known."""
        ...

    def least_excess(self, problem: Problem, budget: Budget, node_limit: int) -> tuple[Ints, Proposal] | None:
        """Stage 2: what each retired row keeps beyond its ideal where that can not be 0, and who trades."""
        ...
