"""A million plans' orders as blocks, and their fills back: seconds and memory (``python -m benchmarks.blocks``)."""

from __future__ import annotations

import resource
import time

import numpy as np
from rich.console import Console

from benchmarks.tables import Table
from solver.steps import NANOS
from solver.trading.block_columns import OrderColumns, aggregate_columns, allocate_columns, fill_totals

PLANS, ORDERS, SECURITIES = 1_000_000, 10, 500
TARGET_SECONDS = 10.0  # for all of them


def orders_of(plans: int, seed: int = 1) -> tuple[OrderColumns, np.ndarray]:
    """Orders of ``plans`` accounts and the prices of their securities; every tenth security in whole shares only."""
    draw = np.random.default_rng(seed)
    account = np.repeat(np.arange(plans, dtype=np.int32), ORDERS)
    first = draw.integers(0, SECURITIES, plans, dtype=np.int32)[:, None]
    security = ((first + np.arange(ORDERS, dtype=np.int32) * (SECURITIES // ORDERS - 1)) % SECURITIES).ravel()
    price = draw.integers(5_000_000, 900_000_000, SECURITIES)
    step = np.where(np.arange(SECURITIES) % 10 == 0, NANOS, 10_000).astype(np.int64)
    amount = draw.integers(1_00, 5_000_00, len(account))
    quantity = np.maximum(1, amount * 10**13 // price[security] // step[security]) * step[security]
    sells = draw.random(len(account)) < 0.4
    return OrderColumns(account, security, sells, amount, quantity, step), price


def blocks_table(plans: int = PLANS) -> Table:
    """The orders of so many plans aggregated, nine tenths of every block filled and shared out."""
    orders, price = orders_of(plans)
    began = time.perf_counter()
    blocks = aggregate_columns(orders)
    aggregated = time.perf_counter() - began
    step, at = orders.step_nanos[blocks.security], price[blocks.security]
    paid = np.array([int(a) * 9 * 10**12 // int(p) for a, p in zip(blocks.amount, at, strict=True)])
    filled = np.where(blocks.by_quantity, blocks.quantity_nanos * 9 // 10, paid) // step * step
    filled, money = fill_totals(blocks, range(len(filled)), filled.tolist(), at.tolist())
    began = time.perf_counter()
    quantity, amount = allocate_columns(orders, blocks, filled, money)
    allocated = time.perf_counter() - began
    assert (quantity.sum(), amount.sum()) == (filled.sum(), money.sum())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rows = (
        ("aggregated", f"{aggregated:.2f}"),
        ("shared out", f"{allocated:.2f}"),
        ("together", f"{aggregated + allocated:.2f} ({TARGET_SECONDS * plans / PLANS:g})"),
    )
    note = (
        f"{len(quantity):,} orders of {plans:,} plans, {SECURITIES} securities, {len(filled):,} blocks; one core, "
        f"target in brackets; {most:,} MiB at the most."
    )
    return Table("Orders as blocks, and fills shared out", note, ("what", "seconds"), rows)


if __name__ == "__main__":
    blocks_table().show(Console())
