"""Processes of a strategy: begun, waited for, and ended with this one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen

from meva_adapters.system.environments import child_environment
from meva_core.errors import MevaError
from meva_core.strategy.checking.finding import Finding

CHILD: Final = "meva_adapters.strategies.checks.child"
_SHOWN: Final = 300


class CheckFailed(MevaError):
    """A process in which a strategy was asked died."""

    code = "strategy_check_failed"


class EndedItself(CheckFailed):
    """The strategy ended the process that it was asked in, and so that nobody would know."""


@frozen
class Subject:
    """A strategy to ask, as another process finds it: its name, its parameters, the folders in which
    strategies lie, and where its own code does."""

    spec: str
    values: Mapping[str, Any]
    places: Sequence[str]
    own: str


@frozen(eq=False)
class Answer:
    """What came of a job: findings, calls that were refused, times, and the answer to the whole tape."""

    findings: tuple[Finding, ...]
    refused: tuple[str, ...]
    seconds_a_cycle: float | None
    seconds_alone: float | None
    whole: Any


@define
class Asking:
    """A process that does one job in a folder of its own; end it by leaving its `with`."""

    subject: Subject
    folder: Path
    environment: Mapping[str, str | None] = field(factory=dict)
    clock: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def begin(self, what: str, tape: str, seed: int, rows: Sequence[int] = ()) -> None:
        """Begin a job: `tape` is the tape's folder, from this one."""
        self.folder.mkdir(exist_ok=True)
        job = {
            "what": what,
            "spec": self.subject.spec,
            "values": dict(self.subject.values),
            "places": list(self.subject.places),
            "own": self.subject.own,
            "tape": tape,
            "seed": seed,
            "rows": list(rows),
            "clock": self.clock,
        }
        (self.folder / "job.json").write_text(json.dumps(job))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD, str(self.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what a strategy prints is its own
            stderr=subprocess.PIPE,
            env=child_environment(self.environment),
        )

    def answer(self) -> Answer:
        """Wait for what comes of it. Raises CheckFailed where the process dies."""
        process = self._begun()
        errors = process.communicate()[1].decode(errors="replace")
        file = self.folder / "result.json"
        if process.returncode == 0 and not file.is_file():
            raise EndedItself(
                f"the process in which {self.subject.spec} was asked ended by itself, as if all were done: "
                "the strategy ends it, by os._exit(0) or the like",
                action="mend the strategy: raise an error where it cannot answer",
            )
        if process.returncode or not file.is_file():
            last = (errors.strip().splitlines() or ["it said nothing"])[-1]
            raise CheckFailed(
                f"the process in which {self.subject.spec} was asked ended with "
                f"{process.returncode}: {last[:_SHOWN]}",
                action="ask the strategy by hand, in a notebook: meva_adapters.notebook.history",
            )
        found = json.loads(file.read_text())
        whole = self.folder / "whole.npy"
        return Answer(
            tuple(Finding(**finding) for finding in found["findings"]),
            tuple(found["refused"]),
            found.get("seconds_a_cycle"),
            found.get("seconds_alone"),
            np.load(whole, allow_pickle=False) if whole.is_file() else None,
        )

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("it was not begun")
        return self._process

    def __enter__(self) -> Asking:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it has not ended."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        if process.stderr is not None and not process.stderr.closed:
            process.communicate()
