"""``python -m benchmarks.day.columns``: a big broker's day over gRPC, what happened on it, and whether it adds up."""

from __future__ import annotations

import resource
import tempfile
import time
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.day.columns.audit import audit
from benchmarks.day.columns.broker import Broker, looks_of
from benchmarks.day.columns.desk import Desk
from benchmarks.day.columns.report import happened, spent
from benchmarks.day.columns.store import Store
from benchmarks.day.columns.told import told
from server.client import Client, server_process
from server.tables import make_console
from solver import PiewiseError


def main(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Everything that happens is a function of it.")] = 7,
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day.")] = datetime(2022, 6, 1),
    books: Annotated[Path | None, typer.Option(help="Keep the books here; a day that was killed goes on.")] = None,
    address: Annotated[str, typer.Option(help="HOST:PORT of a server that is there; else one of its own.")] = "",
    tell: Annotated[
        int | None, typer.Option(min=0, help="Only what the client of that event in --books is told.")
    ] = None,
) -> None:
    """Live a day of many accounts and reconcile it; exit code 1 where anything does not add up."""
    console = make_console()
    if tell is not None:
        if books is None or not books.exists():
            raise typer.BadParameter("give the --books of a day that was lived")
        print_told(console, books, tell, address)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Store(books or Path(folder) / "books.sqlite")
        try:
            faults = live(console, store, seed, accounts, day.date(), address)
        except typer.BadParameter:
            raise
        except Exception as error:  # whatever it is, it is told with its seed
            console.print_exception(max_frames=4)
            faults = [f"it stopped: {error}"]
        finally:
            store.close()
    for fault in faults[:20]:
        console.print(fault, style="red", markup=False)
    if faults:
        again = f"python -m benchmarks.day.columns --seed {seed} --accounts {accounts} --day {day:%Y-%m-%d}"
        console.print(f"{len(faults)} faults; to see them again: {again}", style="bold red")
        raise typer.Exit(1)
    console.print("Reconciled: no cent and no share made or lost, every plan certified, no rule broken.")


def print_told(console: Console, books: Path, event: int, address: str) -> None:
    """The updates of one event, in sentences."""
    store = Store(books)
    with ExitStack() as stack:
        stack.callback(store.close)
        client = stack.enter_context(Client(address or stack.enter_context(server_process())[0]))
        try:
            console.print(told(store, client, event))
        except PiewiseError as error:
            raise typer.BadParameter(str(error)) from error


def live(console: Console, store: Store, seed: int, accounts: int, day: date, address: str = "") -> list[str]:
    """The day, from its beginning or from where the books are; what does not add up at its end."""
    run = {"seed": seed, "accounts": accounts, "day": str(day)}
    if any(store.meta(key, value) != value for key, value in run.items()):
        raise typer.BadParameter("these books are of another run; give its seed, accounts and day, or another file")
    with store.step():
        for key, value in run.items():
            store.set_meta(key, value)
    given = address
    with ExitStack() as stack:
        if not given:
            address, _ = stack.enter_context(server_process())
        desk = stack.enter_context(Desk(address))
        began, worked = time.perf_counter(), time.process_time()
        broker = Broker(store, desk, seed, accounts, day)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(f"{day}", total=len(looks_of(day)))
            for now in broker.run():
                progress.update(task, description=f"{now:%Y-%m-%d %H:%M}", advance=1)
        took, mine = time.perf_counter() - began, time.process_time() - worked
    began = time.perf_counter()
    faults = audit(store)
    checked = time.perf_counter() - began
    console.print(happened(store))
    console.print(spent(broker.spent, desk.seconds))
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    server = "" if given else f", server {theirs.ru_utime + theirs.ru_stime:.1f} s with its start"
    console.print(f"{accounts:,} accounts in {took:.1f} s over gRPC: {accounts / took:,.0f} a second.", highlight=False)
    console.print(f"Seconds of processor: client {mine:.1f}{server}; audit {checked:.1f}.", highlight=False)
    return faults


if __name__ == "__main__":
    typer.run(main)
