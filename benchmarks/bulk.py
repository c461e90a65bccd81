"""Accounts in columns: the compiled loop an account, beside HiGHS and SCIP, and how it grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from rich.progress import Progress

from benchmarks.instances import Case
from benchmarks.tables import Table, figure, percentile
from solver import Budget, Engine, Infeasible, Plan, available, plan
from solver.building import build_problem
from solver.bulk import plan_columns
from solver.cash import decide_cash
from solver.columns import QUALITIES, Accounts, account_of, accounts_from
from solver.errors import InvalidRequest
from solver.situations import understand

__all__ = ["GROUPS", "Group", "Loop", "branches_of", "bulk_tables", "growth_in_slices", "repeated", "run_loop"]

EVENTS = (
    "deposit 0.1%",
    "deposit 1%",
    "deposit 5%",
    "deposit 20%",
    "withdrawal 5%",
    "withdrawal 50%",
    "rebalance deep",
)
SECONDS = 0.002  # an account is planned over and over for so long: the clock does not see 10 microseconds
MOST = 400
COMPARED = 12  # accounts that slower engines plan as well
TARGET_BRANCHES = 1_000  # of near-equal accounts, which a search without counts needs more than 100,000 for
OPTIMAL = QUALITIES.index("OPTIMAL")


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts of one kind and their targets in microseconds (median, p99); ``None`` where there is none."""

    name: str
    shape: tuple[int, ...]
    near_equal: bool = False
    minimum: str = "binding"
    median: float | None = None
    p99: float | None = None
    members: int = 20

    def accounts(self) -> Iterator[Accounts]:
        """Each account by itself: near-equal ones are new, the others drifted, with every event that columns know."""
        events = EVENTS[:4] if self.near_equal else EVENTS
        for member, event in product(range(self.members), events):
            try:
                yield accounts_from(
                    [Case(self.shape, self.near_equal, not self.near_equal, event, self.minimum, member).posed()]
                )
            except InvalidRequest:
                continue


GROUPS = (
    Group("4 x 5, minimum binds", (4, 5), median=30, p99=500),
    Group("4 x 5, no minimum", (4, 5), minimum="none"),
    Group("20 flat, minimum binds", (20,), median=8),
    Group("200 flat, minimum binds", (200,), median=100, members=8),
    Group("1,000 flat, minimum binds", (1_000,), median=600, members=2),
    Group("20 flat, near-equal, new", (20,), True, median=100),
    Group("200 flat, near-equal, new", (200,), True, median=3_000, members=8),
    Group("5 x 10, near-equal, new", (5, 10), True, median=1_000, p99=50_000),
)


@dataclass(slots=True)
class Loop:
    """What one group took: microseconds an account in the loop, in ``plan()`` and by slower engines; what is proved.

    ``branches`` are those of near-equal accounts.
    """

    group: Group
    loop: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    slower: dict[Engine, list[float]] = field(default_factory=dict)
    proved: list[bool] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)


def repeated(one: Accounts, times: int) -> Accounts:
    """The same account so many times."""
    columns = {name: np.tile(getattr(one, name), times) for name in Accounts._fields if name != "start"}
    return Accounts(start=np.arange(times + 1) * one.start[-1], **columns)


def run_loop(groups: Sequence[Group], progress: Progress) -> list[Loop]:
    """Measure every group; slower engines plan a few accounts of the first."""
    measured = []
    for number, group in enumerate(progress.track(groups, description="columns")):
        found = Loop(group)
        for count, one in enumerate(group.accounts()):
            planned = plan_columns(one)
            found.taken.append(not len(planned.by_itself))
            found.proved.append(int(planned.plans.quality[0]) == OPTIMAL)
            if not len(planned.by_itself):
                found.loop.append(_loop_microseconds(one))
                found.alone.append(_plan_microseconds(one, Engine.KERNEL, 3))
            if group.near_equal:
                found.branches.append(branches_of(one))
            if number == 0 and count % 9 == 0 and count < 9 * COMPARED:
                for engine in filter(available, (Engine.HIGHS, Engine.REFERENCE)):
                    found.slower.setdefault(engine, []).append(_plan_microseconds(one, engine, 1))
        measured.append(found)
    return measured


def branches_of(one: Accounts) -> int:
    """How many branches the kernel's search of one account makes, its root among them; the most of its cash cases."""
    from solver.engines.kernel.engine import solve  # numba is an extra

    understood = understand(*account_of(one, 0))
    assert not isinstance(understood, Infeasible)
    solved = [solve(case, Budget()) for case in decide_cash(build_problem(understood.situation)).cases]
    return max(found.nodes for found in solved if found)


def _loop_microseconds(one: Accounts) -> float:
    """Microseconds of one account in the compiled loop, the median of three."""
    started = time.perf_counter()
    plan_columns(repeated(one, 8))
    times = int(min(MOST, max(8, SECONDS / max(1e-6, time.perf_counter() - started) * 8)))
    book, taken = repeated(one, times), []
    for _ in range(3):
        started = time.perf_counter()
        plan_columns(book)
        taken.append(1e6 * (time.perf_counter() - started) / times)
    return statistics.median(taken)


def _plan_microseconds(one: Accounts, engine: Engine, runs: int) -> float:
    portfolio, event, rules = account_of(one, 0)
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        answer = plan(portfolio, event, rules, engine)
        taken.append(1e6 * (time.perf_counter() - started))
        assert isinstance(answer, Plan)
    return statistics.median(taken)


def growth_in_slices(
    progress: Progress, sizes: Sequence[int] = (5, 10, 20, 50, 100, 200, 500, 1_000)
) -> dict[int, float]:
    """Median microseconds of drifted flat accounts whose minimum binds, by slices."""
    found = {}
    for size in progress.track(sizes, description="slices"):
        group = Group("", (size,), members=4 if size < 500 else 1)
        found[size] = statistics.median(_loop_microseconds(one) for one in group.accounts())
    return found


def bulk_tables(measured: Iterable[Loop], grown: dict[int, float]) -> list[Table]:
    """An account in the loop beside the targets; the loop beside slower engines; growth."""
    listed = list(measured)
    rows = [_row(one) for one in listed]
    note = (
        "Microseconds an account in the compiled loop, its problem posed and its evidence written; plan() is the same "
        "account by itself, checked again. Target in brackets. The rest is left to the pipeline. Branches are those of "
        "the account that needs most of them."
    )
    columns = ("accounts", "median", "p99", "plan() median", "branches, most", "OPTIMAL", "in the loop", "of")
    tables = [Table("The compiled loop", note, columns, tuple(rows))]
    first, rows = listed[0], []
    fast = statistics.median(first.loop)
    for engine, taken in first.slower.items():
        target = {Engine.HIGHS: "(500)", Engine.REFERENCE: "(1,000)"}[engine]
        slow = statistics.median(taken)
        rows.append((engine.value, figure(slow), f"{slow / fast:,.0f} {target}", str(len(taken))))
    told = f"{first.group.name}: plan() by slower engines, and how many times the loop's median that is (target)."
    tables.append(Table("Beside other engines", told, ("engine", "median µs", "times the loop's", "of"), tuple(rows)))
    return [*tables, _growth_table(grown)]


def _row(one: Loop) -> tuple[str, ...]:
    median, p99 = statistics.median(one.loop), percentile(one.loop, 99)
    return (
        one.group.name,
        figure(median) + _target(one.group.median),
        figure(p99) + _target(one.group.p99),
        figure(statistics.median(one.alone)),
        f"{max(one.branches):,} ({TARGET_BRANCHES:,})" if one.branches else "",
        f"{sum(one.proved)}",
        f"{sum(one.taken)}",
        f"{len(one.taken)}",
    )


def _target(target: float | None) -> str:
    return "" if target is None else f" ({target:,.0f})"


def _growth_table(grown: dict[int, float]) -> Table:
    sizes, times = np.log(list(grown)), np.log(list(grown.values()))
    slope = float(np.polyfit(sizes, times, 1)[0])
    told = (
        f"Median µs of flat accounts whose minimum binds; the slope of log time over log slices is {slope:.2f} (1.2)."
    )
    return Table(
        "Growth with slices", told, ("slices", "median µs"), tuple((str(s), figure(t)) for s, t in grown.items())
    )
