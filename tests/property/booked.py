"""Accounts at prices, in fractional or whole steps, one slice a security; and their books as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Security,
    Side,
    TargetChange,
    TargetSlice,
    Withdrawal,
    plan,
)
from solver.columns import Accounts, EventKind
from solver.steps import Steps
from solver.trading.book_columns import HeldColumns, MoneyColumns, WorkingColumns
from solver.trading.books import Books, holdings
from solver.tree import Tree, flatten
from tests.property.strategies import portfolios

SHARE = 10**9
PRICES = st.one_of(
    st.sampled_from([1, 9_999, 10_000, 3_333_333, 123_456_789, 999_999_999, 700_000_000_001]),
    st.integers(1, 10**9),
)
FINE = (1, 7, 10_000, 999_983)  # nanoshares: worth no more than a cent at these prices, or priced down until they are
COARSE = (10_000_000, 333_333_333, SHARE)


def unit(price_micros: int) -> Steps:
    return Steps.of(price_micros, 1, 2)


@st.composite
def at_prices_of(draw: st.DrawFn, portfolio: Portfolio, coarse: bool) -> Portfolio:
    """The account with shares for its values, at prices of its own; values are those of the shares, rounded down."""
    securities = []

    def content(of: Holding | Pie) -> Holding | Pie:
        if isinstance(of, Pie):
            return replace(of, slices=tuple(replace(s, content=content(s.content)) for s in of.slices))
        price, step = draw(PRICES), draw(st.sampled_from(COARSE if coarse and draw(st.booleans()) else FINE))
        if not coarse and Steps.of(price, step, 2).coarse:
            step = 1
        securities.append(Security(of.security_id, price_micros=price, quantity_step_nanos=step))
        quantity = unit(price).reaching(of.value) + draw(st.sampled_from([0, 0, 1, 12_345]))
        if draw(st.booleans()):
            quantity = quantity // step * step
        return Holding(of.security_id, unit(price).amount(quantity), quantity)

    root = content(portfolio.root)
    assert isinstance(root, Pie)
    return replace(portfolio, root=root, securities=tuple(securities))


@st.composite
def column_events(draw: st.DrawFn, portfolio: Portfolio) -> Event:
    """An event that columns can say."""
    worth, tree = portfolio.value + portfolio.cash, flatten(portfolio)
    pies = [tree.slice_ids[row] for row, below in enumerate(tree.children) if below]
    kind = draw(st.sampled_from(["deposit", "withdrawal", "rebalance", "rebalance", "rebalance", "liquidation"]))
    if kind == "deposit":
        return Deposit(draw(st.integers(0, max(1, worth))))
    if kind == "withdrawal":
        return Withdrawal(draw(st.integers(1, max(1, worth))))
    if kind == "rebalance":
        return Rebalance(draw(st.sampled_from([*pies, "", ""])), draw(st.sampled_from(Reach)))
    row = draw(st.integers(1, len(tree.parent) - 1))
    pie = tree.parent[row]
    kept = tuple(TargetSlice(tree.slice_ids[r], 0 if r == row else tree.weight[r]) for r in tree.children[pie])
    return TargetChange((ChangedPie(tree.slice_ids[pie], kept),))


@st.composite
def priced_plans(
    draw: st.DrawFn, most_value: int = 2_000, coarse: bool = True
) -> tuple[Portfolio, Event, Rules, Plan] | None:
    """An account at prices, its event, its rules, and the plan; ``None`` where there is none."""
    portfolio = draw(at_prices_of(draw(portfolios(most_value, cash=most_value)), coarse))
    event, rules = draw(column_events(portfolio)), Rules(draw(st.sampled_from([0, 0, 1, most_value // 4])))
    try:
        made = plan(portfolio, event, rules)
    except InvalidRequest:  # nothing keeps a target, or a rebalance beside coarse steps
        return None
    return (portfolio, event, rules, made) if isinstance(made, Plan) else None


def ints(numbers: Sequence[int]) -> Any:
    return np.array(numbers, dtype=np.int64)


class Rows:
    """Accounts behind one another: where each row of an account stands, and what the accounts hold."""

    def __init__(self, accounts: Sequence[Portfolio]) -> None:
        self.trees: list[Tree] = [flatten(account) for account in accounts]
        self.start = np.cumsum([0] + [len(tree.parent) for tree in self.trees])
        self.listed: list[Security] = []
        security, held = list[int](), list[int]()
        for account, tree in zip(accounts, self.trees, strict=True):
            place = {one.security_id: len(self.listed) + k for k, one in enumerate(account.securities)}
            self.listed += account.securities
            security += [place.get(name, -1) for name in tree.security_ids]
            held += tree.quantity
        self.held = HeldColumns(
            self.start,
            ints(security),
            ints(held),
            ints([one.price_micros or 0 for one in self.listed]),
            ints([one.step_nanos for one in self.listed]),
        )
        self.value = ints([value for tree in self.trees for value in tree.value])

    def row(self, account: int, slice_id: str) -> int:
        return int(self.start[account]) + self.trees[account].slice_ids.index(slice_id)

    def trades(self, plans: Sequence[Plan]) -> Any:
        """What the plans trade, by row."""
        trade = np.zeros(len(self.value), dtype=np.int64)
        for account, made in enumerate(plans):
            for order in made.orders:
                trade[self.row(account, order.parts[0].slice_id)] = order.amount * (
                    -1 if order.side is Side.SELL else 1
                )
        return trade

    def at(self, prices: Sequence[dict[str, int]]) -> HeldColumns:
        """The same holdings at other prices, by account and security id."""
        security = iter(self.listed)
        moved = [
            by_name.get(one.security_id, one.price_micros or 0)
            for by_name, tree in zip(prices, self.trees, strict=True)
            for one in (next(security) for name in tree.security_ids if name)
        ]
        return replace(self.held, price_micros=ints(moved))


def accounts_columns(rows: Rows, asked: Sequence[tuple[Event, Rules]]) -> Accounts:
    """The accounts with their events, as ``plan_columns`` takes them; by ``column_events``."""
    kinds, amounts, places = list[int](), list[int](), list[int]()
    for tree, (event, _) in zip(rows.trees, asked, strict=True):
        place, amount = 0, 0
        if isinstance(event, Deposit | Withdrawal):
            kind = EventKind.DEPOSIT if isinstance(event, Deposit) else EventKind.WITHDRAWAL
            amount = event.amount
        elif isinstance(event, Rebalance):
            kind = EventKind.REBALANCE if event.reach is Reach.DEEP else EventKind.REBALANCE_SHALLOW
            place = tree.slice_ids.index(event.slice_id)
        else:
            kind = EventKind.LIQUIDATION
            gone = [t.slice_id for t in event.pies[0].slices if not t.target_weight]
            weighed = [name for name in gone if tree.weight[tree.slice_ids.index(name)]]
            place = tree.slice_ids.index((weighed or gone)[0])
        kinds.append(kind)
        amounts.append(amount)
        places.append(place)
    return Accounts(
        start=rows.start,
        event=ints(kinds),
        amount=ints(amounts),
        event_row=ints(places),
        cash=ints([0] * len(kinds)),
        min_trade=ints([rules.min_trade for _, rules in asked]),
        parent=ints([parent for tree in rows.trees for parent in tree.parent]),
        target_weight=ints([weight for tree in rows.trees for weight in tree.weight]),
        value=rows.value,
        blocked=rows.value * 0,
    )


def working_columns(rows: Rows, books: Sequence[Books]) -> WorkingColumns:
    """The orders of all books, each at its row."""
    listed = [(rows.row(a, one.slices[0][0]), one) for a, own in enumerate(books) for one in own.working if one.slices]
    return WorkingColumns(
        ints([row for row, _ in listed]),
        np.array([one.order.side is Side.SELL for _, one in listed], dtype=np.bool_),
        ints([one.order.amount for _, one in listed]),
        ints([one.order.quantity_nanos for _, one in listed]),
        ints([one.quantity_nanos for _, one in listed]),
        ints([one.amount for _, one in listed]),
        np.array([one.cancelled for _, one in listed], dtype=np.bool_),
    )


def money_columns(books: Sequence[Books]) -> MoneyColumns:
    told = [(own.opened.cash, own.received, own.due) for own in books]
    return MoneyColumns(*(ints([one[k] for one in told]) for k in range(3)))


def by_slice(portfolio: Portfolio) -> dict[str, tuple[int, int]]:
    """Shares and value of every slice that holds something."""
    return {name: (held.quantity_nanos or 0, held.value) for name, _, held in holdings(portfolio.root)}
