"""The short way to a plan by the kernel: the account as columns, the compiled loop, and orders of what comes back.

It takes what columns can say: one deposit, withdrawal or rebalance under a minimum trade, in an account without rules
of securities, each security in one slice. For all else, for whatever looks wrong, and where the loop's own checker did
not recompute the bound, it answers nothing, and the long way is gone (``planning.py``), which tells the same.

The orders, the cash and what the certificate proves are there at once. The nodes with their sentences, the evidence by
its names and the portfolio afterwards are what the long way makes of the same trades, when somebody reads them
(``later.py``). J and its bound are sums of doubles here: their last digits may differ from the long way's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from solver.bound import Branch, Cut
from solver.building import build_problem
from solver.cash import decide_cash
from solver.certificate import Findings
from solver.columns import CUTS, EVIDENCE, EventKind
from solver.errors import EngineUnavailable
from solver.events import Deposit, Event, Events, Reach, Rebalance, Withdrawal
from solver.later import made_later
from solver.money import MAX_MONEY
from solver.plan import BoundSource, CashFlow, Certificate, Infeasible, Limit, Order, OrderPart, Plan, Quality
from solver.portfolio import Holding, Pie, Portfolio
from solver.report import Proved, report
from solver.rules import Budget, Engine, Rules
from solver.securities import Side
from solver.situations import understand
from solver.version import SOLVER_VERSION

__all__ = ["BRANCHES", "MOST_ROWS", "Answer", "Posed", "planned_at_once", "ready", "solved_at_once"]

MOST_ROWS = 513  # of an account; larger ones are not what takes long on the way
WORK = 20_000  # slices that a search looks at, at most: it may run where others wait, and the long way begins anew
SECONDS = 0.050  # that must be left: many times what so much work takes
BRANCHES = 2_000  # that must be allowed: a caller who allows few may want to be told of a limit
_local = threading.local()


class Posed(NamedTuple):
    """One account and its event as ``columns.py`` lays them out."""

    parent: Sequence[int]
    target_weight: Sequence[int]
    value: Sequence[int]
    event: int
    amount: int
    event_row: int
    cash: int
    min_trade: int


class Answer(NamedTuple):
    """What the loop found, proved OPTIMAL with a recomputed bound: trades by row, and the certificate's figures.

    ``rounds`` counts the bounds that the search computed; ``evidence`` lists branches, rows and multipliers, and what
    cuts the branches.
    """

    trade: list[int]
    cash_after: int
    cash_left: int
    retired_excess: int
    tracking_error: float
    lower_bound: float
    rounding_slack: float
    rounds: int
    evidence: tuple[list[Any], ...] = ()
    cuts: tuple[list[int], ...] = ()


def solved_at_once(posed: Posed, explain: bool = False) -> Answer | None:
    """The loop's answer to ``posed`` where that is proved; none where anything looks wrong."""
    from solver.engines.kernel.alone import Alone  # numba takes half a second, and most never ask for it

    count = len(posed.parent)
    if count > MOST_ROWS or not 0 <= posed.amount <= MAX_MONEY:
        return None
    alone: Alone | None = getattr(_local, "alone", None)
    if alone is None:
        alone = _local.alone = Alone(MOST_ROWS)
    rounds, plans = alone.plan(posed[:3], posed[3:], WORK), alone.plans
    if rounds < 0:
        return None
    trade = plans.trade[:count].tolist()
    if not explain:
        return Answer(trade, *alone.figures(), rounds)
    evidence, cuts = (
        tuple([getattr(plans, name)[: getattr(plans, start).item(1)].tolist() for name in names])
        for start, names in (("evidence_start", EVIDENCE), ("cut_start", CUTS))
    )
    return Answer(trade, *alone.figures(), rounds, evidence, cuts)


def ready() -> bool:
    """Whether the loop is compiled in this process: nobody waits for half a minute then."""
    alone = sys.modules.get("solver.engines.kernel.alone")
    prepared = getattr(alone, "prepared", None)  # another thread may be importing it: ``prepared`` is its last name
    return prepared is not None and bool(prepared())


def _branches(evidence: Iterable[Iterable[Any]], cuts: Iterable[Iterable[int]]) -> tuple[Branch, ...]:
    """Evidence as the checker reads it, of the columns (branch, row, multiplier) and (branch, row, least, most)."""
    prices: dict[int, dict[int, list[float]]] = {}
    for branch, pie, price in zip(*evidence, strict=True):
        prices.setdefault(branch, {}).setdefault(pie, []).append(price)
    paths: dict[int, list[Cut]] = {}
    for branch, row, least, most in zip(*cuts, strict=True):
        paths.setdefault(branch, []).append((row, least, most))
    return tuple(
        Branch(tuple(paths.get(branch, ())), {pie: np.array(sorted({*listed})) for pie, listed in by_pie.items()})
        for branch, by_pie in sorted(prices.items())
    )


class _Rows:
    """An account's rows as they are read, depth first."""

    __slots__ = ("parent", "pies", "securities", "slices", "value", "weight")

    def __init__(self, root: Pie) -> None:
        self.slices, self.securities = [""], [""]
        self.parent, self.weight, self.value = [-1], [1], [0]
        self.pies = 1
        self._add(root, 0)

    def _add(self, pie: Pie, above: int) -> None:
        if len(self.parent) > MOST_ROWS:
            return
        for one in pie.slices:
            content = one.content
            self.slices.append(one.slice_id)
            self.parent.append(above)
            self.weight.append(one.target_weight)
            if isinstance(content, Holding):
                self.securities.append(content.security_id)
                self.value.append(content.value)
            else:
                self.securities.append("")
                self.value.append(0)
                self.pies += 1
                self._add(content, len(self.parent) - 1)

    def apart(self) -> bool:
        """Whether every security is in one slice."""
        return len({*self.securities}) == len(self.securities) - self.pies + 1


class _Rest:
    """What the long way makes of the same trades, once: for the plan, and for its certificate."""

    __slots__ = ("_answer", "_asked", "_explain", "_plan")

    def __init__(self, asked: tuple[Portfolio, Event, Rules], explain: bool, answer: Answer) -> None:
        self._asked, self._explain, self._answer = asked, explain, answer
        self._plan: Plan | None = None

    def plan(self) -> Plan:
        if self._plan is None:
            self._plan = self._reported()
        return self._plan

    def certificate(self) -> Certificate:
        return self.plan().certificate

    def _reported(self) -> Plan:
        understood, answer = understand(*self._asked), self._answer
        assert not isinstance(understood, Infeasible), "there is a plan"
        problem = decide_cash(build_problem(understood.situation)).cases[0]
        findings = Findings(*answer[2:7], optimal=True)
        branches = _branches(answer.evidence, answer.cuts) if self._explain else ()
        quality, source = Quality.OPTIMAL, BoundSource.RECOMPUTED
        proved = Proved(findings, quality, Limit.NONE, source, Engine.KERNEL, branches, answer.rounds)
        return report(understood, problem, np.array(answer.trade), proved, self._explain)


def planned_at_once(
    portfolio: Portfolio, events: Events, rules: Rules, budget: Budget, explain: bool = True
) -> Plan | None:
    """The plan by KERNEL as ``planning.plan`` has it, or ``None`` where the long way is to be gone."""
    ruled = rules.cash_floor or rules.deposit_threshold is not None or portfolio.securities
    if ruled or budget.work_limit < BRANCHES or budget.cancelled or budget.seconds_left() < SECONDS:
        return None
    event = events[0] if isinstance(events, tuple | list) and len(events) == 1 else events
    if not isinstance(event, Deposit | Withdrawal | Rebalance):
        return None
    rows = _Rows(portfolio.root)
    told = _told(event, rows.slices)
    if told is None or not rows.apart():
        return None
    posed = Posed(rows.parent, rows.weight, rows.value, *told, portfolio.cash, rules.min_trade)
    try:
        answer = solved_at_once(posed, explain)
    except EngineUnavailable:  # which the long way says, once it has looked at the request
        return None
    if answer is None or not any(answer.trade):  # where nothing trades there was no search, and there is no hurry
        return None
    return _written(rows, posed, answer, event.event_id, _Rest((portfolio, event, rules), explain, answer), explain)


def _told(event: Deposit | Withdrawal | Rebalance, slices: list[str]) -> tuple[int, int, int] | None:
    """Kind, amount and row of an event."""
    if isinstance(event, Rebalance):
        if event.slice_id not in slices or event.reach not in (Reach.DEEP, Reach.SHALLOW):
            return None
        kind = EventKind.REBALANCE if event.reach is Reach.DEEP else EventKind.REBALANCE_SHALLOW
        return kind, 0, slices.index(event.slice_id)
    if type(event.amount) is not int:
        return None
    return (EventKind.DEPOSIT if isinstance(event, Deposit) else EventKind.WITHDRAWAL), event.amount, 0


def _written(rows: _Rows, posed: Posed, answer: Answer, event_id: str, rest: _Rest, explain: bool) -> Plan:
    """The plan as the long way has it: sales first, each side in the order of the rows."""
    traded = [(row, amount) for row, amount in enumerate(answer.trade) if amount]
    sales = [(row, -amount) for row, amount in traded if amount < 0]
    purchases = [(row, amount) for row, amount in traded if amount > 0]
    orders: list[Order] = []
    for side, listed in ((Side.SELL, sales), (Side.BUY, purchases)):
        for row, amount in listed:
            closes = side is Side.SELL and amount == rows.value[row]
            parts = (OrderPart(rows.slices[row], amount, event_id),)
            orders.append(Order(len(orders) + 1, rows.securities[row], side, amount, closes, parts))
    bought, sold = sum(amount for _, amount in purchases), sum(amount for _, amount in sales)
    received = posed.amount if posed.event == EventKind.DEPOSIT else 0
    paid_out = posed.amount if posed.event == EventKind.WITHDRAWAL else 0
    figures = dict(zip(Answer._fields[2:7], answer[2:7], strict=True))
    proved = figures | {
        "quality": Quality.OPTIMAL,
        "limit": Limit.NONE,
        "engine": Engine.KERNEL.value,
        "solver_version": SOLVER_VERSION,
        "bound_source": BoundSource.RECOMPUTED,
        "broken_rules": (),
    }
    plan = {
        "cash": CashFlow(posed.cash, received, paid_out, bought, sold, answer.cash_after),
        "orders": tuple(orders),
        "certificate": made_later(Certificate, rest.certificate, proved | ({} if explain else {"evidence": ()})),
        "rounds": answer.rounds,
        "transfers": (),
    }
    return made_later(Plan, rest.plan, plan | ({} if explain else {"nodes": ()}))
