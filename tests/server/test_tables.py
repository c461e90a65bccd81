"""The table of a plan says what the plan says: targets, money, drift in percentage points of the pie."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from rich.console import Console

from server.examples import EXAMPLES, example
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from server.service import answer_plan
from server.tables import print_response
from solver import Budget, Deposit, Holding, Pie, Portfolio, Slice


def told(request: pb.PlanRequest, title: str = "") -> str:
    response = answer_plan(request.SerializeToString(), None, Budget(), time.monotonic())
    console = Console(file=StringIO(), width=160)
    print_response(console, request, response, title)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def row(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split() and line.split()[0] == name)


def test_rows() -> None:
    inner = Pie((Slice("x", 1, Holding("X", 10_000)), Slice("y", 1, Holding("Y", 0))))
    portfolio = Portfolio(Pie((Slice("a", 60, Holding("AAA", 10_000)), Slice("p", 40, inner))))
    text = told(plan_request(portfolio, Deposit(5_000)), "one deposit")
    assert "one deposit" in text
    assert row(text, "a")[:8] == ["a", "60.00%", "100.00", "+50.00", "+50.00", "150.00", "-10.00", "+0.00"]
    assert row(text, "p")[:8] == ["p", "40.00%", "100.00", "-", "-", "100.00", "+10.00", "+0.00"]
    assert row(text, "x")[1] == "50.00%"
    assert row(text, "y")[6] == "-50.00"
    lines = {line.split()[0]: len(line) - len(line.lstrip()) for line in text.splitlines() if line.split()}
    assert lines["portfolio"] < lines["a"] == lines["p"] < lines["x"]
    assert "cash 0.00 + received 50.00 - paid out 0.00 - bought 50.00 + sold 0.00 = 0.00" in text
    assert "OPTIMAL: tracking error 0" in text


@pytest.mark.parametrize("view", [pb.VIEW_ORDERS, pb.VIEW_NODES, pb.VIEW_FULL])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_in_every_view(name: str, view: int) -> None:
    request = example(name)
    request.options.view = view
    assert ("No plan" if name == "too-much" else "OPTIMAL") in told(request)


def test_nothing_solved_is_said() -> None:
    request = example("deposit")
    request.options.validate_only = True
    assert "valid" in told(request)


def test_of_several_events_whose_each_order_is() -> None:
    text = told(example("several"))
    assert row(text, "2")[-4:] == ["withdrawal", "216.28,", "rebalance", "1,235.13"]


def test_a_transfer_is_told_and_is_no_order() -> None:
    """Under the orders: what one slice hands to another of the same security."""
    printed = told(example("shared"))
    assert "AAPL gives my Apple" in printed
    assert sum("AAPL" in line and "sell" in line for line in printed.splitlines()) == 1
