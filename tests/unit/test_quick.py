"""Which accounts go the short way to a plan, which do not, and that both say the same of bad requests."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import pickle
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from solver import (
    Budget,
    Deposit,
    Engine,
    EngineUnavailable,
    Event,
    Holding,
    Infeasible,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Security,
    Slice,
    TargetChange,
    Withdrawal,
    plan,
    planning,
    quick,
)
from solver.quick import MOST_ROWS, Posed, planned_at_once, ready, solved_at_once


def account(cash: int = 700) -> Portfolio:
    pie = Pie((Slice("b", 1, Holding("B", 1_900)), Slice("c", 1, Holding("C", 1_000))))
    return Portfolio(Pie((Slice("p", 3, pie), Slice("d", 2, Holding("D", 2_500)))), cash)


def at_once(portfolio: Portfolio, events: Any, m: int = 100, budget: Budget | None = None) -> Plan | None:
    return planned_at_once(portfolio, events, Rules(m), budget or Budget())


def long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "planned_at_once", lambda *_: None)


def test_a_loop_that_is_still_being_imported_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server answers from its first second on, while another thread imports the kernel."""
    monkeypatch.setitem(sys.modules, "solver.engines.kernel.alone", ModuleType("solver.engines.kernel.alone"))
    assert not ready()


def test_what_tells_that_the_loop_is_ready_comes_last() -> None:
    """Of a module that is being imported no later name may be missing once ``prepared`` is there."""
    tree = ast.parse(inspect.getsource(importlib.import_module("solver.engines.kernel.alone")))
    assert isinstance(tree.body[-1], ast.FunctionDef)
    assert tree.body[-1].name == "prepared"


EVENTS: list[Event] = [
    Deposit(1_000, "in"),
    Withdrawal(2_000, "out"),
    Rebalance("", Reach.DEEP, "all"),
    Rebalance("p", Reach.DEEP, "some"),
    Rebalance("", Reach.SHALLOW, "top"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_id)
def test_every_event_goes_the_short_way(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_plan = plan(account(), event, Rules(100), Engine.KERNEL)
    listed = plan(account(), [event], Rules(100), Engine.KERNEL)
    assert at_once(account(), event) == quick_plan == listed
    long_way(monkeypatch)
    slow = plan(account(), event, Rules(100), Engine.KERNEL)
    assert isinstance(quick_plan, Plan)
    assert isinstance(slow, Plan)
    assert (quick_plan.orders, quick_plan.cash, quick_plan.nodes) == (slow.orders, slow.cash, slow.nodes)
    assert quick_plan.portfolio_after == slow.portfolio_after
    assert {part.event_id for order in quick_plan.orders for part in order.parts} == {event.event_id}


def test_what_is_left_for_later_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = []
    monkeypatch.setattr(quick, "report", lambda *told: reported.append(1) or planning.report(*told))
    found = at_once(account(), Deposit(1_000))
    assert found is not None
    assert (found.orders, found.cash, found.certificate.tracking_error, found.rounds) is not None
    assert not reported
    assert found.nodes
    assert found.certificate.evidence
    assert found.portfolio_after.value == account().value + 1_700
    assert len(reported) == 1


def test_it_is_a_plan_like_any_other() -> None:
    found, again = at_once(account(), Deposit(1_000)), at_once(account(), Deposit(1_000))
    assert found is not None
    assert again is not None
    assert again == found
    assert hash(again) == hash(found)
    assert pickle.loads(pickle.dumps(at_once(account(), Deposit(1_000)))) == found
    assert copy.deepcopy(found) == copy.copy(found) == found
    assert repr(at_once(account(), Deposit(1_000))) == repr(found)
    assert replace(again, rounds=-1) != found
    assert replace(again, rounds=-1).nodes == found.nodes


def with_securities() -> Portfolio:
    return replace(account(), securities=(Security("B", min_trade=5),))


def shared() -> Portfolio:
    return Portfolio(Pie((Slice("a", 1, Holding("A", 900)), Slice("b", 2, Holding("A", 800)))), 700)


def wide(slices: int) -> Portfolio:
    return Portfolio(Pie(tuple(Slice(f"s{i}", 1, Holding(f"S{i}", i)) for i in range(slices))))


LONG: dict[str, tuple[Any, Any, Rules, Budget]] = {
    "a cash floor": (account(), Deposit(1_000), Rules(100, 5), Budget()),
    "a threshold": (account(), Deposit(1_000), Rules(100, 0, 0), Budget()),
    "a security's rule": (with_securities(), Deposit(1_000), Rules(100), Budget()),
    "a security twice": (shared(), Deposit(1_000), Rules(), Budget()),
    "too many slices": (wide(MOST_ROWS), Deposit(1_000), Rules(), Budget()),
    "two events": (account(), [Deposit(1_000), Withdrawal(5)], Rules(100), Budget()),
    "a target change": (account(), TargetChange(()), Rules(100), Budget()),
    "nothing to do": (account(0), Deposit(0), Rules(100), Budget()),
    "cash enough": (account(), Withdrawal(700), Rules(100), Budget()),
    "no event": (account(), [], Rules(100), Budget()),
    "no such slice": (account(), Rebalance("x"), Rules(100), Budget()),
    "no pie": (account(), Rebalance("d"), Rules(100), Budget()),
    "a strange reach": (account(), Rebalance("", "DEEP"), Rules(100), Budget()),  # type: ignore[arg-type]
    "a fraction": (account(), Deposit(10.5), Rules(100), Budget()),  # type: ignore[arg-type]
    "a truth": (account(), Deposit(True), Rules(100), Budget()),
    "less than nothing": (account(), Deposit(-1), Rules(100), Budget()),
    "beyond 64 bits": (account(), Deposit(2**70), Rules(100), Budget()),
    "too much": (account(), Deposit(10**13), Rules(100), Budget()),
    "no withdrawal": (account(), Withdrawal(0), Rules(100), Budget()),
    "more than there is": (account(), Withdrawal(6_101), Rules(100), Budget()),
    "a bound by branches": (account(), Deposit(1_000), Rules(342), Budget()),
    "no time": (account(), Deposit(1_000), Rules(100), Budget(lambda: 0.01)),
    "little work": (account(), Deposit(1_000), Rules(100), Budget(work_limit=5)),
    "cancelled": (account(), Deposit(1_000), Rules(100), Budget(cancelled=True)),
}


@pytest.mark.parametrize("case", LONG)
def test_all_else_goes_the_long_way(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which answers, or refuses by name, as if there were no other."""
    portfolio, events, rules, budget = LONG[case]
    assert at_once(account(), Deposit(1_000)) is not None
    assert planned_at_once(portfolio, events, rules, budget) is None
    found = _what_becomes_of(portfolio, events, rules, budget)
    long_way(monkeypatch)
    assert _what_becomes_of(portfolio, events, rules, budget) == found


def _what_becomes_of(portfolio: Portfolio, events: Any, rules: Rules, budget: Budget) -> object:
    try:
        return plan(portfolio, events, rules, Engine.KERNEL, budget)
    except InvalidRequest as refused:
        return refused.violations


def test_as_many_slices_as_there_is_room_for() -> None:
    found = at_once(wide(MOST_ROWS - 1), Deposit(1_000), 0)
    assert found is not None
    assert sum(order.amount for order in found.orders) == 1_000


def test_other_engines_go_their_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "planned_at_once", lambda *_: pytest.fail("asked"))
    for engine in (Engine.AUTO, Engine.HIGHS):
        found = plan(account(), Deposit(1_000), Rules(100), engine)
        assert isinstance(found, Plan)
        assert found.certificate.engine == engine.value


def test_answers_are_no_memory_that_is_used_again() -> None:
    first = at_once(account(), Deposit(1_000))
    assert first is not None
    other = at_once(wide(40), Deposit(9_999), 0)
    again = at_once(account(), Deposit(1_000))
    assert first == again
    assert other == at_once(wide(40), Deposit(9_999), 0)


def test_threads_have_memory_of_their_own() -> None:
    expected = {count: at_once(wide(count), Deposit(1_000 + count), 0) for count in range(20, 28)}
    wrong: list[int] = []

    def work(count: int) -> None:
        for _ in range(50):
            if at_once(wide(count), Deposit(1_000 + count), 0) != expected[count]:
                wrong.append(count)

    threads = [threading.Thread(target=work, args=(count,)) for count in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(expected.values())


def posed(parent: Sequence[int] = (-1, 0, 0), value: Sequence[int] = (0, 5, 7), amount: int = 9) -> Posed:
    return Posed(parent, (1, 1, 1), value, 1, amount, 0, 3, 0)


def test_rows_that_are_no_account_have_no_answer() -> None:
    found = solved_at_once(posed())
    assert found is not None
    assert (found.trade, found.cash_after) == ([0, 7, 5], 0)
    assert found.evidence == found.cuts == ()
    assert solved_at_once(posed((-1, 0, 5))) is None
    assert solved_at_once(posed(value=(0, -5, 7))) is None
    assert solved_at_once(posed(amount=2**70)) is None
    assert solved_at_once(posed(amount=-1)) is None
    many = MOST_ROWS + 1
    assert solved_at_once(Posed([-1] + [0] * (many - 1), [1] * many, [5] * many, 1, 9, 0, 3, 0)) is None


def test_ready_once_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_once(account(), Deposit(1_000)) is not None
    assert ready()
    monkeypatch.delitem(sys.modules, "solver.engines.kernel.alone")
    assert not ready()


def test_without_its_package_the_long_way_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise EngineUnavailable("the engine KERNEL needs numba: pip install 'piewise[kernel]'")

    monkeypatch.setattr(quick, "solved_at_once", missing)
    assert at_once(account(), Deposit(1_000)) is None
    with pytest.raises(InvalidRequest):  # before anything is said of packages
        plan(account(), Deposit(-1), Rules(100), Engine.KERNEL)
    assert isinstance(plan(account(), Withdrawal(10**6), Rules(100), Engine.KERNEL), Infeasible)
