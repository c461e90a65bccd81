"""Events understood: PROBLEM.md's table row by row, and every event that is refused or has no plan."""

from __future__ import annotations

import pytest

from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Infeasible,
    InvalidRequest,
    Pie,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
)
from solver.ideal import Mode
from solver.money import MAX_MONEY
from solver.situations import Understood, understand

ROW_OF_PIE = 2


def account(cash: int = 0, a: int = 300, b: int = 100) -> Portfolio:
    inner = Pie((Slice("b", 1, Holding("B", b)), Slice("c", 1, Holding("C", 50))))
    return Portfolio(Pie((Slice("a", 1, Holding("A", a)), Slice("p", 1, inner))), cash)


def understood(portfolio: Portfolio, event: Event, m: int = 0) -> Understood:
    found = understand(portfolio, event, Rules(m))
    assert isinstance(found, Understood)
    return found


def test_a_deposit_buys_with_the_cash_held() -> None:
    found = understood(account(cash=7), Deposit(100, "e"), 25)
    situation = found.situation
    assert (situation.event_row, situation.mode, situation.received) == (0, Mode.BUYING, {0: 107})
    assert situation.min_trade == 25
    assert (found.funds.received, found.funds.paid_out, found.changed) == (100, 0, None)


def test_a_deposit_of_nothing_invests_the_cash() -> None:
    assert understood(account(cash=7), Deposit(0)).situation.received == {0: 7}


# V = 450: (cash, W, m, F)
WITHDRAWALS = [
    (0, 100, 0, 100),
    (30, 100, 0, 70),  # cash first
    (100, 100, 25, 0),  # cash alone
    (120, 100, 25, 0),
    (99, 100, 25, 25),  # a sale is at least the minimum
    (75, 100, 25, 25),  # exactly the minimum
    (74, 100, 25, 26),
    (0, 450, 0, 450),
    (10, 460, 25, 450),  # all there is
    (99, 100, 300, 300),  # a is worth the minimum
    (99, 100, 301, 1),  # no position is worth the minimum: m₀ = 0
]


@pytest.mark.parametrize(("cash", "amount", "m", "sold"), WITHDRAWALS)
def test_a_withdrawal_sells_what_cash_does_not_cover(cash: int, amount: int, m: int, sold: int) -> None:
    found = understood(account(cash), Withdrawal(amount), m)
    assert found.situation.mode is Mode.SELLING
    assert found.situation.event_row == 0
    assert found.situation.received == ({0: -sold} if sold else {})
    assert (found.funds.received, found.funds.paid_out) == (0, amount)


def test_a_withdrawal_never_sells_more_than_the_holdings() -> None:
    """F = min(V, max(m₀, W − cash)): V caps it even where the minimum is met by one position exactly."""
    one = Portfolio(Pie((Slice("a", 1, Holding("A", 40)),)), 100)
    assert understood(one, Withdrawal(120), 40).situation.received == {0: -40}


def test_a_withdrawal_above_value_and_cash_says_what_there_is() -> None:
    assert understand(account(10), Withdrawal(461), Rules()) == Infeasible("WITHDRAWAL_EXCEEDS_PORTFOLIO", (), 460)
    assert isinstance(understand(account(10), Withdrawal(460), Rules()), Understood)


@pytest.mark.parametrize("reach", Reach)
def test_a_rebalance_of_the_root_places_the_cash(reach: Reach) -> None:
    situation = understood(account(9), Rebalance("", reach)).situation
    assert (situation.event_row, situation.mode, situation.reach, situation.received) == (
        0,
        Mode.REBALANCING,
        reach,
        {0: 9},
    )


def test_a_rebalance_of_a_nested_pie_leaves_the_cash() -> None:
    situation = understood(account(9), Rebalance("p", Reach.SHALLOW)).situation
    assert (situation.event_row, situation.reach, situation.received) == (ROW_OF_PIE, Reach.SHALLOW, {})


def change(pie: str, **weights: int) -> TargetChange:
    return TargetChange((ChangedPie(pie, tuple(TargetSlice(name, weight) for name, weight in weights.items())),), "e")


def test_new_targets_alone_trade_nothing() -> None:
    found = understood(account(9), change("p", b=3, c=1))
    assert found.situation.mode is Mode.NOTHING
    assert found.situation.received == {}
    assert found.changed is not None
    assert found.portfolio is found.changed.portfolio
    assert found.portfolio.cash == 9


def test_a_liquidation_buys_in_the_pie_that_lost_it_without_the_cash() -> None:
    found = understood(account(9), change("p", b=0, c=1))
    situation = found.situation
    assert (situation.mode, situation.event_row, situation.received) == (Mode.BUYING, 0, {ROW_OF_PIE: 100})
    assert found.funds.proceeds == {ROW_OF_PIE: 100}
    assert situation.tree.value[ROW_OF_PIE] == 50
    assert (found.funds.received, found.funds.paid_out) == (0, 0)


REFUSED: list[tuple[Event, str, str]] = [
    (Deposit(-1), "events[0].deposit.amount", "NEGATIVE_AMOUNT"),
    (Deposit(1.5), "events[0].deposit.amount", "NOT_AN_INTEGER"),  # type: ignore[arg-type]
    (Deposit(True), "events[0].deposit.amount", "NOT_AN_INTEGER"),
    (Deposit(MAX_MONEY + 1), "events[0].deposit.amount", "AMOUNT_TOO_LARGE"),
    (Deposit(MAX_MONEY - 459), "events[0].deposit.amount", "AMOUNT_TOO_LARGE"),
    (Withdrawal(0), "events[0].withdrawal.amount", "AMOUNT_TOO_SMALL"),
    (Withdrawal(-5), "events[0].withdrawal.amount", "NEGATIVE_AMOUNT"),
    (Withdrawal(MAX_MONEY + 1), "events[0].withdrawal.amount", "AMOUNT_TOO_LARGE"),
    (Rebalance("nowhere"), "events[0].rebalance.slice_id", "UNKNOWN_SLICE_ID"),
    (Rebalance("a"), "events[0].rebalance.slice_id", "NOT_A_PIE"),
    (change("a", b=1), "events[0].target_change.pies[0].slice_id", "NOT_A_PIE"),
]


@pytest.mark.parametrize(
    ("event", "field", "reason"), REFUSED, ids=[f"{e.__class__.__name__}-{r}" for e, _, r in REFUSED]
)
def test_refused(event: Event, field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        understand(account(10), event, Rules())
    assert [(v.field, v.reason) for v in caught.value.violations][:1] == [(field, reason)]


def test_a_deposit_up_to_the_most_money_is_taken() -> None:
    assert understood(account(10), Deposit(MAX_MONEY - 460)).funds.received == MAX_MONEY - 460
