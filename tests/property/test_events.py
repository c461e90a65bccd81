"""Several events at once: small trees against every plan there is, equal nets, and whose each part of an order is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import (
    Comparison,
    Deposit,
    Engine,
    Event,
    Infeasible,
    Plan,
    Portfolio,
    Quality,
    Reach,
    Rebalance,
    Rules,
    Side,
    TargetChange,
    Withdrawal,
    available,
    compare,
    plan,
)
from solver.building import build_problem
from solver.cash import decide_cash
from solver.ideal import Mode
from solver.problem import Problem
from solver.situations import Understood, understand
from tests.property.several import Several, several, side_by_side
from tests.property.strategies import securities_of
from tests.reference.brute_force import brute_force

HEALTHY = list(HealthCheck)
COMPILED = pytest.mark.skipif(not available(Engine.KERNEL), reason="the extra 'kernel' is not installed")


def posed(account: Several) -> tuple[Understood, Problem] | None:
    understood = understand(*account)
    return None if isinstance(understood, Infeasible) else (understood, build_problem(understood.situation))


def kind_of(problem: Problem) -> str:
    beside = " beside rebalances" if problem.situation.rebalanced else ""
    tied = any(not problem.leaves_cash(p) for p in problem.situation.rebalanced)  # what they leave over is no cash
    return problem.situation.mode.name.lower() + beside + (" in steps" if tied and problem.steps else "")


@pytest.mark.parametrize(
    ("engine", "examples", "ruled", "steps", "shared"),
    [
        (Engine.AUTO, 500, False, False, False),
        (Engine.HIGHS, 300, False, False, False),
        (Engine.AUTO, 500, True, False, False),
        (Engine.HIGHS, 200, True, False, False),
        (Engine.AUTO, 400, True, True, False),
        (Engine.AUTO, 300, True, False, True),
        (Engine.AUTO, 300, True, True, True),
        pytest.param(Engine.KERNEL, 200, True, False, False, marks=COMPILED),
        pytest.param(Engine.KERNEL, 300, True, True, False, marks=COMPILED),
    ],
)
def test_equals_brute_force(engine: Engine, examples: int, ruled: bool, steps: bool, shared: bool) -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=HEALTHY)
    @given(several(ruled=ruled, steps=steps, shared=shared))
    def every_account(account: Several) -> None:
        found = posed(account)
        if found is None:
            return
        _, problem = found
        received = problem.situation.received
        if problem.situation.rebalanced and problem.situation.mode is Mode.BUYING and any(received):
            problem, *_ = decide_cash(problem).cases  # proceeds in nested pies: what may stay there is decided
        best = brute_force(problem)
        if best is None:
            return
        planned = plan(*account, engine)
        assert isinstance(planned, Plan), planned
        proof = planned.certificate
        seen[kind_of(problem), proof.quality is Quality.OPTIMAL] += 1
        if (
            proof.quality is not Quality.OPTIMAL and steps and shared
        ):  # the search does not find the best of all of these
            return
        assert proof.cash_left - problem.idle_cash in best.allowed_cash, (proof.cash_left, best)
        assert proof.retired_excess == best.excess, (proof, best)
        near = 1e-9 * max(1.0, abs(best.error))
        slack = min(proof.rounding_slack, 1.0) if proof.quality is Quality.OPTIMAL else 0.0
        assert best.error - near <= proof.tracking_error, (proof.tracking_error, best)
        if proof.quality is Quality.OPTIMAL or not best.excess:  # several ways to share an excess are not all looked at
            assert proof.tracking_error <= best.error + near + slack, (proof.tracking_error, best)
        assert proof.lower_bound <= best.error + near, (proof.lower_bound, best)

    every_account()
    total, proved = sum(seen.values()), sum(count for (_, optimal), count in seen.items() if optimal)
    kinds = {kind: seen[kind, True] + seen[kind, False] for kind, _ in seen}
    print(
        f"\n{engine.value}, {'ruled' if ruled else 'm alone'}{', in steps' if steps else ''}{', shared' if shared else ''}: {total} plans, OPTIMAL {proved / total:.1%}, {kinds}"
    )
    assert total >= 100
    assert proved >= 0.9 * total
    assert not steps or sum(count for kind, count in kinds.items() if "in steps" in kind) >= 3


LARGE = settings(max_examples=150, deadline=None, suppress_health_check=HEALTHY)
Trades = list[tuple[str, Side, int]]


def trades(answer: Plan | Infeasible) -> tuple[Trades, int] | Infeasible:
    """What is ordered, and the cash afterwards: all of a plan that the account feels."""
    if isinstance(answer, Infeasible):
        return answer
    return [(o.security_id, o.side, o.amount) for o in answer.orders], answer.cash.after


@st.composite
def moneyed(draw: st.DrawFn) -> tuple[Portfolio, Rules]:
    """A larger account under any rules but a threshold."""
    portfolio = draw(side_by_side(20_000, 7, 500))
    rules = Rules(draw(st.sampled_from([0, 100, 2_000, 6_000])), draw(st.sampled_from([0, 0, 300, 5_000])))
    return replace(portfolio, securities=draw(securities_of(portfolio, 20_000))), rules


@LARGE
@given(moneyed(), st.integers(0, 30_000), st.integers(0, 30_000))
def test_two_deposits_are_one(account: tuple[Portfolio, Rules], first: int, second: int) -> None:
    portfolio, rules = account
    both = plan(portfolio, (Deposit(first, "a"), Deposit(second, "b")), rules)
    assert trades(both) == trades(plan(portfolio, Deposit(first + second), rules))


@LARGE
@given(moneyed(), st.integers(0, 30_000), st.integers(1, 30_000))
def test_a_deposit_pays_a_withdrawal(account: tuple[Portfolio, Rules], put: int, took: int) -> None:
    """Only what is left of either is planned, as if nothing else had been sent."""
    portfolio, rules = account
    net: Event = Deposit(put - took) if put >= took else Withdrawal(took - put)
    if put < took <= put + portfolio.cash - rules.cash_floor:  # the deposit says that what is left of it is invested
        left = replace(portfolio, cash=portfolio.cash + put - took)
        expected = plan(left, Deposit(0), rules)
    else:
        expected = plan(portfolio, net, rules)
    both = plan(portfolio, (Withdrawal(took, "w"), Deposit(put, "d")), rules)
    if isinstance(expected, Infeasible):
        assert isinstance(both, Infeasible)
        assert both.reason == expected.reason
        assert both.most_that_can_be_raised == (expected.most_that_can_be_raised or 0) + put
        return
    assert trades(both) == trades(expected)


@LARGE
@given(several(20_000, 6, ruled=True), st.randoms(use_true_random=False))
def test_the_order_of_events_says_only_whose_trades_they_are(account: Several, random) -> None:
    portfolio, events, rules = account
    shuffled = list(events)
    random.shuffle(shuffled)
    first, second = plan(portfolio, events, rules), plan(portfolio, shuffled, rules)
    assert trades(first) == trades(second)
    if isinstance(first, Plan) and isinstance(second, Plan):
        assert (first.nodes, first.certificate) == (second.nodes, second.certificate)


@settings(max_examples=400, deadline=None, suppress_health_check=HEALTHY)
@given(several(20_000, 7, ruled=True))
def test_parts_and_cash_add_up(account: Several) -> None:
    _, events, _ = account
    answer = plan(*account)
    if isinstance(answer, Infeasible):
        assert answer.reason != "OUT_OF_TIME"
        return
    deposits = {e.event_id: e.amount for e in events if isinstance(e, Deposit)}
    withdrawals = {e.event_id: e.amount for e in events if isinstance(e, Withdrawal)}
    rebalances = {e.event_id for e in events if isinstance(e, Rebalance)}
    changes = {e.event_id for e in events if isinstance(e, TargetChange)}
    cash = answer.cash
    assert (cash.received, cash.paid_out) == (sum(deposits.values()), sum(withdrawals.values()))
    assert cash.after == cash.before + cash.received - cash.paid_out - cash.bought + cash.sold >= 0
    bought, sold = Counter[str](), Counter[str]()
    for order in answer.orders:
        assert sum(part.amount for part in order.parts) == order.amount
        assert all(part.amount > 0 for part in order.parts)
        assert all(one.event_id != two.event_id for one, two in zip(order.parts, order.parts[1:], strict=False))
        for part in order.parts:
            (bought if order.side is Side.BUY else sold)[part.event_id] += part.amount
    assert set(bought) <= set(deposits) | rebalances | changes
    assert set(sold) <= set(withdrawals) | rebalances | changes
    last = list(deposits)[-1] if deposits else ""
    assert all(bought[name] <= amount + (cash.before if name == last else 0) for name, amount in deposits.items())
    assert all(sold[name] <= amount for name, amount in list(withdrawals.items())[:-1])
    proceeds = sum(sold[name] for name in changes)
    assert sum(bought[name] for name in changes) <= proceeds
    if not rebalances and sum(withdrawals.values()) <= sum(deposits.values()) + proceeds:
        assert not sum(sold[name] for name in withdrawals), "sold though there was money to pay with"


@settings(max_examples=300, deadline=None, suppress_health_check=HEALTHY)
@given(side_by_side(200, 6), st.sampled_from([0, 1, 40, 90]), st.sampled_from(Reach), st.sampled_from(Reach))
def test_rebalances_side_by_side_are_each_its_own(portfolio: Portfolio, m: int, one: Reach, two: Reach) -> None:
    """Two pies that share nothing but the root rebalance together as they do alone."""
    name = next(c.slice_id for c in portfolio.root.slices if c.slice_id in ("p", "g"))
    events = Rebalance(name, one, "one"), Rebalance("q", two, "two")
    both, *alone = (plan(portfolio, e, Rules(m)) for e in (events, *events))
    assert isinstance(both, Plan)
    error = excess = slack = 0.0
    for each in alone:
        assert isinstance(each, Plan)
        error += each.certificate.tracking_error
        excess += each.certificate.retired_excess
        slack += each.certificate.rounding_slack
    assert both.certificate.retired_excess == excess
    assert both.certificate.tracking_error == pytest.approx(error, abs=1e-9 + slack, rel=1e-9)


@settings(max_examples=60, deadline=None, suppress_health_check=HEALTHY)
@given(several(20_000, 6))
def test_baselines_plan_several_events_too(account: Several) -> None:
    found = compare(*account)
    if isinstance(found, Comparison):
        for tried in found.baselines:
            cash = tried.plan.cash
            assert cash.after == cash.before + cash.received - cash.paid_out - cash.bought + cash.sold
            assert tried.shortfall >= 0
            for order in tried.plan.orders:
                assert sum(part.amount for part in order.parts) == order.amount


@pytest.mark.skipif(not available(Engine.REFERENCE), reason="the extra 'reference' is not installed")
@settings(max_examples=60, deadline=None, suppress_health_check=HEALTHY)
@given(several(2_000, 6))
def test_a_second_opinion(account: Several) -> None:
    """The problem as CVXPY states it has the same optimum, whichever way its pies go."""
    ours, theirs = plan(*account), plan(*account, Engine.REFERENCE)
    if isinstance(ours, Infeasible) or isinstance(theirs, Infeasible):
        return
    a, b = ours.certificate, theirs.certificate
    if a.quality is Quality.OPTIMAL:
        assert a.retired_excess <= b.retired_excess
        if a.retired_excess == b.retired_excess:
            assert a.tracking_error <= b.tracking_error + a.rounding_slack + 1e-6 * max(1.0, b.tracking_error)
