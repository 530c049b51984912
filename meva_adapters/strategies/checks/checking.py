"""All checks of a strategy, over a tape, in processes; and the sample that a backtest begins with."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from attrs import frozen

from meva_adapters.strategies.checks.asking import Answer, Asking, Subject
from meva_adapters.strategies.checks.tape_files import write_tape, write_terms
from meva_core.stages.asked_alone import Terms
from meva_core.strategy.answers import rounded
from meva_core.strategy.base import Strategy, bars_needed
from meva_core.strategy.checking.comparing import Compared, compared
from meva_core.strategy.checking.cuts import cuts_of
from meva_core.strategy.checking.examining import DECIDED_BARS, DETERMINISM, SAMPLE
from meva_core.strategy.checking.finding import Finding, differs, failed, not_checked, passed
from meva_core.strategy.checking.first_asked import ENDED, FIRST, SHOWN, decided_by, decided_by_all
from meva_core.strategy.checking.foresight import BARS, CUTS, NAME
from meva_core.strategy.checking.piece import Piece
from meva_core.strategy.checking.sameness import ENOUGH
from meva_core.strategy.wished import most_wished_for

OPENS_NOTHING: Final = "opens_nothing"
SPEED: Final = "speed"
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_NUMPY: Final = "NPY_DISABLE_CPU_FEATURES"
_TAPE: Final = "../tape"


class World(NamedTuple):
    """In what a process is another than the first: its environment, and its clock by so many seconds."""

    when: str
    environment: Mapping[str, str]
    clock: int = 0


_SEED: Final = "PYTHONHASHSEED"
_HERE: Final = World("in another process", {_SEED: "1"})
_CLOCK: Final = 86_400 + 5 * 3_600 + 37 * 60
_OTHER_CLOCK: Final = 3 * 86_400 + 11 * 3_600 + 13 * 60
"""By another hour of a quarter of a day than the first one comes to, and than that does in the other zone."""
_KEEPS: Final = not_checked(DETERMINISM, "it keeps what it is shown first, so no two processes are alike")
_ELSEWHERE: Final = (
    _HERE,
    World("a day and five hours later by the clock", {_SEED: "1"}, _CLOCK),
    World("with another hash seed (the order of a set)", {_SEED: "2"}),
    World("in another time zone", {_SEED: "1", "TZ": "<+14>-14"}),
    World("with one thread", {_SEED: "1", **dict.fromkeys(_THREADS, "1")}),
)


@frozen(eq=False)
class Report:
    """What was found, and how many symbols it wishes for at a time, None where it did not answer."""

    findings: tuple[Finding, ...]
    most_wished_for: int | None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return all(finding.ok for finding in self.findings)


def check(
    strategy: Strategy,
    subject: Subject,
    tape: Piece,
    seed: int,
    *,
    interval: int,
    timeout: float,
    terms: Terms | None = None,
) -> Report:
    """Ask a strategy in processes of its own all that can be checked.

    `interval` is that of a live loop, `timeout` how long a cycle of it waits for an answer, both in seconds,
    and `terms` are the engine's, for a strategy that decides. Raises CheckFailed where such a process dies.
    """
    count = CUTS if terms is None else SAMPLE
    with TemporaryDirectory(prefix="meva-check-") as folder, ExitStack() as stack:
        place = _Place(subject, Path(folder), seed, stack)
        place.write(tape, terms)
        other, machine = place.begin(_together(_ELSEWHERE)), place.begin(_together(_machines()))
        first = {what: place.begin(_HERE, what) for what in FIRST}
        elsewhere = other.answer()
        rows = cuts_of(tape, elsewhere.whole, count, seed)
        here = place.begin(_HERE, "examine", rows).answer()
        bars = BARS if terms is None else DECIDED_BARS
        found = _foreseen(here.findings, _decided(place, tape, bars_needed(strategy), first, bars))
        if here.whole is not None:
            if DETERMINISM not in [finding.name for finding in found]:
                worlds = ((_ELSEWHERE, elsewhere), (_machines(), machine.answer()))
                decided = _decided_by_all(place, tape, here, elsewhere)
                found = _foreseen(found, decided)
                same = _determinism(place, tape, here.whole, worlds) if decided is None else _KEEPS
                found.insert(_behind(found, ENOUGH), same)
            found.append(_speed(here, interval, timeout))
        refused = dict.fromkeys((*elsewhere.refused, *here.refused))
        whole = None if here.whole is None else rounded(strategy, here.whole, tape.history())
    return Report((_opens(refused), *found), None if whole is None else most_wished_for(whole))


def sampled(strategy: Strategy, subject: Subject, tape: Piece, seed: int) -> Finding:
    """Look at some cuts for look-ahead, in processes of its own. Raises CheckFailed where one dies."""
    with TemporaryDirectory(prefix="meva-check-") as folder, ExitStack() as stack:
        place = _Place(subject, Path(folder), seed, stack)
        place.write(tape)
        first = {what: place.begin(_HERE, what) for what in (ENDED, SHOWN)}
        answer = place.begin(_HERE, "sample").answer()
        found = _foreseen(answer.findings, _decided(place, tape, bars_needed(strategy), first, BARS))
    return found[0] if not answer.refused else _opens(answer.refused)


class _Place:
    """Where processes are begun: a folder with the tape, and one for each of them."""

    def __init__(self, subject: Subject, folder: Path, seed: int, stack: ExitStack) -> None:
        self._subject, self._folder, self._seed, self._stack = subject, folder, seed, stack
        self._count = 0

    def write(self, tape: Piece, terms: Terms | None = None) -> None:
        """Write the tape, once, and what the engine needs where it runs."""
        (self._folder / "tape").mkdir()
        write_tape(tape, self._folder / "tape")
        if terms is not None:
            write_terms(terms, self._folder / "tape")

    def begin(self, world: World, what: str = "whole", rows: Sequence[int] = ()) -> Asking:
        """Begin a process in a world."""
        self._count += 1
        folder = self._folder / str(self._count)
        asking = self._stack.enter_context(Asking(self._subject, folder, world.environment, world.clock))
        asking.begin(what, _TAPE, self._seed, rows)
        return asking


def _together(worlds: Sequence[World]) -> World:
    """Return a world that is another in all of these ways."""
    merged: dict[str, str] = {}
    for world in worlds:
        merged |= world.environment
    merged[_SEED] = max(world.environment[_SEED] for world in worlds)
    return World("", merged, sum(world.clock for world in worlds))


def _machines() -> tuple[World, ...]:
    """Return worlds of another processor: without what numpy chooses by itself, and as BLAS is told; and of
    another day."""
    numpy = import_module("numpy._core._multiarray_umath")
    chosen = [name for name in numpy.__cpu_dispatch__ if numpy.__cpu_features__.get(name)]
    core = "Nehalem" if platform.machine().lower() in ("x86_64", "amd64") else "ARMV8"
    return (
        World("with another hash seed (the order of a set)", {_SEED: "3"}),
        World("without numpy's optional CPU features", {_SEED: "1", _NUMPY: " ".join(chosen)}),
        World("with BLAS told to be another CPU", {_SEED: "1", "OPENBLAS_CORETYPE": core}),
        World("three days and eleven hours later by the clock", {_SEED: "1"}, _OTHER_CLOCK),
    )


def _foreseen(findings: Sequence[Finding], decided: Finding | None) -> list[Finding]:
    """Return findings with the one of look-ahead in them, where it was not found already."""
    return [decided if decided and (one.name, one.ok) == (NAME, True) else one for one in findings]


def _decided(
    place: _Place, tape: Piece, needs: int, first: Mapping[str, Asking], bars: int
) -> Finding | None:
    """Return that what a strategy is shown first decides, None where it does not, or where it answers
    otherwise in each process."""
    answers = {what: asking.answer().whole for what, asking in first.items()}
    ended = answers.pop(ENDED)
    for what, other in answers.items():
        if ended is None or other is None:
            continue
        if (found := decided_by(what, tape, needs, ended, other, bars)) is not None:
            again = place.begin(_HERE, ENDED).answer().whole
            return found if again is not None and compared(ended, again).first is None else None
    return None


def _decided_by_all(place: _Place, tape: Piece, here: Answer, elsewhere: Answer) -> Finding | None:
    """Return that a strategy keeps what it makes of what it is shown first, where that, and nothing about a
    process, is why another one came to something else; None where it is not so."""
    if elsewhere.whole is None or compared(here.whole, elsewhere.whole).first is None:
        return None
    again = place.begin(_HERE).answer().whole
    if again is None or compared(again, elsewhere.whole).first is not None:
        return None
    return decided_by_all(tape, here.whole, again)


def _determinism(
    place: _Place, tape: Piece, whole: Any, worlds: Sequence[tuple[Sequence[World], Answer]]
) -> Finding:
    """Return whether other processes came to the same; if not, which way of being another is the cause."""
    close = Compared()
    for ways, answer in worlds:
        if answer.whole is None:
            said = answer.findings[0].said if answer.findings else "it gave no answer"
            return failed(DETERMINISM, f"in another process: {said}")
        found = compared(whole, answer.whole)
        if found.first is not None:
            when, cell = _cause(place, whole, ways) or ("in other surroundings", found.first)
            return differs(DETERMINISM, tape.time, tape.symbols, cell, when)
        close = close.and_also(found)
    said = "equal in other processes: clock, hash seed, zone, threads, CPU features and BLAS others"
    return passed(DETERMINISM, said, close)


def _cause(place: _Place, whole: Any, ways: Sequence[World]) -> Any:
    """Return the first way alone in which an answer is another, and the first weight; None for none."""
    for world in ways:
        alone = place.begin(world).answer().whole
        if alone is not None and (cell := compared(whole, alone).first) is not None:
            return world.when, cell
    return None


def _behind(findings: Sequence[Finding], name: str) -> int:
    places = [place for place, finding in enumerate(findings) if finding.name == name]
    return places[0] + 1 if places else len(findings)


def _opens(refused: Any) -> Finding:
    if not refused:
        return passed(OPENS_NOTHING, "no file, socket or process")
    return failed(OPENS_NOTHING, f"it calls {', '.join(refused)}: what it knows must be in its source")


def _speed(answer: Answer, interval: int, timeout: float) -> Finding:
    """Return what a cycle costs, and whether a live loop would wait for it."""
    if answer.seconds_alone is None or answer.seconds_a_cycle is None:
        return not_checked(SPEED, "it did not answer")
    alone = answer.seconds_alone
    among = f"{answer.seconds_a_cycle * 1e6:.1f} us a cycle among many"
    said = f"{among}, {alone * 1e3:.2f} ms alone, as a live run asks"
    if alone > timeout:
        return failed(SPEED, f"{said}: a cycle waits {timeout:g} s for it (STRATEGY_TIMEOUT_SEC)")
    if alone > interval:
        return failed(SPEED, f"{said}: a loop of {interval} s has no more for a cycle")
    return passed(SPEED, f"{said}: a loop of {interval} s does not wait for it")
