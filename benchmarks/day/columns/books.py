"""The columns of a broker's books in memory, which know what of them is not written yet.

Four groups: accounts, the rows of their trees, events, orders. What is set in one of them marks its chunk; ``commit``
writes the marked chunks, the new entries of the logs and the place in the day, in one transaction. So after a kill the
file holds the books as they were after the last phase that ended, and all that is read here is that file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.day.columns.store import LOGS, Store
from benchmarks.day.columns.world import Clients
from solver.trading.clocks import microseconds

__all__ = ["GROUPS", "Books", "Group"]

Column = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

GROUPS = {
    "account": {
        "style": "i1",
        "flags": "i1",
        "restricted": "?",
        "min_trade": "<i8",
        "started_us": "<i8",
        "rows": "<i4",
        "opened_cash": "<i8",
        "cash": "<i8",
        "rebalanced_us": "<i8",
        "run_us": "<i8",
        "stage": "i1",  # a place in ``dealer.Stage``
        "event": "<i4",  # at work; −1 where there is none
        "ends_us": "<i8",  # its orders' last instant
    },
    "row": {
        "parent": "<i2",
        "security": "<i2",
        "opened_shares": "<i8",
        "weight": "<i4",
        "shares": "<i8",
        "traded": "i1",  # that day: the number of the look, from 1; negative where it was a sale
    },
    "event": {
        "account": "<i4",
        "kind": "i1",
        "asked": "<i8",  # minor units
        "amount": "<i8",  # of it, what is still to be done
        "row": "<i4",  # within the account
        "asked_us": "<i8",
        "client": "?",  # or else a trigger
        "state": "i1",  # a place in ``planner.State``
        "look_us": "<i8",
        "postponed_us": "<i8",
    },
    "order": {
        "row": "<i4",
        "plan": "<i4",
        "sells": "?",
        "amount": "<i8",
        "quantity": "<i8",
        "block": "<i4",  # −1 before it is sent
        "filled_nanos": "<i8",
        "filled_amount": "<i8",
        "over": "?",  # nothing of it is in the market any more
        "settled": "?",  # what came of it is in the account
    },
}
CHUNK = {"account": 1 << 12, "row": 1 << 12, "event": 1 << 13, "order": 1 << 15}  # rows go with their accounts


def _length(columns: Mapping[str, Any]) -> int:
    """How many entries: that of the columns, one of which is an array; a value is for all of them."""
    found: int = next(len(column) for column in columns.values() if np.ndim(column))
    return found


class Group:
    """Columns of one length that may grow; ``edges`` says where each chunk begins if not every so many."""

    def __init__(self, name: str, edges: Ints | None = None) -> None:
        self.name, self.kinds, self.count = name, GROUPS[name], 0
        self._room = {column: np.zeros(0, kind) for column, kind in self.kinds.items()}
        self._edges = edges
        self._marked: dict[str, set[int]] = {column: set() for column in self.kinds}

    def __getitem__(self, column: str) -> Column:
        return self._room[column][: self.count]

    def set(self, column: str, index: Ints, values: Any) -> None:
        """New values at ``index``."""
        self[column][index] = values
        self._marked[column].update(self._chunks(index))

    def add(self, **columns: Any) -> Ints:
        """New entries, every column or a value for all of them; their numbers."""
        first, self.count = self.count, self.count + _length(columns)
        for name, kind in self.kinds.items():
            if len(self._room[name]) < self.count:
                room = np.zeros(max(1024, 2 * self.count), kind)
                room[:first] = self._room[name][:first]
                self._room[name] = room
        numbers = np.arange(first, self.count)
        for name in self.kinds:
            self.set(name, numbers, columns[name])
        return numbers

    def load(self, store: Store) -> None:
        """As the file has it."""
        self._room = {name: store.read(f"{self.name}.{name}", kind) for name, kind in self.kinds.items()}
        self.count = len(next(iter(self._room.values())))

    def save(self, store: Store) -> None:
        """Write what was marked."""
        for name, chunks in self._marked.items():
            for chunk in sorted(chunks):
                store.write(f"{self.name}.{name}", chunk, self[name][self._slice(chunk)])
            chunks.clear()

    def _chunks(self, index: Ints) -> list[int]:
        if not len(index):
            return []
        edges = self._edges
        place = index // CHUNK[self.name] if edges is None else np.searchsorted(edges, index, "right") - 1
        found: list[int] = np.flatnonzero(np.bincount(place)).tolist()
        return found

    def _slice(self, chunk: int) -> slice:
        if self._edges is not None:
            return slice(int(self._edges[chunk]), int(self._edges[chunk + 1]) if chunk + 1 < len(self._edges) else None)
        return slice(chunk * CHUNK[self.name], (chunk + 1) * CHUNK[self.name])


class Books:
    """The broker's books: groups of columns, and what is new in the logs."""

    def __init__(self, store: Store, looks_us: Ints) -> None:
        self.store, self.looks_us = store, looks_us
        self.account, self.event, self.order = Group("account"), Group("event"), Group("order")
        for group in (self.account, self.event, self.order):
            group.load(store)
        self._lay()
        self.row.load(store)
        self.plans = int(store.meta("plans", 0))
        self._new: dict[str, list[dict[str, Any]]] = {log: [] for log in LOGS}
        self._reasons = store.codes("updates.reasons")  # bits
        self.sql: list[tuple[str, list[tuple[Any, ...]]]] = []  # what else the next commit runs, and with which rows

    def _lay(self) -> None:
        """Where the rows of each account begin, and whose each row is."""
        self.start = np.concatenate(([0], np.cumsum(self.account["rows"], dtype=np.int64)))
        self.owner = np.repeat(np.arange(self.account.count), self.account["rows"])
        self.row = Group("row", self.start[: -1 : CHUNK["row"]] if self.account.count else self.start)

    def open(self, clients: Clients, codes: Mapping[str, Sequence[str]]) -> None:
        """Take accounts as they are; ``codes`` are the names of what columns have as numbers."""
        with self.store.step():
            for what, names in codes.items():
                self.store.name_codes(what, {name: code for code, name in enumerate(names)})
        accounts = len(clients.style)
        by_name = clients._asdict()
        same = {name: by_name[name] for name in by_name if name in GROUPS["account"]}
        fresh = {"opened_cash": clients.cash, "rows": np.diff(clients.start), "run_us": np.iinfo(np.int64).min}
        self.account.add(**(same | fresh | {"stage": 0, "event": np.full(accounts, -1), "ends_us": 0}))
        self._lay()
        same = {name: by_name[name] for name in by_name if name in GROUPS["row"]}
        self.row.add(**same, opened_shares=clients.shares, traded=0)

    def number_of(self, at: datetime) -> int:
        """The number of a look, from 1."""
        return int(np.searchsorted(self.looks_us, microseconds(at))) + 1

    def note(self, log: str, **columns: Any) -> None:
        """More entries of a log, every column or a value for all of them."""
        count = _length(columns)
        self._new[log].append({name: np.broadcast_to(column, count) for name, column in columns.items()})

    def bit(self, name: str) -> int:
        """A reason's name as a bit of ``updates.reasons``."""
        return 1 << self._reasons.setdefault(name, len(self._reasons))

    def commit(self, **meta: Any) -> None:
        """Write all that is new in one transaction, with the place in the day."""
        with self.store.step():
            self.store.name_codes("updates.reasons", self._reasons)
            for group in (self.account, self.row, self.event, self.order):
                group.save(self.store)
            for log, parts in self._new.items():
                if parts:
                    self.store.append(log, {name: np.concatenate([part[name] for part in parts]) for name in LOGS[log]})
                parts.clear()
            for sql, rows in self.sql:
                self.store.run(sql, rows)
            self.sql.clear()
            for key, value in (meta | {"plans": self.plans}).items():
                self.store.set_meta(key, value)
