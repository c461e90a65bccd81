"""Triggers, windows, decisions and updates from the wire: presence, enums, instants and times of day.

What a value may be is checked by ``solver.trading`` itself, whose faults come back by their path in the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from server.conversion import FIRST_SECOND, LAST_SECOND, SIDES, Reader
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import InvalidRequest, Portfolio, Side, Violation
from solver.events import MAX_EVENTS
from solver.money import id_violation
from solver.trading.accounts import Account, Asked, OneSide, Traded
from solver.trading.clocks import EPOCH, zone_of
from solver.trading.sessions import (
    ALLIO_DYNAMIC_WINDOWS,
    ALLIO_MANAGED_WINDOWS,
    M1_WINDOWS,
    Kind,
    Timetable,
    Window,
)
from solver.trading.triggers import (
    ALLIO_DYNAMIC_TRIGGERS,
    ALLIO_MANAGED_TRIGGERS,
    M1_TRIGGERS,
    CashEvents,
    Daily,
    Drift,
    EveryDays,
    History,
    Measure,
    Policy,
    Rule,
    Scope,
)
from solver.trading.updates import Step, Update

__all__ = [
    "KINDS",
    "STEPS",
    "DayReader",
    "NextStep",
    "moved",
    "read_account",
    "read_asked",
    "read_check",
    "read_next",
    "read_policy",
    "read_timetable",
]

Built = TypeVar("Built")
MAX_RULES = 100
MAX_WINDOWS = 16
KINDS = {pb.TradingEventKind.Value(f"TRADING_EVENT_KIND_{kind.value}"): kind for kind in Kind}
STEPS = {pb.UpdateStep.Value(f"UPDATE_STEP_{step.value}"): step for step in Step}
SCOPES = {pb.DriftScope.Value(f"DRIFT_SCOPE_{scope.value}"): scope for scope in Scope}
MEASURES = {pb.DriftMeasure.Value(f"DRIFT_MEASURE_{measure.value}"): measure for measure in Measure}
POLICIES: Mapping[int, Policy] = {
    pb.TRIGGER_PRESET_M1: M1_TRIGGERS,
    pb.TRIGGER_PRESET_ALLIO_MANAGED: ALLIO_MANAGED_TRIGGERS,
    pb.TRIGGER_PRESET_ALLIO_DYNAMIC: ALLIO_DYNAMIC_TRIGGERS,
}
TIMETABLES: Mapping[int, Timetable] = {
    pb.TIMETABLE_PRESET_M1: M1_WINDOWS,
    pb.TIMETABLE_PRESET_ALLIO_MANAGED: ALLIO_MANAGED_WINDOWS,
    pb.TIMETABLE_PRESET_ALLIO_DYNAMIC: ALLIO_DYNAMIC_WINDOWS,
}
RULE_FIELDS = {"drift": "drift", "every": "every_days", "daily": "daily", "cash": "cash"}


@contextmanager
def moved(*places: tuple[str, str]) -> Iterator[None]:
    """Faults at or below the first of a place's two paths are raised again at the second; "" is above all."""
    try:
        yield
    except InvalidRequest as error:
        raise type(error)(tuple(_at(fault, places) for fault in error.violations)) from error


def _at(fault: Violation, places: Sequence[tuple[str, str]]) -> Violation:
    for old, new in places:
        if not old:
            return replace(fault, field=f"{new}.{fault.field}")
        rest = fault.field.removeprefix(old)
        if fault.field.startswith(old) and (not rest or rest[0] in ".["):
            return replace(fault, field=f"{new}{rest}")
    return fault


class DayReader(Reader):
    """Collects faults as ``Reader`` does, those of values that check themselves as well."""

    def built(self, build: Callable[[], Built], *places: tuple[str, str]) -> Built | None:
        """What ``build`` makes; ``None`` where it is at fault, by its ``moved`` places."""
        try:
            with moved(*places):
                return build()
        except InvalidRequest as error:
            for fault in error.violations:
                self.wrong(fault.field, fault.reason, fault.description)
            return None

    def account(self, message: pb.Portfolio, at: str) -> Portfolio | None:
        """The portfolio, where nothing of it is missing or wrong."""
        before = len(self.violations)
        build = self.portfolio(message, at)
        return self.built(build, ("portfolio", at)) if len(self.violations) == before else None

    def instant(self, message: Message, name: str, at: str) -> datetime:
        """The Timestamp ``name``, which must be set; cut to microseconds."""
        if not message.HasField(name):
            self.wrong(at, "MISSING_FIELD", "is not set; give the instant")
            return EPOCH
        return self._instant(getattr(message, name), at)

    def maybe_instant(self, message: Message, name: str, at: str) -> datetime | None:
        """The Timestamp ``name``, ``None`` where it is unset."""
        return self._instant(getattr(message, name), at) if message.HasField(name) else None

    def _instant(self, stamp: Timestamp, at: str) -> datetime:
        if not (FIRST_SECOND <= stamp.seconds <= LAST_SECOND and 0 <= stamp.nanos < 10**9):
            self.wrong(at, "OUT_OF_RANGE", "is no time between the years 1 and 9999")
            return EPOCH
        return EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)

    def time_of_day(self, text: str, at: str, needed: bool = False) -> time | None:
        """A time of day such as 14:30; ``None`` where it is empty and not ``needed``."""
        if not text and not needed:
            return None
        try:
            return time.fromisoformat(text)
        except ValueError:
            self.wrong(at, "NOT_A_TIME", f"is {text[:40]!r}; give a time of day such as 14:30")
            return None

    def choice(self, number: int, among: Mapping[int, Built], names: Any, at: str) -> Built:
        """What an enum's ``number`` stands for; the first there is where it stands for nothing here."""
        if number not in among:
            told = f"is {number}; give one of {', '.join(names.keys()[1:])}"
            self.wrong(at, "UNKNOWN_ENUM" if number else "MISSING_FIELD", told)
        return among.get(number) or next(iter(among.values()))

    def side(self, number: int, at: str) -> Side:
        """A side, which must be set."""
        return self.choice(number, SIDES, pb.Side, at)


def read_policy(reader: DayReader, message: pb.TriggerPolicy) -> Policy | None:
    """The policy of a request; ``None`` where ``reader`` found a fault in it."""
    kind = message.WhichOneof("kind")
    if kind == "preset":
        return reader.choice(message.preset, POLICIES, pb.TriggerPreset, "policy.preset")
    if kind is None:
        reader.wrong("policy", "MISSING_FIELD", "has no kind; give a preset or custom rules")
        return None
    stated = message.custom
    if len(stated.rules) > MAX_RULES:
        told = f"has {len(stated.rules)} rules; at most {MAX_RULES} are supported"
        reader.wrong("policy.custom.rules", "TOO_MANY_RULES", told)
    before = len(reader.violations)
    rules = [_rule(reader, rule, f"policy.custom.rules[{i}]") for i, rule in enumerate(stated.rules[:MAX_RULES])]
    zone = reader.built(
        lambda: zone_of("policy.time_zone", stated.time_zone or None), ("policy.time_zone", "policy.custom.time_zone")
    )
    if zone is None or len(reader.violations) > before:
        return None
    return Policy(tuple(rule for rule in rules if rule is not None), stated.time_zone)


def _rule(reader: DayReader, message: pb.TriggerRule, at: str) -> Rule | None:
    kind = message.WhichOneof("kind")
    if kind is None:
        reader.wrong(at, "MISSING_FIELD", "has no kind; give drift, every_days, daily or cash")
        return None
    build: Callable[[], Rule]
    before = len(reader.violations)
    if kind == "drift":
        build = _drift(reader, message.drift, f"{at}.drift")
    elif kind == "cash":
        reader.require(message.cash, "least", f"{at}.cash.least")
        build = partial(CashEvents, message.cash.least)
    elif kind == "every_days":
        reader.require(message.every_days, "days", f"{at}.every_days.days")
        moment = reader.time_of_day(message.every_days.at, f"{at}.every_days.at", needed=True)
        build = partial(EveryDays, message.every_days.days, moment or time())
    else:
        build = partial(Daily, reader.time_of_day(message.daily.at, f"{at}.daily.at", needed=True) or time())
    places = [(old, f"{at}.{new}") for old, new in RULE_FIELDS.items()]
    return reader.built(build, *places) if len(reader.violations) == before else None


def _drift(reader: DayReader, message: pb.DriftRule, at: str) -> Callable[[], Rule]:
    scope = reader.choice(message.scope, SCOPES, pb.DriftScope, f"{at}.scope")
    measure = reader.choice(message.measure, MEASURES, pb.DriftMeasure, f"{at}.measure")
    reader.require(message, "threshold_micros", f"{at}.threshold_micros")
    return partial(Drift, scope, message.threshold_micros, measure)


def read_check(
    reader: DayReader, message: pb.CheckTriggersRequest
) -> tuple[Portfolio | None, History, Policy | None, datetime]:
    """What ``check_triggers`` is asked, but for the asset classes."""
    for name in ("portfolio", "history", "policy"):
        reader.require(message, name, name)
    stated = message.history
    history = History(
        reader.instant(stated, "started_at", "history.started_at"),
        reader.maybe_instant(stated, "last_rebalance_at", "history.last_rebalance_at"),
        reader.maybe_instant(stated, "last_run_at", "history.last_run_at"),
        stated.withdrawal,
        stated.cash_floor,
    )
    for security_id, name in message.asset_classes.items():
        if id_violation("asset_classes", security_id) or id_violation("asset_classes", name):
            told = f"names {security_id[:40]!r} and {name[:40]!r}; both must be set, and at most 64 bytes long"
            reader.wrong("asset_classes", "INVALID_ID", told)
            break
    policy = read_policy(reader, message.policy)
    return reader.account(message.portfolio, "portfolio"), history, policy, reader.instant(message, "clock", "clock")


def read_timetable(reader: DayReader, message: pb.Timetable) -> Timetable | None:
    """The timetable of a request; ``None`` where ``reader`` found a fault in it."""
    kind = message.WhichOneof("kind")
    if kind == "preset":
        return reader.choice(message.preset, TIMETABLES, pb.TimetablePreset, "timetable.preset")
    if kind is None:
        reader.wrong("timetable", "MISSING_FIELD", "has no kind; give a preset or custom windows")
        return None
    stated, at, before = message.custom, "timetable.custom", len(reader.violations)
    if len(stated.windows) > MAX_WINDOWS:
        told = f"has {len(stated.windows)} windows; at most {MAX_WINDOWS} are supported"
        reader.wrong(f"{at}.windows", "TOO_MANY_WINDOWS", told)
    windows = tuple(_window(reader, w, f"{at}.windows[{i}]") for i, w in enumerate(stated.windows[:MAX_WINDOWS]))
    postponed = reader.time_of_day(stated.postponed_at, f"{at}.postponed_at")
    reader.require(stated, "rebalances_alone", f"{at}.rebalances_alone")
    if len(reader.violations) > before:
        return None
    calendar = stated.calendar_id or "XNYS"
    return reader.built(
        lambda: Timetable(windows, calendar, postponed, stated.rebalances_alone), ("timetable", "timetable.custom")
    )


def _window(reader: DayReader, message: pb.TradeWindow, at: str) -> Window:
    reader.require(message, "joins_late", f"{at}.joins_late")
    takes = enumerate(message.takes[: len(KINDS) + 1])
    kinds = (reader.choice(kind, KINDS, pb.TradingEventKind, f"{at}.takes[{k}]") for k, kind in takes)
    return Window(
        message.window_id,
        reader.time_of_day(message.opens_at, f"{at}.opens_at"),
        reader.time_of_day(message.closes_at, f"{at}.closes_at"),
        tuple(dict.fromkeys(kinds)),
        message.needs,
        message.joins_late,
    )


def read_account(reader: DayReader, message: pb.TradingAccount) -> Account:
    """What a decision is to know of an account."""
    at = "account"
    for name in ("value", "cash"):
        reader.require(message, name, f"{at}.{name}")
    trades = tuple(
        Traded(
            trade.security_id,
            reader.side(trade.side, f"{at}.trades[{k}].side"),
            reader.instant(trade, "traded_at", f"{at}.trades[{k}].traded_at"),
        )
        for k, trade in enumerate(message.trades)
    )
    instants = ("cash_available_at", "rebalanced_at", "manual_orders_at", "looked_at")
    return Account(
        value=message.value,
        cash=message.cash,
        min_order=message.min_order,
        restricted=message.restricted,
        closed=message.closed,
        flags=frozenset(message.flags),
        cash_unavailable=message.cash_unavailable,
        trades=trades,
        **{name: reader.maybe_instant(message, name, f"{at}.{name}") for name in instants},
    )


def read_asked(reader: DayReader, events: Sequence[pb.TradingEvent]) -> tuple[Asked, ...]:
    """The events that want to trade."""
    if not events:
        reader.wrong("events", "MISSING_FIELD", f"is empty; send at least one event, and at most {MAX_EVENTS}")
    if len(events) > MAX_EVENTS:
        reader.wrong("events", "TOO_MANY_EVENTS", f"has {len(events)} events; at most {MAX_EVENTS} are supported")
    return tuple(_asked(reader, event, f"events[{k}]") for k, event in enumerate(events[:MAX_EVENTS]))


def _asked(reader: DayReader, event: pb.TradingEvent, at: str) -> Asked:
    reader.echoed(event.event_id, f"{at}.event_id")
    wants = None
    if event.HasField("wants"):
        sides = enumerate(event.wants.sides)
        wants = frozenset(OneSide(s.security_id, reader.side(s.side, f"{at}.wants.sides[{k}].side")) for k, s in sides)
    return Asked(
        reader.choice(event.kind, KINDS, pb.TradingEventKind, f"{at}.kind"),
        reader.instant(event, "asked_at", f"{at}.asked_at"),
        event.event_id,
        wants,
        reader.maybe_instant(event, "postponed_until", f"{at}.postponed_until"),
    )


@dataclass(frozen=True, slots=True)
class NextStep:
    """The last update of an event, and all that makes its next one."""

    last: Update | None
    stated: dict[str, Any]


def read_next(reader: DayReader, message: pb.NextUpdate, at: str) -> NextStep:
    """One update that is asked for; ``until`` is on the clock of its zone."""
    last = _update(reader, message.last, f"{at}.last") if message.HasField("last") else None
    zone = reader.built(lambda: zone_of(f"{at}.time_zone", message.time_zone or None)) or UTC
    until = reader.maybe_instant(message, "until", f"{at}.until")
    stated = {
        "account_id": message.account_id,
        "event_id": message.event_id,
        "step": reader.choice(message.step, STEPS, pb.UpdateStep, f"{at}.step"),
        "at": reader.instant(message, "at", f"{at}.at"),
        "subject": message.subject,
        "until": None if until is None else until.astimezone(zone),
        "reasons": tuple(message.reasons),
        "because": message.because,
    }
    return NextStep(last, stated)


def _update(reader: DayReader, message: pb.Update, at: str) -> Update:
    return Update(
        message.account_id,
        message.event_id,
        reader.choice(message.step, STEPS, pb.UpdateStep, f"{at}.step"),
        reader.instant(message, "at", f"{at}.at"),
        message.sentence,
        reader.maybe_instant(message, "until", f"{at}.until"),
        tuple(message.reasons),
    )
