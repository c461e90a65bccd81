"""Securities held in several slices: one net order each, on a row of its own behind those of the tree.

A security S held by the leaves C_S is ordered once. Its sides, limits, minimum and steps bind what is ordered,

    X_S = Σ_{c ∈ C_S} x_c ∈ D_S = {0} ∪ [buys] ∪ −[sells] ∪ {−V_S},      V_S = Σ_{c ∈ C_S} V_c,

and a leaf's own trade x_c only has the direction that its event allows, and what it holds. What one slice gives and
another takes is a transfer inside the account. V_S counts all slices of the account; those outside the event keep what
they have, so that S is sold whole only where every slice may sell. Where D_S forbids nothing there is no such row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from solver.domains import Domain, Limits, domain
from solver.tree import Tree

__all__ = ["Net", "net_order", "several"]


@dataclass(frozen=True, slots=True)
class Net:
    """One security's net order: the leaves that it sums up, V_S (minor units), its domain and its limits."""

    leaves: tuple[int, ...]
    held: int
    domain: Domain
    limit: Limits


def several(tree: Tree) -> dict[str, tuple[int, ...]]:
    """The leaves of every security that more than one slice holds."""
    often = {name for name, count in Counter(tree.security_ids).items() if name and count > 1}
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(tree.security_ids) if often else ():
        if name in often:
            rows.setdefault(name, []).append(row)
    return {name: tuple(found) for name, found in rows.items()}


def net_order(
    tree: Tree, leaves: tuple[int, ...], limit: Limits, money: int, may: Mapping[str, set[int]]
) -> Net | None:
    """The net order of the security in ``leaves``; ``None`` where nobody may trade it, or where no rule binds it.

    ``may`` has the leaves that may ``buy``, may ``sell``, and lie in pies that rebalance and so have to ``balance``.
    """
    buyers, sellers = (may[side].intersection(leaves) for side in ("buy", "sell"))
    if not (buyers or sellers) or not _binds(limit):
        return None
    held, sellable = (sum(tree.value[row] for row in rows) for rows in (leaves, sellers))
    holders = {row for row in sellers if tree.value[row]}  # one that holds nothing of it keeps nobody from selling
    balances = bool(holders) and holders <= may["balance"]
    found = domain(limit, held, money, bool(buyers), bool(sellers), balances)
    if sellable < held:
        _keep(found, limit, held - sellable, held)
    return Net(tuple(sorted(buyers | sellers)), held, found, limit)


def _binds(limit: Limits) -> bool:
    ruled = limit.min_trade > 1 or limit.least > 0 or limit.most is not None or limit.steps is not None
    return ruled or bool(limit.no_buy or limit.no_sell)


def _keep(found: Domain, limit: Limits, kept: int, held: int) -> None:
    """Slices that may not sell hold ``kept``: the rest is a part, however little of the security that leaves."""
    most = min(found.sell_max, held - kept)
    if limit.steps:
        most = limit.steps.amount(limit.steps.within(most))
    found.closes = 0
    found.sell_min, found.sell_max = (found.sell_min, most) if found.sell_min <= most else (0, 0)
    found.flow_max = max(found.flow_max, -found.sell_max)
