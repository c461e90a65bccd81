"""Stage 2 by hand: what retired slices must keep beyond the ideal where a minimum forbids selling it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver import Holding, Pie, Plan, Portfolio, Quality, Rebalance, Rules, Slice, Withdrawal, plan
from solver.bound import Branch
from solver.cash import decide_cash
from solver.certificate import certify
from solver.domains import Limits
from solver.events import Event
from solver.problem import Problem
from solver.retired import least_excess, unavoidable
from tests.unit.posing import by_id, flat, posed, proceeds


def account(*retired: int, kept: int = 0) -> Portfolio:
    slices = [Slice(f"r{i}", 0, Holding(f"R{i}", value)) for i, value in enumerate(retired)]
    return Portfolio(Pie((*slices, Slice("k", 1, Holding("K", kept)))))


def case_of(portfolio: Portfolio, event: Event, m: int) -> Problem:
    return decide_cash(posed(portfolio, event, m)).cases[0]


@pytest.mark.parametrize(
    ("retired", "kept", "amount", "m", "least"),
    [
        ((1_000, 1_000), 0, 500, 100, 0),  # the first sells it all
        ((100, 200), 0, 100, 200, 100),  # a sale is 200 at least: the second whole, and the first is kept
        ((150, 150), 1_000, 200, 100, 50),  # the ideal's 150 + 50 has no order of 50; 100 + 100 keeps 50 of the first
        ((150, 150), 1_000, 210, 100, 40),
        ((150, 120), 1_000, 200, 120, 200),  # two orders are 240 at least, and neither makes 200 alone
        ((300, 300), 1_000, 350, 200, 350),
        ((300, 300), 1_000, 400, 200, 100),
    ],
)
def test_by_hand(retired: tuple[int, ...], kept: int, amount: int, m: int, least: int) -> None:
    assert least_excess(case_of(account(*retired, kept=kept), Withdrawal(amount), m)) == least


@pytest.mark.parametrize(
    ("retired", "amount", "spare", "least"),
    [
        ((150, 150), 200, 20, 30),  # 120 + 100
        ((150, 150), 200, 50, 0),  # 150 + 100
        ((50,), 100, 20, 50),  # whole or not at all, and then it would be 150 with the least order elsewhere
        ((50,), 100, 50, 0),
    ],
)
def test_cash_that_may_be_left_lets_retired_slices_sell_more(
    retired: tuple[int, ...], amount: int, spare: int, least: int
) -> None:
    case = replace(case_of(account(*retired, kept=1_000), Withdrawal(amount), 100), spare=spare)
    assert least_excess(case) == least


def test_a_retired_pie_that_sells_nothing_is_in_nobodys_way() -> None:
    old = Slice("old", 0, Pie((Slice("x", 1, Holding("X", 120)),)))
    listed = account(150, 150, kept=1_000).root.slices
    assert least_excess(case_of(Portfolio(Pie((*listed, old))), Withdrawal(200), 100)) == 50


def test_twelve_retired_slices_are_still_looked_at() -> None:
    """Eleven should go whole and 50 of the twelfth: an order of 100 there leaves 50 of another."""
    assert least_excess(case_of(account(*[150] * 12, kept=1_000), Withdrawal(1_700), 100)) == 50


FIXED = Limits(no_sell=("rule",))


@pytest.mark.parametrize(("amount", "kept"), [(100, 100), (150, 150), (170, 150)])
def test_what_may_not_be_sold_is_kept(amount: int, kept: int) -> None:
    """The first should sell up to its 150 and may not; the second is free to sell the other 20, and keeps nothing."""
    assert least_excess(posed(account(150, 150, kept=1_000), Withdrawal(amount), 0, {"r0": FIXED})) == kept


@pytest.mark.parametrize(
    ("withdrawn", "excess", "most"), [(80, 0, -50), (80, 7, -43), (20, 0, -20), (20, 30, 0), (20, 90, 0)]
)
def test_what_a_retired_slice_may_keep_can_be_bounded(withdrawn: int, excess: int, most: int) -> None:
    """C = 50 ideally sells 50 of 80, or 20 of 20; every cent of excess is one it need not sell. Nobody else is bound."""
    problem = posed(flat((1, 100), (1, 140), (0, 50)), Withdrawal(withdrawn)).retired_within(excess)
    assert by_id(problem, problem.flow_max) == {"": 0, "A": 0, "B": 0, "C": most}


def test_a_pie_goes_as_low_as_its_leaves() -> None:
    """Of p = 90 + 30 only b may go; the retired C, which should sell 30, can not be asked to keep less than it has."""
    p = Pie((Slice("a", 1, Holding("A", 90)), Slice("b", 1, Holding("B", 30))))
    listed = Portfolio(Pie((Slice("p", 1, p), Slice("C", 0, Holding("C", 50)))))
    problem = posed(listed, Withdrawal(30), 0, {"a": FIXED, "C": FIXED})
    assert by_id(problem, problem.lowest()) == {"": 0, "p": -30, "a": 0, "b": -30, "C": 0}
    assert by_id(problem, problem.retired_within(0).flow_max) == {"": 0, "p": 0, "a": 0, "b": 0, "C": 0}
    assert not proceeds().lowest().any()  # nobody sells, whatever fell inside p


def test_a_proved_excess_is_optimal() -> None:
    """The plan keeps what must be kept, and no engine's word is needed for that."""
    answer = plan(account(150, 150, kept=1_000), Withdrawal(200), Rules(100))
    assert isinstance(answer, Plan)
    assert [(o.security_id, o.amount) for o in answer.orders] == [("R0", 100), ("R1", 100)]
    assert answer.certificate.retired_excess == 50
    assert answer.certificate.quality is Quality.OPTIMAL


def test_a_least_excess_alone_proves_nothing_of_the_rest() -> None:
    """130 + 100 of the retired and 100 of k keep the least, 70; but J would have the 100 taken of l, which is over."""
    slices = (
        *account(150, 150).root.slices[:2],
        Slice("k", 1, Holding("K", 1_000)),
        Slice("l", 1, Holding("L", 1_400)),
    )
    case = case_of(Portfolio(Pie(slices)), Withdrawal(330), 100)
    assert unavoidable(case) == 0
    found = certify(case, True, np.array([0, -130, -100, -100, 0]), (Branch((), {0: np.array([0.0])}),))
    assert found.retired_excess == least_excess(case) == 70
    assert found.lower_bound < found.tracking_error
    assert not found.optimal


def test_what_is_not_proved_is_bounded_by_nothing() -> None:
    """Retired pies, too many retired slices, and events that are no withdrawal: 0, which always holds."""
    inner = Pie((Slice("a", 1, Holding("A", 150)), Slice("b", 0, Holding("B", 120))))
    nested = Portfolio(Pie((Slice("p", 0, inner), Slice("k", 1, Holding("K", 1_000)))))
    assert least_excess(case_of(nested, Withdrawal(200), 120)) == 0
    assert least_excess(case_of(account(*[150] * 13, kept=1_000), Withdrawal(1_900), 120)) == 0
    assert least_excess(case_of(account(150, 120, kept=1_000), Rebalance(), 120)) == 0
