"""The command ``piewise``. JSON in and out is the wire's own: proto field names, int64 as strings."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import grpc
import typer
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from server.client import Client
from server.demo import run_demo
from server.examples import EXAMPLES, example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.main import serve as serve_forever
from server.service import answer_plan
from server.status import status_of
from server.tables import make_console, print_response
from solver import Budget

__all__ = ["app", "main"]

PLANNED, INFEASIBLE, BAD_REQUEST, UNREACHABLE, INTERNAL = range(5)
EXIT_CODES = "Exit code: 0 planned, 1 infeasible, 2 bad request, 3 unreachable, 4 internal error."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # ``main`` has the last word on what nobody expected
    help="Plan what a pie portfolio trades: exactly, to the cent, with a proof.\n\n"
    "Try: piewise example minimum | piewise plan -",
    epilog=EXIT_CODES,
)


@app.command("example")
def example_command(
    name: Annotated[str | None, typer.Argument(help="Which one; without it, their names are listed.")] = None,
) -> None:
    """List the ready requests, or print one as JSON, ready for `piewise plan -`."""
    if name is None:
        for known in EXAMPLES:
            print(known)
        return
    if name not in EXAMPLES:
        _fail(BAD_REQUEST, f"there is no example {name!r}; there are {', '.join(EXAMPLES)}")
    print(_json(example(name)))


@app.command("plan", epilog=EXIT_CODES)
def plan_command(
    file: Annotated[str, typer.Argument(help="A PlanRequest as JSON; - reads standard input.")],
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server; without it, planned right here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response as JSON, for programs.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a server.", min=0.1, max=3600)] = 30.0,
) -> None:
    """Plan one event of one account, and print the plan as a table or as JSON."""
    request = _read(file)
    if not as_json:  # a table shows every slice and the changed targets
        request.options.view = pb.VIEW_FULL
    response = _plan_here(request) if address is None else _plan_there(request, address, timeout)
    if as_json:
        print(_json(response))
    else:
        print_response(make_console(), request, response)
    raise typer.Exit(INFEASIBLE if response.HasField("infeasible") else PLANNED)


@app.command("serve")
def serve_command(
    address: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one.")] = "127.0.0.1:50051",
) -> None:
    """Serve piewise.v1.AllocationService over gRPC until SIGTERM; the first line printed says where."""
    try:
        asyncio.run(serve_forever(address))
    except OSError as error:
        _fail(UNREACHABLE, str(error))


@app.command("demo")
def demo_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")] = False,
) -> None:
    """Play every stated result of the seeds and a realistic account through a server of its own.

    Exit code 1 where a result differs from what is stated.
    """
    raise typer.Exit(run_demo(as_json))


def _read(file: str) -> pb.PlanRequest:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _fail(BAD_REQUEST, f"can not read {file}: {error}")
    try:
        return Parse(text, pb.PlanRequest(), max_recursion_depth=100)
    except (ParseError, RecursionError) as error:
        _fail(BAD_REQUEST, f"{file} is no PlanRequest as JSON: {error}\nSee `piewise example minimum` for one.")


def _plan_here(request: pb.PlanRequest) -> pb.PlanResponse:
    try:
        return answer_plan(request.SerializeToString(), None, Budget(), time.monotonic())
    except Exception as error:
        code, status = status_of(error)
        if code is grpc.StatusCode.INTERNAL:
            _fail(INTERNAL, f"internal error: {error!r}; please report it with the request")
        _fail(BAD_REQUEST, _told(status))


def _plan_there(request: pb.PlanRequest, address: str, timeout: float) -> pb.PlanResponse:
    with Client(address) as client:
        try:
            return client.plan(request, timeout)
        except grpc.RpcError as error:
            code = error.code()
            if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION):
                metadata = dict(error.trailing_metadata() or ())
                _fail(BAD_REQUEST, _told(Status.FromString(metadata.get("grpc-status-details-bin", b""))))
            if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
                _fail(INTERNAL, f"the server failed: {error.details()}")
            if code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED):
                _fail(UNREACHABLE, f"no answer from {address} in time: {error.details()}; try again later")
            _fail(UNREACHABLE, f"no answer from {address}: {error.details()}; is `piewise serve` running there?")


def _told(status: Status) -> str:
    """A bad request's violations, a line each."""
    lines = []
    for detail in status.details:
        bad = BadRequest()
        if detail.Unpack(bad):
            lines += [f"{v.field}: {v.description} ({v.reason})" for v in bad.field_violations]
    return "\n".join(lines) or status.message


def _json(message: pb.PlanRequest | pb.PlanResponse) -> str:
    return MessageToJson(message, preserving_proto_field_name=True)


def _fail(code: int, text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the command; what nobody expected is our fault (exit 4), never "infeasible" (1)."""
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a letter of some slice's name shows ? for it
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except Exception as error:
        traceback.print_exc()
        print(f"internal error: {error!r}; please report it", file=sys.stderr)
        sys.exit(INTERNAL)


if __name__ == "__main__":
    main()
