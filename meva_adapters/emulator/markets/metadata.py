"""Exchange metadata: a document in the exchange's shape, and the pairs that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from meva_adapters.emulator.exchange.orders import Method
from meva_adapters.emulator.exchange.pairs import Pair
from meva_adapters.emulator.markets.builtin import START_PRICES, ListedPair, builtin_document, symbol_document
from meva_adapters.system.strict_json import read_json_file
from meva_core.amounts import E8, LIMIT, format_e8, parse_e8
from meva_core.errors import BadInput

_METHODS: Final = {method.name: method for method in Method}
_FACTOR: Final = 10
_BEYOND: Final = LIMIT // E8
"""A limit price may be a tenth to ten times of the reference price."""


@frozen
class Listing:
    """The pairs, the document they come from, and a price in e8 that each is traded near."""

    pairs: dict[str, Pair]
    document: dict[str, Any]
    start_prices: dict[str, int]

    @property
    def assets(self) -> list[str]:
        """Every asset that is traded or listed, in the document's order."""
        listed = [str(row["symbol"]).upper() for row in self.document.get("currencies", [])]
        traded = [asset for pair in self.pairs.values() for asset in (pair.quote, pair.base)]
        return list(dict.fromkeys(listed + traded))


def read_document(path: Path) -> dict[str, Any]:
    """Return the `data` of an exchangeinfo file, whole reply or inside; raises BadInput if it is neither."""
    return inner_document(read_json_file(path, action="save the reply as it was"), str(path))


def inner_document(tree: Any, where: str) -> dict[str, Any]:
    """Return the part with `symbols` of a parsed exchangeinfo document."""
    inner = tree.get("data", tree) if isinstance(tree, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("symbols"), list):
        raise BadInput(f"{where}: expected an object with a list 'symbols', as GET exchangeinfo answers")
    return inner


def listing_of(document: Mapping[str, Any], extra: Mapping[str, int], where: str) -> Listing:
    """Return the listing of a document, with pairs made up for names in `extra` that it lacks.

    `extra` maps names to prices in e8 that they trade near. Raises BadInput, naming the pair and the field,
    for metadata that no orders can be checked with.
    """
    known = {str(row.get("name")) for row in document["symbols"]}
    missing = [_made_up(name, order) for order, name in enumerate(sorted(set(extra) - known), start=9000)]
    symbols = [dict(row) for row in [*document["symbols"], *missing]]
    start_prices = {}
    for row in symbols:
        name = str(row.get("name"))
        start = extra.get(name) or _start_price(name, row)
        start_prices[name] = start
        row.setdefault("minimumLimitOrderPrice", Decimal(format_e8(max(1, start // _FACTOR))))
        row.setdefault("maximumLimitOrderPrice", Decimal(format_e8(min(LIMIT - 1, start * _FACTOR))))
    pairs = {pair.name: pair for pair in _pairs(symbols, where)}
    whole = {"timeZone": "UTC", "currencies": [], "currencyOperationBlocks": [], **document}
    return Listing(pairs, {**whole, "symbols": symbols}, start_prices)


def builtin_listing(extra: Mapping[str, int]) -> Listing:
    """Return the built-in pairs, or just those of `extra` where it names some."""
    document = builtin_document()
    if extra:
        document["symbols"] = [row for row in document["symbols"] if row["name"] in extra]
    return listing_of(document, extra, "built-in metadata")


def _pairs(symbols: Iterable[dict[str, Any]], where: str) -> Iterator[Pair]:
    for row in symbols:
        try:
            yield _pair(row)
        except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, BadInput) as e:
            name = row.get("name")
            raise BadInput(
                f"{where}: pair {name!r} cannot be traded by its metadata: {type(e).__name__}: {e}",
                action="correct the pair or remove it",
            ) from e


def _pair(row: Mapping[str, Any]) -> Pair:
    price_step = _step(row["denominatorScale"]) if row["hasFraction"] else E8
    rule = row["filters"][0]
    minimum = rule.get("minExchangeValue")
    low, high = row["minimumLimitOrderPrice"], row["maximumLimitOrderPrice"]
    return Pair(
        id=int(row["id"]),
        name=str(row["name"]),
        base=str(row["numerator"]),
        quote=str(row["denominator"]),
        price_step=price_step,
        qty_step=_step(row["numeratorScale"]),
        min_total=0 if minimum is None else parse_e8(str(minimum), "minExchangeValue"),
        min_price=0 if low is None else _clipped(low),
        max_price=LIMIT - 1 if high is None else _clipped(high),
        methods=frozenset(_METHODS[name] for name in row["orderMethods"] if name in _METHODS),
        trading=row.get("status") == "TRADING",
    )


def _step(scale: Any) -> int:
    if isinstance(scale, bool) or not isinstance(scale, int) or not 0 <= scale <= 8:
        raise BadInput(f"scale {scale!r} is not a whole number from 0 to 8")
    return E8 // int(10**scale)


def _clipped(number: Any) -> int:
    """Return a price as e8, cut to what an amount may be; bounds come with long tails."""
    value = Decimal(str(number))
    if value <= 0:
        return 0
    # Compared before it is multiplied: as an integer, 1e999999999 has as many digits.
    return LIMIT - 1 if value >= _BEYOND else int(value * E8)


def _start_price(name: str, row: Mapping[str, Any]) -> int:
    """Return the built-in price of a pair, else the middle of its bounds, else 100."""
    if name in START_PRICES:
        return parse_e8(START_PRICES[name])
    low, high = row.get("minimumLimitOrderPrice"), row.get("maximumLimitOrderPrice")
    if low and high and Decimal(str(high)) <= 1000 * Decimal(str(low)):
        middle = (Decimal(str(low)) * Decimal(str(high))).sqrt()
        return _clipped(middle)
    return 100 * E8


def _made_up(name: str, order: int) -> dict[str, Any]:
    """Return metadata for a recorded pair that nobody described."""
    quote = "USDT" if name.endswith("USDT") else name[-3:]
    minimum = "99.91" if quote == "TRY" else "9.91"
    row = ListedPair(order, name.removesuffix(quote), quote, 8, 8, True, "0.00000001", minimum, "0")
    return symbol_document(row, order)
