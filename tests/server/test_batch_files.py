"""``piewise batch`` and ``piewise verify`` on files: what they write, what stops them, and that nothing is lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from server import cli, parts
from server.book import BOOK, book
from server.columns_arrow import accounts_of
from server.parts import job_of, only_one, read
from server.spreading import Execution, Stopped, spread
from solver import Engine, InvalidRequest
from solver.bulk import plan_columns

ROOT = Path(__file__).parents[2]
AUTO = ("--solver-engine", "AUTO")
DONE, FOUND, BAD_REQUEST, STOPPED = range(4)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def some(accounts: int, seed: int = 1) -> pa.Table:
    return pa.Table.from_batches(book(accounts, seed))


def written(table: pa.Table, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of different books."""
    where = tmp_path_factory.mktemp("accounts")
    for seed in range(3):
        written(some(40, seed), where / f"{seed}.parquet")
    return where


@pytest.fixture(scope="module")
def planned(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "plans"
    done = run("batch", folder, out, *AUTO)
    assert done.exit_code == DONE, done.output
    assert "120" in done.output
    assert "OPTIMAL" in done.output
    return out


def outputs(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("plans-*.parquet"))}


def test_plans_are_those_of_plan_columns_in_the_order_of_the_accounts(folder: Path, planned: Path) -> None:
    assert list(outputs(planned)) == [f"plans-0000{n}-00000.parquet" for n in range(3)]
    for seed, name in enumerate(outputs(planned)):
        there, asked = pq.read_table(planned / name), pq.read_table(folder / f"{seed}.parquet")
        expected = plan_columns(accounts_of(asked.combine_chunks().to_batches()[0])[0], Engine.AUTO).plans
        assert there["account_id"].to_pylist() == asked["account_id"].to_pylist()
        assert there["slice_id"].to_pylist() == asked["slice_id"].to_pylist()
        assert np.array_equal(there["trade"].combine_chunks().values.to_numpy(), expected.trade)
        assert there["cash_after"].to_pylist() == expected.cash_after.tolist()
        assert there["error"].null_count == 40


def test_everything_can_be_verified(folder: Path, planned: Path) -> None:
    checked = run("verify", folder, planned, *AUTO)
    assert checked.exit_code == DONE, checked.output
    assert "120 plans and 0 refusals checked, 0 faulty" in checked.output


def test_blocked_sides_in_files_are_kept_to(tmp_path: Path) -> None:
    """Every other holding is bought no more; what was planned without that is found by ``verify``."""
    table = some(40)
    blocked = [[row % 2 * (row not in parent) for row in range(len(parent))] for parent in table["parent"].to_pylist()]
    told = table.append_column("blocked", pa.array(blocked, pa.list_(pa.int64())))
    asked, out = written(told, tmp_path / "accounts.parquet"), tmp_path / "out"
    assert run("batch", asked, out, *AUTO).exit_code == DONE
    plans = out / "plans-00000-00000.parquet"
    there = pq.read_table(plans)
    free = plan_columns(accounts_of(table.combine_chunks().to_batches()[0])[0], Engine.AUTO).plans
    trade, sides = there["trade"].combine_chunks().values.to_numpy(), np.concatenate(blocked)
    assert there["error"].null_count == 40
    assert not ((trade > 0) & (sides > 0)).any()
    assert ((free.trade > 0) & (sides > 0)).any()
    assert "40 plans and 0 refusals checked, 0 faulty" in run("verify", asked, out, *AUTO).output
    unblocked = tmp_path / "free"
    assert run("batch", written(table, tmp_path / "free.parquet"), unblocked, *AUTO).exit_code == DONE
    rewrite(pq.read_table(unblocked / "plans-00000-00000.parquet"), plans)
    checked = run("verify", asked, out, *AUTO)
    assert checked.exit_code == FOUND
    assert "BLOCKED:" in checked.output


def spoiled(table: pa.Table, column: str, row: int) -> pa.Table:
    figures = table[column].to_pylist()
    if isinstance(figures[row], list):
        at = next(at for at, figure in enumerate(figures[row]) if figure)
        figures[row][at] += 1
    elif isinstance(figures[row], str):
        figures[row] += "?"
    else:
        figures[row] = (figures[row] or 0) + 1
    where = table.column_names.index(column)
    return table.set_column(where, column, pa.array(figures, table.schema.field(column).type))


def rewrite(table: pa.Table, path: Path) -> None:
    """Another table with the same tally."""
    tally = pq.read_metadata(path).metadata[parts.TALLY]
    pq.write_table(table.replace_schema_metadata({parts.TALLY: tally}), path)


@pytest.mark.parametrize("column", ["trade", "cash_after", "tracking_error", "account_id"])
def test_verify_finds_what_is_spoiled(column: str, folder: Path, planned: Path, tmp_path: Path) -> None:
    out = tmp_path / "plans"
    shutil.copytree(planned, out)
    whole = pq.read_table(out / "plans-00001-00000.parquet")
    rewrite(spoiled(whole, column, 7), out / "plans-00001-00000.parquet")
    checked = run("verify", folder, out, *AUTO)
    assert checked.exit_code == FOUND, checked.output
    assert "1 faulty" in checked.output
    assert "plans-00001-00000.parquet   7" in checked.output


def test_verify_asks_again_for_what_was_refused(folder: Path, planned: Path, tmp_path: Path) -> None:
    out, name = tmp_path / "plans", "plans-00000-00000.parquet"
    shutil.copytree(planned, out)
    whole = pq.read_table(out / name)
    errors = [{"reason": "WITHDRAWAL_EXCEEDS_PORTFOLIO", "description": ""}, *[None] * 39]
    kept = pa.array(errors, whole.schema.field("error").type)
    rewrite(whole.set_column(1, "error", kept), out / name)
    checked = run("verify", folder, out, *AUTO)
    assert checked.exit_code == FOUND
    assert "can be planned" in checked.output


def test_a_missing_file_is_planned_again_and_only_that(folder: Path, planned: Path, tmp_path: Path) -> None:
    out = tmp_path / "plans"
    shutil.copytree(planned, out)
    before, kept = outputs(out), out / "plans-00000-00000.parquet"
    stamp = kept.stat().st_mtime_ns
    (out / "plans-00001-00000.parquet").unlink()
    cut = out / "plans-00002-00000.parquet"
    cut.write_bytes(cut.read_bytes()[:-9])
    assert run("verify", folder, out, *AUTO).exit_code == BAD_REQUEST
    again = run("batch", folder, out, *AUTO)
    assert "done before" in again.output
    assert outputs(out) == before
    assert kept.stat().st_mtime_ns == stamp


def test_a_file_of_other_accounts_is_not_done(folder: Path, planned: Path, tmp_path: Path) -> None:
    """It is whole, but has not as many rows as its part."""
    out, name = tmp_path / "plans", "plans-00001-00000.parquet"
    shutil.copytree(planned, out)
    rewrite(pq.read_table(out / name).slice(1), out / name)
    checked = run("verify", folder, out, *AUTO)
    assert (checked.exit_code, "1 of 3 files are missing" in checked.output) == (BAD_REQUEST, True)
    assert run("batch", folder, out, *AUTO).exit_code == DONE
    assert outputs(out) == outputs(planned)


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "server.cli", *map(str, words)]


def test_killed_midway_it_goes_on(tmp_path: Path) -> None:
    for number in range(8):
        written(some(100, number), tmp_path / "in" / f"{number}.parquet")
    words = ("batch", tmp_path / "in", tmp_path / "out", "--workers", "1", *AUTO)
    job = subprocess.Popen(command(*words), cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    while not outputs(tmp_path / "out") and job.poll() is None:
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    there = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in outputs(tmp_path / "out")}
    assert 0 < len(there) < 8
    assert run(*words).exit_code == DONE
    assert run("batch", tmp_path / "in", tmp_path / "undisturbed", *AUTO).exit_code == DONE
    assert outputs(tmp_path / "out") == outputs(tmp_path / "undisturbed")
    assert len(outputs(tmp_path / "out")) == 8
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == stamp for name, stamp in there.items())
    assert not list((tmp_path / "out").glob(".plans*"))


def test_a_full_disk_stops_it_and_leaves_nothing_half(tmp_path: Path) -> None:
    asked, out = written(some(300), tmp_path / "accounts.parquet"), tmp_path / "out"

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = command("batch", asked, out, *AUTO)
    full = subprocess.run(words, cwd=ROOT, preexec_fn=little_room, capture_output=True, text=True, check=False)
    assert full.returncode == STOPPED, full.stderr
    assert "File too large" in full.stderr
    assert sorted(path.name for path in out.iterdir()) == [".lock", "manifest.json"]
    assert run("batch", asked, out, *AUTO).exit_code == DONE
    assert run("verify", asked, out, *AUTO).exit_code == DONE


def test_pages_that_are_no_more_what_was_written_stop_it(tmp_path: Path) -> None:
    asked = written(some(300), tmp_path / "accounts.parquet")
    data = bytearray(asked.read_bytes())
    data[2_000:20_000] = bytes(18_000)
    asked.write_bytes(data)
    done = run("batch", asked, tmp_path / "out", *AUTO)
    assert done.exit_code == STOPPED, done.output
    assert "accounts.parquet" in done.output
    assert not outputs(tmp_path / "out")


def dies(task: str) -> str:
    os._exit(7)


def fails(task: str) -> str:
    raise ValueError(f"what is {task}?")


@pytest.mark.parametrize(("work", "told"), [(dies, "a worker stopped"), (fails, "what is one")])
def test_a_worker_that_dies_is_an_error(work: object, told: str) -> None:
    with pytest.raises(Stopped, match=told):
        list(spread(work, ["one"], Execution(workers=1)))  # type: ignore[arg-type]


def test_telemetry_is_off() -> None:
    list(spread(fails, [], Execution()))
    from daft.scarf_telemetry import opted_out

    assert opted_out()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


TABLE = some(3)
WRONG = {
    "missing": (TABLE.drop_columns(["value"]), "value: is not there", "MISSING_COLUMN"),
    "text": (TABLE.set_column(2, "amount", pa.array(["1", "2", "3"])), "amount: has the type string", "WRONG_TYPE"),
    "floats": (TABLE.set_column(4, "cash", pa.array([1.0, 2.0, 3.0])), "give int64", "WRONG_TYPE"),
    "no list": (TABLE.set_column(6, "parent", pa.array([1, 2, 3])), "parent: has the type int64", "WRONG_TYPE"),
    "twice": (TABLE.append_column("cash", pa.array([1, 2, 3])), "cash: is there 2 times", "REPEATED_COLUMN"),
}


@pytest.mark.parametrize("case", WRONG)
def test_another_schema_is_refused_by_column(case: str, tmp_path: Path) -> None:
    table, told, reason = WRONG[case]
    done = run("batch", written(table, tmp_path / "wrong.parquet"), tmp_path / "out")
    assert done.exit_code == BAD_REQUEST
    assert f"wrong.parquet: {told}" in done.output or told in done.output
    assert reason in done.output
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "EMPTY_FILE"), (b"no Parquet" * 9, "NOT_PARQUET"), (None, "UNREADABLE")]
)
def test_files_that_are_none_are_refused(data: bytes | None, reason: str, tmp_path: Path) -> None:
    """And one that is fine beside them is not begun."""
    written(TABLE, tmp_path / "in" / "good.parquet")
    if data is None:
        (tmp_path / "in" / "bad.parquet").symlink_to("nowhere")
    else:
        (tmp_path / "in" / "bad.parquet").write_bytes(data)
    done = run("batch", tmp_path / "in", tmp_path / "out")
    assert (done.exit_code, reason in done.output, "bad.parquet" in done.output) == (BAD_REQUEST, True, True)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    asked = written(TABLE, tmp_path / "cut.parquet")
    asked.write_bytes(asked.read_bytes()[:-100])
    done = run("batch", asked, tmp_path / "out")
    assert done.exit_code == BAD_REQUEST
    assert "NOT_PARQUET" in done.output


def test_no_accounts_are_no_plans(tmp_path: Path) -> None:
    asked = written(TABLE.slice(0, 0), tmp_path / "none.parquet")
    assert run("batch", asked, tmp_path / "out", *AUTO).exit_code == DONE
    assert pq.read_table(tmp_path / "out" / "plans-00000-00000.parquet").num_rows == 0
    assert run("verify", asked, tmp_path / "out", *AUTO).exit_code == DONE


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    asked = written(TABLE, tmp_path / "in" / "accounts.parquet")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for out, reason in (("full", "NOT_EMPTY"), ("full/thesis.txt", "NOT_A_FOLDER")):
        done = run("batch", asked, tmp_path / out, *AUTO)
        assert (done.exit_code, reason in done.output) == (BAD_REQUEST, True), done.output
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"
    assert "NO_MANIFEST" in run("verify", asked, tmp_path / "full", *AUTO).output
    assert "NO_INPUT" in run("batch", tmp_path / "full", tmp_path / "out", *AUTO).output


def test_another_job_is_refused(folder: Path, planned: Path, tmp_path: Path) -> None:
    mine, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(folder, mine)
    shutil.copytree(planned, out)
    assert "other options" in run("batch", mine, out, "--solver-engine", "HIGHS").output
    os.utime(mine / "1.parquet", ns=(0, 1))
    changed = run("batch", mine, out, *AUTO)
    assert changed.exit_code == BAD_REQUEST
    assert "1.parquet has changed" in changed.output
    (mine / "1.parquet").unlink()
    assert "1.parquet is gone" in run("batch", mine, out, *AUTO).output
    (out / "manifest.json").write_text("{")
    assert "NOT_A_MANIFEST" in run("batch", mine, out, *AUTO).output


def test_two_at_once_are_refused(folder: Path, tmp_path: Path) -> None:
    with only_one(tmp_path / "out"):
        done = run("batch", folder, tmp_path / "out", *AUTO)
    assert (done.exit_code, "IN_USE" in done.output) == (BAD_REQUEST, True)


@pytest.mark.parametrize(("groups", "part"), [(5, 10), (100, 7), (3, 100), (64, 16), (1, 1)])
def test_parts_are_every_account_once(groups: int, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ACCOUNTS", part)
    pq.write_table(some(100), tmp_path / "accounts.parquet", row_group_size=groups)
    found = job_of(str(tmp_path / "accounts.parquet"), {}).parts
    ids = [name for one in found for batch in read(one) for name in batch.column("account_id").to_pylist()]
    assert ids == some(100)["account_id"].to_pylist()
    assert all(one.accounts <= max(part, -(-groups // parts.PIECES), part + groups) for one in found)
    assert len({one.output for one in found}) == len(found)
    assert len(found) > 1 or part >= 100


def test_no_more_rows_at_once_than_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 250)
    only = job_of(str(written(some(100), tmp_path / "accounts.parquet")), {}).parts[0]
    assert [batch.num_rows for batch in read(only)] == [9] * 11 + [1]  # of 25.4 rows each, taken as 26


def test_patterns_and_folders_below_are_files_too(tmp_path: Path) -> None:
    written(TABLE, tmp_path / "a" / "1.parquet")
    written(TABLE, tmp_path / "b" / "1.parquet")
    for asked in (str(tmp_path), str(tmp_path / "*" / "1.parquet")):
        assert [one["name"] for one in job_of(asked, {}).inputs] == ["a/1.parquet", "b/1.parquet"]
    with pytest.raises(InvalidRequest, match="fits no file"):
        job_of(str(tmp_path / "*.parquet"), {})


def test_a_bad_row_costs_only_itself(tmp_path: Path) -> None:
    rows = [dict(row) for row in TABLE.to_pylist() * 3]
    rows[1]["cash"] = None
    rows[3]["value"] = rows[3]["value"][:-1]
    rows[4]["event"] = "DIVIDEND"
    rows[6]["parent"] = [-1, None, *rows[6]["parent"][2:]]
    rows[7]["amount"] = -5
    asked = written(pa.Table.from_pylist(rows, BOOK), tmp_path / "accounts.parquet")
    done = run("batch", asked, tmp_path / "out", *AUTO)
    assert done.exit_code == DONE
    there = pq.read_table(tmp_path / "out" / "plans-00000-00000.parquet").to_pylist()
    reasons = [row["error"] and row["error"]["reason"] for row in there]
    faults = {1: "NULL_VALUE", 3: "WRONG_LENGTH", 4: "UNKNOWN_EVENT", 6: "NULL_VALUE", 7: "NEGATIVE_AMOUNT"}
    assert reasons == [faults.get(row) for row in range(9)]
    assert there[2] == there[5] == there[8]
    assert there[0]["quality"] == "OPTIMAL"
    assert there[1]["trade"] is None
    assert "cash: is null" in there[1]["error"]["description"]
    assert "is DIVIDEND" in there[4]["error"]["description"]
    assert run("verify", asked, tmp_path / "out", *AUTO).exit_code == DONE


def test_a_ray_cluster_gives_the_same_plans(folder: Path, planned: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = command("batch", folder, tmp_path / "out", "--engine", "ray", "--workers", "2", *AUTO)
    home = os.environ | {"HOME": str(tmp_path)}  # where Ray keeps a token of its own
    done = subprocess.run(words, cwd=ROOT, env=home, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == DONE, done.stderr
    assert outputs(tmp_path / "out") == outputs(planned)


def test_no_cluster_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    done = run("batch", folder, tmp_path / "out", "--engine", "ray", "--address", "127.0.0.1:1", *AUTO)
    assert done.exit_code == STOPPED
    assert "no Ray cluster at 127.0.0.1:1" in done.output
    assert "--engine ray" in run("batch", folder, tmp_path / "out", "--address", "127.0.0.1:1").output
