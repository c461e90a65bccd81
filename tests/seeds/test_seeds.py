"""Every stated result of the seeds, by name, over real gRPC, under both engines."""

from __future__ import annotations

import pytest

from server.cases import CASES, STATED_RESULTS, Case
from server.client import Client, server_process
from server.demo import Played, play_cases
from server.generated.piewise.v1 import allocation_pb2 as pb


@pytest.fixture(scope="module")
def played() -> dict[tuple[str, int], Played]:
    with server_process() as (address, _), Client(address) as client:
        return {
            (case.name, engine): one
            for engine in (pb.ENGINE_AUTO, pb.ENGINE_HIGHS)
            for case, one in zip(CASES, play_cases(client, engine), strict=True)
        }


def test_all_stated_results_are_here() -> None:
    assert len({case.line for case in CASES}) == STATED_RESULTS
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("engine", [pb.ENGINE_AUTO, pb.ENGINE_HIGHS], ids=["auto", "highs"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stated_result(case: Case, engine: int, played: dict[tuple[str, int], Played]) -> None:
    _, _, response, differences = played[case.name, engine]
    assert differences == []
    assert response.plan.certificate.quality == pb.QUALITY_OPTIMAL
    assert {o.security_id for o in response.plan.orders} == set(case.expected)
