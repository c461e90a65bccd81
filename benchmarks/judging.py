"""The suite's run, and how two judged plans are compared.

J is compared as a ratio to the optimum's, as ``compare`` does: only where the optimum's exceeds ρ, since below that it
is nothing but rounding, and only between plans that leave the same cash (but for a cent a slice, what a peer's
flooring costs), since cash ranks first. What is excluded there is counted in a column of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from rich.progress import Progress

from benchmarks.engines import CONTENDERS, OURS, Contender, Posed, Trial, attempt, pose, runs_here
from benchmarks.instances import Case
from solver import Quality

__all__ = [
    "SOME_EVENTS",
    "WIDE",
    "Judged",
    "Outcome",
    "as_good",
    "beaten",
    "best_baseline",
    "better",
    "failures",
    "narrow",
    "nearly",
    "outcome",
    "ratio",
    "run_suite",
]

WIDE = 64  # slices; the slow contenders get the first account of each shape up to here, and only these events
SOME_EVENTS = ("deposit 1%", "deposit 20%", "withdrawal 5%", "rebalance deep", "rebalance shallow")

Judged = dict[Case, dict[str, Trial]]


def run_suite(cases: Sequence[Case], progress: Progress) -> Judged:
    """The baselines and HIGHS on every case; the peers, AUTO, the kernel and the reference on the ``narrow`` ones."""
    here = [one for one in CONTENDERS if runs_here(one)]
    found: Judged = {}
    for case in progress.track(cases, description="suite"):
        posed = pose(case)
        if not found:
            _warm_up(here, posed)
        found[case] = {one.name: attempt(one, posed) for one in here if _everywhere(one) or narrow(case)}
    return found


def _warm_up(contenders: Iterable[Contender], posed: Posed) -> None:
    """Imports and first calls are nobody's time."""
    for one in contenders:
        attempt(one, posed)


def _everywhere(contender: Contender) -> bool:
    return contender.kind == "baseline" or contender.name == OURS


def narrow(case: Case) -> bool:
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


def failures(judged: Judged) -> list[str]:
    """Where we have no plan, or one that breaks a rule; the reference may run out of time, the tables say how often."""
    found = []
    for case, trials in judged.items():
        for name in (OURS, "AUTO"):
            trial = trials.get(name)
            if trial and not trial.valid:
                found.append(f"{name}, {case.name}: {trial.refused or ', '.join(trial.broken[:3])}")
    return found
