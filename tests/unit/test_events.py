"""Several events at once, by hand: what each combination comes to, whose each part is, and what is refused."""

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
    Reach,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
    check_request,
    plan,
)
from solver.events import MAX_EVENTS
from solver.ideal import Mode
from solver.money import MAX_MONEY
from solver.situations import Understood, understand

NO_RULES = Rules()
BUY, SELL = Side.BUY, Side.SELL


def leaf(name: str, weight: int, value: int) -> Slice:
    return Slice(name, weight, Holding(name.upper(), value))


def pie(name: str, weight: int, *slices: Slice) -> Slice:
    return Slice(name, weight, Pie(slices))


def account(cash: int = 0) -> Portfolio:
    """p has 300 and q 300, each half of the account; p is at 200/100 and q at 100/200 of their halves."""
    p = pie("p", 1, leaf("a", 1, 200), leaf("b", 1, 100))
    q = pie("q", 1, leaf("c", 1, 100), leaf("d", 1, 200))
    return Portfolio(Pie((p, q)), cash)


def change(name: str, **weights: int) -> TargetChange:
    return TargetChange((ChangedPie(name, tuple(TargetSlice(s, weight) for s, weight in weights.items())),), "change")


def planned(*events: Event, cash: int = 0, rules: Rules = NO_RULES, portfolio: Portfolio | None = None) -> Plan:
    answer = plan(portfolio or account(cash), events, rules)
    assert isinstance(answer, Plan), answer
    assert answer.certificate.quality is Quality.OPTIMAL
    return answer


def parts(answer: Plan, side: Side) -> dict[str, list[tuple[str, int]]]:
    """By slice: whose each part of its order is, and how much."""
    return {
        order.parts[0].slice_id: [(part.event_id, part.amount) for part in order.parts]
        for order in answer.orders
        if order.side is side
    }


def understood(*events: Event, cash: int = 0, rules: Rules = NO_RULES) -> Understood:
    found = understand(account(cash), events, rules)
    assert isinstance(found, Understood)
    return found


# what the root does, with how much: (events, cash, mode, event's row, R by row)
DEPOSIT, DRAW = Deposit(100, "in"), Withdrawal(40, "out")
POSED = [
    ((DEPOSIT, Deposit(50)), 7, Mode.BUYING, 0, {0: 157}),
    ((DEPOSIT, DRAW), 7, Mode.BUYING, 0, {0: 67}),
    ((DRAW, DEPOSIT), 7, Mode.BUYING, 0, {0: 67}),
    ((Withdrawal(107), DEPOSIT), 7, Mode.BUYING, 0, {0: 0}),
    ((Withdrawal(108), DEPOSIT), 7, Mode.SELLING, 0, {0: -1}),
    ((DRAW, Withdrawal(60)), 90, Mode.SELLING, 0, {0: -10}),
    ((DRAW, Withdrawal(60)), 100, Mode.SELLING, 0, {}),
    ((Rebalance(), DEPOSIT), 7, Mode.REBALANCING, 0, {0: 107}),
    ((Rebalance(), DRAW), 7, Mode.REBALANCING, 0, {0: -33}),
    ((Rebalance(), DRAW), 50, Mode.REBALANCING, 0, {0: 10}),
    ((Rebalance(), change("p", a=1, b=0)), 7, Mode.REBALANCING, 0, {0: 107}),
    ((DRAW, Rebalance(), change("p", a=1, b=0)), 0, Mode.REBALANCING, 0, {0: 60}),
    ((DEPOSIT, change("p", a=1, b=2)), 0, Mode.BUYING, 0, {0: 100}),
    ((DEPOSIT, change("p", a=1, b=0)), 0, Mode.BUYING, 0, {0: 100, 1: 100}),
    ((DRAW, change("p", a=1, b=0)), 0, Mode.BUYING, 0, {1: 60}),
    ((DRAW, change("p", a=1, b=0)), 30, Mode.BUYING, 0, {1: 90}),
    ((DRAW, change("p", a=1, b=0)), 50, Mode.BUYING, 0, {1: 100}),
    ((Withdrawal(130), change("p", a=1, b=0)), 0, Mode.SELLING, 0, {0: -30}),
    ((Withdrawal(100), change("p", a=1, b=0)), 0, Mode.SELLING, 0, {}),
    ((Rebalance("p"), change("p", a=1, b=0)), 9, Mode.REBALANCING, 1, {1: 100}),
    ((Rebalance("p"), change("q", c=1, d=2)), 9, Mode.REBALANCING, 1, {}),
    ((Rebalance("p"), change("q", c=1, d=0)), 0, Mode.BUYING, 0, {4: 200}),
    ((Rebalance("p"), DRAW), 40, Mode.REBALANCING, 1, {}),
    ((Rebalance("p"), DRAW), 30, Mode.SELLING, 0, {0: -10}),
    ((Rebalance("p"), DEPOSIT), 0, Mode.BUYING, 0, {0: 100}),
    ((Rebalance("p"), Deposit(0)), 0, Mode.REBALANCING, 1, {}),
    ((Rebalance("p"), Rebalance("q")), 9, Mode.NOTHING, 0, {}),
    ((Rebalance("p"), Rebalance("q"), change("p", a=1, b=0)), 9, Mode.NOTHING, 0, {1: 100}),
]


@pytest.mark.parametrize(("events", "cash", "mode", "row", "received"), POSED)
def test_posed(events: tuple[Event, ...], cash: int, mode: Mode, row: int, received: dict[int, int]) -> None:
    situation = understood(*events, cash=cash).situation
    assert (situation.mode, situation.event_row, situation.received) == (mode, row, received)


def test_one_event_is_posed_as_ever() -> None:
    assert understood(Rebalance("p", Reach.SHALLOW)).situation.rebalanced == {}
    assert understand(account(), Deposit(5, "e"), NO_RULES) == understand(account(), (Deposit(5, "e"),), NO_RULES)
    assert plan(account(), [Deposit(5, "e")]) == plan(account(), Deposit(5, "e"))


def test_the_floor_and_the_deposits() -> None:
    """The first deposit tops the floor up; a withdrawal leaves it alone while anything can be sold."""
    floor = Rules(cash_floor=20)
    assert understood(DEPOSIT, DRAW, cash=5, rules=floor).situation.received == {0: 45}
    assert understood(DEPOSIT, Withdrawal(90), cash=5, rules=floor).situation.received == {0: 0}
    assert understood(DEPOSIT, Withdrawal(130), cash=5, rules=floor).situation.received == {0: -30}
    assert understood(Rebalance(), DEPOSIT, cash=5, rules=floor).situation.received == {0: 85}


def test_the_threshold_holds_back_deposits_alone() -> None:
    rules = Rules(deposit_threshold=200)
    assert understood(DEPOSIT, Deposit(99), rules=rules).waits
    assert not understood(DEPOSIT, Deposit(100), rules=rules).waits
    assert not understood(DEPOSIT, DRAW, rules=rules).waits


def test_two_deposits() -> None:
    """a to d rise to 150 each: b and c take the 100; the cash goes with the last deposit."""
    answer = planned(Deposit(30, "one"), Deposit(60, "two"), cash=10)
    assert parts(answer, BUY) == {"b": [("one", 30), ("two", 20)], "c": [("two", 50)]}
    assert (answer.cash.received, answer.cash.paid_out, answer.cash.after) == (90, 0, 0)


def test_a_deposit_pays_a_withdrawal_first() -> None:
    answer = planned(Deposit(100, "in"), Withdrawal(40, "out"))
    assert (parts(answer, BUY), parts(answer, SELL)) == ({"b": [("in", 30)], "c": [("in", 30)]}, {})
    assert (answer.cash.received, answer.cash.paid_out, answer.cash.bought) == (100, 40, 60)


def test_withdrawals_are_paid_in_turn() -> None:
    """Cash and the deposit pay the first and 10 of the second; the sales are the rest of the second, and the third."""
    answer = planned(Withdrawal(50, "one"), Withdrawal(30, "two"), Withdrawal(40, "three"), Deposit(55, "in"), cash=5)
    assert parts(answer, SELL) == {"a": [("two", 20), ("three", 10)], "d": [("three", 30)]}


def test_proceeds_pay_a_withdrawal_before_anything_else_is_sold() -> None:
    """b is sold for 100: 40 are paid out, and 60 stay in p."""
    answer = planned(Withdrawal(40, "out"), change("p", a=1, b=0))
    assert parts(answer, SELL) == {"b": [("change", 100)]}
    assert parts(answer, BUY) == {"a": [("change", 60)]}
    sentence = next(node for node in answer.nodes if node.slice_id == "b").reasons[0].sentence
    assert "goes where these events together send it" in sentence
    told = {node.slice_id: (node.value_before, node.ideal, node.trade, node.value_after) for node in answer.nodes}
    assert told["p"] == (300, -40, -40, 260)
    assert told[""] == (600, -40, -40, 560)


def test_proceeds_of_several_pies_pay_in_their_order() -> None:
    both = TargetChange((*change("q", c=1, d=0).pies, *change("p", a=1, b=0).pies), "change")
    answer = planned(Withdrawal(130, "out"), both)
    assert parts(answer, BUY) == {"c": [("change", 170)]}
    assert {node.slice_id: node.ideal for node in answer.nodes}["p"] == -100


def test_sales_beyond_the_proceeds() -> None:
    """Under the new targets p is 200 and q 300, so that q gives the 20 that are still short."""
    answer = planned(Withdrawal(120, "out"), change("p", a=1, b=0))
    assert parts(answer, SELL) == {"b": [("change", 100)], "d": [("out", 20)]}


def test_a_deposit_beside_a_liquidation() -> None:
    """p keeps its 100 and needs nothing more; q is level with it, and both share the deposit."""
    answer = planned(Deposit(100, "in"), change("p", a=1, b=0))
    assert parts(answer, BUY) == {"a": [("change", 100), ("in", 50)], "c": [("in", 50)]}


def test_a_rebalance_of_everything_beside_a_withdrawal() -> None:
    """560 are 140 each: a and d give 60 each, b and c take 40 each; what was to be raised is the withdrawal's."""
    answer = planned(Rebalance("", Reach.DEEP, "even"), Withdrawal(40, "out"))
    assert parts(answer, SELL) == {"a": [("out", 40), ("even", 20)], "d": [("even", 60)]}
    assert parts(answer, BUY) == {"b": [("even", 40)], "c": [("even", 40)]}


def test_a_rebalance_of_everything_beside_a_deposit_and_a_liquidation() -> None:
    """720 are 360 a pie: a alone takes p's, with the deposit's money first, then the proceeds, then the sale of d."""
    answer = planned(Rebalance("", Reach.DEEP, "even"), Deposit(120, "in"), change("p", a=1, b=0))
    assert parts(answer, SELL) == {"b": [("change", 100)], "d": [("even", 20)]}
    assert parts(answer, BUY) == {"a": [("in", 120), ("change", 40)], "c": [("change", 60), ("even", 20)]}


def test_a_pie_rebalances_beside_a_deposit() -> None:
    """100 for each half: p brings a and b to 175 each with its 50, q only buys."""
    answer = planned(Rebalance("p", Reach.DEEP, "even"), Deposit(100, "in"))
    assert parts(answer, SELL) == {"a": [("even", 25)]}
    assert parts(answer, BUY) == {"b": [("in", 50), ("even", 25)], "c": [("in", 50)]}


def test_a_pie_rebalances_beside_a_withdrawal() -> None:
    """Each half gives 20: p lands at 140 and 140, q sells d alone. Sales outside p are the withdrawal's first."""
    answer = planned(Rebalance("p", Reach.DEEP, "even"), Withdrawal(40, "out"))
    assert parts(answer, SELL) == {"a": [("out", 20), ("even", 40)], "d": [("out", 20)]}
    assert parts(answer, BUY) == {"b": [("even", 40)]}


def test_pies_rebalance_side_by_side() -> None:
    answer = planned(Rebalance("p", Reach.DEEP, "one"), Rebalance("q", Reach.SHALLOW, "two"), cash=9)
    assert parts(answer, SELL) == {"a": [("one", 50)], "d": [("two", 50)]}
    assert parts(answer, BUY) == {"b": [("one", 50)], "c": [("two", 50)]}
    assert answer.cash.after == 9
    assert {node.slice_id: node.reasons[0].code.value for node in answer.nodes} == {
        "": "OUTSIDE_EVENT",
        "p": "AT_TARGET",
        "a": "OVERWEIGHT",
        "b": "UNDERWEIGHT",
        "q": "AT_TARGET",
        "c": "UNDERWEIGHT",
        "d": "OVERWEIGHT",
    }


def test_side_by_side_each_may_leave_less_than_the_minimum() -> None:
    """z is sold for 10, which is under the minimum of 25 and stays cash, in each of the pies."""
    both = [pie(name, 1, leaf(f"{name}y", 1, 100), leaf(f"{name}z", 0, 10)) for name in "pq"]
    answer = planned(Rebalance("p"), Rebalance("q"), rules=Rules(25), portfolio=Portfolio(Pie(tuple(both))))
    assert [(o.security_id, o.amount) for o in answer.orders] == [("PZ", 10), ("QZ", 10)]
    assert (answer.certificate.cash_left, answer.cash.after) == (20, 20)


def test_a_deep_pie_inside_a_shallow_rebalance() -> None:
    """The root brings p and q to 300 each; p, shallow alone, would be at rest inside, and q is asked to rebalance."""
    answer = planned(Rebalance("", Reach.SHALLOW, "root"), Rebalance("q", Reach.DEEP, "inner"))
    assert parts(answer, SELL) == {"d": [("inner", 50)]}
    assert parts(answer, BUY) == {"c": [("inner", 50)]}


def test_a_pie_gives_nothing_to_a_deposit() -> None:
    """p is far above its share of what the account will be: it rebalances with its own money and gives none away."""
    heavy = replace(
        account(), root=Pie((replace(account().root.slices[0], target_weight=1), pie("r", 9, leaf("e", 1, 0))))
    )
    answer = planned(Rebalance("p", Reach.DEEP, "even"), Deposit(100, "in"), portfolio=heavy)
    assert parts(answer, SELL) == {"a": [("even", 50)]}
    assert parts(answer, BUY) == {"b": [("even", 50)], "e": [("in", 100)]}


def test_a_retired_pie_rebalances_with_its_own_money_alone() -> None:
    p, q = account().root.slices
    retired = Portfolio(Pie((replace(p, target_weight=0), q)))
    answer = planned(Rebalance("p", Reach.DEEP, "even"), Deposit(100, "in"), portfolio=retired)
    assert parts(answer, SELL) == {"a": [("even", 50)]}
    assert parts(answer, BUY) == {"b": [("even", 50)], "c": [("in", 100)]}


def test_a_deposit_too_small_for_an_order_stays_cash_beside_a_rebalance() -> None:
    """10 could only be placed by swapping more inside p, which is at its targets: nothing is churned."""
    even = Portfolio(Pie((pie("p", 1, leaf("a", 1, 100), leaf("b", 1, 100)), leaf("e", 1, 200))))
    answer = planned(Rebalance("p"), Deposit(10), rules=Rules(25), portfolio=even)
    assert (answer.orders, answer.cash.after) == ((), 10)


def test_a_position_above_its_largest() -> None:
    """Alone p brings a down; where what that frees could go nowhere, it stays, and does not grow."""
    limited = replace(account(), securities=(Security("A", max_value=120), Security("B", max_value=100)))
    assert parts(planned(Rebalance("p"), portfolio=limited), SELL) == {"a": [("", 80)]}
    assert parts(planned(Rebalance("p"), Rebalance("q"), portfolio=limited), SELL)["a"] == [("", 80)]
    beside = plan(limited, (Rebalance("p"), Deposit(10)))
    assert isinstance(beside, Plan)
    assert not parts(beside, SELL)


def test_what_there_is() -> None:
    """Value, cash and deposits; the proceeds are part of the value."""
    sold = change("p", a=1, b=0)
    assert plan(account(5), (Deposit(10), Withdrawal(616))) == Infeasible("WITHDRAWAL_EXCEEDS_PORTFOLIO", (), 615)
    assert plan(account(5), (Deposit(10), Withdrawal(616), sold)) == Infeasible("WITHDRAWAL_EXCEEDS_PORTFOLIO", (), 615)
    assert isinstance(plan(account(5), (Deposit(10), Withdrawal(615), sold)), Plan)
    halted = replace(account(5), securities=(Security("D", blocks=(Block(SELL, BlockReason.HALTED),)),))
    blocked = Infeasible("WITHDRAWAL_BLOCKED", ("securities[D].blocks[SELL]",), 415)
    assert plan(halted, (Deposit(10), Withdrawal(416), sold)) == blocked
    assert isinstance(plan(halted, (Deposit(10), Withdrawal(415), sold)), Plan)


REFUSED: list[tuple[tuple[Event, ...], list[tuple[str, str]]]] = [
    ((), [("events", "MISSING_FIELD")]),
    ((Deposit(1),) * (MAX_EVENTS + 1), [("events", "TOO_MANY_EVENTS")]),
    ((Deposit(1), Deposit(-1), Withdrawal(0)), [
        ("events[1].deposit.amount", "NEGATIVE_AMOUNT"), ("events[2].withdrawal.amount", "AMOUNT_TOO_SMALL"),
    ]),
    ((Deposit(MAX_MONEY // 2), Deposit(MAX_MONEY // 2)), [("events[1].deposit.amount", "AMOUNT_TOO_LARGE")]),
    ((change("p", a=1, b=1), DRAW, change("q", c=1, d=1)), [("events[2].target_change", "SECOND_TARGET_CHANGE")]),
    ((DRAW, Rebalance("p"), Rebalance("p")), [("events[2].rebalance.slice_id", "DUPLICATE_REBALANCE")]),
    ((Rebalance(), Rebalance("", Reach.SHALLOW)), [("events[1].rebalance.reach", "CONFLICTING_REBALANCES")]),
    ((change("", p=1), Rebalance("q")), [("events[1].rebalance.slice_id", "REBALANCED_PIE_LEAVES")]),
    ((Rebalance("q"), change("", p=1, q=0)), [("events[0].rebalance.slice_id", "REBALANCED_PIE_LEAVES")]),
    ((DRAW, Rebalance("x")), [("events[1].rebalance.slice_id", "UNKNOWN_SLICE_ID")]),
    ((DRAW, Rebalance("a")), [("events[1].rebalance.slice_id", "NOT_A_PIE")]),
    ((DRAW, change("a", b=1)), [("events[1].target_change.pies[0].slice_id", "NOT_A_PIE")]),
]  # fmt: skip


@pytest.mark.parametrize(("events", "faults"), REFUSED)
def test_refused(events: tuple[Event, ...], faults: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_request(account(), events)
    assert [(v.field, v.reason) for v in caught.value.violations][: len(faults)] == faults


def test_a_pie_that_is_added_may_rebalance_at_once() -> None:
    """n gets a and b, which keep what they hold, and evens them out."""
    moved = TargetChange(
        (
            ChangedPie("p", (TargetSlice("a", 1),)),
            ChangedPie("q", (TargetSlice("c", 1), TargetSlice("d", 1), TargetSlice("b", 1))),
        ),
        "change",
    )
    answer = planned(moved, Rebalance("q", Reach.DEEP, "even"))
    assert parts(answer, SELL) == {"d": [("even", 67)]} or parts(answer, SELL) == {"d": [("even", 66)]}
    assert set(parts(answer, BUY)) == {"b", "c"}


def test_money_has_nowhere_to_go_but_a_retired_pie() -> None:
    """p rebalances inside with its own money; the deposit may not be spent there, nor on c, and stays cash."""
    p, q = account().root.slices
    retired = Portfolio(Pie((replace(p, target_weight=0), q)), securities=(Security("C", max_value=0), full("D")))
    answer = planned(Rebalance("p"), Deposit(100), portfolio=retired)
    assert (parts(answer, SELL), parts(answer, BUY), answer.cash.after) == ({"a": [("", 50)]}, {"b": [("", 50)]}, 100)


def full(name: str) -> Security:
    return Security(name, max_value=0)


def test_a_deep_rebalance_takes_from_the_pies_inside_it_though_the_root_buys() -> None:
    """Of g, p is retired: what it held goes to a, with g's share of the deposit."""
    p = pie("p", 0, leaf("b", 1, 50))
    g = pie("g", 1, leaf("a", 1, 50), p)
    answer = planned(
        Rebalance("g", Reach.DEEP, "even"), Deposit(100, "in"), portfolio=Portfolio(Pie((g, leaf("e", 1, 100))))
    )
    assert parts(answer, SELL) == {"b": [("even", 50)]}
    assert parts(answer, BUY) == {"a": [("in", 50), ("even", 50)], "e": [("in", 50)]}


def test_a_shallow_rebalance_goes_deep_where_a_withdrawal_could_not_be_paid() -> None:
    """q, retired, would raise it all, but c is halted; a lies in p, which a shallow rebalance leaves at rest."""
    p, q = pie("p", 1, leaf("a", 1, 10)), pie("q", 0, leaf("c", 1, 10))
    halted = (Security("C", blocks=(Block(SELL, BlockReason.HALTED),)),)
    answer = planned(
        Rebalance("", Reach.SHALLOW, "even"),
        Withdrawal(10, "out"),
        portfolio=Portfolio(Pie((p, q)), 0, securities=halted),
    )
    assert parts(answer, SELL) == {"a": [("out", 10)]}
