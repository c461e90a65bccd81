"""The command at the prompt: its exit codes, its JSON, its tables, and that both ways to plan are one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from google.protobuf.json_format import MessageToJson, Parse
from typer.testing import CliRunner, Result

from server import answers, cli, service
from server.examples import EXAMPLES, example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.status import Overloaded
from solver import EngineUnavailable, InternalError
from tests.server.serving import served

PLANNED, INFEASIBLE, BAD_REQUEST, UNREACHABLE, INTERNAL = range(5)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as where:
        yield where


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, list(arguments), input=given)


def as_json(request: pb.PlanRequest) -> str:
    return MessageToJson(request, preserving_proto_field_name=True)


def spoilt() -> str:
    request = example("deposit")
    request.portfolio.ClearField("cash")
    return as_json(request)


def test_help_teaches() -> None:
    told = run("--help").output
    assert all(word in told for word in ("example", "plan", "serve", "demo", "Try: piewise example"))
    assert "1 infeasible" in " ".join(run("plan", "--help").output.split())


def test_examples_are_listed() -> None:
    assert run("example").output.split() == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_ready(name: str) -> None:
    """What ``piewise example`` prints is what ``piewise plan -`` takes, in the wire's own names."""
    printed = run("example", name)
    assert Parse(printed.output, pb.PlanRequest()) == example(name)
    assert "slice_id" in printed.output
    planned = run("plan", "-", "--json", given=printed.output)
    assert planned.exit_code == (INFEASIBLE if name == "too-much" else PLANNED)
    assert Parse(planned.output, pb.PlanResponse()).WhichOneof("outcome")


@pytest.mark.parametrize("name", EXAMPLES)
def test_here_and_there_are_one(address: str, name: str) -> None:
    given = as_json(example(name))
    here = Parse(run("plan", "-", "--json", given=given).output, pb.PlanResponse())
    there = Parse(run("plan", "-", "--json", "--address", address, given=given).output, pb.PlanResponse())
    assert here.plan == there.plan
    assert here.infeasible == there.infeasible


def test_planned_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(as_json(example("minimum")))
    result = run("plan", str(file))
    assert result.exit_code == PLANNED
    assert all(word in result.output for word in ("portfolio", "target", "ideal", "drift after", "cash", "OPTIMAL"))


def test_json_keeps_the_view_asked_for() -> None:
    request = example("deposit")
    request.options.view = pb.VIEW_ORDERS
    plan = json.loads(run("plan", "-", "--json", given=as_json(request)).output)["plan"]
    assert plan["orders"]
    assert "nodes" not in plan


def test_infeasible_says_the_most_that_can_be_raised() -> None:
    result = run("plan", "-", given=as_json(example("too-much")))
    assert result.exit_code == INFEASIBLE
    assert "20.00" in result.output


MALFORMED = [
    "",
    "{",
    "null",
    "1",
    '"x"',
    "[]",
    "[1]",
    "[" * 10**5,
    '{"nonsense": 1}',
    '{"portfolio": {"cash": 1e400}}',
    '{"portfolio": {"currency_code": "\\ud800"}}',
    '{"events": [null]}',
    '{"options": {"engine": "ENGINE_MAGIC"}}',
    spoilt(),
]


@pytest.mark.parametrize("given", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("there", [False, True])
def test_bad_request(address: str, given: str, there: bool) -> None:
    result = run("plan", "-", *(["--address", address] if there else []), given=given)
    assert result.exit_code == BAD_REQUEST
    assert result.stderr.strip()
    assert not result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("there", [False, True])
def test_bad_request_names_the_field(address: str, there: bool) -> None:
    result = run("plan", "-", *(["--address", address] if there else []), given=spoilt())
    assert "portfolio.cash" in result.stderr
    assert "MISSING_FIELD" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["plan"], ["plan", "/no/such/file"], ["plan", "."], ["example", "nope"], ["nope"]]
)
def test_bad_use(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == BAD_REQUEST


def test_unreachable() -> None:
    result = run("plan", "-", "--address", "127.0.0.1:1", "--timeout", "2", given=as_json(example("deposit")))
    assert result.exit_code == UNREACHABLE
    assert "piewise serve" in result.stderr


def test_serve_where_it_can_not() -> None:
    try:
        assert run("serve", "--address", "nonsense.invalid:0").exit_code == UNREACHABLE
    finally:
        structlog.reset_defaults()  # its log went to a stream that is closed by now


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InternalError("a bug"), INTERNAL),
        (ZeroDivisionError(), INTERNAL),
        (EngineUnavailable("pip install it"), BAD_REQUEST),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_what_goes_wrong_inside(
    address: str, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, there: bool
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(answers, "plan", fail)
    result = run("plan", "-", *(["--address", address] if there else []), given=as_json(example("deposit")))
    assert result.exit_code == code


def test_a_busy_server(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Overloaded("full")

    monkeypatch.setattr(service, "answer_plan", fail)
    result = run("plan", "-", "--address", address, given=as_json(example("deposit")))
    assert result.exit_code == UNREACHABLE
    assert "try again" in result.stderr


def test_what_nobody_expected_is_not_infeasible(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Callable[[], None]:
        raise KeyError("a bug in a table")

    monkeypatch.setattr(cli, "print_response", fail)
    monkeypatch.setattr(sys, "argv", ["piewise", "plan", "-"])
    monkeypatch.setattr(cli, "_read", lambda _: example("deposit"))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == INTERNAL


@pytest.mark.parametrize("differences", [0, 1])
def test_demo_passes_its_verdict_on(monkeypatch: pytest.MonkeyPatch, differences: int) -> None:
    monkeypatch.setattr(cli, "run_demo", lambda _: differences)
    assert run("demo").exit_code == differences


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_console(encoding: str) -> None:
    """A slice's name may have letters that the console has not."""
    request = example("minimum")
    request.portfolio.root.slices[0].slice_id = "漢字 €"
    result = subprocess.run(
        [sys.executable, "-m", "server.cli", "plan", "-"],
        input=as_json(request).encode(),  # JSON itself is ASCII
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
        timeout=60,
    )
    assert result.returncode == PLANNED, result.stderr.decode()
    assert "OPTIMAL" in result.stdout.decode(encoding)
