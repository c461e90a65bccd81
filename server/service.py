"""The service: bytes in, a solve on a worker thread, bytes out. The event loop never waits for a solve.

Admission is bounded: ``workers`` solve at once, ``queue`` more wait, and the next call is shed with
RESOURCE_EXHAUSTED. A cancelled call cancels its budget, which stops HiGHS and the prover and frees the worker. A batch
is one call: it keeps as many solves under way as there are workers, and not one more until somebody reads its answers.
A stream of columns is one call as well, and reads no further than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.message import Message

from server.answers import MAX_BATCH, answer_at_once, answer_compare, answer_plan, read_batch
from server.bulk import answer_columns
from server.columns import MAX_COLUMN_ACCOUNTS, MAX_COLUMN_ROWS
from server.conversion import ENGINES, MAX_REQUEST_BYTES, parse
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.shadow import Shadow
from server.status import BatchOver, Overloaded, status_of
from server.windows import MAX_FILLS, MAX_ORDERS, MAX_SECURITIES
from solver import SOLVER_VERSION, Budget, InvalidRequest, available
from solver.events import MAX_EVENTS
from solver.money import MAX_MONEY
from solver.portfolio import MAX_DEPTH, MAX_SLICES

__all__ = ["SERVICE_NAME", "STREAM_SECONDS", "AllocationService", "Answer", "guarded"]

SERVICE_NAME = "piewise.v1.AllocationService"
WRITE_SECONDS = 5.0  # beyond a batch's time, for a caller who reads slowly
STREAM_SECONDS = 60.0  # for a caller of a stream to send more, or to read what is there

log = structlog.get_logger()

Answered = Message | bytes
Answer = Callable[[bytes, float | None, Budget, float], Answered]
Result = TypeVar("Result")


class AllocationService:
    """The methods of ``piewise.v1.AllocationService`` on raw bytes."""

    def __init__(self, workers: int, queue: int, shadow: Shadow) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="solve")
        self._workers, self._capacity = workers, workers + queue
        self._admitted = self._busy = 0
        self._lock = threading.Lock()
        self._shadow = shadow
        shadow.begin(idle=lambda: not self._busy)

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a grpc.aio server registers; without serializers, since ``parse`` does that better."""
        unary = {"Plan": self.plan, "Compare": self.compare, "GetServiceInfo": self.get_service_info}
        unary["PlanColumns"] = self.plan_columns
        methods = {name: grpc.unary_unary_rpc_method_handler(guarded(method)) for name, method in unary.items()}
        methods["BatchPlan"] = grpc.unary_stream_rpc_method_handler(guarded(self.batch_plan))
        methods["StreamColumns"] = grpc.stream_stream_rpc_method_handler(guarded(self.stream_columns))
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    def close(self) -> None:
        """Let the workers go once they are done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def plan(self, data: bytes, context: grpc.aio.ServicerContext) -> Answered:
        """Plan: see the contract. What the kernel has in less time than it takes to reach a worker waits for none."""
        started, deadline = _clock(context)
        response = answer_at_once(data, deadline, started)
        if response is None:
            return await self.solved(self._plan, data, context)
        self._shadow.offer_plan(data, response)
        return response

    async def compare(self, data: bytes, context: grpc.aio.ServicerContext) -> Answered:
        """Compare: see the contract."""
        return await self.solved(answer_compare, data, context)

    async def plan_columns(self, data: bytes, context: grpc.aio.ServicerContext) -> Answered:
        """PlanColumns: see the contract."""
        return await self.solved(self._columns, data, context)

    async def stream_columns(self, _: object, context: grpc.aio.ServicerContext) -> None:
        """StreamColumns: see the contract."""
        self.admit()
        stream = _Stream(context, self._workers)
        try:
            async for data, started, deadline in stream.requests():
                budget = Budget()
                answer = asyncio.wrap_future(self.submit(self._columns, data, deadline, budget, started))
                stream.running.append((budget, answer))
        finally:
            stream.end()
            self.release()

    async def batch_plan(self, data: bytes, context: grpc.aio.ServicerContext) -> None:
        """BatchPlan: see the contract."""
        started, deadline = _clock(context)
        self.admit()
        running: deque[tuple[Budget, Future[Message]]] = deque()
        try:
            batch = await asyncio.wrap_future(self.submit(read_batch, data, deadline, started))
            waiting = deque(batch.requests)
            async with asyncio.timeout(batch.deadline - time.monotonic() + WRITE_SECONDS):
                for index in range(len(batch.requests)):
                    while waiting and len(running) < self._workers:
                        budget = Budget()
                        item = self.submit(self._item, waiting.popleft(), batch.deadline, budget)
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
            self.release()

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
            max_column_accounts=MAX_COLUMN_ACCOUNTS,
            max_column_rows=MAX_COLUMN_ROWS,
            max_window_orders=MAX_ORDERS,
            max_window_securities=MAX_SECURITIES,
            max_window_fills=MAX_FILLS,
            shadow=pb.Shadow(share=self._shadow.share, **asdict(self._shadow.counts)),
        )

    def _plan(self, data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.PlanResponse:
        response = answer_plan(data, deadline, budget, started)
        self._shadow.offer_plan(data, response)
        return response

    def _columns(self, data: bytes, deadline: float | None, budget: Budget, started: float) -> bytes:
        return answer_columns(data, deadline, budget, started, self._shadow.offer_columns)

    def _item(self, data: bytes, deadline: float, budget: Budget) -> Message:
        """One request of a batch, on a worker."""
        started = time.monotonic()
        if started >= deadline:
            raise BatchOver("the batch's time was over before this account came up; send it again")
        return self._plan(data, deadline, budget, started)

    async def solved(self, answer: Answer, data: bytes, context: grpc.aio.ServicerContext) -> Answered:
        """``answer`` on a worker; its place is free again once the worker is, also where nobody waits any more."""
        started, deadline = _clock(context)
        budget = Budget()
        self.admit()
        future = self.submit(answer, data, deadline, budget, started)
        future.add_done_callback(self.release)
        try:
            return await asyncio.wrap_future(future)
        finally:
            budget.cancel()  # a no-op unless the call was cancelled while its solve goes on

    def submit(self, work: Callable[..., Result], *told: Any) -> Future[Result]:
        """``work`` on a worker; until it is done, somebody waits for it."""
        with self._lock:
            self._busy += 1
        future = self._pool.submit(work, *told)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self._busy -= 1

    def admit(self) -> None:
        """Take one more call, or raise ``Overloaded``."""
        with self._lock:
            if self._admitted >= self._capacity:
                raise Overloaded(f"{self._admitted} calls are under way or waiting, and no more are taken; try again")
            self._admitted += 1

    def release(self, _: Future[Any] | None = None) -> None:
        """Give a call's place back; runs in the worker's thread, and after the loop has closed, too."""
        with self._lock:
            self._admitted -= 1


def _clock(context: grpc.aio.ServicerContext) -> tuple[float, float | None]:
    """Now, and the caller's deadline, both by ``time.monotonic``."""
    started, remaining = time.monotonic(), context.time_remaining()
    return started, None if remaining is None else started + remaining


class _Stream:
    """One stream of requests: what is under way, at most ``most``, in order; the rest stays with the caller."""

    def __init__(self, context: grpc.aio.ServicerContext, most: int) -> None:
        self.running: deque[tuple[Budget, asyncio.Future[bytes]]] = deque()
        self._context, self._most = context, most
        self._reading: asyncio.Task[bytes] | None = None
        self._answered = 0

    async def requests(self) -> AsyncIterator[tuple[bytes, float, float | None]]:
        """The requests as there is room for them, with their clocks; meanwhile what is answered is written."""
        more = True
        while more or self.running:
            if more and not self._reading and len(self.running) < self._most:
                self._reading = asyncio.ensure_future(self._context.read())
            first = self.running[0][1] if self.running else None
            waited = [one for one in (self._reading, first) if one]
            # a solve has a limit of its own
            await asyncio.wait(waited, timeout=None if first else STREAM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not any(one.done() for one in waited):
                raise BatchOver("nothing was sent for too long; end a stream that has had all its requests")
            if first and first.done():
                await self._write(first)
            if self._reading and self._reading.done():
                data, self._reading = self._reading.result(), None
                more = data is not grpc.aio.EOF
                if more:
                    yield data, *_clock(self._context)

    async def _write(self, first: asyncio.Future[bytes]) -> None:
        try:
            answer = first.result()
        except InvalidRequest as error:
            at = f"requests[{self._answered}]"
            raise type(error)(tuple(replace(v, field=f"{at}.{v.field}") for v in error.violations)) from error
        try:
            async with asyncio.timeout(STREAM_SECONDS):
                await self._context.write(answer)
        except TimeoutError as error:
            raise BatchOver("nobody read the answers in time; read the stream as it comes") from error
        self.running.popleft()
        self._answered += 1

    def end(self) -> None:
        """Stop what is under way, where the caller is gone or the stream is at fault."""
        for budget, answer in self.running:
            budget.cancel()
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # looked at, or asyncio would report it as forgotten
        if self._reading:
            self._reading.cancel()


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


Method = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Answered | None]]


def guarded(method: Method) -> Callable[[Any, grpc.aio.ServicerContext], Awaitable[bytes | None]]:
    """``method`` with its errors as rich statuses, by the one table in ``status.py``, and its answer as bytes."""

    async def call(data: Any, context: grpc.aio.ServicerContext) -> bytes | None:
        try:
            answer = await method(data, context)
            return answer.SerializeToString(deterministic=True) if isinstance(answer, Message) else answer
        except Exception as error:
            code, status = status_of(error)
            # that an answer could not be written means that its caller hung up
            if code is grpc.StatusCode.INTERNAL and not isinstance(error, grpc.aio.InternalError):
                _log_failure(method.__name__, error)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            await context.abort(code, status.message)
            raise AssertionError("abort returns never") from error

    return call


def _log_failure(method: str, error: Exception) -> None:
    """Log a bug as plain text: a traceback with its local variables would put whole accounts into the log."""
    with contextlib.suppress(OSError, ValueError):  # a log that nobody reads any more must not change the answer
        log.error("call failed", method=method, exception="".join(traceback.format_exception(error)))
