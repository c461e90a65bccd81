"""Sorting of short lists that are nearly sorted: runs by insertion, then merged."""

from __future__ import annotations

from solver.engines.kernel.compiled import compiled
from solver.engines.kernel.memory import Records
from solver.problem import Ints

__all__ = ["sort_events", "sort_ranks"]

RUN = 16


@compiled
def sort_events(event: Records, order: Ints, count: int) -> None:
    """``order[:count]`` becomes the indices of the first ``count`` events by price; ``order`` has twice that room."""
    for start in range(0, count, RUN):
        for i in range(start, min(start + RUN, count)):
            at = event[i].at
            k = i
            while k > start and event[order[k - 1]].at > at:
                order[k] = order[k - 1]
                k -= 1
            order[k] = i
    width = RUN
    while width < count:
        for start in range(0, count - width, 2 * width):
            _merge(event, order, start, start + width, min(start + 2 * width, count), count)
        width *= 2


@compiled
def _merge(event: Records, order: Ints, start: int, middle: int, stop: int, spare: int) -> None:
    """Merge two sorted runs of ``order``; the first is moved aside to ``spare`` on."""
    if event[order[middle - 1]].at <= event[order[middle]].at:
        return
    for i in range(start, middle):
        order[spare + i - start] = order[i]
    left, end, right = spare, spare + middle - start, middle
    for k in range(start, stop):
        if left < end and (right == stop or event[order[left]].at <= event[order[right]].at):
            order[k] = order[left]
            left += 1
        elif left < end:
            order[k] = order[right]
            right += 1
        else:
            break


@compiled
def sort_ranks(rank: Records, count: int, spare: int) -> None:
    """Sort the first ``count`` ranks by gain, in place; records from ``spare`` on are used on the way."""
    for start in range(0, count, RUN):
        for i in range(start + 1, min(start + RUN, count)):
            gain, shift, leaf = rank[i].gain, rank[i].shift, rank[i].leaf
            k = i
            while k > start and rank[k - 1].gain > gain:
                _copy(rank, k - 1, k)
                k -= 1
            rank[k].gain, rank[k].shift, rank[k].leaf = gain, shift, leaf
    width = RUN
    while width < count:
        for start in range(0, count - width, 2 * width):
            _merge_ranks(rank, start, start + width, min(start + 2 * width, count), spare)
        width *= 2


@compiled
def _copy(rank: Records, source: int, target: int) -> None:
    rank[target].gain, rank[target].shift, rank[target].leaf = rank[source].gain, rank[source].shift, rank[source].leaf


@compiled
def _merge_ranks(rank: Records, start: int, middle: int, stop: int, spare: int) -> None:
    """Merge two sorted runs of ranks; the first is moved aside to ``spare`` on."""
    if rank[middle - 1].gain <= rank[middle].gain:
        return
    for i in range(start, middle):
        _copy(rank, i, spare + i - start)
    left, end, right = spare, spare + middle - start, middle
    for k in range(start, stop):
        if left == end:
            break
        if right == stop or rank[left].gain <= rank[right].gain:
            _copy(rank, left, k)
            left += 1
        else:
            _copy(rank, right, k)
            right += 1
