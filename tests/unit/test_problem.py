"""The waist: the arrays of small accounts, each figure worked out by hand from PROBLEM.md.

The brute force of the property tests reads the same arrays, so a mistake in them would be invisible there.
"""

from __future__ import annotations

import numpy as np
import pytest

from solver import Deposit, Event, Holding, Pie, Portfolio, Reach, Rebalance, Slice, Withdrawal
from solver.domains import Limits
from solver.events import ChangedPie, TargetChange, TargetSlice
from solver.ideal import Mode
from solver.problem import CLOSES, SIDES, Problem
from solver.steps import Steps
from tests.unit.posing import by_id, flat, moving, posed, row, trades, two_pies

# --- a deposit -------------------------------------------------------------------------------------------------------

OVERWEIGHT = flat((3, 100), (1, 100))  # 300 after the deposit: targets 225 and 75, so A takes all of it and ends at 200


def test_a_deposit_goes_to_the_underweight_slice() -> None:
    """L = 200/225; B keeps 100, s_B = 100/75 − 200/225 = 4/9; ρ = ¼ (1/225 + 1/75) = 1/225."""
    problem = posed(OVERWEIGHT, Deposit(100))
    assert by_id(problem, problem.ideal) == {"": 0, "A": 100, "B": 0}
    assert by_id(problem, problem.scale) == {"": 0, "A": 225, "B": 75}
    assert by_id(problem, problem.slope) == {"": 0, "A": 0, "B": pytest.approx(4 / 9)}
    assert problem.rounding_slack == pytest.approx(1 / 225)
    assert by_id(problem, problem.keep) == {"": -1, "A": -1, "B": -1}
    assert problem.received.tolist() == [100, 0, 0]


def test_a_deposit_may_buy_all_of_it_and_sells_nothing() -> None:
    problem = posed(OVERWEIGHT, Deposit(100), m=30)
    assert by_id(problem, problem.buy_min) == {"": 0, "A": 30, "B": 30}
    assert by_id(problem, problem.buy_max) == {"": 0, "A": 100, "B": 100}
    assert by_id(problem, problem.sell_max) == {"": 0, "A": 0, "B": 0}
    assert by_id(problem, problem.flow_min) == {"": 0, "A": 0, "B": 0}
    assert by_id(problem, problem.flow_max) == {"": 0, "A": 100, "B": 100}
    assert moving(problem) == ["A", "B"]


def test_the_ideal_is_kept_as_whole_cents_and_a_part() -> None:
    """A third of 100 cents each: 33 and a third; 34 lies ⅔ above it, 33 a third below."""
    problem = posed(flat((1, 0), (1, 0), (1, 0)), Deposit(100))
    assert problem.ideal_whole.tolist() == [0, 33, 33, 33]
    assert problem.ideal_part[1:] == pytest.approx([1 / 3] * 3)
    assert problem.ideal[1:] == pytest.approx([100 / 3] * 3)
    assert problem.deviation(np.array([0, 34, 33, 33]))[1:] == pytest.approx([2 / 3, -1 / 3, -1 / 3])


@pytest.mark.parametrize(("amount", "may_buy"), [(29, 0), (30, 30), (31, 31)])
def test_an_order_of_exactly_the_minimum_is_one(amount: int, may_buy: int) -> None:
    problem = posed(OVERWEIGHT, Deposit(amount), m=30)
    assert by_id(problem, problem.buy_max) == {"": 0, "A": may_buy, "B": may_buy}
    assert moving(problem) == (["A", "B"] if may_buy else [])


def test_nothing_is_bought_in_a_retired_slice() -> None:
    """The retired B neither moves nor is felt: ρ = ¼/300 is A's alone."""
    problem = posed(flat((1, 100), (0, 100)), Deposit(100), m=30)
    assert by_id(problem, problem.buy_max) == {"": 0, "A": 100, "B": 0}
    assert by_id(problem, problem.buy_min) == {"": 0, "A": 30, "B": 0}
    assert by_id(problem, problem.scale) == {"": 0, "A": 300, "B": 0}
    assert by_id(problem, problem.keep) == {"": -1, "A": -1, "B": 100}
    assert moving(problem) == ["A"]
    assert problem.rounding_slack == pytest.approx(1 / 1_200)


def test_nothing_is_bought_below_a_retired_pie() -> None:
    old = Pie((Slice("x", 1, Holding("X", 50)), Slice("y", 1, Holding("Y", 0))))
    problem = posed(Portfolio(Pie((Slice("A", 1, Holding("A", 100)), Slice("old", 0, old)))), Deposit(100))
    assert by_id(problem, problem.buy_max) == {"": 0, "A": 100, "old": 0, "x": 0, "y": 0}


def test_nothing_is_bought_in_a_pie_that_ideally_stays_empty() -> None:
    """All 100 go to r, for p is above its share; whatever x took in the empty c, its own term of J would not feel."""
    p = Pie((Slice("a", 1, Holding("A", 1_000)), Slice("c", 1, Pie((Slice("x", 1, Holding("X", 0)),)))))
    problem = posed(Portfolio(Pie((Slice("p", 1, p), Slice("r", 1, Holding("R", 0))))), Deposit(100))
    assert by_id(problem, problem.ideal) == {"": 0, "p": 0, "a": 0, "c": 0, "x": 0, "r": 100}
    assert by_id(problem, problem.scale) == {"": 0, "p": 550, "a": 500, "c": 500, "x": 0, "r": 550}
    assert by_id(problem, problem.buy_max) == {"": 0, "p": 0, "a": 100, "c": 0, "x": 0, "r": 100}


# --- a withdrawal ----------------------------------------------------------------------------------------------------

RETIRED = flat((1, 100), (1, 140), (0, 50))


def test_a_withdrawal_sells_the_retired_slice_first() -> None:
    """80 of 290: 50 of C, then 30 of B, which ends at 110, above A's 100: L = 110/105, s_A = 100/105 − 110/105 < 0."""
    problem = posed(RETIRED, Withdrawal(80))
    assert by_id(problem, problem.ideal) == {"": 0, "A": 0, "B": -30, "C": -50}
    assert by_id(problem, problem.scale) == {"": 0, "A": 105, "B": 105, "C": 0}
    assert by_id(problem, problem.slope) == {"": 0, "A": pytest.approx(-10 / 105), "B": 0, "C": 0}
    assert by_id(problem, problem.keep) == {"": -1, "A": -1, "B": -1, "C": 0}
    assert problem.rounding_slack == pytest.approx(0.5 / 105)


def test_a_position_under_the_minimum_is_sold_whole_or_not() -> None:
    problem = posed(flat((1, 100), (1, 140), (1, 50), (1, 0)), Withdrawal(80), m=60)
    assert by_id(problem, problem.sell_min) == {"": 0, "A": 60, "B": 60, "C": 50, "D": 0}
    assert by_id(problem, problem.sell_max) == {"": 0, "A": 100, "B": 140, "C": 50, "D": 0}
    assert by_id(problem, problem.flow_min) == {"": 0, "A": -100, "B": -140, "C": -50, "D": 0}
    assert by_id(problem, problem.flow_max) == {"": 0, "A": 0, "B": 0, "C": 0, "D": 0}
    assert by_id(problem, problem.buy_max) == {"": 0, "A": 0, "B": 0, "C": 0, "D": 0}
    assert moving(problem) == ["A", "B", "C"]


def test_a_withdrawal_of_everything_has_no_error_to_track() -> None:
    """A°_root = 0: no node has a term in J, and the empty slice B has no level to be compared with."""
    problem = posed(flat((1, 100), (1, 0)), Withdrawal(100))
    assert by_id(problem, problem.ideal) == {"": 0, "A": -100, "B": 0}
    assert not problem.scale.any()
    assert not problem.slope.any()
    assert problem.rounding_slack == 0.0


def test_a_withdrawal_passes_through_nested_pies() -> None:
    """60 of 180 from two equal pies: p falls from 120 to 60, q stays at 60; inside p, a falls to 30 as b is."""
    p = Pie((Slice("a", 1, Holding("A", 90)), Slice("b", 1, Holding("B", 30))))
    q = Pie((Slice("c", 1, Holding("C", 60)),))
    problem = posed(Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q)))), Withdrawal(60))
    assert by_id(problem, problem.ideal) == {"": 0, "p": -60, "a": -60, "b": 0, "q": 0, "c": 0}
    assert by_id(problem, problem.scale) == {"": 0, "p": 60, "a": 30, "b": 30, "q": 60, "c": 60}
    assert by_id(problem, problem.flow_min) == {"": 0, "p": -120, "a": -90, "b": -30, "q": -60, "c": -60}
    assert by_id(problem, problem.flow_max) == {"": 0, "p": 0, "a": 0, "b": 0, "q": 0, "c": 0}


def test_a_retired_slice_keeps_its_ideal_rounded_up() -> None:
    """41 cents from two equal pies of 100: 20½ each; the retired x gives p's 20½ and ideally keeps 29½: ⌈29½⌉ = 30."""
    p = Pie((Slice("a", 1, Holding("A", 50)), Slice("x", 0, Holding("X", 50))))
    q = Pie((Slice("c", 1, Holding("C", 100)),))
    problem = posed(Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q)))), Withdrawal(41))
    assert by_id(problem, problem.keep) == {"": -1, "p": -1, "a": -1, "x": 30, "q": -1, "c": -1}
    assert by_id(problem, problem.ideal_whole) == {"": 0, "p": -21, "a": 0, "x": -21, "q": -21, "c": -21}
    assert by_id(problem, problem.ideal_part) == {"": 0, "p": 0.5, "a": 0, "x": 0.5, "q": 0.5, "c": 0.5}


# --- a rebalance -----------------------------------------------------------------------------------------------------


def test_a_deep_rebalance_reaches_every_leaf_both_ways() -> None:
    """450 in three parts: p −50 to 150, q +50 to 150, r 0; inside a −75, b +25, c +15, d +35. At most 450 is bought."""
    problem = posed(two_pies(), Rebalance(), m=45)
    assert by_id(problem, problem.ideal) == {"": 0, "p": -50, "a": -75, "b": 25, "q": 50, "c": 15, "d": 35, "r": 0}
    assert by_id(problem, problem.scale) == {"": 0, "p": 150, "a": 75, "b": 75, "q": 150, "c": 75, "d": 75, "r": 150}
    assert not problem.slope.any()
    assert by_id(problem, problem.flow_min) == {
        "": 0,
        "p": -200,
        "a": -150,
        "b": -50,
        "q": -100,
        "c": -60,
        "d": -40,
        "r": -150,
    }
    assert by_id(problem, problem.flow_max) == {"": 0} | dict.fromkeys("pabqcdr", 450)
    assert by_id(problem, problem.sell_min) == {"": 0, "p": 0, "a": 45, "b": 45, "q": 0, "c": 45, "d": 40, "r": 45}
    assert by_id(problem, problem.buy_min) == {"": 0, "p": 0, "a": 45, "b": 45, "q": 0, "c": 45, "d": 45, "r": 45}
    assert problem.rounding_slack == pytest.approx(0.25 * (3 / 150 + 4 / 75))


def test_a_rebalance_of_the_root_places_the_cash_too() -> None:
    """30 of cash: 480 in three parts of 160; what may be bought is everything sold and the cash."""
    problem = posed(two_pies(cash=30), Rebalance())
    assert by_id(problem, problem.ideal) == {"": 0, "p": -40, "a": -70, "b": 30, "q": 60, "c": 20, "d": 40, "r": 10}
    assert by_id(problem, problem.buy_max) == {"": 0, "p": 0, "a": 480, "b": 480, "q": 0, "c": 480, "d": 480, "r": 480}


def test_a_shallow_rebalance_goes_one_way_inside_a_pie() -> None:
    """p sells 50, all of it from a, which is 100 above b; q buys 50: c and d end at 75; r does both."""
    problem = posed(two_pies(), Rebalance("", Reach.SHALLOW))
    assert by_id(problem, problem.ideal) == {"": 0, "p": -50, "a": -50, "b": 0, "q": 50, "c": 15, "d": 35, "r": 0}
    assert by_id(problem, problem.sell_max) == {"": 0, "p": 0, "a": 150, "b": 50, "q": 0, "c": 0, "d": 0, "r": 150}
    assert by_id(problem, problem.buy_max) == {"": 0, "p": 0, "a": 0, "b": 0, "q": 0, "c": 350, "d": 350, "r": 350}
    assert by_id(problem, problem.flow_min) == {
        "": 0,
        "p": -200,
        "a": -150,
        "b": -50,
        "q": 0,
        "c": 0,
        "d": 0,
        "r": -150,
    }
    assert by_id(problem, problem.flow_max) == {"": 0, "p": 0, "a": 0, "b": 0, "q": 350, "c": 350, "d": 350, "r": 350}


def test_a_shallow_rebalance_leaves_a_pie_on_target_alone() -> None:
    """q is worth its third of 300: its ideal flow is 0, nothing in it trades, though c and d are uneven."""
    q = Pie((Slice("c", 1, Holding("C", 60)), Slice("d", 1, Holding("D", 40))))
    slices = (Slice("q", 1, q), Slice("r", 1, Holding("R", 150)), Slice("s", 1, Holding("S", 50)))
    problem = posed(Portfolio(Pie(slices)), Rebalance("", Reach.SHALLOW))
    assert problem.mode[row(problem, "q")] is Mode.NOTHING
    assert [problem.tree.slice_ids[p] for p in problem.pies] == [""]
    assert moving(problem) == ["r", "s"]
    assert problem.rounding_slack == pytest.approx(0.25 * 2 / 100)


def test_a_rebalance_of_a_nested_pie_stays_inside_it() -> None:
    problem = posed(two_pies(cash=30), Rebalance("p"))
    assert by_id(problem, problem.ideal) == {"": 0, "p": 0, "a": -50, "b": 50, "q": 0, "c": 0, "d": 0, "r": 0}
    assert by_id(problem, problem.scale) == {"": 0, "p": 0, "a": 100, "b": 100, "q": 0, "c": 0, "d": 0, "r": 0}
    assert not problem.received.any()
    assert moving(problem) == ["a", "b"]


# --- a liquidation ---------------------------------------------------------------------------------------------------


def liquidated(root_too: bool = False) -> Problem:
    """``gone`` (150) leaves p = 100 + 350, which counts 600 all the same; q = 500, r = 400 of weights 1, 1, 2.

    ``root_too``: ``out`` (90) leaves the root as well.
    """
    p = Pie(
        (Slice("a", 1, Holding("A", 100)), Slice("b", 1, Holding("B", 350)), Slice("gone", 1, Holding("GONE", 150)))
    )
    q = Pie((Slice("c", 1, Holding("C", 500)),))
    slices = [Slice("p", 1, p), Slice("q", 1, q), Slice("r", 2, Holding("R", 400)), Slice("out", 1, Holding("OUT", 90))]
    kept = [TargetSlice("p", 1), TargetSlice("q", 1), TargetSlice("r", 2)]
    changed = [ChangedPie("p", (TargetSlice("a", 1), TargetSlice("b", 1)))] + [ChangedPie("", tuple(kept))] * root_too
    return posed(Portfolio(Pie(tuple(slices if root_too else slices[:3]))), TargetChange(tuple(changed)))


def test_proceeds_stay_in_the_pie_where_they_fell() -> None:
    """a rises from 100 to 250 of 300: L = 5/6, s_b = 350/300 − 5/6 = 1/3. No money reaches the pies beside it."""
    problem = liquidated()
    assert by_id(problem, problem.ideal) == {"": 0, "p": 0, "a": 150, "b": 0, "q": 0, "c": 0, "r": 0}
    assert by_id(problem, problem.buy_max) == {"": 0, "p": 0, "a": 150, "b": 150, "q": 0, "c": 0, "r": 0}
    assert by_id(problem, problem.flow_max) == {"": 0, "p": 0, "a": 150, "b": 150, "q": 0, "c": 0, "r": 0}
    assert problem.slope[row(problem, "b")] == pytest.approx(1 / 3)
    assert moving(problem) == ["a", "b"]


def test_a_pie_counts_what_it_received_and_so_do_those_above() -> None:
    """V_p = 600 and V_root = 1500; L_root = 400/750, so s_p = 600/375 − 8/15 and s_q = 500/375 − 8/15."""
    problem = liquidated()
    assert by_id(problem, problem.value) == {"": 1_500, "p": 600, "a": 100, "b": 350, "q": 500, "c": 500, "r": 400}
    assert by_id(problem, problem.scale) == {"": 0, "p": 375, "a": 300, "b": 300, "q": 375, "c": 500, "r": 750}
    assert problem.slope[[row(problem, i) for i in "pqr"]] == pytest.approx([16 / 15, 0.8, 0.0])


def test_proceeds_at_the_root_go_wherever_the_rule_sends_them() -> None:
    """The root's 90 all go to r (490 of ideally 795); every leaf could be given all 240 that were sold.

    V_root counts what fell inside p, and its own R once: A°_root = 1500 + 90.
    """
    problem = liquidated(root_too=True)
    assert by_id(problem, problem.received) == {"": 90, "p": 150, "a": 0, "b": 0, "q": 0, "c": 0, "r": 0}
    assert by_id(problem, problem.ideal) == {"": 0, "p": 0, "a": 150, "b": 0, "q": 0, "c": 0, "r": 90}
    assert problem.scale[[row(problem, i) for i in "pqr"]] == pytest.approx([397.5, 397.5, 795.0])
    assert by_id(problem, problem.flow_max) == {"": 0} | dict.fromkeys("pabqcr", 240)
    assert by_id(problem, problem.flow_min) == {"": 0} | dict.fromkeys("pabqcr", 0)


def test_a_pies_flow_is_what_it_gets_from_above() -> None:
    """160 bought in p, which received 150 itself: 10 came from above. The event's pie gets nothing from anywhere."""
    problem = liquidated(root_too=True)
    flows = problem.flows(trades(problem, {"a": 150, "b": 10, "c": 30, "r": 50}))
    assert by_id(problem, flows) == {"": 0, "p": 10, "a": 150, "b": 10, "q": 30, "c": 30, "r": 50}


def test_an_idle_pie_buys_nothing_and_receives_nothing() -> None:
    """p's 150 become cash: nothing at or below it buys, q and r are as they were."""
    whole = liquidated(root_too=True)
    problem = whole.leaving_idle(frozenset({row(whole, "p")}), 150)
    assert by_id(problem, problem.received) == {"": 90, "p": 0, "a": 0, "b": 0, "q": 0, "c": 0, "r": 0}
    assert by_id(problem, problem.buy_max) == {"": 0, "p": 0, "a": 0, "b": 0, "q": 0, "c": 240, "r": 240}
    assert (problem.idle_cash, whole.idle_cash) == (150, 0)


# --- what a leaf may trade -------------------------------------------------------------------------------------------

MAY_TRADE = [
    (Deposit(100), [{"A": 30, "B": 70}, {"A": 100}, {}], [{"A": 29, "B": 71}, {"A": 101}, {"A": -40}]),
    (Withdrawal(100), [{"A": -30, "B": -70}, {"A": -100}, {}], [{"A": -29, "B": -71}, {"A": -101}, {"A": 40}]),
]


@pytest.mark.parametrize(("event", "allowed", "refused"), MAY_TRADE)
def test_a_trade_lies_in_its_leafs_domain(
    event: Event, allowed: list[dict[str, int]], refused: list[dict[str, int]]
) -> None:
    """Nothing, or from the minimum of 30 to all of 100, in the event's direction."""
    problem = posed(OVERWEIGHT, event, m=30)
    assert all(problem.realises(trades(problem, of)) for of in allowed)
    assert not any(problem.realises(trades(problem, of)) for of in refused)


# --- limits ----------------------------------------------------------------------------------------------------------

PAIR = flat((1, 100), (1, 200))  # A is limited, B is not; the minimum is 30
BUYS = [
    (Limits(30), (30, 100)),
    (Limits(30, no_buy=("rule",)), (0, 0)),
    (Limits(30, most=150), (30, 50)),
    (Limits(30, most=130), (30, 30)),
    (Limits(30, most=129), (0, 0)),
    (Limits(30, most=90), (0, 0)),  # above it already
    (Limits(30, least=150), (50, 100)),
    (Limits(30, least=120), (30, 100)),
    (Limits(30, least=200), (100, 100)),
    (Limits(30, least=201), (0, 0)),
]


@pytest.mark.parametrize(("limit", "buys"), BUYS)
def test_limits_narrow_what_may_be_bought(limit: Limits, buys: tuple[int, int]) -> None:
    """A = 100 of a deposit of 100: at least an order and what makes the smallest position, at most the largest."""
    problem = posed(PAIR, Deposit(100), 30, {"A": limit})
    assert by_id(problem, problem.buy_min) == {"": 0, "A": buys[0], "B": 30}
    assert by_id(problem, problem.buy_max) == {"": 0, "A": buys[1], "B": 100}
    assert by_id(problem, problem.flow_max) == {"": 0, "A": buys[1], "B": 100}
    assert moving(problem) == (["A", "B"] if buys[1] else ["B"])


SALES = [
    (Limits(30), (30, 100), 0),
    (Limits(30, no_sell=("rule",)), (0, 0), 0),
    (Limits(30, least=40), (30, 60), 100),
    (Limits(30, least=70), (30, 30), 100),
    (Limits(30, least=71), (0, 0), 100),
    (Limits(30, least=120), (0, 0), 100),  # smaller than that already
    (Limits(130), (100, 100), 0),
    (Limits(130, least=40), (0, 0), 100),
]


@pytest.mark.parametrize(("limit", "sales", "closes"), SALES)
def test_limits_narrow_what_may_be_sold(limit: Limits, sales: tuple[int, int], closes: int) -> None:
    """Of A = 100: a part, as long as the smallest position stays, or all of it."""
    problem = posed(PAIR, Withdrawal(100), 30, {"A": limit})
    assert by_id(problem, problem.sell_min) == {"": 0, "A": sales[0], "B": 30}
    assert by_id(problem, problem.sell_max) == {"": 0, "A": sales[1], "B": 200}
    assert by_id(problem, problem.closes) == {"": 0, "A": closes, "B": 0}
    assert by_id(problem, problem.flow_min) == {"": 0, "A": -max(sales[1], closes), "B": -200}
    assert moving(problem) == (["A", "B"] if sales[1] or closes else ["B"])


@pytest.mark.parametrize(
    ("event", "limit", "most"),
    [
        (Rebalance(), Limits(30, most=80), -20),
        (Rebalance(), Limits(30, most=100), 0),
        (Rebalance(), Limits(30, most=150), 50),
        (Rebalance(), Limits(30, most=120), 0),  # 20 would be no order
        (Rebalance(), Limits(30, most=80, no_sell=("rule",)), 0),
        (Withdrawal(100), Limits(30, most=80), 0),
    ],
)
def test_a_rebalance_brings_down_what_is_too_large(event: Event, limit: Limits, most: int) -> None:
    problem = posed(PAIR, event, 30, {"A": limit})
    assert by_id(problem, problem.flow_max)["A"] == most


def test_a_domain_is_up_to_three_ranges() -> None:
    """A buys 50 at most and keeps 40 or nothing; B neither buys nor keeps a part; C = 0 only buys."""
    limits = {"A": Limits(30, most=150, least=40), "B": Limits(30, no_buy=("rule",), least=190)}
    problem = posed(flat((1, 100), (1, 200), (1, 0)), Rebalance(), 30, limits)
    ranges = [np.transpose(ends).tolist() for ends in problem.ranges(problem.leaves)]
    assert ranges == [
        [[30, 50], [1, 0], [30, 300]],
        [[-60, -30], [1, 0], [1, 0]],
        [[-100, -100], [-200, -200], [1, 0]],
    ]
    assert [np.sign(of_a) for (of_a, _), *_ in ranges] == np.sign(SIDES).tolist()
    a, b, c = problem.leaves.tolist()
    assert problem.parts(a) == [(1, 50), (-60, -1), (-100, -61), (0, 0)]
    assert problem.parts(b) == [(-200, -1), (0, 0)]
    assert problem.parts(c) == [(1, 300), (0, 0)]
    for of, sides in (({"A": -100, "B": 0, "C": 30}, [CLOSES, 0, 1]), ({"A": -60, "B": -200}, [-1, CLOSES, 0])):
        assert problem.sides(trades(problem, of))[problem.leaves].tolist() == sides
        assert problem.realises(trades(problem, of))
    for of in ({"A": -61}, {"A": 51}, {"B": -199}, {"B": 30}, {"C": 29}):
        assert not problem.realises(trades(problem, of))


def test_an_order_is_in_whole_steps_and_a_sale_of_all_is_not() -> None:
    """Whole shares of A at 25½ cents are worth 25, 51, 76, 102, …; three of them and a part are held for 100."""
    shares = Limits(steps=Steps(51, 2), whole_steps=3)
    problem = posed(PAIR, Rebalance(), 0, {"A": shares})
    assert all(problem.realises(trades(problem, {"A": a})) for a in (25, 51, 102, 0, -25, -76, -100))
    assert not any(problem.realises(trades(problem, {"A": a})) for a in (24, 26, 100, -24, -26, -75, -99))


@pytest.mark.parametrize(
    ("event", "m", "limits", "gapless"),
    [
        (Deposit(100), 1, {}, True), (Deposit(100), 2, {}, False), (Deposit(100), 0, {"A": Limits(least=40)}, True),
        (Withdrawal(100), 1, {}, True), (Withdrawal(100), 2, {}, False), (Withdrawal(100), 0, {"A": Limits(least=40)}, False),
    ],
)  # fmt: skip
def test_a_gap_is_a_trade_that_is_too_small(event: Event, m: int, limits: dict[str, Limits], gapless: bool) -> None:
    assert posed(PAIR, event, m, limits).gapless is gapless
