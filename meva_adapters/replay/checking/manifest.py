"""The manifest of a dataset: where it comes from, and what its files hashed to when they were written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from attrs import frozen

from meva_adapters.replay.checking.files import is_bars, is_table
from meva_adapters.replay.format.faults import FaultList
from meva_adapters.replay.format.layout import EXCHANGEINFO, KINDS, OF_A_RUN
from meva_adapters.replay.format.stamps import MICROS, iso_stamp, parse_stamp
from meva_core.symbols import is_symbol

STAMPS: Final = ("close", "open")
Spans = tuple[tuple[int, int], ...]
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@frozen
class FileEntry:
    """What the manifest says of one file: its SHA-256 in hex, and its rows if it is a table."""

    sha256: str
    rows: int | None = None


@frozen
class Manifest:
    """Provenance of a dataset.

    `stamp` says whether a candle's `ts` is its close or its open; `interval_seconds` is its length, None if
    not given. `server_time` and `local_time` are the exchange's time and this machine's when a recording last
    began. `books` says what the order books are if they were not recorded. `answered` are the spans of
    candles that the exchange has answered for, by symbol: the first and the last stamp of each, in seconds.
    What a span has no candle for, the exchange does not have.

    `symbols` are those that the data are of, None where the order books say it. Without `stand_ins` what is
    there is all that was known: a symbol may lack any file, or rows, and nothing stands in for them. `run` is
    what is said of the run whose market it is; empty for any other data. `imported` is what is said of the
    files that it was imported from: sources, choices and repairs. Of the symbols in `without_volume` nobody
    told what was traded: the volumes of their candles stand for nothing.
    """

    source: str = ""
    api_version: str = ""
    start: str = ""
    end: str = ""
    interval_seconds: int | None = None
    stamp: str = "close"
    files: Mapping[str, FileEntry] = {}
    server_time: str = ""
    local_time: str = ""
    books: str = ""
    answered: Mapping[str, Spans] = {}
    stamp_is_stated: bool = True
    symbols: tuple[str, ...] | None = None
    stand_ins: bool = True
    run: Mapping[str, Any] = {}
    imported: Mapping[str, Any] = {}
    without_volume: tuple[str, ...] = ()


def parse_manifest(tree: Any, faults: FaultList) -> Manifest:
    """Return the manifest in a parsed JSON document; what is wrong with it goes to `faults`."""
    if not isinstance(tree, dict):
        faults.error("manifest", "expected a JSON object", value=type(tree).__name__)
        return Manifest()
    return Manifest(
        source=_text(tree, "source", faults),
        api_version=_text(tree, "api_version", faults),
        start=_text(tree, "start", faults),
        end=_text(tree, "end", faults),
        interval_seconds=_interval(tree, faults),
        stamp=_stamp(tree, faults),
        files=_files(tree, faults),
        server_time=_text(tree, "server_time", faults),
        local_time=_text(tree, "local_time", faults),
        books=_text(tree, "books", faults),
        answered=_answered(tree, faults),
        stamp_is_stated="stamp" in tree,
        symbols=_symbols(tree, "symbols", faults),
        stand_ins=_stand_ins(tree, faults),
        run=_run(tree, faults),
        imported=_imported(tree, faults),
        without_volume=_symbols(tree, "without_volume", faults) or (),
    )


def _text(tree: dict[str, Any], key: str, faults: FaultList) -> str:
    value = tree.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults.error("manifest", "expected text", column=key, value=str(value))
        return ""
    return value


def _stamp(tree: dict[str, Any], faults: FaultList) -> str:
    stamp = tree.get("stamp", "close")
    if stamp in STAMPS:
        return str(stamp)
    faults.error("manifest", "expected 'close' or 'open'", column="stamp", value=str(stamp))
    return "close"


def _symbols(tree: dict[str, Any], key: str, faults: FaultList) -> tuple[str, ...] | None:
    symbols = tree.get(key)
    if symbols is None:
        return None
    named = isinstance(symbols, list) and all(isinstance(name, str) and is_symbol(name) for name in symbols)
    if not named or not symbols or len(set(symbols)) < len(symbols):
        expected = "expected a list of different symbols, such as BTCTRY"
        faults.error("manifest", expected, column=key, value=str(symbols))
        return None
    return tuple(sorted(symbols))


def _stand_ins(tree: dict[str, Any], faults: FaultList) -> bool:
    given: object = tree.get("stand_ins", True)
    if not isinstance(given, bool):
        faults.error("manifest", "expected true or false", column="stand_ins", value=str(given))
        return True
    if not given and tree.get("symbols") is None:
        message = "without stand-ins the manifest has to name the symbols"
        faults.error("manifest", message, column="symbols", action='add "symbols": ["BTCTRY", ...]')
    return given


def _run(tree: dict[str, Any], faults: FaultList) -> dict[str, Any]:
    run = tree.get("run", {})
    if isinstance(run, dict) and all(isinstance(value, str | int | None) for value in run.values()):
        return run
    faults.error("manifest", "expected an object of texts and numbers", column="run", value=str(run))
    return {}


def _imported(tree: dict[str, Any], faults: FaultList) -> dict[str, Any]:
    imported = tree.get("imported", {})
    if isinstance(imported, dict):
        return imported
    faults.error("manifest", "expected an object", column="imported", value=str(imported))
    return {}


def _interval(tree: dict[str, Any], faults: FaultList) -> int | None:
    interval = tree.get("interval")
    if interval is None or (type(interval) is int and 0 < interval <= 366 * 86400):
        return interval
    expected = "expected a whole number of seconds from 1 to 31622400"
    faults.error("manifest", expected, column="interval", value=str(interval))
    return None


def _answered(tree: dict[str, Any], faults: FaultList) -> dict[str, Spans]:
    answered = tree.get("answered", {})
    found = {}
    for symbol, spans in answered.items() if isinstance(answered, dict) else ():
        known = _spans(spans)
        if known is not None and is_symbol(symbol):
            found[symbol] = known
    if not isinstance(answered, dict) or len(found) < len(answered):
        expected = "expected {symbol: [[first time, last time], ...]}"
        faults.error("manifest", expected, column="answered", value=str(answered))
    return found


def _spans(spans: Any) -> Spans | None:
    """Return spans in seconds, None for what is none."""
    found = []
    for span in spans if isinstance(spans, list) else [None]:
        if not isinstance(span, list) or len(span) != 2 or not all(isinstance(end, str) for end in span):
            return None
        first, last = (parse_stamp(end.encode()) for end in span)
        if not 0 <= first <= last:
            return None
        found.append((first // MICROS, last // MICROS))
    return tuple(found)


def _files(tree: dict[str, Any], faults: FaultList) -> dict[str, FileEntry]:
    entries = tree.get("files", {})
    if not isinstance(entries, dict):
        faults.error(
            "manifest", "expected an object of file names", column="files", value=type(entries).__name__
        )
        return {}
    files: dict[str, FileEntry] = {}
    for name, entry in entries.items():
        if not is_dataset_file(name):
            action = "name files as candles/BTCTRY.csv"
            faults.error(
                "manifest_path", "not a file of a dataset", column="files", value=name, action=action
            )
        elif (known := _entry(entry)) is None:
            message = f"expected {{'rows': a count, 'sha256': 64 hex digits}} for {name}"
            faults.error("manifest", message, column="files", value=str(entry))
        else:
            files[name] = known
    return files


def _entry(entry: Any) -> FileEntry | None:
    if not isinstance(entry, dict):
        return None
    sha256, rows = entry.get("sha256"), entry.get("rows")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return None
    if rows is not None and (type(rows) is not int or rows < 0):
        return None
    return FileEntry(sha256, rows)


def is_dataset_file(name: str) -> bool:
    """Whether `name` is the relative name of a file that a dataset may hold, such as `candles/BTCTRY.csv`."""
    folder, _, file = name.partition("/")
    if name == EXCHANGEINFO or name in OF_A_RUN or is_bars(name):
        return True
    return folder in KINDS and is_table(file)


def check_symbols(manifest: Manifest, present: Mapping[str, Collection[str]], faults: FaultList) -> None:
    """Hold the symbols that a manifest names against those of the files, by their kind."""
    if manifest.symbols is None:
        return
    there = {name for names in present.values() for name in names}
    for name in sorted(there - set(manifest.symbols)):
        action = "add it there, or remove its files"
        message = "the manifest's symbols do not name it"
        faults.error("unnamed_symbol", message, column="symbols", value=name, action=action)
    for name in sorted(set(manifest.symbols) - there) if manifest.stand_ins else ():
        message, action = f"named, but there is no orderbook/{name}.csv", "add it, or do not name it"
        faults.error("no_orderbook", message, column="symbols", value=name, action=action)


def check_manifest(
    manifest: Manifest,
    present: Collection[str],
    hashes: Mapping[str, str],
    rows: Mapping[str, int],
    faults: FaultList,
) -> None:
    """Hold a manifest against the files: the names `present`, their SHA-256, their row counts."""
    anew = "fetch the data again, or write the manifest anew if the change is meant"
    for name, entry in sorted(manifest.files.items()):
        if name not in present:
            faults.error(
                "listed_file_missing", "listed, but not there", column="files", value=name, action=anew
            )
        elif hashes.get(name, entry.sha256) != entry.sha256:
            message = f"the SHA-256 of {name} is {hashes[name]}"
            faults.error("checksum", message, column=name, value=entry.sha256, action=anew)
        elif entry.rows is not None and rows.get(name, entry.rows) != entry.rows:
            message = f"{name} has {rows[name]} rows"
            faults.error("row_count", message, column=name, value=str(entry.rows), action=anew)
    if manifest.files:
        for name in sorted(set(present) - manifest.files.keys()):
            faults.warning(
                "unlisted_file", "not listed, so nothing vouches for it", column="files", value=name
            )


def manifest_tree(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as the JSON document that `parse_manifest` reads."""
    return {
        "source": manifest.source,
        "api_version": manifest.api_version,
        "start": manifest.start,
        "end": manifest.end,
        "interval": manifest.interval_seconds,
        "stamp": manifest.stamp,
        "files": {
            name: {"rows": entry.rows, "sha256": entry.sha256} for name, entry in manifest.files.items()
        },
        **(
            {"answered": {symbol: _span_texts(spans) for symbol, spans in sorted(manifest.answered.items())}}
            if manifest.answered
            else {}
        ),
        **({} if manifest.symbols is None else {"symbols": list(manifest.symbols)}),
        **({} if manifest.stand_ins else {"stand_ins": False}),
        **({"run": dict(manifest.run)} if manifest.run else {}),
        **({"imported": dict(manifest.imported)} if manifest.imported else {}),
        **({"without_volume": list(manifest.without_volume)} if manifest.without_volume else {}),
        **{
            name: text for name in ("server_time", "local_time", "books") if (text := getattr(manifest, name))
        },
    }


def _span_texts(spans: Spans) -> list[list[str]]:
    return [[iso_stamp(first * MICROS), iso_stamp(last * MICROS)] for first, last in spans]
