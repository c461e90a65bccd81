"""The demo: every stated result of the seeds and one realistic account, through a real server process."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.progress import Progress

from server.cases import CASES, STATED_RESULTS, Case
from server.client import Client, server_process
from server.examples import realistic_account, realistic_events
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from server.tables import make_console, print_response
from solver import Portfolio

__all__ = ["differences", "play_cases", "run_demo"]

Played = tuple[str, pb.PlanRequest, pb.PlanResponse, list[str]]


def differences(case: Case, response: pb.PlanResponse) -> list[str]:
    """How ``response`` differs from what the seeds state; none where they agree.

    An answer without a plan differs always: a case that expects no trades must not pass for want of one.
    """
    if not response.HasField("plan"):
        return [f"no plan: {response.infeasible.reason or 'nothing was planned'}"]
    traded: dict[str, int] = {}
    for order in response.plan.orders:
        amount = order.amount if order.side == pb.SIDE_BUY else -order.amount
        traded[order.security_id] = traded.get(order.security_id, 0) + amount
    securities = sorted(traded.keys() | case.expected.keys())
    found = [
        f"{security}: expected {case.expected.get(security, 0)}, planned {traded.get(security, 0)}"
        for security in securities
        if traded.get(security, 0) != case.expected.get(security, 0)
    ]
    moved = {node.slice_id for node in response.plan.nodes if node.trade}
    return found + [f"{name} must not trade, but does" for name in case.still if name in moved]


def play_cases(client: Client, engine: int = pb.ENGINE_AUTO) -> list[Played]:
    """Every case, in order, chained ones from the portfolio that the case before them left.

    Where that case left none, those after it are not played, and that is a difference too.
    """
    after: dict[str, pb.Portfolio] = {}
    played: list[Played] = []
    for case in CASES:
        title = f"{case.name} (line {case.line}): {case.told}"
        start = case.start if isinstance(case.start, Portfolio) else after.get(case.start)
        if start is None:
            played.append(
                (title, pb.PlanRequest(), pb.PlanResponse(), [f"not played: {case.start!r} left no portfolio"])
            )
            continue
        request = plan_request(start, case.event, engine=engine, request_id=case.name)
        response = client.plan(request)
        if response.plan.HasField("portfolio_after"):
            after[case.name] = response.plan.portfolio_after
        played.append((title, request, response, differences(case, response)))
    return played


def _play_realistic(client: Client) -> list[Played]:
    played: list[Played] = []
    for min_trade in (100, 2_500):
        for name, event in realistic_events().items():
            request = plan_request(realistic_account(), event, min_trade, request_id=f"{name}, {min_trade}")
            title = f"20 stocks in 4 pies at real prices: {name}, ${min_trade // 100} minimum"
            played.append((title, request, client.plan(request), []))
    return played


def run_demo(as_json: bool) -> int:
    """Play everything and print it; 0, or 1 where a stated result was not met."""
    console = make_console()
    quiet = Console(stderr=True)
    with Progress(console=quiet, transient=True) as progress:
        task = progress.add_task("starting the server and planning", total=None)
        with server_process() as (address, _), Client(address) as client:
            cases = play_cases(client)
            realistic = _play_realistic(client)
        progress.update(task, completed=1, total=1)
    failed = [title for title, _, _, found in cases if found]
    if as_json:
        print(json.dumps(_document(cases, realistic, failed), indent=2))
        return 1 if failed else 0
    for title, request, response, found in cases + realistic:
        if response.WhichOneof("outcome") is None:
            console.print(f"[bold]{title}[/bold]")
        else:
            print_response(console, request, response, title)
        for difference in found:
            console.print(f"[red]DIFFERENT from the stated result: {difference}[/red]")
    lines = len({case.line for case in CASES})
    console.print(
        f"{lines} of {STATED_RESULTS} stated results played as {len(cases)} cases, {len(failed)} different;"
        f" {len(realistic)} plans of the realistic account."
    )
    return 1 if failed else 0


def _document(cases: list[Played], realistic: list[Played], failed: list[str]) -> dict[str, Any]:
    return {
        "stated_results": STATED_RESULTS,
        "failed": failed,
        "plans": [
            {
                "title": title,
                "request": MessageToDict(request, preserving_proto_field_name=True),
                "response": MessageToDict(response, preserving_proto_field_name=True),
                "differences": found,
            }
            for title, request, response, found in cases + realistic
        ],
    }
