"""Frozen, named instances: every run plans the same accounts, each a function of its seeded name.

``FAMILIES`` are the accounts whose times have targets; ``suite`` is every kind of account × event × minimum:

    shape     slices of each pie, level by level: (20,) is flat, (5, 10) five pies of ten
    targets   random weights 1 to 999, or near-equal ones, 490 to 510
    account   new (nothing held yet), or drifted: funded at its targets, then three years of real prices, each slice
              those of a stock and a start of its own
    event     deposits of 0.1 % to 20 % of the account, withdrawals of 5 % and 50 %, rebalances deep and shallow
    minimum   m by how many orders F holds: none; loose, 100 a slice; binding, a quarter of the slices and a half;
              absurd, one and a half. F is the money of the event, for a rebalance a tenth of the account

The half order over is on purpose: a sum of (k + ½)·m is the hard case.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from server.examples import month_end_prices
from solver import Deposit, Event, Holding, Pie, Portfolio, Reach, Rebalance, Rules, Slice, Withdrawal

__all__ = ["DEPTHS", "FAMILIES", "MINIMUMS", "SHAPES", "SIZES", "Case", "Family", "members", "stock", "suite"]

SEEDS = range(12)
MONTHS = 36  # that a drifted account has drifted
FUNDED_WITH = (250_000, 2_500_000, 25_000_000)  # cents

DEPOSITS = {"deposit 0.1%": 0.001, "deposit 1%": 0.01, "deposit 5%": 0.05, "deposit 20%": 0.20}
WITHDRAWALS = {"withdrawal 5%": 0.05, "withdrawal 50%": 0.50}
REBALANCES = {"rebalance deep": Reach.DEEP, "rebalance shallow": Reach.SHALLOW}
MINIMUMS = ("none", "loose", "binding", "absurd")

# the shapes of the suite, and how many accounts of each; growth is measured along the other two
SHAPES = {(5,): 4, (20,): 4, (100,): 2, (1_000,): 1, (5, 10): 3, (10, 20): 1, (4, 5, 5): 2, (2,) * 6: 1}
SIZES = ((5,), (10,), (20,), (50,), (100,), (200,), (500,), (1_000,))
DEPTHS = ((64,), (8, 8), (4, 4, 4), (2,) * 6)


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


@dataclass(frozen=True, slots=True)
class Case:
    """One event of one account; the same account whatever the event and the minimum."""

    shape: tuple[int, ...]
    near_equal: bool
    drifted: bool
    event: str
    minimum: str
    member: int = 0

    @property
    def leaves(self) -> int:
        return math.prod(self.shape)

    @property
    def shape_name(self) -> str:
        return f"{self.leaves} flat" if len(self.shape) == 1 else " x ".join(map(str, self.shape))

    @property
    def targets(self) -> str:
        return "near-equal" if self.near_equal else "random"

    @property
    def account(self) -> str:
        return f"{self.shape_name}, {self.targets}, {'drifted' if self.drifted else 'new'} #{self.member}"

    @property
    def name(self) -> str:
        return f"{self.account}, {self.event}, minimum {self.minimum}"

    def posed(self) -> tuple[Portfolio, Event, Rules]:
        """What the name stands for."""
        rng = random.Random(self.account)
        funded = rng.choice(FUNDED_WITH)
        portfolio = Portfolio(_pie(self, rng, self.shape, float(funded), "s"))
        worth = portfolio.value or funded
        if self.event in REBALANCES:
            return portfolio, Rebalance("", REBALANCES[self.event]), Rules(self._minimum(worth // 10))
        if self.event in WITHDRAWALS:
            taken = round(worth * WITHDRAWALS[self.event])
            return portfolio, Withdrawal(taken), Rules(self._minimum(taken))
        added = round(worth * DEPOSITS[self.event])
        return portfolio, Deposit(added), Rules(self._minimum(added))

    def _minimum(self, money: int) -> int:
        """m in cents, at least one that is felt, for F = ``money``; 0 where there is none."""
        orders = {"loose": 100.0 * self.leaves, "binding": self.leaves // 4 + 0.5, "absurd": 1.5}
        return max(2, round(money / orders[self.minimum])) if self.minimum in orders else 0


def _pie(case: Case, rng: random.Random, shape: tuple[int, ...], funded: float, name: str) -> Pie:
    """A pie of ``shape`` that was funded with ``funded`` cents at its targets, and has drifted since."""
    weights = [rng.randrange(490, 511) if case.near_equal else rng.randrange(1, 1_000) for _ in range(shape[0])]
    slices = []
    for i, weight in enumerate(weights):
        own, share = f"{name}.{i}", funded * weight / sum(weights)
        if len(shape) > 1:
            slices.append(Slice(own, weight, _pie(case, rng, shape[1:], share, own)))
        else:
            worth = round(share * stock(rng)[0]) if case.drifted else 0
            slices.append(Slice(own, weight, Holding(own.upper(), worth)))
    return Pie(tuple(slices))


def stock(rng: random.Random) -> tuple[float, float]:
    """What a dollar became in ``MONTHS`` of some stock's real prices, and what a share cost then, in dollars."""
    prices = list(month_end_prices().values())
    start = rng.randrange(len(prices) - MONTHS)
    ticker = rng.choice(sorted(prices[0]))
    price = prices[start + MONTHS][ticker]
    return price / prices[start][ticker], price


def suite(shapes: dict[tuple[int, ...], int] = SHAPES) -> Iterator[Case]:
    """Every case of the suite, flat accounts first; new accounts know only deposits, flat ones no shallow reach."""
    for shape, count in shapes.items():
        for member in range(count):
            for near_equal in (False, True):
                for drifted in (False, True):
                    events = [*DEPOSITS, *WITHDRAWALS, *REBALANCES] if drifted else list(DEPOSITS)
                    for event in events:
                        if event != "rebalance shallow" or len(shape) > 1:
                            yield from (Case(shape, near_equal, drifted, event, m, member) for m in MINIMUMS)
