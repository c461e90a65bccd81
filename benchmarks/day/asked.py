"""What clients ask for as rows of the books, and as the solver's events."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from benchmarks.day.store import CHANGE, Store, micros
from benchmarks.day.world import Ask
from solver import Deposit, Event, Rebalance, Withdrawal
from solver.trading.sessions import Kind
from solver.trading.updates import Step

__all__ = ["OPEN", "events_of", "take_down"]

OPEN = "('ASKED', 'WAITING', 'BLOCKED')"  # events that still want a plan


def take_down(store: Store, one: Ask, advance: int = 0) -> None:
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
    store.tell(event, Step.ACCEPTED, one.asked_at)


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
