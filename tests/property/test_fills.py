"""Any account through its orders: parts filled at other prices, rests cancelled, purchases planned again; it adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import (
    Event,
    Holding,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
    Rebalance,
    Rules,
    Security,
    Side,
    TargetChange,
    check_request,
    plan,
)
from solver.trading.blocks import BlockFill, Fill, aggregate_orders, allocate_fills
from solver.trading.books import Books, holdings, open_books
from solver.trading.fills import Replanned, apply_fills, at_prices, cancel_rests, replan_buys
from tests.property.several import several

CENT = 10_000  # micros: unless an account says otherwise a share costs a cent, and comes in any step
Account = tuple[Portfolio, tuple[Event, ...], Rules]


def priced(portfolio: Portfolio, events: tuple[Event, ...]) -> Portfolio | None:
    """The account with a price for every security that it holds or gets."""
    try:
        made = plan(portfolio, events)
    except InvalidRequest:  # a rebalance beside coarse steps
        return None
    if not isinstance(made, Plan):
        return None
    listed = {s.security_id: s for s in portfolio.securities}
    held = {h.security_id for root in (portfolio.root, made.portfolio_after.root) for _, _, h in holdings(root)}
    unpriced = {name for name in held if name not in listed or listed[name].price_micros is None}

    def content(of: Holding | Pie) -> Holding | Pie:
        if isinstance(of, Pie):
            return replace(of, slices=tuple(replace(s, content=content(s.content)) for s in of.slices))
        return replace(of, quantity_nanos=of.value * 10**9) if of.security_id in unpriced else of

    root = content(portfolio.root)
    assert isinstance(root, Pie)
    fresh = [replace(listed.get(name, Security(name)), price_micros=CENT) for name in sorted(unpriced)]
    kept = [s for name, s in listed.items() if name not in unpriced]
    return replace(portfolio, root=root, securities=(*kept, *fresh))


def market(draw: st.DataObject, books: Books, side: Side, highest: int) -> list[Fill]:
    """Fills of some of the orders of one side, in part or whole, at 60 to ``highest`` hundredths of their prices."""
    prices = {s.security_id: s.price_micros or 0 for s in books.opened.securities}
    made: list[Fill] = []
    all_of_it = draw.draw(st.booleans())
    for block in aggregate_orders(books.open_orders(side)):
        left, money, fills = block.quantity_nanos, block.amount, list[BlockFill]()
        for number in range(1 if all_of_it else draw.draw(st.integers(0, 2))):
            price = max(1, prices[block.security_id] * draw.draw(st.integers(60, highest)) // 100)
            most = (left if block.by_quantity else money * 10**13 // price) // block.step_nanos
            count = most if all_of_it else draw.draw(st.integers(0, most))
            quantity = left if block.by_quantity and count == most else count * block.step_nanos
            name = f"{side.value}-{block.security_id}-{number}"
            if quantity:
                fills.append(BlockFill(name, block.security_id, side, quantity, price))
                left, money = left - quantity, money - fills[-1].amount("USD")
        made += allocate_fills(block, fills)
    return made


def shares(portfolio: Portfolio) -> Counter[str]:
    found = Counter[str]()
    for _, _, held in holdings(portfolio.root):
        found[held.security_id] += held.quantity_nanos or 0
    return found


def check_sums(before: Portfolio, books: Books) -> None:
    """No cent and no share is made or lost, and values are those of the shares."""
    expected = shares(before)
    money = before.cash + books.received - books.cash.paid_out
    for fill in books.fills:
        sign = 1 if fill.side is Side.BUY else -1
        expected[fill.security_id] += sign * fill.quantity_nanos
        money -= sign * fill.amount
    after = books.portfolio
    assert +shares(after) == +expected
    assert after.cash - books.overdrawn == books.cash.after == money
    assert 0 <= books.unpaid <= books.due
    check_request(after, Rebalance())  # what is left is an account like any other


def test_everything_adds_up() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(several(most_value=60, most_leaves=6, ruled=True, steps=True, shared=True), st.data(), st.randoms())
    def every_account(account: Account, draw: st.DataObject, random: Random) -> None:
        raw, events, rules = account
        portfolio = priced(raw, events)
        if portfolio is None:
            return
        made = plan(portfolio, events, rules)
        if not isinstance(made, Plan) or not made.orders:
            return
        opened = open_books("me", "one", portfolio, made)
        check_sums(portfolio, opened)
        sold = market(draw, opened, Side.SELL, 110)
        books = apply_fills(opened, sold)
        mixed = [*sold, *sold[:1]]
        random.shuffle(mixed)
        assert books == apply_fills(opened, mixed)
        books = cancel_rests(books, [o.order_id for o in (w.order for w in books.working) if o.side is Side.SELL])
        check_sums(portfolio, books)
        waiting = [o.amount for o in books.open_orders(Side.BUY)]
        again = replan_buys(books, events, "two", rules)
        assert isinstance(again, Replanned)
        check_buys(again, rules)
        seen["plans"] += 1
        seen["replanned"] += bool(again.plans)
        seen["fewer"] += len(waiting) > len(again.books.open_orders(Side.BUY))
        ended = cancel_rests(apply_fills(again.books, market(draw, again.books, Side.BUY, 100)))
        check_sums(portfolio, ended)
        assert ended.finished
        assert not ended.overdrawn
        moved = at_prices(ended, {s.security_id: 2 * (s.price_micros or 0) for s in ended.opened.securities})
        assert shares(moved.portfolio) == shares(ended.portfolio)
        seen["liquidated"] += bool(ended.leaving)
        seen["kept of it"] += bool(ended.leaving & {name for name, _, _ in holdings(ended.portfolio.root)})
        seen["some gone"] += bool(ended.leaving - {name for name, _, _ in holdings(ended.portfolio.root)})
        seen["target changes"] += any(isinstance(event, TargetChange) for event in events)

    every_account()
    print(f"\n{dict(seen)}")
    assert min(seen["replanned"], seen["fewer"], seen["kept of it"], seen["some gone"]) >= 2


def check_buys(again: Replanned, rules: Rules) -> None:
    """Purchases cost no more than there is, are no smaller than they may be, and buy back nothing that was sold."""
    books = again.books
    orders = books.open_orders(Side.BUY)
    assert sum(o.amount for o in orders) <= max(0, books.cash.after)
    if not again.plans:
        return
    listed = {s.security_id: s for s in books.opened.securities}
    assert all(o.amount >= max(rules.min_trade, listed[o.security_id].min_trade) for o in orders)
    assert not {o.security_id for o in orders} & {
        w.order.security_id for w in books.working if w.order.side is Side.SELL
    }
    for one in books.working:
        assert sum(share for _, share in one.slices) == one.order.quantity_nanos
