"""What was asked and what came of it, passed from the threads that ask to the one that waits."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any, Final

from attrs import frozen

from meva_adapters.btcturk import Monotonic
from meva_adapters.measuring.workers import Workers
from meva_core.errors import BadInput, VenueError

TIME: Final = "time"
METADATA: Final = "metadata"
TICKERS: Final = "tickers"
BOOK: Final = "book"
BARS: Final = "bars"
OWN_BARS: Final = "strategy_bars"
"""Those that a strategy looks at."""
_LOOK_SECONDS: Final = 0.1
"""So often whoever waits looks at its own clock, which need not be the system's."""

Question = tuple[str, str]
"""What is asked, and of which symbol; that is empty where it is of none."""
Within = Callable[[float], AbstractContextManager[None]]
"""Lets the thread wait for what is over by a moment of the monotonic clock, and no longer."""


@frozen
class Answer:
    """What came of a question at `arrived` on the monotonic clock: a value, or why there is none.

    Without either it was not asked: its turn came after the deadline.
    """

    question: Question
    arrived: float
    value: Any = None
    error: Exception | None = None


class Questions:
    """The questions that nobody answered yet. None is asked twice at a time.

    One thread asks and takes the answers; only that one knows what is open.
    """

    def __init__(self, monotonic: Monotonic, within: Within, beat: Callable[[], None], threads: int) -> None:
        self._monotonic = monotonic
        self._within = within
        self._beat = beat
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._open: set[Question] = set()
        # What all symbols hang on does not stand in line behind what one of them does.
        self._first = Workers(3, "measure")
        self._many = Workers(threads, "measure-symbol")

    def open(self, what: str) -> frozenset[str]:
        """Return the symbols of which something is being asked."""
        return frozenset(symbol for kind, symbol in self._open if kind == what)

    def ask(self, question: Question, do: Callable[[], Any], deadline: float) -> None:
        """Have a question asked, unless it is being asked, or its turn comes only after the deadline."""
        if question not in self._open:
            self._open.add(question)
            workers = self._many if question[1] else self._first
            workers.do(lambda: self._answers.put(self._answered(question, do, deadline)))

    def _answered(self, question: Question, do: Callable[[], Any], deadline: float) -> Answer:
        if self._monotonic() >= deadline:
            return Answer(question, self._monotonic())
        try:
            with self._within(deadline):
                value = do()
        except Exception as error:  # noqa: BLE001 - raised by whoever waits, unless it is the exchange's
            return Answer(question, self._monotonic(), error=error)
        return Answer(question, self._monotonic(), value)

    def come(self) -> list[Answer]:
        """Return the answers that are there, in the order in which they came."""
        found = []
        while True:
            try:
                found.append(self._taken(self._answers.get_nowait()))
            except Empty:
                return found

    def wait(self, wanted: Collection[Question], deadline: float) -> list[Answer]:
        """Return the answers that come until the deadline, or until none of these questions is open."""
        found = []
        while not self._open.isdisjoint(wanted) and (left := deadline - self._monotonic()) > 0:
            self._beat()
            try:
                found.append(self._taken(self._answers.get(timeout=min(left, _LOOK_SECONDS))))
            except Empty:
                continue
        return found + self.come()

    def close(self) -> None:
        """Let the threads end."""
        self._first.close()
        self._many.close()

    def _taken(self, answer: Answer) -> Answer:
        """Take an answer. Raises an error that is not the exchange's."""
        self._open.discard(answer.question)
        if answer.error is not None and not isinstance(answer.error, VenueError | BadInput):
            raise answer.error
        return answer
