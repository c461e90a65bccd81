"""What clients ask for as rows of the books, and as the solver's events; and what they are told of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from benchmarks.day.desk import Desk, Told
from benchmarks.day.store import CHANGE, Store, instant, micros
from benchmarks.day.world import EASTERN, Ask
from solver import Deposit, Event, Rebalance, Withdrawal
from solver.trading.sessions import Kind
from solver.trading.updates import Step, Update

__all__ = ["OPEN", "events_of", "take_down", "tell"]

OPEN = "('ASKED', 'WAITING', 'BLOCKED')"  # events that still want a plan


def take_down(store: Store, desk: Desk, one: Ask, advance: int = 0) -> None:
    """A new event, accepted when it is asked for; ``advance`` marks the repayment of what an account was lent."""
    number = store.value("SELECT count(*) FROM events WHERE account_id = ?", one.account_id)
    event_id, asked_us = f"{one.account_id}-{number}", micros(one.asked_at)
    store.insert(
        "events",
        event_id=event_id,
        account_id=one.account_id,
        kind=one.kind.value,
        amount=one.amount,
        change=CHANGE.dump_json(one.change).decode() if one.change else None,
        asked_us=asked_us,
        state="ASKED",
        look_us=asked_us,
        advance=advance,
    )
    event = store.row("SELECT * FROM events WHERE event_id = ?", event_id)
    tell(store, desk, event, Step.ACCEPTED, one.asked_at)


def tell(
    store: Store,
    desk: Desk,
    event: sqlite3.Row,
    step: Step,
    at: datetime,
    until: datetime | None = None,
    reasons: Sequence[str] = (),
    because: str = "",
) -> None:
    """One more update of an event, as the desk says it, which knows what may follow what."""
    found = store.rows("SELECT * FROM updates WHERE event_id = ? ORDER BY number DESC LIMIT 1", event["event_id"])
    ids, last = (event["account_id"], event["event_id"]), None
    if found:
        kept = found[0]
        looks = None if kept["until_us"] is None else instant(kept["until_us"])
        last = Update(*ids, Step(kept["step"]), instant(kept["at_us"]), kept["sentence"], looks)
    subject = event["kind"].replace("_", " ").lower()
    shown = until.astimezone(EASTERN) if until else None
    new = desk.follow(last, Told(*ids, step, at, subject, shown, reasons, because))
    store.insert(
        "updates",
        event_id=event["event_id"],
        number=found[0]["number"] + 1 if found else 0,
        step=step.value,
        at_us=micros(at),
        until_us=micros(until) if until else None,
        sentence=new.sentence,
    )


def events_of(event: sqlite3.Row) -> list[Event]:
    """A row as the solver's events; an update of the portfolio is new targets and a rebalance to them."""
    name, kind = event["event_id"], Kind(event["kind"])
    if kind is Kind.DEPOSIT:
        return [Deposit(event["amount"], name)]
    if kind is Kind.WITHDRAWAL:
        return [Withdrawal(event["amount"], name)]
    change = replace(CHANGE.validate_json(event["change"]), event_id=name) if event["change"] else None
    if change is None:
        return [Rebalance(event_id=name)]
    return [change] if kind is Kind.LIQUIDATION else [change, Rebalance(event_id=f"{name}-r")]
