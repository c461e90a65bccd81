"""A stranger's client: an empty environment, stubs made from ``protos/`` alone, a proxy in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from server.client import server_process

ROOT = Path(__file__).parents[2]
CLIENT = """
import sys, grpc
from piewise.v1 import allocation_pb2 as pb, allocation_pb2_grpc as rpc
request = pb.PlanRequest(portfolio=pb.Portfolio(currency_code="USD", cash=0), rules=pb.Rules(min_trade=300))
for name, value in (("a", 2000), ("b", 1500), ("c", 3000)):
    request.portfolio.root.slices.add(slice_id=name, target_weight=1, holding=pb.Holding(security_id=name.upper(), value=value))
request.events.add(deposit=pb.Deposit(amount=1000))
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)])
plan = rpc.AllocationServiceStub(channel).Plan(request, timeout=20).plan
print(sum(order.amount for order in plan.orders), pb.Quality.Name(plan.certificate.quality))
"""


def test_a_stranger_gets_a_plan(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, "grpcio", "protobuf"], check=True, timeout=300)
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python")]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{ROOT / 'protos'}",
        *outputs,
        "piewise/v1/allocation.proto",
    ]
    subprocess.run(command, check=True, cwd=ROOT / "protos")
    (tmp_path / "client.py").write_text(CLIENT)
    environment = os.environ | {"http_proxy": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path)}
    with server_process() as (address, _):
        done = subprocess.run(
            [python, "client.py", address], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
    assert done.stdout.split() == ["1000", "QUALITY_OPTIMAL"], done.stderr
