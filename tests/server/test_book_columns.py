"""Books in columns over a real channel: what the pure functions say, in parts, and refused by the same names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import book_columns as wire
from server.client import Client
from server.columns import MAX_COLUMN_ACCOUNTS, MAX_COLUMN_ROWS
from server.day_requests import read_blocks, window_parts
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.windows import MAX_FILLS, MAX_ORDERS, MAX_SECURITIES
from solver.trading.block_columns import aggregate_columns
from solver.trading.book_columns import apply_columns, order_columns, size_columns
from tests.property.booked import Rows, ints, priced_plans
from tests.server.serving import served
from tests.server.trading_wire import SERVICE, refused
from tests.unit.test_book_columns import VALUE, held, money, spoiled, working


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as connected:
        yield connected


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def test_books_on_the_wire_are_those_of_the_pure_functions(client: Client) -> None:
    sent = []

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(priced_plans(), min_size=1, max_size=3))
    def every_account(drawn: list[Any]) -> None:
        cases = [case for case in drawn if case is not None]
        rows = Rows([case[0] for case in cases])
        trade = rows.trades([case[3] for case in cases])
        orders = size_columns(rows.held, rows.value, trade)
        told = wire.read_sized(client.day.size_order_columns(wire.size_request(rows.held, rows.value, trade)))
        assert same(told, orders)
        filled = replace(told, filled_nanos=told.quantity_nanos // 2, filled_amount=told.amount // 2)
        purse = replace(money(), **{f.name: ints([7] * len(cases)) for f in fields(money())})
        asked = wire.apply_request(rows.held, purse, filled)
        assert same(wire.read_books(client.day.apply_fill_columns(asked)), apply_columns(rows.held, purse, filled))
        sent.append(len(orders.row))

    every_account()
    assert sum(sent) > 20


def test_orders_go_on_to_a_window(client: Client) -> None:
    trade = ints([0, -10_01, 20_00, 0, -50_00, 0])
    told = wire.read_sized(client.day.size_order_columns(wire.size_request(held(), VALUE, trade)))
    orders = order_columns(held(), told)
    blocks = read_blocks(client.day.aggregate_columns(pb.AggregateColumnsRequest(**p) for p in window_parts(orders)))
    assert blocks["amount"].tolist() == aggregate_columns(orders).amount.tolist() == [10_01, 50_00, 20_00]


def test_a_currency_has_its_own_decimals(client: Client) -> None:
    trade = ints([0, -1, 0, 0, 0, 0])
    yen = wire.size_request(held(), VALUE // 100, trade, "JPY")
    assert wire.read_sized(client.day.size_order_columns(yen)).quantity_nanos.tolist() == [100_000_000]
    now = client.day.apply_fill_columns(wire.apply_request(held(), money(), working(), "JPY"))
    assert wire.read_books(now).value.tolist() == [0, 80, 100, 0, 10, 10]


def sizing() -> pb.SizeOrderColumnsRequest:
    return wire.size_request(held(), VALUE, ints([0, -1, 0, 0, 0, 0]))


def applying() -> pb.ApplyFillColumnsRequest:
    return wire.apply_request(held(), money(), working())


def spoil(message: Any, path: str, value: object) -> Any:
    *inside, name = path.split(".")
    of = message
    for one in inside:
        of = getattr(of, one)
    setattr(of, name, value)
    return message


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        ("held.start", b"1234567", "held.start", "NOT_A_COLUMN"),
        ("held.security", b"12345", "held.security", "NOT_A_COLUMN"),
        ("held.start", bytes(8 * (MAX_COLUMN_ACCOUNTS + 2)), "held.start", "TOO_MANY_ACCOUNTS"),
        ("held.security", bytes(4 * (MAX_COLUMN_ROWS + 1)), "held.security", "TOO_MANY_ROWS"),
        ("held.start", b"", "held.start", "NOT_OFFSETS"),
        ("value", b"", "value", "LENGTHS_DIFFER"),
        ("trade", b"1", "trade", "NOT_A_COLUMN"),
        ("currency_code", "", "currency_code", "INVALID_CURRENCY"),
        ("currency_code", "usd", "currency_code", "INVALID_CURRENCY"),
        ("currency_code", "ZZZ", "currency_code", "INVALID_CURRENCY"),
    ],
)
def test_bad_sizes_are_named(client: Client, path: str, value: object, field: str, reason: str) -> None:
    with refused(field, reason):
        client.day.size_order_columns(spoil(sizing(), path, value))


@pytest.mark.parametrize(
    ("path", "value", "field", "reason"),
    [
        ("held.start", bytes(8 * (MAX_COLUMN_ACCOUNTS + 2)), "held.start", "TOO_MANY_ACCOUNTS"),
        ("money.cash", b"", "money.cash", "LENGTHS_DIFFER"),
        ("money.due", b"1", "money.due", "NOT_A_COLUMN"),
        ("working.sells", b"\0\2\0", "working.sells[1]", "OUT_OF_RANGE"),
        ("working.cancelled", b"\3\0\0", "working.cancelled[0]", "OUT_OF_RANGE"),
        ("working.row", b"123", "working.row", "NOT_A_COLUMN"),
        ("working.filled_nanos", bytes(8), "working.filled_nanos", "LENGTHS_DIFFER"),
        ("currency_code", "EURO", "currency_code", "INVALID_CURRENCY"),
    ],
)
def test_bad_fills_are_named(client: Client, path: str, value: object, field: str, reason: str) -> None:
    with refused(field, reason):
        client.day.apply_fill_columns(spoil(applying(), path, value))


def test_over_fills_are_named(client: Client) -> None:
    over = wire.apply_request(held(), money(), spoiled(working(), "filled_nanos", 2, 3 * 10**9))
    with refused("working.filled_nanos[2]", "OVER_FILL"):
        client.day.apply_fill_columns(over)


@pytest.mark.parametrize("method", ["SizeOrderColumns", "ApplyFillColumns"])
def test_bytes_that_are_none_are_refused(client: Client, method: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.channel.unary_unary(SERVICE + method)(b"\xff\xff", timeout=5)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with refused("held", "MISSING_FIELD"):
        client.channel.unary_unary(SERVICE + method)(b"", timeout=5)


def test_limits_of_windows_are_told(client: Client) -> None:
    info = client.info()
    told = (info.max_window_orders, info.max_window_securities, info.max_window_fills)
    assert told == (MAX_ORDERS, MAX_SECURITIES, MAX_FILLS) == (2**24, 50_000, 500_000)
