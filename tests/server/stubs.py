"""Whether the committed stubs are what protoc writes from the contract today; ``make stubs`` runs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = Path("server/generated/piewise/v1")


def stale_stubs() -> list[str]:
    """Names of the stubs that differ from what protoc writes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{'server/generated'}={ROOT / 'protos'}"]
        command += [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        subprocess.run([*command, "server/generated/piewise/v1/allocation.proto"], check=True, cwd=ROOT)
        written = Path(folder) / GENERATED
        names = sorted(path.name for path in written.iterdir())
        return [n for n in names if (written / n).read_text() != (ROOT / GENERATED / n).read_text()]


if __name__ == "__main__":
    stale = stale_stubs()
    if stale:
        sys.exit(f"stale stubs: {', '.join(stale)}; run make generate")
    print("stubs are current")
