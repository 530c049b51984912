"""The figures of a run or a book as a document."""

from __future__ import annotations

from typing import Any

from meva_adapters.codec import CODEC
from meva_core.history.mostly import bound_behind
from meva_core.stages.summary import Summary


def summary_document(summary: Summary) -> dict[str, Any]:
    """Return figures as JSON holds them, but for amounts and times, which are Decimals and datetimes; with
    the setting behind what mostly restricted the cycles."""
    bound = bound_behind(summary.figures, summary.account.runs[-1], CODEC.decode)
    document = summary.document()
    undefined = document.pop("undefined")
    return {
        **document,
        "mostly_setting": bound.setting or None if bound else None,
        "mostly_setting_value": bound.value if bound else None,
        "undefined": undefined,
    }
