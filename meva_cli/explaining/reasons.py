"""A reason as JSON holds it: what is recorded, what is told, and where its limit comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meva_core.history.words import Telling
    from meva_core.reasons import Reason


def reason_document(reason: Reason, telling: Telling) -> dict[str, Any]:
    """Return a reason as JSON holds it; `code` is what is recorded, `told` what is told."""
    import attrs

    from meva_core.history.recorded import told_code
    from meva_core.history.words import say

    bound = telling.limits.behind(reason)
    placed = bound is not None and bound.setting
    return {
        **attrs.asdict(reason),
        "told": told_code(reason, telling.limits.largest_position),
        "limit_from": {
            **attrs.asdict(bound),
            "setting": bound.setting or None,
            "place": telling.place(bound.setting, bound.value) if placed else None,
        }
        if bound
        else None,
        "text": say(reason, telling),
    }
