"""Whatever is ordered and filled: no cent and no share is made or lost, nobody is over, and order of input is nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import InvalidRequest, Side
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
    BlockOrder,
    aggregate_orders,
    allocate_fills,
    nothing_violation,
    remaining,
    share_out,
)

SHARE = 10**9
EXAMPLES = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
Drawn = tuple[list[AccountOrder], dict[tuple[Side, str], list[BlockFill]]]


@st.composite
def windows(draw: st.DrawFn) -> Drawn:
    """Orders of up to eight accounts for three securities, and fills of every block: none, some or all, at any price."""
    orders: list[AccountOrder] = []
    for name in ("A", "B", "C"):
        step = draw(st.sampled_from([1, 10_000, 10_000, SHARE]))
        price = draw(st.sampled_from([40_000, 7_310_000, 99_990_001, 712_345_670_000]))
        for account in range(draw(st.integers(0, 8))):
            side = draw(st.sampled_from(list(Side)))
            by_quantity = side is Side.SELL or step == SHARE
            steps = draw(st.integers(1, draw(st.sampled_from([5, 10**4]))))
            odd = draw(st.integers(0, step - 1)) if side is Side.SELL and draw(st.booleans()) else 0
            quantity = steps * step + odd
            amount = quantity * price // 10**13 + (0 if by_quantity else 1)
            sized = (amount, quantity, by_quantity, step)
            orders.append(AccountOrder(f"account-{account}", f"{name}/{account}", name, side, *sized))
    fills = {}
    for block in aggregate_orders(orders):
        fills[block.side, block.security_id] = list(_fills(draw, block))
    return orders, fills


def _fills(draw: st.DrawFn, block: BlockOrder) -> list[BlockFill]:
    """At most four fills that the block's orders can take."""
    made: list[BlockFill] = []
    step, left, money = block.step_nanos, block.quantity_nanos, block.amount
    for number in range(draw(st.integers(0, 4))):
        price = draw(st.sampled_from([40_000, 7_310_000, 99_990_001, 712_345_670_000]))
        most = left // step if block.by_quantity else money * 10**13 // price // step
        count = draw(st.one_of(st.integers(0, most), st.just(most)))
        quantity = left if block.by_quantity and count == most else count * step
        fill = BlockFill(f"f{number}", block.security_id, block.side, quantity, price)
        if quantity:
            made.append(fill)
            left, money = left - quantity, money - fill.amount("USD")
    return made


@EXAMPLES
@given(st.integers(0, 10**15), st.lists(st.one_of(st.integers(0, 9), st.integers(0, 10**13)), min_size=1, max_size=12))
def test_shares_are_the_nearest_whole_ones(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    total = total if whole else 0
    shares = share_out(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, whole or 1)) < 1
        assert total > whole or share <= weight
    remainders = [Fraction(total * w, whole or 1) % 1 for w in weights]
    ups = [a for a in range(len(shares)) if shares[a] > total * weights[a] // (whole or 1)]
    rest = [a for a in range(len(shares)) if a not in ups]
    assert all((remainders[up], -up) > (remainders[down], -down) for up in ups for down in rest)
    assert _shares(total, np.array(weights, dtype=np.int64)).tolist() == shares


@EXAMPLES
@given(windows())
def test_nothing_is_made_or_lost_and_nobody_is_over(window: Drawn) -> None:
    orders, fills = window
    for block in aggregate_orders(orders):
        own = fills[block.side, block.security_id]
        shares = allocate_fills(block, own)
        filled, money = sum(f.quantity_nanos for f in own), sum(f.amount("USD") for f in own)
        assert (sum(s.quantity_nanos for s in shares), sum(s.amount for s in shares)) == (filled, money)
        ordered = {o.account_id: o for o in orders if (o.side, o.security_id) == (block.side, block.security_id)}
        for share in shares:
            order = ordered[share.account_id]
            assert (share.order_id, share.security_id, share.side) == (order.order_id, order.security_id, order.side)
            assert share.quantity_nanos >= 0 <= share.amount
            assert nothing_violation("amount", share, order) is None
            fair = Fraction(share.quantity_nanos * money, filled)
            if block.by_quantity:
                assert share.quantity_nanos <= order.quantity_nanos
                assert abs(share.amount - fair) < 1
                rest = share.quantity_nanos % block.step_nanos
                assert rest <= order.quantity_nanos % block.step_nanos
            else:
                assert share.amount <= order.amount
                assert abs(share.amount - fair) < 2
                fine = filled % block.step_nanos == 0 and block.step_nanos * money <= filled
                assert not fine or share.quantity_nanos % block.step_nanos == 0
        if block.by_quantity and filled == block.quantity_nanos:
            assert {s.account_id: s.quantity_nanos for s in shares} == {
                name: o.quantity_nanos for name, o in ordered.items()
            }
        if not block.by_quantity and own and money == block.amount:
            assert {s.account_id: s.amount for s in shares} == {name: o.amount for name, o in ordered.items()}


@EXAMPLES
@given(windows(), st.randoms(use_true_random=False))
def test_the_order_of_input_does_not_matter(window: Drawn, random: Random) -> None:
    orders, fills = window
    mixed = list(orders)
    random.shuffle(mixed)
    blocks = aggregate_orders(orders)
    assert aggregate_orders(mixed) == blocks
    sides = [block.side for block in blocks]
    assert sides == sorted(sides, key=lambda side: side is Side.BUY)
    for block in blocks:
        own = fills[block.side, block.security_id]
        again = [*own, *own[:2]]
        random.shuffle(again)
        assert allocate_fills(block, again) == allocate_fills(block, own)


@EXAMPLES
@given(windows())
def test_fills_that_come_later_go_to_what_remains(window: Drawn) -> None:
    orders, fills = window
    for block in aggregate_orders(orders):
        got: Counter[str] = Counter()
        left: BlockOrder | None = block
        money = 0
        for fill in fills[block.side, block.security_id]:
            assert left is not None
            rests = sum(o.quantity_nanos % block.step_nanos for o in left.orders)
            if block.by_quantity and fill.quantity_nanos % block.step_nanos > rests:
                break  # what is left of odd lots does not take every part of a step
            shares = allocate_fills(left, [fill])
            got.update({s.account_id: s.quantity_nanos if block.by_quantity else s.amount for s in shares})
            money += fill.quantity_nanos if block.by_quantity else fill.amount("USD")
            left = remaining(left, shares)
        assert sum(got.values()) == money
        asked = {o.account_id: o.quantity_nanos if o.by_quantity else o.amount for o in block.orders}
        assert all(got[name] <= asked[name] for name in got)
        ordered = sum(asked.values())
        rest = 0 if left is None else left.quantity_nanos if block.by_quantity else left.amount
        assert rest == ordered - money


def columns(orders: list[AccountOrder]) -> OrderColumns:
    names = sorted({o.security_id for o in orders})
    steps = {o.security_id: o.step_nanos for o in orders}
    return OrderColumns(
        np.array([int(o.account_id.removeprefix("account-")) for o in orders], dtype=np.int32),
        np.array([names.index(o.security_id) for o in orders], dtype=np.int32),
        np.array([o.side is Side.SELL for o in orders], dtype=np.bool_),
        np.array([o.amount for o in orders], dtype=np.int64),
        np.array([o.quantity_nanos for o in orders], dtype=np.int64),
        np.array([steps[name] for name in names], dtype=np.int64),
    )


@EXAMPLES
@given(windows(), st.integers(0, 3))
def test_columns_are_one_by_one(window: Drawn, spoiled: int) -> None:
    orders, fills = window
    listed = columns(orders)
    found = aggregate_columns(listed)
    blocks = aggregate_orders(orders)
    names = sorted({o.security_id for o in orders})
    assert [(names[s], sells) for s, sells in zip(found.security, found.sells, strict=True)] == [
        (b.security_id, b.side is Side.SELL) for b in blocks
    ]
    assert found.amount.tolist() == [b.amount for b in blocks]
    assert found.quantity_nanos.tolist() == [b.quantity_nanos for b in blocks]
    assert found.by_quantity.tolist() == [b.by_quantity for b in blocks]
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    rows = []
    for i, block in enumerate(blocks):
        own = fills[block.side, block.security_id]
        if spoiled == 3 and own and i == 0:  # one order more than was asked for
            own = [*own, replace(own[0], fill_id="more", quantity_nanos=block.quantity_nanos + 10**12)]
        rows += [(i, f.quantity_nanos, f.price_micros) for f in own]
    filled, money = fill_totals(found, *([list(column) for column in zip(*rows, strict=True)] or [[], [], []]))
    refused: set[str] = set()
    for i, block in enumerate(blocks):
        own = [BlockFill(str(k), block.security_id, block.side, q, p) for k, (b, q, p) in enumerate(rows) if b == i]
        try:
            shares = allocate_fills(block, own)
        except InvalidRequest as fault:
            refused |= {violation.reason for violation in fault.violations}
            continue
        expected |= {(s.account_id, s.order_id): (s.quantity_nanos, s.amount) for s in shares}
    if refused:
        with pytest.raises(InvalidRequest) as caught:
            allocate_columns(listed, found, filled, money)
        assert {violation.reason for violation in caught.value.violations} == refused
        return
    quantity, amount = allocate_columns(listed, found, filled, money)
    for order, *got in zip(orders, quantity.tolist(), amount.tolist(), strict=True):
        assert tuple(got) == expected.get((order.account_id, order.order_id), (0, 0))
