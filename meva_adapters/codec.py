"""How what is stored becomes text and bytes, and comes back: the core's `Codec`, with libraries behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from meva_core.stages.codec import Codec

if TYPE_CHECKING:
    from meva_core.stretches.body import ColumnCodec
    from meva_core.trace import Texts


def _arrow_texts() -> Texts:
    from meva_adapters.system.texts import ArrowTexts  # Arrow: reading commands do without

    return ArrowTexts()


def _zstd_columns() -> ColumnCodec:
    from meva_adapters.column_codec import ZstdColumns

    return ZstdColumns()


CODEC = Codec(
    encode=lambda document: orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
    decode=orjson.loads,
    columns=_zstd_columns,
    texts=_arrow_texts,
)
"""Stored JSON: sorted keys, no spaces, UTF-8. Columns: Zstandard over differences."""
