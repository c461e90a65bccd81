"""Quality: every contender on every case, judged by the checker, in tables.

J is compared as a ratio to the optimum's, as ``compare`` does: only where the optimum's exceeds ρ, since below that it
is nothing but rounding, and only between plans that leave the same cash (but for a cent a slice, what a peer's
flooring costs), since cash ranks first. What is excluded there is counted in a column of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from rich.progress import Progress

from benchmarks.engines import CONTENDERS, OURS, Contender, Posed, Trial, attempt, pose, runs_here
from benchmarks.instances import DEPOSITS, MINIMUMS, WITHDRAWALS, Case
from benchmarks.tables import Table, figure, percentile, share
from solver import Quality

__all__ = [
    "Judged",
    "Outcome",
    "beaten",
    "failures",
    "greedy_suffices",
    "outcomes",
    "outcomes_by_engine",
    "quality_tables",
    "run_suite",
]

WIDE = 64  # slices; the slow contenders get the first account of each shape up to here, and only these events
SOME_EVENTS = ("deposit 1%", "deposit 20%", "withdrawal 5%", "rebalance deep", "rebalance shallow")
HARD, EASY = ("binding", "absurd"), ("none", "loose")  # minimums
SUFFICES = 0.95  # the share from which the best baseline is called as good

Judged = dict[Case, dict[str, Trial]]


def run_suite(cases: Sequence[Case], progress: Progress) -> Judged:
    """The baselines and HIGHS on every case; the peers, AUTO and the reference on the ``_narrow`` ones."""
    here = [one for one in CONTENDERS if runs_here(one)]
    found: Judged = {}
    for case in progress.track(cases, description="suite"):
        posed = pose(case)
        if not found:
            _warm_up(here, posed)
        found[case] = {one.name: attempt(one, posed) for one in here if _everywhere(one) or _narrow(case)}
    return found


def _warm_up(contenders: Iterable[Contender], posed: Posed) -> None:
    """Imports and first calls are nobody's time."""
    for one in contenders:
        attempt(one, posed)


def _everywhere(contender: Contender) -> bool:
    return contender.kind == "baseline" or contender.name == OURS


def _narrow(case: Case) -> bool:
    return case.member == 0 and case.leaves <= WIDE and case.event in SOME_EVENTS


def slack(trial: Trial) -> float:
    """What a J may differ from another by rounding alone."""
    return min(trial.slack, 1.0) + 1e-9 * max(1.0, trial.error)


def as_good(trial: Trial, optimum: Trial) -> bool:
    """Whether ``trial`` ranks with ``optimum`` or before it: cash, retired, J within rounding."""
    if not trial.valid:
        return False
    if trial.rank[:2] != optimum.rank[:2]:
        return trial.rank[:2] < optimum.rank[:2]
    return trial.error <= optimum.error + slack(optimum)


def nearly(trial: Trial, optimum: Trial) -> bool:
    """Whether cents are all that ``trial`` lacks: what it costs to floor every order."""
    same = abs(trial.beyond - optimum.beyond) <= trial.case.leaves and trial.excess == optimum.excess
    near = trial.error <= 1.01 * optimum.error + 10 * slack(optimum)
    return as_good(trial, optimum) or (trial.valid and same and near)


def better(trial: Trial, optimum: Trial) -> bool:
    """Whether ``trial`` ranks before ``optimum`` by more than rounding."""
    if not trial.valid or trial.rank[:2] != optimum.rank[:2]:
        return trial.valid and trial.rank[:2] < optimum.rank[:2]
    return trial.error < optimum.error - slack(optimum)


def ratio(trial: Trial, optimum: Trial) -> float | None:
    """J over the optimum's; ``None`` where that says nothing (see above)."""
    same_cash = abs(trial.beyond - optimum.beyond) <= trial.case.leaves
    comparable = trial.valid and same_cash and trial.excess == optimum.excess
    return trial.error / optimum.error if comparable and optimum.error > optimum.slack else None


def best_baseline(trials: dict[str, Trial]) -> Trial | None:
    """The baseline that ranks best on this case, of those that break no rule."""
    valid = [trials[one.name] for one in CONTENDERS if one.kind == "baseline" and trials[one.name].valid]
    return min(valid, key=lambda t: t.rank, default=None)


def beaten(judged: Judged) -> list[tuple[Trial, Trial]]:
    """Plans that say OPTIMAL, each with one that is better: there must be none."""
    found = []
    for trials in judged.values():
        for claimed in trials.values():
            if claimed.quality is Quality.OPTIMAL:
                found += [(claimed, other) for other in trials.values() if better(other, claimed)]
    return found


class Outcome(Enum):
    """How a plan stands to ours."""

    AS_GOOD = "as good, but for cents"
    TENTH = "J within 10 %"
    DOUBLE = "J within double"
    WORSE = "J more than double"
    CASH = "leaves more cash"
    BROKEN = "breaks a rule"
    NONE = "no plan"


def outcome(trial: Trial | None, ours: Trial) -> Outcome:
    """Of one plan, by what ranks first; a baseline that is no ``trial`` kept no rule."""
    if trial is None or trial.broken:
        return Outcome.BROKEN
    if trial.refused:
        return Outcome.NONE
    if nearly(trial, ours):
        return Outcome.AS_GOOD
    if trial.beyond > ours.beyond + trial.case.leaves:
        return Outcome.CASH
    over = trial.error / max(ours.error, ours.slack)
    return Outcome.TENTH if over <= 1.1 else Outcome.DOUBLE if over <= 2.0 else Outcome.WORSE


def outcomes(judged: Judged) -> dict[str, Counter[Outcome]]:
    """Of the best baseline of each case: counts by events and minimum."""
    return {
        name: Counter(outcome(best_baseline(trials), trials[OURS]) for trials in group.values())
        for name, group in _groups(judged, _kind).items()
    }


def outcomes_by_engine(judged: Judged) -> dict[str, Counter[Outcome]]:
    """Of every engine, over the cases that all were given and whose minimum binds."""
    found: dict[str, Counter[Outcome]] = {one.name: Counter() for one in CONTENDERS}
    for case, trials in judged.items():
        if case.minimum in HARD and _narrow(case) and trials[OURS].valid:
            for name, trial in trials.items():
                found[name][outcome(trial, trials[OURS])] += 1
    return {name: counts for name, counts in found.items() if counts}


def failures(judged: Judged) -> list[str]:
    """Where one of our own engines has no plan, or one that breaks a rule."""
    ours = [one.name for one in CONTENDERS if one.kind != "peer"]
    found = []
    for case, trials in judged.items():
        for name in ours:
            trial = trials.get(name)
            if trial and (trial.refused or (trial.broken and name in (OURS, "AUTO", "REFERENCE"))):
                found.append(f"{name}, {case.name}: {trial.refused or ', '.join(trial.broken[:3])}")
    return found


def event_class(case: Case) -> str:
    return "deposits" if case.event in DEPOSITS else "withdrawals" if case.event in WITHDRAWALS else "rebalances"


def _groups(judged: Judged, key: Callable[[Case], str], everything: bool = False) -> dict[str, Judged]:
    """Cases by ``key``, in order; those of which we have no plan only where ``everything`` is asked for."""
    found: dict[str, Judged] = {}
    for case, trials in judged.items():
        if everything or trials[OURS].valid:
            found.setdefault(key(case), {})[case] = trials
    return found


BASELINE_COLUMNS = ("cases", "as good", "more cash left", "no rule kept", "J ratio: median", "p95", "worst", "of cases")


def _best_row(name: str, group: Judged) -> tuple[str, ...]:
    """The best baseline of each case of ``group`` against our plan."""
    pairs = [(best_baseline(trials), trials[OURS]) for trials in group.values()]
    found = [(best, ours) for best, ours in pairs if best]
    good = sum(as_good(best, ours) for best, ours in found)
    cash = sum(best.beyond > ours.beyond for best, ours in found)
    ratios = [r for best, ours in found if (r := ratio(best, ours)) is not None]
    cells = (share(good, len(pairs)), share(cash, len(pairs)), share(len(pairs) - len(found), len(pairs)))
    return (name, str(len(pairs)), *cells, *_ratio_cells(ratios), str(len(ratios)))


def _ratio_cells(ratios: list[float]) -> tuple[str, str, str]:
    return figure(percentile(ratios, 50)), figure(percentile(ratios, 95)), figure(max(ratios, default=float("nan")))


def _kind(case: Case) -> str:
    return f"{event_class(case)}, minimum {case.minimum}"


def _headline(judged: Judged) -> Table:
    note = (
        "The best of the three baselines of each case, against our plan. As good: cash, retired and J the same, but "
        "for rounding. More cash left: it leaves money that the optimum invests. J ratio: its J over the optimum's, "
        "where both leave the same cash and the optimum's is more than rounding."
    )
    return Table("The best baseline of each case", note, ("events", *BASELINE_COLUMNS), _best_rows(judged, _kind))


def _best_rows(judged: Judged, key: Callable[[Case], str]) -> tuple[tuple[str, ...], ...]:
    return tuple(_best_row(name, group) for name, group in _groups(judged, key).items())


def _by_shape(judged: Judged) -> Table:
    binding = {case: trials for case, trials in judged.items() if case.minimum == "binding"}
    note = "As above, only where the minimum is made to bind."
    title = "The best baseline by shape and targets, minimum binding"
    rows = _best_rows(binding, lambda case: f"{case.shape_name}, {case.targets}")
    return Table(title, note, ("accounts", *BASELINE_COLUMNS), rows)


ENGINE_COLUMNS = (
    "engine",
    "cases",
    "cannot",
    "fails",
    "breaks a rule",
    "as good",
    "but for cents",
    "more cash left",
    "median $",
    "orders under m",
    "J ratio: median",
    "p95",
    "worst",
)


def _by_engine(judged: Judged, minimums: Sequence[str]) -> Table:
    """Every contender over the cases that all were given."""
    common = {c: t for c, t in judged.items() if c.minimum in minimums and _narrow(c) and t[OURS].valid}
    rows = []
    for one in CONTENDERS:
        pairs = [(trials[one.name], trials[OURS]) for trials in common.values() if one.name in trials]
        rows.append(_engine_row(one.name, pairs) if pairs else (one.name, "not installed", *[""] * 11))
    note = (
        f"On the first account of each shape up to {WIDE} slices, {', '.join(SOME_EVENTS)}. Cannot, fails: no plan. "
        "But for cents: as good, or a cent a slice more cash and J within 1 % (or 10 ρ). Orders under m: a case, that "
        "it wanted and that a broker would refuse; they are left out before the plan is judged. The rest as above."
    )
    return Table(f"Every engine, minimum {' and '.join(minimums)}", note, ENGINE_COLUMNS, tuple(rows))


def _engine_row(name: str, pairs: list[tuple[Trial, Trial]]) -> tuple[str, ...]:
    cannot = sum(trial.refused.startswith("cannot") for trial, _ in pairs)
    fails = sum(trial.refused.startswith("failed") for trial, _ in pairs)
    planned = [(trial, ours) for trial, ours in pairs if not trial.refused]
    broken = sum(bool(trial.broken) for trial, _ in planned)
    good = sum(as_good(trial, ours) for trial, ours in planned)
    near = sum(nearly(trial, ours) for trial, ours in planned)
    cash = [(trial.beyond - ours.beyond) / 100 for trial, ours in planned if trial.valid and trial.beyond > ours.beyond]
    small = sum(trial.small for trial, _ in planned) / len(planned) if planned else float("nan")
    ratios = [r for trial, ours in planned if (r := ratio(trial, ours)) is not None]
    count = len(planned)
    shares = (
        share(cannot, len(pairs)),
        share(fails, len(pairs)),
        share(broken, count),
        share(good, count),
        share(near, count),
    )
    left = (share(len(cash), count), f"{percentile(cash, 50):,.2f}" if cash else "–")
    return (name, str(len(pairs)), *shares, *left, figure(small), *_ratio_cells(ratios))


def _proofs(judged: Judged) -> Table:
    """The share proved OPTIMAL, and the most branches that a proof took."""
    rows = []
    for name, group in _groups(judged, lambda case: f"{case.shape_name}, {case.targets}", everything=True).items():
        ours = [trials[OURS] for trials in group.values()]
        cells = []
        for minimum in MINIMUMS:
            these = [t for t in ours if t.case.minimum == minimum]
            cells.append(share(sum(t.quality is Quality.OPTIMAL for t in these), len(these)))
        fails = sum(bool(t.refused) for t in ours)
        rows.append((name, str(len(ours)), *cells, str(max(t.branches for t in ours)), str(fails)))
    columns = ("accounts", "cases", *(f"minimum {m}" for m in MINIMUMS), "most branches", "fails")
    note = f"Of the plans of {OURS}, the share that is proved OPTIMAL by a recomputed bound; the others say FEASIBLE."
    return Table("Proved OPTIMAL", note, columns, tuple(rows))


def quality_tables(judged: Judged) -> list[Table]:
    """Everything that RESULTS.md says about quality."""
    engines = [_by_engine(judged, pair) for pair in (HARD, EASY)]
    return [_headline(judged), _by_shape(judged), *engines, _proofs(judged)]


def greedy_suffices(judged: Judged) -> list[str]:
    """Where the best baseline is as good in ``SUFFICES`` of the cases or more; where greedy is as good, we say so."""
    found = []
    for name, group in _groups(judged, _kind).items():
        pairs = [(best_baseline(trials), trials[OURS]) for trials in group.values()]
        good = sum(best is not None and as_good(best, ours) for best, ours in pairs)
        if good >= SUFFICES * len(pairs):
            found.append(f"{name} ({share(good, len(pairs))} of {len(pairs)})")
    return found
