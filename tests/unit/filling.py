"""Books on their way, built by hand: accounts of known prices, opened, and filled on one side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from solver import (
    Events,
    Holding,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
    Rules,
    Security,
    Side,
    Slice,
    plan,
)
from solver.trading.blocks import BlockFill, aggregate_orders, allocate_fills
from solver.trading.books import Books, holdings, open_books
from solver.trading.fills import apply_fills

SHARE = 10**9
PRICES = {"A": 10_000_000, "B": 20_000_000, "C": 50_000_000, "D": 4_000_000, "E": 8_000_000}


def leaf(name: str, value: int, weight: int = 1, security: str = "") -> Slice:
    security = security or name.upper()
    return Slice(name, weight, Holding(security, value, value * 10**13 // PRICES[security]))


def account(*slices: Slice, cash: int = 0, **rules: object) -> Portfolio:
    root = Pie(slices)
    names = sorted({held.security_id for _, _, held in holdings(root)} | ({"E"} if rules.pop("also", "") else set()))
    step = rules.pop("step", None)
    securities = tuple(
        replace(Security(name, price_micros=PRICES[name], quantity_step_nanos=step), **(rules.get(name) or {}))  # type: ignore[arg-type]
        for name in names
    )
    return Portfolio(root, cash, securities=securities)


def opened(portfolio: Portfolio, events: Events, rules: Rules | None = None) -> tuple[Books, Plan]:
    made = plan(portfolio, events, rules)
    assert isinstance(made, Plan)
    return open_books("me", "one", portfolio, made), made


def filled(books: Books, side: Side, part: Fraction | int = 1, factor: Fraction | int = 1) -> Books:
    """The books once ``part`` of every order of a side was filled at ``factor`` times its price."""
    for block in aggregate_orders(books.open_orders(side)):
        price = int(PRICES[block.security_id] * factor)
        step = block.step_nanos
        most = block.quantity_nanos if block.by_quantity else block.amount * 10**13 // price
        quantity = int(most * part) // step * step if part != 1 or not block.by_quantity else most
        fills = [BlockFill(f"{block.security_id}-{side.value}", block.security_id, side, quantity, price)]
        books = apply_fills(books, allocate_fills(block, fills))
    return books


def values(portfolio: Portfolio) -> dict[str, int]:
    return {name: held.value for name, _, held in holdings(portfolio.root)}


def quantities(portfolio: Portfolio) -> dict[str, int]:
    return {name: held.quantity_nanos or 0 for name, _, held in holdings(portfolio.root)}


def reasons(refused: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        refused()
    return [(violation.field, violation.reason) for violation in caught.value.violations]


def two(cash: int = 0) -> Portfolio:
    return account(leaf("a", 60_00), leaf("b", 40_00), cash=cash)


def nested() -> Portfolio:
    inner = Pie((leaf("c", 100_00), leaf("d", 300_00)))
    return account(Slice("p", 1, inner), leaf("a", 250_00), leaf("b", 150_00), cash=7_00)
