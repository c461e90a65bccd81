"""Every row of the table from error to gRPC code, over a real channel; and that an error always fits its trailers."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import grpc
import pytest
import structlog

from server import answers, service
from server.client import CHANNEL_OPTIONS, Client
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.main import READ_BYTES
from server.status import CODES, BatchOver, FingerprintMismatch, Overloaded, status_of
from solver import EngineUnavailable, InternalError, InvalidRequest, Unsupported, Violation
from tests.server.serving import METHOD, details_of, served

BAD = Violation("portfolio.cash", "NEGATIVE_AMOUNT", "is -1")
MISSING = Violation("events", "UNSUPPORTED", "has 2 events")
TRAILER_BYTES = 8_192  # gRPC's soft limit of metadata: beyond it a status may be dropped on the way

# class: (an error, gRPC's code, its reason)
ROWS = {
    Unsupported: (Unsupported((MISSING,)), grpc.StatusCode.INVALID_ARGUMENT, "UNSUPPORTED"),
    InvalidRequest: (InvalidRequest((BAD,)), grpc.StatusCode.INVALID_ARGUMENT, "NEGATIVE_AMOUNT"),
    EngineUnavailable: (EngineUnavailable("pip install it"), grpc.StatusCode.FAILED_PRECONDITION, "ENGINE_UNAVAILABLE"),
    Overloaded: (Overloaded("full"), grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    FingerprintMismatch: (FingerprintMismatch("other"), grpc.StatusCode.FAILED_PRECONDITION, "FINGERPRINT_MISMATCH"),
    BatchOver: (BatchOver("too late"), grpc.StatusCode.DEADLINE_EXCEEDED, "BATCH_OVER"),
    InternalError: (InternalError("secret"), grpc.StatusCode.INTERNAL, "INTERNAL"),
    Exception: (ZeroDivisionError("secret"), grpc.StatusCode.INTERNAL, "INTERNAL"),
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as where:
        yield where


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address) as connected:
        yield connected


def refusal(client: Client, request: pb.PlanRequest) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        client.plan(request)
    return caught.value


def test_every_row_is_tested() -> None:
    assert set(ROWS) == set(CODES)


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_row_over_the_channel(client: Client, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]) -> None:
    error, code, reason = ROWS[kind]

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(service, "answer_plan", fail)
    caught = refusal(client, example("deposit"))
    info, bad, retry = details_of(caught)
    assert (caught.code(), info.reason) == (code, reason)
    assert (bad is not None) == isinstance(error, InvalidRequest)
    assert (retry is not None) == isinstance(error, Overloaded)
    if bad is not None:
        assert info.metadata["violations"] == "1"
        assert bad.field_violations[0].field in caught.details()
    assert "secret" not in caught.details()


def test_several_reasons_have_a_common_one(client: Client) -> None:
    request = example("minimum")
    request.portfolio.cash = -1
    request.portfolio.currency_code = "dollars"
    info, bad, _ = details_of(refusal(client, request))
    assert info.reason == "INVALID_REQUEST"
    assert {v.reason for v in bad.field_violations} == {"NEGATIVE_AMOUNT", "INVALID_CURRENCY"}


def test_an_error_fits_its_trailers(client: Client) -> None:
    """Ten thousand slices with the same id, in letters that take three bytes here and nine in grpc-message."""
    request = pb.PlanRequest(events=[pb.Event(deposit=pb.Deposit(amount=5))])
    request.portfolio.currency_code, request.portfolio.cash = "USD", 0
    for i in range(10_000):
        content = pb.Holding(security_id=f"S{i}", value=1)
        request.portfolio.root.slices.add(slice_id="漢" * 21, target_weight=1, holding=content)
    caught = refusal(client, request)
    info, bad, _ = details_of(caught)
    assert info.reason == "DUPLICATE_SLICE_ID"
    assert info.metadata["violations"] == "9999"
    assert 1 <= len(bad.field_violations) <= 20
    assert bad.ByteSize() <= 4_096
    binary = len(dict(caught.trailing_metadata())["grpc-status-details-bin"])
    message = sum(1 if 32 <= byte < 127 else 3 for byte in caught.details().encode())
    assert binary * 4 / 3 + message + 200 < TRAILER_BYTES


def test_a_long_path_keeps_its_end() -> None:
    field = "portfolio.root" + ".slices[9999].pie" * 30 + ".target_weight"
    _, status = status_of(InvalidRequest((Violation(field, "R", "d"),)))
    text = status.details[1].value.decode("utf-8", "ignore")
    assert ".slices[9999].pie.target_weight" in text
    assert "portfolio.root.slices[9999]" in text


def test_a_request_too_large_says_what_is_allowed(client: Client) -> None:
    request = example("minimum")
    request.portfolio.version = "x" * (5 * 1024 * 1024)
    caught = refusal(client, request)
    info, _, _ = details_of(caught)
    assert (caught.code(), info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_TOO_LARGE")
    assert str(client.info().max_request_bytes) in caught.details()


def test_a_request_that_grpc_does_not_read_has_no_details(client: Client) -> None:
    """The limit of the transport, above which nothing of ours is asked."""
    request = example("minimum")
    request.portfolio.version = "x" * READ_BYTES
    caught = refusal(client, request)
    assert caught.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(caught.trailing_metadata() or ())


@pytest.mark.parametrize("field", ["request_id", "portfolio.portfolio_id", "portfolio.version", "events[0].event_id"])
def test_what_is_echoed_is_short(client: Client, field: str) -> None:
    """An event's id stands in every order part: a megabyte of it would come back ten thousand times."""
    request = example("minimum")
    owner = {"request_id": request, "events[0].event_id": request.events[0]}.get(field, request.portfolio)
    setattr(owner, field.rsplit(".", 1)[-1], "x" * 129)
    _, bad, _ = details_of(refusal(client, request))
    assert [(v.field, v.reason) for v in bad.field_violations] == [(field, "ID_TOO_LONG")]
    setattr(owner, field.rsplit(".", 1)[-1], "x" * 128)
    assert client.plan(request).HasField("plan")


UNKNOWN = b"\xfa\x3f\x01x"  # field 1023, of a newer caller


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (lambda r: r, "PlanRequest"),
        (lambda r: r.portfolio.root.slices[3].holding, "portfolio.root.slices[3].holding"),
        (lambda r: r.events[0].deposit, "events[0].deposit"),
        (lambda r: r.options.time_limit, "options.time_limit"),
    ],
)
def test_an_unknown_field_is_named(client: Client, place, field: str) -> None:
    request = example("minimum")
    request.options.time_limit.seconds = 2
    place(request).MergeFromString(UNKNOWN)
    info, bad, _ = details_of(refusal(client, request))
    assert info.reason == "UNKNOWN_FIELD"
    assert [v.field for v in bad.field_violations] == [field]
    assert "1023" in bad.field_violations[0].description


def test_two_million_unknown_fields(address: str) -> None:
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(METHOD)(b"\x78\x01" * 2_000_000, timeout=20)
    assert details_of(caught.value)[0].reason == "UNKNOWN_FIELD"


def test_the_log_of_a_bug_has_no_account(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(portfolio: object, *_: object) -> None:
        raise InternalError("a bug")

    monkeypatch.setattr(answers, "plan", fail)
    written = StringIO()
    monkeypatch.setattr(service, "log", structlog.wrap_logger(structlog.PrintLogger(written)))
    assert refusal(client, example("deposit")).code() is grpc.StatusCode.INTERNAL
    assert "InternalError: a bug" in written.getvalue()
    assert "AAPL" not in written.getvalue()


def test_a_log_that_can_not_be_written_changes_no_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = StringIO()
    closed.close()

    def fail(*_: object) -> None:
        raise InternalError("a bug")

    monkeypatch.setattr(answers, "plan", fail)
    monkeypatch.setattr(service, "log", structlog.wrap_logger(structlog.PrintLogger(closed)))
    caught = refusal(client, example("deposit"))
    assert (caught.code(), details_of(caught)[0].reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")


def test_get_service_info_parses_for_itself_too(address: str) -> None:
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(METHOD.replace("/Plan", "/GetServiceInfo"))(b"\xff\xff", timeout=5)
    assert details_of(caught.value)[0].reason == "MALFORMED_REQUEST"


def test_an_unknown_method_is_unimplemented(address: str) -> None:
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(METHOD.replace("/Plan", "/Guess"))(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
