"""How orders are written down: their times, and what no calendar has."""

from __future__ import annotations

import pytest

from meva_core.errors import BadInput
from meva_core.live.live_orders import moment, stamp


def test_a_time_is_stored_to_its_last_microsecond() -> None:
    assert stamp(1_760_000_000_000_001) == "2025-10-09T08:53:20.000001+00:00"
    assert moment(-1).isoformat() == "1969-12-31T23:59:59.999999+00:00"


@pytest.mark.parametrize("micros", [2**62 * 1000, -(2**62) * 1000, 253_402_300_800_000_000])
def test_what_no_calendar_has_is_refused_with_its_value(micros: int) -> None:
    with pytest.raises(BadInput, match=f"{micros} is no time in microseconds since 1970"):
        stamp(micros)
