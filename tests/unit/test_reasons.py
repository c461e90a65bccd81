"""Every reason code: an account in which it is true, and the slice of which it is true."""

from __future__ import annotations

import pytest

from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Infeasible,
    NewPie,
    Pie,
    Plan,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
    plan,
)
from solver.plan import ReasonCode
from solver.reasons import SENTENCES, money_text


def flat(*values: int, weights: tuple[int, ...] = (), cash: int = 0) -> Portfolio:
    shares = weights or (1,) * len(values)
    leaves = zip("abcdefgh", values, shares, strict=False)
    return Portfolio(Pie(tuple(Slice(name, w, Holding(name.upper(), v)) for name, v, w in leaves)), cash)


def two_pies(left: tuple[int, ...], right: tuple[int, ...]) -> Portfolio:
    names = iter("abcdefgh")
    pies = []
    for pie_id, values in (("P", left), ("Q", right)):
        leaves = tuple(Slice(n := next(names), 1, Holding(n.upper(), v)) for v in values)
        pies.append(Slice(pie_id, 1, Pie(leaves)))
    return Portfolio(Pie(tuple(pies)))


def change(*slices: TargetSlice, pie: str = "") -> TargetChange:
    return TargetChange((ChangedPie(pie, slices),))


KEPT = (TargetSlice("a", 1), TargetSlice("b", 1))
CASES: list[tuple[ReasonCode, Portfolio, Event, int, str]] = [
    (ReasonCode.UNDERWEIGHT, flat(10_000, 5_000), Deposit(1_000), 0, "b"),
    (ReasonCode.OVERWEIGHT, flat(10_000, 5_000), Withdrawal(1_000), 0, "a"),
    (ReasonCode.AT_TARGET, flat(5_000, 5_000), Rebalance(), 0, "a"),
    (ReasonCode.ABOVE_LEVEL, flat(10_000, 5_000), Deposit(1_000), 0, "a"),
    (ReasonCode.BELOW_LEVEL, flat(10_000, 5_000), Withdrawal(1_000), 0, "b"),
    (ReasonCode.BELOW_MINIMUM, flat(2_000, 1_500, 3_000, 2_500, 2_000), Deposit(1_000), 300, "e"),
    (ReasonCode.CLOSED_BELOW_MINIMUM, flat(10_000, 200, weights=(1, 0)), Withdrawal(1_000), 500, "b"),
    (ReasonCode.RETIRED, flat(10_000, 2_000, weights=(1, 0)), Rebalance(), 0, "b"),
    (ReasonCode.LIQUIDATED, flat(5_000, 5_000, 700), change(*KEPT), 0, "c"),
    (ReasonCode.MOVED, two_pies((500, 500), (500,)), TargetChange((
        ChangedPie("P", (TargetSlice("a", 1),)), ChangedPie("Q", (TargetSlice("b", 1), TargetSlice("c", 1))))), 0, "b"),
    (ReasonCode.ADDED, flat(5_000, 5_000), change(*KEPT, TargetSlice("n", 1, Holding("N"))), 0, "n"),
    (ReasonCode.NO_FLOW_FROM_ABOVE, two_pies((9_000, 1_000), (2_000,)), Deposit(1_000), 0, "b"),
    (ReasonCode.OUTSIDE_EVENT, two_pies((9_000, 1_000), (2_000,)), Rebalance("P"), 0, "c"),
    (ReasonCode.MINIMUM_TOO_LARGE_BELOW, two_pies((900, 900), (2_000, 1_990)), Deposit(2_390), 400, "Q"),
    (ReasonCode.TAKES_WHAT_OTHERS_CANNOT, flat(2_000, 1_500, 3_000, 2_500, 2_000), Deposit(1_000), 300, "a"),
    (ReasonCode.GIVES_WHAT_OTHERS_CANNOT, flat(3_000, 2_100, 2_090, 2_080), Withdrawal(1_200), 500, "a"),
    (ReasonCode.ROUNDING, flat(0, 0, 0), Deposit(100), 0, "a"),
]  # fmt: skip


def planned(portfolio: Portfolio, event: Event, m: int) -> Plan:
    answer = plan(portfolio, event, Rules(m))
    assert not isinstance(answer, Infeasible)
    return answer


@pytest.mark.parametrize(("code", "portfolio", "event", "m", "slice_id"), CASES, ids=lambda v: getattr(v, "name", None))
def test_reason(code: ReasonCode, portfolio: Portfolio, event: Event, m: int, slice_id: str) -> None:
    nodes = {node.slice_id: node for node in planned(portfolio, event, m).nodes}
    reasons = {reason.code: reason for reason in nodes[slice_id].reasons}
    assert code in reasons, {name: [r.code.name for r in node.reasons] for name, node in nodes.items()}
    assert "{" not in reasons[code].sentence
    for node in nodes.values():
        assert node.reasons, node


def test_every_code_has_a_sentence_and_a_test() -> None:
    assert set(SENTENCES) == set(ReasonCode)
    assert {case[0] for case in CASES} == set(ReasonCode)


def test_shallow_rebalance_leaves_a_settled_pie_alone() -> None:
    answer = planned(two_pies((900, 100), (1_000,)), Rebalance("", Reach.SHALLOW), 0)
    assert not answer.orders
    assert answer.nodes[2].reasons[0].code is ReasonCode.NO_FLOW_FROM_ABOVE


def test_new_pie_may_hold_a_moved_slice() -> None:
    event = change(TargetSlice("a", 1), TargetSlice("n", 1, NewPie((TargetSlice("b", 1), TargetSlice("x", 1, Holding("X"))))))
    answer = planned(flat(500, 700), event, 0)
    assert not answer.orders
    assert {n.slice_id: n.value_after for n in answer.nodes} == {"": 1_200, "a": 500, "n": 700, "b": 700, "x": 0}


def test_money_as_people_write_it() -> None:
    assert money_text(123_456, "USD") == "1,234.56 USD"
    assert money_text(123_456, "JPY") == "123,456 JPY"
    assert money_text(123_456, "KWD") == "123.456 KWD"
