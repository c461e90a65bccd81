"""Ready requests by name, for ``piewise example``, the demo and the server's warm-up."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from importlib.resources import files

from server.cases import CASES, flat, nested
from server.generated.piewise.v1 import allocation_pb2 as pb
from server.requests import plan_request
from solver import (
    Block,
    BlockReason,
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
    Withdrawal,
)

__all__ = ["EXAMPLES", "example", "realistic_account", "realistic_events"]

# What each pie of the realistic account holds, and its share of the whole; the tickers are those of the price file.
SECTORS = {
    "Technology": (35, {"AAPL": 45, "MSFT": 40, "AMD": 15}),
    "Health": (25, {"JNJ": 25, "UNH": 25, "LLY": 20, "PFE": 15, "MRK": 15}),
    "Consumer": (25, {"WMT": 20, "PG": 20, "KO": 20, "PEP": 15, "HD": 15, "BBY": 10}),
    "Energy, finance, industry": (15, {"XOM": 20, "CVX": 20, "JPM": 20, "BAC": 15, "GE": 15, "RRC": 10}),
}
FUNDED, VALUED = "2019-12-31", "2022-12-31"
FUNDED_WITH = 2_500_000  # cents


@cache
def month_end_prices() -> dict[str, dict[str, float]]:
    """Adjusted month-end closes in dollars by date and ticker.

    Source: the sp500 dataset that the skfolio package (BSD-3-Clause) carries.
    """
    text = (files("server") / "data" / "sp500-20-month-end-close.csv").read_text()
    rows = csv.DictReader(text.splitlines())
    return {row["Date"]: {t: float(p) for t, p in row.items() if t != "Date"} for row in rows}


def realistic_account() -> Portfolio:
    """20 stocks in 4 pies, $25,000 at its targets when funded, three years of real prices later; cents."""
    prices = month_end_prices()
    sectors = []
    for sector, (share, tickers) in SECTORS.items():
        leaves = []
        for ticker, weight in tickers.items():
            invested = FUNDED_WITH * share * weight / 10_000
            worth = round(invested * prices[VALUED][ticker] / prices[FUNDED][ticker])
            leaves.append(Slice(ticker, weight, Holding(ticker, worth)))
        sectors.append(Slice(sector, share, Pie(tuple(leaves), weight_total=100)))
    return Portfolio(Pie(tuple(sectors), weight_total=100), 1_234, "USD", "realistic", "1")


def realistic_events() -> dict[str, Event]:
    """What the demo does to the realistic account."""
    return {
        "a $250 deposit": Deposit(25_000, "deposit"),
        "a $1,200 withdrawal": Withdrawal(120_000, "withdrawal"),
        "a deep rebalance": Rebalance("", Reach.DEEP, "rebalance"),
        "a shallow rebalance": Rebalance("", Reach.SHALLOW, "rebalance"),
    }


def several_events() -> tuple[Event, ...]:
    """What waits for the realistic account one morning: a dividend, a client's withdrawal, a pie to put right."""
    return (
        Deposit(18_250, "dividend"),
        Withdrawal(60_000, "withdrawal"),
        Rebalance("Health", Reach.SHALLOW, "rebalance"),
    )


def _limited() -> Portfolio:
    """The realistic account with one security that may not be bought, one that is nearly full, a minimum of one."""
    securities = (
        Security("BBY", blocks=(Block(Side.BUY, BlockReason.WASH_SALE),)),
        Security("WMT", max_share_micros=39_000),
        Security("KO", min_trade=40_00),
    )
    return replace(realistic_account(), securities=securities)


def _shared() -> Portfolio:
    """The realistic account with a fifth pie, in which two of its stocks lie a second time."""
    account = realistic_account()
    picks = Pie((Slice("my Apple", 60, Holding("AAPL", 1_800_00)), Slice("my Coca-Cola", 40, Holding("KO", 300_00))))
    return replace(account, root=Pie((*account.root.slices, Slice("Own picks", 10, picks))))


def _whole_shares() -> Portfolio:
    """The realistic account in whole shares, as a broker without fractions keeps it."""
    account, whole, priced = realistic_account(), 10**9, []
    sectors = []
    for sector in account.root.slices:
        assert isinstance(sector.content, Pie)
        leaves = []
        for leaf in sector.content.slices:
            assert isinstance(leaf.content, Holding)
            name, cents = leaf.content.security_id, round(100 * month_end_prices()[VALUED][leaf.slice_id])
            count = round(leaf.content.value / cents)
            leaves.append(replace(leaf, content=Holding(name, count * cents, count * whole)))
            priced.append(Security(name, price_micros=10_000 * cents, quantity_step_nanos=whole))
        sectors.append(replace(sector, content=replace(sector.content, slices=tuple(leaves))))
    return replace(account, root=replace(account.root, slices=tuple(sectors)), securities=tuple(priced))


def _near_equal() -> Portfolio:
    weights = [490 + 37 * i % 21 for i in range(20)]
    return Portfolio(Pie(tuple(Slice(f"s{i}", w, Holding(f"S{i}")) for i, w in enumerate(weights))))


@cache
def _examples() -> dict[str, pb.PlanRequest]:
    events = realistic_events()
    drifted = flat(A=20, B=15, C=30, D=25, E=20)
    change = next(case for case in CASES if case.name == "targets 5")
    assert isinstance(change.start, Portfolio)
    found = {
        "deposit": plan_request(realistic_account(), events["a $250 deposit"], 100),
        "withdrawal": plan_request(realistic_account(), events["a $1,200 withdrawal"], 100),
        "rebalance": plan_request(realistic_account(), events["a deep rebalance"], 100),
        "shallow": plan_request(realistic_account(), events["a shallow rebalance"], 2_500),
        "minimum": plan_request(drifted, Deposit(1_000, "deposit"), 300),
        "liquidation": plan_request(change.start, change.event, 100),
        "new-account": plan_request(_near_equal(), Deposit(1_090, "deposit"), 100),
        "limits": plan_request(_limited(), events["a $250 deposit"], Rules(100, cash_floor=10_00)),
        "several": plan_request(realistic_account(), several_events(), 2_500),
        "shared": plan_request(_shared(), events["a deep rebalance"], 2_500),
        "whole-shares": plan_request(_whole_shares(), Deposit(100_000, "deposit")),
        "too-much": plan_request(nested({"E": 5, "F": 5}, A=10), Withdrawal(3_000, "withdrawal")),
    }
    for name, request in found.items():
        request.request_id = f"example-{name}"
    return found


EXAMPLES = (
    "deposit",
    "withdrawal",
    "rebalance",
    "shallow",
    "minimum",
    "liquidation",
    "new-account",
    "limits",
    "several",
    "shared",
    "whole-shares",
    "too-much",
)


def example(name: str) -> pb.PlanRequest:
    """A copy of the ready request ``name``; raises ``KeyError`` where there is none."""
    copy = pb.PlanRequest()
    copy.CopyFrom(_examples()[name])
    return copy
