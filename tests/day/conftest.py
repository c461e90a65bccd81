"""A server, and the books of a big broker's day that was lived against it, for all tests of that day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.day.columns.store import Store
from server.client import server_process
from tests.day.big import lived


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with server_process() as (where, _):
        yield where


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[Store]:
    store, faults = lived(tmp_path_factory.mktemp("columns") / "books.sqlite", address)
    assert faults == []
    yield store
    store.close()
