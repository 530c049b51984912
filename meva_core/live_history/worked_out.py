"""What a reason was measured by, where a decision has stored its code alone.

A stored decision is decided again to the letter, so its reasons stay as they are; what else can be said of
them follows from its inputs, and is worked out when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from attrs import evolve

from meva_core.amounts import E8, E12, format_e8, parse_e8
from meva_core.operational.allocation import Allocated
from meva_core.operational.asked import Asked
from meva_core.operational.because import PROGRAM, Because, Cause, because
from meva_core.operational.draft import Draft, draft_of
from meva_core.operational.inputs import SymbolView
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.steps.shape import COARSE

Numbers: TypeAlias = tuple[int, int, str] | None
"""What was measured and its limit, both e8, and their unit."""


def worked_out(scene: Scene, reason: Because, asked: Asked | None, granted: Allocated | None) -> Because:
    """Return a reason with its value and its limit, as far as inputs tell them: itself where it has a value,
    and where there is none.

    `asked` is what it stopped, `granted` what that got in Stage 4; None for what never had a place.
    """
    if reason.value is not None:
        return reason
    if reason.code == Cause.NO_MARK_PRICE:
        return evolve(reason, value=_unpriced(scene.symbol(reason.scope)))
    measure = _OF_ORDERS.get(reason.code)
    found = None if measure is None or asked is None else measure(scene, attempted(scene, asked, granted))
    if found is None:
        return reason
    value, limit, unit = found
    setting = PROGRAM if reason.code == Code.TICK_TOO_COARSE.text else reason.setting
    return because(reason.code, reason.step, reason.scope, value, limit, unit=unit, setting=setting)


def attempted(scene: Scene, asked: Asked, granted: Allocated | None) -> Draft:
    """Return the order that was held against the exchange's rules: all that was asked for in Stage 3, what
    caps left of it in Stage 4."""
    if granted is None:
        qty = scene.to_sell[asked.symbol] if asked.whole else asked.qty
        return draft_of(scene, asked, asked.request, qty)
    cap = None if granted.bound is None else parse_e8(granted.bound.limit or "0", "limit")
    value, least = scene.sellable_value(asked.symbol), scene.least(asked.symbol)
    request = max(value, 1) if asked.whole else asked.request
    amount = request if cap is None else min(request, cap)
    if asked.side is Side.BUY:
        return draft_of(scene, asked, amount)
    if 0 < value - amount < least:  # it takes all, or, capped, leaves the least order
        amount = value if cap is None else value - least
    if amount == value:
        return draft_of(scene, asked, amount, scene.to_sell[asked.symbol])
    return draft_of(scene, asked, amount, asked.qty if amount == asked.request else None)


def _unpriced(seen: SymbolView | None) -> str:
    """Return what there was of a symbol in place of a price."""
    if seen is None:
        return "it was not looked at"
    found = {"bid": seen.bid, "ask": seen.ask, "last": seen.last}
    return ", ".join(f"{name} {format_e8(price) if price else 'none'}" for name, price in found.items())


# -- Orders that the exchange's rules refuse ----------------------------------------------------------


def _below_a_tick(scene: Scene, draft: Draft) -> Numbers:
    wanted = _mark(scene, draft) if draft.asked.limit is None else draft.asked.limit
    return wanted, _rule(scene, draft, "tick"), "TRY"


def _coarse(scene: Scene, draft: Draft) -> Numbers:
    mark = _mark(scene, draft)
    return abs(draft.price - mark) * E12 // mark, E12 // COARSE, "bps"


def _out_of_range(scene: Scene, draft: Draft) -> Numbers:
    low, high = _rule(scene, draft, "min_price"), _rule(scene, draft, "max_price")
    return None if draft.price < 0 else (draft.price, low if draft.price < low else high, "TRY")


def _below_a_lot(scene: Scene, draft: Draft) -> Numbers:
    """Coins against the lot where coins were asked for, else TRY against what a lot costs."""
    lot, asked = _rule(scene, draft, "lot"), draft.asked
    coins = scene.to_sell[asked.symbol] if asked.whole else asked.qty
    if coins is not None:
        return coins, lot, "coins"
    price = max(draft.price, _mark(scene, draft)) if draft.side is Side.BUY else _mark(scene, draft)
    return draft.amount, -(-lot * price // E8), "TRY"


def _too_few(scene: Scene, draft: Draft) -> Numbers:
    return draft.qty, _rule(scene, draft, "min_qty"), "coins"


def _too_many(scene: Scene, draft: Draft) -> Numbers:
    """None where it is more than an amount can be."""
    most = _rule(scene, draft, "max_qty")
    return (draft.qty, most, "coins") if draft.qty > most else None


_OF_ORDERS: Final[Mapping[str, Callable[[Scene, Draft], Numbers]]] = {
    Code.PRICE_ROUNDS_TO_ZERO.text: _below_a_tick,
    Code.TICK_TOO_COARSE.text: _coarse,
    Code.PRICE_OUT_OF_RANGE.text: _out_of_range,
    Code.QTY_ROUNDS_TO_ZERO.text: _below_a_lot,
    Code.MIN_QTY.text: _too_few,
    Code.MAX_QTY.text: _too_many,
}


def _mark(scene: Scene, draft: Draft) -> int:
    seen = scene.symbol(draft.symbol)
    return (seen.mark if seen else None) or 0


def _rule(scene: Scene, draft: Draft, name: str) -> int:
    found: int = getattr(scene.rules, name)[scene.place[draft.symbol]]
    return found
