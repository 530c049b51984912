"""The kill switch: whoever wants writes to end says so in one of several places, and the strictest counts.

It is the strictest of the setting `KILL_SWITCH`, the file `MEVA_KILL_FILE`, our own row of `op_state`, and
the rows that the earlier system left there. What says it and cannot be read has said it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, Final

from attrs import field, frozen

from meva_core.ids import canonical_json
from meva_core.ports import Reads, UnitOfWork

_TABLE: Final = "op_state"
_COLUMNS: Final = ("key", "int_value", "text_value")
_BEFORE: Final = "; before: "
_LONGEST: Final = 2000
_PREFIX: Final = "kill_switch:"
OWN_ROW: Final = "kill_switch:meva"
CANCEL_OPEN: Final = "cancel_open"
"""The code of a switch at `cancels` that asks whoever holds the book to take back all open orders of ours."""


class Level(IntEnum):
    """What must not be sent any more; a larger value is stricter."""

    NONE = 0
    CANCELS = 1
    """Nothing but cancels."""
    ALL = 2
    """Nothing at all: what rests at the exchange rests on."""


@frozen
class Kill:
    """One place that wants writes to end: how strictly, where that stands, and why it says so."""

    level: Level
    where: str
    reason: str = ""

    def __str__(self) -> str:
        """Return it for people."""
        said = f"{self.where}: {self.level.name.lower()}"
        return f"{said} ({self.reason})" if self.reason else said


@frozen
class Stored:
    """What our own row says: its level, why, and the alarm's code where Meva set it by itself."""

    level: Level
    reason: str = ""
    code: str = ""
    numbers: Mapping[str, str] = field(factory=dict)


def strictest(kills: Iterable[Kill]) -> Kill | None:
    """Return the strictest of several, the first among equals; None where nobody wants writes to end."""
    found = [kill for kill in kills if kill.level > Level.NONE]
    return max(found, key=lambda kill: kill.level, default=None)


def stored_kills(reads: Reads) -> list[Kill]:
    """Return what the rows of a database say, by their keys; rows that are switched off are left out."""
    rows = [row for row in reads.rows(_TABLE, _COLUMNS) if row[0].startswith(_PREFIX)]
    found = (_kill(key, number, text) for key, number, text in sorted(rows))
    return [kill for kill in found if kill.level > Level.NONE]


def _kill(key: str, number: int | None, text: str | None) -> Kill:
    """Return what one row says. The earlier system's rows know no levels: they stop everything."""
    where = _where(key)
    try:
        said = {} if text is None else json.loads(text)
        reason, is_on = str(said.get("reason") or ""), bool(number) or said.get("enabled") is True
        level = Level[said.get("level", "all").upper()]
    except (AttributeError, KeyError, ValueError):
        return Kill(Level.ALL, where, "the row cannot be read")
    if number is None and "enabled" not in said:
        return Kill(Level.ALL, where, "the row does not say whether it is on")
    return Kill(level if is_on else Level.NONE, where, reason)


def own_kill(reads: Reads) -> Kill | None:
    """Return what our own row says, None where it is off."""
    return next((one for one in stored_kills(reads) if one.where == _where(OWN_ROW)), None)


def wants_canceled(reads: Reads) -> bool:
    """Whether our own row asks the holder of the book to take back all open orders of ours."""
    text = next(reads.rows(_TABLE, ("text_value",), where={"key": OWN_ROW}), (None,))[0]
    try:
        said = {} if text is None else json.loads(text)
        asked = said.get("enabled") is True and said.get("level") == Level.CANCELS.name.lower()
        return asked and said.get("code") == CANCEL_OPEN
    except (AttributeError, ValueError):
        return False  # what cannot be read is a switch at `all`


def with_earlier(reason: str, earlier: str) -> str:
    """Return a reason together with that of a switch which was on already: a second one says no less."""
    if not reason or reason == earlier or earlier.startswith(f"{reason}{_BEFORE}"):
        return earlier
    return f"{reason}{_BEFORE}{earlier}"[:_LONGEST] if earlier else reason


def store_kill(work: UnitOfWork, kill: Stored, now: str, *, milder_too: bool = False) -> None:
    """Store that writes must end, at a time as stored text. What our row says already becomes no milder,
    unless that is asked for, and its reason stays there."""
    own = own_kill(work)
    level = kill.level if own is None or milder_too else max(kill.level, own.level)
    document: dict[str, Any] = {
        "enabled": level > Level.NONE,
        "level": level.name.lower(),
        "reason": kill.reason if own is None else with_earlier(kill.reason, own.reason),
    }
    if kill.code:
        document |= {"code": kill.code, "numbers": dict(kill.numbers)}
    _put(work, OWN_ROW, document, now)


def lift_kills(work: UnitOfWork, reason: str, now: str) -> list[Kill]:
    """Switch off every row that wants writes to end, and return what they said; why is kept in ours.

    What the earlier system wrote beside the switch stays in its rows.
    """
    lifted = stored_kills(work)
    for kill in lifted:
        key = kill.where.removeprefix(_where(""))
        text = next(work.rows(_TABLE, ("text_value",), where={"key": key}))[0]
        _put(work, key, _switched_off(text, reason), now)
    return lifted


def _switched_off(text: str | None, reason: str) -> dict[str, Any]:
    try:
        before = json.loads(text or "{}")
    except ValueError:
        before = {"was": text}
    if not isinstance(before, dict):
        before = {"was": text}
    return {**before, "enabled": False, "lifted": reason}


def _put(work: UnitOfWork, key: str, document: Mapping[str, Any], now: str) -> None:
    number, text = int(document["enabled"]), canonical_json(document)
    work.upsert(_TABLE, {"key": key, "int_value": number, "text_value": text, "updated_at": now})


def _where(key: str) -> str:
    return f"{_TABLE}, {key}"
