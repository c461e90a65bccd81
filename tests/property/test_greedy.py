"""What must hold of every baseline on accounts degenerate on purpose, and that none beats a plan proved optimal."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from solver import Event, Events, Infeasible, Plan, Portfolio, Quality, Rules, Side, plan
from solver.building import build_problem
from solver.cash import decide_cash
from solver.cents import retired_excess, tracking_error
from solver.certificate import broken_rules
from solver.greedy import GreedyRule, greedy
from solver.ideal import Mode
from solver.planning import plan_by_rule
from solver.problem import Ints, Problem
from solver.rules import BASELINES
from solver.situations import understand
from solver.surplus import settles
from solver.tree import flatten
from tests.property.several import several
from tests.property.strategies import accounts, ruled_accounts, several_accounts, stepped_accounts

Account = tuple[Portfolio, Event, int]
Ruled = tuple[Portfolio, Events, Rules]
RULE_OF = {baseline: GreedyRule[baseline.value.removeprefix("GREEDY_")] for baseline in BASELINES}
SEEN: Counter[tuple[str, GreedyRule]] = Counter()
MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def posed(account: Account) -> Problem | None:
    portfolio, event, m = account
    understood = understand(portfolio, event, Rules(m))
    return None if isinstance(understood, Infeasible) else build_problem(understood.situation)


def unspent(problem: Problem, trades: Ints) -> tuple[list[int], int]:
    """What every pie keeps of R_p after the buys below it, and what the buys lack that nobody gave them."""
    tree = problem.tree
    lacking = [int(trade) for trade in trades]
    kept = [0] * len(lacking)
    for p in reversed(problem.pies):
        money = int(problem.received[p]) - sum(lacking[c] for c in tree.children[p])
        kept[p], lacking[p] = max(0, money), max(0, -money)
    return kept, lacking[problem.event_row]


def may_buy(problem: Problem, p: int) -> bool:
    """Whether the pie ``p`` stands at or below no retired slice."""
    tree = problem.tree
    while p != problem.event_row and tree.weight[p]:
        p = tree.parent[p]
    return p == problem.event_row


@pytest.mark.parametrize("rule", list(GreedyRule))
@MANY
@given(accounts(most_value=200_000, most_leaves=9))
def test_a_baseline_breaks_no_rule_but_the_sum(rule: GreedyRule, account: Account) -> None:
    problem = posed(account)
    if problem is None:
        return
    found = greedy(problem, rule)
    trades, value, m = found.trades.tolist(), problem.tree.value, problem.min_trade
    assert [b for b in broken_rules(problem, trades) if not b.startswith("FLOW_NOT_CONSERVED")] == []
    assert all(not trade or abs(trade) >= m or -trade == held for trade, held in zip(trades, value, strict=True))
    left = int(problem.received.sum()) - sum(trades)
    if problem.situation.mode is Mode.SELLING:
        assert found.shortfall == max(0, -left)
    else:
        assert left >= found.shortfall == 0
    if problem.situation.mode is Mode.BUYING:
        assert unspent(problem, found.trades)[1] == 0
    again = greedy(problem, rule)
    assert (again.trades.tolist(), again.killed, again.shortfall) == (trades, found.killed, found.shortfall)


@MANY
@given(accounts(most_value=200_000, most_leaves=9))
def test_without_a_minimum_the_ideal_but_for_a_cent_a_level(account: Account) -> None:
    """A pie d levels down is given its ideal money but for less than d cents, and rounds by less than one itself.

    Both ideals rise with a pie's money, no slice by more than the pie, so a leaf is off by less than its depth.
    """
    problem = posed((*account[:2], 0))
    if problem is None:
        return
    together, refill = greedy(problem, GreedyRule.TOGETHER), greedy(problem, GreedyRule.REFILL)
    assert together.trades.tolist() == refill.trades.tolist()
    stuck = sum(int(problem.received[p]) for p in problem.pies if not may_buy(problem, p))
    assert together.trades.sum() == problem.received.sum() - stuck or not problem.pies
    off = problem.deviation(together.trades)
    for row in problem.leaves.tolist():
        depth, at = 0, row
        while at != problem.event_row:
            depth, at = depth + 1, problem.tree.parent[at]
        assert abs(off[row]) < depth + 1e-9


@MANY
@given(accounts(most_value=2_000, most_leaves=9))
def test_offering_again_places_more(account: Account) -> None:
    """REFILL leaves no more cash than TOGETHER (in a rebalance: or less than m, which ranks equal), and is never short."""
    problem = posed(account)
    if problem is None:
        return
    together, refill = (greedy(problem, rule) for rule in (GreedyRule.TOGETHER, GreedyRule.REFILL))
    assert refill.shortfall == 0
    if problem.situation.mode is not Mode.SELLING:
        least = max(1, problem.min_trade) - 1 if problem.situation.mode is Mode.REBALANCING else 0
        cash = [int(problem.received.sum()) - int(found.trades.sum()) for found in (together, refill)]
        assert cash[1] <= max(cash[0], least)


def beats_in_cash(problem: Problem, trades: Ints, best: Plan) -> bool:
    """Whether ``trades``, which break no rule of a leaf, rank better in cash than the plan, by PROBLEM.md's words."""
    left, m = int(problem.received.sum()) - int(trades.sum()), problem.min_trade
    if left < 0 or left >= best.certificate.cash_left:
        return False
    if problem.situation.mode is Mode.BUYING:
        kept, _ = unspent(problem, trades)
        return not any(kept[p] and trades[list(problem.tree.below(p))].any() for p in problem.pies)
    if problem.situation.mode is Mode.REBALANCING:
        return best.certificate.cash_left >= max(1, m)
    leaves = problem.leaves
    held = problem.value[leaves]
    closed = (trades[leaves] == -held) & (held < m) & (held > 0) & (held + problem.ideal_whole[leaves] >= 1)
    return (left == 0 and not closed.any()) or best.certificate.cash_left > left + m


def compare(account: Account) -> None:
    """No baseline is better than a plan proved optimal: not in cash, not in what is retired, not in J by more than ρ."""
    problem = posed(account)
    if problem is None or not len(problem.leaves):
        return
    best = plan(account[0], account[1], Rules(account[2]))
    assert isinstance(best, Plan)
    proof = best.certificate
    if proof.quality is not Quality.OPTIMAL:
        return
    cases = decide_cash(problem).cases
    for rule in GreedyRule:
        trades = greedy(problem, rule).trades
        SEEN["compared", rule] += 1
        assert not beats_in_cash(problem, trades, best), (rule, trades.tolist(), proof)
        equal = False
        for case in cases:
            if broken_rules(case, trades.tolist()):
                continue
            flows = case.flows(trades)
            excess, error = retired_excess(case, flows), tracking_error(case, flows)
            assert excess >= proof.retired_excess, (rule, trades.tolist(), proof)
            if excess == proof.retired_excess:
                slack = 1e-9 * max(1.0, error) + min(proof.rounding_slack, 1.0)
                assert error >= proof.tracking_error - slack, (rule, trades.tolist(), error, proof)
                equal |= error <= proof.tracking_error + slack
        SEEN["equal", rule] += int(equal)


@settings(MANY, max_examples=600)
@given(accounts())
def test_no_baseline_beats_an_optimal_plan(account: Account) -> None:
    compare(account)


@settings(MANY, max_examples=200)
@given(accounts(most_value=100_000, most_leaves=8))
def test_no_baseline_beats_an_optimal_plan_of_a_larger_account(account: Account) -> None:
    compare(account)


@pytest.mark.parametrize(
    ("drawn", "examples"),
    [
        (ruled_accounts(14, 5), 150),
        (ruled_accounts(50_000, 8), 150),
        (stepped_accounts(14, 5), 150),
        (stepped_accounts(50_000, 8), 100),
        (several(9, 4, ruled=True), 150),
        (several(9, 4, ruled=True, steps=True), 150),
        (several(20_000, 6, ruled=True), 100),
        (several(20_000, 6, ruled=True, steps=True), 100),
        (several_accounts(), 150),
        (several_accounts(steps=True), 150),
        (several_accounts(50_000, 8), 100),
        (several_accounts(50_000, 8, steps=True), 100),
    ],
    ids=[
        "rules",
        "rules, large",
        "steps",
        "steps, large",
        "several",
        "several in steps",
        "several, large",
        "several in steps, large",
        "shared",
        "shared in steps",
        "shared, large",
        "shared in steps, large",
    ],
)
def test_under_rules_it_breaks_what_it_says_and_beats_no_optimal_plan(
    drawn: SearchStrategy[Ruled], examples: int, request: pytest.FixtureRequest
) -> None:
    """Every order is one that may be placed, cash and shares add up, and a plan that breaks nothing is no better."""
    clean: Counter[bool] = Counter()

    @settings(MANY, max_examples=examples)
    @given(drawn)
    def every_account(ruled: Ruled) -> None:
        understood = understand(*ruled)
        if isinstance(understood, Infeasible):
            return
        problem = build_problem(understood.situation)
        best = plan(*ruled)
        for baseline in BASELINES:
            tried, killed = plan_by_rule(understood, problem, baseline)
            broken = tried.certificate.broken_rules
            assert killed >= 0
            # all it may break: the sum, and a largest position that it does not think of selling down
            assert {rule.split(":")[0] for rule in broken} <= {"FLOW_NOT_CONSERVED", "LARGEST_POSITION"}, broken
            adds_up(ruled[0], tried)
            clean[not broken] += 1
            if not broken and isinstance(best, Plan) and best.certificate.quality is Quality.OPTIMAL:
                not_better(problem, greedy(problem, RULE_OF[baseline]).trades, best)

    every_account()
    print(f"\n{request.node.callspec.id}: {clean[True]} of {clean.total()} plans of baselines break no rule")
    assert clean[True] >= clean.total() / 4


def adds_up(portfolio: Portfolio, tried: Plan) -> None:
    """Cash is what came in and went out, never less than nothing, and every order is worth the shares that it carries."""
    cash, securities = tried.cash, {security.security_id: security for security in portfolio.securities}
    assert cash.before + cash.received - cash.paid_out - cash.bought + cash.sold == cash.after >= 0
    before, after = flatten(portfolio), flatten(tried.portfolio_after)
    held = dict[str, tuple[int, int]]()
    for name, worth, shares in zip(before.security_ids, before.value, before.quantity, strict=True):
        value, quantity = held.get(name, (0, 0))
        held[name] = value + worth, quantity + shares
    for order in tried.orders:
        value, quantity = held.get(order.security_id, (0, 0))
        assert order.side is Side.BUY or order.amount <= value
        security = securities.get(order.security_id)
        steps = security.steps(portfolio.currency_code) if security else None
        if order.closes_position:
            assert (order.side, order.amount, order.quantity_nanos or 0) == (Side.SELL, value, quantity)
        elif security and steps:
            count, rest = divmod(order.quantity_nanos or 0, security.step_nanos)
            assert (steps.amount(count), rest) == (order.amount, 0)
            assert order.side is Side.BUY or count * security.step_nanos <= quantity
    assert min(after.value + after.quantity) >= 0


def not_better(problem: Problem, trades: Ints, best: Plan) -> None:
    """Less cash is left only where that ranks equal; no less is retired then, and J no nearer by more than ρ."""
    proof, cases = best.certificate, decide_cash(problem).cases
    left = int(problem.received.sum()) - int(trades.sum())
    assert left >= min(case.idle_cash for case in cases)
    equal = max(case.idle_cash + case.spare for case in cases)
    assert proof.cash_left <= max(left, equal), (left, proof)
    assert not (settles(problem, trades) and proof.cash_left), (trades.tolist(), proof)
    for case in cases:
        if not broken_rules(case, trades.tolist()):
            flows = case.flows(trades)
            rank = retired_excess(case, flows), tracking_error(case, flows)
            slack = 1e-9 * max(1.0, rank[1]) + min(proof.rounding_slack, 1.0)
            assert rank >= (proof.retired_excess, proof.tracking_error - slack), (trades.tolist(), rank, proof)


def test_enough_was_compared() -> None:
    for rule in GreedyRule:
        print(
            f"\n{rule.value}: as good as an optimal plan in {SEEN['equal', rule]} of {SEEN['compared', rule]}", end=""
        )
    assert SEEN["equal", GreedyRule.REFILL] >= SEEN["equal", GreedyRule.TOGETHER]
