"""Blocks and their allocations in columns: ``blocks.py`` for millions of orders, number for number the same.

Rows are orders. They are sorted once by (side, security, account); then every block is a run of rows, and one block
after the other is shared out, so that beside the columns and the sorted order no more memory is used than the largest
block takes. For a total T and weights w the parts ⌊T w_a / W⌋ and remainders r_a = T w_a − W ⌊T w_a / W⌋ are exact: a
double is at most two beside the part where that is below 2^50, and then r_a, computed in 64 bits that wrap around, is
its own true value, since |r_a| ≤ 3 W < 2^62. What is too large for that goes through Python's integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY, minor_digits
from solver.securities import MICROS
from solver.steps import NANOS, Steps
from solver.trading.blocks import share_out

__all__ = ["BlockColumns", "OrderColumns", "aggregate_columns", "allocate_columns", "fill_totals"]

Ints = NDArray[np.int64]
Whole = NDArray[np.signedinteger]  # any integer type: accounts and securities fit in 32 bits
KINDS: dict[str, type[np.generic]] = {"account": np.signedinteger, "security": np.signedinteger, "sells": np.bool_}
MOST_WEIGHT = 2.0**60
MOST_PART = 2.0**50


@dataclass(frozen=True, slots=True)
class OrderColumns:
    """Orders of many accounts, a row each (n,); accounts and securities by number.

    ``sells`` says the side; ``amount`` is in minor units, ``quantity_nanos`` in 10^-9 shares. Sales, and purchases of
    whole shares, are by quantity; ``step_nanos`` (securities,) says which securities trade in whole shares only.
    """

    account: Whole
    security: Whole
    sells: NDArray[np.bool_]
    amount: Ints
    quantity_nanos: Ints
    step_nanos: Ints


@dataclass(frozen=True, slots=True)
class BlockColumns:
    """One block a security and side, sales first (b,): sums of its orders, and where these are.

    ``rows`` (n,) are the rows of the orders, block by block and by account; those of block i begin at ``start[i]`` and
    end before ``start[i + 1]``.
    """

    security: Ints
    sells: NDArray[np.bool_]
    by_quantity: NDArray[np.bool_]
    amount: Ints
    quantity_nanos: Ints
    rows: Ints
    start: Ints


def aggregate_columns(orders: OrderColumns) -> BlockColumns:
    """One block a security and side, sales first, each by security, its orders by account.

    Raises
    ------
    InvalidRequest
        naming the first row at fault of each column: lengths that differ, numbers out of range, an account with two
        orders for one security and side, or a block too large for 64 bits.
    """
    faults = _faults(orders)
    if faults:
        raise InvalidRequest(tuple(faults))
    accounts = int(orders.account.max(initial=0)) + 1
    listed = len(orders.step_nanos)
    key = np.where(orders.sells, 0, listed).astype(np.int64)
    key += orders.security
    key *= accounts
    key += orders.account
    rows = np.argsort(key, kind="stable")
    key = key[rows]
    twins = np.flatnonzero(key[1:] == key[:-1])
    if len(twins):
        row, other = int(rows[twins[0] + 1]), int(rows[twins[0]])
        told = f"is {int(orders.account[row])}, as in row {other}, for the same security and side; plan both together"
        raise InvalidRequest((Violation(f"orders.account[{row}]", "DUPLICATE_ORDER", told),))
    key //= accounts
    heads = np.flatnonzero(np.diff(key, prepend=-1))
    start = np.append(heads, len(key))
    block = key[heads]
    security, sells = block % listed if listed else block, block < listed
    amount, quantity = (_sums(name, getattr(orders, name), rows, start) for name in ("amount", "quantity_nanos"))
    by_quantity = sells | (orders.step_nanos[security] >= NANOS)
    return BlockColumns(security, sells, by_quantity, amount, quantity, rows, start)


def _faults(orders: OrderColumns) -> list[Violation]:
    count, faults = len(orders.account), list[Violation]()
    most = {"account": 2**31, "security": len(orders.step_nanos), "amount": MAX_MONEY + 1}
    least = {"account": 0, "security": 0, "amount": 0, "quantity_nanos": 1, "step_nanos": 1}
    for name in ("account", "security", "sells", "amount", "quantity_nanos", "step_nanos"):
        column = getattr(orders, name)
        kind = KINDS.get(name, np.int64)
        if not isinstance(column, np.ndarray) or column.ndim != 1 or not np.issubdtype(column.dtype, kind):
            told = f"is no array of one dimension of {kind.__name__}"
            faults.append(Violation(f"orders.{name}", "NOT_A_COLUMN", told))
        elif name != "step_nanos" and len(column) != count:
            told = f"has {len(column)} rows, but orders.account has {count}; give every order a row in each"
            faults.append(Violation(f"orders.{name}", "LENGTHS_DIFFER", told))
        elif name != "sells":
            end = most.get(name, 2**62)
            bad = np.flatnonzero((column < least[name]) | (column >= end))
            if len(bad):
                told = f"is {int(column[bad[0]])}; it must be at least {least[name]} and less than {end}"
                faults.append(Violation(f"orders.{name}[{int(bad[0])}]", "OUT_OF_RANGE", told))
    return faults or _sizing_faults(orders)


def _sizing_faults(orders: OrderColumns) -> list[Violation]:
    """A purchase by amount asks for money."""
    free = np.flatnonzero(orders.amount == 0)
    free = free[~orders.sells[free] & (orders.step_nanos[orders.security[free]] < NANOS)]
    if not len(free):
        return []
    return [Violation(f"orders.amount[{int(free[0])}]", "AMOUNT_TOO_SMALL", "is 0; it must be at least 1")]


def _sums(name: str, column: Ints, rows: Ints, start: Ints) -> Ints:
    """Sums of a column by block, exact."""
    sums = np.empty(len(start) - 1, dtype=np.int64)
    for i in range(len(sums)):
        own = column[rows[start[i] : start[i + 1]]]
        if float(own.sum(dtype=np.float64)) >= 2.0**62:
            told = "sums to more than 64 bits hold in one block; aggregate fewer orders at once"
            raise InvalidRequest((Violation(f"orders.{name}", "AMOUNT_TOO_LARGE", told),))
        sums[i] = own.sum()
    return sums


def fill_totals(
    blocks: BlockColumns,
    block: Sequence[int],
    quantity_nanos: Sequence[int],
    price_micros: Sequence[int],
    currency_code: str = "USD",
) -> tuple[Ints, Ints]:
    """Nanoshares and minor units of all fills of each block (b,); a fill is ⌊quantity · price⌋ minor units.

    Raises ``InvalidRequest`` naming each fill of no block, or that is no positive quantity at a positive price.
    """
    count, digits, most = len(blocks.security), minor_digits(currency_code), MAX_MONEY * MICROS
    filled, money, faults = [0] * count, [0] * count, list[Violation]()
    for i, (at, quantity, price) in enumerate(zip(block, quantity_nanos, price_micros, strict=True)):
        given = {"block": (at, 0, count - 1), "quantity_nanos": (quantity, 1, most), "price_micros": (price, 1, most)}
        wrong = [(name, value, a, b) for name, (value, a, b) in given.items() if not a <= value <= b]
        faults += [
            Violation(f"fills[{i}].{name}", "OUT_OF_RANGE", f"is {value}; it must lie between {a} and {b}")
            for name, value, a, b in wrong
        ]
        if not wrong:
            filled[at] += int(quantity)
            money[at] += Steps.of(int(price), 1, digits).amount(int(quantity))
            if max(filled[at], money[at]) >= 2**62:
                told = f"brings block {at} to more than 64 bits hold"
                raise InvalidRequest((Violation(f"fills[{i}].quantity_nanos", "OVER_FILL", told),))
    if faults:
        raise InvalidRequest(tuple(faults))
    return np.array(filled, dtype=np.int64), np.array(money, dtype=np.int64)


def allocate_columns(
    orders: OrderColumns, blocks: BlockColumns, filled_nanos: Ints, filled_amount: Ints
) -> tuple[Ints, Ints]:
    """Nanoshares and minor units of every order (n,), of what each block was filled (b,): as ``allocate_fills`` shares.

    Raises ``InvalidRequest`` naming each block with more than it asks for, or a part of a step that no order can take.
    """
    faults = _overfilled(blocks, filled_nanos, filled_amount)
    if faults:
        raise InvalidRequest(tuple(faults))
    quantity, amount = np.zeros(len(orders.account), np.int64), np.zeros(len(orders.account), np.int64)
    for i in np.flatnonzero(filled_nanos).tolist():
        rows = blocks.rows[blocks.start[i] : blocks.start[i + 1]]
        step = int(orders.step_nanos[blocks.security[i]])
        filled, money = int(filled_nanos[i]), int(filled_amount[i])
        if blocks.by_quantity[i]:
            shares = _by_quantity(orders.quantity_nanos[rows], step, filled)
            if shares is None:
                told = f"is {filled}, no whole number of steps of {step}, and no order has as much of one"
                faults.append(Violation(f"filled_nanos[{i}]", "NOT_IN_STEPS", told))
                continue
            quantity[rows], amount[rows] = shares, _shares(money, shares)
        else:
            unit = step if filled % step == 0 and step * money <= filled else 1
            quantity[rows] = unit * _shares(filled // unit, orders.amount[rows])
            amount[rows] = _shares(money, orders.amount[rows])
    if faults:
        raise InvalidRequest(tuple(faults))
    return quantity, amount


def _overfilled(blocks: BlockColumns, filled_nanos: Ints, filled_amount: Ints) -> list[Violation]:
    faults = []
    for name, given in (("filled_nanos", filled_nanos), ("filled_amount", filled_amount)):
        if len(given) != len(blocks.security) or (given < 0).any():
            told = f"must have {len(blocks.security)} numbers, one a block, and none negative"
            faults.append(Violation(name, "OUT_OF_RANGE", told))
    if faults:
        return faults
    over = np.where(blocks.by_quantity, filled_nanos > blocks.quantity_nanos, filled_amount > blocks.amount)
    for i in np.flatnonzero(over).tolist():
        name, given, asked = "filled_amount", filled_amount[i], blocks.amount[i]
        if blocks.by_quantity[i]:
            name, given, asked = "filled_nanos", filled_nanos[i], blocks.quantity_nanos[i]
        told = f"is {int(given)}; the block is an order of {int(asked)}"
        faults.append(Violation(f"{name}[{i}]", "OVER_FILL", told))
    for i in np.flatnonzero((filled_nanos == 0) & (filled_amount > 0)).tolist():
        told = f"is {int(filled_amount[i])}, but filled_nanos[{i}] is 0; nothing was traded for it"
        faults.append(Violation(f"filled_amount[{i}]", "OUT_OF_RANGE", told))
    return faults


def _by_quantity(wanted: Ints, step: int, filled: int) -> Ints | None:
    """Nanoshares of orders by quantity; ``None`` where a rest of ``filled`` is no order's."""
    steps = wanted // step
    rests = wanted - steps * step
    count = min(filled // step, int(steps.sum()))
    left = filled - count * step
    if left > int(rests.sum()):
        return None
    shares = step * _shares(count, steps)
    return shares + _shares(left, rests) if left else shares


def _shares(total: int, weights: Ints) -> Ints:
    """``share_out`` of a whole column; equal remainders go by row."""
    if not total:
        return np.zeros(len(weights), dtype=np.int64)
    rough = float(weights.sum(dtype=np.float64))
    if rough >= MOST_WEIGHT or float(weights.max()) * (total / rough) >= MOST_PART:
        return np.array(share_out(total, weights.tolist()), dtype=np.int64)
    whole = np.int64(weights.sum())
    parts = (weights * (total / float(whole))).astype(np.int64)
    remainders = weights * np.int64(total) - parts * whole  # wraps around; its true value does not
    beside = remainders // whole
    parts += beside
    remainders -= beside * whole
    extra = total - int(parts.sum())
    if extra:
        cut = np.partition(remainders, len(remainders) - extra)[len(remainders) - extra]
        above = remainders > cut
        parts[above] += 1
        parts[np.flatnonzero(remainders == cut)[: extra - int(above.sum())]] += 1
    return parts
