"""Exported files, read back: every value as it was, no formula, no half file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.export import FORMATS, write_records
from meva_adapters.system.files import replacing
from meva_core.errors import BadInput
from meva_core.history.cycle_export import FIELDS, Digits

NAMES = [field.name for field in FIELDS]
HEAD = {"schema_version": 1, "run_id": "abc1234"}
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS | st.sampled_from(["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "＝1", 'a"b,c\nd']),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "amount": st.integers(-(10**37), 10**37).map(lambda units: Decimal(units).scaleb(-8)),
    "stamp": st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    "names": st.lists(st.sampled_from(["stale_data", "throttled"]), unique=True),
    "document": st.recursive(TEXTS | st.integers(-9, 9), lambda inner: st.lists(inner, max_size=3)).map(
        lambda tree: json.dumps(tree, ensure_ascii=False)
    ),
    "digest": st.binary(min_size=32, max_size=32).map(bytes.hex),
}
RECORD = st.fixed_dictionaries({kind: st.none() | values for kind, values in VALUES.items()}).map(
    lambda by_kind: tuple(by_kind[field.kind] for field in FIELDS)
)
RECORDS = st.lists(RECORD, max_size=4)


def exported(form: str, records: list[tuple[Any, ...]], digits: Digits | None = None) -> bytes:
    """Return the file of some records."""
    stream = io.BytesIO()
    assert write_records(stream, form, records, HEAD, digits) == len(records)
    return stream.getvalue()


def record(**values: Any) -> tuple[Any, ...]:
    """Return a record of Nones but for the values given."""
    assert set(values) <= set(NAMES)
    return tuple(values.get(name) for name in NAMES)


def as_stamp(text: str | None) -> datetime | None:
    """Read a time back."""
    return None if text is None else datetime.fromisoformat(text)


@given(RECORDS)
def test_json_lines_give_back_every_value(records: list[tuple[Any, ...]]) -> None:
    lines = exported("jsonl", records).decode().split("\n")
    assert lines.pop() == ""
    for line, values in zip(map(json.loads, lines), records, strict=True):
        assert list(line) == NAMES
        for field, value in zip(FIELDS, values, strict=True):
            back = line[field.name]
            if field.kind == "amount" and back is not None:
                assert isinstance(back, str)
                back = Decimal(back)
            elif field.kind == "stamp":
                back = as_stamp(back)
            elif field.kind == "document" and value is not None:
                value = json.loads(value)
            assert back == value


@given(RECORDS)
def test_csv_gives_back_every_value_and_no_formula(records: list[tuple[Any, ...]]) -> None:
    header, *rows = csv.reader(io.StringIO(exported("csv", records).decode(), newline=""))
    assert header == NAMES
    for row, values in zip(rows, records, strict=True):
        for field, value, cell in zip(FIELDS, values, row, strict=True):
            if field.kind in ("amount", "integer"):
                assert (Decimal(cell) if cell else None) == value
                assert "E" not in cell
                continue
            assert not cell.strip().startswith(tuple("=+-@＝＋－＠"))
            assert not cell.startswith(tuple("\t\r\n"))
            plain = cell[1:] if cell.startswith("'") and value and not str(value).startswith("'") else cell
            if field.kind == "stamp":
                assert as_stamp(plain or None) == value
            else:
                assert plain == (" ".join(value) if isinstance(value, list) else value or "")


@pytest.mark.parametrize(
    "text",
    ["=1+1", " =1+1", "\xa0\u2003=1+1", "\t=1+1", "\r@SUM(A1)", "\n-2+3", "\x00+1", "\x1f=1", "\ufeff=1",
     "\u200b=1", "＝1+1", " ＠x", "\tplain", "-", " \t \r=cmd|' /C calc'!A0"],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    (_, row) = csv.reader(io.StringIO(exported("csv", [record(mode=text)]).decode(), newline=""))
    assert f"'{text}" in row


@pytest.mark.parametrize("text", ["plain", " plain", "a=1", "1 - 2", "", "'=1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    (_, row) = csv.reader(io.StringIO(exported("csv", [record(mode=text)]).decode(), newline=""))
    assert text in row
    assert f"'{text}" not in row


@given(RECORDS)
def test_parquet_gives_back_every_value_typed(records: list[tuple[Any, ...]]) -> None:
    table = pq.read_table(pa.BufferReader(exported("parquet", records)))
    assert table.schema.names == NAMES
    assert table.schema.field("equity_try").type == pa.decimal128(38, 8)
    assert table.schema.metadata[b"meva.schema_version"] == b"1"
    for field, kind in zip(FIELDS, table.schema.types, strict=True):
        values = [record[NAMES.index(field.name)] for record in records]
        nested = field.kind == "document" and not pa.types.is_string(kind)
        found = table[field.name].to_pylist()
        assert found == ([text and json.loads(text) for text in values] if nested else values)


FATES = st.fixed_dictionaries(
    {"symbol": TEXTS, "rank": st.none() | st.integers(0, 9), "why": st.lists(TEXTS, max_size=2)},
    optional={"limit": TEXTS},
)


@given(st.lists(st.none() | st.lists(FATES, max_size=3), max_size=4))
def test_documents_are_nested_columns_in_parquet(documents: list[Any]) -> None:
    rows = [record(reasons=None if one is None else json.dumps(one)) for one in documents]
    column = pq.read_table(pa.BufferReader(exported("parquet", rows)))["reasons"]
    assert [_without_nothing(found) for found in column.to_pylist()] == [
        _without_nothing(one) for one in documents
    ]
    if any(documents):
        assert pa.types.is_struct(column.type.value_type)


def _without_nothing(tree: Any) -> Any:
    """Return a document without keys whose value is null: a struct has all its fields in every row."""
    if isinstance(tree, dict):
        return {key: _without_nothing(value) for key, value in tree.items() if value is not None}
    return [_without_nothing(one) for one in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize(
    "texts",
    [
        ["{}", "{}"],
        ["[1]", '["a"]'],
        ['{"a": 1}', "NaN"],
        ['{"a": {}}'],
        ["[123456789012345678901234567890]"],
        ["[0.1]"],
        ["1", '"a"'],
    ],
)
def test_documents_without_an_exact_type_in_common_stay_texts_in_parquet(texts: list[str]) -> None:
    rows = [record(market=text) for text in texts]
    assert pq.read_table(pa.BufferReader(exported("parquet", rows)))["market"].to_pylist() == texts


def test_the_type_of_documents_is_that_of_all_rows() -> None:
    documents = [{"a": None}] * 3000 + [{"a": ["x"], "b": 7}]
    rows = [record(account=json.dumps(one)) for one in documents]
    column = pq.read_table(pa.BufferReader(exported("parquet", rows)))["account"]
    assert column[0].as_py() == {"a": None, "b": None}
    assert column[3000].as_py() == {"a": ["x"], "b": 7}


@pytest.mark.parametrize("form", FORMATS)
def test_no_cycle_gives_an_empty_file_of_the_format(form: str) -> None:
    lines = {"jsonl": 0, "csv": 1}
    data = exported(form, [])
    if form in lines:
        assert data.count(b"\n") == lines[form]
    else:
        assert pq.read_table(pa.BufferReader(data)).num_rows == 0


@pytest.mark.parametrize("amount", ["-0.00", "1E-30", "0E+1", "99999999999999999999.99", "1E+3", "-2.50"])
def test_amounts_of_the_earlier_system_stay_exact(amount: str) -> None:
    value, digits = Decimal(amount), Digits()
    digits.add(value)
    rows = [record(equity_try=value)]
    assert Decimal(json.loads(exported("jsonl", rows))["equity_try"]) == value
    assert Decimal(next(csv.DictReader(io.StringIO(exported("csv", rows).decode())))["equity_try"]) == value
    table = pq.read_table(pa.BufferReader(exported("parquet", rows, digits)))
    assert table["equity_try"].to_pylist() == [value]


@given(
    st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=36)
    )
)
def test_parquet_is_as_wide_as_the_amounts_need(amounts: list[Decimal]) -> None:
    digits = Digits()
    for amount in amounts:
        digits.add(amount)
    rows = [record(fees_try=amount) for amount in amounts]
    table = pq.read_table(pa.BufferReader(exported("parquet", rows, digits)))
    assert table["fees_try"].to_pylist() == amounts


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        ({"equity_try": Decimal("0.123456789")}, None),
        ({"equity_try": "not a number"}, None),
        ({"ts": "not a time"}, None),
        ({}, Digits(before=40, after=40)),
    ],
)
def test_what_parquet_cannot_hold_exactly_is_refused_with_the_way_out(
    values: dict[str, Any], digits: Digits | None
) -> None:
    with pytest.raises(BadInput) as refused:
        exported("parquet", [record(**values)], digits)
    assert "csv or jsonl" in refused.value.action
    for form in ("csv", "jsonl"):
        assert all(str(value).encode() in exported(form, [record(**values)]) for value in values.values())


@pytest.mark.parametrize("text", ["NaN", "{'a': 1}", "{", ""])
def test_a_stored_document_that_is_no_json_stays_a_text(text: str) -> None:
    assert json.loads(exported("jsonl", [record(mode=text)]))["mode"] == text


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "cycles.csv"
    with replacing(path) as file:
        write_records(file, "csv", [record(run_id="old")], HEAD)
    before = path.read_bytes()

    def failing() -> Any:
        yield record(run_id="new")
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"), replacing(path) as file:
        write_records(file, "csv", failing(), HEAD)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["cycles.csv"]


@pytest.mark.parametrize("form", FORMATS)
def test_records_are_not_held(form: str, tmp_path: Path) -> None:
    alive = 0
    most = 0

    class Text(str):
        def __init__(self, *_: object) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    with open(tmp_path / "out", "wb") as file:
        count = write_records(file, form, (record(run_id=Text("abc")) for _ in range(9000)), HEAD)
    assert count == 9000
    assert most <= 2 * 2048 + 1
