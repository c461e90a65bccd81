"""When the exchange and the trade windows are open: real calendars, and windows as configuration.

Strategy: a ``Timetable`` is plain frozen configuration; ``trading_days`` lays it over the sessions of an exchange once
(holidays, half-days and daylight saving are the calendar's) and keeps sorted columns of instants, so that every
question about a clock is one binary search, for one account or a million. The only file that imports
exchange_calendars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from solver.errors import EngineUnavailable, InvalidRequest, Violation
from solver.money import id_violation
from solver.trading.clocks import (
    FIRST_DAY,
    LAST_DAY,
    Ints,
    check,
    instant_of,
    member_violation,
    microseconds,
    time_violation,
)

__all__ = [
    "ALLIO_DYNAMIC_WINDOWS",
    "ALLIO_MANAGED_WINDOWS",
    "M1_WINDOWS",
    "Kind",
    "Openings",
    "Timetable",
    "TradingDays",
    "Window",
    "trading_days",
]

POSTPONED = "postponed"  # the window of what a same-day trade moved to the next session


class Kind(Enum):
    """What may wait for a window. Instant is now or not at all; a client's own rebalance waits."""

    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    LIQUIDATION = "LIQUIDATION"
    PORTFOLIO_UPDATE = "PORTFOLIO_UPDATE"
    SCHEDULED_REBALANCE = "SCHEDULED_REBALANCE"
    CLIENT_REBALANCE = "CLIENT_REBALANCE"
    INSTANT_REBALANCE = "INSTANT_REBALANCE"
    MANUAL_ORDERS = "MANUAL_ORDERS"


@dataclass(frozen=True, slots=True)
class Window:
    """A part of each session in which orders are gathered and sent: [``opens_at``, ``closes_at``), the exchange's time.

    Unset, it opens with the session and closes with it; a half-day cuts it, and where nothing is left it stays shut.
    ``takes`` lists the kinds that trade in it (none: all), ``needs`` the flag that entitles an account to it ("" for
    everybody). Where ``joins_late`` is not set it takes only what was asked for by its opening.
    """

    window_id: str
    opens_at: time | None = None
    closes_at: time | None = None
    takes: tuple[Kind, ...] = ()
    needs: str = ""
    joins_late: bool = True


@dataclass(frozen=True, slots=True)
class Timetable:
    """The trade windows of one broker on one exchange.

    ``postponed_at`` is when the next session begins for what a same-day trade moved there (unset: its open).
    ``rebalances_alone``: a rebalance and manual orders of one account share no window.

    Raises
    ------
    InvalidRequest
        for what is no tuple of windows, and for windows without an id, with an id twice, of kinds or with a flag that
        are none, with times in zones of their own, or that close before they open.
    """

    windows: tuple[Window, ...]
    calendar_id: str = "XNYS"
    postponed_at: time | None = None
    rebalances_alone: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.windows, tuple):
            told = f"is {self.windows!r}; give a tuple of windows"
            raise InvalidRequest((Violation("timetable.windows", "NOT_A_TUPLE", told),))
        if not self.windows:
            raise InvalidRequest((Violation("timetable.windows", "EMPTY", "is empty; give one window at least"),))
        check(list(_timetable_faults(self)))

    @property
    def flags(self) -> tuple[str, ...]:
        """Every flag that a window needs, sorted: in columns, flag k is bit k."""
        return tuple(sorted({window.needs for window in self.windows} - {""}))


def _timetable_faults(timetable: Timetable) -> Iterator[Violation | None]:
    seen: set[str] = {POSTPONED}
    for k, window in enumerate(timetable.windows):
        at = f"timetable.windows[{k}]"
        if not isinstance(window, Window):
            yield Violation(at, "NOT_A_WINDOW", f"is {window!r}; give a Window")
            continue
        yield id_violation(f"{at}.window_id", window.window_id)
        if window.window_id in seen:
            told = f"is {window.window_id!r}, which is taken; every window needs an id of its own"
            yield Violation(f"{at}.window_id", "DUPLICATE_WINDOW", told)
        seen.add(window.window_id)
        yield from _entitled_faults(at, window)
        times = [(n, t) for n, t in (("opens_at", window.opens_at), ("closes_at", window.closes_at)) if t is not None]
        faults = [time_violation(f"{at}.{name}", moment) for name, moment in times]
        yield from faults
        if len(times) == 2 and not any(faults) and times[0][1] >= times[1][1]:
            told = f"is {times[1][1]}, not after opens_at, {times[0][1]}: the window never opens"
            yield Violation(f"{at}.closes_at", "NEVER_OPENS", told)
    if timetable.postponed_at is not None:
        yield time_violation("timetable.postponed_at", timetable.postponed_at)


def _entitled_faults(at: str, window: Window) -> Iterator[Violation | None]:
    """What is wrong with whom and what a window is for."""
    if not isinstance(window.takes, tuple):
        yield Violation(f"{at}.takes", "NOT_A_TUPLE", f"is {window.takes!r}; give a tuple of kinds, empty for all")
    else:
        yield from (member_violation(f"{at}.takes[{i}]", kind, Kind) for i, kind in enumerate(window.takes))
    if not isinstance(window.needs, str):
        yield Violation(f"{at}.needs", "NOT_A_FLAG", f"is {window.needs!r}; give a flag as text, empty for everybody")


# The ends of the windows are not published; what was asked for after 9:30 waits.
M1_WINDOWS = Timetable(
    (
        Window("morning", time(9, 30), time(10, 30), joins_late=False),
        Window("afternoon", time(15), None, needs="afternoon", joins_late=False),
    )
)
_BY_REQUEST = tuple(kind for kind in Kind if kind is not Kind.SCHEDULED_REBALANCE)
ALLIO_MANAGED_WINDOWS = Timetable(
    (Window("daily", time(14, 30), None, tuple(kind for kind in Kind if kind is not Kind.INSTANT_REBALANCE)),),
    rebalances_alone=False,
)
ALLIO_DYNAMIC_WINDOWS = Timetable(
    (Window("market", takes=_BY_REQUEST), Window("daily", time(14, 30), None, (Kind.SCHEDULED_REBALANCE,))),
    rebalances_alone=False,
)


@dataclass(frozen=True, slots=True, eq=False)
class Openings:
    """Each time that one window is open, in order: [start, end) in microseconds since 1970 UTC, and whose session."""

    window: Window
    start_us: Ints
    end_us: Ints
    session: Ints


@dataclass(frozen=True, slots=True, eq=False)
class TradingDays:
    """A timetable over the sessions of its exchange; instants in microseconds since 1970 UTC, by session, (sessions,).

    ``day_start_us`` and ``day_end_us`` hold what is traded on the same day: from midnight to midnight of the exchange,
    or with the session where that begins the evening before. ``hours_start_us`` and ``hours_end_us`` are the stretches
    in which the market is open, two for a session with a break. ``openings`` are the windows in listed order, and last
    the one of what was postponed.
    """

    timetable: Timetable
    zone: ZoneInfo
    close_us: Ints
    day_start_us: Ints
    day_end_us: Ints
    hours_start_us: Ints
    hours_end_us: Ints
    openings: tuple[Openings, ...]

    @property
    def covered(self) -> tuple[datetime, datetime]:
        """The first and the last instant that a clock may say."""
        return instant_of(int(self.day_start_us[0])), instant_of(int(self.day_end_us[-1]))

    def session_of(self, at_us: Ints) -> Ints:
        """The session on whose day each instant falls; −1 between days, as on a weekend."""
        place = np.searchsorted(self.day_start_us, at_us, "right") - 1
        return np.where((place >= 0) & (at_us < self.day_end_us[place]), place, -1)

    def market_open(self, at_us: Ints) -> Ints:
        """1 where the market is open at that instant, else 0; a close belongs to the time after it."""
        place = np.searchsorted(self.hours_start_us, at_us, "right") - 1
        return np.where((place >= 0) & (at_us < self.hours_end_us[place]), 1, 0)

    def local_text(self, at: datetime) -> str:
        """An instant as the exchange's clock says it."""
        local = at.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


@lru_cache(maxsize=32)
def trading_days(timetable: Timetable) -> TradingDays:
    """Lay ``timetable`` over its exchange's sessions, from 1990 (or the calendar's first) on, as far as it is known.

    Raises
    ------
    InvalidRequest
        for an unknown calendar, a window that never opens, and two windows that one event could trade in at once.
    EngineUnavailable
        where exchange_calendars is not installed.
    """
    calendar = _calendar(timetable.calendar_id)
    zone = ZoneInfo(str(calendar.tz))
    dates = [label.date() for label in calendar.sessions]
    open_us, close_us = calendar.opens_nanos // 1_000, calendar.closes_nanos // 1_000
    pauses, ends = calendar.break_starts_nanos // 1_000, calendar.break_ends_nanos // 1_000
    split = pauses > 0  # what is no time is a large negative number there
    session = np.arange(len(dates))
    order = np.concatenate((session, session[split])).argsort(kind="stable")
    whose = np.concatenate((session, session[split]))[order]
    hours_start = np.concatenate((open_us, ends[split]))[order]
    hours_end = np.concatenate((np.where(split, pauses, close_us), close_us[split]))[order]
    midnight = _wall(dates, time(), zone)
    next_midnight = _wall([day + timedelta(days=1) for day in dates], time(), zone)
    day_start = np.maximum(np.minimum(open_us, midnight), np.append(open_us[0], close_us[:-1]))
    day_start[0] = min(open_us[0], midnight[0])
    day_end = np.minimum(np.maximum(close_us, next_midnight), np.append(open_us[1:], np.iinfo(np.int64).max))
    windows = (*timetable.windows, Window(POSTPONED, timetable.postponed_at))
    openings = []
    for window in windows:
        opens = hours_start if window.opens_at is None else _wall(dates, window.opens_at, zone)[whose]
        closes = hours_end if window.closes_at is None else _wall(dates, window.closes_at, zone)[whose]
        start, end = np.maximum(opens, hours_start), np.minimum(closes, hours_end)
        real = start < end
        openings.append(Openings(window, _kept(start[real]), _kept(end[real]), _kept(whose[real])))
    _check_openings(timetable, openings)
    return TradingDays(
        timetable=timetable,
        zone=zone,
        close_us=_kept(close_us),
        day_start_us=_kept(day_start),
        day_end_us=_kept(day_end),
        hours_start_us=_kept(hours_start),
        hours_end_us=_kept(hours_end),
        openings=tuple(openings),
    )


def _wall(dates: list[Any], at: time, zone: ZoneInfo) -> Ints:
    """When the clocks of ``zone`` say ``at``, on each of ``dates``."""
    return np.array([microseconds(datetime.combine(day, at, zone)) for day in dates], dtype=np.int64)


def _kept(column: Ints) -> Ints:
    column = np.ascontiguousarray(column, dtype=np.int64)
    column.setflags(write=False)
    return column


@lru_cache(maxsize=8)
def _calendar(calendar_id: str) -> Any:
    """The calendar of that name (an ISO 10383 code or an alias), between ``FIRST_DAY`` and ``LAST_DAY``.

    Kept: to make one takes longer than all that is laid over it, and callers may send any number of timetables.
    """
    try:
        # with pandas it takes a quarter of a second, and most processes never ask for it
        import exchange_calendars
        from exchange_calendars.errors import InvalidCalendarName
    except ImportError as missing:
        told = "trade windows need exchange_calendars: pip install 'piewise[day]'"
        raise EngineUnavailable(told) from missing
    try:
        known = exchange_calendars.get_calendar(calendar_id)
    except (InvalidCalendarName, TypeError, AttributeError):
        told = f"is {calendar_id!r}; give the code of an exchange, such as XNYS or XLON"
        raise InvalidRequest((Violation("timetable.calendar_id", "UNKNOWN_CALENDAR", told),)) from None
    least, most = known.bound_min(), known.bound_max()
    first = FIRST_DAY if least is None else max(FIRST_DAY, least.date())
    last = LAST_DAY - timedelta(days=1)
    last = last if most is None else min(last, most.date())
    return exchange_calendars.get_calendar(calendar_id, start=first.isoformat(), end=last.isoformat())


def _check_openings(timetable: Timetable, openings: list[Openings]) -> None:
    """Every window opens at some time, and none while another does that takes the same kind."""
    for k, one in enumerate(openings):
        if not len(one.start_us):
            last = k == len(openings) - 1
            field = "timetable.postponed_at" if last else f"timetable.windows[{k}].opens_at"
            told = f"lies outside the hours of {timetable.calendar_id} on every session: the window never opens"
            raise InvalidRequest((Violation(field, "NEVER_OPENS", told),))
    for k, one in enumerate(openings[:-1]):
        for other in openings[:k]:
            shared = not one.window.takes or not other.window.takes or set(one.window.takes) & set(other.window.takes)
            place = np.searchsorted(other.end_us, one.start_us, "right")  # the first that ends after this one starts
            known = place < len(other.start_us)
            overlap = known & (other.start_us[np.minimum(place, len(other.start_us) - 1)] < one.end_us)
            if shared and overlap.any():
                at = instant_of(int(one.start_us[overlap.argmax()])).isoformat()
                told = f"overlaps {other.window.window_id!r}, for the first time at {at}; they take the same events"
                raise InvalidRequest((Violation(f"timetable.windows[{k}]", "WINDOWS_OVERLAP", told),))
