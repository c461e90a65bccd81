"""The trading day's service: the second one of a server, on the workers and within the limits of the first.

Methods of one message in and one out run on a worker as a plan does. A window in columns is a stream: its parts are
read as they come, and read no faster than they are taken in; once its caller has ended its side it is one more piece of
work for a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import grpc

from server import book_columns
from server import trading_answers as answers
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.service import STREAM_SECONDS, AllocationService, Answer, guarded
from server.status import BatchOver
from server.windows import Gathered, Room

__all__ = ["TRADING_NAME", "TradingService"]

TRADING_NAME = "piewise.v1.TradingService"
UNARY: dict[str, Answer] = {
    "CheckTriggers": answers.check,
    "CheckTriggerColumns": answers.check_columns,
    "Decide": answers.decide,
    "DecideColumns": answers.decide_in_columns,
    "OpenBooks": answers.opened,
    "AggregateOrders": answers.aggregate,
    "AllocateFills": answers.allocate,
    "ApplyFills": answers.filled,
    "SizeOrderColumns": book_columns.sized,
    "ApplyFillColumns": book_columns.applied,
    "ReplanBuys": answers.replanned,
    "FollowUpdates": answers.follow,
}


class TradingService:
    """The methods of ``piewise.v1.TradingService`` on raw bytes."""

    def __init__(self, calls: AllocationService) -> None:
        self._calls = calls
        self._room = Room()

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a grpc.aio server registers."""
        methods = {name: grpc.unary_unary_rpc_method_handler(self._unary(name)) for name in UNARY}
        methods["AggregateColumns"] = grpc.stream_unary_rpc_method_handler(guarded(self.aggregate_columns))
        methods["AllocateColumns"] = grpc.stream_stream_rpc_method_handler(guarded(self.allocate_columns))
        return grpc.method_handlers_generic_handler(TRADING_NAME, methods)

    def _unary(self, name: str) -> Callable[[Any, grpc.aio.ServicerContext], Any]:
        async def method(data: bytes, context: grpc.aio.ServicerContext) -> Any:
            return await self._calls.solved(UNARY[name], data, context)

        method.__name__ = name
        return guarded(method)

    async def aggregate_columns(self, _: object, context: grpc.aio.ServicerContext) -> Any:
        """AggregateColumns: see the contract."""
        async with self._window(pb.AggregateColumnsRequest, Gathered.blocks, context) as response:
            return response

    async def allocate_columns(self, _: object, context: grpc.aio.ServicerContext) -> None:
        """AllocateColumns: see the contract."""
        async with self._window(pb.AllocateColumnsRequest, Gathered.shares, context) as parts:
            try:
                for part in parts:
                    async with asyncio.timeout(STREAM_SECONDS):
                        await context.write(part.SerializeToString())
            except TimeoutError as error:
                raise BatchOver("nobody read the answers in time; read the stream as it comes") from error

    @asynccontextmanager
    async def _window(
        self,
        kind: type[pb.AggregateColumnsRequest] | type[pb.AllocateColumnsRequest],
        answer: Callable[[Gathered], Any],
        context: grpc.aio.ServicerContext,
    ) -> AsyncIterator[Any]:
        """``answer`` to all parts of a stream; its place and its room are free once it is left and its worker is."""
        self._calls.admit()
        gathered = Gathered(self._room)
        work: Future[Any] | None = None
        try:
            while (data := await _read(context)) is not grpc.aio.EOF:
                work = self._calls.submit(gathered.add, kind, data)
                await asyncio.wrap_future(work)
            work = self._calls.submit(answer, gathered)
            yield await asyncio.wrap_future(work)
        finally:
            self._end(work, gathered)

    def _end(self, work: Future[Any] | None, gathered: Gathered) -> None:
        def end(_: object) -> None:
            gathered.close()
            self._calls.release()

        if work is None or work.cancel() or work.done():
            end(None)
        else:
            work.add_done_callback(end)


async def _read(context: grpc.aio.ServicerContext) -> Any:
    try:
        async with asyncio.timeout(STREAM_SECONDS):
            return await context.read()
    except TimeoutError as error:
        raise BatchOver("nothing was sent for too long; end a stream that has had all its requests") from error
