"""The exchange's days and the trade windows: holidays, half-days, both clock changes, bad timetables."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from solver import EngineUnavailable, InvalidRequest
from solver.trading import sessions
from solver.trading.clocks import instant_of, microseconds
from solver.trading.sessions import (
    ALLIO_DYNAMIC_WINDOWS,
    ALLIO_MANAGED_WINDOWS,
    M1_WINDOWS,
    Kind,
    Timetable,
    TradingDays,
    Window,
    trading_days,
)

EASTERN = ZoneInfo("America/New_York")


def opened(timetable: Timetable, window_id: str, day: date) -> list[tuple[datetime, datetime]]:
    """When a window is open on one day, in UTC."""
    days = trading_days(timetable)
    openings = next(o for o in days.openings if o.window.window_id == window_id)
    spans = zip(openings.start_us.tolist(), openings.end_us.tolist(), strict=True)
    found = [(instant_of(start), instant_of(end)) for start, end in spans]
    return [span for span in found if span[0].astimezone(days.zone).date() == day]


def utc(*at: int) -> datetime:
    return datetime(*at, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_the_morning_window_is_at_half_past_nine() -> None:
    """Both clock changes: the Fridays before and the Mondays after."""
    assert opened(M1_WINDOWS, "morning", date(2026, 3, 6)) == [(utc(2026, 3, 6, 14, 30), utc(2026, 3, 6, 15, 30))]
    assert opened(M1_WINDOWS, "morning", date(2026, 3, 9))[0][0] == utc(2026, 3, 9, 13, 30)
    assert opened(M1_WINDOWS, "morning", date(2026, 10, 30))[0][0] == utc(2026, 10, 30, 13, 30)
    assert opened(M1_WINDOWS, "morning", date(2026, 11, 2))[0][0] == utc(2026, 11, 2, 14, 30)


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 11, 26),  # Thanksgiving
        date(2026, 12, 25),
        date(2027, 1, 1),
        date(2026, 7, 3),  # the Fourth falls on a Saturday
        date(2012, 10, 29),  # a storm
        date(2001, 9, 12),
        date(2026, 11, 21),  # a Saturday
    ],
)
def test_no_window_opens_on_a_holiday(day: date) -> None:
    assert opened(M1_WINDOWS, "morning", day) == []
    assert opened(ALLIO_DYNAMIC_WINDOWS, "market", day) == []


def test_a_half_day_cuts_windows_and_drops_those_behind_its_close() -> None:
    friday = date(2026, 11, 27)  # closes at 13:00
    assert opened(M1_WINDOWS, "morning", friday) != []
    assert opened(M1_WINDOWS, "afternoon", friday) == []
    assert opened(ALLIO_MANAGED_WINDOWS, "daily", friday) == []
    assert opened(ALLIO_DYNAMIC_WINDOWS, "market", friday) == [(utc(2026, 11, 27, 14, 30), utc(2026, 11, 27, 18))]
    cut = Timetable((Window("late", time(12, 30), time(15)),))
    assert opened(cut, "late", friday) == [(utc(2026, 11, 27, 17, 30), utc(2026, 11, 27, 18))]


def test_the_daily_run_has_until_the_close() -> None:
    assert opened(ALLIO_MANAGED_WINDOWS, "daily", date(2026, 11, 20)) == [
        (utc(2026, 11, 20, 19, 30), utc(2026, 11, 20, 21))
    ]


def test_postponed_to_the_open_or_a_configured_time() -> None:
    """Nine o'clock is before the exchange opens: then it is the open."""
    for at, expected in ((None, utc(2026, 11, 20, 14, 30)), (time(9), utc(2026, 11, 20, 14, 30))):
        timetable = Timetable((Window("w"),), postponed_at=at)
        assert opened(timetable, "postponed", date(2026, 11, 20))[0][0] == expected
    later = Timetable((Window("w"),), postponed_at=time(10, 15))
    assert opened(later, "postponed", date(2026, 11, 20))[0][0] == utc(2026, 11, 20, 15, 15)


def market_open(days: TradingDays, at: datetime) -> bool:
    return bool(days.market_open(np.array([microseconds(at)]))[0])


def test_the_close_is_not_open_any_more() -> None:
    days = trading_days(M1_WINDOWS)
    assert market_open(days, datetime(2026, 11, 20, 9, 30, tzinfo=EASTERN))
    assert not market_open(days, datetime(2026, 11, 20, 9, 29, 59, 999_999, tzinfo=EASTERN))
    assert market_open(days, datetime(2026, 11, 20, 15, 59, 59, 999_999, tzinfo=EASTERN))
    assert not market_open(days, datetime(2026, 11, 20, 16, tzinfo=EASTERN))
    assert not market_open(days, datetime(2026, 11, 27, 13, tzinfo=EASTERN))


def test_an_exchange_that_pauses_at_noon() -> None:
    hong_kong = Timetable((Window("w"),), "XHKG")
    days = trading_days(hong_kong)
    spans = opened(hong_kong, "w", date(2026, 11, 20))
    assert spans == [(utc(2026, 11, 20, 1, 30), utc(2026, 11, 20, 4)), (utc(2026, 11, 20, 5), utc(2026, 11, 20, 8))]
    assert not market_open(days, utc(2026, 11, 20, 4, 30))
    over = Timetable((Window("w", time(11), time(14)),), "XHKG")
    assert opened(over, "w", date(2026, 11, 20)) == [
        (utc(2026, 11, 20, 3), utc(2026, 11, 20, 4)),
        (utc(2026, 11, 20, 5), utc(2026, 11, 20, 6)),
    ]


def session_date(days: TradingDays, at: datetime) -> date | None:
    session = int(days.session_of(np.array([microseconds(at)]))[0])
    return instant_of(int(days.close_us[session])).astimezone(days.zone).date() if session >= 0 else None


def test_a_day_is_from_midnight_to_midnight_of_the_exchange() -> None:
    days = trading_days(M1_WINDOWS)
    assert session_date(days, datetime(2026, 11, 20, 0, 0, tzinfo=EASTERN)) == date(2026, 11, 20)
    assert session_date(days, datetime(2026, 11, 20, 23, 59, 59, tzinfo=EASTERN)) == date(2026, 11, 20)
    assert session_date(days, datetime(2026, 11, 21, 0, 0, tzinfo=EASTERN)) is None
    futures = trading_days(Timetable((Window("w"),), "CMES"))  # Monday's session begins on Sunday evening
    assert session_date(futures, datetime(2026, 11, 15, 17, 30, tzinfo=ZoneInfo("America/Chicago"))) == date(
        2026, 11, 16
    )


@pytest.mark.parametrize("calendar_id", ["XNYS", "XLON", "XTKS", "XHKG", "CMES", "24/7"])
def test_days_and_hours_never_overlap(calendar_id: str) -> None:
    days = trading_days(Timetable((Window("w"),), calendar_id))
    for start, end in ((days.day_start_us, days.day_end_us), (days.hours_start_us, days.hours_end_us)):
        assert np.all(start < end)
        assert np.all(end[:-1] <= start[1:])
    assert np.all(days.session_of(days.hours_start_us) == days.session_of(days.hours_end_us - 1))


def refused(*windows: Window, **more: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        trading_days(Timetable(windows, **more))  # type: ignore[arg-type]
    return [(v.field, v.reason) for v in caught.value.violations]


def test_bad_timetables_are_refused_by_field() -> None:
    all_day = Window("w")
    assert refused(all_day, calendar_id="MOON") == [("timetable.calendar_id", "UNKNOWN_CALENDAR")]
    assert refused() == [("timetable.windows", "EMPTY")]
    assert refused(all_day, all_day) == [("timetable.windows[1].window_id", "DUPLICATE_WINDOW")]
    assert refused(Window("")) == [("timetable.windows[0].window_id", "MISSING_ID")]
    assert refused(Window("postponed")) == [("timetable.windows[0].window_id", "DUPLICATE_WINDOW")]
    assert refused(Window("w", time(10), time(10))) == [("timetable.windows[0].closes_at", "NEVER_OPENS")]
    assert refused(Window("w", time(18), time(19))) == [("timetable.windows[0].opens_at", "NEVER_OPENS")]
    assert refused(Window("w", time(10, tzinfo=UTC))) == [("timetable.windows[0].opens_at", "UNEXPECTED_TIME_ZONE")]
    assert refused(all_day, postponed_at=time(17)) == [("timetable.postponed_at", "NEVER_OPENS")]
    for windows in (5, [all_day], "w", None):
        with pytest.raises(InvalidRequest, match="a tuple of windows") as caught:
            Timetable(windows)  # type: ignore[arg-type]
        assert [(v.field, v.reason) for v in caught.value.violations] == [("timetable.windows", "NOT_A_TUPLE")]
    wrong: Any = Window("w", takes=(Kind.DEPOSIT, "X"), needs=5)  # type: ignore[arg-type]
    assert refused(wrong) == [
        ("timetable.windows[0].takes[1]", "UNKNOWN_KIND"),
        ("timetable.windows[0].needs", "NOT_A_FLAG"),
    ]
    for takes in (5, "DEPOSIT", [Kind.DEPOSIT], Kind.DEPOSIT):
        wrong = Window("w", takes=takes)  # type: ignore[arg-type]
        assert refused(wrong) == [("timetable.windows[0].takes", "NOT_A_TUPLE")]
    wrong = "w"
    assert refused(all_day, wrong) == [("timetable.windows[1]", "NOT_A_WINDOW")]
    assert refused(all_day, postponed_at="9") == [("timetable.postponed_at", "NOT_A_TIME")]


def test_windows_that_one_event_could_trade_in_at_once_are_refused() -> None:
    early, late = Window("early", time(10), time(12)), Window("late", time(11, 59), time(13))
    assert refused(early, late) == [("timetable.windows[1]", "WINDOWS_OVERLAP")]
    assert refused(late, early) == [("timetable.windows[1]", "WINDOWS_OVERLAP")]
    trading_days(Timetable((early, Window("late", time(12), time(13)))))  # end to end is no overlap
    one = Window("early", time(10), time(12), (Kind.DEPOSIT,))
    trading_days(Timetable((one, Window("late", time(11), time(13), (Kind.WITHDRAWAL,)))))
    assert refused(one, Window("late", time(11), time(13), (Kind.WITHDRAWAL, Kind.DEPOSIT))) != []


def test_nothing_heavy_is_loaded_before_a_calendar_is_asked_for() -> None:
    code = (
        "import sys, solver.trading.decision_columns, solver.trading.trigger_columns;"
        "sys.exit('pandas' in sys.modules or 'exchange_calendars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    sessions._calendar.cache_clear()
    with pytest.raises(EngineUnavailable, match=r"piewise\[day\]"):
        trading_days(Timetable((Window("only here"),)))


def test_timetables_of_one_exchange_share_its_calendar() -> None:
    sessions._calendar.cache_clear()
    laid = [trading_days(Timetable((Window("w", time(11, minute)),), "XETR")) for minute in (1, 2, 3)]
    assert sessions._calendar.cache_info().misses == 1
    assert len({int(days.openings[0].start_us[0]) for days in laid}) == 3
