"""One pass over a dataset: every fault of every file, and the facts that a reader needs.

Each file is read once. Files are taken in parallel; what comes out does not depend on that.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from meva_adapters.replay.checking.documents import read_json
from meva_adapters.replay.checking.exchangeinfo import read_exchangeinfo
from meva_adapters.replay.checking.files import Listing, list_dataset
from meva_adapters.replay.checking.manifest import Manifest, check_manifest, check_symbols, parse_manifest
from meva_adapters.replay.checking.reading import FileFacts, check_file
from meva_adapters.replay.checking.run_files import RunFiles, check_run
from meva_adapters.replay.checking.stamping import look, report_opening
from meva_adapters.replay.format.faults import Fault, FaultList, Report
from meva_adapters.replay.format.layout import (
    CANDLES,
    EXCHANGEINFO,
    KINDS,
    KNOWN,
    MANIFEST,
    ORDERBOOK,
    TICKER,
)
from meva_adapters.replay.format.spacing import most_common
from meva_core.errors import BadInput


@frozen
class DataSurvey:
    """The data of a dataset, its manifest aside. `hashes` has the SHA-256 of every file by name, `run` what
    lies beside the market of a run that was written out."""

    root: Path
    listing: Listing
    files: dict[str, FileFacts]
    hashes: dict[str, str]
    exchangeinfo: dict[str, Any] | None
    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    run: RunFiles | None = None


@frozen
class Survey:
    """A whole dataset as it was found."""

    data: DataSurvey
    manifest: Manifest | None
    report: Report


def survey(root: Path, *, verify: bool = False) -> Survey:
    """Read the dataset in `root` once and return all there is to know. A bad dataset raises nothing.

    Large tables that are as they were are not read again; `verify`: their SHA-256 are computed in any case.
    """
    listing = list_dataset(root)
    faults, stamps = FaultList(MANIFEST), FaultList(MANIFEST)
    manifest = _manifest(listing, faults)
    stand_ins = manifest is None or manifest.stand_ins
    named = manifest.symbols if manifest and not stand_ins else None
    data = _survey_listed(root, listing, stand_ins=stand_ins, symbols=named, verify=verify)
    if manifest is not None:
        _check_manifest(data, manifest, faults)
    faults.close()
    errors = (*data.errors, *faults.errors)
    if not errors and (manifest is None or manifest.stamp == "close"):
        _look_at_stamps(data, manifest, stamps)
    symbols = manifest.symbols if manifest else None
    if symbols is None:
        symbols = tuple(file.symbol for file in listing.csv.get(ORDERBOOK, ()))
    warnings = (*stamps.warnings, *data.warnings, *faults.warnings)
    report = Report(not errors, str(root), symbols, errors, warnings)
    return Survey(data, manifest, report)


def survey_data(root: Path, *, stand_ins: bool = True, symbols: Sequence[str] | None = None) -> DataSurvey:
    """Read the data files and the exchange's metadata in `root`, as `survey` does.

    `stand_ins` and `symbols` are what the manifest says of them, or is going to say.
    """
    return _survey_listed(root, list_dataset(root), stand_ins=stand_ins, symbols=symbols)


def _survey_listed(
    root: Path, listing: Listing, *, stand_ins: bool, symbols: Sequence[str] | None, verify: bool = False
) -> DataSurvey:
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        checked = list(pool.map(partial(check_file, stand_ins=stand_ins, verify=verify), listing.data_files))
    files = {facts.source.name: facts for facts, _ in checked if facts is not None}
    hashes = {name: facts.sha256 for name, facts in files.items()}
    info_faults = FaultList(EXCHANGEINFO)
    exchangeinfo = _exchangeinfo(listing, hashes, info_faults)
    run, of_a_run = None, list[FaultList]()
    if listing.of_a_run:
        run, of_a_run = check_run(listing.of_a_run, None if stand_ins else symbols, hashes)
    missing = _missing_files(listing, stand_ins=stand_ins)
    lists = [*(faults for _, faults in checked), info_faults, *of_a_run, missing]
    return DataSurvey(
        root=root,
        listing=listing,
        files=files,
        hashes=hashes,
        exchangeinfo=exchangeinfo,
        errors=(*listing.errors, *(fault for faults in lists for fault in faults.errors)),
        warnings=(*listing.warnings, *(fault for faults in lists for fault in faults.warnings)),
        run=run,
    )


def _exchangeinfo(listing: Listing, hashes: dict[str, str], faults: FaultList) -> dict[str, Any] | None:
    if listing.exchangeinfo is None:
        return None
    try:
        tree, data = read_exchangeinfo(listing.exchangeinfo)
    except BadInput as e:
        faults.error("exchangeinfo", str(e), action="save the exchange's own answer, or remove the file")
        return None
    hashes[EXCHANGEINFO] = hashlib.sha256(data).hexdigest()
    return tree


def _manifest(listing: Listing, faults: FaultList) -> Manifest | None:
    if listing.manifest is None:
        return None
    try:
        tree, _ = read_json(listing.manifest)
    except BadInput as e:
        faults.error("manifest", str(e), action="write it anew, or remove it")
        return None
    return parse_manifest(tree, faults)


def _check_manifest(data: DataSurvey, manifest: Manifest, faults: FaultList) -> None:
    """Hold a manifest against the data."""
    rows = {name: facts.rows for name, facts in data.files.items()}
    if data.run is not None:
        rows |= data.run.rows
    check_manifest(manifest, data.listing.data_names, data.hashes, rows, faults)
    present = {kind: {file.symbol for file in files} for kind, files in data.listing.csv.items()}
    check_symbols(manifest, present, faults)
    timed = [name for name, facts in sorted(data.files.items()) if facts.kind == CANDLES and facts.has_known]
    if manifest.stamp == "open" and timed:
        message = f"candles with a column {KNOWN} are stamped at their close"
        action = "write their times of closing, and remove this line"
        faults.error("known_opening", message, column="stamp", value=", ".join(timed), action=action)


def _look_at_stamps(data: DataSurvey, manifest: Manifest | None, faults: FaultList) -> None:
    """Warn if candles that are read as stamped at their close are stamped at their opening."""
    candles = {facts.symbol: facts for facts in data.files.values() if facts.kind == CANDLES}
    books = {facts.symbol: facts for facts in data.files.values() if facts.kind == ORDERBOOK}
    both = sorted(candles.keys() & books.keys())
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        counted = list(pool.map(look, [candles[symbol] for symbol in both], [books[s] for s in both]))
    steps = most_common(Counter(candles[symbol].step_seconds for symbol in both))
    stated = manifest is not None and manifest.stamp_is_stated
    report_opening(faults, dict(zip(both, counted, strict=True)), steps, stated=stated)


def _missing_files(listing: Listing, *, stand_ins: bool) -> FaultList:
    """Folders that are not there, and symbols that lack a file of some kind; where nothing stands in, each
    may."""
    faults = FaultList("")
    if not stand_ins:
        return faults
    for kind in KINDS.values():
        if kind.required and kind.folder in listing.absent:
            action = f"put one file per symbol into {kind.folder}/"
            faults.errors.append(
                Fault("missing_folder", kind.folder, None, "", "", "the folder is missing", action)
            )
    names = {kind: {file.symbol for file in listing.csv.get(kind, ())} for kind in KINDS}
    everything: set[str] = set().union(*names.values())
    if not everything and not listing.errors:
        action = "record, fetch or make up some: meva replay init DIR"
        faults.error("no_symbols", "the dataset holds no data files", action=action)
    for symbol in sorted(everything - names[ORDERBOOK]):
        action = f"add orderbook/{symbol}.csv, or remove the symbol's other files"
        _missing(faults.errors, "no_orderbook", ORDERBOOK, symbol, "the symbol has no order book", action)
    for symbol in sorted(names[ORDERBOOK] - names[CANDLES]):
        message = "the symbol has no candles: its volatility stays unknown"
        _missing(faults.warnings, "no_candles", CANDLES, symbol, message, f"add candles/{symbol}.csv")
    for symbol in sorted(names[ORDERBOOK] - names[TICKER]) if names[TICKER] else ():
        message = "the symbol has no ticker: the candles of 24 hours stand in"
        _missing(faults.warnings, "no_ticker", TICKER, symbol, message, f"add ticker/{symbol}.csv")
    return faults


def _missing(faults: list[Fault], code: str, kind: str, symbol: str, message: str, action: str) -> None:
    faults.append(Fault(code, f"{kind}/{symbol}.csv", None, "", symbol, message, action))
