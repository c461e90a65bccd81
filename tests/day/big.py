"""A big broker's day, small enough for the suite."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from rich.console import Console

from benchmarks.day.columns.living import live
from benchmarks.day.columns.store import Store

DAY = date(2022, 6, 1)
ACCOUNTS, SEED = 300, 7


def lived(
    path: Path, address: str, accounts: int = ACCOUNTS, day: date = DAY, seed: int = SEED
) -> tuple[Store, list[str]]:
    """The books after a day of so many accounts, and what the audit has against them."""
    store = Store(path, durable=False)
    return store, live(Console(quiet=True), store, seed, accounts, day, address).faults
