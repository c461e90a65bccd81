"""What accounts do at a look: their triggers, what of their events may trade now, and the plans of these.

Of several events of an account the one that was asked for first is looked at first; the next once it is done or waits.
Columns have one event an account, so two are not planned together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.day.columns.books import Books
from benchmarks.day.columns.desk import Desk
from benchmarks.day.columns.world import KINDS, STEP, STYLES, Asks, prices_at, ranges
from solver.columns import NOT_BOUGHT, NOT_SOLD, Accounts, EventKind, Plans, Refusal
from solver.trading.accounts import REBALANCES
from solver.trading.book_columns import HeldColumns, MoneyColumns, WorkingColumns
from solver.trading.clocks import NEVER, microseconds
from solver.trading.decision_columns import ACTIONS, BIT, DecisionColumns, DecisionRows
from solver.trading.decisions import Action
from solver.trading.sessions import Kind
from solver.trading.trigger_columns import TriggerColumns
from solver.trading.triggers import CashEvents, Daily
from solver.trading.updates import Step

__all__ = ["NO_ORDERS", "Planner", "Posed", "Stage", "State", "Trees"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAY_US = 86_400 * 10**6
AGAIN = ("WITHDRAWAL_BLOCKED", "LIQUIDATION_BLOCKED")  # another day it may be possible
EVENTS = {
    Kind.DEPOSIT: EventKind.DEPOSIT,
    Kind.WITHDRAWAL: EventKind.WITHDRAWAL,
    Kind.LIQUIDATION: EventKind.LIQUIDATION,
    Kind.SCHEDULED_REBALANCE: EventKind.REBALANCE,
    Kind.CLIENT_REBALANCE: EventKind.REBALANCE,
    Kind.INSTANT_REBALANCE: EventKind.REBALANCE,
}
EVENT_OF = np.array([EVENTS.get(kind, 0) for kind in KINDS])
DEPOSIT, WITHDRAWAL, LIQUIDATION = (KINDS.index(k) for k in (Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.LIQUIDATION))
REBALANCED = np.array([kind in REBALANCES for kind in KINDS])
SCHEDULED = KINDS.index(Kind.SCHEDULED_REBALANCE)
BY_PLAN = ("quality", "tracking_error", "lower_bound", "cash_after")
STEPS = {step: number for number, step in enumerate(Step)}
WHY = {bit: why.value for why, bit in BIT.items()}
NONE, NO = np.zeros(0, np.int64), np.zeros(0, np.bool_)
NO_ORDERS = WorkingColumns(NONE, NO, NONE, NONE, NONE, NONE, NO)


class State(IntEnum):
    """Where an event is; the first three still want a plan."""

    ASKED = 0
    WAITING = 1
    BLOCKED = 2
    PLANNED = 3
    DONE = 4
    REFUSED = 5


class Stage(IntEnum):
    """Where an account is between a plan and the end of its orders."""

    IDLE = 0
    SELLING = 1
    BUYING = 2


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Some accounts with their rows: numbers among all ``rows``, where each one's begin, what each row is worth."""

    accounts: Ints
    rows: Ints
    start: Ints
    held: HeldColumns
    value: Ints

    @property
    def worth(self) -> Ints:
        """What each account holds."""
        return summed(self.value, self.start)

    def of(self, chosen: Bools) -> Trees:
        """Some of these accounts."""
        mine = np.repeat(chosen, np.diff(self.start))
        start = np.concatenate(([0], np.cumsum(np.diff(self.start)[chosen])))
        held = HeldColumns(
            start, self.held.security[mine], self.held.held_nanos[mine], self.held.price_micros, self.held.step_nanos
        )
        return Trees(self.accounts[chosen], self.rows[mine], start, held, self.value[mine])


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """What was planned, by account: its event and its money; ``again``: only purchases, with what sales brought."""

    events: Ints
    cash: Ints
    received: Ints
    due: Ints
    again: bool = False


def summed(column: Ints, start: Ints) -> Ints:
    """Sums of a column of rows by account; every account has rows."""
    return np.add.reduceat(column, start[:-1]) if len(start) > 1 else column[:0]


class Planner:
    """The part of a broker that says what accounts do."""

    def __init__(self, books: Books, desk: Desk) -> None:
        self.books, self.desk = books, desk

    def tell(self, event: Ints, step: Step, at: Any, reasons: Any = 0, until_us: Any = NEVER) -> None:
        """One more update of each event."""
        at_us = microseconds(at) if isinstance(at, datetime) else at
        if len(event):
            update = {"event": event, "step": STEPS[step], "at_us": at_us, "until_us": until_us, "reasons": reasons}
            self.books.note("updates", **update)

    def take(self, asks: Asks, client: bool) -> None:
        """New events, accepted when they are asked for."""
        if not len(asks.account):
            return
        by_name = {n: getattr(asks, n) for n in ("account", "kind", "amount", "row", "asked_us")}
        fresh = {"asked": asks.amount, "client": client, "state": State.ASKED, "look_us": asks.asked_us}
        events = self.books.event.add(**by_name, **fresh, postponed_us=NEVER)
        self.tell(events, Step.ACCEPTED, asks.asked_us)

    def laid(self, accounts: Ints, now: datetime) -> Trees:
        """Accounts, in order, with what was held when they were settled last, and nothing said of its value."""
        books = self.books
        rows, start = ranges(books.start[accounts], books.account["rows"][accounts].astype(np.int64))
        prices = prices_at(now)
        steps = np.full(len(prices), STEP)
        held = HeldColumns(start, books.row["security"][rows], books.row["shares"][rows], prices, steps)
        return Trees(accounts, rows, start, held, np.zeros(len(rows), np.int64))

    def trees(self, accounts: Ints, now: datetime) -> Trees:
        """The same, valued."""
        trees, none = self.laid(accounts, now), np.zeros(len(accounts), np.int64)
        return replace(trees, value=self.desk.apply(trees.held, MoneyColumns(none, none, none), NO_ORDERS).value)

    def trigger(self, now: datetime) -> None:
        """The run of the day: which accounts should trade by themselves."""
        for number, (policy, _) in enumerate(STYLES.values()):
            accounts = np.flatnonzero(self.books.account["style"] == number)
            if policy.rules and len(accounts):
                trees = self.trees(accounts, now)
                holds = self.desk.triggers(policy, now, self._history(trees))
                of_cash = np.array([isinstance(rule, CashEvents) for rule in policy.rules])
                daily = np.array([isinstance(rule, Daily) for rule in policy.rules])
                ran = holds[daily].any(axis=0)
                self.books.account.set("run_us", accounts[ran], microseconds(now))
                funded = trees.worth + self.books.account["cash"][accounts] > 0
                self._ask(accounts, holds[~of_cash].any(axis=0) & funded, SCHEDULED, now)
                self._ask(accounts, holds[of_cash].any(axis=0) & ~holds[~of_cash].any(axis=0), DEPOSIT, now)

    def _history(self, trees: Trees) -> TriggerColumns:
        own, row = self.books.account, self.books.row
        none = np.zeros(len(trees.accounts), np.int64)
        return TriggerColumns(
            started_us=own["started_us"][trees.accounts],
            last_rebalance_us=own["rebalanced_us"][trees.accounts],
            last_run_us=own["run_us"][trees.accounts],
            cash=own["cash"][trees.accounts],
            cash_floor=none,
            withdrawal=none,
            start=trees.start,
            parent=row["parent"][trees.rows].astype(np.int64),
            target_weight=row["weight"][trees.rows].astype(np.int64),
            value=trees.value,
            asset_class=np.full(len(trees.rows), -1),
        )

    def _ask(self, accounts: Ints, wanted: Bools, kind: int, now: datetime) -> None:
        """An event that a trigger asks for, but where one of its kind is open already."""
        event = self.books.event
        open_now = np.zeros(self.books.account.count, np.bool_)
        open_now[event["account"][(event["kind"] == kind) & (event["state"] <= State.BLOCKED)]] = True
        chosen = accounts[wanted & ~open_now[accounts]]
        none = np.zeros(len(chosen), np.int64)
        self.take(Asks(chosen, none + kind, none, none, none + microseconds(now)), client=False)

    def due(self, now: datetime) -> Ints:
        """The first event of each idle account that is to be looked at; by account."""
        event, now_us = self.books.event, microseconds(now)
        found = np.flatnonzero((event["state"] <= State.BLOCKED) & (event["look_us"] <= now_us))
        found = found[self.books.account["stage"][event["account"][found]] == Stage.IDLE]
        found = found[np.lexsort((found, event["asked_us"][found], event["account"][found]))]
        first: Bools = np.diff(event["account"][found], prepend=-1) > 0
        firsts: Ints = found[first]
        return firsts

    def look(self, events: Ints, now: datetime) -> Ints:
        """Decide about ``events``, one an account, and plan what trades now; the accounts whose plan has no orders.

        These can be settled at once, and then have their next event looked at.
        """
        timetables = [timetable for _, timetable in STYLES.values()]
        style = self.books.account["style"][self.books.event["account"][events]]
        finished = []
        for timetable in dict.fromkeys(timetables):
            mine = events[np.isin(style, [k for k, one in enumerate(timetables) if one == timetable])]
            if not len(mine):
                continue
            trees = self.trees(self.books.event["account"][mine].astype(np.int64), now)
            traded = self.books.row["traded"][trees.rows]
            found = self.desk.decide(timetable, self._asked(mine, trees, traded, now))
            trades = found.action == ACTIONS.index(Action.TRADE_NOW)
            self._wait(mine, found, now)
            blocked = np.zeros(len(trees.rows), np.int64)
            blocked[np.flatnonzero(traded)[found.trade_blocked]] = 1
            blocked *= np.where(traded > 0, NOT_SOLD, NOT_BOUGHT)
            if trades.any():
                own = np.repeat(trades, np.diff(trees.start))
                finished.append(
                    self._plan(mine[trades], trees.of(trades), blocked[own], found.orders_end_us[trades], now)
                )
        return np.concatenate(finished) if finished else events[:0]

    def _asked(self, events: Ints, trees: Trees, traded: Ints, now: datetime) -> DecisionColumns:
        own, event, count = self.books.account, self.books.event, len(events)
        never, none, no = np.full(count, NEVER), np.zeros(count, np.int64), np.zeros(count, np.bool_)
        kind, amount = event["kind"][events].astype(np.int64), event["amount"][events]
        trades = np.flatnonzero(traded)
        return DecisionColumns(
            clock_us=none + microseconds(now),
            kind=kind,
            asked_us=event["asked_us"][events],
            postponed_us=event["postponed_us"][events],
            flags=own["flags"][trees.accounts].astype(np.int64),
            value=trees.worth,
            cash=own["cash"][trees.accounts] + np.where(kind == DEPOSIT, amount, 0),
            min_order=own["min_trade"][trees.accounts],
            cash_unavailable=none,
            cash_available_us=never,
            restricted=own["restricted"][trees.accounts],
            closed=no,
            rebalanced_us=own["rebalanced_us"][trees.accounts],
            manual_orders_us=never,
            looked_us=never,
            trade_start=np.searchsorted(trades, trees.start),
            trade_side=(traded[trades] < 0).astype(np.int64),
            trade_us=self.books.looks_us[np.abs(traded[trades].astype(np.int64)) - 1],
            trade_opposed=self._opposed(events, trees, traded)[trades],
        )

    def _opposed(self, events: Ints, trees: Trees, traded: Ints) -> Bools:
        """Whether the event wants the other side of each row: a plan says what it would trade, where that matters."""
        opposed: Bools = traded != 0
        kind = self.books.event["kind"][events]
        asks = (REBALANCED[kind] | (kind == LIQUIDATION)) & np.logical_or.reduceat(opposed, trees.start[:-1])
        if asks.any():
            own = np.repeat(asks, np.diff(trees.start))
            some = trees.of(asks)
            plans, _ = self.desk.plan(self.posed(events[asks], some, np.zeros(len(some.rows), np.int64)))
            known = np.repeat(plans.quality > 0, np.diff(some.start))
            opposed[own] &= ~known | (plans.trade * traded[own] < 0)
        return opposed

    def posed(self, events: Ints, trees: Trees, blocked: Ints) -> Accounts:
        """Accounts and an event each as they are planned."""
        own, event, row = self.books.account, self.books.event, self.books.row
        return Accounts(
            start=trees.start,
            event=EVENT_OF[event["kind"][events]],
            amount=event["amount"][events],
            event_row=event["row"][events].astype(np.int64),
            cash=own["cash"][trees.accounts],
            min_trade=own["min_trade"][trees.accounts],
            parent=row["parent"][trees.rows].astype(np.int64),
            target_weight=row["weight"][trees.rows].astype(np.int64),
            value=trees.value,
            blocked=blocked,
        )

    def _wait(self, events: Ints, found: DecisionRows, now: datetime) -> None:
        """Write down what waits, or is blocked; a blocked event is looked at again, or was not to be kept."""
        event, reasons = self.books.event, self._reasons(found.reasons)
        waits = found.action == ACTIONS.index(Action.WAIT_UNTIL)
        event.set("state", events[waits], State.WAITING)
        event.set("look_us", events[waits], found.at_us[waits])
        moved = waits & found.postponed
        event.set("postponed_us", events[moved], found.at_us[moved])
        self.tell(events[waits], Step.WAITING, now, reasons[waits], found.at_us[waits])
        blocked = found.action == ACTIONS.index(Action.BLOCKED)
        kept = blocked & ~REBALANCED[event["kind"][events]]
        self.tell(events[blocked], Step.BLOCKED, now, reasons[blocked])
        self._again(events[kept], now)
        self._refuse(events[blocked & ~kept], now)

    def _reasons(self, bits: Ints) -> Ints:
        """The reasons of decisions as the books number them."""
        found = np.zeros(len(bits), np.int64)
        for bit, name in WHY.items():
            if (bits & bit).any():
                found |= np.where(bits & bit, self.books.bit(name), 0)
        return found

    def _again(self, events: Ints, now: datetime) -> None:
        self.books.event.set("state", events, State.BLOCKED)
        self.books.event.set("look_us", events, microseconds(now) + DAY_US)

    def _refuse(self, events: Ints, now: datetime) -> None:
        self.books.event.set("state", events, State.REFUSED)
        self.tell(events, Step.FINISHED, now)

    def _plan(self, events: Ints, trees: Trees, blocked: Ints, ends_us: Ints, now: datetime) -> Ints:
        """Plan what trades now; the accounts whose plan has no orders."""
        asked = self.posed(events, trees, blocked)
        plans, refusals = self.desk.plan(asked)
        self._fail(events, refusals, now)
        there = plans.quality > 0
        own = np.repeat(there, np.diff(trees.start))
        planned, trees = events[there], trees.of(there)
        kind = self.books.event["kind"][planned]
        amount = self.books.event["amount"][planned]
        received, due = np.where(kind == DEPOSIT, amount, 0), np.where(kind == WITHDRAWAL, amount, 0)
        self.books.account.set("event", trees.accounts, planned)
        self.books.account.set("ends_us", trees.accounts, ends_us[there])
        self.books.event.set("state", planned, State.PLANNED)
        self.tell(planned, Step.PLANNED, now)
        self._retire(planned[kind == LIQUIDATION])
        made = plans._replace(trade=plans.trade[own], **{n: getattr(plans, n)[there] for n in BY_PLAN})
        return self.keep(trees, made, Posed(planned, self.books.account["cash"][trees.accounts], received, due))

    def _fail(self, events: Ints, refusals: dict[int, Refusal], now: datetime) -> None:
        """No plan: what is only blocked that day is looked at again, all else can never be done."""
        for reason in sorted({told.reason for told in refusals.values()}):
            mine = events[[place for place, told in refusals.items() if told.reason == reason]]
            self.tell(mine, Step.BLOCKED, now, self.books.bit(reason))
            if reason in AGAIN:
                self._again(mine, now)
            else:
                self._refuse(mine, now)

    def _retire(self, events: Ints) -> None:
        """What is liquidated has the target 0 from now on."""
        event = self.books.event
        rows = self.books.start[event["account"][events]] + event["row"][events]
        self.books.row.set("weight", rows, 0)

    def keep(self, trees: Trees, plans: Plans, posed: Posed) -> Ints:
        """Write plans down with their orders, which wait to be sent; the accounts whose plan has none."""
        books, count = self.books, len(trees.accounts)
        sized = self.desk.size(trees.held, trees.value, plans.trade)
        account = np.searchsorted(trees.start, sized.row, "right") - 1
        if len(sized.row):
            fresh = {"block": -1, "filled_nanos": 0, "filled_amount": 0, "over": False, "settled": False}
            quantities = {"sells": sized.sells, "amount": sized.amount, "quantity": sized.quantity_nanos}
            books.order.add(row=trees.rows[sized.row], plan=books.plans + account, **quantities, **fresh)
        books.note(
            "plans",
            account=trees.accounts,
            event=posed.events,
            again=posed.again,
            quality=plans.quality,
            error=plans.tracking_error,
            bound=plans.lower_bound,
            cash=posed.cash,
            received=posed.received,
            due=posed.due,
            traded=summed(plans.trade, trees.start),
            cash_after=plans.cash_after,
        )
        books.plans += count
        orders, sales = (np.bincount(account[k], minlength=count) for k in (slice(None), sized.sells))
        books.account.set("stage", trees.accounts, np.where(sales > 0, Stage.SELLING, Stage.BUYING))
        empty: Bools = orders == 0
        return trees.accounts[empty]
