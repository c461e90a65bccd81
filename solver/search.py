"""Stages 2 and 3 of one cash case: a start plan, then rounds of proposing (an engine), making exact, and proving.

A plan that is feasible in integers exists before the engine is asked for the first time, wherever one of the simple
guesses can be made to sum up; from then on the search may be stopped at any moment and has something to return.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from solver.bound import Branch
from solver.cents import exact_trades, retired_excess
from solver.engines import highs
from solver.engines.proposal import Proposal, Proposer
from solver.ideal import Mode
from solver.lattice import stepped_trades
from solver.problem import CLOSES, Ints, Problem
from solver.prover import Incumbent, incumbent_of, proof_goal, prove
from solver.rules import Budget

__all__ = ["Outcome", "search"]

MAX_ROUNDS = 4
NODES_FIRST, NODES_LATER = 500, 20_000  # HiGHS's branch and bound, first round and later ones
BRANCHES_FIRST = 40
STARTS = 6  # start plans compared, fewer where trees are large
COMPILING_SECONDS = 120.0  # many times what the kernel takes to compile, once after an installation
CHECKING = 6  # times as long as the kernel took for its evidence, and more, the checker looks at it
LARGE = 400  # leaves; beyond, HiGHS's branch and bound is deaf for longer than a cancelled caller may wait


@dataclass(slots=True)
class Outcome:
    """The best plan of a case (``None``: nothing found), what bounds it, and what HiGHS claims."""

    problem: Problem
    incumbent: Incumbent | None
    excess: int = 0
    branches: tuple[Branch, ...] = ()
    engine_bound: float = 0.0
    rounds: int = 0
    stopped: bool = False


def search(problem: Problem, budget: Budget, engine: Proposer = highs) -> Outcome:
    """Solve stages 2 and 3 of one cash case by what ``engine`` proposes."""
    held = problem.retired_within(0)
    start = start_plan(held)
    outcome = Outcome(problem, start)
    proposal = _proposal(engine, held, start, budget, NODES_FIRST)
    if start is not None or proposal.sides is not None:
        _rounds(engine, held, proposal, outcome, budget)
    if outcome.incumbent is None:
        if budget.exhausted or (proposal.stopped and proposal.sides is None):
            outcome.stopped = True
            return outcome
        outcome.engine_bound, outcome.stopped = 0.0, False  # of plans in which retired slices keep no more
        found = engine.least_excess(problem, budget, NODES_LATER)
        if found is None:
            outcome.stopped = True
            return outcome
        kept, attained = found
        if _anywhere(engine, problem, int(kept.sum()), outcome, budget):
            return outcome
        held = problem.retired_within(kept)
        start = outcome.incumbent = start_plan(held)
        if start is None and attained.sides is not None:
            _improve(outcome, held, attained.sides, attained.points)
            start = outcome.incumbent
        proposal = _proposal(engine, held, start, budget, NODES_FIRST)
        _rounds(engine, held, proposal, outcome, budget)
        outcome.engine_bound = 0.0  # HiGHS's is that of one way to share what they keep, and others may be better
        if outcome.incumbent is None:
            outcome = _keeping_less(engine, problem, int(kept.sum()), outcome, budget)
    if outcome.incumbent is not None:
        outcome.excess = retired_excess(problem, outcome.incumbent.flows)
    return outcome


def _anywhere(engine: Proposer, problem: Problem, excess: int, outcome: Outcome, budget: Budget) -> bool:
    """Search with every retired row free to keep all of ``excess``; whether the best plan then keeps no more in sum.

    Which of them keeps it makes a difference to J; ``outcome`` is as it was if this fails.
    """
    held = problem.retired_within(excess)
    start = outcome.incumbent = start_plan(held)
    _rounds(engine, held, _proposal(engine, held, start, budget, NODES_FIRST), outcome, budget)
    if outcome.incumbent is not None:
        outcome.excess = retired_excess(problem, outcome.incumbent.flows)
        if outcome.excess <= excess:
            return True
    outcome.incumbent, outcome.branches, outcome.engine_bound, outcome.stopped = None, (), 0.0, False
    return False


def _keeping_less(engine: Proposer, problem: Problem, least: int, nothing: Outcome, budget: Budget) -> Outcome:
    """Where amounts in steps do not sum up to ``least``: retired rows may keep anything, then less and less."""
    best, excess = nothing, int(np.maximum(problem.value - problem.keep, 0)[problem.keep >= 0].sum())
    for _ in range(MAX_ROUNDS):
        outcome = Outcome(problem, None)
        if excess <= least or not _anywhere(engine, problem, excess, outcome, budget):
            break
        best, excess = outcome, outcome.excess - 1
    best.stopped = True  # that none keep less is not known
    best.engine_bound = 0.0
    return best


def _rounds(engine: Proposer, held: Problem, proposal: Proposal, outcome: Outcome, budget: Budget) -> None:
    """Propose, make exact, prove; again with what was learnt, until proved, repeated, or out of budget."""
    seen: set[object] = set()
    branches = min(BRANCHES_FIRST, budget.work_limit)
    while True:
        outcome.rounds += 1
        mark = (None if proposal.sides is None else proposal.sides.tobytes(), *sorted(proposal.points.items()))
        repeated = proposal.sides is None or mark in seen
        if proposal.sides is not None:
            seen.add(mark)
            _improve(outcome, held, proposal.sides, proposal.points)
        outcome.engine_bound = max(outcome.engine_bound, proposal.bound)
        best = outcome.incumbent
        if best is None:
            outcome.stopped = True
            return
        if budget.exhausted:  # no time to prove it: LB = 0 stands
            outcome.stopped = True
            return
        if _settled(held, outcome, budget, branches):
            return
        if budget.exhausted:
            outcome.stopped = True
            return
        if outcome.rounds >= MAX_ROUNDS or repeated or budget.work_limit <= BRANCHES_FIRST:
            outcome.stopped = not _proved(held, outcome, budget, budget.work_limit)
            return
        proposal = _proposal(engine, held, outcome.incumbent, budget, NODES_LATER)


def _settled(held: Problem, outcome: Outcome, budget: Budget, branches: int) -> bool:
    """Whether the plan is proved: by the kernel where it is at hand, or in so many branches.

    A flat pie's first bound takes no longer than the kernel does; that of a deep tree takes many times as long. Where
    the time left is too short to check the kernel's evidence, a proof in fewer branches may still be found.
    """
    assert outcome.incumbent is not None
    plain = proof_goal(held, outcome.incumbent.error) <= 0.0  # LB = 0 is all the proof there need be
    kernel = None if plain else _kernel_at_hand(budget)
    if kernel is None or not kernel.takes(held):
        return _proved(held, outcome, budget, branches)
    if len(held.pies) == 1 and _proved(held, outcome, budget, 1):
        return True
    before = budget.seconds_left()
    solved = kernel.solve(held, budget)
    left = budget.seconds_left()
    in_time = left == math.inf or CHECKING * (before - left) <= left
    if solved is not None and in_time and _taken(held, outcome, solved):
        return True
    return _proved(held, outcome, budget, branches) or (solved is not None and _taken(held, outcome, solved))


def _kernel_at_hand(budget: Budget) -> Any:
    """The kernel's engine, where it is compiled already, or there is time to: else a hard plan would wait for that."""
    loaded = sys.modules.get("solver.engines.kernel.engine")
    if not getattr(loaded, "prepared", bool)():
        if budget.seconds_left() < COMPILING_SECONDS or find_spec("numba") is None:
            return None
        loaded = import_module("solver.engines.kernel.engine")
    return loaded


def _taken(held: Problem, outcome: Outcome, solved: Any) -> bool:
    """Whether the kernel's evidence proves the plan, or else a better one of its own; the checker looks at it, too."""
    assert outcome.incumbent is not None
    proves: bool = solved.bound >= proof_goal(held, outcome.incumbent.error)
    if not proves and solved.bound >= proof_goal(held, solved.error):
        outcome.incumbent = Incumbent(solved.trades, solved.flows, solved.error)
        proves = True
    if proves:
        outcome.branches, outcome.engine_bound = solved.branches, solved.bound
    return proves


def _proved(held: Problem, outcome: Outcome, budget: Budget, branches: int) -> bool:
    """Whether the prover does it; a better plan that it finds on the way is taken."""
    assert outcome.incumbent is not None
    proof = prove(held, outcome.incumbent, budget, branches)
    outcome.incumbent, outcome.branches = proof.incumbent, tuple(proof.branches)
    return proof.bound >= proof_goal(held, proof.incumbent.error)


def _proposal(engine: Proposer, held: Problem, incumbent: Incumbent | None, budget: Budget, nodes: int) -> Proposal:
    """What HiGHS proposes.

    Its relaxation is enough for the proof to go on where the tree is large, or trades in steps, or has net orders, and
    there is a plan already: HiGHS branches for seconds where the proof counts sums, or cuts a net order or two.
    """
    if incumbent is None:
        return engine.propose(held, [], budget, nodes)
    relaxed = len(held.leaves) > LARGE or bool(held.steps) != bool(held.nets)  # both at once are hard for the proof
    return engine.propose(held, [incumbent.flows], budget, nodes, relaxed=relaxed)


def _improve(outcome: Outcome, problem: Problem, sides: Ints, points: dict[int, int]) -> None:
    best = outcome.incumbent
    if best is not None and not points and np.array_equal(sides, problem.sides(best.trades)):
        return  # its trades are the least of these sides already
    trades = stepped_trades(problem, sides, points)
    if trades is None:
        return
    found = incumbent_of(problem, trades)
    if best is None or found.error < best.error:
        outcome.incumbent = found


def start_plan(problem: Problem) -> Incumbent | None:
    """The best of a few simple guesses at who trades, made exact; ``None`` where none of them can sum up."""
    if problem.gapless:  # nothing to guess
        trades = exact_trades(problem, None)
        return None if trades is None else incumbent_of(problem, trades)
    best = None
    limit = 1 if len(problem.leaves) > LARGE else STARTS
    found = 0
    known: dict[bytes, Ints | None] = {}  # many guesses are alike
    for sides in _guesses(problem):
        mark = sides.tobytes()
        fresh = mark not in known
        trades = known.setdefault(mark, stepped_trades(problem, sides) if fresh else None)
        if trades is None:
            continue
        if fresh:
            candidate = incumbent_of(problem, trades)
            best = candidate if best is None or candidate.error < best.error else best
        found += 1
        if found >= limit:
            break
    return best


def _guesses(problem: Problem) -> Iterator[Ints]:
    """Sides to try: those whose ideal exceeds some share of the minimum, then the largest few, then single orders."""
    orders, m = problem.orders, problem.order_size
    ideal = problem.ideal[orders]
    floor, ceiling = problem.flow_min[orders], problem.flow_max[orders]
    ranges = problem.ranges(orders)
    buys, sells, closes = (np.maximum(least, floor) <= np.minimum(most, ceiling) for least, most in ranges)
    down = np.where(sells, -1, np.where(closes, CLOSES, 0))
    toward = np.where(ideal > 0, np.where(buys, 1, 0), np.where(ideal < 0, down, 0))
    must = np.where(ceiling < 0, down, np.where(floor > 0, 1, 0))
    for share in (0.5, 1.0, 0.0, 0.75, 0.25):
        wanted = (np.abs(ideal) >= share * m) & (ideal != 0)
        yield _with_leaders(problem, np.where(must != 0, must, np.where(wanted, toward, 0)))
    if problem.situation.mode is Mode.SELLING and problem.situation.rebalanced:  # sales alone pay it, too
        for sold in (ideal < 0, ideal > -np.inf):
            yield _with_leaders(problem, np.where(sold, down, 0))
    room = np.where(buys, problem.buy_max[orders], -problem.flow_min[orders])
    money = abs(int(problem.received.sum()))
    most = max(1, min(len(orders), money // m))
    side = np.where(buys, 1, down)
    for order in (np.argsort(-np.abs(ideal), kind="stable"), np.argsort(-room, kind="stable")):
        for count in sorted({most, (most + 1) // 2, (most + 3) // 4, most - 1, most // 2, 2, 1}, reverse=True):
            chosen = np.zeros(len(orders), dtype=np.int64)
            chosen[order[:count]] = side[order[:count]]
            yield _with_leaders(problem, chosen)
    yield np.zeros(len(problem.value), dtype=np.int64)


def _with_leaders(problem: Problem, chosen: np.ndarray) -> Ints:
    """``chosen`` by order as sides by row; in each pie that received money itself, its most wanting order buys too."""
    sides: Ints = np.zeros(len(problem.value), dtype=np.int64)
    sides[problem.orders] = chosen
    for p in np.flatnonzero(problem.received > 0):
        below = problem.tree.below(int(p))
        rows = problem.orders_of(problem.leaves[(problem.leaves >= below.start) & (problem.leaves < below.stop)])
        rows = rows[problem.buy_max[rows] > 0]
        if len(rows) and not sides[rows].any() and int(p) != problem.event_row:
            sides[rows[int(np.argmax(problem.ideal[rows]))]] = 1
    return sides
