"""Books by hand: fills whole and partial, rests cancelled, prices that moved."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from solver import (
    ChangedPie,
    Deposit,
    Events,
    Pie,
    Plan,
    Portfolio,
    Rebalance,
    Side,
    TargetChange,
    TargetSlice,
    Withdrawal,
    plan,
)
from solver.trading.blocks import Fill, by_amount_shares, most_for_nothing
from solver.trading.books import holdings, open_books
from solver.trading.checks import check_books
from solver.trading.fills import apply_fills, at_prices, cancel_rests
from tests.unit.filling import SHARE, account, filled, leaf, nested, opened, reasons, two, values


@pytest.mark.parametrize(
    ("portfolio", "events"),
    [
        (two(), Rebalance()),
        (two(cash=3_33), Deposit(100_00)),
        (two(cash=3_33), Withdrawal(50_00)),
        (nested(), Rebalance("p")),
        (nested(), [Rebalance(), Deposit(12_34), Withdrawal(5)]),
        (nested(), TargetChange((ChangedPie("", (TargetSlice("a", 1), TargetSlice("b", 1))),))),
        (nested(), TargetChange((ChangedPie("p", (TargetSlice("c", 0), TargetSlice("d", 1))),))),
        (account(leaf("a", 80_00, 1), leaf("x", 20_00, 5, "A"), leaf("b", 40_00), cash=9), Rebalance()),
        (account(leaf("a", 81_00, 1), leaf("x", 20_00, 5, "A"), leaf("b", 49_00, 2), cash=9), Withdrawal(40_00)),
        (account(leaf("a", 60_00), leaf("b", 40_00), step=SHARE), Deposit(77_77)),
    ],
)
def test_all_filled_at_the_prices_of_the_plan_is_the_plan(portfolio: Portfolio, events: Events) -> None:
    books, made = opened(portfolio, events)
    assert not books.finished
    assert books.opened.value + books.opened.cash == portfolio.value + portfolio.cash
    for side in (Side.SELL, Side.BUY):
        books = apply_fills(
            books,
            [
                Fill("f", "me", o.order_id, o.security_id, side, o.quantity_nanos, o.amount)
                for o in books.open_orders(side)
            ],
        )
    assert books.finished
    assert books.cash == made.cash
    assert (books.unpaid, books.overdrawn) == (0, 0)
    assert books.portfolio.root == made.portfolio_after.root
    assert books.portfolio.cash == made.portfolio_after.cash
    held = {holding.security_id for _, _, holding in holdings(books.portfolio.root)}
    assert [s.security_id for s in books.portfolio.securities] == sorted(held)


def test_a_part_filled_and_the_rest_cancelled() -> None:
    """a sells 10.00 (1 share), of which 0.4 for 4.00 come; b, a purchase, is not sent."""
    books, _ = opened(two(), Rebalance())
    books = filled(books, Side.SELL, Fraction(4, 10))
    assert values(books.portfolio) == {"a": 56_00, "b": 40_00}
    assert books.portfolio.cash == 4_00
    assert [w.done for w in books.working] == [False, False]
    assert books.open_orders(Side.SELL) == ()
    ended = cancel_rests(books)
    assert ended.finished
    assert ended.portfolio == books.portfolio
    assert ended.open_orders(Side.BUY) == ()
    assert cancel_rests(cancel_rests(books, ["one/2"]), ["one/1"]) == ended
    assert reasons(lambda: cancel_rests(books, ["one/1", "none"])) == [("order_ids[1]", "UNKNOWN_ORDER")]
    late = Fill("late", "me", "one/1", "A", Side.SELL, SHARE // 2, 5_00)
    assert reasons(lambda: apply_fills(ended, [late])) == [("fills[0].order_id", "ORDER_CANCELLED")]


def test_prices_that_moved() -> None:
    """Sold at 9.00 where 10.00 was planned; afterwards A is 9.00 and B 21.00."""
    books, _ = opened(two(), Rebalance())
    books = filled(books, Side.SELL, 1, Fraction(9, 10))
    assert books.cash.after == 9_00
    moved = at_prices(books, {"A": 9_000_000, "B": 21_000_000})
    assert values(moved.portfolio) == {"a": 45_00, "b": 42_00}
    assert moved.portfolio.securities[1].price_micros == 21_000_000
    order = books.working[0].order
    (fill,) = books.fills
    fresh, _ = opened(two(), Rebalance())
    assert apply_fills(fresh, [fill], {"A": 9_000_000, "B": 21_000_000}) == moved
    assert order.order_id == fill.order_id
    for wrong, reason in (({"Z": 1}, "UNKNOWN_SECURITY"), ({"A": 0}, "OUT_OF_RANGE"), ({"A": 1.5}, "OUT_OF_RANGE")):
        (name,) = wrong
        assert reasons(lambda wrong=wrong: at_prices(books, wrong)) == [(f"prices[{name}]", reason)]  # type: ignore[misc]


def test_a_liquidation_that_is_not_all_sold_stays_as_a_retired_slice() -> None:
    change = TargetChange((ChangedPie("", (TargetSlice("a", 1), TargetSlice("b", 1))),))
    books, _ = opened(nested(), change)
    assert books.leaving == {"c", "d"}
    half = cancel_rests(filled(books, Side.SELL, Fraction(1, 2)))
    assert values(half.portfolio) == {"a": 250_00, "b": 150_00, "c": 50_00, "d": 150_00}
    assert [(s.slice_id, s.target_weight) for s in half.portfolio.root.slices[2:]] == [("c", 0), ("d", 0)]
    assert half.portfolio.cash == 207_00
    again = plan(half.portfolio, Withdrawal(307_00))
    assert isinstance(again, Plan)  # what is left is sold first
    assert {o.security_id: o.amount for o in again.orders} == {"C": 50_00, "D": 50_00}
    sold = filled(books, Side.SELL)
    assert set(values(sold.portfolio)) == {"a", "b"}
    inside, _ = opened(nested(), TargetChange((ChangedPie("p", (TargetSlice("c", 1),)),)))
    p = filled(inside, Side.SELL, Fraction(1, 3)).portfolio.root.slices[0].content
    assert isinstance(p, Pie)
    assert [(s.slice_id, s.target_weight) for s in p.slices] == [("c", 1), ("d", 0)]


FILL = Fill("f", "me", "one/1", "A", Side.SELL, SHARE, 10_00)
REFUSED = [
    (replace(FILL, account_id="you"), ("fills[0].account_id", "UNKNOWN_ACCOUNT")),
    (replace(FILL, order_id="one/9"), ("fills[0].order_id", "UNKNOWN_ORDER")),
    (replace(FILL, side=Side.BUY), ("fills[0].side", "WRONG_SIDE")),
    (replace(FILL, security_id="B"), ("fills[0].security_id", "WRONG_SECURITY")),
    (replace(FILL, fill_id=""), ("fills[0].fill_id", "MISSING_ID")),
    (replace(FILL, quantity_nanos=-1), ("fills[0].quantity_nanos", "OUT_OF_RANGE")),
    (replace(FILL, amount=1.0), ("fills[0].amount", "OUT_OF_RANGE")),
    (replace(FILL, quantity_nanos=SHARE + 1), ("fills[0].quantity_nanos", "OVER_FILL")),
    (replace(FILL, quantity_nanos=0, amount=1), ("fills[0].amount", "OUT_OF_RANGE")),
    (Fill("g", "me", "one/2", "B", Side.BUY, 0, 10_00), ("fills[0].amount", "OUT_OF_RANGE")),
    (Fill("g", "me", "one/2", "B", Side.BUY, 0, 2), ("fills[0].amount", "OUT_OF_RANGE")),
    (Fill("g", "me", "one/2", "B", Side.BUY, 1, 10_01), ("fills[0].amount", "OVER_FILL")),
]


@pytest.mark.parametrize(("fill", "expected"), REFUSED)
def test_fills_that_fit_no_order_are_refused(fill: Fill, expected: tuple[str, str]) -> None:
    books, _ = opened(two(), Rebalance())
    before = books.portfolio
    assert reasons(lambda: apply_fills(books, [fill])) == [expected]
    assert (books.portfolio, books.fills) == (before, ())


def test_a_cent_for_no_shares_is_rounding() -> None:
    """Of four steps for three cents the smallest of three orders gets no step, and pays its cent all the same."""
    assert by_amount_shares([1, 3, 3], 10_000, 40_000, 3) == ([0, 20_000, 20_000], [1, 1, 1])
    books, _ = opened(two(), Rebalance())
    cent = Fill("g", "me", "one/2", "B", Side.BUY, 0, 1)
    paid = apply_fills(books, [cent])
    assert (paid.cash.bought, paid.portfolio.root) == (1, books.portfolio.root)
    check_books(paid)
    wrong = replace(
        paid, fills=(replace(cent, amount=10_00),), working=(paid.working[0], replace(paid.working[1], amount=10_00))
    )
    assert reasons(lambda: check_books(wrong)) == [("books.fills[0].amount", "OUT_OF_RANGE")]


def test_what_no_shares_may_cost() -> None:
    """An order of 50.00; in steps of 5.00 whoever shares out by steps may leave it without one."""
    assert most_for_nothing(50_00, 5 * SHARE, 10_000, by_quantity=False) == 1
    assert most_for_nothing(50_00, 5 * SHARE, SHARE // 2, by_quantity=False) == 20_00
    assert most_for_nothing(50_00, 5 * SHARE, SHARE // 2, by_quantity=True) == 0
    assert most_for_nothing(50_00, 5 * SHARE, 10_000, by_quantity=False, times=100) == 100


def test_fills_count_once_in_any_order() -> None:
    books, _ = opened(two(), Rebalance())
    some = [
        replace(FILL, fill_id=name, quantity_nanos=SHARE // 4, amount=cents) for name, cents in (("x", 249), ("y", 251))
    ]
    once = apply_fills(books, some)
    assert apply_fills(once, some) == once == apply_fills(books, [*reversed(some), *some])
    assert apply_fills(apply_fills(books, some[1:]), some[:1]) == once
    assert apply_fills(cancel_rests(once), some).fills == once.fills  # news of old, after the rest is cancelled
    other = replace(some[0], amount=250)
    assert reasons(lambda: apply_fills(once, [other])) == [("fills[0].fill_id", "CONFLICTING_FILL")]
    assert reasons(lambda: apply_fills(books, [some[0], other])) == [("fills[1].fill_id", "CONFLICTING_FILL")]
    more = replace(FILL, fill_id="z", quantity_nanos=SHARE // 2 + 1)
    assert reasons(lambda: apply_fills(once, [some[0], more])) == [("fills[1].quantity_nanos", "OVER_FILL")]


def test_a_withdrawal_is_paid_from_what_came() -> None:
    books, made = opened(two(cash=1_00), Withdrawal(21_00))
    short = cancel_rests(filled(books, Side.SELL, 1, Fraction(1, 2)))
    assert (short.cash.paid_out, short.unpaid, short.portfolio.cash) == (11_00, 10_00, 0)
    assert made.cash.paid_out == 21_00


def test_whole_shares_that_cost_more_than_there_is() -> None:
    books, _ = opened(account(leaf("a", 0), step=SHARE), Deposit(55_00))
    books = filled(books, Side.BUY, 1, Fraction(12, 10))
    assert (books.cash.after, books.overdrawn, books.portfolio.cash) == (-5_00, 5_00, 0)
    settled = plan(books.portfolio, Withdrawal(5_00))
    assert isinstance(settled, Plan)


def test_another_portfolio_is_refused() -> None:
    made = plan(two(), Rebalance())
    assert isinstance(made, Plan)
    assert reasons(lambda: open_books("me", "p", two(cash=1), made)) == [("plan.cash.before", "PLAN_DISAGREES")]
    other = account(leaf("a", 61_00), leaf("b", 40_00))
    assert reasons(lambda: open_books("me", "p", other, made)) == [("plan.orders", "PLAN_DISAGREES")]


# what is planned again
