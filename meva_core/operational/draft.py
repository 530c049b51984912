"""What is asked for as an order on the exchange's grid, and what keeps it from being one at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from meva_core.amounts import div_e8
from meva_core.modes import Mode
from meva_core.operational.asked import Asked
from meva_core.operational.because import EXCHANGE, PROGRAM, Because, Cause, because, counted, of_rules
from meva_core.operational.documents import Amount
from meva_core.operational.final_mode import Combined
from meva_core.operational.inputs import OwnOrder
from meva_core.operational.scene import Scene
from meva_core.operational.universe import Universe
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.rules import check_order, floor_to, round_price
from meva_core.steps.shape import COARSE, rules_code
from meva_core.steps.wishes import worth

STEP: str = "allocation"


@frozen
class Draft:
    """An order that may be sent: its limit and quantity on the grid, and the order of ours that it replaces.

    `amount` is what was allocated, `worth` what it counts for against limits: a BUY at its limit, a SELL at
    the mark, so that rounding a limit up breaks no cap. `code` is OK where the exchange's rules take it.
    """

    asked: Asked
    amount: Amount
    price: Amount
    qty: Amount
    worth: Amount
    code: Code = Code.OK
    replaces: OwnOrder | None = None

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.asked.symbol

    @property
    def side(self) -> Side:
        """The side."""
        return self.asked.side


def draft_of(scene: Scene, asked: Asked, amount: int, qty: int | None = None) -> Draft:
    """Return the order for an amount, e8 TRY, or for a given quantity.

    The limit is what was asked for, else the mark, to the tick, against us. A BUY takes the amount over the
    higher of limit and mark, a SELL over the mark; down to the lot. The symbol has a mark.
    """
    i, seen = scene.place[asked.symbol], scene.symbol(asked.symbol)
    mark = (seen.mark if seen else None) or 0
    code = Code(rules_code(scene.rules, i))
    if code is not Code.OK:
        return Draft(asked, amount, 0, 0, 0, code)
    wanted = mark if asked.limit is None else asked.limit
    price = round_price(asked.side, scene.rules.tick[i], wanted)
    if qty is None:
        qty = div_e8(amount, max(price, mark) if asked.side is Side.BUY else mark)
    qty = floor_to(scene.rules.lot[i], qty) if qty >= 0 else qty
    code = Code(check_order(scene.rules, i, price, qty, scene.inputs.limits.min_order_notional_try))
    if code is Code.OK and asked.limit is None and abs(price - mark) > mark // COARSE:
        code = Code.TICK_TOO_COARSE
    return Draft(asked, amount, price, qty, worth(qty, price if asked.side is Side.BUY else mark), code)


def why_not(scene: Scene, mode: Combined, universe: Universe, asked: Asked) -> Because | None:
    """Return what keeps what was asked for from being an order in either stage, None for nothing."""
    return next(_against(scene, mode, universe, asked), None)


def _against(scene: Scene, mode: Combined, universe: Universe, asked: Asked) -> Iterator[Because]:
    symbol, bound = asked.symbol, mode.bound
    if bound is not None and (mode.mode is Mode.OBSERVE_ONLY or asked.side is Side.BUY):
        code = Cause.OBSERVE_ONLY if mode.mode is Mode.OBSERVE_ONLY else Cause.MODE_REDUCE_RISK_ONLY
        why = bound.reason
        yield evolve(why, code=str(code), step=STEP, scope=symbol, distance=None, value=why.code, limit=None)
    blocked = blocked_symbols(scene).get(symbol)
    if blocked is not None:
        yield because(f"{Cause.SYMBOL_BLOCKED}:{blocked}", STEP, symbol, blocked, setting=EXCHANGE)
    if asked.side is Side.BUY and symbol not in universe.names:
        out = universe.why_not(symbol)
        yield evolve(out, code=f"{Cause.NOT_IN_UNIVERSE}:{out.code}", step=STEP)
    seen = scene.symbol(symbol)
    if seen is None or not seen.mark:
        yield because(Cause.NO_MARK_PRICE, STEP, symbol, setting=EXCHANGE)
    elif asked.side is Side.BUY and seen.mid is None:
        # What is left of its book may be far from the last price: no spread and no drift would tell.
        yield because(Cause.NO_MARK_PRICE, STEP, symbol, setting=PROGRAM)


def blocked_symbols(scene: Scene) -> Mapping[str, str]:
    """Return why nothing may be submitted, by symbol: an order of unknown standing keeps its own."""
    unknown = {order.symbol: "unknown_order" for order in scene.inputs.orders if not order.known}
    return unknown | dict(scene.inputs.blocked)


def stale_data(scene: Scene, symbol: str, step: str) -> Because | None:
    """Return that the data of a symbol are stale, None if they are not."""
    if not scene.is_stale(symbol):
        return None
    age = scene.data_age(symbol)
    return because(
        Cause.STALE_MARKET_DATA,
        step,
        symbol,
        None if age is None else counted(age),
        counted(scene.inputs.limits.stale_market_data_seconds),
        unit="s",
        setting="STALE_MARKET_DATA_SECONDS",
    )


def too_small(scene: Scene, symbol: str, value: int, step: str, code: str = Cause.MIN_NOTIONAL) -> Because:
    """Return that so much, e8 TRY, is below the least order of a symbol, and whose that is."""
    least, setting = scene.least(symbol), scene.least_setting(symbol)
    return because(code, step, symbol, value, least, unit="TRY", setting=setting)


def refused_by_rules(scene: Scene, draft: Draft, step: str) -> Because:
    """Return what of the exchange's rules a draft breaks."""
    if draft.code is Code.MIN_NOTIONAL:
        return too_small(scene, draft.symbol, worth(draft.qty, draft.price), step)
    return because(of_rules(draft.code), step, draft.symbol, setting=EXCHANGE)
