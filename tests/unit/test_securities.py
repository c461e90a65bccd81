"""Rules of single securities by hand: what each does to one plan, and what is said of contradictory ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver import (
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Infeasible,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
    plan,
)
from solver.building import build_problem
from solver.certificate import broken_rules
from solver.situations import Understood, understand

NO_BUY, NO_SELL = (Block(side, BlockReason.WASH_SALE) for side in (Side.BUY, Side.SELL))
PIE = Pie(
    (Slice("a", 50, Holding("A", 4_000)), Slice("b", 30, Holding("B", 3_000)), Slice("c", 20, Holding("C", 3_000)))
)


def account(*securities: Security, cash: int = 0) -> Portfolio:
    return Portfolio(PIE, cash, securities=securities)


# portfolio, event, rules, orders (signed), cash left
CASES: list[tuple[Portfolio, Event, Rules, dict[str, int], int]] = [
    (account(Security("A", blocks=(NO_BUY,))), Deposit(1_000), Rules(), {"B": 1_000}, 0),
    (account(Security("C", blocks=(NO_SELL,))), Withdrawal(700), Rules(), {"A": -62, "B": -638}, 0),
    (account(Security("A", max_value=4_300)), Deposit(1_000), Rules(100), {"A": 300, "B": 700}, 0),
    (account(Security("A", max_share_micros=390_909)), Deposit(1_000), Rules(100), {"A": 299, "B": 701}, 0),
    # full everywhere: what finds no room stays cash
    (account(Security("A", max_value=4_300), Security("B", max_value=3_100), Security("C", max_value=9)),
     Deposit(1_000), Rules(100), {"A": 300, "B": 100}, 600),
    # above its largest position: no error, not bought, brought down by a rebalance and by nothing else
    (account(Security("C", max_value=1_500)), Deposit(1_200), Rules(), {"A": 1_125, "B": 75}, 0),
    (account(Security("C", max_value=1_500)), Rebalance(), Rules(), {"A": 1_312, "B": 188, "C": -1_500}, 0),
    (account(Security("C", max_value=1_500, blocks=(NO_SELL,))), Rebalance(), Rules(), {"A": 375, "B": -375}, 0),
    # what remains is nothing, or enough
    (account(Security("C", min_position=2_900)), Withdrawal(500), Rules(100), {"B": -400, "C": -100}, 0),
    (account(Security("C", min_position=2_900), Security("A", blocks=(NO_SELL,)), Security("B", blocks=(NO_SELL,))),
     Withdrawal(500), Rules(), {"C": -3_000}, 2_500),
    (account(Security("A", min_position=6_000)), Deposit(1_500), Rules(), {"B": 1_500}, 0),
    # a minimum of its own, where it is more than the account's
    (account(Security("A", min_trade=1_100)), Deposit(1_000), Rules(100), {"B": 1_000}, 0),
    (account(Security("A", min_trade=1_100)), Deposit(1_200), Rules(2), {"A": 1_125, "B": 75}, 0),
    # cash kept back, and a deposit that waits
    (account(cash=700), Deposit(1_000), Rules(cash_floor=500), {"A": 1_125, "B": 75}, 0),
    (account(cash=300), Deposit(100), Rules(cash_floor=500), {}, 0),
    (account(cash=700), Deposit(1_000), Rules(cash_floor=500, deposit_threshold=1_201), {}, 0),
    (account(cash=700), Deposit(1_000), Rules(cash_floor=500, deposit_threshold=1_200), {"A": 1_125, "B": 75}, 0),
    (account(cash=700), Rebalance(), Rules(cash_floor=500), {"A": 1_100, "B": 60, "C": -960}, 0),
    (account(cash=700), Withdrawal(1_000), Rules(cash_floor=500), {"C": -800}, 0),
    # the floor pays once nothing is left to sell
    (account(cash=700), Withdrawal(10_600), Rules(cash_floor=500), {"A": -4_000, "B": -3_000, "C": -3_000}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("portfolio", "event", "rules", "orders", "left"), CASES)
def test_by_hand(portfolio: Portfolio, event: Event, rules: Rules, orders: dict[str, int], left: int) -> None:
    answer = plan(portfolio, event, rules)
    assert isinstance(answer, Plan)
    assert {o.security_id: o.amount if o.side is Side.BUY else -o.amount for o in answer.orders} == orders
    assert answer.certificate.cash_left == left
    assert answer.certificate.quality is Quality.OPTIMAL
    assert answer.portfolio_after.securities == portfolio.securities


def test_what_is_blocked_can_not_be_raised() -> None:
    """The smallest withdrawal too much: C and the cash are all there is."""
    blocked = account(Security("A", blocks=(NO_SELL,)), Security("B", blocks=(NO_SELL,)), cash=70)
    answer = plan(blocked, Withdrawal(3_071))
    assert isinstance(answer, Infeasible)
    assert (answer.reason, answer.most_that_can_be_raised) == ("WITHDRAWAL_BLOCKED", 3_070)
    assert isinstance(plan(blocked, Withdrawal(3_070)), Plan)


def test_what_is_blocked_can_not_be_liquidated() -> None:
    event = TargetChange((ChangedPie("", (TargetSlice("a", 1), TargetSlice("b", 1))),))
    answer = plan(account(Security("C", blocks=(NO_SELL,))), event)
    assert isinstance(answer, Infeasible)
    assert answer.reason == "LIQUIDATION_BLOCKED"
    assert isinstance(plan(account(Security("C", blocks=(NO_BUY,))), event), Plan)


FAULTS: list[tuple[tuple[Security, ...], str, str]] = [
    ((Security(""),), "[0].security_id", "MISSING_ID"),
    ((Security("A"), Security("B"), Security("A")), "[2].security_id", "DUPLICATE_SECURITY"),
    ((Security("Z"),), "[0].security_id", "UNKNOWN_SECURITY"),
    ((Security("A", min_trade=-1),), "[0].min_trade", "NEGATIVE_AMOUNT"),
    ((Security("A", max_value=-1),), "[0].max_value", "NEGATIVE_AMOUNT"),
    ((Security("A", min_position=10**14),), "[0].min_position", "AMOUNT_TOO_LARGE"),
    ((Security("A", max_share_micros=1_000_001),), "[0].max_share_micros", "OUT_OF_RANGE"),
    ((Security("A", max_share_micros=-1),), "[0].max_share_micros", "OUT_OF_RANGE"),
    ((Security("A", max_value=100, min_position=101),), "[0].min_position", "CONTRADICTORY_LIMITS"),
]


@pytest.mark.parametrize(("securities", "field", "reason"), FAULTS)
def test_faults(securities: tuple[Security, ...], field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan(account(*securities), Deposit(100))
    assert [(v.field, v.reason) for v in caught.value.violations] == [(f"portfolio.securities{field}", reason)]


@pytest.mark.parametrize("name", ["cash_floor", "deposit_threshold", "min_trade"])
def test_faults_of_the_accounts_rules(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Rules(**{name: -1})
    assert [v.field for v in caught.value.violations] == [f"rules.{name}"]


# rules of A, what A trades, what is broken: each at its edge
BROKEN: list[tuple[Security, Event, int, list[str]]] = [
    (Security("A", blocks=(NO_BUY,)), Deposit(100), 100, ["MAY_NOT_BUY:a", "BLOCKED:a"]),
    (Security("A", blocks=(NO_SELL,)), Withdrawal(100), -100, ["BLOCKED:a"]),
    (Security("A", min_trade=101), Withdrawal(100), -100, ["BELOW_MINIMUM:a"]),
    (Security("A", max_value=4_100), Deposit(101), 101, ["LARGEST_POSITION:a"]),
    (Security("A", max_value=4_100), Deposit(100), 100, []),
    (Security("A", max_value=3_000), Withdrawal(100), -100, []),
    (Security("A", min_position=3_901), Withdrawal(100), -100, ["SMALLEST_POSITION:a"]),
    (Security("A", min_position=3_900), Withdrawal(100), -100, []),
    (Security("A", min_position=4_101), Deposit(100), 100, ["MAY_NOT_BUY:a", "SMALLEST_POSITION:a"]),
]


@pytest.mark.parametrize(("security", "event", "trade", "broken"), BROKEN)
def test_the_checker_knows_each_rule(security: Security, event: Event, trade: int, broken: list[str]) -> None:
    understood = understand(account(security), event, Rules())
    assert isinstance(understood, Understood)
    problem = build_problem(understood.situation)
    assert broken_rules(problem, [0, trade, 0, 0]) == broken


def test_the_checker_wants_a_rebalance_to_bring_it_down() -> None:
    for security, broken in (
        (Security("C", max_value=2_000), ["LARGEST_POSITION:c"]),
        (Security("C", max_value=2_000, blocks=(NO_SELL,)), []),
    ):
        understood = understand(account(security), Rebalance(), Rules())
        assert isinstance(understood, Understood)
        assert broken_rules(build_problem(understood.situation), [0, 0, 0, 0]) == broken


def test_slices_under_different_rules_are_not_alike() -> None:
    """Two equal slices: the earlier trades more, but not where it may not."""
    pie = Pie((Slice("a", 1, Holding("A")), Slice("b", 1, Holding("B"))))
    free = plan(Portfolio(pie), Deposit(101), Rules(101))
    assert isinstance(free, Plan)
    assert [o.security_id for o in free.orders] == ["A"]
    blocked = plan(replace(Portfolio(pie), securities=(Security("A", blocks=(NO_BUY,)),)), Deposit(101), Rules(101))
    assert isinstance(blocked, Plan)
    assert [o.security_id for o in blocked.orders] == ["B"]
