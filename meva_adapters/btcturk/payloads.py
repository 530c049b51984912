"""From the exchange's documents to typed rows: every fault is BadInput with its path, nothing else is raised.

Tolerant where the exchange is sloppy: unknown fields are counted, not refused; words and the names of fields
come in any case; times of 0 are none. Strict where money is at stake: a number is a number, an order of ours
has an amount and a side.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from operator import eq
from typing import Any, Final, TypeVar, get_origin

from attrs import fields
from cattrs import BaseConverter, Converter, transform_error
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from meva_adapters.btcturk import rows
from meva_adapters.btcturk.frames import FRAMES
from meva_adapters.btcturk.wire import (
    Written,
    as_decimal,
    as_flag,
    as_text,
    as_whole,
    as_written,
    respelt,
    shown,
)
from meva_core.errors import BadInput

T = TypeVar("T")

ROWS: Final[tuple[type, ...]] = (
    rows.TickerRow,
    rows.BookRow,
    rows.TradeRow,
    rows.KlinesRow,
    rows.BalanceRow,
    rows.OrderRow,
    rows.OpenOrdersRow,
    rows.FillRow,
    rows.FlowRow,
    rows.SubmittedRow,
)


class Payloads:
    """Structures documents. `unknown` counts fields that nobody told us of, as `OrderRow.newField`."""

    def __init__(self) -> None:
        self.unknown: Counter[str] = Counter()
        self._converter = Converter(detailed_validation=True)
        for kind, hook in ((Decimal, as_decimal), (int, as_whole), (str, as_text), (bool, as_flag)):
            self._converter.register_structure_hook(kind, _ignoring_type(hook))
        self._converter.register_structure_hook(Written, _ignoring_type(as_written))
        pair = partial(eq, tuple[Decimal, Decimal])
        self._converter.register_structure_hook_func(pair, _ignoring_type(_pair))
        self._converter.register_structure_hook_factory(_is_list, _list_hook)
        # Made when a document of the kind comes: to make all of them takes longer than most commands ask.
        self._converter.register_structure_hook_factory(_is_row, self._hook)

    def take(self, tree: Any, kind: type[T], where: str) -> T:
        """Return `tree` as a `kind`. Raises BadInput that names each fault with its path below `where`."""
        try:
            return self._converter.structure(tree, kind)
        except Exception as error:  # noqa: BLE001 - cattrs raises groups, and what hooks raise, bare
            raise BadInput("; ".join(_faults(error, where))) from None

    def _hook(self, row: type[T]) -> Callable[[Any, Any], T]:
        own = getattr(row, "NAMES", {})
        names = {a.name: own.get(a.name, _camel(a.name)) for a in fields(row)}  # type: ignore[arg-type]
        known = {*names.values(), *row.IGNORED}  # type: ignore[attr-defined]
        spellings = {name.casefold(): name for name in known}
        renames = {name: override(rename=wire) for name, wire in names.items()}
        structure = make_dict_structure_fn(row, self._converter, **renames)  # type: ignore[arg-type]
        optional = {names[a.name] for a in fields(row) if a.default is None}  # type: ignore[arg-type]

        def hook(tree: Any, kind: Any) -> T:
            if not isinstance(tree, dict):
                raise TypeError(f"expected an object, was {type(tree).__name__}")
            spelt = respelt(tree, spellings)
            for name in spelt.keys() - known:
                self.unknown[f"{row.__name__}.{as_text(name)[:60]}"] += 1
            # An empty text where a number may be missing is the exchange's way to leave it out.
            for name in optional & spelt.keys():
                if spelt[name] == "":
                    spelt[name] = None
            return structure(spelt, kind)

        return hook


def _is_row(kind: Any) -> bool:
    return kind in ROWS or kind in FRAMES


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list


def _list_hook(kind: Any, converter: BaseConverter) -> Callable[[Any, Any], Any]:
    structure = list_structure_factory(kind, converter)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):  # text and objects can be walked over, too
            raise TypeError(f"expected a list, was {type(value).__name__}")
        return structure(value, kind)

    return hook


def _ignoring_type(hook: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda value, _: hook(value)


def _pair(value: Any) -> tuple[Decimal, Decimal]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(f"expected [price, amount], was {shown(value)}")
    return as_decimal(value[0]), as_decimal(value[1])


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _in_words(error: BaseException, kind: type | None) -> str:
    if isinstance(error, KeyError):
        return "a required field is missing"
    return str(error)[:160] or type(error).__name__


def _faults(error: Exception, where: str) -> list[str]:
    """Return one line a fault, at most five."""
    try:
        lines = transform_error(error, path=where, format_exception=_in_words)
    except Exception:  # noqa: BLE001 - a message must not fail
        lines = []
    lines = lines or [f"{where}: {str(error)[:120] or type(error).__name__}"]
    more = [f"and {len(lines) - 5} more faults"] if len(lines) > 5 else []
    return [line[:300] for line in lines[:5]] + more
