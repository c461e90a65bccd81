"""A target change applied: the changed tree, what was liquidated, and which pie got the proceeds.

A funded slice that the event sets to 0, or leaves out, is sold whole and its proceeds stay in its pie (R_p). A slice
that leaves one pie and appears in another is moved: it keeps what it holds. Source: PROBLEM.md §1, Liquidation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from solver.errors import InvalidRequest, Violation
from solver.events import ChangedPie, NewPie, TargetChange, TargetSlice
from solver.money import id_violation
from solver.portfolio import (
    MAX_DEPTH,
    Holding,
    Pie,
    Portfolio,
    Slice,
    pie_violations,
    weight_violation,
)
from solver.tree import Tree

__all__ = ["Changed", "Liquidated", "apply_target_change"]


@dataclass(frozen=True, slots=True)
class Liquidated:
    """One holding sold whole: its slice and security, its value (minor units), the pie that keeps the proceeds.

    ``pie_id`` is a pie of the changed tree that is not liquidated itself: the one that listed the slice, or, for a
    slice inside a liquidated pie, the one that listed that pie.
    """

    slice_id: str
    security_id: str
    value: int
    pie_id: str
    quantity_nanos: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """The portfolio under its new targets, without what was liquidated; ``received`` is R_p by pie id, where > 0.

    ``liquidated`` follows the old tree, depth first; ``moved`` names slices that changed pie, sold there or not.
    """

    portfolio: Portfolio
    received: dict[str, int]
    liquidated: tuple[Liquidated, ...]
    added: frozenset[str]
    moved: frozenset[str]

    def sold_within(self, tree: Tree) -> dict[int, int]:
        """What was liquidated at or below the rows of the changed ``tree`` that the event emptied; minor units.

        A slice that left the tree has no row; the pie that keeps the proceeds is not emptied.
        """
        rows = {slice_id: row for row, slice_id in enumerate(tree.slice_ids)} if self.liquidated else {}
        found: dict[int, int] = {}
        for sold in self.liquidated:
            row = rows.get(sold.slice_id, 0)
            while row and tree.slice_ids[row] != sold.pie_id:
                found[row] = found.get(row, 0) + sold.value
                row = tree.parent[row]
        return found


def apply_target_change(portfolio: Portfolio, event: TargetChange, at: str = "events[0].target_change") -> Changed:
    """Apply ``event``, which stands at the field ``at`` of the request.

    Raises
    ------
    InvalidRequest
        naming each field at fault: pies that do not exist or are named twice or leave the tree, slices listed in two
        places, existing slices with content, new ones without or with a value, pies without a positive target,
        a pie moved below itself, a security sold and bought by the same event, a tree too deep or too large.
    """
    index, listed = _Index(portfolio), dict[str, str]()
    _refuse(list(_form_violations(index, event, at, listed)))
    change = _Change(index, at, {pie.slice_id: pie for pie in event.pies}, listed)
    root = change.build("", portfolio.root, (), 1)
    _refuse(change.violations)  # before anybody is missed who is absent only because of these
    change.check_leavers()
    _refuse(change.violations)
    change.liquidate()
    change.check_securities()
    _refuse(change.violations)
    try:
        changed = replace(portfolio, root=root)
    except InvalidRequest as fault:  # what only the whole tree shows, said of the event and not of a tree nobody sent
        raise InvalidRequest(tuple(_said_of_the_event(at, v) for v in fault.violations)) from fault
    return Changed(changed, change.received, tuple(change.liquidated), frozenset(change.added), frozenset(change.moved))


def _said_of_the_event(at: str, fault: Violation) -> Violation:
    return Violation(f"{at}.pies", fault.reason, f"would leave a portfolio that {fault.description}")


def _refuse(violations: list[Violation]) -> None:
    if violations:
        raise InvalidRequest(tuple(violations))


class _Index:
    """Where every slice of the old tree is, depth first: its slice, and the id of the pie that lists it."""

    def __init__(self, portfolio: Portfolio) -> None:
        self.slice: dict[str, Slice] = {}
        self.pie_of: dict[str, str] = {}
        stack = [("", child) for child in reversed(portfolio.root.slices)]
        while stack:
            pie_id, child = stack.pop()
            self.slice[child.slice_id] = child
            self.pie_of[child.slice_id] = pie_id
            if isinstance(child.content, Pie):
                stack += [(child.slice_id, inner) for inner in reversed(child.content.slices)]

    def is_pie(self, slice_id: str) -> bool:
        return slice_id == "" or (slice_id in self.slice and isinstance(self.slice[slice_id].content, Pie))


def _form_violations(index: _Index, event: TargetChange, where: str, listed: dict[str, str]) -> Iterator[Violation]:
    """What is wrong with the event's own form, before the tree is rebuilt; ``listed`` gets each slice's field."""
    if not event.pies:
        yield Violation(f"{where}.pies", "EMPTY_TARGET_CHANGE", "is empty; name at least one pie to change")
    seen_pies: set[str] = set()
    for i, pie in enumerate(event.pies):
        at = f"{where}.pies[{i}]"
        if not index.is_pie(pie.slice_id):
            reason = "NOT_A_PIE" if pie.slice_id in index.slice else "UNKNOWN_SLICE_ID"
            yield Violation(f"{at}.slice_id", reason, f"{pie.slice_id!r} is no pie of this portfolio")
        if pie.slice_id in seen_pies:
            yield Violation(f"{at}.slice_id", "DUPLICATE_PIE", f"{pie.slice_id!r} is named twice; give each pie once")
        seen_pies.add(pie.slice_id)
        yield from _pie_form(index, at, pie, listed)


def _pie_form(index: _Index, at: str, pie: ChangedPie, listed: dict[str, str]) -> Iterator[Violation]:
    stack: list[tuple[str, ChangedPie | NewPie, int]] = [(at, pie, 1)]
    while stack:
        here, current, depth = stack.pop()
        if depth > MAX_DEPTH:  # nothing below is looked at: neither here nor by the recursion that builds the tree
            yield Violation(here, "TOO_DEEP", f"is nested more than {MAX_DEPTH} levels deep")
            continue
        yield from pie_violations(here, [s.target_weight for s in current.slices], current.weight_total)
        nested: list[tuple[str, ChangedPie | NewPie, int]] = []
        for j, child in enumerate(current.slices):
            field_ = f"{here}.slices[{j}]"
            yield from _slice_form(index, field_, child, listed)
            if isinstance(child.content, NewPie):
                nested.append((f"{field_}.pie", child.content, depth + 1))
        stack += reversed(nested)


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
    at: str  # the event's field
    pies: dict[str, ChangedPie]
    listed: dict[str, str]  # slice id -> its field in the event
    placed: dict[str, str] = field(default_factory=dict)  # slice id -> id of the pie that lists it now
    zeroed: set[str] = field(default_factory=set)  # target 0 in a pie that the event names or adds
    added: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    received: dict[str, int] = field(default_factory=dict)
    liquidated: list[Liquidated] = field(default_factory=list)
    bought_anew: list[tuple[str, str]] = field(default_factory=list)  # security id, its field in the event
    violations: list[Violation] = field(default_factory=list)

    def build(self, pie_id: str, old: Pie, above: tuple[str, ...], depth: int) -> Pie:
        """The pie ``pie_id`` under the event: as named, or as it was with its nested pies changed.

        ``above`` are the pies around it, ``depth`` the level of its slices (1 in the root).
        """
        named = self.pies.get(pie_id)
        if named is None:
            kept = (self._kept(pie_id, child.slice_id, child.target_weight, above, depth) for child in old.slices)
            return Pie(tuple(child for child in kept if child is not None), old.weight_total)
        slices = (self._wanted(pie_id, wanted, above, depth) for wanted in named.slices)
        return Pie(tuple(child for child in slices if child is not None), named.weight_total)

    def _kept(self, pie_id: str, slice_id: str, weight: int, above: tuple[str, ...], depth: int) -> Slice | None:
        fault = self._misplaced(pie_id, slice_id, above, depth)
        if fault:
            self.violations.append(fault)
            return None
        self.placed[slice_id] = pie_id
        if self.index.pie_of[slice_id] != pie_id:
            self.moved.add(slice_id)
        content = self.index.slice[slice_id].content
        if isinstance(content, Pie):
            content = self.build(slice_id, content, (*above, slice_id), depth + 1)
        if weight == 0 and (pie_id in self.pies or pie_id in self.added):
            self.zeroed.add(slice_id)
            content = _emptied(content)
        return Slice(slice_id, weight, content)

    def _misplaced(self, pie_id: str, slice_id: str, above: tuple[str, ...], depth: int) -> Violation | None:
        """Why an existing slice can not stand in ``pie_id``. Seen twice, it is listed once: it had one place before."""
        if slice_id in above:
            problem = f"the pie {slice_id!r} would come to lie inside itself"
            return Violation(f"{self.listed[slice_id]}.slice_id", "PIE_INSIDE_ITSELF", problem)
        if slice_id in self.placed:
            places = f"{self.placed[slice_id] or 'the root'} and in {pie_id or 'the root'}"
            problem = f"{slice_id!r} would be in {places}; name the pie that it leaves, too"
            return Violation(f"{self.listed[slice_id]}.slice_id", "SLICE_IN_TWO_PIES", problem)
        if depth > MAX_DEPTH:
            moved, *_ = [s for s in (slice_id, pie_id, *reversed(above)) if s in self.listed]
            return Violation(self.listed[moved], "TOO_DEEP", f"brings {slice_id!r} more than {MAX_DEPTH} levels deep")
        return None

    def _wanted(self, pie_id: str, wanted: TargetSlice, above: tuple[str, ...], depth: int) -> Slice | None:
        if wanted.content is None:
            return self._kept(pie_id, wanted.slice_id, wanted.target_weight, above, depth)
        if depth > MAX_DEPTH:
            problem = f"is more than {MAX_DEPTH} levels deep"
            self.violations.append(Violation(self.listed[wanted.slice_id], "TOO_DEEP", problem))
            return None
        self.added.add(wanted.slice_id)
        self.placed[wanted.slice_id] = pie_id
        if isinstance(wanted.content, Holding):
            at = f"{self.listed[wanted.slice_id]}.holding.security_id"
            self.bought_anew.append((wanted.content.security_id, at))
            return Slice(wanted.slice_id, wanted.target_weight, wanted.content)
        inner = (self._wanted(wanted.slice_id, child, above, depth + 1) for child in wanted.content.slices)
        pie = Pie(tuple(child for child in inner if child is not None), wanted.content.weight_total)
        if wanted.target_weight == 0:  # a new pie can be funded too, by what is moved into it
            self.zeroed.add(wanted.slice_id)
            return Slice(wanted.slice_id, 0, _emptied(pie))
        return Slice(wanted.slice_id, wanted.target_weight, pie)

    def check_leavers(self) -> None:
        """A pie that the event names must still be in the tree; unreachable pies moved inside each other are not."""
        for i, pie_id in enumerate(self.pies):
            if pie_id and pie_id not in self.placed:
                problem = f"{pie_id!r} leaves the portfolio in this event; do not name it as well"
                self.violations.append(Violation(f"{self.at}.pies[{i}].slice_id", "PIE_LEAVES", problem))

    def liquidate(self) -> None:
        """Sell every funded holding that left, or stands at or below a slice set to 0, into the pie that lost it."""
        for slice_id, child in self.index.slice.items():
            # a fraction of a share that is worth less than a minor unit is sold, too: it would be lost
            if not isinstance(child.content, Holding) or not (child.content.value or child.content.quantity_nanos):
                continue
            pie_id = self._loser(slice_id)
            if pie_id is not None:
                holding = child.content
                quantity = holding.quantity_nanos or 0
                sold = Liquidated(slice_id, holding.security_id, holding.value, pie_id, quantity)
                self.liquidated.append(sold)
                self.received[pie_id] = self.received.get(pie_id, 0) + holding.value

    def _loser(self, slice_id: str) -> str | None:
        """The pie whose cash a holding becomes, or ``None`` where it is kept: the outermost that is not liquidated."""
        loser, at = None, slice_id
        while at and at not in self.placed:  # it left, and so did these pies around it
            at = loser = self.index.pie_of[at]
        while at:  # a slice inside a liquidated pie goes with that pie, however the inner ones are set
            if at in self.zeroed:
                loser = self.placed[at]
            at = self.placed[at]
        return loser

    def check_securities(self) -> None:
        """A security added is not one that this event sells."""
        sold = {s.security_id for s in self.liquidated}
        for security_id, at in self.bought_anew:
            if security_id in sold:
                problem = f"{security_id!r} is liquidated and added again by the same event; move the slice instead"
                self.violations.append(Violation(at, "LIQUIDATED_AND_ADDED", problem))


def _emptied(content: Holding | Pie) -> Holding | Pie:
    if isinstance(content, Holding):
        return Holding(content.security_id, 0, None if content.quantity_nanos is None else 0)
    emptied = (Slice(c.slice_id, c.target_weight, _emptied(c.content)) for c in content.slices)
    return Pie(tuple(emptied), content.weight_total)
