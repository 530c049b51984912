"""Numbers of columns as stored text."""

from __future__ import annotations

from typing import Any, Final, Protocol

from meva_core.amounts import ABSENT, E8, LIMIT, format_e8
from meva_core.reasons import Reason

AMOUNT_PLACES: Final = 8
SCORE_PLACES: Final = 12


def maybe_text(amount: int) -> str | None:
    """Return an amount as text, None for ABSENT."""
    return None if amount == ABSENT else format_e8(amount)


class Texts(Protocol):
    """Turns a column of fixed-point numbers into text; an adapter may be quicker than `plain_texts`."""

    def __call__(self, column: Any, places: int, *, signed: bool) -> list[str | None]:
        """Return an int64 column [n] of units of 10^-places as plain decimal text without trailing zeros.

        Unless `signed`, -1 stands for no value and gives None.
        """


def plain_texts(column: Any, places: int, *, signed: bool) -> list[str | None]:
    """`Texts`, number by number."""
    text = format_e8 if places == AMOUNT_PLACES else score_text
    return [None if x == ABSENT and not signed else text(x) for x in column.tolist()]


def by_cycle(texts: Texts, column: Any, places: int, *, signed: bool) -> list[list[str | None]]:
    """Return a column [cycles, symbols] as a list per cycle."""
    flat = texts(column.reshape(-1), places, signed=signed)
    width = column.shape[1]
    return [flat[at : at + width] for at in range(0, len(flat), width)]


def pairs(texts: Texts, whole: Any, rest: Any) -> list[str | None]:
    """Return a column of pairs (whole TRY, rest in e8) as text."""
    if len(whole) and int(abs(whole).max()) < LIMIT // E8:
        return texts(whole * E8 + rest, AMOUNT_PLACES, signed=True)
    return [format_e8(w * E8 + r) for w, r in zip(whole.tolist(), rest.tolist(), strict=True)]


def score_text(score: int) -> str:
    """Return a score, an integer of 1e-12, as plain decimal text."""
    sign = "-" if score < 0 else ""
    whole, rest = divmod(abs(score), 10**12)
    return f"{sign}{whole}.{rest:012d}".rstrip("0").rstrip(".")


def reason_row(reason: Reason) -> list[str | None]:
    """Return a reason as it is stored: [code, step, scope, value, limit, distance, unit]."""
    return [reason.code, reason.step, reason.scope, reason.value, reason.limit, reason.distance, reason.unit]
