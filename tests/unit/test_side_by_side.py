"""Stage 1 of pies that rebalance side by side: what each may leave, what they must leave together, and the cut."""

from __future__ import annotations

from itertools import product

import pytest

from solver import (
    Block,
    BlockReason,
    Events,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Reach,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    plan,
)
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import broken_rules
from solver.looser import looser_stages
from solver.problem import Problem
from solver.rules import Budget, Engine
from solver.search import search
from solver.situations import Understood, understand
from tests.reference.brute_force import brute_force
from tests.unit.posing import row, trades

SHUT = (Block(Side.BUY, BlockReason.RESTRICTED),)
BOTH = (Rebalance("p", event_id="p"), Rebalance("q", event_id="q"))


def leaf(name: str, security: str, value: int, weight: int = 1) -> Slice:
    return Slice(name, weight, Holding(security, value))


def side_by_side(p: tuple[Slice, ...], q: tuple[Slice, ...], *securities: Security) -> Portfolio:
    return Portfolio(Pie((Slice("p", 1, Pie(p)), Slice("q", 1, Pie(q)))), securities=securities)


def problem_of(portfolio: Portfolio, m: int = 0, events: Events = BOTH) -> Problem:
    understood = understand(portfolio, events, Rules(m))
    assert isinstance(understood, Understood)
    return build_problem(understood.situation)


def case_of(portfolio: Portfolio, m: int = 0) -> Problem:
    (case,) = decide_cash(problem_of(portfolio, m)).cases
    return case


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.HIGHS])
def test_what_nobody_may_buy_again_is_left_by_both(engine: Engine) -> None:
    """Of 5 held in both pies 1 may stay, and nothing else can be bought: 4 are left, 2 of them or less by either."""
    rule = Security("R", max_value=1, blocks=SHUT)
    portfolio = side_by_side((leaf("a", "R", 4),), (leaf("b", "R", 1, 2), leaf("c", "R", 0)), rule)
    answer = plan(portfolio, (Rebalance("q"), Rebalance("p", Reach.SHALLOW)), Rules(1, 2), engine)
    assert isinstance(answer, Plan)
    assert answer.certificate.quality is Quality.OPTIMAL
    best = brute_force(problem_of(portfolio, 1))
    assert best is not None
    assert best.allowed_cash == {answer.certificate.cash_left} == {4}
    assert answer.certificate.tracking_error == pytest.approx(best.error)


def test_the_pie_that_can_place_it_sells() -> None:
    """q has nothing to buy, p has B: so p sells all the 40 that must go, and nothing is left."""
    rule = Security("R", max_value=10, blocks=SHUT)
    portfolio = side_by_side((leaf("a", "R", 40), leaf("b", "B", 30)), (leaf("c", "R", 10),), rule)
    case = case_of(portfolio)
    assert (case.beyond, case.spare) == (0, 0)
    answer = plan(portfolio, BOTH)
    assert isinstance(answer, Plan)
    assert {node.slice_id: node.trade for node in answer.nodes if node.trade} == {"a": -40, "b": 40}
    assert answer.certificate.quality is Quality.OPTIMAL


@pytest.mark.parametrize(("room", "left"), [(None, 0), (45, 15), (30, 30)])
def test_only_what_can_not_be_placed_is_left(room: int | None, left: int) -> None:
    """30 must go: p can place what the largest position of B lets it, the rest is left."""
    rules = Security("R", max_value=10, blocks=SHUT), Security("B", max_value=room)
    portfolio = side_by_side((leaf("a", "R", 30), leaf("b", "B", 30)), (leaf("c", "R", 10),), *rules)
    case = case_of(portfolio)
    assert case.beyond == left
    answer = plan(portfolio, BOTH)
    assert isinstance(answer, Plan)
    assert answer.certificate.cash_left == left
    assert answer.certificate.quality is Quality.OPTIMAL


def test_the_bound_is_that_of_the_best_set_of_pies() -> None:
    """Three pies: two share R, two share S; what is left is what brute force leaves, for every pair of limits."""
    pies = (leaf("a", "R", 3), leaf("b", "S", 2)), (leaf("c", "R", 2), leaf("d", "B", 1)), (leaf("e", "S", 2),)
    root = Pie(tuple(Slice(name, 1, Pie(slices)) for name, slices in zip("pqr", pies, strict=True)))
    events = tuple(Rebalance(name, event_id=name) for name in "pqr")
    seen = set()
    for most_r, most_s, most_b in product((0, 2, 5), (0, 1, 4), (1, 3)):
        rules = (
            Security("R", max_value=most_r, blocks=SHUT),
            Security("S", max_value=most_s, blocks=SHUT),
            Security("B", max_value=most_b),
        )
        problem = problem_of(Portfolio(root, securities=rules), events=events)
        (case,) = decide_cash(problem).cases
        best = brute_force(problem)
        assert best is not None
        assert best.allowed_cash == {case.beyond}
        seen.add(case.beyond)
    assert len(seen) >= 4


def three_with_two_in_common(weight: int, *blocks: Block) -> Problem:
    """R goes from all three; p1 and q hold T as well, and q alone can place what it gets, in B."""
    p1, p2 = (leaf("a", "R", 3), leaf("t", "T", 1, weight)), (leaf("b", "R", 2),)
    q = leaf("c", "R", 2), leaf("u", "T", 1), leaf("v", "B", 0)
    root = Pie(tuple(Slice(name, 1, Pie(slices)) for name, slices in (("p1", p1), ("p2", p2), ("q", q))))
    rules = Security("R", max_value=0, blocks=SHUT), Security("T", blocks=blocks)
    return problem_of(Portfolio(root, securities=rules), 2, tuple(Rebalance(n, event_id=n) for n in ("p1", "p2", "q")))


@pytest.mark.parametrize(
    ("weight", "blocks", "beyond", "fixed"),
    [
        (0, (), 3, {"t": (0, 0)}),  # to hand T to q would leave more in p1
        (1, SHUT, 2, {"u": (-1, -1)}),  # T may not be bought, but p1 takes what q hands to it
    ],
)
def test_what_is_handed_over_counts(
    weight: int, blocks: tuple[Block, ...], beyond: int, fixed: dict[str, tuple[int, int]]
) -> None:
    problem = three_with_two_in_common(weight, *blocks)
    (case,) = decide_cash(problem).cases
    assert case.beyond == beyond
    for slice_id, ends in fixed.items():
        at = row(case, slice_id)
        assert (int(case.flow_min[at]), int(case.flow_max[at])) == ends
    best, found = brute_force(problem), search(case, Budget()).incumbent
    assert best is not None
    assert found is not None
    assert int(problem.received.sum() - found.trades.sum()) in best.allowed_cash
    assert found.error == pytest.approx(best.error)


def test_the_checker_counts_what_all_leave() -> None:
    """Beyond what each may leave, m − 1, there are 20 in all: 10 by either, or 20 by one, but not 11 and 10."""
    rule = Security("R", max_value=60, blocks=SHUT)
    portfolio = side_by_side((leaf("a", "R", 60),), (leaf("b", "R", 60),), rule)
    case = case_of(portfolio, 21)
    assert (case.beyond, case.spare) == (20, 60)
    for of, broken in (
        ({"a": -30, "b": -30}, []),
        ({"a": -40, "b": -20}, []),
        ({"a": -31, "b": -30}, ["FLOW_NOT_CONSERVED:", "FLOW_NOT_CONSERVED:"]),
        ({"a": -41, "b": -20}, ["FLOW_NOT_CONSERVED:p", "FLOW_NOT_CONSERVED:", "FLOW_NOT_CONSERVED:"]),
        ({"a": -60, "b": 0}, ["FLOW_NOT_CONSERVED:p", "FLOW_NOT_CONSERVED:"]),
    ):
        assert broken_rules(case, trades(case, of).tolist()) == broken, of


def test_who_sells_for_both_is_for_j_to_say() -> None:
    """Either way 20 are left beyond; a is near its target and b is not, so b's pie sells."""
    rule = Security("R", max_value=60, blocks=SHUT)
    first = leaf("a", "R", 60), leaf("x", "X", 60)
    second = leaf("b", "R", 60), leaf("y", "Y", 20)
    shut = Security("X", max_value=60), Security("Y", max_value=20)
    answer = plan(side_by_side(first, second, rule, *shut), BOTH)
    assert isinstance(answer, Plan)
    moved = {node.slice_id: node.trade for node in answer.nodes if node.trade}
    assert answer.certificate.cash_left == 60
    assert moved["b"] < moved["a"] <= 0
    assert answer.certificate.quality is Quality.OPTIMAL


def test_looser_stages_have_a_plan_each() -> None:
    """What HiGHS says is least is what the cut says; and the last stage lets everything be left."""
    rules = Security("R", max_value=10, blocks=SHUT), Security("B", max_value=45)
    portfolio = side_by_side((leaf("a", "R", 30), leaf("b", "B", 30)), (leaf("c", "R", 10),), *rules)
    problem = problem_of(portfolio)
    least, everything = (stage.cases[0] for stage in looser_stages(problem, Budget()))
    assert least.beyond == case_of(portfolio).beyond == 15
    assert everything.beyond >= 2 * portfolio.value
    for case in (least, everything):
        found = search(case, Budget()).incumbent
        assert found is not None
        assert broken_rules(case, found.trades.tolist()) == []
    assert row(problem, "p") in problem.situation.rebalanced


def test_a_cent_more_for_every_order_in_steps_where_stage_1_is_asked_again() -> None:
    """What several steps are worth is rounded, in HiGHS within a cent: no more is allowed on top of what it finds."""
    whole = 10**9
    rules = (
        Security("R", max_value=10, blocks=SHUT, price_micros=50_000, quantity_step_nanos=whole),
        Security("B", max_value=45),
    )
    first = Slice("a", 1, Holding("R", 30, 6 * whole)), leaf("b", "B", 30)
    portfolio = side_by_side(first, (Slice("c", 1, Holding("R", 10, 2 * whole)),), *rules)
    problem = problem_of(portfolio)
    assert case_of(portfolio).beyond == 15
    assert len(problem.steps) == 1
    first_stage, _ = looser_stages(problem, Budget())
    assert 15 < first_stage.cases[0].beyond <= 15 + 2  # a cent in each pie that leaves some
