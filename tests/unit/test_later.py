"""A value made later is the plain value: nothing but time tells them apart."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, astuple, dataclass, fields, replace

import pytest

from solver.later import Later, made_later


@dataclass(frozen=True, slots=True)
class Pair(Later):
    near: int
    far: tuple[int, ...]
    further: str = ""


PLAIN = Pair(1, (2, 3), "f")


def later(made: list[int] | None = None) -> Pair:
    def whole() -> Pair:
        if made is not None:
            made.append(1)
        return Pair(1, (2, 3), "f")

    return made_later(Pair, whole, {"near": 1})


def test_what_is_known_is_read_without_the_rest() -> None:
    made: list[int] = []
    pair = later(made)
    assert pair.near == 1
    assert not made
    assert (pair.far, pair.further) == ((2, 3), "f")
    assert pair.far is pair.far
    assert len(made) == 2  # once for each field that was left out


READ: dict[str, Callable[[Pair], object]] = {
    "equal": lambda p: p == PLAIN,
    "equal from the other side": lambda p: p == PLAIN,
    "hash": hash,
    "repr": repr,
    "dict": asdict,
    "tuple": astuple,
    "replace": lambda p: replace(p, near=7),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda p: pickle.loads(pickle.dumps(p)),
    "bytes": pickle.dumps,
    "names": lambda p: [f.name for f in fields(p)],
    "type": type,
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_it_behaves_as_the_plain_value(read: Callable[[Pair], object]) -> None:
    assert read(later()) == read(PLAIN)
    assert read(later()) is not False


def test_it_differs_where_the_plain_value_does() -> None:
    assert later() != replace(PLAIN, further="g")
    assert replace(later(), far=()) == Pair(1, (), "f")


def test_it_is_as_frozen_and_has_no_other_names() -> None:
    for pair in (later(), PLAIN):
        with pytest.raises(FrozenInstanceError):
            pair.far = ()  # type: ignore[misc]
        with pytest.raises(AttributeError, match="'Pair' object has no attribute 'beyond'"):
            pair.beyond  # noqa: B018
    assert not hasattr(PLAIN, "_whole")


def test_matched_by_its_fields() -> None:
    match later():
        case Pair(near, far, further):
            assert (near, far, further) == (1, (2, 3), "f")
