"""Columns by hand: what they say, what is refused, whole or row by row, and that the checker reads plans in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from solver import Deposit, Engine, Holding, InvalidRequest, Pie, Plan, Portfolio, Rebalance, Rules, Slice, plan
from solver.bulk import Planned, plan_columns, recheck
from solver.columns import Accounts, EventKind, account_of, accounts_from, check_columns, part
from solver.engines.kernel.loop import plan_from, prepare
from solver.events import ChangedPie, Reach, TargetChange, TargetSlice, Withdrawal
from solver.securities import Security

ROWS = {"parent": [-1, 0, 1, 1, 0], "target_weight": [1, 3, 1, 1, 2], "value": [0, 0, 4_000, 1_000, 2_500]}


def accounts(*events: tuple[EventKind, int, int], cash: int = 700, m: int = 100, **changed: list[int]) -> Accounts:
    """The same account once an event: pie 1 holds rows 2 and 3, row 4 stands beside it."""
    rows = {**ROWS, "blocked": [0] * len(changed.get("parent", ROWS["parent"])), **changed}
    count, size = len(events), len(rows["parent"])
    columns = {name: np.tile(np.array(column, dtype=np.int64), count) for name, column in rows.items()}
    kinds, amounts, event_rows = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
    same = {"cash": np.full(count, cash), "min_trade": np.full(count, m)}
    start = np.arange(count + 1) * size
    return Accounts(start=start, event=kinds, amount=amounts, event_row=event_rows, **same, **columns)


ONE = accounts((EventKind.DEPOSIT, 1_000, 0))
EACH = accounts(
    (EventKind.DEPOSIT, 1_000, 0),
    (EventKind.WITHDRAWAL, 3_000, 0),
    (EventKind.REBALANCE, 0, 0),
    (EventKind.REBALANCE_SHALLOW, 0, 0),
    (EventKind.REBALANCE, 0, 1),
    (EventKind.LIQUIDATION, 0, 3),
)


def as_objects() -> Portfolio:
    pie = Pie((Slice("2", 1, Holding("2", 4_000)), Slice("3", 1, Holding("3", 1_000))))
    return Portfolio(Pie((Slice("1", 3, pie), Slice("4", 2, Holding("4", 2_500)))), 700)


def test_columns_say_the_same_as_a_portfolio() -> None:
    assert account_of(ONE, 0) == (as_objects(), Deposit(1_000), Rules(100))
    events = [account_of(EACH, a)[1] for a in range(6)]
    liquidation = TargetChange((ChangedPie("1", (TargetSlice("2", 1), TargetSlice("3", 0))),))
    shallow = Rebalance("", Reach.SHALLOW)
    assert events == [Deposit(1_000), Withdrawal(3_000), Rebalance(), shallow, Rebalance("1"), liquidation]
    built = accounts_from([(as_objects(), event, Rules(100)) for event in events[:5]])
    for name, column in built._asdict().items():
        expected = getattr(part(EACH, 0, 5), name)
        if name == "value":  # of a pie either 0 or the sum
            expected = np.tile([7_500, 5_000, 4_000, 1_000, 2_500], 5)
        assert column.tolist() == expected.tolist(), name


ALIKE = Pie((Slice("a", 1, Holding("A", 1)), Slice("b", 1, Holding("A", 1))))
NOT_COLUMNS = [
    (Portfolio(as_objects().root, securities=(Security("4", min_trade=5),)), Deposit(1), Rules()),
    (Portfolio(ALIKE), Deposit(1), Rules()),
    (as_objects(), Deposit(1), Rules(cash_floor=5)),
    (as_objects(), TargetChange((ChangedPie("1", (TargetSlice("2", 1), TargetSlice("3", 2))),)), Rules()),
    (as_objects(), Rebalance("none"), Rules()),
]


@pytest.mark.parametrize("asked", NOT_COLUMNS, ids=["security", "several slices", "floor", "targets", "no such pie"])
def test_what_columns_can_not_say_is_refused(asked: tuple[Portfolio, Deposit, Rules]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        accounts_from([asked])
    assert refused.value.violations[0].reason == "NOT_IN_COLUMNS"


def same_as_alone(columns: Accounts, planned: Planned, engine: Engine) -> None:
    """Every row as ``plan`` answers the same account by itself."""
    plans = planned.plans
    for a in range(len(columns.event)):
        one = plan(*account_of(columns, a), engine=engine)
        assert isinstance(one, Plan)
        rows = slice(int(columns.start[a]), int(columns.start[a + 1]))
        traded = {part.slice_id: 0 for order in one.orders for part in order.parts}
        for order in one.orders:
            for piece in order.parts:
                traded[piece.slice_id] += piece.amount if order.side.value == "BUY" else -piece.amount
        assert plans.trade[rows].tolist() == [traded.get(str(row), 0) for row in range(rows.stop - rows.start)]
        told = one.certificate
        assert (plans.cash_after[a], plans.cash_left[a]) == (one.cash.after, told.cash_left)
        assert plans.tracking_error[a] == pytest.approx(told.tracking_error, rel=1e-9, abs=1e-12)
        assert plans.rounding_slack[a] == pytest.approx(told.rounding_slack)
        assert ("NONE", "OPTIMAL", "FEASIBLE")[plans.quality[a]] == told.quality.value
        assert recheck(columns, plans, a) == ""


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.HIGHS])
def test_every_event_is_planned_as_by_itself(engine: Engine) -> None:
    planned = plan_columns(EACH, engine)
    assert not planned.refusals
    assert planned.by_itself.tolist() == [0, 1, 2, 3, 4, 5]
    same_as_alone(EACH, planned, engine)


REFUSED: list[tuple[Callable[[], Accounts], str, str]] = [
    (lambda: accounts((EventKind.DEPOSIT, -1, 0)), "NEGATIVE_AMOUNT", "deposit.amount"),
    (lambda: accounts((EventKind.WITHDRAWAL, 0, 0)), "AMOUNT_TOO_SMALL", "withdrawal.amount"),
    (lambda: accounts((EventKind.WITHDRAWAL, 8_201, 0)), "WITHDRAWAL_EXCEEDS_PORTFOLIO", "8200"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 3)), "NO_ROW_EXPECTED", "event_row"),
    (lambda: accounts((EventKind.REBALANCE, 1, 0)), "NO_AMOUNT_EXPECTED", "amount"),
    (lambda: accounts((EventKind.REBALANCE, 0, 5)), "UNKNOWN_ROW", "0 to 4"),
    (lambda: accounts((EventKind.REBALANCE, 0, -1)), "UNKNOWN_ROW", "0 to 4"),
    (lambda: accounts((EventKind.LIQUIDATION, 0, 0)), "UNKNOWN_ROW", "1 to 4"),
    (lambda: accounts((9, 0, 0)), "UNKNOWN_EVENT", "1 DEPOSIT"),  # type: ignore[arg-type]
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), cash=-1), "NEGATIVE_AMOUNT", "portfolio.cash"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), m=-1), "NEGATIVE_AMOUNT", "rules.min_trade"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), parent=[-1, 0, 1, 1, 3]), "", ""),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), parent=[0, 0, 1, 1, 0]), "NOT_A_ROOT", "parent[0]"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), parent=[-1, 0, 1, 0, 1]), "NOT_DEPTH_FIRST", "parent[4]"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), parent=[-1, 0, 1, 3, 0]), "NOT_DEPTH_FIRST", "parent[3]"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), parent=[-1, 0, 1, -1, 0]), "NOT_DEPTH_FIRST", "parent[3]"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), value=[7_500, 4_999, 4_000, 1_000, 2_500]), "PIE_VALUE_MISMATCH", "5000"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), value=[0, 0, -1, 1_000, 2_500]), "NEGATIVE_AMOUNT", "value"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), target_weight=[1, 0, 1, 1, 0]), "NO_POSITIVE_TARGET", "slices"),
    (lambda: accounts((EventKind.DEPOSIT, 1, 0), parent=[-1], target_weight=[1], value=[0]), "EMPTY_PIE", "parent"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "reason", "told"), REFUSED)
@pytest.mark.parametrize("engine", [Engine.HIGHS, Engine.KERNEL])
def test_a_bad_account_costs_its_own_row(
    columns: Callable[[], Accounts], reason: str, told: str, engine: Engine
) -> None:
    """A good account on either side of it is planned as ever."""
    bad = columns()
    if not reason:  # row 4 as a slice of row 3: fine, but then row 3 is a pie, whose value is not its own
        reason, told = "PIE_VALUE_MISMATCH", "value[3]"
    three = together(ONE, bad, ONE)
    planned = plan_columns(three, engine)
    assert list(planned.refusals) == [1]
    assert planned.refusals[1].reason == reason
    assert told in planned.refusals[1].description
    assert planned.plans.quality.tolist() == [1, 0, 1]
    begin, end = three.start[1:3]
    assert not planned.plans.trade[begin:end].any()
    for a in (0, 2):
        assert recheck(three, planned.plans, a) == ""
        assert planned.plans.trade[three.start[a] : three.start[a + 1]].tolist() == [0, 0, 0, 520, 1_180]


def together(*several: Accounts) -> Accounts:
    columns = {name: np.concatenate([getattr(one, name) for one in several]) for name in Accounts._fields}
    sizes = np.concatenate([np.diff(one.start) for one in several])
    return Accounts(**{**columns, "start": np.concatenate(([0], np.cumsum(sizes)))})


WRONG = {
    "a type": (ONE._replace(cash=np.array([1.5])), "cash", "NOT_A_COLUMN"),
    "dimensions": (ONE._replace(value=ONE.value[None, :]), "value", "NOT_A_COLUMN"),
    "no offsets": (ONE._replace(start=np.array([], dtype=np.int64)), "start", "NOT_OFFSETS"),
    "falling": (ONE._replace(start=np.array([0, 5, 3])), "start", "NOT_OFFSETS"),
    "falling by more than a number holds": (
        ONE._replace(start=np.array([0, 2**63 - 1, -2, 5])),
        "start",
        "NOT_OFFSETS",
    ),
    "late": (ONE._replace(start=np.array([1, 5])), "start", "NOT_OFFSETS"),
    "short": (ONE._replace(cash=np.array([], dtype=np.int64)), "cash", "WRONG_LENGTH"),
    "long": (ONE._replace(value=np.zeros(6, dtype=np.int64)), "value", "WRONG_LENGTH"),
}


@pytest.mark.parametrize("case", WRONG)
def test_columns_that_are_none_are_refused_whole(case: str) -> None:
    columns, field, reason = WRONG[case]
    with pytest.raises(InvalidRequest) as refused:
        check_columns(columns)
    assert [(v.field, v.reason) for v in refused.value.violations] == [(field, reason)]
    with pytest.raises(InvalidRequest):
        plan_columns(columns)


def test_memory_of_every_kind_is_planned_by_what_is_compiled() -> None:
    """Files bring columns that can not be written to, other callers every second entry of something: once is enough."""
    spread = Accounts(*(np.repeat(column, 2)[::2] for column in EACH))
    for column in spread:
        column.flags.writeable = False
    prepare()
    known = len(getattr(plan_from, "overloads", ()))
    planned = plan_columns(spread, Engine.KERNEL)
    assert len(getattr(plan_from, "overloads", ())) == known
    for mine, theirs in zip(planned.plans, plan_columns(EACH, Engine.KERNEL).plans, strict=True):
        assert mine.tolist() == theirs.tolist()


def test_engines_that_prove_nothing_do_not_plan_columns() -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan_columns(ONE, Engine.GREEDY_TOGETHER)
    assert refused.value.violations[0].field == "engine"


def test_no_accounts_are_no_plans() -> None:
    planned = plan_columns(part(ONE, 0, 0))
    assert len(planned.plans.quality) == 0
    assert planned.plans.evidence_start.tolist() == [0]


SPOILED = {
    "a rule": ("trade", 3, 50, "BELOW_MINIMUM"),
    "a sum": ("trade", 3, 1_199, "FLOW_NOT_CONSERVED"),
    "J": ("tracking_error", 0, 0.5, "J is"),
    "J that is no number": ("tracking_error", 0, np.nan, "J is"),
    "J without end": ("tracking_error", 0, np.inf, "J is"),
    "a bound that is no number": ("lower_bound", 0, np.nan, "gives a bound"),
    "cash": ("cash_left", 0, 1, "is left"),
    "excess": ("retired_excess", 0, 1, "retired"),
    "the evidence": ("multiplier", 0, 1e3, "is not proved"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_the_checker_finds_what_is_spoiled(case: str) -> None:
    column, at, figure, told = SPOILED[case]
    columns = accounts((EventKind.DEPOSIT, 1_000, 0), value=[0, 0, 1_900, 1_000, 2_500], m=400)
    plans = plan_columns(columns, Engine.HIGHS).plans
    assert recheck(columns, plans, 0) == ""
    spoiled = plans._replace(**{column: getattr(plans, column).copy()})
    getattr(spoiled, column)[at] = figure
    assert told in recheck(columns, spoiled, 0)
