"""The day of a big broker: a look every quarter of an hour, and at each look the same phases, a transaction each.

    hear    what the market did of the blocks: fills shared out, rests that are over, delays told
    move    accounts whose sales are over go on to purchases, those whose orders are over are settled
    ask     what clients asked for since the last look; at 14:30 what triggers ask for
    plan    decisions, plans, orders
    send    orders as blocks

Killed within a phase, it begins that phase anew from what the file has: each is a function of the books and the seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from functools import partial

import numpy as np

from benchmarks.day.columns.books import Books
from benchmarks.day.columns.dealer import Dealer
from benchmarks.day.columns.desk import Desk
from benchmarks.day.columns.planner import Planner, State
from benchmarks.day.columns.store import Store
from benchmarks.day.columns.world import KINDS, STYLES, Asks, asks_of, clients_of
from benchmarks.day.world import EASTERN, tickers
from solver.columns import QUALITIES
from solver.trading.clocks import microseconds
from solver.trading.updates import Step

__all__ = ["PHASES", "Broker", "Spent", "looks_of"]

PHASES = ("hear", "move", "ask", "plan", "send")
FIRST, LAST, EVERY = clock_time(9, 30), clock_time(16), timedelta(minutes=15)
RUN, EVENING = clock_time(14, 30), clock_time(17)
CODES = {
    "account.style": list(STYLES),
    "row.security": tickers(),
    "event.kind": [kind.value for kind in KINDS],
    "event.state": [state.name for state in State],
    "updates.step": [step.value for step in Step],
    "plans.quality": QUALITIES,
}


@dataclass(slots=True)
class Spent:
    """Seconds of one phase over the day: all of it, and of that waiting for the service and writing the books."""

    times: int = 0
    seconds: float = 0.0
    service: float = 0.0
    writing: float = 0.0


def looks_of(day: date) -> list[datetime]:
    """Every quarter of an hour from half past nine to four, and once in the evening."""
    first, last, evening = (datetime.combine(day, at, EASTERN) for at in (FIRST, LAST, EVENING))
    return [*(first + k * EVERY for k in range((last - first) // EVERY + 1)), evening]


class Broker:
    """A broker with its books in ``store``, which asks ``desk`` for every decision; ``spent`` is by phase."""

    def __init__(self, store: Store, desk: Desk, seed: int, accounts: int, day: date) -> None:
        self.desk, self.spent = desk, dict[str, Spent]()
        self.looks = looks_of(day)
        self.books = Books(store, np.array([microseconds(at) for at in self.looks]))
        if store.meta("place") is None:
            self._phase("open", 0, 0, lambda: self.books.open(clients_of(seed, accounts, self.looks[0]), CODES))
        self.place = int(store.meta("place"))
        self.asks = asks_of(seed, self.books.account["style"], self.books.start, day)
        self.planner = Planner(self.books, desk)
        self.dealer = Dealer(self.books, desk, self.planner, seed)

    def run(self) -> Iterator[datetime]:
        """The day from where the books are: each look once it is done."""
        for place in range(self.place, len(self.looks) * len(PHASES)):
            number, phase = divmod(place, len(PHASES))
            clock_us = microseconds(self.looks[number])
            self._phase(PHASES[phase], place + 1, clock_us, partial(self._work, PHASES[phase], number))
            if phase == len(PHASES) - 1:
                yield self.looks[number]

    def _phase(self, name: str, place: int, clock_us: int, work: Callable[[], None]) -> None:
        """One phase, kept with the place in the day that it leads to."""
        spent = self.spent.setdefault(name, Spent())
        began, waited = time.perf_counter(), sum(self.desk.seconds.values())
        work()
        worked = time.perf_counter()
        self.books.commit(place=place, clock=clock_us)
        ended = time.perf_counter()
        spent.times += 1
        spent.seconds += ended - began
        spent.service += sum(self.desk.seconds.values()) - waited
        spent.writing += ended - worked

    def _work(self, phase: str, number: int) -> None:
        now = self.looks[number]
        if phase == "hear":
            self.dealer.hear(now)
        elif phase == "move":
            self.dealer.move_on(now)
        elif phase == "ask":
            self._ask(number)
        elif phase == "plan":
            while len(events := self.planner.due(now)):
                self.dealer.settle(np.sort(self.planner.look(events, now)), now)
        else:
            self.dealer.send(now)

    def _ask(self, number: int) -> None:
        """What was asked for since the last look; once that day also what triggers ask for."""
        now = self.looks[number]
        before = microseconds(self.looks[number - 1]) if number else 0
        new = (self.asks.asked_us > before) & (self.asks.asked_us <= microseconds(now))
        self.planner.take(Asks(*(column[new] for column in self.asks)), client=True)
        if now.time() == RUN:
            self.planner.trigger(now)
