"""What becomes of plans: orders as blocks in the market, fills shared out, purchases planned again, accounts settled.

An account is SELLING while one of its sales is open, then BUYING, then IDLE again. Nothing is known but what the books
say. Sales are in the market for three quarters of an hour, so that what they pay for is bought that day; purchases
until the close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.day.columns.books import Books
from benchmarks.day.columns.desk import Desk
from benchmarks.day.columns.planner import (
    BY_PLAN,
    DEPOSIT,
    REBALANCED,
    WITHDRAWAL,
    Planner,
    Posed,
    Stage,
    State,
    Trees,
)
from benchmarks.day.columns.world import STEP
from benchmarks.day.market import Report, Sent, report
from benchmarks.day.world import price_micros, tickers
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver.columns import NOT_BOUGHT
from solver.securities import Side
from solver.trading.block_columns import OrderColumns
from solver.trading.book_columns import BookColumns, HeldColumns, MoneyColumns, WorkingColumns
from solver.trading.clocks import instant_of, microseconds
from solver.trading.replan_columns import ReplanColumns, replan_columns
from solver.trading.updates import Step

__all__ = ["Dealer"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SALES_LAST = timedelta(minutes=45)
TOLD_LATE = timedelta(minutes=1)
NEW_BLOCK = (
    "INSERT INTO blocks (block, security, sells, amount, quantity, orders, sent_us, ends_us, look_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
HEARD = "UPDATE blocks SET look_us = ?, over_us = ?, told = ?, fate = ? WHERE block = ?"
NEW_FILL = "INSERT INTO market_fills VALUES (?, ?, ?, ?, ?)"
Heard = tuple[dict[str, Any], Report]


class Dealer:
    """The part of a broker that keeps plans at work."""

    def __init__(self, books: Books, desk: Desk, planner: Planner, seed: int) -> None:
        self.books, self.desk, self.planner, self.seed = books, desk, planner, seed

    def send(self, now: datetime) -> None:
        """All orders that wait go to market as blocks: sales first, purchases of accounts whose sales are over."""
        order, stage = self.books.order, self.books.account["stage"]
        waits = np.flatnonzero((order["block"] < 0) & ~order["over"])
        account = self.books.owner[order["row"][waits]]
        own = stage[account] == np.where(order["sells"][waits], Stage.SELLING, Stage.BUYING)
        waits, account = waits[own], account[own]
        ends_us = self.books.account["ends_us"][account]
        for end_us in np.unique(ends_us).tolist():
            self._send(waits[ends_us == end_us], account[ends_us == end_us], end_us, now)

    def _send(self, orders: Ints, account: Ints, ends_us: int, now: datetime) -> None:
        order, first = self.books.order, int(self.books.store.value("SELECT count(*) FROM blocks"))
        first += sum(len(rows) for sql, rows in self.books.sql if sql == NEW_BLOCK)
        security, sells = self.books.row["security"][order["row"][orders]].astype(np.int64), order["sells"][orders]
        sized = order["amount"][orders], order["quantity"][orders]
        steps = np.full(len(tickers()), STEP)
        blocks = self.desk.aggregate(OrderColumns(account, security, sells, *sized, steps))
        number = np.full((2, len(steps)), -1)
        number[blocks["sells"].astype(np.int64), blocks["security"]] = first + np.arange(len(blocks["security"]))
        order.set("block", orders, number[sells.astype(np.int64), security])
        names = ("security", "sells", "amount", "quantity_nanos", "orders")
        rows = []
        for k, block in enumerate(zip(*(blocks[name].astype(np.int64).tolist() for name in names), strict=True)):
            until = min(ends_us, microseconds(now + SALES_LAST)) if block[1] else ends_us
            row = (first + k, *block, microseconds(now), until)
            told = report(self.seed, _sent(dict(zip(COLUMNS, row, strict=True))), price_micros)
            rows.append((*row, _next_us(told, now, instant_of(row[6]))))
        self.books.sql.append((NEW_BLOCK, rows))
        self.planner.tell(self._events(np.unique(account)), Step.SENT, now)

    def _events(self, accounts: Ints) -> Ints:
        return self.books.account["event"][accounts].astype(np.int64)

    def hear(self, now: datetime) -> None:
        """What the market has to say of every block whose time has come: its new fills are shared out."""
        rows = self.books.store.rows("SELECT * FROM blocks WHERE look_us <= ? ORDER BY block", microseconds(now))
        heard = [(dict(row), report(self.seed, _sent(dict(row)), price_micros)) for row in rows]
        if not heard:
            return
        order = self.books.order
        own = np.flatnonzero(np.isin(order["block"], [block["block"] for block, _ in heard]) & ~order["over"])
        self._share_out(heard, own, now)
        over = [block["block"] for block, told in heard if told.over_at <= now]
        ended = own[np.isin(order["block"][own], over)]
        order.set("over", ended, True)
        short = ended[self._short(ended)]
        rejected = np.isin(order["block"][short], [block["block"] for block, told in heard if told.rejected])
        refused = self._accounts(short[rejected])
        rest = self._accounts(short)
        reasons = np.where(np.isin(rest, refused), self.books.bit("REJECTED") if len(refused) else 0, 0)
        self.planner.tell(self._events(rest), Step.CANCELLED, now, reasons)
        self._late(heard, own, now)
        changes = []
        for block, told in heard:
            fills = sum(at <= now for at, _ in told.fills)
            ends = told.over_at <= now
            look = None if ends else _next_us(told, now, instant_of(block["sent_us"]))
            over_us = microseconds(now) if ends else None
            changes.append((look, over_us, fills, _fate(block, told, now), block["block"]))
        self.books.sql.append((HEARD, changes))

    def _accounts(self, orders: Ints) -> Ints:
        return np.unique(self.books.owner[self.books.order["row"][orders]])

    def _rest(self, orders: Ints) -> Ints:
        """What orders still want: nanoshares of sales, minor units of purchases."""
        order = self.books.order
        nanos = order["quantity"][orders] - order["filled_nanos"][orders]
        return np.where(order["sells"][orders], nanos, order["amount"][orders] - order["filled_amount"][orders])

    def _short(self, orders: Ints) -> Bools:
        """Whether more than a hundredth of them is left: a purchase in steps leaves a cent or so."""
        order = self.books.order
        asked = np.where(order["sells"][orders], order["quantity"][orders], order["amount"][orders])
        return self._rest(orders) > asked // 100

    def _share_out(self, heard: Sequence[Heard], orders: Ints, now: datetime) -> None:
        """The new fills of all blocks; to the service each block is a security, since its orders are its own."""
        order, now_us = self.books.order, microseconds(now)
        fresh = [(b["block"], at, f) for b, told in heard for at, f in told.fills[b["told"] :] if at <= now]
        numbers = sorted({block for block, _, _ in fresh})
        orders = orders[np.isin(order["block"][orders], numbers)]
        orders = orders[self._rest(orders) > 0]
        if not fresh:
            return
        sells, place = order["sells"][orders], np.searchsorted(numbers, order["block"][orders])
        nanos = order["quantity"][orders] - order["filled_nanos"][orders]
        amount = np.maximum(0, order["amount"][orders] - order["filled_amount"][orders])
        account = self.books.owner[order["row"][orders]]
        wanted = OrderColumns(account, place, sells, amount, np.maximum(1, nanos), np.full(len(numbers), STEP))
        side_of = dict(zip(place.tolist(), sells.tolist(), strict=True))
        fills = [
            pb.ColumnFill(
                fill_id=fill.fill_id,
                security=numbers.index(block),
                side=pb.SIDE_SELL if side_of[numbers.index(block)] else pb.SIDE_BUY,
                quantity_nanos=fill.quantity_nanos,
                price_micros=fill.price_micros,
            )
            for block, _, fill in fresh
        ]
        nanos, amount = self.desk.allocate(wanted, fills)
        got = np.flatnonzero((nanos > 0) | (amount > 0))
        orders, nanos, amount = orders[got], nanos[got], amount[got]
        order.set("filled_nanos", orders, order["filled_nanos"][orders] + nanos)
        order.set("filled_amount", orders, order["filled_amount"][orders] + amount)
        block = order["block"][orders]
        if len(orders):
            self.books.note("fills", order=orders, block=block, at_us=now_us, quantity=nanos, amount=amount)
        rows = [(f.fill_id, block, f.quantity_nanos, f.price_micros, microseconds(at)) for block, at, f in fresh]
        self.books.sql.append((NEW_FILL, rows))
        self.planner.tell(self._events(self._accounts(orders)), Step.FILLED, now)

    def _late(self, heard: Sequence[Heard], orders: Ints, now: datetime) -> None:
        """Whoever waits for a block that is late is told so, and when it is looked at again."""
        late = {}
        for block, told in heard:
            if _fate(block, told, now) == "LATE" and block["fate"] != "LATE":
                late[block["block"]] = _next_us(told, now, instant_of(block["sent_us"])) or block["ends_us"]
        if late:
            waits = self._accounts(orders[np.isin(self.books.order["block"][orders], list(late))])
            look = np.searchsorted(self.books.looks_us, min(late.values()))
            self.planner.tell(self._events(waits), Step.DELAYED, now, until_us=self.books.looks_us[look])

    def move_on(self, now: datetime) -> None:
        """Accounts whose sales are over go on to purchases, those whose orders are all over are settled."""
        order, stage = self.books.order, self.books.account["stage"]
        sent = np.flatnonzero((order["block"] >= 0) & ~order["over"])
        at_work = np.zeros(self.books.account.count, np.bool_)
        at_work[self.books.owner[order["row"][sent]]] = True
        sold = np.flatnonzero((stage == Stage.SELLING) & ~at_work)
        bought = np.flatnonzero((stage == Stage.BUYING) & ~at_work)
        nothing = self._buy(sold, now) if len(sold) else sold
        self.settle(np.sort(np.concatenate((nothing, bought))), now)

    def _working(self, trees: Trees) -> tuple[Ints, WorkingColumns]:
        """The orders of accounts that are not settled, by row, and what came of them."""
        order = self.books.order
        mine = np.zeros(self.books.account.count, np.bool_)
        mine[trees.accounts] = True
        orders = np.flatnonzero(~order["settled"])
        orders = orders[mine[self.books.owner[order["row"][orders]]]]
        orders = orders[np.argsort(order["row"][orders], kind="stable")]
        return orders, WorkingColumns(
            row=np.searchsorted(trees.rows, order["row"][orders]),
            sells=order["sells"][orders],
            amount=order["amount"][orders],
            quantity_nanos=order["quantity"][orders],
            filled_nanos=order["filled_nanos"][orders],
            filled_amount=order["filled_amount"][orders],
            cancelled=order["over"][orders],
        )

    def _applied(self, trees: Trees, working: WorkingColumns) -> BookColumns:
        event, own = self.books.event, self.books.account
        events = self._events(trees.accounts)
        kind, amount = event["kind"][events], event["amount"][events]
        received, due = np.where(kind == DEPOSIT, amount, 0), np.where(kind == WITHDRAWAL, amount, 0)
        return self.desk.apply(trees.held, MoneyColumns(own["cash"][trees.accounts], received, due), working)

    def _buy(self, accounts: Ints, now: datetime) -> Ints:
        """Purchases follow for the money that sales brought, or are given up at the close; accounts without any."""
        late = self.books.account["ends_us"][accounts] <= microseconds(now)
        found = [self._give_up(accounts[late], now), self._rebuy(accounts[~late], now)]
        return np.concatenate(found)

    def _give_up(self, accounts: Ints, now: datetime) -> Ints:
        """It is too late to buy; all of ``accounts``."""
        order, mine = self.books.order, np.zeros(self.books.account.count, np.bool_)
        mine[accounts] = True
        waits = np.flatnonzero(~order["over"] & (order["block"] < 0))
        waits = waits[mine[self.books.owner[order["row"][waits]]]]
        order.set("over", waits, True)
        self.planner.tell(self._events(self._accounts(waits)), Step.CANCELLED, now)
        return accounts

    def _rebuy(self, accounts: Ints, now: datetime) -> Ints:
        """Purchases are planned again where sales brought less than they cost; the accounts that buy nothing."""
        if not len(accounts):
            return accounts
        books, trees = self.books, self.planner.laid(accounts, now)
        orders, working = self._working(trees)
        found = self._applied(trees, working)
        valued, events = replace(trees, value=found.value), self._events(accounts)
        blocked = np.where(books.row["traded"][trees.rows] < 0, NOT_BOUGHT, 0)
        asked = self.planner.posed(events, valued, blocked)
        again = replan_columns(asked, trees.held, found, working)
        replaced = np.isin(np.searchsorted(trees.start, working.row, "right") - 1, again.account)
        books.order.set("over", orders[replaced & ~working.sells], True)
        waits = found.waiting > 0
        books.account.set("stage", accounts[waits], Stage.BUYING)
        nothing = self._plan_again(again, trees, found, now) if len(again.account) else accounts[:0]
        self.planner.tell(self._events(nothing), Step.CANCELLED, now)
        return np.concatenate((accounts[~waits], nothing))

    def _plan_again(self, again: ReplanColumns, trees: Trees, found: BookColumns, now: datetime) -> Ints:
        """Plan purchases with the money there is; the accounts for which that comes to nothing."""
        accounts, rows = trees.accounts[again.account], again.row
        prices = trees.held.price_micros, trees.held.step_nanos
        held = HeldColumns(again.accounts.start, trees.held.security[rows], found.held_nanos[rows], *prices)
        some = Trees(accounts, trees.rows[rows], held.start, held, again.accounts.value)
        plans, _ = self.desk.plan(again.accounts)
        there = plans.quality > 0
        own = np.repeat(there, np.diff(held.start))
        made = plans._replace(trade=plans.trade[own], **{n: getattr(plans, n)[there] for n in BY_PLAN})
        kept, none = some.of(there), np.zeros(np.count_nonzero(there), np.int64)
        events = self._events(kept.accounts)
        self.planner.tell(events, Step.PLANNED, now)
        money = again.accounts.cash[there]
        empty = self.planner.keep(kept, made, Posed(events, money, none, none, again=True))
        return np.concatenate((accounts[~there], empty))

    def settle(self, accounts: Ints, now: datetime) -> None:
        """What came of orders becomes the account, its event is finished; what is not paid out stays asked for."""
        if not len(accounts):
            return
        books, order, event = self.books, self.books.order, self.books.event
        trees = self.planner.laid(accounts, now)
        orders, working = self._working(trees)
        found = self._applied(trees, working)
        if found.overdrawn.any() or not working.cancelled.all():
            raise AssertionError("an account is settled that owes money, or with an order at work")
        moved = orders[working.filled_nanos > 0]
        number = books.number_of(now)
        books.row.set("shares", order["row"][orders], found.held_nanos[working.row])
        books.row.set("traded", order["row"][moved], np.where(order["sells"][moved], -number, number))
        order.set("settled", orders, True)
        books.account.set("cash", accounts, found.cash)
        books.account.set("stage", accounts, Stage.IDLE)
        events = self._events(accounts)
        kind = event["kind"][events]
        amount = np.where(kind == DEPOSIT, event["amount"][events], -found.paid_out)
        if (amount != 0).any():
            books.note("moves", event=events[amount != 0], amount=amount[amount != 0])
        books.account.set("rebalanced_us", accounts[REBALANCED[kind]], microseconds(now))
        books.account.set("event", accounts, -1)
        rest = found.unpaid > 0
        event.set("amount", events[kind == WITHDRAWAL], found.unpaid[kind == WITHDRAWAL])
        event.set("state", events[rest], State.ASKED)
        event.set("look_us", events[rest], microseconds(now))
        event.set("state", events[~rest], State.DONE)
        self.planner.tell(events[~rest], Step.FINISHED, now)


COLUMNS = ("block", "security", "sells", "amount", "quantity", "orders", "sent_us", "ends_us")


def _sent(row: dict[str, Any]) -> Sent:
    side = Side.SELL if row["sells"] else Side.BUY
    sized = row["amount"], row["quantity"], bool(row["sells"]), STEP
    times = instant_of(row["sent_us"]), instant_of(row["ends_us"])
    return Sent(f"b{row['block']:07d}", tickers()[row["security"]], side, *sized, *times)


def _next_us(told: Report, now: datetime, sent_at: datetime) -> int | None:
    """When there is more to hear of a block: the next fill, a delay to tell of, its end."""
    instants = [at for at, _ in told.fills] + [told.over_at]
    instants += [sent_at + TOLD_LATE] if told.delayed else []
    return min((microseconds(at) for at in instants if at > now), default=None)


def _fate(block: dict[str, Any], told: Report, now: datetime) -> str:
    if told.over_at > now:
        return "LATE" if told.delayed and now >= instant_of(block["sent_us"]) + TOLD_LATE else ""
    if told.rejected:
        return "REJECTED"
    filled = sum(fill.quantity_nanos for _, fill in told.fills)
    money = sum(fill.amount("USD") for _, fill in told.fills)
    short = block["quantity"] - filled if block["sells"] else block["amount"] - money
    asked = block["quantity"] if block["sells"] else block["amount"]
    return "PART" if short > asked // 100 else "FILLED"
