"""The engine HiGHS, asked for the joint model of ``joint.py``. The only file that imports highspy.

A round ends with HiGHS proposing *which* leaves trade. Amounts are then made exact elsewhere, and bounds recomputed
elsewhere: what comes back from here is a proposal and a claim.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import highspy
import numpy as np

from solver.engines.joint import (
    Model,
    layout_of,
    pie_column,
    read_points,
    read_sides,
    resting_cost,
    write_conservation,
    write_quadratic,
    write_switches,
    write_tangents,
)
from solver.engines.proposal import Proposal
from solver.problem import Floats, Ints, Problem
from solver.rules import Budget

__all__ = ["continuous", "least_beyond", "least_excess", "propose"]

GAP = 1e-6  # HiGHS's mip_feasibility_tolerance: asking for less than it loops for ever
_local = threading.local()


def propose(problem: Problem, points: list[Ints], budget: Budget, node_limit: int, relaxed: bool = False) -> Proposal:
    """One round: the model with tangents at the flows ``points`` (one entry a row each), solved by HiGHS.

    ``node_limit`` bounds the branch and bound, the same on every machine; ``budget`` bounds it by time. ``relaxed``
    lets z be any number from 0 to 1: a linear program, which HiGHS leaves within milliseconds when it is told to.
    """
    model, layout = Model(), layout_of(problem)
    if problem.gapless:
        write_quadratic(problem, model, layout)
    else:
        write_tangents(problem, model, layout, points)
    write_conservation(problem, model, layout)
    if relaxed:
        model.integer = [False] * len(model.integer)
    status, values, bound = _run(model, budget, node_limit)
    if values is None:
        return Proposal(None, -np.inf, status == highspy.HighsModelStatus.kInfeasible, _was_stopped(status))
    base = resting_cost(problem)
    sides, counted = read_sides(problem, layout, values), read_points(problem, layout, values)
    return Proposal(sides, bound * layout.worth + base, False, _was_stopped(status), counted)


def continuous(problem: Problem) -> tuple[Floats | None, bool]:
    """The flows of least J between ``problem``'s bounds, as if money were divisible and no order had a gap.

    One entry a row, minor units; ``None`` where HiGHS has none to offer. Also whether it claims that there are none.
    """
    model, layout = Model(), layout_of(problem)
    write_quadratic(problem, model, layout)
    write_conservation(problem, model, layout)
    status, values, _ = _run(model, Budget(), 0)
    if values is None:
        return None, status == highspy.HighsModelStatus.kInfeasible
    flows = np.zeros(len(problem.value))
    for row, columns in layout.flow.items():
        flows[row] = float(values[columns[0]]) * layout.unit
    return flows, False


def least_excess(problem: Problem, budget: Budget, node_limit: int) -> tuple[Ints, Proposal] | None:
    """Stage 2: how much each retired row keeps beyond its ideal (minor units) where that can not be 0, and who trades.

    ``None`` where HiGHS found no plan. That the sum is least is proved elsewhere (``retired.py``).
    """
    model, layout = Model(), layout_of(problem)
    layout.worth = layout.unit
    retired = np.flatnonzero((problem.keep >= 0) & (problem.flow_min < 0))
    write_switches(problem, model, layout)
    for p in problem.pies[1:]:  # before any row that sums them up
        pie_column(problem, model, layout, p)
    excess = {}
    for row in map(int, retired):
        excess[int(row)] = model.column(0.0, np.inf, cost=1.0)
        above = float(problem.keep[row] - problem.value[row]) / layout.unit
        columns = layout.flow[int(row)]
        model.row(-np.inf, above, [*columns, excess[int(row)]], [1.0] * len(columns) + [-1.0])
    write_conservation(problem, model, layout)
    status, values, _ = _run(model, budget, node_limit)
    if values is None:
        return None
    sides, counted = read_sides(problem, layout, values), read_points(problem, layout, values)
    kept: Ints = np.zeros(len(problem.value), dtype=np.int64)
    for row, column in excess.items():
        kept[row] = round(float(values[column]) * layout.unit)
    return kept, Proposal(sides, -np.inf, False, _was_stopped(status), counted)


def least_beyond(
    problem: Problem, windows: Mapping[int, int], budget: Budget, node_limit: int
) -> dict[int, int] | None:
    """How much each pie of ``windows`` gives beyond that (minor units) where all of that together is least.

    ``None`` where HiGHS found no plan.
    """
    model, layout = Model(), layout_of(problem)
    layout.worth = layout.unit
    write_switches(problem, model, layout)
    for p in problem.pies[1:]:
        pie_column(problem, model, layout, p)
    beyond = {}
    for p, window in windows.items():
        beyond[p] = model.column(0.0, np.inf, cost=1.0)
        model.row(-float(window) / layout.unit, np.inf, [*layout.flow[p], beyond[p]], [1.0, 1.0])
    write_conservation(problem, model, layout)
    _, values, _ = _run(model, budget, node_limit)
    if values is None:
        return None
    return {p: round(float(values[column]) * layout.unit) for p, column in beyond.items()}


def _run(model: Model, budget: Budget, node_limit: int) -> tuple[highspy.HighsModelStatus, Floats | None, float]:
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
    # half of the time that is left: what it proposes is to be made exact and proved in the other
    engine.setOptionValue("time_limit", earlier + max(0.001, min(1e6, budget.seconds_left() / 2)))
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


def _as_highs(model: Model) -> highspy.HighsLp:
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


def _hessian(model: Model) -> highspy.HighsHessian:
    hessian = highspy.HighsHessian()
    hessian.dim_ = len(model.curvature)
    hessian.format_ = highspy.HessianFormat.kTriangular
    hessian.start_ = np.arange(len(model.curvature) + 1, dtype=np.int32)
    hessian.index_ = np.arange(len(model.curvature), dtype=np.int32)
    hessian.value_ = np.array(model.curvature)
    return hessian
