"""The demo can fail: whatever differs is printed and makes the exit code 1, and its server never outlives it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from server import demo
from server.cases import CASES, Case
from server.client import Client, server_process
from server.demo import differences, play_cases, run_demo
from server.generated.piewise.v1 import allocation_pb2 as pb

DEPOSIT = next(case for case in CASES if case.name == "deposit 3")
NOTHING_TRADES = next(case for case in CASES if not case.expected)


def as_stated(case: Case) -> pb.PlanResponse:
    response = pb.PlanResponse()
    for security, amount in case.expected.items():
        side = pb.SIDE_BUY if amount > 0 else pb.SIDE_SELL
        response.plan.orders.add(security_id=security, side=side, amount=abs(amount))
    response.plan.cash.SetInParent()
    return response


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_stated_is_no_difference(case: Case) -> None:
    assert differences(case, as_stated(case)) == []


def test_a_cent_too_many_is_a_difference() -> None:
    response = as_stated(DEPOSIT)
    response.plan.orders[0].amount += 1
    assert len(differences(DEPOSIT, response)) == 1


def test_the_wrong_side_is_a_difference() -> None:
    response = as_stated(DEPOSIT)
    response.plan.orders[0].side = pb.SIDE_SELL
    assert len(differences(DEPOSIT, response)) == 1


def test_an_order_missing_or_too_many_is_a_difference() -> None:
    response = as_stated(DEPOSIT)
    del response.plan.orders[0]
    response.plan.orders.add(security_id="Security E", side=pb.SIDE_BUY, amount=1)
    assert len(differences(DEPOSIT, response)) == 2


def test_a_trade_of_what_must_be_still_is_a_difference() -> None:
    response = as_stated(DEPOSIT)
    response.plan.nodes.add(slice_id="Pie 1", trade=1)
    assert differences(DEPOSIT, response) == ["Pie 1 must not trade, but does"]


def test_no_plan_is_a_difference_even_where_nothing_should_trade() -> None:
    infeasible = pb.PlanResponse()
    infeasible.infeasible.reason = "because"
    assert differences(NOTHING_TRADES, infeasible) == ["no plan: because"]
    assert differences(NOTHING_TRADES, pb.PlanResponse()) == ["no plan: nothing was planned"]


class Refusing(Client):
    """A client whose server plans no target change."""

    def plan(self, request: pb.PlanRequest, timeout: float | None = 30.0) -> pb.PlanResponse:
        if request.events[0].HasField("target_change"):
            refused = pb.PlanResponse()
            refused.infeasible.reason = "no such thing here"
            return refused
        return super().plan(request, timeout)


def test_a_broken_chain_is_told_and_the_rest_is_played() -> None:
    with server_process() as (address, _), Refusing(address) as client:
        played = {title.split(" (line")[0]: found for title, _, _, found in play_cases(client)}
    assert len(played) == len(CASES)
    chained = {case.name for case in CASES if isinstance(case.start, str)}
    assert {name for name, found in played.items() if found} == chained | {
        case.name for case in CASES if case.name.startswith("targets") and case.name not in chained
    }
    assert played["targets 1.2"] == ["not played: 'targets 1.1' left no portfolio"]


@pytest.mark.parametrize("as_json", [False, True], ids=["tables", "json"])
def test_a_difference_is_printed_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    """What is expected is read where the comparison is made: a stated amount changed by a cent fails the demo."""
    wrong = replace(DEPOSIT, expected=DEPOSIT.expected | {"Security A": DEPOSIT.expected["Security A"] + 1})
    monkeypatch.setattr(demo, "CASES", tuple(wrong if case is DEPOSIT else case for case in CASES))
    assert run_demo(as_json) == 1
    printed = capsys.readouterr().out
    if as_json:
        document = json.loads(printed)
        assert [title.split(" (line")[0] for title in document["failed"]] == ["deposit 3"]
        assert [p["differences"] for p in document["plans"] if p["differences"]] == [
            ["Security A: expected 500001, planned 500000"]
        ]
    else:
        assert "DIFFERENT from the stated result: Security A: expected 500001, planned 500000" in printed
        assert "28 of 28 stated results played as 30 cases, 1 different" in printed


def test_the_server_stops_on_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    @contextmanager
    def watched() -> Iterator[tuple[str, subprocess.Popen[str]]]:
        with server_process() as (address, process):
            started.append(process)
            yield address, process

    def broken(_: Client) -> list[demo.Played]:
        raise RuntimeError("the demo breaks halfway")

    monkeypatch.setattr(demo, "server_process", watched)
    monkeypatch.setattr(demo, "_play_realistic", broken)
    with pytest.raises(RuntimeError, match="halfway"):
        run_demo(False)
    assert [process.poll() for process in started] == [0], "stopped, and in good order"
