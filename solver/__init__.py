"""piewise's solver: every event of a pie portfolio as one constrained optimization problem, solved and proved.

>>> from solver import Deposit, Holding, Pie, Portfolio, Slice, plan
>>> pie = Pie((Slice("a", 60, Holding("AAA", 5_000)), Slice("b", 40, Holding("BBB", 5_000))))
>>> [(order.security_id, order.amount) for order in plan(Portfolio(pie), Deposit(1_000)).orders]
[('AAA', 1000)]
"""

from solver.comparison import Comparison, Score, compare
from solver.costs import RuleCost, rule_costs
from solver.errors import (
    EngineUnavailable,
    InternalError,
    InvalidRequest,
    PiewiseError,
    Unsupported,
    Violation,
)
from solver.events import (
    ChangedPie,
    Deposit,
    Event,
    Events,
    NewPie,
    Reach,
    Rebalance,
    TargetChange,
    TargetSlice,
    Withdrawal,
)
from solver.plan import Infeasible, Plan, Quality
from solver.planning import available, check_request, plan
from solver.portfolio import Holding, Pie, Portfolio, Slice
from solver.rules import BASELINES, Budget, Engine, Rules
from solver.securities import Block, BlockReason, Security, Side
from solver.version import SOLVER_VERSION

__all__ = [
    "BASELINES",
    "SOLVER_VERSION",
    "Block",
    "BlockReason",
    "Budget",
    "ChangedPie",
    "Comparison",
    "Deposit",
    "Engine",
    "EngineUnavailable",
    "Event",
    "Events",
    "Holding",
    "Infeasible",
    "InternalError",
    "InvalidRequest",
    "NewPie",
    "Pie",
    "PiewiseError",
    "Plan",
    "Portfolio",
    "Quality",
    "Reach",
    "Rebalance",
    "RuleCost",
    "Rules",
    "Score",
    "Security",
    "Side",
    "Slice",
    "TargetChange",
    "TargetSlice",
    "Unsupported",
    "Violation",
    "Withdrawal",
    "available",
    "check_request",
    "compare",
    "plan",
    "rule_costs",
]
