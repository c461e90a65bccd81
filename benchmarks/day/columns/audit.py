"""Reconciliation, by code of its own: what the market did, accounts hold and rules say, folded from the opening.

It reads the file and nothing else. No function of the solver, and none of the broker, is asked whether it is right;
only what clients asked for is drawn once more from the seed, to see that none of it was lost.

    shares_r   = opened_r + Σ bought − Σ sold                      by row, a security of an account
    cash       = opened + paid in − paid out + sold − bought       by account
    Σ orders   = the block,    Σ fills of accounts = Σ fills of the market of it,    ⌊q · p⌋ = the cents of a fill
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from benchmarks.day.columns.books import GROUPS
from benchmarks.day.columns.store import LOGS, Store
from benchmarks.day.columns.world import asks_of

__all__ = ["audit"]

EASTERN = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCALE = 10**13  # nanoshares times millionths of a dollar in a cent
STEP = 10_000  # nanoshares
OPENS, CLOSES = time(9, 30), time(16)
LEGAL = {  # which step of an event may come after which
    "ACCEPTED": "WAITING BLOCKED PLANNED",
    "WAITING": "WAITING BLOCKED PLANNED",
    "BLOCKED": "WAITING BLOCKED PLANNED FINISHED",
    "PLANNED": "PLANNED SENT CANCELLED FINISHED",
    "SENT": "DELAYED FILLED CANCELLED",
    "DELAYED": "DELAYED FILLED CANCELLED",
    "FILLED": "WAITING BLOCKED PLANNED SENT DELAYED FILLED CANCELLED FINISHED",
    "CANCELLED": "WAITING BLOCKED PLANNED SENT DELAYED FILLED CANCELLED FINISHED",
    "FINISHED": "",
}

Column = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """All that the file says: groups of columns, logs, the rows of blocks and of what the market filled."""

    store: Store
    group: dict[str, dict[str, Column]]
    log: dict[str, dict[str, Column]]
    block: dict[str, Column]
    market: dict[str, Column]
    start: Ints
    owner: Ints

    @staticmethod
    def of(store: Store) -> Read:
        group = {g: {n: store.read(f"{g}.{n}", kind) for n, kind in kinds.items()} for g, kinds in GROUPS.items()}
        start = np.concatenate(([0], np.cumsum(group["account"]["rows"], dtype=np.int64)))
        owner = np.repeat(np.arange(len(start) - 1), group["account"]["rows"])
        block, market = (_table(store, name) for name in ("blocks", "market_fills"))
        return Read(store, group, {log: store.log(log) for log in LOGS}, block, market, start, owner)

    def clock_us(self) -> int:
        """The last look: no fill, move or update is later, and none that it planned for may be earlier."""
        return int(self.store.meta("clock", 0))


def audit(store: Store) -> list[str]:
    """Everything that does not add up or breaks a rule, as sentences; none where all is well."""
    read = Read.of(store)
    folded = (_blocks, _orders, _sizes, _accounts, _totals)
    checks = (*folded, _plans, _sides, _unsent, _events, _asked, _updates, _hours, _runs, _rebalanced)
    return [fault for check in checks for fault in check(read)]


def _table(store: Store, name: str) -> dict[str, Column]:
    names = [row["name"] for row in store.rows(f"PRAGMA table_info({name})") if row["type"] != "TEXT"]
    rows = store.rows(f"SELECT {', '.join(names)} FROM {name} ORDER BY 1")
    return {n: np.array([row[n] or 0 for row in rows], dtype=np.int64) for n in names}


def _summed(place: Column, values: Column, places: int) -> Ints:
    """Exact sums of ``values`` by place."""
    sums = np.zeros(places, np.int64)
    np.add.at(sums, place, values.astype(np.int64))
    return sums


def _first(wrong: Column, told: str) -> Iterator[str]:
    """One sentence for all entries at fault, with the first of them."""
    found = np.flatnonzero(wrong)
    if len(found):
        yield told.format(f"{found[0]:,}") + (f" (and {len(found) - 1:,} more)" if len(found) > 1 else "")


def _cents(nanos: Column, price: Column) -> Ints:
    """⌊q · p⌋ in cents: the product takes more than 64 bits, so Python's integers."""
    return np.array([q * p // SCALE for q, p in zip(nanos.tolist(), price.tolist(), strict=True)], dtype=np.int64)


def _blocks(read: Read) -> Iterator[str]:
    """A block is the sum of its orders; what the market filled of it went to them, to the cent and the nanoshare."""
    order, fill, block, market = read.group["order"], read.log["fills"], read.block, read.market
    sent, count = order["block"] >= 0, len(block["block"])
    own = order["block"][sent]
    for name in ("amount", "quantity"):
        sums = _summed(own, order[name][sent], count)
        yield from _first(sums != block[name], f"block {{}} is not the sum of its orders' {name}")
    yield from _first(np.bincount(own, minlength=count) != block["orders"], "block {} has another number of orders")
    security = read.group["row"]["security"][order["row"][sent]]
    other = (security != block["security"][own]) | (order["sells"][sent] != block["sells"][own])
    yield from _first(other, "an order is in a block of another security or side: the {}th sent")
    filled = {"quantity": market["quantity"], "amount": _cents(market["quantity"], market["price"])}
    for name, column in filled.items():
        shared, street = (
            _summed(place, values, count) for place, values in ((fill["block"], fill[name]), (market["block"], column))
        )
        yield from _first(shared != street, f"block {{}}: accounts got another {name} than the market filled")
    yield from _first(fill["block"] != order["block"][fill["order"]], "fill {} is of a block that its order is not in")


def _orders(read: Read) -> Iterator[str]:
    """Nobody gets more than ordered; minimums and steps are kept; nobody sells what is not there."""
    order, fill = read.group["order"], read.log["fills"]
    count = len(order["row"])
    for name, log in (("filled_nanos", "quantity"), ("filled_amount", "amount")):
        yield from _first(
            _summed(fill["order"], fill[log], count) != order[name], f"order {{}} has other fills: {name}"
        )
    sells, nanos = order["sells"], order["filled_nanos"]
    over = np.where(sells, nanos > order["quantity"], order["filled_amount"] > order["amount"])
    yield from _first(over, "order {} got more than it asks for")
    by_row = np.lexsort((np.arange(count), order["row"]))
    signed = np.where(sells, -nanos, nanos)[by_row]
    before = np.cumsum(signed) - signed
    row = order["row"][by_row]
    head = np.flatnonzero(np.diff(row, prepend=-1))
    base = np.repeat(before[head], np.diff(np.append(head, count)))
    held = np.zeros(count, np.int64)
    held[by_row] = read.group["row"]["opened_shares"][row] + before - base
    least = read.group["account"]["min_trade"][read.owner[order["row"]]]
    yield from _first(sells & (order["quantity"] > held), "order {} sells more than the account has")
    rest = sells & (order["quantity"] != held)
    yield from _first(rest & (order["quantity"] % STEP != 0), "order {} sells parts of a step")
    yield from _first((rest | ~sells) & (order["amount"] < least), "order {} is smaller than its account's minimum")


def _sizes(read: Read) -> Iterator[str]:
    """The orders of a plan are what the plan trades."""
    order, plans = read.group["order"], read.log["plans"]
    signed = np.where(order["sells"], -order["amount"], order["amount"])
    told = "plan {} trades another sum than its orders"
    yield from _first(_summed(order["plan"], signed, len(plans["account"])) != plans["traded"], told)
    told = "order {} is of a plan of another account"
    yield from _first(plans["account"][order["plan"]] != read.owner[order["row"]], told)


def _accounts(read: Read) -> Iterator[str]:
    """Every account is what it was opened with and what was filled and moved since."""
    row, order, account = read.group["row"], read.group["order"], read.group["account"]
    fill, moves = read.log["fills"], read.log["moves"]
    fill = {name: column[order["settled"][fill["order"]]] for name, column in fill.items()}
    sign = np.where(order["sells"][fill["order"]], -1, 1)
    place = order["row"][fill["order"]]
    shares = row["opened_shares"] + _summed(place, sign * fill["quantity"], len(row["shares"]))
    yield from _first(shares != row["shares"], "row {} holds other shares than it was given")
    yield from _first(row["shares"] < 0, "row {} holds less than nothing")
    cash = account["opened_cash"] - _summed(read.owner[place], sign * fill["amount"], len(account["cash"]))
    cash += _summed(read.group["event"]["account"][moves["event"]], moves["amount"], len(cash))
    yield from _first(cash != account["cash"], "account {} has other cash than it was given")
    yield from _first(account["cash"] < 0, "account {} owes money")


def _totals(read: Read) -> Iterator[str]:
    """All shares and all cents together: what the accounts hold is what the market and the clients gave them."""
    row, order, block, market = read.group["row"], read.group["order"], read.block, read.market
    count = int(row["security"].max()) + 1
    more = row["shares"] - row["opened_shares"]
    held = _summed(row["security"][row["security"] >= 0], more[row["security"] >= 0], count)
    open_now = ~order["settled"]
    sign = np.where(order["sells"], -1, 1)[open_now]
    security = row["security"][order["row"][open_now]]
    held += _summed(security, sign * order["filled_nanos"][open_now], count)
    street = np.where(block["sells"][market["block"]] == 1, -1, 1)
    held -= _summed(block["security"][market["block"]], street * market["quantity"], count)
    yield from _first(held != 0, "of security {} shares came from nowhere, or are gone")
    cash = int((read.group["account"]["cash"] - read.group["account"]["opened_cash"]).sum())
    cash -= int((sign * order["filled_amount"][open_now]).sum()) + int(read.log["moves"]["amount"].sum())
    cash += int((street * _cents(market["quantity"], market["price"])).sum())
    if cash:
        yield f"in all {cash} cents came from nowhere"


def _plans(read: Read) -> Iterator[str]:
    """Every plan is certified, and spends what is there."""
    plans, codes = read.log["plans"], read.store.codes("plans.quality")
    known = [codes["OPTIMAL"], codes["FEASIBLE"]]
    yield from _first(~np.isin(plans["quality"], known), "plan {} is not certified")
    slack = 1e-6 * np.maximum(1.0, np.abs(plans["error"]))
    yield from _first(~(plans["bound"] <= plans["error"] + slack), "plan {} has a bound above its own distance")
    after = plans["cash"] + plans["received"] - plans["due"] - plans["traded"]
    yield from _first((after != plans["cash_after"]) | (after < 0), "plan {} leaves other cash than it says")
    event = read.group["event"]
    yield from _first(
        event["account"][plans["event"]] != plans["account"], "plan {} is for the event of another account"
    )


def _sides(read: Read) -> Iterator[str]:
    """No account trades a security on both sides of one day; sales of a plan come before the purchases they pay for."""
    order, fill = read.group["order"], read.log["fills"]
    rows, row, sells = len(read.owner), order["row"][fill["order"]], order["sells"][fill["order"]]
    bought, sold = (np.zeros(rows, np.bool_) for _ in range(2))
    bought[row[~sells]], sold[row[sells]] = True, True
    yield from _first(bought & sold, "row {} was traded on both sides of the day")
    event = read.log["plans"]["event"][order["plan"][fill["order"]]]
    account = read.owner[row]
    key, place = np.unique(account * len(read.group["event"]["kind"]) + event, return_inverse=True)
    last, first = np.full(len(key), np.iinfo(np.int64).min), np.full(len(key), np.iinfo(np.int64).max)
    np.maximum.at(last, place[sells], fill["at_us"][sells])
    np.minimum.at(first, place[~sells], fill["at_us"][~sells])
    yield from _first(first < last, "an account bought before it had sold: the {}th event with orders")


def _unsent(read: Read) -> Iterator[str]:
    """Purchases that never went to market were planned again, or a sale of their plan was open until the close."""
    order, plans, block = read.group["order"], read.log["plans"], read.block
    if not len(block["block"]):
        return
    late = np.zeros(len(plans["account"]), np.bool_)
    sold = np.flatnonzero(order["sells"] & (order["block"] >= 0))
    open_long = block["over_us"][order["block"][sold]] >= block["ends_us"].max()
    late[order["plan"][sold[open_long]]] = True
    last = np.zeros(len(read.group["event"]["kind"]), np.int64)
    np.maximum.at(last, plans["event"], np.arange(len(late)))
    unsent = np.flatnonzero(order["block"] < 0)
    plan = order["plan"][unsent]
    forgotten = unsent[~late[plan] & (last[plans["event"][plan]] == plan)]
    yield from _first(
        np.isin(np.arange(len(order["plan"])), forgotten), "order {} was not sent, and nothing came of it"
    )


def _events(read: Read) -> Iterator[str]:
    """No event is lost, and every one moved the money that it asked for."""
    event, account, moves = read.group["event"], read.group["account"], read.log["moves"]
    state, kind = read.store.codes("event.state"), read.store.codes("event.kind")
    planned, over = event["state"] == state["PLANNED"], event["state"] >= state["DONE"]
    deposit, withdrawal = event["kind"] == kind["DEPOSIT"], event["kind"] == kind["WITHDRAWAL"]
    numbers = np.arange(len(over))
    at_work = account["event"][event["account"]] == numbers
    yield from _first(planned != at_work, "event {} has no plan at work, or two")
    yield from _first((account["stage"] > 0) != (account["event"] >= 0), "account {} is at work on nothing")
    yield from _first(~over & ~planned & (event["look_us"] <= read.clock_us()), "event {} was forgotten")
    yield from _first(deposit & (event["state"] == state["REFUSED"]), "deposit {} was refused")
    moved = _summed(moves["event"], moves["amount"], len(over))
    done = event["state"] == state["DONE"]
    wanted = np.where(deposit & done, event["asked"], np.where(withdrawal, event["amount"] - event["asked"], 0))
    yield from _first(moved != wanted, "event {} moved other money than it asked for")
    short = withdrawal & done & (event["amount"] != 0)
    yield from _first(short, "withdrawal {} is finished, but not all of it is paid")
    changed = ~withdrawal & (event["amount"] != event["asked"])
    yield from _first(changed, "event {} is of other than what was asked for")


def _asked(read: Read) -> Iterator[str]:
    """What clients asked for by now, drawn once more, is in the books: all of it, and nothing else."""
    event = read.group["event"]
    seed, day = int(read.store.meta("seed")), date.fromisoformat(read.store.meta("day"))
    asks = asks_of(seed, read.group["account"]["style"], read.start, day)
    due = asks.asked_us <= read.clock_us()
    mine = event["client"]
    if np.count_nonzero(due) != np.count_nonzero(mine):
        yield f"clients asked for {np.count_nonzero(due):,} things, {np.count_nonzero(mine):,} are in the books"
        return
    named = {"account": "account", "kind": "kind", "amount": "asked", "row": "row", "asked_us": "asked_us"}
    for name, column in named.items():
        told = f"what clients asked for is not what the books say of its {name}: the {{}}th"
        yield from _first(getattr(asks, name)[due] != event[column][mine], told)


def _updates(read: Read) -> Iterator[str]:
    """Every event was told of step by step, from its acceptance, and of its end exactly where it has ended."""
    log, codes = read.log["updates"], read.store.codes("updates.step")
    count = len(read.group["event"]["kind"])
    order = np.lexsort((np.arange(len(log["event"])), log["event"]))
    event, step, at_us = (log[name][order] for name in ("event", "step", "at_us"))
    legal = np.zeros((len(codes), len(codes)), np.bool_)
    for name, after in LEGAL.items():
        legal[codes[name], [codes[one] for one in after.split()]] = True
    same = event[1:] == event[:-1]
    yield from _first(same & ~legal[step[:-1], step[1:]], "update {} can not follow what was told before")
    yield from _first(same & (at_us[1:] < at_us[:-1]), "update {} is earlier than what was told before")
    yield from _first(log["at_us"] > read.clock_us(), "update {} is of an instant to come")
    head, tail = np.diff(event, prepend=-1) != 0, np.diff(event, append=-1) != 0
    yield from _first(step[head] != codes["ACCEPTED"], "the {}th event was not accepted first")
    if len(event[head]) != count:
        yield f"{count:,} events, but updates of {len(event[head]):,}"
        return
    told = step[tail] == codes["FINISHED"]
    over = read.group["event"]["state"] >= read.store.codes("event.state")["DONE"]
    yield from _first(told != over, "event {} is over, and its client was not told; or was told too early")


def _hours(read: Read) -> Iterator[str]:
    """The market fills only what was sent, while it is open."""
    block, market = read.block, read.market
    own, at_us = market["block"], market["at_us"]
    yield from _first((at_us < block["sent_us"][own]) | (at_us > block["ends_us"][own]), "fill {} is of no open order")
    local = [(EPOCH + timedelta(microseconds=at)).astimezone(EASTERN) for at in at_us.tolist()]
    shut = [at.weekday() > 4 or not OPENS <= at.time() < CLOSES for at in local]
    yield from _first(np.array(shut, dtype=np.bool_), "fill {} came while the market was closed")
    fill = read.log["fills"]
    late = (fill["at_us"] > read.clock_us()) | (fill["at_us"] < block["sent_us"][fill["block"]])
    yield from _first(late, "fill {} of an account was heard before it happened")


def _runs(read: Read) -> Iterator[str]:
    """Every managed account that held something at the run of the day was asked to be put right."""
    account, row, order, event = (read.group[name] for name in ("account", "row", "order", "event"))
    day = date.fromisoformat(read.store.meta("day"))
    run = datetime.combine(day, time(14, 30), EASTERN)
    run_us = (run - EPOCH) // timedelta(microseconds=1)
    if read.clock_us() < run_us:
        return
    bought = np.zeros(len(row["shares"]), np.bool_)
    bought[order["row"][~order["sells"] & (order["filled_nanos"] > 0)]] = True
    holds = np.zeros(len(account["cash"]), np.bool_)
    holds[read.owner[(row["shares"] > 0) & ~bought]] = True
    asked = np.zeros(len(holds), np.bool_)
    scheduled = event["kind"] == read.store.codes("event.kind")["SCHEDULED_REBALANCE"]
    asked[event["account"][scheduled]] = True
    managed = account["style"] == read.store.codes("account.style")["managed"]
    yield from _first(managed & holds & ~asked, "account {} was left out of the run of the day")
    yield from _first(managed & (account["run_us"] != run_us), "account {} does not know of the run of the day")


def _rebalanced(read: Read) -> Iterator[str]:
    """Every account that was rebalanced knows when it was last."""
    event, account, log = read.group["event"], read.group["account"], read.log["updates"]
    kinds = [code for name, code in read.store.codes("event.kind").items() if name.endswith("REBALANCE")]
    done = np.isin(event["kind"], kinds) & (event["state"] == read.store.codes("event.state")["DONE"])
    ended = (log["step"] == read.store.codes("updates.step")["FINISHED"]) & done[log["event"]]
    last = np.full(len(account["cash"]), np.iinfo(np.int64).min)
    np.maximum.at(last, event["account"][log["event"][ended]], log["at_us"][ended])
    known = last > np.iinfo(np.int64).min
    yield from _first(known & (account["rebalanced_us"] != last), "account {} does not know when it was rebalanced")
