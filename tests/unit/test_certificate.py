"""The certificate attacked: plans, bounds and evidence corrupted one element at a time; each must be caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver import Budget, Deposit, Event, Holding, Pie, Portfolio, Reach, Rebalance, Slice, Withdrawal
from solver.bound import Branch
from solver.cash import decide_cash
from solver.certificate import (
    FEW_BRANCHES,
    TIE,
    _pays,
    allowed_gap,
    broken_rules,
    certify,
    covers,
    lower_bound,
    measure,
    no_cent_improves,
    retired_excess,
    tracking_error,
)
from solver.domains import Limits
from solver.errors import InternalError
from solver.problem import Problem
from solver.search import search
from solver.steps import Steps
from tests.unit.posing import flat, posed, proceeds, trades


def account() -> Portfolio:
    """Two levels, a retired slice, a position under the minimum."""
    inner = Pie(
        (Slice("a", 3, Holding("A", 5_000)), Slice("b", 2, Holding("B", 150)), Slice("c", 2, Holding("C", 1_500)))
    )
    return Portfolio(
        Pie((Slice("p", 6, inner), Slice("q", 4, Holding("Q", 3_000)), Slice("old", 0, Holding("OLD", 700)))), 90
    )


def solved(event: Event) -> tuple[Problem, np.ndarray, tuple[Branch, ...]]:
    case = decide_cash(posed(account(), event, m=300)).cases[0]
    outcome = search(case, Budget())
    assert outcome.incumbent is not None
    return case, outcome.incumbent.trades, outcome.branches


EVENTS = [Deposit(1_000), Withdrawal(2_500), Rebalance()]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_a_plan_passes_as_it_is(event: Event) -> None:
    case, trades, branches = solved(event)
    assert broken_rules(case, trades.tolist()) == []
    assert certify(case, True, trades, branches).optimal


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_changed_trade_is_caught(event: Event) -> None:
    """One trade changed alone: the sum breaks, or a rule does, or it is worse than proved optimal."""
    case, trades, branches = solved(event)
    for row in range(len(trades)):
        for change in (1, -1, 299, -299, 5_000, -5_000):
            spoiled = trades.copy()
            spoiled[row] += change
            broken = broken_rules(case, spoiled.tolist())
            if not broken:
                better = certify(case, True, spoiled, branches)
                assert not better.optimal or better.tracking_error >= certify(case, True, trades, branches).lower_bound
                assert case.spare, "only where cash may be left can one trade change alone"
            elif change:
                with pytest.raises(InternalError):
                    certify(case, True, spoiled, branches)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_cent_moved_is_worse(event: Event) -> None:
    case, trades, branches = solved(event)
    best = certify(case, True, trades, branches)
    for to in case.leaves.tolist():
        for fro in case.leaves.tolist():
            spoiled = trades.copy()
            spoiled[to] += 1
            spoiled[fro] -= 1
            if to != fro and not broken_rules(case, spoiled.tolist()):
                found = certify(case, True, spoiled, branches)
                assert (found.retired_excess, found.tracking_error) >= (
                    best.retired_excess,
                    best.tracking_error - 1e-12,
                )


RULES = [
    (Deposit(1_000), {"q": -300, "a": 300}, "MAY_NOT_SELL"),
    (Deposit(1_000), {"old": 300}, "MAY_NOT_BUY"),
    (Deposit(1_000), {"a": 299, "q": 791}, "BELOW_MINIMUM"),
    (Deposit(1_000), {"a": 1_091}, "FLOW_NOT_CONSERVED"),
    (Deposit(1_000), {"p": 1_090}, "OUTSIDE_EVENT"),
    (Withdrawal(2_500), {"q": 300, "a": -2_710}, "MAY_NOT_BUY"),
    (Withdrawal(2_500), {"b": -151, "a": -2_259}, "SELLS_MORE_THAN_HELD"),
    (Withdrawal(2_500), {"a": -2_409}, "FLOW_NOT_CONSERVED"),
    (Rebalance("p"), {"q": 300, "a": -300}, "OUTSIDE_EVENT"),
]


@pytest.mark.parametrize(("event", "trades", "rule"), RULES, ids=lambda v: v if isinstance(v, str) else None)
def test_every_rule_is_checked(event: Event, trades: dict[str, int], rule: str) -> None:
    case, _, _ = solved(event)
    rows = [trades.get(slice_id, 0) for slice_id in case.tree.slice_ids]
    assert any(broken.startswith(rule) for broken in broken_rules(case, rows)), broken_rules(case, rows)


def test_branches_that_leave_a_case_out_prove_nothing() -> None:
    case, _, branches = solved(Rebalance())
    leaf = int(case.leaves[0])
    whole = [((leaf, *part),) for part in case.parts(leaf)]
    assert len(whole) == 3
    assert covers(case, whole)
    for missing in whole:
        assert not covers(case, [path for path in whole if path != missing])
    assert not covers(case, [whole[0], ((int(case.leaves[1]), 0, 0),)])
    low, high = int(case.flow_min[leaf]), int(case.flow_max[leaf])
    assert covers(case, [((leaf, low, 3),), ((leaf, 4, high),)])
    for one, other in (((low, 2), (4, high)), ((low + 1, 3), (4, high)), ((low, 3), (4, high - 1))):
        assert not covers(case, [((leaf, *one),), ((leaf, *other),)])
    assert not covers(case, [])
    assert lower_bound(case, [Branch(whole[0], branches[0].multipliers if branches else {})], 1e9) == 0.0


def test_many_branches_are_not_looked_at_once_there_is_no_time() -> None:
    """51 cents in two slices: one is at least half a cent off whatever the other gets, which one to 50 branches tell."""
    case = posed(flat((1, 0), (1, 0)), Deposit(51))
    for count in (2, FEW_BRANCHES, FEW_BRANCHES + 1):
        ends = [*range(count - 1), 51]
        paths = [((1, low, high),) for low, high in zip([0, *(end + 1 for end in ends)], ends, strict=False)]
        branches = [Branch(path, {0: np.zeros(1)}) for path in paths]
        assert lower_bound(case, branches, 1e9) > 0.0
        assert (lower_bound(case, branches, 1e9, stopped=lambda: True) > 0.0) is (count <= FEW_BRANCHES)


def test_an_unproved_stage_is_not_optimal() -> None:
    case, trades, branches = solved(Deposit(1_000))
    assert not certify(case, False, trades, branches).optimal
    case, trades, _ = solved(Rebalance())
    assert certify(case, True, trades, ()).tracking_error > 0.05
    assert not certify(case, True, trades, ()).optimal


# --- figures worked out by hand --------------------------------------------------------------------------------------


EDGES = [
    (Deposit(1_000), {"a": 300, "q": 790}, []),  # 1000 and the 90 of cash; 300 is just an order
    (Deposit(1_000), {"b": 150, "q": 940}, ["BELOW_MINIMUM:b"]),  # buying as much as it is worth is not closing it
    (Withdrawal(2_500), {"b": -150, "a": -2_260}, []),  # under the minimum, but whole
    (Withdrawal(2_500), {"b": -149, "a": -2_261}, ["BELOW_MINIMUM:b"]),
    (Withdrawal(2_500), {"c": -1_500, "old": -700, "b": -150, "a": -60}, ["BELOW_MINIMUM:a"]),
    (Withdrawal(2_500), {"a": -300, "q": -2_110}, []),
    (Withdrawal(2_500), {"q": -2_411}, ["FLOW_NOT_CONSERVED:"]),  # a cent too much
    (Withdrawal(2_500), {"q": -2_409}, ["FLOW_NOT_CONSERVED:"]),  # a cent too little
    (Rebalance(), {"a": -510, "q": 600}, []),  # 90 of cash placed
    (Rebalance(), {"a": -510, "q": 301}, []),  # 299 left, less than an order
    (Rebalance(), {"a": -510, "q": 300}, ["FLOW_NOT_CONSERVED:"]),  # 300 left could be placed
    (Rebalance(), {"a": -510, "q": 601}, ["FLOW_NOT_CONSERVED:"]),  # a cent that nobody has
]


@pytest.mark.parametrize(("event", "of", "broken"), EDGES)
def test_rules_are_exact_to_the_cent(event: Event, of: dict[str, int], broken: list[str]) -> None:
    """At the edge of each rule: what just obeys it passes, what is a cent beyond is named, and nothing else is."""
    case, _, _ = solved(event)
    assert broken_rules(case, trades(case, of).tolist()) == broken


def test_nothing_is_bought_below_a_retired_pie_whatever_the_arrays_say() -> None:
    """The checker looks at the targets themselves: a domain that allowed the purchase would not get it past."""
    old = Pie((Slice("x", 1, Holding("X", 50)),))
    case = posed(Portfolio(Pie((Slice("A", 1, Holding("A", 100)), Slice("old", 0, old)))), Deposit(100))
    case = replace(case, buy_max=np.full(4, 100))
    assert broken_rules(case, trades(case, {"x": 100}).tolist()) == ["MAY_NOT_BUY:x"]
    assert broken_rules(case, trades(case, {"A": 100}).tolist()) == []


def test_a_pie_that_a_shallow_rebalance_leaves_alone_has_no_flow() -> None:
    """q is worth its third of 300."""
    q = Pie((Slice("c", 1, Holding("C", 60)), Slice("d", 1, Holding("D", 40))))
    slices = (Slice("q", 1, q), Slice("r", 1, Holding("R", 150)), Slice("s", 1, Holding("S", 50)))
    case = posed(Portfolio(Pie(slices)), Rebalance("", Reach.SHALLOW))
    assert broken_rules(case, trades(case, {"r": -50, "s": 50}).tolist()) == []
    assert broken_rules(case, trades(case, {"c": -50, "s": 50}).tolist()) == ["MAY_NOT_SELL:c", "OUTSIDE_EVENT:q"]


@pytest.mark.parametrize(
    ("of", "broken"),
    [
        ({"a": 100, "b": 100, "r": 200}, []),
        ({"a": 50, "b": 50, "r": 300}, []),  # p spends its own 100 and gets nothing from above
        ({"a": 50, "b": 49, "r": 300}, ["FLOW_NOT_CONSERVED:p"]),  # a cent of p's own is nowhere
        ({"a": 50, "b": 49, "r": 301}, ["FLOW_NOT_CONSERVED:p", "FLOW_NOT_CONSERVED:"]),  # it went up
        ({"a": 50, "b": 50, "r": 299}, ["FLOW_NOT_CONSERVED:"]),
    ],
)
def test_proceeds_never_go_up(of: dict[str, int], broken: list[str]) -> None:
    case = proceeds()
    assert broken_rules(case, trades(case, of).tolist()) == broken


def test_a_plan_is_measured_by_what_pies_get_from_above() -> None:
    """Ideal: p gets 100, r 200. With 50 from above: p and r are 50 off 200 each, a and b 25 off 100 each.

    J = 2·50²/200 + 2·25²/100 = 37.5.
    """
    case = proceeds()
    found = certify(case, True, trades(case, {"a": 75, "b": 75, "r": 250}), ())
    assert found.tracking_error == pytest.approx(37.5)
    assert (found.cash_left, found.lower_bound, found.optimal) == (0, 0.0, False)
    assert certify(case, True, trades(case, {"a": 100, "b": 100, "r": 200}), ()).optimal


def test_cash_left_counts_idle_pies_and_what_is_not_placed() -> None:
    """p keeps its 100 as cash; a rebalance to 110 each that leaves out a small C leaves 14 of 15."""
    whole = proceeds()
    idle = whole.leaving_idle(frozenset({whole.tree.slice_ids.index("p")}), 100)
    assert certify(idle, True, trades(idle, {"r": 300}), ()).cash_left == 100
    left = replace(posed(flat((1, 150), (1, 69), (1, 96), cash=15), Rebalance(), m=20), spare=19)
    assert certify(left, True, trades(left, {"A": -40, "B": 41}), ()).cash_left == 14


RETIRED = flat((1, 100), (1, 140), (0, 50))  # withdrawal 80: ideal 0, −30, −50; of 20: C alone, which keeps 30


@pytest.mark.parametrize(
    ("withdrawn", "of", "excess"), [(80, {"B": -37, "C": -43}, 7), (20, {"C": -20}, 0), (20, {"B": -2, "C": -18}, 2)]
)
def test_what_retired_slices_keep_is_counted(withdrawn: int, of: dict[str, int], excess: int) -> None:
    case = posed(RETIRED, Withdrawal(withdrawn))
    assert certify(case, True, trades(case, of), ()).retired_excess == excess
    assert retired_excess(case, trades(case, of).tolist()) == excess


def test_a_plan_with_more_retired_than_need_be_is_not_optimal() -> None:
    """A and B should sell 15½ each: 16 and 16 with 49 of C is J = ρ, but the excess of 1 need not be."""
    case = posed(flat((1, 140), (1, 140), (0, 50)), Withdrawal(81))
    assert not certify(case, True, trades(case, {"A": -16, "B": -16, "C": -49}), ()).optimal
    assert certify(case, True, trades(case, {"A": -15, "B": -16, "C": -50}), ()).optimal


def test_what_a_retired_slice_has_to_keep_is_no_fault() -> None:
    """A withdrawal of 200 would take 150 of A and 50 of B; under a minimum of 100 it takes 100 of each, the least."""
    case = posed(flat((0, 150), (0, 150), (1, 1_000)), Withdrawal(200), m=100)
    found = certify(case, True, trades(case, {"A": -100, "B": -100}), ())
    assert (found.retired_excess, found.tracking_error, found.optimal) == (50, 0.0, True)


def test_tracking_error_by_hand() -> None:
    """Parts of cents: 34, 33, 33 of 33⅓. Slopes: one cent to a slice already 1/3 over: 1/225 + 1/75 + 2·4/9."""
    thirds = posed(flat((1, 0), (1, 0), (1, 0)), Deposit(100))
    assert tracking_error(thirds, [100, 34, 33, 33]) == pytest.approx((4 / 9 + 1 / 9 + 1 / 9) / (100 / 3))
    sloped = posed(flat((3, 100), (1, 100)), Deposit(100))
    assert tracking_error(sloped, [0, 99, 1]) == pytest.approx(1 / 225 + 1 / 75 + 8 / 9)


def test_rounding_is_allowed_exactly_once() -> None:
    """5 cents in two slices: 3 and 2 are ½ off 2½ each, J = ρ = ⅕. All of ρ is allowed, and nothing beyond it.

    Orders of at least 2 leave a gap, so the exchange of cents proves nothing, and there is no evidence.
    """
    case = posed(flat((1, 0), (1, 0)), Deposit(5), m=2)
    plan = trades(case, {"A": 3, "B": 2})
    found = certify(case, True, plan, ())
    assert found.tracking_error == pytest.approx(1 / 5)
    assert found.rounding_slack == pytest.approx(1 / 5)
    assert found.optimal
    slack = found.tracking_error / (1.0 + 1e-12)
    assert allowed_gap(slack, found.tracking_error) == found.tracking_error
    assert certify(replace(case, rounding_slack=slack), True, plan, ()).optimal
    assert not certify(replace(case, rounding_slack=slack * (1.0 - 1e-12)), True, plan, ()).optimal


def test_cents_are_asked_only_where_the_bound_falls_short() -> None:
    """The same without a minimum: within ρ the bound stands as it is, beyond it the exchange of cents closes it.

    λ = 1/20 is a little too much for either slice: LB = 5λ − 2 (3λ − 1/10) = 3/20.
    """
    case = posed(flat((1, 0), (1, 0)), Deposit(5))
    plan = trades(case, {"A": 3, "B": 2})
    slack = measure(case, plan).tracking_error / (1.0 + 1e-12)
    evidence = (Branch((), {0: np.array([1 / 20])}),)
    for rho, branches, bound in ((slack, (), 0), (slack * (1 - 1e-12), (), 1 / 5), (0.1, evidence, 3 / 20)):
        found = certify(replace(case, rounding_slack=rho), True, plan, branches)
        assert found.optimal
        assert found.lower_bound == pytest.approx(bound)


def test_the_allowed_gap_is_rho_where_rho_says_something() -> None:
    assert 0.5 <= allowed_gap(0.5, 0.5) < 0.5 + 1e-9
    assert 1.0 <= allowed_gap(1.0, 0.0) < 1.0 + 1e-9
    assert allowed_gap(1.5, 7.0) == pytest.approx(7e-9)
    assert allowed_gap(0.0, 0.0) == 1e-9


def test_a_leaf_is_split_into_all_that_it_can_do() -> None:
    """A and B may buy 0 to 100, in any parts; every part of A must be split again in full, or not at all."""
    case = posed(RETIRED, Deposit(100))
    assert covers(case, [((1, 0, 0),), ((1, 1, 100),)])
    assert covers(case, [((1, -5, 40),), ((1, 41, 60),), ((1, 61, 120),)])
    assert covers(case, [((1, 0, 0),), ((1, 1, 100), (2, 0, 50)), ((1, 1, 100), (2, 51, 100))])
    assert not covers(case, [((1, 0, 0),), ((1, 1, 100), (2, 0, 50))])
    assert not covers(case, [((1, 0, 0),), ((1, 1, 50), (2, 0, 50)), ((1, 51, 100), (2, 51, 100))])  # halves of two
    assert not covers(case, [((1, 0, 40),), ((1, 42, 100),)])  # 41
    assert not covers(case, [((1, 1, 100),)])  # 0
    assert not covers(case, [((1, 0, 99),)])
    assert not covers(case, [((3, 0, 0),)])  # C is retired: a row that never trades is no case at all


# --- limits ----------------------------------------------------------------------------------------------------------

SHARES = Limits(steps=Steps(51, 2), whole_steps=2)  # worth 25, 51, 76, …; two of them and a part are held
LIMITED = [  # A = 100 and B = 200
    (Deposit(100), Limits(most=150), {"A": 50, "B": 50}, []),
    (Deposit(100), Limits(most=150), {"A": 51, "B": 49}, ["LARGEST_POSITION:A"]),
    (Deposit(100), Limits(most=80), {"B": 100}, []),  # it may stay as large as it is
    (Deposit(100), Limits(least=150), {"A": 50, "B": 50}, []),
    (Deposit(100), Limits(least=150), {"A": 49, "B": 51}, ["SMALLEST_POSITION:A"]),
    (Deposit(100), Limits(least=150), {"B": 100}, []),  # or as small
    (Deposit(100), Limits(40), {"A": 39, "B": 61}, ["BELOW_MINIMUM:A"]),
    (Deposit(100), Limits(40), {"B": 100}, []),  # a leaf with a minimum of its own may rest
    (Deposit(100), Limits(no_buy=("rule",)), {"A": 50, "B": 50}, ["MAY_NOT_BUY:A", "BLOCKED:A"]),
    (Deposit(100), Limits(no_buy=("rule",), no_sell=("rule",)), {"B": 100}, []),
    (Withdrawal(100), Limits(no_buy=("rule",)), {"A": -100}, []),
    (Withdrawal(100), Limits(no_sell=("rule",)), {"A": -50, "B": -50}, ["BLOCKED:A"]),
    (Withdrawal(100), Limits(least=40), {"A": -60, "B": -40}, []),
    (Withdrawal(100), Limits(least=40), {"A": -61, "B": -39}, ["SMALLEST_POSITION:A"]),
    (Withdrawal(100), Limits(least=40), {"A": -100}, []),
    (Withdrawal(100), Limits(most=40), {"B": -100}, []),
    (Rebalance(), Limits(most=100), {}, []),
    (Rebalance(), Limits(most=99), {}, ["LARGEST_POSITION:A"]),  # a rebalance brings it down
    (Rebalance(), Limits(most=99, no_sell=("rule",)), {}, []),
    (Deposit(100), SHARES, {"A": 76, "B": 24}, []),
    (Deposit(100), SHARES, {"A": 52, "B": 48}, ["NOT_IN_STEPS:A"]),
    (Withdrawal(100), SHARES, {"A": -51, "B": -49}, []),
    (Withdrawal(100), SHARES, {"A": -50, "B": -50}, ["NOT_IN_STEPS:A"]),
    (Withdrawal(100), SHARES, {"A": -76, "B": -24}, ["NOT_IN_STEPS:A"]),  # a third is not held
    (Withdrawal(100), SHARES, {"A": -100}, []),  # all of it, whatever it is
]


@pytest.mark.parametrize(("event", "limit", "of", "broken"), LIMITED)
def test_limits_are_exact_to_the_cent(event: Event, limit: Limits, of: dict[str, int], broken: list[str]) -> None:
    case = posed(flat((1, 100), (1, 200)), event, limits={"A": limit})
    assert broken_rules(case, trades(case, of).tolist()) == broken


# --- the exchange of cents -------------------------------------------------------------------------------------------

OVERWEIGHT = flat((3, 100), (1, 100))  # a deposit of 100 is all A's, a cent in B would cost 8/9 more than in A
CASH = flat((1, 135), (1, 69), (1, 96))  # ideal A −35, B +31, C +4
PARTS = flat((7, 37), (3, 30), cash=34)  # ideal A +33.7, B +0.3
EXCHANGES = [
    (posed(flat((1, 0), (1, 0), (1, 0)), Deposit(100)), {"A": 34, "B": 33, "C": 33}, True),  # as good as 33, 34, 33
    (posed(flat((1, 0), (1, 0), (1, 0)), Deposit(100)), {"A": 35, "B": 33, "C": 32}, False),
    (posed(OVERWEIGHT, Deposit(100)), {"A": 100}, True),
    (posed(OVERWEIGHT, Deposit(100)), {"A": 99, "B": 1}, False),
    (posed(flat((3, 100), (1, 100), (3, 100)), Deposit(100)), {"A": 50, "C": 50}, True),  # B may not be sold
    (posed(RETIRED, Withdrawal(80)).retired_within(0), {"B": -30, "C": -50}, True),
    (posed(RETIRED, Withdrawal(80)).retired_within(0), {"A": -3, "B": -27, "C": -50}, False),
    (proceeds(), {"a": 100, "b": 100, "r": 200}, True),
    (proceeds(), {"a": 101, "b": 99, "r": 200}, False),
    (proceeds(), {"a": 99, "b": 99, "r": 202}, False),
    (replace(posed(PARTS, Rebalance()), spare=1), {"A": 34}, True),
    (replace(posed(PARTS, Rebalance()), spare=1), {"A": 33}, False),
    (replace(posed(CASH, Rebalance()), spare=9), {"A": -35, "B": 31, "C": 4}, True),
    (replace(posed(CASH, Rebalance()), spare=9), {"A": -36, "B": 30, "C": 3}, False),  # 3 left that would be welcome
    (replace(posed(CASH, Rebalance(), limits={"C": Limits(most=96)}), spare=9), {"A": -35, "B": 31}, True),
    (replace(posed(CASH, Rebalance(), limits={"C": Limits(most=96)}), spare=9), {"A": -33, "B": 33}, False),
    (replace(posed(CASH, Rebalance(), limits={"C": Limits(most=96)}), spare=2), {"A": -34, "B": 32}, True),
]


@pytest.mark.parametrize(("case", "of", "best"), EXCHANGES)
def test_a_plan_is_best_where_no_cent_improves_it(case: Problem, of: dict[str, int], best: bool) -> None:
    assert no_cent_improves(case, trades(case, of)) is best


def test_a_change_within_rounding_is_a_tie() -> None:
    assert not _pays(0.0)
    assert not _pays(-TIE)
    assert _pays(-2.0 * TIE)
