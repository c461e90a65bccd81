"""The reconstructed holdings prove the stated results: by the rule itself, computed a second time in fractions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from server.cases import CASES, STATED_RESULTS, Case
from solver import Deposit, Event, Holding, Infeasible, Pie, Plan, Portfolio, Rebalance, Withdrawal, plan
from tests.property.strategies import accounts
from tests.seeds.oracle import Outcome, play

BY_NAME = {case.name: case for case in CASES}


def start_of(case: Case) -> Portfolio:
    """Where ``case`` starts: chained ones from what the oracle, not the planner, left."""
    if isinstance(case.start, Portfolio):
        return case.start
    before = BY_NAME[case.start]
    after = play(start_of(before), before.event).after
    assert after is not None, "every stated result is in whole cents"
    return after


def outcome_of(case: Case) -> Outcome:
    return play(start_of(case), case.event)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_rule_yields_what_is_stated(case: Case) -> None:
    outcome = outcome_of(case)
    assert outcome.trades == case.expected
    assert set(case.still) <= outcome.flows.keys(), "who must not trade is a slice of the account"
    assert [name for name in case.still if outcome.flows[name]] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_who_must_not_trade_is_said_of_every_holding(case: Case) -> None:
    """A holding either trades or is named as still: nothing is left unsaid."""
    outcome = outcome_of(case)
    traded = {security.removeprefix("Security ") for security in case.expected}
    holdings = {name for name in outcome.flows if name and "Pie" not in name}
    assert holdings - traded == {name for name in case.still if "Pie" not in name}


def test_every_stated_result_has_its_line() -> None:
    lines = [case.line for case in CASES]
    assert lines == sorted(lines)
    assert len(set(lines)) == STATED_RESULTS == 28
    twice = {case.line for case in CASES if lines.count(case.line) > 1}
    assert len(twice) == 2, "only the two that start with one slice are two cases each"


@pytest.mark.parametrize("example", ["targets 1", "targets 2", "targets 3"])
def test_the_chain_holds_from_the_changed_portfolio_too(example: str) -> None:
    """The text leaves open whether the withdrawal follows the deposit; what it states holds under both readings."""
    changed = outcome_of(BY_NAME[f"{example}.1"]).after
    assert changed is not None
    for step in ("2", "3"):
        case = BY_NAME[f"{example}.{step}"]
        assert play(changed, case.event).trades == case.expected


@pytest.mark.parametrize("example", ["targets 1", "targets 2", "targets 3"])
def test_a_changed_portfolio_is_rebalanced_to_its_new_targets(example: str) -> None:
    after = outcome_of(BY_NAME[f"{example}.4"]).after
    assert after is not None
    assert play(after, Rebalance()).trades == {}


@pytest.mark.parametrize("case", [case for case in CASES if case.expected], ids=lambda case: case.name)
def test_a_wrong_reconstruction_is_caught(case: Case) -> None:
    """A bought holding that was rich already, or a sold one that was empty, does not yield what is stated."""
    start = start_of(case)
    plenty = 10 * (start.value + start.cash + 1)
    for security, amount in case.expected.items():
        wrong = replace(start, root=holding(start.root, security, plenty if amount > 0 else 0))
        assert play(wrong, case.event).trades != case.expected, security


def holding(pie: Pie, security_id: str, value: int) -> Pie:
    """``pie`` with ``value`` in the slice that holds ``security_id``."""
    slices = []
    for child in pie.slices:
        content = child.content
        if isinstance(content, Pie):
            content = holding(content, security_id, value)
        elif content.security_id == security_id:
            content = Holding(security_id, value)
        slices.append(replace(child, content=content))
    return replace(pie, slices=tuple(slices))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(accounts(most_value=50_000, most_leaves=8))
def test_the_planner_has_the_same_ideal(account: tuple[Portfolio, Event, int]) -> None:
    """On accounts that nobody wrote down, the ideal of each slice in a plan is the oracle's.

    The row of a liquidated pie itself is left out, since the plan tells its sale by the holdings below it.
    """
    portfolio, event, _ = account
    answer = plan(portfolio, event)
    if isinstance(answer, Infeasible):
        return
    assert isinstance(answer, Plan)
    outcome = play(portfolio, event)
    for node in answer.nodes:
        if node.slice_id in outcome.liquidated_pies:
            continue
        assert node.ideal == pytest.approx(float(outcome.flows[node.slice_id]), abs=1e-6), node.slice_id


def test_the_oracle_by_hand() -> None:
    """Figures small enough to do in the head, so that the oracle itself is checked against something."""
    deposit, withdrawal = BY_NAME["deposit 1, user 2: A, then others"], BY_NAME["withdrawal 1, user 2: A, then others"]
    assert isinstance(deposit.start, Portfolio)
    assert isinstance(withdrawal.start, Portfolio)
    # A 10, B 12: with 10 both come to 16; with 1 only A moves; with 3 both come to 12.5
    assert play(deposit.start, Deposit(100_000)).trades == {"Security A": Fraction(100_000)}
    assert play(deposit.start, Deposit(300_000)).trades == {
        "Security A": Fraction(250_000),
        "Security B": Fraction(50_000),
    }
    # A 30, B 26: with 4 only A falls, with 5 both come to 25.5
    assert play(withdrawal.start, Withdrawal(400_000)).trades == {"Security A": Fraction(-400_000)}
    assert play(withdrawal.start, Withdrawal(500_000)).trades == {
        "Security A": Fraction(-450_000),
        "Security B": Fraction(-50_000),
    }
