"""Target changes: who is liquidated, moved or added, where the proceeds go, and everything that is refused."""

from __future__ import annotations

import pytest

from solver import ChangedPie, Holding, InvalidRequest, NewPie, Pie, Portfolio, Slice, TargetChange, TargetSlice
from solver.targets import Changed, apply_target_change


def account() -> Portfolio:
    inner = Pie((Slice("a", 1, Holding("A", 100)), Slice("b", 1, Holding("B", 200)), Slice("z", 0, Holding("Z", 50))))
    return Portfolio(
        Pie((Slice("p", 1, inner), Slice("q", 1, Holding("Q", 400)), Slice("r", 1, Pie((Slice("c", 1, Holding("C", 30)),)))))
    )


def apply(*pies: ChangedPie) -> Changed:
    return apply_target_change(account(), TargetChange(pies))


def kept(**weights: int) -> tuple[TargetSlice, ...]:
    return tuple(TargetSlice(name, weight) for name, weight in weights.items())


def test_left_out_and_set_to_zero_are_sold_into_their_pie() -> None:
    changed = apply(ChangedPie("p", kept(a=1, b=0)))
    assert changed.received == {"p": 250}
    assert {(s.slice_id, s.value, s.pie_id) for s in changed.liquidated} == {("b", 200, "p"), ("z", 50, "p")}
    assert changed.portfolio.value == account().value - 250


def test_retired_before_is_liquidated_once_its_pie_is_named() -> None:
    assert apply(ChangedPie("p", kept(a=1, b=1, z=0))).received == {"p": 50}
    assert apply(ChangedPie("", kept(p=1, q=1, r=1))).received == {}


def test_a_slice_inside_a_liquidated_pie_goes_with_it() -> None:
    changed = apply(ChangedPie("", kept(q=1, r=1)))
    assert changed.received == {"": 350}
    changed = apply(ChangedPie("", kept(p=0, q=1, r=1)))
    assert changed.received == {"": 350}
    assert changed.portfolio.value == 430


def test_moved_keeps_its_holding_even_out_of_a_liquidated_pie() -> None:
    changed = apply(ChangedPie("", (*kept(q=1, r=1), TargetSlice("b", 1))))
    assert changed.moved == {"b"}
    assert changed.received == {"": 150}
    assert changed.portfolio.value == 630


def test_several_at_once() -> None:
    changed = apply(ChangedPie("p", kept(a=1)), ChangedPie("", kept(p=1, r=1)))
    assert changed.received == {"p": 250, "": 400}


REFUSED = [
    ((), "EMPTY_TARGET_CHANGE"),
    ((ChangedPie("nowhere", kept(a=1)),), "UNKNOWN_SLICE_ID"),
    ((ChangedPie("q", kept(a=1)),), "NOT_A_PIE"),
    ((ChangedPie("p", kept(a=1)), ChangedPie("p", kept(b=1))), "DUPLICATE_PIE"),
    ((ChangedPie("p", (*kept(a=1), TargetSlice("a", 2))),), "DUPLICATE_SLICE_ID"),
    ((ChangedPie("p", kept(a=1, nobody=1)),), "UNKNOWN_SLICE_ID"),
    ((ChangedPie("p", (TargetSlice("a", 1, Holding("A")),)),), "EXISTING_SLICE_WITH_CONTENT"),
    ((ChangedPie("p", (TargetSlice("n", 1, Holding("N", 5)),)),), "NEW_SLICE_WITH_VALUE"),
    ((ChangedPie("p", ()),), "EMPTY_PIE"),
    ((ChangedPie("p", kept(a=0, b=0)),), "NO_POSITIVE_TARGET"),
    ((ChangedPie("p", kept(a=60, b=39), 100),), "WEIGHT_TOTAL_MISMATCH"),
    ((ChangedPie("p", kept(a=1, b=1, c=1)),), "SLICE_IN_TWO_PIES"),
    ((ChangedPie("", kept(q=1, r=1)), ChangedPie("p", kept(a=1))), "PIE_LEAVES"),
    ((ChangedPie("p", (*kept(a=1), TargetSlice("n", 1, Holding("B")))),), "LIQUIDATED_AND_ADDED"),
    ((ChangedPie("p", kept(a=-1, b=1)),), "WEIGHT_OUT_OF_RANGE"),
    ((ChangedPie("p", (TargetSlice("n", 1, NewPie(())),)),), "EMPTY_PIE"),
    ((ChangedPie("p", (TargetSlice("n", 1, NewPie(kept(p=1))),)), ChangedPie("", kept(q=1, r=1))), "PIE_LEAVES"),
    ((ChangedPie("p", kept(a=1, p=1)),), "PIE_INSIDE_ITSELF"),
]


@pytest.mark.parametrize(("pies", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_refused(pies: tuple[ChangedPie, ...], reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        apply(*pies)
    assert reason in [v.reason for v in caught.value.violations]
