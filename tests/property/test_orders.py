"""Orders, transfers and shares of any plan add up to what its slices trade, whatever securities they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Deposit, Event, Events, Holding, Pie, Plan, Portfolio, Rules, Side, TargetChange, Withdrawal, plan
from solver.events import listed
from tests.property.several import several
from tests.property.strategies import several_accounts

Account = tuple[Portfolio, Events, Rules]


def one_event(steps: bool) -> st.SearchStrategy[Account]:
    return several_accounts(most_value=40, most_leaves=6, steps=steps)


def events_at_once(steps: bool) -> st.SearchStrategy[Account]:
    return several(most_value=40, most_leaves=6, ruled=True, steps=steps, shared=True)


def holdings(pie: Pie) -> dict[str, Holding]:
    """What every slice holds, by slice id."""
    found: dict[str, Holding] = {}
    for one in pie.slices:
        found |= holdings(one.content) if isinstance(one.content, Pie) else {one.slice_id: one.content}
    return found


def signed(side: Side, amount: int) -> int:
    return amount if side is Side.BUY else -amount


def check_orders(answer: Plan, events: tuple[Event, ...]) -> None:
    """One order a security, sells first, each the sum of its parts; cash is what they leave."""
    assert [order.sequence for order in answer.orders] == list(range(1, len(answer.orders) + 1))
    assert len({order.security_id for order in answer.orders}) == len(answer.orders)
    sides = [order.side for order in answer.orders]
    assert sides == sorted(sides, key=lambda side: side is Side.BUY)
    named = {event.event_id for event in events}
    for order in answer.orders:
        assert sum(part.amount for part in order.parts) == order.amount > 0
        assert all(part.amount > 0 and part.event_id in named for part in order.parts)
    bought, sold = (sum(o.amount for o in answer.orders if o.side is side) for side in (Side.BUY, Side.SELL))
    cash = answer.cash
    assert (cash.bought, cash.sold) == (bought, sold)
    assert cash.after == cash.before + cash.received - cash.paid_out - bought + sold >= 0
    assert cash.received == sum(event.amount for event in events if isinstance(event, Deposit))
    assert cash.paid_out == sum(event.amount for event in events if isinstance(event, Withdrawal))


def check_slices(answer: Plan, securities: dict[str, str]) -> None:
    """What a slice trades are its parts and its transfers; transfers go from those that give to those that take."""
    moved, handed = Counter[str](), Counter[str]()
    for order in answer.orders:
        for part in order.parts:
            assert securities[part.slice_id] == order.security_id
            moved[part.slice_id] += signed(order.side, part.amount)
    for one in answer.transfers:
        assert one.amount > 0
        assert securities[one.from_slice_id] == securities[one.to_slice_id] == one.security_id
        handed[one.from_slice_id] -= one.amount
        handed[one.to_slice_id] += one.amount
    traded = {node.slice_id: node.trade for node in answer.nodes if node.slice_id in securities}
    assert {name: moved[name] + handed[name] for name in traded} == traded
    for name, amount in handed.items():
        assert amount * traded[name] > 0
        assert abs(amount) <= abs(traded[name])
    for node in answer.nodes:
        assert node.value_after == node.value_before + node.trade >= 0


def check_shares(answer: Plan, portfolio: Portfolio) -> None:
    """Of every security with a price: what is ordered is what its slices gain, and each is worth what it holds."""
    before, after = holdings(portfolio.root), holdings(answer.portfolio_after.root)
    values = {node.slice_id: node.value_after for node in answer.nodes}
    for security in portfolio.securities:
        name = security.security_id
        if not security.price_micros:
            continue
        old, new = (
            [(slice_id, one.quantity_nanos or 0) for slice_id, one in found.items() if one.security_id == name]
            for found in (before, after)
        )
        ordered = sum(signed(o.side, o.quantity_nanos or 0) for o in answer.orders if o.security_id == name)
        held = sum(quantity for _, quantity in old)
        assert sum(quantity for _, quantity in new) == held + ordered
        assert all(quantity >= 0 for _, quantity in new)
        closes = any(o.closes_position for o in answer.orders if o.security_id == name)
        assert closes or ordered % security.step_nanos == 0
        for slice_id, quantity in new:
            worth = quantity * security.price_micros // 10**13
            assert abs(worth - values[slice_id]) <= 1 + len(new), (slice_id, worth, values[slice_id])


def check_closes(answer: Plan) -> None:
    """An order closes a position exactly where nothing of the security is left in any slice, of value or of shares."""
    left, shares = Counter[str](), Counter[str]()
    for one in holdings(answer.portfolio_after.root).values():
        left[one.security_id] += one.value
        shares[one.security_id] += one.quantity_nanos or 0
    for order in answer.orders:
        if order.closes_position:
            assert order.side is Side.SELL
            assert left[order.security_id] == shares[order.security_id] == 0


@pytest.mark.parametrize("accounts", [one_event, events_at_once], ids=lambda accounts: accounts.__name__)
@pytest.mark.parametrize("steps", [False, True])
def test_everything_adds_up(accounts: Callable[[bool], st.SearchStrategy[Account]], steps: bool) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(accounts(steps))
    def every_account(account: Account) -> None:
        portfolio, events, _ = account
        answer = plan(*account)
        if not isinstance(answer, Plan):
            return
        held = {**holdings(portfolio.root), **holdings(answer.portfolio_after.root)}
        securities = {slice_id: one.security_id for slice_id, one in held.items()}
        check_orders(answer, listed(events))
        check_slices(answer, securities)
        check_shares(answer, portfolio)
        check_closes(answer)
        seen["plans"] += 1
        seen["transfers"] += bool(answer.transfers)
        seen["shared orders"] += any(len({p.slice_id for p in o.parts}) > 1 for o in answer.orders)
        sold = {p.slice_id for o in answer.orders for p in o.parts if o.side is Side.SELL}
        seen["liquidated"] += bool(sold) and any(isinstance(event, TargetChange) for event in listed(events))

    every_account()
    print(f"\n{accounts.__name__}{', in steps' if steps else ''}: {dict(seen)}")
    assert seen["plans"] >= 150
    assert seen["transfers"] >= 20
    assert seen["shared orders"] >= 8  # few in steps where events come together
    assert seen["liquidated"] >= 3
