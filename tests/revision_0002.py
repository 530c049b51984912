"""Databases as revision 0002 wrote them, before there were stretches, and the market they were recorded from.

`revision-0002/*.db.gz` were recorded by Meva 0.1.0 when 0002 was the newest revision. They are facts, never
to be made anew: what later versions do with such databases is held to them. The market is made again, so that
their runs can be resumed and made longer; `SHA256` says whether it is still the one that they saw.

`python tests/revision_0002.py FOLDER` records the same runs with the version at hand, to look at.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import evolve, frozen
from stage7_runs import BUSY, make_dataset

from meva_adapters.replay import open_dataset
from meva_adapters.replay.plans import plan_backtest
from meva_adapters.sql import ensure, writer
from meva_cli.progress import NoProgress
from meva_cli.wiring import CODEC, AboutRun
from meva_core.loop import interpreted
from meva_core.settings import build_settings
from meva_core.stages.backtest import recorded
from meva_core.stages.record import Recorder, find_run, record_all
from meva_core.stages.run import Part

FOLDER: Final = Path(__file__).parent / "revision-0002"
SYMBOLS: Final = ("BTCTRY", "ETHTRY", "SOLTRY")
SHA256: Final = "9a543728f908b883c60b5ef38684cd3f60396bdd6254b0f4526f0660bdc1af70"
"""Of the market, as stage7_runs.dataset_sha256 gives it."""
UNSORTED: Final = {"STAGE7_UNIVERSE_WHITELIST": "SOLTRY,BTCTRY,ETHTRY", "SYMBOLS": "SOLTRY,BTCTRY,ETHTRY"}


@frozen
class Kept:
    """A run that is kept: `recorded` of the `cycles` that were asked for, fewer where it was interrupted."""

    run_id: str
    fingerprint: str
    cycles: int
    recorded: int
    trace: str = "full"
    status: str = "complete"
    adapt: bool = False
    lists: Mapping[str, str] = {}

    @property
    def settings(self) -> dict[str, str]:
        """The settings that differ from their defaults, by their variables."""
        return {**BUSY, "STAGE7_UNIVERSE_SIZE": "2", **self.lists}

    def options(self) -> list[str]:
        """Return the options with which `meva backtest` goes on with this run, or finds it recorded."""
        return ["--trace", self.trace, *(["--include-adaptation"] if self.adapt else [])]


RUNS: Final[Mapping[str, Kept]] = {
    "full": Kept("u1dtjhj", "e695b274eea4fd6b3a4c39409dcdd091a357fd654c619555bde40c39b3c8f5cf", 45, 45),
    "changes": Kept(
        "u1dtjhj", "39cef6b9e16bd9aa4e411475748ff731b1636603b9593292ab4d354815ce5346", 40, 40, trace="changes"
    ),
    "interrupted": Kept(
        "u1dtjhj",
        "e76fdbfad371d30634562668dcfa8615a882804bd9293c6696e25558c2f63020",
        60,
        30,
        status="interrupted",
    ),
    "adapting": Kept(
        "axopu2x", "f8ab308138f386e369c35939033c12778d745b1e435ca80eb309dca02692e373", 48, 48, adapt=True
    ),
    "unsorted": Kept(
        "2uqo9sw",
        "3404604583fd976817c557d474f982b20c6c199bedc8282f597949f27033f3c9",
        45,
        30,
        status="running",
        lists=UNSORTED,
    ),
}
"""By the name of the file."""


def make_market(root: Path) -> Path:
    """Write the market of all of these runs, two hours of three symbols, and return its folder."""
    return make_dataset(root, minutes=120, seed=5, symbols=SYMBOLS)


def unpack(name: str, to: Path) -> Path:
    """Write a database as it was kept, and return its name."""
    to.write_bytes(gzip.decompress((FOLDER / f"{name}.db.gz").read_bytes()))
    return to


def record(kept: Kept, data: Path, path: Path) -> None:
    """Record a run as those that are kept were recorded: ten cycles at a time, interpreted."""
    ensure(path)
    settings, dataset = build_settings(kept.settings), open_dataset(data)
    plan = plan_backtest(
        dataset, settings, configured=settings.exchange.symbols, cycles=kept.cycles, adapt=kept.adapt
    )
    # Runs that were begun before lists were sorted went on with them as they were written.
    plan = evolve(plan, written={name: names.split(",") for name, names in kept.lists.items()})

    def source() -> Iterator[Part]:
        for number, part in enumerate(recorded(plan, dataset, plan.times, 10)):
            if number * 10 == kept.recorded:
                # A kill leaves the status as it is; Ctrl-C is noted.
                raise SystemExit if kept.status == "running" else KeyboardInterrupt
            yield part

    with writer(path, durable=False) as store, store.read() as reads:
        run = find_run(plan, reads, CODEC, resume=False, trace_level=kept.trace)
        recorder = Recorder(store, run, CODEC, AboutRun(lambda: "interpreted"), kept.trace)
        with suppress(SystemExit, KeyboardInterrupt):
            record_all(recorder, source(), interpreted, NoProgress(), len(plan.times), "backtest")


def main(folder: Path) -> None:
    """Record all of them into a folder."""
    data = make_market(folder / "data")
    for name, kept in RUNS.items():
        record(kept, data, folder / f"{name}.db")
        (folder / f"{name}.db.gz").write_bytes(gzip.compress((folder / f"{name}.db").read_bytes(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
