"""What clients read: the sentences in all directions, for holdings and pies, in dollars and in yen."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from solver import (
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Event,
    Holding,
    Infeasible,
    InvalidRequest,
    Pie,
    Plan,
    Portfolio,
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
from solver.plan import ReasonCode
from solver.sentences import Variant, forms
from tests.unit.test_reasons import flat, random_event, random_portfolio, ruled, two_pies

WHOLE = 10**9
SHARES = Security("A", price_micros=25_000_000, quantity_step_nanos=WHOLE)
LOTS = replace(SHARES, quantity_step_nanos=WHOLE // 2)


def in_shares(*shares: int, cash: int = 0, security: Security = SHARES) -> Portfolio:
    """a in whole shares of 25.00, of which there are ``shares[0]``; beside it b, worth as much as ``shares[1]``."""
    held, beside = shares
    slices = Slice("a", 1, Holding("A", held * 2_500, held * WHOLE)), Slice("b", 1, Holding("B", beside * 2_500))
    return Portfolio(Pie(slices), cash, securities=(security,))


def around(portfolio: Portfolio) -> Portfolio:
    """``portfolio`` as a pie p beside c, which is worth as much."""
    beside = Slice("c", 1, Holding("C", portfolio.value))
    return replace(portfolio, root=Pie((Slice("p", 1, portfolio.root), beside)))


def taken_out(*kept: str) -> TargetChange:
    return TargetChange((ChangedPie("", tuple(TargetSlice(name, 1) for name in kept)),))


CAPPED = Security("A", max_value=4_000)
YEN = replace(flat(0, 0), currency_code="JPY")
SAID: dict[str, tuple[Portfolio, Event | tuple[Event, ...], int, str, str]] = {
    "whole shares, bought": (
        in_shares(0, 0), Deposit(60_00), 0, "a",
        "Whole shares: it trades 25.00 USD where the exact amount is 30.00 USD."),
    "whole shares, too dear": (
        in_shares(0, 0), Deposit(20_00), 0, "a",
        "Whole shares: it trades nothing where the exact amount is 10.00 USD."),
    "whole shares, sold": (
        in_shares(4, 2), Withdrawal(60_00), 0, "a",
        "Whole shares: it trades 50.00 USD where the exact amount is 55.00 USD."),
    "half shares": (
        in_shares(0, 0, security=LOTS), Deposit(60_00), 0, "a",
        "Whole quantity steps: it trades 25.00 USD where the exact amount is 30.00 USD."),
    "a pie of whole shares": (
        around(Portfolio(Pie((Slice("a", 1, Holding("A", 0, 0)),)), securities=(SHARES,))), Deposit(60_00), 0, "p",
        "Its slices trade in whole quantities: it trades 25.00 USD where the exact amount is 30.00 USD."),
    "yen": (
        YEN, Deposit(101), 0, "a", "Rounded: it trades 51 JPY where the exact share is 50.5 JPY."),
    "half a cent": (
        flat(0, 0), Deposit(101), 0, "a", "Whole cents: it trades 0.51 USD where the exact share is 0.505 USD."),
    "less than half a cent": (
        flat(0, 0, 0), Deposit(1), 0, "b", "Whole cents: it trades nothing where the exact share is 0.003 USD."),
    "limit and sale": (
        ruled(flat(8_000, 1_000, weights=(8, 1)), CAPPED), Rebalance(), 0, "a",
        "It would trade nothing, but no more than 40.00 USD may be held of it."),
    "limit and smaller sale": (
        ruled(flat(8_000, 1_000, weights=(7, 2)), CAPPED), Rebalance(), 0, "a",
        "It would sell 10.00 USD, but no more than 40.00 USD may be held of it."),
    "limit and rest": (
        ruled(flat(5_000, 6_000), CAPPED), Deposit(2_000), 0, "a",
        "It would buy 15.00 USD, but no more than 40.00 USD may be held of it."),
    "nothing may be held": (
        ruled(flat(0, 6_000), replace(CAPPED, max_value=0)), Deposit(2_000), 0, "a",
        "It would buy 20.00 USD, but nothing may be held of it."),
    "smallest, sold": (
        ruled(flat(900, 300), Security("A", min_position=850)), Withdrawal(500), 0, "a",
        "It would sell 5.00 USD and be worth 4.00 USD; at least 8.50 USD must be held of it, or nothing."),
    "smallest, rests": (
        ruled(flat(0, 0), Security("A", min_position=850)), Deposit(500), 0, "a",
        "It would buy 2.50 USD and be worth 2.50 USD; at least 8.50 USD must be held of it, or nothing."),
    "rules inside, bought": (
        ruled(two_pies((100, 100), (400,)), Security("A", max_value=100), Security("B", max_value=150)),
        Deposit(200), 0, "P", "It would buy 2.00 USD; the rules of its slices make it buy 0.50 USD."),
    "rules inside, sold": (
        ruled(two_pies((400, 400), (400,)), *(Security(n, blocks=(Block(Side.SELL, BlockReason.HALTED),)) for n in "AB")),
        Withdrawal(200), 0, "P", "It would sell 2.00 USD; the rules of its slices make it trade nothing."),
    "minimum inside": (
        two_pies((900, 900), (2_000, 1_990)), Deposit(2_390), 400, "Q",
        "It would buy 1.00 USD; a minimum trade of 4.00 USD is too large for some of its slices."),
    "its own minimum is none": (
        ruled(flat(0, 0), Security("A", min_trade=700)), Deposit(700), 0, "b",
        "It would trade 3.50 USD, but what others must trade under the minimum of 7.00 USD leaves it too little."),
    "retired and sold": (
        flat(10_000, 2_000, weights=(1, 0)), Rebalance(), 0, "b", "Its target is 0: it sells 20.00 USD."),
    "paid by a rebalance": (
        flat(600, 400), (Withdrawal(100), Rebalance()), 0, "", "Overweight: it sells 1.00 USD to come nearer to its target."),
    "taken out and withdrawn": (
        flat(600, 400, 200), (taken_out("a", "b"), Withdrawal(150)), 0, "",
        "It buys 0.50 USD with a part of what was sold here."),
    "around a pie that rebalances": (
        two_pies((9, 1), (2,)), Rebalance("P"), 0, "",
        "Nothing trades here, except in a pie below that rebalances by itself."),
    "sold and not bought again: whole shares": (
        replace(in_shares(4, 0), root=Pie((Slice("a", 1, Holding("A", 10_000, 4 * WHOLE)), Slice("b", 1, Holding("B", 0, 0)))),
                securities=(SHARES, replace(SHARES, security_id="B", price_micros=30_000_000))),
        Rebalance(), 0, "", "Whole quantities leave 20.00 USD of what is sold here as cash."),
    "sold and not bought again: minimum": (
        flat(1_000, 50, weights=(1, 0)), Rebalance(), 60, "",
        "0.50 USD of what is sold here stays cash: too little for its slices under a minimum trade of 0.60 USD."),
    "others take all": (
        ruled(flat(0, 0), Security("A", min_position=700)), Deposit(700), 0, "b",
        "It would buy 3.50 USD, but what the rules of other slices make them trade leaves it too little."),
    "others can not take": (
        ruled(flat(0, 0), Security("A", max_value=100)), Deposit(700), 0, "b",
        "It takes 2.50 USD beyond its share, since the rules of other slices leave them no more of it."),
    "others can not give": (
        ruled(flat(500, 500), Security("B", min_trade=400)), Withdrawal(300), 0, "a",
        "It gives 1.50 USD beyond its share, since the rules of other slices keep them from giving more."),
    "proceeds that others take": (
        flat(600, 400, 200), (taken_out("a", "b"), Withdrawal(150)), 0, "c",
        "Taken out of the portfolio: sold whole for 2.00 USD, which goes where these events together send it."),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_sentence(case: str) -> None:
    portfolio, events, m, slice_id, sentence = SAID[case]
    assert sentence in told(portfolio, events, Rules(m))[slice_id]


def told(portfolio: Portfolio, events: Event | tuple[Event, ...], rules: Rules) -> dict[str, list[str]]:
    """The sentences of every slice."""
    answer = plan(portfolio, events, rules)
    assert isinstance(answer, Plan)
    return {node.slice_id: [reason.sentence for reason in node.reasons] for node in answer.nodes}


def test_a_share_that_is_too_dear_says_what_is_enough() -> None:
    start = replace(in_shares(0, 0), root=Pie((Slice("a", 1, Holding("A", 0, 0)),)))
    assert (
        told(start, Deposit(20_00), Rules(100))[""][-1]
        == "No order can be bought with 20.00 USD; 5.00 USD more is enough."
    )
    few, enough = (plan(start, Deposit(amount), Rules(100)) for amount in (24_99, 25_00))
    assert isinstance(few, Plan)
    assert isinstance(enough, Plan)
    assert (len(few.orders), len(enough.orders)) == (0, 1)


def test_a_threshold_is_reached() -> None:
    waits = told(flat(100, 100), Deposit(700), Rules(deposit_threshold=2_500))[""]
    assert waits == ["It waits: 7.00 USD to invest is under the threshold; 18.00 USD more reaches it."]


def test_a_withdrawal_needs_no_largest_position() -> None:
    """What is above its limit may stay; a sale of more than its share has another cause."""
    start = ruled(flat(500, 500), Security("A", max_value=200), Security("B", min_trade=400))
    assert told(start, Withdrawal(300), Rules(0))["a"] == [
        "Overweight: it sells 3.00 USD to come nearer to its target.",
        "It gives 1.50 USD beyond its share, since the rules of other slices keep them from giving more.",
    ]


def test_what_can_only_be_sold_whole_gives_for_nobody() -> None:
    sentences = told(flat(40, 20, 20), Withdrawal(30), Rules(50))["a"]
    assert sentences == [
        "Overweight: it sells 0.40 USD to come nearer to its target.",
        "Worth less than the minimum trade of 0.50 USD, it can only be sold whole.",
    ]


def ruled_randomly(draw: random.Random, portfolio: Portfolio) -> Portfolio:
    """Some of the account's securities with a rule each, some in whole shares."""
    unit = 1 if portfolio.currency_code == "USD" else 100
    securities = []

    def ruled_below(pie: Pie) -> Pie:
        slices = []
        for child in pie.slices:
            held = child.content
            if isinstance(held, Pie):
                slices.append(replace(child, content=ruled_below(held)))
                continue
            price = draw.choice((1, 3, 25))
            security = draw.choice((
                Security(held.security_id, blocks=(Block(draw.choice(tuple(Side)), BlockReason.HALTED),)),
                Security(held.security_id, max_value=draw.choice((0, 200, 1_000))),
                Security(held.security_id, min_position=draw.choice((200, 1_000))),
                Security(held.security_id, min_trade=draw.choice((100, 700))),
                Security(held.security_id, price_micros=price * unit * 10**6, quantity_step_nanos=WHOLE),
                *[None] * 7,
            ))  # fmt: skip
            if security and security.price_micros:
                count = held.value // (price * 100)
                held = Holding(held.security_id, count * price * 100, count * WHOLE)
            securities.extend([security] if security else [])
            slices.append(replace(child, content=held))
        return replace(pie, slices=tuple(slices))

    root = ruled_below(portfolio.root)
    return replace(portfolio, root=root, securities=tuple(securities))


def random_plans(count: int) -> Iterator[Plan]:
    """Plans of one event or two under all kinds of rules."""
    draw = random.Random(3)
    for _ in range(count):
        pie, code = random_portfolio(draw, draw.choice((0, 3_000, 30_000))), draw.choice(("USD", "JPY"))
        portfolio = ruled_randomly(draw, Portfolio(pie, draw.choice((0, 60, 700)), code))
        m, total = draw.choice((0, 0, 1, 50, 300)), portfolio.value + portfolio.cash
        events = tuple(random_event(draw, portfolio.root, total) for _ in range(draw.choice((1, 1, 2))))
        try:
            answer = plan(portfolio, events, Rules(m, draw.choice((0, 0, 100)), draw.choice((None, None, 300))))
        except InvalidRequest:
            continue
        if not isinstance(answer, Infeasible):
            yield answer


def test_no_sentence_stumbles() -> None:
    """No zero where a figure is said, no minimum where there is none, and no cents where a currency has none."""
    for answer in random_plans(300):
        for node in answer.nodes:
            for reason in node.reasons:
                said = reason.sentence
                assert not re.search(r"(?<![\d.,])(0|0\.00) [A-Z]{3}", said), said
                assert not ("JPY" in said and "cents" in said), said
                assert reason.code is not ReasonCode.ROUNDING or "inimum" not in said, said


def test_every_variant_is_heard() -> None:
    sounds = {variant: re.escape(forms("USD")[variant].pattern).replace(r"\{\}", ".+") for variant in Variant}
    heard = {variant for variant in Variant if any(re.fullmatch(sounds[variant], case[-1]) for case in SAID.values())}
    assert heard == set(Variant)
