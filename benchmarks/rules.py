"""Rules: what each of the caller's rules costs in time, by size and by event, beside SCIP on the same model.

Accounts are frozen, each a function of its name: funded with $1,250 a slice at random targets, then three years of real
prices, in whole shares of those stocks. Every rule is set so that it binds wherever it can:

    minimum per security    half to one and a half times what would fill a quarter of the slices, for each its own
    blocked side            one slice in four, on the side to which its ideal goes
    largest position        one slice in three, at nine tenths of its ideal value (a withdrawal never feels it)
    smallest position       one slice in three, at eleven tenths of its ideal value
    whole shares            every security; then the same with the account's minimum of $25; then one security in three,
                            the others in fractions of a cent's worth
    several slices          each security in one slice or in two, under a minimum that binds the sum
    cash floor + threshold  a hundredth of the account stays cash, a deposit is above the threshold (J is 0 under both)
    several events          a deposit with a withdrawal or a rebalance, in trees with a nested pie's rebalance, under a
                            minimum that binds
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.progress import Progress

from benchmarks.instances import stock
from benchmarks.tables import Table, figure, milliseconds, percentile, share
from solver import (
    Block,
    BlockReason,
    Budget,
    Deposit,
    Engine,
    Event,
    Events,
    Holding,
    Infeasible,
    Pie,
    PiewiseError,
    Plan,
    Portfolio,
    Quality,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    Unsupported,
    Withdrawal,
    available,
    plan,
)
from solver.building import build_problem
from solver.situations import understand
from solver.steps import NANOS

__all__ = ["EVENTS", "RULES", "Measured", "RuleCase", "Run", "beaten_by_scip", "rule_cases", "rule_tables", "run_rules"]

RULES = (
    "minimum per security",
    "blocked side",
    "largest position",
    "smallest position",
    "whole shares",
    "whole shares + $25 minimum",
    "whole shares of a third",
    "several slices",
    "cash floor + threshold",
    "several events",
)
EVENTS = ("deposit", "withdrawal", "rebalance")
SHAPES = {(20,): 8, (4, 5): 8, (200,): 3, (10, 20): 3}  # slices of each pie, and how many accounts
A_SLICE = 125_000.0  # cents
FINE = 10_000  # 10^-9 shares
MONEY = 0.05  # of the account, that comes in or goes out
SECONDS = 1.0  # the limit of a plan of ours; SCIP has twice that
FAST, REPEATS = 0.2, 3  # what takes less than so many seconds is measured so often
SMALL_MS, SMALL_P99_MS = 40.0, 250.0  # targets of 20 slices, whatever the rule
LARGE_MS, LARGE_GAP = 500.0, 0.005  # target of 200 flat slices in whole shares with the minimum: this, or this gap


@dataclass(frozen=True, slots=True)
class RuleCase:
    """One rule that binds in one event of one account."""

    rule: str
    shape: tuple[int, ...]
    event: str
    member: int = 0

    @property
    def size(self) -> str:
        return " x ".join(map(str, self.shape)) if len(self.shape) > 1 else f"{self.shape[0]} flat"

    @property
    def name(self) -> str:
        return f"{self.rule}, {self.size}, {self.event} #{self.member}"

    def posed(self) -> tuple[Portfolio, Events, Rules]:
        """What the name stands for; the same account whatever the rule and the event."""
        portfolio = _account(self.shape, self.member)
        worth, leaves = portfolio.value, len(portfolio.securities)
        events, rules = self._events(worth), Rules()
        money = round(worth * (0.1 if self.event == "rebalance" else MONEY))
        binding = round(money / (leaves // 4 + 0.5))
        if self.rule == "whole shares of a third":
            listed = enumerate(portfolio.securities)
            mixed = (replace(one, quantity_step_nanos=FINE) if i % 3 else one for i, one in listed)
            return replace(portfolio, securities=tuple(mixed)), events, rules
        if self.rule.startswith("whole shares"):
            return portfolio, events, Rules(25_00 if "$25" in self.rule else 0)
        portfolio = Portfolio(_unpriced(portfolio.root))
        if self.rule == "cash floor + threshold":
            return replace(portfolio, cash=round(worth * 0.02)), events, Rules(0, round(worth * 0.01), 25_00)
        if self.rule == "several slices":
            return Portfolio(_pooled(portfolio.root, iter(range(leaves)), leaves * 3 // 5)), events, Rules(binding)
        if self.rule == "several events":
            return portfolio, events, Rules(binding)
        return replace(portfolio, securities=self._securities(portfolio, events, rules, binding)), events, rules

    def _events(self, worth: int) -> Events:
        money, little = round(worth * MONEY), round(worth * MONEY / 5)
        every: dict[str, Event] = {"deposit": Deposit(money), "withdrawal": Withdrawal(money), "rebalance": Rebalance()}
        one = every[self.event]
        if self.rule != "several events":
            return one
        other = Withdrawal(little) if self.event == "deposit" else Deposit(little)
        inner = (Rebalance("s.0"),) if len(self.shape) > 1 and self.event != "rebalance" else ()
        return (one, other, *inner)

    def _securities(self, portfolio: Portfolio, events: Events, rules: Rules, binding: int) -> tuple[Security, ...]:
        """The rule on single securities, set by what the ideal would trade and hold without it."""
        rng = random.Random(self.name)
        understood = understand(portfolio, events, rules)
        assert not isinstance(understood, Infeasible), self.name
        problem = build_problem(understood.situation)
        found = []
        for row in problem.leaves.tolist():
            name, ideal = problem.tree.security_ids[row], float(problem.ideal[row])
            after = max(1, round(float(problem.value[row]) + ideal))
            if self.rule == "minimum per security":
                found.append(Security(name, min_trade=round(binding * rng.uniform(0.5, 1.5))))
            elif self.rule == "blocked side" and rng.random() < 1 / 4 and ideal:
                side = Side.BUY if ideal > 0 else Side.SELL
                found.append(Security(name, blocks=(Block(side, BlockReason.RESTRICTED),)))
            elif self.rule == "largest position" and rng.random() < 1 / 3:
                found.append(Security(name, max_value=round(0.9 * after)))
            elif self.rule == "smallest position" and rng.random() < 1 / 3:
                found.append(Security(name, min_position=round(1.1 * after)))
        return tuple(found)


def _account(shape: tuple[int, ...], member: int) -> Portfolio:
    """An account that has drifted, in whole shares."""
    rng = random.Random(f"{shape} #{member}")
    priced: list[Security] = []

    def pie(levels: tuple[int, ...], funded: float, name: str) -> Pie:
        weights = [rng.randrange(1, 1_000) for _ in range(levels[0])]
        slices = []
        for i, weight in enumerate(weights):
            own, part = f"{name}.{i}", funded * weight / sum(weights)
            if len(levels) > 1:
                slices.append(Slice(own, weight, pie(levels[1:], part, own)))
                continue
            grown, price = stock(rng)
            cents = round(100 * price)
            shares = round(part * grown / cents)
            slices.append(Slice(own, weight, Holding(own.upper(), shares * cents, shares * NANOS)))
            priced.append(Security(own.upper(), price_micros=10_000 * cents, quantity_step_nanos=NANOS))
        return Pie(tuple(slices))

    leaves = shape[0] * (shape[1] if len(shape) > 1 else 1)
    root = pie(shape, A_SLICE * leaves, "s")
    return Portfolio(root, securities=tuple(priced))


def _unpriced(pie: Pie) -> Pie:
    """The same values without quantities, for securities without prices."""
    contents = (c.content for c in pie.slices)
    plain = [_unpriced(c) if isinstance(c, Pie) else replace(c, quantity_nanos=None) for c in contents]
    return Pie(tuple(replace(c, content=content) for c, content in zip(pie.slices, plain, strict=True)))


def _pooled(pie: Pie, numbers: Iterator[int], securities: int) -> Pie:
    """The same slices with so many securities in them, the later ones holding again what the first ones hold."""
    slices = []
    for child in pie.slices:
        content = child.content
        if isinstance(content, Pie):
            content = _pooled(content, numbers, securities)
        else:
            content = replace(content, security_id=f"S{next(numbers) % securities}")
        slices.append(replace(child, content=content))
    return Pie(tuple(slices))


def rule_cases(shapes: dict[tuple[int, ...], int] | None = None) -> Iterator[RuleCase]:
    """Every rule × size × event × account."""
    for rule in RULES:
        for shape, accounts in (shapes or SHAPES).items():
            for event in EVENTS:
                yield from (RuleCase(rule, shape, event, member) for member in range(accounts))


@dataclass(frozen=True, slots=True)
class Run:
    """One case planned: seconds of every repeat, the plan (``None``: none) or why an engine refused."""

    case: RuleCase
    seconds: tuple[float, ...]
    plan: Plan | None
    refused: str = ""

    @property
    def optimal(self) -> bool:
        return self.plan is not None and self.plan.certificate.quality is Quality.OPTIMAL

    @property
    def gap(self) -> float:
        """(J − LB)/J."""
        assert self.plan is not None
        proof = self.plan.certificate
        return (proof.tracking_error - proof.lower_bound) / proof.tracking_error if proof.tracking_error else 0.0


def _run(case: RuleCase, engine: Engine, limit: float, repeats: int) -> Run:
    portfolio, events, rules = case.posed()
    times: list[float] = []
    answer: Plan | Infeasible | None = None
    while len(times) < repeats and (not times or times[0] < FAST):
        started = time.monotonic()
        end = started + limit
        try:
            answer = plan(portfolio, events, rules, engine, Budget(lambda end=end: end - time.monotonic()))  # type: ignore[misc]
        except Unsupported:
            return Run(case, (), None, "refused")
        except PiewiseError as error:
            return Run(case, (), None, type(error).__name__)
        times.append(time.monotonic() - started)
    found = answer if isinstance(answer, Plan) else None
    return Run(case, tuple(times), found, "" if found else "no plan")


Measured = dict[RuleCase, tuple[Run, Run | None]]  # ours, and SCIP's on the first account of each row


def run_rules(cases: Sequence[RuleCase], progress: Progress) -> Measured:
    """Ours on every case, and the engine REFERENCE on the first account of each row."""
    both = available(Engine.REFERENCE)
    for engine in (Engine.HIGHS, Engine.REFERENCE)[: 1 + both]:  # imports and first calls are nobody's time
        _run(replace(cases[0], rule=RULES[0]), engine, SECONDS, 1)
    found: Measured = {}
    for case in progress.track(cases, description="rules"):
        ours = _run(case, Engine.HIGHS, SECONDS, REPEATS)
        found[case] = ours, _run(case, Engine.REFERENCE, 2 * SECONDS, 1) if both and not case.member else None
    return found


def rule_tables(measured: Measured) -> list[Table]:
    """One table an event: rules × sizes."""
    return [_table(measured, event) for event in EVENTS]


def _table(measured: Measured, event: str) -> Table:
    rows = []
    keys = dict.fromkeys((c.rule, c.shape) for c in measured if c.event == event)
    for rule, shape in keys:
        these = [v for c, v in measured.items() if (c.rule, c.shape, c.event) == (rule, shape, event)]
        size = these[0][0].case.size
        rows.append((rule, size, *_ours([ours for ours, _ in these], rule, shape), *_scips(these)))
    columns = ("rule", "slices", "binds", "median ms", "p99 ms", "OPTIMAL", "gap if not", "target ms", "met")
    note = (
        f"{event.capitalize()}s; whole plan() with HIGHS and {SECONDS:g} s. Binds: J exceeds rounding. Gap: the median "
        f"of (J − LB)/J where FEASIBLE. Target: median (p99); for 200 slices the median, or a gap of {LARGE_GAP:.1%}. "
        f"SCIP: engine REFERENCE on the first account, {2 * SECONDS:g} s; its J over ours."
    )
    return Table(f"Rules: {event}s", note, (*columns, "SCIP ms", "SCIP J / ours"), tuple(rows))


def _ours(runs: Sequence[Run], rule: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    times = [1e3 * t for run in runs for t in run.seconds]
    planned = [run.plan.certificate for run in runs if run.plan]
    gaps = [run.gap for run in runs if run.plan and not run.optimal]
    median, worst, gap = statistics.median(times), percentile(times, 99), percentile(gaps, 50)
    binds = sum(p.tracking_error > max(p.rounding_slack, 1e-9) for p in planned)
    target, met = "", ""
    if shape in ((20,), (4, 5)):
        target = f"{SMALL_MS:g} ({SMALL_P99_MS:g})"
        met = "yes" if median <= SMALL_MS and worst <= SMALL_P99_MS else "no"
    elif shape == (200,) and "$25" in rule:
        target = f"{LARGE_MS:g}"
        met = "yes" if (median <= LARGE_MS and not gaps) or (gaps and gap <= LARGE_GAP) else "no"
    cells = (share(binds, len(runs)), figure(median), figure(worst))
    proved = share(sum(run.optimal for run in runs), len(runs))
    return (*cells, proved, f"{gap:.2%}" if gaps else "", target, met)


def _scips(these: Sequence[tuple[Run, Run | None]]) -> tuple[str, str]:
    """SCIP's median time and its J over ours, or what it says instead of a plan."""
    pairs = [(ours, scip) for ours, scip in these if scip]
    if not pairs:
        return "", ""
    planned = [(ours.plan, scip.plan) for ours, scip in pairs if scip.plan and ours.plan]
    if not planned:
        return pairs[0][1].refused, ""
    ratios = [b.certificate.tracking_error / a.certificate.tracking_error for a, b in planned if _felt(a)]
    seconds = [t for _, scip in pairs for t in scip.seconds]
    return milliseconds(statistics.median(seconds)), figure(percentile(ratios, 50))


def _felt(planned: Plan) -> bool:
    proof = planned.certificate
    return proof.tracking_error > max(proof.rounding_slack, 1e-9)


def beaten_by_scip(measured: Measured) -> list[str]:
    """Cases in which our plan says OPTIMAL and SCIP's is better by more than rounding: there must be none."""
    lost = []
    for case, (ours, scip) in measured.items():
        if ours.plan and scip and scip.plan and ours.optimal:
            a, b = ours.plan.certificate, scip.plan.certificate
            allowed = min(a.rounding_slack, 1.0) + 1e-9 * max(1.0, a.tracking_error)
            if (b.retired_excess, b.tracking_error) < (a.retired_excess, a.tracking_error - allowed):
                lost.append(f"{case.name}: HIGHS {a.tracking_error}, SCIP {b.tracking_error}")
    return lost
