"""A strategy that is waited for is told by its name, with what it is asked for."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from meva_adapters.asking.watched import Watched


def test_what_takes_long_is_said_once_a_question_and_the_next_if_it_takes_longer() -> None:
    said = SimpleQueue[str]()
    watched = Watched("own", 0.001, said.put)
    with watched("the cycle at 12:00"):
        first = said.get(timeout=60)
    assert first == (
        "waiting for strategy own for 0.001 s, which is asked for the cycle at 12:00; Ctrl-C ends it"
    )
    with watched("the cycle at 13:00"):
        second = said.get(timeout=60)
    assert "for 0.002 s, which is asked for the cycle at 13:00" in second
    assert said.empty()


def test_nobody_looks_any_more_soon_after_the_last_question_and_again_at_the_next() -> None:
    said = SimpleQueue[str]()
    watched = Watched("own", 0.001, said.put)
    for passed in ("0.001", "0.002"):
        before = set(threading.enumerate())
        with watched("the cycle at 12:00"):
            [looks] = set(threading.enumerate()) - before
            assert f"for {passed} s" in said.get(timeout=60)
        looks.join(timeout=60)
        assert not looks.is_alive()


def test_what_a_strategy_raises_goes_through() -> None:
    with pytest.raises(ZeroDivisionError), Watched("own", 60.0, print)("the cycle at 12:00"):
        raise ZeroDivisionError
