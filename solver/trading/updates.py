"""What becomes of an event, step by step: typed, timed records, with a sentence that a caller can show its client.

An event is accepted, waits or is blocked, is planned, sent, filled, and finished. ``FOLLOWS`` says which step may come
after which; ``FINISHED`` is the only one that nothing follows. A step that waits (``WAITING``, ``DELAYED``) says when
it is looked at again, so that a delay is a record and a new look, and no event is lost: ``due`` finds those whose look
has come. The package has no clock; every time is the caller's, with its zone, and they are compared as instants: wall
clocks of one zone, which Python compares, tell an hour twice when they go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from solver.errors import InvalidRequest, Violation
from solver.trading.blocks import named
from solver.trading.clocks import microseconds

__all__ = ["FOLLOWS", "LOOKED_AT_AGAIN", "SENTENCES", "Step", "Update", "due", "followed", "unfinished", "update"]


class Step(Enum):
    """One step of an event on its way."""

    ACCEPTED = "ACCEPTED"
    WAITING = "WAITING"
    BLOCKED = "BLOCKED"
    PLANNED = "PLANNED"
    SENT = "SENT"
    DELAYED = "DELAYED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    FINISHED = "FINISHED"


FIRST = frozenset((Step.ACCEPTED,))
FOLLOWS: dict[Step, frozenset[Step]] = {
    Step.ACCEPTED: frozenset((Step.WAITING, Step.BLOCKED, Step.PLANNED, Step.CANCELLED)),
    # planned together with others, or told of another window; a block may begin or end while it waits
    Step.WAITING: frozenset((Step.WAITING, Step.BLOCKED, Step.PLANNED, Step.DELAYED, Step.CANCELLED)),
    Step.BLOCKED: frozenset((Step.WAITING, Step.BLOCKED, Step.PLANNED, Step.CANCELLED, Step.FINISHED)),
    # purchases are planned again; a plan without orders is finished at once; a window that closed is waited for again
    Step.PLANNED: frozenset(
        (Step.PLANNED, Step.WAITING, Step.BLOCKED, Step.SENT, Step.DELAYED, Step.CANCELLED, Step.FINISHED)
    ),
    Step.SENT: frozenset((Step.SENT, Step.DELAYED, Step.FILLED, Step.CANCELLED)),
    Step.DELAYED: frozenset(
        (Step.WAITING, Step.BLOCKED, Step.PLANNED, Step.SENT, Step.DELAYED, Step.FILLED, Step.CANCELLED)
    ),
    # sales first: their fills lead to the plan of the purchases, or to sending them, in this window or the next
    Step.FILLED: frozenset(
        (
            Step.WAITING,
            Step.BLOCKED,
            Step.PLANNED,
            Step.SENT,
            Step.DELAYED,
            Step.FILLED,
            Step.CANCELLED,
            Step.FINISHED,
        )
    ),
    # a rest that is cancelled does not end the event: what was sold may still be invested, other orders may be late
    Step.CANCELLED: frozenset(
        (
            Step.WAITING,
            Step.BLOCKED,
            Step.PLANNED,
            Step.SENT,
            Step.DELAYED,
            Step.FILLED,
            Step.CANCELLED,
            Step.FINISHED,
        )
    ),
    Step.FINISHED: frozenset(),
}
LOOKED_AT_AGAIN = frozenset((Step.WAITING, Step.DELAYED))

SENTENCES = {
    Step.ACCEPTED: "We have received your {subject}.",
    Step.WAITING: "Your {subject} waits until {until}.",
    Step.BLOCKED: "Your {subject} can not be traded now.",
    Step.PLANNED: "The orders for your {subject} are planned.",
    Step.SENT: "The orders for your {subject} are in the market.",
    Step.DELAYED: "Your {subject} takes longer than usual; we look at it again at {until}.",
    Step.FILLED: "Orders for your {subject} were filled.",
    Step.CANCELLED: "What was left to trade for your {subject} was cancelled.",
    Step.FINISHED: "Your {subject} is finished.",
}


@dataclass(frozen=True, slots=True)
class Update:
    """One step of one event of one account, at the instant ``at``; ``until`` is when it is looked at again.

    ``reasons`` are stable names for programs, why it waits or is blocked; ``sentence`` is for the client.
    """

    account_id: str
    event_id: str
    step: Step
    at: datetime
    sentence: str
    until: datetime | None = None
    reasons: tuple[str, ...] = ()


def update(
    account_id: str,
    event_id: str,
    step: Step,
    at: datetime,
    subject: str,
    until: datetime | None = None,
    reasons: Sequence[str] = (),
    because: str = "",
) -> Update:
    """One record with its sentence: ``subject`` is what the client asked for ("deposit of 50.00 USD").

    ``because``, where given, is a second sentence that says why, such as a decision's own.

    Raises
    ------
    InvalidRequest
        naming an id or subject that is empty, a time without zone, a step that waits without saying until when, or one
        that does not wait and does, or that is to be looked at again before it is made.
    """
    given = (("account_id", account_id), ("event_id", event_id))
    faults = [fault for name, value in given if (fault := named(name, value))]
    if not subject:
        faults.append(
            Violation("subject", "MISSING_FIELD", 'is empty; say what the client asked for, such as "deposit"')
        )
    faults += [fault for name, when in (("at", at), ("until", until)) if (fault := _time_violation(name, when))]
    waits = step in LOOKED_AT_AGAIN
    if waits and until is None:
        told = f"is not set; an event that is {step.value} says when it is looked at again"
        faults.append(Violation("until", "MISSING_FIELD", told))
    if not waits and until is not None:
        told = f"is {until.isoformat()}; an event that is {step.value} waits for nothing, so leave it out"
        faults.append(Violation("until", "UNEXPECTED_FIELD", told))
    if waits and not faults and until is not None and microseconds(until) <= microseconds(at):
        told = f"is {until.isoformat()}, not after {at.isoformat()}; look again later than now"
        faults.append(Violation("until", "NOT_LATER", told))
    if faults:
        raise InvalidRequest(tuple(faults))
    sentence = SENTENCES[step].format(subject=subject, until=f"{until:%Y-%m-%d %H:%M %Z}" if until else "")
    return Update(account_id, event_id, step, at, f"{sentence} {because}".rstrip(), until, tuple(reasons))


def _time_violation(name: str, when: datetime | None) -> Violation | None:
    if when is None and name == "until":
        return None
    if not isinstance(when, datetime):
        return Violation(name, "NOT_A_TIME", f"is {when!r}; give an instant with its zone")
    if when.utcoffset() is None:
        return Violation(name, "TIME_WITHOUT_ZONE", f"is {when.isoformat()}; give it with its zone")
    return None


def followed(history: Sequence[Update], new: Update) -> tuple[Update, ...]:
    """The updates of one event with ``new`` at their end.

    Raises
    ------
    InvalidRequest
        where ``new`` is of another account or event, a step that may not follow, or earlier than the last.
    """
    last = history[-1] if history else None
    faults = []
    if last is not None:
        for name in ("account_id", "event_id"):
            if getattr(new, name) != getattr(last, name):
                told = f"is {getattr(new, name)!r}; these are the updates of {getattr(last, name)!r}"
                faults.append(Violation(f"update.{name}", "ANOTHER_EVENT", told))
        if microseconds(new.at) < microseconds(last.at):
            told = f"is {new.at.isoformat()}, before {last.at.isoformat()} of the last update; clocks run forwards"
            faults.append(Violation("update.at", "CLOCK_RUNS_BACKWARDS", told))
    allowed = FOLLOWS[last.step] if last else FIRST
    if new.step not in allowed:
        after = f"after {last.step.value}" if last else "at first"
        may = " or ".join(step.value for step in Step if step in allowed) or "nothing"
        told = f"is {new.step.value}; {after} comes {may}"
        faults.append(Violation("update.step", "STEP_OUT_OF_ORDER", told))
    if faults:
        raise InvalidRequest(tuple(faults))
    return (*history, new)


def unfinished(histories: Sequence[Sequence[Update]]) -> tuple[Update, ...]:
    """The last update of every event that is not finished yet: none of them may be forgotten."""
    return tuple(history[-1] for history in histories if history and history[-1].step is not Step.FINISHED)


def due(histories: Sequence[Sequence[Update]], now: datetime) -> tuple[Update, ...]:
    """The last update of every event that waits and whose next look has come by ``now``, earliest first.

    Raises ``InvalidRequest`` where ``now`` has no zone.
    """
    fault = _time_violation("now", now)
    if fault:
        raise InvalidRequest((fault,))
    waiting = [(microseconds(one.until), one) for one in unfinished(histories) if one.until is not None]
    come = [(until_us, one) for until_us, one in waiting if until_us <= microseconds(now)]
    return tuple(one for _, one in sorted(come, key=lambda pair: (pair[0], pair[1].account_id, pair[1].event_id)))
