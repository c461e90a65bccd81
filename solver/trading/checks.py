"""Whether books that come back from a caller are books: everything that ``fills.py`` trusts them for.

Books are a value that the caller keeps, so what comes back may be anything. What is computed from them is recomputed
here: what came of an order is the sum of its fills, and the slices of an order exist, hold its security, and can give
what they sell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from solver.errors import InvalidRequest, Violation
from solver.events import Deposit, Event, Rebalance, TargetChange, Withdrawal
from solver.money import MAX_MONEY, money_violation
from solver.portfolio import Holding, Pie
from solver.securities import MICROS, Side
from solver.trading.blocks import named, nothing_violation
from solver.trading.books import Books, Working, holdings

__all__ = ["check_books", "check_events"]

MAX_NANOS = MAX_MONEY * MICROS


def check_books(books: Books) -> None:
    """Refuse books that do not add up; raises ``InvalidRequest`` naming each field: ``books.working[2].amount``.

    The portfolio ``books.opened`` has checked itself.
    """
    faults = tuple(_violations(books))
    if faults:
        raise InvalidRequest(faults)


def check_events(books: Books, events: Sequence[Event]) -> None:
    """Refuse events that are none of these books'; raises ``InvalidRequest`` naming each pie that is not there."""
    pies = set(_pies(books.opened.root)) | {""}
    faults = []
    for i, event in enumerate(events):
        named_pies: list[tuple[str, str]] = []
        if isinstance(event, Rebalance):
            named_pies = [(f"events[{i}].rebalance.slice_id", event.slice_id)]
        elif isinstance(event, TargetChange):
            at = f"events[{i}].target_change.pies"
            named_pies = [(f"{at}[{k}].slice_id", pie.slice_id) for k, pie in enumerate(event.pies)]
        for field, slice_id in named_pies:
            if slice_id not in pies:
                told = f"{slice_id!r} is no pie of books.opened; give the events of the plan"
                faults.append(Violation(field, "UNKNOWN_SLICE_ID", told))
        if isinstance(event, Deposit | Withdrawal):
            kind = "deposit" if isinstance(event, Deposit) else "withdrawal"
            fault = money_violation(f"events[{i}].{kind}.amount", event.amount, int(kind == "withdrawal"))
            faults += [fault] if fault else []
    if faults:
        raise InvalidRequest(tuple(faults))


def _pies(pie: Pie) -> Iterator[str]:
    for one in pie.slices:
        if isinstance(one.content, Pie):
            yield one.slice_id
            yield from _pies(one.content)


def _violations(books: Books) -> Iterator[Violation]:
    held = {slice_id: holding for slice_id, _, holding in holdings(books.opened.root)}
    fault = named("books.account_id", books.account_id)
    if fault:
        yield fault
    for name in ("received", "due"):
        fault = money_violation(f"books.{name}", getattr(books, name))
        if fault:
            yield fault
    for i, slice_id in enumerate(books.leaving):
        if slice_id not in held:
            yield Violation(f"books.leaving[{i}]", "UNKNOWN_SLICE_ID", f"{slice_id!r} is no slice of books.opened")
    priced = {s.security_id for s in books.opened.securities if s.price_micros is not None}
    seen: dict[str, int] = {}
    for i, working in enumerate(books.working):
        at = f"books.working[{i}]"
        yield from _order_violations(f"{at}.order", books, working, priced)
        twin = seen.setdefault(working.order.order_id, i)
        if twin != i:
            told = f"{working.order.order_id!r} is also the id of books.working[{twin}]; give each its own"
            yield Violation(f"{at}.order.order_id", "DUPLICATE_ORDER", told)
        yield from _slice_violations(at, working, held)
    yield from _sold_violations(books, held)
    yield from _fill_violations(books, seen)


def _order_violations(at: str, books: Books, working: Working, priced: set[str]) -> Iterator[Violation]:
    order = working.order
    fault = named(f"{at}.order_id", order.order_id)
    if fault:
        yield fault
    if order.account_id != books.account_id:
        told = f"is {order.account_id!r}; these are the books of {books.account_id!r}"
        yield Violation(f"{at}.account_id", "UNKNOWN_ACCOUNT", told)
    if order.currency_code != books.opened.currency_code:
        told = f"is {order.currency_code!r}; the account is in {books.opened.currency_code!r}"
        yield Violation(f"{at}.currency_code", "CURRENCIES_DISAGREE", told)
    if order.security_id not in priced:
        told = f"is {order.security_id!r}, which has no price in books.opened.securities"
        yield Violation(f"{at}.security_id", "UNKNOWN_SECURITY", told)
    fault = money_violation(f"{at}.amount", order.amount)
    if fault:
        yield fault
    for name, number in (("quantity_nanos", order.quantity_nanos), ("step_nanos", order.step_nanos)):
        if not 0 < number <= MAX_NANOS:
            yield Violation(f"{at}.{name}", "OUT_OF_RANGE", f"is {number}; it must be positive, at most {MAX_NANOS}")
    if order.side is Side.SELL and not order.by_quantity:
        yield Violation(f"{at}.sizing", "SALE_BY_AMOUNT", "is by amount; a sale is sized by its quantity")


def _slice_violations(at: str, working: Working, held: dict[str, Holding]) -> Iterator[Violation]:
    """The slices of an order: each once, holding its security, with parts that sum to a sale's quantity."""
    order = working.order
    if not working.slices:
        yield Violation(f"{at}.slices", "MISSING_FIELD", "is empty; an order is some slice's")
    seen: set[str] = set()
    for k, (name, share) in enumerate(working.slices):
        if name not in held or held[name].security_id != order.security_id or name in seen:
            told = f"is {name!r}; give each slice of books.opened that holds {order.security_id!r} once"
            yield Violation(f"{at}.slices[{k}].slice_id", "UNKNOWN_SLICE_ID", told)
        seen.add(name)
        if not 0 < share <= MAX_NANOS:
            yield Violation(f"{at}.slices[{k}].quantity_nanos", "OUT_OF_RANGE", f"is {share}; it must be positive")
    total = sum(share for _, share in working.slices)
    if order.side is Side.SELL and working.slices and total != order.quantity_nanos:
        told = f"sum to {total} nanoshares; the order is one of {order.quantity_nanos}"
        yield Violation(f"{at}.slices", "SUMS_DISAGREE", told)


def _sold_violations(books: Books, held: dict[str, Holding]) -> Iterator[Violation]:
    """No slice sells more than it has."""
    sold = Counter[str]()
    for working in books.working:
        if working.order.side is Side.SELL:
            sold.update(dict(working.slices))
    for name, quantity in sold.items():
        there = (held[name].quantity_nanos or 0) if name in held else 0
        if quantity > there:
            told = f"sell {quantity} nanoshares of the slice {name!r}, which holds {there}"
            yield Violation("books.working", "MORE_THAN_HELD", told)


def _fill_violations(books: Books, place: dict[str, int]) -> Iterator[Violation]:
    """Every fill is of an order, each once; together they are what came of it, and no more than it asks for."""
    got: dict[str, tuple[int, int]] = {}
    seen: set[tuple[str, str]] = set()
    for i, fill in enumerate(books.fills):
        at = f"books.fills[{i}]"
        order = books.working[place[fill.order_id]].order if fill.order_id in place else None
        if order is None or (fill.account_id, fill.security_id, fill.side) != (
            order.account_id,
            order.security_id,
            order.side,
        ):
            told = f"{fill.order_id!r} is no order of these books for that account, security and side"
            yield Violation(f"{at}.order_id", "UNKNOWN_ORDER", told)
        if not (0 <= fill.quantity_nanos <= MAX_NANOS and 0 <= fill.amount <= MAX_MONEY):
            told = f"is of {fill.quantity_nanos} nanoshares for {fill.amount} minor units; neither is such a number"
            yield Violation(at, "OUT_OF_RANGE", told)
        fault = nothing_violation(f"{at}.amount", fill, order) if order else None
        if fault:
            yield fault
        if not fill.fill_id or (fill.fill_id, fill.order_id) in seen:
            told = f"is {fill.fill_id!r}; every fill of an order has an id of its own"
            yield Violation(f"{at}.fill_id", "DUPLICATE_FILL", told)
        seen.add((fill.fill_id, fill.order_id))
        quantity, amount = got.get(fill.order_id, (0, 0))
        got[fill.order_id] = quantity + fill.quantity_nanos, amount + fill.amount
    for i, working in enumerate(books.working):
        order, sums = working.order, got.get(working.order.order_id, (0, 0))
        for name, number, total in zip(
            ("quantity_nanos", "amount"), (working.quantity_nanos, working.amount), sums, strict=True
        ):
            if number != total:
                told = f"is {number}, but the fills of {order.order_id!r} sum to {total}"
                yield Violation(f"books.working[{i}].{name}", "SUMS_DISAGREE", told)
        over = sums[0] > order.quantity_nanos if order.by_quantity else sums[1] > order.amount
        if over:
            told = f"has fills beyond what {order.order_id!r} asks for"
            yield Violation(f"books.working[{i}]", "OVER_FILL", told)
