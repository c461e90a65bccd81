"""From trades by row to orders: one a security and side, whose parts are slices and events; and the account afterwards.

What one slice of a security gives and another takes is no order but a transfer inside the account: in listed order,
givers to takers, so that what is left over has one sign, and is ordered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from solver.attribution import attributed
from solver.events import TargetChange
from solver.money import minor_digits
from solver.plan import Order, OrderPart, Transfer
from solver.portfolio import Holding, Pie, Portfolio, Slice
from solver.securities import Security, Side
from solver.situations import Understood
from solver.steps import Steps
from solver.tree import Tree

__all__ = ["Placed", "placed", "portfolio_after"]


@dataclass(frozen=True, slots=True)
class Placed:
    """The orders, the transfers beside them, and the shares that each row gains by both (nanoshares)."""

    orders: tuple[Order, ...]
    transfers: tuple[Transfer, ...]
    gained: dict[int, int]


@dataclass(slots=True)
class _Draft:
    """An order while its parts are found: minor units, nanoshares, and whether all of the security is sold."""

    amount: int = 0
    quantity: int = 0
    closes: bool = False
    parts: list[OrderPart] = field(default_factory=list)


def placed(understood: Understood, trades: Sequence[int]) -> Placed:
    """The orders for ``trades`` (minor units by row of the tree): sells first, those of liquidations before others."""
    tree, listed = understood.situation.tree, understood.portfolio.securities
    steps = {one.security_id: one.steps(understood.portfolio.currency_code) for one in listed}
    securities = {one.security_id: one for one in listed}
    rows = _by_security(tree, trades)
    ordered, transfers = _netted(tree, rows, trades)
    drafts: dict[tuple[Side, str], _Draft] = _liquidations(understood)
    shares, gained = attributed(understood, ordered), dict[int, int]()
    traded = [row for row, trade in enumerate(ordered) if trade]
    for side, sign in ((Side.SELL, -1), (Side.BUY, 1)):
        for row in (row for row in traded if sign * ordered[row] > 0):
            draft = drafts.setdefault((side, tree.security_ids[row]), _Draft())
            draft.amount += sign * ordered[row]
            draft.parts += [OrderPart(tree.slice_ids[row], share, event_id) for event_id, share in shares[row]]
    for name, held in rows.items():
        net = sum(ordered[row] for row in held)
        draft = drafts.get((Side.BUY if net > 0 else Side.SELL, name), _Draft())
        quantity = _quantity(tree, held, trades, steps.get(name), securities.get(name))
        draft.quantity += abs(quantity)
        if net:
            draft.closes = not any(tree.value[row] + trades[row] for row in held)
        if steps.get(name):
            gained |= _shared_out(tree, held, trades, quantity, _unit(understood.portfolio, securities[name]))
    orders = [
        _order(i, side, name, draft, securities.get(name) if steps.get(name) else None)
        for i, ((side, name), draft) in enumerate(_sells_first(drafts), 1)
    ]
    return Placed(tuple(orders), tuple(transfers), gained)


def _sells_first(drafts: dict[tuple[Side, str], _Draft]) -> list[tuple[tuple[Side, str], _Draft]]:
    return sorted(drafts.items(), key=lambda one: one[0][0] is Side.BUY)


def _order(number: int, side: Side, name: str, draft: _Draft, security: Security | None) -> Order:
    by_quantity = security is not None and (side is Side.SELL or security.whole_only)
    quantity = draft.quantity if security else None
    return Order(number, name, side, draft.amount, draft.closes, tuple(draft.parts), quantity, by_quantity)


def _by_security(tree: Tree, trades: Sequence[int]) -> dict[str, list[int]]:
    """All leaves of every security of which some leaf trades."""
    trading = {tree.security_ids[row] for row, trade in enumerate(trades) if trade}
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(tree.security_ids) if trading else ():
        if name in trading:
            rows.setdefault(name, []).append(row)
    return rows


def _netted(tree: Tree, securities: dict[str, list[int]], trades: Sequence[int]) -> tuple[list[int], list[Transfer]]:
    """What is ordered by row, and what slices of one security hand to each other."""
    ordered, transfers = list(trades), list[Transfer]()
    for name, rows in securities.items():
        givers = [row for row in rows if trades[row] < 0]
        for taker in (row for row in rows if trades[row] > 0):
            for giver in givers:
                amount = min(ordered[taker], -ordered[giver])
                if amount:
                    ordered[taker] -= amount
                    ordered[giver] += amount
                    transfers.append(Transfer(name, tree.slice_ids[giver], tree.slice_ids[taker], amount))
    return ordered, transfers


def _liquidations(understood: Understood) -> dict[tuple[Side, str], _Draft]:
    """What the events sell whole, before anything else trades."""
    drafts: dict[tuple[Side, str], _Draft] = {}
    if understood.changed and understood.changed.liquidated:
        event_id = next(event.event_id for event in understood.events if isinstance(event, TargetChange))
        tree = understood.situation.tree
        rows = zip(tree.security_ids, tree.value, tree.quantity, strict=True)
        kept = {name for name, value, quantity in rows if value or quantity}  # a share may be worth less than a cent
        for sold in understood.changed.liquidated:
            draft = drafts.setdefault((Side.SELL, sold.security_id), _Draft(closes=sold.security_id not in kept))
            draft.amount += sold.value
            draft.quantity += sold.quantity_nanos
            draft.parts.append(OrderPart(sold.slice_id, sold.value, event_id))
    return drafts


def _quantity(
    tree: Tree, rows: list[int], trades: Sequence[int], steps: Steps | None, security: Security | None
) -> int:
    """The nanoshares of one security's net order, negative for a sale: all that is held, or the steps it takes."""
    net = sum(trades[row] for row in rows)
    if not any(tree.value[row] + trades[row] for row in rows):
        return -sum(tree.quantity[row] for row in rows)
    if steps is None or security is None:
        return 0
    return (1 if net > 0 else -1) * steps.reaching(abs(net)) * security.step_nanos


def _unit(portfolio: Portfolio, security: Security) -> Steps:
    """What nanoshares of a security with a price are worth."""
    return Steps.of(security.price_micros or 0, 1, minor_digits(portfolio.currency_code))


def _shared_out(tree: Tree, rows: list[int], trades: Sequence[int], quantity: int, unit: Steps) -> dict[int, int]:
    """The nanoshares that each slice gains of a net order's ``quantity``: by its trade, and what that leaves over.

    A slice that sells all gives all its shares. What the others' trades do not come to in whole, a fraction of a minor
    unit each and what an order in steps is short of, goes to those that trade most, as far as they have it to give.
    """
    if len(rows) == 1:
        return {rows[0]: quantity}
    closed = {row for row in rows if trades[row] and tree.value[row] + trades[row] == 0}
    gained = {row: -tree.quantity[row] for row in closed}
    for row in rows:
        if row not in closed:
            sign = 1 if trades[row] > 0 else -1
            gained[row] = max(sign * unit.reaching(abs(trades[row])), -tree.quantity[row]) if trades[row] else 0
    rest = quantity - sum(gained.values())
    for row in sorted(rows, key=lambda row: (row in closed, -abs(trades[row]), row)):
        more = max(rest, -tree.quantity[row] - gained[row])
        gained[row] += more
        rest -= more
    return gained


def portfolio_after(understood: Understood, after: Sequence[int], gained: dict[int, int], cash: int) -> Portfolio:
    """The account once every order is done; what has a price is worth its quantity at that price, rounded down.

    ``after`` is the value of every row (minor units), ``gained`` the nanoshares that rows gain, as ``placed`` has them.
    """
    portfolio = understood.portfolio
    rows = iter(range(1, len(after)))
    listed = {security.security_id: security for security in portfolio.securities}

    def holding(old: Holding, row: int) -> Holding:
        if row not in gained:
            return Holding(old.security_id, after[row], old.quantity_nanos)
        quantity = (old.quantity_nanos or 0) + gained[row]
        worth = _unit(portfolio, listed[old.security_id]).amount(quantity)
        return Holding(old.security_id, worth if gained[row] else after[row], quantity)

    def rebuilt(pie: Pie) -> Pie:
        slices = []
        for child in pie.slices:
            row = next(rows)
            content = child.content
            new = holding(content, row) if isinstance(content, Holding) else rebuilt(content)
            slices.append(Slice(child.slice_id, child.target_weight, new))
        return Pie(tuple(slices), pie.weight_total)

    return replace(portfolio, root=rebuilt(portfolio.root), cash=cash)
