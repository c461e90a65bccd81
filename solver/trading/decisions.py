"""Trade now, wait until an instant, or not at all: for one account, its events and the caller's clock.

Strategy: what an account may not do at all is looked at first; then where the event would trade, on the sorted openings
of ``sessions.py``; then whether that window is another's, and whether a security traded on that day stands in the way.
What a kind does about a same-day trade is data (``SAME_DAY``). ``decision_columns.py`` does the same for a million.

    opening   the first of the windows open to account and kind that ends after  max(clock, postponed, money there)
    instant   max(its start, that), which is the clock for TRADE_NOW
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

import numpy as np

from solver.errors import InvalidRequest, Violation
from solver.events import ChangedPie, Events, NewPie, TargetChange, listed
from solver.portfolio import Portfolio
from solver.securities import Block, BlockReason, Security, Side
from solver.trading.accounts import REBALANCES, SAME_DAY, Account, Asked, OneSide, SameDay, faults
from solver.trading.clocks import check, instant_of, instant_violation, microseconds
from solver.trading.sessions import Kind, Openings, Timetable, TradingDays, trading_days
from solver.tree import flatten

__all__ = [
    "Action",
    "Batch",
    "Decision",
    "DecisionReason",
    "Why",
    "decide",
    "decide_together",
    "with_blocks",
]


class Action(Enum):
    """What the caller does with the event."""

    TRADE_NOW = "TRADE_NOW"
    WAIT_UNTIL = "WAIT_UNTIL"
    BLOCKED = "BLOCKED"


class Why(Enum):
    """Why an event waits, is blocked, or is planned around a security; in columns, bit k is the k-th of these."""

    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ACCOUNT_RESTRICTED = "ACCOUNT_RESTRICTED"
    UNFUNDED = "UNFUNDED"
    CASH_NOT_AVAILABLE = "CASH_NOT_AVAILABLE"
    NO_WINDOW = "NO_WINDOW"
    POSTPONED = "POSTPONED"
    MARKET_CLOSED = "MARKET_CLOSED"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    WINDOW_TAKEN = "WINDOW_TAKEN"
    SAME_DAY_TRADE = "SAME_DAY_TRADE"


SENTENCES = {
    Why.ACCOUNT_CLOSED: "The account is closed.",
    Why.ACCOUNT_RESTRICTED: "The account is restricted from trading.",
    Why.UNFUNDED: "The account is unfunded: what it holds is worth less than the smallest order.",
    Why.CASH_NOT_AVAILABLE: "Its cash can not buy yet; it trades at {then}.",
    Why.NO_WINDOW: "No trade window is open to this account for its {kind}.",
    Why.POSTPONED: "It was moved here from an earlier session; it trades at {then}.",
    Why.MARKET_CLOSED: "The market is closed; it trades at {then}.",
    Why.OUTSIDE_WINDOW: "No trade window is open; it trades at {then}.",
    Why.WINDOW_TAKEN: "A rebalance and manual orders share no window; it trades at {then}.",
    Why.SAME_DAY_TRADE: "Traded on the other side that day: {securities}; it trades in the next session, at {then}.",
}
BLOCKED_SENTENCES = {
    Why.CASH_NOT_AVAILABLE: "Its cash can not buy yet, and nobody knows when it can.",
    Why.POSTPONED: "It was moved to a later session.",
    Why.MARKET_CLOSED: "The market is closed; an instant rebalance is not kept for later.",
    Why.OUTSIDE_WINDOW: "No trade window is open; an instant rebalance is not kept for later.",
    Why.WINDOW_TAKEN: "A rebalance and manual orders share no window; an instant rebalance is not kept for later.",
    Why.SAME_DAY_TRADE: "Traded on the other side that day: {securities}; refused, and not kept for later.",
}
PLANNED_AROUND = "Traded on the other side that day: {securities}; it is planned around."


@dataclass(frozen=True, slots=True)
class DecisionReason:
    """One reason: a code for programs, its figures by name, a sentence for people."""

    code: Why
    figures: tuple[tuple[str, str], ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one event. Blocked, it has no instant and no window.

    ``at`` is when it trades and ``orders_end_at`` the close of that session, when what is left of day orders is
    cancelled. ``blocks`` are to be put on the securities before it is planned. Where ``postponed``, the event comes
    back at ``at`` with that as its ``postponed_until``.
    """

    event_id: str
    action: Action
    at: datetime | None = None
    orders_end_at: datetime | None = None
    window_id: str = ""
    reasons: tuple[DecisionReason, ...] = ()
    blocks: tuple[tuple[str, Block], ...] = ()
    postponed: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one account that trade at the same instant: they are planned together, around the blocks of all."""

    at: datetime
    events: tuple[int, ...]  # places in the list
    blocks: tuple[tuple[str, Block], ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """One opening, and the instant in it."""

    openings: Openings
    number: int
    at_us: int

    @property
    def session(self) -> int:
        return int(self.openings.session[self.number])

    @property
    def span_us(self) -> tuple[int, int]:
        return int(self.openings.start_us[self.number]), int(self.openings.end_us[self.number])


def decide(account: Account, asked: Asked, timetable: Timetable, clock: datetime) -> Decision:
    """What one event of one account does at ``clock``.

    Raises
    ------
    InvalidRequest
        for instants without a zone, a clock that runs backwards or that the calendar does not know, amounts that are
        none, and the faults of the timetable (``trading_days``).
    """
    return decide_together(account, (asked,), timetable, clock)[0][0]


def decide_together(
    account: Account, events: Sequence[Asked], timetable: Timetable, clock: datetime
) -> tuple[tuple[Decision, ...], tuple[Batch, ...]]:
    """Several events of one account: a decision each, in listed order, and those that are planned together.

    Where rebalances stand alone, the later listed of a rebalance and manual orders waits for another window.
    """
    days = trading_days(timetable)
    _check_clock(days, clock)
    check(list(faults(account, events, clock)))
    taken: dict[bool, list[tuple[int, int]]] = {True: [], False: []}  # spans, by whether they are rebalances'
    for rebalance, at in ((True, account.rebalanced_at), (False, account.manual_orders_at)):
        if at is not None:
            taken[rebalance].append((microseconds(at), microseconds(at) + 1))
    decisions: list[Decision] = []
    for asked in events:
        decision, place = _decide(account, asked, days, clock, taken)
        decisions.append(decision)
        if place is not None and (asked.kind in REBALANCES or asked.kind is Kind.MANUAL_ORDERS):
            taken[asked.kind in REBALANCES].append(place.span_us)
    instants = sorted({decision.at for decision in decisions if decision.at is not None})
    return tuple(decisions), tuple(_batch(at, decisions, account, days) for at in instants)


def _batch(at: datetime, decisions: list[Decision], account: Account, days: TradingDays) -> Batch:
    """What is planned together. Nothing that was traded that day is traded back, though no event would by itself."""
    places = tuple(k for k, decision in enumerate(decisions) if decision.at == at)
    blocks = dict.fromkeys(block for k in places for block in decisions[k].blocks)
    if len(places) > 1:
        sessions = days.session_of(np.array([microseconds(at), *(microseconds(t.traded_at) for t in account.trades)]))
        for trade, session in zip(account.trades, sessions[1:].tolist(), strict=True):
            if session == sessions[0]:
                other = Side.SELL if trade.side is Side.BUY else Side.BUY
                blocks[(trade.security_id, Block(other, BlockReason.SAME_DAY_TRADE))] = None
    return Batch(at, places, tuple(blocks))


def with_blocks(portfolio: Portfolio, blocks: Iterable[tuple[str, Block]], events: Events = ()) -> Portfolio:
    """``portfolio`` with each of ``blocks`` on its security, which is listed where it was not.

    Securities that the portfolio does not hold any more, and that no target change of ``events`` brings in, are left
    out: no plan trades them, and none takes a portfolio that lists them.
    """
    securities = {security.security_id: security for security in portfolio.securities}
    changes = [pie for event in listed(events) if isinstance(event, TargetChange) for pie in event.pies]
    there = {*securities, *flatten(portfolio).security_ids}.union(*(_brought_in(pie) for pie in changes))
    for security_id, block in blocks:
        if security_id not in there:
            continue
        known = securities.get(security_id, Security(security_id))
        if block not in known.blocks:
            securities[security_id] = replace(known, blocks=(*known.blocks, block))
    return replace(portfolio, securities=tuple(securities.values()))


def _brought_in(pie: ChangedPie | NewPie) -> Iterator[str]:
    """The securities of the new slices of a changed pie."""
    for one in pie.slices:
        if isinstance(one.content, NewPie):
            yield from _brought_in(one.content)
        elif one.content is not None:
            yield one.content.security_id


def _decide(
    account: Account, asked: Asked, days: TradingDays, clock: datetime, taken: dict[bool, list[tuple[int, int]]]
) -> tuple[Decision, _Place | None]:
    hard = [why for why, holds in _never(account, asked, days) if holds]
    if hard:
        return _blocked(account, asked, hard, days), None
    now_us = microseconds(clock)
    ready_us = microseconds(account.cash_available_at) if _short(account, asked) else now_us
    held_us = microseconds(asked.postponed_until)
    waits = [Why.CASH_NOT_AVAILABLE] if ready_us > now_us else []
    waits += [Why.POSTPONED] if held_us > now_us else []
    place = _first_opening(account, asked, days, max(now_us, ready_us, held_us))
    if place.at_us > now_us and not waits:
        is_open = days.market_open(np.array([now_us]))[0]
        waits = [Why.OUTSIDE_WINDOW if is_open else Why.MARKET_CLOSED]
    if asked.kind is Kind.INSTANT_REBALANCE and waits:
        return _blocked(account, asked, waits, days), None
    while _shared(asked, days, place, taken):
        if asked.kind is Kind.INSTANT_REBALANCE:
            return _blocked(account, asked, [Why.WINDOW_TAKEN], days), None
        waits += [Why.WINDOW_TAKEN] * (Why.WINDOW_TAKEN not in waits)
        place = _first_opening(account, asked, days, place.span_us[1])
    sides = _same_day(account, asked, days, place.session)
    acts = [
        (side, act)
        for side, act in sides.items()
        if act is SameDay.PLAN_AROUND or asked.wants is None or side in asked.wants
    ]
    if any(act is SameDay.REFUSE for _, act in acts):
        return _blocked(account, asked, [Why.SAME_DAY_TRADE], days, acts), None
    if any(act is SameDay.NEXT_SESSION for _, act in acts):
        waits.append(Why.SAME_DAY_TRADE)
        place = _next_session(days, place.session)
        while _shared(asked, days, place, taken):
            waits += [Why.WINDOW_TAKEN] * (Why.WINDOW_TAKEN not in waits)
            place = _next_session(days, place.session)
    elif acts:
        waits.append(Why.SAME_DAY_TRADE)
    return _placed(account, asked, days, place, now_us, waits, acts, sides), place


def _never(account: Account, asked: Asked, days: TradingDays) -> Iterator[tuple[Why, bool]]:
    """What keeps the event from trading at any time, as the account is."""
    yield Why.ACCOUNT_CLOSED, account.closed
    yield Why.ACCOUNT_RESTRICTED, account.restricted
    # cash pays a withdrawal without an order, and what is worth less than the smallest order can be sold whole
    sells = asked.kind in (Kind.WITHDRAWAL, Kind.LIQUIDATION)
    yield Why.UNFUNDED, not sells and account.value + account.cash < max(1, account.min_order)
    yield Why.CASH_NOT_AVAILABLE, _short(account, asked) and account.cash_available_at is None
    yield Why.NO_WINDOW, not _windows(account, asked, days)


def _short(account: Account, asked: Asked) -> bool:
    """Whether a deposit has nothing to buy with, but will: a sale needs no cash."""
    ready = account.cash - account.cash_unavailable
    return asked.kind is Kind.DEPOSIT and account.cash_unavailable > 0 and ready < max(1, account.min_order)


def _windows(account: Account, asked: Asked, days: TradingDays) -> list[Openings]:
    """Those open to the account and the kind; what was postponed has its own as well."""
    found = [
        openings
        for openings in days.openings[:-1]
        if (not openings.window.takes or asked.kind in openings.window.takes)
        and (not openings.window.needs or openings.window.needs in account.flags)
    ]
    return found + list(days.openings[-1:]) * (asked.postponed_until is not None)


def _first_opening(account: Account, asked: Asked, days: TradingDays, earliest_us: int) -> _Place:
    best: _Place | None = None
    asked_us = microseconds(asked.asked_at)
    for openings in _windows(account, asked, days):
        number = int(np.searchsorted(openings.end_us, earliest_us, "right"))
        if number < len(openings.end_us) and not openings.window.joins_late and openings.start_us[number] < asked_us:
            number += 1
        if number < len(openings.end_us):
            at_us = max(int(openings.start_us[number]), earliest_us)
            if best is None or at_us < best.at_us:
                best = _Place(openings, number, at_us)
    if best is None:
        raise _beyond(days)
    return best


def _next_session(days: TradingDays, session: int) -> _Place:
    """The first opening after ``session`` of the window for what was postponed."""
    openings = days.openings[-1]
    number = int(np.searchsorted(openings.session, session, "right"))
    if number == len(openings.session):
        raise _beyond(days)
    return _Place(openings, number, int(openings.start_us[number]))


def _beyond(days: TradingDays) -> InvalidRequest:
    told = f"is too near to the end of the calendar, {days.covered[1].date()}: no window opens after it"
    return InvalidRequest((Violation("clock", "OUT_OF_RANGE", told),))


def _shared(asked: Asked, days: TradingDays, place: _Place, taken: dict[bool, list[tuple[int, int]]]) -> bool:
    """Whether a rebalance would share its window with manual orders, or they with it."""
    if not days.timetable.rebalances_alone or not (asked.kind in REBALANCES or asked.kind is Kind.MANUAL_ORDERS):
        return False
    start, end = place.span_us
    return any(start < last and first < end for first, last in taken[asked.kind not in REBALANCES])


def _same_day(account: Account, asked: Asked, days: TradingDays, session: int) -> dict[OneSide, SameDay]:
    """The sides that the event may not trade in that session, and what its kind does about each."""
    found: dict[OneSide, SameDay] = {}
    sessions = days.session_of(np.array([microseconds(trade.traded_at) for trade in account.trades], dtype=np.int64))
    for trade, traded_in in zip(account.trades, sessions.tolist(), strict=True):
        other = OneSide(trade.security_id, Side.SELL if trade.side is Side.BUY else Side.BUY)
        act = SAME_DAY[asked.kind].get(other.side)
        if traded_in == session and act is not None:
            found[other] = act
    return found


def _placed(
    account: Account,
    asked: Asked,
    days: TradingDays,
    place: _Place,
    now_us: int,
    whys: list[Why],
    acts: list[tuple[OneSide, SameDay]],
    sides: Iterable[OneSide],
) -> Decision:
    at, now = instant_of(place.at_us), place.at_us == now_us
    postponed = any(act is SameDay.NEXT_SESSION for _, act in acts)
    # those that its plan does not want as well: it is planned again when its sales bring less, and may want them then
    blocked = () if postponed else tuple((s, Block(side, BlockReason.SAME_DAY_TRADE)) for s, side in sides)
    return Decision(
        event_id=asked.event_id,
        action=Action.TRADE_NOW if now else Action.WAIT_UNTIL,
        at=at,
        orders_end_at=instant_of(int(days.close_us[place.session])),
        window_id=place.openings.window.window_id,
        reasons=tuple(_reason(why, account, asked, days, at, tuple(acts)) for why in whys),
        blocks=blocked,
        postponed=postponed,
    )


def _blocked(
    account: Account, asked: Asked, whys: list[Why], days: TradingDays, acts: Iterable[tuple[OneSide, SameDay]] = ()
) -> Decision:
    reasons = tuple(_reason(why, account, asked, days, None, tuple(acts)) for why in whys)
    return Decision(asked.event_id, Action.BLOCKED, reasons=reasons)


def _check_clock(days: TradingDays, clock: datetime) -> None:
    check([instant_violation("clock", clock)])
    first, last = days.covered
    if not first <= clock < last:
        told = f"is {clock.isoformat()}; the calendar {days.timetable.calendar_id} is known from {first} to {last}"
        raise InvalidRequest((Violation("clock", "OUT_OF_RANGE", told),))


def _reason(
    why: Why,
    account: Account,
    asked: Asked,
    days: TradingDays,
    at: datetime | None,
    acts: tuple[tuple[OneSide, SameDay], ...],
) -> DecisionReason:
    """The record: figures in minor units and instants as ISO 8601, and the sentence of ``SENTENCES``."""
    figures: dict[str, str] = {}
    if why is Why.UNFUNDED:
        figures = {"money": str(account.value + account.cash), "least": str(max(1, account.min_order))}
    elif why is Why.CASH_NOT_AVAILABLE:
        figures = {"unavailable": str(account.cash_unavailable)}
    elif why is Why.SAME_DAY_TRADE:
        figures = {"securities": ", ".join(dict.fromkeys(side.security_id for side, _ in acts))}
    if at is not None:
        figures["at"] = at.isoformat()
    then = "" if at is None else days.local_text(at)
    kind = asked.kind.value.lower().replace("_", " ")
    form = SENTENCES[why] if at is not None else BLOCKED_SENTENCES.get(why, SENTENCES[why])
    if why is Why.SAME_DAY_TRADE and all(act is SameDay.PLAN_AROUND for _, act in acts):
        form = PLANNED_AROUND
    return DecisionReason(why, tuple(figures.items()), form.format(kind=kind, then=then, **figures))
