"""Fills on an account's books, rests cancelled, prices that moved; and purchases planned again for the cash there is.

Sales go first and pay for purchases. Where they bring less than planned, the purchases that wait are planned again,
each stage by ``solver.plan`` as a deposit of 0 (buys only, from the cash of the stage):

    budget_p = max(0, planned purchases in p + brought by sales in p − planned sales in p)

for every outermost nested pie p that an event names and that sells, in listed order, so that its proceeds stay in it;
then for the whole account: where money of the account enters at the root (a deposit, a rebalance of all), all cash
above the floor that is left, else what the rest of the plan comes to by the same formula. No stage has more than the
cash that is left (what is due is not), so nothing is overspent; every rule of the account is one of every stage. What
the account sold is not bought back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from solver.errors import InvalidRequest, Violation
from solver.events import Deposit, Events, Rebalance, TargetChange, listed
from solver.money import MAX_MONEY, minor_digits
from solver.plan import Infeasible, Plan
from solver.planning import plan
from solver.portfolio import Holding, Pie, Portfolio
from solver.rules import Budget, Engine, Rules
from solver.securities import MICROS, Block, BlockReason, Security, Side
from solver.steps import Steps
from solver.trading.blocks import AccountOrder, Fill, named, nothing_violation, orders_of, share_out
from solver.trading.books import Books, Working, holdings, rebuilt

__all__ = ["Replanned", "apply_fills", "at_prices", "cancel_rests", "replan_buys"]


def at_prices(books: Books, prices: Mapping[str, int]) -> Books:
    """The same books where securities cost ``prices`` (millionths of the currency's unit a share) by now.

    Raises ``InvalidRequest`` naming each price of a security without one so far, or that is not positive.
    """
    listed = {security.security_id: security for security in books.opened.securities}
    faults = tuple(
        fault for name, price in prices.items() if (fault := _price_violation(name, price, listed.get(name)))
    )
    if faults:
        raise InvalidRequest(faults)
    securities = tuple(
        replace(s, price_micros=prices[s.security_id]) if s.security_id in prices else s
        for s in books.opened.securities
    )
    digits = minor_digits(books.opened.currency_code)

    def content(held: Holding | Pie) -> Holding | Pie:
        if isinstance(held, Pie):
            return replace(held, slices=tuple(replace(s, content=content(s.content)) for s in held.slices))
        if held.security_id not in prices or held.quantity_nanos is None:
            return held
        worth = Steps.of(prices[held.security_id], 1, digits).amount(held.quantity_nanos)
        return replace(held, value=worth)

    root = content(books.opened.root)
    assert isinstance(root, Pie)
    return replace(books, opened=replace(books.opened, root=root, securities=securities))


def _price_violation(name: str, price: object, security: Security | None) -> Violation | None:
    at = f"prices[{name}]"
    if security is None or security.price_micros is None:
        return Violation(at, "UNKNOWN_SECURITY", f"{name!r} is no security with a price in this account; leave it out")
    if type(price) is not int or not 0 < price <= MAX_MONEY * MICROS:
        return Violation(at, "OUT_OF_RANGE", f"is {price!r}; it must be an integer and positive")
    return None


def apply_fills(books: Books, fills: Iterable[Fill], prices: Mapping[str, int] | None = None) -> Books:
    """The books after ``fills``, valued at ``prices`` where these are given.

    A fill that is in the books already, or sent twice, counts once.

    Raises
    ------
    InvalidRequest
        naming each fill of another account, of no order or of a cancelled one, of another security or side, that is no
        quantity or amount, of no shares for more than rounding makes, whose id belongs to another fill, and each order
        that gets more than it asks for. The books are as they were.
    """
    listed = list(fills)
    faults = list(_fill_violations(books, listed))
    if faults:
        raise InvalidRequest(tuple(faults))
    known = {(fill.fill_id, fill.order_id): fill for fill in books.fills}
    fresh = {key: fill for fill in listed if (key := (fill.fill_id, fill.order_id)) not in known}
    working = tuple(_filled(one, fresh.values()) for one in books.working)
    faults += [fault for one in working if (fault := _over_fill(one, listed))]
    if faults:
        raise InvalidRequest(tuple(faults))
    together = sorted({**known, **fresh}.values(), key=lambda fill: (fill.fill_id, fill.order_id))
    after = replace(books, working=working, fills=tuple(together))
    return at_prices(after, prices) if prices else after


def _filled(working: Working, fills: Iterable[Fill]) -> Working:
    own = [fill for fill in fills if fill.order_id == working.order.order_id]
    quantity = working.quantity_nanos + sum(fill.quantity_nanos for fill in own)
    return replace(working, quantity_nanos=quantity, amount=working.amount + sum(fill.amount for fill in own))


def _fill_violations(books: Books, fills: Sequence[Fill]) -> Iterator[Violation]:
    working = {one.order.order_id: one for one in books.working}
    seen = {(fill.fill_id, fill.order_id): fill for fill in books.fills}
    for i, fill in enumerate(fills):
        at = f"fills[{i}]"
        fault = named(f"{at}.fill_id", fill.fill_id)
        if fault:
            yield fault
        if fill.account_id != books.account_id:
            told = f"is {fill.account_id!r}; these are the books of {books.account_id!r}"
            yield Violation(f"{at}.account_id", "UNKNOWN_ACCOUNT", told)
        for name, number in (("quantity_nanos", fill.quantity_nanos), ("amount", fill.amount)):
            if type(number) is not int or not 0 <= number <= MAX_MONEY * (MICROS if name != "amount" else 1):
                yield Violation(
                    f"{at}.{name}", "OUT_OF_RANGE", f"is {number!r}; it must be an integer and not negative"
                )
        key = fill.fill_id, fill.order_id
        twin = seen.setdefault(key, fill)
        if twin != fill:
            told = f"{fill.fill_id!r} is also the id of another fill of that order; the same one counts once"
            yield Violation(f"{at}.fill_id", "CONFLICTING_FILL", told)
        one = working.get(fill.order_id)
        if one is None:
            told = f"{fill.order_id!r} is no order of these books; give the id that the order was sent with"
            yield Violation(f"{at}.order_id", "UNKNOWN_ORDER", told)
            continue
        if fill.security_id != one.order.security_id:
            told = f"is {fill.security_id!r}; the order is one of {one.order.security_id!r}"
            yield Violation(f"{at}.security_id", "WRONG_SECURITY", told)
        if fill.side is not one.order.side:
            told = f"is {fill.side.value}; the order is one to {one.order.side.value}"
            yield Violation(f"{at}.side", "WRONG_SIDE", told)
        fault = nothing_violation(f"{at}.amount", fill, one.order)
        if fault:
            yield fault
        if one.cancelled and fill not in books.fills:
            told = f"{fill.order_id!r} was cancelled; cancel an order once the market says that no more of it comes"
            yield Violation(f"{at}.order_id", "ORDER_CANCELLED", told)


def _over_fill(working: Working, fills: Sequence[Fill]) -> Violation | None:
    """The fault of an order that got more than it asks for, at the last of the ``fills`` that are its own."""
    order = working.order
    name, got, asked = "amount", working.amount, order.amount
    if order.by_quantity:
        name, got, asked = "quantity_nanos", working.quantity_nanos, order.quantity_nanos
    if got <= asked:
        return None
    last = max(i for i, fill in enumerate(fills) if fill.order_id == order.order_id)
    told = f"brings {order.order_id!r} to {got}; the order is one of {asked}"
    return Violation(f"fills[{last}].{name}", "OVER_FILL", told)


def cancel_rests(books: Books, order_ids: Iterable[str] | None = None) -> Books:
    """The books once what is open of ``order_ids`` (``None``: of every order) is cancelled.

    Raises ``InvalidRequest`` naming each id that is no order of these books.
    """
    known = {one.order.order_id for one in books.working}
    chosen = known if order_ids is None else list(order_ids)
    faults = tuple(
        Violation(f"order_ids[{i}]", "UNKNOWN_ORDER", f"{name!r} is no order of these books; leave it out")
        for i, name in enumerate(chosen)
        if name not in known
    )
    if faults:
        raise InvalidRequest(faults)
    wanted = set(chosen)
    working = (
        replace(one, cancelled=True) if one.order.order_id in wanted and not one.done else one for one in books.working
    )
    return replace(books, working=tuple(working))


@dataclass(frozen=True, slots=True)
class Replanned:
    """The books with their new purchases at work, and the plans of the stages; none where the old ones are paid for."""

    books: Books
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class _Stage:
    """One pie ("" is the account), the money for its purchases, and what its old ones would cost now; minor units."""

    pie_id: str
    budget: int
    cost: int


def replan_buys(
    books: Books,
    events: Events,
    plan_id: str,
    rules: Rules | None = None,
    engine: Engine = Engine.AUTO,
    budget: Budget | None = None,
) -> Replanned | Infeasible:
    """Plan the purchases that wait again where the cash there is does not pay for them: exactly, and never more.

    ``events`` and ``rules`` are those of the plan; the books stand at the prices of now (``at_prices``). What waits is
    cancelled and the new orders, with ids from ``plan_id``, take its place; minimums are kept, so that it may be fewer.

    Raises
    ------
    InvalidRequest
        while a sale is still open, or where ``plan_id`` was used before. Out of time is an ``Infeasible`` answer.
    """
    rules, budget = rules or Rules(), budget or Budget()
    _check_replan(books, plan_id)
    stages = _stages(books, listed(events), rules)
    if all(stage.budget >= stage.cost for stage in stages) and sum(s.cost for s in stages) <= max(0, books.cash.after):
        return Replanned(books, ())
    portfolio, left = books.portfolio, max(0, books.cash.after)
    plans, orders, gained = list[Plan](), dict[str, AccountOrder](), Counter[str]()
    sold = {one.order.security_id for one in books.working if one.order.side is Side.SELL}
    for stage in stages:
        money = min(stage.budget, left)
        if not money:
            continue
        posed = _posed(rebuilt(portfolio, gained, left), stage.pie_id, money, sold)
        found = plan(posed, Deposit(0), replace(rules, cash_floor=0, deposit_threshold=None), engine, budget)
        if isinstance(found, Infeasible):
            return found
        plans.append(found)
        left -= found.cash.bought
        for order in orders_of(books.account_id, plan_id, found):
            orders[order.security_id] = _joined(orders.get(order.security_id), order)
        gained.update(_gains(posed, found))
    return Replanned(_with_buys(books, plan_id, orders, gained), tuple(plans))


def _check_replan(books: Books, plan_id: str) -> None:
    faults = [fault for fault in (named("plan_id", plan_id),) if fault]
    if any(one.order.order_id.startswith(f"{plan_id}/") for one in books.working):
        told = f"{plan_id!r} is the id of another plan of these books; give each plan its own"
        faults.append(Violation("plan_id", "DUPLICATE_PLAN_ID", told))
    for i, one in enumerate(books.working):
        if one.order.side is Side.SELL and not one.done:
            told = f"{one.order.order_id!r} is still open; purchases are planned again once sales are done or cancelled"
            faults.append(Violation(f"books.working[{i}]", "SALE_OPEN", told))
    if faults:
        raise InvalidRequest(tuple(faults))


def _stages(books: Books, events: Sequence[object], rules: Rules) -> list[_Stage]:
    """The nested pies that keep their proceeds, then the account; what each may spend, and what waits in it."""
    owner = _owners(books, events)
    planned, brought, cost = Counter[str](), Counter[str](), Counter[str]()
    for one in books.working:
        if one.order.side is Side.SELL:
            planned.update(_by_owner(one, one.order.amount, owner))
            brought.update(_by_owner(one, one.amount, owner))
        elif not one.done:
            planned.subtract(_by_owner(one, one.order.amount - one.amount, owner))
            cost.update(_by_owner(one, _cost(books, one), owner))
    pies = [pie_id for pie_id in dict.fromkeys(owner.values()) if pie_id]
    budgets = {p: max(0, brought[p] - planned[p]) for p in [*pies, ""]}
    if any(isinstance(e, Deposit) or (isinstance(e, Rebalance) and not e.slice_id) for e in events):
        budgets[""] = max(0, books.cash.after - rules.cash_floor - sum(budgets[p] for p in pies))
    return [_Stage(p, budgets[p], cost[p]) for p in [*pies, ""]]


def _owners(books: Books, events: Sequence[object]) -> dict[str, str]:
    """For every holding's slice: the outermost nested pie around it that an event names and that sells, or ""."""
    asked = {e.slice_id for e in events if isinstance(e, Rebalance)} - {""}
    asked |= {pie.slice_id for e in events if isinstance(e, TargetChange) for pie in e.pies} - {""}
    owner: dict[str, str] = {}

    def look(pie: Pie, own: str) -> None:
        for one in pie.slices:
            if isinstance(one.content, Pie):
                look(one.content, own or (one.slice_id if one.slice_id in asked else ""))
            else:
                owner[one.slice_id] = own

    look(books.opened.root, "")
    sells = {name for w in books.working if w.order.side is Side.SELL for name, _ in w.slices}
    selling = {owner[name] for name in sells}
    return {name: own if own in selling else "" for name, own in owner.items()}


def _by_owner(working: Working, amount: int, owner: Mapping[str, str]) -> Counter[str]:
    """``amount`` of an order, by the pies that its slices belong to."""
    found = Counter[str]()
    for (name, _), share in zip(working.slices, share_out(amount, [w for _, w in working.slices]), strict=True):
        found[owner[name]] += share
    return found


def _cost(books: Books, working: Working) -> int:
    """What the rest of a purchase costs at the prices of now."""
    order = working.order
    if not order.by_quantity:
        return order.amount - working.amount
    price = next(s.price_micros for s in books.opened.securities if s.security_id == order.security_id)
    assert price is not None
    unit = Steps.of(price, 1, minor_digits(order.currency_code))
    return unit.amount(order.quantity_nanos - working.quantity_nanos)


def _posed(portfolio: Portfolio, pie_id: str, money: int, sold: Set[str]) -> Portfolio:
    """One pie as an account of its own with ``money``; its securities' limits without what is held outside it.

    ``max_share_micros`` is of the whole account, so it becomes an amount; what is held outside counts against both.
    What was ``sold`` for these purchases is not bought back.
    """
    pie = _pie(portfolio.root, pie_id)
    inside = {slice_id for slice_id, _, _ in holdings(pie)}
    outside = Counter[str]()
    for slice_id, _, held in holdings(portfolio.root):
        outside[held.security_id] += 0 if slice_id in inside else held.value
    worth = portfolio.value + portfolio.cash
    there = {held.security_id for _, _, held in holdings(pie)}
    securities = (_limited(s, worth, outside[s.security_id]) for s in portfolio.securities if s.security_id in there)
    same_day = (Block(Side.BUY, BlockReason.SAME_DAY_TRADE),)
    ruled = (replace(s, blocks=s.blocks + same_day) if s.security_id in sold else s for s in securities)
    return replace(portfolio, root=pie, cash=money, securities=tuple(ruled))


def _pie(root: Pie, pie_id: str) -> Pie:
    stack = [("", root)]
    while stack:
        name, pie = stack.pop()
        if name == pie_id:
            return pie
        stack += [(one.slice_id, one.content) for one in pie.slices if isinstance(one.content, Pie)]
    raise AssertionError("an owner is a pie of the account")


def _limited(security: Security, worth: int, outside: int) -> Security:
    """The limits of what is held inside; where none between them can be, what is there stays and nothing is bought."""
    most, least = security.most(worth), max(0, security.min_position - outside)
    inside = None if most is None else max(0, most - outside)
    if inside is not None and least > inside:
        inside, least = 0, 0
    return replace(security, max_value=inside, max_share_micros=None, min_position=least)


def _joined(old: AccountOrder | None, new: AccountOrder) -> AccountOrder:
    """Two purchases of one security, of two stages, as one order."""
    if old is None:
        return new
    return replace(old, amount=old.amount + new.amount, quantity_nanos=old.quantity_nanos + new.quantity_nanos)


def _gains(posed: Portfolio, found: Plan) -> dict[str, int]:
    """The nanoshares that each slice gains by a plan of purchases."""
    before = {slice_id: held.quantity_nanos or 0 for slice_id, _, held in holdings(posed.root)}
    after = {slice_id: held.quantity_nanos or 0 for slice_id, _, held in holdings(found.portfolio_after.root)}
    return {slice_id: more for slice_id in after if (more := after[slice_id] - before[slice_id])}


def _with_buys(books: Books, plan_id: str, orders: Mapping[str, AccountOrder], gained: Mapping[str, int]) -> Books:
    """The books with ``orders`` in the place of the purchases that waited.

    Sales count with what they brought from now on: what was short of the plan is made up for.
    """
    working = []
    for one in books.working:
        settled = replace(one.order, amount=one.amount) if one.order.side is Side.SELL else one.order
        working.append(replace(one, order=settled, cancelled=one.cancelled or not one.done))
    security = {slice_id: held.security_id for slice_id, _, held in holdings(books.opened.root)}
    for number, (name, order) in enumerate(orders.items(), 1):
        slices = tuple((s, more) for s, more in gained.items() if security[s] == name)
        working.append(Working(replace(order, order_id=f"{plan_id}/{number}"), slices))
    return replace(books, working=tuple(working))
