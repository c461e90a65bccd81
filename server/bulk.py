"""Answers to requests for columns: parse, plan chunk by chunk with an eye on the clock, write; on a worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from server.answers import BATCH_SECONDS, DEFAULT_SECONDS, moment_to_stop, set_times
from server.columns import Asked, columns_response, read_columns
from solver import Budget
from solver.bulk import plan_columns
from solver.columns import Accounts, Plans, Refusal, no_plans, part

__all__ = ["Offer", "answer_columns"]

# the compiled loop does not look at the clock, so it gets few accounts at a time, fewer where these take long
FIRST_CHUNK, LARGEST_CHUNK, CHUNK_ROWS = 16, 256, 16_384
LONG_SECONDS = 0.050
OUT_OF_TIME = Refusal("OUT_OF_TIME", "the time was over before this account came up; send it again")

Offer = Callable[[Accounts, Plans], None]


def answer_columns(
    data: bytes, deadline: float | None, budget: Budget, started: float, offer: Offer | None = None
) -> bytes:
    """The bytes of the response to a ``PlanColumnsRequest``'s bytes.

    ``budget`` gets its clock here, once the asked limit is known; ``offer`` is shown what was planned. Raises the
    solver's typed errors.
    """
    begun = time.monotonic()
    asked = read_columns(data)
    seconds = BATCH_SECONDS if asked.time_limit_seconds is None else asked.time_limit_seconds
    end = moment_to_stop(started, seconds, deadline)
    budget.seconds_left = lambda: end - time.monotonic()
    plans, refusals = _planned(asked, budget)
    if offer:
        offer(asked.accounts, plans)
    response = columns_response(asked, plans, refusals)
    set_times(response.diagnostics, started, begun)
    return response.SerializeToString(deterministic=True)


def _planned(asked: Asked, budget: Budget) -> tuple[Plans, dict[int, Refusal]]:
    """The plans of all accounts that came up in time, and by account why there is none."""
    accounts, parts, refusals = asked.accounts, [no_plans(0, 0)], dict[int, Refusal]()
    count, done = len(accounts.event), 0
    for first, last in _chunks(accounts):
        if budget.exhausted:
            break
        found = plan_columns(part(accounts, first, last), asked.engine, lambda: _of_one_account(budget))
        parts.append(found.plans)
        refusals |= {first + account: refusal for account, refusal in found.refusals.items()}
        done = last
    if done < count:
        parts.append(no_plans(count - done, int(accounts.start[-1] - accounts.start[done])))
        refusals |= dict.fromkeys(range(done, count), OUT_OF_TIME)
    return _joined(parts), refusals


def _chunks(accounts: Accounts) -> Iterator[tuple[int, int]]:
    """Where one chunk of accounts begins and ends after the other; sized while they are planned."""
    first, size = 0, FIRST_CHUNK
    while first < len(accounts.event):
        rows = int(np.searchsorted(accounts.start, accounts.start[first] + CHUNK_ROWS, side="right")) - 1
        last = max(first + 1, min(first + size, rows, len(accounts.event)))
        asked_at = time.monotonic()
        yield first, last
        long = time.monotonic() - asked_at > LONG_SECONDS
        first, size = last, max(1, size // 4) if long else min(2 * size, LARGEST_CHUNK)


def _of_one_account(budget: Budget) -> Budget:
    """What one account that the loop does not take may use of the call's ``budget``, which ends it as well."""
    end = time.monotonic() + DEFAULT_SECONDS
    return Budget(lambda: -1.0 if budget.cancelled else min(end - time.monotonic(), budget.seconds_left()))


def _joined(parts: list[Plans]) -> Plans:
    """The plans of all parts, their evidence one behind the other."""
    columns: dict[str, Any] = {}
    for name in Plans._fields:
        if name in ("evidence_start", "cut_start"):
            sizes = np.concatenate([np.diff(getattr(one, name)) for one in parts])
            columns[name] = np.concatenate(([0], np.cumsum(sizes)))
        else:
            columns[name] = np.concatenate([getattr(one, name) for one in parts])
    return Plans(**columns)
