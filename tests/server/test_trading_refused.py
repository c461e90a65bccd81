"""What the trading day's service refuses: garbage, hostile sizes, and each bad input by its field; nothing is half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import grpc
import pytest
from google.protobuf.message import Message

from server.client import Client
from server.conversion import MAX_REQUEST_BYTES
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.trading import UNARY as ANSWERS
from solver import Budget, InvalidRequest
from solver.trading import sessions
from tests.server.serving import details_of, served
from tests.server.trading_spoiled import BAD, BOOKS, MAKERS, decision, filling, windows
from tests.server.trading_wire import SERVICE, UNARY, refused


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as connected:
        yield connected


def test_what_is_spoiled_below_is_fine_before(client: Client) -> None:
    for method, make in MAKERS.items():
        assert getattr(client.day, method)(make()).ByteSize()


@pytest.mark.parametrize("method", [*UNARY])
@pytest.mark.parametrize("data", [b"\xff" * 40, b"garbage", b"\x0a\xff\xff\xff\xff\x0f", b"\xfa\x3f\x01x"])
def test_garbage(client: Client, method: str, data: bytes) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.channel.unary_unary(SERVICE + method)(data, timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(caught.value)[0].reason in ("MALFORMED_REQUEST", "UNKNOWN_FIELD")


@pytest.mark.parametrize("method", UNARY)
def test_empty_and_too_large(client: Client, method: str) -> None:
    call = client.channel.unary_unary(SERVICE + method)
    for data, reason in ((b"", None), (bytes(MAX_REQUEST_BYTES + 1), "REQUEST_TOO_LARGE")):
        with pytest.raises(grpc.RpcError) as caught:
            call(data, timeout=20)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        info, bad, _ = details_of(caught.value)
        assert bad.field_violations
        assert reason in (None, info.reason)


def test_an_unknown_field_deep_inside(client: Client) -> None:
    request = filling()
    order = request.accounts[1].books.working[0].order
    order.MergeFromString(b"\xfa\x3f\x01x")
    with refused("accounts[1].books.working[0].order", "UNKNOWN_FIELD"):
        client.day.apply_fills(request)


@pytest.mark.parametrize(("method", "spoil", "field", "reason"), BAD, ids=[f"{b[0]}-{b[2]}-{b[3]}" for b in BAD])
def test_refused_by_field(client: Client, method: str, spoil, field: str | None, reason: str | None) -> None:
    request = MAKERS[method]()
    spoil(request)
    if field is None:
        assert getattr(client.day, method)(request)
        return
    with refused(field, reason):
        getattr(client.day, method)(request)


def books_spoiled(spoil: Callable[[pb.Books], object]) -> pb.ApplyFillsRequest:
    request = filling()
    spoil(request.accounts[1].books)
    return request


@pytest.mark.parametrize(("spoil", "field", "reason"), BOOKS, ids=[f"{b[1]}-{b[2]}" for b in BOOKS])
def test_books_that_do_not_add_up(client: Client, spoil, field: str, reason: str) -> None:
    twice = field == "working"  # 1 share in 6 is sold by one such order, so it takes more of them
    request = books_spoiled(lambda b: [spoil(b) for _ in range(12 if twice else 1)])
    with refused(f"accounts[1].books.{field}", reason):
        client.day.apply_fills(request)


def test_the_calendars_are_not_installed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "exchange_calendars", None)
    sessions._calendar.cache_clear()
    request = decision()
    windows(request, ("12:34", "13:33"))  # none that is kept
    with pytest.raises(grpc.RpcError) as caught:
        client.day.decide(request)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("method", MAKERS)
def test_anything_else_is_answered_or_refused(method: str) -> None:
    """Messages with numbers, texts and parts changed at random: an answer or one typed error, never anything else."""
    answer, random = ANSWERS[method.title().replace("_", "")], Random(method)
    answered = refusals = 0
    for _ in range(150):
        request = MAKERS[method]()
        for _ in range(random.randint(1, 3)):
            spoil_anything(request, random)
        try:
            answer(request.SerializeToString(), None, Budget(), 0.0)
            answered += 1
        except InvalidRequest:
            refusals += 1
    assert refusals > 20
    assert answered > 5


NUMBERS = [-(2**63), -1, 0, 1, 2, 10**4, 10**9, 10**13, 10**13 + 1, 2**31 - 1, 2**62, 2**63 - 1]
TEXTS = ["", "A", "B", "a", "ann", "mon/1", "x" * 200, "14:30", "UTC", "\x00", "é"]


def spoil_anything(message: Message, random: Random) -> None:
    """Change one field somewhere below."""
    while True:
        told = message.ListFields()
        if not told:
            return
        field, value = random.choice(told)
        if field.is_repeated and field.message_type and not field.message_type.GetOptions().map_entry:
            if random.random() < 0.1:
                del value[random.randrange(len(value))]
                return
            if random.random() < 0.1:
                value.add().CopyFrom(random.choice(list(value)))
                return
            message = random.choice(list(value))
            continue
        if field.message_type and not field.is_repeated:
            if random.random() < 0.05:
                message.ClearField(field.name)
                return
            message = value
            continue
        if field.is_repeated:
            message.ClearField(field.name)
        elif isinstance(value, bool):
            setattr(message, field.name, not value)
        elif isinstance(value, int):
            chosen = random.choice(NUMBERS)
            small = field.type in (field.TYPE_INT32, field.TYPE_ENUM)
            setattr(message, field.name, max(-(2**31), min(chosen, 2**31 - 1)) if small else chosen)
        elif isinstance(value, str):
            setattr(message, field.name, random.choice(TEXTS))
        else:
            setattr(message, field.name, random.choice([0.0, -1.0, float("inf"), float("nan")]))
        return
