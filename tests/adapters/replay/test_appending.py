"""Files that grow: whole lines or none, and cells that a dataset may hold."""

from __future__ import annotations

import resource
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.replay.format.layout import KINDS
from meva_adapters.replay.recording.appending import Table, price_cell, quantity_cell, stamped_lines
from meva_core.errors import BadInput

NOON = 1_760_011_200_000_000
MINUTE = 60_000_000
BAR = ("1", "3", "1", "2", "5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "candles").mkdir()
    return tmp_path


def candles(folder: Path) -> Table:
    return Table(folder, KINDS["candles"], "BTCTRY")


def filled(folder: Path, rows: int = 3) -> Table:
    table = candles(folder)
    for place in range(rows):
        assert table.add(NOON + place * MINUTE, BAR)
    table.flush()
    return table


def test_a_file_begins_with_the_least_rows_that_its_kind_needs(folder: Path) -> None:
    table = candles(folder)
    table.add(NOON, BAR)
    assert not table.flush()
    assert not table.path.exists()
    table.add(NOON + MINUTE, BAR)
    assert table.flush()
    assert table.path.read_bytes().count(b"\n") == 3
    assert table.rows_added == 2


def test_rows_that_are_not_newer_are_left_out(folder: Path) -> None:
    table = filled(folder)
    assert not table.add(NOON, BAR)
    assert not table.add(table.last_ts, BAR)
    assert candles(folder).last_ts == NOON + 2 * MINUTE


def test_a_file_with_only_its_header_is_taken_up(folder: Path) -> None:
    (folder / "candles" / "BTCTRY.csv").write_text("ts,open,high,low,close,volume\n")
    table = candles(folder)
    assert table.last_ts == -1
    assert table.add(NOON, BAR)
    table.flush()
    assert [ts for ts, _ in stamped_lines(table.path)] == [NOON]


@pytest.mark.parametrize("row", ["yesterday,1,1,1,1,1", ",", "-1,1,1,1,1,1"])
def test_a_last_row_without_a_time_is_refused(folder: Path, row: str) -> None:
    path = filled(folder).path
    path.write_bytes(path.read_bytes() + row.encode() + b"\n")
    with pytest.raises(BadInput, match="no time"):
        candles(folder)
    with pytest.raises(BadInput, match="no time"):
        list(stamped_lines(path))


@pytest.mark.parametrize("cut", range(1, 34))
def test_wherever_a_line_was_torn_the_whole_ones_before_it_stay(folder: Path, cut: int) -> None:
    path = filled(folder).path
    whole = path.read_bytes()
    before = whole[: whole.rstrip(b"\n").rfind(b"\n") + 1]
    path.write_bytes(whole[:-cut] if cut < len(whole) - len(before) else before)
    table = candles(folder)
    assert path.read_bytes() == before
    assert table.last_ts == NOON + MINUTE


def test_a_disk_that_takes_only_part_of_the_lines_keeps_the_file_whole(folder: Path) -> None:
    table = filled(folder)
    before = table.path.read_bytes()
    for place in range(3, 200):
        table.add(NOON + place * MINUTE, BAR)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(OSError, match="part of the lines"):
            table.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert table.path.read_bytes() == before
    assert table.flush()
    assert len(list(stamped_lines(table.path))) == 200


@given(st.decimals(min_value=0, max_value=10**40, allow_nan=False, places=12))
def test_a_quantity_loses_nothing_but_what_lies_beyond_its_eighth_decimal(quantity: Decimal) -> None:
    cell = Decimal(quantity_cell(quantity))
    assert 0 <= quantity - cell < Decimal("1e-8")
    assert "E" not in quantity_cell(quantity)


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity", "1e70"])
def test_what_is_no_quantity_is_no_cell(quantity: str) -> None:
    with pytest.raises(BadInput):
        quantity_cell(Decimal(quantity))


@pytest.mark.parametrize("price", ["0", "-1", "0.000000001", "92000000000", "NaN"])
def test_what_is_no_price_is_no_cell(price: str) -> None:
    with pytest.raises(BadInput):
        price_cell(Decimal(price))


def test_known_is_written_in_whole_seconds_up_and_never_decreases(folder: Path) -> None:
    table = Table(folder, KINDS["candles"], "BTCTRY", known=True)
    table.add(NOON, BAR, NOON + 1)
    table.add(NOON + MINUTE, BAR, NOON - MINUTE)
    table.flush()
    again = candles(folder)
    again.add(NOON + 2 * MINUTE, BAR, NOON - MINUTE)
    again.add(NOON + 3 * MINUTE, BAR)
    again.flush()
    lines = again.path.read_text().splitlines()
    assert lines[0] == "ts,open,high,low,close,volume,known"
    assert [line.rpartition("T")[2] for line in lines[1:]] == [
        *["12:00:01Z"] * 3,
        "12:03:00Z",
    ]
