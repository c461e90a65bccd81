"""Values of which some fields are made only when somebody reads them, and that are plain values all the same.

A plan is mostly asked for its orders. Its sentences and the portfolio afterwards take many times as long as the orders
of the kernel do, so there they wait until they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["Later", "made_later"]


class Later:
    """Base of a frozen dataclass with slots, of which some may be filled later, from ``_whole``: the same value, whole.

    To compare, hash, print, pickle, copy or ``replace`` such a value reads all its fields: nothing but time tells it
    from one that was made at once. Two threads that read a field first both make it, and find the same.
    """

    __slots__ = ("_whole",)
    _whole: Callable[[], Any]

    if not TYPE_CHECKING:  # a type checker would believe in any name

        def __getattr__(self, name: str) -> Any:
            """Fill the field ``name``: Python asks here only where a slot is empty, or there is none."""
            if name not in self.__dataclass_fields__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            object.__setattr__(self, name, getattr(self._whole(), name))
            return object.__getattribute__(self, name)


Kind = TypeVar("Kind", bound=Later)


def made_later(kind: type[Kind], whole: Callable[[], Kind], known: dict[str, Any]) -> Kind:
    """A value of ``kind`` with the fields ``known``; the others are those of ``whole()`` when they are first read."""
    made = object.__new__(kind)
    fill = object.__setattr__
    fill(made, "_whole", whole)
    for name, value in known.items():
        fill(made, name, value)
    return made
