"""A strategy in a process of its own: asked over pipes, and ended where it does not answer in time.

A thread could not be ended, and code that holds the interpreter's lock would hold the loop. So a call that
takes too long ends its process, and with it whatever it did; the next cycle begins another one. There is
never more than one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from attrs import define, field, frozen

from meva_adapters.asking.failing import failure_from
from meva_adapters.asking.frames import Ended, Late, Pipes, packed
from meva_adapters.asking.question import Question
from meva_adapters.strategies.loading import Chosen
from meva_adapters.system.environments import child_environment
from meva_core.ids import told_time
from meva_core.strategy.asking import Failure, Shown

T = TypeVar("T")
BEGINS_WITHIN: Final = 20.0
"""Seconds that loading a strategy may take in its process."""
_ENDS_WITHIN: Final = 1.0
_MODULE: Final = "meva_adapters.asking.child"


@frozen
class _Running:
    """A process, and the pipes to it and from it."""

    process: subprocess.Popen[bytes]
    pipes: Pipes

    def end(self) -> None:
        """End it, whatever it does, and those that it began: they are of its session."""
        with suppress(ProcessLookupError, PermissionError):  # nobody is left of it
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for end in (self.pipes.reading, self.pipes.writing):
            os.close(end)

    def how_it_ended(self) -> str:
        """Return by what it has ended; nothing where it has not."""
        try:
            code = self.process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            return ""
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


@define
class StrategyProcess:
    """A strategy that was `chosen` by the name `spec`, with `seconds` for each answer.

    `beat` is called each second while it is waited for.
    """

    spec: str
    chosen: Chosen
    seconds: float
    beat: Callable[[], None] = field(default=lambda: None)
    _running: _Running | None = field(default=None, init=False)
    _is_ready: bool = field(default=False, init=False)

    def begin(self) -> None:
        """Begin the process, unless it is there, and do not wait for it. Raises OSError where there can be
        none."""
        self._there()

    def answer(
        self,
        question: Question,
        given: Mapping[str, Any],
        shown: Shown,
        read: Callable[[dict[str, Any], list[Any]], T],
    ) -> T | Failure:
        """Return what the strategy says to a question about what it is given and shown, or why it says
        nothing.

        `read` makes of a document and columns what they say, and raises Ended for what says nothing. Whatever
        the strategy does, this returns, and raises nothing.
        """
        name = f"strategy {self.chosen.strategy.name()}"
        at = told_time(int(shown.market.time[0]))
        try:
            asked = {**given, "question": question}
            return self._answered(asked, shown, read)
        except Late:
            was_ready = self._is_ready
            self.close()
            if was_ready:
                what = f"did not answer within {self.seconds:g} s"
                action = "make it quicker, or allow more: STRATEGY_TIMEOUT_SEC"
            else:
                what = f"was not loaded within {BEGINS_WITHIN:g} s"
                action = (
                    "leave out what its modules do or import that no answer needs: no setting allows more"
                )
            return Failure(f"{name} {what} at the cycle of {at}; its process was ended", action)
        except (Ended, OSError) as error:
            ended = "" if self._running is None else self._running.how_it_ended()
            self.close()
            return Failure(
                f"{name}: its process ended at the cycle of {at}: {ended or error}", "see what it does there"
            )
        except BaseException:  # a signal: what comes now would be taken for the answer to another question
            self.close()
            raise

    def _there(self) -> _Running:
        """Return the process, begun where there is none."""
        if self._running is None:
            asked, asking = os.pipe()
            answers, answering = os.pipe()
            try:
                process = subprocess.Popen(
                    # Nothing is imported that lies in the folder it is begun in.
                    [sys.executable, "-P", "-m", _MODULE],
                    stdin=asked,
                    stdout=answering,
                    env=child_environment(),
                    # Ctrl-C on the terminal is for this process, and what that one begins ends with it.
                    start_new_session=True,
                )
            except OSError:
                os.close(asking)
                os.close(answers)
                raise
            finally:
                os.close(asked)
                os.close(answering)
            self._running, self._is_ready = _Running(process, Pipes(answers, asking, self.beat)), False
        return self._running

    def _answered(
        self, asked: dict[str, Any], shown: Shown, read: Callable[[dict[str, Any], list[Any]], T]
    ) -> T | Failure:
        pipes = self._there().pipes
        if not self._is_ready and (failure := self._loaded(pipes)) is not None:
            self.close()
            return failure
        until = time.monotonic() + self.seconds
        asked |= {"symbols": shown.symbols, "before": shown.before, "marks_are_last": shown.marks_are_last}
        pipes.write(packed(asked, (*shown.market, *shown.seen)), until)
        said, columns = pipes.read(until)
        return failure_from(said) or read(said, columns)

    def _loaded(self, pipes: Pipes) -> Failure | None:
        """Have the strategy loaded, once in a process; return why it cannot be."""
        until = time.monotonic() + BEGINS_WITHIN
        places = [str(place) for place in self.chosen.places]
        wanted = {"spec": self.spec, "identity": dict(self.chosen.identity), "places": places}
        pipes.write(packed(wanted), until)
        said, _ = pipes.read(until)
        failure = failure_from(said)
        self._is_ready = failure is None
        return failure

    def close(self) -> None:
        """End the process, whatever it does."""
        running, self._running, self._is_ready = self._running, None, False
        if running is not None:
            running.end()
