"""The server process: listening, health, reflection, warm-up, drain."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from server.answers import answer_plan
from server.bulk import answer_columns
from server.columns import columns_request
from server.conversion import MAX_REQUEST_BYTES
from server.examples import example, realistic_account
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.service import SERVICE_NAME, AllocationService
from server.shadow import Shadow
from server.trading import TRADING_NAME, TradingService
from solver import Budget, Deposit, Engine, Rules, available
from solver.columns import accounts_from

__all__ = ["compiling", "create_server", "serve"]

QUEUE_PER_WORKER = 16
GRACE_SECONDS = 10.0  # longer than the longest default solve
KERNEL_SECONDS = 5.0  # to read the compiled kernel from disk; where it has to be compiled first, nobody waits for it
READ_BYTES = 4 * MAX_REQUEST_BYTES  # read, so that too large a request is refused by an error that says what is right

WARM_UP = "warm-up"
NAMES = (SERVICE_NAME, TRADING_NAME)

log = structlog.get_logger()


async def create_server(
    address: str,
    workers: int | None = None,
    queue: int | None = None,
    checks: health.aio.HealthServicer | None = None,
    shadow: Shadow | None = None,
) -> tuple[grpc.aio.Server, int]:
    """A started server listening on ``address`` (port 0: any free one), and the port it got.

    ``checks``, its health, is given by who wants to change it later; it says SERVING once a first solve has warmed
    HiGHS up, and the kernel where it is installed and compiled. ``shadow``, by default none, is its giver's to end.
    Raises ``OSError`` where it can not listen.
    """
    workers = workers or os.cpu_count() or 1
    queue = QUEUE_PER_WORKER * workers if queue is None else queue
    server = grpc.aio.server(options=(("grpc.max_receive_message_length", READ_BYTES), ("grpc.so_reuseport", 0)))
    service = AllocationService(workers, queue, shadow or Shadow())
    server.add_generic_rpc_handlers((service.handlers(), TradingService(service).handlers()))
    checks = checks or health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection((*NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"can not listen on {address}; is it taken, or no address of this machine?") from error
    for name in ("", *NAMES):
        await checks.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
    await server.start()
    await asyncio.to_thread(_warm_up)
    for name in ("", *NAMES):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, port


def compiling() -> bool:
    """Whether the kernel is still being compiled. LLVM aborts a process whose interpreter is taken down under it."""
    return any(thread.name == WARM_UP for thread in threading.enumerate())


def _warm_up() -> None:
    """One solve with a binding minimum, so that no caller waits for the first use of anything."""
    kernel = threading.Thread(target=_warm_kernel, name=WARM_UP, daemon=True)
    kernel.start()
    _answer_once(pb.ENGINE_AUTO)
    kernel.join(KERNEL_SECONDS)


def _warm_kernel() -> None:
    """By the kernel a plan the short way, one the long way, which is what HiGHS's hard plans ask for, and a column.

    The thread is a daemon: a process that is told to end does not compile on.
    """
    if available(Engine.KERNEL):
        _answer_once(pb.ENGINE_KERNEL)
        _answer_once(pb.ENGINE_KERNEL, "limits")
        one = columns_request(accounts_from([(realistic_account(), Deposit(25_000), Rules(2_500))]))
        answer_columns(one.SerializeToString(), None, Budget(), time.monotonic())


def _answer_once(engine: int, name: str = "minimum") -> None:
    request = pb.PlanRequest()
    request.CopyFrom(example(name))
    request.options.engine = engine  # type: ignore[assignment]  # an enum is an int
    answer_plan(request.SerializeToString(), None, Budget(), time.monotonic())


async def serve(address: str, share: float = 0.0) -> None:
    """Serve until SIGTERM or SIGINT, then drain: health says NOT_SERVING, calls under way finish, the process ends.

    The first line on standard output is ``listening on HOST:PORT``, for people and for programs; the log goes to
    standard error, since whoever started the process may read no further than that line. A ``share`` of the kernel's
    plans is looked at again.
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    checks = health.aio.HealthServicer()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with Shadow(share) as shadow:
        server, port = await create_server(address, checks=checks, shadow=shadow)
        host = address.rsplit(":", 1)[0]
        print(f"listening on {host}:{port}", flush=True)
        await stop.wait()
        await checks.enter_graceful_shutdown()
        await server.stop(GRACE_SECONDS)
