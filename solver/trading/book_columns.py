"""Books in columns: what ``orders_of`` and ``books.py`` say of one account, for millions of rows, number for number.

Plans in columns say what every row trades in whole minor units. ``size_columns`` makes orders of that, at the prices
and in the steps of the securities; ``apply_columns`` says what accounts hold, are worth and may spend once so much of
their orders was filled. Books stay a value: the accounts as they were opened, their orders, and all that came of these
so far. So fills may come in any order, and what is heard twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY
from solver.portfolio import MAX_SLICES
from solver.securities import Security, quantity_violation
from solver.steps import NANOS
from solver.trading.block_columns import OrderColumns
from solver.trading.blocks import most_for_nothing
from solver.trading.quotients import END, Bools, Ints, Whole, step_counts, sums_by, worths

__all__ = [
    "BookColumns",
    "HeldColumns",
    "MoneyColumns",
    "WorkingColumns",
    "apply_columns",
    "check_held",
    "check_working",
    "order_columns",
    "size_columns",
]

SHARED_OUT = 100  # times that an order may be shared out: what came of it is one sum here, and each may be rounded
BOOLS = ("sells", "cancelled")
MONEY = ("cash", "received", "due")


@dataclass(frozen=True, slots=True, eq=False)
class HeldColumns:
    """Accounts with what each row holds, laid out as ``solver.columns.Accounts``.

    ``start`` (accounts + 1,) says where the rows of each begin. By row ``security``, −1 at pies, each once in an
    account, and ``held_nanos`` (10^-9 shares); by security ``price_micros`` (millionths of the currency's unit a share)
    and ``step_nanos``.
    """

    start: Ints
    security: Whole
    held_nanos: Ints
    price_micros: Ints
    step_nanos: Ints


@dataclass(frozen=True, slots=True, eq=False)
class MoneyColumns:
    """By account (accounts,), minor units: the cash before its event, what that pays in, and what it pays out."""

    cash: Ints
    received: Ints
    due: Ints


@dataclass(frozen=True, slots=True, eq=False)
class WorkingColumns:
    """Orders in the market (orders,), each of a ``row``, and all that came of them so far, in the words of ``Working``.

    Sales, and purchases of whole shares, are by ``quantity_nanos``, other purchases by ``amount`` (minor units); the
    other of the two is what that comes to at the prices of the plan. ``cancelled``: no more of it comes.
    """

    row: Ints
    sells: Bools
    amount: Ints
    quantity_nanos: Ints
    filled_nanos: Ints
    filled_amount: Ints
    cancelled: Bools


@dataclass(frozen=True, slots=True, eq=False)
class BookColumns:
    """Accounts as they stand: by row shares and value (0 at pies), by account money, in the words of ``Books``.

    ``waiting`` is what the purchases that are neither done nor cancelled still cost at these prices.
    """

    held_nanos: Ints
    value: Ints
    cash: Ints
    paid_out: Ints
    unpaid: Ints
    overdrawn: Ints
    bought: Ints
    sold: Ints
    waiting: Ints


def size_columns(held: HeldColumns, value: Ints, trade: Ints, currency_code: str = "USD") -> WorkingColumns:
    """The orders for the trades of plans, by row; nothing came of them yet.

        all that is held is sold            q = the shares held
        another sale of x                   q = min(reaching(x) steps, the shares held)
        a purchase of x                     by amount x; q = reaching(x) steps is what it comes to
        a purchase of x in whole shares     the shares that x buys, for what they cost; no order where that is none

    ``value`` and ``trade`` (rows,), minor units, are those of ``Accounts`` and ``Plans``. Plans in columns know no
    steps. Where one is worth more than a minor unit, a sale brings up to a step more than planned, and what a purchase
    of whole shares leaves stays cash; their orders have the amount of their shares. Nothing is overspent.

    Raises
    ------
    InvalidRequest
        naming the first entry at fault of each column: lengths that differ, numbers out of range, a value that is not
        that of the shares, a sale of more than there is.
    """
    rows = check_held(held)
    faults = _entry_faults("value", value, rows, 0, MAX_MONEY + 1)
    _refuse(faults + _entry_faults("trade", trade, rows, -MAX_MONEY, MAX_MONEY + 1))
    row = np.flatnonzero(trade).astype(np.int64)
    _refuse(_trade_faults(held, value, trade, row, currency_code))
    security, sells, amount = held.security[row], trade[row] < 0, np.abs(trade[row])
    whole = ~sells & (held.step_nanos[security] >= NANOS)
    count, coarse = step_counts(amount, whole, security, held.price_micros, held.step_nanos, currency_code)
    step, there = held.step_nanos[security], held.held_nanos[row]
    most = (END - 1) // step
    told = f"buys {END} nanoshares or more at the price of its security"
    _refuse(_named("trade", row[~sells & (count > most)], "OUT_OF_RANGE", told))
    closes = sells & (amount == value[row])
    stepped = np.minimum(count, most) * step
    quantity = np.where(closes, there, np.where(sells, np.minimum(stepped, there), stepped))
    exact = whole | (sells & coarse[security] & ~closes)
    amount[exact] = worths(quantity[exact], security[exact], held.price_micros, currency_code)
    kept = quantity > 0
    filled_nanos, filled_amount = np.zeros((2, np.count_nonzero(kept)), dtype=np.int64)
    sized = row[kept], sells[kept], amount[kept], quantity[kept]
    return WorkingColumns(*sized, filled_nanos, filled_amount, filled_nanos > 0)


def order_columns(held: HeldColumns, working: WorkingColumns, chosen: Bools | Ints | None = None) -> OrderColumns:
    """The orders, or those that are ``chosen``, as ``aggregate_columns`` takes them.

    Accounts go by their place in ``start``; what ``allocate_columns`` says of the orders is in the order of ``chosen``.
    """
    own = slice(None) if chosen is None else chosen
    row = working.row[own]
    account = np.searchsorted(held.start, row, "right") - 1
    sized = working.amount[own], working.quantity_nanos[own]
    return OrderColumns(account, held.security[row], working.sells[own], *sized, held.step_nanos)


def apply_columns(
    held: HeldColumns, money: MoneyColumns, working: WorkingColumns, currency_code: str = "USD"
) -> BookColumns:
    """The accounts as they stand: ``held`` as they were opened, at the prices of now, with all that came of the orders.

        shares_r = held_r + Σ bought of r − Σ sold of r,               value_r = ⌊shares_r · price⌋,
        there    = cash + received + sold − bought,                    paid out = min(due, max(0, there)),
        cash     = max(0, there − paid out),    overdrawn = max(0, paid out − there),    unpaid = due − paid out

    Raises
    ------
    InvalidRequest
        naming the first entry at fault of each column: lengths that differ, numbers out of range, an order of a pie,
        an order that got more than it asks for, or no shares for more than rounding makes, rows that sell more than
        they hold, accounts too large to be one.
    """
    rows, accounts = check_held(held), len(held.start) - 1
    _refuse([f for n in MONEY for f in _entry_faults(f"money.{n}", getattr(money, n), accounts, 0, MAX_MONEY + 1)])
    check_working(held, working)
    gained, given = _by_side("filled_nanos", working, working.row, rows)
    account = np.searchsorted(held.start, working.row, "right") - 1
    bought, sold = _by_side("filled_amount", working, account, accounts)
    shares = held.held_nanos + gained - given
    value = worths(shares, held.security, held.price_micros, currency_code)
    there = money.cash + money.received + sold - bought
    paid = np.clip(there, 0, money.due)
    cash = np.maximum(there - paid, 0)
    _refuse(_size_faults(held.start, shares, value, cash))
    waiting = _waiting(held, working, account, currency_code)
    overdrawn = np.maximum(paid - there, 0)
    return BookColumns(shares, value, cash, paid, money.due - paid, overdrawn, bought, sold, waiting)


def _by_side(name: str, working: WorkingColumns, place: Ints, places: int) -> list[Ints]:
    """Sums of a column of the orders by place: of purchases, of sales."""
    column = getattr(working, name)
    return [_sums(name, place[side], column[side], places) for side in (~working.sells, working.sells)]


def _sums(name: str, place: Ints, column: Ints, places: int) -> Ints:
    sums = sums_by(place, column, places)
    if sums is None:
        told = "sums to more than 64 bits hold; give each order once"
        raise InvalidRequest((Violation(f"working.{name}", "AMOUNT_TOO_LARGE", told),))
    return sums


def _waiting(held: HeldColumns, working: WorkingColumns, account: Ints, currency_code: str) -> Ints:
    """What purchases at work still cost, by account."""
    rest = np.flatnonzero(~working.sells & ~working.cancelled)
    security = held.security[working.row[rest]]
    nanos = working.quantity_nanos[rest] - working.filled_nanos[rest]
    whole = held.step_nanos[security] >= NANOS
    priced = worths(np.where(whole, nanos, 0), security, held.price_micros, currency_code)
    cost = np.where(whole, priced, working.amount[rest] - working.filled_amount[rest])
    _refuse(_named("working.quantity_nanos", rest[cost > MAX_MONEY], "AMOUNT_TOO_LARGE", "costs more than any account"))
    return _sums("amount", account[rest], cost, len(held.start) - 1)


def check_held(held: HeldColumns) -> int:
    """The number of rows; raises ``InvalidRequest`` naming the first entry at fault of each column of ``held``."""
    start, rows, listed = held.start, len(held.security), len(held.price_micros)
    faults = [fault for name in ("start", "security") if (fault := _shape_fault(f"held.{name}", getattr(held, name)))]
    _refuse(faults)
    sizes = np.diff(start)
    if not len(start) or start[0] != 0 or start[-1] != rows or ((sizes < 0) | (sizes > MAX_SLICES + 1)).any():
        told = f"must begin with 0, end with the {rows} rows, and never fall or rise by more than {MAX_SLICES + 1}"
        raise InvalidRequest((Violation("held.start", "NOT_OFFSETS", told),))
    faults = _entry_faults("held.security", held.security, rows, -1, listed)
    faults += _entry_faults("held.held_nanos", held.held_nanos, rows, 0, END)
    for name in ("price_micros", "step_nanos"):
        faults += _entry_faults(f"held.{name}", getattr(held, name), listed, 1, END)
    _refuse(faults)
    pies = np.flatnonzero((held.security < 0) & (held.held_nanos > 0))
    _refuse(_named("held.held_nanos", pies, "NOT_A_HOLDING", "is of a row of no security; a pie holds nothing itself"))
    return rows


def check_working(held: HeldColumns, working: WorkingColumns) -> None:
    """Raises ``InvalidRequest`` naming the first entry at fault of each column of ``working``."""
    count = len(working.row)
    ends = {"row": len(held.security), "amount": MAX_MONEY + 1, "filled_amount": MAX_MONEY + 1}
    faults = []
    for name in (field.name for field in fields(working)):
        least = int(name == "quantity_nanos")
        faults += _entry_faults(f"working.{name}", getattr(working, name), count, least, ends.get(name, END))
    _refuse(faults)
    security = held.security[working.row]
    _refuse(_named("working.row", np.flatnonzero(security < 0), "NOT_A_HOLDING", "is a pie; orders are of holdings"))
    by_quantity = working.sells | (held.step_nanos[security] >= NANOS)
    nanos = np.flatnonzero(by_quantity & (working.filled_nanos > working.quantity_nanos))
    faults += _named("working.filled_nanos", nanos, "OVER_FILL", "is more than the order's quantity_nanos")
    amount = np.flatnonzero(~by_quantity & (working.filled_amount > working.amount))
    faults += _named("working.filled_amount", amount, "OVER_FILL", "is more than the order's amount")
    faults += _nothing_faults(held, working, by_quantity)
    sales = np.flatnonzero(working.sells)
    asked = np.where(working.cancelled, working.filled_nanos, working.quantity_nanos)[sales]
    total = sums_by(working.row[sales], asked, len(held.security))
    over = sales if total is None else sales[(total > held.held_nanos)[working.row[sales]]]
    told = "with the other sales of its row is more than the row holds"
    _refuse(faults + _named("working.quantity_nanos", over, "MORE_THAN_HELD", told))


def _nothing_faults(held: HeldColumns, working: WorkingColumns, by_quantity: Bools) -> list[Violation]:
    """Orders that got no shares for more money than rounding makes."""
    least = np.where(by_quantity, 0, SHARED_OUT)
    for at in np.flatnonzero((working.filled_nanos == 0) & (working.filled_amount > least)).tolist():
        step = int(held.step_nanos[held.security[working.row[at]]])
        sized = int(working.amount[at]), int(working.quantity_nanos[at]), step, bool(by_quantity[at])
        most = most_for_nothing(*sized, SHARED_OUT)
        if working.filled_amount[at] > most:
            told = f"is {int(working.filled_amount[at])} for no shares; rounding makes {most} at the most"
            return [Violation(f"working.filled_amount[{at}]", "OUT_OF_RANGE", told)]
    return []


def _trade_faults(held: HeldColumns, value: Ints, trade: Ints, row: Ints, currency_code: str) -> list[Violation]:
    """What is wrong with the trades of ``row`` beside what these rows hold."""
    pies = row[held.security[row] < 0]
    faults = _named("trade", pies, "NOT_A_HOLDING", "is of a row of no security; only holdings trade")
    faults += _named("trade", row[-trade[row] > value[row]], "MORE_THAN_HELD", "sells more than the value of its row")
    worth = worths(held.held_nanos[row], held.security[row], held.price_micros, currency_code)
    beside = value[row] - worth
    for at in row[(beside != 0) & (beside != 1)].tolist():  # one by one: a micro in the price may explain it
        if held.security[at] >= 0:
            price = Security("", price_micros=int(held.price_micros[held.security[at]]))
            fault = quantity_violation("held", int(value[at]), int(held.held_nanos[at]), price, currency_code)
            if fault:
                told = f"{fault.description}; plan and size at one price"
                return [*faults, Violation(f"held.held_nanos[{at}]", fault.reason, told)]
    return faults


def _size_faults(start: Ints, shares: Ints, value: Ints, cash: Ints) -> list[Violation]:
    """Rows and accounts that are too large to be planned again."""
    told = f"comes to more than {END} nanoshares or {MAX_MONEY} minor units"
    faults = _named("held.held_nanos", np.flatnonzero((shares >= END) | (value > MAX_MONEY)), "AMOUNT_TOO_LARGE", told)
    if faults:
        return faults
    sums = np.concatenate(([0], np.cumsum(value)))  # wraps around; the differences do not
    total = sums[start[1:]] - sums[start[:-1]] + cash
    told = f"and what the account holds are more than {MAX_MONEY} minor units"
    return _named("money.cash", np.flatnonzero(total > MAX_MONEY), "AMOUNT_TOO_LARGE", told)


def _entry_faults(name: str, column: Any, length: int, least: int, end: int) -> list[Violation]:
    """The fault of a column: that it is none, has another length, or its first entry outside ``[least, end)``."""
    fault = _shape_fault(name, column)
    if fault:
        return [fault]
    if len(column) != length:
        return [Violation(name, "LENGTHS_DIFFER", f"has {len(column)} entries; there must be {length}")]
    told = f"must be at least {least} and less than {end}"
    return _named(name, np.flatnonzero((column < least) | (column >= end)), "OUT_OF_RANGE", told)


def _shape_fault(name: str, column: Any) -> Violation | None:
    short = name.rpartition(".")[2]
    kind = np.bool_ if short in BOOLS else np.signedinteger if short == "security" else np.int64
    if isinstance(column, np.ndarray) and column.ndim == 1 and np.issubdtype(column.dtype, kind):
        return None
    return Violation(name, "NOT_A_COLUMN", f"is no array of one dimension of {kind.__name__}")


def _named(name: str, entries: Ints, reason: str, told: str) -> list[Violation]:
    """The fault of the first of ``entries`` of a column, if there is one."""
    return [Violation(f"{name}[{int(entries[0])}]", reason, told)] if len(entries) else []


def _refuse(faults: list[Violation]) -> None:
    if faults:
        raise InvalidRequest(tuple(faults))
