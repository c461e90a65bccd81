"""Books that are made up: the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from tests.server.test_batch_files import DONE, STOPPED, run, some


def test_a_book_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name, words in (("a", ()), ("b", ()), ("c", ("--seed", "2"))):
        assert run("example", "--batch", "30", tmp_path / name, *words).exit_code == DONE
    one, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert one == same != other
    assert json.dumps(pq.read_table(tmp_path / "a").to_pylist()) == json.dumps(some(30).to_pylist())
    assert run("example", "--batch", "3", tmp_path / "no" / "such").exit_code == STOPPED
