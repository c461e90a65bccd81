"""A reason for every slice: why it trades what it trades, or why it does not.

A reason is read off the problem and the trades, after the fact; nothing here decides anything. With n leaves in the
event, a trade counts as the ideal's own if it lies within n cents of it: that much can be whole cents alone.
"""

from __future__ import annotations

from solver.ideal import Mode
from solver.plan import Reason, ReasonCode
from solver.problem import Ints, Problem
from solver.situations import Understood
from solver.targets import Liquidated

__all__ = ["explain", "explain_liquidated", "money_text"]

ZERO_DECIMALS = frozenset(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"))  # ISO 4217
THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))

SENTENCES = {
    ReasonCode.UNDERWEIGHT: "Underweight: it buys {trade} to come nearer to its target.",
    ReasonCode.OVERWEIGHT: "Overweight: it sells {trade} to come nearer to its target.",
    ReasonCode.AT_TARGET: "At its target: it has nothing to trade.",
    ReasonCode.ABOVE_LEVEL: "Less underweight than its siblings: the money goes to those further below their target.",
    ReasonCode.BELOW_LEVEL: "Less overweight than its siblings: the money comes from those further above their target.",
    ReasonCode.BELOW_MINIMUM: "It would trade {ideal}, less than an order may be ({minimum}) or can be placed, so it rests.",
    ReasonCode.CLOSED_BELOW_MINIMUM: "Worth less than the minimum trade of {minimum}, it can only be sold whole.",
    ReasonCode.RETIRED: "Its target is 0: nothing is bought, and it is the first to be sold.",
    ReasonCode.LIQUIDATED: "Taken out of the portfolio: sold whole for {trade}, which stays in its pie.",
    ReasonCode.MOVED: "Moved to another pie: it keeps what it holds.",
    ReasonCode.ADDED: "Added with this event: it starts empty.",
    ReasonCode.NO_FLOW_FROM_ABOVE: "Its pie gets no money and gives none in this event.",
    ReasonCode.OUTSIDE_EVENT: "This event does not trade here.",
    ReasonCode.MINIMUM_TOO_LARGE_BELOW: "Its share is {ideal}, but the minimum trade of {minimum} is too large for its slices.",
    ReasonCode.TAKES_WHAT_OTHERS_CANNOT: "It takes {excess} beyond its share, which others can not take under the minimum.",
    ReasonCode.GIVES_WHAT_OTHERS_CANNOT: "It gives {excess} beyond its share, which others can not give under the minimum.",
    ReasonCode.ROUNDING: "Whole cents: it trades {trade} where the exact share is {ideal}.",
}


def money_text(amount: float, currency_code: str) -> str:
    """``amount`` minor units as people write it: 123456 is 1,234.56 USD."""
    decimals = 0 if currency_code in ZERO_DECIMALS else 3 if currency_code in THREE_DECIMALS else 2
    return f"{amount / 10**decimals:,.{decimals}f} {currency_code}"


def explain(problem: Problem, trades: Ints, flows: Ints, understood: Understood) -> list[tuple[Reason, ...]]:
    """The reasons of every row of the tree; never none."""
    return _Explainer(problem, trades, flows, understood).all()


def explain_liquidated(sold: Liquidated, understood: Understood) -> tuple[Reason, ...]:
    """The reason of a holding that the event sold whole."""
    return (_reason(ReasonCode.LIQUIDATED, understood.portfolio.currency_code, trade=sold.value),)


def _reason(code: ReasonCode, currency: str, **figures: float) -> Reason:
    texts = {name: money_text(abs(amount), currency) for name, amount in figures.items()}
    details = tuple((name, f"{amount:.6f}" if isinstance(amount, float) else str(amount)) for name, amount in figures.items())
    return Reason(code, details, SENTENCES[code].format(**texts))


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
        self.currency = understood.portfolio.currency_code
        changed = understood.changed
        self.sold = {s.slice_id: s.value for s in changed.liquidated} if changed else {}
        self.moved = changed.moved if changed else frozenset()
        self.added = changed.added if changed else frozenset()
        self.split = set(problem.pies)
        self.inside = problem.tree.below(problem.event_row)
        self.cents = max(1, len(problem.leaves))
        self.money = self._money()
        self.trading = self._trading(trades)

    def _money(self) -> dict[int, float]:
        """What each pie has to split in the ideal; 0 means that nothing happens inside it."""
        received = self.problem.received.tolist()
        event = self.problem.event_row
        return {p: received[p] + (self.ideal[p] if p != event else 0.0) for p in self.problem.pies}

    def _trading(self, trades: Ints) -> list[bool]:
        trading = [bool(t) for t in trades.tolist()]
        for row in range(len(trading) - 1, 0, -1):
            trading[self.tree.parent[row]] = trading[self.tree.parent[row]] or trading[row]
        return trading

    def all(self) -> list[tuple[Reason, ...]]:
        found = []
        for row, slice_id in enumerate(self.tree.slice_ids):
            codes = [ReasonCode.MOVED] if slice_id in self.moved else []
            codes += [ReasonCode.ADDED] if slice_id in self.added else []
            codes += self.codes(row)
            found.append(tuple(self._told(row, code) for code in dict.fromkeys(codes)))
        return found

    def _told(self, row: int, code: ReasonCode) -> Reason:
        trade, ideal, m = self.flow[row], self.ideal[row], self.problem.min_trade
        if code in (ReasonCode.UNDERWEIGHT, ReasonCode.OVERWEIGHT):
            return _reason(code, self.currency, trade=trade)
        if code is ReasonCode.LIQUIDATED:
            return _reason(code, self.currency, trade=self.sold[self.tree.slice_ids[row]])
        if code in (ReasonCode.BELOW_MINIMUM, ReasonCode.MINIMUM_TOO_LARGE_BELOW):
            return _reason(code, self.currency, ideal=ideal, minimum=m)
        if code is ReasonCode.CLOSED_BELOW_MINIMUM:
            return _reason(code, self.currency, minimum=m)
        if code in (ReasonCode.TAKES_WHAT_OTHERS_CANNOT, ReasonCode.GIVES_WHAT_OTHERS_CANNOT):
            return _reason(code, self.currency, excess=trade - ideal)
        if code is ReasonCode.ROUNDING:
            return _reason(code, self.currency, trade=trade, ideal=ideal)
        return _reason(code, self.currency)

    def codes(self, row: int) -> list[ReasonCode]:
        """The reasons of one row, the most telling first."""
        if self.tree.slice_ids[row] in self.sold:
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
        if row != self.problem.event_row or self.problem.situation.mode is Mode.NOTHING:
            return [ReasonCode.OUTSIDE_EVENT]
        if self.trading[row]:
            names = {Mode.BUYING: ReasonCode.UNDERWEIGHT, Mode.SELLING: ReasonCode.OVERWEIGHT}
            return [names.get(self.problem.situation.mode, ReasonCode.AT_TARGET)]
        return [ReasonCode.MINIMUM_TOO_LARGE_BELOW if self.problem.received[row] else ReasonCode.AT_TARGET]

    def _retired(self, row: int) -> list[ReasonCode]:
        if self.flow[row]:
            return self._closed(row)
        return [ReasonCode.BELOW_MINIMUM] if self.ideal[row] <= -0.5 else []

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
        elif abs(off) >= self.cents and self.tree.children[row]:
            codes.append(ReasonCode.MINIMUM_TOO_LARGE_BELOW)
        elif 0.5 <= abs(off) < self.cents or not codes:
            codes.append(ReasonCode.ROUNDING)
        return codes + self._closed(row)

    def _rested(self, row: int, parent: int) -> list[ReasonCode]:
        ideal = self.ideal[row]
        if abs(ideal) >= 0.5:
            small = ReasonCode.MINIMUM_TOO_LARGE_BELOW if self.tree.children[row] else ReasonCode.BELOW_MINIMUM
            return [small]
        if ideal:
            return [ReasonCode.AT_TARGET, ReasonCode.ROUNDING]
        if self.money[parent] == 0 and parent != self.problem.event_row:
            return [ReasonCode.NO_FLOW_FROM_ABOVE]
        if self.scale[row] > 0 and self.slope[row] > 0:
            return [ReasonCode.ABOVE_LEVEL]
        if self.scale[row] > 0 and self.slope[row] < 0:
            return [ReasonCode.BELOW_LEVEL]
        return [ReasonCode.AT_TARGET]
