"""What an author's code calls to leave its process at once raises there, and in no other process."""

from __future__ import annotations

import os
import sys

import pytest

from meva_adapters.asking.staying import EndedProcess, staying


@pytest.mark.parametrize(
    ("call", "arguments"),
    [("_exit", (0,)), ("execv", (sys.executable, [sys.executable])), ("execl", (sys.executable, "python"))],
)
def test_leaving_raises(call: str, arguments: tuple[object, ...]) -> None:
    with staying(), pytest.raises(EndedProcess, match=r"^os\.(_exit|execv)\(.*\) ends the process"):
        getattr(os, call)(*arguments)


def test_a_name_that_was_bound_meanwhile_refuses_while_it_has_to() -> None:
    before = os._exit
    with staying():
        with staying():
            bound = os._exit
        with pytest.raises(EndedProcess):
            bound(0)
    assert os._exit is before


def test_a_process_that_was_forked_off_may_leave() -> None:
    with staying():
        child = os.fork()
        if not child:
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
