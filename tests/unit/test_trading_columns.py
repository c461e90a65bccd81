"""What columns refuse, and which entry they name."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime

import numpy as np
import pytest

from solver import InvalidRequest, Side
from solver.trading.accounts import Account, Asked, Traded
from solver.trading.clocks import NEVER, microseconds
from solver.trading.decision_columns import KINDS, DecisionColumns, decide_columns
from solver.trading.sessions import (
    M1_WINDOWS,
    Kind,
)
from solver.trading.trigger_columns import TriggerColumns, check_trigger_columns
from solver.trading.triggers import (
    Drift,
    Policy,
    Scope,
)
from tests.property.trading import EASTERN, decision_columns


def two_accounts() -> tuple[TriggerColumns, DecisionColumns]:
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    case = (Account(100, 100, trades=(Traded("AAA", Side.BUY, clock),)), Asked(Kind.DEPOSIT, clock), clock)
    zero, never = np.zeros(2, dtype=np.int64), np.full(2, NEVER)
    triggers = TriggerColumns(
        started_us=np.full(2, microseconds(clock)),
        last_rebalance_us=never,
        last_run_us=never,
        cash=zero,
        cash_floor=zero,
        withdrawal=zero,
        start=np.array([0, 3, 6]),
        parent=np.array([-1, 0, 0] * 2),
        target_weight=np.array([1, 5, 5] * 2),
        value=np.array([0, 3, 3] * 2),
        asset_class=np.full(6, -1),
    )
    return triggers, decision_columns([case, case], M1_WINDOWS)


def spoiled(columns: object, name: str, place: int, number: int) -> object:
    column = getattr(columns, name).copy()
    column[place] = number
    return replace(columns, **{name: column})  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("name", "place", "number", "reason"),
    [
        ("cash", 1, -1, "OUT_OF_RANGE"),
        ("started_us", 1, NEVER, "OUT_OF_RANGE"),
        ("last_rebalance_us", 0, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("start", 2, 5, "OUT_OF_RANGE"),
        ("parent", 4, 1, "WRONG_PARENT"),
        ("parent", 3, 0, "WRONG_PARENT"),
        ("parent", 1, -1, "WRONG_PARENT"),
        ("value", 5, -1, "OUT_OF_RANGE"),
        ("target_weight", 5, -5, "OUT_OF_RANGE"),
    ],
)
def test_trigger_columns_name_the_entry_at_fault(name: str, place: int, number: int, reason: str) -> None:
    columns = two_accounts()[0]
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    policy = Policy((Drift(Scope.SLICES, 0),))
    assert not check_trigger_columns(columns, policy, clock).any()
    with pytest.raises(InvalidRequest) as caught:
        check_trigger_columns(spoiled(columns, name, place, number), policy, clock)  # type: ignore[arg-type]
    assert [(v.field, v.reason) for v in caught.value.violations] == [(f"columns.{name}[{place}]", reason)]


def test_a_pie_without_a_positive_target_is_named() -> None:
    columns = replace(two_accounts()[0], target_weight=np.array([1, 5, 5, 1, 0, 0]))
    with pytest.raises(InvalidRequest, match=r"columns\.target_weight\[3\]"):
        check_trigger_columns(columns, Policy((Drift(Scope.SLICES, 0),)), datetime(2026, 11, 20, 12, tzinfo=EASTERN))


@pytest.mark.parametrize(
    ("name", "place", "number", "reason"),
    [
        ("kind", 1, len(KINDS), "OUT_OF_RANGE"),
        ("trade_side", 0, 2, "OUT_OF_RANGE"),
        ("flags", 1, 2, "OUT_OF_RANGE"),
        ("clock_us", 0, microseconds(datetime(1990, 1, 1, tzinfo=EASTERN)), "OUT_OF_RANGE"),
        ("looked_us", 1, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("asked_us", 1, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("trade_us", 1, microseconds(datetime(2027, 1, 1, tzinfo=EASTERN)), "CLOCK_RUNS_BACKWARDS"),
        ("trade_start", 1, 3, "OUT_OF_RANGE"),
        ("min_order", 0, -1, "OUT_OF_RANGE"),
    ],
)
def test_decision_columns_name_the_entry_at_fault(name: str, place: int, number: int, reason: str) -> None:
    columns = two_accounts()[1]
    decide_columns(columns, M1_WINDOWS)
    with pytest.raises(InvalidRequest) as caught:
        decide_columns(spoiled(columns, name, place, number), M1_WINDOWS)  # type: ignore[arg-type]
    assert caught.value.violations[0].reason == reason
    assert caught.value.violations[0].field.startswith(f"columns.{name}[")


def test_columns_of_another_shape_or_type_are_refused() -> None:
    triggers, decisions = two_accounts()
    clock = datetime(2026, 11, 20, 12, tzinfo=EASTERN)
    for column in fields(triggers):
        known = getattr(triggers, column.name)
        with pytest.raises(InvalidRequest):
            check_trigger_columns(replace(triggers, **{column.name: known.astype(np.float64)}), Policy(), clock)
    for column in fields(decisions):
        known = getattr(decisions, column.name)
        with pytest.raises(InvalidRequest, match="must be"):
            decide_columns(replace(decisions, **{column.name: np.append(known, known[:1])}), M1_WINDOWS)
