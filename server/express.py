"""The short way to orders by the kernel: from the message to columns, through the compiled loop, and back.

``solver/quick.py`` goes the same way from a portfolio. Here it takes what can be read at a glance: one deposit,
withdrawal or rebalance under a minimum trade, holdings without rules or quantities of their own, and an answer of
orders alone. For all else, for whatever looks wrong, and where the loop's own checker did not recompute the bound, it
answers nothing, and the long way is gone, which tells the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import SOLVER_VERSION, Engine
from solver.columns import EventKind
from solver.money import currency_violation
from solver.quick import MOST_ROWS, Answer, Posed, solved_at_once

__all__ = ["planned_at_once"]

SHORT, ECHOED = 16, 32  # characters of an id, at most, and of one that is told again: too few for too many bytes
KERNEL = Engine.KERNEL.value


class _Rows:
    """An account's rows as they are read, depth first; holdings apart, by their rows."""

    __slots__ = ("holdings", "parent", "securities", "slices", "value", "weight")

    def __init__(self) -> None:
        self.slices = [""]
        self.securities: list[str] = []
        self.holdings: list[int] = []
        self.parent, self.weight, self.value = [-1], [1], [0]

    def add(self, pie: int, slices: Iterable[pb.Slice]) -> bool:
        """Add all that lies below row ``pie``; false where something is not read at a glance.

        Of a field that is not 0 it is plain that it was set.
        """
        names, parent, weights, values = self.slices, self.parent, self.weight, self.value
        row = len(parent)
        for one in slices:
            weight = one.target_weight
            if row == MOST_ROWS or not (weight or one.HasField("target_weight")):
                return False
            names.append(one.slice_id)
            parent.append(pie)
            weights.append(weight)
            if one.HasField("holding"):
                holding = one.holding
                value = holding.value
                if holding.HasField("quantity_nanos") or not (value or holding.HasField("value")):
                    return False
                values.append(value)
                self.holdings.append(row)
                self.securities.append(holding.security_id)
                row += 1
                continue
            values.append(0)
            if one.pie.HasField("weight_total") or not self.add(row, one.pie.slices) or row + 1 == len(parent):
                return False
            row = len(parent)
        return True

    def plain(self) -> bool:
        """Whether every id is short, and none is there twice."""
        slices, securities = self.slices, self.securities
        if len({*slices}) < len(slices) or len({*securities}) < len(securities) or "" in securities:
            return False
        return max(map(len, slices)) <= SHORT >= max(map(len, securities))


def planned_at_once(message: pb.PlanRequest, response: pb.PlanResponse, mark: str) -> bool:
    """Plan ``message`` into ``response`` with the fingerprint ``mark``, or leave it as it is and return false."""
    if not _asks_little(message):
        return False
    rows, portfolio = _Rows(), message.portfolio
    if portfolio.root.HasField("weight_total") or not rows.add(0, portfolio.root.slices):
        return False
    event = _event(message, rows)
    if event is None or not rows.plain():
        return False
    posed = Posed(rows.parent, rows.weight, rows.value, *event, portfolio.cash, message.rules.min_trade)
    answer = solved_at_once(posed)
    if answer is None:
        return False
    response.plan.fingerprint = mark
    _write(message.events[0].event_id, rows, posed, answer, response.plan)
    return True


def _asks_little(message: pb.PlanRequest) -> bool:
    options = message.options
    if options.engine != pb.ENGINE_KERNEL or options.view not in (pb.VIEW_UNSPECIFIED, pb.VIEW_ORDERS):
        return False
    if options.validate_only or options.rule_costs or options.work_limit or options.HasField("time_limit"):
        return False
    rules, portfolio = message.rules, message.portfolio
    if rules.cash_floor or rules.HasField("deposit_threshold") or len(portfolio.securities):
        return False
    told = portfolio.HasField("cash") and not currency_violation("portfolio.currency_code", portfolio.currency_code)
    short = len(message.request_id) <= ECHOED >= len(portfolio.portfolio_id) and len(portfolio.version) <= ECHOED
    return told and short and not portfolio.HasField("valued_at")


def _event(message: pb.PlanRequest, rows: _Rows) -> tuple[int, int, int] | None:
    """Kind, amount and row of the one event."""
    if len(message.events) != 1 or len(message.events[0].event_id) > ECHOED:
        return None
    event = message.events[0]
    kind = event.WhichOneof("kind")
    if kind == "deposit" and event.deposit.HasField("amount"):
        return EventKind.DEPOSIT, event.deposit.amount, 0
    if kind == "withdrawal" and event.withdrawal.HasField("amount"):
        return EventKind.WITHDRAWAL, event.withdrawal.amount, 0
    if kind == "rebalance" and event.rebalance.slice_id in rows.slices:
        row = rows.slices.index(event.rebalance.slice_id)
        if event.rebalance.reach == pb.REACH_DEEP:
            return EventKind.REBALANCE, 0, row
        if event.rebalance.reach == pb.REACH_SHALLOW:
            return EventKind.REBALANCE_SHALLOW, 0, row
    return None


def _write(event_id: str, rows: _Rows, posed: Posed, answer: Answer, plan: pb.Plan) -> None:
    """The plan as the long way writes it: sales first, each in the order of the rows."""
    trade, add, number = answer.trade, plan.orders.add, 0
    cash, told = plan.cash, plan.certificate
    for sign in (-1, 1):
        total = 0
        for row, security_id in zip(rows.holdings, rows.securities, strict=True):
            amount = sign * trade[row]
            if amount <= 0:
                continue
            number, total = number + 1, total + amount
            order = add()  # field by field: protobuf takes half as long again for keywords
            order.sequence, order.security_id, order.amount = number, security_id, amount
            order.side = pb.SIDE_SELL if sign < 0 else pb.SIDE_BUY
            order.sizing = pb.SIZING_AMOUNT
            order.closes_position = sign < 0 and amount == rows.value[row]
            part = order.parts.add()
            part.slice_id, part.amount, part.event_id = rows.slices[row], amount, event_id
        if sign < 0:
            cash.sold = total
        else:
            cash.bought = total
    cash.before, cash.after = posed.cash, answer.cash_after
    if posed.event == EventKind.DEPOSIT:
        cash.received = posed.amount
    elif posed.event == EventKind.WITHDRAWAL:
        cash.paid_out = posed.amount
    told.quality, told.bound_source = pb.QUALITY_OPTIMAL, pb.BOUND_SOURCE_RECOMPUTED
    told.engine, told.solver_version = KERNEL, SOLVER_VERSION
    told.cash_left, told.retired_excess = answer.cash_left, answer.retired_excess
    told.tracking_error, told.lower_bound = answer.tracking_error, answer.lower_bound
    told.rounding_slack = answer.rounding_slack
