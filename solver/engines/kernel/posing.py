"""One account of the columns posed: its event understood, its problem built, its cash decided, all compiled.

What ``situations.py``, ``building.py`` and ``cash.py`` do for any account is done here for the few events and the one
rule that columns can say. Where that takes more than a line, as where an order could not place all the money or small
positions may keep a withdrawal from being met exactly, or where blocked sides leave nobody to buy, the account is left
to them.
"""

from __future__ import annotations

from solver.columns import NOT_BOUGHT, NOT_SOLD, Accounts, EventKind
from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Records
from solver.engines.kernel.rows import Sheet, lay_out
from solver.engines.kernel.sorting import sort_ranks
from solver.engines.kernel.splitting import split
from solver.engines.kernel.tree import Head, Rows
from solver.ideal import Mode

__all__ = ["pose"]

BUYING, SELLING, REBALANCING, NOTHING = map(int, (Mode.BUYING, Mode.SELLING, Mode.REBALANCING, Mode.NOTHING))
DEPOSIT, WITHDRAWAL, REBALANCE, REBALANCE_SHALLOW, LIQUIDATION = map(int, EventKind)


@compiled
def pose(accounts: Accounts, account: int, sheet: Sheet) -> bool:
    """Fill ``sheet`` with one account's problem; false where it is for the pipeline."""
    rows, head = sheet.rows, sheet.head[0]
    count = lay_out(accounts, account, rows)
    if count == 0:
        return False
    m = max(accounts.min_trade[account], 1)
    event = _enter(accounts, account, rows, count)
    if event < 0:
        return False
    for p in range(event, rows[event].stop):
        if rows[p].stop > p + 1 and rows[p].mode != NOTHING:
            rows[p].splits = 1
            split(rows, sheet.share, p)
    head.rows, head.event = count, event
    head.spare = m - 1 if rows[event].mode == REBALANCING else 0
    moved, bought = _fill_domains(rows, head, m)
    _keep_retired(rows, event)
    if rows[event].mode == SELLING:
        return _pays(rows, sheet.share, event, m)
    return moved and (bought or rows[event].received < m)  # who may buy at all may do so for all the money there is


@compiled
def _enter(accounts: Accounts, account: int, rows: Rows, count: int) -> int:
    """What the event brings or takes, where, and which way its pie goes. Returns its row, −1 where it looks wrong."""
    kind, amount, at = accounts.event[account], accounts.amount[account], accounts.event_row[account]
    cash, m, event = accounts.cash[account], accounts.min_trade[account], 0
    moved = kind in (DEPOSIT, WITHDRAWAL)
    if not DEPOSIT <= kind <= LIQUIDATION or (moved and at != 0) or (not moved and (amount or not 0 <= at < count)):
        return -1
    if kind == DEPOSIT:
        rows[0].mode, rows[0].received = BUYING, cash + amount
    elif kind == WITHDRAWAL:
        raised = _raised(rows, count, amount - cash, m)
        if amount < 1 or raised < 0:
            return -1
        rows[0].mode, rows[0].received = SELLING, -raised
    elif kind == LIQUIDATION:
        if not _liquidate(rows, at):
            return -1
        rows[0].mode = BUYING
    else:
        event = at
        if rows[event].stop == event + 1:
            return -1
        rows[event].mode, rows[event].deep = REBALANCING, kind == REBALANCE
        rows[event].received = 0 if event else cash
    top = rows[event]
    top.money, top.after = top.received, top.value + (0 if kind == LIQUIDATION else top.received)
    top.fed = top.mode != BUYING or top.received > 0
    top.buys = 1
    return int(event)


@compiled
def _raised(rows: Rows, count: int, short: int, m: int) -> int:
    """F = min(V, max(m₀, what is short)), V what may be sold: a sale is at least the minimum, if one can be.

    −1 where more is short than may be sold.
    """
    if short <= 0:
        return 0
    total, least = 0, 0
    for r in range(1, count):
        if rows[r].stop == r + 1 and not rows[r].blocked & NOT_SOLD:
            total += rows[r].value
            if rows[r].value >= m:
                least = m
    return int(min(total, max(least, short))) if short <= total else -1


@compiled
def _liquidate(rows: Rows, at: int) -> bool:
    """Sell all of the slice ``at`` into its pie, whose value counts the proceeds.

    False where nothing is sold, or may not be, or more than that: what the pie held at target 0 before goes with it.
    """
    proceeds = rows[at].value
    if at == 0 or proceeds == 0:
        return False
    pie = rows[at].parent
    rest, c = 0, pie + 1
    while c < rows[pie].stop:
        if c != at and rows[c].weight == 0 and rows[c].value > 0:
            return False
        rest += rows[c].weight if c != at else 0
        c = rows[c].stop
    if rest == 0:
        return False
    rows[at].weight = 0
    for r in range(at, rows[at].stop):
        if rows[r].blocked & NOT_SOLD:
            return False
        rows[r].value = 0
    rows[pie].received = proceeds  # the pies around it are worth what they were
    return True


@compiled
def _fill_domains(rows: Rows, head: Head, m: int) -> tuple[bool, bool]:
    """What every leaf may trade and every pie pass on; whether anybody may trade at all, and whether to buy."""
    money, event = 0, head.event
    for r in range(event, rows[event].stop):
        money += max(rows[r].received, 0)
        if rows[r].stop == r + 1 and rows[r].sells:
            money += rows[r].value
    moved, bought, gapless = False, False, True
    for r in range(event + 1, rows[event].stop):
        row, above = rows[r], rows[rows[r].parent]
        if row.stop > r + 1:
            if rows[r].splits:
                rows[r].flow_min = -row.value if row.mode >= SELLING and above.mode >= SELLING else 0
                gets = row.mode in (BUYING, REBALANCING) and above.mode in (BUYING, REBALANCING) and above.fed
                rows[r].flow_max = money if gets else 0
            continue
        if row.buys and m <= money and not row.blocked & NOT_BOUGHT:
            rows[r].buy_min, rows[r].buy_max, rows[r].flow_max = m, money, money
        if row.sells and row.value > 0 and not row.blocked & NOT_SOLD:
            rows[r].sell_min, rows[r].sell_max, rows[r].flow_min = min(row.value, m), row.value, -row.value
        row.moves = rows[r].buy_max > 0 or rows[r].sell_max > 0
        moved, bought = moved or row.moves > 0, bought or rows[r].buy_max > 0
        gapless = gapless and rows[r].buy_min <= 1 and rows[r].sell_min <= 1
    head.gapless = gapless
    return moved, bought


@compiled
def _keep_retired(rows: Rows, event: int) -> None:
    """Retired rows keep at most what the ideal does, or as little as they can."""
    for r in range(rows[event].stop - 1, event, -1):
        row = rows[r]
        if row.keep < 0:
            continue
        lowest = rows[r].flow_min
        if row.stop > r + 1:
            sold = 0
            for c in range(r + 1, row.stop):
                sold += min(rows[c].flow_min, 0) if rows[c].stop == c + 1 else 0
            lowest = max(lowest, sold - row.received)
        rows[r].flow_max = min(rows[r].flow_max, max(row.keep - row.value, lowest))


@compiled
def _pays(rows: Rows, share: Records, event: int, m: int) -> bool:
    """Whether sales plainly come to what is wanted: beside [a, b] another [c, d] leaves no gap if c ≤ b − a + 1.

    Positions under the minimum that the ideal keeps are not counted: they are not sold for this.
    """
    wanted = -rows[event].received
    if wanted == 0:
        return True
    count = 0
    for r in range(event + 1, rows[event].stop):
        least, most = rows[r].sell_min, rows[r].sell_max
        if most > 0 and not (most < m and most + rows[r].ideal_whole >= 1):
            share[count].gain, share[count].leaf = float(least - most), r
            count += 1
    sort_ranks(share, count, count)
    low, high = 0, 0
    for i in range(count):
        least, most = rows[share[i].leaf].sell_min, rows[share[i].leaf].sell_max
        if high == 0:
            low, high = least, most
        elif least <= high - low + 1:
            high += most
        if low <= wanted <= high:
            return True
    return False
