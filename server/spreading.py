"""Work on every core of this machine, or of a cluster: Daft runs it, embedded or on Ray, in processes of its own.

Telemetry of both is off, unless the environment says otherwise for itself.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from solver.errors import EngineUnavailable

__all__ = ["Execution", "Stopped", "spread"]

QUIET = {
    "DAFT_ANALYTICS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DAFT_PROGRESS_BAR": "0",
}
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Execution:
    """Where work runs: on this machine, or on the Ray cluster at ``address`` (without one, a cluster of its own).

    ``workers`` is how many processes; 0 stands for all cores there are.
    """

    ray: bool = False
    address: str | None = None
    workers: int = 0


class Stopped(Exception):
    """The machine would not: a worker died, or a cluster can not be reached. What was done stays."""


class _Worker:
    """One process: it gets tasks by and by."""

    def __init__(self, work: Callable[[str], str]) -> None:
        self.work = work

    def answer(self, tasks: Any) -> list[str]:
        return [self.work(task) for task in tasks.to_pylist()]


def spread(work: Callable[[str], str], tasks: Sequence[str], execution: Execution) -> Iterator[str]:
    """What ``work`` says of each of ``tasks``, as they are finished, ``execution.workers`` at a time.

    ``work`` is a function of a module, which a process of another machine can import too.

    Raises
    ------
    EngineUnavailable
        where Daft or Ray is not installed; the message says how to install it.
    Stopped
        where a worker died or ``work`` raised, and where no cluster is at the address.
    """
    needed = {"daft": "batch", **({"ray": "batch-ray"} if execution.ray else {})}
    for name, extra in needed.items():
        if find_spec(name) is None:
            raise EngineUnavailable(f"{name} is not installed here; pip install 'piewise[{extra}]'")
    for name, setting in QUIET.items():
        os.environ.setdefault(name, setting)
    if not tasks:
        return
    import daft  # a third of a second, which only those pay who asked for it

    workers = min(execution.workers or (_cluster(execution) if execution.ray else os.cpu_count() or 1), len(tasks))
    if execution.ray:
        _cluster(execution)
        daft.set_runner_ray(noop_if_initialized=True)
    answer = daft.method.batch(return_dtype=daft.DataType.string(), batch_size=1)(_Worker.answer)
    one = type("Worker", (_Worker,), {"answer": answer})
    worker = daft.cls(one, max_concurrency=workers, use_process=True, max_retries=0)(work)
    frame = daft.from_pydict({"task": list(tasks)}).into_batches(1)
    try:
        for row in frame.select(worker.answer(frame["task"]).alias("answer")).iter_rows(results_buffer_size=None):
            yield row["answer"]
    except Exception as error:  # Daft and Ray have no exception in common
        raise Stopped(f"a worker stopped: {_last_line(error)}") from error


def _cluster(execution: Execution) -> int:
    """Join the cluster, once; how many cores it has."""
    import ray

    if not ray.is_initialized():
        try:
            _reach(execution.address)
            ray.init(execution.address, log_to_driver=False, logging_level=logging.WARNING)
        except (OSError, RuntimeError, ValueError) as error:
            raise Stopped(f"no Ray cluster at {execution.address}: {_last_line(error)}") from error
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))


def _reach(address: str | None) -> None:
    """Ray looks for a cluster that is not there for ten minutes; whether something listens is known at once."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def _last_line(error: Exception) -> str:
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    return told[-1] if told else repr(error)
