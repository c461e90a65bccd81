"""From trades by row to the plan that a caller reads: orders, nodes, cash, certificate, the portfolio afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.attribution import attributed
from solver.bound import Branch, Cut
from solver.certificate import Findings
from solver.events import TargetChange
from solver.money import minor_digits
from solver.plan import (
    BoundSource,
    CashFlow,
    Certificate,
    Evidence,
    Limit,
    Node,
    Order,
    OrderPart,
    Plan,
    Quality,
)
from solver.portfolio import Holding, Pie, Portfolio, Slice
from solver.problem import Ints, Problem
from solver.reasons import explained, explained_liquidation
from solver.rules import Engine
from solver.securities import Security, Side
from solver.situations import Understood
from solver.steps import Steps
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
    arranged = trades.copy()
    for p in reversed(tree.below(problem.event_row)):
        if not tree.children[p]:
            signature[p] = (tree.weight[p], tree.value[p], problem.situation.limit(p))
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
    cash = _cash_flow(understood, trades)
    orders = _orders(understood, problem, trades)
    gone = len(understood.changed.liquidated) if understood.changed else 0  # orders that the portfolio has behind it
    return Plan(
        cash=cash,
        orders=orders,
        nodes=_nodes(understood, problem, trades, after) if explain else (),
        certificate=_certificate(problem, proved, explain),
        portfolio_after=_portfolio_after(understood.portfolio, problem, after, orders[gone:], cash.after),
        rounds=proved.rounds,
    )


def _values_after(problem: Problem, trades: Ints) -> list[int]:
    tree = problem.tree
    after = [v if not c else 0 for v, c in zip(tree.value, tree.children, strict=True)]
    for row in range(len(after) - 1, 0, -1):
        after[row] += int(trades[row])
        after[tree.parent[row]] += after[row]
    return after


def _liquidated(understood: Understood) -> int:
    return sum(sold.value for sold in understood.changed.liquidated) if understood.changed else 0


def _cash_flow(understood: Understood, trades: Ints) -> CashFlow:
    bought, sold = int(trades[trades > 0].sum()), -int(trades[trades < 0].sum()) + _liquidated(understood)
    before, received = understood.portfolio.cash, understood.funds.received
    there = before + received - bought + sold
    paid = min(understood.funds.paid_out, there)  # a baseline may raise too little
    return CashFlow(before, received, paid, bought, sold, there - paid)


def _orders(understood: Understood, problem: Problem, trades: Ints) -> tuple[Order, ...]:
    """Sells first, those of the events before those of the plan; each with its quantity where there is a price."""
    tree, shares = problem.tree, attributed(understood, trades.tolist())
    listed = {security.security_id: security for security in understood.portfolio.securities}
    # the number: the quantity held, if all is sold
    found: list[tuple[Side, str, int, int | None, tuple[OrderPart, ...]]] = []
    if understood.changed:
        event_id = next(event.event_id for event in understood.events if isinstance(event, TargetChange))
        for sold in understood.changed.liquidated:
            part = OrderPart(sold.slice_id, sold.value, event_id)
            found.append((Side.SELL, sold.security_id, sold.value, sold.quantity_nanos, (part,)))
    for side in (Side.SELL, Side.BUY):
        for row in np.flatnonzero(trades < 0 if side is Side.SELL else trades > 0).tolist():
            amount = abs(int(trades[row]))
            held = tree.quantity[row] if side is Side.SELL and amount == tree.value[row] else None
            parts = tuple(OrderPart(tree.slice_ids[row], share, event_id) for event_id, share in shares[row])
            found.append((side, tree.security_ids[row], amount, held, parts))
    orders = []
    for i, (side, name, amount, held, parts) in enumerate(found):
        quantity, by_quantity = _quantity(listed.get(name), understood.portfolio.currency_code, side, amount, held)
        orders.append(Order(i + 1, name, side, amount, held is not None, parts, quantity, by_quantity))
    return tuple(orders)


def _quantity(
    security: Security | None, currency_code: str, side: Side, amount: int, held: int | None
) -> tuple[int | None, bool]:
    """The quantity of an order worth ``amount``, and whether the order is sized by it; ``held`` where all is sold."""
    steps = security.steps(currency_code) if security else None
    if security is None or steps is None:
        return None, False
    quantity = steps.reaching(amount) * security.step_nanos if held is None else held
    return quantity, side is Side.SELL or security.whole_only


def _nodes(understood: Understood, problem: Problem, trades: Ints, after: list[int]) -> tuple[Node, ...]:
    """One node a row; slices that were liquidated and left the tree follow at the end of the pie that lost them."""
    tree, changed = problem.tree, understood.changed
    reasons = explained(problem, trades, problem.flows(trades), understood)
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
    ids = problem.tree.slice_ids
    return tuple(
        Evidence(
            branch=number,
            slice_id=ids[p],
            trading=-1,
            multipliers=tuple(branch.multipliers[p].tolist()),
            fixed=tuple(_mark(problem, cut) + ids[cut[0]] for cut in branch.path),
        )
        for number, branch in enumerate(branches)
        for p in sorted(branch.multipliers)
    )


def _mark(problem: Problem, cut: Cut) -> str:
    """What a cut lets a leaf do: + buy, - sell a part, x sell all, 0 rest; or between which amounts it may trade."""
    row, low, high = cut
    marks = {(0, 0): "0", (1, int(problem.buy_max[row])): "+", (-int(problem.sell_max[row]), -1): "-"}
    if problem.closes[row]:
        marks[-int(problem.closes[row]), -int(problem.sell_max[row]) - 1] = "x"
    return marks.get((low, high), f"{low}..{high} ")


def _portfolio_after(
    portfolio: Portfolio, problem: Problem, after: list[int], orders: tuple[Order, ...], cash: int
) -> Portfolio:
    """The account once every order is done; what has a price is worth its quantity at that price, rounded down."""
    rows = iter(range(1, len(after)))
    moved = {order.security_id: (order.side, order.quantity_nanos) for order in orders}
    listed = {security.security_id: security for security in portfolio.securities}

    def holding(old: Holding, row: int) -> Holding:
        security = listed.get(old.security_id)
        steps = security.steps(portfolio.currency_code) if security else None
        if security is None or steps is None or (old.quantity_nanos is None and old.security_id not in moved):
            return Holding(old.security_id, after[row], old.quantity_nanos)
        side, traded = moved.get(old.security_id, (Side.BUY, 0))
        quantity = (old.quantity_nanos or 0) + (1 if side is Side.BUY else -1) * (traded or 0)
        worth = Steps.of(security.price_micros or 0, 1, minor_digits(portfolio.currency_code)).amount(quantity)
        return Holding(old.security_id, worth if traded else after[row], quantity)

    def rebuilt(pie: Pie) -> Pie:
        slices = []
        for child in pie.slices:
            row = next(rows)
            content = child.content
            new = holding(content, row) if isinstance(content, Holding) else rebuilt(content)
            slices.append(Slice(child.slice_id, child.target_weight, new))
        return Pie(tuple(slices), pie.weight_total)

    return replace(portfolio, root=rebuilt(portfolio.root), cash=cash)
