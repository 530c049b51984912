"""Runs compared by what is stored of them in columns: link by link, step by step, field by field."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from made import Made
from nightly import every
from revision_0002 import upgraded
from stage7_runs import BUSY, rows_of

from meva_adapters.codec import CODEC
from meva_adapters.sql import reader
from meva_cli.app import run
from meva_core.fingerprint import NO_LINK, Digester
from meva_core.params import COLUMNS_IF_SET
from meva_core.reasons import CODES
from meva_core.settings.build import VARIABLES
from meva_core.stretches.body import pack
from meva_core.stretches.layout import SIZES, kind_of
from meva_core.stretches.opened import Opened, whole
from meva_core.stretches.recorded import recorded_run

Meva = Callable[..., Any]
CYCLES = 20


@pytest.fixture(scope="module")
def first(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with a run of which columns only are stored, not to be changed."""
    db = tmp_path_factory.mktemp("first") / "a.db"
    shutil.copy(made.schema, db)
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in BUSY.items():
            patch.setenv(name, value)
        options = ("--engine", "interpreted", "--cycles", str(CYCLES), "--trace", "columns")
        assert run(["backtest", "--data", str(made.data), "--db", str(db), *options]) == 0
    return db


def change(db: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        assert connection.execute(statement, values).rowcount


def decide_otherwise(db: Path, changed: Callable[[Opened], None]) -> None:
    """Change the columns of the only stretch of a database, as another engine would have decided them: links
    and checksum are those of the columns."""
    with reader(db) as store, store.read() as view:
        [row] = view.runs()
        [stored] = view.stretches(row["run_id"])
    one = recorded_run(row, CODEC.decode)
    opened = one.opened(stored, CODEC.columns(), None)
    journal = opened.out.journal
    groups = {"market": opened.market, "inputs": opened.inputs, "rules": opened.rules, "ends": journal}
    groups |= {name: getattr(journal, name) for name in SIZES if hasattr(journal, name)}
    there = {frame.group for frame in opened.layout.frames}
    groups |= {name: getattr(opened.out, name) for name in there - groups.keys() if hasattr(opened.out, name)}
    changed(opened)
    groups["rules"] = whole(opened.rules, kind_of("rules"))
    groups |= {
        name: whole(groups[name], kind_of(name)) for name in SIZES if name in groups and name != "rules"
    }
    digester, links = Digester(one.symbols, one.params, NO_LINK), b""
    for span in opened.spans():
        digests = digester.digest(span.market, span.rules, span.out, 0, span.cycles)
        links += b"".join(digest.link for digest in digests)
    other = evolve(stored, links=links, body=pack(opened.layout, groups, CODEC.columns()))
    change(
        db,
        "UPDATE stage7_stretches SET links = ?, body = ?, sha256 = ?",
        *(other.links, other.body, other.checksum()),
    )


def opened_of(db: Path) -> Opened:
    with reader(db) as store, store.read() as view:
        [row] = view.runs()
        [stored] = view.stretches(row["run_id"])
    return recorded_run(row, CODEC.decode).opened(stored, CODEC.columns(), None)


def first_difference(meva: Meva, a: Path, b: Path) -> dict[str, Any]:
    ended = meva("parity", a, b, "--json")
    assert ended.code == 1, ended.out + ended.err
    found: dict[str, Any] = ended.document["first_difference"]
    return found


@pytest.mark.parametrize("step", ["measure", "assess", "select", "plan", "account"])
def test_whatever_column_a_step_put_out_otherwise_a_field_is_named(
    meva: Meva, first: Path, tmp_path: Path, step: str
) -> None:
    """Documents show some of them, the columns all; those of a strategy belong to no run without one. Every
    other column is looked at, in nightly runs all."""
    off = {column for columns in COLUMNS_IF_SET.values() for column in columns}
    names = getattr(opened_of(first).out, step)._fields
    shown = [name for name in names if f"{step}.{name}" not in off]
    for name in every(2, shown):
        shutil.copy(first, tmp_path / "b.db")

        def other(opened: Opened, name: str = name) -> None:
            column = getattr(getattr(opened.out, step), name)
            if name == "rank":  # a number of a symbol, and what is none of one is damage
                column[7] = (column[7] + 1) % column.shape[1]
            elif name.endswith("code"):  # and of a reason
                column[7] = np.where(column[7] == min(CODES), max(CODES), min(CODES))
            else:
                column[7] = 1 - column[7] if column.max() <= 1 and column.min() >= 0 else column[7] + 1

        decide_otherwise(tmp_path / "b.db", other)
        found = first_difference(meva, first, tmp_path / "b.db")
        assert (found["step"], found["cycle_ts"]) == (step, "2026-01-01T00:07:00Z"), name
        assert found["field"] != "digest", name
        assert found["a"] != found["b"], name
        assert found["inputs_equal"] is True


def test_a_number_that_no_document_shows_is_named_as_the_column_has_it(
    meva: Meva, first: Path, tmp_path: Path
) -> None:
    shutil.copy(first, tmp_path / "b.db")
    before = int(opened_of(first).out.measure.book_age[9, 1])

    def other(opened: Opened) -> None:
        opened.out.measure.book_age[9, 1] += 3

    decide_otherwise(tmp_path / "b.db", other)
    found = first_difference(meva, first, tmp_path / "b.db")
    assert (found["step"], found["field"]) == ("measure", "measure.book_age[ETHTRY]")
    assert (found["a"], found["b"]) == (before, before + 3)
    told = meva("parity", first, tmp_path / "b.db", "--explain").out
    assert f"a decision differs: measure.book_age[ETHTRY] is {before} in A and {before + 3} in B" in told


def test_rows_of_the_journal_are_named_by_their_place_in_the_cycle(
    meva: Meva, first: Path, tmp_path: Path
) -> None:
    shutil.copy(first, tmp_path / "b.db")

    def other(opened: Opened) -> None:
        opened.out.journal.events.code[-1] += 1

    events = opened_of(first).out.journal.events
    last = int(events.cycle[-1])
    decide_otherwise(tmp_path / "b.db", other)
    found = first_difference(meva, first, tmp_path / "b.db")
    assert found["cycle_ts"] == f"2026-01-01T00:{last:02}:00Z"
    assert found["field"].startswith(("events[", "order_events["))


def test_a_damaged_stretch_is_named_even_where_its_links_are_equal(
    meva: Meva, first: Path, tmp_path: Path
) -> None:
    shutil.copy(first, tmp_path / "b.db")
    [row] = rows_of(first, "SELECT body FROM stage7_stretches")
    body = bytearray(row["body"])
    body[len(body) // 2] ^= 1
    change(tmp_path / "b.db", "UPDATE stage7_stretches SET body = ?", bytes(body))
    ended = meva("parity", first, tmp_path / "b.db", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "store_corrupt")
    assert re.search(r"columns of run \w+, cycles 2026-01-01T00:00:00\S+ to 2026-01-01T00:19:00", ended.out)


def test_runs_of_two_forms_compare_by_what_both_have_and_it_is_said(
    meva: Meva, first: Path, tmp_path: Path
) -> None:
    shutil.copy(first, tmp_path / "b.db")
    change(tmp_path / "b.db", "UPDATE stage7_runs SET form = ?", "ab" * 32)
    verdict = meva("parity", first, tmp_path / "b.db", "--json").document
    assert (verdict["equal"], verdict["fingerprint_a"], verdict["cycles_a"]) == (True, None, CYCLES)
    assert verdict["not_compared"][-1] == "digests, of two forms: the first and abababababab"
    assert {"plans", "intents", "orders", "equity"} < set(verdict["compared"])

    change(tmp_path / "b.db", "UPDATE stage7_order_intents SET price_try = '1'")
    assert first_difference(meva, first, tmp_path / "b.db")["field"] == "intents[0].price_try"


def test_a_link_alone_is_no_equal_run(meva: Meva, tmp_path: Path) -> None:
    """What one run goes on from is another book than what the other does."""
    for name in ("a", "b"):
        upgraded("full", tmp_path / f"{name}.db")
    assert meva("parity", "a.db", "b.db").code == 0
    change(tmp_path / "b.db", "UPDATE stage7_cycle_digests SET link_sha256 = randomblob(32) WHERE seq = 4")
    found = first_difference(meva, tmp_path / "a.db", tmp_path / "b.db")
    assert (found["step"], found["field"]) == ("link", "link")
    assert found["cycle_ts"] == "2026-01-01T00:04:00Z"
