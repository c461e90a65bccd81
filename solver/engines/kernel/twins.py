"""Stage 4, ties, compiled: of slices alike in target, value, blocks and all below them the earlier listed trades more.

As ``report.in_listed_order`` does it: slices that are alike may swap what they trade without changing anything else.
"""

from __future__ import annotations

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Records
from solver.engines.kernel.sorting import sort_ranks
from solver.engines.kernel.tree import Row, Rows

__all__ = ["in_listed_order"]


@compiled
def in_listed_order(rows: Rows, share: Records, event: int) -> None:
    """Arrange what is traded inside the event's pie, the innermost pies first."""
    for p in range(rows[event].stop - 1, event - 1, -1):
        if rows[p].stop == p + 1:
            continue
        holdings, nested, c = 0, 0, p + 1
        while c < rows[p].stop:
            if rows[c].stop == c + 1:
                share[holdings].gain, share[holdings].leaf = float(_mark(rows[c])), c
                holdings += 1
            else:
                nested += 1
            c = rows[c].stop
        if holdings > 1:
            _arrange_holdings(rows, share, holdings)
        if nested > 1:
            _arrange_pies(rows, p)


@compiled
def _mark(row: Row) -> int:
    """A number that is equal for rows alike, and hardly ever for others."""
    mark = row.value * 1_000_003 + 4 * row.weight + row.blocked
    return int(mark % 9_007_199_254_740_881)  # a prime: whole as a double


@compiled
def _alike(one: Row, other: Row) -> bool:
    return bool(one.value == other.value and one.weight == other.weight and one.blocked == other.blocked)


@compiled
def _arrange_holdings(rows: Rows, share: Records, count: int) -> None:
    """Sort ``count`` holdings by their marks, in listed order where equal, and give each run of twins its trades."""
    sort_ranks(share, count, count)
    start = 0
    for i in range(1, count + 1):
        if i < count and _alike(rows[share[i].leaf], rows[share[start].leaf]):
            continue
        if i - start > 1:
            _sort_trades(rows, share, start, i)
        start = i


@compiled
def _sort_trades(rows: Rows, share: Records, start: int, stop: int) -> None:
    """The larger trades to the earlier slices, purchases before sales of one size."""
    for i in range(start + 1, stop):
        own = rows[share[i].leaf].trade
        k = i
        while k > start and _more(own, rows[share[k - 1].leaf].trade):
            rows[share[k].leaf].trade = rows[share[k - 1].leaf].trade
            k -= 1
        rows[share[k].leaf].trade = own


@compiled
def _more(own: int, other: int) -> bool:
    return abs(own) > abs(other) or (abs(own) == abs(other) and own > other)


@compiled
def _arrange_pies(rows: Rows, p: int) -> None:
    """Nested pies of ``p`` that are alike, from the first to the last: each gets the most of what is left to them."""
    c = p + 1
    while c < rows[p].stop:
        if rows[c].stop > c + 1:
            d = rows[c].stop
            while d < rows[p].stop:
                if _same_tree(rows, c, d) and _more_inside(rows, d, c, rows[c].stop - c):
                    for k in range(rows[c].stop - c):
                        rows[c + k].trade, rows[d + k].trade = rows[d + k].trade, rows[c + k].trade
                d = rows[d].stop
        c = rows[c].stop


@compiled
def _same_tree(rows: Rows, c: int, d: int) -> bool:
    """Whether two pies are alike in targets, values, money and all below them."""
    if rows[c].stop - c != rows[d].stop - d:
        return False
    for k in range(rows[c].stop - c):
        one, other = rows[c + k], rows[d + k]
        if not _alike(one, other) or one.stop - c != other.stop - d or one.received != other.received:
            return False
    return True


@compiled
def _more_inside(rows: Rows, d: int, c: int, size: int) -> bool:
    """Whether more is traded from row ``d`` on than from ``c``: in sum, then in sizes, then slice by slice."""
    own = other = own_size = other_size = 0
    for k in range(size):
        own, other = own + rows[d + k].trade, other + rows[c + k].trade
        own_size, other_size = own_size + abs(rows[d + k].trade), other_size + abs(rows[c + k].trade)
    if abs(own) != abs(other):
        return bool(abs(own) > abs(other))
    if own_size != other_size:
        return bool(own_size > other_size)
    for k in range(size):
        if rows[d + k].trade != rows[c + k].trade:
            return bool(rows[d + k].trade > rows[c + k].trade)
    return False
