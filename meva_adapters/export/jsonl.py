"""JSON lines: one object a record, stored documents inside it as they were stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, Any, Final

import orjson

from meva_adapters.export.texts import plain_text
from meva_core.history.fields import Field

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_APPEND_NEWLINE


def write_jsonl(stream: IO[bytes], records: Iterable[tuple[Any, ...]], fields: Sequence[Field]) -> int:
    """Write records, amounts as decimal text, times as ISO 8601 UTC, and return how many."""
    count = 0
    for record in records:
        line = {
            field.name: _document(value) if field.kind == "document" else value
            for field, value in zip(fields, record, strict=True)
        }
        stream.write(orjson.dumps(line, default=plain_text, option=_OPTIONS))
        count += 1
    return count


def _document(text: str | None) -> Any:
    """Return a stored document to be copied byte for byte; what is no JSON stays a text."""
    if text is None:
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return orjson.Fragment(text)
