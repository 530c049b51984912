"""Running commands as a user does, in a folder of their own. A folder's conftest imports the fixture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from forked import fork

from meva_cli.app import run
from meva_core.settings import VARIABLES


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def meva(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Ended]:
    """Return a function that runs `meva` in a fresh folder, without settings of the machine's own.

    The processes in which it asks strategies are forked, but in the tests that their module says are
    OF_REAL_PROCESSES.
    """
    if request.function.__name__ not in getattr(request.module, "OF_REAL_PROCESSES", ()):
        fork(monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(variable.old_name or variable.name, raising=False)

    def call(*arguments: object) -> Ended:
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return call
