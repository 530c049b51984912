"""Datasets of Parquet: the same checks, the same rows, the same content as text, whoever wrote them."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from small_dataset import BOOK, CANDLES, TICKER, build, with_row

from meva_adapters.replay import open_dataset, validate
from meva_adapters.replay.converting import convert
from meva_adapters.replay.format.columnar import GroupReader, batch_of
from meva_adapters.replay.format.faults import Fault, FaultList
from meva_adapters.replay.format.layout import KINDS
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.recording.origin import examine
from meva_core.amounts import E8, LIMIT
from meva_core.errors import BadInput

DECIMAL = pa.decimal128(38, 8)
UTC = pa.timestamp("us", tz="UTC")
E8_UNIT = {b"meva.unit": b"e8"}


def table_of(text: str, **types: Any) -> pa.Table:
    """Return a file of text as people write it with Arrow: decimals, and times in UTC."""
    header, *lines = text.splitlines()
    names = header.split(",")
    columns = {}
    for name, cells in zip(names, zip(*(line.split(",") for line in lines), strict=True), strict=True):
        kind = types.get(name, UTC if name in ("ts", "known") else DECIMAL)
        plain = pa.array([cell.removesuffix("Z") or None for cell in cells])
        if pa.types.is_timestamp(kind):
            columns[name] = plain.cast(pa.timestamp("us")).cast(pa.timestamp(kind.unit)).cast(kind)
        else:
            columns[name] = plain.cast(kind)
    return pa.table(columns)


def with_columns(
    root: Path, kind: str = "candles", table: pa.Table | bytes | None = None, **options: Any
) -> Path:
    """Make the small dataset with one of its tables as Parquet."""
    build(root)
    (root / kind / "BTCTRY.csv").unlink()
    path = root / kind / "BTCTRY.parquet"
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        text = {"candles": CANDLES, "orderbook": BOOK, "ticker": TICKER}[kind]
        parquet.write_table(table_of(text) if table is None else table, path, **options)
    return root


def faults_of(root: Path) -> list[Fault]:
    """Return the errors of a dataset."""
    return list(validate(root).errors)


def test_text_and_columns_say_the_same(tmp_path: Path) -> None:
    text = open_dataset(build(tmp_path / "text"))
    columns = convert(text, tmp_path / "columns", ".parquet")
    back = convert(columns, tmp_path / "back", ".csv")
    assert text.content_sha256 == columns.content_sha256 == back.content_sha256
    assert columns.sha256 == columns.content_sha256
    assert text.sha256 != columns.sha256
    assert sorted(columns.files) == [f"{kind}/BTCTRY.parquet" for kind in ("candles", "orderbook", "ticker")]
    times = np.arange(text.start, text.end + 1, 7)
    for one in (columns, back):
        for left, right in zip(text.windows(times, 3), one.windows(times, 3), strict=True):
            for name in left._fields:
                assert (getattr(left, name) == getattr(right, name)).all(), name


def test_the_content_is_the_columns_and_nothing_else(tmp_path: Path) -> None:
    """The recipe, followed by hand over the text."""
    root = build(tmp_path / "data")
    (root / "manifest.json").write_text(json.dumps({"stamp": "open", "interval": 60}))
    (root / "exchangeinfo.json").write_text('{"symbols": [{"name": "BTCTRY", "tick": 0.10}]}')
    digest = hashlib.sha256(b"meva-content-1\n")
    for kind, text in (("candles", CANDLES), ("orderbook", BOOK), ("ticker", TICKER)):
        header, *lines = text.splitlines()
        digest.update(f"{kind}/BTCTRY {len(lines)} {header}\n".encode())
        for name, cells in zip(
            header.split(","), zip(*(line.split(",") for line in lines), strict=True), strict=True
        ):
            for column in _by_hand(name, cells, 60 if kind == "candles" else 0):
                digest.update(np.array(column, dtype="<i8").tobytes())
    info = b'{"symbols":[{"name":"BTCTRY","tick":"0.1"}]}'
    digest.update(f"exchangeinfo {hashlib.sha256(info).hexdigest()}\n".encode())
    assert open_dataset(root).content_sha256 == digest.hexdigest()


def _by_hand(name: str, cells: tuple[str, ...], shift: int) -> Iterator[list[int]]:
    if name == "ts":
        yield [int(np.datetime64(cell.removesuffix("Z"), "us").astype(int)) + shift * 10**6 for cell in cells]
    elif name == "volume":
        yield [int(Decimal(cell)) for cell in cells]
        yield [int(Decimal(cell) % 1 * E8) for cell in cells]
    else:
        yield [int(Decimal(cell) * E8) for cell in cells]


def test_how_it_is_written_changes_no_content(tmp_path: Path) -> None:
    expected = open_dataset(build(tmp_path / "text")).content_sha256
    zeros = "\n".join(
        line + "000" if "." in line.rpartition(",")[2] else line for line in CANDLES.splitlines()
    )
    assert open_dataset(build(tmp_path / "zeros", candles=zeros + "\n")).content_sha256 == expected
    units = [pa.timestamp(unit, tz="UTC") for unit in ("s", "ms", "us", "ns")]
    ways: list[tuple[pa.Table, dict[str, Any]]] = [
        *((table_of(CANDLES, ts=unit), {}) for unit in units),
        (table_of(CANDLES), {"row_group_size": 1, "compression": "none"}),
        (table_of(CANDLES), {"compression": "zstd", "use_dictionary": False}),
        (table_of(CANDLES, open=pa.decimal128(9, 2), close=pa.decimal128(5, 1)), {}),
        (as_e8(table_of(CANDLES), "high", "low", "volume"), {}),
    ]
    for number, (table, options) in enumerate(ways):
        root = with_columns(tmp_path / str(number), table=table, **options)
        assert open_dataset(root).content_sha256 == expected


def as_e8(table: pa.Table, *names: str) -> pa.Table:
    """Return a table with some columns as integers of 1e-8 that say so."""
    for name in names:
        units = [int(value * E8) for value in table[name].to_pylist()]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, pa.field(name, pa.int64(), metadata=E8_UNIT), [units])
    return table


TYPES = {
    "doubles": ({"close": pa.float64()}, "close", "which is not exact"),
    "integers without a unit": ({"close": pa.int64()}, "close", "int64 without a unit"),
    "ten places": ({"close": pa.decimal128(38, 10)}, "close", "at most 8 decimal places"),
    "text": ({"close": pa.string()}, "close", "expected decimal128"),
    "times without a zone": ({"ts": pa.timestamp("us")}, "ts", "expected timestamp"),
    "times of another zone": ({"ts": pa.timestamp("us", tz="Europe/Istanbul")}, "ts", "expected timestamp"),
}


@pytest.mark.parametrize("what", TYPES)
def test_a_type_that_is_not_exact_is_refused_by_its_column(what: str, tmp_path: Path) -> None:
    types, column, why = TYPES[what]
    candles = CANDLES.replace("101.5", "101").replace("100.25", "100").replace("101,3.5", "101,3")
    fault = faults_of(with_columns(tmp_path, table=table_of(candles, **types)))[0]
    assert (fault.code, fault.column) == ("column_type", column)
    assert why in fault.message
    assert fault.file == "candles/BTCTRY.parquet"


ROWS = {
    "order": "2023-12-31T00:02:00Z,101,103,100.25,102,0",
    "duplicate_stamp": "2024-01-01T00:02:00Z,101,103,100.25,102,0",
    "high_below_low": "2024-01-01T00:03:00Z,101,100,100.25,102,0",
    "non_positive_price": "2024-01-01T00:03:00Z,0,103,100.25,102,0",
    "negative": "2024-01-01T00:03:00Z,101,103,100.25,102,-1",
    "too_large": "2024-01-01T00:03:00Z,101,92000000000,100.25,102,0",
}


@pytest.mark.parametrize("code", ROWS)
def test_a_faulty_row_is_named_as_in_text(code: str, tmp_path: Path) -> None:
    """The same code, column and value; rows count from 1, where text has its header."""
    candles = with_row(CANDLES, 4, ROWS[code])
    of_text = faults_of(build(tmp_path / "text", candles=candles))
    of_columns = faults_of(with_columns(tmp_path / "columns", table=table_of(candles), row_group_size=2))
    assert [fault.code for fault in of_columns] == [fault.code for fault in of_text] == [code]
    assert (of_columns[0].row, of_text[0].row) == (3, 4)
    assert of_columns[0].column == of_text[0].column
    if of_text[0].column == "ts":
        assert of_columns[0].value == of_text[0].value
    else:
        assert Decimal(of_columns[0].value) == Decimal(of_text[0].value)


def test_empty_cells_and_times_finer_than_microseconds_are_named(tmp_path: Path) -> None:
    table = table_of(CANDLES.replace(",103,100.25", ",,100.25"))
    assert [
        (fault.code, fault.row, fault.column)
        for fault in faults_of(with_columns(tmp_path / "a", table=table))
    ] == [("empty_cell", 2, "high")]
    stamps = pa.array(
        [1704067260 * 10**9 + i * 60 * 10**9 + (i == 2) for i in range(4)], pa.timestamp("ns", tz="UTC")
    )
    table = table_of(CANDLES).set_column(0, "ts", stamps)
    assert [
        (fault.code, fault.row, fault.column)
        for fault in faults_of(with_columns(tmp_path / "b", table=table))
    ] == [("timestamp", 3, "ts")]


def test_what_is_no_parquet_file_of_its_kind_is_refused(tmp_path: Path) -> None:
    assert faults_of(with_columns(tmp_path / "a", table=b"PAR1 and nothing"))[0].code == "not_parquet"
    assert faults_of(with_columns(tmp_path / "b", table=b""))[0].code == "empty_file"
    assert faults_of(with_columns(tmp_path / "c", table=table_of(BOOK)))[0].code == "header"
    root = with_columns(tmp_path / "d")
    (root / "candles/BTCTRY.csv").write_text(CANDLES)
    assert [(fault.code, fault.file) for fault in faults_of(root)] == [
        ("two_formats", "candles/BTCTRY.parquet")
    ]


def test_a_damaged_file_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    """Whatever a reader of Parquet says of it: a fault, or the rows as they were."""
    whole = (with_columns(tmp_path / "good", compression="none") / "candles/BTCTRY.parquet").read_bytes()
    draw = random.Random(5)
    for number in range(40):
        place = draw.randrange(len(whole))
        damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        root = with_columns(tmp_path / str(number), table=damaged)
        report = validate(root)
        assert report.ok or report.errors[0].file == "candles/BTCTRY.parquet"


def test_a_manifest_vouches_for_columns_as_for_text(tmp_path: Path) -> None:
    root = with_columns(tmp_path)
    manifest = {"files": {"candles/BTCTRY.parquet": {"rows": 5, "sha256": "0" * 64}}}
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert [fault.code for fault in faults_of(root)] == ["checksum"]


def test_nothing_is_recorded_into_columns(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Parquet file, to which nothing is added"):
        examine(with_columns(tmp_path), "https://api.btcturk.com", 60)


def test_rows_that_say_when_they_were_known_keep_it_and_their_empty_sides(tmp_path: Path) -> None:
    known = "ts,best_bid,best_ask,bid_qty,ask_qty,known"
    lines = [
        known,
        "2024-01-01T00:01:00Z,100.9,101.1,5,,2024-01-01T00:01:01Z",
        "2024-01-01T00:02:00Z,,102,,2,2024-01-01T00:02:03Z",
    ]
    text = open_dataset(build(tmp_path / "text", orderbook="\n".join(lines) + "\n"))
    columns = convert(text, tmp_path / "columns", ".parquet")
    back = convert(columns, tmp_path / "back", ".csv")
    assert (tmp_path / "back/orderbook/BTCTRY.csv").read_text().splitlines() == lines
    assert back.content_sha256 == columns.content_sha256
    assert columns.last_known == text.last_known


AMOUNTS = st.integers(0, LIMIT - 1)


@given(st.lists(st.tuples(AMOUNTS, st.integers(0, LIMIT), st.integers(0, E8 - 1)), min_size=1))
def test_amounts_and_volumes_come_back_from_decimals(rows: list[tuple[int, int, int]]) -> None:
    price, whole, rest = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    stamps = np.arange(len(rows), dtype=np.int64)
    values = dict.fromkeys(("last", "high", "low"), price) | {"volume_whole": whole, "volume_rest": rest}
    columns = KINDS["ticker"].columns
    batch = batch_of(Rows(stamps, stamps, values), columns)
    faults = FaultList("x")
    back = GroupReader(columns, KINDS["ticker"], faults).read(batch, 1)
    assert not faults.errors
    assert back.ts.tolist() == stamps.tolist()
    for name, column in values.items():
        assert back.values[name].tolist() == column.tolist()
