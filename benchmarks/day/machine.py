"""A broker's years as a state machine under Hypothesis, with everything that goes wrong: ``make day-lives``.

An account-year is one account that lives through 365.25 days of the exchange's calendar, looked at whenever something
of it is due: on every session for its triggers, at every instant at which an event of it waits, an order is open or a
fill comes. A few accounts live together, so that they share blocks. Months pass in which all pay in; between them the
machine does what it likes: it asks, kills the broker before or after any step of its books, hears reports twice, sends
fills that come too late, makes prices jump, sleeps through windows, and is awake in the nights when clocks change.
After every rule all books are audited from the beginning.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from benchmarks.day.audit import audit
from benchmarks.day.broker import Broker
from benchmarks.day.desk import Here
from benchmarks.day.store import BOOKS, Store, instant, micros
from benchmarks.day.world import EASTERN, WHOLE_ONLY, Ask, Client, changed, client, tickers
from solver import Holding, InvalidRequest, Pie, Rules
from solver.trading.blocks import Fill
from solver.trading.sessions import Kind

__all__ = ["BrokerYears", "Killed"]

FIRST, LAST = date(1991, 1, 1), date(2021, 1, 1)
YEAR = 365.25
SEEDS = st.integers(0, 2**32)
PRESETS = ("m1", "m1", "quarterly")
KINDS = (Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.CLIENT_REBALANCE, Kind.INSTANT_REBALANCE, Kind.LIQUIDATION)
ASKED = st.sampled_from((*KINDS, Kind.PORTFOLIO_UPDATE))


class Killed(Exception):
    """The process is gone; what was not committed is not there."""


class MortalStore(Store):
    """Books whose process dies at a step: before it is written, or right after."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, durable=False)
        self.steps_left, self.written = -1, False

    @contextmanager
    def step(self) -> Iterator[None]:
        """A step, unless it is the last."""
        self.steps_left -= 1
        with super().step():
            yield
            if self.steps_left == 0 and not self.written:
                raise Killed
        if self.steps_left == 0:
            raise Killed


class BrokerYears(RuleBasedStateMachine):
    """A few accounts for a few years; ``account_years`` counts what all machines have lived through."""

    account_years = 0.0

    @initialize(
        seed=SEEDS, accounts=st.integers(2, 5), day=st.dates(FIRST, LAST), whole=st.booleans(), minimum=st.booleans()
    )
    def begin(self, seed: int, accounts: int, day: date, whole: bool, minimum: bool) -> None:
        """New books."""
        self.room = Path(tempfile.mkdtemp())
        self.clock = datetime.combine(day, time(8), EASTERN)
        self.began = self.clock
        self.store = MortalStore(self.room / "books.sqlite")
        with self.store.step():
            self.store.set_meta("seed", seed)
        self.broker = Broker(self.store, Here())
        self.clients = [_small(seed, k, self.clock, whole, minimum) for k in range(accounts)]
        self.broker.open_accounts(self.clients, self.clock)
        self.broker.set_clock(self.clock)

    def pass_time(self, until: datetime) -> None:
        """Everything that is due until then."""
        for _ in self.broker.run(until):
            pass
        if until > self.clock:
            BrokerYears.account_years += (until - self.clock).total_seconds() / 86_400 / YEAR * len(self.clients)
            self.clock = until
        self.broker.set_clock(self.clock)

    def ask(self, number: int, kind: Kind, at: datetime, amount: int, draw: int) -> None:
        """One client asks for something."""
        one = self.clients[number % len(self.clients)]
        if kind is Kind.INSTANT_REBALANCE and one.preset == "m1":
            kind = Kind.CLIENT_REBALANCE
        change = None
        if kind in (Kind.LIQUIDATION, Kind.PORTFOLIO_UPDATE):
            change = changed(Random(draw), one.portfolio.root, kind is Kind.LIQUIDATION)
        money = amount if kind in (Kind.DEPOSIT, Kind.WITHDRAWAL) else 0
        self.broker.ask([Ask(one.account_id, kind, at, money, change)])

    @rule(months=st.integers(1, 6), amount=st.integers(1, 1_000_00), minute=st.integers(0, 1_439))
    def live(self, months: int, amount: int, minute: int) -> None:
        """Months in which everybody pays in once a month."""
        for _ in range(months):
            for number in range(len(self.clients)):
                self.ask(number, Kind.DEPOSIT, self.clock + timedelta(minutes=minute), amount + number, 0)
            self.pass_time(self.clock + timedelta(days=30))

    @rule(
        number=st.integers(0, 4),
        kinds=st.lists(ASKED, min_size=1, max_size=4),
        amount=st.integers(1, 2_000_00),
        minute=st.integers(0, 2_000),
        draw=SEEDS,
    )
    def ask_for(self, number: int, kinds: list[Kind], amount: int, minute: int, draw: int) -> None:
        """A client asks for one thing or several within an hour; a day or two pass."""
        for k, kind in enumerate(kinds):
            self.ask(number, kind, self.clock + timedelta(minutes=minute + 17 * k), amount, draw + k)
        self.pass_time(self.clock + timedelta(days=2, minutes=minute))

    @rule(steps=st.integers(1, 40), written=st.booleans(), number=st.integers(0, 4), kind=ASKED, draw=SEEDS)
    def kill(self, steps: int, written: bool, number: int, kind: Kind, draw: int) -> None:
        """A client asks, and the broker is killed at some step; another one goes on with its books."""
        self.ask(number, kind, self.clock + timedelta(minutes=draw % 600), 1 + draw % 500_00, draw)
        self.store.steps_left, self.store.written = steps, written
        until = self.clock + timedelta(days=3)
        try:
            for _ in self.broker.run(until):
                pass
        except Killed:
            self.restart()
        self.store.steps_left = -1
        self.pass_time(until)

    @rule()
    def restart(self) -> None:
        """Another process reads the books."""
        self.store.close()
        self.store = MortalStore(self.room / "books.sqlite")
        self.broker = Broker(self.store, Here())

    @rule(draw=SEEDS)
    def hear_twice(self, draw: int) -> None:
        """A report comes once more, long after; nothing changes."""
        blocks = self.store.rows("SELECT block_id FROM blocks WHERE look_us IS NULL ORDER BY block_id")
        if blocks:
            before = self.digest()
            self.broker.orders.hear_again(blocks[draw % len(blocks)]["block_id"], self.clock)
            assert self.digest() == before

    @rule(draw=SEEDS, shares=st.integers(1, 10**12), cents=st.integers(0, 10**6))
    def fill_too_late(self, draw: int, shares: int, cents: int) -> None:
        """A fill of an order that is over, or of another side, is refused, and the books are as they were."""
        plans = self.store.rows("SELECT plan_id, books FROM plans WHERE stage = 'DONE' ORDER BY plan_id")
        found = [BOOKS.validate_json(row["books"]) for row in plans[draw % max(1, len(plans)) :][:1]]
        for books in (b for b in found if b.working):
            order = books.working[draw % len(books.working)].order
            fill = Fill("late", order.account_id, order.order_id, order.security_id, order.side, shares, cents)
            size = order.quantity_nanos, order.amount
            over = replace(fill, quantity_nanos=size[0] + 1, amount=size[1] + 1)
            for wrong in (over, replace(fill, order_id="?"), replace(fill, account_id="?")):
                try:
                    self.broker.desk.apply(books, [wrong])
                except InvalidRequest:
                    continue
                raise AssertionError(f"{wrong} was taken")
            for known in books.fills:
                assert self.broker.desk.apply(books, [known, known]) == books

    @rule(name=st.sampled_from(tickers()), factor=st.integers(300_000, 3_000_000))
    def jump(self, name: str, factor: int) -> None:
        """A price is another one from now on."""
        self.broker.jump(name, self.clock, factor)

    @rule(hours=st.integers(1, 120))
    def sleep(self, hours: int) -> None:
        """The broker is not there for hours or days; the clock goes on, windows pass."""
        self.clock += timedelta(hours=hours)
        BrokerYears.account_years += hours / 24 / YEAR * len(self.clients)
        self.broker.set_clock(self.clock)
        self.broker.look(self.clock)

    @rule(spring=st.booleans(), number=st.integers(0, 4), kind=ASKED, minute=st.integers(0, 240), draw=SEEDS)
    def change_clocks(self, spring: bool, number: int, kind: Kind, minute: int, draw: int) -> None:
        """The night in which the exchange's clocks change, and something that is asked for in it."""
        night = _clock_change(self.clock.date(), spring)
        if night - self.clock.date() < timedelta(days=200):
            self.pass_time(max(self.clock, datetime.combine(night, time(), EASTERN)))
            at = instant(micros(self.clock) + minute * 60_000_000)
            self.ask(number, kind, at, 1 + draw % 100_00, draw)
            self.pass_time(self.clock + timedelta(days=3))

    @rule(number=st.integers(0, 4), restricted=st.booleans())
    def restrict(self, number: int, restricted: bool) -> None:
        """An account may not trade any more, or again."""
        with self.store.step():
            name = self.clients[number % len(self.clients)].account_id
            self.store.run("UPDATE accounts SET restricted = ? WHERE account_id = ?", int(restricted), name)

    @invariant()
    @precondition(lambda self: hasattr(self, "store"))
    def it_adds_up(self) -> None:
        """No cent and no share made or lost, every plan certified, no rule broken."""
        faults = audit(self.store)
        if faults:
            raise AssertionError("; ".join(faults[:5]))

    def digest(self) -> int:
        """All that the books say, as one number."""
        return zlib.crc32("\n".join(self.store.connection.iterdump()).encode())

    def teardown(self) -> None:
        """What is under way ends, and adds up."""
        if hasattr(self, "clients"):
            try:
                self.pass_time(self.clock + timedelta(days=7))
                self.it_adds_up()
                assert not self.store.value(
                    "SELECT count(*) FROM plans WHERE stage <> 'DONE' AND planned_us < ?",
                    micros(self.clock - timedelta(days=5)),
                )
            finally:
                self.store.close()
                shutil.rmtree(self.room, ignore_errors=True)


def _small(seed: int, number: int, at: datetime, whole: bool, minimum: bool) -> Client:
    """A small account: years of it must pass in a fraction of a second."""
    rng = Random(f"small {seed} {number}")
    one = client(seed, number, at)
    root = _cut(one.portfolio.root, rng.choice((2, 3, 4)), whole)
    names = {held.security_id for held in _held(root)}
    kept = tuple(s for s in one.portfolio.securities if s.security_id in names)
    portfolio = replace(one.portfolio, root=root, securities=kept)
    rules = Rules(min_trade=rng.choice((1_00, 25_00)) if minimum else 0)
    return replace(one, preset=rng.choice(PRESETS), flags=frozenset(), portfolio=portfolio, rules=rules)


def _cut(pie: Pie, most: int, whole: bool) -> Pie:
    """The last slices of a pie, in every level, without those in whole shares where none is wanted."""
    kept = [
        replace(s, content=_cut(s.content, most - 1, whole)) if isinstance(s.content, Pie) else s
        for s in pie.slices
        if whole or not (isinstance(s.content, Holding) and s.content.security_id in WHOLE_ONLY)
    ]
    return Pie(tuple(kept[-most:]))


def _held(pie: Pie) -> Iterator[Holding]:
    for one in pie.slices:
        if isinstance(one.content, Pie):
            yield from _held(one.content)
        else:
            yield one.content


def _clock_change(day: date, spring: bool) -> date:
    """The next day after ``day`` on which the exchange's zone is an hour shorter, or longer."""
    for number in range(1, 400):
        night = day + timedelta(days=number)
        begins, ends = (datetime.combine(night + timedelta(days=k), time(), EASTERN).utcoffset() for k in (0, 1))
        if begins is not None and ends is not None and begins != ends and (begins < ends) is spring:
            return night
    raise AssertionError("clocks change twice a year")
