"""What is wrong with several events as a list: their amounts, and which of them exclude each other, by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from solver.errors import InvalidRequest, Violation
from solver.events import MAX_EVENTS, Deposit, Event, Reach, Rebalance, TargetChange, Withdrawal
from solver.money import MAX_MONEY, money_violation
from solver.portfolio import Portfolio
from solver.targets import Changed
from solver.tree import Tree, flatten

__all__ = ["check_amounts", "check_pairs", "rebalanced_rows"]


def check_pairs(events: Sequence[Event]) -> None:
    """There is an event, there are not too many, and no two exclude each other."""
    if not 0 < len(events) <= MAX_EVENTS:
        told = f"has {len(events)} events; send 1 to {MAX_EVENTS}"
        raise InvalidRequest((Violation("events", "TOO_MANY_EVENTS" if events else "MISSING_FIELD", told),))
    _refuse([*_second_target_changes(events), *_repeated_rebalances(events)])


def _second_target_changes(events: Sequence[Event]) -> Iterator[Violation]:
    first, *others = [i for i, event in enumerate(events) if isinstance(event, TargetChange)] or [0]
    for i in others:
        told = f"events[{first}] changes targets already; put all pies into one target change"
        yield Violation(f"events[{i}].target_change", "SECOND_TARGET_CHANGE", told)


def _repeated_rebalances(events: Sequence[Event]) -> Iterator[Violation]:
    seen: dict[str, tuple[int, Reach]] = {}
    for i, event in enumerate(events):
        if not isinstance(event, Rebalance):
            continue
        first, reach = seen.setdefault(event.slice_id, (i, event.reach))
        if first == i:
            continue
        name = repr(event.slice_id) if event.slice_id else "the portfolio"
        if reach is event.reach:
            told = f"events[{first}] rebalances {name} already; send it once"
            yield Violation(f"events[{i}].rebalance.slice_id", "DUPLICATE_REBALANCE", told)
        else:
            told = f"is {event.reach.value}, but events[{first}] rebalances {name} with reach {reach.value}; send one"
            yield Violation(f"events[{i}].rebalance.reach", "CONFLICTING_REBALANCES", told)


def check_amounts(portfolio: Portfolio, events: Sequence[Event]) -> None:
    """Deposits are 0 or more, withdrawals positive, and nothing comes to more money than is supported."""
    faults, total = [], portfolio.value + portfolio.cash
    for i, event in enumerate(events):
        if isinstance(event, Withdrawal):
            fault = money_violation(f"events[{i}].withdrawal.amount", event.amount, 1)
        elif isinstance(event, Deposit):
            at = f"events[{i}].deposit.amount"
            fault = money_violation(at, event.amount, 0)
            total += 0 if fault else event.amount
            if fault is None and total > MAX_MONEY:
                told = f"brings the total to {total}; at most {MAX_MONEY} are supported"
                fault = Violation(at, "AMOUNT_TOO_LARGE", told)
        else:
            continue
        faults += [fault] if fault else []
    _refuse(faults)


def rebalanced_rows(
    events: Sequence[Event], portfolio: Portfolio, tree: Tree, changed: Changed | None
) -> dict[int, tuple[Reach, str]]:
    """The rows of ``tree`` that are asked to rebalance: how far, and by which event (its id).

    ``portfolio`` is the account before ``changed`` made ``tree`` of it.
    """
    if not any(isinstance(event, Rebalance) for event in events):
        return {}
    rows = {slice_id: row for row, slice_id in enumerate(tree.slice_ids)}
    sold = changed.sold_within(tree) if changed else {}
    before = set(flatten(portfolio).slice_ids) if changed else set()
    found: dict[int, tuple[Reach, str]] = {}
    faults = []
    for i, event in enumerate(events):
        if not isinstance(event, Rebalance):
            continue
        name, at = event.slice_id, f"events[{i}].rebalance.slice_id"
        row = rows.get(name, -1)
        if row in sold or (row == -1 and name in before):
            told = f"{name!r} is taken out by the target change among these events; leave its rebalance out"
            faults.append(Violation(at, "REBALANCED_PIE_LEAVES", told))
        elif row == -1:
            faults.append(Violation(at, "UNKNOWN_SLICE_ID", f"{name!r} is not in the portfolio"))
        elif not tree.children[row]:
            faults.append(Violation(at, "NOT_A_PIE", f"{name!r} is a holding; only a pie rebalances"))
        else:
            found[row] = event.reach, event.event_id
    _refuse(faults)
    return found


def _refuse(faults: list[Violation]) -> None:
    if faults:
        raise InvalidRequest(tuple(faults))
