"""Values as canonical documents and back, by the types of their fields.

Amounts are text (`format_e8`), members of enums the text that they are recorded by, what is absent null.
Equal values give equal documents, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import (
    Annotated,
    Any,
    Final,
    NamedTuple,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from meva_core.amounts import digits_of, format_e8
from meva_core.choices import member_of, recorded_text
from meva_core.errors import BadInput
from meva_core.ids import content_hash

T = TypeVar("T")
Amount: TypeAlias = Annotated[int, "e8"]
"""An integer of 10^-8: TRY, coins, bps, percent or a ratio. It has no bound: sums may outgrow an amount."""
_DIGITS: Final = 8
_NONE: Final = type(None)


class _Coder(NamedTuple):
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def document_of(value: Any) -> dict[str, Any]:
    """Return a value of an attrs class as a document."""
    found: dict[str, Any] = _coder(type(value)).encode(value)  # type: ignore[arg-type]  # classes are hashable
    return found


def from_document(kind: type[T], document: Mapping[str, Any]) -> T:
    """Return the value of a document. Raises BadInput for one that is none of this kind."""
    try:
        found: T = _coder(kind).decode(document)  # type: ignore[arg-type]  # as above
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BadInput(f"no document of {kind.__name__}: {error!r:.200}") from error
    return found


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value's document, in hex."""
    return content_hash(document_of(value))


@cache
def _coder(hint: Any) -> _Coder:
    """Return how values of a type are written and read."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _Coder(format_e8, _e8)
    if _NONE in get_args(hint):
        return _optional(_coder(next(part for part in get_args(hint) if part is not _NONE)))
    if origin is tuple:
        one = _coder(get_args(hint)[0])
        return _Coder(
            lambda values: [one.encode(value) for value in values],
            lambda texts: tuple([one.decode(text) for text in texts]),
        )
    if origin is not None and issubclass(origin, Mapping):
        of = _coder(get_args(hint)[1])
        return _Coder(
            lambda values: {key: of.encode(value) for key, value in values.items()},
            lambda texts: {key: of.decode(text) for key, text in texts.items()},
        )
    if hint is Decimal:
        return _Coder(digits_of, Decimal)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Coder(recorded_text, lambda text: member_of(hint, text, hint.__name__))
    return _of_class(hint) if attrs.has(hint) else _Coder(_itself, _itself)


def _of_class(kind: Any) -> _Coder:
    hints = get_type_hints(kind, include_extras=True)
    coders = [(field.name, _coder(hints[field.name])) for field in attrs.fields(kind)]
    names = {name for name, _ in coders}

    def decode(document: Mapping[str, Any]) -> Any:
        if document.keys() != names:
            raise ValueError(f"{kind.__name__}: {sorted(names ^ document.keys())} lack or are too many")
        return kind(**{name: coder.decode(document[name]) for name, coder in coders})

    return _Coder(lambda value: {name: coder.encode(getattr(value, name)) for name, coder in coders}, decode)


def _optional(coder: _Coder) -> _Coder:
    return _Coder(
        lambda value: None if value is None else coder.encode(value),
        lambda text: None if text is None else coder.decode(text),
    )


def _itself(value: Any) -> Any:
    return value


def _e8(text: str) -> int:
    """Return the amount of a text as `format_e8` writes it, however large. Raises ValueError for another."""
    whole, _, rest = text.partition(".")
    found = int(whole + rest.ljust(_DIGITS, "0"))
    if format_e8(found) != text:
        raise ValueError(f"{text!r} is no amount as it is written")
    return found
