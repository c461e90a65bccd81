"""One account of the columns laid out: its tree checked, its values summed, and memory for what becomes of it.

Whatever looks wrong, or too large for sums in 64 bits, is left to the pipeline, which says what it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solver.columns import NOT_BOUGHT, NOT_SOLD, Accounts
from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Records
from solver.engines.kernel.tree import HEAD, ROW, Row, Rows
from solver.money import MAX_MONEY
from solver.portfolio import MAX_DEPTH, MAX_SLICES, MAX_WEIGHT

__all__ = ["EXACT", "Sheet", "lay_out", "new_sheet"]

EXACT = 2**62  # products of money and weights stay below
SHARE = np.dtype([("gain", np.float64), ("shift", np.float64), ("leaf", np.int64)])


class Sheet(NamedTuple):
    """Memory for one account at a time: its problem (a pie's rows end before its ``stop``), and lists to sort.

    Money that is no whole number of cents is ``whole + part``, 0 ≤ part < 1.
    """

    head: Records
    rows: Rows
    share: Records


def new_sheet(rows: int) -> Sheet:
    """Memory for accounts of up to ``rows`` rows."""
    return Sheet(np.zeros(1, dtype=HEAD), np.zeros(rows, dtype=ROW), np.zeros(2 * rows, dtype=SHARE))


@compiled
def lay_out(accounts: Accounts, account: int, rows: Rows) -> int:
    """Fill ``rows`` with one account as it is before its event. Returns how many there are, 0 where it looks wrong."""
    first = accounts.start[account]
    count = accounts.start[account + 1] - first
    if count < 2 or count > MAX_SLICES + 1 or not _is_tree(accounts.parent, first, count, rows):
        return 0
    total = accounts.cash[account]
    amount, m = accounts.amount[account], accounts.min_trade[account]
    if not (0 <= total <= MAX_MONEY and 0 <= amount <= MAX_MONEY and 0 <= m <= MAX_MONEY):
        return 0
    for r in range(count):
        row, weight, value = rows[r], accounts.target_weight[first + r], accounts.value[first + r]
        row.blocked = accounts.blocked[first + r]
        if not 0 <= row.blocked <= (NOT_BOUGHT + NOT_SOLD if row.stop == r + 1 else 0):
            return 0
        if r and not 0 <= weight <= MAX_WEIGHT:
            return 0
        if not 0 <= value <= MAX_MONEY:
            return 0
        row.weight, row.value = weight, value if row.stop == r + 1 else 0
        _clear(row, accounts.parent[first + r])
    for r in range(count - 1, 0, -1):
        rows[accounts.parent[first + r]].value += rows[r].value
    if total + amount + rows[0].value > MAX_MONEY:
        return 0
    most = total + amount + rows[0].value
    for r in range(count):
        if rows[r].stop > r + 1 and not _is_pie(accounts.value[first + r], rows, r, most):
            return 0
    return int(count)


@compiled
def _clear(row: Row, parent: int) -> None:
    """Nothing is known yet of what may become of a row."""
    row.parent, row.splits, row.received, row.keep = parent, 0, 0, -1
    row.buy_min = row.buy_max = row.sell_min = row.sell_max = row.flow_min = row.flow_max = 0
    row.mode = row.deep = row.fed = row.buys = row.sells = row.money = row.after = row.moves = row.trade = 0
    row.ideal_whole = 0
    row.ideal_part = row.scale = row.slope = row.money_part = row.after_part = 0.0


@compiled
def _is_tree(parent: Records, first: int, count: int, rows: Rows) -> bool:
    """Whether the rows are a tree laid out depth first; fills ``stop`` and ``level``."""
    if parent[first] != -1:
        return False
    rows[0].level = 0
    for r in range(1, count):
        above, around = parent[first + r], r - 1
        while around > above and around >= 0:
            rows[around].stop = r
            around = parent[first + around]
        if around != above or around < 0:
            return False
        rows[r].level = rows[above].level + 1
        if rows[r].level > MAX_DEPTH:
            return False
    around = count - 1
    while around >= 0:
        rows[around].stop = count
        around = parent[first + around]
    return True


@compiled
def _is_pie(told: int, rows: Rows, p: int, money: int) -> bool:
    """Whether a pie's targets are some, its value is what lies below or 0, and products with its money are exact."""
    total, c = 0, p + 1
    while c < rows[p].stop:
        total += rows[c].weight
        c = rows[c].stop
    return bool(total > 0 and (told == 0 or told == rows[p].value) and total < EXACT // (money + 2))
