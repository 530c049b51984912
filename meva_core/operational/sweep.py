"""The cash sweep of Stage 3: what the TRY above its target would buy. It is recorded, and never sent."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from meva_core.amounts import E12, div_e8, scale
from meva_core.operational.documents import Amount
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.rules import check_order, floor_to, round_price


@frozen
class Swept:
    """An order that the sweep would place."""

    symbol: str
    price: Amount
    qty: Amount
    notional: Amount


def sweep_plan(scene: Scene, universe: Sequence[str]) -> tuple[Swept, ...]:
    """Return equal shares of the TRY above `TARGET_TRY` over the first n symbols by name, n the largest
    number for which every share reaches its symbol's minimum, each at the bid x (1 - `OFFSET_BPS`)."""
    limits = scene.inputs.limits
    excess = max(0, scene.cash_for_buys - limits.target_try)
    names = [name for name in sorted(universe) if _bid(scene, name)]
    shares = least = 0
    for n, name in enumerate(names, 1):
        least = max(least, scene.least(name))
        if excess // n >= least:
            shares = n
    made = [_swept(scene, name, excess // shares) for name in names[:shares]]
    return tuple(one for one in made if one is not None)


def _bid(scene: Scene, name: str) -> int:
    seen = scene.symbol(name)
    return (seen.bid if seen else None) or 0


def _swept(scene: Scene, name: str, share: int) -> Swept | None:
    i = scene.place[name]
    offset = min(scene.inputs.limits.offset_bps, E12)
    price = round_price(Side.BUY, scene.rules.tick[i], scale(_bid(scene, name), E12 - offset))
    if price <= 0:
        return None
    qty = floor_to(scene.rules.lot[i], max(0, div_e8(share, price)))
    if check_order(scene.rules, i, price, qty, scene.inputs.limits.min_order_notional_try) != Code.OK:
        return None
    return Swept(name, price, qty, share)
