"""The answer: a plan with its orders, nodes and certificate, or the reason why there is none.

All money is in integer minor units; ``ideal``, tracking errors and bounds are real numbers of minor units.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from solver.later import Later
from solver.portfolio import Portfolio
from solver.securities import Side

__all__ = [
    "BoundSource",
    "CashFlow",
    "Certificate",
    "Evidence",
    "Infeasible",
    "Limit",
    "Node",
    "Order",
    "OrderPart",
    "Plan",
    "Quality",
    "Reason",
    "ReasonCode",
    "Side",
    "Transfer",
]


class Quality(Enum):
    """What is proved of a plan: PROBLEM.md §3."""

    OPTIMAL = "OPTIMAL"
    FEASIBLE = "FEASIBLE"
    HEURISTIC = "HEURISTIC"


class Limit(Enum):
    """What stopped a search before it had its proof."""

    NONE = "NONE"
    TIME = "TIME"
    WORK = "WORK"
    CANCELLED = "CANCELLED"


class BoundSource(Enum):
    """Whether the lower bound was recomputed from the problem's data, or is only the engine's claim."""

    RECOMPUTED = "RECOMPUTED"
    ENGINE = "ENGINE"


class ReasonCode(Enum):
    """Why a slice trades, or does not. Each has a sentence in ``sentences.py`` and a test."""

    UNDERWEIGHT = "UNDERWEIGHT"
    OVERWEIGHT = "OVERWEIGHT"
    AT_TARGET = "AT_TARGET"
    ABOVE_LEVEL = "ABOVE_LEVEL"
    BELOW_LEVEL = "BELOW_LEVEL"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    CLOSED_BELOW_MINIMUM = "CLOSED_BELOW_MINIMUM"
    RETIRED = "RETIRED"
    LIQUIDATED = "LIQUIDATED"
    MOVED = "MOVED"
    ADDED = "ADDED"
    NO_FLOW_FROM_ABOVE = "NO_FLOW_FROM_ABOVE"
    OUTSIDE_EVENT = "OUTSIDE_EVENT"
    MINIMUM_TOO_LARGE_BELOW = "MINIMUM_TOO_LARGE_BELOW"
    TAKES_WHAT_OTHERS_CANNOT = "TAKES_WHAT_OTHERS_CANNOT"
    GIVES_WHAT_OTHERS_CANNOT = "GIVES_WHAT_OTHERS_CANNOT"
    BLOCKED = "BLOCKED"
    LARGEST_POSITION = "LARGEST_POSITION"
    SMALLEST_POSITION = "SMALLEST_POSITION"
    LIMITED_BELOW = "LIMITED_BELOW"
    WAITS_FOR_THRESHOLD = "WAITS_FOR_THRESHOLD"
    DEPOSIT_TOO_SMALL = "DEPOSIT_TOO_SMALL"
    ROUNDING = "ROUNDING"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a code for programs, its figures by name, a sentence for people."""

    code: ReasonCode
    details: tuple[tuple[str, str], ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Node:
    """One slice's part in the plan; rows in depth-first order, the root ("") first."""

    slice_id: str
    value_before: int
    ideal: float
    trade: int
    value_after: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class OrderPart:
    """What one slice and one event contribute to an order."""

    slice_id: str
    amount: int
    event_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """One order: ``amount`` minor units (> 0) of a security on one side; sells come first.

    Where the security has a price, ``amount`` is that of ``quantity_nanos`` (10^-9 shares), rounded down;
    ``by_quantity`` says which of the two the order is to be sized by.
    """

    sequence: int
    security_id: str
    side: Side
    amount: int
    closes_position: bool
    parts: tuple[OrderPart, ...]
    quantity_nanos: int | None = None
    by_quantity: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one slice gives another of a security that both hold (minor units): a change of books, and no order."""

    security_id: str
    from_slice_id: str
    to_slice_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class CashFlow:
    """The account's cash: before + received − paid_out − bought + sold = after."""

    before: int
    received: int
    paid_out: int
    bought: int
    sold: int
    after: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checker needs to recompute a bound in one branch, for one pie and one number of trading slices.

    ``branch`` numbers the branch; ``fixed`` lists, in order, the slices that it makes buy (``+id``), sell (``-id``),
    sell whole where that is no part of selling (``xid``) or rest (``0id``), or trade within (``low..high id``);
    ``multipliers`` are λ of the pie ``slice_id`` when ``trading`` of its free slices trade (−1: any number). The net
    order of a security in several slices has the id ``securities[…]``, and one multiplier: its price μ. ``trading`` is
    −2 where all sums that could be better were looked at, at this one multiplier.
    """

    branch: int
    slice_id: str
    trading: int
    multipliers: tuple[float, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certificate(Later):
    """What is proved, in PROBLEM.md's letters: J (tracking_error), LB (lower_bound), ρ (rounding_slack).

    ``broken_rules`` names what a baseline breaks, by rule and slice; it is empty but for quality HEURISTIC.
    """

    quality: Quality
    limit: Limit
    engine: str
    solver_version: str
    cash_left: int
    retired_excess: int
    tracking_error: float
    lower_bound: float
    rounding_slack: float
    bound_source: BoundSource
    evidence: tuple[Evidence, ...]
    broken_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan(Later):
    """A realisable plan. ``portfolio_after`` is the account once every order is done."""

    cash: CashFlow
    orders: tuple[Order, ...]
    nodes: tuple[Node, ...]
    certificate: Certificate
    portfolio_after: Portfolio
    rounds: int = 0
    transfers: tuple[Transfer, ...] = ()


@dataclass(frozen=True, slots=True)
class Infeasible:
    """There is no plan: why, by which rules, and the most that a withdrawal could raise (cash included)."""

    reason: str
    rules: tuple[str, ...]
    most_that_can_be_raised: int | None = None
