"""How much of what was asked for gets money (Stage 4): sells first, then buys in the order of the strategies.

Allocated is the least of the request and of every cap. What was allocated before counts against those of the
cycle, also where a later step drops it: a cap is never exceeded, an order may be missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from attrs import define, frozen

from meva_core.amounts import E8, LIMIT, net_of_rate
from meva_core.operational.asked import Asked
from meva_core.operational.because import PROGRAM, Because, Cause, because
from meva_core.operational.documents import Amount
from meva_core.operational.draft import STEP, Draft, draft_of, refused_by_rules, stale_data, too_small
from meva_core.operational.scene import Scene
from meva_core.orders import Side
from meva_core.reasons import Code
from meva_core.steps.shape import rules_code
from meva_core.steps.wishes import worth

_ROOM: Final = 9
_OF: Final = 10
"""Caps are nine tenths of what the risk budget tolerates: a price that moves a little does not breach it."""
_NOTHING: Final = frozenset({Code.MIN_NOTIONAL, Code.MIN_QTY, Code.QTY_ROUNDS_TO_ZERO})
"""What the exchange's rules say of an order that is too small."""


class Status(StrEnum):
    """What became of a request."""

    ACCEPTED = "accepted"
    SCALED = "scaled"
    REJECTED = "rejected"


@frozen
class Allocated:
    """What a request got, e8 TRY, and why not all of it. `takes_all` says that all that may be sold goes.

    `bound` is the cap that left it less than was asked for, none where no cap did: also of one that became
    too small by that, whose reason is `min_notional`.
    """

    n: int
    symbol: str
    side: Side
    requested: Amount
    allocated: Amount
    status: Status
    reason: Because
    takes_all: bool = False
    bound: Because | None = None


@frozen
class Cap:
    """One limit of a request, e8 TRY, and whose it is."""

    code: str
    most: int
    setting: str


@define
class _Purse:
    """What is left in this cycle, e8 TRY."""

    cash: int
    gross: int
    cycle: int


def allocate(
    scene: Scene, equity: int, requests: Sequence[Asked]
) -> tuple[tuple[Allocated, ...], tuple[Draft, ...]]:
    """Return what each request gets, and the orders of those that get enough."""
    limits = scene.inputs.limits
    purse = _Purse(
        cash=cash_left(scene),
        gross=limits.risk_max_gross_exposure_try * _ROOM // _OF
        - scene.inputs.positions.exposure
        - sum(scene.open_buys.values()),
        cycle=limits.notional_cap_try_per_cycle,
    )
    found: list[Allocated] = []
    drafts: list[Draft] = []
    for asked in sorted(requests, key=lambda asked: (asked.side is Side.BUY, asked.n)):
        refused = _refused(scene, asked)
        if refused is not None:
            found.append(_outcome(asked, 0, Status.REJECTED, refused))
        elif asked.side is Side.BUY:
            _buy(scene, equity, asked, purse, found, drafts)
        else:
            _sell(scene, asked, purse, found, drafts)
    return tuple(found), tuple(drafts)


def cash_left(scene: Scene) -> int:
    """Return what BUYs of this cycle may come to, so that the target stays and a fee is left, e8 TRY."""
    free = min(LIMIT - 1, max(0, scene.cash_for_buys - scene.inputs.limits.cash_target))
    return net_of_rate(free, scene.inputs.effective_fee)


def _buy(
    scene: Scene, equity: int, asked: Asked, purse: _Purse, found: list[Allocated], drafts: list[Draft]
) -> None:
    caps = _caps_of_buy(scene, equity, asked.symbol, purse)
    amount, cap = _least_of(asked.request, caps)
    if amount <= 0 and cap is not None:
        found.append(_outcome(asked, 0, Status.REJECTED, _of_cap(asked, cap), cap))
        return
    draft = draft_of(scene, asked, amount)
    small = amount < scene.least(asked.symbol) or draft.code in _NOTHING
    if small or draft.code is not Code.OK:
        by_cash = small and amount == purse.cash
        reason = _of_cap(asked, caps[0]) if by_cash else _too_small_or_refused(scene, draft, amount, small)
        found.append(_outcome(asked, 0, Status.REJECTED, reason, cap))
        return
    purse.cash -= amount
    purse.gross -= amount
    purse.cycle -= amount
    found.append(_granted(asked, amount, cap))
    drafts.append(draft)


def _caps_of_buy(scene: Scene, equity: int, symbol: str, purse: _Purse) -> list[Cap]:
    limits = scene.inputs.limits
    share = limits.risk_max_position_pct * max(0, equity) * _ROOM // (_OF * E8)
    largest, setting = min(
        (limits.max_position_notional_try, "MAX_POSITION_NOTIONAL_TRY"),
        (limits.max_position_try_per_symbol, "MAX_POSITION_TRY_PER_SYMBOL"),
        (share, "RISK_MAX_POSITION_PCT"),
    )
    room = largest - scene.held(symbol).value - scene.open_buys.get(symbol, 0)
    return [
        Cap(Cause.CASH_TARGET, purse.cash, limits.cash_setting),
        Cap(Cause.MAX_POSITION_EXPOSURE_CAP, room, setting),
        Cap(Cause.GROSS_EXPOSURE_CAP, purse.gross, "RISK_MAX_GROSS_EXPOSURE_TRY"),
        Cap(Cause.CYCLE_NOTIONAL_CAP, purse.cycle, "NOTIONAL_CAP_TRY_PER_CYCLE"),
        Cap(Cause.MAX_INTENT_CAP, limits.risk_max_order_notional_try, "RISK_MAX_ORDER_NOTIONAL_TRY"),
    ]


def _sell(scene: Scene, asked: Asked, purse: _Purse, found: list[Allocated], drafts: list[Draft]) -> None:
    symbol, limits = asked.symbol, scene.inputs.limits
    value, least = scene.sellable_value(symbol), scene.least(symbol)
    others = [
        Cap(Cause.CYCLE_NOTIONAL_CAP, purse.cycle, "NOTIONAL_CAP_TRY_PER_CYCLE"),
        Cap(Cause.MAX_INTENT_CAP, limits.risk_max_order_notional_try, "RISK_MAX_ORDER_NOTIONAL_TRY"),
    ]
    request = max(value, 1) if asked.whole else asked.request
    amount, cap = _least_of(request, [Cap(Cause.POSITION_VALUE_CAP, value, PROGRAM), *others])
    takes_all = amount == value
    if 0 < value - amount < least:
        most, tightest = _least_of(value, others)
        takes_all = most == value
        amount = value if takes_all else value - least
        cap = cap if takes_all else tightest
    if amount <= 0 and cap is not None:
        found.append(_outcome(asked, 0, Status.REJECTED, _of_cap(asked, cap), cap))
        return
    as_asked = not takes_all and amount == asked.request
    qty = scene.to_sell[symbol] if takes_all else asked.qty if as_asked else None
    draft = draft_of(scene, asked, amount, qty)
    small = amount < least or draft.code in _NOTHING
    if small or draft.code is not Code.OK:
        reason = _too_small_or_refused(scene, draft, amount, small)
        found.append(_outcome(asked, 0, Status.REJECTED, reason, cap))
        return
    purse.cycle -= amount
    found.append(_granted(asked, amount, cap, takes_all=takes_all))
    drafts.append(draft)


def _least_of(request: int, caps: Iterable[Cap]) -> tuple[int, Cap | None]:
    """Return the least of a request and caps, and the first cap that is below the request and equals it."""
    caps = list(caps)
    least = min(request, *(cap.most for cap in caps))
    return least, next((cap for cap in caps if cap.most == least < request), None)


def _refused(scene: Scene, asked: Asked) -> Because | None:
    """Return what refuses a request whatever its size, None for nothing."""
    symbol = asked.symbol
    code = Code(rules_code(scene.rules, scene.place[symbol]))
    if code is not Code.OK:
        return refused_by_rules(scene, Draft(asked, 0, 0, 0, 0, code), STEP)
    stale = stale_data(scene, symbol, STEP)
    if stale is not None:
        return stale
    if asked.side is Side.SELL:
        held = scene.held(symbol)
        if held.qty <= 0:
            return because(Cause.NO_POSITION, STEP, symbol, 0, unit="coins", setting=PROGRAM)
        if scene.is_dust(symbol):
            return too_small(scene, symbol, held.value, STEP, Cause.DUST)
    return None


def _too_small_or_refused(scene: Scene, draft: Draft, amount: int, small: bool) -> Because:
    least = scene.least(draft.symbol)
    value = amount if amount < least else worth(draft.qty, draft.price)  # before or after rounding
    if small and value < least:
        return too_small(scene, draft.symbol, value, STEP)
    return refused_by_rules(scene, draft, STEP)  # its quantity is


def _of_cap(asked: Asked, cap: Cap) -> Because:
    return because(cap.code, STEP, asked.symbol, asked.request, cap.most, unit="TRY", setting=cap.setting)


def _granted(asked: Asked, amount: int, cap: Cap | None, *, takes_all: bool = False) -> Allocated:
    if cap is None or amount >= asked.request:
        reason = because(Cause.OK, STEP, asked.symbol)
        return _outcome(asked, amount, Status.ACCEPTED, reason, takes_all=takes_all)
    return _outcome(asked, amount, Status.SCALED, _of_cap(asked, cap), cap, takes_all=takes_all)


def _outcome(
    asked: Asked,
    amount: int,
    status: Status,
    reason: Because,
    cap: Cap | None = None,
    *,
    takes_all: bool = False,
) -> Allocated:
    bound = None if cap is None else _of_cap(asked, cap)
    return Allocated(
        asked.n, asked.symbol, asked.side, asked.request, amount, status, reason, takes_all, bound
    )
