"""Values as texts, the same in every text format."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def plain_text(value: Any) -> str:
    """Return an amount as plain digits, a time as ISO 8601 UTC, and a text as it is."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
