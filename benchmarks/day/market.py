"""A toy exchange over real prices: what it reports of a block order, a function of the block alone.

It keeps nothing: asked again it says the same, with all fills so far, so that a broker that was killed and comes back
hears everything twice. Blocks are filled whole or in part, at once or late, in one or several fills, or rejected.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from solver.securities import Side
from solver.trading.blocks import BlockFill

__all__ = ["Report", "Sent", "report"]

NANOS = 10**9
Price = Callable[[str, datetime], int]


@dataclass(frozen=True, slots=True)
class Sent:
    """A block order in the market: minor units or nanoshares, from when, and when its session closes."""

    block_id: str
    security_id: str
    side: Side
    amount: int
    quantity_nanos: int
    by_quantity: bool
    step_nanos: int
    sent_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """All fills of a block, each with its instant, and when no more comes; ``rejected`` where nothing ever did."""

    fills: tuple[tuple[datetime, BlockFill], ...]
    over_at: datetime
    rejected: bool
    delayed: bool


def report(seed: int, sent: Sent, price: Price) -> Report:
    """What becomes of a block, start to end; whoever asks takes what its clock has reached."""
    rng = random.Random(f"market {seed} {sent.block_id}")
    over = min(sent.sent_at + timedelta(seconds=30), sent.ends_at)
    if rng.random() < 0.05:
        return Report((), over, True, False)
    delayed = rng.random() < 0.08
    wait = timedelta(minutes=35) if delayed else timedelta(seconds=rng.randrange(2, 20))
    whole = rng.random() < 0.75
    share = 1_000 if whole else rng.randrange(1, 990)
    left = (sent.quantity_nanos if sent.by_quantity else sent.amount) * share // 1_000
    exact = not sent.by_quantity and sent.step_nanos < NANOS and rng.random() < 0.25
    fills: list[tuple[datetime, BlockFill]] = []
    at = sent.sent_at + wait
    for number in range(rng.choice((1, 1, 2, 3)), 0, -1):
        if at >= sent.ends_at or left <= 0:
            break
        part = left if number == 1 else left * rng.randrange(200, 800) // 1_000
        at_price = price(sent.security_id, at)
        quantity = _quantity(sent, part, at_price, whole and number == 1, exact)
        if quantity:
            name = f"{sent.block_id}.{len(fills)}"
            fill = BlockFill(name, sent.security_id, sent.side, quantity, at_price)
            left -= quantity if sent.by_quantity else quantity * at_price // 10**13
            fills.append((at, fill))
        at += timedelta(minutes=rng.randrange(1, 25))
    # what is left of a day order stays in the market until the close
    over = min(fills[-1][0] + timedelta(seconds=1), sent.ends_at) if whole and fills else sent.ends_at
    return Report(tuple(fills), over, False, delayed)


def _quantity(sent: Sent, part: int, price: int, rest: bool, exact: bool) -> int:
    """Nanoshares of one fill: in steps, but for the rest of a whole block, and a purchase of an amount to the cent."""
    step = sent.step_nanos
    if sent.by_quantity:
        return part if rest else part // step * step
    if exact:  # the amount to the cent
        return -(-part * 10**13 // price)
    return part * 10**13 // price // step * step
