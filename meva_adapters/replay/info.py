"""What a dataset holds, as data."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike

from attrs import frozen

from meva_adapters.replay.dataset import Dataset, open_dataset
from meva_adapters.replay.format.layout import CANDLES
from meva_adapters.replay.format.stamps import iso_stamp


@frozen
class FileInfo:
    """One table. Times are ISO 8601 in UTC as stamped in the file; a gap is longer than ten steps; `known`
    says whether each row has the time at which it was known."""

    file: str
    rows: int
    first: str
    last: str
    step_seconds: int
    gaps: int
    longest_gap_seconds: int
    known: bool
    size_bytes: int
    sha256: str


@frozen
class Info:
    """A dataset: span and step of its order books, content hash, provenance, and files by name.

    `run_id` names the run whose market it is, if it was written out of one, and `cycles` counts that run's.
    `assumed` says in words what nobody recorded or stated.
    """

    dataset: str
    symbols: tuple[str, ...]
    start: str
    end: str
    step_seconds: int
    rows: int
    has_ticker: bool
    has_exchangeinfo: bool
    sha256: str
    content_sha256: str
    source: str
    api_version: str
    stamp: str
    books: str
    run_id: str
    cycles: int
    assumed: tuple[str, ...]
    warnings: int
    files: tuple[FileInfo, ...]


def info(path: str | PathLike[str], *, verify: bool = False) -> Info:
    """Return what the dataset in `path` holds. Raises BadInput as `open_dataset` does."""
    return describe(open_dataset(path, verify=verify))


def describe(dataset: Dataset) -> Info:
    """Return what an open dataset holds."""
    files = tuple(
        FileInfo(
            file=name,
            rows=facts.rows,
            first=iso_stamp(facts.first_ts),
            last=iso_stamp(facts.last_ts),
            step_seconds=facts.step_seconds,
            gaps=facts.gaps,
            longest_gap_seconds=facts.longest_gap_seconds if facts.gaps else 0,
            known=facts.has_known,
            size_bytes=facts.source.size,
            sha256=facts.sha256,
        )
        for name, facts in sorted(dataset.files.items())
    )
    manifest = dataset.manifest
    return Info(
        dataset=str(dataset.root),
        symbols=dataset.symbols,
        start=iso_stamp(dataset.first_ts),
        end=iso_stamp(dataset.last_ts),
        step_seconds=dataset.step_seconds,
        rows=sum(file.rows for file in files),
        has_ticker=dataset.has_ticker,
        has_exchangeinfo=dataset.exchangeinfo is not None,
        sha256=dataset.sha256,
        content_sha256=dataset.content_sha256,
        source=manifest.source if manifest else "",
        api_version=manifest.api_version if manifest else "",
        stamp=manifest.stamp if manifest else "close",
        books=(manifest.books if manifest else "") or "recorded",
        run_id=str(manifest.run.get("run_id", "")) if manifest else "",
        cycles=len(dataset.run.times) if dataset.run else 0,
        assumed=tuple(_assumed(dataset)),
        warnings=len(dataset.warnings),
        files=files,
    )


def _assumed(dataset: Dataset) -> Iterator[str]:
    """Yield what is assumed of a dataset, one sentence a thing."""
    manifest = dataset.manifest
    lacking = "there is no manifest.json" if manifest is None else "manifest.json does not say it"
    has_candles = any(facts.kind == CANDLES for facts in dataset.files.values())
    if has_candles and not (manifest and manifest.stamp_is_stated):
        yield f"stamp: a candle's time is its close ({lacking})"
    if has_candles and not (manifest and manifest.interval_seconds):
        yield f"interval: the most common distance of candles ({lacking})"
    if not (manifest and manifest.source):
        yield f"source: unknown ({lacking})"
    if manifest and manifest.books:
        yield f"order books: {manifest.books}"
    if manifest and manifest.without_volume:
        symbols = ", ".join(manifest.without_volume)
        yield f"volume: nobody told it of {symbols}, so there is no quote volume"
    if dataset.exchangeinfo is None and dataset.run is None:
        yield "rules: the settings' fallback rules (there is no exchangeinfo.json)"
    if not dataset.has_ticker and dataset.stand_ins:
        yield "tickers: the candles of 24 hours stand in (there is no ticker folder)"
