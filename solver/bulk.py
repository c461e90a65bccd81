"""Many accounts at once: the compiled loop for those that it takes, the pipeline, one by one, for the rest.

The pipeline is the arbiter: what is wrong with an account is what it says is wrong, and ``recheck`` holds every plan
of the loop against the checker that a single plan meets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.bound import Branch, Cut
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import allowed_gap, broken_rules, certify
from solver.columns import (
    BOUND_SOURCES,
    CUTS,
    ENGINES,
    EVIDENCE,
    QUALITIES,
    Accounts,
    Plans,
    Refusal,
    account_of,
    check_columns,
    no_plans,
)
from solver.errors import InvalidRequest, Violation
from solver.plan import Infeasible
from solver.planning import Solved, solve
from solver.problem import Ints, Problem
from solver.rules import BASELINES, Budget, Engine
from solver.situations import Understood, understand
from solver.surplus import settles

__all__ = ["Planned", "plan_columns", "recheck"]

SAME = 1e-9  # relative: J added up in another order


@dataclass(frozen=True, slots=True)
class Planned:
    """The plans of all accounts, and by account why there is none; ``by_itself`` are those the pipeline planned."""

    plans: Plans
    refusals: dict[int, Refusal]
    by_itself: Ints


def plan_columns(accounts: Accounts, engine: Engine = Engine.KERNEL, budget: Callable[[], Budget] = Budget) -> Planned:
    """Plan every account of ``accounts``; one that can not be planned costs only its own row.

    With KERNEL one compiled loop plans all that it takes, without the interpreter's lock; other accounts, and other
    engines, go through the pipeline one by one, each with a ``budget`` of its own. Equal columns give equal plans.

    Raises
    ------
    InvalidRequest
        for columns that are none, and for an engine that proves nothing.
    """
    check_columns(accounts)
    if engine in BASELINES:
        told = f"is {engine.value}; columns are planned by engines that prove their plans: AUTO, HIGHS, KERNEL"
        raise InvalidRequest((Violation("engine", "NOT_IN_COLUMNS", told),))
    plans = _by_the_loop(accounts) if engine is Engine.KERNEL else no_plans(len(accounts.event), len(accounts.parent))
    rest = np.flatnonzero(plans.quality == 0)
    refusals, evidence, cuts = dict[int, Refusal](), dict[int, list[Any]](), dict[int, list[Any]]()
    for account in rest.tolist():
        found = _planned(accounts, account, engine, budget())
        if isinstance(found, Refusal):
            refusals[account] = found
        else:
            _write(accounts, account, plans, *found)
            evidence[account], cuts[account] = _listed(found[1].proved.branches)
    plans = _spliced(plans, "evidence_start", EVIDENCE, evidence)
    return Planned(_spliced(plans, "cut_start", CUTS, cuts), refusals, rest)


def _by_the_loop(accounts: Accounts) -> Plans:
    from solver.engines.kernel.loop import plan_all  # numba takes half a second, and most processes never ask for it

    return plan_all(accounts)


def _planned(accounts: Accounts, account: int, engine: Engine, budget: Budget) -> tuple[Understood, Solved] | Refusal:
    """One account by the pipeline, or why it has no plan."""
    try:
        understood = understand(*account_of(accounts, account))
        if isinstance(understood, Infeasible):
            return _infeasible(understood)
        solved = solve(build_problem(understood.situation), engine, budget)
    except InvalidRequest as refused:
        return Refusal(refused.violations[0].reason, str(refused))
    return _infeasible(solved) if isinstance(solved, Infeasible) else (understood, solved)


def _infeasible(found: Infeasible) -> Refusal:
    most = found.most_that_can_be_raised
    raised = "" if most is None else f"; the most that can be raised is {most}"
    return Refusal(found.reason, f"there is no plan{raised}")


def _write(accounts: Accounts, account: int, plans: Plans, understood: Understood, solved: Solved) -> None:
    """Put one plan of the pipeline into its rows."""
    first, last = int(accounts.start[account]), int(accounts.start[account + 1])
    findings, proved = solved.proved.findings, solved.proved
    trade = solved.trades[: last - first].copy()
    ideal = solved.problem.ideal[: last - first].copy()
    gone = 0
    for sold in understood.changed.liquidated if understood.changed else ():
        trade[int(sold.slice_id)] = ideal[int(sold.slice_id)] = -sold.value
        gone += sold.value
    plans.trade[first:last], plans.ideal[first:last] = trade, ideal
    funds = understood.funds
    there = int(accounts.cash[account]) + funds.received - int(trade.sum())
    plans.cash_after[account] = there - funds.paid_out
    plans.quality[account] = QUALITIES.index(proved.quality.value)
    plans.engine[account] = ENGINES[proved.engine]
    plans.bound_source[account] = BOUND_SOURCES.index(proved.bound_source.value)
    for name in ("cash_left", "retired_excess", "tracking_error", "lower_bound", "rounding_slack"):
        getattr(plans, name)[account] = getattr(findings, name)


def _listed(branches: Sequence[Branch]) -> tuple[list[Any], list[Any]]:
    """Evidence as (branch, pie, multiplier) and (branch, holding, least, most)."""
    prices = [
        (number, pie, price)
        for number, branch in enumerate(branches)
        for pie, at in sorted(branch.multipliers.items())
        for price in at.tolist()
    ]
    cuts = [(number, *cut) for number, branch in enumerate(branches) for cut in branch.path]
    return prices, cuts


def _spliced(plans: Plans, start: str, names: Sequence[str], pieces: dict[int, list[Any]]) -> Plans:
    """``plans`` with the ``pieces`` of accounts that had none, each where its account's are."""
    sizes = np.diff(getattr(plans, start))
    at = [int(getattr(plans, start)[account]) for account, piece in pieces.items() for _ in piece]
    joined = [entry for piece in pieces.values() for entry in piece]
    for account, piece in pieces.items():
        sizes[account] += len(piece)
    changed: dict[str, Any] = {start: np.concatenate(([0], np.cumsum(sizes)))}
    for column, name in enumerate(names):
        changed[name] = np.insert(getattr(plans, name), at, [entry[column] for entry in joined])
    return plans._replace(**changed)


def recheck(accounts: Accounts, plans: Plans, account: int) -> str:
    """What the checker has against one plan; empty where all that the plan says of itself holds.

    The problem is built anew from the account; rules are checked in integers, J is computed again, and the bound is
    recomputed from the evidence alone.
    """
    understood = understand(*account_of(accounts, account))
    if isinstance(understood, Infeasible):
        return f"there should be no plan: {understood.reason}"
    rows = slice(int(accounts.start[account]), int(accounts.start[account + 1]))
    trades = plans.trade[rows].copy()
    for sold in understood.changed.liquidated if understood.changed else ():
        row = int(sold.slice_id)
        if trades[row] != -sold.value:
            return f"row {row} is liquidated, and trades {trades[row]}"
        trades[row] = 0
    stage = decide_cash(build_problem(understood.situation))
    cases = [case for case in stage.cases if not broken_rules(case, trades.tolist())]
    if not cases:
        return ", ".join(broken_rules(stage.cases[0], trades.tolist()))
    exact = len(stage.cases) == 1 and (stage.exact or _settled(stage.sure, cases[0], trades))
    return _against(plans, account, cases[0], exact, trades)


def _settled(sure: int, problem: Problem, trades: Ints) -> bool:
    return int(problem.received.sum()) - int(trades.sum()) <= sure or settles(problem, trades)


def _against(plans: Plans, account: int, problem: Problem, exact: bool, trades: Ints) -> str:
    """What the findings have against the certificate."""
    found = certify(problem, exact, trades, ())
    if not found.optimal:  # where J is within rounding of 0 there is nothing to recompute
        found = certify(problem, exact, trades, _branches(plans, account))
    error, bound = float(plans.tracking_error[account]), float(plans.lower_bound[account])
    if int(plans.retired_excess[account]) != found.retired_excess:
        return f"retired slices keep {found.retired_excess}, not {plans.retired_excess[account]}"
    if int(plans.cash_left[account]) != found.cash_left:
        return f"{found.cash_left} is left, not {plans.cash_left[account]}"
    if not abs(error - found.tracking_error) <= SAME * max(1.0, found.tracking_error):  # no number is not equal either
        return f"J is {found.tracking_error}, not {error}"
    if QUALITIES[int(plans.quality[account])] != "OPTIMAL":
        return ""
    if not found.optimal:
        return f"J {found.tracking_error} is not proved: the evidence gives {found.lower_bound}"
    if not bound - found.lower_bound <= allowed_gap(found.rounding_slack, error):
        return f"the evidence gives a bound of {found.lower_bound}, not {bound}"
    return ""


def _branches(plans: Plans, account: int) -> list[Branch]:
    """The evidence of one account as the checker reads it."""
    prices: dict[int, dict[int, list[float]]] = {}
    at = slice(int(plans.evidence_start[account]), int(plans.evidence_start[account + 1]))
    for branch, pie, price in zip(*(getattr(plans, name)[at].tolist() for name in EVIDENCE), strict=True):
        prices.setdefault(branch, {}).setdefault(pie, []).append(price)
    paths: dict[int, list[Cut]] = {}
    at = slice(int(plans.cut_start[account]), int(plans.cut_start[account + 1]))
    for branch, *cut in zip(*(getattr(plans, name)[at].tolist() for name in CUTS), strict=True):
        row, least, most = cut
        paths.setdefault(branch, []).append((row, least, most))
    return [
        Branch(tuple(paths.get(branch, ())), {pie: np.array(found) for pie, found in by_pie.items()})
        for branch, by_pie in sorted(prices.items())
    ]
