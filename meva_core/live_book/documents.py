"""Values of the book as plain JSON documents, and back, letter for letter.

Amounts (`e8` fields) are text as `format_e8` writes it, Decimals plain digits, what is absent is null. What
has another shape is BadInput that names the path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from attrs import NOTHING, field, fields, has, resolve_types
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from meva_core.amounts import format_e8
from meva_core.errors import BadInput

T = TypeVar("T")

_E8: Final = "e8"
_LATER: Final = "later"
_PLACES: Final = 8


def e8(default: Any = NOTHING, *, factory: Callable[[], Any] | None = None) -> Any:
    """Return a field that holds amounts of 10^-8, one, or a mapping or tuple of them."""
    if factory is not None:
        return field(factory=factory, metadata={_E8: True})
    return field(default=default, metadata={_E8: True})


def later(default: Any, *, is_e8: bool = False) -> Any:
    """Return a field that older documents lack: where it is its default it is not written, so that what is
    stored of other things stays the same text."""
    return field(default=default, metadata={_LATER: True, _E8: is_e8})


def document_of(value: Any) -> Any:
    """Return a value as what JSON can hold."""
    return _CONVERTER.unstructure(value)


def restored(document: Any, kind: type[T], where: str) -> T:
    """Return the value that a document is of. Raises BadInput that names each fault below `where`."""
    try:
        return _CONVERTER.structure(document, kind)
    except Exception as error:  # noqa: BLE001 - cattrs raises groups, and what hooks raise, bare
        raise BadInput("; ".join(transform_error(error, path=where)[:5])) from None


def _texts(value: Any) -> Any:
    """Return amounts as text."""
    if isinstance(value, Mapping):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_texts(inner) for inner in value]
    return None if value is None else format_e8(value)


def _units(value: Any, kind: Any = None) -> Any:
    """Return amounts out of text."""
    if isinstance(value, dict):
        return {key: _units(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_units(inner) for inner in value)
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"expected an amount as text, was {type(value).__name__}")
    whole, _, rest = value.lstrip("-").partition(".")
    units = int(whole + rest.ljust(_PLACES, "0")) if (whole + rest).isdecimal() else 0
    units = -units if value.startswith("-") else units
    if format_e8(units) != value:
        raise ValueError(f"{value[:60]!r} is not an amount as it is written here")
    return units


def _made(converter: Converter) -> Converter:
    converter.register_unstructure_hook(Decimal, lambda value: f"{value:f}")
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    converter.register_unstructure_hook_factory(has, lambda kind: _written(kind, converter))
    converter.register_structure_hook_factory(has, lambda kind: _read(kind, converter))
    return converter


def _amounts(kind: Any) -> list[str]:
    resolve_types(kind)
    return [one.name for one in fields(kind) if one.metadata.get(_E8)]


def _written(kind: Any, converter: Converter) -> Callable[[Any], Any]:
    amounts, late = _amounts(kind), [one.name for one in fields(kind) if one.metadata.get(_LATER)]
    hooks = {
        name: override(
            unstruct_hook=_texts if name in amounts else None,
            omit_if_default=name in late or None,
        )
        for name in {*amounts, *late}
    }
    return make_dict_unstructure_fn(kind, converter, **hooks)  # type: ignore[arg-type]


def _read(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    hooks = {name: override(struct_hook=_units) for name in _amounts(kind)}
    return make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **hooks)  # type: ignore[arg-type]


_CONVERTER: Final = _made(Converter())
