"""The checker where several pies rebalance and what is around them does nothing: what they may leave, to the cent."""

from __future__ import annotations

import pytest

from solver import Events, Holding, Pie, Portfolio, Reach, Rebalance, Slice
from solver.cash import decide_cash
from solver.certificate import broken_rules
from solver.domains import Limits
from solver.ideal import Mode
from solver.problem import Problem
from tests.unit.posing import posed, row, trades

BOTH = (Rebalance("p", event_id="p"), Rebalance("q", event_id="q"))


def leaf(name: str, value: int) -> Slice:
    return Slice(name, 1, Holding(name.upper(), value))


def account(value: int = 50) -> Portfolio:
    """p = 200 + 100 lies in g, beside s; q = 100 + 200 and r lie at the root."""
    p, q = (Slice(n, 1, Pie(inner)) for n, inner in (("p", (leaf("a", 200), leaf("b", 100))),
                                                     ("q", (leaf("c", 100), leaf("d", 200)))))  # fmt: skip
    return Portfolio(Pie((Slice("g", 1, Pie((p, leaf("s", value)))), q, leaf("r", 350))))


def case(m: int, limits: dict[str, Limits] | None = None, events: Events = BOTH) -> Problem:
    """The account once its cash is decided: so much may be left by each pie."""
    (found,) = decide_cash(posed(account(), events, m, limits)).cases
    return found


FORTY, NO_BUY = Limits(40), Limits(30, no_buy=("rule",))
# minimum, limits of slices, trades, broken
LEFT = [
    (30, {}, {"a": -50, "b": 50, "c": 50, "d": -50}, []),
    (30, {}, {"a": -79, "b": 50}, []),  # 29 left in p go up through g, which does nothing itself
    (30, {}, {"a": -80, "b": 50}, ["FLOW_NOT_CONSERVED:p"]),  # 30 could be placed
    (30, {}, {"c": 50, "d": -79}, []),
    (30, {}, {"c": 50, "d": -80}, ["FLOW_NOT_CONSERVED:q"]),
    (30, {}, {"a": -79, "b": 50, "c": 50, "d": -79}, []),
    (30, {}, {"a": -50, "b": 51, "c": 50, "d": -51}, ["FLOW_NOT_CONSERVED:p", "OUTSIDE_EVENT:g"]),  # from q to p
    (30, {}, {"a": -51, "b": 50, "c": 51, "d": -50}, ["FLOW_NOT_CONSERVED:q"]),
    (30, {}, {"a": -50, "b": 51}, ["FLOW_NOT_CONSERVED:p", "FLOW_NOT_CONSERVED:", "OUTSIDE_EVENT:g"]),
    (0, {}, {"a": -50, "b": 50}, []),
    (0, {}, {"a": -51, "b": 50}, ["FLOW_NOT_CONSERVED:p", "FLOW_NOT_CONSERVED:"]),
    # the smallest order is that of the pie itself
    (0, {"a": FORTY, "b": FORTY}, {"a": -89, "b": 50}, []),
    (0, {"a": FORTY, "b": FORTY}, {"a": -90, "b": 50}, ["FLOW_NOT_CONSERVED:p", "FLOW_NOT_CONSERVED:"]),
    (0, {"a": FORTY, "b": FORTY}, {"c": 50, "d": -51}, ["FLOW_NOT_CONSERVED:q"]),
    (0, {"c": FORTY, "d": FORTY}, {"c": 50, "d": -89}, []),
    (0, {"c": FORTY, "d": FORTY}, {"a": -51, "b": 50}, ["FLOW_NOT_CONSERVED:p"]),
    (30, {"a": FORTY, "b": FORTY}, {"a": -89, "b": 50}, []),  # or the minimum of all, whichever is more
    (30, {"a": NO_BUY, "b": NO_BUY}, {"a": -30}, ["FLOW_NOT_CONSERVED:p"]),
]


@pytest.mark.parametrize(("m", "limits", "of", "broken"), LEFT)
def test_what_each_pie_may_leave(m: int, limits: dict[str, Limits], of: dict[str, int], broken: list[str]) -> None:
    problem = case(m, limits)
    assert problem.situation.mode is problem.mode[row(problem, "g")] is Mode.NOTHING
    assert broken_rules(problem, trades(problem, of).tolist()) == broken


@pytest.mark.parametrize(
    ("of", "broken"),
    [
        ({"r": -10}, ["MAY_NOT_SELL:r"]),
        ({"s": -10}, ["MAY_NOT_SELL:s"]),
        ({"s": 10}, ["MAY_NOT_BUY:s", "FLOW_NOT_CONSERVED:", "OUTSIDE_EVENT:g"]),
        ({"s": 10, "a": -10}, ["MAY_NOT_BUY:s"]),
    ],
)
def test_slices_around_them_rest(of: dict[str, int], broken: list[str]) -> None:
    problem = case(0, {"a": FORTY, "b": FORTY, "c": FORTY, "d": FORTY})
    found = broken_rules(problem, trades(problem, of).tolist())
    assert [rule for rule in found if not rule.startswith("BELOW_MINIMUM")] == broken


def test_nothing_is_left_where_nobody_takes_it() -> None:
    """The root rebalances, g inside it is at its target and rests, p inside g is asked: then cash may not go up."""
    events = Rebalance("", Reach.SHALLOW, "all"), Rebalance("p", Reach.DEEP, "p")
    g = Slice("g", 1, Pie((Slice("p", 1, Pie((leaf("a", 200), leaf("b", 100)))), leaf("s", 50))))
    (problem,) = decide_cash(posed(Portfolio(Pie((g, leaf("r", 400), leaf("t", 300)))), events, 30)).cases
    assert problem.mode[row(problem, "g")] is Mode.NOTHING
    for of, broken in (
        ({"a": -50, "b": 50, "r": -50, "t": 50}, []),
        ({"a": -51, "b": 50, "r": -49, "t": 50}, ["FLOW_NOT_CONSERVED:p", "OUTSIDE_EVENT:g"]),
        ({"a": -49, "b": 50, "r": -51, "t": 50}, ["FLOW_NOT_CONSERVED:p", "OUTSIDE_EVENT:g"]),
    ):
        assert broken_rules(problem, trades(problem, of).tolist()) == broken
