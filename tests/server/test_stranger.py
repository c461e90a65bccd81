"""A stranger's client: an empty environment, stubs made from ``protos/`` alone, a proxy in its environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from server.client import server_process

ROOT = Path(__file__).parents[2]
PROTO = "piewise/v1/allocation.proto"
CLIENT = """
import sys, grpc
from piewise.v1 import allocation_pb2 as pb, allocation_pb2_grpc as rpc
assert not any(name.split(".")[0] in ("server", "solver") for name in sys.modules)
leaf = lambda name, weight, value: pb.Slice(
    slice_id=name, target_weight=weight, holding=pb.Holding(security_id=name.upper(), value=value))
request = pb.PlanRequest(
    portfolio=pb.Portfolio(currency_code="USD", cash=0, root=pb.Pie(slices=[leaf("a", 60, 5000), leaf("b", 40, 5000)])),
    events=[pb.Event(deposit=pb.Deposit(amount=1000))])
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)])
plan = rpc.AllocationServiceStub(channel).Plan(request, timeout=20).plan
print([(order.security_id, pb.Side.Name(order.side), order.amount) for order in plan.orders],
      pb.Quality.Name(plan.certificate.quality))
"""


@pytest.mark.slow
def test_a_stranger_gets_a_plan(tmp_path: Path) -> None:
    home = tmp_path / "stranger"
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    outside = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = {"check": True, "cwd": home, "env": outside, "timeout": 300}
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    subprocess.run([*install, "grpcio", "protobuf", "grpcio-tools"], **run)
    shutil.copytree(ROOT / "protos", home / "protos")
    protoc = [python, "-m", "grpc_tools.protoc", "-Iprotos", "--python_out=.", "--grpc_python_out=.", PROTO]
    subprocess.run(protoc, **run)
    (home / "client.py").write_text(CLIENT)
    nowhere = "http://127.0.0.1:9"
    proxied = {**outside, "http_proxy": nowhere, "https_proxy": nowhere, "grpc_proxy": nowhere, "no_proxy": ""}
    with server_process() as (address, _):
        answer = subprocess.run(
            [python, "client.py", address], **{**run, "env": proxied}, capture_output=True, text=True
        ).stdout
    assert answer.strip() == "[('A', 'SIDE_BUY', 1000)] QUALITY_OPTIMAL"
