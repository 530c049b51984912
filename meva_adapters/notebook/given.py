"""What a notebook gives: settings as Python values, times, whole numbers; and what its errors carry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Final

import numpy as np
from attrs import evolve

from meva_adapters.notebook.words import as_called
from meva_core.errors import BadInput, MevaError
from meva_core.settings import Settings, build_settings, settings_document, with_later

_MOST_DIGITS: Final = 400  # a float has 324 at most; a Decimal could have a thousand million
Value = str | int | bool | float | Decimal | Sequence[str] | Mapping[str, Any] | None
"""What a setting may be given as."""


def settings_given(settings: Settings | None, values: Mapping[str, Any]) -> Settings:
    """Return the settings as a whole; raise BadInput for both kinds at once, or a name that nothing reads."""
    if settings is not None:
        if values:
            raise BadInput(
                f"settings were given as a whole and one by one ({', '.join(values)})",
                action="give one or the other",
            )
        return settings
    known = with_later(settings_document(Settings()))
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0)[0]
            raise BadInput(f"{name} is no setting that a backtest reads; the nearest one is {near}")
    return build_settings({name: _text(name, value) for name, value in values.items()})


def _text(name: str, value: Value) -> str:
    """Return a value as the environment would hold it."""
    if value is None or isinstance(value, str):
        return "none" if value is None else value
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, Integral | Real | Decimal):
        return _digits(name, value)
    if isinstance(value, Mapping):
        return json.dumps({key: _text(f"{name}.{key}", item) for key, item in value.items()})
    if isinstance(value, Sequence | set | frozenset) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise BadInput(
        f"{name}: {value!r} is a {type(value).__name__}; expected text, a number, a flag or a list of texts",
        action=f'write {name}="..." as the environment would hold it',
    )


def _digits(name: str, value: Any) -> str:
    """Return a number in plain digits; a float by the shortest text that gives it, so 0.1 is 0.1."""
    if isinstance(value, Integral):
        return str(int(value))
    # NumPy's own repr names its type, its str does not; of Python's floats both are the shortest text.
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise BadInput(f"{name}: {value} is not a number of a usable size", action=f"give {name} another")
    return f"{number.to_integral_value():f}" if number == number.to_integral_value() else f"{number:f}"


def whole(name: str, value: Any) -> int:
    """Return a whole number, which may be given as a float without a fraction."""
    whole = not isinstance(value, bool | np.bool_) and isinstance(value, Integral | Real | Decimal)
    digits = _digits(name, value) if whole else ""
    if not digits.removeprefix("-").isdigit():
        raise BadInput(f"{name}: {value!r} is not a whole number", action=f"give {name} as an int")
    return int(digits)


def seconds(name: str, moment: datetime | str | float | None) -> int | None:
    """Return a time as seconds since 1970."""
    if moment is None:
        return None
    if not isinstance(moment, str | datetime):
        return whole(name, moment)
    try:
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        raise BadInput(
            f"{name}: {moment!r} is no ISO 8601 time; expected one such as 2026-01-31T12:00:00Z"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment.microsecond:
        raise BadInput(f"{name}: {moment} has a fraction of a second; cycles run on whole seconds")
    return int(moment.timestamp())


def rate(name: str, value: Any) -> float:
    """Return a ratio that something earns in a year: above -1, and at most 100."""
    number = not isinstance(value, bool | np.bool_) and isinstance(value, Real | Decimal)
    if not number or not -1 < float(value) <= 100:
        raise BadInput(
            f"{name}: {value!r} is not what cash earns in a year",
            action="give it as a ratio, such as 0.4 for 40 %",
        )
    return float(value)


@contextmanager
def noted() -> Iterator[None]:
    """Let an error show all that it carries, in the words of a call: a notebook prints message and notes, and
    nothing else."""
    try:
        yield
    except MevaError as error:
        _reword(error)
        for note in _notes_on(error):
            error.add_note(note)
        raise


def _reword(error: MevaError) -> None:
    """Have an error say arguments where it says options of a command."""
    error.args = (as_called(str(error)), *error.args[1:])
    error.action = as_called(error.action)
    if isinstance(error, BadInput):
        error.problems = tuple(
            evolve(one, message=as_called(one.message), action=as_called(one.action))
            for one in error.problems
        )


def _notes_on(error: MevaError) -> Iterator[str]:
    """Yield every problem with what to do about it, and what to do about the whole."""
    problems = error.problems if isinstance(error, BadInput) else ()
    told = str(error).splitlines()
    done = set()
    for problem in problems:
        if len(problems) > 1 or str(problem) not in told:
            named = not problem.value or problem.value in problem.message
            value = "" if named else f"{problem.value!r}: "
            yield f"{problem.where}: {value}{problem.message}"
        if problem.action:
            yield f"  To do: {problem.action}"
            done.add(problem.action)
    if error.action and error.action not in done:
        yield f"To do: {error.action}"
