"""Data: the dataset that is configured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from meva_adapters.texts.words import counted
from meva_cli.checks.check import Check, Look, World

LOOK: Final = Look("data")
SHOWN: Final = 10
"""So many errors are named."""


def data_checks(world: World) -> Iterator[Check]:
    """Look at the dataset of MEVA_REPLAY_DATASET, as `meva replay validate` does."""
    named = world.settings.state.replay_dataset
    if named is None:
        yield LOOK.passed("dataset", "none is configured")
    elif not Path(named).is_dir():
        action = "mend MEVA_REPLAY_DATASET, or `meva replay init DIR` makes a dataset"
        yield LOOK.failed("dataset", f"MEVA_REPLAY_DATASET={named} is no folder", action)
    elif world.quick:
        yield LOOK.passed("dataset", f"{named} is there")
    else:
        yield from _validated(named)


def _validated(named: str) -> Iterator[Check]:
    from meva_adapters import replay

    report = replay.validate(named)
    more = f"`meva replay validate {named}` lists all"
    for fault in report.errors[:SHOWN]:
        place = f"{fault.file} row {fault.row}" if fault.row else fault.file
        yield LOOK.failed("dataset", f"{place}: {fault.message}", fault.action or more)
    if len(report.errors) > SHOWN:
        yield LOOK.failed("dataset", f"and {counted(len(report.errors) - SHOWN, 'error')} more", more)
    if report.warnings:
        count = f"{named} has {counted(len(report.warnings), 'warning')}"
        yield LOOK.warned("dataset", count, more)
    if report.ok:
        yield LOOK.passed("dataset", f"{named} can be run: {counted(len(report.symbols), 'symbol')}")
