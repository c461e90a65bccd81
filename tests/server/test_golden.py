"""Requests of earlier landings, frozen with their plans: the same bytes as ever, whatever was added since.

`python -m tests.server.test_golden NAME ...` freezes the named examples as they are planned today, once.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from server.answers import answer_plan
from server.examples import example
from server.generated.piewise.v1 import allocation_pb2 as pb
from solver import Budget

FROZEN = Path(__file__).parent / "golden"


def planned(request: pb.PlanRequest) -> pb.Plan:
    """The plan without what may honestly change: the version, and the last digits of the bound with its evidence."""
    plan = answer_plan(request.SerializeToString(), None, Budget(), time.monotonic()).plan
    plan.ClearField("fingerprint")
    for name in ("solver_version", "lower_bound", "evidence"):
        plan.certificate.ClearField(name)
    return plan


def read(path: Path) -> tuple[pb.PlanRequest, pb.Plan]:
    frozen = json.loads(path.read_text())
    return ParseDict(frozen["request"], pb.PlanRequest()), ParseDict(frozen["plan"], pb.Plan())


@pytest.mark.parametrize("path", sorted(FROZEN.glob("*.json")), ids=lambda path: path.stem)
def test_frozen(path: Path) -> None:
    request, plan = read(path)
    assert planned(request).SerializeToString(deterministic=True) == plan.SerializeToString(deterministic=True)


def test_there_are_some() -> None:
    assert len(list(FROZEN.glob("*.json"))) >= 12


def freeze(name: str) -> None:
    """Write the example ``name`` and its plan; a frozen one is never written again."""
    path = FROZEN / f"{name}.json"
    if path.exists():
        raise SystemExit(f"{path} is frozen")
    request = example(name)
    document = {key: MessageToDict(m, preserving_proto_field_name=True) for key, m in
                (("request", request), ("plan", planned(request)))}  # fmt: skip
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        freeze(wanted)
