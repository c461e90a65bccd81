"""What a property looked at: how many plans of each kind, how many proved, and in how many the minimum bound."""

from __future__ import annotations

from collections import Counter

from solver import Quality
from solver.plan import Certificate
from solver.problem import Problem
from tests.property.strategies import binds


class Tally:
    """Counts plans by kind; printed, so that a reader sees what the property was true of."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, bool]] = Counter()
        self.binding = 0

    def count(self, problem: Problem, found: Certificate) -> None:
        """Enter one plan."""
        kind = "continuous" if problem.min_trade <= 1 else "flat" if len(problem.pies) <= 1 else "nested"
        self.seen[kind, found.quality is Quality.OPTIMAL] += 1
        self.binding += binds(problem)

    def share(self, kind: str) -> float:
        """The share of a kind that is proved OPTIMAL; 1 where there is none."""
        proved, open_ = self.seen[kind, True], self.seen[kind, False]
        return proved / (proved + open_) if proved + open_ else 1.0

    def check(self, title: str) -> None:
        """Print the shares, and see that they are what they should be: no property may pass for want of cases."""
        total = sum(self.seen.values())
        shares = ", ".join(f"{kind} {self.share(kind):.1%}" for kind in ("continuous", "flat", "nested"))
        print(f"\n{title}: {total} plans, OPTIMAL of {shares}; the minimum binds in {self.binding / total:.0%}")
        assert total >= 100
        assert self.share("continuous") == self.share("flat") == 1.0
        assert self.share("nested") >= 0.95
        assert self.binding >= total / 2
