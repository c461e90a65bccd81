"""Several events where securities trade in whole shares: a rebalance beside deposits, withdrawals, and by itself."""

from __future__ import annotations

import pytest

from solver import (
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Reach,
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
from solver.cash import decide_cash
from solver.situations import Understood, understand
from tests.unit.test_events import account, leaf


def in_shares(cash: int = 0) -> Portfolio:
    """``account``, of which a trades in whole shares of 0.50."""
    start = account(cash)
    p, q = start.root.slices
    a = Slice("a", 1, Holding("A", 200, 4 * 10**9))
    p = Slice("p", 1, Pie((a, leaf("b", 1, 100))))
    return Portfolio(Pie((p, q)), cash, securities=(Security("A", price_micros=500_000, quantity_step_nanos=10**9),))


def by_hand(answer: Plan) -> dict[str, int]:
    """What every slice trades."""
    return {node.slice_id: node.trade for node in answer.nodes if node.trade and node.slice_id not in ("", "p", "q")}


def test_a_deposit_fills_what_the_steps_of_a_rebalance_leave_open() -> None:
    """p is at 200/100 and gets half of 110: a should be 177.5, and whole shares of 0.50 make that 200 or 150.

    To sell one is off by 27.5 twice, to rest by 22.5; so a rests, and b takes more than half of the money instead.
    """
    answer = plan(in_shares(), (Deposit(110, "in"), Rebalance("p", Reach.DEEP, "inner")))
    assert isinstance(answer, Plan)
    assert by_hand(answer) == {"b": 62, "c": 48}
    assert answer.certificate.quality is Quality.OPTIMAL
    assert answer.cash.after == 0
    more = plan(in_shares(), (Deposit(30, "in"), Rebalance("p", Reach.DEEP, "inner")))
    assert isinstance(more, Plan)  # now a should be 157 or 158: a share is sold, and b gets what it was worth, too
    assert by_hand(more)["a"] == -50
    assert sum(by_hand(more).values()) == 30


def test_a_withdrawal_takes_what_the_steps_of_a_rebalance_free() -> None:
    """p is at 200/100 and gives half of 100: a should be 125, 75 less, and is sold in two shares of 0.50 or in one."""
    answer = plan(in_shares(), (Withdrawal(100, "out"), Rebalance("p", Reach.DEEP, "inner")))
    assert isinstance(answer, Plan)
    traded = by_hand(answer)
    assert traded["a"] in (-50, -100)
    assert -sum(traded.values()) == 100 + answer.cash.after
    assert 0 <= answer.cash.after < 50
    assert answer.certificate.quality is Quality.OPTIMAL


def test_what_sales_in_steps_raise_at_the_least_ranks_equal() -> None:
    """Only the sale of all of P pays the withdrawal by itself: to buy for what that leaves over is no must."""
    inner = Pie((Slice("a", 0, Holding("P", 8, 4 * 10**9)), Slice("b", 3, Holding("R", 0, 0))))
    other = Slice("c", 2, Pie((Slice("d", 1, Holding("P", 0, 0)),)))
    root = Pie((Slice("p", 2, inner), other, Slice("e", 2, Holding("P", 4, 2 * 10**9))))
    listed = (
        Security("P", min_position=9, price_micros=20_000, quantity_step_nanos=10**9),
        Security("R", price_micros=30_000, quantity_step_nanos=700_000_000),
    )
    events = Rebalance("p", Reach.DEEP, "p"), Withdrawal(5, "out"), Rebalance("c", Reach.SHALLOW, "c"), Deposit(1, "in")
    understood = understand(Portfolio(root, 3, securities=listed), events, Rules(4, 4))
    assert isinstance(understood, Understood)
    stage = decide_cash(build_problem(understood.situation))
    assert [case.spare for case in stage.cases] == [8]  # 12 raised for 4
    answer = plan(Portfolio(root, 3, securities=listed), events, Rules(4, 4))
    assert isinstance(answer, Plan)
    assert answer.certificate.tracking_error == pytest.approx(6.0)


def test_a_rebalance_that_must_sell_counts_whole_shares() -> None:
    """10 of P may be 5: in shares of 0.02 that takes 6, and where nothing may be bought 6 is what is left at least."""
    p = Slice("p", 0, Pie((Slice("a", 1, Holding("P", 8, 4 * 10**9)),)))
    q = Slice("q", 0, Pie((Slice("b", 2, Holding("Q", 0, 0)), Slice("c", 1, Holding("P", 2, 10**9)))))
    root = Pie((p, q, Slice("d", 1, Holding("Q", 8, 4 * 10**9))))
    shut = (Block(Side.BUY, BlockReason.CLIENT),)
    listed = (
        Security("Q", blocks=shut, price_micros=20_000, quantity_step_nanos=10**9),
        Security("P", max_value=5, price_micros=20_000, quantity_step_nanos=10**9),
    )
    answer = plan(Portfolio(root, securities=listed), Rebalance(), Rules(4))
    assert isinstance(answer, Plan)
    assert answer.certificate.cash_left == 6


@pytest.mark.parametrize(
    "events",
    [
        (Deposit(100, "in"), Withdrawal(30, "out")),
        (Withdrawal(130, "out"), Rebalance("", Reach.DEEP, "all")),
        (Deposit(130, "in"), Rebalance("", Reach.DEEP, "all"), Rebalance("p", Reach.DEEP, "p")),
        (Rebalance("p", Reach.DEEP, "p"), Rebalance("q", Reach.DEEP, "q")),
    ],
)
def test_other_events_in_steps_are_planned(events: tuple[Event, ...]) -> None:
    answer = plan(in_shares(), events)
    assert isinstance(answer, Plan)
    for order in answer.orders:
        assert sum(part.amount for part in order.parts) == order.amount
        if order.security_id == "A":
            assert order.amount % 50 == 0
            assert order.quantity_nanos == order.amount // 50 * 10**9


def test_steps_of_one_order_for_several_slices() -> None:
    """Where a and c hold the same, whole shares are those of one order for both; a cent may move between them."""
    start = in_shares()
    p, q = start.root.slices
    assert isinstance(q.content, Pie)
    other = Slice("c", 1, Holding("A", 100, 2 * 10**9))
    q = Slice("q", 1, Pie((other, *q.content.slices[1:])))
    shared = Portfolio(Pie((p, q)), securities=start.securities)
    answer = plan(shared, (Deposit(100, "in"), Rebalance("q", Reach.DEEP, "inner")))
    assert isinstance(answer, Plan)
    assert all(order.amount % 50 == 0 for order in answer.orders if order.security_id == "A")
    assert answer.cash.after == 0


def test_a_slice_that_holds_nothing_keeps_no_other_from_coming_down() -> None:
    """8 of P may be 2: d sells its 4, though a, which rebalances inside a pie that only buys, could not if it had any."""
    held = 1_400_000_000
    inner = Slice("p", 1, Pie((Slice("a", 2, Holding("P", 0, 0)),)))
    g = Slice("g", 1, Pie((Slice("b", 2, Holding("P", 4, held)), inner)))
    q = Slice("q", 1, Pie((Slice("c", 1, Holding("R", 1)), Slice("e", 1, Holding("P", 0, 0)))))
    root = Pie((g, q, Slice("d", 0, Holding("P", 4, held))))
    listed = (Security("P", max_share_micros=200_000, price_micros=35_000, quantity_step_nanos=700_000_000),)
    events = Rebalance("", Reach.SHALLOW, "all"), Rebalance("p", Reach.SHALLOW, "p"), Deposit(1, "in")
    answer = plan(Portfolio(root, securities=listed), events, Rules(3))
    assert isinstance(answer, Plan)
    assert by_hand(answer)["d"] == -4
    assert sum(traded for slice_id, traded in by_hand(answer).items() if slice_id in "abde") == -4
    assert answer.certificate.quality is Quality.OPTIMAL


@pytest.mark.parametrize("price", [20_000, 25_000], ids=["in whole cents", "rounded down"])
def test_what_is_retired_stays_where_its_sale_would_only_be_cash(price: int) -> None:
    """a and b must come down to 3 by two shares each, and nothing may be bought: so much is left, and c not sold to it.

    At 2.5 a share the steps of a and b by themselves could be read as a cent less: exact amounts are 2, 5, 7.
    """
    amount = 2 * price // 10_000
    slices = [Slice(name, 1, Holding(name.upper(), 3 * price // 10_000, 3 * 10**9)) for name in "ab"]
    retired = Slice("q", 0, Pie((leaf("c", 1, 1),)))
    step = {"max_value": 3, "price_micros": price, "quantity_step_nanos": 10**9}
    portfolio = Portfolio(Pie((*slices, retired)), 0, securities=(Security("A", **step), Security("B", **step)))
    answer = plan(portfolio, (Deposit(0, "in"), Rebalance("", Reach.DEEP, "all")))
    assert isinstance(answer, Plan)
    assert by_hand(answer) == {"a": -amount, "b": -amount}
    assert (answer.certificate.cash_left, answer.certificate.retired_excess) == (2 * amount, 1)


def test_what_one_largest_position_leaves_of_a_deposit_is_counted_once() -> None:
    """P, in two pies, takes 5 of 13 and no more; that a rebalance could sell its retired slice beside, adds no cash."""
    q = Slice("q", 2, Pie((leaf("b", 1, 0), Slice("c", 0, Holding("C", 1, 7 * 10**8)))))
    p = Slice("p", 1, Pie((Slice("a", 1, Holding("B", 0)),)))
    shares = Security("C", price_micros=20_000, quantity_step_nanos=7 * 10**8)
    portfolio = Portfolio(Pie((p, q)), 0, securities=(shares, Security("B", max_value=5)))
    answer = plan(portfolio, (Deposit(13, "in"), Rebalance("q", Reach.DEEP, "inner")), Rules(1))
    assert isinstance(answer, Plan)
    assert [(order.security_id, order.amount) for order in answer.orders] == [("B", 5)]
    assert (answer.cash.after, answer.certificate.retired_excess) == (8, 1)


def test_what_fell_in_a_pie_is_not_spent_on_steps_elsewhere() -> None:
    """a is sold for 7 and b takes 1 of it; of the deposit of 5 two steps of c take 4: three would need a's money, too."""
    p = Slice("p", 1, Pie((leaf("a", 1, 7), leaf("b", 1, 4))))
    q = Slice("q", 1, Pie((Slice("c", 1, Holding("C", 0, 0)),)))
    steps = Security("C", price_micros=30_000, quantity_step_nanos=7 * 10**8)
    portfolio = Portfolio(Pie((p, q)), 0, securities=(Security("B", max_value=5), steps))
    gone = TargetChange((ChangedPie("p", (TargetSlice("a", 0), TargetSlice("b", 1))),), "change")
    answer = plan(portfolio, (gone, Deposit(5, "in")), Rules(1))
    assert isinstance(answer, Plan)
    assert by_hand(answer) == {"a": -7, "b": 1, "c": 4}
    assert answer.cash.after == 7
