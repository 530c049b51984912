"""How what a run stores becomes text, and documents again: given by who wires a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from meva_core.trace import Texts, plain_texts


@frozen
class Codec:
    """How documents become stored JSON and back, and columns of numbers text."""

    encode: Callable[[Any], str]
    decode: Callable[[str], Any]
    texts: Texts = plain_texts
