"""The composition root of Stage 7's commands: settings, data, engine and store put together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from meva_adapters.system.texts import fixed_texts
from meva_core.errors import BadInput
from meva_core.ids import stamp_text
from meva_core.settings import Settings
from meva_core.stages.plan import Pairs, choose_pairs
from meva_core.stages.record import Codec
from meva_core.symbols import canonical_symbol

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset

CODEC = Codec(
    encode=lambda document: orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
    decode=orjson.loads,
    texts=fixed_texts,
)
"""Stored JSON: sorted keys, no spaces, UTF-8."""


def dataset_pairs(
    dataset: Dataset, settings: Settings, configured: Sequence[str] | None, pair_info: Path | None
) -> Pairs:
    """Return the pairs of a dataset, with the rules of its metadata or of the file that takes their place."""
    metadata = read_pair_info(pair_info) if pair_info else pair_entries(dataset.exchangeinfo)
    return choose_pairs(dataset.symbols, metadata, settings, configured)


def pair_entries(document: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]] | None:
    """Return the exchange's metadata by symbol, None if there is none."""
    if document is None:
        return None
    inner = document.get("data", document)
    return {canonical_symbol(str(entry["name"]), "exchangeinfo"): entry for entry in inner["symbols"]}


def read_pair_info(path: Path) -> dict[str, Mapping[str, Any]] | None:
    """Return the exchange's metadata out of a file in the exchange's own shape.

    Raises BadInput if it cannot be read or has another shape.
    """
    from decimal import Decimal

    try:
        document = json.loads(path.read_bytes(), parse_float=Decimal)
        return pair_entries(document)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: not the exchange's metadata: expected an object with a list 'symbols' of named pairs"
        ) from error


def about_run(engine: str, trace_level: str) -> dict[str, str]:
    """Return what only people want to know of a run."""
    now = int(datetime.now(UTC).timestamp())
    return {
        "engine": engine,
        "trace_level": trace_level,
        "code_version": version("meva"),
        "created_at": stamp_text(now),
    }
