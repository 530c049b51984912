"""How values travel: laws of the stored texts, and what the earlier system left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from meva_adapters.sql.columns import Amount, Stamp, amount_text, parse_stamp, stamp_text
from meva_core.amounts import format_e8, parse_e8

E8S = st.integers(min_value=-(92 * 10**17) + 1, max_value=92 * 10**17 - 1)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2999, 12, 30), timezones=ZONES)
DIALECT: sa.Dialect = sqlite.dialect()  # type: ignore[no-untyped-call]


@given(E8S)
def test_an_amount_is_stored_as_the_core_writes_it(amount: int) -> None:
    text = amount_text(Decimal(amount).scaleb(-8))
    assert text == format_e8(amount)
    assert parse_e8(text) == amount


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("-0.0", "0"), ("0.500", "0.5"), ("100", "100"), ("1E-30", "0." + "0" * 29 + "1")],
)
def test_amounts_are_plain_digits(value: str, text: str) -> None:
    assert amount_text(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_not_finite_is_not_stored(value: str) -> None:
    with pytest.raises(ValueError, match="not a finite amount"):
        amount_text(Decimal(value))


@given(MOMENTS, MOMENTS)
def test_stored_times_are_instants_whose_texts_sort_as_they_do(one: datetime, other: datetime) -> None:
    assert parse_stamp(stamp_text(one)) == one
    assert (stamp_text(one) < stamp_text(other)) == (one < other)


def test_a_time_without_an_offset_is_utc() -> None:
    assert parse_stamp("2026-01-31T23:59:31.123456") == datetime(2026, 1, 31, 23, 59, 31, 123456, UTC)
    assert parse_stamp("2026-02-01T03:00:32+03:00") == datetime(2026, 2, 1, 0, 0, 32, tzinfo=UTC)
    assert parse_stamp("2026-02-01 00:02:34") == datetime(2026, 2, 1, 0, 2, 34, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "stored", "read"),
    [
        (Amount(), "1E-30", Decimal("1E-30")),
        (Amount(), None, None),
        (Amount(), "", ""),
        (Amount(), "soon", "soon"),
        (Amount(), "sNaN", "sNaN"),
        (Stamp(), "2026-02-01T00:01:33+00:00", datetime(2026, 2, 1, 0, 1, 33, tzinfo=UTC)),
        (Stamp(), "", ""),
        (Stamp(), "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
        (Stamp(), "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-05:00"),
        (Stamp(), None, None),
    ],
)
def test_an_odd_old_value_is_handed_out_as_it_stands(kind: Any, stored: Any, read: Any) -> None:
    assert kind.process_result_value(stored, DIALECT) == read
