"""Every table of the trading day: triggers, decisions, blocks, books, all that over the wire, a whole day."""

from __future__ import annotations

from collections.abc import Callable

from rich.progress import Progress

from benchmarks.blocks import blocks_table
from benchmarks.day.columns.report import whole_day_table
from benchmarks.day_wire import wire_table
from benchmarks.tables import Table
from benchmarks.trading import trading_table

__all__ = ["day_tables"]


def day_tables(progress: Progress, accounts: int) -> list[Table]:
    """The tables for so many accounts; the whole day is of a tenth of them."""
    works: tuple[tuple[Callable[[int], Table], int], ...] = (
        (trading_table, accounts),
        (blocks_table, accounts),
        (wire_table, accounts),
        (whole_day_table, accounts // 10),
    )
    return [work(count) for work, count in progress.track(works, description="the trading day")]
