"""A book of accounts of any size, for ``piewise example --batch``: realistic, and the same for the same seed.

Every account has 20 stocks in four or five pies. It was funded at its targets in some month, with $500 to $250,000
(the logarithm uniform), and its stocks have since moved as those of the price file did, for one to 36 months.

    event               share   what
    DEPOSIT             60 %    0.1 % to 10 % of the account (the logarithm uniform)
    WITHDRAWAL          15 %    1 % to 30 % of it
    REBALANCE           15 %    of the whole account; one in five, of a nested pie
    REBALANCE_SHALLOW    5 %    likewise
    LIQUIDATION          5 %    of one of the stocks

No order is below $1, and up to $20 of cash lie about. Money is in cents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from server.columns_arrow import ACCOUNTS
from server.examples import month_end_prices
from solver.columns import EventKind

__all__ = ["BLOCK", "BOOK", "SHARES", "book"]

BLOCK = 16_384  # accounts made at once
BOOK = pa.schema([field for field in ACCOUNTS if field.name != "blocked"])  # nothing is
STOCKS, MONTHS, MIN_TRADE, MOST_CASH = 20, 36, 100, 2_000
FUNDED = (50_000, 25_000_000)  # cents, least and most
DEPOSITED, WITHDRAWN = (0.001, 0.1), (0.01, 0.3)  # of the account
SHARES = {
    EventKind.DEPOSIT: 0.60,
    EventKind.WITHDRAWAL: 0.15,
    EventKind.REBALANCE: 0.15,
    EventKind.REBALANCE_SHALLOW: 0.05,
    EventKind.LIQUIDATION: 0.05,
}
INSIDE = 0.2  # of the rebalances are of a nested pie
# how many of the stocks each pie has
SPLITS = ((5, 5, 5, 5), (3, 4, 6, 7), (8, 5, 4, 3), (2, 4, 4, 10), (4, 4, 4, 4, 4), (2, 3, 4, 5, 6), (7, 5, 3, 3, 2))
ROWS = 1 + max(map(len, SPLITS)) + STOCKS

Array = Any


def book(accounts: int, seed: int) -> Iterator[pa.RecordBatch]:
    """``accounts`` accounts in blocks; a longer book of the same seed begins with the same accounts."""
    for block in range(-(-accounts // BLOCK)):
        made = _block(np.random.default_rng([seed, block]), block * BLOCK)
        yield made.slice(0, min(BLOCK, accounts - block * BLOCK))


def _trees() -> tuple[Array, Array, Array]:
    """By split, row by row: its parent, which pie (0, 1, ...) it lies in or is, and its stock or −1 for a pie."""
    parent, pie, stock = (np.full((len(SPLITS), ROWS), -2) for _ in range(3))
    for tree, sizes in enumerate(SPLITS):
        parent[tree, 0], pie[tree, 0], stock[tree, 0], row, nth = -1, -1, -1, 1, 0
        for which, size in enumerate(sizes):
            parent[tree, row], pie[tree, row], stock[tree, row] = 0, which, -1
            inside = slice(row + 1, row + 1 + size)
            parent[tree, inside], pie[tree, inside], stock[tree, inside] = row, which, range(nth, nth + size)
            row, nth = row + 1 + size, nth + size
    return parent, pie, stock


def _block(rng: np.random.Generator, first: int) -> pa.RecordBatch:
    """BLOCK accounts; rows that a tree does not have are −2 in ``parent``, and left out at the end."""
    parent, pie, stock = (column[split] for split in [rng.integers(len(SPLITS), size=BLOCK)] for column in _trees())
    there, is_stock = parent > -2, stock >= 0
    tickers = rng.permuted(np.tile(np.arange(STOCKS), (BLOCK, 1)), axis=1)
    weight = np.where(there, rng.integers(1, 51, size=there.shape), 0)
    weight[:, 0] = 1
    share = _shares(weight, pie, is_stock)
    of = np.take_along_axis(tickers, np.maximum(stock, 0), axis=1)
    funded = _log_uniform(rng, *FUNDED)
    value = np.where(is_stock, np.rint(funded[:, None] * share * _growth(rng, of)), 0).astype(np.int64)
    columns = _events(rng, parent, is_stock, value.sum(axis=1))
    columns |= {"cash": rng.integers(MOST_CASH + 1, size=BLOCK), "min_trade": np.full(BLOCK, MIN_TRADE)}
    columns["account_id"] = pa.array([f"account-{account:09d}" for account in range(first, first + BLOCK)])
    start = pa.array(np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.int32))
    for name, rows in (("parent", parent), ("target_weight", weight), ("value", value)):
        columns[name] = pa.ListArray.from_arrays(start, pa.array(rows[there]))
    columns["slice_id"] = pa.ListArray.from_arrays(start, _slice_ids(np.where(is_stock, of, STOCKS + 1 + pie)[there]))
    return pa.record_batch([columns[name] for name in BOOK.names], schema=BOOK)


def _shares(weight: Array, pie: Array, is_stock: Array) -> Array:
    """Of every stock its share of the account: its pie's target times its own."""
    share = np.zeros(weight.shape)
    pies = np.where(~is_stock & (pie >= 0), weight, 0)
    for which in range(max(map(len, SPLITS))):
        inside = is_stock & (pie == which)
        own = np.where(inside, weight, 0)
        of_pie = np.where(pie == which, pies, 0).sum(axis=1) / pies.sum(axis=1)
        share += own / np.maximum(own.sum(axis=1), 1)[:, None] * of_pie[:, None]
    return share


def _growth(rng: np.random.Generator, ticker: Array) -> Array:
    """What a dollar became in each stock since its account was funded."""
    prices = np.array([list(month.values()) for month in month_end_prices().values()])
    began = rng.integers(len(prices) - MONTHS, size=BLOCK)
    months = rng.integers(1, MONTHS + 1, size=BLOCK)
    return prices[(began + months)[:, None], ticker] / prices[began[:, None], ticker]


def _events(rng: np.random.Generator, parent: Array, is_stock: Array, worth: Array) -> dict[str, Array]:
    kinds = np.array([kind.value for kind in SHARES])
    kind = rng.choice(kinds, size=BLOCK, p=list(SHARES.values()))
    deposit = np.rint(worth * _log_uniform(rng, *DEPOSITED))
    withdrawal = np.rint(worth * rng.uniform(*WITHDRAWN, size=BLOCK))
    amount = np.where(kind == EventKind.DEPOSIT, deposit, np.where(kind == EventKind.WITHDRAWAL, withdrawal, 0))
    any_pie, any_stock = (_one_of(rng, rows) for rows in (parent == 0, is_stock))
    rebalanced = np.where(rng.random(BLOCK) < INSIDE, any_pie, 0)
    row = np.where(kind == EventKind.LIQUIDATION, any_stock, np.where(kind < EventKind.REBALANCE, 0, rebalanced))
    names = pa.array([""] + [known.name for known in EventKind])
    return {"event": names.take(pa.array(kind)), "amount": amount.astype(np.int64), "event_row": row}


def _one_of(rng: np.random.Generator, rows: Array) -> Array:
    """By account one of its marked rows, each as likely."""
    return np.where(rows, rng.random(rows.shape), -1.0).argmax(axis=1)


def _log_uniform(rng: np.random.Generator, least: float, most: float) -> Array:
    return np.exp(rng.uniform(np.log(least), np.log(most), size=BLOCK))


def _slice_ids(which: Array) -> pa.Array:
    tickers = list(next(iter(month_end_prices().values())))
    pies = [f"Pie {nth + 1}" for nth in range(max(map(len, SPLITS)))]
    names = pa.array([*tickers, "portfolio", *pies])
    return names.take(pa.array(which))
