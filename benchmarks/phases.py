"""Phases: where the time of one plan goes, from the request's bytes to the answer at the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from rich.progress import Progress

from benchmarks.instances import Case
from benchmarks.tables import Table, milliseconds
from server.client import Client, server_process
from server.conversion import fingerprint, parse, read_request
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from server.writing import fill_response
from solver import Budget, Engine, Infeasible, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.cents import exact_trades
from solver.certificate import certify
from solver.search import search
from solver.situations import understand

__all__ = ["PHASES", "PHASE_CASES", "Phases", "phase_table", "phases"]

PHASES = ("convert", "problem", "solve", "exact cents", "certify", "whole", "over the wire")
PHASE_CASES = (
    Case((20,), False, True, "deposit 5%", "none"),
    Case((20,), False, True, "deposit 5%", "binding"),
    Case((20,), True, False, "deposit 1%", "binding"),
    Case((5, 10), False, True, "deposit 5%", "binding"),
    Case((5, 10), False, True, "withdrawal 5%", "binding"),
    Case((5, 10), False, True, "rebalance deep", "binding"),
    Case((200,), False, True, "deposit 5%", "binding"),
    Case((1_000,), False, True, "deposit 5%", "binding"),
)
REPEATS = 21

Phases = dict[Case, dict[str, float]]  # least seconds


def _least(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each, all in turn in every round: what else the machine does can only add to them."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(REPEATS):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - started)
    return {name: min(taken) for name, taken in times.items()}


def phases(cases: Sequence[Case], progress: Progress) -> Phases:
    """The least seconds of every phase of every case, with the engine HIGHS and the view that carries orders only."""
    found: Phases = {}
    with server_process() as (address, _), Client(address) as client:
        for case in progress.track(cases, description="phases"):
            portfolio, event, rules = case.posed()
            request = plan_request(portfolio, event, rules.min_trade, pb.VIEW_ORDERS, pb.ENGINE_HIGHS)
            works = _works(request.SerializeToString())
            works["over the wire"] = partial(client.plan, request)
            found[case] = _least(works)
    return found


def _works(data: bytes) -> dict[str, Callable[[], object]]:
    """The phases that need no server, each on what the one before it gave."""
    message = parse(pb.PlanRequest, data)
    asked = read_request(message)
    understood = understand(asked.portfolio, asked.events, asked.rules)
    assert not isinstance(understood, Infeasible)
    problem = build_problem(understood.situation)
    stage = decide_cash(problem)
    outcome = search(stage.cases[0], Budget())
    assert outcome.incumbent is not None
    trades = outcome.incumbent.trades
    sides = np.sign(trades)
    answer = plan(asked.portfolio, asked.events, asked.rules, Engine.HIGHS, explain=False)

    def convert() -> object:
        read_request(parse(pb.PlanRequest, data))
        response = pb.PlanResponse()
        fill_response(response, answer, pb.VIEW_ORDERS, fingerprint(message), message.portfolio)
        return response.SerializeToString(deterministic=True)

    def pose() -> object:
        again = understand(asked.portfolio, asked.events, asked.rules)
        assert not isinstance(again, Infeasible)
        return build_problem(again.situation)

    return {
        "convert": convert,
        "problem": pose,
        "solve": lambda: search(decide_cash(problem).cases[0], Budget()),
        "exact cents": lambda: exact_trades(outcome.problem, sides),
        "certify": lambda: certify(outcome.problem, stage.exact, trades, outcome.branches),
        "whole": lambda: plan(asked.portfolio, asked.events, asked.rules, Engine.HIGHS, explain=False),
    }


def phase_table(measured: Phases) -> Table:
    """Milliseconds by phase."""
    rows = tuple((case.name, *(milliseconds(seconds[p]) for p in PHASES)) for case, seconds in measured.items())
    note = (
        f"Least ms of {REPEATS} runs, engine HIGHS, orders only. Convert: bytes to account, answer to bytes. Solve: "
        "cash, then who trades and the evidence for it, with every call of exact cents (one of them alone: the next "
        "column). Whole: plan(). Over the wire: request to answer at a client on the same machine."
    )
    return Table("Phases of one plan", note, ("case", *PHASES), rows)
