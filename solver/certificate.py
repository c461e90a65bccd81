"""Checks an answer against the problem's own data, trusting no engine and importing none.

``check_rules`` verifies every rule in integers. ``check_bound`` recomputes the lower bound from evidence: it first
verifies that the branches cover every case, then bounds each with its multipliers. What neither confirms is not
claimed: ``certify`` says OPTIMAL only where J − LB ≤ ρ with the recomputed bound (or, where ρ > 1 and such a gap
would mean nothing, where the bound over whole cents meets J).

Source: PROBLEM.md §3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import pairwise

import numpy as np

from solver.bound import Branch, Cut, Stopped, TreeBound
from solver.domains import Limits
from solver.enumeration import TooMany, enumerated
from solver.errors import InternalError
from solver.ideal import Mode
from solver.lagrangian import Terms
from solver.modes import retired
from solver.problem import Ints, Problem
from solver.retired import least_excess, unavoidable

__all__ = [
    "Findings",
    "allowed_gap",
    "broken_rules",
    "certify",
    "covers",
    "lower_bound",
    "measure",
    "no_cent_improves",
]

FEW_BRANCHES = 40  # whose bounds are recomputed even where there is no time left
TIE = 1e-12  # minor units of J: what rounding may make of two equal costs of a cent


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checker found of a plan: cash left (minor units), retired excess, J, LB, ρ, and if that is a proof."""

    cash_left: int
    retired_excess: int
    tracking_error: float
    lower_bound: float
    rounding_slack: float
    optimal: bool


def broken_rules(problem: Problem, trades: Sequence[int]) -> list[str]:
    """Every rule that ``trades`` (one integer a row, 0 at pies) breaks, by name; none means realisable.

    Direction and holding at every leaf; minimum and the caller's limits of every security, by all slices that hold it;
    flow conservation at every pie, with cash left only where the event lets it be left; nothing bought at or below a
    retired slice. One row at a time, in Python's integers, from the tree and the limits; of the arrays that the engines
    see it reads R_p, ``buy_max``, which has the idle pies, and the smallest order, which bounds the cash left.
    """
    tree = problem.tree
    inside = set(tree.below(problem.event_row))
    broken = []
    for row, trade in enumerate(trades[: len(tree.parent)]):  # net orders, behind them, trade by their slices alone
        if type(trade) is not int and not isinstance(trade, np.integer):
            broken.append(f"NOT_AN_INTEGER:{tree.slice_ids[row]}")
        elif trade and (tree.children[row] or row not in inside):
            broken.append(f"OUTSIDE_EVENT:{tree.slice_ids[row]}")
        else:
            broken += [f"{rule}:{tree.slice_ids[row]}" for rule in _broken_by_leaf(problem, row, int(trade))]
    for rows in _by_security(problem):
        ordered = sum(int(trades[row]) for row in rows)
        if ordered or rows[0] in problem.situation.limits:
            broken += [f"{rule}:{tree.slice_ids[rows[0]]}" for rule in _broken_by_order(problem, rows, ordered)]
    flows, loose = _flows(problem, trades)
    broken += [f"FLOW_NOT_CONSERVED:{tree.slice_ids[p]}" for p in loose]
    if problem.beyond < sum(max(0, -flows[p] - problem.window(p)) for p in _side_by_side(problem)):
        broken.append(f"FLOW_NOT_CONSERVED:{tree.slice_ids[problem.event_row]}")
    for row in inside:
        if tree.children[row] and problem.mode[row] is Mode.NOTHING:
            passes = problem.situation.rebalanced and problem.leaves_cash(row)  # cash left by pies that rebalance in it
            if not (-math.inf if passes else 0) <= flows[row] <= 0:
                broken.append(f"OUTSIDE_EVENT:{tree.slice_ids[row]}")
    return broken


def _side_by_side(problem: Problem) -> list[int]:
    """Pies beside each other where orders that they share leave cash: what is beyond their own counts in sum."""
    above = problem.tree.parent
    return [p for p in problem.situation.rebalanced if problem.beyond and problem.mode[above[p]] is Mode.NOTHING]


def _by_security(problem: Problem) -> list[list[int]]:
    """The leaves of every security that some leaf inside the event holds."""
    tree, rows = problem.tree, dict[str, list[int]]()
    for row, name in enumerate(tree.security_ids):
        if name:
            rows.setdefault(name, []).append(row)
    inside = tree.below(problem.event_row)
    return [found for found in rows.values() if any(row in inside for row in found)]


def _broken_by_leaf(problem: Problem, row: int, trade: int) -> Iterator[str]:
    mode = problem.mode[problem.tree.parent[row]]
    if trade > 0 and (mode not in (Mode.BUYING, Mode.REBALANCING) or _closed_to_buys(problem, row)):
        yield "MAY_NOT_BUY"
    if trade < 0 and mode not in (Mode.SELLING, Mode.REBALANCING):
        yield "MAY_NOT_SELL"
    if -trade > problem.tree.value[row]:
        yield "SELLS_MORE_THAN_HELD"


def _broken_by_order(problem: Problem, rows: list[int], trade: int) -> Iterator[str]:
    """What the order of one security breaks, ``trade`` the sum of what its leaves ``rows`` trade."""
    limit, held = problem.situation.limit(rows[0]), sum(problem.tree.value[row] for row in rows)
    after = held + trade
    if 0 < abs(trade) < limit.min_trade and after != 0:
        yield "BELOW_MINIMUM"
    if (trade > 0 and limit.no_buy) or (trade < 0 and limit.no_sell):
        yield "BLOCKED"
    if trade and 0 < after < limit.least:
        yield "SMALLEST_POSITION"
    if limit.steps and trade and after != 0 and not _in_steps(limit, trade):
        yield "NOT_IN_STEPS"
    if limit.most is not None and after > limit.most and (trade > 0 or -trade < _must_sell(problem, rows)):
        yield "LARGEST_POSITION"


def _must_sell(problem: Problem, rows: list[int]) -> int:
    """How much a rebalance has to sell of a security as long as it is above its largest position."""
    limit, tree = problem.situation.limit(rows[0]), problem.tree
    pies = {row: tree.parent[row] for row in rows if tree.value[row]}
    sellers = {row: p for row, p in pies.items() if problem.mode[p] in (Mode.SELLING, Mode.REBALANCING)}
    balancing = all(problem.mode[p] is Mode.REBALANCING and problem.leaves_cash(p) for p in sellers.values())
    if limit.most is None or limit.no_sell or not balancing:
        return 0
    held, sellable = sum(tree.value[row] for row in rows), sum(tree.value[row] for row in sellers)
    if sellable < held:  # a part of the position, which leaves enough of it: at least an order, and in whole steps
        sellable = min(sellable, held - limit.least)
        sellable = limit.steps.amount(limit.steps.within(sellable)) if limit.steps else sellable
        sellable = 0 if sellable < limit.min_trade else sellable
    return sellable


def _in_steps(limit: Limits, trade: int) -> bool:
    """Whether ``trade`` is worth ⌊k t⌋ for a whole number of steps k, of which no more are sold than are held."""
    assert limit.steps is not None
    over, under = limit.steps.numerator, limit.steps.denominator
    count = -(-abs(trade) * under // over)
    return count * over // under == abs(trade) and trade >= -(limit.whole_steps * over // under)


def _closed_to_buys(problem: Problem, row: int) -> bool:
    """Whether nothing may be bought at ``row``: retired, inside a retired slice, in an idle pie, or worth no target."""
    return problem.buy_max[row] == 0 or _retired(problem, row)


def _retired(problem: Problem, row: int) -> bool:
    return retired(problem.tree, problem.event_row, problem.situation.rebalanced, row)


def _flows(problem: Problem, trades: Sequence[int]) -> tuple[list[int], list[int]]:
    """y of every row in Python's integers, and the pies whose money does not add up."""
    tree = problem.tree
    flows = [int(t) for t in trades]
    loose = []
    for p in reversed(tree.below(problem.event_row)):
        if not tree.children[p]:
            continue
        total = sum(flows[c] for c in tree.children[p])
        received = int(problem.received[p])
        flows[p] = total - received
        if p == problem.event_row:
            if not -problem.spare <= flows[p] <= 0:
                loose.append(p)
            flows[p] = 0
        elif problem.mode[tree.parent[p]] is Mode.BUYING and flows[p] < 0:
            loose.append(p)
            flows[p] = 0  # r_p > 0: what stays there as cash comes from nobody above
        elif p in problem.situation.rebalanced and not _given(problem, p, flows[p]):
            loose.append(p)
    return flows, loose


def _given(problem: Problem, p: int, flow: int) -> bool:
    """Whether a pie that rebalances by itself may get ``flow`` from its parent, or give it.

    A retired one gets nothing. Where nothing happens above, it gives less than m, or than its smallest order, that it
    could not place, and more only where orders that several pies share force it.
    """
    above = problem.mode[problem.tree.parent[p]]
    if flow > 0:
        return above in (Mode.BUYING, Mode.REBALANCING) and not _retired(problem, p)
    if above is Mode.NOTHING:
        return flow == 0 or (-flow <= problem.window(p) + problem.beyond and problem.leaves_cash(p))
    return True  # that nothing is taken where the parent buys is looked at before


def certify(
    problem: Problem,
    stage_exact: bool,
    trades: Ints,
    branches: Sequence[Branch],
    stopped: Callable[[], bool] = lambda: False,
) -> Findings:
    """Check ``trades`` for the problem of one cash case, and prove what can be proved with ``branches``.

    Once ``stopped()`` no sums are counted any more, nor many branches looked at, which may take as long as the proof
    did or, where the kernel did it, many times as long: then less is proved.
    Raises ``InternalError`` where a rule is broken.
    """
    broken = broken_rules(problem, trades.tolist())
    if broken:
        raise InternalError(f"a plan broke its own rules: {', '.join(broken[:5])}")
    found = measure(problem, trades)
    excess, error = found.retired_excess, found.tracking_error
    held = problem.retired_within(0 if excess == 0 or excess <= unavoidable(problem) else excess)
    bound = lower_bound(held, branches, error, stopped=stopped)
    least = excess == 0 or excess <= least_excess(problem)
    gap = allowed_gap(found.rounding_slack, error)
    if error - bound > gap:
        sure = no_cent_improves(held, trades)
        bound = error if sure else lower_bound(held, branches, error, closely=True, stopped=stopped)
    optimal = stage_exact and least and error - bound <= gap
    return replace(found, lower_bound=min(bound, error), optimal=optimal)


def no_cent_improves(problem: Problem, trades: Ints) -> bool:
    """Whether every leaf has one interval of its own, and no cent moved between two, or with free cash, lowers J.

    Then J is M♮-convex over them, and the plan is optimal: no bound is needed, nor one that rounding can not blur.
    """
    if not problem.gapless or problem.nets:
        return False
    flows, _ = _flows(problem, trades.tolist())
    more, less = dict[int, float](), dict[int, float]()  # what the cheapest cent in, and out, costs below a row
    for row in reversed(problem.tree.below(problem.event_row)):
        up = down = 0.0
        children = problem.tree.children[row]
        if children:
            into, out = nsmallest(2, children, key=more.__getitem__), nsmallest(2, children, key=less.__getitem__)
            if any(_pays(more[a] + less[b]) for a in into for b in out if a != b):
                return False
            up, down = more[into[0]], less[out[0]]
        if row != problem.event_row:
            up = up if flows[row] < problem.flow_max[row] else math.inf
            down = down if flows[row] > problem.flow_min[row] else math.inf
        scale, slope = float(problem.scale[row]), float(problem.slope[row])
        if scale > 0:
            off = (flows[row] - int(problem.ideal_whole[row])) - float(problem.ideal_part[row])
            up, down = up + (2.0 * off + 1.0) / scale + 2.0 * slope, down + (1.0 - 2.0 * off) / scale - 2.0 * slope
        more[row], less[row] = up, down
    left = int(problem.received.sum()) - int(trades.sum())
    event = problem.event_row
    return (left == 0 or not _pays(more[event])) and (left == problem.spare or not _pays(less[event]))


def _pays(change: float) -> bool:
    """Whether a cent that changes J by ``change`` improves it by more than rounding could."""
    return change < -TIE


def measure(problem: Problem, trades: Ints) -> Findings:
    """Cash left, retired excess and J of ``trades``, whether they keep the rules or not; nothing is proved (LB = 0)."""
    flows, _ = _flows(problem, trades.tolist())
    left = int(problem.received.sum()) - int(trades.sum()) + problem.idle_cash
    excess, error = retired_excess(problem, flows), tracking_error(problem, flows)
    return Findings(left, excess, error, 0.0, problem.rounding_slack, False)


def allowed_gap(slack: float, error: float) -> float:
    """The J − LB up to which a plan is optimal: ρ, or rounding error where ρ says nothing (0, or more than 1)."""
    exact = 1e-9 * max(1.0, error)
    return max(slack * (1.0 + 1e-12), exact) if slack <= 1.0 else exact


def retired_excess(problem: Problem, flows: Sequence[int]) -> int:
    """Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉) over the rows inside the event; minor units."""
    keep, value = problem.keep.tolist(), problem.value.tolist()
    return sum(max(0, v + y - k) for v, y, k in zip(value, flows, keep, strict=True) if k >= 0)


def tracking_error(problem: Problem, flows: Sequence[int]) -> float:
    """J(y) = Σ_n (y_n − y°_n)²/(w_n A°_p) + 2 s_n (y_n − y°_n), summed without losing a bit; minor units."""
    terms = []
    columns = (
        problem.ideal_whole.tolist(),
        problem.ideal_part.tolist(),
        problem.scale.tolist(),
        problem.slope.tolist(),
    )
    for flow, whole, part, scale, slope in zip(flows, *columns, strict=True):
        if scale > 0:
            off = (flow - whole) - part
            terms += [off * off / scale, 2.0 * slope * off]
    return math.fsum(terms)


def lower_bound(
    problem: Problem,
    branches: Sequence[Branch],
    error: float,
    closely: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> float:
    """The least bound of all branches, at least 0 (J ≥ 0 always holds); 0 where they do not cover every case.

    Bounds that are found by counting sums look for plans of less than ``error`` only, and are no more than that.
    ``closely`` also bounds each branch from the ideal, which takes about as long again. Once ``stopped()`` the rest of
    many branches is not looked at, and nothing is proved.
    """
    if not branches or not covers(problem, [branch.path for branch in branches]):
        return 0.0
    bounds = []
    for branch in branches:
        if len(branches) > FEW_BRANCHES and stopped():
            return 0.0
        ones = np.array([*branch.prices.values(), *branch.counted.values()])
        if not all(np.isfinite(numbers).all() for numbers in (ones, *branch.multipliers.values())):
            return 0.0
        if set(branch.multipliers) != set(problem.pies) or not all(len(m) for m in branch.multipliers.values()):
            return 0.0
        bound = _bound(problem, branch, error, stopped)
        bounds.append(max(bound, _from_the_ideal(problem, branch)) if closely else bound)
    return max(0.0, min(bounds))


def _bound(problem: Problem, branch: Branch, error: float, stopped: Callable[[], bool]) -> float:
    tree = TreeBound(problem, branch.path)
    if branch.counted and not tree.empty and set(branch.counted) == set(problem.pies):
        try:
            return enumerated(problem, tree.low, tree.high, branch.counted, error, stopped).bound
        except (TooMany, Stopped):
            pass
    return tree.evaluate(branch.multipliers, branch.prices)


def _from_the_ideal(problem: Problem, branch: Branch) -> float:
    """The best bound by terms at what is listed first, second, … of every pie; −inf where the lists differ in length.

    ``TreeBound`` sums from 0: of large trades that leave little, or all but a cent's worth, rounding leaves it nothing.
    """
    lists, tree, found = branch.multipliers, TreeBound(problem, branch.path), -math.inf
    if not (tree.empty or problem.nets) and len({len(listed) for listed in lists.values()}) == 1:
        for at in zip(*(listed.tolist() for listed in lists.values()), strict=True):
            terms = Terms(problem, tree.low, tree.high, dict(zip(lists, at, strict=True)))
            found = max(found, terms.least - terms.rounding)
    return found


def covers(problem: Problem, paths: Sequence[tuple[Cut, ...]]) -> bool:
    """Whether the branches' cuts, in their order, leave no case out: each splits one order's amounts without a gap."""
    orders = set(problem.orders.tolist())
    open_ = [(list(paths), 0)]  # branches that agree so far, and on how many cuts; no recursion: thousands deep
    while open_:
        group, depth = open_.pop()
        if any(len(path) == depth for path in group):
            continue
        if len({path[depth][0] for path in group}) != 1 or group[0][depth][0] not in orders:
            return False
        row = group[0][depth][0]
        by_part: dict[tuple[int, int], list[tuple[Cut, ...]]] = {}
        for path in group:
            by_part.setdefault(path[depth][1:], []).append(path)
        parts = sorted(by_part)
        least, most = int(problem.flow_min[row]), int(problem.flow_max[row])
        seamless = all(high + 1 == low for (_, high), (low, _) in pairwise(parts))
        if parts[0][0] > least or parts[-1][1] < most or not seamless:
            return False
        open_ += [(inner, depth + 1) for inner in by_part.values()]
    return True
