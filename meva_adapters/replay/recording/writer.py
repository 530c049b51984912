"""Writing a dataset: whole files or nothing, and the manifest that vouches for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from meva_adapters.replay.checking.manifest import FileEntry, Manifest, Spans, manifest_tree
from meva_adapters.replay.checking.survey import survey_data
from meva_adapters.replay.format.faults import bad_dataset
from meva_adapters.replay.format.layout import MANIFEST
from meva_adapters.replay.format.stamps import iso_stamp
from meva_adapters.system.files import replacing


def write_json(path: Path, tree: object) -> None:
    """Write a document with sorted keys, indented, ending with a newline."""
    with replacing(path) as file:
        file.write(json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def write_manifest(
    root: str | PathLike[str],
    *,
    source: str,
    api_version: str,
    interval_seconds: int,
    stamp: str = "close",
    server_time: str = "",
    local_time: str = "",
    books: str = "",
    answered: Mapping[str, Spans] | None = None,
    symbols: Sequence[str] | None = None,
    stand_ins: bool = True,
    run: Mapping[str, Any] | None = None,
    imported: Mapping[str, Any] | None = None,
    without_volume: Sequence[str] = (),
) -> Manifest:
    """Read every file of the dataset in `root` and write a manifest of what they hold now.

    `interval_seconds` is the length of a candle, `stamp` says which end of it `ts` is; the rest is as in
    `Manifest`. Raises BadInput if the data files have errors: a manifest vouches for data that can be used.
    """
    root = Path(root)
    found = survey_data(root, stand_ins=stand_ins, symbols=symbols)
    if found.errors:
        raise bad_dataset(str(root), found.errors)
    rows = {name: facts.rows for name, facts in found.files.items()}
    rows |= found.run.rows if found.run else {}
    manifest = Manifest(
        source=source,
        api_version=api_version,
        start=iso_stamp(min(facts.first_ts for facts in found.files.values())) if found.files else "",
        end=iso_stamp(max(facts.last_ts for facts in found.files.values())) if found.files else "",
        interval_seconds=interval_seconds,
        stamp=stamp,
        files={name: FileEntry(sha256, rows.get(name)) for name, sha256 in sorted(found.hashes.items())},
        server_time=server_time,
        local_time=local_time,
        books=books,
        answered=answered or {},
        symbols=None if symbols is None else tuple(sorted(symbols)),
        stand_ins=stand_ins,
        run=run or {},
        imported=imported or {},
        without_volume=tuple(sorted(without_volume)),
    )
    write_json(root / MANIFEST, manifest_tree(manifest))
    return manifest
