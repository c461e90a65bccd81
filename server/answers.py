"""Answers to requests as bytes: parse, solve, write. What runs on a worker thread, and at the prompt without a server.

Nothing here knows gRPC or waits for anything; ``deadline`` and ``started`` are ``time.monotonic``'s.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from server.conversion import (
    ENGINES,
    Request,
    fingerprint,
    parse,
    parse_batch,
    parse_marked,
    read_duration,
    read_request,
)
from server.express import planned_at_once
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import FingerprintMismatch
from server.writing import fill_comparison, fill_response
from solver import (
    BASELINES,
    Budget,
    Comparison,
    Engine,
    InvalidRequest,
    Plan,
    RuleCost,
    Violation,
    available,
    check_request,
    compare,
    plan,
    rule_costs,
)
from solver.quick import ready

__all__ = [
    "BATCH_SECONDS",
    "DEFAULT_SECONDS",
    "MAX_BATCH",
    "Batch",
    "answer_at_once",
    "answer_compare",
    "answer_plan",
    "limit_budget",
    "moment_to_stop",
    "read_batch",
    "set_times",
]

DEFAULT_SECONDS = 5.0
BATCH_SECONDS = 60.0
MARGIN_SECONDS, MARGIN_SHARE = 0.050, 0.10  # kept of a caller's deadline for the way back
TELLING_SECONDS_A_BYTE = 5e-7  # and for nodes and reasons, by the size of the request: a second for two megabytes
MAX_BATCH = 1_000
AT_ONCE_BYTES = 8_192  # of a request that is looked at without a worker


def answer_plan(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.PlanResponse:
    """The response to a ``PlanRequest``'s bytes.

    ``budget`` gets its clock here, once the asked limit is known. Raises the solver's typed errors.
    """
    begun = time.monotonic()
    message, mark = parse_marked(data)
    quick = _at_once(message, mark, deadline)
    if quick:
        set_times(quick.diagnostics, started, begun)
        return quick
    request = read_request(message)
    explain = request.view in (pb.VIEW_NODES, pb.VIEW_FULL)
    _set_limits(budget, request, deadline, started, TELLING_SECONDS_A_BYTE * len(data) if explain else 0.0)
    _confirm(message.options.expected_fingerprint, mark)
    response = _headed(message)
    if request.validate_only:
        check_request(request.portfolio, request.events, request.rules, request.engine)
    else:
        account = request.portfolio, request.events, request.rules
        answer = plan(*account, request.engine, budget, explain)
        costs: tuple[RuleCost, ...] = ()
        if request.rule_costs and isinstance(answer, Plan):
            costs = rule_costs(*account, answer, request.engine, budget)
        fill_response(response, answer, request.view, mark, message.portfolio, costs)
    set_times(response.diagnostics, started, begun)
    return response


def answer_at_once(data: bytes, deadline: float | None, started: float) -> pb.PlanResponse | None:
    """The response to a small ``PlanRequest`` where that takes less than to wait for a worker; else nothing.

    What is wrong with a request is for ``answer_plan`` to say.
    """
    begun = time.monotonic()
    if len(data) > AT_ONCE_BYTES or not ready():
        return None
    try:
        response = _at_once(*parse_marked(data), deadline)
    except InvalidRequest:
        return None
    if response:
        set_times(response.diagnostics, started, begun)
    return response


def _at_once(message: pb.PlanRequest, mark: str, deadline: float | None) -> pb.PlanResponse | None:
    """The response where the short way has one, and there is a moment left for it."""
    if message.options.engine != pb.ENGINE_KERNEL or not (ready() or available(Engine.KERNEL)):
        return None
    if deadline is not None and deadline - time.monotonic() < MARGIN_SECONDS:
        return None
    response = _headed(message)
    if message.options.expected_fingerprint not in ("", mark) or not planned_at_once(message, response, mark):
        return None
    return response


def answer_compare(data: bytes, deadline: float | None, budget: Budget, started: float) -> pb.CompareResponse:
    """The response to a ``CompareRequest``'s bytes; as ``answer_plan``. An infeasible event has no baselines either."""
    begun = time.monotonic()
    wanted = parse(pb.CompareRequest, data)
    message = wanted.request
    try:
        request = read_request(message)
        baselines = _baselines(wanted)
        _set_limits(budget, request, deadline, started, TELLING_SECONDS_A_BYTE * len(data) * (1 + len(baselines)))
        response = pb.CompareResponse(optimal=_headed(message))
        if request.validate_only:
            check_request(request.portfolio, request.events, request.rules, request.engine)
        else:
            found = compare(request.portfolio, request.events, request.rules, request.engine, budget, baselines)
            answer = found.optimal if isinstance(found, Comparison) else found
            fill_response(response.optimal, answer, request.view, fingerprint(message), message.portfolio)
            if isinstance(found, Comparison):
                fill_comparison(response, found, request.view, message.portfolio)
    except InvalidRequest as error:  # by its path in what the caller sent
        raise type(error)(tuple(_within("request", v) for v in error.violations)) from error
    set_times(response.optimal.diagnostics, started, begun)
    return response


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch taken apart: the bytes of its requests in order, and the moment by which all must be answered."""

    requests: tuple[bytes, ...]
    deadline: float


def read_batch(data: bytes, deadline: float | None, started: float) -> Batch:
    """The ``BatchPlanRequest`` in ``data``; raises ``InvalidRequest`` for what is wrong with the batch as a whole."""
    message = parse_batch(data)
    violations = []
    if not 0 < len(message.requests) <= MAX_BATCH:
        told = f"has {len(message.requests)} requests; a batch has 1 to {MAX_BATCH}"
        violations.append(Violation("requests", "BATCH_SIZE", told))
    seen: dict[str, int] = {}
    for i, request in enumerate(message.requests[:MAX_BATCH]):
        first = seen.setdefault(request.request_id, i) if request.request_id else i
        if first != i:
            told = f"is also the id of requests[{first}]; give each its own, or none"
            violations.append(Violation(f"requests[{i}].request_id", "DUPLICATE_REQUEST_ID", told))
    limit, fault = read_duration(message, "time_limit", "time_limit")
    violations += [fault] if fault else []
    if violations:
        raise InvalidRequest(tuple(violations))
    end = moment_to_stop(started, BATCH_SECONDS if limit is None else limit, deadline)
    return Batch(tuple(request.SerializeToString() for request in message.requests), end)


def _confirm(expected: str, mark: str) -> None:
    if expected and expected != mark:
        told = f"options.expected_fingerprint is not this request's, {mark}: the account or the solver has changed"
        raise FingerprintMismatch(f"{told}; show the new plan")


def _baselines(wanted: pb.CompareRequest) -> tuple[Engine, ...]:
    violations = [
        Violation(
            f"baselines[{i}]", "NOT_A_BASELINE", f"is {engine}; give GREEDY_TOGETHER, _SEQUENTIAL or _REFILL, each once"
        )
        for i, engine in enumerate(wanted.baselines[: len(BASELINES) + 1])  # of more, one of the first is at fault
        if ENGINES.get(engine) not in BASELINES or engine in wanted.baselines[:i]
    ]
    if ENGINES[wanted.request.options.engine] in BASELINES:  # every ratio would be to something that is no optimum
        told = "is a baseline; what the baselines are compared with is AUTO's plan, HIGHS's or REFERENCE's"
        violations.append(Violation("options.engine", "IS_A_BASELINE", told))
    if violations:
        raise InvalidRequest(tuple(violations))
    return tuple(ENGINES[engine] for engine in wanted.baselines) or BASELINES


def _within(at: str, fault: Violation) -> Violation:
    inside = not fault.field.startswith("baselines")
    return Violation(f"{at}.{fault.field}" if inside else fault.field, fault.reason, fault.description)


def _set_limits(budget: Budget, request: Request, deadline: float | None, started: float, told: float) -> None:
    limit_budget(budget, request.time_limit_seconds, request.work_limit, deadline, started, told)


def limit_budget(
    budget: Budget, seconds: float | None, work: int, deadline: float | None, started: float, told: float = 0.0
) -> None:
    """Give ``budget`` its clock: ``seconds`` from ``started`` on, and what the caller's ``deadline`` leaves."""
    end = moment_to_stop(started, seconds or DEFAULT_SECONDS, deadline, told)
    budget.seconds_left = lambda: end - time.monotonic()
    budget.work_limit = work or budget.work_limit


def moment_to_stop(started: float, seconds: float, deadline: float | None, told: float = 0.0) -> float:
    """The moment to stop: after ``seconds``, or before the caller's deadline by what the way back and telling take."""
    if deadline is None:
        return started + seconds
    return min(started + seconds, deadline - max(MARGIN_SECONDS, MARGIN_SHARE * (deadline - started)) - told)


def _headed(message: pb.PlanRequest) -> pb.PlanResponse:
    """A response with what is echoed."""
    portfolio = message.portfolio
    return pb.PlanResponse(
        request_id=message.request_id, portfolio_id=portfolio.portfolio_id, portfolio_version=portfolio.version
    )


def set_times(diagnostics: pb.Diagnostics, started: float, begun: float) -> None:
    """Write how long a request waited, from ``started`` to ``begun``, and how long it has been answered since."""
    for written, seconds in (
        (diagnostics.queue_time, begun - started),
        (diagnostics.solve_time, time.monotonic() - begun),
    ):
        duration: Duration = written
        duration.seconds, duration.nanos = divmod(int(seconds * 1e9), 10**9)
