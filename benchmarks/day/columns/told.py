"""What the client of one event was told, in sentences: made only when somebody asks, from the numbers in the books."""

from __future__ import annotations

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.day.columns.books import GROUPS
from benchmarks.day.columns.store import Store
from benchmarks.day.world import EASTERN
from server.client import Client
from server.day_requests import next_update
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import InvalidRequest, Violation
from solver.trading.clocks import NEVER, instant_of
from solver.trading.updates import Step, Update

__all__ = ["told"]


def told(store: Store, client: Client, event: int) -> Table:
    """Every update of an event, its sentence made by the service; raises ``InvalidRequest`` where there is no such."""
    kinds, accounts, asked = (store.read(f"event.{n}", GROUPS["event"][n]) for n in ("kind", "account", "asked"))
    if not 0 <= event < len(kinds):
        given = f"is {event}; these books have the events 0 to {len(kinds) - 1}"
        raise InvalidRequest((Violation("event", "UNKNOWN_EVENT", given),))
    names = {what: {code: name for name, code in store.codes(what).items()} for what in ("event.kind", "updates.step")}
    subject = names["event.kind"][int(kinds[event])].lower().replace("_", " ")
    subject += f" of {asked[event] / 100:.2f} USD" if asked[event] else ""
    log = store.log("updates")
    requests, last = list[pb.NextUpdate](), None
    for place in np.flatnonzero(log["event"] == event).tolist():
        step, at = Step(names["updates.step"][int(log["step"][place])]), instant_of(int(log["at_us"][place]))
        until_us, bits = int(log["until_us"][place]), int(log["reasons"][place])
        until = None if until_us == NEVER else instant_of(until_us)
        why = [name for name, code in store.codes("updates.reasons").items() if bits >> code & 1]
        ids = f"account {accounts[event]}", f"event {event}"
        requests.append(next_update(last, *ids, step, at, subject, until, why, time_zone=EASTERN.key))
        last = Update(*ids, step, at, subject, until)
    table = Table(box=SIMPLE_HEAD)
    for heading in ("when", "step", "what the client is told", "why"):
        table.add_column(heading)
    for one in client.day.follow_updates(pb.FollowUpdatesRequest(updates=requests)).updates:
        when, name = one.at.ToDatetime(tzinfo=EASTERN), pb.UpdateStep.Name(one.step)
        row = f"{when:%Y-%m-%d %H:%M}", name.removeprefix("UPDATE_STEP_"), one.sentence, ", ".join(one.reasons)
        table.add_row(*row)
    return table
