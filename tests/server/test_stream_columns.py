"""StreamColumns over a real channel: order, flow, one bad request, idle and cancelled streams, admission."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from structlog.testing import capture_logs

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from server import service
from server.client import CHANNEL_OPTIONS, Client
from server.columns import columns_request, read_plans
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver.bulk import plan_columns
from tests.server.serving import METHOD, details_of, served
from tests.server.test_columns import COLUMNS, Held, deposits, equal
from tests.server.test_service import eventually

STREAM = METHOD.replace("/Plan", "/StreamColumns")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as connected:
        yield connected


def test_a_stream_is_its_requests_in_order(client: Client) -> None:
    """Large and small ones by turns, answered as each by itself."""
    books = [deposits(*(100 * i + a for a in range(1_000 if i % 3 == 0 else 3))) for i in range(1, 25)]
    requests = [columns_request(book, pb.VIEW_FULL, request_id=f"{i}") for i, book in enumerate(books)]
    answers = list(client.stream_columns(requests))
    assert [answer.request_id for answer in answers] == [f"{i}" for i in range(24)]
    for book, answer in zip(books, answers, strict=True):
        assert equal(read_plans(answer)[0], plan_columns(book).plans)


def test_a_stream_answers_before_the_next_request(client: Client) -> None:
    """A caller may wait for an answer before it sends more, and may send nothing at all."""
    answered = threading.Semaphore(0)

    def requests() -> Iterator[pb.PlanColumnsRequest]:
        for i in range(4):
            yield columns_request(deposits(1_000), request_id=f"{i}")
            assert answered.acquire(timeout=10)

    found = []
    for answer in client.stream_columns(requests(), timeout=30):
        found.append(answer.request_id)
        answered.release()
    assert found == ["0", "1", "2", "3"]
    assert list(client.stream_columns([], timeout=10)) == []


def test_a_bad_request_ends_the_stream_behind_the_answers_before_it(client: Client) -> None:
    good, bad = (columns_request(deposits(5), request_id=name) for name in ("good", "bad"))
    bad.cash = b"123"
    answers: list[str] = []
    with pytest.raises(grpc.RpcError) as caught:
        answers.extend(one.request_id for one in client.stream_columns([good, good, bad, good], timeout=30))
    assert answers == ["good", "good"]
    info, found, _ = details_of(caught.value)
    assert (caught.value.code(), info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "NOT_A_COLUMN")
    assert [v.field for v in found.field_violations] == ["requests[2].cash"]
    assert client.columns(good).request_id == "good"


def endless(data: bytes, sent: list[int]) -> Iterator[bytes]:
    while True:
        sent.append(1)
        yield data


def test_who_does_not_read_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers fill the way back; then no request is planned and none is taken, until the caller reads or time ends."""
    begun: list[int] = []

    def large(data: bytes, *_: object) -> bytes:
        begun.append(1)
        return pb.PlanColumnsResponse(trade=bytes(200_000)).SerializeToString()

    monkeypatch.setattr(service, "answer_columns", large)
    monkeypatch.setattr(service, "STREAM_SECONDS", 1.5)
    sent: list[int] = []
    data = pb.PlanColumnsRequest(value=bytes(200_000)).SerializeToString()
    with served(workers=2, queue=0) as address, grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        call = channel.stream_stream(STREAM)(endless(data, sent), timeout=60)
        assert eventually(lambda: begun)
        time.sleep(0.7)
        planned, taken = len(begun), len(sent)
        time.sleep(0.3)
        assert (len(begun), len(sent)) == (planned, taken)
        assert planned < 200
        assert taken < planned + 100
        for _ in range(planned + 20):  # a caller who reads goes on
            next(call)
        assert eventually(lambda: len(begun) > planned)
        time.sleep(2.5)  # and who stops for too long has lost the stream
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
        assert details_of(caught.value)[0].reason == "BATCH_OVER"
        with Client(address) as other:
            assert eventually(lambda: other.columns(pb.PlanColumnsRequest()).trade)


def test_a_stream_that_sends_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STREAM_SECONDS", 0.3)
    gone = threading.Event()

    def silent() -> Iterator[bytes]:
        yield columns_request(deposits(5)).SerializeToString()
        gone.wait(20)

    with served(workers=1, queue=0) as address, Client(address) as client:
        call = client.channel.stream_stream(STREAM)(silent(), timeout=30)
        assert next(call)
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        gone.set()
        assert details_of(caught.value)[0].reason == "BATCH_OVER"
        assert client.columns(columns_request(deposits(5))).quality


def test_cancelling_a_stream_stops_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    held, sent = Held(), list[int]()
    monkeypatch.setattr(service, "answer_columns", held)
    data, large = columns_request(deposits(5)).SerializeToString(), bytes(200_000)
    with served(workers=2, queue=0) as address, Client(address) as client:
        call = client.channel.stream_stream(STREAM)(endless(large, sent), timeout=30)
        assert eventually(lambda: held.begun == 2)
        time.sleep(0.7)
        taken = len(sent)
        time.sleep(0.3)
        assert len(sent) == taken  # the next lie on the way, and are not read before there is room
        call.cancel()
        assert eventually(lambda: held.cancelled == 2)
        held.go_on.set()
        time.sleep(0.1)
        assert held.begun == 2
        assert eventually(lambda: client.channel.unary_unary(COLUMNS)(data, timeout=10) == b"")


def test_who_hangs_up_on_an_answer_is_no_failure_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def large(data: bytes, *_: object) -> bytes:
        begun.append(1)
        return pb.PlanColumnsResponse(trade=bytes(200_000)).SerializeToString()

    monkeypatch.setattr(service, "answer_columns", large)
    data = pb.PlanColumnsRequest().SerializeToString()
    with capture_logs() as log, served(workers=2, queue=0) as address, Client(address) as client:
        call = client.channel.stream_stream(STREAM)(endless(data, []), timeout=60)
        assert eventually(lambda: begun)
        time.sleep(0.7)  # the way back is full
        call.cancel()
        assert eventually(lambda: client.channel.unary_unary(COLUMNS)(data, timeout=10))
    assert log == []


def test_calls_beyond_the_queue_are_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream counts as one, whatever it sends."""
    held = Held()
    monkeypatch.setattr(service, "answer_columns", held)
    data = columns_request(deposits(5)).SerializeToString()
    with served(workers=1, queue=1) as address, Client(address) as client:
        stream = client.channel.stream_stream(STREAM)(iter([data] * 5), timeout=30)
        assert eventually(lambda: held.begun == 1)
        waiting = client.channel.unary_unary(COLUMNS).future(data, timeout=30)
        time.sleep(0.2)
        with pytest.raises(grpc.RpcError) as caught:
            client.channel.unary_unary(COLUMNS)(data, timeout=10)
        assert details_of(caught.value)[0].reason == "OVERLOADED"
        held.go_on.set()
        assert len(list(stream)) == 5
        assert waiting.result() == b""
