"""How what a run stores becomes text, and documents again: given by who wires a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen

if TYPE_CHECKING:
    from meva_core.trace import Texts


def _plain() -> Texts:
    from meva_core.trace import plain_texts  # it renders: what only reads a history has its own

    return plain_texts


@frozen
class Codec:
    """How documents become stored JSON and back, and columns of numbers text."""

    encode: Callable[[Any], str]
    decode: Callable[[str], Any]
    texts: Texts = Factory(_plain)
