"""A recorded market as a folder of tables, CSV or Parquet: checked, opened, read in windows of cycles."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import field, frozen

from meva_adapters.replay.checking.files import SourceFile
from meva_adapters.replay.checking.manifest import Manifest
from meva_adapters.replay.checking.reading import BLOCK, FileFacts, checked_blocks
from meva_adapters.replay.checking.run_files import RunFiles
from meva_adapters.replay.checking.survey import Survey, survey
from meva_adapters.replay.content import content_sha256
from meva_adapters.replay.format.faults import Fault, Report
from meva_adapters.replay.format.layout import CANDLES, ORDERBOOK, TICKER
from meva_adapters.replay.format.rows import Rows
from meva_adapters.replay.format.spacing import most_common
from meva_adapters.replay.newest import NewestBook, NewestCandle, NewestDay, NewestTicker
from meva_adapters.replay.windows import Stream
from meva_core.market import MICROS, Market, empty_market

_BLOCKS_IN_MEMORY: Final = 16 * BLOCK
_LEAST_BLOCK: Final = 2**14


def validate(path: str | PathLike[str], *, verify: bool = False) -> Report:
    """Return every problem of the dataset in `path`. Raises nothing for a bad dataset."""
    return survey(Path(path), verify=verify).report


def open_dataset(path: str | PathLike[str], *, verify: bool = False) -> Dataset:
    """Check the dataset in `path` and open it.

    Large tables that are as they were when they were checked before are not read again; `verify`: the SHA-256
    of their bytes are computed in any case. Raises BadInput, with one problem per fault, if validation finds
    an error; its message names the first.
    """
    found = survey(Path(path), verify=verify)
    found.report.raise_errors()
    return Dataset.of(found)


@frozen(slots=False)
class Dataset:
    """A dataset without errors, as it was when it was opened.

    `first_ts` and `last_ts` are microseconds over all order books (without any: over all rows, and without
    these 0), `first_known` and `last_known` when these rows were known, which is their stamp where no column
    says it; `start` and `end` are those in whole seconds, rounded up, so that the first and the last row can
    be seen; `step_seconds` is the most common distance of book rows, 0 for fewer than two. `sha256` names the
    data in runs: equal files, equal value, whatever the folder or the manifest's words; with Parquet among
    them it is `content_sha256`. `run` is there where it is
    the market of a run that was written out.
    """

    root: Path
    symbols: tuple[str, ...]
    sha256: str
    has_ticker: bool
    first_ts: int
    last_ts: int
    first_known: int
    last_known: int
    step_seconds: int
    manifest: Manifest | None
    exchangeinfo: dict[str, Any] | None = field(repr=False)
    warnings: tuple[Fault, ...] = field(repr=False)
    run: RunFiles | None = field(repr=False)
    files: dict[str, FileFacts] = field(repr=False)
    _survey: Survey = field(repr=False)

    @classmethod
    def of(cls, found: Survey) -> Dataset:
        """Return the dataset that a survey without errors found."""
        every = list(found.data.files.values())
        books = [facts for facts in every if facts.kind == ORDERBOOK] or every
        steps: dict[int, int] = {}
        for facts in books:
            for second, count in facts.steps.items():
                steps[second] = steps.get(second, 0) + count
        return cls(
            root=found.data.root,
            symbols=found.report.symbols,
            sha256=_identity(found),
            has_ticker=any(facts.kind == TICKER for facts in found.data.files.values()),
            first_ts=min((facts.first_ts for facts in books), default=0),
            last_ts=max((facts.last_ts for facts in books), default=0),
            first_known=min((facts.first_known for facts in books), default=0),
            last_known=max((facts.last_known for facts in books), default=0),
            step_seconds=most_common(steps),
            manifest=found.manifest,
            exchangeinfo=found.data.exchangeinfo,
            warnings=found.report.warnings,
            run=found.data.run,
            files=found.data.files,
            survey=found,
        )

    @property
    def stand_ins(self) -> bool:
        """Whether candles stand in where there is no ticker, and a symbol needs an order book."""
        return self.manifest is None or self.manifest.stand_ins

    @property
    def start(self) -> int:
        """The first second at which an order book is known."""
        return -(-self.first_known // MICROS)

    @property
    def end(self) -> int:
        """The first second at which the last row of the order books is known."""
        return -(-self.last_known // MICROS)

    def windows(
        self, times: Any, lookback: int, cycles: int = 8192, symbols: Sequence[str] | None = None
    ) -> Iterator[Market]:
        """Yield the market at `times`, at most `cycles` at once; each cell is the newest row known then.

        `times` are int64 seconds, strictly increasing. `lookback` is how many closes the measures take.
        `symbols` (default: all) are columns in sorted order; one that the dataset lacks has nothing in its
        columns. Raises BadInput if a file is not what it was when the dataset was opened, ValueError for
        other arguments.
        """
        times = np.ascontiguousarray(times, dtype=np.int64)
        if lookback < 1 or cycles < 1 or (np.diff(times) <= 0).any():
            raise ValueError("lookback and cycles must be at least 1, and times must strictly increase")
        chosen = self.symbols if symbols is None else tuple(sorted(set(symbols)))
        streams = [
            (i, stream) for i, symbol in enumerate(chosen) for stream in self._streams(symbol, lookback)
        ]
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for first in range(0, len(times), cycles):
                part = times[first : first + cycles]
                market = empty_market(len(part), len(chosen))
                market.time[:] = part
                jobs = [pool.submit(stream.fill, part * MICROS, market, i) for i, stream in streams]
                for job in jobs:
                    job.result()
                yield market
        self.recheck()

    def candles(self, symbol: str) -> Iterator[Rows]:
        """Yield the candles of a symbol in blocks, each stamped with when it was complete; none without a
        file.

        Raises BadInput if the file is not what it was when the dataset was opened.
        """
        for facts in self.files.values():
            if facts.kind == CANDLES and facts.symbol == symbol:
                shift = _shift_seconds(self.manifest, facts) * MICROS
                for rows in checked_blocks(facts, facts.columns, BLOCK):
                    yield rows._replace(ts=rows.ts + shift)

    @property
    def documents(self) -> tuple[SourceFile, ...]:
        """The files beside the tables, the manifest aside."""
        listing = self._survey.data.listing
        return (*((listing.exchangeinfo,) if listing.exchangeinfo else ()), *listing.of_a_run.values())

    @cached_property
    def content_sha256(self) -> str:
        """The SHA-256 of what the dataset says, whatever form its files have: see `replay.content`.

        All tables are read once more for it. Raises BadInput if a file is not what it was.
        """
        return _content_of(self._survey)

    def recheck(self) -> None:
        """Raise BadInput if any file changed, by size, time or identity, since the dataset was opened."""
        for file in self._survey.data.listing.all_files:
            file.recheck()

    def _streams(self, symbol: str, lookback: int) -> Iterator[Stream]:
        files = {facts.kind: facts for facts in self.files.values() if facts.symbol == symbol}
        block = max(_LEAST_BLOCK, min(BLOCK, _BLOCKS_IN_MEMORY // max(1, len(self.files))))
        if book := files.get(ORDERBOOK):
            yield Stream(book, block, NewestBook())
        if ticker := files.get(TICKER):
            yield Stream(ticker, block, NewestTicker())
        if candles := files.get(CANDLES):
            shift = _shift_seconds(self.manifest, candles) * MICROS
            if ticker or not self.stand_ins:
                yield Stream(candles, block, NewestCandle(lookback, shift))
            else:
                told = self.manifest is None or symbol not in self.manifest.without_volume
                yield Stream(candles, block, NewestDay(lookback, shift, has_volume=told))


def _shift_seconds(manifest: Manifest | None, candles: FileFacts) -> int:
    """How much later a candle was complete than its stamp says: its interval where stamps are opening
    times."""
    if manifest is None or manifest.stamp != "open":
        return 0
    return manifest.interval_seconds or candles.step_seconds


def _identity(found: Survey) -> str:
    """Return what names the data in runs: of text that of its bytes, as ever, else that of the content."""
    if any(facts.source.is_columnar for facts in found.data.files.values()):
        return _content_of(found)
    return _hash_of_files(found)


def _content_of(found: Survey) -> str:
    manifest = found.manifest
    files = [
        (facts, _shift_seconds(manifest, facts) if facts.kind == CANDLES else 0)
        for facts in found.data.files.values()
    ]
    rest = [(file.name, found.data.hashes[file.name]) for file in found.data.listing.of_a_run.values()]
    if manifest is not None and not manifest.stand_ins:
        rest.append(("no stand-ins for", " ".join(manifest.symbols or ())))
    if manifest is not None and manifest.without_volume:
        rest.append(("no volume of", " ".join(manifest.without_volume)))
    return content_sha256(files, found.data.exchangeinfo, rest)


def _hash_of_files(found: Survey) -> str:
    """SHA-256 over the files' names and hashes, in order, and over what else says what is read of them."""
    digest = hashlib.sha256(b"meva-dataset-1\n")
    for name in sorted(found.data.hashes):
        digest.update(f"{name} {found.data.hashes[name]}\n".encode())
    manifest = found.manifest
    if manifest is not None and manifest.stamp == "open":
        digest.update(f"open {manifest.interval_seconds or 0}\n".encode())
    if manifest is not None and not manifest.stand_ins:
        digest.update(f"no stand-ins for {' '.join(manifest.symbols or ())}\n".encode())
    if manifest is not None and manifest.without_volume:
        digest.update(f"no volume of {' '.join(manifest.without_volume)}\n".encode())
    return digest.hexdigest()
