"""A real server inside the test's own process, so that a test may plant what a server meets only in bad times."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from server.main import create_server
from server.shadow import Shadow

METHOD = "/piewise.v1.AllocationService/Plan"


@contextmanager
def served(workers: int = 2, queue: int = 4, shadow: Shadow | None = None) -> Iterator[str]:
    """The address of a server that is warm; it stops on leaving."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        started = asyncio.run_coroutine_threadsafe(create_server("127.0.0.1:0", workers, queue, None, shadow), loop)
        server, port = started.result(30)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(0.2), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def details_of(error: grpc.RpcError) -> tuple[ErrorInfo, BadRequest | None, RetryInfo | None]:
    """What the rich status of ``error`` carries; fails where it has no ErrorInfo of this service."""
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    found = {}
    for detail in status.details:
        for kind in (ErrorInfo, BadRequest, RetryInfo):
            message = kind()
            if detail.Unpack(message):
                found[kind] = message
    assert found[ErrorInfo].domain == "piewise"
    return found[ErrorInfo], found.get(BadRequest), found.get(RetryInfo)
