"""Net orders by hand: which securities have one, whose trades it sums up, and what may be ordered of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver import (
    Deposit,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Reach,
    Rebalance,
    Rules,
    Slice,
    Withdrawal,
    plan,
)
from solver.domains import Domain, Limits
from solver.netting import Net, net_order, several
from solver.problem import CLOSES, Problem
from solver.steps import Steps
from solver.tree import Tree, flatten
from tests.unit.posing import posed, row, trades

A, B, C = 1, 2, 3  # rows that hold 100, 50 and 30 of S; row 4 has 20 of T
ALL = {A, B, C}
SHARES = Steps(40, 1)


def tree() -> Tree:
    held = {"a": ("S", 100), "b": ("S", 50), "c": ("S", 30), "d": ("T", 20)}
    return flatten(Portfolio(Pie(tuple(Slice(i, 1, Holding(name, value)) for i, (name, value) in held.items()))))


def net(limit: Limits, buy: set[int], sell: set[int], balance: set[int] | None = None, money: int = 1_000) -> Net:
    found = net_order(tree(), (A, B, C), limit, money, {"buy": buy, "sell": sell, "balance": balance or set()})
    assert found is not None
    return found


def test_a_security_of_one_slice_has_no_row() -> None:
    assert several(tree()) == {"S": (A, B, C)}
    assert several(flatten(Portfolio(Pie((Slice("a", 1, Holding("A", 1)), Slice("b", 1, Holding("B", 1))))))) == {}


def test_pies_hold_nothing_in_common() -> None:
    """Neither the root nor a nested pie has a security, however many of them there are."""
    inner = [Slice(p, 1, Pie((Slice(f"{p}-leaf", 1, Holding(p.upper(), 1)),))) for p in "pqr"]
    assert several(flatten(Portfolio(Pie(tuple(inner))))) == {}
    assert several(flatten(Portfolio(Pie((*inner, Slice("s", 1, Holding("R", 1))))))) == {"R": (6, 7)}


@pytest.mark.parametrize("limit", [Limits(), Limits(1)])
def test_no_row_where_no_rule_binds(limit: Limits) -> None:
    assert net_order(tree(), (A, B, C), limit, 1_000, {"buy": ALL, "sell": ALL, "balance": ALL}) is None


BINDING = [
    Limits(2),
    Limits(no_buy=("rule",)),
    Limits(no_sell=("rule",)),
    Limits(most=0),
    Limits(least=1),
    Limits(steps=Steps(1, 1)),
]


@pytest.mark.parametrize("limit", BINDING)
def test_a_row_where_any_rule_binds(limit: Limits) -> None:
    assert net(limit, ALL, ALL).limit == limit


def test_single_cents_move_the_parts_of_a_net_order_whatever_its_steps_are() -> None:
    """S and T trade in shares of 40; a cent can move between a, b and e, but not to d, which is all there is of T."""
    held = {"a": "S", "b": "S", "d": "T", "e": "U"}
    portfolio = Portfolio(Pie(tuple(Slice(i, 1, Holding(name, 0)) for i, name in held.items())))
    problem = posed(portfolio, Deposit(400), limits=dict.fromkeys("abd", Limits(steps=SHARES)))
    assert next(iter(problem.nets.values())).tolist() == [1, 2]
    assert problem.rounding_slack == pytest.approx(0.25 * 3 / 100)


def test_no_row_where_nobody_trades() -> None:
    nobody: set[int] = set()
    assert net_order(tree(), (A, B, C), Limits(2), 1_000, {"buy": nobody, "sell": {4}, "balance": nobody}) is None
    assert net(Limits(2), {A}, nobody).leaves == (A,)
    assert net(Limits(2), nobody, {C, A}).leaves == (A, C)
    assert net(Limits(2), {C}, {B, 4}).leaves == (B, C)


# limit, who may buy, who may sell, whose pies rebalance, the domain of 180 held
DOMAINS = [
    (Limits(40), ALL, ALL, ALL, Domain(40, 1_000, 40, 180, 0, 1_000)),
    (Limits(40), ALL, set(), set(), Domain(40, 1_000, 0, 0, 0, 1_000)),
    (Limits(40), set(), ALL, set(), Domain(0, 0, 40, 180, 0, 0)),
    (Limits(200), set(), ALL, set(), Domain(0, 0, 180, 180, 0, 0)),  # worth less than the minimum: only whole
    (Limits(30), set(), {A, B}, set(), Domain(0, 0, 30, 150, 0, 0)),  # c keeps its 30
    (Limits(150), set(), {A, B}, set(), Domain(0, 0, 150, 150, 0, 0)),
    (Limits(151), set(), {A, B}, set(), Domain()),  # all that may be sold is less than an order, and a part
    (Limits(200), set(), {A, B}, set(), Domain()),
    (Limits(least=100), set(), ALL, set(), Domain(0, 0, 1, 80, 180, 0)),
    (Limits(least=100), set(), {A, B}, set(), Domain(0, 0, 1, 80, 0, 0)),  # never whole: c keeps its 30
    (Limits(least=20), set(), {A, B}, set(), Domain(0, 0, 1, 150, 0, 0)),
    (Limits(most=200), ALL, ALL, ALL, Domain(1, 20, 1, 180, 0, 20)),
    (Limits(most=100), ALL, ALL, ALL, Domain(0, 0, 1, 180, 0, -80)),
    (Limits(most=100), ALL, ALL, {A, B}, Domain(0, 0, 1, 180, 0, 0)),  # c's pie may have no use for the money
    (Limits(most=100), ALL, {A, B}, {A, B}, Domain(0, 0, 1, 150, 0, -80)),
    (Limits(most=20), ALL, {A, B}, {A, B}, Domain(0, 0, 1, 150, 0, -150)),  # as far as it goes
    (Limits(most=20), ALL, set(), ALL, Domain()),  # nobody may bring it down
    (Limits(151, most=20), ALL, {A, B}, {A, B}, Domain()),
    (Limits(steps=SHARES, whole_steps=4), ALL, ALL, ALL, Domain(40, 1_000, 40, 160, 180, 1_000)),
    (Limits(steps=SHARES, whole_steps=4), set(), {A, B}, ALL, Domain(0, 0, 40, 120, 0, 0)),  # three shares of 150
    (Limits(steps=Steps(1, 1), whole_steps=179), set(), {A, B}, ALL, Domain(0, 0, 1, 150, 0, 0)),
    (Limits(40, most=100, steps=SHARES, whole_steps=4), set(), {B}, {B}, Domain(0, 0, 40, 40, 0, -40)),
    (Limits(most=100, steps=SHARES, whole_steps=4), set(), {C}, {C}, Domain()),  # it has less than a share
]


@pytest.mark.parametrize(("limit", "buy", "sell", "balance", "expected"), DOMAINS)
def test_what_may_be_ordered(limit: Limits, buy: set[int], sell: set[int], balance: set[int], expected: Domain) -> None:
    found = net(limit, buy, sell, balance)
    assert found.domain == expected
    assert found.held == 180


def test_slices_without_value_do_not_sell() -> None:
    """Where all that could be sold is worth nothing, the order only buys; nothing has to be brought down either."""
    empty = replace(tree(), value=(200, 0, 0, 180, 20))
    may = {"buy": {A}, "sell": {A, B}, "balance": {A, B}}
    found = net_order(empty, (A, B, C), Limits(40, most=100), 1_000, may)
    assert found is not None
    assert found.domain == Domain()


# --- in a problem ----------------------------------------------------------------------------------------------------


def shared(cash: int = 0) -> Portfolio:
    """S in p (100), in q (50) and at the root (30); beside it P 100 in p, Q 150 in q."""
    p = Pie((Slice("a", 1, Holding("S", 100)), Slice("x", 1, Holding("P", 100))))
    q = Pie((Slice("b", 1, Holding("S", 50)), Slice("y", 1, Holding("Q", 150))))
    return Portfolio(Pie((Slice("p", 1, p), Slice("q", 1, q), Slice("c", 1, Holding("S", 30)))), cash)


def net_row(problem: Problem) -> int:
    (found,) = problem.nets
    return found


@pytest.mark.parametrize("event", [Deposit(100), Withdrawal(100), Rebalance(), Rebalance("p"), Rebalance("q")])
def test_the_row_sums_up_its_leaves(event: Event) -> None:
    problem = posed(shared(), event, m=20)
    at = net_row(problem)
    assert at == len(problem.tree.parent)
    inside = problem.tree.below(problem.event_row)
    leaves = [row(problem, name) for name in "abc" if row(problem, name) in inside]
    assert problem.nets[at].tolist() == leaves
    assert problem.order_row[leaves].tolist() == [at] * len(leaves)
    others = [row(problem, name) for name in "xy" if row(problem, name) in inside]
    assert problem.orders.tolist() == [*others, at]
    assert problem.value[at] == 180
    assert problem.ideal[at] == pytest.approx(problem.ideal[leaves].sum())
    assert problem.keep[at] == -1
    assert (problem.scale[at], problem.slope[at], problem.received[at]) == (0.0, 0.0, 0)


def test_a_leaf_only_has_the_direction_of_its_event() -> None:
    """The minimum of 20 is of the sum: single slices may buy, or sell, a cent."""
    problem = posed(shared(), Rebalance(), m=20)
    for name, held in (("a", 100), ("b", 50), ("c", 30)):
        at = row(problem, name)
        assert (problem.buy_min[at], problem.sell_min[at], problem.sell_max[at]) == (1, 1, held)
        assert (problem.flow_min[at], problem.closes[at]) == (-held, 0)
    assert (problem.buy_min[net_row(problem)], problem.sell_min[net_row(problem)]) == (20, 20)
    assert problem.flow_min[net_row(problem)] == -180


FITS = [{"a": -10, "b": 10}, {"a": -30, "b": 10}, {"a": -100, "b": -50, "c": -30}, {"a": 20}, {"a": 10, "c": 10}]
BREAKS = [{"a": -10, "b": 15}, {"a": -19}, {"a": 19}, {"a": -101, "b": 101}]


@pytest.mark.parametrize(("of", "fits"), [*((of, True) for of in FITS), *((of, False) for of in BREAKS)])
def test_the_minimum_is_of_the_sum(of: dict[str, int], fits: bool) -> None:
    problem = posed(shared(), Rebalance(), m=20)
    moved = trades(problem, of)
    assert problem.ordered(moved)[net_row(problem)] == sum(of.values())
    assert problem.realises(moved) is fits


def test_sides_are_those_of_the_sum() -> None:
    problem = posed(shared(), Rebalance(), limits={name: Limits(least=100) for name in "abc"})
    at = net_row(problem)
    for of, side in (({"a": -30, "b": 20}, -1), ({"a": -30, "b": 31}, 1), ({"a": -30, "b": 30}, 0)):
        assert problem.sides(trades(problem, of))[at] == side
    whole = problem.sides(trades(problem, {"a": -100, "b": -50, "c": -30, "x": 180}))
    assert (whole[at], whole[row(problem, "x")]) == (CLOSES, 1)


def test_a_shallow_rebalance_goes_deep_where_no_order_could_raise_the_money() -> None:
    """q holds 5 that a shallow rebalance would sell, and 4 are short: but of S only 2, of T only 3, and m is 4."""
    p = Pie((Slice("a", 1, Holding("S", 6)), Slice("b", 0, Holding("T", 6))))
    q = Pie((Slice("c", 1, Holding("S", 3)), Slice("d", 1, Holding("T", 2))))
    portfolio = Portfolio(Pie((Slice("p", 1, p), Slice("q", 0, q))), 5)
    answer = plan(portfolio, (Withdrawal(9, "out"), Rebalance("", Reach.SHALLOW, "all")), Rules(4))
    assert isinstance(answer, Plan)
    assert answer.certificate.quality is Quality.OPTIMAL
    assert answer.cash.sold - answer.cash.bought >= 4
    assert all(order.amount >= 4 or order.closes_position for order in answer.orders)
