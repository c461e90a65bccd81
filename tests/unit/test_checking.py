"""The loop's own checker: what it breaks, what it confirms, and what it leaves to others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from benchmarks.instances import Case
from solver import (
    Deposit,
    Event,
    Holding,
    Pie,
    Portfolio,
    Rebalance,
    Rules,
    Slice,
    Withdrawal,
)
from solver.bulk import plan_columns
from solver.columns import Accounts, accounts_from
from solver.engines.kernel import loop, posing
from solver.engines.kernel.checking import BROKEN, CLAIMED, RECOMPUTED, check
from solver.engines.kernel.rows import new_sheet


def checked(columns: Accounts, **changed: object) -> int:
    """What ``checking.py`` says of the plan of one account, something of it ``changed``."""
    sheet, plans = new_sheet(len(columns.parent)), plan_columns(columns).plans
    assert plans.bound_source[0] == RECOMPUTED
    assert posing.pose(columns, 0, sheet)
    sheet.rows["trade"] = changed.get("trade", plans.trade)
    sheet.rows["blocked"] = changed.get("blocked", columns.blocked)
    error = float(plans.tracking_error[0]) + float(changed.get("error", 0.0))  # type: ignore[arg-type]
    multiplier = plans.multiplier + changed.get("multiplier", 0.0)
    return int(check(sheet.head[0], sheet.rows, sheet.share, plans.evidence_row, multiplier, error))


def bound_account() -> Accounts:
    """Pie 1 of rows 2 and 3, row 4 beside it; of what there is to invest rows 2 and 4 would get less than 314."""
    pie = Pie((Slice("2", 1, Holding("2", 1_900)), Slice("3", 1, Holding("3", 1_000))))
    portfolio = Portfolio(Pie((Slice("1", 3, pie), Slice("4", 2, Holding("4", 2_500)))), 700)
    return accounts_from([(portfolio, Deposit(1_000), Rules(314))])


SPOILED = {
    "a holding trades what it may not": ({"trade": [0, 0, 314, 1_073, 313]}, BROKEN),
    "it does not sum up": ({"trade": [0, 0, 314, 1_071, 314]}, BROKEN),
    "too much is spent": ({"trade": [0, 0, 314, 1_073, 314]}, BROKEN),
    "a pie trades": ({"trade": [0, 1_386, 0, 0, 314]}, BROKEN),
    "something is sold": ({"trade": [0, 0, -314, 1_700, 314]}, BROKEN),
    "what is bought may not be": ({"blocked": [0, 0, 0, 1, 0]}, BROKEN),
    "what is bought may not be sold": ({"blocked": [0, 0, 0, 2, 0]}, RECOMPUTED),
    "J is another": ({"error": 1e-3}, BROKEN),
    "J is another one below": ({"error": -1e-3}, BROKEN),
    "the multipliers prove less": ({"multiplier": 1.0}, CLAIMED),
    "the multipliers prove less, downwards": ({"multiplier": -1.0}, CLAIMED),
    "nothing": ({}, RECOMPUTED),
}


@pytest.mark.parametrize("case", SPOILED)
def test_the_loop_does_not_believe_itself(case: str) -> None:
    changed, expected = SPOILED[case]
    assert checked(bound_account(), **changed) == expected


def test_a_plan_of_another_choice_is_not_confirmed() -> None:
    """Realisable, but not the best: its J is higher than anything that multipliers can prove."""
    columns = bound_account()
    sheet, plans = new_sheet(5), plan_columns(columns).plans
    assert posing.pose(columns, 0, sheet)
    sheet.rows["trade"] = [0, 0, 400, 986, 314]
    flows = np.array([0, 1_386, 400, 986, 314])
    felt = sheet.rows["scale"] > 0
    off = (flows - sheet.rows["ideal_whole"] - sheet.rows["ideal_part"])[felt]
    error = float((off * (off / sheet.rows["scale"][felt] + 2.0 * sheet.rows["slope"][felt])).sum())
    assert error > plans.tracking_error[0]
    told = sheet.head[0], sheet.rows, sheet.share
    assert check(*told, plans.evidence_row, plans.multiplier, error) == CLAIMED


def near_equal_account(slices: int = 6) -> Accounts:
    """Two and a half orders' money for near-equal slices: prices alone prove less than is true."""
    held = (Slice(str(i + 1), 100 + i % 3, Holding(str(i + 1))) for i in range(slices))
    return accounts_from([(Portfolio(Pie(tuple(held))), Deposit(250), Rules(100))])


COUNTED = {
    "nothing": ({}, RECOMPUTED),
    "the multipliers prove less": ({"multiplier": 40.0}, CLAIMED),
    "the multipliers prove less, downwards": ({"multiplier": -40.0}, CLAIMED),
    "one of them is none": ({"multiplier": np.nan}, CLAIMED),
    "one of them has no end": ({"multiplier": np.inf}, CLAIMED),
    "J is another": ({"error": 1e-3}, BROKEN),
    "it does not sum up": ({"trade": [0, 125, 124, 0, 0, 0, 0]}, BROKEN),
}


@pytest.mark.parametrize("case", COUNTED)
def test_leaves_of_one_pie_are_counted_again(case: str) -> None:
    changed, expected = COUNTED[case]
    assert checked(near_equal_account(), **changed) == expected


def error_of(rows: np.ndarray, trade: list[int]) -> float:
    felt = rows["scale"] > 0
    off = (np.array(trade) - rows["ideal_whole"] - rows["ideal_part"])[felt]
    return float((off * (off / rows["scale"][felt] + 2.0 * rows["slope"][felt])).sum())


def held_account(event: Event) -> Accounts:
    """Six near-equal slices that hold something, orders of 100."""
    values = (400, 380, 420, 90, 410, 0)
    held = (Slice(str(i + 1), 100 + i % 3, Holding(str(i + 1), value)) for i, value in enumerate(values))
    return accounts_from([(Portfolio(Pie(tuple(held)), 60 if isinstance(event, Rebalance) else 0), event, Rules(100))])


def nested_account() -> Accounts:
    """A pie like that as a slice of another, to be rebalanced by itself."""
    values = (400, 380, 420, 90, 410, 0)
    pie = Pie(tuple(Slice(str(i + 2), 100 + i % 3, Holding(str(i + 2), value)) for i, value in enumerate(values)))
    portfolio = Portfolio(Pie((Slice("1", 1, pie), Slice("8", 1, Holding("8", 900)))))
    return accounts_from([(portfolio, Rebalance("1"), Rules(100))])


def other_trades(best: list[int], event_row: int) -> Iterator[list[int]]:
    """What else might be traded: all of it by one or two, or some of the best plan's by others; or nothing."""
    draw, total = random.Random(1), sum(best)
    yield [0] * len(best)
    holdings = range(event_row + 1, event_row + 7)
    for one, other in combinations(holdings, 2):
        for share in range(0, abs(total) + 1, 25):
            trade = [0] * len(best)
            trade[one], trade[other] = (share, total - share) if total > 0 else (-share, total + share)
            yield trade
    for _ in range(300):
        trade, (one, other) = best.copy(), draw.sample(holdings, 2)
        moved = draw.choice([trade[one], 1, draw.randrange(1, 130)])
        trade[one], trade[other] = trade[one] - moved, trade[other] + moved
        trade[draw.choice(holdings)] += draw.choice([0, 0, draw.randrange(-99, 99)])
        yield trade


@pytest.mark.parametrize(
    "columns",
    [near_equal_account(), held_account(Deposit(200)), held_account(Deposit(250))]
    + [held_account(event) for event in (Withdrawal(200), Withdrawal(250), Rebalance())]
    + [nested_account()],
)
def test_counts_confirm_no_other_plan(columns: Accounts) -> None:
    """Whatever else the holdings might trade, only what is as good as the best plan is ever confirmed."""
    sheet, plans = new_sheet(len(columns.parent)), plan_columns(columns).plans
    assert plans.bound_source[0] == RECOMPUTED
    best, others = float(plans.tracking_error[0]), 0
    for trade in (plans.trade.tolist(), *other_trades(plans.trade.tolist(), int(columns.event_row[0]))):
        assert posing.pose(columns, 0, sheet)
        sheet.rows["trade"], error = trade, error_of(sheet.rows, trade)
        said = check(sheet.head[0], sheet.rows, sheet.share, plans.evidence_row, plans.multiplier, error)
        if error <= best + 1e-9 * max(1.0, best) and said != BROKEN:
            assert said == RECOMPUTED
        else:
            assert said in (BROKEN, CLAIMED)
            others += said == CLAIMED
    assert others >= 10


def test_the_loop_is_prepared_by_one_account() -> None:
    loop.prepare()
    assert loop.plan_all(bound_account()).quality.tolist() == [1]


def test_the_loop_does_no_more_work_than_it_is_told() -> None:
    """A withdrawal in a few large orders: the plan is there at once, its proof is not."""
    columns = accounts_from([Case((4, 5), False, True, "withdrawal 50%", "binding", 16).posed()])
    hurried, full = loop.plan_all(columns, 1), loop.plan_all(columns)
    assert (hurried.quality[0], full.quality[0]) == (2, 1)
    assert hurried.lower_bound[0] < full.lower_bound[0] == full.tracking_error[0] <= hurried.tracking_error[0]
    assert loop.prepared()
