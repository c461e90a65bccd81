"""The trading day's methods for a client: messages in, messages out; all raise ``grpc.RpcError`` as gRPC does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc

from server.generated.piewise.v1 import allocation_pb2 as pb
from server.generated.piewise.v1 import allocation_pb2_grpc

__all__ = ["DayClient"]

SECONDS = 30.0
WINDOW_SECONDS = 300.0


class DayClient:
    """``piewise.v1.TradingService`` on a channel; ``server/day_requests.py`` makes its requests."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = allocation_pb2_grpc.TradingServiceStub(channel)  # type: ignore[no-untyped-call]  # written by protoc

    def check_triggers(
        self, request: pb.CheckTriggersRequest, timeout: float | None = SECONDS
    ) -> pb.CheckTriggersResponse:
        """Whether an account should trade, and why."""
        response: pb.CheckTriggersResponse = self._stub.CheckTriggers(request, timeout=timeout)
        return response

    def check_trigger_columns(
        self, request: pb.CheckTriggerColumnsRequest, timeout: float | None = SECONDS
    ) -> pb.CheckTriggerColumnsResponse:
        """The same for the accounts of 4 MiB of columns; ``server/day_columns.py`` writes and reads them."""
        response: pb.CheckTriggerColumnsResponse = self._stub.CheckTriggerColumns(request, timeout=timeout)
        return response

    def decide(self, request: pb.DecideRequest, timeout: float | None = SECONDS) -> pb.DecideResponse:
        """Trade now, wait, or not at all."""
        response: pb.DecideResponse = self._stub.Decide(request, timeout=timeout)
        return response

    def decide_columns(
        self, request: pb.DecideColumnsRequest, timeout: float | None = SECONDS
    ) -> pb.DecideColumnsResponse:
        """The same for the accounts of 4 MiB of columns."""
        response: pb.DecideColumnsResponse = self._stub.DecideColumns(request, timeout=timeout)
        return response

    def open_books(self, request: pb.OpenBooksRequest, timeout: float | None = SECONDS) -> pb.OpenBooksResponse:
        """The books of accounts whose plans go to market."""
        response: pb.OpenBooksResponse = self._stub.OpenBooks(request, timeout=timeout)
        return response

    def aggregate_orders(
        self, request: pb.AggregateOrdersRequest, timeout: float | None = SECONDS
    ) -> pb.AggregateOrdersResponse:
        """Orders as one block a security and side."""
        response: pb.AggregateOrdersResponse = self._stub.AggregateOrders(request, timeout=timeout)
        return response

    def allocate_fills(
        self, request: pb.AllocateFillsRequest, timeout: float | None = SECONDS
    ) -> pb.AllocateFillsResponse:
        """The fills of blocks shared out."""
        response: pb.AllocateFillsResponse = self._stub.AllocateFills(request, timeout=timeout)
        return response

    def apply_fills(self, request: pb.ApplyFillsRequest, timeout: float | None = SECONDS) -> pb.ApplyFillsResponse:
        """Fills, prices and cancelled rests on the books of accounts."""
        response: pb.ApplyFillsResponse = self._stub.ApplyFills(request, timeout=timeout)
        return response

    def size_order_columns(
        self, request: pb.SizeOrderColumnsRequest, timeout: float | None = SECONDS
    ) -> pb.SizeOrderColumnsResponse:
        """The orders for the trades of plans in columns; ``server/book_columns.py`` writes and reads them."""
        response: pb.SizeOrderColumnsResponse = self._stub.SizeOrderColumns(request, timeout=timeout)
        return response

    def apply_fill_columns(
        self, request: pb.ApplyFillColumnsRequest, timeout: float | None = SECONDS
    ) -> pb.ApplyFillColumnsResponse:
        """The accounts of 4 MiB of columns as they stand after what came of their orders."""
        response: pb.ApplyFillColumnsResponse = self._stub.ApplyFillColumns(request, timeout=timeout)
        return response

    def replan_buys(self, request: pb.ReplanBuysRequest, timeout: float | None = SECONDS) -> pb.ReplanBuysResponse:
        """The purchases that wait, planned again for the cash there is."""
        response: pb.ReplanBuysResponse = self._stub.ReplanBuys(request, timeout=timeout)
        return response

    def follow_updates(
        self, request: pb.FollowUpdatesRequest, timeout: float | None = SECONDS
    ) -> pb.FollowUpdatesResponse:
        """The next step of events."""
        response: pb.FollowUpdatesResponse = self._stub.FollowUpdates(request, timeout=timeout)
        return response

    def aggregate_columns(
        self, parts: Iterable[pb.AggregateColumnsRequest], timeout: float | None = WINDOW_SECONDS
    ) -> pb.AggregateColumnsResponse:
        """Blocks of millions of orders, sent in parts."""
        response: pb.AggregateColumnsResponse = self._stub.AggregateColumns(iter(parts), timeout=timeout)
        return response

    def allocate_columns(
        self, parts: Iterable[pb.AllocateColumnsRequest], timeout: float | None = WINDOW_SECONDS
    ) -> Iterator[pb.AllocateColumnsResponse]:
        """The fills of such blocks shared out, in the order of the orders."""
        answers: Iterator[pb.AllocateColumnsResponse] = self._stub.AllocateColumns(iter(parts), timeout=timeout)
        yield from answers
