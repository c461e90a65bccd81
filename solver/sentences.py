"""The sentences of all reasons, made ready to be filled in: every plan writes one or two for each of its slices.

A figure is said as money, without its sign, unless it names another way: ``{ideal:order}`` says "buy 3.00 USD", "sell
3.00 USD" or "trade nothing", ``{trade:trades}`` "trades 3.00 USD" or "trades nothing", ``{most:limit}`` "no more than
3.00 USD" or "nothing"; ``{ideal:exact}`` has one decimal more where the currency's own would hide the difference, and
``{blocked:text}`` is a word as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from string import Formatter

from solver.money import minor_digits
from solver.plan import Reason, ReasonCode

__all__ = ["SENTENCES", "Form", "Said", "Variant", "forms", "money_text"]

SENTENCES = {
    ReasonCode.UNDERWEIGHT: "Underweight: it buys {trade} to come nearer to its target.",
    ReasonCode.OVERWEIGHT: "Overweight: it sells {trade} to come nearer to its target.",
    ReasonCode.AT_TARGET: "At its target: it has nothing to trade.",
    ReasonCode.ABOVE_LEVEL: "Less underweight than its siblings: the money goes to those further below their target.",
    ReasonCode.BELOW_LEVEL: "Less overweight than its siblings: the money comes from those further above their target.",
    ReasonCode.BELOW_MINIMUM: "It would trade {ideal}, less than the minimum trade of {minimum}, so it rests.",
    ReasonCode.CLOSED_BELOW_MINIMUM: "Worth less than the minimum trade of {minimum}, it can only be sold whole.",
    ReasonCode.RETIRED: "Its target, or that of a pie around it, is 0: nothing is bought here.",
    ReasonCode.LIQUIDATED: "Taken out of the portfolio: sold whole for {trade}, which stays in the pie that lost it.",
    ReasonCode.MOVED: "Moved to another pie with what it held.",
    ReasonCode.ADDED: "Added with this event: it starts empty.",
    ReasonCode.NO_FLOW_FROM_ABOVE: "Its pie gets no money and gives none in this event.",
    ReasonCode.OUTSIDE_EVENT: "This event does not trade here.",
    ReasonCode.MINIMUM_TOO_LARGE_BELOW: (
        "It would {ideal:order}; a minimum trade of {minimum} is too large for some of its slices."
    ),
    ReasonCode.TAKES_WHAT_OTHERS_CANNOT: "It takes {excess} beyond its share, since no order may be under {minimum}.",
    ReasonCode.GIVES_WHAT_OTHERS_CANNOT: "It gives {excess} beyond its share, since no order may be under {minimum}.",
    ReasonCode.ROUNDING: "Whole cents: it {trade:trades} where the exact share is {ideal:exact}.",
    ReasonCode.BLOCKED: "It would trade {ideal}, but that side may not be traded: {blocked:text}.",
    ReasonCode.LARGEST_POSITION: "Its share would be {ideal}; no more than {most} may be held of it.",
    ReasonCode.SMALLEST_POSITION: (
        "It would {ideal:order} and be worth {worth}; at least {least} must be held of it, or nothing."
    ),
    ReasonCode.LIMITED_BELOW: "It would {ideal:order}; the rules of its slices make it {trade:order}.",
    ReasonCode.WAITS_FOR_THRESHOLD: "It waits: {money} to invest is under the threshold; {deposit} more reaches it.",
    ReasonCode.DEPOSIT_TOO_SMALL: "No order can be bought with {money}; {deposit} more is enough.",
}
CENTS = frozenset(("AUD", "CAD", "EUR", "HKD", "NZD", "SGD", "USD"))  # elsewhere a minor unit is no cent


class Variant(Enum):
    """The sentences that say the same reason in another case; each belongs to the code that its value begins with."""

    TAKES_LIMITED = (
        ReasonCode.TAKES_WHAT_OTHERS_CANNOT,
        "It takes {excess} beyond its share, since the rules of other slices leave them no more of it.",
    )
    GIVES_LIMITED = (
        ReasonCode.GIVES_WHAT_OTHERS_CANNOT,
        "It gives {excess} beyond its share, since the rules of other slices keep them from giving more.",
    )
    CROWDED_OUT = (
        ReasonCode.BELOW_MINIMUM,
        "It would trade {ideal}, but what others must trade under the minimum of {minimum} leaves it too little.",
    )
    CROWDED_BY_RULES = (
        ReasonCode.ROUNDING,
        "It would {ideal:order}, but what the rules of other slices make them trade leaves it too little.",
    )
    SHARES = (ReasonCode.ROUNDING, "Whole shares: it {trade:trades} where the exact amount is {ideal:exact}.")
    STEPS = (ReasonCode.ROUNDING, "Whole quantity steps: it {trade:trades} where the exact amount is {ideal:exact}.")
    STEPS_BELOW = (
        ReasonCode.ROUNDING,
        "Its slices trade in whole quantities: it {trade:trades} where the exact amount is {ideal:exact}.",
    )
    LEFT_BY_STEPS = (ReasonCode.ROUNDING, "Whole quantities leave {left} of what is sold here as cash.")
    LEFT_BY_MINIMUM = (
        ReasonCode.MINIMUM_TOO_LARGE_BELOW,
        "{left} of what is sold here stays cash: too little for its slices under a minimum trade of {minimum}.",
    )
    OVER_LARGEST = (ReasonCode.LARGEST_POSITION, "It would {ideal:order}, but {most:limit} may be held of it.")
    SPENT = (
        ReasonCode.LIQUIDATED,
        "Taken out of the portfolio: sold whole for {trade}, which goes where these events together send it.",
    )
    BOUGHT_AGAIN = (ReasonCode.UNDERWEIGHT, "It buys {trade} with a part of what was sold here.")
    RETIRED_SALE = (ReasonCode.RETIRED, "Its target is 0: it sells {trade}.")
    BELOW_ALONE = (ReasonCode.OUTSIDE_EVENT, "Nothing trades here, except in a pie below that rebalances by itself.")


Said = ReasonCode | Variant  # which sentence


@dataclass(frozen=True, slots=True)
class Form:
    """One sentence: the figures in it, by name, and how it says them."""

    code: ReasonCode
    names: tuple[str, ...]  # its figures, in the order in which they are said
    ways: tuple[str, ...]  # how each is said; money where empty
    pattern: str
    currency_code: str
    money: str  # how an amount is said, in ``unit`` minor units
    unit: int
    plain: Reason | None  # the whole reason, made once, where there are no figures

    def filled(self, figures: list[float | str]) -> Reason:
        """The reason with its ``figures``, minor units or words."""
        exact = [f"{x:.6f}" if type(x) is float else str(x) for x in figures]
        said = [x if isinstance(x, str) else self._said(x, way) for x, way in zip(figures, self.ways, strict=True)]
        return Reason(self.code, tuple(zip(self.names, exact, strict=True)), self.pattern.format(*said))

    def _said(self, x: float, way: str) -> str:
        if way == "exact":
            return _exact_text(abs(x), self.currency_code)
        hidden = 0 < abs(x) <= 0.5  # said as 0, it would read like a contradiction
        money = _exact_text(abs(x), self.currency_code) if hidden else self.money.format(abs(x) / self.unit)
        if way == "trades":
            return f"trades {money}" if x else "trades nothing"
        if way == "limit":
            return f"no more than {money}" if x else "nothing"
        if way == "order":
            return f"{'buy' if x > 0 else 'sell'} {money}" if abs(x) >= 0.5 else "trade nothing"
        return money


@lru_cache(maxsize=256)
def forms(currency_code: str) -> dict[Said, Form]:
    """Every sentence in one currency."""
    sentences = dict(SENTENCES)
    if currency_code not in CENTS:
        sentences[ReasonCode.ROUNDING] = sentences[ReasonCode.ROUNDING].replace("Whole cents", "Rounded")
    found: dict[Said, Form] = {code: _form(code, text, currency_code) for code, text in sentences.items()}
    return found | {variant: _form(*variant.value, currency_code) for variant in Variant}


def _form(code: ReasonCode, sentence: str, currency_code: str) -> Form:
    parts = list(Formatter().parse(sentence))
    figures = [(name, way or "") for _, name, way, _ in parts if name]
    names, ways = tuple(name for name, _ in figures), tuple(way for _, way in figures)
    pattern = "".join(text + ("{}" if name else "") for text, name, _, _ in parts)
    decimals = minor_digits(currency_code)
    money = f"{{:,.{decimals}f}} {currency_code}"
    plain = None if names else Reason(code, (), sentence)
    return Form(code, names, ways, pattern, currency_code, money, 10**decimals, plain)


def money_text(amount: float, currency_code: str) -> str:
    """``amount`` minor units as people write it: 123456 is 1,234.56 USD."""
    decimals = minor_digits(currency_code)
    return f"{amount / 10**decimals:,.{decimals}f} {currency_code}"


def _exact_text(amount: float, currency_code: str) -> str:
    """Likewise, with one decimal more where rounding to whole minor units would say 0, a whole, or hide a half."""
    if amount < 0.05:
        return "almost nothing" if amount else "nothing"
    decimals = minor_digits(currency_code)
    hidden = amount < 0.5 or abs(amount % 1 - 0.5) < 0.05 or (not decimals and amount % 1)
    more = decimals + 1 if hidden else decimals
    return f"{amount / 10**decimals:,.{more}f} {currency_code}"
