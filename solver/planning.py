"""The pipeline, readable as a table of contents: one account, its events, the provably nearest realisable trades.

understand   the events, against the portfolio                  situations.py, targets.py, funds.py
build        the waist: arrays of one tree problem               building.py, problem.py, ideal.py, netting.py
round        the ideal; where that is realisable it is optimal   cents.py
decide       the cash that may be left                           cash.py
search       who trades, exact cents, evidence                   search.py: engines/highs.py, cents.py, prover.py
certify      rules in integers, J, the recomputed bound          certificate.py
report       orders, nodes, reasons, cash                        report.py, orders.py, reasons.py
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from solver.bound import Branch
from solver.building import build_problem
from solver.cash import decide_cash
from solver.cents import exact_trades, retired_excess
from solver.certificate import Findings, broken_rules, certify, measure
from solver.engines.reference import second_opinion
from solver.errors import EngineUnavailable
from solver.events import Events
from solver.greedy import GreedyRule, greedy
from solver.looser import looser_stages
from solver.plan import BoundSource, Infeasible, Limit, Plan, Quality
from solver.portfolio import Portfolio
from solver.problem import Ints, Problem
from solver.prover import Incumbent, incumbent_of, proof_goal
from solver.quick import planned_at_once
from solver.report import Proved, in_listed_order, report
from solver.rules import BASELINES, Budget, Engine, Rules
from solver.search import LARGE, Outcome, search
from solver.situations import Understood, understand
from solver.stage import CashStage
from solver.surplus import settles

__all__ = ["Solved", "available", "check_request", "plan", "plan_by_rule", "require", "solve"]

EXTRAS = {Engine.REFERENCE: ("cvxpy", "pyscipopt"), Engine.KERNEL: ("numba",)}


@dataclass(frozen=True, slots=True)
class _Answer:
    """The trades chosen, by row, for the problem of one cash case, the search behind them, and whose they are."""

    outcome: Outcome
    trades: Ints
    stage: CashStage
    engine: Engine


@dataclass(frozen=True, slots=True)
class Solved:
    """Trades by row (minor units), the cash case that they are best for, and what is proved of them."""

    problem: Problem
    trades: Ints
    proved: Proved


def plan(
    portfolio: Portfolio,
    events: Events,
    rules: Rules | None = None,
    engine: Engine = Engine.AUTO,
    budget: Budget | None = None,
    explain: bool = True,
) -> Plan | Infeasible:
    """Plan one event of one account, or several at once: one problem with one net flow.

    Minimises, in this order, cash left over, what retired slices keep beyond the ideal, and the tracking error J
    above the ideal's, over all whole-cent trades that obey the events' directions and ``rules``. ``explain`` adds the
    nodes with their reasons, and the evidence; where nobody reads them, a large tree is planned sooner without.

    Raises
    ------
    InvalidRequest
        naming every field at fault. More than the account holds, or no time left, is an ``Infeasible`` answer.
    """
    rules, budget = rules or Rules(), budget or Budget()
    if engine is Engine.KERNEL and (at_once := planned_at_once(portfolio, events, rules, budget, explain)):
        return at_once
    understood = understand(portfolio, events, rules)
    if isinstance(understood, Infeasible):
        return understood
    problem = build_problem(understood.situation)
    if engine in BASELINES:
        return plan_by_rule(understood, problem, engine, explain)[0]
    solved = solve(problem, engine, budget)
    if isinstance(solved, Infeasible):
        return solved
    return report(understood, solved.problem, solved.trades, solved.proved, explain and not budget.cancelled)


def solve(problem: Problem, engine: Engine, budget: Budget) -> Solved | Infeasible:
    """The best trades for ``problem``, certified; ``engine`` is none of the baselines."""
    answer = _solve(problem, engine, budget)
    if isinstance(answer, Infeasible):
        return answer
    trades = in_listed_order(answer.outcome.problem, answer.trades)
    return Solved(answer.outcome.problem, trades, _certified(answer, trades, budget))


def plan_by_rule(understood: Understood, problem: Problem, baseline: Engine, explain: bool = True) -> tuple[Plan, int]:
    """The plan of a baseline, HEURISTIC, with the rules that it breaks; and how many orders a rule killed in it."""
    tried = greedy(problem, GreedyRule[baseline.value.removeprefix("GREEDY_")])
    # cash that it leaves ranks behind; it is no broken rule, but where a withdrawal is short or a pie keeps what it got
    ranked = replace(problem, spare=int(problem.value[problem.event_row]) + abs(int(problem.received.sum())))
    broken = tuple(broken_rules(ranked, tried.trades.tolist()))
    proved = Proved(
        findings=measure(problem, tried.trades),
        quality=Quality.HEURISTIC,
        limit=Limit.NONE,
        bound_source=BoundSource.RECOMPUTED,
        engine=baseline,
        broken_rules=broken,
    )
    return report(understood, problem, tried.trades, proved, explain), tried.killed


def available(engine: Engine) -> bool:
    """Whether ``engine`` can be asked here: some need packages that are an extra."""
    return all(find_spec(name) for name in EXTRAS.get(engine, ()))


def require(engine: Engine) -> None:
    """Nothing, where ``engine`` can be asked here; else ``EngineUnavailable``, which says what to install."""
    if not available(engine):
        raise EngineUnavailable(f"{engine.value} is not installed here; pip install 'piewise[{engine.value.lower()}]'")


def check_request(
    portfolio: Portfolio, events: Events, rules: Rules | None = None, engine: Engine = Engine.AUTO
) -> None:
    """Validate everything and solve nothing; raises ``InvalidRequest`` or ``EngineUnavailable`` as ``plan`` would."""
    require(engine)
    understood = understand(portfolio, events, rules or Rules())
    if not isinstance(understood, Infeasible):
        build_problem(understood.situation)


def _solve(problem: Problem, engine: Engine, budget: Budget) -> _Answer | Infeasible:
    if not len(problem.leaves):  # nothing may trade: a change of targets alone, or less money than an order
        trades = np.zeros(len(problem.value), dtype=np.int64)
        stage = decide_cash(problem)
        only = Outcome(stage.cases[0], incumbent_of(stage.cases[0], trades))
        only.branches = (Branch((), {p: np.zeros(1) for p in problem.pies}),) if problem.pies else ()
        return _Answer(only, trades, stage, engine)
    if engine is Engine.AUTO:
        rounded = _rounded_ideal(problem)
        if rounded is not None:
            return rounded
    stage = decide_cash(problem)
    found = _compiled(stage, budget) if engine is Engine.KERNEL else []
    if not found:
        engine = Engine.HIGHS if engine is Engine.KERNEL else engine
        look = _referred if engine is Engine.REFERENCE else search
        found = _found(look, stage, budget)
        for looser in () if found or budget.exhausted else looser_stages(problem, budget):
            stage, found = (stage, found) if found else (looser, _found(look, looser, budget))
    if not found:
        return Infeasible("OUT_OF_TIME" if budget.exhausted else "NO_PLAN_FOUND", ())
    best = min(found, key=lambda o: (o.excess, o.incumbent.error if o.incumbent else np.inf))
    assert best.incumbent is not None
    if len(found) > 1:  # the bound of a tie between cases is the least of theirs; a proof of each is not kept
        stage = replace(stage, exact=False)
    return _Answer(best, best.incumbent.trades, stage, engine)


def _compiled(stage: CashStage, budget: Budget) -> list[Outcome]:
    """The cash cases of ``stage`` as the kernel solves them; none at all where one of them is not the kernel's."""
    from solver.engines.kernel import engine as kernel  # numba takes half a second, and most processes never ask for it
    from solver.engines.kernel import proposing

    outcomes = []
    for case in stage.cases:
        solved = kernel.solve(case, budget)
        if solved is not None:
            found = Incumbent(solved.trades, solved.flows, solved.error)
            excess = retired_excess(case, found.flows)
            bounds, stopped = (solved.bound, solved.bounds), not solved.proved
            outcomes.append(Outcome(case, found, excess, solved.branches, *bounds, stopped))
        elif proposing.takes(case) and (looked := search(case, budget, proposing)).incumbent is not None:
            outcomes.append(looked)
        else:
            return []
    return outcomes


def _found(look: Callable[[Problem, Budget], Outcome], stage: CashStage, budget: Budget) -> list[Outcome]:
    """The cash cases of ``stage`` that have a plan."""
    return [outcome for case in stage.cases if (outcome := look(case, budget)).incumbent is not None]


def _referred(problem: Problem, budget: Budget) -> Outcome:
    """One cash case as the reference sees it: its trades, and its solver's claim for a bound."""
    opinion = second_opinion(problem, budget)
    found = None if opinion.trades is None else incumbent_of(problem, opinion.trades)
    excess = retired_excess(problem, found.flows) if found else 0
    return Outcome(problem, found, excess, engine_bound=opinion.bound, stopped=opinion.stopped)


def _rounded_ideal(problem: Problem) -> _Answer | None:
    """The ideal in whole cents, if every rule allows it: then J ≤ ρ and LB = 0 is all the proof there need be."""
    held = problem.retired_within(0)
    trades = exact_trades(held, None)
    if trades is None or not problem.realises(trades):
        return None
    incumbent = incumbent_of(problem, trades)
    if (
        proof_goal(problem, incumbent.error) > 0.0
    ):  # an account of a few cents: rounding weighs more than a proof allows
        return None
    return _Answer(Outcome(problem, incumbent), trades, CashStage((problem,), True), Engine.AUTO)


def _certified(answer: _Answer, trades: Ints, budget: Budget) -> Proved:
    """What the checker confirms; where it can not, the engine's claim stands in its name."""
    outcome, engine = answer.outcome, answer.engine
    # recomputing a large tree's bound takes longer than a caller who is out of time leaves
    late = budget.exhausted and len(outcome.problem.leaves) > LARGE
    branches: tuple[Branch, ...] = () if late else outcome.branches
    stage = answer.stage
    left = int(outcome.problem.received.sum()) - int(trades.sum())
    sure = stage.exact or left <= stage.sure or settles(outcome.problem, trades)
    findings = certify(outcome.problem, sure, trades, branches, lambda: budget.exhausted)
    if findings.optimal:
        return Proved(findings, Quality.OPTIMAL, Limit.NONE, BoundSource.RECOMPUTED, engine, branches, outcome.rounds)
    limit = Limit.CANCELLED if budget.cancelled else Limit.TIME if budget.exhausted else Limit.WORK
    source = BoundSource.RECOMPUTED
    if outcome.engine_bound > findings.lower_bound:
        source = BoundSource.ENGINE
        limit = limit if outcome.stopped or budget.exhausted else Limit.NONE
        findings = _claimed(findings, outcome.engine_bound)
    return Proved(findings, Quality.FEASIBLE, limit, source, engine, branches, outcome.rounds)


def _claimed(findings: Findings, bound: float) -> Findings:
    return replace(findings, lower_bound=min(bound, findings.tracking_error))
