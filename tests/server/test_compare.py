"""Compare over a real channel and at the prompt: the optimum, the baselines, and what is wrong with a request for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToJson, Parse

from server import plots
from server.answers import answer_compare
from server.client import Client
from server.conversion import read_request
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.plots import PlotUnavailable, plot_comparison
from server.requests import plan_request
from solver import Budget, Deposit, Engine, Holding, Pie, Plan, Portfolio, Slice, Withdrawal, plan
from tests.server.serving import details_of, served

GREEDY = [pb.ENGINE_GREEDY_TOGETHER, pb.ENGINE_GREEDY_SEQUENTIAL, pb.ENGINE_GREEDY_REFILL]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as client:
        yield client


def compared(request: pb.PlanRequest, *baselines: int) -> pb.CompareResponse:
    wanted = pb.CompareRequest(request=request, baselines=baselines)
    return answer_compare(wanted.SerializeToString(), None, Budget(), 0.0)


def test_the_optimum_and_every_baseline(client: Client) -> None:
    request = example("minimum")
    response = client.compare(pb.CompareRequest(request=request))
    assert response.optimal.plan.certificate.quality == pb.QUALITY_OPTIMAL
    assert [b.engine for b in response.baselines] == GREEDY
    best = response.score.tracking_error
    assert best == response.optimal.plan.certificate.tracking_error > 1
    for tried in response.baselines:
        assert tried.plan.certificate.quality == pb.QUALITY_HEURISTIC
        assert tried.plan.certificate.engine == pb.Engine.Name(tried.engine).removeprefix("ENGINE_")
        assert tried.tracking_error == tried.score.tracking_error == tried.plan.certificate.tracking_error
        assert tried.ratio == pytest.approx(tried.tracking_error / best)
        assert tried.score.orders == len(tried.plan.orders)
        assert tried.score.cash_left == tried.plan.cash.after > 0 or tried.ratio >= 1


def test_killed_orders_are_counted_and_their_cash_is_left() -> None:
    """Three equal empty slices, $10, minimum $4: together each would get $3.33, and nothing is bought."""
    flat = Portfolio(Pie(tuple(Slice(n, 1, Holding(n.upper())) for n in "abc")))
    response = compared(plan_request(flat, Deposit(1_000), 400), pb.ENGINE_GREEDY_TOGETHER)
    (tried,) = response.baselines
    assert (tried.orders_killed, tried.score.cash_left, tried.score.orders) == (3, 1_000, 0)
    assert not tried.broken_rules
    assert (response.score.cash_left, response.score.orders) == (0, 2)
    assert response.score.worst_slice == "c"
    assert response.score.worst_ratio == 0.0


def test_a_withdrawal_that_falls_short_says_so() -> None:
    """Three equal slices of $100, $10 out, minimum $4: three sales of $3.33 are none, and nobody is paid."""
    flat = Portfolio(Pie(tuple(Slice(n, 1, Holding(n.upper(), 10_000)) for n in "abc")), cash=150)
    response = compared(plan_request(flat, Withdrawal(1_150), 400), pb.ENGINE_GREEDY_TOGETHER)
    (tried,) = response.baselines
    assert tried.shortfall == 1_000
    assert (tried.plan.cash.paid_out, tried.plan.cash.after) == (150, 0)
    assert list(tried.broken_rules) == list(tried.plan.certificate.broken_rules) == ["FLOW_NOT_CONSERVED:"]
    assert response.optimal.plan.cash.paid_out == 1_150


def test_a_baseline_is_an_engine_of_plan_too(client: Client) -> None:
    request = example("minimum")
    for engine in GREEDY:
        request.options.engine = engine
        proof = client.plan(request).plan.certificate
        assert (proof.quality, proof.lower_bound) == (pb.QUALITY_HEURISTIC, 0)


def test_the_reference_is_an_engine(client: Client) -> None:
    request = example("minimum")
    ours = client.plan(request).plan
    request.options.engine = pb.ENGINE_REFERENCE
    theirs = client.plan(request).plan
    assert theirs.certificate.engine == "REFERENCE"
    assert theirs.certificate.tracking_error == pytest.approx(ours.certificate.tracking_error)
    assert theirs.certificate.bound_source == pb.BOUND_SOURCE_ENGINE
    assert pb.ENGINE_REFERENCE in client.info().engines


def test_the_kernel_is_an_engine(client: Client) -> None:
    request = example("minimum")
    ours = client.plan(request).plan
    asked = read_request(
        request
    )  # here first: where nothing is cached yet, it compiles for longer than a call may take
    assert isinstance(plan(asked.portfolio, asked.events, asked.rules, Engine.KERNEL), Plan)
    request.options.engine = pb.ENGINE_KERNEL
    theirs = client.plan(request).plan
    assert (theirs.certificate.engine, theirs.certificate.quality) == ("KERNEL", pb.QUALITY_OPTIMAL)
    assert theirs.certificate.tracking_error == pytest.approx(ours.certificate.tracking_error)
    assert pb.ENGINE_KERNEL in client.info().engines


def test_an_infeasible_event_has_no_baselines(client: Client) -> None:
    response = client.compare(pb.CompareRequest(request=example("too-much")))
    assert response.optimal.infeasible.reason == "WITHDRAWAL_EXCEEDS_PORTFOLIO"
    assert not response.baselines
    assert not response.HasField("score")


@pytest.mark.parametrize(
    ("baselines", "field", "reason"),
    [
        ([pb.ENGINE_HIGHS], "baselines[0]", "NOT_A_BASELINE"),
        ([pb.ENGINE_GREEDY_REFILL, pb.ENGINE_UNSPECIFIED], "baselines[1]", "NOT_A_BASELINE"),
        ([pb.ENGINE_GREEDY_REFILL, pb.ENGINE_GREEDY_REFILL], "baselines[1]", "NOT_A_BASELINE"),
        ([99], "baselines[0]", "NOT_A_BASELINE"),
        ([pb.ENGINE_GREEDY_REFILL] * 1_000_000, "baselines[1]", "NOT_A_BASELINE"),
        ([pb.ENGINE_HIGHS] * 1_000_000, "baselines[0]", "NOT_A_BASELINE"),
    ],
)
def test_baselines_that_are_none(client: Client, baselines: list[int], field: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.compare(pb.CompareRequest(request=example("minimum"), baselines=baselines), timeout=5.0)
    info, bad, _ = details_of(caught.value)
    assert (bad.field_violations[0].field, info.reason) == (field, reason)


def test_a_baseline_is_no_optimum_to_compare_with(client: Client) -> None:
    request = example("minimum")
    request.options.engine = pb.ENGINE_GREEDY_REFILL
    with pytest.raises(grpc.RpcError) as caught:
        client.compare(pb.CompareRequest(request=request))
    info, bad, _ = details_of(caught.value)
    assert (bad.field_violations[0].field, info.reason) == ("request.options.engine", "IS_A_BASELINE")


def test_faults_of_the_request_by_their_path(client: Client) -> None:
    request = example("minimum")
    request.portfolio.root.slices[0].target_weight = -1
    with pytest.raises(grpc.RpcError) as caught:
        client.compare(pb.CompareRequest(request=request))
    assert details_of(caught.value)[1].field_violations[0].field == "request.portfolio.root.slices[0].target_weight"
    with pytest.raises(grpc.RpcError) as caught:
        client.compare(pb.CompareRequest())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def piewise(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli", "compare", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)


def test_at_the_prompt(tmp_path: Path) -> None:
    picture = tmp_path / "minimum.png"
    done = piewise("-", "--plot", str(picture), text=MessageToJson(example("minimum")))
    assert done.returncode == 0, done.stderr
    for shown in ("OPTIMAL", "GREEDY_TOGETHER", "GREEDY_SEQUENTIAL", "GREEDY_REFILL", "worst"):
        assert shown in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    done = piewise("-", "--json", text=MessageToJson(example("minimum")))
    assert len(Parse(done.stdout, pb.CompareResponse()).baselines) == 3


def test_at_the_prompt_without_a_plan(tmp_path: Path) -> None:
    done = piewise("-", text=MessageToJson(example("too-much")))
    assert done.returncode == 1
    assert "WITHDRAWAL_EXCEEDS_PORTFOLIO" in done.stdout
    done = piewise("-", "--plot", str(tmp_path / "x.nothing"), text=MessageToJson(example("minimum")))
    assert done.returncode == 2
    assert "can not write" in done.stderr


def test_the_picture_shows_every_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = example("minimum")
    path = tmp_path / "picture.svg"
    plot_comparison(request, compared(request), path)
    drawn = path.read_text()
    assert all(
        f"<!-- {word} -->" in drawn
        for word in ("optimum", "greedy together", "greedy sequential", "greedy refill", "ideal")
    )
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotUnavailable, match=r"pip install 'piewise\[plot\]'"):
        plot_comparison(request, compared(request), path)
    assert plots.INSTALL == "pip install 'piewise[plot]'"


def test_the_picture_of_a_liquidation_shows_what_is_sold(tmp_path: Path) -> None:
    """Every holding before or afterwards, in the account's currency."""
    request = example("liquidation")
    path = tmp_path / "picture.svg"
    plot_comparison(request, compared(request), path)
    drawn = path.read_text()
    assert all(f"<!-- {name} -->" in drawn for name in ("A", "B", "C", "D", "E", "F", "G"))
    assert drawn.count("<!-- USD -->") == 2


@pytest.mark.parametrize(
    ("values", "worst"), [((200, 0), (2.0, "a")), ((300, 300, 0), (0.0, "c")), ((0, 300, 300), (0.0, "a"))]
)
def test_the_worst_is_the_first_of_those_furthest_from_one(values: tuple[int, ...], worst: tuple[float, str]) -> None:
    slices = (Slice(name, 1, Holding(name.upper(), value)) for name, value in zip("abc", values, strict=False))
    score = compared(plan_request(Portfolio(Pie(tuple(slices))), Deposit(0))).score
    assert (score.worst_ratio, score.worst_slice) == worst
