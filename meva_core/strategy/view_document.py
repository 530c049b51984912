"""A view as a document of plain values and back, exactly: so a strategy in another process sees the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import attrs
from cattrs import Converter

from meva_core.strategy.history import History
from meva_core.strategy.live_view import LiveSymbol, LiveView
from meva_core.strategy.view import OpenOrder, SymbolView, View

V = TypeVar("V", bound=View)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_PLAIN: Final = Converter(forbid_extra_keys=True)
_PLAIN.register_unstructure_hook(Decimal, str)
_PLAIN.register_structure_hook(Decimal, lambda text, _: Decimal(text))
_PLAIN.register_unstructure_hook(datetime, lambda moment: (moment - _EPOCH) // _MICRO)
_PLAIN.register_structure_hook(datetime, lambda micros, _: _EPOCH + micros * _MICRO)
_HISTORY: Final = "history"
for _kind in (OpenOrder, SymbolView, View, LiveSymbol, LiveView):
    attrs.resolve_types(_kind)


def view_document(view: View) -> dict[str, Any]:
    """Return all of a view but its history, JSON-able."""
    names = (field.name for field in attrs.fields(type(view)) if field.name != _HISTORY)
    return {name: _PLAIN.unstructure(getattr(view, name)) for name in names}


def view_from(document: Mapping[str, Any], history: History, kind: type[V]) -> V:
    """Return the view that `view_document` told of, with its history; `kind` is the one it was of."""
    fields = (field for field in attrs.fields(kind) if field.name != _HISTORY)
    given = {field.name: _PLAIN.structure(document[field.name], field.type) for field in fields}
    return kind(**given, history=history)
