"""Reconciliation, by code of its own: what the market did, what accounts hold, what rules say, folded from the start.

It reads the tables and nothing else; no function of the solver, and none of the broker, is asked whether it is right.

    shares_s    = opened_s + Σ bought − Σ sold                      by account and security
    cash        = opened + moved in − moved out + sold − bought     by account
    Σ fills     = what the market filled of the block               shares and cents
    ⌊q · p⌋     = the cents of a fill, and the value of a holding
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.day.store import Store

__all__ = ["audit"]

EASTERN = ZoneInfo("America/New_York")
NANOS = 10**9
SCALE = 10**13  # nanoshares times millionths of a dollar in a cent
DONE = "plan_id IN (SELECT plan_id FROM plans WHERE stage = 'DONE')"


def audit(store: Store) -> list[str]:
    """Everything that does not add up or breaks a rule, as sentences; none where all is well."""
    checks = (_blocks, _orders, _accounts, _totals, _plans, _days, _events, _hours)
    return [fault for check in checks for fault in check(store)]


def _blocks(store: Store) -> Iterator[str]:
    """What the market filled of a block went to its orders, to the cent and the nanoshare."""
    street: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for row in store.rows("SELECT * FROM market_fills"):
        street[row["block_id"]] += row["quantity"]
        money[row["block_id"]] += row["quantity"] * row["price"] // SCALE
    shared = store.rows(
        "SELECT block_id, sum(fills.quantity) AS quantity, sum(fills.amount) AS amount "
        "FROM fills JOIN orders USING (order_id) GROUP BY block_id"
    )
    got = {row["block_id"]: (row["quantity"], row["amount"]) for row in shared}
    for block_id in {*street, *got}:
        if got.get(block_id, (0, 0)) != (street[block_id], money[block_id]):
            yield f"block {block_id}: filled {street[block_id]} for {money[block_id]}, shared {got.get(block_id)}"
    sizes = store.rows("SELECT block_id, sum(amount) AS amount, sum(quantity) AS quantity FROM orders GROUP BY 1")
    asked = {row["block_id"]: (row["amount"], row["quantity"]) for row in sizes}
    for row in store.rows("SELECT * FROM blocks"):
        if asked.get(row["block_id"]) != (row["amount"], row["quantity"]):
            yield f"block {row['block_id']} is not the sum of its orders"


def _orders(store: Store) -> Iterator[str]:
    """Nobody gets more than ordered; no purchase is below the account's minimum; whole shares stay whole."""
    for row in store.rows(
        "SELECT orders.*, coalesce(sum(fills.quantity), 0) AS got, coalesce(sum(fills.amount), 0) AS paid, "
        "min_trade FROM orders JOIN accounts USING (account_id) LEFT JOIN fills USING (order_id) GROUP BY order_id"
    ):
        over = row["got"] > row["quantity"] if row["by_quantity"] else row["paid"] > row["amount"]
        if over:
            yield f"order {row['order_id']} got {row['got']} for {row['paid']}, more than ordered"
        if row["side"] == "BUY" and row["amount"] < row["min_trade"]:
            yield f"order {row['order_id']} buys for {row['amount']}, less than {row['min_trade']}"
        if row["by_quantity"] and row["side"] == "BUY" and (row["got"] % row["step"] or row["quantity"] % row["step"]):
            yield f"order {row['order_id']} bought {row['got']}, which is in no steps of {row['step']}"
    for row in store.rows(
        "SELECT count(*) AS count, account_id FROM fills JOIN orders USING (order_id, account_id, security_id, side) "
        "GROUP BY account_id HAVING count <> (SELECT count(*) FROM fills f WHERE f.account_id = fills.account_id)"
    ):
        yield f"account {row['account_id']} has fills of no order of its own"


def _holdings(pie: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in pie["slices"]:
        if "slices" in one["content"]:
            yield from _holdings(one["content"])
        else:
            yield one["content"]


def _shares(portfolio: dict[str, Any]) -> Counter[str]:
    held: Counter[str] = Counter()
    for one in _holdings(portfolio["root"]):
        held[one["security_id"]] += one["quantity_nanos"] or 0
    return held


def _accounts(store: Store) -> Iterator[str]:
    """Every account is what it was opened with and what was filled and moved since, to the cent and the nanoshare."""
    traded: dict[str, Counter[str]] = {}
    cash: Counter[str] = Counter()
    rows = store.rows(f"SELECT fills.* FROM fills JOIN orders USING (order_id) WHERE orders.{DONE}")
    for row in rows:
        sign = 1 if row["side"] == "BUY" else -1
        traded.setdefault(row["account_id"], Counter())[row["security_id"]] += sign * row["quantity"]
        cash[row["account_id"]] -= sign * row["amount"]
    for row in store.rows("SELECT account_id, sum(amount) AS amount FROM cash_moves GROUP BY account_id"):
        cash[row["account_id"]] += row["amount"]
    for account in store.rows("SELECT * FROM accounts"):
        name = account["account_id"]
        opened, now = json.loads(account["opened"]), json.loads(account["portfolio"])
        expected = _shares(opened)
        expected.update(traded.get(name, Counter()))
        held = _shares(now)
        wrong = {s: (held[s], expected[s]) for s in {*held, *expected} if held[s] != expected[s]}
        if wrong:
            yield f"account {name} holds other shares than it was given: {wrong}"
        if now["cash"] != opened["cash"] + cash[name]:
            yield f"account {name} has {now['cash']} cents, not {opened['cash'] + cash[name]}"
        prices = {s["security_id"]: s["price_micros"] for s in now["securities"]}
        for one in _holdings(now["root"]):
            shares = one["quantity_nanos"] or 0
            if shares < 0 or one["value"] != shares * prices[one["security_id"]] // SCALE:
                yield f"account {name} values {shares} of {one['security_id']} at {one['value']}"


def _totals(store: Store) -> Iterator[str]:
    """All shares and all cents together: what the accounts hold is what the market and the clients gave them."""
    held: Counter[str] = Counter()
    cash = 0
    for account in store.rows("SELECT opened, portfolio FROM accounts"):
        opened, now = json.loads(account["opened"]), json.loads(account["portfolio"])
        held.update(_shares(now))
        held.subtract(_shares(opened))
        cash += now["cash"] - opened["cash"]
    for row in store.rows(f"SELECT * FROM fills JOIN orders USING (order_id) WHERE NOT orders.{DONE}"):
        sign = 1 if row["side"] == "BUY" else -1
        held[row["security_id"]] += sign * row[5]
        cash -= sign * row[6]
    for row in store.rows("SELECT * FROM market_fills JOIN blocks USING (block_id)"):
        sign = 1 if row["side"] == "BUY" else -1
        held[row["security_id"]] -= sign * row[2]
        cash += sign * (row[2] * row["price"] // SCALE)
    cash -= store.value("SELECT coalesce(sum(amount), 0) FROM cash_moves")
    if cash or any(held.values()):
        yield f"in all {cash} cents and {dict(+held)} and {dict(-held)} nanoshares came from nowhere"


def _plans(store: Store) -> Iterator[str]:
    """Every plan is certified, purchases planned again too, and an account has one at work at a time."""
    proofs = "SELECT plan_id, quality, error, bound FROM"
    for row in store.rows(f"{proofs} plans UNION ALL {proofs} replans"):
        slack = 1e-6 * max(1.0, abs(row["error"]))
        if row["quality"] not in ("OPTIMAL", "FEASIBLE") or row["bound"] > row["error"] + slack:
            yield f"plan {row['plan_id']} is {row['quality']}: {row['error']}, bound {row['bound']}"
    for row in store.rows("SELECT account_id, count(*) AS n FROM plans WHERE stage <> 'DONE' GROUP BY 1 HAVING n > 1"):
        yield f"account {row['account_id']} has {row['n']} plans at work"
    lent = "SELECT coalesce(sum(amount), 0) FROM cash_moves WHERE why IN ('ADVANCE', 'REPAID')"
    due = "SELECT coalesce(sum(amount), 0) FROM events WHERE advance = 1 AND state <> 'DONE'"
    if store.value(lent) != store.value(due):
        yield f"accounts were lent {store.value(lent)} cents, but {store.value(due)} are to be paid back"


def _days(store: Store) -> Iterator[str]:
    """No account trades a security on both sides of one day; sales of a plan come before its purchases."""
    sides: dict[tuple[str, str, object], set[str]] = {}
    for row in store.rows("SELECT * FROM fills"):
        day = _local(row["at_us"]).date()
        sides.setdefault((row["account_id"], row["security_id"], day), set()).add(row["side"])
    for key, both in sides.items():
        if len(both) > 1:
            yield f"{key[0]} traded {key[1]} on both sides on {key[2]}"
    for row in store.rows(
        "SELECT plan_id, max(CASE WHEN side = 'SELL' THEN at_us END) AS sold, "
        "min(CASE WHEN side = 'BUY' THEN at_us END) AS bought FROM (SELECT plan_id, fills.side, fills.at_us "
        "FROM fills JOIN orders USING (order_id)) GROUP BY plan_id HAVING bought < sold"
    ):
        yield f"plan {row['plan_id']} bought before it had sold"


def _events(store: Store) -> Iterator[str]:
    """No event is lost: what is not finished has a plan at work, or an instant at which it is looked at again."""
    clock = store.meta("clock", 0)
    for row in store.rows(
        "SELECT events.*, busy, (SELECT step FROM updates WHERE updates.event_id = events.event_id "
        "ORDER BY number DESC LIMIT 1) AS step FROM events JOIN accounts USING (account_id)"
    ):
        over = row["state"] in ("DONE", "REFUSED")
        if over != (row["step"] == "FINISHED"):
            yield f"event {row['event_id']} is {row['state']}, but its client was last told {row['step']}"
        if not over and row["state"] != "PLANNED" and row["look_us"] <= clock and not row["busy"]:
            yield f"event {row['event_id']} was forgotten: {row['state']}"
        if row["state"] == "PLANNED" and row["busy"] != row["plan_id"]:
            yield f"event {row['event_id']} waits for a plan that is not at work"
        if row["kind"] == "DEPOSIT" and row["state"] == "REFUSED":
            yield f"deposit {row['event_id']} was refused"
    for row in store.rows(
        "SELECT event_id, amount, (SELECT coalesce(sum(amount), 0) FROM cash_moves WHERE "
        "cash_moves.event_id = events.event_id AND why = 'DEPOSIT') AS moved FROM events "
        "WHERE kind = 'DEPOSIT' AND state = 'DONE' AND moved <> amount"
    ):
        yield f"deposit {row['event_id']} of {row['amount']} moved {row['moved']}"


def _hours(store: Store) -> Iterator[str]:
    """The market fills on weekdays of its zone, from half past nine to four, and only what was sent."""
    for row in store.rows("SELECT market_fills.*, sent_us, ends_us FROM market_fills JOIN blocks USING (block_id)"):
        local = _local(row["at_us"])
        minute = local.hour * 60 + local.minute
        if not row["sent_us"] <= row["at_us"] <= row["ends_us"] or local.weekday() > 4 or not 570 <= minute < 960:
            yield f"fill {row['fill_id']} at {local} lies outside its session"


def _local(at_us: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(EASTERN)
