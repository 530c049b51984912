"""Fills that are known: by their ids, and the same again or something else.

A fill's id is the exchange's; `<id>:<order id>` where that repeats with another order, and
`<order>:<ms>:<price>:<qty>:<side>` where it gives none. The same again is nothing, ours stays; anything else
under a known id is an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import evolve

from meva_core.venue import EXACT, VenueFill

_MILLI: Final = 1000


def named(fills: Iterable[VenueFill], known: Mapping[str, VenueFill]) -> list[VenueFill]:
    """Return fills under the ids by which the book knows them, each once."""
    found: dict[str, VenueFill] = {}
    for fill in fills:
        name = fill.fill_id or _made_up(fill)
        there = found.get(name) or known.get(name)
        # Whoever has not the same order under the same id is another fill.
        if (
            there is not None
            and None not in (there.order_id, fill.order_id)
            and there.order_id != fill.order_id
        ):
            name = with_order(name, fill)
        elif there is None:
            name = _read_beside(name, fill, known)
        found.setdefault(name, evolve(fill, fill_id=name))
    return list(found.values())


def with_order(name: str, fill: VenueFill) -> str:
    """Return the id of a fill whose own is that of another order's, too."""
    return f"{name}:{fill.order_id}"


def is_read_beside(name: str, fill: VenueFill) -> bool:
    """Whether a known id may be of this fill, which was read beside another one of its own id then."""
    if fill.order_id is not None:
        return name == with_order(fill.fill_id, fill)
    return name.startswith(f"{fill.fill_id}:")


def _read_beside(name: str, fill: VenueFill, known: Mapping[str, VenueFill]) -> str:
    """Return the id by which a fill is known that was read beside another one of its own id, of which nothing
    came into the book; else its own."""
    if not fill.fill_id:
        return name
    if fill.order_id is not None:
        return with_order(name, fill) if with_order(name, fill) in known else name
    same = (one for one in known if is_read_beside(one, fill) and not differs(fill, known[one]))
    return next(same, name)


def differs(fill: VenueFill, known: VenueFill) -> bool:
    """Whether a fill says something else than is known under its id; a row that names no order says nothing
    of it, and a rounded quantity is the same up to its digits."""
    orders = {fill.order_id, known.order_id} - {None}
    if len(orders) > 1 or (fill.symbol, fill.side, fill.price) != (known.symbol, known.side, known.price):
        return True
    apart = EXACT.subtract(fill.qty, known.qty).copy_abs()
    return apart >= _grain(fill, known) if apart else False


def _grain(*fills: VenueFill) -> Decimal:
    """Return a unit of the coarsest digit of those that were given rounded; exact ones have none to spare."""
    digits = [int(fill.qty.as_tuple().exponent) for fill in fills if not fill.exact]
    return Decimal(1).scaleb(max(digits)) if digits else Decimal(0)


def _made_up(fill: VenueFill) -> str:
    amounts = f"{fill.price:f}:{fill.qty:f}:{fill.side.name}"
    return f"{fill.order_id or ''}:{fill.ts // _MILLI}:{amounts}"
