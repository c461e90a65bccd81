"""One table: what a request met with, as a gRPC status. Every row is tested over a real channel."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from solver import EngineUnavailable, InternalError, InvalidRequest, Unsupported

__all__ = ["CODES", "BatchOver", "FingerprintMismatch", "Overloaded", "status_of"]

DOMAIN = "piewise"
MAX_VIOLATIONS = 20
# Trailers beyond 8 KiB may be dropped on the way, and the caller sees RESOURCE_EXHAUSTED instead. They carry the status
# as base64 (4/3), and the message once more, three bytes for each that is not ASCII.
MAX_DETAIL_BYTES = 4_096
MAX_MESSAGE_BYTES = 384
MAX_FIELD_CHARACTERS = 320  # a path through sixteen levels fits
RETRY_SECONDS = 1


class Overloaded(Exception):
    """More calls wait than the server may hold; the caller's to try again, later."""


class BatchOver(Exception):
    """A batch's time is over; what is not planned yet is the caller's to send again."""


class FingerprintMismatch(Exception):
    """The request is not the one whose plan its caller was shown."""


@dataclass(frozen=True, slots=True)
class Code:
    """How an error class goes over the wire: gRPC's code, and the reason where the error has none of its own."""

    status: StatusCode
    reason: str


CODES: dict[type[BaseException], Code] = {
    Unsupported: Code(StatusCode.INVALID_ARGUMENT, "UNSUPPORTED"),
    InvalidRequest: Code(StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    EngineUnavailable: Code(StatusCode.FAILED_PRECONDITION, "ENGINE_UNAVAILABLE"),
    FingerprintMismatch: Code(StatusCode.FAILED_PRECONDITION, "FINGERPRINT_MISMATCH"),
    Overloaded: Code(StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    BatchOver: Code(StatusCode.DEADLINE_EXCEEDED, "BATCH_OVER"),
    InternalError: Code(StatusCode.INTERNAL, "INTERNAL"),
    Exception: Code(StatusCode.INTERNAL, "INTERNAL"),
}


def status_of(error: BaseException) -> tuple[StatusCode, Status]:
    """gRPC's code for ``error``, and the rich status (ErrorInfo, and BadRequest or RetryInfo) beside it."""
    code = next(code for kind, code in CODES.items() if isinstance(error, kind))
    internal = code.status is StatusCode.INTERNAL
    message = "internal error; please report it" if internal else _shortened(str(error))
    info = ErrorInfo(reason=code.reason, domain=DOMAIN)
    details: list[ErrorInfo | BadRequest | RetryInfo] = [info]
    if isinstance(error, InvalidRequest):
        if len({v.reason for v in error.violations}) == 1:
            info.reason = error.violations[0].reason
        info.metadata["violations"] = str(len(error.violations))
        details.append(_bad_request(error))
    elif isinstance(error, Overloaded):
        details.append(RetryInfo(retry_delay=Duration(seconds=RETRY_SECONDS)))
    packed = []
    for detail in details:
        any_ = Any()
        any_.Pack(detail)
        packed.append(any_)
    return code.status, Status(code=code.status.value[0], message=message, details=packed)


def _bad_request(error: InvalidRequest) -> BadRequest:
    """The first violations, as many as fit."""
    bad = BadRequest()
    for violation in error.violations[:MAX_VIOLATIONS]:
        bad.field_violations.add(
            field=_elided(violation.field), description=violation.description[:300], reason=violation.reason
        )
        if bad.ByteSize() > MAX_DETAIL_BYTES:
            del bad.field_violations[-1]
            break
    return bad


def _shortened(text: str) -> str:
    """As much of ``text`` as a trailer takes; BadRequest has it all, field by field."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_MESSAGE_BYTES:
        return text
    return data[: MAX_MESSAGE_BYTES - 3].decode("utf-8", "ignore") + "..."


def _elided(field: str) -> str:
    """``field`` without its middle where it is too long: its end is what the caller needs."""
    half = MAX_FIELD_CHARACTERS // 2
    return field if len(field) <= MAX_FIELD_CHARACTERS else f"{field[: half - 3]}...{field[-half:]}"
