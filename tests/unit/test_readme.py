"""The README's ten lines print what the README says they print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_ten_lines() -> None:
    blocks = (ROOT / "README.md").read_text().split("```")
    code = next(b for b in blocks if b.startswith("python\n")).removeprefix("python\n")
    printed = blocks[blocks.index("python\n" + code) + 2].strip()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == printed
