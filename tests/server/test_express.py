"""The short way answers as the long way does, or not at all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from server import answers
from server.answers import answer_plan
from server.conversion import fingerprint, parse, parse_marked
from server.express import planned_at_once
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Budget, Deposit, Event, Holding, InvalidRequest, Pie, Portfolio, Reach, Rebalance, Slice, Withdrawal
from tests.property.strategies import Account, accounts


def asked(portfolio: Portfolio, event: Event, m: int = 0) -> pb.PlanRequest:
    message = plan_request(portfolio, event, m, view=pb.VIEW_ORDERS)
    message.options.engine = pb.ENGINE_KERNEL
    message.request_id, message.events[0].event_id = "request", "event"
    return message


def answered(message: pb.PlanRequest) -> pb.PlanResponse:
    return answer_plan(message.SerializeToString(), None, Budget(), time.monotonic())


def at_once(message: pb.PlanRequest) -> bool:
    return planned_at_once(message, pb.PlanResponse(), "mark")


def account(cash: int = 700) -> Portfolio:
    pie = Pie((Slice("b", 1, Holding("B", 1_900)), Slice("c", 1, Holding("C", 1_000))))
    return Portfolio(Pie((Slice("p", 3, pie), Slice("d", 2, Holding("D", 2_500)))), cash)


def test_the_short_way_says_what_the_long_way_says() -> None:
    """To the last field, but for the last digits of J and its bound, which are summed in another order."""
    seen: Counter[str] = Counter()

    @settings(deadline=None, max_examples=500, suppress_health_check=list(HealthCheck))
    @given(accounts(9_000))
    def look(drawn: Account) -> None:
        portfolio, event, m = drawn
        if not isinstance(event, Deposit | Withdrawal | Rebalance):
            return
        message = asked(portfolio, event, m)
        seen["asked"] += 1
        if not at_once(message):
            return
        seen["at once"] += 1
        quick = answered(message)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(answers, "planned_at_once", lambda *_: False)
            slow = answered(message)
        assert quick.plan.certificate.tracking_error == pytest.approx(slow.plan.certificate.tracking_error, abs=1e-9)
        for response in (quick, slow):
            assert response.plan.certificate.lower_bound == pytest.approx(
                slow.plan.certificate.tracking_error, abs=1e-6
            )
            response.ClearField("diagnostics")
            for name in ("tracking_error", "lower_bound", "rounding_slack"):
                response.plan.certificate.ClearField(name)
        assert quick == slow

    look()
    assert seen["at once"] >= 0.3 * seen["asked"]


def with_option(change: Callable[[pb.PlanRequest], object]) -> pb.PlanRequest:
    message = asked(account(), Deposit(1_000), 100)
    change(message)
    return message


LONG: dict[str, Callable[[pb.PlanRequest], object]] = {
    "another engine": lambda m: setattr(m.options, "engine", pb.ENGINE_HIGHS),
    "nodes": lambda m: setattr(m.options, "view", pb.VIEW_NODES),
    "only checked": lambda m: setattr(m.options, "validate_only", True),
    "rule costs": lambda m: setattr(m.options, "rule_costs", True),
    "a time limit": lambda m: m.options.time_limit.FromSeconds(3),
    "a work limit": lambda m: setattr(m.options, "work_limit", 5),
    "a cash floor": lambda m: setattr(m.rules, "cash_floor", 5),
    "a threshold": lambda m: setattr(m.rules, "deposit_threshold", 5),
    "a security's rule": lambda m: m.portfolio.securities.add(security_id="B"),
    "a quantity": lambda m: setattr(m.portfolio.root.slices[1].holding, "quantity_nanos", 5),
    "a weight total": lambda m: setattr(m.portfolio.root, "weight_total", 5),
    "a nested weight total": lambda m: setattr(m.portfolio.root.slices[0].pie, "weight_total", 2),
    "a time of prices": lambda m: m.portfolio.valued_at.FromSeconds(3),
    "no cash": lambda m: m.portfolio.ClearField("cash"),
    "no currency": lambda m: setattr(m.portfolio, "currency_code", "usd"),
    "an unknown currency": lambda m: setattr(m.portfolio, "currency_code", "ZZZ"),
    "no target": lambda m: m.portfolio.root.slices[1].ClearField("target_weight"),
    "no value": lambda m: m.portfolio.root.slices[1].holding.ClearField("value"),
    "no content": lambda m: m.portfolio.root.slices[1].ClearField("holding"),
    "an empty pie": lambda m: m.portfolio.root.slices[0].pie.ClearField("slices"),
    "no id": lambda m: setattr(m.portfolio.root.slices[1], "slice_id", ""),
    "an id twice": lambda m: setattr(m.portfolio.root.slices[1], "slice_id", "b"),
    "a security twice": lambda m: setattr(m.portfolio.root.slices[1].holding, "security_id", "B"),
    "a long id": lambda m: setattr(m.portfolio.root.slices[1], "slice_id", "i" * 65),
    "a long security": lambda m: setattr(m.portfolio.root.slices[1].holding, "security_id", "i" * 65),
    "a long request id": lambda m: setattr(m, "request_id", "i" * 129),
    "a long event id": lambda m: setattr(m.events[0], "event_id", "i" * 129),
    "no event": lambda m: m.ClearField("events"),
    "two events": lambda m: m.events.add(withdrawal=pb.Withdrawal(amount=5)),
    "no amount": lambda m: m.events[0].deposit.ClearField("amount"),
    "a target change": lambda m: m.events[0].target_change.pies.add(),
    "no reach": lambda m: m.events[0].rebalance.SetInParent(),
    "no such pie": lambda m: m.events[0].CopyFrom(pb.Event(rebalance=pb.Rebalance(slice_id="x", reach=pb.REACH_DEEP))),
    "a negative value": lambda m: setattr(m.portfolio.root.slices[1].holding, "value", -5),
    "a negative target": lambda m: setattr(m.portfolio.root.slices[1], "target_weight", -5),
    "too much": lambda m: setattr(m.events[0].deposit, "amount", 2**62),
    "a bound by branches": lambda m: setattr(m.rules, "min_trade", 342),
}


@pytest.mark.parametrize("case", LONG)
def test_all_else_goes_the_long_way(case: str) -> None:
    """Nothing is written then; and the long way answers, or refuses by name."""
    assert at_once(asked(account(), Deposit(1_000), 100))
    message, response = with_option(LONG[case]), pb.PlanResponse()
    assert not planned_at_once(message, response, "mark")
    assert response == pb.PlanResponse()
    with suppress(InvalidRequest):
        answered(message)


@pytest.mark.parametrize("event", [Withdrawal(2_000), Rebalance(), Rebalance("p"), Rebalance("", Reach.SHALLOW)])
def test_every_event_goes_the_short_way(event: Event) -> None:
    assert at_once(asked(account(), event))


def test_what_is_confirmed_is_what_is_planned() -> None:
    """A fingerprint that is expected goes the short way; another one is refused there as anywhere."""
    message = asked(account(), Deposit(1_000), 100)
    mark = answered(message).plan.fingerprint
    message.options.expected_fingerprint = mark
    assert answered(message).plan.fingerprint == mark
    message.options.expected_fingerprint = "0" * 64
    with pytest.raises(Exception, match="expected_fingerprint"):
        answered(message)


def test_a_request_and_its_fingerprint_are_read_at_once() -> None:
    """Whatever order its bytes come in; and what is unknown is refused, however deep it lies."""
    message = asked(account(), Deposit(1_000), 100)
    data, bare, expecting = message.SerializeToString(), pb.PlanRequest(), pb.PlanRequest()
    bare.CopyFrom(message)
    bare.ClearField("options")
    expecting.CopyFrom(message)
    expecting.options.expected_fingerprint = "f" * 64
    options = pb.PlanRequest(options=message.options).SerializeToString()
    for told in (
        data,
        options + bare.SerializeToString(),
        bare.SerializeToString(),
        expecting.SerializeToString(),
        b"",
    ):
        assert parse_marked(told) == (parse(pb.PlanRequest, told), fingerprint(parse(pb.PlanRequest, told)))
    assert parse_marked(options + bare.SerializeToString()) == parse_marked(data) == parse_marked(data + options)
    assert parse_marked(expecting.SerializeToString())[1] == parse_marked(data)[1]
    deep = pb.PlanRequest()
    deep.CopyFrom(message)
    deep.portfolio.root.slices[0].pie.slices[1].MergeFromString(b"\xa2\x7d\x01x")
    for told in (data + b"\xa2\x7d\x01x", deep.SerializeToString()):
        with pytest.raises(InvalidRequest, match="which this version does not know"):
            parse_marked(told)
    with pytest.raises(InvalidRequest, match="valid message"):
        parse_marked(b"\xff")


def test_what_is_small_is_answered_without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    message = asked(account(), Deposit(1_000), 100)
    data, now = message.SerializeToString(), time.monotonic()
    expected = answered(message).plan
    found = answers.answer_at_once(data, None, now)
    assert found is not None
    assert found.plan == expected
    assert answers.answer_at_once(data, now + 10.0, now) is not None
    assert answers.answer_at_once(data, now + 0.01, now) is None  # who has no time is told by the long way
    assert answers.answer_at_once(b"\xff", None, now) is None
    assert answers.answer_at_once(with_option(LONG["another engine"]).SerializeToString(), None, now) is None
    monkeypatch.setattr(answers, "AT_ONCE_BYTES", len(data) - 1)
    assert answers.answer_at_once(data, None, now) is None
    monkeypatch.undo()
    monkeypatch.setattr(answers, "ready", lambda: False)  # it would compile for half a minute while others wait
    assert answers.answer_at_once(data, None, now) is None
