"""Instants of the caller's clock: always with a zone, exact to the microsecond; and days as a zone counts them.

In columns an instant is an integer: microseconds since 1970-01-01 UTC, names ending in ``_us``; ``NEVER`` is none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from solver.errors import InvalidRequest, Violation

__all__ = [
    "EPOCH",
    "FIRST_DAY",
    "FIRST_US",
    "LAST_DAY",
    "LAST_US",
    "MAX_DAYS",
    "NEVER",
    "Ints",
    "check",
    "entry_violation",
    "instant_of",
    "instant_violation",
    "local_days",
    "member_violation",
    "microseconds",
    "number_violation",
    "time_violation",
    "zone_of",
]

Ints = npt.NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1990, 1, 1)  # clocks before it, or from LAST_DAY on, are taken for a mistake
LAST_DAY = date(2050, 1, 1)
MAX_DAYS = 3_650  # between two scheduled rebalances
NEVER = int(np.iinfo(np.int64).min)
FIRST_US = (datetime.combine(FIRST_DAY, time(), UTC) - EPOCH) // timedelta(microseconds=1)
LAST_US = (datetime.combine(LAST_DAY, time(), UTC) - EPOCH) // timedelta(microseconds=1)


def microseconds(at: datetime | None) -> int:
    """``at`` in microseconds since 1970-01-01 UTC; ``NEVER`` for ``None``."""
    return NEVER if at is None else (at - EPOCH) // timedelta(microseconds=1)


def instant_of(at_us: int) -> datetime:
    """The instant ``at_us`` microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=at_us)


def instant_violation(field: str, at: object, clock: datetime | None = None) -> Violation | None:
    """The fault of an instant without a zone, outside the years known, or after ``clock``; or ``None``."""
    if not isinstance(at, datetime):
        return Violation(field, "NOT_AN_INSTANT", f"is {at!r}; give a date and time with a zone")
    if at.utcoffset() is None:
        return Violation(field, "NO_TIME_ZONE", f"is {at.isoformat()}, in no zone; say which, for example with +00:00")
    if not FIRST_US <= microseconds(at) < LAST_US:
        told = f"is {at.isoformat()}; it must lie between {FIRST_DAY} and {LAST_DAY}"
        return Violation(field, "OUT_OF_RANGE", told)
    if clock is not None and microseconds(at) > microseconds(clock):
        told = f"is {at.isoformat()}, later than the clock, {clock.isoformat()}; a clock may not run backwards"
        return Violation(field, "CLOCK_RUNS_BACKWARDS", told)
    return None


def time_violation(field: str, at: object) -> Violation | None:
    """The fault of a time of day that is none, or carries a zone of its own; or ``None``."""
    if not isinstance(at, time):
        return Violation(field, "NOT_A_TIME", f"is {at!r}; give a time of day such as 14:30")
    if at.tzinfo is not None:
        told = f"is {at.isoformat()} in a zone of its own; it is read on the exchange's clock, so give none"
        return Violation(field, "UNEXPECTED_TIME_ZONE", told)
    return None


def number_violation(field: str, number: object, least: int, most: int) -> Violation | None:
    """The fault of a number that is no integer in ``[least, most]``, or ``None``."""
    if type(number) is int and least <= number <= most:
        return None
    return Violation(field, "OUT_OF_RANGE", f"is {number!r}; it must be an integer between {least} and {most}")


def member_violation(field: str, given: object, of: type[Enum]) -> Violation | None:
    """The fault of what is no member of an enumeration, its name as text for example; or ``None``."""
    if isinstance(given, of):
        return None
    told = f"is {given!r}; give a member of {of.__name__}: {', '.join(one.name for one in of)}"
    return Violation(field, f"UNKNOWN_{of.__name__.upper()}", told)


def check(faults: list[Violation | None]) -> None:
    """Raise ``InvalidRequest`` with those of ``faults`` that are one."""
    found = tuple(fault for fault in faults if fault is not None)
    if found:
        raise InvalidRequest(found)


def entry_violation(name: str, wrong: npt.NDArray[np.bool_], reason: str, told: str) -> Violation | None:
    """The fault of the first entry of the column ``name`` that is ``wrong``, or ``None``."""
    where = np.flatnonzero(wrong)
    return Violation(f"columns.{name}[{where[0]}]", reason, told) if len(where) else None


def zone_of(field: str, name: object) -> ZoneInfo:
    """The time zone of that IANA name; raises ``InvalidRequest`` where there is none."""
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError, OSError):
        told = f"is {name!r}; give a zone by its IANA name, such as America/New_York"
        raise InvalidRequest((Violation(field, "UNKNOWN_TIME_ZONE", told),)) from None


@lru_cache(maxsize=64)
def local_days(zone: ZoneInfo, at: time = time()) -> Ints:
    """When it is ``at`` in ``zone``, for every day from ``FIRST_DAY`` − 1 to ``MAX_DAYS`` after ``LAST_DAY``; (days,).

    Kept, since columns look it up a million times; rows before ``FIRST_DAY`` and behind ``LAST_DAY`` are for instants
    that fall into another day in that zone, and for what is due later.
    """
    first = FIRST_DAY - timedelta(days=1)
    count = (LAST_DAY - first).days + MAX_DAYS + 1
    days = (datetime.combine(first + timedelta(days=k), at, zone) for k in range(count))
    table = np.fromiter((microseconds(day) for day in days), dtype=np.int64, count=count)
    table.setflags(write=False)
    return table
