"""What happened on a day and how long it took, as tables."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.day.columns.books import GROUPS
from benchmarks.day.columns.broker import Spent
from benchmarks.day.columns.living import Lived, live
from benchmarks.day.columns.store import Store
from benchmarks.tables import Table as CellTable

__all__ = ["happened", "report", "spent", "whole_day_table"]

COLUMNS = ("phase", "seconds", "of that waiting", "writing")
DAY, SEED = date(2022, 6, 1), 7


def happened(store: Store) -> Table:
    """What happened, in figures."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("what happened")
    table.add_column("how many", justify="right")
    event = {name: store.read(f"event.{name}", kind) for name, kind in GROUPS["event"].items()}
    order = {name: store.read(f"order.{name}", kind) for name, kind in GROUPS["order"].items()}
    plans, fills, moves = (store.log(name) for name in ("plans", "fills", "moves"))
    names = {"events": (event["kind"], "event.kind"), "events now": (event["state"], "event.state")}
    names["updates"] = store.log("updates")["step"], "updates.step"
    for again, title in enumerate(("plans", "plans of purchases again")):
        names[title] = plans["quality"][plans["again"] == bool(again)], "plans.quality"
    proved = np.mean(plans["quality"] == store.codes("plans.quality")["OPTIMAL"]) if len(plans["quality"]) else 1.0
    for title, (numbers, what) in names.items():
        for word, code in store.codes(what).items():
            count = np.count_nonzero(numbers == code)
            if count:
                table.add_row(f"{title}: {word.replace('_', ' ').lower()}", f"{count:,}")
    table.add_row("share of plans proved optimal", f"{proved:.3%}")
    for sells, title in enumerate(("to buy", "to sell")):
        sent = np.count_nonzero((order["block"] >= 0) & (order["sells"] == bool(sells)))
        table.add_row(f"orders {title}", f"{sent:,}")
    table.add_row("purchases not sent, or planned again", f"{np.count_nonzero(order['block'] < 0):,}")
    for row in store.rows("SELECT fate, count(*) AS count FROM blocks GROUP BY 1 ORDER BY 1"):
        table.add_row(f"blocks: {row['fate'].lower()}", f"{row['count']:,}")
    table.add_row("fills of the market", f"{store.value('SELECT count(*) FROM market_fills'):,}")
    table.add_row("fills of accounts", f"{len(fills['order']):,}")
    table.add_row("cents paid in", f"{moves['amount'][moves['amount'] > 0].sum():,}")
    table.add_row("cents paid out", f"{-moves['amount'][moves['amount'] < 0].sum():,}")
    return table


def spent(lived: Lived) -> Table:
    """Where the time went, by phase, and what was waited for the service, by method."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("phase, or method of the service")
    for heading in COLUMNS[1:]:
        table.add_column(heading, justify="right")
    for row in _phases(lived):
        table.add_row(*row, end_section=row[0] == "all")
    for name, seconds in lived.calls.items():
        table.add_row(name, "", f"{seconds:.2f}", "")
    return table


def _phases(lived: Lived) -> list[tuple[str, ...]]:
    """Seconds of each phase, and of all."""
    spent = lived.phases.values()
    total = Spent(0, *(sum(getattr(one, name) for one in spent) for name in ("seconds", "service", "writing")))
    phases = [*lived.phases.items(), ("all", total)]
    return [(n, f"{one.seconds:.2f}", f"{one.service:.2f}", f"{one.writing:.2f}") for n, one in phases]


def report(console: Console, store: Store, lived: Lived) -> None:
    """Print what happened and what it took."""
    console.print(happened(store))
    console.print(spent(lived))
    console.print(_sentence(lived), highlight=False)


def _sentence(lived: Lived) -> str:
    server = f", server {lived.server_seconds:.1f} s with its start" if lived.server_seconds else ""
    took = f"{lived.accounts:,} accounts in {lived.seconds:.1f} s over gRPC"
    rate = f"{lived.accounts / lived.seconds:,.0f} a second; processor: client {lived.client_seconds:.1f} s{server}"
    return f"{took}, {rate}; audit {lived.audit_seconds:.1f} s."


def whole_day_table(accounts: int) -> CellTable:
    """The day of so many accounts for RESULTS.md; raises ``AssertionError`` where it does not add up."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "books.sqlite")
        lived = live(Console(quiet=True), store, SEED, accounts, DAY)
        store.close()
    if lived.faults:
        raise AssertionError(f"a day that does not add up: {lived.faults[0]}")
    return CellTable("A big broker's whole day", _sentence(lived), COLUMNS, tuple(_phases(lived)))
