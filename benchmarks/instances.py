"""Frozen, named instances: every run plans the same accounts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from solver import Deposit, Event, Holding, Pie, Portfolio, Slice

__all__ = ["FAMILIES", "Family", "members"]

SEEDS = range(12)


@dataclass(frozen=True, slots=True)
class Family:
    """Accounts of one kind, and the median that whole ``plan()`` with HiGHS should not exceed."""

    name: str
    pies: int
    slices: int  # in each pie
    near_equal: bool
    min_trade: int  # cents
    amount: int  # cents
    target_ms: float


FAMILIES = (
    Family("20 flat, no minimum, random", 1, 20, False, 0, 30_000, 1.5),
    Family("20 flat, no minimum, near-equal", 1, 20, True, 0, 30_000, 1.5),
    Family("20 flat, $25 minimum, random", 1, 20, False, 2_500, 30_050, 25),
    Family("20 flat, $25 minimum, near-equal", 1, 20, True, 2_500, 31_250, 60),
    Family("5 pies x 10, $25 minimum, random", 5, 10, False, 2_500, 60_000, 100),
    Family("5 pies x 10, $5 minimum, near-equal", 5, 10, True, 500, 10_090, 100),
    Family("200 flat, $25 minimum, random", 1, 200, False, 2_500, 120_000, 150),
    Family("100 flat, $1 minimum, near-equal", 1, 100, True, 100, 4_050, 150),
    Family("200 flat, $1 minimum, near-equal", 1, 200, True, 100, 8_050, 300),
)


def members(family: Family) -> Iterator[tuple[Portfolio, Event]]:
    """The family's accounts: near-equal ones are new, the others drifted between nothing and twice their mean."""
    for seed in SEEDS:
        rng = random.Random(f"{family.name} {seed}")
        names = iter(range(100_000))

        def weight(rng: random.Random = rng) -> int:
            return rng.randrange(490, 511) if family.near_equal else rng.randrange(1, 1_000)

        def leaf(rng: random.Random = rng, names: Iterator[int] = names) -> Slice:
            name = f"s{next(names)}"
            return Slice(name, weight(), Holding(name.upper(), 0 if family.near_equal else rng.randrange(100_000)))

        pies = [Pie(tuple(leaf() for _ in range(family.slices))) for _ in range(family.pies)]
        root = pies[0] if family.pies == 1 else Pie(tuple(Slice(f"p{i}", weight(), pie) for i, pie in enumerate(pies)))
        yield Portfolio(root), Deposit(family.amount)
