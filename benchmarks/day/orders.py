"""Plans on their way: opened as books, their orders sent as blocks, fills shared out, purchases planned again, settled.

A plan is SELLING while one of its sales is open, then BUYING, then DONE. Nothing is known but what the tables say.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from benchmarks.day.asked import events_of, take_down, tell
from benchmarks.day.desk import Desk, Planned, Proof
from benchmarks.day.market import Report, Sent, report
from benchmarks.day.store import BOOKS, PORTFOLIO, Store, instant, micros
from benchmarks.day.world import Ask, price_micros
from solver import Infeasible, Portfolio, Rules, Side
from solver.trading.accounts import REBALANCES
from solver.trading.blocks import AccountOrder, BlockFill, BlockOrder, Fill
from solver.trading.books import Books
from solver.trading.sessions import Kind
from solver.trading.updates import Step

__all__ = ["Orders"]

TOLD_LATE = timedelta(minutes=1)
OVER = "('FILLED', 'PART', 'REJECTED')"
UNFINISHED = f"""
SELECT * FROM plans WHERE stage <> 'DONE' AND NOT EXISTS (
  SELECT 1 FROM orders LEFT JOIN blocks USING (block_id)
  WHERE orders.plan_id = plans.plan_id AND (block_id = '' OR fate NOT IN {OVER}))
ORDER BY plan_id
"""


class Orders:
    """The part of a broker that keeps plans at work."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.store, self.desk = store, desk
        self.seed = int(store.meta("seed", 0))

    def side(self, name: str) -> Side:
        """A side as the tables name it."""
        return Side(name)

    def price(self, security_id: str, at: datetime) -> int:
        """What a share costs at an instant, in millionths."""
        jumped = self.store.connection.execute(
            "SELECT factor_micros FROM jumps WHERE security_id = ? AND at_us <= ? ORDER BY at_us DESC LIMIT 1",
            (security_id, micros(at)),
        ).fetchone()
        return price_micros(security_id, at, jumped[0] if jumped else 1_000_000)

    def prices(self, names: Sequence[str], at: datetime) -> dict[str, int]:
        """The prices of several securities."""
        return {name: self.price(name, at) for name in names}

    def open(
        self,
        account_id: str,
        before: Portfolio,
        planned: Planned,
        events: Sequence[sqlite3.Row],
        ends_at: datetime,
        now: datetime,
    ) -> None:
        """A plan becomes books; its sales, or where there are none its purchases, wait to be sent."""
        number = self.store.value("SELECT count(*) FROM plans WHERE account_id = ?", account_id)
        plan_id = f"{account_id}.{number}"
        books = self.desk.open(account_id, plan_id, before, planned)
        sells = books.open_orders(Side.SELL)
        self.store.insert(
            "plans",
            plan_id=plan_id,
            account_id=account_id,
            stage="SELLING" if sells else "BUYING",
            books=BOOKS.dump_json(books).decode(),
            events=json.dumps([event["event_id"] for event in events]),
            ends_us=micros(ends_at),
            planned_us=micros(now),
            quality=planned.quality,
            error=planned.tracking_error,
            bound=planned.lower_bound,
        )
        self._list_orders(plan_id, sells or books.open_orders(Side.BUY))
        self.store.run("UPDATE accounts SET busy = ? WHERE account_id = ?", plan_id, account_id)
        for event in events:
            tell(self.store, self.desk, event, Step.PLANNED, now)
            self.store.run(
                "UPDATE events SET state = 'PLANNED', plan_id = ? WHERE event_id = ?", plan_id, event["event_id"]
            )

    def _list_orders(self, plan_id: str, orders: Sequence[AccountOrder]) -> None:
        for order in orders:
            self.store.insert(
                "orders",
                order_id=order.order_id,
                plan_id=plan_id,
                account_id=order.account_id,
                security_id=order.security_id,
                side=order.side.value,
                amount=order.amount,
                quantity=order.quantity_nanos,
                by_quantity=int(order.by_quantity),
                step=order.step_nanos,
            )

    def send(self, now: datetime) -> int:
        """All orders that wait go to market as blocks, in one step; how many blocks."""
        rows = self.store.rows(
            "SELECT orders.*, ends_us FROM orders JOIN plans USING (plan_id) WHERE block_id = '' ORDER BY order_id"
        )
        by_close: dict[int, list[AccountOrder]] = defaultdict(list)
        for row in rows:
            by_close[row["ends_us"]].append(_order(row))
        count = 0
        with self.store.step():
            for ends_us, orders in by_close.items():
                for block in self.desk.aggregate(orders):
                    self._send_block(block, now, instant(ends_us))
                    count += 1
            for plan_id in dict.fromkeys(row["plan_id"] for row in rows):
                self._tell(plan_id, Step.SENT, now)
        return count

    def _send_block(self, block: BlockOrder, now: datetime, ends_at: datetime) -> None:
        number = int(self.store.meta("blocks", 0))
        self.store.set_meta("blocks", number + 1)
        sent = Sent(
            f"b{number:07d}",
            block.security_id,
            block.side,
            block.amount,
            block.quantity_nanos,
            block.by_quantity,
            block.step_nanos,
            now,
            ends_at,
        )
        self.store.insert(
            "blocks",
            block_id=sent.block_id,
            security_id=sent.security_id,
            side=sent.side.value,
            amount=sent.amount,
            quantity=sent.quantity_nanos,
            by_quantity=int(sent.by_quantity),
            step=sent.step_nanos,
            sent_us=micros(now),
            ends_us=micros(ends_at),
            look_us=_next_report(report(self.seed, sent, self.price), sent, now),
        )
        for order in block.orders:
            self.store.run("UPDATE orders SET block_id = ? WHERE order_id = ?", sent.block_id, order.order_id)

    def take(self, now: datetime) -> None:
        """Hear what the market has to say of every block whose time has come, a step each."""
        due = self.store.rows("SELECT * FROM blocks WHERE look_us <= ? ORDER BY look_us, block_id", micros(now))
        for row in due:
            sent = _sent(row)
            told = report(self.seed, sent, self.price)
            self.hear(sent, told, now)

    def hear_again(self, block_id: str, now: datetime) -> None:
        """The market says once more what it said of a block."""
        sent = _sent(self.store.row("SELECT * FROM blocks WHERE block_id = ?", block_id))
        self.hear(sent, report(self.seed, sent, self.price), now)

    def hear(self, sent: Sent, told: Report, now: datetime) -> None:
        """One report: its new fills are shared out, and what is over is over. Heard again it changes nothing."""
        with self.store.step():
            self._hear(sent, told, now)

    def _hear(self, sent: Sent, told: Report, now: datetime) -> None:
        known = {
            row["fill_id"]
            for row in self.store.rows("SELECT fill_id FROM market_fills WHERE block_id = ?", sent.block_id)
        }
        fresh = [(at, fill) for at, fill in told.fills if at <= now and fill.fill_id not in known]
        over = told.over_at <= now
        if not fresh and self.store.value("SELECT look_us IS NULL FROM blocks WHERE block_id = ?", sent.block_id):
            return  # the end of it was heard already
        orders = self.store.rows("SELECT * FROM orders WHERE block_id = ? ORDER BY account_id", sent.block_id)
        if fresh:
            self._share_out(sent, orders, fresh)
        for row in orders:
            self._end(row, sent, told, now, over, bool(fresh))
        fate = self._fate(sent, told, now, over)
        look = None if over else _next_report(told, sent, now)
        self.store.run("UPDATE blocks SET look_us = ?, fate = ? WHERE block_id = ?", look, fate, sent.block_id)

    def _share_out(
        self, sent: Sent, orders: Sequence[sqlite3.Row], fresh: Sequence[tuple[datetime, BlockFill]]
    ) -> None:
        block = BlockOrder(sent.security_id, sent.side, tuple(_order(row) for row in orders))
        earlier = [
            _fill(row)
            for row in self.store.rows(
                "SELECT fills.* FROM fills JOIN orders USING (order_id) WHERE block_id = ?", sent.block_id
            )
        ]
        shared = self.desk.allocate(block, earlier, [fill for _, fill in fresh])
        last = max(at for at, _ in fresh)
        for at, fill in fresh:
            self.store.insert(
                "market_fills",
                fill_id=fill.fill_id,
                block_id=sent.block_id,
                quantity=fill.quantity_nanos,
                price=fill.price_micros,
                at_us=micros(at),
            )
        plan_of = {row["order_id"]: row["plan_id"] for row in orders}
        for one in shared:
            self.store.insert(
                "fills",
                fill_id=one.fill_id,
                order_id=one.order_id,
                account_id=one.account_id,
                security_id=one.security_id,
                side=one.side.value,
                quantity=one.quantity_nanos,
                amount=one.amount,
                at_us=micros(last),
            )
            plan_id = plan_of[one.order_id]
            self._write(plan_id, self.desk.apply(self._books(plan_id), [one]))

    def _end(self, row: sqlite3.Row, sent: Sent, told: Report, now: datetime, over: bool, fresh: bool) -> None:
        """What one order hears: filled, delayed, or its rest cancelled."""
        if not over:
            if fresh:
                self._tell(row["plan_id"], Step.FILLED, now)
            elif told.delayed and now >= sent.sent_at + TOLD_LATE:
                self._tell(
                    row["plan_id"],
                    Step.DELAYED,
                    now,
                    until=instant(_next_report(told, sent, now) or micros(sent.ends_at)),
                )
            return
        books = self._books(row["plan_id"])
        done = next(w.done for w in books.working if w.order.order_id == row["order_id"])
        if not done:
            self._write(row["plan_id"], self.desk.cancel(books, [row["order_id"]]))
        why = ["REJECTED"] if told.rejected else []
        self._tell(row["plan_id"], Step.FILLED if done else Step.CANCELLED, now, reasons=why)

    def _fate(self, sent: Sent, told: Report, now: datetime, over: bool) -> str:
        if not over:
            return "LATE" if told.delayed and now >= sent.sent_at + TOLD_LATE else ""
        if told.rejected:
            return "REJECTED"
        filled = sum(fill.quantity_nanos for _, fill in told.fills)
        money = sum(fill.amount("USD") for _, fill in told.fills)
        short = sent.quantity_nanos - filled if sent.by_quantity else (sent.amount - money) * 100 - sent.amount
        return "PART" if short > 0 else "FILLED"

    def move_on(self, now: datetime) -> int:
        """Plans whose sales are over go on to purchases, those whose orders are all over are settled; how many."""
        rows = self.store.rows(UNFINISHED)
        for row in rows:
            with self.store.step():
                if row["stage"] != "SELLING" or not self._buy(row, now):
                    self._settle(row, now)
        return len(rows)

    def _buy(self, row: sqlite3.Row, now: datetime) -> bool:
        """Purchases follow, for the money that the sales brought; false where there are none, or the close has been."""
        books = self._books(row["plan_id"])
        waiting = books.open_orders(Side.BUY)
        if not waiting:
            return False
        found: tuple[Books, tuple[Proof, ...]] | Infeasible | None = None
        if micros(now) < row["ends_us"]:
            prices = self.prices([s.security_id for s in books.opened.securities], now)
            events = [part for event in self._events(row["plan_id"]) for part in events_of(event)]
            minimum = self.store.value("SELECT min_trade FROM accounts WHERE account_id = ?", row["account_id"])
            found = self.desk.replan(books, prices, events, f"{row['plan_id']}r", Rules(min_trade=minimum))
        if found is None or isinstance(found, Infeasible):
            self._write(row["plan_id"], self.desk.cancel(books, [order.order_id for order in waiting]))
            self._tell(row["plan_id"], Step.CANCELLED, now)
            return False
        replanned, proofs = found
        self._write(row["plan_id"], replanned)
        for number, proof in enumerate(proofs):
            told = {"quality": proof.quality, "error": proof.tracking_error, "bound": proof.lower_bound}
            self.store.insert("replans", plan_id=row["plan_id"], number=number, **told)
        if proofs:
            self._tell(row["plan_id"], Step.PLANNED, now)
        self.store.run("UPDATE plans SET stage = 'BUYING' WHERE plan_id = ?", row["plan_id"])
        self._list_orders(row["plan_id"], replanned.open_orders(Side.BUY))
        return True

    def _settle(self, row: sqlite3.Row, now: datetime) -> None:
        """Books that are finished become the account; what could not be paid out stays asked for.

        Where purchases cost more than there was, the broker advances it, and a withdrawal pays it back.
        """
        books, events = self._books(row["plan_id"]), self._events(row["plan_id"])
        if not books.finished:
            raise AssertionError(f"{row['plan_id']} is settled with an order at work")
        account_id, left, cash = row["account_id"], books.cash.paid_out, books.cash
        for event in events:
            kind, unpaid = Kind(event["kind"]), 0
            if kind is Kind.DEPOSIT:
                self._move_cash(event, event["amount"], "DEPOSIT", now)
            elif kind is Kind.WITHDRAWAL:
                paid = min(left, event["amount"])
                left, unpaid = left - paid, event["amount"] - paid
                self._move_cash(event, -paid, "REPAID" if event["advance"] else "WITHDRAWAL", now)
            self._close(event, unpaid, now)
        portfolio = books.portfolio
        securities = tuple(replace(s, blocks=()) for s in portfolio.securities)
        kept = PORTFOLIO.dump_json(replace(portfolio, securities=securities)).decode()
        self.store.run("UPDATE accounts SET portfolio = ?, busy = '' WHERE account_id = ?", kept, account_id)
        if any(Kind(event["kind"]) in REBALANCES for event in events):
            self.store.run("UPDATE accounts SET rebalanced_us = ? WHERE account_id = ?", micros(now), account_id)
        self.store.run("UPDATE plans SET stage = 'DONE' WHERE plan_id = ?", row["plan_id"])
        if cash.received != sum(e["amount"] for e in events if e["kind"] == Kind.DEPOSIT.value) or left:
            raise AssertionError(f"{row['plan_id']} received or paid what nobody asked for: {cash}")
        if books.overdrawn:
            take_down(self.store, self.desk, Ask(account_id, Kind.WITHDRAWAL, now, books.overdrawn), advance=1)
            lent = self.store.row(
                "SELECT * FROM events WHERE account_id = ? AND advance = 1 AND state = 'ASKED' "
                "ORDER BY asked_us DESC, event_id DESC LIMIT 1",
                account_id,
            )
            self._move_cash(lent, books.overdrawn, "ADVANCE", now)

    def _move_cash(self, event: sqlite3.Row, amount: int, why: str, now: datetime) -> None:
        if amount:
            self.store.insert(
                "cash_moves",
                account_id=event["account_id"],
                event_id=event["event_id"],
                amount=amount,
                why=why,
                at_us=micros(now),
            )

    def _close(self, event: sqlite3.Row, unpaid: int, now: datetime) -> None:
        """An event is finished, but for what of a withdrawal is still to be raised."""
        if unpaid:
            self.store.run(
                "UPDATE events SET state = 'ASKED', amount = ?, look_us = ?, plan_id = '' WHERE event_id = ?",
                unpaid,
                micros(now),
                event["event_id"],
            )
            return
        tell(self.store, self.desk, event, Step.FINISHED, now)
        self.store.run("UPDATE events SET state = 'DONE' WHERE event_id = ?", event["event_id"])

    def _books(self, plan_id: str) -> Books:
        return BOOKS.validate_json(self.store.value("SELECT books FROM plans WHERE plan_id = ?", plan_id))

    def _write(self, plan_id: str, books: Books) -> None:
        kept = BOOKS.dump_json(books).decode()
        self.store.run("UPDATE plans SET books = ? WHERE plan_id = ?", kept, plan_id)

    def _events(self, plan_id: str) -> list[sqlite3.Row]:
        """The events of a plan as they were planned together, in listed order."""
        listed = json.loads(self.store.value("SELECT events FROM plans WHERE plan_id = ?", plan_id))
        return [self.store.row("SELECT * FROM events WHERE event_id = ?", name) for name in listed]

    def _tell(
        self, plan_id: str, step: Step, now: datetime, until: datetime | None = None, reasons: Sequence[str] = ()
    ) -> None:
        for event in self._events(plan_id):
            tell(self.store, self.desk, event, step, now, until, reasons)


def _next_report(told: Report, sent: Sent, now: datetime) -> int | None:
    """When there is more to hear of a block: the next fill, a delay to tell of, its end."""
    instants = [at for at, _ in told.fills] + [told.over_at]
    instants += [sent.sent_at + TOLD_LATE] if told.delayed else []
    return min((micros(at) for at in instants if at > now), default=None)


def _sent(row: sqlite3.Row) -> Sent:
    sized = row["amount"], row["quantity"], bool(row["by_quantity"]), row["step"]
    times = instant(row["sent_us"]), instant(row["ends_us"])
    return Sent(row["block_id"], row["security_id"], Side(row["side"]), *sized, *times)


def _order(row: sqlite3.Row) -> AccountOrder:
    sized = row["amount"], row["quantity"], bool(row["by_quantity"]), row["step"]
    return AccountOrder(row["account_id"], row["order_id"], row["security_id"], Side(row["side"]), *sized)


def _fill(row: sqlite3.Row) -> Fill:
    ids = row["fill_id"], row["account_id"], row["order_id"], row["security_id"]
    return Fill(*ids, Side(row["side"]), row["quantity"], row["amount"])
