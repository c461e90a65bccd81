"""``plan()`` in Python by the kernel: the short way, what reading the rest adds, and the long way on the same."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

from rich.progress import Progress

from benchmarks.instances import Case
from benchmarks.tables import Table, figure, percentile
from solver import Budget, Engine, Event, Plan, Portfolio, Rules, plan
from solver.quick import BRANCHES, planned_at_once

__all__ = ["quick_table"]

TARGET_MICROSECONDS = 100
RUNS = 15
EVENTS = ("deposit 0.1%", "deposit 1%", "deposit 5%", "withdrawal 5%", "rebalance deep")
LONG = BRANCHES - 1  # branches: whoever allows fewer is sent the long way
Kind = tuple[str, tuple[int, ...], bool, bool, str]
KINDS: tuple[Kind, ...] = (  # name, shape, near-equal, drifted, minimum; those that are new only take deposits
    ("20 flat, random, no minimum", (20,), False, True, "none"),
    ("20 flat, near-equal, no minimum", (20,), True, False, "none"),
    ("4 x 5, random, no minimum", (4, 5), False, True, "none"),
    ("20 flat, random, minimum binds", (20,), False, True, "binding"),
    ("20 flat, near-equal, minimum binds", (20,), True, False, "binding"),
)
Asked = tuple[Portfolio, Event, Rules]


def accounts(kind: Kind, count: int) -> Iterator[Asked]:
    """So many accounts of one kind, each with every event."""
    _, shape, near_equal, drifted, minimum = kind
    for member, event in product(range(count), EVENTS if drifted else EVENTS[:3]):
        yield Case(shape, near_equal, drifted, event, minimum, member).posed()


def quick_table(progress: Progress, members: int = 8) -> Table:
    """Microseconds of whole calls, beside the target."""
    rows = []
    for kind in progress.track(KINDS, description="plan() by the kernel"):
        times: dict[str, list[float]] = {"orders": [], "all": [], "long": []}
        asked = list(accounts(kind, members))
        for one in asked:
            short, long = (partial(plan, *one, Engine.KERNEL, Budget(work_limit=most)) for most in (BRANCHES, LONG))
            times["orders"].append(_microseconds(short))
            times["all"].append(_microseconds(partial(_read, short)))
            times["long"].append(_microseconds(partial(_read, long)))
        taken = sum(planned_at_once(*one, Budget()) is not None for one in asked)
        first, *rest = (figure(statistics.median(listed)) for listed in times.values())
        cells = (f"{first} ({TARGET_MICROSECONDS})", figure(percentile(times["orders"], 99)), *rest)
        rows.append((kind[0], *cells, f"{taken} of {len(asked)}"))
    told = (
        f"Microseconds of whole calls from a Portfolio to a Plan, each account's the median of {RUNS}; target in "
        "brackets. Orders, cash and certificate are there then; nodes with their sentences, evidence and the portfolio "
        "afterwards are made when they are first read. The long way is gone where the loop's checker does not "
        "recompute the bound."
    )
    columns = ("accounts", "orders: median", "p99", "all read: median", "the long way, all: median", "the short way")
    return Table("plan() by the kernel", told, columns, tuple(rows))


def _microseconds(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        call()
        taken.append(1e6 * (time.perf_counter() - started))
    return statistics.median(taken)


def _read(call: Callable[[], object]) -> None:
    answer = call()
    assert isinstance(answer, Plan)
    assert answer.nodes
    assert answer.certificate.evidence is not None
    assert answer.portfolio_after is not None
