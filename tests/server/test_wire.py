"""The wire, over a real channel: what is refused and how, views, determinism, cancellation, shedding, drain."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from server.client import CHANNEL_OPTIONS, Client, server_process
from server.examples import EXAMPLES, example, realistic_account
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from server.status import CODES, Overloaded, status_of
from solver import Deposit, EngineUnavailable, Holding, InternalError, InvalidRequest, Pie, Portfolio, Slice, Violation
from tests.server.spoiled import REFUSED, spoil_money

METHOD = "/piewise.v1.AllocationService/Plan"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server_process() as (where, _):
        yield where


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address) as connected:
        yield connected


def refused(address: str, data: bytes) -> tuple[grpc.StatusCode, ErrorInfo, BadRequest]:
    """Send raw bytes that must be refused; what came back."""
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(METHOD)(data, timeout=20)
    error = caught.value
    info, bad = ErrorInfo(), BadRequest()
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    assert info.domain == "piewise"
    return error.code(), info, bad


def changed(name: str = "minimum") -> pb.PlanRequest:
    return example(name)


@pytest.mark.parametrize(("spoil", "reason", "field"), REFUSED, ids=lambda v: getattr(v, "__name__", None))
def test_refused_by_field(address: str, spoil, reason: str, field: str) -> None:
    request = changed()
    spoil(request)
    code, info, bad = refused(address, request.SerializeToString())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert info.reason == reason
    assert field in [v.field for v in bad.field_violations]


def test_money_beyond_the_limit(address: str) -> None:
    request = changed()
    spoil_money(request)
    _, _, bad = refused(address, request.SerializeToString())
    assert "AMOUNT_TOO_LARGE" in [v.reason for v in bad.field_violations]


def test_unknown_field_deep_inside(address: str) -> None:
    request = changed()
    data = request.portfolio.root.slices[0].SerializeToString() + b"\xfa\x3f\x01x"  # field 1023, of a newer caller
    newer = pb.Slice.FromString(data)
    request.portfolio.root.slices[0].CopyFrom(newer)
    _, info, _ = refused(address, request.SerializeToString())
    assert info.reason == "UNKNOWN_FIELD"


@pytest.mark.parametrize("data", [b"\xff" * 40, b"garbage", b"\x12\xff\xff\xff\xff\x0f"])
def test_garbage(address: str, data: bytes) -> None:
    code, info, _ = refused(address, data)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert info.reason in ("MALFORMED_REQUEST", "UNKNOWN_FIELD")


@pytest.mark.parametrize("levels", [17, 100, 400])
def test_nested_too_deeply(address: str, levels: int) -> None:
    data = pb.Pie().SerializeToString()
    for _ in range(levels):
        inner = b"\x22" + _varint(len(data)) + data
        data = b"\x0a" + _varint(len(inner)) + inner
    portfolio = b"\x32" + _varint(len(data)) + data
    code, info, _ = refused(address, b"\x12" + _varint(len(portfolio)) + portfolio)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert info.reason in ("MALFORMED_REQUEST", "INVALID_REQUEST", "MISSING_FIELD")


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_ten_thousand_bad_slices(address: str) -> None:
    request = changed()
    for i in range(10_000):
        request.portfolio.root.slices.add(slice_id=f"bad{i}")
    code, info, bad = refused(address, request.SerializeToString())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(bad.field_violations) == 20
    assert int(info.metadata["violations"]) >= 10_000


def test_ten_thousand_slices_at_sixteen_levels(client: Client) -> None:
    names = iter(range(20_000))

    def pie(depth: int) -> Pie:
        leaves = tuple(Slice(f"s{(i := next(names))}", 1 + i % 7, Holding(f"S{i}", 1_000 + i)) for _ in range(620))
        below = () if depth == 16 else (Slice(f"p{depth}", 5, pie(depth + 1)),)
        return Pie(leaves + below)

    request = plan_request(Portfolio(pie(1), 0), Deposit(5_000_000), 0, view=pb.VIEW_ORDERS)
    response = client.plan(request, timeout=60)
    assert sum(order.amount for order in response.plan.orders) == 5_000_000
    assert response.plan.certificate.quality == pb.QUALITY_OPTIMAL


def test_infeasible_is_an_outcome(client: Client) -> None:
    response = client.plan(example("too-much"))
    assert response.infeasible.reason == "WITHDRAWAL_EXCEEDS_PORTFOLIO"
    assert response.infeasible.most_that_can_be_raised == 2_000


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n != "too-much"])
def test_equal_requests_get_equal_plans(client: Client, name: str) -> None:
    first, second = client.plan(example(name)), client.plan(example(name))
    assert first.plan.SerializeToString(deterministic=True) == second.plan.SerializeToString(deterministic=True)
    other = example(name)
    other.rules.min_trade += 1
    assert client.plan(other).plan.fingerprint != first.plan.fingerprint
    assert first.plan.certificate.quality == pb.QUALITY_OPTIMAL


def test_views(client: Client) -> None:
    request = example("liquidation")
    request.options.view = pb.VIEW_UNSPECIFIED
    orders = client.plan(request).plan
    request.options.view = pb.VIEW_NODES
    nodes = client.plan(request).plan
    request.options.view = pb.VIEW_FULL
    full = client.plan(request).plan
    assert not orders.nodes
    assert nodes.nodes
    assert not nodes.HasField("portfolio_after")
    assert not nodes.nodes[1].reasons[0].sentence
    assert full.nodes[1].reasons[0].sentence
    assert full.HasField("portfolio_after")


def test_the_time_of_the_values_is_echoed_and_checked(address: str, client: Client) -> None:
    request = example("deposit")
    request.portfolio.valued_at.FromJsonString("2026-11-20T21:00:00Z")
    request.options.view = pb.VIEW_FULL
    assert client.plan(request).plan.portfolio_after.valued_at == request.portfolio.valued_at
    request.portfolio.valued_at.nanos = -1
    _, _, bad = refused(address, request.SerializeToString())
    assert [v.field for v in bad.field_violations] == ["portfolio.valued_at"]


def test_validate_only_solves_nothing(client: Client) -> None:
    request = example("deposit")
    request.options.validate_only = True
    assert client.plan(request).WhichOneof("outcome") is None


def test_service_info(client: Client) -> None:
    info = client.info()
    assert (info.max_slices, info.max_depth, info.max_money) == (10_000, 16, 10**13)
    assert list(info.engines) == [number for number in pb.Engine.values() if number]  # the tests' install has them all
    assert (info.max_batch, info.max_request_bytes, info.max_events) == (1_000, 4 * 1024 * 1024, 100)


def test_many_calls_at_once(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        plans = list(pool.map(lambda _: client.plan(example("new-account")).plan, range(24)))
    assert len({plan.SerializeToString(deterministic=True) for plan in plans}) == 1


def test_drains_on_sigterm() -> None:
    """Calls under way finish; the process then ends by itself."""
    with server_process() as (where, process), Client(where) as connected:
        answers = []
        call = threading.Thread(target=lambda: answers.append(connected.plan(slow_request())))
        call.start()
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
        call.join(20)
        assert process.wait(20) == 0
        assert answers[0].WhichOneof("outcome")


def slow_request() -> pb.PlanRequest:
    """Two thousand near-equal slices in nested pies under a minimum: seconds of work."""
    pies = tuple(
        Slice(f"p{p}", 490 + p % 21, Pie(tuple(
            Slice(f"s{p}.{i}", 490 + (7 * i + p) % 21, Holding(f"S{p}.{i}")) for i in range(50)
        )))
        for p in range(40)
    )  # fmt: skip
    return plan_request(Portfolio(Pie(pies), 0), Deposit(400_050), 500, view=pb.VIEW_ORDERS, engine=pb.ENGINE_HIGHS)


def test_deadline_gets_a_plan_with_its_gap(client: Client) -> None:
    """300 ms for what takes longer: a feasible plan, or an honest word that time ran out; never DEADLINE_EXCEEDED."""
    started = time.monotonic()
    response = client.plan(slow_request(), timeout=3.0)
    taken = time.monotonic() - started
    assert taken < 3.0
    proof = response.plan.certificate
    assert response.WhichOneof("outcome")
    assert proof.lower_bound <= proof.tracking_error


def test_shedding_and_cancelling() -> None:
    """More calls than the server holds are shed with RESOURCE_EXHAUSTED; cancelled ones free their workers."""
    with server_process() as (where, _), Client(where) as connected:
        call = connected.channel.unary_unary(METHOD)
        data = slow_request().SerializeToString()
        flood = [call.future(data, timeout=30) for _ in range(80)]
        shed = None
        for future in flood:
            if future.done() or _within(future, 1.0):
                error = future.exception()
                if error is not None and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    shed = error
                    break
        for future in flood:
            future.cancel()
        assert shed is not None
        retry = RetryInfo()
        status = Status.FromString(dict(shed.trailing_metadata())["grpc-status-details-bin"])
        assert any(detail.Unpack(retry) for detail in status.details)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert connected.plan(example("deposit"), timeout=5).HasField("plan")
                return
            except grpc.RpcError:
                time.sleep(0.2)
        pytest.fail("the workers did not come back")


def _within(future: grpc.Future, seconds: float) -> bool:
    try:
        future.exception(timeout=seconds)
    except grpc.FutureTimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequest((Violation("f", "R", "d"),)), grpc.StatusCode.INVALID_ARGUMENT),
        (EngineUnavailable("install it"), grpc.StatusCode.FAILED_PRECONDITION),
        (Overloaded("later"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (InternalError("bug"), grpc.StatusCode.INTERNAL),
        (ZeroDivisionError(), grpc.StatusCode.INTERNAL),
    ],
)
def test_every_error_has_its_code(error: Exception, code: grpc.StatusCode) -> None:
    assert status_of(error)[0] is code
    assert status_of(error)[1].details
    assert any(isinstance(error, kind) for kind in CODES)


def test_realistic_account_is_what_it_says() -> None:
    account = realistic_account()
    assert len(account.root.slices) == 4
    assert sum(len(s.content.slices) for s in account.root.slices if isinstance(s.content, Pie)) == 20
