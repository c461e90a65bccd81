"""Orders of securities that several slices hold, by hand: one each, transfers beside it, and shares that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
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
from solver.orders import Placed, _shared_out, placed
from solver.plan import ReasonCode
from solver.situations import Understood, understand
from solver.steps import Steps
from solver.tree import flatten

SHARE = 10**9
Parts = tuple[tuple[str, int, str], ...]


def leaf(name: str, security: str, value: int, weight: int = 1, quantity: int | None = None) -> Slice:
    return Slice(name, weight, Holding(security, value, quantity))


def shared() -> Portfolio:
    """S in p (100), in q (50) and at the root (30)."""
    p = Pie((leaf("a", "S", 100), leaf("x", "P", 100)))
    q = Pie((leaf("b", "S", 50), leaf("y", "Q", 150)))
    return Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q), leaf("c", "S", 30))))


def ordered(portfolio: Portfolio, event: Event, of: Mapping[str, int]) -> Placed:
    understood = understand(portfolio, event, Rules())
    assert isinstance(understood, Understood)
    return placed(understood, [of.get(name, 0) for name in understood.situation.tree.slice_ids])


# trades, the order of S (side, amount, parts), transfers of S
NETTED = [
    ({"a": -30, "b": 10, "c": 5}, ("SELL", 15, {"a": 15}), [("a", "b", 10), ("a", "c", 5)]),
    ({"a": -30, "b": -10, "c": 35}, ("SELL", 5, {"b": 5}), [("a", "c", 30), ("b", "c", 5)]),
    ({"a": 30, "b": -10, "c": -5}, ("BUY", 15, {"a": 15}), [("b", "a", 10), ("c", "a", 5)]),
    ({"a": 7, "b": 8, "c": -10}, ("BUY", 5, {"b": 5}), [("c", "a", 7), ("c", "b", 3)]),
    ({"a": -7, "b": -8}, ("SELL", 15, {"a": 7, "b": 8}), []),
    ({"a": 7, "c": 8}, ("BUY", 15, {"a": 7, "c": 8}), []),
    ({"a": -10, "b": 10}, None, [("a", "b", 10)]),
    ({"x": 4}, None, []),
]


@pytest.mark.parametrize(("of", "order", "transfers"), NETTED)
def test_what_slices_hand_to_each_other_is_not_ordered(
    of: dict[str, int], order: tuple[str, int, dict[str, int]] | None, transfers: list[tuple[str, str, int]]
) -> None:
    done = ordered(shared(), Rebalance(event_id="e"), of)
    assert [(t.from_slice_id, t.to_slice_id, t.amount) for t in done.transfers] == transfers
    assert {t.security_id for t in done.transfers} <= {"S"}
    found = [o for o in done.orders if o.security_id == "S"]
    if order is None:
        assert not found
        return
    (one,) = found
    assert (one.side.value, one.amount, {part.slice_id: part.amount for part in one.parts}) == order
    assert not one.closes_position
    assert one.quantity_nanos is None
    assert done.gained == {}


def test_sells_first_in_the_order_of_the_slices() -> None:
    done = ordered(shared(), Rebalance(event_id="e"), {"a": 50, "x": -100, "b": 10, "y": -50, "c": -30})
    assert [(o.sequence, o.side, o.security_id, o.closes_position) for o in done.orders] == [
        (1, Side.SELL, "P", True),
        (2, Side.SELL, "Q", False),
        (3, Side.BUY, "S", False),
    ]


def test_an_order_closes_where_every_slice_is_empty_afterwards() -> None:
    for of, closes in (({"a": -100, "b": -50, "c": -30}, True), ({"a": -100, "b": -50}, False)):
        (one,) = ordered(shared(), Withdrawal(sum(map(abs, of.values()))), of).orders
        assert one.closes_position is closes


# --- liquidations ----------------------------------------------------------------------------------------------------

GONE = TargetChange((ChangedPie("", (TargetSlice("b", 1), TargetSlice("t", 1))),), "change")


def three(b: int, t: int) -> Portfolio:
    """S in a (100), which ``GONE`` sells, and in b; T in t."""
    return Portfolio(Pie((leaf("a", "S", 100), leaf("b", "S", b), leaf("t", "T", t))))


def of_plan(answer: object) -> list[tuple[str, str, int, bool, Parts]]:
    assert isinstance(answer, Plan)
    return [
        (o.side.value, o.security_id, o.amount, o.closes_position,
         tuple((part.slice_id, part.amount, part.event_id) for part in o.parts))
        for o in answer.orders
    ]  # fmt: skip


def test_a_liquidation_and_a_withdrawal_sell_by_one_order() -> None:
    assert of_plan(plan(three(100, 40), (GONE, Withdrawal(120, "out")))) == [
        ("SELL", "S", 120, False, (("a", 100, "change"), ("b", 20, "out"))),
    ]
    assert of_plan(plan(three(100, 40), (GONE, Withdrawal(240, "out")))) == [
        ("SELL", "S", 200, True, (("a", 100, "change"), ("b", 100, "out"))),
        ("SELL", "T", 40, True, (("t", 40, "out"),)),
    ]


@pytest.mark.parametrize("held", [0, 10])
def test_what_was_liquidated_is_not_bought_back(held: int) -> None:
    """b is to have half, and would buy from what a was worth: S would be sold and bought at once."""
    answer = plan(three(held, 40), GONE)
    assert of_plan(answer) == [
        ("SELL", "S", 100, held == 0, (("a", 100, "change"),)),
        ("BUY", "T", 100, False, (("t", 100, "change"),)),
    ]
    assert isinstance(answer, Plan)
    (node,) = (node for node in answer.nodes if node.slice_id == "b")
    assert node.reasons[-1].code is ReasonCode.BLOCKED
    assert "LIQUIDATED" in node.reasons[-1].sentence


def test_not_even_where_the_first_slice_listed_is_empty() -> None:
    """The slice that was liquidated stays, with target 0; b and c hold the same security, one of them nothing yet."""
    start = Portfolio(Pie((leaf("a", "S", 100), leaf("b", "S", 0), leaf("c", "S", 50), leaf("t", "T", 40))))
    kept = tuple(TargetSlice(name, weight) for name, weight in (("a", 0), ("b", 1), ("c", 1), ("t", 1)))
    sold, bought = of_plan(plan(start, TargetChange((ChangedPie("", kept),), "change")))
    assert sold == ("SELL", "S", 100, False, (("a", 100, "change"),))
    assert bought[:3] == ("BUY", "T", 100)


# --- shares ----------------------------------------------------------------------------------------------------------


def priced(price: int, step: int | None, *quantities: int, cash: int = 0) -> Portfolio:
    """S at ``price`` micros in slices a, b, c of these nanoshares."""
    slices = [leaf(n, "S", q * price // 10**13, 1, q) for n, q in zip("abc", quantities, strict=False)]
    return Portfolio(
        Pie(tuple(slices)), cash, securities=(Security("S", price_micros=price, quantity_step_nanos=step),)
    )


def shares(answer: object) -> dict[str, int]:
    assert isinstance(answer, Plan)
    found = {}
    for one in answer.portfolio_after.root.slices:
        assert isinstance(one.content, Holding)
        found[one.slice_id] = one.content.quantity_nanos or 0
    return found


def test_whole_shares_are_whole_in_sum() -> None:
    """Four shares of 0.02 for three slices that are to be worth the same: 3, 3 and 2 cents, and no more in parts."""
    answer = plan(priced(20_000, SHARE, 0, 0, 0), Deposit(8))
    assert isinstance(answer, Plan)
    (one,) = answer.orders
    assert (one.amount, one.quantity_nanos, one.by_quantity) == (8, 4 * SHARE, True)
    assert shares(answer) == {"a": SHARE * 3 // 2, "b": SHARE * 3 // 2, "c": SHARE}


def test_all_that_is_held_is_sold_and_no_nanoshare_more() -> None:
    """Also those that are worth less than a cent: 0.4 of a share at 0.01."""
    answer = plan(priced(10_000, None, 5 * SHARE, 4 * SHARE // 10), Withdrawal(5))
    assert isinstance(answer, Plan)
    (one,) = answer.orders
    assert (one.amount, one.quantity_nanos, one.closes_position) == (5, 54 * SHARE // 10, True)
    assert shares(answer) == {"a": 0, "b": 0}


def test_which_orders_are_sized_by_quantity() -> None:
    whole, parts = priced(10_000, SHARE, 5 * SHARE), priced(10_000, None, 5 * SHARE)
    for start, event, by_quantity in (
        (whole, Deposit(2), True),
        (whole, Withdrawal(2), True),
        (parts, Deposit(2), False),
        (parts, Withdrawal(2), True),
    ):
        answer = plan(start, event)
        assert isinstance(answer, Plan)
        (one,) = answer.orders
        assert (one.by_quantity, one.quantity_nanos) == (by_quantity, 2 * SHARE)
        assert shares(answer) == {"a": 7 * SHARE if isinstance(event, Deposit) else 3 * SHARE}


def test_a_liquidation_sells_the_shares_of_its_slice() -> None:
    """And the withdrawal two of the four that are left: seven in one order."""
    kept = TargetChange((ChangedPie("", (TargetSlice("b", 1),)),), "change")
    answer = plan(priced(10_000, None, 5 * SHARE, 4 * SHARE), (kept, Withdrawal(7, "out")))
    assert isinstance(answer, Plan)
    (one,) = answer.orders
    assert (one.amount, one.quantity_nanos) == (7, 7 * SHARE)
    assert shares(answer) == {"b": 2 * SHARE}


@pytest.mark.parametrize("kept", [(TargetSlice("b", 1),), (TargetSlice("a", 0), TargetSlice("b", 1))])
def test_less_than_a_cent_is_sold_with_its_slice(kept: tuple[TargetSlice, ...]) -> None:
    """For nothing, but no share is lost: the orders lead from the shares before to those afterwards."""
    before = priced(10_000, None, SHARE - 1, 4 * SHARE)
    held = Slice("a", 1, Holding("A", 0, SHARE - 1)), replace(before.root.slices[1], content=Holding("B", 4, 4 * SHARE))
    both = tuple(Security(name, price_micros=10_000) for name in "AB")
    before = replace(before, root=Pie(held), securities=both)
    answer = plan(before, TargetChange((ChangedPie("", kept),)))
    assert isinstance(answer, Plan)
    (one,) = answer.orders
    assert (one.security_id, one.amount, one.quantity_nanos, one.closes_position) == ("A", 0, SHARE - 1, True)
    assert +Counter(shares(answer)) == Counter(b=4 * SHARE)


CENT = Steps.of(10_000, 1, 2)  # of nanoshares, where a share is worth a cent
TWO = Steps.of(20_000, 1, 2)
# shares held by a, b, c; what they trade in cents; shares ordered; shares that each gains
SHARED_OUT = [
    (CENT, (5, 5, 5), (3, -2, 0), 1, (3, -2, 0)),
    (CENT, (5, 5, 5), (3, 1, 0), 5, (4, 1, 0)),  # a share over: whoever trades most
    (CENT, (5, 5, 5), (1, 3, 0), 5, (1, 4, 0)),
    (CENT, (5, 5, 5), (-1, -3, 0), -5, (-1, -4, 0)),
    (CENT, (5, 3, 5), (-4, -3, 0), -8, (-5, -3, 0)),  # b has no more to give
    (CENT, (5, 4, 5), (-2, -3, 0), -8, (-4, -4, 0)),  # b gives what it has, and a the rest
    (CENT, (2, 4, 5), (-1, -3, 0), -8, (-2, -4, -2)),
    (CENT, (5, 5, 5), (-5, 4, 0), -1, (-5, 4, 0)),
    (CENT, (5, 5, 5), (-5, 4, 0), 0, (-5, 5, 0)),  # who closes gives all it holds, and gets nothing of the rest
    (CENT, (5, 5, 5), (-5, -4, 1), -9, (-5, -5, 1)),
    (TWO, (5, 5, 5), (-10, 2, 2), -3, (-5, 1, 1)),
]


@pytest.mark.parametrize(("unit", "held", "of", "ordered", "gained"), SHARED_OUT)
def test_shares_go_where_the_trades_are(
    unit: Steps, held: tuple[int, ...], of: tuple[int, ...], ordered: int, gained: tuple[int, ...]
) -> None:
    price = 20_000 if unit is TWO else 10_000
    tree = flatten(priced(price, None, *(count * SHARE for count in held)))
    found = _shared_out(tree, [1, 2, 3], [0, *of], ordered * SHARE, unit)
    assert [found[row] for row in (1, 2, 3)] == [count * SHARE for count in gained]


def test_one_slice_gains_what_is_ordered() -> None:
    tree = flatten(priced(10_000, None, 5 * SHARE))
    assert _shared_out(tree, [1], [0, 3], 4 * SHARE, CENT) == {1: 4 * SHARE}


def test_a_position_is_not_closed_while_a_slice_keeps_shares_worth_less_than_a_cent() -> None:
    listed = (Security("P", price_micros=9_999, quantity_step_nanos=SHARE),)
    kept, sold = leaf("kept", "P", 0, 1, SHARE), leaf("sold", "P", 0, 1, SHARE)
    for slices, closes in (((kept, sold), False), ((leaf("kept", "P", 0, 1, 0), sold), True)):
        change = TargetChange((ChangedPie("", (TargetSlice("kept", 1),)),))
        answer = plan(Portfolio(Pie(slices), securities=listed), change)
        assert isinstance(answer, Plan)
        (order,) = answer.orders
        assert (order.quantity_nanos, order.closes_position) == (SHARE, closes)
