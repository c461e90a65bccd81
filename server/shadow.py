"""A share of the kernel's plans, planned again by HiGHS in the background: two engines that share no search must agree.

Which plans, is decided by what was asked (``share_of``), so that the same requests are looked at every time. HiGHS runs
in a process of its own at the lowest priority, one plan at a time, and begins only while no worker has anything to do;
what waits is bounded, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import structlog
from google.protobuf.json_format import MessageToJson
from numpy.typing import NDArray

from server.answers import answer_plan
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import Budget
from solver.certificate import allowed_gap
from solver.columns import ENGINES, QUALITIES, Accounts, Plans, account_of, part

__all__ = ["Counts", "Figures", "Shadow", "judged", "marks_of", "plan_again"]

MAX_WAITING, MAX_WAITING_BYTES = 64, 16 * 1024 * 1024
POLL_SECONDS = 0.010
LOWEST_PRIORITY = 19
PATIENCE_SECONDS = 60.0  # for a process that starts, and for a plan that has 5 s
KERNEL = next(number for engine, number in ENGINES.items() if engine.value == "KERNEL")
HEX_DIGITS, MARK_BITS = 13, 53  # what a double tells apart

Marks: TypeAlias = NDArray[np.uint64]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Figures:
    """What two plans are compared by: cash left and retired excess (minor units), J, its rounding slack, its proof."""

    cash_left: int
    retired_excess: int
    tracking_error: float
    rounding_slack: float
    optimal: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the plans that were chosen."""

    agreed: int = 0
    disagreed: int = 0
    undecided: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A plan of the kernel, and how to write the request for it once there is time."""

    request: Callable[[], pb.PlanRequest]
    figures: Figures
    size_bytes: int


class Shadow:
    """Plans of the kernel, looked at again; a context manager, since it holds a thread and a process."""

    def __init__(self, share: float = 0.0) -> None:
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"the share of plans to look at again is {share}; give one between 0 and 1")
        self.share = share
        self._idle: Callable[[], bool] = lambda: True
        self._counts, self._waiting, self._waiting_bytes = Counts(), deque[_Waiting](), 0
        self._lock, self._some, self._closed = threading.Lock(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Shadow:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._some.set()
        if self._thread:
            self._thread.join()

    @property
    def counts(self) -> Counts:
        """What became of the plans so far."""
        with self._lock:
            return self._counts

    def begin(self, idle: Callable[[], bool]) -> None:
        """Look at plans from now on, while ``idle`` says that no caller waits for a worker."""
        self._idle = idle
        if self.share and not self._thread:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()

    def offer_plan(self, data: bytes, response: pb.PlanResponse) -> None:
        """Take the ``response`` to the ``PlanRequest`` in ``data``, if it is the kernel's and its mark is chosen."""
        if not self.share:
            return
        found = response.plan.certificate
        if found.engine != "KERNEL":
            return
        if int(response.plan.fingerprint[:HEX_DIGITS], 16) < self.share * 16**HEX_DIGITS:
            self._take(_Waiting(lambda: pb.PlanRequest.FromString(data), _figures(found), len(data)))

    def offer_columns(self, accounts: Accounts, plans: Plans) -> None:
        """Take those ``plans`` that are the kernel's and whose marks are chosen."""
        if not self.share:
            return
        chosen = (plans.engine == KERNEL) & (marks_of(accounts).astype(np.float64) < self.share * 2.0**MARK_BITS)
        for account in np.flatnonzero(chosen).tolist():
            self._take(_of_columns(accounts, plans, account))

    def _take(self, waiting: _Waiting) -> None:
        with self._lock:
            if (
                len(self._waiting) < MAX_WAITING
                and self._waiting_bytes + waiting.size_bytes <= MAX_WAITING_BYTES
                and not self._closed.is_set()
            ):
                self._waiting.append(waiting)
                self._waiting_bytes += waiting.size_bytes
                self._some.set()
            else:
                self._counts = replace(self._counts, dropped=self._counts.dropped + 1)

    def _run(self) -> None:
        """The thread: one plan after the other, none while callers wait."""
        pool: ProcessPoolExecutor | None = None
        while not self._closed.is_set():
            self._some.wait()
            while not self._closed.is_set() and not self._idle():
                time.sleep(POLL_SECONDS)
            with self._lock:
                if not self._waiting:
                    self._some.clear()
                    continue
                one = self._waiting.popleft()
                self._waiting_bytes -= one.size_bytes
            pool = pool or _process()
            if not self._look(one, pool):
                pool.shutdown(wait=False, cancel_futures=True)
                pool = None
        if pool:
            pool.shutdown(wait=True, cancel_futures=True)

    def _look(self, one: _Waiting, pool: ProcessPoolExecutor) -> bool:
        """Compare one plan with HiGHS's, count and log; whether the process is still good for another."""
        request = one.request()
        try:
            told = pool.submit(plan_again, request.SerializeToString()).result(PATIENCE_SECONDS)
            verdict, why = judged(one.figures, pb.PlanResponse.FromString(told))
            alive = True
        except Exception as error:  # the process died, or HiGHS failed on it: this must not end the looking
            verdict, why, alive = "undecided", repr(error), False
        with self._lock:
            self._counts = replace(self._counts, **{verdict: getattr(self._counts, verdict) + 1})
        if verdict == "disagreed":
            ready = MessageToJson(request, preserving_proto_field_name=True, indent=None)
            log.error(f"the kernel and HiGHS disagree: {why}\n{ready}")
        elif not alive:
            log.warning("a plan could not be looked at again", error=why)
        return alive


def marks_of(accounts: Accounts) -> Marks:
    """A number below 2^53 for every account, by what it holds and what happens to it: equal accounts, equal numbers."""
    by_row = np.zeros(len(accounts.parent), dtype=np.uint64)
    for column in (accounts.parent, accounts.target_weight, accounts.value, accounts.blocked):
        by_row = _mixed(by_row + column.astype(np.uint64))
    summed = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(by_row)))
    marks = summed[accounts.start[1:]] - summed[accounts.start[:-1]]
    for column in (accounts.event, accounts.amount, accounts.event_row, accounts.cash, accounts.min_trade):
        marks = _mixed(marks + column.astype(np.uint64))
    return marks >> np.uint64(64 - MARK_BITS)


def _mixed(marks: Marks) -> Marks:
    """Every bit of a number moved by every other: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    marks = marks + np.uint64(0x9E3779B97F4A7C15)
    marks = (marks ^ (marks >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    marks = (marks ^ (marks >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return marks ^ (marks >> np.uint64(31))


def _figures(found: pb.Certificate) -> Figures:
    optimal = found.quality == pb.QUALITY_OPTIMAL
    return Figures(found.cash_left, found.retired_excess, found.tracking_error, found.rounding_slack, optimal)


def _of_columns(accounts: Accounts, plans: Plans, account: int) -> _Waiting:
    one = Accounts(*(column.copy() for column in part(accounts, account, account + 1)))  # not all of its request
    figures = Figures(
        int(plans.cash_left[account]),
        int(plans.retired_excess[account]),
        float(plans.tracking_error[account]),
        float(plans.rounding_slack[account]),
        QUALITIES[int(plans.quality[account])] == "OPTIMAL",
    )

    def request() -> pb.PlanRequest:
        return plan_request(*account_of(one, 0), view=pb.VIEW_ORDERS, engine=pb.ENGINE_KERNEL)

    return _Waiting(request, figures, sum(column.nbytes for column in one))


def judged(kernel: Figures, response: pb.PlanResponse) -> tuple[str, str]:
    """``agreed``, ``disagreed`` or ``undecided``, and why; ``response`` is HiGHS's.

    Plans agree where cash and excess are equal and |J − J'| ≤ the gap that a proof allows, if one of them is proved. A
    plan that is not proved may be worse than the other, but a proved one never is.
    """
    if response.WhichOneof("outcome") != "plan":
        reason = response.infeasible.reason
        return ("undecided" if reason == "OUT_OF_TIME" else "disagreed"), f"HiGHS has no plan: {reason}"
    highs = _figures(response.plan.certificate)
    why = f"{kernel}, HiGHS {highs}"
    gap = allowed_gap(kernel.rounding_slack, highs.tracking_error)
    above = kernel.tracking_error - highs.tracking_error
    ranked = (kernel.cash_left, kernel.retired_excess) == (highs.cash_left, highs.retired_excess)
    if ranked and abs(above) <= gap and (highs.optimal or kernel.optimal):
        return "agreed", why
    if highs.optimal and kernel.optimal:
        return "disagreed", why
    if ranked and ((highs.optimal and above < -gap) or (kernel.optimal and above > gap)):
        return "disagreed", why  # better than what is proved to be the best
    return "undecided", why


def _process() -> ProcessPoolExecutor:
    """One process at the lowest priority; spawned, since a fork would take over gRPC's threads half alive."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_yield_to_all)


def _yield_to_all() -> None:
    os.nice(LOWEST_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to hear


def plan_again(data: bytes) -> bytes:
    """The bytes of HiGHS's response to the ``PlanRequest`` in ``data``; runs in the process."""
    request = pb.PlanRequest.FromString(data)
    request.options.Clear()
    request.options.engine = pb.ENGINE_HIGHS
    return answer_plan(request.SerializeToString(), None, Budget(), time.monotonic()).SerializeToString()
