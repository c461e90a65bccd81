"""Purchases planned again in columns are those of ``replan_buys``: the same accounts, the same orders, to the cent."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Engine, Plan, Rules, Side, TargetChange, plan
from solver.bulk import plan_columns
from solver.columns import NOT_BOUGHT
from solver.trading.book_columns import WorkingColumns, apply_columns
from solver.trading.books import open_books
from solver.trading.fills import Replanned, apply_fills, at_prices, cancel_rests, replan_buys
from solver.trading.replan_columns import rebought, replan_columns
from tests.property.booked import Rows, accounts_columns, ints, money_columns, priced_plans, working_columns
from tests.property.test_book_columns import market

SMALL = st.lists(priced_plans(coarse=False), min_size=1, max_size=4)


def listed(rows: Rows, value: Any, working: WorkingColumns) -> list[tuple[int, ...]]:
    """The orders, without the names of slices that weigh and hold the same: which of them gets an odd cent is a tie."""
    parents = [p + int(first) for first, tree in zip(rows.start, rows.trees, strict=False) for p in tree.parent]
    weights = [weight for tree in rows.trees for weight in tree.weight]
    names = [name for name in WorkingColumns.__dataclass_fields__ if name not in ("row", "quantity_nanos")]
    columns = [getattr(working, name).tolist() for name in names]
    alike = [(parents[row], weights[row], int(value[row])) for row in working.row.tolist()]
    return sorted((*place, *order) for place, order in zip(alike, zip(*columns, strict=True), strict=True))


def test_purchases_in_columns_are_planned_again_as_one_by_one() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SMALL, st.data())
    def every_account(drawn: list[Any], draw: st.DataObject) -> None:
        cases, floors = [], []
        for portfolio, event, rules, _ in filter(None, drawn):
            floor = draw.draw(st.sampled_from([0, 0, portfolio.cash // 2]))
            made = plan(portfolio, event, Rules(rules.min_trade, floor))
            if isinstance(made, Plan):
                cases.append((portfolio, event, Rules(rules.min_trade, floor), made))
                floors.append(floor)
        rows = Rows([portfolio for portfolio, _, _, _ in cases])
        books, prices = [], []
        for portfolio, _, _, made in cases:
            own = open_books("me", "one", portfolio, made)
            fills = market(draw, own, 100)
            own = apply_fills(own, [f for f in fills if f.side is Side.SELL or draw.draw(st.booleans())])
            own = cancel_rests(own, [w.order.order_id for w in own.working if w.order.side is Side.SELL])
            prices.append(
                {s.security_id: (s.price_micros or 0) * draw.draw(st.sampled_from([100, 100, 93])) // 100 + 1
                 for s in own.opened.securities}
            )  # fmt: skip
            books.append(at_prices(own, prices[-1]))
        held, working = rows.at(prices), working_columns(rows, books)
        standing = apply_columns(held, money_columns(books), working)
        accounts = accounts_columns(rows, [(event, rules) for _, event, rules, _ in cases])
        replans = replan_columns(accounts, held, standing, working, ints(floors))
        planned = plan_columns(replans.accounts, Engine.AUTO).plans
        found = rebought(held, standing, working, replans, planned.trade)
        compiled = plan_columns(replans.accounts).plans  # of equal plans it may choose another
        assert compiled.cash_after.tolist() == planned.cash_after.tolist()
        assert np.allclose(compiled.tracking_error, planned.tracking_error, rtol=1e-9, atol=1e-9)
        again = [replan_buys(b, event, "two", rules) for b, (_, event, rules, _) in zip(books, cases, strict=True)]
        assert all(isinstance(one, Replanned) for one in again)
        expected = [one.books for one in again if isinstance(one, Replanned)]
        told = working_columns(rows, expected)
        assert listed(rows, standing.value, found) == listed(rows, standing.value, told)
        assert sorted(found.quantity_nanos[: len(working.row)]) == sorted(working.quantity_nanos)
        spent = [(w.row, w.amount, w.quantity_nanos) for w in (found, told)]
        seen["to the row"] += all(set(a.tolist()) == set(b.tolist()) for a, b in zip(*spent, strict=True))
        for account, (one, old) in enumerate(zip(expected, books, strict=True)):
            assert (one != old) == (account in replans.account.tolist())
            seen["again"] += one != old
            seen["liquidated"] += one != old and isinstance(cases[account][1], TargetChange)
            seen["paid for"] += one == old and bool(old.working)
            seen["bought"] += len(one.working) > len(old.working)
        seen["in a pie"] += len(replans.row) < int(np.diff(accounts.start)[replans.account].sum())
        assert (replans.accounts.blocked[np.isin(replans.row, working.row[working.sells])] & NOT_BOUGHT).all()

    every_account()
    print(f"\n{dict(seen)}")
    assert min(seen[name] for name in ("again", "paid for", "bought")) >= 3
    assert min(seen["liquidated"], seen["in a pie"]) >= 1
    assert seen["to the row"] >= 50
