"""A reason for every slice: why it trades what it trades, or why it does not.

A reason is read off the problem and the trades, after the fact; nothing here decides anything. In PROBLEM.md's
letters, with n the number of leaves that may trade, x the flow of a row and x° its ideal (minor units):

    OUTSIDE_EVENT             not below the event's pie, or the event trades nothing at all
    LIQUIDATED                sold whole by the event, or a pie of which everything was
    MOVED, ADDED              by the event; said beside what else is true
    NO_FLOW_FROM_ABOVE        its pie only buys or only sells, and has nothing to split
    RETIRED                   target 0; or money wants in below a slice of target 0
    UNDERWEIGHT, OVERWEIGHT   x and x° have the same sign: a buy, a sale
    TAKES_, GIVES_WHAT_...    |x| goes n or more beyond x°: whole cents alone move a slice less than n
    ROUNDING                  |x − x°| is half a cent or more, but less than n
    BELOW_MINIMUM             a leaf with |x°| of half a cent or more that rests under a minimum
    MINIMUM_TOO_LARGE_BELOW   a pie that gets less than x° while a leaf in it rests under a minimum
    CLOSED_BELOW_MINIMUM      a position worth less than m, sold whole
    ABOVE_LEVEL, BELOW_LEVEL  x° = 0 and s_n > 0 in a buying pie, s_n < 0 in a selling one
    AT_TARGET                 x° = 0 and none of these
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter

from solver.ideal import Mode
from solver.plan import Reason, ReasonCode
from solver.problem import Ints, Problem
from solver.situations import Understood
from solver.targets import Liquidated

__all__ = ["explained", "explained_liquidation", "minor_digits", "money_text"]

ZERO_DECIMALS = frozenset(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"))  # ISO 4217
THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))

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
}

CROWDED_OUT = "It would trade {ideal}, but what others must trade under the minimum of {minimum} leaves it too little."


@dataclass(frozen=True, slots=True)
class _Form:
    """A sentence made ready to fill in, since every plan writes one or two for each of its slices."""

    code: ReasonCode
    names: tuple[str, ...]  # its figures, in the order in which they are said
    pattern: str
    unit: int  # minor units in one of what is said
    plain: Reason | None  # the whole reason, made once, where there are no figures

    def filled(self, figures: list[float]) -> Reason:
        """The reason with its ``figures``, minor units; the sentence says them without their sign."""
        exact = [f"{x:.6f}" if type(x) is float else str(x) for x in figures]
        said = self.pattern.format(*[abs(x) / self.unit for x in figures])
        return Reason(self.code, tuple(zip(self.names, exact, strict=True)), said)


@lru_cache(maxsize=256)
def _forms(currency_code: str) -> tuple[dict[ReasonCode, _Form], _Form]:
    """Every sentence in one currency, and the one for a slice that is crowded out."""
    forms = {code: _form(code, sentence, currency_code) for code, sentence in SENTENCES.items()}
    return forms, _form(ReasonCode.BELOW_MINIMUM, CROWDED_OUT, currency_code)


def _form(code: ReasonCode, sentence: str, currency_code: str) -> _Form:
    names = tuple(name for _, name, _, _ in Formatter().parse(sentence) if name)
    decimals = minor_digits(currency_code)
    pattern = re.sub(r"{\w+}", f"{{:,.{decimals}f}} {currency_code}", sentence)
    return _Form(code, names, pattern, 10**decimals, None if names else Reason(code, (), sentence))


def minor_digits(currency_code: str) -> int:
    """Decimals of the currency's minor unit: 2 for USD, 0 for JPY (ISO 4217)."""
    return 0 if currency_code in ZERO_DECIMALS else 3 if currency_code in THREE_DECIMALS else 2


def money_text(amount: float, currency_code: str) -> str:
    """``amount`` minor units as people write it: 123456 is 1,234.56 USD."""
    decimals = minor_digits(currency_code)
    return f"{amount / 10**decimals:,.{decimals}f} {currency_code}"


def explained(problem: Problem, trades: Ints, flows: Ints, understood: Understood) -> list[tuple[Reason, ...]]:
    """The reasons of every row of the tree; never none."""
    return _Explainer(problem, trades, flows, understood).all()


def explained_liquidation(sold: Liquidated, understood: Understood) -> tuple[Reason, ...]:
    """The reason of a holding that the event sold whole."""
    forms, _ = _forms(understood.portfolio.currency_code)
    return (forms[ReasonCode.LIQUIDATED].filled([sold.value]),)


class _Explainer:
    """One event's figures at hand as plain lists; ``code`` of a row reads like PROBLEM.md's definitions."""

    def __init__(self, problem: Problem, trades: Ints, flows: Ints, understood: Understood) -> None:
        self.problem, self.tree = problem, problem.tree
        self.flow = flows.tolist()
        self.ideal = problem.ideal.tolist()
        self.flow[problem.event_row] = int(trades.sum())
        self.ideal[problem.event_row] = float(problem.received.sum())
        self.slope = problem.slope.tolist()
        self.scale = problem.scale.tolist()
        self.forms, self.crowded_out = _forms(understood.portfolio.currency_code)
        changed = understood.changed
        self.moved = changed.moved if changed else frozenset()
        self.added = changed.added if changed else frozenset()
        self.sold = changed.sold_within(self.tree) if changed else {}
        self.split = set(problem.pies)
        self.inside = problem.tree.below(problem.event_row)
        self.cents = max(1, len(problem.leaves))
        self.minimum = problem.min_trade if problem.min_trade > 1 else 0  # a minimum of one cent binds nothing
        self.money = self._money()
        self.trading = self._trading(trades)

    def _money(self) -> dict[int, float]:
        """What each pie has to split in the ideal (also where it had to stay idle); 0: nothing happens inside it."""
        received, event = self.problem.situation.received, self.problem.event_row
        return {p: received.get(p, 0) + (self.ideal[p] if p != event else 0.0) for p in self.problem.pies}

    def _trading(self, trades: Ints) -> list[bool]:
        trading = [bool(t) for t in trades.tolist()]
        for row in range(len(trading) - 1, 0, -1):
            trading[self.tree.parent[row]] = trading[self.tree.parent[row]] or trading[row]
        return trading

    def all(self) -> list[tuple[Reason, ...]]:
        found = []
        for row, slice_id in enumerate(self.tree.slice_ids):
            codes = self.codes(row)
            if slice_id in self.added:
                codes = [ReasonCode.ADDED, *codes]
            if slice_id in self.moved:
                codes = [ReasonCode.MOVED, *codes]
            found.append(tuple([self._told(row, code) for code in codes]))
        return found

    def _told(self, row: int, code: ReasonCode) -> Reason:
        form = self.forms[code]
        if form.plain:
            return form.plain
        if code is ReasonCode.BELOW_MINIMUM and abs(self.ideal[row]) >= self.minimum:
            form = self.crowded_out
        figures: list[float] = []
        for name in form.names:
            if name == "trade":
                figures.append(self.sold[row] if code is ReasonCode.LIQUIDATED else self.flow[row])
            elif name == "minimum":
                figures.append(self.minimum)
            else:
                figures.append(self._wanted(row) if name == "ideal" else self.flow[row] - self.ideal[row])
        return form.filled(figures)

    def _wanted(self, row: int) -> float:
        """x°, or what a pie that traded nothing would have split."""
        return self.money[row] if row in self.money and not self.trading[row] else self.ideal[row]

    def codes(self, row: int) -> list[ReasonCode]:
        """The reasons of one row, the most telling first."""
        if row in self.sold:
            return [ReasonCode.LIQUIDATED]
        if row not in self.inside or row == self.problem.event_row:
            return self._above(row)
        parent = self.tree.parent[row]
        if parent not in self.split:
            mode = self.problem.situation.mode
            return [ReasonCode.OUTSIDE_EVENT if mode is Mode.NOTHING else ReasonCode.NO_FLOW_FROM_ABOVE]
        if self.tree.weight[row] == 0:
            return [ReasonCode.RETIRED, *self._retired(row)]
        if self.flow[row]:
            return self._traded(row)
        return self._rested(row, parent)

    def _above(self, row: int) -> list[ReasonCode]:
        """The event's own pie, and everything outside it."""
        mode, flow = self.problem.situation.mode, self.flow[row]
        if row != self.problem.event_row or mode is Mode.NOTHING:
            return [ReasonCode.OUTSIDE_EVENT]
        if flow > 0:
            return [ReasonCode.UNDERWEIGHT]
        if flow < 0:  # a rebalance may free less than a minimum, and only whole cents or the minimum make it
            small = ReasonCode.ROUNDING if -flow < self.cents else ReasonCode.MINIMUM_TOO_LARGE_BELOW
            return [ReasonCode.OVERWEIGHT if mode is Mode.SELLING else small]
        starved = bool(self.money.get(row)) and self.minimum > 0
        return [ReasonCode.MINIMUM_TOO_LARGE_BELOW if starved else ReasonCode.AT_TARGET]

    def _retired(self, row: int) -> list[ReasonCode]:
        if self.flow[row]:
            return self._closed(row)
        return [self._too_small(row)] if self.ideal[row] <= -0.5 else []

    def _too_small(self, row: int) -> ReasonCode:
        """Why a row rests although its ideal is half a cent or more."""
        if not self.minimum:
            return ReasonCode.ROUNDING
        if not self.tree.children[row]:
            return ReasonCode.BELOW_MINIMUM
        return ReasonCode.MINIMUM_TOO_LARGE_BELOW if self._held_back(row) else ReasonCode.ROUNDING

    def _held_back(self, row: int) -> bool:
        """Whether some leaf below ``row`` rests although its ideal is half a cent or more."""
        rows = self.tree.below(row)
        return any(not self.tree.children[r] and not self.flow[r] and abs(self.ideal[r]) >= 0.5 for r in rows)

    def _shut(self, row: int) -> bool:
        """Whether money wants in at or below a slice of target 0, where nothing is bought."""
        wanted = self._wanted(row)
        while wanted > 0 and row != self.problem.event_row:
            if self.tree.weight[row] == 0:
                return True
            row = self.tree.parent[row]
        return False

    def _closed(self, row: int) -> list[ReasonCode]:
        held = self.tree.value[row]
        closed = not self.tree.children[row] and held < self.problem.min_trade and self.flow[row] == -held
        return [ReasonCode.CLOSED_BELOW_MINIMUM] if closed else []

    def _traded(self, row: int) -> list[ReasonCode]:
        trade, ideal = self.flow[row], self.ideal[row]
        buys = trade > 0
        off = trade - ideal
        codes = []
        if ideal * trade > 0:
            codes.append(ReasonCode.UNDERWEIGHT if buys else ReasonCode.OVERWEIGHT)
        if abs(off) >= self.cents and off * trade > 0:
            codes.append(ReasonCode.TAKES_WHAT_OTHERS_CANNOT if buys else ReasonCode.GIVES_WHAT_OTHERS_CANNOT)
        elif abs(off) >= self.cents and self.minimum and self.tree.children[row] and self._held_back(row):
            codes.append(ReasonCode.MINIMUM_TOO_LARGE_BELOW)
        elif 0.5 <= abs(off) < self.cents or not codes:
            codes.append(ReasonCode.ROUNDING)
        return codes + self._closed(row)

    def _rested(self, row: int, parent: int) -> list[ReasonCode]:
        wanted = self._wanted(row)
        if self._shut(row):
            return [ReasonCode.RETIRED]
        if abs(wanted) >= 0.5 and not (self.tree.children[row] and self.trading[row] and self.ideal[row] == 0):
            return [self._too_small(row)]
        if self.ideal[row]:
            return [ReasonCode.AT_TARGET, ReasonCode.ROUNDING]
        if self.money[parent] == 0 and self.problem.mode[parent] is not Mode.REBALANCING:
            return [ReasonCode.NO_FLOW_FROM_ABOVE]
        if self.scale[row] > 0 and self.slope[row] > 0:
            return [ReasonCode.ABOVE_LEVEL]
        if self.scale[row] > 0 and self.slope[row] < 0:
            return [ReasonCode.BELOW_LEVEL]
        return [ReasonCode.AT_TARGET]
