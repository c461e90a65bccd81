"""Answers written onto the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import Comparison, Infeasible, Pie, Plan, Portfolio, RuleCost, Score
from solver.plan import CashFlow

__all__ = [
    "fill_cash",
    "fill_comparison",
    "fill_infeasible",
    "fill_plan",
    "fill_portfolio",
    "fill_response",
    "write_pie",
    "write_securities",
]


def fill_response(
    response: pb.PlanResponse,
    answer: Plan | Infeasible,
    view: int,
    mark: str,
    asked: pb.Portfolio,
    costs: Iterable[RuleCost] = (),
) -> None:
    """Write ``answer`` into ``response`` as ``view`` asks; ``mark`` is its fingerprint, ``asked`` what was sent."""
    if isinstance(answer, Infeasible):
        fill_infeasible(response.infeasible, answer)
        return
    response.plan.fingerprint = mark
    for cost in costs:
        response.plan.rule_costs.add(
            rule=cost.rule,
            cash_left=cost.cash_left,
            retired_excess=cost.retired_excess,
            tracking_error=cost.tracking_error,
        )
    fill_plan(response.plan, answer, view, asked)


def fill_infeasible(written: pb.Infeasible, answer: Infeasible) -> None:
    """Write why there is no plan into ``written``."""
    written.reason = answer.reason
    written.rules.extend(answer.rules)
    if answer.most_that_can_be_raised is not None:
        written.most_that_can_be_raised = answer.most_that_can_be_raised


def fill_comparison(response: pb.CompareResponse, found: Comparison, view: int, asked: pb.Portfolio) -> None:
    """Write the scores and the baselines of ``found`` into ``response``."""
    _fill_score(response.score, found.score)
    for compared in found.baselines:
        written = response.baselines.add(
            engine=pb.Engine.Value(f"ENGINE_{compared.engine.value}"),
            shortfall=compared.shortfall,
            broken_rules=compared.plan.certificate.broken_rules,
            tracking_error=compared.score.tracking_error,
            orders_killed=compared.killed,
        )
        if compared.ratio is not None:
            written.ratio = compared.ratio
        _fill_score(written.score, compared.score)
        fill_plan(written.plan, compared.plan, view, asked)


def _fill_score(written: pb.Score, score: Score) -> None:
    written.tracking_error, written.retired_excess = score.tracking_error, score.retired_excess
    written.cash_left, written.orders = score.cash_left, score.orders
    if score.worst_ratio is not None:
        written.worst_ratio, written.worst_slice = score.worst_ratio, score.worst_slice


def fill_plan(plan: pb.Plan, answer: Plan, view: int, asked: pb.Portfolio) -> None:
    """Write ``answer`` into ``plan`` as ``view`` asks; ``asked`` says when its prices were taken."""
    fill_cash(plan.cash, answer.cash)
    for order in answer.orders:
        written = plan.orders.add(
            sequence=order.sequence,
            security_id=order.security_id,
            side=pb.Side.Value(f"SIDE_{order.side.value}"),
            amount=order.amount,
            sizing=pb.SIZING_QUANTITY if order.by_quantity else pb.SIZING_AMOUNT,
            closes_position=order.closes_position,
        )
        if order.quantity_nanos is not None:
            written.quantity_nanos = order.quantity_nanos
        for part in order.parts:
            written.parts.add(slice_id=part.slice_id, amount=part.amount, event_id=part.event_id)
    for transfer in answer.transfers:
        plan.transfers.add(
            security_id=transfer.security_id,
            from_slice_id=transfer.from_slice_id,
            to_slice_id=transfer.to_slice_id,
            amount=transfer.amount,
        )
    _fill_certificate(plan.certificate, answer, view)
    if view in (pb.VIEW_NODES, pb.VIEW_FULL):
        _fill_nodes(plan, answer, view)
    if view == pb.VIEW_FULL:
        fill_portfolio(plan.portfolio_after, answer.portfolio_after)
        if asked.HasField("valued_at"):  # it is at the same prices
            plan.portfolio_after.valued_at.CopyFrom(asked.valued_at)


def fill_cash(written: pb.CashFlow, cash: CashFlow) -> None:
    """Write ``cash`` into ``written``."""
    written.before, written.received, written.paid_out = cash.before, cash.received, cash.paid_out
    written.bought, written.sold, written.after = cash.bought, cash.sold, cash.after


def _fill_certificate(written: pb.Certificate, answer: Plan, view: int) -> None:
    certificate = answer.certificate
    written.quality = pb.Quality.Value(f"QUALITY_{certificate.quality.value}")  # type: ignore[assignment]  # an enum is an int
    if certificate.limit.value != "NONE":
        written.limit = pb.Limit.Value(f"LIMIT_{certificate.limit.value}")  # type: ignore[assignment]
    written.engine, written.solver_version = certificate.engine, certificate.solver_version
    written.cash_left, written.retired_excess = certificate.cash_left, certificate.retired_excess
    written.tracking_error, written.lower_bound = certificate.tracking_error, certificate.lower_bound
    written.rounding_slack = certificate.rounding_slack
    written.bound_source = pb.BoundSource.Value(f"BOUND_SOURCE_{certificate.bound_source.value}")  # type: ignore[assignment]
    written.broken_rules.extend(certificate.broken_rules)
    if view == pb.VIEW_FULL:
        for evidence in certificate.evidence:
            written.evidence.add(
                branch=evidence.branch,
                slice_id=evidence.slice_id,
                trading=evidence.trading,
                multipliers=evidence.multipliers,
                fixed=evidence.fixed,
            )


def _fill_nodes(plan: pb.Plan, answer: Plan, view: int) -> None:
    for node in answer.nodes:
        written = plan.nodes.add(
            slice_id=node.slice_id,
            value_before=node.value_before,
            ideal=node.ideal,
            trade=node.trade,
            value_after=node.value_after,
        )
        for reason in node.reasons:
            told: dict[str, Any] = {"code": reason.code.value, "details": dict(reason.details)}
            if view == pb.VIEW_FULL:
                told["sentence"] = reason.sentence
            written.reasons.add(**told)


def fill_portfolio(written: pb.Portfolio, portfolio: Portfolio) -> None:
    """Write ``portfolio`` into ``written``."""
    written.portfolio_id, written.version = portfolio.portfolio_id, portfolio.version
    written.currency_code, written.cash = portfolio.currency_code, portfolio.cash
    write_pie(written.root, portfolio.root)
    write_securities(written, portfolio)


def write_securities(written: pb.Portfolio, portfolio: Portfolio) -> None:
    """The rules of single securities in ``portfolio`` as messages."""
    for security in portfolio.securities:
        rules = written.securities.add(
            security_id=security.security_id, min_trade=security.min_trade, min_position=security.min_position
        )
        if security.max_value is not None:
            rules.max_value = security.max_value
        if security.max_share_micros is not None:
            rules.max_share_micros = security.max_share_micros
        if security.price_micros is not None:
            rules.price_micros = security.price_micros
        if security.quantity_step_nanos is not None:
            rules.quantity_step_nanos = security.quantity_step_nanos
        for block in security.blocks:
            side, reason = pb.Side.Value(f"SIDE_{block.side.value}"), f"BLOCK_REASON_{block.reason.value}"
            rules.blocks.add(side=side, reason=pb.BlockReason.Value(reason))


def write_pie(written: pb.Pie, pie: Pie) -> None:
    """``pie`` as a message."""
    if pie.weight_total is not None:
        written.weight_total = pie.weight_total
    for child in pie.slices:
        slice_ = written.slices.add(slice_id=child.slice_id, target_weight=child.target_weight)
        if isinstance(child.content, Pie):
            write_pie(slice_.pie, child.content)
        else:
            slice_.holding.security_id = child.content.security_id
            slice_.holding.value = child.content.value
            if child.content.quantity_nanos is not None:
                slice_.holding.quantity_nanos = child.content.quantity_nanos
