"""One account in memory of one piece is planned as the same account in columns is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from benchmarks.instances import Case
from solver.columns import (
    BOUND_SOURCES,
    BY_ACCOUNT,
    CUTS,
    EVIDENCE,
    QUALITIES,
    Accounts,
    Plans,
    accounts_from,
)
from solver.engines.kernel.alone import Alone, prepared
from solver.engines.kernel.loop import plan_all

WORK = 20_000
EVENTS = ("deposit 1%", "deposit 20%", "withdrawal 5%", "withdrawal 50%", "rebalance deep", "rebalance shallow")
BY_ROW = ("trade", "ideal")
FIGURES = ("cash_after", "cash_left", "retired_excess", "tracking_error", "lower_bound", "rounding_slack")


def cases() -> list[Accounts]:
    kinds = product(((20,), (4, 5), (2, 3, 2)), (False, True), EVENTS, ("none", "binding"))
    return [
        accounts_from([Case(shape, equal, True, event, m).posed()])
        for shape, equal, event, m in kinds
        if not (event == "rebalance shallow" and len(shape) == 1)
    ]


def told(one: Accounts) -> tuple[tuple[list[int], ...], list[int]]:
    columns = one.parent.tolist(), one.target_weight.tolist(), one.value.tolist()
    return columns, [int(getattr(one, name)[0]) for name in BY_ACCOUNT]


def proved(plans: Plans) -> bool:
    return (plans.quality[0], plans.bound_source[0]) == (
        QUALITIES.index("OPTIMAL"),
        BOUND_SOURCES.index("RECOMPUTED"),
    )


def test_the_same_plans_one_after_the_other() -> None:
    alone, seen = Alone(64), 0
    for one in cases():
        expected = plan_all(one, WORK)
        columns, head = told(one)
        rounds = alone.plan(columns, head, WORK)
        assert (rounds >= 0) == proved(expected)
        if rounds < 0:
            continue
        seen += 1
        count, found = len(columns[0]), alone.plans
        for name in BY_ROW:
            np.testing.assert_array_equal(getattr(found, name)[:count], getattr(expected, name))
        assert alone.figures() == tuple(getattr(expected, name)[0] for name in FIGURES)
        for start, names in (("evidence_start", EVIDENCE), ("cut_start", CUTS)):
            end = getattr(found, start)[1]
            assert end == getattr(expected, start)[1]
            for name in names:
                np.testing.assert_array_equal(getattr(found, name)[:end], getattr(expected, name))
    assert seen >= len(cases()) / 2


@pytest.mark.parametrize("rows", [3, 21, 64])
def test_as_many_rows_as_there_is_room_for(rows: int) -> None:
    parent, weight, value = [-1] + [0] * (rows - 1), [1] * rows, [0, *range(rows - 1)]
    alone = Alone(rows)
    assert alone.plan((parent, weight, value), (1, 50_000, 0, 7, 0), WORK) >= 0
    assert alone.plans.trade[:rows].sum() == 50_007
    assert alone.figures()[:2] == (0, 0)


def test_what_is_no_account_has_no_plan_and_leaves_no_trace() -> None:
    alone = Alone(8)
    good = ([-1, 0, 0], [1, 1, 1], [0, 5, 7]), (1, 9, 0, 3, 0)
    first = alone.plan(*good, WORK), alone.figures(), alone.plans.trade[:3].tolist()
    assert first[0] >= 0
    for columns, head in (
        (([-1, 0, 5], [1, 1, 1], [0, 5, 7]), good[1]),
        (([-1, 0, 0], [1, 0, 0], [0, 5, 7]), good[1]),
        (([-1, 0, 0], [1, 1, 1], [0, -5, 7]), good[1]),
        (good[0], (9, 9, 0, 3, 0)),
        (good[0], (2, 16, 0, 3, 0)),
    ):
        assert alone.plan(columns, head, WORK) == -1
    assert (alone.plan(*good, WORK), alone.figures(), alone.plans.trade[:3].tolist()) == first
    assert prepared()
