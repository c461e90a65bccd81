"""Triggers, decisions and updates written onto the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver.securities import Block
from solver.trading.clocks import EPOCH
from solver.trading.decisions import Batch, Decision
from solver.trading.triggers import Trigger
from solver.trading.updates import Update

__all__ = ["timestamp", "write_decisions", "write_triggers", "write_update"]


def timestamp(at: datetime) -> Timestamp:
    """``at`` as a message, to the microsecond."""
    since = at - EPOCH
    return Timestamp(seconds=since // timedelta(seconds=1), nanos=since.microseconds * 1_000)


def write_triggers(triggers: Iterable[Trigger]) -> pb.CheckTriggersResponse:
    """The response of ``CheckTriggers``."""
    response = pb.CheckTriggersResponse()
    for trigger in triggers:
        response.triggers.add(
            code=pb.TriggerCode.Value(f"TRIGGER_CODE_{trigger.code.value}"),
            rule=trigger.rule,
            subject=trigger.subject,
            figures=dict(trigger.figures),
            sentence=trigger.sentence,
        )
    return response


def write_decisions(decisions: Iterable[Decision], batches: Iterable[Batch]) -> pb.DecideResponse:
    """The response of ``Decide``."""
    response = pb.DecideResponse()
    for decision in decisions:
        written = response.decisions.add(
            event_id=decision.event_id,
            action=pb.DecisionAction.Value(f"DECISION_ACTION_{decision.action.value}"),
            window_id=decision.window_id,
            blocks=_blocks(decision.blocks),
            postponed=decision.postponed,
        )
        for name, at in (("at", decision.at), ("orders_end_at", decision.orders_end_at)):
            if at is not None:
                getattr(written, name).CopyFrom(timestamp(at))
        for reason in decision.reasons:
            code = pb.DecisionCode.Value(f"DECISION_CODE_{reason.code.value}")
            written.reasons.add(code=code, figures=dict(reason.figures), sentence=reason.sentence)
    for batch in batches:
        response.batches.add(at=timestamp(batch.at), events=batch.events, blocks=_blocks(batch.blocks))
    return response


def _blocks(blocks: Iterable[tuple[str, Block]]) -> list[pb.SecurityBlock]:
    found = []
    for security_id, block in blocks:
        told = pb.Block(side=f"SIDE_{block.side.value}", reason=f"BLOCK_REASON_{block.reason.value}")
        found.append(pb.SecurityBlock(security_id=security_id, block=told))
    return found


def write_update(written: pb.Update, update: Update) -> None:
    """Write ``update`` into ``written``."""
    written.account_id, written.event_id = update.account_id, update.event_id
    written.step = pb.UpdateStep.Value(f"UPDATE_STEP_{update.step.value}")  # type: ignore[assignment]  # an enum is an int
    written.at.CopyFrom(timestamp(update.at))
    written.sentence = update.sentence
    if update.until is not None:
        written.until.CopyFrom(timestamp(update.until))
    written.reasons.extend(update.reasons)
