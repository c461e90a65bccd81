"""Many accounts as columns: one layout, for the compiled loop, for files and for the wire.

Account a has the rows ``start[a]`` to ``start[a + 1]``: a tree depth first, row 0 the root, as in ``tree.py``. A row
without rows below it is a holding, of a security of its own; every other row is a pie. Rows are counted within their
account, money is in minor units, and all arrays of rows, and of accounts, are equally long.

    by account   event, amount, event_row, cash, min_trade
    by row       parent (−1 at the root), target_weight (not read at the root), value (of a pie: 0, or what lies below),
                 blocked (of a holding: 0 it trades freely, 1 it is not bought, 2 not sold, 3 neither; of a pie 0)

    DEPOSIT             amount ≥ 0, invested with the cash
    WITHDRAWAL          amount > 0
    REBALANCE           of the pie ``event_row``, 0 the whole account, with everything inside it
    REBALANCE_SHALLOW   of that pie's own slices
    LIQUIDATION         of the slice ``event_row``: its target becomes 0, it is sold, and its pie keeps the proceeds;
                        slices of that pie whose target was 0 before go with it, as in any change of a pie's targets

That is what a tree of numbers can say. Other rules of single securities, several events at once and new slices are for
``plan``. Whole columns that make no sense are refused; an account that makes none costs only its own row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from solver.errors import InvalidRequest, Violation
from solver.events import ChangedPie, Deposit, Event, Reach, Rebalance, TargetChange, TargetSlice, Withdrawal
from solver.portfolio import MAX_SLICES, Holding, Pie, Portfolio, Slice
from solver.rules import Engine, Rules
from solver.securities import Block, BlockReason, Security, Side
from solver.tree import Tree, flatten

__all__ = [
    "BOUND_SOURCES",
    "CUTS",
    "ENGINES",
    "EVIDENCE",
    "NOT_BOUGHT",
    "NOT_SOLD",
    "QUALITIES",
    "Account",
    "Accounts",
    "EventKind",
    "Plans",
    "Refusal",
    "account_of",
    "accounts_from",
    "check_columns",
    "no_plans",
    "part",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Account = tuple[Portfolio, Event, Rules]

ENGINES = {engine: number for number, engine in enumerate(Engine, 1)}  # as the contract numbers them
QUALITIES = ("NONE", "OPTIMAL", "FEASIBLE")  # NONE: there is no plan, and ``Refusal`` says why
BOUND_SOURCES = ("NONE", "RECOMPUTED", "ENGINE")
EVIDENCE = ("evidence_branch", "evidence_row", "multiplier")  # those of an account lie where ``evidence_start`` says,
CUTS = ("cut_branch", "cut_row", "cut_least", "cut_most")  # and these where ``cut_start`` does
NOT_BOUGHT, NOT_SOLD = 1, 2  # bits of ``blocked``
# columns do not say why a side is blocked; what blocks sides of many accounts at once are their trades of the same day
BLOCKS = {
    NOT_BOUGHT: Block(Side.BUY, BlockReason.SAME_DAY_TRADE),
    NOT_SOLD: Block(Side.SELL, BlockReason.SAME_DAY_TRADE),
}


class EventKind(IntEnum):
    """What happens to one account."""

    DEPOSIT = 1
    WITHDRAWAL = 2
    REBALANCE = 3
    REBALANCE_SHALLOW = 4
    LIQUIDATION = 5


class Accounts(NamedTuple):
    """Accounts and their events; int64 all of them."""

    start: Ints
    event: Ints
    amount: Ints
    event_row: Ints
    cash: Ints
    min_trade: Ints
    parent: Ints
    target_weight: Ints
    value: Ints
    blocked: Ints


class Plans(NamedTuple):
    """The plans of as many accounts.

    By row: ``trade`` (of holdings, 0 at pies) and ``ideal`` (minor units). By account the rest, in the words of
    ``Certificate`` and ``CashFlow``; ``quality``, ``engine`` and ``bound_source`` are numbered as in QUALITIES, ENGINES
    and BOUND_SOURCES. An OPTIMAL plan whose bound source is ENGINE is proved by the kernel with branches, or with
    counts of trading leaves in nested pies, which ``recheck`` reads; all else was recomputed, apart from the search.

    Evidence: account a has the multipliers ``evidence_start[a]`` to ``evidence_start[a + 1]``, each of a branch and of
    a pie (a row), and likewise the cuts of its branches, in order: what the holding ``cut_row`` trades is no less than
    ``cut_least`` and no more than ``cut_most``. From these anybody can recompute ``lower_bound``.
    """

    trade: Ints
    ideal: Floats
    quality: NDArray[np.uint8]
    engine: NDArray[np.uint8]
    bound_source: NDArray[np.uint8]
    cash_after: Ints
    cash_left: Ints
    retired_excess: Ints
    tracking_error: Floats
    lower_bound: Floats
    rounding_slack: Floats
    evidence_start: Ints
    evidence_branch: Ints
    evidence_row: Ints
    multiplier: Floats
    cut_start: Ints
    cut_branch: Ints
    cut_row: Ints
    cut_least: Ints
    cut_most: Ints


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an account has no plan: a stable name for programs, and a sentence that names the field."""

    reason: str
    description: str


BY_ACCOUNT = ("event", "amount", "event_row", "cash", "min_trade")
BY_ROW = ("parent", "target_weight", "value", "blocked")


def check_columns(accounts: Accounts) -> None:
    """Refuse columns that are no columns of accounts; raises ``InvalidRequest`` naming each.

    What single accounts say is not looked at here.
    """
    faults = []
    for name, column in zip(Accounts._fields, accounts, strict=True):
        if column.ndim != 1 or column.dtype != np.int64:
            told = f"has the type {column.dtype} in {column.ndim} dimensions; give one dimension of int64"
            faults.append(Violation(name, "NOT_A_COLUMN", told))
    if faults:
        raise InvalidRequest(tuple(faults))
    start = accounts.start
    if not len(start) or start[0] != 0 or (start[1:] < start[:-1]).any():  # their difference may wrap around
        told = "must begin with 0, never fall, and have one entry more than there are accounts"
        raise InvalidRequest((Violation("start", "NOT_OFFSETS", told),))
    for names, wanted in ((BY_ACCOUNT, len(start) - 1), (BY_ROW, int(start[-1]))):
        for name in names:
            if len(getattr(accounts, name)) != wanted:
                told = f"has {len(getattr(accounts, name))} entries; by ``start`` there are {wanted}"
                faults.append(Violation(name, "WRONG_LENGTH", told))
    if faults:
        raise InvalidRequest(tuple(faults))


def part(accounts: Accounts, first: int, last: int) -> Accounts:
    """The accounts ``first`` to ``last`` (not included), their rows not copied."""
    begin, end = accounts.start[first], accounts.start[last]
    by_account = {name: getattr(accounts, name)[first:last] for name in BY_ACCOUNT}
    by_row = {name: getattr(accounts, name)[begin:end] for name in BY_ROW}
    return Accounts(start=accounts.start[first : last + 1] - begin, **by_account, **by_row)


def no_plans(accounts: int, rows: int, evidence: int = 0) -> Plans:
    """Plans of so many accounts, none of them made yet, with room for ``evidence`` multipliers and as many cuts."""
    room = {"trade": rows, "ideal": rows, "evidence_start": accounts + 1, "cut_start": accounts + 1}
    room |= dict.fromkeys((*EVIDENCE, *CUTS), evidence)
    kinds: dict[str, Any] = {"quality": np.uint8, "engine": np.uint8, "bound_source": np.uint8}
    kinds |= dict.fromkeys(("ideal", "tracking_error", "lower_bound", "rounding_slack", "multiplier"), np.float64)
    return Plans(**{n: np.zeros(room.get(n, accounts), dtype=kinds.get(n, np.int64)) for n in Plans._fields})


def accounts_from(asked: Sequence[Account]) -> Accounts:
    """Accounts as columns, blocked sides without their reasons.

    Raises ``InvalidRequest`` for what columns can not say, before anything is made of it.
    """
    columns: dict[str, list[int]] = {name: [] for name in Accounts._fields}
    columns["start"].append(0)
    for portfolio, event, rules in asked:
        tree = flatten(portfolio)
        kind, amount, row = _in_columns(event, tree.slice_ids)
        told = (kind, amount, row, portfolio.cash, rules.min_trade)
        if (Rules(rules.min_trade), len(set(tree.security_ids))) != (rules, 1 + tree.children.count(())):
            raise _not_columns("portfolio", "has rules beside a minimum trade, or a security in several slices")
        blocked = _blocked_sides(portfolio.securities, tree)
        for name, figure in zip(BY_ACCOUNT, told, strict=True):
            columns[name].append(figure)
        for name, figures in zip(BY_ROW, (tree.parent, tree.weight, tree.value, blocked), strict=True):
            columns[name].extend(figures)
        columns["start"].append(len(columns["parent"]))
    return Accounts(**{name: np.array(column, dtype=np.int64) for name, column in columns.items()})


def _blocked_sides(securities: Sequence[Security], tree: Tree) -> list[int]:
    blocked = [0] * len(tree.parent)
    for security in securities:
        if security != Security(security.security_id, blocks=security.blocks):
            raise _not_columns("portfolio", f"has rules of {security.security_id!r} beside blocked sides")
        if security.security_id not in tree.security_ids:
            raise _not_columns("portfolio", f"has blocked sides of {security.security_id!r}, which is in no slice")
        sides = sum(bit for bit, block in BLOCKS.items() if security.blocked(block.side))
        blocked[tree.security_ids.index(security.security_id)] = sides
    return blocked


def _in_columns(event: Event, slice_ids: Sequence[str]) -> tuple[int, int, int]:
    if isinstance(event, Deposit):
        return EventKind.DEPOSIT, event.amount, 0
    if isinstance(event, Withdrawal):
        return EventKind.WITHDRAWAL, event.amount, 0
    if isinstance(event, Rebalance) and event.slice_id in slice_ids:
        deep = event.reach is Reach.DEEP
        return (EventKind.REBALANCE if deep else EventKind.REBALANCE_SHALLOW), 0, slice_ids.index(event.slice_id)
    raise _not_columns("events", "is none that a row and an amount can say")


def _not_columns(field: str, told: str) -> InvalidRequest:
    return InvalidRequest((Violation(field, "NOT_IN_COLUMNS", f"{told}; ask for this account by itself"),))


def account_of(accounts: Accounts, account: int) -> Account:
    """One account as a portfolio, its event, and its rules; slices and securities are named by their rows.

    Raises ``InvalidRequest`` naming the column, or as ``Portfolio`` does.
    """
    rows = slice(int(accounts.start[account]), int(accounts.start[account + 1]))
    parent, weight, value, blocked = (getattr(accounts, name)[rows].tolist() for name in BY_ROW)
    kind, amount, event_row, cash, min_trade = (int(getattr(accounts, name)[account]) for name in BY_ACCOUNT)
    faults = tuple(_tree_faults(parent)) or (*_value_faults(parent, value), *_blocked_faults(parent, blocked))
    faults += tuple(_event_faults(kind, amount, event_row, len(parent)))
    if faults:
        raise InvalidRequest(faults)
    children: list[list[int]] = [[] for _ in parent]
    for row in range(1, len(parent)):
        children[parent[row]].append(row)
    content: list[Holding | Pie] = [Holding(str(row), held) for row, held in enumerate(value)]
    for row in range(len(parent) - 1, -1, -1):
        if children[row]:
            content[row] = Pie(tuple(Slice(str(c), weight[c], content[c]) for c in children[row]))
    root = content[0]
    assert isinstance(root, Pie)
    event = _event(kind, amount, event_row, parent, weight)
    securities = tuple(_ruled(str(row), sides) for row, sides in enumerate(blocked) if sides)
    return Portfolio(root, cash, securities=securities), event, Rules(min_trade)


def _ruled(security_id: str, sides: int) -> Security:
    return Security(security_id, blocks=tuple(block for bit, block in BLOCKS.items() if sides & bit))


def _tree_faults(parent: Sequence[int]) -> Iterator[Violation]:
    """The first row that does not stand where a tree laid out depth first has it."""
    if len(parent) < 2:
        yield Violation("parent", "EMPTY_PIE", f"has {len(parent)} rows; give the root and at least one slice")
        return
    if len(parent) > MAX_SLICES + 1:  # before anything is made of them
        yield Violation("parent", "TOO_MANY_SLICES", f"has {len(parent)} rows; at most {MAX_SLICES + 1} are supported")
        return
    if parent[0] != -1:
        yield Violation("parent[0]", "NOT_A_ROOT", f"is {parent[0]}; row 0 is the root, in no pie: -1")
        return
    for row in range(1, len(parent)):
        around = row - 1
        while around > parent[row] and around >= 0:
            around = parent[around]
        if around != parent[row] or around < 0:
            told = f"is {parent[row]}; rows are depth first, so it can be {row - 1}, or a pie around that row"
            yield Violation(f"parent[{row}]", "NOT_DEPTH_FIRST", told)
            return


def _value_faults(parent: Sequence[int], value: Sequence[int]) -> Iterator[Violation]:
    below = [0] * len(parent)
    pies = set(parent)
    for row in range(len(parent) - 1, -1, -1):
        if row in pies and value[row] not in (0, below[row]):
            told = f"is {value[row]}, but {below[row]} lies below this pie; give that, or 0"
            yield Violation(f"value[{row}]", "PIE_VALUE_MISMATCH", told)
        if row:
            below[parent[row]] += below[row] if row in pies else value[row]


def _blocked_faults(parent: Sequence[int], blocked: Sequence[int]) -> Iterator[Violation]:
    pies = set(parent)
    for row, sides in enumerate(blocked):
        if row in pies and sides:
            yield Violation(f"blocked[{row}]", "BLOCKED_PIE", f"is {sides}; sides of holdings are blocked, of a pie: 0")
        elif not 0 <= sides <= NOT_BOUGHT + NOT_SOLD:
            told = f"is {sides}; give 0, {NOT_BOUGHT} (not bought), {NOT_SOLD} (not sold) or 3 (neither)"
            yield Violation(f"blocked[{row}]", "UNKNOWN_SIDES", told)


def _event_faults(kind: int, amount: int, event_row: int, rows: int) -> Iterator[Violation]:
    if kind not in list(EventKind):
        known = ", ".join(f"{one.value} {one.name}" for one in EventKind)
        yield Violation("event", "UNKNOWN_EVENT", f"is {kind}; give one of {known}")
        return
    moved = kind in (EventKind.DEPOSIT, EventKind.WITHDRAWAL)
    if moved and event_row:
        yield Violation("event_row", "NO_ROW_EXPECTED", f"is {event_row}; a deposit or a withdrawal is the root's: 0")
    if not moved and amount:
        yield Violation("amount", "NO_AMOUNT_EXPECTED", f"is {amount}; what is not paid in or out has none: 0")
    least = 1 if kind == EventKind.LIQUIDATION else 0
    if not moved and not least <= event_row < rows:
        yield Violation("event_row", "UNKNOWN_ROW", f"is {event_row}; give a row from {least} to {rows - 1}")


def _event(kind: int, amount: int, event_row: int, parent: Sequence[int], weight: Sequence[int]) -> Event:
    if kind == EventKind.DEPOSIT:
        return Deposit(amount)
    if kind == EventKind.WITHDRAWAL:
        return Withdrawal(amount)
    if kind == EventKind.LIQUIDATION:
        siblings = [row for row in range(1, len(parent)) if parent[row] == parent[event_row]]
        kept = tuple(TargetSlice(str(row), 0 if row == event_row else weight[row]) for row in siblings)
        pie = parent[event_row]
        return TargetChange((ChangedPie(str(pie) if pie else "", kept),))
    reach = Reach.DEEP if kind == EventKind.REBALANCE else Reach.SHALLOW
    return Rebalance(str(event_row) if event_row else "", reach)
