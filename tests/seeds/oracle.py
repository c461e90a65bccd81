"""The seeds' rule a second time, in plain fractions, sharing nothing with the solver but the types of the question.

It is written from PROBLEM.md §1 for a minimum of 0, where the plan is the rounded ideal, and does not import
``solver.ideal``, ``solver.targets`` or ``solver.problem``: a mistake in those, or in a reconstructed holding, can not
hide here too. The level of a pie is found by dropping slices on the wrong side of it until none is left, not by sorting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from solver import (
    ChangedPie,
    Deposit,
    Event,
    Holding,
    NewPie,
    Pie,
    Portfolio,
    Reach,
    Rebalance,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
)

__all__ = ["Outcome", "play"]

Mode = Literal["buy", "sell", "rebalance", "shallow"]
ZERO = Fraction(0)


@dataclass(slots=True)
class Part:
    """A slice as the oracle sees it; ``lost`` is R_p, what a pie lost directly by liquidation. Minor units."""

    name: str
    weight: int
    security: str = ""
    held: Fraction = ZERO
    lost: Fraction = ZERO
    parts: list[Part] = field(default_factory=list)
    trade: Fraction = ZERO

    def worth(self) -> Fraction:
        """V of this slice, R_p included."""
        return self.held + self.lost + sum((part.worth() for part in self.parts), ZERO)

    def flow(self) -> Fraction:
        """x of this slice: what is bought at and below it, less what was sold out of it."""
        return sum((part.trade - part.lost for part in self.walk()), ZERO)

    def walk(self) -> Iterator[Part]:
        """This slice and everything below it, depth first."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exact ``flows`` x by slice id, liquidated slices included, ``trades`` by security, and the account afterwards.

    Minor units. ``after`` leaves liquidated slices out, and is ``None`` where a value is no whole number of cents.
    """

    flows: dict[str, Fraction]
    trades: dict[str, Fraction]
    after: Portfolio | None
    liquidated_pies: frozenset[str]


def play(portfolio: Portfolio, event: Event) -> Outcome:
    """What the rule trades, exactly. A withdrawal of more than there is sells everything."""
    root = _read("", 1, portfolio.root)
    cash = Fraction(portfolio.cash)
    sold: list[Part] = []
    if isinstance(event, Deposit):
        _spread(root, cash + event.amount, "buy")
        cash += event.amount
    elif isinstance(event, Withdrawal):
        if event.amount > cash:
            _spread(root, -min(root.worth(), event.amount - cash), "sell")
        cash -= event.amount
    elif isinstance(event, Rebalance):
        pie = next(part for part in root.walk() if part.name == event.slice_id)
        flow = cash if pie is root else ZERO
        _spread(pie, flow, "rebalance" if event.reach is Reach.DEEP else "shallow")
    else:
        sold = _change(root, event)
        if sold:
            _reinvest(root, ZERO)
    flows = {part.name: part.flow() for part in root.walk()}
    trades = {part.security: part.trade for part in root.walk() if part.trade}
    for gone in (part for whole in sold for part in whole.walk()):
        flows[gone.name] = -gone.worth()
        if gone.held:
            trades[gone.security] = -gone.held
    cash -= sum(trades.values(), ZERO)
    pies = frozenset(part.name for whole in sold for part in whole.walk() if not part.security)
    return Outcome(flows, trades, _written(root, cash, portfolio), pies)


def _read(name: str, weight: int, content: Pie | Holding) -> Part:
    if isinstance(content, Holding):
        return Part(name, weight, content.security_id, Fraction(content.value))
    return Part(name, weight, parts=[_read(c.slice_id, c.target_weight, c.content) for c in content.slices])


def _spread(pie: Part, flow: Fraction, mode: Mode) -> None:
    """Split ``flow`` among the slices of ``pie`` and go on inside each nested pie with what it was given."""
    if mode == "buy":
        shares = _rise(pie.parts, flow)
    elif mode == "sell":
        shares = _fall(pie.parts, -flow)
    else:
        whole = (pie.worth() + flow) / sum(part.weight for part in pie.parts)
        shares = [part.weight * whole - part.worth() for part in pie.parts]
    for part, share in zip(pie.parts, shares, strict=True):
        if part.security:
            part.trade = share
        elif mode != "shallow":
            _spread(part, share, mode)
        elif share:  # a shallow rebalance goes on to one side only
            _spread(part, share, "buy" if share > 0 else "sell")


def _rise(parts: list[Part], money: Fraction) -> list[Fraction]:
    """Buying: the most relatively underweight rise together until ``money`` ≥ 0 is spent."""
    rising = [part for part in parts if part.weight]
    while money:
        level = (money + sum((part.worth() for part in rising), ZERO)) / sum(part.weight for part in rising)
        below = [part for part in rising if part.worth() < part.weight * level]
        if len(below) == len(rising):
            return [part.weight * level - part.worth() if part in below else ZERO for part in parts]
        rising = below
    return [ZERO for _ in parts]


def _fall(parts: list[Part], money: Fraction) -> list[Fraction]:
    """Selling: retired slices first, in listed order; then the most relatively overweight fall together."""
    sold = {}
    for part in parts:
        if not part.weight:
            sold[part.name] = min(part.worth(), money)
            money -= sold[part.name]
    falling = [part for part in parts if part.weight]
    while money:
        level = (sum((part.worth() for part in falling), ZERO) - money) / sum(part.weight for part in falling)
        above = [part for part in falling if part.worth() > part.weight * level]
        if len(above) == len(falling):
            sold |= {part.name: part.worth() - part.weight * level for part in above}
            break
        falling = above
    return [-sold.get(part.name, ZERO) for part in parts]


def _change(root: Part, event: TargetChange) -> list[Part]:
    """Put the new targets in place; the slices that this liquidates, taken out of the tree.

    Each pie that loses slices keeps what they were worth in its ``lost``.
    """
    known = {part.name: part for part in root.walk()}
    # moved slices keep what they hold, so a slice is gone only where no pie of the event lists it
    listed = {name for changed in event.pies for name in _listed(changed)}
    sold: list[Part] = []
    for changed in event.pies:
        pie = known[changed.slice_id]
        gone = [part for part in pie.parts if part.name not in listed]
        pie.parts = [_target(wanted, known) for wanted in changed.slices]
        gone += [part for part in pie.parts if not part.weight and part.worth()]
        pie.parts = [part for part in pie.parts if part not in gone]
        for part in gone:
            pie.lost += part.worth()
        sold += gone
    return sold


def _listed(changed: ChangedPie | NewPie) -> Iterator[str]:
    for wanted in changed.slices:
        yield wanted.slice_id
        if isinstance(wanted.content, NewPie):
            yield from _listed(wanted.content)


def _target(wanted: TargetSlice, known: dict[str, Part]) -> Part:
    if wanted.content is None:
        known[wanted.slice_id].weight = wanted.target_weight
        return known[wanted.slice_id]
    if isinstance(wanted.content, Holding):
        return Part(wanted.slice_id, wanted.target_weight, wanted.content.security_id)
    parts = [_target(inner, known) for inner in wanted.content.slices]
    return Part(wanted.slice_id, wanted.target_weight, parts=parts)


def _reinvest(pie: Part, above: Fraction) -> None:
    """Liquidation: each pie spends what it lost, and what it got from above, by the buying rule."""
    for part, share in zip(pie.parts, _rise(pie.parts, above + pie.lost), strict=True):
        if part.security:
            part.trade = share
        elif part.weight:  # nothing is bought below a retired slice: what it lost stays cash
            _reinvest(part, share)


def _written(root: Part, cash: Fraction, before: Portfolio) -> Portfolio | None:
    values = [part.held + part.trade for part in root.walk() if part.security]
    if cash < 0 or any(amount.denominator != 1 for amount in [cash, *values]):
        return None
    return Portfolio(_write(root), int(cash), before.currency_code)


def _write(pie: Part) -> Pie:
    slices = []
    for part in pie.parts:
        content = Holding(part.security, int(part.held + part.trade)) if part.security else _write(part)
        slices.append(Slice(part.name, part.weight, content))
    return Pie(tuple(slices))
