"""The triggers of a million accounts, in columns: which rules hold for which account, the same as one by one.

Strategy: schedules are one lookup in a table of days. Drift is computed in floats with a bound on their error, account
chunk by account chunk so that a chunk stays in the processor's cache; an account that the bound can not decide is
asked exactly, by ``triggers.drifts``. So no float decides at a threshold's edge.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np
import numpy.typing as npt

from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY
from solver.portfolio import MAX_DEPTH, MAX_SLICES, MAX_WEIGHT
from solver.trading.clocks import (
    FIRST_US,
    LAST_US,
    NEVER,
    Ints,
    check,
    entry_violation,
    instant_violation,
    local_days,
    microseconds,
    zone_of,
)
from solver.trading.triggers import CashEvents, Daily, Drift, EveryDays, Measure, Policy, Scope, drifts

__all__ = ["TriggerColumns", "check_trigger_columns"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

CHUNK_ROWS = 1 << 15  # a column of a chunk is 256 KiB
EPS = 2.0**-50  # eight times the error of one rounding: three or four happen to a share


@dataclass(frozen=True, slots=True, eq=False)
class TriggerColumns:
    """Accounts in columns; money in minor units, instants in microseconds since 1970 UTC (``NEVER``: none).

    By account, (accounts,): ``started_us``, ``last_rebalance_us``, ``last_run_us``, ``cash``, ``cash_floor``,
    ``withdrawal``, as in ``History``; ``start``, (accounts + 1,), says where each one's rows begin. By row, depth
    first, the root first, (rows,): ``parent``, the place of its pie among the account's rows (−1: the root),
    ``target_weight``, the ``value`` of a holding (a pie's is summed here, and what stands there is not looked at), and
    ``asset_class``, −1 for none. An account without rows has no drift.
    """

    started_us: Ints
    last_rebalance_us: Ints
    last_run_us: Ints
    cash: Ints
    cash_floor: Ints
    withdrawal: Ints
    start: Ints
    parent: Ints
    target_weight: Ints
    value: Ints
    asset_class: Ints

    @property
    def accounts(self) -> int:
        """How many there are."""
        return len(self.started_us)


def check_trigger_columns(columns: TriggerColumns, policy: Policy, clock: datetime) -> Bools:
    """Whether each rule holds for each account at ``clock``, (rules, accounts): as ``check_triggers`` one by one.

    Raises
    ------
    InvalidRequest
        naming the first entry at fault of each column: ``columns.cash[17]``.
    """
    check([instant_violation("clock", clock)])
    now_us = microseconds(clock)
    _check_columns(columns, now_us)
    drifting = [(k, rule) for k, rule in enumerate(policy.rules) if isinstance(rule, Drift)]
    if drifting and len(columns.parent):
        _check_rows(columns)
    holds = np.zeros((len(policy.rules), columns.accounts), dtype=np.bool_)
    zone = zone_of("policy.time_zone", policy.time_zone)
    for k, rule in enumerate(policy.rules):
        if isinstance(rule, EveryDays):
            since = np.where(columns.last_rebalance_us == NEVER, columns.started_us, columns.last_rebalance_us)
            today = int(np.searchsorted(local_days(zone, rule.at), now_us, "right")) - 1
            holds[k] = since < local_days(zone)[max(today - rule.days + 1, 0)]  # the last rebalance that is due
        elif isinstance(rule, Daily):
            table = local_days(zone, rule.at)
            due = table[np.searchsorted(table, now_us, "right") - 1]
            holds[k] = (columns.last_run_us < due) & (columns.started_us <= due)
        elif isinstance(rule, CashEvents):
            holds[k] = (columns.withdrawal > 0) | (columns.cash - columns.cash_floor >= rule.least)
    if drifting and len(columns.parent):
        for first, last in _chunks(columns.start):
            chunk = _Chunk.of(columns, first, last)
            _check_chunk(chunk, int(columns.start[first]))
            for k, rule in drifting:
                holds[k, first:last] = chunk.holds(rule)
    return holds


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some accounts and their rows; ``place`` is a row's pie among the chunk's rows, its own for a root."""

    start: Ints  # of each account that has rows, in the chunk
    empty: Bools
    place: Ints
    root: Bools
    leaf: Bools
    weight: Ints
    total: Ints  # of the weights in a pie; 0 for a leaf
    value: Ints  # of pies, too
    level: tuple[Ints, ...]  # rows by depth, the roots first; none where every account is one pie
    account: Ints  # of each row, among the accounts that have rows
    classes: Ints

    @staticmethod
    def of(columns: TriggerColumns, first: int, last: int) -> _Chunk:
        starts = columns.start[first : last + 1]
        rows = slice(int(starts[0]), int(starts[-1]))
        sizes = np.diff(starts)
        empty, start = sizes == 0, (starts[:-1] - starts[0])[sizes > 0]
        sizes = sizes[sizes > 0]
        account = np.repeat(np.arange(len(start)), sizes)
        parent = columns.parent[rows]
        root = parent < 0
        place = np.repeat(start, sizes) + np.where(root, 0, parent)
        weight, value = columns.target_weight[rows], columns.value[rows].copy()
        leaf = np.ones(len(parent), dtype=np.bool_)
        leaf[place] = False
        leaf[start] = sizes == 1  # a root without slices
        value[~leaf] = 0
        level: tuple[Ints, ...] = ()
        counted = np.where(root, 0, weight)
        total = np.zeros(len(parent), dtype=np.int64)
        if len(start) and not np.any(parent > 0):
            total[start] = np.add.reduceat(counted, start)
            sums = np.add.reduceat(value, start)
            value[start] = np.where(sizes == 1, 0, sums)
        else:
            level = _levels(place, root)
            np.add.at(total, place[~root], weight[~root])
            for deep in reversed(level[1:]):
                np.add.at(value, place[deep], value[deep])
        classes = columns.asset_class[rows]
        return _Chunk(start, empty, place, root, leaf, weight, total, value, level, account, classes)

    def holds(self, rule: Drift) -> Bools:
        """Whether ``rule`` holds, by account: in floats where they can tell, else exactly."""
        found = np.zeros(len(self.empty), dtype=np.bool_)
        if not len(self.start):
            return found
        if rule.scope in (Scope.SLICES, Scope.PIES):
            sure, unsure = self._rows(rule)
        elif rule.scope is Scope.PORTFOLIO:
            sure, unsure = self._portfolio(rule)
        else:
            sure, unsure = self._classes(rule)
        for place in np.flatnonzero(unsure & ~sure):
            sure[place] = self._exactly(rule, int(place))
        found[~self.empty] = sure
        return found

    def _rows(self, rule: Drift) -> tuple[Bools, Bools]:
        whole = self.value[self.place]
        looked = ~self.root & (self.leaf if rule.scope is Scope.SLICES else ~self.leaf) & (whole > 0)
        share = self.value / np.maximum(whole, 1)
        target = self.weight / np.maximum(self.total[self.place], 1)
        above, slack = _beyond(rule, share, target)
        sure = looked & (above > slack)
        unsure = looked & (np.abs(above) <= slack)
        sure_of: Bools = np.logical_or.reduceat(sure, self.start)
        unsure_of: Bools = np.logical_or.reduceat(unsure, self.start)
        return sure_of, unsure_of

    def _portfolio(self, rule: Drift) -> tuple[Bools, Bools]:
        worth = self.value[self.start]
        share, target = self._of_all()
        off = np.where(self.leaf, np.abs(share - target), 0.0)
        half = np.add.reduceat(off, self.start) / 2
        above = half - rule.threshold_micros / 1_000_000
        sizes = np.diff(np.append(self.start, len(self.leaf)))
        slack = EPS * (sizes + 2 * MAX_DEPTH + half + rule.threshold_micros / 1_000_000)
        held: Bools = np.greater(worth, 0)
        sure: Bools = held & (above > slack)
        return sure, held & (np.abs(above) <= slack)

    def _classes(self, rule: Drift) -> tuple[Bools, Bools]:
        count = len(self.start)
        tagged = self.leaf & (self.classes >= 0)
        tags, numbers = np.unique(self.classes[tagged], return_inverse=True)
        if not len(tags):
            return np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
        share, target = self._of_all()
        key = self.account[tagged] * len(tags) + numbers
        cells = count * len(tags)
        shares: Floats = np.bincount(key, weights=share[tagged], minlength=cells)  # type: ignore[assignment]
        targets: Floats = np.bincount(key, weights=target[tagged], minlength=cells)  # type: ignore[assignment]
        held = np.bincount(key, minlength=cells) > 0
        above, slack = _beyond(rule, shares, targets)
        sizes = np.diff(np.append(self.start, len(self.leaf)))
        slack = slack + EPS * np.repeat(sizes + 2 * MAX_DEPTH, len(tags)) * (1 + rule.threshold_micros / 1_000_000)
        held &= np.repeat(self.value[self.start] > 0, len(tags))
        sure, unsure = ((held & x).reshape(count, -1) for x in (above > slack, np.abs(above) <= slack))
        return np.asarray(sure.any(axis=1)), np.asarray(unsure.any(axis=1))

    def _of_all(self) -> tuple[Floats, Floats]:
        """Every row's share of its account's holdings, and its target there: the product on the way to it."""
        worth = np.maximum(self.value[self.start], 1)
        target = np.where(self.root, 1.0, self.weight / np.maximum(self.total[self.place], 1))
        for rows in self.level[1:]:
            target[rows] *= target[self.place[rows]]
        return self.value / worth[self.account], target

    def _exactly(self, rule: Drift, place: int) -> bool:
        first = int(self.start[place])
        last = int(self.start[place + 1]) if place + 1 < len(self.start) else len(self.leaf)
        rows = slice(first, last)
        parent = np.where(self.root[rows], -1, self.place[rows] - first)
        known = (parent, self.weight[rows], self.value[rows], self.classes[rows])
        return any(True for _ in drifts(rule, *(column.tolist() for column in known)))


def _beyond(rule: Drift, share: Floats, target: Floats) -> tuple[Floats, Floats]:
    """How far |share − target| is above what is allowed, and how wrong floats may be about it."""
    threshold = rule.threshold_micros / 1_000_000
    allowed = threshold * target if rule.measure is Measure.RELATIVE else threshold
    return np.abs(share - target) - allowed, EPS * (share + target + allowed)


def _levels(place: Ints, root: Bools) -> tuple[Ints, ...]:
    """Rows by depth."""
    depth = np.zeros(len(place), dtype=np.int64)
    above = place.copy()
    below = ~root
    while below.any():
        depth += below
        below &= ~root[above]
        above = place[above]
    return tuple(np.flatnonzero(depth == k) for k in range(int(depth.max()) + 1))


def _chunks(start: Ints) -> list[tuple[int, int]]:
    """Ranges of accounts with about ``CHUNK_ROWS`` rows each, one account at least."""
    found, first, accounts = [], 0, len(start) - 1
    while first < accounts:
        last = int(np.searchsorted(start, start[first] + CHUNK_ROWS, "right")) - 1
        last = min(max(last, first + 1), accounts)
        found.append((first, last))
        first = last
    return found


def _check_columns(columns: TriggerColumns, now_us: int) -> None:
    """Shapes and types first, then what is by account."""
    shapes = []
    rows = ("parent", "target_weight", "value", "asset_class")
    for column in fields(columns):
        known: Ints = getattr(columns, column.name)
        length = (
            len(columns.parent)
            if column.name in rows
            else columns.accounts + 1
            if column.name == "start"
            else columns.accounts
        )
        if known.dtype != np.int64 or known.shape != (length,):
            told = f"is {known.dtype} of shape {known.shape}; it must be int64 of shape ({length},)"
            shapes.append(Violation(f"columns.{column.name}", "WRONG_SHAPE", told))
    if shapes:
        raise InvalidRequest(tuple(shapes))
    faults: list[Violation | None] = []
    for name in ("cash", "cash_floor", "withdrawal"):
        money: Ints = getattr(columns, name)
        told = f"must lie between 0 and {MAX_MONEY} minor units"
        faults.append(entry_violation(name, (money < 0) | (money > MAX_MONEY), "OUT_OF_RANGE", told))
    for name in ("started_us", "last_rebalance_us", "last_run_us"):
        at: Ints = getattr(columns, name)
        known_at = at != NEVER if name != "started_us" else np.ones(len(at), dtype=np.bool_)
        told = "must be microseconds since 1970 UTC, between 1990 and 2050"
        faults.append(entry_violation(name, known_at & ((at < FIRST_US) | (at >= LAST_US)), "OUT_OF_RANGE", told))
        told = "is later than the clock; a clock may not run backwards"
        faults.append(entry_violation(name, at > now_us, "CLOCK_RUNS_BACKWARDS", told))
    start = columns.start
    wrong = np.append(np.diff(start) < 0, start[-1] != len(columns.parent))
    wrong[0] |= start[0] != 0
    wrong[:-1] |= np.diff(start) > MAX_SLICES + 1
    told = f"must begin with 0, never fall, end with the number of rows; at most {MAX_SLICES + 1} rows an account"
    faults.append(entry_violation("start", wrong, "OUT_OF_RANGE", told))
    check(faults)


def _check_rows(columns: TriggerColumns) -> None:
    """The trees: a pie before its slices, one root an account."""
    parent, weight, value = columns.parent, columns.target_weight, columns.value
    sizes = np.diff(columns.start)
    first = np.zeros(len(parent), dtype=np.bool_)
    first[columns.start[:-1][sizes > 0]] = True
    place = np.arange(len(parent)) - np.repeat(columns.start[:-1], sizes)
    wrong = np.where(first, parent != -1, (parent < 0) | (parent >= place))
    told = "must be −1 for the first row of an account, and else the place of an earlier row of the same account"
    faults = [entry_violation("parent", wrong, "WRONG_PARENT", told)]
    for name, column, most in (("target_weight", weight, MAX_WEIGHT), ("value", value, MAX_MONEY)):
        wrong = (column < 0) | (column > most)
        faults.append(entry_violation(name, wrong, "OUT_OF_RANGE", f"must lie between 0 and {most}"))
    check(faults)


def _check_chunk(chunk: _Chunk, first_row: int) -> None:
    """A positive target in every pie, and no more levels than a portfolio may have."""
    untargeted = np.flatnonzero(~chunk.leaf & (chunk.total == 0))
    deep = chunk.level[MAX_DEPTH + 1] if len(chunk.level) > MAX_DEPTH + 1 else untargeted[:0]
    for rows, reason, told in (
        (untargeted, "NO_POSITIVE_TARGET", "are 0 for every slice of the pie in this row; give one a positive target"),
        (deep, "TOO_DEEP", f"is nested more than {MAX_DEPTH} levels deep"),
    ):
        name = "target_weight" if reason == "NO_POSITIVE_TARGET" else "parent"
        if len(rows):
            raise InvalidRequest((Violation(f"columns.{name}[{first_row + rows[0]}]", reason, told),))
