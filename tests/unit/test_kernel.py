"""The kernel's parts, one by one, and what it says of itself."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from benchmarks.instances import Case
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
    certificate,
    plan,
    search,
)
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import certify
from solver.engines.kernel import branching, engine, sorting
from solver.engines.kernel.memory import EVENT, RANK
from solver.engines.kernel.tree import load
from solver.problem import Problem
from solver.prover import Proof, incumbent_of
from solver.situations import Understood, understand


def pie(weights: list[int], values: list[int], tag: str = "s") -> Pie:
    rows = enumerate(zip(weights, values, strict=True))
    return Pie(tuple(Slice(f"{tag}{i}", w, Holding(f"{tag}{i}".upper(), v)) for i, (w, v) in rows))


def flat(weights: list[int], values: list[int]) -> Portfolio:
    return Portfolio(pie(weights, values))


def nested(rng: random.Random, pies: int, count: int, value: int) -> Portfolio:
    def inner(tag: str) -> Pie:
        return pie(
            [rng.randrange(490, 511) for _ in range(count)], [rng.randrange(value + 1) for _ in range(count)], tag
        )

    return Portfolio(Pie(tuple(Slice(f"p{i}", rng.randrange(490, 511), inner(f"p{i}s")) for i in range(pies))))


def case_of(portfolio: Portfolio, event: Event, m: int) -> Problem:
    understood = understand(portfolio, event, Rules(m))
    assert isinstance(understood, Understood)
    return decide_cash(build_problem(understood.situation)).cases[0]


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 33, 100, 257])
def test_sorting(count: int) -> None:
    rng = random.Random(count)
    at = [rng.randrange(50) / 7 for _ in range(count)]
    events, ranks = np.zeros(count + 1, dtype=EVENT), np.zeros(2 * count + 2, dtype=RANK)
    events["at"][:count], ranks["gain"][:count], ranks["leaf"][:count] = at, at, range(count)
    order = np.zeros(2 * count + 2, dtype=np.int64)
    sorting.sort_events(events, order, count)
    sorting.sort_ranks(ranks, count, count + 1)
    assert sorted(order[:count].tolist()) == list(range(count))
    assert events["at"][order[:count]].tolist() == sorted(at)
    assert ranks["gain"][:count].tolist() == sorted(at)
    assert [at[i] for i in ranks["leaf"][:count]] == sorted(at)


def test_a_tree_is_loaded_with_its_sums() -> None:
    """Σ e_c = e_p + need_p at every pie, whatever the flows: what the waist says of y, in the kernel's letters."""
    case = case_of(nested(random.Random(1), 3, 4, 900), Rebalance(), 50)
    work = engine.memory_for(case)
    assert load(*engine.posed_of(case), work.tree)
    tree = work.tree.view(np.recarray)
    trades = np.zeros(len(case.value), dtype=np.int64)
    trades[case.leaves] = np.arange(len(case.leaves)) * 7 - 20
    flows = case.flows(trades)
    e = {n: float(flows[tree[n].row] - case.ideal_whole[tree[n].row]) for n in range(1, int(tree[0].nodes))}
    e[0] = float(trades.sum() - case.received[0])
    for i in range(int(tree[0].pies)):
        p = int(tree[i].pie)
        assert sum(e[c] for c in range(int(tree[p].first), int(tree[p].last))) == e[p] + tree[p].need


def test_three_equal_slices_and_one_and_a_half_minimums() -> None:
    """PROBLEM.md §3: a multiplier alone bounds this at half of the optimum; counting closes it without a branch."""
    case = case_of(flat([1, 1, 1], [0, 0, 0]), Deposit(150), 100)
    found = engine.solve(case, Budget(), easy_branches=0)
    assert found is not None
    assert sorted(found.trades.tolist()) == [0, 0, 0, 150]
    assert found.nodes == 1
    assert certify(case, True, found.trades, found.branches).optimal


@pytest.mark.parametrize(("pies", "count", "amount"), [(1, 20, 1_050), (1, 60, 2_050), (5, 10, 2_050), (4, 5, 350)])
def test_near_equal_slices_take_few_branches(pies: int, count: int, amount: int) -> None:
    rng = random.Random(7)
    portfolio = (
        nested(rng, pies, count, 0) if pies > 1 else flat([rng.randrange(490, 511) for _ in range(count)], [0] * count)
    )
    case = case_of(portfolio, Deposit(amount), 100)
    found = engine.solve(case, Budget())
    assert found is not None
    assert found.nodes <= 50
    assert certify(case, True, found.trades, found.branches).optimal


def test_what_a_plan_says_of_the_kernel() -> None:
    answer = plan(flat([5, 3, 2], [700, 100, 40]), Deposit(230), Rules(100), Engine.KERNEL)
    assert isinstance(answer, Plan)
    assert answer.certificate.engine == "KERNEL"
    assert answer.certificate.quality is Quality.OPTIMAL


def test_what_highs_proposed_the_kernel_proves_where_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the prover never succeeded: its best bound is nothing."""
    hard = flat([5, 3, 2], [700, 100, 40]), Deposit(230), Rules(100), Engine.HIGHS
    monkeypatch.setattr(search, "prove", lambda problem, incumbent, budget, branches: Proof(incumbent))
    plan(*hard[:3], Engine.KERNEL)
    proved = plan(*hard)
    assert isinstance(proved, Plan)
    assert (proved.certificate.engine, proved.certificate.quality) == ("HIGHS", Quality.OPTIMAL)
    worse = np.array([0, 110, 120, 0])
    monkeypatch.setattr(search, "start_plan", lambda problem: incumbent_of(problem, worse))
    monkeypatch.setattr(search, "_improve", lambda *given: None)
    better = plan(*hard)  # whose proof shows that there is a better plan
    assert isinstance(better, Plan)
    assert better.certificate.tracking_error == proved.certificate.tracking_error
    assert better.certificate.quality is Quality.OPTIMAL
    monkeypatch.setattr(engine, "prepared", lambda: False)
    hurried = plan(*hard, Budget(seconds_left=lambda: 60.0))  # too little to compile anything
    assert isinstance(hurried, Plan)
    assert hurried.certificate.quality is Quality.FEASIBLE


def test_evidence_of_hundreds_of_branches_in_a_deep_tree_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """63 pies, a dozen multipliers each, 299 branches; who has no time left to look at them all is told of no proof."""
    posed = Case((2,) * 6, near_equal=True, drifted=False, event="deposit 1%", minimum="binding").posed()
    understood = understand(*posed)
    assert isinstance(understood, Understood)
    case = decide_cash(build_problem(understood.situation)).cases[0]
    found = engine.solve(case, Budget())
    assert found is not None
    assert found.proved
    assert len(found.branches) > 100
    monkeypatch.setattr(certificate, "no_cent_improves", lambda *given: False)
    assert certify(case, True, found.trades, found.branches).optimal
    left = iter([False] * 10 + [True] * 1_000)
    bound = certificate._bound
    monkeypatch.setattr(certificate, "_bound", lambda *given: looked.append(given) or bound(*given))
    looked: list[object] = []
    hurried = certify(case, True, found.trades, found.branches, stopped=lambda: next(left))
    assert (hurried.optimal, hurried.lower_bound, len(looked)) == (False, 0.0, 10)


def test_what_is_not_the_kernels_falls_to_highs_and_says_so() -> None:
    """A retired slice that must keep more than the ideal leaves it: another objective comes first."""
    portfolio = flat([0, 1, 1], [50, 100, 100])
    assert engine.solve(case_of(portfolio, Withdrawal(60), 30), Budget()) is None
    answer = plan(portfolio, Withdrawal(60), Rules(30), Engine.KERNEL)
    assert isinstance(answer, Plan)
    assert answer.certificate.engine == "HIGHS"
    assert answer.certificate.retired_excess == 20


def test_all_or_nothing_is_a_range_of_one_amount() -> None:
    """Under a smallest position next to what is held, no part may be sold but all: the kernel's own."""
    sold = replace(flat([1, 3, 6], [100, 300, 700]), securities=(Security("S0", min_position=98),))
    case = case_of(sold, Rebalance(), 5)
    assert case.closes.any()
    ours, theirs = (plan(sold, Rebalance(), Rules(5), engine) for engine in (Engine.KERNEL, Engine.HIGHS))
    assert isinstance(ours, Plan)
    assert isinstance(theirs, Plan)
    assert (ours.certificate.engine, ours.certificate.quality) == ("KERNEL", Quality.OPTIMAL)
    assert ours.certificate.tracking_error == pytest.approx(theirs.certificate.tracking_error)


SHARES = Security("A", price_micros=100_000, quantity_step_nanos=10**9)


@pytest.mark.parametrize(
    ("rule", "holding", "last", "by"),
    [
        # a part, or all: two ranges of sales
        pytest.param(Security("A", min_position=20), Holding("A", 100), Holding("C", 700), "KERNEL", id="closing"),
        pytest.param(SHARES, Holding("A", 100, 10**10), Holding("C", 700), "KERNEL", id="whole shares"),
        # one order for two slices
        pytest.param(Security("A", min_trade=30), Holding("A", 100), Holding("A", 700), "HIGHS", id="net order"),
    ],
)
def test_what_the_compiled_search_does_not_take(rule: Security, holding: Holding, last: Holding, by: str) -> None:
    slices = enumerate((holding, Holding("B", 300), last))
    account = Portfolio(Pie(tuple(Slice(f"s{i}", 1, held) for i, held in slices)), securities=(rule,))
    assert engine.solve(case_of(account, Withdrawal(350), 30), Budget()) is None
    answer = plan(account, Withdrawal(350), Rules(30), Engine.KERNEL)
    assert isinstance(answer, Plan)
    assert answer.certificate.engine == by


def test_a_cancelled_or_late_kernel_begins_nothing() -> None:
    """HIGHS answers then, which for a caller without time means its start plan; work is bounded by time as well."""
    case = case_of(nested(random.Random(7), 5, 10, 0), Deposit(2_050), 100)
    cancelled = Budget()
    cancelled.cancel()
    assert engine.solve(case, cancelled) is None
    assert engine.solve(case, Budget(seconds_left=lambda: 0.0)) is None
    hurried = engine.solve(case, Budget(seconds_left=lambda: 1e-6))
    assert hurried is not None
    assert hurried.nodes <= 2 * engine.EASY


def test_without_numba_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("solver.engines.kernel")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(EngineUnavailable, match=r"numba: pip install 'piewise\[kernel\]'"):
        plan(flat([1, 1, 1], [0, 0, 0]), Deposit(150), Rules(100), Engine.KERNEL)


def test_deep_large_and_tiny() -> None:
    """Sixteen levels, ten trillion, and one cent: planned, proved, and the same as with HiGHS where that answers."""
    deep = Pie((Slice("x0", 3, Holding("X0", 500)), Slice("y0", 2, Holding("Y0", 10))))
    for level in range(1, 15):
        deep = Pie((Slice(f"p{level}", 2, deep), Slice(f"x{level}", 3, Holding(f"X{level}", 40 * level))))
    large = flat([499, 500, 501], [3_000_000_000_000, 3_000_000_000_001, 2_999_999_999_999])
    for portfolio, event, m in (
        (Portfolio(deep), Deposit(12_345), 700),
        (Portfolio(deep), Rebalance(), 50),
        (large, Deposit(250), 100),
        (large, Rebalance(), 20_000_000_000),
        (flat([1, 2], [0, 1]), Deposit(1), 0),
    ):
        ours, theirs = (plan(portfolio, event, Rules(m), engine) for engine in (Engine.KERNEL, Engine.HIGHS))
        assert isinstance(ours, Plan)
        assert isinstance(theirs, Plan)
        assert ours.certificate.engine == "KERNEL"
        assert ours.certificate.tracking_error <= theirs.certificate.tracking_error * (1 + 1e-9) + 1e-9


def test_a_second_process_compiles_nothing() -> None:
    engine.solve(case_of(flat([1, 1, 1], [0, 0, 0]), Deposit(150), 100), Budget())
    assert all(function.stats.cache_path for function in (branching.explore, load))  # type: ignore[attr-defined]
    assert compilations({}) == 0


def test_where_nothing_can_be_written_each_process_compiles_for_itself() -> None:
    """An installed package may be read-only, and so may be its user's home: then it is slower, not broken."""
    assert cached({}) is True
    assert cached({"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}) is False


def compilations(environment: dict[str, str]) -> int:
    return int(
        run(
            f"{PLANS}\nprint(sum(sum(f.stats.cache_misses.values()) for f in (branching.explore, tree.load)))",
            environment,
        )
    )


def cached(environment: dict[str, str]) -> bool:
    program = "from solver.engines.kernel import tree\nprint(tree.load.stats.cache_path is not None)"
    return run(program, environment).strip() == "True"


def run(program: str, environment: dict[str, str]) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return ran.stdout


PLANS = """
from solver import *
from solver.engines.kernel import branching, tree
assert plan(Portfolio(Pie((Slice("a", 1, Holding("A")), Slice("b", 1, Holding("B"))))), Deposit(150), Rules(100), Engine.KERNEL)
"""
