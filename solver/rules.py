"""What a caller may require of a plan beyond the event itself, and how hard to look for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from solver.errors import InvalidRequest
from solver.money import money_violation

__all__ = ["BASELINES", "Budget", "Engine", "Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of the account, in minor units.

    ``min_trade`` is PROBLEM.md's m: x = 0 or |x| ≥ m at every leaf. ``cash_floor`` is cash that is never invested, and
    that pays a withdrawal only once nothing is left to sell. A deposit waits while the cash above the floor, with it,
    is less than ``deposit_threshold`` (brokerages use 25.00; ``None`` waits for nothing).
    """

    min_trade: int = 0
    cash_floor: int = 0
    deposit_threshold: int | None = None

    def __post_init__(self) -> None:
        amounts = {"min_trade": self.min_trade, "cash_floor": self.cash_floor}
        if self.deposit_threshold is not None:
            amounts["deposit_threshold"] = self.deposit_threshold
        faults = [money_violation(f"rules.{name}", amount) for name, amount in amounts.items()]
        if any(faults):
            raise InvalidRequest(tuple(fault for fault in faults if fault))


class Engine(Enum):
    """AUTO returns the rounded ideal where that is realisable and goes to HIGHS where a rule binds.

    REFERENCE states the problem a second time, in CVXPY; the GREEDY ones are baselines (``greedy.py``). KERNEL is
    compiled and proves whole cents itself; what it does not take goes to HIGHS, and the certificate says HIGHS.
    """

    AUTO = "AUTO"
    HIGHS = "HIGHS"
    REFERENCE = "REFERENCE"
    GREEDY_TOGETHER = "GREEDY_TOGETHER"
    GREEDY_SEQUENTIAL = "GREEDY_SEQUENTIAL"
    GREEDY_REFILL = "GREEDY_REFILL"
    KERNEL = "KERNEL"


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
