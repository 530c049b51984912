"""Databases as revision 0002 wrote them, before there were stretches, and the market they were recorded from.

`revision-0002/*.db.gz` were recorded by Meva 0.1.0 when 0002 was the newest revision. They are facts, never
to be made anew: what later versions do with such databases is held to them. The market is made again, so that
their runs can be resumed and made longer; `SHA256` says whether it is still the one that they saw.

Each was recorded interpreted, ten cycles at a time, with the settings and options that RUNS has. Those that
were not finished were ended before the next ten: by a kill, which leaves the status as it is, or by Ctrl-C.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen
from stage7_runs import BUSY, make_dataset

from meva_adapters.sql.upgrade import upgrade_database
from meva_cli.progress import NoProgress

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
        return ["--include-adaptation"] if self.adapt else []


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


def upgraded(name: str, to: Path) -> Path:
    """Write a database as it was kept, brought to head, and return its name."""
    upgrade_database(unpack(name, to), NoProgress(), with_backup=False)
    return to
