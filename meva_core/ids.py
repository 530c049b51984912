"""Names out of content: equal content has an equal name, and names grow with time.

run     7 base36 characters over what the run is
cycle   <run>-<YYYYMMDDHHMMSS>
client  s7:<cycle>:<symbol>:<B|S>:<n>     at most 50 characters: what an exchange would see; s3:, s4:
order   s7o:<cycle>:<n>                   n is the order's place among its cycle's intents
event   s7e:<cycle>:<n>:<seq>
fill    s7f:<cycle>:<n>:<seq>
alert   7 base36 characters over what is told of which book, and when

The names and times of the last cycles are remembered: a cycle's rows repeat them by the dozen.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from meva_core.orders import Side, as_side

BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
RUN_LETTERS: Final = 7
CLIENT_ID_MOST: Final = 50
SYMBOL_MOST: Final = 14
DAY: Final = 86_400
_LETTERS: Final = {Side.BUY: "B", Side.SELL: "S"}


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Any) -> str:
    """Return JSON as it is hashed and stored: sorted keys, no spaces, UTF-8 left as it is."""
    return _CANONICAL.encode(value)


def content_hash(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def run_id(kind: str, settings: Any, source: str, start: int) -> str:
    """Return the name of a run of this kind, with these settings, over this data or account, from this
    second."""
    return _name_of([kind, settings, source, start])


def live_run_id(book: str, account: str, opened: int) -> str:
    """Return the name of a live book: of an account, opened at a second. It outlives changes of settings."""
    return _name_of(["live", book, account, opened])


def alert_id(book: str, kind: str, about: str, state: str, time: int) -> str:
    """Return the name of an alert: that a book's condition of this kind is in this state, told at a time."""
    return _name_of(["alert", book, kind, about, state, time])


def _name_of(content: Any) -> str:
    """Return RUN_LETTERS characters that name a value by its canonical JSON."""
    number = int.from_bytes(hashlib.sha256(canonical_json(content).encode()).digest(), "big")
    letters = []
    for _ in range(RUN_LETTERS):
        number, place = divmod(number, 36)
        letters.append(BASE36[place])
    return "".join(letters)


def run_and_time(cycle: str) -> tuple[str, int] | None:
    """Return the run and the time, seconds, that a cycle's id names; None for an id that is none of ours."""
    run, _, digits = cycle.partition("-")
    try:
        time = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        found = run, int(time.timestamp())
    except ValueError:
        return None
    return found if cycle_id(*found) == cycle else None


@lru_cache(maxsize=1024)
def civil(seconds: int) -> tuple[int, int, int, int, int, int]:
    """Return (year, month, day, hour, minute, second) in UTC of a time since 1970.

    The calendar's arithmetic is Howard Hinnant's `civil_from_days` ("chrono-Compatible Low-Level Date
    Algorithms").
    """
    days, second = divmod(seconds, DAY)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    return year, month, day, second // 3600, second // 60 % 60, second % 60


@lru_cache(maxsize=1024)
def cycle_id(run_id: str, seconds: int) -> str:
    """Return the name of a run's cycle at a time in seconds since 1970."""
    year, month, day, hour, minute, second = civil(seconds)
    return f"{run_id}-{year:04d}{month:02d}{day:02d}{hour:02d}{minute:02d}{second:02d}"


@lru_cache(maxsize=1024)
def stamp_text(seconds: int) -> str:
    """Return a time in seconds since 1970 as stored text: ISO 8601 in UTC with microseconds."""
    year, month, day, hour, minute, second = civil(seconds)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.000000+00:00"


def told_time(seconds: int) -> str:
    """Return a time in seconds since 1970 as people are told it, and as JSON holds it: to the second, with a
    Z."""
    return f"{stamp_text(seconds)[:19]}Z"


def client_id(cycle: str, symbol: str, side: Side | str, n: int, *, stage: int = 7) -> str:
    """Return the client order id of the n-th intent of a cycle of a stage; a long symbol is cut.

    Raises BadInput for what is neither a side nor "BUY" or "SELL".
    """
    name = f"s{stage}:{cycle}:{symbol[:SYMBOL_MOST]}:{_LETTERS[as_side(side)]}:{n}"
    assert len(name) <= CLIENT_ID_MOST, name
    return name


def order_id(cycle: str, n: int) -> str:
    """Return the id of the order that the n-th intent of a cycle became."""
    return f"s7o:{cycle}:{n}"


def event_id(cycle: str, n: int, seq: int) -> str:
    """Return the id of an order's event; `cycle` is the one that submitted the order."""
    return f"s7e:{cycle}:{n}:{seq}"


def fill_id(cycle: str, n: int, seq: int) -> str:
    """Return the id of an order's fill; `cycle` is the one that submitted the order."""
    return f"s7f:{cycle}:{n}:{seq}"
