"""Which totals one amount from each of several sets of intervals can make: a union of integer intervals.

Source: PROBLEM.md §2, stage 1.
"""

from __future__ import annotations

from itertools import pairwise

__all__ = ["MIN_INTERVALS", "Intervals", "reachable"]

MAX_INTERVALS = 4_096  # kept apart at the most; beyond, neighbours are merged and the stage is no longer exact
MIN_INTERVALS, MAX_WORK = 256, 400_000  # fewer where there are many leaves: a caller waits

Intervals = list[tuple[int, int]]


def reachable(ranges: list[Intervals], limit: int, thinned: bool = False) -> tuple[Intervals, bool]:
    """The totals up to about ``limit`` that one amount (or none) from each of ``ranges`` makes: disjoint, sorted.

    Also whether they are exact: too many are merged, and then some totals are not really reached; or ``thinned``, and
    then some are missing.
    """
    sums: Intervals = [(0, 0)]
    exact = True
    work = max(1, len(ranges), sum(len(parts) for parts in ranges) // 2)  # an order has a part or two, or many steps
    most = max(MIN_INTERVALS, min(MAX_INTERVALS, MAX_WORK // work))
    for parts in sorted(ranges, key=lambda parts: [(low - high, -high) for low, high in parts]):
        shifted = [(a + low, b + high) for low, high in parts for a, b in sums if a + low <= limit]
        sums = _merged(sums + shifted)
        while len(sums) > most:
            sums, exact = (sums[:: -(-len(sums) // most)] if thinned else _coarser(sums)), False
    beyond = sum(max((high for _, high in parts), default=0) for parts in ranges)
    return (sums if any(b >= limit for _, b in sums) else _merged([*sums, (beyond, beyond)])), exact


def _merged(intervals: Intervals) -> Intervals:
    merged: Intervals = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _coarser(intervals: Intervals) -> Intervals:
    """Close the narrowest half of the gaps: more than can be reached, so a bound on it stays a bound."""
    gaps = sorted(b[0] - a[1] for a, b in pairwise(intervals))
    width = gaps[len(gaps) // 2]
    merged = intervals[:1]
    for low, high in intervals[1:]:
        if low - merged[-1][1] <= width:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged
