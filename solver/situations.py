"""Events understood: checked against the portfolio and turned into money, direction and place.

This is PROBLEM.md's table of events, of one event or of several at once. A target change comes first; what all events
bring and take is one net flow (``funds.py``); and then the root

    rebalances    where an event asks for that, with all the money there is
    sells         where a withdrawal is not paid by then
    buys          where deposits or proceeds of a liquidation are left to invest
    does nothing  elsewhere

and nested pies that are asked to rebalance do so inside, with what their parents give them or want of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from solver.building import build_problem
from solver.conflicts import check_amounts, check_pairs, rebalanced_rows
from solver.domains import Limits, unlimited
from solver.errors import InvalidRequest, Violation
from solver.events import Deposit, Event, Events, Reach, TargetChange, Withdrawal, listed
from solver.funds import Funds, funds_of
from solver.ideal import Mode
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
    """Valid events: the portfolio they leave the caller with before trading, the situation, and cash in and out.

    ``rebalanced`` are the rows of the pies that are asked to rebalance, and the ids of the events that ask it;
    ``waits`` says that a deposit is too small to be invested yet.
    """

    portfolio: Portfolio
    situation: Situation
    events: tuple[Event, ...]
    funds: Funds
    rebalanced: dict[int, str] = field(default_factory=dict)
    changed: Changed | None = None
    waits: bool = False
    rules: Rules = field(default_factory=Rules)


def understand(portfolio: Portfolio, events: Events, rules: Rules) -> Understood | Infeasible:
    """Check one event, or several at once, and pose them.

    Raises ``InvalidRequest`` naming the field; a withdrawal above what can be raised, or a liquidation of what may not
    be sold, is an ``Infeasible`` answer.
    """
    events = listed(events)
    check_pairs(events)
    check_amounts(portfolio, events)
    changed = _changed(portfolio, events)
    kept = changed.portfolio if changed else portfolio
    tree = flatten(kept)
    asked = rebalanced_rows(events, portfolio, tree, changed)
    if changed and (blocked := _blocked(portfolio, changed)):
        return Infeasible("LIQUIDATION_BLOCKED", blocked)
    fell = changed.received if changed else {}
    proceeds = {row: fell[slice_id] for row, slice_id in enumerate(tree.slice_ids) if slice_id in fell} if fell else {}
    funds = funds_of(events, portfolio.cash, rules, proceeds)
    worth = portfolio.value + portfolio.cash + funds.received - funds.paid_out
    limits = _limits(kept, tree, rules, worth, {sold.security_id for sold in changed.liquidated} if changed else set())
    posed = _Posed(kept, tree, events, rules, funds, asked, limits)
    unpaid = posed.unpaid(portfolio)
    if unpaid:
        return unpaid
    answer = posed.understood(changed)
    _check_securities(portfolio, answer)
    return answer


def _changed(portfolio: Portfolio, events: tuple[Event, ...]) -> Changed | None:
    for i, event in enumerate(events):
        if isinstance(event, TargetChange):
            return apply_target_change(portfolio, event, f"events[{i}].target_change")
    return None


def _blocked(portfolio: Portfolio, changed: Changed) -> tuple[str, ...]:
    """The blocked sales that keep a liquidation from being done."""
    blocked = {security.security_id for security in portfolio.securities if security.blocked(Side.SELL)}
    kept = sorted({sold.security_id for sold in changed.liquidated} & blocked)
    return tuple(f"securities[{name}].blocks[SELL]" for name in kept)


@dataclass(frozen=True, slots=True)
class _Posed:
    """What is known of the events once their targets are in force, and the situation made of it."""

    portfolio: Portfolio  # under the new targets, without what was liquidated
    tree: Tree
    events: tuple[Event, ...]
    rules: Rules
    funds: Funds
    asked: dict[int, tuple[Reach, str]]
    limits: dict[int, Limits]

    def held(self) -> list[tuple[int, int]]:
        """Value and minimum trade of every security that may be sold."""
        limits, m = self.limits, self.rules.min_trade
        values, least = dict[str, int](), dict[str, int]()
        for row, name in enumerate(self.tree.security_ids):
            if name and not (row in limits and limits[row].no_sell):
                values[name] = values.get(name, 0) + self.tree.value[row]
                least[name] = limits[row].min_trade if row in limits else m
        return [(value, least[name]) for name, value in values.items()]

    def unpaid(self, portfolio: Portfolio) -> Infeasible | None:
        """Why the withdrawals can not be paid from ``portfolio``, the account as it was; ``None`` where they can."""
        wanted = self.funds.paid_out
        available = portfolio.value + portfolio.cash + self.funds.received
        if not wanted:
            return None
        if wanted > available:
            return Infeasible("WITHDRAWAL_EXCEEDS_PORTFOLIO", (), available)
        most = available - self.portfolio.value + sum(value for value, _ in self.held())
        if wanted > most:
            return Infeasible("WITHDRAWAL_BLOCKED", _fewest_blocks(portfolio, available - wanted), most)
        return None

    def understood(self, changed: Changed | None) -> Understood:
        """The events posed as one problem."""
        deposits = any(isinstance(event, Deposit) for event in self.events)
        waits = self.waits()
        if 0 in self.asked:
            funds = self.funds
            money = funds.idle - min(funds.short, sum(v for v, _ in self.held())) + sum(funds.proceeds.values())
            situation = self.paying(self.situation(Mode.REBALANCING, {0: money} if money else {}))
        elif self.funds.short:
            situation = self.paying(self.situation(Mode.SELLING, self.raised()))
        else:
            situation = self.invested({0: self.funds.idle} if deposits and not waits else {}, deposits)
        rebalanced = {row: event_id for row, (_, event_id) in self.asked.items()}
        return Understood(self.portfolio, situation, self.events, self.funds, rebalanced, changed, waits, self.rules)

    def waits(self) -> bool:
        """Whether there are deposits alone, and less to invest than the threshold."""
        threshold = self.rules.deposit_threshold
        alone = all(isinstance(event, Deposit) for event in self.events)
        return alone and threshold is not None and 0 < self.funds.idle < threshold

    def paying(self, situation: Situation) -> Situation:
        """``situation``, or the same with deep rebalances, where shallow ones leave too little that may be sold.

        A pie that is to buy, or to rest, inside a shallow rebalance does not sell; but a withdrawal has to be paid.
        """
        reaches = situation.reach, *situation.rebalanced.values()
        if not self.funds.short or Reach.SHALLOW not in reaches or build_problem(situation).lowest()[0] <= 0:
            return situation
        deep = dict.fromkeys(situation.rebalanced, Reach.DEEP)
        return replace(situation, reach=Reach.DEEP, rebalanced=deep)

    def raised(self) -> dict[int, int]:
        """F = −min(V, max(m₀, what is short)), V what may be sold: a sale is at least the minimum, if one can be."""
        held = self.held()
        least = min((m for value, m in held if value >= m), default=0)
        raised = min(sum(value for value, _ in held), max(least, self.funds.short))
        return {0: -raised} if raised else {}

    def invested(self, at_root: dict[int, int], deposits: bool) -> Situation:
        """Money in, or none: the root buys where there is any that no rebalancing pie has to itself."""
        received = dict(at_root)
        outside = at_root.get(0, 0) > 0
        for row, amount in self.funds.proceeds.items():
            pie = self.rebalancing_pie(row)
            received[pie] = received.get(pie, 0) + amount
            outside |= pie not in self.asked
        if outside or (deposits and not self.asked):
            return self.situation(Mode.BUYING, received)
        if not self.asked:
            withdrawn = any(isinstance(event, Withdrawal) for event in self.events)
            return self.situation(Mode.SELLING if withdrawn else Mode.NOTHING, {})
        outermost = {self.rebalancing_pie(row) for row in self.asked}
        received.pop(0, None)
        if len(outermost) == 1:
            return self.situation(Mode.REBALANCING, received, outermost.pop())
        return self.situation(Mode.NOTHING, received)

    def rebalancing_pie(self, row: int) -> int:
        """The outermost pie at or around ``row`` that is asked to rebalance; ``row`` itself where there is none."""
        found = at = row
        while at != -1:
            found = at if at in self.asked else found
            at = self.tree.parent[at]
        return found

    def situation(self, mode: Mode, received: dict[int, int], event_row: int = 0) -> Situation:
        reach = self.asked[event_row][0] if event_row in self.asked else Reach.DEEP
        inside = {row: reach for row, (reach, _) in self.asked.items() if row != event_row}
        m = self.rules.min_trade
        return Situation(self.tree, event_row, mode, reach, received, m, limits=self.limits, rebalanced=inside)


def _fewest_blocks(portfolio: Portfolio, spare: int) -> tuple[str, ...]:
    """The fewest blocked sales that alone leave more than ``spare`` unsold: those of the largest positions."""
    values: dict[str, int] = {}
    tree = flatten(portfolio)
    for name, value in zip(tree.security_ids, tree.value, strict=True):
        values[name] = values.get(name, 0) + value
    blocked = [s.security_id for s in portfolio.securities if s.blocked(Side.SELL)]
    found: list[str] = []
    for name in sorted(blocked, key=lambda name: -values[name]):
        if spare < 0:
            break
        found.append(f"securities[{name}].blocks[SELL]")
        spare -= values[name]
    return tuple(found)


def _limits(portfolio: Portfolio, tree: Tree, rules: Rules, worth: int, sold: set[str]) -> dict[int, Limits]:
    """What the rules of single securities let their leaves do in an account that is ``worth`` so much afterwards.

    What a liquidation has ``sold`` of a security is not bought back for other slices that hold it.
    """
    listed = {security.security_id: security for security in portfolio.securities}
    quantity: dict[str, int] = {}
    for row, name in enumerate(tree.security_ids):
        quantity[name] = quantity.get(name, 0) + tree.quantity[row]
    found, code = dict[int, Limits](), portfolio.currency_code
    for row, name in enumerate(tree.security_ids):
        if name in listed:
            found[row] = _limit(listed[name], rules, worth, code, quantity[name])
        if name in sold:
            found[row] = replace(found.get(row, unlimited(rules.min_trade)), no_buy=("LIQUIDATED",))
    return found


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
