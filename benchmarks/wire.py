"""``python -m benchmarks.wire``: what columns cost on the wire by encoding, and how many accounts are planned a second.

Encodings: the contract's little-endian bytes; the same columns as packed repeated fields; Arrow IPC, where pyarrow is
installed. Each is written and read on both sides, request and answer, from arrays to arrays.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import grpc
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from rich.console import Console

from benchmarks.tables import Table
from server.client import CHANNEL_OPTIONS, Client, server_process
from server.columns import columns_request, columns_response, read_columns, read_plans
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver.bulk import Planned, plan_columns
from solver.columns import Accounts, EventKind, Plans

ACCOUNTS, PIES, SLICES_A_PIE = 6_000, 4, 5
REPEATS = 7
CALLS, IN_FLIGHT = 40, 4
TARGET = 50_000
SIGNED = ("parent", "trade")  # packed as zigzag: a negative number is ten bytes otherwise
Columns = dict[str, "np.ndarray[Any, Any]"]
Way = tuple[Callable[[], bytes], Callable[[bytes], object]]  # to write columns, and to read them


def book(accounts: int = ACCOUNTS, seed: int = 1) -> Accounts:
    """Accounts of 20 slices in 4 pies that have drifted, with a dollar's minimum: deposits, withdrawals, rebalances."""
    random = np.random.default_rng(seed)
    tree = [-1]
    for _ in range(PIES):
        tree += [0] + [len(tree)] * SLICES_A_PIE
    rows = len(tree)
    parent = np.tile(np.array(tree, dtype=np.int64), accounts)
    value = random.lognormal(11.0, 1.0, (accounts, rows)).astype(np.int64)
    value[:, sorted(set(tree) - {-1})] = 0
    event = random.choice([EventKind.DEPOSIT, EventKind.WITHDRAWAL, EventKind.REBALANCE], accounts).astype(np.int64)
    return Accounts(
        start=np.arange(accounts + 1, dtype=np.int64) * rows,
        event=event,
        amount=np.where(event == EventKind.REBALANCE, 0, random.integers(1_000, 50_000, accounts)),
        event_row=np.zeros(accounts, dtype=np.int64),
        cash=random.integers(0, 5_000, accounts),
        min_trade=np.full(accounts, 100),
        parent=parent,
        target_weight=random.integers(1, 100, accounts * rows),
        value=value.ravel(),
        blocked=np.zeros(accounts * rows, dtype=np.int64),
    )


def packed_kinds(columns: Columns, name: str) -> type[Message]:
    """A message of packed repeated fields with the names of ``columns``."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=name, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    message = file.message_type.add(name="Columns")
    for number, (field, column) in enumerate(columns.items(), 1):
        double = column.dtype == np.float64
        kind = kinds.TYPE_DOUBLE if double else kinds.TYPE_SINT64 if field in SIGNED else kinds.TYPE_INT64
        message.field.add(name=field, number=number, label=kinds.LABEL_REPEATED, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{name}.Columns"))


def packed(columns: Columns, name: str) -> Way:
    """How packed fields are written and read."""
    kind = packed_kinds(columns, name)

    def write() -> bytes:
        return kind(**{field: column.tolist() for field, column in columns.items()}).SerializeToString()

    def read(data: bytes) -> object:
        message = kind.FromString(data)
        return {field: np.array(getattr(message, field), dtype=column.dtype) for field, column in columns.items()}

    return write, read


def arrow(columns: Columns) -> Way:
    """How Arrow IPC is written and read, a list a column."""
    import pyarrow as pa  # no dependency of the suite

    def write() -> bytes:
        lists = {
            name: pa.ListArray.from_arrays(np.array([0, len(column)], dtype=np.int32), pa.array(column))
            for name, column in columns.items()
        }
        batch, sink = pa.record_batch(lists), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def read(data: bytes) -> object:
        batch = pa.ipc.open_stream(data).read_next_batch()
        return {name: batch[name].values.to_numpy().copy() for name in columns}

    return write, read


def microseconds(write: Callable[[], bytes], read: Callable[[bytes], object]) -> tuple[float, float, float]:
    """Microseconds an account to write and to read (medians), and bytes an account."""
    writing, reading, data = [], [], b""
    for _ in range(REPEATS):
        started = time.perf_counter()
        data = write()
        written = time.perf_counter()
        read(data)
        writing.append(written - started)
        reading.append(time.perf_counter() - written)
    scale = 1e6 / ACCOUNTS
    return scale * statistics.median(writing), scale * statistics.median(reading), len(data) / ACCOUNTS


def encodings(accounts: Accounts, planned: Planned) -> Table:
    """What each encoding costs, for a request and its answer of orders together."""
    asked = read_columns(columns_request(accounts).SerializeToString())
    request = {name: column for name, column in accounts._asdict().items() if name != "blocked"}  # nothing is: left out
    names = [field.name for field in pb.PlanColumnsResponse.DESCRIPTOR.fields if field.name in Plans._fields]
    written = columns_response(asked, planned.plans, {})
    answer = {name: getattr(planned.plans, name) for name in names if getattr(written, name)}
    ours: tuple[Way, Way] = (
        (lambda: columns_request(accounts).SerializeToString(), read_columns),
        (
            lambda: columns_response(asked, planned.plans, {}).SerializeToString(),
            lambda data: read_plans(pb.PlanColumnsResponse.FromString(data)),
        ),
    )
    ways = {"bytes": ours, "packed repeated": (packed(request, "request"), packed(answer, "answer"))}
    if find_spec("pyarrow"):
        ways["Arrow IPC"] = arrow(request), arrow(answer)
    rows = []
    for name, both in ways.items():
        write, read, size = (sum(column) for column in zip(*(microseconds(*way) for way in both), strict=True))
        rows.append((name, f"{write:.2f}", f"{read:.2f}", f"{write + read:.2f}", f"{size:.0f}"))
    note = f"An account of {PIES * SLICES_A_PIE} slices in {PIES} pies, request and answer, from arrays to arrays."
    return Table("Columns on the wire", note, ("encoding", "write µs", "read µs", "both µs", "bytes"), tuple(rows))


def unary(address: str, accounts: Accounts) -> float:
    """Plans a second by PlanColumns, a few calls in flight, arrays to arrays; the client is this process."""
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary("/piewise.v1.AllocationService/PlanColumns")
        waiting: deque[Any] = deque()
        started = time.perf_counter()
        for _ in range(CALLS):
            waiting.append(call.future(columns_request(accounts).SerializeToString(), timeout=60))
            if len(waiting) == IN_FLIGHT:
                read_plans(pb.PlanColumnsResponse.FromString(waiting.popleft().result()))
        for one in waiting:
            read_plans(pb.PlanColumnsResponse.FromString(one.result()))
        return CALLS * len(accounts.event) / (time.perf_counter() - started)


def stream(address: str, accounts: Accounts) -> float:
    """Plans a second by StreamColumns."""
    with Client(address) as client:
        started = time.perf_counter()
        for response in client.stream_columns(columns_request(accounts) for _ in range(CALLS)):
            read_plans(response)
        return CALLS * len(accounts.event) / (time.perf_counter() - started)


def rates(accounts: Accounts, planned: Planned) -> Table:
    """Plans a second over loopback, server and client on the same machine."""
    started = time.perf_counter()
    plan_columns(accounts)
    alone = len(accounts.event) / (time.perf_counter() - started)
    with server_process() as (address, _):
        unary(address, accounts)  # warm
        measured = {"PlanColumns": unary(address, accounts), "StreamColumns": stream(address, accounts)}
    rows = [(name, f"{rate:,.0f}", f"{TARGET:,}") for name, rate in measured.items()]
    rows.append(("plan_columns, one thread, no wire", f"{alone:,.0f}", "–"))
    proved = int((planned.plans.quality == pb.QUALITY_OPTIMAL).sum())
    note = f"{ACCOUNTS:,} accounts a request, the client on the same cores; {proved} of them proved OPTIMAL."
    return Table("Plans a second over loopback", note, ("what", "plans/s", "target"), tuple(rows))


def main() -> None:
    """Measure and print."""
    accounts = book()
    planned = plan_columns(accounts)
    for table in (encodings(accounts, planned), rates(accounts, planned)):
        table.show(Console(width=100))


if __name__ == "__main__":
    main()
