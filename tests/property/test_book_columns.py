"""Books in columns say what books say one by one: orders of plans, and accounts after any fills at any prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Event, Plan, Portfolio, Rules, Side, TargetChange
from solver.steps import Steps
from solver.trading.block_columns import aggregate_columns
from solver.trading.blocks import BlockFill, Fill, aggregate_orders, allocate_fills, orders_of
from solver.trading.book_columns import apply_columns, order_columns, size_columns
from solver.trading.books import Books, open_books
from solver.trading.fills import apply_fills, at_prices, cancel_rests
from solver.trading.quotients import END, step_counts, worths
from tests.property.booked import Rows, by_slice, ints, money_columns, priced_plans, working_columns

Case = tuple[Portfolio, Event, Rules, Plan]
SMALL = st.lists(priced_plans(), min_size=1, max_size=4)


def kept(cases: Sequence[Case | None]) -> list[Case]:
    return [case for case in cases if case is not None]


def market(draw: st.DataObject, books: Books, highest: int = 130) -> list[Fill]:
    """Fills of some of the orders, in part or whole, at 60 to ``highest`` hundredths of their prices."""
    prices = {s.security_id: s.price_micros or 0 for s in books.opened.securities}
    made: list[Fill] = []
    for side in Side:
        orders = [o for o in books.open_orders(side) if o.quantity_nanos and (o.amount or o.by_quantity)]
        for block in aggregate_orders(orders):
            price = max(1, prices[block.security_id] * draw.draw(st.integers(60, highest)) // 100)
            most = block.quantity_nanos if block.by_quantity else block.amount * 10**13 // price
            count = draw.draw(st.one_of(st.just(most), st.integers(0, most))) // block.step_nanos
            whole = block.by_quantity and count == most // block.step_nanos
            quantity = block.quantity_nanos if whole else count * block.step_nanos
            if quantity:
                fill = BlockFill(f"{side.value}-{block.security_id}", block.security_id, side, quantity, price)
                made += allocate_fills(block, [fill])
    return made


def test_orders_in_columns_are_those_one_by_one() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SMALL)
    def every_account(drawn: list[Case | None]) -> None:
        cases = kept(drawn)
        rows = Rows([portfolio for portfolio, _, _, _ in cases])
        plans = [made for _, _, _, made in cases]
        working = size_columns(rows.held, rows.value, rows.trades(plans))
        expected = []
        for account, made in enumerate(plans):
            for order, planned in zip(orders_of("me", "one", made), made.orders, strict=True):
                if order.amount and order.quantity_nanos:
                    row = rows.row(account, planned.parts[0].slice_id)
                    sells = order.side is Side.SELL
                    expected.append((row, sells, order.amount, order.quantity_nanos))
                    seen["whole"] += order.step_nanos >= 10**9
                    seen["sold out"] += sells and planned.closes_position
                    seen["in part"] += sells and not planned.closes_position
                    seen["bought"] += not sells
        columns = (working.row, working.sells, working.amount, working.quantity_nanos)
        assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == sorted(expected)
        assert not working.filled_nanos.any()
        assert not working.cancelled.any()
        orders = order_columns(rows.held, working)
        assert aggregate_columns(orders).amount.sum() == sum(amount for _, _, amount, _ in expected)

    every_account()
    print(f"\n{dict(seen)}")
    assert min(seen[name] for name in ("whole", "sold out", "in part", "bought")) >= 10


def test_books_in_columns_are_those_one_by_one() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SMALL, st.data())
    def every_account(drawn: list[Case | None], draw: st.DataObject) -> None:
        cases = kept(drawn)
        rows = Rows([portfolio for portfolio, _, _, _ in cases])
        books = [open_books("me", "one", portfolio, made) for portfolio, _, _, made in cases]
        books = [apply_fills(own, market(draw, own)) for own in books]
        books = [cancel_rests(own) if draw.draw(st.booleans()) else own for own in books]
        prices = [
            {s.security_id: draw.draw(st.integers(1, 2 * (s.price_micros or 0))) for s in own.opened.securities}
            for own in books
        ]
        books = [at_prices(own, by_name) for own, by_name in zip(books, prices, strict=True)]
        working = working_columns(rows, books)
        found = apply_columns(rows.at(prices), money_columns(books), working)
        for account, own in enumerate(books):
            standing, flow = by_slice(own.portfolio), own.cash
            for name, first in zip(rows.trees[account].slice_ids, range(int(rows.start[account]), 10**6), strict=False):
                assert (found.held_nanos[first], found.value[first]) == standing.get(name, (0, 0))
            money = (found.cash, found.paid_out, found.unpaid, found.overdrawn, found.bought, found.sold)
            assert [int(column[account]) for column in money] == [
                own.portfolio.cash,
                flow.paid_out,
                own.unpaid,
                own.overdrawn,
                flow.bought,
                flow.sold,
            ]
            seen["overdrawn"] += own.overdrawn > 0
            seen["unpaid"] += own.unpaid > 0
            seen["finished"] += own.finished and bool(own.working)
            seen["liquidated"] += isinstance(cases[account][1], TargetChange) and bool(own.working)

    every_account()
    print(f"\n{dict(seen)}")
    assert min(seen[name] for name in ("overdrawn", "unpaid", "finished", "liquidated")) >= 3


NUMBERS = st.one_of(st.integers(1, 2**62 - 1), st.integers(1, 10**12), st.sampled_from([1, 10**9, 10**13, 2**62 - 1]))


@settings(max_examples=500, deadline=None)
@given(NUMBERS, NUMBERS, st.sampled_from(["USD", "JPY", "KWD"]), st.integers(-2, 2))
def test_shares_are_worth_what_steps_say(quantity: int, price: int, code: str, beside: int) -> None:
    """Any 62 bits, and quantities one nanoshare around a whole minor unit."""
    digits = {"USD": 2, "JPY": 0, "KWD": 3}[code]
    unit = Steps.of(price, 1, digits)
    edge = min(2**62 - 1, max(0, unit.reaching(quantity % 10**13) + beside))
    found = worths(ints([quantity, edge]), ints([0, 0]), ints([price]), code).tolist()
    for given_nanos, worth in zip((quantity, edge), found, strict=True):
        exact = unit.amount(given_nanos)
        assert worth == (exact if exact < 2**50 else END) or (worth, exact) == (END, 2**50 - 1)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 10**13), NUMBERS, NUMBERS, st.booleans(), st.sampled_from(["USD", "JPY", "KWD"]))
def test_steps_are_counted_exactly(amount: int, price: int, step: int, capped: bool, code: str) -> None:
    digits = {"USD": 2, "JPY": 0, "KWD": 3}[code]
    steps = Steps.of(price, step, digits)
    edge = min(10**13, steps.amount(amount % 1_000))  # what whole steps are worth, so that nothing is left over
    asked = ints([amount, edge])
    count, coarse = step_counts(asked, np.full(2, capped), ints([0, 0]), ints([price]), ints([step]), code)
    exact = [steps.within(x) if capped and steps.coarse else steps.reaching(x) for x in asked.tolist()]
    assert count.tolist() == [min(k, END) for k in exact]
    assert bool(coarse[0]) == (Fraction(steps.numerator, steps.denominator) > 1)
