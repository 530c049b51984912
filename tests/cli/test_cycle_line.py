"""The one line of a live cycle."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from meva_cli.cycles import cycle_texts
from meva_core.history.last_cycle import LastCycle


@pytest.mark.parametrize(
    ("orders", "fills", "counted"),
    [(0, 2, ["0 orders", "2 fills"]), (1, 0, ["1 order", "0 fills"]), (2, 1, ["2 orders", "1 fill"])],
)
def test_a_line_counts_orders_and_fills_and_gives_no_reason_where_there_is_none(orders, fills, counted):
    at = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    equity, gained = Decimal("1000.5"), Decimal("0.5")
    cycle = LastCycle("r1", at, "NORMAL", equity, gained, gained, orders, fills, "", "")
    assert cycle_texts(cycle) == ["2026-03-01 12:00:05", "NORMAL", "equity 1000.5", "today +0.5", *counted]
