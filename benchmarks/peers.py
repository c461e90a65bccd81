"""The peers: what somebody without piewise would write, each in a few lines, and what it can not do.

Every peer is given its best reasonable use: the waist's own arrays, with the ideal, the constants of J and the cash
that may be left already worked out (a user would have to find these first), and no time for any of it is charged.
What comes back in floats is floored to cents as a user would, orders that the broker would refuse are left out, and
all plans go through the same checker as ours.

    CVXPY     minimise J over the flows y of all nodes, conservation at every pie; HiGHS where that is a QP, SCIP where
              orders are 0 or at least m
    MILP L1   scipy.optimize.milp: minimise Σ |x_c − x°_c| over the leaves, orders 0 or at least m
    discrete  PyPortfolioOpt's ``lp_portfolio``: so many units of each, a unit being one order of m (one cent without);
              what is over goes to the largest order
    SLSQP     scipy.optimize.minimize as one-file rebalancers use it: Σ (A_c/A − w_c)² over all leaves of the tree
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np

from solver.ideal import Mode
from solver.problem import Floats, Ints, Problem

__all__ = ["SECONDS", "allocated", "cvxpy_highs", "cvxpy_scip", "discrete_allocation", "milp_l1", "placed", "slsqp"]

SECONDS = 2.0  # the most that anybody gets for one plan, ours as well
CENT = 1e-3  # of a cent: what floating point may take from a whole number


def placed(problem: Problem, real: Floats) -> tuple[Ints, int]:
    """``real`` trades by leaf (cents) as a broker would take them: floored, without the orders under m; how many."""
    leaves, trades = problem.leaves, np.zeros(len(problem.value), dtype=np.int64)
    trades[leaves] = np.clip(np.floor(real + CENT), -problem.sell_max[leaves], problem.buy_max[leaves])
    small = (np.abs(trades) < problem.min_trade) & (trades != 0) & (trades != -problem.value)
    trades[small] = 0
    return trades, int(small.sum())


def cvxpy_highs(problem: Problem) -> Floats | None:
    """J over the tree as a QP."""
    return _stated(problem, "HIGHS", time_limit=SECONDS)


def cvxpy_scip(problem: Problem) -> Floats | None:
    """J over the tree as a mixed-integer QP: a switch for every leaf and side."""
    return _stated(problem, "SCIP", scip_params={"limits/time": SECONDS})


def _stated(problem: Problem, solver: str, **options: Any) -> Floats | None:
    """Minimise J, in dollars: a plain statement, with nothing done for scaling or symmetry."""
    cp: Any = import_module("cvxpy")

    leaves, felt = problem.leaves, np.flatnonzero(problem.scale > 0)
    y = cp.Variable(len(problem.value), bounds=[problem.flow_min / 100, problem.flow_max / 100])
    rules = []
    for p, rows in zip(problem.pies, problem.children, strict=True):
        left = problem.received[p] / 100 - cp.sum(y[rows]) + (0 if p == problem.event_row else y[p])
        free = problem.spare / 100 if p == problem.event_row else 0
        rules += [left >= 0, left <= free] if free else [left == 0]
    if problem.min_trade > 1:
        amount, trades = cp.Variable((2, len(leaves)), nonneg=True), cp.Variable((2, len(leaves)), boolean=True)
        least = np.stack([problem.buy_min[leaves], problem.sell_min[leaves]]) / 100
        most = np.stack([problem.buy_max[leaves], problem.sell_max[leaves]]) / 100
        rules += [y[leaves] == amount[0] - amount[1], trades[0] + trades[1] <= 1]
        rules += [amount >= cp.multiply(least, trades), amount <= cp.multiply(most, trades)]
    off = y[felt] - problem.ideal[felt] / 100
    error = cp.sum(cp.multiply(100 / problem.scale[felt], cp.square(off))) + 2 * problem.slope[felt] @ off
    program = cp.Problem(cp.Minimize(error), rules)
    try:
        with warnings.catch_warnings(action="ignore"):
            program.solve(solver=solver, **options)
    except (cp.SolverError, ValueError):
        return None
    return None if y.value is None else np.asarray(y.value[leaves]) * 100


def milp_l1(problem: Problem) -> Floats | None:
    """The nearest to the ideal in absolute deviations: columns b, s, t ≥ |b − s − x°|, z_b, z_s.

    Amounts as integers would be exact to the cent, but take several times as long and fail more often.
    """
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    leaves, n = problem.leaves, len(problem.leaves)
    one, none, ideal = sparse.eye_array(n), sparse.csr_array((n, n)), problem.ideal[leaves]
    rows = [
        LinearConstraint(sparse.hstack([one, -one, -one, none, none]), -np.inf, ideal),
        LinearConstraint(sparse.hstack([one, -one, one, none, none]), ideal, np.inf),
    ]
    for p in problem.pies:
        below = np.isin(leaves, problem.tree.below(p)).astype(float)
        money, at_event = float(problem.received[p]), p == problem.event_row
        least = money - problem.spare if at_event else float(problem.flow_min[p])
        most = money if at_event else float(problem.flow_max[p])
        rows.append(LinearConstraint(np.concatenate([below, -below, np.zeros(3 * n)]), least, most))
    if problem.min_trade > 1:
        rows.append(LinearConstraint(sparse.hstack([none, none, none, one, one]), -np.inf, 1.0))
        ends = ((0, problem.buy_min, problem.buy_max), (1, problem.sell_min, problem.sell_max))
        for side, smallest, largest in ends:  # m z ≤ amount ≤ U z
            for bound, low, high in ((largest, -np.inf, 0.0), (smallest, 0.0, np.inf)):
                blocks = [none] * 5
                blocks[side], blocks[3 + side] = one, -sparse.diags_array(bound[leaves].astype(float))
                rows.append(LinearConstraint(sparse.hstack(blocks), low, high))
    upper = np.concatenate([problem.buy_max[leaves], problem.sell_max[leaves], np.full(n, np.inf), np.ones(2 * n)])
    cost, integer = np.repeat([0.0, 1.0, 0.0], [2 * n, n, 2 * n]), np.repeat([0, 1], [3 * n, 2 * n])
    limit = {"time_limit": SECONDS}
    found = milp(cost, integrality=integer, bounds=Bounds(0, upper), constraints=rows, options=limit)
    return None if found.x is None else np.asarray(found.x[:n] - found.x[n : 2 * n])


def discrete_allocation(problem: Problem) -> Floats | None:
    """The event's money in units for the slices that the ideal trades; a rebalance, the whole account in cents."""
    leaves = problem.leaves
    both = problem.situation.mode is Mode.REBALANCING
    wanted = problem.ideal[leaves] + (problem.value[leaves] if both else 0)
    size, unit = np.abs(wanted), 1 if both else max(1, problem.min_trade)
    units = allocated(size, np.full(len(leaves), unit))
    if not units.any():
        return np.zeros(len(leaves))
    amounts = (unit * units).astype(float)
    amounts[int(np.argmax(units))] += round(float(size.sum())) - amounts.sum()
    return amounts - problem.value[leaves] if both else np.sign(wanted) * amounts


def allocated(wanted: Floats, prices: Ints) -> Ints:
    """PyPortfolioOpt's linear program: how many whole units at ``prices`` come nearest to ``wanted`` (cents)."""
    import pandas as pd
    from pypfopt import DiscreteAllocation

    total = float(wanted.sum())
    names = np.flatnonzero(wanted > 0).tolist()
    weights = {i: float(wanted[i] / total) for i in names}
    costs = pd.Series(prices[names] / 100, index=names)
    units, _ = DiscreteAllocation(weights, costs, total_portfolio_value=total / 100).lp_portfolio(solver="HIGHS")
    found: Ints = np.zeros(len(wanted), dtype=np.int64)
    found[list(units)] = list(units.values())
    return found


def slsqp(problem: Problem) -> Floats | None:
    """Least squares of the shares of the whole account, flat; the tree is forgotten."""
    from scipy.optimize import minimize

    leaves, tree = problem.leaves, problem.tree
    share = {problem.event_row: 1.0}
    for p in problem.pies:
        total = sum(tree.weight[c] for c in tree.children[p])
        share |= {c: share[p] * tree.weight[c] / total for c in tree.children[p]}
    target, value = np.array([share[leaf] for leaf in leaves.tolist()]), problem.value[leaves]
    money = float(problem.received[problem.event_row])
    after = float(value.sum()) + money

    def error(x: Floats) -> tuple[float, Floats]:  # x: trades as shares of the account
        off = value / after + x - target
        return float(off @ off), 2 * off

    bounds = list(zip(-problem.sell_max[leaves] / after, problem.buy_max[leaves] / after, strict=True))
    flow = {"type": "eq", "fun": lambda x: x.sum() - money / after, "jac": np.ones_like}
    options = {"maxiter": 200, "ftol": 1e-12}
    found = minimize(
        error, money / after * target, method="SLSQP", jac=True, bounds=bounds, constraints=[flow], options=options
    )
    return np.asarray(found.x) * after if np.isfinite(found.x).all() else None
