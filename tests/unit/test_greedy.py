"""The baselines by hand: every rule on every event, with and without a minimum, and on the stated results of the seeds."""

from __future__ import annotations

import pytest

from server.cases import CASES, Case
from solver import (
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Engine,
    Event,
    Holding,
    Pie,
    Plan,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    TargetChange,
    TargetSlice,
    Withdrawal,
    plan,
)
from solver import greedy as module
from solver.building import build_problem
from solver.certificate import broken_rules
from solver.greedy import Baseline, GreedyRule, greedy
from solver.planning import plan_by_rule
from solver.situations import Understood, understand

TOGETHER, SEQUENTIAL, REFILL = GreedyRule.TOGETHER, GreedyRule.SEQUENTIAL, GreedyRule.REFILL
Trades = dict[str, int]


def leaf(name: str, value: int, weight: int = 1) -> Slice:
    return Slice(name, weight, Holding(name.upper(), value))


def flat(cash: int = 0, **values: int) -> Portfolio:
    """Equally weighted holdings of these values."""
    return Portfolio(Pie(tuple(leaf(name, value) for name, value in values.items())), cash)


def tree(*slices: Slice, cash: int = 0, **pies: tuple[Slice, ...]) -> Portfolio:
    """``slices``, then ``pies`` of weight 1."""
    return Portfolio(Pie((*slices, *(Slice(name, 1, Pie(inner)) for name, inner in pies.items()))), cash)


def traded(portfolio: Portfolio, event: Event, m: int, rule: GreedyRule) -> tuple[Trades, Baseline, list[str]]:
    """The trades by slice, the baseline, and the rules that it breaks."""
    understood = understand(portfolio, event, Rules(m))
    assert isinstance(understood, Understood)
    problem = build_problem(understood.situation)
    found = greedy(problem, rule)
    by_id = {problem.tree.slice_ids[row]: int(trade) for row, trade in enumerate(found.trades) if trade}
    return by_id, found, broken_rules(problem, found.trades.tolist())


THREE = flat(a=60, b=30, c=0)
DEPOSITS = [  # portfolio, amount, m, rule, trades, killed
    (THREE, 60, 0, TOGETHER, {"b": 15, "c": 45}, 0),  # level (60 + 30 + 0)/2 = 45
    (THREE, 60, 0, REFILL, {"b": 15, "c": 45}, 0),
    (THREE, 60, 0, SEQUENTIAL, {"b": 10, "c": 50}, 0),  # target 150/3 = 50: first c, then b
    (THREE, 60, 20, TOGETHER, {"c": 45}, 1),
    (THREE, 60, 20, SEQUENTIAL, {"c": 50}, 1),
    (THREE, 60, 20, REFILL, {"b": 20, "c": 40}, 0),  # 15 is nearer to 20 than to nothing, and c can spare 5
    (flat(a=20, b=15, c=30, d=25, e=20), 10, 3, REFILL, {"a": 3, "b": 7}, 1),  # raise a alone; then e is nearer to 0
    (THREE, 60, 40, REFILL, {"c": 60}, 1),  # 60 is one order of 40, not two
    (THREE, 60, 61, REFILL, {}, 2),
    (flat(a=0, b=0, c=0), 100, 0, TOGETHER, {"a": 34, "b": 33, "c": 33}, 0),  # the odd cent to the earlier listed
    (flat(a=0, b=0, c=0), 101, 0, SEQUENTIAL, {"a": 34, "b": 34, "c": 33}, 0),
    (flat(a=0, b=0, c=0, d=0), 100, 30, REFILL, {"a": 34, "b": 33, "c": 33}, 1),  # three orders, not two of 50
    (flat(cash=40, a=10, b=10), 0, 15, TOGETHER, {"a": 20, "b": 20}, 0),  # the cash is invested
]


@pytest.mark.parametrize(("portfolio", "amount", "m", "rule", "trades", "killed"), DEPOSITS)
def test_deposit(portfolio: Portfolio, amount: int, m: int, rule: GreedyRule, trades: Trades, killed: int) -> None:
    by_id, found, broken = traded(portfolio, Deposit(amount), m, rule)
    assert (by_id, found.killed, found.shortfall) == (trades, killed, 0)
    conserved = sum(trades.values()) == amount + portfolio.cash
    assert broken == ([] if conserved else ["FLOW_NOT_CONSERVED:"])


NESTED = tree(leaf("a", 0), p=(leaf("b", 0), leaf("c", 0)))
NESTED_DEPOSITS = [
    (NESTED, 100, 0, TOGETHER, {"a": 50, "b": 25, "c": 25}, 0),
    (NESTED, 100, 0, SEQUENTIAL, {"a": 50, "b": 25, "c": 25}, 0),
    (NESTED, 100, 30, TOGETHER, {"a": 50}, 2),
    (NESTED, 100, 30, REFILL, {"a": 40, "b": 30, "c": 30}, 0),  # 25 each is nearer to 30 than to nothing: p keeps 60
    (NESTED, 40, 30, REFILL, {"a": 40}, 2),  # 20 of either: one order, to the earlier listed
    (tree(leaf("a", 0, 4), p=(leaf("b", 0), leaf("c", 0))), 50, 20, REFILL, {"a": 30, "b": 20}, 1),  # the pie is raised
    (tree(leaf("a", 0), leaf("old", 0, 0), p=(leaf("b", 0), leaf("c", 0, 0))), 60, 0, TOGETHER, {"a": 30, "b": 30}, 0),
    (tree(leaf("a", 0), leaf("old", 9, 0), p=(leaf("b", 0), leaf("c", 9, 0))), 60, 40, REFILL, {"a": 60}, 1),
]


@pytest.mark.parametrize(("portfolio", "amount", "m", "rule", "trades", "killed"), NESTED_DEPOSITS)
def test_nested_deposit(
    portfolio: Portfolio, amount: int, m: int, rule: GreedyRule, trades: Trades, killed: int
) -> None:
    by_id, found, _ = traded(portfolio, Deposit(amount), m, rule)
    assert (by_id, found.killed) == (trades, killed)


FALLING = flat(a=100, b=80, c=60)
OLD = tree(leaf("a", 10, 0), leaf("b", 200))
OLD_INSIDE = tree(leaf("q", 240), p=(leaf("old", 100, 0), leaf("b", 100)))
WITHDRAWALS = [  # portfolio, amount, m, rule, trades, killed, shortfall
    (FALLING, 50, 0, TOGETHER, {"a": -35, "b": -15}, 0, 0),  # level (180 − 50)/2 = 65
    (FALLING, 50, 0, SEQUENTIAL, {"a": -36, "b": -14}, 0, 0),  # targets 64, 63, 63
    (FALLING, 50, 20, TOGETHER, {"a": -35}, 1, 15),
    (FALLING, 50, 20, SEQUENTIAL, {"a": -36}, 1, 14),
    (FALLING, 50, 20, REFILL, {"a": -30, "b": -20}, 0, 0),
    (FALLING, 50, 40, REFILL, {"a": -50}, 1, 0),
    (flat(a=30, b=30), 40, 25, TOGETHER, {}, 2, 40),
    (flat(a=30, b=30), 40, 25, REFILL, {"a": -25, "b": -25}, 0, 0),  # neither alone has 40: 10 too much
    (OLD, 60, 25, TOGETHER, {"a": -10, "b": -50}, 0, 0),  # retired first; whole, so under m
    (OLD, 60, 25, SEQUENTIAL, {"a": -10, "b": -50}, 0, 0),
    (OLD, 30, 25, TOGETHER, {"a": -10}, 1, 20),
    (OLD, 30, 25, REFILL, {"b": -30}, 1, 0),  # 10 + 25 would be too much: cash before what is retired
    (OLD_INSIDE, 60, 0, TOGETHER, {"q": -50, "old": -10}, 0, 0),
    (OLD_INSIDE, 60, 25, TOGETHER, {"q": -50}, 1, 10),
    (OLD_INSIDE, 60, 25, REFILL, {"q": -35, "old": -25}, 0, 0),  # a retired slice is raised, not dropped
    (flat(cash=70, a=30, b=30), 60, 25, TOGETHER, {}, 0, 0),  # paid from cash
    (flat(a=30, b=20), 50, 40, TOGETHER, {"a": -30, "b": -20}, 0, 0),  # everything, minimum or not
]


@pytest.mark.parametrize(("portfolio", "amount", "m", "rule", "trades", "killed", "shortfall"), WITHDRAWALS)
def test_withdrawal(
    portfolio: Portfolio, amount: int, m: int, rule: GreedyRule, trades: Trades, killed: int, shortfall: int
) -> None:
    by_id, found, broken = traded(portfolio, Withdrawal(amount), m, rule)
    assert (by_id, found.killed, found.shortfall) == (trades, killed, shortfall)
    exact = -sum(trades.values()) == max(0, amount - portfolio.cash)
    assert broken == ([] if exact else ["FLOW_NOT_CONSERVED:"])


FOUR = flat(a=60, b=50, c=10, d=0)
TWO_PIES = tree(p=(leaf("e", 40), leaf("f", 20)), q=(leaf("g", 60), leaf("h", 0)))
BESIDE = tree(leaf("a", 100), p=(leaf("b", 60), leaf("c", 20)))
DEEP, SHALLOW = Rebalance(), Rebalance("", Reach.SHALLOW)
REBALANCES = [
    (FOUR, DEEP, 0, TOGETHER, {"a": -30, "b": -20, "c": 20, "d": 30}, 0),
    (FOUR, DEEP, 0, SEQUENTIAL, {"a": -30, "b": -20, "c": 20, "d": 30}, 0),
    (FOUR, DEEP, 0, REFILL, {"a": -30, "b": -20, "c": 20, "d": 30}, 0),
    (FOUR, DEEP, 25, TOGETHER, {"a": -30}, 3),  # the 30 are shared 12 : 18, and neither is an order
    (FOUR, DEEP, 25, SEQUENTIAL, {"a": -30, "d": 30}, 2),
    (FOUR, DEEP, 25, REFILL, {"a": -30, "b": -25, "c": 25, "d": 30}, 0),  # a and d share what b and c leave: one level
    (flat(a=50, b=30, c=10), DEEP, 25, TOGETHER, {}, 2),
    (flat(a=50, b=30, c=10), DEEP, 25, REFILL, {"a": -25, "c": 25}, 0),  # 20 is nearer to 25 than to nothing
    (flat(cash=8, a=12, b=12), DEEP, 5, TOGETHER, {}, 2),
    (flat(cash=8, a=12, b=12), DEEP, 5, REFILL, {"a": 5}, 1),  # the 3 left are too little to matter in a rebalance
    (flat(cash=9, a=0, b=0), DEEP, 5, REFILL, {"a": 5}, 1),
    (TWO_PIES, DEEP, 0, TOGETHER, {"e": -10, "f": 10, "g": -30, "h": 30}, 0),
    (TWO_PIES, DEEP, 15, TOGETHER, {"g": -30, "h": 30}, 2),  # p sold nothing, so f buys nothing; q is not touched
    (TWO_PIES, DEEP, 15, SEQUENTIAL, {"g": -30, "h": 30}, 2),
    (BESIDE, DEEP, 0, TOGETHER, {"a": -10, "b": -15, "c": 25}, 0),
    (BESIDE, SHALLOW, 0, TOGETHER, {"a": -10, "c": 10}, 0),  # inside p nothing is sold
    (BESIDE, SHALLOW, 0, SEQUENTIAL, {"a": -10, "c": 10}, 0),
    (BESIDE, SHALLOW, 15, TOGETHER, {}, 2),
    (BESIDE, SHALLOW, 15, REFILL, {"a": -15, "c": 15}, 0),
    (BESIDE, Rebalance("p"), 0, TOGETHER, {"b": -20, "c": 20}, 0),
    (BESIDE, Rebalance("p"), 25, TOGETHER, {}, 2),
    (tree(leaf("a", 90), leaf("old", 5, 0), leaf("b", 95)), DEEP, 5, TOGETHER, {"a": 5, "old": -5}, 0),
    (tree(leaf("a", 90), leaf("old", 4, 0), leaf("b", 94)), DEEP, 9, REFILL, {"old": -4}, 1),  # whole; 4 stay cash
]


@pytest.mark.parametrize(("portfolio", "event", "m", "rule", "trades", "killed"), REBALANCES)
def test_rebalance(portfolio: Portfolio, event: Event, m: int, rule: GreedyRule, trades: Trades, killed: int) -> None:
    by_id, found, _ = traded(portfolio, event, m, rule)
    assert (by_id, found.killed, found.shortfall) == (trades, killed, 0)


def kept(*names: str) -> tuple[TargetSlice, ...]:
    return tuple(TargetSlice(name, 1) for name in names)


INSIDE = tree(leaf("a", 100), p=(leaf("e", 40), leaf("f", 40), leaf("g", 40)))
WITHOUT_G = TargetChange((ChangedPie("p", kept("e", "f")),))
BOTH = tree(leaf("a", 50), leaf("old", 30), p=(leaf("e", 100), leaf("g", 20)))
WITHOUT_OLD_AND_G = TargetChange((ChangedPie("", kept("a", "p")), ChangedPie("p", kept("e"))))
IN_RETIRED = Portfolio(Pie((leaf("a", 100), Slice("p", 0, Pie((leaf("e", 40), leaf("g", 40)))))))
LIQUIDATIONS = [
    (INSIDE, WITHOUT_G, 0, TOGETHER, {"e": 20, "f": 20}, 0),  # R_p = 40 stays in p
    (INSIDE, WITHOUT_G, 0, SEQUENTIAL, {"e": 20, "f": 20}, 0),
    (INSIDE, WITHOUT_G, 25, TOGETHER, {}, 2),
    (INSIDE, WITHOUT_G, 25, SEQUENTIAL, {}, 2),
    (INSIDE, WITHOUT_G, 25, REFILL, {"e": 40}, 1),
    (INSIDE, WITHOUT_G, 41, REFILL, {}, 2),  # never to a, whatever it could buy
    (BOTH, WITHOUT_OLD_AND_G, 0, TOGETHER, {"a": 30, "e": 20}, 0),
    (BOTH, WITHOUT_OLD_AND_G, 25, TOGETHER, {"a": 30}, 1),
    (BOTH, WITHOUT_OLD_AND_G, 25, REFILL, {"a": 25, "e": 25}, 0),  # p lacks 5, and the root has them
    (BOTH, WITHOUT_OLD_AND_G, 45, REFILL, {"e": 50}, 1),
    (BOTH, TargetChange((ChangedPie("", kept("a", "old", "p")),)), 0, REFILL, {}, 0),  # nothing is liquidated
    (IN_RETIRED, TargetChange((ChangedPie("p", kept("e")),)), 0, TOGETHER, {}, 0),  # nothing is bought below 0
    (IN_RETIRED, TargetChange((ChangedPie("p", kept("e")),)), 0, SEQUENTIAL, {}, 0),
    (IN_RETIRED, TargetChange((ChangedPie("p", kept("e")),)), 0, REFILL, {}, 0),
]


@pytest.mark.parametrize(("portfolio", "event", "m", "rule", "trades", "killed"), LIQUIDATIONS)
def test_liquidation(portfolio: Portfolio, event: Event, m: int, rule: GreedyRule, trades: Trades, killed: int) -> None:
    by_id, found, _ = traded(portfolio, event, m, rule)
    assert (by_id, found.killed, found.shortfall) == (trades, killed, 0)


def test_many_slices_concentrate() -> None:
    """Two hundred near-equal slices, money for seven orders: seven are placed, and nothing is left."""
    many = Portfolio(Pie(tuple(leaf(f"s{i}", 0, 98 + i % 5) for i in range(200))))
    by_id, found, broken = traded(many, Deposit(750), 100, REFILL)
    assert broken == []
    assert len(by_id) in (6, 7)
    assert min(by_id.values()) >= 100
    assert found.killed == 200 - len(by_id)
    assert traded(many, Deposit(750), 100, TOGETHER)[0] == {}


def stated(case: Case, after: dict[str, Portfolio]) -> Understood:
    """The case's event, understood; what an engine leaves is put into ``after`` for the cases that follow."""
    start = after[case.start] if isinstance(case.start, str) else case.start
    planned = plan(start, case.event)
    assert isinstance(planned, Plan)
    after[case.name] = planned.portfolio_after
    understood = understand(start, case.event, Rules())
    assert isinstance(understood, Understood)
    return understood


def contradicted(rule: GreedyRule) -> dict[str, Trades]:
    """The stated results that ``rule`` does not come to, with what it trades instead (by security)."""
    after: dict[str, Portfolio] = {}
    found = {}
    for case in CASES:
        understood = stated(case, after)
        problem = build_problem(understood.situation)
        trades = greedy(problem, rule).trades.tolist()
        assert broken_rules(problem, trades) == []
        by_security = {problem.tree.security_ids[row]: trade for row, trade in enumerate(trades) if trade}
        if understood.changed:
            by_security |= {sold.security_id: -sold.value for sold in understood.changed.liquidated}
        if by_security != case.expected:
            found[case.name] = by_security
    return found


@pytest.mark.parametrize("rule", [TOGETHER, REFILL])
def test_every_stated_result(rule: GreedyRule) -> None:
    assert contradicted(rule) == {}


def test_one_after_the_other_contradicts_stated_results() -> None:
    """Three that the text states, and the two cases that we made of "it starts with A" so as to tell the readings apart."""
    found = contradicted(SEQUENTIAL)
    assert found.pop("targets 1.3") == {"Security A": -1_000_000, "Security B": -1_000_000}
    assert found.pop("targets 2.3") == {"Security A": -1_100, "Security B": -900}
    assert found.pop("targets 3.3") == {"Security A": -700, "Security B": -700, "Security C": -600}
    assert set(found) == {"deposit 1, user 2: A, then others", "withdrawal 1, user 2: A, then others"}
    lines = {case.name: case.line for case in CASES}
    named = [name for name in lines if f'"{name}" ({lines[name]}' in (module.__doc__ or "").replace("\n", " ")]
    assert named == ["targets 1.3", "targets 2.3", "targets 3.3"]


TWO = Pie((Slice("a", 1, Holding("A", 1_000)), Slice("b", 1, Holding("B", 1_000))))
ONE_SHARE = Security("A", price_micros=3_000_000, quantity_step_nanos=10**9)  # $3.00 each


# a rule of A, an event, TOGETHER's trades, killed, what they break
UNDER_RULES: list[tuple[Security, Event, list[int], int, list[str]]] = [
    (Security("A", blocks=(Block(Side.BUY, BlockReason.HALTED),)), Deposit(500), [0, 250], 1, []),
    (Security("A", blocks=(Block(Side.SELL, BlockReason.HALTED),)), Withdrawal(500), [0, -250], 1,
     ["FLOW_NOT_CONSERVED:"]),
    (Security("A", max_value=1_100), Deposit(500), [100, 250], 0, []),
    (Security("A", max_value=1_100, min_trade=101), Deposit(500), [0, 250], 1, []),
    (Security("A", min_position=900), Withdrawal(500), [-100, -250], 0, ["FLOW_NOT_CONSERVED:"]),
    (Security("A", min_position=2_000), Deposit(500), [0, 250], 1, []),
    (Security("A", min_trade=251), Deposit(500), [0, 250], 1, []),
    (Security("A", max_value=600), Rebalance(), [0, 0], 0, ["LARGEST_POSITION:a"]),
]  # fmt: skip


@pytest.mark.parametrize(("security", "event", "trades", "killed", "broken"), UNDER_RULES)
def test_a_rule_of_one_security_cuts_or_drops_its_orders(
    security: Security, event: Event, trades: list[int], killed: int, broken: list[str]
) -> None:
    understood = understand(Portfolio(TWO, securities=(security,)), event, Rules())
    assert isinstance(understood, Understood)
    problem = build_problem(understood.situation)
    planned, count = plan_by_rule(understood, problem, Engine.GREEDY_TOGETHER)
    assert [node.trade for node in planned.nodes if node.slice_id] == trades
    assert (count, list(planned.certificate.broken_rules)) == (killed, broken)


@pytest.mark.parametrize(
    ("event", "trade"), [(Deposit(1_000), 300), (Withdrawal(1_000), -600), (Withdrawal(2_100), -1_200)]
)
def test_whole_shares_are_cut_but_a_withdrawal_is_raised(event: Event, trade: int) -> None:
    """Half of $10.00 is one share of $3.00 and $2.00 of cash, or two shares sold; what is beyond is all that is held."""
    pie = Pie((Slice("a", 1, Holding("A", 1_200, 4 * 10**9)), Slice("b", 1, Holding("B", 1_200))))
    understood = understand(Portfolio(pie, securities=(ONE_SHARE,)), event, Rules())
    assert isinstance(understood, Understood)
    problem = build_problem(understood.situation)
    planned, _ = plan_by_rule(understood, problem, Engine.GREEDY_TOGETHER)
    assert planned.nodes[1].trade == trade
    assert all(order.quantity_nanos and order.quantity_nanos % 10**9 == 0 for order in planned.orders[:1])


def shared(*holdings: tuple[str, int], cash: int = 0, **rules: object) -> Portfolio:
    """Equal slices of securities by name and value; ``rules`` are of P."""
    slices = (Slice(f"s{i}", 1, Holding(name, value)) for i, (name, value) in enumerate(holdings))
    return Portfolio(Pie(tuple(slices)), cash, securities=(Security("P", **rules),) if rules else ())  # type: ignore[arg-type]


HALTED = (Block(Side.SELL, BlockReason.HALTED),)
NET_ORDERS = [  # account, event, m, trades of TOGETHER
    (shared(("P", 0), ("P", 0), ("Q", 0)), Deposit(60), 30, {"s0": 20, "s1": 20}),  # 40 of P are an order, 20 of Q none
    (shared(("P", 0), ("P", 0), ("Q", 0), max_value=25), Deposit(60), 0, {"s0": 5, "s1": 20, "s2": 20}),
    (shared(("P", 60), ("P", 0), ("Q", 60), blocks=HALTED), Withdrawal(40), 0, {"s2": -20}),
    (shared(("P", 90), ("P", 0), blocks=HALTED), Rebalance(), 0, {"s0": -45, "s1": 45}),  # a transfer is no sale
    (shared(("P", 90), ("P", 0), ("Q", 0), blocks=HALTED), Rebalance(), 0, {}),  # what would pay for Q is not sold
    (shared(("P", 90), ("P", 0), ("Q", 0), cash=30), Rebalance(), 45, {"s0": -40, "s1": 40}),  # 10 of P is none
    (shared(("P", 90), ("P", 90), ("Q", 0), min_position=150), Rebalance(), 0, {}),  # 30 of P could go; Q had 60 spent
]


@pytest.mark.parametrize(("portfolio", "event", "m", "trades"), NET_ORDERS)
def test_the_net_order_of_several_slices_is_cut_or_dropped(
    portfolio: Portfolio, event: Event, m: int, trades: Trades
) -> None:
    by_id, _, broken = traded(portfolio, event, m, TOGETHER)
    assert by_id == {name: trade for name, trade in trades.items() if trade}
    assert not [rule for rule in broken if not rule.startswith("FLOW_NOT_CONSERVED")]


@pytest.mark.parametrize("rule", ["TOGETHER", "SEQUENTIAL", "REFILL"])
def test_what_is_ordered_pays_for_its_shares(rule: str) -> None:
    """$90.00 of A is two shares of $34.00, not the three that $90.00 comes nearest to; $10.00 of B is none of $25.00."""
    prices = {"A": 34, "B": 25}
    whole = tuple(Security(i, price_micros=p * 10**6, quantity_step_nanos=10**9) for i, p in prices.items())
    pie = Pie((Slice("a", 90, Holding("A", 0, 0)), Slice("b", 10, Holding("B", 0, 0))))
    planned = plan(Portfolio(pie, securities=whole), Deposit(100_00), engine=Engine[f"GREEDY_{rule}"])
    assert isinstance(planned, Plan)
    assert planned.orders
    assert all(o.amount * 10**9 == (o.quantity_nanos or 0) * prices[o.security_id] * 100 for o in planned.orders)
    assert planned.cash.after == 100_00 - planned.cash.bought >= 0
    assert planned.certificate.broken_rules == ()
    if rule == "REFILL":  # shares out again what is left: as near as can be
        assert planned.certificate.tracking_error == pytest.approx(2787.78, abs=0.01)
    else:
        assert [(o.security_id, o.quantity_nanos) for o in planned.orders] == [("A", 2 * 10**9)]
