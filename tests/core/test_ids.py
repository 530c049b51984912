"""Names out of content."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meva_core.ids import (
    CLIENT_ID_MOST,
    canonical_json,
    client_id,
    content_hash,
    cycle_id,
    event_id,
    fill_id,
    order_id,
    run_id,
    stamp_text,
)
from meva_core.orders import Side

seconds = st.integers(0, 253_402_300_799)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
symbols = st.from_regex(r"[A-Z0-9]{5,16}", fullmatch=True)


@given(second=seconds)
def test_times_read_as_the_calendar_has_them(second: int) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    assert stamp_text(second) == moment.isoformat(timespec="microseconds")
    assert cycle_id("abcdefg", second) == f"abcdefg-{moment:%Y%m%d%H%M%S}".replace(
        f"-{moment:%Y}", f"-{moment.year:04d}"
    )


@given(one=seconds, other=seconds)
def test_names_of_cycles_grow_with_time(one: int, other: int) -> None:
    assert (cycle_id("abcdefg", one) < cycle_id("abcdefg", other)) == (one < other)


@given(document=documents)
def test_equal_content_has_an_equal_hash_whatever_its_order(document: Any) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(list(value))}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert canonical_json(turned(document)) == canonical_json(document)
    assert content_hash(turned(document)) == content_hash(document)


@given(one=documents, other=documents, start=seconds)
def test_a_run_is_named_by_what_it_is(one: Any, other: Any, start: int) -> None:
    name = run_id("backtest", one, "data", start)
    assert re.fullmatch("[0-9a-z]{7}", name)
    assert name == run_id("backtest", one, "data", start)
    others = [
        ("dry_run", one, "data", start),
        ("backtest", one, "datb", start),
        ("backtest", one, "data", start + 1),
    ]
    if canonical_json(one) != canonical_json(other):
        others.append(("backtest", other, "data", start))
    assert name not in {run_id(*parts) for parts in others}


@given(
    symbol=symbols, second=seconds, side=st.sampled_from(Side), n=st.integers(0, 999), seq=st.integers(1, 999)
)
def test_what_an_exchange_would_see_fits_and_says_which_order_it_is(
    symbol: str, second: int, side: Side, n: int, seq: int
) -> None:
    cycle = cycle_id("abcdefg", second)
    name = client_id(cycle, symbol, side, n)
    assert len(name) <= CLIENT_ID_MOST == 50
    assert name.split(":") == ["s7", cycle, symbol[:14], side.name[0], str(n)]
    assert order_id(cycle, n) == f"s7o:{cycle}:{n}"
    assert event_id(cycle, n, seq) == f"s7e:{cycle}:{n}:{seq}"
    assert fill_id(cycle, n, seq) == f"s7f:{cycle}:{n}:{seq}"
