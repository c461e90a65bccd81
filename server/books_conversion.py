"""Orders, fills, plans and books from the wire, and back onto it: what goes to market and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from server.generated.piewise.v1 import allocation_pb2 as pb
from server.trading_conversion import DayReader
from server.writing import fill_cash, fill_portfolio
from solver import InvalidRequest, Plan, Portfolio, Side, Violation
from solver.money import MAX_MONEY, currency_violation
from solver.plan import BoundSource, CashFlow, Certificate, Limit, Order, OrderPart, Quality
from solver.trading.blocks import AccountOrder, BlockFill, Fill
from solver.trading.books import Books, Working

__all__ = [
    "fits",
    "order_message",
    "read_block_fills",
    "read_books",
    "read_fills",
    "read_orders",
    "read_plan",
    "write_account",
    "write_books",
    "write_fill",
    "write_order",
]

SIZINGS = {pb.SIZING_AMOUNT: False, pb.SIZING_QUANTITY: True}
QUALITIES = {pb.Quality.Value(f"QUALITY_{quality.value}"): quality for quality in Quality}
LIMITS = {0: Limit.NONE} | {pb.Limit.Value(f"LIMIT_{one.value}"): one for one in Limit if one is not Limit.NONE}
SOURCES = {pb.BoundSource.Value(f"BOUND_SOURCE_{source.value}"): source for source in BoundSource}


@contextmanager
def fits(at: str) -> Iterator[None]:
    """Numbers that only a caller's own could make too large for the wire are that caller's fault, at ``at``."""
    try:
        yield
    except ValueError as error:
        told = "comes to numbers beyond 64 bits; no account has as much"
        raise InvalidRequest((Violation(at, "AMOUNT_TOO_LARGE", told),)) from error


def read_orders(reader: DayReader, orders: Sequence[pb.AccountOrder], at: str) -> list[AccountOrder]:
    """Orders as a window takes them; what they may be is ``aggregate_orders``'s to say."""
    return [read_order(reader, order, f"{at}[{i}]") for i, order in enumerate(orders)]


def read_order(reader: DayReader, order: pb.AccountOrder, at: str) -> AccountOrder:
    """One order of one account."""
    for name in ("amount", "quantity_nanos", "step_nanos"):
        reader.require(order, name, f"{at}.{name}")
    fault = currency_violation(f"{at}.currency_code", order.currency_code)
    if fault:
        reader.wrong(fault.field, fault.reason, fault.description)
    return AccountOrder(
        order.account_id,
        order.order_id,
        order.security_id,
        reader.side(order.side, f"{at}.side"),
        order.amount,
        order.quantity_nanos,
        _sizing(reader, order.sizing, f"{at}.sizing"),
        order.step_nanos,
        order.currency_code,
    )


def _sizing(reader: DayReader, number: int, at: str) -> bool:
    if number not in SIZINGS:
        reader.wrong(at, "MISSING_FIELD", "must be SIZING_AMOUNT or SIZING_QUANTITY")
    return SIZINGS.get(number, True)  # type: ignore[call-overload, no-any-return]  # an enum is an int


def order_message(order: AccountOrder) -> pb.AccountOrder:
    """``order`` as a message."""
    message = pb.AccountOrder()
    write_order(message, order)
    return message


def write_order(written: pb.AccountOrder, order: AccountOrder) -> None:
    """Write ``order`` into ``written``."""
    written.account_id, written.order_id, written.security_id = order.account_id, order.order_id, order.security_id
    written.side = pb.SIDE_BUY if order.side is Side.BUY else pb.SIDE_SELL
    written.amount, written.quantity_nanos, written.step_nanos = order.amount, order.quantity_nanos, order.step_nanos
    written.sizing = pb.SIZING_QUANTITY if order.by_quantity else pb.SIZING_AMOUNT
    written.currency_code = order.currency_code


def read_block_fills(reader: DayReader, fills: Sequence[pb.BlockFill]) -> list[BlockFill]:
    """What the market did of blocks."""
    read = []
    for i, fill in enumerate(fills):
        at = f"fills[{i}]"
        for name in ("quantity_nanos", "price_micros"):
            reader.require(fill, name, f"{at}.{name}")
        side = reader.side(fill.side, f"{at}.side")
        read.append(BlockFill(fill.fill_id, fill.security_id, side, fill.quantity_nanos, fill.price_micros))
    return read


def read_fills(reader: DayReader, fills: Sequence[pb.Fill], at: str) -> list[Fill]:
    """Shares of fills, as ``AllocateFills`` gave them."""
    read = []
    for i, fill in enumerate(fills):
        for name in ("quantity_nanos", "amount"):
            reader.require(fill, name, f"{at}[{i}].{name}")
        ids = fill.fill_id, fill.account_id, fill.order_id, fill.security_id
        read.append(Fill(*ids, reader.side(fill.side, f"{at}[{i}].side"), fill.quantity_nanos, fill.amount))
    return read


def write_fill(written: pb.Fill, fill: Fill) -> None:
    """Write ``fill`` into ``written``."""
    written.fill_id, written.account_id, written.order_id = fill.fill_id, fill.account_id, fill.order_id
    written.security_id = fill.security_id
    written.side = pb.SIDE_BUY if fill.side is Side.BUY else pb.SIDE_SELL
    written.quantity_nanos, written.amount = fill.quantity_nanos, fill.amount


def read_plan(reader: DayReader, message: pb.Plan, at: str) -> Plan | None:
    """A plan of ``VIEW_FULL`` as far as books are opened by it; ``None`` where ``reader`` found a fault in it.

    Its nodes and its evidence are not read: they tell why, and change nothing.
    """
    if not message.HasField("portfolio_after"):
        reader.wrong(f"{at}.portfolio_after", "MISSING_FIELD", "is not set; plan with VIEW_FULL and send it whole")
        return None
    before = len(reader.violations)
    after = reader.account(message.portfolio_after, f"{at}.portfolio_after")
    certificate = _certificate(reader, message.certificate, f"{at}.certificate")
    priced = {s.security_id for s in message.portfolio_after.securities if s.HasField("price_micros")}
    orders = tuple(_order(reader, order, f"{at}.orders[{i}]", priced) for i, order in enumerate(message.orders))
    cash = message.cash
    flow = CashFlow(cash.before, cash.received, cash.paid_out, cash.bought, cash.sold, cash.after)
    for name in ("before", "received", "paid_out"):
        if not 0 <= getattr(cash, name) <= MAX_MONEY:
            told = f"is {getattr(cash, name)}; it must lie between 0 and {MAX_MONEY} minor units"
            reader.wrong(f"{at}.cash.{name}", "OUT_OF_RANGE", told)
    if after is None or len(reader.violations) > before:
        return None
    return Plan(flow, orders, (), certificate, after)


def _order(reader: DayReader, order: pb.Order, at: str, priced: set[str]) -> Order:
    if order.security_id not in priced:
        told = f"is {order.security_id[:64]!r}, which has no price in portfolio_after.securities"
        reader.wrong(f"{at}.security_id", "MISSING_PRICE", told)
    reader.require(order, "quantity_nanos", f"{at}.quantity_nanos")
    if order.HasField("quantity_nanos") and order.quantity_nanos < 1:
        reader.wrong(f"{at}.quantity_nanos", "OUT_OF_RANGE", f"is {order.quantity_nanos}; it must be positive")
    parts = tuple(OrderPart(part.slice_id, part.amount, part.event_id) for part in order.parts)
    amounts = [part.amount for part in parts]
    if not amounts or min(amounts) < 0 or sum(amounts) != order.amount or order.amount > MAX_MONEY:
        told = f"do not sum to the order's {order.amount} minor units; send the plan as it came"
        reader.wrong(f"{at}.parts", "SUMS_DISAGREE", told)
    return Order(
        order.sequence,
        order.security_id,
        reader.side(order.side, f"{at}.side"),
        order.amount,
        order.closes_position,
        parts,
        order.quantity_nanos,
        _sizing(reader, order.sizing, f"{at}.sizing"),
    )


def _certificate(reader: DayReader, message: pb.Certificate, at: str) -> Certificate:
    return Certificate(
        reader.choice(message.quality, QUALITIES, pb.Quality, f"{at}.quality"),
        reader.choice(message.limit, LIMITS, pb.Limit, f"{at}.limit"),
        message.engine,
        message.solver_version,
        message.cash_left,
        message.retired_excess,
        message.tracking_error,
        message.lower_bound,
        message.rounding_slack,
        reader.choice(message.bound_source, SOURCES, pb.BoundSource, f"{at}.bound_source"),
        (),
        tuple(message.broken_rules),
    )


def read_books(reader: DayReader, message: pb.Books, at: str) -> Books | None:
    """Books as they are stated, whether they add up is ``check_books``'s to say; ``None`` where a part is at fault."""
    before = len(reader.violations)
    reader.require(message, "opened", f"{at}.opened")
    opened = reader.account(message.opened, f"{at}.opened")
    for name in ("received", "due"):
        reader.require(message, name, f"{at}.{name}")
    working = tuple(_working(reader, one, f"{at}.working[{i}]") for i, one in enumerate(message.working))
    fills = tuple(read_fills(reader, message.fills, f"{at}.fills"))
    if opened is None or len(reader.violations) > before:
        return None
    leaving = frozenset(message.leaving)
    return Books(message.account_id, opened, message.received, message.due, working, fills, leaving)


def _working(reader: DayReader, message: pb.WorkingOrder, at: str) -> Working:
    for name in ("quantity_nanos", "amount"):
        reader.require(message, name, f"{at}.{name}")
    order = read_order(reader, message.order, f"{at}.order")
    slices = tuple((part.slice_id, part.quantity_nanos) for part in message.slices)
    return Working(order, slices, message.quantity_nanos, message.amount, message.cancelled)


def write_books(written: pb.Books, books: Books) -> None:
    """Write ``books`` into ``written``."""
    written.account_id, written.received, written.due = books.account_id, books.received, books.due
    fill_portfolio(written.opened, books.opened)
    for one in books.working:
        working = written.working.add(quantity_nanos=one.quantity_nanos, amount=one.amount, cancelled=one.cancelled)
        write_order(working.order, one.order)
        for slice_id, quantity in one.slices:
            working.slices.add(slice_id=slice_id, quantity_nanos=quantity)
    for fill in books.fills:
        write_fill(written.fills.add(), fill)
    written.leaving.extend(sorted(books.leaving))


def write_account(written: pb.AccountBooks, books: Books, standing: Portfolio, asked: pb.Portfolio) -> None:
    """Write ``books``, what they come to, and their portfolio ``standing``; ``asked`` says when it was valued."""
    write_books(written.books, books)
    fill_cash(written.cash, books.cash)
    written.overdrawn, written.unpaid, written.finished = books.overdrawn, books.unpaid, books.finished
    fill_portfolio(written.portfolio, standing)
    for order in (*books.open_orders(Side.SELL), *books.open_orders(Side.BUY)):
        write_order(written.open_orders.add(), order)
    if asked.HasField("valued_at"):
        for portfolio in (written.books.opened, written.portfolio):
            portfolio.valued_at.CopyFrom(asked.valued_at)
