"""What a caller may require of a plan beyond the event itself, and how hard to look for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from solver.errors import InvalidRequest
from solver.portfolio import money_violation

__all__ = ["BASELINES", "Budget", "Engine", "Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of the account. ``min_trade`` is PROBLEM.md's m, in minor units: x = 0 or |x| ≥ m at every leaf."""

    min_trade: int = 0

    def __post_init__(self) -> None:
        fault = money_violation("rules.min_trade", self.min_trade)
        if fault:
            raise InvalidRequest((fault,))


class Engine(Enum):
    """AUTO returns the rounded ideal where that is realisable and goes to HIGHS where a rule binds.

    REFERENCE states the problem a second time, in CVXPY; the GREEDY ones are baselines (``greedy.py``).
    """

    AUTO = "AUTO"
    HIGHS = "HIGHS"
    REFERENCE = "REFERENCE"
    GREEDY_TOGETHER = "GREEDY_TOGETHER"
    GREEDY_SEQUENTIAL = "GREEDY_SEQUENTIAL"
    GREEDY_REFILL = "GREEDY_REFILL"


BASELINES = (Engine.GREEDY_TOGETHER, Engine.GREEDY_SEQUENTIAL, Engine.GREEDY_REFILL)


@dataclass(slots=True)
class Budget:
    """How long a search may go on; the only thing in the package that changes while a plan is made.

    ``seconds_left`` is the caller's clock (the package has none): it is asked between steps and bounds every
    engine run. ``work_limit`` bounds branches and rounds, the same on every machine. ``cancel`` may be called
    from another thread.
    """

    seconds_left: Callable[[], float] = lambda: math.inf
    work_limit: int = 2_000
    cancelled: bool = False

    def cancel(self) -> None:
        """Stop the search as soon as it can be stopped: the search and its engine look here."""
        self.cancelled = True

    @property
    def exhausted(self) -> bool:
        """Whether the search must stop now, by time or by the caller's wish."""
        return self.cancelled or self.seconds_left() <= 0.0
