"""Target changes: who is liquidated, moved or added, where the proceeds go, and everything that is refused."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from solver import ChangedPie, Holding, InvalidRequest, NewPie, Pie, Portfolio, Slice, TargetChange, TargetSlice
from solver.portfolio import MAX_DEPTH
from solver.targets import Changed, apply_target_change
from solver.tree import flatten


def account() -> Portfolio:
    inner = Pie((Slice("a", 1, Holding("A", 100)), Slice("b", 1, Holding("B", 200)), Slice("z", 0, Holding("Z", 50))))
    return Portfolio(
        Pie(
            (
                Slice("p", 1, inner),
                Slice("q", 1, Holding("Q", 400)),
                Slice("r", 1, Pie((Slice("c", 1, Holding("C", 30)),))),
            )
        )
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


def test_a_zero_inside_a_liquidated_pie_goes_with_that_pie() -> None:
    """What b and z bring must not stay in p, where nothing may be bought."""
    changed = apply(ChangedPie("p", kept(a=1, b=0)), ChangedPie("", kept(p=0, q=1, r=1)))
    assert changed.received == {"": 350}
    assert {(s.slice_id, s.pie_id) for s in changed.liquidated} == {("a", ""), ("b", ""), ("z", "")}


def test_a_zero_in_a_retired_but_kept_pie_stays_in_it() -> None:
    portfolio = Portfolio(
        Pie(
            (
                Slice("p", 0, Pie((Slice("a", 1, Holding("A", 100)), Slice("b", 1, Holding("B", 200))))),
                Slice("q", 1, Holding("Q", 9)),
            )
        )
    )
    assert apply_target_change(portfolio, TargetChange((ChangedPie("p", kept(a=1, b=0)),))).received == {"p": 200}


def test_moved_to_a_target_of_zero_is_liquidated_where_it_came_to() -> None:
    assert apply(ChangedPie("p", kept(a=1)), ChangedPie("r", kept(c=1, b=0))).received == {"p": 50, "r": 200}
    new = NewPie((TargetSlice("b", 0), TargetSlice("x", 1, Holding("X"))))
    changed = apply(ChangedPie("p", kept(a=1)), ChangedPie("", (*kept(p=1, q=1, r=1), TargetSlice("n", 1, new))))
    assert changed.received == {"p": 50, "n": 200}


def test_a_new_pie_at_zero_sells_what_is_moved_into_it() -> None:
    new = TargetSlice("n", 0, NewPie(kept(b=1)))
    changed = apply(ChangedPie("p", kept(a=1)), ChangedPie("", (*kept(p=1, q=1, r=1), new)))
    assert changed.received == {"p": 50, "": 200}
    assert changed.portfolio.value == account().value - 250


def test_moves_change_both_pies_and_sell_nothing() -> None:
    changed = apply(ChangedPie("p", kept(a=1, z=0, c=1)), ChangedPie("r", kept(b=1)))
    tree = flatten(changed.portfolio)
    values = dict(zip(tree.slice_ids, tree.value, strict=True))
    assert changed.moved == {"b", "c"}
    assert changed.received == {"p": 50}  # z alone
    assert (values["p"], values["r"], values["z"]) == (130, 200, 0)


def test_added_slices_start_empty_and_cash_is_untouched() -> None:
    portfolio = Portfolio(account().root, cash=77)
    event = TargetChange((ChangedPie("r", (*kept(c=1), TargetSlice("n", 1, Holding("N")))),))
    changed = apply_target_change(portfolio, event)
    assert changed.added == {"n"}
    assert (changed.received, changed.liquidated, changed.portfolio.cash) == ({}, (), 77)
    assert changed.portfolio.value == portfolio.value


def test_an_unfunded_slice_is_not_sold() -> None:
    empty = Portfolio(Pie((Slice("a", 1, Holding("A", 0)), Slice("b", 1, Holding("B", 5)))))
    assert apply_target_change(empty, TargetChange((ChangedPie("", kept(a=0, b=1)),))).liquidated == ()


def test_liquidated_in_listed_order_whatever_the_hash_seed() -> None:
    code = (
        "from solver import *; from solver.targets import apply_target_change as f;"
        "p = [Slice(f'p{i}', 1, Pie((Slice(f'h{i}', 1, Holding(f'H{i}', 1)),))) for i in range(6)];"
        "e = ChangedPie('', tuple(TargetSlice(f'p{i}', int(i == 5)) for i in range(6)));"
        "print(*(s.slice_id for s in f(Portfolio(Pie(tuple(p))), TargetChange((e,))).liquidated))"
    )
    for seed in "123":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout.split() == ["h0", "h1", "h2", "h3", "h4"]


AT = "events[0].target_change.pies"
FIELDS = [
    ((ChangedPie("r", kept(c=1, b=1)),), f"{AT}[0].slices[1].slice_id", "SLICE_IN_TWO_PIES"),
    ((ChangedPie("p", kept(a=1, p=1)),), f"{AT}[0].slices[1].slice_id", "PIE_INSIDE_ITSELF"),
    ((ChangedPie("p", (*kept(a=1), TargetSlice("n", 1, Holding("B")))),), f"{AT}[0].slices[1].holding.security_id", "LIQUIDATED_AND_ADDED"),
    ((ChangedPie("r", (*kept(c=1), TargetSlice("n", 1, NewPie((TargetSlice("x", 0, Holding("X")),))))),), f"{AT}[0].slices[1].pie.slices", "NO_POSITIVE_TARGET"),
    ((ChangedPie("r", kept(c=1)), ChangedPie("x", kept(a=1))), f"{AT}[1].slice_id", "UNKNOWN_SLICE_ID"),
    ((ChangedPie("r", kept(c=60), 100),), f"{AT}[0].weight_total", "WEIGHT_TOTAL_MISMATCH"),
    ((ChangedPie("r", (*kept(c=1), *(TargetSlice(f"m{i}", 1, Holding(f"M{i}")) for i in range(10_000)))),), AT, "TOO_MANY_SLICES"),
]  # fmt: skip


@pytest.mark.parametrize(("pies", "field", "reason"), FIELDS, ids=[reason for *_, reason in FIELDS])
def test_refused_at_its_own_field_and_for_nothing_else(pies: tuple[ChangedPie, ...], field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        apply(*pies)
    assert [(v.field, v.reason) for v in caught.value.violations] == [(field, reason)]


def nested(levels: int) -> NewPie:
    pie = NewPie((TargetSlice("bottom", 1, Holding("BOTTOM")),))
    for level in range(levels - 1):
        pie = NewPie((TargetSlice(f"d{level}", 1, pie),))
    return pie


def test_depth_is_bounded_not_recursed_into() -> None:
    """r's slices are at level 2, so a new pie in r may have MAX_DEPTH − 2 levels."""
    apply(ChangedPie("r", (*kept(c=1), TargetSlice("n", 1, nested(MAX_DEPTH - 2)))))
    for levels in (MAX_DEPTH - 1, MAX_DEPTH, 5_000):
        with pytest.raises(InvalidRequest) as caught:
            apply(ChangedPie("r", (*kept(c=1), TargetSlice("n", 1, nested(levels)))))
        assert {v.reason for v in caught.value.violations} == {"TOO_DEEP"}
        assert caught.value.violations[0].field.startswith(f"{AT}[0].slices[1].pie")


def test_a_chain_of_moves_too_deep_is_refused() -> None:
    many = 2_000
    pies = tuple(Slice(f"p{i}", 1, Pie((Slice(f"h{i}", 1, Holding(f"H{i}", 1)),))) for i in range(many))
    chain = [ChangedPie(f"p{i}", (TargetSlice(f"h{i}", 1), TargetSlice(f"p{i + 1}", 1))) for i in range(many - 1)]
    with pytest.raises(InvalidRequest) as caught:
        apply_target_change(Portfolio(Pie(pies)), TargetChange((ChangedPie("", kept(p0=1)), *chain)))
    assert {v.reason for v in caught.value.violations} == {"TOO_DEEP"}


def random_event(draw: random.Random, portfolio: Portfolio) -> TargetChange:
    """Any shuffle of slices between pies, many of them impossible."""
    tree = flatten(portfolio)
    named = [r for r in range(len(tree.parent)) if tree.children[r] and draw.random() < 0.6] or [0]
    bag = [c for p in named for c in tree.children[p]]
    draw.shuffle(bag)
    listed: dict[int, list[TargetSlice]] = {p: [] for p in named}
    for c in bag:
        home = tree.parent[c] if draw.random() < 0.7 else draw.choice(named)
        if draw.random() < 0.85:
            listed[home].append(TargetSlice(tree.slice_ids[c], draw.choice((0, 1, 1, 2))))
    for p in named:
        listed[p].append(TargetSlice(f"new{p}", draw.choice((0, 1)), Holding(f"NEW{p}")))
        if draw.random() < 0.3 and len(listed[p]) > 1:
            inner = (listed[p].pop(0), TargetSlice(f"x{p}", 1, Holding(f"X{p}")))
            listed[p].append(TargetSlice(f"pie{p}", draw.choice((0, 1)), NewPie(inner)))
    return TargetChange(tuple(ChangedPie(tree.slice_ids[p], tuple(slices)) for p, slices in listed.items()))


def refused_or_changed(before: Portfolio, event: TargetChange) -> Changed | None:
    try:
        return apply_target_change(before, event)
    except InvalidRequest as caught:
        refusal = caught
    assert all(v.field.startswith(AT) for v in refusal.violations), refusal
    return None


def test_any_change_is_refused_or_conserves_every_cent() -> None:
    draw, applied, sold = random.Random(7), 0, 0
    for _ in range(3_000):
        leaves = iter(range(100))

        def pie(depth: int, leaves: object = leaves) -> Pie:
            slices = []
            for _ in range(draw.randint(1, 3)):
                i = next(leaves)  # type: ignore[call-overload]
                inner = depth < 3 and draw.random() < 0.45
                slices.append(
                    Slice(
                        f"s{i}",
                        draw.choice((0, 1, 2)),
                        pie(depth + 1) if inner else Holding(f"S{i}", draw.choice((0, 7, 10**i % 997))),
                    )
                )
            return Pie((*slices, Slice(f"t{next(leaves)}", 1, Holding(f"T{i}", 3))))  # type: ignore[call-overload]

        before = Portfolio(pie(1), cash=5)
        event = random_event(draw, before)
        changed = refused_or_changed(before, event)
        if changed is None:
            continue
        applied, sold = applied + 1, sold + len(changed.liquidated)
        check_conservation(before, event, changed)
    assert applied > 300
    assert sold > 300


def named_zeros(event: TargetChange) -> set[str]:
    found, stack = set(), [pie.slices for pie in event.pies]
    while stack:
        for child in stack.pop():
            if child.target_weight == 0:
                found.add(child.slice_id)
            if isinstance(child.content, NewPie):
                stack.append(child.content.slices)
    return found


def check_conservation(before: Portfolio, event: TargetChange, changed: Changed) -> None:
    old, new = flatten(before), flatten(changed.portfolio)
    row = {slice_id: r for r, slice_id in enumerate(new.slice_ids)}
    proceeds = {s.slice_id: s.value for s in changed.liquidated}
    zeros = named_zeros(event)
    by_pie: dict[str, int] = {}
    for s in changed.liquidated:
        by_pie[s.pie_id] = by_pie.get(s.pie_id, 0) + s.value
    assert changed.received == by_pie
    assert before.value == changed.portfolio.value + sum(by_pie.values())
    assert changed.portfolio.cash == before.cash
    for pie_id in by_pie:  # the proceeds' pie is kept, and neither it nor a pie around it is liquidated
        at = row[pie_id]
        while at > 0:
            assert new.slice_ids[at] not in zeros
            at = new.parent[at]
    for r, slice_id in enumerate(old.slice_ids):  # a holding is kept whole or sold whole
        if old.security_ids[r]:
            kept_value = new.value[row[slice_id]] if slice_id in row else 0
            assert (kept_value, proceeds.get(slice_id, 0)) in ((old.value[r], 0), (0, old.value[r]))
    for slice_id in zeros:
        assert new.value[row[slice_id]] == 0


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
