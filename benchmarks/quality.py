"""Quality in tables: who is as good as our plan, and by how much the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.engines import CONTENDERS, OURS, Trial
from benchmarks.instances import DEPOSITS, MINIMUMS, WITHDRAWALS, Case
from benchmarks.judging import (
    SOME_EVENTS,
    WIDE,
    Judged,
    Outcome,
    as_good,
    beaten,
    best_baseline,
    better,
    failures,
    narrow,
    nearly,
    outcome,
    ratio,
)
from benchmarks.peers import SECONDS
from benchmarks.tables import Table, figure, percentile, share
from solver import Quality

__all__ = ["headline", "outcomes", "outcomes_by_engine", "quality_tables"]

HARD, EASY = ("binding", "absurd"), ("none", "loose")  # minimums
SUFFICES = 0.95  # the share from which the best baseline is called as good


def outcomes(judged: Judged) -> dict[str, Counter[Outcome]]:
    """Of the best baseline of each case: counts by events and minimum."""
    return {
        name: Counter(outcome(best, ours) for best, ours in _best_pairs(group))
        for name, group in _groups(judged, _kind).items()
    }


def outcomes_by_engine(judged: Judged) -> dict[str, Counter[Outcome]]:
    """Of every engine, over the cases that all were given and whose minimum binds."""
    found: dict[str, Counter[Outcome]] = {one.name: Counter() for one in CONTENDERS}
    for case, trials in judged.items():
        if case.minimum in HARD and narrow(case) and trials[OURS].valid:
            for name, trial in trials.items():
                found[name][outcome(trial, trials[OURS])] += 1
    return {name: counts for name, counts in found.items() if counts and name != OURS}


def event_class(case: Case) -> str:
    return "deposits" if case.event in DEPOSITS else "withdrawals" if case.event in WITHDRAWALS else "rebalances"


def _groups(judged: Judged, key: Callable[[Case], str], everything: bool = False) -> dict[str, Judged]:
    """Cases by ``key``, in order; those of which we have no plan only where ``everything`` is asked for."""
    found: dict[str, Judged] = {}
    for case, trials in judged.items():
        if everything or trials[OURS].valid:
            found.setdefault(key(case), {})[case] = trials
    return found


BASELINE_COLUMNS = (
    "cases",
    "as good",
    "more cash left",
    "all break a rule",
    "J ratio: median",
    "p95",
    "worst",
    "of cases",
)


def _best_row(name: str, group: Judged) -> tuple[str, ...]:
    """The best baseline of each case of ``group`` against our plan."""
    pairs = _best_pairs(group)
    found = [(best, ours) for best, ours in pairs if best]
    good = sum(as_good(best, ours) for best, ours in found)
    cash = sum(best.beyond > ours.beyond for best, ours in found)
    ratios = [r for best, ours in found if (r := ratio(best, ours)) is not None]
    cells = (share(good, len(pairs)), share(cash, len(pairs)), share(len(pairs) - len(found), len(pairs)))
    return (name, str(len(pairs)), *cells, *_ratio_cells(ratios), str(len(ratios)))


def _best_pairs(group: Judged) -> list[tuple[Trial | None, Trial]]:
    return [(best_baseline(trials), trials[OURS]) for trials in group.values()]


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
    "by, median $",
    "orders under m",
    "J ratio: median",
    "p95",
    "worst",
)


def _by_engine(judged: Judged, minimums: Sequence[str]) -> Table:
    """Every contender over the cases that all were given."""
    common = {c: t for c, t in judged.items() if c.minimum in minimums and narrow(c) and t[OURS].valid}
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


def headline(judged: Judged) -> list[str]:
    """The few figures that a reader should take away."""
    pairs = _best_pairs({c: t for c, t in judged.items() if c.minimum in HARD and t[OURS].valid})
    good = sum(as_good(best, ours) for best, ours in pairs if best)
    worse = [r for best, ours in pairs if best and not as_good(best, ours) and (r := ratio(best, ours)) is not None]
    ours = [trials[OURS] for trials in judged.values()]
    optimal = sum(trial.quality is Quality.OPTIMAL for trial in ours)
    median, tail, worst = _ratio_cells(worse)
    return [
        f"Minimum {' or '.join(HARD)}, {len(pairs)} cases: the best baseline is as good as our plan in "
        f"{share(good, len(pairs))}. Where it is not, its J is {median} times ours in the median, {tail} at p95, "
        f"{worst} at worst.",
        f"The best baseline is as good, minimum binding, in {_as_good_of(judged, False)} flat accounts and in "
        f"{_as_good_of(judged, True)} nested ones.",
        f"Of our {len(ours)} plans {share(optimal, len(ours))} are proved OPTIMAL within {SECONDS:g} s each.",
        f"Plans marked OPTIMAL that any engine, baseline or peer beat by more than rounding: {len(beaten(judged))}.",
        f"Plans of {OURS} marked FEASIBLE that somebody beat: {_listed(_beaten_feasible(judged))}",
        f"Cases in which AUTO or HIGHS has no plan, or one that breaks a rule: {_listed(failures(judged))}",
        f"Where the best baseline is as good in {SUFFICES:.0%} of the cases: {_listed(greedy_suffices(judged))}",
    ]


def _as_good_of(judged: Judged, nested: bool) -> str:
    """The share of flat, or of nested, accounts in which the best baseline is as good, minimum binding."""
    binding = {c: t for c, t in judged.items() if c.minimum == "binding" and t[OURS].valid}
    pairs = _best_pairs({case: trials for case, trials in binding.items() if (len(case.shape) > 1) is nested})
    return f"{share(sum(as_good(best, ours) for best, ours in pairs if best), len(pairs))} of {len(pairs)}"


def _listed(items: Sequence[str]) -> str:
    return "; ".join(items) + "." if items else "none."


def _beaten_feasible(judged: Judged) -> list[str]:
    """Cases where our plan is not proved, and not the best."""
    found = []
    for case, trials in judged.items():
        ours = trials[OURS]
        names = [t.engine for t in trials.values() if ours.valid and better(t, ours)]
        if names and ours.quality is not Quality.OPTIMAL:
            found.append(f"{case.name} (by {', '.join(names)})")
    return found


def greedy_suffices(judged: Judged) -> list[str]:
    """Where the best baseline is as good in ``SUFFICES`` of the cases or more; where greedy is as good, we say so."""
    found = []
    for name, group in _groups(judged, _kind).items():
        pairs = _best_pairs(group)
        good = sum(as_good(best, ours) for best, ours in pairs if best)
        if good >= SUFFICES * len(pairs):
            found.append(f"{name} ({share(good, len(pairs))} of {len(pairs)})")
    return found
