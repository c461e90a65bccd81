"""How many accounts of a call in columns are planned at a time, and how long one of them may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

pytest.importorskip("numba", reason="the extra 'kernel' is not installed")

from server import bulk
from server.bulk import answer_columns
from server.columns import columns_request
from solver import Budget
from solver.bulk import plan_columns
from solver.columns import Accounts
from tests.server.test_columns import deposits


def test_one_account_may_not_use_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes through the pipeline has its own five seconds, at most those of the call, and ends with it."""
    budgets: list[Budget] = []

    def planned(columns: Accounts, engine: object, budget: Callable[[], Budget]) -> object:
        budgets.append(budget())
        return plan_columns(columns)

    monkeypatch.setattr(bulk, "plan_columns", planned)
    call = Budget()
    answer_columns(columns_request(deposits(5)).SerializeToString(), None, call, time.monotonic())
    assert 30 < call.seconds_left() <= 60
    assert 0 < budgets[0].seconds_left() <= 5
    request = columns_request(deposits(5))
    request.time_limit.CopyFrom(Duration(seconds=2))
    answer_columns(request.SerializeToString(), None, Budget(), time.monotonic())
    assert 0 < budgets[1].seconds_left() <= 2
    call.cancel()
    assert budgets[0].exhausted


def test_where_accounts_take_long_fewer_are_planned_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, now = list[int](), 0.0

    def planned(columns: Accounts, *_: object) -> object:
        nonlocal now
        sizes.append(len(columns.event))
        now += 0.06 if 7 <= len(sizes) <= 11 else 0.04
        return plan_columns(columns)

    monkeypatch.setattr(bulk, "plan_columns", planned)
    monkeypatch.setattr(bulk, "time", SimpleNamespace(monotonic=lambda: now))
    answer_columns(columns_request(deposits(*range(1_100))).SerializeToString(), None, Budget(), 0.0)
    assert sizes == [16, 32, 64, 128, 256, 256, 256, 64, 16, 4, 1, 1, 2, 4]


def test_a_chunk_has_few_rows_as_well() -> None:
    """Of accounts of 5,001 rows three; an account with more rows than a chunk is one."""
    start = np.array([0, *(5_001 * (a + 1) for a in range(6)), 60_000, 60_005])
    columns = Accounts(start, *[np.zeros(8, dtype=np.int64)] * 9)
    assert list(bulk._chunks(columns)) == [(0, 3), (3, 6), (6, 7), (7, 8)]
