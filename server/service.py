"""The service: bytes in, a solve on a worker thread, bytes out. The event loop never waits for a solve.

Admission is bounded: ``workers`` solve at once, ``queue`` more wait, and the next call is shed with
RESOURCE_EXHAUSTED. A cancelled call cancels its budget, which stops HiGHS and the prover and frees the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import structlog
from google.protobuf.message import Message

from server.conversion import MAX_REQUEST_BYTES, fill_response, fingerprint, parse, read_request
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import Overloaded, status_of
from solver import SOLVER_VERSION, Budget, check_request, plan
from solver.portfolio import MAX_DEPTH, MAX_MONEY, MAX_SLICES

__all__ = ["SERVICE_NAME", "AllocationService", "answer_plan"]

SERVICE_NAME = "piewise.v1.AllocationService"
DEFAULT_SECONDS = 5.0
MARGIN_SECONDS, MARGIN_SHARE = 0.050, 0.10  # kept of a caller's deadline for the way back
TELLING_SECONDS_A_BYTE = 5e-7  # and for nodes and reasons, by the size of the request: a second for two megabytes

log = structlog.get_logger()


def answer_plan(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.PlanResponse:
    """The response to a ``PlanRequest``'s bytes; ``deadline`` and ``started`` by ``time.monotonic``.

    ``budget`` gets its clock here, once the asked limit is known. Raises the solver's typed errors.
    """
    begun = time.monotonic()
    message = parse(pb.PlanRequest, data)
    request = read_request(message)
    explain = request.view in (pb.VIEW_NODES, pb.VIEW_FULL)
    limit = started + (request.time_limit_seconds or DEFAULT_SECONDS)
    if deadline is not None:
        remaining = deadline - started
        told = TELLING_SECONDS_A_BYTE * len(data) if explain else 0.0
        limit = min(limit, deadline - max(MARGIN_SECONDS, MARGIN_SHARE * remaining) - told)
    budget.seconds_left = lambda: limit - time.monotonic()
    budget.work_limit = request.work_limit or budget.work_limit
    portfolio = message.portfolio
    response = pb.PlanResponse(
        request_id=message.request_id, portfolio_id=portfolio.portfolio_id, portfolio_version=portfolio.version
    )
    if request.validate_only:
        check_request(request.portfolio, request.event, request.rules)
    else:
        answer = plan(request.portfolio, request.event, request.rules, request.engine, budget, explain)
        fill_response(response, answer, request.view, fingerprint(message))
        if portfolio.HasField("valued_at") and response.plan.HasField("portfolio_after"):
            response.plan.portfolio_after.valued_at.CopyFrom(portfolio.valued_at)  # at the same prices
        response.diagnostics.rounds = getattr(answer, "rounds", 0)
    response.diagnostics.queue_time.FromNanoseconds(int((begun - started) * 1e9))
    response.diagnostics.solve_time.FromNanoseconds(int((time.monotonic() - begun) * 1e9))
    return response


class AllocationService:
    """The methods of ``piewise.v1.AllocationService`` on raw bytes."""

    def __init__(self, workers: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="solve")
        self._capacity = workers + queue
        self._admitted = 0
        self._lock = threading.Lock()

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a grpc.aio server registers; without serializers, since ``parse`` does that better."""
        methods = {"Plan": self.plan, "GetServiceInfo": self.get_service_info}
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {name: grpc.unary_unary_rpc_method_handler(_guarded(method)) for name, method in methods.items()},
        )

    def close(self) -> None:
        """Let the workers go once they are done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def plan(self, data: bytes, context: grpc.aio.ServicerContext) -> Message:
        """Plan: see the contract."""
        if self._admitted >= self._capacity:
            raise Overloaded(f"{self._admitted} calls are under way or waiting, and no more are taken; try again")
        started = time.monotonic()
        remaining = context.time_remaining()
        deadline = None if remaining is None else started + remaining
        budget = Budget()
        with self._lock:
            self._admitted += 1
        future = self._pool.submit(answer_plan, data, deadline, budget, started)
        future.add_done_callback(self._release)
        try:
            return await asyncio.wrap_future(future)
        finally:
            budget.cancel()  # a no-op unless the call was cancelled while its solve goes on

    def _release(self, _: Future[pb.PlanResponse]) -> None:
        """Runs in the worker's thread, and after the loop has closed, too."""
        with self._lock:
            self._admitted -= 1

    async def get_service_info(self, data: bytes, context: grpc.aio.ServicerContext) -> Message:
        """GetServiceInfo: see the contract."""
        parse(pb.GetServiceInfoRequest, data)
        return pb.GetServiceInfoResponse(
            solver_version=SOLVER_VERSION,
            engines=[pb.ENGINE_AUTO, pb.ENGINE_HIGHS],
            max_slices=MAX_SLICES,
            max_depth=MAX_DEPTH,
            max_batch=1,
            max_request_bytes=MAX_REQUEST_BYTES,
            max_money=MAX_MONEY,
        )


Method = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[Message]]


def _guarded(method: Method) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]:
    """``method`` with its errors as rich statuses, by the one table in ``status.py``, and its answer as bytes."""

    async def call(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            return (await method(data, context)).SerializeToString(deterministic=True)
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
