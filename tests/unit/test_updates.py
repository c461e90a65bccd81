"""What becomes of an event, as records: which step may follow which, when it is looked at again, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from solver import InvalidRequest
from solver.trading.updates import (
    FIRST,
    FOLLOWS,
    LOOKED_AT_AGAIN,
    SENTENCES,
    Step,
    Update,
    due,
    followed,
    unfinished,
    update,
)

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2024, 3, 8, 12, tzinfo=NEW_YORK)


def made(step: Step, minutes: int = 0, event_id: str = "e") -> Update:
    at = NOON + timedelta(minutes=minutes)
    return update("me", event_id, step, at, "deposit of 50.00 USD", at + timedelta(hours=1) if waits(step) else None)


def waits(step: Step) -> bool:
    return step in LOOKED_AT_AGAIN


def told(*steps: Step, event_id: str = "e") -> tuple[Update, ...]:
    history: tuple[Update, ...] = ()
    for minutes, step in enumerate(steps):
        history = followed(history, made(step, minutes, event_id))
    return history


def reasons(refused: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        refused()
    return [(violation.field, violation.reason) for violation in caught.value.violations]


SOLD = (Step.ACCEPTED, Step.PLANNED, Step.SENT, Step.DELAYED, Step.DELAYED, Step.FILLED)
DAYS = [
    (Step.ACCEPTED, Step.PLANNED, Step.SENT, Step.FILLED, Step.FINISHED),
    (Step.ACCEPTED, Step.WAITING, Step.PLANNED, Step.FINISHED),
    (Step.ACCEPTED, Step.BLOCKED, Step.FINISHED),
    (*SOLD, Step.PLANNED, Step.SENT, Step.FILLED, Step.CANCELLED, Step.FINISHED),
    (Step.ACCEPTED, Step.CANCELLED, Step.FINISHED),
    # of two orders in the market one is rejected before the other turns out to be late
    (Step.ACCEPTED, Step.PLANNED, Step.SENT, Step.CANCELLED, Step.DELAYED, Step.FILLED, Step.FINISHED),
]


@pytest.mark.parametrize("steps", DAYS)
def test_days_as_they_go(steps: tuple[Step, ...]) -> None:
    assert tuple(one.step for one in told(*steps)) == steps


def test_every_step_may_be_reached_and_ends() -> None:
    assert set(FOLLOWS) == set(SENTENCES) == set(Step)
    reached = {Step.ACCEPTED}
    for _ in Step:
        reached |= {after for step in reached for after in FOLLOWS[step]}
    assert reached == set(Step)
    ends = {Step.FINISHED}
    for _ in Step:
        ends |= {step for step in Step if FOLLOWS[step] & ends}
    assert ends == set(Step)
    assert [step for step in Step if not FOLLOWS[step]] == [Step.FINISHED]
    assert all(Step.ACCEPTED not in after for after in FOLLOWS.values())


WAYS = {None: FIRST, **FOLLOWS}
FIRST_WAYS = {
    Step.ACCEPTED: (),
    Step.WAITING: (Step.ACCEPTED, Step.WAITING),
    Step.BLOCKED: (Step.ACCEPTED, Step.BLOCKED),
    Step.PLANNED: (Step.ACCEPTED, Step.PLANNED),
    Step.SENT: (Step.ACCEPTED, Step.PLANNED, Step.SENT),
    Step.DELAYED: (Step.ACCEPTED, Step.PLANNED, Step.DELAYED),
    Step.FILLED: (Step.ACCEPTED, Step.PLANNED, Step.SENT, Step.FILLED),
    Step.CANCELLED: (Step.ACCEPTED, Step.CANCELLED),
    Step.FINISHED: (Step.ACCEPTED, Step.PLANNED, Step.FINISHED),
}


@pytest.mark.parametrize("last", [None, *Step])
def test_no_other_step_follows(last: Step | None) -> None:
    history = () if last is None else told(*(FIRST_WAYS[last] or (Step.ACCEPTED,)))
    assert not history or history[-1].step is last
    for step in Step:
        new = made(step, 30)
        if step in WAYS[last]:
            assert followed(history, new) == (*history, new)
        else:
            assert reasons(lambda new=new: followed(history, new)) == [("update.step", "STEP_OUT_OF_ORDER")]  # type: ignore[misc]


def test_what_may_follow_is_said() -> None:
    with pytest.raises(InvalidRequest, match=r"is FINISHED; after ACCEPTED comes WAITING or BLOCKED or PLANNED"):
        followed(told(Step.ACCEPTED), made(Step.FINISHED, 1))
    with pytest.raises(InvalidRequest, match=r"is SENT; at first comes ACCEPTED"):
        followed((), made(Step.SENT))
    with pytest.raises(InvalidRequest, match=r"after FINISHED comes nothing"):
        followed(told(*DAYS[2]), made(Step.SENT, 9))


def test_sentences_for_the_client() -> None:
    waiting = update(
        "me", "e", Step.WAITING, NOON, "rebalance", NOON.replace(hour=15), ["MARKET_CLOSED"], "It is noon."
    )
    assert waiting.sentence == "Your rebalance waits until 2024-03-08 15:00 EST. It is noon."
    assert waiting.reasons == ("MARKET_CLOSED",)
    assert made(Step.SENT).sentence == "The orders for your deposit of 50.00 USD are in the market."
    delayed = update("me", "e", Step.DELAYED, NOON, "rebalance", NOON + timedelta(days=3))
    assert delayed.sentence == "Your rebalance takes longer than usual; we look at it again at 2024-03-11 12:00 EDT."


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"at": datetime(2024, 3, 8)}, ("at", "TIME_WITHOUT_ZONE")),
        ({"at": None}, ("at", "NOT_A_TIME")),
        ({"at": "2024-03-08"}, ("at", "NOT_A_TIME")),
        ({"step": Step.WAITING}, ("until", "MISSING_FIELD")),
        ({"step": Step.DELAYED, "until": datetime(2024, 3, 9)}, ("until", "TIME_WITHOUT_ZONE")),
        ({"step": Step.DELAYED, "until": NOON}, ("until", "NOT_LATER")),
        ({"until": NOON + timedelta(1)}, ("until", "UNEXPECTED_FIELD")),
        ({"account_id": ""}, ("account_id", "MISSING_ID")),
        ({"event_id": "e" * 65}, ("event_id", "ID_TOO_LONG")),
        ({"subject": ""}, ("subject", "MISSING_FIELD")),
    ],
)
def test_records_that_say_too_little_are_refused(given: dict[str, object], expected: tuple[str, str]) -> None:
    right: dict[str, object] = {"account_id": "me", "event_id": "e", "step": Step.SENT, "at": NOON, "subject": "x"}
    update(**right)  # type: ignore[arg-type]
    assert reasons(lambda: update(**(right | given))) == [expected]  # type: ignore[arg-type]


def test_histories_are_of_one_event_and_run_forwards() -> None:
    history = told(Step.ACCEPTED, Step.PLANNED)
    assert reasons(lambda: followed(history, made(Step.SENT, 9, "other"))) == [("update.event_id", "ANOTHER_EVENT")]
    assert reasons(lambda: followed(history, made(Step.SENT, 0))) == [("update.at", "CLOCK_RUNS_BACKWARDS")]
    elsewhere = update("me", "e", Step.SENT, history[-1].at.astimezone(timezone(timedelta(hours=9))), "x")
    assert len(followed(history, elsewhere)) == 3


def test_no_event_is_lost() -> None:
    waiting, delayed = told(Step.ACCEPTED, Step.WAITING), told(Step.ACCEPTED, Step.PLANNED, Step.DELAYED, event_id="d")
    sent, finished = told(Step.ACCEPTED, Step.PLANNED, Step.SENT, event_id="s"), told(*DAYS[0], event_id="f")
    histories = [delayed, finished, sent, waiting, ()]
    assert unfinished(histories) == (delayed[-1], sent[-1], waiting[-1])
    assert due(histories, NOON) == ()
    assert due(histories, NOON + timedelta(minutes=61)) == (waiting[-1],)
    assert due(histories, NOON + timedelta(hours=2)) == (waiting[-1], delayed[-1])
    assert reasons(lambda: due(histories, datetime(2024, 3, 8))) == [("now", "TIME_WITHOUT_ZONE")]


def test_the_hour_that_comes_twice() -> None:
    first = datetime(2026, 11, 1, 1, 50, tzinfo=NEW_YORK)
    second = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1)  # 20 minutes later, on a clock that went back
    waiting = update("me", "e", Step.WAITING, first, "deposit", second)
    assert due([(waiting,)], first + timedelta(minutes=1)) == ()
    assert due([(waiting,)], second) == (waiting,)
    accepted = followed((), update("me", "e", Step.ACCEPTED, first, "deposit"))
    assert len(followed(accepted, update("me", "e", Step.PLANNED, second, "deposit"))) == 2
    assert reasons(lambda: update("me", "e", Step.WAITING, second, "deposit", first)) == [("until", "NOT_LATER")]
    planned = followed((), update("me", "e", Step.ACCEPTED, second, "deposit"))
    early = update("me", "e", Step.PLANNED, first, "deposit")
    assert reasons(lambda: followed(planned, early)) == [("update.at", "CLOCK_RUNS_BACKWARDS")]
    later = update("me", "l", Step.WAITING, first, "deposit", first + timedelta(minutes=5))
    assert due([(waiting,), (later,)], second + timedelta(hours=1)) == (later, waiting)
