"""The optimum beside the baselines: an account's events planned by every rule, each plan measured by one yardstick.

Scores read plans, whoever made them: J and the broken rules come from the checker (``certificate.py``), everything else
from the portfolio that a plan leaves. Source: PROBLEM.md §2 for what ranks before what.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver.building import build_problem
from solver.events import Events
from solver.plan import Infeasible, Plan
from solver.planning import plan, plan_by_rule
from solver.portfolio import Portfolio
from solver.problem import Problem
from solver.rules import BASELINES, Budget, Engine, Rules
from solver.situations import understand
from solver.tree import flatten

__all__ = ["Compared", "Comparison", "Score", "compare", "score"]


@dataclass(frozen=True, slots=True)
class Score:
    """A plan in figures; money in minor units.

    ``tracking_error`` is J, ``retired_excess`` what slices of target 0 keep beyond the ideal, ``cash_left`` what ranks
    first. ``worst_ratio`` is A_c/(w_c A_p) of the slice that the plan leaves furthest from 1, ``worst_slice`` its id;
    ``None`` where no slice inside the event has a target and something around it.
    """

    tracking_error: float
    retired_excess: int
    cash_left: int
    orders: int
    worst_ratio: float | None
    worst_slice: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One baseline: its plan and score, what it left a withdrawal short (minor units), orders that a rule killed.

    ``ratio`` is its J over the optimum's, ``None`` where the optimum's is nothing but rounding (J ≤ ρ).
    """

    engine: Engine
    plan: Plan
    score: Score
    shortfall: int
    killed: int
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The optimal plan and its score, and the baselines in the order in which they were asked for."""

    optimal: Plan
    score: Score
    baselines: tuple[Compared, ...]


def compare(
    portfolio: Portfolio,
    events: Events,
    rules: Rules | None = None,
    engine: Engine = Engine.AUTO,
    budget: Budget | None = None,
    baselines: tuple[Engine, ...] = BASELINES,
) -> Comparison | Infeasible:
    """Plan ``events`` as ``plan`` does, and by each of ``baselines`` beside it.

    Raises
    ------
    InvalidRequest
        as ``plan`` does. Where there is no optimal plan there is nothing to compare: that is the ``Infeasible`` answer.
    """
    rules = rules or Rules()
    optimal = plan(portfolio, events, rules, engine, budget)
    if isinstance(optimal, Infeasible):
        return optimal
    understood = understand(portfolio, events, rules)
    assert not isinstance(understood, Infeasible), "what has a plan is feasible"
    problem = build_problem(understood.situation)
    proof = optimal.certificate
    found = []
    for baseline in baselines:
        tried, killed = plan_by_rule(understood, problem, baseline)
        error = tried.certificate.tracking_error
        ratio = error / proof.tracking_error if proof.tracking_error > proof.rounding_slack else None
        short = understood.funds.paid_out - tried.cash.paid_out
        found.append(Compared(baseline, tried, score(problem, tried), short, killed, ratio))
    return Comparison(optimal, score(problem, optimal), tuple(found))


def score(problem: Problem, planned: Plan) -> Score:
    """``planned`` in figures; ``problem`` is its event's."""
    proof = planned.certificate
    worst, name = _worst(problem, planned.portfolio_after)
    return Score(proof.tracking_error, proof.retired_excess, proof.cash_left, len(planned.orders), worst, name)


def _worst(problem: Problem, after: Portfolio) -> tuple[float | None, str]:
    """A_c/(w_c A_p) furthest from 1 over the slices inside the event; the first listed of equals."""
    tree, value = problem.tree, flatten(after).value
    worst, name = None, ""
    for p in problem.tree.below(problem.event_row):
        total = sum(tree.weight[c] for c in tree.children[p])
        for c in tree.children[p] if value[p] else ():
            if tree.weight[c]:
                ratio = value[c] * total / (tree.weight[c] * value[p])
                if worst is None or abs(ratio - 1.0) > abs(worst - 1.0):
                    worst, name = ratio, tree.slice_ids[c]
    return worst, name
