"""Accounts of about twenty slices and what their clients ask for, as arrays that are a function of the seed.

Half of the accounts are flat, half have four pies. All is drawn in integers, so that every machine draws the same.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.day.world import CLIENT_STEP, EASTERN, MINIMUMS, PRESETS, price_micros, tickers
from solver.trading.clocks import NEVER, microseconds
from solver.trading.sessions import ALLIO_DYNAMIC_WINDOWS, Kind
from solver.trading.triggers import CashEvents, Drift, Policy, Scope

__all__ = ["KINDS", "STEP", "STYLES", "Asks", "Clients", "asks_of", "clients_of", "prices_at", "ranges"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]

KINDS = tuple(Kind)
STEP = CLIENT_STEP
DRIFT = Policy((Drift(Scope.SLICES, 50_000), CashEvents(25_00)))  # five points of its pie
STYLES = {**{name: PRESETS[name] for name in ("m1", "managed", "dynamic")}, "drift": (DRIFT, ALLIO_DYNAMIC_WINDOWS)}
CHANCES = (0.4, 0.2, 0.2, 0.2)  # of each style
PIES, LEAVES_A_PIE = 4, 5
WORTH, SO_MANY = (0, 500_00, 2_500_00, 25_000_00, 100_000_00), (0.05, 0.2, 0.3, 0.3, 0.15)
CASH = (0, 0, 0, 7_31, 140_00)
DEPOSITS, WITHDRAWALS = (5_00, 25_00, 100_00, 333_33, 1_000_00), (10_00, 75_50, 400_00)
ASKED = (Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.CLIENT_REBALANCE, Kind.LIQUIDATION)
WISHES = (0.45, 0.2, 0.2, 0.15)  # how often each is asked for
EVENING, OPEN, DAY_ENDS = time(17), time(9, 30), time(17)  # from the evening before until this evening
EARLY = 0.45  # of what is asked for is asked for before the market opens
DAY_US = 86_400 * 10**6
MINUTE_US = 60 * 10**6


class Clients(NamedTuple):
    """Accounts as they are opened.

    By account: ``style`` (a place in STYLES), ``flags`` (1: the afternoon window), ``restricted``, ``min_trade`` and
    ``cash`` (minor units), ``started_us`` and ``rebalanced_us``; ``start``, (accounts + 1,), says where rows begin. By
    row, depth first: ``parent`` (within the account, −1: the root), ``weight``, ``security`` (a place in ``tickers()``,
    −1: a pie) and ``shares`` (nanoshares).
    """

    style: Column
    flags: Column
    restricted: Bools
    min_trade: Ints
    cash: Ints
    started_us: Ints
    rebalanced_us: Ints
    start: Ints
    parent: Column
    weight: Column
    security: Column
    shares: Ints


class Asks(NamedTuple):
    """What clients ask for, in order of time; ``row`` within the account is what is liquidated, 0 for all others."""

    account: Ints
    kind: Ints
    amount: Ints
    row: Ints
    asked_us: Ints


def prices_at(at: datetime) -> Ints:
    """Millionths of a dollar a share, of every security."""
    return np.array([price_micros(name, at) for name in tickers()], dtype=np.int64)


def ranges(first: Ints, size: Ints) -> tuple[Ints, Ints]:
    """The numbers ``first[i]`` to ``first[i] + size[i]``, one range behind the other, and where each begins."""
    start = np.concatenate(([0], np.cumsum(size)))
    return np.arange(start[-1]) + np.repeat(first - start[:-1], size), start


def clients_of(seed: int, accounts: int, at: datetime) -> Clients:
    """So many accounts: flat or nested, new or drifted, in every style and with every minimum."""
    draw = np.random.default_rng([seed, 1])
    now = microseconds(at)
    style = draw.choice(len(STYLES), accounts, p=CHANCES).astype(np.int8)
    afternoon = (style == list(STYLES).index("m1")) & (draw.random(accounts) < 0.3)
    there, parent, leaf = _trees(draw, accounts)
    weight = np.where(there, draw.integers(1, 40, there.shape), 0)
    order = np.argsort(draw.random((accounts, PIES * LEAVES_A_PIE)), axis=1)  # a ticker once an account
    security = np.full(there.shape, -1)
    security[:, leaf] = order % len(tickers())
    worth = draw.choice(WORTH, accounts, p=SO_MANY)
    shares = _shares(draw, worth, there, parent, leaf, weight, prices_at(at)[security])
    sizes = there.sum(axis=1)
    return Clients(
        style=style,
        flags=afternoon.astype(np.int8),
        restricted=draw.random(accounts) < 0.01,
        min_trade=draw.choice(MINIMUMS, accounts),
        cash=draw.choice(CASH, accounts),
        started_us=now - DAY_US * draw.integers(1, 800, accounts),
        rebalanced_us=np.where(draw.random(accounts) < 0.2, NEVER, now - DAY_US * draw.integers(1, 14, accounts)),
        start=np.concatenate(([0], np.cumsum(sizes))),
        parent=parent[there].astype(np.int16),
        weight=weight[there].astype(np.int32),
        security=security[there].astype(np.int16),
        shares=shares[there],
    )


def _trees(draw: np.random.Generator, accounts: int) -> tuple[Bools, Ints, Bools]:
    """Which places of one layout each account has, (accounts, places), their parents, and which places are leaves.

    The layout is a root and four pies of five leaves; a flat account has no pies, and every account lacks up to two
    leaves.
    """
    places = 1 + PIES * (1 + LEAVES_A_PIE)
    pie = np.arange(places) % (1 + LEAVES_A_PIE) == 1
    pie[0] = False
    leaf = ~pie
    leaf[0] = False
    there = np.ones((accounts, places), dtype=np.bool_)
    nested = draw.random(accounts) < 0.5
    there[:, pie] = nested[:, None]
    there[:, leaf] = np.arange(PIES * LEAVES_A_PIE) < draw.integers(18, 21, accounts)[:, None]
    number = np.cumsum(there, axis=1) - 1
    around = np.maximum(1, np.arange(places) - 1) // (1 + LEAVES_A_PIE) * (1 + LEAVES_A_PIE) + 1
    parent = np.where(nested[:, None] & leaf, number[:, np.where(leaf, around, 0)], 0)
    parent[:, 0] = -1
    return there, parent, leaf


def _shares(
    draw: np.random.Generator, worth: Ints, there: Bools, parent: Ints, leaf: Bools, weight: Ints, price: Ints
) -> Ints:
    """Nanoshares of every place: its target's share of ``worth``, drifted by up to 40 %; some with a part of a step."""
    accounts, places = there.shape
    nested = there[:, 1]
    pie = ~leaf
    pie[0] = False
    of_root = np.where(nested, weight[:, pie].sum(axis=1), weight[:, leaf].sum(axis=1))
    inside = weight[:, leaf].reshape(accounts, PIES, LEAVES_A_PIE).sum(axis=2)
    above = np.repeat(weight[:, pie] * 10**6 // np.maximum(1, of_root)[:, None], LEAVES_A_PIE, axis=1)
    below = np.where(nested[:, None], np.repeat(inside, LEAVES_A_PIE, axis=1), of_root[:, None])
    share = np.where(nested[:, None], above, 10**6) * weight[:, leaf] // np.maximum(1, below)  # millionths
    wanted = worth[:, None] * share // 10**6 * draw.integers(600, 1_400, share.shape) // 1_000
    held = wanted * (10**13 // STEP) // price[:, leaf] * STEP
    odd = draw.integers(0, STEP, share.shape) * (draw.random(share.shape) < 0.05)
    shares = np.zeros((accounts, places), dtype=np.int64)
    shares[:, leaf] = np.where(held > 0, held + odd, 0)
    return shares


def asks_of(seed: int, style: Column, start: Ints, day: date) -> Asks:
    """What all clients ask for between the evening before and that evening: mostly nothing, at most two things each."""
    draw = np.random.default_rng([seed, 2, day.toordinal()])
    accounts = len(style)
    account = np.repeat(np.arange(accounts), draw.choice((0, 0, 1, 1, 2), accounts))
    count = len(account)
    kind = draw.choice([KINDS.index(one) for one in ASKED], count, p=WISHES)
    dynamic = np.isin(style[account], (list(STYLES).index("dynamic"), list(STYLES).index("drift")))
    instant = dynamic & (kind == KINDS.index(Kind.CLIENT_REBALANCE)) & (draw.random(count) < 0.5)
    kind[instant] = KINDS.index(Kind.INSTANT_REBALANCE)
    amount = np.where(kind == KINDS.index(Kind.DEPOSIT), draw.choice(DEPOSITS, count), 0)
    amount = np.where(kind == KINDS.index(Kind.WITHDRAWAL), draw.choice(WITHDRAWALS, count), amount)
    times = (datetime.combine(day - timedelta(days=1), EVENING, EASTERN), *_times(day, OPEN, DAY_ENDS))
    evening, opens, ends = (microseconds(at) // MINUTE_US for at in times)
    early = draw.random(count) < EARLY
    minute = np.where(early, draw.integers(evening, opens, count), draw.integers(opens, ends, count))
    row = np.where(kind == KINDS.index(Kind.LIQUIDATION), _leaf(draw, start, account), 0)
    order = np.lexsort((account, minute))
    return Asks(account[order], kind[order], amount[order], row[order], minute[order] * MINUTE_US)


def _times(day: date, *times: time) -> list[datetime]:
    return [datetime.combine(day, one, EASTERN) for one in times]


def _leaf(draw: np.random.Generator, start: Ints, account: Ints) -> Ints:
    """A leaf of each account, but none of its last pie's, which may have three only."""
    size = np.diff(start)[account]
    nested = size > 1 + PIES * LEAVES_A_PIE
    pie, place = draw.integers(0, PIES - 1, len(account)), draw.integers(0, LEAVES_A_PIE, len(account))
    return np.where(nested, 1 + pie * (1 + LEAVES_A_PIE) + 1 + place, 1 + pie * LEAVES_A_PIE + place)
