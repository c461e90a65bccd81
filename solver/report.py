"""From trades by row to the plan that a caller reads: orders, nodes, cash, certificate, the portfolio afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.bound import Branch, Cut
from solver.certificate import Findings
from solver.later import made_later
from solver.orders import placed, portfolio_after
from solver.plan import (
    BoundSource,
    CashFlow,
    Certificate,
    Evidence,
    Limit,
    Node,
    Order,
    Plan,
    Quality,
)
from solver.problem import Ints, Problem
from solver.reasons import explained, explained_liquidation
from solver.rules import Engine
from solver.securities import Side
from solver.situations import Understood
from solver.tree import Tree
from solver.version import SOLVER_VERSION

__all__ = ["Proved", "in_listed_order", "report"]


@dataclass(frozen=True, slots=True)
class Proved:
    """The checker's findings, what they amount to, and the evidence behind them."""

    findings: Findings
    quality: Quality
    limit: Limit
    bound_source: BoundSource
    engine: Engine
    branches: tuple[Branch, ...] = ()
    rounds: int = 0
    broken_rules: tuple[str, ...] = ()


def in_listed_order(problem: Problem, trades: Ints) -> Ints:
    """Stage 4, ties: among slices alike in target, value, rules and all below them the earlier listed trades more.

    Slices that are alike may swap what they trade without changing anything else, so each group of twins is sorted.
    """
    tree = problem.tree
    signature: dict[int, object] = {}
    arranged, order_row = trades.copy(), problem.order_row.tolist()
    for p in reversed(tree.below(problem.event_row)):
        if not tree.children[p]:
            shared = order_row[p] if order_row[p] != p else -1  # parts of one net order are alike, others never
            signature[p] = (tree.weight[p], tree.value[p], problem.situation.limit(p), shared)
            continue
        twins: dict[object, list[int]] = {}
        for c in tree.children[p]:
            twins.setdefault(signature[c], []).append(c)
        for group in twins.values():
            if len(group) > 1:
                _sort_twins(problem, arranged, group)
        asked = problem.situation.rebalanced.get(p)
        signature[p] = (tree.weight[p], int(problem.received[p]), asked, tuple(signature[c] for c in tree.children[p]))
    return arranged


def _sort_twins(problem: Problem, trades: Ints, group: list[int]) -> None:
    if not problem.tree.children[group[0]]:
        trades[group] = sorted(trades[group].tolist(), key=lambda trade: (-abs(trade), -trade))
        return
    blocks = []
    for c in group:
        rows = problem.tree.below(c)
        block = trades[rows.start : rows.stop].copy()
        blocks.append((-abs(int(block.sum())), -int(np.abs(block).sum()), (-block).tolist(), block))
    blocks.sort(key=lambda b: b[:3])
    for c, (_, _, _, block) in zip(group, blocks, strict=True):
        rows = problem.tree.below(c)
        trades[rows.start : rows.stop] = block


def report(understood: Understood, problem: Problem, trades: Ints, proved: Proved, explain: bool) -> Plan:
    """The plan for ``trades`` (one entry a row, minor units); its nodes and evidence only where ``explain`` is set."""
    after = _values_after(problem, trades)
    done = placed(understood, trades[: len(after)].tolist())
    cash = _cash_flow(understood, done.orders)
    known: dict[str, Any] = {
        "cash": cash,
        "orders": done.orders,
        "nodes": _nodes(understood, problem, trades, after) if explain else (),
        "certificate": _certificate(problem, proved, explain),
        "rounds": proved.rounds,
        "transfers": done.transfers,
    }

    def whole() -> Plan:
        return Plan(**known, portfolio_after=portfolio_after(understood, after, done.gained, cash.after))

    if done.gained:  # shares' worths are rounded one by one: whether their total is allowed is told at once
        return whole()
    return made_later(Plan, whole, known)


def _values_after(problem: Problem, trades: Ints) -> list[int]:
    tree = problem.tree
    after = [v if not c else 0 for v, c in zip(tree.value, tree.children, strict=True)]
    for row in range(len(after) - 1, 0, -1):
        after[row] += int(trades[row])
        after[tree.parent[row]] += after[row]
    return after


def _cash_flow(understood: Understood, orders: tuple[Order, ...]) -> CashFlow:
    bought, sold = (sum(order.amount for order in orders if order.side is side) for side in (Side.BUY, Side.SELL))
    before, received = understood.portfolio.cash, understood.funds.received
    there = before + received - bought + sold
    paid = min(understood.funds.paid_out, there)  # a baseline may raise too little
    return CashFlow(before, received, paid, bought, sold, there - paid)


def _nodes(understood: Understood, problem: Problem, trades: Ints, after: list[int]) -> tuple[Node, ...]:
    """One node a row; slices that were liquidated and left the tree follow at the end of the pie that lost them."""
    tree, changed = problem.tree, understood.changed
    reasons = explained(problem, trades[: len(after)], problem.flows(trades)[: len(after)], understood)
    ideal = problem.ideal.tolist()
    gone = {sold.slice_id: sold for sold in changed.liquidated} if changed else {}
    rows = {slice_id: row for row, slice_id in enumerate(tree.slice_ids)}
    tail: dict[int, list[Node]] = {}
    for sold in gone.values():
        if sold.slice_id not in rows:
            end = tree.below(rows[sold.pie_id]).stop
            node = Node(
                sold.slice_id, sold.value, -float(sold.value), -sold.value, 0, explained_liquidation(sold, understood)
            )
            tail.setdefault(end, []).append(node)
    sold_within = changed.sold_within(tree) if changed else {}
    proceeds, stayed = _proceeds(understood), _stayed(problem)
    nodes: list[Node] = []
    for row, slice_id in enumerate(tree.slice_ids):
        nodes += tail.get(row, [])
        before = tree.value[row] + proceeds.get(row, 0)
        wanted = ideal[row]
        if row in sold_within:
            before, wanted = sold_within[row], -float(sold_within[row])
        elif row == problem.event_row and not proceeds:
            wanted = float(problem.situation.received.get(row, 0))
        elif row in proceeds and stayed.get(row, 0) != proceeds[row]:  # some of them paid for something elsewhere
            wanted += stayed.get(row, 0) - proceeds[row]
        nodes.append(Node(slice_id, before, wanted, after[row] - before, after[row], reasons[row]))
    return tuple(nodes + tail.get(len(tree.slice_ids), []))


def _proceeds(understood: Understood) -> dict[int, int]:
    """What was liquidated in each pie and below it: part of the pies' value before (V_p still counts R_p)."""
    tree = understood.situation.tree
    received = understood.changed.received if understood.changed else {}
    rows = {slice_id: row for row, slice_id in enumerate(tree.slice_ids)} if received else {}
    return _summed_up(tree, {rows[pie_id]: amount for pie_id, amount in received.items()})


def _stayed(problem: Problem) -> dict[int, int]:
    """The money that enters at each pie and below it."""
    return _summed_up(problem.tree, problem.situation.received)


def _summed_up(tree: Tree, amounts: Mapping[int, int]) -> dict[int, int]:
    """By row: what lies there and below."""
    found: dict[int, int] = {}
    for row, amount in amounts.items():
        while row != -1:
            found[row] = found.get(row, 0) + amount
            row = tree.parent[row]
    return found


def _certificate(problem: Problem, proved: Proved, explain: bool) -> Certificate:
    findings = proved.findings
    return Certificate(
        quality=proved.quality,
        limit=proved.limit,
        engine=proved.engine.value,
        solver_version=SOLVER_VERSION,
        cash_left=findings.cash_left,
        retired_excess=findings.retired_excess,
        tracking_error=findings.tracking_error,
        lower_bound=findings.lower_bound,
        rounding_slack=findings.rounding_slack,
        bound_source=proved.bound_source,
        evidence=_evidence(problem, proved.branches) if explain else (),
        broken_rules=proved.broken_rules,
    )


def _evidence(problem: Problem, branches: tuple[Branch, ...]) -> tuple[Evidence, ...]:
    tree = problem.tree
    ids = [*tree.slice_ids, *(f"securities[{tree.security_ids[leaves[0]]}]" for leaves in problem.nets.values())]
    found = []
    for number, branch in enumerate(branches):
        fixed = tuple(_mark(problem, cut) + ids[cut[0]] for cut in branch.path)
        for p in sorted(branch.multipliers):
            found.append(Evidence(number, ids[p], -1, tuple(branch.multipliers[p].tolist()), fixed))
        found += [Evidence(number, ids[row], -1, (price,), fixed) for row, price in branch.prices.items()]
        found += [Evidence(number, ids[p], -2, (one,), fixed) for p, one in sorted(branch.counted.items())]
    return tuple(found)


def _mark(problem: Problem, cut: Cut) -> str:
    """What a cut lets a leaf do: + buy, - sell a part, x sell all, 0 rest; or between which amounts it may trade."""
    row, low, high = cut
    marks = {(0, 0): "0", (1, int(problem.buy_max[row])): "+", (-int(problem.sell_max[row]), -1): "-"}
    if problem.closes[row]:
        marks[-int(problem.closes[row]), -int(problem.sell_max[row]) - 1] = "x"
    return marks.get((low, high), f"{low}..{high} ")
