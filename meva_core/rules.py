"""What the exchange asks of an order: tick, lot, minimum. Derived once, applied everywhere by the same
kernels.

Nothing here raises for a symbol's rules: every symbol gets a status, and a bad one costs that symbol, not the
cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from enum import IntEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from attrs import evolve, field, frozen

from meva_core.amounts import BAD, LIMIT, format_e8, mul_e8, parse_e8, to_decimal
from meva_core.blocks import axes, new_group
from meva_core.choices import member_of
from meva_core.errors import BadInput, RulesUnusable
from meva_core.kernel import kernel
from meva_core.orders import Side, as_side
from meva_core.reasons import Code

LETTERS: Final = 16
_ONE_E8: Final = Decimal("1E-8")
_BEYOND: Final = Decimal(format_e8(LIMIT))
_MOST_DIGITS: Final = 30  # of a scale; finer than any exchange's
_MOST_MAGNITUDE: Final = 60  # powers of ten around 1, either way
_LARGEST: Final = 10**_MOST_MAGNITUDE
_LONGEST: Final = 200  # characters of a number; the longest seen has 24


class RuleStatus(IntEnum):
    """Whether a symbol's rules can be used."""

    OK = 0
    FALLBACK = 1
    MISSING = 2
    INVALID = 3

    @property
    def text(self) -> str:
        """The status as it is stored and shown."""
        return self.name.lower()


def _as_status(given: RuleStatus | str) -> RuleStatus:
    return member_of(RuleStatus, given, "status")


@axes("i", iL=("letters",))
class Rules(NamedTuple):
    """The rules of all symbols as columns [symbols]; amounts in e8, bounds that do not exist are 0 and LIMIT
    - 1.

    `candidate` is 1 for a pair that may be selected, `configured` for one whose market the risk rules watch,
    `letters` [symbols, 16] holds the name in ASCII, 0 behind its end.
    """

    status: Any
    candidate: Any
    configured: Any
    tick: Any
    lot: Any
    min_notional: Any
    min_price: Any
    max_price: Any
    min_qty: Any
    max_qty: Any
    letters: Any


# -- Kernels ------------------------------------------------------------------------------------------


@kernel
def floor_to(step: int, amount: int) -> int:
    """Return the largest multiple of step > 0 that is not above amount >= 0."""
    return amount - amount % step


@kernel
def ceil_to(step: int, amount: int) -> int:
    """Return the smallest multiple of step > 0 that is not below amount >= 0, or BAD."""
    over = amount % step
    if over == 0:
        return amount
    if amount - over >= LIMIT - step:
        return BAD
    return amount - over + step


@kernel
def round_price(side: int, tick: int, price: int) -> int:
    """Return the price on the tick, against ourselves: a BUY never pays more, a SELL never asks less. Or
    BAD."""
    if side == Side.BUY:
        return floor_to(tick, price)
    return ceil_to(tick, price)


@kernel
def check_order(r: Rules, i: int, price: int, qty: int, minimum: int) -> int:
    """Return Code.OK if symbol i takes a rounded order of this price and quantity, else the code of what it
    breaks.

    `minimum` is our own least notional; the exchange's applies as well.
    """
    if price == 0:
        return Code.PRICE_ROUNDS_TO_ZERO
    if price < 0 or price < r.min_price[i] or price > r.max_price[i]:
        return Code.PRICE_OUT_OF_RANGE
    if qty == 0:
        return Code.QTY_ROUNDS_TO_ZERO
    if qty < 0 or qty > r.max_qty[i]:
        return Code.MAX_QTY
    if qty < r.min_qty[i]:
        return Code.MIN_QTY
    notional = mul_e8(price, qty)
    if notional < 0:
        return Code.MAX_QTY
    if notional < minimum or notional < r.min_notional[i]:
        return Code.MIN_NOTIONAL
    return Code.OK


# -- Values -------------------------------------------------------------------------------------------


@frozen
class SymbolRules:
    """The rules of one pair. Amounts are None where the status says that there are none.

    `reason` tells in words why the status is not `ok`. `tradable` is what the exchange says of the pair
    itself: status TRADING and LIMIT orders allowed.
    """

    symbol: str
    status: RuleStatus = field(converter=_as_status)
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    min_notional_try: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    reason: str = ""
    tradable: bool = True
    quote: str = ""

    @property
    def usable(self) -> bool:
        """Whether orders can be built with these rules."""
        return self.status in (RuleStatus.OK, RuleStatus.FALLBACK)


def quantize(
    rules: SymbolRules, side: Side | str, price: Decimal, qty: Decimal
) -> tuple[Decimal, Decimal, Code]:
    """Round an order to the exchange's grid, always against ourselves; the same kernels as every stage uses.

    `side` is `orders.Side`, or its text "BUY" or "SELL". Returns (price, quantity, code): code is OK if the
    exchange takes the rounded order. Raises RulesUnusable if the symbol has no rules, BadInput for a side
    that is none of these and for amounts that are negative or not exact in e8.
    """
    side = as_side(side)
    if not rules.usable:
        raise RulesUnusable(f"{rules.symbol}: no usable exchange rules ({rules.status.text}: {rules.reason})")
    p, q = parse_e8(price, "price"), parse_e8(qty, "qty")
    if p < 0 or q < 0:
        raise BadInput(f"price {price}, qty {qty}: an order's amounts are not negative")
    columns = rules_columns([rules])
    on_tick = round_price(side, int(columns.tick[0]), p)
    on_lot = floor_to(int(columns.lot[0]), q)
    code = Code(check_order(columns, 0, on_tick, on_lot, 0))
    return to_decimal(max(on_tick, 0)), to_decimal(on_lot), code


def rules_columns(
    rules: Sequence[SymbolRules],
    *,
    candidates: frozenset[str] | None = None,
    configured: frozenset[str] | None = None,
) -> Rules:
    """Return the rules of symbols, in the order given, as columns for the engine.

    `candidates` and `configured` limit those two flags; None means all (of the tradable ones, for
    candidates).
    """
    columns: Rules = new_group(Rules, i=len(rules), L=LETTERS)
    for i, rule in enumerate(rules):
        columns.status[i] = rule.status
        columns.candidate[i] = rule.tradable and (candidates is None or rule.symbol in candidates)
        columns.configured[i] = configured is None or rule.symbol in configured
        columns.tick[i] = _e8(rule.tick_size, 1)
        columns.lot[i] = _e8(rule.lot_size, 1)
        columns.min_notional[i] = _e8(rule.min_notional_try, 0)
        columns.min_price[i] = _e8(rule.min_price, 0)
        columns.max_price[i] = _e8(rule.max_price, LIMIT - 1)
        columns.min_qty[i] = _e8(rule.min_qty, 0)
        columns.max_qty[i] = _e8(rule.max_qty, LIMIT - 1)
    columns.letters[:] = letters_of([rule.symbol for rule in rules])
    return columns


def letters_of(symbols: Sequence[str]) -> Any:
    """Return the names of symbols as rules hold them: int64 [symbols, LETTERS], ASCII, 0 behind the end."""
    letters = _letters_of(tuple(symbols))
    return letters.copy()  # whoever has it may change it


@lru_cache(maxsize=16)  # each cycle of a live run asks for them, and each stretch that is opened
def _letters_of(symbols: tuple[str, ...]) -> Any:
    letters = np.zeros((len(symbols), LETTERS), dtype=np.int64)
    for i, symbol in enumerate(symbols):
        letters[i, : len(symbol)] = list(symbol.encode("ascii"))
    return letters


def _e8(amount: Decimal | None, absent: int) -> int:
    return absent if amount is None else parse_e8(amount, "rules")


# -- Derivation from the exchange's metadata ----------------------------------------------------------


@frozen
class FallbackRules:
    """What the user configured for symbols without usable metadata, and whether it may be used.

    The defaults are those of the settings `STAGE7_RULES_FALLBACK_*` and `STAGE7_RULES_REQUIRE_METADATA`.
    """

    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal("0.00000001")
    min_notional_try: Decimal = Decimal(10)
    require_metadata: bool = True


def symbol_rules(symbol: str, entry: Mapping[str, Any] | None, fallback: FallbackRules) -> SymbolRules:
    """Return the rules of `symbol` from its entry in the exchange's metadata, or a status that says what is
    wrong.

    `entry` is one element of `exchangeinfo`'s `symbols`, with its numbers as text, int or Decimal; None if
    there is none. Without `require_metadata` the fallback takes the place of missing or invalid metadata.
    """
    if entry is None:
        rules = SymbolRules(
            symbol, RuleStatus.MISSING, reason="not in the exchange's metadata", quote=_quote(symbol)
        )
    else:
        rules = _from_entry(symbol, entry)
    if rules.usable or fallback.require_metadata:
        return rules
    return evolve(
        rules,
        status=RuleStatus.FALLBACK,
        tick_size=fallback.tick_size,
        lot_size=fallback.lot_size,
        min_notional_try=fallback.min_notional_try,
    )


def unread_rules(symbol: str) -> SymbolRules:
    """Return the rules of a symbol of which the exchange has not said anything."""
    return SymbolRules(symbol, RuleStatus.MISSING, reason="the rules cannot be read", quote=_quote(symbol))


def fallback_rules(symbol: str, fallback: FallbackRules) -> SymbolRules:
    """Return the configured rules for a symbol of a dataset that has no metadata at all."""
    return SymbolRules(
        symbol,
        RuleStatus.FALLBACK,
        fallback.tick_size,
        fallback.lot_size,
        fallback.min_notional_try,
        reason="the dataset has no exchangeinfo.json",
        quote=_quote(symbol),
    )


def _from_entry(symbol: str, entry: Mapping[str, Any]) -> SymbolRules:
    tradable = _tradable(entry)
    quote = str(entry.get("denominator") or _quote(symbol))
    try:
        filters = _filters(entry)
        low = _bound(entry, "minimumLimitOrderPrice", ROUND_CEILING)
        high = _bound(entry, "maximumLimitOrderPrice", ROUND_FLOOR)
        return SymbolRules(
            symbol,
            RuleStatus.OK,
            tick_size=_tick(entry, filters),
            lot_size=_lot(entry, filters),
            min_notional_try=_minimum(entry, filters),
            min_price=low,
            max_price=high,
            min_qty=_bound(filters, "minQty", ROUND_CEILING),
            max_qty=_bound(filters, "maxQty", ROUND_FLOOR),
            tradable=tradable,
            quote=quote,
        )
    except BadInput as error:
        return SymbolRules(symbol, RuleStatus.INVALID, reason=str(error), tradable=tradable, quote=quote)


def _quote(symbol: str) -> str:
    for quote in ("TRY", "USDT", "BTC", "USDC", "FDUSD", "BUSD", "TUSD"):
        if symbol.endswith(quote):
            return quote
    return symbol[-3:]


def _tradable(entry: Mapping[str, Any]) -> bool:
    status, methods = entry.get("status"), entry.get("orderMethods")
    takes_limits = methods is None or (isinstance(methods, list | tuple) and "LIMIT" in methods)
    return status in (None, "TRADING") and takes_limits


_PRICE_FILTERS: Final = ("PRICE_FILTER",)
_SIZE_FILTERS: Final = ("LOT_SIZE", "MARKET_LOT_SIZE", "QUANTITY_FILTER")
_PRICE_FIELDS: Final = ("tickSize", "minExchangeValue")
_SIZE_FIELDS: Final = ("stepSize", "minQty", "maxQty")


def _filters(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the filters that rules use; the first filter that names a field wins."""
    found: dict[str, Any] = {}
    listed = entry.get("filters") or ()
    if isinstance(listed, str) or not isinstance(listed, Sequence):
        raise BadInput(f"filters: {_brief(listed)} is not a list")
    for filter_ in listed:
        if not isinstance(filter_, Mapping):
            raise BadInput(f"filters: {_brief(filter_)} is not an object")
        kind = filter_.get("filterType")
        fields = _PRICE_FIELDS if kind in _PRICE_FILTERS else _SIZE_FIELDS if kind in _SIZE_FILTERS else ()
        for name in fields:
            if filter_.get(name) is not None:
                found.setdefault(name, filter_[name])
    return found


def _number(source: Mapping[str, Any], name: str) -> Decimal | None:
    """Return source[name] exactly, None if it is absent."""
    value = source.get(name)
    if value is None:
        return None
    plain = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    text = _brief(value, str)
    try:
        # A float's own text is what the exchange wrote.
        number = Decimal(text) if plain and text.isascii() else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise BadInput(f"{name}: {text[:60]!r} is not a number")
    return number


def _brief(value: object, form: Callable[[object], str] = repr) -> str:
    """Return a value as text of at most _LONGEST characters; one that was cut is no number any more."""
    if isinstance(value, int) and abs(value) > _LARGEST:  # Python refuses to write very long ones
        return f"an integer of more than {_MOST_MAGNITUDE} digits"
    text = form(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _positive(source: Mapping[str, Any], name: str) -> Decimal | None:
    """Return source[name], above zero and of a size that can be divided, or None if it is absent."""
    number = _number(source, name)
    if number is None:
        return None
    if number <= 0:
        raise BadInput(f"{name}: {number} is not above zero")
    if abs(number.adjusted()) > _MOST_MAGNITUDE:  # as a fraction, 1e999999999 has as many digits
        raise BadInput(f"{name}: {str(number)[:60]} is too large or too fine")
    return number


def _bound(source: Mapping[str, Any], name: str, rounding: str) -> Decimal | None:
    """Return a bound in e8 steps; one beyond what an amount can hold binds nothing, nor does zero."""
    bound = _number(source, name)
    if bound is None or bound <= 0 or bound >= _BEYOND:
        return None
    return bound.quantize(_ONE_E8, rounding)


def _step_of_scale(entry: Mapping[str, Any], name: str) -> Decimal | None:
    scale = entry.get(name)
    if scale is None:
        return None
    if isinstance(scale, bool) or not isinstance(scale, int) or not 0 <= scale <= _MOST_DIGITS:
        raise BadInput(f"{name}: {_brief(scale)} is not a whole number from 0 to {_MOST_DIGITS}")
    return Decimal(1).scaleb(-scale)


def _coarser(a: Decimal | None, b: Decimal | None, what: str) -> Decimal:
    """Return the coarser of two steps that divides by the other, in e8 steps itself."""
    steps = [step for step in (a, b) if step is not None]
    if not steps:
        raise BadInput(f"{what}: the metadata names none")
    if Fraction(max(steps)) % Fraction(min(steps)) != 0:
        raise BadInput(f"{what}: neither of {a} and {b} divides the other")
    return to_decimal(parse_e8(max(steps), what))


def _tick(entry: Mapping[str, Any], filters: Mapping[str, Any]) -> Decimal:
    step = _step_of_scale(entry, "denominatorScale") if _has_fraction(entry) else Decimal(1)
    return _coarser(step, _named(entry, filters, "tickSize", "tickSize"), "tick size")


def _has_fraction(entry: Mapping[str, Any]) -> bool:
    """Whether prices have decimals; recorded metadata may say so as a word."""
    said = entry.get("hasFraction")
    if isinstance(said, str):
        said = {"true": True, "false": False}.get(said.lower(), said)
    if said is not None and not isinstance(said, bool):
        raise BadInput(f"hasFraction: {_brief(said)} is neither true nor false")
    return said is not False


def _lot(entry: Mapping[str, Any], filters: Mapping[str, Any]) -> Decimal:
    step = _step_of_scale(entry, "numeratorScale")
    return _coarser(step, _named(entry, filters, "stepSize", "stepSize"), "lot size")


def _minimum(entry: Mapping[str, Any], filters: Mapping[str, Any]) -> Decimal:
    minimum = _named(entry, filters, "minTotalAmount", "minExchangeValue")
    if minimum is None:
        raise BadInput("minimum notional: the metadata names none")
    return to_decimal(parse_e8(minimum, "minimum notional"))


def _named(
    entry: Mapping[str, Any], filters: Mapping[str, Any], name: str, filter_name: str
) -> Decimal | None:
    """Return what the entry itself names, else its filters."""
    own = _positive(entry, name)
    return _positive(filters, filter_name) if own is None else own
