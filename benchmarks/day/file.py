"""A file of books in SQLite, as both brokers keep theirs: one transaction a step, all of it or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["BooksFile"]


class BooksFile:
    """One file of books with the tables of ``SCHEMA``; made anew where it is not there yet."""

    SCHEMA: ClassVar[str]

    def __init__(self, path: Path | str, durable: bool = True) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.commits = 0
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode=WAL")
        # a killed process loses nothing either way; only a machine that stops would
        self.connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        if not self.value("SELECT count(*) FROM sqlite_master"):
            self.connection.executescript(f"BEGIN; {self.SCHEMA} COMMIT;")

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
        self.commits += 1

    def rows(self, sql: str, *given: Any) -> list[sqlite3.Row]:
        """Every row of a question."""
        return self.connection.execute(sql, given).fetchall()

    def value(self, sql: str, *given: Any) -> Any:
        """The one number of a question; ``None`` where there is no row."""
        found = self.connection.execute(sql, given).fetchone()
        return None if found is None else found[0]

    def meta(self, key: str, missing: Any = None) -> Any:
        """One value that belongs to the whole file."""
        found = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return missing if found is None else found[0]

    def set_meta(self, key: str, value: Any) -> None:
        """Keep it; inside a ``step``."""
        kept = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self.connection.execute(kept, (key, value))
