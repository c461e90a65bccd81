"""A reason for every slice: why it trades what it trades, or why it does not.

One code may have several sentences: which is said (``sentences.Variant``) is decided where the cause is known.
A reason is read off the problem and the trades, after the fact; nothing here decides anything. In PROBLEM.md's
letters, with n the number of leaves that may trade, x the flow of a row and x° its ideal (minor units):

    OUTSIDE_EVENT             not below the event's pie, or the event trades nothing at all
    LIQUIDATED                sold whole by the event, or a pie of which everything was
    MOVED, ADDED              by the event; said beside what else is true
    NO_FLOW_FROM_ABOVE        its pie only buys or only sells, and has nothing to split
    RETIRED                   target 0; or money wants in below a slice of target 0
    UNDERWEIGHT, OVERWEIGHT   x and x° have the same sign: a buy, a sale
    TAKES_, GIVES_WHAT_...    |x| goes n or more beyond x°: whole cents alone move a slice less than n
    ROUNDING                  |x − x°| is half a cent or more, but less than n, or less than quantity steps make
    BELOW_MINIMUM             a leaf with |x°| of half a cent or more that rests under a minimum
    MINIMUM_TOO_LARGE_BELOW   a pie that gets less than x° while a leaf in it rests under a minimum
    CLOSED_BELOW_MINIMUM      a position worth less than m, sold whole; what it gives beyond x° needs no other reason
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
from solver.netting import several
from solver.plan import Reason, ReasonCode
from solver.problem import Ints, Problem
from solver.sentences import Said, Variant, forms
from solver.situations import Understood
from solver.targets import Liquidated

__all__ = ["explained", "explained_liquidation"]


def explained(problem: Problem, trades: Ints, flows: Ints, understood: Understood) -> list[tuple[Reason, ...]]:
    """The reasons of every row of the tree; never none."""
    return _Explainer(problem, trades, flows, understood).all()


def explained_liquidation(sold: Liquidated, understood: Understood) -> tuple[Reason, ...]:
    """The reason of a holding that the event sold whole."""
    return (forms(understood.portfolio.currency_code)[_liquidated(understood)].filled([sold.value]),)


def _liquidated(understood: Understood) -> Said:
    """Whether the proceeds stay in the pies that lost them, or another event takes some of them."""
    tree = understood.situation.tree
    fell = understood.changed.received if understood.changed else {}
    at_root = 0 in understood.rebalanced
    kept = {tree.slice_ids[row]: amount for row, amount in understood.funds.proceeds.items()}
    return Variant.SPENT if at_root or kept != fell else ReasonCode.LIQUIDATED


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
        self.shared = several(self.tree)
        steps = {row: limit.steps for row, limit in self.limits.items() if limit.steps}
        self.steps = {row: step for row, step in steps.items() if step.coarse}  # also where one costs too much
        self.understood = understood
        self.whole = {listed.security_id for listed in understood.portfolio.securities if listed.whole_only}
        self.forms = forms(understood.portfolio.currency_code)
        changed = understood.changed
        self.moved = changed.moved if changed else frozenset()
        self.added = changed.added if changed else frozenset()
        self.sold = changed.sold_within(self.tree) if changed else {}
        self.split = set(problem.pies)
        self.inside = problem.tree.below(problem.event_row)
        self.cents = max(1, len(problem.leaves))
        self.minimum = self._minimum(problem.event_row)
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
        found: list[tuple[Reason, ...]] = []
        for row, slice_id in enumerate(self.tree.slice_ids):
            codes = self.codes(row)
            if slice_id in self.added:
                codes = [ReasonCode.ADDED, *codes]
            if slice_id in self.moved:
                codes = [ReasonCode.MOVED, *codes]
            found.append(tuple([self._told(row, code) for code in codes]))
        return found

    def _told(self, row: int, code: Said) -> Reason:
        form = self.forms[code]
        return form.plain or form.filled([self._figure(row, name, form.code) for name in form.names])

    def _figure(self, row: int, name: str, code: ReasonCode) -> float | str:
        if name == "ideal":
            return self._wanted(row)
        if name == "trade":
            return self.sold[row] if code is ReasonCode.LIQUIDATED else self.flow[row]
        if name == "minimum":
            return self._minimum(row) or self.minimum
        if name == "left":
            return self._left(row)
        if name == "worth":
            return sum(self.tree.value[r] + self._wanted(r) for r in self._slices(row))
        if name in ("money", "deposit"):
            return self._deposit(code)[name]
        limit = self.problem.situation.limit(row)
        if name == "blocked":
            return ", ".join(limit.no_buy if sum(map(self._wanted, self._slices(row))) > 0 else limit.no_sell)
        if name == "most":
            return limit.most or 0
        return limit.least if name == "least" else self.flow[row] - self.ideal[row]

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
            limit, held = self.problem.situation.limit(row), self._held(row)
            least = max(limit.min_trade, limit.least - held)
            if row in self.steps:
                least = self.steps[row].amount(self.steps[row].reaching(max(least, 1)))
            room = limit.most is None or held + least <= limit.most
            if not self.tree.children[row] and room and not limit.no_buy and not self._retired_around(row):
                found.append(least)
        return min(found, default=0)

    def _retired_around(self, row: int) -> bool:
        return retired(self.tree, self.problem.event_row, self.problem.situation.rebalanced, row)

    def _minimum(self, row: int) -> int:
        """m of the leaf ``row``, or the largest in the pie ``row``; 0 for one cent, which binds nothing."""
        least = self.problem.situation.limit(row).min_trade
        if self.limits and self.tree.children[row]:
            own = (self.limits[r].min_trade for r in self.tree.below(row) if r in self.limits)
            least = max(least, max(own, default=0))
        return least if least > 1 else 0

    def _wanted(self, row: int) -> float:
        """x°, or what a pie that traded nothing would have split."""
        return self.money[row] if row in self.money and not self.trading[row] else self.ideal[row]

    def codes(self, row: int) -> list[Said]:
        """The reasons of one row, the most telling first."""
        if row in self.sold:
            return [_liquidated(self.understood)]
        if row not in self.inside or row == self.problem.event_row:
            return self._above(row)
        parent = self.tree.parent[row]
        if parent not in self.split:
            mode = self.problem.situation.mode
            return [ReasonCode.OUTSIDE_EVENT if mode is Mode.NOTHING else ReasonCode.NO_FLOW_FROM_ABOVE]
        if self.problem.mode[parent] is Mode.NOTHING:
            return self._beside(row)
        limited: list[Said] = [code] if (code := self._limited(row)) else []
        if self.tree.weight[row] == 0:
            said = Variant.RETIRED_SALE if self.flow[row] < 0 else ReasonCode.RETIRED
            return [said, *(limited or self._retired(row))]
        if self.flow[row]:
            return self._traded(row, limited)
        return limited or self._rested(row, parent)

    def _beside(self, row: int) -> list[Said]:
        """A row whose pie does nothing itself, but holds one that rebalances."""
        if row in self.problem.situation.rebalanced:
            return [self._left_over(row)] if self.flow[row] else [ReasonCode.AT_TARGET]
        mode = self.problem.situation.mode
        return [ReasonCode.OUTSIDE_EVENT if mode is Mode.NOTHING else ReasonCode.NO_FLOW_FROM_ABOVE]

    def _left(self, row: int) -> float:
        """What the pie ``row`` sells and does not buy again, beyond what it was to pay."""
        return float(min(self.ideal[row], 0.0) - self.flow[row])

    def _left_over(self, row: int) -> Said:
        """Why a rebalance leaves some of its sales as cash: the rules of its slices, quantities or the minimum."""
        if self._limited_below(row):
            return ReasonCode.LIMITED_BELOW
        if self._stepping(row):
            return Variant.LEFT_BY_STEPS
        return Variant.LEFT_BY_MINIMUM if self._minimum(row) else ReasonCode.ROUNDING

    def _limited(self, row: int) -> Said | None:
        """Which limit of its security keeps a leaf half a cent or more from its ideal."""
        if row not in self.limits or abs(self._wanted(row) - self.flow[row]) < 0.5:
            return None
        limit, slices = self.limits[row], self._slices(row)
        held = self._held(row)
        wanted, trade = sum(self._wanted(r) for r in slices), sum(self.flow[r] for r in slices)
        away = wanted - trade
        if abs(away) < 0.5:
            return None
        if (away > 0 and trade >= 0 and limit.no_buy) or (away < 0 and trade <= 0 and limit.no_sell):
            return ReasonCode.BLOCKED
        falls = trade < 0 and self.problem.mode[self.tree.parent[row]] is not Mode.REBALANCING  # needs no limit
        if limit.most is not None and away > 0 and held + wanted > limit.most and not falls:
            return ReasonCode.LARGEST_POSITION if trade > 0 else Variant.OVER_LARGEST
        if 0 < held + wanted < limit.least:
            return ReasonCode.SMALLEST_POSITION
        return None

    def _slices(self, row: int) -> tuple[int, ...]:
        """All slices that hold the leaf's security."""
        return self.shared.get(self.tree.security_ids[row], (row,))

    def _held(self, row: int) -> int:
        """What the account holds of the leaf's security; of a pie, what it is worth."""
        return sum(self.tree.value[r] for r in self._slices(row))

    def _limited_below(self, row: int) -> bool:
        return any(self._limited(r) for r in self.tree.below(row) if r in self.limits)

    def _above(self, row: int) -> list[Said]:
        """The event's own pie, and everything outside it."""
        mode, flow = self.problem.situation.mode, self.flow[row]
        if row != self.problem.event_row or mode is Mode.NOTHING:
            return [Variant.BELOW_ALONE if self.trading[row] else ReasonCode.OUTSIDE_EVENT]
        if flow > 0:
            return [ReasonCode.UNDERWEIGHT if flow >= self._sold_inside() else Variant.BOUGHT_AGAIN]
        if flow < 0:
            paid = [ReasonCode.OVERWEIGHT] if self.ideal[row] < 0 else []
            over = mode is Mode.REBALANCING and self._left(row) > 0
            return [*paid, *([self._left_over(row)] if over else [])]
        if self.understood.waits:
            return [ReasonCode.WAITS_FOR_THRESHOLD]
        if not self.money.get(row):
            return [ReasonCode.AT_TARGET]
        deposits = mode is Mode.BUYING and any(isinstance(event, Deposit) for event in self.understood.events)
        starved = deposits and self._least_order() > self._idle_money() > 0
        return [self._too_small(row), *([ReasonCode.DEPOSIT_TOO_SMALL] if starved else [])]

    def _sold_inside(self) -> int:
        """What the event liquidated in its pie: where that is more than is bought, money has left the pie."""
        fell = self.understood.changed.received if self.understood.changed else {}
        return sum(amount for pie, amount in fell.items() if self.tree.slice_ids.index(pie) in self.inside)

    def _retired(self, row: int) -> list[Said]:
        if self.flow[row]:
            return self._closed(row)
        return [self._too_small(row)] if self.ideal[row] <= -0.5 else []

    def _too_small(self, row: int) -> Said:
        """Why a row rests although its ideal is half a cent or more."""
        if self.tree.children[row]:
            return self._too_small_below(row)
        wanted, own = abs(self._wanted(row)), self._minimum(row)
        if wanted < own:
            return ReasonCode.BELOW_MINIMUM
        if row in self.steps:
            return self._in_steps(row)
        if self.minimum and (own or wanted >= self.cents):
            return Variant.CROWDED_OUT
        return Variant.CROWDED_BY_RULES if wanted >= self.cents else ReasonCode.ROUNDING

    def _too_small_below(self, row: int) -> Said:
        if self._limited_below(row):
            return ReasonCode.LIMITED_BELOW
        if self._held_back(row):
            return ReasonCode.MINIMUM_TOO_LARGE_BELOW
        if self._stepping(row):
            return Variant.STEPS_BELOW
        crowded = self.limits and abs(self._wanted(row)) >= self.cents
        return Variant.CROWDED_BY_RULES if crowded else ReasonCode.ROUNDING

    def _stepping(self, row: int) -> float:
        """How far quantity steps alone may keep ``row`` from its ideal (minor units); 0 where it has none."""
        rows = [r for r in self.tree.below(row) if r in self.steps] if self.steps else []
        return sum([self.steps[r].size for r in rows if self.flow[r] or abs(self.ideal[r]) >= 0.5], 0.0)

    def _in_steps(self, row: int) -> Said:
        if self.tree.children[row]:
            return Variant.STEPS_BELOW
        return Variant.SHARES if self.tree.security_ids[row] in self.whole else Variant.STEPS

    def _held_back(self, row: int) -> bool:
        """Whether some leaf below ``row`` with a minimum rests although its ideal is half a cent or more."""
        rests = (r for r in self.tree.below(row) if not self.flow[r] and not self.tree.children[r])
        return self.minimum > 0 and any(abs(self.ideal[r]) >= 0.5 and self._minimum(r) for r in rests)

    def _shut(self, row: int) -> bool:
        """Whether money wants in at or below a slice of target 0, where nothing is bought."""
        return self._wanted(row) > 0 and self._retired_around(row)

    def _closed(self, row: int) -> list[Said]:
        minimum = self._minimum(row)
        if not minimum or self.tree.children[row]:
            return []
        held, traded = self._held(row), sum(self.flow[r] for r in self._slices(row))
        return [ReasonCode.CLOSED_BELOW_MINIMUM] if held < minimum and traded == -held else []

    def _traded(self, row: int, limited: list[Said]) -> list[Said]:
        trade, ideal = self.flow[row], self.ideal[row]
        codes: list[Said] = []
        if ideal * trade > 0:
            codes.append(ReasonCode.UNDERWEIGHT if trade > 0 else ReasonCode.OVERWEIGHT)
        closed = self._closed(row)
        codes += limited or self._away(row, trade - ideal, bool(closed))
        if not codes and not closed:
            codes.append(ReasonCode.ROUNDING)
        return codes + closed

    def _away(self, row: int, off: float, closed: bool) -> list[Said]:
        """Why a row trades more or less than its ideal, by ``off``; ``closed`` says that by itself."""
        beyond, pie = off * self.flow[row] > 0, bool(self.tree.children[row])
        if abs(off) < 0.5 or (closed and beyond):
            return []
        if abs(off) >= self.cents and pie and self._limited_below(row):
            return [ReasonCode.LIMITED_BELOW]
        if abs(off) < self._stepping(row):
            return [self._in_steps(row)]
        if abs(off) < self.cents:
            return [ReasonCode.ROUNDING]
        if beyond and self.flow[row] > 0:
            return [Variant.TAKES_LIMITED if self.limits else ReasonCode.TAKES_WHAT_OTHERS_CANNOT]
        if beyond:
            return [Variant.GIVES_LIMITED if self.limits else ReasonCode.GIVES_WHAT_OTHERS_CANNOT]
        return [ReasonCode.MINIMUM_TOO_LARGE_BELOW] if pie and self._held_back(row) else []

    def _rested(self, row: int, parent: int) -> list[Said]:
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
