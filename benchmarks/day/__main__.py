"""``python -m benchmarks.day``: some days of a broker over gRPC, what happened on them, and whether it adds up."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.day.audit import audit
from benchmarks.day.broker import Broker
from benchmarks.day.desk import Desk, Here
from benchmarks.day.store import Store
from benchmarks.day.wire import There
from benchmarks.day.world import EASTERN, asks_of, client
from server.client import server_process
from server.tables import make_console
from solver import PiewiseError

OPENS, CLOSES = timedelta(hours=8), timedelta(hours=20)
FIRST, LAST = date(1990, 1, 31), date(2022, 12, 31)  # calendars begin in 1990, too


def main(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 200,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days, weekends too.")] = 1,
    seed: Annotated[int, typer.Option(help="Everything that happens is a function of it.")] = 1,
    first: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.")] = datetime(2022, 6, 1),
    books: Annotated[Path | None, typer.Option(help="Keep the books here; a run that was killed goes on.")] = None,
    here: Annotated[bool, typer.Option(help="The functions in this process, without gRPC.")] = False,
) -> None:
    """Run a broker's days and reconcile them; exit code 1 where anything does not add up."""
    check_days(first.date(), days)
    console = make_console()
    with ExitStack() as stack:
        if books is None:
            books = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "books.sqlite"
        desk: Desk = Here()
        if not here:
            address, _ = stack.enter_context(server_process())
            desk = stack.enter_context(There(address))
        try:
            store = Store(books)
        except sqlite3.DatabaseError as error:
            raise typer.BadParameter(f"{books}: {error}; give a file of books, or a new one") from None
        stack.callback(store.close)
        began = time.perf_counter()
        try:
            faults, days = live(console, store, desk, seed, accounts, first.date(), days)
        except PiewiseError as error:  # told with its seed, as all that does not add up
            console.print_exception(max_frames=4)
            faults = [f"it stopped: {error}"]
        took = time.perf_counter() - began
        report(console, store, took, here)
    for fault in faults[:20]:
        console.print(fault, style="red")
    if faults:
        again = f"python -m benchmarks.day --seed {seed} --accounts {accounts} --days {days} --first {first:%Y-%m-%d}"
        console.print(f"{len(faults)} faults; to see them again: {again}", style="bold red")
        raise typer.Exit(1)
    console.print("Reconciled: no cent and no share made or lost, every plan certified, no rule broken.")


def check_days(first: date, days: int) -> None:
    """Refuse days of which there are no prices."""
    if not FIRST <= first <= LAST - timedelta(days=days - 1):
        told = f"asked for {days} from {first} on; give days from {FIRST} to {LAST}, of which there are prices"
        raise typer.BadParameter(told)


def live(
    console: Console, store: Store, desk: Desk, seed: int, accounts: int, first: date, days: int
) -> tuple[list[str], int]:
    """The days, from the beginning or from where the books are, until one does not add up: its faults, and how many."""
    start = datetime.combine(first, datetime.min.time(), EASTERN)
    run = {"seed": seed, "accounts": accounts, "first": first.isoformat()}
    if any(store.meta(key, value) != value for key, value in run.items()):
        raise typer.BadParameter(
            "these books are of another run; give its seed, accounts and first day, or another file"
        )
    with store.step():
        for key, value in run.items():
            store.set_meta(key, value)
    broker = Broker(store, desk)
    clients = [client(seed, number, start + OPENS) for number in range(accounts)]
    if not store.value("SELECT count(*) FROM accounts"):
        broker.open_accounts(clients, start + OPENS)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{first}", total=days)
        for number in range(days):
            day = first + timedelta(days=number)
            midnight = datetime.combine(day, datetime.min.time(), EASTERN)
            progress.update(task, description=str(day))
            if store.meta("asked", -1) < number:
                broker.ask(
                    (ask for one in clients for ask in asks_of(seed, one, day)), ("asked", number), midnight + OPENS
                )
            for at in broker.run(midnight + CLOSES):
                progress.update(task, description=f"{at.astimezone(EASTERN):%Y-%m-%d %H:%M}")
            progress.advance(task)
            faults = audit(store)
            if faults:
                return faults, number + 1
    return [], days


def report(console: Console, store: Store, took: float, here: bool) -> None:
    """What happened, in figures."""
    where = "in this process" if here else "over gRPC"
    table = Table(title=f"{store.value('SELECT count(*) FROM accounts')} accounts, {took:.1f} s {where}")
    table.add_column("what")
    table.add_column("how many", justify="right")
    for title, sql in FIGURES:
        for name, count in store.rows(sql):
            table.add_row(f"{title} {name}".strip().replace("_", " ").lower(), f"{count:,}")
    console.print(table)


FIGURES = (
    ("events:", "SELECT kind, count(*) FROM events GROUP BY 1 ORDER BY 1"),
    ("events now", "SELECT state, count(*) FROM events GROUP BY 1 ORDER BY 1"),
    ("updates:", "SELECT step, count(*) FROM updates GROUP BY 1 ORDER BY 1"),
    ("plans", "SELECT quality, count(*) FROM plans GROUP BY 1 ORDER BY 1"),
    ("plans of purchases again,", "SELECT quality, count(*) FROM replans GROUP BY 1 ORDER BY 1"),
    ("orders to", "SELECT side, count(*) FROM orders GROUP BY 1 ORDER BY 1"),
    ("blocks", "SELECT fate, count(*) FROM blocks GROUP BY 1 ORDER BY 1"),
    ("events told of a delay", "SELECT '', count(DISTINCT event_id) FROM updates WHERE step = 'DELAYED'"),
    ("fills of the market", "SELECT '', count(*) FROM market_fills"),
    ("fills of accounts", "SELECT '', count(*) FROM fills"),
    ("cents filled to", "SELECT side, sum(amount) FROM fills GROUP BY 1 ORDER BY 1"),
    ("cents moved:", "SELECT why, sum(amount) FROM cash_moves GROUP BY 1 ORDER BY 1"),
)


if __name__ == "__main__":
    typer.run(main)
