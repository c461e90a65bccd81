"""Every stated result of the seeds, by name, over real gRPC, under both engines."""

from __future__ import annotations

import pytest

from server.cases import CASES, STATED_RESULTS
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
def test_stated_result(case, engine, played) -> None:
    _, _, response, differences = played[case.name, engine]
    assert differences == []
    assert response.plan.certificate.quality == pb.QUALITY_OPTIMAL
    assert {o.security_id for o in response.plan.orders} == set(case.expected)


def test_a_difference_is_noticed() -> None:
    """The comparison can fail: a plan that misses by one cent, and one that trades what must be still."""
    from server.demo import differences

    case = next(case for case in CASES if case.name == "deposit 3")
    response = pb.PlanResponse()
    for security, amount in case.expected.items():
        response.plan.orders.add(security_id=security, side=pb.SIDE_BUY, amount=amount)
    assert differences(case, response) == []
    response.plan.orders[0].amount += 1
    assert len(differences(case, response)) == 1
    response.plan.orders[0].amount -= 1
    response.plan.nodes.add(slice_id="Pie 1", trade=1)
    assert len(differences(case, response)) == 1
