"""The service: bytes in, a solve on a worker thread, bytes out. The event loop never waits for a solve.

Admission is bounded: ``workers`` solve at once, ``queue`` more wait, and the next call is shed with
RESOURCE_EXHAUSTED. A cancelled call cancels its budget, which stops HiGHS and the prover and frees the worker. A batch
is one call: it keeps as many solves under way as there are workers, and not one more until somebody reads its answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import structlog
from google.protobuf.message import Message

from server.answers import MAX_BATCH, answer_compare, answer_plan, read_batch
from server.conversion import ENGINES, MAX_REQUEST_BYTES, parse
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import BatchOver, Overloaded, status_of
from solver import SOLVER_VERSION, Budget, available
from solver.events import MAX_EVENTS
from solver.money import MAX_MONEY
from solver.portfolio import MAX_DEPTH, MAX_SLICES

__all__ = ["SERVICE_NAME", "AllocationService"]

SERVICE_NAME = "piewise.v1.AllocationService"
WRITE_SECONDS = 5.0  # beyond a batch's time, for a caller who reads slowly

log = structlog.get_logger()

Answer = Callable[[bytes, float | None, Budget, float], Message]


class AllocationService:
    """The methods of ``piewise.v1.AllocationService`` on raw bytes."""

    def __init__(self, workers: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="solve")
        self._workers, self._capacity = workers, workers + queue
        self._admitted = 0
        self._lock = threading.Lock()

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a grpc.aio server registers; without serializers, since ``parse`` does that better."""
        unary = {"Plan": self.plan, "Compare": self.compare, "GetServiceInfo": self.get_service_info}
        methods = {name: grpc.unary_unary_rpc_method_handler(_guarded(method)) for name, method in unary.items()}
        methods["BatchPlan"] = grpc.unary_stream_rpc_method_handler(_guarded(self.batch_plan))
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    def close(self) -> None:
        """Let the workers go once they are done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def plan(self, data: bytes, context: grpc.aio.ServicerContext) -> Message:
        """Plan: see the contract."""
        return await self._solved(answer_plan, data, context)

    async def compare(self, data: bytes, context: grpc.aio.ServicerContext) -> Message:
        """Compare: see the contract."""
        return await self._solved(answer_compare, data, context)

    async def batch_plan(self, data: bytes, context: grpc.aio.ServicerContext) -> None:
        """BatchPlan: see the contract."""
        started, deadline = _clock(context)
        self._admit()
        running: deque[tuple[Budget, Future[Message]]] = deque()
        try:
            batch = await asyncio.wrap_future(self._pool.submit(read_batch, data, deadline, started))
            waiting = deque(batch.requests)
            async with asyncio.timeout(batch.deadline - time.monotonic() + WRITE_SECONDS):
                for index in range(len(batch.requests)):
                    while waiting and len(running) < self._workers:
                        budget = Budget()
                        item = self._pool.submit(_item, waiting.popleft(), batch.deadline, budget)
                        running.append((budget, item))
                    response = await _result(index, running[0][1])
                    running.popleft()
                    await context.write(response.SerializeToString(deterministic=True))
        except TimeoutError as error:
            raise BatchOver("nobody read the answers in time; read the stream as it comes") from error
        finally:
            for budget, item in running:
                budget.cancel()
                item.cancel()
            self._release()

    async def get_service_info(self, data: bytes, context: grpc.aio.ServicerContext) -> Message:
        """GetServiceInfo: see the contract."""
        parse(pb.GetServiceInfoRequest, data)
        return pb.GetServiceInfoResponse(
            solver_version=SOLVER_VERSION,
            engines=[pb.Engine.Name(number) for number, engine in ENGINES.items() if number and available(engine)],
            max_slices=MAX_SLICES,
            max_depth=MAX_DEPTH,
            max_batch=MAX_BATCH,
            max_request_bytes=MAX_REQUEST_BYTES,
            max_money=MAX_MONEY,
            max_events=MAX_EVENTS,
        )

    async def _solved(self, answer: Answer, data: bytes, context: grpc.aio.ServicerContext) -> Message:
        """``answer`` on a worker; its place is free again once the worker is, also where nobody waits any more."""
        started, deadline = _clock(context)
        budget = Budget()
        self._admit()
        future = self._pool.submit(answer, data, deadline, budget, started)
        future.add_done_callback(self._release)
        try:
            return await asyncio.wrap_future(future)
        finally:
            budget.cancel()  # a no-op unless the call was cancelled while its solve goes on

    def _admit(self) -> None:
        with self._lock:
            if self._admitted >= self._capacity:
                raise Overloaded(f"{self._admitted} calls are under way or waiting, and no more are taken; try again")
            self._admitted += 1

    def _release(self, _: Future[Message] | None = None) -> None:
        """Runs in the worker's thread, and after the loop has closed, too."""
        with self._lock:
            self._admitted -= 1


def _clock(context: grpc.aio.ServicerContext) -> tuple[float, float | None]:
    """Now, and the caller's deadline, both by ``time.monotonic``."""
    started, remaining = time.monotonic(), context.time_remaining()
    return started, None if remaining is None else started + remaining


def _item(data: bytes, deadline: float, budget: Budget) -> Message:
    """One request of a batch, on a worker."""
    started = time.monotonic()
    if started >= deadline:
        raise BatchOver("the batch's time was over before this account came up; send it again")
    return answer_plan(data, deadline, budget, started)


async def _result(index: int, future: Future[Message]) -> pb.BatchPlanResponse:
    """What became of one request: its response, or its error as a value."""
    written = pb.BatchPlanResponse(index=index)
    try:
        response = await asyncio.wrap_future(future)
        assert isinstance(response, pb.PlanResponse)
        written.response.CopyFrom(response)
    except Exception as error:
        code, status = status_of(error)
        if code is grpc.StatusCode.INTERNAL:
            _log_failure("batch_plan", error)
        written.error.ParseFromString(status.SerializeToString())
    return written


Method = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[Message | None]]


def _guarded(method: Method) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes | None]]:
    """``method`` with its errors as rich statuses, by the one table in ``status.py``, and its answer as bytes."""

    async def call(data: bytes, context: grpc.aio.ServicerContext) -> bytes | None:
        try:
            answer = await method(data, context)
            return None if answer is None else answer.SerializeToString(deterministic=True)
        except Exception as error:
            code, status = status_of(error)
            if code is grpc.StatusCode.INTERNAL:
                _log_failure(method.__name__, error)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            await context.abort(code, status.message)
            raise AssertionError("abort returns never") from error

    return call


def _log_failure(method: str, error: Exception) -> None:
    """Log a bug as plain text: a traceback with its local variables would put whole accounts into the log."""
    with contextlib.suppress(OSError, ValueError):  # a log that nobody reads any more must not change the answer
        log.error("call failed", method=method, exception="".join(traceback.format_exception(error)))
