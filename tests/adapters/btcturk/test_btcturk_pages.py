"""Lists that come in pages, or are cut off: what one clean page would have given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from exchange_answers import (
    FILL,
    ORDER,
)
from scripted_exchange import (
    Answer,
    Asked,
    Server,
    data,
)

from meva_adapters.btcturk import PrivateData
from meva_core.errors import Unavailable, VenueReason
from meva_core.orders import Side

ALL_ORDERS = "GET /api/v1/allOrders"
FILLS = "GET /api/v1/users/transactions/trade"
MICROS = 1_000_000


def orders_by_page(pages: list[list[int]]) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        page = int(asked.query["page"]) - 1
        return data([{**ORDER, "id": number} for number in (pages[page] if page < len(pages) else [])])

    return answer


@pytest.mark.parametrize(
    "pages",
    [
        [[1, 2, 3, 4, 5]],
        [[5, 4], [3, 2], [1]],
        [[1, 2], [1, 2], [3, 4], [5]],
        [[1, 2, 3], [3, 4], [5]],
        [[4, 1], [], [5, 3, 2]],
        [[5, 1, 4], [2], [2, 3]],
    ],
    ids=["one", "clean", "repeated", "overlapping", "empty in the middle", "out of order"],
)
def test_n13_pages_of_orders_give_what_one_clean_page_would(
    server: Server, account: PrivateData, pages: list[list[int]]
) -> None:
    server.on(ALL_ORDERS, orders_by_page(pages))
    got = account.all_orders("BTCTRY", 1_760_000_000, 1_760_003_600)
    assert [order.order_id for order in got] == ["1", "2", "3", "4", "5"]
    assert server.calls(ALL_ORDERS)[0].query["startTime"] == "1760000000"


def test_n13_pages_without_an_end_are_an_error_after_a_bounded_number(
    server: Server, account: PrivateData
) -> None:
    server.on(ALL_ORDERS, lambda asked: data([{**ORDER, "id": int(asked.query["page"])}]))
    with pytest.raises(Unavailable) as caught:
        account.all_orders("BTCTRY", 0, 1)
    assert caught.value.reason is VenueReason.INCOMPLETE
    assert len(server.calls(ALL_ORDERS)) == 50


def capped_fills(stamps: list[int]) -> Callable[[Asked], Answer]:
    """Fills at these ms, given as the exchange gives them: the newest 200 of what was asked for."""

    def answer(asked: Asked) -> Answer:
        low, high = int(asked.query.get("startDate", 0)), int(asked.query.get("endDate", 10**15))
        found = [{**FILL, "id": n + 1, "timestamp": at} for n, at in enumerate(stamps) if low <= at <= high]
        return data(found[::-1][:200])

    return answer


def test_n14_more_fills_than_the_exchange_gives_at_once_are_all_found(
    server: Server, account: PrivateData
) -> None:
    stamps = [1_760_000_000_000 + n * 7 for n in range(1234)]
    server.on(FILLS, capped_fills(stamps))
    got = account.fills("BTCTRY", stamps[0] * 1000, stamps[-1] * 1000)
    assert [fill.ts for fill in got] == [stamp * 1000 for stamp in stamps]


def test_n14_a_long_span_is_asked_for_in_parts(server: Server, account: PrivateData) -> None:
    server.on(FILLS, capped_fills([1_760_000_000_000 - 80 * 86_400_000, 1_760_000_000_000]))
    got = account.fills("BTCTRY", (1_760_000_000 - 90 * 86_400) * MICROS, 1_760_000_000 * MICROS)
    assert len(got) == 2
    spans = [int(a.query["endDate"]) - int(a.query["startDate"]) for a in server.calls(FILLS)]
    assert max(spans) < 30 * 86_400_000


def test_n14_fills_that_the_exchange_holds_back_are_said_to_be_missing(
    server: Server, account: PrivateData
) -> None:
    server.on(FILLS, capped_fills([1_760_000_000_000] * 200))
    for ask in (
        lambda: account.fills("BTCTRY", 1_759_999_999 * MICROS, 1_760_000_001 * MICROS),
        lambda: account.order_fills("25338000002"),
    ):
        with pytest.raises(Unavailable, match="some may be missing") as caught:
            ask()
        assert caught.value.reason is VenueReason.INCOMPLETE


def test_both_fills_of_two_orders_of_the_account_that_met_are_there(
    server: Server, account: PrivateData
) -> None:
    bought = {**FILL, "orderId": 7, "orderType": "buy"}
    sold = {**FILL, "orderId": 6, "orderType": "sell", "amount": "-0.0005", "preciseAmount": -0.0005}
    server.on(FILLS, data([bought, sold, sold]))
    span = (FILL["timestamp"] * 1000, FILL["timestamp"] * 1000)
    found = account.fills("BTCTRY", *span)
    assert [(fill.order_id, fill.side) for fill in found] == [("6", Side.SELL), ("7", Side.BUY)]
    assert len({fill.fill_id for fill in found}) == 1
    assert [fill.order_id for fill in account.order_fills("7")] == ["7"]


def test_fills_of_other_orders_and_pairs_are_left_out(server: Server, account: PrivateData) -> None:
    other = {**FILL, "id": 2, "orderId": 3, "numeratorSymbol": "ETH"}
    server.on(FILLS, data([FILL, other]))
    assert [fill.fill_id for fill in account.order_fills("3")] == ["2"]
    span = (FILL["timestamp"] * 1000, FILL["timestamp"] * 1000)
    assert [fill.symbol for fill in account.fills("BTCTRY", *span)] == ["BTCTRY"]
