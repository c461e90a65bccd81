"""What a broker asks of the service: a dozen calls, and nothing else of it is known to the day.

``Here`` answers in this process, for a machine that lives through many years; over gRPC it is ``wire.There``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from solver import Event, Infeasible, Plan, Portfolio, Rules, plan
from solver.trading.accounts import Account, Asked, OneSide
from solver.trading.blocks import AccountOrder, BlockFill, BlockOrder, Fill, aggregate_orders, allocate_fills, remaining
from solver.trading.books import Books, open_books
from solver.trading.decisions import Batch, Decision, decide_together
from solver.trading.fills import apply_fills, at_prices, cancel_rests, replan_buys
from solver.trading.sessions import Timetable
from solver.trading.triggers import History, Policy, Trigger, check_triggers
from solver.trading.updates import Step, Update, followed, update

__all__ = ["Desk", "Here", "Planned", "Proof", "Told"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as a broker reads it: the sides that it trades, and what is proved; ``plan`` goes back to the desk."""

    sides: frozenset[OneSide]
    quality: str
    tracking_error: float
    lower_bound: float
    plan: object


class Proof(NamedTuple):
    """What is certified of one plan."""

    quality: str
    tracking_error: float
    lower_bound: float


class Told(NamedTuple):
    """What makes the next update of an event, as ``update`` takes it."""

    account_id: str
    event_id: str
    step: Step
    at: datetime
    subject: str
    until: datetime | None = None
    reasons: Sequence[str] = ()
    because: str = ""


class Desk(Protocol):
    """The service as the broker sees it. Every call is a pure function; whatever is wrong raises ``InvalidRequest``."""

    def triggers(
        self, portfolio: Portfolio, history: History, policy: Policy, clock: datetime
    ) -> tuple[Trigger, ...]: ...

    def decide(
        self, account: Account, events: Sequence[Asked], timetable: Timetable, clock: datetime
    ) -> tuple[tuple[Decision, ...], tuple[Batch, ...]]: ...

    def plan(self, portfolio: Portfolio, events: Sequence[Event], rules: Rules) -> Planned | Infeasible: ...

    def open(self, account_id: str, plan_id: str, before: Portfolio, planned: Planned) -> Books: ...

    def aggregate(self, orders: Iterable[AccountOrder]) -> tuple[BlockOrder, ...]: ...

    def allocate(
        self, block: BlockOrder, allocated: Iterable[Fill], fills: Iterable[BlockFill]
    ) -> tuple[Fill, ...]: ...

    def apply(self, books: Books, fills: Iterable[Fill]) -> Books: ...

    def cancel(self, books: Books, order_ids: Iterable[str]) -> Books: ...

    def replan(
        self, books: Books, prices: Mapping[str, int], events: Sequence[Event], plan_id: str, rules: Rules
    ) -> tuple[Books, tuple[Proof, ...]] | Infeasible: ...

    def follow(self, last: Update | None, told: Told) -> Update: ...


class Here:
    """The pure functions themselves."""

    def triggers(self, portfolio: Portfolio, history: History, policy: Policy, clock: datetime) -> tuple[Trigger, ...]:
        """``check_triggers``."""
        return check_triggers(portfolio, history, policy, clock)

    def decide(
        self, account: Account, events: Sequence[Asked], timetable: Timetable, clock: datetime
    ) -> tuple[tuple[Decision, ...], tuple[Batch, ...]]:
        """``decide_together``."""
        return decide_together(account, events, timetable, clock)

    def plan(self, portfolio: Portfolio, events: Sequence[Event], rules: Rules) -> Planned | Infeasible:
        """``solver.plan``."""
        found = plan(portfolio, events, rules, explain=False)
        if isinstance(found, Infeasible):
            return found
        sides = frozenset(OneSide(order.security_id, order.side) for order in found.orders)
        proof = found.certificate
        return Planned(sides, proof.quality.value, proof.tracking_error, proof.lower_bound, found)

    def open(self, account_id: str, plan_id: str, before: Portfolio, planned: Planned) -> Books:
        """``open_books``."""
        assert isinstance(planned.plan, Plan)
        return open_books(account_id, plan_id, before, planned.plan)

    def aggregate(self, orders: Iterable[AccountOrder]) -> tuple[BlockOrder, ...]:
        """``aggregate_orders``."""
        return aggregate_orders(orders)

    def allocate(self, block: BlockOrder, allocated: Iterable[Fill], fills: Iterable[BlockFill]) -> tuple[Fill, ...]:
        """``allocate_fills`` on what is left of the block."""
        left = remaining(block, allocated)
        return allocate_fills(left or block, fills)

    def apply(self, books: Books, fills: Iterable[Fill]) -> Books:
        """``apply_fills``."""
        return apply_fills(books, fills)

    def cancel(self, books: Books, order_ids: Iterable[str]) -> Books:
        """``cancel_rests``."""
        return cancel_rests(books, order_ids)

    def replan(
        self, books: Books, prices: Mapping[str, int], events: Sequence[Event], plan_id: str, rules: Rules
    ) -> tuple[Books, tuple[Proof, ...]] | Infeasible:
        """``replan_buys``, at the prices of now; and what is certified of each plan that it took."""
        found = replan_buys(at_prices(books, prices), events, plan_id, rules)
        if isinstance(found, Infeasible):
            return found
        proofs = (one.certificate for one in found.plans)
        return found.books, tuple(Proof(p.quality.value, p.tracking_error, p.lower_bound) for p in proofs)

    def follow(self, last: Update | None, told: Told) -> Update:
        """``update``, if it may follow the ``last`` one."""
        return followed((last,) if last else (), update(*told))[-1]
