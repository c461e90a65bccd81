"""``python -m benchmarks.day.lives``: so many account-years of the state machine, seed by seed, as far as one likes.

Every seed is a run of its own, so that years may be counted up in pieces: ``--seed`` says where to go on.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.day.machine import BrokerYears
from server.tables import make_console

__all__ = ["live"]

MACHINES = 20  # of one seed


def live(number: int, machines: int = MACHINES, shrink: bool = False) -> None:
    """All machines of one seed; raises what the first that fails raises, with its steps."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    wanted = settings(
        max_examples=machines,
        stateful_step_count=15,
        deadline=None,
        database=None,
        phases=phases,
        verbosity=Verbosity.normal,
        suppress_health_check=list(HealthCheck),
    )
    machine = type("SeededYears", (BrokerYears,), {})
    run_state_machine_as_test(seed(number)(machine), settings=wanted)


def main(
    account_years: Annotated[float, typer.Option(min=0.1, help="How many account-years at least.")] = 100.0,
    first: Annotated[int, typer.Option("--seed", min=0, help="The first seed; those after it follow.")] = 1,
    shrink: Annotated[bool, typer.Option(help="Make a failure small; this takes minutes.")] = False,
) -> None:
    """Live so many account-years; exit code 1, with the seed, where anything does not add up."""
    console = make_console()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    began, number = time.perf_counter(), first
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("account-years", total=round(account_years))
        while BrokerYears.account_years < account_years:
            try:
                live(number, shrink=shrink)
            except Exception:
                console.print_exception(max_frames=4)
                again = f"python -m benchmarks.day.lives --seed {number} --account-years 1 --shrink"
                console.print(f"seed {number} failed; to see it again, and made small: {again}", style="bold red")
                raise typer.Exit(1) from None
            number += 1
            progress.update(task, completed=int(BrokerYears.account_years), description=f"seed {number}")
    took = time.perf_counter() - began
    console.print(
        f"{BrokerYears.account_years:,.0f} account-years in {took:,.0f} s, seeds {first} to {number - 1}: "
        f"no cent and no share made or lost. To go on: --seed {number}"
    )


if __name__ == "__main__":
    typer.run(main)
