"""The options that name a strategy, and the strategy that they and the settings name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click
from attrs import evolve

from meva_core.errors import BadInput

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset
    from meva_adapters.strategies.checks.asking import Subject
    from meva_adapters.strategies.loading import Chosen
    from meva_core.settings import Settings
    from meva_core.stages.plan import RunPlan
    from meva_core.strategy.base import Strategy
    from meva_core.strategy.watching import Watch

F = TypeVar("F", bound=Callable[..., Any])

_QUESTIONS: Final = 5
"""So many times a live cycle's patience may pass before it is said that a strategy is being checked."""


PARAMETERS: Final = click.option(
    "-p",
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the strategy; may be repeated.",
)


def strategy_options(command: F) -> F:
    """Add `--strategy` and `-p`."""
    command = PARAMETERS(command)
    return click.option(
        "--strategy",
        "strategy",
        metavar="SPEC",
        help="What says what is to be held: an id, FILE.py:Class or package.module:Class.  "
        "[default: STRATEGY, else equal parts of the best pairs]",
    )(command)


def strategy_of(settings: Settings, parameters: Sequence[str], *, warn: bool = True) -> Chosen | None:
    """Return the strategy that settings and `-p` name, None for none. Raises BadInput as loading it does, and
    for parameters without a strategy. Headings of no strategy are warned of on stderr; `warn`: unless the
    command tells them itself."""
    chosen = settings.strategy
    texts = pairs_of(parameters)
    if chosen.strategy is None or chosen.strategy == "equal_weight":
        if texts or chosen.params != "{}":
            raise BadInput(
                "parameters of a strategy were given, but no strategy", action="add --strategy SPEC"
            )
        return None
    from meva_adapters.strategies.files import places_of
    from meva_adapters.strategies.loading import load
    from meva_adapters.strategies.parameters import json_values

    values, places = json_values(chosen.params), places_of(chosen.path)
    with hosting():
        found = load(chosen.strategy, texts, values, tables=chosen.tables, places=places)
    if warn:
        say_unknown_headings(settings, [found.strategy.name()])
    return found


def headings_unknown(settings: Settings, loaded: Collection[str]) -> list[str]:
    """Return a sentence for each heading of `meva.toml` that is the id of no strategy; `loaded` are ids of
    those that are, wherever they were found."""
    if not settings.strategy.tables:
        return []
    from meva_adapters.strategies.available import unknown_headings
    from meva_adapters.strategies.files import places_of

    return unknown_headings(settings.strategy.tables, places_of(settings.strategy.path), loaded)


def say_unknown_headings(settings: Settings, loaded: Collection[str]) -> None:
    """Warn of those headings on stderr: a strategy may run on defaults that was to have parameters."""
    from meva_adapters.system.events import SETTING_WARNED
    from meva_cli.notes import say

    for said in headings_unknown(settings, loaded):
        say(SETTING_WARNED, said, before="warning: ")


@contextmanager
def hosting() -> Iterator[TextIO]:
    """Let a strategy's code be loaded and asked in this process: it may print, which goes to stderr, since
    stdout is for what a command answers; and what would end the process raises. Yields that stdout."""
    from meva_adapters.asking.staying import staying

    answers = sys.stdout
    with redirect_stdout(sys.stderr), staying():
        yield answers


def watch_of(chosen: Chosen | None, settings: Settings) -> Watch:
    """Return what says on stderr that a strategy is waited for which is asked in this process."""
    from meva_core.strategy.watching import unwatched

    return unwatched if chosen is None else _watch(chosen, float(settings.strategy.timeout_sec))


def watch_of_checks(chosen: Chosen, settings: Settings) -> Watch:
    """Return what says on stderr that a strategy is waited for which other processes ask: each loads it, and
    asks it often."""
    return _watch(chosen, _QUESTIONS * float(settings.strategy.timeout_sec))


def _watch(chosen: Chosen, seconds: float) -> Watch:
    from meva_adapters.asking.watched import Watched

    return Watched(chosen.strategy.name(), seconds, lambda said: click.echo(f"note: {said}", err=True))


def has_weights(strategy: Strategy) -> bool:
    """Whether a strategy answers for histories."""
    from meva_core.strategy.base import Strategy as Base

    return type(strategy).weights is not Base.weights


def with_strategy(plan: RunPlan, chosen: Chosen | None) -> RunPlan:
    """Return a plan with what its strategy is."""
    return plan if chosen is None else evolve(plan, strategy=chosen.identity)


def sample_note(spec: str, chosen: Chosen, plan: RunPlan, dataset: Dataset, settings: Settings) -> str | None:
    """Look at some cuts of the data for look-ahead, in other processes, and return what was found, if
    anything was. Raises EndedItself for one that would end this process, too, as if all had been run."""
    from meva_adapters.strategies.checks.asking import CheckFailed, EndedItself
    from meva_adapters.strategies.checks.checking import sampled
    from meva_adapters.strategies.checks.tapes import short_tape

    name = f"strategy {chosen.strategy.name()}"
    try:
        tape = short_tape(chosen.strategy, plan, dataset)
        with watch_of_checks(chosen, settings)("a sample of cuts first (--no-strategy-check leaves it out)"):
            found = sampled(chosen.strategy, subject_of(spec, chosen), tape, seed=0)
    except EndedItself:
        raise
    except CheckFailed as error:
        return f"{name} was not looked at for look-ahead: {error}"
    if found.ok:
        return None
    return f"{name} is not to be trusted: {found.said}; `meva strategy check {spec}` says more"


def bars_notes(dataset: Dataset, chosen: Chosen | None) -> Iterator[str]:
    """Yield that data are shorter than what a strategy has to see before a cycle, where they are."""
    from meva_core.strategy.base import bars_needed
    from meva_core.strategy.periods import interval_of

    if chosen is None or not (needs := bars_needed(chosen.strategy)):
        return
    name = chosen.strategy.name()
    seconds = interval_of(chosen.strategy.bars, max(1, dataset.step_seconds), name)
    there = (dataset.end - dataset.start) // seconds + 1
    if needs > there:
        yield (
            f"strategy {name} needs {needs} bars of {seconds} s before a cycle, and the data have {there} in "
            "all: no cycle had as many"
        )


def subject_of(spec: str, chosen: Chosen) -> Subject:
    """Return a strategy as other processes find it."""
    from meva_adapters.strategies.checks.asking import Subject
    from meva_adapters.strategies.checks.refusing import own_place

    places, own = [str(place) for place in chosen.places], str(own_place(type(chosen.strategy)))
    return Subject(spec, chosen.strategy.parameters(), places, own)


def pairs_of(parameters: Sequence[str]) -> dict[str, str]:
    """Return what `-p` says, by name. Raises a usage error for what is no NAME=VALUE, and for a name that is
    given twice."""
    found: dict[str, str] = {}
    for name, value in map(_pair, parameters):
        if name in found:
            raise click.UsageError(f"-p {name} is given twice, {found[name]!r} and {value!r}; leave one out")
        found[name] = value
    return found


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise click.UsageError(f"-p {text!r}: expected NAME=VALUE")
    return name.strip(), value
