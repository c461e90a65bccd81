"""Exact cents: J, its marginals, the rounded start and the exchange, on accounts whose optimum is found by hand.

The exchange repairs whatever the start got wrong, a cent at a time, so each is tested without the other: the start on
thousands of dollars, where it must come within a cent, the exchange from plans that are far off.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from solver import Deposit, Event, Holding, Pie, Portfolio, Rebalance, Slice, Withdrawal
from solver.cents import (
    TIE,
    _best_pair,
    _crossing,
    _improves,
    _rounded,
    _Search,
    exact_trades,
    leaf_intervals,
    marginals,
    retired_excess,
    tracking_error,
)
from solver.domains import Limits
from solver.problem import CLOSES, Problem
from tests.unit.posing import by_id, flat, posed, proceeds, row, trades, two_pies

SOON = 5  # seconds


@pytest.fixture(autouse=True)
def _ends_soon() -> Iterator[None]:
    """Everything here is done in milliseconds; a loop that does not get on fails instead of hanging."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"not done after {SOON} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SOON)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def searching(problem: Problem, sides: Mapping[str, int] | None = None) -> _Search:
    """A search in which the leaves not named in ``sides`` trade nothing."""
    search = _Search(problem, *leaf_intervals(problem, None if sides is None else trades(problem, sides)))
    assert search.bounded()
    return search


# --- J and its marginals ---------------------------------------------------------------------------------------------

OVERWEIGHT = flat((3, 100), (1, 100))  # deposit 100: ideal 100 and 0, w A° = 225 and 75, s_B = 4/9
THIRDS = flat((1, 0), (1, 0), (1, 0))  # deposit 100: ideal 33⅓, w A° = 33⅓
RETIRED = flat((1, 100), (1, 140), (0, 50))  # withdrawal 80: ideal 0, −30, −50; w A° = 105 for both on target


@pytest.mark.parametrize(
    ("portfolio", "event", "of", "error"),
    [
        (OVERWEIGHT, Deposit(100), {"A": 100}, 0.0),
        (OVERWEIGHT, Deposit(100), {"A": 99, "B": 1}, 1 / 225 + 1 / 75 + 8 / 9),
        (THIRDS, Deposit(100), {"A": 34, "B": 33, "C": 33}, (4 / 9 + 1 / 9 + 1 / 9) / (100 / 3)),
        (RETIRED, Withdrawal(80), {"B": -30, "C": -50}, 0.0),
        (RETIRED, Withdrawal(80), {"B": -37, "C": -43}, 49 / 105),
        (RETIRED, Withdrawal(80), {"A": -3, "B": -27, "C": -50}, 9 / 105 + 9 / 105 + 2 * 10 / 105 * 3),
    ],
)
def test_tracking_error(portfolio: Portfolio, event: Event, of: dict[str, int], error: float) -> None:
    """Deviations squared over w A°, and 2s for touching a slice that the ideal leaves alone; retired slices count not."""
    problem = posed(portfolio, event)
    assert tracking_error(problem, trades(problem, of)) == pytest.approx(error)


@pytest.mark.parametrize(
    ("withdrawn", "sold", "excess"), [(80, 50, 0), (80, 43, 7), (80, 0, 50), (20, 20, 0), (20, 25, 0), (20, 18, 2)]
)
def test_retired_excess(withdrawn: int, sold: int, excess: int) -> None:
    """C = 50 should keep nothing of a withdrawal of 80, 30 of one of 20; less than that is no credit."""
    problem = posed(RETIRED, Withdrawal(withdrawn))
    assert retired_excess(problem, trades(problem, {"C": -sold})) == excess


def around(problem: Problem, of: dict[str, int]) -> tuple[list[float], list[float]]:
    rows = problem.children[0]
    up, down = marginals(problem, rows, trades(problem, of), problem.flow_min, problem.flow_max)
    return up.tolist(), down.tolist()


def test_a_marginal_is_the_change_of_error_by_one_cent() -> None:
    """A two below its ideal at 98, B two above at 2, where the slope costs 8/9 a cent."""
    up, down = around(posed(OVERWEIGHT, Deposit(100)), {"A": 98, "B": 2})
    assert up == pytest.approx([(1 - 4) / 225, (9 - 4) / 75 + 8 / 9])
    assert down == pytest.approx([(9 - 4) / 225, (1 - 4) / 75 - 8 / 9])


def test_a_marginal_counts_parts_of_cents() -> None:
    """From 33, a third below the ideal: (⅔)² − (⅓)² = ⅓ up and (4/3)² − (⅓)² = 5/3 down, over 33⅓."""
    up, down = around(posed(THIRDS, Deposit(100)), {"A": 33, "B": 33, "C": 34})
    assert up == pytest.approx([0.01, 0.01, 0.07])
    assert down == pytest.approx([0.05, 0.05, -0.01])


def test_a_marginal_is_infinite_where_an_interval_ends() -> None:
    up, down = around(posed(OVERWEIGHT, Deposit(100)), {"A": 100})
    assert up == [np.inf, pytest.approx(1 / 75 + 8 / 9)]
    assert down == [pytest.approx(1 / 225), np.inf]


def test_a_retired_slice_costs_nothing_to_move() -> None:
    up, down = around(posed(RETIRED, Withdrawal(80)), {"B": -60, "C": -20})
    assert (up[2], down[2]) == (0.0, 0.0)


# --- intervals -------------------------------------------------------------------------------------------------------


def intervals(problem: Problem, sides: dict[str, int] | None) -> dict[str, tuple[int, int]]:
    low, high = leaf_intervals(problem, None if sides is None else trades(problem, sides))
    return {i: (int(low[r]), int(high[r])) for r, i in enumerate(problem.tree.slice_ids) if i}


def test_a_side_is_an_interval() -> None:
    """Of two pies worth 450 under a minimum of 45: a = 150 buys, b = 50 sells, c = 60 rests, d = 40 sells whole or not."""
    problem = posed(two_pies(), Rebalance(), m=45)
    assert intervals(problem, {"a": 1, "b": -1, "d": -1}) == {
        "p": (-200, 450), "a": (45, 450), "b": (-50, -45), "q": (-100, 450), "c": (0, 0), "d": (-40, -40), "r": (0, 0),
    }  # fmt: skip


def test_the_sale_of_all_is_a_point_beside_that_of_a_part() -> None:
    problem = posed(flat((1, 150), (1, 50)), Rebalance(), m=10, limits={"A": Limits(10, least=40)})
    assert intervals(problem, {"A": -1}) == {"A": (-110, -10), "B": (0, 0)}
    assert intervals(problem, {"A": CLOSES, "B": 1}) == {"A": (-150, -150), "B": (10, 200)}


@pytest.mark.parametrize(("m", "sides"), [(0, {}), (1, {}), (1, {"A": 1}), (45, None)])
def test_without_a_minimum_a_leafs_domain_is_one_interval(m: int, sides: dict[str, int] | None) -> None:
    problem = posed(flat((1, 150), (1, 50)), Rebalance(), m=m)
    assert intervals(problem, sides) == {"A": (-150, 200), "B": (-50, 200)}


# --- the start: within a cent of the continuous optimum --------------------------------------------------------------

K = 1_000  # large amounts: a cent at a time, nobody would get there


def nested(a: int, b: int, r: int) -> Portfolio:
    p = Pie((Slice("a", 1, Holding("A", a)), Slice("b", 1, Holding("B", b))))
    return Portfolio(Pie((Slice("p", 1, p), Slice("r", 1, Holding("R", r)))))


def overweight_pie() -> Portfolio:
    p = Pie((Slice("a", 1, Holding("A", 390 * K)), Slice("b", 1, Holding("B", 390 * K))))
    return Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, Holding("Q", 0)), Slice("r", 1, Holding("R", 0)))))


STARTS = [
    # A rests: its 1000 of 4000 go to B and C by weight
    (flat((1, 0), (1, 0), (2, 0)), Deposit(4 * K * K), 2, {"B": 1, "C": 1}, {"B": 1_333_333, "C": 2_666_667}),
    # the minimum of 300 lifts A above its 200 of 1000; B and C share the rest
    (flat((1, 0), (2, 0), (2, 0)), Deposit(K * K), 300 * K, {"A": 1, "B": 1, "C": 1}, {"A": 300 * K, "B": 350 * K, "C": 350 * K}),
    # A rests, C is overweight at 600: B = 800 and C = 600 + 200 end level
    (flat((1, 0), (1, 0), (1, 600 * K)), Deposit(K * K), 2, {"B": 1, "C": 1}, {"B": 800 * K, "C": 200 * K}),
    # C rests: A = 100 and B = 1000 raise 1020 between them and end level at 40
    (flat((1, 100 * K), (1, K * K), (1, K * K)), Withdrawal(1_020 * K), 2, {"A": -1, "B": -1}, {"A": -60 * K, "B": -960 * K}),
    # of 4000, p should get 2000; a rests, so t/1000 + (t − 1000)/2000 = (1000 − t)/2000 for b = 1000 + t: t = 500
    (nested(0, 0, 0), Deposit(4 * K * K), 2, {"b": 1, "r": 1}, {"p": 1_500 * K, "b": 1_500 * K, "r": 2_500 * K}),
    # the same the other way round
    (nested(2 * K * K, 2 * K * K, 4 * K * K), Withdrawal(4 * K * K), 2, {"b": -1, "r": -1}, {"p": -1_500 * K, "b": -1_500 * K, "r": -2_500 * K}),
    # r rests; with y into p: q's (650 − y)/W = y/W + s + y/780, W = 2080/3, s W = 130, so y = 180
    (overweight_pie(), Deposit(1_300 * K), 2, {"a": 1, "b": 1, "q": 1}, {"p": 180 * K, "a": 90 * K, "b": 90 * K, "q": 1_120 * K}),
]  # fmt: skip


def started(search: _Search) -> dict[str, int]:
    search.round_down_the_tree()
    return {i: int(f) for i, f in by_id(search.problem, search.flows).items() if f}


@pytest.mark.parametrize(("portfolio", "event", "m", "sides", "flows"), STARTS)
def test_the_start_is_the_continuous_optimum(
    portfolio: Portfolio, event: Event, m: int, sides: dict[str, int], flows: dict[str, int]
) -> None:
    assert started(searching(posed(portfolio, event, m), sides)) == pytest.approx(flows, abs=1)


def test_the_start_counts_what_a_pie_received_itself() -> None:
    """a rests: b = 100 + t takes p's own 100 and t from above, t/100 + (t − 100)/200 = (100 − t)/200: t = 50."""
    flows = {"p": 50 * K, "b": 150 * K, "r": 250 * K}
    assert started(searching(proceeds(unit=K, m=2), {"b": 1, "r": 1})) == pytest.approx(flows, abs=1)


@pytest.mark.parametrize(
    ("bound", "least", "flow"), [("flow_max", 0, 40 * K), ("flow_max", 50, 40 * K), ("flow_min", 0, 70 * K)]
)
def test_the_start_keeps_to_a_pies_own_interval(bound: str, least: int, flow: int) -> None:
    """Where p may take at most 40, or must take at least 70, it does; r takes what is over."""
    problem = proceeds(unit=K, m=2)
    ends = getattr(problem, bound).copy()
    ends[row(problem, "p")] = flow
    flows = {"p": flow, "b": 100 * K + flow, "r": 300 * K - flow}
    assert started(searching(replace(problem, **{bound: ends}), {"b": 1, "r": 1})) == pytest.approx(flows, abs=1)


def test_the_start_moves_retired_slices_freely() -> None:
    """B rests: the retired C is felt by nobody and gives all it can, A what is missing, its least order at least."""
    portfolio = flat((1, 100 * K), (1, 140 * K), (0, 50 * K))
    for withdrawn, a, c in ((80 * K, -30 * K, -50 * K), (40 * K, -2, 2 - 40 * K)):
        problem = posed(portfolio, Withdrawal(withdrawn), m=2)
        assert started(searching(problem, {"A": -1, "C": -1})) == pytest.approx({"A": a, "C": c}, abs=1)


# 300 in three thirds: ideal A −35, B +31, C +4; C rests under the minimum of 10, so up to 4 may stay as cash
CASH = flat((1, 135 * K), (1, 69 * K), (1, 96 * K))
LEFT = [(9, -35, 31), (4, -35, 31), (2, -34, 32), (0, -33, 33)]


@pytest.mark.parametrize(("spare", "a", "b"), LEFT)
def test_the_start_leaves_the_cash_that_is_free(spare: int, a: int, b: int) -> None:
    """With cash to spare A and B trade their ideals; with less, they share the missing cents."""
    problem = replace(posed(CASH, Rebalance(), m=10 * K), spare=spare * K)
    flows = ({"": (a + b) * K} if a + b else {}) | {"A": a * K, "B": b * K}
    assert started(searching(problem, {"A": -1, "B": 1})) == pytest.approx(flows, abs=1)


def test_cash_held_is_placed_before_any_is_left() -> None:
    """330 with 15 of cash: ideal A −40, B +41, C +14 under the minimum of 20, so 14 of the 15 stay."""
    problem = replace(
        posed(flat((1, 150 * K), (1, 69 * K), (1, 96 * K), cash=15 * K), Rebalance(), m=20 * K), spare=19 * K
    )
    assert started(searching(problem, {"A": -1, "B": 1})) == pytest.approx(
        {"": -14 * K, "A": -40 * K, "B": 41 * K}, abs=1
    )


# --- the exchange: from wherever it starts ---------------------------------------------------------------------------


def exchanged(search: _Search, start: dict[str, int]) -> dict[str, int]:
    search.flows[:] = trades(search.problem, start)
    search.exchange()
    return {i: int(f) for i, f in by_id(search.problem, search.flows).items() if f}


@pytest.mark.parametrize("start", [{"A": 100}, {"B": 60, "C": 40}, {"A": 20, "B": 20, "C": 60}])
def test_cents_are_exchanged_until_slices_are_even(start: dict[str, int]) -> None:
    assert sorted(exchanged(searching(posed(THIRDS, Deposit(100))), start).values()) == [33, 33, 34]


@pytest.mark.parametrize("start", [{"B": 100}, {"A": 50, "B": 50}, {"A": 100}])
def test_two_slices_exchange_too(start: dict[str, int]) -> None:
    assert exchanged(searching(posed(OVERWEIGHT, Deposit(100))), start) == {"A": 100}


@pytest.mark.parametrize(
    "start", [{"p": 40, "a": 40}, {"r": 40}, {"p": 20, "a": 20, "r": 20}, {"p": 24, "b": 24, "r": 16}]
)
def test_a_cent_given_to_a_pie_goes_to_its_neediest_leaf(start: dict[str, int]) -> None:
    """40 in p = {a, b} and r, all empty: 20 for p, 10 of it each, and 20 for r."""
    assert exchanged(searching(posed(nested(0, 0, 0), Deposit(40))), start) == {"p": 20, "a": 10, "b": 10, "r": 20}


@pytest.mark.parametrize("start", [{"p": 40, "b": 40}, {"p": 2, "b": 2, "r": 38}])
def test_a_pie_counts_what_its_leaves_cost(start: dict[str, int]) -> None:
    """a rests: as in the start above, b = 15 and r = 25."""
    search = searching(posed(nested(0, 0, 0), Deposit(40), m=2), {"b": 1, "r": 1})
    assert exchanged(search, start) == {"p": 15, "b": 15, "r": 25}


SMALL_CASH = flat((1, 135), (1, 69), (1, 96))


@pytest.mark.parametrize(
    "start",
    [{"A": -33, "B": 33}, {"": -9, "A": -40, "B": 31}, {"": -9, "A": -35, "B": 26}, {"": -4, "A": -35, "B": 31}],
)
def test_cash_is_exchanged_too(start: dict[str, int]) -> None:
    """A −35 and B +31 leave 4, whether all of it was placed before or more was left."""
    problem = replace(posed(SMALL_CASH, Rebalance(), m=10), spare=9)
    assert exchanged(searching(problem, {"A": -1, "B": 1}), start) == {"": -4, "A": -35, "B": 31}


@pytest.mark.parametrize(("spare", "left"), [(0, 0), (2, -2), (3, -3)])
def test_no_more_cash_is_left_than_may_be(spare: int, left: int) -> None:
    problem = replace(posed(SMALL_CASH, Rebalance(), m=10), spare=spare)
    assert exchanged(searching(problem, {"A": -1, "B": 1}), {"A": -33, "B": 33}).get("", 0) == left


def test_no_more_is_bought_than_there_is_money() -> None:
    """100 for A = 20 and B = 80 under a minimum of 50: B stays 30 short, and there is no more."""
    search = searching(posed(flat((1, 0), (4, 0)), Deposit(100), m=50), {"A": 1, "B": 1})
    assert exchanged(search, {"A": 50, "B": 50}) == {"A": 50, "B": 50}


# --- all of it -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "m", "sides", "of"),
    [
        (Deposit(100), 30, {"A": 1, "B": 1}, {"A": 70, "B": 30}),
        (Deposit(100), 50, {"A": 1, "B": 1}, {"A": 50, "B": 50}),
        (Deposit(100), 51, {"A": 1, "B": 1}, None),
        (Deposit(100), 30, {}, None),
        (Deposit(100), 30, {"B": 1}, {"B": 100}),
        (Withdrawal(100), 30, {"A": -1, "B": -1}, {"A": -30, "B": -70}),
        (Withdrawal(101), 30, {"B": -1}, None),
    ],
)
def test_sides_either_sum_up_or_do_not(event: Event, m: int, sides: dict[str, int], of: dict[str, int] | None) -> None:
    """OVERWEIGHT: a deposit of 100 belongs to A, a withdrawal of 100 takes 75 of B's 100 and 25 of A's."""
    problem = posed(OVERWEIGHT, event, m)
    found = exact_trades(problem, trades(problem, sides))
    assert (None if found is None else found.tolist()) == (None if of is None else trades(problem, of).tolist())


def test_an_empty_interval_has_no_plan() -> None:
    """A = 100 may stay at 80 at most, so it can not rest, though 60 of cash would make up for it in the sum."""
    problem = replace(posed(flat((1, 100), (1, 200)), Rebalance(), limits={"A": Limits(2, most=80)}), spare=60)
    assert exact_trades(problem, trades(problem, {"B": -1})) is None


def test_pies_have_no_trades_of_their_own() -> None:
    problem = posed(nested(0, 0, 0), Deposit(40))
    found = exact_trades(problem, None)
    assert found is not None
    assert found.tolist() == trades(problem, {"a": 10, "b": 10, "r": 20}).tolist()


# --- the small parts -------------------------------------------------------------------------------------------------

FLOW, AT = np.array([0.0, 10.0, 10.0, 40.0]), np.array([1.0, 2.0, 4.0, 7.0])  # rests at 10 from 2 to 4


@pytest.mark.parametrize(
    ("level", "side", "multiplier"),
    [(5.0, "left", 1.5), (20.0, "right", 5.0), (10.0, "left", 2.0), (10.0, "right", 4.0), (0.0, "left", 1.0), (0.0, "right", 1.0),
     (40.0, "left", 7.0), (40.0, "right", 7.0)],
)  # fmt: skip
def test_where_a_curve_crosses_a_level(level: float, side: Literal["left", "right"], multiplier: float) -> None:
    assert _crossing(FLOW, AT, level, side) == pytest.approx(multiplier)


@pytest.mark.parametrize(
    ("real", "total", "low", "high", "whole"),
    [
        ([1.2, 1.4, 1.4], 4, 0, 9, [1, 2, 1]),
        ([10.2, 1.4], 12, 0, 99, [10, 2]),
        ([1.8, 1.6, 1.6], 5, 0, 9, [2, 1, 2]),
        ([0.0, 0.0], 50, 0, (3, 100), [3, 47]),
        ([9.0, 9.0], 10, (8, 0), 20, [8, 2]),
        ([5.0, 2.6], 9, 0, (5, 10), [5, 4]),
        ([5.0, 8.4], 12, (5, 0), 10, [5, 7]),
        ([-1.5, -2.5, -2.0], -6, -9, 0, [-2, -2, -2]),
        ([7.0], 7, 0, 9, [7]),
    ],
)  # fmt: skip
def test_rounded_to_a_sum(real: list[float], total: int, low: object, high: object, whole: list[int]) -> None:
    """Who lags most gets the missing cent, the earlier of equals, and nobody leaves its interval."""
    ends = [np.broadcast_to(np.array(end, dtype=np.int64), len(real)) for end in (low, high)]
    assert _rounded(np.array(real), total, ends[0], ends[1]).tolist() == whole


def test_a_change_within_rounding_is_a_tie() -> None:
    assert not _improves(0.0, 1.0)
    assert not _improves(-TIE, 1.0)
    assert _improves(-2.0 * TIE, 1.0)


@pytest.mark.parametrize(
    ("up", "down", "pair"),
    [
        ([1.0, 3.0], [-1.5, -2.0], (0, 1)),
        ([3.0, 1.0, 2.0], [-0.5, 0.0, 4.0], None),
        ([3.0, 1.0, 2.0], [-1.5, 0.0, -1.2], (1, 0)),
        ([1.0, 3.0], [-0.9, -1.0], None),
        ([1.0, 3.0], [-0.9, -1.0 - TIE], None),  # less than the last place of what is added up
        ([0.0, 3.0], [0.0, -1e-17], None),
        ([1.0, 9.0], [1.0, 9.0], None),
        ([1.0], [-1.0], None),
    ],
)  # fmt: skip
def test_the_best_pair(up: list[float], down: list[float], pair: tuple[int, int] | None) -> None:
    assert _best_pair(np.array(up), np.array(down)) == pair
