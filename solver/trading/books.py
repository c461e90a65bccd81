"""An account's books while its orders are in the market: what fills make of its shares, its cash and its portfolio.

Books are a value: the account as it was when its plan was opened, the orders at work, and the fills so far. All else is
computed from these, so that fills may come in any order, be sent twice, and still lead to the same books to the cent:

    quantity_s = opened_s + Σ bought shares of s − Σ sold shares of s,
    cash       = before + received + sold − bought − paid out,       paid out = min(due, what there is).

s a slice: what an order got is shared out to its slices by what the plan gives each (``share_out``), so the shares of
the slices sum to those of the order. Where purchases in whole shares cost more than there is (prices moved after they
were sent), that is ``overdrawn``, and no cash: a withdrawal of as much, paid to the broker, settles it.

What a liquidation could not sell stays in the pie that lost it, as a slice of target 0. A rest is cancelled, not
carried over; the next look at the account sees what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from solver.errors import InvalidRequest, Violation
from solver.money import minor_digits
from solver.plan import CashFlow, Order, Plan
from solver.portfolio import Holding, Pie, Portfolio, Slice
from solver.securities import Side
from solver.steps import Steps
from solver.trading.blocks import AccountOrder, Fill, orders_of, share_out

__all__ = ["Books", "Working", "holdings", "open_books", "rebuilt"]


@dataclass(frozen=True, slots=True)
class Working:
    """An order in the market, and what came of it so far: nanoshares and minor units.

    ``slices`` are the nanoshares that each slice trades where all is done as planned; ``cancelled`` that no more comes.
    """

    order: AccountOrder
    slices: tuple[tuple[str, int], ...]
    quantity_nanos: int = 0
    amount: int = 0
    cancelled: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing of it is in the market any more."""
        order = self.order
        full = self.quantity_nanos == order.quantity_nanos if order.by_quantity else self.amount == order.amount
        return full or self.cancelled

    def gained(self) -> dict[str, int]:
        """The nanoshares that each slice got of it, negative for those sold."""
        sign = 1 if self.order.side is Side.BUY else -1
        shares = share_out(self.quantity_nanos, [weight for _, weight in self.slices])
        return {name: sign * share for (name, _), share in zip(self.slices, shares, strict=True)}


@dataclass(frozen=True, slots=True)
class Books:
    """One account between a plan and the end of its orders; money in minor units.

    ``opened`` is the account under the plan's targets before any order, what slices hand to each other done; its cash
    that before ``received``. ``due`` is to be paid out. ``leaving`` are slices that the plan takes out of the account
    once they are sold.
    """

    account_id: str
    opened: Portfolio
    received: int
    due: int
    working: tuple[Working, ...]
    fills: tuple[Fill, ...] = ()
    leaving: frozenset[str] = frozenset()

    @property
    def cash(self) -> CashFlow:
        """The money so far; ``after`` is negative where the account is overdrawn."""
        bought, sold = (sum(w.amount for w in self.working if w.order.side is side) for side in (Side.BUY, Side.SELL))
        there = self.opened.cash + self.received - bought + sold
        paid = max(0, min(self.due, there))
        return CashFlow(self.opened.cash, self.received, paid, bought, sold, there - paid)

    @property
    def overdrawn(self) -> int:
        """What purchases cost beyond all cash; 0 but for whole shares whose price rose after they were sent."""
        return max(0, -self.cash.after)

    @property
    def unpaid(self) -> int:
        """What is still due to be paid out."""
        return self.due - self.cash.paid_out

    @property
    def finished(self) -> bool:
        """Whether every order is done or cancelled."""
        return all(working.done for working in self.working)

    @property
    def portfolio(self) -> Portfolio:
        """The account as it stands, valued at its prices; its version is left for the caller to set."""
        gained: Counter[str] = Counter()
        for working in self.working:
            gained.update(working.gained())
        return rebuilt(self.opened, gained, max(0, self.cash.after), self.leaving)

    def open_orders(self, side: Side) -> tuple[AccountOrder, ...]:
        """The orders of one side that nothing came of yet: what a window takes next."""
        return tuple(
            w.order for w in self.working if w.order.side is side and not (w.cancelled or w.quantity_nanos or w.amount)
        )


def holdings(pie: Pie, inside: str = "") -> Iterator[tuple[str, str, Holding]]:
    """Every holding below ``pie``: the id of its slice, that of the pie around it, and what it holds."""
    for one in pie.slices:
        if isinstance(one.content, Pie):
            yield from holdings(one.content, one.slice_id)
        else:
            yield one.slice_id, inside, one.content


def rebuilt(
    portfolio: Portfolio, gained: Mapping[str, int], cash: int, leaving: frozenset[str] = frozenset()
) -> Portfolio:
    """``portfolio`` once its slices gained nanoshares, with ``cash`` (minor units).

    Slices of ``leaving`` that are empty by then leave, and with them securities that nothing holds any more.
    """
    unit = _units(portfolio)

    def content(one: Slice) -> Holding | Pie:
        held = one.content
        if isinstance(held, Pie):
            kept = (Slice(inner.slice_id, inner.target_weight, content(inner)) for inner in held.slices)
            return Pie(tuple(s for s in kept if not _left(s, leaving)), held.weight_total)
        more = gained.get(one.slice_id, 0)
        if not more:
            return held
        quantity = (held.quantity_nanos or 0) + more
        return Holding(held.security_id, unit[held.security_id].amount(quantity), quantity)

    root = content(Slice("", 1, portfolio.root))
    assert isinstance(root, Pie)
    held_still = {held.security_id for _, _, held in holdings(root)}
    securities = tuple(security for security in portfolio.securities if security.security_id in held_still)
    return replace(portfolio, root=root, cash=cash, securities=securities)


def _left(one: Slice, leaving: frozenset[str]) -> bool:
    return one.slice_id in leaving and isinstance(one.content, Holding) and not one.content.quantity_nanos


def _units(portfolio: Portfolio) -> dict[str, Steps]:
    """What nanoshares are worth, of every security with a price."""
    digits = minor_digits(portfolio.currency_code)
    return {s.security_id: Steps.of(s.price_micros, 1, digits) for s in portfolio.securities if s.price_micros}


def open_books(account_id: str, plan_id: str, before: Portfolio, plan: Plan) -> Books:
    """The books of an account whose ``plan``, made of ``before``, goes to market.

    Raises
    ------
    InvalidRequest
        where an order has no quantity (its security has no price), or ``plan`` was made of another portfolio.
    """
    orders = orders_of(account_id, plan_id, plan)
    listed = {slice_id: held for slice_id, _, held in holdings(before.root)}
    kept = {slice_id: held for slice_id, _, held in holdings(plan.portfolio_after.root)}
    root, leaving = _with_leavers(before, plan.portfolio_after.root)
    gained = {name: _quantity(kept.get(name)) - _quantity(listed.get(name)) for name in {**listed, **kept}}
    held_in: dict[str, list[str]] = {}
    for name in gained:
        held_in.setdefault(_security(name, listed, kept), []).append(name)
    working = []
    for order, planned in zip(orders, plan.orders, strict=True):
        own = {name: gained[name] for name in held_in.get(order.security_id, ())}
        working.append(Working(order, _slices(planned, order, own)))
        for name, share in working[-1].slices:
            gained[name] -= share if order.side is Side.BUY else -share
    moved = Counter[str]()
    for name, gain in gained.items():
        moved[_security(name, listed, kept)] += gain
    opened_with = [_quantity(listed.get(name)) + gain for name, gain in gained.items()]
    _check_origin(before, plan, any(moved.values()) or min(opened_with, default=0) < 0)

    priced = _units(before)

    def content(one: Slice) -> Slice:
        if isinstance(one.content, Pie):
            return replace(one, content=replace(one.content, slices=tuple(content(s) for s in one.content.slices)))
        name, security_id = one.slice_id, one.content.security_id
        if security_id in priced:
            empty = Holding(security_id, 0, 0)
            return replace(one, content=listed.get(name, empty))
        return replace(one, content=kept.get(name, one.content))

    opened = replace(plan.portfolio_after, root=replace(root, slices=tuple(content(s) for s in root.slices)), cash=0)
    opened = rebuilt(opened, gained, plan.cash.before)
    return Books(account_id, opened, plan.cash.received, plan.cash.paid_out, tuple(working), leaving=leaving)


def _quantity(held: Holding | None) -> int:
    return (held.quantity_nanos or 0) if held else 0


def _security(name: str, *places: Mapping[str, Holding]) -> str:
    return next(place[name].security_id for place in places if name in place)


def _check_origin(before: Portfolio, plan: Plan, unexplained: bool) -> None:
    """What the orders do not explain are transfers: these sum to nothing, and nobody gives what it has not."""
    faults = []
    if before.cash != plan.cash.before:
        told = f"begins with {plan.cash.before} minor units, but the portfolio has {before.cash}"
        faults.append(Violation("plan.cash.before", "PLAN_DISAGREES", told))
    if unexplained:
        told = "do not lead from this portfolio to the plan's portfolio_after; open it with the one it was planned for"
        faults.append(Violation("plan.orders", "PLAN_DISAGREES", told))
    if faults:
        raise InvalidRequest(tuple(faults))


def _with_leavers(before: Portfolio, root: Pie) -> tuple[Pie, frozenset[str]]:
    """``root`` with the funded slices that a liquidation took out of it, at target 0 in the pie that lost them."""
    there = {""} | set(_ids(root))
    lost: dict[str, list[Slice]] = {}

    def look(pie: Pie, keeper: str) -> None:
        for one in pie.slices:
            if isinstance(one.content, Pie):
                look(one.content, one.slice_id if one.slice_id in there else keeper)
            elif one.slice_id not in there and one.content.quantity_nanos:
                lost.setdefault(keeper, []).append(Slice(one.slice_id, 0, one.content))

    def kept(pie: Pie, name: str) -> Pie:
        inner = (
            replace(s, content=kept(s.content, s.slice_id)) if isinstance(s.content, Pie) else s for s in pie.slices
        )
        return replace(pie, slices=(*inner, *lost.get(name, ())))

    look(before.root, "")
    return kept(root, ""), frozenset(one.slice_id for slices in lost.values() for one in slices)


def _ids(pie: Pie) -> Iterator[str]:
    for one in pie.slices:
        yield one.slice_id
        if isinstance(one.content, Pie):
            yield from _ids(one.content)


def _slices(planned: Order, order: AccountOrder, gained: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The nanoshares of an order that are each slice's: as its parts say, and no more than the slice gains in all.

    Where slices hand shares to each other too, what a part says beyond that goes to the others in listed order.
    """
    sign = 1 if order.side is Side.BUY else -1
    room = {name: sign * gain for name, gain in gained.items() if sign * gain > 0}
    parts: Counter[str] = Counter()
    for part in planned.parts:
        parts[part.slice_id] += part.amount
    wanted = dict(room)
    if sum(room.values()) != order.quantity_nanos:
        shares = share_out(order.quantity_nanos, list(parts.values()) if planned.amount else [1] * len(parts))
        wanted = {name: min(room.get(name, 0), share) for name, share in zip(parts, shares, strict=True)}
    left = order.quantity_nanos - sum(wanted.values())
    for name in room:
        more = min(left, room[name] - wanted.get(name, 0))
        wanted[name] = wanted.get(name, 0) + more
        left -= more
    return tuple((name, share) for name, share in wanted.items() if share)
