"""The events that make a portfolio trade. What each does is PROBLEM.md's table, kept in ``problem.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from solver.portfolio import Holding

__all__ = [
    "MAX_EVENTS",
    "ChangedPie",
    "Deposit",
    "Event",
    "Events",
    "NewPie",
    "Reach",
    "Rebalance",
    "TargetChange",
    "TargetSlice",
    "Withdrawal",
    "listed",
]

MAX_EVENTS = 100  # planned together


class Reach(Enum):
    """How far a rebalance goes: into every nested pie, or only over its own pie's slices."""

    DEEP = "DEEP"
    SHALLOW = "SHALLOW"


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money in (minor units, ≥ 0), invested together with the cash held; buys only."""

    amount: int
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money out (minor units, > 0), from cash first; sells only."""

    amount: int
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Rebalance:
    """Bring the pie ``slice_id`` ("" is the whole portfolio, with its cash) back to its targets."""

    slice_id: str = ""
    reach: Reach = Reach.DEEP
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class NewPie:
    """A pie that a target change adds; its slices may be new, or existing ones moved here."""

    slices: tuple[TargetSlice, ...]
    weight_total: int | None = None


@dataclass(frozen=True, slots=True)
class TargetSlice:
    """A slice as a target change wants it.

    ``content`` is ``None`` for a slice that exists already (it keeps what it holds, wherever it was), a
    ``Holding`` of value 0 or a ``NewPie`` for a new one.
    """

    slice_id: str
    target_weight: int
    content: Holding | NewPie | None = None


@dataclass(frozen=True, slots=True)
class ChangedPie:
    """The complete new slices of one pie ("" is the root); funded slices left out, or set to 0, are liquidated."""

    slice_id: str
    slices: tuple[TargetSlice, ...]
    weight_total: int | None = None


@dataclass(frozen=True, slots=True)
class TargetChange:
    """New targets for one or several pies at once. Nothing trades unless a funded slice is liquidated."""

    pies: tuple[ChangedPie, ...]
    event_id: str = ""


Event = Deposit | Withdrawal | Rebalance | TargetChange
Events = Event | Sequence[Event]  # several are one problem with one net flow


def listed(events: Events) -> tuple[Event, ...]:
    """One event or several, as a tuple."""
    return (events,) if isinstance(events, Deposit | Withdrawal | Rebalance | TargetChange) else tuple(events)
