"""What Stage 7's commands share when they put data, engine and store together."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from meva_adapters.system.texts import fixed_texts
from meva_core import __version__
from meva_core.stages.codec import Codec

CODEC = Codec(
    encode=lambda document: orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
    decode=orjson.loads,
    texts=fixed_texts,
)
"""Stored JSON: sorted keys, no spaces, UTF-8."""


def about_run(engine: str, trace_level: str) -> dict[str, str]:
    """Return what only people want to know of a run."""
    return {
        "engine": engine,
        "trace_level": trace_level,
        "code_version": __version__,
        # In full: runs are told apart by their order, and two may begin in one second.
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
