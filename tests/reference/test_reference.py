"""The reference as an engine: it agrees with HiGHS and brute force, keeps to its time, and says what it needs."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from server.client import Client
from server.demo import play_cases
from server.examples import EXAMPLES, example
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import (
    Budget,
    Deposit,
    Engine,
    EngineUnavailable,
    Event,
    Holding,
    Infeasible,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Security,
    Slice,
    Unsupported,
    Withdrawal,
    available,
    plan,
)
from solver.building import build_problem
from solver.cash import decide_cash
from solver.cents import exact_trades, retired_excess, tracking_error
from solver.engines import reference
from solver.engines.reference import second_opinion
from solver.engines.whole import whole_cents
from solver.plan import Limit
from solver.problem import Problem
from solver.situations import Understood, understand
from tests.property.strategies import accounts
from tests.reference.agree import Account, Count, as_request, look
from tests.server.serving import details_of, served

INSTALL = "pip install 'piewise[reference]'"
MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as address, Client(address) as client:
        yield client


def near_equal(slices: int) -> Portfolio:
    return Portfolio(Pie(tuple(Slice(f"s{i}", 490 + 37 * i % 21, Holding(f"S{i}")) for i in range(slices))))


def posed(portfolio: Portfolio, event: Event, m: int) -> Problem:
    """The first of the problems that rank best in cash."""
    understood = understand(portfolio, event, Rules(m))
    assert isinstance(understood, Understood)
    return decide_cash(build_problem(understood.situation)).cases[0]


def test_three_agree() -> None:
    """Two hundred of the accounts of which ``make agree`` looks at thousands."""
    count = Count()

    @settings(MANY, max_examples=170)
    @given(accounts())
    def every_small_account(account: Account) -> None:
        look(account, count)

    @settings(MANY, max_examples=40)
    @given(accounts(1_000_000, 12))
    def every_larger_account(account: Account) -> None:
        look(account, count)

    every_small_account()
    every_larger_account()
    print(f"\n{count.told()}")
    assert not count.disagreements, "\n".join([as_request(count.disagreements[0][0]), *count.disagreements[0][1]])
    assert count.cases >= 200
    assert count.binding >= count.cases / 2
    assert count.enumerated >= count.cases / 2
    assert len(count.events) == 4


@settings(MANY, max_examples=60)
@given(accounts(20_000, 8))
def test_whole_cents_are_the_best_from_wherever_they_start(account: Account) -> None:
    """From nothing, or from the ideal, with an interval for every leaf: as near as ``cents.py`` comes, by other ways."""
    portfolio, event, _ = account
    understood = understand(portfolio, event, Rules())
    if isinstance(understood, Infeasible):
        return
    problem = decide_cash(build_problem(understood.situation)).cases[0].retired_within(0)
    ours = exact_trades(problem, None) if problem.pies else None  # without any there is nothing to round
    if ours is None:
        return
    for start in (problem.ideal, np.zeros(len(problem.value))):
        low, high = problem.flow_min.copy(), problem.flow_max.copy()
        found = whole_cents(problem, start, low, high, [], Budget())
        assert found is not None
        least, error = (tracking_error(problem, problem.flows(trades)) for trades in (ours, found))
        assert error == pytest.approx(least, abs=1e-6 * problem.rounding_slack, rel=1e-9)


def priced(*shares: tuple[int, int, int]) -> Portfolio:
    """Slices in whole shares: weight, shares held and price in micros."""
    slices, securities = [], []
    for i, (weight, held, price) in enumerate(shares):
        securities.append(Security(f"S{i}", price_micros=price, quantity_step_nanos=10**9))
        slices.append(Slice(f"s{i}", weight, Holding(f"S{i}", held * price // 10_000, held * 10**9)))
    return Portfolio(Pie(tuple(slices)), securities=tuple(securities))


@pytest.mark.parametrize("event", [Deposit(485_517), Deposit(1_000_003), Withdrawal(412_345), Rebalance()])
def test_whole_shares_of_large_amounts(event: Event) -> None:
    """Prices to a hundredth of a cent: SCIP called plans optimal that were not while it was asked for whole cents."""
    account = priced((5, 3, 755_749_858), (3, 7, 161_289_114), (2, 40, 70_160_000), (1, 2, 644_570_861))
    ours, theirs = plan(account, event, Rules(2_500)), plan(account, event, Rules(2_500), Engine.REFERENCE)
    assert isinstance(ours, Plan)
    assert isinstance(theirs, Plan)
    best, told = ours.certificate, theirs.certificate
    assert best.quality is Quality.OPTIMAL
    assert told.tracking_error == pytest.approx(best.tracking_error, rel=1e-6)
    assert told.lower_bound <= best.tracking_error * (1 + 1e-6)


def test_steps_whose_cents_do_not_add_up_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "whole_cents", lambda *_: None)
    with pytest.raises(Unsupported) as caught:
        plan(priced((1, 0, 70_160_000), (1, 0, 161_289_114)), Deposit(100_000), engine=Engine.REFERENCE)
    assert [v.field for v in caught.value.violations] == ["options.engine"]
    assert "quantity_step_nanos" in str(caught.value)


def test_every_stated_result(client: Client) -> None:
    """With a proof of its own, since without a minimum J ≤ ρ is one."""
    stated, ours = (play_cases(client, engine) for engine in (pb.ENGINE_REFERENCE, pb.ENGINE_AUTO))
    for (name, _, theirs, faults), (_, _, planned, _) in zip(stated, ours, strict=True):
        assert faults == [], name
        told, known = theirs.plan.certificate, planned.plan.certificate
        assert (told.engine, told.quality) == ("REFERENCE", pb.QUALITY_OPTIMAL), name
        assert (told.cash_left, told.retired_excess) == (known.cash_left, known.retired_excess), name
        assert abs(told.tracking_error - known.tracking_error) <= known.rounding_slack, name


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "too-much"])
def test_every_example_over_the_wire(client: Client, name: str) -> None:
    request = example(name)
    ours = client.plan(request).plan.certificate
    request.options.engine = pb.ENGINE_REFERENCE
    theirs = client.plan(request).plan.certificate
    assert theirs.engine == "REFERENCE"
    assert (theirs.cash_left, theirs.retired_excess) == (ours.cash_left, ours.retired_excess)
    assert abs(theirs.tracking_error - ours.tracking_error) <= ours.rounding_slack
    assert theirs.lower_bound <= ours.tracking_error * (1 + 1e-6)
    proved = theirs.quality == pb.QUALITY_OPTIMAL  # else by its solver's claim alone, and it says so
    assert proved or (theirs.quality, theirs.bound_source) == (pb.QUALITY_FEASIBLE, pb.BOUND_SOURCE_ENGINE)


@pytest.mark.parametrize(("missing", "m"), [("cvxpy", 0), ("cvxpy", 400), ("pyscipopt", 400)])
def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str, m: int) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(EngineUnavailable) as caught:
        plan(near_equal(3), Deposit(1_000), Rules(m), Engine.REFERENCE)
    assert missing in str(caught.value)
    assert INSTALL in str(caught.value)


def test_scip_is_needed_for_a_minimum_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyscipopt", None)
    answer = plan(near_equal(3), Deposit(1_000), Rules(), Engine.REFERENCE)
    assert isinstance(answer, Plan)
    assert answer.certificate.quality is Quality.OPTIMAL


def test_unavailable_over_the_wire(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAILED_PRECONDITION with the install line, in ``Plan``, in ``Compare`` and for the item of a batch alone."""
    assert available(Engine.REFERENCE)
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    request = example("minimum")
    request.options.engine = pb.ENGINE_REFERENCE
    for ask in (
        lambda: client.plan(request),
        lambda: client.compare(pb.CompareRequest(request=request)),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            ask()
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert INSTALL in caught.value.details()
        assert details_of(caught.value)[0].reason == "ENGINE_UNAVAILABLE"
    first, second = client.batch([request, example("deposit")])
    assert first.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert INSTALL in first.error.message
    assert second.response.HasField("plan")


def test_nobody_else_imports_it() -> None:
    """CVXPY takes a second to import; a server that is not asked for a second opinion never does."""
    told = (
        "import sys, solver, server.main, server.cli\n"
        "from server.examples import EXAMPLES, example\n"
        "from server.answers import answer_plan, answer_compare\n"
        "from server.generated.piewise.v1 import allocation_pb2 as pb\n"
        "from solver import Budget\n"
        "wanted = pb.CompareRequest(request=example('minimum')).SerializeToString()\n"
        "assert answer_compare(wanted, None, Budget(), 0.0).optimal.HasField('plan')\n"
        "assert not {'cvxpy', 'pyscipopt', 'scipy'} & set(sys.modules), sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("m", [0, 100])
def test_out_of_time_is_an_honest_answer(m: int) -> None:
    answer = plan(near_equal(60), Deposit(2_050), Rules(m), Engine.REFERENCE, Budget(seconds_left=lambda: 0.0))
    assert isinstance(answer, Infeasible)
    assert answer.reason == "OUT_OF_TIME"


def test_it_is_cancelled_while_its_solver_runs() -> None:
    """By another thread, which gets its turn only where SCIP does not hold Python's lock; left alone, it takes a minute."""
    problem, budget, here = posed(near_equal(200), Deposit(10_050), 100), Budget(), threading.get_ident()

    def asked() -> float:
        if threading.get_ident() != here:
            budget.cancel()
        return math.inf

    budget.seconds_left = asked
    begun = time.monotonic()
    assert second_opinion(problem, budget).stopped
    assert time.monotonic() - begun < reference.SECONDS_AT_MOST / 3


def test_what_it_found_in_its_time_is_a_plan_that_claims_no_more() -> None:
    hard, begun = (near_equal(200), Deposit(10_050), Rules(100)), time.monotonic()
    answer = plan(*hard, Engine.REFERENCE, Budget(lambda: begun + 2.0 - time.monotonic()))
    assert time.monotonic() - begun < 10.0
    if isinstance(answer, Infeasible):  # a machine so busy that SCIP came to nothing
        assert answer.reason == "OUT_OF_TIME"
        return
    told, best = answer.certificate, plan(*hard)
    assert isinstance(best, Plan)
    assert (told.quality, told.limit) == (Quality.FEASIBLE, Limit.TIME)
    assert told.lower_bound <= best.certificate.tracking_error <= told.tracking_error + best.certificate.rounding_slack


@settings(MANY, max_examples=60)
@given(accounts(1_000, 7))
def test_its_trades_obey_every_rule_and_its_retired_bound_holds(account: Account) -> None:
    portfolio, event, m = account
    if isinstance(understand(portfolio, event, Rules(m)), Infeasible):
        return
    problem = posed(portfolio, event, m)
    opinion = second_opinion(problem, Budget())
    assert opinion.trades is not None
    assert problem.realises(opinion.trades)
    assert opinion.excess_bound <= retired_excess(problem, problem.flows(opinion.trades))
