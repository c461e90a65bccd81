"""From a situation to its problem: the ideal in exact rational arithmetic, the constants of J, every leaf's domain.

Nothing is rounded before its time: numerators and denominators are Python's integers until the arrays are made.
Source: PROBLEM.md §1 and §2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solver.domains import domain, unlimited
from solver.events import Reach
from solver.ideal import Mode, split_pie
from solver.modes import BUYS, SELLS, leaves_cash, mode_below, pies_around
from solver.netting import Net, net_order, several
from solver.problem import Ints, Problem, Situation, frozen, with_nets
from solver.tree import Tree

__all__ = ["build_problem"]


class _Rows:
    """The arrays while they are being filled, as lists of Python integers: nothing is rounded before its time."""

    def __init__(self, tree: Tree) -> None:
        size = len(tree.parent)
        self.value = list(tree.value)
        self.mode = [Mode.NOTHING] * size
        self.reach = [Reach.DEEP] * size
        self.shut: set[int] = set()  # pies that rebalance where no money from above may be spent
        self.money: list[tuple[int, int]] = [(0, 1)] * size  # y° + R = numerator / denominator
        self.after: list[tuple[int, int]] = [(0, 1)] * size  # A°, likewise
        self.whole = [0] * size
        self.part = [0.0] * size
        self.scale = [0.0] * size
        self.slope = [0.0] * size
        self.keep = [-1] * size
        self.fed = [False] * size  # money may reach this pie
        self.may_buy = [False] * size
        self.may_sell = [False] * size
        self.pies: list[int] = []


def build_problem(situation: Situation) -> Problem:
    """The arrays of ``situation``'s problem: ideal, constants of J, domains. Source: PROBLEM.md §1 and §2."""
    tree, event = situation.tree, situation.event_row
    rows = _Rows(tree)
    for row, amount in situation.received.items():  # V_p counts R_p, at p and at the pies above it inside the event
        while row != event:
            rows.value[row] += amount
            row = tree.parent[row]
            if row == event:
                rows.value[event] += amount
    at_event = situation.received.get(event, 0)
    rows.mode[event], rows.reach[event] = situation.mode, situation.reach
    rows.money[event] = (at_event, 1)
    rows.after[event] = (rows.value[event] + at_event, 1)
    rows.fed[event] = situation.mode is not Mode.BUYING or at_event > 0
    rows.may_buy[event] = True  # also where the event's own pie is retired: to rebalance it is what was asked for
    around = pies_around(tree, event, situation.rebalanced)
    for p in tree.below(event):
        if tree.children[p] and (rows.mode[p] is not Mode.NOTHING or p in around):
            rows.pies.append(p)
            (_split if rows.mode[p] is not Mode.NOTHING else _carry)(situation, rows, p)
    return _assemble(situation, rows)


def _carry(situation: Situation, rows: _Rows, p: int) -> None:
    """Set what the slices' rows of ``p`` need: it trades nothing itself, but holds a pie that rebalances."""
    for c in situation.tree.children[p]:
        rows.money[c], rows.after[c] = (situation.received.get(c, 0), 1), (rows.value[c], 1)
        rows.mode[c], rows.reach[c] = mode_below(rows.mode[p], rows.reach[p], situation.rebalanced.get(c), 0)
        rows.fed[c] = rows.may_buy[c] = rows.mode[c] is Mode.REBALANCING
        if rows.fed[c]:
            rows.shut.add(c)


def _split(situation: Situation, rows: _Rows, p: int) -> None:
    """Split the money of pie ``p`` and set everything that its slices' rows need."""
    tree, children = situation.tree, situation.tree.children[p]
    weights = [tree.weight[c] for c in children]
    split = split_pie(rows.mode[p], *rows.money[p], weights, [rows.value[c] for c in children])
    over, total = split.denominator, sum(weights)
    after, after_over = rows.after[p]
    for c, weight, flow in zip(children, weights, split.flows, strict=True):
        received = situation.received.get(c, 0)
        rows.money[c] = (flow + received * over, over)
        rows.after[c] = (rows.value[c] * over + flow, over)
        rows.whole[c], remainder = divmod(flow, over)
        rows.part[c] = remainder / over
        rows.may_buy[c] = rows.may_buy[p] and weight > 0 and after > 0
        if weight == 0:
            rows.keep[c] = -(-rows.after[c][0] // over)
        elif after > 0:
            rows.scale[c] = (weight * after) / (total * after_over)
            if flow == 0 and rows.mode[p] is not Mode.REBALANCING:
                # s_n = A°_n/(w_n A°_p) − L_p, with L_p w_n A°_p = k_n θ; exact up to one division
                above = rows.value[c] * over - weight * split.level
                rows.slope[c] = (above * total * after_over) / (over * weight * after)
        rows.fed[c] = rows.fed[p] or received > 0 or c in situation.rebalanced
        if tree.children[c]:
            asked = situation.rebalanced.get(c)
            rows.mode[c], rows.reach[c] = mode_below(rows.mode[p], rows.reach[p], asked, flow)
            if asked and not rows.may_buy[c]:  # with its own money, as where it is the event's pie
                rows.may_buy[c] = True
                rows.shut.add(c)
        else:
            rows.may_buy[c] &= rows.fed[p] and rows.mode[p] is not Mode.SELLING
            rows.may_sell[c] = rows.mode[p] is not Mode.BUYING


def _assemble(situation: Situation, rows: _Rows) -> Problem:
    tree = situation.tree
    size = len(tree.parent)
    is_leaf = np.array([not c for c in tree.children], dtype=bool)
    value = np.array(rows.value, dtype=np.int64)
    money = max(0, sum(situation.received.values())) + int(value[np.array(rows.may_sell) & is_leaf].sum())
    shared = several(tree)
    domains = _domains(situation, rows, is_leaf, money, {row for leaves in shared.values() for row in leaves})
    buy_max, flow_max = domains["buy_max"], domains["flow_max"]
    received = np.array([situation.received.get(r, 0) for r in range(size)], dtype=np.int64)
    flow_min = -np.maximum(domains["sell_max"], domains["closes"])
    for p in rows.pies:
        if p != situation.event_row:
            above = rows.mode[tree.parent[p]]
            gets = rows.mode[p] in BUYS and above in BUYS and rows.fed[tree.parent[p]] and p not in rows.shut
            flow_min[p] = -value[p] if rows.mode[p] in SELLS and above in SELLS else 0
            flow_max[p] = money if gets else 0
    scale = np.array(rows.scale)
    moves = (flow_min < 0) | (buy_max > 0)
    moves[~is_leaf] = False
    leaves = np.flatnonzero(moves)
    limits = {row: situation.limit(row).steps for row in leaves.tolist()}
    steps = {row: one for row, one in limits.items() if one and one.coarse}
    nets = _nets(situation, rows, moves, money, shared)
    cents = moves.copy()  # rows that a single cent can move; the parts of a net order can, whatever its steps are
    cents[[row for row in steps if not any(row in net.leaves for net in nets)]] = False
    for p in reversed(rows.pies):
        cents[p] = cents[list(tree.children[p])].any()
    felt = cents & (scale > 0)
    problem = Problem(
        situation=situation,
        mode=tuple(rows.mode),
        pies=tuple(rows.pies),
        children=tuple(np.array(tree.children[p], dtype=np.intp) for p in rows.pies),
        leaves=leaves,
        orders=leaves,
        order_row=np.arange(size, dtype=np.intp),
        parent=np.array(tree.parent, dtype=np.intp),
        value=frozen(value),
        received=frozen(received),
        **{name: frozen(array) for name, array in domains.items()},
        flow_min=frozen(flow_min),
        ideal_whole=frozen(np.array(rows.whole, dtype=np.int64)),
        ideal_part=frozen(np.array(rows.part)),
        scale=frozen(scale),
        slope=frozen(np.array(rows.slope)),
        keep=frozen(np.array(rows.keep, dtype=np.int64)),
        steps=steps,
        rounding_slack=float((0.25 / scale[felt]).sum()),
    )
    return with_nets(problem, nets) if nets else problem


def _domains(
    situation: Situation, rows: _Rows, is_leaf: NDArray[np.bool_], money: int, shared: set[int]
) -> dict[str, Ints]:
    """The arrays of all leaves' domains by name; 0 at pies. Without limits they are ``domain``'s first lines.

    Nothing but its direction binds a leaf of a security that other leaves hold, too: see ``netting.py``.
    """
    m, value = max(situation.min_trade, 1), np.array(rows.value, dtype=np.int64)
    buys = np.array(rows.may_buy) & is_leaf & (m <= money)
    sold = np.where(np.array(rows.may_sell) & is_leaf, value, 0)
    arrays: dict[str, Ints] = {
        "buy_min": np.where(buys, m, 0),
        "buy_max": np.where(buys, money, 0),
        "sell_min": np.minimum(sold, m),  # m, or the whole position where it is worth less
        "sell_max": sold,
        "closes": np.zeros_like(value),
        "flow_max": np.where(buys, money, 0),
    }
    for row, limit in {**situation.limits, **dict.fromkeys(shared, unlimited(0))}.items():
        one = domain(
            limit, rows.value[row], money, rows.may_buy[row], rows.may_sell[row], _balances(situation, rows, row)
        )
        for name, array in arrays.items():
            array[row] = getattr(one, name)
    return arrays


def _balances(situation: Situation, rows: _Rows, row: int) -> bool:
    """Whether the leaf's pie rebalances and may leave cash: then what is above the largest position has to go."""
    pie = situation.tree.parent[row]
    rebalances = rows.mode[pie] is Mode.REBALANCING
    return rebalances and leaves_cash(situation.tree, situation.event_row, rows.mode, pie)


def _nets(
    situation: Situation, rows: _Rows, moves: NDArray[np.bool_], money: int, shared: dict[str, tuple[int, ...]]
) -> list[Net]:
    """The net orders of the securities in ``shared``, of those that some rule binds."""
    found = []
    for leaves in shared.values():
        may = {
            "buy": {row for row in leaves if moves[row] and rows.may_buy[row]},
            "sell": {row for row in leaves if moves[row] and rows.may_sell[row]},
            "balance": {row for row in leaves if _balances(situation, rows, row)},
        }
        net = net_order(situation.tree, leaves, situation.limit(leaves[0]), money, may)
        if net:
            found.append(net)
    return found
