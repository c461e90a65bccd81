"""The file of a big broker's books: columns in chunks and logs in batches, as bytes in SQLite, a transaction a phase.

A table of two million positions, a row each, takes seconds to write; the same columns as bytes take as long as their
bytes do. So a column is kept in chunks, of which only those that changed are written again, and what only ever grows is
kept in batches. Numbers lie there as in memory, little-endian. Blocks and what the market filled of them are rows: they
are few.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value);
CREATE TABLE columns (name TEXT, chunk INT, data BLOB, PRIMARY KEY (name, chunk));
CREATE TABLE logs (name TEXT, batch INT, data BLOB, PRIMARY KEY (name, batch));
CREATE TABLE codes (what TEXT, code INT, name TEXT, PRIMARY KEY (what, code));
CREATE TABLE blocks (
  block INTEGER PRIMARY KEY, security INT, sells INT, amount INT, quantity INT, orders INT, sent_us INT, ends_us INT,
  look_us INT, over_us INT, told INT NOT NULL DEFAULT 0, fate TEXT NOT NULL DEFAULT '');
CREATE TABLE market_fills (fill_id TEXT PRIMARY KEY, block INT, quantity INT, price INT, at_us INT);
"""


class Store:
    """One file of books; made anew where it is not there yet."""

    def __init__(self, path: Path | str, durable: bool = True) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode=WAL")
        # a killed process loses nothing either way; only a machine that stops would
        self.connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        if not self.value("SELECT count(*) FROM sqlite_master"):
            self.connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")

    def close(self) -> None:
        """Let the file go."""
        self.connection.close()

    @contextmanager
    def step(self) -> Iterator[None]:
        """All of it or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def rows(self, sql: str, *given: Any) -> list[sqlite3.Row]:
        """Every row of a question."""
        return self.connection.execute(sql, given).fetchall()

    def value(self, sql: str, *given: Any) -> Any:
        """The one number of a question; ``None`` where there is no row."""
        found = self.connection.execute(sql, given).fetchone()
        return None if found is None else found[0]

    def run(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Change something, once for each of ``rows``; inside a ``step``."""
        self.connection.executemany(sql, rows)

    def meta(self, key: str, missing: Any = None) -> Any:
        """One value that belongs to the whole file."""
        found = self.value("SELECT value FROM meta WHERE key = ?", key)
        return missing if found is None else found

    def set_meta(self, key: str, value: Any) -> None:
        """Keep it."""
        self.run(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [(key, value)]
        )

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
