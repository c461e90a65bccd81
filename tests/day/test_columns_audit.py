"""The audit of a big broker's day is shown one spoiled number of each kind, and names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.day.columns.audit import audit
from benchmarks.day.columns.books import GROUPS
from benchmarks.day.columns.store import LOGS, Store

Spoil = Callable[[Store], None]


def column(name: str, change: Callable[[np.ndarray[Any, Any]], None]) -> Spoil:
    """A column of a group, changed in place where ``change`` says."""

    def spoil(store: Store) -> None:
        group, short = name.split(".")
        for row in store.rows("SELECT chunk, data FROM columns WHERE name = ? ORDER BY chunk", name):
            values = np.frombuffer(row["data"], GROUPS[group][short]).copy()
            change(values)
            store.write(name, row["chunk"], values)

    return spoil


def entry(log: str, name: str, change: Callable[[np.ndarray[Any, Any]], None]) -> Spoil:
    """The same of the first batch of a log."""

    def spoil(store: Store) -> None:
        data = store.value("SELECT data FROM logs WHERE name = ? AND batch = 0", f"{log}.{name}")
        values = np.frombuffer(data, LOGS[log][name]).copy()
        change(values)
        store.run("UPDATE logs SET data = ? WHERE name = ? AND batch = 0", [(values.tobytes(), f"{log}.{name}")])

    return spoil


def orders(store: Store) -> dict[str, np.ndarray[Any, Any]]:
    return {name: store.read(f"order.{name}", kind) for name, kind in GROUPS["order"].items()}


def both_sides(store: Store) -> None:
    """A purchase of what the account sold."""
    order = orders(store)
    bought, sold = (np.flatnonzero((order["sells"] == side) & (order["filled_nanos"] > 0))[0] for side in (False, True))
    order["row"][bought] = order["row"][sold]
    store.write("order.row", 0, order["row"])


def odd_sale(store: Store) -> None:
    """A part of a step more of a sale that leaves much."""
    order, shares = orders(store), store.read("row.shares", "<i8")
    place = np.flatnonzero(order["sells"] & (shares[order["row"]] > 10**8))[0]
    order["quantity"][place] += 1
    store.write("order.quantity", 0, order["quantity"])


def bought_first(store: Store) -> None:
    """Sales that were heard of after their purchases."""
    order = orders(store)
    for batch in range(store.value("SELECT count(*) FROM logs WHERE name = 'fills.order'")):
        order_of, at_us = (
            np.frombuffer(store.value("SELECT data FROM logs WHERE name = ? AND batch = ?", name, batch), kind).copy()
            for name, kind in (("fills.order", "<i4"), ("fills.at_us", "<i8"))
        )
        at_us[order["sells"][order_of]] = store.meta("clock")
        store.run("UPDATE logs SET data = ? WHERE name = 'fills.at_us' AND batch = ?", [(at_us.tobytes(), batch)])


def of_kind(name: str, kind: str, state: str, value: int) -> Spoil:
    """A column of the first event of that kind and state."""

    def spoil(store: Store) -> None:
        kinds, states = store.read("event.kind", "i1"), store.read("event.state", "i1")
        found = (kinds == store.codes("event.kind")[kind]) & (states == store.codes("event.state")[state])
        values = store.read(f"event.{name}", GROUPS["event"][name])
        values[np.flatnonzero(found)[0]] = value
        store.write(f"event.{name}", 0, values)

    return spoil


def bought_too_little(store: Store) -> None:
    """A minimum above the purchases of an account that sold nothing."""
    order, accounts = orders(store), store.read("account.rows", "<i4")
    owner = np.repeat(np.arange(len(accounts)), accounts)[order["row"]]
    sold = np.isin(np.arange(len(accounts)), owner[order["sells"]])
    only_bought = np.isin(np.arange(len(accounts)), owner) & ~sold
    least = store.read("account.min_trade", "<i8")
    least[np.flatnonzero(only_bought)[0]] = 10**9
    store.write("account.min_trade", 0, least)


def accepted_late(store: Store) -> None:
    entry("updates", "at_us", every(store.meta("clock")))(store)


def sql(told: str) -> Spoil:
    return lambda store: store.run(told, [()])


def more(where: Callable[[np.ndarray[Any, Any]], Any], by: int = 1) -> Callable[[np.ndarray[Any, Any]], None]:
    def change(values: np.ndarray[Any, Any]) -> None:
        place = np.flatnonzero(where(values))[:1]
        assert len(place), "there is nothing to spoil"
        values[place] += by

    return change


def put(where: Callable[[np.ndarray[Any, Any]], Any], value: Any) -> Callable[[np.ndarray[Any, Any]], None]:
    def change(values: np.ndarray[Any, Any]) -> None:
        place = np.flatnonzero(where(values))[:1]
        assert len(place), "there is nothing to spoil"
        values[place] = value

    return change


def every(value: int) -> Callable[[np.ndarray[Any, Any]], None]:
    return lambda values: values.fill(value)


SPOILS: dict[str, tuple[Spoil, str]] = {
    "a share": (column("row.shares", more(lambda v: v > 0)), "holds other shares"),
    "a share of the opening": (column("row.opened_shares", more(lambda v: v > 0)), "shares came from nowhere"),
    "a cent": (column("account.cash", more(lambda v: v >= 0)), "has other cash"),
    "a cent of the opening": (column("account.opened_cash", more(lambda v: v >= 0)), "cents came from nowhere"),
    "debts": (column("account.cash", put(lambda v: v >= 0, -1)), "owes money"),
    "money paid in": (entry("moves", "amount", more(lambda v: v > 0)), "moved other money"),
    "a cent of a fill": (entry("fills", "amount", more(lambda v: v > 0)), "accounts got another amount"),
    "a nanoshare of a fill": (entry("fills", "quantity", more(lambda v: v > 0)), "accounts got another quantity"),
    "whose fill it is": (entry("fills", "order", more(lambda v: v >= 0)), "has other fills"),
    "which block a fill is of": (entry("fills", "block", more(lambda v: v >= 0)), "that its order is not in"),
    "when a fill was heard": (entry("fills", "at_us", put(lambda v: v > 0, 0)), "heard before it happened"),
    "a fill of the market": (
        sql("DELETE FROM market_fills WHERE block = (SELECT min(block) FROM market_fills)"),
        "got",
    ),
    "a price": (sql("UPDATE market_fills SET price = price + 1000000 WHERE rowid = 1"), "accounts got another amount"),
    "an hour": (sql("UPDATE market_fills SET at_us = at_us + 86400000000 * 30"), "no open order"),
    "a night": (sql("UPDATE market_fills SET at_us = at_us + 43200000000"), "market was closed"),
    "an evening": (sql("UPDATE market_fills SET at_us = at_us + 25200000000"), "market was closed"),
    "a weekend": (sql("UPDATE market_fills SET at_us = at_us + 86400000000 * 3"), "market was closed"),
    "a block": (
        sql("UPDATE blocks SET quantity = quantity + 1 WHERE block = 0"),
        "not the sum of its orders' quantity",
    ),
    "money of a block": (sql("UPDATE blocks SET amount = amount + 1 WHERE block = 0"), "sum of its orders' amount"),
    "a side of a block": (sql("UPDATE blocks SET sells = 1 - sells WHERE block = 0"), "another security or side"),
    "a count of a block": (sql("UPDATE blocks SET orders = orders + 1 WHERE block = 0"), "another number of orders"),
    "an order": (column("order.amount", more(lambda v: v > 0, -1)), "trades another sum than its orders"),
    "a sale": (column("order.quantity", every(2**50)), "sells more than the account has"),
    "what was ordered": (column("order.quantity", every(1)), "got more than it asks for"),
    "what an order got": (column("order.filled_nanos", more(lambda v: v > 0)), "has other fills"),
    "whose order it is": (column("order.plan", more(lambda v: v >= 0)), "trades another sum"),
    "a side": (column("order.sells", put(lambda v: v, False)), "another security or side"),
    "both sides": (both_sides, "on both sides of the day"),
    "a part of a step": (odd_sale, "sells parts of a step"),
    "purchases before sales": (bought_first, "bought before it had sold"),
    "less than nothing": (column("row.shares", put(lambda v: v > 0, -1)), "holds less than nothing"),
    "a deposit": (of_kind("state", "DEPOSIT", "DONE", 5), "was refused"),
    "a withdrawal": (of_kind("amount", "WITHDRAWAL", "DONE", 1), "not all of it is paid"),
    "when it was accepted": (accepted_late, "is earlier than what was told before"),
    "an order not sent": (column("order.block", put(lambda v: v > 0, -1)), "was not sent, and nothing came of it"),
    "the last run": (column("account.run_us", more(lambda v: v > 0)), "does not know of the run of the day"),
    "the last rebalance": (column("account.rebalanced_us", every(1)), "does not know when it was rebalanced"),
    "a minimum of purchases": (bought_too_little, "smaller than its account's minimum"),
    "a minimum": (column("account.min_trade", put(lambda v: v >= 0, 10**9)), "smaller than its account's minimum"),
    "a proof": (entry("plans", "quality", put(lambda v: v > 0, 0)), "is not certified"),
    "a bound": (entry("plans", "bound", put(lambda v: v >= 0, 1e30)), "a bound above its own distance"),
    "what a plan leaves": (entry("plans", "cash_after", more(lambda v: v >= 0)), "leaves other cash than it says"),
    "what a plan spends": (entry("plans", "cash_after", more(lambda v: v > 0, -1)), "leaves other cash than it says"),
    "what a plan trades": (entry("plans", "traded", more(lambda v: v != 0)), "trades another sum than its orders"),
    "whose plan it is": (entry("plans", "account", more(lambda v: v >= 0)), "of another account"),
    "what a plan is for": (entry("plans", "event", more(lambda v: v >= 0)), "for the event of another account"),
    "an event that is over": (column("event.state", put(lambda v: v == 1, 4)), "its client was not told"),
    "an event that is forgotten": (column("event.look_us", every(0)), "was forgotten"),
    "an event at work": (column("account.event", put(lambda v: v < 0, 0)), "is at work on nothing"),
    "a plan at work": (column("event.state", put(lambda v: v == 4, 3)), "has no plan at work"),
    "what is still to be paid": (column("event.amount", more(lambda v: v > 0)), "other than what was asked for"),
    "what was asked for": (column("event.asked", more(lambda v: v > 0)), "is not what the books say of its amount"),
    "what is liquidated": (column("event.row", more(lambda v: v > 0)), "is not what the books say of its row"),
    "who asked": (column("event.client", put(lambda v: v, False)), "are in the books"),
    "when it was asked": (column("event.asked_us", more(lambda v: v > 0)), "say of its asked_us"),
    "a step": (entry("updates", "step", more(lambda v: v == 0)), "was not accepted first"),
    "the end of a step": (entry("updates", "at_us", put(lambda v: v > 0, 2**60)), "of an instant to come"),
    "whom it was told": (entry("updates", "event", put(lambda v: v == 1, 0)), "can not follow"),
    "all that was told at first": (sql("DELETE FROM logs WHERE name LIKE 'updates.%' AND batch < 2"), "but updates of"),
    "the run of the day": (column("event.kind", lambda v: np.putmask(v, v == 4, 5)), "left out of the run of the day"),
}


@pytest.mark.parametrize("what", SPOILS)
def test_the_audit_notices(what: str, kept: Store) -> None:
    spoil, sentence = SPOILS[what]
    kept.connection.execute("BEGIN")
    try:
        spoil(kept)
        faults = audit(kept)
    finally:
        kept.connection.execute("ROLLBACK")
    assert any(sentence in fault for fault in faults), faults


def test_the_audit_has_nothing_against_the_books_themselves(kept: Store) -> None:
    assert audit(kept) == []
