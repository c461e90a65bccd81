"""Requests written from the solver's own types: what a Python caller sends, and what examples and tests are made of."""

from __future__ import annotations

from collections.abc import Iterable

from server.generated.piewise.v1 import allocation_pb2 as pb
from server.writing import write_pie, write_securities
from solver import Deposit, Event, Events, NewPie, Portfolio, Reach, Rebalance, Rules, TargetSlice, Withdrawal
from solver.events import listed

__all__ = ["event_message", "plan_request", "portfolio_message"]


def portfolio_message(portfolio: Portfolio) -> pb.Portfolio:
    """``portfolio`` as a message."""
    message = pb.Portfolio(
        portfolio_id=portfolio.portfolio_id,
        version=portfolio.version,
        currency_code=portfolio.currency_code,
        cash=portfolio.cash,
    )
    write_pie(message.root, portfolio.root)
    write_securities(message, portfolio)
    return message


def event_message(event: Event) -> pb.Event:
    """``event`` as a message."""
    message = pb.Event(event_id=event.event_id)
    if isinstance(event, Deposit):
        message.deposit.amount = event.amount
    elif isinstance(event, Withdrawal):
        message.withdrawal.amount = event.amount
    elif isinstance(event, Rebalance):
        message.rebalance.slice_id = event.slice_id
        message.rebalance.reach = pb.REACH_DEEP if event.reach is Reach.DEEP else pb.REACH_SHALLOW
    else:
        message.target_change.SetInParent()
        for pie in event.pies:
            changed = message.target_change.pies.add(slice_id=pie.slice_id)
            if pie.weight_total is not None:
                changed.weight_total = pie.weight_total
            changed.slices.extend(_targets(pie.slices))
    return message


def _targets(slices: Iterable[TargetSlice]) -> list[pb.Slice]:
    messages = []
    for wanted in slices:
        message = pb.Slice(slice_id=wanted.slice_id, target_weight=wanted.target_weight)
        if isinstance(wanted.content, NewPie):
            message.pie.slices.extend(_targets(wanted.content.slices))
            if wanted.content.weight_total is not None:
                message.pie.weight_total = wanted.content.weight_total
        elif wanted.content is not None:
            message.holding.security_id = wanted.content.security_id
        messages.append(message)
    return messages


def plan_request(
    portfolio: Portfolio | pb.Portfolio,
    events: Events,
    rules: Rules | int = 0,
    view: int = pb.VIEW_FULL,
    engine: int = pb.ENGINE_AUTO,
    request_id: str = "",
) -> pb.PlanRequest:
    """A ready request; ``portfolio`` may be a message already, such as the last plan's ``portfolio_after``.

    ``events`` is one event or several at once, and ``rules`` may be m alone.
    """
    message = portfolio_message(portfolio) if isinstance(portfolio, Portfolio) else portfolio
    request = pb.PlanRequest(request_id=request_id, portfolio=message, events=map(event_message, listed(events)))
    stated = Rules(rules) if isinstance(rules, int) else rules
    request.rules.min_trade, request.rules.cash_floor = stated.min_trade, stated.cash_floor
    if stated.deposit_threshold is not None:
        request.rules.deposit_threshold = stated.deposit_threshold
    request.options.view, request.options.engine = view, engine  # type: ignore[assignment]  # enums are ints
    return request
