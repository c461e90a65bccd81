"""Looks for evidence: multipliers and branches under which ``bound.py`` proves a plan optimal.

Nothing here is trusted. The search starts from the plan's own marginals, finds the relaxed solution behind the
present bound, adds for every pie the multiplier that is best just there (a cutting plane), and, where that does
not close the gap, fixes the slice about which the relaxation is least decided on one side or off. Relaxed
solutions also suggest which leaves might trade instead; a better plan found on the way replaces the one to prove.
"""

from __future__ import annotations

import contextlib
import heapq
from dataclasses import dataclass, field

import numpy as np

from solver.bound import Branch, Cut, Stopped, TreeBound
from solver.cents import leaf_intervals, marginals, tracking_error, trades_within
from solver.certificate import allowed_gap
from solver.enumeration import Enumerated, TooMany, enumerated
from solver.lagrangian import Decided, Terms, decided, sharpened
from solver.lattice import nearby_trades, stepped_trades, steps_wanted
from solver.network import Network
from solver.problem import Floats, Ints, Problem
from solver.relaxation import Eased, Split, relaxed
from solver.rules import Budget

__all__ = ["Incumbent", "Proof", "incumbent_of", "proof_goal", "prove"]

ROUNDS = 10  # cutting planes in one branch before it is split
ENOUGH = 0.02  # of what a bound lacks: a round that adds less is the last, and a multiplier is not sought more exactly
SHALLOWEST, DEPTHS = 1 / 64, 12  # of what a plan costs above a bound, looked for first; how often it is looked for
GRID = np.concatenate((-(4.0 ** -np.arange(0.0, 9.0)), [0.0], 4.0 ** -np.arange(8.0, -1.0, -1.0)))


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best plan so far: trades by leaf, flows by row, J."""

    trades: Ints
    flows: Ints
    error: float


@dataclass(slots=True)
class Proof:
    """The least bound of all branches, the branches themselves, the best plan seen, and where plans were looked for.

    ``too_many`` says how often in a row the sums of a branch were, and ``pause`` in how many branches they are not
    counted after that: twice as many each time.
    """

    incumbent: Incumbent
    bound: float = -np.inf
    branches: list[Branch] = field(default_factory=list)
    tried: set[tuple[int, ...]] = field(default_factory=set)
    too_many: int = 0
    pause: int = 0


def proof_goal(problem: Problem, error: float) -> float:
    """The bound from which a plan of tracking error J is OPTIMAL: J less the allowed gap."""
    return error - allowed_gap(problem.rounding_slack, error)


def incumbent_of(problem: Problem, trades: Ints) -> Incumbent:
    """``trades`` with their flows and J."""
    flows = problem.flows(trades)
    return Incumbent(trades, flows, tracking_error(problem, flows))


def prove(problem: Problem, incumbent: Incumbent, budget: Budget, max_branches: int) -> Proof:
    """Best-first search over fixed leaves until every branch's bound reaches the goal, or the budget ends."""
    proof = Proof(incumbent)
    if proof_goal(problem, incumbent.error) <= 0.0:  # LB = 0 always holds
        proof.bound = 0.0
        return proof
    done: list[tuple[float, Branch]] = []
    queue: list[tuple[float, int, Branch]] = []
    first = _first(problem, incumbent)
    bound, first, split = _tighten(problem, first, proof, budget)
    heapq.heappush(queue, (bound, 0, first))
    splits: dict[tuple[Cut, ...], Split] = {(): split}
    count = 1
    while queue:
        bound, _, branch = queue[0]
        split = splits[branch.path]
        if bound >= proof_goal(problem, proof.incumbent.error) or not split:
            done.append((bound, heapq.heappop(queue)[2]))
            continue
        if count >= max_branches or budget.exhausted:
            break
        halves = []
        for cut in split:
            child = Branch((*branch.path, cut), branch.multipliers, branch.prices, branch.counted)
            halves.append(_tighten(problem, child, proof, budget))
        if budget.exhausted:  # bounded halfway, they say less than the branch that they split
            break
        heapq.heappop(queue)
        for bound, child, split in halves:
            splits[child.path] = split
            heapq.heappush(queue, (bound, count, child))
            count += 1
    done += [(bound, branch) for bound, _, branch in queue]
    proof.bound = max(0.0, min(bound for bound, _ in done))
    proof.branches = [branch for _, branch in done]
    return proof


def _first(problem: Problem, incumbent: Incumbent) -> Branch:
    """The branch of all plans: each pie's marginal in the incumbent, and a geometric fan around it; its net prices."""
    low, high = leaf_intervals(problem, problem.sides(incumbent.trades))
    prices: dict[int, float] = {}
    if problem.nets:
        centre, prices = Network(problem, low, high).potentials(incumbent.flows)
    else:
        centre = _marginal(problem, incumbent, low, high)
    chosen: dict[int, Floats] = {}
    for p, rows in zip(problem.pies, problem.children, strict=True):
        felt = problem.scale[rows][problem.scale[rows] > 0]
        span = 2.0 * problem.order_size / float(np.median(felt)) if len(felt) else 1.0
        chosen[p] = np.unique(np.concatenate((centre[p] + span * GRID, [0.0] if problem.spare else [])))
    return Branch((), chosen, prices)


def _marginal(problem: Problem, incumbent: Incumbent, low: Ints, high: Ints) -> dict[int, float]:
    """Each pie's multiplier in the incumbent."""
    exact: dict[int, tuple[float, float]] = {}
    for p, rows in zip(reversed(problem.pies), reversed(problem.children), strict=True):
        up, down = marginals(problem, rows, incumbent.flows, low, high)
        for i, c in enumerate(rows):
            if c in exact:
                below = exact[int(c)]
                up[i] += below[1]
                down[i] -= below[0]
        exact[p] = (-float(down.min()), float(up.min()))
    centre: dict[int, float] = {}
    for p in problem.pies:
        least, most = exact[p]
        if p == problem.event_row:
            wanted = 0.0 if problem.spare else (least + most) / 2.0
        else:
            off = float(problem.deviation(incumbent.flows)[p])
            scale = float(problem.scale[p])
            own = 2.0 * (off / scale + float(problem.slope[p])) if scale > 0 else 0.0
            wanted = centre[int(problem.parent[p])] - own
        if not np.isfinite(wanted):
            wanted = least if np.isfinite(least) else most if np.isfinite(most) else 0.0
        centre[p] = float(min(max(wanted, least), most)) if least <= most else wanted
    return centre


def _tighten(problem: Problem, branch: Branch, proof: Proof, budget: Budget) -> tuple[float, Branch, Split]:
    """Raise the branch's bound by cutting planes; also how to split it should that not be enough."""
    multipliers = dict(branch.multipliers)
    tree = TreeBound(problem, branch.path, lambda: budget.exhausted)
    if tree.empty:
        return np.inf, branch, ()
    best, split, prices, whole, counts = -np.inf, Split(), branch.prices, None, 0
    may_count = bool(problem.steps) and not problem.nets and not proof.pause
    proof.pause = max(0, proof.pause - 1)
    with contextlib.suppress(Stopped):
        eased = None if branch.counted else Eased.of(tree)
        known = branch.counted or (eased.multipliers if eased else {})
        if problem.nets and known:
            whole, cuts = _decide(tree, known, proof)
            if cuts or whole.bound >= proof_goal(problem, proof.incumbent.error):
                return whole.bound, Branch(branch.path, multipliers, prices, whole.multipliers), cuts
        eased = eased or Eased.of(tree)
        if eased:
            for p, fresh in eased.multipliers.items():
                multipliers[p] = np.unique(np.append(multipliers[p], fresh))
            prices = max((prices, eased.prices), key=lambda one: tree.evaluate(multipliers, one))
        for _ in range(ROUNDS):
            bound = tree.evaluate(multipliers, prices)
            goal = proof_goal(problem, proof.incumbent.error)
            stalled = bound <= best + ENOUGH * (goal - best)
            best = max(best, bound)
            if best >= goal or not np.isfinite(best):
                break
            behind = relaxed(tree, ENOUGH * (goal - best))
            split = behind.split
            if eased:
                split = eased.split(tree) or split
                behind.sides[list(problem.nets)] = eased.sides(tree)
            _try(problem, behind.sides, behind.multipliers, proof)
            if may_count:
                deepen = problem.coarse and not counts  # sums of cents are too many however little they may cost
                counted, counts = _count(tree, behind.multipliers, proof, deepen), counts + 1
                if counted is not None:
                    proof.too_many = 0
                    return counted, Branch(branch.path, multipliers, prices, behind.multipliers), ()
            if stalled or not behind.added:
                break
            for p, more in behind.added.items():
                multipliers[p] = np.unique(np.append(multipliers[p], more))
    if counts:
        proof.too_many += 1
        proof.pause = 2**proof.too_many - 1
    if whole and whole.bound > best:
        return whole.bound, Branch(branch.path, multipliers, prices, whole.multipliers), split
    return best, Branch(branch.path, multipliers, prices), split


def _decide(tree: TreeBound, multipliers: dict[int, float], proof: Proof) -> tuple[Decided, Split]:
    """The branch's bound where net orders are decided as a whole, and the parts of the order that is least decided."""
    problem, error = tree.problem, proof.incumbent.error
    found = decided(problem, tree.low, tree.high, multipliers, error)
    sides = problem.sides(proof.incumbent.trades)
    for row, side in found.sides.items():
        sides[row] = side
    _try(problem, sides, found.multipliers, proof)
    open_ = [(regret, row) for row, regret in found.regrets.items() if regret <= error - found.bound]
    if not open_ and found.bound < proof_goal(problem, proof.incumbent.error):
        settled = _settled(tree, sides)  # nothing is open: the multipliers of the best plan with these sides prove it
        again = decided(problem, tree.low, tree.high, settled, error) if settled else found
        found = max(found, again, key=lambda one: one.bound)
        if found.bound < proof_goal(problem, proof.incumbent.error):  # at those some order would rather do otherwise
            open_ = [(regret, row) for row, regret in again.regrets.items() if np.isfinite(regret)]
    return found, tuple((min(open_)[1], low, high) for low, high in problem.parts(min(open_)[1])) if open_ else ()


def _settled(tree: TreeBound, sides: Ints) -> dict[int, float]:
    """The multipliers that prove the best plan of the branch with these sides; none where there is no such plan."""
    problem = tree.problem
    low, high = leaf_intervals(problem, sides)
    low, high = np.maximum(low, tree.low), np.minimum(high, tree.high)
    trades = trades_within(problem, low, high)
    return {} if trades is None else Network(problem, low, high).potentials(problem.flows(trades))[0]


def _count(tree: TreeBound, multipliers: dict[int, float], proof: Proof, deepen: bool) -> float | None:
    """The branch's bound, all sums that could be better looked at, and the best of them kept; ``None``: too many."""
    sharp = sharpened(tree.problem, tree.low, tree.high, multipliers)
    try:
        found = enumerated(tree.problem, tree.low, tree.high, sharp, proof.incumbent.error, tree.stopped)
    except TooMany:
        deeper = _deepened(tree, sharp, proof.incumbent.error) if deepen else None
        if deeper is None:
            return None
        found = deeper
    multipliers.update(sharp)
    if found.trades is not None:
        best = incumbent_of(tree.problem, found.trades)
        if best.error < proof.incumbent.error * (1 - 1e-12):
            proof.incumbent = best
    return found.bound


def _deepened(tree: TreeBound, multipliers: dict[int, float], error: float) -> Enumerated | None:
    """The branch's best plan where those that could beat ``error`` are too many: as if a better one were known already.

    What is looked for is so good at first that few sums are left, then less so, halfway back where they were too many;
    the first plan found is the best.
    """
    problem = tree.problem
    least = Terms(problem, tree.low, tree.high, multipliers).least
    depth, none, many = SHALLOWEST, 0.0, 1.0  # of what ``error`` is above the bound
    for _ in range(DEPTHS):
        if tree.stopped():
            raise Stopped
        try:
            found = enumerated(problem, tree.low, tree.high, multipliers, least + depth * (error - least), tree.stopped)
        except TooMany:
            many = depth
        else:
            if found.trades is not None:
                return found
            none = depth
        depth = min(2.0 * none, (none + many) / 2.0)
        if depth < SHALLOWEST:
            break
    return None


def _try(problem: Problem, sides: Ints, multipliers: dict[int, float], proof: Proof) -> None:
    """Make a plan of the relaxed solution's choice of leaves, and keep it if it is better."""
    trades = None
    if problem.steps and not problem.nets:  # a net order is no sum of what single leaves want
        mark = steps_wanted(problem, multipliers)
        if mark in proof.tried:
            return
        proof.tried.add(mark)
        trades = nearby_trades(problem, multipliers)
    else:
        mark = tuple(sides[problem.orders].tolist())
        if mark in proof.tried:
            return
        proof.tried.add(mark)
    trades = stepped_trades(problem, sides) if trades is None else trades
    if trades is None:
        return
    found = incumbent_of(problem, trades)
    if found.error < proof.incumbent.error * (1 - 1e-12):
        proof.incumbent = found
