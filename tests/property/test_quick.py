"""``plan`` by the kernel the short way is ``plan`` by the kernel the long way, field by field."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import (
    Budget,
    Deposit,
    Engine,
    Holding,
    Infeasible,
    Pie,
    Plan,
    Portfolio,
    Rebalance,
    Rules,
    Side,
    Withdrawal,
    plan,
)
from solver.bound import Branch
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import certify
from solver.plan import Certificate, Evidence
from solver.portfolio import Slice
from solver.quick import planned_at_once
from solver.situations import understand
from tests.property.strategies import Account, accounts

SIZES = (14, 900, 9_000, 10**7, 10**12)  # minor units in the largest holding
LAST_DIGITS = 1e-9  # of J and of a bound in doubles
IN_DOUBLES = ("tracking_error", "rounding_slack", "lower_bound")
MANY = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=1_500)


def long_way(portfolio: Portfolio, event: object, rules: Rules, explain: bool = True) -> Plan | Infeasible:
    with patch("solver.planning.planned_at_once", return_value=None):
        return plan(portfolio, event, rules, Engine.KERNEL, explain=explain)  # type: ignore[arg-type]


def same(asked: Account, quick: Plan, slow: Plan) -> None:
    """Equal to the last field, but for the last digits of what is summed in doubles, and what hangs on them.

    That is J and its bound, and the evidence: whether a bound meets J at once, or one round later, with one multiplier
    more. So what it is evidence of is looked at: that these trades are proved best by the checker of the long way.
    """
    near(quick.certificate, slow.certificate)
    doubles = {name: getattr(slow.certificate, name) for name in (*IN_DOUBLES, "evidence")}
    told = replace(quick, certificate=replace(quick.certificate, **doubles))
    if len(quick.certificate.evidence) == len(slow.certificate.evidence):
        assert abs(quick.rounds - slow.rounds) <= 1
    assert replace(told, rounds=slow.rounds) == slow
    if any(one.fixed for one in quick.certificate.evidence):
        assert [names(one) for one in quick.certificate.evidence] == [names(one) for one in slow.certificate.evidence]
    elif quick.certificate.evidence:
        proved(asked, quick)


def names(one: Evidence) -> Evidence:
    return replace(one, multipliers=())


def near(quick: Certificate, slow: Certificate) -> None:
    for name in ("tracking_error", "rounding_slack"):
        assert getattr(quick, name) == pytest.approx(getattr(slow, name), rel=LAST_DIGITS, abs=LAST_DIGITS)
    # the checker's own bound may stop within rounding of J; here it meets J, and is no more than that
    assert quick.lower_bound <= quick.tracking_error
    assert quick.lower_bound == pytest.approx(slow.lower_bound, rel=1e-6, abs=max(1e-6, slow.rounding_slack))


def proved(asked: Account, quick: Plan) -> None:
    portfolio, event, m = asked
    understood = understand(portfolio, event, Rules(m))
    assert not isinstance(understood, Infeasible)
    problem = decide_cash(build_problem(understood.situation)).cases[0]
    rows = {slice_id: row for row, slice_id in enumerate(problem.tree.slice_ids)}
    found: dict[int, dict[int, list[float]]] = {}
    for one in quick.certificate.evidence:
        assert one.trading == -1
        found.setdefault(one.branch, {})[rows[one.slice_id]] = list(one.multipliers)
    branches = [Branch((), {p: np.array(listed) for p, listed in at.items()}) for at in found.values()]
    trades = np.zeros(len(problem.value), dtype=np.int64)
    for order in quick.orders:
        for part in order.parts:
            trades[rows[part.slice_id]] = part.amount if order.side is Side.BUY else -part.amount
    assert certify(problem, True, trades, branches).optimal


def look(account: Account, seen: Counter[str]) -> None:
    portfolio, event, m = account
    seen["asked"] += isinstance(event, Deposit | Withdrawal | Rebalance)
    quick = planned_at_once(portfolio, event, Rules(m), Budget())
    if quick is None:
        return
    seen["quick"] += 1
    seen["binds"] += m > 1
    slow = long_way(portfolio, event, Rules(m))
    assert isinstance(slow, Plan)
    same(account, quick, slow)


def test_every_event_of_any_size() -> None:
    seen: Counter[str] = Counter()

    @MANY
    @given(st.sampled_from(SIZES).flatmap(accounts))
    def looked(account: Account) -> None:
        look(account, seen)

    looked()
    print(f"\n{seen}")
    assert seen["quick"] >= 0.3 * seen["asked"]
    assert seen["binds"] >= 0.3 * seen["quick"]


@st.composite
def near_equal(draw: st.DrawFn) -> Account:
    """Twenty slices at 4.9 to 5.1 %, flat or in pies of five, new or nearly so."""
    weights = draw(st.lists(st.integers(490, 510), min_size=24, max_size=24))
    values = draw(st.one_of(st.just([0] * 20), st.lists(st.integers(0, 100_000), min_size=20, max_size=20)))
    held = [Slice(f"s{i}", weights[i], Holding(f"S{i}", values[i])) for i in range(20)]
    if draw(st.booleans()):
        held = [Slice(f"p{i}", weights[20 + i], Pie(tuple(held[5 * i : 5 * i + 5]))) for i in range(4)]
    portfolio = Portfolio(Pie(tuple(held)), draw(st.integers(0, 500)))
    worth = portfolio.value + portfolio.cash
    events = [Deposit(draw(st.integers(0, 40_000))), Rebalance()]
    events += [Withdrawal(draw(st.integers(1, worth)))] if worth else []
    return portfolio, draw(st.sampled_from(events)), draw(st.sampled_from([0, 1, 100]))


def test_near_equal_slices() -> None:
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=300)
    @given(near_equal())
    def looked(account: Account) -> None:
        look(account, seen)

    looked()
    print(f"\n{seen}")
    assert seen["quick"] >= 0.3 * seen["asked"]


@settings(MANY, max_examples=100)
@given(accounts(9_000))
def test_whoever_asks_for_orders_alone_gets_no_more(account: Account) -> None:
    portfolio, event, m = account
    quick = planned_at_once(portfolio, event, Rules(m), Budget(), explain=False)
    if quick:
        slow = long_way(portfolio, event, Rules(m), explain=False)
        assert isinstance(slow, Plan)
        same(account, quick, slow)
        assert (quick.nodes, quick.certificate.evidence) == ((), ())
