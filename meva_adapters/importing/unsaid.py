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
    """A choice that has to be said: `choice` is its name among `Choices`, and `columns` what reading goes on
    with behind the question, where it is about these."""

    def __init__(
        self, message: str, *, choice: str, action: str, columns: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, action=action)
        self.choice, self.columns = choice, columns or {}

    def answered(self, choices: Choices) -> Choices:
        """Return the choices with an answer."""
        if self.choice == "columns":
            return evolve(choices, columns={**choices.columns, **self.columns})
        return evolve(choices, **{self.choice: _PRESUMED[self.choice]})


class AllUnsaid(BadInput):
    """All choices that have to be said; `answers` are the options to say them by, with an answer each."""

    def __init__(self, questions: Mapping[str, Unsaid], choices: Choices) -> None:
        self.answers = {f"--{name}": _as_typed(getattr(choices, name)) for name in questions}
        listed = [f"  --{name}: {error}; {error.action}" for name, error in questions.items()]
        super().__init__(
            f"{len(questions)} things are not told by the files:\n" + "\n".join(listed),
            action=f"say {' '.join(f'{option} {answer}' for option, answer in self.answers.items())}, "
            "each as it is in truth",
        )


def _as_typed(answer: Any) -> str:
    if isinstance(answer, Mapping):
        return ",".join(f"{role}={column}" for role, column in answer.items())
    return str(answer)


def with_all_asked(
    first: Unsaid, choices: Choices, refusals: Callable[[Choices], Iterable[BadInput]]
) -> BadInput:
    """Return a question with all others that would be asked after it; `refusals` reads again, under other
    choices, what could not be read, and returns why not."""
    questions = {first.choice: first}
    while True:
        for question in questions.values():
            choices = question.answered(choices)
        more = [error for error in refusals(choices) if isinstance(error, Unsaid)]
        new = {error.choice: error for error in reversed(more) if error.choice not in questions}
        if not new:
            return first if len(questions) == 1 else AllUnsaid(questions, choices)
        questions |= new
