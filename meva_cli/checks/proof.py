"""What is proved about strategies: they are asked about the dataset, as `meva strategy check` asks them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from meva_cli.checks.check import Check, Look, World
from meva_core.errors import BadInput, MevaError

if TYPE_CHECKING:
    from meva_adapters.replay import Dataset
    from meva_adapters.strategies.loading import Chosen
    from meva_core.strategy.checking.finding import Finding

LOOK: Final = Look("strategy")
_NAME: Final = "proof"


def proof_checks(world: World, spec: str, chosen: Chosen) -> Iterator[Check]:
    """Ask a strategy about the dataset of MEVA_REPLAY_DATASET; `spec` is how other processes find it."""
    from meva_adapters.replay import open_dataset

    named = world.settings.state.replay_dataset
    if named is None:
        yield LOOK.warned(
            _NAME,
            f"nothing is proved about {chosen.strategy.name()}: no dataset is configured to ask it about",
            f"set MEVA_REPLAY_DATASET, or `meva strategy check {spec} --data DIR`",
        )
        return
    try:
        yield from _proved(world, open_dataset(named), spec, chosen)
    except MevaError as error:
        yield from LOOK.refused(_NAME, error)


def _proved(world: World, dataset: Dataset, spec: str, chosen: Chosen) -> Iterator[Check]:
    from meva_cli.strategies.checking import checked
    from meva_core.strategy.wished import universe_note

    if world.loaded is None:
        raise BadInput("the settings cannot be read")
    _, report = checked(
        world.loaded, dataset, spec, chosen, interval=world.interval if world.is_live else None
    )
    for finding in report.findings:
        yield _told(world, finding, spec, chosen)
    most, size = report.most_wished_for, world.settings.stage7.universe_size
    note = None if most is None or world.has_account else universe_note(most, size)
    if note is not None:
        yield LOOK.warned("universe", note, "raise STAGE7_UNIVERSE_SIZE")


def _told(world: World, finding: Finding, spec: str, chosen: Chosen) -> Check:
    from meva_cli.strategies.told import WORDS
    from meva_core.strategy.checking.examining import ANSWERS
    from meva_core.strategy.checking.finding import PASSED

    word = "" if finding.ok and finding.status == PASSED else f"{WORDS[finding.status]}: "
    said = f"{chosen.strategy.name()}: {word}{finding.said}"
    if finding.ok:
        return LOOK.passed(finding.name, said)
    if finding.name == ANSWERS and world.has_account and chosen.strategy.decides():
        return LOOK.warned(
            finding.name,
            f"{said}; it is asked as Stage 7 asks, without what Stages 3 and 4 show and take besides",
            "so nothing is proved about it: try it with --dry-run",
        )
    return LOOK.failed(
        finding.name, said, f"do not trust its results; `meva strategy check {spec} --data DIR` says more"
    )
