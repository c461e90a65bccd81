"""Purchases planned again in columns, by hand: who needs it, with which cash, in which pie; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solver.bulk import plan_columns
from solver.columns import NOT_BOUGHT, Accounts, EventKind
from solver.rules import Engine
from solver.trading.book_columns import BookColumns, HeldColumns, MoneyColumns, WorkingColumns, apply_columns
from solver.trading.replan_columns import ReplanColumns, rebought, replan_columns
from tests.property.booked import ints
from tests.unit.filling import SHARE, reasons

# two accounts alike: the root, a pie of X and Y, and Z beside it; a share of each is 10.00
PARENT = [-1, 0, 1, 1, 0]
HELD = HeldColumns(
    start=ints([0, 5, 10]),
    security=ints([-1, -1, 0, 1, 2] * 2),
    held_nanos=ints([0, 0, 6 * SHARE, 4 * SHARE, 5 * SHARE] * 2),
    price_micros=ints([10_000_000] * 3),
    step_nanos=ints([10_000] * 3),
)


def accounts(**changed: Any) -> Accounts:
    """Both are asked to rebalance: the first as a whole, the second inside its pie."""
    return Accounts(
        start=HELD.start,
        event=ints([EventKind.REBALANCE, EventKind.REBALANCE]),
        amount=ints([0, 0]),
        event_row=ints([0, 1]),
        cash=ints([3_00, 3_00]),
        min_trade=ints([1_00, 1_00]),
        parent=ints(PARENT * 2),
        target_weight=ints([0, 2, 1, 1, 1] * 2),
        value=ints([0, 0, 60_00, 40_00, 50_00] * 2),
        blocked=ints([0] * 10),
    )._replace(**changed)


def working(**changed: Any) -> WorkingColumns:
    """X was sold for less than planned, Y waits: in each account."""
    return replace(
        WorkingColumns(
            row=ints([2, 3, 7, 8]),
            sells=np.array([True, False, True, False]),
            amount=ints([10_00, 12_00, 10_00, 10_00]),
            quantity_nanos=ints([SHARE, 6 * SHARE // 5, SHARE, SHARE]),
            filled_nanos=ints([SHARE, 0, SHARE, 0]),
            filled_amount=ints([8_00, 0, 9_00, 0]),
            cancelled=np.array([False] * 4),
        ),
        **changed,
    )


def standing(orders: WorkingColumns, cash: int = 3_00) -> BookColumns:
    return apply_columns(HELD, MoneyColumns(ints([cash, cash]), ints([0, 0]), ints([0, 0])), orders)


def replanned(
    orders: WorkingColumns, floor: list[int] | None = None, cash: int = 3_00, **changed: Any
) -> ReplanColumns:
    books = standing(orders, cash)
    return replan_columns(accounts(**changed), HELD, books, orders, None if floor is None else ints(floor))


def test_each_event_has_its_cash() -> None:
    """The account may spend all its cash, 3.00 and 8.00; the pie what its sale brought, short of 10.00 by 1.00."""
    found = replanned(working())
    assert found.account.tolist() == [0, 1]
    assert found.accounts.cash.tolist() == [11_00, 9_00]
    assert found.row.tolist() == [0, 1, 2, 3, 4, 6, 7, 8]
    assert found.accounts.start.tolist() == [0, 5, 8]
    assert found.accounts.parent.tolist() == [*PARENT, -1, 0, 0]
    assert found.accounts.value.tolist() == [0, 0, 50_00, 40_00, 50_00, 0, 50_00, 40_00]
    assert found.accounts.blocked.tolist() == [0, 0, NOT_BOUGHT, 0, 0, 0, NOT_BOUGHT, 0]
    assert found.accounts.event.tolist() == [EventKind.DEPOSIT] * 2


def test_what_is_paid_for_stays() -> None:
    brought = working(filled_amount=ints([9_00, 0, 10_00, 0]))
    assert not len(replanned(brought).account)
    assert replanned(brought, floor=[1, 10_00]).account.tolist() == [0]  # the floor is of the account's own cash only
    assert replanned(brought, floor=[1, 0]).accounts.cash.tolist() == [11_99]


def test_cash_that_is_not_there_is_not_spent() -> None:
    """The pie may spend 9.00, of which 2.00 went to the rest of a purchase that is cancelled by now."""
    spent = working(filled_nanos=ints([SHARE, 0, SHARE, SHARE // 5]), filled_amount=ints([8_00, 0, 9_00, 2_00]))
    assert replanned(spent, cash=0).accounts.cash.tolist() == [8_00, 7_00]
    gone = working(filled_nanos=ints([SHARE, 0, 0, 0]), filled_amount=ints([8_00, 0, 0, 0]))
    gone = replace(gone, cancelled=np.array([False, False, True, False]))
    assert replanned(gone, cash=0).accounts.cash.tolist() == [8_00, 0]


def test_what_is_cancelled_waits_no_more() -> None:
    """What the plan kept for it is no money of the other purchases."""
    orders = working()
    more = {"row": 8, "sells": False, "amount": 4_00, "quantity_nanos": 2 * SHARE // 5, "cancelled": True}
    columns = {n: np.append(getattr(orders, n), more.get(n, 0)) for n in WorkingColumns.__dataclass_fields__}
    columns |= {name: columns[name].astype(np.bool_) for name in ("sells", "cancelled")}
    assert replanned(WorkingColumns(**columns)).accounts.cash.tolist() == [11_00, 9_00]


def test_a_liquidation_keeps_its_target_of_nothing() -> None:
    found = replanned(working(), event=ints([EventKind.LIQUIDATION] * 2), event_row=ints([2, 2]))
    assert found.row.tolist() == [1, 2, 3, 6, 7, 8]
    assert found.accounts.target_weight.tolist() == [2, 0, 1, 2, 0, 1]
    assert found.accounts.cash.tolist() == [10_00, 9_00]


def test_without_sales_an_event_of_a_pie_is_the_accounts() -> None:
    """Its purchases cost what the account holds, and more than that is not there."""
    bought = working(row=ints([4, 3, 9, 8]), sells=np.array([False] * 4), amount=ints([9_00, 1_00, 9_00, 1_00]))
    bought = replace(bought, filled_nanos=ints([0] * 4), filled_amount=ints([0] * 4))
    found = replanned(bought, event=ints([EventKind.REBALANCE] * 2), event_row=ints([1, 1]))
    assert found.row.tolist() == list(range(10))
    assert found.accounts.cash.tolist() == [3_00, 3_00]


def test_new_purchases_take_the_place_of_what_waits() -> None:
    orders, found = working(), replanned(working())
    books = standing(orders)
    trade = plan_columns(found.accounts, Engine.AUTO).plans.trade
    after = rebought(HELD, books, orders, found, trade)
    assert after.cancelled.tolist() == [False, True, False, True] + [False] * (len(after.row) - 4)
    assert after.amount.tolist()[:4] == [8_00, 12_00, 9_00, 10_00]
    bought = standing(after).waiting
    assert bought.tolist() == [11_00, 9_00]
    assert set(after.row[4:].tolist()) <= {3, 4, 8}
    assert not len(replan_columns(accounts(), HELD, standing(after), after).account)


def test_nothing_to_plan_again_is_an_answer() -> None:
    found = replanned(working(cancelled=np.array([True] * 4)))
    assert (len(found.account), len(found.row), found.accounts.start.tolist()) == (0, 0, [0])
    assert not len(plan_columns(found.accounts, Engine.AUTO).plans.trade)


def replan_with(orders: WorkingColumns | None = None, floor: list[int] | None = None, **changed: Any) -> Any:
    return lambda: replanned(orders or working(), floor, **changed)


SHORT = {"cash": ints([1])}
REFUSED: list[tuple[Callable[[], object], str, str]] = [
    (replan_with(working(filled_nanos=ints([SHARE, 0, 1, 0]))), "working.cancelled[2]", "SALE_OPEN"),
    (replan_with(floor=[0]), "cash_floor", "LENGTHS_DIFFER"),
    (replan_with(floor=[0, -1]), "cash_floor[1]", "OUT_OF_RANGE"),
    (replan_with(start=ints([0, 4, 10])), "accounts.start", "LAYOUTS_DIFFER"),
    (replan_with(event=ints([1, 6])), "accounts.event[1]", "UNKNOWN_EVENT"),
    (replan_with(event_row=ints([0, 5])), "accounts.event_row[1]", "UNKNOWN_ROW"),
    (replan_with(event=ints([5, 5]), event_row=ints([2, 2]), parent=ints([-1, 0, 9, 1, 0] * 2)),
     "accounts.event_row[0]", "UNKNOWN_ROW"),
    (replan_with(working(row=ints([2, 3, 7, 9]))), "working.row[3]", "OUTSIDE_EVENT"),
    (replan_with(working(row=ints([2, 3, 7, 10]))), "working.row[3]", "OUT_OF_RANGE"),
    (replan_with(min_trade=ints([0])), "min_trade", "WRONG_LENGTH"),
    (lambda: replan_columns(accounts(), HELD, replace(standing(working()), **SHORT), working()),
     "books.cash", "LENGTHS_DIFFER"),
    (lambda: rebought(HELD, standing(working()), working(), replanned(working()), ints([0] * 7)),
     "trade", "LENGTHS_DIFFER"),
    (lambda: rebought(HELD, standing(working()), working(), replanned(working()), ints([0, 0, -1, 0, 0, 0, 0, 0])),
     "trade[2]", "WRONG_SIDE"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "field", "reason"), REFUSED, ids=[f"{f}-{r}" for _, f, r in REFUSED])
def test_what_is_wrong_is_named(call: Callable[[], object], field: str, reason: str) -> None:
    assert (field, reason) in reasons(call)
