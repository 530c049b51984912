"""One pass over a dataset: every fault of every file, and the facts that a reader needs.

Each file is read once, in blocks: hashed, parsed and checked together. Files are taken in parallel; what comes out does
not depend on that.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from meva_adapters.replay.checks import RowChecks
from meva_adapters.replay.columns import read_columns
from meva_adapters.replay.documents import read_json
from meva_adapters.replay.exchangeinfo import read_exchangeinfo
from meva_adapters.replay.faults import Fault, FaultList, Report
from meva_adapters.replay.files import Listing, SourceFile, list_dataset, whole_lines
from meva_adapters.replay.layout import CANDLES, KINDS, MAX_LINE, ORDERBOOK, TICKER, Kind
from meva_adapters.replay.lines import LineReader
from meva_adapters.replay.manifest import Manifest, parse_manifest
from meva_core.errors import BadInput

BLOCK: Final = 2**20
"""Bytes that are parsed at once. About a megabyte stays in the processor's cache and still feeds pyarrow well."""
_BOM: Final = b"\xef\xbb\xbf"


@frozen
class FileFacts:
    """What one pass over a CSV file found. Stamps are microseconds as written, before any shift."""

    source: SourceFile
    kind: str
    symbol: str
    columns: tuple[str, ...]
    rows: int
    first_ts: int
    last_ts: int
    sha256: str
    step_seconds: int
    gaps: int
    longest_gap_seconds: int
    steps: dict[int, int] = field(repr=False)


@frozen
class Survey:
    """A dataset as it was found: the report, and the facts of the files that could be read."""

    root: Path
    report: Report
    listing: Listing
    files: dict[str, FileFacts]
    manifest: Manifest | None
    exchangeinfo: dict[str, Any] | None
    hashes: dict[str, str]


def survey(root: Path) -> Survey:
    """Read the dataset in `root` once and return all that is to know about it. Raises nothing for a bad dataset."""
    listing = list_dataset(root)
    lists = [FaultList("")]
    lists[0].errors.extend(listing.errors)
    lists[0].warnings.extend(listing.warnings)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        checked = list(pool.map(_check_file, listing.data_files))
    files = {facts.source.name: facts for facts, _ in checked if facts is not None}
    lists.extend(faults for _, faults in checked)
    hashes = {name: facts.sha256 for name, facts in files.items()}
    manifest_faults, info_faults = FaultList("manifest.json"), FaultList("exchangeinfo.json")
    exchangeinfo = _exchangeinfo(listing, hashes, info_faults)
    manifest = _manifest(listing, files, hashes, manifest_faults)
    lists += [info_faults, manifest_faults, _across(listing, root, files)]
    errors = tuple(fault for faults in lists for fault in faults.errors)
    warnings = tuple(fault for faults in lists for fault in faults.warnings)
    symbols = tuple(sorted(file.symbol for file in listing.csv.get(ORDERBOOK, ())))
    report = Report(not errors, str(root), symbols, errors, warnings)
    return Survey(root, report, listing, files, manifest, exchangeinfo, hashes)


# -- One file -----------------------------------------------------------------------------------------


def _check_file(source: SourceFile) -> tuple[FileFacts | None, FaultList]:
    """Read one CSV file to its end, or to where no further fault would be listed."""
    faults = FaultList(source.name)
    facts = None
    try:
        facts = _Reading(source, KINDS[source.name.partition("/")[0]], faults).run()
    except BadInput as e:
        problem = e.problems[0]
        faults.error(problem.code, problem.message, value=problem.value, action=problem.action)
    faults.close()
    return facts, faults


class _Reading:
    """One pass over one file."""

    def __init__(self, source: SourceFile, kind: Kind, faults: FaultList) -> None:
        self._source = source
        self._kind = kind
        self._faults = faults
        self._digest = hashlib.sha256()
        self._columns: tuple[str, ...] = ()
        self._line = 2

    def run(self) -> FileFacts | None:
        """Return the facts, or None where the file as a whole cannot be used."""
        if self._source.size == 0:
            self._faults.error(
                "empty_file", "the file is empty", action="record or fetch data for it, or remove it"
            )
            return None
        checks = RowChecks(self._kind, self._faults)
        slow: LineReader | None = None
        last = b""
        for block in whole_lines(self._source, BLOCK):
            self._digest.update(block)
            body = block
            if slow is None:
                body = self._header(block)
                if not self._columns:
                    return None
                slow = LineReader(self._columns, self._kind.prices, self._faults)
            if not self._take(body, checks, slow):
                return None
            last = block
        if not last.endswith(b"\n"):
            self._faults.warning("unfinished_line", "the last line has no line end; it may have been cut")
        checks.finish()
        return self._facts(checks)

    def _header(self, block: bytes) -> bytes:
        """Check the header and return what follows it."""
        line, end, body = block.partition(b"\n")
        line = line.removesuffix(b"\r") if end else line
        if line.startswith(_BOM):
            self._faults.error(
                "bom",
                "the file starts with a byte order mark",
                row=1,
                value=line,
                action="save it as UTF-8 without BOM",
            )
            line = line.removeprefix(_BOM)
        found = tuple(line.decode("latin-1").split(",")) if len(line) <= MAX_LINE else ()
        if found in self._kind.headers:
            self._columns = found
        else:
            expected = " or ".join(",".join(header) for header in self._kind.headers)
            action = f"the first line must read {expected}"
            self._faults.error("header", "not the header of such a file", row=1, value=line, action=action)
        return body

    def _take(self, body: bytes, checks: RowChecks, slow: LineReader) -> bool:
        """Parse and check one block; False when reading on would list nothing more."""
        if not body:
            return True
        if b"\n" not in body and len(body) > BLOCK:
            self._faults.error("long_line", f"a line of more than {BLOCK} bytes", row=self._line, value=body)
            return False
        rows = read_columns(body, self._columns, self._line)
        if rows is None:
            rows = slow.read(body, self._line)
        checks.take(rows)
        self._line += body.count(b"\n")
        if self._faults.full:
            message = f"too many errors; reading stopped before row {self._line}"
            self._faults.errors.append(
                Fault("stopped", self._source.name, self._line, "", "", message, "correct the first ones")
            )
            return False
        return True

    def _facts(self, checks: RowChecks) -> FileFacts | None:
        if checks.first_ts is None or checks.last_ts is None:
            return None
        spacing = checks.spacing
        return FileFacts(
            source=self._source,
            kind=self._kind.folder,
            symbol=self._source.symbol,
            columns=self._columns,
            rows=checks.rows,
            first_ts=checks.first_ts,
            last_ts=checks.last_ts,
            sha256=self._digest.hexdigest(),
            step_seconds=spacing.step_seconds,
            gaps=spacing.gap_count,
            longest_gap_seconds=spacing.longest_seconds,
            steps=spacing.counts,
        )


# -- Documents, and what only all files together show -------------------------------------------------


def _exchangeinfo(listing: Listing, hashes: dict[str, str], faults: FaultList) -> dict[str, Any] | None:
    if listing.exchangeinfo is None:
        return None
    try:
        tree, data = read_exchangeinfo(listing.exchangeinfo)
    except BadInput as e:
        faults.error("exchangeinfo", str(e), action="save the exchange's own answer, or remove the file")
        return None
    hashes[listing.exchangeinfo.name] = hashlib.sha256(data).hexdigest()
    return tree


def _manifest(
    listing: Listing, files: dict[str, FileFacts], hashes: dict[str, str], faults: FaultList
) -> Manifest | None:
    if listing.manifest is None:
        return None
    try:
        tree, _ = read_json(listing.manifest)
    except BadInput as e:
        faults.error("manifest", str(e), action="write it anew, or remove it")
        return None
    manifest = parse_manifest(tree, faults)
    present = {file.name for file in listing.data_files} | (
        {listing.exchangeinfo.name} if listing.exchangeinfo else set()
    )
    for name, entry in sorted(manifest.files.items()):
        if name not in present:
            faults.error(
                "manifest_missing_file",
                "the manifest lists it, but it is not there",
                column="files",
                value=name,
            )
        elif name in hashes and hashes[name] != entry.sha256:
            action = "fetch the data again, or write the manifest anew if the change is meant"
            message = f"SHA-256 of {name} is {hashes[name]}, not as the manifest says"
            faults.error("checksum", message, column=name, value=entry.sha256, action=action)
        elif name in files and entry.rows is not None and files[name].rows != entry.rows:
            faults.error(
                "row_count", f"{name} has {files[name].rows} rows", column=name, value=str(entry.rows)
            )
    for name in sorted(present - manifest.files.keys() if manifest.files else ()):
        faults.warning(
            "unlisted_file",
            "not in the manifest, so its content is not vouched for",
            column="files",
            value=name,
        )
    return manifest


def _across(listing: Listing, root: Path, files: dict[str, FileFacts]) -> FaultList:
    """Symbols that lack a file of some kind."""
    faults = FaultList("")
    names = {kind: {file.symbol for file in listing.csv.get(kind, ())} for kind in KINDS}
    everything = set().union(*names.values())
    if not everything and not listing.errors:
        faults.error("no_symbols", "the dataset holds no data files", action="record, fetch or create some")
    for symbol in sorted(everything - names[ORDERBOOK]):
        action = f"add orderbook/{symbol}.csv, or remove the symbol's other files"
        faults.error(
            "no_orderbook", "the symbol has no order book", column="symbol", value=symbol, action=action
        )
    for symbol in sorted(names[ORDERBOOK] - names[CANDLES]):
        faults.warning(
            "no_candles",
            "the symbol has no candles: its volatility stays unknown",
            column="symbol",
            value=symbol,
        )
    if names[TICKER]:
        for symbol in sorted(names[ORDERBOOK] - names[TICKER]):
            faults.warning(
                "no_ticker", "the symbol has no ticker: its candles stand in", column="symbol", value=symbol
            )
    return faults
