"""Everything that a portfolio refuses, each fault by its own field, and the limits on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from solver import Holding, InvalidRequest, Pie, Portfolio, Rules, Slice
from solver.errors import SHOWN_VIOLATIONS, Violation
from solver.money import MAX_ID_BYTES, MAX_MONEY
from solver.portfolio import MAX_DEPTH, MAX_SLICES, MAX_WEIGHT


def leaf(slice_id: Any = "a", weight: Any = 1, security: Any = None, value: Any = 0) -> Slice:
    return Slice(slice_id, weight, Holding(str(slice_id).upper() if security is None else security, value))


def pie(*slices: Slice, total: int | None = None) -> Pie:
    return Pie(slices, total)


def deep(levels: int) -> Pie:
    root = pie(leaf("bottom"))
    for level in range(levels - 1):
        root = pie(Slice(f"d{level}", 1, root))
    return root


def faults(root: Pie, **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        Portfolio(root, **fields)
    return [(v.field, v.reason) for v in caught.value.violations]


AT = "portfolio.root.slices[0]"
OK = pie(leaf())
FAULTS: list[tuple[Pie, dict[str, Any], str, str]] = [
    (OK, {"cash": -1}, "portfolio.cash", "NEGATIVE_AMOUNT"),
    (OK, {"cash": 1.0}, "portfolio.cash", "NOT_AN_INTEGER"),
    (OK, {"cash": True}, "portfolio.cash", "NOT_AN_INTEGER"),
    (OK, {"currency_code": "usd"}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": ""}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": "ÄÖÜ"}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": "ZZZ"}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": "XAU"}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": ["USD"]}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": "DOLL"}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (OK, {"currency_code": None}, "portfolio.currency_code", "INVALID_CURRENCY"),
    (pie(), {}, "portfolio.root.slices", "EMPTY_PIE"),
    (pie(Slice("p", 1, pie())), {}, f"{AT}.pie.slices", "EMPTY_PIE"),
    (pie(leaf(weight=0)), {}, "portfolio.root.slices", "NO_POSITIVE_TARGET"),
    (pie(leaf(weight=60), leaf("b", 39), total=100), {}, "portfolio.root.weight_total", "WEIGHT_TOTAL_MISMATCH"),
    (pie(leaf("", security="A"), leaf("b")), {}, f"{AT}.slice_id", "MISSING_ID"),
    (pie(leaf(None), leaf("b")), {}, f"{AT}.slice_id", "MISSING_ID"),
    (pie(leaf("é" * 33, security="A")), {}, f"{AT}.slice_id", "ID_TOO_LONG"),
    (pie(leaf(security="")), {}, f"{AT}.holding.security_id", "MISSING_ID"),
    (pie(leaf(security="x" * 65)), {}, f"{AT}.holding.security_id", "ID_TOO_LONG"),
    (pie(leaf(), leaf(security="B")), {}, "portfolio.root.slices[1].slice_id", "DUPLICATE_SLICE_ID"),
    (pie(leaf(), Slice("p", 1, pie(leaf(security="B")))), {}, "portfolio.root.slices[1].pie.slices[0].slice_id", "DUPLICATE_SLICE_ID"),
    (pie(leaf(weight=-1), leaf("b", 2)), {}, f"{AT}.target_weight", "WEIGHT_OUT_OF_RANGE"),
    (pie(leaf(weight=MAX_WEIGHT + 1)), {}, f"{AT}.target_weight", "WEIGHT_OUT_OF_RANGE"),
    (pie(leaf(weight=0.5)), {}, f"{AT}.target_weight", "NOT_AN_INTEGER"),
    (pie(leaf(weight=True)), {}, f"{AT}.target_weight", "NOT_AN_INTEGER"),
    (pie(leaf(value=-1)), {}, f"{AT}.holding.value", "NEGATIVE_AMOUNT"),
    (pie(leaf(value=2.0)), {}, f"{AT}.holding.value", "NOT_AN_INTEGER"),
    (pie(leaf(value=MAX_MONEY), leaf("b", value=1)), {}, "portfolio", "AMOUNT_TOO_LARGE"),
    (pie(leaf(value=MAX_MONEY)), {"cash": 1}, "portfolio", "AMOUNT_TOO_LARGE"),
    (pie(*(leaf(f"s{i}") for i in range(MAX_SLICES + 1))), {}, "portfolio.root", "TOO_MANY_SLICES"),
    (deep(MAX_DEPTH + 1), {}, "portfolio.root" + ".slices[0].pie" * MAX_DEPTH, "TOO_DEEP"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("root", "fields", "field", "reason"), FAULTS, ids=[f"{i}-{f[3]}" for i, f in enumerate(FAULTS)]
)
def test_one_fault_is_one_violation(root: Pie, fields: dict[str, Any], field: str, reason: str) -> None:
    assert faults(root, **fields) == [(field, reason)]


def test_one_holding_above_the_most_money_is_named_itself() -> None:
    assert (f"{AT}.holding.value", "AMOUNT_TOO_LARGE") in faults(pie(leaf(value=MAX_MONEY + 1)))


def test_limits_are_allowed() -> None:
    Portfolio(deep(MAX_DEPTH))
    Portfolio(pie(*(leaf(f"s{i}") for i in range(MAX_SLICES))))
    Portfolio(pie(leaf("é" * (MAX_ID_BYTES // 2), MAX_WEIGHT, "A", MAX_MONEY), total=MAX_WEIGHT))
    for code in ("JPY", "RWF", "CHF", "TND"):
        Portfolio(pie(leaf(weight=0, value=3), leaf("b")), cash=0, currency_code=code)


def test_too_deep_by_thousands_is_refused_without_recursing() -> None:
    assert [reason for _, reason in faults(deep(5_000))] == ["TOO_DEEP"]


def test_every_fault_is_reported_pie_by_pie() -> None:
    inner = pie(leaf("b", weight=-1), leaf("c", value=-1))
    root = pie(Slice("p", 1, inner), leaf("", security=""), total=7)
    assert faults(root, cash=-1) == [
        ("portfolio.cash", "NEGATIVE_AMOUNT"),
        ("portfolio.root.weight_total", "WEIGHT_TOTAL_MISMATCH"),
        ("portfolio.root.slices[1].slice_id", "MISSING_ID"),
        ("portfolio.root.slices[1].holding.security_id", "MISSING_ID"),
        ("portfolio.root.slices[0].pie.slices", "NO_POSITIVE_TARGET"),
        (f"{AT}.pie.slices[0].target_weight", "WEIGHT_OUT_OF_RANGE"),
        (f"{AT}.pie.slices[1].holding.value", "NEGATIVE_AMOUNT"),
    ]


def test_ten_thousand_faults_are_all_kept_and_few_are_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Portfolio(pie(*(leaf(f"s{i}", 1, None, -1) for i in range(MAX_SLICES))))
    assert len(caught.value.violations) == MAX_SLICES
    assert str(caught.value).endswith(f"; and {MAX_SLICES - SHOWN_VIOLATIONS} more")


def test_an_error_names_field_and_remedy() -> None:
    error = InvalidRequest((Violation("portfolio.cash", "NEGATIVE_AMOUNT", "is -1; it must be at least 0"),))
    assert str(error) == "portfolio.cash: is -1; it must be at least 0"


def test_value_is_everything_below_without_cash() -> None:
    portfolio = Portfolio(pie(leaf(value=5), Slice("p", 1, pie(leaf("b", value=7), leaf("c", 0, value=1)))), cash=100)
    assert portfolio.value == 13
    assert replace(portfolio, cash=0).value == 13


@pytest.mark.parametrize("minimum", [-1, 1.5, True, MAX_MONEY + 1])
def test_a_minimum_trade_is_money(minimum: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Rules(minimum)
    assert [v.field for v in caught.value.violations] == ["rules.min_trade"]
