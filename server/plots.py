"""A comparison as a picture: where the account stands, and what each rule would trade there."""

from __future__ import annotations

from pathlib import Path

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver.money import minor_digits

__all__ = ["PlotUnavailable", "plot_comparison"]

INSTALL = "pip install 'piewise[plot]'"
MOST_SLICES = 40  # drawn; of more, those that some plan trades most
COLOURS = ("#c44e52", "#dd8452", "#8172b3")  # of the baselines; the optimum is green


class PlotUnavailable(Exception):
    """matplotlib is not installed, or can not write such a file; the message says what to do."""


def plot_comparison(request: pb.PlanRequest, response: pb.CompareResponse, path: Path) -> None:
    """Write the picture of ``response`` (view FULL) to ``path``: PNG, SVG or PDF, by its ending.

    Left, each holding's value before, beside what its targets make it of the portfolio afterwards; right, what the
    ideal, the optimum and the baselines trade. Holdings from top to bottom in listed order.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotUnavailable(f"a picture needs matplotlib: {INSTALL}") from error
    code = request.portfolio.currency_code
    unit = 10 ** minor_digits(code)
    shares = _target_shares(request, response.optimal)
    plans = [("optimum", "#55a868", response.optimal.plan)]
    for compared, colour in zip(response.baselines, COLOURS, strict=False):
        plans.append(
            (pb.Engine.Name(compared.engine).removeprefix("ENGINE_").lower().replace("_", " "), colour, compared.plan)
        )
    trades = [{node.slice_id: node.trade / unit for node in plan.nodes} for _, _, plan in plans]
    nodes = [node for node in response.optimal.plan.nodes if node.slice_id in shares]
    kept = sorted(nodes, key=lambda n: -max(abs(t.get(n.slice_id, 0.0)) for t in trades))[:MOST_SLICES]
    drawn = [node for node in nodes if node in kept]
    total = next(node.value_after for node in response.optimal.plan.nodes if not node.slice_id) / unit
    figure = Figure(figsize=(12, 2.2 + 0.42 * len(drawn)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 2))
    rows = range(len(drawn))
    left.barh(rows, [node.value_before / unit for node in drawn], color="#bbbbbb", label="value before")
    left.plot([shares[n.slice_id] * total for n in drawn], rows, "k|", markersize=12, label="target, afterwards")
    width = 0.8 / len(plans)
    for i, ((name, colour, _), traded) in enumerate(zip(plans, trades, strict=True)):
        at = [row - 0.4 + width * (i + 0.5) for row in rows]
        right.barh(at, [traded.get(node.slice_id, 0.0) for node in drawn], height=width, color=colour, label=name)
    right.plot([node.ideal / unit for node in drawn], rows, "k|", markersize=14, label="ideal")
    right.axvline(0, color="black", linewidth=0.6)
    minimum = request.rules.min_trade / unit
    for side in (-minimum, minimum) if request.rules.min_trade > 1 else ():
        right.axvline(side, color="#999999", linewidth=0.8, linestyle=":")
    left.set_yticks(rows, [node.slice_id for node in drawn])
    left.invert_yaxis()
    left.set(title="where it stands", xlabel=code)
    right.set(title="what is traded" + (", minimum dotted" if request.rules.min_trade > 1 else ""), xlabel=code)
    for axes in (left, right):
        axes.grid(axis="x", linewidth=0.3)
    figure.legend(loc="outside lower center", ncols=3 + len(plans), fontsize="small")  # beside the bars, not over them
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise PlotUnavailable(f"can not write {path}: {error}") from error


def _target_shares(request: pb.PlanRequest, response: pb.PlanResponse) -> dict[str, float]:
    """Each holding's target as a share of the portfolio: the product of its weights; 0 for what is liquidated."""
    shares: dict[str, float] = {}
    stack = [(response.plan.portfolio_after.root, 1.0), (request.portfolio.root, 0.0)]
    while stack:  # what was there before first, so that what it is afterwards has the last word
        pie, share = stack.pop()
        total = sum(child.target_weight for child in pie.slices)
        for child in pie.slices:
            own = share * child.target_weight / total
            if child.HasField("pie"):
                stack.append((child.pie, own))
            else:
                shares[child.slice_id] = own
    return shares
