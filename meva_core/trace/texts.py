"""Numbers and documents of many cycles as stored text, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, Protocol

import numpy as np

from meva_core.amounts import ABSENT, E8, LIMIT, format_e8
from meva_core.reasons import Reason

AMOUNT_PLACES: Final = 8
SCORE_PLACES: Final = 12


class Texts(Protocol):
    """Makes columns of text and puts them together, all rows at a time.

    What a column is, only its maker knows: give it back to the same one. `PlainTexts` has lists; an adapter
    may have something quicker. Texts are UTF-8 without characters that JSON escapes.
    """

    def fixed(self, numbers: Any, places: int, *, none: int | None = None) -> Any:
        """Return int64 numbers [n] in units of 10^-places as plain decimal text without trailing zeros.

        Where the number is `none`, there is no text.
        """

    def whole(self, numbers: Any) -> Any:
        """Return int64 numbers [n] as JSON."""

    def chosen(self, names: Any, which: Any) -> Any:
        """Return one of `names`, a sequence of str or a column, a row: by its place in them, int64 [n]."""

    def given(self, texts: Sequence[str]) -> Any:
        """Return the texts themselves as a column."""

    def quoted(self, column: Any) -> Any:
        """Return each text as a JSON string, null where there is none."""

    def joined(self, *parts: Any) -> Any:
        """Return the texts of some columns put together row by row; a part that is a str is in every row."""

    def lists(self, cells: Any, counts: Any) -> Any:
        """Return cells with commas between: the first counts[0] of them, then the next counts[1], ..."""

    def replaced(self, column: Any, texts: dict[int, str]) -> Any:
        """Return a column with other texts in some rows."""

    def listed(self, column: Any) -> list[Any]:
        """Return the texts of a column, None where there is none."""


class PlainTexts:
    """`Texts`, row by row."""

    def fixed(self, numbers: Any, places: int, *, none: int | None = None) -> list[str | None]:
        """Return numbers as decimal text."""
        text = format_e8 if places == AMOUNT_PLACES else score_text
        return [None if x == none else text(x) for x in numbers.tolist()]

    def whole(self, numbers: Any) -> list[str]:
        """Return numbers as JSON."""
        return [str(x) for x in numbers.tolist()]

    def chosen(self, names: Sequence[str], which: Any) -> list[str]:
        """Return one of `names` a row."""
        return [names[x] for x in which.tolist()]

    def given(self, texts: Sequence[str]) -> list[str]:
        """Return the texts themselves."""
        return list(texts)

    def quoted(self, column: list[str | None]) -> list[str]:
        """Return JSON strings."""
        return ["null" if text is None else f'"{text}"' for text in column]

    def joined(self, *parts: str | list[str]) -> list[str]:
        """Return texts put together."""
        rows = next(len(part) for part in parts if not isinstance(part, str))
        columns = ([part] * rows if isinstance(part, str) else part for part in parts)
        return ["".join(row) for row in zip(*columns, strict=True)]

    def lists(self, cells: list[str], counts: Any) -> list[str]:
        """Return cells with commas between."""
        left = iter(cells)
        return [",".join(islice(left, count)) for count in counts.tolist()]

    def replaced(self, column: list[str], texts: dict[int, str]) -> list[str]:
        """Return a column with other texts in some rows."""
        return [texts.get(row, text) for row, text in enumerate(column)]

    def listed(self, column: list[Any]) -> list[Any]:
        """Return the texts."""
        return column


PLAIN: Final[Texts] = PlainTexts()


def moments(seconds: Any) -> list[str]:
    """Return times, int64 [n] in seconds since 1970, as `2026-01-31T23:59:59`, all at once."""
    found: list[str] = np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()
    return found


def cycle_ids(run: str, of: Sequence[str]) -> list[str]:
    """Return what `cycle_id` gives for the cycles of a run at these moments."""
    separators = str.maketrans("", "", "-:T")
    return [f"{run}-{moment.translate(separators)}" for moment in of]


def stamps(of: Sequence[str]) -> list[str]:
    """Return what `stamp_text` gives for these moments."""
    return [f"{moment}.000000+00:00" for moment in of]


def pairs(texts: Texts, whole: Any, rest: Any) -> Any:
    """Return a column of pairs (whole TRY, rest in e8) as text."""
    if len(whole) and int(abs(whole).max()) < LIMIT // E8:
        return texts.fixed(whole * E8 + rest, AMOUNT_PLACES)
    return texts.given([format_e8(w * E8 + r) for w, r in zip(whole.tolist(), rest.tolist(), strict=True)])


def maybe_text(amount: int) -> str | None:
    """Return an amount as text, None for ABSENT."""
    return None if amount == ABSENT else format_e8(amount)


def score_text(score: int) -> str:
    """Return a score, an integer of 1e-12, as plain decimal text."""
    sign = "-" if score < 0 else ""
    whole, rest = divmod(abs(score), 10**12)
    return f"{sign}{whole}.{rest:012d}".rstrip("0").rstrip(".")


def reason_row(reason: Reason) -> list[str | None]:
    """Return a reason as it is stored: [code, step, scope, value, limit, distance, unit]."""
    return [reason.code, reason.step, reason.scope, reason.value, reason.limit, reason.distance, reason.unit]
