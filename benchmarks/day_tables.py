"""Every table of the trading day: triggers, decisions, blocks and books in columns, the same over the wire."""

from __future__ import annotations

from rich.progress import Progress

from benchmarks.blocks import blocks_table
from benchmarks.day_wire import wire_table
from benchmarks.tables import Table
from benchmarks.trading import trading_table

__all__ = ["day_tables"]


def day_tables(progress: Progress, accounts: int) -> list[Table]:
    """The tables for so many accounts."""
    works = (trading_table, blocks_table, wire_table)
    return [work(accounts) for work in progress.track(works, description="the trading day")]
