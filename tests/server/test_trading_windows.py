"""Columns of the trading day over a real channel: windows of many orders in parts, calls that are given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from server import windows as server_windows
from server.client import Client
from server.day_columns import decision_columns_message, packed, trigger_columns_message
from server.day_requests import policy_message, read_blocks, timetable_message, window_parts
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import Overloaded
from server.trading_writing import timestamp
from server.windows import Gathered, Room
from solver import Holding, Pie, Portfolio, Side, Slice
from solver.trading.accounts import Account, Asked, Traded
from solver.trading.block_columns import OrderColumns, aggregate_columns, allocate_columns, fill_totals
from solver.trading.sessions import M1_WINDOWS, Kind
from solver.trading.triggers import Drift, History, Policy, Scope
from tests.property.test_blocks import Drawn, windows
from tests.property.trading import decision_columns, trigger_columns
from tests.server.serving import details_of, served
from tests.server.trading_wire import SERVICE, SHARE, refused

NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("America/New_York"))
NAMES = ["A", "B", "C"]
Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as connected:
        yield connected


def some_orders(**changed: np.ndarray) -> OrderColumns:
    """Two accounts sell the first security, one buys the second."""
    return replace(
        OrderColumns(
            account=np.array([0, 1, 1], dtype=np.int32),
            security=np.array([0, 0, 1], dtype=np.int32),
            sells=np.array([True, True, False]),
            amount=np.array([10_00, 20_00, 20_00]),
            quantity_nanos=np.array([SHARE, 2 * SHARE, SHARE]),
            step_nanos=np.array([10_000, 10_000]),
        ),
        **changed,
    )


def a_fill(**changed: object) -> pb.ColumnFill:
    told = {"fill_id": "f", "security": 0, "side": pb.SIDE_SELL, "quantity_nanos": SHARE, "price_micros": 10_000_000}
    return pb.ColumnFill(**{name: value for name, value in (told | changed).items() if value is not None})


def asked(orders: OrderColumns, fills: list[pb.ColumnFill], rows: int = 2) -> Iterator[pb.AllocateColumnsRequest]:
    for k, part in enumerate(window_parts(orders, rows)):
        yield pb.AllocateColumnsRequest(**part, currency_code="" if k else "USD")
    yield pb.AllocateColumnsRequest(fills=fills)


def shares_of(client: Client, orders: OrderColumns, fills: list[pb.ColumnFill]) -> tuple[np.ndarray, np.ndarray]:
    told = list(client.day.allocate_columns(asked(orders, fills)))
    quantity, amount = (
        np.frombuffer(b"".join(getattr(part, name) for part in told), "<i8") for name in ("quantity_nanos", "amount")
    )
    return quantity, amount


def test_windows_are_those_of_the_pure_functions(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_windows, "ANSWER_ROWS", 4)  # so that answers come in several parts, too
    several = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(windows())
    def every_window(window: Drawn) -> None:
        listed, fills = window
        if not listed:
            return
        steps = {order.security_id: order.step_nanos for order in listed}
        orders = OrderColumns(
            account=np.array([int(o.account_id.removeprefix("account-")) for o in listed], dtype=np.int32),
            security=np.array([NAMES.index(o.security_id) for o in listed], dtype=np.int32),
            sells=np.array([o.side is Side.SELL for o in listed]),
            amount=np.array([o.amount for o in listed]),
            quantity_nanos=np.array([o.quantity_nanos for o in listed]),
            step_nanos=np.array([steps.get(name, 1) for name in NAMES]),
        )
        blocks = aggregate_columns(orders)
        parts = [pb.AggregateColumnsRequest(**part) for part in window_parts(orders, 3)]
        told = read_blocks(client.day.aggregate_columns(parts))
        for name in ("security", "sells", "by_quantity", "amount", "quantity_nanos"):
            assert np.array_equal(told[name], getattr(blocks, name)), name
        assert told["orders"].tolist() == np.diff(blocks.start).tolist()
        place = {key: i for i, key in enumerate(zip(blocks.security.tolist(), blocks.sells.tolist(), strict=True))}
        own = [(place[NAMES.index(name), side is Side.SELL], f) for (side, name), made in fills.items() for f in made]
        totals = fill_totals(
            blocks, [at for at, _ in own], [f.quantity_nanos for _, f in own], [f.price_micros for _, f in own]
        )
        sent = [
            a_fill(
                fill_id=f"{at}/{f.fill_id}",
                security=NAMES.index(f.security_id),
                side=f"SIDE_{f.side.value}",
                quantity_nanos=f.quantity_nanos,
                price_micros=f.price_micros,
            )
            for at, f in own
        ]
        shares = shares_of(client, orders, [*sent, *sent[:2]])
        for got, expected in zip(shares, allocate_columns(orders, blocks, *totals), strict=True):
            assert np.array_equal(got, expected)
        several.append(len(listed) > 4 and bool(sent))

    every_window()
    assert sum(several) > 5


def parts_of(**changed: object) -> list[pb.AllocateColumnsRequest]:
    request = pb.AllocateColumnsRequest(**next(window_parts(some_orders())), currency_code="USD", fills=[a_fill()])
    for name, value in changed.items():
        if name in pb.OrderColumns.DESCRIPTOR.fields_by_name:
            setattr(request.orders, name, packed({name: np.array(value)})[name] if isinstance(value, list) else value)
        elif isinstance(value, list):
            request.ClearField(name)
            getattr(request, name).extend(value)
        else:
            setattr(request, name, value)
    return [request]


WRONG: list[tuple[Callable[[], list[pb.AllocateColumnsRequest]], str, str]] = [
    (list, "currency_code", "INVALID_CURRENCY"),
    (lambda: [pb.AllocateColumnsRequest(currency_code="USD")], "orders", "MISSING_FIELD"),
    (lambda: parts_of(step_nanos=b""), "step_nanos", "MISSING_FIELD"),
    (lambda: parts_of(step_nanos=bytes(7)), "requests[0].step_nanos", "NOT_A_COLUMN"),
    (lambda: parts_of(step_nanos=bytes(8 * 50_001)), "requests[0].step_nanos", "TOO_MANY_SECURITIES"),
    (lambda: parts_of(account=bytes(6)), "requests[0].orders.account", "NOT_A_COLUMN"),
    (lambda: parts_of(amount=[1, 2]), "requests[0].orders.amount", "LENGTHS_DIFFER"),
    (lambda: parts_of(sells=b"\0\0\2"), "requests[0].orders.sells[2]", "OUT_OF_RANGE"),
    (lambda: parts_of() * 2, "requests[1].step_nanos", "UNEXPECTED_FIELD"),
    (lambda: parts_of() * 2, "requests[1].currency_code", "UNEXPECTED_FIELD"),
    (lambda: parts_of(account=[0, -1, 1]), "orders.account[1]", "OUT_OF_RANGE"),
    (lambda: parts_of(security=[0, 0, 2]), "orders.security[2]", "OUT_OF_RANGE"),
    (lambda: parts_of(account=[1, 1, 1]), "orders.account[1]", "DUPLICATE_ORDER"),
    (lambda: parts_of(quantity_nanos=[0, 1, 1]), "orders.quantity_nanos[0]", "OUT_OF_RANGE"),
    (lambda: parts_of(quantity_nanos=[2**61, 2**61, 1]), "orders.quantity_nanos", "AMOUNT_TOO_LARGE"),
    (lambda: parts_of(fills=[a_fill(security=1)]), "fills[0].side", "WRONG_SIDE"),
    (lambda: parts_of(fills=[a_fill(security=7)]), "fills[0].security", "UNKNOWN_ORDER"),
    (lambda: parts_of(fills=[a_fill(security=None)]), "fills[0].security", "MISSING_FIELD"),
    (lambda: parts_of(fills=[a_fill(side=0)]), "fills[0].side", "MISSING_FIELD"),
    (lambda: parts_of(fills=[a_fill(fill_id="")]), "fills[0].fill_id", "MISSING_ID"),
    (lambda: parts_of(fills=[a_fill(), a_fill(price_micros=1)]), "fills[1].fill_id", "CONFLICTING_FILL"),
    (lambda: parts_of(fills=[a_fill(quantity_nanos=None)]), "fills[0].quantity_nanos", "MISSING_FIELD"),
    (lambda: parts_of(fills=[a_fill(quantity_nanos=0)]), "fills[0].quantity_nanos", "OUT_OF_RANGE"),
    (lambda: parts_of(fills=[a_fill(), a_fill(fill_id="g", price_micros=0)]), "fills[1].price_micros", "OUT_OF_RANGE"),
    (lambda: parts_of(fills=[a_fill(quantity_nanos=4 * SHARE)]), "filled_nanos[0]", "OVER_FILL"),
    (lambda: parts_of(fills=[a_fill(quantity_nanos=2**62)]), "fills[0].quantity_nanos", "OVER_FILL"),
    (lambda: parts_of(fills=[a_fill(quantity_nanos=2**61, price_micros=2**61)]), "fills[0].quantity_nanos", "OVER_FILL"),
    (lambda: parts_of(fills=[a_fill(quantity_nanos=1)]), "filled_nanos[0]", "NOT_IN_STEPS"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "field", "reason"), WRONG, ids=[f"{w[1]}-{w[2]}" for w in WRONG])
def test_parts_that_are_refused(client: Client, make, field: str, reason: str) -> None:
    with refused(field, reason):
        list(client.day.allocate_columns(make()))


def test_a_part_of_garbage(client: Client) -> None:
    for method in ("AggregateColumns", "AllocateColumns"):
        call = client.channel.stream_stream(SERVICE + method)
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([b"\xff" * 40]), timeout=20))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details_of(caught.value)[0].reason in ("MALFORMED_REQUEST", "UNKNOWN_FIELD")


def test_more_orders_than_a_window_holds(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_windows, "MAX_ORDERS", 5)
    with refused("requests[1].orders", "TOO_MANY_ORDERS"):
        list(client.day.allocate_columns([*parts_of(), pb.AllocateColumnsRequest(orders=parts_of()[0].orders)]))


def test_more_fills_than_a_window_takes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_windows, "MAX_FILLS", 1)
    with refused("requests[1].fills", "TOO_MANY_FILLS"):
        list(client.day.allocate_columns([*parts_of(), pb.AllocateColumnsRequest(fills=[a_fill()])]))


def test_room_is_taken_and_given_back() -> None:
    room = Room(5)
    first, second = Gathered(room), Gathered(room)
    data = parts_of()[0].SerializeToString()
    first.add(pb.AllocateColumnsRequest, data)
    with pytest.raises(Overloaded):
        second.add(pb.AllocateColumnsRequest, data)
    second.close()
    first.close()
    first.close()  # once only
    with pytest.raises(Overloaded):
        room.take(6)
    room.take(5)


def once_free(call: Callable[[], Answer]) -> Answer:
    """The answer as soon as there is a place again: it is given back a moment after the call was given up."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_windows_given_up_leave_their_place_and_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that are cancelled in the middle, again and again, on a server that holds one call and one window."""
    monkeypatch.setattr(server_windows.Room.__init__, "__defaults__", (3,))
    with served(workers=1, queue=0) as address, Client(address) as client:
        for _ in range(4):
            sent, held = threading.Event(), threading.Event()

            def parts(sent: threading.Event = sent, held: threading.Event = held) -> Iterator[bytes]:
                yield parts_of()[0].SerializeToString()
                sent.set()
                held.wait(10)

            call = client.channel.stream_stream(SERVICE + "AllocateColumns")(parts(), timeout=20)
            assert sent.wait(5)
            time.sleep(0.2)
            call.cancel()
            held.set()
            answers = once_free(lambda: list(client.day.allocate_columns(parts_of())))
            assert sum(np.frombuffer(a.quantity_nanos, "<i8").sum() for a in answers) == SHARE


def test_a_stream_on_which_nothing_is_sent(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.trading.STREAM_SECONDS", 0.2)
    never = threading.Event()

    def parts() -> Iterator[pb.AllocateColumnsRequest]:
        yield parts_of()[0]
        never.wait(10)

    with pytest.raises(grpc.RpcError) as caught:
        list(client.day.allocate_columns(parts()))
    never.set()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert details_of(caught.value)[0].reason == "BATCH_OVER"


def trigger_request() -> pb.CheckTriggerColumnsRequest:
    columns = trigger_columns([Portfolio(Pie((Slice("a", 1, Holding("S1", 5)),)))], [History(NOON)])
    policy = policy_message(Policy((Drift(Scope.SLICES, 1),)))
    return pb.CheckTriggerColumnsRequest(policy=policy, clock=timestamp(NOON), columns=trigger_columns_message(columns))


def decision_request() -> pb.DecideColumnsRequest:
    account = Account(1, 1, trades=(Traded("A", Side.BUY, NOON),))
    columns = decision_columns([(account, Asked(Kind.DEPOSIT, NOON), NOON)], M1_WINDOWS)
    return pb.DecideColumnsRequest(timetable=timetable_message(M1_WINDOWS), columns=decision_columns_message(columns))


@pytest.mark.parametrize("name", [field.name for field in pb.TriggerColumns.DESCRIPTOR.fields])
def test_trigger_columns_that_are_none(client: Client, name: str) -> None:
    request = trigger_request()
    client.day.check_trigger_columns(request)
    setattr(request.columns, name, bytes(7))
    with refused(f"columns.{name}", "NOT_A_COLUMN"):
        client.day.check_trigger_columns(request)
    setattr(request.columns, name, b"")
    with pytest.raises(grpc.RpcError) as caught:
        client.day.check_trigger_columns(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", [field.name for field in pb.DecisionColumns.DESCRIPTOR.fields])
def test_decision_columns_that_are_none(client: Client, name: str) -> None:
    request = decision_request()
    client.day.decide_columns(request)
    flag = len(getattr(request.columns, name)) == 1
    setattr(request.columns, name, b"\2" if flag else bytes(7))
    with refused(f"columns.{name}[0]" if flag else f"columns.{name}", "OUT_OF_RANGE" if flag else "NOT_A_COLUMN"):
        client.day.decide_columns(request)
    setattr(request.columns, name, b"")
    with pytest.raises(grpc.RpcError) as caught:
        client.day.decide_columns(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("kind", 0, "UNKNOWN_ENUM"),
        ("kind", 9, "UNKNOWN_ENUM"),
        ("trade_side", 0, "UNKNOWN_ENUM"),
        ("trade_side", 3, "UNKNOWN_ENUM"),
        ("cash", -1, "OUT_OF_RANGE"),
        ("clock_us", 0, "OUT_OF_RANGE"),
        ("asked_us", 2_000_000_000_000_000, "CLOCK_RUNS_BACKWARDS"),
    ],
)
def test_decision_columns_with_a_wrong_entry(client: Client, name: str, number: int, reason: str) -> None:
    request = decision_request()
    setattr(request.columns, name, np.array([number], dtype="<i8").tobytes())
    with refused(f"columns.{name}[0]", reason):
        client.day.decide_columns(request)


def test_a_call_given_up_frees_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Books of many accounts are looked at one by one; between two of them the worker sees that nobody waits."""
    from server import trading, trading_answers  # the table is looked up at every call

    seen, entered = [], threading.Event()

    def slow(data: bytes, deadline: float | None, budget, started: float) -> pb.FollowUpdatesResponse:
        entered.set()
        for k, _ in trading_answers._several([pb.NextUpdate()] * 1000, "updates", budget):
            seen.append(k)
            time.sleep(0.01)
        return pb.FollowUpdatesResponse()

    monkeypatch.setitem(trading.UNARY, "FollowUpdates", slow)
    with served(workers=1, queue=0) as address, Client(address) as client:
        call = client.channel.unary_unary(SERVICE + "FollowUpdates").future(b"", timeout=20)
        assert entered.wait(5)
        call.cancel()
        once_free(lambda: client.day.check_trigger_columns(trigger_request()))
    assert len(seen) < 1000
