"""The process in which a strategy is asked: `python -m meva_adapters.strategies.checks.child FOLDER`.

The folder holds the tape and `job.json`; what comes of it is written there as `result.json` and `whole.npy`.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np

from meva_adapters.strategies.checks.moved_clock import move_clock
from meva_adapters.strategies.checks.refusing import Refusing
from meva_adapters.strategies.checks.tape_files import read_tape, read_terms
from meva_adapters.strategies.loading import load
from meva_core.errors import BadInput
from meva_core.stages.asked_alone import Terms, ask_deciding
from meva_core.strategy.answers import StrategyFailed
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.checking.examining import (
    ANSWERS,
    DECIDED_BARS,
    ask_of,
    ask_whole,
    examine,
    examine_deciding,
    sample,
)
from meva_core.strategy.checking.finding import Ask, Finding, failed
from meva_core.strategy.checking.first_asked import FIRST, asked_first
from meva_core.strategy.checking.foresight import BARS
from meva_core.strategy.checking.piece import Piece

_TIMED: Final = 64
Result = dict[str, Any]
Clock = Callable[[], float]


def main(folder: Path) -> None:
    """Do the job of a folder, and write what came of it."""
    job = json.loads((folder / "job.json").read_text())
    tape, terms = read_tape(folder / job["tape"]), read_terms(folder / job["tape"])
    warnings.simplefilter("ignore")  # a warning that is shown reads the line it is about
    refusing = Refusing(Path(job["own"]))
    clock = time.perf_counter
    if job["clock"]:
        move_clock(job["clock"])
    refusing.begin()
    result, whole = _done(job, tape, terms, refusing, clock)
    refusing.done = True
    result["refused"] = refusing.refused
    if whole is not None:
        np.save(folder / "whole.npy", whole)
    (folder / "result.json").write_text(json.dumps(result))


def _done(
    job: dict[str, Any], tape: Piece, terms: Terms | None, refusing: Refusing, clock: Clock
) -> tuple[Result, Any]:
    """Return what came of a job, and the answer to the whole tape if it was asked for."""
    try:
        strategy = load(job["spec"], values=job["values"], places=job["places"]).strategy
        refusing.asking = True
        return _asked(job, strategy, tape, terms, clock)
    except (BadInput, StrategyFailed) as error:
        return _told(failed(ANSWERS, str(error))), None


def _asked(
    job: dict[str, Any], strategy: Strategy, tape: Piece, terms: Terms | None, clock: Clock
) -> tuple[Result, Any]:
    ask = ask_of(strategy) if terms is None else ask_deciding(strategy, terms)
    match job["what"]:
        case "sample":
            return _told(sample(strategy, tape, job["seed"])), None
        case "whole" if strategy.decides():
            return _told(), ask(tape.part(0, len(tape.time), bars_needed(strategy)))
        case "whole":
            return _told(), ask_whole(strategy, tape)
        case what if what in FIRST:
            bars = BARS if terms is None else DECIDED_BARS
            return _told(), asked_first(ask, tape, what, bars_needed(strategy), job["seed"], bars)
        case _ if strategy.decides():
            examined = examine_deciding(strategy, ask, tape, job["rows"], job["seed"])
            return _told(*examined.findings) | _timed(ask, strategy, tape, clock), examined.whole
        case _:
            examined = examine(strategy, tape, job["rows"], job["seed"])
            return _told(*examined.findings) | _timed(ask, strategy, tape, clock), examined.whole


def _told(*findings: Finding) -> Result:
    return {"findings": [attrs.asdict(finding) for finding in findings]}


def _timed(ask: Ask, strategy: Strategy, tape: Piece, clock: Clock) -> Result:
    """Return how long a cycle takes among many, and alone as in a live run, seconds: the middle of some;
    nothing of one that does not answer."""
    needs, cycles = bars_needed(strategy), len(tape.time)
    alone = []
    try:
        began = clock()
        ask(tape.part(0, cycles, needs))
        together = (clock() - began) / cycles
        for row in range(max(0, cycles - _TIMED), cycles):
            piece = tape.part(row, row + 1, needs)
            began = clock()
            ask(piece)
            alone.append(clock() - began)
    except StrategyFailed:
        return {}  # the checks before have said so
    return {"seconds_a_cycle": together, "seconds_alone": sorted(alone)[len(alone) // 2]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
