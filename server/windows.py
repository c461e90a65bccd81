"""A trade window of millions of orders in columns: gathered part by part, aggregated, its fills shared out.

What a window holds is bounded before it is held: ``Room`` counts the orders of all windows under way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from server.conversion import parse
from server.day_columns import check_currency, packed, unpacked
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import Overloaded
from server.trading_conversion import DayReader, moved
from solver import InvalidRequest, Side, Violation
from solver.trading.block_columns import (
    BlockColumns,
    OrderColumns,
    aggregate_columns,
    allocate_columns,
    fill_totals,
)

__all__ = ["MAX_FILLS", "MAX_ORDERS", "MAX_SECURITIES", "Gathered", "Room"]

MAX_ORDERS = 2**24  # of one window, and of all windows under way: 70 bytes each, so about a gigabyte
MAX_SECURITIES = 50_000
MAX_FILLS = 500_000
ANSWER_ROWS = 200_000  # a part of an answer, 16 bytes a row, stays below gRPC's default of 4 MiB
ROWS = ("account", "security", "sells", "amount", "quantity_nanos")


class Room:
    """How many orders may still be held."""

    def __init__(self, orders: int = MAX_ORDERS) -> None:
        self._free = orders
        self._lock = threading.Lock()

    def take(self, orders: int) -> None:
        """Take room for ``orders``; raises ``Overloaded`` where there is not as much."""
        with self._lock:
            if orders > self._free:
                raise Overloaded("other windows are under way and hold all the orders that fit; try again")
            self._free -= orders

    def give(self, orders: int) -> None:
        """Give it back."""
        with self._lock:
            self._free += orders


class Gathered:
    """The parts of one window so far; its rows are taken from ``room``."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._parts: list[dict[str, np.ndarray]] = []
        self._steps: np.ndarray | None = None
        self._code = ""
        self._fills: list[pb.ColumnFill] = []
        self._lock = threading.Lock()
        self._closed = False
        self.orders = 0

    def add(self, kind: type[pb.AggregateColumnsRequest] | type[pb.AllocateColumnsRequest], data: bytes) -> None:
        """Take one part; raises ``InvalidRequest`` naming what is wrong with it, and ``Overloaded``."""
        with moved(("", f"requests[{len(self._parts)}]")):
            self._add(parse(kind, data))

    def _add(self, message: pb.AggregateColumnsRequest | pb.AllocateColumnsRequest) -> None:
        columns = unpacked(message.orders, ROWS, "orders.")
        count = len(columns["account"])
        faults = [
            Violation(f"orders.{name}", "LENGTHS_DIFFER", f"has {len(column)} rows, but orders.account has {count}")
            for name, column in columns.items()
            if len(column) != count
        ]
        faults += self._heads(message)
        if self.orders + count > MAX_ORDERS:
            told = f"has more than {MAX_ORDERS} orders; aggregate fewer at once"
            faults.append(Violation("orders", "TOO_MANY_ORDERS", told))
        if faults:
            raise InvalidRequest(tuple(faults))
        self._room.take(count)
        with self._lock:
            self.orders += count
            if self._closed:  # nobody waits any more
                self._room.give(count)
        self._parts.append(columns)

    def _heads(self, message: pb.AggregateColumnsRequest | pb.AllocateColumnsRequest) -> list[Violation]:
        """What stands in the first part only, and the fills."""
        faults = []
        if message.step_nanos:
            if self._steps is not None:
                faults.append(Violation("step_nanos", "UNEXPECTED_FIELD", "was set already; set it in one part"))
            self._steps = unpacked(message, ("step_nanos",), "")["step_nanos"]
            if len(self._steps) > MAX_SECURITIES:
                told = f"has {len(self._steps)} securities; at most {MAX_SECURITIES} are supported"
                faults.append(Violation("step_nanos", "TOO_MANY_SECURITIES", told))
        if isinstance(message, pb.AllocateColumnsRequest):
            if message.currency_code:
                if self._code:
                    faults.append(Violation("currency_code", "UNEXPECTED_FIELD", "was set already; set it in one part"))
                self._code = message.currency_code
            self._fills.extend(message.fills)
            if len(self._fills) > MAX_FILLS:
                told = f"has more than {MAX_FILLS} fills; share out fewer at once"
                faults.append(Violation("fills", "TOO_MANY_FILLS", told))
        return faults

    def close(self) -> None:
        """Give the room back, once."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._room.give(self.orders)

    def blocks(self) -> pb.AggregateColumnsResponse:
        """The answer to ``AggregateColumns``."""
        found = aggregate_columns(self._columns())
        named = ("security", "sells", "by_quantity", "amount", "quantity_nanos")
        columns = {name: getattr(found, name) for name in named}
        return pb.AggregateColumnsResponse(**packed(columns | {"orders": np.diff(found.start)}, wide=True))

    def shares(self) -> Iterator[pb.AllocateColumnsResponse]:
        """The answers to ``AllocateColumns``; everything is computed before the first of them."""
        check_currency(self._code)
        orders = self._columns()
        blocks = aggregate_columns(orders)
        quantity, amount = allocate_columns(orders, blocks, *_totals(blocks, self._fills, self._code))
        parts = range(0, max(1, len(quantity)), ANSWER_ROWS)
        return (
            pb.AllocateColumnsResponse(
                **packed({"quantity_nanos": quantity[k : k + ANSWER_ROWS], "amount": amount[k : k + ANSWER_ROWS]})
            )
            for k in parts
        )

    def _columns(self) -> OrderColumns:
        if not self.orders or self._steps is None:
            name = "orders" if not self.orders else "step_nanos"
            raise InvalidRequest((Violation(name, "MISSING_FIELD", "is empty; send orders, and a step by security"),))
        rows = {name: np.concatenate([part[name] for part in self._parts]) for name in ROWS}
        self._parts.clear()
        return OrderColumns(**rows, step_nanos=self._steps)


def _totals(blocks: BlockColumns, fills: Sequence[pb.ColumnFill], code: str) -> tuple[np.ndarray, np.ndarray]:
    """What each block was filled, of fills that are each its own, or sent twice."""
    place = {key: i for i, key in enumerate(zip(blocks.security.tolist(), blocks.sells.tolist(), strict=True))}
    reader, seen = DayReader(), dict[str, int]()
    kept: list[int] = []
    for i, fill in enumerate(fills):
        at = f"fills[{i}]"
        if not fill.fill_id:
            reader.wrong(f"{at}.fill_id", "MISSING_ID", "is empty; give it an id")
        for name in ("security", "quantity_nanos", "price_micros"):
            reader.require(fill, name, f"{at}.{name}")
        sells = reader.side(fill.side, f"{at}.side") is Side.SELL
        if fill.HasField("security") and (fill.security, sells) not in place:
            known = (fill.security, not sells) in place
            told = f"is {fill.security}; no order is of that security" + " on that side" * known
            name, reason = ("side", "WRONG_SIDE") if known else ("security", "UNKNOWN_ORDER")
            reader.wrong(f"{at}.{name}", reason, told)
        twin = seen.setdefault(fill.fill_id, i)
        if twin == i:
            kept.append(i)
        elif fills[twin] != fill:
            told = f"{fill.fill_id!r} is also the id of fills[{twin}], which is another fill; the same one counts once"
            reader.wrong(f"{at}.fill_id", "CONFLICTING_FILL", told)
    reader.finish()
    own = [fills[i] for i in kept]
    at_block = [place[fill.security, fill.side == pb.SIDE_SELL] for fill in own]
    quantities, prices = [fill.quantity_nanos for fill in own], [fill.price_micros for fill in own]
    return fill_totals(blocks, at_block, quantities, prices, code)
