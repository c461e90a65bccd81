"""``python -m benchmarks.day.columns``: a big broker's day over gRPC, what happened on it, and whether it adds up."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.day.columns.living import live
from benchmarks.day.columns.report import report
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
            lived = live(console, store, seed, accounts, day.date(), address)
            report(console, store, lived)
            faults = lived.faults
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


if __name__ == "__main__":
    typer.run(main)
