"""HiGHS as it is used: a cancelled run leaves nothing behind, and both statuses are looked at."""

from __future__ import annotations

import threading

import pytest

from solver import (
    Budget,
    Deposit,
    Engine,
    EngineUnavailable,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Security,
    Slice,
    Withdrawal,
    check_request,
    plan,
    planning,
)
from solver.building import build_problem
from solver.engines import highs
from solver.problem import Situation
from solver.situations import Understood, understand


def account(slices: int) -> Portfolio:
    return Portfolio(Pie(tuple(Slice(f"s{i}", 490 + 37 * i % 21, Holding(f"S{i}")) for i in range(slices))))


def test_a_cancelled_search_leaves_its_engine_as_it_was() -> None:
    cancelled = Budget()
    cancelled.cancel()
    first = plan(account(60), Deposit(2_050), Rules(100), Engine.HIGHS, cancelled)
    assert not isinstance(first, Plan) or first.certificate.quality is not Quality.HEURISTIC
    second = plan(account(60), Deposit(2_050), Rules(100), Engine.HIGHS)
    assert isinstance(second, Plan)
    assert second.certificate.quality is Quality.OPTIMAL
    assert second.rounds >= 1


@pytest.mark.parametrize("relaxed", [False, True])
def test_one_interrupted_run_is_not_the_next_ones_end(relaxed: bool) -> None:
    """HiGHS keeps the interrupt that a callback once set; unless taken back, it stops every later run of the thread."""
    problem = build_problem(situation_of(account(200), Deposit(20_050), Rules(100)))
    asked = iter([5.0])  # as the run begins; nothing is left by the first callback
    assert highs.propose(problem, [], Budget(seconds_left=lambda: next(asked, 0.0)), 500, relaxed).stopped
    again = highs.propose(problem, [], Budget(), 500)
    assert not again.stopped
    assert again.sides is not None


def test_out_of_time_is_an_honest_answer() -> None:
    answer = plan(account(60), Deposit(2_050), Rules(100), Engine.HIGHS, Budget(seconds_left=lambda: 0.0))
    assert isinstance(answer, Plan)
    assert answer.certificate.quality is Quality.FEASIBLE
    assert answer.certificate.limit.value == "TIME"
    assert answer.certificate.lower_bound <= answer.certificate.tracking_error


def test_a_tree_too_deep_for_highs_still_gets_a_plan() -> None:
    """Sixteen levels of a hundred slices: w A° falls to 1e-25 of a cent, which HiGHS refuses as a coefficient."""
    names = iter(range(10_000))

    def pie(depth: int) -> Pie:
        leaves = tuple(Slice(f"s{(i := next(names))}", 1 + i % 7, Holding(f"S{i}", 1_000 + i)) for _ in range(100))
        return Pie(leaves + (() if depth == 16 else (Slice(f"p{depth}", 50, pie(depth + 1)),)))

    budget = Budget(work_limit=1)
    answer = plan(Portfolio(pie(1)), Rebalance(), Rules(100), Engine.HIGHS, budget)
    assert isinstance(answer, Plan)


def test_every_thread_has_its_own_engine() -> None:
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.append(plan(account(40), Deposit(1_050), Rules(100), Engine.HIGHS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({str(answer) for answer in answers}) == 1


def test_retired_slices_below_a_nested_pie_may_keep_what_the_minimum_forbids() -> None:
    """The ideal sells 100 of each retired slice; under a minimum of 200 one is sold whole and the other kept."""
    retired = (Slice("s4", 0, Holding("S4", 100)), Slice("s5", 0, Holding("S5", 200)))
    portfolio = Portfolio(Pie((Slice("p", 1, Pie((Slice("s3", 1, Holding("S3", 0)), *retired))),)))
    answer = plan(portfolio, Withdrawal(100), Rules(200))
    assert isinstance(answer, Plan)
    assert [(o.security_id, o.amount) for o in answer.orders] == [("S5", 200)]
    assert answer.certificate.retired_excess == 100


def test_time_spent_on_earlier_programs_does_not_count() -> None:
    """HiGHS counts an instance's runs without integers against its time limit; a server's worker has run for days."""
    problem = build_problem(situation_of(account(200), Deposit(2_050), Rules()))
    clock = highs._engine()
    before = clock.getRunTime()
    while clock.getRunTime() < before + 0.1:
        highs.propose(problem, [], Budget(), 1)
    limit = Budget(seconds_left=lambda: 0.09)
    assert not highs.propose(problem, [], limit, 1).stopped


def situation_of(portfolio: Portfolio, event: Event, rules: Rules) -> Situation:
    understood = understand(portfolio, event, rules)
    assert isinstance(understood, Understood)
    return understood.situation


def test_a_model_that_is_all_but_fixed() -> None:
    """HiGHS's presolve ends in an error here; without it there is a plan: what is left of b and c is sold."""
    p = Slice("p", 0, Pie((Slice("b", 1, Holding("B", 1)),)))
    q = Slice("q", 0, Pie((Slice("c", 1, Holding("C", 1)), Slice("d", 0, Holding("D", 5)))))
    full = Portfolio(Pie((p, q, Slice("e", 1, Holding("E", 0)))), securities=(Security("E", max_value=0),))
    answer = plan(full, Rebalance(), Rules(4))
    assert isinstance(answer, Plan)
    assert [(order.security_id, order.amount) for order in answer.orders] == [("B", 1), ("C", 1)]


def test_to_check_a_request_asks_for_the_engine_too(monkeypatch: pytest.MonkeyPatch) -> None:
    check_request(account(2), Deposit(100), None, Engine.HIGHS)
    monkeypatch.setattr(planning, "find_spec", lambda name: None)
    check_request(account(2), Deposit(100))
    with pytest.raises(EngineUnavailable, match=r"REFERENCE is not installed here; pip install 'piewise\[reference\]'"):
        check_request(account(2), Deposit(100), None, Engine.REFERENCE)
