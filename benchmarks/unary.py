"""``Plan`` by the kernel, call by call, beside an empty echo of messages of the same size."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc

from benchmarks.instances import Case
from benchmarks.tables import Table
from server.client import CHANNEL_OPTIONS, server_process
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request

__all__ = ["unary_table"]

IN_FLIGHT, SECONDS = 16, 3.0
TARGET = 0.35
ECHO, PLAN = "/benchmarks.Echo/Echo", "/piewise.v1.AllocationService/Plan"
EVENTS = ("deposit 0.1%", "deposit 1%", "deposit 5%", "withdrawal 5%", "rebalance deep")


def requests() -> list[bytes]:
    """Accounts of 20 slices in 4 pies, drifted, no minimum that binds: orders by the kernel."""
    found = []
    for member in range(8):
        for event in EVENTS:
            portfolio, one, _ = Case((4, 5), False, True, event, "none", member).posed()
            message = plan_request(portfolio, one, 100, pb.VIEW_ORDERS, pb.ENGINE_KERNEL)
            found.append(message.SerializeToString())
    return found


async def _rate(address: str, method: str, messages: Sequence[bytes]) -> float:
    """Calls a second, so many always in flight."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        call, done = channel.unary_unary(method), 0
        await call(messages[0])
        started = time.perf_counter()

        async def keep_calling(first: int) -> None:
            nonlocal done
            i = first
            while time.perf_counter() - started < SECONDS:
                await call(messages[i % len(messages)])
                i, done = i + IN_FLIGHT, done + 1

        await asyncio.gather(*(keep_calling(i) for i in range(IN_FLIGHT)))
        return done / (time.perf_counter() - started)


@contextmanager
def _echo_process() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.unary"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def unary_table() -> Table:
    """Calls a second, the client on the same cores."""
    messages = requests()
    with server_process() as (address, _), grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary(PLAN)
        answers = [call(message, timeout=120) for message in messages]  # the first waits for the kernel
        planned = asyncio.run(_rate(address, PLAN, messages))
    with _echo_process() as address:
        echoed = asyncio.run(_rate(address, ECHO, answers))
    rows = (
        ("an empty echo", f"{echoed:,.0f}", "", ""),
        ("Plan, ORDERS, KERNEL", f"{planned:,.0f}", f"{planned / echoed:.0%}", f"{TARGET:.0%}"),
    )
    size = sum(map(len, messages)) // len(messages), sum(map(len, answers)) // len(answers)
    note = f"{IN_FLIGHT} calls in flight; requests of {size[0]:,} bytes and answers of {size[1]:,} on average."
    return Table("Unary calls", note, ("what", "calls/s", "of the echo", "target"), rows)


async def _serve_echo() -> None:
    async def echo(request: bytes, _: object) -> bytes:
        return request

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("benchmarks.Echo", {"Echo": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve_echo())
