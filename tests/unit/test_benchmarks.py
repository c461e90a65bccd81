"""The benchmark suite runs from end to end, its instances stay frozen, and its judge is no pushover."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import books, bulk, engines, judging, run, savers, years
from benchmarks.engines import CONTENDERS, OURS, Answer, Contender, Trial, attempt, pose, runs_here
from benchmarks.instances import Case, suite
from benchmarks.peers import placed
from benchmarks.plots import PICTURES
from benchmarks.savers import SETTINGS, STRATEGIES, Setting
from server.book import BLOCK, book
from server.columns_arrow import accounts_of
from server.requests import plan_request
from solver import BASELINES, Deposit, Engine, Holding, Pie, Portfolio, Quality, Slice, Withdrawal, available
from solver.columns import Accounts, part

CASE = Case((5,), False, True, "deposit 5%", "binding")
ROWS = {one.name: one for one in CONTENDERS}


def test_the_whole_suite_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--full", "--quick", "--write", str(tmp_path)]) == 0
    written, printed = (tmp_path / "RESULTS.md").read_text(), capsys.readouterr().out
    for title in (
        "The best baseline of each case",
        "Proved OPTIMAL",
        "Targets",
        "Phases",
        "Growth with levels",
        "Rules: deposits",
    ):
        assert f"## {title}" in written
        assert title in printed
    for one in CONTENDERS:
        assert one.name in written
    assert "beat by more than rounding: 0." in written
    for picture in PICTURES:
        assert f"]({picture})" in written
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_the_trading_day_keeps_its_own_section(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    results.write_text("# Results\n\nof others\n\n# The trading day\n\nof yesterday\n")
    assert run.main(["--day", "--quick", "--write", str(tmp_path)]) == 0
    written = results.read_text()
    assert "of others" in written
    assert "of yesterday" not in written
    for title in ("in columns", "Orders as blocks", "over the wire"):
        assert title in written.partition("# The trading day")[2]


def test_a_sample_is_of_the_whole_book() -> None:
    """In its order and from every block of it, each account once, and the same each time."""
    accounts, count = BLOCK + 6_000, 40
    whole, _ = accounts_of(pa.Table.from_batches(book(accounts, 1)).combine_chunks().to_batches()[0])
    drawn = books.sampled(accounts, count)
    place = {part(whole, i, i + 1).value.tobytes(): i for i in range(accounts)}
    found = [place[part(drawn, i, i + 1).value.tobytes()] for i in range(count)]
    assert found == sorted(set(found))
    assert accounts // 10 < np.median(found) < found[-1]
    assert found[-1] >= BLOCK
    for mine, i in enumerate(found):
        for name in Accounts._fields:
            given, kept = (getattr(part(of, at, at + 1), name) for of, at in ((drawn, mine), (whole, i)))
            assert np.array_equal(given, kept), name
    again = books.sampled(accounts, count)
    assert all(np.array_equal(*pair) for pair in zip(drawn, again, strict=True))


@pytest.mark.skipif(not available(Engine.KERNEL), reason="the extra 'kernel' is not installed")
def test_branches_are_told_of_near_equal_accounts() -> None:
    listed = [bulk.Loop(group, [1.0], [2.0], {}, [True], [True]) for group in (bulk.GROUPS[0], bulk.GROUPS[5])]
    one = next(bulk.GROUPS[5].accounts())
    listed[1].branches += [bulk.branches_of(one), 1_007]
    assert 1 <= listed[1].branches[0] <= bulk.TARGET_BRANCHES
    table = bulk.bulk_tables(listed, {5: 1.0, 10: 2.0})[0]
    at = table.columns.index("branches, most")
    assert [row[at] for row in table.rows] == ["", "1,007 (1,000)"]


def test_instances_are_frozen() -> None:
    """Other accounts under the old names would make results of different days incomparable: change the names too."""
    digest = hashlib.sha256()
    for case in suite({(5,): 1, (2, 3): 2}):
        portfolio, event, rules = case.posed()
        digest.update(plan_request(portfolio, event, rules.min_trade).SerializeToString(deterministic=True))
    assert digest.hexdigest()[:16] == "1f8b6e122e280cb0"


def test_names_are_unique() -> None:
    names = [case.name for case in suite()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("one", CONTENDERS, ids=lambda one: one.name)
def test_every_adapter_plans(one: Contender) -> None:
    """Where a peer can do a case at all, it gets close: a broken adapter would flatter us."""
    if not runs_here(one):
        pytest.skip(f"{one.name} is not installed")
    near_equal = Case((5,), True, False, "deposit 5%", "none")
    posed = pose(near_equal)
    ours, trial = attempt(ROWS[OURS], posed), attempt(one, posed)
    assert trial.valid
    assert judging.nearly(trial, ours)


def test_what_an_adapter_can_not_do_is_said() -> None:
    assert attempt(ROWS["CVXPY + HiGHS"], pose(CASE)).refused.startswith("cannot: an order's minimum")
    shallow = Case((2, 3), False, True, "rebalance shallow", "none")
    assert attempt(ROWS["SLSQP"], pose(shallow)).refused.startswith("cannot: a rebalance that stays shallow")


def test_an_engine_that_fails_is_a_row() -> None:
    def fails(posed: engines.Posed) -> Answer:
        raise RecursionError

    trial = attempt(replace(ROWS[OURS], solve=fails), pose(CASE))
    assert trial.refused == "failed: RecursionError"
    assert judging.failures({CASE: {OURS: trial}}) == [f"{OURS}, {CASE.name}: failed: RecursionError"]


def test_the_judge_sees_broken_rules_and_cash() -> None:
    posed = pose(CASE)
    nothing = np.zeros(len(posed.problem.value), dtype=np.int64)
    idle = attempt(replace(ROWS[OURS], solve=lambda _: Answer(nothing)), posed)
    assert idle.valid
    assert idle.beyond == idle.cash_left == int(posed.problem.received.sum())
    small = nothing.copy()
    small[posed.problem.leaves[0]] = posed.problem.min_trade - 1
    assert attempt(replace(ROWS[OURS], solve=lambda _: Answer(small)), posed).broken[0].startswith("BELOW_MINIMUM")


def test_a_beaten_optimum_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim of OPTIMAL for a plan that leaves all its cash: found, printed as a ready request, exit code 1."""
    posed = pose(CASE)
    nothing = np.zeros(len(posed.problem.value), dtype=np.int64)
    liar = replace(ROWS["AUTO"], solve=lambda _: Answer(nothing, quality=Quality.OPTIMAL))
    judged = {CASE: {one.name: attempt(one, posed) for one in (liar, ROWS[OURS], ROWS["GREEDY_REFILL"])}}
    assert [(a.engine, b.engine) for a, b in judging.beaten(judged)] == [("AUTO", OURS), ("AUTO", "GREEDY_REFILL")]
    assert run.print_beaten(judged) == 1
    assert '"min_trade"' in capsys.readouterr().err.replace("minTrade", "min_trade")


def test_how_plans_are_compared() -> None:
    ours = Trial(CASE, OURS, 1.0, error=100.0, slack=0.05)
    same, worse = replace(ours, error=100.04), replace(ours, error=150.0)
    cash, broken = replace(ours, error=90.0, beyond=500), replace(ours, broken=("BELOW_MINIMUM:s",))
    assert judging.as_good(same, ours)
    assert not any(judging.as_good(other, ours) for other in (worse, cash, broken))
    assert judging.ratio(worse, ours) == 1.5
    assert judging.ratio(cash, ours) is None  # it tracks nearer only because it leaves cash
    assert judging.ratio(worse, replace(ours, error=0.04)) is None  # nothing but rounding
    found = [judging.outcome(other, ours) for other in (same, worse, cash, broken, replace(ours, refused="failed"))]
    expected = [judging.Outcome.AS_GOOD, judging.Outcome.DOUBLE, judging.Outcome.CASH]
    assert found == [*expected, judging.Outcome.BROKEN, judging.Outcome.NONE]


def test_floats_become_orders_as_a_broker_takes_them() -> None:
    problem = pose(CASE).problem
    real = np.zeros(len(problem.leaves))
    real[0], real[1] = problem.min_trade - 1e-6, problem.min_trade / 2
    trades, small = placed(problem, real)
    assert trades[problem.leaves].tolist() == [problem.min_trade, 0, 0, 0, 0]
    assert small == 1


def test_an_engine_has_one_row() -> None:
    """Whatever can be asked for is measured."""
    assert {engine.value for engine in Engine} <= set(ROWS)


def test_the_years_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    years.main(quick=True, write=tmp_path)
    written, printed = (tmp_path / "YEARS.md").read_text(), capsys.readouterr().out
    rows = [line for line in written.splitlines() if line.startswith(("| flat", "| nested"))]
    assert len(rows) == len(SETTINGS) * len(STRATEGIES)
    assert "OPTIMUM: 384 of 384 plans are proved OPTIMAL; none breaks a rule, every month has a plan" in written
    for baseline in BASELINES:
        assert f"{baseline.value}, distance: " in written
        assert baseline.value in printed
    assert (tmp_path / "years.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("engine", STRATEGIES)
def test_books_over_years_keep_all_money(nested: bool, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where prices stand still, an account is worth what was paid in less what was paid out."""
    prices = savers.month_end_prices()
    still = dict.fromkeys(prices, next(iter(prices.values())))
    monkeypatch.setattr(savers, "month_end_prices", lambda: still)
    one, months, worth = savers.account(3), 30, 0
    assert any(month < months for month, _ in one.withdrawn)
    lived = savers.lived(Setting(nested, 25_00, True), one, engine, months)
    for month, record in enumerate(lived):
        for event in one.events(month, True):
            worth += event.amount if isinstance(event, Deposit) else 0
            worth -= event.amount - record.short if isinstance(event, Withdrawal) else 0
        assert record.value == worth
        assert 0 <= record.cash <= worth
    assert sum(record.orders for record in lived) > 12
    assert max(record.traded for record in lived) >= one.monthly


def test_flat_and_nested_accounts_have_the_same_targets() -> None:
    for number in range(4):
        one = savers.account(number)
        flat, nested = one.opened(False).root, one.opened(True).root
        assert [s.target_weight for s in flat.slices] == [
            pie.target_weight * leaf.target_weight
            for pie in nested.slices
            if isinstance(pie.content, Pie)
            for leaf in pie.content.slices
        ]
        assert len({s.slice_id for s in flat.slices}) == 20


def test_holdings_move_with_prices_in_whole_cents() -> None:
    pie = Pie((Slice("a", 1, Holding("A", 101)), Slice("p", 1, Pie((Slice("b", 1, Holding("B", 1_000)),)))))
    moved = savers.moved(pie, {"A": 1.0, "B": 0.003}, {"A": 1.5, "B": 0.002})
    assert [leaf.content.value for leaf in moved.slices if isinstance(leaf.content, Holding)] == [152]  # 151.5
    assert isinstance(inner := moved.slices[1].content, Pie)
    assert inner.slices[0].content == Holding("B", 667)


def test_distance_is_what_lies_elsewhere() -> None:
    nested = Pie((Slice("b", 1, Holding("B", 200)), Slice("c", 3, Holding("C", 200))))
    account = Portfolio(Pie((Slice("a", 60, Holding("A", 500)), Slice("p", 40, nested))), cash=100)
    assert savers.measured(account) == (1_000, 100, pytest.approx(0.2))  # A and C lack 100 each


def test_a_month_says_which_baselines_are_as_good() -> None:
    found = savers.lived(Setting(False, 25_00, True), savers.account(1), Engine.AUTO, 12)
    good = dict(zip(BASELINES, zip(*(month.good for month in found), strict=True), strict=True))
    assert not any(good[Engine.GREEDY_TOGETHER])
    assert sum(good[Engine.GREEDY_REFILL]) >= 10


def test_a_life_in_figures() -> None:
    """Two months of one account: shares are of the account, a year's turnover is over the mean value."""
    first = savers.Month(1_000, 100, 0.2, 4.0, 3, 900, 0, ("BELOW_MINIMUM:a",), True, False)
    second = savers.Month(3_000, 0, 0.4, float("nan"), 0, 100, 50, (), False, False)
    found = years.summary([(first, second)], [[True, False, False, True]])
    assert found.distance == pytest.approx((0.3, 0.39))
    assert found.error == (4.0, 4.0)
    assert (found.orders, found.turnover, found.idle, found.good) == (1.5, 12 * 1_000 / 4_000, 0.05, 0.5)
    assert (found.short, found.broken, found.unplanned, found.unproved) == (50, 1, 1, 2)
