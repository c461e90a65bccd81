"""Accounts, what their clients ask for, and prices: each a function of a seed and a name, so that nothing is kept.

A price is that of a real stock, by date on the straight line between two month-end closes, and within the day up to
1.5 % around it, another one every quarter of an hour. All in integers, so that every machine has the same.
"""

from __future__ import annotations

import random
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from server.examples import month_end_prices
from solver import ChangedPie, Holding, Pie, Portfolio, Rules, Security, Slice, TargetChange, TargetSlice
from solver.steps import NANOS
from solver.trading.sessions import ALLIO_DYNAMIC_WINDOWS, ALLIO_MANAGED_WINDOWS, M1_WINDOWS, Kind, Timetable
from solver.trading.triggers import (
    ALLIO_DYNAMIC_TRIGGERS,
    ALLIO_MANAGED_TRIGGERS,
    M1_TRIGGERS,
    CashEvents,
    EveryDays,
    Policy,
)

__all__ = [
    "EASTERN",
    "PRESETS",
    "WHOLE_ONLY",
    "Ask",
    "Client",
    "asks_of",
    "changed",
    "client",
    "price_micros",
    "security",
    "tickers",
    "valued",
]

EASTERN = ZoneInfo("America/New_York")
WHOLE_ONLY = frozenset(("GE", "RRC"))  # securities that this broker trades in whole shares only
CLIENT_STEP = 10_000  # nanoshares: a hundred-thousandth of a share
RANGE_MICROS = 15_000  # how far a price strays from its day's, in millionths
MINIMUMS = (0, 1_00, 5_00, 25_00)  # cents
PRESETS: dict[str, tuple[Policy, Timetable]] = {
    "m1": (M1_TRIGGERS, M1_WINDOWS),
    "managed": (ALLIO_MANAGED_TRIGGERS, ALLIO_MANAGED_WINDOWS),
    "dynamic": (ALLIO_DYNAMIC_TRIGGERS, ALLIO_DYNAMIC_WINDOWS),
    "quarterly": (Policy((EveryDays(91, time(14, 30)), CashEvents(25_00))), ALLIO_DYNAMIC_WINDOWS),
}


@dataclass(frozen=True, slots=True)
class Client:
    """One account as it is opened: its portfolio at targets and with a price for every security, and its rules."""

    account_id: str
    preset: str
    flags: frozenset[str]
    portfolio: Portfolio
    rules: Rules
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks for: money in minor units, or a change of targets."""

    account_id: str
    kind: Kind
    asked_at: datetime
    amount: int = 0
    change: TargetChange | None = None


@cache
def tickers() -> tuple[str, ...]:
    """Every security that there is a price of."""
    return tuple(sorted(next(iter(month_end_prices().values()))))


@cache
def _closes(ticker: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Days (as ordinals) and closes in micros; a cent at the least."""
    rows = month_end_prices()
    days = tuple(date.fromisoformat(day).toordinal() for day in rows)
    return days, tuple(max(10_000, round(prices[ticker] * 1_000_000)) for prices in rows.values())


def price_micros(ticker: str, at: datetime, factor_micros: int = 1_000_000) -> int:
    """Millionths of a dollar a share at an instant; ``factor_micros`` is by how much it has jumped."""
    local = at.astimezone(EASTERN)
    days, closes = _closes(ticker)
    k = min(max(1, bisect_right(days, local.toordinal())), len(days) - 1)
    gone = min(max(0, local.toordinal() - days[k - 1]), days[k] - days[k - 1])
    base = closes[k - 1] + (closes[k] - closes[k - 1]) * gone // (days[k] - days[k - 1])
    quarter = f"{ticker} {local.toordinal()} {local.hour * 4 + local.minute // 15}"
    stray = zlib.crc32(quarter.encode()) % (2 * RANGE_MICROS + 1) - RANGE_MICROS
    return max(10_000, base * (1_000_000 + stray) // 1_000_000 * factor_micros // 1_000_000)


def cents(quantity_nanos: int, price: int) -> int:
    """⌊quantity · price⌋ in cents: the desk's own arithmetic is another."""
    return quantity_nanos * price // 10**13


def valued(portfolio: Portfolio, prices: Mapping[str, int]) -> Portfolio:
    """The same shares at other prices, which every security of the portfolio has."""

    def content(held: Holding | Pie) -> Holding | Pie:
        if isinstance(held, Pie):
            return replace(held, slices=tuple(replace(s, content=content(s.content)) for s in held.slices))
        shares = held.quantity_nanos or 0
        return Holding(held.security_id, cents(shares, prices[held.security_id]), shares)

    root = content(portfolio.root)
    assert isinstance(root, Pie)
    known = {security.security_id: security for security in portfolio.securities}
    names = dict.fromkeys(_held(root))
    securities = tuple(replace(known.get(n, security(n)), price_micros=prices[n]) for n in names)
    return replace(portfolio, root=root, securities=securities)


def security(name: str) -> Security:
    """A security as this broker trades it; its price is set by ``valued``."""
    step = NANOS if name in WHOLE_ONLY else CLIENT_STEP
    return Security(name, price_micros=1, quantity_step_nanos=step)


def _held(pie: Pie) -> Iterator[str]:
    for one in pie.slices:
        if isinstance(one.content, Pie):
            yield from _held(one.content)
        else:
            yield one.content.security_id


def client(seed: int, number: int, at: datetime) -> Client:
    """The account of that number, opened at ``at``: flat or nested, new or drifted, every preset and minimum."""
    rng = random.Random(f"client {seed} {number}")
    preset = rng.choice(("m1", "m1", "managed", "dynamic"))
    flags = frozenset(("afternoon",) if preset == "m1" and rng.random() < 0.3 else ())
    names = rng.sample(tickers(), rng.choice((3, 5, 6, 8)))
    worth = rng.choice((0, 50_000, 250_000, 2_500_000))
    prices = {name: price_micros(name, at) for name in names}

    def leaf(name: str) -> Slice:
        step = NANOS if name in WHOLE_ONLY else CLIENT_STEP
        wanted = worth * rng.randrange(60, 140) // (100 * len(names))
        shares = wanted * 10**13 // prices[name] // step * step
        return Slice(f"s-{name}", rng.randrange(1, 40), Holding(name, cents(shares, prices[name]), shares))

    leaves = [leaf(name) for name in names]
    root = Pie(tuple(leaves))
    if len(leaves) >= 6 and rng.random() < 0.6:
        inner = Slice("p-inner", rng.randrange(20, 80), Pie(tuple(leaves[:3])))
        root = Pie((inner, *leaves[3:]))
    cash = rng.choice((0, 0, 7_31, 140_00))
    portfolio = Portfolio(root, cash, securities=tuple(replace(security(n), price_micros=prices[n]) for n in names))
    rules = Rules(min_trade=rng.choice(MINIMUMS))
    return Client(f"a{number:06d}", preset, flags, portfolio, rules, restricted=rng.random() < 0.01)


def asks_of(seed: int, account: Client, day: date) -> tuple[Ask, ...]:
    """What one client asks for on one day: mostly nothing, at most two things."""
    rng = random.Random(f"asks {seed} {account.account_id} {day}")
    return tuple(_ask(rng, account, day) for _ in range(rng.choice((0, 0, 1, 1, 2))))


def _ask(rng: random.Random, account: Client, day: date) -> Ask:
    midnight = datetime.combine(day, datetime.min.time(), EASTERN)
    at = midnight + timedelta(minutes=rng.randrange(8 * 60, 17 * 60))
    roll = rng.random()
    if roll < 0.45:
        return Ask(account.account_id, Kind.DEPOSIT, at, rng.choice((5_00, 25_00, 100_00, 1_000_00, 333_33)))
    if roll < 0.65:
        return Ask(account.account_id, Kind.WITHDRAWAL, at, rng.choice((10_00, 75_50, 400_00)))
    if roll < 0.85:
        instant = account.preset == "dynamic" and rng.random() < 0.5
        return Ask(account.account_id, Kind.INSTANT_REBALANCE if instant else Kind.CLIENT_REBALANCE, at)
    drop = roll > 0.93
    change = changed(rng, account.portfolio.root, drop)
    return Ask(account.account_id, Kind.LIQUIDATION if drop else Kind.PORTFOLIO_UPDATE, at, change=change)


def changed(rng: random.Random, root: Pie, drop: bool) -> TargetChange:
    """New targets for the account's outermost pie; a stock is left out, and liquidated, or another comes in."""
    slices = [TargetSlice(s.slice_id, rng.randrange(1, 40)) for s in root.slices]
    leaves = [k for k, s in enumerate(root.slices) if isinstance(s.content, Holding)]
    if drop and len(slices) > 2 and leaves:
        slices.pop(rng.choice(leaves))
    elif not drop:
        there = set(_held(root))
        new = [name for name in tickers() if name not in there]
        if new and len(slices) < 10:
            name = rng.choice(new)
            slices.append(TargetSlice(f"s-{name}", rng.randrange(1, 40), Holding(name)))
    return TargetChange((ChangedPie("", tuple(slices)),))
