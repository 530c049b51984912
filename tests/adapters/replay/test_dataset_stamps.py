from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meva_adapters.replay.format.stamps import BAD_STAMP, iso_stamp, parse_stamp, parse_stamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 30), timezones=zones)
texts = st.text("0123456789-:TZ+. ", max_size=33)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def column(cells: list[bytes]):
    offsets = np.concatenate(([0], np.cumsum([len(cell) for cell in cells]))).astype(np.int32)
    return parse_stamps(np.frombuffer(b"".join(cells), dtype=np.uint8), offsets)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T03:00:00+03:00", 1_704_067_200_000_000),
        ("2024-01-01T00:00:00Z", 1_704_067_200_000_000),
        ("2024-01-01T00:00:00", 1_704_067_200_000_000),
        ("2024-01-01 00:00:00", 1_704_067_200_000_000),
        ("2024-01-01T00:00", 1_704_067_200_000_000),
        ("2024-01-01", 1_704_067_200_000_000),
        ("2023-12-31T23:00:00-01", 1_704_067_200_000_000),
        ("2023-12-31T22:30:00-0130", 1_704_067_200_000_000),
        ("2024-01-01T00:00:00.5Z", 1_704_067_200_500_000),
        ("2024-01-01T00:00:00.000001", 1_704_067_200_000_001),
        ("1704067200", 1_704_067_200_000_000),
        ("1704067200123", 1_704_067_200_123_000),
        ("99999999999", 99_999_999_999_000_000),
        ("100000000000", 100_000_000_000_000),
        ("0", 0),
        ("2000-02-29", 951_782_400_000_000),
        ("2100-02-29", BAD_STAMP),
        ("1969-12-31T23:59:59.999999", BAD_STAMP),
        ("123456789012345", BAD_STAMP),
    ],
)
def test_each_form_is_read_in_both_ways(text, expected):
    cell = text.encode()
    assert parse_stamp(cell) == expected
    both = column([cell, cell])
    assert (both is None) if expected == BAD_STAMP else (both.tolist() == [expected, expected])


@given(moments)
def test_a_moment_in_any_zone_is_read_exactly(moment):
    assert parse_stamp(moment.isoformat().encode()) == micros(moment)


@given(st.integers(0, 253_402_300_799_999_999))
def test_what_is_written_reads_back(stamp):
    assert parse_stamp(iso_stamp(stamp).encode()) == stamp


@given(st.lists(moments, min_size=1, max_size=30), st.sampled_from(["T", " "]))
def test_a_column_of_mixed_forms_is_read_exactly(moments, separator):
    assert column([m.isoformat(sep=separator).encode() for m in moments]).tolist() == [
        micros(m) for m in moments
    ]


@given(st.lists(st.one_of(texts, st.datetimes().map(str)), min_size=1, max_size=8))
def test_a_column_is_read_as_its_cells_are(cells):
    expected = [parse_stamp(cell.encode()) for cell in cells]
    parsed = column([cell.encode() for cell in cells])
    if BAD_STAMP in expected:
        assert parsed is None
    else:
        assert parsed.tolist() == expected


@given(texts)
def test_any_text_is_a_time_or_none(text):
    assert parse_stamp(text.encode()) >= BAD_STAMP
