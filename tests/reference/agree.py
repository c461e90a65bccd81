"""``make agree``: HiGHS, the reference and brute force on generated accounts; do they come to the same?

Every plan is measured anew, from its trades, by the yardstick of ``brute_force.py``, which shares no scoring with the
solver. Three agree where

    cash       ranks equal: the same; in a rebalance less than m; in a withdrawal that can not be met exactly, both
               among the surpluses that rank equal
    retired    is the same
    J          differs by no more than ρ, the rounding slack
    bounds     that are claimed lie nowhere above the best J known

``--drawn rules`` draws accounts with rules of single securities, cash kept back and thresholds in any combination,
``--drawn steps`` such accounts in whole shares, or odd parts of them, too; ``several`` and ``several-steps`` are both
with several events at once, ``shared`` and ``shared-steps`` have one security in several slices. There cash ranks equal within the window that stage 1 leaves, and where a limit stopped
one of the two, only the other is held to the best J. Steps are no cents that could be exchanged: of them SCIP's choice
stands as it is, and J may differ by what its tolerance may add.

A disagreement is printed as a ready request, for ``piewise plan -``, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from google.protobuf.json_format import MessageToJson
from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from server.requests import plan_request
from solver import Engine, Events, Infeasible, Plan, Portfolio, Quality, Rules, Unsupported, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.events import listed
from solver.ideal import Mode
from solver.plan import Limit
from solver.problem import Problem
from solver.situations import Understood, understand
from tests.property.several import several
from tests.property.strategies import accounts, binds, ruled_accounts, several_accounts, stepped_accounts
from tests.reference.brute_force import Best, brute_force, measured

Account = tuple[Portfolio, Events, Rules | int]  # m alone, or rules
DRAWN = {
    "minimum": accounts,
    "rules": ruled_accounts,
    "steps": stepped_accounts,
    "several": partial(several, ruled=True),
    "several-steps": partial(several, ruled=True, steps=True),
    "shared": several_accounts,
    "shared-steps": partial(several_accounts, steps=True),
}
ENGINES = (Engine.HIGHS, Engine.REFERENCE)
LARGE_SHARE = 3  # one case of so many is of a larger account
DIGITS = 1e-9  # relative: what a double's arithmetic may add
CLAIMED = 1e-6  # relative: what a solver's tolerance may add to its claim


@dataclass
class Count:
    """What was looked at, and every account on which somebody disagreed, with what they said."""

    cases: int = 0
    binding: int = 0
    enumerated: int = 0
    idle: int = 0
    events: Counter[str] = field(default_factory=Counter)
    proved: Counter[bool] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    widest: float = 0.0
    disagreements: list[tuple[Account, list[str]]] = field(default_factory=list)

    def told(self) -> str:
        """The figures, a line each."""
        cases, open_ = max(1, self.cases), sum(self.proved.values())
        events = ", ".join(f"{name} {count}" for name, count in sorted(self.events.items()))
        return (
            f"{self.cases} cases ({events}); nothing may trade in {self.idle}\n"
            f"the minimum binds in {self.binding} ({self.binding / cases:.1%}); brute force looked at every plan of"
            f" {self.enumerated} ({self.enumerated / cases:.1%})\n"
            f"HIGHS proved OPTIMAL in {self.proved[True]} of {open_} ({self.proved[True] / max(1, open_):.2%});"
            f" the widest difference in J was {self.widest:.3f} of what ρ allows\n"
            f"a limit stopped HIGHS in {self.stopped['HIGHS']} and REFERENCE in {self.stopped['REFERENCE']}, which"
            f" refused {self.stopped['refused']} for their steps\n"
            f"{len(self.disagreements)} disagreements"
        )


@dataclass(frozen=True)
class Rank:
    """One plan as measured here, the bound on J that comes with it, and whether a limit stopped its engine."""

    cash: int
    excess: int
    error: float
    bound: float
    stopped: bool


def look(account: Account, count: Count) -> None:
    """Plan ``account`` by both engines and by brute force, and enter what they say of each other."""
    portfolio, events, rules = account
    rules = Rules(rules) if isinstance(rules, int) else rules
    understood = understand(portfolio, events, rules)
    if isinstance(understood, Infeasible):
        return
    problem = build_problem(understood.situation)
    try:
        plans = {engine: plan(portfolio, events, rules, engine) for engine in ENGINES}
    except Unsupported:
        count.stopped["refused"] += 1
        return
    if problem.situation.rebalanced and problem.situation.mode is Mode.BUYING and any(problem.situation.received):
        problem, *_ = decide_cash(problem).cases  # proceeds in nested pies: what may stay there is decided
    best = brute_force(problem)
    ranks, faults = {}, []
    for engine, answer in plans.items():
        if isinstance(answer, Infeasible):
            faults.append(f"{engine.value} has no plan: {answer.reason}")
        else:
            ranks[engine.value] = _ranked(problem, understood, answer)
            count.stopped[engine.value] += ranks[engine.value].stopped
    for name, rank in ranks.items():
        faults += [f"{name} {fault}" for fault in _against(problem, rank, best, list(ranks.values()), count)]
    count.cases += 1
    count.binding += binds(problem)
    count.enumerated += best is not None
    count.idle += not len(problem.leaves)
    count.events.update(type(event).__name__.lower() for event in listed(events))
    first = plans[Engine.HIGHS]
    count.proved[isinstance(first, Plan) and first.certificate.quality is Quality.OPTIMAL] += 1
    if faults:
        count.disagreements.append((account, [*faults, f"{ranks}", f"{best}"]))


def _ranked(problem: Problem, understood: Understood, answer: Plan) -> Rank:
    tree, trade = problem.tree, {node.slice_id: node.trade for node in answer.nodes}
    gone = {sold.slice_id for sold in understood.changed.liquidated} if understood.changed else set()
    inside = [(row, tree.slice_ids[row]) for row in range(len(tree.parent)) if not tree.children[row]]
    trades = [0] * len(tree.parent)
    for row, slice_id in inside:
        trades[row] = 0 if slice_id in gone else trade[slice_id]
    cash, excess, error = measured(problem, trades)
    told = answer.certificate
    assert told.retired_excess == excess, (told, excess)
    assert abs(told.tracking_error - error) <= DIGITS * max(1.0, error), (told, error)
    return Rank(cash, excess, error, told.lower_bound, told.limit is not Limit.NONE)


def _against(problem: Problem, rank: Rank, best: Best | None, others: list[Rank], count: Count) -> list[str]:
    """What is wrong with ``rank`` beside ``best``, or where there are too many plans for that, beside ``others``."""
    equal_cash = [rank.cash in best.allowed_cash] if best else [_alike(problem, rank.cash, o.cash) for o in others]
    excess = best.excess if best else min(other.excess for other in others)
    error = best.error if best else min(other.error for other in others)
    slack = max(problem.rounding_slack, (CLAIMED if problem.steps else DIGITS) * max(1.0, error))
    faults = [] if all(equal_cash) else ["ranks behind in cash"]
    if rank.excess != excess:
        return [*faults, f"keeps {rank.excess} retired, not {excess}"]
    if faults or (problem.situation.limits and rank.stopped):
        return faults
    count.widest = max(count.widest, (rank.error - error) / slack)
    if abs(rank.error - error) > slack:
        faults.append(f"has J {rank.error}, not {error}")
    if rank.bound > error + CLAIMED * max(1.0, error):
        faults.append(f"claims a bound of {rank.bound} above a J of {error}")
    return faults


def _alike(problem: Problem, one: int, other: int) -> bool:
    m = problem.min_trade
    if problem.situation.limits:
        return abs(one - other) <= max(case.spare for case in decide_cash(problem).cases)
    if problem.situation.mode is Mode.REBALANCING:
        return max(one, other) < max(1, m)
    if problem.situation.mode is Mode.SELLING and min(one, other) > 0:
        return abs(one - other) <= m
    return one == other


def as_request(account: Account) -> str:
    """``account`` as the JSON that ``piewise plan -`` reads."""
    portfolio, events, rules = account
    return MessageToJson(plan_request(portfolio, events, rules), preserving_proto_field_name=True)


def run(
    drawn: str, cases: int, number: int, most_value: int, most_leaves: int, count: Count, progress: Progress
) -> None:
    """Generate and look at so many accounts of this kind and size."""
    task = progress.add_task(f"values to {most_value}", total=cases)

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(DRAWN[drawn](most_value, most_leaves))
    def every(account: Account) -> None:
        look(account, count)
        progress.advance(task)

    every()


def main() -> None:
    """Look at ``--cases`` accounts: two of three of a few cents, the third larger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drawn", choices=list(DRAWN), default="minimum")
    wanted = parser.parse_args()
    count, console, begun = Count(), Console(stderr=True), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        large = wanted.cases // LARGE_SHARE
        run(wanted.drawn, wanted.cases - large, wanted.seed, 14, 5, count, progress)
        run(wanted.drawn, large, wanted.seed, 1_000_000, 12, count, progress)
    for account, faults in count.disagreements:
        print(as_request(account), *faults, sep="\n")
    print(f"{count.told()}, seed {wanted.seed}, {time.monotonic() - begun:.0f} s")
    sys.exit(bool(count.disagreements))


if __name__ == "__main__":
    main()
