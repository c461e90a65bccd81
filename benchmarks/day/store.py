"""The broker's books in SQLite: rows of integers, instants in microseconds since 1970, one transaction a step.

Portfolios and books in flight are kept as JSON, written and read by pydantic as the frozen values that they are.
``fills``, ``market_fills`` and ``cash_moves`` are only ever added to: the audit folds them again from the beginning.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from benchmarks.day.file import BooksFile
from solver import Portfolio, TargetChange
from solver.trading.books import Books
from solver.trading.clocks import EPOCH

__all__ = ["BOOKS", "CHANGE", "PORTFOLIO", "Store", "instant", "micros"]

PORTFOLIO: TypeAdapter[Portfolio] = TypeAdapter(Portfolio)
BOOKS: TypeAdapter[Books] = TypeAdapter(Books)
CHANGE: TypeAdapter[TargetChange] = TypeAdapter(TargetChange)

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (
  account_id TEXT PRIMARY KEY, preset TEXT, flags TEXT, restricted INT, min_trade INT, portfolio TEXT, opened TEXT,
  started_us INT, rebalanced_us INT, run_us INT, busy TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE events (
  event_id TEXT PRIMARY KEY, account_id TEXT, kind TEXT, amount INT, change TEXT, asked_us INT, state TEXT,
  look_us INT, postponed_us INT, plan_id TEXT NOT NULL DEFAULT '', advance INT NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX events_due ON events (state, look_us);
CREATE INDEX events_plan ON events (plan_id);
CREATE TABLE updates (
  event_id TEXT, number INT, step TEXT, at_us INT, until_us INT, sentence TEXT, PRIMARY KEY (event_id, number))
  WITHOUT ROWID;
CREATE TABLE plans (
  plan_id TEXT PRIMARY KEY, account_id TEXT, stage TEXT, books TEXT, events TEXT, ends_us INT, planned_us INT,
  quality TEXT, error REAL, bound REAL) WITHOUT ROWID;
CREATE INDEX plans_stage ON plans (stage);
CREATE TABLE replans (
  plan_id TEXT, number INT, quality TEXT, error REAL, bound REAL, PRIMARY KEY (plan_id, number)) WITHOUT ROWID;
CREATE TABLE orders (
  order_id TEXT PRIMARY KEY, plan_id TEXT, account_id TEXT, security_id TEXT, side TEXT, amount INT, quantity INT,
  by_quantity INT, step INT, block_id TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX orders_block ON orders (block_id);
CREATE INDEX orders_plan ON orders (plan_id);
CREATE TABLE blocks (
  block_id TEXT PRIMARY KEY, security_id TEXT, side TEXT, amount INT, quantity INT, by_quantity INT, step INT,
  sent_us INT, ends_us INT, look_us INT, fate TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX blocks_due ON blocks (look_us) WHERE look_us IS NOT NULL;
CREATE TABLE market_fills (
  fill_id TEXT PRIMARY KEY, block_id TEXT, quantity INT, price INT, at_us INT) WITHOUT ROWID;
CREATE INDEX market_fills_block ON market_fills (block_id);
CREATE TABLE fills (
  fill_id TEXT, order_id TEXT, account_id TEXT, security_id TEXT, side TEXT, quantity INT, amount INT, at_us INT,
  PRIMARY KEY (fill_id, order_id)) WITHOUT ROWID;
CREATE INDEX fills_account ON fills (account_id, at_us);
CREATE INDEX fills_order ON fills (order_id);
CREATE TABLE cash_moves (account_id TEXT, event_id TEXT, amount INT, why TEXT, at_us INT);
CREATE TABLE jumps (security_id TEXT, at_us INT, factor_micros INT);
"""


def micros(at: datetime) -> int:
    """An instant as the tables keep it."""
    return (at - EPOCH) // timedelta(microseconds=1)


def instant(at_us: int) -> datetime:
    """An instant of the tables, in UTC."""
    return EPOCH + timedelta(microseconds=at_us)


class Store(BooksFile):
    """The books as rows."""

    SCHEMA = TABLES

    def row(self, sql: str, *given: Any) -> sqlite3.Row:
        """The one row of a question."""
        found: sqlite3.Row = self.connection.execute(sql, given).fetchone()
        return found

    def run(self, sql: str, *given: Any) -> None:
        """Change something; inside a ``step``."""
        self.connection.execute(sql, given)

    def insert(self, table: str, **row: Any) -> None:
        """One new row."""
        places = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))
