"""Many accounts in one compiled loop: columns in, columns out, nothing of Python in between.

An account that the loop does not take, or finds no plan for, keeps quality 0: the pipeline looks at it.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from solver.columns import CUTS, ENGINES, EVIDENCE, QUALITIES, Accounts, EventKind, Plans, no_plans
from solver.engines.kernel.branching import explore
from solver.engines.kernel.checking import BROKEN, check, retired_excess
from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.engine import EASY, MAX_BRANCHES, MAX_LOG, MAX_WORK
from solver.engines.kernel.memory import ENTRIES, Node, Work, new_work
from solver.engines.kernel.posing import pose
from solver.engines.kernel.rows import Sheet, new_sheet
from solver.engines.kernel.tree import BUYS, SELLS, Rows, load
from solver.engines.kernel.twins import in_listed_order
from solver.portfolio import MAX_DEPTH, MAX_SLICES

__all__ = ["plan_all", "plan_from", "prepare", "prepared"]

NONE, OPTIMAL, FEASIBLE = QUALITIES.index("NONE"), QUALITIES.index("OPTIMAL"), QUALITIES.index("FEASIBLE")
KERNEL = next(number for engine, number in ENGINES.items() if engine.value == "KERNEL")
DEPOSIT, WITHDRAWAL, _, _, LIQUIDATION = map(int, EventKind)
ROOM_AN_ACCOUNT = 16  # multipliers, at first; more are made where that is not enough
ROOM = 1 << 12
_local = threading.local()


def prepare() -> None:
    """Compile the loop, or load it from disk: half a minute where it never was compiled, 0.3 s later.

    ``plan_all`` does it by itself; a process that is to answer soon, or to show progress, does it first.
    """
    tree = np.array([-1, 0, 0], dtype=np.int64)
    once = np.array([1], dtype=np.int64)
    rows = {"parent": tree, "target_weight": np.ones_like(tree), "value": 0 * tree, "blocked": 0 * tree}
    plan_all(Accounts(np.array([0, 3]), event=once, amount=once, event_row=0 * once, cash=once, min_trade=once, **rows))


def prepared() -> bool:
    """Whether the loop is compiled in this process."""
    return bool(getattr(plan_from, "overloads", True))


def plan_all(accounts: Accounts, most_work: int = MAX_WORK) -> Plans:
    """Plan every account that the kernel takes; ``accounts`` are columns (``check_columns``).

    A search ends with a gap once ``most_work`` is done, about one a slice looked at: ten million take a second on a
    slow machine.
    """
    count, rows = len(accounts.event), len(accounts.parent)
    plans = no_plans(count, rows, ROOM_AN_ACCOUNT * count + ROOM)
    if not count:
        return _without_room(plans)
    # one kind of memory, whoever lays the columns out: for each other kind all of the loop would be compiled anew
    accounts = Accounts(*(np.require(column, requirements=("C", "A", "W")) for column in accounts))
    work, sheet = _memory(min(int(np.diff(accounts.start).max()), MAX_SLICES + 1))  # larger trees are not taken
    done = 0
    while True:
        done = plan_from(accounts, done, most_work, work, sheet, plans)
        if done == count:
            return _without_room(plans)
        plans = _with_room(plans, 2 * len(plans.multiplier))


def _memory(rows: int) -> tuple[Work, Sheet]:
    """This thread's memory, for accounts of up to ``rows`` rows."""
    if rows > getattr(_local, "rows", 0):
        _local.rows = max(rows, 64)
        _local.memory = new_work(_local.rows, MAX_DEPTH, MAX_BRANCHES, MAX_LOG), new_sheet(_local.rows)
    memory: tuple[Work, Sheet] = _local.memory
    return memory


def _with_room(plans: Plans, room: int) -> Plans:
    """``plans`` with so much room for evidence."""
    changed: dict[str, Any] = {}
    for name in (*EVIDENCE, *CUTS):
        column = getattr(plans, name)
        changed[name] = np.zeros(room, dtype=column.dtype)
        changed[name][: len(column)] = column
    return plans._replace(**changed)


def _without_room(plans: Plans) -> Plans:
    """``plans`` with no more room than its evidence needs."""
    used = dict.fromkeys(EVIDENCE, plans.evidence_start[-1]) | dict.fromkeys(CUTS, plans.cut_start[-1])
    return plans._replace(**{name: getattr(plans, name)[:size].copy() for name, size in used.items()})


@compiled
def plan_from(accounts: Accounts, first: int, most_work: int, work: Work, sheet: Sheet, plans: Plans) -> int:
    """Plan the accounts from ``first`` on. Returns the first for which there is no room left."""
    for account in range(first, len(accounts.event)):
        entries, cuts = plans.evidence_start[account], plans.cut_start[account]
        head = sheet.head[0]
        if pose(accounts, account, sheet) and load(head, sheet.rows, work.tree):
            proved = explore(work, EASY, MAX_BRANCHES, most_work)
            if work.figures[0] < np.inf and work.counts[ENTRIES] < len(work.log):
                _mark_split(work)
                entries, cuts = _log(work, sheet.rows, plans, entries, cuts)
                if entries < 0:
                    return account
                plans.evidence_start[account + 1], plans.cut_start[account + 1] = entries, cuts
                _answer(accounts, account, work, sheet, plans, proved)
                if plans.quality[account] == NONE:
                    entries, cuts = plans.evidence_start[account], plans.cut_start[account]
        plans.evidence_start[account + 1], plans.cut_start[account + 1] = entries, cuts
    return len(accounts.event)


@compiled
def _answer(accounts: Accounts, account: int, work: Work, sheet: Sheet, plans: Plans, proved: bool) -> None:
    """Write the plan that the search ended with."""
    first, count, event = accounts.start[account], sheet.head[0].rows, sheet.head[0].event
    rows, tree = sheet.rows, work.tree
    for n in range(1, tree[0].nodes):
        row = rows[tree[n].row]
        if row.stop == tree[n].row + 1:
            row.trade = row.ideal_whole + np.int64(tree[n].best)
    in_listed_order(rows, sheet.share, event)
    received, traded, slack = 0, 0, 0.0
    for r in range(count - 1, -1, -1):
        row = rows[r]
        received, traded = received + row.received, traded + row.trade
        if row.moves and r > event:
            rows[row.parent].moves = 1
            slack += 0.25 / row.scale if row.scale > 0.0 else 0.0
        plans.trade[first + r], plans.ideal[first + r] = row.trade, row.ideal_whole + row.ideal_part
    kind, amount = accounts.event[account], accounts.amount[account]
    moved = amount if kind == DEPOSIT else -amount if kind == WITHDRAWAL else 0
    if kind == LIQUIDATION:
        moved = _liquidated(accounts, account, rows, plans)
    at, end = plans.evidence_start[account], plans.evidence_start[account + 1]
    pies, multipliers = plans.evidence_row[at:end], plans.multiplier[at:end]
    source = check(sheet.head[0], rows, sheet.share, pies, multipliers, work.figures[0])
    if source == BROKEN:
        return  # a bug of ours: the pipeline plans it
    plans.bound_source[account] = source
    plans.cash_after[account] = accounts.cash[account] + moved - traded
    plans.quality[account] = OPTIMAL if proved else FEASIBLE
    plans.engine[account] = KERNEL
    plans.cash_left[account] = received - traded
    plans.retired_excess[account] = retired_excess(sheet.head[0], rows)
    plans.tracking_error[account] = work.figures[0]
    plans.lower_bound[account] = min(max(0.0, work.figures[1]), work.figures[0])
    plans.rounding_slack[account] = slack


@compiled
def _liquidated(accounts: Accounts, account: int, rows: Rows, plans: Plans) -> int:
    """Write the sales of what is liquidated; what they raise."""
    first, at, raised = accounts.start[account], accounts.event_row[account], 0
    for r in range(at, rows[at].stop):
        if rows[r].stop == r + 1:
            held = accounts.value[first + r]
            plans.trade[first + r] = -held
            plans.ideal[first + r] = -float(held)
            raised += held
    return int(raised)


@compiled
def _mark_split(work: Work) -> None:
    """``open`` of every branch becomes 1 where it was split, and 0 where its bound stands."""
    branches = work.branch
    for i in range(work.counts[0]):
        branches[i].open = 0
        if branches[i].parent >= 0:
            branches[branches[i].parent].open = 1


@compiled
def _log(work: Work, rows: Rows, plans: Plans, entries: int, cuts: int) -> tuple[int, int]:
    """Write the evidence of every branch that was not split, from these places on; where it ends, −1 without room."""
    branches, tree = work.branch, work.tree
    for i in range(work.counts[ENTRIES]):
        one = work.log[i]
        if branches[one.branch].open:
            continue
        if entries == len(plans.multiplier):
            return -1, -1
        plans.evidence_branch[entries] = one.branch
        plans.evidence_row[entries] = tree[one.pie].row
        plans.multiplier[entries] = one.price
        entries += 1
    for i in range(1, work.counts[0]):
        if branches[i].open:
            continue
        depth, at = 0, i
        while branches[at].parent >= 0:
            depth, at = depth + 1, branches[at].parent
        if cuts + depth > len(plans.cut_row):
            return -1, -1
        at = i
        for k in range(cuts + depth - 1, cuts - 1, -1):
            plans.cut_branch[k] = i
            _cut(plans, k, tree[branches[at].leaf], rows, branches[at].side)
            at = branches[at].parent
        cuts += depth
    return entries, cuts


@compiled
def _cut(plans: Plans, k: int, leaf: Node, rows: Rows, side: int) -> None:
    """What a leaf on ``side`` may trade. A side that is not open to it belongs to resting: no amount is left out."""
    least, most = -rows[leaf.row].sell_max, rows[leaf.row].buy_max
    if side == BUYS:
        least = 1
    elif side == SELLS:
        most = -1
    else:
        least = 0 if leaf.sell_low <= leaf.sell_high else least
        most = 0 if leaf.buy_low <= leaf.buy_high else most
    plans.cut_row[k], plans.cut_least[k], plans.cut_most[k] = leaf.row, least, most
