"""The shadow: which plans are looked at again, when, what counts as a difference, and what becomes of one."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import structlog
from structlog.testing import capture_logs
from typer.testing import CliRunner

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from server import bulk, service, shadow
from server.answers import answer_plan
from server.cli import app
from server.client import Client
from server.columns import columns_request
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.shadow import Counts, Figures, Shadow, judged, marks_of, plan_again
from solver import Budget, Engine
from solver.bulk import Planned, plan_columns
from solver.columns import Accounts, EventKind, part
from tests.server.serving import served
from tests.server.test_columns import Held, deposits
from tests.server.test_service import eventually
from tests.unit.test_columns import EACH

SECONDS = 30.0  # a process starts, on a machine that has other things to do


def kernel(name: str = "minimum") -> pb.PlanRequest:
    request = pb.PlanRequest()
    request.CopyFrom(example(name))
    request.options.engine, request.request_id = pb.ENGINE_KERNEL, ""
    return request


@pytest.fixture
def looking() -> Iterator[Shadow]:
    with Shadow(1.0) as every:
        yield every


def test_the_kernels_plans_are_looked_at_again(looking: Shadow) -> None:
    """By Plan, by BatchPlan and in columns; plans of other engines are not, nor what has no plan."""
    with served(shadow=looking) as address, Client(address) as client:
        client.plan(kernel())
        client.plan(example("minimum"))
        assert client.plan(kernel("too-much")).HasField("infeasible")
        list(client.batch([kernel("deposit"), example("deposit"), kernel("several")]))
        client.columns(columns_request(EACH))
        client.columns(columns_request(EACH, engine=pb.ENGINE_AUTO))
        list(client.stream_columns([columns_request(deposits(500, -1))]))
        assert eventually(lambda: looking.counts.agreed >= 10, SECONDS)
        told = client.info().shadow
    assert (told.share, told.agreed, told.disagreed, told.undecided, told.dropped) == (1.0, 10, 0, 0, 0)


def test_only_the_kernels_plans_are_taken() -> None:
    with Shadow(1.0) as looking:
        taken: list[object] = []
        looking._take = taken.append  # type: ignore[method-assign,assignment]
        for engine, count in ((Engine.HIGHS, 0), (Engine.AUTO, 0), (Engine.KERNEL, 6)):
            looking.offer_columns(EACH, plan_columns(EACH, engine).plans)
            assert len(taken) == count


def test_it_is_highs_that_plans_again_whatever_was_asked_beside() -> None:
    request = kernel()
    request.options.validate_only, request.options.expected_fingerprint = True, "another"
    assert pb.PlanResponse.FromString(plan_again(request.SerializeToString())).plan.certificate.engine == "HIGHS"


def test_the_process_has_the_lowest_priority() -> None:
    with shadow._process() as pool:
        assert pool.submit(os.nice, 0).result(SECONDS) == 19


def test_without_a_share_nothing_is() -> None:
    with served() as address, Client(address) as client:
        client.plan(kernel())
        client.columns(columns_request(EACH))
        assert client.info().shadow == pb.Shadow()
    assert not [thread for thread in threading.enumerate() if thread.name == "shadow"]


def ready_request(log: list[dict[str, str]]) -> str:
    """The one difference in the log, as the line that can be asked again."""
    told = [entry for entry in log if "disagree" in entry["event"]]
    assert [entry["log_level"] for entry in told] == ["error"]
    first, ready = told[0]["event"].split("\n")
    assert first.startswith("the kernel and HiGHS disagree: ")
    return ready


def planned_by_cli(ready: str) -> dict[str, dict]:
    done = CliRunner().invoke(app, ["plan", "-", "--json"], input=ready)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_a_planted_difference_in_columns_is_logged_as_a_ready_request(
    looking: Shadow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account of six says that it came nearer than it can; the prompt plans what the log says."""

    def planted(columns: Accounts, *told: object) -> Planned:
        found = plan_columns(columns, *told)
        found.plans.tracking_error[2:3] -= 0.4
        return found

    columns = deposits(1_000, 1_100, 1_234, 1_300, 1_400, 1_500)
    monkeypatch.setattr(bulk, "plan_columns", planted)
    with capture_logs() as log, served(shadow=looking) as address, Client(address) as client:
        client.columns(columns_request(columns))
        assert eventually(lambda: sum(client_counts(client)) == 6, SECONDS)
        assert client_counts(client) == (5, 1, 0, 0)
    ready = json.loads(ready_request(log))
    assert ready["options"]["engine"] == "ENGINE_KERNEL"
    assert [event["deposit"]["amount"] for event in ready["events"]] == ["1234"]
    plan = planned_by_cli(ready_request(log))["plan"]
    assert plan["certificate"]["engine"] == "KERNEL"
    assert sum(int(order["amount"]) for order in plan["orders"]) == 700 + 1_234


def client_counts(client: Client) -> tuple[int, ...]:
    told = client.info().shadow
    return told.agreed, told.disagreed, told.undecided, told.dropped


@pytest.mark.parametrize("figure", ["cash_left", "retired_excess", "tracking_error"])
def test_a_planted_difference_of_a_plan(looking: Shadow, monkeypatch: pytest.MonkeyPatch, figure: str) -> None:
    def planted(*told: object) -> pb.PlanResponse:
        response = answer_plan(*told)
        found = response.plan.certificate
        setattr(found, figure, getattr(found, figure) + 1)
        return response

    monkeypatch.setattr(service, "answer_plan", planted)
    request = kernel()
    request.portfolio.root.slices[0].slice_id = 'it\'s "quoted" \\ and ünïcode\n'
    with capture_logs() as log, served(shadow=looking) as address, Client(address) as client:
        client.plan(request)
        assert eventually(lambda: looking.counts == Counts(disagreed=1), SECONDS)
    assert planned_by_cli(ready_request(log))["plan"]["certificate"]["quality"] == "QUALITY_OPTIMAL"


def test_the_log_has_the_request_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """As structlog prints it, so that `grep '^{'` finds it."""
    structlog.get_logger().error("the kernel and HiGHS disagree: why\n" + '{"a": "b"}')
    assert [line.strip() for line in capsys.readouterr().out.splitlines()][-1].startswith('{"a": "b"}')


def test_nothing_is_looked_at_while_callers_wait(looking: Shadow, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    with served(workers=2, shadow=looking) as address, Client(address) as client:
        client.columns(columns_request(deposits(5)))
        assert eventually(lambda: looking.counts == Counts(agreed=1), SECONDS)  # the process has started
        monkeypatch.setattr(service, "answer_columns", held)
        busy = client.channel.unary_unary("/piewise.v1.AllocationService/PlanColumns").future(b"", timeout=30)
        assert eventually(lambda: held.begun == 1)
        client.plan(kernel())
        assert not eventually(lambda: looking.counts.agreed > 1, 0.5)
        held.go_on.set()
        assert busy.result() == b""
        assert eventually(lambda: looking.counts == Counts(agreed=2), SECONDS)


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    idle = threading.Event()
    with Shadow(1.0) as looking:
        looking.begin(idle.is_set)
        columns = deposits(*range(100))
        looking.offer_columns(columns, plan_columns(columns).plans)
        assert looking.counts == Counts(dropped=100 - shadow.MAX_WAITING)
        idle.set()
        assert eventually(lambda: looking.counts.agreed == shadow.MAX_WAITING, SECONDS)
        assert looking.counts.dropped == 100 - shadow.MAX_WAITING


def test_what_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account of five rows has 216 bytes: three of them fit."""
    monkeypatch.setattr(shadow, "MAX_WAITING_BYTES", 700)
    idle = threading.Event()
    with Shadow(1.0) as looking:
        looking.begin(idle.is_set)
        columns = deposits(*range(5))
        plans = plan_columns(columns).plans
        looking.offer_columns(columns, plans)
        assert looking.counts.dropped == 2
        idle.set()
        assert eventually(lambda: looking.counts.agreed == 3, SECONDS)
        looking.offer_columns(columns, plans)  # there is room again
        assert eventually(lambda: looking.counts.agreed >= 4, SECONDS)


def die(_: bytes) -> bytes:
    os._exit(1)


def fail(_: bytes) -> bytes:
    raise ValueError("not today")


@pytest.mark.parametrize("broken", [die, fail])
def test_a_process_that_fails_ends_nothing(looking: Shadow, monkeypatch: pytest.MonkeyPatch, broken: Callable) -> None:
    looking.begin(lambda: True)
    columns = deposits(5)
    plans = plan_columns(columns).plans
    with monkeypatch.context() as patched, capture_logs() as log:
        patched.setattr(shadow, "plan_again", broken)
        looking.offer_columns(columns, plans)
        assert eventually(lambda: looking.counts == Counts(undecided=1), SECONDS)
    assert [entry["log_level"] for entry in log] == ["warning"]
    looking.offer_columns(columns, plans)
    assert eventually(lambda: looking.counts == Counts(undecided=1, agreed=1), SECONDS)


def test_what_ends_takes_no_more() -> None:
    with Shadow(1.0) as looking:
        looking.begin(lambda: True)
    looking.offer_columns(deposits(5), plan_columns(deposits(5)).plans)
    assert looking.counts == Counts(dropped=1)


BEST = Figures(cash_left=3, retired_excess=2, tracking_error=10.0, rounding_slack=0.25, optimal=True)
LATE = replace(BEST, optimal=False)


@pytest.mark.parametrize(
    ("kernel", "highs", "verdict"),
    [
        (BEST, BEST, "agreed"),
        (replace(BEST, tracking_error=10.2), BEST, "agreed"),
        (replace(BEST, tracking_error=9.8), BEST, "agreed"),
        (replace(BEST, tracking_error=10.3), BEST, "disagreed"),
        (replace(BEST, tracking_error=9.7), BEST, "disagreed"),
        (replace(BEST, cash_left=4), BEST, "disagreed"),
        (replace(BEST, retired_excess=1), BEST, "disagreed"),
        (BEST, replace(LATE, tracking_error=12.0), "undecided"),  # HiGHS was stopped
        (BEST, replace(LATE, tracking_error=9.0), "disagreed"),  # better than what is proved to be the best
        (BEST, replace(LATE, tracking_error=9.0, cash_left=0), "undecided"),
        (replace(LATE, tracking_error=12.0), BEST, "undecided"),  # the kernel was stopped
        (replace(LATE, tracking_error=9.0), BEST, "disagreed"),
        (LATE, BEST, "agreed"),
        (BEST, LATE, "agreed"),
        (LATE, LATE, "undecided"),
    ],
)
def test_what_counts_as_a_difference(kernel: Figures, highs: Figures, verdict: str) -> None:
    response = pb.PlanResponse()
    found = response.plan.certificate
    for name in ("cash_left", "retired_excess", "tracking_error", "rounding_slack"):
        setattr(found, name, getattr(highs, name))
    found.quality = pb.QUALITY_OPTIMAL if highs.optimal else pb.QUALITY_FEASIBLE
    assert judged(kernel, response)[0] == verdict


@pytest.mark.parametrize(("reason", "verdict"), [("OUT_OF_TIME", "undecided"), ("NO_PLAN_FOUND", "disagreed")])
def test_no_plan_is_a_difference_unless_there_was_no_time(reason: str, verdict: str) -> None:
    assert judged(BEST, pb.PlanResponse(infeasible=pb.Infeasible(reason=reason)))[0] == verdict


def test_equal_accounts_have_equal_marks_wherever_they_stand() -> None:
    columns = deposits(5, 6, 5, 7)
    marks = marks_of(columns).tolist()
    assert marks[0] == marks[2]
    assert len(set(marks)) == 3
    assert max(marks) < 2**53
    assert marks_of(deposits(7)).tolist() == marks[3:]


def test_every_number_of_an_account_moves_its_mark() -> None:
    one = deposits(5)
    marks = {int(marks_of(one)[0])}
    for name in Accounts._fields[1:]:
        for at in range(len(getattr(one, name))):
            changed = one._replace(**{name: getattr(one, name).copy()})
            getattr(changed, name)[at] += 1
            marks.add(int(marks_of(changed)[0]))
    assert len(marks) == 1 + 5 + 4 * 5


def test_a_share_is_a_share() -> None:
    marks = marks_of(deposits(*range(20_000))) / 2.0**53
    for share in (0.001, 0.1, 0.5):
        assert (marks < share).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 20_000))


def test_the_same_requests_are_chosen_every_time() -> None:
    requests = []
    for amount in range(5_000, 5_060):
        request = kernel()
        request.events[0].deposit.amount = amount
        requests.append(request.SerializeToString())
    chosen = [offered(requests), offered(requests), offered(requests[::-1])]
    assert chosen[0] == chosen[1] == chosen[2]
    assert 0 < len(chosen[0]) < 60


def offered(requests: list[bytes]) -> set[bytes]:
    """Which of ``requests`` a shadow of half of them takes."""
    taken: set[bytes] = set()
    with Shadow(0.5) as half:
        half._take = lambda one: taken.add(one.request().SerializeToString())  # type: ignore[method-assign]
        for data in requests:
            half.offer_plan(data, answer_plan(data, None, Budget(), time.monotonic()))
    return taken


@pytest.mark.parametrize("share", ["2", "-0.1", "nan"])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Shadow(float(share))
    done = CliRunner().invoke(app, ["serve", "--shadow", share])
    assert done.exit_code == 2
    assert "give a share between 0 and 1" in done.output


def test_liquidations_are_looked_at_as_target_changes(looking: Shadow) -> None:
    looking.begin(lambda: True)
    columns = part(EACH, 5, 6)
    assert columns.event.tolist() == [EventKind.LIQUIDATION]
    looking.offer_columns(columns, plan_columns(columns).plans)
    assert eventually(lambda: looking.counts == Counts(agreed=1), SECONDS)
