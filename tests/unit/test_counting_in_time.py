"""Sums are counted while there is time: by the proof, and once more by the checker, which then confirms less."""

from __future__ import annotations

from typing import Any

import pytest

from solver import (
    Budget,
    Holding,
    Infeasible,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Reach,
    Rebalance,
    Rules,
    Security,
    Slice,
    Withdrawal,
    plan,
    prover,
)
from solver.bound import Stopped
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import certify
from solver.enumeration import Enumerated, enumerated
from solver.problem import Problem
from solver.search import Outcome, search
from solver.situations import Understood, understand

WHOLE = 10**9
DOLLARS = (34, 25, 61, 47, 52, 19, 83, 38)
EVENTS = Withdrawal(200_00, "rent"), Rebalance("", Reach.DEEP, "all")


def account() -> Portfolio:
    """Eight securities in whole shares, the first four in a pie of their own."""
    listed = tuple(Security(f"S{p}", price_micros=p * 10**6, quantity_step_nanos=WHOLE) for p in DOLLARS)
    held = [Holding(f"S{p}", (2 + p % 5) * p * 100, (2 + p % 5) * WHOLE) for p in DOLLARS]
    leaves = [Slice(f"s{p}", 1 + i % 3, one) for i, (p, one) in enumerate(zip(DOLLARS, held, strict=True))]
    return Portfolio(Pie((Slice("p", 7, Pie(tuple(leaves[:4]))), *leaves[4:])), securities=listed)


def asked_so_often(last: int) -> Budget:
    """A budget whose time is up once it was asked ``last`` times."""
    clock = iter([1.0] * last)
    return Budget(seconds_left=lambda: next(clock, 0.0))


def solved() -> tuple[Problem, Outcome]:
    understood = understand(account(), EVENTS, Rules())
    assert isinstance(understood, Understood)
    (case,) = decide_cash(build_problem(understood.situation)).cases
    return case, search(case, Budget())


def test_counting_ends_when_it_is_told_to() -> None:
    case, outcome = solved()
    (branch,) = [branch for branch in outcome.branches if branch.counted]
    error = outcome.incumbent.error if outcome.incumbent else 0.0

    def counted_in(last: int) -> Enumerated:
        budget = asked_so_often(last)
        return enumerated(case, case.flow_min, case.flow_max, branch.counted, error, lambda: budget.exhausted)

    assert counted_in(len(DOLLARS) + 1).bound == pytest.approx(error)  # asked once a slice
    for last in range(len(DOLLARS) + 1):
        with pytest.raises(Stopped):
            counted_in(last)


def test_the_checker_counts_no_sums_once_time_is_up() -> None:
    case, outcome = solved()
    assert outcome.incumbent
    trades = outcome.incumbent.trades
    assert certify(case, True, trades, outcome.branches).optimal
    late = certify(case, True, trades, outcome.branches, lambda: True)
    assert not late.optimal
    assert 0.0 <= late.lower_bound < late.tracking_error


def test_whenever_time_ends_there_is_a_plan_that_claims_no_more_than_is_proved() -> None:
    best = plan(account(), EVENTS)
    assert isinstance(best, Plan)
    assert best.certificate.quality is Quality.OPTIMAL
    least, proved = best.certificate.tracking_error, []
    for last in (*range(0, 60, 3), 1_000):
        found = plan(account(), EVENTS, budget=asked_so_often(last))
        assert not isinstance(found, Infeasible)
        proved.append(found.certificate.quality is Quality.OPTIMAL)
        assert found.certificate.tracking_error >= least - 1e-9
        assert found.certificate.lower_bound <= least + 1e-9
        assert not proved[-1] or found.certificate.tracking_error == pytest.approx(least)
        assert proved[-1] or found.certificate.limit.value == "TIME"
    assert not proved[0]
    assert proved[-1]


def test_where_sums_are_too_many_they_are_counted_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two securities in whole shares among five in cents: it takes hundreds of branches, and sums are never few."""
    inner = Pie(
        (
            Slice("xom", 10, Holding("XOM", 22_09)),
            Slice("unh", 14, Holding("UNH", 29_37)),
            Slice("rrc", 30, Holding("RRC", 74_86, 38 * WHOLE)),
        )
    )
    others = {"ko": (28, Holding("KO", 93_74)), "pfe": (8, Holding("PFE", 26_18))}
    others |= {"ge": (20, Holding("GE", 167_60, WHOLE)), "msft": (29, Holding("MSFT", 0))}
    prices = {"RRC": 1_970_000, "GE": 167_600_000}
    listed = tuple(Security(name, price_micros=price, quantity_step_nanos=WHOLE) for name, price in prices.items())
    leaves = [Slice(name, weight, held) for name, (weight, held) in others.items()]
    counted, branches = [], []
    count, tighten = prover.enumerated, prover._tighten

    def counting(*given: Any) -> Enumerated:
        counted.append(given)
        assert len(counted) <= 60, "each is a second of work"
        return count(*given)

    monkeypatch.setattr(prover, "enumerated", counting)
    monkeypatch.setattr(prover, "_tighten", lambda *given: branches.append(given) or tighten(*given))
    found = plan(Portfolio(Pie((Slice("inner", 30, inner), *leaves)), 82_86, securities=listed), Rebalance())
    assert isinstance(found, Plan)
    assert found.certificate.quality is Quality.OPTIMAL
    assert len(branches) > 100


def test_sales_alone_pay_what_pies_that_rebalance_could_pay_otherwise() -> None:
    """In whole shares simple guesses at who buys seldom come out even in every pie; there is a plan before HiGHS."""
    prices, shares = [200 + 389 * i % 1789 for i in range(9)], [11 + 389 * i % 173 for i in range(9)]
    held = [Holding(f"S{i}", p * q, q * WHOLE) for i, (p, q) in enumerate(zip(prices, shares, strict=True))]
    leaves = [Slice(f"s{i}", 1 + i % 7, one) for i, one in enumerate(held)]
    root = Pie(tuple(Slice(f"p{i}", 1 + i, Pie(tuple(leaves[3 * i : 3 * i + 3]))) for i in range(3)))
    listed = tuple(Security(f"S{i}", price_micros=p * 10**4, quantity_step_nanos=WHOLE) for i, p in enumerate(prices))
    tidy = (Rebalance(f"p{i}", Reach.DEEP, f"of p{i}") for i in range(3))
    events = Withdrawal(1_166_80, "rent"), *tidy
    found = plan(Portfolio(root, securities=listed), events, budget=asked_so_often(0))
    assert isinstance(found, Plan)
    assert found.certificate.quality is Quality.FEASIBLE
    assert found.certificate.limit.value == "TIME"
