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
    BLOCKED                   a leaf that would trade |x°| of half a cent or more on a side that may not be traded
    LARGEST_, SMALLEST_...    a leaf that its largest or smallest position keeps from x°
    LIMITED_BELOW             a pie that gets n or more away from x° with one of these in it
    WAITS_FOR_THRESHOLD       the account's cash is under the threshold, so a deposit is not invested yet
    DEPOSIT_TOO_SMALL         no order can be bought with the money there is
    ABOVE_LEVEL, BELOW_LEVEL  x° = 0 and s_n > 0 in a buying pie, s_n < 0 in a selling one
    AT_TARGET                 x° = 0 and none of these
"""

from __future__ import annotations

from solver.events import Deposit
from solver.ideal import Mode
from solver.modes import retired
from solver.plan import Reason, ReasonCode
from solver.problem import Ints, Problem
from solver.sentences import Form, forms, spent_form
from solver.situations import Understood
from solver.targets import Liquidated

__all__ = ["explained", "explained_liquidation"]


def explained(problem: Problem, trades: Ints, flows: Ints, understood: Understood) -> list[tuple[Reason, ...]]:
    """The reasons of every row of the tree; never none."""
    return _Explainer(problem, trades, flows, understood).all()


def explained_liquidation(sold: Liquidated, understood: Understood) -> tuple[Reason, ...]:
    """The reason of a holding that the event sold whole."""
    return (_liquidated_form(understood).filled([sold.value]),)


def _liquidated_form(understood: Understood) -> Form:
    """Whether the proceeds stay in the pies that lost them, or another event takes some of them."""
    tree, code = understood.situation.tree, understood.portfolio.currency_code
    fell = understood.changed.received if understood.changed else {}
    at_root = 0 in understood.rebalanced
    kept = {tree.slice_ids[row]: amount for row, amount in understood.funds.proceeds.items()}
    return spent_form(code) if at_root or kept != fell else forms(code)[0][ReasonCode.LIQUIDATED]


class _Explainer:
    """One event's figures at hand as plain lists; ``code`` of a row reads like PROBLEM.md's definitions."""

    def __init__(self, problem: Problem, trades: Ints, flows: Ints, understood: Understood) -> None:
        self.problem, self.tree = problem, problem.tree
        self.flow = flows.tolist()
        self.ideal = problem.ideal.tolist()
        self.flow[problem.event_row] = int(trades.sum())
        self.ideal[problem.event_row] = float(sum(problem.situation.received.values()))
        self.slope = problem.slope.tolist()
        self.scale = problem.scale.tolist()
        self.limits = problem.situation.limits
        self.understood = understood
        self.forms, self.crowded_out = forms(understood.portfolio.currency_code, bool(self.limits))
        changed = understood.changed
        self.moved = changed.moved if changed else frozenset()
        self.added = changed.added if changed else frozenset()
        self.sold = changed.sold_within(self.tree) if changed else {}
        self.split = set(problem.pies)
        self.inside = problem.tree.below(problem.event_row)
        self.cents = max(1, len(problem.leaves))
        least = max(problem.order_size, problem.min_trade)
        self.minimum = least if least > 1 else 0  # a minimum of one cent binds nothing
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
        form = self.forms[code] if code is not ReasonCode.LIQUIDATED else _liquidated_form(self.understood)
        if form.plain:
            return form.plain
        if code is ReasonCode.BELOW_MINIMUM and abs(self.ideal[row]) >= self._minimum(row):
            form = self.crowded_out
        return form.filled([self._figure(row, name, code) for name in form.names])

    def _figure(self, row: int, name: str, code: ReasonCode) -> float | str:
        limit = self.problem.situation.limit(row)
        if name == "trade":
            return self.sold[row] if code is ReasonCode.LIQUIDATED else self.flow[row]
        if name == "minimum":
            return self._minimum(row)
        if name == "blocked":
            return ", ".join(limit.no_buy if self._wanted(row) > 0 else limit.no_sell)
        if name == "most":
            return limit.most or 0
        if name == "least":
            return limit.least
        if name in ("money", "deposit"):
            return self._deposit(code)[name]
        return self._wanted(row) if name == "ideal" else self.flow[row] - self.ideal[row]

    def _deposit(self, code: ReasonCode) -> dict[str, int]:
        """The money that a deposit could not place, and how much more there must be."""
        threshold = self.understood.rules.deposit_threshold or 0
        needed = threshold if code is ReasonCode.WAITS_FOR_THRESHOLD else self._least_order()
        return {"money": self._idle_money(), "deposit": max(0, needed - self._idle_money())}

    def _idle_money(self) -> int:
        understood = self.understood
        funds = understood.funds
        cash = understood.portfolio.cash + funds.received - funds.paid_out
        return max(0, cash - understood.rules.cash_floor)

    def _least_order(self) -> int:
        """The least that some leaf could buy if there were money for it; 0 where none may buy anything."""
        found = []
        for row in self.inside:
            limit, held = self.problem.situation.limit(row), self.tree.value[row]
            least = max(limit.min_trade, limit.least - held)
            room = limit.most is None or held + least <= limit.most
            if not self.tree.children[row] and room and not limit.no_buy and not self._retired_around(row):
                found.append(least)
        return min(found, default=0)

    def _retired_around(self, row: int) -> bool:
        return retired(self.tree, self.problem.event_row, self.problem.situation.rebalanced, row)

    def _minimum(self, row: int) -> int:
        """m of the leaf ``row``, or, for a pie, the largest of all leaves."""
        return self.minimum if self.tree.children[row] else self.problem.situation.limit(row).min_trade

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
        if self.problem.mode[parent] is Mode.NOTHING:
            return self._beside(row)
        limited = [code] if (code := self._limited(row)) else []
        if self.tree.weight[row] == 0:
            return [ReasonCode.RETIRED, *(limited or self._retired(row))]
        if self.flow[row]:
            return self._traded(row, limited)
        return limited or self._rested(row, parent)

    def _beside(self, row: int) -> list[ReasonCode]:
        """A row whose pie does nothing itself, but holds one that rebalances."""
        if row in self.problem.situation.rebalanced:
            return [self._left_over(row)] if self.flow[row] else [ReasonCode.AT_TARGET]
        mode = self.problem.situation.mode
        return [ReasonCode.OUTSIDE_EVENT if mode is Mode.NOTHING else ReasonCode.NO_FLOW_FROM_ABOVE]

    def _left_over(self, row: int) -> ReasonCode:
        """A rebalance may free less than a minimum, and only whole cents or the minimum make it."""
        return ReasonCode.ROUNDING if -self.flow[row] < self.cents else self._too_small(row)

    def _limited(self, row: int) -> ReasonCode | None:
        """Which limit of its own keeps a leaf half a cent or more from its ideal."""
        if row not in self.limits:
            return None
        limit, held = self.limits[row], self.tree.value[row]
        wanted, trade = self._wanted(row), self.flow[row]
        away = wanted - trade
        if abs(away) < 0.5:
            return None
        if (away > 0 and trade >= 0 and limit.no_buy) or (away < 0 and trade <= 0 and limit.no_sell):
            return ReasonCode.BLOCKED
        if limit.most is not None and away > 0 and held + wanted > limit.most:
            return ReasonCode.LARGEST_POSITION
        if 0 < held + wanted < limit.least:
            return ReasonCode.SMALLEST_POSITION
        return None

    def _limited_below(self, row: int) -> bool:
        return any(self._limited(r) for r in self.tree.below(row) if r in self.limits)

    def _above(self, row: int) -> list[ReasonCode]:
        """The event's own pie, and everything outside it."""
        mode, flow = self.problem.situation.mode, self.flow[row]
        if row != self.problem.event_row or mode is Mode.NOTHING:
            return [ReasonCode.OUTSIDE_EVENT]
        if flow > 0:
            return [ReasonCode.UNDERWEIGHT]
        if flow < 0:
            return [ReasonCode.OVERWEIGHT if mode is Mode.SELLING else self._left_over(row)]
        if self.understood.waits:
            return [ReasonCode.WAITS_FOR_THRESHOLD]
        if not self.money.get(row):
            return [ReasonCode.AT_TARGET]
        deposits = mode is Mode.BUYING and any(isinstance(event, Deposit) for event in self.understood.events)
        starved = deposits and self._least_order() > self._idle_money()
        return [self._too_small(row), *([ReasonCode.DEPOSIT_TOO_SMALL] if starved else [])]

    def _retired(self, row: int) -> list[ReasonCode]:
        if self.flow[row]:
            return self._closed(row)
        return [self._too_small(row)] if self.ideal[row] <= -0.5 else []

    def _too_small(self, row: int) -> ReasonCode:
        """Why a row rests although its ideal is half a cent or more."""
        if self.tree.children[row] and self._limited_below(row):
            return ReasonCode.LIMITED_BELOW
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
        return self._wanted(row) > 0 and self._retired_around(row)

    def _closed(self, row: int) -> list[ReasonCode]:
        held = self.tree.value[row]
        closed = not self.tree.children[row] and held < self._minimum(row) and self.flow[row] == -held
        return [ReasonCode.CLOSED_BELOW_MINIMUM] if closed else []

    def _traded(self, row: int, limited: list[ReasonCode]) -> list[ReasonCode]:
        trade, ideal = self.flow[row], self.ideal[row]
        buys = trade > 0
        off = trade - ideal
        codes = []
        if ideal * trade > 0:
            codes.append(ReasonCode.UNDERWEIGHT if buys else ReasonCode.OVERWEIGHT)
        if limited:
            codes += limited
        elif abs(off) >= self.cents and self.tree.children[row] and self._limited_below(row):
            codes.append(ReasonCode.LIMITED_BELOW)
        elif abs(off) >= self.cents and off * trade > 0:
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
