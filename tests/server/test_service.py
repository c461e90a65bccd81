"""How the service behaves under load and on its way up and down: shedding, cancelling, time, health, reflection, drain."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from server import answers, main, service
from server.client import CHANNEL_OPTIONS, Client, server_process
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Budget, Deposit, Holding, Infeasible, Pie, Portfolio, Slice
from tests.server.serving import METHOD, details_of, served

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


class Blocked:
    """Stands in for ``answer_plan``: holds its worker until it is released, or its budget is cancelled."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()
        self.freed: list[float] = []

    def __call__(self, data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.PlanResponse:
        self.entered.release()
        while not budget.cancelled and not self.release.wait(0.002):
            pass
        self.freed.append(time.monotonic())
        return pb.PlanResponse()

    def __enter__(self) -> Blocked:
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Blocked]:
    with Blocked() as stand_in:
        monkeypatch.setattr(service, "answer_plan", stand_in)
        yield stand_in


def eventually(holds, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.005)
    return False


def test_sheds_what_it_can_not_hold(blocked: Blocked) -> None:
    """One worker and a queue of two hold three calls; the fourth is shed, at once; afterwards all three are answered."""
    with served(workers=1, queue=2) as address, Client(address) as client:
        call = client.channel.unary_unary(METHOD)
        data = example("deposit").SerializeToString()
        held = [call.future(data, timeout=20) for _ in range(3)]
        assert blocked.entered.acquire(timeout=5)
        time.sleep(0.2)  # let the other two reach the queue
        with pytest.raises(grpc.RpcError) as caught:
            client.plan(example("deposit"))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        info, _, retry = details_of(caught.value)
        assert info.reason == "OVERLOADED"
        assert retry.retry_delay.ToTimedelta().total_seconds() > 0
        assert client.info().solver_version  # what needs no worker is still answered
        blocked.release.set()
        assert [len(future.result(5)) for future in held] == [0, 0, 0]
        assert client.plan(example("deposit")) == pb.PlanResponse()


def test_nobody_waits_for_a_kernel_that_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is on disk, it is loaded before SERVING; half a minute of compiling goes on behind."""
    compiling, loaded = threading.Event(), []
    monkeypatch.setattr(main, "_warm_kernel", lambda: loaded.append(compiling.wait(0.3)))
    with served() as address, Client(address) as client:
        client.wait_until_serving()
        assert loaded == [False]
    monkeypatch.setattr(main, "KERNEL_SECONDS", 0.05)
    monkeypatch.setattr(main, "_warm_kernel", lambda: compiling.wait(30))
    with served() as address, Client(address) as client:
        client.wait_until_serving()
        assert client.plan(example("deposit")).plan.orders
        compiling.set()


def test_a_warm_server_has_the_kernel_at_hand_for_the_hard_plans_of_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = pytest.importorskip("solver.engines.kernel.engine", reason="the extra 'kernel' is not installed")
    monkeypatch.setattr(engine, "_ran", threading.Event())
    main._answer_once(pb.ENGINE_KERNEL)
    assert not engine.prepared()  # the short way is compiled by itself
    main._warm_kernel()
    assert engine.prepared()


def test_a_cancelled_call_frees_its_worker(blocked: Blocked) -> None:
    """It does, each time; how soon (100 ms are wanted) is printed, since the machine may be busy with something else."""
    with served(workers=1, queue=0) as address, Client(address) as client:
        call = client.channel.unary_unary(METHOD)
        delays = []
        for round_ in range(1, 6):
            running = call.future(b"", timeout=20)
            assert blocked.entered.acquire(timeout=5)
            cancelled_at = time.monotonic()
            running.cancel()
            assert eventually(lambda round_=round_: len(blocked.freed) == round_)
            delays.append(blocked.freed[-1] - cancelled_at)
            time.sleep(0.05)  # the place is given back just after the worker is
        print(f"freed after {1e3 * statistics.median(delays):.0f} ms (median)")
        blocked.release.set()
        assert client.plan(example("deposit")) == pb.PlanResponse()


def test_a_cancelled_call_leaves_the_queue(blocked: Blocked) -> None:
    """A call that was given up while it waited never gets a worker, and its place goes to another."""
    with served(workers=1, queue=1) as address, Client(address) as client:
        call = client.channel.unary_unary(METHOD)
        running = call.future(b"", timeout=20)
        assert blocked.entered.acquire(timeout=5)
        for _ in range(5):  # more than the queue holds
            waiting = call.future(b"", timeout=20)
            time.sleep(0.1)
            assert not waiting.done()
            waiting.cancel()
            time.sleep(0.1)
        blocked.release.set()
        running.result(5)
        assert len(blocked.freed) == 1


@pytest.mark.parametrize("after", [0.1, 0.5, 1.0])
def test_a_cancelled_hard_solve_frees_its_worker(after: float) -> None:
    """The same with the real solver, wherever in its work it is: the only worker soon serves another call."""
    with served(workers=1, queue=1) as address, Client(address) as client:
        hard = client.channel.unary_unary(METHOD).future(hard_request().SerializeToString(), timeout=30)
        time.sleep(after)
        assert not hard.done()
        hard.cancel()
        started = time.monotonic()
        assert client.plan(example("minimum"), timeout=10).HasField("plan")
        taken = time.monotonic() - started
        print(f"cancelled after {after} s, the worker served another call in {1e3 * taken:.0f} ms (100 are wanted)")


def test_a_plan_with_its_gap_before_a_short_deadline() -> None:
    """Seconds of work and 300 ms: the best plan so far comes in time, with what is known of its distance to the best.

    On a machine with other work a process may well sleep for that long, so the deadline is moved until a plan comes.
    """
    with served(workers=1) as address, Client(address) as client:
        client.plan(example("minimum"))
        answer = None
        for deadline in (0.3, 0.3, 0.3, 0.6, 1.2, 2.4):
            with contextlib.suppress(grpc.RpcError):
                answer = client.plan(hard_request(), timeout=deadline)
                break
    print(f"answered before a deadline of {deadline} s")
    assert answer is not None
    found = answer.plan.certificate
    assert (found.quality, found.limit) == (pb.QUALITY_FEASIBLE, pb.LIMIT_TIME)
    assert 0 <= found.lower_bound < found.tracking_error
    assert answer.plan.orders


def test_a_deadline_passed_frees_its_worker(blocked: Blocked) -> None:
    with served(workers=1, queue=0) as address, Client(address) as client:
        with pytest.raises(grpc.RpcError) as caught:
            client.plan(example("deposit"), timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert eventually(lambda: len(blocked.freed) == 1)


@pytest.mark.parametrize(
    ("asked", "timeout", "least", "most"),
    [
        (None, None, 3.5, 5.0),  # the default
        (None, 60.0, 3.5, 5.0),
        (2.0, 60.0, 0.5, 2.0),  # what was asked
        (60.0, None, 58.0, 60.0),
        (60.0, 2.0, 0.5, 1.8),  # the deadline less 10 %
        (None, 0.4, 0.0, 0.35),  # the deadline less 50 ms
    ],
)
def test_time_limit(
    monkeypatch: pytest.MonkeyPatch, asked: float | None, timeout: float | None, least: float, most: float
) -> None:
    seen = []

    def fake(*arguments: object) -> Infeasible:
        budget = arguments[4]
        assert isinstance(budget, Budget)
        seen.append(budget.seconds_left())
        return Infeasible("OUT_OF_TIME", ())

    with served() as address, Client(address) as client:
        monkeypatch.setattr(answers, "plan", fake)
        request = example("deposit")
        if asked is not None:
            request.options.time_limit.FromNanoseconds(int(asked * 1e9))
        client.plan(request, timeout=timeout)
    assert least < seen[0] <= most + 0.05  # the wire rounds deadlines up


def test_work_limit_reaches_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def fake(*arguments: object) -> Infeasible:
        seen.append(arguments[4].work_limit)
        return Infeasible("OUT_OF_TIME", ())

    monkeypatch.setattr(answers, "plan", fake)
    request = example("deposit")
    for limit in (0, 7):
        request.options.work_limit = limit
        answers.answer_plan(request.SerializeToString(), None, Budget(), time.monotonic())
    assert seen == [Budget().work_limit, 7]


def hard_request() -> pb.PlanRequest:
    """Near-equal slices in nested pies under a minimum, through HiGHS: more work than any limit here allows."""
    pies = []
    for p in range(20):
        leaves = (Slice(f"s{p}.{i}", 490 + (7 * i + p) % 21, Holding(f"S{p}.{i}")) for i in range(100))
        pies.append(Slice(f"p{p}", 490 + p % 21, Pie(tuple(leaves))))
    return plan_request(Portfolio(Pie(tuple(pies))), Deposit(100_050), 500, view=pb.VIEW_ORDERS, engine=pb.ENGINE_HIGHS)


def test_others_are_served_while_one_is_hard() -> None:
    """A hard solve holds a worker, never the loop: the others' answers come in between."""
    with served(workers=2) as address, Client(address) as client:
        hard = client.channel.unary_unary(METHOD).future(hard_request().SerializeToString(), timeout=30)
        done = 0
        while not hard.done() and done < 20:
            assert client.plan(example("minimum"), timeout=5).HasField("plan")
            done += 1
        assert done >= 2
        hard.cancel()
        with ThreadPoolExecutor(2) as pool:  # both workers are there again
            answers = [pool.submit(client.plan, example("deposit"), 5) for _ in range(2)]
            assert all(answer.result().HasField("plan") for answer in answers)


def test_health_says_serving_only_once_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    warm = threading.Event()
    monkeypatch.setattr(main, "_warm_up", lambda: warm.wait(10))

    async def start_and_stop() -> None:
        server, _ = await main.create_server(f"127.0.0.1:{port}")
        await asyncio.sleep(0.5)
        await server.stop(0)

    thread = threading.Thread(target=asyncio.run, args=(start_and_stop(),))
    thread.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for name in ("", service.SERVICE_NAME):
                asked = health_pb2.HealthCheckRequest(service=name)
                assert stub.Check(asked, timeout=5, wait_for_ready=True).status == NOT_SERVING
            states = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
            assert next(states).status == NOT_SERVING
            warm.set()
            assert next(states).status == SERVING
    finally:
        warm.set()
        thread.join(10)


def test_reflection_tells_the_contract() -> None:
    with served() as address, grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=service.SERVICE_NAME),
        ]
        listed, described = list(stub.ServerReflectionInfo(iter(asked), timeout=5))
    names = {found.name for found in listed.list_services_response.service}
    assert {service.SERVICE_NAME, "grpc.health.v1.Health"} <= names
    files = [FileDescriptorProto.FromString(f) for f in described.file_descriptor_response.file_descriptor_proto]
    methods = {method.name for file in files for kind in file.service for method in kind.method}
    assert {"Plan", "GetServiceInfo"} <= methods


def test_drains() -> None:
    """After SIGTERM health says NOT_SERVING, the call under way gets its answer, and the process ends with 0."""
    with server_process() as (address, process), Client(address) as client:
        states = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(states).status == SERVING
        under_way = client.channel.unary_unary(METHOD).future(hard_request().SerializeToString(), timeout=30)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert next(states).status == NOT_SERVING
        states.cancel()
        response = pb.PlanResponse.FromString(under_way.result(20))
        assert response.WhichOneof("outcome")
        assert process.wait(15) == 0


COMPILING = """
import atexit, sys, threading
from server import cli, main
main.KERNEL_SECONDS, main._warm_kernel = 0.05, lambda: threading.Event().wait(60)
atexit.register(print, "the interpreter was taken down")
sys.argv = ["piewise", "serve", "--address", "127.0.0.1:0"]
cli.app()
"""


def test_ends_in_good_order_while_the_kernel_compiles() -> None:
    """LLVM aborts where the interpreter is taken down under it; and a signal counts from the first line on."""
    with subprocess.Popen([sys.executable, "-c", COMPILING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert process.stdout.read() == ""


def test_where_it_can_not_listen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="can not listen"):
            asyncio.run(main.create_server(f"127.0.0.1:{taken.getsockname()[1]}"))
