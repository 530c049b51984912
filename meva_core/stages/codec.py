"""How what a run stores becomes text, and documents again: given by who wires a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from meva_core.stretches.body import ColumnCodec
    from meva_core.trace import Texts


def _plain() -> Texts:
    from meva_core.trace import PLAIN  # it renders: what only reads a history does without

    return PLAIN


@frozen
class Codec:
    """How documents become stored JSON and back, what makes bytes of columns, and columns of text: both are
    asked for where they are used."""

    encode: Callable[[Any], str]
    decode: Callable[[str], Any]
    columns: Callable[[], ColumnCodec]
    texts: Callable[[], Texts] = _plain
