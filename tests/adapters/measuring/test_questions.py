"""Questions side by side: none twice at a time, none after the deadline, no answer lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import nullcontext
from time import monotonic

import pytest

from meva_adapters.measuring.asked import BOOK, TICKERS, Answer, Questions
from meva_adapters.measuring.workers import Workers
from meva_core.errors import BadInput

LONG = 30.0


def questions(threads: int = 2) -> Questions:
    return Questions(monotonic, lambda deadline: nullcontext(), lambda: None, threads)


def test_answers_come_as_they_are_there_and_an_open_question_is_not_asked_again() -> None:
    asked, gate, began = questions(), threading.Event(), []

    def slow() -> str:
        began.append(1)
        gate.wait(LONG)
        return "late"

    asked.ask((BOOK, "BTCTRY"), slow, monotonic() + LONG)
    asked.ask((BOOK, "ETHTRY"), lambda: "soon", monotonic() + LONG)
    assert [answer.value for answer in asked.wait({(BOOK, "ETHTRY")}, monotonic() + LONG)] == ["soon"]
    assert asked.wait({(BOOK, "BTCTRY")}, monotonic() + 0.01) == []
    asked.ask((BOOK, "BTCTRY"), slow, monotonic() + LONG)
    assert asked.open(BOOK) == {"BTCTRY"}
    gate.set()
    assert [answer.value for answer in asked.wait({(BOOK, "BTCTRY")}, monotonic() + LONG)] == ["late"]
    assert (asked.open(BOOK), began) == (frozenset(), [1])
    asked.close()


def test_whose_turn_comes_after_the_deadline_is_not_asked() -> None:
    asked, gate = questions(threads=1), threading.Event()
    asked.ask((BOOK, "BTCTRY"), lambda: gate.wait(LONG), monotonic() + LONG)
    asked.ask((BOOK, "ETHTRY"), lambda: pytest.fail("asked too late"), monotonic())
    gate.set()
    answers = asked.wait({(BOOK, "BTCTRY"), (BOOK, "ETHTRY")}, monotonic() + LONG)
    assert [(answer.question[1], answer.value, answer.error) for answer in answers] == [
        ("BTCTRY", True, None),
        ("ETHTRY", None, None),
    ]
    asked.close()


def test_what_all_need_does_not_wait_behind_what_one_symbol_needs() -> None:
    asked, gate = questions(threads=1), threading.Event()
    asked.ask((BOOK, "BTCTRY"), lambda: gate.wait(LONG), monotonic() + LONG)
    asked.ask((TICKERS, ""), dict, monotonic() + LONG)
    (answer,) = asked.wait({(TICKERS, "")}, monotonic() + LONG)
    assert answer.value == {}
    gate.set()
    asked.close()


def test_an_error_of_the_exchange_is_an_answer_and_any_other_is_raised() -> None:
    asked = questions()

    def refused() -> None:
        raise BadInput("no book")

    def broken() -> None:
        raise ZeroDivisionError

    asked.ask((BOOK, "BTCTRY"), refused, monotonic() + LONG)
    (answer,) = asked.wait({(BOOK, "BTCTRY")}, monotonic() + LONG)
    assert isinstance(answer, Answer)
    assert str(answer.error) == "no book"
    asked.ask((BOOK, "BTCTRY"), broken, monotonic() + LONG)
    with pytest.raises(ZeroDivisionError):
        asked.wait({(BOOK, "BTCTRY")}, monotonic() + LONG)
    asked.close()


def test_no_more_threads_than_asked_for_and_only_as_many_as_there_is_work() -> None:
    workers, gate, names = Workers(3, "test"), threading.Event(), []
    done = threading.Semaphore(0)

    def job() -> None:
        names.append(threading.current_thread().name)
        gate.wait(LONG)
        done.release()

    gate.set()
    for _ in range(5):
        workers.do(job)
        assert done.acquire(timeout=LONG)
    gate.clear()
    for _ in range(9):
        workers.do(job)
    gate.set()
    for _ in range(9):
        assert done.acquire(timeout=LONG)
    assert len(set(names)) <= 3
    workers.close()


HANGING = """
import threading
from meva_adapters.measuring.workers import Workers
workers, begun = Workers(1, "test"), threading.Event()
workers.do(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
print("ended")
"""


def test_a_question_that_nobody_answers_does_not_hold_the_end_of_the_process() -> None:
    found = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (0, "ended\n")
