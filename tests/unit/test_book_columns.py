"""Books in columns by hand: whole shares, money that waits, numbers of 62 bits, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solver.money import MAX_MONEY
from solver.trading.book_columns import (
    HeldColumns,
    MoneyColumns,
    WorkingColumns,
    apply_columns,
    order_columns,
    size_columns,
)
from solver.trading.quotients import END, sums_by, worths
from tests.property.booked import ints
from tests.unit.filling import SHARE, reasons


def held(**changed: Any) -> HeldColumns:
    """Two accounts of a pie and two holdings; A at 10.00 in fractions, B at 20.00 in whole shares."""
    return replace(
        HeldColumns(
            start=ints([0, 3, 6]),
            security=np.array([-1, 0, 1, -1, 1, 0], dtype=np.int32),
            held_nanos=ints([0, 6 * SHARE, 2 * SHARE, 0, 5 * SHARE // 2, SHARE]),
            price_micros=ints([10_000_000, 20_000_000]),
            step_nanos=ints([10_000, SHARE]),
        ),
        **changed,
    )


VALUE = ints([0, 60_00, 40_00, 0, 50_00, 10_00])


def money(**changed: Any) -> MoneyColumns:
    return replace(MoneyColumns(ints([100_00, 0]), ints([50_00, 0]), ints([0, 30_00])), **changed)


def working(**changed: Any) -> WorkingColumns:
    """The first account buys A by amount and B by quantity, the second sells B."""
    return replace(
        WorkingColumns(
            row=ints([1, 2, 4]),
            sells=np.array([False, False, True]),
            amount=ints([50_00, 80_00, 50_00]),
            quantity_nanos=ints([5 * SHARE, 4 * SHARE, 5 * SHARE // 2]),
            filled_nanos=ints([2 * SHARE, 3 * SHARE, 2 * SHARE]),
            filled_amount=ints([22_00, 63_00, 41_00]),
            cancelled=np.array([False, False, False]),
        ),
        **changed,
    )


def sized(trade: list[int], of: HeldColumns | None = None, value: Any = VALUE) -> list[tuple[int, ...]]:
    found = size_columns(of or held(), value, ints(trade))
    columns = (found.row, found.sells, found.amount, found.quantity_nanos)
    return [tuple(int(number) for number in order) for order in zip(*columns, strict=True)]


def test_steps_make_the_orders() -> None:
    assert sized([0, 10_01, 0, 0, 0, 0]) == [(1, 0, 10_01, 1_001_000_000)]
    assert sized([0, -10_01, 0, 0, 0, -10_00]) == [(1, 1, 10_01, 1_001_000_000), (5, 1, 10_00, SHARE)]


@pytest.mark.parametrize(
    ("cents", "order"),
    [
        (19_99, []),  # less than a share
        (20_00, [(4, 0, 20_00, SHARE)]),
        (59_99, [(4, 0, 40_00, 2 * SHARE)]),  # what is left stays cash
        (-1, [(4, 1, 20_00, SHARE)]),  # up to a share more than planned
        (-20_01, [(4, 1, 40_00, 2 * SHARE)]),
        (-40_01, [(4, 1, 50_00, 5 * SHARE // 2)]),  # three shares are more than there is
        (-50_00, [(4, 1, 50_00, 5 * SHARE // 2)]),
    ],
)
def test_whole_shares_never_cost_more_than_planned(cents: int, order: list[tuple[int, ...]]) -> None:
    assert sized([0, 0, 0, 0, cents, 0]) == order


def test_a_share_is_worth_less_than_a_cent() -> None:
    """Where steps are no coarser than a cent the fewest that cost as much are bought, in whole shares too."""
    cheap = held(price_micros=ints([10_000_000, 1_500]), held_nanos=held().held_nanos * ints([1, 1, 0, 1, 0, 1]))
    assert sized([0, 0, 2, 0, 0, 0], cheap, VALUE * ints([1, 1, 0, 1, 0, 1])) == [(2, 0, 2, 14 * SHARE)]


def test_a_cent_without_a_share_is_not_sold() -> None:
    """A value may be rounded up from nothing at all; then there is nothing to send."""
    assert sized([0, -1, 0, 0, 0, 0], held(held_nanos=ints([0] * 6)), ints([0, 1, 0, 0, 0, 0])) == []


def test_what_comes_of_orders_is_written_into_their_columns() -> None:
    """Each has arrays of its own, which a caller may fill."""
    found = size_columns(held(), VALUE, ints([0, -10_00, 20_00, 0, 0, 0]))
    found.filled_nanos[0], found.filled_amount[0], found.cancelled[1] = SHARE, 9_00, True
    assert (found.filled_nanos.tolist(), found.filled_amount.tolist()) == ([SHARE, 0], [9_00, 0])
    books = apply_columns(held(), money(), found)
    assert (books.held_nanos[1], books.sold[0], books.waiting[0]) == (5 * SHARE, 9_00, 0)


def test_orders_go_to_a_window() -> None:
    orders = order_columns(held(), working())
    assert orders.account.tolist() == [0, 0, 1]
    assert orders.security.tolist() == [0, 1, 1]
    sales = order_columns(held(), working(), working().sells)
    assert (sales.account.tolist(), sales.quantity_nanos.tolist()) == ([1], [5 * SHARE // 2])


def test_books_stand() -> None:
    found = apply_columns(held(), money(), working())
    assert found.held_nanos.tolist() == [0, 8 * SHARE, 5 * SHARE, 0, SHARE // 2, SHARE]
    assert found.value.tolist() == [0, 80_00, 100_00, 0, 10_00, 10_00]
    assert found.bought.tolist() == [85_00, 0]
    assert found.sold.tolist() == [0, 41_00]
    assert found.cash.tolist() == [65_00, 11_00]
    assert found.paid_out.tolist() == [0, 30_00]
    assert found.waiting.tolist() == [28_00 + 20_00, 0]


def test_what_waits_costs_the_prices_of_now() -> None:
    """By amount what is left of it, by quantity its shares; what is cancelled costs nothing more."""
    dearer = held(price_micros=ints([10_000_000, 21_000_000]))
    assert apply_columns(dearer, money(), working()).waiting.tolist() == [28_00 + 21_00, 0]
    gone = working(cancelled=np.array([True, False, True]))
    assert apply_columns(dearer, money(), gone).waiting.tolist() == [21_00, 0]


def test_overdrawn_and_unpaid() -> None:
    poor = apply_columns(held(), money(cash=ints([20_00, 0]), due=ints([10_00, 50_00])), working())
    assert poor.cash.tolist() == [0, 0]
    assert poor.overdrawn.tolist() == [15_00, 0]
    assert poor.paid_out.tolist() == [0, 41_00]
    assert poor.unpaid.tolist() == [10_00, 9_00]


def test_nothing_at_all_is_an_answer() -> None:
    none = ints([])
    empty = HeldColumns(ints([0]), none, none, none, none)
    assert not len(size_columns(empty, none, none).row)
    nothing = WorkingColumns(none, none > 0, none, none, none, none, none > 0)
    assert not len(apply_columns(empty, MoneyColumns(none, none, none), nothing).cash)


def test_sums_that_no_64_bits_hold_are_told() -> None:
    place = ints([0, 0, 1])
    fits = sums_by(place, ints([END // 2, 1, END // 2 + 7]), 2)
    assert fits is not None
    assert fits.tolist() == [END // 2 + 1, END // 2 + 7]
    assert sums_by(place, ints([END // 2, END // 2, 1]), 2) is None


def test_worths_are_made_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solver.trading.quotients.PART", 2)
    found = worths(held().held_nanos, held().security, held().price_micros, "USD")
    assert found.tolist() == VALUE.tolist()


def spoiled(of: Any, name: str, place: int, number: int) -> Any:
    column = getattr(of, name).copy()
    column[place] = number
    return replace(of, **{name: column})


def size_with(**changed: Any) -> Callable[[], object]:
    told = {"held": held(), "value": VALUE, "trade": ints([0] * 6)} | changed
    return lambda: size_columns(**told)


def apply_with(**changed: Any) -> Callable[[], object]:
    told: dict[str, Any] = {"held": held(), "money": money(), "working": working()} | changed
    return lambda: apply_columns(**told)


REFUSED = [
    (size_with(held=spoiled(held(), "start", 0, 1)), "held.start", "NOT_OFFSETS"),
    (size_with(held=spoiled(held(), "start", 1, 7)), "held.start", "NOT_OFFSETS"),
    (size_with(held=held(start=ints([0, 3]))), "held.start", "NOT_OFFSETS"),
    (size_with(held=held(start=ints([]))), "held.start", "NOT_OFFSETS"),
    (size_with(held=held(security=ints([0.5]).astype(float))), "held.security", "NOT_A_COLUMN"),
    (size_with(held=spoiled(held(), "security", 1, 2)), "held.security[1]", "OUT_OF_RANGE"),
    (size_with(held=spoiled(held(), "security", 1, -2)), "held.security[1]", "OUT_OF_RANGE"),
    (size_with(held=spoiled(held(), "held_nanos", 1, -1)), "held.held_nanos[1]", "OUT_OF_RANGE"),
    (size_with(held=spoiled(held(), "held_nanos", 0, 1)), "held.held_nanos[0]", "NOT_A_HOLDING"),
    (size_with(held=held(held_nanos=ints([0]))), "held.held_nanos", "LENGTHS_DIFFER"),
    (size_with(held=spoiled(held(), "price_micros", 1, 0)), "held.price_micros[1]", "OUT_OF_RANGE"),
    (size_with(held=held(step_nanos=ints([1]))), "held.step_nanos", "LENGTHS_DIFFER"),
    (size_with(held=spoiled(held(), "step_nanos", 0, 0)), "held.step_nanos[0]", "OUT_OF_RANGE"),
    (size_with(value=VALUE[:5]), "value", "LENGTHS_DIFFER"),
    (size_with(value=VALUE - 1), "value[0]", "OUT_OF_RANGE"),
    (size_with(trade=ints([0] * 7)), "trade", "LENGTHS_DIFFER"),
    (size_with(trade=[0] * 6), "trade", "NOT_A_COLUMN"),
    (size_with(trade=ints([0, 0, MAX_MONEY + 1, 0, 0, 0])), "trade[2]", "OUT_OF_RANGE"),
    (size_with(trade=ints([1, 0, 0, 0, 0, 0])), "trade[0]", "NOT_A_HOLDING"),
    (size_with(trade=ints([0, 0, -40_01, 0, 0, 0])), "trade[2]", "MORE_THAN_HELD"),
    (size_with(trade=ints([0, 0, 1, 0, 0, 0]), value=VALUE * 2), "held.held_nanos[2]", "QUANTITY_DISAGREES"),
    (size_with(trade=ints([0] * 5 + [MAX_MONEY]), held=held(price_micros=ints([1, 1])), value=VALUE * 0),
     "trade[5]", "OUT_OF_RANGE"),
    (apply_with(money=spoiled(money(), "cash", 1, -1)), "money.cash[1]", "OUT_OF_RANGE"),
    (apply_with(money=spoiled(money(), "due", 0, MAX_MONEY + 1)), "money.due[0]", "OUT_OF_RANGE"),
    (apply_with(money=money(received=ints([0]))), "money.received", "LENGTHS_DIFFER"),
    (apply_with(money=spoiled(money(), "cash", 1, MAX_MONEY)), "money.cash[1]", "AMOUNT_TOO_LARGE"),
    (apply_with(money=spoiled(money(), "cash", 0, MAX_MONEY - 100_00)), "money.cash[0]", "AMOUNT_TOO_LARGE"),
    (apply_with(held=spoiled(held(), "price_micros", 0, 2**61)), "held.held_nanos[1]", "AMOUNT_TOO_LARGE"),
    (apply_with(working=spoiled(working(), "row", 1, 6)), "working.row[1]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(), "row", 1, -1)), "working.row[1]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(), "row", 1, 3)), "working.row[1]", "NOT_A_HOLDING"),
    (apply_with(working=spoiled(working(), "amount", 2, -1)), "working.amount[2]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(), "quantity_nanos", 0, 0)), "working.quantity_nanos[0]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(), "filled_nanos", 1, 4 * SHARE + 1)), "working.filled_nanos[1]", "OVER_FILL"),
    (apply_with(working=spoiled(working(), "filled_nanos", 2, 3 * SHARE)), "working.filled_nanos[2]", "OVER_FILL"),
    (apply_with(working=spoiled(working(), "filled_nanos", 0, -1)), "working.filled_nanos[0]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(), "filled_amount", 0, 50_01)), "working.filled_amount[0]", "OVER_FILL"),
    (apply_with(working=spoiled(working(), "filled_amount", 0, -1)), "working.filled_amount[0]", "OUT_OF_RANGE"),
    (apply_with(working=working(filled_nanos=ints([0, 0, 0]), filled_amount=ints([1_01, 0, 0]))),
     "working.filled_amount[0]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(filled_amount=ints([0, 1, 0])), "filled_nanos", 1, 0)),
     "working.filled_amount[1]", "OUT_OF_RANGE"),
    (apply_with(working=spoiled(working(filled_amount=ints([0, 0, 1])), "filled_nanos", 2, 0)),
     "working.filled_amount[2]", "OUT_OF_RANGE"),
    (apply_with(working=working(cancelled=ints([0, 0, 0]))), "working.cancelled", "NOT_A_COLUMN"),
    (apply_with(working=working(sells=np.array([True]))), "working.sells", "LENGTHS_DIFFER"),
    (apply_with(working=spoiled(working(), "row", 2, 5)), "working.quantity_nanos[2]", "MORE_THAN_HELD"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "field", "reason"), REFUSED, ids=[f"{f}-{r}" for _, f, r in REFUSED])
def test_what_is_wrong_is_named(call: Callable[[], object], field: str, reason: str) -> None:
    assert (field, reason) in reasons(call)


def test_a_cent_a_time_for_no_shares_is_rounding() -> None:
    """The sums of a purchase by amount that was shared out a hundred times over."""
    found = apply_columns(held(), money(), working(filled_nanos=ints([0, 0, 0]), filled_amount=ints([1_00, 0, 0])))
    assert (found.bought[0], found.held_nanos[1]) == (1_00, 6 * SHARE)


def test_sales_of_one_row_are_added() -> None:
    """A sale that was cancelled counts with what was filled of it."""
    twice = working(row=ints([4, 1, 4]), sells=np.array([True, False, True]), quantity_nanos=ints([2 * SHARE] * 3))
    twice = replace(twice, filled_nanos=ints([SHARE // 2, 0, 2 * SHARE]), filled_amount=ints([10_00, 0, 41_00]))
    assert ("working.quantity_nanos[0]", "MORE_THAN_HELD") in reasons(apply_with(working=twice))
    rest_gone = replace(twice, cancelled=np.array([True, False, False]))
    assert apply_columns(held(), money(), rest_gone).held_nanos[4] == 0
