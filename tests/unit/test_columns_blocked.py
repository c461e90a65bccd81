"""Blocked sides in columns by hand: how they are said, what is refused, and what is planned around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver import Deposit, Engine, InvalidRequest, Plan, Rules, plan
from solver.bulk import Planned, plan_columns, recheck
from solver.columns import Accounts, EventKind, account_of, accounts_from
from solver.securities import Block, BlockReason, Security, Side
from tests.unit.test_columns import ONE, accounts, as_objects, together

DEPOSIT, WITHDRAWAL = EventKind.DEPOSIT, EventKind.WITHDRAWAL
REBALANCE, SHALLOW, LIQUIDATION = EventKind.REBALANCE, EventKind.REBALANCE_SHALLOW, EventKind.LIQUIDATION
BUY, SELL = Block(Side.BUY, BlockReason.SAME_DAY_TRADE), Block(Side.SELL, BlockReason.SAME_DAY_TRADE)
RULED = (Security("2", blocks=(BUY,)), Security("3", blocks=(SELL,)), Security("4", blocks=(BUY, SELL)))


def one(event: tuple[EventKind, int, int], *blocked: int, cash: int = 0, m: int = 100, **rows: list[int]) -> Accounts:
    """Pie 1 of the rows 2 and 3, row 4 beside it; row 0 is the account."""
    return accounts(event, cash=cash, m=m, blocked=[0, 0, *blocked], **rows)


def test_columns_say_which_sides_are_blocked() -> None:
    account = account_of(one((DEPOSIT, 1_000, 0), 1, 2, 3, cash=700), 0)
    assert account == (replace(as_objects(), securities=RULED), Deposit(1_000), Rules(100))
    assert accounts_from([account]).blocked.tolist() == [0, 0, 1, 2, 3]


def test_columns_do_not_say_why() -> None:
    """Two reasons are one side, and the order in which securities are listed is no matter."""
    blocks = tuple(Block(Side.BUY, reason) for reason in (BlockReason.WASH_SALE, BlockReason.HALTED))
    listed = (Security("3", blocks=(SELL,)), Security("2", blocks=blocks), Security("4"))
    asked = replace(as_objects(), securities=listed), Deposit(1_000), Rules(100)
    assert accounts_from([asked]).blocked.tolist() == [0, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("security", "told"),
    [
        (Security("4", blocks=(BUY,), min_trade=200), "rules of '4' beside blocked sides"),
        (Security("4", max_value=5_000), "rules of '4' beside blocked sides"),
        (Security("5", blocks=(BUY,)), "'5', which is in no slice"),
    ],
)
def test_other_rules_are_not_for_columns(security: Security, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as refused:
        accounts_from([(replace(as_objects(), securities=(security,)), Deposit(1), Rules())])
    assert refused.value.violations[0].reason == "NOT_IN_COLUMNS"


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.KERNEL])
@pytest.mark.parametrize(
    ("at", "sides", "reason", "told"),
    [
        (3, 4, "UNKNOWN_SIDES", "blocked[3]: is 4; give 0, 1 (not bought), 2 (not sold) or 3 (neither)"),
        (4, -1, "UNKNOWN_SIDES", "blocked[4]: is -1"),
        (2, 2**62, "UNKNOWN_SIDES", "blocked[2]: is"),
        (1, 1, "BLOCKED_PIE", "blocked[1]: is 1; sides of holdings are blocked, of a pie: 0"),
        (0, 2, "BLOCKED_PIE", "blocked[0]"),
        (0, -1, "BLOCKED_PIE", "blocked[0]"),
    ],
)
def test_other_numbers_cost_their_own_account(at: int, sides: int, reason: str, told: str, engine: Engine) -> None:
    bad = ONE._replace(blocked=ONE.blocked.copy())
    bad.blocked[at] = sides
    planned = plan_columns(together(ONE, bad, ONE), engine)
    assert list(planned.refusals) == [1]
    assert planned.refusals[1].reason == reason
    assert told in planned.refusals[1].description
    assert planned.plans.trade.reshape(3, 5)[[0, 2]].tolist() == [[0, 0, 0, 520, 1_180]] * 2


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan_columns(ONE._replace(blocked=ONE.blocked[1:]))
    assert [(v.field, v.reason) for v in refused.value.violations] == [("blocked", "WRONG_LENGTH")]


def planned_alike(columns: Accounts) -> Planned:
    """The kernel's plans, which are those of HiGHS, and of each account by itself."""
    loop, highs = plan_columns(columns), plan_columns(columns, Engine.HIGHS)
    assert loop.refusals == highs.refusals
    for name in ("trade", "quality", "cash_after", "cash_left", "retired_excess"):
        assert getattr(loop.plans, name).tolist() == getattr(highs.plans, name).tolist(), name
    assert loop.plans.tracking_error == pytest.approx(highs.plans.tracking_error)
    if not loop.refusals:
        assert recheck(columns, loop.plans, 0) == ""
        alone = plan(*account_of(columns, 0))
        assert isinstance(alone, Plan)
        assert alone.cash.after == loop.plans.cash_after[0]
    return loop


CASES = {
    "what is not bought leaves its money to others": (one((DEPOSIT, 1_000, 0), 0, 1, 0), [0, 0, 0, 0, 1_000], 0),
    "what is not sold is bought": (one((DEPOSIT, 1_000, 0), 2, 2, 2), [0, 0, 0, 100, 900], 0),
    "a whole pie rests": (one((DEPOSIT, 1_000, 0), 1, 1, 0), [0, 0, 0, 0, 1_000], 0),
    "others pay": (one((WITHDRAWAL, 3_000, 0), 2, 0, 0), [0, 0, 0, -967, -2_033], 0),
    "all that may be sold": (one((WITHDRAWAL, 3_500, 0), 2, 0, 0), [0, 0, 0, -1_000, -2_500], 0),
    "sales of one pay for another": (one((REBALANCE, 0, 0), 2, 0, 0), [0, 0, 0, 278, -278], 0),
    "an inner pie is rebalanced in vain": (one((REBALANCE, 0, 1), 3, 0, 0), [0, 0, 0, 0, 0], 0),
}


def test_what_nobody_may_buy_for_stays_cash() -> None:
    for event in ((DEPOSIT, 1_000, 0), (REBALANCE, 0, 0)):
        planned = planned_alike(one(event, 3, 3, 3, cash=400))
        assert not planned.plans.trade.any()
        assert planned.plans.cash_left.tolist() == [400 + event[1]]
        assert planned.by_itself.tolist() == [0]


def test_a_rebalance_leaves_less_than_an_order() -> None:
    """Nobody may buy: what is there stays where it is less than the minimum, and the loop itself can tell."""
    for cash, by_itself in ((99, []), (100, [0])):
        planned = planned_alike(one((REBALANCE, 0, 0), 1, 1, 1, cash=cash))
        assert not planned.plans.trade[planned.plans.trade > 0].any()
        assert planned.by_itself.tolist() == by_itself


@pytest.mark.parametrize("blocked", [(2, 0, 0), (0, 2, 0), (2, 2, 0), (0, 0, 2)])
def test_no_more_is_paid_than_may_be_sold(blocked: tuple[int, int, int]) -> None:
    """To the cent: with all that may be sold it is paid, a cent more is refused, naming the most there is."""
    free = sum(held for held, sides in zip((4_000, 1_000, 2_500), blocked, strict=True) if not sides)
    planned = planned_alike(one((WITHDRAWAL, 700 + free, 0), *blocked, cash=700))
    assert planned.plans.trade.sum() == -free
    assert not len(planned.by_itself)
    refused = planned_alike(one((WITHDRAWAL, 701 + free, 0), *blocked, cash=700)).refusals[0]
    assert refused.reason == "WITHDRAWAL_BLOCKED"
    assert str(700 + free) in refused.description


def test_the_least_sale_is_one_of_what_may_be_sold() -> None:
    """m₀ is the minimum only where a position that may be sold is worth it: 60 is sold whole, not 100 of another."""
    columns = one((WITHDRAWAL, 60, 0), 2, 0, 2, value=[0, 0, 4_000, 60, 2_500])
    planned = planned_alike(columns)
    assert planned.plans.trade.tolist() == [0, 0, 0, -60, 0]
    assert planned.plans.cash_after.tolist() == [0]


def test_what_may_not_be_sold_is_not_liquidated() -> None:
    for row, blocked in ((4, (0, 0, 2)), (1, (0, 2, 0)), (1, (3, 0, 0))):
        planned = planned_alike(one((LIQUIDATION, 0, row), *blocked))
        assert planned.refusals[0].reason == "LIQUIDATION_BLOCKED"
    for row, blocked in ((4, (0, 1, 1)), (1, (1, 0, 0)), (3, (2, 0, 2))):
        assert not len(planned_alike(one((LIQUIDATION, 0, row), *blocked)).by_itself)


def test_proceeds_that_nobody_may_buy_for_stay_cash() -> None:
    planned = planned_alike(one((LIQUIDATION, 0, 2), 0, 1, 0))
    assert planned.plans.trade.tolist() == [0, 0, -4_000, 0, 0]
    assert planned.plans.cash_after.tolist() == [4_000]


def test_a_slice_without_a_target_that_may_not_be_sold_is_kept() -> None:
    """What it keeps beyond the ideal is counted, by the loop itself."""
    columns = one((REBALANCE, 0, 0), 0, 0, 2, target_weight=[1, 3, 1, 1, 0])
    planned = planned_alike(columns)
    assert not len(planned.by_itself)
    assert planned.plans.trade.tolist() == [0, 0, -1_500, 1_500, 0]
    assert planned.plans.retired_excess.tolist() == [2_500]


def test_pies_blocked_otherwise_inside_are_no_twins() -> None:
    """Two pies alike but for a block: the second buys more, and what it buys is not handed to the first."""
    tree = {"parent": [-1, 0, 1, 0, 3], "target_weight": [1] * 5, "value": [0, 0, 500, 0, 500]}
    columns = accounts((DEPOSIT, 100, 0), cash=0, m=1, blocked=[0, 0, 1, 0, 0], **tree)
    planned = planned_alike(columns)
    assert not len(planned.by_itself)
    assert planned.plans.trade.tolist() == [0, 0, 0, 0, 100]


def test_it_is_proved_which_of_them_keep_it() -> None:
    """Row 4 keeps its cent, row 2 none: that row 2 kept one instead would be better, but it can be sold."""
    tree = {"parent": [-1, 0, 1, 1, 1, 0], "target_weight": [1, 1, 0, 1, 0, 1], "value": [4, 3, 2, 0, 1, 1]}
    columns = accounts((REBALANCE, 0, 0), cash=0, m=0, blocked=[0, 0, 1, 1, 2, 2], **tree)
    planned = planned_alike(columns)
    assert not len(planned.by_itself)
    assert planned.plans.trade.tolist() == [0, 0, -2, 0, 0, 2]
    assert planned.plans.retired_excess.tolist() == [1]
    assert planned.plans.quality.tolist() == [1]
    assert planned.plans.tracking_error[0] == pytest.approx(3.0)


def test_slices_blocked_otherwise_are_no_twins() -> None:
    """Of three alike the first is blocked: what is bought of the others stays with them, the larger part first."""
    tree = {"parent": [-1, 0, 0, 0], "target_weight": [1, 1, 1, 1], "value": [0, 500, 500, 500]}
    columns = accounts((DEPOSIT, 301, 0), cash=0, m=1, blocked=[0, 1, 0, 0], **tree)
    planned = planned_alike(columns)
    assert not len(planned.by_itself)
    assert planned.plans.trade.tolist() == [0, 0, 151, 150]
    between = columns._replace(blocked=np.array([0, 0, 1, 0]))
    assert planned_alike(between).plans.trade.tolist() == [0, 151, 0, 150]


@pytest.mark.parametrize("case", CASES)
def test_plans_around_blocked_sides(case: str) -> None:
    columns, trade, left = CASES[case]
    planned = planned_alike(columns)
    assert not planned.refusals
    assert planned.plans.trade.tolist() == trade
    assert planned.plans.cash_left.tolist() == [left]
