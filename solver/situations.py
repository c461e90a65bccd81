"""An event understood: checked against the portfolio and turned into money, direction and place.

This is PROBLEM.md's table of events, one function a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from solver.domains import Limits
from solver.errors import InvalidRequest, Violation
from solver.events import Deposit, Event, Reach, Rebalance, TargetChange, Withdrawal
from solver.ideal import Mode
from solver.money import MAX_MONEY, money_violation
from solver.plan import Infeasible
from solver.portfolio import Portfolio
from solver.problem import Situation
from solver.rules import Rules
from solver.securities import Security, Side
from solver.targets import Changed, apply_target_change
from solver.tree import Tree, flatten

__all__ = ["Understood", "understand"]


@dataclass(frozen=True, slots=True)
class Understood:
    """A valid event: the portfolio it leaves the caller with before trading, the situation, and cash in and out.

    ``waits`` says that a deposit is too small to be invested yet.
    """

    portfolio: Portfolio
    situation: Situation
    event_id: str
    received_cash: int = 0
    paid_out: int = 0
    changed: Changed | None = None
    waits: bool = False
    rules: Rules = field(default_factory=Rules)


def understand(portfolio: Portfolio, event: Event, rules: Rules) -> Understood | Infeasible:
    """Check ``event`` and pose it.

    Raises ``InvalidRequest`` naming the field; a withdrawal above what can be raised, or a liquidation of what may not
    be sold, is an ``Infeasible`` answer.
    """
    answer = _understand(portfolio, event, rules)
    if isinstance(answer, Understood):
        _check_securities(portfolio, answer)
    return answer


def _understand(portfolio: Portfolio, event: Event, rules: Rules) -> Understood | Infeasible:
    if isinstance(event, Deposit):
        return _deposit(portfolio, event, rules)
    if isinstance(event, Withdrawal):
        return _withdrawal(portfolio, event, rules)
    if isinstance(event, Rebalance):
        return _rebalance(portfolio, event, rules)
    return _target_change(portfolio, event, rules)


def _check_securities(portfolio: Portfolio, understood: Understood) -> None:
    """Every security listed is one that the account holds, or gets with this event."""
    if not portfolio.securities:
        return
    held = {*flatten(portfolio).security_ids, *understood.situation.tree.security_ids}
    faults = [
        Violation(
            f"portfolio.securities[{i}].security_id",
            "UNKNOWN_SECURITY",
            f"{security.security_id!r} is in no slice of the portfolio; leave it out",
        )
        for i, security in enumerate(portfolio.securities)
        if security.security_id not in held
    ]
    if faults:
        raise InvalidRequest(tuple(faults))


def _checked_amount(portfolio: Portfolio, field: str, amount: int, least: int, adds: bool) -> None:
    fault = money_violation(field, amount, least)
    if fault is None and adds and portfolio.value + portfolio.cash + amount > MAX_MONEY:
        total = portfolio.value + portfolio.cash + amount
        fault = Violation(field, "AMOUNT_TOO_LARGE", f"brings the total to {total}; at most {MAX_MONEY} are supported")
    if fault:
        raise InvalidRequest((fault,))


def _deposit(portfolio: Portfolio, event: Deposit, rules: Rules) -> Understood:
    """R_root = D + cash above the floor; nothing while that is under the threshold."""
    _checked_amount(portfolio, "events[0].deposit.amount", event.amount, 0, adds=True)
    tree = flatten(portfolio)
    money = max(0, event.amount + portfolio.cash - rules.cash_floor)
    waits = rules.deposit_threshold is not None and 0 < money < rules.deposit_threshold
    limits = _limits(portfolio, tree, rules, event.amount)
    received = {} if waits else {0: money}
    situation = Situation(tree, 0, Mode.BUYING, Reach.DEEP, received, rules.min_trade, limits=limits)
    return Understood(portfolio, situation, event.event_id, received_cash=event.amount, waits=waits, rules=rules)


def _withdrawal(portfolio: Portfolio, event: Withdrawal, rules: Rules) -> Understood | Infeasible:
    """F = −min(V, max(m₀, W − cash above the floor)) where that is positive, V what may be sold.

    A sale is at least the minimum, if some position allows that.
    """
    _checked_amount(portfolio, "events[0].withdrawal.amount", event.amount, 1, adds=False)
    available = portfolio.value + portfolio.cash
    if event.amount > available:
        return Infeasible("WITHDRAWAL_EXCEEDS_PORTFOLIO", (), available)
    tree = flatten(portfolio)
    limits = _limits(portfolio, tree, rules, -event.amount)
    held = [
        (value, limits[row].min_trade if row in limits else rules.min_trade)
        for row, value in enumerate(tree.value)
        if not tree.children[row] and not (row in limits and limits[row].no_sell)
    ]
    sellable = sum(value for value, _ in held)
    if event.amount > sellable + portfolio.cash:
        return Infeasible("WITHDRAWAL_BLOCKED", _fewest_blocks(portfolio, event), sellable + portfolio.cash)
    wanted = event.amount - max(0, portfolio.cash - rules.cash_floor)
    raised = 0
    if wanted > 0:
        least = min((m for value, m in held if value >= m), default=0)
        raised = min(sellable, max(least, wanted))
    received = {0: -raised} if raised else {}
    situation = Situation(tree, 0, Mode.SELLING, Reach.DEEP, received, rules.min_trade, limits=limits)
    return Understood(portfolio, situation, event.event_id, paid_out=event.amount)


def _fewest_blocks(portfolio: Portfolio, event: Withdrawal) -> tuple[str, ...]:
    """The fewest blocked sales that alone keep ``event`` from being paid: those of the largest positions."""
    values: dict[str, int] = {}
    tree = flatten(portfolio)
    for name, value in zip(tree.security_ids, tree.value, strict=True):
        values[name] = values.get(name, 0) + value
    spare = portfolio.value + portfolio.cash - event.amount  # so much may stay unsold
    blocked = [s.security_id for s in portfolio.securities if s.blocked(Side.SELL)]
    found: list[str] = []
    for name in sorted(blocked, key=lambda name: -values[name]):
        if spare < 0:
            break
        found.append(f"securities[{name}].blocks[SELL]")
        spare -= values[name]
    return tuple(found)


def _limits(portfolio: Portfolio, tree: Tree, rules: Rules, flow: int) -> dict[int, Limits]:
    """What the rules of single securities let their leaves do; ``flow`` is the cash that comes in with the event."""
    listed = {security.security_id: security for security in portfolio.securities}
    worth = portfolio.value + portfolio.cash + flow
    rows = ((row, listed[name]) for row, name in enumerate(tree.security_ids) if name in listed)
    code = portfolio.currency_code
    return {row: _limit(security, rules, worth, code, tree.quantity[row]) for row, security in rows}


def _limit(security: Security, rules: Rules, worth: int, currency_code: str, quantity: int) -> Limits:
    return Limits(
        min_trade=max(rules.min_trade, security.min_trade),
        no_buy=security.blocked(Side.BUY),
        no_sell=security.blocked(Side.SELL),
        most=security.most(worth),
        least=security.min_position,
        steps=security.steps(currency_code),
        whole_steps=max(0, quantity - 1) // security.step_nanos,
    )


def _rebalance(portfolio: Portfolio, event: Rebalance, rules: Rules) -> Understood:
    tree = flatten(portfolio)
    row = _pie_row(tree, "events[0].rebalance.slice_id", event.slice_id)
    cash = max(0, portfolio.cash - rules.cash_floor)
    received = {0: cash} if row == 0 and cash else {}
    limits = _limits(portfolio, tree, rules, 0)
    situation = Situation(tree, row, Mode.REBALANCING, event.reach, received, rules.min_trade, limits=limits)
    return Understood(portfolio, situation, event.event_id)


def _pie_row(tree: Tree, field: str, slice_id: str) -> int:
    if slice_id not in tree.slice_ids:
        raise InvalidRequest((Violation(field, "UNKNOWN_SLICE_ID", f"{slice_id!r} is not in the portfolio"),))
    row = tree.slice_ids.index(slice_id)
    if not tree.children[row]:
        raise InvalidRequest((Violation(field, "NOT_A_PIE", f"{slice_id!r} is a holding; only a pie rebalances"),))
    return row


def _target_change(portfolio: Portfolio, event: TargetChange, rules: Rules) -> Understood | Infeasible:
    changed = apply_target_change(portfolio, event)
    blocked = {security.security_id for security in portfolio.securities if security.blocked(Side.SELL)}
    kept = sorted({sold.security_id for sold in changed.liquidated} & blocked)
    if kept:
        return Infeasible("LIQUIDATION_BLOCKED", tuple(f"securities[{name}].blocks[SELL]" for name in kept))
    tree = flatten(changed.portfolio)
    rows = {slice_id: row for row, slice_id in enumerate(tree.slice_ids)}
    received = {rows[pie_id]: amount for pie_id, amount in changed.received.items()}
    mode = Mode.BUYING if received else Mode.NOTHING
    limits = _limits(changed.portfolio, tree, rules, sum(received.values()))
    situation = Situation(tree, 0, mode, Reach.DEEP, received, rules.min_trade, from_liquidation=True, limits=limits)
    return Understood(changed.portfolio, situation, event.event_id, changed=changed)
