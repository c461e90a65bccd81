"""The sentences of all reasons, made ready to be filled in: every plan writes one or two for each of its slices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter

from solver.money import minor_digits
from solver.plan import Reason, ReasonCode

__all__ = ["SENTENCES", "Form", "forms", "money_text", "spent_form"]

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
    ReasonCode.MINIMUM_TOO_LARGE_BELOW: "Its share is {ideal}; a minimum of {minimum} is too large for its slices.",
    ReasonCode.TAKES_WHAT_OTHERS_CANNOT: "It takes {excess} beyond its share, since no order may be under {minimum}.",
    ReasonCode.GIVES_WHAT_OTHERS_CANNOT: "It gives {excess} beyond its share, since no order may be under {minimum}.",
    ReasonCode.ROUNDING: "Whole cents: it trades {trade} where the exact share is {ideal}.",
    ReasonCode.BLOCKED: "It would trade {ideal}, but that side may not be traded: {blocked}.",
    ReasonCode.LARGEST_POSITION: "Its share would be {ideal}; no more than {most} may be held of it.",
    ReasonCode.SMALLEST_POSITION: "Its share would be {ideal}; at least {least} must be held of it, or nothing.",
    ReasonCode.LIMITED_BELOW: "Its share is {ideal}; rules of its slices leave it at {trade}.",
    ReasonCode.WAITS_FOR_THRESHOLD: "It waits: {money} to invest is under the threshold; {deposit} more is enough.",
    ReasonCode.DEPOSIT_TOO_SMALL: "No order can be bought with {money}; {deposit} more is enough.",
}
TEXTS = frozenset(("blocked",))  # figures that are words

LIMITED = "since the rules of other slices leave them no more of it."
SPENT = "Taken out of the portfolio: sold whole for {trade}, which goes where these events together send it."
CROWDED_OUT = "It would trade {ideal}, but what others must trade under the minimum of {minimum} leaves it too little."


@dataclass(frozen=True, slots=True)
class Form:
    """One sentence: the figures in it, by name, and how it says them."""

    code: ReasonCode
    names: tuple[str, ...]  # its figures, in the order in which they are said
    pattern: str
    unit: int  # minor units in one of what is said
    plain: Reason | None  # the whole reason, made once, where there are no figures

    def filled(self, figures: list[float | str]) -> Reason:
        """The reason with its ``figures``, minor units or words; the sentence says them without their sign."""
        exact = [f"{x:.6f}" if type(x) is float else str(x) for x in figures]
        said = self.pattern.format(*[x if isinstance(x, str) else abs(x) / self.unit for x in figures])
        return Reason(self.code, tuple(zip(self.names, exact, strict=True)), said)


@lru_cache(maxsize=256)
def forms(currency_code: str, limited: bool = False) -> tuple[dict[ReasonCode, Form], Form]:
    """Every sentence in one currency, and the one for a slice that is crowded out; ``limited`` by more than m."""
    sentences = dict(SENTENCES)
    if limited:
        for code in (ReasonCode.TAKES_WHAT_OTHERS_CANNOT, ReasonCode.GIVES_WHAT_OTHERS_CANNOT):
            sentences[code] = f"{sentences[code].split(' since ')[0]} {LIMITED}"
    forms = {code: _form(code, sentence, currency_code) for code, sentence in sentences.items()}
    return forms, _form(ReasonCode.BELOW_MINIMUM, CROWDED_OUT, currency_code)


@lru_cache(maxsize=256)
def spent_form(currency_code: str) -> Form:
    """The sentence of what was liquidated where another event takes some of the proceeds out of their pie."""
    return _form(ReasonCode.LIQUIDATED, SPENT, currency_code)


def _form(code: ReasonCode, sentence: str, currency_code: str) -> Form:
    names = tuple(name for _, name, _, _ in Formatter().parse(sentence) if name)
    decimals = minor_digits(currency_code)
    money = f"{{:,.{decimals}f}} {currency_code}"
    pattern = re.sub(r"{(\w+)}", lambda found: "{}" if found[1] in TEXTS else money, sentence)
    return Form(code, names, pattern, 10**decimals, None if names else Reason(code, (), sentence))


def money_text(amount: float, currency_code: str) -> str:
    """``amount`` minor units as people write it: 123456 is 1,234.56 USD."""
    decimals = minor_digits(currency_code)
    return f"{amount / 10**decimals:,.{decimals}f} {currency_code}"
