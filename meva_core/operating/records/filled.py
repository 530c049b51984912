"""Own fills of a cycle as they came and as they were booked: what it reports of how its orders filled."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from meva_core.live_book.own_orders import OwnOrder
from meva_core.live_book.postings import Posting
from meva_core.operating.records.ledger_rows import OWN
from meva_core.venue import VenueFill


@frozen
class Filled:
    """An own fill that a cycle booked, as it came and as it was booked; `created` is when its order was made,
    in microseconds."""

    fill: VenueFill
    posting: Posting
    created: int


def filled(
    postings: Iterable[Posting], fills: Iterable[VenueFill], orders: Iterable[OwnOrder]
) -> tuple[Filled, ...]:
    """Return the own fills among postings; `fills` are those that the postings are of, `orders` are ours."""
    came = {f"{OWN}{fill.fill_id}": fill for fill in fills}
    made: dict[str | None, int] = {}
    for order in orders:
        made |= dict.fromkeys((order.order_id, order.client_id), order.created)
    made.pop(None, None)
    found = []
    for posting in postings:
        if (fill := came.get(posting.id)) is not None:
            created = made.get(fill.order_id, made.get(fill.client_id, fill.ts))
            found.append(Filled(fill, posting, created))
    return tuple(found)
