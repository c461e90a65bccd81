"""``python -m benchmarks.day_wire``: the trading day over gRPC, a client and a server on one machine.

The same accounts and orders as ``benchmarks.trading`` and ``benchmarks.blocks``, in calls and parts of up to 4 MiB; and
books of accounts with 20 slices, opened and filled, so many a call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from rich.console import Console

from benchmarks.blocks import orders_of
from benchmarks.tables import Table
from benchmarks.trading import BOOKS_A_CALL as COLUMNS_A_CALL
from benchmarks.trading import CLOCK, SLICES, booked, decision_books, trigger_books
from server import book_columns
from server.client import Client, server_process
from server.day_columns import decision_columns_message, trigger_columns_message
from server.day_requests import filled_message, policy_message, read_blocks, timetable_message, window_parts
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import portfolio_message
from server.trading_writing import timestamp
from server.writing import fill_plan
from solver import Holding, Pie, Plan, Portfolio, Rebalance, Security, Slice, plan
from solver.trading.sessions import M1_WINDOWS
from solver.trading.triggers import Drift, Policy, Scope

ACCOUNTS = 1_000_000
TRIGGERED_A_CALL, DECIDED_A_CALL, BOOKS_A_CALL = 5_000, 25_000, 100


def triggers(client: Client, accounts: int) -> int:
    """Drift of 20 slices, for a tenth of the accounts."""
    count = max(accounts // 10, TRIGGERED_A_CALL)
    books, policy = trigger_books(TRIGGERED_A_CALL), policy_message(Policy((Drift(Scope.SLICES, 3_000),)))
    for _ in range(count // TRIGGERED_A_CALL):
        columns = trigger_columns_message(books)
        client.day.check_trigger_columns(
            pb.CheckTriggerColumnsRequest(policy=policy, clock=timestamp(CLOCK), columns=columns)
        )
    return count


def decisions(client: Client, accounts: int) -> int:
    """One event and two trades each."""
    books, timetable = decision_books(DECIDED_A_CALL, 1), timetable_message(M1_WINDOWS)
    calls = -(-accounts // DECIDED_A_CALL)
    for _ in range(calls):
        columns = decision_columns_message(books)
        client.day.decide_columns(pb.DecideColumnsRequest(timetable=timetable, columns=columns))
    return calls * DECIDED_A_CALL


def window(client: Client, accounts: int) -> int:
    """Ten orders of every plan aggregated, nine tenths of every block filled and shared out; all sums are checked."""
    orders, price = orders_of(accounts)
    blocks = read_blocks(client.day.aggregate_columns(pb.AggregateColumnsRequest(**p) for p in window_parts(orders)))
    assert blocks["orders"].sum() == len(orders.account)
    fills = []
    for k, (security, sells) in enumerate(zip(blocks["security"].tolist(), blocks["sells"].tolist(), strict=True)):
        step, at = int(orders.step_nanos[security]), int(price[security])
        most = int(blocks["amount"][k]) * 10**13 // at
        most = int(blocks["quantity_nanos"][k]) if blocks["by_quantity"][k] else most
        fills.append(
            pb.ColumnFill(
                fill_id=str(k),
                security=security,
                side=pb.SIDE_SELL if sells else pb.SIDE_BUY,
                quantity_nanos=most * 9 // 10 // step * step,
                price_micros=at,
            )
        )

    def parts() -> Iterator[pb.AllocateColumnsRequest]:
        for k, part in enumerate(window_parts(orders)):
            yield pb.AllocateColumnsRequest(**part, currency_code="" if k else "USD")
        yield pb.AllocateColumnsRequest(fills=fills)

    shared = sum(
        int(np.frombuffer(part.quantity_nanos, "<i8").astype(object).sum())
        for part in client.day.allocate_columns(parts())
    )
    assert shared == sum(fill.quantity_nanos for fill in fills)
    return accounts


def sizes(client: Client, accounts: int) -> int:
    """The orders of ten trades each, written, sent, sized and read."""
    one, count, calls = booked(), 0, -(-accounts // COLUMNS_A_CALL)
    for _ in range(calls):
        request = book_columns.size_request(one.held, one.value, one.trade)
        count += len(book_columns.read_sized(client.day.size_order_columns(request)).row)
    assert count == len(one.working.row) * calls
    return calls * COLUMNS_A_CALL


def standing(client: Client, accounts: int) -> int:
    """Books of 20 slices after what came of ten orders each."""
    one, calls = booked(), -(-accounts // COLUMNS_A_CALL)
    for _ in range(calls):
        request = book_columns.apply_request(one.held, one.money, one.working)
        found = book_columns.read_books(client.day.apply_fill_columns(request))
        assert found.sold.sum() == one.working.filled_amount.sum()
    return calls * COLUMNS_A_CALL


def books(client: Client, accounts: int) -> int:
    """Rebalanced accounts of 20 slices: opened, and every rest cancelled."""
    share = 10**9
    slices = tuple(Slice(f"s{k}", 5, Holding(f"S{k}", (90 + k) * 10_00, (90 + k) * share)) for k in range(SLICES))
    portfolio = Portfolio(
        Pie(slices), securities=tuple(Security(f"S{k}", price_micros=10_000_000) for k in range(SLICES))
    )
    made, message = plan(portfolio, Rebalance()), pb.Plan()
    assert isinstance(made, Plan)
    fill_plan(message, replace(made, nodes=()), pb.VIEW_FULL, portfolio_message(portfolio))
    one = pb.PlannedAccount(account_id="a", plan_id="p", portfolio=portfolio_message(portfolio), plan=message)
    calls = max(accounts // 1_000 // BOOKS_A_CALL, 1)  # one by one they are slow
    for _ in range(calls):
        opened = client.day.open_books(pb.OpenBooksRequest(accounts=[one] * BOOKS_A_CALL)).accounts
        asked = pb.ApplyFillsRequest(accounts=[filled_message(o.books, (), None, None) for o in opened])
        assert all(account.finished for account in client.day.apply_fills(asked).accounts)
    return calls * BOOKS_A_CALL


CASES: list[tuple[str, Callable[[Client, int], int]]] = [
    ("triggers: drift of 20 slices", triggers),
    ("decisions: windows of M1", decisions),
    ("books of 20 slices: opened, then applied", books),
    ("columns: orders of 10 trades", sizes),
    ("columns: books of 20 slices after 10 orders", standing),
    ("window: 10 orders a plan, both streams", window),
]


def wire_table(accounts: int = ACCOUNTS) -> Table:
    """Every method that takes many accounts, client and server on the same cores."""
    rows = []
    with server_process() as (address, _), Client(address) as client:
        for name, work in CASES:
            began = time.perf_counter()
            count = work(client, accounts)
            seconds = time.perf_counter() - began
            rows.append((name, f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}"))
    note = "Client and server on the same cores, over loopback; requests are made and answers read."
    return Table("The trading day over the wire", note, ("what", "accounts", "seconds", "accounts/s"), tuple(rows))


if __name__ == "__main__":
    wire_table().show(Console())
