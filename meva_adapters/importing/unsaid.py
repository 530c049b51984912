"""What no file tells and nobody said: asked for all at once, so that one more command is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import evolve

from meva_adapters.importing.choices import Choices
from meva_core.errors import BadInput

_PRESUMED: Final[Mapping[str, Any]] = {
    "symbol": "BTCTRY",
    "decimal": ",",
    "integers": "whole",
    "tz": "UTC",
    "dates": "dmy",
    "interval": 60,
    "stamp": "open",
}
"""By which reading goes on behind a question, to learn what else is not told; nothing is made of it."""


class Unsaid(BadInput):
    """A choice that has to be said; `choice` is its name among `Choices`, one of those with a presumed
    answer."""

    def __init__(self, message: str, *, choice: str, action: str) -> None:
        super().__init__(message, action=action)
        self.choice = choice


class AllUnsaid(BadInput):
    """All choices that have to be said; `answers` are the options to say them by, with an answer each."""

    def __init__(self, questions: Mapping[str, Unsaid]) -> None:
        self.answers = {f"--{name}": str(_PRESUMED[name]) for name in questions}
        listed = [f"  --{name}: {error}; {error.action}" for name, error in questions.items()]
        super().__init__(
            f"{len(questions)} things are not told by the files:\n" + "\n".join(listed),
            action=f"say {' '.join(f'{option} {answer}' for option, answer in self.answers.items())}, "
            "each as it is in truth",
        )


def with_all_asked(
    first: Unsaid, choices: Choices, refusals: Callable[[Choices], Iterable[BadInput]]
) -> BadInput:
    """Return a question with all others that would be asked after it; `refusals` reads again, under other
    choices, what could not be read, and returns why not."""
    questions = {first.choice: first}
    while True:
        choices = evolve(choices, **{name: _PRESUMED[name] for name in questions})
        more = [error for error in refusals(choices) if isinstance(error, Unsaid)]
        new = {error.choice: error for error in reversed(more) if error.choice not in questions}
        if not new:
            return first if len(questions) == 1 else AllUnsaid(questions)
        questions |= new
