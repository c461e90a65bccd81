"""Blocked sides in columns: the compiled loop against the pipeline, the checker, HiGHS and every plan there is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import Engine, InvalidRequest
from solver.bulk import Planned, plan_columns, recheck
from solver.columns import NOT_BOUGHT, NOT_SOLD, Accounts, EventKind, account_of, accounts_from
from tests.property.strategies import binds
from tests.property.test_columns import MANY, in_columns, one_by_one, problem_of, the_same
from tests.reference.brute_force import brute_force

EVENTS = list(EventKind)


@st.composite
def blocked(draw: st.DrawFn, most_value: int = 14) -> Accounts:
    """One account in columns of which holdings are blocked, each on no side, on one or on both."""
    columns = draw(in_columns(most_value))
    sides = draw(st.sampled_from([(0, 1, 2, 3), (0, 0, 1, 2), (0, 1), (0, 2), (3, 3, 0), (1, 2)]))
    size = len(columns.parent)
    drawn = np.array(draw(st.lists(st.sampled_from(sides), min_size=size, max_size=size)), dtype=np.int64)
    drawn[np.isin(np.arange(size), columns.parent)] = 0
    return columns._replace(blocked=drawn)


def kept(columns: Accounts, planned: Planned) -> bool:
    """Whether nothing is traded on a blocked side."""
    trade, sides = planned.plans.trade, columns.blocked
    return not ((trade > 0) & (sides & NOT_BOUGHT > 0)).any() and not ((trade < 0) & (sides & NOT_SOLD > 0)).any()


def test_the_loop_finds_the_best_of_all_plans_around_blocked_sides() -> None:
    """To the cent; in most of them the blocks are in the way of what would be planned without."""
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=1_200)
    @given(blocked())
    def look(columns: Accounts) -> None:
        loop = plan_columns(columns)
        assert kept(columns, loop)
        seen["accounts"] += 1
        seen["blocked"] += bool(columns.blocked.any())
        if loop.refusals:
            return
        assert recheck(columns, loop.plans, 0) == ""
        seen["planned"] += 1
        seen["taken"] += not len(loop.by_itself)
        free = plan_columns(columns._replace(blocked=np.zeros_like(columns.blocked)))
        seen["in the way"] += not kept(columns, free)
        problem = problem_of(account_of(columns, 0))
        if problem is None or len(loop.by_itself):
            return
        seen["excess"] += bool(loop.plans.retired_excess[0])
        seen["binds"] += binds(problem)
        seen[EVENTS[int(columns.event[0]) - 1].name] += 1
        best = brute_force(problem)
        if best is None:
            return  # more plans than can be listed
        seen["compared"] += 1
        assert loop.plans.tracking_error[0] == pytest.approx(best.error, rel=1e-9, abs=1e-9)
        assert loop.plans.retired_excess[0] == best.excess
        assert int(loop.plans.cash_left[0]) in best.allowed_cash
        assert loop.plans.quality[0] == 1

    look()
    assert seen["blocked"] >= 0.75 * seen["accounts"]
    assert seen["in the way"] >= 0.2 * seen["planned"]
    assert seen["taken"] >= 0.4 * seen["planned"]
    assert seen["compared"] >= 0.4 * seen["taken"]
    assert seen["excess"] > 0
    assert all(seen[kind.name] > 0 for kind in EventKind)


@settings(MANY, max_examples=400)
@given(blocked(60_000))
def test_the_loop_and_highs_agree_around_blocked_sides(columns: Accounts) -> None:
    loop = plan_columns(columns)
    assert kept(columns, loop)
    the_same(columns, loop, plan_columns(columns, Engine.HIGHS))


@settings(MANY, max_examples=600)
@given(blocked(60_000))
def test_the_loop_trades_what_the_kernel_trades_around_blocked_sides(columns: Accounts) -> None:
    """Posed from columns or from objects it is the same problem, and only slices blocked alike are alike."""
    loop = plan_columns(columns)
    if loop.refusals or len(loop.by_itself):
        return
    alone = one_by_one(columns)
    the_same(columns, loop, alone)
    assert loop.plans.trade.tolist() == alone.plans.trade.tolist()


@settings(MANY, max_examples=200)
@given(blocked(50))
def test_blocked_sides_come_back_as_they_were(columns: Accounts) -> None:
    try:
        account = account_of(columns, 0)
        again = accounts_from([account])
    except InvalidRequest:  # no account, or a liquidation, which is another event in words
        return
    assert again.blocked.tolist() == columns.blocked.tolist()
    assert accounts_from([account_of(again, 0)]).blocked.tolist() == columns.blocked.tolist()
