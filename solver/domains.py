"""What one leaf may trade under the caller's rules: up to three ranges beside 0, possibly in whole steps.

    buys    [max(m, 1, least − V), min(money, most − V)]     none where buying is blocked
    sells   [min(m, V), V − least]                           none where selling is blocked
    closes  V                                                the sale of all that is held, where no range has it

With quantity steps coarser than a cent (``Steps.coarse``) the amounts within a range are a(1), a(2), …, and the ranges'
ends are such amounts; a sale of all has the value of what is held, whatever the steps are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from solver.steps import Steps

__all__ = ["Domain", "Limits", "domain", "unlimited"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the caller's rules let one leaf do; amounts in minor units.

    An order is at least ``min_trade``, but for a position sold whole. Afterwards the leaf is worth at most ``most``
    (``None``: any value) and, if anything, at least ``least``; what is above ``most`` already may stay but not grow,
    and a rebalance sells it down. The ids in ``no_buy`` and ``no_sell`` say why a side is blocked. ``steps`` (``None``:
    any amount) are those of a security of which ``whole_steps`` whole steps are held, less one where that is all.
    """

    min_trade: int = 0
    no_buy: tuple[str, ...] = ()
    no_sell: tuple[str, ...] = ()
    most: int | None = None
    least: int = 0
    steps: Steps | None = None
    whole_steps: int = 0


@lru_cache(maxsize=64)
def unlimited(min_trade: int) -> Limits:
    """The limits of a security that has no rules of its own."""
    return Limits(min_trade)


@dataclass(slots=True)
class Domain:
    """The ranges of one leaf, as magnitudes; 0 where there is none. ``flow_max`` bounds its trade from above."""

    buy_min: int = 0
    buy_max: int = 0
    sell_min: int = 0
    sell_max: int = 0
    closes: int = 0
    flow_max: int = 0


def domain(limit: Limits, held: int, money: int, may_buy: bool, may_sell: bool, balances: bool) -> Domain:
    """The domain of a leaf that holds ``held`` where ``money`` is all there is to spend.

    ``balances`` says that its pie is rebalanced: then what is above the largest position has to go.
    """
    found = Domain()
    m = max(limit.min_trade, 1)
    most = money if limit.most is None else min(money, limit.most - held)
    least = max(m, limit.least - held)
    if limit.steps:
        least, most = limit.steps.amount(limit.steps.reaching(least)), _whole(limit.steps, most)
    if may_buy and not limit.no_buy and least <= most:
        found.buy_min, found.buy_max = least, most
    if may_sell and not limit.no_sell and held > 0:
        _add_sales(found, limit, held, m)
    found.flow_max = found.buy_max
    if balances and limit.most is not None and held > limit.most and (found.sell_max or found.closes):
        found.flow_max = limit.most - held
    return found


def _add_sales(found: Domain, limit: Limits, held: int, m: int) -> None:
    least, most = min(m, held), held - limit.least
    if limit.steps:
        most = min(most, limit.steps.amount(limit.whole_steps))
        most = held if most >= held - 1 and not limit.steps.coarse else _whole(limit.steps, most)
        least = min(limit.steps.amount(limit.steps.reaching(least)), held)
    if 0 < least <= most:
        found.sell_min, found.sell_max = least, most
    if most < held:
        found.closes = held


def _whole(steps: Steps, amount: int) -> int:
    """The largest order in whole steps that is worth no more than ``amount``."""
    return steps.amount(steps.within(amount)) if amount > 0 else 0
