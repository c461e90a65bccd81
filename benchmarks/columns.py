"""Every table of accounts in columns, in one run: the loop, the wire, single calls, a book, its proof, the roofline."""

from __future__ import annotations

from rich.progress import Progress

from benchmarks.books import book_tables, proof_table, roofline_table
from benchmarks.bulk import GROUPS, bulk_tables, growth_in_slices, run_loop
from benchmarks.quick import quick_table
from benchmarks.tables import Table
from benchmarks.unary import unary_table
from benchmarks.wire import book, encodings, rates
from solver.bulk import plan_columns

__all__ = ["column_tables"]

SAMPLE = 10_000


def column_tables(progress: Progress, accounts: int, quick: bool) -> list[Table]:
    """The tables for a book of so many ``accounts``; ``quick`` only looks that everything runs."""
    groups = GROUPS[:2] if quick else GROUPS
    tables = bulk_tables(
        run_loop(groups, progress),
        growth_in_slices(progress, (5, 10, 20) if quick else (5, 10, 20, 50, 100, 200, 500, 1_000)),
    )
    count = 200 if quick else SAMPLE
    on_the_wire = book(6_000)
    tables += [encodings(on_the_wire, plan_columns(on_the_wire)), rates(on_the_wire, plan_columns(on_the_wire))]
    tables += [quick_table(progress, 1 if quick else 8), unary_table()]
    tables += [roofline_table(book(count)), *book_tables(progress, accounts), proof_table(progress, accounts, count)]
    return tables
