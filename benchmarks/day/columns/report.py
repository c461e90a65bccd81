"""What happened on a day and how long it took, as tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.day.columns.books import GROUPS
from benchmarks.day.columns.broker import Spent
from benchmarks.day.columns.store import Store

__all__ = ["happened", "spent"]


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
    for title, (numbers, what) in names.items():
        for word, code in store.codes(what).items():
            count = np.count_nonzero(numbers == code)
            if count:
                table.add_row(f"{title}: {word.replace('_', ' ').lower()}", f"{count:,}")
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


def spent(phases: Mapping[str, Spent], calls: Mapping[str, float]) -> Table:
    """Where the time went, by phase, and what was waited for the service, by method."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("phase, or method of the service")
    for heading in ("seconds", "of that waiting", "writing"):
        table.add_column(heading, justify="right")
    for name, one in phases.items():
        table.add_row(name, *(f"{seconds:.2f}" for seconds in (one.seconds, one.service, one.writing)))
    total = Spent()
    for one in phases.values():
        total.seconds, total.service, total.writing = (
            total.seconds + one.seconds,
            total.service + one.service,
            total.writing + one.writing,
        )
    table.add_row("all", *(f"{s:.2f}" for s in (total.seconds, total.service, total.writing)), end_section=True)
    for name, seconds in calls.items():
        table.add_row(name, "", f"{seconds:.2f}", "")
    return table
