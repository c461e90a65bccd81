"""The command: what it prints and its exit codes, as a shell sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from google.protobuf.json_format import MessageToJson

from server.client import server_process
from server.examples import EXAMPLES, example


def piewise(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)


def test_example_lists_and_prints() -> None:
    assert piewise("example").stdout.split() == list(EXAMPLES)
    assert json.loads(piewise("example", "minimum").stdout)["rules"]["min_trade"] == "300"
    assert piewise("example", "nonsense").returncode == 2


def test_plan_here_is_the_plan_there() -> None:
    request = piewise("example", "minimum").stdout
    here = piewise("plan", "-", "--json", text=request)
    with server_process() as (address, _):
        there = piewise("plan", "-", "--json", "--address", address, text=request)
        bad = piewise("plan", "-", "--address", address, text='{"portfolio": {}}')
    assert here.returncode == there.returncode == 0
    assert json.loads(here.stdout)["plan"] == json.loads(there.stdout)["plan"]
    assert bad.returncode == 2
    assert "portfolio.root" in bad.stderr


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("not json", 2, "piewise example"),
        ('{"no_such_field": 1}', 2, "no_such_field"),
        ("{}", 2, "portfolio"),
        ('{"portfolio": {"cash": "1e30"}}', 2, "cash"),
    ],
)
def test_bad_requests(text: str, code: int, said: str) -> None:
    done = piewise("plan", "-", text=text)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_infeasible_unreachable_and_missing() -> None:
    request = piewise("example", "too-much").stdout
    done = piewise("plan", "-", text=request)
    assert done.returncode == 1
    assert "20.00" in done.stdout
    assert piewise("plan", "-", "--address", "127.0.0.1:1", "--timeout", "2", text=request).returncode == 3
    assert piewise("plan", "no/such/file.json").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "-"],  # rich notices
        ["example", "whole-shares"],  # more than a buffer holds: typer does
        ["example"],  # a few lines, which are flushed at the end
    ],
)
def test_a_reader_that_has_gone_is_not_infeasible(arguments: list[str]) -> None:
    request = MessageToJson(example("minimum"))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "server.cli", *arguments]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with os.fdopen(writing, "wb") as unread:
        done = subprocess.run(
            command, input=request, stdout=unread, stderr=subprocess.PIPE, env=env, text=True, timeout=120, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_demo_compares_with_what_is_stated() -> None:
    done = piewise("demo", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["failed"] == []
    assert document["stated_results"] == 28
    assert len(document["plans"]) == 38
