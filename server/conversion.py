"""From the wire to the solver: presence and support are checked here, everything else by the solver itself.

Parsing is done here too, from raw bytes: left to gRPC, garbage comes back as UNKNOWN with a Python class name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import (
    SOLVER_VERSION,
    Block,
    BlockReason,
    ChangedPie,
    Deposit,
    Engine,
    Event,
    Holding,
    InvalidRequest,
    NewPie,
    Pie,
    Portfolio,
    Reach,
    Rebalance,
    Rules,
    Security,
    Side,
    Slice,
    TargetChange,
    TargetSlice,
    Unsupported,
    Violation,
    Withdrawal,
)
from solver.events import MAX_EVENTS

__all__ = [
    "ENGINES",
    "FIRST_SECOND",
    "LAST_SECOND",
    "MAX_ECHOED_BYTES",
    "MAX_REQUEST_BYTES",
    "SIDES",
    "Reader",
    "Request",
    "fingerprint",
    "parse",
    "parse_batch",
    "parse_marked",
    "read_duration",
    "read_request",
    "read_rules",
]

Kind = TypeVar("Kind", bound=Message)
MAX_REQUEST_BYTES = 4 * 1024 * 1024  # what gRPC lets through by default
MAX_ECHOED_BYTES = 128  # of an id or a version that the answer repeats, an event's id once for every order
MAX_UNKNOWN_FIELDS = 1_000  # reported; four megabytes hold two million
MAX_SECONDS = 3_600
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799  # a protobuf Timestamp's own range
ENGINES = {pb.ENGINE_UNSPECIFIED: Engine.AUTO} | {
    pb.Engine.Value(f"ENGINE_{engine.value}"): engine for engine in Engine
}
SIDES = {pb.Side.Value(f"SIDE_{side.value}"): side for side in Side}
BLOCK_REASONS = {pb.BlockReason.Value(f"BLOCK_REASON_{reason.value}"): reason for reason in BlockReason}
REACHES = {pb.REACH_DEEP: Reach.DEEP, pb.REACH_SHALLOW: Reach.SHALLOW}
VIEWS = (pb.VIEW_UNSPECIFIED, pb.VIEW_ORDERS, pb.VIEW_NODES, pb.VIEW_FULL)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the solver wants it, and how it wants its answer."""

    portfolio: Portfolio
    events: tuple[Event, ...]
    rules: Rules
    engine: Engine
    time_limit_seconds: float | None
    work_limit: int
    view: int
    validate_only: bool
    rule_costs: bool


def parse(kind: type[Kind], data: bytes) -> Kind:
    """``data`` as a message of ``kind``; raises ``InvalidRequest`` for garbage and for fields unknown here."""
    message = _message(kind, data)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise InvalidRequest(tuple(islice(_unknown_fields(_message(kind, data), ""), MAX_UNKNOWN_FIELDS)))
    return message


def parse_marked(data: bytes) -> tuple[pb.PlanRequest, str]:
    """``data`` as a request, with its fingerprint; raises as ``parse``.

    What comes back byte for byte once unknown fields are dropped had none; so most requests are written only once.
    """
    message = _message(pb.PlanRequest, data)
    message.DiscardUnknownFields()
    written = message.SerializeToString(deterministic=True)
    if written != data:
        message = parse(pb.PlanRequest, data)
    plain = message.HasField("options") and not message.options.expected_fingerprint
    return message, _mark(written) if plain else fingerprint(message)


def parse_batch(data: bytes) -> pb.BatchPlanRequest:
    """``data`` as a batch. What is unknown inside one of its requests is that request's fault, and left to it."""
    message = _message(pb.BatchPlanRequest, data)
    own = pb.BatchPlanRequest()
    own.CopyFrom(message)
    del own.requests[:]
    faults = tuple(islice(_unknown_fields(own, ""), MAX_UNKNOWN_FIELDS))
    if faults:
        raise InvalidRequest(faults)
    return message


def _message(kind: type[Kind], data: bytes) -> Kind:
    if len(data) > MAX_REQUEST_BYTES:
        reason = f"has {len(data)} bytes; at most {MAX_REQUEST_BYTES} are accepted"
        raise InvalidRequest((Violation(kind.DESCRIPTOR.name, "REQUEST_TOO_LARGE", reason),))
    message = kind()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError) as error:
        reason = "is no valid message of this type, or is nested too deeply"
        raise InvalidRequest((Violation(kind.DESCRIPTOR.name, "MALFORMED_REQUEST", reason),)) from error
    return message


def _unknown(at: str, number: int) -> Violation:
    reason = f"has field {number}, which this version does not know; nothing is ignored, so take it out"
    return Violation(at, "UNKNOWN_FIELD", reason)


def _unknown_fields(message: Message, at: str) -> Iterator[Violation]:
    """Where the fields are that this version does not know; only looked for once the sizes tell that there are some."""
    for field in UnknownFieldSet(message):  # type: ignore[attr-defined]  # iterable, though its stubs do not say so
        yield _unknown(at or message.DESCRIPTOR.name, field.field_number)
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        path = f"{at}.{descriptor.name}" if at else descriptor.name
        if descriptor.is_repeated:
            for i, item in enumerate(value):
                yield from _unknown_fields(item, f"{path}[{i}]")
        else:
            yield from _unknown_fields(value, path)


def fingerprint(request: pb.PlanRequest) -> str:
    """SHA-256 (hex) of the deterministic request bytes, without what it is expected to be, and the solver's version."""
    plain = pb.PlanRequest()
    plain.CopyFrom(request)
    plain.options.ClearField("expected_fingerprint")
    return _mark(plain.SerializeToString(deterministic=True))


def _mark(written: bytes) -> str:
    return hashlib.sha256(written + SOLVER_VERSION.encode()).hexdigest()


def read_request(request: pb.PlanRequest) -> Request:
    """The request in the solver's types; raises ``InvalidRequest`` or ``Unsupported`` naming every field at fault."""
    reader = Reader()
    reader.echoed(request.request_id, "request_id")
    reader.require(request, "portfolio", "portfolio")
    portfolio = reader.portfolio(request.portfolio, "portfolio")
    events = reader.events(request.events)
    options = request.options
    limit = reader.options(options)
    reader.finish()
    return Request(
        portfolio=portfolio(),
        events=events,
        rules=read_rules(request.rules),
        engine=ENGINES[options.engine],
        time_limit_seconds=limit,
        work_limit=options.work_limit,
        view=options.view or pb.VIEW_ORDERS,
        validate_only=options.validate_only,
        rule_costs=options.rule_costs,
    )


def read_rules(stated: pb.Rules) -> Rules:
    """The rules as the solver has them; it checks them itself."""
    threshold = stated.deposit_threshold if stated.HasField("deposit_threshold") else None
    return Rules(stated.min_trade, stated.cash_floor, threshold)


def read_duration(
    message: pb.Options | pb.BatchPlanRequest | pb.PlanColumnsRequest, name: str, field: str
) -> tuple[float | None, Violation | None]:
    """The seconds of the duration ``name``, ``None`` where it is unset; or what is wrong with it."""
    if not message.HasField(name):
        return None, None
    duration = getattr(message, name)
    # beyond ±10,000 years the conversion to a timedelta would fail
    if abs(duration.seconds) <= MAX_SECONDS and abs(duration.nanos) < 10**9:
        seconds = duration.ToTimedelta().total_seconds()
        if 0 < seconds <= MAX_SECONDS:
            return seconds, None
    return None, Violation(field, "OUT_OF_RANGE", f"must be more than 0 and at most {MAX_SECONDS} seconds")


class Reader:
    """Collects what is missing or not supported while the tree is read, so that one error names it all."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.only_unsupported = True

    def wrong(self, field: str, reason: str, description: str) -> None:
        self.only_unsupported = False
        self.violations.append(Violation(field, reason, description))

    def unsupported(self, field: str, description: str) -> None:
        self.violations.append(Violation(field, "UNSUPPORTED", description))

    def require(self, message: Message, name: str, field: str) -> bool:
        if message.HasField(name):
            return True
        self.wrong(field, "MISSING_FIELD", "is not set; it must be, even where it is 0")
        return False

    def echoed(self, text: str, field: str) -> None:
        if len(text.encode()) > MAX_ECHOED_BYTES:
            self.wrong(field, "ID_TOO_LONG", f"is longer than {MAX_ECHOED_BYTES} bytes")

    def finish(self) -> None:
        if self.violations:
            kind = Unsupported if self.only_unsupported else InvalidRequest
            raise kind(tuple(self.violations))

    def options(self, options: pb.Options) -> float | None:
        """Check the options; the seconds of the time limit, where one is set."""
        if options.engine not in ENGINES:
            told = f"is {options.engine}; this server has {', '.join(pb.Engine.keys()[1:])}"
            self.unsupported("options.engine", told)
        if options.view not in VIEWS:
            self.wrong("options.view", "UNKNOWN_ENUM", f"is {options.view}; give ORDERS, NODES or FULL")
        limit, fault = read_duration(options, "time_limit", "options.time_limit")
        if fault:
            self.wrong(fault.field, fault.reason, fault.description)
        if not 0 <= options.work_limit <= 10**6:
            self.wrong("options.work_limit", "OUT_OF_RANGE", "must lie between 0 (the default) and 1000000")
        return limit

    def portfolio(self, portfolio: pb.Portfolio, at: str) -> Callable[[], Portfolio]:
        """Look for what is missing; what comes back builds the portfolio, once nothing is."""
        self.echoed(portfolio.portfolio_id, f"{at}.portfolio_id")
        self.echoed(portfolio.version, f"{at}.version")
        self.require(portfolio, "root", f"{at}.root")
        self.require(portfolio, "cash", f"{at}.cash")
        valued_at = portfolio.valued_at
        if not (FIRST_SECOND <= valued_at.seconds <= LAST_SECOND and 0 <= valued_at.nanos < 10**9):
            self.wrong(f"{at}.valued_at", "OUT_OF_RANGE", "is no time between the years 1 and 9999")
        securities = tuple(self.security(s, f"{at}.securities[{i}]") for i, s in enumerate(portfolio.securities))
        root = self.pie(portfolio.root, f"{at}.root")
        named = portfolio.currency_code, portfolio.portfolio_id, portfolio.version
        return lambda: Portfolio(root, portfolio.cash, *named, securities)

    def pie(self, pie: pb.Pie, at: str) -> Pie:
        slices = tuple(self._slice(child, f"{at}.slices[{i}]") for i, child in enumerate(pie.slices))
        return Pie(slices, pie.weight_total if pie.HasField("weight_total") else None)

    def _slice(self, child: pb.Slice, at: str) -> Slice:
        self.require(child, "target_weight", f"{at}.target_weight")
        kind = child.WhichOneof("content")
        if kind == "pie":
            return Slice(child.slice_id, child.target_weight, self.pie(child.pie, f"{at}.pie"))
        if kind is None:
            self.wrong(at, "MISSING_FIELD", "has neither a holding nor a pie; give one of them")
            return Slice(child.slice_id, child.target_weight, Holding("", 0))
        self.require(child.holding, "value", f"{at}.holding.value")
        held = child.holding
        quantity = held.quantity_nanos if held.HasField("quantity_nanos") else None
        return Slice(child.slice_id, child.target_weight, Holding(held.security_id, held.value, quantity))

    def security(self, security: pb.Security, at: str) -> Security:
        return Security(
            security.security_id,
            min_trade=security.min_trade,
            max_value=security.max_value if security.HasField("max_value") else None,
            max_share_micros=security.max_share_micros if security.HasField("max_share_micros") else None,
            min_position=security.min_position,
            blocks=tuple(self._blocks(security, at)),
            price_micros=security.price_micros if security.HasField("price_micros") else None,
            quantity_step_nanos=security.quantity_step_nanos if security.HasField("quantity_step_nanos") else None,
        )

    def _blocks(self, security: pb.Security, at: str) -> Iterator[Block]:
        for i, block in enumerate(security.blocks):
            if block.side not in SIDES:
                self.wrong(f"{at}.blocks[{i}].side", "MISSING_FIELD", "must be SIDE_BUY or SIDE_SELL; two block both")
            elif block.reason not in BLOCK_REASONS:
                told = f"must be one of {', '.join(pb.BlockReason.keys()[1:])}"
                self.wrong(f"{at}.blocks[{i}].reason", "MISSING_FIELD", told)
            else:
                yield Block(SIDES[block.side], BLOCK_REASONS[block.reason])

    def events(self, events: Sequence[pb.Event]) -> tuple[Event, ...]:
        if not events:
            self.wrong("events", "MISSING_FIELD", f"is empty; send at least one event, and at most {MAX_EVENTS}")
        if len(events) > MAX_EVENTS:
            self.wrong("events", "TOO_MANY_EVENTS", f"has {len(events)} events; at most {MAX_EVENTS} are supported")
        read = (self._event(event, f"events[{i}]") for i, event in enumerate(events[:MAX_EVENTS]))
        return tuple(event for event in read if event is not None)

    def _event(self, event: pb.Event, at: str) -> Event | None:
        self.echoed(event.event_id, f"{at}.event_id")
        kind = event.WhichOneof("kind")
        if kind == "deposit":
            self.require(event.deposit, "amount", f"{at}.deposit.amount")
            return Deposit(event.deposit.amount, event.event_id)
        if kind == "withdrawal":
            self.require(event.withdrawal, "amount", f"{at}.withdrawal.amount")
            return Withdrawal(event.withdrawal.amount, event.event_id)
        if kind == "rebalance":
            if event.rebalance.reach not in REACHES:
                self.wrong(f"{at}.rebalance.reach", "MISSING_FIELD", "must be REACH_DEEP or REACH_SHALLOW")
            return Rebalance(event.rebalance.slice_id, REACHES.get(event.rebalance.reach, Reach.DEEP), event.event_id)
        if kind == "target_change":
            pies = enumerate(event.target_change.pies)
            return TargetChange(
                tuple(self._changed(pie, f"{at}.target_change.pies[{i}]") for i, pie in pies), event.event_id
            )
        self.wrong(at, "MISSING_FIELD", "has no kind; give deposit, withdrawal, rebalance or target_change")
        return None

    def _changed(self, pie: pb.ChangedPie, at: str) -> ChangedPie:
        total = pie.weight_total if pie.HasField("weight_total") else None
        return ChangedPie(pie.slice_id, self._targets(pie.slices, at), total)

    def _targets(self, slices: Iterable[pb.Slice], at: str) -> tuple[TargetSlice, ...]:
        return tuple(self._target(child, f"{at}.slices[{i}]") for i, child in enumerate(slices))

    def _target(self, child: pb.Slice, at: str) -> TargetSlice:
        self.require(child, "target_weight", f"{at}.target_weight")
        kind = child.WhichOneof("content")
        if kind == "pie":
            total = child.pie.weight_total if child.pie.HasField("weight_total") else None
            pie = NewPie(self._targets(child.pie.slices, f"{at}.pie"), total)
            return TargetSlice(child.slice_id, child.target_weight, pie)
        if kind is None:
            return TargetSlice(child.slice_id, child.target_weight)
        if child.holding.HasField("value"):
            self.wrong(f"{at}.holding.value", "NEW_SLICE_WITH_VALUE", "is set; a new slice starts without a value")
        if child.holding.HasField("quantity_nanos"):
            told = "is set; a new slice starts without a quantity"
            self.wrong(f"{at}.holding.quantity_nanos", "NEW_SLICE_WITH_VALUE", told)
        return TargetSlice(child.slice_id, child.target_weight, Holding(child.holding.security_id))
