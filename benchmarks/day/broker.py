"""The day itself: what is due at an instant is done, step by step, each step one transaction.

``look`` does all that the books say is due, and nothing is kept but in the books: so a broker that was killed at any
step looks again at the same instant and goes on. Accounts are looked at one by one; orders go to market together, once
nothing else is left to do at that instant. An account has one plan at work at a time, and what is asked for meanwhile
waits for its end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from benchmarks.day.asked import OPEN, events_of, take_down, tell
from benchmarks.day.desk import Desk, Planned
from benchmarks.day.orders import Orders
from benchmarks.day.store import CHANGE, PORTFOLIO, Store, instant, micros
from benchmarks.day.world import PRESETS, Ask, Client, security, valued
from solver import Holding, Infeasible, InvalidRequest, Portfolio, Rules
from solver.trading.accounts import REBALANCES, Account, Asked, Traded
from solver.trading.decisions import Action, Decision, with_blocks
from solver.trading.sessions import ALLIO_MANAGED_WINDOWS, Kind, trading_days
from solver.trading.triggers import History, TriggerCode
from solver.trading.updates import Step

__all__ = ["Broker"]

AGAIN = ("WITHDRAWAL_BLOCKED", "LIQUIDATION_BLOCKED", "OUT_OF_TIME")
TRADES_DAYS = timedelta(days=2)  # a day of any exchange, and its evening before


@dataclass(frozen=True, slots=True)
class _Intent:
    """What is to be written of one account after a look: the plan and its events, and what becomes of the others."""

    planned: tuple[sqlite3.Row, ...]
    before: Portfolio | None
    plan: Planned | None
    ends_at: datetime | None
    others: tuple[tuple[sqlite3.Row, Decision], ...]
    failed: tuple[sqlite3.Row, Infeasible] | None


class Broker:
    """A broker with its books in ``store``, which asks ``desk`` for every decision."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.store, self.desk = store, desk
        self.orders = Orders(store, desk)
        self.runs_us = trading_days(ALLIO_MANAGED_WINDOWS).openings[0].start_us

    def open_accounts(self, clients: Iterable[Client], at: datetime) -> None:
        """Take accounts as they are, all or none."""
        with self.store.step():
            for one in clients:
                kept = PORTFOLIO.dump_json(one.portfolio).decode()
                self.store.insert(
                    "accounts",
                    account_id=one.account_id,
                    preset=one.preset,
                    flags=",".join(sorted(one.flags)),
                    restricted=int(one.restricted),
                    min_trade=one.rules.min_trade,
                    portfolio=kept,
                    opened=kept,
                    started_us=micros(at),
                )

    def ask(self, asks: Iterable[Ask], mark: tuple[str, int] | None = None, clock: datetime | None = None) -> None:
        """Take down what clients ask for; each is looked at once the clock is there. ``mark`` says that it was done."""
        with self.store.step():
            for one in asks:
                take_down(self.store, self.desk, one)
            if mark is not None:
                self.store.set_meta(*mark)
            if clock is not None:
                self.store.set_meta("clock", max(micros(clock), self.store.meta("clock", micros(clock))))

    def jump(self, security_id: str, at: datetime, factor_micros: int) -> None:
        """The price of a security is that much higher, or lower, from now on."""
        with self.store.step():
            self.store.insert("jumps", security_id=security_id, at_us=micros(at), factor_micros=factor_micros)

    def run(self, until: datetime) -> Iterable[datetime]:
        """Everything that is due until then, instant by instant; what was interrupted is finished first."""
        clock = self.store.meta("clock")
        while clock is not None and clock <= micros(until):
            self.look(instant(clock))
            yield instant(clock)
            clock = self.next_look(clock)
            if clock is not None and clock <= micros(until):
                self.set_clock(instant(clock))

    def set_clock(self, at: datetime) -> None:
        """Clocks run forwards; whoever is late skips what lies between."""
        with self.store.step():
            self.store.set_meta("clock", max(micros(at), self.store.meta("clock", micros(at))))

    def next_look(self, after_us: int) -> int | None:
        """The first instant after ``after_us`` at which something is due."""
        due = [
            self.store.value(f"SELECT min(look_us) FROM events WHERE state IN {OPEN} AND look_us > ?", after_us),
            self.store.value("SELECT min(look_us) FROM blocks WHERE look_us > ?", after_us),
        ]
        run = int(np.searchsorted(self.runs_us, after_us, "right"))
        if run < len(self.runs_us):
            due.append(int(self.runs_us[run]))
        return min((at for at in due if at is not None), default=None)

    def look(self, now: datetime) -> None:
        """Do all that is due by ``now``."""
        self.orders.take(now)
        self._trigger(now)
        while True:
            settled = self.orders.move_on(now)
            planned = self._decide(now)
            if not settled and not planned:
                break
        self.orders.send(now)

    def _trigger(self, now: datetime) -> None:
        """The run of the day: which accounts should trade by themselves; once, in one step."""
        run = int(np.searchsorted(self.runs_us, micros(now), "right")) - 1
        if run < 0 or self.store.meta("run", -1) >= run:
            return
        asks: list[tuple[Ask, bool]] = []
        accounts = self.store.rows("SELECT * FROM accounts WHERE preset <> 'm1' AND started_us <= ?", micros(now))
        for account in accounts:
            open_kinds = {
                row["kind"]
                for row in self.store.rows(
                    f"SELECT kind FROM events WHERE account_id = ? AND state IN {OPEN}", account["account_id"]
                )
            }
            asks += self._triggered(account, open_kinds, now)
        with self.store.step():
            for ask, ran in asks:
                take_down(self.store, self.desk, ask)
                if ran:
                    self.store.run("UPDATE accounts SET run_us = ? WHERE account_id = ?", micros(now), ask.account_id)
            self.store.set_meta("run", run)

    def _triggered(self, account: sqlite3.Row, open_kinds: set[str], now: datetime) -> list[tuple[Ask, bool]]:
        policy, _ = PRESETS[account["preset"]]
        portfolio = self._portfolio(account, now)
        last, ran = account["rebalanced_us"], account["run_us"]
        history = History(
            instant(account["started_us"]),
            None if last is None else instant(last),
            None if ran is None else instant(ran),
        )
        codes = {trigger.code for trigger in self.desk.triggers(portfolio, history, policy, now)}
        scheduled = codes & {TriggerCode.SCHEDULE, TriggerCode.DAILY_RUN, TriggerCode.DRIFT}
        if scheduled and Kind.SCHEDULED_REBALANCE.value not in open_kinds and portfolio.value + portfolio.cash:
            return [(Ask(account["account_id"], Kind.SCHEDULED_REBALANCE, now), TriggerCode.DAILY_RUN in codes)]
        if TriggerCode.CASH_IN in codes and not scheduled and Kind.DEPOSIT.value not in open_kinds:
            return [(Ask(account["account_id"], Kind.DEPOSIT, now), False)]
        return []

    def _portfolio(self, account: sqlite3.Row, now: datetime) -> Portfolio:
        kept = PORTFOLIO.validate_json(account["portfolio"])
        return valued(kept, self.orders.prices([s.security_id for s in kept.securities], now))

    def _decide(self, now: datetime) -> int:
        """Look at every account with an event that is due and no plan at work; how many plans were made."""
        due = self.store.rows(
            f"SELECT DISTINCT account_id FROM events JOIN accounts USING (account_id) "
            f"WHERE state IN {OPEN} AND look_us <= ? AND busy = '' ORDER BY account_id",
            micros(now),
        )
        return sum(self._decide_account(row["account_id"], now) for row in due)

    def _decide_account(self, account_id: str, now: datetime) -> int:
        account = self.store.row("SELECT * FROM accounts WHERE account_id = ?", account_id)
        events = self.store.rows(
            f"SELECT * FROM events WHERE account_id = ? AND state IN {OPEN} AND look_us <= ? "
            "ORDER BY asked_us, event_id",
            account_id,
            micros(now),
        )
        portfolio = self._portfolio(account, now)
        intent = self._intend(account, events, portfolio, now)
        with self.store.step():
            for event, decision in intent.others:
                self._wait(event, decision, now)
            if intent.failed is not None:
                self._fail(*intent.failed, now)
            if intent.plan is not None and intent.before is not None and intent.ends_at is not None:
                self.orders.open(account_id, intent.before, intent.plan, intent.planned, intent.ends_at, now)
        return int(bool(intent.plan or intent.failed))

    def _intend(
        self, account: sqlite3.Row, events: Sequence[sqlite3.Row], portfolio: Portfolio, now: datetime
    ) -> _Intent:
        rules = Rules(min_trade=account["min_trade"])
        trades = tuple(
            Traded(row["security_id"], self.orders.side(row["side"]), instant(row["at_us"]))
            for row in self.store.rows(
                "SELECT DISTINCT security_id, side, at_us FROM fills WHERE account_id = ? AND at_us > ?",
                account["account_id"],
                micros(now - TRADES_DAYS),
            )
        )
        cash = portfolio.cash + sum(e["amount"] for e in events if e["kind"] == Kind.DEPOSIT.value)
        seen = Account(
            portfolio.value,
            cash,
            account["min_trade"],
            restricted=bool(account["restricted"]),
            flags=frozenset(filter(None, account["flags"].split(","))),
            trades=trades,
        )
        asked = [self._asked(event, portfolio, rules, bool(trades), now) for event in events]
        decisions, batches = self.desk.decide(seen, asked, PRESETS[account["preset"]][1], now)
        pairs = list(zip(events, decisions, strict=True))
        others = tuple((e, d) for e, d in pairs if d.action is not Action.TRADE_NOW)
        ready = [k for k, (_, d) in enumerate(pairs) if d.action is Action.TRADE_NOW]
        if not ready:
            return _Intent((), None, None, None, others, None)
        blocks = next(batch.blocks for batch in batches if ready[0] in batch.events)
        chosen = [events[k] for k in ready]
        why = Infeasible("", ())
        for taken in (chosen, chosen[:1]):  # what can not be planned together comes one after the other
            parts = [part for event in taken for part in events_of(event)]
            before = with_blocks(self._listed(portfolio, taken, now), blocks, parts)
            try:
                found = self.desk.plan(before, parts, rules)
            except InvalidRequest as error:
                why = Infeasible(error.violations[0].description, ())
                continue
            if isinstance(found, Infeasible):
                why = found
            else:
                ends_at = decisions[ready[0]].orders_end_at
                return _Intent(tuple(taken), before, found, ends_at, others, None)
        return _Intent((), None, None, None, others, (chosen[0], why))

    def _asked(self, event: sqlite3.Row, portfolio: Portfolio, rules: Rules, traded: bool, now: datetime) -> Asked:
        """The event as the decision takes it; where something was traded lately, with what its plan would trade."""
        kind, wants = Kind(event["kind"]), None
        if traded and (kind in REBALANCES or kind is Kind.LIQUIDATION):
            try:
                found = self.desk.plan(self._listed(portfolio, [event], now), events_of(event), rules)
            except InvalidRequest:
                found = Infeasible("", ())
            if isinstance(found, Planned):
                wants = found.sides
        postponed = None if event["postponed_us"] is None else instant(event["postponed_us"])
        return Asked(kind, instant(event["asked_us"]), event["event_id"], wants, postponed)

    def _listed(self, portfolio: Portfolio, events: Iterable[sqlite3.Row], now: datetime) -> Portfolio:
        """With a price for what a change of targets brings in."""
        known = {s.security_id for s in portfolio.securities}
        fresh = {
            one.content.security_id: None
            for event in events
            if event["change"]
            for pie in CHANGE.validate_json(event["change"]).pies
            for one in pie.slices
            if isinstance(one.content, Holding) and one.content.security_id not in known
        }
        prices = self.orders.prices(list(fresh), now)
        added = tuple(replace(security(name), price_micros=prices[name]) for name in fresh)
        return replace(portfolio, securities=(*portfolio.securities, *added))

    def _fail(self, event: sqlite3.Row, why: Infeasible, now: datetime) -> None:
        """No plan: a withdrawal that is only blocked today is looked at again, all else can never be done."""
        because = f"It can not be done: {why.reason}."
        tell(self.store, self.desk, event, Step.BLOCKED, now, reasons=[why.reason], because=because)
        if why.reason in AGAIN:
            self._again(event, now)
        else:
            self._refuse(event, now)

    def _refuse(self, event: sqlite3.Row, now: datetime) -> None:
        tell(self.store, self.desk, event, Step.FINISHED, now)
        self.store.run("UPDATE events SET state = 'REFUSED' WHERE event_id = ?", event["event_id"])

    def _again(self, event: sqlite3.Row, now: datetime) -> None:
        again = micros(now + timedelta(days=1))
        self.store.run("UPDATE events SET state = 'BLOCKED', look_us = ? WHERE event_id = ?", again, event["event_id"])

    def _wait(self, event: sqlite3.Row, decision: Decision, now: datetime) -> None:
        """Write down that an event waits, or is blocked; a blocked one is looked at again, or was not to be kept."""
        codes = [reason.code.value for reason in decision.reasons]
        because = " ".join(reason.sentence for reason in decision.reasons)
        if decision.action is Action.WAIT_UNTIL:
            assert decision.at is not None
            postponed = micros(decision.at) if decision.postponed else event["postponed_us"]
            tell(self.store, self.desk, event, Step.WAITING, now, decision.at, codes, because)
            self.store.run(
                "UPDATE events SET state = 'WAITING', look_us = ?, postponed_us = ? WHERE event_id = ?",
                micros(decision.at),
                postponed,
                event["event_id"],
            )
            return
        tell(self.store, self.desk, event, Step.BLOCKED, now, reasons=codes, because=because)
        if event["kind"] in (Kind.INSTANT_REBALANCE.value, Kind.SCHEDULED_REBALANCE.value):
            self._refuse(event, now)
        else:
            self._again(event, now)
