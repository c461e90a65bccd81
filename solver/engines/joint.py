"""The tree problem as one joint model, in columns and rows, and how its solution is read. Imports no engine.

Without a minimum the model is a convex QP. With one it is a mixed-integer QP, which HiGHS does not solve, so J enters
a MILP through its tangents, each in perspective form: for a leaf that trades on a side (z = 1) or not (z = 0)

    t ≥ h'(x̂) x + (h(x̂) − h'(x̂) x̂) z,      h(x) = f(x) − f(0),      m z ≤ x ≤ U z,

at the ends of the domain, at the ideal, and at every plan found so far. Everything is scaled by the flow, not by the
portfolio. Source: PROBLEM.md §2 and §4; perspective cuts: Frangioni and Gentile, Math. Program. 106 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver.problem import CLOSES, SIDES, Floats, Ints, Problem
from solver.steps import Steps

__all__ = [
    "Layout",
    "Model",
    "layout_of",
    "pie_column",
    "read_points",
    "read_sides",
    "resting_cost",
    "write_conservation",
    "write_quadratic",
    "write_switches",
    "write_tangents",
]


@dataclass(slots=True)
class Model:
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
class Layout:
    """Which columns carry what: a leaf's flow sums up ``flow[row]``, one a side; ``switch[row, side]`` is its z."""

    unit: float  # minor units in one unit of the model's money
    worth: float  # minor units of J in one unit of the model's objective
    domain: dict[int, dict[int, tuple[float, float]]] = field(default_factory=dict)
    flow: dict[int, list[int]] = field(default_factory=dict)
    switch: dict[tuple[int, int], int] = field(default_factory=dict)
    count: dict[tuple[int, int], int] = field(default_factory=dict)  # of steps, by row and side


def resting_cost(problem: Problem) -> float:
    """J where nothing trades: what HiGHS's objective leaves out."""
    felt = problem.scale > 0
    ideal = problem.ideal[felt]
    return float((ideal * (ideal / problem.scale[felt] - 2.0 * problem.slope[felt])).sum())


def layout_of(problem: Problem) -> Layout:
    leaves = problem.leaves
    moved = np.abs(problem.ideal[leaves])
    unit = max(float(problem.order_size), float(moved.max(initial=0.0)))
    felt = problem.scale[leaves][problem.scale[leaves] > 0]
    worth = max(unit * unit / float(np.sort(felt)[len(felt) // 2]) if len(felt) else unit, 1e-9)
    return Layout(unit, worth)


def _terms(problem: Problem, layout: Layout) -> list[tuple[float, float]]:
    """a, b of every row's term of J in the model's units: a x² + b x; zeros where J does not feel it."""
    felt = problem.scale > 0
    scale = np.where(felt, problem.scale, 1.0)
    linear = 2.0 * problem.slope - 2.0 * problem.ideal / scale
    a = np.where(felt, layout.unit**2 / scale / layout.worth, 0.0)
    b = np.where(felt, linear * layout.unit / layout.worth, 0.0)
    return list(zip(a.tolist(), b.tolist(), strict=True))


def write_quadratic(problem: Problem, model: Model, layout: Layout) -> None:
    terms = _terms(problem, layout)
    low, high = (problem.flow_min / layout.unit).tolist(), (problem.flow_max / layout.unit).tolist()
    for row in [*problem.leaves.tolist(), *problem.nets]:
        a, b = terms[row]
        layout.flow[row] = [model.column(low[row], high[row], b, curvature=2.0 * a)]
    _write_nets(problem, model, layout)
    for p in problem.pies[1:]:
        a, b = terms[p]
        column = pie_column(problem, model, layout, p)
        model.cost[column], model.curvature[column] = b, 2.0 * a


def _write_nets(problem: Problem, model: Model, layout: Layout) -> None:
    """Σ_c x_c = X_S of securities held in several slices."""
    for row, leaves in problem.nets.items():
        parts = [column for c in leaves.tolist() for column in layout.flow[c]]
        ordered = layout.flow[row]
        model.row(0.0, 0.0, parts + ordered, [1.0] * len(parts) + [-1.0] * len(ordered))


def pie_column(problem: Problem, model: Model, layout: Layout, p: int) -> int:
    low, high = problem.flow_min[p] / layout.unit, problem.flow_max[p] / layout.unit
    layout.flow[p] = [model.column(low, high)]
    return layout.flow[p][0]


def write_switches(problem: Problem, model: Model, layout: Layout) -> None:
    """Orders: x on each side behind a binary z, within m z ≤ |x| ≤ U z, at most one side."""
    unit = layout.unit
    layout.domain = _domains(problem)
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
        if problem.flow_min[row] > -max(problem.sell_max[row], problem.closes[row]):  # so much at least is placed
            model.row(float(problem.flow_min[row]) / unit, np.inf, layout.flow[row], [1.0] * len(layout.flow[row]))
        if problem.flow_max[row] < 0:  # it must go below what it holds: retired, or above its largest position
            model.row(-np.inf, float(problem.flow_max[row]) / unit, layout.flow[row], [1.0] * len(layout.flow[row]))
    for row in problem.leaves[problem.order_row[problem.leaves] != problem.leaves].tolist():
        low, high = problem.flow_min[row] / unit, problem.flow_max[row] / unit
        layout.flow[row] = [model.column(low, high)]
    _write_nets(problem, model, layout)
    _write_count(problem, model, layout)


def _write_steps(model: Model, layout: Layout, row: int, side: int, steps: Steps, most: float) -> None:
    """k steps of n/d: k n/d − (d − 1)/d ≤ |x| ≤ k n/d; a(k) is rounded down, and made exact elsewhere."""
    x = layout.flow[row][-1]
    k = model.column(0.0, float(steps.reaching(int(most))), integer=True)
    layout.count[row, side] = k
    lost = side * (steps.denominator - 1) / steps.denominator / layout.unit
    model.row(min(-lost, 0.0), max(-lost, 0.0), [x, k], [1.0, -side * steps.size / layout.unit])


def _write_count(problem: Problem, model: Model, layout: Layout) -> None:
    """At most ⌊money / m⌋ slices can trade on a one-sided event: what keeps near-equal slices from exploding."""
    money = abs(int(problem.received.sum())) + problem.spare
    one_sided = len({side > 0 for _, side in layout.switch}) == 1
    orders = problem.orders
    least = int(
        (problem.buy_min if problem.buy_max.any() else problem.sell_min)[orders].min(initial=problem.order_size)
    )
    if one_sided and least > 1 and not problem.closes.any():
        columns = list(layout.switch.values())
        model.row(-np.inf, float(money // least), columns, [1.0] * len(columns))


def write_tangents(problem: Problem, model: Model, layout: Layout, points: list[Ints]) -> None:
    write_switches(problem, model, layout)
    wanted, terms = problem.ideal, _terms(problem, layout)
    for row, domain in layout.domain.items():
        a, b = terms[row]
        if a == 0.0:
            continue
        for x, (side, (least, most)) in zip(layout.flow[row], domain.items(), strict=True):
            at = {least, most, min(max(float(wanted[row]), least), most)}
            at |= {min(max(float(flows[row]), least), most) for flows in points}
            t, z = model.column(-np.inf, np.inf, cost=1.0), layout.switch[row, side]
            if (row, side) in layout.count:
                _write_chords(model, layout, (t, x, z), (a, b), problem.steps[row], at)
                continue
            for point in sorted(at):
                tangent = point / layout.unit
                model.row(0.0, np.inf, [t, x, z], [1.0, -(2 * a * tangent + b), a * tangent**2])
    free = problem.leaves[problem.order_row[problem.leaves] != problem.leaves]
    for p in [*problem.pies[1:], *free.tolist()]:
        a, b = terms[p]
        y = layout.flow[p][0] if p in layout.flow else pie_column(problem, model, layout, p)
        if a == 0.0:
            continue
        t = model.column(-np.inf, np.inf, cost=1.0)
        m, ideal = float(problem.order_size), float(wanted[p])
        at = {float(problem.flow_min[p]), 0.0, ideal, float(problem.flow_max[p]), ideal - m, ideal + m, ideal / 2}
        at |= {float(flows[p]) for flows in points}
        for point in sorted(at):
            tangent = point / layout.unit
            model.row(-a * tangent**2, np.inf, [t, y], [1.0, -(2 * a * tangent + b)])


def _write_chords(
    model: Model,
    layout: Layout,
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
    """What each order may trade by side (least, most), beside nothing."""
    found: dict[int, dict[int, tuple[float, float]]] = {row: {} for row in problem.orders.tolist()}
    for side, (lows, highs) in zip(SIDES, problem.ranges(problem.orders), strict=True):
        for domain, least, most in zip(found.values(), lows.tolist(), highs.tolist(), strict=True):
            if least <= most:
                domain[side] = float(least), float(most)
    return found


def write_conservation(problem: Problem, model: Model, layout: Layout) -> None:
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


def read_sides(problem: Problem, layout: Layout, values: Floats) -> Ints:
    sides: Ints = np.zeros(len(problem.value), dtype=np.int64)
    if not layout.switch:
        leaves = problem.leaves.tolist()
        flows = values[[layout.flow[row][0] for row in leaves]] * layout.unit
        sides[leaves] = np.sign(np.rint(flows))
        return sides
    for (row, side), column in layout.switch.items():
        if values[column] > 0.5:
            sides[row] = side
    return sides


def read_points(problem: Problem, layout: Layout, values: Floats) -> dict[int, int]:
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
