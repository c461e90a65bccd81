"""Accounts that save from 1990 to 2022, planned every month by the optimum or by a baseline, each on books of its own.

    account      20 stocks of real prices, flat or the same targets leaf by leaf in four pies of five; every account has
                 targets of its own, multiples of 5 % in each pie
    money        $60, $130, $310 or $740 a month, raised by 3 % every January, and ten times that to begin with; once in
                 three years a withdrawal of two to nine deposits, in a month that pays nothing in
    rebalance    none, or a deep one every December, planned together with that month's deposit or withdrawal
    books        every strategy keeps its own: what its orders made of them, cash too, is what it plans next month

A holding moves by the ratio of two month-end closes, in whole cents, half up, so that a run is the same everywhere.
Closes are adjusted: dividends and splits are in them, and dividends so stay in the stock that pays them. The stocks are
twenty that lasted from 1990 to 2022, which says nothing of returns; nor are spreads, fees or taxes counted.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import pairwise

from server.examples import month_end_prices
from solver import (
    Deposit,
    Engine,
    Event,
    Holding,
    Infeasible,
    Pie,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Slice,
    Withdrawal,
    plan,
)
from solver.rules import BASELINES
from solver.tree import flatten

__all__ = [
    "MINIMUMS",
    "SETTINGS",
    "STRATEGIES",
    "Account",
    "Lives",
    "Month",
    "Setting",
    "account",
    "lived",
    "measured",
    "moved",
]

STRATEGIES = (Engine.AUTO, *BASELINES)
MONTHLY = (60_00, 130_00, 310_00, 740_00)  # cents, of one account after the other
FIRST = 10  # deposits, with which an account begins
RAISE_PERCENT = 3  # a year
WITHDRAWN_EVERY = 36  # months, a year after the beginning at the earliest
WITHDRAWN = (2, 9)  # deposits
PIES, IN_PIE, STEP_PERCENT = 4, 5, 5
MINIMUMS = (1_00, 25_00)  # cents
WHOLE = 100 * 100  # the sum of a flat account's targets


@dataclass(frozen=True, slots=True)
class Setting:
    """What all accounts and strategies of a run have in common; ``min_trade`` in cents."""

    nested: bool
    min_trade: int
    rebalanced: bool

    @property
    def name(self) -> str:
        """As in a table's first column."""
        return f"{'nested' if self.nested else 'flat'}, ${self.min_trade // 100}"

    @property
    def title(self) -> str:
        """By itself, as over a picture."""
        return f"{self.name}, {self._rebalances}"

    @property
    def kind(self) -> str:
        """Without the minimum."""
        return f"{'nested' if self.nested else 'flat'}, {self._rebalances}"

    @property
    def _rebalances(self) -> str:
        return "a deep rebalance a year" if self.rebalanced else "no rebalances"


SETTINGS = tuple(
    Setting(nested, minimum, rebalanced)
    for rebalanced in (False, True)
    for nested in (False, True)
    for minimum in MINIMUMS
)


@dataclass(frozen=True, slots=True)
class Account:
    """A customer: targets of the pies and of the stocks in them (percent), deposit (cents), withdrawals by month."""

    pies: tuple[tuple[int, tuple[tuple[str, int], ...]], ...]
    monthly: int
    withdrawn: tuple[tuple[int, int], ...]  # month, deposits

    def opened(self, nested: bool) -> Portfolio:
        """The account with nothing in it."""
        if not nested:
            return Portfolio(Pie(tuple(_stock(t, share * w) for share, held in self.pies for t, w in held), WHOLE))
        pies = [Pie(tuple(_stock(t, w) for t, w in held), 100) for _, held in self.pies]
        slices = (
            Slice(f"pie {i}", share, pie) for i, ((share, _), pie) in enumerate(zip(self.pies, pies, strict=True))
        )
        return Portfolio(Pie(tuple(slices), 100))

    def events(self, month: int, rebalanced: bool) -> tuple[Event, ...]:
        """What happens in ``month`` (0 is the first), a January; together they are one problem."""
        deposit = self.monthly * (100 + RAISE_PERCENT) ** (month // 12) // 100 ** (month // 12)
        deposits = dict(self.withdrawn).get(month)
        money: Event = Deposit(deposit if month else FIRST * deposit, "deposit")
        if deposits:
            money = Withdrawal(deposits * deposit, "withdrawal")
        return (money, Rebalance(event_id="rebalance")) if rebalanced and month % 12 == 11 else (money,)


@dataclass(frozen=True, slots=True)
class Month:
    """One strategy's month; money in cents.

    ``distance`` is the share of the account, cash included, that lies elsewhere than its targets say after the orders;
    ``error`` is J of the month's events, NaN without a plan. ``short`` is what a withdrawal did not get. ``good`` has,
    on the optimum's books only, which baselines' plans for the same books and events are as good as the optimum's.
    """

    value: int
    cash: int
    distance: float
    error: float
    orders: int
    traded: int
    short: int
    broken: tuple[str, ...]
    planned: bool
    proved: bool
    good: tuple[bool, ...] = ()


Lives = dict[tuple[Setting, Engine], list[tuple[Month, ...]]]  # one an account


def account(number: int) -> Account:
    """The account of that number, a function of nothing else."""
    draw = random.Random(f"years {number}")
    tickers = list(next(iter(month_end_prices().values())))
    draw.shuffle(tickers)
    held = [tickers[i * IN_PIE : (i + 1) * IN_PIE] for i in range(PIES)]
    inside = [tuple(zip(names, _shares(draw, IN_PIE), strict=True)) for names in held]
    blocks = range(12, len(month_end_prices()), WITHDRAWN_EVERY)
    withdrawn = tuple((start + draw.randrange(WITHDRAWN_EVERY), draw.randint(*WITHDRAWN)) for start in blocks)
    return Account(tuple(zip(_shares(draw, PIES), inside, strict=True)), MONTHLY[number % len(MONTHLY)], withdrawn)


def lived(setting: Setting, one: Account, engine: Engine, months: int | None = None) -> tuple[Month, ...]:
    """The first ``months`` of an account's life by one strategy, on its own books."""
    prices = list(month_end_prices().values())[:months]
    book, found = one.opened(setting.nested), []
    for month, now in enumerate(prices):
        if month:
            book = replace(book, root=moved(book.root, prices[month - 1], now))
        book, record = _month(book, one.events(month, setting.rebalanced), setting, engine)
        found.append(record)
    return tuple(found)


def moved(pie: Pie, before: dict[str, float], now: dict[str, float]) -> Pie:
    """``pie`` after prices moved: value × price ratio in whole cents, half up; closes have three decimals."""
    slices = []
    for one in pie.slices:
        if isinstance(one.content, Pie):
            content: Pie | Holding = moved(one.content, before, now)
        else:
            name, value = one.content.security_id, one.content.value
            old, new = (round(1_000 * prices[name]) for prices in (before, now))
            content = Holding(name, (2 * value * new + old) // (2 * old))
        slices.append(replace(one, content=content))
    return replace(pie, slices=tuple(slices))


def measured(book: Portfolio) -> tuple[int, int, float]:
    """Value with the cash, the cash, and the distance from targets: ½ (Σ |A_c − W_c T| + cash)/T, T the value."""
    tree, total = flatten(book), book.value + book.cash
    weight = [1.0] * len(tree.parent)
    for row in range(1, len(weight)):
        siblings = sum(tree.weight[c] for c in tree.children[tree.parent[row]])
        weight[row] = weight[tree.parent[row]] * tree.weight[row] / siblings
    leaves = [row for row, name in enumerate(tree.security_ids) if name]
    apart = sum(abs(tree.value[row] - weight[row] * total) for row in leaves) + book.cash
    return total, book.cash, apart / (2 * total) if total else 0.0


def _stock(ticker: str, weight: int) -> Slice:
    return Slice(ticker, weight, Holding(ticker))


def _shares(draw: random.Random, count: int) -> list[int]:
    """``count`` positive multiples of 5 % that sum to 100."""
    cuts = sorted(draw.sample(range(STEP_PERCENT, 100, STEP_PERCENT), count - 1))
    return [high - low for low, high in pairwise([0, *cuts, 100])]


def _month(book: Portfolio, events: tuple[Event, ...], setting: Setting, engine: Engine) -> tuple[Portfolio, Month]:
    """The account after one month's events, and what is kept of it."""
    rules = Rules(setting.min_trade)
    done = plan(book, events, rules, engine, explain=False)
    asked = sum(event.amount for event in events if isinstance(event, Withdrawal))
    if isinstance(done, Infeasible):  # the deposit is there all the same
        book = replace(book, cash=book.cash + sum(e.amount for e in events if isinstance(e, Deposit)))
        return book, Month(*measured(book), float("nan"), 0, 0, asked, (), False, False)
    after, proof = done.portfolio_after, done.certificate
    good: tuple[bool, ...] = ()
    if engine is Engine.AUTO:
        tried = (plan(book, events, rules, baseline, explain=False) for baseline in BASELINES)
        good = tuple(isinstance(other, Plan) and _as_good(other, done, events, rules) for other in tried)
    record = Month(
        *measured(after),
        error=proof.tracking_error,
        orders=len(done.orders),
        traded=done.cash.bought + done.cash.sold,
        short=asked - done.cash.paid_out,
        broken=proof.broken_rules,
        planned=True,
        proved=proof.quality is Quality.OPTIMAL,
        good=good,
    )
    return after, record


def _as_good(other: Plan, best: Plan, events: tuple[Event, ...], rules: Rules) -> bool:
    """Whether a baseline's plan breaks no rule, leaves no more cash and has no larger J, but for rounding.

    In a rebalance cash under the minimum ranks equal (PROBLEM.md §2).
    """
    proof, tried = best.certificate, other.certificate
    equal = rules.min_trade - 1 if any(isinstance(event, Rebalance) for event in events) else 0
    rounding = min(proof.rounding_slack, 1.0) + 1e-9 * max(1.0, proof.tracking_error)
    near = tried.tracking_error <= proof.tracking_error + rounding
    return near and not tried.broken_rules and tried.cash_left <= max(proof.cash_left, equal)
