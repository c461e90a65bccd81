"""``make bench``: medians and p99 of whole plans with HiGHS, and what the wire adds, beside their targets."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.instances import FAMILIES, Family, members
from server.client import Client, server_process
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Engine, Plan, Quality, Rules, plan

REPEATS = 5
WIRE_TARGET_MS = 1.0
RESULTS = Path(__file__).with_name("RESULTS.md")


def measure(family: Family) -> tuple[list[float], float]:
    """Milliseconds of every plan of ``family``, and the share that is proved OPTIMAL."""
    times, optimal = [], []
    for portfolio, event in members(family):
        for repeat in range(REPEATS):
            started = time.perf_counter()
            answer = plan(portfolio, event, Rules(family.min_trade), Engine.HIGHS)
            if repeat:  # the first is warm-up
                times.append(1e3 * (time.perf_counter() - started))
        assert isinstance(answer, Plan)
        optimal.append(answer.certificate.quality is Quality.OPTIMAL)
    return times, sum(optimal) / len(optimal)


def wire_overhead() -> float:
    """Median milliseconds that gRPC over loopback adds to the server's own time, 20 flat slices, 500 calls."""
    portfolio, event = next(iter(members(FAMILIES[0])))
    request = plan_request(portfolio, event, 0, view=pb.VIEW_ORDERS)
    added = []
    with server_process() as (address, _), Client(address) as client:
        for _ in range(500):
            started = time.perf_counter()
            response = client.plan(request)
            taken = time.perf_counter() - started
            added.append(1e3 * taken - response.diagnostics.solve_time.ToNanoseconds() / 1e6)
    return statistics.median(added)


def main() -> None:
    """Measure, print, and with --write keep the table in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/RESULTS.md")
    wanted = parser.parse_args()
    rows = []
    for family in track(FAMILIES, "planning", console=Console(stderr=True), transient=True):
        times, optimal = measure(family)
        p99 = statistics.quantiles(times, n=100)[98]
        rows.append((family.name, statistics.median(times), p99, family.target_ms, f"{optimal:.0%}"))
    rows.append(("gRPC adds", wire_overhead(), float("nan"), WIRE_TARGET_MS, ""))
    table = Table(title="whole plan() with HIGHS, milliseconds", title_justify="left")
    for column in ("family", "median", "p99", "target (median)", "OPTIMAL"):
        table.add_column(column, justify="left" if column == "family" else "right")
    lines = ["| family | median ms | p99 ms | target | OPTIMAL |", "|---|---|---|---|---|"]
    for name, median, p99, target, optimal in rows:
        cells = (name, f"{median:.2f}", f"{p99:.2f}" if p99 == p99 else "", f"{target:g}", optimal)
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    Console(width=100).print(table)
    if wanted.write:
        head = f"# Results\n\n`make bench` on {date.today()}, {platform.machine()}, Python {platform.python_version()},"
        versions = f" highspy {version('highspy')}, numpy {version('numpy')}; 12 accounts a family, 4 runs each.\n\n"
        RESULTS.write_text(head + versions + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
