"""Values as texts, the same in every text format."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from meva_core.amounts import digits_of


def plain_text(value: Any) -> str:
    """Return an amount as plain digits, a time as ISO 8601 UTC, a flag as true or false, and a text as it is.

    An amount of more digits than anybody could read has an exponent.
    """
    if isinstance(value, Decimal):
        return digits_of(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
