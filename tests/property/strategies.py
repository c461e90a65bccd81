"""Accounts and events as Hypothesis makes them: degenerate on purpose.

At least two depths, zero values and targets, retired pies, near-equal slices, positions under the minimum and amounts
at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from solver import (
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Pie,
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
)
from solver.building import build_problem
from solver.problem import Problem
from solver.situations import Understood, understand
from solver.tree import flatten

Account = tuple[Portfolio, Event, int]


@st.composite
def portfolios(draw: st.DrawFn, most_value: int, most_leaves: int = 5, cash: int = 8) -> Portfolio:
    """A tree of at most three levels with ``most_leaves`` holdings, one nested pie at least where there is room."""
    left = [draw(st.one_of(st.integers(2, most_leaves), st.integers(min(4, most_leaves), most_leaves)))]
    near_equal = draw(st.booleans())
    names = iter(range(1_000))

    def weights(count: int) -> list[int]:
        if near_equal:
            return draw(st.lists(st.integers(98, 102), min_size=count, max_size=count))
        drawn = draw(st.lists(st.sampled_from([0, 1, 1, 2, 3, 5, 10]), min_size=count, max_size=count))
        return drawn if any(drawn) else [1, *drawn[1:]]

    def holding(weight: int) -> Slice:
        name = f"s{next(names)}"
        value = draw(st.one_of(st.just(0), st.integers(0, most_value), st.integers(0, max(1, most_value // 4))))
        return Slice(name, weight, Holding(name.upper(), value))

    def pie(depth: int, leaves: int) -> Pie:
        inner = draw(st.integers(1, leaves - 1)) if depth < 3 and leaves > 1 and draw(st.booleans()) else 0
        if depth == 1 and leaves > 2:
            inner = max(1, inner)
        count = leaves - inner + (1 if inner else 0)
        shares = weights(count)
        slices = [holding(w) for w in shares[: leaves - inner]]
        if inner:
            nested = Slice(f"p{next(names)}", shares[-1], pie(depth + 1, inner))
            slices.insert(draw(st.integers(0, len(slices))), nested)
        return Pie(tuple(slices))

    return Portfolio(pie(1, left[0]), draw(st.integers(0, cash)))


def _pies(pie: Pie, name: str = "") -> list[tuple[str, Pie]]:
    found = [(name, pie)]
    for child in pie.slices:
        if isinstance(child.content, Pie):
            found += _pies(child.content, child.slice_id)
    return found


@st.composite
def target_changes(draw: st.DrawFn, portfolio: Portfolio) -> TargetChange:
    """New weights for one or several pies, some slices set to 0 or left out; each pie keeps one positive target."""
    changed = []
    gone: set[str] = set()
    for name, pie in _pies(portfolio.root):
        if name in gone or (name and not draw(st.booleans())):
            gone |= {c.slice_id for c in pie.slices} if name in gone else set()
            continue
        kept = []
        for child in pie.slices:
            fate = draw(st.sampled_from(["keep", "keep", "zero", "drop"]))
            if fate == "drop":
                gone.add(child.slice_id)
            else:
                kept.append(TargetSlice(child.slice_id, 0 if fate == "zero" else draw(st.integers(1, 5))))
        fresh = f"new-{name}"
        if draw(st.booleans()) or not any(t.target_weight for t in kept):
            kept.append(TargetSlice(fresh, draw(st.integers(1, 5)), Holding(fresh.upper())))
        changed.append(ChangedPie(name, tuple(kept)))
    return TargetChange(tuple(changed))


def accounts(most_value: int = 14, most_leaves: int = 5) -> st.SearchStrategy[Account]:
    """An account, an event and a minimum trade; one that binds in more than half of them."""
    some = any_accounts(most_value, most_leaves)
    return st.one_of(some.filter(_bound), some)


def binds(problem: Problem) -> bool:
    """Whether some leaf's ideal trade is less than an order may be."""
    leaves = problem.leaves
    ideal = np.abs(problem.ideal[leaves])
    least = np.where(problem.ideal[leaves] > 0, problem.buy_min[leaves], problem.sell_min[leaves])
    return bool(((ideal > 0) & (ideal < least) & (least > 1)).any())


def _bound(account: Account) -> bool:
    portfolio, event, m = account
    understood = understand(portfolio, event, Rules(m))
    return isinstance(understood, Understood) and binds(build_problem(understood.situation))


@st.composite
def any_accounts(draw: st.DrawFn, most_value: int, most_leaves: int) -> Account:
    """An account, an event and a minimum trade, whether it binds or not."""
    portfolio = draw(portfolios(most_value, most_leaves))
    sixth, quarter, half = max(2, most_value // 6), max(3, most_value // 4), max(4, most_value // 2)
    m = draw(st.sampled_from([quarter, half, sixth, half, 1, quarter, 0, half, half, quarter]))
    kind = draw(st.sampled_from(["deposit", "withdrawal", "deep", "shallow", "inner", "deep", "shallow", "change"]))
    if kind == "deposit":
        amount = st.one_of(st.integers(m, 3 * m), st.integers(m, 2 * m), st.integers(0, most_value), st.just(m))
        return portfolio, Deposit(draw(amount)), m
    if kind == "withdrawal" and portfolio.value + portfolio.cash > 0:
        return portfolio, Withdrawal(draw(st.integers(1, portfolio.value + portfolio.cash))), m
    if kind == "change":
        return portfolio, draw(target_changes(portfolio)), m
    name = draw(st.sampled_from([name for name, _ in _pies(portfolio.root)])) if kind == "inner" else ""
    return portfolio, Rebalance(name, Reach.SHALLOW if kind == "shallow" else Reach.DEEP), m


@st.composite
def ruled_accounts(draw: st.DrawFn, most_value: int = 14, most_leaves: int = 5) -> tuple[Portfolio, Event, Rules]:
    """An account and an event under any combination of the rules of single securities and of cash."""
    portfolio, event, m = draw(any_accounts(most_value, most_leaves))
    securities = draw(securities_of(portfolio, most_value))
    cash = st.integers(0, most_value // 2)
    rules = Rules(m, draw(st.one_of(st.just(0), cash)), draw(st.one_of(st.none(), st.none(), cash)))
    return replace(portfolio, securities=securities), event, rules


@st.composite
def stepped_accounts(draw: st.DrawFn, most_value: int = 14, most_leaves: int = 5) -> tuple[Portfolio, Event, Rules]:
    """An account of which some securities trade in whole shares worth a few cents, or in odd fractions of them."""
    portfolio, event, rules = draw(ruled_accounts(most_value, most_leaves))
    changed = draw(stepped(portfolio))
    if isinstance(event, Withdrawal):
        event = Withdrawal(min(event.amount, max(1, changed.value + changed.cash)))
    return changed, event, rules


@st.composite
def several_accounts(
    draw: st.DrawFn, most_value: int = 9, most_leaves: int = 5, steps: bool = False
) -> tuple[Portfolio, Event, Rules]:
    """An account with securities in several slices, some of them under rules; with ``steps`` some in whole shares."""
    portfolio, event, m = draw(any_accounts(most_value, most_leaves))
    portfolio = draw(sharing(portfolio))
    securities = draw(st.one_of(st.just(()), securities_of(portfolio, most_value)))
    portfolio = replace(portfolio, securities=securities)
    if steps:
        portfolio = draw(stepped(portfolio))
        if isinstance(event, Withdrawal):
            event = Withdrawal(min(event.amount, max(1, portfolio.value + portfolio.cash)))
    return portfolio, event, Rules(m)


@st.composite
def sharing(draw: st.DrawFn, portfolio: Portfolio) -> Portfolio:
    """The account with the same few securities in its slices, some of them in several."""
    leaves = sum(not children for children in flatten(portfolio).children)
    names = draw(st.lists(st.sampled_from("PPPQQR"), min_size=leaves, max_size=leaves))
    return replace(portfolio, root=_renamed(portfolio.root, iter(names)))


def _renamed(pie: Pie, names: Iterator[str]) -> Pie:
    slices = []
    for child in pie.slices:
        content = child.content
        if isinstance(content, Pie):
            slices.append(replace(child, content=_renamed(content, names)))
        else:
            slices.append(replace(child, content=replace(content, security_id=next(names))))
    return replace(pie, slices=tuple(slices))


@st.composite
def stepped(draw: st.DrawFn, portfolio: Portfolio) -> Portfolio:
    """The account with a price and a step for some of its securities."""
    rules_of = {security.security_id: security for security in portfolio.securities}
    held = sorted({name for name in flatten(portfolio).security_ids if name})
    for name in draw(st.lists(st.sampled_from(held), min_size=1, max_size=4, unique=True)):
        price = draw(st.sampled_from([20_000, 30_000, 35_000, 50_000, 9_999]))
        step = draw(st.sampled_from([10**9, 10**9, 700_000_000, None]))
        security = rules_of.get(name, Security(name))
        rules_of[name] = replace(security, price_micros=price, quantity_step_nanos=step)
    root = _priced(portfolio.root, rules_of)
    return Portfolio(root, portfolio.cash, securities=tuple(rules_of.values()))


def _priced(pie: Pie, rules_of: dict[str, Security]) -> Pie:
    """Holdings with the quantity that their value comes nearest to, and the value of that."""
    slices = []
    for child in pie.slices:
        content = child.content
        if isinstance(content, Pie):
            content = _priced(content, rules_of)
        elif (security := rules_of.get(content.security_id)) and security.price_micros:
            quantity = content.value * 10**13 // security.price_micros // security.step_nanos * security.step_nanos
            content = replace(content, value=quantity * security.price_micros // 10**13, quantity_nanos=quantity)
        slices.append(replace(child, content=content))
    return replace(pie, slices=tuple(slices))


@st.composite
def securities_of(draw: st.DrawFn, portfolio: Portfolio, most_value: int) -> tuple[Security, ...]:
    """Rules of one to three of the account's securities."""
    held = sorted({name for name in flatten(portfolio).security_ids if name})
    some = draw(st.lists(st.sampled_from(held), min_size=1, max_size=3, unique=True))
    return tuple(draw(_securities(name, most_value)) for name in some)


@st.composite
def _securities(draw: st.DrawFn, name: str, most_value: int) -> Security:
    def maybe(strategy: st.SearchStrategy[int]) -> int | None:
        return draw(st.one_of(st.none(), st.none(), strategy))

    value = st.integers(0, most_value)
    most = maybe(value)
    least = maybe(value) or 0
    sides = draw(st.sampled_from([(), (), (Side.BUY,), (Side.SELL,), (Side.BUY, Side.SELL)]))
    return Security(
        name,
        min_trade=maybe(st.integers(0, most_value // 2)) or 0,
        max_value=most,
        max_share_micros=maybe(st.sampled_from([0, 50_000, 200_000, 333_333, 1_000_000])),
        min_position=least if most is None else min(least, most),
        blocks=tuple(Block(side, draw(st.sampled_from(BlockReason))) for side in sides),
    )
