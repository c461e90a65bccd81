"""Accounts in columns: the compiled loop against the pipeline, the checker, HiGHS and every plan there is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import Deposit, Engine, InvalidRequest, Portfolio, Rebalance, Rules, Withdrawal
from solver.building import build_problem
from solver.bulk import Planned, plan_columns, recheck
from solver.columns import Account, Accounts, EventKind, account_of, accounts_from
from solver.plan import Infeasible
from solver.problem import Problem
from solver.situations import understand
from tests.property.strategies import accounts, binds, portfolios
from tests.reference.brute_force import brute_force

MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def in_columns(draw: st.DrawFn, most_value: int = 14) -> Accounts:
    """One account in columns: an event that a row can say, half the time one whose minimum binds."""
    if draw(st.booleans()):
        portfolio, event, m = draw(accounts(most_value))
        if isinstance(event, Deposit | Withdrawal | Rebalance):
            try:
                return accounts_from([(portfolio, event, Rules(m))])
            except InvalidRequest:
                pass  # nothing to withdraw, say
    portfolio = draw(portfolios(most_value))
    one = accounts_from([(portfolio, Deposit(0), Rules(draw(st.integers(0, 12))))])
    kind = draw(st.sampled_from(list(EventKind)))
    moved = kind in (EventKind.DEPOSIT, EventKind.WITHDRAWAL)
    amount = draw(st.integers(0, 3 * most_value)) if moved else 0
    row = 0 if moved else draw(st.integers(0, len(one.parent) - 1))
    figures = {"event": kind, "amount": amount, "event_row": row}
    return one._replace(**{name: np.array([figure], dtype=np.int64) for name, figure in figures.items()})


def problem_of(account: Account) -> Problem | None:
    understood = understand(*account)
    problem = None if isinstance(understood, Infeasible) else build_problem(understood.situation)
    return problem if problem is not None and len(problem.leaves) else None


def the_same(columns: Accounts, loop: Planned, other: Planned) -> None:
    """Equal in what is refused, in what retired slices keep, in J, and, but for what ranks equal, in cash.

    A rebalance may leave anything below an order, so two plans that are equally good may differ in that.
    """
    assert loop.refusals == other.refusals
    for name in ("quality", "retired_excess"):
        assert getattr(loop.plans, name).tolist() == getattr(other.plans, name).tolist(), name
    fixed = ~np.isin(columns.event, (EventKind.REBALANCE, EventKind.REBALANCE_SHALLOW))
    for name in ("cash_after", "cash_left"):
        assert getattr(loop.plans, name)[fixed].tolist() == getattr(other.plans, name)[fixed].tolist(), name
    off = np.abs(loop.plans.cash_left - other.plans.cash_left)
    assert (off < np.maximum(columns.min_trade, 1)).all()
    slack = np.maximum(loop.plans.rounding_slack, 1e-9 * np.maximum(1.0, loop.plans.tracking_error))
    assert (loop.plans.tracking_error <= other.plans.tracking_error + slack).all()
    assert (other.plans.tracking_error <= loop.plans.tracking_error + slack).all()
    assert loop.plans.rounding_slack == pytest.approx(other.plans.rounding_slack)
    assert loop.plans.ideal == pytest.approx(other.plans.ideal, rel=1e-12, abs=1e-9)


def test_the_loop_finds_the_best_of_all_plans() -> None:
    """To the cent, over accounts whose minimum binds and whose slices are near equal; few are left to the pipeline."""
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=1_200)
    @given(in_columns())
    def look(columns: Accounts) -> None:
        loop = plan_columns(columns)
        if loop.refusals:
            return
        assert recheck(columns, loop.plans, 0) == ""
        problem = problem_of(account_of(columns, 0))
        seen["accounts"] += 1
        seen["taken"] += not len(loop.by_itself)
        if problem is None or len(loop.by_itself):
            return
        best = brute_force(problem)
        if best is None:
            return  # more plans than can be listed
        seen["compared"] += 1
        seen["binds"] += binds(problem)
        assert loop.plans.tracking_error[0] == pytest.approx(best.error, rel=1e-9, abs=1e-9)
        assert loop.plans.retired_excess[0] == best.excess
        assert int(loop.plans.cash_left[0]) in best.allowed_cash
        assert loop.plans.quality[0] == 1

    look()
    assert seen["taken"] >= 0.6 * seen["accounts"]
    assert seen["compared"] >= 0.5 * seen["taken"]
    assert seen["binds"] >= 0.25 * seen["compared"]


@settings(MANY, max_examples=300)
@given(in_columns(60_000))
def test_the_loop_and_highs_agree(columns: Accounts) -> None:
    the_same(columns, plan_columns(columns), plan_columns(columns, Engine.HIGHS))


@settings(MANY, max_examples=300)
@given(in_columns(60_000))
def test_the_loop_trades_what_the_kernel_trades(columns: Accounts) -> None:
    """Posed from columns or from objects it is the same problem, and among slices alike the earlier trade more."""
    loop = plan_columns(columns)
    if loop.refusals or len(loop.by_itself):
        return
    alone = one_by_one(columns)
    the_same(columns, loop, alone)
    assert loop.plans.trade.tolist() == alone.plans.trade.tolist()


def one_by_one(columns: Accounts) -> Planned:
    """The kernel, asked by the pipeline."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("solver.bulk._by_the_loop", lambda told: _none(told))
        return plan_columns(columns)


def _none(columns: Accounts) -> object:
    from solver.columns import no_plans

    return no_plans(len(columns.event), len(columns.parent))


@settings(MANY, max_examples=60)
@given(st.lists(in_columns(2_000), min_size=2, max_size=12))
def test_accounts_do_not_feel_each_other(several: list[Accounts]) -> None:
    """Together they are planned as each by itself, and their evidence lies where it should."""
    columns = {name: np.concatenate([getattr(one, name) for one in several]) for name in Accounts._fields}
    sizes = [len(one.parent) for one in several]
    together = plan_columns(Accounts(**{**columns, "start": np.concatenate(([0], np.cumsum(sizes)))}))
    alone = [plan_columns(one) for one in several]
    for name in together.plans._fields:
        expected = [getattr(one.plans, name) for one in alone]
        if name in ("evidence_start", "cut_start"):
            steps = np.concatenate([np.diff(column) for column in expected])
            assert np.diff(getattr(together.plans, name)).tolist() == steps.tolist()
        else:
            assert np.array_equal(getattr(together.plans, name), np.concatenate(expected)), name


def test_portfolios_come_back_as_they_were() -> None:
    """What columns say is what the account said, by other names."""

    @settings(MANY, max_examples=200)
    @given(portfolios(50))
    def look(portfolio: Portfolio) -> None:
        columns = accounts_from([(portfolio, Deposit(5), Rules(3))])
        again = accounts_from([account_of(columns, 0)])
        for name, column in columns._asdict().items():
            assert column.tolist() == getattr(again, name).tolist()

    look()
