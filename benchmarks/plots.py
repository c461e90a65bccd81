"""The suite's pictures: how good, how fast, where the time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.engines import CONTENDERS
from benchmarks.instances import DEPTHS, SIZES
from benchmarks.judging import Judged, Outcome
from benchmarks.phases import Phases
from benchmarks.quality import outcomes, outcomes_by_engine
from benchmarks.timing import GROWTH_KINDS, Growth

__all__ = ["PICTURES", "draw"]

PICTURES = ("quality.png", "growth.png", "phases.png")
PALETTE = (
    *("#1b9e77", "#55a868", "#64b5cd", "#333333"),
    *("#4c72b0", "#c44e52", "#dd8452"),
    *("#8172b3", "#937860", "#da8bc3", "#8c8c8c", "#ccb974"),
)
COLOURS = {one.name: colour for one, colour in zip(CONTENDERS, PALETTE, strict=True)}
DASHES = {"ours": "-", "baseline": "--", "peer": ":"}
STYLES = {one.name: DASHES[one.kind] for one in CONTENDERS}
PART_COLOURS = {
    "convert": "#8172b3",
    "problem": "#4c72b0",
    "solve": "#55a868",
    "certify": "#dd8452",
    "report": "#ccb974",
    "wire": "#8c8c8c",
}
OUTCOME_COLOURS = {
    Outcome.AS_GOOD: "#55a868",
    Outcome.TENTH: "#b5d99c",
    Outcome.DOUBLE: "#f2c46d",
    Outcome.WORSE: "#dd8452",
    Outcome.CASH: "#4c72b0",
    Outcome.BROKEN: "#c44e52",
    Outcome.NONE: "#bbbbbb",
}


def draw(judged: Judged, grown: Sequence[Growth], measured: Phases, folder: Path) -> None:
    """Write ``PICTURES`` into ``folder``."""
    for name, figure in zip(PICTURES, (_quality(judged), _growth(grown), _phases(measured)), strict=True):
        figure.savefig(folder / name, dpi=110)


def _quality(judged: Judged) -> Figure:
    figure = Figure(figsize=(10, 8.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(12, 11))
    _bars(upper, outcomes(judged), "the best baseline of each case, beside our plan")
    _bars(lower, outcomes_by_engine(judged), "every engine, minimum binding or absurd, beside our plan")
    handles, labels = upper.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _bars(axes: Axes, counts: dict[str, Counter[Outcome]], title: str) -> None:
    """One bar a row, its cases split by how they came out."""
    names, start = [f"{name} ({found.total()})" for name, found in counts.items()], [0.0] * len(counts)
    for outcome in Outcome:
        wide = [100 * found[outcome] / found.total() for found in counts.values()]
        axes.barh(names, wide, left=start, color=OUTCOME_COLOURS[outcome], label=outcome.value)
        start = [a + b for a, b in zip(start, wide, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="cases, %", xlim=(0, 100), title=title)


def _growth(grown: Sequence[Growth]) -> Figure:
    figure = Figure(figsize=(10, 8.6), layout="constrained")
    grid = figure.subplots(2, 2, sharey=True)
    for row, (axis, shapes) in enumerate((("slices", SIZES), ("levels", DEPTHS))):
        ticks = [shape[0] for shape in shapes] if axis == "slices" else [len(shape) for shape in shapes]
        for panel, kind in zip(grid[row], GROWTH_KINDS, strict=True):
            for g in grown:
                if (g.axis, g.accounts) == (axis, kind):
                    times = [1e3 * s for s in g.seconds]
                    panel.loglog(g.sizes, times, STYLES[g.engine], marker=".", color=COLOURS[g.engine], label=g.engine)
            panel.set(xlabel=axis, title=f"{'flat' if axis == 'slices' else f'{DEPTHS[0][0]} slices'}, {kind}")
            panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            panel.xaxis.minorticks_off()
            panel.grid(linewidth=0.3)
        grid[row][0].set_ylabel("one plan, ms")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize="small", frameon=False)
    return figure


def _phases(measured: Phases) -> Figure:
    figure = Figure(figsize=(10, 1.0 + 0.42 * max(3, len(measured))), layout="constrained")
    axes = figure.subplots()
    names = [case.name for case in measured]
    parts = [_parts(seconds) for seconds in measured.values()]
    start = [0.0] * len(names)
    for part, colour in PART_COLOURS.items():
        wide = [100 * p[part] / sum(p.values()) for p in parts]
        axes.barh(names, wide, left=start, color=colour, label=part)
        start = [a + b for a, b in zip(start, wide, strict=True)]
    for row, part_seconds in enumerate(parts):
        axes.text(101, row, f"{1e3 * sum(part_seconds.values()):.3g} ms", va="center", fontsize="small")
    axes.invert_yaxis()
    axes.set(xlim=(0, 112), xlabel="% of the call over the wire; its time at the end of the bar")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(PART_COLOURS), fontsize="small", frameon=False)
    return figure


def _parts(seconds: dict[str, float]) -> dict[str, float]:
    """Phases that add up: the report is what remains of the whole, the wire what remains of the call."""
    inside = seconds["problem"] + seconds["solve"] + seconds["certify"]
    parts = {name: seconds[name] for name in ("convert", "problem", "solve", "certify")}
    report = max(0.0, seconds["whole"] - inside)
    wire = max(0.0, seconds["over the wire"] - inside - report - seconds["convert"])
    return parts | {"report": report, "wire": wire}
