"""Blocks by hand: what they sum, how fills of several prices come back, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from solver import Deposit, Holding, InvalidRequest, Pie, Plan, Portfolio, Rebalance, Security, Side, Slice, plan
from solver.trading.block_columns import (
    OrderColumns,
    _shares,
    aggregate_columns,
    allocate_columns,
    fill_totals,
)
from solver.trading.blocks import (
    AccountOrder,
    BlockFill,
    aggregate_orders,
    allocate_fills,
    orders_of,
    remaining,
    share_out,
)

SHARE = 10**9
STEP = 10_000


def order(account: str, side: Side, amount: int, quantity: int, step: int = STEP, security: str = "S") -> AccountOrder:
    by_quantity = side is Side.SELL or step == SHARE
    return AccountOrder(account, f"{account}/1", security, side, amount, quantity, by_quantity, step)


def sale(account: str, shares: float, step: int = STEP) -> AccountOrder:
    return order(account, Side.SELL, round(shares * 100_00), round(shares * SHARE), step)


def purchase(account: str, amount: int) -> AccountOrder:
    return order(account, Side.BUY, amount, amount * SHARE // 100_00)


def fill(name: str, side: Side, shares: float, price: float, security: str = "S") -> BlockFill:
    return BlockFill(name, security, side, round(shares * SHARE), round(price * 10**6))


def shared(orders: list[AccountOrder], *fills: BlockFill) -> dict[str, tuple[float, int]]:
    (block,) = aggregate_orders(orders)
    return {s.account_id: (s.quantity_nanos / SHARE, s.amount) for s in allocate_fills(block, fills)}


def reasons(refused: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        refused()
    return [(violation.field, violation.reason) for violation in caught.value.violations]


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (11, [1, 1, 1], [4, 4, 3]),
        (7, [50, 30, 20], [4, 2, 1]),
        (100, [0, 1], [0, 100]),
        (0, [0, 0], [0, 0]),
        (5, [3, 2], [3, 2]),
    ],
)
def test_shares(total: int, weights: list[int], shares: list[int]) -> None:
    assert share_out(total, weights) == shares
    assert _shares(total, np.array(weights)).tolist() == shares


def test_shares_too_large_for_64_bits_are_exact() -> None:
    weights = [10**18, 10**18, 7, 3 * 10**18]
    for total in (4 * 10**18 + 3, 12345):
        assert _shares(total, np.array(weights)).tolist() == share_out(total, weights)
    for odd in (1, 12_345, 999_999_937):
        near, total = [2**59 - odd, 2**58 + odd], 2**61 + 7 * odd
        assert _shares(total, np.array(near)).tolist() == share_out(total, near)
    for large in ([5 * 10**17 + 3, 10**16 + 7, 1], [9 * 10**18, 9 * 10**18 - 1, 10**18 + 1]):
        for total in (5 * 10**17 + 11, 12345):
            assert _shares(total, np.array(large)).tolist() == share_out(total, large)


def test_accounts_that_cross_are_not_netted() -> None:
    orders = [purchase("b", 50_00), sale("c", 2), purchase("a", 25_00), replace(sale("a", 3), security_id="R")]
    blocks = aggregate_orders(orders)
    assert [(b.side, b.security_id, b.quantity_nanos / SHARE, b.amount, b.by_quantity) for b in blocks] == [
        (Side.SELL, "R", 3.0, 300_00, True),
        (Side.SELL, "S", 2.0, 200_00, True),
        (Side.BUY, "S", 0.75, 75_00, False),
    ]
    assert [o.account_id for o in blocks[2].orders] == ["a", "b"]
    assert aggregate_orders([]) == ()


def test_two_prices_are_one_average_for_all() -> None:
    """3 shares at 100.00 and 1 at 104.00: 404.00 for 4, half of what is wanted."""
    fills = fill("x", Side.SELL, 3, 100), fill("y", Side.SELL, 1, 104)
    assert shared([sale("a", 6), sale("b", 2)], *fills) == {"a": (3.0, 303_00), "b": (1.0, 101_00)}


def test_cents_that_do_not_divide_go_to_the_largest_remainder() -> None:
    """100.01 for 1 share of three sellers: 33.33666… each, for 0.33334, 0.33333 and 0.33333 shares."""
    got = shared([sale(name, 1) for name in "cab"], fill("x", Side.SELL, 1, 100.01))
    assert got == {"a": (0.33334, 33_34), "b": (0.33333, 33_34), "c": (0.33333, 33_33)}


def test_whole_shares_stay_whole() -> None:
    """7 of 10: of 5.6, 1.4 exactly, the larger remainder is a's; odd rests only to who sells all."""
    assert shared([sale("a", 8, SHARE), sale("b", 2, SHARE)], fill("x", Side.SELL, 7, 10)) == {
        "a": (6.0, 60_00),
        "b": (1.0, 10_00),
    }
    closing = [sale("a", 8, SHARE), sale("b", 2.25, SHARE)]
    assert shared(closing, fill("x", Side.SELL, 7.25, 10)) == {"a": (6.0, 60_00), "b": (1.25, 12_50)}
    assert shared(closing, fill("x", Side.SELL, 10.25, 10)) == {"a": (8.0, 80_00), "b": (2.25, 22_50)}
    odd = [sale("a", 1.75, SHARE), sale("b", 1.75, SHARE)]
    assert shared(odd, fill("x", Side.SELL, 3.25, 10)) == {"a": (1.625, 16_25), "b": (1.625, 16_25)}
    whole = [order(name, Side.BUY, 30_00, 3 * SHARE, SHARE) for name in "ab"]
    assert shared(whole, fill("x", Side.BUY, 5, 11)) == {"a": (3.0, 33_00), "b": (2.0, 22_00)}


def test_purchases_by_amount_never_cost_more() -> None:
    """Two thirds of 30.00 at 8.00: 20.00 for 2.5 shares; what is left of each order stays cash."""
    got = shared([purchase("a", 20_00), purchase("b", 10_00)], fill("x", Side.BUY, 2.5, 8))
    assert got == {"a": (1.66667, 13_33), "b": (0.83333, 6_67)}
    assert shared([purchase("a", 20_01), purchase("b", 10_00)], fill("x", Side.BUY, 3.001, 10)) == {
        "a": (2.001, 20_01),
        "b": (1.0, 10_00),
    }


def test_a_step_worth_more_than_a_cent_is_split() -> None:
    """At 700,000 a share a step is 7.00: what 10.00 bought is no number of steps, so all get their part to the nano."""
    got = shared([purchase(name, 10_00) for name in "abc"], fill("x", Side.BUY, 0.00004, 700_000))
    assert got == {"a": (0.000013334, 9_34), "b": (0.000013333, 9_33), "c": (0.000013333, 9_33)}


def test_what_remains_is_a_block_again() -> None:
    (block,) = aggregate_orders([sale("a", 6), sale("b", 2)])
    some = allocate_fills(block, [fill("x", Side.SELL, 4, 100)])
    left = remaining(block, some)
    assert left is not None
    assert [(o.account_id, o.quantity_nanos / SHARE, o.amount) for o in left.orders] == [
        ("a", 3.0, 300_00),
        ("b", 1.0, 100_00),
    ]
    assert remaining(left, allocate_fills(left, [fill("y", Side.SELL, 4, 90)])) is None
    (bought,) = aggregate_orders([purchase("a", 30_00)])
    rest = remaining(bought, allocate_fills(bought, [fill("x", Side.BUY, 0.5, 20)]))
    assert rest is not None
    assert (rest.amount, rest.orders[0].order_id) == (20_00, "a/1")


def test_fills_sent_twice_count_once() -> None:
    one, two = fill("y", Side.SELL, 2, 100), fill("x", Side.SELL, 1, 100)
    (block,) = aggregate_orders([sale("a", 6)])
    (got,) = allocate_fills(block, [one, two, one])
    assert (got.fill_id, got.quantity_nanos, got.amount) == ("x", 3 * SHARE, 300_00)
    assert allocate_fills(block, []) == ()


GOOD = fill("x", Side.SELL, 1, 100)
REFUSED = [
    ([replace(GOOD, side=Side.BUY)], [("fills[0].side", "WRONG_SIDE")]),
    ([replace(GOOD, security_id="T")], [("fills[0].security_id", "UNKNOWN_ORDER")]),
    ([GOOD, replace(GOOD, quantity_nanos=1)], [("fills[1].fill_id", "CONFLICTING_FILL")]),
    ([replace(GOOD, fill_id="")], [("fills[0].fill_id", "MISSING_ID")]),
    ([replace(GOOD, quantity_nanos=0)], [("fills[0].quantity_nanos", "OUT_OF_RANGE")]),
    ([replace(GOOD, price_micros=1.5)], [("fills[0].price_micros", "OUT_OF_RANGE")]),
    ([replace(GOOD, quantity_nanos=8 * SHARE + 1)], [("fills", "OVER_FILL")]),
    ([GOOD, replace(GOOD, fill_id="y", quantity_nanos=7 * SHARE + STEP)], [("fills", "OVER_FILL")]),
    ([replace(GOOD, quantity_nanos=STEP + 1)], [("fills", "NOT_IN_STEPS")]),
]


@pytest.mark.parametrize(("fills", "expected"), REFUSED)
def test_fills_that_fit_no_order_are_refused(fills: list[BlockFill], expected: list[tuple[str, str]]) -> None:
    (block,) = aggregate_orders([sale("a", 6), sale("b", 2)])
    assert reasons(lambda: allocate_fills(block, fills)) == expected


def test_a_purchase_is_over_when_it_costs_more() -> None:
    (block,) = aggregate_orders([purchase("a", 20_00)])
    assert allocate_fills(block, [fill("x", Side.BUY, 2, 10)])[0].amount == 20_00
    assert reasons(lambda: allocate_fills(block, [fill("x", Side.BUY, 2, 10.005)])) == [("fills", "OVER_FILL")]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (sale("a", 1), ("orders[1].account_id", "DUPLICATE_ORDER")),
        (sale("b", 1, SHARE), ("orders[1].step_nanos", "STEPS_DISAGREE")),
        (replace(sale("b", 1), currency_code="EUR"), ("orders[1].currency_code", "CURRENCIES_DISAGREE")),
        (replace(sale("b", 1), quantity_nanos=0), ("orders[1].quantity_nanos", "OUT_OF_RANGE")),
        (replace(purchase("b", 1), amount=0), ("orders[1].amount", "AMOUNT_TOO_SMALL")),
        (replace(sale("b", 1), amount=-1), ("orders[1].amount", "NEGATIVE_AMOUNT")),
        (replace(sale("b", 1), account_id=""), ("orders[1].account_id", "MISSING_ID")),
    ],
)
def test_orders_that_are_no_block_are_refused(second: AccountOrder, expected: tuple[str, str]) -> None:
    assert reasons(lambda: aggregate_orders([sale("a", 2), second])) == [expected]


def test_sizings_of_one_side_agree() -> None:
    mixed = [purchase("a", 5), replace(purchase("b", 5), by_quantity=True)]
    assert reasons(lambda: aggregate_orders(mixed)) == [("orders[1].by_quantity", "SIZINGS_DISAGREE")]
    wrong = [replace(sale("a", 1), by_quantity=False)]
    assert reasons(lambda: aggregate_orders(wrong)) == [("orders[0].by_quantity", "SALE_BY_AMOUNT")]


def test_orders_of_a_plan() -> None:
    pie = Pie((Slice("a", 1, Holding("A", 60_00, 6 * SHARE)), Slice("b", 1, Holding("B", 40_00, 2 * SHARE))))
    priced = (Security("A", price_micros=10_000_000), Security("B", price_micros=20_000_000))
    made = plan(Portfolio(pie, securities=priced), Rebalance())
    assert isinstance(made, Plan)
    sold, bought = orders_of("me", "monday", made)
    assert (sold.order_id, sold.side, sold.quantity_nanos, sold.by_quantity) == ("monday/1", Side.SELL, SHARE, True)
    assert (bought.order_id, bought.side, bought.amount, bought.by_quantity) == ("monday/2", Side.BUY, 10_00, False)
    unpriced = plan(Portfolio(Pie((Slice("a", 1, Holding("A", 5)),))), Deposit(10))
    assert isinstance(unpriced, Plan)
    assert reasons(lambda: orders_of("", "p", unpriced)) == [
        ("account_id", "MISSING_ID"),
        ("plan.orders[0].quantity_nanos", "MISSING_PRICE"),
    ]


def listed(**changed: object) -> OrderColumns:
    ints = {
        "account": [1, 0, 0],
        "security": [0, 0, 1],
        "amount": [5, 6, 7],
        "quantity_nanos": [5 * STEP, 6 * STEP, 2 * SHARE],
        "step_nanos": [STEP, SHARE],
    }
    made: dict[str, object] = {name: np.array(numbers) for name, numbers in ints.items()}
    made["sells"] = np.array([True, True, False])
    return OrderColumns(**(made | changed))  # type: ignore[arg-type]


def test_columns() -> None:
    orders = listed()
    blocks = aggregate_columns(orders)
    assert blocks.rows.tolist() == [1, 0, 2]
    assert (blocks.sells.tolist(), blocks.by_quantity.tolist()) == ([True, False], [True, True])
    filled, money = fill_totals(blocks, [0, 0, 1], [STEP, 2 * STEP, SHARE], [10_000_000, 11_000_000, 9_000_000])
    assert (filled.tolist(), money.tolist()) == ([3 * STEP, SHARE], [0, 9_00])
    quantity, amount = allocate_columns(orders, blocks, filled, money)
    assert (quantity.tolist(), amount.tolist()) == ([STEP, 2 * STEP, SHARE], [0, 0, 9_00])
    nothing = aggregate_columns(listed(**{n: np.array([], dtype=np.int64) for n in ("account", "security")} | {
        "sells": np.array([], dtype=np.bool_), "amount": np.array([], np.int64), "quantity_nanos": np.array([], np.int64)
    }))  # fmt: skip
    assert len(nothing.security) == len(nothing.rows) == 0


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"account": np.array([0, 0, 0])}, ("orders.account[1]", "DUPLICATE_ORDER")),
        ({"account": np.array([0, -1, 0])}, ("orders.account[1]", "OUT_OF_RANGE")),
        ({"security": np.array([0, 0, 2])}, ("orders.security[2]", "OUT_OF_RANGE")),
        ({"amount": np.array([5, 6])}, ("orders.amount", "LENGTHS_DIFFER")),
        ({"amount": np.array([5.0, 6, 7])}, ("orders.amount", "NOT_A_COLUMN")),
        ({"amount": np.array([5, 6, 7], dtype=np.int32)}, ("orders.amount", "NOT_A_COLUMN")),
        ({"sells": np.array([1, 1, 0])}, ("orders.sells", "NOT_A_COLUMN")),
        ({"quantity_nanos": np.array([1, 0, 1])}, ("orders.quantity_nanos[1]", "OUT_OF_RANGE")),
        ({"quantity_nanos": np.array([2**61, 2**61, 1])}, ("orders.quantity_nanos", "AMOUNT_TOO_LARGE")),
        ({"amount": np.array([5, 6, 0]), "step_nanos": np.array([1, 1])}, ("orders.amount[2]", "AMOUNT_TOO_SMALL")),
        ({"step_nanos": np.array([0, 1])}, ("orders.step_nanos[0]", "OUT_OF_RANGE")),
    ],
)
def test_columns_that_are_no_orders_are_refused(changed: dict[str, object], expected: tuple[str, str]) -> None:
    assert reasons(lambda: aggregate_columns(listed(**changed))) == [expected]


def test_columns_over_filled_are_refused() -> None:
    orders = listed()
    blocks = aggregate_columns(orders)

    def given(*numbers: int) -> list[tuple[str, str]]:
        filled, money = np.array(numbers[:2]), np.array(numbers[2:])
        return reasons(lambda: allocate_columns(orders, blocks, filled, money))

    assert given(12 * STEP, 0, 0, 0) == [("filled_nanos[0]", "OVER_FILL")]
    assert given(STEP + 1, 0, 0, 0) == [("filled_nanos[0]", "NOT_IN_STEPS")]
    assert given(0, 0, 0, 1) == [("filled_amount[1]", "OUT_OF_RANGE")]
    assert given(0, 0, 0) == [("filled_amount", "OUT_OF_RANGE")]
    assert reasons(lambda: fill_totals(blocks, [2, 0], [1, 0], [1, 1])) == [
        ("fills[0].block", "OUT_OF_RANGE"),
        ("fills[1].quantity_nanos", "OUT_OF_RANGE"),
    ]
    by_amount = listed(step_nanos=np.array([STEP, STEP]))
    bought = aggregate_columns(by_amount)
    refused = reasons(lambda: allocate_columns(by_amount, bought, np.array([0, STEP]), np.array([0, 8])))
    assert refused == [("filled_amount[1]", "OVER_FILL")]
