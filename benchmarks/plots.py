"""The suite's pictures: how good, how fast, where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.engines import CONTENDERS, OURS
from benchmarks.instances import DEPTHS
from benchmarks.phases import Phases
from benchmarks.quality import Judged, Outcome, outcomes, ratios_by_engine
from benchmarks.timing import Growth

__all__ = ["PICTURES", "draw"]

PICTURES = ("quality.png", "growth.png", "phases.png")
PALETTE = (
    *("#1b9e77", "#55a868", "#333333"),
    *("#4c72b0", "#c44e52", "#dd8452"),
    *("#8172b3", "#937860", "#da8bc3", "#8c8c8c", "#ccb974"),
)
COLOURS = {one.name: colour for one, colour in zip(CONTENDERS, PALETTE, strict=False)}
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
    Outcome.WORSE: "#dd8452",
    Outcome.CASH: "#4c72b0",
    Outcome.BROKEN: "#c44e52",
}


def draw(judged: Judged, grown: Sequence[Growth], measured: Phases, folder: Path) -> None:
    """Write ``PICTURES`` into ``folder``."""
    for name, figure in zip(PICTURES, (_quality(judged), _growth(grown), _phases(measured)), strict=True):
        figure.savefig(folder / name, dpi=110)


def _quality(judged: Judged) -> Figure:
    figure = Figure(figsize=(12, 5.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _outcomes(left, judged)
    _ratios(right, judged)
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.1), ncols=4, fontsize="small", frameon=False)
    return figure


def _outcomes(axes: Axes, judged: Judged) -> None:
    """What became of the best baseline, by events and minimum."""
    counts = outcomes(judged)
    names, start = list(counts), [0.0] * len(counts)
    for outcome in Outcome:
        wide = [100 * counts[name][outcome] / counts[name].total() for name in names]
        axes.barh(names, wide, left=start, color=OUTCOME_COLOURS[outcome], label=outcome.value)
        start = [a + b for a, b in zip(start, wide, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="cases, %", xlim=(0, 100), title="the best baseline of each case, beside the optimum")


def _ratios(axes: Axes, judged: Judged) -> None:
    """The share of cases in which an engine's J stays within a multiple of the optimum's."""
    for name, (ratios, cases) in ratios_by_engine(judged).items():
        if cases and name != OURS:
            at = [0.0, *ratios, 1e3]
            within = [100 * i / cases for i in (*range(len(ratios) + 1), len(ratios))]
            axes.step(at, within, STYLES[name], where="post", color=COLOURS[name], label=name)
    axes.set(xscale="log", xlim=(0.98, 20), ylim=(0, 101), xlabel="J over the optimum's", ylabel="cases within, %")
    axes.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.minorticks_off()
    title = "minimum binding or absurd; never within: broke a rule,\nleft more cash, gave no plan, or can not do it"
    axes.set_title(title, fontsize="medium")
    axes.grid(linewidth=0.3)


def _growth(grown: Sequence[Growth]) -> Figure:
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    kinds = sorted({g.accounts for g in grown}, reverse=True)
    panels = [("slices", kind) for kind in kinds] + [("levels", kinds[0])] if kinds else []
    axes: Sequence[Axes] = figure.subplots(1, len(panels), sharey=True) if panels else ()
    for panel, (axis, kind) in zip(axes, panels, strict=True):
        for g in grown:
            if (g.axis, g.accounts) == (axis, kind):
                times = [1e3 * s for s in g.seconds]
                panel.loglog(g.sizes, times, STYLES[g.engine], marker=".", color=COLOURS[g.engine], label=g.engine)
        where = "flat" if axis == "slices" else f"{DEPTHS[0][0]} slices"
        panel.set(xlabel=axis, title=f"{where}, {kind}")
        panel.grid(linewidth=0.3, which="both")
    if panels:
        axes[-1].set_xticks([len(s) for s in DEPTHS], [str(len(s)) for s in DEPTHS], minor=False)
        axes[-1].minorticks_off()
        axes[0].set_ylabel("one plan, ms")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize="small", frameon=False)
    return figure


def _phases(measured: Phases) -> Figure:
    figure = Figure(figsize=(12, 0.9 + 0.55 * max(3, len(measured))), layout="constrained")
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
    axes.set(
        xlim=(0, 110), xlabel="% of the time from request to answer over the wire (its total at the end of the bar)"
    )
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
