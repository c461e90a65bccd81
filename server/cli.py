"""The command ``piewise``. JSON in and out is the wire's own: proto field names, int64 as strings."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import grpc
import typer
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from server.answers import answer_compare, answer_plan
from server.client import Client
from server.demo import run_demo
from server.examples import EXAMPLES, example
from server.files import EXIT_CODES as EXIT_CODES_OF_FILES
from server.files import EXIT_CODES_OF_VERIFY, STOPPED, batch_command, verify_command, write_book
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.main import compiling
from server.main import serve as serve_forever
from server.plots import PlotUnavailable, plot_comparison
from server.status import status_of
from server.tables import make_console, print_comparison, print_response
from solver import Budget, Engine, available

__all__ = ["app", "main"]

PLANNED, INFEASIBLE, BAD_REQUEST, UNREACHABLE, INTERNAL = range(5)
UNREAD = 141  # 128 + SIGPIPE, as a shell says it of any other command
EXIT_CODES = "Exit code: 0 planned, 1 infeasible, 2 bad request, 3 unreachable, 4 internal error."

Kind = TypeVar("Kind", bound=Message)

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
    name: Annotated[
        str | None, typer.Argument(help="Which one; without it, they are listed. With --batch, a file.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Write a book of so many accounts, as Parquet.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of the book: the same seed, the same accounts.", min=0)] = 1,
) -> None:
    """List the ready requests, or print one as JSON for `piewise plan -`, or write a book for `piewise batch`."""
    if batch is not None:
        write_book(batch, Path(name or "accounts.parquet"), seed)
        return
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
    here = address is None
    response = _here(answer_plan, request) if here else _there(lambda client: client.plan(request, timeout), address)
    if as_json:
        print(_json(response))
    else:
        print_response(make_console(), request, response)
    raise typer.Exit(INFEASIBLE if response.HasField("infeasible") else PLANNED)


@app.command("compare", epilog=EXIT_CODES)
def compare_command(
    file: Annotated[str, typer.Argument(help="A PlanRequest as JSON; - reads standard input.")],
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server; without it, planned right here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture as well: a PNG, SVG or PDF file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response as JSON, for programs.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a server.", min=0.1, max=3600)] = 30.0,
) -> None:
    """Plan one event, and show beside the plan what greedy rules would trade instead."""
    request = _read(file)
    if not as_json or plot:  # the picture shows every slice
        request.options.view = pb.VIEW_FULL
    wanted = pb.CompareRequest(request=request)
    here = address is None
    response = (
        _here(answer_compare, wanted) if here else _there(lambda client: client.compare(wanted, timeout), address)
    )
    if plot and response.optimal.HasField("plan"):
        try:
            plot_comparison(request, response, plot)
        except PlotUnavailable as error:
            _fail(BAD_REQUEST, str(error))
    if as_json:
        print(_json(response))
    elif response.optimal.HasField("plan"):
        print_comparison(make_console(), request, response)
    else:
        print_response(make_console(), request, response.optimal)
    raise typer.Exit(INFEASIBLE if response.optimal.HasField("infeasible") else PLANNED)


app.command("batch", epilog=EXIT_CODES_OF_FILES)(batch_command)
app.command("verify", epilog=EXIT_CODES_OF_VERIFY)(verify_command)


@app.command("serve")
def serve_command(
    address: Annotated[
        str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one.")
    ] = "127.0.0.1:50051",
    shadow: Annotated[
        float, typer.Option(help="Share of the kernel's plans that HiGHS looks at again; differences go to the log.")
    ] = 0.0,
) -> None:
    """Serve piewise.v1.AllocationService over gRPC until SIGTERM; the first line printed says where."""
    if not 0.0 <= shadow <= 1.0:
        _fail(BAD_REQUEST, f"--shadow is {shadow}; give a share between 0 and 1, such as 0.001")
    if shadow and not available(Engine.KERNEL):
        _fail(
            BAD_REQUEST, "--shadow looks at the kernel's plans; the kernel needs numba: pip install 'piewise[kernel]'"
        )
    try:
        asyncio.run(serve_forever(address, shadow))
    except OSError as error:
        _fail(UNREACHABLE, str(error))
    if compiling():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(PLANNED)


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


def _here(answer: Callable[[bytes, float | None, Budget, float], Kind], request: Message) -> Kind:
    try:
        return answer(request.SerializeToString(), None, Budget(), time.monotonic())
    except Exception as error:
        code, status = status_of(error)
        if code is grpc.StatusCode.INTERNAL:
            _fail(INTERNAL, f"internal error: {error!r}; please report it with the request")
        _fail(BAD_REQUEST, _told(status))


def _there(ask: Callable[[Client], Kind], address: str | None) -> Kind:
    assert address is not None
    with Client(address) as client:
        try:
            return ask(client)
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


def _json(message: Message) -> str:
    return MessageToJson(message, preserving_proto_field_name=True)


def _fail(code: int, text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise typer.Exit(code)


def _leave_workers(code: object) -> None:
    """End at once where a job on files stopped: Daft may abort a process that ends in order beside workers at work."""
    if code == STOPPED and "daft" in sys.modules and "ray" not in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STOPPED)


def _unread(end: SystemExit) -> bool:
    """Whether nobody reads what is printed any more, as behind ``| head -1``; then the rest goes nowhere.

    Both rich and typer make an exit with 1 of it, with the error as its context; a few lines fail no earlier than here.
    """
    unread = isinstance(end.__context__, BrokenPipeError)
    try:
        print(end="", flush=True)
    except BrokenPipeError:
        unread = True
    if unread:  # else what is left in the buffer fails once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return unread


def main() -> None:
    """Entry point of the command; what nobody expected is our fault (exit 4), never "infeasible" (1).

    Nor is a reader that has gone (141).
    """
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a letter of some slice's name shows ? for it
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except SystemExit as end:
        _leave_workers(end.code)
        if _unread(end):
            sys.exit(UNREAD)
        raise
    except Exception as error:
        traceback.print_exc()
        print(f"internal error: {error!r}; please report it", file=sys.stderr)
        sys.exit(INTERNAL)


if __name__ == "__main__":
    main()
