"""The engine HiGHS: the tree problem as one joint model. The only file that imports highspy.

Without a minimum the model is a convex QP. With one it is a mixed-integer QP, which HiGHS does not solve, so J enters
a MILP through its tangents, each in perspective form: for a leaf that trades on a side (z = 1) or not (z = 0)

    t ≥ h'(x̂) x + (h(x̂) − h'(x̂) x̂) z,      h(x) = f(x) − f(0),      m z ≤ x ≤ U z,

at the ends of the domain, at the ideal, and at every plan found so far; a round ends with HiGHS proposing *which*
leaves trade. Amounts are then made exact elsewhere, and bounds recomputed elsewhere: what comes back from here is a
proposal and a claim. Everything is scaled by the flow, not by the portfolio. Source: PROBLEM.md §2 and §4;
perspective cuts: Frangioni and Gentile, Math. Program. 106 (2006).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import highspy
import numpy as np

from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.rules import Budget
from solver.steps import Steps

__all__ = ["Proposal", "least_excess", "propose"]

GAP = 1e-6  # HiGHS's mip_feasibility_tolerance: asking for less than it loops for ever
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What HiGHS says: the side of every row (0 at pies), a bound on J it claims, whether it was stopped.

    ``sides`` is ``None`` where it found nothing; ``infeasible`` is its claim that there is nothing; ``points`` are the
    amounts of the leaves that trade in steps.
    """

    sides: Ints | None
    bound: float
    infeasible: bool
    stopped: bool
    points: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Model:
    """Columns and rows while a model is being written; a row is (lower, upper, column indices, coefficients)."""

    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    curvature: list[float] = field(default_factory=list)
    rows: list[tuple[float, float, list[int], list[float]]] = field(default_factory=list)

    def column(
        self, lower: float, upper: float, cost: float = 0.0, integer: bool = False, curvature: float = 0.0
    ) -> int:
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integer.append(integer)
        self.curvature.append(curvature)
        return len(self.cost) - 1

    def row(self, lower: float, upper: float, columns: list[int], values: list[float]) -> None:
        self.rows.append((lower, upper, columns, values))


@dataclass(slots=True)
class _Layout:
    """Which columns carry what: a leaf's flow sums up ``flow[row]``, one a side; ``switch[row, side]`` is its z."""

    unit: float  # minor units in one unit of the model's money
    worth: float  # minor units of J in one unit of the model's objective
    domain: dict[int, dict[int, tuple[float, float]]]
    flow: dict[int, list[int]] = field(default_factory=dict)
    switch: dict[tuple[int, int], int] = field(default_factory=dict)
    count: dict[tuple[int, int], int] = field(default_factory=dict)  # of steps, by row and side


def propose(problem: Problem, points: list[Ints], budget: Budget, node_limit: int, relaxed: bool = False) -> Proposal:
    """One round: the model with tangents at the flows ``points`` (one entry a row each), solved by HiGHS.

    ``node_limit`` bounds the branch and bound, the same on every machine; ``budget`` bounds it by time. ``relaxed``
    lets z be any number from 0 to 1: a linear program, which HiGHS leaves within milliseconds when it is told to.
    """
    model, layout = _Model(), _layout(problem)
    if problem.gapless:
        _write_quadratic(problem, model, layout)
    else:
        _write_tangents(problem, model, layout, points)
    _write_conservation(problem, model, layout)
    if relaxed:
        model.integer = [False] * len(model.integer)
    status, values, bound = _run(model, budget, node_limit)
    if values is None:
        return Proposal(None, -np.inf, status == highspy.HighsModelStatus.kInfeasible, _was_stopped(status))
    base = _base(problem)
    sides, counted = _sides(problem, layout, values), _points(problem, layout, values)
    return Proposal(sides, bound * layout.worth + base, False, _was_stopped(status), counted)


def least_excess(problem: Problem, budget: Budget, node_limit: int) -> tuple[Ints, Proposal] | None:
    """Stage 2: how much each retired row keeps beyond its ideal (minor units) where that can not be 0, and who trades.

    ``None`` where HiGHS found no plan. That the sum is least is proved elsewhere (``retired.py``).
    """
    model, layout = _Model(), _layout(problem)
    layout.worth = layout.unit
    retired = np.flatnonzero((problem.keep >= 0) & (problem.flow_min < 0))
    _write_switches(problem, model, layout)
    for p in problem.pies[1:]:  # before any row that sums them up
        _pie_column(problem, model, layout, p)
    excess = {}
    for row in map(int, retired):
        excess[int(row)] = model.column(0.0, np.inf, cost=1.0)
        above = float(problem.keep[row] - problem.value[row]) / layout.unit
        columns = layout.flow[int(row)]
        model.row(-np.inf, above, [*columns, excess[int(row)]], [1.0] * len(columns) + [-1.0])
    _write_conservation(problem, model, layout)
    status, values, _ = _run(model, budget, node_limit)
    if values is None:
        return None
    sides, counted = _sides(problem, layout, values), _points(problem, layout, values)
    kept: Ints = np.zeros(len(problem.value), dtype=np.int64)
    for row, column in excess.items():
        kept[row] = round(float(values[column]) * layout.unit)
    return kept, Proposal(sides, -np.inf, False, _was_stopped(status), counted)


def _base(problem: Problem) -> float:
    """J where nothing trades: what HiGHS's objective leaves out."""
    felt = problem.scale > 0
    ideal = problem.ideal[felt]
    return float((ideal * (ideal / problem.scale[felt] - 2.0 * problem.slope[felt])).sum())


def _layout(problem: Problem) -> _Layout:
    leaves = problem.leaves
    moved = np.abs(problem.ideal[leaves])
    unit = max(float(problem.order_size), float(moved.max(initial=0.0)))
    felt = problem.scale[leaves][problem.scale[leaves] > 0]
    worth = max(unit * unit / float(np.median(felt)) if len(felt) else unit, 1e-9)
    return _Layout(unit, worth, _domains(problem))


def _term(problem: Problem, layout: _Layout, row: int) -> tuple[float, float]:
    """a, b of the row's term of J in the model's units: a x² + b x; zeros where J does not feel it."""
    scale = float(problem.scale[row])
    if scale <= 0:
        return 0.0, 0.0
    linear = 2.0 * float(problem.slope[row]) - 2.0 * float(problem.ideal[row]) / scale
    return layout.unit**2 / scale / layout.worth, linear * layout.unit / layout.worth


def _write_quadratic(problem: Problem, model: _Model, layout: _Layout) -> None:
    for row in problem.leaves:
        a, b = _term(problem, layout, int(row))
        low, high = problem.flow_min[row] / layout.unit, problem.flow_max[row] / layout.unit
        layout.flow[int(row)] = [model.column(low, high, b, curvature=2.0 * a)]
    for p in problem.pies[1:]:
        a, b = _term(problem, layout, p)
        column = _pie_column(problem, model, layout, p)
        model.cost[column], model.curvature[column] = b, 2.0 * a


def _pie_column(problem: Problem, model: _Model, layout: _Layout, p: int) -> int:
    low, high = problem.flow_min[p] / layout.unit, problem.flow_max[p] / layout.unit
    layout.flow[p] = [model.column(low, high)]
    return layout.flow[p][0]


def _write_switches(problem: Problem, model: _Model, layout: _Layout) -> None:
    """Leaves that may trade: x on each side behind a binary z, within m z ≤ |x| ≤ U z, at most one side."""
    unit = layout.unit
    for row, domain in layout.domain.items():
        layout.flow[row] = []
        switches = []
        for side, (least, most) in domain.items():
            x = model.column(min(0.0, least / unit), max(0.0, most / unit))
            z = model.column(0.0, 1.0, integer=True)
            layout.flow[row].append(x)
            layout.switch[row, side] = z
            model.row(0.0, np.inf, [x, z], [1.0, -least / unit])
            model.row(-np.inf, 0.0, [x, z], [1.0, -most / unit])
            switches.append(z)
            if row in problem.steps and side != CLOSES:
                _write_steps(model, layout, row, side, problem.steps[row], max(abs(least), abs(most)))
        if len(switches) > 1:
            model.row(-np.inf, 1.0, switches, [1.0] * len(switches))
        if problem.flow_max[row] < 0:  # it must go below what it holds: retired, or above its largest position
            model.row(-np.inf, float(problem.flow_max[row]) / unit, layout.flow[row], [1.0] * len(layout.flow[row]))
    _write_count(problem, model, layout)


def _write_steps(model: _Model, layout: _Layout, row: int, side: int, steps: Steps, most: float) -> None:
    """x = k steps, within a cent: a(k) is rounded down, and what that leaves over is made exact elsewhere."""
    x = layout.flow[row][-1]
    k = model.column(0.0, float(steps.reaching(int(most))), integer=True)
    layout.count[row, side] = k
    cent = 1.0 / layout.unit
    model.row(-cent, cent, [x, k], [1.0, -side * steps.size / layout.unit])


def _write_count(problem: Problem, model: _Model, layout: _Layout) -> None:
    """At most ⌊money / m⌋ slices can trade on a one-sided event: what keeps near-equal slices from exploding."""
    money = abs(int(problem.received.sum())) + problem.spare
    one_sided = len({side > 0 for _, side in layout.switch}) == 1
    leaves = problem.leaves
    least = int(
        (problem.buy_min if problem.buy_max.any() else problem.sell_min)[leaves].min(initial=problem.order_size)
    )
    if one_sided and least > 1 and not problem.closes.any():
        columns = list(layout.switch.values())
        model.row(-np.inf, float(money // least), columns, [1.0] * len(columns))


def _write_tangents(problem: Problem, model: _Model, layout: _Layout, points: list[Ints]) -> None:
    _write_switches(problem, model, layout)
    for row, domain in layout.domain.items():
        a, b = _term(problem, layout, row)
        if a == 0.0:
            continue
        for x, (side, (least, most)) in zip(layout.flow[row], domain.items(), strict=True):
            at = {least, most, min(max(float(problem.ideal[row]), least), most)}
            at |= {min(max(float(flows[row]), least), most) for flows in points}
            t, z = model.column(-np.inf, np.inf, cost=1.0), layout.switch[row, side]
            if (row, side) in layout.count:
                _write_chords(model, layout, (t, x, z), (a, b), problem.steps[row], at)
                continue
            for point in sorted(at):
                tangent = point / layout.unit
                model.row(0.0, np.inf, [t, x, z], [1.0, -(2 * a * tangent + b), a * tangent**2])
    for p in problem.pies[1:]:
        a, b = _term(problem, layout, p)
        y = _pie_column(problem, model, layout, p)
        if a == 0.0:
            continue
        t = model.column(-np.inf, np.inf, cost=1.0)
        m, ideal = float(problem.order_size), float(problem.ideal[p])
        at = {float(problem.flow_min[p]), 0.0, ideal, float(problem.flow_max[p]), ideal - m, ideal + m, ideal / 2}
        at |= {float(flows[p]) for flows in points}
        for point in sorted(at):
            tangent = point / layout.unit
            model.row(-a * tangent**2, np.inf, [t, y], [1.0, -(2 * a * tangent + b)])


def _write_chords(
    model: _Model,
    layout: _Layout,
    columns: tuple[int, int, int],
    term: tuple[float, float],
    steps: Steps,
    at: set[float],
) -> None:
    """Between neighbouring steps the chord of h is a better bound than a tangent: h holds there only at its ends."""
    (t, x, z), (a, b) = columns, term
    counts = {max(0, steps.within(int(abs(point))) + d) for point in at for d in (-2, -1, 0, 1, 2)}
    sign = 1.0 if max(at, key=abs) > 0 else -1.0
    for k in sorted(counts):
        low, high = (sign * steps.amount(k + d) / layout.unit for d in (0, 1))
        slope = a * (low + high) + b  # h(x) = a x² + b x
        model.row(0.0, np.inf, [t, x, z], [1.0, -slope, a * low * high])


def _domains(problem: Problem) -> dict[int, dict[int, tuple[float, float]]]:
    """What each leaf may trade by side (least, most), beside nothing."""
    found: dict[int, dict[int, tuple[float, float]]] = {row: {} for row in problem.leaves.tolist()}
    for side, (lows, highs) in zip(SIDES, problem.ranges(problem.leaves), strict=True):
        for domain, least, most in zip(found.values(), lows.tolist(), highs.tolist(), strict=True):
            if least <= most:
                domain[side] = float(least), float(most)
    return found


def _write_conservation(problem: Problem, model: _Model, layout: _Layout) -> None:
    """Σ_c y_c − y_p = R_p at every pie; at the event's, less the cash that may be left."""
    for p, rows in zip(problem.pies, problem.children, strict=True):
        columns = [column for c in rows for column in layout.flow.get(int(c), [])]
        values = [1.0] * len(columns)
        if p != problem.event_row:
            columns += layout.flow[p]
            values += [-1.0]
        most = float(problem.received[p]) / layout.unit
        spare = problem.spare / layout.unit if p == problem.event_row else 0.0
        model.row(most - spare, most, columns, values)


def _sides(problem: Problem, layout: _Layout, values: Floats) -> Ints:
    sides: Ints = np.zeros(len(problem.value), dtype=np.int64)
    if not layout.switch:
        for row in map(int, problem.leaves):
            sides[row] = int(np.sign(np.rint(values[layout.flow[row][0]] * layout.unit)))
        return sides
    for (row, side), column in layout.switch.items():
        if values[column] > 0.5:
            sides[row] = side
    return sides


def _points(problem: Problem, layout: _Layout, values: Floats) -> dict[int, int]:
    """What the leaves in steps trade: the counted steps, or all."""
    points = dict.fromkeys(problem.steps, 0)
    for (row, side), column in layout.switch.items():
        if row in points and values[column] > 0.5:
            counted = layout.count.get((row, side))
            steps = problem.steps[row]
            points[row] = (
                -int(problem.closes[row]) if counted is None else side * steps.amount(round(float(values[counted])))
            )
    return points


def _run(model: _Model, budget: Budget, node_limit: int) -> tuple[highspy.HighsModelStatus, Floats | None, float]:
    """Pass the model, run, and check both statuses; values are ``None`` where there is no solution to speak of."""
    engine = _engine()
    engine.clearModel()
    if engine.passModel(_as_highs(model)) == highspy.HighsStatus.kError:
        # coefficients beyond what HiGHS takes, far down a deep tree: it proposes nothing, and others' plans stand
        return highspy.HighsModelStatus.kModelError, None, -np.inf
    quadratic = any(model.curvature)
    if quadratic:
        engine.passHessian(_hessian(model))
    # without integers HiGHS counts an instance's earlier runs against the limit as well
    earlier = 0.0 if any(model.integer) else engine.getRunTime()
    engine.setOptionValue("time_limit", earlier + max(0.001, min(1e6, budget.seconds_left())))
    engine.setOptionValue("mip_max_nodes", node_limit)
    _local.watched[:] = [budget]
    ran = highspy.HighsStatus.kError if budget.cancelled else engine.run()
    if engine.getModelStatus() == highspy.HighsModelStatus.kSolveError and not budget.exhausted:
        engine.setOptionValue("presolve", "off")  # it trips over some models that are all but fixed
        ran = engine.run()
        engine.setOptionValue("presolve", "choose")
    _local.watched.clear()
    status = engine.getModelStatus()
    info = engine.getInfo()
    found = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    if ran == highspy.HighsStatus.kError or not found:
        return status, None, -np.inf
    values = np.array(engine.getSolution().col_value)
    bound = info.objective_function_value if quadratic or not any(model.integer) else info.mip_dual_bound
    return status, values, float(bound)


def _was_stopped(status: highspy.HighsModelStatus) -> bool:
    return status in (
        highspy.HighsModelStatus.kTimeLimit,
        highspy.HighsModelStatus.kInterrupt,
        highspy.HighsModelStatus.kSolutionLimit,
        highspy.HighsModelStatus.kIterationLimit,
    )


def _engine() -> highspy.Highs:
    """This thread's Highs: making one costs ten times what passing it a model does."""
    engine = getattr(_local, "engine", None)
    if engine is None:
        engine = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy carries no types there
        engine.setOptionValue("output_flag", False)
        engine.setOptionValue("threads", 1)
        engine.setOptionValue("random_seed", 0)
        engine.setOptionValue("mip_rel_gap", GAP)
        engine.setOptionValue("mip_abs_gap", GAP)
        watched: list[Budget] = []
        # said each time, in both directions: an interrupt that was set once would stop every later run of the instance
        for interrupt in (engine.cbMipInterrupt, engine.cbSimplexInterrupt):
            interrupt += lambda event: event.interrupt(bool(watched) and watched[0].exhausted)
        _local.engine, _local.watched = engine, watched
    return engine


def _as_highs(model: _Model) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(model.cost), len(model.rows)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.array(model.cost), np.array(model.lower), np.array(model.upper)
    lp.row_lower_ = np.array([row[0] for row in model.rows])
    lp.row_upper_ = np.array([row[1] for row in model.rows])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum([len(row[2]) for row in model.rows]))).astype(np.int32)
    lp.a_matrix_.index_ = np.array([i for row in model.rows for i in row[2]], dtype=np.int32)
    lp.a_matrix_.value_ = np.array([v for row in model.rows for v in row[3]], dtype=np.float64)
    if any(model.integer):
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[integer] for integer in model.integer]
    return lp


def _hessian(model: _Model) -> highspy.HighsHessian:
    hessian = highspy.HighsHessian()
    hessian.dim_ = len(model.curvature)
    hessian.format_ = highspy.HessianFormat.kTriangular
    hessian.start_ = np.arange(len(model.curvature) + 1, dtype=np.int32)
    hessian.index_ = np.arange(len(model.curvature), dtype=np.int32)
    hessian.value_ = np.array(model.curvature)
    return hessian
