"""The reference: the problem stated a second time, in CVXPY, for audits. The only file that imports cvxpy.

Written from PROBLEM.md and the waist alone; it shares nothing with the other engine or its rounding. For both stages:

    Σ_c y_c = y_p + R_p              at every pie (at the event's pie: R − spare ≤ Σ_c y_c ≤ R)
    flow_min ≤ y_n ≤ flow_max
    X = b − s − V z_c                only where a rule leaves gaps; z_c sells all that is held
        l_b z_b ≤ b ≤ u_b z_b,  l_s z_s ≤ s ≤ u_s z_s,  z_b + z_s + z_c ≤ 1
        k t − (d − 1)/d ≤ b ≤ k t    of leaves in coarse steps worth t = n/d, k integer, b whole cents of a small flow:
                                     so b = ⌊k t⌋; likewise s
    X = y_leaf, or Σ y_leaf          over the leaves of one security that may trade, where several slices hold it
    stage 2, retired:  minimise E = Σ_{w_n=0} max(0, A_n − ⌈A°_n⌉)
    stage 3, tracking: minimise J = Σ_n d_n²/(w_n A°_p) + 2 s_n d_n,  d_n = y_n − y°_n,  with E at its least

What an order may be is read off the caller's rules, not off the waist's domains: ``choices.py``.

HiGHS solves it where it is continuous, SCIP where a rule makes it mixed-integer. Then whole cents: each order keeps its
side, and its steps where it has them; amounts are rounded from the top of the tree down and exchanged between pairs of
leaves until no single cent improves (E, J): the best there is for these sides (Murota, Discrete Convex Analysis, thm
6.26). That holds of trees alone; of securities in several slices see ``whole.py``. What a solver says of itself is
passed on as its claim. Source: PROBLEM.md §2 and §3.
"""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.engines.choices import Choices
from solver.engines.whole import CENT, Shared, whole_cents
from solver.errors import EngineUnavailable, Unsupported, Violation
from solver.problem import Floats, Ints, Problem
from solver.rules import Budget
from solver.side_by_side import pies_side_by_side

__all__ = ["Opinion", "second_opinion"]

SECONDS_AT_MOST = 60.0  # where the caller sets no limit
WATCH_SECONDS = 0.02  # between two looks at whether a run must stop
FEASIBLE = 1e-8  # SCIP's feasibility tolerance, in units of money; its default of 1e-6 is cents of a large flow
CLAIM = 1e-7  # relative: what a continuous solver's tolerance takes from the optimum that it claims
CENTS_COUNT = 1e4  # minor units of flow: beyond, whole cents are more than SCIP's tolerance; plans got lost
NO_CENTS = Violation(
    "options.engine",
    "UNSUPPORTED",
    "REFERENCE found no plan in these quantity_step_nanos whose cents add up; ask for AUTO or HIGHS",
)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the reference thinks of one cash case: trades by row (minor units, 0 at pies), and what its solver claims.

    ``trades`` is ``None`` where no plan was found; where there is one it obeys every rule in integers. ``bound`` is
    the claimed lower bound on J, ``excess_bound`` the claimed least E (both minor units); ``stopped`` says that a
    limit ended a stage before its solver called it optimal.
    """

    trades: Ints | None
    bound: float
    excess_bound: int
    stopped: bool


def second_opinion(problem: Problem, budget: Budget) -> Opinion:
    """Solve stages 2 and 3 of ``problem``, one cash case of an event, within ``budget``'s time.

    Raises
    ------
    EngineUnavailable
        where cvxpy, or for gaps pyscipopt, is not installed; the message says what to install.
    Unsupported
        where whole steps do not come to whole cents that sum up: said, rather than a plan that breaks a rule.
    """
    choices = Choices.of(problem)
    cp = _cvxpy(choices)
    if not len(problem.leaves):  # nothing may trade: no question to ask a solver
        kept = np.maximum(0, problem.value - problem.keep)[problem.keep >= 0]
        return Opinion(np.zeros_like(problem.value), 0.0, int(kept.sum()), False)
    statement = _Statement(cp, problem, choices)
    excess_bound, stopped = 0, False
    if (problem.keep >= 0).any():
        least, slack = statement.solve(statement.excess, budget), CENT + FEASIBLE * statement.unit
        stopped = not least.optimal
        if least.optimal:
            excess_bound = max(0, math.ceil(least.bound * statement.unit - slack))
        if least.value < math.inf:
            most = max(excess_bound, math.ceil(least.value * statement.unit - slack))
            statement.constraints.append(statement.excess <= most / statement.unit)
    nearest = statement.solve(statement.error, budget)
    stopped |= not nearest.optimal
    bound, trades = max(0.0, nearest.bound * statement.worth), None  # J ≥ 0 needs nobody's claim
    if nearest.value < math.inf:
        trades = whole_cents(problem, *statement.amounts(), budget)
        if trades is None and choices.stepped and nearest.optimal:
            raise Unsupported((NO_CENTS,))
    return Opinion(trades, 0.0 if trades is None else bound, excess_bound, stopped or budget.exhausted)


def _cvxpy(choices: Choices) -> Any:
    """CVXPY, imported at its first use: it takes a second, and most processes never ask for it."""
    try:
        import cvxpy

        if choices.gaps:
            import pyscipopt  # noqa: F401  # CVXPY finds SCIP by it
    except ImportError as missing:
        raise EngineUnavailable(
            f"the engine REFERENCE needs {missing.name}: pip install 'piewise[reference]'"
        ) from missing
    return cvxpy


def _scip(budget: Budget) -> Any:
    """CVXPY's SCIP, which stops as soon as ``budget`` is exhausted, and lets other threads run in the meantime.

    CVXPY's own holds Python's global lock while SCIP runs: no other call of a server would be answered, and nobody
    could cancel. Writing the cones down takes it seconds, too, where there are a thousand.
    """
    from cvxpy.error import SolverError
    from cvxpy.reductions.solvers.conic_solvers.scip_conif import SCIP

    class WithinBudget(SCIP):
        def name(self) -> str:
            return "SCIP_WITHIN_BUDGET"

        def add_model_soc_constr(self, **cone: Any) -> Any:  # type: ignore[override]  # whatever its arguments are
            if budget.exhausted:
                raise SolverError("out of time")
            return super().add_model_soc_constr(**cone)

        def _solve(self, model: Any, *rest: Any) -> Any:
            with _watched(model, budget):
                model.optimizeNogil()
            model.setParam("limits/time", 0.0)  # CVXPY optimizes once more, and so only reads what was found
            return super()._solve(model, *rest)

    return WithinBudget()


@contextlib.contextmanager
def _watched(model: Any, budget: Budget) -> Iterator[None]:
    """Interrupt ``model`` once ``budget`` is exhausted."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            if budget.exhausted:
                model.interruptSolve()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a solver says of one objective, in the statement's units; a ``value`` of infinity is no solution at all."""

    optimal: bool = False
    value: float = math.inf
    bound: float = -math.inf


class _Statement:
    """The problem in CVXPY; ``unit`` is minor units in one of its units of money, ``worth`` in one of its units of J.

    Money is scaled by the flow, max(|y°_n|, the median least trade), and J by (least trade)²/(w_n A°_p) where there are
    gaps, which is what its optimum is like. So numbers are of order one whatever the portfolio is worth.
    """

    def __init__(self, cp: Any, problem: Problem, choices: Choices) -> None:
        self.cp, self.problem, self.choices = cp, problem, choices
        typical, size = choices.typical, len(problem.tree.parent)
        self.unit = max(1.0, typical, float(np.abs(problem.ideal[:size]).max()))
        self.low, self.high = problem.flow_min[:size].copy(), problem.flow_max[:size].copy()
        leaves, singles = problem.leaves, len(choices.alone)
        self.low[leaves], self.high[leaves] = choices.falls[leaves], choices.rises[leaves]
        self.low[choices.alone], self.high[choices.alone] = choices.low[:singles], choices.high[:singles]
        self.y = cp.Variable(size, bounds=[self.low / self.unit, self.high / self.unit])
        sums = [cp.sum(self.y[rows]) for rows in choices.shared]
        self.orders = cp.hstack([self.y[choices.alone]] * bool(singles) + sums) if sums else self.y[choices.alone]
        self.trading: Any = None
        self.constraints = [*self._conservation(), *(self._sides() if choices.gaps else ())]
        if sums:
            self.constraints += [self.orders >= choices.low / self.unit, self.orders <= choices.high / self.unit]
        felt = np.flatnonzero(problem.scale > 0)
        self.worth, self.error = 1.0, cp.Constant(0.0)
        if len(felt):
            self.worth = (typical if choices.gaps else self.unit) ** 2 / float(np.median(problem.scale[felt]))
            width = np.sqrt(problem.scale[felt] * self.worth)  # minor units of d that cost one unit of J
            off = cp.Variable(len(felt))  # d/width: a variable, so that the objective and its bound have no offset
            self.constraints += [off == cp.multiply(self.unit / width, self.y[felt] - problem.ideal[felt] / self.unit)]
            self.error = cp.sum(cp.square(off)) + (2.0 * problem.slope[felt] * width / self.worth) @ off
        retired = np.flatnonzero(problem.keep >= 0)
        above = (problem.value - problem.keep)[retired] / self.unit
        self.excess = cp.sum(cp.pos(self.y[retired] + above)) if len(retired) else cp.Constant(0.0)

    def _conservation(self) -> list[Any]:
        """Σ_c y_c = y_p + R_p at every pie; at the event's, whose own y is 0, less the cash that may be left."""
        problem, found = self.problem, []
        for p, rows in zip(problem.pies, problem.children, strict=True):
            left = self.y[p] + problem.received[p] / self.unit - self.cp.sum(self.y[rows])
            free = problem.spare if p == problem.event_row else 0
            found += [left >= 0, left <= free / self.unit] if free else [left == 0]
        if problem.beyond:  # of pies side by side, what each leaves beyond its own, in sum
            kept = {p: (-self.y[p] - problem.window(p) / self.unit) for p in pies_side_by_side(problem)}
            found.append(self.cp.sum([self.cp.pos(more) for more in kept.values()]) <= problem.beyond / self.unit)
        return found

    def _sides(self) -> list[Any]:
        """Each order in {0} ∪ [buys] ∪ −[part sales] ∪ −{all}, in whole steps where it has them."""
        choices, count = self.choices, len(self.choices.low)
        amount = self.cp.Variable((2, count), nonneg=True)
        self.trading = self.cp.Variable((3, count), boolean=True)
        return [
            self.orders == amount[0] - amount[1] - self.cp.multiply(choices.most[2] / self.unit, self.trading[2]),
            amount >= self.cp.multiply(choices.least[:2] / self.unit, self.trading[:2]),
            amount <= self.cp.multiply(choices.most[:2] / self.unit, self.trading[:2]),
            self.cp.sum(self.trading, axis=0) <= 1,
            self.trading <= (choices.most > 0),
            *(self._steps(amount) if choices.stepped else ()),
        ]

    def _steps(self, amount: Any) -> list[Any]:
        """The amounts of the orders in coarse steps: ⌊k t⌋, of which a sale of a part has no more than are held.

        Of a large flow whole cents are not asked for: then k t − 1 < b ≤ k t, and ⌊k t⌋ is taken once k is known.
        """
        choices, shape = self.choices, (2, len(self.choices.stepped))
        self.count, below = self.cp.Variable(shape, integer=True), self.cp.Variable(shape, nonneg=True)
        worth, over = np.array([n / d for n, d in choices.worth]), np.array([d for _, d in choices.worth])
        found = [
            amount[:, choices.stepped] == self.cp.multiply(np.stack([worth] * 2) / self.unit, self.count) - below,
            below <= np.stack([(over - 1) / over] * 2) / self.unit,
            self.count >= 0,
            self.count[1] <= np.array(choices.held),
        ]
        if self.unit <= CENTS_COUNT:
            cents = self.cp.Variable(shape, integer=True)
            found.append(cents == self.unit * amount[:, choices.stepped])
        return found

    def solve(self, objective: Any, budget: Budget) -> _Claim:
        """Minimise ``objective``; a solver's error, or a status that promises nothing, is no solution."""
        program = self.cp.Problem(self.cp.Minimize(objective), self.constraints)
        claim = _Claim()  # HiGHS's QP now and then lets go of a very small bound, and reports an error: then Clarabel
        for solver in ("HIGHS", "CLARABEL") if self.trading is None else (_scip(budget),):
            seconds = min(SECONDS_AT_MOST, budget.seconds_left())
            if claim.value == math.inf and seconds > 0.0 and not budget.cancelled:
                claim = self._run(program, solver, seconds)
        return claim

    def _run(self, program: Any, solver: Any, seconds: float) -> _Claim:
        """One run within ``seconds``; CVXPY's warning that a stopped run is inaccurate is what ``optimal`` says."""
        scip: dict[str, float] = {"limits/time": seconds, "numerics/feastol": FEASIBLE}
        options: Any = {"time_limit": seconds} if self.trading is None else {"scip_params": scip}
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(self.cp.SolverError, ValueError):
            program.solve(solver=solver, **options)
        if program.status not in (self.cp.OPTIMAL, self.cp.OPTIMAL_INACCURATE) or self.y.value is None:
            return _Claim()
        optimal, value = program.status == self.cp.OPTIMAL, float(program.objective.value)
        if self.trading is not None:
            return _Claim(optimal, value, float(program.solver_stats.extra_stats["model"].getDualbound()))
        return _Claim(optimal, value, value - CLAIM * (1.0 + abs(value)) if optimal else -math.inf)

    def amounts(self) -> tuple[Floats, Ints, Ints, list[Shared]]:
        """y of every row in minor units, and the integer intervals that the orders' chosen sides leave them."""
        choices, singles = self.choices, len(self.choices.alone)
        low, high = choices.low, choices.high
        if self.trading is not None:
            buys, sells, closes = self.trading.value > 0.5
            most, least = choices.most, choices.least
            lows = np.select([buys, sells, closes], [least[0], -most[1], -most[2]], 0)
            highs = np.select([buys, sells, closes], [most[0], -least[1], -most[2]], 0)
            for i, (n, d) in enumerate(choices.worth):
                at, side = choices.stepped[i], 0 if buys[choices.stepped[i]] else 1
                if buys[at] or sells[at]:
                    lows[at] = highs[at] = (1, -1)[side] * (round(float(self.count.value[side, i])) * n // d)
            low, high = np.maximum(low, lows), np.minimum(high, highs)
        lowest, highest = self.low.copy(), self.high.copy()
        lowest[choices.alone], highest[choices.alone] = low[:singles], high[:singles]
        shared = list(zip(choices.shared, low[singles:].tolist(), high[singles:].tolist(), strict=True))
        if self.problem.beyond:
            shared = [self._fixed(*one) for one in shared]
            lowest = np.maximum(lowest, self.problem.flow_min[: len(lowest)])
            highest = np.minimum(highest, self.problem.flow_max[: len(highest)])
        return np.asarray(self.y.value) * self.unit, lowest, highest, shared

    def _fixed(self, leaves: NDArray[np.intp], low: int, high: int) -> Shared:
        """An order that several pies share, with no more room than what they leave in sum gives it."""
        problem, row = self.problem, int(self.problem.order_row[leaves[0]])
        if row not in problem.nets:
            return leaves, low, high
        return leaves, max(low, int(problem.flow_min[row])), min(high, int(problem.flow_max[row]))
