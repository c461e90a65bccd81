"""Accounts with several events at once, as Hypothesis makes them: every kind beside every other, small and tight."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume
from hypothesis import strategies as st

from solver import (
    Block,
    BlockReason,
    Deposit,
    Event,
    Holding,
    InvalidRequest,
    Pie,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    TargetChange,
    Withdrawal,
    check_request,
)
from solver.tree import flatten
from tests.property.strategies import securities_of, sharing, stepped, target_changes

Several = tuple[Portfolio, tuple[Event, ...], Rules]


@st.composite
def side_by_side(draw: st.DrawFn, most_value: int, most_leaves: int = 5, cash: int = 8) -> Portfolio:
    """A root with two nested pies and perhaps a holding; one pie may hold a pie itself."""
    names = iter(range(100))
    left = most_leaves

    def holding() -> Slice:
        nonlocal left
        left -= 1
        name = f"s{next(names)}"
        value = draw(st.one_of(st.just(0), st.integers(0, most_value), st.integers(0, most_value)))
        return Slice(name, draw(st.sampled_from([0, 1, 1, 2, 3])), Holding(name.upper(), value))

    def pie(name: str, size: int, inner: Slice | None = None) -> Slice:
        slices = [holding() for _ in range(size)] + ([inner] if inner else [])
        if not any(s.target_weight for s in slices):
            slices[0] = replace(slices[0], target_weight=1)
        return Slice(name, draw(st.sampled_from([0, 1, 1, 2])), Pie(tuple(slices)))

    first = pie("p", draw(st.integers(1, 2)))
    if draw(st.booleans()) and left > 3:
        first = pie("g", draw(st.integers(0, 1)), first)
    second = pie("q", draw(st.integers(1, max(1, min(2, left)))))
    slices = [first, second] + ([holding()] if left and draw(st.booleans()) else [])
    if not any(s.target_weight for s in slices):
        slices[0] = replace(slices[0], target_weight=1)
    return Portfolio(Pie(tuple(slices)), draw(st.integers(0, cash)))


@st.composite
def several_events(draw: st.DrawFn, portfolio: Portfolio, m: int) -> tuple[Event, ...]:
    """Two to four events, ids by their place."""
    tree = flatten(portfolio)
    pies = [tree.slice_ids[row] for row, children in enumerate(tree.children) if children]
    worth = portfolio.value + portfolio.cash
    kinds = ["deposit", "deposit", "withdrawal", "withdrawal", "rebalance", "inner", "inner", "inner", "change"]
    found: list[Event] = []
    for i in range(draw(st.integers(2, 4))):
        kind, name = draw(st.sampled_from(kinds)), f"e{i}"
        if kind == "deposit":
            found.append(Deposit(draw(st.one_of(st.integers(0, 3 * m), st.integers(0, worth + 1))), name))
        elif kind == "withdrawal":
            found.append(Withdrawal(draw(st.integers(1, max(1, worth // 2))), name))
        elif kind == "change":
            found.append(TargetChange(draw(target_changes(portfolio)).pies, name))
            kinds = [k for k in kinds if k != "change"]
        else:
            pie = "" if kind == "rebalance" else draw(st.sampled_from(pies))
            found.append(Rebalance(pie, draw(st.sampled_from(Reach)), name))
            pies = [p for p in pies if p != pie] or [""]
            kinds = [k for k in kinds if k != "rebalance"] if pie == "" else kinds
    return tuple(found)


@st.composite
def several(
    draw: st.DrawFn,
    most_value: int = 9,
    most_leaves: int = 4,
    ruled: bool = False,
    steps: bool = False,
    shared: bool = False,
) -> Several:
    """An account, events that do not exclude each other, and rules.

    With those of securities where ``ruled``; with prices, and steps of a few cents, where ``steps``; with securities in
    several slices where ``shared``.
    """
    portfolio = draw(side_by_side(most_value, most_leaves))
    if shared:
        portfolio = draw(sharing(portfolio))
    m = draw(st.sampled_from([0, 1, most_value // 4, most_value // 3, most_value // 2, most_value // 2]))
    events = draw(several_events(portfolio, m))
    rules = Rules(m)
    if ruled:
        floor = draw(st.sampled_from([0, 0, 2, most_value // 2]))
        rules = Rules(m, floor, draw(st.sampled_from([None, None, most_value // 2])))
        portfolio = replace(portfolio, securities=draw(securities_of(portfolio, most_value)))
    if steps:
        portfolio = draw(stepped(portfolio))
    try:
        check_request(portfolio, events, rules)
    except InvalidRequest:
        assume(False)
    return portfolio, events, rules


@st.composite
def pies_that_hold_one(draw: st.DrawFn, most_value: int) -> Portfolio:
    """Three or four pies that all hold R, which has to come down and may not be bought; some of them hold another, too.

    Of that there may be no more than is held, or as much as is wanted: so some of the pies can place what they sell.
    """
    value = st.integers(0, max(1, most_value // 2))
    pies = []
    securities = [Security("R", max_value=draw(value), blocks=(Block(Side.BUY, BlockReason.RESTRICTED),))]
    for name in "pqrs"[: draw(st.sampled_from([3, 4]))]:
        leaves = [Slice(f"{name}0", draw(st.integers(0, 2)), Holding("R", draw(value)))]
        if len(pies) < 2 and draw(st.booleans()):
            other, held = draw(st.sampled_from([name.upper(), "T", "T"])), draw(st.integers(0, 2))
            leaves.append(Slice(f"{name}1", draw(st.integers(0, 1)), Holding(other, held)))
            if draw(st.booleans()) and other not in [security.security_id for security in securities]:
                securities.append(Security(other, max_value=held + draw(st.integers(0, 1))))
        if not any(leaf.target_weight for leaf in leaves):
            leaves[0] = replace(leaves[0], target_weight=1)
        pies.append(Slice(name, 1, Pie(tuple(leaves))))
    return Portfolio(Pie(tuple(pies)), securities=tuple(securities))


@st.composite
def pies_that_share(draw: st.DrawFn, most_value: int, most_leaves: int) -> Portfolio:
    """Pies with the same few securities, some under rules; or all under such that cash is left beyond what is free."""
    portfolio = draw(sharing(draw(side_by_side(most_value, most_leaves))))
    securities = draw(securities_of(portfolio, most_value))
    if draw(st.booleans()):
        names = sorted({name for name in flatten(portfolio).security_ids if name})
        shut = st.sampled_from([(Block(Side.BUY, BlockReason.RESTRICTED),), ()])
        most = st.integers(0, most_value)
        securities = tuple(Security(name, max_value=draw(most), blocks=draw(shut)) for name in names)
    return replace(portfolio, securities=securities)


@st.composite
def rebalances_side_by_side(draw: st.DrawFn, most_value: int = 9, most_leaves: int = 5, steps: bool = False) -> Several:
    """Pies that are asked to rebalance, each by its own event, and hold the same securities."""
    portfolio = draw(st.one_of(pies_that_share(most_value, most_leaves), pies_that_hold_one(most_value)))
    tree = flatten(portfolio)
    nested = [tree.slice_ids[row] for row, children in enumerate(tree.children) if children and row]
    few = max(2, len(nested) - draw(st.sampled_from([0, 0, 1])))
    asked = draw(st.lists(st.sampled_from(nested), min_size=few, unique=True))
    events: tuple[Event, ...] = tuple(Rebalance(p, draw(st.sampled_from(Reach)), f"of {p}") for p in asked)
    if draw(st.integers(0, 4)) == 0:
        events += (TargetChange(draw(target_changes(portfolio)).pies, "change"),)
    if steps:
        portfolio = draw(stepped(portfolio))
    rules = Rules(draw(st.sampled_from([0, 1, 2, most_value // 4, most_value // 2])))
    try:
        check_request(portfolio, events, rules)
    except InvalidRequest:
        assume(False)
    return portfolio, events, rules
