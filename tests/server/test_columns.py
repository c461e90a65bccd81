"""PlanColumns over a real channel: as by Plan, refusals, hostile bytes, the end of time, callers who go away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from server import bulk, service
from server.client import Client
from server.columns import (
    MAX_COLUMN_ACCOUNTS,
    MAX_COLUMN_ROWS,
    columns_request,
    columns_response,
    read_columns,
    read_plans,
)
from server.conversion import MAX_REQUEST_BYTES
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Budget, InvalidRequest
from solver.bulk import plan_columns, recheck
from solver.columns import Accounts, EventKind, Plans, Refusal, account_of, no_plans
from tests.server.serving import METHOD, details_of, served
from tests.server.test_service import eventually
from tests.unit.test_columns import EACH, accounts

COLUMNS = METHOD.replace("/Plan", "/PlanColumns")
HUGE = np.iinfo(np.int64)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as where:
        yield where


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address) as connected:
        yield connected


def deposits(*amounts: int) -> Accounts:
    """The same account, told apart by its deposits; −1 is none that can be planned."""
    return accounts(*((EventKind.DEPOSIT, amount, 0) for amount in amounts))


def equal(some: Plans, others: Plans) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def traded(response: pb.PlanResponse) -> dict[str, int]:
    found: dict[str, int] = {}
    for order in response.plan.orders:
        for piece in order.parts:
            signed = piece.amount if order.side == pb.SIDE_BUY else -piece.amount
            found[piece.slice_id] = found.get(piece.slice_id, 0) + signed
    return found


@pytest.mark.parametrize("engine", [pb.ENGINE_UNSPECIFIED, pb.ENGINE_KERNEL, pb.ENGINE_HIGHS, pb.ENGINE_AUTO])
def test_every_event_as_by_plan(client: Client, engine: int) -> None:
    """Orders, cash and certificate; the engine that planned is the one that Plan's certificate names."""
    plans, refusals = read_plans(client.columns(columns_request(EACH, engine=engine)))
    assert not refusals
    for a in range(len(EACH.event)):
        alone = client.plan(plan_request(*account_of(EACH, a), engine=engine or pb.ENGINE_KERNEL))
        rows = slice(int(EACH.start[a]), int(EACH.start[a + 1]))
        assert plans.trade[rows].tolist() == [traded(alone).get(str(row), 0) for row in range(5)]
        told = alone.plan.certificate
        assert (plans.cash_after[a], plans.cash_left[a]) == (alone.plan.cash.after, told.cash_left)
        assert (plans.retired_excess[a], plans.quality[a]) == (told.retired_excess, told.quality)
        assert plans.tracking_error[a] == pytest.approx(told.tracking_error, abs=1e-9)
        assert pb.Engine.Name(int(plans.engine[a])) == f"ENGINE_{told.engine}"


@pytest.mark.parametrize("view", [pb.VIEW_UNSPECIFIED, pb.VIEW_ORDERS, pb.VIEW_NODES, pb.VIEW_FULL])
def test_a_view_has_its_columns_and_no_others(client: Client, view: int) -> None:
    columns = accounts(
        *((EventKind.DEPOSIT, 1_000 + a, 0) for a in range(40)), value=[0, 0, 1_900, 1_000, 2_500], m=400
    )
    response = client.columns(columns_request(columns, view, request_id="x" * 128))
    plans, _ = read_plans(response)
    whole = plan_columns(columns).plans
    assert len(whole.multiplier) > 0
    assert response.request_id == "x" * 128
    assert response.solver_version
    assert response.diagnostics.HasField("solve_time")
    for name, expected in whole._asdict().items():
        evidence = name.startswith(("evidence", "cut", "multiplier"))
        left_out = (evidence and view != pb.VIEW_FULL) or (name == "ideal" and view < pb.VIEW_NODES)
        assert getattr(plans, name).tolist() == ([] if left_out else expected.tolist()), name


def test_evidence_from_the_wire_proves_the_plans(client: Client) -> None:
    columns = accounts(*((EventKind.DEPOSIT, 700 + a, 0) for a in range(60)), value=[0, 0, 1_900, 1_000, 2_500], m=400)
    plans, _ = read_plans(client.columns(columns_request(columns, pb.VIEW_FULL)))
    assert [recheck(columns, plans, a) for a in range(60)] == [""] * 60
    assert set(plans.quality.tolist()) == {pb.QUALITY_OPTIMAL}


def test_nothing_is_planned_as_nothing(client: Client) -> None:
    assert len(read_plans(client.columns(columns_request(deposits(1_000)._replace(**nothing()))))[0].quality) == 0


def nothing() -> dict[str, np.ndarray]:
    empty = np.zeros(0, dtype=np.int64)
    return {**dict.fromkeys(Accounts._fields, empty), "start": np.zeros(1, dtype=np.int64)}


def test_a_bad_account_costs_only_its_own_rows(client: Client) -> None:
    """One for each way to be bad, between good ones, over more than a chunk; every other plan is as without it."""
    columns = deposits(*(1_000 + a for a in range(600)))
    columns.amount[7], columns.event[300], columns.event_row[301], columns.parent[5 * 302 + 4] = -1, 9, 3, 7
    columns.amount[303], columns.event[304], columns.amount[304] = HUGE.max, 2, 10**9
    columns.cash[305], columns.min_trade[306], columns.target_weight[5 * 307 + 2] = HUGE.min, -1, -HUGE.max
    columns.value[5 * 599 + 3] = HUGE.max
    response = client.columns(columns_request(columns))
    plans, refusals = read_plans(response)
    bad = [7, *range(300, 308), 599]
    assert [told.account for told in response.refusals] == bad
    assert all(told.reason.isupper() and told.description for told in response.refusals)
    assert refusals[300].reason == "UNKNOWN_EVENT"
    assert "event: is 9; give one of 1 DEPOSIT" in refusals[300].description
    assert refusals[302].description.startswith("parent[4]: ")
    assert refusals[304].reason == "WITHDRAWAL_EXCEEDS_PORTFOLIO"
    assert np.flatnonzero(plans.quality == 0).tolist() == bad
    assert not plans.trade.reshape(-1, 5)[bad].any()
    good = [a for a in range(600) if a not in bad]
    whole = plan_columns(deposits(*(1_000 + a for a in range(600)))).plans
    assert np.array_equal(plans.trade.reshape(-1, 5)[good], whole.trade.reshape(-1, 5)[good])


def test_blocked_sides_are_a_byte_a_row_or_nothing(client: Client) -> None:
    """None at all say the same as zeros; a byte that names no sides costs its own account."""
    columns = deposits(*(1_000 + a for a in range(8)))
    free = columns_request(columns)
    assert not free.blocked
    zeros = columns_request(columns)
    zeros.blocked = bytes(8 * 5)
    assert client.columns(free).trade == client.columns(zeros).trade
    columns.blocked[5 * 2 + 3], columns.blocked[5 * 4 + 4], columns.blocked[5 * 6 + 2] = 1, 255, 3
    request = columns_request(columns)
    assert len(request.blocked) == 8 * 5
    plans, refusals = read_plans(client.columns(request))
    assert {a: (one.reason, one.description.split(":")[0]) for a, one in refusals.items()} == {
        4: ("UNKNOWN_SIDES", "blocked[4]")
    }
    assert np.array_equal(plans.trade, plan_columns(columns).plans.trade)
    assert plans.trade[5 * 2 + 3] == plans.trade[5 * 6 + 2] == 0 < plans.trade[3]


@pytest.mark.parametrize("sides", [256, -1, HUGE.max])
def test_sides_that_no_byte_holds_are_not_sent(sides: int) -> None:
    columns = deposits(1_000)
    columns.blocked[3] = sides
    with pytest.raises(InvalidRequest, match="blocked: has sides that no byte holds"):
        columns_request(columns)


def test_a_refusal_is_no_longer_than_it_says() -> None:
    asked = read_columns(columns_request(deposits(1)).SerializeToString())
    response = columns_response(asked, no_plans(1, 5), {0: Refusal("X", "é" * 300)})
    assert len(response.refusals[0].description.encode()) <= 200
    assert response.refusals[0].description.endswith("é...")


def refused(client: Client, data: bytes, method: str = COLUMNS) -> tuple[str, set[str]]:
    """The reason and the fields of an INVALID_ARGUMENT."""
    with pytest.raises(grpc.RpcError) as caught:
        client.channel.unary_unary(method)(data, timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    info, bad, _ = details_of(caught.value)
    assert bad
    return info.reason, {v.field for v in bad.field_violations}


def spoiled(change: Callable[[pb.PlanColumnsRequest], object]) -> bytes:
    request = columns_request(deposits(1_000, 2_000))
    change(request)
    return request.SerializeToString()


def words(*numbers: int) -> bytes:
    return np.array(numbers, dtype="<i8").tobytes()


BAD = {
    "half a number": (lambda r: setattr(r, "cash", r.cash[:-1]), "NOT_A_COLUMN", "cash"),
    "32 bits": (lambda r: setattr(r, "parent", r.parent[:20]), "NOT_A_COLUMN", "parent"),
    "a missing column": (lambda r: r.ClearField("value"), "WRONG_LENGTH", "value"),
    "a column too long": (lambda r: setattr(r, "amount", r.amount + words(1)), "WRONG_LENGTH", "amount"),
    "blocked sides too few": (lambda r: setattr(r, "blocked", bytes(9)), "WRONG_LENGTH", "blocked"),
    "no start": (lambda r: r.ClearField("start"), "NOT_OFFSETS", "start"),
    "a start beyond": (lambda r: setattr(r, "start", words(0, 5, 10**9)), "WRONG_LENGTH", "parent"),
    "a start that falls": (lambda r: setattr(r, "start", words(0, 12, 10)), "NOT_OFFSETS", "start"),
    "a start below zero": (lambda r: setattr(r, "start", words(-5, 5, 10)), "NOT_OFFSETS", "start"),
    "big-endian": (lambda r: setattr(r, "start", np.array([0, 5, 10], ">i8").tobytes()), "WRONG_LENGTH", "parent"),
    "no such engine": (lambda r: setattr(r, "engine", 99), "NOT_IN_COLUMNS", "engine"),
    "a baseline": (lambda r: setattr(r, "engine", pb.ENGINE_GREEDY_REFILL), "NOT_IN_COLUMNS", "engine"),
    "a second opinion": (lambda r: setattr(r, "engine", pb.ENGINE_REFERENCE), "NOT_IN_COLUMNS", "engine"),
    "no such view": (lambda r: setattr(r, "view", 9), "UNKNOWN_ENUM", "view"),
    "no time": (lambda r: r.time_limit.FromMilliseconds(-1), "OUT_OF_RANGE", "time_limit"),
    "a long id": (lambda r: setattr(r, "request_id", "x" * 129), "ID_TOO_LONG", "request_id"),
    "an unknown field": (lambda r: r.MergeFromString(b"\xfa\x3f\x01x"), "UNKNOWN_FIELD", "PlanColumnsRequest"),
    "an unknown field of the time": (
        lambda r: r.MergeFromString(b"\x1a\x04\xfa\x3f\x01x"),
        "UNKNOWN_FIELD",
        "time_limit",
    ),
    "too many accounts": (
        lambda r: setattr(r, "start", bytes(8 * (MAX_COLUMN_ACCOUNTS + 2))),
        "TOO_MANY_ACCOUNTS",
        "start",
    ),
    "too many rows": (lambda r: setattr(r, "parent", bytes(8 * (MAX_COLUMN_ROWS + 1))), "TOO_MANY_ROWS", "parent"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_column_is_named(client: Client, case: str) -> None:
    change, reason, field = BAD[case]
    found, fields = refused(client, spoiled(change))
    assert (found, field in fields) == (reason, True)


def test_every_bad_column_is_named_at_once(client: Client) -> None:
    def change(request: pb.PlanColumnsRequest) -> None:
        request.cash, request.value, request.view = b"x", b"yy", 7  # type: ignore[assignment]

    assert refused(client, spoiled(change)) == ("INVALID_REQUEST", {"cash", "value", "view"})


def test_offsets_that_fall_by_more_than_a_number_holds(client: Client) -> None:
    """Each of these steps up, if only its last 64 bits are looked at: the rows would lie anywhere in memory."""
    start = [0, HUGE.max, -2, 10]
    assert (np.diff(np.array(start)) >= 0).all()
    hostile = words(*start)
    data = spoiled(lambda r: [setattr(r, n, hostile if n == "start" else words(0, 0, 0)) for n in Accounts._fields[:6]])
    assert refused(client, data) == ("NOT_OFFSETS", {"start"})


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"\xff\xff", "MALFORMED_REQUEST"), (bytes(MAX_REQUEST_BYTES + 1), "REQUEST_TOO_LARGE"), (b"", "NOT_OFFSETS")],
    ids=["garbage", "too large", "empty"],
)
def test_bytes_that_are_no_request(client: Client, data: bytes, reason: str) -> None:
    assert refused(client, data)[0] == reason


@pytest.mark.parametrize("seed", range(6))
def test_any_numbers_are_plans_or_refusals(client: Client, seed: int) -> None:
    """Columns of the right lengths with anything in them: nothing crashes, and what has a plan passes the checker."""
    random = np.random.default_rng(seed)
    columns = deposits(*(1_000 + a for a in range(200)))
    pool = np.array([0, 1, -1, 2, 3, 4, 5, 6, 100, -100, 10**13, 10**13 + 1, HUGE.max, HUGE.min, HUGE.max // 2])
    for name in Accounts._fields[1:]:
        column = getattr(columns, name)
        hit = random.random(len(column)) < 0.02
        column[hit] = random.choice(np.arange(256) if name == "blocked" else pool, int(hit.sum()))
    plans, refusals = read_plans(client.columns(columns_request(columns, pb.VIEW_FULL)))
    assert np.flatnonzero(plans.quality == 0).tolist() == sorted(refusals)
    assert 0 < len(refusals) < 200
    assert np.isfinite(np.concatenate([column for column in plans if column.dtype == np.float64])).all()
    assert [recheck(columns, plans, a) for a in range(200) if a not in refusals] == [""] * (200 - len(refusals))


def test_the_most_that_is_accepted_fits(client: Client, address: str) -> None:
    """Requests at both limits, and their answers in view NODES, all of them refusals or none: gRPC's default will do."""
    rows = MAX_COLUMN_ROWS // MAX_COLUMN_ACCOUNTS
    tree = {"parent": [-1] + [0] * (rows - 1), "target_weight": [1] * rows, "value": [0] + [5_000] * (rows - 1)}
    events = [(EventKind.DEPOSIT, 1_000, 0)] * MAX_COLUMN_ACCOUNTS
    good = accounts(*events, **tree, blocked=[0] + [0, 1] * ((rows - 1) // 2) + [0] * ((rows - 1) % 2))
    bad = good._replace(event=np.full(MAX_COLUMN_ACCOUNTS, HUGE.min))
    assert len(good.parent) > 0.9 * MAX_COLUMN_ROWS
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        for columns, plans in ((good, MAX_COLUMN_ACCOUNTS), (bad, 0)):
            data = columns_request(columns, pb.VIEW_NODES).SerializeToString()
            answer = pb.PlanColumnsResponse.FromString(channel.unary_unary(COLUMNS)(data, timeout=60))
            assert np.count_nonzero(read_plans(answer)[0].quality) == plans
    info = client.info()
    assert (info.max_column_accounts, info.max_column_rows) == (MAX_COLUMN_ACCOUNTS, MAX_COLUMN_ROWS)
    assert 8 * (6 * info.max_column_accounts + 1) + 25 * info.max_column_rows < info.max_request_bytes - 200


class Slow:
    """Stands in for ``plan_columns``: a chunk takes 30 ms."""

    def __init__(self) -> None:
        self.begun = 0

    def __call__(self, columns: Accounts, *_: object) -> object:
        self.begun += 1
        time.sleep(0.03)
        return plan_columns(columns)


def test_the_end_of_time_leaves_the_rest_to_the_caller(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was planned comes, and every other account says that it was not."""
    monkeypatch.setattr(bulk, "plan_columns", Slow())
    columns = deposits(*(1_000 + a for a in range(8_000)))
    request = columns_request(columns)
    request.time_limit.FromMilliseconds(300)
    for response in (client.columns(request), client.columns(columns_request(columns), timeout=0.8)):
        plans, refusals = read_plans(response)
        assert {one.reason for one in refusals.values()} == {"OUT_OF_TIME"}
        first = min(refusals)
        assert list(refusals) == list(range(first, 8_000))
        assert first >= 16
        assert plans.quality.astype(bool).tolist() == [a < first for a in range(8_000)]
        assert len(plans.trade) == len(columns.parent)


class Held:
    """Stands in for ``answer_columns``: counts what it is given, and waits to be cancelled or let go."""

    def __init__(self) -> None:
        self.begun, self.cancelled, self.go_on = 0, 0, threading.Event()

    def __call__(self, data: bytes, deadline: float | None, budget: Budget, *_: object) -> bytes:
        self.begun += 1
        while not budget.cancelled and not self.go_on.wait(0.002):
            pass
        self.cancelled += budget.cancelled
        return b""


def test_cancelling_frees_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    monkeypatch.setattr(service, "answer_columns", held)
    data = columns_request(deposits(5)).SerializeToString()
    with served(workers=1, queue=0) as address, Client(address) as client:
        call = client.channel.unary_unary(COLUMNS).future(data, timeout=30)
        assert eventually(lambda: held.begun == 1)
        call.cancel()
        assert eventually(lambda: held.cancelled == 1)
        held.go_on.set()
        assert eventually(lambda: client.channel.unary_unary(COLUMNS)(data, timeout=10) == b"")


def test_many_at_once_get_their_own_plans(client: Client) -> None:
    books = [deposits(*(1_000 * i + a for a in range(300))) for i in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda book: read_plans(client.columns(columns_request(book, pb.VIEW_FULL)))[0], books))
    assert all(equal(plans, plan_columns(book).plans) for plans, book in zip(found, books, strict=True))


def test_the_readme_prints_what_it_says(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = (Path(__file__).parents[2] / "README.md").read_text().split("```")
    code = next(block for block in blocks if "read_plans" in block).removeprefix("python\n")
    exec(code.replace("127.0.0.1:50051", address), {"__name__": "readme"})
    assert capsys.readouterr().out.strip() == code.rstrip().rsplit("its root: ", 1)[1]
