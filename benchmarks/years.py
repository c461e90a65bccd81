"""``make years``: the optimum beside the baselines over years (``savers.py``), into YEARS.md and years.png."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from benchmarks import savers
from benchmarks.savers import MINIMUMS, SETTINGS, STRATEGIES, Lives, Month, Setting, account, lived
from benchmarks.tables import Table, figure, percentile, share
from server.examples import month_end_prices
from solver import Engine
from solver.rules import BASELINES

__all__ = ["live", "main", "summaries", "tables"]

ACCOUNTS = 8
QUICK = (2, 24)  # accounts, months
NAMES = {engine: "OPTIMUM" if engine is Engine.AUTO else engine.value for engine in STRATEGIES}
PICTURE = "years.png"
READING = (
    "The optimum is that of each month by itself, and of J, which counts squared distances beside the targets: it is "
    "no policy for years. So the books of a baseline may come to lie nearer by another measure, or later; where they "
    "do, it is said below. Only plans for the same books and events (as good) compare what the optimum is best at."
)
EQUAL_POINTS = 0.05  # medians of distance that are called the same, percentage points
ROUNDING = 1.0  # cents of J
EARLY = 60  # months, in which deposits are large beside the account
OFTEN = 0.95  # the share of months from which a baseline is called as good
COLOURS = dict(zip(STRATEGIES, ("#333333", "#4c72b0", "#c44e52", "#dd8452"), strict=True))
DASHES = dict(zip(STRATEGIES, ("-", ":", "-.", "--"), strict=True))


@dataclass(frozen=True, slots=True)
class Summary:
    """One strategy in one setting over all accounts and months; shares as fractions, J in cents, ``short`` in cents.

    Orders are a month's, ``turnover`` is what was traded in a year over the mean value; ``good`` is the share of months
    in which a baseline's plan for the optimum's books was as good, NaN of the optimum.
    """

    distance: tuple[float, float]  # median, 95th percentile
    early: float  # median of the first years
    early_idle: float  # mean of the first years
    error: tuple[float, float]
    orders: float
    turnover: float
    idle: float
    short: int
    broken: int
    unplanned: int
    unproved: int
    good: float
    early_good: float


Summaries = dict[tuple[Setting, Engine], Summary]


def summary(found: Sequence[tuple[Month, ...]], good: Sequence[Sequence[bool]]) -> Summary:
    """The lives of all accounts by one strategy in one setting."""
    months = [month for life in found for month in life]
    errors = [month.error for month in months if month.planned]
    distances = [month.distance for month in months]
    early = [month for life in found for month in life[:EARLY]]
    turnovers = [12 * sum(m.traded for m in life) / max(1, sum(m.value for m in life)) for life in found]
    return Summary(
        distance=(percentile(distances, 50), percentile(distances, 95)),
        early=percentile([month.distance for month in early], 50),
        early_idle=sum(map(_idle, early)) / len(early) / 100,
        error=(percentile(errors, 50), percentile(errors, 95)),
        orders=sum(month.orders for month in months) / len(months),
        turnover=sum(turnovers) / len(turnovers),
        idle=sum(map(_idle, months)) / len(months) / 100,
        short=sum(month.short for month in months),
        broken=sum(bool(month.broken) for month in months),
        unplanned=sum(not month.planned for month in months),
        unproved=sum(not month.proved for month in months),
        good=_mean([one for life in good for one in life]),
        early_good=_mean([one for life in good for one in life[:EARLY]]),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def summaries(lives: Lives) -> Summaries:
    """Every strategy in every setting."""
    found = {}
    for (setting, engine), of_accounts in lives.items():
        good: list[list[bool]] = []
        if engine in BASELINES:
            which, ours = BASELINES.index(engine), lives[setting, Engine.AUTO]
            good = [[month.good[which] for month in life if month.planned] for life in ours]
        found[setting, engine] = summary(of_accounts, good)
    return found


COLUMNS = (
    "account, minimum",
    "strategy",
    "distance %",
    "p95",
    "first years",
    "J",
    "p95",
    "orders",
    "turnover %",
    "idle cash %",
)
COUNTED = ("short $", "rules broken", "no plan", "as good")


def tables(found: Summaries) -> Iterator[Table]:
    """Without rebalances, and with them."""
    note = (
        "Medians and 95th percentiles (p95) over all months of all accounts. Distance: the share of the account, cash "
        "included, that lies elsewhere than its targets say after the month's orders; first years: its median in the "
        "first five. J: the tracking error of the month's events above their ideal's, in cents. Orders: a month. "
        "Turnover: bought and sold in a year over the mean value. Idle cash: its mean share. Short: paid out less than "
        "a withdrawal asked for. Rules broken, no plan: months. As good: the share of months in which its plan for the "
        "optimum's own books and events is as good as the optimum's, but for rounding."
    )
    for rebalanced, title in ((False, "Without rebalances"), (True, "With a deep rebalance every December")):
        rows = tuple(_row(key, one) for key, one in found.items() if key[0].rebalanced == rebalanced)
        yield Table(title, note if not rebalanced else "As above.", COLUMNS + COUNTED, rows)


def _row(key: tuple[Setting, Engine], one: Summary) -> tuple[str, ...]:
    setting, engine = key
    percents = (
        *one.distance,
        one.early,
        *(e / 100 for e in one.error),
        one.orders / 100,
        one.turnover,
        one.idle,
        one.short / 1e4,
    )
    counts = (str(one.broken), str(one.unplanned), _percent(one.good))
    return (setting.name, NAMES[engine], *(figure(100 * value) for value in percents), *counts)


def _percent(fraction: float) -> str:
    return "–" if fraction != fraction else share(round(1e6 * fraction), 10**6)


def live(numbers: Sequence[int], months: int | None, jobs: int, progress: Progress) -> Lives:
    """Every account's life in every setting by every strategy, ``jobs`` at once."""
    tasks = [(setting, engine, n, months) for setting in SETTINGS for engine in STRATEGIES for n in numbers]
    lives: Lives = {}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        done: Iterable[tuple[Month, ...]] = map(_task, tasks) if jobs == 1 else pool.map(_task, tasks)
        for task, life in zip(tasks, progress.track(done, len(tasks), description="years"), strict=True):
            lives.setdefault(task[:2], []).append(life)
    return lives


def _task(task: tuple[Setting, Engine, int, int | None]) -> tuple[Month, ...]:
    setting, engine, number, months = task
    return lived(setting, account(number), engine, months)


def findings(lives: Lives, found: Summaries) -> Iterator[str]:
    """What the figures say, also where greedy is as good."""
    months = [month for setting in SETTINGS for life in lives[setting, Engine.AUTO] for month in life]
    proved = sum(month.proved for month in months)
    yield f"OPTIMUM: {proved:,} of {len(months):,} plans are proved OPTIMAL; {_faults(months)}. {_placed(lives)}"
    for baseline in BASELINES:
        yield _nearness(found, baseline)
        yield _as_good(found, baseline)
        own = [month for setting in SETTINGS for life in lives[setting, baseline] for month in life]
        yield f"{NAMES[baseline]}, on its own books: {_means(found, baseline)}; {_faults(own)}."


def _placed(lives: Lives) -> str:
    """How often nothing is left to decide: the ideal in whole cents breaks no rule, and J is rounding."""
    parts = []
    for minimum in MINIMUMS:
        found = [life for s in SETTINGS if s.min_trade == minimum for life in lives[s, Engine.AUTO]]
        always, early = (
            _percent(sum(month.error <= ROUNDING for month in months) / len(months))
            for months in ([m for life in found for m in life], [m for life in found for m in life[:EARLY]])
        )
        parts.append(f"at ${minimum // 100} in {always} of months ({early} of the first five years')")
    return (
        f"The ideal can be placed as it is (J at most {ROUNDING:g} cent) {' and '.join(parts)}: there a rule "
        "that places it is as good."
    )


def _points(gap: float) -> str:
    """A difference of percentages with its sign; none where it is nothing."""
    return f"{gap:+.2f}" if abs(gap) >= 0.005 else "0.00"


def _nearness(found: Summaries, baseline: Engine) -> str:
    gaps = {s: 100 * (found[s, baseline].distance[0] - found[s, Engine.AUTO].distance[0]) for s in SETTINGS}
    same = [s for s, gap in gaps.items() if abs(gap) <= EQUAL_POINTS]
    nearer = [s for s, gap in gaps.items() if gap < -EQUAL_POINTS]
    most, least = max(gaps, key=gaps.__getitem__), min(gaps, key=gaps.__getitem__)
    early = [100 * (found[s, baseline].early - found[s, Engine.AUTO].early) for s in SETTINGS]
    return (
        f"{NAMES[baseline]}, distance: its median is within {EQUAL_POINTS} points of the optimum's in {len(same)} of "
        f"{len(gaps)} settings, lower in {len(nearer)}, higher in {len(gaps) - len(same) - len(nearer)}; from "
        f"{_points(gaps[least])} points ({least.title}) to {_points(gaps[most])} ({most.title}). In the first "
        f"five years: from {_points(min(early))} to {_points(max(early))}."
    )


def _as_good(found: Summaries, baseline: Engine) -> str:
    good = {s: found[s, baseline].good for s in SETTINGS}
    most, least = max(good, key=good.__getitem__), min(good, key=good.__getitem__)
    early = [found[s, baseline].early_good for s in SETTINGS]
    often = [s.title for s in SETTINGS if good[s] >= OFTEN]
    return (
        f"{NAMES[baseline]}, month by month on the optimum's books: as good in {_percent(good[least])} ({least.title}) "
        f"to {_percent(good[most])} ({most.title}) of months, in the first five years in "
        f"{_percent(min(early))} to {_percent(max(early))}; in {100 * OFTEN:.0f}% of months or more with "
        f"{'; '.join(often) if often else 'no setting'}."
    )


def _means(found: Summaries, baseline: Engine) -> str:
    """Cash, orders and turnover beside the optimum's, means over the settings."""
    measures: dict[str, Callable[[Summary], float]] = {
        "idle cash in % of the account": lambda one: 100 * one.idle,
        "in the first five years": lambda one: 100 * one.early_idle,
        "orders a month": lambda one: one.orders,
        "turnover in % a year": lambda one: 100 * one.turnover,
    }
    parts = []
    for name, measure in measures.items():
        theirs, ours = (sum(measure(found[s, e]) for s in SETTINGS) / len(SETTINGS) for e in (baseline, Engine.AUTO))
        parts.append(f"{name} {figure(theirs)} (optimum {figure(ours)})")
    return ", ".join(parts)


def _faults(months: Sequence[Month]) -> str:
    """Rules broken and money that is missing."""
    kinds = ", ".join(sorted({rule.split(":")[0] for month in months for rule in month.broken}))
    broken, without = sum(bool(month.broken) for month in months), sum(not month.planned for month in months)
    short = [month.short for month in months if month.short]
    told = f"{broken} plans break a rule ({kinds})" if broken else "none breaks a rule"
    paid = (
        f"{len(short)} withdrawals are short, by ${sum(short) / 100:,.2f} in all"
        if short
        else "every withdrawal is paid in full"
    )
    planned = f"{without} months have no plan" if without else "every month has a plan"
    return f"{told}, {planned}, {paid}"


def _head(lives: Lives) -> str:
    """How much was lived, and how."""
    accounts, months = (len(of) for of in (lives[SETTINGS[0], Engine.AUTO], lives[SETTINGS[0], Engine.AUTO][0]))
    dates = list(month_end_prices())
    count = accounts * months * len(lives)
    return (
        f"`make years`: {accounts} accounts × {months} months ({dates[0]} to {dates[months - 1]}) × {len(SETTINGS)} "
        f"settings × {len(STRATEGIES)} strategies, {count:,} plans on their own books.\n\n"
        f"```\n{savers.__doc__}```\n\n{fill(READING, 120)}\n"
    )


def _figure(lives: Lives) -> Figure:
    """Means of every year: distance, how far the baselines' is above the optimum's, idle cash; a column a kind."""
    drawn = Figure(figsize=(13, 9.5), layout="constrained")
    grid = drawn.subplots(3, 4, sharex=True, sharey="row")
    for column, setting in enumerate(s for s in SETTINGS if s.min_trade == max(MINIMUMS)):
        upper, middle, lower = (row[column] for row in grid)
        upper.set_title(setting.kind, fontsize="medium")
        for engine in STRATEGIES:
            _line(upper, engine, _yearly(lives[setting, engine], _distance))
            _line(lower, engine, _yearly(lives[setting, engine], _idle))
            for minimum in MINIMUMS if engine in BASELINES else ():
                same = replace(setting, min_trade=minimum)
                pairs = zip(*(_yearly(lives[same, e], _distance) for e in (engine, Engine.AUTO)), strict=True)
                _line(middle, engine, [theirs - ours for theirs, ours in pairs], minimum < max(MINIMUMS))
        middle.axhline(0.0, color=COLOURS[Engine.AUTO], linewidth=0.8)
        middle.set_yscale("symlog", linthresh=0.1)
        lower.set_yscale("symlog", linthresh=0.01)
        lower.set_ylim(bottom=0.0)
        for panel in (middle, lower):
            panel.yaxis.set_major_formatter("{x:g}")
        for panel in (upper, middle, lower):
            panel.grid(linewidth=0.3)
    large, small = (rf"\${minimum // 100}" for minimum in sorted(MINIMUMS, reverse=True))
    for row, label in zip(
        grid,
        (
            f"distance from targets, %; {large} minimum",
            f"distance above the optimum's, points;\n{large} minimum, faint: {small}",
            f"idle cash, % of the account; {large} minimum",
        ),
        strict=True,
    ):
        row[0].set_ylabel(label)
    handles, labels = grid[0][0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=len(STRATEGIES), frameon=False)
    return drawn


def _distance(month: Month) -> float:
    return 100 * month.distance


def _idle(month: Month) -> float:
    return 100 * month.cash / max(1, month.value)


def _yearly(found: Sequence[tuple[Month, ...]], measured: Callable[[Month], float]) -> list[float]:
    """Means over the accounts and the months of every year."""
    starts = range(0, len(found[0]), 12)
    years = ([measured(month) for life in found for month in life[start : start + 12]] for start in starts)
    return [sum(year) / len(year) for year in years]


def _line(panel: Axes, engine: Engine, means: Sequence[float], faint: bool = False) -> None:
    first = int(next(iter(month_end_prices()))[:4])
    style = {"linewidth": 0.9, "alpha": 0.45} if faint else {"linewidth": 1.5, "label": NAMES[engine]}
    panel.plot(range(first, first + len(means)), means, DASHES[engine], color=COLOURS[engine], **style)


def main(
    quick: Annotated[bool, typer.Option(help="Two accounts and 24 months, to see that everything runs.")] = False,
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = ACCOUNTS,
    jobs: Annotated[int, typer.Option(min=1, help="How many processes.")] = os.cpu_count() or 1,
    write: Annotated[
        Path | None, typer.Option(help="Keep table, findings and plot here.", exists=True, file_okay=False)
    ] = None,
) -> None:
    """Live the years, print the tables and what is found in them."""
    number, months = QUICK if quick else (accounts, None)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        lives = live(range(number), months, 1 if quick else jobs, progress)
    console, found = Console(width=180), summaries(lives)
    head = _head(lives)
    told = "\n".join(fill(f"- {line}", 120, subsequent_indent="  ") for line in findings(lives, found))
    written = list(tables(found))
    for table in written:
        table.show(console)
    console.print(head, told, sep="\n")
    if write:
        _figure(lives).savefig(write / PICTURE, dpi=110)
        parts = [f"# Exact against greedy over years\n\n{head}\n{told}\n\n![{PICTURE}]({PICTURE})\n"]
        (write / "YEARS.md").write_text("\n".join([*parts, *(table.markdown() for table in written)]))


if __name__ == "__main__":
    typer.run(main)
