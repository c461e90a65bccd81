"""A portfolio as a frozen tree of pies and slices, validated once, when the portfolio is built.

Strategy: ``Holding``, ``Slice`` and ``Pie`` are plain frozen values without checks of their own, so that one
pass over the finished tree (``Portfolio.__post_init__``) can report *every* fault by its path in the request.
Whoever holds a ``Portfolio`` may trust it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from solver.errors import InvalidRequest, Violation
from solver.money import MAX_MONEY, currency_violation, id_violation, money_violation
from solver.securities import Security, quantity_violation, security_violations

__all__ = ["MAX_DEPTH", "MAX_SLICES", "MAX_WEIGHT", "Holding", "Pie", "Portfolio", "Slice"]

MAX_WEIGHT = 10**9
MAX_SLICES = 10_000
MAX_DEPTH = 16  # levels of slices


@dataclass(frozen=True, slots=True)
class Holding:
    """A leaf: one security, worth ``value`` minor units; ``quantity_nanos`` (10^-9 shares) where it has a price."""

    security_id: str
    value: int = 0
    quantity_nanos: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A share of a pie: ``target_weight`` over the sum of its siblings' weights; 0 is a retired slice."""

    slice_id: str
    target_weight: int
    content: Holding | Pie


@dataclass(frozen=True, slots=True)
class Pie:
    """An inner node. ``weight_total``, where given, is what the weights must sum to (100 catches a typo)."""

    slices: tuple[Slice, ...]
    weight_total: int | None = None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One account: a tree of pies, cash (minor units) beside it, and rules for some of its securities.

    Raises
    ------
    InvalidRequest
        with one violation for each fault in the tree, by field.
    """

    root: Pie
    cash: int = 0
    currency_code: str = "USD"
    portfolio_id: str = ""
    version: str = ""
    securities: tuple[Security, ...] = ()

    def __post_init__(self) -> None:
        violations = tuple(_portfolio_violations(self))
        if violations:
            raise InvalidRequest(violations)

    @property
    def value(self) -> int:
        """Value of all holdings, without the cash; minor units."""
        return pie_value(self.root)


def pie_value(pie: Pie) -> int:
    """Sum of the holdings anywhere below ``pie``; minor units."""
    return sum(c.content.value if isinstance(c.content, Holding) else pie_value(c.content) for c in pie.slices)


def weight_violation(field: str, weight: object) -> Violation | None:
    """The fault of a target weight that is no integer in ``[0, MAX_WEIGHT]``, or ``None``."""
    if type(weight) is not int:
        return Violation(field, "NOT_AN_INTEGER", f"is {weight!r}; a target weight is an integer such as 20 (of 100)")
    if not 0 <= weight <= MAX_WEIGHT:
        return Violation(field, "WEIGHT_OUT_OF_RANGE", f"is {weight}; a target weight lies between 0 and {MAX_WEIGHT}")
    return None


def pie_violations(field: str, weights: list[object], weight_total: int | None) -> Iterator[Violation]:
    """Faults of a pie as a whole: empty, nothing targeted, weights that miss their stated total."""
    if not weights:
        yield Violation(f"{field}.slices", "EMPTY_PIE", "is empty; a pie needs at least one slice")
        return
    if any(type(w) is not int for w in weights):
        return  # each is reported by its own field
    total = sum(w for w in weights if type(w) is int)
    if total == 0:
        yield Violation(
            f"{field}.slices", "NO_POSITIVE_TARGET", "have weights that sum to 0; give one slice a positive target"
        )
    if weight_total is not None and total != weight_total:
        yield Violation(
            f"{field}.weight_total",
            "WEIGHT_TOTAL_MISMATCH",
            f"is {weight_total}, but the slices' weights sum to {total}",
        )


def _portfolio_violations(portfolio: Portfolio) -> Iterator[Violation]:
    fault = money_violation("portfolio.cash", portfolio.cash)
    if fault:
        yield fault
    code = portfolio.currency_code
    fault = currency_violation("portfolio.currency_code", code)
    if fault:
        yield fault
    seen: dict[str, str] = {}
    listed = {security.security_id: security for security in portfolio.securities}
    total = portfolio.cash if type(portfolio.cash) is int else 0
    stack: list[tuple[str, Pie, int]] = [("portfolio.root", portfolio.root, 1)]
    count = 0
    while stack:
        field, pie, depth = stack.pop()
        if depth > MAX_DEPTH:
            yield Violation(field, "TOO_DEEP", f"is nested more than {MAX_DEPTH} levels deep")
            continue
        yield from pie_violations(field, [c.target_weight for c in pie.slices], pie.weight_total)
        nested: list[tuple[str, Pie, int]] = []
        for index, child in enumerate(pie.slices):
            count += 1
            at = f"{field}.slices[{index}]"
            yield from _slice_violations(at, child, seen)
            if isinstance(child.content, Pie):
                nested.append((f"{at}.pie", child.content, depth + 1))
                continue
            holding = child.content
            yield from _holding_violations(f"{at}.holding", holding)
            known = listed.get(holding.security_id)
            fault = quantity_violation(f"{at}.holding", holding.value, holding.quantity_nanos, known, code)
            if fault:
                yield fault
            total += child.content.value if type(child.content.value) is int else 0
        stack.extend(reversed(nested))
    if count > MAX_SLICES:
        yield Violation("portfolio.root", "TOO_MANY_SLICES", f"has {count} slices; at most {MAX_SLICES} are supported")
    if total > MAX_MONEY:
        yield Violation(
            "portfolio", "AMOUNT_TOO_LARGE", f"totals {total}; at most {MAX_MONEY} minor units are supported"
        )
    yield from security_violations(portfolio.securities)


def _slice_violations(at: str, child: Slice, seen: dict[str, str]) -> Iterator[Violation]:
    fault = id_violation(f"{at}.slice_id", child.slice_id)
    if fault:
        yield fault
    elif child.slice_id in seen:
        yield Violation(
            f"{at}.slice_id", "DUPLICATE_SLICE_ID", f"{child.slice_id!r} is also the id of {seen[child.slice_id]}"
        )
    else:
        seen[child.slice_id] = at
    fault = weight_violation(f"{at}.target_weight", child.target_weight)
    if fault:
        yield fault


def _holding_violations(at: str, holding: Holding) -> Iterator[Violation]:
    fault = id_violation(f"{at}.security_id", holding.security_id)
    if fault:
        yield fault
    fault = money_violation(f"{at}.value", holding.value)
    if fault:
        yield fault
