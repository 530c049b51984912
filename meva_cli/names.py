"""Names that are meant for a setting and are none: a misspelt gate must not be taken for an open one.

A name is near a setting's if it is the same but for case and underscores, but for one letter that is missing,
added, changed or moved, but for the unit at its end, or nearly the same as a whole. All names that begin with
`STAGE7_` or `MEVA_` are ours. Names such as `DATABASE_URL` and `PATH`, which others use, are near none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from typing import Final

from meva_core.settings import VARIABLES

ENVIRONMENT_ONLY: Final[Mapping[str, str]] = {
    "MEVA_CACHE_DIR": "the folder of machine code and of other things that can be made again",
    "MEVA_WARM": "off: what is compiled beside a run ends with it, on a terminal, too",
}
"""Names that only the environment holds: they are read before, and apart from, any setting."""

_OURS: Final = ("STAGE7_", "MEVA_")
_UNITS: Final = frozenset(("TRY", "BPS", "PCT", "SEC", "SECS", "SECOND", "SECONDS", "MS", "MINUTES"))
_EXCHANGE: Final = "BTCTURK_"
_ALIKE: Final = 0.8
_ALIKE_BEHIND_PREFIX: Final = 0.6


@cache
def known_names() -> frozenset[str]:
    """Return every name that is read: those of today, old ones, and those of the environment alone."""
    old = {variable.old_name for variable in VARIABLES.values() if variable.old_name}
    return frozenset({*VARIABLES, *old, *ENVIRONMENT_ONLY})


def near_name(name: str) -> str | None:
    """Return the known name that an unknown one was probably meant to be, None for an unrelated one.

    A known name is near none.
    """
    if name in known_names():
        return None
    letters = _letters(name)
    slips = {known for variant in _slips(letters) for known in _by_slip().get(variant, ())}
    if slips:
        return _closest(letters, slips)
    stem, units = _stem(name)
    same_stem = {known for known in _by_stem().get(stem, ()) if len(stem) > 1 or (units and _stem(known)[1])}
    if same_stem:
        return _closest(letters, same_stem)
    if ours := next((prefix for prefix in _OURS if name.upper().startswith(prefix)), ""):
        return _nearest_behind(ours, name.upper())
    if name.upper().startswith(_EXCHANGE):
        return _near_behind_prefix(name.upper())
    alike = {known for known in _sharing_a_word(name) if _alike(letters, _letters(known))}
    return _closest(letters, alike) if alike else None


def _nearest_behind(prefix: str, name: str) -> str:
    """Return the known name of this prefix whose end is most like that of `name`, however little it is."""
    ends = {known.removeprefix(prefix): known for known in known_names() if known.startswith(prefix)}
    return ends[get_close_matches(name.removeprefix(prefix), sorted(ends), n=1, cutoff=0)[0]]


def _near_behind_prefix(name: str) -> str | None:
    """Return a name of the exchange's settings that has nearly the same end: others use this prefix, too."""
    ends = {_letters(known.removeprefix(_EXCHANGE)): known for known in known_names() if _EXCHANGE in known}
    own = _letters(name.removeprefix(_EXCHANGE))
    alike = {known for end, known in ends.items() if _ratio(own, end) >= _ALIKE_BEHIND_PREFIX}
    return _closest(_letters(name), alike) if alike else None


def _alike(letters: str, known: str) -> bool:
    """Whether two words are nearly the same; one that only lacks an end of the other may be anybody's."""
    part = known.endswith(letters) or known.startswith(letters)
    return not part and _ratio(letters, known) >= _ALIKE


def _letters(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())


def _slips(letters: str) -> Iterator[str]:
    """Yield a word and what is left when one of its letters is; two words a slip apart share one of these."""
    yield letters
    for place in range(len(letters)):
        yield letters[:place] + letters[place + 1 :]


def _stem(name: str) -> tuple[tuple[str, ...], bool]:
    """Return the words of a name without its units, and whether it had any."""
    words = name.upper().split("_")
    stem = tuple(word for word in words if word not in _UNITS)
    return stem, len(stem) < len(words)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _closest(letters: str, names: set[str]) -> str:
    return max(sorted(names), key=lambda known: _ratio(letters, _letters(known)))


# -- What is looked up, made once: an environment has a hundred names -------------------------------------


@cache
def _by_slip() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for known in known_names():
        for variant in _slips(_letters(known)):
            found.setdefault(variant, set()).add(known)
    return found


@cache
def _by_stem() -> dict[tuple[str, ...], set[str]]:
    found: dict[tuple[str, ...], set[str]] = {}
    for known in known_names():
        found.setdefault(_stem(known)[0], set()).add(known)
    return found


@cache
def _by_word() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for known in known_names():
        prefixed = known.startswith((*_OURS[1:], _EXCHANGE))  # these are told by their prefix
        for word in () if prefixed else set(known.split("_")) - _UNITS:
            found.setdefault(word, set()).add(known)
    return found


def _sharing_a_word(name: str) -> set[str]:
    """Return the names worth a longer look: most of an environment shares no word with a setting."""
    return {known for word in name.upper().split("_") for known in _by_word().get(word, ())}
