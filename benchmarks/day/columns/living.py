"""One day lived from its beginning to its audit, and what it took."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.day.columns.audit import audit
from benchmarks.day.columns.broker import Broker, Spent, looks_of
from benchmarks.day.columns.desk import Desk
from benchmarks.day.columns.store import Store
from server.client import server_process

__all__ = ["Lived", "live"]


FIRST, LAST = date(1993, 1, 1), date(2022, 12, 31)  # accounts are up to three years old, and calendars begin in 1990


@dataclass(frozen=True, slots=True)
class Lived:
    """What does not add up, and seconds: of the day on the wall clock, of its audit, and of processor time.

    ``server_seconds`` are with the start of its process, and 0 where it was there before; ``phases`` and ``calls`` say
    where the time of the day went, by phase and by method of the service.
    """

    accounts: int
    faults: list[str]
    seconds: float
    audit_seconds: float
    client_seconds: float
    server_seconds: float
    phases: Mapping[str, Spent]
    calls: Mapping[str, float]


def live(console: Console, store: Store, seed: int, accounts: int, day: date, address: str = "") -> Lived:
    """The day, from its beginning or from where the books are, against the server at ``address`` or one of its own."""
    if not FIRST <= day <= LAST:
        raise typer.BadParameter(f"the day is {day}; give one from {FIRST} to {LAST}, of which there are prices")
    run = {"seed": seed, "accounts": accounts, "day": str(day)}
    if any(store.meta(key, value) != value for key, value in run.items()):
        raise typer.BadParameter("these books are of another run; give its seed, accounts and day, or another file")
    with store.step():
        for key, value in run.items():
            store.set_meta(key, value)
    servers = _children_seconds()
    with ExitStack() as stack:
        desk = stack.enter_context(Desk(address or stack.enter_context(server_process())[0]))
        began, worked = time.perf_counter(), time.process_time()
        broker = Broker(store, desk, seed, accounts, day)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(f"{day}", total=len(looks_of(day)))
            for now in broker.run():
                progress.update(task, description=f"{now:%Y-%m-%d %H:%M}", advance=1)
        seconds, client = time.perf_counter() - began, time.process_time() - worked
    began = time.perf_counter()
    faults = audit(store)
    checked = time.perf_counter() - began
    times = seconds, checked, client, _children_seconds() - servers
    return Lived(accounts, faults, *times, broker.spent, desk.seconds)


def _children_seconds() -> float:
    """Processor time of the processes that this one has started and that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime
