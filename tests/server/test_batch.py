"""BatchPlan over a real channel: order, faults of single requests, limits, the end of time, callers who go away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from server import service
from server.answers import MAX_BATCH
from server.client import CHANNEL_OPTIONS, Client
from server.examples import example, realistic_account
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Budget, Deposit
from tests.server.serving import METHOD, details_of, served
from tests.server.test_service import eventually

BATCH = METHOD.replace("/Plan", "/BatchPlan")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as where:
        yield where


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address) as connected:
        yield connected


def deposits(count: int) -> list[pb.PlanRequest]:
    """As many accounts, told apart by their deposits."""
    requests = []
    for i in range(count):
        request = pb.PlanRequest()
        request.CopyFrom(example("minimum"))
        request.request_id = f"account {i}"
        request.events[0].deposit.amount = 5_000 + i
        requests.append(request)
    return requests


def without_times(response: pb.PlanResponse) -> bytes:
    copy = pb.PlanResponse()
    copy.CopyFrom(response)
    copy.ClearField("diagnostics")
    return copy.SerializeToString(deterministic=True)


def test_a_batch_is_its_plans_in_order(client: Client) -> None:
    requests = deposits(25)
    answers = list(client.batch(requests))
    assert [answer.index for answer in answers] == list(range(25))
    for request, answer in zip(requests, answers, strict=True):
        assert answer.response.request_id == request.request_id
        assert without_times(answer.response) == without_times(client.plan(request))


def test_one_bad_item_among_a_thousand(client: Client) -> None:
    requests = deposits(MAX_BATCH)
    requests[617].portfolio.root.slices[1].target_weight = -1
    answers = list(client.batch(requests))
    assert [answer.index for answer in answers] == list(range(MAX_BATCH))
    assert [answer.index for answer in answers if not answer.response.HasField("plan")] == [617]
    error = answers[617].error
    assert (error.code, bool(error.message)) == (grpc.StatusCode.INVALID_ARGUMENT.value[0], True)
    bad = BadRequest()
    assert error.details[1].Unpack(bad)
    assert [v.field for v in bad.field_violations] == ["portfolio.root.slices[1].target_weight"]
    assert Status.FromString(error.SerializeToString()).message == error.message  # google.rpc.Status, byte for byte


def test_an_unknown_field_is_one_items_fault(client: Client) -> None:
    """An instruction that this server does not know spoils its own account, and no other."""
    requests = deposits(3)
    requests[1].portfolio.MergeFromString(b"\xfa\x3f\x01x")
    kinds = [answer.WhichOneof("result") for answer in client.batch(requests)]
    assert kinds == ["response", "error", "response"]


def test_an_infeasible_item_is_a_response(client: Client) -> None:
    answers = list(client.batch([example("too-much"), example("deposit")]))
    assert [answer.response.WhichOneof("outcome") for answer in answers] == ["infeasible", "plan"]


@pytest.mark.parametrize(
    ("batch", "field", "reason"),
    [
        (pb.BatchPlanRequest(), "requests", "BATCH_SIZE"),
        (pb.BatchPlanRequest(requests=[pb.PlanRequest()] * (MAX_BATCH + 1)), "requests", "BATCH_SIZE"),
        (
            pb.BatchPlanRequest(requests=[pb.PlanRequest(request_id=name) for name in "abcb"]),
            "requests[3].request_id",
            "DUPLICATE_REQUEST_ID",
        ),
        (pb.BatchPlanRequest(requests=[example("deposit")], time_limit={"seconds": -1}), "time_limit", "OUT_OF_RANGE"),
    ],
    ids=["empty", "over the limit", "twice the same id", "negative time"],
)
def test_a_bad_batch(client: Client, batch: pb.BatchPlanRequest, field: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(client.channel.unary_stream(BATCH)(batch.SerializeToString(), timeout=10))
    info, bad, _ = details_of(caught.value)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (bad.field_violations[0].field, info.reason) == (field, reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xff", "MALFORMED_REQUEST"),
        (b"\xfa\x3f\x01x", "UNKNOWN_FIELD"),
        (b"\x12\x04\xfa\x3f\x01x", "UNKNOWN_FIELD"),
    ],
    ids=["garbage", "an unknown field", "an unknown field of the time limit"],
)
def test_bytes_that_are_no_batch(client: Client, data: bytes, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(client.channel.unary_stream(BATCH)(data, timeout=10))
    assert details_of(caught.value)[0].reason == reason


def test_no_ids_are_no_duplicates(client: Client) -> None:
    requests = deposits(3)
    for request in requests:
        request.request_id = ""
    assert [answer.WhichOneof("result") for answer in client.batch(requests)] == ["response"] * 3


def slow(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.PlanResponse:
    """A plan that takes 50 ms, or until it is cancelled."""
    end = time.monotonic() + 0.05
    while time.monotonic() < end and not budget.cancelled:
        time.sleep(0.002)
    return pb.PlanResponse(request_id=pb.PlanRequest.FromString(data).request_id)


def test_the_end_of_time_leaves_the_rest_to_the_caller(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was planned comes, and every other request says that it was not, within the time of the batch."""
    monkeypatch.setattr(service, "answer_plan", slow)
    batch = pb.BatchPlanRequest(requests=deposits(200))
    batch.time_limit.FromMilliseconds(600)
    stream = client.channel.unary_stream(BATCH, response_deserializer=pb.BatchPlanResponse.FromString)
    answers = list(stream(batch.SerializeToString(), timeout=20))
    assert [answer.index for answer in answers] == list(range(200))
    kinds = [answer.WhichOneof("result") for answer in answers]
    planned = kinds.index("error")
    assert 0 < planned < 100
    assert set(kinds[planned:]) == {"error"}
    assert {answer.error.code for answer in answers[planned:]} == {grpc.StatusCode.DEADLINE_EXCEEDED.value[0]}
    assert all(b"BATCH_OVER" in answer.error.details[0].value for answer in answers[planned:])


def test_the_callers_deadline_is_the_batchs_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """All answers are there before it, partial as they are, and no DEADLINE_EXCEEDED of the call."""
    monkeypatch.setattr(service, "answer_plan", slow)
    answers = list(client.batch(deposits(200), timeout=2.0))
    kinds = [answer.WhichOneof("result") for answer in answers]
    assert len(kinds) == 200
    assert {"response", "error"} == set(kinds)


class Counted:
    """Stands in for the solver: counts what it is given, and waits to be cancelled or let go."""

    def __init__(self) -> None:
        self.begun, self.cancelled, self.go_on = 0, 0, threading.Event()

    def __call__(self, data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.PlanResponse:
        self.begun += 1
        while not budget.cancelled and not self.go_on.wait(0.002):
            pass
        self.cancelled += budget.cancelled
        return pb.PlanResponse()


def test_cancelling_stops_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    monkeypatch.setattr(service, "answer_plan", counted)
    with served(workers=2, queue=0) as address, Client(address) as client:
        data = pb.BatchPlanRequest(requests=deposits(100)).SerializeToString()
        call = client.channel.unary_stream(BATCH)(data, timeout=30)
        assert eventually(lambda: counted.begun == 2)
        call.cancel()
        assert eventually(lambda: counted.cancelled == 2)
        counted.go_on.set()
        time.sleep(0.1)
        assert counted.begun == 2  # the other 98 never began
        assert client.plan(example("deposit"), timeout=10) == pb.PlanResponse()  # and the workers are there again


def test_a_caller_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream fills up, the server plans no further, and the call ends soon after its time: its place is free again."""
    begun = []

    def large(data: bytes, *_: object) -> pb.PlanResponse:
        begun.append(data)
        return pb.PlanResponse(request_id="x" * 200_000)

    monkeypatch.setattr(service, "answer_plan", large)
    monkeypatch.setattr(service, "WRITE_SECONDS", 0.3)
    with served(workers=1, queue=0) as address:
        batch = pb.BatchPlanRequest(requests=deposits(500))
        batch.time_limit.FromMilliseconds(500)
        with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            call = channel.unary_stream(BATCH)(batch.SerializeToString(), timeout=60)  # and never read
            assert eventually(lambda: begun)
            time.sleep(0.4)
            assert len(begun) < 400
            with Client(address) as other:
                assert eventually(lambda: served_again(other))
            assert len(begun) < 400
            assert details_of(read_at_last(call))[0].reason == "BATCH_OVER"


def served_again(client: Client) -> bool:
    with contextlib.suppress(grpc.RpcError):
        return bool(client.plan(example("deposit"), timeout=5).request_id)
    return False


def read_at_last(call: grpc.Call) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    return caught.value


def test_a_batch_is_one_call_to_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches on a server that holds two calls; the third is shed, with details as everywhere."""
    counted = Counted()
    monkeypatch.setattr(service, "answer_plan", counted)
    with served(workers=1, queue=1) as address, Client(address) as client:
        data = pb.BatchPlanRequest(requests=deposits(10)).SerializeToString()
        stream = client.channel.unary_stream(BATCH)
        held = [stream(data, timeout=30) for _ in range(2)]
        assert eventually(lambda: counted.begun >= 1)
        time.sleep(0.1)
        with pytest.raises(grpc.RpcError) as caught:
            list(client.batch(deposits(1)))
        assert details_of(caught.value)[0].reason == "OVERLOADED"
        counted.go_on.set()
        assert [len(list(call)) for call in held] == [10, 10]


def test_a_thousand_accounts_of_fifty_slices_reach_a_client_with_default_limits(address: str) -> None:
    one = plan_request(realistic_account(), Deposit(25_000), 100, view=pb.VIEW_NODES)
    batch = pb.BatchPlanRequest(requests=[one] * MAX_BATCH)
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        stream = channel.unary_stream(BATCH, response_deserializer=pb.BatchPlanResponse.FromString)
        answers = list(stream(batch.SerializeToString(), timeout=120))
    assert all(answer.response.plan.nodes for answer in answers)
    assert len(answers) == MAX_BATCH
