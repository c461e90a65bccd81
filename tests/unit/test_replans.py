"""Purchases planned again, by hand: exactly for the cash that is there, never for more."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from solver import (
    Block,
    BlockReason,
    Budget,
    ChangedPie,
    Deposit,
    Engine,
    Events,
    Infeasible,
    Pie,
    Rebalance,
    Rules,
    Side,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
)
from solver.trading.blocks import BlockFill, aggregate_orders, allocate_fills
from solver.trading.books import Books, holdings
from solver.trading.fills import Replanned, apply_fills, at_prices, cancel_rests, replan_buys
from tests.unit.filling import PRICES, SHARE, account, filled, leaf, nested, opened, reasons, two, values


def replanned(books: Books, events: Events, rules: Rules | None = None) -> Replanned:
    found = replan_buys(books, events, "two", rules)
    assert isinstance(found, Replanned)
    for made in found.plans:
        assert {o.side for o in made.orders} <= {Side.BUY}
        assert made.certificate.quality.value == "OPTIMAL"
    return found


def bought(books: Books) -> dict[str, int]:
    return {o.security_id: o.amount for o in books.open_orders(Side.BUY)}


def test_purchases_for_the_cash_there_is() -> None:
    """Sold at 9.00, so 9.00 are there for the purchase of 10.00."""
    books, _ = opened(two(), Rebalance())
    books = filled(books, Side.SELL, 1, Fraction(9, 10))
    again = replanned(books, Rebalance()).books
    assert bought(again) == {"B": 9_00}
    assert [o.order_id for o in again.open_orders(Side.BUY)] == ["two/1"]
    done = filled(again, Side.BUY)
    assert done.finished
    assert (done.portfolio.cash, values(done.portfolio)) == (0, {"a": 50_00, "b": 49_00})
    assert reasons(lambda: replan_buys(books, Rebalance(), "one")) == [("plan_id", "DUPLICATE_PLAN_ID")]


def test_what_is_paid_for_stays_as_it_is() -> None:
    books, _ = opened(two(), Rebalance())
    full = filled(books, Side.SELL)
    assert replanned(full, Rebalance()) == Replanned(full, ())
    assert reasons(lambda: replan_buys(books, Rebalance(), "two")) == [("books.working[0]", "SALE_OPEN")]


def test_minimums_are_kept() -> None:
    """20.00 for two purchases of at least 15.00: one of them is made with all of it, and nothing is with 14.00."""
    start = account(leaf("a", 160_00), leaf("b", 80_00), leaf("c", 80_00), leaf("d", 80_00))
    rules = Rules(min_trade=15_00)
    books, _ = opened(start, Rebalance(), rules)
    assert bought(books) == {"B": 20_00, "C": 20_00, "D": 20_00}
    short = replanned(cancel_rests(filled(books, Side.SELL, Fraction(1, 3)), ["one/1"]), Rebalance(), rules).books
    assert sorted(bought(short).values()) == [20_00]
    none = cancel_rests(filled(books, Side.SELL, Fraction(7, 30)), ["one/1"])
    stopped = replanned(none, Rebalance(), rules).books
    assert (bought(stopped), stopped.finished, stopped.portfolio.cash) == ({}, True, 14_00)


def test_a_pie_keeps_its_proceeds_and_the_cash_stays() -> None:
    """p sells 100.00 of d for 80.00: 80.00 of c, and the 7.00 of the account are not touched."""
    books, _ = opened(nested(), Rebalance("p"))
    assert bought(books) == {"C": 100_00}
    books = filled(books, Side.SELL, 1, Fraction(8, 10))
    again = replanned(books, Rebalance("p")).books
    assert bought(again) == {"C": 80_00}
    assert filled(again, Side.BUY).portfolio.cash == 7_00


def test_proceeds_of_a_liquidation_stay_in_their_pie_beside_a_deposit() -> None:
    start = nested()
    events = [Deposit(100_00), TargetChange((ChangedPie("p", (TargetSlice("c", 1), TargetSlice("d", 0))),))]
    books, _ = opened(start, events)
    planned = bought(books)["C"]
    assert planned >= 300_00
    books = filled(books, Side.SELL, 1, Fraction(1, 2))
    found = replanned(books, events)
    assert [made.cash.before for made in found.plans] == [planned - 150_00, 100_00 + 7_00 + 300_00 - planned]
    for one in found.books.working:
        assert sum(share for _, share in one.slices) == one.order.quantity_nanos
    done = filled(found.books, Side.BUY)
    assert done.portfolio.cash == 0
    assert sum(bought(found.books).values()) == 150_00 + 107_00
    assert bought(found.books)["C"] >= 150_00


def test_a_pie_that_gets_money_from_above_still_gets_it() -> None:
    """p buys for its 30.00 and all of the deposit; 15.00 of that did not come."""
    start = account(Slice("p", 1, Pie((leaf("c", 10_00), leaf("d", 30_00)))), leaf("a", 250_00), leaf("b", 150_00))
    events = [Deposit(100_00), TargetChange((ChangedPie("p", (TargetSlice("c", 1),)),))]
    books, _ = opened(start, events)
    assert bought(books) == {"C": 130_00}
    found = replanned(filled(books, Side.SELL, 1, Fraction(1, 2)), events)
    assert [made.cash.before for made in found.plans] == [115_00]


def test_what_a_pie_can_not_place_goes_to_no_other() -> None:
    """135.00 of proceeds are two shares of C at 50.00; the other 35.00 stay cash, beside a deposit that is invested."""
    p = Pie((leaf("c", 50_00), leaf("d", 300_00)))
    whole = {"quantity_step_nanos": SHARE}
    start = account(Slice("p", 1, p), leaf("a", 100_00), leaf("b", 100_00), C=whole)
    events = [Deposit(100_00), TargetChange((ChangedPie("p", (TargetSlice("c", 1),)),))]
    books, _ = opened(start, events)
    assert bought(books)["C"] == 300_00
    again = replanned(filled(books, Side.SELL, 1, Fraction(45, 100)), events).books
    assert bought(again) == {"A": 50_00, "B": 50_00, "C": 100_00}


def test_a_liquidation_at_the_root_leaves_the_cash_alone() -> None:
    change = TargetChange((ChangedPie("", (TargetSlice("p", 1), TargetSlice("b", 1))),))
    books, _ = opened(nested(), change)
    again = replanned(filled(books, Side.SELL, 1, Fraction(1, 2)), change).books
    assert sum(bought(again).values()) == 125_00
    assert again.cash.after == 132_00


def test_what_is_due_is_not_spent() -> None:
    events = [Withdrawal(30_00), Rebalance()]
    books, _ = opened(account(leaf("a", 100_00), leaf("b", 20_00)), events)
    books = filled(books, Side.SELL, 1, Fraction(9, 10))
    again = replanned(books, events).books
    assert again.cash.paid_out == 30_00
    assert sum(bought(again).values()) == again.cash.after == books.cash.sold - 30_00


def test_the_cash_floor_and_the_threshold() -> None:
    rules = Rules(cash_floor=5_00, deposit_threshold=50_00)
    books, _ = opened(two(cash=5_00), [Rebalance(), Deposit(0)], rules)
    again = replanned(filled(books, Side.SELL, 1, Fraction(1, 2)), [Rebalance(), Deposit(0)], rules).books
    assert bought(again) == {"B": 5_00}
    assert again.cash.after == 10_00


def test_limits_of_the_whole_account_hold_inside_a_pie() -> None:
    """C may be worth 180.00 in all; 60.00 of it are outside p, so p buys no more than 20.00 of it."""
    inner = Pie((leaf("c", 100_00), leaf("d", 300_00), leaf("e", 100_00)))
    start = account(Slice("p", 1, inner), leaf("x", 60_00, 1, "C"), leaf("a", 440_00), C={"max_share_micros": 180_000})
    books, made = opened(start, Rebalance("p"))
    assert {o.security_id: o.amount for o in made.orders if o.side is Side.BUY}["C"] == 20_00
    ended = cancel_rests(filled(books, Side.SELL, Fraction(95, 100)), ["one/1"])
    again = replanned(ended, Rebalance("p")).books
    assert bought(again)["C"] <= 20_00
    assert sum(bought(again).values()) == again.cash.sold


def test_a_least_position_above_the_largest_is_not_bought() -> None:
    """C is to be nothing, or 300.00 and more, and its share of the account allows 100.00: it stays, and B is bought."""
    start = account(
        leaf("a", 800_00), leaf("b", 100_00), leaf("c", 100_00), C={"max_share_micros": 100_000, "min_position": 300_00}
    )
    books, _ = opened(start, Rebalance())
    again = replanned(filled(books, Side.SELL, 1, Fraction(1, 2)), Rebalance()).books
    assert set(bought(again)) == {"B"}
    assert sum(bought(again).values()) == again.cash.sold
    assert {held.security_id: held.value for _, _, held in holdings(again.portfolio.root)}["C"] == 100_00


def test_blocked_sides_and_whole_shares() -> None:
    """B may not be bought any more: C, in whole shares of 50.00, takes what it can of 90.00."""
    start = account(leaf("a", 300_00), leaf("b", 0), leaf("c", 150_00), step=SHARE)
    books, _ = opened(start, Rebalance())
    books = filled(books, Side.SELL, 1, Fraction(6, 10))
    stopped = replace(
        books,
        opened=replace(
            books.opened,
            securities=tuple(
                replace(s, blocks=(Block(Side.BUY, BlockReason.HALTED),)) if s.security_id == "B" else s
                for s in books.opened.securities
            ),
        ),
    )
    again = replanned(stopped, Rebalance()).books
    assert bought(again) == {"C": 50_00}
    assert again.open_orders(Side.BUY)[0].by_quantity


def test_prices_that_rose_for_whole_shares() -> None:
    """8 B at 20.00 are planned for 165.00; at 22.00 the cash is enough for 7."""
    start = account(leaf("a", 0, 0), leaf("b", 0), step=SHARE)
    books, _ = opened(start, Deposit(165_00))
    dearer = at_prices(books, {"B": 22_000_000})
    again = replanned(dearer, Deposit(165_00)).books
    assert [(o.quantity_nanos, o.amount) for o in again.open_orders(Side.BUY)] == [(7 * SHARE, 154_00)]


def test_twice_short() -> None:
    """What was made up for once is not made up for again; a part that was bought stays bought."""
    inner = Pie((leaf("c", 100_00), leaf("d", 300_00), leaf("e", 200_00)))
    start = account(Slice("p", 1, inner), leaf("a", 250_00), cash=50_00)
    books, _ = opened(start, Rebalance("p"))
    once = replanned(filled(books, Side.SELL, 1, Fraction(8, 10)), Rebalance("p")).books
    assert bought(once) == {"C": 80_00}
    assert replan_buys(once, Rebalance("p"), "three") == Replanned(once, ())
    part = filled(once, Side.BUY, Fraction(1, 2))
    assert replan_buys(part, Rebalance("p"), "three") == Replanned(part, ())


def test_pies_that_count_on_the_money_of_others_get_what_there_is() -> None:
    """p and q are to get most of what a brings; it brings a tenth, and no pie spends what another has."""
    change = TargetChange(
        (ChangedPie("p", (TargetSlice("b", 1),)), ChangedPie("q", (TargetSlice("c", 1),))), event_id="change"
    )
    p, q = Pie((leaf("b", 10_00), leaf("d", 20_00))), Pie((leaf("c", 10_00), leaf("e", 20_00)))
    start = account(Slice("p", 2, p), Slice("q", 2, q), leaf("a", 1_000_00))
    books, _ = opened(start, [change, Rebalance()])
    assert set(bought(books)) == {"B", "C"}
    moved = {"A": Fraction(1, 10)}
    for block in aggregate_orders(books.open_orders(Side.SELL)):
        price = int(PRICES[block.security_id] * moved.get(block.security_id, 1))
        fill = BlockFill(block.security_id, block.security_id, Side.SELL, block.quantity_nanos, price)
        books = apply_fills(books, allocate_fills(block, [fill]))
    again = replanned(books, [change, Rebalance()])
    assert 0 <= books.cash.after - sum(bought(again.books).values()) <= 1
    assert filled(again.books, Side.BUY).overdrawn == 0


def test_the_outermost_pie_keeps_its_proceeds_and_only_one_that_sells() -> None:
    inner = Pie((leaf("c", 100_00), leaf("d", 300_00)))
    start = account(Slice("g", 1, Pie((Slice("p", 1, inner), leaf("e", 600_00), leaf("b", 200_00)))), leaf("a", 100_00))
    events = [Rebalance("g", event_id="g"), Rebalance("p", event_id="p")]
    books, _ = opened(start, events)
    assert len(replanned(filled(books, Side.SELL, 1, Fraction(1, 2)), events).plans) == 1
    start = account(Slice("p", 1, inner), leaf("a", 400_00), step=SHARE)
    events = [Deposit(160_00), TargetChange((ChangedPie("p", (TargetSlice("c", 3), TargetSlice("d", 1))),))]
    books, _ = opened(start, events)
    dearer = at_prices(books, {"A": 12_000_000, "C": 55_000_000})
    assert len(replanned(dearer, events).plans) == 1


def test_the_least_position_of_the_whole_account_holds_inside_a_pie() -> None:
    """Of C at least 100.00 are held or none: 60.00 are outside p, so 75.00 may be bought inside."""
    start = account(
        Slice("p", 1, Pie((leaf("c", 0), leaf("d", 300_00)))), leaf("x", 60_00, 1, "C"), C={"min_position": 100_00}
    )
    books, _ = opened(start, Rebalance("p"))
    assert bought(books) == {"C": 150_00}
    assert bought(replanned(filled(books, Side.SELL, 1, Fraction(1, 2)), Rebalance("p")).books) == {"C": 75_00}


def test_only_the_rest_of_a_purchase_has_to_be_paid_for() -> None:
    """4 of 8 B were bought at 20.00; the others cost 21.25 by now, and 85.00 are left."""
    books, _ = opened(account(leaf("b", 0), step=SHARE), Deposit(165_00))
    half = at_prices(filled(books, Side.BUY, Fraction(1, 2)), {"B": 21_250_000})
    assert half.cash.after == 85_00
    assert replan_buys(half, Deposit(165_00), "two") == Replanned(half, ())
    again = replanned(at_prices(half, {"B": 21_260_000}), Deposit(165_00)).books
    assert [o.quantity_nanos for o in again.open_orders(Side.BUY)] == [3 * SHARE]


def test_out_of_time_is_an_answer() -> None:
    start = account(leaf("a", 160_00), leaf("b", 80_00), leaf("c", 80_00), leaf("d", 80_00))
    rules = Rules(min_trade=15_00)
    books, _ = opened(start, Rebalance(), rules)
    books = cancel_rests(filled(books, Side.SELL, Fraction(1, 3)), ["one/1"])
    answer = replan_buys(books, Rebalance(), "two", rules, Engine.REFERENCE, Budget(seconds_left=lambda: 0.0))
    assert isinstance(answer, Infeasible)
    assert answer.reason == "OUT_OF_TIME"
