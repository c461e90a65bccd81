"""Time: the targets, every engine in one run, and growth with slices and with depth."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from rich.progress import Progress

from benchmarks.engines import CONTENDERS, OURS, attempt, pose, runs_here
from benchmarks.instances import DEPTHS, FAMILIES, SIZES, Case, Family, members
from benchmarks.judging import Judged
from benchmarks.peers import SECONDS
from benchmarks.tables import Table, figure, milliseconds, percentile, share
from server.client import Client, server_process
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Engine, Plan, Quality, Rules, available, plan

__all__ = ["GROWTH_ACCOUNTS", "GROWTH_KINDS", "Growth", "growth", "growth_tables", "targets", "time_table"]

REPEATS = 5
WIRE_TARGET_MS = 1.0
WIRE_CALLS = 500
GROWTH_ACCOUNTS = 3
GROWTH_KINDS = ("random, drifted", "near-equal, new")
FAST = 0.2  # seconds; what takes less is measured three times
TOO_SLOW = 1.0  # seconds; an engine whose median takes longer is not asked for larger accounts


def measure(family: Family, engine: Engine, repeats: int) -> tuple[list[float], float]:
    """Milliseconds of every plan of ``family`` by ``engine``, and the share that is proved OPTIMAL."""
    times, optimal = [], []
    for portfolio, event in members(family):
        for repeat in range(repeats):
            started = time.perf_counter()
            answer = plan(portfolio, event, Rules(family.min_trade), engine)
            if repeat:  # the first is warm-up
                times.append(1e3 * (time.perf_counter() - started))
        assert isinstance(answer, Plan)
        optimal.append(answer.certificate.quality is Quality.OPTIMAL)
    return times, sum(optimal) / len(optimal)


def wire_overhead(calls: int) -> float:
    """Median milliseconds that gRPC over loopback adds to the server's own time, 20 flat slices."""
    portfolio, event = next(iter(members(FAMILIES[0])))
    request = plan_request(portfolio, event, 0, view=pb.VIEW_ORDERS)
    added = []
    with server_process() as (address, _), Client(address) as client:
        for _ in range(calls):
            started = time.perf_counter()
            response = client.plan(request)
            taken = time.perf_counter() - started
            added.append(1e3 * taken - response.diagnostics.solve_time.ToNanoseconds() / 1e6)
    return statistics.median(added)


def targets(progress: Progress, families: Sequence[Family] = FAMILIES, repeats: int = REPEATS) -> Table:
    """Whole plans with HiGHS and with the kernel, and what the wire adds, beside the targets."""
    rows = []
    engines = [engine for engine in (Engine.HIGHS, Engine.KERNEL) if available(engine)]
    for family, engine in progress.track(list(product(families, engines)), description="targets"):
        times, optimal = measure(family, engine, repeats)
        cells = (f"{statistics.median(times):.2f}", f"{percentile(times, 99):.2f}", f"{family.target_ms:g}")
        rows.append((family.name, engine.value, *cells, f"{optimal:.0%}"))
    rows.append(("gRPC adds", "", f"{wire_overhead(WIRE_CALLS):.2f}", "", f"{WIRE_TARGET_MS:g}", ""))
    columns = ("accounts", "engine", "median ms", "p99 ms", "target (median)", "OPTIMAL")
    note = f"Whole plan(): {len(list(members(families[0])))} accounts each, {repeats - 1} runs of each."
    return Table("Targets", note, columns, tuple(rows))


def time_table(judged: Judged) -> Table:
    """Seconds of every engine in the suite's own run, beside ours on the same cases."""
    rows = []
    for one in CONTENDERS:
        pairs = [(t[one.name].seconds, t[OURS].seconds, t[one.name]) for t in judged.values() if one.name in t]
        timed = [(taken, ours) for taken, ours, trial in pairs if not trial.refused.startswith("cannot")]
        if not timed:
            rows.append((one.name, "not installed" if not runs_here(one) else "0", *[""] * 5))
            continue
        times = [taken for taken, _ in timed]
        ratios = [taken / ours for taken, ours in timed]
        slower = share(sum(r > 1.0 for r in ratios), len(ratios))
        spread = (milliseconds(percentile(times, 50)), milliseconds(percentile(times, 99)))
        cells = (figure(percentile(ratios, 50)), figure(percentile(ratios, 95)), slower)
        rows.append((one.name, str(len(timed)), *spread, *cells))
    columns = ("engine", "cases", "p50 ms", "p99 ms", f"ratio to {OURS}: median", "p95", "slower in")
    note = (
        f"One plan a case, warm; {SECONDS:g} s is the limit. The baselines and peers are handed the problem ready "
        "built; ours start at the account, prove what they say and write the plan with its reasons. Ratios are between "
        "two engines on one case."
    )
    return Table("Time of one plan", note, columns, tuple(rows))


@dataclass(frozen=True, slots=True)
class Growth:
    """Median seconds of an engine along one axis (slices, or levels), and its log-log slope."""

    engine: str
    accounts: str
    axis: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def slope(self) -> float:
        """d log t / d log size by least squares: 1 is linear, 2 quadratic."""
        if len(self.sizes) < 2:
            return float("nan")
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


def growth(progress: Progress, shapes: Sequence[tuple[int, ...]], axis: str, accounts: int) -> list[Growth]:
    """Every engine along ``shapes``; a deposit of 5 % under a minimum that binds (for CVXPY + HiGHS: none)."""
    here = [one for one in CONTENDERS if runs_here(one) and one.name != Engine.AUTO.value]
    jobs = [(one, near_equal) for one in here for near_equal in (False, True)]
    found = []
    for one, near_equal in progress.track(jobs, description=f"growth with {axis}"):
        minimum = "none" if one.name == "CVXPY + HiGHS" else "binding"
        sizes, seconds = [], []
        for shape in shapes:
            cases = [Case(shape, near_equal, not near_equal, "deposit 5%", minimum, m) for m in range(accounts)]
            posed = [pose(case) for case in cases]
            warm = attempt(one, posed[0])
            trials = [attempt(one, p) for p in posed for _ in range(3 if warm.seconds < FAST else 1)]
            if any(trial.refused for trial in trials):
                break
            sizes.append(cases[0].leaves if axis == "slices" else len(shape))
            seconds.append(statistics.median(trial.seconds for trial in trials))
            if seconds[-1] > TOO_SLOW:
                break
        if sizes:
            found.append(Growth(one.name, GROWTH_KINDS[near_equal], axis, tuple(sizes), tuple(seconds)))
    return found


def growth_tables(grown: Sequence[Growth]) -> list[Table]:
    """One table an axis: milliseconds at each size, and the slope."""
    tables = []
    for axis, shapes in (("slices", SIZES), ("levels", DEPTHS)):
        these = [g for g in grown if g.axis == axis]
        sizes = sorted({size for g in these for size in g.sizes})
        rows = []
        for g in these:
            at = dict(zip(g.sizes, g.seconds, strict=True))
            cells = (milliseconds(at[size]) if size in at else "" for size in sizes)
            rows.append((g.engine, g.accounts, *cells, f"{g.slope:.2f}" if g.slope == g.slope else "–"))
        deposit = "a deposit of 5 % under a minimum that binds (CVXPY + HiGHS: none)"
        what = "flat pies" if axis == "slices" else f"{np.prod(shapes[0])} slices in a tree of so many levels"
        note = (
            f"Median ms of {GROWTH_ACCOUNTS} accounts, {deposit}: {what}. Slope: of log time over log {axis}. Empty: "
            f"it failed, or took over {TOO_SLOW:g} s for the size before. {SECONDS:g} s is the limit: what takes that "
            "long is not proved."
        )
        columns = ("engine", "accounts", *(f"{size:,}" for size in sizes), "slope")
        tables.append(Table(f"Growth with {axis}", note, columns, tuple(rows)))
    return tables
