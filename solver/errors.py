"""What can go wrong, as a tree: whose fault it is, and whether a retry helps.

    PiewiseError
    ├── InvalidRequest        the caller's; the same request will never pass. Carries every violation by field.
    │   └── Unsupported       the caller's; a later version may accept it. Refused by name, never ignored.
    ├── EngineUnavailable     the deployment's; install what the message names.
    └── InternalError         ours; a bug. Nothing the caller sent should ever raise it.

A withdrawal of more than there is, a deposit under the minimum, a search out of time: those are answers
(see ``plan.py``), not errors.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EngineUnavailable", "InternalError", "InvalidRequest", "PiewiseError", "Unsupported", "Violation"]

SHOWN_VIOLATIONS = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request.

    ``field`` is its path in the request (``portfolio.root.slices[2].target_weight``), ``reason`` a stable
    upper-case name for programs, ``description`` a sentence that says what would be right.
    """

    field: str
    reason: str
    description: str


class PiewiseError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidRequest(PiewiseError):
    """The request can never pass as it stands; ``violations`` names each field at fault, in reading order."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        assert violations, "an invalid request names at least one violation"
        self.violations = violations
        shown = "; ".join(f"{v.field}: {v.description}" for v in violations[:SHOWN_VIOLATIONS])
        hidden = len(violations) - SHOWN_VIOLATIONS
        super().__init__(shown + (f"; and {hidden} more" if hidden > 0 else ""))


class Unsupported(InvalidRequest):
    """Well formed, but not something this version does."""


class EngineUnavailable(PiewiseError):
    """The engine asked for, or the exchange calendars, are not installed here; the message says how to install them."""


class InternalError(PiewiseError):
    """A bug of ours: an answer that failed its own check."""
