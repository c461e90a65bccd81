"""Columns to bytes and back, for server and client: what ``solver/columns.py`` lays out, little-endian on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from server.conversion import MAX_ECHOED_BYTES, parse, read_duration
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import SOLVER_VERSION, Engine, InvalidRequest, Violation
from solver.columns import CUTS, EVIDENCE, Accounts, Plans, Refusal, check_columns, no_plans

__all__ = [
    "MAX_COLUMN_ACCOUNTS",
    "MAX_COLUMN_ROWS",
    "Asked",
    "columns_request",
    "columns_response",
    "read_columns",
    "read_plans",
]

# at most so many of both lie in the four megabytes of a request, and in those of an answer of orders, refusals included
MAX_COLUMN_ACCOUNTS = 8_000
MAX_COLUMN_ROWS = 150_000
MAX_DESCRIPTION_BYTES = 200
WORD_BYTES = 8
ENGINES = {
    pb.ENGINE_UNSPECIFIED: Engine.KERNEL,
    pb.ENGINE_KERNEL: Engine.KERNEL,
    pb.ENGINE_HIGHS: Engine.HIGHS,
    pb.ENGINE_AUTO: Engine.AUTO,
}
VIEWS = (pb.VIEW_UNSPECIFIED, pb.VIEW_ORDERS, pb.VIEW_NODES, pb.VIEW_FULL)
WORDS = tuple(name for name in Accounts._fields if name != "blocked")  # which is a byte a row: else both are too many
FULL = ("evidence_start", *EVIDENCE, "cut_start", *CUTS)
ORDERS = tuple(name for name in Plans._fields if name not in ("ideal", *FULL))
WRITTEN = {
    pb.VIEW_UNSPECIFIED: ORDERS,
    pb.VIEW_ORDERS: ORDERS,
    pb.VIEW_NODES: (*ORDERS, "ideal"),
    pb.VIEW_FULL: Plans._fields,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for columns as the solver wants it, and how it wants its answer."""

    accounts: Accounts
    engine: Engine
    time_limit_seconds: float | None
    view: int
    request_id: str


def read_columns(data: bytes) -> Asked:
    """The ``PlanColumnsRequest`` in ``data``; raises ``InvalidRequest`` naming every column and option at fault."""
    message = parse(pb.PlanColumnsRequest, data)
    faults = []
    if len(message.request_id.encode()) > MAX_ECHOED_BYTES:
        faults.append(Violation("request_id", "ID_TOO_LONG", f"is longer than {MAX_ECHOED_BYTES} bytes"))
    if message.engine not in ENGINES:
        told = f"is {message.engine}; columns are planned by KERNEL, HIGHS or AUTO"
        faults.append(Violation("engine", "NOT_IN_COLUMNS", told))
    if message.view not in VIEWS:
        faults.append(Violation("view", "UNKNOWN_ENUM", f"is {message.view}; give ORDERS, NODES or FULL"))
    limit, fault = read_duration(message, "time_limit", "time_limit")
    columns = {name: getattr(message, name) for name in WORDS}
    faults += ([fault] if fault else []) + _column_faults(columns)
    if faults:
        raise InvalidRequest(tuple(faults))
    # copied: what is compiled wants memory that can be written to, though it does not
    words = {name: np.frombuffer(column, "<i8").astype(np.int64) for name, column in columns.items()}
    sides = np.frombuffer(message.blocked or bytes(len(words["parent"])), np.uint8)
    accounts = Accounts(**words, blocked=sides.astype(np.int64))
    check_columns(accounts)
    return Asked(accounts, ENGINES[message.engine], limit, message.view, message.request_id)


def _column_faults(columns: Mapping[str, bytes]) -> list[Violation]:
    faults = [
        Violation(name, "NOT_A_COLUMN", f"has {len(column)} bytes; give int64 values, {WORD_BYTES} bytes each")
        for name, column in columns.items()
        if len(column) % WORD_BYTES
    ]
    accounts, rows = len(columns["start"]) // WORD_BYTES - 1, len(columns["parent"]) // WORD_BYTES
    if accounts > MAX_COLUMN_ACCOUNTS:
        told = f"is of {accounts} accounts; at most {MAX_COLUMN_ACCOUNTS} are planned by one request"
        faults.append(Violation("start", "TOO_MANY_ACCOUNTS", told))
    if rows > MAX_COLUMN_ROWS:
        told = f"has {rows} rows; at most {MAX_COLUMN_ROWS} are planned by one request"
        faults.append(Violation("parent", "TOO_MANY_ROWS", told))
    return faults


def columns_response(asked: Asked, plans: Plans, refusals: Mapping[int, Refusal]) -> pb.PlanColumnsResponse:
    """The answer to ``asked``, with the columns of its view."""
    response = pb.PlanColumnsResponse(request_id=asked.request_id, solver_version=SOLVER_VERSION)
    for name in WRITTEN[asked.view]:  # type: ignore[index]  # an enum is an int
        setattr(response, name, _written(getattr(plans, name)))
    for account, refusal in sorted(refusals.items()):
        told = _shortened(refusal.description)
        response.refusals.add(account=account, reason=refusal.reason, description=told)
    return response


def _written(column: np.ndarray[Any, Any]) -> bytes:
    return column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes()


def _shortened(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_DESCRIPTION_BYTES:
        return text
    return data[: MAX_DESCRIPTION_BYTES - 3].decode("utf-8", "ignore") + "..."


def columns_request(
    accounts: Accounts,
    view: int = pb.VIEW_ORDERS,
    engine: int = pb.ENGINE_UNSPECIFIED,
    request_id: str = "",
) -> pb.PlanColumnsRequest:
    """A ready request; ``accounts`` may be built by ``accounts_from``.

    Raises ``InvalidRequest`` for blocked sides that no byte holds.
    """
    columns: dict[str, Any] = {name: _written(getattr(accounts, name)) for name in WORDS}
    if accounts.blocked.any():
        sides = accounts.blocked.astype(np.uint8)
        if (sides != accounts.blocked).any():
            told = "has sides that no byte holds; give 0, 1 (not bought), 2 (not sold) or 3 (neither)"
            raise InvalidRequest((Violation("blocked", "NOT_A_COLUMN", told),))
        columns["blocked"] = sides.tobytes()
    return pb.PlanColumnsRequest(request_id=request_id, engine=engine, view=view, **columns)  # type: ignore[arg-type]


def read_plans(response: pb.PlanColumnsResponse) -> tuple[Plans, dict[int, Refusal]]:
    """The plans in ``response``, empty columns where its view has none; and by account why there is no plan."""
    kinds = no_plans(0, 0)._asdict()
    columns = {
        name: np.frombuffer(getattr(response, name), empty.dtype.newbyteorder("<")).astype(empty.dtype)
        for name, empty in kinds.items()
    }
    refusals = {told.account: Refusal(told.reason, told.description) for told in response.refusals}
    return Plans(**columns), refusals
