"""Should this account trade, and why: drift, a schedule, cash. The caller's clock is an argument.

Strategy: rules are frozen values, checked when they are built, and a policy is a tuple of them. Every comparison with a
threshold is made in integers or fractions, so that an account exactly at its threshold never trades by rounding. What
holds is a record with its figures and a sentence. ``trigger_columns.py`` does the same for a million accounts and asks
``drifts`` here wherever its floats can not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from solver.errors import Violation
from solver.money import money_violation
from solver.portfolio import Portfolio
from solver.sentences import money_text
from solver.trading.clocks import (
    MAX_DAYS,
    check,
    instant_violation,
    member_violation,
    microseconds,
    number_violation,
    time_violation,
    zone_of,
)
from solver.tree import flatten

__all__ = [
    "ALLIO_DYNAMIC_TRIGGERS",
    "ALLIO_MANAGED_TRIGGERS",
    "M1_TRIGGERS",
    "CashEvents",
    "Daily",
    "Drift",
    "EveryDays",
    "History",
    "Measure",
    "Off",
    "Policy",
    "Rule",
    "Scope",
    "Trigger",
    "TriggerCode",
    "check_triggers",
    "drifts",
]

MICROS = 1_000_000


class Scope(Enum):
    """What may be off its target: a holding or a nested pie in its pie, an asset class or all in the portfolio."""

    SLICES = "SLICES"
    PIES = "PIES"
    CLASSES = "CLASSES"
    PORTFOLIO = "PORTFOLIO"


class Measure(Enum):
    """How far off is said: in points of the whole that it is a share of, or relative to the target itself."""

    POINTS = "POINTS"
    RELATIVE = "RELATIVE"


@dataclass(frozen=True, slots=True)
class Drift:
    """Off target by more than a threshold, in millionths: 50,000 is 5 points, or 5 % of the target.

        SLICES, PIES   d = |V_n/V_p − w_n|          CLASSES   d = |Σ V_c/V − Σ ω_c| over the leaves of the class
        PORTFOLIO      d = ½ Σ_c |V_c/V − ω_c|      holds where d > t, RELATIVE: where d > t · target

    V_n is the value of a slice, V_p of its pie, V of all holdings (minor units, cash is none); w_n the target share of
    its pie, ω_c the product of the shares on the way to a leaf; t = ``threshold_micros``/10^6. A pie worth nothing has
    no shares, so nothing in it is off. PORTFOLIO is in points.
    """

    scope: Scope
    threshold_micros: int
    measure: Measure = Measure.POINTS

    def __post_init__(self) -> None:
        faults = [
            member_violation("drift.scope", self.scope, Scope),
            number_violation("drift.threshold_micros", self.threshold_micros, 0, 1_000 * MICROS),
            member_violation("drift.measure", self.measure, Measure),
        ]
        if self.scope is Scope.PORTFOLIO and self.measure is Measure.RELATIVE:
            told = "is RELATIVE; a sum over all slices has no target of its own, so it is measured in POINTS"
            faults.append(Violation("drift.measure", "NO_TARGET", told))
        check(faults)

    @property
    def threshold(self) -> Fraction:
        """t, exactly."""
        return Fraction(self.threshold_micros, MICROS)


@dataclass(frozen=True, slots=True)
class EveryDays:
    """Due ``days`` days after the last rebalance, whoever asked for it, from ``at`` on (the start of the day).

    Days are dates of the policy's zone. Nothing is kept but the last rebalance: so a client's own starts the count
    anew, and other ``days`` count from the same one. Without any it counts from the day the account started.
    """

    days: int = 7
    at: time = time()

    def __post_init__(self) -> None:
        check([number_violation("every.days", self.days, 1, MAX_DAYS), time_violation("every.at", self.at)])


@dataclass(frozen=True, slots=True)
class Daily:
    """Due once a day from ``at`` on, whatever else traded that day."""

    at: time = time(14, 30)

    def __post_init__(self) -> None:
        check([time_violation("daily.at", self.at)])


@dataclass(frozen=True, slots=True)
class CashEvents:
    """Money to invest, ``least`` minor units or more above the floor, or a withdrawal asked for."""

    least: int = 1

    def __post_init__(self) -> None:
        check([money_violation("cash.least", self.least, 1)])


Rule = Drift | EveryDays | Daily | CashEvents


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that may make an account trade by itself, on the clock of one zone."""

    rules: tuple[Rule, ...] = ()
    time_zone: str = "America/New_York"

    def __post_init__(self) -> None:
        zone_of("policy.time_zone", self.time_zone)


M1_TRIGGERS = Policy()  # never without the client's instruction
ALLIO_MANAGED_TRIGGERS = Policy((Daily(time(14, 30)), CashEvents()))
ALLIO_DYNAMIC_TRIGGERS = Policy((EveryDays(7, time(14, 30)), CashEvents()))  # an instant rebalance is the client's own


@dataclass(frozen=True, slots=True)
class History:
    """What an account's books say beside its portfolio; amounts in minor units, instants in any zone.

    ``last_rebalance_at`` is that of the last rebalance of any kind, ``last_run_at`` that of the last daily run.
    """

    started_at: datetime
    last_rebalance_at: datetime | None = None
    last_run_at: datetime | None = None
    withdrawal: int = 0
    cash_floor: int = 0


class TriggerCode(Enum):
    """What made an account trade."""

    DRIFT = "DRIFT"
    SCHEDULE = "SCHEDULE"
    DAILY_RUN = "DAILY_RUN"
    CASH_IN = "CASH_IN"
    CASH_OUT = "CASH_OUT"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One reason to trade: which of the policy's ``rules`` holds, for what, its figures by name, and a sentence."""

    code: TriggerCode
    rule: int
    subject: str
    figures: tuple[tuple[str, str], ...]
    sentence: str


class Off(NamedTuple):
    """What is off its target: the row of a slice, the number of a class, or 0; shares and deviation are exact."""

    subject: int
    share: Fraction
    target: Fraction
    deviation: Fraction


def check_triggers(
    portfolio: Portfolio, history: History, policy: Policy, clock: datetime, tags: Mapping[str, str] | None = None
) -> tuple[Trigger, ...]:
    """Every rule of ``policy`` that holds at ``clock``, in listed order, and each slice or class that makes it hold.

    ``tags`` names the asset class of a security; securities without one are in no class.

    Raises
    ------
    InvalidRequest
        for instants without a zone or later than the clock, and for amounts that are none.
    """
    check([instant_violation("clock", clock), *_history_violations(history, clock)])
    found: list[Trigger] = []
    for number, rule in enumerate(policy.rules):
        if isinstance(rule, Drift):
            found += _drift_triggers(number, rule, portfolio, tags or {})
        elif isinstance(rule, CashEvents):
            found += _cash_triggers(number, rule, portfolio, history)
        else:
            found += _clock_triggers(number, rule, history, policy, clock)
    return tuple(found)


def drifts(
    rule: Drift,
    parent: Sequence[int],
    weight: Sequence[int],
    value: Sequence[int],
    classes: Sequence[int],
) -> Iterator[Off]:
    """Everything that is off by more than ``rule`` allows, exactly, in depth-first order (Drift's formula).

    By row, as ``tree.flatten`` lists them: ``parent`` (−1: the root), ``weight`` and ``value`` (minor units, pies too),
    and ``classes``, the number of the leaf's asset class or −1; pies have −1.
    """
    total: dict[int, int] = {}
    for row in range(1, len(parent)):
        total[parent[row]] = total.get(parent[row], 0) + weight[row]
    if rule.scope in (Scope.SLICES, Scope.PIES):
        pies = rule.scope is Scope.PIES
        for row in range(1, len(parent)):
            whole, weights = value[parent[row]], total[parent[row]]
            if whole and (row in total) is pies:
                target, share = Fraction(weight[row], weights), Fraction(value[row], whole)
                off = Off(row, share, target, abs(share - target))
                if off.deviation > _allowed(rule, target):
                    yield off
        return
    if not parent or not value[0]:
        return
    target_of = [Fraction(1)] * len(parent)
    for row in range(1, len(parent)):
        target_of[row] = target_of[parent[row]] * Fraction(weight[row], total[parent[row]])
    leaves = [(Fraction(value[r], value[0]), target_of[r], classes[r]) for r in range(len(parent)) if r not in total]
    if rule.scope is Scope.PORTFOLIO:
        half = sum((abs(share - target) for share, target, _ in leaves), Fraction(0)) / 2
        if half > rule.threshold:
            yield Off(0, Fraction(1), Fraction(1), half)
        return
    for tag in sorted({k for _, _, k in leaves if k >= 0}):
        share = sum((s for s, _, k in leaves if k == tag), Fraction(0))
        target = sum((t for _, t, k in leaves if k == tag), Fraction(0))
        if abs(share - target) > _allowed(rule, target):
            yield Off(tag, share, target, abs(share - target))


def _allowed(rule: Drift, target: Fraction) -> Fraction:
    return rule.threshold * (target if rule.measure is Measure.RELATIVE else 1)


def _drift_triggers(number: int, rule: Drift, portfolio: Portfolio, tags: Mapping[str, str]) -> Iterator[Trigger]:
    tree = flatten(portfolio)
    names = sorted(set(tags.values()))
    place = {name: k for k, name in enumerate(names)}
    classes = [place[tags[s]] if s in tags else -1 for s in tree.security_ids]
    for off in drifts(rule, tree.parent, tree.weight, tree.value, classes):
        if rule.scope is Scope.PORTFOLIO:
            subject, what = "", "The portfolio as a whole"
        elif rule.scope is Scope.CLASSES:
            subject = names[off.subject]
            what = f"The asset class {subject} is {_percent(off.share)} of the portfolio, its target {{}}: it"
        else:
            subject = tree.slice_ids[off.subject]
            kind = "pie" if rule.scope is Scope.PIES else "slice"
            what = f"The {kind} {subject} is {_percent(off.share)} of its pie, its target {{}}: it"
        yield _drift_trigger(number, rule, off, subject, what.replace("{}", _percent(off.target)))


def _drift_trigger(number: int, rule: Drift, off: Off, subject: str, what: str) -> Trigger:
    """The record: exact figures as fractions, and as many decimals in the sentence as tell it from the threshold."""
    deviation = off.deviation
    if rule.measure is Measure.RELATIVE and off.target:
        deviation /= off.target
    unit = "% of its target" if rule.measure is Measure.RELATIVE else "points"
    if rule.measure is Measure.RELATIVE and not off.target:
        told = f"{what} should hold nothing."
    else:
        decimals = next((k for k in range(2, 9) if _near(deviation, k) != _near(rule.threshold, k)), 9)
        said, most = _near(deviation, decimals), _near(rule.threshold, decimals)
        told = f"{what} is {said} {unit} off; more than {most} makes it trade."
    shares = () if rule.scope is Scope.PORTFOLIO else (("share", str(off.share)), ("target", str(off.target)))
    figures = (*shares, ("deviation", str(deviation)), ("threshold", str(rule.threshold)))
    return Trigger(TriggerCode.DRIFT, number, subject, figures, told)


def _near(share: Fraction, decimals: int) -> str:
    """``share`` in hundredths, rounded exactly: a fraction's digits, not a float's."""
    whole = round(share * 100 * 10**decimals)
    digits = f"{whole:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def _percent(share: Fraction) -> str:
    return f"{_near(share, 2)} %"


def _clock_triggers(
    number: int, rule: EveryDays | Daily, history: History, policy: Policy, clock: datetime
) -> Iterator[Trigger]:
    zone = zone_of("policy.time_zone", policy.time_zone)
    if isinstance(rule, Daily):
        yield from _daily_run(number, rule, history, clock.astimezone(zone))
        return
    since = history.last_rebalance_at or history.started_at
    day = since.astimezone(zone).date() + timedelta(days=rule.days)
    due = datetime.combine(day, rule.at, zone)
    if microseconds(due) <= microseconds(clock):
        last = "the last rebalance" if history.last_rebalance_at else "the account's start"
        days = f"{rule.days} day{'s' * (rule.days > 1)}"
        told = f"Due since {due:%Y-%m-%d %H:%M} {due.tzname()}: {days} after {last}."
        figures = (("since", since.isoformat()), ("due_at", due.isoformat()), ("days", str(rule.days)))
        yield Trigger(TriggerCode.SCHEDULE, number, "", figures, told)


def _daily_run(number: int, rule: Daily, history: History, clock: datetime) -> Iterator[Trigger]:
    """The latest instant at which it was ``rule.at`` on the zone's ``clock``, where no run has been since."""
    due = datetime.combine(clock.date(), rule.at, clock.tzinfo)
    if microseconds(due) > microseconds(clock):
        due = datetime.combine(clock.date() - timedelta(days=1), rule.at, clock.tzinfo)
    # of aware instants in one zone Python compares the wall clocks, which tell an hour twice when they go back
    if max(microseconds(history.last_run_at) + 1, microseconds(history.started_at)) <= microseconds(due):
        told = f"Its daily run of {due:%Y-%m-%d %H:%M} {due.tzname()} has not been."
        yield Trigger(TriggerCode.DAILY_RUN, number, "", (("due_at", due.isoformat()),), told)


def _cash_triggers(number: int, rule: CashEvents, portfolio: Portfolio, history: History) -> Iterator[Trigger]:
    code = portfolio.currency_code
    if history.withdrawal:
        figures = (("withdrawal", str(history.withdrawal)),)
        told = f"A withdrawal of {money_text(history.withdrawal, code)} is asked for."
        yield Trigger(TriggerCode.CASH_OUT, number, "", figures, told)
    cash = portfolio.cash - history.cash_floor
    if cash >= rule.least and not history.withdrawal:  # what is asked for is not invested first
        amounts = (("cash", str(cash)), ("least", str(rule.least)))
        yield Trigger(TriggerCode.CASH_IN, number, "", amounts, f"There is {money_text(cash, code)} to invest.")


def _history_violations(history: History, clock: datetime) -> Iterator[Violation | None]:
    later = clock if isinstance(clock, datetime) and clock.utcoffset() is not None else None
    yield instant_violation("history.started_at", history.started_at, later)
    for name in ("last_rebalance_at", "last_run_at"):
        at = getattr(history, name)
        if at is not None:
            yield instant_violation(f"history.{name}", at, later)
    yield money_violation("history.withdrawal", history.withdrawal)
    yield money_violation("history.cash_floor", history.cash_floor)
