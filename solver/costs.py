"""What a rule costs: the caller's rules by their public names, and the account without one of them.

What a rule costs is found by planning again without it: with integers in a model, its multipliers do not say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from solver.events import Events
from solver.plan import Infeasible, Plan
from solver.planning import plan
from solver.portfolio import Portfolio
from solver.rules import Budget, Engine, Rules
from solver.securities import Security, Side

__all__ = ["RuleCost", "rule_costs", "without_each_rule"]

Ruled = tuple[Portfolio, Rules]


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What a plan would gain without one rule: less cash left, less kept of retired slices, less tracking error.

    ``tracking_error`` is J(with) − J(without); where the amounts of cash differ it may be negative, since the two plans
    place different money.
    """

    rule: str
    cash_left: int
    retired_excess: int
    tracking_error: float


def without_each_rule(portfolio: Portfolio, rules: Rules) -> Iterator[tuple[str, Ruled]]:
    """Every rule that is on, by its public name, with the account and the rules as they are without it."""
    if rules.min_trade:
        yield "rules.min_trade", (portfolio, replace(rules, min_trade=0))
    if rules.cash_floor:
        yield "rules.cash_floor", (portfolio, replace(rules, cash_floor=0))
    if rules.deposit_threshold:
        yield "rules.deposit_threshold", (portfolio, replace(rules, deposit_threshold=None))
    for i, security in enumerate(portfolio.securities):
        for name, freed in _without_each(security):
            securities = (*portfolio.securities[:i], freed, *portfolio.securities[i + 1 :])
            yield f"securities[{security.security_id}].{name}", (replace(portfolio, securities=securities), rules)


def _without_each(security: Security) -> Iterator[tuple[str, Security]]:
    if security.min_trade:
        yield "min_trade", replace(security, min_trade=0)
    if security.max_value is not None:
        yield "max_value", replace(security, max_value=None)
    if security.max_share_micros is not None:
        yield "max_share_micros", replace(security, max_share_micros=None)
    if security.min_position:
        yield "min_position", replace(security, min_position=0)
    for side in Side:
        if security.blocked(side):
            others = tuple(block for block in security.blocks if block.side is not side)
            yield f"blocks[{side.value}]", replace(security, blocks=others)


def rule_costs(
    portfolio: Portfolio, events: Events, rules: Rules, found: Plan, engine: Engine, budget: Budget
) -> tuple[RuleCost, ...]:
    """What each rule that binds costs the plan ``found``, in the order of the rules; fewer once ``budget`` is spent."""
    costs = []
    for name, (freed, fewer) in without_each_rule(portfolio, rules):
        if budget.exhausted:
            break
        other = plan(freed, events, fewer, engine, budget, explain=False)
        if isinstance(other, Infeasible):
            continue
        had, has = found.certificate, other.certificate
        cost = RuleCost(
            name,
            had.cash_left - has.cash_left,
            had.retired_excess - has.retired_excess,
            had.tracking_error - has.tracking_error,
        )
        slack = had.rounding_slack + has.rounding_slack
        if cost.cash_left or cost.retired_excess or abs(cost.tracking_error) > slack:
            costs.append(cost)
    return tuple(costs)
