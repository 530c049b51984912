"""The strategy: what decides on what is held."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import ceil
from typing import TYPE_CHECKING, Final

from meva_adapters.texts.words import counted
from meva_cli.checks.check import STAGE7, Check, Look, World
from meva_cli.checks.proof import proof_checks
from meva_cli.strategies.options import headings_unknown, strategy_of
from meva_core.errors import BadInput
from meva_core.strategy.built_in import is_of_meva

if TYPE_CHECKING:
    from meva_adapters.strategies.listed import AtHand
    from meva_adapters.strategies.loading import Chosen

LOOK: Final = Look("strategy")


def strategy_checks(world: World) -> Iterator[Check]:
    """Tell what decides, and load it: its code is run, unless it is to be left alone."""
    if world.has_account:
        yield from _listed(world)
        return
    most, spec = world.settings.stage7.universe_size, world.settings.strategy.strategy
    if not world.loads_strategy:
        yield LOOK.passed("policy", f"{spec or 'equal_weight'}; it was not loaded")
        return
    try:
        chosen = strategy_of(world.settings, world.parameters, warn=False)
        if chosen is None:
            yield LOOK.passed("policy", f"Stage 7's own: the best pairs in equal shares, {most} at most")
            return
        yield LOOK.passed("policy", _named(chosen))
        yield from _headings(world, [chosen.strategy.name()])
        if world.purpose == STAGE7:
            yield from _for_live(world, chosen)
        if world.proves_strategy and spec is not None:
            yield from proof_checks(world, spec, chosen)
    except BadInput as error:
        yield from LOOK.refused("policy", error)


def _listed(world: World) -> Iterator[Check]:
    """Tell which strategies Stages 3 and 4 list, and load them."""
    from meva_adapters.strategies.listed import NUMBERS, named_by, of_stage

    stage, settings = NUMBERS[world.purpose], world.settings
    names = [name for name, _ in named_by(stage, settings)]
    setting = f"STAGE{stage}_STRATEGIES"
    if not names:
        yield LOOK.warned(
            "policy",
            "none is listed: what rests and is held is looked after, and nothing is asked for",
            f"list one in {setting}; `meva strategy list` shows what there is",
        )
        return
    if not world.loads_strategy:
        yield LOOK.passed("policy", f"{', '.join(names)}; not loaded")
        return
    try:
        found = of_stage(stage, settings)
    except BadInput as error:
        yield from LOOK.refused("policy", error)
        return
    for one in found.chosen.values():
        yield LOOK.passed("policy", _named(one))
    yield from _headings(world, found.chosen)
    bars = ", ".join(f"{count} of {seconds} s" for seconds, count in found.bars.items())
    yield LOOK.passed("bars", f"they look at the newest {bars} of each symbol" if bars else "no bars")
    beside = len([one for one in found.chosen.values() if not is_of_meva(one.strategy)])
    yield from _time(world, beside)
    if world.proves_strategy:
        yield from _proofs(world, found)


def _proofs(world: World, found: AtHand) -> Iterator[Check]:
    """Ask those about the dataset that can be: what comes with Meva for these stages answers with orders."""
    from meva_core.strategy.built_in import OF_LIVE_STAGES

    for name, one in found.chosen.items():
        if name in OF_LIVE_STAGES:
            yield LOOK.passed("proof", f"{name} is not asked about a dataset: it answers with orders")
        else:
            yield from proof_checks(world, name, one)


def _time(world: World, beside: int) -> Iterator[Check]:
    """Say how long a cycle may wait for so many strategies, which are asked one after the other."""
    limit = world.settings.strategy.timeout_sec
    if beside * limit * 2 > world.interval:
        yield LOOK.warned(
            "time",
            f"{beside} may take {limit} s each of {world.interval} s, and the measure half of them",
            "lower STRATEGY_TIMEOUT_SEC, or choose a longer --interval",
        )
    elif beside:
        yield LOOK.passed(
            "time", f"{beside} of your own: each has {limit} s for an answer; later is a failure"
        )


def _headings(world: World, loaded: Collection[str]) -> Iterator[Check]:
    """Say which headings of `meva.toml` are the ids of no strategy."""
    for said in headings_unknown(world.settings, loaded):
        yield LOOK.warned("parameters", said, "mend the heading; `meva strategy list` shows all ids")


def _named(chosen: Chosen) -> str:
    made = chosen.identity
    given = ", ".join(f"{name}={value}" for name, value in made["parameters"].items()) or "no parameters"
    return f"{made['id']}, version {made['version']}, {given}; source {made['source_sha256'][:12]}"


def _for_live(world: World, chosen: Chosen) -> Iterator[Check]:
    """Look at what a strategy needs of a live market."""
    from meva_adapters.asking import AskedBeside
    from meva_adapters.asking.at_work import at_work
    from meva_adapters.btcturk import RESOLUTIONS, endpoints
    from meva_adapters.btcturk.limits import rate_of
    from meva_adapters.btcturk.public import BARS_PER_PAGE
    from meva_core.stages.live_weighing import most_cells
    from meva_core.strategy.base import bars_needed
    from meva_core.strategy.periods import live_bars_of

    at_work(chosen, AskedBeside("", chosen, 0))  # refuses what cannot run there; nothing is begun
    needs, limit = bars_needed(chosen.strategy), world.settings.strategy.timeout_sec
    seconds, base = live_bars_of(chosen.strategy.bars, RESOLUTIONS, chosen.strategy.name())
    pages = ceil(most_cells(needs, seconds // base) / BARS_PER_PAGE)
    symbols = int(rate_of(endpoints.KLINES) * 60 / pages) if needs else 0
    said = (
        f"{counted(needs, 'bar')} of {seconds} s, made of the exchange's of {base} s" if needs else "no bars"
    )
    more = f"; the past of {counted(symbols, 'symbol')} a minute can be asked for" if needs else ""
    yield LOOK.passed("bars", f"it needs {said}{more}")
    if limit * 2 > world.interval:
        yield LOOK.warned(
            "time",
            f"it may take {limit} s of each {world.interval} s, and the measure half of them",
            "lower STRATEGY_TIMEOUT_SEC, or choose a longer --interval",
        )
    else:
        yield LOOK.passed("time", f"it has {limit} s for each answer; later is a failure")
