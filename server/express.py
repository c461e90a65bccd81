"""The short way to orders by the kernel: from the message to columns, through the compiled loop, and back.

It takes what it can read at a glance: one deposit, withdrawal or rebalance under a minimum trade, holdings without
rules or quantities of their own, and an answer of orders alone. For all else, for whatever looks wrong, and where the
loop's own checker did not recompute the bound, it answers nothing, and the long way is gone, which tells the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import SOLVER_VERSION, Engine
from solver.columns import BOUND_SOURCES, QUALITIES, Accounts, EventKind, Plans

__all__ = ["planned_at_once", "ready"]

SHORT = 16  # characters of an id, at most: then it can not have too many bytes
ROWS = 512  # of an account; larger ones are not what takes long on the way
WORK = 20_000  # slices that a search looks at, at most: it may run where others wait
RECOMPUTED, OPTIMAL = BOUND_SOURCES.index("RECOMPUTED"), QUALITIES.index("OPTIMAL")


@dataclass(slots=True)
class _Rows:
    """An account's rows as they are read, depth first."""

    slices: list[str] = field(default_factory=lambda: [""])
    securities: list[str] = field(default_factory=list)
    holdings: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=lambda: [-1])
    weight: list[int] = field(default_factory=lambda: [1])
    value: list[int] = field(default_factory=lambda: [0])

    def add(self, pie: int, slices: Iterable[pb.Slice]) -> bool:
        """Add all that lies below row ``pie``; false where something is not read at a glance."""
        for one in slices:
            name, content, row = one.slice_id, one.WhichOneof("content"), len(self.parent)
            if not one.HasField("target_weight") or not 0 < len(name) <= SHORT or row > ROWS:
                return False
            self.slices.append(name)
            self.parent.append(pie)
            self.weight.append(one.target_weight)
            if content == "pie":
                self.value.append(0)
                if one.pie.HasField("weight_total") or not self.add(row, one.pie.slices) or row + 1 == len(self.parent):
                    return False
                continue
            holding = one.holding
            if content is None or not holding.HasField("value") or holding.HasField("quantity_nanos"):
                return False
            self.value.append(holding.value)
            self.holdings.append(row)
            self.securities.append(holding.security_id)
        return True

    def plain(self) -> bool:
        """Whether every id is short, and none is there twice."""
        names = self.securities
        short = all(0 < len(name) <= SHORT for name in names)
        return short and len({*names}) == len(names) and len({*self.slices}) == len(self.slices)


def ready() -> bool:
    """Whether the kernel is compiled in this process: nobody waits for half a minute then."""
    loop = sys.modules.get("solver.engines.kernel.loop")
    return loop is not None and bool(loop.prepared())


def planned_at_once(message: pb.PlanRequest, response: pb.PlanResponse, mark: str) -> bool:
    """Plan ``message`` into ``response`` with the fingerprint ``mark``, or leave it as it is and return false."""
    if not _asks_little(message):
        return False
    rows = _Rows()
    if message.portfolio.root.HasField("weight_total") or not rows.add(0, message.portfolio.root.slices):
        return False
    event = _event(message, rows)
    if event is None or not rows.plain():
        return False
    from solver.engines.kernel.loop import plan_all  # numba takes half a second, and most processes never ask for it

    head = (*event, message.portfolio.cash, message.rules.min_trade)
    by_account = (np.array([figure], dtype=np.int64) for figure in head)
    free = [0] * len(rows.parent)  # accounts with rules of securities go the long way
    by_row = (np.array(column, dtype=np.int64) for column in (rows.parent, rows.weight, rows.value, free))
    plans = plan_all(Accounts(np.array([0, len(rows.parent)]), *by_account, *by_row), WORK)
    if plans.quality[0] != OPTIMAL or plans.bound_source[0] != RECOMPUTED:
        return False
    _write(message, rows, event, plans, response.plan)
    response.plan.fingerprint = mark
    return True


def _asks_little(message: pb.PlanRequest) -> bool:
    options, rules, portfolio = message.options, message.rules, message.portfolio
    plain = options.engine == pb.ENGINE_KERNEL and options.view in (pb.VIEW_UNSPECIFIED, pb.VIEW_ORDERS)
    extras = options.validate_only or options.rule_costs or options.HasField("time_limit") or options.work_limit
    ruled = rules.cash_floor or rules.HasField("deposit_threshold") or len(portfolio.securities)
    ids = (message.request_id, portfolio.portfolio_id, portfolio.version)
    code = portfolio.currency_code
    told = portfolio.HasField("cash") and len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()
    short = all(len(one) <= 2 * SHORT for one in ids)
    return plain and not extras and not ruled and told and short and not portfolio.HasField("valued_at")


def _event(message: pb.PlanRequest, rows: _Rows) -> tuple[int, int, int] | None:
    """Kind, amount and row of the one event."""
    if len(message.events) != 1 or len(message.events[0].event_id) > 2 * SHORT:
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


def _write(message: pb.PlanRequest, rows: _Rows, event: tuple[int, int, int], plans: Plans, plan: pb.Plan) -> None:
    """The plan as the long way writes it: sales first, each in the order of the rows."""
    kind, amount, _ = event
    trade, event_id, number = plans.trade.tolist(), message.events[0].event_id, 0
    moved = {pb.SIDE_SELL: 0, pb.SIDE_BUY: 0}
    for side, sign in ((pb.SIDE_SELL, -1), (pb.SIDE_BUY, 1)):
        for row, security_id in zip(rows.holdings, rows.securities, strict=True):
            traded = sign * trade[row]
            if traded > 0:
                number += 1
                order = plan.orders.add(
                    sequence=number,
                    security_id=security_id,
                    side=side,
                    amount=traded,
                    sizing=pb.SIZING_AMOUNT,
                    closes_position=trade[row] == -rows.value[row],
                )
                order.parts.add(slice_id=rows.slices[row], amount=traded, event_id=event_id)
                moved[side] += traded
    cash = plan.cash
    cash.before, cash.bought, cash.sold = message.portfolio.cash, moved[pb.SIDE_BUY], moved[pb.SIDE_SELL]
    cash.received = amount if kind == EventKind.DEPOSIT else 0
    cash.paid_out = amount if kind == EventKind.WITHDRAWAL else 0
    cash.after = int(plans.cash_after[0])
    told = plan.certificate
    told.quality, told.bound_source = pb.QUALITY_OPTIMAL, pb.BOUND_SOURCE_RECOMPUTED
    told.engine, told.solver_version = Engine.KERNEL.value, SOLVER_VERSION
    told.cash_left, told.retired_excess = int(plans.cash_left[0]), int(plans.retired_excess[0])
    told.tracking_error, told.lower_bound = float(plans.tracking_error[0]), float(plans.lower_bound[0])
    told.rounding_slack = float(plans.rounding_slack[0])
