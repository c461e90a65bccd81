"""The file of a big broker's books: columns in chunks and logs in batches, as bytes in SQLite, a transaction a phase.

A table of two million positions, a row each, takes seconds to write; the same columns as bytes take as long as their
bytes do. So a column is kept in chunks, of which only those that changed are written again, and what only ever grows is
kept in batches. Numbers lie there as in memory, little-endian. Blocks and what the market filled of them are rows: they
are few.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.day.file import BooksFile

__all__ = ["LOGS", "Store"]

Column = npt.NDArray[Any]

# what is only ever added to, and the type of each column; instants in microseconds since 1970 UTC
LOGS = {
    "updates": {"event": "<i4", "step": "u1", "at_us": "<i8", "until_us": "<i8", "reasons": "<i8"},
    "plans": {
        "account": "<i4",
        "event": "<i4",
        "again": "?",
        "quality": "u1",
        "error": "<f8",
        "bound": "<f8",
        "cash": "<i8",
        "received": "<i8",
        "due": "<i8",
        "traded": "<i8",
        "cash_after": "<i8",
    },
    "fills": {"order": "<i4", "block": "<i4", "at_us": "<i8", "quantity": "<i8", "amount": "<i8"},
    "moves": {"event": "<i4", "amount": "<i8"},
}
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value);
CREATE TABLE columns (name TEXT, chunk INT, data BLOB, PRIMARY KEY (name, chunk));
CREATE TABLE logs (name TEXT, batch INT, data BLOB, PRIMARY KEY (name, batch));
CREATE TABLE codes (what TEXT, code INT, name TEXT, PRIMARY KEY (what, code));
CREATE TABLE blocks (
  block INTEGER PRIMARY KEY, security INT, sells INT, amount INT, quantity INT, orders INT, sent_us INT, ends_us INT,
  look_us INT, over_us INT, told INT NOT NULL DEFAULT 0, fate TEXT NOT NULL DEFAULT '');
CREATE TABLE market_fills (fill_id TEXT PRIMARY KEY, block INT, quantity INT, price INT, at_us INT);
"""


class Store(BooksFile):
    """The books as columns, logs and a few rows."""

    SCHEMA = TABLES

    def run(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Change something, once for each of ``rows``; inside a ``step``."""
        self.connection.executemany(sql, rows)

    def codes(self, what: str) -> dict[str, int]:
        """The names of what a column's numbers say, and the numbers."""
        return {row["name"]: row["code"] for row in self.rows("SELECT * FROM codes WHERE what = ? ORDER BY code", what)}

    def name_codes(self, what: str, names: Mapping[str, int]) -> None:
        """Keep them; what is there already stays."""
        rows = [(what, code, name) for name, code in names.items()]
        self.run("INSERT OR IGNORE INTO codes VALUES (?, ?, ?)", rows)

    def write(self, name: str, chunk: int, column: Column) -> None:
        """One chunk of a column, in the place of what it was before."""
        sql = "INSERT INTO columns VALUES (?, ?, ?) ON CONFLICT (name, chunk) DO UPDATE SET data = excluded.data"
        self.run(sql, [(name, chunk, column.tobytes())])

    def read(self, name: str, kind: str) -> Column:
        """A whole column."""
        return self._joined("SELECT data FROM columns WHERE name = ? ORDER BY chunk", name, kind)

    def append(self, log: str, columns: Mapping[str, Column]) -> None:
        """More entries of a log, all its columns equally long; none where they are empty."""
        kinds = LOGS[log]
        if len({len(column) for column in columns.values()}) != 1 or set(columns) != set(kinds):
            raise AssertionError(f"{log} needs {', '.join(kinds)}, equally long")
        if not len(columns[next(iter(kinds))]):
            return
        names = {name: f"{log}.{name}" for name in kinds}
        number = self.value("SELECT count(*) FROM logs WHERE name = ?", names[next(iter(kinds))])
        data = [(names[n], number, np.asarray(columns[n]).astype(kind).tobytes()) for n, kind in kinds.items()]
        self.run("INSERT INTO logs VALUES (?, ?, ?)", data)

    def log(self, log: str) -> dict[str, Column]:
        """All entries of a log, by column."""
        sql = "SELECT data FROM logs WHERE name = ? ORDER BY batch"
        return {name: self._joined(sql, f"{log}.{name}", kind) for name, kind in LOGS[log].items()}

    def _joined(self, sql: str, name: str, kind: str) -> Column:
        return np.frombuffer(b"".join(row["data"] for row in self.rows(sql, name)), kind).copy()

    def digest(self) -> str:
        """The same for two files exactly where every table has the same rows."""
        hashed = hashlib.sha256()
        for (table,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"):
            for row in self.rows(f"SELECT * FROM {table} ORDER BY 1, 2"):
                hashed.update(repr((table, *row)).encode())
        return hashed.hexdigest()
