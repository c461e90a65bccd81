"""An event understood: checked against the portfolio and turned into money, direction and place.

This is PROBLEM.md's table of events, one function a row.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver.errors import InvalidRequest, Violation
from solver.events import Deposit, Event, Reach, Rebalance, TargetChange, Withdrawal
from solver.ideal import Mode
from solver.plan import Infeasible
from solver.portfolio import MAX_MONEY, Portfolio, money_violation
from solver.problem import Situation
from solver.rules import Rules
from solver.targets import Changed, apply_target_change
from solver.tree import Tree, flatten

__all__ = ["Understood", "understand"]


@dataclass(frozen=True, slots=True)
class Understood:
    """A valid event: the portfolio it leaves the caller with before trading, the situation, and cash in and out."""

    portfolio: Portfolio
    situation: Situation
    event_id: str
    received_cash: int = 0
    paid_out: int = 0
    changed: Changed | None = None


def understand(portfolio: Portfolio, event: Event, rules: Rules) -> Understood | Infeasible:
    """Check ``event`` and pose it.

    Raises ``InvalidRequest`` naming the field; a withdrawal above value + cash is an ``Infeasible`` answer.
    """
    if isinstance(event, Deposit):
        return _deposit(portfolio, event, rules)
    if isinstance(event, Withdrawal):
        return _withdrawal(portfolio, event, rules)
    if isinstance(event, Rebalance):
        return _rebalance(portfolio, event, rules)
    return _target_change(portfolio, event, rules)


def _checked_amount(portfolio: Portfolio, field: str, amount: int, least: int, adds: bool) -> None:
    fault = money_violation(field, amount, least)
    if fault is None and adds and portfolio.value + portfolio.cash + amount > MAX_MONEY:
        total = portfolio.value + portfolio.cash + amount
        fault = Violation(field, "AMOUNT_TOO_LARGE", f"brings the total to {total}; at most {MAX_MONEY} are supported")
    if fault:
        raise InvalidRequest((fault,))


def _deposit(portfolio: Portfolio, event: Deposit, rules: Rules) -> Understood:
    _checked_amount(portfolio, "events[0].deposit.amount", event.amount, 0, adds=True)
    received = {0: event.amount + portfolio.cash}
    situation = Situation(flatten(portfolio), 0, Mode.BUYING, Reach.DEEP, received, rules.min_trade)
    return Understood(portfolio, situation, event.event_id, received_cash=event.amount)


def _withdrawal(portfolio: Portfolio, event: Withdrawal, rules: Rules) -> Understood | Infeasible:
    """F = −min(V, max(m₀, W − cash)) where W > cash: a sale is at least the minimum, if some position allows that."""
    _checked_amount(portfolio, "events[0].withdrawal.amount", event.amount, 1, adds=False)
    available = portfolio.value + portfolio.cash
    if event.amount > available:
        return Infeasible("WITHDRAWAL_EXCEEDS_PORTFOLIO", (), available)
    tree = flatten(portfolio)
    raised = 0
    if event.amount > portfolio.cash:
        holdings = [v for v, below in zip(tree.value, tree.children, strict=True) if not below]
        least = rules.min_trade if max(holdings) >= rules.min_trade else 0
        raised = min(portfolio.value, max(least, event.amount - portfolio.cash))
    situation = Situation(tree, 0, Mode.SELLING, Reach.DEEP, {0: -raised} if raised else {}, rules.min_trade)
    return Understood(portfolio, situation, event.event_id, paid_out=event.amount)


def _rebalance(portfolio: Portfolio, event: Rebalance, rules: Rules) -> Understood:
    tree = flatten(portfolio)
    row = _pie_row(tree, "events[0].rebalance.slice_id", event.slice_id)
    received = {0: portfolio.cash} if row == 0 and portfolio.cash else {}
    situation = Situation(tree, row, Mode.REBALANCING, event.reach, received, rules.min_trade)
    return Understood(portfolio, situation, event.event_id)


def _pie_row(tree: Tree, field: str, slice_id: str) -> int:
    if slice_id not in tree.slice_ids:
        raise InvalidRequest((Violation(field, "UNKNOWN_SLICE_ID", f"{slice_id!r} is not in the portfolio"),))
    row = tree.slice_ids.index(slice_id)
    if not tree.children[row]:
        raise InvalidRequest((Violation(field, "NOT_A_PIE", f"{slice_id!r} is a holding; only a pie rebalances"),))
    return row


def _target_change(portfolio: Portfolio, event: TargetChange, rules: Rules) -> Understood:
    changed = apply_target_change(portfolio, event)
    tree = flatten(changed.portfolio)
    rows = {slice_id: row for row, slice_id in enumerate(tree.slice_ids)}
    received = {rows[pie_id]: amount for pie_id, amount in changed.received.items()}
    mode = Mode.BUYING if received else Mode.NOTHING
    situation = Situation(tree, 0, mode, Reach.DEEP, received, rules.min_trade, from_liquidation=True)
    return Understood(changed.portfolio, situation, event.event_id, changed=changed)
