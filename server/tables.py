"""Plans as tables, for people. Programs read the JSON."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver.sentences import money_text

__all__ = ["make_console", "print_comparison", "print_response"]

PIPED_WIDTH = 132  # columns where the output is no terminal


def make_console() -> Console:
    """A console as wide as the terminal, or wide enough for a plan where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def print_response(console: Console, request: pb.PlanRequest, response: pb.PlanResponse, title: str = "") -> None:
    """The plan beside its request (view FULL or NODES): slices, cash, certificate; or why there is no plan."""
    code = request.portfolio.currency_code
    outcome = response.WhichOneof("outcome")
    if outcome is None:
        console.print("The request is valid; nothing was solved.")
        return
    if outcome == "infeasible":
        console.print(f"[bold]{title}[/bold]" if title else "", f"No plan: {response.infeasible.reason}")
        if response.infeasible.HasField("most_that_can_be_raised"):
            console.print(f"The most that can be raised: {_money(response.infeasible.most_that_can_be_raised, code)}")
        if response.infeasible.rules:
            console.print(f"The fewest rules in its way: {', '.join(response.infeasible.rules)}")
        return
    plan = response.plan
    if plan.nodes:
        console.print(_nodes(request, plan, title))
    if not plan.nodes or len(request.events) > 1 or plan.transfers:
        console.print(_orders(plan, code, "" if plan.nodes else title, len(request.events) > 1))
    cash = plan.cash
    console.print(
        f"cash {_money(cash.before, code)} + received {_money(cash.received, code)} - paid out"
        f" {_money(cash.paid_out, code)} - bought {_money(cash.bought, code)} + sold {_money(cash.sold, code)}"
        f" = {_money(cash.after, code)}"
    )
    proof = plan.certificate
    console.print(
        f"{pb.Quality.Name(proof.quality).removeprefix('QUALITY_')}: tracking error {proof.tracking_error:.6g},"
        f" lower bound {proof.lower_bound:.6g}, rounding slack {proof.rounding_slack:.2g}"
        f" ({pb.BoundSource.Name(proof.bound_source).removeprefix('BOUND_SOURCE_').lower()})\n"
    )
    if plan.rule_costs:
        console.print(_costs(plan, code))


def print_comparison(console: Console, request: pb.PlanRequest, response: pb.CompareResponse) -> None:
    """The optimum and the baselines as one table, a line each."""
    code = request.portfolio.currency_code
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("engine", no_wrap=True)
    amounts = ("retired left", "cash left", "short")
    for column in ("tracking error", "x optimum", *amounts, "orders", "killed", "worst after/target"):
        table.add_column(column, justify="right")
    table.add_column("broken rules")
    proof = response.optimal.plan.certificate
    quality = pb.Quality.Name(proof.quality).removeprefix("QUALITY_")
    table.add_row(f"[bold]{quality}[/bold] ({proof.engine})", *_scored(response.score, code, "1", 0, 0), "")
    for tried in response.baselines:
        ratio = f"{tried.ratio:,.2f}" if tried.HasField("ratio") else "-"
        name = pb.Engine.Name(tried.engine).removeprefix("ENGINE_")
        rules = sorted({broken.split(":")[0].replace("_", " ").lower() for broken in tried.broken_rules})
        table.add_row(name, *_scored(tried.score, code, ratio, tried.shortfall, tried.orders_killed), ", ".join(rules))
    console.print(table)
    console.print(
        "tracking error above the ideal's, in minor units; its ratio where the optimum's is more than rounding."
        " What is left as cash or retired ranks before it"
    )


def _scored(score: pb.Score, code: str, ratio: str, short: int, killed: int) -> tuple[str, ...]:
    worst = f"{score.worst_ratio:.4f} {score.worst_slice}" if score.HasField("worst_ratio") else "-"
    money = [_money(amount, code) if amount else "-" for amount in (score.retired_excess, score.cash_left, short)]
    return (f"{score.tracking_error:,.4f}", ratio, *money, str(score.orders), str(killed or "-"), worst)


def _money(amount: float, code: str) -> str:
    return money_text(amount, code).removesuffix(f" {code}")


def _signed(amount: float, code: str) -> str:
    return f"{'+' if amount > 0 else ''}{_money(amount, code)}" if round(amount) else "-"


def _orders(plan: pb.Plan, code: str, title: str, several: bool) -> Table:
    """The orders, and of ``several`` events whose each part is."""
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("#", "security", "side", f"amount ({code})"):
        table.add_column(column, justify="right" if "amount" in column else "left")
    if several:
        table.add_column("of the events")
    for order in plan.orders:
        side = pb.Side.Name(order.side).removeprefix("SIDE_").lower()
        whose = ", ".join(f"{part.event_id or '-'} {_money(part.amount, code)}" for part in order.parts)
        row = str(order.sequence), order.security_id, side, _money(order.amount, code)
        table.add_row(*row, *([whose] if several else []))
    for transfer in plan.transfers:
        told = f"{transfer.from_slice_id} gives {transfer.to_slice_id}"
        row = "-", transfer.security_id, told, _money(transfer.amount, code)
        table.add_row(*row, *(["no order"] if several else []))
    return table


def _costs(plan: pb.Plan, code: str) -> Table:
    table = Table(title="what each rule costs", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("rule", no_wrap=True)
    for column in ("tracking error", f"cash left ({code})", f"retired left ({code})"):
        table.add_column(column, justify="right")
    for cost in plan.rule_costs:
        money = [_signed(amount, code) for amount in (cost.cash_left, cost.retired_excess)]
        table.add_row(cost.rule, f"{cost.tracking_error:+,.4f}", *money)
    return table


def _nodes(request: pb.PlanRequest, plan: pb.Plan, title: str) -> Table:
    code = request.portfolio.currency_code
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("slice", min_width=9, overflow="fold")
    for column in ("target", "before", "ideal", "trade", "after", "drift", "drift after"):
        table.add_column(column, justify="right", no_wrap=column != "drift after")
    table.add_column("reason", min_width=12)
    root = plan.portfolio_after.root if plan.HasField("portfolio_after") else request.portfolio.root
    places = {slice_id: (depth, target, above) for slice_id, depth, target, above in _walk(root)}
    nodes = {node.slice_id: node for node in plan.nodes}
    for node in plan.nodes:
        depth, target, above = places.get(node.slice_id, (1, None, None))
        parent = nodes.get(above) if above is not None else None
        table.add_row(
            "  " * depth + (node.slice_id or "portfolio"),
            f"{target:.2%}" if target is not None else "",
            _money(node.value_before, code),
            _signed(node.ideal, code),
            _signed(node.trade, code),
            _money(node.value_after, code),
            _drift(node.value_before, parent.value_before if parent else 0, target),
            _drift(node.value_after, parent.value_after if parent else 0, target),
            ", ".join(reason.code.replace("_", " ").lower() for reason in node.reasons),
        )
    return table


def _walk(root: pb.Pie) -> Iterator[tuple[str, int, float | None, str | None]]:
    yield "", 0, None, None
    stack = [(root, "", 1)]
    while stack:
        pie, above, depth = stack.pop()
        total = sum(child.target_weight for child in pie.slices)
        for child in pie.slices:
            yield child.slice_id, depth, child.target_weight / total, above
            if child.HasField("pie"):
                stack.append((child.pie, child.slice_id, depth + 1))


def _drift(value: int, pie: int, target: float | None) -> str:
    """Share of its pie less its target, in percentage points."""
    return f"{100 * (value / pie - target):+.2f}" if target is not None and pie else ""
