"""The broker's day: the same over gRPC as in this process, the same after a kill, and an audit that notices."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.day.__main__ import FIRST, LAST, check_days, live, main
from benchmarks.day.audit import audit
from benchmarks.day.desk import Desk, Here
from benchmarks.day.store import Store
from benchmarks.day.wire import There
from server.client import server_process
from server.examples import month_end_prices

DAY = date(2022, 6, 1)
ACCOUNTS, SEED = 12, 7
SPOILS = {
    "a cent of a fill": "UPDATE fills SET amount = amount + 1 WHERE order_id = (SELECT min(order_id) FROM fills)",
    "a nanoshare of a fill": "UPDATE fills SET quantity = quantity - 1 WHERE order_id = (SELECT max(order_id) FROM fills)",
    "a fill of the market": "DELETE FROM market_fills WHERE fill_id = (SELECT min(fill_id) FROM market_fills)",
    "cash": "UPDATE accounts SET portfolio = json_set(portfolio, '$.cash', json_extract(portfolio, '$.cash') + 1) "
    "WHERE account_id = 'a000003'",
    "money moved": "UPDATE cash_moves SET amount = amount + 1 WHERE rowid = 1",
    "an order": "UPDATE orders SET amount = 1, quantity = 1 WHERE order_id = (SELECT min(order_id) FROM fills)",
    "a proof": "UPDATE plans SET quality = 'HEURISTIC' WHERE plan_id = (SELECT min(plan_id) FROM plans)",
    "a proof of purchases planned again": "UPDATE replans SET quality = 'HEURISTIC'",
    "a bound": "UPDATE plans SET bound = error + 1 WHERE plan_id = (SELECT min(plan_id) FROM plans)",
    "an event": "UPDATE events SET state = 'DONE' WHERE state = 'WAITING'",
    "a forgotten event": "UPDATE events SET look_us = 0 WHERE state = 'WAITING'",
    "a refused deposit": "UPDATE events SET state = 'REFUSED' WHERE kind = 'DEPOSIT' AND state = 'DONE'",
    "a deposit": "UPDATE events SET amount = amount + 1 WHERE kind = 'DEPOSIT' AND state = 'DONE'",
    "both sides": "UPDATE fills SET side = CASE side WHEN 'BUY' THEN 'SELL' ELSE 'BUY' END "
    "WHERE fill_id = (SELECT min(fill_id) FROM fills)",
    "an hour": "UPDATE market_fills SET at_us = at_us + 86400000000 * 30",
}


def lived(path: Path, desk: Desk) -> Store:
    store = Store(path, durable=False)
    live(Console(quiet=True), store, desk, SEED, ACCOUNTS, DAY, 1)
    return store


def told(store: Store) -> list[str]:
    """All that the books say; ``cash_moves`` has no key, so rows are compared in order of their words."""
    return sorted(store.connection.iterdump())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    path = tmp_path_factory.mktemp("day") / "books.sqlite"
    store = lived(path, Here())
    assert audit(store) == []
    assert store.value("SELECT count(*) FROM fills")
    found = told(store)
    store.close()
    return path, found


def test_the_day_over_grpc_is_the_day_in_this_process(kept: tuple[Path, list[str]], tmp_path: Path) -> None:
    with server_process() as (address, _), There(address) as desk:
        store = lived(tmp_path / "books.sqlite", desk)
    assert told(store) == kept[1]
    store.close()


def test_killed_and_started_again_it_ends_with_the_same_books(kept: tuple[Path, list[str]], tmp_path: Path) -> None:
    """SIGKILL, three times, whatever it is at; then it may end."""
    path = tmp_path / "books.sqlite"
    command = [sys.executable, "-m", "benchmarks.day", "--here", "--seed", str(SEED), "--accounts", str(ACCOUNTS)]
    command += ["--books", str(path)]
    killed = 0
    for rows in (1, 30, 90):  # updates written by then
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and _updates(path) < rows:
                time.sleep(0.001)
            killed += process.poll() is None
            process.kill()
    assert killed
    store = lived(path, Here())
    assert told(store) == kept[1]
    store.close()


def _updates(path: Path) -> int:
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM updates").fetchone()[0])
    except sqlite3.OperationalError:  # no table yet
        return 0
    finally:
        connection.close()


def test_books_of_another_run_are_refused(kept: tuple[Path, list[str]]) -> None:
    store = Store(kept[0], durable=False)
    for seed, accounts, first in (
        (SEED + 1, ACCOUNTS, DAY),
        (SEED, ACCOUNTS + 1, DAY),
        (SEED, ACCOUNTS, DAY + timedelta(days=1)),
    ):
        with pytest.raises(Exception, match="another run"):
            live(Console(quiet=True), store, Here(), seed, accounts, first, 1)
    assert told(store) == kept[1]
    store.close()


@pytest.mark.parametrize(
    ("first", "days"), [("1850-01-01", "1"), ("1990-01-30", "1"), ("2022-12-31", "2"), ("9999-12-01", "400")]
)
def test_days_without_prices_are_refused_at_once(first: str, days: str) -> None:
    app = typer.Typer()
    app.command()(main)
    refused = CliRunner().invoke(app, ["--first", first, "--days", days])
    assert refused.exit_code == 2
    said = " ".join(refused.output.replace("│", " ").split())
    assert f"asked for {days} from {first} on" in said
    assert f"give days from {FIRST} to {LAST}" in said


def test_there_are_prices_from_the_first_day_to_the_last() -> None:
    dates = list(month_end_prices())
    assert (dates[0], dates[-1]) == (FIRST.isoformat(), LAST.isoformat())
    check_days(FIRST, 1)
    check_days(LAST, 1)


@pytest.mark.parametrize("what", SPOILS)
def test_the_audit_notices(what: str, kept: tuple[Path, list[str]]) -> None:
    store = Store(kept[0], durable=False)
    store.connection.execute("BEGIN")
    store.connection.execute(SPOILS[what])
    assert store.value("SELECT changes()"), "this spoils nothing"
    assert audit(store), what
    store.connection.execute("ROLLBACK")
    assert audit(store) == []
    store.close()
