"""Arrow columns: what they say, however they are stored, and that plans come back as they were written.

docs/COLUMNS.md lists the columns, and a book is what it says of itself.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.book import BLOCK, BOOK, INSIDE, SHARES, book
from server.columns_arrow import ACCOUNTS, LISTS, OPTIONAL, PLANS, accounts_of, check_schema, plans_batch, plans_of
from solver import Engine
from solver.bulk import Planned, plan_columns
from solver.columns import EventKind, Plans, account_of, part
from solver.errors import InvalidRequest

DOC = (Path(__file__).parents[2] / "docs" / "COLUMNS.md").read_text()
SOME = next(book(60, 7))


def listed(heading: str) -> list[tuple[str, str]]:
    """Name and type of every column in the table under ``heading``."""
    section = DOC.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, re.MULTILINE)


@pytest.mark.parametrize(("heading", "schema"), [("Accounts", ACCOUNTS), ("Plans", PLANS)])
def test_the_page_lists_the_columns(heading: str, schema: pa.Schema) -> None:
    def told(kind: pa.DataType) -> str:
        if pa.types.is_list(kind):
            return f"list of {told(kind.value_type)}"
        if pa.types.is_struct(kind):
            return "struct of " + ", ".join(f"{one.name} {told(one.type)}" for one in kind)
        return told(kind.value_type) if pa.types.is_dictionary(kind) else str(kind)

    assert listed(heading) == [(field.name, told(field.type)) for field in schema]


def test_the_page_lists_the_events() -> None:
    assert re.findall(r"^\| `([A-Z_]+)` \|", DOC, re.MULTILINE)[: len(EventKind)] == [kind.name for kind in EventKind]


def stored(name: str, kind: pa.DataType) -> pa.RecordBatch:
    at = SOME.schema.get_field_index(name)
    return SOME.set_column(at, name, SOME.column(at).cast(kind))


STORED = {
    "as written": SOME,
    "large lists": stored("parent", pa.large_list(pa.int64())),
    "small numbers": stored("target_weight", pa.list_(pa.int16())),
    "a category": SOME.set_column(1, "event", SOME.column(1).dictionary_encode()),
    "large strings": stored("event", pa.large_string()),
}


@pytest.mark.parametrize("how", STORED)
def test_columns_say_the_same_however_they_are_stored(how: str) -> None:
    check_schema(STORED[how].schema)
    found, faults = accounts_of(STORED[how])
    assert not faults
    for column, expected in zip(found, accounts_of(SOME)[0], strict=True):
        assert column.dtype == np.int64
        assert np.array_equal(column, expected)


@pytest.mark.parametrize("kind", [pa.uint64(), pa.float64(), pa.string(), pa.bool_(), pa.list_(pa.int64())])
def test_a_column_that_could_lose_something_is_refused(kind: pa.DataType) -> None:
    schema = ACCOUNTS.set(2, pa.field("amount", kind))
    with pytest.raises(InvalidRequest) as refused:
        check_schema(schema)
    assert [(v.field, v.reason) for v in refused.value.violations] == [("amount", "WRONG_TYPE")]


def test_every_missing_column_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_schema(pa.schema([("else", pa.int64())]))
    assert [v.field for v in refused.value.violations] == [name for name in ACCOUNTS.names if name not in OPTIONAL]


def test_columns_that_may_be_left_out() -> None:
    bare = SOME.drop_columns(["account_id", "slice_id"])  # and nothing is blocked
    check_schema(bare.schema)
    accounts, faults = accounts_of(bare)
    made = plans_batch(bare, accounts, plan_columns(accounts, Engine.AUTO), faults)
    assert made["account_id"].null_count == made["slice_id"].null_count == 60


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_any_part_of_a_table_is_read_as_itself(one: int, other: int) -> None:
    """A slice of Arrow columns begins in the middle of its values."""
    first, last = sorted((one, other))
    found, faults = accounts_of(SOME.slice(first, last - first))
    assert not faults
    for column, expected in zip(found, part(accounts_of(SOME)[0], first, last), strict=True):
        assert np.array_equal(column, expected)


def test_what_is_null_is_told_by_row_and_column() -> None:
    rows = SOME.slice(0, 8).to_pylist()
    for row, name in ((0, "value"), (3, "target_weight"), (6, "parent"), (7, "value")):
        rows[row][name] = [*rows[row][name][:-1], None]
    rows[4]["event_row"] = rows[5]["event"] = rows[5]["parent"] = None
    part_of_it = pa.RecordBatch.from_pylist(rows, BOOK).slice(1, 6)
    accounts, faults = accounts_of(part_of_it)
    told = {row: (refusal.reason, refusal.description.split(":")[0]) for row, refusal in faults.items()}
    assert told == {
        row: ("NULL_VALUE", name) for row, name in {2: "target_weight", 3: "event_row", 4: "event", 5: "parent"}.items()
    }
    assert np.flatnonzero(np.diff(accounts.start) == 0).tolist() == [2, 3, 4, 5]
    good = accounts_of(SOME.slice(1, 2))[0]
    for name in ("parent", "target_weight", "value"):
        assert np.array_equal(getattr(accounts, name), getattr(good, name))


def with_blocked(lists: list[list[int | None] | None]) -> pa.RecordBatch:
    return SOME.slice(0, len(lists)).append_column("blocked", pa.array(lists, pa.list_(pa.int64())))


def test_blocked_sides_are_read_where_they_are_told() -> None:
    sizes = np.diff(accounts_of(SOME)[0].start)[:5].tolist()
    told = with_blocked([[0] * size for size in sizes]).slice(1, 3)
    check_schema(told.schema)
    free, _ = accounts_of(SOME.slice(1, 3))
    assert np.array_equal(accounts_of(told)[0].blocked, free.blocked)
    lists = [[row % 4 for row in range(size)] for size in sizes]
    found, faults = accounts_of(with_blocked(lists).slice(1, 3))
    assert not faults
    assert found.blocked.tolist() == [*lists[1], *lists[2], *lists[3]]
    assert not free.blocked.any()
    assert len(free.blocked) == len(free.parent)


def test_blocked_sides_that_do_not_fit_cost_their_own_row() -> None:
    sizes = np.diff(accounts_of(SOME)[0].start)[:5].tolist()
    lists = [[1] * size for size in sizes]
    lists[1], lists[2], lists[3] = lists[1][:-1], None, [*lists[3][:-1], None]
    found, faults = accounts_of(with_blocked(lists))
    assert {row: (one.reason, one.description.split(":")[0]) for row, one in faults.items()} == {
        1: ("WRONG_LENGTH", "blocked"),
        2: ("NULL_VALUE", "blocked"),
        3: ("NULL_VALUE", "blocked"),
    }
    assert np.diff(found.start).tolist() == [sizes[0], 0, 0, 0, sizes[4]]
    assert found.blocked.tolist() == [1] * (sizes[0] + sizes[4])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_plans_come_back_as_they_were_written(data: st.DataObject) -> None:
    """Those of every account that has one; in between lie some that have none."""
    count = data.draw(st.integers(1, 12))
    batch = SOME.slice(data.draw(st.integers(0, 40)), count)
    accounts, faults = accounts_of(batch)
    planned = drawn(data, accounts.start)
    made = plans_batch(batch, accounts, planned, faults).combine_chunks().to_batches()[0]
    kept = [a for a in range(count) if a not in planned.refusals]
    assert [error is None for error in made.column("error").to_pylist()] == [a in kept for a in range(count)]
    there, offsets = plans_of(made.filter(made.column("error").is_null()))
    wanted = of_those(planned.plans, accounts.start, kept)
    assert np.array_equal(offsets, np.concatenate(([0], np.cumsum(np.diff(accounts.start)[kept]))))
    for name, column, expected in zip(Plans._fields, there, wanted, strict=True):
        assert column.dtype == expected.dtype, name
        assert np.array_equal(column, expected), name


def drawn(data: st.DataObject, start: np.ndarray) -> Planned:
    """Plans of any figures, some refused."""
    from solver.columns import Refusal, no_plans

    count, rng = len(start) - 1, np.random.default_rng(data.draw(st.integers(0, 2**32)))
    plans = no_plans(count, int(start[-1]))
    refusals = {a: Refusal("OUT_OF_TIME", "there is no plan") for a in range(count) if data.draw(st.booleans())}
    changed = {}
    for offsets, names in LISTS.items():
        sizes = np.where([a in refusals for a in range(count)], 0, rng.integers(4, size=count))
        changed[offsets] = np.concatenate(([0], np.cumsum(sizes)))
        changed |= dict.fromkeys(names, np.zeros(sizes.sum()))
    for name in set(Plans._fields) - {"evidence_start", "cut_start"}:
        kind = getattr(plans, name).dtype
        size = len(changed.get(name, getattr(plans, name)))
        most = 3 if name in ("quality", "bound_source") else 8 if name == "engine" else 1_000
        changed[name] = rng.integers(1, most, size=size).astype(kind)
    return Planned(plans._replace(**changed), refusals, np.arange(0))


def of_those(plans: Plans, start: np.ndarray, kept: list[int]) -> Plans:
    """The plans of the accounts ``kept``."""
    columns = {}
    for name in Plans._fields:
        by = {"evidence_start": plans.evidence_start, "cut_start": plans.cut_start}.get(name)
        entries = {"trade": start, "ideal": start}
        entries |= dict.fromkeys(LISTS["evidence_start"], plans.evidence_start)
        entries |= dict.fromkeys(LISTS["cut_start"], plans.cut_start)
        column = getattr(plans, name)
        if by is not None:
            columns[name] = np.concatenate(([0], np.cumsum(np.diff(by)[kept]))).astype(np.int64)
        elif name in entries:
            at = entries[name]
            pieces = [column[at[a] : at[a + 1]] for a in kept]
            columns[name] = np.concatenate(pieces) if pieces else column[:0]
        else:
            columns[name] = column[kept]
    return Plans(**columns)


def test_a_book_is_what_it_says_of_itself() -> None:
    made = next(book(BLOCK, 3))
    accounts, faults = accounts_of(made)
    assert not faults
    share = np.bincount(accounts.event, minlength=6) / BLOCK
    for kind, expected in SHARES.items():
        assert share[kind] == pytest.approx(expected, abs=0.02)
    moved = np.isin(accounts.event, (EventKind.REBALANCE, EventKind.REBALANCE_SHALLOW))
    assert (accounts.event_row[moved] > 0).mean() == pytest.approx(INSIDE, abs=0.03)
    assert (accounts.min_trade == 100).all()
    assert 0.9 < np.median(np.log10(np.add.reduceat(accounts.value, accounts.start[:-1]))) / 5.7 < 1.1
    for a in range(0, BLOCK, 500):
        portfolio = account_of(accounts, a)[0]
        assert len(portfolio.root.slices) in (4, 5)
    names = [set(one) for one in made.column("slice_id").slice(0, 50).to_pylist()]
    assert all(len(one) == 25 or len(one) == 26 for one in names)
    assert all("portfolio" in one and "Pie 4" in one for one in names)


def test_a_longer_book_begins_with_the_shorter() -> None:
    whole = pa.Table.from_batches(book(BLOCK + 10, 5))
    assert whole.slice(0, 20).equals(pa.Table.from_batches(book(20, 5)))
    assert whole.num_rows == BLOCK + 10
    assert whole["account_id"][BLOCK].as_py() == f"account-{BLOCK:09d}"
    assert whole["value"][0] != whole["value"][BLOCK]
