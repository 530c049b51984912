"""The venue of a run that only observes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from scripted_account import Scripted

from meva_core.operating.guards.observing import Observed
from meva_core.operating.guards.permit import NotPermitted
from meva_core.orders import Side
from meva_core.venue import NewOrder

ORDER = NewOrder("s4:x1yi6vf-20260101000000:BTCTRY:B:1", "BTCTRY", Side.BUY, Decimal(2900), Decimal("0.5"))


def test_it_finds_orders_and_sends_nothing() -> None:
    exchange = Scripted({"BTCTRY": Decimal(3000)}, {"TRY": Decimal(10_000)})
    number = exchange.submit(ORDER).order_id
    observed = Observed(exchange)
    for ask in (lambda: observed.submit(ORDER), lambda: observed.cancel(number)):
        with pytest.raises(NotPermitted, match="not sent, this run only observes") as refused:
            ask()
        assert refused.value.why == "observe"
    assert exchange.sent == [ORDER.client_id], "nothing more was sent"
    [found] = observed.find("BTCTRY", ORDER.client_id, exchange.now // 10**6)
    assert found.order_id == number
