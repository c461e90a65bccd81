"""A target change applied: the changed tree, what was liquidated, and which pie got the proceeds.

A funded slice that the event sets to 0, or leaves out, is sold whole and its proceeds stay in its pie (R_p). A slice
that leaves one pie and appears in another is moved: it keeps what it holds. Source: PROBLEM.md §1, Liquidation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from solver.errors import InvalidRequest, Violation
from solver.events import ChangedPie, NewPie, TargetChange, TargetSlice
from solver.portfolio import (
    Holding,
    Pie,
    Portfolio,
    Slice,
    id_violation,
    pie_value,
    pie_violations,
    weight_violation,
)

__all__ = ["Changed", "Liquidated", "apply_target_change"]

AT = "events[0].target_change"


@dataclass(frozen=True, slots=True)
class Liquidated:
    """One holding sold whole: its slice and security, its value (minor units), the pie that keeps the proceeds."""

    slice_id: str
    security_id: str
    value: int
    pie_id: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The portfolio under its new targets, without what was liquidated; ``received`` is R_p by pie id, where > 0."""

    portfolio: Portfolio
    received: dict[str, int]
    liquidated: tuple[Liquidated, ...]
    added: frozenset[str]
    moved: frozenset[str]


def apply_target_change(portfolio: Portfolio, event: TargetChange) -> Changed:
    """Apply ``event``.

    Raises
    ------
    InvalidRequest
        naming each field at fault: pies that do not exist or are named twice or leave the tree, slices listed in two
        places, existing slices with content, new ones without or with a value, pies without a positive target,
        a pie moved below itself, a security sold and bought by the same event.
    """
    index = _Index(portfolio)
    violations = list(_form_violations(index, event))
    if violations:
        raise InvalidRequest(tuple(violations))
    change = _Change(index, {pie.slice_id: pie for pie in event.pies})
    root = change.build("", Pie(()) if "" in change.pies else portfolio.root, frozenset())
    change.check_leavers()
    if change.violations:
        raise InvalidRequest(tuple(change.violations))
    change.liquidate()
    if change.violations:
        raise InvalidRequest(tuple(change.violations))
    changed = Portfolio(root, portfolio.cash, portfolio.currency_code, portfolio.portfolio_id, portfolio.version)
    return Changed(changed, change.received, tuple(change.liquidated), frozenset(change.added), frozenset(change.moved))


class _Index:
    """Where every slice of the old tree is: its slice, and the id of the pie that lists it."""

    def __init__(self, portfolio: Portfolio) -> None:
        self.slice: dict[str, Slice] = {}
        self.pie_of: dict[str, str] = {}
        stack: list[tuple[str, Pie]] = [("", portfolio.root)]
        while stack:
            pie_id, pie = stack.pop()
            for child in pie.slices:
                self.slice[child.slice_id] = child
                self.pie_of[child.slice_id] = pie_id
                if isinstance(child.content, Pie):
                    stack.append((child.slice_id, child.content))

    def is_pie(self, slice_id: str) -> bool:
        return slice_id == "" or (slice_id in self.slice and isinstance(self.slice[slice_id].content, Pie))


def _form_violations(index: _Index, event: TargetChange) -> Iterator[Violation]:
    """What is wrong with the event's own form, before the tree is rebuilt."""
    if not event.pies:
        yield Violation(f"{AT}.pies", "EMPTY_TARGET_CHANGE", "is empty; name at least one pie to change")
    seen_pies: set[str] = set()
    listed: dict[str, str] = {}
    for i, pie in enumerate(event.pies):
        at = f"{AT}.pies[{i}]"
        if not index.is_pie(pie.slice_id):
            reason = "NOT_A_PIE" if pie.slice_id in index.slice else "UNKNOWN_SLICE_ID"
            yield Violation(f"{at}.slice_id", reason, f"{pie.slice_id!r} is no pie of this portfolio")
        if pie.slice_id in seen_pies:
            yield Violation(f"{at}.slice_id", "DUPLICATE_PIE", f"{pie.slice_id!r} is named twice; give each pie once")
        seen_pies.add(pie.slice_id)
        yield from _pie_form(index, at, pie, listed)


def _pie_form(index: _Index, at: str, pie: ChangedPie | NewPie, listed: dict[str, str]) -> Iterator[Violation]:
    stack: list[tuple[str, ChangedPie | NewPie]] = [(at, pie)]
    while stack:
        here, current = stack.pop()
        yield from pie_violations(here, [s.target_weight for s in current.slices], current.weight_total)
        for j, child in enumerate(current.slices):
            field_ = f"{here}.slices[{j}]"
            yield from _slice_form(index, field_, child, listed)
            if isinstance(child.content, NewPie):
                stack.append((f"{field_}.pie", child.content))


def _slice_form(index: _Index, at: str, child: TargetSlice, listed: dict[str, str]) -> Iterator[Violation]:
    fault = id_violation(f"{at}.slice_id", child.slice_id)
    if fault:
        yield fault
        return
    if child.slice_id in listed:
        where = listed[child.slice_id]
        yield Violation(f"{at}.slice_id", "DUPLICATE_SLICE_ID", f"{child.slice_id!r} is also listed at {where}")
    listed[child.slice_id] = at
    fault = weight_violation(f"{at}.target_weight", child.target_weight)
    if fault:
        yield fault
    exists = child.slice_id in index.slice
    if child.content is None and not exists:
        reason = f"{child.slice_id!r} is not in the portfolio; a new slice needs a holding or a pie"
        yield Violation(f"{at}.slice_id", "UNKNOWN_SLICE_ID", reason)
    if child.content is not None and exists:
        reason = f"{child.slice_id!r} exists; give only its id and its new weight"
        yield Violation(at, "EXISTING_SLICE_WITH_CONTENT", reason)
    if isinstance(child.content, Holding):
        fault = id_violation(f"{at}.holding.security_id", child.content.security_id)
        if fault:
            yield fault
        if child.content.value != 0:
            yield Violation(f"{at}.holding.value", "NEW_SLICE_WITH_VALUE", "is set; a new slice starts without a value")


@dataclass(slots=True)
class _Change:
    """The new tree while it is being built, and who was seen in it."""

    index: _Index
    pies: dict[str, ChangedPie]
    placed: dict[str, str] = field(default_factory=dict)  # slice id -> id of the pie that lists it now
    zeroed: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    received: dict[str, int] = field(default_factory=dict)
    liquidated: list[Liquidated] = field(default_factory=list)
    new_securities: dict[str, str] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def build(self, pie_id: str, old: Pie, above: frozenset[str]) -> Pie:
        """The pie ``pie_id`` under the event: as named, or as it was with its nested pies changed."""
        named = self.pies.get(pie_id)
        if named is None:
            kept = tuple(self._kept(pie_id, child.slice_id, child.target_weight, above) for child in old.slices)
            return Pie(tuple(child for child in kept if child is not None), old.weight_total)
        slices = [self._wanted(pie_id, wanted, above) for wanted in named.slices]
        return Pie(tuple(child for child in slices if child is not None), named.weight_total)

    def _kept(self, pie_id: str, slice_id: str, weight: int, above: frozenset[str]) -> Slice | None:
        if slice_id in above:
            problem = f"the pie {slice_id!r} would come to lie inside itself"
            self.violations.append(Violation(f"{AT}.pies", "PIE_INSIDE_ITSELF", problem))
            return None
        if slice_id in self.placed:
            where = self.placed[slice_id] or "the root"
            problem = f"{slice_id!r} would be in {where} and in {pie_id or 'the root'}; name the pie that it leaves, too"
            self.violations.append(Violation(f"{AT}.pies", "SLICE_IN_TWO_PIES", problem))
            return None
        self.placed[slice_id] = pie_id
        if self.index.pie_of[slice_id] != pie_id:
            self.moved.add(slice_id)
        if weight == 0 and pie_id in self.pies:
            self.zeroed.add(slice_id)
        content = self.index.slice[slice_id].content
        if isinstance(content, Pie):
            content = self.build(slice_id, content, above | {slice_id})
        emptied = slice_id in self.zeroed
        return Slice(slice_id, weight, _emptied(content) if emptied else content)

    def _wanted(self, pie_id: str, wanted: TargetSlice, above: frozenset[str]) -> Slice | None:
        if wanted.content is None:
            return self._kept(pie_id, wanted.slice_id, wanted.target_weight, above)
        self.added.add(wanted.slice_id)
        self.placed[wanted.slice_id] = pie_id
        if isinstance(wanted.content, Holding):
            self.new_securities[wanted.content.security_id] = wanted.slice_id
            return Slice(wanted.slice_id, wanted.target_weight, wanted.content)
        inner = [self._wanted(wanted.slice_id, child, above) for child in wanted.content.slices]
        kept = tuple(child for child in inner if child is not None)
        return Slice(wanted.slice_id, wanted.target_weight, Pie(kept, wanted.content.weight_total))

    def check_leavers(self) -> None:
        """A pie that the event names must still be in the tree; unreachable pies moved inside each other are not."""
        for i, pie_id in enumerate(self.pies):
            if pie_id and pie_id not in self.placed:
                problem = f"{pie_id!r} leaves the portfolio in this event; do not name it as well"
                self.violations.append(Violation(f"{AT}.pies[{i}].slice_id", "PIE_LEAVES", problem))

    def liquidate(self) -> None:
        """Sell every funded holding that left, or stands below a slice set to 0; proceeds go to the pie that lost it."""
        lost = [s for s in self.index.slice if s not in self.placed or s in self.zeroed]
        for slice_id in lost:
            child = self.index.slice[slice_id]
            if isinstance(child.content, Holding):
                self._sell(slice_id, child.content, self._loser(slice_id))
        for slice_id in self.zeroed:
            for holding_id, holding in self._holdings_now_below(slice_id):
                self._sell(holding_id, holding, self.placed[slice_id])

    def _loser(self, slice_id: str) -> str:
        """The pie still in the tree that loses ``slice_id``: the nearest old pie above it that was kept."""
        if slice_id in self.zeroed:
            return self.placed[slice_id]
        pie_id = self.index.pie_of[slice_id]
        while pie_id and (pie_id not in self.placed or self._under_zeroed(pie_id)):
            pie_id = self.placed.get(pie_id, self.index.pie_of[pie_id])
        return pie_id

    def _under_zeroed(self, pie_id: str) -> bool:
        while pie_id:
            if pie_id in self.zeroed:
                return True
            pie_id = self.placed[pie_id]
        return False

    def _holdings_now_below(self, slice_id: str) -> Iterator[tuple[str, Holding]]:
        for other, pie_id in self.placed.items():
            if other in self.zeroed or other not in self.index.slice:
                continue
            at = pie_id
            while at and at != slice_id:
                if at in self.zeroed:
                    at = ""
                    break
                at = self.placed[at]
            content = self.index.slice[other].content
            if at == slice_id and isinstance(content, Holding):
                yield other, content

    def _sell(self, slice_id: str, holding: Holding, pie_id: str) -> None:
        if holding.value == 0:
            return
        if holding.security_id in self.new_securities:
            problem = f"{holding.security_id!r} is liquidated and added again by the same event; move the slice instead"
            self.violations.append(Violation(f"{AT}.pies", "LIQUIDATED_AND_ADDED", problem))
        self.liquidated.append(Liquidated(slice_id, holding.security_id, holding.value, pie_id))
        self.received[pie_id] = self.received.get(pie_id, 0) + holding.value


def _emptied(content: Holding | Pie) -> Holding | Pie:
    if isinstance(content, Holding):
        return Holding(content.security_id, 0)
    if pie_value(content) == 0:
        return content
    return Pie(tuple(Slice(c.slice_id, c.target_weight, _emptied(c.content)) for c in content.slices), content.weight_total)
