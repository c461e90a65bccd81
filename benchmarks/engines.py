"""The one table of who is measured: our engines, the baselines and the peers, and the one judge of all their plans.

A new engine is a new row of ``CONTENDERS``: a name and a function from a posed case to trades. What it answers goes
through ``solver.certificate`` (rules, J, cash) like everybody's; what an engine says of itself is only noted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

import numpy as np

from benchmarks import peers
from benchmarks.instances import Case
from benchmarks.tables import Table
from solver import Budget, Engine, Event, Infeasible, Plan, Portfolio, Quality, Rules, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import broken_rules, measure
from solver.planning import plan_by_rule
from solver.problem import Floats, Ints, Problem
from solver.situations import Understood, understand

__all__ = ["CONTENDERS", "OURS", "Contender", "Posed", "Trial", "attempt", "limits_table", "pose", "runs_here"]


@dataclass(frozen=True, slots=True)
class Posed:
    """A case, understood: its ``problem``, and ``ranked``, the same with the cash that may be left decided."""

    case: Case
    portfolio: Portfolio
    event: Event
    rules: Rules
    understood: Understood
    problem: Problem
    ranked: Problem

    @property
    def shallow(self) -> bool:
        return "shallow" in self.case.event


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine answers: trades by row (``None``: nothing), orders under m that it gave up, what it claims."""

    trades: Ints | None
    small: int = 0
    quality: Quality = Quality.HEURISTIC
    branches: int = 0


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table. ``cannot`` names what it can not do with a case, or "" where it can."""

    name: str
    kind: str  # ours, baseline or peer
    solve: Callable[[Posed], Answer]
    cannot: Callable[[Posed], str]
    packages: tuple[str, ...] = ()
    limits: str = "nothing"


@dataclass(frozen=True, slots=True)
class Trial:
    """One contender on one case, judged. ``refused`` says why there is no plan; ``beyond`` is the cash it leaves beyond
    what ranks best (minor units), and the rest is the checker's.
    """

    case: Case
    engine: str
    seconds: float
    refused: str = ""
    broken: tuple[str, ...] = ()
    small: int = 0
    cash_left: int = 0
    beyond: int = 0
    excess: int = 0
    error: float = 0.0
    slack: float = 0.0
    quality: Quality = Quality.HEURISTIC
    branches: int = 0

    @property
    def valid(self) -> bool:
        """Whether there is a plan and it breaks no rule; cash that it leaves is no broken rule, it ranks behind."""
        return not self.refused and not self.broken

    @property
    def rank(self) -> tuple[int, int, float]:
        """PROBLEM.md's order: cash, retired, J."""
        return self.beyond, self.excess, self.error


def pose(case: Case) -> Posed:
    """The case's problem; every event of the suite has a plan."""
    portfolio, event, rules = case.posed()
    understood = understand(portfolio, event, rules)
    assert not isinstance(understood, Infeasible), case.name
    problem = build_problem(understood.situation)
    return Posed(case, portfolio, event, rules, understood, problem, decide_cash(problem).cases[0])


def attempt(contender: Contender, posed: Posed) -> Trial:
    """Let ``contender`` answer, and judge what it answers. An engine that fails is a row, not the end of the run."""
    why = contender.cannot(posed)
    if why:
        return Trial(posed.case, contender.name, 0.0, f"cannot: {why}")
    started = time.perf_counter()
    try:
        answer = contender.solve(posed)
    except Exception as error:  # whatever a package may raise; reported by name
        return Trial(posed.case, contender.name, time.perf_counter() - started, f"failed: {type(error).__name__}")
    seconds = time.perf_counter() - started
    if answer.trades is None:
        return Trial(posed.case, contender.name, seconds, "failed: no plan in time")
    return _judged(contender, posed, answer, answer.trades, seconds)


def _judged(contender: Contender, posed: Posed, answer: Answer, trades: Ints, seconds: float) -> Trial:
    """The checker's findings on ``trades``. Cash left over is allowed here, and ranked instead."""
    problem, ranked = posed.problem, posed.ranked
    everything = int(problem.value[problem.event_row]) + abs(int(problem.received.sum()))
    broken = broken_rules(replace(problem, spare=everything), trades.tolist())
    found = measure(problem, trades)
    return Trial(
        posed.case,
        contender.name,
        seconds,
        broken=tuple(broken),
        small=answer.small,
        cash_left=found.cash_left,
        beyond=max(0, found.cash_left - ranked.spare - ranked.idle_cash),
        excess=found.retired_excess,
        error=found.tracking_error,
        slack=found.rounding_slack,
        quality=answer.quality,
        branches=answer.branches,
    )


def _ours(engine: Engine, posed: Posed) -> Answer:
    end = time.monotonic() + peers.SECONDS
    planned = plan(posed.portfolio, posed.event, posed.rules, engine, Budget(lambda: end - time.monotonic()))
    if not isinstance(planned, Plan):
        return Answer(None)
    branches = 1 + max((one.branch for one in planned.certificate.evidence), default=0)
    return Answer(_trades(posed.problem, planned), 0, planned.certificate.quality, branches)


def _baseline(engine: Engine, posed: Posed) -> Answer:
    planned, killed = plan_by_rule(posed.understood, posed.problem, engine, explain=False)
    return Answer(_trades(posed.problem, planned), killed)


def _trades(problem: Problem, planned: Plan) -> Ints:
    """Trades by row, read from the plan's orders: what would be sent to the market, not what an engine remembers."""
    rows = {slice_id: row for row, slice_id in enumerate(problem.tree.slice_ids)}
    trades = np.zeros(len(problem.value), dtype=np.int64)
    for order in planned.orders:
        for part in order.parts:
            trades[rows[part.slice_id]] += part.amount if order.side.value == "BUY" else -part.amount
    return trades


def _peer(solve: Callable[[Problem], Floats | None], posed: Posed) -> Answer:
    real = solve(posed.ranked)
    return Answer(None) if real is None else Answer(*peers.placed(posed.ranked, real))


def _anything(posed: Posed) -> str:
    return ""


def _no_minimum(posed: Posed) -> str:
    return "an order's minimum (HiGHS has no mixed-integer QP)" if posed.problem.min_trade > 1 else ""


def _no_tree(posed: Posed) -> str:
    return "a rebalance that stays shallow" if posed.shallow else ""


def _ours_row(engine: Engine, *packages: str) -> Contender:
    return Contender(engine.value, "ours", partial(_ours, engine), _anything, packages)


def _baseline_row(engine: Engine) -> Contender:
    return Contender(engine.value, "baseline", partial(_baseline, engine), _anything)


CONTENDERS = (
    _ours_row(Engine.AUTO),
    _ours_row(Engine.HIGHS),
    _ours_row(Engine.KERNEL, "numba"),
    _ours_row(Engine.REFERENCE, "cvxpy", "pyscipopt"),
    _baseline_row(Engine.GREEDY_TOGETHER),
    _baseline_row(Engine.GREEDY_SEQUENTIAL),
    _baseline_row(Engine.GREEDY_REFILL),
    Contender(
        "CVXPY + HiGHS",
        "peer",
        partial(_peer, peers.cvxpy_highs),
        _no_minimum,
        ("cvxpy",),
        "no minimum; no whole cents",
    ),
    Contender(
        "CVXPY + SCIP",
        "peer",
        partial(_peer, peers.cvxpy_scip),
        _anything,
        ("cvxpy", "pyscipopt"),
        f"no whole cents; no bound on J in cents; {peers.SECONDS:g} s each",
    ),
    Contender(
        "MILP L1",
        "peer",
        partial(_peer, peers.milp_l1),
        _anything,
        ("scipy",),
        f"absolute deviations in place of J; no whole cents; no ideal of its own; {peers.SECONDS:g} s each",
    ),
    Contender(
        "PyPortfolioOpt",
        "peer",
        partial(_peer, peers.discrete_allocation),
        _anything,
        ("pypfopt", "cvxpy"),
        "whole units only; no minimum in a rebalance; no tree; no ideal of its own",
    ),
    Contender(
        "SLSQP",
        "peer",
        partial(_peer, peers.slsqp),
        _no_tree,
        ("scipy",),
        "no minimum; no whole cents; no tree, so no shallow rebalance",
    ),
)
OURS = Engine.HIGHS.value  # what the others are timed against


def runs_here(contender: Contender) -> bool:
    """Whether everything that ``contender`` imports is installed."""
    return all(find_spec(name) for name in contender.packages)


def limits_table() -> Table:
    """What each contender can not do, by its own adapter."""
    rows = tuple((one.name, one.kind, one.limits) for one in CONTENDERS)
    note = f"Everybody gets {peers.SECONDS:g} s for a plan, and the peers the ideal and the constants of J for nothing."
    return Table("What each can not do", note, ("engine", "kind", "can not"), rows, words=True)
