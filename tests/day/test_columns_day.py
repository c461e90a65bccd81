"""A big broker's day in columns over gRPC: everything happens on it, a kill changes nothing, and the audit notices."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.day.columns import books, desk
from benchmarks.day.columns.__main__ import main
from benchmarks.day.columns.books import GROUPS, Books
from benchmarks.day.columns.broker import PHASES, looks_of
from benchmarks.day.columns.dealer import Dealer
from benchmarks.day.columns.desk import _cuts
from benchmarks.day.columns.living import live
from benchmarks.day.columns.planner import Planner
from benchmarks.day.columns.store import LOGS, Store
from benchmarks.day.columns.told import told
from benchmarks.day.columns.world import KINDS
from server.client import Client
from solver import InvalidRequest
from solver.columns import NOT_BOUGHT, Refusal
from solver.trading.accounts import REBALANCES
from solver.trading.sessions import Kind
from tests.day.big import ACCOUNTS, DAY, SEED, lived


def test_everything_happens_on_that_day(kept: Store) -> None:
    """A day on which one of these does not happen would show nothing of it."""
    kinds, states = (kept.read(f"event.{name}", "i1") for name in ("kind", "state"))
    for name in (
        "DEPOSIT",
        "WITHDRAWAL",
        "LIQUIDATION",
        "SCHEDULED_REBALANCE",
        "CLIENT_REBALANCE",
        "INSTANT_REBALANCE",
    ):
        assert np.any(kinds == kept.codes("event.kind")[name]), name
    for name in ("WAITING", "BLOCKED", "DONE", "REFUSED"):
        assert np.any(states == kept.codes("event.state")[name]), name
    steps = kept.log("updates")["step"]
    for name, code in kept.codes("updates.step").items():
        assert np.any(steps == code), name
    assert {"SAME_DAY_TRADE", "OUTSIDE_WINDOW", "MARKET_CLOSED", "REJECTED"} <= set(kept.codes("updates.reasons"))
    assert {row["fate"] for row in kept.rows("SELECT fate FROM blocks")} == {"FILLED", "PART", "REJECTED"}
    assert kept.value("SELECT max(n) FROM (SELECT count(DISTINCT price) AS n FROM market_fills GROUP BY block)") > 1
    plans = kept.log("plans")
    assert np.any(plans["again"])
    assert np.any(~plans["again"])


def test_liquidated_slices_keep_no_target_and_their_pies_keep_the_money(kept: Store) -> None:
    kind, account, row, state = (
        kept.read(f"event.{n}", GROUPS["event"][n]) for n in ("kind", "account", "row", "state")
    )
    done = (kind == kept.codes("event.kind")["LIQUIDATION"]) & (state == kept.codes("event.state")["DONE"])
    start = np.concatenate(([0], np.cumsum(kept.read("account.rows", "<i4"), dtype=np.int64)))
    gone = start[account[done]] + row[done]
    assert len(gone)
    assert not kept.read("row.weight", "<i4")[gone].any()
    order = {name: kept.read(f"order.{name}", known) for name, known in GROUPS["order"].items()}
    parent = kept.read("row.parent", "<i2")
    nested = dict(zip(account[done].tolist(), parent[gone].tolist(), strict=True))
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    plans = kept.log("plans")
    of_liquidation = np.isin(plans["event"], np.flatnonzero(done))
    looked = 0
    for row_number, plan in zip(order["row"].tolist(), order["plan"].tolist(), strict=True):
        who = int(owner[row_number])
        if of_liquidation[plan] and nested[who]:
            looked += 1
            assert parent[row_number] == nested[who]
    assert looked


def test_calls_in_many_parts_and_columns_in_many_chunks_come_to_the_same_books(
    kept: Store, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three hundred accounts fit into one call and one chunk; a hundred thousand do not."""
    monkeypatch.setattr(desk, "CALL_BYTES", 30_000)
    monkeypatch.setattr(desk, "PLANS_A_CALL", 7)
    monkeypatch.setattr(desk, "WINDOW_ROWS", 50)
    monkeypatch.setattr(books, "CHUNK", {"account": 16, "row": 16, "event": 9, "order": 33})
    store, faults = lived(tmp_path / "books.sqlite", address)
    assert faults == []
    for group, kinds in GROUPS.items():
        assert store.value("SELECT max(chunk) FROM columns WHERE name LIKE ?", f"{group}.%") > 5
        for name, kind in kinds.items():
            assert np.array_equal(store.read(f"{group}.{name}", kind), kept.read(f"{group}.{name}", kind)), name
    for log in LOGS:
        for name, column_of in store.log(log).items():
            assert np.array_equal(column_of, kept.log(log)[name]), f"{log}.{name}"
    store.close()


def test_what_was_traded_that_day_is_looked_at_on_its_other_side(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions hear of what a plan would trade back, written here as it is said; what was sold is not bought again."""
    opposed_of, plan_again = Planner._opposed, Dealer._plan_again
    looked, sold = [], []

    def opposed(planner: Planner, events: Any, trees: Any, traded: Any) -> Any:
        found = opposed_of(planner, events, trees, traded)
        plans, _ = planner.desk.plan(planner.posed(events, trees, np.zeros(len(trees.rows), np.int64)))
        for k, event in enumerate(events.tolist()):
            kind = KINDS[planner.books.event["kind"][event]]
            for row in range(trees.start[k], trees.start[k + 1]):
                back = plans.trade[row] < 0 if traded[row] > 0 else plans.trade[row] > 0
                asks = kind in (*REBALANCES, Kind.LIQUIDATION) and plans.quality[k] > 0
                assert found[row] == bool(traded[row] and (back or not asks))
                looked.append(bool(traded[row] and asks and back))
        return found

    def again(dealer: Dealer, replans: Any, trees: Any, *rest: Any) -> Any:
        before = dealer.books.row["traded"][trees.rows[replans.row]] < 0
        assert np.all(replans.accounts.blocked[before] & NOT_BOUGHT)
        sold.extend(before.tolist())
        return plan_again(dealer, replans, trees, *rest)

    monkeypatch.setattr(Planner, "_opposed", opposed)
    monkeypatch.setattr(Dealer, "_plan_again", again)
    store, faults = lived(tmp_path / "books.sqlite", address, 1_000)
    assert faults == []
    assert any(looked)
    assert any(sold)
    store.close()


def test_what_waits_or_is_blocked_says_why(kept: Store) -> None:
    log, steps, reasons = kept.log("updates"), kept.codes("updates.step"), kept.codes("updates.reasons")
    may = {
        "WAITING": {"OUTSIDE_WINDOW", "MARKET_CLOSED", "SAME_DAY_TRADE", "POSTPONED"},
        "CANCELLED": {"", "REJECTED"},
        "ACCEPTED": {""},
        "PLANNED": {""},
        "FINISHED": {""},
    }
    for step, bits in zip(log["step"].tolist(), log["reasons"].tolist(), strict=True):
        names = {name for name, code in reasons.items() if bits >> code & 1} or {""}
        name = next(n for n, code in steps.items() if code == step)
        assert names <= may.get(name, set(reasons) | {""}), name
        assert name not in ("WAITING", "BLOCKED") or "" not in names


def test_what_can_never_be_done_is_refused_and_what_can_tomorrow_is_kept(kept: Store) -> None:
    log, codes, reasons = kept.log("updates"), kept.codes("event.state"), kept.codes("updates.reasons")
    state, look_us = kept.read("event.state", "i1"), kept.read("event.look_us", "<i8")

    def told(reason: str) -> np.ndarray[Any, Any]:
        return np.unique(log["event"][log["reasons"] >> reasons[reason] & 1 == 1])

    never = told("WITHDRAWAL_EXCEEDS_PORTFOLIO")
    assert len(never)
    assert np.all(state[never] == codes["REFUSED"])
    blocked = np.flatnonzero(state == codes["BLOCKED"])
    assert len(blocked)
    assert np.all(look_us[blocked] > kept.meta("clock"))
    kind, postponed_us = kept.read("event.kind", "i1"), kept.read("event.postponed_us", "<i8")
    same_day = told("SAME_DAY_TRADE")
    scheduled = same_day[kind[same_day] == kept.codes("event.kind")["SCHEDULED_REBALANCE"]]
    waits = scheduled[state[scheduled] == codes["WAITING"]]
    assert len(waits)
    assert np.array_equal(postponed_us[waits], look_us[waits])


def test_the_first_deposit_of_a_new_account_is_invested(kept: Store) -> None:
    account, state = kept.read("event.account", "<i4"), kept.read("event.state", "i1")
    start = np.concatenate(([0], np.cumsum(kept.read("account.rows", "<i4"), dtype=np.int64)))
    worth = np.add.reduceat(kept.read("row.opened_shares", "<i8"), start[:-1]) + kept.read("account.opened_cash", "<i8")
    deposits = kept.read("event.kind", "i1") == kept.codes("event.kind")["DEPOSIT"]
    done = deposits & (state == kept.codes("event.state")["DONE"]) & (worth[account] == 0)
    assert np.any(done)
    held = np.add.reduceat(kept.read("row.shares", "<i8"), start[:-1])
    assert np.all(held[account[done]] > 0)


def test_killed_at_any_phase_and_started_again_it_ends_with_the_same_books(
    kept: Store, address: str, tmp_path: Path
) -> None:
    """SIGKILL, at places drawn from a seed, whatever it is at; then it may end."""
    path, draw, killed = tmp_path / "books.sqlite", random.Random(SEED), 0
    command = [sys.executable, "-m", "benchmarks.day.columns", "--seed", str(SEED), "--accounts", str(ACCOUNTS)]
    command += ["--books", str(path), "--address", address]
    last = len(looks_of(DAY)) * len(PHASES)
    for place in sorted(draw.sample(range(1, last - 20), 3)):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and _place(path) < place:
                time.sleep(0.001)
            time.sleep(draw.random() / 50)
            killed += process.poll() is None
            process.kill()
        assert _place(path) < last
    assert killed
    store, faults = lived(path, address)
    assert faults == []
    assert store.digest() == kept.digest()
    store.close()


def _place(path: Path) -> int:
    if not path.exists():
        return -1
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("SELECT value FROM meta WHERE key = 'place'").fetchone()
        return -1 if found is None else int(found[0])
    except sqlite3.OperationalError:  # no table yet
        return -1
    finally:
        connection.close()


def test_a_service_without_time_stops_the_day_and_later_it_goes_on(
    kept: Store, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the books would hang on how busy the machine was."""
    read_plans, answers = desk.read_plans, []

    def hurried(response: Any) -> Any:
        plans, refusals = read_plans(response)
        answers.append(response)
        return plans, refusals | ({0: Refusal("OUT_OF_TIME", "")} if len(answers) == 3 else {})

    monkeypatch.setattr(desk, "read_plans", hurried)
    with pytest.raises(TimeoutError, match="start again, the books are kept"):
        lived(tmp_path / "books.sqlite", address)
    store, faults = lived(tmp_path / "books.sqlite", address)
    assert faults == []
    assert store.digest() == kept.digest()
    store.close()


def test_a_day_without_a_session_trades_nothing_and_loses_nothing(address: str, tmp_path: Path) -> None:
    store, faults = lived(tmp_path / "books.sqlite", address, 5, date(2022, 6, 4))
    assert faults == []
    assert not len(store.read("order.row", "<i4"))
    assert not np.any(store.read("event.state", "i1") == store.codes("event.state")["PLANNED"])
    store.close()


def test_days_of_one_account_or_three_are_days_too(address: str, tmp_path: Path) -> None:
    """Nothing is asked for, or all that is asked for at a look is refused: calls and logs of nothing."""
    nothing = 0
    for seed in range(10):
        for accounts in (1, 3):
            store, faults = lived(tmp_path / f"{seed}-{accounts}.sqlite", address, accounts, seed=seed)
            assert faults == [], f"seed {seed}, {accounts} accounts"
            nothing += not len(store.log("updates")["event"])
            store.close()
    assert nothing


def test_what_does_not_add_up_is_told_with_the_command_that_shows_it_again(
    kept: Store, address: str, tmp_path: Path
) -> None:
    path, app = tmp_path / "books.sqlite", typer.Typer()
    kept.connection.execute("VACUUM INTO ?", (str(path),))
    app.command()(main)
    asked = ["--seed", str(SEED), "--accounts", str(ACCOUNTS), "--books", str(path), "--address", address]
    assert CliRunner().invoke(app, asked).exit_code == 0
    sqlite3.connect(path, isolation_level=None).execute("UPDATE blocks SET amount = amount + 1 WHERE block = 0")
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 1
    assert "sum of its orders' amount" in found.output
    assert f"--seed {SEED} --accounts {ACCOUNTS} --day {DAY}" in " ".join(found.output.split())
    assert CliRunner().invoke(app, [*asked, "--seed", "8"]).exit_code == 2
    assert CliRunner().invoke(app, ["--day", "1992-12-31"]).exit_code == 2
    assert CliRunner().invoke(app, ["--tell", "3"]).exit_code == 2  # without books


def test_books_are_read_as_they_were_written(kept: Store) -> None:
    """What a broker that starts again holds is what it held: every column, and the number of plans."""
    books = Books(kept, np.zeros(1, np.int64))
    assert books.plans == len(kept.log("plans")["account"])
    assert books.start[-1] == books.row.count == len(books.owner)
    assert np.array_equal(books.row["shares"], kept.read("row.shares", "<i8"))


def test_books_of_another_run_are_refused(kept: Store, address: str) -> None:
    before = kept.digest()
    with pytest.raises(Exception, match="another run"):
        live(Console(quiet=True), kept, SEED + 1, ACCOUNTS, DAY, address)
    assert kept.digest() == before


def test_a_client_is_told_in_sentences_when_somebody_asks(kept: Store, address: str) -> None:
    log = kept.log("updates")
    event = int(np.bincount(log["event"]).argmax())
    with Client(address) as client:
        table = told(kept, client, event)
        assert table.row_count == np.count_nonzero(log["event"] == event)
        sentences = list(table.columns[2].cells)
        assert str(sentences[0]).startswith("We have received your ")
        with pytest.raises(InvalidRequest, match=f"is 100000; these books have the events 0 to {log['event'].max()}"):
            told(kept, client, 100_000)


def test_calls_are_cut_within_their_limits() -> None:
    sizes = np.array([3, 3, 3, 9, 1, 1, 1, 1])
    assert list(_cuts(sizes, 6, 3)) == [(0, 2), (2, 3), (3, 4), (4, 7), (7, 8)]
    assert list(_cuts(sizes, 100)) == [(0, 8)]
    assert list(_cuts(sizes[:0], 6)) == [(0, 0)]
