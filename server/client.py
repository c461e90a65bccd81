"""A small client: a channel with the right options, and a server process of one's own for demos and tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.day_client import DayClient
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.generated.piewise.v1 import allocation_pb2_grpc

__all__ = ["CHANNEL_OPTIONS", "Client", "server_process"]

# with http_proxy in the environment, gRPC to this very machine would go through the proxy; the FULL view of a very
# large account exceeds gRPC's default of 4 MiB
CHANNEL_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 64 * 1024 * 1024))
START_SECONDS = 30.0


class Client:
    """A connection to a piewise server; use it as a context manager."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = allocation_pb2_grpc.AllocationServiceStub(self.channel)  # type: ignore[no-untyped-call]  # written by protoc

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def plan(self, request: pb.PlanRequest, timeout: float | None = 30.0) -> pb.PlanResponse:
        """Plan; raises ``grpc.RpcError`` as gRPC does."""
        response: pb.PlanResponse = self._stub.Plan(request, timeout=timeout)
        return response

    def compare(self, request: pb.CompareRequest, timeout: float | None = 30.0) -> pb.CompareResponse:
        """Plan, with the baselines beside it; raises ``grpc.RpcError`` as gRPC does."""
        response: pb.CompareResponse = self._stub.Compare(request, timeout=timeout)
        return response

    def batch(
        self, requests: Iterable[pb.PlanRequest], timeout: float | None = 120.0
    ) -> Iterator[pb.BatchPlanResponse]:
        """Plan many accounts; what comes, comes in their order. Raises ``grpc.RpcError`` as gRPC does."""
        answers: Iterator[pb.BatchPlanResponse] = self._stub.BatchPlan(
            pb.BatchPlanRequest(requests=requests), timeout=timeout
        )
        yield from answers

    def columns(self, request: pb.PlanColumnsRequest, timeout: float | None = 120.0) -> pb.PlanColumnsResponse:
        """Plan accounts as columns (``server/columns.py`` writes and reads them); raises as gRPC does."""
        response: pb.PlanColumnsResponse = self._stub.PlanColumns(request, timeout=timeout)
        return response

    def stream_columns(
        self, requests: Iterable[pb.PlanColumnsRequest], timeout: float | None = None
    ) -> Iterator[pb.PlanColumnsResponse]:
        """Plan request by request, one answer each, in order; more is taken from ``requests`` as answers are read."""
        answers: Iterator[pb.PlanColumnsResponse] = self._stub.StreamColumns(iter(requests), timeout=timeout)
        yield from answers

    def info(self, timeout: float | None = 5.0) -> pb.GetServiceInfoResponse:
        """What the server is and accepts."""
        response: pb.GetServiceInfoResponse = self._stub.GetServiceInfo(pb.GetServiceInfoRequest(), timeout=timeout)
        return response

    @property
    def day(self) -> DayClient:
        """The methods of the trading day, on the same connection."""
        return DayClient(self.channel)

    def wait_until_serving(self, timeout: float = START_SECONDS) -> None:
        """Return once health says SERVING; raises ``TimeoutError`` otherwise."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            for answer in stub.Watch(health_pb2.HealthCheckRequest(), timeout=timeout, wait_for_ready=True):
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
        except grpc.RpcError as error:
            raise TimeoutError(f"the server was not ready within {timeout:.0f} s") from error


@contextmanager
def server_process(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``piewise serve`` as a process on a free port of this machine: its address, and the process; ended on leaving."""
    command = [sys.executable, "-m", "server.cli", "serve", "--address", "127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            if not line.startswith("listening on "):
                raise RuntimeError(f"the server did not start; it said {line!r}")
            address = line.removeprefix("listening on ")
            with Client(address) as client:
                client.wait_until_serving()
            yield address, process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(timeout=START_SECONDS)
            except subprocess.TimeoutExpired:  # never leave a process behind
                process.kill()
                process.wait()
                raise
