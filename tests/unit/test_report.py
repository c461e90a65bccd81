"""What a plan says of its slices, beyond the orders: values before and after, also of what the event emptied."""

from __future__ import annotations

import pytest

from solver import (
    ChangedPie,
    Deposit,
    Holding,
    InvalidRequest,
    NewPie,
    Pie,
    Plan,
    Portfolio,
    Rebalance,
    Rules,
    Security,
    Slice,
    TargetChange,
    TargetSlice,
    plan,
)


def nested() -> Portfolio:
    inner = Pie((Slice("b", 1, Holding("B", 700)), Slice("c", 1, Holding("C", 300))))
    return Portfolio(Pie((Slice("a", 1, Holding("A", 1_000)), Slice("p", 1, inner))))


def rows(answer: object) -> dict[str, tuple[int, int, int]]:
    assert isinstance(answer, Plan)
    return {n.slice_id: (n.value_before, n.trade, n.value_after) for n in answer.nodes}


def test_a_pie_set_to_zero_shows_what_it_sold() -> None:
    event = TargetChange((ChangedPie("", (TargetSlice("a", 1), TargetSlice("p", 0))),))
    assert rows(plan(nested(), event)) == {
        "": (2_000, 0, 2_000),
        "a": (1_000, 1_000, 2_000),
        "p": (1_000, -1_000, 0),
        "b": (700, -700, 0),
        "c": (300, -300, 0),
    }


def test_a_pie_that_leaves_shows_its_holdings() -> None:
    event = TargetChange((ChangedPie("", (TargetSlice("a", 1), TargetSlice("n", 1, NewPie((TargetSlice("b", 1),))))),))
    assert rows(plan(nested(), event)) == {
        "": (2_000, 0, 2_000),
        "a": (1_000, 0, 1_000),
        "n": (700, 300, 1_000),
        "b": (700, 300, 1_000),
        "c": (300, -300, 0),
    }


def test_a_retired_pie_rebalances_when_it_is_asked_to() -> None:
    """Nothing enters a retired pie, but inside it the caller's own event may buy."""
    inner = Pie((Slice("b", 1, Holding("B", 700)), Slice("c", 1, Holding("C", 300))))
    portfolio = Portfolio(Pie((Slice("a", 1, Holding("A", 1_000)), Slice("p", 0, inner))))
    assert rows(plan(portfolio, Rebalance("p")))["b"] == (700, -200, 500)
    assert rows(plan(portfolio, Deposit(100)))["p"] == (1_000, 0, 1_000)


def test_without_explanation_the_orders_are_the_same() -> None:
    told, short = plan(nested(), Deposit(500), Rules(300)), plan(nested(), Deposit(500), Rules(300), explain=False)
    assert isinstance(told, Plan)
    assert isinstance(short, Plan)
    assert (short.orders, short.cash, short.portfolio_after) == (told.orders, told.cash, told.portfolio_after)
    assert told.nodes
    assert told.certificate.evidence
    assert not short.nodes
    assert not short.certificate.evidence
    assert short.certificate.lower_bound == told.certificate.lower_bound


def test_shares_that_come_to_more_than_any_account_may_hold_are_told_of_at_once() -> None:
    """At ten dollars a value may be off its ten billion shares by 10,000 dollars; bought more of, they count in full."""
    held = Holding("A", 10**13 - 900_000, 10**19 - 10**9)
    portfolio = Portfolio(Pie((Slice("a", 1, held),)), securities=(Security("A", price_micros=10_000_000),))
    with pytest.raises(InvalidRequest, match="portfolio: totals 10000000004000"):
        plan(portfolio, Deposit(5_000))
